#include "connect/edge.h"

#include "base/queue.h"
#include "call/session_timer.h"
#include "call/share.h"
#include "connect/edge_record.h"
#include "connect/edge_trace.h"
#include "connect/policy.h"
#include "sip/uri.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define PBX_STREAMS 0x40000000u /* streams of the PBX agent are numbered from here on */
#define NAME_N      128
#define WANT_MAX    65536u /* what is not drained by then is logged and lost */

enum side { PEER, PBX };

/* One call across: `from` came in, `to` was made for it. */
struct crossing {
	struct crossing *next;
	enum side from_side;
	handle from, to; /* 0: none, or ended */
	bool answered, bridged;
	struct call_facts from_facts, to_facts;
	bool has_to, told_ringing;
	char target[CALL_TARGET_N], caller[CALL_NAME_N]; /* caller: as admission knows it */
};

struct edge {
	struct agent *agents[2];
	struct admission *admission;
	struct edge_trace *trace; /* NULL: none */
	struct policy policy;
	char network[NAME_N], name[NAME_N], pbx_domain[NAME_N], target[NAME_N], inward[512], outward[512],
		owner[NAME_N];
	uint32_t media;
	bool keeps, started, stopping, stop_said;
	bool stopped[2];
	enum transport pbx_transport;
	enum edge_side_state state[2];
	char why[2][160];
	atomic_bool ready;
	struct crossing *crossings;
	uint32_t crossing_n;
	struct edge_figures figures; /* but for what edge_figures fills in */
	struct queue wants;          /* struct host_want: questions and bridges on their way out */
	const struct log *log;
};

/* ---- wants of the edge's own ---- */

static void ask_keeper(struct edge *e, struct keeper_ask *ask)
{
	if (!ask || queue_put(&e->wants, &(struct host_want){ .kind = HOST_ASK, .message = ask }) != ERR_NONE) {
		log_error(e->log, "connect.edge question lost", "business=%s", e->name);
		keeper_ask_free(ask);
	}
}

static void keep_state(struct edge *e, usec now)
{
	struct state_record record = { .owner = str_from(e->owner), .name = STR(PEER_ROAD_STATE) };

	while (agent_save(e->agents[PEER], &record.value)) {
		record.updated = now;
		if (e->keeps)
			ask_keeper(e, keeper_ask_new(&(struct keeper_ask){
					      .kind = KEEPER_STATE_PUT, .now = now, .states = &record, .n = 1 }));
	}
}

static void keep_trace(struct edge *e, usec now)
{
	struct keeper_ask *ask;

	while (e->trace && (ask = edge_trace_next(e->trace, now, e->stopped[PEER] && e->stopped[PBX])))
		ask_keeper(e, ask);
}

static void keep_record(struct edge *e, struct crossing *c, bool over, usec now)
{
	struct call *from = c->from ? agent_call(e->agents[c->from_side], c->from) : NULL;
	struct call *to = c->to ? agent_call(e->agents[!c->from_side], c->to) : NULL;
	struct edge_record r = { .from = from ? call_facts(from) : &c->from_facts,
				 .from_peer = c->from_side == PEER,
				 .business = str_from(e->name),
				 .target = str_from(c->target),
				 .over = over };

	if (c->has_to)
		r.to = to ? call_facts(to) : &c->to_facts;
	r.signalling = e->pbx_transport == TRANSPORT_TLS   ? STR("tls")
		       : e->pbx_transport == TRANSPORT_TCP ? STR("tcp")
							   : STR("udp");
	if (e->keeps)
		ask_keeper(e, edge_record_ask(&r, now));
}

/* ---- crossings ---- */

static struct crossing *find_crossing(struct edge *e, enum side side, handle call, bool *is_from)
{
	for (struct crossing *c = e->crossings; c; c = c->next) {
		*is_from = c->from_side == side;
		if (call == (*is_from ? c->from : c->to))
			return c;
	}
	return NULL;
}

static void drop_crossing(struct edge *e, struct crossing *c)
{
	struct crossing **at = &e->crossings;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	e->crossing_n--;
	admission_end(e->admission, str_from(c->caller));
	free(c);
}

