/*
 * base/slab.h - objects of one size, spoken of by handle.
 *
 * A handle is slot and generation. Whoever does not own an object keeps the handle,
 * looks it up, and is ready for NULL: the object may be gone and its slot taken by
 * another, which has another generation. Objects never move.
 */
#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t handle; /* 0 is never valid: "none" */

struct slab {
	size_t object_n, stride; /* private */
	char **chunks;
	uint32_t chunk_n, chunk_cap;
	uint32_t free_head; /* 1 + slot, 0 = none */
	uint32_t slot_n;    /* slots ever made */
	uint32_t n;         /* objects alive */
	uint32_t max;
};

/* Objects of `object_n` bytes, never more than `max` alive. Allocates nothing yet. */
void slab_init(struct slab *, size_t object_n, uint32_t max);
/* Frees all memory; the objects' own belongings are the caller's. */
void slab_free(struct slab *);
/* A cleared object and its handle; NULL at the bound or without memory. */
void *slab_add(struct slab *, handle *out);
/* NULL where the handle's object is gone. */
void *slab_find(const struct slab *, handle);
/* Ends the object; its handle finds nothing from now on. */
void slab_remove(struct slab *, handle);
/* Objects alive in slot order: start with *slot = 0; NULL at the end. Removing is allowed. */
void *slab_walk(const struct slab *, uint32_t *slot, handle *out);

#endif
