#include "base/str.h"

#include "base/test.h"

static void numbers_stop_at_their_bound(void **state)
{
	uint32_t value = 7;

	(void)state;
	assert_true(str_u32(STR("4294967295"), UINT32_MAX, &value));
	assert_int_equal(value, 4294967295u);
	assert_false(str_u32(STR("4294967296"), UINT32_MAX, &value));
	assert_false(str_u32(STR("11"), 10, &value));
	assert_false(str_u32(STR(""), 10, &value));
	assert_int_equal(value, 4294967295u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_stop_at_their_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
