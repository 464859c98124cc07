/* Provisional answers that must arrive: RFC 3262 at both ends. */
#include "call/reliable.h"
#include "call/test_far.h"

static unsigned rseq_of(const struct world *w)
{
	char text[600];

	return (unsigned)strtoul(field(last(w, "SIP/2.0 1"), "RSeq: ", text), NULL, 10);
}

static void prack(struct world *w, unsigned cseq, const char *tag, unsigned rseq, const char *body)
{
	char line[80];

	snprintf(line, sizeof(line), "RAck: %u 1 INVITE\r\n", rseq);
	ask_with(w, "PRACK", cseq, tag, line, body);
}

static void ring(struct world *w, int status, bool early)
{
	assert_int_equal(call_ring(agent_call(w->agent, w->call), status, early, w->host.now), ERR_NONE);
	test_run(&w->host, USEC_PER_SEC / 10);
}

static void rings_for(struct world *w, const char *lines, const char *body, char tag[600])
{
	start(w);
	w->answers = false;
	ask_with(w, "INVITE", 1, "", lines, body);
	assert_int_equal(w->incoming, 1);
	ring(w, 180, false);
	our_tag(w, tag);
}

/* ---- called ---- */

static void who_insists_gets_every_18x_reliably_until_its_prack(void **state)
{
	struct world w;
	char tag[600];
	unsigned rseq;

	(void)state;
	rings_for(&w, "Require: 100rel\r\n", SDP, tag);
	assert_int_equal(count(&w, "SIP/2.0 180", "Require: 100rel"), 1);
	rseq = rseq_of(&w);
	assert_in_range(rseq, 1, 0x7fffffff);
	test_run(&w.host, 4 * USEC_PER_SEC); /* T1, 2 T1, 4 T1: 0.5, 1.5, 3.5 s */
	assert_int_equal(count(&w, "SIP/2.0 180", "Require: 100rel"), 4);
	prack(&w, 2, tag, rseq + 1, "");
	assert_said(&w, "SIP/2.0 481", "CSeq: 2 PRACK");
	prack(&w, 3, tag, rseq, "");
	assert_said(&w, "SIP/2.0 200", "CSeq: 3 PRACK");
	test_run(&w.host, 60 * USEC_PER_SEC);
	assert_int_equal(count(&w, "SIP/2.0 180", ""), 4);
	prack(&w, 4, tag, rseq, "");
	assert_said(&w, "SIP/2.0 481", "CSeq: 4 PRACK"); /* once is enough */
	ring(&w, 183, false);
	assert_int_equal(rseq_of(&w), rseq + 1);
	prack(&w, 5, tag, rseq + 1, "");
	/* 3.: and again every two and a half minutes, as nobody has answered yet */
	test_run(&w.host, 100 * USEC_PER_SEC);
	assert_int_equal(count(&w, "SIP/2.0 183", ""), 1);
	end(&w);
	rings_for(&w, "Require: 100rel\r\n", SDP, tag);
	rseq = rseq_of(&w);
	prack(&w, 2, tag, rseq, "");
	test_run(&w.host, 149 * USEC_PER_SEC);
	assert_int_equal(rseq_of(&w), rseq);
	test_run(&w.host, USEC_PER_SEC);
	assert_int_equal(rseq_of(&w), rseq + 1);
	end(&w);
}

static void without_a_prack_the_call_is_refused_in_the_end(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	rings_for(&w, "Require: 100rel\r\n", SDP, tag);
	test_run(&w.host, 31 * USEC_PER_SEC);
	assert_int_equal(w.ended, 0);
	test_run(&w.host, 2 * USEC_PER_SEC);
	assert_int_equal(count(&w, "SIP/2.0 504", "CSeq: 1 INVITE") > 0, true);
	assert_int_equal(w.ended, 1);
	end(&w);
}

static void the_second_18x_waits_for_the_first(void **state)
{
	struct world w;
	char tag[600];
	unsigned rseq;

	(void)state;
	rings_for(&w, "Require: 100rel\r\n", SDP, tag);
	rseq = rseq_of(&w);
	ring(&w, 183, true);
	assert_int_equal(count(&w, "SIP/2.0 183", ""), 0);
	prack(&w, 2, tag, rseq, "");
	assert_int_equal(count(&w, "SIP/2.0 183", "m=audio"), 1);
	assert_int_equal(rseq_of(&w), rseq + 1);
	end(&w);
}

