#include "overlay/field.h"

#include "base/test.h"

static void a_list_is_read_as_it_was_written(void **state)
{
	char text[64];
	struct overlay_fields f;
	struct buf b;
	uint8_t tag;
	uint16_t number = 0;
	usec time = 0;
	str v;

	(void)state;
	buf_init(&b, text, sizeof(text));
	overlay_put_field(&b, 1, STR("hello"));
	overlay_put_u16(&b, 2, 0xbeef);
	overlay_put_time(&b, 3, 1234567);
	assert_true(buf_ok(&b));
	overlay_fields_start(&f, buf_str(&b));
	assert_true(overlay_fields_next(&f, &tag, &v));
	assert_int_equal(tag, 1);
	assert_str(v, "hello");
	assert_true(overlay_fields_next(&f, &tag, &v) && overlay_value_u16(v, &number));
	assert_int_equal(number, 0xbeef);
	assert_true(overlay_fields_next(&f, &tag, &v) && overlay_value_time(v, &time));
	assert_int_equal(time, 1234000); /* milliseconds on the wire */
	assert_false(overlay_fields_next(&f, &tag, &v));
	assert_int_equal(f.err, ERR_NONE);
}

static void a_cut_list_and_a_doubled_tag_are_errors(void **state)
{
	struct overlay_fields f;
	uint8_t tag;
	str v;

	(void)state;
	overlay_fields_start(&f, STR("\x01\x00\x05hell"));
	assert_false(overlay_fields_next(&f, &tag, &v));
	assert_int_equal(f.err, ERR_SYNTAX);
	overlay_fields_start(&f, STR("\x01\x00"));
	assert_false(overlay_fields_next(&f, &tag, &v));
	assert_int_equal(f.err, ERR_SYNTAX);
	overlay_fields_start(&f, STR_NONE);
	assert_true(overlay_fields_once(&f, 200));
	assert_false(overlay_fields_once(&f, 200));
	assert_int_equal(f.err, ERR_SYNTAX);
}

static void unknown_fields_are_skipped_unless_critical(void **state)
{
	struct overlay_fields f;

	(void)state;
	overlay_fields_start(&f, STR_NONE);
	overlay_fields_unknown(&f, 0x50);
	assert_int_equal(f.err, ERR_NONE);
	overlay_fields_unknown(&f, 0x80);
	assert_int_equal(f.err, ERR_UNSUPPORTED);
}

static void a_signature_holds_for_its_bytes_context_and_key_only(void **state)
{
	char text[128];
	struct sign_pair pair, other;
	struct rng rng;
	struct buf b;

	(void)state;
	rng_seeded(&rng, 1);
	sign_new(&pair, &rng);
	sign_new(&other, &rng);
	buf_init(&b, text, sizeof(text));
	overlay_put_field(&b, 1, STR("word"));
	overlay_put_signature(&b, 0, STR("one"), &pair);
	assert_true(buf_ok(&b));
	assert_int_equal(overlay_check_signature(buf_str(&b), STR("one"), pair.key), ERR_NONE);
	assert_int_equal(overlay_check_signature(buf_str(&b), STR("two"), pair.key), ERR_FORGED);
	assert_int_equal(overlay_check_signature(buf_str(&b), STR("one"), other.key), ERR_FORGED);
	text[4] ^= 1;
	assert_int_equal(overlay_check_signature(buf_str(&b), STR("one"), pair.key), ERR_FORGED);
	assert_int_equal(overlay_check_signature(STR("\x01\x00\x01x"), STR("one"), pair.key), ERR_SYNTAX);
}

static void addresses_come_back_in_both_families(void **state)
{
	struct addr six, out;
	char text[32];
	struct buf b;
	str rest;

	(void)state;
	assert_int_equal(addr_parse(STR("[2001:db8::7]:5443"), 0, &six), ERR_NONE);
	buf_init(&b, text, sizeof(text));
	overlay_put_addr_value(&b, &six);
	rest = buf_str(&b);
	assert_int_equal(rest.n, 19);
	assert_true(overlay_take_addr(&rest, &out) && rest.n == 0 && addr_eq(&six, &out));
	rest = STR("\x04\x15\x43\xc0\x00\x02\x01");
	assert_true(overlay_take_addr(&rest, &out) && out.port == 0x1543);
	rest = STR("\x05\x15\x43\xc0\x00\x02\x01");
	assert_false(overlay_take_addr(&rest, &out));
	rest = STR("\x06\x15\x43\xc0\x00\x02\x01");
	assert_false(overlay_take_addr(&rest, &out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_is_read_as_it_was_written),
		cmocka_unit_test(a_cut_list_and_a_doubled_tag_are_errors),
		cmocka_unit_test(unknown_fields_are_skipped_unless_critical),
		cmocka_unit_test(a_signature_holds_for_its_bytes_context_and_key_only),
		cmocka_unit_test(addresses_come_back_in_both_families),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
