/* Session timers of a user agent: RFC 4028, alone and in calls. */
#include "call/session_timer.h"
#include "call/test_far.h"

static struct sip_msg *message(const char *start_line, const char *lines)
{
	char text[1500];
	struct sip_msg *m;

	snprintf(text, sizeof(text),
		 "%s\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>;tag=2\r\n"
		 "Call-ID: 1\r\nCSeq: 1 INVITE\r\n%s\r\n",
		 start_line, lines);
	m = sip_msg_new(str_from(text));
	assert_non_null(m);
	return m;
}

/* What we answer to an INVITE with these lines; "422" where we refuse. */
static const char *agreed(struct session_timer *t, const char *lines)
{
	static char text[200];
	struct sip_msg *m = message("INVITE sip:b@x SIP/2.0", lines);
	struct buf out;

	buf_init(&out, text, sizeof(text) - 1);
	if (session_timer_judge(t, m, &out)) {
		sip_msg_free(m);
		assert_true(str_eq(buf_str(&out), STR("Min-SE: 90\r\n")));
		return "422";
	}
	session_timer_accept(t, &out, 0);
	text[out.n] = 0;
	sip_msg_free(m);
	return text;
}

static void table_2_says_who_refreshes(void **state)
{
	static const struct {
		const char *lines, *answer;
		bool ours;
	} all[] = {
		{ "Session-Expires: 600\r\n", "Session-Expires: 600;refresher=uas\r\n", true },
		{ "Supported: timer\r\nSession-Expires: 600\r\n",
		  "Session-Expires: 600;refresher=uac\r\nRequire: timer\r\n", false },
		{ "Supported: timer\r\nx: 600;refresher=uac\r\n",
		  "Session-Expires: 600;refresher=uac\r\nRequire: timer\r\n", false },
		{ "k: timer\r\nSession-Expires: 600;refresher=UAS\r\n",
		  "Session-Expires: 600;refresher=uas\r\nRequire: timer\r\n", true },
		/* 8.1: a proxy's word, who insists; it is not the caller's */
		{ "Require: timer\r\nSession-Expires: 600\r\n", "Session-Expires: 600;refresher=uas\r\n", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct session_timer t;

		session_timer_init(&t, 0);
		assert_string_equal(agreed(&t, all[i].lines), all[i].answer);
		assert_int_equal(t.interval, 600);
		assert_int_equal(t.ours, all[i].ours);
	}
}

static void ours_is_asked_for_and_theirs_lowered_but_not_below_the_floor(void **state)
{
	struct session_timer t;

	(void)state;
	session_timer_init(&t, 0);
	assert_string_equal(agreed(&t, "Supported: timer\r\n"), "");
	assert_string_equal(agreed(&t, ""), "");
	session_timer_init(&t, 300);
	assert_string_equal(agreed(&t, "Supported: timer\r\n"),
			    "Session-Expires: 300;refresher=uac\r\nRequire: timer\r\n");
	assert_string_equal(agreed(&t, ""), "");
	assert_int_equal(t.interval, 0);
	assert_string_equal(agreed(&t, "Supported: timer\r\nSession-Expires: 3600\r\n"),
			    "Session-Expires: 300;refresher=uac\r\nRequire: timer\r\n");
	assert_string_equal(agreed(&t, "Supported: timer\r\nSession-Expires: 3600\r\nMin-SE: 1000\r\n"),
			    "Session-Expires: 1000;refresher=uac\r\nRequire: timer\r\n");
	assert_string_equal(agreed(&t, "Supported: timer\r\nSession-Expires: 89\r\n"), "422");
	/* who cannot mend it gets the floor */
	assert_string_equal(agreed(&t, "Session-Expires: 5\r\n"), "Session-Expires: 90;refresher=uas\r\n");
	assert_string_equal(agreed(&t, "Session-Expires: rubbish\r\n"), "");
	session_timer_init(&t, 0);
	assert_string_equal(agreed(&t, "Session-Expires: 100000\r\nMin-SE: 90000\r\n"),
			    "Session-Expires: 90000;refresher=uas\r\n");
	assert_string_equal(agreed(&t, "Session-Expires: 100000\r\n"), "Session-Expires: 86400;refresher=uas\r\n");
}

/* What a request of ours would say now. */
static const char *asked(const struct session_timer *t)
{
	static char text[200];
	struct buf out;

	buf_init(&out, text, sizeof(text) - 1);
	session_timer_write_request(t, &out);
	text[out.n] = 0;
	return text;
}

static void their_floor_is_kept_in_our_requests(void **state)
{
	struct session_timer t;

	(void)state;
	session_timer_init(&t, 0);
	agreed(&t, "Supported: timer\r\nSession-Expires: 600;refresher=uas\r\nMin-SE: 300\r\n");
	assert_string_equal(asked(&t), "Session-Expires: 600;refresher=uac\r\nMin-SE: 300\r\n");
	agreed(&t, "Supported: timer\r\nSession-Expires: 600;refresher=uas\r\nMin-SE: 200\r\n");
	assert_string_equal(asked(&t), "Session-Expires: 600;refresher=uac\r\nMin-SE: 300\r\n");
	session_timer_init(&t, 0);
	agreed(&t, "Min-SE: 300\r\n"); /* where nothing runs, too */
	assert_string_equal(asked(&t), "Min-SE: 300\r\n");
	agreed(&t, "Min-SE: 4000000000\r\n");
	assert_string_equal(asked(&t), "Min-SE: 300\r\n");
}

static void what_the_way_to_the_dialog_wanted_counts_no_more_in_it(void **state)
{
	struct sip_msg *m = message("SIP/2.0 422 x", "Min-SE: 2000\r\n");
	struct session_timer t;

	(void)state;
	session_timer_init(&t, 300);
	assert_true(session_timer_raise(&t, m));
	sip_msg_free(m);
	m = message("SIP/2.0 200 OK", "Session-Expires: 2000;refresher=uac\r\nRequire: timer\r\n");
	session_timer_agreed(&t, m, true, 0);
	assert_string_equal(asked(&t), "Session-Expires: 2000;refresher=uac\r\n");
	sip_msg_free(m);
	m = message("SIP/2.0 422 x", "Min-SE: 3000\r\n"); /* what is refused inside it does */
	assert_true(session_timer_raise(&t, m));
	sip_msg_free(m);
	m = message("SIP/2.0 200 OK", "Session-Expires: 3000;refresher=uac\r\nRequire: timer\r\n");
	session_timer_agreed(&t, m, false, 0);
	assert_string_equal(asked(&t), "Session-Expires: 3000;refresher=uac\r\nMin-SE: 3000\r\n");
	sip_msg_free(m);
}

static void a_flood_of_refreshes_is_not_agreed_to(void **state)
{
	struct sip_msg *m = message("SIP/2.0 200 OK", "Session-Expires: 5;refresher=uac\r\nRequire: timer\r\n");
	struct session_timer t;

	(void)state;
	session_timer_init(&t, 300);
	session_timer_agreed(&t, m, true, 0);
	assert_int_equal(t.interval, 90);
	assert_true(t.ours);
	assert_int_equal(session_timer_due(&t), 45 * USEC_PER_SEC);
	sip_msg_free(m);
}

static void half_way_is_refreshed_and_near_the_end_given_up(void **state)
{
	struct session_timer t;

	(void)state;
	session_timer_init(&t, 0);
	agreed(&t, "Session-Expires: 600\r\n");
	assert_int_equal(session_timer_due(&t), 300 * USEC_PER_SEC);
	assert_int_equal(session_timer_tick(&t, 300 * USEC_PER_SEC), SESSION_TIMER_REFRESH);
	assert_int_equal(session_timer_tick(&t, 301 * USEC_PER_SEC), SESSION_TIMER_QUIET);
	assert_int_equal(session_timer_due(&t), 568 * USEC_PER_SEC); /* 10.: 32 s before */
	assert_int_equal(session_timer_tick(&t, 568 * USEC_PER_SEC), SESSION_TIMER_EXPIRED);
	assert_int_equal(session_timer_due(&t), USEC_NEVER);
	agreed(&t, "Session-Expires: 90\r\n");
	assert_int_equal(t.expire_at, 60 * USEC_PER_SEC); /* or a third */
}

static void a_422_is_believed_once_for_each_rise(void **state)
{
	struct session_timer t;
	struct sip_msg *m = message("SIP/2.0 422 Session Interval Too Small", "Min-SE: 2000\r\n");
	char text[200];
	struct buf out;

	(void)state;
	session_timer_init(&t, 300);
	assert_true(session_timer_raise(&t, m));
	assert_false(session_timer_raise(&t, m));
	buf_init(&out, text, sizeof(text) - 1);
	session_timer_write_request(&t, &out);
	assert_true(str_eq(buf_str(&out), STR("Session-Expires: 2000\r\nMin-SE: 2000\r\n")));
	sip_msg_free(m);
	m = message("SIP/2.0 422 x", "Min-SE: 4000000000\r\n");
	assert_false(session_timer_raise(&t, m));
	sip_msg_free(m);
	m = message("SIP/2.0 422 x", "");
	assert_false(session_timer_raise(&t, m));
	sip_msg_free(m);
	/* nor is one that asks for a little more each time */
	session_timer_init(&t, 300);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(text, sizeof(text), "Min-SE: %u\r\n", 301 + i);
		m = message("SIP/2.0 422 x", text);
		assert_int_equal(session_timer_raise(&t, m), i < 8);
		sip_msg_free(m);
	}
}

