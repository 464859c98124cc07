#include "sip/header.h"

#include "base/test.h"

static struct sip_address address(const char *z)
{
	struct sip_address a;

	if (sip_address_parse(str_from(z), &a))
		fail_msg("refused: %s", z);
	return a;
}

static void every_known_name_is_found_in_any_case(void **state)
{
	char name[24];

	(void)state;
	for (enum sip_kind k = SIP_OTHER + 1; k < SIP_KIND_N; k++) {
		str full = sip_kind_name(k);

		assert_true(full.n > 1 && full.n <= 20);
		assert_int_equal(sip_kind_find(full), k);
		for (size_t i = 0; i < full.n; i++)
			name[i] = i % 2 ? str_lower(full.p[i]) : (char)(full.p[i] == '-' ? '-' : full.p[i] & ~32);
		assert_int_equal(sip_kind_find(str_of(name, full.n)), k);
		name[full.n - 1] ^= 1;
		assert_int_equal(sip_kind_find(str_of(name, full.n)), SIP_OTHER);
		name[full.n - 1] ^= 1;
		name[full.n / 2] = '_';
		assert_int_equal(sip_kind_find(str_of(name, full.n)), SIP_OTHER);
		if (full.n > 2) /* "t" is To */
			assert_int_not_equal(sip_kind_find(str_head(full, full.n - 1)), k);
	}
	assert_int_equal(sip_kind_find(STR("")), SIP_OTHER);
	assert_int_equal(sip_kind_find(STR("X-Something-Longer-Than-All")), SIP_OTHER);
}

static void compact_forms_are_the_same_fields(void **state)
{
	static const struct {
		const char *name;
		enum sip_kind kind;
	} list[] = {
		{ "i", SIP_CALL_ID },
		{ "m", SIP_CONTACT },
		{ "e", SIP_CONTENT_ENCODING },
		{ "l", SIP_CONTENT_LENGTH },
		{ "c", SIP_CONTENT_TYPE },
		{ "f", SIP_FROM },
		{ "s", SIP_SUBJECT },
		{ "k", SIP_SUPPORTED },
		{ "t", SIP_TO },
		{ "v", SIP_VIA },
		{ "r", SIP_REFER_TO },
		{ "b", SIP_REFERRED_BY },
		{ "o", SIP_EVENT },
		{ "u", SIP_ALLOW_EVENTS },
		{ "x", SIP_SESSION_EXPIRES },
		{ "a", SIP_ACCEPT_CONTACT },
		{ "j", SIP_REJECT_CONTACT },
		{ "d", SIP_REQUEST_DISPOSITION },
		{ "y", SIP_IDENTITY },
		{ "V", SIP_VIA },
		{ "z", SIP_OTHER },
		{ "\xe9", SIP_OTHER },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		assert_int_equal(sip_kind_find(str_from(list[i].name)), list[i].kind);
}

static void methods_are_told_apart_by_case(void **state)
{
	(void)state;
	for (enum sip_method m = SIP_INVITE; m < SIP_METHOD_N; m++)
		assert_int_equal(sip_method_find(sip_method_name(m)), m);
	assert_int_equal(sip_method_find(STR("invite")), SIP_METHOD_OTHER);
}

static void addresses_come_in_their_forms(void **state)
{
	struct sip_address a = address("\"A. \\\"B\\\" C\" <sip:a@b;lr>;tag=x;q=0.5");
	char text[50];
	struct buf b;

	(void)state;
	buf_init(&b, text, sizeof(text));
	sip_address_display(&a, &b);
	assert_str(buf_str(&b), "A. \"B\" C");
	assert_str(a.uri.params, "lr");
	assert_str(a.params, "tag=x;q=0.5");
	assert_int_equal(sip_address_q(&a), 500);
	a = address("sip:a@b;tag=y ; lr"); /* without < > parameters are the field's */
	assert_int_equal(a.uri.params.n, 0);
	assert_str(a.tag, "y");
	a = address("Anna Berta<sip:a@b>");
	assert_str(a.display, "Anna Berta");
	a = address("J\xc3\xb6rg <sip:a@b>");
	assert_str(a.display, "J\xc3\xb6rg");
	a = address("<tel:+123>;expires=60");
	uint32_t seconds;
	assert_true(sip_address_expires(&a, &seconds) && seconds == 60);
	a = address("*");
	assert_true(a.star);
	a = address("<sip:a@b>;+sip.instance=\"<urn:uuid:1>\";reg-id=1");
	str value;
	assert_true(sip_param_find(a.params, STR("+SIP.instance"), &value));
	assert_str(value, "\"<urn:uuid:1>\"");
}

static void malformed_addresses_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"<>",
		"<sip:a@b",
		"sip:a@b>",
		"\"A <sip:a@b>",
		"\"A\" sip:a@b",
		"A, B <sip:a@b>",
		"<sip:a@b>;",
		"<sip:a@b>;;tag=1",
		"<sip:a@b>;tag=",
		"<sip:a@b>x",
		"< sip:a@b>",
		"sip:a@b?x=y",
		"sip:a@b, sip:c@d",
		"A",
		"*;q=1",
	};
	struct sip_address a;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (sip_address_parse(str_from(bad[i]), &a) != ERR_SYNTAX)
			fail_msg("taken: %s", bad[i]);
}

