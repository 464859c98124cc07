/*
 * store/removal.h - bindings that somebody has taken away, for who holds them in memory.
 *
 * The bindings of an account that is removed or disabled, and those that an administrator takes away, go out of the
 * store's log at once (store/contact_log). The exchange that runs beside has them in memory (pbx/location): for it each
 * removal is noted here, by a number that only grows, and KEEPER_CHANGED tells it to read on. Without an exchange
 * nobody reads them; the last REMOVALS_KEPT stay: who reads on within a second misses none.
 *
 * Thread: the desk's.
 */
#ifndef STORE_REMOVAL_H
#define STORE_REMOVAL_H

#include "store/record.h"

#define REMOVALS_KEPT 20000

struct store_desk;

struct removal_record {
	int64_t id;
	str aor;     /* whose: "sip:101@example.com"; "sip:101@": in every domain */
	str key;     /* which binding; "": all of them */
	bool barred; /* the account is gone, too, or disabled: it need not try again */
};

extern const struct record_kind removal_record_kind;

MUST_CHECK enum err store_removal_note(struct store_desk *, str aor, str key, bool barred);
/* KEEPER_REMOVAL_LIST. */
MUST_CHECK enum err store_removal_list(struct store_desk *);

#endif
