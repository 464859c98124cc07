#include "io/interface.h"

#include "base/test.h"

static void a_machine_has_addresses_that_others_can_use(void **state)
{
	struct addr list[16];
	size_t n = interface_list(list, 16);
	(void)state;
	assert_true(n >= 1);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(list[i].port, 0);
		assert_false(addr_is_any(&list[i]) || addr_is_multicast(&list[i]) || addr_is_link_local(&list[i]));
		/* Loopback is the last resort, not one among others. */
		assert_true(!addr_is_loopback(&list[i]) || addr_is_loopback(&list[0]));
	}
	assert_int_equal(interface_list(list, 1), 1);
	assert_int_equal(interface_list(list, 0), 0);
}

static void the_way_to_loopback_is_loopback(void **state)
{
	struct addr to = addr_v4(127, 0, 0, 1, 5060), own;
	(void)state;
	assert_int_equal(interface_towards(&to, &own), ERR_NONE);
	assert_true(addr_is_loopback(&own));
	assert_int_equal(own.port, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_machine_has_addresses_that_others_can_use),
		cmocka_unit_test(the_way_to_loopback_is_loopback),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