static void bridge(struct edge *e, struct crossing *c)
{
	struct call *from = agent_call(e->agents[c->from_side], c->from);
	struct call *to = agent_call(e->agents[!c->from_side], c->to);
	struct media_ask *ask;

	if (c->bridged || !from || !to)
		return;
	ask = media_ask_new(MEDIA_ASK_BRIDGE, call_stream(from));
	if (ask)
		ask->other = call_stream(to);
	c->bridged =
		ask && queue_put(&e->wants, &(struct host_want){ .kind = HOST_TELL, .to = e->media, .message = ask }) ==
			       ERR_NONE;
	if (!c->bridged) {
		media_ask_free(ask);
		log_error(e->log, "connect.edge bridge lost", "call=%s business=%s", c->from_facts.call_id, e->name);
	}
}

/* "sip:user@host[:port]" taken apart. */
static bool split_uri(const char *text, str *user, str *host)
{
	struct sip_uri uri;

	if (sip_uri_parse(str_from(text), &uri) != ERR_NONE || !uri.user.n)
		return false;
	*user = uri.user;
	*host = uri.host;
	return true;
}

/* Whom the caller means. From the PBX the Request-URI may have become our own contact; then To says it (RFC 3261 16.5).
 */
static bool called(const struct edge *e, const struct call_facts *f, enum side side, str *user, str *host)
{
	str aor = agent_aor(e->agents[PBX]), own = STR_NONE, own_host;

	if (side == PEER)
		return split_uri(f->callee, user, host);
	if (str_split(str_skip(aor, 4), '@', &own, &own_host) && split_uri(f->uri, user, host) &&
	    !str_eq_nocase(*user, own))
		return true;
	return split_uri(f->callee, user, host);
}

static void reject(struct call *call, int status, usec wait, usec now)
{
	uint32_t seconds = wait > 0 ? (uint32_t)((wait + USEC_PER_SEC - 1) / USEC_PER_SEC) : 0;
	enum err err = call_reject(call, status, seconds, now);

	(void)err; /* gone already: then there is nobody to tell */
}

/* Is it allowed, and to whom does it go? 0, or the status for the caller. */
static int judge(struct edge *e, struct crossing *c, const struct call_facts *f)
{
	str user, host, name, name_host;
	struct buf out;
	int status;

	buf_init(&out, c->target, sizeof(c->target) - 1);
	if (f->max_forwards == 0)
		return 483;
	if (!called(e, f, c->from_side, &user, &host))
		return 404;
	if (c->from_side == PEER) {
		if (!f->proven[0])
			return 403;
		status = policy_inward(&e->policy, user, host, &name);
		name_host = str_from(e->pbx_domain);
	} else {
		status = policy_outward(&e->policy, user, host, &name, &name_host);
	}
	if (status)
		return status;
	buf_printf(&out, "sip:" STR_FMT "@" STR_FMT, STR_ARG(name), STR_ARG(name_host));
	c->target[out.n] = 0;
	/* The same call once more, the same way: it went round in a circle. */
	for (struct crossing *other = e->crossings; other; other = other->next) {
		bool same = other != c && other->from_side == c->from_side && f->session.remote[0] &&
			    strcmp(other->from_facts.session.remote, f->session.remote) == 0;

		if (same && strcmp(other->target, c->target) == 0)
			return 482;
	}
	return buf_ok(&out) ? 0 : 414;
}

static int admit(struct edge *e, struct crossing *c, usec now, usec *wait)
{
	switch (admission_ask(e->admission, str_from(c->caller), now, wait)) {
	case ADMISSION_GRANTED:
		return 0;
	case ADMISSION_CALLER:
		return 486;
	case ADMISSION_FULL:
		*wait = 10 * USEC_PER_SEC;
		return 503;
	case ADMISSION_TOO_FAST:
		break;
	}
	return 503;
}

/* As whom the callee sees the caller: peers by name beside the trunk's address, people inside by their extension. */
static void write_from(struct edge *e, const struct crossing *c, const struct call_facts *f, struct buf *from,
		       str *display)
{
	str user, host;

	if (c->from_side == PEER) {
		*display = str_head(str_from(f->proven), str_find_char(str_from(f->proven), '@'));
		return;
	}
	if (!split_uri(f->caller, &user, &host) || user.n > 64)
		user = str_from(e->target);
	*display = user;
	buf_printf(from, "sip:" STR_FMT "@%s.%s", STR_ARG(user), e->name, e->network);
}

