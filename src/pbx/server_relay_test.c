#include "pbx/test_rig.h"

#include "pbx/server_parts.h"

static void a_call_goes_through_and_leaves_a_record(void **state)
{
	char invite[4000], route[400], text[2000];

	(void)state;
	rig_run();
	rig_register(bob, "102");
	call("sip:102@example.com", "c1");
	rig_copy(rig_take(bob), invite, sizeof(invite));
	rig_assert_start(invite, "INVITE sip:102@192.0.2.12:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=");
	rig_assert_has(invite, "Max-Forwards: 69\r\n");
	rig_assert_has(invite, "Record-Route: <sip:");
	rig_assert_has(invite, "Session-ID: ");
	assert_null(strstr(invite, "Proxy-Authorization"));
	rig_pass(300 * USEC_PER_MS);
	rig_assert_start(rig_take(alice), "SIP/2.0 100 ");
	rig_answer_request(bob, invite, 180, "bt", "Contact: <sip:102@192.0.2.12:5060>", "");
	rig_assert_start(rig_take(alice), "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP 192.0.2.11:5060;");
	rig_pass(2 * USEC_PER_SEC);
	rig_answer_request(bob, invite, 200, "bt", "Contact: <sip:102@192.0.2.12:5060>", OFFER);
	rig_assert_start(rig_take(alice), "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.11:5060;");
	rig_header(rig_.text, "Record-Route", route, sizeof(route));
	/* a repeated 200 goes back too (RFC 6026) */
	rig_answer_request(bob, invite, 200, "bt", "Contact: <sip:102@192.0.2.12:5060>", OFFER);
	rig_assert_start(rig_take(alice), "SIP/2.0 200 OK");
	snprintf(text, sizeof(text),
		 "ACK sip:102@192.0.2.12:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKack\r\nRoute: "
		 "%s\r\n"
		 "From: <sip:101@example.com>;tag=from\r\nTo: <sip:102@example.com>;tag=bt\r\nCall-ID: c1\r\nCSeq: 2 "
		 "ACK\r\n"
		 "Max-Forwards: 70\r\n\r\n",
		 route);
	rig_say(alice, text);
	rig_assert_start(rig_take(bob), "ACK sip:102@192.0.2.12:5060 SIP/2.0");
	assert_null(strstr(rig_.text, "\r\nRoute:"));
	rig_pass(10 * USEC_PER_SEC);
	/* Bob hangs up. */
	snprintf(text, sizeof(text),
		 "BYE sip:101@192.0.2.11:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.12:5060;branch=z9hG4bKbye\r\nRoute: "
		 "%s\r\n"
		 "From: <sip:102@example.com>;tag=bt\r\nTo: <sip:101@example.com>;tag=from\r\nCall-ID: c1\r\nCSeq: 1 "
		 "BYE\r\n"
		 "Max-Forwards: 70\r\n\r\n",
		 route);
	rig_say(bob, text);
	rig_copy(rig_take(alice), invite, sizeof(invite));
	rig_assert_start(invite, "BYE sip:101@192.0.2.11:5060 SIP/2.0");
	rig_answer_request(alice, invite, 200, "", "", "");
	rig_assert_start(rig_take(bob), "SIP/2.0 200 OK");
	rig_pass(USEC_PER_SEC);
	assert_int_equal(rig_.call_n, 1);
	const struct call_record *r = &rig_.calls[0];
	assert_str(r->caller, "sip:101@example.com");
	assert_str(r->callee, "sip:102@example.com");
	assert_str(r->service, "pbx");
	assert_str(r->cause, "callee hung up");
	assert_str(r->legs[1].codec, "PCMA/8000");
	assert_str(r->legs[1].remote, "192.0.2.12:5060");
	assert_str(r->target, "sip:102@192.0.2.12:5060");
	assert_int_equal(r->session.n, 32);
	assert_int_equal(r->status, 200);
	assert_int_equal(r->ring - r->start, 300 * USEC_PER_MS);
	assert_int_equal(r->answer - r->ring, 2 * USEC_PER_SEC);
	assert_int_equal(r->end - r->answer, 10 * USEC_PER_SEC);
	struct pbx_server_stats stats;
	rig_pass(60 * USEC_PER_SEC);
	pbx_server_stats(rig_.servers[0], &stats);
	assert_int_equal(stats.jobs, 0);
}

