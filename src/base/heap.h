/*
 * base/heap.h - deadlines, the earliest first.
 *
 * A 4-ary heap of items that sit inside the objects they wake. Adding, moving and
 * removing cost O(log n); the heap allocates only its array of pointers.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include "base/err.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>

struct heap_item {
	usec due;
	size_t at; /* private: 1 + place in the array, 0 = not inside */
};

struct heap {
	struct heap_item **items; /* private */
	size_t n, cap;
};

void heap_init(struct heap *);
void heap_free(struct heap *); /* the items are the caller's */
/* Adds the item, or moves it where it is inside; USEC_NEVER takes it out. ERR_MEMORY. */
MUST_CHECK enum err heap_set(struct heap *, struct heap_item *, usec due);
/* Takes it out; harmless where it is not inside. */
void heap_remove(struct heap *, struct heap_item *);
/* The earliest; NULL when empty. */
struct heap_item *heap_first(const struct heap *);
/* Its time; USEC_NEVER when empty. */
usec heap_due(const struct heap *);
/* Takes out and returns the earliest if it is due at `now`, else NULL. */
struct heap_item *heap_take(struct heap *, usec now);

static inline bool heap_has(const struct heap_item *item)
{
	return item->at != 0;
}

#endif
