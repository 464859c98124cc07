#include "pbx/tracer.h"

#include "pbx/trace_batch.h"

#include <stdlib.h>

struct pbx_tracer {
	const struct pbx_recorder *recorder;
	struct pbx_trace_batch batch;
};

struct pbx_tracer *pbx_tracer_new(const struct pbx_recorder *recorder)
{
	struct pbx_tracer *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->recorder = recorder;
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

void pbx_tracer_message(void *self, bool out, const struct flow *flow, str bytes, usec now)
{
	struct pbx_tracer *t = self;
	struct sip_msg *m = pbx_trace_batch_open(&t->batch, bytes);
	struct trace_record row = {
		.service = STR("pbx"),
		.secure = transport_is_secure(flow->transport) ? STR("tls") : STR_NONE,
	};
	struct sip_session_id id;
	char session[32];

	if (!m)
		return;
	if (sip_session_id_parse(sip_msg_value(m, SIP_SESSION_ID), &id)) {
		pbx_recorder_session(t->recorder, sip_msg_call_id(m), session);
		id.local = str_of(session, sizeof(session));
	}
	row.session = id.local;
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
