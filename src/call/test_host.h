/*
 * call/test_host.h - a small host for tests of user agents: virtual time, datagrams, streams, a media service that only
 * talks.
 *
 * Included by x_test.c only. Everything takes 5 ms of virtual time from service to
 * service; a test may lose datagrams by a function of its own. The media service opens,
 * connects and closes whatever it is asked and remembers the last questions.
 */
#ifndef CALL_TEST_HOST_H
#define CALL_TEST_HOST_H

#include "base/host.h"
#include "base/test.h"
#include "call/media_ask.h"

#include <stdlib.h>

#define TEST_SERVICES 6
#define TEST_MEDIA    100 /* the number of the media service, for everyone */
#define TEST_START    (1700000000 * USEC_PER_SEC)
#define TEST_HOP      (5 * USEC_PER_MS)

struct test_note {
	struct test_note *next;
	usec at;
	int to;
	struct host_event event;
};

struct test_socket {
	int owner;
	uint32_t id;
	struct addr local;
	enum transport transport; /* UDP: a socket, else a listener */
};

struct test_stream {
	int owner[2];
	uint32_t id[2];
	struct addr addr[2];
	enum transport transport;
};

struct test_host {
	usec now;
	struct host_service services[TEST_SERVICES];
	struct addr home[TEST_SERVICES]; /* where its sockets are, when it binds 0.0.0.0 or nothing */
	bool stopped[TEST_SERVICES];
	int service_n;
	struct test_note *notes;
	struct test_socket sockets[32];
	size_t socket_n;
	struct test_stream streams[32];
	size_t stream_n;
	uint32_t next_accepted;
	uint16_t next_port;
	/* true: this datagram is lost */
	bool (*lose)(void *self, str bytes, usec now);
	void *self;
	enum err refuse; /* every connection that is opened ends with this, and `why` */
	const char *why;
	bool media_fails;
	struct sdp_offer_result agreed[TEST_SERVICES]; /* of the last CONNECT of each service */
	unsigned connects[TEST_SERVICES], opens[TEST_SERVICES], closes[TEST_SERVICES];
	uint32_t bridged[2]; /* the last BRIDGE */
	char digits[33];
	unsigned datagrams;
	/* Takes the questions to the keeper (a test of a service that asks sets it). */
	void (*asked)(void *asker, void *question);
	void *asker;
};

static inline void test_host_init(struct test_host *h)
{
	memset(h, 0, sizeof(*h));
	h->now = TEST_START;
	h->next_accepted = HOST_OWN_MAX + 1u;
	h->next_port = 40000;
}

static inline int test_host_add(struct test_host *h, const struct host_service *service, struct addr home)
{
	h->home[h->service_n] = home;
	h->services[h->service_n] = *service;
	return h->service_n++;
}

static inline void test_note_free(struct test_note *n)
{
	free((char *)(uintptr_t)n->event.bytes.p);
	free(n);
}

static inline void test_host_post(struct test_host *h, int to, const struct host_event *event, usec delay)
{
	struct test_note *n = calloc(1, sizeof(*n)), **at = &h->notes;

	n->at = h->now + delay;
	n->to = to;
	n->event = *event;
	if (event->bytes.n) {
		char *copy = malloc(event->bytes.n);

		memcpy(copy, event->bytes.p, event->bytes.n);
		n->event.bytes.p = copy;
	} else {
		n->event.bytes = STR_NONE;
	}
	while (*at && (*at)->at <= n->at)
		at = &(*at)->next;
	n->next = *at;
	*at = n;
}

/* ---- media ---- */

static inline void test_media_local(struct test_host *h, int service, const struct media_ask *ask,
				    struct sdp_offer_end *out)
{
	memset(out, 0, sizeof(*out));
	out->rtp = h->home[service];
	out->rtp.port = (uint16_t)(20000 + 2 * ask->stream);
	out->rtcp_mux = true;
	out->rtcp = out->rtp;
	if (ask->security & SDP_SDES) {
		out->suite = SDP_AES_CM_128_HMAC_SHA1_80;
		out->sdes_key_n = 30;
		memset(out->sdes_key, (int)(1 + ask->stream), 30);
	}
	if (ask->ice) {
		memcpy(out->ufrag, "ufragxyz", 9);
		memcpy(out->pwd, "passwordpasswordpassword", 25);
		out->candidate_n = 1;
		memcpy(out->candidates[0].foundation, "1", 2);
		out->candidates[0].component = 1;
		out->candidates[0].priority = 2130706431;
		out->candidates[0].addr = out->rtp;
		out->candidates[0].kind = SDP_HOST;
		out->end_of_candidates = true;
	}
	if (ask->security & SDP_DTLS) {
		memcpy(out->print.hash, "sha-256", 8);
		memset(out->print.digest, 0xab, 32);
		out->print.n = 32;
	}
}

