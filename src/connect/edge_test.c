#include "connect/edge.h"

#include "connect/test_world.h"

static void a_peer_calls_the_business_and_its_desk_phone_answers(void **state)
{
	struct world w;

	(void)state;
	world_start(&w, NULL);
	assert_true(edge_is_ready(w.edge));
	dial(&w, &w.alice, STR("sip:acme@net.example"));
	assert_int_equal(w.desk.incoming, 1);
	assert_int_equal(w.alice.ringing, 1);
	assert_int_equal(w.alice.answered, 1);
	assert_string_equal(w.desk.offered.uri, "sip:101@10.0.0.9");
	assert_string_equal(w.desk.offered.caller, "sip:edge@10.0.0.9");
	assert_int_equal(w.desk.offered.max_forwards, 69);
	assert_int_equal(w.host.agreed[ALICE].security, SDP_DTLS);
	assert_true(w.host.agreed[ALICE].ice);
	assert_int_equal(w.host.agreed[DESK].security, SDP_SDES);
	assert_int_equal(crossings(&w), 1);
	assert_true(w.host.bridged[0] < 0x40000000u && w.host.bridged[1] >= 0x40000000u);
	hang_up(&w, &w.alice);
	assert_int_equal(w.alice.ended, 1);
	assert_int_equal(w.desk.ended, 1);
	assert_int_equal(w.desk.cause, CALL_HUNG_UP);
	assert_int_equal(crossings(&w), 0);
	assert_string_equal(w.alice.facts.session.local, w.desk.facts.session.remote);
	world_end(&w);
}

static void the_desk_phone_may_hang_up_too(void **state)
{
	struct world w;

	(void)state;
	world_start(&w, NULL);
	dial(&w, &w.alice, STR("102@acme.net.example"));
	assert_string_equal(w.desk.offered.uri, "sip:102@10.0.0.9");
	hang_up(&w, &w.desk);
	assert_int_equal(w.alice.ended, 1);
	assert_int_equal(w.alice.cause, CALL_HUNG_UP);
	assert_int_equal(crossings(&w), 0);
	world_end(&w);
}

static void a_desk_phone_calls_a_peer_by_name(void **state)
{
	struct world w;

	(void)state;
	world_start(&w, NULL);
	dial(&w, &w.desk, STR("sip:alice@10.0.0.5:5060"));
	assert_int_equal(w.alice.incoming, 1);
	assert_string_equal(w.alice.offered.caller, "sip:101@acme.net.example");
	assert_string_equal(w.alice.offered.callee, "sip:alice@net.example");
	assert_string_equal(w.alice.offered.proven, "acme@net.example");
	assert_int_equal(w.desk.answered, 1);
	hang_up(&w, &w.alice);
	assert_int_equal(w.desk.ended, 1);
	assert_int_equal(crossings(&w), 0);
	world_end(&w);
}

static void figures_say_what_came_what_was_refused_and_what_is_up(void **state)
{
	struct edge_figures f;
	struct world w;

	(void)state;
	world_start(&w, NULL);
	dial(&w, &w.alice, STR("acme"));
	edge_figures(w.edge, &f);
	assert_int_equal(f.crossings, 1);
	assert_int_equal(f.offered[EDGE_FIGURES_PEER], 1);
	assert_int_equal(f.answered[EDGE_FIGURES_PEER], 1);
	assert_int_equal(f.up[EDGE_FIGURES_PEER] + f.up[EDGE_FIGURES_PBX], 2);
	assert_true(f.sip.requests_in[SIP_INVITE][TRANSPORT_TLS] >= 1);  /* of the peer's side */
	assert_true(f.sip.requests_out[SIP_INVITE][TRANSPORT_UDP] >= 1); /* and of the other */
	hang_up(&w, &w.alice);
	dial(&w, &w.alice, STR("0044123456@acme.net.example"));
	edge_figures(w.edge, &f);
	assert_int_equal(f.crossings, 0);
	assert_int_equal(f.offered[EDGE_FIGURES_PEER], 2);
	assert_int_equal(f.refused[EDGE_FIGURES_PEER][EDGE_FIGURES_RULES], 1);
	assert_int_equal(f.refused[EDGE_FIGURES_PEER][EDGE_FIGURES_LIMITS], 0);
	dial(&w, &w.desk, STR("sip:alice@10.0.0.5:5060"));
	edge_figures(w.edge, &f);
	assert_int_equal(f.offered[EDGE_FIGURES_PBX], 1);
	assert_int_equal(f.answered[EDGE_FIGURES_PBX], 1);
	world_end(&w);
}

