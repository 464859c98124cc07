#include "call/agent.h"

#include "call/test_pair.h"

/* ---- two phones, no server ---- */

static void two_phones_talk_and_hang_up(void **state)
{
	struct pair t;

	(void)state;
	pair_start(&t);
	dial(&t, STR("sip:b@10.0.0.2:5060"));
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(t.b.incoming, 1);
	assert_int_equal(t.a.ringing, 1);
	assert_int_equal(t.a.answered, 1);
	assert_int_equal(t.b.answered, 1);
	assert_int_equal(t.a.media, 1);
	assert_int_equal(t.b.media, 1);
	assert_int_equal(t.host.agreed[0].security, SDP_SDES);
	assert_string_equal(t.host.agreed[0].codecs[0].name, "opus");
	assert_memory_equal(t.host.agreed[0].remote.sdes_key, t.host.agreed[1].local_sdes_key, 30);
	hang_up(&t, &t.a);
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(t.a.ended, 1);
	assert_int_equal(t.b.ended, 1);
	assert_int_equal(t.a.cause, CALL_HUNG_UP);
	assert_int_equal(t.b.cause, CALL_HUNG_UP);
	assert_true(t.a.facts.by_us);
	assert_false(t.b.facts.by_us);
	assert_int_equal(t.a.facts.status, 200);
	assert_int_equal(t.a.facts.codec, CODEC_OPUS);
	assert_int_equal(t.a.facts.stats.packets_sent, 50);
	assert_string_equal(t.a.facts.callee, "sip:b@10.0.0.2:5060");
	assert_string_equal(t.b.facts.caller, "sip:phone@10.0.0.1");
	assert_true(t.a.facts.start && t.a.facts.ringing && t.a.facts.answer && t.a.facts.media_up && t.a.facts.end);
	assert_int_equal(agent_call_n(t.a.agent), 0);
	assert_int_equal(agent_call_n(t.b.agent), 0);
	pair_end(&t);
}

static void both_ends_know_the_same_session(void **state)
{
	struct pair t;

	(void)state;
	pair_start(&t);
	dial(&t, STR("10.0.0.2:5060"));
	test_run(&t.host, USEC_PER_SEC);
	hang_up(&t, &t.a);
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(strlen(t.a.facts.session.local), 32);
	assert_string_equal(t.a.facts.session.local, t.b.facts.session.remote);
	assert_string_equal(t.a.facts.session.remote, t.b.facts.session.local);
	pair_end(&t);
}

static void the_called_one_may_hang_up(void **state)
{
	struct pair t;

	(void)state;
	pair_start(&t);
	dial(&t, STR("sip:b@10.0.0.2"));
	test_run(&t.host, USEC_PER_SEC);
	hang_up(&t, &t.b);
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(t.a.ended, 1);
	assert_int_equal(t.b.ended, 1);
	assert_false(t.a.facts.by_us);
	assert_true(t.b.facts.by_us);
	pair_end(&t);
}

static bool lose_some(void *self, str bytes, usec now)
{
	(void)bytes;
	(void)now;
	return rng_below(self, 100) < 40;
}

static void a_call_survives_the_loss_of_four_datagrams_in_ten(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct pair t;
		struct rng rng;

		pair_start(&t);
		rng_seeded(&rng, seed);
		t.host.lose = lose_some;
		t.host.self = &rng;
		dial(&t, STR("sip:b@10.0.0.2"));
		test_run(&t.host, 20 * USEC_PER_SEC);
		assert_int_equal(t.a.answered, 1);
		assert_int_equal(t.b.answered, 1);
		hang_up(&t, &t.a);
		test_run(&t.host, 40 * USEC_PER_SEC);
		assert_int_equal(t.a.ended, 1);
		assert_int_equal(t.b.ended, 1);
		assert_int_equal(t.b.cause, CALL_HUNG_UP);
		pair_end(&t);
	}
}

static void a_refusal_says_why(void **state)
{
	static const struct {
		int status;
		enum call_cause cause;
	} all[] = { { 486, CALL_BUSY }, { 603, CALL_DECLINED }, { 404, CALL_UNKNOWN }, { 503, CALL_OVERLOADED } };

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct pair t;

		pair_start(&t);
		t.b.rejects = all[i].status;
		dial(&t, STR("sip:b@10.0.0.2"));
		test_run(&t.host, USEC_PER_SEC);
		assert_int_equal(t.a.ended, 1);
		assert_int_equal(t.a.cause, all[i].cause);
		assert_int_equal(t.a.status, all[i].status);
		assert_int_equal(t.b.ended, 1);
		pair_end(&t);
	}
}