static inline void test_media_say(struct test_host *h, int to, struct media_answer *answer, usec delay)
{
	test_host_post(h, to, &(struct host_event){ .kind = HOST_TOLD, .from = TEST_MEDIA, .message = answer }, delay);
}

static inline void test_media_ask(struct test_host *h, int from, struct media_ask *ask)
{
	struct media_answer *answer;

	switch (ask->kind) {
	case MEDIA_ASK_OPEN:
		h->opens[from]++;
		answer = media_answer_new(h->media_fails ? MEDIA_FAILED : MEDIA_OPENED, ask->stream);
		answer->err = h->media_fails ? ERR_IO : ERR_NONE;
		test_media_local(h, from, ask, &answer->local);
		test_media_say(h, from, answer, TEST_HOP);
		break;
	case MEDIA_ASK_CONNECT:
		h->agreed[from] = ask->agreed;
		h->connects[from]++;
		answer = media_answer_new(MEDIA_UP, ask->stream);
		answer->path.remote = ask->agreed.remote.rtp;
		answer->path.security = ask->agreed.security;
		test_media_say(h, from, answer, TEST_HOP);
		break;
	case MEDIA_ASK_BRIDGE:
		h->bridged[0] = ask->stream;
		h->bridged[1] = ask->other;
		break;
	case MEDIA_ASK_DTMF:
		memcpy(h->digits, ask->digits, sizeof(h->digits));
		break;
	case MEDIA_ASK_CLOSE:
		h->closes[from]++;
		answer = media_answer_new(MEDIA_CLOSED, ask->stream);
		answer->stats.packets_sent = 50;
		test_media_say(h, from, answer, TEST_HOP);
		break;
	}
	media_ask_free(ask);
}

/* ---- sockets ---- */

static inline struct addr test_place(struct test_host *h, int service, const struct addr *wanted)
{
	struct addr at = addr_is_set(wanted) && !addr_is_any(wanted) ? *wanted : h->home[service];

	at.port = wanted->port ? wanted->port : h->next_port++;
	return at;
}

static inline struct test_socket *test_socket_at(struct test_host *h, const struct addr *local, enum transport t)
{
	for (size_t i = 0; i < h->socket_n; i++)
		if (h->sockets[i].transport == t && addr_eq(&h->sockets[i].local, local))
			return &h->sockets[i];
	return NULL;
}

static inline struct test_stream *test_stream_of(struct test_host *h, int owner, uint32_t id, int *side)
{
	for (size_t i = 0; i < h->stream_n; i++)
		for (*side = 0; *side < 2; ++*side)
			if (h->streams[i].owner[*side] == owner && h->streams[i].id[*side] == id)
				return &h->streams[i];
	return NULL;
}

static inline void test_bind(struct test_host *h, int from, const struct host_want *w)
{
	struct test_socket *s = &h->sockets[h->socket_n++];

	assert_true(h->socket_n <= 32);
	*s = (struct test_socket){ from, w->id, test_place(h, from, &w->local),
				   w->kind == HOST_BIND ? TRANSPORT_UDP : w->transport };
	test_host_post(h, from, &(struct host_event){ .kind = HOST_BOUND, .id = w->id, .local = s->local }, 0);
}

static inline void test_send(struct test_host *h, int from, const struct host_want *w)
{
	struct test_socket *to = test_socket_at(h, &w->remote, TRANSPORT_UDP);
	struct host_event e = { .kind = HOST_DATAGRAM, .transport = TRANSPORT_UDP, .bytes = w->bytes };

	for (size_t i = 0; i < h->socket_n; i++)
		if (h->sockets[i].owner == from && h->sockets[i].id == w->id)
			e.remote = h->sockets[i].local;
	h->datagrams++;
	if (h->lose && h->lose(h->self, w->bytes, h->now))
		return;
	if (!to) {
		e = (struct host_event){ .kind = HOST_UNREACHABLE, .id = w->id, .remote = w->remote };
		test_host_post(h, from, &e, TEST_HOP);
		return;
	}
	e.id = to->id;
	e.local = to->local;
	test_host_post(h, to->owner, &e, TEST_HOP);
}

