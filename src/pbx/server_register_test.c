#include "pbx/test_rig.h"

#include "pbx/server_parts.h"

static void who_registers_is_challenged_and_then_bound(void **state)
{
	char answer[3000], lines[900];

	(void)state;
	rig_run();
	rig_register_once(bob, "102", 1, "Contact: <sip:102@192.0.2.12:5060>\r\nUser-Agent: x\r\n");
	rig_copy(rig_take(bob), answer, sizeof(answer));
	rig_assert_start(answer, "SIP/2.0 401 Unauthorized");
	rig_assert_has(answer, "algorithm=SHA-256,");
	rig_assert_has(answer, "algorithm=SHA-512-256,");
	rig_assert_has(answer, "algorithm=MD5");
	rig_assert_has(answer, "realm=\"realm.test\"");
	rig_authorize(answer, "102", "pw102", "REGISTER", "sip:example.com", lines, sizeof(lines));
	strcat(lines, "Contact: <sip:102@192.0.2.12:5060;ob>;x=y;q=0.5\r\n");
	rig_register_once(bob, "102", 2, lines);
	rig_copy(rig_take(bob), answer, sizeof(answer));
	rig_assert_start(answer, "SIP/2.0 200 OK");
	rig_assert_has(answer, "Contact: <sip:102@192.0.2.12:5060;ob>;x=y;q=0.500;expires=3600");
	assert_true(rig_.contacts[0].used);
	assert_str(rig_.contacts[0].row->aor, "sip:102@example.com");
}

