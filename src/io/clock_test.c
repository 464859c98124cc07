#include "io/clock.h"

#include "base/test.h"

#include <time.h>

static void it_begins_at_the_wall_clock_and_never_goes_back(void **state)
{
	struct clock c;
	usec before;
	(void)state;
	clock_start(&c);
	before = clock_now(&c);
	assert_true(before / USEC_PER_SEC - time(NULL) <= 1 && time(NULL) - before / USEC_PER_SEC <= 1);
	for (int i = 0; i < 100000; i++) {
		usec now = clock_now(&c);
		assert_true(now >= before);
		before = now;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_begins_at_the_wall_clock_and_never_goes_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
