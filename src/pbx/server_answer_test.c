#include "pbx/test_phones.h"

/* Answers that cross, come twice or come late. Nobody is asked for a password here. */

static void binds(struct addr from, const char *params)
{
	user_binds(from, "102", params, "");
}

#define RELIABLE "Supported: 100rel\r\n"

static void run_with_two(void)
{
	run_open();
	binds(bob, "");
	binds(bob2, "");
}

static void bob_is_called(const char *call_id, char *invite)
{
	run_open();
	binds(bob, "");
	alice_calls(call_id, RELIABLE);
	takes(bob, invite, "INVITE ");
}

static void alice_cancels(const char *call_id)
{
	char text[600];

	snprintf(text, sizeof(text),
		 "CANCEL sip:102@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKi%s1\r\n"
		 "From: <sip:101@example.com>;tag=from\r\nTo: <sip:102@example.com>\r\nCall-ID: %s\r\n"
		 "CSeq: 1 CANCEL\r\nMax-Forwards: 70\r\n\r\n",
		 call_id, call_id);
	rig_say(alice, text);
	alice_hears("SIP/2.0 200 ");
	rig_assert_has(rig_.text, "CSeq: 1 CANCEL");
}

#define BOB_SAYS  "Contact: <sip:102@192.0.2.12:5060>"
#define BOB2_SAYS "Contact: <sip:102@192.0.2.13:5070>"

/* ---- CANCEL ---- */

static void a_200_that_crosses_the_cancel_is_passed_on(void **state)
{
	char one[4000];

	(void)state;
	bob_is_called("x1", one);
	rig_answer_request(bob, one, 180, "b", "", "");
	alice_cancels("x1");
	rig_assert_start(rig_take(bob), "CANCEL ");
	rig_answer_request(bob, rig_.text, 481, "b", "", "");
	picks_up(bob, one, "b");
	alice_hears("SIP/2.0 200 ");
	rig_assert_has(rig_.text, "CSeq: 1 INVITE");
	no_jobs();
	rig_pass(40 * USEC_PER_SEC);
	nothing_for(alice);
}

static void one_stops_the_other_has_answered_already(void **state)
{
	char one[4000], two[4000];

	(void)state;
	run_with_two();
	alice_calls("x2", RELIABLE);
	takes(bob, one, "INVITE ");
	takes(bob2, two, "INVITE ");
	rig_answer_request(bob, one, 180, "b", "", "");
	rig_answer_request(bob2, two, 180, "b2", "", "");
	alice_cancels("x2");
	refuses(bob, one, 487, "b");
	nothing_for(alice);
	picks_up(bob2, two, "b2");
	alice_hears("SIP/2.0 200 ");
	rig_assert_has(rig_.text, "CSeq: 1 INVITE");
	rig_assert_has(rig_.text, ";tag=b2\r\n");
	no_jobs();
}

static void a_cancel_waits_for_the_phones_first_word(void **state)
{
	char one[4000];

	(void)state;
	bob_is_called("x3", one);
	alice_cancels("x3");
	nothing_for(bob);
	rig_answer_request(bob, one, 100, "", "", "");
	rig_assert_start(rig_take(bob), "CANCEL ");
	refuses(bob, one, 487, "b");
	all_ends_with("SIP/2.0 487 ");
}

static void a_cancelled_phone_that_says_nothing_is_487_in_the_end(void **state)
{
	(void)state;
	run_open();
	binds(bob, "");
	alice_calls("x4", RELIABLE);
	rig_assert_start(rig_take(bob), "INVITE ");
	alice_cancels("x4");
	rig_pass(33 * USEC_PER_SEC);
	all_ends_with("SIP/2.0 487 ");
}

static void a_200_after_the_end_of_all_hurts_nobody(void **state)
{
	char one[4000];

	(void)state;
	bob_is_called("x5", one);
	rig_answer_request(bob, one, 180, "b", "", "");
	alice_cancels("x5");
	rig_pass(33 * USEC_PER_SEC); /* 64 T1 after the CANCEL: given up (9.1) */
	alice_hears("SIP/2.0 487 ");
	rig_forget_sent();
	picks_up(bob, one, "b");
	nothing_for(alice);
	no_jobs();
}

/* ---- time ---- */

