#include "pbx/test_phones.h"

/* 199 (RFC 6228): who rang and does not any more, while others do. Nobody is asked for a password here. */

static void rings(struct addr at, char *invite, const char *tag)
{
	takes(at, invite, "INVITE ");
	rig_answer_request(at, invite, 180, tag, "", "");
	rig_assert_start(rig_take(alice), "SIP/2.0 180 ");
}

static void who_knows_199_is_told_which_phone_has_stopped_ringing(void **state)
{
	char one[4000], two[4000];

	(void)state;
	run_open();
	user_binds(bob, "102", "", "");
	user_binds(bob2, "102", "", "");
	alice_calls("n1", "Supported: timer, 199, 100rel\r\n");
	rings(bob, one, "b1");
	rings(bob2, two, "b2");
	rig_answer_request(bob, one, 180, "b1b", "", ""); /* a proxy behind it forks */
	rig_assert_start(rig_take(alice), "SIP/2.0 180 ");
	rig_answer_request(bob, one, 199, "b1b", "", ""); /* and has said so itself */
	rig_assert_start(rig_take(alice), "SIP/2.0 199 ");
	refuses(bob, one, 486, "b1");
	rig_assert_start(rig_take(alice), "SIP/2.0 199 Early Dialog Terminated\r\n");
	rig_assert_has(rig_.text, "\r\nTo: <sip:102@example.com>;tag=b1\r\n");
	rig_assert_has(rig_.text, "\r\nReason: SIP;cause=486;text=\"Busy Here\"\r\n");
	rig_assert_has(rig_.text, "\r\nFrom: <sip:101@example.com>;tag=from\r\n");
	assert_null(strstr(rig_.text, "Require"));
	nothing_for(alice);
	refuses(bob2, two, 603, "b2"); /* the last: the answer itself */
	rig_assert_start(rig_take(alice), "SIP/2.0 603 ");
	no_jobs();
}

static void a_phone_that_was_given_up_or_that_redirects_has_stopped_ringing_too(void **state)
{
	char one[4000], two[4000], three[4000];

	(void)state;
	run_open();
	user_binds(bob, "102", ";q=0.9", "");
	user_binds(bob2, "102", ";q=0.5", "");
	user_binds(rig_addr(15, 5060), "103", "", "");
	alice_calls("n2", "Supported: 199\r\n");
	rings(bob, one, "b1");
	rig_pass(rig_.config.hunt_after);
	rings(bob2, two, "b2");
	refuses(bob, one, 487, "b1");
	rig_assert_start(rig_take(alice), "SIP/2.0 199 ");
	rig_assert_has(rig_.text, ";tag=b1\r\n");
	rig_assert_has(rig_.text, "\r\nReason: SIP;cause=408;");
	rig_answer_request(bob2, two, 302, "b2", "Contact: <sip:103@example.com>", "");
	rig_assert_start(rig_take(alice), "SIP/2.0 199 ");
	rig_assert_has(rig_.text, ";tag=b2\r\n");
	takes(rig_addr(15, 5060), three, "INVITE ");
	rig_answer_request(rig_addr(15, 5060), three, 200, "c", "Contact: <sip:103@192.0.2.15:5060>", "");
	rig_assert_start(rig_take(alice), "SIP/2.0 200 ");
	nothing_for(alice);
	no_jobs();
}

static void nobody_else_is_told(void **state)
{
	static const char *const lines[] = { "", "Supported: timer\r\n", "Supported: 199\r\nRequire: 100rel\r\n" };
	char one[4000], two[4000], id[20];

	(void)state;
	run_open();
	user_binds(bob, "102", "", "");
	user_binds(bob2, "102", "", "");
	for (int i = 0; i < 3; i++) {
		snprintf(id, sizeof(id), "n3%d", i);
		only_acks_for(bob);
		only_acks_for(bob2);
		alice_calls(id, lines[i]);
		rings(bob, one, "b1");
		rings(bob2, two, "b2");
		refuses(bob, one, 486, "b1");
		nothing_for(alice);
		picks_up(bob2, two, "b2");
		rig_assert_start(rig_take(alice), "SIP/2.0 200 ");
	}
	/* nor who hears an answer, of those that are taken back for it; nor who has given up */
	rig_forget_sent();
	alice_calls("n5", "Supported: 199\r\n");
	rings(bob, one, "b1");
	rings(bob2, two, "b2");
	picks_up(bob2, two, "b2");
	rig_assert_start(rig_take(alice), "SIP/2.0 200 ");
	refuses(bob, one, 487, "b1");
	nothing_for(alice);
	rig_forget_sent();
	alice_calls("n6", "Supported: 199\r\n");
	rings(bob, one, "b1");
	rings(bob2, two, "b2");
	rig_say(alice, "CANCEL sip:102@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKin61\r\n"
		       "Max-Forwards: 70\r\nFrom: <sip:101@example.com>;tag=from\r\nTo: <sip:102@example.com>\r\n"
		       "Call-ID: n6\r\nCSeq: 1 CANCEL\r\n\r\n");
	rig_assert_start(rig_take(alice), "SIP/2.0 200 ");
	refuses(bob, one, 487, "b1");
	nothing_for(alice);
	refuses(bob2, two, 487, "b2");
	rig_assert_start(rig_take(alice), "SIP/2.0 487 ");
	no_jobs();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(who_knows_199_is_told_which_phone_has_stopped_ringing),
		T(a_phone_that_was_given_up_or_that_redirects_has_stopped_ringing_too),
		T(nobody_else_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
