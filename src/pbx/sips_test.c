#include "pbx/sips.h"

#include "pbx/test_rig.h"

static const str peers[] = { STR_INIT("other.example"), STR_INIT("partner.example") };
static const struct pbx_listener with_tls[] = {
	{ .transport = TRANSPORT_UDP, .local = { .family = 4, .port = 5060, .ip = { 192, 0, 2, 1 } } },
	{ .transport = TRANSPORT_TCP, .local = { .family = 4, .port = 5060, .ip = { 192, 0, 2, 1 } } },
	{ .transport = TRANSPORT_TLS, .local = { .family = 4, .port = 5061, .ip = { 192, 0, 2, 1 } }, .tls = 1 },
};

static void run_with_tls(bool auth)
{
	rig_.config.listeners = with_tls;
	rig_.config.listener_n = 3;
	rig_.config.auth = auth;
	rig_.config.tls_out = 2;
	rig_.config.tls_peers = peers;
	rig_.config.tls_peer_n = 2;
	rig_run();
}

static void accept_tls(uint32_t stream, struct addr from, const char *proved)
{
	struct host_event e = { .kind = HOST_ACCEPTED,
				.id = stream,
				.listener = rig_.config.id_first + 2,
				.transport = TRANSPORT_TLS,
				.local = with_tls[2].local,
				.remote = from,
				.proved = str_from(proved) };

	rig_.services[0].recv(rig_.services[0].self, &e, rig_.now);
	rig_settle();
}

/* A request over TLS, without a body. */
static void say_tls(uint32_t stream, struct addr from, const char *method, const char *uri, const char *sender,
		    const char *call_id, const char *lines)
{
	char text[3000];

	snprintf(text, sizeof(text),
		 "%s %s SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.%u:%u;branch=z9hG4bK%s%s\r\nMax-Forwards: 70\r\n"
		 "From: <%s>;tag=from\r\nTo: <%s>\r\nCall-ID: %s\r\nCSeq: 1 %s\r\n%sContent-Length: 0\r\n\r\n",
		 method, uri, from.ip[3], from.port, method, call_id, sender, strcmp(method, "REGISTER") ? uri : sender,
		 call_id, method, lines);
	rig_bytes(stream, from, text);
}

#define STREAM_A RIG_STREAM
#define STREAM_B (RIG_STREAM + 1)

static void register_tls(const char *contact)
{
	char line[200];

	accept_tls(STREAM_B, bob, "");
	snprintf(line, sizeof(line), "Contact: <%s>;expires=600\r\n", contact);
	say_tls(STREAM_B, bob, "REGISTER", "sips:example.com", "sip:102@example.com", "reg", line);
	rig_assert_start(rig_take_stream(STREAM_B), "SIP/2.0 200 ");
}

/* A proxy that stands between phones and us may name itself as the way back, by the name that TLS has proved and by no
 * other: not by a peer's that this is not, nor in the clear. */
static void a_path_may_be_a_name_that_tls_has_proved(void **state)
{
	static const char lines[] = "Contact: <sip:102@10.0.0.1>\r\nSupported: path\r\nPath: <sip:p@%s;lr>\r\n";
	char text[300];

	(void)state;
	run_with_tls(false);
	accept_tls(STREAM_A, alice, "Partner.example");
	accept_tls(STREAM_B, bob, "");
	snprintf(text, sizeof(text), lines, "other.example");
	say_tls(STREAM_A, alice, "REGISTER", "sip:example.com", "sip:102@example.com", "r1", text);
	rig_assert_start(rig_take_stream(STREAM_A), "SIP/2.0 403 Path Leads Elsewhere");
	snprintf(text, sizeof(text), lines, "partner.EXAMPLE");
	say_tls(STREAM_B, bob, "REGISTER", "sip:example.com", "sip:102@example.com", "r2", text);
	rig_assert_start(rig_take_stream(STREAM_B), "SIP/2.0 403 Path Leads Elsewhere");
	rig_register_once(bob, "102", 3, text);
	rig_assert_start(rig_take(bob), "SIP/2.0 403 Path Leads Elsewhere");
	assert_false(rig_.contacts[0].used);
	say_tls(STREAM_A, alice, "REGISTER", "sip:example.com", "sip:102@example.com", "r4", text);
	rig_assert_start(rig_take_stream(STREAM_A), "SIP/2.0 200 ");
	assert_true(rig_.contacts[0].used);
}

