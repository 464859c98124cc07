/*
 * io/anteroom.h - connections that were accepted and wait for their turn.
 *
 * The system keeps few connections for a program that is busy (net.core.somaxconn, 4096), and who finds no room there
 * comes again after 1, 3, 7, 15 s: when all phones of a town connect at once, the last ones come after the work is
 * done. To take one out costs next to nothing, what follows (a handshake, a first request) a lot. So all are taken out
 * at once and stand here, first come, first served. Nothing is read from them meanwhile, the far side sees a slow
 * server.
 *
 * Bounded; grows as it fills and is freed as it empties. Memory: the owner embeds the struct. Thread: its owner's.
 */
#ifndef IO_ANTEROOM_H
#define IO_ANTEROOM_H

#include "io/tcp.h"

#define ANTEROOM_MAX 16384

struct anteroom {
	struct tcp *ring; /* private, all of it */
	uint32_t at, n, cap;
};

/* ERR_FULL, ERR_MEMORY: it stays the caller's. */
MUST_CHECK enum err anteroom_put(struct anteroom *, const struct tcp *);
/* The one that has waited longest is the caller's now. false: nobody waits. */
bool anteroom_take(struct anteroom *, struct tcp *out);
/* Closes all that wait. It can be used again. */
void anteroom_free(struct anteroom *);
static inline uint32_t anteroom_n(const struct anteroom *a)
{
	return a->n;
}
static inline bool anteroom_is_full(const struct anteroom *a)
{
	return a->n == ANTEROOM_MAX;
}

#endif
