#include "connect/edge_trace.h"

#include "pbx/trace_batch.h"

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
	struct pbx_trace_batch batch;
	struct {
		uint64_t call_id;
		char session[32];
	} calls[EDGE_TRACE_CALLS]; /* a ring */
	size_t call_at;
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

static void tap_message(void *self, bool out, const struct flow *flow, str bytes, usec now)
{
	struct side *side = self;
	struct edge_trace *t = side->trace;
	struct sip_msg *m = pbx_trace_batch_open(&t->batch, bytes);
	struct trace_record row = {
		.service = str_from(t->service),
		.secure = side->overlay                          ? STR("overlay, sealed")
			  : transport_is_secure(flow->transport) ? STR("tls")
								 : STR_NONE,
	};
	char name[128];
	struct buf peer;

	if (!m)
		return;
	buf_init(&peer, name, sizeof(name));
	if (side->overlay)
		write_peer(t, m, &peer);
	row.peer = buf_str(&peer);
	row.session = session_of(t, m);
	pbx_trace_batch_add(&t->batch, &row, out, flow, now);
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
	pbx_trace_batch_init(&t->batch);
	return t;
}

void edge_trace_free(struct edge_trace *t)
{
	if (t)
		pbx_trace_batch_free(&t->batch);
	free(t);
}

const struct sip_tap *edge_trace_tap(struct edge_trace *t, bool overlay)
{
	return &t->sides[overlay].tap;
}

struct keeper_ask *edge_trace_next(struct edge_trace *t, usec now, bool hurry)
{
	return pbx_trace_batch_next(&t->batch, now, hurry);
}

usec edge_trace_due(const struct edge_trace *t)
{
	return pbx_trace_batch_due(&t->batch);
}
