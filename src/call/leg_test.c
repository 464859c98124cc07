/* A call against a far end that says whatever the test wants: forks, late offers, wrong dialogs. */
#include "call/test_far.h"

/* ---- forks ---- */

static void of_two_answers_the_first_is_kept_and_the_second_acknowledged_and_hung_up(void **state)
{
	struct world w;

	(void)state;
	start(&w);
	dial(&w);
	answer(&w, "INVITE", "180 Ringing", "one", "");
	answer(&w, "INVITE", "180 Ringing", "two", "");
	answer(&w, "INVITE", "200 OK", "two", SDP);
	assert_int_equal(w.answered, 1);
	assert_int_equal(count(&w, "ACK sip:far-two@", "tag=two"), 1);
	answer(&w, "INVITE", "200 OK", "one", SDP);
	assert_int_equal(count(&w, "ACK sip:far-one@", "tag=one"), 1);
	assert_int_equal(count(&w, "BYE sip:far-one@", "tag=one"), 1);
	assert_int_equal(w.ended, 0);
	assert_int_equal(count(&w, "BYE", "tag=two"), 0);
	/* a repeat of the first gets its ACK once more */
	answer(&w, "INVITE", "200 OK", "two", SDP);
	assert_int_equal(count(&w, "ACK", "tag=two"), 2);
	assert_int_equal(w.answered, 1);
	end(&w);
}

static void a_branch_that_answers_late_does_not_disturb_the_re_invite_in_the_air(void **state)
{
	struct world w;
	char late[4096];

	(void)state;
	start_as(&w, false, 1800);
	dial(&w);
	answer(&w, "INVITE", "180 Ringing", "one", "");
	snprintf(late, sizeof(late), "SIP/2.0 200 OK%s", strchr(w.far.out[0], '\r'));
	answer(&w, "INVITE", "200 OK", "two", SDP);
	assert_int_equal(call_hold(agent_call(w.agent, w.call), true, w.host.now), ERR_NONE);
	test_run(&w.host, USEC_PER_SEC / 10);
	assert_int_equal(count(&w, "INVITE", "CSeq: 2 INVITE"), 1);
	strcpy(say(&w), late);
	test_run(&w.host, USEC_PER_SEC / 10);
	assert_int_equal(count(&w, "ACK sip:far-one@", "CSeq: 1 ACK"), 1); /* 13.2.2.4: the INVITE's own number */
	assert_int_equal(count(&w, "BYE sip:far-one@", "tag=one"), 1);
	answer_with(&w, "INVITE", "422 Session Interval Too Small", "two", "Min-SE: 3600\r\n", "");
	assert_int_equal(count(&w, "INVITE", "CSeq: 3 INVITE"), 1);
	assert_int_equal(count(&w, "BYE", "tag=two"), 0);
	answer(&w, "INVITE", "200 OK", "two", SDP);
	assert_int_equal(count(&w, "ACK", "CSeq: 3 ACK"), 1);
	assert_int_equal(w.ended, 0);
	end(&w);
}

static void early_media_follows_the_branch_that_speaks_last(void **state)
{
	struct world w;

	(void)state;
	start(&w);
	dial(&w);
	answer(&w, "INVITE", "183 Session Progress", "one", SDP);
	assert_int_equal(w.early, 1);
	assert_int_equal(w.host.agreed[0].remote.rtp.port, 4000);
	answer(&w, "INVITE", "183 Session Progress", "two",
	       "v=0\r\no=- 2 2 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\nm=audio 5000 RTP/AVP 8\r\n");
	assert_int_equal(w.early, 2);
	assert_int_equal(w.host.agreed[0].remote.rtp.port, 5000);
	answer(&w, "INVITE", "200 OK", "one", SDP);
	assert_int_equal(w.host.agreed[0].remote.rtp.port, 4000);
	assert_int_equal(w.answered, 1);
	end(&w);
}

/* ---- bad answers ---- */

