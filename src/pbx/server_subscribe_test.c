#include "pbx/test_rig.h"

#define PHONE "+sip.instance=\"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>\""

static char dialog_to[200]; /* the To of the last 200 to a SUBSCRIBE */

static void start(void)
{
	rig_.config.auth = false;
	rig_run();
}

/* SUBSCRIBE of 102's phone at `from`; `to` empty: a new one. Returns its answer. */
static const char *subscribe(struct addr from, const char *call_id, unsigned cseq, const char *to, const char *lines)
{
	char text[2000];

	snprintf(text, sizeof(text),
		 "SUBSCRIBE %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.%u:%u;branch=z9hG4bKs%s%u%u\r\nMax-Forwards: 70\r\n"
		 "From: <sip:102@example.com>;tag=st\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %u SUBSCRIBE\r\n"
		 "Contact: <sip:102@192.0.2.%u:%u>\r\n%sContent-Length: 0\r\n\r\n",
		 to[0] ? "sip:192.0.2.1:5060" : "sip:102@example.com", from.ip[3], from.port, call_id, cseq, from.port,
		 to[0] ? to : "<sip:102@example.com>", call_id, cseq, from.ip[3], from.port, lines);
	rig_say(from, text);
	rig_take(from);
	if (!strncmp(rig_.text, "SIP/2.0 200", 11))
		rig_header(rig_.text, "To", dialog_to, sizeof(dialog_to));
	return rig_.text;
}

/* The next NOTIFY for it, answered. */
static const char *notified(struct addr from, int status, const char *lines)
{
	static char text[20000];

	rig_copy(rig_take(from), text, sizeof(text));
	rig_assert_start(text, "NOTIFY ");
	for (size_t i = 0; i < rig_.sent_n; i++) /* it was repeated while time passed */
		rig_.sent[i].taken |= !strcmp(rig_.sent[i].text, text);
	rig_answer_request(from, text, status, "", lines, "");
	return text;
}

static void who_watches_himself_is_told_at_once_and_of_each_change(void **state)
{
	const char *n;

	(void)state;
	start();
	rig_register_once(bob, "102", 1, "Contact: <sip:102@192.0.2.12>;x=\"a&b\";" PHONE "\r\n");
	rig_take(bob);
	rig_assert_start(subscribe(bob2, "w", 1, "", "Event: reg\r\nExpires: 600\r\n"), "SIP/2.0 200 OK");
	rig_assert_has(rig_.text, "\r\nExpires: 600\r\n");
	rig_assert_has(rig_.text, "\r\nContact: <sip:192.0.2.1:5060>\r\n");
	n = notified(bob2, 200, "");
	rig_assert_start(n, "NOTIFY sip:102@192.0.2.13:5070 SIP/2.0\r\n");
	rig_assert_has(n, "\r\nEvent: reg\r\n");
	rig_assert_has(n, "\r\nSubscription-State: active;expires=600\r\n");
	rig_assert_has(n, "\r\nContent-Type: application/reginfo+xml\r\n");
	rig_assert_has(n, "version=\"0\" state=\"full\">");
	rig_assert_has(n, "aor=\"sip:102@example.com\"");
	rig_assert_has(n, "state=\"active\" event=\"registered\"");
	rig_assert_has(n, "<uri>sip:102@192.0.2.12");
	rig_assert_has(n, "<unknown-param name=\"+sip.instance\">&quot;&lt;urn:uuid:");
	rig_assert_has(n, "<gr:pub-gruu uri=\"sip:102@example.com;gr=urn:uuid:f81d4fae");
	rig_assert_has(n, "<gr:temp-gruu uri=\"sip:tgruu.");
	rig_assert_has(n, ";gr\" first-cseq=\"1\"/>");
	/* a second phone: what has changed, and no sooner than five seconds after */
	rig_pass(USEC_PER_SEC);
	rig_register_once(alice, "102", 1, "Contact: <sip:102@192.0.2.11>\r\n");
	rig_pass(3 * USEC_PER_SEC);
	assert_string_equal(rig_take(bob2), "");
	rig_pass(3 * USEC_PER_SEC);
	n = notified(bob2, 200, "");
	rig_assert_has(n, "version=\"1\" state=\"partial\">");
	rig_assert_has(n, "192.0.2.11</uri>");
	assert_null(strstr(n, "192.0.2.12"));
	/* gone, and refreshed */
	rig_pass(10 * USEC_PER_SEC);
	rig_register_once(alice, "102", 2,
			  "Contact: <sip:102@192.0.2.11>;expires=0, <sip:102@192.0.2.12>;x=\"a&b\"\r\n");
	rig_pass(0);
	n = notified(bob2, 200, "");
	rig_assert_has(n, "state=\"terminated\" event=\"unregistered\"");
	rig_assert_has(n, "event=\"refreshed\"");
	rig_assert_has(n, "version=\"2\"");
}

