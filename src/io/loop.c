#include "io/loop.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <uv.h>

enum loop_state { LOOP_RUNS, LOOP_SLEEPS, LOOP_WOKEN };

struct loop {
	uv_loop_t uv;
	uv_timer_t timer;
	uv_async_t wake;   /* only for one that sleeps: a system call on both sides */
	atomic_uint state; /* enum loop_state */
};

struct loop_watch {
	uv_poll_t poll; /* first: the close callback frees the whole */
	loop_ready_fn *ready;
	void *self;
	unsigned wanted;
};

static void nothing_timer(uv_timer_t *timer)
{
	(void)timer;
}

static void nothing_wake(uv_async_t *wake)
{
	(void)wake;
}

struct loop *loop_new(void)
{
	struct loop *l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	if (uv_loop_init(&l->uv) != 0) {
		free(l);
		return NULL;
	}
	uv_timer_init(&l->uv, &l->timer);
	if (uv_async_init(&l->uv, &l->wake, nothing_wake) != 0) {
		uv_close((uv_handle_t *)&l->timer, NULL);
		uv_run(&l->uv, UV_RUN_NOWAIT);
		uv_loop_close(&l->uv);
		free(l);
		return NULL;
	}
	return l;
}

static void close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, handle->type == UV_POLL ? (uv_close_cb)free : NULL);
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	uv_walk(&l->uv, close_handle, NULL);
	while (uv_run(&l->uv, UV_RUN_NOWAIT) != 0)
		;
	uv_loop_close(&l->uv);
	free(l);
}

static void polled(uv_poll_t *poll, int status, int events)
{
	struct loop_watch *w = (struct loop_watch *)poll;
	unsigned ready = (events & UV_READABLE ? LOOP_READ : 0) | (events & UV_WRITABLE ? LOOP_WRITE : 0);
	if (status < 0) {
		/* libuv stops a handle at EPOLLERR, also where that only says that an ICMP error
		 * waits in the socket's error queue: start it again, the owner takes the error out. */
		ready = LOOP_ERROR | w->wanted;
		uv_poll_start(poll, (int)w->wanted, polled);
	}
	w->ready(w->self, ready);
}

struct loop_watch *loop_watch(struct loop *l, int fd, unsigned wanted, loop_ready_fn *ready, void *self)
{
	struct loop_watch *w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	if (uv_poll_init_socket(&l->uv, &w->poll, fd) != 0) {
		free(w);
		return NULL;
	}
	w->ready = ready;
	w->self = self;
	loop_want(w, wanted);
	return w;
}

/* enum loop_ready has libuv's values for reading and writing. */
_Static_assert((int)LOOP_READ == (int)UV_READABLE && (int)LOOP_WRITE == (int)UV_WRITABLE, "libuv's bits");

void loop_want(struct loop_watch *w, unsigned wanted)
{
	wanted &= LOOP_READ | LOOP_WRITE;
	if (wanted == w->wanted)
		return;
	w->wanted = wanted;
	if (wanted)
		uv_poll_start(&w->poll, (int)wanted, polled);
	else
		uv_poll_stop(&w->poll);
}

void loop_forget(struct loop_watch *w)
{
	if (w)
		uv_close((uv_handle_t *)&w->poll, (uv_close_cb)free);
}

/* Whoever wakes it from here on sends; what came before is in the state. */
static bool may_sleep(struct loop *l)
{
	unsigned awake = LOOP_RUNS;
	return atomic_compare_exchange_strong(&l->state, &awake, LOOP_SLEEPS);
}

static void sleep_once(struct loop *l, usec span)
{
	if (span >= USEC_NEVER / 2) {
		uv_timer_stop(&l->timer);
	} else {
		/* libuv counts milliseconds; rounding up may be late by one, never early. */
		uv_update_time(&l->uv);
		uv_timer_start(&l->timer, nothing_timer, (uint64_t)((span + USEC_PER_MS - 1) / USEC_PER_MS), 0);
	}
	uv_run(&l->uv, UV_RUN_ONCE);
}

void loop_step(struct loop *l, usec span)
{
	if (span > 0 && may_sleep(l))
		sleep_once(l, span);
	else
		uv_run(&l->uv, UV_RUN_NOWAIT);
	atomic_exchange(&l->state, LOOP_RUNS);
}

void loop_wake(struct loop *l)
{
	if (atomic_exchange(&l->state, LOOP_WOKEN) == LOOP_SLEEPS)
		uv_async_send(&l->wake);
}

struct uv_loop_s *loop_uv(struct loop *l)
{
	return &l->uv;
}
