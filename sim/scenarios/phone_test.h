/*
 * sim/scenarios/phone_test.h - a telephone in the simulation: call/agent and call/media_service on a host of its own.
 *
 * Its mouth is a tone of its own pitch, its ear measures the pitches of others. Included by scenarios only.
 */
#ifndef SIM_SCENARIOS_PHONE_TEST_H
#define SIM_SCENARIOS_PHONE_TEST_H

#include "call/agent.h"
#include "call/media_service.h"
#include "media/tone.h"
#include "sdp/offer.h"
#include "sim/scenarios/scenario_test.h"

#define PHONE_AGENT 0 /* numbers of the services on a phone's host */
#define PHONE_MEDIA 1

struct phone {
	struct sim *world;
	struct sim_host *host;
	struct agent *agent;
	struct media_service *media;
	struct tone tone;
	double listens_for_hz;
	unsigned heard; /* periods in which that tone was loud */

	bool answers;
	usec answers_after; /* rings so long first */
	usec answer_at;
	int rejects;
	handle call; /* the last one */
	unsigned ready, down, incoming, ringing, answered, up, ended;
	int status;
	enum call_cause cause;
	struct call_facts facts; /* of the last that ended */
	bool stopped;
};

static inline void phone_mouth(void *self, int16_t pcm[MEDIA_PERIOD], usec now)
{
	(void)now;
	tone_make(&((struct phone *)self)->tone, pcm, MEDIA_PERIOD, 0);
}

static inline void phone_ear(void *self, const int16_t pcm[MEDIA_PERIOD], usec now)
{
	struct phone *p = self;
	(void)now;
	p->heard += p->listens_for_hz > 0 && tone_level(pcm, MEDIA_PERIOD, p->listens_for_hz, 48000) > -20;
}

static inline void phone_call_event(struct phone *p, const struct agent_event *e, usec now)
{
	struct call *call = agent_call(p->agent, e->call);
	p->call = e->call;
	switch (e->is.kind) {
	case CALL_EVENT_INCOMING:
		p->incoming++;
		assert_int_equal(call_ring(call, 180, false, now), ERR_NONE);
		if (p->rejects)
			assert_int_equal(call_reject(call, p->rejects, 0, now), ERR_NONE);
		else if (p->answers)
			p->answer_at = usec_add(now, p->answers_after);
		break;
	case CALL_EVENT_RINGING:
		p->ringing++;
		break;
	case CALL_EVENT_ANSWERED:
		p->answered++;
		break;
	case CALL_EVENT_MEDIA:
		p->up++;
		break;
	case CALL_EVENT_ENDED:
		p->ended++;
		p->cause = e->is.cause;
		p->status = e->is.status;
		p->facts = *e->is.facts;
		break;
	default:
		break;
	}
}

static inline void phone_settle(struct phone *p, usec now)
{
	struct agent_event e;
	while (agent_event(p->agent, &e)) {
		if (e.kind == AGENT_READY)
			p->ready++;
		else if (e.kind == AGENT_DOWN)
			p->down++;
		else if (e.kind == AGENT_STOPPED)
			p->stopped = true;
		else
			phone_call_event(p, &e, now);
	}
}

static inline void phone_recv(void *self, const struct host_event *e, usec now)
{
	struct phone *p = self;
	agent_recv(p->agent, e, now);
	phone_settle(p, now);
}

static inline void phone_tick(void *self, usec now)
{
	struct phone *p = self;
	agent_tick(p->agent, now);
	if (now >= p->answer_at) {
		struct call *call = agent_call(p->agent, p->call);
		p->answer_at = USEC_NEVER;
		if (call && call_state(call) == CALL_INCOMING)
			assert_int_equal(call_answer(call, now), ERR_NONE);
	}
	phone_settle(p, now);
}

static inline usec phone_due(const void *self)
{
	const struct phone *p = self;
	return usec_min(agent_due(p->agent), p->answer_at);
}

static inline bool phone_next(void *self, struct host_want *out)
{
	struct phone *p = self;
	return agent_next(p->agent, out);
}

static inline void phone_drop(void *message)
{
	media_answer_free(message);
}

static inline void phone_drop_ask(void *message)
{
	media_ask_free(message);
}

/* The usual settings of a phone at `addr`, for a test to change before phone_start. */
static inline struct agent_settings phone_settings(struct sim_host *host)
{
	struct agent_settings s = { .user = STR("phone"), .transport = TRANSPORT_UDP };
	s.rng = sim_host_rng(host);
	s.wish.codecs[0] = CODEC_PCMA;
	s.wish.codec_n = 1;
	s.wish.security = SDP_SDES;
	s.wish.local = *sim_host_addr(host);
	s.wish.has_device = true;
	s.listen = *sim_host_addr(host);
	s.media = PHONE_MEDIA;
	s.first_stream = 1;
	s.call_max = 4;
	return s;
}

/* `hz`: its voice. */
static inline void phone_start(struct phone *p, struct sim *world, struct sim_host *host,
			       const struct agent_settings *settings, double hz)
{
	struct media_service_setup media = { .rng = sim_host_rng(host), .addrs[0] = *sim_host_addr(host), .addr_n = 1 };
	struct host_service service = { p, phone_recv, phone_tick, phone_due, phone_next, phone_drop };
	memset(p, 0, sizeof(*p));
	p->world = world;
	p->host = host;
	p->answer_at = USEC_NEVER;
	tone_start(&p->tone, hz, -6, 48000);
	media.devices[0] = (struct media_device){ p, phone_mouth, phone_ear };
	media.device_n = 1;
	p->media = media_service_new(&media, sim_now(world));
	p->agent = agent_new(settings);
	assert_non_null(p->media);
	assert_non_null(p->agent);
	agent_start(p->agent, sim_now(world));
	assert_int_equal(sim_host_add(host, &service, 0), PHONE_AGENT);
	service = media_service_host(p->media);
	service.drop = phone_drop_ask;
	assert_int_equal(sim_host_add(host, &service, 0), PHONE_MEDIA);
}

static inline void phone_dial(struct phone *p, const char *target)
{
	p->call = agent_dial(p->agent, &(struct agent_dialling){ .target = str_from(target) }, sim_now(p->world));
	assert_true(p->call != 0);
	sim_host_drain(p->host);
}

static inline void phone_hang_up(struct phone *p)
{
	struct call *call = agent_call(p->agent, p->call);
	assert_non_null(call);
	call_hang_up(call, CALL_CAUSE_NONE, sim_now(p->world));
	phone_settle(p, sim_now(p->world));
	sim_host_drain(p->host);
}

/* After the world, or its host's run, has ended. */
static inline void phone_free(struct phone *p)
{
	agent_free(p->agent);
	media_service_free(p->media);
}

#endif