static void who_does_not_say_what_for_is_told_what_there_is(void **state)
{
	(void)state;
	start();
	rig_register_once(bob, "102", 1, "Contact: <sip:102@192.0.2.12>\r\n");
	rig_take(bob);
	rig_assert_start(subscribe(bob2, "e", 1, "", ""), "SIP/2.0 489 ");
	rig_assert_has(rig_.text, "\r\nAllow-Events: reg\r\n");
	rig_assert_start(subscribe(bob2, "e", 2, "", "Event: @\r\n"), "SIP/2.0 400 ");
	assert_string_equal(rig_take(bob), "");
	subscribe(bob2, "e", 3, "", "Event: dialog\r\n"); /* the phone's own business */
	rig_assert_start(rig_take(bob), "SUBSCRIBE ");
}

static void contacts_that_expire_are_told_of(void **state)
{
	const char *n;

	(void)state;
	rig_.config.worker_n = 3;
	start();
	rig_register_once(bob, "102", 1, "Contact: <sip:102@192.0.2.12>;expires=100\r\n");
	subscribe(bob2, "w", 1, "", "Event: reg\r\n");
	rig_assert_has(rig_.text, "\r\nExpires: 3761\r\n");
	notified(bob2, 200, "");
	rig_pass(99 * USEC_PER_SEC);
	assert_string_equal(rig_take(bob2), "");
	rig_pass(2 * USEC_PER_SEC);
	n = notified(bob2, 200, "");
	rig_assert_has(n, "state=\"terminated\" event=\"expired\"");
	rig_assert_has(n, "\" state=\"terminated\">\n    <contact"); /* the registration itself */
}

static void a_subscription_ends_in_time_or_by_wish(void **state)
{
	const char *n;

	(void)state;
	start();
	subscribe(bob, "w", 1, "", "Event: reg\r\nExpires: 100\r\n");
	n = notified(bob, 200, "");
	rig_assert_has(n, "state=\"init\"");
	rig_pass(60 * USEC_PER_SEC);
	rig_assert_start(subscribe(bob, "w", 2, dialog_to, "Event: reg\r\nExpires: 100\r\n"), "SIP/2.0 200 ");
	n = notified(bob, 200, ""); /* each SUBSCRIBE brings all of it */
	rig_assert_has(n, "version=\"1\" state=\"full\"");
	rig_pass(60 * USEC_PER_SEC);
	assert_string_equal(rig_take(bob), "");
	rig_pass(50 * USEC_PER_SEC);
	n = notified(bob, 200, "");
	rig_assert_has(n, "\r\nSubscription-State: terminated;reason=timeout\r\n");
	rig_assert_start(subscribe(bob, "w", 3, dialog_to, "Event: reg\r\nExpires: 100\r\n"), "SIP/2.0 481 ");
	/* unsubscribed */
	subscribe(bob, "v", 1, "", "Event: reg;id=7\r\nExpires: 100\r\n");
	rig_assert_has(notified(bob, 200, ""), "\r\nEvent: reg;id=7\r\n");
	rig_assert_start(subscribe(bob, "v", 2, dialog_to, "Event: reg;id=8\r\nExpires: 0\r\n"), "SIP/2.0 489 ");
	rig_assert_start(subscribe(bob, "v", 3, dialog_to, "Event: reg;id=7\r\nExpires: 0\r\n"), "SIP/2.0 200 ");
	rig_assert_has(notified(bob, 200, ""), "\r\nSubscription-State: terminated;reason=timeout\r\n");
	/* fetched */
	rig_assert_start(subscribe(bob, "f", 1, "", "Event: reg\r\nExpires: 0\r\n"), "SIP/2.0 200 ");
	n = notified(bob, 200, "");
	rig_assert_has(n, "\r\nSubscription-State: terminated;reason=timeout\r\n");
	rig_assert_has(n, "<reginfo");
	rig_register_once(bob2, "102", 1, "Contact: <sip:102@192.0.2.13>\r\n");
	rig_pass(100 * USEC_PER_SEC);
	assert_string_equal(rig_take(bob), "");
}

