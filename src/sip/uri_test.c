#include "sip/uri.h"

#include "base/test.h"

static struct sip_uri parse(const char *z)
{
	struct sip_uri uri;

	assert_int_equal(sip_uri_parse(str_from(z), &uri), ERR_NONE);
	return uri;
}

static void refuse(const char *z)
{
	struct sip_uri uri;

	if (sip_uri_parse(str_from(z), &uri) != ERR_SYNTAX)
		fail_msg("taken: %s", z);
}

static bool equal(const char *a, const char *b)
{
	struct sip_uri ua = parse(a), ub = parse(b);

	assert_int_equal(sip_uri_eq(&ua, &ub), sip_uri_eq(&ub, &ua));
	return sip_uri_eq(&ua, &ub);
}

static void assert_key(const char *z, const char *key)
{
	struct sip_uri uri = parse(z);
	char text[100];
	struct buf b;

	buf_init(&b, text, sizeof(text));
	sip_uri_key(&uri, &b);
	buf_put_char(&b, '\0');
	assert_true(buf_ok(&b));
	assert_string_equal(text, key);
}

static void a_sip_uri_comes_apart(void **state)
{
	struct sip_uri u = parse("sip:alice:secret@[2001:db8::1]:5070;transport=tcp;lr?subject=a%20b&x=");
	str value;

	(void)state;
	assert_int_equal(u.scheme, SIP_SCHEME_SIP);
	assert_str(u.user, "alice");
	assert_str(u.password, "secret");
	assert_str(u.host, "[2001:db8::1]");
	assert_int_equal(u.port, 5070);
	assert_str(u.params, "transport=tcp;lr");
	assert_str(u.headers, "subject=a%20b&x=");
	assert_true(sip_uri_param(&u, STR("Transport"), &value));
	assert_str(value, "tcp");
	assert_true(sip_uri_param(&u, STR("lr"), &value));
	assert_int_equal(value.n, 0);
	assert_false(sip_uri_param(&u, STR("maddr"), NULL));
}

static void a_uri_without_user_has_none(void **state)
{
	struct sip_uri u = parse("SIPS:example.com");

	(void)state;
	assert_int_equal(u.scheme, SIP_SCHEME_SIPS);
	assert_false(u.has_user);
	assert_str(u.host, "example.com");
	assert_int_equal(sip_uri_port(&u), 5061);
}

static void odd_but_legal_users_are_taken(void **state)
{
	struct sip_uri u = parse("sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too."
				 "(doesn't-it)@example.com");

	(void)state;
	assert_str(u.user, "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*");
	assert_str(u.password, "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)");
	u = parse("sip:user;par=u%40example.net@example.com");
	assert_str(u.user, "user;par=u%40example.net");
}

static void malformed_uris_are_refused(void **state)
{
	(void)state;
	refuse("");
	refuse("sip:");
	refuse("sip:@example.com");
	refuse("sip:a@");
	refuse("sip:a@b@c");
	refuse("sip:a@example.com:");
	refuse("sip:a@example.com:70000");
	refuse("sip:a@example.com:506000");
	refuse("sip:a@example.com;");
	refuse("sip:a@example.com;;x");
	refuse("sip:a@example.com;x=");
	refuse("sip:a@example.com?");
	refuse("sip:a%4@example.com");
	refuse("sip:a%zz@example.com");
	refuse("sip:a b@example.com");
	refuse("sip:2001:db8::1");
	refuse("sip:[2001:db8::1");
	refuse("sip:[192.0.2.1]");
	refuse("tel:");
	refuse("tel:+abc-x");
	refuse("<sip:a@example.com>");
	refuse("nothing");
	refuse("x:");
	refuse("x:a b");
}

static void other_schemes_are_kept_as_text(void **state)
{
	struct sip_uri u = parse("soap.beep://192.0.2.103:3002");

	(void)state;
	assert_int_equal(u.scheme, SIP_SCHEME_OTHER);
	assert_str(u.user, "//192.0.2.103:3002");
	assert_true(equal("name:John_Smith", "NAME:John_Smith"));
	assert_false(equal("name:John_Smith", "name:john_smith"));
}

