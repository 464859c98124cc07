#include "overlay/backoff.h"

#include "overlay/test.h"

#include <stdio.h>

struct fixture {
	struct overlay_backoff b;
	struct addr office, other;
};

static int setup(void **state)
{
	static struct fixture f;
	struct rng rng;

	rng_seeded(&rng, 5);
	overlay_backoff_init(&f.b, &rng);
	f.office = addr_v4(192, 0, 2, 1, 1000);
	f.other = addr_v4(192, 0, 2, 2, 1000);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	overlay_backoff_free(&((struct fixture *)*state)->b);
	return 0;
}

static void three_are_free_then_the_wait_doubles_to_a_minute(void **state)
{
	static const int waits_s[] = { 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60 };
	struct fixture *f = *state;
	usec now = TEST_NOW;

	for (size_t i = 0; i < sizeof(waits_s) / sizeof(*waits_s); i++) {
		overlay_backoff_failed(&f->b, &f->office, STR("alice"), now);
		assert_int_equal(overlay_backoff_wait(&f->b, &f->office, STR("alice"), now), waits_s[i] * USEC_PER_SEC);
		now += waits_s[i] * USEC_PER_SEC;
	}
}

static void others_in_the_office_and_the_user_elsewhere_are_not_slowed(void **state)
{
	struct fixture *f = *state;
	struct addr same_port = f->office;

	for (int i = 0; i < 10; i++)
		overlay_backoff_failed(&f->b, &f->office, STR("alice"), TEST_NOW);
	assert_int_equal(overlay_backoff_wait(&f->b, &f->office, STR("bob"), TEST_NOW), 0);
	assert_int_equal(overlay_backoff_wait(&f->b, &f->other, STR("alice"), TEST_NOW), 0);
	same_port.port = 2000; /* another port is the same source */
	assert_true(overlay_backoff_wait(&f->b, &same_port, STR("alice"), TEST_NOW) > 0);
}

static void a_source_that_only_fails_is_slowed_to_one_a_second(void **state)
{
	struct fixture *f = *state;
	char name[8];

	for (int i = 0; i < 61; i++) {
		snprintf(name, sizeof(name), "user%d", i);
		overlay_backoff_failed(&f->b, &f->office, str_from(name), TEST_NOW);
	}
	assert_int_equal(overlay_backoff_wait(&f->b, &f->office, STR("carol"), TEST_NOW), USEC_PER_SEC);
	overlay_backoff_succeeded(&f->b, &f->office, STR("carol"));
	assert_int_equal(overlay_backoff_wait(&f->b, &f->office, STR("carol"), TEST_NOW), 0);
}

static void a_success_and_a_quarter_of_an_hour_forget(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 10; i++)
		overlay_backoff_failed(&f->b, &f->office, STR("alice"), TEST_NOW);
	overlay_backoff_succeeded(&f->b, &f->office, STR("alice"));
	assert_int_equal(overlay_backoff_wait(&f->b, &f->office, STR("alice"), TEST_NOW), 0);
	for (int i = 0; i < 4; i++)
		overlay_backoff_failed(&f->b, &f->office, STR("alice"), TEST_NOW);
	assert_int_equal(overlay_backoff_wait(&f->b, &f->office, STR("alice"), TEST_NOW), USEC_PER_SEC);
	assert_int_equal(overlay_backoff_wait(&f->b, &f->office, STR("alice"), TEST_NOW + HOUR / 4), 0);
	assert_int_equal(f->b.map.n, 0);
}

static void an_ipv6_household_is_one_source(void **state)
{
	struct fixture *f = *state;
	struct addr a, b, c;

	assert_int_equal(addr_parse_ip(STR("2001:db8:1:1100::1"), &a), ERR_NONE);
	assert_int_equal(addr_parse_ip(STR("2001:db8:1:11ff::2"), &b), ERR_NONE);
	assert_int_equal(addr_parse_ip(STR("2001:db8:1:1200::2"), &c), ERR_NONE);
	assert_true(overlay_backoff_source(&f->b, &a) == overlay_backoff_source(&f->b, &b));
	assert_true(overlay_backoff_source(&f->b, &a) != overlay_backoff_source(&f->b, &c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(three_are_free_then_the_wait_doubles_to_a_minute, setup, teardown),
		cmocka_unit_test_setup_teardown(others_in_the_office_and_the_user_elsewhere_are_not_slowed, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_source_that_only_fails_is_slowed_to_one_a_second, setup, teardown),
		cmocka_unit_test_setup_teardown(a_success_and_a_quarter_of_an_hour_forget, setup, teardown),
		cmocka_unit_test_setup_teardown(an_ipv6_household_is_one_source, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
