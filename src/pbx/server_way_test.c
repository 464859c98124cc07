#include "pbx/test_rig.h"

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
	rig_assert_start(rig_take(stranger), "SIP/2.0 480 ");
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
	rig_copy(rig_take(alice), answer, sizeof(answer));
	rig_authorize(answer, "101", "pw101", "INVITE", "sip:103@example.com", auth, sizeof(auth));
	invite_from(alice, "102", "example.com", "sip:103@example.com", "r7", 2, auth);
	rig_assert_start(rig_take(alice), "SIP/2.0 403 From Is Not Your Address");
}

/* Who was let in to one call has our Record-Route: it must not open anything new. */
static void a_route_of_ours_is_good_inside_its_dialog_only(void **state)
{
	char invite[4000], route[500], lines[600];

	(void)state;
	rig_run();
	rig_register(bob, "102");
	invite_from(stranger, "x", "elsewhere.example", "sip:102@example.com", "d1", 1, "");
	rig_copy(rig_take(bob), invite, sizeof(invite));
	rig_header(invite, "Record-Route", route, sizeof(route));
	rig_answer_request(bob, invite, 486, "bt", "", "");
	snprintf(lines, sizeof(lines), "Route: %s\r\n", route);
	rig_forget_sent();
	invite_from(stranger, "x", "elsewhere.example", "sip:y@192.0.2.66", "d1", 2, lines);
	rig_assert_start(rig_take(stranger), "SIP/2.0 403 ");
	assert_string_equal(rig_take(rig_addr(66, 5060)), "");
	/* a From that is ours, no password, and a Route instead */
	invite_from(stranger, "101", "example.com", "sip:103@example.com", "d1", 3, lines);
	rig_assert_start(rig_take(stranger), "SIP/2.0 407 ");
}

static void strangers_may_call_and_nothing_else(void **state)
{
	static const char *const no[] = { "MESSAGE", "SUBSCRIBE", "NOTIFY", "REFER", "INFO", "PUBLISH", "UPDATE" };

	(void)state;
	rig_run();
	rig_register(bob, "102");
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		rig_assert_start(ask(no[i], "sip:102@example.com", "Event: dialog\r\n"), "SIP/2.0 403 ");
		assert_string_equal(rig_take(bob), "");
	}
}

/* RFC 3261 11.: what a phone would say, who asks may not know. */
static void a_strangers_question_sounds_the_same_for_all_users(void **state)
{
	static const char *const users[] = { "102", "103", "nobody" }; /* there, away, unknown */
	char said[3][3000];

	(void)state;
	rig_run();
	rig_register(bob, "102");
	for (size_t i = 0; i < 3; i++) {
		char uri[60], *tag;

		snprintf(uri, sizeof(uri), "sip:%s@example.com", users[i]);
		rig_copy(ask("OPTIONS", uri, ""), said[i], sizeof(said[i]));
		rig_assert_start(said[i], "SIP/2.0 200 OK");
		assert_non_null(strstr(said[i], "\r\nAllow: "));
		tag = strstr(said[i], "\r\nTo: ");
		assert_non_null(tag);
		assert_string_equal(strstr(tag, "\r\nCSeq: "), strstr(strstr(said[0], "\r\nTo: "), "\r\nCSeq: "));
	}
	assert_string_equal(rig_take(bob), "");
	/* a user is told the truth */
	rig_forget_sent();
	rig_.config.auth = false;
	rig_stop_servers();
	rig_run();
	(void)ask("OPTIONS", "sip:102@example.com", "");
	rig_assert_start(rig_take(bob), "OPTIONS ");
}

static void where_nobody_is_asked_for_a_password_strangers_are_as_good_as_users(void **state)
{
	(void)state;
	rig_.config.auth = false;
	rig_run();
	rig_register_once(bob, "102", 1, "Contact: <sip:102@192.0.2.12:5060>\r\n");
	rig_assert_start(rig_take(bob), "SIP/2.0 200 ");
	(void)ask("MESSAGE", "sip:102@example.com", "");
	rig_assert_start(rig_take(bob), "MESSAGE ");
	rig_assert_start(ask("MESSAGE", "sip:102@victim.example", ""), "SIP/2.0 403 ");
}

