#include "pbx/test_rig.h"

static struct addr alice, bob, bob2, edge, stranger;

static int setup(void **state)
{
	(void)state;
	rig_init();
	alice = rig_addr(11, 5060);
	bob = rig_addr(12, 5060);
	bob2 = rig_addr(13, 5070);
	edge = rig_addr(20, 5060);
	stranger = rig_addr(99, 5060);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_end();
	return 0;
}

/* ---- registrar ---- */

static void who_registers_is_challenged_and_then_bound(void **state)
{
	char answer[3000], lines[900];

	(void)state;
	rig_run();
	rig_register_once(bob, "102", 1, "Contact: <sip:102@192.0.2.12:5060>\r\nUser-Agent: tandem/1\r\n");
	snprintf(answer, sizeof(answer), "%s", rig_take(bob));
	rig_assert_start(answer, "SIP/2.0 401 Unauthorized");
	rig_assert_has(answer, "algorithm=SHA-256");
	rig_assert_has(answer, "algorithm=MD5");
	rig_assert_has(answer, "realm=\"realm.test\"");
	rig_authorize(answer, "102", "pw102", "REGISTER", "sip:example.com", lines, sizeof(lines));
	strcat(lines, "Contact: <sip:102@192.0.2.12:5060;ob>;x=y;q=0.5\r\n");
	rig_register_once(bob, "102", 2, lines);
	snprintf(answer, sizeof(answer), "%s", rig_take(bob));
	rig_assert_start(answer, "SIP/2.0 200 OK");
	rig_assert_has(answer, "Contact: <sip:102@192.0.2.12:5060;ob>;x=y;q=0.500;expires=3600");
	assert_true(rig_.contacts[0].used);
	assert_str(rig_.contacts[0].row->aor, "sip:102@example.com");
}

static void who_may_know_md5_only_is_offered_no_more_unless_that_is_forbidden(void **state)
{
	(void)state;
	rig_run();
	rig_register_once(bob, "102", 1, "User-Agent: baresip v1.0.0 (x86_64/linux)\r\n");
	rig_assert_has(rig_take(bob), "algorithm=MD5");
	assert_null(strstr(rig_.text, "SHA-256"));
	rig_stop_servers();
	rig_.config.md5 = false;
	rig_run();
	rig_register_once(bob, "102", 1, "User-Agent: baresip v1.0.0 (x86_64/linux)\r\n");
	rig_assert_has(rig_take(bob), "algorithm=SHA-256");
	assert_null(strstr(rig_.text, "MD5"));
}

static void our_address_without_our_odd_port_is_still_us(void **state)
{
	static const struct pbx_listener odd = {
		.transport = TRANSPORT_UDP,
		.local = { .family = 4, .port = 5070, .ip = { 192, 0, 2, 1 } },
	};
	static const struct {
		const char *uri, *answer;
	} cases[] = {
		{ "sip:192.0.2.1", "SIP/2.0 401 " },
		{ "sip:192.0.2.1:5070", "SIP/2.0 401 " },
		{ "sip:192.0.2.1:5060", "SIP/2.0 407 " }, /* somebody else's registrar */
		{ "sip:192.0.2.2", "SIP/2.0 407 " },
	};
	char text[1000];

	(void)state;
	rig_.config.listeners = &odd;
	rig_.config.listener_n = 1;
	rig_run();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text),
			 "REGISTER %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.12:5060;branch=z9hG4bKodd%zu\r\n"
			 "From: <sip:102@192.0.2.1>;tag=1\r\nTo: <sip:102@192.0.2.1>\r\nCall-ID: odd%zu\r\n"
			 "CSeq: 1 REGISTER\r\nMax-Forwards: 70\r\nContact: <sip:102@192.0.2.12>\r\n"
			 "Content-Length: 0\r\n\r\n",
			 cases[i].uri, i, i);
		rig_say(bob, text);
		rig_assert_start(rig_take(bob), cases[i].answer);
	}
}

static void the_200_waits_for_the_keeper(void **state)
{
	(void)state;
	rig_.config.auth = false;
	rig_run();
	rig_.hold = true;
	rig_register_once(bob, "102", 1, "Contact: <sip:102@192.0.2.12>\r\n");
	rig_register_once(bob, "102", 2, "Contact: <sip:102@192.0.2.12>\r\n"); /* behind it */
	rig_pass(USEC_PER_SEC);
	assert_int_equal(rig_waiting(), 0);
	rig_.hold = false;
	rig_settle();
	rig_assert_start(rig_take(bob), "SIP/2.0 200 OK");
	rig_assert_start(rig_take(bob), "SIP/2.0 200 OK");
}

static void a_change_of_two_parts_waits_for_both(void **state)
{
	(void)state;
	rig_.config.auth = false;
	rig_run();
	rig_register_once(bob, "102", 1, "Contact: <sip:102@192.0.2.12>\r\n");
	rig_assert_start(rig_take(bob), "SIP/2.0 200 OK");
	rig_.hold = true;
	rig_register_once(bob, "102", 2, "Contact: <sip:102@192.0.2.12>;expires=0, <sip:102@192.0.2.13>\r\n");
	rig_.hold = false;
	assert_true(rig_answer_one());
	rig_.hold = true;
	rig_settle();
	assert_int_equal(rig_waiting(), 0);
	rig_.hold = false;
	rig_settle();
	rig_assert_start(rig_take(bob), "SIP/2.0 200 OK");
	rig_assert_has(rig_.text, "Contact: <sip:102@192.0.2.13>");
	assert_null(strstr(rig_.text, "192.0.2.12>"));
}

