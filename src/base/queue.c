#include "base/queue.h"

#include <stdlib.h>
#include <string.h>

#define CAP_AT_FIRST 8u

void queue_init(struct queue *q, size_t size, uint32_t max)
{
	*q = (struct queue){ .size = size, .max = max };
}

void queue_free(struct queue *q)
{
	free(q->items);
	*q = (struct queue){ .size = q->size, .max = q->max };
}

static char *place(const struct queue *q, uint32_t i)
{
	return q->items + (size_t)((q->head + i) & (q->cap - 1)) * q->size;
}

/* The ring's capacity stays a power of two; its two halves are laid out in order in the new one. */
static enum err grow(struct queue *q)
{
	uint32_t cap = q->cap ? q->cap * 2 : CAP_AT_FIRST, front = q->cap - q->head;
	char *items = malloc(cap * q->size);

	if (!items)
		return ERR_MEMORY;
	if (q->n) {
		memcpy(items, place(q, 0), front * q->size);
		memcpy(items + front * q->size, q->items, q->head * q->size);
	}
	free(q->items);
	q->items = items;
	q->cap = cap;
	q->head = 0;
	return ERR_NONE;
}

enum err queue_put(struct queue *q, const void *item)
{
	enum err err;

	if (q->n >= q->max)
		return ERR_FULL;
	if (q->n == q->cap && (err = grow(q)) != ERR_NONE)
		return err;
	memcpy(place(q, q->n++), item, q->size);
	return ERR_NONE;
}

bool queue_take(struct queue *q, void *item)
{
	if (q->n == 0)
		return false;
	memcpy(item, place(q, 0), q->size);
	q->head = (q->head + 1) & (q->cap - 1);
	q->n--;
	return true;
}
