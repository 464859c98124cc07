#include "connect/extensions.h"

#include "call/agent.h"
#include "call/test_host.h"

#include <stdio.h>

/* A caller, and what it heard of its last call. */
struct caller {
	struct agent *agent;
	struct rng rng;
	handle call;
	int rang;   /* the last 18x */
	int status; /* of the end */
	unsigned answered, ended, early;
	bool by_us;
	usec dialled, answered_at, ended_at;
};

struct scene {
	struct test_host host;
	struct caller caller;
	struct extensions *extensions;
	struct rng rng;
};

static struct addr at(uint8_t last)
{
	return addr_v4(10, 0, 0, last, 0);
}

static void listen_to(struct caller *c, usec now)
{
	struct agent_event e;

	while (agent_event(c->agent, &e)) {
		if (e.kind != AGENT_CALL)
			continue;
		if (e.is.kind == CALL_EVENT_RINGING) {
			c->rang = e.is.status;
			c->early += e.is.early;
		} else if (e.is.kind == CALL_EVENT_ANSWERED) {
			c->answered++;
			c->answered_at = now;
		} else if (e.is.kind == CALL_EVENT_ENDED) {
			c->ended++;
			c->ended_at = now;
			c->status = e.is.status;
			c->by_us = e.is.by_us;
		}
	}
}

static void caller_recv(void *self, const struct host_event *e, usec now)
{
	struct caller *c = self;

	agent_recv(c->agent, e, now);
	listen_to(c, now);
}

static void caller_tick(void *self, usec now)
{
	struct caller *c = self;

	agent_tick(c->agent, now);
	listen_to(c, now);
}

static usec caller_due(const void *self)
{
	return agent_due(((const struct caller *)self)->agent);
}

static bool caller_next(void *self, struct host_want *out)
{
	return agent_next(((struct caller *)self)->agent, out);
}

static void scene_start(struct scene *s, enum transport transport, uint32_t call_max, uint32_t sound_max)
{
	struct host_service service = { &s->caller, caller_recv, caller_tick, caller_due, caller_next, NULL };
	struct agent_settings a = {
		.user = STR("caller"), .transport = transport, .listen = at(1), .media = TEST_MEDIA, .call_max = 1000
	};
	struct extensions_settings x = { .transport = transport,
					 .listen = at(2),
					 .media = at(2),
					 .media_service = TEST_MEDIA,
					 .call_max = call_max,
					 .sound_max = sound_max };

	memset(s, 0, sizeof(*s));
	test_host_init(&s->host);
	rng_seeded(&s->caller.rng, 1);
	rng_seeded(&s->rng, 2);
	a.rng = &s->caller.rng;
	x.rng = &s->rng;
	a.wish = (struct call_media_wish){
		.codecs = { CODEC_PCMA }, .codec_n = 1, .security = SDP_SDES | SDP_PLAIN, .local = at(1)
	};
	s->caller.agent = agent_new(&a);
	s->extensions = extensions_new(&x);
	assert_non_null(s->caller.agent);
	assert_non_null(s->extensions);
	test_host_add(&s->host, &service, at(1));
	agent_start(s->caller.agent, s->host.now);
	service = extensions_service(s->extensions);
	test_host_add(&s->host, &service, at(2));
	test_run(&s->host, USEC_PER_SEC);
}

static void scene_end(struct scene *s)
{
	test_host_free(&s->host);
	agent_free(s->caller.agent);
	extensions_free(s->extensions);
}

static void dial(struct scene *s, const char *name)
{
	struct agent_dialling d = { .max_forwards = 0 };
	char text[200];
	struct buf uri;

	buf_init(&uri, text, sizeof(text));
	assert_true(extensions_contact(s->extensions, str_from(name), &uri));
	assert_true(uri.n > 0);
	d.target = buf_str(&uri);
	s->caller.dialled = s->host.now;
	s->caller.call = agent_dial(s->caller.agent, &d, s->host.now);
	assert_true(s->caller.call != 0);
}

static double seconds(usec from, usec to)
{
	return (double)(to - from) / USEC_PER_SEC;
}

