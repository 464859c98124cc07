/*
 * call/call.h - one conversation, as a user agent sees it.
 *
 * Outgoing or incoming INVITE dialog (RFC 3261 12, 13, 14, 15), its offer/answer
 * (RFC 3264: offer in the INVITE or late, in the 2xx), the media stream it asks for,
 * and how all of it ended. It speaks to three sides: the SIP stack that it was given
 * (its requests and responses go straight in), the media service (asks, drained with
 * call_media_next), and its owner (events, drained with call_event_next).
 *
 *              dial                            (INVITE comes in)
 *           CALL_CALLING ---- 18x ----.        CALL_INCOMING -- call_ring
 *               |                     |            | call_answer      `- call_reject
 *               | 2xx            CALL_RINGING      | (2xx, ACK)
 *               `-------> CALL_UP <---'  <---------'
 *                            | BYE, either way
 *                        CALL_ENDED     (CANCEL, 3xx-6xx, silence: straight from above)
 *
 * Glare (491), lost ACKs, CANCEL crossing 2xx and second 2xx of a forked INVITE
 * (RFC 3261 13.2.2.4) are dealt with inside.
 *
 * Memory: opaque, call_free. Thread: its owner's.
 */
#ifndef CALL_CALL_H
#define CALL_CALL_H

#include "base/log.h"
#include "base/rng.h"
#include "base/str.h"
#include "base/time.h"
#include "call/cause.h"
#include "call/media_ask.h"

#define CALL_CODEC_N  4
#define CALL_NAME_N   256 /* longest address of record kept, with its NUL */
#define CALL_ID_N     128 /* longest Call-ID kept, with its NUL; longer ones are kept by the dialog alone */
#define CALL_EVENT_N  8   /* events that may wait; an owner that drains after every verb never meets it */
#define CALL_TARGET_N 512 /* longest Request-URI of ours */
#define CALL_LINES_N  (2 * CALL_TARGET_N + 544) /* further lines of our INVITE: Replaces, Referred-By, and Route */

struct call;
struct leg_house;
struct leg_plan;
struct sip_event;
struct sip_address;
struct sip_msg;
struct sip_target;

enum call_state { CALL_IDLE, CALL_CALLING, CALL_RINGING, CALL_INCOMING, CALL_UP, CALL_ENDED };

/* RFC 7989: two halves of 32 lower-case hex digits; all zeros: not known (yet). */
struct call_session {
	char local[33], remote[33];
};

/* What is offered, and accepted of an offer. */
struct call_media_wish {
	enum codec_id codecs[CALL_CODEC_N]; /* best first */
	uint8_t codec_n;
	unsigned security; /* bits of enum sdp_security: what is offered, and taken */
	bool ice;          /* full ICE; without, plain addresses (RFC 4566) */
	struct addr local; /* media address, port 0: any; family 0 only with ice */
	struct addr stun;
	bool has_device; /* see struct media_ask */
	uint32_t device;
	uint32_t bitrate_bps; /* Opus; 0: as the media service likes */
};

/* Facts for a call record and for people; complete once CALL_ENDED. */
struct call_facts {
	bool outgoing;
	char call_id[CALL_ID_N];
	struct call_session session;
	char caller[CALL_NAME_N], callee[CALL_NAME_N]; /* "sip:alice@example.net" */
	char uri[CALL_TARGET_N];                       /* incoming: the Request-URI */
	uint32_t max_forwards;                         /* incoming: what is left (RFC 3261 16.6) */
	char proven[CALL_NAME_N];                      /* the far side, as the road proved it; empty: not proven */
	usec start, ringing, answer, media_up, end;    /* 0: did not happen */
	enum call_cause cause;
	int status;      /* the final SIP status behind it, 0: none */
	bool by_us;      /* we ended it */
	char reason[96]; /* the far side's phrase or Reason text, may be empty */
	enum codec_id codec;
	struct media_path path;
	struct media_stats stats;
};

enum call_event_kind {
	CALL_EVENT_INCOMING = 1, /* ring, answer or reject it */
	CALL_EVENT_RINGING,      /* `status` 180, 181, 182, 183 (first of each); `early`: there is early media */
	CALL_EVENT_ANSWERED,     /* 2xx, sent or received */
	CALL_EVENT_MEDIA,        /* packets may flow now: facts->path, ->codec */
	CALL_EVENT_HELD,         /* the far side holds us (or we hold it, `by_us`); RESUMED likewise */
	CALL_EVENT_RESUMED,
	CALL_EVENT_DIGIT, /* the far side pressed `digit`: RFC 4733, or INFO */
	CALL_EVENT_TEXT,  /* the far side wrote `text` (MESSAGE) */
	CALL_EVENT_REFER, /* the far side wants us to call `text`, a URI: call_refer_answer. (An agent that follows by
			     itself has done so: `other` is the call that it makes.) */
	CALL_EVENT_TRANSFER, /* the transfer that we asked for: `status` 100..699; from 200 on it is settled, and a 2xx
				ends this call */
	CALL_EVENT_REPLACES, /* INCOMING, and being answered already: in the place of call `other`, which ends (RFC
				3891) */
	CALL_EVENT_ENDED,    /* the last one */
};

struct call_event {
	enum call_event_kind kind;
	int status;
	bool early, by_us;
	char digit;
	enum call_cause cause;          /* ENDED */
	const char *text;               /* TEXT, REFER: valid until the next event of this call */
	uint64_t other;                 /* REFER, REPLACES: the agent's handle; 0: none */
	const struct call_facts *facts; /* the call's; valid until it is freed */
};

