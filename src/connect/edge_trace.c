#include "connect/edge_trace.h"

#include "pbx/tracer.h"

#include <stdio.h>
#include <stdlib.h>

#define NAME_N 160

/* One side: a tap needs a self of its own. */
struct side {
	struct edge_trace *trace;
	struct sip_tap tap;
	bool overlay;
};

struct edge_trace {
	struct side sides[2];
	char service[NAME_N], business[NAME_N], network[NAME_N];
	struct trace_record rows[EDGE_TRACE_ROWS];
	size_t n;
	struct arena texts;
	usec flush_at;
	struct {
		uint64_t call_id;
		char session[32];
	} calls[EDGE_TRACE_CALLS]; /* a ring */
	size_t call_at;
	char block[SIP_MSG_ARENA];
};

/* ---- sessions ---- */

static uint64_t hash(str call_id)
{
	return str_hash(call_id, (const uint64_t[2]){ 0x65646765, 0x74726163 }) | 1; /* a collision mixes two ladders */
}

static str known_session(const struct edge_trace *t, uint64_t call)
{
	for (size_t i = 0; i < EDGE_TRACE_CALLS; i++)
		if (t->calls[i].call_id == call)
			return str_of(t->calls[i].session, sizeof(t->calls[i].session));
	return STR_NONE;
}

static str session_of(struct edge_trace *t, const struct sip_msg *m)
{
	uint64_t call = hash(sip_msg_call_id(m));
	struct sip_session_id id;
	str known = known_session(t, call);

	if (known.n || !m->is_request || m->method != SIP_INVITE ||
	    sip_session_id_parse(sip_msg_value(m, SIP_SESSION_ID), &id) != ERR_NONE ||
	    id.local.n != sizeof(t->calls[0].session))
		return known;
	size_t at = t->call_at++ % EDGE_TRACE_CALLS;
	t->calls[at].call_id = call;
	memcpy(t->calls[at].session, id.local.p, id.local.n);
	return str_of(t->calls[at].session, id.local.n);
}

/* ---- who is there ---- */

static bool is_ours(const struct edge_trace *t, const struct sip_uri *uri)
{
	str host = uri->host, business = str_from(t->business), network = str_from(t->network);

	if (str_eq_nocase(host, network))
		return str_eq_nocase(uri->user, business);
	return str_eq_nocase(str_head(host, business.n), business) &&
	       str_eq_nocase(str_skip(host, business.n + 1), network);
}

/* On the overlay addresses are those of super nodes: the far end is whoever of From and To is not ours. */
static void write_peer(const struct edge_trace *t, struct sip_msg *m, struct buf *out)
{
	const struct sip_address *from = sip_msg_from(m), *to = sip_msg_to(m), *far;

	if (!from || !to)
		return;
	far = is_ours(t, &from->uri) ? to : from;
	if (str_eq_nocase(far->uri.host, str_from(t->network)))
		sip_uri_unescape(far->uri.user, out);
	else
		sip_uri_key(&far->uri, out);
}

/* ---- the tap ---- */

static bool keep(struct edge_trace *t, str s, str *out)
{
	return arena_copy(&t->texts, s, out);
}

static bool fill(struct side *side, struct sip_msg *m, struct trace_record *row)
{
	struct edge_trace *t = side->trace;
	char clean[TRACE_MESSAGE_MAX + 100], name[128];
	struct buf text, peer;

	buf_init(&text, clean, sizeof(clean));
	buf_init(&peer, name, sizeof(name));
	pbx_tracer_write_clean(m, TRACE_MESSAGE_MAX, &text);
	if (side->overlay)
		write_peer(t, m, &peer);
	return buf_ok(&text) && keep(t, session_of(t, m), &row->session) &&
	       keep(t, sip_msg_call_id(m), &row->call_id) && keep(t, buf_str(&peer), &row->peer) &&
	       keep(t, str_head(m->text, str_find(m->text, STR("\r\n"))), &row->start) &&
	       keep(t, sip_msg_value(m, SIP_CSEQ), &row->cseq) && keep(t, buf_str(&text), &row->message);
}

static void tap_message(void *self, bool out, const struct flow *flow, str bytes, usec now)
{
	struct side *side = self;
	struct edge_trace *t = side->trace;
	struct trace_record row = {
		.at = now,
		.service = str_from(t->service),
		.way = out ? TRACE_OUT : TRACE_IN,
		.transport = (uint16_t)flow->transport,
		.local = flow->local,
		.remote = flow->remote,
		.secure = side->overlay                          ? STR("overlay, sealed")
			  : transport_is_secure(flow->transport) ? STR("tls")
								 : STR_NONE,
	};
	struct arena arena;
	struct sip_msg m;
	enum err err;

	if (t->n == EDGE_TRACE_ROWS)
		return;
	arena_init(&arena, t->block, sizeof(t->block), SIP_MSG_HEAP_MAX);
	err = sip_msg_parse(&m, &arena, bytes);
	if ((err == ERR_NONE || err == ERR_SYNTAX) && fill(side, &m, &row)) {
		t->rows[t->n++] = row;
		t->flush_at = t->n == EDGE_TRACE_ROWS ? now : usec_min(t->flush_at, usec_add(now, EDGE_TRACE_PACE));
	}
	arena_free(&arena);
}

/* ---- the owner's side ---- */

struct edge_trace *edge_trace_new(str business, str network)
{
	struct edge_trace *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	for (int i = 0; i < 2; i++)
		t->sides[i] = (struct side){ t, { tap_message, &t->sides[i] }, i == 1 };
	snprintf(t->service, sizeof(t->service), "edge:" STR_FMT, STR_ARG(business));
	(void)str_copy_z(business, t->business, sizeof(t->business));
	(void)str_copy_z(network, t->network, sizeof(t->network));
	t->flush_at = USEC_NEVER;
	arena_init(&t->texts, NULL, 0, EDGE_TRACE_BYTES);
	return t;
}

void edge_trace_free(struct edge_trace *t)
{
	if (t)
		arena_free(&t->texts);
	free(t);
}

const struct sip_tap *edge_trace_tap(struct edge_trace *t, bool overlay)
{
	return &t->sides[overlay].tap;
}

struct keeper_ask *edge_trace_next(struct edge_trace *t, usec now, bool hurry)
{
	struct keeper_ask *ask;

	if (!t->n || (!hurry && now < t->flush_at))
		return NULL;
	ask = keeper_ask_new(
		&(struct keeper_ask){ .kind = KEEPER_TRACE_APPEND, .now = now, .traces = t->rows, .n = t->n });
	t->n = 0;
	t->flush_at = USEC_NEVER;
	arena_reset(&t->texts);
	return ask;
}

usec edge_trace_due(const struct edge_trace *t)
{
	return t->flush_at;
}