static void a_registration_that_cannot_be_kept_is_503(void **state)
{
	(void)state;
	rig_.config.auth = false;
	rig_run();
	rig_.keeper_err = ERR_FULL;
	rig_register_once(bob, "102", 1, "Contact: <sip:102@192.0.2.12>\r\n");
	rig_assert_start(rig_take(bob), "SIP/2.0 503 ");
	rig_.keeper_err = ERR_NONE;
	rig_register_once(bob, "102", 2, "");
	rig_assert_start(rig_take(bob), "SIP/2.0 200 OK");
	assert_null(strstr(rig_.text, "Contact:"));
}

static void wrong_passwords_and_unknown_names_look_the_same(void **state)
{
	static const char *const names[] = { "102", "nobody", "bad name" };
	char answers[3][3000], lines[900];

	(void)state;
	rig_run();
	for (int i = 0; i < 3; i++) {
		rig_register_once(bob, "102", 10 + (unsigned)i, "Contact: <sip:102@192.0.2.12>\r\n");
		snprintf(answers[0], sizeof(answers[0]), "%s", rig_take(bob));
		rig_authorize(answers[0], names[i], "wrong", "REGISTER", "sip:example.com", lines, sizeof(lines));
		strcat(lines, "Contact: <sip:102@192.0.2.12>\r\n");
		rig_register_once(bob, "102", 20 + (unsigned)i, lines);
		rig_assert_start(rig_take(bob), "SIP/2.0 403 Wrong User Name or Password");
	}
	assert_false(rig_.contacts[0].used);
}

static void nobody_binds_for_another(void **state)
{
	char answer[3000], lines[900];

	(void)state;
	rig_run();
	rig_register_once(bob, "102", 1, "");
	snprintf(answer, sizeof(answer), "%s", rig_take(bob));
	rig_authorize(answer, "101", "pw101", "REGISTER", "sip:example.com", lines, sizeof(lines));
	rig_register_once(bob, "102", 2, lines);
	rig_assert_start(rig_take(bob), "SIP/2.0 403 Not Your Address");
}

static void a_request_is_not_taken_twice_with_one_nonce_count(void **state)
{
	char answer[3000], lines[900];

	(void)state;
	rig_run();
	rig_register_once(bob, "102", 1, "");
	snprintf(answer, sizeof(answer), "%s", rig_take(bob));
	rig_authorize(answer, "102", "pw102", "REGISTER", "sip:example.com", lines, sizeof(lines));
	rig_register_once(bob, "102", 2, lines);
	rig_assert_start(rig_take(bob), "SIP/2.0 200 OK");
	rig_register_once(stranger, "102", 3, lines);
	rig_assert_start(rig_take(stranger), "SIP/2.0 401 ");
	rig_assert_has(rig_.text, "stale=true");
}

static void an_old_nonce_is_stale_not_wrong(void **state)
{
	char answer[3000], lines[900];

	(void)state;
	rig_run();
	rig_register_once(bob, "102", 1, "");
	snprintf(answer, sizeof(answer), "%s", rig_take(bob));
	rig_authorize(answer, "102", "pw102", "REGISTER", "sip:example.com", lines, sizeof(lines));
	rig_pass(3600 * USEC_PER_SEC);
	rig_register_once(bob, "102", 2, lines);
	rig_assert_start(rig_take(bob), "SIP/2.0 401 ");
	rig_assert_has(rig_.text, "stale=true");
}

static void bindings_follow_10_3(void **state)
{
	(void)state;
	rig_.config.auth = false;
	rig_run();
	rig_register_once(bob, "102", 1,
			  "Contact: <sip:102@192.0.2.12>, <sip:102@192.0.2.13>;q=0.1\r\nExpires: 100\r\n");
	rig_assert_start(rig_take(bob), "SIP/2.0 200 OK");
	rig_assert_has(rig_.text, "<sip:102@192.0.2.12>;expires=100");
	rig_assert_has(rig_.text, "<sip:102@192.0.2.13>;q=0.100;expires=100");
	rig_register_once(bob, "102", 1, "Contact: <sip:102@192.0.2.12>\r\nX: not a repeat\r\n");
	(void)rig_take(bob); /* the same transaction: the same answer */
	rig_pass(40 * USEC_PER_SEC);
	rig_register_once(bob, "102", 1, "Contact: <sip:102@192.0.2.12>\r\n"); /* same Call-ID, CSeq not higher */
	rig_assert_start(rig_take(bob), "SIP/2.0 500 ");
	rig_register_once(bob, "102", 2, "Contact: <sip:102@192.0.2.12>;expires=59\r\n");
	rig_assert_start(rig_take(bob), "SIP/2.0 423 ");
	rig_assert_has(rig_.text, "Min-Expires: 60");
	rig_register_once(bob, "102", 3, "Contact: <sip:%3102@192.0.2.13>;expires=0\r\n"); /* equal by 19.1.4 */
	rig_assert_start(rig_take(bob), "SIP/2.0 200 OK");
	assert_null(strstr(rig_.text, "192.0.2.13>"));
	rig_register_once(bob, "102", 4, "Contact: *\r\nExpires: 1\r\n");
	rig_assert_start(rig_take(bob), "SIP/2.0 400 ");
	rig_register_once(bob, "102", 5, "Contact: *\r\nExpires: 0\r\n");
	rig_assert_start(rig_take(bob), "SIP/2.0 200 OK");
	assert_null(strstr(rig_.text, "\r\nContact:"));
	assert_false(rig_.contacts[0].used || rig_.contacts[1].used);
}