static void all_phones_ring_and_the_first_to_answer_wins(void **state)
{
	char one[4000], two[4000];

	(void)state;
	rig_run();
	rig_register(bob, "102");
	rig_register(bob2, "102");
	call("sip:102@example.com", "c2");
	rig_copy(rig_take(bob), one, sizeof(one));
	rig_copy(rig_take(bob2), two, sizeof(two));
	rig_assert_start(one, "INVITE ");
	rig_assert_start(two, "INVITE ");
	rig_answer_request(bob, one, 180, "b1", "", "");
	rig_answer_request(bob2, two, 180, "b2", "", "");
	rig_assert_start(rig_take(alice), "SIP/2.0 180 ");
	rig_assert_start(rig_take(alice), "SIP/2.0 180 ");
	rig_answer_request(bob2, two, 200, "b2", "Contact: <sip:102@192.0.2.13:5070>", OFFER);
	rig_assert_start(rig_take(alice), "SIP/2.0 200 ");
	rig_assert_start(rig_take(bob), "CANCEL sip:102@192.0.2.12:5060 SIP/2.0");
	rig_assert_has(rig_.text, "Reason: SIP;cause=200;text=\"Call completed elsewhere\"");
	rig_answer_request(bob, one, 487, "b1", "", "");
	assert_string_equal(rig_take(alice), "");
	rig_assert_start(rig_take(bob), "ACK ");
	rig_pass(60 * USEC_PER_SEC);
	struct pbx_server_stats stats;
	pbx_server_stats(rig_.servers[0], &stats);
	assert_int_equal(stats.jobs, 0);
}

static void the_best_of_several_refusals_is_given(void **state)
{
	static const struct {
		int one, two;
		const char *best;
	} list[] = { { 486, 503, "SIP/2.0 486 " }, { 408, 486, "SIP/2.0 486 " }, { 404, 415, "SIP/2.0 415 " },
		     { 500, 302, "SIP/2.0 302 " }, { 503, 503, "SIP/2.0 500 " }, { 480, 401, "SIP/2.0 401 " } };
	char one[4000], two[4000], id[20];

	(void)state;
	rig_run();
	rig_register(bob, "102");
	rig_register(bob2, "102");
	for (unsigned i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		snprintf(id, sizeof(id), "best%u", i);
		rig_forget_sent();
		call("sip:102@example.com", id);
		rig_copy(rig_take(bob), one, sizeof(one));
		rig_copy(rig_take(bob2), two, sizeof(two));
		rig_answer_request(bob, one, list[i].one, "b1", "", "");
		assert_string_equal(rig_take(alice), "");
		rig_answer_request(bob2, two, list[i].two, "b2", "", "");
		rig_assert_start(rig_take(alice), list[i].best);
		ack_refusal(alice, "101", "sip:102@example.com", id, 2);
	}
}

static void a_6xx_ends_the_search(void **state)
{
	char one[4000], two[4000];

	(void)state;
	rig_run();
	rig_register(bob, "102");
	rig_register(bob2, "102");
	call("sip:102@example.com", "c6");
	rig_copy(rig_take(bob), one, sizeof(one));
	rig_copy(rig_take(bob2), two, sizeof(two));
	rig_answer_request(bob2, two, 180, "b2", "", "");
	(void)rig_take(alice);
	rig_answer_request(bob, one, 603, "b1", "", "");
	(void)rig_take(bob2);
	rig_assert_start(rig_.text, "CANCEL ");
	rig_answer_request(bob2, two, 487, "b2", "", "");
	rig_assert_start(rig_take(alice), "SIP/2.0 603 ");
}

static void the_caller_gives_up(void **state)
{
	char invite[4000];

	(void)state;
	rig_run();
	rig_register(bob, "102");
	call("sip:102@example.com", "cc");
	rig_copy(rig_take(bob), invite, sizeof(invite));
	rig_answer_request(bob, invite, 180, "b", "", "");
	(void)rig_take(alice);
	rig_say(alice,
		"CANCEL sip:102@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKicc2\r\n"
		"From: <sip:101@example.com>;tag=from\r\nTo: <sip:102@example.com>\r\nCall-ID: cc\r\nCSeq: 2 CANCEL\r\n"
		"Reason: SIP;cause=999\r\nMax-Forwards: 70\r\n\r\n");
	rig_assert_start(rig_take(alice), "SIP/2.0 200 ");
	rig_assert_start(rig_take(bob), "CANCEL ");
	rig_assert_has(rig_.text, "Reason: SIP;cause=999");
	rig_answer_request(bob, invite, 487, "b", "", "");
	rig_assert_start(rig_take(alice), "SIP/2.0 487 ");
	rig_pass(USEC_PER_SEC);
	assert_str(rig_.calls[0].cause, "caller gave up");
	assert_int_equal(rig_.calls[0].status, 487);
}

