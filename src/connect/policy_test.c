#include "connect/policy.h"

#include "base/test.h"

static const struct policy acme = { STR_INIT("net.example"), STR_INIT("acme"), STR_INIT("101"),
				    STR_INIT(POLICY_INWARD ",sales"), STR_INIT(POLICY_OUTWARD) };

static void the_business_itself_is_its_target_and_its_names_are_extensions(void **state)
{
	str out;

	(void)state;
	assert_int_equal(policy_inward(&acme, STR("acme"), STR("net.example"), &out), 0);
	assert_str(out, "101");
	assert_int_equal(policy_inward(&acme, STR("102"), STR("ACME.net.example"), &out), 0);
	assert_str(out, "102");
	assert_int_equal(policy_inward(&acme, STR("sales"), STR("acme.net.example"), &out), 0);
}

static void a_peer_cannot_dial_out_through_the_business(void **state)
{
	static const char *const all[] = { "0044123456789", "00", "12345", "*21", "101;phone-context=x", "%31", "" };
	str out = STR("untouched");

	(void)state;
	assert_int_equal(policy_inward(&acme, STR("0044123456789"), STR("acme.net.example"), &out), 403);
	assert_int_equal(policy_inward(&acme, STR("12345"), STR("acme.net.example"), &out), 403);
	for (size_t i = 2; i < sizeof(all) / sizeof(*all); i++)
		assert_true(policy_inward(&acme, str_from(all[i]), STR("acme.net.example"), &out) != 0);
	assert_int_equal(policy_inward(&acme, STR("bob"), STR("net.example"), &out), 404);
	assert_int_equal(policy_inward(&acme, STR("101"), STR("other.net.example"), &out), 404);
	assert_str(out, "untouched");
}

static void people_inside_call_names_of_the_network_whatever_host_the_pbx_left_there(void **state)
{
	str name, host;

	(void)state;
	assert_int_equal(policy_outward(&acme, STR("alice"), STR("net.example"), &name, &host), 0);
	assert_str(name, "alice");
	assert_str(host, "net.example");
	assert_int_equal(policy_outward(&acme, STR("alice"), STR("10.0.0.1"), &name, &host), 0);
	assert_str(host, "net.example");
	assert_int_equal(policy_outward(&acme, STR("12"), STR("other.net.example"), &name, &host), 0);
	assert_str(host, "other.net.example");
}

static void the_business_does_not_call_itself_round_the_network(void **state)
{
	str name, host;

	(void)state;
	assert_int_equal(policy_outward(&acme, STR("acme"), STR("net.example"), &name, &host), 482);
	assert_int_equal(policy_outward(&acme, STR("Acme"), STR("10.0.0.1"), &name, &host), 482);
}

static void patterns_stand_for_digits_and_for_the_rest(void **state)
{
	(void)state;
	assert_true(policy_match(STR("101, 2??"), STR("201")));
	assert_false(policy_match(STR("101, 2??"), STR("2a1")));
	assert_false(policy_match(STR("101, 2??"), STR("20")));
	assert_true(policy_match(STR("sal*"), STR("sales")));
	assert_false(policy_match(STR(""), STR("x")));
	assert_false(policy_match(STR(",,"), STR("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_business_itself_is_its_target_and_its_names_are_extensions),
		cmocka_unit_test(a_peer_cannot_dial_out_through_the_business),
		cmocka_unit_test(people_inside_call_names_of_the_network_whatever_host_the_pbx_left_there),
		cmocka_unit_test(the_business_does_not_call_itself_round_the_network),
		cmocka_unit_test(patterns_stand_for_digits_and_for_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