/* A server on the way asks for a timer, the next one finds it too short. */
static void a_422_to_one_who_asked_for_nothing_is_mended_too(void **state)
{
	struct world w;

	(void)state;
	start(&w);
	dial(&w);
	assert_null(strstr(last(&w, "INVITE"), "Min-SE"));
	answer_with(&w, "INVITE", "422 Session Interval Too Small", "one", "Min-SE: 500\r\n", "");
	assert_int_equal(count(&w, "INVITE", "\r\nMin-SE: 500\r\n"), 1);
	assert_null(strstr(last(&w, "INVITE"), "Session-Expires"));
	end(&w);
}

static void an_update_before_the_answer_does_not_change_what_the_invite_wanted(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	start(&w);
	w.answers = false;
	ask_with(&w, "INVITE", 1, "", "Supported: timer\r\nSession-Expires: 600;refresher=uas\r\n", SDP);
	assert_int_equal(call_ring(agent_call(w.agent, w.call), 180, false, w.host.now), ERR_NONE);
	test_run(&w.host, USEC_PER_SEC / 10);
	our_tag(&w, tag);
	ask_with(&w, "UPDATE", 2, tag, "", "");
	assert_said(&w, "SIP/2.0 200", "CSeq: 2 UPDATE");
	assert_int_equal(call_answer(agent_call(w.agent, w.call), w.host.now), ERR_NONE);
	test_run(&w.host, USEC_PER_SEC / 10);
	assert_said(&w, "SIP/2.0 200", "CSeq: 1 INVITE");
	assert_said(&w, "SIP/2.0 200", "\r\nSession-Expires: 600;refresher=uas\r\n");
	end(&w);
}