static void a_sips_request_in_the_clear_is_refused_with_its_rule(void **state)
{
	(void)state;
	run_with_tls(false);
	rig_register(bob, "102");
	invite_from(alice, "101", "example.com", "sips:102@example.com", "c1", 1, "");
	rig_assert_start(rig_take(alice), "SIP/2.0 480 ");
	rig_assert_has(rig_.text, "\r\nWarning: 380 tandem \"SIPS Not Allowed");
	rig_assert_start(rig_take(bob), "");
}

static void a_sips_call_is_never_sent_on_in_the_clear(void **state)
{
	(void)state;
	run_with_tls(false);
	rig_register(bob, "102");
	accept_tls(STREAM_A, alice, "");
	say_tls(STREAM_A, alice, "INVITE", "sips:102@example.com", "sip:101@example.com", "c1",
		"Contact: <sips:101@192.0.2.11:5061>\r\n");
	rig_assert_start(rig_take_stream(STREAM_A), "SIP/2.0 480 ");
	rig_assert_has(rig_.text, "\r\nWarning: 380 tandem \"SIPS Not Allowed");
	rig_assert_start(rig_take(bob), "");
	say_tls(STREAM_A, alice, "INVITE", "sip:102@example.com", "sip:101@example.com", "c2",
		"Contact: <sips:101@192.0.2.11:5061>\r\n");
	rig_assert_start(rig_take(bob), "INVITE sip:102@192.0.2.12:5060 "); /* sip asks for nothing of the kind */
}

static void a_sips_call_goes_over_tls_with_a_record_route_of_sips(void **state)
{
	(void)state;
	run_with_tls(false);
	register_tls("sips:102@192.0.2.12:5061");
	accept_tls(STREAM_A, alice, "");
	say_tls(STREAM_A, alice, "INVITE", "sips:102@example.com", "sip:101@example.com", "c1",
		"Contact: <sips:101@192.0.2.11:5061>\r\n");
	rig_assert_start(rig_take_stream(STREAM_B), "INVITE sips:102@192.0.2.12:5061 SIP/2.0\r\nVia: SIP/2.0/TLS ");
	rig_assert_has(rig_.text, "\r\nRecord-Route: <sips:");
	assert_null(strstr(rig_.text, "transport=tls"));
}

static void a_phone_that_registered_sip_over_tls_is_a_way_for_sips(void **state)
{
	(void)state;
	run_with_tls(false);
	register_tls("sip:102@192.0.2.12:5061;transport=tls");
	accept_tls(STREAM_A, alice, "");
	say_tls(STREAM_A, alice, "INVITE", "sips:102@example.com", "sip:101@example.com", "c1",
		"Contact: <sips:101@192.0.2.11:5061>\r\n");
	rig_assert_start(rig_take_stream(STREAM_B), "INVITE sip:102@192.0.2.12:5061;transport=tls SIP/2.0");
	rig_assert_has(rig_.text, "\r\nRecord-Route: <sips:");
}

static void a_sips_contact_is_reached_by_sip_as_well_and_asked_by_sip(void **state)
{
	(void)state;
	run_with_tls(false);
	register_tls("sips:102@192.0.2.12:5061");
	invite_from(alice, "101", "example.com", "sip:102@example.com", "c1", 1, "");
	rig_assert_start(rig_take_stream(STREAM_B), "INVITE sip:102@192.0.2.12:5061 SIP/2.0\r\nVia: SIP/2.0/TLS ");
	rig_assert_has(rig_.text, "\r\nRecord-Route: <sip:");
}

