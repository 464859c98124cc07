/*
 * pbx/seats.h - which calls of this worker count against limits, from INVITE to their end.
 *
 * A call is entered with the leases (pbx/tally.h) that were taken for it. They are given back when its INVITE ends
 * without a 2xx, when a BYE of the same dialog is answered (or 40 s after, unanswered), when the session timer says
 * that it must be over (RFC 4028: nobody refreshed it within Session-Expires), or after the policy's longest call;
 * whatever comes first. A BYE counts only with both tags of the dialog: one that the far side refuses as none of its
 * calls frees nothing. Until then leases are prolonged every PBX_TALLY_LEASE / 3.
 *
 * Answers of a forked call may make several dialogs; the call is over when the last of them is.
 *
 * Bounded: PBX_SEATS_MAX calls; beyond, the answer is no. Memory: opaque. Thread: its owner's.
 */
#ifndef PBX_SEATS_H
#define PBX_SEATS_H

#include "base/rng.h"
#include "base/slab.h"
#include "base/time.h"
#include "sip/msg.h"

#define PBX_SEATS_MAX     200000
#define PBX_SEATS_OF_CALL 8 /* leases */

struct pbx_seats;

/* One lease to be prolonged or given back, at the worker that has the number. */
struct pbx_seat_word {
	bool drop; /* else: prolong */
	uint64_t number, lease;
};

struct pbx_seats *pbx_seats_new(struct rng *); /* NULL: no memory */
void pbx_seats_free(struct pbx_seats *);

/* A call begins; `longest` counts from its last answer. 0: full, or no memory. */
handle pbx_seats_add(struct pbx_seats *, struct sip_msg *invite, usec longest, usec now);
/* It has this lease too. false: it has too many. */
bool pbx_seats_take(struct pbx_seats *, handle, uint64_t number, uint64_t lease);
/* Gives back the last n leases taken. */
void pbx_seats_give(struct pbx_seats *, handle, size_t n);
/* The INVITE is over without a 2xx (after one, it is harmless). */
void pbx_seats_end(struct pbx_seats *, handle);
/* A BYE passes. */
void pbx_seats_bye(struct pbx_seats *, struct sip_msg *, usec now);
/* An answer passes: to INVITE, UPDATE (session timer) or BYE. */
void pbx_seats_answer(struct pbx_seats *, struct sip_msg *response, usec now);
size_t pbx_seats_n(const struct pbx_seats *);

/* What to tell the tallies; false: nothing now. */
bool pbx_seats_next(struct pbx_seats *, struct pbx_seat_word *);
void pbx_seats_tick(struct pbx_seats *, usec now);
usec pbx_seats_due(const struct pbx_seats *);

#endif