static void each_request_of_ours_says_that_we_know_timers(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	call_up_as(&w, true, 0, "", tag);
	assert_int_equal(call_write(agent_call(w.agent, w.call), STR("hello"), w.host.now), ERR_NONE);
	test_run(&w.host, USEC_PER_SEC / 10);
	assert_non_null(strstr(last(&w, "MESSAGE"), "\r\nSupported: 100rel, timer"));
	answer(&w, "MESSAGE", "200 OK", "ft", "");
	call_hang_up(agent_call(w.agent, w.call), CALL_CAUSE_NONE, w.host.now);
	test_run(&w.host, USEC_PER_SEC / 10);
	assert_non_null(strstr(last(&w, "BYE"), "\r\nSupported: 100rel, timer"));
	assert_true(agent_write(w.agent, STR("sip:far@10.0.0.2:5060"), STR("hi"), w.host.now) > 0);
	test_run(&w.host, USEC_PER_SEC / 10);
	assert_non_null(strstr(last(&w, "MESSAGE"), "\r\nSupported: 100rel, timer"));
	assert_non_null(strstr(last(&w, "MESSAGE"), "\r\n\r\nhi"));
	end(&w);
	start(&w);
	dial(&w);
	answer(&w, "INVITE", "200 OK", "two", SDP);
	assert_null(strstr(last(&w, "ACK"), "Supported")); /* "except ACK" */
	end(&w);
}