static void refusals_cross_with_their_meaning(void **state)
{
	static const int all[] = { 486, 404, 603, 480, 488 };

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct world w;

		world_start(&w, NULL);
		w.desk.rejects = all[i];
		dial(&w, &w.alice, STR("acme"));
		assert_int_equal(w.alice.ended, 1);
		assert_int_equal(w.alice.status, all[i]);
		assert_int_equal(crossings(&w), 0);
		world_end(&w);
	}
}

static void a_caller_who_gives_up_stops_the_ringing_across(void **state)
{
	struct world w;

	(void)state;
	world_start(&w, NULL);
	w.desk.answers = false;
	dial(&w, &w.alice, STR("acme"));
	assert_int_equal(w.alice.ringing, 1);
	hang_up(&w, &w.alice);
	assert_int_equal(w.desk.cause, CALL_CANCELLED);
	assert_int_equal(w.alice.cause, CALL_CANCELLED);
	assert_int_equal(crossings(&w), 0);
	world_end(&w);
}

static void early_media_is_bridged_before_the_answer(void **state)
{
	struct world w;

	(void)state;
	world_start(&w, NULL);
	w.desk.answers = false;
	w.desk.early = true;
	dial(&w, &w.alice, STR("acme"));
	assert_int_equal(w.alice.early_heard, 1);
	assert_int_equal(w.alice.answered, 0);
	assert_true(w.host.bridged[0] != 0);
	assert_int_equal(call_answer(agent_call(w.desk.agent, w.desk.call), w.host.now), ERR_NONE);
	test_run(&w.host, USEC_PER_SEC);
	assert_int_equal(w.alice.answered, 1);
	world_end(&w);
}

static void hold_crosses(void **state)
{
	struct world w;

	(void)state;
	world_start(&w, NULL);
	dial(&w, &w.alice, STR("acme"));
	assert_int_equal(call_hold(agent_call(w.desk.agent, w.desk.call), true, w.host.now), ERR_NONE);
	test_run(&w.host, USEC_PER_SEC);
	assert_int_equal(w.alice.held, 1);
	assert_int_equal(call_hold(agent_call(w.desk.agent, w.desk.call), false, w.host.now), ERR_NONE);
	test_run(&w.host, USEC_PER_SEC);
	assert_int_equal(w.alice.resumed, 1);
	world_end(&w);
}

/* Or whoever is on the line would choose whom the business calls. */
static void neither_side_passes_the_other_on_or_writes_to_it(void **state)
{
	struct world w;
	struct phone *all[2];

	(void)state;
	world_start(&w, NULL);
	dial(&w, &w.alice, STR("acme"));
	all[0] = &w.alice;
	all[1] = &w.desk;
	for (int i = 0; i < 2; i++) {
		struct call *call = agent_call(all[i]->agent, all[i]->call);

		assert_int_equal(call_refer(call, STR("sip:mallory@elsewhere.example"), NULL, w.host.now), ERR_NONE);
		test_run(&w.host, USEC_PER_SEC);
		assert_int_equal(all[i]->transferred, 405);
		assert_int_equal(call_write(call, STR("hello"), w.host.now), ERR_NONE);
		test_run(&w.host, USEC_PER_SEC);
	}
	assert_int_equal(w.alice.ended + w.desk.ended, 0);
	assert_int_equal(w.alice.incoming, 0);
	assert_int_equal(w.desk.incoming, 1);
	world_end(&w);
}

static bool lose_all(void *self, str bytes, usec now)
{
	(void)self;
	(void)bytes;
	(void)now;
	return true;
}

static void each_side_is_watched_by_a_session_timer_of_its_own(void **state)
{
	struct world w;

	(void)state;
	world_start(&w, NULL);
	dial(&w, &w.alice, STR("acme"));
	test_run(&w.host, 5000 * USEC_PER_SEC);
	assert_int_equal(w.alice.ended + w.desk.ended, 0);
	w.host.lose = lose_all; /* the office has lost its cable */
	test_run(&w.host, 2000 * USEC_PER_SEC);
	assert_int_equal(w.alice.ended, 1);
	world_end(&w);
}

