#include "overlay/test.h"

static void names_follow_their_rules(void **state)
{
	static const str good[] = { STR_INIT("bob"), STR_INIT("alice.b-2_c"),
				    STR_INIT("a23456789012345678901234567890ab") };
	static const str bad[] = { STR_INIT("al"),
				   STR_INIT("4bob"),
				   STR_INIT("Bob"),
				   STR_INIT(".bob"),
				   STR_INIT("bob."),
				   STR_INIT("b..b"),
				   STR_INIT("b._b"),
				   STR_INIT("bo b"),
				   STR_INIT("bo\xc3\xa4"),
				   STR_INIT(""),
				   STR_INIT("a234567890123456789012345678901bc") };
	struct overlay_name name;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(overlay_name_parse(good[i], &name), ERR_NONE);
		assert_true(str_eq(overlay_name_str(&name), good[i]));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(overlay_name_parse(bad[i], &name), ERR_SYNTAX);
}

static void networks_are_dns_names_in_lower_case(void **state)
{
	static const str bad[] = { STR_INIT(""),     STR_INIT("Net.example"), STR_INIT(".net"),
				   STR_INIT("net."), STR_INIT("a..b"),        STR_INIT("-a.b"),
				   STR_INIT("a-.b"), STR_INIT("a_b"),         STR_INIT("a.b-") };
	struct overlay_domain domain;

	(void)state;
	assert_int_equal(overlay_domain_parse(STR("net-1.example"), &domain), ERR_NONE);
	assert_int_equal(overlay_domain_parse(STR("localnet"), &domain), ERR_NONE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(overlay_domain_parse(bad[i], &domain), ERR_SYNTAX);
}

static void a_uri_names_the_user_or_the_business_it_lies_in(void **state)
{
	struct overlay_name name;

	(void)state;
	assert_int_equal(overlay_name_of(STR("Bob"), STR("NET.example"), TEST_NETWORK, &name), ERR_NONE);
	assert_str(overlay_name_str(&name), "bob");
	assert_int_equal(overlay_name_of(STR("101"), STR("acme.net.example"), TEST_NETWORK, &name), ERR_NONE);
	assert_str(overlay_name_str(&name), "acme");
	assert_int_equal(overlay_name_of(STR("bob"), STR("xnet.example"), TEST_NETWORK, &name), ERR_ABSENT);
	assert_int_equal(overlay_name_of(STR("bob"), STR("other.example"), TEST_NETWORK, &name), ERR_ABSENT);
	assert_int_equal(overlay_name_of(STR("101"), TEST_NETWORK, TEST_NETWORK, &name), ERR_SYNTAX);
	assert_int_equal(
		overlay_name_of(STR("a23456789012345678901234567890abcdefgh"), TEST_NETWORK, TEST_NETWORK, &name),
		ERR_SYNTAX);
}

static void servers_are_host_and_port(void **state)
{
	struct overlay_server s;

	(void)state;
	assert_int_equal(overlay_server_parse(STR("login.net.example:5443"), &s), ERR_NONE);
	assert_string_equal(s.host, "login.net.example");
	assert_int_equal(s.port, 5443);
	assert_int_equal(overlay_server_parse(STR("[2001:db8::1]:1"), &s), ERR_NONE);
	assert_string_equal(s.host, "2001:db8::1");
	assert_int_equal(overlay_server_parse(STR("2001:db8::1:1"), &s), ERR_SYNTAX);
	assert_int_equal(overlay_server_parse(STR("host"), &s), ERR_SYNTAX);
	assert_int_equal(overlay_server_parse(STR(":5"), &s), ERR_SYNTAX);
	assert_int_equal(overlay_server_parse(STR("host:0"), &s), ERR_SYNTAX);
}

static void a_certificate_survives_the_wire_and_holds(void **state)
{
	struct overlay_certificate read;
	struct sign_pair authority;
	struct test_user alice;

	(void)state;
	test_authority(&authority);
	test_user(&alice, STR("alice"), TEST_NOW);
	assert_int_equal(overlay_certificate_parse(overlay_certificate_str(&alice.certificate), &read), ERR_NONE);
	assert_memory_equal(&read, &alice.certificate, sizeof(read));
	assert_int_equal(overlay_certificate_verify(&read, TEST_NETWORK, authority.key, TEST_NOW), ERR_NONE);
}

static void a_certificate_has_its_time_and_its_network(void **state)
{
	struct sign_pair authority;
	struct test_user alice;
	const struct overlay_certificate *c = &alice.certificate;

	(void)state;
	test_authority(&authority);
	test_user(&alice, STR("alice"), TEST_NOW);
	assert_int_equal(overlay_certificate_verify(c, TEST_NETWORK, authority.key, TEST_NOW + 49 * HOUR), ERR_EXPIRED);
	assert_int_equal(overlay_certificate_verify(c, TEST_NETWORK, authority.key, TEST_NOW - HOUR), ERR_STATE);
	assert_int_equal(overlay_certificate_verify(c, TEST_NETWORK, authority.key, TEST_NOW - 60 * USEC_PER_SEC),
			 ERR_NONE);
	assert_int_equal(overlay_certificate_verify(c, STR("other.example"), authority.key, TEST_NOW), ERR_REFUSED);
}

static void any_changed_byte_breaks_a_certificate(void **state)
{
	struct overlay_certificate read;
	struct sign_pair authority;
	struct test_user alice;

	(void)state;
	test_authority(&authority);
	test_user(&alice, STR("alice"), TEST_NOW);
	for (size_t i = 0; i < alice.certificate.bytes_n; i++) {
		struct overlay_certificate c = alice.certificate;

		c.bytes[i] ^= 1;
		if (overlay_certificate_parse(overlay_certificate_str(&c), &read) != ERR_NONE)
			continue;
		assert_int_not_equal(overlay_certificate_verify(&read, TEST_NETWORK, authority.key, TEST_NOW),
				     ERR_NONE);
	}
	assert_int_equal(overlay_certificate_verify(&alice.certificate, TEST_NETWORK, alice.device.key, TEST_NOW),
			 ERR_FORGED);
}

static void a_life_beyond_three_days_is_not_signed(void **state)
{
	struct sign_pair authority;
	struct test_user alice;

	(void)state;
	test_authority(&authority);
	test_user(&alice, STR("alice"), TEST_NOW);
	alice.certificate.not_after = TEST_NOW + 73 * HOUR;
	assert_int_equal(overlay_certificate_sign(&alice.certificate, &authority), ERR_LIMIT);
	alice.certificate.not_after = TEST_NOW + 23 * HOUR;
	assert_int_equal(overlay_certificate_sign(&alice.certificate, &authority), ERR_LIMIT);
}

static void fields_of_a_later_version_are_kept_and_covered(void **state)
{
	struct overlay_certificate read;
	struct sign_pair authority;
	struct test_user alice;
	char text[OVERLAY_CERTIFICATE_MAX];
	struct buf b;

	(void)state;
	test_authority(&authority);
	test_user(&alice, STR("alice"), TEST_NOW);
	buf_init(&b, text, sizeof(text));
	buf_put_bytes(&b, alice.certificate.bytes, (size_t)(alice.certificate.bytes_n - 67));
	overlay_put_field(&b, 0x40, STR("news"));
	overlay_put_signature(&b, 0, STR("tandem/1 certificate"), &authority);
	assert_int_equal(overlay_certificate_parse(buf_str(&b), &read), ERR_NONE);
	assert_int_equal(read.bytes_n, b.n);
	assert_int_equal(overlay_certificate_verify(&read, TEST_NETWORK, authority.key, TEST_NOW), ERR_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_follow_their_rules),
		cmocka_unit_test(networks_are_dns_names_in_lower_case),
		cmocka_unit_test(a_uri_names_the_user_or_the_business_it_lies_in),
		cmocka_unit_test(servers_are_host_and_port),
		cmocka_unit_test(a_certificate_survives_the_wire_and_holds),
		cmocka_unit_test(a_certificate_has_its_time_and_its_network),
		cmocka_unit_test(any_changed_byte_breaks_a_certificate),
		cmocka_unit_test(a_life_beyond_three_days_is_not_signed),
		cmocka_unit_test(fields_of_a_later_version_are_kept_and_covered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
