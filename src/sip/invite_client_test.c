#include "base/test.h"
#include "sip/invite_client.h"

#define MS USEC_PER_MS

static const struct sip_timing timing = { 500 * MS, 4000 * MS, 5000 * MS, 200 * MS };

static struct sip_invite_client started(bool reliable, usec ring_for)
{
	struct sip_invite_client c;

	sip_invite_client_start(&c, &timing, reliable, ring_for, 0);
	assert_int_equal(sip_invite_client_next(&c), SIP_INVITE_CLIENT_SEND);
	assert_int_equal(sip_invite_client_next(&c), SIP_INVITE_CLIENT_QUIET);
	return c;
}

#define assert_step(c, step) assert_int_equal(sip_invite_client_next(&(c)), SIP_INVITE_CLIENT_##step)

static void timer_a_doubles_without_a_cap_until_timer_b(void **state)
{
	static const int at[] = { 500, 1500, 3500, 7500, 15500, 31500 };
	struct sip_invite_client c = started(false, 0);

	(void)state;
	for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++) {
		assert_true(sip_invite_client_due(&c) == at[i] * MS);
		sip_invite_client_tick(&c, at[i] * MS);
		assert_step(c, SEND);
		assert_step(c, QUIET);
	}
	assert_true(sip_invite_client_due(&c) == 32000 * MS);
	sip_invite_client_tick(&c, 32000 * MS);
	assert_step(c, TIMEOUT);
	assert_step(c, END);
}

static void a_provisional_answer_stops_repeats_and_timer_b(void **state)
{
	struct sip_invite_client c = started(false, 0);

	(void)state;
	sip_invite_client_answer(&c, 100, 100 * MS);
	assert_step(c, GIVE);
	assert_true(sip_invite_client_due(&c) == USEC_NEVER);
	sip_invite_client_answer(&c, 180, 200 * MS);
	assert_step(c, GIVE);
}

static void a_refusal_is_acknowledged_each_time_it_comes_for_timer_d(void **state)
{
	struct sip_invite_client c = started(false, 0);

	(void)state;
	sip_invite_client_answer(&c, 486, 1000 * MS);
	assert_step(c, GIVE);
	assert_step(c, ACK);
	assert_step(c, QUIET);
	sip_invite_client_answer(&c, 486, 1500 * MS);
	assert_step(c, ACK);
	assert_step(c, QUIET);
	assert_true(sip_invite_client_due(&c) == 33000 * MS);
	sip_invite_client_tick(&c, 33000 * MS);
	assert_step(c, END);
}

static void over_a_reliable_transport_timer_d_is_nothing(void **state)
{
	struct sip_invite_client c = started(true, 0);

	(void)state;
	sip_invite_client_answer(&c, 603, 1000 * MS);
	assert_step(c, GIVE);
	assert_step(c, ACK);
	assert_step(c, END);
}

static void every_2xx_reaches_the_user_for_timer_m_on_any_transport(void **state)
{
	(void)state;
	for (int reliable = 0; reliable < 2; reliable++) {
		struct sip_invite_client c = started(reliable, 0);

		sip_invite_client_answer(&c, 200, 1000 * MS);
		assert_step(c, GIVE);
		assert_step(c, QUIET);
		assert_true(sip_invite_client_accepted(&c));
		sip_invite_client_answer(&c, 200, 1500 * MS);
		assert_step(c, GIVE);
		sip_invite_client_answer(&c, 180, 1600 * MS); /* a late branch */
		sip_invite_client_answer(&c, 486, 1600 * MS);
		assert_step(c, QUIET);
		assert_true(sip_invite_client_due(&c) == 33000 * MS);
		sip_invite_client_tick(&c, 33000 * MS);
		assert_step(c, END);
	}
}

