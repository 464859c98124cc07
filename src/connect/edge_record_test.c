/* What is left of a crossing at the keeper. */
#include "connect/test_world.h"

static void each_crossing_leaves_a_record_of_both_legs(void **state)
{
	struct world w;
	const struct keeper_ask *ask;

	(void)state;
	world_start(&w, NULL);
	dial(&w, &w.alice, STR("acme"));
	hang_up(&w, &w.alice);
	ask = w.record;
	assert_non_null(ask);
	assert_int_equal(ask->kind, KEEPER_CALL_PUT);
	assert_int_equal(ask->n, 1);
	assert_str(ask->calls->service, "edge:acme");
	assert_str(ask->calls->caller, "sip:alice@net.example");
	assert_str(ask->calls->callee, "sip:acme@net.example");
	assert_str(ask->calls->target, "sip:101@10.0.0.9");
	assert_int_equal(ask->calls->status, 200);
	assert_str(ask->calls->cause, "caller hung up");
	assert_true(ask->calls->start < ask->calls->answer && ask->calls->answer < ask->calls->end);
	assert_int_equal(ask->calls->leg_n, 2);
	assert_str(ask->calls->legs[0].codec, "opus/48000/2");
	assert_str(ask->calls->legs[0].media, "dtls-srtp");
	assert_str(ask->calls->legs[0].signalling, "overlay, sealed");
	assert_str(ask->calls->legs[1].media, "sdes-srtp");
	assert_int_equal(ask->calls->session.n, 32);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_crossing_leaves_a_record_of_both_legs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