static void an_answer_without_a_description_ends_what_it_began(void **state)
{
	struct world w;

	(void)state;
	start(&w);
	dial(&w);
	answer(&w, "INVITE", "200 OK", "one", "");
	assert_int_equal(count(&w, "ACK", ""), 1);
	assert_int_equal(count(&w, "BYE", ""), 1);
	answer(&w, "BYE", "200 OK", "one", "");
	assert_int_equal(w.ended, 1);
	assert_int_equal(w.cause, CALL_NO_CODEC);
	assert_int_equal(w.answered, 0);
	end(&w);
}

static void a_description_of_nothing_we_speak_ends_it_too(void **state)
{
	struct world w;

	(void)state;
	start(&w);
	dial(&w);
	answer(&w, "INVITE", "200 OK", "one",
	       "v=0\r\no=- 2 2 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\nm=audio 0 RTP/AVP 8\r\n");
	answer(&w, "BYE", "200 OK", "one", "");
	assert_int_equal(w.cause, CALL_NO_CODEC);
	end(&w);
}

static void a_redirection_is_told_with_its_phrase(void **state)
{
	struct world w;

	(void)state;
	start(&w);
	dial(&w);
	answer(&w, "INVITE", "302 Gone Fishing", "one", "");
	assert_int_equal(w.cause, CALL_FAILED);
	assert_int_equal(w.status, 302);
	assert_int_equal(count(&w, "ACK", ""), 1);
	end(&w);
}

/* ---- late offers (RFC 3261 13.2.1) ---- */

static void an_invite_without_an_offer_gets_ours_and_the_ack_answers_it(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	start(&w);
	they_call(&w, "");
	assert_int_equal(w.answered, 1);
	assert_non_null(strstr(last(&w, "SIP/2.0 200"), "m=audio"));
	assert_int_equal(w.host.connects[0], 0);
	ask(&w, "ACK", 1, our_tag(&w, tag), SDP);
	assert_int_equal(w.host.connects[0], 1);
	assert_int_equal(w.host.agreed[0].remote.rtp.port, 4000);
	end(&w);
}

static void an_ack_that_leaves_our_offer_unanswered_ends_the_call(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	start(&w);
	they_call(&w, "");
	ask(&w, "ACK", 1, our_tag(&w, tag), "");
	assert_int_equal(count(&w, "BYE", ""), 1);
	answer(&w, "BYE", "200 OK", "ft", "");
	assert_int_equal(w.cause, CALL_NO_CODEC);
	end(&w);
}

static void the_callee_says_no_bye_before_the_ack(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	start(&w);
	they_call(&w, SDP);
	our_tag(&w, tag);
	call_hang_up(agent_call(w.agent, w.call), CALL_CAUSE_NONE, w.host.now);
	test_run(&w.host, USEC_PER_SEC);
	assert_int_equal(count(&w, "BYE", ""), 0);
	ask(&w, "ACK", 1, tag, "");
	assert_int_equal(count(&w, "BYE", ""), 1);
	answer(&w, "BYE", "200 OK", "ft", "");
	assert_int_equal(w.ended, 1);
	assert_int_equal(w.cause, CALL_HUNG_UP);
	end(&w);
}

/* ---- inside the dialog ---- */

static void reinvite_and_update_change_the_agreement(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	call_up(&w, tag);
	ask(&w, "INVITE", 2, tag, HOLD_SDP);
	assert_int_equal(w.held, 1);
	assert_non_null(strstr(last(&w, "SIP/2.0 200"), "a=recvonly"));
	ask(&w, "ACK", 2, tag, "");
	ask(&w, "UPDATE", 3, tag, SDP);
	assert_int_equal(w.resumed, 1);
	assert_non_null(strstr(last(&w, "SIP/2.0 200"), "CSeq: 3 UPDATE"));
	ask(&w, "UPDATE", 4, tag, "");
	assert_non_null(strstr(last(&w, "SIP/2.0 200"), "CSeq: 4 UPDATE"));
	/* without an offer: ours comes in the 200 */
	ask(&w, "INVITE", 5, tag, "");
	assert_non_null(strstr(last(&w, "SIP/2.0 200"), "m=audio"));
	ask(&w, "ACK", 5, tag, HOLD_SDP);
	assert_int_equal(w.held, 2);
	assert_int_equal(w.ended, 0);
	end(&w);
}

