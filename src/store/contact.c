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

#define NUMBER_MAX 10
#define ADDR_MAX   19

static uint8_t *put_number(uint8_t *at, uint64_t n)
{
	for (; n > 127; n >>= 7)
		*at++ = (uint8_t)(n | 128);
	*at++ = (uint8_t)n;
	return at;
}

static uint8_t *put_text(uint8_t *at, str s)
{
	at = put_number(at, s.n);
	if (s.n)
		memcpy(at, s.p, s.n);
	return at + s.n;
}

static uint8_t *put_addr(uint8_t *at, const struct addr *a)
{
	size_t n = a->family == 4 ? 4 : 16;

	*at++ = a->family;
	if (!a->family)
		return at;
	*at++ = (uint8_t)(a->port >> 8);
	*at++ = (uint8_t)a->port;
	memcpy(at, a->ip, n);
	return at + n;
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
	bool own_uri = !str_eq(c->uri, c->key); /* nearly always the same */
	size_t most = c->aor.n + c->key.n + c->uri.n + c->params.n + c->call_id.n + c->instance.n + c->path.n +
		      c->user_agent.n + c->machine.n + 19 * NUMBER_MAX + 2 * ADDR_MAX;
	uint8_t *at = buf_room(out, most), *start = at;

	if (!at)
		return;
	at = put_text(at, c->aor);
	at = put_text(at, c->key);
	at = put_number(at, own_uri);
	if (own_uri)
		at = put_text(at, c->uri);
	at = put_number(at, (uint64_t)c->expires);
	at = put_number(at, (uint64_t)c->updated);
	at = put_number(at, (uint64_t)c->registered);
	at = put_text(at, c->params);
	at = put_text(at, c->call_id);
	at = put_number(at, c->cseq);
	at = put_text(at, c->instance);
	at = put_number(at, c->reg_id);
	at = put_number(at, c->q);
	at = put_text(at, c->path);
	at = put_text(at, c->user_agent);
	at = put_text(at, c->machine);
	at = put_number(at, c->transport);
	at = put_number(at, c->flow_worker);
	at = put_number(at, c->flow_id);
	at = put_addr(at, &c->local);
	at = put_addr(at, &c->remote);
	out->n += (size_t)(at - start);
}

void contact_write_name(str aor, str key, struct buf *out)
{
	uint8_t *at = buf_room(out, aor.n + key.n + 2 * NUMBER_MAX), *start = at;

	if (!at)
		return;
	at = put_text(put_text(at, aor), key);
	out->n += (size_t)(at - start);
}

enum err contact_read_name(str s, str *aor, str *key, usec *expires)
{
	uint64_t own_uri, time;
	str uri;

	if (!take_text(&s, aor) || !take_text(&s, key))
		return ERR_SYNTAX;
	if (!expires)
		return ERR_NONE;
	if (!take_number(&s, 1, &own_uri) || (own_uri && !take_text(&s, &uri)) || !take_number(&s, INT64_MAX, &time))
		return ERR_SYNTAX;
	*expires = (usec)time;
	return ERR_NONE;
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
