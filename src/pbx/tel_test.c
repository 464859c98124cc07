#include "pbx/tel.h"

#include "base/test.h"

static void assert_means(const char *tel, const char *sip, const char *name)
{
	char text[PBX_TEL_MAX], name_text[200], copy[PBX_TEL_MAX + 1];
	struct sip_uri uri, ours;
	struct buf b, n;

	assert_int_equal(sip_uri_parse(str_from(tel), &uri), ERR_NONE);
	assert_int_equal(uri.scheme, SIP_SCHEME_TEL);
	buf_init(&b, text, sizeof(text));
	assert_true(pbx_tel_write_sip(&uri, STR("example.com"), &b));
	assert_true(str_copy_z(buf_str(&b), copy, sizeof(copy)));
	assert_string_equal(copy, sip);
	assert_int_equal(sip_uri_parse(buf_str(&b), &ours), ERR_NONE);
	assert_true(pbx_tel_is(&ours));
	buf_init(&n, name_text, sizeof(name_text));
	pbx_tel_write_name(&ours, STR("example.com"), &n);
	assert_true(str_copy_z(buf_str(&n), copy, sizeof(copy)));
	assert_string_equal(copy, name);
}

/* RFC 3261 19.1.6, with the domain of the example. */
static void a_number_is_an_address_in_our_domain(void **state)
{
	(void)state;
	assert_means("tel:+358-555-1234567;postd=pp22", "sip:+3585551234567;postd=pp22@example.com;user=phone",
		     "+3585551234567");
	assert_means("TEL:+1(201)555.0123", "sip:+12015550123@example.com;user=phone", "+12015550123");
	assert_means("tel:+49-30-1;x=b;EXT=7;isub=A%3A;a", "sip:+49301;isub=a%3a;a;ext=7;x=b@example.com;user=phone",
		     "+49301");
}

/* RFC 3966 5.1.5: a context is no prefix. */
static void a_local_number_is_ours_within_our_context_alone(void **state)
{
	(void)state;
	assert_means("tel:102;phone-context=Example.com", "sip:102@example.com;user=phone", "102");
	assert_means("tel:1-02", "sip:102@example.com;user=phone", "102");
	assert_means("tel:911;phone-context=+1-9", "sip:911;phone-context=+19@example.com;user=phone",
		     "911;phone-context=+19");
	assert_means("tel:7042;phone-context=Other.example;ext=1",
		     "sip:7042;ext=1;phone-context=other.example@example.com;user=phone",
		     "7042;phone-context=other.example");
	assert_means("tel:7042;x;phone-context=o", "sip:7042;phone-context=o;x@example.com;user=phone",
		     "7042;phone-context=o");
}

static void what_says_that_it_is_a_number_and_is_none_is_a_name(void **state)
{
	static const struct {
		const char *uri;
		bool is;
	} all[] = { { "sip:+49-30-1@example.com;user=phone", true }, { "sip:*21@example.com;user=PHONE", true },
		    { "sip:+49-30-1@example.com", false },           { "sip:bob@example.com;user=phone", false },
		    { "sip:+@example.com;user=phone", false },       { "sip:--@example.com;user=phone", false },
		    { "sip:1%32@example.com;user=phone", false },    { "sip:example.com;user=phone", false } };
	struct sip_uri uri;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		assert_int_equal(sip_uri_parse(str_from(all[i].uri), &uri), ERR_NONE);
		assert_int_equal(pbx_tel_is(&uri), all[i].is);
	}
}

static void too_long_a_number_is_none(void **state)
{
	char text[PBX_TEL_MAX + 20] = "tel:+", room[PBX_TEL_MAX];
	struct sip_uri uri;
	struct buf b;

	(void)state;
	memset(text + 5, '1', PBX_TEL_MAX);
	assert_int_equal(sip_uri_parse(str_from(text), &uri), ERR_NONE);
	buf_init(&b, room, sizeof(room));
	assert_false(pbx_tel_write_sip(&uri, STR("example.com"), &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_is_an_address_in_our_domain),
		cmocka_unit_test(a_local_number_is_ours_within_our_context_alone),
		cmocka_unit_test(what_says_that_it_is_a_number_and_is_none_is_a_name),
		cmocka_unit_test(too_long_a_number_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
