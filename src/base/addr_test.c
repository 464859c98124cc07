#include "base/addr.h"

#include "base/test.h"

static void round_trip(const char *text, const char *expect)
{
	char out[ADDR_TEXT_MAX];
	struct addr a;

	assert_int_equal(addr_parse(str_from(text), 5060, &a), ERR_NONE);
	assert_string_equal(addr_text(&a, out), expect);
}

static void addresses_are_read_and_written_as_in_rfc5952(void **state)
{
	(void)state;
	round_trip("192.0.2.1", "192.0.2.1:5060");
	round_trip("192.0.2.1:9", "192.0.2.1:9");
	round_trip("[2001:DB8:0:0:1:0:0:1]:9", "[2001:db8::1:0:0:1]:9");
	round_trip("2001:db8::1", "[2001:db8::1]:5060");
	round_trip("::", "[::]:5060");
	round_trip("[::1]:1", "[::1]:1");
	round_trip("1::", "[1::]:5060");
	round_trip("1:2:3:4:5:6:7:8", "[1:2:3:4:5:6:7:8]:5060");
	round_trip("0:1:0:1:0:1:0:1", "[0:1:0:1:0:1:0:1]:5060");
	round_trip("::ffff:192.0.2.1", "192.0.2.1:5060");
	round_trip("64:ff9b::192.0.2.33", "[64:ff9b::c000:221]:5060");
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const bad[] = { "",
					   "1.2.3",
					   "1.2.3.256",
					   "1.2.3.4.5",
					   ":::",
					   "1::2::3",
					   "12345::",
					   "1:2",
					   "[::1",
					   "[::1]x",
					   "[::1]:65536",
					   "1.2.3.4:x",
					   "::1.2.3",
					   "1:2:3:4:5:6:7:8:9",
					   ":1",
					   "1:",
					   "1:2:3:4:5:6:7:1.2.3.4",
					   "1:2:3:4:5:6:7::8" };
	struct addr a = { .port = 77 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (addr_parse(str_from(bad[i]), 0, &a) != ERR_SYNTAX)
			fail_msg("taken: %s", bad[i]);
	}
	assert_int_equal(a.port, 77);
}

static void kinds_of_addresses(void **state)
{
	struct addr a, net;

	(void)state;
	assert_int_equal(addr_parse_ip(STR("100.64.1.1"), &a), ERR_NONE);
	assert_true(addr_is_private(&a));
	assert_int_equal(addr_parse_ip(STR("172.32.0.1"), &a), ERR_NONE);
	assert_false(addr_is_private(&a));
	assert_int_equal(addr_parse_ip(STR("fd00::1"), &a), ERR_NONE);
	assert_true(addr_is_private(&a));
	assert_int_equal(addr_parse_ip(STR("::1"), &a), ERR_NONE);
	assert_true(addr_is_loopback(&a));
	assert_int_equal(addr_parse_ip(STR("255.255.255.255"), &a), ERR_NONE);
	assert_true(addr_is_multicast(&a));
	assert_int_equal(addr_parse_ip(STR("10.1.130.9"), &a), ERR_NONE);
	assert_int_equal(addr_parse_ip(STR("10.1.128.0"), &net), ERR_NONE);
	assert_true(addr_in(&a, &net, 17));
	assert_true(addr_in(&a, &net, 22));
	assert_false(addr_in(&a, &net, 23));
	assert_false(addr_in(&a, &net, 33));
}

static void networks_are_read_with_their_length(void **state)
{
	struct addr net, want = addr_v4(192, 0, 2, 0, 0);
	unsigned bits = 77;

	(void)state;
	assert_int_equal(addr_parse_net(STR("192.0.2.0/24"), &net, &bits), ERR_NONE);
	assert_true(addr_eq(&net, &want));
	assert_int_equal(bits, 24);
	assert_int_equal(addr_parse_net(STR("2001:db8::1"), &net, &bits), ERR_NONE);
	assert_int_equal(bits, 128);
	assert_int_equal(addr_parse_net(STR("0.0.0.0/0"), &net, &bits), ERR_NONE);
	assert_int_equal(bits, 0);
	bits = 77;
	assert_int_equal(addr_parse_net(STR("192.0.2.0/33"), &net, &bits), ERR_SYNTAX);
	assert_int_equal(addr_parse_net(STR("192.0.2.0/"), &net, &bits), ERR_SYNTAX);
	assert_int_equal(addr_parse_net(STR("::/129"), &net, &bits), ERR_SYNTAX);
	assert_int_equal(addr_parse_net(STR("example.com/8"), &net, &bits), ERR_SYNTAX);
	assert_int_equal(bits, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read_and_written_as_in_rfc5952),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(kinds_of_addresses),
		cmocka_unit_test(networks_are_read_with_their_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
