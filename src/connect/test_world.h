/*
 * connect/test_world.h - alice on a peer network of two, the edge of acme, a desk phone in its office. Included by
 * x_test.c only.
 */
#ifndef CONNECT_TEST_WORLD_H
#define CONNECT_TEST_WORLD_H

#include "call/test_at.h"
#include "call/test_host.h"
#include "connect/edge.h"
#include "sip/edit.h"
#include "store/keeper.h"

#include <stdio.h>

/* ---- a network of two: whoever sends, the other one hears ---- */

struct two;

struct two_road {
	struct two *net;
	const char *name;
	struct road face;
	struct {
		enum road_event_kind kind;
		uint64_t ask;
		bool known;
		char uri[128];
		char *bytes;
		size_t n;
	} queue[64];
	size_t queue_n;
	uint32_t flow; /* its number now */
	bool keyless;  /* it can seal for nobody */
	bool lies;     /* who signs is mallory, and so says From or To */
	char *last;
	char own[128], other[128], contact[128], uri[128];
};

struct two {
	struct two_road ends[2];
};

static inline struct flow two_flow(const struct two_road *r)
{
	return (struct flow){ .transport = TRANSPORT_TLS, .id = r->flow, .local = addr_v4(10, 9, 9, 1, 443) };
}

static inline void two_recv(void *self, const struct host_event *e, usec now)
{
	(void)self;
	(void)e;
	(void)now;
}

static inline void two_tick(void *self, usec now)
{
	(void)self;
	(void)now;
}

static inline usec two_due(const void *self)
{
	return ((const struct two_road *)self)->queue_n ? 0 : USEC_NEVER;
}

static inline bool two_next(void *self, struct host_want *out)
{
	(void)self;
	(void)out;
	return false;
}

static inline bool two_event(void *self, struct road_event *out)
{
	struct two_road *r = self;

	if (!r->queue_n)
		return false;
	*out = (struct road_event){ .kind = r->queue[0].kind, .flow = two_flow(r), .ask = r->queue[0].ask };
	out->name = str_from(r->own);
	out->contact = str_from(r->contact);
	out->peer = str_from(r->other);
	memcpy(r->uri, r->queue[0].uri, sizeof(r->uri));
	out->uri = str_from(r->uri);
	if (out->kind == ROAD_MISSING) {
		out->status = 404;
		out->text = STR("nobody of that name");
	}
	free(r->last);
	r->last = r->queue[0].bytes;
	out->bytes = str_of(r->last, r->queue[0].n);
	memmove(r->queue, r->queue + 1, --r->queue_n * sizeof(*r->queue));
	return true;
}

static inline void two_find(void *self, uint64_t ask, str target, usec now)
{
	struct two_road *r = self;
	struct two_road *other = &r->net->ends[r == &r->net->ends[0]];
	char business[128];
	size_t i = r->queue_n++;

	(void)now;
	snprintf(business, sizeof(business), "@%s.net.example", other->name);
	assert_true(r->queue_n <= 64);
	r->queue[i].kind = str_eq(target, str_from(other->own)) || str_ends(target, str_from(business)) ? ROAD_FOUND
													: ROAD_MISSING;
	r->queue[i].ask = ask;
	r->queue[i].bytes = NULL;
	memcpy(r->queue[i].uri, other->contact, sizeof(other->contact));
}

static inline enum err two_send(void *self, const struct flow *flow, str bytes, usec now)
{
	struct two_road *r = self;
	struct two_road *other = &r->net->ends[r == &r->net->ends[0]];
	size_t i;

	(void)now;
	assert_int_equal(flow->id, r->flow);
	if (r->keyless)
		return ERR_ABSENT;
	i = other->queue_n++;
	assert_true(other->queue_n <= 64);
	other->queue[i].kind = ROAD_MESSAGE;
	other->queue[i].n = bytes.n;
	other->queue[i].bytes = malloc(bytes.n);
	memcpy(other->queue[i].bytes, bytes.p, bytes.n);
	if (r->lies) {
		str line = str_starts(bytes, STR("SIP/")) ? STR("\r\nTo: <sip:") : STR("\r\nFrom: <sip:");
		size_t name = str_find(bytes, line) + line.n;

		assert_true(name + 4 < bytes.n);
		memcpy(other->queue[i].bytes + name, "evil", 4); /* as long as "acme" */
	}
	return ERR_NONE;
}

static inline struct addr two_stun(const void *self)
{
	(void)self;
	return (struct addr){ 0 };
}

static inline bool two_save(void *self, str *state)
{
	(void)self;
	(void)state;
	return false;
}

static inline void two_stop(void *self, usec now)
{
	(void)self;
	(void)now;
}

