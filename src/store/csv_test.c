#include "store/csv.h"

#include "base/test.h"

static void lines_become_names_and_passwords(void **state)
{
	char text[] = "Name,Password\r\n101,geheim\r\n\n102,\"a,\"\"b\"\"\"\n\"103\",\n104,last";
	struct store_csv csv;
	str name, password;

	(void)state;
	store_csv_start(&csv, str_from(text));
	assert_int_equal(store_csv_next(&csv, &name, &password), ERR_NONE);
	assert_str(name, "101");
	assert_str(password, "geheim");
	assert_int_equal(csv.line, 2);
	assert_int_equal(store_csv_next(&csv, &name, &password), ERR_NONE);
	assert_str(name, "102");
	assert_str(password, "a,\"b\"");
	assert_int_equal(csv.line, 4);
	assert_int_equal(store_csv_next(&csv, &name, &password), ERR_NONE);
	assert_str(name, "103");
	assert_int_equal(password.n, 0);
	assert_int_equal(store_csv_next(&csv, &name, &password), ERR_NONE);
	assert_str(password, "last");
	assert_int_equal(store_csv_next(&csv, &name, &password), ERR_ABSENT);
	assert_int_equal(store_csv_next(&csv, &name, &password), ERR_ABSENT);
}

static void what_is_not_two_fields_is_refused_with_its_line(void **state)
{
	static const char *const bad[] = { "\n101", "\n101,a,b", "\n\"101,a", "\n101,\"a\"b", "\n1\"01,a", "\n,\"" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char text[20];
		struct store_csv csv;
		str name = STR("as it was"), password;
		strcpy(text, bad[i]);
		store_csv_start(&csv, str_from(text));
		assert_int_equal(store_csv_next(&csv, &name, &password), ERR_SYNTAX);
		assert_int_equal(csv.line, 2);
		assert_str(name, "as it was");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_become_names_and_passwords),
		cmocka_unit_test(what_is_not_two_fields_is_refused_with_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
