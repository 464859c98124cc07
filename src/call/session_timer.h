/*
 * call/session_timer.h - is the other end still there?
 *
 * Session timers of a user agent (RFC 4028 7., 9., 10.) for one dialog: what we ask for in INVITE and UPDATE, what we
 * agree to, which of the two refreshes, when that is due, and when the call has to be given up. It sends nothing:
 * session_timer_tick() says what is to be done.
 *
 *     our request:    write_request -> (a 422: raise, and once more) -> agreed by its 2xx
 *     their request:  judge -> 422, or accept with our 2xx
 *
 * Memory: the owner embeds it and frees nothing. Thread: its owner's.
 */
#ifndef CALL_SESSION_TIMER_H
#define CALL_SESSION_TIMER_H

#include "base/buf.h"
#include "base/time.h"
#include "sip/msg.h"

#define SESSION_TIMER_LEAST   90u   /* seconds; RFC 4028 4.: nobody may ask for less */
#define SESSION_TIMER_DEFAULT 1800u /* RFC 4028 4. */

/* What a request of theirs says of it. */
struct session_timer_wish {
	bool supported;
	uint32_t interval, least; /* 0: not said */
	char refresher;           /* 'c', 's', 0 */
};

struct session_timer {
	uint32_t wanted;   /* seconds that we ask for, 0: none by ourselves */
	uint32_t interval; /* agreed; 0: no timer runs */
	bool ours;         /* we refresh */
	uint32_t least;    /* private: the largest Min-SE that was heard (7.4); 0: none */
	unsigned raises;   /* private: 422s in a row; and refreshes that were refused otherwise */
	unsigned misses;
	struct session_timer_wish asked; /* by the request that was judged last */
	usec refresh_at, expire_at;
};

enum session_timer_step { SESSION_TIMER_QUIET, SESSION_TIMER_REFRESH, SESSION_TIMER_EXPIRED };

void session_timer_init(struct session_timer *, uint32_t wanted);
/* Session-Expires and Min-SE of an INVITE or UPDATE of ours, each with its CRLF. */
void session_timer_write_request(const struct session_timer *, struct buf *lines);
/* A 422 has come. true: worth asking once more, with what it wants. */
bool session_timer_raise(struct session_timer *, struct sip_msg *response);
/* The 2xx of a request of ours. `first`: it makes the dialog, in which the 422s on the way to it count no more (7.4).
 * One without an interval stops the timer: a far side that knows none is not refreshed for our sake alone (7.2). */
void session_timer_agreed(struct session_timer *, struct sip_msg *response, bool first, usec now);

/* An INVITE or UPDATE of theirs: remembers what it wants. 0, or 422 with `lines` for it. */
int session_timer_judge(struct session_timer *, struct sip_msg *request, struct buf *lines);
/* It is answered with a 2xx now, which gets these lines. */
void session_timer_accept(struct session_timer *, struct buf *lines, usec now);

/* REFRESH: an UPDATE or re-INVITE is due; once. EXPIRED: the far side is gone: BYE. */
enum session_timer_step session_timer_tick(struct session_timer *, usec now);
usec session_timer_due(const struct session_timer *);
void session_timer_stop(struct session_timer *);

#endif
