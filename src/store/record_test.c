#include "store/record.h"

#include "base/test.h"
#include "store/contact.h"
#include "store/user.h"

#include <stdlib.h>

static void a_packed_copy_needs_nothing_of_the_original(void **state)
{
	char name[] = "101";
	struct user_record users[2] = { { .name = str_from(name), .password = STR("geheim"), .created = 7 },
					{ .name = STR("102"), .domain = STR("example.com"), .disabled = true } };
	size_t n = record_packed_size(&user_record_kind, users, 2);
	struct user_record *copy = malloc(n);

	(void)state;
	assert_int_equal(n, 2 * sizeof(users[0]) + 3 + 6 + 3 + 11);
	record_pack(&user_record_kind, users, 2, copy);
	memset(name, 'x', 3);
	memset(users, 0, sizeof(users));
	assert_str(copy[0].name, "101");
	assert_str(copy[0].password, "geheim");
	assert_int_equal(copy[0].domain.n, 0);
	assert_int_equal(copy[0].created, 7);
	assert_str(copy[1].domain, "example.com");
	assert_true(copy[1].disabled);
	record_wipe(&user_record_kind, copy, 2);
	assert_str(copy[0].password, "\0\0\0\0\0\0");
	assert_str(copy[0].name, "101");
	free(copy);
}

static void json_shows_what_is_set_and_nothing_secret(void **state)
{
	char text[400];
	struct buf b;
	struct user_record user = { .id = 3,
				    .name = STR("101"),
				    .password = STR("geheim"),
				    .ha1_md5 = STR("0123"),
				    .created = 1700000000000000 };
	struct contact_record contact = { .aor = STR("sip:a@b"), .remote = addr_v4(192, 0, 2, 1, 5060), .q = 500 };

	(void)state;
	buf_init(&b, text, sizeof(text));
	record_write_json(&user_record_kind, &user, &b);
	assert_str(buf_str(&b), "{\"id\":3,\"name\":\"101\",\"created\":1700000000000000,\"disabled\":false}");
	buf_reset(&b);
	record_write_json(&contact_record_kind, &contact, &b);
	assert_str(buf_str(&b), "{\"id\":0,\"aor\":\"sip:a@b\",\"cseq\":0,\"reg_id\":0,\"q\":500,\"transport\":0,"
				"\"flow_worker\":0,\"flow_id\":0,\"remote\":\"192.0.2.1:5060\"}");
}

/* RFC 8259 7., RFC 3629 4. */
static void any_bytes_make_a_json_string(void **state)
{
	char text[400];
	struct buf b;

	(void)state;
	buf_init(&b, text, sizeof(text));
	record_write_json_text(STR("a\"b\\c\r\n\t\x01\x7f"), &b);
	assert_str(buf_str(&b), "\"a\\\"b\\\\c\\r\\n\\t\\u0001\\u007f\"");
	buf_reset(&b);
	record_write_json_text(STR("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x93\x9e"), &b);
	assert_str(buf_str(&b), "\"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x93\x9e\"");
	buf_reset(&b);
	/* overlong, surrogate, beyond U+10FFFF, cut off, lone continuation */
	record_write_json_text(STR("\xc0\x80|\xed\xa0\x80|\xf4\x90\x80\x80|\xe2\x82|\x80"), &b);
	assert_str(buf_str(&b),
		   "\"\\ufffd\\ufffd|\\ufffd\\ufffd\\ufffd|\\ufffd\\ufffd\\ufffd\\ufffd|\\ufffd\\ufffd|\\ufffd\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packed_copy_needs_nothing_of_the_original),
		cmocka_unit_test(json_shows_what_is_set_and_nothing_secret),
		cmocka_unit_test(any_bytes_make_a_json_string),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
