/* Messages that go on without a transaction here: to another worker, statelessly. */
#include "sip/test_stack.h"

static void two_workers(struct sip_stack_config *c)
{
	c->worker_n = 2;
}

static void a_call_of_another_worker_is_handed_over_and_its_answer_carried_back(void **state)
{
	struct rig *r = rig_new(two_workers);
	struct host_event e = { .kind = HOST_DATAGRAM, .id = 1000, .transport = TRANSPORT_UDP };
	struct sip_stack_config c = sip_stack_config_default();
	struct sip_reply ok = { .status = 200 };
	struct sip_stack *other;
	struct sip_event ev;
	char text[500];
	int i = -1;

	(void)state;
	c.rng = &r->rng;
	c.id_first = 1000;
	c.worker = 1;
	c.worker_n = 2;
	other = sip_stack_new(&c);
	do {
		snprintf(text, sizeof(text),
			 "OPTIONS sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKf\r\nMax-Forwards: 7\r\n"
			 "From: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\ni : %d\r\nCSeq: 1 OPTIONS\r\n\r\n",
			 ++i);
	} while (sip_transport_worker(sip_transport_call_id(str_from(text)), 2) != 1);
	e.remote = where(A);
	e.bytes = str_from(text);
	sip_stack_recv(r->stack[B], &e, r->now);
	assert_true(sip_stack_next(r->stack[B], &ev, r->now));
	assert_int_equal(ev.kind, SIP_EVENT_FOREIGN);
	assert_int_equal(ev.worker, 1);
	sip_stack_take(other, &ev.flow, ev.bytes, r->now);
	assert_true(sip_stack_next(other, &ev, r->now));
	assert_int_equal(ev.kind, SIP_EVENT_REQUEST);
	assert_int_equal(sip_stack_reply(other, ev.server, ev.msg, &ok, false, r->now), ERR_NONE);
	assert_true(sip_stack_next(other, &ev, r->now));
	assert_int_equal(ev.kind, SIP_EVENT_CARRY);
	assert_int_equal(ev.flow.worker, 0);
	struct sip_target target = { .flow = ev.flow };
	struct sip_draft draft = { .text = ev.bytes };
	assert_int_equal(sip_stack_write(r->stack[B], &target, &draft, r->now), ERR_NONE);
	drain(r, B);
	assert_memory_equal(r->last[B], "SIP/2.0 200 ", 12);
	sip_stack_free(other);
	rig_free(r);
}

static void a_request_is_forwarded_with_our_via_on_top_and_its_answer_without(void **state)
{
	struct rig *r = rig_new(NULL);
	struct host_event e = { .kind = HOST_DATAGRAM, .id = 1000, .transport = TRANSPORT_UDP };
	struct sip_event ev;
	struct sip_edits edits;

	(void)state;
	e.remote = addr_v4(10, 0, 0, 7, 5062);
	e.bytes = STR(
		"INVITE sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP h:5;branch=z9hG4bKf;rport\r\nMax-Forwards: 7\r\n"
		"From: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n");
	sip_stack_recv(r->stack[A], &e, r->now);
	assert_true(sip_stack_next(r->stack[A], &ev, r->now));
	sip_edits_init(&edits);
	sip_edits_note(&edits, SIP_EDIT_URI, SIP_OTHER, STR("sip:bob@10.0.0.2"));
	struct sip_outgoing o = { .draft = { .msg = ev.msg, .edits = &edits } };
	o.target.transport = TRANSPORT_UDP;
	o.target.addr = where(B);
	assert_int_not_equal(sip_stack_request(r->stack[A], &o, r->now), 0);
	r->on = ring;
	settle(r);
	const char *at_b = last(r, B, SIP_EVENT_REQUEST)->text;
	assert_memory_equal(at_b, "INVITE sip:bob@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK",
			    78);
	assert_non_null(strstr(at_b, "received=10.0.0.7"));
	assert_non_null(strstr(at_b, "rport=5062"));
	assert_int_equal(last(r, A, SIP_EVENT_RESPONSE)->status, 180);
	rig_free(r);
}

static void stateless(struct sip_stack_config *c)
{
	c->stateless = true;
}

static void a_stateless_stack_keeps_nothing(void **state)
{
	struct rig *r = rig_new(stateless);

	(void)state;
	options(r, 1);
	options(r, 1);
	assert_int_equal(count(r, B, SIP_EVENT_REQUEST), 2);
	assert_int_equal(last(r, B, SIP_EVENT_REQUEST)->server, 0);
	assert_int_equal(left(r, B), 0);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_of_another_worker_is_handed_over_and_its_answer_carried_back),
		cmocka_unit_test(a_request_is_forwarded_with_our_via_on_top_and_its_answer_without),
		cmocka_unit_test(a_stateless_stack_keeps_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