static inline void test_open(struct test_host *h, int from, const struct host_want *w)
{
	struct test_socket *to = test_socket_at(h, &w->remote, w->transport);
	struct test_stream *s = &h->streams[h->stream_n];
	struct host_event e = { .kind = HOST_OPENED, .transport = w->transport, .id = w->id, .remote = w->remote };
	struct addr none = { 0 };

	if (!to || h->refuse) {
		e.kind = HOST_CLOSED;
		e.err = to ? h->refuse : ERR_UNREACHABLE;
		e.bytes = to ? str_from(h->why) : STR_NONE;
		test_host_post(h, from, &e, TEST_HOP);
		return;
	}
	assert_true(++h->stream_n <= 32);
	*s = (struct test_stream){ { from, to->owner },
				   { w->id, h->next_accepted++ },
				   { test_place(h, from, &none), to->local },
				   w->transport };
	e.local = s->addr[0];
	test_host_post(h, from, &e, TEST_HOP);
	e = (struct host_event){ .kind = HOST_ACCEPTED,
				 .transport = w->transport,
				 .id = s->id[1],
				 .listener = to->id,
				 .local = s->addr[1],
				 .remote = s->addr[0] };
	test_host_post(h, to->owner, &e, TEST_HOP);
}

static inline void test_write(struct test_host *h, int from, const struct host_want *w)
{
	int side;
	struct test_stream *s = test_stream_of(h, from, w->id, &side);
	struct host_event e = { .kind = w->kind == HOST_WRITE ? HOST_BYTES : HOST_CLOSED };

	if (!s)
		return;
	e.transport = s->transport;
	e.id = s->id[!side];
	e.local = s->addr[!side];
	e.remote = s->addr[side];
	e.bytes = w->kind == HOST_WRITE ? w->bytes : STR_NONE;
	test_host_post(h, s->owner[!side], &e, 2 * TEST_HOP);
	if (w->kind == HOST_CLOSE) {
		e.id = w->id;
		test_host_post(h, from, &e, TEST_HOP);
		s->owner[0] = s->owner[1] = -1;
	}
}

static inline void test_resolve(struct test_host *h, int from, const struct host_want *w)
{
	static const struct addr place = { .family = 4, .ip = { 10, 0, 0, 9 } };
	struct host_event e = { .kind = HOST_RESOLVED, .id = w->id, .err = ERR_ABSENT };

	if (str_eq(w->name, STR("pbx.test"))) {
		e.err = ERR_NONE;
		e.addrs = &place;
		e.addr_n = 1;
	}
	test_host_post(h, from, &e, TEST_HOP);
}

static inline void test_drain(struct test_host *h, int from)
{
	struct host_want w;

	while (h->services[from].next(h->services[from].self, &w)) {
		switch (w.kind) {
		case HOST_BIND:
		case HOST_LISTEN:
			test_bind(h, from, &w);
			break;
		case HOST_SEND:
			test_send(h, from, &w);
			break;
		case HOST_OPEN:
			test_open(h, from, &w);
			break;
		case HOST_WRITE:
		case HOST_CLOSE:
			test_write(h, from, &w);
			break;
		case HOST_RESOLVE:
			test_resolve(h, from, &w);
			break;
		case HOST_TELL:
			assert_int_equal(w.to, TEST_MEDIA);
			test_media_ask(h, from, w.message);
			break;
		case HOST_STOP:
			h->stopped[from] = true;
			break;
		case HOST_ASK:
			assert_non_null(h->asked);
			h->asked(h->asker, w.message);
			break;
		case HOST_UNBIND:
		case HOST_SIFT:
			break;
		}
	}
}

/* ---- time ---- */

static inline usec test_due(const struct test_host *h)
{
	usec due = h->notes ? h->notes->at : USEC_NEVER;

	for (int i = 0; i < h->service_n; i++)
		due = usec_min(due, h->services[i].due(h->services[i].self));
	return due;
}

/* Lets virtual time pass, everything that falls due is done. */
static inline void test_run(struct test_host *h, usec span)
{
	usec end = h->now + span;
	unsigned rounds = 0;

	for (int i = 0; i < h->service_n; i++)
		test_drain(h, i);
	while (test_due(h) <= end) {
		usec due = test_due(h);

		assert_true(++rounds < 200000); /* a machine that is due again and again never ends */
		if (due > h->now)
			h->now = due;
		while (h->notes && h->notes->at <= h->now) {
			struct test_note *n = h->notes;

			h->notes = n->next;
			h->services[n->to].recv(h->services[n->to].self, &n->event, h->now);
			test_drain(h, n->to);
			test_note_free(n);
		}
		for (int i = 0; i < h->service_n; i++)
			if (h->services[i].due(h->services[i].self) <= h->now) {
				h->services[i].tick(h->services[i].self, h->now);
				test_drain(h, i);
			}
	}
	h->now = end;
}

static inline void test_host_free(struct test_host *h)
{
	while (h->notes) {
		struct test_note *n = h->notes;

		h->notes = n->next;
		if (n->event.kind == HOST_TOLD)
			media_answer_free(n->event.message);
		test_note_free(n);
	}
}

#endif
