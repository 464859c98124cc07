/*
 * base/arena.h - memory that goes in one stroke.
 *
 * Bump allocation out of blocks. Everything given out lives until arena_reset or
 * arena_free. A limit bounds what one arena may ever hold, so a stranger's message
 * cannot take more than its share. Thread: its owner's.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/err.h"
#include "base/str.h"

#include <stdalign.h>

struct arena_block;

struct arena {
	char *at, *end; /* private */
	struct arena_block *blocks;
	char *first;
	size_t first_n;
	size_t left; /* bytes that may still be taken from the heap */
	size_t block_n, block_min;
};

/* `first` (may be NULL with first_n 0) is storage of the caller's used before the heap; `limit`
 * bounds the bytes taken from the heap besides it (0: none). */
void arena_init(struct arena *, void *first, size_t first_n, size_t limit);
/* Before anything is taken: the first block from the heap has n bytes, each further one twice as many. Without it,
 * 2048. For arenas that are many, and hold little. */
void arena_set_block(struct arena *, size_t n);
/* n bytes aligned for any type, not cleared; NULL when the limit or the heap is exhausted. */
void *arena_alloc_slowly(struct arena *, size_t n);
static inline void *arena_alloc(struct arena *a, size_t n)
{
	size_t pad = -(uintptr_t)a->at % alignof(max_align_t), left = (size_t)(a->end - a->at);
	char *p = a->at;

	if (!p || left < pad || left - pad < n)
		return arena_alloc_slowly(a, n);
	a->at = p + pad + n;
	return p + pad;
}
/* The same, cleared. */
void *arena_zalloc(struct arena *, size_t n);
/* A copy of s that lives as long as the arena; false when there is no room. */
MUST_CHECK bool arena_copy(struct arena *, str s, str *out);
/* Everything given out is gone; heap blocks are returned, `first` is used again. */
void arena_reset(struct arena *);
/* The same; harmless on a zeroed struct. */
void arena_free(struct arena *);

#define ARENA_NEW(arena, type) ((type *)arena_zalloc((arena), sizeof(type)))

#endif
