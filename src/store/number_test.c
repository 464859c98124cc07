#include "store/number.h"

#include "base/test.h"

static void numbers_are_e164(void **state)
{
	int64_t n;

	(void)state;
	assert_int_equal(number_parse(STR("+4930123456"), &n), ERR_NONE);
	assert_int_equal(n, 4930123456);
	assert_int_equal(number_parse(STR("+123456789012345"), &n), ERR_NONE);
	assert_int_equal(number_parse(STR("+1234567890123456"), &n), ERR_SYNTAX);
	assert_int_equal(number_parse(STR("4930123456"), &n), ERR_SYNTAX);
	assert_int_equal(number_parse(STR("+030123456"), &n), ERR_SYNTAX);
	assert_int_equal(number_parse(STR("+49 30"), &n), ERR_SYNTAX);
	assert_int_equal(number_parse(STR("+"), &n), ERR_SYNTAX);
	assert_int_equal(number_parse(STR(""), &n), ERR_SYNTAX);
}

static void assert_range(const char *text, int64_t first, int64_t last)
{
	int64_t a, b;

	assert_int_equal(number_range_parse(str_from(text), &a, &b), ERR_NONE);
	assert_int_equal(a, first);
	assert_int_equal(b, last);
}

static void a_range_names_the_digits_that_differ(void **state)
{
	int64_t a, b;

	(void)state;
	assert_range("+4930123400-499", 4930123400, 4930123499);
	assert_range("+4930123400-99", 4930123400, 4930123499);
	assert_range("+4930123400", 4930123400, 4930123400);
	assert_range("+4930123400-4930123499", 4930123400, 4930123499);
	assert_range("+4930123400-+4930123499", 4930123400, 4930123499);
	assert_range("+10-20", 10, 20);
	assert_int_equal(number_range_parse(STR("+4930123400-399"), &a, &b), ERR_SYNTAX);
	assert_int_equal(number_range_parse(STR("+49-4930"), &a, &b), ERR_SYNTAX);
	assert_int_equal(number_range_parse(STR("+49-"), &a, &b), ERR_SYNTAX);
	assert_int_equal(number_range_parse(STR("-49"), &a, &b), ERR_SYNTAX);
}

static void a_range_is_written_as_it_is_read(void **state)
{
	static const char *const texts[] = { "+4930123400-99", "+4930123400", "+4930123005-100", "+10-20", "+19-20" };
	char text[60];
	struct buf out;
	int64_t a, b;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		assert_int_equal(number_range_parse(str_from(texts[i]), &a, &b), ERR_NONE);
		buf_init(&out, text, sizeof(text));
		number_range_write(a, b, &out);
		assert_true(str_eq(buf_str(&out), str_from(texts[i])));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_e164),
		cmocka_unit_test(a_range_names_the_digits_that_differ),
		cmocka_unit_test(a_range_is_written_as_it_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
