#include "store/contact_list.h"

#include "base/test.h"

#include <jansson.h>

#define NOON ((usec)1795435200 * USEC_PER_SEC) /* 2026-11-23 12:00:00 */

static struct contact_record desk(void)
{
	return (struct contact_record){
		.aor = STR("sip:101@example.com"),
		.uri = STR("sip:101@192.0.2.1:5060"),
		.q = 500,
		.transport = TRANSPORT_UDP,
		.remote = addr_v4(192, 0, 2, 1, 5060),
		.registered = NOON - 60 * USEC_PER_SEC,
		.updated = NOON,
		.expires = NOON + 3540 * USEC_PER_SEC,
	};
}

static void said(const struct contact_record *c, char *out, size_t cap)
{
	struct buf b;

	buf_init(&b, out, cap - 1);
	store_contact_list_text(c, NOON, &b);
	assert_true(buf_ok(&b));
	out[b.n] = 0;
}

static void one_line_says_what_a_binding_is_and_leaves_out_what_it_has_not(void **state)
{
	struct contact_record c = desk();
	char text[1000];

	(void)state;
	said(&c, text, sizeof(text));
	assert_string_equal(text, "sip:101@example.com  sip:101@192.0.2.1:5060  q 0.5  3540 s  udp 192.0.2.1:5060");
	c.user_agent = STR("Desk 5 (1.0)");
	c.instance = STR("<urn:uuid:1>");
	c.reg_id = 2;
	c.path = STR("<sip:edge;lr>");
	c.transport = TRANSPORT_WSS;
	c.q = 1000;
	said(&c, text, sizeof(text));
	assert_string_equal(text, "sip:101@example.com  sip:101@192.0.2.1:5060  q 1.0  3540 s  wss 192.0.2.1:5060  "
				  "Desk 5 (1.0)  instance <urn:uuid:1> reg-id 2  path <sip:edge;lr>");
}

static void q_has_as_many_decimals_as_it_needs(void **state)
{
	static const struct {
		uint16_t q;
		const char *text;
	} cases[] = { { 0, " q 0.0 " },   { 1000, " q 1.0 " },  { 700, " q 0.7 " },
		      { 50, " q 0.05 " }, { 125, " q 0.125 " }, { 1, " q 0.001 " } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct contact_record c = desk();
		char text[1000];

		c.q = cases[i].q;
		said(&c, text, sizeof(text));
		assert_non_null(strstr(text, cases[i].text));
	}
}

static void what_phones_say_of_themselves_cannot_steer_a_terminal(void **state)
{
	struct contact_record c = desk();
	char text[1000];

	(void)state;
	c.user_agent = STR("\x1b[2Jphone\r\n\xff");
	c.expires = NOON - 1;
	said(&c, text, sizeof(text));
	assert_non_null(strstr(text, "  0 s  udp 192.0.2.1:5060  \\x1b[2Jphone\\x0d\\x0a\\xff"));
}

static void json_says_the_same(void **state)
{
	struct contact_record c = desk();
	char text[1000];
	struct buf b;
	json_t *o;

	(void)state;
	c.user_agent = STR("a \"phone\"\x01");
	buf_init(&b, text, sizeof(text));
	store_contact_list_json(&c, NOON, &b);
	assert_true(buf_ok(&b));
	o = json_loadb(b.p, b.n, 0, NULL);
	assert_non_null(o);
	assert_string_equal(json_string_value(json_object_get(o, "aor")), "sip:101@example.com");
	assert_string_equal(json_string_value(json_object_get(o, "transport")), "udp");
	assert_string_equal(json_string_value(json_object_get(o, "remote")), "192.0.2.1:5060");
	assert_string_equal(json_string_value(json_object_get(o, "user_agent")), "a \"phone\"\x01");
	assert_int_equal(json_integer_value(json_object_get(o, "expires_s")), 3540);
	assert_true(json_real_value(json_object_get(o, "q")) == 0.5);
	assert_int_equal(json_integer_value(json_object_get(o, "updated")), NOON);
	assert_null(json_object_get(o, "instance"));
	assert_null(json_object_get(o, "path"));
	json_decref(o);
}

static void an_account_is_named_with_and_without_its_domain(void **state)
{
	struct contact_record c = desk();

	(void)state;
	assert_true(store_contact_list_is_of(&c, STR_NONE, STR_NONE));
	assert_true(store_contact_list_is_of(&c, STR("101"), STR_NONE));
	assert_true(store_contact_list_is_of(&c, STR("101@Example.com"), STR_NONE));
	assert_true(store_contact_list_is_of(&c, STR("sip:101@example.com"), STR("other.example")));
	assert_true(store_contact_list_is_of(&c, STR_NONE, STR("EXAMPLE.com")));
	assert_false(store_contact_list_is_of(&c, STR("101"), STR("other.example")));
	assert_false(store_contact_list_is_of(&c, STR("10"), STR_NONE));
	assert_false(store_contact_list_is_of(&c, STR("101@example"), STR_NONE));
	assert_false(store_contact_list_is_of(&c, STR_NONE, STR("other.example")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_line_says_what_a_binding_is_and_leaves_out_what_it_has_not),
		cmocka_unit_test(q_has_as_many_decimals_as_it_needs),
		cmocka_unit_test(what_phones_say_of_themselves_cannot_steer_a_terminal),
		cmocka_unit_test(json_says_the_same),
		cmocka_unit_test(an_account_is_named_with_and_without_its_domain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
