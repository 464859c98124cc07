/*
 * overlay/backoff.h - slows down who guesses, without locking an office out.
 *
 * Wrong passwords are counted for each pair of source and name: three are free, then each costs
 * a wait of 1, 2, 4 .. 60 s for this pair alone. A source as a whole is slowed, to one try a
 * second, only after 60 failures without a success between. All is forgotten 15 minutes
 * after the last failure. A source is an IPv4 address or an IPv6 /56.
 *
 * Bounds: 65536 entries; full: the one nearest to being forgotten goes. Memory: the owner embeds the
 * struct. Thread: its owner's.
 */
#ifndef OVERLAY_BACKOFF_H
#define OVERLAY_BACKOFF_H

#include "base/addr.h"
#include "base/heap.h"
#include "base/map.h"
#include "base/rng.h"

struct overlay_backoff {
	struct map map; /* private */
	struct heap heap;
	uint64_t key[2];
};

void overlay_backoff_init(struct overlay_backoff *, struct rng *);
void overlay_backoff_free(struct overlay_backoff *);
/* How long this source must still wait before it may try this name; 0: not. */
usec overlay_backoff_wait(struct overlay_backoff *, const struct addr *source, str name, usec now);
void overlay_backoff_failed(struct overlay_backoff *, const struct addr *source, str name, usec now);
void overlay_backoff_succeeded(struct overlay_backoff *, const struct addr *source, str name);
/* One number a source, for counting shares. */
uint64_t overlay_backoff_source(const struct overlay_backoff *, const struct addr *source);

#endif
