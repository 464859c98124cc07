/* Connections under a stack: opened, used again, kept alive, given up. */
#include "sip/test_stack.h"

static void answers_come_back_over_the_connection_and_it_is_used_again(void **state)
{
	(void)state;
	for (size_t piece = 0; piece < 3; piece++) {
		struct rig *r = rig_new(NULL);

		r->on = answer_200;
		r->piece = piece; /* also one and two bytes at a time */
		ask(r, request_text("OPTIONS", "", ""), TRANSPORT_TCP, false);
		settle(r);
		assert_int_equal(count(r, A, SIP_EVENT_RESPONSE), 1);
		ask(r, request_text("OPTIONS", "", ""), TRANSPORT_TCP, false);
		ask(r, request_text("OPTIONS", "", ""), TRANSPORT_TCP, false);
		settle(r);
		assert_int_equal(count(r, A, SIP_EVENT_RESPONSE), 3);
		assert_int_equal(r->accepted, 1);
		assert_int_equal(left(r, A) + left(r, B), 0); /* timers J and K are 0 */
		rig_free(r);
	}
}

static void an_answer_whose_connection_is_gone_opens_one_to_sent_by(void **state)
{
	struct rig *r = rig_new(NULL);

	(void)state;
	ask(r, request_text("INVITE", "", ""), TRANSPORT_TCP, false);
	run_until(r, r->now + 300 * MS); /* 100 has come: A is Proceeding */
	sip_stack_close(r->stack[A], &last(r, A, SIP_EVENT_FLOW_UP)->flow);
	settle(r);
	assert_int_equal(count(r, B, SIP_EVENT_FLOW_GONE), 1);
	reply(r, last(r, B, SIP_EVENT_REQUEST), NULL, 180, "b1", false);
	settle(r);
	assert_int_equal(r->accepted, 2);
	assert_int_equal(last(r, A, SIP_EVENT_RESPONSE)->status, 180);
	rig_free(r);
}

static void a_connection_that_fails_is_said_at_once_for_each_that_waits(void **state)
{
	struct rig *r = rig_new(NULL);

	(void)state;
	r->refuse_tcp = true;
	for (int i = 0; i < 10; i++)
		ask(r, request_text("INVITE", "", ""), TRANSPORT_TCP, false);
	settle(r);
	assert_int_equal(count(r, A, SIP_EVENT_UNREACHABLE), 10);
	assert_int_equal(left(r, A), 0);
	rig_free(r);
}

static const char *long_request(void)
{
	static char extra[2000];

	snprintf(extra, sizeof(extra), "Subject: %1200d\r\n", 1);
	return request_text("OPTIONS", "", extra);
}

static void a_long_request_goes_by_tcp_where_nobody_demanded_udp(void **state)
{
	struct rig *r = rig_new(NULL);

	(void)state;
	r->on = answer_200;
	ask(r, long_request(), TRANSPORT_UDP, true);
	settle(r);
	assert_int_equal(r->accepted, 1);
	assert_non_null(strstr(last(r, B, SIP_EVENT_REQUEST)->text, "Via: SIP/2.0/TCP 10.0.0.1:5060;branch="));
	assert_null(strstr(last(r, B, SIP_EVENT_REQUEST)->text, "rport"));
	assert_int_equal(count(r, A, SIP_EVENT_RESPONSE), 1);
	ask(r, long_request(), TRANSPORT_UDP, false);
	settle(r);
	assert_non_null(strstr(last(r, B, SIP_EVENT_REQUEST)->text, "Via: SIP/2.0/UDP"));
	rig_free(r);
}

static void and_by_udp_after_all_where_tcp_is_refused(void **state)
{
	struct rig *r = rig_new(NULL);

	(void)state;
	r->on = answer_200;
	r->refuse_tcp = true;
	ask(r, long_request(), TRANSPORT_UDP, true);
	run_until(r, r->now + 100 * MS);
	assert_int_equal(count(r, A, SIP_EVENT_RESPONSE), 1);
	assert_int_equal(count(r, A, SIP_EVENT_UNREACHABLE), 0);
	assert_non_null(strstr(last(r, B, SIP_EVENT_REQUEST)->text, "Via: SIP/2.0/UDP 10.0.0.1:5060;branch="));
	assert_non_null(strstr(last(r, B, SIP_EVENT_REQUEST)->text, ";rport\r\n"));
	rig_free(r);
}

static void a_ping_is_answered_and_ours_stays_up_with_its_pong_only(void **state)
{
	struct rig *r = rig_new(NULL);
	struct flow flow;

	(void)state;
	r->on = answer_200;
	ask(r, request_text("OPTIONS", "", ""), TRANSPORT_TCP, false);
	settle(r);
	flow = last(r, A, SIP_EVENT_FLOW_UP)->flow;
	sip_stack_ping(r->stack[A], &flow, r->now);
	settle(r);
	assert_int_equal(count(r, A, SIP_EVENT_PONG), 1);
	run_until(r, r->now + 20000 * MS);
	assert_int_equal(count(r, A, SIP_EVENT_FLOW_GONE), 0);
	rig_free(r);

	r = rig_new(NULL);
	accept(r, HOST_OWN_MAX + 5, 1001);
	bytes(r, HOST_OWN_MAX + 5, STR("\r\n"));
	assert_int_equal(r->sent[B], 0);
	bytes(r, HOST_OWN_MAX + 5, STR("\r\n"));
	assert_int_equal(r->sent[B], 1);
	assert_string_equal(r->last[B], "\r\n");
	sip_stack_ping(r->stack[B], &last(r, B, SIP_EVENT_FLOW_UP)->flow, r->now);
	drain(r, B);
	run_until(r, r->now + 10000 * MS);
	assert_int_equal(count(r, B, SIP_EVENT_FLOW_GONE), 1);
	assert_int_equal(last(r, B, SIP_EVENT_FLOW_GONE)->err, ERR_TIMEOUT);
	rig_free(r);
}