static void the_caller_may_give_up_while_it_rings(void **state)
{
	struct pair t;

	(void)state;
	pair_start(&t);
	t.b.answers = false;
	dial(&t, STR("sip:b@10.0.0.2"));
	test_run(&t.host, 3 * USEC_PER_SEC);
	assert_int_equal(t.a.ringing, 1);
	hang_up(&t, &t.a);
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(t.a.cause, CALL_CANCELLED);
	assert_int_equal(t.b.cause, CALL_CANCELLED);
	assert_true(t.a.facts.by_us);
	assert_false(t.b.facts.by_us);
	assert_int_equal(t.b.facts.status, 487);
	assert_int_equal(t.host.opens[0], t.host.closes[0]);
	assert_int_equal(t.host.opens[1], t.host.closes[1]);
	pair_end(&t);
}

static void a_cancel_that_crosses_the_answer_ends_the_answered_call(void **state)
{
	struct pair t;

	(void)state;
	pair_start(&t);
	t.b.answers = false;
	dial(&t, STR("sip:b@10.0.0.2"));
	test_run(&t.host, USEC_PER_SEC);
	hang_up(&t, &t.a);
	assert_int_equal(call_answer(agent_call(t.b.agent, t.b.call), t.host.now), ERR_NONE);
	phone_react(&t.b, t.host.now);
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(t.a.cause, CALL_CANCELLED);
	assert_int_equal(t.a.answered, 0);
	assert_int_equal(t.b.answered, 1);
	assert_int_equal(t.b.ended, 1);
	assert_int_equal(t.b.cause, CALL_HUNG_UP);
	pair_end(&t);
}

static void it_rings_no_longer_than_allowed(void **state)
{
	struct pair t;

	(void)state;
	pair_start(&t);
	t.b.answers = false;
	dial(&t, STR("sip:b@10.0.0.2"));
	test_run(&t.host, 200 * USEC_PER_SEC);
	assert_int_equal(t.a.cause, CALL_NO_ANSWER);
	assert_int_equal(t.b.cause, CALL_NO_ANSWER);
	pair_end(&t);
}

static void without_a_codec_in_common_it_does_not_even_ring(void **state)
{
	struct agent_settings s;
	struct pair t;

	(void)state;
	memset(&t, 0, sizeof(t));
	test_host_init(&t.host);
	s = direct(&t.a, 1);
	s.wish.codec_n = 1;
	phone_add(&t.host, &t.a, &s, 1);
	s = direct(&t.b, 2);
	s.wish.codecs[0] = CODEC_PCMU;
	s.wish.codec_n = 1;
	phone_add(&t.host, &t.b, &s, 2);
	test_run(&t.host, USEC_PER_SEC);
	dial(&t, STR("sip:b@10.0.0.2"));
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(t.a.cause, CALL_NO_CODEC);
	assert_int_equal(t.a.status, 488);
	assert_int_equal(t.b.incoming, 0);
	assert_int_equal(t.b.cause, CALL_NO_CODEC);
	pair_end(&t);
}

static void protection_that_one_demands_and_the_other_lacks_is_refused(void **state)
{
	struct agent_settings s;
	struct pair t;

	(void)state;
	memset(&t, 0, sizeof(t));
	test_host_init(&t.host);
	s = direct(&t.a, 1);
	s.wish.security = SDP_DTLS;
	phone_add(&t.host, &t.a, &s, 1);
	s = direct(&t.b, 2);
	s.wish.security = SDP_PLAIN | SDP_SDES;
	phone_add(&t.host, &t.b, &s, 2);
	test_run(&t.host, USEC_PER_SEC);
	dial(&t, STR("sip:b@10.0.0.2"));
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(t.a.cause, CALL_NO_CODEC);
	pair_end(&t);
}

static void one_who_knows_no_protection_is_spoken_with_in_clear(void **state)
{
	struct agent_settings s;
	struct pair t;

	(void)state;
	for (int plain = 0; plain < 2; plain++) {
		memset(&t, 0, sizeof(t));
		test_host_init(&t.host);
		s = direct(&t.a, 1);
		s.wish.security = plain == 0 ? SDP_PLAIN : SDP_PLAIN | SDP_SDES;
		phone_add(&t.host, &t.a, &s, 1);
		s = direct(&t.b, 2);
		s.wish.security = plain == 1 ? SDP_PLAIN : SDP_PLAIN | SDP_SDES;
		phone_add(&t.host, &t.b, &s, 2);
		t.b.answers = true;
		test_run(&t.host, USEC_PER_SEC);
		dial(&t, STR("sip:b@10.0.0.2"));
		test_run(&t.host, USEC_PER_SEC);
		assert_int_equal(t.a.answered, 1);
		assert_int_equal(t.host.agreed[0].security, SDP_PLAIN);
		assert_int_equal(t.host.agreed[1].security, SDP_PLAIN);
		pair_end(&t);
	}
}

