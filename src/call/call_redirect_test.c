/* A caller who is told to go elsewhere goes there (RFC 3261 8.1.3.4), within bounds. */
#include "call/test_far.h"

static void moved(struct world *w, const char *status, const char *contacts)
{
	char lines[1500];

	snprintf(lines, sizeof(lines), "%s", contacts);
	answer_with(w, "INVITE", status, "one", lines, "");
}

/* answer_with puts a Contact of its own, which is the least wanted here: it has no q. */
static void the_best_address_is_tried_first_then_the_others(void **state)
{
	struct world w;
	char first[600], second[600];

	(void)state;
	start_as(&w, true, 0);
	dial(&w);
	field(last(&w, "INVITE"), "Call-ID: ", first);
	moved(&w, "302 Moved Temporarily",
	      "Contact: <sip:low@10.0.0.2>;q=0.2\r\nContact: <sip:high@10.0.0.2>, <mailto:x@y>, "
	      "<sip:h@10.0.0.2?Subject=x>\r\n");
	/* the plain one of the answer comes first among equals */
	assert_int_equal(count(&w, "INVITE sip:far-one@10.0.0.2:5060 ", "CSeq: 2 INVITE"), 1);
	field(last(&w, "INVITE"), "Call-ID: ", second);
	assert_string_equal(first, second);
	assert_int_equal(w.ended, 0);
	moved(&w, "301 Moved Permanently", "Contact: <sip:other@10.0.0.2>;q=0.9\r\n");
	assert_int_equal(count(&w, "INVITE sip:other@10.0.0.2 ", "CSeq: 3 INVITE"), 1);
	answer(&w, "INVITE", "200 OK", "three", SDP);
	assert_int_equal(w.answered, 1);
	assert_int_equal(w.ended, 0);
	end(&w);
}

static void nobody_is_sent_in_circles(void **state)
{
	struct world w;
	char contact[100];

	(void)state;
	start_as(&w, true, 0);
	dial(&w);
	for (int i = 0; i < 10 && !w.ended; i++) {
		snprintf(contact, sizeof(contact), "Contact: <sip:next%d@10.0.0.2>;q=1.0\r\n", i);
		moved(&w, "302 Moved Temporarily", contact);
	}
	assert_int_equal(w.ended, 1);
	assert_int_equal(w.status, 302);
	assert_in_range(count(&w, "INVITE", ""), 5, 6);
	end(&w);
}

static void only_where_it_may_and_only_to_where_it_can(void **state)
{
	struct world w;

	(void)state;
	start(&w); /* an edge, say: whom it may call is not the far side's to choose */
	dial(&w);
	moved(&w, "302 Moved Temporarily", "Contact: <sip:x@10.0.0.2>\r\n");
	assert_int_equal(w.ended, 1);
	assert_int_equal(count(&w, "INVITE", ""), 1);
	end(&w);
	start_as(&w, true, 0);
	dial(&w);
	moved(&w, "305 Use Proxy", "Contact: <sip:x@10.0.0.2>\r\n");
	assert_int_equal(w.ended, 1);
	assert_int_equal(count(&w, "INVITE", ""), 1);
	end(&w);
}

static void who_hangs_up_meanwhile_is_not_redirected(void **state)
{
	struct world w;

	(void)state;
	start_as(&w, true, 0);
	dial(&w);
	answer(&w, "INVITE", "180 Ringing", "one", "");
	call_hang_up(agent_call(w.agent, w.call), CALL_CAUSE_NONE, w.host.now);
	test_run(&w.host, USEC_PER_SEC / 10);
	moved(&w, "302 Moved Temporarily", "Contact: <sip:x@10.0.0.2>\r\n");
	assert_int_equal(count(&w, "INVITE", ""), 1);
	assert_int_equal(w.cause, CALL_CANCELLED);
	end(&w);
}

/* The dialog that a PRACK was sent in has gone with the first try. */
static void what_was_asked_of_the_first_try_is_not_asked_again(void **state)
{
	struct world w;

	(void)state;
	start_as(&w, true, 0);
	dial(&w);
	answer_with(&w, "INVITE", "183 Session Progress", "one", "Require: 100rel\r\nRSeq: 7\r\n", "");
	assert_int_equal(count(&w, "PRACK", ""), 1);
	moved(&w, "302 Moved Temporarily", "Contact: <sip:other@10.0.0.2>;q=1.0\r\n");
	assert_int_equal(count(&w, "INVITE", ""), 2);
	answer_with(&w, "PRACK", "401 Unauthorized", "one",
		    "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=MD5, qop=\"auth\"\r\n", "");
	assert_int_equal(count(&w, "PRACK", ""), 1);
	answer(&w, "INVITE", "200 OK", "two", SDP);
	assert_int_equal(w.answered, 1);
	end(&w);
}

/* RFC 5630: sips promises TLS on every hop, the last one too. */
static void sips_neither_comes_in_nor_goes_out_by_datagram(void **state)
{
	struct world w;

	(void)state;
	start_as(&w, true, 0);
	(void)agent_dial(w.agent, &(struct agent_dialling){ .target = STR("sips:far@10.0.0.2") }, w.host.now);
	test_run(&w.host, USEC_PER_SEC / 10);
	assert_int_equal(w.ended, 1);
	assert_int_equal(w.cause, CALL_NO_ROUTE);
	assert_int_equal(count(&w, "INVITE", ""), 0);
	snprintf(say(&w), 4096,
		 "INVITE sips:us@10.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bKs\r\n"
		 "Max-Forwards: 70\r\nFrom: <sip:far@10.0.0.2>;tag=ft\r\nTo: <sips:us@10.0.0.1>\r\nCall-ID: s\r\n"
		 "CSeq: 1 INVITE\r\nContact: <sip:far@10.0.0.2:5060>\r\nContent-Length: 0\r\n\r\n");
	test_run(&w.host, USEC_PER_SEC / 10);
	assert_said(&w, "SIP/2.0 480 ", "\r\nWarning: 380 ");
	assert_int_equal(w.incoming, 0);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_best_address_is_tried_first_then_the_others),
		cmocka_unit_test(nobody_is_sent_in_circles),
		cmocka_unit_test(only_where_it_may_and_only_to_where_it_can),
		cmocka_unit_test(who_hangs_up_meanwhile_is_not_redirected),
		cmocka_unit_test(what_was_asked_of_the_first_try_is_not_asked_again),
		cmocka_unit_test(sips_neither_comes_in_nor_goes_out_by_datagram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