static void start_crossing(struct edge *e, enum side side, handle call, const struct call_facts *f, usec now)
{
	struct call *incoming = agent_call(e->agents[side], call);
	struct crossing *c = calloc(1, sizeof(*c));
	struct call_session session = { 0 };
	char from_text[CALL_NAME_N];
	struct agent_dialling d;
	struct buf from;
	usec wait = 0;
	int status;

	if (!c) {
		reject(incoming, 503, 10 * USEC_PER_SEC, now);
		return;
	}
	c->from_side = side;
	c->from = call;
	c->from_facts = *f;
	(void)str_copy_z(str_from(side == PEER ? f->proven : f->caller), c->caller, sizeof(c->caller));
	e->figures.offered[side]++;
	status = judge(e, c, f);
	e->figures.refused[side][EDGE_FIGURES_RULES] += status != 0;
	if (!status) {
		status = admit(e, c, now, &wait);
		e->figures.refused[side][EDGE_FIGURES_LIMITS] += status != 0;
	}
	if (status) {
		log_info(e->log, "connect.edge refused", "call=%s session=%s business=%s caller=%s callee=%s status=%d",
			 f->call_id, f->session.local, e->name, c->caller, f->callee, status);
		reject(incoming, status, wait, now);
		free(c);
		return;
	}
	c->next = e->crossings;
	e->crossings = c;
	e->crossing_n++;
	buf_init(&from, from_text, sizeof(from_text));
	d = (struct agent_dialling){ .target = str_from(c->target), .max_forwards = f->max_forwards - 1 };
	write_from(e, c, f, &from, &d.display);
	d.from = buf_str(&from);
	memcpy(session.local, f->session.remote, sizeof(session.local));
	d.session = &session;
	if (d.max_forwards)
		c->to = agent_dial(e->agents[!side], &d, now);
	c->has_to = c->to != 0;
	keep_record(e, c, false, now);
	if (!c->to)
		reject(incoming, d.max_forwards ? 503 : 483, 0, now);
}

/* ---- what happens on the leg that we made ---- */

static int status_across(const struct call_event *is)
{
	int status = is->status;

	switch (is->cause) {
	case CALL_WRONG_PASSWORD: /* between the edge and its PBX: not the caller's business */
	case CALL_FORGED:
	case CALL_FAILED:
	case CALL_SERVER_ERROR:
		return 500;
	default:
		return status >= 400 && status < 700 && status != 401 && status != 407 ? status
										       : call_cause_status(is->cause);
	}
}

static void learn_session(struct edge *e, struct crossing *c, const struct call_facts *to)
{
	struct call *from = agent_call(e->agents[c->from_side], c->from);

	if (from && to->session.remote[0])
		call_adopt_session(from, to->session.remote);
}

static void to_rings(struct edge *e, struct crossing *c, const struct call_event *is, usec now)
{
	struct call *from = agent_call(e->agents[c->from_side], c->from);
	enum err err;

	if (!from || c->answered)
		return;
	learn_session(e, c, is->facts);
	err = call_ring(from, is->early ? 183 : 180, is->early, now);
	if (err != ERR_NONE)
		log_debug(e->log, "connect.edge ringing lost", "call=%s err=\"%s\"", c->from_facts.call_id,
			  err_text(err));
	if (is->early)
		bridge(e, c);
}

static void to_answers(struct edge *e, struct crossing *c, const struct call_event *is, usec now)
{
	struct call *from = agent_call(e->agents[c->from_side], c->from);

	learn_session(e, c, is->facts);
	c->answered = true;
	e->figures.answered[c->from_side]++;
	if (!from || call_answer(from, now) != ERR_NONE) {
		call_hang_up(agent_call(e->agents[!c->from_side], c->to), CALL_CAUSE_NONE, now);
		return;
	}
	bridge(e, c);
	keep_record(e, c, false, now);
}

static void ended(struct edge *e, struct crossing *c, bool is_from, const struct call_event *is, usec now)
{
	handle other = is_from ? c->to : c->from;
	struct call *call = other ? agent_call(e->agents[is_from ? !c->from_side : c->from_side], other) : NULL;

	*(is_from ? &c->from_facts : &c->to_facts) = *is->facts;
	*(is_from ? &c->from : &c->to) = 0;
	if (!call) {
		keep_record(e, c, true, now);
		log_info(e->log, "connect.edge ended", "call=%s session=%s business=%s caller=%s callee=%s cause=%s",
			 c->from_facts.call_id, c->from_facts.session.local, e->name, c->caller, c->target,
			 call_cause_word(is->cause));
		drop_crossing(e, c);
	} else if (!is_from && call_state(call) == CALL_INCOMING) {
		reject(call, status_across(is), 0, now);
	} else {
		call_hang_up(call, CALL_CAUSE_NONE, now);
	}
}

