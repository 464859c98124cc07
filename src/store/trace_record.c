#include "store/trace_record.h"

static const struct record_field trace_record_fields[] = {
	{ "id", offsetof(struct trace_record, id), RECORD_I64 },
	{ "at", offsetof(struct trace_record, at), RECORD_USEC },
	{ "session", offsetof(struct trace_record, session), RECORD_TEXT },
	{ "call_id", offsetof(struct trace_record, call_id), RECORD_TEXT },
	{ "service", offsetof(struct trace_record, service), RECORD_TEXT },
	{ "way", offsetof(struct trace_record, way), RECORD_U16 },
	{ "transport", offsetof(struct trace_record, transport), RECORD_U16 },
	{ "local", offsetof(struct trace_record, local), RECORD_ADDR },
	{ "remote", offsetof(struct trace_record, remote), RECORD_ADDR },
	{ "peer", offsetof(struct trace_record, peer), RECORD_TEXT },
	{ "secure", offsetof(struct trace_record, secure), RECORD_TEXT },
	{ "line", offsetof(struct trace_record, start), RECORD_TEXT },
	{ "cseq", offsetof(struct trace_record, cseq), RECORD_TEXT },
	{ "message", offsetof(struct trace_record, message), RECORD_BYTES },
};

const struct record_kind trace_record_kind = { .name = "trace_record",
					       .size = sizeof(struct trace_record),
					       .fields = trace_record_fields,
					       .field_n = sizeof(trace_record_fields) / sizeof(*trace_record_fields) };
