#include "store/pcapng.h"

#define BLOCK_SECTION    0x0a0d0d0au
#define BLOCK_INTERFACE  1u
#define BLOCK_PACKET     6u
#define LINK_RAW         101 /* IPv4 or IPv6 from the first byte */
#define OPTION_COMMENT   1
#define OPTION_PRECISION 9
#define IP_UDP           17
#define PACKET_MAX       (TRACE_MESSAGE_MAX + 200)

/* Little-endian, as the section's magic says; a file is read anywhere. */
static void put16(uint16_t v, struct buf *out)
{
	buf_put_u8(out, (uint8_t)v);
	buf_put_u8(out, (uint8_t)(v >> 8));
}

static void put32(uint32_t v, struct buf *out)
{
	put16((uint16_t)v, out);
	put16((uint16_t)(v >> 16), out);
}

static void pad(struct buf *out, size_t n)
{
	for (; n % 4; n++)
		buf_put_u8(out, 0);
}

static size_t padded(size_t n)
{
	return (n + 3) / 4 * 4;
}

void store_pcapng_start(struct buf *out)
{
	put32(BLOCK_SECTION, out);
	put32(28, out);
	put32(0x1a2b3c4du, out);
	put16(1, out);
	put16(0, out);
	put32(UINT32_MAX, out); /* the section's length: not said */
	put32(UINT32_MAX, out);
	put32(28, out);

	put32(BLOCK_INTERFACE, out);
	put32(32, out);
	put16(LINK_RAW, out);
	put16(0, out);
	put32(0, out); /* packets are whole */
	put16(OPTION_PRECISION, out);
	put16(1, out);
	put32(6, out); /* microseconds */
	put32(0, out); /* end of options */
	put32(32, out);
}

/* RFC 1071, over 16 bits at a time. */
static uint32_t add_sum(uint32_t sum, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < n; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* As IPv6, an IPv4 address mapped. */
static void write_ip(const struct addr *a, bool six, uint8_t out[16])
{
	memset(out, 0, 16);
	if (six && a->family == 4) {
		out[10] = out[11] = 0xff;
		memcpy(out + 12, a->ip, 4);
	} else {
		memcpy(out, a->ip, six ? 16 : 4);
	}
}

static void put_packet(const struct addr *from, const struct addr *to, str message, struct buf *out)
{
	bool six = from->family == 6 || to->family == 6;
	uint16_t n = (uint16_t)(message.n + 8);
	uint8_t source[16], target[16],
		udp[8] = { (uint8_t)(from->port >> 8), (uint8_t)from->port, (uint8_t)(to->port >> 8),
			   (uint8_t)to->port,          (uint8_t)(n >> 8),   (uint8_t)n };
	size_t ip_n = six ? 16 : 4;

	write_ip(from, six, source);
	write_ip(to, six, target);
	if (six) {
		buf_put_u32be(out, 6u << 28);
		buf_put_u16(out, n);
		buf_put_u8(out, IP_UDP);
		buf_put_u8(out, 64);
	} else {
		uint8_t head[12] = { 0x45, 0, (uint8_t)((n + 20) >> 8), (uint8_t)(n + 20), 0, 0, 0x40, 0, 64, IP_UDP };
		uint16_t sum = fold(add_sum(add_sum(add_sum(0, head, 12), source, 4), target, 4));
		head[10] = (uint8_t)(sum >> 8);
		head[11] = (uint8_t)sum;
		buf_put_bytes(out, head, sizeof(head));
	}
	buf_put_bytes(out, source, ip_n);
	buf_put_bytes(out, target, ip_n);
	uint32_t sum = add_sum(add_sum((uint32_t)n + IP_UDP, source, ip_n), target, ip_n);
	sum = add_sum(add_sum(sum, udp, 8), message.p, message.n);
	uint16_t check = fold(sum) ? fold(sum) : 0xffff; /* RFC 768: 0 would mean none */
	udp[6] = (uint8_t)(check >> 8);
	udp[7] = (uint8_t)check;
	buf_put_bytes(out, udp, sizeof(udp));
	buf_put(out, message);
}

static void write_comment(const struct trace_record *r, struct buf *out)
{
	str name = transport_name((enum transport)r->transport);

	buf_put(out, str_head(r->service, 100));
	buf_put(out, r->way == TRACE_IN ? STR(": in, ") : STR(": out, "));
	for (size_t i = 0; i < name.n; i++)
		buf_put_char(out, str_lower(name.p[i]));
	if (r->secure.n && !str_eq(r->secure, STR("tls"))) {
		buf_put(out, STR(", "));
		buf_put(out, str_head(r->secure, 60));
	}
	if (r->peer.n) {
		buf_put(out, r->way == TRACE_IN ? STR(", from ") : STR(", to "));
		buf_put(out, str_head(r->peer, 100));
	}
}

void store_pcapng_packet(const struct trace_record *r, struct buf *out)
{
	const struct addr *from = r->way == TRACE_IN ? &r->remote : &r->local;
	const struct addr *to = r->way == TRACE_IN ? &r->local : &r->remote;
	char packet_text[PACKET_MAX], comment_text[400];
	struct buf packet, comment;
	str message = str_head(r->message.n ? r->message : r->start, TRACE_MESSAGE_MAX);

	buf_init(&packet, packet_text, sizeof(packet_text));
	buf_init(&comment, comment_text, sizeof(comment_text));
	put_packet(from, to, message, &packet);
	write_comment(r, &comment);
	size_t whole = 32 + padded(packet.n) + 4 + padded(comment.n) + 4;
	put32(BLOCK_PACKET, out);
	put32((uint32_t)whole, out);
	put32(0, out); /* the interface */
	put32((uint32_t)((uint64_t)r->at >> 32), out);
	put32((uint32_t)r->at, out);
	put32((uint32_t)packet.n, out);
	put32((uint32_t)packet.n, out);
	buf_put(out, buf_str(&packet));
	pad(out, packet.n);
	put16(OPTION_COMMENT, out);
	put16((uint16_t)comment.n, out);
	buf_put(out, buf_str(&comment));
	pad(out, comment.n);
	put32(0, out); /* end of options */
	put32((uint32_t)whole, out);
}
