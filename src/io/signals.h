/*
 * io/signals.h - SIGINT, SIGTERM and SIGHUP as a call on the loop's thread.
 *
 * The first one asks for an end in good order; the owner decides what a second
 * means. SIGPIPE is ignored from signals_start on. One per process.
 */
#ifndef IO_SIGNALS_H
#define IO_SIGNALS_H

#include "base/err.h"
#include "io/loop.h"

struct signals;

/* hear(self, signal) from within loop_step. NULL: no memory or descriptors. */
struct signals *signals_start(struct loop *, void (*hear)(void *self, int signal), void *self);
void signals_stop(struct signals *); /* the default handling is back; NULL is fine */

#endif
