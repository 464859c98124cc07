/*
 * io/keeper_queue.h - the questions that wait for the keeper's thread, or for a hash thread, in their order.
 *
 * Memory: the items are the owner's, as are the questions in them. Thread: one at a time; the owner sees to it.
 */
#ifndef IO_KEEPER_QUEUE_H
#define IO_KEEPER_QUEUE_H

#include "io/keeper.h"

/* A question on its way. */
struct keeper_item {
	struct keeper_item *next;
	struct keeper_port port; /* .answer NULL: nobody waits (our own questions) */
	struct keeper_ask *ask;
	struct keeper_answer *answer; /* of a check: what was found, to be judged */
	size_t weight;                /* keeper_ask_weight */
	uint64_t number;              /* in the journal, and answered; 0: neither */
	bool hashed;                  /* holds one of hash_max places */
};

struct keeper_queue {
	struct keeper_item *first, **last;
	uint32_t n;
	size_t weight;
};

static inline void keeper_queue_init(struct keeper_queue *q)
{
	*q = (struct keeper_queue){ .last = &q->first };
}

/* Behind all others. */
static inline void keeper_queue_add(struct keeper_queue *q, struct keeper_item *item)
{
	item->next = NULL;
	*q->last = item;
	q->last = &item->next;
	q->n++;
	q->weight += item->weight;
}

/* NULL: it is empty. */
static inline struct keeper_item *keeper_queue_take(struct keeper_queue *q)
{
	struct keeper_item *item = q->first;

	if (!item)
		return NULL;
	q->first = item->next;
	if (!q->first)
		q->last = &q->first;
	q->n--;
	q->weight -= item->weight;
	return item;
}

#endif