static bool lose_acks(void *self, str bytes, usec now)
{
	(void)self;
	(void)now;
	return str_starts(bytes, STR("ACK "));
}

static void an_answer_that_is_never_acknowledged_ends_the_call(void **state)
{
	struct pair t;

	(void)state;
	pair_start(&t);
	t.host.lose = lose_acks;
	dial(&t, STR("sip:b@10.0.0.2"));
	test_run(&t.host, 40 * USEC_PER_SEC);
	assert_int_equal(t.b.ended, 1);
	assert_int_equal(t.b.cause, CALL_GONE);
	assert_int_equal(t.a.ended, 1);
	pair_end(&t);
}

static void say_media_closed(struct pair *t, struct phone *p)
{
	struct media_answer *answer = media_answer_new(MEDIA_FAILED, call_stream(agent_call(p->agent, p->call)));

	answer->err = ERR_CLOSED;
	test_media_say(&t->host, p->service, answer, 0);
}

static void a_media_path_that_the_far_side_closed_means_a_bye_is_coming(void **state)
{
	struct pair t;

	(void)state;
	pair_start(&t);
	dial(&t, STR("sip:b@10.0.0.2"));
	test_run(&t.host, USEC_PER_SEC);
	say_media_closed(&t, &t.b);
	test_run(&t.host, USEC_PER_SEC / 2);
	assert_int_equal(t.b.ended, 0);
	hang_up(&t, &t.a);
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(t.b.cause, CALL_HUNG_UP);
	assert_false(t.b.facts.by_us);
	pair_end(&t);
	pair_start(&t);
	dial(&t, STR("sip:b@10.0.0.2"));
	test_run(&t.host, USEC_PER_SEC);
	say_media_closed(&t, &t.b);
	test_run(&t.host, 3 * USEC_PER_SEC); /* and if none comes */
	assert_int_equal(t.b.cause, CALL_GONE);
	assert_int_equal(t.a.ended, 1);
	pair_end(&t);
}

static bool lose_byes(void *self, str bytes, usec now)
{
	(void)self;
	(void)now;
	return str_starts(bytes, STR("BYE "));
}

static void who_hangs_up_need_not_wait_for_a_far_side_that_is_gone(void **state)
{
	struct pair t;

	(void)state;
	pair_start(&t);
	dial(&t, STR("sip:b@10.0.0.2"));
	test_run(&t.host, USEC_PER_SEC);
	t.host.lose = lose_byes;
	hang_up(&t, &t.a);
	test_run(&t.host, 3 * USEC_PER_SEC);
	assert_int_equal(t.a.ended, 1);
	assert_int_equal(t.a.cause, CALL_HUNG_UP);
	assert_null(agent_call(t.a.agent, t.a.call));
	assert_int_equal(t.b.ended, 0);
	t.host.lose = NULL; /* the BYE is still repeated */
	test_run(&t.host, 5 * USEC_PER_SEC);
	assert_int_equal(t.b.ended, 1);
	assert_int_equal(agent_call_n(t.a.agent), 0);
	pair_end(&t);
}

static bool lose_cancels(void *self, str bytes, usec now)
{
	(void)self;
	(void)now;
	return str_starts(bytes, STR("CANCEL "));
}

static void a_late_answer_to_a_call_long_given_up_is_hung_up(void **state)
{
	struct pair t;

	(void)state;
	pair_start(&t);
	t.b.answers = false;
	dial(&t, STR("sip:b@10.0.0.2"));
	test_run(&t.host, USEC_PER_SEC);
	t.host.lose = lose_cancels;
	hang_up(&t, &t.a);
	test_run(&t.host, 10 * USEC_PER_SEC);
	assert_int_equal(t.a.ended, 1);
	assert_int_equal(t.a.cause, CALL_CANCELLED);
	assert_int_equal(call_answer(agent_call(t.b.agent, t.b.call), t.host.now), ERR_NONE);
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(t.b.ended, 1);
	assert_int_equal(t.b.cause, CALL_HUNG_UP);
	assert_int_equal(t.a.answered, 0);
	test_run(&t.host, 40 * USEC_PER_SEC);
	assert_int_equal(agent_call_n(t.a.agent), 0);
	pair_end(&t);
}

static void nobody_there_is_no_route(void **state)
{
	struct pair t;

	(void)state;
	pair_start(&t);
	dial(&t, STR("sip:b@10.0.0.77"));
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(t.a.ended, 1);
	assert_int_equal(t.a.cause, CALL_NO_ROUTE);
	dial(&t, STR("sip:b@nowhere.test"));
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(t.a.ended, 2);
	assert_int_equal(t.a.cause, CALL_NO_ROUTE);
	pair_end(&t);
}