static void names_that_only_the_trunk_proves_are_no_strangers(void **state)
{
	static const char *const froms[] = { "tel:101", "sip:alice@network.example", "sip:7@Acme.Network.example" };
	char text[1000];

	(void)state;
	rig_run();
	rig_register(bob, "102");
	for (size_t i = 0; i < sizeof(froms) / sizeof(froms[0]); i++) {
		snprintf(text, sizeof(text),
			 "INVITE sip:102@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.99:5060;branch=z9hG4bKn%zu\r\n"
			 "From: <%s>;tag=1\r\nTo: <sip:102@example.com>\r\nCall-ID: n%zu\r\nCSeq: 1 INVITE\r\n\r\n",
			 i, froms[i], i);
		rig_say(stranger, text);
		rig_assert_start(rig_take(stranger), "SIP/2.0 407 ");
		assert_string_equal(rig_take(bob), "");
	}
}

static void what_steers_a_phone_does_not_come_from_outside(void **state)
{
	static const char *const names[] = { "Alert-Info",       "Call-Info", "P-Asserted-Identity", "Remote-Party-ID",
					     "Priv-Answer-Mode", "Replaces",  "P-Preferred-Identity" };
	static const char lines[] =
		"Alert-Info: <http://x/>;info=alert-autoanswer\r\nCall-Info: <sip:x>;answer-after=0\r\n"
		"P-Asserted-Identity: <sip:100@example.com>\r\nPriv-Answer-Mode: Auto\r\n"
		"remote-party-id: \"Boss\" <sip:100@example.com>\r\nReplaces: a;to-tag=b;from-tag=c\r\n"
		"P-Preferred-Identity: <sip:100@example.com>\r\n";

	(void)state;
	rig_run();
	rig_register(bob, "102");
	invite_from(stranger, "x", "elsewhere.example", "sip:102@example.com", "h1", 1, lines);
	rig_assert_start(rig_take(bob), "INVITE ");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcasestr(rig_.text, names[i]))
			fail_msg("%s came through:\n%s", names[i], rig_.text);
}

/* A request inside a call between `from` and bob. */
static void within(struct addr from, const char *method, const char *who, const char *call_id, unsigned cseq,
		   const char *lines)
{
	char text[3000];

	snprintf(text, sizeof(text),
		 "%s sip:102@192.0.2.12:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.%u:5060;branch=z9hG4bKw%s%u\r\n"
		 "From: <%s>;tag=from\r\nTo: <sip:102@example.com>;tag=bt\r\nCall-ID: %s\r\nCSeq: %u %s\r\n%s"
		 "Max-Forwards: 70\r\n\r\n",
		 method, from.ip[3], call_id, cseq, who, call_id, cseq, method, lines);
	rig_say(from, text);
}

static void a_stranger_on_the_line_does_not_pass_us_on(void **state)
{
	char invite[4000], route[500], lines[1200];

	(void)state;
	rig_run();
	rig_register(bob, "102");
	invite_from(stranger, "x", "elsewhere.example", "sip:102@example.com", "x1", 1, "");
	rig_copy(rig_take(bob), invite, sizeof(invite));
	rig_header(invite, "Record-Route", route, sizeof(route));
	rig_answer_request(bob, invite, 200, "bt", "Contact: <sip:102@192.0.2.12:5060>", OFFER);
	snprintf(lines, sizeof(lines), "Route: %s\r\nRefer-To: <sip:900@example.com>\r\n", route);
	rig_forget_sent();
	within(stranger, "REFER", "sip:x@elsewhere.example", "x1", 2, lines);
	rig_assert_start(rig_take(stranger), "SIP/2.0 403 ");
	assert_string_equal(rig_take(bob), "");
	within(stranger, "REFER", "sip:101@example.com", "x1", 3, lines);
	rig_assert_start(rig_take(stranger), "SIP/2.0 407 ");
	within(stranger, "INFO", "sip:x@elsewhere.example", "x1", 4, lines);
	rig_assert_start(rig_take(bob), "INFO ");
}

