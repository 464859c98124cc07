/*
 * media/session.h - one audio stream: packets on one side, 20 ms of sound on the other.
 *
 * A machine without socket, crypto and clock. Towards the path: clear RTP and RTCP in
 * (media_session_recv), clear packets out (media_session_next). Towards the ear: exactly
 * MEDIA_PERIOD samples at 48 kHz a call of media_session_play, gaps concealed and
 * counted. Towards the mouth: MEDIA_PERIOD samples a call of media_session_speak. The
 * owner calls both every 20 ms of the play clock. RTCP goes out about every 5 s.
 *
 * A bridge of two sessions either speaks what the other played (PCM), or, where both use the
 * same codec, hands payloads over as they are with media_session_forward: fresh
 * sequence, timestamp and SSRC, nothing decoded.
 *
 * Memory: all of it is taken in new; the packet path allocates nothing. Bound:
 * MEDIA_OUT_N packets wait to be drained; when full the oldest is lost and counted.
 * Thread: its owner's.
 */
#ifndef MEDIA_SESSION_H
#define MEDIA_SESSION_H

#include "base/rng.h"
#include "base/time.h"
#include "media/codec.h"
#include "media/rtp.h"

#define MEDIA_RATE_HZ   48000
#define MEDIA_PERIOD    960 /* samples of 20 ms */
#define MEDIA_PERIOD_US (20 * USEC_PER_MS)
#define MEDIA_OUT_N     8
#define MEDIA_CODEC_MAX 8

struct media_session_codec {
	enum codec_id id;
	uint8_t pt_send, pt_recv;
};

struct media_session_setup {
	struct media_session_codec codecs[MEDIA_CODEC_MAX]; /* [0] is what we send; all are understood */
	size_t codec_n;
	struct codec_setup codec; /* bit rate and so on of what we send */
	bool dtmf;
	uint8_t dtmf_pt_send, dtmf_pt_recv;
	uint32_t dtmf_clock_hz; /* 0: that of the codec */
	uint16_t ptime_ms;      /* 20, 40 or 60; 0: 20 */
	bool send, receive;     /* direction; RTCP flows always */
	uint32_t jitter_ms;     /* delay to start with; 0: 60 */
	str cname;              /* at most RTCP_CNAME_MAX; empty: random */
	struct rng *rng;        /* SSRC, first sequence and timestamp, report times; must outlive the session */
};

struct media_stats {
	enum codec_id codec;
	str codec_name, band; /* static */
	uint32_t ssrc_local, ssrc_remote;
	uint64_t packets_sent, octets_sent; /* octets: payload */
	uint64_t packets_received, octets_received;
	uint32_t lost; /* by sequence numbers */
	uint32_t late; /* came too late to play */
	uint32_t duplicate, reordered;
	uint32_t unknown;                     /* payload types nobody agreed on, damaged packets */
	uint32_t dropped_out;                 /* MEDIA_OUT_N was full */
	uint64_t periods;                     /* played */
	uint32_t concealed;                   /* of them, periods with some concealed sound, after the first packet */
	double jitter_ms;                     /* RFC 3550 A.8 */
	uint32_t delay_ms;                    /* of the jitter buffer */
	double rtt_ms;                        /* -1: unknown */
	double remote_loss;                   /* fraction 0..1 in the far side's last report; -1: unknown */
	uint32_t remote_lost;                 /* total in the far side's last report */
	double level_in_dbfs, level_out_dbfs; /* of the last period played and spoken; -120: silent */
	usec first_packet, last_packet;       /* arrival; 0: none */
};

struct media_session;

/* NULL: no memory, no codec, or one that we do not have. */
struct media_session *media_session_new(const struct media_session_setup *, usec now);
void media_session_free(struct media_session *);
/* A new agreement for the running stream (hold, resume, another codec): SSRC, sequence and statistics go
 * on. ERR_MEMORY, ERR_UNSUPPORTED: as it was. */
MUST_CHECK enum err media_session_change(struct media_session *, const struct media_session_setup *, usec now);

/* A clear datagram, RTP or RTCP. What is no such thing is counted and dropped. */
void media_session_recv(struct media_session *, str datagram, usec now);
/* The next 20 ms for the ear; silence while nothing is received. */
void media_session_play(struct media_session *, int16_t pcm[MEDIA_PERIOD], usec now);
/* 20 ms from the mouth. Makes a packet every ptime, unless the direction says no or a key is being sent. */
void media_session_speak(struct media_session *, const int16_t pcm[MEDIA_PERIOD], usec now);
/* Bridge without decoding: the payload of `packet`, which came in on a session with the same codec, goes out here.
 * false: not possible now (another codec or payload type unknown here, direction): use PCM. */
bool media_session_forward(struct media_session *, const struct media_session *from, const struct rtp_packet *packet,
			   usec now);
/* May `from`'s payloads go out on this session as they are? */
bool media_session_can_forward(const struct media_session *, const struct media_session *from);
/* While on, payloads that come in are handed over by the owner (forward): they are counted and keys are heard, but
 * nothing is kept for the ear and play gives silence. */
void media_session_relay(struct media_session *, bool on);
/* Keys for the far side; dtmf was agreed on or ERR_UNSUPPORTED. ERR_FULL, ERR_SYNTAX as in dtmf.h. */
MUST_CHECK enum err media_session_press(struct media_session *, str keys, uint16_t key_ms);
/* The end: a BYE is drained from next() (RFC 3550 6.6). */
void media_session_bye(struct media_session *, usec now);

void media_session_tick(struct media_session *, usec now); /* RTCP */
usec media_session_due(const struct media_session *);

enum media_out_kind { MEDIA_RTP = 1, MEDIA_RTCP, MEDIA_KEY };

struct media_out {
	enum media_out_kind kind;
	uint8_t *bytes; /* RTP, RTCP: n bytes that the caller may change; `room` more behind them for a tag */
	size_t n, room;
	char key; /* MEDIA_KEY: the far side pressed it */
};

/* What to do next; false: nothing. Valid until the next call. */
bool media_session_next(struct media_session *, struct media_out *out);
void media_session_stats(const struct media_session *, struct media_stats *out);

#endif
