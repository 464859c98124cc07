#include "pbx/overload.h"

#include "base/test.h"

static struct pbx_overload o;
static struct rng rng;
static usec now;

static int setup(void **state)
{
	(void)state;
	rng_seeded(&rng, 9);
	now = 1700000000 * USEC_PER_SEC;
	pbx_overload_init(&o, &rng);
	return 0;
}

/* Messages that have waited so long come for a while, one each millisecond. */
static void pass(usec waited, usec span)
{
	for (usec end = now + span; now < end; now += USEC_PER_MS)
		pbx_overload_waited(&o, waited, false, false, now);
}

static int admitted(enum pbx_overload_class class)
{
	int n = 0;

	for (int i = 0; i < 1000; i++)
		n += pbx_overload_admits(&o, class, now);
	return n;
}

static void who_is_in_time_lets_all_in(void **state)
{
	(void)state;
	pass(USEC_PER_MS, 10 * USEC_PER_SEC);
	assert_int_equal(admitted(PBX_OVERLOAD_OTHER), 1000);
	assert_int_equal(admitted(PBX_OVERLOAD_CALL), 1000);
	assert_false(pbx_overload_late(&o, now));
}

static void a_burst_is_no_overload(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++) { /* long waits, but the queue empties between */
		pass(200 * USEC_PER_MS, 80 * USEC_PER_MS);
		pass(0, 30 * USEC_PER_MS);
	}
	assert_int_equal(admitted(PBX_OVERLOAD_OTHER), 1000);
}

static void a_standing_queue_keeps_out_questions_first_then_calls_never_dialogs(void **state)
{
	(void)state;
	pass(200 * USEC_PER_MS, 600 * USEC_PER_MS);
	assert_in_range(admitted(PBX_OVERLOAD_OTHER), 400, 600);
	assert_int_equal(admitted(PBX_OVERLOAD_CALL), 1000);
	pass(200 * USEC_PER_MS, USEC_PER_SEC);
	assert_int_equal(admitted(PBX_OVERLOAD_OTHER), 0);
	assert_in_range(admitted(PBX_OVERLOAD_CALL), 300, 700);
	pass(200 * USEC_PER_MS, 5 * USEC_PER_SEC);
	assert_in_range(admitted(PBX_OVERLOAD_CALL), 10, 100);
	assert_int_equal(admitted(PBX_OVERLOAD_DIALOG), 1000);
	assert_int_equal(pbx_overload_refuses(&o, PBX_OVERLOAD_CALL, now), 95);
	/* and when it has passed, all come back */
	pass(0, 5 * USEC_PER_SEC);
	assert_int_equal(admitted(PBX_OVERLOAD_CALL), 1000);
	assert_int_equal(admitted(PBX_OVERLOAD_OTHER), 1000);
}

static void what_the_socket_lost_counts_however_short_its_queue(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++, now += PBX_OVERLOAD_INTERVAL)
		pbx_overload_waited(&o, 0, true, false, now);
	assert_true(pbx_overload_late(&o, now - 1));
	assert_in_range(admitted(PBX_OVERLOAD_OTHER), 0, 300);
}

static void no_call_is_refused_while_registrations_fill_the_queue(void **state)
{
	(void)state;
	for (int i = 0; i < 5000; i++, now += USEC_PER_MS)
		pbx_overload_waited(&o, 200 * USEC_PER_MS, true, true, now);
	assert_int_equal(admitted(PBX_OVERLOAD_CALL), 1000);
	assert_int_equal(admitted(PBX_OVERLOAD_OTHER), 0);
}

static void silence_heals_too(void **state)
{
	(void)state;
	pass(200 * USEC_PER_MS, 5 * USEC_PER_SEC);
	now += 10 * USEC_PER_SEC;
	assert_int_equal(admitted(PBX_OVERLOAD_OTHER), 1000);
	assert_false(pbx_overload_late(&o, now));
}

