#include "pbx/hep.h"

#include "sip/redact.h"
#include "sip/transport.h"

#include <stdlib.h>

/* The generic chunks (vendor 0). */
enum chunk {
	HEP_FAMILY = 1,
	HEP_PROTOCOL,
	HEP_SOURCE_4,
	HEP_TARGET_4,
	HEP_SOURCE_6,
	HEP_TARGET_6,
	HEP_SOURCE_PORT,
	HEP_TARGET_PORT,
	HEP_SECONDS,
	HEP_MICROSECONDS,
	HEP_KIND,
	HEP_AGENT,
	HEP_PASSWORD = 14,
	HEP_MESSAGE,
	HEP_CORRELATION = 17,
};

#define KIND_SIP     1
#define FAMILY_4     2
#define FAMILY_6     10
#define IP_TCP       6
#define IP_UDP       17
#define CALL_ID_MAX  200
#define PACKET_EXTRA 700 /* bytes of all chunks but the message and the password */

struct pbx_hep {
	struct pbx_hep_config config;
	uint32_t socket;
	bool bound;
	struct buf packets; /* each behind its length */
	size_t at;
	struct pbx_hep_figures figures;
};

static void put_head(enum chunk type, size_t n, struct buf *out)
{
	buf_put_u16(out, 0);
	buf_put_u16(out, (uint16_t)type);
	buf_put_u16(out, (uint16_t)(n + 6));
}

static void put_u8(enum chunk type, uint8_t v, struct buf *out)
{
	put_head(type, 1, out);
	buf_put_u8(out, v);
}

static void put_u16(enum chunk type, uint16_t v, struct buf *out)
{
	put_head(type, 2, out);
	buf_put_u16(out, v);
}

static void put_u32(enum chunk type, uint32_t v, struct buf *out)
{
	put_head(type, 4, out);
	buf_put_u32be(out, v);
}

static void put_text(enum chunk type, str s, struct buf *out)
{
	put_head(type, s.n, out);
	buf_put(out, s);
}

/* An IPv4 address among IPv6 ones is mapped (RFC 4291 2.5.5.2); one that is not known is all zeros. */
static void put_ip(enum chunk type, const struct addr *a, bool six, struct buf *out)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	put_head(type, six ? 16 : 4, out);
	if (six && a->family == 4) {
		buf_put_bytes(out, mapped, sizeof(mapped));
		six = false;
	}
	buf_put_bytes(out, a->ip, six ? 16 : 4);
}

void pbx_hep_write(const struct pbx_hep_config *c, bool is_out, const struct flow *flow, str bytes, usec now,
		   struct buf *out)
{
	const struct addr *from = is_out ? &flow->local : &flow->remote, *to = is_out ? &flow->remote : &flow->local;
	bool six = from->family == 6 || to->family == 6;
	size_t start = out->n, at;

	buf_put(out, STR("HEP3"));
	buf_put_u16(out, 0); /* the length, once it is known */
	put_u8(HEP_FAMILY, six ? FAMILY_6 : FAMILY_4, out);
	put_u8(HEP_PROTOCOL, flow->transport == TRANSPORT_UDP ? IP_UDP : IP_TCP, out);
	put_ip(six ? HEP_SOURCE_6 : HEP_SOURCE_4, from, six, out);
	put_ip(six ? HEP_TARGET_6 : HEP_TARGET_4, to, six, out);
	put_u16(HEP_SOURCE_PORT, from->port, out);
	put_u16(HEP_TARGET_PORT, to->port, out);
	put_u32(HEP_SECONDS, (uint32_t)(now / USEC_PER_SEC), out);
	put_u32(HEP_MICROSECONDS, (uint32_t)(now % USEC_PER_SEC), out);
	put_u8(HEP_KIND, KIND_SIP, out);
	put_u32(HEP_AGENT, c->id, out);
	if (c->password.n)
		put_text(HEP_PASSWORD, c->password, out);
	put_text(HEP_CORRELATION, str_head(sip_transport_call_id(bytes), CALL_ID_MAX), out);
	at = out->n;
	put_head(HEP_MESSAGE, 0, out);
	sip_redact(bytes, PBX_HEP_MESSAGE, out);
	if (!buf_ok(out))
		return;
	size_t n = out->n - at, whole = out->n - start;
	out->p[at + 4] = (char)(n >> 8);
	out->p[at + 5] = (char)n;
	out->p[start + 4] = (char)(whole >> 8);
	out->p[start + 5] = (char)whole;
}

struct pbx_hep *pbx_hep_new(const struct pbx_hep_config *config, uint32_t socket)
{
	struct pbx_hep *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->config = *config;
	h->socket = socket;
	buf_init_grow(&h->packets, PBX_HEP_BYTES);
	return h;
}

void pbx_hep_free(struct pbx_hep *h)
{
	if (h)
		buf_free(&h->packets);
	free(h);
}

void pbx_hep_message(struct pbx_hep *h, bool out, const struct flow *flow, str bytes, usec now)
{
	struct buf *b = &h->packets;
	size_t start = b->n, most = str_head(bytes, PBX_HEP_MESSAGE).n + h->config.password.n + PACKET_EXTRA;

	if (PBX_HEP_BYTES - start < most || !buf_room(b, most)) {
		h->figures.lost++;
		if (!buf_ok(b)) /* no memory: what is there stays */
			b->err = ERR_NONE;
		return;
	}
	buf_put_u16(b, 0);
	pbx_hep_write(&h->config, out, flow, bytes, now, b);
	size_t n = b->n - start - 2;
	b->p[start] = (char)(n >> 8);
	b->p[start + 1] = (char)n;
}

bool pbx_hep_want(struct pbx_hep *h, struct host_want *out)
{
	struct buf *b = &h->packets;

	*out = (struct host_want){ .kind = HOST_BIND, .id = h->socket, .local.family = h->config.collector.family };
	if (!h->bound) {
		h->bound = true;
		return true;
	}
	if (h->at == b->n) {
		buf_reset(b);
		h->at = 0;
		return false;
	}
	size_t n = (size_t)(uint8_t)b->p[h->at] << 8 | (uint8_t)b->p[h->at + 1];
	*out = (struct host_want){
		.kind = HOST_SEND, .id = h->socket, .remote = h->config.collector, .bytes = str_of(b->p + h->at + 2, n)
	};
	h->at += n + 2;
	h->figures.sent++;
	return true;
}

const struct pbx_hep_figures *pbx_hep_figures(const struct pbx_hep *h)
{
	return &h->figures;
}