static void a_subscriber_who_knows_nothing_of_it_ends_it(void **state)
{
	(void)state;
	start();
	subscribe(bob, "w", 1, "", "Event: reg\r\n");
	notified(bob, 481, "");
	rig_register_once(bob2, "102", 1, "Contact: <sip:102@192.0.2.13>\r\n");
	rig_pass(100 * USEC_PER_SEC);
	assert_string_equal(rig_take(bob), "");
	/* who is busy is told later */
	subscribe(bob, "v", 1, "", "Event: reg\r\n");
	notified(bob, 500, "Retry-After: 20");
	rig_pass(19 * USEC_PER_SEC);
	assert_string_equal(rig_take(bob), "");
	rig_pass(2 * USEC_PER_SEC);
	rig_assert_has(notified(bob, 200, ""), "state=\"full\"");
	/* 4.2.2: these end it, whatever else they say */
	rig_forget_sent();
	subscribe(bob, "u", 1, "", "Event: reg\r\n");
	notified(bob, 480, "Retry-After: 20");
	rig_pass(100 * USEC_PER_SEC);
	assert_string_equal(rig_take(bob), "");
	rig_assert_start(subscribe(bob, "u", 2, dialog_to, "Event: reg\r\n"), "SIP/2.0 481 ");
}

/* Other refusals are of the one NOTIFY (RFC 5057); but not for ever. */
static void a_notify_that_is_refused_is_said_again(void **state)
{
	(void)state;
	start();
	subscribe(bob, "w", 1, "", "Event: reg\r\nExpires: 3600\r\n");
	notified(bob, 500, "");
	rig_pass(19 * USEC_PER_SEC);
	assert_string_equal(rig_take(bob), "");
	rig_pass(2 * USEC_PER_SEC);
	rig_assert_has(notified(bob, 200, ""), "state=\"full\"");
	rig_assert_start(subscribe(bob, "w", 2, dialog_to, "Event: reg\r\nExpires: 3600\r\n"), "SIP/2.0 200 ");
	for (int i = 0; i < 4; i++) {
		notified(bob, 500, "");
		rig_pass((usec)(20 << i) * USEC_PER_SEC + USEC_PER_SEC);
	}
	assert_string_equal(rig_take(bob), "");
	rig_assert_start(subscribe(bob, "w", 3, dialog_to, "Event: reg\r\n"), "SIP/2.0 481 ");
}

