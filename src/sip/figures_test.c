/* What a stack has counted. */
#include "sip/test_stack.h"

static struct sip_figures figures(struct rig *r, int side)
{
	struct sip_figures f;

	sip_stack_figures(r->stack[side], &f);
	return f;
}

/* RFC 6076 4.3, 4.6: one call rings after 2 s and is answered, one is refused at once, a third challenged. */
static void attempts_are_counted_by_what_came_of_them(void **state)
{
	struct rig *r = rig_new(NULL);
	char ratios[4000];
	struct buf b;

	(void)state;
	ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	run_until(r, r->now + 2000 * MS);
	struct seen request = *last(r, B, SIP_EVENT_REQUEST);
	reply(r, &request, NULL, 180, "b1", false);
	run_until(r, r->now + 5000 * MS);
	reply(r, &request, NULL, 200, "b1", false);
	settle(r);
	r->on = answer_486;
	ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	settle(r);
	ask(r, request_text("INVITE", "b1", ""), TRANSPORT_UDP, false); /* inside a dialog: no attempt */
	settle(r);
	struct sip_figures f = figures(r, B);
	assert_int_equal(f.outcomes[SIP_OUTCOME_ESTABLISHED], 1);
	assert_int_equal(f.outcomes[SIP_OUTCOME_PERSON], 1);
	assert_int_equal(metric_count(&f.session_delay[0]), 1);
	assert_int_equal(f.session_delay[0].sum_usec, 2000 * MS);
	assert_int_equal(metric_count(&f.session_delay[1]), 1);
	assert_int_equal(f.session_delay[1].sum_usec, 0);
	assert_int_equal(f.requests_in[SIP_INVITE][TRANSPORT_UDP], 3);
	assert_int_equal(f.requests_in[SIP_ACK][TRANSPORT_UDP], 2);
	assert_int_equal(f.answers_out[100 - 100], 1);
	assert_int_equal(f.answers_out[200 - 100], 1);
	assert_int_equal(f.answers_out[486 - 100], 2);
	buf_init(&b, ratios, sizeof(ratios));
	sip_figures_write_ratios(&f, &b);
	assert_true(str_find(buf_str(&b), STR("\ntandem_sip_session_establishment_ratio 0.5\n")) < b.n);
	assert_true(str_find(buf_str(&b), STR("\ntandem_sip_session_establishment_effectiveness_ratio 1\n")) < b.n);
	f = figures(r, A);
	assert_int_equal(f.answers_in[486 - 100], 2);
	assert_int_equal(f.requests_out[SIP_INVITE][TRANSPORT_UDP], 3);
	rig_free(r);
}

static void repeats_and_silence_are_counted(void **state)
{
	struct rig *r = rig_new(NULL);

	(void)state;
	r->on = answer_200;
	r->lose[A] = 2;
	r->lose[B] = 1;
	ask(r, request_text("REGISTER", "", ""), TRANSPORT_UDP, false);
	run_until(r, r->now + 20000 * MS);
	assert_int_equal(figures(r, A).repeats[1], 3);
	assert_int_equal(figures(r, B).repeats[0], 1);
	assert_int_equal(figures(r, B).repeats[1], 1);
	assert_int_equal(figures(r, B).register_answers[200 - 100], 1);
	struct sip_figures f = figures(r, B);
	assert_int_equal(metric_count(&f.register_delay), 1);
	r->lose[A] = 1000;
	ask(r, request_text("OPTIONS", "", ""), TRANSPORT_UDP, false);
	run_until(r, r->now + 32000 * MS);
	assert_int_equal(figures(r, A).timeouts, 1);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attempts_are_counted_by_what_came_of_them),
		cmocka_unit_test(repeats_and_silence_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
