/*
 * media/rtp.h - RTP packets and what their sequence tells.
 *
 * RFC 3550 5.1 (packet), 8285 (header extensions), 5761 4 (telling RTCP apart), and
 * the receiver's statistics of RFC 3550 A.1, A.3, A.8. No socket, no crypto.
 * Memory: a parsed packet points into its datagram. Thread: its owner's.
 */
#ifndef MEDIA_RTP_H
#define MEDIA_RTP_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/time.h"

#define RTP_HEADER_N   12
#define RTP_PACKET_MAX 1500 /* what we ever send or take */

struct rtp_packet {
	bool marker;
	uint8_t payload_type;
	uint16_t sequence;
	uint32_t timestamp;
	uint32_t ssrc;
	uint8_t csrc_n;
	str csrc;                /* 4 * csrc_n bytes, network order */
	bool extended;           /* X bit */
	uint16_t extension_kind; /* 0xbede one-byte, 0x100x two-byte elements, else private */
	str extension;           /* behind its 4-byte header */
	str payload;             /* without padding */
	size_t header_n;         /* bytes before the payload */
};

/* A datagram. ERR_SYNTAX: not RTP version 2, or lengths that do not fit. */
MUST_CHECK enum err rtp_parse(str datagram, struct rtp_packet *out);
/* Header, CSRCs, extension and payload as they stand in the struct; padding is not written. */
void rtp_write(const struct rtp_packet *, struct buf *);
/* Element `id` (1..255) of the header extension; false: absent. */
bool rtp_extension_find(const struct rtp_packet *, uint8_t id, str *out);
/* RFC 5761 4: packet types 192..223 are RTCP. false also for fewer than 2 bytes. */
bool rtp_is_rtcp(str datagram);
/* Newer, older: how far a is ahead of b, in serial arithmetic. */
static inline int16_t rtp_sequence_ahead(uint16_t a, uint16_t b)
{
	return (int16_t)(uint16_t)(a - b);
}
static inline int32_t rtp_timestamp_ahead(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

/* One sender as we hear it (RFC 3550 A.1). */
struct rtp_source {
	uint32_t ssrc;
	uint32_t clock_hz;
	bool started; /* private from here */
	uint16_t max_sequence;
	uint32_t cycles; /* shifted count of wraps */
	uint32_t base_sequence, bad_sequence;
	uint32_t received, expected_prior, received_prior;
	int32_t transit;
	bool transit_set;
	uint32_t last_timestamp;
	uint32_t jitter_q4; /* RTP units, scaled by 16 */
};

struct rtp_loss {
	uint32_t expected, received;
	int32_t lost;     /* expected - received; negative with duplicates; within 24 bits */
	uint8_t fraction; /* of 256, since the last report */
	uint32_t highest; /* extended highest sequence */
	uint32_t jitter;  /* RTP units */
};

/* `clock_hz` is the RTP clock of the payload. */
void rtp_source_init(struct rtp_source *, uint32_t ssrc, uint32_t clock_hz);
/* A packet came. false: its sequence number is far off and does not count yet (A.1: a
 * second one in a row restarts the source). Our peers are named by signalling, so the
 * probation of two packets before the first is left out. */
bool rtp_source_seen(struct rtp_source *, uint16_t sequence, uint32_t timestamp, usec arrival);
/* A.3. `report` true: a report is being made, the interval for `fraction` starts anew. */
void rtp_source_loss(struct rtp_source *, bool report, struct rtp_loss *out);
/* A.8, in microseconds. */
uint32_t rtp_source_jitter_us(const struct rtp_source *);

#endif
