#include "sip/stack.h"

#include "sip/test_stack.h"

/* ---- tests ---- */

static void a_request_finds_its_answer_and_everything_is_forgotten(void **state)
{
	struct rig *r = rig_new(NULL);

	(void)state;
	r->on = answer_200;
	assert_int_not_equal(ask(r, request_text("OPTIONS", "", ""), TRANSPORT_UDP, false), 0);
	settle(r);
	assert_int_equal(r->seen_n, 2);
	assert_int_equal(r->seen[0].kind, SIP_EVENT_REQUEST);
	assert_int_equal(r->seen[1].kind, SIP_EVENT_RESPONSE);
	assert_int_equal(r->seen[1].status, 200);
	assert_int_equal(r->seen[1].cookie, 42);
	assert_non_null(strstr(r->seen[1].text, "rport=5060"));
	assert_non_null(strstr(r->seen[1].text, "received=10.0.0.1"));
	run_until(r, r->now + 5000 * MS);
	assert_int_equal(left(r, A), 0); /* timer K */
	run_until(r, r->now + 27000 * MS);
	assert_int_equal(left(r, B), 0); /* timer J */
	assert_int_equal(r->seen_n, 2);
	rig_free(r);
}

static void lost_datagrams_are_made_good_by_repeats(void **state)
{
	struct rig *r = rig_new(NULL);

	(void)state;
	r->on = answer_200;
	r->lose[A] = 2;
	r->lose[B] = 1;
	ask(r, request_text("OPTIONS", "", ""), TRANSPORT_UDP, false);
	run_until(r, r->now + 20000 * MS);
	assert_int_equal(count(r, B, SIP_EVENT_REQUEST), 1); /* the TU hears of it once */
	assert_int_equal(count(r, A, SIP_EVENT_RESPONSE), 1);
	assert_int_equal(r->sent[A], 4);
	assert_int_equal(r->sent[B], 2);
	assert_true(r->seen[1].at == 1000000 * MS + 3500 * MS);
	rig_free(r);
}

static void silence_ends_in_timeout(void **state)
{
	struct rig *r = rig_new(NULL);

	(void)state;
	r->lose[A] = 1000;
	ask(r, request_text("OPTIONS", "", ""), TRANSPORT_UDP, false);
	ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	run_until(r, r->now + 31999 * MS);
	assert_int_equal(r->seen_n, 0);
	run_until(r, r->now + 1 * MS);
	assert_int_equal(count(r, A, SIP_EVENT_TIMEOUT), 2);
	assert_int_equal(r->sent[A], 11 + 7);
	assert_int_equal(left(r, A), 0);
	rig_free(r);
}

static void icmp_ends_it_at_once_and_one_event_each(void **state)
{
	struct rig *r = rig_new(NULL);

	(void)state;
	r->dead = true;
	for (int i = 0; i < 10; i++)
		ask(r, request_text(i & 1 ? "INVITE" : "OPTIONS", "", ""), TRANSPORT_UDP, false);
	settle(r);
	assert_int_equal(count(r, A, SIP_EVENT_UNREACHABLE), 10);
	assert_int_equal(left(r, A), 0);
	rig_free(r);
}

static void a_slow_user_is_covered_by_100(void **state)
{
	struct rig *r = rig_new(NULL);

	(void)state;
	ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	run_until(r, r->now + 300 * MS);
	assert_int_equal(last(r, A, SIP_EVENT_RESPONSE)->status, 100);
	assert_null(strstr(last(r, A, SIP_EVENT_RESPONSE)->text, ";tag=b"));
	run_until(r, r->now + 10000 * MS);
	assert_int_equal(r->sent[A], 1);
	rig_free(r);
}

