#include "io/worker.h"

void worker_start(struct worker_box *b, size_t max, void (*wake)(void *self), void *self)
{
	*b = (struct worker_box){ .max = max, .wake = wake, .self = self };
	pthread_mutex_init(&b->lock, NULL);
	b->last = &b->first;
}

void worker_stop(struct worker_box *b)
{
	pthread_mutex_destroy(&b->lock);
}

enum err worker_put(struct worker_box *b, struct worker_note *note)
{
	enum err err = ERR_NONE;
	bool first = false;
	pthread_mutex_lock(&b->lock);
	if (b->shut) {
		err = ERR_CLOSED;
	} else if (b->n == b->max) {
		err = ERR_FULL;
	} else {
		first = b->n++ == 0;
		note->next = NULL;
		*b->last = note;
		b->last = &note->next;
	}
	pthread_mutex_unlock(&b->lock);
	if (first)
		b->wake(b->self);
	return err;
}

struct worker_note *worker_take(struct worker_box *b)
{
	pthread_mutex_lock(&b->lock);
	struct worker_note *all = b->first;
	b->first = NULL;
	b->last = &b->first;
	b->n = 0;
	pthread_mutex_unlock(&b->lock);
	return all;
}

void worker_shut(struct worker_box *b)
{
	pthread_mutex_lock(&b->lock);
	b->shut = true;
	pthread_mutex_unlock(&b->lock);
}
