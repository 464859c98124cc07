#include "pbx/tally.h"

#include "base/test.h"

#define SECOND USEC_PER_SEC
#define START  (INT64_C(1795428000) * SECOND)

static struct rng rng;
static struct pbx_tally *t;

static int setup(void **state)
{
	(void)state;
	rng_seeded(&rng, 3);
	t = pbx_tally_new(&rng);
	return t ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	pbx_tally_free(t);
	return 0;
}

static void no_more_than_most_are_held_at_once(void **state)
{
	(void)state;
	assert_true(pbx_tally_hold(t, 7, 1, 2, START));
	assert_true(pbx_tally_hold(t, 7, 2, 2, START));
	assert_false(pbx_tally_hold(t, 7, 3, 2, START));
	assert_true(pbx_tally_hold(t, 8, 3, 2, START));
	assert_int_equal(pbx_tally_held(t, 7), 2);
	pbx_tally_drop(t, 7, 1);
	assert_true(pbx_tally_hold(t, 7, 3, 2, START));
	assert_false(pbx_tally_hold(t, 9, 1, 0, START));
}

static void one_that_is_held_is_prolonged_and_not_counted_again(void **state)
{
	(void)state;
	assert_true(pbx_tally_hold(t, 7, 1, 1, START));
	assert_true(pbx_tally_hold(t, 7, 1, 1, START + PBX_TALLY_LEASE / 2));
	assert_int_equal(pbx_tally_held(t, 7), 1);
	pbx_tally_tick(t, START + PBX_TALLY_LEASE);
	assert_int_equal(pbx_tally_held(t, 7), 1);
	/* Fewer are allowed now: who is there stays. */
	assert_true(pbx_tally_hold(t, 7, 1, 0, START + PBX_TALLY_LEASE));
}

static void what_nobody_prolongs_ends(void **state)
{
	(void)state;
	assert_true(pbx_tally_hold(t, 7, 1, 1, START));
	assert_int_equal(pbx_tally_due(t), START + PBX_TALLY_LEASE);
	pbx_tally_tick(t, START + PBX_TALLY_LEASE - 1);
	assert_int_equal(pbx_tally_held(t, 7), 1);
	pbx_tally_tick(t, START + PBX_TALLY_LEASE);
	assert_int_equal(pbx_tally_held(t, 7), 0);
	assert_int_equal(pbx_tally_due(t), USEC_NEVER);
	pbx_tally_drop(t, 7, 1); /* comes too late */
	assert_true(pbx_tally_hold(t, 7, 2, 1, START + PBX_TALLY_LEASE));
}

/* At every start of a window, whatever the times of the asking. */
static void never_more_than_most_within_any_span(void **state)
{
	usec passed[3000];
	size_t n = 0;
	usec now = START;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		now += (usec)(rng_u64(&rng) % (300 * USEC_PER_MS));
		if (pbx_tally_pass(t, 1, 5, 10 * SECOND, now) && n < 3000)
			passed[n++] = now;
	}
	assert_true(n > 1000);
	for (size_t i = 5; i < n; i++)
		assert_true(passed[i] - passed[i - 5] >= 10 * SECOND);
	/* And nearly as many as there may be: 5 in 11.25 s at worst. */
	assert_true((double)n >= (double)(now - START) / SECOND / 11.25 * 5 * 0.95 || n == 3000);
}

static void after_a_span_there_is_room_again(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		assert_true(pbx_tally_pass(t, 1, 3, 60 * SECOND, START));
	assert_false(pbx_tally_pass(t, 1, 3, 60 * SECOND, START + 59 * SECOND));
	assert_true(pbx_tally_pass(t, 1, 3, 60 * SECOND, START + 68 * SECOND));
	assert_true(pbx_tally_pass(t, 1, 3, 60 * SECOND, START + 1000 * SECOND));
}

static void full_those_that_hold_nothing_make_room_and_who_holds_stays(void **state)
{
	(void)state;
	assert_true(pbx_tally_hold(t, 1, 1, 1, START));
	for (uint64_t i = 2; i <= PBX_TALLY_MAX + 1000; i++)
		assert_true(pbx_tally_pass(t, i, 1, SECOND, START));
	assert_int_equal(pbx_tally_n(t), PBX_TALLY_MAX);
	assert_false(pbx_tally_hold(t, 1, 2, 1, START));
}

static void full_of_calls_the_answer_is_no(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= PBX_TALLY_MAX; i++)
		assert_true(pbx_tally_hold(t, i, i, 1, START));
	assert_false(pbx_tally_hold(t, PBX_TALLY_MAX + 1, 1, 1, START));
	assert_false(pbx_tally_pass(t, PBX_TALLY_MAX + 1, 1, SECOND, START));
	pbx_tally_tick(t, START + PBX_TALLY_LEASE);
	assert_true(pbx_tally_hold(t, PBX_TALLY_MAX + 1, 1, 1, START + PBX_TALLY_LEASE));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(no_more_than_most_are_held_at_once), T(one_that_is_held_is_prolonged_and_not_counted_again),
		T(what_nobody_prolongs_ends),          T(never_more_than_most_within_any_span),
		T(after_a_span_there_is_room_again),   T(full_those_that_hold_nothing_make_room_and_who_holds_stays),
		T(full_of_calls_the_answer_is_no),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
