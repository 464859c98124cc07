/*
 * call/test_pair.h - two telephones without a server. Included by x_test.c only.
 */
#ifndef CALL_TEST_PAIR_H
#define CALL_TEST_PAIR_H

#include "call/test_phone.h"

struct pair {
	struct test_host host;
	struct phone a, b;
};

static inline void pair_start(struct pair *t)
{
	struct agent_settings s;

	memset(t, 0, sizeof(*t));
	test_host_init(&t->host);
	s = direct(&t->a, 1);
	phone_add(&t->host, &t->a, &s, 1);
	s = direct(&t->b, 2);
	phone_add(&t->host, &t->b, &s, 2);
	t->b.answers = true;
	test_run(&t->host, USEC_PER_SEC);
	assert_int_equal(t->a.ready, 1);
	assert_int_equal(t->b.ready, 1);
}

static inline void pair_end(struct pair *t)
{
	agent_free(t->a.agent);
	agent_free(t->b.agent);
	test_host_free(&t->host);
}

static inline void dial(struct pair *t, str target)
{
	t->a.call = agent_dial(t->a.agent, &(struct agent_dialling){ .target = target }, t->host.now);
	assert_true(t->a.call != 0);
	phone_react(&t->a, t->host.now);
}

static inline void hang_up(struct pair *t, struct phone *p)
{
	call_hang_up(agent_call(p->agent, p->call), CALL_CAUSE_NONE, t->host.now);
	phone_react(p, t->host.now);
}

#endif
