#include "pbx/tracer.h"

#include "pbx/trace_batch.h"

#include <stdlib.h>

#define SHARE_ALL 65536u

struct follow {
	char text[TRACE_FILTER_MAX];
	struct trace_filter filter;
};

struct pbx_tracer {
	const struct pbx_recorder *recorder;
	bool all;
	struct follow follows[PBX_TRACER_FOLLOWS];
	size_t follow_n;
	usec until;                /* the first of them to end */
	usec second;               /* that is counted now */
	uint32_t wanted_n, kept_n; /* in it */
	uint32_t share;            /* of the calls are kept, of 65536; by what the second before brought */
	struct pbx_tracer_figures figures;
	struct pbx_trace_batch batch;
};

struct pbx_tracer *pbx_tracer_new(const struct pbx_recorder *recorder, bool all)
{
	struct pbx_tracer *t = malloc(sizeof(*t));

	if (!t)
		return NULL;
	memset(t, 0, offsetof(struct pbx_tracer, batch));
	t->recorder = recorder;
	t->all = all;
	t->share = SHARE_ALL;
	t->until = USEC_NEVER;
	pbx_trace_batch_init(&t->batch);
	return t;
}

void pbx_tracer_free(struct pbx_tracer *t)
{
	if (!t)
		return;
	pbx_trace_batch_free(&t->batch);
	free(t);
}

/* ---- who follows ---- */

static void reckon(struct pbx_tracer *t)
{
	t->until = USEC_NEVER;
	for (size_t i = 0; i < t->follow_n; i++)
		if (t->follows[i].filter.until)
			t->until = usec_min(t->until, (usec)t->follows[i].filter.until);
	t->figures.follows = (uint32_t)t->follow_n;
}

void pbx_tracer_follow(struct pbx_tracer *t, const str *filters, size_t n, usec now)
{
	char text[200];
	struct buf why;

	t->follow_n = 0;
	for (size_t i = 0; i < n && t->follow_n < PBX_TRACER_FOLLOWS; i++) {
		struct follow *f = &t->follows[t->follow_n];

		buf_init(&why, text, sizeof(text));
		if (!str_copy_z(filters[i], f->text, sizeof(f->text)) ||
		    trace_filter_parse(str_from(f->text), &f->filter, &why) ||
		    (f->filter.until && (usec)f->filter.until <= now))
			continue;
		t->follow_n++;
	}
	reckon(t);
}

/* The texts are moved, so their filters are read again. */
static void drop_ended(struct pbx_tracer *t, usec now)
{
	char texts[PBX_TRACER_FOLLOWS][TRACE_FILTER_MAX];
	str list[PBX_TRACER_FOLLOWS];

	memset(texts, 0, sizeof(texts));
	for (size_t i = 0; i < t->follow_n; i++) {
		memcpy(texts[i], t->follows[i].text, sizeof(texts[i]));
		list[i] = str_from(texts[i]);
	}
	pbx_tracer_follow(t, list, t->follow_n, now);
}

bool pbx_tracer_wants(const struct pbx_tracer *t)
{
	return t->all || t->follow_n;
}

void pbx_trace_facts(struct sip_msg *m, str session, const struct addr *remote, struct trace_facts *out)
{
	const struct sip_address *from = sip_msg_from(m), *to = sip_msg_to(m);
	const struct sip_uri *uri = m->is_request ? sip_msg_uri(m) : NULL;
	str number, method = m->method_text;

	if (!m->is_request && str_split(sip_msg_value(m, SIP_CSEQ), ' ', &number, &method))
		method = str_trim(method);
	*out = (struct trace_facts){ .call_id = sip_msg_call_id(m),
				     .session = session,
				     .from_user = from ? from->uri.user : STR_NONE,
				     .to_user = to ? to->uri.user : STR_NONE,
				     .uri_user = uri ? uri->user : STR_NONE,
				     .method = method,
				     .status = m->is_request ? 0 : m->status,
				     .remote = *remote };
}

static bool is_followed(const struct pbx_tracer *t, struct sip_msg *m, str session, const struct flow *flow)
{
	struct trace_facts facts;
	bool fits = false;

	if (!t->follow_n)
		return false;
	pbx_trace_facts(m, session, &flow->remote, &facts);
	for (size_t i = 0; i < t->follow_n && !fits; i++)
		fits = trace_filter_fits(&t->follows[i].filter, &facts);
	return fits;
}

/* ---- how many ---- */

/* A new second: what it may keep of the calls depends on what the last one brought. */
static void turn(struct pbx_tracer *t, usec now)
{
	usec second = now / USEC_PER_SEC;

	if (second == t->second)
		return;
	t->share = t->wanted_n <= PBX_TRACER_RATE ? SHARE_ALL : SHARE_ALL / t->wanted_n * PBX_TRACER_RATE;
	if (second != t->second + 1)
		t->share = SHARE_ALL;
	t->second = second;
	t->wanted_n = t->kept_n = 0;
}

static bool is_in_share(const struct pbx_tracer *t, str call_id)
{
	static const uint64_t key[2] = { 0x7472, 0x6163 }; /* all workers leave out the same calls */

	return t->share == SHARE_ALL || (str_hash(call_id, key) & (SHARE_ALL - 1)) < t->share;
}

void pbx_tracer_message(struct pbx_tracer *t, bool out, const struct flow *flow, str bytes, usec now)
{
	struct trace_record row = {
		.service = STR("pbx"),
		.secure = transport_is_secure(flow->transport) ? STR("tls") : STR_NONE,
	};
	struct sip_session_id id;
	struct sip_msg *m;
	char session[32];

	if (now >= t->until)
		drop_ended(t, now);
	if (!pbx_tracer_wants(t))
		return;
	turn(t, now);
	t->wanted_n += t->all;
	/* Before it is parsed: an exchange that is busy spends nothing on what it will not keep. */
	if (t->kept_n >= PBX_TRACER_RATE || (t->all && !t->follow_n && !is_in_share(t, sip_transport_call_id(bytes)))) {
		t->figures.lost++;
		return;
	}
	m = pbx_trace_batch_open(&t->batch, bytes);
	if (!m) {
		t->figures.lost++;
		return;
	}
	if (sip_session_id_parse(sip_msg_value(m, SIP_SESSION_ID), &id)) {
		pbx_recorder_session(t->recorder, sip_msg_call_id(m), session);
		id.local = str_of(session, sizeof(session));
	}
	if (!is_followed(t, m, id.local, flow)) {
		if (!t->all)
			return;
		if (!is_in_share(t, sip_msg_call_id(m))) {
			t->figures.lost++;
			return;
		}
	}
	row.session = id.local;
	t->kept_n++;
	t->figures.kept++;
	pbx_trace_batch_add(&t->batch, &row, out, flow, now);
}

struct keeper_ask *pbx_tracer_next(struct pbx_tracer *t, usec now, bool hurry)
{
	return pbx_trace_batch_next(&t->batch, now, hurry);
}

usec pbx_tracer_due(const struct pbx_tracer *t)
{
	return pbx_trace_batch_due(&t->batch);
}

const struct pbx_tracer_figures *pbx_tracer_figures(const struct pbx_tracer *t)
{
	return &t->figures;
}