static void nobody_answers(void **state)
{
	(void)state;
	rig_run();
	rig_register(bob, "102");
	call("sip:102@example.com", "silent");
	rig_pass(33 * USEC_PER_SEC);
	for (const char *t; (t = rig_take(alice))[0];)
		if (strncmp(t, "SIP/2.0 100", 11) != 0) {
			rig_assert_start(t, "SIP/2.0 408 ");
			return;
		}
	fail();
}

static void users_who_are_not_there_or_not_at_all(void **state)
{
	(void)state;
	rig_run();
	call("sip:103@example.com", "away");
	rig_assert_start(rig_take(alice), "SIP/2.0 480 ");
	call("sip:104@example.com", "unknown");
	rig_assert_start(rig_take(alice), "SIP/2.0 404 ");
}

static void an_account_that_was_just_made_is_known(void **state)
{
	struct keeper_answer changed = { .kind = KEEPER_CHANGED, .why = "" };

	(void)state;
	rig_run();
	call("sip:104@example.com", "before");
	rig_assert_start(rig_take(alice), "SIP/2.0 404 ");
	rig_.accounts[4] = (struct rig_account){ "104", "pw104" };
	rig_deliver(0, &changed);
	call("sip:104@example.com", "after");
	rig_assert_start(rig_take(alice), "SIP/2.0 480 ");
}

static void names_are_looked_up(void **state)
{
	static const struct pbx_trust proxy = { { .family = 4, .ip = { 192, 0, 2, 12 } }, 32 };

	(void)state;
	rig_.config.auth = false;
	rig_.config.trusts = &proxy; /* who may say any Path */
	rig_.config.trust_n = 1;
	rig_run();
	rig_register_once(bob, "102", 1,
			  "Contact: <sip:102@known.example:5080>\r\nPath: <sip:known.example:5080;lr>\r\n"
			  "Supported: path\r\n");
	rig_register_once(bob, "103", 1,
			  "Contact: <sip:103@lost.example>\r\nPath: <sip:lost.example;lr>\r\nSupported: path\r\n");
	(void)rig_take(bob);
	rig_assert_start(rig_take(bob), "SIP/2.0 200 ");
	(void)ask("OPTIONS", "sip:102@example.com", "");
	rig_assert_start(rig_take(rig_addr(77, 5080)), "OPTIONS sip:102@known.example:5080 SIP/2.0");
	rig_assert_start(ask("OPTIONS", "sip:103@example.com", ""), "SIP/2.0 480 ");
}

static const str relayed[] = { STR_INIT("two.example") };
static const struct addr server_one = { .family = 4, .port = 5060, .ip = { 192, 0, 2, 77 } };
static const struct addr server_two = { .family = 4, .port = 5060, .ip = { 192, 0, 2, 78 } };

static void run_relaying(void)
{
	rig_.config.relay_domains = relayed;
	rig_.config.relay_domain_n = 1;
	rig_run();
}

static void users_may_call_the_domains_that_are_named_and_strangers_none(void **state)
{
	(void)state;
	run_relaying();
	call("sip:y@TWO.example", "d1");
	rig_assert_start(rig_take(server_one), "INVITE sip:y@TWO.example SIP/2.0");
	rig_forget_sent();
	call("sip:y@known.example", "d2");
	rig_assert_start(rig_take(alice), "SIP/2.0 403 Not Our Domain");
	invite_from(stranger, "x", "elsewhere.example", "sip:y@two.example", "d3", 1, "");
	rig_assert_start(rig_take(stranger), "SIP/2.0 403 Not Our Domain");
}

static void after_503_the_next_server_is_tried_and_the_first_avoided(void **state)
{
	char invite[4000];

	(void)state;
	run_relaying();
	call("sip:y@two.example", "e1");
	rig_copy(rig_take(server_one), invite, sizeof(invite));
	rig_answer_request(server_one, invite, 503, "t1", "", "");
	rig_copy(rig_take(server_two), invite, sizeof(invite));
	rig_assert_start(invite, "INVITE sip:y@two.example SIP/2.0");
	rig_answer_request(server_two, invite, 503, "t2", "", "");
	rig_forget_sent();
	call("sip:y@two.example", "e2");
	/* both have failed, so both are as good; a third would have been better */
	rig_assert_start(rig_take(server_one), "INVITE ");
}

