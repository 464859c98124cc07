/*
 * media/rtcp.h - reports about RTP (RFC 3550 6).
 *
 * Reads and writes compound packets of SR, RR, SDES (CNAME) and BYE, and decides when
 * the next report is due. Other packet types are stepped over.
 * Memory: nothing is allocated. Thread: its owner's.
 */
#ifndef MEDIA_RTCP_H
#define MEDIA_RTCP_H

#include "base/buf.h"
#include "base/err.h"
#include "base/rng.h"
#include "base/str.h"
#include "base/time.h"
#include "media/rtp.h"

#define RTCP_BLOCK_MAX 31
#define RTCP_CNAME_MAX 64

enum rtcp_kind { RTCP_OTHER = 0, RTCP_SR = 200, RTCP_RR = 201, RTCP_SDES = 202, RTCP_BYE = 203 };

/* RFC 3550 6.4.1. */
struct rtcp_block {
	uint32_t ssrc;
	uint8_t fraction;
	int32_t lost; /* 24 bits, signed */
	uint32_t highest;
	uint32_t jitter;
	uint32_t last_sr;       /* middle 32 bits of the NTP time of the last SR; 0: none */
	uint32_t since_last_sr; /* in 1/65536 s */
};

struct rtcp_packet {
	enum rtcp_kind kind;
	uint8_t number;           /* 192..223 */
	uint32_t ssrc;            /* of the sender; SDES, BYE: of the first chunk */
	uint64_t ntp;             /* SR: 32.32 fixed point since 1900 */
	uint32_t timestamp;       /* SR */
	uint32_t packets, octets; /* SR */
	struct rtcp_block blocks[RTCP_BLOCK_MAX];
	size_t block_n;
	str cname; /* SDES */
};

/* Takes the next packet off the front of a compound. ERR_ABSENT: no more; ERR_SYNTAX. */
MUST_CHECK enum err rtcp_take(str *rest, struct rtcp_packet *out);
/* A whole datagram: does it hold together, and does it begin with SR or RR (A.2)? */
bool rtcp_is_valid(str datagram);

void rtcp_write_sr(struct buf *, uint32_t ssrc, uint64_t ntp, uint32_t timestamp, uint32_t packets, uint32_t octets,
		   const struct rtcp_block *, size_t block_n);
void rtcp_write_rr(struct buf *, uint32_t ssrc, const struct rtcp_block *, size_t block_n);
void rtcp_write_sdes(struct buf *, uint32_t ssrc, str cname);
void rtcp_write_bye(struct buf *, uint32_t ssrc);

/* Wall clock to NTP and the middle 32 bits of it (RFC 3550 4). */
uint64_t rtcp_ntp(usec now);
static inline uint32_t rtcp_ntp_middle(uint64_t ntp)
{
	return (uint32_t)(ntp >> 16);
}
/* Round trip in microseconds by 6.4.1: A - LSR - DLSR; -1 where the block answers no report of ours
 * or would be negative. `now` is when the block arrived. */
int64_t rtcp_round_trip_us(const struct rtcp_block *, usec now);
/* When the next report goes, by 6.2 and 6.3.1 for a session of two: 5 s (the first 2.5 s) times 0.5..1.5,
 * divided by e - 3/2. */
usec rtcp_next_report(usec now, bool first, struct rng *);

#endif
