/*
 * io/worker.h - a box for messages from any thread to one.
 *
 * Notes are put in by any thread and taken out by the box's owner, in the order
 * they were put (per sender). Ownership of a note moves into the box and out again.
 * One short lock for a pointer swap; the owner takes all at once. Putting the
 * first note into an empty box calls `wake` (outside the lock), so a burst costs
 * one wakeup. Bound: `max` notes; one more is refused with ERR_FULL and stays the sender's.
 */
#ifndef IO_WORKER_H
#define IO_WORKER_H

#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* The link; sits inside what is sent. */
struct worker_note {
	struct worker_note *next;
};

struct worker_box {
	pthread_mutex_t lock; /* private */
	struct worker_note *first, **last;
	size_t n, max;
	bool shut;
	void (*wake)(void *self);
	void *self;
};

/* `wake` must be callable from any thread and may be called once too often. */
void worker_start(struct worker_box *, size_t max, void (*wake)(void *self), void *self);
/* The box must be empty. */
void worker_stop(struct worker_box *);
/* ERR_FULL at the bound, ERR_CLOSED after worker_shut: the note stays the caller's. Any thread. */
MUST_CHECK enum err worker_put(struct worker_box *, struct worker_note *);
/* All notes, the oldest first, linked by ->next; NULL when empty. Owner only. */
struct worker_note *worker_take(struct worker_box *);
/* No more notes from now on; what is inside can still be taken. */
void worker_shut(struct worker_box *);

#endif
