/*
 * base/map.h - a hash table of things that carry their own link.
 *
 * Intrusive: put a struct map_node into the object and map_of() leads back from
 * node to object. The table allocates nothing but its buckets, which double as it
 * fills; keys stay where the object has them, and the caller compares them:
 *
 *     for (n = map_first(&m, hash); n; n = map_next(n))
 *             if (str_eq(map_of(n, struct user, node)->name, name)) ...
 *
 * Hash with str_hash() and a random key where strangers choose the keys.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_node {
	struct map_node *next;
	uint64_t hash;
};

struct map {
	struct map_node **buckets; /* private */
	size_t bucket_n;           /* a power of two, or 0 */
	size_t n;                  /* objects inside */
	size_t max;                /* never more than this */
};

#define map_of(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

/* No allocation yet. `max` is the stated bound of the table. */
void map_init(struct map *, size_t max);
/* Frees the buckets; what was inside is the caller's. Harmless on a zeroed struct. */
void map_free(struct map *);
/* ERR_FULL at the bound, ERR_MEMORY; the same key twice is the caller's business. */
MUST_CHECK enum err map_add(struct map *, struct map_node *, uint64_t hash);
/* The node must be inside. */
void map_remove(struct map *, struct map_node *);
/* The first and further nodes with this very hash, the last added first; NULL at the end. */
struct map_node *map_first(const struct map *, uint64_t hash);
struct map_node *map_next(const struct map_node *);
/* All nodes in no order: the first for node NULL, then the one behind `node`; NULL at the end.
 * Nothing may be added between two calls; take the next before removing the one in hand. */
struct map_node *map_walk(const struct map *, const struct map_node *node);
/* Takes any node out; NULL when empty. For tearing down. */
struct map_node *map_pop(struct map *);

#endif
