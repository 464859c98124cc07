#include "call/agent.h"

#include "call/test_phone.h"
#include "sip/auth.h"
#include "sip/edit.h"
#include "sip/stack.h"

struct pair {
	struct test_host host;
	struct phone a, b;
};

static void pair_start(struct pair *t)
{
	struct agent_settings s;

	memset(t, 0, sizeof(*t));
	test_host_init(&t->host);
	s = direct(&t->a, 1);
	phone_add(&t->host, &t->a, &s, 1);
	s = direct(&t->b, 2);
	phone_add(&t->host, &t->b, &s, 2);
	t->b.answers = true;
	test_run(&t->host, USEC_PER_SEC);
	assert_int_equal(t->a.ready, 1);
	assert_int_equal(t->b.ready, 1);
}

static void pair_end(struct pair *t)
{
	agent_free(t->a.agent);
	agent_free(t->b.agent);
	test_host_free(&t->host);
}

static void dial(struct pair *t, str target)
{
	t->a.call = agent_dial(t->a.agent, &(struct agent_dialling){ .target = target }, t->host.now);
	assert_true(t->a.call != 0);
	phone_react(&t->a, t->host.now);
}

static void hang_up(struct pair *t, struct phone *p)
{
	call_hang_up(agent_call(p->agent, p->call), CALL_CAUSE_NONE, t->host.now);
	phone_react(p, t->host.now);
}

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

static void hold_and_resume_reach_the_other_end(void **state)
{
	struct pair t;

	(void)state;
	pair_start(&t);
	dial(&t, STR("sip:b@10.0.0.2"));
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(call_hold(agent_call(t.a.agent, t.a.call), true, t.host.now), ERR_NONE);
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(t.a.held, 1);
	assert_int_equal(t.b.held, 1);
	assert_true(t.host.agreed[1].remote_hold);
	assert_int_equal(t.host.agreed[1].direction, SDP_RECVONLY);
	assert_int_equal(call_hold(agent_call(t.a.agent, t.a.call), false, t.host.now), ERR_NONE);
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(t.a.resumed, 1);
	assert_int_equal(t.b.resumed, 1);
	assert_int_equal(t.host.agreed[1].direction, SDP_SENDRECV);
	hang_up(&t, &t.b);
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(t.a.ended, 1);
	pair_end(&t);
}

static void the_last_of_quick_wishes_counts(void **state)
{
	struct pair t;
	struct call *call;

	(void)state;
	pair_start(&t);
	dial(&t, STR("sip:b@10.0.0.2"));
	test_run(&t.host, USEC_PER_SEC);
	call = agent_call(t.a.agent, t.a.call);
	assert_int_equal(call_hold(call, true, t.host.now), ERR_NONE);
	assert_int_equal(call_hold(call, false, t.host.now), ERR_NONE);
	assert_int_equal(call_hold(call, true, t.host.now), ERR_NONE);
	assert_int_equal(call_hold(call, false, t.host.now), ERR_NONE);
	phone_react(&t.a, t.host.now);
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(t.b.held, 1);
	assert_int_equal(t.b.resumed, 1);
	assert_int_equal(t.a.held, 1);
	assert_int_equal(t.a.resumed, 1);
	hang_up(&t, &t.a);
	assert_int_equal(call_hold(agent_call(t.a.agent, t.a.call), true, t.host.now), ERR_STATE);
	test_run(&t.host, USEC_PER_SEC);
	pair_end(&t);
}