/* 16.6 item 11, 16.7 step 2, 16.8 */
static void a_phone_that_rings_for_ever_is_cancelled_and_each_180_gives_it_more_time(void **state)
{
	char one[4000], cancel[4000];

	(void)state;
	bob_is_called("t1", one);
	rig_answer_request(bob, one, 180, "b", "", "");
	rig_pass(rig_.config.ring_for - USEC_PER_SEC);
	rig_answer_request(bob, one, 180, "b", "", "");
	rig_pass(rig_.config.ring_for - USEC_PER_SEC);
	nothing_for(bob);
	rig_answer_request(bob, one, 100, "", "", ""); /* but not a 100 */
	rig_pass(USEC_PER_SEC);
	takes(bob, cancel, "CANCEL ");
	rig_answer_request(bob, cancel, 200, "b", "", "");
	refuses(bob, one, 487, "b");
	all_ends_with("SIP/2.0 487 ");
}

static void a_refusal_at_the_very_end_of_its_time_begins_the_next_group_once(void **state)
{
	char one[4000], two[4000];

	(void)state;
	run_open();
	binds(bob, ";q=1");
	binds(bob2, ";q=0.5");
	alice_calls("t2", RELIABLE);
	takes(bob, one, "INVITE ");
	rig_answer_request(bob, one, 180, "b", "", "");
	rig_pass(rig_.config.hunt_after - 1);
	rig_.now++; /* the answer comes in before the tick that is due now */
	refuses(bob, one, 486, "b");
	rig_pass(0);
	rig_assert_start(rig_take(bob), "ACK ");
	nothing_for(bob); /* no CANCEL */
	takes(bob2, two, "INVITE ");
	nothing_for(bob2);
	refuses(bob2, two, 404, "b2");
	alice_hears("SIP/2.0 4");
	no_jobs();
}

static void an_answer_at_the_very_end_of_its_time_is_the_answer(void **state)
{
	char one[4000];

	(void)state;
	run_open();
	binds(bob, ";q=1");
	binds(bob2, ";q=0.5");
	alice_calls("t3", RELIABLE);
	takes(bob, one, "INVITE ");
	rig_answer_request(bob, one, 180, "b", "", "");
	rig_pass(rig_.config.hunt_after - 1);
	rig_.now++;
	picks_up(bob, one, "b");
	rig_pass(USEC_PER_SEC);
	alice_hears("SIP/2.0 200 ");
	nothing_for(bob);
	nothing_for(bob2);
	no_jobs();
}

/* ---- 200s ---- */

static void a_repeated_200_is_passed_on_each_time_until_its_ack(void **state)
{
	char one[4000];

	(void)state;
	bob_is_called("r1", one);
	picks_up(bob, one, "b");
	all_ends_with("SIP/2.0 200 ");
	for (int i = 0; i < 3; i++) {
		rig_pass(USEC_PER_SEC);
		nothing_for(alice); /* we repeat none by ourselves (13.3.1.4: the callee does) */
		picks_up(bob, one, "b");
		alice_hears("SIP/2.0 200 ");
	}
}

static void in_dialog(struct addr from, const char *method, const char *call_id, const char *route, const char *uri,
		      const char *from_to, unsigned number)
{
	char text[3000];
	static unsigned n;

	snprintf(text, sizeof(text),
		 "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.%u:%u;branch=z9hG4bKd%u\r\nRoute: %s\r\n%s"
		 "Call-ID: %s\r\nCSeq: %u %s\r\nMax-Forwards: 70\r\nRAck: 1 1 INVITE\r\nContent-Length: 0\r\n\r\n",
		 method, uri, from.ip[3], from.port, ++n, route, from_to, call_id, number, method);
	rig_say(from, text);
}

#define ALICE_TO(tag) "From: <sip:101@example.com>;tag=from\r\nTo: <sip:102@example.com>;tag=" tag "\r\n"
#define BOB_TO_ALICE  "From: <sip:102@example.com>;tag=b\r\nTo: <sip:101@example.com>;tag=from\r\n"