static void names_are_known_and_lead_nowhere_before_it_is_up(void **state)
{
	struct extensions_settings x = { .transport = TRANSPORT_UDP, .listen = at(2), .media = at(2) };
	struct rng rng;
	char text[100];
	struct buf uri;

	(void)state;
	rng_seeded(&rng, 1);
	x.rng = &rng;
	struct extensions *e = extensions_new(&x);
	buf_init(&uri, text, sizeof(text));
	assert_true(extensions_contact(e, STR("echo"), &uri));
	assert_false(extensions_contact(e, STR("echoes"), &uri));
	assert_int_equal(uri.n, 0);
	extensions_free(e);
}

static void answer_answers_and_hangs_up_without_a_stream(void **state)
{
	for (enum transport t = TRANSPORT_UDP; t <= TRANSPORT_TCP; t++) {
		struct scene s;

		(void)state;
		scene_start(&s, t, 0, 0);
		dial(&s, "answer");
		test_run(&s.host, USEC_PER_SEC);
		assert_int_equal(s.caller.answered, 1);
		assert_int_equal(s.caller.ended, 1);
		assert_false(s.caller.by_us);
		assert_int_equal(s.host.opens[1], 0);
		scene_end(&s);
	}
}

static void busy_is_486(void **state)
{
	struct scene s;

	(void)state;
	scene_start(&s, TRANSPORT_UDP, 0, 0);
	dial(&s, "busy");
	test_run(&s.host, USEC_PER_SEC);
	assert_int_equal(s.caller.status, 486);
	assert_int_equal(s.host.opens[1], 0);
	scene_end(&s);
}

static void ring_rings_for_15_s_and_gives_up(void **state)
{
	struct scene s;

	(void)state;
	scene_start(&s, TRANSPORT_UDP, 0, 0);
	dial(&s, "ring");
	test_run(&s.host, 14 * USEC_PER_SEC);
	assert_int_equal(s.caller.rang, 180);
	assert_int_equal(s.caller.ended, 0);
	test_run(&s.host, 2 * USEC_PER_SEC);
	assert_int_equal(s.caller.status, 480);
	assert_int_equal(s.host.opens[1], 0);
	scene_end(&s);
}

static void wait_answers_after_300_ms_and_holds_20_s(void **state)
{
	struct scene s;

	(void)state;
	scene_start(&s, TRANSPORT_UDP, 0, 0);
	dial(&s, "wait");
	test_run(&s.host, 25 * USEC_PER_SEC);
	assert_int_equal(s.caller.answered, 1);
	assert_true(seconds(s.caller.dialled, s.caller.answered_at) > 0.3);
	assert_true(seconds(s.caller.dialled, s.caller.answered_at) < 0.4);
	assert_int_equal(s.caller.ended, 1);
	assert_true(seconds(s.caller.answered_at, s.caller.ended_at) > 19.9);
	assert_true(seconds(s.caller.answered_at, s.caller.ended_at) < 20.1);
	assert_int_equal(s.host.opens[1], 0);
	scene_end(&s);
}

static void playback_ends_after_a_second(void **state)
{
	struct scene s;

	(void)state;
	scene_start(&s, TRANSPORT_UDP, 0, 0);
	dial(&s, "playback");
	test_run(&s.host, 3 * USEC_PER_SEC);
	assert_int_equal(s.caller.answered, 1);
	assert_int_equal(s.caller.ended, 1);
	assert_true(seconds(s.caller.answered_at, s.caller.ended_at) > 0.9);
	assert_true(seconds(s.caller.answered_at, s.caller.ended_at) < 1.2);
	assert_int_equal(s.host.opens[1], 1);
	assert_int_equal(s.host.closes[1], 1);
	scene_end(&s);
}

static void early_has_media_before_its_answer(void **state)
{
	struct scene s;

	(void)state;
	scene_start(&s, TRANSPORT_UDP, 0, 0);
	dial(&s, "early");
	test_run(&s.host, USEC_PER_SEC);
	assert_int_equal(s.caller.rang, 183);
	assert_int_equal(s.caller.early, 1);
	assert_int_equal(s.caller.answered, 0);
	assert_int_equal(s.host.connects[1], 1);
	test_run(&s.host, 4 * USEC_PER_SEC);
	assert_int_equal(s.caller.answered, 1);
	assert_int_equal(s.caller.ended, 1);
	assert_int_equal(s.caller.status, 200);
	scene_end(&s);
}

