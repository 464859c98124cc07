/*
 * call/test_phone.h - telephones for tests: agents that do what the test tells them to. Included by x_test.c only.
 */
#ifndef CALL_TEST_PHONE_H
#define CALL_TEST_PHONE_H

#include "call/agent.h"
#include "call/test_at.h"
#include "call/test_host.h"

/* ---- a telephone: an agent that does what the test tells it to ---- */

struct phone {
	struct agent *agent;
	struct rng rng;
	int service;
	bool answers, rings_only;
	int rejects;
	handle call; /* the last one */
	unsigned ready, down, incoming, ringing, answered, media, held, resumed, ended, stopped;
	bool final;
	enum call_cause cause, down_cause;
	int status;
	struct call_facts facts; /* of the last that ended */
	char digit;
	unsigned letters, refers, replaced;
	int sent_status, transfer_status;
	char text[200];
	handle other;
};

static inline void phone_react(struct phone *p, usec now)
{
	struct agent_event e;

	while (agent_event(p->agent, &e)) {
		struct call *call = agent_call(p->agent, e.call);

		switch (e.kind) {
		case AGENT_READY:
			p->ready++;
			continue;
		case AGENT_DOWN:
			p->down++;
			p->down_cause = e.cause;
			p->final = e.final;
			(void)str_copy_z(e.text, p->text, sizeof(p->text));
			continue;
		case AGENT_STOPPED:
			p->stopped++;
			continue;
		case AGENT_MESSAGE:
			p->letters++;
			(void)str_copy_z(e.text, p->text, sizeof(p->text));
			continue;
		case AGENT_SENT:
			p->sent_status = e.status;
			continue;
		case AGENT_CALL:
			break;
		}
		p->call = e.call;
		switch (e.is.kind) {
		case CALL_EVENT_INCOMING:
			p->incoming++;
			assert_int_equal(call_ring(call, 180, false, now), ERR_NONE);
			if (p->rejects)
				assert_int_equal(call_reject(call, p->rejects, 0, now), ERR_NONE);
			else if (p->answers)
				assert_int_equal(call_answer(call, now), ERR_NONE);
			break;
		case CALL_EVENT_RINGING:
			p->ringing++;
			break;
		case CALL_EVENT_ANSWERED:
			p->answered++;
			break;
		case CALL_EVENT_MEDIA:
			p->media++;
			break;
		case CALL_EVENT_HELD:
			p->held++;
			break;
		case CALL_EVENT_RESUMED:
			p->resumed++;
			break;
		case CALL_EVENT_DIGIT:
			p->digit = e.is.digit;
			break;
		case CALL_EVENT_TEXT:
			(void)str_copy_z(str_from(e.is.text), p->text, sizeof(p->text));
			break;
		case CALL_EVENT_REFER:
			p->refers++;
			p->other = e.is.other;
			(void)str_copy_z(str_from(e.is.text), p->text, sizeof(p->text));
			break;
		case CALL_EVENT_TRANSFER:
			p->transfer_status = e.is.status;
			break;
		case CALL_EVENT_REPLACES:
			p->replaced++;
			p->other = e.is.other;
			break;
		case CALL_EVENT_ENDED:
			p->ended++;
			p->cause = e.is.cause;
			p->status = e.is.status;
			p->facts = *e.is.facts;
			break;
		}
	}
}

static inline void phone_recv(void *self, const struct host_event *e, usec now)
{
	struct phone *p = self;

	agent_recv(p->agent, e, now);
	phone_react(p, now);
}

static inline void phone_tick(void *self, usec now)
{
	struct phone *p = self;

	agent_tick(p->agent, now);
	phone_react(p, now);
}

static inline usec phone_due(const void *self)
{
	return agent_due(((const struct phone *)self)->agent);
}

static inline bool phone_next(void *self, struct host_want *out)
{
	return agent_next(((struct phone *)self)->agent, out);
}

static inline struct agent_settings direct(struct phone *p, uint8_t last)
{
	struct agent_settings s = { .user = STR("phone"), .transport = TRANSPORT_UDP, .listen = at(last, 5060) };

	rng_seeded(&p->rng, last);
	s.rng = &p->rng;
	s.wish.codecs[0] = CODEC_OPUS;
	s.wish.codecs[1] = CODEC_PCMA;
	s.wish.codec_n = 2;
	s.wish.security = SDP_PLAIN | SDP_SDES;
	s.wish.local = at(last, 0);
	s.media = TEST_MEDIA;
	s.call_max = 4;
	s.redirects = s.transfers = s.messages = true;
	s.software = STR("tandem test");
	return s;
}

static inline void phone_add(struct test_host *h, struct phone *p, const struct agent_settings *s, uint8_t last)
{
	struct host_service service = { p, phone_recv, phone_tick, phone_due, phone_next, NULL };

	p->agent = agent_new(s);
	assert_non_null(p->agent);
	p->service = test_host_add(h, &service, at(last, 0));
	agent_start(p->agent, h->now);
}

/* As test_host.lose: whatever is sent. */
static inline bool lose_all(void *self, str bytes, usec now)
{
	(void)self;
	(void)bytes;
	(void)now;
	return true;
}

#endif
