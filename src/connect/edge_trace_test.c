/* The messages of both sides of a crossing at the keeper. */
#include "connect/test_world.h"

static void every_message_of_both_sides_is_traced_under_one_session(void **state)
{
	struct world w;

	(void)state;
	world_start(&w, NULL);
	w.traced = w.without_session = 0;
	dial(&w, &w.alice, STR("acme"));
	hang_up(&w, &w.alice);
	test_run(&w.host, USEC_PER_SEC);
	/* INVITE 180 200 ACK BYE 200, on each side */
	assert_int_equal(w.traced, 12);
	assert_int_equal(w.from_alice, 6);
	assert_int_equal(w.without_session, 0);
	assert_str(w.traces->traces[0].service, "edge:acme");
	assert_true(str_eq(w.traces->traces[0].session, str_from(w.alice.facts.session.local)));
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_of_both_sides_is_traced_under_one_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
