#include "io/signals.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <uv.h>

#define HEARD 3

struct signals {
	uv_signal_t handles[HEARD];
	int open; /* handles whose close is still to come */
	void (*hear)(void *self, int signal);
	void *self;
};

static void heard(uv_signal_t *handle, int signal)
{
	struct signals *s = handle->data;
	s->hear(s->self, signal);
}

static void closed(uv_handle_t *handle)
{
	struct signals *s = handle->data;
	if (--s->open == 0)
		free(s);
}

struct signals *signals_start(struct loop *loop, void (*hear)(void *self, int signal), void *self)
{
	static const int numbers[HEARD] = { SIGINT, SIGTERM, SIGHUP };
	struct signals *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->hear = hear;
	s->self = self;
	s->open = HEARD;
	int failed = 0;
	for (size_t i = 0; i < HEARD; i++) {
		uv_signal_init(loop_uv(loop), &s->handles[i]);
		s->handles[i].data = s;
		failed |= uv_signal_start(&s->handles[i], heard, numbers[i]);
	}
	signal(SIGPIPE, SIG_IGN);
	if (failed) {
		signals_stop(s);
		return NULL;
	}
	return s;
}

void signals_stop(struct signals *s)
{
	for (size_t i = 0; s && i < HEARD; i++)
		uv_close((uv_handle_t *)&s->handles[i], closed);
}
