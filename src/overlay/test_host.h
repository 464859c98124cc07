/*
 * overlay/test_host.h - a host for tests: streams between services, in virtual time.
 *
 * Included by x_test.c only. Every stream takes 10 ms each way and may be cut; the keeper is a
 * table of names and passwords. Sockets are not needed here: STUN has its own tests.
 */
#ifndef OVERLAY_TEST_HOST_H
#define OVERLAY_TEST_HOST_H

#include "overlay/node.h"
#include "overlay/test.h"
#include "store/keeper.h"

#include <stdlib.h>

#define TH_SERVICES 12
#define TH_STREAMS  256
#define TH_EVENTS   4096
#define TH_DELAY    (10 * USEC_PER_MS)

struct th_event {
	usec at;
	int to;
	struct host_event e;
	char *bytes;
};

struct th_stream {
	int client, server;
	uint32_t client_id, server_id;
	bool open;
};

struct th_service {
	struct host_service s;
	struct addr listen; /* what it listens on; its pin */
	uint8_t pin[OVERLAY_KEY_N];
	bool down; /* nobody gets through */
	bool stopped;
};

struct th {
	usec now;
	struct th_service service[TH_SERVICES];
	int n;
	struct th_stream stream[TH_STREAMS];
	int stream_n;
	struct th_event event[TH_EVENTS];
	int event_n;
	uint32_t accepted;
	struct th_device {
		char person[40];
		uint8_t key[32];
		bool revoked;
	} device[16];
	int device_n;
	const char *person[4]; /* who has an account, as the keeper lists them */
	int person_n;
	char state[OVERLAY_NODE_STATE_MAX]; /* a member's, as last kept */
	size_t state_n;
	uint64_t asked, opened, sent; /* sent: datagrams */
	usec keeper_delay;
	enum err keeper_err; /* what the keeper says to everything */
};

static inline void th_post(struct th *h, int to, usec delay, const struct host_event *e)
{
	assert_true(h->event_n < TH_EVENTS);
	struct th_event *x = &h->event[h->event_n++];

	*x = (struct th_event){ .at = h->now + delay, .to = to, .e = *e };
	if (e->bytes.n) {
		x->bytes = malloc(e->bytes.n);
		memcpy(x->bytes, e->bytes.p, e->bytes.n);
		x->e.bytes.p = x->bytes;
	}
}

static inline struct th_stream *th_stream_of(struct th *h, int service, uint32_t id)
{
	for (int i = h->stream_n - 1; i >= 0; i--) {
		struct th_stream *s = &h->stream[i];

		if (s->open &&
		    ((s->client == service && s->client_id == id) || (s->server == service && s->server_id == id)))
			return s;
	}
	return NULL;
}

static inline void th_closed(struct th *h, int to, uint32_t id, enum err err)
{
	th_post(h, to, TH_DELAY, &(struct host_event){ .kind = HOST_CLOSED, .id = id, .err = err });
}

static inline void th_cut(struct th *h, struct th_stream *s, enum err err)
{
	s->open = false;
	th_closed(h, s->client, s->client_id, err);
	th_closed(h, s->server, s->server_id, err);
}

static inline void th_open(struct th *h, int from, const struct host_want *w)
{
	char name[72];
	int server = -1;

	h->opened++;
	for (int i = 0; i < h->n; i++)
		if (addr_eq(&h->service[i].listen, &w->remote) && !h->service[i].down)
			server = i;
	if (server < 0) {
		th_closed(h, from, w->id, ERR_UNREACHABLE);
		return;
	}
	if (!str_eq(w->name, overlay_pin_name(h->service[server].pin, name))) {
		th_closed(h, from, w->id, ERR_FORGED);
		return;
	}
	assert_true(h->stream_n < TH_STREAMS);
	struct th_stream *s = &h->stream[h->stream_n++];
	*s = (struct th_stream){ .client = from, .server = server, .client_id = w->id, .open = true };
	s->server_id = HOST_OWN_MAX + ++h->accepted;
	struct host_event e = { .kind = HOST_ACCEPTED, .transport = TRANSPORT_TLS, .id = s->server_id, .listener = 1 };
	e.remote = addr_v4(198, 51, 100, (uint8_t)(from + 1), (uint16_t)(1000 + h->accepted));
	memset(e.binding, (int)h->accepted, sizeof(e.binding));
	th_post(h, server, TH_DELAY, &e);
	e.kind = HOST_OPENED;
	e.id = w->id;
	e.remote = w->remote;
	th_post(h, from, TH_DELAY, &e);
}

/* The rows of one person's devices. */
static inline void th_list_devices(const struct th *h, struct keeper_answer *a, str person)
{
	for (int i = 0; i < h->device_n; i++) {
		const struct th_device *d = &h->device[i];
		struct device_record *row;

		if (!str_eq(person, str_from(d->person)))
			continue;
		row = keeper_answer_add(a);
		assert_non_null(row);
		row->revoked = d->revoked;
		assert_true(keeper_answer_copy(a, str_of((const char *)d->key, 32), &row->key));
	}
}