static void hold_other(struct edge *e, struct crossing *c, bool is_from, bool on, usec now)
{
	struct call *call = agent_call(e->agents[is_from ? !c->from_side : c->from_side], is_from ? c->to : c->from);
	enum err err = call ? call_hold(call, on, now) : ERR_ABSENT;

	if (err != ERR_NONE)
		log_info(e->log, "connect.edge hold lost", "call=%s err=\"%s\"", c->from_facts.call_id, err_text(err));
}

static void press_other(struct edge *e, struct crossing *c, bool is_from, char digit)
{
	struct call *call = agent_call(e->agents[is_from ? !c->from_side : c->from_side], is_from ? c->to : c->from);

	if (call && call_dtmf(call, str_of(&digit, 1)) != ERR_NONE)
		log_debug(e->log, "connect.edge digit lost", "call=%s business=%s", c->from_facts.call_id, e->name);
}

static void call_happened(struct edge *e, enum side side, handle call, const struct call_event *is, usec now)
{
	bool is_from;
	struct crossing *c = find_crossing(e, side, call, &is_from);

	if (!c) {
		if (is->kind == CALL_EVENT_INCOMING)
			start_crossing(e, side, call, is->facts, now);
		return;
	}
	switch (is->kind) {
	case CALL_EVENT_RINGING:
		to_rings(e, c, is, now);
		break;
	case CALL_EVENT_ANSWERED:
		if (!is_from)
			to_answers(e, c, is, now);
		break;
	case CALL_EVENT_MEDIA:
		if (c->answered)
			keep_record(e, c, false, now);
		break;
	case CALL_EVENT_HELD:
	case CALL_EVENT_RESUMED:
		if (!is->by_us)
			hold_other(e, c, is_from, is->kind == CALL_EVENT_HELD, now);
		break;
	case CALL_EVENT_DIGIT:
		press_other(e, c, is_from, is->digit);
		break;
	case CALL_EVENT_ENDED:
		ended(e, c, is_from, is, now);
		break;
	case CALL_EVENT_INCOMING:
	case CALL_EVENT_TEXT: /* refused before they come to us: the agents take neither messages nor transfers */
	case CALL_EVENT_REFER:
	case CALL_EVENT_TRANSFER:
	case CALL_EVENT_REPLACES:
		break;
	}
}

/* ---- the two agents ---- */

static void side_changed(struct edge *e, enum side side, const struct agent_event *event)
{
	bool up = event->kind == AGENT_READY;

	e->state[side] = up ? EDGE_UP : event->final ? EDGE_REFUSED : EDGE_WAITING;
	e->figures.downs[side] += !up;
	(void)str_copy_z(up ? STR_NONE : event->text, e->why[side], sizeof(e->why[side]));
	if (up)
		log_info(e->log, "connect.edge up", "business=%s side=%s as=" STR_FMT, e->name,
			 side == PEER ? "peer" : "pbx", STR_ARG(event->text));
	else
		log_warn(e->log, "connect.edge down", "business=%s side=%s status=%d final=%d why=\"" STR_FMT "\"",
			 e->name, side == PEER ? "peer" : "pbx", event->status, event->final, STR_ARG(event->text));
	atomic_store(&e->ready, e->state[PEER] == EDGE_UP && e->state[PBX] == EDGE_UP);
}

static void settle(struct edge *e, usec now)
{
	struct agent_event event;
	bool more = true;

	while (more) {
		more = false;
		for (int side = PEER; side <= PBX; side++)
			while (agent_event(e->agents[side], &event)) {
				more = true;
				if (event.kind == AGENT_CALL)
					call_happened(e, (enum side)side, event.call, &event.is, now);
				else if (event.kind == AGENT_STOPPED)
					e->stopped[side] = true;
				else
					side_changed(e, (enum side)side, &event);
			}
	}
	keep_state(e, now);
	keep_trace(e, now);
}

/* ---- the service ---- */

static void told(struct edge *e, const struct host_event *event, usec now)
{
	const struct media_answer *message = event->message;

	agent_recv(e->agents[message->stream >= PBX_STREAMS ? PBX : PEER], event, now);
}

