#include "call/share.h"

#include "base/test.h"

static void equal_numbers_of_two_machines_stay_apart_and_come_back(void **state)
{
	(void)state;
	for (unsigned outer = 0; outer < SHARE_PLACES; outer++)
		for (unsigned inner = 0; inner < SHARE_PLACES; inner++) {
			struct host_want want = { .kind = HOST_BIND, .id = 7 };
			struct host_event event = { .kind = HOST_BOUND };

			share_want(SHARE_INNER, inner, &want);
			share_want(SHARE_OUTER, outer, &want);
			assert_true(want.id <= HOST_OWN_MAX);
			event.id = want.id;
			assert_int_equal(share_event(SHARE_OUTER, &event), outer);
			assert_int_equal(share_event(SHARE_INNER, &event), inner);
			assert_int_equal(event.id, 7);
		}
}

static void an_accepted_stream_keeps_its_number_and_goes_to_its_listeners_machine(void **state)
{
	struct host_event event = { .kind = HOST_ACCEPTED, .id = HOST_OWN_MAX + 5u };
	struct host_want listen = { .kind = HOST_LISTEN, .id = 1 };
	struct host_want write = { .kind = HOST_WRITE, .id = HOST_OWN_MAX + 5u };

	(void)state;
	share_want(SHARE_INNER, 2, &listen);
	event.listener = listen.id;
	assert_int_equal(share_event(SHARE_INNER, &event), 2);
	assert_int_equal(event.listener, 1);
	assert_int_equal(event.id, HOST_OWN_MAX + 5u);
	share_want(SHARE_INNER, 2, &write);
	assert_int_equal(write.id, HOST_OWN_MAX + 5u);
	event.kind = HOST_BYTES;
	assert_int_equal(share_event(SHARE_INNER, &event), SHARE_ALL);
	assert_int_equal(event.id, HOST_OWN_MAX + 5u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_numbers_of_two_machines_stay_apart_and_come_back),
		cmocka_unit_test(an_accepted_stream_keeps_its_number_and_goes_to_its_listeners_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
