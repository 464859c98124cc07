#include "connect/admission.h"

#include "base/test.h"

#define NOW (1000 * USEC_PER_SEC)

static struct admission *make(uint32_t calls, uint32_t per, uint32_t tries, uint32_t callers)
{
	struct admission_limits limits = { calls, per, tries, 6 * USEC_PER_SEC, callers };
	struct rng rng;
	struct admission *a;

	rng_seeded(&rng, 1);
	a = admission_new(&limits, &rng);
	assert_non_null(a);
	return a;
}

static void a_caller_has_so_many_tries_and_one_more_every_while(void **state)
{
	struct admission *a = make(100, 100, 3, 10);
	usec wait;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(admission_ask(a, STR("alice"), NOW, NULL), ADMISSION_GRANTED);
	assert_int_equal(admission_ask(a, STR("alice"), NOW + USEC_PER_SEC, &wait), ADMISSION_TOO_FAST);
	assert_int_equal(wait, 5 * USEC_PER_SEC);
	assert_int_equal(admission_ask(a, STR("bob"), NOW, NULL), ADMISSION_GRANTED);
	assert_int_equal(admission_ask(a, STR("alice"), NOW + 6 * USEC_PER_SEC, NULL), ADMISSION_GRANTED);
	assert_int_equal(admission_ask(a, STR("alice"), NOW + 6 * USEC_PER_SEC, NULL), ADMISSION_TOO_FAST);
	assert_int_equal(admission_calls(a), 5);
	admission_free(a);
}

static void calls_at_once_are_bounded_for_one_and_for_all(void **state)
{
	struct admission *a = make(3, 2, 100, 10);

	(void)state;
	assert_int_equal(admission_ask(a, STR("alice"), NOW, NULL), ADMISSION_GRANTED);
	assert_int_equal(admission_ask(a, STR("alice"), NOW, NULL), ADMISSION_GRANTED);
	assert_int_equal(admission_ask(a, STR("alice"), NOW, NULL), ADMISSION_CALLER);
	assert_int_equal(admission_ask(a, STR("bob"), NOW, NULL), ADMISSION_GRANTED);
	assert_int_equal(admission_ask(a, STR("carol"), NOW, NULL), ADMISSION_FULL);
	admission_end(a, STR("alice"));
	assert_int_equal(admission_ask(a, STR("carol"), NOW, NULL), ADMISSION_GRANTED);
	admission_end(a, STR("nobody"));
	assert_int_equal(admission_calls(a), 3);
	admission_free(a);
}

static void the_caller_idle_longest_is_forgotten_but_never_one_who_speaks(void **state)
{
	struct admission *a = make(100, 100, 1, 2);

	(void)state;
	assert_int_equal(admission_ask(a, STR("alice"), NOW, NULL), ADMISSION_GRANTED);
	assert_int_equal(admission_ask(a, STR("bob"), NOW, NULL), ADMISSION_GRANTED);
	assert_int_equal(admission_ask(a, STR("carol"), NOW, NULL), ADMISSION_FULL);
	admission_end(a, STR("bob"));
	assert_int_equal(admission_ask(a, STR("carol"), NOW, NULL), ADMISSION_GRANTED);
	assert_int_equal(admission_ask(a, STR("alice"), NOW, NULL), ADMISSION_TOO_FAST);
	admission_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_caller_has_so_many_tries_and_one_more_every_while),
		cmocka_unit_test(calls_at_once_are_bounded_for_one_and_for_all),
		cmocka_unit_test(the_caller_idle_longest_is_forgotten_but_never_one_who_speaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
