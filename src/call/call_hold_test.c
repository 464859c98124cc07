/* Hold and resume, between two telephones. */
#include "call/test_pair.h"

static void hold_and_resume_reach_the_other_end(void **state)
{
	struct pair t;

	(void)state;
	pair_start(&t);
	dial(&t, STR("sip:b@10.0.0.2"));
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(call_hold(agent_call(t.a.agent, t.a.call), true, t.host.now), ERR_NONE);
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(t.a.held, 1);
	assert_int_equal(t.b.held, 1);
	assert_true(t.host.agreed[1].remote_hold);
	assert_int_equal(t.host.agreed[1].direction, SDP_RECVONLY);
	assert_int_equal(call_hold(agent_call(t.a.agent, t.a.call), false, t.host.now), ERR_NONE);
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(t.a.resumed, 1);
	assert_int_equal(t.b.resumed, 1);
	assert_int_equal(t.host.agreed[1].direction, SDP_SENDRECV);
	hang_up(&t, &t.b);
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(t.a.ended, 1);
	pair_end(&t);
}

static void the_last_of_quick_wishes_counts(void **state)
{
	struct pair t;
	struct call *call;

	(void)state;
	pair_start(&t);
	dial(&t, STR("sip:b@10.0.0.2"));
	test_run(&t.host, USEC_PER_SEC);
	call = agent_call(t.a.agent, t.a.call);
	assert_int_equal(call_hold(call, true, t.host.now), ERR_NONE);
	assert_int_equal(call_hold(call, false, t.host.now), ERR_NONE);
	assert_int_equal(call_hold(call, true, t.host.now), ERR_NONE);
	assert_int_equal(call_hold(call, false, t.host.now), ERR_NONE);
	phone_react(&t.a, t.host.now);
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(t.b.held, 1);
	assert_int_equal(t.b.resumed, 1);
	assert_int_equal(t.a.held, 1);
	assert_int_equal(t.a.resumed, 1);
	hang_up(&t, &t.a);
	assert_int_equal(call_hold(agent_call(t.a.agent, t.a.call), true, t.host.now), ERR_STATE);
	test_run(&t.host, USEC_PER_SEC);
	pair_end(&t);
}

static void when_both_hold_at_once_both_get_their_will_in_the_end(void **state)
{
	struct pair t;

	(void)state;
	pair_start(&t);
	dial(&t, STR("sip:b@10.0.0.2"));
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(call_hold(agent_call(t.a.agent, t.a.call), true, t.host.now), ERR_NONE);
	assert_int_equal(call_hold(agent_call(t.b.agent, t.b.call), true, t.host.now), ERR_NONE);
	test_run(&t.host, 10 * USEC_PER_SEC);
	assert_int_equal(t.a.ended, 0);
	assert_int_equal(t.host.agreed[0].direction, SDP_INACTIVE);
	assert_int_equal(t.host.agreed[1].direction, SDP_INACTIVE);
	pair_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hold_and_resume_reach_the_other_end),
		cmocka_unit_test(the_last_of_quick_wishes_counts),
		cmocka_unit_test(when_both_hold_at_once_both_get_their_will_in_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