static void inside_a_call_names_and_passwords_stay_here_too(void **state)
{
	char invite[4000], route[500], lines[1200];

	(void)state;
	rig_run();
	rig_register(bob, "102");
	call("sip:102@example.com", "i1");
	rig_copy(rig_take(bob), invite, sizeof(invite));
	rig_header(invite, "Record-Route", route, sizeof(route));
	rig_answer_request(bob, invite, 200, "bt", "Contact: <sip:102@192.0.2.12:5060>", OFFER);
	snprintf(lines, sizeof(lines),
		 "Route: %s\r\nP-Asserted-Identity: <sip:100@example.com>\r\n"
		 "Proxy-Authorization: Digest username=\"101\", realm=\"realm.test\", nonce=\"n\", uri=\"u\", "
		 "response=\"x\"\r\n",
		 route);
	within(alice, "UPDATE", "sip:101@example.com", "i1", 3, lines);
	rig_assert_start(rig_take(bob), "UPDATE ");
	assert_null(strstr(rig_.text, "P-Asserted-Identity"));
	assert_null(strstr(rig_.text, "Proxy-Authorization"));
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
	rig_copy(rig_take(edge), answer, sizeof(answer));
	rig_authorize(answer, "edge", "pwedge", "INVITE", "sip:102@example.com", lines, sizeof(lines));
	invite_from(edge, "alice", "network.example", "sip:102@example.com", "e1", 2, lines);
	rig_assert_start(rig_take(bob), "INVITE ");
	/* but not back to itself */
	invite_from(edge, "alice", "network.example", "sip:nobody@example.com", "e2", 1, "");
	rig_copy(rig_take(edge), answer, sizeof(answer));
	rig_authorize(answer, "edge", "pwedge", "INVITE", "sip:nobody@example.com", lines, sizeof(lines));
	invite_from(edge, "alice", "network.example", "sip:nobody@example.com", "e2", 2, lines);
	rig_assert_start(rig_take(edge), "SIP/2.0 404 ");
}

static void number_of(const char *range, const char *account)
{
	struct number_record *r = &rig_.numbers[rig_.number_n++];

	assert_int_equal(number_range_parse(str_from(range), &r->first, &r->last), ERR_NONE);
	r->id = (int64_t)rig_.number_n;
	r->account = str_from(account);
}

/* RFC 3966, RFC 3261 19.1.6. */
static void a_number_leads_to_whose_it_is_here(void **state)
{
	(void)state;
	number_of("+4930123400-499", "102");
	rig_run();
	rig_register(bob, "102");
	invite_from(stranger, "x", "far.example", "tel:+49-30-1234(56)", "t1", 1, "");
	rig_assert_start(rig_take(bob), "INVITE sip:102@192.0.2.12:5060 SIP/2.0\r\n");
	rig_assert_has(rig_.text, "\r\nTo: <tel:+49-30-1234(56)>\r\n");
	invite_from(stranger, "x", "far.example", "tel:102;phone-context=EXAMPLE.com", "t2", 1, "");
	rig_assert_start(rig_take(bob), "INVITE sip:102@192.0.2.12:5060 SIP/2.0\r\n");
	invite_from(stranger, "x", "far.example", "sip:+49-30-123456@example.com;user=phone", "t3", 1, "");
	rig_assert_start(rig_take(bob), "INVITE sip:102@192.0.2.12:5060 SIP/2.0\r\n");
	rig_forget_sent();
	invite_from(stranger, "x", "far.example", "tel:+49-30-12350(0)", "t4", 1, "");
	rig_assert_start(rig_take(stranger), "SIP/2.0 480 ");
	rig_forget_sent();
	invite_from(stranger, "x", "far.example", "tel:102;phone-context=far.example", "t5", 1, "");
	rig_assert_start(rig_take(stranger), "SIP/2.0 480 ");
	assert_string_equal(rig_take(bob), "");
}

