/*
 * call/cause.h - why a call ended, in words for the person.
 *
 * One short list that every side of the house uses: the softphone says it and turns
 * it into an exit code, the edge maps it from one road to the other, the call record
 * keeps it. A SIP status is what one hop said; a cause is what it means to the caller.
 */
#ifndef CALL_CAUSE_H
#define CALL_CAUSE_H

#include "base/str.h"

enum call_cause {
	CALL_CAUSE_NONE,     /* not ended */
	CALL_HUNG_UP,        /* answered, and one of the two hung up: the good end */
	CALL_CANCELLED,      /* the caller gave up before an answer (487) */
	CALL_BUSY,           /* 486, 600 */
	CALL_DECLINED,       /* 603, 403 without a challenge */
	CALL_NO_ANSWER,      /* rang, nobody came (480 after ringing, 408 from a server, our own limit) */
	CALL_UNKNOWN,        /* 404, 410, 604, 484, 416: no such person */
	CALL_AWAY,           /* 480: known, but not reachable now */
	CALL_NO_CODEC,       /* 488, 606, 415: nothing in common */
	CALL_WRONG_PASSWORD, /* 401 or 407 again after our answer, 403 to it */
	CALL_NO_ROUTE,       /* no address, connection refused, DNS, 503 by ourselves */
	CALL_SILENCE,        /* asked, and no answer at all (timer B or F) */
	CALL_OVERLOADED,     /* 503 with Retry-After, our own admission */
	CALL_NO_MEDIA,       /* signalling worked, but no packets can pass (ICE or DTLS failed) */
	CALL_GONE,           /* the far side vanished in the middle of the call */
	CALL_FORGED,         /* a seal or certificate did not hold */
	CALL_UNTRUSTED,      /* TLS: the server did not prove the name by which we know it, or we ours */
	CALL_SERVER_ERROR,   /* any other 5xx, 6xx */
	CALL_FAILED,         /* any other 3xx, 4xx */
};

/* `status`: the final answer to an INVITE, 300..699. `rang`: a 180 or 183 had come before. */
enum call_cause call_cause_of_status(int status, bool rang);
/* What to say on the other road: a final status 400..699. */
int call_cause_status(enum call_cause);
/* One word for records and JSON: "hung-up", "busy", "no-codec"... Never NULL. */
const char *call_cause_word(enum call_cause);
/* A sentence for the person: "The person called is busy." Never NULL. */
const char *call_cause_text(enum call_cause);

#endif