static void each_of_two_that_answer_gets_its_own_ack_and_bye(void **state)
{
	char one[4000], two[4000], route[2][600];

	(void)state;
	run_with_two();
	alice_calls("f1", RELIABLE);
	takes(bob, one, "INVITE ");
	takes(bob2, two, "INVITE ");
	picks_up(bob, one, "b");
	picks_up(bob2, two, "b2");
	alice_hears("SIP/2.0 200 ");
	rig_assert_has(rig_.text, ";tag=b\r\n");
	rig_header(rig_.text, "Record-Route", route[0], sizeof(route[0]));
	alice_hears("SIP/2.0 200 ");
	rig_assert_has(rig_.text, ";tag=b2\r\n");
	rig_header(rig_.text, "Record-Route", route[1], sizeof(route[1]));
	in_dialog(alice, "ACK", "f1", route[0], "sip:102@192.0.2.12:5060", ALICE_TO("b"), 1);
	rig_assert_start(rig_take(bob), "ACK sip:102@192.0.2.12:5060 ");
	in_dialog(alice, "ACK", "f1", route[1], "sip:102@192.0.2.13:5070", ALICE_TO("b2"), 1);
	rig_assert_start(rig_take(bob2), "ACK sip:102@192.0.2.13:5070 ");
	in_dialog(alice, "BYE", "f1", route[1], "sip:102@192.0.2.13:5070", ALICE_TO("b2"), 2);
	takes(bob2, two, "BYE sip:102@192.0.2.13:5070 ");
	rig_answer_request(bob2, two, 200, "b2", "", "");
	alice_hears("SIP/2.0 200 ");
	nothing_for(bob);
	no_jobs();
}

static void an_ack_that_was_lost_comes_again_with_the_next_200(void **state)
{
	char one[4000], route[600];

	(void)state;
	bob_is_called("f2", one);
	picks_up(bob, one, "b");
	alice_hears("SIP/2.0 200 ");
	rig_header(rig_.text, "Record-Route", route, sizeof(route));
	/* the first ACK never came; 200 again, ACK again, twice */
	for (int i = 0; i < 2; i++) {
		picks_up(bob, one, "b");
		alice_hears("SIP/2.0 200 ");
		in_dialog(alice, "ACK", "f2", route, "sip:102@192.0.2.12:5060", ALICE_TO("b"), 1);
		rig_assert_start(rig_take(bob), "ACK ");
	}
	no_jobs();
}

static void a_bye_may_come_before_the_ack(void **state)
{
	char one[4000], bye[4000], route[600];

	(void)state;
	bob_is_called("f3", one);
	picks_up(bob, one, "b");
	alice_hears("SIP/2.0 200 ");
	rig_header(rig_.text, "Record-Route", route, sizeof(route));
	in_dialog(bob, "BYE", "f3", route, "sip:101@192.0.2.11:5060", BOB_TO_ALICE, 1);
	takes(alice, bye, "BYE sip:101@192.0.2.11:5060 ");
	rig_answer_request(alice, bye, 200, "from", "", "");
	rig_assert_start(rig_take(bob), "SIP/2.0 200 ");
	in_dialog(alice, "ACK", "f3", route, "sip:102@192.0.2.12:5060", ALICE_TO("b"), 1);
	rig_assert_start(rig_take(bob), "ACK ");
	no_jobs();
}

/* ---- early dialogs, 100rel (RFC 3262) ---- */

