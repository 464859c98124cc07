#include "base/base64.h"

#include "base/test.h"

static const struct {
	str bytes, letters;
} rfc4648_10[] = {
	{ STR_INIT(""), STR_INIT("") },
	{ STR_INIT("f"), STR_INIT("Zg==") },
	{ STR_INIT("fo"), STR_INIT("Zm8=") },
	{ STR_INIT("foo"), STR_INIT("Zm9v") },
	{ STR_INIT("foob"), STR_INIT("Zm9vYg==") },
	{ STR_INIT("fooba"), STR_INIT("Zm9vYmE=") },
	{ STR_INIT("foobar"), STR_INIT("Zm9vYmFy") },
};

static void the_vectors_of_rfc_4648_hold_both_ways(void **state)
{
	char text[32];
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof(rfc4648_10) / sizeof(*rfc4648_10); i++) {
		buf_init(&b, text, sizeof(text));
		base64_write(rfc4648_10[i].bytes, &b);
		assert_true(str_eq(buf_str(&b), rfc4648_10[i].letters));
		buf_init(&b, text, sizeof(text));
		assert_int_equal(base64_parse(rfc4648_10[i].letters, &b), ERR_NONE);
		assert_true(str_eq(buf_str(&b), rfc4648_10[i].bytes));
	}
}

static void the_url_form_has_other_letters_and_no_padding(void **state)
{
	char text[8], bytes[2];
	struct buf b;

	(void)state;
	buf_init(&b, text, sizeof(text));
	base64url_write(STR("\xfb\xff"), &b);
	assert_str(buf_str(&b), "-_8");
	assert_int_equal(base64url_parse_n(STR("-_8"), bytes, 2), ERR_NONE);
	assert_memory_equal(bytes, "\xfb\xff", 2);
	assert_int_equal(base64url_parse_n(STR("-_8="), bytes, 2), ERR_SYNTAX);
	assert_int_equal(base64url_parse_n(STR("-_8"), bytes, 3), ERR_SYNTAX);
}

/* Some phones leave it out of their SDES keys. */
static void padding_of_the_plain_form_may_be_missing(void **state)
{
	char text[8];
	struct buf b;

	(void)state;
	buf_init(&b, text, sizeof(text));
	assert_int_equal(base64_parse(STR("Zg"), &b), ERR_NONE);
	assert_int_equal(base64_parse(STR("+/8"), &b), ERR_NONE);
	assert_str(buf_str(&b), "f\xfb\xff");
}

static void what_is_not_base64_is_refused_whole(void **state)
{
	static const str bad[] = { STR_INIT("Z"),    STR_INIT("Zg="),  STR_INIT("Zh=="),     STR_INIT("Z==="),
				   STR_INIT("===="), STR_INIT("Zm9-"), STR_INIT("Zm9v Zm9"), STR_INIT("Zg==Zg==") };
	char text[32];
	struct buf b;

	(void)state;
	buf_init(&b, text, sizeof(text));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(base64_parse(bad[i], &b), ERR_SYNTAX);
		assert_int_equal(b.n, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_rfc_4648_hold_both_ways),
		cmocka_unit_test(the_url_form_has_other_letters_and_no_padding),
		cmocka_unit_test(padding_of_the_plain_form_may_be_missing),
		cmocka_unit_test(what_is_not_base64_is_refused_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