static void when_both_hold_at_once_both_get_their_will_in_the_end(void **state)
{
	struct pair t;

	(void)state;
	pair_start(&t);
	dial(&t, STR("sip:b@10.0.0.2"));
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(call_hold(agent_call(t.a.agent, t.a.call), true, t.host.now), ERR_NONE);
	assert_int_equal(call_hold(agent_call(t.b.agent, t.b.call), true, t.host.now), ERR_NONE);
	test_run(&t.host, 10 * USEC_PER_SEC);
	assert_int_equal(t.a.ended, 0);
	assert_int_equal(t.host.agreed[0].direction, SDP_INACTIVE);
	assert_int_equal(t.host.agreed[1].direction, SDP_INACTIVE);
	pair_end(&t);
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

static bool lose_all(void *self, str bytes, usec now)
{
	(void)self;
	(void)bytes;
	(void)now;
	return true;
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

/* ---- a registrar that knows one phone ---- */

struct registrar {
	struct sip_stack *stack;
	struct sip_auth *auth;
	struct rng rng;
	uint8_t ha1[SIP_AUTH_HA1_MAX];
	uint32_t min_expires, expires;
	unsigned challenges, bindings, removals, invites;
	int invite_status; /* 0: no answer */
	char contact[200];
	const char *lines; /* more of its 200 to REGISTER */
	const char *instance;
	char invite[3000], message[2000]; /* the last that came */
};

static void registrar_reply(struct registrar *r, const struct sip_event *e, int status, str lines, usec now)
{
	struct sip_reply reply = { .status = status, .lines = lines };

	assert_int_equal(sip_stack_reply(r->stack, e->server, e->msg, &reply, false, now), ERR_NONE);
}

/* A REGISTER is challenged as by a registrar, a call as by a proxy, both with the same nonce. */
static bool registrar_knows(struct registrar *r, struct sip_msg *msg)
{
	enum sip_kind kind = msg->method == SIP_REGISTER ? SIP_AUTHORIZATION : SIP_PROXY_AUTHORIZATION;
	struct sip_credentials c;

	return sip_msg_has(msg, kind) && sip_credentials_parse(sip_msg_value(msg, kind), &c) == ERR_NONE &&
	       sip_auth_verify(r->auth, &c, r->ha1, msg->method_text, msg->body) == ERR_NONE;
}

static void registrar_request(struct registrar *r, const struct sip_event *e, usec now)
{
	char text[512];
	struct buf lines;
	uint32_t expires = 0;

	buf_init(&lines, text, sizeof(text));
	if (!registrar_knows(r, e->msg)) {
		bool registers = e->msg->method == SIP_REGISTER;

		buf_put(&lines, registers ? STR("WWW-Authenticate: ") : STR("Proxy-Authenticate: "));
		sip_challenge_write(SIP_AUTH_SHA256, STR("pbx.test"), STR("abcdef0123"), false, &lines);
		r->challenges++;
		registrar_reply(r, e, registers ? 401 : 407, buf_str(&lines), now);
		return;
	}
	if (e->msg->method == SIP_INVITE) {
		r->invites++;
		(void)str_copy_z(e->msg->text, r->invite, sizeof(r->invite));
		if (r->invite_status)
			registrar_reply(r, e, r->invite_status, STR_NONE, now);
		return;
	}
	if (e->msg->method == SIP_MESSAGE) {
		(void)str_copy_z(e->msg->text, r->message, sizeof(r->message));
		registrar_reply(r, e, 202, STR_NONE, now);
		return;
	}
	assert_int_equal(e->msg->method, SIP_REGISTER);
	(void)sip_msg_expires(e->msg, &expires);
	if (expires && expires < r->min_expires) {
		buf_printf(&lines, "Min-Expires: %u", (unsigned)r->min_expires);
		registrar_reply(r, e, 423, buf_str(&lines), now);
		return;
	}
	*(expires ? &r->bindings : &r->removals) += 1;
	(void)str_copy_z(sip_msg_value(e->msg, SIP_CONTACT), r->contact, sizeof(r->contact));
	if (r->expires && expires > r->expires)
		expires = r->expires;
	buf_printf(&lines, "Contact: %s;expires=%u%s", r->contact, (unsigned)expires, r->lines ? r->lines : "");
	registrar_reply(r, e, 200, buf_str(&lines), now);
}

static void registrar_pump(struct registrar *r, usec now)
{
	struct sip_event e;

	while (sip_stack_next(r->stack, &e, now))
		if (e.kind == SIP_EVENT_REQUEST)
			registrar_request(r, &e, now);
}

static void registrar_recv(void *self, const struct host_event *e, usec now)
{
	struct registrar *r = self;

	sip_stack_recv(r->stack, e, now);
	registrar_pump(r, now);
}

static void registrar_tick(void *self, usec now)
{
	struct registrar *r = self;

	sip_stack_tick(r->stack, now);
	registrar_pump(r, now);
}

static usec registrar_due(const void *self)
{
	return sip_stack_due(((const struct registrar *)self)->stack);
}

static bool registrar_next(void *self, struct host_want *out)
{
	return sip_stack_want(((struct registrar *)self)->stack, out);
}

struct office {
	struct test_host host;
	struct registrar registrar;
	struct phone phone;
};

static void office_start(struct office *t, enum transport transport, str password, void (*change)(struct office *))
{
	struct host_service service = { &t->registrar, registrar_recv, registrar_tick,
					registrar_due, registrar_next, NULL };
	struct sip_stack_config config = sip_stack_config_default();
	struct addr udp = at(9, transport == TRANSPORT_TLS ? 5061 : 5060);
	struct agent_settings s;

	memset(t, 0, sizeof(*t));
	test_host_init(&t->host);
	s = direct(&t->phone, 1);
	rng_seeded(&t->registrar.rng, 77);
	config.rng = &t->registrar.rng;
	config.id_first = 1;
	t->registrar.stack = sip_stack_new(&config);
	t->registrar.auth = sip_auth_new(NULL);
	assert_int_equal(sip_auth_ha1(t->registrar.auth, SIP_AUTH_SHA256, STR("101"), STR("pbx.test"), STR("secret"),
				      t->registrar.ha1),
			 ERR_NONE);
	assert_true(sip_stack_listen(t->registrar.stack, transport, &udp, 0, STR_NONE) != 0);
	if (change)
		change(t);
	assert_int_equal(test_host_add(&t->host, &service, at(9, 0)), 0);
	test_run(&t->host, 0);
	s.user = STR("101");
	s.domain = STR("pbx.test");
	s.password = password;
	s.transport = transport;
	s.registers = true;
	s.instance = t->registrar.instance ? str_from(t->registrar.instance) : STR_NONE;
	s.listen.port = 0;
	phone_add(&t->host, &t->phone, &s, 1);
	test_run(&t->host, USEC_PER_SEC);
}

static void office_end(struct office *t)
{
	agent_free(t->phone.agent);
	sip_stack_free(t->registrar.stack);
	sip_auth_free(t->registrar.auth);
	test_host_free(&t->host);
}

static void a_phone_registers_by_digest_over_every_transport(void **state)
{
	static const enum transport all[] = { TRANSPORT_UDP, TRANSPORT_TCP, TRANSPORT_TLS };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct office t;

		office_start(&t, all[i], STR("secret"), NULL);
		assert_int_equal(t.phone.ready, 1);
		assert_int_equal(t.registrar.challenges, 1);
		assert_int_equal(t.registrar.bindings, 1);
		assert_non_null(strstr(t.registrar.contact, "<sip:101@10.0.0.1:"));
		office_end(&t);
	}
}

static void gives_names(struct office *t)
{
	t->registrar.instance = "urn:uuid:f81d4fae-7dec-41d0-a765-00a0c91e6bf6";
	t->registrar.lines = ";pub-gruu=\"sip:101@pbx.test;gr=f81d\"\r\n"
			     "Service-Route: <sip:p1.test;lr>, <sip:p2.test;lr>\r\nRequire: outbound";
}

static void calls_and_letters_bear_the_gruu_and_take_the_service_route(void **state)
{
	struct office t;

	(void)state;
	office_start(&t, TRANSPORT_UDP, STR("secret"), gives_names);
	assert_non_null(strstr(t.registrar.contact, ";reg-id=1;+sip.instance=\"<urn:uuid:f81d4fae"));
	t.phone.call = agent_dial(t.phone.agent, &(struct agent_dialling){ .target = STR("102") }, t.host.now);
	test_run(&t.host, USEC_PER_SEC);
	assert_non_null(strstr(t.registrar.invite, "\r\nContact: <sip:101@pbx.test;gr=f81d>\r\n"));
	assert_non_null(strstr(t.registrar.invite, "\r\nRoute: <sip:p1.test;lr>, <sip:p2.test;lr>\r\n"));
	assert_true(agent_write(t.phone.agent, STR("102"), STR("hello"), t.host.now) != 0);
	test_run(&t.host, USEC_PER_SEC);
	assert_non_null(strstr(t.registrar.message, "\r\nRoute: <sip:p1.test;lr>, <sip:p2.test;lr>\r\n"));
	assert_int_equal(t.phone.sent_status, 202);
	office_end(&t);
}

static bool lose_stun(void *self, str bytes, usec now)
{
	(void)now;
	return *(bool *)self && bytes.n == 20 && bytes.p[0] == 0;
}

static void a_phone_whose_nat_has_forgotten_it_registers_anew(void **state)
{
	bool lost = false;
	struct office t;

	(void)state;
	office_start(&t, TRANSPORT_UDP, STR("secret"), gives_names);
	t.host.lose = lose_stun;
	t.host.self = &lost;
	test_run(&t.host, 100 * USEC_PER_SEC); /* probed, and answered */
	assert_int_equal(t.registrar.bindings, 1);
	lost = true;
	test_run(&t.host, 80 * USEC_PER_SEC);
	assert_true(t.registrar.bindings > 1);
	assert_int_equal(t.phone.down, 0);
	office_end(&t);
}

static void a_sips_address_is_called_over_tls_or_not_at_all(void **state)
{
	struct office t;

	(void)state;
	office_start(&t, TRANSPORT_TCP, STR("secret"), NULL);
	t.phone.call =
		agent_dial(t.phone.agent, &(struct agent_dialling){ .target = STR("sips:102@pbx.test") }, t.host.now);
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(t.registrar.invites, 0);
	assert_int_equal(t.phone.ended, 1);
	assert_int_equal(t.phone.cause, CALL_NO_ROUTE);
	assert_int_equal(agent_write(t.phone.agent, STR("sips:102@pbx.test"), STR("x"), t.host.now), 0);
	office_end(&t);
	office_start(&t, TRANSPORT_TLS, STR("secret"), NULL);
	t.phone.call =
		agent_dial(t.phone.agent, &(struct agent_dialling){ .target = STR("sips:102@pbx.test") }, t.host.now);
	test_run(&t.host, USEC_PER_SEC);
	assert_memory_equal(t.registrar.invite, "INVITE sips:102@pbx.test SIP/2.0\r\n", 34);
	assert_non_null(strstr(t.registrar.invite, "\r\nContact: <sips:101@10.0.0.1:"));
	assert_null(strstr(t.registrar.invite, "transport=tls"));
	office_end(&t);
}

static void a_wrong_password_is_tried_once_and_is_final(void **state)
{
	struct office t;

	(void)state;
	office_start(&t, TRANSPORT_UDP, STR("wrong"), NULL);
	test_run(&t.host, 3600 * USEC_PER_SEC);
	assert_int_equal(t.phone.ready, 0);
	assert_int_equal(t.phone.down, 1);
	assert_true(t.phone.final);
	assert_int_equal(t.phone.down_cause, CALL_WRONG_PASSWORD);
	assert_int_equal(t.registrar.challenges, 2);
	office_end(&t);
}

/* The first connection to the server is refused, as by a host to which its certificate proved nothing. */
static void distrust(struct office *t)
{
	t->host.refuse = ERR_REFUSED;
	t->host.why = "the certificate does not bear the name pbx.test, but old.test";
}

static void a_server_that_cannot_prove_its_name_is_told_of_in_words(void **state)
{
	struct office t;

	(void)state;
	office_start(&t, TRANSPORT_TLS, STR("secret"), distrust);
	assert_int_equal(t.phone.ready, 0);
	assert_true(t.phone.down >= 1);
	assert_false(t.phone.final); /* somebody may give it the right one */
	assert_int_equal(t.phone.down_cause, CALL_UNTRUSTED);
	assert_string_equal(t.phone.text, "No connection to the server came about: the certificate does not bear the "
					  "name pbx.test, but old.test.");
	t.host.refuse = ERR_NONE;
	test_run(&t.host, 60 * USEC_PER_SEC);
	assert_int_equal(t.phone.ready, 1);
	office_end(&t);
}

static void long_leases_only(struct office *t)
{
	t->registrar.min_expires = 3600;
}

static void a_registrar_that_wants_longer_leases_gets_them(void **state)
{
	struct office t;

	(void)state;
	office_start(&t, TRANSPORT_UDP, STR("secret"), long_leases_only);
	assert_int_equal(t.phone.ready, 1);
	assert_int_equal(t.registrar.bindings, 1);
	office_end(&t);
}

static void short_leases(struct office *t)
{
	t->registrar.expires = 60;
}

static void the_binding_is_refreshed_before_it_expires_and_removed_at_the_end(void **state)
{
	struct office t;

	(void)state;
	office_start(&t, TRANSPORT_TCP, STR("secret"), short_leases);
	test_run(&t.host, 59 * USEC_PER_SEC);
	assert_int_equal(t.registrar.bindings, 2);
	test_run(&t.host, 600 * USEC_PER_SEC);
	assert_in_range(t.registrar.bindings, 11, 15);
	assert_int_equal(t.registrar.challenges, 1);
	assert_int_equal(t.phone.ready, 1);
	agent_stop(t.phone.agent, t.host.now);
	phone_react(&t.phone, t.host.now);
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(t.registrar.removals, 1);
	assert_int_equal(t.phone.stopped, 1);
	office_end(&t);
}

static void a_registrar_that_was_away_is_found_again(void **state)
{
	struct office t;

	(void)state;
	office_start(&t, TRANSPORT_UDP, STR("secret"), short_leases);
	t.host.lose = lose_all;
	test_run(&t.host, 300 * USEC_PER_SEC);
	assert_int_equal(t.phone.down_cause, CALL_SILENCE);
	assert_false(t.phone.final);
	t.host.lose = NULL;
	test_run(&t.host, 200 * USEC_PER_SEC);
	assert_int_equal(t.phone.ready, 2);
	office_end(&t);
}

static void a_call_through_the_server_answers_its_challenge(void **state)
{
	struct office t;

	(void)state;
	office_start(&t, TRANSPORT_UDP, STR("secret"), NULL);
	t.registrar.invite_status = 486;
	t.phone.call = agent_dial(t.phone.agent, &(struct agent_dialling){ .target = STR("102") }, t.host.now);
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(t.registrar.invites, 1);
	assert_int_equal(t.phone.ended, 1);
	assert_int_equal(t.phone.cause, CALL_BUSY);
	assert_string_equal(t.phone.facts.callee, "sip:102@pbx.test");
	office_end(&t);
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
		cmocka_unit_test(hold_and_resume_reach_the_other_end),
		cmocka_unit_test(the_last_of_quick_wishes_counts),
		cmocka_unit_test(when_both_hold_at_once_both_get_their_will_in_the_end),
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
		cmocka_unit_test(a_phone_registers_by_digest_over_every_transport),
		cmocka_unit_test(calls_and_letters_bear_the_gruu_and_take_the_service_route),
		cmocka_unit_test(a_phone_whose_nat_has_forgotten_it_registers_anew),
		cmocka_unit_test(a_sips_address_is_called_over_tls_or_not_at_all),
		cmocka_unit_test(a_wrong_password_is_tried_once_and_is_final),
		cmocka_unit_test(a_server_that_cannot_prove_its_name_is_told_of_in_words),
		cmocka_unit_test(a_registrar_that_wants_longer_leases_gets_them),
		cmocka_unit_test(the_binding_is_refreshed_before_it_expires_and_removed_at_the_end),
		cmocka_unit_test(a_registrar_that_was_away_is_found_again),
		cmocka_unit_test(a_call_through_the_server_answers_its_challenge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