static void early_dialogs_of_all_phones_reach_the_caller_and_prack_each_of_them(void **state)
{
	char one[4000], two[4000], prack[4000], route[2][600];

	(void)state;
	run_with_two();
	alice_calls("e1", RELIABLE);
	takes(bob, one, "INVITE ");
	takes(bob2, two, "INVITE ");
	rig_assert_has(one, "\r\nSupported: 100rel\r\n");
	rig_answer_request(bob, one, 183, "b", "Require: 100rel\r\nRSeq: 1\r\n" BOB_SAYS, OFFER);
	rig_answer_request(bob2, two, 180, "b2", "Require: 100rel\r\nRSeq: 1\r\n" BOB2_SAYS, "");
	alice_hears("SIP/2.0 183 ");
	rig_assert_has(rig_.text, ";tag=b\r\n");
	rig_assert_has(rig_.text, "\r\nRSeq: 1\r\n");
	rig_assert_has(rig_.text, "\r\nRequire: 100rel\r\n");
	rig_assert_has(rig_.text, OFFER);
	rig_header(rig_.text, "Record-Route", route[0], sizeof(route[0]));
	alice_hears("SIP/2.0 180 ");
	rig_assert_has(rig_.text, ";tag=b2\r\n");
	rig_header(rig_.text, "Record-Route", route[1], sizeof(route[1]));
	in_dialog(alice, "PRACK", "e1", route[1], "sip:102@192.0.2.13:5070", ALICE_TO("b2"), 2);
	takes(bob2, prack, "PRACK sip:102@192.0.2.13:5070 ");
	rig_assert_has(prack, "\r\nRAck: 1 1 INVITE\r\n");
	rig_answer_request(bob2, prack, 200, "b2", "", "");
	alice_hears("SIP/2.0 200 ");
	rig_assert_has(rig_.text, "CSeq: 2 PRACK");
	in_dialog(alice, "PRACK", "e1", route[0], "sip:102@192.0.2.12:5060", ALICE_TO("b"), 2);
	takes(bob, prack, "PRACK sip:102@192.0.2.12:5060 ");
	rig_answer_request(bob, prack, 200, "b", "", "");
	alice_hears("SIP/2.0 200 ");
	/* the unacknowledged 183 comes again; so it does to the caller */
	rig_answer_request(bob, one, 183, "b", "Require: 100rel\r\nRSeq: 1\r\n" BOB_SAYS, OFFER);
	alice_hears("SIP/2.0 183 ");
	picks_up(bob, one, "b");
	alice_hears("SIP/2.0 200 ");
	rig_assert_start(rig_take(bob2), "CANCEL ");
	rig_answer_request(bob2, two, 180, "b2", "", ""); /* rings on for a moment: the caller has its answer */
	nothing_for(alice);
	refuses(bob2, two, 487, "b2");
	no_jobs();
}

/* ---- what goes with an answer ---- */

static void a_503_becomes_500_and_keeps_what_it_says(void **state)
{
	char one[4000];

	(void)state;
	bob_is_called("a1", one);
	rig_answer_request(bob, one, 503, "b", "Retry-After: 7\r\nWarning: 399 x \"full\"", "");
	alice_hears("SIP/2.0 500 ");
	rig_assert_has(rig_.text, "\r\nRetry-After: 7\r\n");
	rig_assert_has(rig_.text, "\r\nWarning: 399 x \"full\"\r\n");
	no_jobs();
}

static void the_best_answer_is_passed_on_whole(void **state)
{
	char one[4000], two[4000];

	(void)state;
	run_with_two();
	alice_calls("a2", RELIABLE);
	takes(bob, one, "INVITE ");
	takes(bob2, two, "INVITE ");
	refuses(bob, one, 480, "b");
	rig_answer_request(bob2, two, 486, "b2", "Retry-After: 60\r\nReason: Q.850;cause=17", "");
	alice_hears("SIP/2.0 486 ");
	rig_assert_has(rig_.text, ";tag=b2\r\n");
	rig_assert_has(rig_.text, "\r\nRetry-After: 60\r\n");
	rig_assert_has(rig_.text, "\r\nReason: Q.850;cause=17\r\n");
	rig_assert_start(rig_take(bob), "ACK "); /* 17.1.1.3: each refusal hop by hop */
	rig_assert_start(rig_take(bob2), "ACK ");
	no_jobs();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_200_that_crosses_the_cancel_is_passed_on),
		T(one_stops_the_other_has_answered_already),
		T(a_cancel_waits_for_the_phones_first_word),
		T(a_cancelled_phone_that_says_nothing_is_487_in_the_end),
		T(a_200_after_the_end_of_all_hurts_nobody),
		T(a_phone_that_rings_for_ever_is_cancelled_and_each_180_gives_it_more_time),
		T(a_refusal_at_the_very_end_of_its_time_begins_the_next_group_once),
		T(an_answer_at_the_very_end_of_its_time_is_the_answer),
		T(a_repeated_200_is_passed_on_each_time_until_its_ack),
		T(each_of_two_that_answer_gets_its_own_ack_and_bye),
		T(an_ack_that_was_lost_comes_again_with_the_next_200),
		T(a_bye_may_come_before_the_ack),
		T(early_dialogs_of_all_phones_reach_the_caller_and_prack_each_of_them),
		T(a_503_becomes_500_and_keeps_what_it_says),
		T(the_best_answer_is_passed_on_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