static void a_bad_offer_in_the_middle_is_refused_and_the_call_goes_on(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	call_up(&w, tag);
	ask(&w, "INVITE", 2, tag, "v=0\r\nrubbish");
	assert_non_null(strstr(last(&w, "SIP/2.0 400"), "CSeq: 2 INVITE"));
	ask(&w, "ACK", 2, tag, "");
	ask(&w, "INVITE", 3, tag,
	    "v=0\r\no=- 1 2 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 9\r\n");
	assert_non_null(strstr(last(&w, "SIP/2.0 488"), "CSeq: 3 INVITE"));
	assert_non_null(strstr(last(&w, "SIP/2.0 488"), "\r\nWarning: 305 tandem \"")); /* 13.3.1.3, RFC 3311 5.2 */
	assert_int_equal(w.host.connects[0], 1);
	assert_int_equal(w.ended, 0);
	end(&w);
}

/* 14.2, RFC 3311 5.2: only offers meet one another. */
static void a_refresh_and_an_offer_of_ours_do_not_collide(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	call_up(&w, tag);
	assert_int_equal(call_hold(agent_call(w.agent, w.call), true, w.host.now), ERR_NONE);
	test_run(&w.host, USEC_PER_SEC / 10);
	assert_non_null(strstr(last(&w, "INVITE"), "a=sendonly"));
	ask_with(&w, "UPDATE", 2, tag, "Supported: timer\r\nSession-Expires: 600;refresher=uac\r\n", "");
	assert_said(&w, "SIP/2.0 200", "Session-Expires: 600;refresher=uac");
	ask(&w, "UPDATE", 3, tag, SDP);
	assert_said(&w, "SIP/2.0 491", "CSeq: 3 UPDATE");
	ask(&w, "INVITE", 4, tag, "");
	assert_said(&w, "SIP/2.0 491", "CSeq: 4 INVITE");
	end(&w);
}

static void one_who_comes_too_early_is_told_to_come_at_some_time(void **state)
{
	unsigned seen = 0;

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		struct world w;
		char tag[600], value[600];
		unsigned after;

		start(&w);
		they_call(&w, SDP);
		our_tag(&w, tag);
		rng_seeded(&w.rng, i);
		ask(&w, "INVITE", 2, tag, SDP); /* our 200 is not acknowledged yet */
		after = (unsigned)atoi(field(last(&w, "SIP/2.0 500"), "Retry-After: ", value));
		assert_in_range(after, 0, 10);
		seen |= 1u << after;
		end(&w);
	}
	assert_true(seen & (seen - 1)); /* not always the same */
}

/* 13.3.1.1: or the proxies on the way give up. */
static void who_rings_long_says_so_each_minute(void **state)
{
	struct world w;

	(void)state;
	start(&w);
	w.answers = false;
	they_call(&w, SDP);
	assert_int_equal(call_ring(agent_call(w.agent, w.call), 180, false, w.host.now), ERR_NONE);
	test_run(&w.host, 59 * USEC_PER_SEC);
	assert_int_equal(count(&w, "SIP/2.0 180", ""), 1);
	test_run(&w.host, 2 * USEC_PER_SEC);
	assert_int_equal(count(&w, "SIP/2.0 180", ""), 2);
	test_run(&w.host, 60 * USEC_PER_SEC);
	assert_int_equal(count(&w, "SIP/2.0 180", ""), 3);
	assert_int_equal(call_answer(agent_call(w.agent, w.call), w.host.now), ERR_NONE);
	test_run(&w.host, 61 * USEC_PER_SEC);
	assert_int_equal(count(&w, "SIP/2.0 180", ""), 3);
	end(&w);
}

