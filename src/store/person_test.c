#include "store/person.h"

#include "base/test.h"
#include "store/user.h"

static void a_persons_name_has_one_form(void **state)
{
	static const char longest[] = "a234567890123456789012345678901234567890123456789012345678901234";
	char out[PERSON_NAME_MAX];

	(void)state;
	assert_true(person_name_fold(STR("Alice.Smith-2_x"), out));
	assert_memory_equal(out, "alice.smith-2_x", 15);
	assert_true(person_name_fold(str_from(longest), out));
	assert_false(person_name_fold(STR(""), out));
	assert_false(person_name_fold(STR("-alice"), out));
	assert_false(person_name_fold(STR("alice smith"), out));
	assert_false(person_name_fold(STR("\xc3\xa4lice"), out));
	assert_false(person_name_fold(STR("a\0b"), out));
	assert_false(
		person_name_fold(str_of("a2345678901234567890123456789012345678901234567890123456789012345", 65), out));
}

static void an_accounts_name_needs_no_escape_in_a_uri(void **state)
{
	static char longest[USER_NAME_MAX + 1];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	assert_true(user_name_is_good(STR("101")));
	assert_true(user_name_is_good(STR("+49-30.12&x=y~")));
	assert_true(user_name_is_good(str_of(longest, USER_NAME_MAX)));
	assert_false(user_name_is_good(str_of(longest, USER_NAME_MAX + 1)));
	assert_false(user_name_is_good(STR("")));
	assert_false(user_name_is_good(STR("a:b"))); /* would blur the HA1 */
	assert_false(user_name_is_good(STR("a@b")));
	assert_false(user_name_is_good(STR("a\0b")));
	assert_false(user_name_is_good(STR("a b")));
}

static void domains_are_lower_case(void **state)
{
	char out[USER_NAME_MAX];

	(void)state;
	assert_true(user_domain_fold(STR("PBX.Example.com"), out));
	assert_memory_equal(out, "pbx.example.com", 15);
	assert_true(user_domain_fold(STR("[2001:DB8::1]"), out));
	assert_true(user_domain_fold(STR(""), out));
	assert_false(user_domain_fold(STR("a b"), out));
	assert_false(user_domain_fold(STR("a\"b"), out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_persons_name_has_one_form),
		cmocka_unit_test(an_accounts_name_needs_no_escape_in_a_uri),
		cmocka_unit_test(domains_are_lower_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