static inline void two_init(struct two *net, const char *a, const char *b)
{
	const char *names[2] = { a, b };

	memset(net, 0, sizeof(*net));
	for (int i = 0; i < 2; i++) {
		struct two_road *r = &net->ends[i];

		r->net = net;
		r->name = names[i];
		snprintf(r->own, sizeof(r->own), "%s@net.example", names[i]);
		snprintf(r->other, sizeof(r->other), "%s@net.example", names[!i]);
		snprintf(r->contact, sizeof(r->contact), "sip:%s@10.9.9.9:443;transport=tls;flow=%s", names[i],
			 names[i]);
		r->face = (struct road){ r,        two_recv, two_tick, two_due,  two_next, two_event,
					 two_find, two_send, two_stun, two_save, two_stop };
		r->flow = 1;
		r->queue[0].kind = ROAD_UP;
		r->queue_n = 1;
	}
}

static inline void two_say(struct two_road *r, enum road_event_kind kind)
{
	memset(&r->queue[r->queue_n], 0, sizeof(r->queue[0]));
	r->queue[r->queue_n++].kind = kind;
}

static inline void two_free(struct two *net)
{
	for (int i = 0; i < 2; i++) {
		free(net->ends[i].last);
		for (size_t k = 0; k < net->ends[i].queue_n; k++)
			free(net->ends[i].queue[k].bytes);
	}
}

/* ---- a telephone; the one in the office also plays registrar ---- */

struct phone {
	struct agent *agent;
	struct rng rng;
	bool answers, early;
	int rejects;
	handle call;
	unsigned incoming, ringing, early_heard, answered, held, resumed, ended;
	enum call_cause cause;
	int status, transferred;
	struct call_facts facts, offered;
	/* REGISTER answers on their way out */
	bool refuses_registration;
	unsigned registrations;
	char reply[2048];
	struct host_want want;
	bool wants;
};

static inline void phone_react(struct phone *p, usec now)
{
	struct agent_event e;

	while (agent_event(p->agent, &e)) {
		struct call *call = agent_call(p->agent, e.call);

		if (e.kind != AGENT_CALL)
			continue;
		p->call = e.call;
		switch (e.is.kind) {
		case CALL_EVENT_INCOMING:
			p->incoming++;
			p->offered = *e.is.facts;
			assert_int_equal(call_ring(call, p->early ? 183 : 180, p->early, now), ERR_NONE);
			if (p->rejects)
				assert_int_equal(call_reject(call, p->rejects, 0, now), ERR_NONE);
			else if (p->answers)
				assert_int_equal(call_answer(call, now), ERR_NONE);
			break;
		case CALL_EVENT_RINGING:
			p->ringing++;
			p->early_heard += e.is.early;
			break;
		case CALL_EVENT_ANSWERED:
			p->answered++;
			break;
		case CALL_EVENT_HELD:
			p->held++;
			break;
		case CALL_EVENT_RESUMED:
			p->resumed++;
			break;
		case CALL_EVENT_TRANSFER:
			p->transferred = e.is.status;
			break;
		case CALL_EVENT_ENDED:
			p->ended++;
			p->cause = e.is.cause;
			p->status = e.is.status;
			p->facts = *e.is.facts;
			break;
		default:
			break;
		}
	}
}

static inline void phone_register(struct phone *p, const struct host_event *e)
{
	char first[4096], lines[512];
	struct arena arena;
	struct sip_msg msg;
	struct buf out;

	arena_init(&arena, first, sizeof(first), 65536);
	buf_init(&out, p->reply, sizeof(p->reply));
	assert_int_equal(sip_msg_parse(&msg, &arena, e->bytes), ERR_NONE);
	sip_msg_stamp(&msg, &e->remote);
	snprintf(lines, sizeof(lines), "Contact: " STR_FMT ";expires=600", STR_ARG(sip_msg_value(&msg, SIP_CONTACT)));
	struct sip_reply reply = { .status = p->refuses_registration ? 403 : 200,
				   .to_tag = STR("x"),
				   .lines = str_from(lines) };
	assert_int_equal(sip_reply_write(&msg, &reply, &out), ERR_NONE);
	arena_free(&arena);
	p->registrations++;
	p->want = (struct host_want){ .kind = HOST_SEND, .id = e->id, .remote = e->remote, .bytes = buf_str(&out) };
	p->wants = true;
}

static inline void phone_recv(void *self, const struct host_event *e, usec now)
{
	struct phone *p = self;

	if (e->kind == HOST_DATAGRAM && str_starts(e->bytes, STR("REGISTER "))) {
		phone_register(p, e);
		return;
	}
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
	struct phone *p = self;

	if (p->wants) {
		p->wants = false;
		*out = p->want;
		return true;
	}
	return agent_next(p->agent, out);
}