static void edge_recv(void *self, const struct host_event *event, usec now)
{
	struct edge *e = self;
	struct host_event mine = *event;
	int place;

	switch (event->kind) {
	case HOST_TOLD:
		told(e, event, now);
		break;
	case HOST_ANSWER: {
		const struct keeper_answer *answer = event->message;

		if (answer->err != ERR_NONE && answer->kind != KEEPER_CHANGED)
			log_error(e->log, "connect.edge not kept", "kind=%s why=\"%s\"", keeper_kind_name(answer->kind),
				  answer->why);
		break;
	}
	case HOST_STOPPING:
		e->stopping = true;
		agent_stop(e->agents[PEER], now);
		agent_stop(e->agents[PBX], now);
		break;
	default:
		place = share_event(SHARE_OUTER, &mine);
		for (int side = PEER; side <= PBX; side++)
			if (place == side || place == SHARE_ALL)
				agent_recv(e->agents[side], &mine, now);
	}
	settle(e, now);
}

/* What a former life has left open (a power cut, kill -9). */
static void close_records(struct edge *e, usec now)
{
	char service[NAME_N + 8];
	struct call_record of = { 0 };

	snprintf(service, sizeof(service), "edge:%s", e->name);
	of.service = str_from(service);
	if (e->keeps)
		ask_keeper(e, keeper_ask_new(&(struct keeper_ask){
				      .kind = KEEPER_CALL_CLOSE, .now = now, .calls = &of, .n = 1 }));
}

static void edge_tick(void *self, usec now)
{
	struct edge *e = self;

	if (!e->started) {
		e->started = true;
		close_records(e, now);
		agent_start(e->agents[PEER], now);
		agent_start(e->agents[PBX], now);
	}
	agent_tick(e->agents[PEER], now);
	agent_tick(e->agents[PBX], now);
	settle(e, now);
}

static usec edge_due(const void *self)
{
	const struct edge *e = self;

	usec due = e->started ? usec_min(agent_due(e->agents[PEER]), agent_due(e->agents[PBX])) : 0;

	return e->trace ? usec_min(due, edge_trace_due(e->trace)) : due;
}

static bool edge_next(void *self, struct host_want *out)
{
	struct edge *e = self;

	if (queue_take(&e->wants, out)) /* first what is to be kept */
		return true;
	for (int side = PEER; side <= PBX; side++)
		if (agent_next(e->agents[side], out)) {
			share_want(SHARE_OUTER, (unsigned)side, out);
			return true;
		}
	if (e->stopped[PEER] && e->stopped[PBX] && !e->stop_said) {
		e->stop_said = true;
		*out = (struct host_want){ .kind = HOST_STOP };
		return true;
	}
	return false;
}

static void edge_drop(void *message)
{
	media_answer_free(message);
}

struct host_service edge_service(struct edge *e)
{
	return (struct host_service){ e, edge_recv, edge_tick, edge_due, edge_next, edge_drop };
}

void edge_status(const struct edge *e, struct edge_status *out)
{
	*out = (struct edge_status){
		e->state[PEER], e->state[PBX], e->why[PEER], e->why[PBX], e->crossing_n,
	};
}

void edge_figures(const struct edge *e, struct edge_figures *out)
{
	struct sip_figures more;

	*out = e->figures;
	out->crossings = e->crossing_n;
	for (int side = PEER; side <= PBX; side++) {
		out->up[side] = e->state[side] == EDGE_UP;
		agent_figures(e->agents[side], &more);
		metric_add(sip_metrics, sip_metric_n, &out->sip, &more);
	}
}

bool edge_is_ready(const struct edge *e)
{
	return atomic_load(&e->ready);
}

/* ---- birth and death ---- */

static bool keep_texts(struct edge *e, const struct edge_settings *s)
{
	snprintf(e->owner, sizeof(e->owner), "node:" STR_FMT, STR_ARG(s->name));
	if (!str_copy_z(s->network, e->network, sizeof(e->network)) || !str_copy_z(s->name, e->name, sizeof(e->name)) ||
	    !str_copy_z(s->pbx_domain, e->pbx_domain, sizeof(e->pbx_domain)) ||
	    !str_copy_z(s->target.n ? s->target : STR("101"), e->target, sizeof(e->target)) ||
	    !str_copy_z(s->inward.n ? s->inward : STR(POLICY_INWARD), e->inward, sizeof(e->inward)) ||
	    !str_copy_z(s->outward.n ? s->outward : STR(POLICY_OUTWARD), e->outward, sizeof(e->outward)))
		return false;
	e->policy = (struct policy){ .network = str_from(e->network),
				     .business = str_from(e->name),
				     .target = str_from(e->target),
				     .inward = str_from(e->inward),
				     .outward = str_from(e->outward) };
	return true;
}

