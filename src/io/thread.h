/*
 * io/thread.h - a thread with a name.
 *
 * Memory: the owner embeds the struct and must join before it goes.
 */
#ifndef IO_THREAD_H
#define IO_THREAD_H

#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>

struct thread {
	pthread_t id; /* private */
	void (*run)(void *);
	void *arg;
	char name[16];
	bool running;
};

/* Runs run(arg) on a thread of its own, all signals blocked, with the first 15 bytes of `name` as
 * what ps and gdb show. ERR_FULL (too many threads), ERR_MEMORY. */
MUST_CHECK enum err thread_start(struct thread *, const char *name, void (*run)(void *), void *arg);
/* Waits until it has ended; harmless on a zeroed struct. */
void thread_join(struct thread *);

#endif