static void beside_a_silent_server_the_next_is_tried_and_the_first_to_answer_wins(void **state)
{
	char one[4000], two[4000];

	(void)state;
	run_relaying();
	call("sip:y@two.example", "f1");
	rig_copy(rig_take(server_one), one, sizeof(one));
	rig_pass(PBX_HEDGE_INVITE - USEC_PER_MS);
	assert_string_equal(rig_take(server_two), "");
	rig_pass(2 * USEC_PER_MS);
	rig_copy(rig_take(server_two), two, sizeof(two));
	rig_assert_start(two, "INVITE ");
	rig_answer_request(server_two, two, 180, "t2", "", "");
	rig_answer_request(server_one, one, 180, "t1", "", "");
	rig_forget_sent();
	rig_answer_request(server_one, one, 180, "t1", "", ""); /* too late: it has been told CANCEL */
	rig_answer_request(server_two, two, 486, "t2", "", "");
	rig_assert_start(rig_take(alice), "SIP/2.0 486 ");
}

static void a_server_that_wants_to_be_left_alone_for_a_while_is(void **state)
{
	char invite[4000];

	(void)state;
	run_relaying();
	call("sip:y@two.example", "m1");
	rig_copy(rig_take(server_one), invite, sizeof(invite));
	rig_answer_request(server_one, invite, 503, "t1", "Retry-After: 300 (lunch)", "");
	rig_copy(rig_take(server_two), invite, sizeof(invite));
	rig_answer_request(server_two, invite, 486, "t2", "", "");
	rig_pass(200 * USEC_PER_SEC); /* more than an ordinary failure counts */
	rig_forget_sent();
	call("sip:y@two.example", "m2");
	rig_copy(rig_take(server_two), invite, sizeof(invite));
	rig_assert_start(invite, "INVITE ");
	rig_answer_request(server_two, invite, 486, "t3", "", "");
	rig_pass(150 * USEC_PER_SEC);
	rig_forget_sent();
	call("sip:y@two.example", "m3");
	rig_assert_start(rig_take(server_one), "INVITE ");
}

static void beside_a_connection_that_does_not_come_up_the_next_is_tried_after_250_ms(void **state)
{
	uint32_t first;

	(void)state;
	run_relaying();
	rig_.hold_streams = true;
	call("sip:y@two.example;transport=tcp", "h1");
	first = rig_.opened;
	assert_int_not_equal(first, 0);
	rig_pass(PBX_HEDGE_OPEN - USEC_PER_MS);
	assert_int_equal(rig_.opened, first);
	rig_.hold_streams = false;
	rig_pass(2 * USEC_PER_MS);
	assert_int_not_equal(rig_.opened, first);
	rig_assert_start(rig_take_stream(rig_.opened), "INVITE sip:y@two.example;transport=tcp SIP/2.0");
}

static void a_connection_that_is_up_has_the_time_of_an_answer(void **state)
{
	uint32_t first;

	(void)state;
	run_relaying();
	call("sip:y@two.example;transport=tcp", "i1");
	first = rig_.opened;
	rig_assert_start(rig_take_stream(first), "INVITE ");
	rig_pass(PBX_HEDGE_OPEN + PBX_HEDGE_INVITE - USEC_PER_MS);
	assert_int_equal(rig_.opened, first);
	rig_pass(2 * USEC_PER_MS);
	assert_int_not_equal(rig_.opened, first);
}

static void a_domain_that_is_not_there_is_404_and_a_name_server_that_is_silent_504(void **state)
{
	static const str any[] = { STR_INIT("nowhere.example") };

	(void)state;
	rig_.config.relay_domains = any;
	rig_.config.relay_domain_n = 1;
	rig_run();
	call("sip:y@nowhere.example", "k1");
	rig_assert_start(rig_take(alice), "SIP/2.0 404 ");
	rig_pass(60 * USEC_PER_SEC); /* what was not there is not asked again at once */
	rig_forget_sent();
	rig_.dns_err = ERR_TIMEOUT;
	call("sip:y@nowhere.example", "k2");
	rig_assert_start(rig_take(alice), "SIP/2.0 504 ");
	rig_pass(60 * USEC_PER_SEC);
	rig_forget_sent();
	rig_.dns_err = ERR_IO;
	call("sip:y@nowhere.example", "k3");
	rig_assert_start(rig_take(alice), "SIP/2.0 504 ");
	rig_forget_sent();
	call("sip:y@nowhere.example;transport=ws", "k4"); /* nothing here speaks it */
	rig_assert_start(rig_take(alice), "SIP/2.0 480 ");
}

