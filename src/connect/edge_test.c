#include "connect/edge.h"

#include "call/test_host.h"
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

static struct flow two_flow(const struct two_road *r)
{
	return (struct flow){ .transport = TRANSPORT_TLS, .id = r->flow, .local = addr_v4(10, 9, 9, 1, 443) };
}

static void two_recv(void *self, const struct host_event *e, usec now)
{
	(void)self;
	(void)e;
	(void)now;
}

static void two_tick(void *self, usec now)
{
	(void)self;
	(void)now;
}

static usec two_due(const void *self)
{
	return ((const struct two_road *)self)->queue_n ? 0 : USEC_NEVER;
}

static bool two_next(void *self, struct host_want *out)
{
	(void)self;
	(void)out;
	return false;
}

static bool two_event(void *self, struct road_event *out)
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

static void two_find(void *self, uint64_t ask, str target, usec now)
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

static enum err two_send(void *self, const struct flow *flow, str bytes, usec now)
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

static struct addr two_stun(const void *self)
{
	(void)self;
	return (struct addr){ 0 };
}

static bool two_save(void *self, str *state)
{
	(void)self;
	(void)state;
	return false;
}

static void two_stop(void *self, usec now)
{
	(void)self;
	(void)now;
}

static void two_init(struct two *net, const char *a, const char *b)
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

static void two_say(struct two_road *r, enum road_event_kind kind)
{
	memset(&r->queue[r->queue_n], 0, sizeof(r->queue[0]));
	r->queue[r->queue_n++].kind = kind;
}

static void two_free(struct two *net)
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

static void phone_react(struct phone *p, usec now)
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

static void phone_register(struct phone *p, const struct host_event *e)
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

static void phone_recv(void *self, const struct host_event *e, usec now)
{
	struct phone *p = self;

	if (e->kind == HOST_DATAGRAM && str_starts(e->bytes, STR("REGISTER "))) {
		phone_register(p, e);
		return;
	}
	agent_recv(p->agent, e, now);
	phone_react(p, now);
}

static void phone_tick(void *self, usec now)
{
	struct phone *p = self;

	agent_tick(p->agent, now);
	phone_react(p, now);
}

static usec phone_due(const void *self)
{
	return agent_due(((const struct phone *)self)->agent);
}

static bool phone_next(void *self, struct host_want *out)
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

static struct addr at(uint8_t last, uint16_t port)
{
	return addr_v4(10, 0, 0, last, port);
}

static void phone_make(struct world *w, struct phone *p, struct agent_settings *s, uint8_t last)
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
static void hear_ask(void *self, void *message)
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

static void world_start(struct world *w, const struct admission_limits *limits)
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

static void world_end(struct world *w)
{
	agent_free(w->alice.agent);
	agent_free(w->desk.agent);
	edge_free(w->edge);
	two_free(&w->net);
	test_host_free(&w->host);
	keeper_ask_free(w->record);
	keeper_ask_free(w->traces);
}

static void dial(struct world *w, struct phone *p, str target)
{
	p->call = agent_dial(p->agent, &(struct agent_dialling){ .target = target }, w->host.now);
	assert_true(p->call != 0);
	test_run(&w->host, USEC_PER_SEC);
}

static void hang_up(struct world *w, struct phone *p)
{
	struct call *call = agent_call(p->agent, p->call);

	if (call)
		call_hang_up(call, CALL_CAUSE_NONE, w->host.now);
	test_run(&w->host, USEC_PER_SEC);
}

static uint32_t crossings(const struct world *w)
{
	struct edge_status status;

	edge_status(w->edge, &status);
	return status.calls;
}

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

static void each_crossing_leaves_a_record_of_both_legs(void **state)
{
	struct world w;
	const struct keeper_ask *ask;

	(void)state;
	world_start(&w, NULL);
	dial(&w, &w.alice, STR("acme"));
	hang_up(&w, &w.alice);
	ask = w.record;
	assert_non_null(ask);
	assert_int_equal(ask->kind, KEEPER_CALL_PUT);
	assert_int_equal(ask->n, 1);
	assert_str(ask->calls->service, "edge:acme");
	assert_str(ask->calls->caller, "sip:alice@net.example");
	assert_str(ask->calls->callee, "sip:acme@net.example");
	assert_str(ask->calls->target, "sip:101@10.0.0.9");
	assert_int_equal(ask->calls->status, 200);
	assert_str(ask->calls->cause, "caller hung up");
	assert_true(ask->calls->start < ask->calls->answer && ask->calls->answer < ask->calls->end);
	assert_int_equal(ask->calls->leg_n, 2);
	assert_str(ask->calls->legs[0].codec, "opus/48000/2");
	assert_str(ask->calls->legs[0].media, "dtls-srtp");
	assert_str(ask->calls->legs[0].signalling, "overlay, sealed");
	assert_str(ask->calls->legs[1].media, "sdes-srtp");
	assert_int_equal(ask->calls->session.n, 32);
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

static void every_message_of_both_sides_is_traced_under_one_session(void **state)
{
	struct world w;

	(void)state;
	world_start(&w, NULL);
	w.traced = w.without_session = 0;
	dial(&w, &w.alice, STR("acme"));
	hang_up(&w, &w.alice);
	test_run(&w.host, USEC_PER_SEC);
	/* INVITE 180 200 ACK BYE 200, on each side */
	assert_int_equal(w.traced, 12);
	assert_int_equal(w.from_alice, 6);
	assert_int_equal(w.without_session, 0);
	assert_str(w.traces->traces[0].service, "edge:acme");
	assert_true(str_eq(w.traces->traces[0].session, str_from(w.alice.facts.session.local)));
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
		cmocka_unit_test(each_crossing_leaves_a_record_of_both_legs),
		cmocka_unit_test(a_call_outlives_the_flow_that_it_began_on),
		cmocka_unit_test(what_cannot_be_sealed_for_the_callee_fails_at_once),
		cmocka_unit_test(every_message_of_both_sides_is_traced_under_one_session),
		cmocka_unit_test(nobody_else_speaks_for_the_other_end),
		cmocka_unit_test(who_does_not_come_from_the_exchange_does_not_cross),
		cmocka_unit_test(stopping_ends_all_calls_and_the_service),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
