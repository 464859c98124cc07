#include "media/rtcp.h"

#define NTP_1970   2208988800ull /* seconds from 1900 to 1970 */
#define SDES_CNAME 1

static uint16_t get16(const char *p)
{
	return (uint16_t)((uint8_t)p[0] << 8 | (uint8_t)p[1]);
}

static uint32_t get32(const char *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void parse_blocks(str body, size_t n, struct rtcp_packet *out)
{
	for (size_t i = 0; i < n && body.n >= 24; i++, body = str_skip(body, 24)) {
		struct rtcp_block *b = &out->blocks[out->block_n++];
		uint32_t lost = get32(body.p + 4) & 0xffffff;

		b->ssrc = get32(body.p);
		b->fraction = (uint8_t)body.p[4];
		b->lost = (int32_t)(lost & 0x800000 ? lost | 0xff000000 : lost);
		b->highest = get32(body.p + 8);
		b->jitter = get32(body.p + 12);
		b->last_sr = get32(body.p + 16);
		b->since_last_sr = get32(body.p + 20);
	}
}

/* The CNAME of the first chunk (RFC 3550 6.5). */
static void parse_sdes(str body, struct rtcp_packet *out)
{
	body = str_skip(body, 4);
	while (body.n >= 2 && body.p[0]) {
		size_t n = (uint8_t)body.p[1];

		if (n > body.n - 2)
			return;
		if (body.p[0] == SDES_CNAME)
			out->cname = str_of(body.p + 2, n);
		body = str_skip(body, 2 + n);
	}
}

enum err rtcp_take(str *rest, struct rtcp_packet *out)
{
	str d = *rest;

	if (!d.n)
		return ERR_ABSENT;
	if (d.n < 4 || (uint8_t)d.p[0] >> 6 != 2)
		return ERR_SYNTAX;
	size_t n = 4u * get16(d.p + 2) + 4, count = (uint8_t)d.p[0] & 31, end = n;
	if (n > d.n)
		return ERR_SYNTAX;
	if ((uint8_t)d.p[0] & 0x20) { /* padding, of the last packet */
		size_t padding = (uint8_t)d.p[n - 1];

		if (!padding || padding > n - 4)
			return ERR_SYNTAX;
		end -= padding;
	}
	out->kind = RTCP_OTHER;
	out->number = (uint8_t)d.p[1];
	out->block_n = 0;
	out->ssrc = 0;
	out->cname = STR_NONE;
	str body = str_of(d.p + 4, end - 4);
	if (body.n >= 4)
		out->ssrc = get32(body.p);
	if (out->number == RTCP_SR && body.n >= 24 + 24 * count) {
		out->kind = RTCP_SR;
		out->ntp = (uint64_t)get32(body.p + 4) << 32 | get32(body.p + 8);
		out->timestamp = get32(body.p + 12);
		out->packets = get32(body.p + 16);
		out->octets = get32(body.p + 20);
		parse_blocks(str_skip(body, 24), count, out);
	} else if (out->number == RTCP_RR && body.n >= 4 + 24 * count) {
		out->kind = RTCP_RR;
		parse_blocks(str_skip(body, 4), count, out);
	} else if (out->number == RTCP_SDES) {
		out->kind = RTCP_SDES;
		parse_sdes(body, out);
	} else if (out->number == RTCP_BYE) {
		out->kind = RTCP_BYE;
	} else if (out->number == RTCP_SR || out->number == RTCP_RR) {
		return ERR_SYNTAX;
	}
	*rest = str_skip(d, n);
	return ERR_NONE;
}

bool rtcp_is_valid(str d)
{
	struct rtcp_packet packet;
	enum err err;

	if (d.n < 8 || ((uint8_t)d.p[1] != RTCP_SR && (uint8_t)d.p[1] != RTCP_RR))
		return false;
	do
		err = rtcp_take(&d, &packet);
	while (!err);
	return err == ERR_ABSENT;
}

static void write_head(struct buf *out, enum rtcp_kind kind, size_t count, size_t words, uint32_t ssrc)
{
	buf_put_u8(out, (uint8_t)(0x80 | count));
	buf_put_u8(out, (uint8_t)kind);
	buf_put_u16(out, (uint16_t)words); /* 32-bit words less one */
	buf_put_u32be(out, ssrc);
}

static void write_blocks(struct buf *out, const struct rtcp_block *blocks, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct rtcp_block *b = &blocks[i];

		buf_put_u32be(out, b->ssrc);
		buf_put_u32be(out, (uint32_t)b->fraction << 24 | ((uint32_t)b->lost & 0xffffff));
		buf_put_u32be(out, b->highest);
		buf_put_u32be(out, b->jitter);
		buf_put_u32be(out, b->last_sr);
		buf_put_u32be(out, b->since_last_sr);
	}
}

void rtcp_write_sr(struct buf *out, uint32_t ssrc, uint64_t ntp, uint32_t timestamp, uint32_t packets, uint32_t octets,
		   const struct rtcp_block *blocks, size_t n)
{
	write_head(out, RTCP_SR, n, 6 + 6 * n, ssrc);
	buf_put_u64be(out, ntp);
	buf_put_u32be(out, timestamp);
	buf_put_u32be(out, packets);
	buf_put_u32be(out, octets);
	write_blocks(out, blocks, n);
}

void rtcp_write_rr(struct buf *out, uint32_t ssrc, const struct rtcp_block *blocks, size_t n)
{
	write_head(out, RTCP_RR, n, 1 + 6 * n, ssrc);
	write_blocks(out, blocks, n);
}

void rtcp_write_sdes(struct buf *out, uint32_t ssrc, str cname)
{
	cname = str_head(cname, RTCP_CNAME_MAX);
	size_t chunk = 4 + 2 + cname.n, padded = (chunk + 4) & ~(size_t)3; /* at least one zero ends the items */

	write_head(out, RTCP_SDES, 1, padded / 4, ssrc);
	buf_put_u8(out, SDES_CNAME);
	buf_put_u8(out, (uint8_t)cname.n);
	buf_put(out, cname);
	for (size_t i = chunk; i < padded; i++)
		buf_put_u8(out, 0);
}

void rtcp_write_bye(struct buf *out, uint32_t ssrc)
{
	write_head(out, RTCP_BYE, 1, 1, ssrc);
}

uint64_t rtcp_ntp(usec now)
{
	uint64_t seconds = (uint64_t)now / 1000000u, micro = (uint64_t)now % 1000000u;

	return (seconds + NTP_1970) << 32 | (micro << 32) / 1000000u;
}

int64_t rtcp_round_trip_us(const struct rtcp_block *b, usec now)
{
	uint32_t trip = rtcp_ntp_middle(rtcp_ntp(now)) - b->last_sr - b->since_last_sr; /* 1/65536 s, RFC 3550 6.4.1 */

	if (!b->last_sr || (int32_t)trip < 0)
		return -1;
	return (int64_t)trip * 1000000 / 65536;
}

usec rtcp_next_report(usec now, bool first, struct rng *rng)
{
	/* RFC 3550 6.3.1: the minimum rules, two members never come near the bandwidth bound */
	double span = (first ? 2.5 : 5.0) * (0.5 + rng_u32(rng) / 4294967296.0) / (2.71828 - 1.5);

	return usec_add(now, (usec)(span * 1e6));
}
