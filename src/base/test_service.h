/*
 * base/test_service.h - a service made of one function, for tests of hosts. Included by tests only.
 *
 *     struct test_service s = { .hear = hear, .data = &mine };
 *     test_service_want(&s, (struct host_want){ .kind = HOST_BIND, .id = 1, ... });
 *     driver_add(d, 0, &(struct host_service)TEST_SERVICE(&s), 0);
 *
 * It counts what it hears by kind, stops when told to unless `stubborn`, and calls hear()
 * for each event and ticked() when `due` is reached (due is USEC_NEVER then).
 */
#ifndef BASE_TEST_SERVICE_H
#define BASE_TEST_SERVICE_H

#include "base/host.h"

#include <assert.h>
#include <stdlib.h>

struct test_want {
	struct test_want *next;
	struct host_want is;
	char bytes[]; /* of .bytes and .name */
};

struct test_service {
	void (*hear)(struct test_service *, const struct host_event *, usec now);
	void (*ticked)(struct test_service *, usec now);
	void *data;
	usec due; /* 0: never */
	bool stubborn;
	unsigned heard[HOST_STOPPING + 1];
	struct test_want *first, *handed; /* private */
};

static inline void test_service_want(struct test_service *s, struct host_want w)
{
	struct test_want **last = &s->first;
	struct test_want *n = malloc(sizeof(*n) + w.bytes.n + w.name.n);
	assert(n);
	while (*last)
		last = &(*last)->next;
	n->next = NULL;
	n->is = w;
	n->is.bytes.p = n->bytes;
	n->is.name.p = n->bytes + w.bytes.n;
	if (w.bytes.n)
		memcpy(n->bytes, w.bytes.p, w.bytes.n);
	if (w.name.n)
		memcpy(n->bytes + w.bytes.n, w.name.p, w.name.n);
	*last = n;
}

static inline void test_service_stop(struct test_service *s)
{
	test_service_want(s, (struct host_want){ .kind = HOST_STOP });
}

static inline void test_service_recv(void *self, const struct host_event *e, usec now)
{
	struct test_service *s = self;
	s->heard[e->kind]++;
	if (s->hear)
		s->hear(s, e, now);
	if (e->kind == HOST_STOPPING && !s->stubborn)
		test_service_stop(s);
}

static inline void test_service_tick(void *self, usec now)
{
	struct test_service *s = self;
	s->due = 0;
	if (s->ticked)
		s->ticked(s, now);
}

static inline usec test_service_due(const void *self)
{
	const struct test_service *s = self;
	return s->due ? s->due : USEC_NEVER;
}

static inline bool test_service_next(void *self, struct host_want *out)
{
	struct test_service *s = self;
	free(s->handed);
	s->handed = s->first;
	if (!s->handed)
		return false;
	s->first = s->handed->next;
	*out = s->handed->is;
	return true;
}

/* Frees what was wanted and never asked for. */
static inline void test_service_free(struct test_service *s)
{
	struct host_want w;
	while (test_service_next(s, &w))
		;
}

/* Messages of TELL, ASK and ANSWER in tests come from malloc. */
#define TEST_SERVICE(s)                                                                                                \
	{                                                                                                              \
		.self = (s), .recv = test_service_recv, .tick = test_service_tick, .due = test_service_due,            \
		.next = test_service_next, .drop = free                                                                \
	}

#endif