/* It goes out as the sip URI that an edge understands. */
static void a_number_that_is_nobodys_goes_to_the_trunk(void **state)
{
	(void)state;
	rig_.config.trunk = STR("edge");
	rig_run();
	rig_register(edge, "edge");
	call("tel:+1-202-555-0123;ext=7", "t6");
	rig_assert_start(rig_take(edge), "INVITE sip:+12025550123;ext=7@example.com;user=phone SIP/2.0\r\n");
}

static void from_tel(const char *number, const char *to, const char *call_id, unsigned cseq, const char *lines)
{
	char text[3000];

	snprintf(text, sizeof(text),
		 "INVITE %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.12:5060;branch=z9hG4bK%s%u\r\n"
		 "From: <%s>;tag=1\r\nTo: <sip:103@example.com>\r\nCall-ID: %s\r\nCSeq: %u INVITE\r\n%s\r\n",
		 to, call_id, cseq, number, call_id, cseq, lines);
	rig_say(bob, text);
}

static void who_calls_by_a_number_must_have_it(void **state)
{
	static const struct {
		const char *from, *status;
	} all[] = { { "tel:+49-30-123456", "" },
		    { "tel:102", "" },
		    { "tel:+493099", "SIP/2.0 403 From Is Not Your Address" },
		    { "tel:101", "SIP/2.0 403 From Is Not Your Address" },
		    { "tel:102;phone-context=far.example", "SIP/2.0 403 From Is Not Your Address" } };
	char answer[3000], lines[900], id[10];

	(void)state;
	number_of("+4930123400-499", "102");
	rig_run();
	rig_register(rig_addr(14, 5060), "103");
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		rig_forget_sent();
		snprintf(id, sizeof(id), "f%zu", i);
		from_tel(all[i].from, "sip:103@example.com", id, 1, "");
		rig_copy(rig_take(bob), answer, sizeof(answer));
		rig_assert_start(answer, "SIP/2.0 407 ");
		rig_authorize(answer, "102", "pw102", "INVITE", "sip:103@example.com", lines, sizeof(lines));
		from_tel(all[i].from, "sip:103@example.com", id, 2, lines);
		rig_assert_start(rig_take(bob), all[i].status);
		rig_assert_start(rig_take(rig_addr(14, 5060)), all[i].status[0] ? "" : "INVITE ");
	}
}

/* A source that is believed may say anything of others; what is ours only of our own numbers. */
static void a_foreign_number_does_not_call_out_as_one_of_us(void **state)
{
	(void)state;
	number_of("+4930123400-499", "102");
	rig_.config.auth = false;
	rig_.config.trunk = STR("edge");
	rig_run();
	rig_register_once(edge, "edge", 1, "Contact: <sip:edge@192.0.2.20:5060>\r\n");
	rig_assert_start(rig_take(edge), "SIP/2.0 200 ");
	from_tel("tel:+493099", "sip:999@example.com", "o1", 1, "");
	rig_assert_start(rig_take(bob), "SIP/2.0 404 ");
	from_tel("tel:+49-30-123456", "sip:999@example.com", "o2", 1, "");
	rig_assert_start(rig_take(edge), "INVITE sip:999@example.com ");
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
	/* what a proxy may be asked to know: RFC 4028 7.1, RFC 3841 5., RFC 3323 5. */
	rig_assert_start(ask("OPTIONS", "sip:102@example.com", "Proxy-Require: timer, Pref, privacy\r\n"),
			 "SIP/2.0 200 ");
	rig_assert_start(ask("OPTIONS", "sip:102@example.com", "Proxy-Require: timer, a\r\n"), "SIP/2.0 420 ");
	rig_assert_has(rig_.text, "Unsupported: a\r\n");
	rig_assert_start(ask("OPTIONS", "sip:example.com", "Require: c\r\n"), "SIP/2.0 420 ");
	rig_assert_start(ask("REGISTER", "sip:elsewhere.example", ""), "SIP/2.0 403 ");
	rig_assert_start(ask("REGISTER", "sip:example.com", "Require: c\r\n"), "SIP/2.0 420 ");
	rig_assert_start(ask("OPTIONS", "sip:102@example.com", "CSeq: 2 OPTIONS\r\n"), "SIP/2.0 400 ");
}

