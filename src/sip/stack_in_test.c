/* What comes in from clients of all ages: where answers go, what is malformed, what belongs to nothing. */
#include "sip/test_stack.h"

static void without_rport_answers_go_to_the_port_of_sent_by(void **state)
{
	struct rig *r = rig_new(NULL);
	struct host_want w;
	struct sip_event ev;
	struct host_event e = { .kind = HOST_DATAGRAM, .id = 1000, .transport = TRANSPORT_UDP };
	struct sip_reply ok = { .status = 200 };

	(void)state;
	e.remote = addr_v4(10, 0, 0, 1, 7777);
	for (int rport = 0; rport < 2; rport++) {
		char text[500];

		snprintf(
			text, sizeof(text),
			"OPTIONS sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9:5099%s;branch=z9hG4bK%d;maddr=1.2.3.4\r\n"
			"Max-Forwards: 7\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCall-ID: x\r\nCSeq: 1 "
			"OPTIONS\r\n\r\n",
			rport ? ";rport" : "", rport);
		e.bytes = str_from(text);
		sip_stack_recv(r->stack[B], &e, r->now);
		assert_true(sip_stack_next(r->stack[B], &ev, r->now));
		assert_int_equal(sip_stack_reply(r->stack[B], ev.server, ev.msg, &ok, false, r->now), ERR_NONE);
		assert_true(sip_stack_want(r->stack[B], &w));
		assert_int_equal(w.remote.port, rport ? 7777 : 5099);
		assert_int_equal(w.remote.ip[3], 1);
	}
	rig_free(r);
}

static void an_rfc_2543_client_is_matched_by_its_request(void **state)
{
	static const char form[] =
		"%s sip:bob@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5060\r\nFrom: <sip:a@b>;tag=1\r\n"
		"To: <sip:b@c>%s\r\nCall-ID: old\r\nCSeq: 5 %s\r\nMax-Forwards: 7\r\n\r\n";
	struct rig *r = rig_new(NULL);
	char text[600];

	(void)state;
	r->on = answer_486;
	snprintf(text, sizeof(text), form, "INVITE", "", "INVITE");
	feed(r, B, text);
	feed(r, B, text);
	assert_int_equal(count(r, B, SIP_EVENT_REQUEST), 1);
	assert_int_equal(r->sent[B], 2);
	snprintf(text, sizeof(text), form, "ACK", ";tag=b1", "ACK");
	feed(r, B, text);
	run_until(r, r->now + 4000 * MS);
	assert_int_equal(r->sent[B], 2); /* the ACK was known */
	rig_free(r);
}

static void a_malformed_request_is_refused_and_a_malformed_ack_is_not(void **state)
{
	struct rig *r = rig_new(NULL);

	(void)state;
	feed(r, B,
	     "OPTIONS sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKm\r\nFrom: <sip:a@b>;tag=1\r\nTo: "
	     "<sip:b@c>\r\n"
	     "Call-ID: x\r\nCSeq: 1 INVITE\r\nMax-Forwards: 7\r\n\r\n");
	assert_memory_equal(r->last[B], "SIP/2.0 400 ", 12);
	feed(r, B,
	     "ACK sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKn\r\nFrom: <sip:a@b>;tag=1\r\nTo: "
	     "<sip:b@c>\r\n"
	     "Call-ID: x\r\nCSeq: 1 INVITE\r\nMax-Forwards: 7\r\n\r\n");
	feed(r, B, "\r\n\r\n");
	feed(r, B, "rubbish");
	feed(r, B, "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1\r\n\r\n");
	assert_int_equal(r->sent[B], 1);
	assert_int_equal(r->seen_n, 0);
	rig_free(r);
}

static void a_response_of_no_transaction_is_a_stray_even_with_a_branch_like_ours(void **state)
{
	struct rig *r = rig_new(NULL);
	char *forged;

	(void)state;
	r->on = ring;
	ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	settle(r);
	forged = strstr(last(r, A, SIP_EVENT_RESPONSE)->text, "z9hG4bK") + 30;
	*forged = *forged == '0' ? '1' : '0';
	feed(r, A, last(r, A, SIP_EVENT_RESPONSE)->text);
	assert_int_equal(count(r, A, SIP_EVENT_STRAY), 1);
	assert_int_equal(count(r, A, SIP_EVENT_RESPONSE), 1);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_rport_answers_go_to_the_port_of_sent_by),
		cmocka_unit_test(an_rfc_2543_client_is_matched_by_its_request),
		cmocka_unit_test(a_malformed_request_is_refused_and_a_malformed_ack_is_not),
		cmocka_unit_test(a_response_of_no_transaction_is_a_stray_even_with_a_branch_like_ours),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
