#include "base/test.h"
#include "sip/server.h"

#define MS USEC_PER_MS

static const struct sip_timing timing = { 500 * MS, 4000 * MS, 5000 * MS, 200 * MS };

#define assert_step(s, step) assert_int_equal(sip_server_next(&(s)), SIP_SERVER_##step)

static struct sip_server started(bool reliable)
{
	struct sip_server s;

	sip_server_start(&s, &timing, reliable, 0);
	assert_step(s, QUIET);
	return s;
}

static void repeats_are_soaked_up_and_answered_with_the_last_answer_for_timer_j(void **state)
{
	struct sip_server s = started(false);

	(void)state;
	sip_server_repeat(&s, 500 * MS);
	assert_step(s, QUIET);
	assert_true(sip_server_answer(&s, 200, 1000 * MS));
	assert_step(s, ANSWER);
	assert_step(s, QUIET);
	assert_true(sip_server_lingers(&s));
	sip_server_repeat(&s, 1500 * MS);
	assert_step(s, ANSWER);
	assert_true(sip_server_due(&s) == 33000 * MS);
	sip_server_tick(&s, 33000 * MS);
	assert_step(s, END);
}

static void over_a_reliable_transport_the_final_answer_ends_it(void **state)
{
	struct sip_server s = started(true);

	(void)state;
	assert_true(sip_server_answer(&s, 404, 1000 * MS));
	assert_step(s, ANSWER);
	assert_step(s, END);
}

static void a_second_final_answer_is_refused(void **state)
{
	struct sip_server s = started(false);

	(void)state;
	assert_true(sip_server_answer(&s, 200, 0));
	assert_step(s, ANSWER);
	assert_false(sip_server_answer(&s, 500, 0));
	assert_step(s, QUIET);
}

static void trying_comes_by_itself_when_timer_e_has_grown_to_t2_and_not_before(void **state)
{
	struct sip_server s = started(false);

	(void)state;
	assert_false(sip_server_answer(&s, 100, 1000 * MS));
	assert_step(s, QUIET);
	assert_true(sip_server_due(&s) == 3500 * MS);
	sip_server_tick(&s, 3500 * MS);
	assert_step(s, TRYING);
	sip_server_repeat(&s, 4000 * MS);
	assert_step(s, ANSWER);
}

static void provisional_answers_but_100_are_refused(void **state)
{
	struct sip_server s = started(true);

	(void)state;
	assert_false(sip_server_answer(&s, 183, 5000 * MS));
	assert_true(sip_server_answer(&s, 100, 0)); /* any time on a reliable transport */
	assert_step(s, ANSWER);
}

static void a_408_is_never_sent_and_ends_it_in_silence(void **state)
{
	struct sip_server s = started(false);

	(void)state;
	assert_false(sip_server_answer(&s, 408, 1000 * MS));
	assert_step(s, END);
}

static void without_any_answer_it_ends_when_its_client_has_given_up(void **state)
{
	struct sip_server s = started(false);

	(void)state;
	sip_server_tick(&s, 3500 * MS);
	assert_step(s, TRYING);
	assert_true(sip_server_due(&s) == 32000 * MS);
	sip_server_tick(&s, 32000 * MS);
	assert_step(s, END);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(repeats_are_soaked_up_and_answered_with_the_last_answer_for_timer_j),
		cmocka_unit_test(over_a_reliable_transport_the_final_answer_ends_it),
		cmocka_unit_test(a_second_final_answer_is_refused),
		cmocka_unit_test(trying_comes_by_itself_when_timer_e_has_grown_to_t2_and_not_before),
		cmocka_unit_test(provisional_answers_but_100_are_refused),
		cmocka_unit_test(a_408_is_never_sent_and_ends_it_in_silence),
		cmocka_unit_test(without_any_answer_it_ends_when_its_client_has_given_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