static void echo_says_what_it_heard_and_nothing_old(void **state)
{
	struct media_device devices[MEDIA_SERVICE_DEVICE_MAX];
	int16_t in[MEDIA_PERIOD], out[MEDIA_PERIOD];
	struct scene s;

	(void)state;
	scene_start(&s, TRANSPORT_UDP, 0, 0);
	assert_int_equal(extensions_devices(s.extensions, devices), 1 + EXTENSIONS_ECHO_MAX);
	for (int i = 0; i < MEDIA_PERIOD; i++)
		in[i] = (int16_t)i;
	devices[1].ear(devices[1].self, in, s.host.now);
	devices[1].mouth(devices[1].self, out, s.host.now + 20 * USEC_PER_MS);
	assert_memory_equal(in, out, sizeof(in));
	devices[2].mouth(devices[2].self, out, s.host.now);
	assert_int_equal(out[5], 0);
	devices[1].mouth(devices[1].self, out, s.host.now + USEC_PER_SEC);
	assert_int_equal(out[5], 0);
	scene_end(&s);
}

static void more_than_the_bounds_are_busy_and_all_is_given_back(void **state)
{
	struct extensions_stats stats;
	struct scene s;

	(void)state;
	scene_start(&s, TRANSPORT_UDP, 3, 1);
	dial(&s, "echo");
	test_run(&s.host, USEC_PER_SEC);
	handle echo = s.caller.call;
	assert_int_equal(s.caller.answered, 1);
	dial(&s, "playback"); /* no sound left */
	test_run(&s.host, 3 * USEC_PER_SEC);
	assert_int_equal(s.caller.status, 486);
	for (int i = 0; i < 3; i++) { /* the third is one call too many */
		dial(&s, "wait");
		test_run(&s.host, USEC_PER_SEC);
	}
	assert_int_equal(s.caller.answered, 3);
	assert_int_equal(s.caller.status, 486);
	extensions_stats(s.extensions, &stats);
	assert_int_equal(stats.calls, 3);
	assert_int_equal(stats.echoes, 1);
	call_hang_up(agent_call(s.caller.agent, echo), CALL_CAUSE_NONE, s.host.now);
	test_run(&s.host, 60 * USEC_PER_SEC);
	extensions_stats(s.extensions, &stats);
	assert_int_equal(stats.calls, 0);
	assert_int_equal(stats.sounds, 0);
	assert_int_equal(stats.echoes, 0);
	dial(&s, "playback");
	test_run(&s.host, USEC_PER_SEC);
	assert_int_equal(s.caller.answered, 4);
	scene_end(&s);
}

static void it_stops_when_asked(void **state)
{
	struct scene s;

	(void)state;
	scene_start(&s, TRANSPORT_UDP, 0, 0);
	dial(&s, "wait");
	test_run(&s.host, USEC_PER_SEC);
	test_host_post(&s.host, 1, &(struct host_event){ .kind = HOST_STOPPING }, 0);
	test_run(&s.host, USEC_PER_SEC);
	assert_true(s.host.stopped[1]);
	assert_int_equal(s.caller.ended, 1);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_known_and_lead_nowhere_before_it_is_up),
		cmocka_unit_test(answer_answers_and_hangs_up_without_a_stream),
		cmocka_unit_test(busy_is_486),
		cmocka_unit_test(ring_rings_for_15_s_and_gives_up),
		cmocka_unit_test(wait_answers_after_300_ms_and_holds_20_s),
		cmocka_unit_test(playback_ends_after_a_second),
		cmocka_unit_test(early_has_media_before_its_answer),
		cmocka_unit_test(echo_says_what_it_heard_and_nothing_old),
		cmocka_unit_test(more_than_the_bounds_are_busy_and_all_is_given_back),
		cmocka_unit_test(it_stops_when_asked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
