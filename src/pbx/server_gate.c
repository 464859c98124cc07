#include "pbx/server_parts.h"

#define LOAD_VALID (500 * USEC_PER_MS) /* RFC 7339 4.3: the usual */

/* A browser by way of a web server on this machine, which hides its address. */
static bool is_hidden(const struct flow *flow)
{
	return transport_is_ws(flow->transport) && addr_is_loopback(&flow->remote);
}

/* A machine's own programs are its owner's business: no other can send from there. */
static bool is_exempt(const struct pbx_server *s, const struct flow *flow)
{
	return (addr_is_loopback(&flow->remote) && !is_hidden(flow)) || pbx_way_is_trusted(s, flow);
}

/* Whose allowance pays. Of what is hidden each connection is a source of its own, and all of them together are the net
 * around it: to pbx/flood.h, /64s (of which no host is one) in one /48. */
static const struct addr *source_of(const struct flow *flow, struct addr *room)
{
	if (!is_hidden(flow))
		return &flow->remote;
	*room = (struct addr){ .family = 6, .port = flow->remote.port };
	room->ip[6] = (uint8_t)(flow->remote.port >> 8);
	room->ip[7] = (uint8_t)flow->remote.port;
	return room;
}

void pbx_gate_charge_source(struct pbx_server *s, const struct flow *flow, unsigned units, usec now)
{
	if (s->config.auth && !is_exempt(s, flow))
		pbx_flood_charge(s->flood, source_of(flow, &(struct addr){ 0 }), units, now);
}

void pbx_gate_charge(struct pbx_server *s, const struct pbx_job *job, unsigned units, usec now)
{
	if (!job->proved.n && job->kind != PBX_JOB_ACK)
		pbx_gate_charge_source(s, &job->flow, units, now);
}

void pbx_gate_prove(struct pbx_server *s, const struct flow *flow, usec now)
{
	pbx_flood_prove(s->flood, source_of(flow, &(struct addr){ 0 }), now);
}

/* ---- overload ---- */

/* Requests that a registration takes: most are challenged first. */
static unsigned steps_of(const struct pbx_server *s)
{
	return s->config.auth ? 2 : 1;
}

static size_t waiting(const struct pbx_server *s)
{
	return s->line_n + pbx_backlog_n(&s->backlog);
}

bool pbx_gate_is_waited_at(const struct pbx_server *s)
{
	return waiting(s) > 0;
}

/* Are so many here that who comes now had better come again? */
static bool is_full(struct pbx_server *s, uint32_t *after, usec now)
{
	size_t ahead = waiting(s) * steps_of(s);

	if (ahead < pbx_overload_line_max(&s->overload))
		return false;
	*after = pbx_overload_ticket(&s->overload, ahead, steps_of(s), now);
	return true;
}

/* Is there time for it? What ends things that were begun is always let in. */
static bool is_refused(struct pbx_server *s, struct sip_msg *m, uint32_t *after, usec now)
{
	enum pbx_overload_class class = m->method == SIP_INVITE ? PBX_OVERLOAD_CALL : PBX_OVERLOAD_OTHER;
	const struct sip_address *to = sip_msg_to(m);

	if (m->method == SIP_REGISTER)
		return !s->serving && waiting(s) && is_full(s, after, now);
	if (m->method == SIP_CANCEL || (to && to->tag.n) || pbx_overload_admits(&s->overload, class, now))
		return false;
	*after = pbx_overload_after(&s->overload);
	return true;
}

/* Is there more to do than can be done at once? */
static bool is_busy(struct pbx_server *s, usec now)
{
	return pbx_gate_is_waited_at(s) || s->ops.n >= PBX_LINE_WINDOW || pbx_overload_late(&s->overload, now);
}

bool pbx_gate_is_free(struct pbx_server *s, usec now)
{
	return s->serving || !is_busy(s, now);
}

void pbx_gate_done(struct pbx_server *s, usec now)
{
	pbx_overload_done(&s->overload, waiting(s), now);
}

