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

/* Waves of 90, one each 1 to 5 ms: a window that is shorter sees now two of them, now hardly one. Returns how long was
 * waited for them within a second. */
static usec waves(uint64_t seed)
{
	struct gather g = { 0 };
	usec now = USEC_PER_SEC, waited = 0, end = now + USEC_PER_SEC;
	struct rng rng;
	rng_seeded(&rng, seed);
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
	return waited;
}

static void traffic_in_waves_is_gathered(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++)
		assert_true(waves(seed) > USEC_PER_SEC / 10);
}

static void little_traffic_never_waits(void **state)
{
	struct gather g = { 0 };
	usec now = USEC_PER_SEC;
	(void)state;
	assert_int_equal(gather_span(&g, now), 0);
	assert_int_equal(drive(&g, &now, 1, 100, USEC_PER_SEC), 0); /* 10 a ms */
	assert_int_equal(drive(&g, &now, 1, 52, USEC_PER_SEC), 0);  /* 19 */
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
	g = (struct gather){ 0 };
	wait = drive(&g, &now, 50, 50, 3 * GATHER_WINDOW); /* 1000 a ms: 128 take 128 us */
	assert_in_range(wait, 110, 125);
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

/* `senders` that each wait for an answer: all are back after `back` usec; each answer takes `work`. Returns the usec
 * waited. */
static usec circle(struct gather *g, usec *now, size_t senders, usec back, usec work, usec span)
{
	usec waited = 0;
	for (usec end = *now + span; *now < end;) {
		*now += back;
		gather_heard(g, senders, *now);
		*now += (usec)senders * work;
		usec wait = gather_span(g, *now);
		*now += wait > back ? wait - back : 0;
		waited += wait;
	}
	return waited;
}

/* Ten in 60 us, but with a wait in 150. */
static void waiting_that_slows_the_senders_is_given_up(void **state)
{
	struct gather g = { 0 };
	usec now = USEC_PER_SEC;
	(void)state;
	usec waited = circle(&g, &now, 10, 30, 3, USEC_PER_SEC);
	assert_true(waited > 0);                           /* it was tried */
	assert_true(waited < USEC_PER_SEC * 8 / 100);      /* and let be */
	assert_true(waited < 10 * USEC_PER_SEC * 3 / 100); /* and not tried often */
	waited = circle(&g, &now, 10, 30, 3, 10 * USEC_PER_SEC);
}

/* Who were others before, with more to come: found out, too, though they come as fast as those. */
static void senders_that_begin_to_wait_are_noticed(void **state)
{
	struct gather g = { 0 };
	usec now = USEC_PER_SEC;
	(void)state;
	assert_true(drive(&g, &now, 5, 80, USEC_PER_SEC) > 0); /* 62 a ms, whatever we do */
	(void)circle(&g, &now, 10, 30, 3, 2 * GATHER_CALM * GATHER_WINDOW);
	usec waited = circle(&g, &now, 10, 30, 3, USEC_PER_SEC);
	assert_true(waited < USEC_PER_SEC * 5 / 100);
}

static void senders_that_are_no_slower_are_waited_for_nearly_always(void **state)
{
	struct gather g = { 0 };
	usec now = USEC_PER_SEC;
	size_t turns = 0, without = 0;
	(void)state;
	for (usec end = now + USEC_PER_SEC; now < end; turns++) {
		now += 300;
		gather_heard(&g, 50, now);
		without += gather_span(&g, now + 5) == 0;
	}
	assert_in_range(without, 1, turns / 10);
}

/* Bursts of 100 ms with a pause between: each one's end is not taken for its senders' having been slowed down. */
static void work_that_ends_and_begins_anew_is_gathered(void **state)
{
	struct gather g = { 0 };
	usec now = USEC_PER_SEC;
	(void)state;
	for (int burst = 0; burst < 20; burst++) {
		usec begun = now, waiting = 0;
		now += (usec)burst * 1700; /* another moment of a window each time */
		begun = now;
		while (!waiting && now < begun + 100 * USEC_PER_MS)
			if (drive(&g, &now, 5, 50, 50) > 0)
				waiting = now;
		assert_true(waiting && waiting - begun <= 12 * USEC_PER_MS);
		drive(&g, &now, 5, 50, 90 * USEC_PER_MS);
		now += 50 * USEC_PER_MS;
	}
}

static void less_traffic_ends_the_waiting(void **state)
{
	struct gather g = { 0 };
	usec now = USEC_PER_SEC;
	(void)state;
	assert_true(drive(&g, &now, 10, 100, 100 * USEC_PER_MS) > 0);
	drive(&g, &now, 1, 100, 3 * GATHER_WINDOW); /* 10 a ms */
	assert_int_equal(drive(&g, &now, 1, 100, USEC_PER_SEC / 10), 0);
	assert_true(drive(&g, &now, 10, 100, 3 * GATHER_WINDOW) > 0); /* and begins anew, at once */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(little_traffic_never_waits),
		cmocka_unit_test(traffic_in_waves_is_gathered),
		cmocka_unit_test(many_in_small_turns_are_gathered),
		cmocka_unit_test(full_turns_and_turns_without_datagrams_do_not_wait),
		cmocka_unit_test(waiting_that_slows_the_senders_is_given_up),
		cmocka_unit_test(senders_that_begin_to_wait_are_noticed),
		cmocka_unit_test(senders_that_are_no_slower_are_waited_for_nearly_always),
		cmocka_unit_test(work_that_ends_and_begins_anew_is_gathered),
		cmocka_unit_test(less_traffic_ends_the_waiting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