static void a_cseq_is_number_and_method(void **state)
{
	struct sip_cseq c;

	(void)state;
	assert_int_equal(sip_cseq_parse(STR("0009\r\n  INVITE"), &c), ERR_NONE);
	assert_true(c.number == 9 && c.method == SIP_INVITE);
	assert_int_equal(sip_cseq_parse(STR("2147483647 FOO"), &c), ERR_NONE);
	assert_str(c.method_text, "FOO");
	assert_int_equal(sip_cseq_parse(STR("2147483648 FOO"), &c), ERR_SYNTAX);
	assert_int_equal(sip_cseq_parse(STR("1"), &c), ERR_SYNTAX);
	assert_int_equal(sip_cseq_parse(STR("1INVITE"), &c), ERR_SYNTAX);
	assert_int_equal(sip_cseq_parse(STR("1 IN VITE"), &c), ERR_SYNTAX);
	assert_int_equal(sip_cseq_parse(STR("-1 INVITE"), &c), ERR_SYNTAX);
}

static void small_fields_are_read(void **state)
{
	struct sip_session_id id;
	struct sip_replaces rep;
	struct sip_reason reason;
	struct sip_token token;
	struct sip_rack rack;
	uint32_t seconds;
	str params;

	(void)state;
	assert_int_equal(sip_rack_parse(STR("776656 1 INVITE"), &rack), ERR_NONE);
	assert_true(rack.response == 776656 && rack.cseq.number == 1);
	assert_int_equal(sip_rack_parse(STR("1 INVITE"), &rack), ERR_SYNTAX);
	assert_int_equal(sip_seconds_parse(STR("120 (I'm in a meeting);duration=60"), &seconds, &params), ERR_NONE);
	assert_true(seconds == 120);
	assert_str(params, "duration=60");
	assert_int_equal(sip_seconds_parse(STR("99999999999"), &seconds, NULL), ERR_LIMIT);
	assert_int_equal(sip_seconds_parse(STR("x"), &seconds, NULL), ERR_SYNTAX);
	assert_int_equal(sip_seconds_parse(STR_NONE, &seconds, NULL), ERR_SYNTAX); /* of a header that is not there */
	assert_int_equal(sip_token_parse(STR("application / sdp ;charset=\"a;b\""), &token), ERR_NONE);
	assert_str(token.subtype, "sdp");
	assert_str(token.params, "charset=\"a;b\"");
	assert_int_equal(sip_token_parse(STR("a/b;"), &token), ERR_SYNTAX);
	assert_int_equal(sip_reason_parse(STR("SIP ;cause=200 ;text=\"Call completed elsewhere\""), &reason), ERR_NONE);
	assert_true(reason.cause == 200);
	assert_str(reason.text, "Call completed elsewhere");
	assert_int_equal(sip_replaces_parse(STR("98@a;from-tag=1;to-tag=2;early-only"), &rep), ERR_NONE);
	assert_str(rep.to_tag, "2");
	assert_true(rep.early_only);
	assert_int_equal(sip_replaces_parse(STR("98@a;from-tag=1"), &rep), ERR_SYNTAX);
	assert_int_equal(sip_session_id_parse(STR("ab30317f1a784dc48ff824d0d3715d86"
						  ";remote=47755a9de7794ba387653f2099600ef2"),
					      &id),
			 ERR_NONE);
	assert_str(str_head(id.remote, 4), "4775");
	assert_int_equal(sip_session_id_parse(STR("ab30317f"), &id), ERR_SYNTAX);
}