/* RFC 6665 4.3, 4.4.1: between a subscriber and a phone. */
static void a_notify_that_passes_says_that_we_are_on_the_way(void **state)
{
	static const char request[] =
		"%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.%u:%u;branch=z9hG4bKp%u\r\nMax-Forwards: 70\r\nRoute: %s\r\n"
		"From: <sip:102@example.com>;tag=%s\r\nTo: <sip:102@example.com>;tag=%s\r\nCall-ID: p\r\n"
		"CSeq: %u %s\r\nContact: <sip:102@192.0.2.%u:%u>\r\nEvent: x-lamp\r\n"
		"Subscription-State: active;expires=60\r\nContent-Length: 0\r\n\r\n";
	char first[3000], route[600], again[600], text[3000];

	(void)state;
	start();
	rig_register(bob2, "102");
	subscribe(bob, "p", 1, "", "Event: x-lamp\r\n");
	rig_copy(rig_take(bob2), first, sizeof(first));
	rig_header(first, "Record-Route", route, sizeof(route));
	rig_answer_request(bob2, first, 200, "pt", "Contact: <sip:102@192.0.2.13:5070>\r\nExpires: 60", "");
	rig_take(bob);
	snprintf(text, sizeof(text), request, "NOTIFY", "sip:102@192.0.2.12:5060", 13, 5070, 1, route, "pt", "st", 1,
		 "NOTIFY", 13, 5070);
	rig_say(bob2, text);
	rig_copy(rig_take(bob), first, sizeof(first));
	rig_assert_start(first, "NOTIFY sip:102@192.0.2.12:5060 SIP/2.0\r\n");
	assert_null(strstr(first, "\r\nRoute:"));
	rig_header(first, "Record-Route", again, sizeof(again));
	assert_string_equal(route, again);
	snprintf(text, sizeof(text), request, "SUBSCRIBE", "sip:102@192.0.2.13:5070", 12, 5060, 2, again, "st", "pt", 2,
		 "SUBSCRIBE", 12, 5060);
	rig_say(bob, text);
	rig_assert_start(rig_take(bob2), "SUBSCRIBE sip:102@192.0.2.13:5070 SIP/2.0\r\n");
	/* in no other request of a dialog: there it would say nothing */
	assert_null(strstr(rig_.text, "Record-Route"));
}

/* Where its two sides speak different transports it finds ours of its own side first (RFC 5658). */
static void a_notify_over_two_transports_says_both(void **state)
{
	struct addr nat = rig_addr(40, 33333);
	char first[3000], text[3000], block[SIP_MSG_ARENA];
	const struct sip_address *routes;
	struct arena arena;
	struct sip_msg m;
	size_t n;

	(void)state;
	start();
	rig_accept(RIG_STREAM, nat);
	rig_bytes(
		RIG_STREAM, nat,
		"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.5;branch=z9hG4bKt1\r\n"
		"From: <sip:102@example.com>;tag=1\r\nTo: <sip:102@example.com>\r\nCall-ID: t1\r\nCSeq: 1 REGISTER\r\n"
		"Contact: <sip:102@10.0.0.5;transport=tcp>\r\nContent-Length: 0\r\n\r\n");
	rig_assert_start(rig_take_stream(RIG_STREAM), "SIP/2.0 200 OK");
	subscribe(bob, "q", 1, "", "Event: x-lamp\r\n");
	rig_copy(rig_take_stream(RIG_STREAM), first, sizeof(first));
	arena_init(&arena, block, sizeof(block), SIP_MSG_HEAP_MAX);
	assert_int_equal(sip_msg_parse(&m, &arena, str_from(first)), ERR_NONE);
	assert_int_equal(sip_msg_addresses(&m, SIP_RECORD_ROUTE, &routes, &n), ERR_NONE);
	assert_int_equal(n, 2);
	snprintf(text, sizeof(text),
		 "NOTIFY sip:102@192.0.2.12:5060 SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.5;branch=z9hG4bKq1\r\n"
		 "Max-Forwards: 70\r\nRoute: " STR_FMT ", " STR_FMT "\r\nFrom: <sip:102@example.com>;tag=pt\r\n"
		 "To: <sip:102@example.com>;tag=st\r\nCall-ID: q\r\nCSeq: 1 NOTIFY\r\n"
		 "Contact: <sip:102@10.0.0.5;transport=tcp>\r\nEvent: x-lamp\r\n"
		 "Subscription-State: active;expires=60\r\nContent-Length: 0\r\n\r\n",
		 STR_ARG(routes[0].text), STR_ARG(routes[1].text));
	snprintf(first, sizeof(first), "\r\nRecord-Route: " STR_FMT "\r\nRecord-Route: " STR_FMT "\r\n",
		 STR_ARG(routes[1].text), STR_ARG(routes[0].text));
	arena_free(&arena);
	rig_bytes(RIG_STREAM, nat, text);
	rig_assert_start(rig_take(bob), "NOTIFY ");
	rig_assert_has(rig_.text, first);
}