static void a_loop_is_found_and_a_spiral_is_not_one(void **state)
{
	char looped[4000], via[300], text[5000];

	(void)state;
	rig_.config.auth = false;
	rig_run();
	rig_register(bob, "102");
	rig_say(stranger,
		"OPTIONS sip:102@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.99;branch=z9hG4bKl1\r\n"
		"From: <sip:x@y.example>;tag=1\r\nTo: <sip:102@example.com>\r\nCall-ID: l1\r\nCSeq: 1 OPTIONS\r\n\r\n");
	rig_copy(rig_take(bob), looped, sizeof(looped));
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
	rig_copy(rig_take_stream(RIG_STREAM), invite, sizeof(invite));
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
	rig_copy(rig_take(bob), invite, sizeof(invite));
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

static void in_dialog(struct addr from, const char *method, const char *uri, const char *call_id, unsigned cseq,
		      const char *lines)
{
	char text[3000];

	snprintf(text, sizeof(text),
		 "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.%u:%u;branch=z9hG4bK%s%u\r\nMax-Forwards: 70\r\n"
		 "From: <sip:101@example.com>;tag=from\r\nTo: <sip:102@example.com>;tag=bt\r\nCall-ID: %s\r\n"
		 "CSeq: %u %s\r\nContact: <sip:101@192.0.2.11>\r\n%sContent-Length: 0\r\n\r\n",
		 method, uri, from.ip[3], from.port, call_id, cseq, call_id, cseq, method, lines);
	rig_say(from, text);
}

/* What alice sends from now on, and her call's Route as a line: her call to `to` was taken at `at` with this Contact.
 */
static void answered_call(const char *to, struct addr at, const char *call_id, const char *contact, char *route)
{
	char invite[4000], value[500];

	invite_from(alice, "101", "example.com", to, call_id, 1, "");
	rig_copy(rig_take(at), invite, sizeof(invite));
	rig_assert_start(invite, "INVITE ");
	rig_answer_request(at, invite, 200, "bt", contact, "");
	while (strncmp(rig_take(alice), "SIP/2.0 200", 11) != 0)
		assert_string_not_equal(rig_.text, "");
	rig_header(rig_.text, "Record-Route", value, sizeof(value));
	snprintf(route, 600, "Route: %s\r\n", value);
	rig_forget_sent();
}

/* Two accounts that play into each other's hands: the one answers with a carrier's address, the other sends there what
 * is no call of ours. Whom the carrier does call, or is called by us, speaks with it. */
static void a_dialog_of_others_does_not_lead_to_a_neighbour(void **state)
{
	static const struct pbx_trust trusts[] = { { { .family = 4, .ip = { 192, 0, 2, 66 } }, 32 },
						   { { .family = 4, .ip = { 192, 0, 2, 77 } }, 32 } };
	static const str partner[] = { STR_INIT("known.example") };
	struct addr carrier = rig_addr(66, 5060), server = rig_addr(77, 5060);
	char route[600], lines[800];

	(void)state;
	rig_.config.auth = false;
	rig_.config.trusts = trusts;
	rig_.config.trust_n = 2;
	rig_.config.relay_domains = partner;
	rig_.config.relay_domain_n = 1;
	rig_run();
	rig_register(bob, "102");
	answered_call("sip:102@example.com", bob, "n1", "Contact: <sip:0900@192.0.2.66>", route);
	in_dialog(alice, "INVITE", "sip:0900@192.0.2.66", "n1", 2, route);
	rig_assert_start(rig_take(alice), "SIP/2.0 403 ");
	snprintf(lines, sizeof(lines), "%sRoute: <sip:192.0.2.66;lr>\r\n", route);
	in_dialog(alice, "MESSAGE", "sip:0900@carrier.example", "n1", 3, lines);
	rig_assert_start(rig_take(alice), "SIP/2.0 403 ");
	in_dialog(alice, "REFER", "sip:0900@known.example", "n1", 4,
		  route); /* a name of the attacker's, that leads there */
	rig_assert_start(rig_take(alice), "SIP/2.0 403 ");
	assert_string_equal(rig_take(carrier), "");
	assert_string_equal(rig_take(server), "");
	in_dialog(alice, "BYE", "sip:0900@192.0.2.66", "n1", 5, route);
	rig_assert_start(rig_take(carrier), "BYE ");
	/* a call of ours to a neighbour, who answers from another of his machines */
	answered_call("sip:y@known.example", server, "n2", "Contact: <sip:y@192.0.2.66>", route);
	in_dialog(alice, "INVITE", "sip:y@192.0.2.66", "n2", 2, route);
	rig_assert_start(rig_take(carrier), "INVITE sip:y@192.0.2.66 SIP/2.0");
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

/* Its Contact is only its word: a call goes to where it registered from, or nowhere. */
static void a_contact_elsewhere_is_not_called_when_its_connection_is_gone(void **state)
{
	static const struct pbx_trust trusted = { { .family = 4, .ip = { 192, 0, 2, 40 } }, 32 };
	char id[20];

	(void)state;
	rig_.config.auth = false;
	for (rig_.config.worker_n = 1; rig_.config.worker_n <= 3; rig_.config.worker_n += 2) {
		rig_run();
		rig_accept(RIG_STREAM, rig_addr(40, 33333));
		rig_bytes(RIG_STREAM, rig_addr(40, 33333),
			  "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.40;branch=z9hG4bKt1\r\n"
			  "From: <sip:102@example.com>;tag=1\r\nTo: <sip:102@example.com>\r\nCall-ID: t1\r\n"
			  "CSeq: 1 REGISTER\r\nContact: <sip:102@192.0.2.66:5070;transport=tcp>\r\n"
			  "Content-Length: 0\r\n\r\n");
		rig_assert_start(rig_take_stream(RIG_STREAM), "SIP/2.0 200 OK");
		rig_stop_servers();
		rig_run();
		for (int i = 0; i < 4; i++) { /* at once, by whichever worker */
			snprintf(id, sizeof(id), "gone%d", i);
			invite_from(alice, "101", "example.com", "sip:102@example.com", id, 1, "");
			if (!strncmp(rig_take(alice), "SIP/2.0 100", 11))
				rig_take(alice);
			rig_assert_start(rig_.text, "SIP/2.0 480 ");
		}
		for (size_t i = 0; i < rig_.sent_n; i++)
			assert_true(!rig_.sent[i].stream || rig_.sent[i].taken);
		rig_stop_servers();
		rig_.config.trusts = &trusted; /* a neighbour's word */
		rig_.config.trust_n = 1;
		rig_run();
		invite_from(alice, "101", "example.com", "sip:102@example.com", "back", 1, "");
		bool found = false;
		for (size_t i = 0; i < rig_.sent_n; i++)
			found |= rig_.sent[i].stream && !strncmp(rig_.sent[i].text, "INVITE sip:102@192.0.2.66", 25);
		assert_true(found);
		rig_stop_servers();
		rig_forget_contacts();
		rig_.config.trust_n = 0;
	}
	rig_.config.worker_n = 1;
	rig_run();
}

/* RFC 3261 16.12.1.2: a strict router in between. */
static void a_strict_routers_request_is_repaired(void **state)
{
	char invite[4000], route[400], text[3000];

	(void)state;
	rig_run();
	rig_register(bob, "102");
	call("sip:102@example.com", "strict");
	rig_copy(rig_take(bob), invite, sizeof(invite));
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

static void a_trusted_source_needs_no_password_for_names_of_ours(void **state)
{
	static const struct pbx_trust nets[] = { { .net = { .family = 6 }, .bits = 0 },
						 { .net = { .family = 4, .ip = { 192, 0, 2, 8 } }, .bits = 30 } };

	(void)state;
	rig_.config.trusts = nets;
	rig_.config.trust_n = 2; /* alice is .11; bob is .12 */
	rig_run();
	rig_register(bob, "102");
	invite_from(alice, "101", "example.com", "sip:102@example.com", "t1", 1, "");
	rig_assert_start(rig_take(bob), "INVITE ");
	rig_register_once(alice, "101", 1, "Contact: <sip:101@192.0.2.11>\r\n");
	rig_assert_start(rig_take(alice), "SIP/2.0 200 ");
	/* in the name of somebody else's user it is a stranger as ever */
	invite_from(alice, "x", "elsewhere.example", "sip:y@victim.example", "t2", 1, "");
	rig_assert_start(rig_take(alice), "SIP/2.0 403 Not Our Domain");
	/* .. who reaches users here */
	invite_from(alice, "x", "elsewhere.example", "sip:102@example.com", "t4", 1, "");
	rig_assert_start(rig_take(bob), "INVITE ");
	/* and next door nothing is free */
	invite_from(bob, "102", "example.com", "sip:101@example.com", "t3", 1, "");
	rig_assert_start(rig_take(bob), "SIP/2.0 407 ");
}

static bool extension(void *self, str name, struct buf *uri)
{
	if (!str_eq(name, STR("echo")) && !str_eq(name, STR("101")))
		return false;
	buf_put(uri, str_from(self));
	return true;
}

static void an_extension_is_who_is_no_account_and_not_registered(void **state)
{
	char contact[] = "sip:echo@192.0.2.77:5060;transport=udp", none[] = "";

	(void)state;
	rig_.config.extension = extension;
	rig_.config.extension_self = contact;
	rig_run();
	rig_register(bob, "102");
	invite_from(stranger, "x", "elsewhere.example", "sip:echo@example.com", "e1", 1, "");
	rig_assert_start(rig_take(rig_addr(77, 5060)), "INVITE sip:echo@192.0.2.77:5060;transport=udp SIP/2.0");
	rig_forget_sent();
	invite_from(stranger, "x", "elsewhere.example", "sip:101@example.com", "e2", 1, ""); /* an account */
	rig_assert_start(rig_take(stranger), "SIP/2.0 480 ");
	rig_forget_sent();
	invite_from(stranger, "x", "elsewhere.example", "sip:nobody@example.com", "e3", 1, "");
	rig_assert_start(rig_take(stranger), "SIP/2.0 480 ");
	rig_stop_servers();
	rig_.config.extension_self = none; /* not up yet */
	rig_run();
	invite_from(stranger, "x", "elsewhere.example", "sip:echo@example.com", "e4", 1, "");
	rig_assert_start(rig_take(stranger), "SIP/2.0 480 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_trusted_source_needs_no_password_for_names_of_ours),
		T(an_extension_is_who_is_no_account_and_not_registered),
		T(our_address_without_our_odd_port_is_still_us),
		T(strangers_reach_users_only_where_they_may),
		T(the_exchange_relays_for_nobody),
		T(a_route_of_ours_is_good_inside_its_dialog_only),
		T(strangers_may_call_and_nothing_else),
		T(a_strangers_question_sounds_the_same_for_all_users),
		T(where_nobody_is_asked_for_a_password_strangers_are_as_good_as_users),
		T(names_that_only_the_trunk_proves_are_no_strangers),
		T(what_steers_a_phone_does_not_come_from_outside),
		T(a_stranger_on_the_line_does_not_pass_us_on),
		T(inside_a_call_names_and_passwords_stay_here_too),
		T(unknown_names_and_networks_go_to_the_trunk),
		T(the_trunk_may_call_users_in_anyones_name),
		T(requests_are_refused_for_the_right_reason),
		T(a_number_leads_to_whose_it_is_here),
		T(a_number_that_is_nobodys_goes_to_the_trunk),
		T(who_calls_by_a_number_must_have_it),
		T(a_foreign_number_does_not_call_out_as_one_of_us),
		T(a_loop_is_found_and_a_spiral_is_not_one),
		T(a_phone_behind_a_connection_is_reached_through_it),
		T(a_caller_behind_a_connection_is_reached_through_it),
		T(a_dialog_of_others_does_not_lead_to_a_neighbour),
		T(a_connection_of_a_former_life_is_not_used),
		T(a_contact_elsewhere_is_not_called_when_its_connection_is_gone),
		T(a_strict_routers_request_is_repaired),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