static void a_refresh_that_is_refused_comes_again_before_it_is_too_late(void **state)
{
	struct world w;
	char tag[600];
	size_t n;

	(void)state;
	call_up_as(&w, false, 0, "Session-Expires: 600;refresher=uas\r\nSupported: timer\r\n", tag);
	test_run(&w.host, 300 * USEC_PER_SEC);
	n = w.far.got_n;
	answer_with(&w, "INVITE", "500 Server Internal Error", "ft", "Retry-After: 7\r\n", "");
	test_run(&w.host, 6 * USEC_PER_SEC);
	assert_int_equal(count(&w, "INVITE", ""), 1);
	test_run(&w.host, USEC_PER_SEC + USEC_PER_SEC / 5);
	assert_int_equal(count(&w, "INVITE", ""), 2);
	answer(&w, "INVITE", "491 Request Pending", "ft", ""); /* 14.1: we were called, so within 2 s */
	test_run(&w.host, 2 * USEC_PER_SEC + USEC_PER_SEC / 5);
	n = count(&w, "INVITE", "CSeq: 3 INVITE");
	assert_true(n > 0);
	answer_with(&w, "INVITE", "200 OK", "ft", "Require: timer\r\nSession-Expires: 600;refresher=uac\r\n", SDP);
	test_run(&w.host, 290 * USEC_PER_SEC);
	assert_int_equal(w.ended, 0);
	/* one who always refuses is not asked without end */
	test_run(&w.host, 11 * USEC_PER_SEC);
	for (unsigned i = 0; i < 4; i++) {
		answer(&w, "INVITE", "491 Request Pending", "ft", "");
		test_run(&w.host, 2 * USEC_PER_SEC + USEC_PER_SEC / 5);
	}
	n = w.far.got_n;
	test_run(&w.host, 90 * USEC_PER_SEC);
	assert_int_equal(w.far.got_n, n);
	test_run(&w.host, 12 * USEC_PER_SEC);
	assert_true(w.far.got_n > n);
	end(&w);
}

/* ---- in calls ---- */

static void we_refresh_by_update_and_hang_up_when_nobody_answers(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	call_up_as(&w, false, 0, "Session-Expires: 100;refresher=uas\r\nSupported: timer\r\nAllow: INVITE, UPDATE\r\n",
		   tag);
	assert_int_equal(count(&w, "SIP/2.0 200", "Session-Expires: 100;refresher=uas"), 1);
	test_run(&w.host, 51 * USEC_PER_SEC);
	assert_int_equal(count(&w, "UPDATE", "Session-Expires: 100;refresher=uac\r\n"), 2); /* and a repeat */
	assert_null(strstr(last(&w, "UPDATE"), "m=audio"));
	assert_non_null(strstr(last(&w, "UPDATE"), "Contact: <sip:us@10.0.0.1:5060>"));
	answer_with(&w, "UPDATE", "200 OK", "ft", "Require: timer\r\nSession-Expires: 100;refresher=uac\r\n", "");
	test_run(&w.host, 48 * USEC_PER_SEC);
	assert_int_equal(count(&w, "BYE", ""), 0);
	test_run(&w.host, 19 * USEC_PER_SEC); /* half of the next one: no answer any more */
	assert_int_equal(count(&w, "BYE", ""), 0);
	test_run(&w.host, 10 * USEC_PER_SEC);
	assert_true(count(&w, "BYE", "") > 0);
	test_run(&w.host, 40 * USEC_PER_SEC);
	assert_int_equal(w.ended, 1);
	assert_int_equal(w.cause, CALL_GONE);
	end(&w);
}

static void without_update_a_reinvite_refreshes(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	call_up_as(&w, false, 0, "Session-Expires: 100;refresher=uas\r\nSupported: timer\r\n", tag);
	test_run(&w.host, 51 * USEC_PER_SEC);
	assert_int_equal(count(&w, "UPDATE", ""), 0);
	assert_non_null(strstr(last(&w, "INVITE"), "m=audio"));
	answer_with(&w, "INVITE", "200 OK", "ft", "Require: timer\r\nSession-Expires: 100;refresher=uac\r\n", SDP);
	assert_int_equal(count(&w, "ACK", ""), 1);
	assert_int_equal(w.held + w.resumed + w.ended, 0);
	test_run(&w.host, 40 * USEC_PER_SEC);
	assert_int_equal(w.ended, 0);
	/* an UPDATE that is refused makes way for one, too */
	end(&w);
	call_up_as(&w, false, 0, "Session-Expires: 100;refresher=uas\r\nSupported: timer\r\nAllow: UPDATE\r\n", tag);
	test_run(&w.host, 50 * USEC_PER_SEC);
	answer(&w, "UPDATE", "501 Not Implemented", "ft", "");
	assert_non_null(strstr(last(&w, "INVITE"), "m=audio"));
	end(&w);
}

