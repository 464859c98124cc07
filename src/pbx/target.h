/*
 * pbx/target.h - of the contacts of an address: who is tried first, who together, who after.
 *
 * RFC 3261 16.6: the target set is ordered by q: contacts of the same q ring together, those of a lower one after them.
 * Of one phone (+sip.instance) that has several flows (reg-id), one is tried at a time, the newest first
 * (RFC 5626 5.3). What the caller prefers (pbx/preference.h, RFC 3841) is heard: contacts that cannot do what it
 * requires go, those that fit better come first among equals, and it may want no fork, or no waiting.
 *
 * A function of what it is given; no state. Thread: any.
 */
#ifndef PBX_TARGET_H
#define PBX_TARGET_H

#include "pbx/location.h"

struct pbx_target {
	uint8_t row;   /* which of the rows */
	uint8_t group; /* from 0: those of one group ring together, the next after them */
	uint8_t spare; /* 1 + place in this list of another flow of the same phone, tried where this one is dead;
			  0: none */
	bool is_spare; /* it is such another flow, and not tried by itself */
};

struct pbx_targets {
	struct pbx_target list[PBX_CONTACTS_MAX];
	size_t n;
};

enum pbx_target_order {
	PBX_TARGET_BY_Q,     /* groups of equal q */
	PBX_TARGET_TOGETHER, /* all at once */
	PBX_TARGET_ONE_BY_ONE,
	PBX_TARGET_ONE_PHONE, /* all are ways to one phone (RFC 5627 6.1): the newest, the others where it is dead */
};

/* Orders rows[n], n <= PBX_CONTACTS_MAX, of one address of record. fits[n]: how well each is what the caller prefers
 * (pbx_preference_score), among equal q the best first and the others after; REJECTED: not at all. NULL: all alike. */
void pbx_target_order(const struct contact_record *rows, const int16_t *fits, size_t n, enum pbx_target_order,
		      struct pbx_targets *out);
/* Only the first, with its spare flows (no-fork). */
void pbx_target_first(struct pbx_targets *);

#endif
