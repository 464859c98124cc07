#include "pbx/numbers.h"

#include "base/test.h"
#include "sip/uri.h"

static void put(struct pbx_numbers *p, const char *range, const char *account)
{
	struct number_record r = { .account = str_from(account) };

	assert_int_equal(number_range_parse(str_from(range), &r.first, &r.last), ERR_NONE);
	assert_int_equal(pbx_numbers_add(p, &r), ERR_NONE);
}

static void a_number_is_found_in_its_range_and_nowhere_else(void **state)
{
	struct pbx_numbers *p = pbx_numbers_new();

	(void)state;
	assert_int_equal(pbx_numbers_find(p, STR("+4930123450")).n, 0);
	put(p, "+4930200-299", "two");
	put(p, "+4930123400-499", "one");
	put(p, "+1555", "three");
	assert_int_equal(pbx_numbers_n(p), 0); /* not before it is whole */
	pbx_numbers_take(p);
	assert_str(pbx_numbers_find(p, STR("+4930123400")), "one");
	assert_str(pbx_numbers_find(p, STR("+4930123499")), "one");
	assert_int_equal(pbx_numbers_find(p, STR("+4930123500")).n, 0);
	assert_int_equal(pbx_numbers_find(p, STR("+4930123399")).n, 0);
	assert_str(pbx_numbers_find(p, STR("+1555")), "three");
	assert_str(pbx_numbers_find(p, STR("+4930250")), "two");
	assert_int_equal(pbx_numbers_find(p, STR("1555")).n, 0);
	assert_int_equal(pbx_numbers_find(p, STR("+1")).n, 0);
	assert_true(pbx_numbers_has(p, STR("two")));
	assert_false(pbx_numbers_has(p, STR("four")));
	pbx_numbers_renew(p);
	put(p, "+1555", "four");
	assert_str(pbx_numbers_find(p, STR("+1555")), "three");
	pbx_numbers_take(p);
	assert_str(pbx_numbers_find(p, STR("+1555")), "four");
	assert_int_equal(pbx_numbers_find(p, STR("+4930123400")).n, 0);
	pbx_numbers_free(p);
}

static void assert_written(const char *contact, const char *asked, const char *expected)
{
	struct sip_uri uri;
	char text[300];
	struct buf b;

	assert_int_equal(sip_uri_parse(str_from(asked), &uri), ERR_NONE);
	buf_init(&b, text, sizeof(text));
	pbx_numbers_write_uri(str_from(contact), &uri, &b);
	assert_true(str_eq(buf_str(&b), str_from(expected)));
}

static void the_number_becomes_the_user_part(void **state)
{
	(void)state;
	assert_true(pbx_numbers_is_bulk(STR("sip:192.0.2.9;bnc")));
	assert_true(pbx_numbers_is_bulk(STR("sip:192.0.2.9:5080;transport=tcp;bnc")));
	assert_false(pbx_numbers_is_bulk(STR("sip:101@192.0.2.9;bncx")));
	assert_written("sip:192.0.2.9:5080;transport=tcp;bnc", "sip:+4930123456@example.com;user=phone",
		       "sip:+4930123456@192.0.2.9:5080;transport=tcp");
	assert_written("sip:[2001:db8::9];bnc;x=1", "sip:+49@example.com;gr=urn:x;sg=ab",
		       "sip:+49@[2001:db8::9];x=1;sg=ab");
	/* RFC 6140 5.2: digits only */
	assert_written("sip:192.0.2.9;bnc", "sip:+49-30(12).34;ext=7@example.com;user=phone",
		       "sip:+49301234@192.0.2.9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_is_found_in_its_range_and_nowhere_else),
		cmocka_unit_test(the_number_becomes_the_user_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
