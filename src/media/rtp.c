#include "media/rtp.h"

#define DROPOUT_MAX  3000 /* RFC 3550 A.1 */
#define MISORDER_MAX 100
#define SEQUENCE_MOD 65536u
#define SEQUENCE_BAD (SEQUENCE_MOD + 1)

static uint16_t get16(const char *p)
{
	return (uint16_t)((uint8_t)p[0] << 8 | (uint8_t)p[1]);
}

static uint32_t get32(const char *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

enum err rtp_parse(str d, struct rtp_packet *out)
{
	struct rtp_packet packet = { 0 };

	if (d.n < RTP_HEADER_N || (uint8_t)d.p[0] >> 6 != 2)
		return ERR_SYNTAX;
	packet.marker = (uint8_t)d.p[1] >> 7;
	packet.payload_type = (uint8_t)d.p[1] & 127;
	packet.sequence = get16(d.p + 2);
	packet.timestamp = get32(d.p + 4);
	packet.ssrc = get32(d.p + 8);
	packet.csrc_n = (uint8_t)d.p[0] & 15;
	size_t at = RTP_HEADER_N + 4u * packet.csrc_n, end = d.n;
	if (at > end)
		return ERR_SYNTAX;
	packet.csrc = str_of(d.p + RTP_HEADER_N, 4u * packet.csrc_n);
	packet.extended = (uint8_t)d.p[0] & 0x10;
	if (packet.extended) {
		if (end - at < 4 || end - at - 4 < 4u * get16(d.p + at + 2))
			return ERR_SYNTAX;
		packet.extension_kind = get16(d.p + at);
		packet.extension = str_of(d.p + at + 4, 4u * get16(d.p + at + 2));
		at += 4 + packet.extension.n;
	}
	if ((uint8_t)d.p[0] & 0x20) { /* padding: its last byte counts itself */
		size_t padding = end > at ? (uint8_t)d.p[end - 1] : 0;

		if (!padding || padding > end - at)
			return ERR_SYNTAX;
		end -= padding;
	}
	packet.payload = str_of(d.p + at, end - at);
	packet.header_n = at;
	*out = packet;
	return ERR_NONE;
}

void rtp_write(const struct rtp_packet *p, struct buf *out)
{
	buf_put_u8(out, (uint8_t)(0x80 | (p->extended ? 0x10 : 0) | p->csrc_n));
	buf_put_u8(out, (uint8_t)((p->marker ? 0x80 : 0) | p->payload_type));
	buf_put_u16(out, p->sequence);
	buf_put_u32be(out, p->timestamp);
	buf_put_u32be(out, p->ssrc);
	buf_put(out, p->csrc);
	if (p->extended) {
		buf_put_u16(out, p->extension_kind);
		buf_put_u16(out, (uint16_t)(p->extension.n / 4));
		buf_put(out, p->extension);
	}
	buf_put(out, p->payload);
}

/* RFC 8285 4.2 and 4.3. */
bool rtp_extension_find(const struct rtp_packet *p, uint8_t id, str *out)
{
	bool one_byte = p->extension_kind == 0xbede, two_byte = (p->extension_kind & 0xfff0) == 0x1000;
	const char *e = p->extension.p;
	size_t at = 0, n = p->extension.n;

	if (!p->extended || (!one_byte && !two_byte) || !id)
		return false;
	while (at < n) {
		uint8_t first = (uint8_t)e[at++];

		if (!first)
			continue; /* padding */
		uint8_t this_id = one_byte ? first >> 4 : first;
		size_t length = one_byte ? (first & 15u) + 1 : at < n ? (uint8_t)e[at++] : SIZE_MAX;
		if ((one_byte && this_id == 15) || length > n - at)
			return false;
		if (this_id == id) {
			*out = str_of(e + at, length);
			return true;
		}
		at += length;
	}
	return false;
}

bool rtp_is_rtcp(str d)
{
	return d.n >= 2 && (uint8_t)d.p[0] >> 6 == 2 && (uint8_t)d.p[1] >= 192 && (uint8_t)d.p[1] <= 223;
}

void rtp_source_init(struct rtp_source *s, uint32_t ssrc, uint32_t clock_hz)
{
	*s = (struct rtp_source){ .ssrc = ssrc, .clock_hz = clock_hz };
}

static void restart(struct rtp_source *s, uint16_t sequence)
{
	s->started = true;
	s->max_sequence = sequence;
	s->cycles = 0;
	s->base_sequence = sequence;
	s->bad_sequence = SEQUENCE_BAD;
	s->received = s->received_prior = s->expected_prior = 0;
}

/* RFC 3550 A.1 */
static bool update_sequence(struct rtp_source *s, uint16_t sequence)
{
	uint16_t delta = (uint16_t)(sequence - s->max_sequence);

	if (!s->started) {
		restart(s, sequence);
	} else if (delta < DROPOUT_MAX) {
		if (sequence < s->max_sequence)
			s->cycles += SEQUENCE_MOD;
		s->max_sequence = sequence;
	} else if (delta <= SEQUENCE_MOD - MISORDER_MAX) {
		if (sequence != s->bad_sequence) {
			s->bad_sequence = (sequence + 1u) & (SEQUENCE_MOD - 1);
			return false;
		}
		restart(s, sequence); /* two in a row: the other side started anew without telling */
	}
	s->received++;
	return true;
}

/* RFC 3550 A.8, on the packet's own clock. A packet of the same moment as the last (an event, a second part) says
 * nothing about the network. */
static void update_jitter(struct rtp_source *s, uint32_t timestamp, usec arrival)
{
	uint64_t seconds = (uint64_t)arrival / 1000000u, rest = (uint64_t)arrival % 1000000u;
	uint32_t arrived = (uint32_t)(seconds * s->clock_hz + rest * s->clock_hz / 1000000u);
	int32_t transit = (int32_t)(arrived - timestamp);

	if (s->transit_set && timestamp == s->last_timestamp)
		return;
	if (s->transit_set) {
		int64_t d = (int64_t)(int32_t)((uint32_t)transit - (uint32_t)s->transit);

		if (d < 0)
			d = -d;
		if (d < s->clock_hz * 4ll) /* a new time base is no jitter */
			s->jitter_q4 = (uint32_t)((int64_t)s->jitter_q4 + d - ((s->jitter_q4 + 8) >> 4));
	}
	s->transit = transit;
	s->transit_set = true;
	s->last_timestamp = timestamp;
}

bool rtp_source_seen(struct rtp_source *s, uint16_t sequence, uint32_t timestamp, usec arrival)
{
	if (!update_sequence(s, sequence))
		return false;
	update_jitter(s, timestamp, arrival);
	return true;
}

/* RFC 3550 A.3 */
void rtp_source_loss(struct rtp_source *s, bool report, struct rtp_loss *out)
{
	struct rtp_loss loss = { .received = s->received };

	loss.highest = s->cycles + s->max_sequence;
	loss.expected = s->started ? loss.highest - s->base_sequence + 1 : 0;
	int64_t lost = (int64_t)loss.expected - s->received;
	loss.lost = (int32_t)(lost > 0x7fffff ? 0x7fffff : lost < -0x800000 ? -0x800000 : lost);
	uint32_t expected = loss.expected - s->expected_prior;
	int64_t missing = (int64_t)expected - (s->received - s->received_prior);
	if (expected && missing > 0)
		loss.fraction = (uint8_t)(missing >= expected ? 255 : (missing << 8) / expected);
	loss.jitter = s->jitter_q4 >> 4;
	if (report) {
		s->expected_prior = loss.expected;
		s->received_prior = s->received;
	}
	*out = loss;
}

uint32_t rtp_source_jitter_us(const struct rtp_source *s)
{
	return s->clock_hz ? (uint32_t)((uint64_t)(s->jitter_q4 >> 4) * 1000000u / s->clock_hz) : 0;
}