static void a_refusal_is_acknowledged_by_the_stack_and_repeated_while_the_ack_is_lost(void **state)
{
	struct rig *r = rig_new(NULL);

	(void)state;
	r->on = answer_486;
	ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	settle(r);
	assert_memory_equal(r->last[A], "ACK sip:bob@10.0.0.2 SIP/2.0\r\n", 30);
	assert_non_null(strstr(r->last[A], "To: <sip:bob@10.0.0.2>;tag=b1"));
	assert_non_null(strstr(r->last[A], "CSeq: 1 ACK"));
	run_until(r, r->now + 1000 * MS);
	assert_int_equal(r->sent[B], 1);
	run_until(r, r->now + 40000 * MS);
	assert_int_equal(left(r, A) + left(r, B), 0);
	assert_int_equal(count(r, A, SIP_EVENT_RESPONSE), 1);
	rig_free(r);

	r = rig_new(NULL);
	r->on = answer_486;
	ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	drain(r, A);
	r->lose[A] = 2; /* both ACKs */
	run_until(r, r->now + 30000 * MS);
	assert_int_equal(r->sent[A], 1 + 3);
	assert_int_equal(r->sent[B], 3);
	assert_int_equal(count(r, A, SIP_EVENT_RESPONSE), 1);
	rig_free(r);
}

static void a_refusal_that_nobody_acknowledges_is_said_to_the_user(void **state)
{
	struct rig *r = rig_new(NULL);

	(void)state;
	r->on = answer_486;
	ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	drain(r, A);
	r->lose[A] = 1000;
	run_until(r, r->now + 32000 * MS);
	assert_int_equal(count(r, B, SIP_EVENT_UNACKED), 1);
	assert_int_equal(r->sent[B], 11);
	rig_free(r);
}

static void a_held_2xx_is_repeated_until_its_ack_which_the_user_hears_of(void **state)
{
	struct rig *r = rig_new(NULL);
	handle h;

	(void)state;
	r->on = answer_200;
	h = ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	run_until(r, r->now + 2000 * MS);
	assert_int_equal(r->sent[B], 3);
	assert_int_equal(count(r, A, SIP_EVENT_RESPONSE), 3); /* nobody has acknowledged */
	ack(r, h, "b1");
	settle(r);
	assert_int_equal(count(r, B, SIP_EVENT_ACK), 1);
	assert_true(last(r, B, SIP_EVENT_ACK)->server == r->seen[0].server);
	run_until(r, r->now + 20000 * MS);
	assert_int_equal(r->sent[B], 3);
	rig_free(r);
}

static void a_lost_ack_is_sent_again_by_the_stack_for_a_repeated_2xx(void **state)
{
	struct rig *r = rig_new(NULL);
	handle h;

	(void)state;
	r->on = answer_200;
	h = ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	settle(r);
	r->lose[A] = 2;
	ack(r, h, "b1");
	run_until(r, r->now + 10000 * MS);
	assert_int_equal(count(r, A, SIP_EVENT_RESPONSE), 1); /* the user hears nothing of it */
	assert_int_equal(count(r, B, SIP_EVENT_ACK), 1);
	assert_int_equal(r->sent[B], 3);
	assert_int_equal(r->sent[A], 1 + 3);
	rig_free(r);
}

static void a_2xx_whose_ack_never_comes_is_said_to_the_user(void **state)
{
	struct rig *r = rig_new(NULL);
	handle h;

	(void)state;
	r->on = answer_200;
	h = ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	settle(r);
	r->lose[A] = 1000;
	ack(r, h, "b1");
	run_until(r, r->now + 32000 * MS);
	assert_int_equal(count(r, B, SIP_EVENT_UNACKED), 1);
	assert_int_equal(left(r, A) + left(r, B), 0);
	rig_free(r);
}

/* As a forking proxy passes them on: two 2xx with different tags through one server transaction. */
static void answer_twice(struct rig *r, const struct seen *s, struct sip_msg *msg)
{
	if (s->kind != SIP_EVENT_REQUEST)
		return;
	reply(r, s, msg, 200, "b1", false);
	reply(r, s, msg, 200, "b2", false);
}

