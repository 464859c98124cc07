/*
 * overlay/roll.h - the names that exist, as far as a super node knows.
 *
 * A set of user keys (overlay_user_key), so that a person who is away (480) and one whom nobody knows (404) can be told
 * apart. Nothing else hangs from it, and nobody is taken out: a name that has gone is taken for one that is away.
 *
 * Bound: `max` names; beyond, new ones stay unknown. Memory: the owner embeds it, about 80 bytes a name;
 * overlay_roll_free. Thread: its owner's.
 */
#ifndef OVERLAY_ROLL_H
#define OVERLAY_ROLL_H

#include "base/map.h"
#include "base/rng.h"
#include "overlay/field.h"

struct overlay_roll {
	struct map map; /* private */
	uint64_t key[2];
};

void overlay_roll_init(struct overlay_roll *, size_t max, struct rng *);
void overlay_roll_free(struct overlay_roll *);
/* Harmless where it is there already. ERR_FULL, ERR_MEMORY: it stays unknown. */
MUST_CHECK enum err overlay_roll_add(struct overlay_roll *, const uint8_t user[OVERLAY_KEY_N]);
bool overlay_roll_has(const struct overlay_roll *, const uint8_t user[OVERLAY_KEY_N]);

#endif