static void silence_is_told_apart_after_timer_b(void **state)
{
	struct pair t;

	(void)state;
	pair_start(&t);
	t.host.lose = lose_all;
	dial(&t, STR("sip:b@10.0.0.2"));
	test_run(&t.host, 31 * USEC_PER_SEC);
	assert_int_equal(t.a.ended, 0);
	test_run(&t.host, 2 * USEC_PER_SEC);
	assert_int_equal(t.a.ended, 1);
	assert_int_equal(t.a.cause, CALL_SILENCE);
	pair_end(&t);
}

static void without_media_there_is_no_call(void **state)
{
	struct pair t;

	(void)state;
	pair_start(&t);
	t.host.media_fails = true;
	dial(&t, STR("sip:b@10.0.0.2"));
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(t.a.cause, CALL_NO_MEDIA);
	assert_int_equal(t.b.incoming, 0);
	pair_end(&t);
}

static void a_full_phone_is_busy(void **state)
{
	struct pair t;

	(void)state;
	pair_start(&t);
	t.b.answers = false;
	for (int i = 0; i < 4; i++)
		dial(&t, STR("sip:b@10.0.0.2"));
	assert_int_equal(agent_dial(t.a.agent, &(struct agent_dialling){ .target = STR("x") }, t.host.now), 0);
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(t.b.incoming, 4);
	pair_end(&t);
}

static void stopping_hangs_up_and_ends(void **state)
{
	struct pair t;

	(void)state;
	pair_start(&t);
	dial(&t, STR("sip:b@10.0.0.2"));
	test_run(&t.host, USEC_PER_SEC);
	agent_stop(t.a.agent, t.host.now);
	phone_react(&t.a, t.host.now);
	test_run(&t.host, 5 * USEC_PER_SEC);
	assert_int_equal(t.a.stopped, 1);
	assert_int_equal(t.b.ended, 1);
	pair_end(&t);
}

static void digits_go_to_the_media_service_and_come_from_it(void **state)
{
	struct pair t;
	struct media_answer *answer;

	(void)state;
	pair_start(&t);
	dial(&t, STR("sip:b@10.0.0.2"));
	assert_int_equal(call_dtmf(agent_call(t.a.agent, t.a.call), STR("1")), ERR_STATE);
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(call_dtmf(agent_call(t.a.agent, t.a.call), STR("12#")), ERR_NONE);
	assert_int_equal(call_dtmf(agent_call(t.a.agent, t.a.call), STR("x")), ERR_SYNTAX);
	test_run(&t.host, USEC_PER_SEC);
	assert_string_equal(t.host.digits, "12#");
	answer = media_answer_new(MEDIA_DIGIT, call_stream(agent_call(t.b.agent, t.b.call)));
	answer->digit = '7';
	test_media_say(&t.host, t.b.service, answer, 0);
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(t.b.digit, '7');
	pair_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_phones_talk_and_hang_up),
		cmocka_unit_test(both_ends_know_the_same_session),
		cmocka_unit_test(the_called_one_may_hang_up),
		cmocka_unit_test(a_call_survives_the_loss_of_four_datagrams_in_ten),
		cmocka_unit_test(a_refusal_says_why),
		cmocka_unit_test(the_caller_may_give_up_while_it_rings),
		cmocka_unit_test(a_cancel_that_crosses_the_answer_ends_the_answered_call),
		cmocka_unit_test(it_rings_no_longer_than_allowed),
		cmocka_unit_test(without_a_codec_in_common_it_does_not_even_ring),
		cmocka_unit_test(protection_that_one_demands_and_the_other_lacks_is_refused),
		cmocka_unit_test(one_who_knows_no_protection_is_spoken_with_in_clear),
		cmocka_unit_test(an_answer_that_is_never_acknowledged_ends_the_call),
		cmocka_unit_test(a_media_path_that_the_far_side_closed_means_a_bye_is_coming),
		cmocka_unit_test(who_hangs_up_need_not_wait_for_a_far_side_that_is_gone),
		cmocka_unit_test(a_late_answer_to_a_call_long_given_up_is_hung_up),
		cmocka_unit_test(nobody_there_is_no_route),
		cmocka_unit_test(silence_is_told_apart_after_timer_b),
		cmocka_unit_test(without_media_there_is_no_call),
		cmocka_unit_test(a_full_phone_is_busy),
		cmocka_unit_test(stopping_hangs_up_and_ends),
		cmocka_unit_test(digits_go_to_the_media_service_and_come_from_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