/* Has the host to let in more of them, or less? */
static void sift(struct pbx_server *s)
{
	const struct pbx_sieve before = s->sieve;
	bool lost = false;

	if (!pbx_sieve_turn(&s->sieve, waiting(s) * steps_of(s), pbx_overload_rate(&s->overload)))
		return;
	for (size_t i = 0; i < s->config.listener_n; i++) {
		bool udp = s->listener_ids[i] && s->config.listeners[i].transport == TRANSPORT_UDP;
		struct pbx_want *w = udp ? pbx_server_want(s) : NULL;

		if (w)
			w->want = (struct host_want){ .kind = HOST_SIFT,
						      .id = s->listener_ids[i],
						      .share = s->sieve.share,
						      .below = s->sieve.told,
						      .bytes = s->sieve.on ? STR(PBX_SIEVE_WORD) : STR_NONE };
		lost = lost || (udp && !w);
	}
	if (lost) /* no room to ask: next time, or they would never be let in again */
		s->sieve = before;
}

/* It is looked at only when it is taken. */
static enum pbx_backlog_answer line_up(struct pbx_server *s, const struct host_event *e, uint64_t name, bool *proven,
				       usec now)
{
	bool counted = s->config.auth && s->config.flood_rate &&
		       !is_exempt(s, &(struct flow){ .transport = TRANSPORT_UDP, .remote = e->remote });
	enum pbx_backlog_answer may = pbx_backlog_may(&s->backlog, e, counted);

	*proven = may == PBX_BACKLOG_KEPT_IT && s->config.auth &&
		  pbx_guard_heard(s->guard, e->bytes, s->config.worker_n, now);
	return may == PBX_BACKLOG_KEPT_IT ? pbx_backlog_put(&s->backlog, e, name, counted, *proven, now) : may;
}

bool pbx_gate_datagram(struct pbx_server *s, const struct host_event *e, usec now)
{
	bool registers = pbx_backlog_suits(e->bytes), proven = false, busy, is_new;
	enum pbx_backlog_answer answer = PBX_BACKLOG_FULL;
	uint64_t name;

	pbx_overload_waited(&s->overload, e->waited, e->lost, pbx_gate_is_waited_at(s), now);
	busy = is_busy(s, now);
	if (!busy && e->waited < PBX_CROSSED_LATE)
		return false;
	pbx_sieve_waited(&s->sieve, e->waited);
	name = pbx_crossed_name(&s->crossed, e);
	if (pbx_backlog_has(&s->backlog, name) || pbx_crossed_has(&s->crossed, name, e->waited, now)) {
		s->stats.overload_crossed++;
		if (registers)
			pbx_sieve_hear_repeat(&s->sieve);
		sift(s);
		return true;
	}
	/* Who repeats what was answered while his repeat was on its way says nothing new either. */
	is_new = registers && !pbx_crossed_has(&s->crossed, name, PBX_CROSSED_KEPT, now);
	if (busy && registers && waiting(s) * steps_of(s) < pbx_overload_line_max(&s->overload))
		answer = line_up(s, e, name, &proven, now);
	if (is_new)
		pbx_sieve_hear_new(&s->sieve, e->bytes.n, proven);
	switch (answer) {
	case PBX_BACKLOG_KEPT_IT:
		s->stats.overload_lined++;
		sift(s);
		return true;
	case PBX_BACKLOG_GREEDY: /* as the flood guard does, before it has anything to count */
		return true;
	case PBX_BACKLOG_FULL: /* or it need not wait */
		break;
	}
	pbx_crossed_note(&s->crossed, name, now);
	return false;
}

bool pbx_gate_line(struct pbx_server *s, struct pbx_job *job, usec now)
{
	if (pbx_gate_is_free(s, now)) {
		pbx_gate_done(s, now);
		return false;
	}
	if (s->line_n == PBX_OVERLOAD_LINE || !pbx_job_wait(s, job, now))
		return false;
	s->line[(s->line_at + s->line_n++) % PBX_OVERLOAD_LINE] = job->self;
	s->stats.overload_lined++;
	return true;
}

/* From the line. false: it is empty. */
static bool serve_job(struct pbx_server *s, usec now)
{
	struct pbx_job *job = NULL;

	while (s->line_n && !job) {
		job = slab_find(&s->jobs, s->line[s->line_at]);
		s->line_at = (s->line_at + 1) % PBX_OVERLOAD_LINE;
		s->line_n--;
	}
	if (!job)
		return false;
	pbx_gate_done(s, now);
	pbx_job_resume(s, job, now);
	return true;
}