static void what_is_not_listed_does_not_cross(void **state)
{
	static const struct {
		const char *target;
		int status;
	} all[] = { { "sip:0044123456@acme.net.example", 403 }, { "sip:nobody@net.example", 404 } };

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct world w;

		world_start(&w, NULL);
		dial(&w, &w.alice, str_from(all[i].target));
		assert_int_equal(w.alice.ended, 1);
		assert_int_equal(w.alice.status, all[i].status);
		assert_int_equal(w.desk.incoming, 0);
		dial(&w, &w.desk, STR("sip:nobody@10.0.0.5:5060"));
		assert_int_equal(w.desk.status, 404);
		dial(&w, &w.desk, STR("sip:acme@10.0.0.5:5060"));
		assert_int_equal(w.desk.status, 482);
		world_end(&w);
	}
}

static void too_many_tries_are_put_off(void **state)
{
	struct admission_limits limits = ADMISSION_DEFAULT;
	struct world w;

	(void)state;
	limits.tries = 2;
	world_start(&w, &limits);
	for (unsigned i = 1; i <= 3; i++) {
		dial(&w, &w.alice, STR("acme"));
		hang_up(&w, &w.alice);
		assert_int_equal(w.alice.ended, i);
	}
	assert_int_equal(w.desk.incoming, 2);
	assert_int_equal(w.alice.status, 503);
	world_end(&w);
}

static void a_call_that_has_ended_makes_room_for_the_next(void **state)
{
	struct admission_limits limits = ADMISSION_DEFAULT;
	struct world w;

	(void)state;
	limits.calls = limits.calls_per_caller = 1;
	world_start(&w, &limits);
	for (unsigned i = 1; i <= 3; i++) {
		dial(&w, &w.alice, STR("acme"));
		assert_int_equal(w.alice.answered, i);
		hang_up(&w, &w.alice);
	}
	world_end(&w);
}

static void a_peer_who_proves_no_name_does_not_cross(void **state)
{
	struct world w;

	(void)state;
	world_start(&w, NULL);
	w.net.ends[1].other[0] = 0;
	dial(&w, &w.alice, STR("acme"));
	assert_int_equal(w.alice.status, 403);
	assert_int_equal(w.desk.incoming, 0);
	world_end(&w);
}

static void a_call_that_comes_round_again_is_a_loop(void **state)
{
	struct call_session session = { .local = "0123456789abcdef0123456789abcdef" };
	struct agent_dialling d = { .target = STR("acme"), .session = &session };
	struct world w;

	(void)state;
	world_start(&w, NULL);
	for (int i = 0; i < 2; i++) {
		w.alice.call = agent_dial(w.alice.agent, &d, w.host.now);
		test_run(&w.host, USEC_PER_SEC);
	}
	assert_int_equal(w.alice.answered, 1);
	assert_int_equal(w.alice.status, 482);
	assert_int_equal(crossings(&w), 1);
	world_end(&w);
}

static void calls_at_once_are_bounded(void **state)
{
	struct admission_limits limits = ADMISSION_DEFAULT;
	struct world w;

	(void)state;
	limits.calls = 1;
	world_start(&w, &limits);
	dial(&w, &w.alice, STR("acme"));
	dial(&w, &w.desk, STR("sip:alice@10.0.0.5:5060"));
	assert_int_equal(w.desk.ended, 1);
	assert_int_equal(w.desk.status, 503);
	assert_int_equal(crossings(&w), 1);
	world_end(&w);
}

static void a_call_outlives_the_flow_that_it_began_on(void **state)
{
	struct two_road *edge;
	struct world w;

	(void)state;
	world_start(&w, NULL);
	edge = &w.net.ends[1];
	dial(&w, &w.alice, STR("acme"));
	two_say(edge, ROAD_DOWN);
	test_run(&w.host, USEC_PER_SEC);
	edge->flow = 2;
	two_say(edge, ROAD_UP);
	test_run(&w.host, USEC_PER_SEC);
	assert_int_equal(crossings(&w), 1);
	hang_up(&w, &w.desk);
	assert_int_equal(w.alice.ended, 1);
	assert_int_equal(w.alice.cause, CALL_HUNG_UP);
	assert_int_equal(crossings(&w), 0);
	world_end(&w);
}

static void what_cannot_be_sealed_for_the_callee_fails_at_once(void **state)
{
	struct world w;

	(void)state;
	world_start(&w, NULL);
	w.net.ends[0].keyless = true;
	dial(&w, &w.alice, STR("acme"));
	assert_int_equal(w.alice.ended, 1);
	assert_int_equal(w.alice.status, 493);
	world_end(&w);
}