static void an_accepted_connection_serves_requests_to_its_address_unless_it_is_tls(void **state)
{
	struct rig *r = rig_new(NULL);
	struct host_event e = { .kind = HOST_ACCEPTED, .listener = 1001 };
	struct sip_target to = { .addr = where(A) };

	(void)state;
	e.remote = to.addr;
	for (uint32_t tls = 0; tls < 2; tls++) {
		e.id = HOST_OWN_MAX + 1 + tls;
		e.transport = to.transport = tls ? TRANSPORT_TLS : TRANSPORT_TCP;
		sip_stack_recv(r->stack[B], &e, r->now);
		struct flow flow = sip_stack_connect(r->stack[B], &to, r->now);
		assert_int_equal(flow.id == e.id, !tls);
		assert_int_not_equal(flow.id, 0);
	}
	/* One that we opened for one name does not serve another. */
	to.name = STR("a.example");
	struct flow a = sip_stack_connect(r->stack[B], &to, r->now),
		    again = sip_stack_connect(r->stack[B], &to, r->now);
	to.name = STR("b.example");
	struct flow b = sip_stack_connect(r->stack[B], &to, r->now);
	assert_true(a.id == again.id && a.id != b.id);
	rig_free(r);
}

static void a_dawdling_stream_is_closed_but_not_a_carrier_of_the_owners(void **state)
{
	struct rig *r = rig_new(NULL);

	(void)state;
	accept(r, HOST_OWN_MAX + 1, 1001);
	accept(r, HOST_OWN_MAX + 2, 1001);
	accept(r, HOST_OWN_MAX + 3, 0);
	for (int i = 0; i < 25; i++) { /* a byte a second does not help */
		bytes(r, HOST_OWN_MAX + 2,
		      str_head(str_skip(STR("OPTIONS sip:b@c SIP/2.0\r\nA: bbbbbbbbbbbbb"), (size_t)i), 1));
		run_until(r, r->now + 1000 * MS);
	}
	assert_int_equal(count(r, B, SIP_EVENT_FLOW_GONE), 2);
	run_until(r, r->now + 100000000 * MS);
	assert_int_equal(count(r, B, SIP_EVENT_FLOW_GONE), 2);
	bytes(r, HOST_OWN_MAX + 3,
	      STR("OPTIONS sip:b@c SIP/2.0\r\nVia: SIP/2.0/TLS h.invalid;branch=z9hG4bKx\r\nMax-Forwards: 7\r\n"
		  "From: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: "
		  "0\r\n\r\n"));
	assert_int_equal(count(r, B, SIP_EVENT_REQUEST), 1);
	rig_free(r);
}

static void a_message_without_a_known_end_is_refused_and_its_stream_closed(void **state)
{
	struct rig *r = rig_new(NULL);

	(void)state;
	accept(r, HOST_OWN_MAX + 1, 1001);
	bytes(r, HOST_OWN_MAX + 1,
	      STR("OPTIONS sip:b@c SIP/2.0\r\nVia: SIP/2.0/TLS h;branch=z9hG4bKx\r\nMax-Forwards: 7\r\n"
		  "From: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: "
		  "-9\r\n\r\n"));
	settle(r);
	assert_memory_equal(r->last[B], "SIP/2.0 400 ", 12);
	/* answers to what came before it may still be on their way; nothing more is heard */
	assert_int_equal(count(r, B, SIP_EVENT_FLOW_GONE), 0);
	bytes(r, HOST_OWN_MAX + 1,
	      STR("OPTIONS sip:b@c SIP/2.0\r\nVia: SIP/2.0/TLS h;branch=z9hG4bKy\r\nMax-Forwards: 7\r\n"
		  "From: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCall-ID: y\r\nCSeq: 1 OPTIONS\r\nContent-Length: "
		  "0\r\n\r\n"));
	settle(r);
	run_until(r, r->now + 2000 * MS);
	assert_int_equal(count(r, B, SIP_EVENT_FLOW_GONE), 1);
	assert_int_equal(count(r, B, SIP_EVENT_REQUEST), 0);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_come_back_over_the_connection_and_it_is_used_again),
		cmocka_unit_test(an_answer_whose_connection_is_gone_opens_one_to_sent_by),
		cmocka_unit_test(a_connection_that_fails_is_said_at_once_for_each_that_waits),
		cmocka_unit_test(a_long_request_goes_by_tcp_where_nobody_demanded_udp),
		cmocka_unit_test(and_by_udp_after_all_where_tcp_is_refused),
		cmocka_unit_test(a_ping_is_answered_and_ours_stays_up_with_its_pong_only),
		cmocka_unit_test(an_accepted_connection_serves_requests_to_its_address_unless_it_is_tls),
		cmocka_unit_test(a_dawdling_stream_is_closed_but_not_a_carrier_of_the_owners),
		cmocka_unit_test(a_message_without_a_known_end_is_refused_and_its_stream_closed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
