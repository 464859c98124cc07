#include "pbx/test_rig.h"

/* A browser's phone over WSS (RFC 7118): its Contact leads nowhere, its connection is all there is. */

static const struct pbx_listener listeners[] = {
	{ .transport = TRANSPORT_UDP, .local = { .family = 4, .port = 5060, .ip = { 192, 0, 2, 1 } } },
	{ .transport = TRANSPORT_TCP, .local = { .family = 4, .port = 5060, .ip = { 192, 0, 2, 1 } } },
	{ .transport = TRANSPORT_WSS, .local = { .family = 4, .port = 8443, .ip = { 192, 0, 2, 1 } }, .tls = 1 },
};

static struct addr browser;

static void wss_event(enum host_event_kind kind, uint32_t stream, const char *text)
{
	struct host_event e = { .kind = kind,
				.id = stream,
				.listener = rig_.config.id_first + 2,
				.transport = TRANSPORT_WSS,
				.local = listeners[2].local,
				.remote = browser,
				.bytes = str_from(text) };

	rig_.services[0].recv(rig_.services[0].self, &e, rig_.now);
	rig_settle();
}

static void browser_says(const char *text)
{
	wss_event(HOST_BYTES, RIG_STREAM, text);
}

#define CONTACT "Contact: <sip:k3u8@q7.invalid;transport=ws>;+sip.ice;reg-id=1;+sip.instance=\"<urn:uuid:1>\"\r\n"

static void run_with_browser(void)
{
	browser = rig_addr(50, 51000);
	rig_.config.listeners = listeners;
	rig_.config.listener_n = 3;
	rig_.config.auth = false;
	rig_run();
	wss_event(HOST_ACCEPTED, RIG_STREAM, "");
	browser_says(
		"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/WSS q7.invalid;branch=z9hG4bKb1\r\n"
		"From: <sip:102@example.com>;tag=1\r\nTo: <sip:102@example.com>\r\nCall-ID: b1\r\nCSeq: 1 REGISTER\r\n"
		"Supported: path, gruu, outbound\r\nMax-Forwards: 70\r\n" CONTACT "\r\n");
	rig_assert_start(rig_take_stream(RIG_STREAM), "SIP/2.0 200 OK\r\nVia: SIP/2.0/WSS q7.invalid;");
	rig_assert_has(rig_.text, ";received=192.0.2.50");
}

static void parse(struct sip_msg *m, struct arena *arena, char *block, const char *text)
{
	arena_init(arena, block, SIP_MSG_ARENA, SIP_MSG_HEAP_MAX);
	assert_int_equal(sip_msg_parse(m, arena, str_from(text)), ERR_NONE);
}

static void browser_answers(const char *request, int status)
{
	static char out[6000];
	char block[SIP_MSG_ARENA];
	struct arena arena;
	struct sip_msg m;
	struct buf b;
	struct sip_reply r = { .status = status,
			       .to_tag = STR("bt"),
			       .lines = STR("Contact: <sip:k3u8@q7.invalid;transport=ws>") };

	parse(&m, &arena, block, request);
	buf_init(&b, out, sizeof(out));
	assert_int_equal(sip_reply_write(&m, &r, &b), ERR_NONE);
	buf_put_char(&b, '\0');
	browser_says(out);
	arena_free(&arena);
}

static void a_browser_is_called_over_its_connection_and_later_hung_up_on_over_it(void **state)
{
	char invite[4000], text[3000], block[SIP_MSG_ARENA];
	const struct sip_address *routes;
	struct arena arena;
	struct sip_msg m;
	size_t n;

	(void)state;
	run_with_browser();
	invite_from(alice, "101", "example.com", "sip:102@example.com", "w1", 1, "");
	rig_copy(rig_take_stream(RIG_STREAM), invite, sizeof(invite));
	rig_assert_start(invite,
			 "INVITE sip:k3u8@q7.invalid;transport=ws SIP/2.0\r\nVia: SIP/2.0/WSS 192.0.2.1:8443;branch=");
	/* RFC 5658: the browser's side first; RFC 7118 5.2.2: ws in the URI, under TLS, too */
	parse(&m, &arena, block, invite);
	assert_int_equal(sip_msg_addresses(&m, SIP_RECORD_ROUTE, &routes, &n), ERR_NONE);
	assert_int_equal(n, 2);
	assert_true(str_ends(routes[0].text, STR("@192.0.2.1:8443;transport=ws;lr>")));
	assert_true(str_ends(routes[1].text, STR("@192.0.2.1:5060;lr>")));
	browser_answers(invite, 180);
	rig_assert_start(rig_take(alice), "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP 192.0.2.11:5060;");
	browser_answers(invite, 200);
	rig_assert_start(rig_take(alice), "SIP/2.0 200 OK");
	snprintf(text, sizeof(text),
		 "BYE sip:k3u8@q7.invalid;transport=ws SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKwb\r\n"
		 "Route: " STR_FMT ", " STR_FMT "\r\nFrom: <sip:101@example.com>;tag=from\r\n"
		 "To: <sip:102@example.com>;tag=bt\r\nCall-ID: w1\r\nCSeq: 2 BYE\r\n\r\n",
		 STR_ARG(routes[1].text), STR_ARG(routes[0].text));
	rig_say(alice, text);
	rig_assert_start(rig_take_stream(RIG_STREAM),
			 "BYE sip:k3u8@q7.invalid;transport=ws SIP/2.0\r\nVia: SIP/2.0/WSS ");
	assert_null(strstr(rig_.text, "\r\nRoute:"));
	arena_free(&arena);
}