/* A super node shows a member what it carries; the member signs in its own name with the tags of others. */
static void nobody_else_speaks_for_the_other_end(void **state)
{
	struct world w;

	(void)state;
	world_start(&w, NULL);
	w.net.ends[1].lies = true;
	dial(&w, &w.alice, STR("sip:acme@net.example"));
	assert_int_equal(w.desk.incoming, 1);
	assert_int_equal(w.alice.answered, 0);
	world_end(&w);

	world_start(&w, NULL);
	dial(&w, &w.alice, STR("sip:acme@net.example"));
	assert_int_equal(w.alice.answered, 1);
	w.net.ends[1].lies = true;
	hang_up(&w, &w.desk);
	assert_int_equal(w.alice.ended, 0);
	world_end(&w);
}

static void who_does_not_come_from_the_exchange_does_not_cross(void **state)
{
	static const char invite[] =
		"INVITE sip:alice@10.0.0.5 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.%d;branch=z9hG4bK%d\r\n"
		"From: <sip:101@10.0.0.9>;tag=1\r\nTo: <sip:alice@10.0.0.5>\r\nCall-ID: x%d\r\n"
		"CSeq: 1 INVITE\r\nContact: <sip:101@10.0.0.66>\r\n"
		"Content-Type: application/sdp\r\n\r\nv=0\r\no=- 1 1 IN IP4 10.0.0.66\r\ns=-\r\n"
		"c=IN IP4 10.0.0.66\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";
	struct addr ours = at(5, 5060);
	char text[1000];
	struct world w;

	(void)state;
	world_start(&w, NULL);
	for (int from = 66; from >= 9; from -= 57) { /* a stranger; then the exchange, as the proof that it could */
		struct host_event e = { .kind = HOST_DATAGRAM,
					.id = test_socket_at(&w.host, &ours, TRANSPORT_UDP)->id,
					.transport = TRANSPORT_UDP,
					.local = ours,
					.remote = at((uint8_t)from, 5060) };

		e.bytes = str_of(text, (size_t)snprintf(text, sizeof(text), invite, from, from, from));
		test_host_post(&w.host, EDGE, &e, 0);
		test_run(&w.host, USEC_PER_SEC);
		assert_int_equal(w.alice.incoming, from == 9);
	}
	world_end(&w);
}

static void stopping_ends_all_calls_and_the_service(void **state)
{
	struct world w;

	(void)state;
	world_start(&w, NULL);
	dial(&w, &w.alice, STR("acme"));
	test_host_post(&w.host, EDGE, &(struct host_event){ .kind = HOST_STOPPING }, 0);
	test_run(&w.host, 5 * USEC_PER_SEC);
	assert_true(w.host.stopped[EDGE]);
	assert_int_equal(w.alice.ended, 1);
	assert_int_equal(w.desk.ended, 1);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_peer_calls_the_business_and_its_desk_phone_answers),
		cmocka_unit_test(the_desk_phone_may_hang_up_too),
		cmocka_unit_test(a_desk_phone_calls_a_peer_by_name),
		cmocka_unit_test(figures_say_what_came_what_was_refused_and_what_is_up),
		cmocka_unit_test(refusals_cross_with_their_meaning),
		cmocka_unit_test(a_caller_who_gives_up_stops_the_ringing_across),
		cmocka_unit_test(early_media_is_bridged_before_the_answer),
		cmocka_unit_test(hold_crosses),
		cmocka_unit_test(neither_side_passes_the_other_on_or_writes_to_it),
		cmocka_unit_test(each_side_is_watched_by_a_session_timer_of_its_own),
		cmocka_unit_test(what_is_not_listed_does_not_cross),
		cmocka_unit_test(too_many_tries_are_put_off),
		cmocka_unit_test(a_call_that_has_ended_makes_room_for_the_next),
		cmocka_unit_test(a_peer_who_proves_no_name_does_not_cross),
		cmocka_unit_test(a_call_that_comes_round_again_is_a_loop),
		cmocka_unit_test(calls_at_once_are_bounded),
		cmocka_unit_test(a_call_outlives_the_flow_that_it_began_on),
		cmocka_unit_test(what_cannot_be_sealed_for_the_callee_fails_at_once),
		cmocka_unit_test(nobody_else_speaks_for_the_other_end),
		cmocka_unit_test(who_does_not_come_from_the_exchange_does_not_cross),
		cmocka_unit_test(stopping_ends_all_calls_and_the_service),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
