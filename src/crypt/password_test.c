#include "crypt/password.h"

#include "base/test.h"

static void only_the_password_itself_passes(void **state)
{
	char hash[PASSWORD_HASH_MAX], again[PASSWORD_HASH_MAX];

	(void)state;
	assert_int_equal(password_hash(STR("correct horse"), password_cost_least(), hash), ERR_NONE);
	assert_int_equal(password_hash(STR("correct horse"), password_cost_least(), again), ERR_NONE);
	assert_string_not_equal(hash, again); /* salted */
	assert_true(str_starts(str_from(hash), STR("$argon2id$v=19$m=")));
	assert_int_equal(password_check(STR("correct horse"), str_from(hash)), ERR_NONE);
	assert_int_equal(password_check(STR("correct horsf"), str_from(hash)), ERR_REFUSED);
	assert_int_equal(password_check(STR("correct hors"), str_from(hash)), ERR_REFUSED);
	assert_int_equal(password_check(STR_NONE, str_from(hash)), ERR_REFUSED);
}

static void what_is_no_hash_lets_nobody_in(void **state)
{
	static char junk[300];

	(void)state;
	memset(junk, '$', sizeof(junk));
	assert_int_equal(password_check(STR("x"), STR_NONE), ERR_REFUSED);
	assert_int_equal(password_check(STR("x"), STR("x")), ERR_REFUSED);
	assert_int_equal(password_check(STR("x"), STR("$argon2id$")), ERR_REFUSED);
	assert_int_equal(password_check(STR("x"), str_of(junk, sizeof(junk))), ERR_REFUSED);
}

static void an_overlong_password_is_not_even_hashed(void **state)
{
	static char longest[PASSWORD_MAX + 1];
	char hash[PASSWORD_HASH_MAX] = "as it was";

	(void)state;
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(password_hash(str_of(longest, sizeof(longest)), password_cost_least(), hash), ERR_LIMIT);
	assert_string_equal(hash, "as it was");
	assert_int_equal(password_hash(str_of(longest, PASSWORD_MAX), password_cost_least(), hash), ERR_NONE);
	assert_int_equal(password_check(str_of(longest, PASSWORD_MAX), str_from(hash)), ERR_NONE);
	assert_int_equal(password_check(str_of(longest, sizeof(longest)), str_from(hash)), ERR_LIMIT);
}

static void a_hash_of_another_cost_is_dated(void **state)
{
	char hash[PASSWORD_HASH_MAX];

	(void)state;
	assert_int_equal(password_hash(STR("x"), password_cost_least(), hash), ERR_NONE);
	assert_false(password_is_dated(str_from(hash), password_cost_least()));
	assert_true(password_is_dated(str_from(hash), password_cost_today()));
	assert_true(password_is_dated(STR("$1$old"), password_cost_least()));
	assert_true(password_cost_today().memory_bytes >= 64 * 1024 * 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_password_itself_passes),
		cmocka_unit_test(what_is_no_hash_lets_nobody_in),
		cmocka_unit_test(an_overlong_password_is_not_even_hashed),
		cmocka_unit_test(a_hash_of_another_cost_is_dated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