static void the_2xx_waits_for_the_prack_of_an_answer_and_says_nothing_twice(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	rings_for(&w, "Supported: 100rel\r\n", SDP, tag);
	assert_int_equal(count(&w, "SIP/2.0 180", "RSeq"), 0); /* there is nothing in it that could be lost */
	ring(&w, 183, true);
	assert_int_equal(count(&w, "SIP/2.0 183", "m=audio"), 1);
	assert_int_equal(call_answer(agent_call(w.agent, w.call), w.host.now), ERR_NONE);
	test_run(&w.host, USEC_PER_SEC / 10);
	assert_int_equal(count(&w, "SIP/2.0 200", ""), 0);
	prack(&w, 2, tag, rseq_of(&w), "");
	assert_int_equal(count(&w, "SIP/2.0 200", "CSeq: 2 PRACK"), 1);
	assert_int_equal(count(&w, "SIP/2.0 200", "CSeq: 1 INVITE"), 1);
	assert_null(strstr(last(&w, "SIP/2.0 200"), "m=audio"));
	assert_int_equal(w.answered, 1);
	ask(&w, "ACK", 1, tag, "");
	assert_int_equal(w.ended, 0);
	end(&w);
}

static void an_offer_that_came_late_is_answered_by_the_prack(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	rings_for(&w, "Require: 100rel\r\n", "", tag);
	assert_int_equal(count(&w, "SIP/2.0 180", "m=audio"), 1);
	assert_int_equal(w.host.connects[0], 0);
	prack(&w, 2, tag, rseq_of(&w), SDP);
	assert_said(&w, "SIP/2.0 200", "CSeq: 2 PRACK");
	assert_int_equal(w.host.connects[0], 1);
	assert_int_equal(call_answer(agent_call(w.agent, w.call), w.host.now), ERR_NONE);
	test_run(&w.host, USEC_PER_SEC / 10);
	assert_null(strstr(last(&w, "SIP/2.0 200"), "m=audio"));
	ask(&w, "ACK", 1, tag, "");
	assert_int_equal(w.ended, 0);
	end(&w);
	/* and one that leaves it unanswered ends it */
	rings_for(&w, "Require: 100rel\r\n", "", tag);
	prack(&w, 2, tag, rseq_of(&w), "");
	assert_int_equal(count(&w, "SIP/2.0 488", "CSeq: 1 INVITE"), 1);
	assert_int_equal(w.cause, CALL_NO_CODEC);
	end(&w);
}

static void a_prack_may_bring_a_new_offer_and_an_update_after_it(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	rings_for(&w, "Supported: 100rel\r\n", SDP, tag);
	ask(&w, "UPDATE", 2, tag, SDP); /* RFC 3311 5.2: the first offer has no answer yet */
	assert_said(&w, "SIP/2.0 500", "Retry-After");
	ask(&w, "UPDATE", 3, tag, "");
	assert_said(&w, "SIP/2.0 200", "CSeq: 3 UPDATE");
	ring(&w, 183, true);
	prack(&w, 4, tag, rseq_of(&w), HOLD_SDP);
	assert_said(&w, "SIP/2.0 200", "a=recvonly");
	assert_int_equal(w.held, 1);
	ask(&w, "UPDATE", 5, tag, SDP);
	assert_said(&w, "SIP/2.0 200", "m=audio");
	assert_int_equal(w.resumed, 1);
	prack(&w, 6, tag, 12345, "");
	assert_said(&w, "SIP/2.0 481", "PRACK");
	end(&w);
}

/* ---- calling ---- */

