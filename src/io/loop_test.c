#include "io/loop.h"

#include "base/test.h"
#include "io/clock.h"
#include "io/thread.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

struct pair {
	struct loop *loop;
	int fds[2];
	struct loop_watch *watch, *other;
	unsigned ready, calls;
};

static void note(void *self, unsigned ready)
{
	struct pair *p = self;
	char byte;
	p->calls++;
	p->ready = ready;
	if (ready & LOOP_READ && recv(p->fds[0], &byte, 1, MSG_DONTWAIT) != 1)
		p->ready |= LOOP_ERROR;
}

static void start(struct pair *p)
{
	*p = (struct pair){ .loop = loop_new() };
	assert_non_null(p->loop);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, p->fds), 0);
}

static void stop(struct pair *p)
{
	loop_free(p->loop);
	close(p->fds[0]);
	close(p->fds[1]);
}

static void a_ready_descriptor_is_told_while_it_is_wanted(void **state)
{
	struct pair p;
	(void)state;
	start(&p);
	p.watch = loop_watch(p.loop, p.fds[0], LOOP_READ, note, &p);
	loop_step(p.loop, 0);
	assert_int_equal(p.calls, 0);
	assert_int_equal(write(p.fds[1], "abc", 3), 3);
	loop_step(p.loop, USEC_NEVER);
	assert_int_equal(p.calls, 1);
	assert_int_equal(p.ready, LOOP_READ);
	loop_want(p.watch, 0);
	loop_step(p.loop, 1000);
	assert_int_equal(p.calls, 1);
	loop_want(p.watch, LOOP_WRITE);
	loop_step(p.loop, USEC_NEVER);
	assert_int_equal(p.ready, LOOP_WRITE);
	loop_want(p.watch, LOOP_READ);
	loop_step(p.loop, USEC_NEVER);
	assert_int_equal(p.calls, 3);
	stop(&p);
}

static void forget_other(void *self, unsigned ready)
{
	struct pair *p = self;
	(void)ready;
	p->calls++;
	loop_forget(p->watch);
	loop_forget(p->other);
}

static void who_is_forgotten_within_a_step_is_not_called_in_it(void **state)
{
	struct pair p;
	(void)state;
	start(&p);
	p.watch = loop_watch(p.loop, p.fds[0], LOOP_READ, forget_other, &p);
	p.other = loop_watch(p.loop, p.fds[1], LOOP_READ, forget_other, &p);
	assert_int_equal(write(p.fds[1], "a", 1), 1);
	assert_int_equal(write(p.fds[0], "b", 1), 1);
	loop_step(p.loop, USEC_NEVER);
	loop_step(p.loop, 0);
	assert_int_equal(p.calls, 1);
	loop_forget(NULL);
	stop(&p);
}

static void a_wait_lasts_as_long_as_asked_and_not_less(void **state)
{
	struct clock clock;
	struct pair p;
	(void)state;
	start(&p);
	clock_start(&clock);
	for (usec span = 500; span < 8000; span += 700) {
		usec begin = clock_now(&clock);
		while (clock_now(&clock) < begin + span)
			loop_step(p.loop, begin + span - clock_now(&clock));
		assert_true(clock_now(&clock) - begin < span + 200 * USEC_PER_MS);
	}
	stop(&p);
}

static void wake(void *arg)
{
	usleep(2000);
	loop_wake(arg);
}

static void another_thread_ends_the_wait(void **state)
{
	struct thread t;
	struct pair p;
	(void)state;
	start(&p);
	assert_int_equal(thread_start(&t, "wake", wake, p.loop), ERR_NONE);
	loop_step(p.loop, USEC_NEVER);
	thread_join(&t);
	stop(&p);
}

static void who_is_awake_does_not_begin_to_wait(void **state)
{
	struct clock clock;
	struct pair p;
	(void)state;
	start(&p);
	clock_start(&clock);
	loop_wake(p.loop);
	loop_wake(p.loop);
	loop_step(p.loop, USEC_NEVER);
	usec begin = clock_now(&clock);
	loop_step(p.loop, 3 * USEC_PER_MS); /* once, and not for ever after */
	assert_true(clock_now(&clock) - begin >= 3 * USEC_PER_MS);
	stop(&p);
}

#define WAKES 50000

struct counter {
	struct loop *loop;
	atomic_uint told, heard;
};

/* One at a time, so that each meets it at another point of its way into the wait. */
static void tell(void *arg)
{
	struct counter *c = arg;
	for (unsigned i = 1; i <= WAKES; i++) {
		atomic_store(&c->told, i);
		loop_wake(c->loop);
		for (unsigned spin = 0; spin < i % 64; spin++)
			atomic_load(&c->heard);
		if (i % 4 == 0)
			while (atomic_load(&c->heard) < i)
				sched_yield();
	}
}

static void no_wakeup_is_lost(void **state)
{
	struct counter c = { .loop = loop_new() };
	struct clock clock;
	struct thread t;
	(void)state;
	assert_non_null(c.loop);
	clock_start(&clock);
	assert_int_equal(thread_start(&t, "tell", tell, &c), ERR_NONE);
	while (atomic_load(&c.heard) < WAKES) {
		usec begin = clock_now(&clock);
		loop_step(c.loop, 20 * USEC_PER_SEC);
		assert_true(clock_now(&clock) - begin < 10 * USEC_PER_SEC);
		atomic_store(&c.heard, atomic_load(&c.told));
	}
	thread_join(&t);
	loop_free(c.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ready_descriptor_is_told_while_it_is_wanted),
		cmocka_unit_test(who_is_forgotten_within_a_step_is_not_called_in_it),
		cmocka_unit_test(a_wait_lasts_as_long_as_asked_and_not_less),
		cmocka_unit_test(another_thread_ends_the_wait),
		cmocka_unit_test(who_is_awake_does_not_begin_to_wait),
		cmocka_unit_test(no_wakeup_is_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
