#include "sip/via.h"

#include "base/test.h"

static struct sip_via parse(const char *z)
{
	struct sip_via via;

	if (sip_via_parse(str_from(z), &via))
		fail_msg("refused: %s", z);
	return via;
}

static void assert_stamp(const char *z, struct addr source, const char *expected)
{
	struct sip_via via = parse(z);
	char text[300];
	struct buf b;

	buf_init(&b, text, sizeof(text));
	sip_via_stamp(&via, &source, STR_NONE, &b);
	buf_put_char(&b, '\0');
	assert_true(buf_ok(&b));
	assert_string_equal(text, expected);
}

static void a_via_comes_apart(void **state)
{
	struct sip_via v = parse("SIP/2.0/TLS [2001:db8::9:1]:5062 ;ttl=5;maddr=224.2.0.1; received=192.0.2.1;rport=7;"
				 "branch=z9hG4bKx;alias");

	(void)state;
	assert_int_equal(v.transport, TRANSPORT_TLS);
	assert_str(v.host, "[2001:db8::9:1]");
	assert_int_equal(v.port, 5062);
	assert_int_equal(v.ttl, 5);
	assert_str(v.maddr, "224.2.0.1");
	assert_str(v.received, "192.0.2.1");
	assert_int_equal(v.rport, 7);
	assert_str(v.branch, "z9hG4bKx");
	assert_true(sip_via_is_unique(&v));
}

static void unknown_transports_are_kept(void **state)
{
	struct sip_via v = parse("SIP/2.0/SCTP a.example");

	(void)state;
	assert_int_equal(v.transport, 0);
	assert_str(v.transport_text, "SCTP");
	assert_false(sip_via_is_unique(&v));
	v = parse("sip / 2.0 / udp a:5060;branch=z9hG4bK");
	assert_int_equal(v.transport, TRANSPORT_UDP);
	assert_false(sip_via_is_unique(&v)); /* RFC 4475 3.2.1 */
}

static void malformed_vias_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"SIP/2.0/UDP",
		"SIP/2.0 UDP a",
		"SIP/3.0/UDP a",
		"SIP/2.0/UDP a:x",
		"SIP/2.0/UDP a:",
		"SIP/2.0/UDP a;;",
		"SIP/2.0/UDP a;branch=",
		"SIP/2.0/UDP a;ttl=256",
		"SIP/2.0/UDP a;rport=x",
		"SIP/2.0/UDP a b",
		"SIP/2.0/UDP [::1",
		"SIP/2.0/UDP a, SIP/2.0/UDP b",
	};
	struct sip_via via;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (sip_via_parse(str_from(bad[i]), &via) != ERR_SYNTAX)
			fail_msg("taken: %s", bad[i]);
}

/* RFC 3261 18.2.1, RFC 3581 4. */
static void the_source_is_stamped_where_it_differs_or_was_asked_for(void **state)
{
	struct addr source = addr_v4(192, 0, 2, 7, 4711);

	(void)state;
	assert_stamp("SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK1", source,
		     "SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK1");
	assert_stamp("SIP/2.0/UDP a.example;branch=z9hG4bK1", source,
		     "SIP/2.0/UDP a.example;branch=z9hG4bK1;received=192.0.2.7");
	assert_stamp("SIP/2.0/UDP a.example", source, "SIP/2.0/UDP a.example;received=192.0.2.7");
	assert_stamp("SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1;keep", source, /* RFC 6223 */
		     "SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1;keep=25");
	assert_stamp("SIP/2.0/TLS a.example;keep;branch=z9hG4bK1", source,
		     "SIP/2.0/TLS a.example;keep=120;branch=z9hG4bK1;received=192.0.2.7");
	assert_stamp("SIP/2.0/UDP 192.0.2.7;rport;branch=z9hG4bK1", source,
		     "SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1;received=192.0.2.7;rport=4711");
}