static void turns_are_given_at_the_pace_at_which_registrations_are_done(void **state)
{
	unsigned told[PBX_OVERLOAD_AFTER + 1] = { 0 };

	(void)state;
	for (int i = 0; i < 40000; i++, now += 100) /* 10,000 a second */
		pbx_overload_done(&o, 0, now);
	assert_in_range(pbx_overload_line_max(&o), 9900 * PBX_OVERLOAD_LINE_S, 10100 * PBX_OVERLOAD_LINE_S);
	for (int i = 0; i < 100000; i++)
		told[pbx_overload_ticket(&o, 5000, 1, now)]++;
	assert_in_range(told[1], 4900, 5100); /* half a second is in line already */
	for (int i = 2; i <= 10; i++)
		assert_in_range(told[i], 9800, 10300);
	assert_int_equal(told[0], 0);
	assert_int_equal(told[13], 0);
}

static void a_registration_of_two_steps_takes_two_turns(void **state)
{
	unsigned told[PBX_OVERLOAD_AFTER + 1] = { 0 };

	(void)state;
	for (int i = 0; i < 40000; i++, now += 100)
		pbx_overload_done(&o, 0, now);
	for (int i = 0; i < 50000; i++)
		told[pbx_overload_ticket(&o, 0, 2, now)]++;
	for (int i = 1; i <= 10; i++)
		assert_in_range(told[i], 4900, 5150);
}

static size_t pace(void)
{
	return pbx_overload_line_max(&o) / PBX_OVERLOAD_LINE_S;
}

static void the_pace_that_was_known_gives_way_slowly_and_only_while_some_wait(void **state)
{
	(void)state;
	for (int i = 0; i < 40000; i++, now += 100)
		pbx_overload_done(&o, 0, now);
	for (int i = 0; i < 10000; i++, now += 1000) /* there was no more to do */
		pbx_overload_done(&o, 0, now);
	assert_in_range(pace(), 9900, 10200);
	for (int i = 0; i < 1000; i++, now += 1000)
		pbx_overload_done(&o, 5, now);
	assert_in_range(pace(), 7000, 9000);
	for (int i = 0; i < 30000; i++, now += 1000)
		pbx_overload_done(&o, 5, now);
	assert_in_range(pace(), 990, 1100);
}

/* A crowd comes, and to hear who is there takes nearly all the time. */
static void while_more_is_read_than_done_nothing_is_learnt_of_the_pace(void **state)
{
	size_t known;

	(void)state;
	for (int i = 0; i < 4000; i++) {
		now += 200;
		pbx_overload_done(&o, 1, now);
	}
	known = pbx_overload_rate(&o);
	assert_in_range(known, 4000, 6000);
	for (int i = 0; i < 2000; i++) { /* 2.5 s at an eighth of it */
		now += 1600;
		for (int k = 0; k < 3; k++)
			pbx_overload_waited(&o, USEC_PER_SEC, false, true, now);
		pbx_overload_done(&o, 100, now);
	}
	assert_int_equal(pbx_overload_rate(&o), known);
	for (int i = 0; i < 2000; i++) {
		now += 1600;
		pbx_overload_done(&o, 100, now);
	}
	assert_true(pbx_overload_rate(&o) < known);
}

static void nobody_is_told_to_come_in_an_hour(void **state)
{
	uint32_t most = 0, least = UINT32_MAX;

	(void)state;
	for (int i = 0; i < 1000000; i++) {
		uint32_t after = pbx_overload_ticket(&o, 0, 1, now);

		most = after > most ? after : most;
		if (i > 500000)
			least = after < least ? after : least;
	}
	assert_int_equal(most, PBX_OVERLOAD_AFTER);
	assert_int_equal(least, PBX_OVERLOAD_AFTER / 2);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(who_is_in_time_lets_all_in),
		T(a_burst_is_no_overload),
		T(a_standing_queue_keeps_out_questions_first_then_calls_never_dialogs),
		T(what_the_socket_lost_counts_however_short_its_queue),
		T(no_call_is_refused_while_registrations_fill_the_queue),
		T(silence_heals_too),
		T(turns_are_given_at_the_pace_at_which_registrations_are_done),
		T(a_registration_of_two_steps_takes_two_turns),
		T(the_pace_that_was_known_gives_way_slowly_and_only_while_some_wait),
		T(while_more_is_read_than_done_nothing_is_learnt_of_the_pace),
		T(nobody_is_told_to_come_in_an_hour),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
