/*
 * io/test_house.h - a driver with a few services that do what the test tells them. Included by x_test.c only.
 */
#ifndef IO_TEST_HOUSE_H
#define IO_TEST_HOUSE_H

#include "io/driver.h"
#include "io/test_wire.h"
#include "io/thread.h"

#include <stdatomic.h>
#include <unistd.h>

#define SERVICES 4

/* A driver with a few services, run until it ends; at most `seconds`, watched by a thread. */
struct house {
	struct clock clock;
	struct driver *driver;
	struct test_service s[SERVICES];
	struct addr bound[SERVICES]; /* of the last BOUND each heard */
	atomic_bool done;
	bool late;
};

static inline void setup_house(struct house *h, struct driver_setup setup)
{
	memset(h, 0, sizeof(*h));
	clock_start(&h->clock);
	setup.clock = &h->clock;
	if (!setup.thread_n)
		setup.thread_n = 2;
	h->driver = driver_new(&setup);
	assert_non_null(h->driver);
	for (size_t i = 0; i < SERVICES; i++)
		h->s[i].data = h;
}

static inline void add(struct house *h, unsigned i, unsigned thread, unsigned flags,
		       void (*hear)(struct test_service *, const struct host_event *, usec))
{
	h->s[i].hear = hear;
	assert_int_equal(driver_add(h->driver, thread, &(struct host_service)TEST_SERVICE(&h->s[i]), flags), i);
}

static inline void watch(void *arg)
{
	struct house *h = arg;
	for (int i = 0; i < 2000 && !atomic_load(&h->done); i++)
		usleep(10000);
	if (!atomic_load(&h->done)) {
		h->late = true;
		driver_stop(h->driver);
		driver_stop(h->driver);
	}
}

static inline void run(struct house *h)
{
	struct thread watcher;
	assert_int_equal(thread_start(&watcher, "watch", watch, h), ERR_NONE);
	enum err err = driver_run(h->driver);
	atomic_store(&h->done, true);
	thread_join(&watcher);
	assert_int_equal(err, ERR_NONE);
	assert_false(h->late);
}

static inline void free_house(struct house *h)
{
	driver_free(h->driver);
	for (size_t i = 0; i < SERVICES; i++)
		test_service_free(&h->s[i]);
}

static inline void tell(struct test_service *s, uint32_t to, int value)
{
	int *p = malloc(sizeof(*p));
	assert_non_null(p);
	*p = value;
	want(s, (struct host_want){ .kind = HOST_TELL, .to = to, .message = p });
}

/* Sends the client (service 1) where the server (service 0) is bound. */
static inline void tell_port(struct test_service *s, const struct host_event *e)
{
	tell(s, 1, e->local.port);
}

static inline int take_message(const struct host_event *e)
{
	int value = *(int *)e->message;
	free(e->message);
	return value;
}

#endif
