#include "store/contact.h"

static const struct record_field contact_record_fields[] = {
	{ "id", offsetof(struct contact_record, id), RECORD_I64 },
	{ "aor", offsetof(struct contact_record, aor), RECORD_TEXT },
	{ "key", offsetof(struct contact_record, key), RECORD_TEXT },
	{ "uri", offsetof(struct contact_record, uri), RECORD_TEXT },
	{ "params", offsetof(struct contact_record, params), RECORD_TEXT },
	{ "call_id", offsetof(struct contact_record, call_id), RECORD_TEXT },
	{ "cseq", offsetof(struct contact_record, cseq), RECORD_U32 },
	{ "instance", offsetof(struct contact_record, instance), RECORD_TEXT },
	{ "reg_id", offsetof(struct contact_record, reg_id), RECORD_U32 },
	{ "q", offsetof(struct contact_record, q), RECORD_U16 },
	{ "path", offsetof(struct contact_record, path), RECORD_TEXT },
	{ "user_agent", offsetof(struct contact_record, user_agent), RECORD_TEXT },
	{ "machine", offsetof(struct contact_record, machine), RECORD_TEXT },
	{ "transport", offsetof(struct contact_record, transport), RECORD_U16 },
	{ "flow_worker", offsetof(struct contact_record, flow_worker), RECORD_U16 },
	{ "flow_id", offsetof(struct contact_record, flow_id), RECORD_U32 },
	{ "local", offsetof(struct contact_record, local), RECORD_ADDR },
	{ "remote", offsetof(struct contact_record, remote), RECORD_ADDR },
	{ "registered", offsetof(struct contact_record, registered), RECORD_USEC },
	{ "updated", offsetof(struct contact_record, updated), RECORD_USEC },
	{ "expires", offsetof(struct contact_record, expires), RECORD_USEC },
};

const struct record_kind contact_record_kind = { .name = "contact",
						 .size = sizeof(struct contact_record),
						 .fields = contact_record_fields,
						 .field_n = sizeof(contact_record_fields) /
							    sizeof(*contact_record_fields) };

struct flow contact_flow(const struct contact_record *c)
{
	return (struct flow){ .transport = c->transport,
			      .worker = c->flow_worker,
			      .id = c->flow_id,
			      .local = c->local,
			      .remote = c->remote };
}

void contact_set_flow(struct contact_record *c, const struct flow *flow)
{
	c->transport = (uint16_t)flow->transport;
	c->flow_worker = flow->worker;
	c->flow_id = flow->id;
	c->local = flow->local;
	c->remote = flow->remote;
}