static void q_is_a_share_of_a_thousand(void **state)
{
	static const struct {
		const char *text;
		unsigned q;
	} list[] = { { "<sip:a>", 1000 },      { "<sip:a>;q=1", 1000 },  { "<sip:a>;q=0.333", 333 },
		     { "<sip:a>;q=0.5", 500 }, { "<sip:a>;q=1.5", 0 },   { "<sip:a>;q=x", 0 },
		     { "<sip:a>;q=0", 0 },     { "<sip:a>;q=0.1234", 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		struct sip_address a = address(list[i].text);

		assert_int_equal(sip_address_q(&a), list[i].q);
	}
}

static void lists_are_split_outside_quotes_and_angles(void **state)
{
	str rest = STR("a, \"b, c\" <d,e>,,f"), element;
	size_t n = 0;

	(void)state;
	while (sip_list_next(&rest, &element)) {
		n++;
		if (n == 2)
			assert_str(element, "\"b, c\" <d,e>");
		if (n == 3)
			assert_int_equal(element.n, 0);
	}
	assert_int_equal(n, 4);
	assert_true(sip_list_has(STR("a , B"), STR("b")));
	assert_false(sip_list_has(STR("ab"), STR("b")));
}

static void a_quoted_text_cannot_break_out(void **state)
{
	char text[60];
	struct buf b;

	(void)state;
	buf_init(&b, text, sizeof(text));
	sip_quote(STR("a\"b\\c\r\nEvil: 1"), &b);
	assert_str(buf_str(&b), "\"a\\\"b\\\\cEvil: 1\"");
}

static void nothing_is_no_value(void **state)
{
	struct sip_address a;
	struct sip_cseq c;
	struct sip_token t;
	uint32_t seconds;

	(void)state; /* a sanitizer sees sums with NULL */
	assert_int_equal(sip_address_parse(STR_NONE, &a), ERR_SYNTAX);
	assert_int_equal(sip_cseq_parse(STR_NONE, &c), ERR_SYNTAX);
	assert_int_equal(sip_token_parse(STR_NONE, &t), ERR_SYNTAX);
	assert_int_equal(sip_seconds_parse(STR_NONE, &seconds, NULL), ERR_SYNTAX);
	assert_int_equal(sip_kind_find(STR_NONE), SIP_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_no_value),
		cmocka_unit_test(every_known_name_is_found_in_any_case),
		cmocka_unit_test(compact_forms_are_the_same_fields),
		cmocka_unit_test(methods_are_told_apart_by_case),
		cmocka_unit_test(addresses_come_in_their_forms),
		cmocka_unit_test(malformed_addresses_are_refused),
		cmocka_unit_test(a_cseq_is_number_and_method),
		cmocka_unit_test(small_fields_are_read),
		cmocka_unit_test(q_is_a_share_of_a_thousand),
		cmocka_unit_test(lists_are_split_outside_quotes_and_angles),
		cmocka_unit_test(a_quoted_text_cannot_break_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