static inline void th_put_device(struct th *h, const struct device_record *row)
{
	struct th_device *d = &h->device[h->device_n];

	assert_true(h->device_n < 16);
	for (int i = 0; i < h->device_n; i++)
		if (memcmp(h->device[i].key, row->key.p, 32) == 0)
			return;
	h->device_n++;
	assert_true(str_copy_z(row->person, d->person, sizeof(d->person)));
	memcpy(d->key, row->key.p, 32);
}

/* One a page, so that pages are asked for. */
static inline void th_list_persons(struct th *h, int64_t after, struct keeper_answer *a)
{
	struct person_record *row;

	if (after >= h->person_n)
		return;
	row = keeper_answer_add(a);
	row->id = after + 1;
	assert_true(keeper_answer_copy(a, str_from(h->person[after]), &row->name));
	a->more = after + 1 < h->person_n;
}

/* The password of each person is "secret-" and the name; "nobody" does not exist. */
static inline void th_keeper(struct th *h, int from, struct keeper_ask *ask)
{
	struct keeper_answer *a = keeper_answer_new(ask);
	char text[80];
	struct buf b;

	h->asked++;
	buf_init(&b, text, sizeof(text));
	if (h->keeper_err) {
		keeper_answer_fail(a, h->keeper_err, "%s", "the keeper is ill");
	} else if (ask->kind == KEEPER_PERSON_CHECK) {
		buf_put(&b, STR("secret-"));
		buf_put(&b, ask->persons[0].name);
		if (!str_eq(ask->persons[0].password, buf_str(&b)) || str_eq(ask->persons[0].name, STR("nobody")))
			keeper_answer_fail(a, ERR_REFUSED, "%s", "no");
	} else if (ask->kind == KEEPER_STATE_PUT) {
		assert_true(ask->states[0].value.n <= sizeof(h->state));
		memcpy(h->state, ask->states[0].value.p, ask->states[0].value.n);
		h->state_n = ask->states[0].value.n;
	} else if (ask->kind == KEEPER_DEVICE_PUT) {
		th_put_device(h, &ask->devices[0]);
	} else if (ask->kind == KEEPER_PERSON_LIST) {
		th_list_persons(h, ask->after, a);
	} else if (ask->kind == KEEPER_DEVICE_LIST) {
		th_list_devices(h, a, ask->devices[0].person);
	}
	keeper_ask_free(ask);
	th_post(h, from, h->keeper_delay, &(struct host_event){ .kind = HOST_ANSWER, .message = a });
}

static inline void th_want(struct th *h, int from, const struct host_want *w)
{
	struct th_stream *s;

	switch (w->kind) {
	case HOST_LISTEN:
		h->service[from].listen = w->local;
		th_post(h, from, 0, &(struct host_event){ .kind = HOST_BOUND, .id = w->id, .local = w->local });
		break;
	case HOST_BIND:
		th_post(h, from, 0, &(struct host_event){ .kind = HOST_BOUND, .id = w->id, .local = w->local });
		break;
	case HOST_OPEN:
		th_open(h, from, w);
		break;
	case HOST_WRITE:
		s = th_stream_of(h, from, w->id);
		if (s) {
			bool to_server = s->client == from && s->client_id == w->id;

			th_post(h, to_server ? s->server : s->client, TH_DELAY,
				&(struct host_event){ .kind = HOST_BYTES,
						      .id = to_server ? s->server_id : s->client_id,
						      .bytes = w->bytes });
		}
		break;
	case HOST_CLOSE:
		s = th_stream_of(h, from, w->id);
		if (s)
			th_cut(h, s, ERR_NONE);
		break;
	case HOST_SEND:
		h->sent++;
		break;
	case HOST_ASK:
		th_keeper(h, from, w->message);
		break;
	case HOST_STOP:
		h->service[from].stopped = true;
		break;
	default:
		break;
	}
}

static inline void th_drain(struct th *h, int i)
{
	struct host_want w;

	while (h->service[i].s.next(h->service[i].s.self, &w))
		th_want(h, i, &w);
}

static inline int th_add(struct th *h, struct host_service s, uint8_t pin)
{
	assert_true(h->n < TH_SERVICES);
	h->service[h->n] = (struct th_service){ .s = s };
	memset(h->service[h->n].pin, pin, OVERLAY_KEY_N);
	th_drain(h, h->n);
	return h->n++;
}

static inline void th_event_free(struct th_event *x)
{
	free(x->bytes);
	if (x->e.kind == HOST_ANSWER)
		keeper_answer_free(x->e.message);
}

static inline void th_deliver(struct th *h, struct th_event x)
{
	h->service[x.to].s.recv(h->service[x.to].s.self, &x.e, h->now);
	th_event_free(&x);
	th_drain(h, x.to);
}