/* Facts so far. Never NULL. */
const struct call_facts *call_facts(const struct call *);
enum call_state call_state(const struct call *);
/* Number of its stream at the media service, for a bridge. */
uint32_t call_stream(const struct call *);

/* Incoming: says 180, or with `status` 181..183; `early` puts the answer into it, so that media
 * flows before the answer (RFC 3261 13.3.1.1). ERR_STATE unless INCOMING. */
MUST_CHECK enum err call_ring(struct call *, int status, bool early, usec now);
/* Incoming: 200. ERR_STATE unless INCOMING. */
MUST_CHECK enum err call_answer(struct call *, usec now);
/* Incoming: a final status 300..699. `retry_after` seconds, 0: not said. ERR_STATE unless INCOMING. */
MUST_CHECK enum err call_reject(struct call *, int status, uint32_t retry_after, usec now);
/* Ends it by whatever the state asks for: CANCEL, 480, BYE. Harmless when ended. `cause`: for the
 * record, CALL_CAUSE_NONE = the plain reading (hung up, cancelled). */
void call_hang_up(struct call *, enum call_cause, usec now);
/* Asks the far side to stop sending (a=sendonly, RFC 3264 8.4), or to go on; as soon as what is being settled now is
 * (the last wish counts); glare is retried inside. ERR_STATE unless UP. */
MUST_CHECK enum err call_hold(struct call *, bool on, usec now);
/* Speaks with this half of the Session-ID from now on: that of the far end behind a back-to-back user agent
 * (RFC 7989 6.). 32 lower-case hex digits; anything else is ignored. */
void call_adopt_session(struct call *, const char *local);
/*
 * Asks the far side to call `target`, a URI, instead of us (RFC 3515); with `other`, a call of ours that is UP: to take
 * our place in that one (RFC 3891; `target` is then how its far side is reached). TRANSFER events follow. ERR_STATE:
 * not UP, or a transfer runs; ERR_LIMIT: too long.
 */
MUST_CHECK enum err call_refer(struct call *, str target, const struct call *other, usec now);
/* Answers a CALL_EVENT_REFER: 202, or 300..699. ERR_STATE: none waits. */
MUST_CHECK enum err call_refer_answer(struct call *, int status, usec now);
/* After 202: how the call that it asked for does, 100..699; from 200 on it is the last word. Harmless otherwise. */
void call_refer_notify(struct call *, int status, usec now);
/* Writes to the far side, plain text of up to ABILITY_TEXT_MAX bytes (MESSAGE). ERR_STATE, ERR_LIMIT. */
MUST_CHECK enum err call_write(struct call *, str text, usec now);
/* RFC 4733 events. ERR_STATE without media, ERR_SYNTAX for what is no digit, ERR_LIMIT above 32. */
MUST_CHECK enum err call_dtmf(struct call *, str digits);

/* ---- for the agent that owns it ---- */

struct call_birth {
	const struct leg_house *house; /* outlives the call */
	struct call_media_wish wish;
	uint32_t stream; /* at the media service; its own */
	uint64_t cookie; /* of its transactions in the stack */
	usec ring_max;   /* incoming: 480 after this long */
	bool redirects;  /* outgoing: a 3xx is followed */
};

/* NULL: no memory. */
struct call *call_new(const struct call_birth *);
void call_free(struct call *);
/* Outgoing: opens media at once; the INVITE leaves when call_route has said where to as well. */
void call_dial(struct call *, str caller, str callee, const struct call_session *, usec now);
void call_route(struct call *, const struct leg_plan *, usec now);
/* It cannot be made: ENDED follows. `text` for the facts, may be empty. */
void call_fail(struct call *, enum call_cause, int status, str text, usec now);
/* Incoming: a REQUEST event with an INVITE that begins a dialog. INCOMING or ENDED follows; whatever is
 * wrong with it has been answered. `proven`: who the road says it is from, may be empty. */
void call_take(struct call *, const struct sip_event *, const struct sip_target *, str contact, str proven, usec now);
/* Is this request (with a To tag) inside its dialog? */
/* Is this address (From of a request, To of an answer) the one that the call was made with? A road proves who signed a
 * message by that address, so it has to stay the same. */
bool call_is_with(const struct call *, const struct sip_address *);
bool call_owns(const struct call *, struct sip_msg *);
/* Is this its dialog (as Replaces names it)? */
bool call_is_dialog(const struct call *, str call_id, str local_tag, str remote_tag);
/* It was redirected: true, once: to where; then call_route with that, or call_fail. */
bool call_redirect_next(struct call *, char uri[CALL_TARGET_N]);
/* What a CALL_EVENT_REFER asks for, as lines of the INVITE that follows it: Replaces, Referred-By. */
void call_refer_lines(const struct call *, struct buf *lines);
/* An event of the stack with its cookie, or a REQUEST that call_owns. */
void call_recv(struct call *, const struct sip_event *, usec now);
/* An answer of the media service about its stream. */
void call_told(struct call *, const struct media_answer *, usec now);
void call_tick(struct call *, usec now);
usec call_due(const struct call *);
/* The next question to the media service, the caller's from now on; NULL: none. */
struct media_ask *call_media_next(struct call *);
bool call_event_next(struct call *, struct call_event *out);
/* ENDED was said, and nothing of it is in the air any more: it may be freed. A BYE or CANCEL that nobody answers
 * keeps it for 32 s beyond ENDED. */
bool call_is_over(const struct call *);

#endif
