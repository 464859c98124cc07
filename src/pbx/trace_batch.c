#include "pbx/trace_batch.h"

void pbx_trace_batch_init(struct pbx_trace_batch *b)
{
	b->n = 0;
	b->flush_at = USEC_NEVER;
	arena_init(&b->texts, NULL, 0, PBX_TRACE_BATCH_BYTES);
	arena_init(&b->arena, b->block, sizeof(b->block), SIP_MSG_HEAP_MAX);
}

void pbx_trace_batch_free(struct pbx_trace_batch *b)
{
	arena_free(&b->texts);
	arena_free(&b->arena);
}

struct sip_msg *pbx_trace_batch_open(struct pbx_trace_batch *b, str bytes)
{
	enum err err;

	if (b->n == PBX_TRACE_BATCH_ROWS)
		return NULL;
	arena_reset(&b->arena);
	err = sip_msg_parse(&b->msg, &b->arena, bytes);
	return err == ERR_NONE || err == ERR_SYNTAX ? &b->msg : NULL;
}

static bool keep(struct pbx_trace_batch *b, str s, str *out)
{
	return arena_copy(&b->texts, s, out);
}

static bool keep_texts(struct pbx_trace_batch *b, struct trace_record *row)
{
	const struct sip_msg *m = &b->msg;
	char clean[TRACE_MESSAGE_MAX];
	struct buf text;

	buf_init(&text, clean, sizeof(clean));
	sip_redact(m->text, TRACE_MESSAGE_MAX, &text);
	return buf_ok(&text) && keep(b, row->session, &row->session) && keep(b, row->peer, &row->peer) &&
	       keep(b, sip_msg_call_id(m), &row->call_id) &&
	       keep(b, str_head(buf_str(&text), str_find(buf_str(&text), STR("\r\n"))), &row->start) &&
	       keep(b, sip_msg_value(m, SIP_CSEQ), &row->cseq) && keep(b, buf_str(&text), &row->message);
}

void pbx_trace_batch_add(struct pbx_trace_batch *b, struct trace_record *row, bool out, const struct flow *flow,
			 usec now)
{
	row->at = now;
	row->way = out ? TRACE_OUT : TRACE_IN;
	row->transport = (uint16_t)flow->transport;
	row->local = flow->local;
	row->remote = flow->remote;
	if (!keep_texts(b, row))
		return;
	b->rows[b->n++] = *row;
	b->flush_at = b->n == PBX_TRACE_BATCH_ROWS ? now : usec_min(b->flush_at, usec_add(now, PBX_TRACE_BATCH_PACE));
}

struct keeper_ask *pbx_trace_batch_next(struct pbx_trace_batch *b, usec now, bool hurry)
{
	struct keeper_ask *ask;

	if (!b->n || (!hurry && now < b->flush_at))
		return NULL;
	ask = keeper_ask_new(
		&(struct keeper_ask){ .kind = KEEPER_TRACE_APPEND, .now = now, .traces = b->rows, .n = b->n });
	b->n = 0;
	b->flush_at = USEC_NEVER;
	arena_reset(&b->texts);
	return ask;
}

usec pbx_trace_batch_due(const struct pbx_trace_batch *b)
{
	return b->flush_at;
}