static void what_is_not_understood_is_refused_for_the_right_reason(void **state)
{
	(void)state;
	start();
	rig_assert_start(subscribe(bob, "b", 1, "", "Event: reg\r\nExpires: 10\r\n"), "SIP/2.0 423 ");
	rig_assert_has(rig_.text, "Min-Expires: 60");
	rig_assert_start(subscribe(bob, "g", 1, "", "Event: reg\r\nAccept: application/pidf+xml, text/*\r\n"),
			 "SIP/2.0 406 ");
	rig_assert_start(subscribe(bob, "g", 2, "", "Event: reg\r\nAccept: text/x, application/ReginfO+xml\r\n"),
			 "SIP/2.0 200 ");
	rig_assert_has(rig_.text, "\r\nAllow-Events: reg\r\n"); /* 4.4.4 */
	notified(bob, 200, "");
	rig_assert_start(ask("OPTIONS", "sip:example.com", ""), "SIP/2.0 200 ");
	rig_assert_has(rig_.text, "\r\nAllow-Events: reg\r\n");
	rig_assert_start(subscribe(bob, "c", 1, "<sip:102@example.com>;tag=nobody's", "Event: reg\r\n"),
			 "SIP/2.0 481 ");
	rig_assert_start(ask("SUBSCRIBE", "sip:example.com", "Event: weather\r\n"), "SIP/2.0 489 ");
	rig_assert_has(rig_.text, "Allow-Events: reg");
	rig_assert_start(ask("SUBSCRIBE", "sip:102@example.com", "Event: reg\r\n"), "SIP/2.0 400 "); /* no Contact */
	/* other events are the phone's own */
	rig_register(bob2, "102");
	rig_assert_start(subscribe(bob, "d", 1, "", "Event: x-lamp\r\n"), "");
	rig_assert_start(rig_take(bob2), "SUBSCRIBE sip:102@192.0.2.13:5070 SIP/2.0");
}

static void nobody_watches_another(void **state)
{
	char answer[3000], lines[900];

	(void)state;
	rig_run();
	rig_assert_start(subscribe(bob, "a", 1, "", "Event: reg\r\n"), "SIP/2.0 401 ");
	rig_copy(rig_.text, answer, sizeof(answer));
	rig_authorize(answer, "101", "pw101", "SUBSCRIBE", "sip:102@example.com", lines, sizeof(lines));
	strcat(lines, "Event: reg\r\n");
	rig_assert_start(subscribe(bob, "a", 2, "", lines), "SIP/2.0 403 ");
	rig_assert_start(subscribe(bob, "a", 3, "", "Event: reg\r\n"), "SIP/2.0 401 ");
	rig_copy(rig_.text, answer, sizeof(answer));
	rig_authorize(answer, "102", "pw102", "SUBSCRIBE", "sip:102@example.com", lines, sizeof(lines));
	strcat(lines, "Event: reg\r\n");
	rig_assert_start(subscribe(bob, "a", 4, "", lines), "SIP/2.0 200 ");
	notified(bob, 200, "");
	/* nor does anybody take it over */
	rig_assert_start(subscribe(stranger, "a", 5, dialog_to, "Event: reg\r\n"), "SIP/2.0 401 ");
}