static void a_browser_calls_and_what_follows_finds_both(void **state)
{
	char invite[4000], route[600], text[3000];

	(void)state;
	run_with_browser();
	rig_register(bob, "103");
	browser_says(
		"INVITE sip:103@example.com SIP/2.0\r\nVia: SIP/2.0/WSS q7.invalid;branch=z9hG4bKn1\r\n"
		"From: <sip:102@example.com>;tag=f\r\nTo: <sip:103@example.com>\r\nCall-ID: n1\r\nCSeq: 1 INVITE\r\n"
		"Contact: <sip:k3u8@q7.invalid;transport=ws;ob>\r\nMax-Forwards: 70\r\n\r\n");
	rig_copy(rig_take(bob), invite, sizeof(invite));
	rig_assert_start(invite, "INVITE sip:103@192.0.2.12:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;");
	rig_assert_has(invite, "\r\nContent-Length: 0\r\n"); /* others may need it */
	rig_assert_has(invite, "@192.0.2.1:8443;transport=ws;lr>\r\n");
	rig_answer_request(bob, invite, 200, "bt", "Contact: <sip:103@192.0.2.12:5060>", "");
	while (strncmp(rig_take_stream(RIG_STREAM), "SIP/2.0 200", 11) != 0)
		assert_string_not_equal(rig_.text, "");
	rig_header(invite, "Record-Route", route, sizeof(route));
	snprintf(text, sizeof(text),
		 "BYE sip:k3u8@q7.invalid;transport=ws;ob SIP/2.0\r\nVia: SIP/2.0/UDP "
		 "192.0.2.12:5060;branch=z9hG4bKn2\r\n"
		 "Route: %s\r\nFrom: <sip:103@example.com>;tag=bt\r\nTo: <sip:102@example.com>;tag=f\r\nCall-ID: n1\r\n"
		 "CSeq: 1 BYE\r\n\r\n",
		 route);
	rig_say(bob, text);
	rig_assert_start(rig_take_stream(RIG_STREAM), "BYE sip:k3u8@q7.invalid;transport=ws;ob SIP/2.0");
}

static void calls_to(const char *call_id, const char *answer)
{
	invite_from(alice, "101", "example.com", "sip:102@example.com", call_id, 1, "");
	rig_assert_start(rig_take(alice), answer);
}

static void a_browser_whose_page_was_closed_is_not_there_and_nothing_is_dialled(void **state)
{
	(void)state;
	run_with_browser();
	wss_event(HOST_CLOSED, RIG_STREAM, "");
	rig_forget_sent();
	calls_to("g1", "SIP/2.0 480 ");
	/* nor after a restart, where the contact is read back */
	rig_stop_servers();
	rig_run();
	calls_to("g2", "SIP/2.0 480 ");
	assert_int_equal(rig_.looked_up, 0);
	for (size_t i = 0; i < rig_.sent_n; i++)
		assert_false(rig_.sent[i].stream);
}

static void an_answer_whose_browser_is_gone_goes_nowhere(void **state)
{
	char invite[4000];

	(void)state;
	run_with_browser();
	rig_register(bob, "103");
	browser_says(
		"INVITE sip:103@example.com SIP/2.0\r\nVia: SIP/2.0/WSS q7.invalid;branch=z9hG4bKn1\r\n"
		"From: <sip:102@example.com>;tag=f\r\nTo: <sip:103@example.com>\r\nCall-ID: n1\r\nCSeq: 1 INVITE\r\n"
		"Contact: <sip:k3u8@q7.invalid;transport=ws;ob>\r\nMax-Forwards: 70\r\n\r\n");
	rig_copy(rig_take(bob), invite, sizeof(invite));
	wss_event(HOST_CLOSED, RIG_STREAM, "");
	rig_forget_sent();
	rig_answer_request(bob, invite, 486, "bt", "", "");
	for (size_t i = 0; i < rig_.sent_n; i++)
		assert_false(rig_.sent[i].stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_browser_is_called_over_its_connection_and_later_hung_up_on_over_it),
		T(a_browser_calls_and_what_follows_finds_both),
		T(a_browser_whose_page_was_closed_is_not_there_and_nothing_is_dialled),
		T(an_answer_whose_browser_is_gone_goes_nowhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