static void forked_2xx_both_reach_the_user_and_each_has_its_own_ack(void **state)
{
	struct rig *r = rig_new(NULL);
	handle h;

	(void)state;
	r->on = answer_twice;
	h = ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	settle(r);
	assert_int_equal(count(r, A, SIP_EVENT_RESPONSE), 2);
	assert_non_null(strstr(last(r, A, SIP_EVENT_RESPONSE)->text, "tag=b2"));
	ack(r, h, "b1");
	ack(r, h, "b2");
	settle(r);
	assert_int_equal(count(r, B, SIP_EVENT_ACK), 2);
	assert_int_equal(last(r, B, SIP_EVENT_ACK)->server, 0); /* not held: a proxy forwards it */
	/* The first leg says its 2xx again: its ACK is repeated, not the other's. */
	struct sip_reply again = { .status = 200, .to_tag = STR("b1") };
	(void)again;
	struct sip_draft d = { .text = str_from(r->seen[1].text) };
	assert_int_equal(sip_stack_respond(r->stack[B], r->seen[0].server, &d, false, r->now), ERR_NONE);
	settle(r);
	assert_non_null(strstr(r->last[A], "ACK sip:bob"));
	assert_non_null(strstr(r->last[A], "tag=b1"));
	assert_int_equal(count(r, A, SIP_EVENT_RESPONSE), 2);
	rig_free(r);
}

static void cancel_before_any_answer_waits_and_then_ends_the_call(void **state)
{
	struct rig *r = rig_new(NULL);
	handle h;

	(void)state;
	r->on = ring_and_honour_cancel;
	h = ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	sip_stack_cancel(r->stack[A], h, r->now);
	assert_int_equal(r->sent[A], 0);
	settle(r);
	assert_int_equal(count(r, B, SIP_EVENT_CANCEL), 1);
	assert_true(last(r, B, SIP_EVENT_CANCEL)->server == last(r, B, SIP_EVENT_REQUEST)->server);
	assert_int_equal(last(r, A, SIP_EVENT_RESPONSE)->status, 487);
	assert_int_equal(count(r, A, SIP_EVENT_RESPONSE), 2); /* 180 and 487; CANCEL's 200 is not the user's */
	assert_int_equal(r->sent[A], 3);                      /* INVITE, CANCEL, ACK */
	run_until(r, r->now + 60000 * MS);
	assert_int_equal(left(r, A) + left(r, B), 0);
	assert_int_equal(r->sent[A], 3);
	rig_free(r);
}

static void a_200_that_crosses_cancel_wins(void **state)
{
	struct rig *r = rig_new(NULL);
	handle h;

	(void)state;
	r->on = ring;
	h = ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	settle(r);
	/* Both at once: A cancels, B answers. */
	sip_stack_cancel(r->stack[A], h, r->now);
	reply(r, last(r, B, SIP_EVENT_REQUEST), NULL, 200, "b1", true);
	settle(r);
	assert_int_equal(last(r, A, SIP_EVENT_RESPONSE)->status, 200);
	assert_int_equal(count(r, B, SIP_EVENT_CANCEL), 0);
	ack(r, h, "b1");
	settle(r);
	assert_int_equal(count(r, B, SIP_EVENT_ACK), 1);
	/* CANCEL itself got its 200 (9.2: it has no effect), so it is not repeated. */
	run_until(r, r->now + 40000 * MS);
	assert_int_equal(r->sent[A], 3);
	assert_int_equal(left(r, A) + left(r, B), 0);
	rig_free(r);
}

static void a_late_200_after_cancel_reaches_the_user(void **state)
{
	struct rig *r = rig_new(NULL);
	handle h;

	(void)state;
	r->on = ring;
	h = ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	settle(r);
	sip_stack_cancel(r->stack[A], h, r->now);
	run_until(r, r->now + 5000 * MS); /* B's user ignores the CANCEL and picks up */
	assert_int_equal(count(r, B, SIP_EVENT_CANCEL), 1);
	reply(r, last(r, B, SIP_EVENT_REQUEST), NULL, 200, "b1", true);
	settle(r);
	assert_int_equal(last(r, A, SIP_EVENT_RESPONSE)->status, 200);
	assert_true(last(r, A, SIP_EVENT_RESPONSE)->client == h);
	rig_free(r);
}

static void a_call_that_ignores_cancel_is_given_up(void **state)
{
	struct rig *r = rig_new(NULL);
	handle h;

	(void)state;
	r->on = ring;
	h = ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	settle(r);
	sip_stack_cancel(r->stack[A], h, r->now);
	run_until(r, r->now + 32000 * MS);
	assert_int_equal(count(r, A, SIP_EVENT_TIMEOUT), 1);
	assert_int_equal(left(r, A), 0);
	rig_free(r);
}