static void requests_of_other_dialogs_and_old_numbers_are_refused(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	call_up(&w, tag);
	ask(&w, "BYE", 2, "nobody", "");
	assert_non_null(last(&w, "SIP/2.0 481"));
	assert_int_equal(w.ended, 0);
	ask(&w, "OPTIONS", 10, tag, "");
	assert_non_null(strstr(last(&w, "SIP/2.0 200"), "CSeq: 10 OPTIONS"));
	ask(&w, "BYE", 9, tag, "");
	assert_non_null(strstr(last(&w, "SIP/2.0 500"), "CSeq: 9 BYE"));
	ask(&w, "REFER", 11, tag, "");
	assert_non_null(strstr(last(&w, "SIP/2.0 405"), "Allow: "));
	ask(&w, "INFO", 12, tag, "");
	assert_non_null(strstr(last(&w, "SIP/2.0 200"), "CSeq: 12 INFO"));
	ask(&w, "BYE", 13, tag, "");
	assert_int_equal(w.ended, 1);
	assert_int_equal(w.cause, CALL_HUNG_UP);
	end(&w);
}

static void the_same_invite_by_another_way_is_told_apart(void **state)
{
	struct world w;

	(void)state;
	start(&w);
	w.answers = false;
	they_call(&w, SDP);
	they_call(&w, SDP); /* another branch, the same call */
	assert_non_null(last(&w, "SIP/2.0 482"));
	assert_int_equal(w.incoming, 1);
	end(&w);
}

static void a_caller_who_hangs_up_an_early_dialog_ends_the_ringing(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	start(&w);
	w.answers = false;
	they_call(&w, SDP);
	assert_int_equal(call_ring(agent_call(w.agent, w.call), 180, false, w.host.now), ERR_NONE);
	test_run(&w.host, USEC_PER_SEC / 10);
	ask(&w, "BYE", 2, our_tag(&w, tag), "");
	assert_non_null(strstr(last(&w, "SIP/2.0 487"), "CSeq: 1 INVITE"));
	assert_int_equal(w.ended, 1);
	assert_int_equal(w.cause, CALL_CANCELLED);
	end(&w);
}

static void requests_outside_of_any_call_have_answers(void **state)
{
	struct world w;

	(void)state;
	start(&w);
	ask(&w, "OPTIONS", 1, "", "");
	assert_non_null(strstr(last(&w, "SIP/2.0 200"), "Allow: INVITE"));
	ask(&w, "BYE", 2, "", "");
	assert_non_null(last(&w, "SIP/2.0 481"));
	ask(&w, "MESSAGE", 3, "", "");
	assert_non_null(last(&w, "SIP/2.0 405"));
	ask(&w, "INVITE", 4, "", "not an offer");
	assert_non_null(last(&w, "SIP/2.0 400"));
	assert_int_equal(w.incoming, 0);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_two_answers_the_first_is_kept_and_the_second_acknowledged_and_hung_up),
		cmocka_unit_test(a_branch_that_answers_late_does_not_disturb_the_re_invite_in_the_air),
		cmocka_unit_test(early_media_follows_the_branch_that_speaks_last),
		cmocka_unit_test(an_answer_without_a_description_ends_what_it_began),
		cmocka_unit_test(a_description_of_nothing_we_speak_ends_it_too),
		cmocka_unit_test(a_redirection_is_told_with_its_phrase),
		cmocka_unit_test(an_invite_without_an_offer_gets_ours_and_the_ack_answers_it),
		cmocka_unit_test(an_ack_that_leaves_our_offer_unanswered_ends_the_call),
		cmocka_unit_test(the_callee_says_no_bye_before_the_ack),
		cmocka_unit_test(reinvite_and_update_change_the_agreement),
		cmocka_unit_test(a_bad_offer_in_the_middle_is_refused_and_the_call_goes_on),
		cmocka_unit_test(requests_of_other_dialogs_and_old_numbers_are_refused),
		cmocka_unit_test(the_same_invite_by_another_way_is_told_apart),
		cmocka_unit_test(a_caller_who_hangs_up_an_early_dialog_ends_the_ringing),
		cmocka_unit_test(requests_outside_of_any_call_have_answers),
		cmocka_unit_test(a_refresh_and_an_offer_of_ours_do_not_collide),
		cmocka_unit_test(one_who_comes_too_early_is_told_to_come_at_some_time),
		cmocka_unit_test(who_rings_long_says_so_each_minute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
