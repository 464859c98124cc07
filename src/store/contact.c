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

/* ---- bytes: numbers seven bits a byte, the lowest first; texts behind their length ---- */

static void put_number(struct buf *out, uint64_t n)
{
	uint8_t bytes[10];
	size_t i = 0;

	for (; n > 127; n >>= 7)
		bytes[i++] = (uint8_t)(n | 128);
	bytes[i++] = (uint8_t)n;
	buf_put_bytes(out, bytes, i);
}

static void put_text(struct buf *out, str s)
{
	put_number(out, s.n);
	buf_put(out, s);
}

static void put_addr(struct buf *out, const struct addr *a)
{
	buf_put_u8(out, a->family);
	if (!a->family)
		return;
	buf_put_u16(out, a->port);
	buf_put_bytes(out, a->ip, a->family == 4 ? 4 : 16);
}

static bool take_number(str *rest, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;

	for (unsigned shift = 0; rest->n && shift < 64; shift += 7) {
		uint8_t byte = (uint8_t)*rest->p;

		*rest = str_skip(*rest, 1);
		n |= (uint64_t)(byte & 127) << shift;
		if (byte < 128) {
			*out = n;
			return n <= max;
		}
	}
	return false;
}

static bool take_text(str *rest, str *out)
{
	uint64_t n;

	if (!take_number(rest, rest->n, &n) || n > rest->n)
		return false;
	*out = str_head(*rest, n);
	*rest = str_skip(*rest, n);
	return true;
}

static bool take_addr(str *rest, struct addr *out)
{
	uint8_t family = rest->n ? (uint8_t)*rest->p : 1;
	size_t n = family == 4 ? 4 : 16;
	struct addr a = { .family = family };

	*rest = str_skip(*rest, 1);
	if (family && ((family != 4 && family != 6) || rest->n < 2 + n))
		return false;
	if (family) {
		a.port = (uint16_t)((uint8_t)rest->p[0] << 8 | (uint8_t)rest->p[1]);
		memcpy(a.ip, rest->p + 2, n);
		*rest = str_skip(*rest, 2 + n);
	}
	*out = a;
	return true;
}

void contact_write(const struct contact_record *c, struct buf *out)
{
	put_text(out, c->aor);
	put_text(out, c->key);
	put_number(out, !str_eq(c->uri, c->key)); /* nearly always the same */
	if (!str_eq(c->uri, c->key))
		put_text(out, c->uri);
	put_number(out, (uint64_t)c->expires);
	put_number(out, (uint64_t)c->updated);
	put_number(out, (uint64_t)c->registered);
	put_text(out, c->params);
	put_text(out, c->call_id);
	put_number(out, c->cseq);
	put_text(out, c->instance);
	put_number(out, c->reg_id);
	put_number(out, c->q);
	put_text(out, c->path);
	put_text(out, c->user_agent);
	put_text(out, c->machine);
	put_number(out, c->transport);
	put_number(out, c->flow_worker);
	put_number(out, c->flow_id);
	put_addr(out, &c->local);
	put_addr(out, &c->remote);
}

enum err contact_read(str s, struct contact_record *out)
{
	struct contact_record c = { .id = 0 };
	uint64_t own_uri, expires, updated, registered, cseq, reg_id, q, transport, worker, flow;

	if (!take_text(&s, &c.aor) || !take_text(&s, &c.key) || !take_number(&s, 1, &own_uri))
		return ERR_SYNTAX;
	c.uri = c.key;
	if ((own_uri && !take_text(&s, &c.uri)) || !take_number(&s, INT64_MAX, &expires) ||
	    !take_number(&s, INT64_MAX, &updated) || !take_number(&s, INT64_MAX, &registered) ||
	    !take_text(&s, &c.params) || !take_text(&s, &c.call_id) || !take_number(&s, UINT32_MAX, &cseq) ||
	    !take_text(&s, &c.instance) || !take_number(&s, UINT32_MAX, &reg_id) || !take_number(&s, UINT16_MAX, &q) ||
	    !take_text(&s, &c.path) || !take_text(&s, &c.user_agent) || !take_text(&s, &c.machine) ||
	    !take_number(&s, UINT16_MAX, &transport) || !take_number(&s, UINT16_MAX, &worker) ||
	    !take_number(&s, UINT32_MAX, &flow) || !take_addr(&s, &c.local) || !take_addr(&s, &c.remote))
		return ERR_SYNTAX;
	c.expires = (usec)expires;
	c.updated = (usec)updated;
	c.registered = (usec)registered;
	c.cseq = (uint32_t)cseq;
	c.reg_id = (uint32_t)reg_id;
	c.q = (uint16_t)q;
	c.transport = (uint16_t)transport;
	c.flow_worker = (uint16_t)worker;
	c.flow_id = (uint32_t)flow;
	*out = c;
	return ERR_NONE;
}