static void they_refresh_or_the_call_ends(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	call_up_as(&w, false, 0, "Session-Expires: 120;refresher=uac\r\nSupported: timer\r\n", tag);
	test_run(&w.host, 80 * USEC_PER_SEC);
	ask_with(&w, "UPDATE", 2, tag, "Supported: timer\r\nSession-Expires: 120;refresher=uac\r\n", "");
	assert_said(&w, "SIP/2.0 200", "Session-Expires: 120;refresher=uac\r\n");
	assert_said(&w, "SIP/2.0 200", "Contact: <sip:us@10.0.0.1:5060>");
	test_run(&w.host, 80 * USEC_PER_SEC);
	assert_int_equal(count(&w, "BYE", ""), 0);
	test_run(&w.host, 10 * USEC_PER_SEC);
	assert_true(count(&w, "BYE", "") > 0);
	end(&w);
}

static void too_short_a_session_is_refused(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	start(&w);
	ask_with(&w, "INVITE", 1, "", "Supported: timer\r\nSession-Expires: 60\r\n", SDP);
	assert_said(&w, "SIP/2.0 422", "Min-SE: 90\r\n");
	assert_int_equal(w.incoming, 0);
	end(&w);
	call_up(&w, tag);
	ask_with(&w, "UPDATE", 2, tag, "Supported: timer\r\nSession-Expires: 60\r\n", "");
	assert_said(&w, "SIP/2.0 422", "Min-SE: 90\r\n");
	assert_int_equal(w.ended, 0);
	end(&w);
}

static void a_refused_interval_is_raised_and_the_call_goes_through(void **state)
{
	struct world w;

	(void)state;
	start_as(&w, false, 200);
	dial(&w);
	assert_non_null(strstr(last(&w, "INVITE"), "\r\nSession-Expires: 200\r\n"));
	answer_with(&w, "INVITE", "422 Session Interval Too Small", "one", "Min-SE: 500\r\n", "");
	assert_int_equal(count(&w, "INVITE", "Session-Expires: 500\r\nMin-SE: 500\r\n"), 1);
	assert_int_equal(count(&w, "INVITE", "CSeq: 2 INVITE"), 1);
	answer_with(&w, "INVITE", "200 OK", "two", "Session-Expires: 500;refresher=uac\r\nRequire: timer\r\n", SDP);
	assert_int_equal(w.answered, 1);
	test_run(&w.host, 251 * USEC_PER_SEC);
	assert_int_equal(count(&w, "INVITE", "CSeq: 3 INVITE") > 0, true); /* it never said Allow: UPDATE */
	assert_non_null(strstr(last(&w, "INVITE"), "Session-Expires: 500;refresher=uac"));
	end(&w);
	/* and not for ever */
	start_as(&w, false, 200);
	dial(&w);
	answer_with(&w, "INVITE", "422 Session Interval Too Small", "one", "Min-SE: 500\r\n", "");
	answer_with(&w, "INVITE", "422 Session Interval Too Small", "one", "Min-SE: 500\r\n", "");
	assert_int_equal(w.ended, 1);
	assert_int_equal(w.status, 422);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_2_says_who_refreshes),
		cmocka_unit_test(ours_is_asked_for_and_theirs_lowered_but_not_below_the_floor),
		cmocka_unit_test(their_floor_is_kept_in_our_requests),
		cmocka_unit_test(what_the_way_to_the_dialog_wanted_counts_no_more_in_it),
		cmocka_unit_test(a_flood_of_refreshes_is_not_agreed_to),
		cmocka_unit_test(a_422_to_one_who_asked_for_nothing_is_mended_too),
		cmocka_unit_test(an_update_before_the_answer_does_not_change_what_the_invite_wanted),
		cmocka_unit_test(each_request_of_ours_says_that_we_know_timers),
		cmocka_unit_test(a_refresh_that_is_refused_comes_again_before_it_is_too_late),
		cmocka_unit_test(half_way_is_refreshed_and_near_the_end_given_up),
		cmocka_unit_test(a_422_is_believed_once_for_each_rise),
		cmocka_unit_test(we_refresh_by_update_and_hang_up_when_nobody_answers),
		cmocka_unit_test(without_update_a_reinvite_refreshes),
		cmocka_unit_test(they_refresh_or_the_call_ends),
		cmocka_unit_test(too_short_a_session_is_refused),
		cmocka_unit_test(a_refused_interval_is_raised_and_the_call_goes_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