/* RFC 4320 4.2: 32 s after it came nothing can be answered any more, while the second phone has been asked for less. */
static void a_request_whose_time_is_over_leaves_nothing_behind(void **state)
{
	struct pbx_server_stats stats;

	(void)state;
	rig_.config.auth = false;
	rig_run();
	rig_register_once(bob, "102", 1, "Contact: <sip:102@192.0.2.12:5060>;q=1\r\n");
	rig_register_once(bob2, "102", 2, "Contact: <sip:102@192.0.2.13:5070>;q=0.5\r\n");
	rig_forget_sent();
	ask("MESSAGE", "sip:102@example.com", "");
	rig_assert_start(rig_take(bob), "MESSAGE ");
	rig_pass(31 * USEC_PER_SEC);
	rig_assert_start(rig_take(bob2), "MESSAGE ");
	rig_pass(100 * USEC_PER_SEC);
	pbx_server_stats(rig_.servers[0], &stats);
	assert_int_equal(stats.jobs, 0);
}

/* One place, which is not there: its sender is told, and does not wait for half a minute. */
static void what_cannot_be_delivered_is_answered(void **state)
{
	struct host_event gone = { .kind = HOST_UNREACHABLE, .transport = TRANSPORT_UDP, .remote = bob };
	char text[1000];

	(void)state;
	rig_.config.auth = false;
	rig_run();
	gone.id = rig_.config.id_first;
	rig_register(bob, "102");
	ask("MESSAGE", "sip:102@example.com", "");
	rig_assert_start(rig_take(bob), "MESSAGE ");
	rig_.services[0].recv(rig_.services[0].self, &gone, rig_.now);
	rig_settle();
	rig_assert_start(rig_take(stranger), "SIP/2.0 480 ");
	/* nothing that could even be tried */
	snprintf(text, sizeof(text),
		 "Contact: <sip:103@known.example;transport=sctp>\r\nSupported: path\r\n"
		 "Path: <sip:192.0.2.13;transport=sctp;lr>\r\n");
	rig_register_once(bob2, "103", 1, text);
	rig_assert_start(rig_take(bob2), "SIP/2.0 200 ");
	rig_assert_start(ask("MESSAGE", "sip:103@example.com", ""), "SIP/2.0 480 ");
}

/* RFC 3261 22.3: ours stays, the next proxy's reaches it. */
static void credentials_for_another_proxy_go_on(void **state)
{
	static const char other[] = "Proxy-Authorization: Digest username=\"a\", realm=\"known.example\", "
				    "nonce=\"n\", uri=\"sip:x@known.example\", response=\"1\"\r\n";
	struct addr known = { .family = 4, .port = 5060, .ip = { 192, 0, 2, 77 } };
	char answer[3000], lines[1500];

	(void)state;
	rig_.config.relay_any = true;
	rig_run();
	invite_from(alice, "101", "example.com", "sip:x@known.example", "cr", 1, "");
	rig_copy(rig_take(alice), answer, sizeof(answer));
	ack_refusal(alice, "101", "sip:x@known.example", "cr", 1);
	rig_authorize(answer, "101", "pw101", "INVITE", "sip:x@known.example", lines, sizeof(lines));
	strcat(lines, other);
	invite_from(alice, "101", "example.com", "sip:x@known.example", "cr", 2, lines);
	rig_assert_start(rig_take(known), "INVITE sip:x@known.example ");
	rig_assert_has(rig_.text, other);
	assert_null(strstr(rig_.text, "realm.test"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_call_goes_through_and_leaves_a_record),
		T(a_server_that_wants_to_be_left_alone_for_a_while_is),
		T(beside_a_connection_that_does_not_come_up_the_next_is_tried_after_250_ms),
		T(a_connection_that_is_up_has_the_time_of_an_answer),
		T(a_domain_that_is_not_there_is_404_and_a_name_server_that_is_silent_504),
		T(all_phones_ring_and_the_first_to_answer_wins),
		T(the_best_of_several_refusals_is_given),
		T(a_6xx_ends_the_search),
		T(the_caller_gives_up),
		T(nobody_answers),
		T(users_who_are_not_there_or_not_at_all),
		T(an_account_that_was_just_made_is_known),
		T(names_are_looked_up),
		T(users_may_call_the_domains_that_are_named_and_strangers_none),
		T(after_503_the_next_server_is_tried_and_the_first_avoided),
		T(beside_a_silent_server_the_next_is_tried_and_the_first_to_answer_wins),
		T(a_request_whose_time_is_over_leaves_nothing_behind),
		T(credentials_for_another_proxy_go_on),
		T(what_cannot_be_delivered_is_answered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