static void cancel_of_nothing_gets_481(void **state)
{
	struct rig *r = rig_new(NULL);
	struct host_event e = { .kind = HOST_DATAGRAM, .id = 1000, .transport = TRANSPORT_UDP };

	(void)state;
	e.remote = where(A);
	e.bytes = STR(
		"CANCEL sip:bob@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx\r\nMax-Forwards: 7\r\n"
		"From: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCall-ID: x\r\nCSeq: 1 CANCEL\r\n\r\n");
	sip_stack_recv(r->stack[B], &e, r->now);
	drain(r, B);
	assert_memory_equal(r->last[B], "SIP/2.0 481 ", 12);
	assert_int_equal(count(r, B, SIP_EVENT_CANCEL), 0);
	rig_free(r);
}

static void a_bye_may_come_before_the_ack(void **state)
{
	struct rig *r = rig_new(NULL);
	handle h;

	(void)state;
	r->on = answer_200;
	h = ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	settle(r);
	ask(r, request_text("BYE", "b1", ""), TRANSPORT_UDP, false);
	ack(r, h, "b1");
	settle(r);
	assert_int_equal(count(r, B, SIP_EVENT_REQUEST), 2);
	assert_int_equal(count(r, B, SIP_EVENT_ACK), 1);
	assert_int_equal(count(r, A, SIP_EVENT_RESPONSE), 2);
	rig_free(r);
}

static void random_loss_always_ends_well(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 200; seed++) {
		struct rig *r = rig_new(NULL);
		struct rng dice;
		handle h;
		bool acked = false;

		rng_seeded(&dice, seed);
		r->on = seed & 1 ? answer_200 : answer_486;
		h = ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
		for (int i = 0; i < 45000; i += 50) {
			r->lose[A] = rng_below(&dice, 5) == 0;
			r->lose[B] = rng_below(&dice, 5) == 0;
			run_until(r, r->now + 50 * MS);
			if (!acked && count(r, A, SIP_EVENT_RESPONSE) && (seed & 1)) {
				ack(r, h, "b1");
				acked = true;
			}
		}
		run_until(r, r->now + 32000 * MS);
		assert_int_equal(left(r, A) + left(r, B), 0);
		assert_int_equal(count(r, A, SIP_EVENT_RESPONSE), 1);
		assert_int_equal(count(r, B, SIP_EVENT_REQUEST), 1);
		assert_int_equal(count(r, B, SIP_EVENT_UNACKED), 0);
		rig_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_finds_its_answer_and_everything_is_forgotten),
		cmocka_unit_test(lost_datagrams_are_made_good_by_repeats),
		cmocka_unit_test(silence_ends_in_timeout),
		cmocka_unit_test(icmp_ends_it_at_once_and_one_event_each),
		cmocka_unit_test(a_slow_user_is_covered_by_100),
		cmocka_unit_test(a_refusal_is_acknowledged_by_the_stack_and_repeated_while_the_ack_is_lost),
		cmocka_unit_test(a_refusal_that_nobody_acknowledges_is_said_to_the_user),
		cmocka_unit_test(a_held_2xx_is_repeated_until_its_ack_which_the_user_hears_of),
		cmocka_unit_test(a_lost_ack_is_sent_again_by_the_stack_for_a_repeated_2xx),
		cmocka_unit_test(a_2xx_whose_ack_never_comes_is_said_to_the_user),
		cmocka_unit_test(forked_2xx_both_reach_the_user_and_each_has_its_own_ack),
		cmocka_unit_test(cancel_before_any_answer_waits_and_then_ends_the_call),
		cmocka_unit_test(a_200_that_crosses_cancel_wins),
		cmocka_unit_test(a_late_200_after_cancel_reaches_the_user),
		cmocka_unit_test(a_call_that_ignores_cancel_is_given_up),
		cmocka_unit_test(cancel_of_nothing_gets_481),
		cmocka_unit_test(a_bye_may_come_before_the_ack),
		cmocka_unit_test(random_loss_always_ends_well),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