/* What stands in the same value besides is left as it is; twice and with values, all of it is replaced. */
static void rport_alone_is_moved_and_no_more(void **state)
{
	struct addr source = addr_v4(192, 0, 2, 7, 4711);

	(void)state;
	assert_stamp("SIP/2.0/UDP a;rport", source, "SIP/2.0/UDP a;received=192.0.2.7;rport=4711");
	assert_stamp("SIP/2.0/UDP a;branch=z9hG4bK1;rport", source,
		     "SIP/2.0/UDP a;branch=z9hG4bK1;received=192.0.2.7;rport=4711");
	assert_stamp("SIP / 2.0 / UDP a:5070 ; x=\"rport\"; rport ;branch=z9hG4bK1", source,
		     "SIP / 2.0 / UDP a:5070 ; x=\"rport\" ;branch=z9hG4bK1;received=192.0.2.7;rport=4711");
	assert_stamp("SIP/2.0/UDP a;rport;x;rport", source, "SIP/2.0/UDP a;x;received=192.0.2.7;rport=4711");
	assert_stamp("SIP/2.0/UDP a;rport=9;x;rport", source, "SIP/2.0/UDP a;x;received=192.0.2.7;rport=4711");
	assert_stamp("SIP/2.0/UDP a;received;rport;x", source, "SIP/2.0/UDP a;x;received=192.0.2.7;rport=4711");
	assert_stamp("SIP/2.0/UDP a;rport;keep", source, "SIP/2.0/UDP a;keep=25;received=192.0.2.7;rport=4711");
}

static void a_forged_received_does_not_survive(void **state)
{
	struct addr source = addr_v4(192, 0, 2, 7, 4711);

	(void)state;
	assert_stamp("SIP/2.0/UDP 192.0.2.7;received=10.0.0.1;branch=z9hG4bK1", source,
		     "SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1");
	assert_stamp("SIP/2.0/UDP a;received=10.0.0.1;rport=1;x", source,
		     "SIP/2.0/UDP a;x;received=192.0.2.7;rport=4711");
}

/* RFC 3261 18.2.2, RFC 3581 4. */
static void answers_go_where_the_via_says(void **state)
{
	struct sip_via v = parse("SIP/2.0/UDP a.example:5070;received=192.0.2.7");
	struct addr to;
	uint16_t port;
	str host;

	(void)state;
	assert_true(sip_via_target(&v, &to, &host, &port));
	assert_true(to.ip[3] == 7 && to.port == 5070);
	v = parse("SIP/2.0/UDP a.example:5070;received=192.0.2.7;rport=99");
	assert_true(sip_via_target(&v, &to, &host, &port) && to.port == 99);
	v = parse("SIP/2.0/UDP a.example;maddr=224.0.1.75;rport=99");
	assert_true(sip_via_target(&v, &to, &host, &port) && to.port == 5060 && addr_is_multicast(&to));
	v = parse("SIP/2.0/TLS a.example");
	assert_false(sip_via_target(&v, &to, &host, &port));
	assert_str(host, "a.example");
	assert_int_equal(port, 5061);
}

/* RFC 7339 5.2, 5.6: what the sender says of overload is for the next hop alone; the answer says ours. */
static void what_is_said_of_overload_goes_one_hop(void **state)
{
	const struct addr source = { .family = 4, .port = 5060, .ip = { 192, 0, 2, 1 } };
	struct sip_via via;
	char text[200];
	struct buf out;

	(void)state;
	assert_int_equal(sip_via_parse(STR("SIP/2.0/UDP 192.0.2.1;oc;branch=z9hG4bKa;oc-algo=\"loss\";x=1"), &via),
			 ERR_NONE);
	assert_true(via.has_oc);
	buf_init(&out, text, sizeof(text));
	sip_via_pass(&via, &source, &out);
	assert_str(buf_str(&out), "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa;x=1");
	assert_int_equal(sip_via_parse(STR("SIP/2.0/UDP a;branch=z9hG4bKa;oc=9;received=192.0.2.1;oc-seq=1.1"), &via),
			 ERR_NONE);
	buf_init(&out, text, sizeof(text));
	sip_via_tell(&via, STR(";oc=5"), &out);
	assert_str(buf_str(&out), "SIP/2.0/UDP a;branch=z9hG4bKa;received=192.0.2.1;oc=5");
}

static void nothing_is_no_via(void **state)
{
	struct sip_via via;

	(void)state;
	assert_int_equal(sip_via_parse(STR_NONE, &via), ERR_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_no_via),
		cmocka_unit_test(what_is_said_of_overload_goes_one_hop),
		cmocka_unit_test(a_via_comes_apart),
		cmocka_unit_test(unknown_transports_are_kept),
		cmocka_unit_test(malformed_vias_are_refused),
		cmocka_unit_test(the_source_is_stamped_where_it_differs_or_was_asked_for),
		cmocka_unit_test(a_forged_received_does_not_survive),
		cmocka_unit_test(rport_alone_is_moved_and_no_more),
		cmocka_unit_test(answers_go_where_the_via_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
