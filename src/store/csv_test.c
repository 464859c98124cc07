#include "store/csv.h"

#include "base/test.h"

static void lines_become_names_and_passwords(void **state)
{
	char text[] = "Name,Password\r\n101,geheim\r\n\n102,\"a,\"\"b\"\"\"\n\"103\",\n104,last";
	struct store_csv csv;
	struct store_csv_row row;

	(void)state;
	store_csv_start(&csv, str_from(text));
	assert_int_equal(store_csv_next(&csv, &row), ERR_NONE);
	assert_str(row.name, "101");
	assert_str(row.password, "geheim");
	assert_int_equal(csv.line, 2);
	assert_int_equal(store_csv_next(&csv, &row), ERR_NONE);
	assert_str(row.name, "102");
	assert_str(row.password, "a,\"b\"");
	assert_int_equal(csv.line, 4);
	assert_int_equal(store_csv_next(&csv, &row), ERR_NONE);
	assert_str(row.name, "103");
	assert_int_equal(row.password.n, 0);
	assert_int_equal(store_csv_next(&csv, &row), ERR_NONE);
	assert_str(row.password, "last");
	assert_int_equal(store_csv_next(&csv, &row), ERR_ABSENT);
	assert_int_equal(store_csv_next(&csv, &row), ERR_ABSENT);
}

static void what_is_not_two_or_three_fields_is_refused_with_its_line(void **state)
{
	static const char *const bad[] = { "\n101",        "\n101,a,b,c", "\n101,a,\"b", "\n\"101,a",
					   "\n101,\"a\"b", "\n1\"01,a",   "\n,\"" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char text[20];
		struct store_csv csv;
		struct store_csv_row row = { .name = STR("as it was") };
		strcpy(text, bad[i]);
		store_csv_start(&csv, str_from(text));
		assert_int_equal(store_csv_next(&csv, &row), ERR_SYNTAX);
		assert_int_equal(csv.line, 2);
		assert_str(row.name, "as it was");
	}
}

static void a_third_field_may_say_who_is_disabled(void **state)
{
	char text[] = "name,password,disabled\n101,a,yes\n102,b,\n103,c\n104,\"d\",\"no\"\r\n";
	static const char *const said[] = { "yes", "", "", "no" };
	struct store_csv csv;
	struct store_csv_row row;

	(void)state;
	store_csv_start(&csv, str_from(text));
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(store_csv_next(&csv, &row), ERR_NONE);
		assert_int_equal(row.password.n, 1);
		assert_true(str_eq(row.disabled, str_from(said[i])));
	}
	assert_int_equal(store_csv_next(&csv, &row), ERR_ABSENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_become_names_and_passwords),
		cmocka_unit_test(a_third_field_may_say_who_is_disabled),
		cmocka_unit_test(what_is_not_two_or_three_fields_is_refused_with_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