static void what_was_sips_is_not_led_away_to_sip_by_a_redirection(void **state)
{
	char invite[4000];

	(void)state;
	run_with_tls(false);
	register_tls("sips:102@192.0.2.12:5061");
	accept_tls(STREAM_A, alice, "");
	say_tls(STREAM_A, alice, "INVITE", "sips:102@example.com", "sips:101@example.com", "c1",
		"Contact: <sips:101@192.0.2.11:5061>\r\n");
	rig_copy(rig_take_stream(STREAM_B), invite, sizeof(invite));
	rig_answer_request(bob, invite, 302, "r", "Contact: <sip:103@example.com>", "");
	rig_assert_start(rig_take_stream(STREAM_A), "SIP/2.0 302 ");
}

static void sips_is_not_registered_in_the_clear(void **state)
{
	static const char *lines[] = { "Contact: <sips:102@192.0.2.12:5061>\r\n",
				       "Contact: <sip:102@192.0.2.12>, <sips:102@192.0.2.12:5061>\r\n" };

	(void)state;
	run_with_tls(false);
	for (unsigned i = 0; i < 2; i++) {
		rig_register_once(bob, "102", i + 1, lines[i]);
		rig_assert_start(rig_take(bob), "SIP/2.0 400 ");
	}
	rig_register_once(bob, "102", 9, "Contact: <sip:102@192.0.2.12>\r\n");
	rig_assert_start(rig_take(bob), "SIP/2.0 200 ");
}

static void the_text_of_a_contact_that_does_not_fit_stays_as_it_is(void **state)
{
	char room[12];

	(void)state;
	assert_str(pbx_sips_request_uri(STR("sips:a@b"), false, room, sizeof(room)), "sip:a@b");
	assert_str(pbx_sips_request_uri(STR("sips:a@b"), true, room, sizeof(room)), "sips:a@b");
	assert_str(pbx_sips_request_uri(STR("sip:a@b"), false, room, sizeof(room)), "sip:a@b");
	assert_str(pbx_sips_request_uri(STR("SIPS:long@long"), false, room, sizeof(room)), "SIPS:long@long");
}

/* ---- who proved a domain (RFC 5922) ---- */

static const char *invite_as(const char *proved, const char *from, const char *call_id)
{
	struct addr at = rig_addr(99, 40001);
	static uint32_t stream = RIG_STREAM + 20;

	accept_tls(++stream, at, proved);
	say_tls(stream, at, "INVITE", "sip:102@example.com", from, call_id, "Contact: <sip:x@192.0.2.99:5061>\r\n");
	return rig_take_stream(stream);
}

static void a_server_that_proved_a_domain_of_the_list_may_call_without_a_password(void **state)
{
	(void)state;
	rig_.config.strangers = false;
	run_with_tls(true);
	rig_register(bob, "102");
	rig_assert_start(invite_as("host.example partner.example", "sip:eve@partner.example", "c1"), "");
	rig_assert_start(rig_take(bob), "INVITE ");
	rig_assert_start(invite_as("", "sip:eve@partner.example", "c2"), "SIP/2.0 407 ");
	rig_assert_start(invite_as("third.example", "sip:eve@partner.example", "c3"), "SIP/2.0 407 ");
	rig_assert_start(invite_as("partner.example.evil.example", "sip:eve@partner.example", "c4"), "SIP/2.0 407 ");
	/* and in nobody else's name: not in that of a user here */
	rig_assert_start(invite_as("partner.example", "sip:101@example.com", "c5"), "SIP/2.0 407 ");
	rig_assert_start(rig_take(bob), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_path_may_be_a_name_that_tls_has_proved),
		T(a_sips_request_in_the_clear_is_refused_with_its_rule),
		T(a_sips_call_is_never_sent_on_in_the_clear),
		T(a_sips_call_goes_over_tls_with_a_record_route_of_sips),
		T(a_phone_that_registered_sip_over_tls_is_a_way_for_sips),
		T(a_sips_contact_is_reached_by_sip_as_well_and_asked_by_sip),
		T(what_was_sips_is_not_led_away_to_sip_by_a_redirection),
		T(sips_is_not_registered_in_the_clear),
		T(the_text_of_a_contact_that_does_not_fit_stays_as_it_is),
		T(a_server_that_proved_a_domain_of_the_list_may_call_without_a_password),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