static void one_user_has_only_so_many(void **state)
{
	char id[20];

	(void)state;
	start();
	for (int i = 0; i < 50; i++) {
		snprintf(id, sizeof(id), "n%d", i);
		rig_assert_start(subscribe(bob, id, 1, "", "Event: reg\r\n"), "SIP/2.0 200 ");
		notified(bob, 200, "");
		rig_forget_sent();
	}
	rig_assert_start(subscribe(bob, "more", 1, "", "Event: reg\r\n"), "SIP/2.0 403 ");
	rig_assert_has(rig_.text, "Warning: 399");
}

/* The phone's connection is gone, and it has registered over another: its subscription is found again there. */
static void a_subscription_outlives_its_connection(void **state)
{
	struct addr nat = rig_addr(40, 33333), again = rig_addr(40, 33334);
	struct host_event gone = { .kind = HOST_CLOSED, .id = RIG_STREAM, .transport = TRANSPORT_TCP };
	static const char reg[] =
		"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.5;branch=z9hG4bKt%d\r\n"
		"From: <sip:102@example.com>;tag=1\r\nTo: <sip:102@example.com>\r\nCall-ID: t\r\nCSeq: %d REGISTER\r\n"
		"Contact: <sip:102@10.0.0.5;transport=tcp>;reg-id=1;" PHONE
		"\r\nSupported: outbound\r\nContent-Length: 0\r\n\r\n";
	char text[1000];

	(void)state;
	start();
	rig_accept(RIG_STREAM, nat);
	snprintf(text, sizeof(text), reg, 1, 1);
	rig_bytes(RIG_STREAM, nat, text);
	rig_assert_start(rig_take_stream(RIG_STREAM), "SIP/2.0 200 ");
	rig_bytes(RIG_STREAM, nat,
		  "SUBSCRIBE sip:102@example.com SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.5;branch=z9hG4bKts\r\n"
		  "From: <sip:102@example.com>;tag=st\r\nTo: <sip:102@example.com>\r\nCall-ID: ts\r\n"
		  "CSeq: 1 SUBSCRIBE\r\nEvent: reg\r\nContact: <sip:102@10.0.0.5;transport=tcp>\r\n"
		  "Content-Length: 0\r\n\r\n");
	rig_assert_start(rig_take_stream(RIG_STREAM), "SIP/2.0 200 ");
	rig_assert_start(rig_take_stream(RIG_STREAM), "NOTIFY sip:102@10.0.0.5;transport=tcp SIP/2.0");
	rig_.services[0].recv(rig_.services[0].self, &gone, rig_.now);
	rig_settle();
	rig_pass(40 * USEC_PER_SEC);
	rig_forget_sent();
	rig_accept(RIG_STREAM + 1, again);
	snprintf(text, sizeof(text), reg, 2, 2);
	rig_bytes(RIG_STREAM + 1, again, text);
	rig_assert_start(rig_take_stream(RIG_STREAM + 1), "SIP/2.0 200 ");
	rig_pass(10 * USEC_PER_SEC);
	rig_assert_start(rig_take_stream(RIG_STREAM + 1), "NOTIFY sip:102@10.0.0.5;transport=tcp SIP/2.0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(who_watches_himself_is_told_at_once_and_of_each_change),
		T(who_does_not_say_what_for_is_told_what_there_is),
		T(contacts_that_expire_are_told_of),
		T(a_subscription_ends_in_time_or_by_wish),
		T(a_subscriber_who_knows_nothing_of_it_ends_it),
		T(a_notify_that_is_refused_is_said_again),
		T(a_notify_that_passes_says_that_we_are_on_the_way),
		T(a_notify_over_two_transports_says_both),
		T(what_is_not_understood_is_refused_for_the_right_reason),
		T(nobody_watches_another),
		T(one_user_has_only_so_many),
		T(a_subscription_outlives_its_connection),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
