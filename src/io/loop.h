/*
 * io/loop.h - waits for descriptors, a deadline, and wakeups from other threads.
 *
 * libuv behind five verbs (docs/decisions/loop.md says why, with figures). The owner
 * calls loop_step() again and again: it waits, calls back for every descriptor that
 * is ready, and returns, so that all deadlines and queues are the owner's own.
 * Thread: one per loop; only loop_wake may be called from others.
 */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include "base/err.h"
#include "base/time.h"

struct loop;
struct loop_watch;

enum loop_ready { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_ERROR = 4 /* pending on the descriptor; always told */ };

typedef void loop_ready_fn(void *self, unsigned ready);

struct loop *loop_new(void); /* NULL: no memory or no descriptors left */
void loop_free(struct loop *);
/* Calls ready(self, what) while the descriptor is ready for what `wanted` names (level-triggered).
 * NULL: no memory or the system said no. */
struct loop_watch *loop_watch(struct loop *, int fd, unsigned wanted, loop_ready_fn *ready, void *self);
void loop_want(struct loop_watch *, unsigned wanted); /* 0: pauses */
/* No call after this one, also not in the running step; close the descriptor after it. NULL is harmless. */
void loop_forget(struct loop_watch *);
/* Waits until something is ready or until `span` has passed (0: polls; USEC_NEVER), calls back, returns. */
void loop_step(struct loop *, usec span);
/* Ends the running or the next wait. Any thread. */
void loop_wake(struct loop *);
/* libuv's own, for what it brings besides (io/signals). */
struct uv_loop_s *loop_uv(struct loop *);

#endif
