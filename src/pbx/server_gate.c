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

static bool is_full(struct pbx_server *s, uint32_t *after, usec now)
{
	if (s->line_n < pbx_overload_line_max(&s->overload))
		return false;
	*after = pbx_overload_ticket(&s->overload, s->line_n, now);
	return true;
}

/* Is there time for it? What ends things that were begun is always let in. */
static bool is_refused(struct pbx_server *s, struct sip_msg *m, uint32_t *after, usec now)
{
	enum pbx_overload_class class = m->method == SIP_INVITE ? PBX_OVERLOAD_CALL : PBX_OVERLOAD_OTHER;
	const struct sip_address *to = sip_msg_to(m);

	if (m->method == SIP_REGISTER)
		return s->line_n && is_full(s, after, now);
	if (m->method == SIP_CANCEL || (to && to->tag.n) || pbx_overload_admits(&s->overload, class, now))
		return false;
	*after = pbx_overload_after(&s->overload);
	return true;
}

bool pbx_gate_is_free(struct pbx_server *s, usec now)
{
	return !s->line_n && s->ops.n < PBX_LINE_WINDOW && !pbx_overload_late(&s->overload, now);
}

bool pbx_gate_line(struct pbx_server *s, struct pbx_job *job, usec now)
{
	if (pbx_gate_is_free(s, now)) {
		pbx_overload_done(&s->overload, 0, now);
		return false;
	}
	if (s->line_n == PBX_OVERLOAD_LINE || !pbx_job_wait(s, job, now))
		return false;
	s->line[(s->line_at + s->line_n++) % PBX_OVERLOAD_LINE] = job->self;
	s->stats.overload_lined++;
	return true;
}

void pbx_gate_serve(struct pbx_server *s, size_t n, usec now)
{
	while (n && s->line_n && s->ops.n < PBX_LINE_WINDOW) {
		struct pbx_job *job = slab_find(&s->jobs, s->line[s->line_at]);

		s->line_at = (s->line_at + 1) % PBX_OVERLOAD_LINE;
		s->line_n--;
		if (!job)
			continue;
		n--;
		pbx_overload_done(&s->overload, s->line_n, now);
		pbx_job_resume(s, job, now);
	}
}

usec pbx_gate_due(const struct pbx_server *s)
{
	return s->line_n && s->ops.n < PBX_LINE_WINDOW ? 0 : USEC_NEVER;
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