static enum err make_peer_side(struct edge *e, const struct edge_settings *s, uint32_t call_max)
{
	struct agent_settings agent = { .user = s->name,
					.domain = str_from(e->network),
					.transport = TRANSPORT_TLS,
					.media = s->media,
					.first_stream = 1,
					.call_max = call_max,
					.session_expires = SESSION_TIMER_DEFAULT,
					.software = STR("tandem edge"),
					.rng = s->rng,
					.log = s->log,
					.tap = e->trace ? edge_trace_tap(e->trace, true) : NULL };

	agent.road = s->road;
	agent.wish = (struct call_media_wish){ .codecs = { CODEC_OPUS, CODEC_PCMA, CODEC_PCMU },
					       .codec_n = 3,
					       .security = SDP_DTLS,
					       .ice = true,
					       .local = s->media_peer };
	e->agents[PEER] = agent_new(&agent);
	return e->agents[PEER] ? ERR_NONE : ERR_MEMORY;
}

static enum err make_pbx_side(struct edge *e, const struct edge_settings *s, uint32_t call_max)
{
	struct agent_settings agent = { .user = s->pbx_user,
					.domain = s->pbx_domain,
					.password = s->pbx_password,
					.transport = s->pbx_transport,
					.proxy = s->pbx_proxy,
					.tls_name = s->pbx_tls_name,
					.instance = s->pbx_instance,
					.tls = s->pbx_tls,
					.registers = true,
					.listen = s->pbx_listen,
					.media = s->media,
					.first_stream = PBX_STREAMS,
					.call_max = call_max,
					.session_expires = SESSION_TIMER_DEFAULT,
					.software = STR("tandem edge"),
					.rng = s->rng,
					.log = s->log,
					.tap = e->trace ? edge_trace_tap(e->trace, false) : NULL };

	/* Keys in the SDP only protect as far as the signalling does; better than nothing either way. */
	agent.wish = (struct call_media_wish){ .codecs = { CODEC_OPUS, CODEC_PCMA, CODEC_PCMU },
					       .codec_n = 3,
					       .security = SDP_SDES | SDP_PLAIN,
					       .local = s->media_pbx };
	e->agents[PBX] = agent_new(&agent);
	return e->agents[PBX] ? ERR_NONE : ERR_LIMIT;
}

enum err edge_new(const struct edge_settings *s, struct edge **out)
{
	struct admission_limits limits = s->limits.calls ? s->limits : ADMISSION_DEFAULT;
	struct edge *e = calloc(1, sizeof(*e));
	enum err err = ERR_MEMORY;

	if (!e)
		return ERR_MEMORY;
	queue_init(&e->wants, sizeof(struct host_want), WANT_MAX);
	e->media = s->media;
	e->keeps = s->keeps;
	e->log = s->log;
	e->pbx_transport = s->pbx_transport;
	e->admission = admission_new(&limits, s->rng);
	if (e->admission)
		err = keep_texts(e, s) ? ERR_NONE : ERR_LIMIT;
	if (err == ERR_NONE && s->keeps && s->traces) {
		e->trace = edge_trace_new(s->name, s->network);
		err = e->trace ? ERR_NONE : ERR_MEMORY;
	}
	/* Room for one more call than may cross: it must come in to be refused with a reason. */
	if (err == ERR_NONE)
		err = make_peer_side(e, s, 2 * limits.calls + 8);
	if (err == ERR_NONE)
		err = make_pbx_side(e, s, 2 * limits.calls + 8);
	if (err != ERR_NONE) {
		edge_free(e);
		return err;
	}
	*out = e;
	return ERR_NONE;
}

void edge_free(struct edge *e)
{
	struct host_want want;

	if (!e)
		return;
	while (queue_take(&e->wants, &want)) {
		if (want.kind == HOST_ASK)
			keeper_ask_free(want.message);
		else
			media_ask_free(want.message);
	}
	while (e->crossings)
		drop_crossing(e, e->crossings);
	queue_free(&e->wants);
	agent_free(e->agents[PEER]);
	agent_free(e->agents[PBX]);
	admission_free(e->admission);
	edge_trace_free(e->trace);
	free(e);
}
