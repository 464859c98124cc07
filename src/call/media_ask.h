/*
 * call/media_ask.h - what signalling and the media service say to each other.
 *
 * One struct each way, sent by HOST_TELL: signalling (an agent, an edge) asks, the
 * media service (call/media_service.h, on the media thread) answers and reports.
 * Everything is inside the struct; nothing points into another thread's memory.
 *
 *     OPEN     -> OPENED (what of ours goes into the offer or answer) or FAILED
 *     CONNECT  the far side's description and what was agreed; again after each
 *              re-negotiation           -> UP once packets may flow, or FAILED
 *     BRIDGE   packets of two streams go to one another, transcoded where they differ
 *     DTMF     digits to the far side as RFC 4733 events
 *     CLOSE    -> CLOSED with the figures of the stream; the last message about it
 *
 * A stream is named by the asking service's number (HOST_TOLD.from) and `stream`,
 * which that service chooses, each once while in use.
 *
 * Memory: made by media_ask_new / media_answer_new (malloc, cleared), freed by
 * whoever got it, with media_ask_free / media_answer_free, which wipe (keys inside).
 */
#ifndef CALL_MEDIA_ASK_H
#define CALL_MEDIA_ASK_H

#include "base/addr.h"
#include "base/str.h"
#include "base/time.h"

#define MEDIA_CANDIDATE_N 16
#define MEDIA_DIGIT_N     32
#define MEDIA_SDES_KEY_N  30 /* AES_CM_128_HMAC_SHA1_80: 16 of key, 14 of salt (RFC 4568 6.1) */

/* How the packets of a stream are protected. Bits, for what is offered. */
enum media_security {
	MEDIA_PLAIN = 1, /* RTP; the record says "plaintext" */
	MEDIA_SDES = 2,  /* SRTP, key in the SDP (RFC 4568) */
	MEDIA_DTLS = 4,  /* SRTP, key by DTLS (RFC 5764) */
};

enum media_codec { MEDIA_CODEC_NONE, MEDIA_OPUS, MEDIA_PCMU, MEDIA_PCMA };

enum media_direction { MEDIA_INACTIVE, MEDIA_SENDONLY, MEDIA_RECVONLY, MEDIA_SENDRECV }; /* as seen by us */

enum media_candidate_kind { MEDIA_HOST = 1, MEDIA_SRFLX, MEDIA_PRFLX, MEDIA_RELAY };

/* RFC 8839 5.1; UDP, component 1 (RTP and RTCP share a port wherever ICE is used). */
struct media_candidate {
	enum media_candidate_kind kind;
	uint32_t priority;
	struct addr addr, base;
	char foundation[33];
};

/* One side of a stream, as SDP tells it. */
struct media_side {
	struct addr rtp, rtcp; /* default destination; rtcp unset: the same as rtp (rtcp-mux) or rtp + 1 */
	bool mux;              /* a=rtcp-mux */
	bool ice;
	char ufrag[257], pwd[257]; /* ended with NUL */
	struct media_candidate candidates[MEDIA_CANDIDATE_N];
	uint8_t candidate_n;
	uint8_t security;        /* ours: all that are on offer; the far side's: the one agreed */
	uint8_t fingerprint[32]; /* DTLS: SHA-256 of the certificate (RFC 8122) */
	uint8_t sdes_key[MEDIA_SDES_KEY_N];
};

/* What both sides agreed on. */
struct media_terms {
	enum media_codec codec;
	uint8_t payload_out, payload_in; /* numbers in packets we send; that we get */
	uint8_t dtmf_out, dtmf_in;       /* telephone-event likewise; 0: none */
	uint16_t ptime_ms;               /* of what we send: 10, 20, 40, 60 */
	uint32_t bitrate;                /* Opus: bit/s at most, 0: as the service likes */
	bool fec, stereo;                /* Opus: the far side wants in-band FEC; hears stereo */
	enum media_direction direction;  /* ours */
	bool dtls_active;                /* we send the ClientHello (a=setup) */
	bool controlling;                /* ICE role */
};

enum media_ask_kind { MEDIA_ASK_OPEN = 1, MEDIA_ASK_CONNECT, MEDIA_ASK_BRIDGE, MEDIA_ASK_DTMF, MEDIA_ASK_CLOSE };

struct media_ask {
	enum media_ask_kind kind;
	uint32_t stream;
	/* OPEN */
	struct addr local; /* address to bind, port 0: any; family 0: every address of the machine (ICE) */
	struct addr stun;  /* server for server-reflexive candidates; family 0: none */
	bool ice;          /* gather candidates */
	uint8_t security;  /* bits of enum media_security that may be offered */
	bool has_device;   /* PCM to and from device `device`, known to who built the service (WAVs, sound card) */
	uint32_t device;
	/* CONNECT */
	struct media_side remote;
	struct media_terms terms;
	/* BRIDGE: the other stream of the same asker; 0 parts them */
	uint32_t other;
	/* DTMF: 0-9 * # A-D, ended with NUL, 100 ms each with 100 ms between */
	char digits[MEDIA_DIGIT_N + 1];
};

enum media_answer_kind {
	MEDIA_OPENED = 1, /* `local` */
	MEDIA_UP,         /* packets may flow: `path` */
	MEDIA_DIGIT,      /* the far side pressed `digit` */
	MEDIA_SILENT,     /* no packet for `idle` (seconds); once, until one comes again */
	MEDIA_FAILED,     /* `err`, `text`: no path, handshake refused, no socket; the stream still wants CLOSE */
	MEDIA_CLOSED,     /* `figures` */
};

struct media_path {
	struct addr local, remote;
	uint8_t security;                           /* one bit */
	enum media_candidate_kind kind, their_kind; /* how the two ends reach each other; 0: no ICE */
};

struct media_figures {
	uint64_t sent, received, lost, late; /* packets */
	uint64_t concealed;                  /* 20 ms periods made up */
	uint32_t jitter_us, rtt_us;          /* last known; rtt 0: unknown */
	usec first_in, first_out;            /* 0: none */
};

struct media_answer {
	enum media_answer_kind kind;
	uint32_t stream;
	enum err err;
	char text[128]; /* FAILED: for the person */
	struct media_side local;
	struct media_path path;
	struct media_figures figures;
	char digit;
	uint32_t idle;
};

struct media_ask *media_ask_new(enum media_ask_kind, uint32_t stream);
struct media_answer *media_answer_new(enum media_answer_kind, uint32_t stream);
void media_ask_free(struct media_ask *);
void media_answer_free(struct media_answer *);
/* "opus", "PCMU", "PCMA", as in SDP; "none". */
str media_codec_name(enum media_codec);
/* "plaintext", "SDES-SRTP", "DTLS-SRTP"; of one bit. */
str media_security_name(uint8_t);

#endif