static void a_tel_number_is_the_user(void **state)
{
	struct sip_uri u = parse("tel:+1-201-555-0123;phone-context=x");

	(void)state;
	assert_int_equal(u.scheme, SIP_SCHEME_TEL);
	assert_str(u.user, "+1-201-555-0123");
	assert_str(u.params, "phone-context=x");
	assert_key("tel:+1-(201)-555.0123", "+12015550123");
}

/* The sets of RFC 3261 19.1.4. */
static void uris_compare_as_the_rfc_lists(void **state)
{
	(void)state;
	assert_true(equal("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"));
	assert_true(equal("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"));
	assert_true(equal("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"));
	assert_true(equal("sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
			  "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com"));
	assert_true(equal("sip:alice@atlanta.com?subject=project%20x&priority=urgent",
			  "sip:alice@atlanta.com?priority=urgent&subject=project%20x"));
	assert_false(equal("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"));
	assert_false(equal("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"));
	assert_false(equal("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"));
	assert_false(equal("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"));
	assert_false(equal("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"));
	assert_false(equal("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"));
	assert_false(equal("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"));
	assert_false(equal("sip:a@example.com", "sips:a@example.com"));
	assert_false(equal("sip:a%3bb@example.com", "sip:a;b@example.com")); /* reserved: not the same */
}

static void escaped_nul_is_a_character_like_others(void **state)
{
	(void)state;
	assert_false(equal("sip:null-%00-null@example.com", "sip:null-%00@example.com"));
	assert_true(equal("sip:null-%00-null@example.com", "sip:%6eull-%00-null@example.com"));
}

static void one_address_of_record_has_one_key(void **state)
{
	(void)state;
	assert_key("sip:%61lice:pw@EXAMPLE.com:5070;transport=tcp?a=b", "alice@example.com");
	assert_key("sips:alice@example.com", "alice@example.com");
	assert_key("sip:Example.COM", "example.com");
}

static void transport_and_port_have_their_defaults(void **state)
{
	enum transport t;
	struct addr a;
	struct sip_uri u = parse("sip:192.0.2.1;transport=tls");

	(void)state;
	assert_true(sip_uri_transport(&u, &t) && t == TRANSPORT_TLS);
	assert_true(sip_uri_addr(&u, &a));
	assert_int_equal(a.port, 5061);
	u = parse("sips:a.example;transport=ws");
	assert_true(sip_uri_transport(&u, &t) && t == TRANSPORT_WSS);
	assert_false(sip_uri_addr(&u, &a));
	u = parse("sip:a.example;transport=carrier-pigeon");
	assert_false(sip_uri_transport(&u, &t));
}

static void a_text_becomes_a_user_and_comes_back(void **state)
{
	char escaped[100], text[100];
	struct buf e, t;

	(void)state;
	buf_init(&e, escaped, sizeof(escaped));
	buf_init(&t, text, sizeof(text));
	sip_uri_escape_user(STR("J\xc3\xa4s\xc3\xb8n #1@home"), &e);
	assert_str(buf_str(&e), "J%C3%A4s%C3%B8n%20%231%40home");
	sip_uri_unescape(buf_str(&e), &t);
	assert_str(buf_str(&t), "J\xc3\xa4s\xc3\xb8n #1@home");
}

static void nothing_is_no_uri(void **state)
{
	struct sip_uri uri;

	(void)state;
	assert_false(sip_uri_scan(STR_NONE, &uri));
	assert_int_equal(sip_uri_parse(STR_NONE, &uri), ERR_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_no_uri),
		cmocka_unit_test(a_sip_uri_comes_apart),
		cmocka_unit_test(a_uri_without_user_has_none),
		cmocka_unit_test(odd_but_legal_users_are_taken),
		cmocka_unit_test(malformed_uris_are_refused),
		cmocka_unit_test(other_schemes_are_kept_as_text),
		cmocka_unit_test(a_tel_number_is_the_user),
		cmocka_unit_test(uris_compare_as_the_rfc_lists),
		cmocka_unit_test(escaped_nul_is_a_character_like_others),
		cmocka_unit_test(one_address_of_record_has_one_key),
		cmocka_unit_test(transport_and_port_have_their_defaults),
		cmocka_unit_test(a_text_becomes_a_user_and_comes_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