static void each_reliable_18x_is_acknowledged_once_and_in_order(void **state)
{
	struct world w;

	(void)state;
	start(&w);
	dial(&w);
	assert_non_null(strstr(last(&w, "INVITE"), "Supported: 100rel, timer\r\n"));
	answer_with(&w, "INVITE", "180 Ringing", "one", "Require: 100rel\r\nRSeq: 7\r\n", "");
	assert_int_equal(count(&w, "PRACK sip:far-one@", "\r\nRAck: 7 1 INVITE\r\n"), 1);
	answer(&w, "PRACK", "200 OK", "one", "");
	answer_with(&w, "INVITE", "180 Ringing", "one", "Require: 100rel\r\nRSeq: 7\r\n", "");
	assert_int_equal(count(&w, "PRACK", ""), 1);
	assert_int_equal(w.ringing, 1);
	answer_with(&w, "INVITE", "183 Session Progress", "one", "Require: 100rel\r\nRSeq: 9\r\n", SDP); /* 8 is lost */
	assert_int_equal(count(&w, "PRACK", ""), 1);
	assert_int_equal(w.early, 0);
	answer_with(&w, "INVITE", "183 Session Progress", "one", "Require: 100rel\r\nRSeq: 8\r\n", SDP);
	assert_int_equal(count(&w, "PRACK", "\r\nRAck: 8 1 INVITE\r\n"), 1);
	assert_non_null(strstr(last(&w, "PRACK"), "CSeq: 3 PRACK"));
	assert_int_equal(w.early, 1);
	answer(&w, "PRACK", "200 OK", "one", "");
	/* 100 is never reliable, and the 2xx need not repeat the answer */
	answer_with(&w, "INVITE", "100 Trying", "one", "Require: 100rel\r\nRSeq: 9\r\n", "");
	assert_int_equal(count(&w, "PRACK", ""), 2);
	answer(&w, "INVITE", "200 OK", "one", "");
	assert_int_equal(w.answered, 1);
	assert_non_null(strstr(last(&w, "ACK"), "CSeq: 1 ACK"));
	end(&w);
}

static void branches_of_a_fork_count_for_themselves(void **state)
{
	struct world w;

	(void)state;
	start(&w);
	dial(&w);
	answer_with(&w, "INVITE", "180 Ringing", "one", "Require: 100rel\r\nRSeq: 7\r\n", "");
	answer_with(&w, "INVITE", "180 Ringing", "two", "Require: 100rel\r\nRSeq: 70\r\n", "");
	answer_with(&w, "INVITE", "180 Ringing", "one", "Require: 100rel\r\nRSeq: 7\r\n", "");
	answer_with(&w, "INVITE", "183 Session Progress", "one", "Require: 100rel\r\nRSeq: 8\r\n", "");
	assert_int_equal(count(&w, "PRACK sip:far-one@", "RAck: 7 1"), 1);
	assert_int_equal(count(&w, "PRACK sip:far-one@", "RAck: 8 1"), 1);
	assert_int_equal(count(&w, "PRACK sip:far-one@", "CSeq: 3 PRACK"), 1);
	assert_int_equal(count(&w, "PRACK sip:far-two@", "RAck: 70 1"), 1);
	answer(&w, "INVITE", "200 OK", "two", SDP);
	assert_int_equal(w.answered, 1);
	end(&w);
}

static void more_branches_than_are_kept_are_no_harm(void **state)
{
	struct world w;
	char tag[20];

	(void)state;
	start(&w);
	dial(&w);
	for (int i = 0; i < 3 * LEG_FORKS; i++) {
		snprintf(tag, sizeof(tag), "branch%d", i);
		answer(&w, "INVITE", "180 Ringing", tag, "");
	}
	answer(&w, "INVITE", "200 OK", "branch2", SDP);
	assert_int_equal(w.answered, 1);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_insists_gets_every_18x_reliably_until_its_prack),
		cmocka_unit_test(without_a_prack_the_call_is_refused_in_the_end),
		cmocka_unit_test(the_second_18x_waits_for_the_first),
		cmocka_unit_test(the_2xx_waits_for_the_prack_of_an_answer_and_says_nothing_twice),
		cmocka_unit_test(an_offer_that_came_late_is_answered_by_the_prack),
		cmocka_unit_test(a_prack_may_bring_a_new_offer_and_an_update_after_it),
		cmocka_unit_test(each_reliable_18x_is_acknowledged_once_and_in_order),
		cmocka_unit_test(branches_of_a_fork_count_for_themselves),
		cmocka_unit_test(more_branches_than_are_kept_are_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