static void cancel_waits_for_the_first_provisional_answer(void **state)
{
	struct sip_invite_client c = started(false, 0);

	(void)state;
	sip_invite_client_cancel(&c, 100 * MS);
	assert_step(c, QUIET);
	sip_invite_client_answer(&c, 100, 600 * MS);
	assert_step(c, GIVE);
	assert_step(c, CANCEL);
	assert_step(c, QUIET);
	sip_invite_client_cancel(&c, 700 * MS); /* only one goes out */
	assert_step(c, QUIET);
	assert_true(sip_invite_client_due(&c) == 32600 * MS);
	sip_invite_client_answer(&c, 180, 800 * MS); /* crossed; the end stays where it was */
	assert_step(c, GIVE);
	assert_true(sip_invite_client_due(&c) == 32600 * MS);
	sip_invite_client_tick(&c, 32600 * MS);
	assert_step(c, TIMEOUT);
	assert_step(c, END);
}

static void cancel_is_not_sent_where_the_final_answer_comes_first(void **state)
{
	struct sip_invite_client c = started(false, 0);

	(void)state;
	sip_invite_client_cancel(&c, 100 * MS);
	sip_invite_client_answer(&c, 200, 600 * MS);
	assert_step(c, GIVE);
	assert_step(c, QUIET);
	sip_invite_client_cancel(&c, 700 * MS);
	assert_step(c, QUIET);
}

static void a_2xx_that_crosses_cancel_reaches_the_user(void **state)
{
	struct sip_invite_client c = started(false, 0);

	(void)state;
	sip_invite_client_answer(&c, 180, 100 * MS);
	assert_step(c, GIVE);
	sip_invite_client_cancel(&c, 200 * MS);
	assert_step(c, CANCEL);
	sip_invite_client_answer(&c, 200, 210 * MS);
	assert_step(c, GIVE);
	assert_step(c, QUIET);
	assert_true(sip_invite_client_accepted(&c));
}

static void timer_c_cancels_and_every_ringing_starts_it_anew(void **state)
{
	struct sip_invite_client c = started(false, 180000 * MS);

	(void)state;
	sip_invite_client_answer(&c, 180, 1000 * MS);
	assert_step(c, GIVE);
	assert_true(sip_invite_client_due(&c) == 181000 * MS);
	sip_invite_client_answer(&c, 100, 2000 * MS); /* 100 does not (16.7 step 2) */
	assert_step(c, GIVE);
	assert_true(sip_invite_client_due(&c) == 181000 * MS);
	sip_invite_client_answer(&c, 183, 3000 * MS);
	assert_step(c, GIVE);
	assert_true(sip_invite_client_due(&c) == 183000 * MS);
	sip_invite_client_tick(&c, 183000 * MS);
	assert_step(c, CANCEL);
	assert_step(c, QUIET);
	assert_true(sip_invite_client_due(&c) == 215000 * MS);
}

static void a_dead_transport_ends_it_but_not_an_accepted_one(void **state)
{
	struct sip_invite_client c = started(false, 0);

	(void)state;
	sip_invite_client_fail(&c);
	assert_step(c, UNREACHABLE);
	assert_step(c, END);
	c = started(false, 0);
	sip_invite_client_answer(&c, 200, 0);
	assert_step(c, GIVE);
	sip_invite_client_fail(&c);
	assert_step(c, QUIET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timer_a_doubles_without_a_cap_until_timer_b),
		cmocka_unit_test(a_provisional_answer_stops_repeats_and_timer_b),
		cmocka_unit_test(a_refusal_is_acknowledged_each_time_it_comes_for_timer_d),
		cmocka_unit_test(over_a_reliable_transport_timer_d_is_nothing),
		cmocka_unit_test(every_2xx_reaches_the_user_for_timer_m_on_any_transport),
		cmocka_unit_test(cancel_waits_for_the_first_provisional_answer),
		cmocka_unit_test(cancel_is_not_sent_where_the_final_answer_comes_first),
		cmocka_unit_test(a_2xx_that_crosses_cancel_reaches_the_user),
		cmocka_unit_test(timer_c_cancels_and_every_ringing_starts_it_anew),
		cmocka_unit_test(a_dead_transport_ends_it_but_not_an_accepted_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
