#include "base/test.h"
#include "sip/invite_server.h"

#define MS USEC_PER_MS

static const struct sip_timing timing = { 500 * MS, 4000 * MS, 5000 * MS, 200 * MS };

#define assert_step(s, step) assert_int_equal(sip_invite_server_next(&(s)), SIP_INVITE_SERVER_##step)

static struct sip_invite_server started(bool reliable)
{
	struct sip_invite_server s;

	sip_invite_server_start(&s, &timing, reliable, 0);
	assert_step(s, QUIET);
	return s;
}

static void trying_comes_by_itself_where_the_user_is_slow(void **state)
{
	struct sip_invite_server s = started(false);

	(void)state;
	sip_invite_server_repeat(&s, 100 * MS);
	assert_step(s, QUIET);
	assert_true(sip_invite_server_due(&s) == 200 * MS);
	sip_invite_server_tick(&s, 200 * MS);
	assert_step(s, TRYING);
	sip_invite_server_repeat(&s, 500 * MS);
	assert_step(s, ANSWER);
	assert_true(sip_invite_server_due(&s) == USEC_NEVER);
}

static void trying_does_not_come_where_the_user_was_quick(void **state)
{
	struct sip_invite_server s = started(false);

	(void)state;
	assert_true(sip_invite_server_answer(&s, 180, false, 100 * MS));
	assert_step(s, ANSWER);
	assert_true(sip_invite_server_due(&s) == USEC_NEVER);
	assert_true(sip_invite_server_open(&s));
}

static void a_refusal_is_repeated_by_timer_g_up_to_t2_until_timer_h(void **state)
{
	static const int at[] = { 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500 };
	struct sip_invite_server s = started(false);

	(void)state;
	assert_true(sip_invite_server_answer(&s, 486, false, 0));
	assert_step(s, ANSWER);
	for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++) {
		assert_true(sip_invite_server_due(&s) == at[i] * MS);
		sip_invite_server_tick(&s, at[i] * MS);
		assert_step(s, ANSWER);
		assert_step(s, QUIET);
	}
	sip_invite_server_tick(&s, 32000 * MS);
	assert_step(s, UNACKED);
	assert_step(s, END);
}

static void over_a_reliable_transport_a_refusal_is_said_once_and_timer_h_still_runs(void **state)
{
	struct sip_invite_server s = started(true);

	(void)state;
	assert_true(sip_invite_server_answer(&s, 486, false, 0));
	assert_step(s, ANSWER);
	assert_true(sip_invite_server_due(&s) == 32000 * MS);
	assert_true(sip_invite_server_ack(&s, 100 * MS));
	assert_step(s, END); /* timer I is 0 */
}

static void the_ack_stops_repeats_and_repeated_acks_are_soaked_up_for_t4(void **state)
{
	struct sip_invite_server s = started(false);

	(void)state;
	assert_true(sip_invite_server_answer(&s, 486, false, 0));
	assert_step(s, ANSWER);
	assert_true(sip_invite_server_ack(&s, 600 * MS));
	assert_false(sip_invite_server_ack(&s, 700 * MS));
	sip_invite_server_repeat(&s, 800 * MS);
	assert_step(s, QUIET);
	assert_true(sip_invite_server_due(&s) == 5600 * MS);
	sip_invite_server_tick(&s, 5600 * MS);
	assert_step(s, END);
}

static void after_a_2xx_repeats_are_absorbed_and_further_2xx_go_out_for_timer_l(void **state)
{
	struct sip_invite_server s = started(false);

	(void)state;
	assert_true(sip_invite_server_answer(&s, 200, false, 1000 * MS));
	assert_step(s, ANSWER);
	assert_true(sip_invite_server_accepted(&s));
	sip_invite_server_repeat(&s, 1500 * MS);
	assert_step(s, QUIET);
	assert_true(sip_invite_server_answer(&s, 200, false, 1600 * MS));
	assert_step(s, ANSWER);
	assert_false(sip_invite_server_answer(&s, 486, false, 1700 * MS));
	assert_true(sip_invite_server_due(&s) == 33000 * MS);
	sip_invite_server_tick(&s, 33000 * MS);
	assert_step(s, END);
}

static void a_held_2xx_is_repeated_until_its_ack_on_any_transport(void **state)
{
	(void)state;
	for (int reliable = 0; reliable < 2; reliable++) {
		static const int at[] = { 500, 1500, 3500, 7500 };
		struct sip_invite_server s = started(reliable);

		assert_true(sip_invite_server_answer(&s, 200, true, 0));
		assert_step(s, ANSWER);
		for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++) {
			assert_true(sip_invite_server_due(&s) == at[i] * MS);
			sip_invite_server_tick(&s, at[i] * MS);
			assert_step(s, ANSWER);
		}
		assert_false(sip_invite_server_lingers(&s));
		assert_true(sip_invite_server_ack(&s, 8000 * MS));
		assert_true(sip_invite_server_lingers(&s));
		assert_true(sip_invite_server_due(&s) == 32000 * MS);
		sip_invite_server_tick(&s, 32000 * MS);
		assert_step(s, END);
	}
}

static void a_held_2xx_without_ack_is_given_up_after_64_t1(void **state)
{
	struct sip_invite_server s = started(true);
	enum sip_invite_server_step step;
	int answers = 0;

	(void)state;
	assert_true(sip_invite_server_answer(&s, 200, true, 0));
	while (sip_invite_server_due(&s) < 32000 * MS) {
		while (sip_invite_server_next(&s))
			answers++;
		sip_invite_server_tick(&s, sip_invite_server_due(&s));
	}
	while ((step = sip_invite_server_next(&s)) == SIP_INVITE_SERVER_ANSWER)
		answers++;
	assert_int_equal(answers, 11);
	sip_invite_server_tick(&s, 32000 * MS);
	assert_step(s, UNACKED);
	assert_step(s, END);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trying_comes_by_itself_where_the_user_is_slow),
		cmocka_unit_test(trying_does_not_come_where_the_user_was_quick),
		cmocka_unit_test(a_refusal_is_repeated_by_timer_g_up_to_t2_until_timer_h),
		cmocka_unit_test(over_a_reliable_transport_a_refusal_is_said_once_and_timer_h_still_runs),
		cmocka_unit_test(the_ack_stops_repeats_and_repeated_acks_are_soaked_up_for_t4),
		cmocka_unit_test(after_a_2xx_repeats_are_absorbed_and_further_2xx_go_out_for_timer_l),
		cmocka_unit_test(a_held_2xx_is_repeated_until_its_ack_on_any_transport),
		cmocka_unit_test(a_held_2xx_without_ack_is_given_up_after_64_t1),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