/* The next thing at or before `until`; false: there is none. */
static inline bool th_step(struct th *h, usec until)
{
	int first = -1, wakes = -1;
	usec due = until + 1;

	for (int i = 0; i < h->event_n; i++)
		if (h->event[i].at < due) {
			due = h->event[i].at;
			first = i;
		}
	for (int i = 0; i < h->n; i++) {
		usec d = h->service[i].s.due(h->service[i].s.self);

		if (d < due) {
			due = d;
			wakes = i;
		}
	}
	if (due > until)
		return false;
	h->now = due > h->now ? due : h->now;
	if (wakes >= 0) {
		h->service[wakes].s.tick(h->service[wakes].s.self, h->now);
		th_drain(h, wakes);
		return true;
	}
	struct th_event x = h->event[first];
	memmove(&h->event[first], &h->event[first + 1], (size_t)(h->event_n - first - 1) * sizeof(x));
	h->event_n--;
	th_deliver(h, x);
	return true;
}

static inline void th_run(struct th *h, usec span)
{
	usec until = h->now + span;
	int steps = 0;

	while (th_step(h, until))
		assert_true(++steps < 1000000); /* a service whose due never moves on */
	h->now = until;
}

static inline void th_free(struct th *h)
{
	for (int i = 0; i < h->event_n; i++)
		th_event_free(&h->event[i]);
}

/* ---- a node and what its owner heard ---- */

struct th_node {
	struct overlay_node *node;
	int online, offline, saves, logins, sips, founds;
	enum overlay_refusal problem;
	bool final;
	int missing; /* status of the last */
	uint64_t ask;
	struct overlay_record record;
	size_t record_n;
	char sip[8192];
	size_t sip_n;
	struct overlay_name peer;
	char state[OVERLAY_NODE_STATE_MAX];
	size_t state_n;
	struct flow flow;
};

static inline void thn_events(struct th_node *t)
{
	struct overlay_node_event e;

	while (overlay_node_next(t->node, &e)) {
		switch (e.kind) {
		case OVERLAY_NODE_SAVE:
			t->saves++;
			memcpy(t->state, e.state.p, e.state.n);
			t->state_n = e.state.n;
			break;
		case OVERLAY_NODE_LOGGED_IN:
			t->logins++;
			break;
		case OVERLAY_NODE_ONLINE:
			t->online++;
			t->flow = e.flow;
			break;
		case OVERLAY_NODE_OFFLINE:
			t->offline++;
			assert_int_equal(e.flow.id, t->flow.id);
			break;
		case OVERLAY_NODE_SIP:
			t->sips++;
			assert_true(e.sip.n < sizeof(t->sip));
			memcpy(t->sip, e.sip.p, e.sip.n);
			t->sip[e.sip.n] = '\0';
			t->sip_n = e.sip.n;
			t->peer = e.peer.name;
			break;
		case OVERLAY_NODE_FOUND:
			t->founds++;
			t->ask = e.ask;
			t->record = e.record[0];
			t->record_n = e.record_n;
			break;
		case OVERLAY_NODE_MISSING:
			t->missing = e.status;
			t->ask = e.ask;
			assert_true(e.text.n > 0);
			break;
		case OVERLAY_NODE_PROBLEM:
			t->problem = e.refusal;
			t->final = e.final;
			assert_true(e.text.n > 0);
			break;
		}
	}
}

static inline void thn_recv(void *self, const struct host_event *e, usec now)
{
	struct th_node *t = self;

	if (overlay_node_owns(t->node, e->id))
		overlay_node_recv(t->node, e, now);
}

static inline void thn_tick(void *self, usec now)
{
	overlay_node_tick(((struct th_node *)self)->node, now);
}

static inline usec thn_due(const void *self)
{
	return overlay_node_due(((const struct th_node *)self)->node);
}

static inline bool thn_next(void *self, struct host_want *out)
{
	struct th_node *t = self;

	if (overlay_node_want(t->node, out))
		return true;
	thn_events(t);
	return overlay_node_want(t->node, out);
}

static inline struct host_service thn_service(struct th_node *t)
{
	return (struct host_service){ .self = t, .recv = thn_recv, .tick = thn_tick, .due = thn_due, .next = thn_next };
}

/* The network of the tests: login at .1 (pin 1), a super node at .2 (pin 2). */
static inline void th_network(struct overlay_network *w)
{
	struct sign_pair authority;

	test_authority(&authority);
	*w = (struct overlay_network){ .login_n = 1, .supernode_n = 1 };
	assert_int_equal(overlay_domain_parse(TEST_NETWORK, &w->name), ERR_NONE);
	memcpy(w->authority, authority.key, OVERLAY_KEY_N);
	assert_int_equal(overlay_server_parse(STR("192.0.2.1:5443"), &w->login[0]), ERR_NONE);
	assert_int_equal(overlay_server_parse(STR("192.0.2.2:5443"), &w->supernode[0]), ERR_NONE);
	memset(w->login[0].pin, 1, OVERLAY_KEY_N);
	memset(w->supernode[0].pin, 2, OVERLAY_KEY_N);
}

#endif