static void bindings_expire(void **state)
{
	(void)state;
	rig_.config.auth = false;
	rig_run();
	rig_register(bob, "102");
	rig_pass(599 * USEC_PER_SEC);
	rig_register_once(bob, "102", 9001, "");
	rig_assert_has(rig_take(bob), "expires=1\r\n");
	rig_pass(2 * USEC_PER_SEC);
	rig_register_once(bob, "102", 9002, "");
	rig_take(bob);
	assert_null(strstr(rig_.text, "\r\nContact:"));
}

static void path_is_kept_and_given_back(void **state)
{
	(void)state;
	rig_.config.auth = false;
	rig_run();
	rig_register_once(bob, "102", 1, "Contact: <sip:102@10.0.0.1>\r\nPath: <sip:p@192.0.2.50;lr>\r\n");
	rig_assert_start(rig_take(bob), "SIP/2.0 420 ");
	rig_register_once(bob, "102", 2,
			  "Contact: <sip:102@10.0.0.1>\r\nPath: <sip:p@192.0.2.50;lr>\r\nSupported: path\r\n");
	rig_assert_start(rig_take(bob), "SIP/2.0 200 OK");
	rig_assert_has(rig_.text, "Path: <sip:p@192.0.2.50;lr>");
	rig_say(stranger,
		"OPTIONS sip:102@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.99;branch=z9hG4bKp1\r\n"
		"From: <sip:x@y.example>;tag=1\r\nTo: <sip:102@example.com>\r\nCall-ID: p1\r\nCSeq: 1 OPTIONS\r\n\r\n");
	rig_assert_start(rig_take(rig_addr(50, 5060)), "OPTIONS sip:102@10.0.0.1 SIP/2.0");
	rig_assert_has(rig_.text, "Route: <sip:p@192.0.2.50;lr>");
}

static void what_was_acknowledged_survives_a_restart(void **state)
{
	(void)state;
	rig_run();
	rig_register(bob, "102");
	rig_register(bob2, "102");
	rig_register(alice, "101");
	rig_stop_servers();
	rig_run();
	struct pbx_server_stats stats;
	pbx_server_stats(rig_.servers[0], &stats);
	assert_int_equal(stats.contacts, 3);
}

/* ---- calls ---- */

#define OFFER "v=0\r\no=- 1 1 IN IP4 192.0.2.11\r\ns=-\r\nc=IN IP4 192.0.2.11\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"

static void invite_from(struct addr from, const char *user, const char *domain, const char *to, const char *call_id,
			unsigned cseq, const char *lines)
{
	char text[4000];

	snprintf(text, sizeof(text),
		 "INVITE %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.%u:%u;branch=z9hG4bKi%s%u\r\nMax-Forwards: 70\r\n"
		 "From: <sip:%s@%s>;tag=from\r\nTo: <%s>\r\nCall-ID: %s\r\nCSeq: %u INVITE\r\n"
		 "Contact: <sip:%s@192.0.2.%u:%u>\r\n%sContent-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
		 to, from.ip[3], from.port, call_id, cseq, user, domain, to, call_id, cseq, user, from.ip[3], from.port,
		 lines, sizeof(OFFER) - 1, OFFER);
	rig_say(from, text);
}

static void ack_refusal(struct addr from, const char *user, const char *to, const char *call_id, unsigned cseq)
{
	char text[1000];

	snprintf(text, sizeof(text),
		 "ACK %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.%u:%u;branch=z9hG4bKi%s%u\r\nFrom: "
		 "<sip:%s@example.com>;tag=from\r\n"
		 "To: <%s>;tag=x\r\nCall-ID: %s\r\nCSeq: %u ACK\r\nMax-Forwards: 70\r\n\r\n",
		 to, from.ip[3], from.port, call_id, cseq, user, to, call_id, cseq);
	rig_say(from, text);
}

/* Alice's INVITE with the right credentials; what it brings is left to be taken. */
static void call(const char *to, const char *call_id)
{
	char answer[3000], lines[900];

	invite_from(alice, "101", "example.com", to, call_id, 1, "");
	snprintf(answer, sizeof(answer), "%s", rig_take(alice));
	rig_assert_start(answer, "SIP/2.0 407 ");
	ack_refusal(alice, "101", to, call_id, 1);
	rig_authorize(answer, "101", "pw101", "INVITE", to, lines, sizeof(lines));
	invite_from(alice, "101", "example.com", to, call_id, 2, lines);
}

