/*
 * call/media_ask.h - what signalling and the media service say to each other.
 *
 * One struct each way, sent by HOST_TELL: signalling (an agent, an edge) asks, the
 * media service (call/media_service.h, on the media thread) answers and reports.
 * Everything is inside the struct; nothing points into another thread's memory.
 *
 *     OPEN     -> OPENED (what of ours goes into the offer or answer) or FAILED
 *     CONNECT  what offer and answer agreed on; again after each re-negotiation
 *              -> UP once packets may flow, or FAILED
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
#include "media/session.h"
#include "sdp/offer.h"

#define MEDIA_DIGIT_N 32

enum media_ask_kind { MEDIA_ASK_OPEN = 1, MEDIA_ASK_CONNECT, MEDIA_ASK_BRIDGE, MEDIA_ASK_DTMF, MEDIA_ASK_CLOSE };

struct media_ask {
	enum media_ask_kind kind;
	uint32_t stream;
	/* OPEN */
	struct addr local; /* address to bind, port 0: any; family 0: every address of the machine (ICE) */
	struct addr stun;  /* server for server-reflexive candidates; family 0: none */
	bool ice;          /* gather candidates */
	bool offerer;      /* we are about to make the offer (ICE: controlling) */
	unsigned security; /* bits of enum sdp_security that may be agreed on: what to have ready */
	bool has_device;   /* PCM to and from device `device`, known to who built the service (WAVs, sound card) */
	uint32_t device;
	uint32_t bitrate_bps; /* Opus; 0: as the service likes */
	/* CONNECT */
	struct sdp_offer_result agreed;
	/* BRIDGE: the other stream of the same asker; 0 parts them */
	uint32_t other;
	/* DTMF: 0-9 * # A-D, ended with NUL, 100 ms each with 100 ms between */
	char digits[MEDIA_DIGIT_N + 1];
};

enum media_answer_kind {
	MEDIA_OPENED = 1, /* `local`: address, candidates, fingerprint, a fresh SDES key */
	MEDIA_UP,         /* packets may flow: `path` */
	MEDIA_DIGIT,      /* the far side pressed `digit` */
	MEDIA_SILENT,     /* no packet for `idle_s`; once, until one comes again */
	MEDIA_FAILED,     /* `err`, `text`: no path, handshake refused, no socket; the stream still wants CLOSE */
	MEDIA_CLOSED,     /* `stats` */
};

/* How the two ends reach each other. */
struct media_path {
	struct addr local, remote;
	enum sdp_security security;
	bool ice; /* false: the kinds below say nothing */
	enum sdp_candidate_kind local_kind, remote_kind;
};

struct media_answer {
	enum media_answer_kind kind;
	uint32_t stream;
	enum err err;
	char text[128]; /* FAILED: for the person */
	struct sdp_offer_end local;
	struct media_path path;
	struct media_stats stats;
	char digit;
	uint32_t idle_s;
};

struct media_ask *media_ask_new(enum media_ask_kind, uint32_t stream);
struct media_answer *media_answer_new(enum media_answer_kind, uint32_t stream);
void media_ask_free(struct media_ask *);
void media_answer_free(struct media_answer *);
/* "plaintext", "SDES-SRTP", "DTLS-SRTP". */
str media_security_name(enum sdp_security);

#endif
