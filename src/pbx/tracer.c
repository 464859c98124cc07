#include "pbx/tracer.h"

#include <stdlib.h>

struct pbx_tracer {
	const struct pbx_recorder *recorder;
	struct trace_record rows[PBX_TRACER_ROWS];
	size_t n;
	struct arena arena; /* their texts */
	usec flush_at;
	char block[SIP_MSG_ARENA];
};

struct pbx_tracer *pbx_tracer_new(const struct pbx_recorder *recorder)
{
	struct pbx_tracer *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->recorder = recorder;
	t->flush_at = USEC_NEVER;
	arena_init(&t->arena, NULL, 0, PBX_TRACER_BYTES);
	return t;
}

void pbx_tracer_free(struct pbx_tracer *t)
{
	if (!t)
		return;
	arena_free(&t->arena);
	free(t);
}

void pbx_tracer_write_clean(const struct sip_msg *m, size_t cap, struct buf *out)
{
	str text = str_head(m->text, cap);
	size_t at = 0;

	for (size_t i = 0; i < m->header_n; i++) {
		const struct sip_header *h = &m->headers[i];
		if (h->kind != SIP_AUTHORIZATION && h->kind != SIP_PROXY_AUTHORIZATION)
			continue;
		if (h->value_at >= text.n)
			break;
		buf_put(out, str_of(text.p + at, h->value_at - at));
		buf_put(out, STR("(left out)"));
		at = (size_t)h->value_at + h->value_n;
	}
	buf_put(out, str_skip(text, at));
}

static bool keep(struct pbx_tracer *t, str s, str *out)
{
	return arena_copy(&t->arena, s, out);
}

static bool fill(struct pbx_tracer *t, struct sip_msg *m, struct trace_record *row)
{
	struct sip_session_id id;
	char session[32], clean[TRACE_MESSAGE_MAX + 100];
	struct buf b;

	if (sip_session_id_parse(sip_msg_value(m, SIP_SESSION_ID), &id)) {
		pbx_recorder_session(t->recorder, sip_msg_call_id(m), session);
		id.local = str_of(session, sizeof(session));
	}
	buf_init(&b, clean, sizeof(clean));
	pbx_tracer_write_clean(m, TRACE_MESSAGE_MAX, &b);
	return buf_ok(&b) && keep(t, id.local, &row->session) && keep(t, sip_msg_call_id(m), &row->call_id) &&
	       keep(t, str_head(m->text, str_find(m->text, STR("\r\n"))), &row->start) &&
	       keep(t, sip_msg_value(m, SIP_CSEQ), &row->cseq) && keep(t, buf_str(&b), &row->message);
}

void pbx_tracer_message(void *self, bool out, const struct flow *flow, str bytes, usec now)
{
	struct pbx_tracer *t = self;
	struct trace_record row = {
		.at = now,
		.service = STR("pbx"),
		.way = out ? TRACE_OUT : TRACE_IN,
		.transport = (uint16_t)flow->transport,
		.local = flow->local,
		.remote = flow->remote,
		.secure = transport_is_secure(flow->transport) ? STR("tls") : STR_NONE,
	};
	struct arena arena;
	struct sip_msg m;

	if (t->n == PBX_TRACER_ROWS)
		return;
	arena_init(&arena, t->block, sizeof(t->block), SIP_MSG_HEAP_MAX);
	enum err err = sip_msg_parse(&m, &arena, bytes);
	if ((err == ERR_NONE || err == ERR_SYNTAX) && fill(t, &m, &row)) {
		t->rows[t->n++] = row;
		t->flush_at = t->n == PBX_TRACER_ROWS ? now : usec_min(t->flush_at, now + PBX_TRACER_PACE);
	}
	arena_free(&arena);
}

struct keeper_ask *pbx_tracer_next(struct pbx_tracer *t, usec now, bool hurry)
{
	struct keeper_ask *ask;

	if (!t->n || (!hurry && now < t->flush_at))
		return NULL;
	ask = keeper_ask_new(
		&(struct keeper_ask){ .kind = KEEPER_TRACE_APPEND, .now = now, .traces = t->rows, .n = t->n });
	t->n = 0;
	t->flush_at = USEC_NEVER;
	arena_reset(&t->arena);
	return ask;
}

usec pbx_tracer_due(const struct pbx_tracer *t)
{
	return t->flush_at;
}