static void a_call_goes_through_and_leaves_a_record(void **state)
{
	char invite[4000], route[400], text[2000];

	(void)state;
	rig_run();
	rig_register(bob, "102");
	call("sip:102@example.com", "c1");
	snprintf(invite, sizeof(invite), "%s", rig_take(bob));
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
	snprintf(invite, sizeof(invite), "%s", rig_take(alice));
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
	snprintf(one, sizeof(one), "%s", rig_take(bob));
	snprintf(two, sizeof(two), "%s", rig_take(bob2));
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
		snprintf(one, sizeof(one), "%s", rig_take(bob));
		snprintf(two, sizeof(two), "%s", rig_take(bob2));
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
	snprintf(one, sizeof(one), "%s", rig_take(bob));
	snprintf(two, sizeof(two), "%s", rig_take(bob2));
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
	snprintf(invite, sizeof(invite), "%s", rig_take(bob));
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

/* ---- who may ---- */

static void strangers_reach_users_only_where_they_may(void **state)
{
	(void)state;
	rig_run();
	rig_register(bob, "102");
	invite_from(stranger, "x", "elsewhere.example", "sip:102@example.com", "s1", 1, "");
	rig_assert_start(rig_take(bob), "INVITE ");
	rig_stop_servers();
	rig_.config.strangers = false;
	rig_run();
	invite_from(stranger, "x", "elsewhere.example", "sip:102@example.com", "s2", 1, "");
	rig_assert_start(rig_take(stranger), "SIP/2.0 407 ");
}

static void the_exchange_relays_for_nobody(void **state)
{
	char lines[300];

	(void)state;
	rig_.config.trunk = STR("edge");
	rig_run();
	rig_register(edge, "edge");
	/* to other domains, by strangers and by users */
	invite_from(stranger, "x", "elsewhere.example", "sip:y@victim.example", "r1", 1, "");
	rig_assert_start(rig_take(stranger), "SIP/2.0 403 Not Our Domain");
	rig_assert_has(rig_.text, "Warning: ");
	call("sip:y@victim.example", "r2");
	rig_assert_start(rig_take(alice), "SIP/2.0 403 ");
	/* through the trunk, by strangers */
	invite_from(stranger, "x", "elsewhere.example", "sip:y@network.example", "r3", 1, "");
	rig_assert_start(rig_take(stranger), "SIP/2.0 403 ");
	invite_from(stranger, "x", "elsewhere.example", "sip:y@example.com", "r4", 1, "");
	rig_assert_start(rig_take(stranger), "SIP/2.0 404 ");
	/* along a Route that we never gave */
	invite_from(stranger, "x", "elsewhere.example", "sip:y@victim.example", "r5", 1,
		    "Route: <sip:example.com;lr>, <sip:192.0.2.66;lr>\r\n");
	rig_assert_start(rig_take(stranger), "SIP/2.0 403 ");
	invite_from(stranger, "x", "elsewhere.example", "sip:102@example.com", "r5b", 1,
		    "Route: <sip:example.com;lr>, <sip:192.0.2.66;lr>\r\n");
	rig_assert_start(rig_take(stranger), "SIP/2.0 403 ");
	snprintf(lines, sizeof(lines), "Route: <sip:AQABAAAAAQQTxMAAAkIAAAAAAAAAAAAAAAAA@192.0.2.1:5060;lr>\r\n");
	invite_from(stranger, "x", "elsewhere.example", "sip:y@192.0.2.66", "r6", 1, lines);
	rig_assert_start(rig_take(stranger), "SIP/2.0 403 ");
	rig_pass(USEC_PER_SEC);
	for (size_t i = 0; i < rig_.sent_n; i++) /* refusals are repeated, to them alone */
		assert_true(addr_eq(&rig_.sent[i].to, &stranger) || addr_eq(&rig_.sent[i].to, &alice) ||
			    addr_eq(&rig_.sent[i].to, &edge));
	assert_string_equal(rig_take(edge), "");
	/* as someone else */
	rig_forget_sent();
	char answer[3000], auth[900];
	invite_from(alice, "102", "example.com", "sip:103@example.com", "r7", 1, "");
	snprintf(answer, sizeof(answer), "%s", rig_take(alice));
	rig_authorize(answer, "101", "pw101", "INVITE", "sip:103@example.com", auth, sizeof(auth));
	invite_from(alice, "102", "example.com", "sip:103@example.com", "r7", 2, auth);
	rig_assert_start(rig_take(alice), "SIP/2.0 403 From Is Not Your Address");
}

static void unknown_names_and_networks_go_to_the_trunk(void **state)
{
	(void)state;
	rig_.config.trunk = STR("edge");
	rig_run();
	call("sip:bob@network.example", "t0");
	rig_assert_start(rig_take(alice), "SIP/2.0 480 The Trunk Is Not Connected");
	rig_register(edge, "edge");
	call("sip:bob@network.example", "t1");
	rig_assert_start(rig_take(edge), "INVITE sip:bob@network.example SIP/2.0");
	call("sip:alice@example.com", "t2");
	rig_assert_start(rig_take(edge), "INVITE sip:alice@example.com SIP/2.0");
	call("sip:103@example.com", "t3"); /* a user who is away stays away */
	rig_take(alice);
	while (!strncmp(rig_.text, "SIP/2.0 100", 11))
		rig_take(alice);
	rig_assert_start(rig_.text, "SIP/2.0 480 ");
}

static void the_trunk_may_call_users_in_anyones_name(void **state)
{
	char answer[3000], lines[900];

	(void)state;
	rig_.config.trunk = STR("edge");
	rig_.config.strangers = false;
	rig_run();
	rig_register(edge, "edge");
	rig_register(bob, "102");
	invite_from(edge, "alice", "network.example", "sip:102@example.com", "e1", 1, "");
	snprintf(answer, sizeof(answer), "%s", rig_take(edge));
	rig_authorize(answer, "edge", "pwedge", "INVITE", "sip:102@example.com", lines, sizeof(lines));
	invite_from(edge, "alice", "network.example", "sip:102@example.com", "e1", 2, lines);
	rig_assert_start(rig_take(bob), "INVITE ");
	/* but not back to itself */
	invite_from(edge, "alice", "network.example", "sip:nobody@example.com", "e2", 1, "");
	snprintf(answer, sizeof(answer), "%s", rig_take(edge));
	rig_authorize(answer, "edge", "pwedge", "INVITE", "sip:nobody@example.com", lines, sizeof(lines));
	invite_from(edge, "alice", "network.example", "sip:nobody@example.com", "e2", 2, lines);
	rig_assert_start(rig_take(edge), "SIP/2.0 404 ");
}

/* ---- a proxy's manners ---- */

static const char *ask(const char *method, const char *uri, const char *lines)
{
	static unsigned n;
	char text[2000];

	n++;
	snprintf(text, sizeof(text),
		 "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.99:5060;branch=z9hG4bKq%u\r\nFrom: "
		 "<sip:x@y.example>;tag=1\r\n"
		 "To: <sip:102@example.com>\r\nCall-ID: q%u\r\nCSeq: 1 %s\r\n%s\r\n",
		 method, uri, n, n, method, lines);
	rig_say(stranger, text);
	return rig_take(stranger);
}

static void requests_are_refused_for_the_right_reason(void **state)
{
	(void)state;
	rig_run();
	rig_assert_start(ask("OPTIONS", "sip:example.com", ""), "SIP/2.0 200 OK");
	rig_assert_has(rig_.text, "Allow: INVITE");
	rig_assert_has(rig_.text, "Accept: application/sdp");
	rig_assert_start(ask("OPTIONS", "sip:192.0.2.1:5060", ""), "SIP/2.0 200 OK");
	rig_assert_start(ask("OPTIONS", "sip:192.0.2.1:5061", ""), "SIP/2.0 403 ");
	rig_assert_start(ask("MESSAGE", "sip:example.com", ""), "SIP/2.0 405 ");
	rig_assert_has(rig_.text, "Allow: OPTIONS, REGISTER");
	rig_assert_start(ask("FROBNICATE", "sip:example.com", ""), "SIP/2.0 501 ");
	rig_assert_start(ask("INVITE", "sip:example.com", ""), "SIP/2.0 484 ");
	rig_assert_start(ask("OPTIONS", "http://example.com/", ""), "SIP/2.0 416 ");
	rig_assert_start(ask("OPTIONS", "sip:102@example.com", "Max-Forwards: 0\r\n"), "SIP/2.0 483 ");
	rig_assert_start(ask("OPTIONS", "sip:102@example.com", "Proxy-Require: a, b\r\n"), "SIP/2.0 420 ");
	rig_assert_has(rig_.text, "Unsupported: a, b");
	rig_assert_start(ask("OPTIONS", "sip:example.com", "Require: c\r\n"), "SIP/2.0 420 ");
	rig_assert_start(ask("REGISTER", "sip:elsewhere.example", ""), "SIP/2.0 403 ");
	rig_assert_start(ask("REGISTER", "sip:example.com", "Require: c\r\n"), "SIP/2.0 420 ");
	rig_assert_start(ask("OPTIONS", "sip:102@example.com", "CSeq: 2 OPTIONS\r\n"), "SIP/2.0 400 ");
}

static void a_loop_is_found_and_a_spiral_is_not_one(void **state)
{
	char looped[4000], via[300], text[5000];

	(void)state;
	rig_run();
	rig_register(bob, "102");
	rig_say(stranger,
		"OPTIONS sip:102@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.99;branch=z9hG4bKl1\r\n"
		"From: <sip:x@y.example>;tag=1\r\nTo: <sip:102@example.com>\r\nCall-ID: l1\r\nCSeq: 1 OPTIONS\r\n\r\n");
	snprintf(looped, sizeof(looped), "%s", rig_take(bob));
	rig_header(looped, "Via", via, sizeof(via));
	for (int loop = 0; loop < 2; loop++) {
		snprintf(text, sizeof(text),
			 "OPTIONS sip:%s@example.com SIP/2.0\r\nVia: SIP/2.0/UDP "
			 "192.0.2.12:5060;branch=z9hG4bKl2%d\r\nVia: %s\r\n"
			 "Via: SIP/2.0/UDP 192.0.2.99;branch=z9hG4bKl1\r\nFrom: <sip:x@y.example>;tag=1\r\n"
			 "To: <sip:102@example.com>\r\nCall-ID: l1\r\nCSeq: 1 OPTIONS\r\n\r\n",
			 loop ? "102" : "103", loop, via);
		rig_say(bob, text);
		rig_assert_start(rig_take(bob), loop ? "SIP/2.0 482 " : "SIP/2.0 480 ");
	}
}

static void names_are_looked_up(void **state)
{
	(void)state;
	rig_.config.auth = false;
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

/* A phone on TCP is called, and later hung up on, over the connection that it opened. */
static void a_phone_behind_a_connection_is_reached_through_it(void **state)
{
	struct addr nat = rig_addr(40, 33333);
	char invite[4000], route[600], text[3000];
	struct sip_frame f = { 0 };

	(void)state;
	(void)f;
	rig_.config.auth = false;
	rig_run();
	rig_accept(RIG_STREAM, nat);
	rig_bytes(
		RIG_STREAM, nat,
		"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.5;branch=z9hG4bKt1\r\n"
		"From: <sip:102@example.com>;tag=1\r\nTo: <sip:102@example.com>\r\nCall-ID: t1\r\nCSeq: 1 REGISTER\r\n"
		"Contact: <sip:102@10.0.0.5;transport=tcp>\r\nContent-Length: 0\r\n\r\n");
	rig_assert_start(rig_take_stream(RIG_STREAM), "SIP/2.0 200 OK");
	invite_from(alice, "101", "example.com", "sip:102@example.com", "tcp1", 1, "");
	snprintf(invite, sizeof(invite), "%s", rig_take_stream(RIG_STREAM));
	rig_assert_start(invite, "INVITE sip:102@10.0.0.5;transport=tcp SIP/2.0");
	/* RFC 5658: one Record-Route for each side */
	rig_assert_has(invite, "@192.0.2.1:5060;transport=tcp;lr>\r\nRecord-Route: <sip:");
	rig_header(invite, "Record-Route", route, sizeof(route));
	static char answer[6000];
	char block[SIP_MSG_ARENA];
	struct arena arena;
	struct sip_msg m;
	struct buf b;
	struct sip_reply r = { .status = 200,
			       .to_tag = STR("bt"),
			       .lines = STR("Contact: <sip:102@10.0.0.5;transport=tcp>") };
	arena_init(&arena, block, sizeof(block), SIP_MSG_HEAP_MAX);
	assert_int_equal(sip_msg_parse(&m, &arena, str_from(invite)), ERR_NONE);
	const struct sip_address *routes;
	size_t n;
	assert_int_equal(sip_msg_addresses(&m, SIP_RECORD_ROUTE, &routes, &n), ERR_NONE);
	assert_int_equal(n, 2);
	buf_init(&b, answer, sizeof(answer));
	assert_int_equal(sip_reply_write(&m, &r, &b), ERR_NONE);
	buf_put_char(&b, '\0');
	rig_bytes(RIG_STREAM, nat, answer);
	rig_assert_start(rig_take(alice), "SIP/2.0 200 OK");
	/* Alice's BYE: her route set is the Record-Routes in reverse order (12.1.2). */
	snprintf(text, sizeof(text),
		 "BYE sip:102@10.0.0.5;transport=tcp SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKtb\r\n"
		 "Route: " STR_FMT "\r\nRoute: " STR_FMT "\r\n"
		 "From: <sip:101@example.com>;tag=from\r\nTo: <sip:102@example.com>;tag=bt\r\nCall-ID: tcp1\r\nCSeq: 2 "
		 "BYE\r\n\r\n",
		 STR_ARG(routes[1].text), STR_ARG(routes[0].text));
	rig_say(alice, text);
	rig_assert_start(rig_take_stream(RIG_STREAM), "BYE sip:102@10.0.0.5;transport=tcp SIP/2.0");
	assert_null(strstr(rig_.text, "\r\nRoute:"));
	arena_free(&arena);
}

/* The other way round: who called over a connection is hung up on over it, and hangs up through us. */
static void a_caller_behind_a_connection_is_reached_through_it(void **state)
{
	struct addr nat = rig_addr(40, 33333);
	char invite[4000], route[400], text[3000];

	(void)state;
	rig_.config.auth = false;
	rig_run();
	rig_register(bob, "102");
	rig_accept(RIG_STREAM, nat);
	rig_bytes(RIG_STREAM, nat,
		  "INVITE sip:102@example.com SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.5;branch=z9hG4bKn1\r\n"
		  "From: <sip:101@example.com>;tag=f\r\nTo: <sip:102@example.com>\r\nCall-ID: n1\r\nCSeq: 1 INVITE\r\n"
		  "Contact: <sip:101@10.0.0.5;transport=tcp>\r\nContent-Length: 0\r\n\r\n");
	snprintf(invite, sizeof(invite), "%s", rig_take(bob));
	rig_header(invite, "Record-Route", route, sizeof(route));
	rig_answer_request(bob, invite, 200, "bt", "Contact: <sip:102@192.0.2.12:5060>", "");
	while (strncmp(rig_take_stream(RIG_STREAM), "SIP/2.0 200", 11) != 0)
		assert_string_not_equal(rig_.text, "");
	snprintf(text, sizeof(text),
		 "OPTIONS sip:101@10.0.0.5;transport=tcp SIP/2.0\r\nVia: SIP/2.0/UDP "
		 "192.0.2.12:5060;branch=z9hG4bKn2\r\n"
		 "Route: %s\r\nFrom: <sip:102@example.com>;tag=bt\r\nTo: <sip:101@example.com>;tag=f\r\nCall-ID: n1\r\n"
		 "CSeq: 1 OPTIONS\r\n\r\n",
		 route);
	rig_say(bob, text);
	rig_assert_start(rig_take_stream(RIG_STREAM), "OPTIONS sip:101@10.0.0.5;transport=tcp SIP/2.0");
	snprintf(text, sizeof(text),
		 "BYE sip:102@192.0.2.12:5060 SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.5;branch=z9hG4bKn3\r\n"
		 "Route: %s\r\nFrom: <sip:101@example.com>;tag=f\r\nTo: <sip:102@example.com>;tag=bt\r\nCall-ID: n1\r\n"
		 "CSeq: 2 BYE\r\nContent-Length: 0\r\n\r\n",
		 route);
	rig_bytes(RIG_STREAM, nat, text);
	rig_assert_start(rig_take(bob), "BYE sip:102@192.0.2.12:5060 SIP/2.0");
}

/* After a restart its connection is gone; what its Contact says is all there is. */
static void a_connection_of_a_former_life_is_not_used(void **state)
{
	struct addr phone = rig_addr(40, 33333);

	(void)state;
	rig_.config.auth = false;
	rig_run();
	rig_accept(RIG_STREAM, phone);
	rig_bytes(
		RIG_STREAM, phone,
		"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.40;branch=z9hG4bKt1\r\n"
		"From: <sip:102@example.com>;tag=1\r\nTo: <sip:102@example.com>\r\nCall-ID: t1\r\nCSeq: 1 REGISTER\r\n"
		"Contact: <sip:102@192.0.2.40:5070;transport=tcp>\r\nContent-Length: 0\r\n\r\n");
	rig_assert_start(rig_take_stream(RIG_STREAM), "SIP/2.0 200 OK");
	rig_stop_servers();
	rig_run();
	rig_accept(RIG_STREAM, stranger); /* another has the number now */
	invite_from(alice, "101", "example.com", "sip:102@example.com", "again", 1, "");
	assert_string_equal(rig_take_stream(RIG_STREAM), "");
	bool found = false;
	for (size_t i = 0; i < rig_.sent_n; i++)
		found |= rig_.sent[i].stream && strncmp(rig_.sent[i].text, "INVITE sip:102@192.0.2.40:5070", 30) == 0;
	assert_true(found);
}

/* RFC 3261 16.12.1.2: a strict router in between. */
static void a_strict_routers_request_is_repaired(void **state)
{
	char invite[4000], route[400], text[3000];

	(void)state;
	rig_run();
	rig_register(bob, "102");
	call("sip:102@example.com", "strict");
	snprintf(invite, sizeof(invite), "%s", rig_take(bob));
	rig_header(invite, "Record-Route", route, sizeof(route));
	char *end = strchr(route, '>');
	*end = '\0';
	snprintf(text, sizeof(text),
		 "BYE %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKsb\r\nRoute: "
		 "<sip:102@192.0.2.12:5060>\r\n"
		 "From: <sip:101@example.com>;tag=from\r\nTo: <sip:102@example.com>;tag=bt\r\nCall-ID: strict\r\nCSeq: "
		 "3 BYE\r\n\r\n",
		 route + 1);
	rig_say(alice, text);
	rig_assert_start(rig_take(bob), "BYE sip:102@192.0.2.12:5060 SIP/2.0");
	assert_null(strstr(rig_.text, "\r\nRoute:"));
}

/* ---- several workers ---- */

static void several_workers_are_one_exchange(void **state)
{
	struct pbx_server_stats stats;
	unsigned spread = 0;
	char id[20];

	(void)state;
	rig_.config.worker_n = 3;
	rig_run();
	rig_register(alice, "101");
	rig_register(bob, "102");
	rig_register(rig_addr(14, 5060), "103");
	for (unsigned i = 0; i < 8; i++) {
		snprintf(id, sizeof(id), "w%u", i);
		call(i % 2 ? "sip:102@example.com" : "sip:103@example.com", id);
		rig_assert_start(rig_take(i % 2 ? bob : rig_addr(14, 5060)), "INVITE ");
	}
	uint64_t calls = 0;
	for (unsigned i = 0; i < 3; i++) {
		pbx_server_stats(rig_.servers[i], &stats);
		calls += stats.calls;
		spread += stats.calls > 0;
	}
	assert_int_equal(calls, 8);
	assert_true(spread > 1);
}

/* ---- the end ---- */

static void stopping_saves_what_is_left(void **state)
{
	struct host_event e = { .kind = HOST_STOPPING };

	(void)state;
	rig_run();
	rig_register(bob, "102");
	call("sip:102@example.com", "last");
	assert_int_equal(rig_.call_n, 0);
	rig_.services[0].recv(rig_.services[0].self, &e, rig_.now);
	rig_settle();
	assert_int_equal(rig_.call_n, 1);
	assert_true(rig_.stopped[0]);
}

/* ---- torture ---- */

struct verdict {
	char name[60], kind[8], codes[24];
};

static bool code_fits(const char *codes, int status)
{
	char list[24], *save, *code;

	if (!strcmp(codes, "any"))
		return true;
	if (!strcmp(codes, "!400"))
		return status != 400;
	if (!strcmp(codes, "!400&!200"))
		return status != 400 && status != 200;
	snprintf(list, sizeof(list), "%s", codes);
	for (code = strtok_r(list, "|", &save); code; code = strtok_r(NULL, "|", &save))
		if (!strcmp(code, "any") || atoi(code) == status || (!strcmp(code, "4xx") && status / 100 == 4))
			return true;
	return false;
}

static void torture_one(const char *folder, const struct verdict *v)
{
	const char *vectors = getenv("VECTORS");
	char path[600], bytes[8000];
	int status = 0;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/%s", vectors ? vectors : "../shared/vectors", folder, v->name);
	f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	rig_run();
	rig_datagram_at(0, stranger, str_of(bytes, n));
	rig_pass(100 * USEC_PER_MS);
	for (size_t i = 0; i < rig_.sent_n; i++) {
		if (strncmp(rig_.sent[i].text, "SIP/2.0 ", 8) != 0)
			fail_msg("%s was relayed: %s", v->name, rig_.sent[i].text);
		int s = atoi(rig_.sent[i].text + 8);
		status = s > 100 ? s : status;
	}
	if (!strcmp(v->codes, "none") ? rig_.sent_n > 0
				      : (strcmp(v->codes, "any") && !status) || !code_fits(v->codes, status))
		fail_msg("%s: %d is not %s", v->name, status, v->codes);
	/* and the exchange lives */
	rig_forget_sent();
	rig_assert_start(ask("OPTIONS", "sip:example.com", ""), "SIP/2.0 200 OK");
	rig_stop_servers();
	rig_forget_contacts();
}

static void torture(const char *folder)
{
	const char *vectors = getenv("VECTORS");
	char path[600], line[1000];
	unsigned n = 0;

	snprintf(path, sizeof(path), "%s/%s/manifest.tsv", vectors ? vectors : "../shared/vectors", folder);
	FILE *f = fopen(path, "r");
	if (!f) {
		print_message("no test vectors: set VECTORS\n");
		skip();
	}
	while (fgets(line, sizeof(line), f)) {
		char *fields[8], *rest = line;
		struct verdict v;

		for (int i = 0; i < 8; i++)
			fields[i] = strsep(&rest, "\t");
		if (!fields[6] || !strstr(fields[0], ".dat"))
			continue;
		snprintf(v.name, sizeof(v.name), "%s", fields[0]);
		snprintf(v.codes, sizeof(v.codes), "%s", fields[6]);
		torture_one(folder, &v);
		n++;
	}
	fclose(f);
	assert_true(n >= 12);
}

static void every_torture_message_gets_a_fitting_answer(void **state)
{
	(void)state;
	for (int auth = 0; auth < 2; auth++) {
		rig_.config.auth = auth;
		torture("rfc4475");
		torture("rfc5118");
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(who_registers_is_challenged_and_then_bound),
		T(who_may_know_md5_only_is_offered_no_more_unless_that_is_forbidden),
		T(our_address_without_our_odd_port_is_still_us),
		T(the_200_waits_for_the_keeper),
		T(a_change_of_two_parts_waits_for_both),
		T(a_registration_that_cannot_be_kept_is_503),
		T(wrong_passwords_and_unknown_names_look_the_same),
		T(nobody_binds_for_another),
		T(a_request_is_not_taken_twice_with_one_nonce_count),
		T(an_old_nonce_is_stale_not_wrong),
		T(bindings_follow_10_3),
		T(bindings_expire),
		T(path_is_kept_and_given_back),
		T(what_was_acknowledged_survives_a_restart),
		T(a_call_goes_through_and_leaves_a_record),
		T(all_phones_ring_and_the_first_to_answer_wins),
		T(the_best_of_several_refusals_is_given),
		T(a_6xx_ends_the_search),
		T(the_caller_gives_up),
		T(nobody_answers),
		T(users_who_are_not_there_or_not_at_all),
		T(an_account_that_was_just_made_is_known),
		T(strangers_reach_users_only_where_they_may),
		T(the_exchange_relays_for_nobody),
		T(unknown_names_and_networks_go_to_the_trunk),
		T(the_trunk_may_call_users_in_anyones_name),
		T(requests_are_refused_for_the_right_reason),
		T(a_loop_is_found_and_a_spiral_is_not_one),
		T(names_are_looked_up),
		T(a_phone_behind_a_connection_is_reached_through_it),
		T(a_caller_behind_a_connection_is_reached_through_it),
		T(a_connection_of_a_former_life_is_not_used),
		T(a_strict_routers_request_is_repaired),
		T(several_workers_are_one_exchange),
		T(stopping_saves_what_is_left),
		T(every_torture_message_gets_a_fitting_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
