#include "io/gather.h"

#include "base/rng.h"
#include "base/test.h"

/* Turns of `n` datagrams, one each `every` usec, for `span`; returns the longest wait. */
static usec drive(struct gather *g, usec *now, size_t n, usec every, usec span)
{
	usec longest = 0;
	for (usec end = *now + span; *now < end;) {
		*now += every;
		gather_heard(g, n, *now);
		usec wait = gather_span(g, *now + 5);
		assert_in_range(wait, 0, GATHER_MAX);
		longest = wait > longest ? wait : longest;
	}
	return longest;
}

/* Waves of 90, one each 1 to 5 ms: a window that is shorter sees now two of them, now hardly one. */
static void traffic_in_waves_is_gathered(void **state)
{
	struct gather g = { 0 };
	usec now = USEC_PER_SEC, waited = 0, end = now + USEC_PER_SEC;
	struct rng rng;
	(void)state;
	rng_seeded(&rng, 7);
	while (now < end) {
		usec wave = now;
		for (size_t heard = 0; heard < 90;) {
			now += 20;
			size_t come = (size_t)(now - wave) / 4 < 90 ? (size_t)(now - wave) / 4 : 90;
			gather_heard(&g, come - heard, now);
			heard = come;
			usec wait = gather_span(&g, now + 5);
			now += wait;
			waited += wait;
		}
		usec gap = (usec)rng_below(&rng, 4 * USEC_PER_MS) + USEC_PER_MS;
		if (now < wave + gap)
			now = wave + gap;
	}
	assert_true(waited > USEC_PER_SEC / 10);
}

static void little_traffic_never_waits(void **state)
{
	struct gather g = { 0 };
	usec now = USEC_PER_SEC;
	(void)state;
	assert_int_equal(gather_span(&g, now), 0);
	assert_int_equal(drive(&g, &now, 1, 100, USEC_PER_SEC), 0); /* 10 a ms */
	assert_int_equal(drive(&g, &now, 1, 90, USEC_PER_SEC), 0);  /* 11 */
	gather_heard(&g, 40, now + 1);                              /* and a burst after silence */
	assert_int_equal(gather_span(&g, now + 5), 0);
}

static void many_in_small_turns_are_gathered(void **state)
{
	struct gather g = { 0 };
	usec now = USEC_PER_SEC;
	(void)state;
	usec wait = drive(&g, &now, 5, 50, 3 * GATHER_WINDOW); /* 100 a ms */
	assert_int_equal(wait, GATHER_MAX);
	wait = drive(&g, &now, 20, 50, 3 * GATHER_WINDOW); /* 400 a ms: 48 take 120 us */
	g = (struct gather){ 0 };
	wait = drive(&g, &now, 20, 50, 3 * GATHER_WINDOW);
	assert_in_range(wait, 100, 120);
}

static void full_turns_and_turns_without_datagrams_do_not_wait(void **state)
{
	struct gather g = { 0 };
	usec now = USEC_PER_SEC;
	(void)state;
	assert_true(drive(&g, &now, 10, 100, 3 * GATHER_WINDOW) > 0);
	gather_heard(&g, 30, ++now);
	gather_heard(&g, GATHER_ENOUGH - 30, now);
	assert_int_equal(gather_span(&g, now), 0);
	assert_int_equal(gather_span(&g, now), 0); /* a turn that only answers the keeper */
}

/* Ten senders that each wait for an answer: 10 in 60 us, but with a wait 10 in 200. */
static void waiting_that_slows_the_senders_is_given_up(void **state)
{
	struct gather g = { 0 };
	usec now = USEC_PER_SEC, waited = 0, end = now + USEC_PER_SEC;
	(void)state;
	while (now < end) {
		usec wait;
		now += 60;
		gather_heard(&g, 10, now);
		wait = gather_span(&g, now + 5);
		now += wait;
		waited += wait;
	}
	assert_true(waited > 0);                      /* it was tried */
	assert_true(waited < USEC_PER_SEC * 5 / 100); /* and let be */
}

static void less_traffic_ends_the_waiting(void **state)
{
	struct gather g = { 0 };
	usec now = USEC_PER_SEC;
	(void)state;
	assert_true(drive(&g, &now, 10, 100, 100 * USEC_PER_MS) > 0);
	drive(&g, &now, 1, 100, 3 * GATHER_WINDOW); /* 10 a ms */
	assert_int_equal(drive(&g, &now, 1, 100, USEC_PER_SEC), 0);
	assert_true(drive(&g, &now, 10, 100, 2 * USEC_PER_SEC) > 0); /* and begins anew */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(little_traffic_never_waits),
		cmocka_unit_test(traffic_in_waves_is_gathered),
		cmocka_unit_test(many_in_small_turns_are_gathered),
		cmocka_unit_test(full_turns_and_turns_without_datagrams_do_not_wait),
		cmocka_unit_test(waiting_that_slows_the_senders_is_given_up),
		cmocka_unit_test(less_traffic_ends_the_waiting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