static void who_gives_up_at_others_is_offered_md5_alone_unless_that_is_forbidden(void **state)
{
	(void)state;
	rig_run();
	rig_register_once(bob, "102", 1, "User-Agent: baresip v1.0.0 (x86_64/linux)\r\n");
	rig_assert_has(rig_take(bob), "algorithm=MD5");
	assert_null(strstr(rig_.text, "SHA-"));
	rig_register_once(bob2, "103", 1, "User-Agent: x\r\n");
	rig_assert_has(rig_take(bob2), "algorithm=SHA-256,");
	rig_pass(30 * USEC_PER_SEC);
	rig_register_once(bob2, "103", 2, "User-Agent: x\r\n"); /* back without an answer */
	rig_assert_has(rig_take(bob2), "algorithm=MD5");
	assert_null(strstr(rig_.text, "SHA-"));
	rig_stop_servers();
	rig_.config.md5 = false;
	rig_run();
	rig_register_once(bob, "102", 1, "User-Agent: baresip v1.0.0 (x86_64/linux)\r\n");
	rig_assert_has(rig_take(bob), "algorithm=SHA-256");
	assert_null(strstr(rig_.text, "MD5"));
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

static void a_change_of_two_parts_is_made_wholly_or_not_at_all(void **state)
{
	(void)state;
	rig_.config.auth = false;
	rig_run();
	rig_register_once(bob, "102", 1, "Contact: <sip:102@192.0.2.12>\r\n");
	rig_assert_start(rig_take(bob), "SIP/2.0 200 OK");
	rig_.hold = true;
	rig_register_once(bob, "102", 2, "Contact: <sip:102@192.0.2.12>;expires=0, <sip:102@192.0.2.13>\r\n");
	assert_int_equal(rig_.asked_n, 1); /* one question: the keeper does it in one transaction */
	assert_int_equal(keeper_ask_weight(rig_.asked[0]), 2);
	assert_int_equal(rig_waiting(), 0);
	rig_.keeper_err = ERR_FULL;
	rig_.hold = false;
	rig_settle();
	rig_assert_start(rig_take(bob), "SIP/2.0 503 ");
	rig_.keeper_err = ERR_NONE;
	rig_register_once(bob, "102", 3, "");
	rig_assert_has(rig_take(bob), "Contact: <sip:102@192.0.2.12>");
	rig_register_once(bob, "102", 4, "Contact: <sip:102@192.0.2.12>;expires=0, <sip:102@192.0.2.13>\r\n");
	rig_assert_start(rig_take(bob), "SIP/2.0 200 OK");
	rig_assert_has(rig_.text, "Contact: <sip:102@192.0.2.13>");
	assert_null(strstr(rig_.text, "192.0.2.12>"));
	assert_true(rig_.contacts[0].used != rig_.contacts[1].used);
}

static void a_keeper_that_does_not_answer_is_not_waited_for_and_told_the_truth_after(void **state)
{
	(void)state;
	rig_.config.auth = false;
	rig_run();
	rig_register_once(bob, "102", 1, "Contact: <sip:102@192.0.2.12>\r\n");
	rig_assert_start(rig_take(bob), "SIP/2.0 200 OK");
	rig_.hold = true;
	rig_register_once(bob, "102", 2, "Contact: <sip:102@192.0.2.77>\r\n");
	rig_pass(6 * USEC_PER_SEC);
	rig_assert_start(rig_take(bob), "SIP/2.0 100 ");
	assert_string_equal(rig_take(bob), "");
	rig_pass(6 * USEC_PER_SEC);
	rig_assert_start(rig_take(bob), "SIP/2.0 503 ");
	/* the next one is not held up, and what is bound is what it was, here and on the disk */
	rig_.hold = false;
	rig_settle();
	rig_register_once(bob, "102", 3, "");
	rig_assert_start(rig_take(bob), "SIP/2.0 200 OK");
	rig_assert_has(rig_.text, "192.0.2.12>");
	assert_null(strstr(rig_.text, "192.0.2.77>"));
	rig_stop_servers();
	rig_run();
	rig_register_once(bob, "102", 4, "");
	rig_assert_has(rig_take(bob), "192.0.2.12>");
	assert_null(strstr(rig_.text, "192.0.2.77>"));
}

static void a_phone_that_moves_and_moves_is_never_locked_out(void **state)
{
	char lines[100];

	(void)state;
	rig_.config.auth = false;
	rig_run();
	for (unsigned i = 0; i < PBX_CONTACTS_MAX + 5; i++) {
		rig_pass(USEC_PER_SEC);
		snprintf(lines, sizeof(lines), "Contact: <sip:102@192.0.2.12:%u>\r\n", 6000 + i);
		rig_register_once(bob, "102", 1 + i, lines);
		rig_assert_start(rig_take(bob), "SIP/2.0 200 OK");
	}
	rig_assert_has(rig_.text, "192.0.2.12:6014>");
	rig_assert_has(rig_.text, "192.0.2.12:6005>");
	assert_null(strstr(rig_.text, "192.0.2.12:6004>"));
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
		rig_copy(rig_take(bob), answers[0], sizeof(answers[0]));
		rig_authorize(answers[0], names[i], "wrong", "REGISTER", "sip:example.com", lines, sizeof(lines));
		strcat(lines, "Contact: <sip:102@192.0.2.12>\r\n");
		rig_register_once(bob, "102", 20 + (unsigned)i, lines);
		/* nor does the time tell them apart */
		rig_pass(PBX_WRONG_AFTER - 1);
		assert_string_equal(rig_take(bob), "");
		rig_pass(1);
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
	rig_copy(rig_take(bob), answer, sizeof(answer));
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
	rig_copy(rig_take(bob), answer, sizeof(answer));
	rig_authorize(answer, "102", "pw102", "REGISTER", "sip:example.com", lines, sizeof(lines));
	rig_register_once(bob, "102", 2, lines);
	rig_assert_start(rig_take(bob), "SIP/2.0 200 OK");
	rig_register_once(stranger, "102", 3, lines);
	rig_assert_start(rig_take(stranger), "SIP/2.0 401 ");
	rig_assert_has(rig_.text, "stale=true");
}

static void a_repeat_is_answered_again_and_not_judged_again(void **state)
{
	char answer[3000], lines[900];
	struct pbx_server_stats stats;

	(void)state;
	rig_run();
	rig_register_once(bob, "102", 1, "");
	rig_copy(rig_take(bob), answer, sizeof(answer));
	rig_pass(3 * USEC_PER_SEC / 2);
	rig_register_once(bob, "102", 1, ""); /* it has not heard the 401: no coming back without an answer */
	rig_assert_start(rig_take(bob), "SIP/2.0 401 ");
	rig_assert_has(rig_.text, "algorithm=SHA-256,");
	rig_authorize(answer, "102", "pw102", "REGISTER", "sip:example.com", lines, sizeof(lines));
	strcat(lines, "Contact: <sip:102@192.0.2.12>\r\n");
	for (int i = 0; i < 3; i++) {
		rig_register_once(bob, "102", 2, lines);
		rig_assert_start(rig_take(bob), "SIP/2.0 200 OK");
		rig_assert_has(rig_.text, "Contact: <sip:102@192.0.2.12>;expires=3");
		rig_pass(10 * USEC_PER_SEC);
	}
	rig_register_once(stranger, "102", 2, lines); /* the same from elsewhere is no repeat */
	rig_assert_start(rig_take(stranger), "SIP/2.0 401 ");
	rig_pass(10 * USEC_PER_SEC);
	rig_register_once(bob, "102", 2, lines);
	rig_assert_start(rig_take(bob), "SIP/2.0 401 ");
	pbx_server_stats(rig_.servers[0], &stats);
	assert_int_equal(stats.contacts, 1);
}

static void an_old_nonce_is_stale_not_wrong(void **state)
{
	char answer[3000], lines[900];

	(void)state;
	rig_run();
	rig_register_once(bob, "102", 1, "");
	rig_copy(rig_take(bob), answer, sizeof(answer));
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
	struct addr proxy = rig_addr(50, 5060);

	(void)state;
	rig_.config.auth = false;
	rig_run();
	rig_register_once(proxy, "102", 1, "Contact: <sip:102@10.0.0.1>\r\nPath: <sip:p@192.0.2.50;lr>\r\n");
	rig_assert_start(rig_take(proxy), "SIP/2.0 420 ");
	rig_register_once(proxy, "102", 2,
			  "Contact: <sip:102@10.0.0.1>\r\nPath: <sip:p@192.0.2.50;lr>\r\nSupported: path\r\n");
	rig_assert_start(rig_take(proxy), "SIP/2.0 200 OK");
	rig_assert_has(rig_.text, "Path: <sip:p@192.0.2.50;lr>");
	rig_say(stranger,
		"OPTIONS sip:102@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.99;branch=z9hG4bKp1\r\n"
		"From: <sip:x@y.example>;tag=1\r\nTo: <sip:102@example.com>\r\nCall-ID: p1\r\nCSeq: 1 OPTIONS\r\n\r\n");
	rig_assert_start(rig_take(proxy), "OPTIONS sip:102@10.0.0.1 SIP/2.0");
	rig_assert_has(rig_.text, "Route: <sip:p@192.0.2.50;lr>");
}

static const char *by_path(struct addr from, const char *path)
{
	static unsigned cseq = 100;
	char lines[400];

	snprintf(lines, sizeof(lines), "Contact: <sip:102@10.0.0.1>\r\nSupported: path\r\nPath: %.200s\r\n", path);
	rig_register_once(from, "102", ++cseq, lines);
	return rig_take(from);
}

/* However long it may be at registration, it is the way of what is sent then. */
static void a_long_path_is_gone_wholly(void **state)
{
	struct addr proxy = rig_addr(50, 5060);
	char lines[2600], path[2000], *at = path;

	(void)state;
	rig_.config.auth = false;
	rig_run();
	at += sprintf(at, "<sip:p@192.0.2.50;lr>");
	for (unsigned i = 0; i < 50; i++)
		at += sprintf(at, ",<sip:0123456789@10.0.%u.1;lr>", i);
	snprintf(lines, sizeof(lines), "Contact: <sip:102@10.0.0.1>\r\nSupported: path\r\nPath: %s\r\n", path);
	rig_register_once(proxy, "102", 1, lines);
	rig_assert_start(rig_take(proxy), "SIP/2.0 200 OK");
	rig_say(stranger,
		"OPTIONS sip:102@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.99;branch=z9hG4bKp1\r\n"
		"From: <sip:x@y.example>;tag=1\r\nTo: <sip:102@example.com>\r\nCall-ID: p1\r\nCSeq: 1 OPTIONS\r\n\r\n");
	rig_assert_start(rig_take_stream(rig_.opened),
			 "OPTIONS sip:102@10.0.0.1 SIP/2.0"); /* 18.1.1: too long for UDP */
	snprintf(lines, sizeof(lines), "\r\nRoute: %s\r\n", path);
	rig_assert_has(rig_.text, lines);
}

static uint64_t refused(void)
{
	struct pbx_server_stats stats;

	pbx_server_stats(rig_.servers[0], &stats);
	return stats.refused_registrations;
}

static void whatever_refuses_a_registration_is_counted(void **state)
{
	static const char contact[] = "Contact: <sip:102@192.0.2.12>\r\n";
	char answer[3000], lines[1000], text[600];
	unsigned n = 0;

	(void)state;
	rig_run();
	rig_register_once(bob, "102", 1, "Require: teleport\r\nContact: <sip:102@192.0.2.12>\r\n");
	rig_assert_start(rig_take(bob), "SIP/2.0 420 ");
	assert_int_equal(refused(), ++n);
	snprintf(
		text, sizeof(text),
		"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.12;branch=z9hG4bKe\r\nMax-Forwards: "
		"70\r\n"
		"From: <sip:102@else.example>;tag=1\r\nTo: <sip:102@else.example>\r\nCall-ID: e\r\nCSeq: 1 REGISTER\r\n"
		"%s\r\n",
		contact);
	rig_say(bob, text);
	rig_assert_start(rig_take(bob), "SIP/2.0 404 ");
	assert_int_equal(refused(), ++n);
	/* a challenge refuses nothing; another's address does */
	rig_register_once(bob, "102", 2, contact);
	rig_copy(rig_take(bob), answer, sizeof(answer));
	rig_assert_start(answer, "SIP/2.0 401 ");
	assert_int_equal(refused(), n);
	rig_authorize(answer, "101", "pw101", "REGISTER", "sip:example.com", lines, sizeof(lines));
	strcat(lines, contact);
	rig_register_once(bob, "102", 3, lines);
	rig_assert_start(rig_take(bob), "SIP/2.0 403 Not Your Address");
	assert_int_equal(refused(), ++n);
	/* a wrong password */
	rig_register_once(bob, "102", 4, contact);
	rig_copy(rig_take(bob), answer, sizeof(answer));
	rig_authorize(answer, "102", "pw101", "REGISTER", "sip:example.com", lines, sizeof(lines));
	strcat(lines, contact);
	rig_register_once(bob, "102", 5, lines);
	rig_pass(2 * USEC_PER_SEC);
	rig_assert_start(rig_take(bob), "SIP/2.0 403 Wrong");
	assert_int_equal(refused(), ++n);
	/* nobody knows the account: the keeper does not answer */
	rig_pass(60 * USEC_PER_SEC);
	rig_.keeper_err = ERR_IO;
	rig_register_once(alice, "103", 6, contact);
	rig_copy(rig_take(alice), answer, sizeof(answer));
	rig_authorize(answer, "103", "pw103", "REGISTER", "sip:example.com", lines, sizeof(lines));
	strcat(lines, contact);
	rig_register_once(alice, "103", 7, lines);
	rig_assert_start(rig_take(alice), "SIP/2.0 503 ");
	assert_int_equal(refused(), ++n);
}

static const char *proves_with_path(struct addr from, unsigned cseq)
{
	static const char rest[] = "Supported: path\r\nPath: <sip:p@192.0.2.50;lr>\r\nContact: <sip:102@10.0.0.1>\r\n";
	char answer[3000], lines[1000];

	rig_register_once(from, "102", cseq, rest);
	rig_copy(rig_take(from), answer, sizeof(answer));
	rig_assert_start(answer, "SIP/2.0 401 ");
	rig_authorize(answer, "102", "pw102", "REGISTER", "sip:example.com", lines, sizeof(lines));
	strcat(lines, rest);
	rig_register_once(from, "102", cseq + 1, lines);
	return rig_take(from);
}

static void a_proxy_may_be_trusted_with_its_path_alone(void **state)
{
	static const struct pbx_trust proxy = { { .family = 4, .ip = { 192, 0, 2, 12 } }, 32 };

	(void)state;
	rig_.config.path_trusts = &proxy;
	rig_.config.path_trust_n = 1;
	rig_run();
	rig_assert_start(proves_with_path(alice, 1), "SIP/2.0 403 Path Leads Elsewhere");
	rig_assert_start(proves_with_path(bob, 3), "SIP/2.0 200 ");
	assert_true(rig_.contacts[0].used);
	invite_from(bob, "102", "example.com", "sip:101@example.com", "p", 1, "");
	rig_assert_start(rig_take(bob), "SIP/2.0 407 ");
}

/* Else any account has our calls sent, with our address as theirs, to whom it likes: a carrier that trusts us. */
static void a_path_leads_to_who_brings_it(void **state)
{
	static const struct pbx_trust trusted = { { .family = 4, .ip = { 192, 0, 2, 12 } }, 32 };
	static const str partner[] = { STR_INIT("two.example") };
	struct addr proxy = rig_addr(50, 5099);
	struct pbx_server_stats stats;

	(void)state;
	rig_.config.auth = false;
	rig_.config.relay_any = true; /* these are for callers whom the rules have judged */
	rig_.config.relay_domains = partner;
	rig_.config.relay_domain_n = 1;
	rig_.config.tls_peers = partner; /* and these for who proves by TLS to be one */
	rig_.config.tls_peer_n = 1;
	rig_run();
	rig_assert_start(by_path(bob, "<sip:p@192.0.2.50;lr>"), "SIP/2.0 403 Path Leads Elsewhere");
	rig_assert_has(rig_.text, "\r\nWarning: 399 tandem \"The first Path must be ");
	rig_assert_start(by_path(bob, "<sip:p@192.0.2.50;lr>, <sip:192.0.2.12;lr>"), "SIP/2.0 403 ");
	rig_assert_start(by_path(bob, "<sip:two.example;lr>"), "SIP/2.0 403 ");
	rig_assert_start(by_path(bob, "<sip:[::ffff:192.0.2.50];lr>"), "SIP/2.0 403 ");
	rig_assert_start(by_path(bob, "<sip:192.0.2.12@192.0.2.50;maddr=192.0.2.12;lr>"), "SIP/2.0 403 ");
	rig_assert_start(by_path(bob, "<sip:"), "SIP/2.0 400 ");
	assert_false(rig_.contacts[0].used);
	pbx_server_stats(rig_.servers[0], &stats);
	assert_int_equal(stats.paths_refused, 5);
	assert_int_equal(stats.refused_registrations, 6);
	/* its own address, by whatever port and transport; what is behind it is its own business */
	rig_assert_start(by_path(proxy, "<sip:p@192.0.2.50:5070;transport=tcp;lr>, <sip:10.1.1.1;lr>"), "SIP/2.0 200 ");
	assert_true(rig_.contacts[0].used);
	rig_stop_servers();
	rig_.config.trusts = &trusted;
	rig_.config.trust_n = 1;
	rig_run();
	rig_assert_start(by_path(bob2, "<sip:two.example;lr>"), "SIP/2.0 403 ");
	rig_assert_start(by_path(bob, "<sip:p@192.0.2.50;lr>"), "SIP/2.0 200 "); /* a neighbour's word */
}

/* A program of this machine binds ourselves. Nobody else can: his Contact is called at the address that he comes from.
 */
static void a_contact_does_not_lead_back_here(void **state)
{
	struct addr here = rig_addr(1, 5066);

	(void)state;
	rig_.config.auth = false;
	rig_run();
	rig_register_once(here, "102", 1, "Contact: <sip:102@192.0.2.1>\r\n");
	rig_assert_start(rig_take(here), "SIP/2.0 403 Contact Leads Back Here");
	rig_register_once(here, "102", 2,
			  "Contact: <sip:102@192.0.2.1:5066>, <sip:x@192.0.2.1:5060;transport=tcp>\r\n");
	rig_assert_start(rig_take(here), "SIP/2.0 403 ");
	rig_register_once(here, "102", 3, "Contact: <sip:102@192.0.2.1:5066>\r\n");
	rig_assert_start(rig_take(here), "SIP/2.0 200 ");
	/* behind a NAT, where others have our address: it is called by its flow */
	rig_register_once(bob, "101", 4, "Contact: <sip:101@192.0.2.1:5060>\r\n");
	rig_assert_start(rig_take(bob), "SIP/2.0 200 ");
	(void)ask("OPTIONS", "sip:101@example.com", "");
	rig_assert_start(rig_take(bob), "OPTIONS sip:101@192.0.2.1:5060 SIP/2.0");
}

/* The mark of what was carried out names the address, too: else who has registered himself reads others' bindings. */
static void what_was_carried_out_is_said_again_of_its_own_address_alone(void **state)
{
	char answer[3000], lines[900], text[2000];

	(void)state;
	rig_run();
	rig_register(alice, "101");
	rig_register_once(bob, "102", 1, "Contact: <sip:102@192.0.2.12:5060>\r\n");
	rig_copy(rig_take(bob), answer, sizeof(answer));
	rig_authorize(answer, "102", "pw102", "REGISTER", "sip:example.com", lines, sizeof(lines));
	strcat(lines, "Contact: <sip:102@192.0.2.12:5060>\r\n");
	rig_register_once(bob, "102", 2, lines);
	rig_assert_start(rig_take(bob), "SIP/2.0 200 ");
	snprintf(text, sizeof(text),
		 "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.12:5060;branch=z9hG4bKr10250602\r\n"
		 "From: <sip:102@example.com>;tag=1\r\nTo: <sip:%s@example.com>\r\nCall-ID: reg-102-5060\r\n"
		 "CSeq: 2 REGISTER\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
		 "102");
	rig_say(bob, text);
	rig_assert_start(rig_take(bob), "SIP/2.0 200 "); /* a repeat, indeed */
	memcpy(strstr(text, "To: <sip:102"), "To: <sip:101", 12);
	rig_say(bob, text);
	rig_assert_start(rig_take(bob), "SIP/2.0 401 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(who_registers_is_challenged_and_then_bound),
		T(who_gives_up_at_others_is_offered_md5_alone_unless_that_is_forbidden),
		T(the_200_waits_for_the_keeper),
		T(a_change_of_two_parts_is_made_wholly_or_not_at_all),
		T(a_keeper_that_does_not_answer_is_not_waited_for_and_told_the_truth_after),
		T(a_phone_that_moves_and_moves_is_never_locked_out),
		T(a_registration_that_cannot_be_kept_is_503),
		T(wrong_passwords_and_unknown_names_look_the_same),
		T(nobody_binds_for_another),
		T(a_request_is_not_taken_twice_with_one_nonce_count),
		T(a_repeat_is_answered_again_and_not_judged_again),
		T(what_was_carried_out_is_said_again_of_its_own_address_alone),
		T(an_old_nonce_is_stale_not_wrong),
		T(bindings_follow_10_3),
		T(bindings_expire),
		T(path_is_kept_and_given_back),
		T(a_long_path_is_gone_wholly),
		T(whatever_refuses_a_registration_is_counted),
		T(a_proxy_may_be_trusted_with_its_path_alone),
		T(a_path_leads_to_who_brings_it),
		T(a_contact_does_not_lead_back_here),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
