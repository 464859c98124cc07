#include "base/test.h"
#include "sip/client.h"

#define MS USEC_PER_MS

static const struct sip_timing timing = { 500 * MS, 4000 * MS, 5000 * MS, 200 * MS };

/* Runs the clock to `end`; notes when each SEND came, in ms. */
static size_t run(struct sip_client *c, usec end, int sends[], size_t cap, enum sip_client_step *last)
{
	size_t n = 0;
	enum sip_client_step step;
	usec now = 0;

	*last = SIP_CLIENT_QUIET;
	for (;;) {
		while ((step = sip_client_next(c))) {
			if (step == SIP_CLIENT_SEND) {
				assert_true(n < cap);
				sends[n++] = (int)(now / MS);
			} else if (step != SIP_CLIENT_END || *last == SIP_CLIENT_QUIET) {
				*last = step;
			}
		}
		if (sip_client_due(c) > end)
			return n;
		now = sip_client_due(c);
		sip_client_tick(c, now);
	}
}

static void timer_e_doubles_up_to_t2_and_timer_f_ends_it_after_64_t1(void **state)
{
	static const int expected[] = { 0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500 };
	struct sip_client c;
	enum sip_client_step last;
	int sends[20];

	(void)state;
	sip_client_start(&c, &timing, false, 0);
	assert_int_equal(run(&c, 31999 * MS, sends, 20, &last), 11);
	assert_memory_equal(sends, expected, sizeof(expected));
	assert_int_equal(last, SIP_CLIENT_QUIET);
	sip_client_tick(&c, 32000 * MS);
	assert_int_equal(sip_client_next(&c), SIP_CLIENT_TIMEOUT);
	assert_int_equal(sip_client_next(&c), SIP_CLIENT_END);
	assert_int_equal(sip_client_next(&c), SIP_CLIENT_QUIET);
	assert_true(sip_client_due(&c) == USEC_NEVER);
}

static void a_provisional_answer_slows_repeats_to_t2(void **state)
{
	static const int expected[] = { 500, 4500, 8500 };
	struct sip_client c;
	enum sip_client_step last;
	int sends[20];

	(void)state;
	sip_client_start(&c, &timing, false, 0);
	assert_int_equal(sip_client_next(&c), SIP_CLIENT_SEND);
	sip_client_answer(&c, 100, 100 * MS);
	assert_int_equal(sip_client_next(&c), SIP_CLIENT_GIVE);
	assert_int_equal(run(&c, 9000 * MS, sends, 20, &last), 3);
	assert_memory_equal(sends, expected, sizeof(expected));
}

static void repeated_finals_are_soaked_up_for_t4(void **state)
{
	struct sip_client c;

	(void)state;
	sip_client_start(&c, &timing, false, 0);
	assert_int_equal(sip_client_next(&c), SIP_CLIENT_SEND);
	sip_client_answer(&c, 200, 1000 * MS);
	assert_int_equal(sip_client_next(&c), SIP_CLIENT_GIVE);
	assert_true(sip_client_lingers(&c));
	sip_client_answer(&c, 200, 2000 * MS);
	assert_int_equal(sip_client_next(&c), SIP_CLIENT_QUIET);
	assert_true(sip_client_due(&c) == 6000 * MS);
	sip_client_tick(&c, 6000 * MS);
	assert_int_equal(sip_client_next(&c), SIP_CLIENT_END);
}

static void on_a_reliable_transport_nothing_is_repeated_and_a_final_ends_it_at_once(void **state)
{
	struct sip_client c;

	(void)state;
	sip_client_start(&c, &timing, true, 0);
	assert_int_equal(sip_client_next(&c), SIP_CLIENT_SEND);
	assert_true(sip_client_due(&c) == 32000 * MS);
	sip_client_answer(&c, 486, 1000 * MS);
	assert_int_equal(sip_client_next(&c), SIP_CLIENT_GIVE);
	assert_int_equal(sip_client_next(&c), SIP_CLIENT_END);
}

static void a_dead_transport_is_said_once_and_not_after_the_answer(void **state)
{
	struct sip_client c;

	(void)state;
	sip_client_start(&c, &timing, false, 0);
	assert_int_equal(sip_client_next(&c), SIP_CLIENT_SEND);
	sip_client_fail(&c);
	assert_int_equal(sip_client_next(&c), SIP_CLIENT_UNREACHABLE);
	assert_int_equal(sip_client_next(&c), SIP_CLIENT_END);
	sip_client_start(&c, &timing, false, 0);
	assert_int_equal(sip_client_next(&c), SIP_CLIENT_SEND);
	sip_client_answer(&c, 200, 0);
	sip_client_fail(&c);
	assert_int_equal(sip_client_next(&c), SIP_CLIENT_GIVE);
	assert_int_equal(sip_client_next(&c), SIP_CLIENT_QUIET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timer_e_doubles_up_to_t2_and_timer_f_ends_it_after_64_t1),
		cmocka_unit_test(a_provisional_answer_slows_repeats_to_t2),
		cmocka_unit_test(repeated_finals_are_soaked_up_for_t4),
		cmocka_unit_test(on_a_reliable_transport_nothing_is_repeated_and_a_final_ends_it_at_once),
		cmocka_unit_test(a_dead_transport_is_said_once_and_not_after_the_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