static bool serve_datagram(struct pbx_server *s, usec now)
{
	struct host_event e;
	struct pbx_backlogged *it = pbx_backlog_take(&s->backlog, &e, now);

	if (!it)
		return false;
	pbx_crossed_note(&s->crossed, it->name, now);
	s->serving = true;
	sip_stack_recv(s->stack, &e, now);
	pbx_server_pump(s, now);
	s->serving = false;
	pbx_backlog_drop(&s->backlog, it);
	return true;
}

/* What waits unread may be a call. So it is read first, but not only. */
static bool is_turn(struct pbx_server *s)
{
	bool more = s->heard >= PBX_LINE_MORE;

	s->owed += s->heard;
	s->heard = 0;
	if (more && s->owed < PBX_LINE_TURN)
		return false;
	s->owed = 0;
	return true;
}

void pbx_gate_serve(struct pbx_server *s, usec now)
{
	size_t n = is_turn(s) ? PBX_LINE_STEP : 0;

	for (; n && s->ops.n < PBX_LINE_WINDOW; n--) {
		bool first = n % 2 ? serve_job(s, now) : serve_datagram(s, now);

		if (!first && !(n % 2 ? serve_datagram(s, now) : serve_job(s, now)))
			break;
	}
	sift(s);
}

usec pbx_gate_due(const struct pbx_server *s)
{
	return pbx_gate_is_waited_at(s) && s->ops.n < PBX_LINE_WINDOW ? 0 : USEC_NEVER;
}

/* RFC 7339: neighbours that understand it send less. Said again before it ends, and once when it has passed. */
static void tell_load(struct pbx_server *s, usec now)
{
	unsigned percent = (pbx_overload_refuses(&s->overload, PBX_OVERLOAD_OTHER, now) +
			    pbx_overload_refuses(&s->overload, PBX_OVERLOAD_CALL, now)) /
			   2;

	if (s->load_told && percent == s->load_percent && (!percent || now - s->load_told < LOAD_VALID / 2))
		return;
	s->load_percent = percent;
	s->load_told = now;
	sip_stack_set_load(s->stack, percent, percent ? LOAD_VALID / USEC_PER_MS : 0, now);
}

/* ---- the gate ---- */

/* First whether it is heard as far as its source goes. A datagram's sender may be another than it says, and must not be
 * answered for it; one on a stream waits for an answer and would wait long. */
enum sip_gate_answer pbx_gate_request(void *self, struct sip_msg *m, const struct flow *flow, uint32_t *after, usec now)
{
	struct pbx_server *s = self;
	struct addr room;
	const struct addr *source = source_of(flow, &room);

	if (!pbx_flood_open(s->flood, source, now) && !is_exempt(s, flow)) {
		*after = pbx_overload_after(&s->overload);
		return transport_is_reliable(flow->transport) ? SIP_GATE_BUSY : SIP_GATE_DROP;
	}
	if (m->fault.status) {
		if (!is_exempt(s, flow))
			pbx_flood_charge(s->flood, source, PBX_FLOOD_MALFORMED, now);
		return SIP_GATE_OPEN;
	}
	tell_load(s, now);
	if (!is_refused(s, m, after, now))
		return SIP_GATE_OPEN;
	s->stats.overload_refused++;
	return SIP_GATE_BUSY;
}

/* ---- what the workers tell each other ---- */

void pbx_gate_tell(struct pbx_server *s, usec now)
{
	struct pbx_backoff_word words[PBX_BACKOFF_WORDS];
	size_t n = pbx_backoff_take(s->backoff, words, now);

	for (uint16_t worker = 0; n && worker < s->config.worker_n; worker++) {
		struct pbx_note *note = worker == s->config.worker ? NULL : pbx_server_note(s, PBX_NOTE_GUESSES);

		if (!note)
			continue;
		if (arena_copy(&note->arena, str_of((const char *)words, n * sizeof(*words)), &note->bytes))
			pbx_server_tell(s, worker, note, now);
		else
			pbx_server_drop_note(s, note);
	}
}

void pbx_gate_hear(struct pbx_server *s, str words, usec now)
{
	struct pbx_backoff_word word;

	for (; words.n >= sizeof(word); words = str_skip(words, sizeof(word))) {
		memcpy(&word, words.p, sizeof(word));
		pbx_backoff_hear(s->backoff, &word, now);
	}
}