/* ---- alice on the network, the edge of acme, a desk phone in the office ---- */

enum { ALICE, EDGE, DESK };

struct world {
	struct test_host host;
	struct two net;
	struct phone alice, desk;
	struct edge *edge;
	struct rng rng;
	struct keeper_ask *record, *traces;
	unsigned traced, without_session, from_alice;
};

static inline void phone_make(struct world *w, struct phone *p, struct agent_settings *s, uint8_t last)
{
	struct host_service service = { p, phone_recv, phone_tick, phone_due, phone_next, NULL };

	rng_seeded(&p->rng, last);
	s->rng = &p->rng;
	s->wish.local = at(last, 0);
	s->wish.codecs[0] = CODEC_OPUS;
	s->wish.codecs[1] = CODEC_PCMA;
	s->wish.codec_n = 2;
	s->media = TEST_MEDIA;
	s->call_max = 8;
	p->answers = true;
	p->agent = agent_new(s);
	assert_non_null(p->agent);
	test_host_add(&w->host, &service, at(last, 0));
	agent_start(p->agent, w->host.now);
}

/* Keeps the last call record and the last traces of all that the edge asks. */
static inline void hear_ask(void *self, void *message)
{
	struct world *w = self;
	struct keeper_ask *ask = message;
	struct keeper_ask **kept = ask->kind == KEEPER_CALL_PUT ? &w->record : &w->traces;

	for (size_t i = 0; ask->kind == KEEPER_TRACE_APPEND && i < ask->n; i++) {
		w->traced++;
		w->without_session += ask->traces[i].session.n == 0 && !str_ends(ask->traces[i].cseq, STR("REGISTER"));
		w->from_alice += str_eq(ask->traces[i].peer, STR("alice"));
		assert_true(str_find(ask->traces[i].message, STR("response=")) == ask->traces[i].message.n);
	}
	keeper_ask_free(*kept);
	*kept = ask;
}

static inline void world_start(struct world *w, const struct admission_limits *limits)
{
	struct agent_settings alice = { .user = STR("alice"),
					.domain = STR("net.example"),
					.transport = TRANSPORT_TLS };
	struct agent_settings desk = { .user = STR("101"), .transport = TRANSPORT_UDP, .listen = at(9, 5060) };
	struct edge_settings s = { .network = STR("net.example"),
				   .name = STR("acme"),
				   .media_peer = at(5, 0),
				   .media_pbx = at(5, 0),
				   .pbx_user = STR("edge"),
				   .pbx_domain = STR("10.0.0.9"),
				   .pbx_password = STR("secret"),
				   .pbx_transport = TRANSPORT_UDP,
				   .pbx_listen = at(5, 5060),
				   .media = TEST_MEDIA,
				   .keeps = true,
				   .traces = true };
	struct host_service service;

	memset(w, 0, sizeof(*w));
	test_host_init(&w->host);
	w->host.asked = hear_ask;
	w->host.asker = w;
	two_init(&w->net, "alice", "acme");
	rng_seeded(&w->rng, 5);
	alice.road = &w->net.ends[0].face;
	alice.wish.ice = true;
	alice.wish.security = SDP_DTLS;
	phone_make(w, &w->alice, &alice, 1);
	s.road = &w->net.ends[1].face;
	s.rng = &w->rng;
	if (limits)
		s.limits = *limits;
	assert_int_equal(edge_new(&s, &w->edge), ERR_NONE);
	service = edge_service(w->edge);
	test_host_add(&w->host, &service, at(5, 0));
	desk.wish.security = SDP_SDES | SDP_PLAIN;
	phone_make(w, &w->desk, &desk, 9);
	test_run(&w->host, USEC_PER_SEC);
}

static inline void world_end(struct world *w)
{
	agent_free(w->alice.agent);
	agent_free(w->desk.agent);
	edge_free(w->edge);
	two_free(&w->net);
	test_host_free(&w->host);
	keeper_ask_free(w->record);
	keeper_ask_free(w->traces);
}

static inline void dial(struct world *w, struct phone *p, str target)
{
	p->call = agent_dial(p->agent, &(struct agent_dialling){ .target = target }, w->host.now);
	assert_true(p->call != 0);
	test_run(&w->host, USEC_PER_SEC);
}

static inline void hang_up(struct world *w, struct phone *p)
{
	struct call *call = agent_call(p->agent, p->call);

	if (call)
		call_hang_up(call, CALL_CAUSE_NONE, w->host.now);
	test_run(&w->host, USEC_PER_SEC);
}

static inline uint32_t crossings(const struct world *w)
{
	struct edge_status status;

	edge_status(w->edge, &status);
	return status.calls;
}

#endif
