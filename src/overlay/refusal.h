/*
 * overlay/refusal.h - why a server of the overlay said no, as a number and as a sentence.
 *
 * The numbers are those of the wire (docs/wire/overlay.md, REFUSED); from 100 on they are a node's
 * own. The sentence is for the person at the node.
 */
#ifndef OVERLAY_REFUSAL_H
#define OVERLAY_REFUSAL_H

#include "base/err.h"
#include "base/str.h"

enum overlay_refusal {
	OVERLAY_REFUSAL_NONE = 0,
	OVERLAY_REFUSAL_MALFORMED,
	OVERLAY_REFUSAL_UNSUPPORTED,
	OVERLAY_REFUSAL_PASSWORD,
	OVERLAY_REFUSAL_NETWORK,
	OVERLAY_REFUSAL_FORGED,
	OVERLAY_REFUSAL_EXPIRED,
	OVERLAY_REFUSAL_EARLY,
	OVERLAY_REFUSAL_PROOF,
	OVERLAY_REFUSAL_OVERLOADED,
	OVERLAY_REFUSAL_SLOW_DOWN,
	OVERLAY_REFUSAL_NOT_YOURS,
	OVERLAY_REFUSAL_STALE,
	OVERLAY_REFUSAL_REPLACED,
	OVERLAY_REFUSAL_MOVED,
	OVERLAY_REFUSAL_INTERNAL,
	OVERLAY_REFUSAL_WIRE_LAST = OVERLAY_REFUSAL_INTERNAL,
	/* A node's own, never on the wire. */
	OVERLAY_REFUSAL_UNREACHABLE = 100, /* no server answered */
	OVERLAY_REFUSAL_PIN,               /* the server is not the one the descriptor names */
	OVERLAY_REFUSAL_CLOCK,             /* this machine's clock is wrong */
	OVERLAY_REFUSAL_LOGGED_OUT,        /* no certificate and no password */
};

/* "the password is wrong, or there is no such user". Never empty. */
str overlay_refusal_text(enum overlay_refusal);
/* Whether trying again unchanged may help; false: a person must act. */
bool overlay_refusal_passes(enum overlay_refusal);
/* The refusal that tells of a failed check of certificate or record. */
enum overlay_refusal overlay_refusal_of(enum err);

#endif
