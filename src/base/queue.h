/*
 * base/queue.h - things of one size, first in, first out.
 *
 * A ring that grows by doubling up to a bound. What waits is copied in and copied out, so nobody
 * holds a pointer into it. For the outputs of a machine between the verb that made them and x_next.
 *
 * Memory: the owner embeds the struct. Thread: its owner's.
 */
#ifndef BASE_QUEUE_H
#define BASE_QUEUE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct queue {
	char *items; /* private */
	size_t size;
	uint32_t head, n, cap, max;
};

/* Items of `size` bytes, at most `max` (1..2^31) of them. */
void queue_init(struct queue *, size_t size, uint32_t max);
/* What is still inside is forgotten; take it first where it owns something. A zeroed queue is fine. */
void queue_free(struct queue *);
/* ERR_FULL, ERR_MEMORY: nothing was put. */
MUST_CHECK enum err queue_put(struct queue *, const void *item);
/* false: empty, *item is untouched. */
bool queue_take(struct queue *, void *item);

static inline uint32_t queue_n(const struct queue *q)
{
	return q->n;
}

#endif
