#include "pbx/redirect.h"

#include "base/test.h"

static char text[2000];
static struct buf out;

static void start(size_t n)
{
	memset(text, 0, sizeof(text));
	buf_init(&out, text, n);
}

static struct contact_record row(const char *uri, uint16_t q, enum transport t, struct addr remote)
{
	struct contact_record r = { .uri = str_from(uri), .q = q };
	struct flow flow = { .transport = t, .id = 5, .remote = remote };

	contact_set_flow(&r, &flow);
	return r;
}

static void contacts_are_listed_with_their_q(void **state)
{
	struct contact_record rows[2] = {
		row("sip:bob@192.0.2.12:5060?Subject=x", 1000, TRANSPORT_UDP, addr_v4(192, 0, 2, 12, 5060)),
		row("sip:bob@192.0.2.13;transport=udp", 50, TRANSPORT_UDP, addr_v4(192, 0, 2, 13, 5060))
	};

	(void)state;
	start(sizeof(text) - 1);
	assert_int_equal(pbx_redirect_contacts(rows, 2, STR_NONE, &out), 2);
	assert_string_equal(text, "Contact: <sip:bob@192.0.2.12:5060>;q=1.0\r\n"
				  "Contact: <sip:bob@192.0.2.13;transport=udp>;q=0.050");
	assert_int_equal(pbx_redirect_status(2), 300);
	assert_int_equal(pbx_redirect_status(1), 302);
}

static void what_only_the_exchange_can_reach_is_left_out(void **state)
{
	struct addr there = addr_v4(192, 0, 2, 12, 40000);
	struct contact_record rows[] = {
		row("sip:bob@10.0.0.7:5060", 1000, TRANSPORT_UDP, there),   /* behind a NAT */
		row("sip:bob@192.0.2.12:5060", 1000, TRANSPORT_UDP, there), /* by a proxy: */
		row("sip:x@abc.invalid;transport=ws", 1000, TRANSPORT_WS, there),
		row("sip:bob@192.0.2.12:40000;transport=tcp", 1000, TRANSPORT_TCP, there),
		row("sip:bob@192.0.2.12:5070;transport=tcp", 1000, TRANSPORT_TCP, there), /* by an outbound flow: */
		row("tel:+1", 1000, 0, there),
		row("sip:bob@192.0.2.12:5071;transport=tcp", 700, TRANSPORT_TCP, there),
		row("sip:x@abc.invalid", 1000, 0, there),
		row("sip:bob@pc.example", 600, 0, there),
	};

	(void)state;
	rows[1].path = STR("<sip:p@proxy.example;lr>");
	rows[4].reg_id = 1;
	start(sizeof(text) - 1);
	assert_int_equal(pbx_redirect_contacts(rows, 9, STR_NONE, &out), 2);
	assert_string_equal(text, "Contact: <sip:bob@192.0.2.12:5071;transport=tcp>;q=0.700\r\n"
				  "Contact: <sip:bob@pc.example>;q=0.600");
}

static void servers_keep_the_domain_and_come_in_order(void **state)
{
	struct sip_place places[3] = { { TRANSPORT_TLS, addr_v4(192, 0, 2, 7, 5061) },
				       { TRANSPORT_UDP, addr_v4(192, 0, 2, 8, 5060) } };
	struct sip_uri uri;

	(void)state;
	assert_int_equal(sip_uri_parse(STR("sip:bob%20x@b.example;x=y"), &uri), ERR_NONE);
	assert_int_equal(addr_parse(STR("[2001:db8::1]:5070"), 0, &places[2].addr), ERR_NONE);
	places[2].transport = TRANSPORT_TCP;
	start(sizeof(text) - 1);
	assert_int_equal(pbx_redirect_places(&uri, places, 3, STR_NONE, &out), 3);
	assert_string_equal(text, "Contact: <sip:bob%20x@b.example:5061;transport=tls;maddr=192.0.2.7>;q=1.0\r\n"
				  "Contact: <sip:bob%20x@b.example:5060;transport=udp;maddr=192.0.2.8>;q=0.990\r\n"
				  "Contact: <sip:bob%20x@b.example:5070;transport=tcp;maddr=[2001:db8::1]>;q=0.980");
}

static void what_does_not_fit_is_left_out_whole(void **state)
{
	str uris[3] = { STR_INIT("sip:a@x.example"), STR_INIT("sip:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@x.example"),
			STR_INIT("sip:b@x.example") };

	(void)state;
	start(80);
	assert_int_equal(pbx_redirect_uris(uris, 3, STR_NONE, &out), 2);
	assert_true(buf_ok(&out));
	assert_string_equal(text, "Contact: <sip:a@x.example>;q=1.0\r\nContact: <sip:b@x.example>;q=0.980");
	start(10);
	assert_int_equal(pbx_redirect_uris(uris, 3, STR_NONE, &out), 0);
	assert_int_equal(out.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contacts_are_listed_with_their_q),
		cmocka_unit_test(what_only_the_exchange_can_reach_is_left_out),
		cmocka_unit_test(servers_keep_the_domain_and_come_in_order),
		cmocka_unit_test(what_does_not_fit_is_left_out_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
