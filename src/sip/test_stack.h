/*
 * sip/test_stack.h - two stacks and a network between them, in virtual time. Included by x_test.c only.
 */
#ifndef SIP_TEST_STACK_H
#define SIP_TEST_STACK_H

#include "base/test.h"
#include "sip/stack.h"

#include <stdio.h>
#include <stdlib.h>

#define MS       USEC_PER_MS
#define LOG_MAX  512
#define WIRE_MAX 1024

enum { A, B };

struct seen {
	enum sip_event_kind kind;
	int side, status, method;
	handle server, client;
	uint64_t cookie;
	usec at;
	struct flow flow;
	enum err err;
	char text[2048];
};

struct wire {
	int to;
	struct host_event event;
	char *bytes;
};

struct rig {
	struct sip_stack *stack[2];
	struct rng rng;
	usec now;
	struct wire wire[WIRE_MAX];
	size_t wire_at, wire_n;
	struct seen seen[LOG_MAX];
	size_t seen_n;
	int lose[2];             /* so many of the next datagrams that this side sends */
	int sent[2];             /* datagrams and writes of this side, lost ones too */
	bool refuse_tcp;         /* connections fail */
	bool dead;               /* datagrams meet ICMP */
	size_t piece;            /* stream bytes arrive in pieces of this; 0: whole */
	uint32_t peer_of[2][64]; /* stream numbers: ours -> theirs, by the low six bits */
	uint32_t accepted;
	char last[2][2048]; /* the last message each side sent */
	void (*on)(struct rig *, const struct seen *, struct sip_msg *);
	struct sip_stack_config config;
};

static inline struct addr where(int side)
{
	return addr_v4(10, 0, 0, (uint8_t)(side + 1), 5060);
}

static inline void put_wire(struct rig *r, int to, struct host_event e, str bytes)
{
	assert_true(r->wire_n < WIRE_MAX);
	struct wire *w = &r->wire[(r->wire_at + r->wire_n++) % WIRE_MAX];
	w->to = to;
	w->event = e;
	w->bytes = malloc(bytes.n + 1);
	memcpy(w->bytes, bytes.p ? bytes.p : "", bytes.n);
	w->event.bytes = str_of(w->bytes, bytes.n);
}

static inline void note_last(struct rig *r, int side, str bytes)
{
	r->sent[side]++;
	snprintf(r->last[side], sizeof(r->last[side]), STR_FMT, STR_ARG(bytes));
}

static inline void datagram(struct rig *r, int from, const struct host_want *w)
{
	int to = !from;

	note_last(r, from, w->bytes);
	if (r->lose[from] > 0) {
		r->lose[from]--;
		return;
	}
	struct host_event e = { .kind = HOST_DATAGRAM, .transport = TRANSPORT_UDP, .id = 1000, .remote = where(from) };
	e.local = where(to);
	if (r->dead) {
		e.kind = HOST_UNREACHABLE;
		e.remote = w->remote;
		put_wire(r, from, e, STR_NONE);
	} else if (addr_eq_ip(&w->remote, &e.local)) {
		put_wire(r, to, e, w->bytes);
	}
}

static inline void connect_stream(struct rig *r, int from, const struct host_want *w)
{
	struct host_event e = { .kind = HOST_CLOSED, .transport = w->transport, .id = w->id, .remote = w->remote };
	uint32_t theirs = HOST_OWN_MAX + 1 + r->accepted++;

	if (r->refuse_tcp) {
		e.err = ERR_UNREACHABLE;
		put_wire(r, from, e, STR_NONE);
		return;
	}
	r->peer_of[from][w->id & 63] = theirs;
	r->peer_of[!from][theirs & 63] = w->id;
	e.kind = HOST_OPENED;
	e.local = where(from);
	put_wire(r, from, e, STR_NONE);
	e = (struct host_event){ .kind = HOST_ACCEPTED, .transport = w->transport, .id = theirs, .listener = 1001 };
	e.remote = where(from);
	e.remote.port = 40000;
	put_wire(r, !from, e, STR_NONE);
}

static inline void stream_bytes(struct rig *r, int from, const struct host_want *w)
{
	struct host_event e = { .kind = HOST_BYTES, .transport = TRANSPORT_TCP, .id = r->peer_of[from][w->id & 63] };
	size_t piece = r->piece ? r->piece : w->bytes.n;

	note_last(r, from, w->bytes);
	for (size_t at = 0; at < w->bytes.n; at += piece)
		put_wire(r, !from, e, str_head(str_skip(w->bytes, at), piece));
}

static inline void carry_out(struct rig *r, int side, const struct host_want *w)
{
	struct host_event e = { .id = w->id, .transport = w->transport, .local = w->local };

	switch (w->kind) {
	case HOST_BIND:
	case HOST_LISTEN:
		e.kind = HOST_BOUND;
		put_wire(r, side, e, STR_NONE);
		break;
	case HOST_SEND:
		datagram(r, side, w);
		break;
	case HOST_OPEN:
		connect_stream(r, side, w);
		break;
	case HOST_WRITE:
		stream_bytes(r, side, w);
		break;
	case HOST_CLOSE:
		e.kind = HOST_CLOSED;
		put_wire(r, side, e, STR_NONE);
		e.id = r->peer_of[side][w->id & 63];
		put_wire(r, !side, e, STR_NONE);
		break;
	default:
		fail_msg("want %d", w->kind);
	}
}

static inline void drain(struct rig *r, int side)
{
	struct sip_event e;
	struct host_want w;

	while (sip_stack_next(r->stack[side], &e, r->now)) {
		assert_true(r->seen_n < LOG_MAX);
		struct seen *s = &r->seen[r->seen_n++];
		*s = (struct seen){ .kind = e.kind,
				    .side = side,
				    .server = e.server,
				    .client = e.client,
				    .cookie = e.cookie,
				    .at = r->now,
				    .flow = e.flow,
				    .err = e.err };
		if (e.msg) {
			s->status = e.msg->status;
			s->method = e.msg->method;
			snprintf(s->text, sizeof(s->text), STR_FMT, STR_ARG(e.msg->text));
		}
		if (r->on)
			r->on(r, s, e.msg);
	}
	while (sip_stack_want(r->stack[side], &w))
		carry_out(r, side, &w);
}

static inline void settle(struct rig *r)
{
	drain(r, A);
	drain(r, B);
	while (r->wire_n) {
		struct wire w = r->wire[r->wire_at];

		r->wire_at = (r->wire_at + 1) % WIRE_MAX;
		r->wire_n--;
		sip_stack_recv(r->stack[w.to], &w.event, r->now);
		drain(r, w.to);
		free(w.bytes);
	}
}

static inline void run_until(struct rig *r, usec end)
{
	settle(r);
	for (;;) {
		usec due = usec_min(sip_stack_due(r->stack[A]), sip_stack_due(r->stack[B]));

		if (due > end)
			break;
		if (due > r->now)
			r->now = due;
		sip_stack_tick(r->stack[A], r->now);
		sip_stack_tick(r->stack[B], r->now);
		settle(r);
	}
	r->now = end;
}

static inline struct rig *rig_new(void (*change)(struct sip_stack_config *))
{
	struct rig *r = calloc(1, sizeof(*r));

	rng_seeded(&r->rng, 7);
	r->now = 1000000 * MS;
	for (int i = 0; i < 2; i++) {
		struct sip_stack_config c = sip_stack_config_default();
		struct addr local = where(i);

		c.rng = &r->rng;
		c.id_first = 1000;
		if (change)
			change(&c);
		r->stack[i] = sip_stack_new(&c);
		assert_non_null(r->stack[i]);
		assert_int_equal(sip_stack_listen(r->stack[i], TRANSPORT_UDP, &local, 0, STR_NONE), 1000);
		assert_int_equal(sip_stack_listen(r->stack[i], TRANSPORT_TCP, &local, 0, STR_NONE), 1001);
	}
	settle(r);
	assert_int_equal(r->seen_n, 4);
	r->seen_n = 0;
	return r;
}

static inline void rig_free(struct rig *r)
{
	while (r->wire_n--)
		free(r->wire[r->wire_at++ % WIRE_MAX].bytes);
	sip_stack_free(r->stack[A]);
	sip_stack_free(r->stack[B]);
	free(r);
}

/* ---- saying things ---- */

static const char *request_text(const char *method, const char *to_tag, const char *extra)
{
	static char text[8192];

	snprintf(text, sizeof(text),
		 "%s sip:bob@10.0.0.2 SIP/2.0\r\nMax-Forwards: 70\r\nFrom: <sip:alice@10.0.0.1>;tag=a1\r\n"
		 "To: <sip:bob@10.0.0.2>%s%s\r\nCall-ID: call1\r\nCSeq: 1 %s\r\n"
		 "Contact: <sip:alice@10.0.0.1>\r\n%sContent-Length: 0\r\n\r\n",
		 method, *to_tag ? ";tag=" : "", to_tag, method, extra);
	return text;
}

static inline handle ask(struct rig *r, const char *text, enum transport transport, bool may_tcp)
{
	struct sip_outgoing o = { .draft.text = str_from(text), .cookie = 42 };

	o.target.transport = transport;
	o.target.addr = where(B);
	o.target.may_tcp = may_tcp;
	return sip_stack_request(r->stack[A], &o, r->now);
}

static inline void reply(struct rig *r, const struct seen *s, struct sip_msg *msg, int status, const char *tag,
			 bool hold)
{
	struct sip_reply reply = { .status = status, .to_tag = str_from(tag) };

	assert_int_equal(sip_stack_reply(r->stack[s->side], s->server, msg, &reply, hold, r->now), ERR_NONE);
}

static inline void ack(struct rig *r, handle client, const char *to_tag)
{
	struct sip_outgoing o = { .draft.text = str_from(request_text("ACK", to_tag, "")) };

	o.target.transport = TRANSPORT_UDP;
	o.target.addr = where(B);
	assert_int_equal(sip_stack_ack(r->stack[A], client, &o, r->now), ERR_NONE);
}

static inline int count(struct rig *r, int side, enum sip_event_kind kind)
{
	int n = 0;

	for (size_t i = 0; i < r->seen_n; i++)
		n += r->seen[i].side == side && r->seen[i].kind == kind;
	return n;
}

static inline struct seen *last(struct rig *r, int side, enum sip_event_kind kind)
{
	for (size_t i = r->seen_n; i-- > 0;) {
		if (r->seen[i].side == side && r->seen[i].kind == kind)
			return &r->seen[i];
	}
	fail_msg("no event %d at %d", kind, side);
	return NULL;
}

static inline void answer_200(struct rig *r, const struct seen *s, struct sip_msg *msg)
{
	if (s->kind == SIP_EVENT_REQUEST)
		reply(r, s, msg, 200, "b1", s->method == SIP_INVITE);
}

static inline void answer_486(struct rig *r, const struct seen *s, struct sip_msg *msg)
{
	if (s->kind == SIP_EVENT_REQUEST)
		reply(r, s, msg, 486, "b1", false);
}

static inline void ring(struct rig *r, const struct seen *s, struct sip_msg *msg)
{
	if (s->kind == SIP_EVENT_REQUEST)
		reply(r, s, msg, 180, "b1", false);
}

static inline void ring_and_honour_cancel(struct rig *r, const struct seen *s, struct sip_msg *msg)
{
	if (s->kind == SIP_EVENT_CANCEL)
		reply(r, s, NULL, 487, "b1", false);
	else
		ring(r, s, msg);
}

static inline uint32_t left(struct rig *r, int side)
{
	struct sip_stack_stats st;

	sip_stack_stats(r->stack[side], &st);
	return st.transactions;
}

static inline void feed(struct rig *r, int side, const char *text)
{
	struct host_event e = { .kind = HOST_DATAGRAM, .id = 1000, .transport = TRANSPORT_UDP };

	e.remote = where(!side);
	e.remote.port = 7777;
	e.bytes = str_from(text);
	sip_stack_recv(r->stack[side], &e, r->now);
	drain(r, side);
}

static inline void accept(struct rig *r, uint32_t id, uint32_t listener)
{
	struct host_event e = { .kind = HOST_ACCEPTED, .transport = TRANSPORT_TLS, .id = id, .listener = listener };

	e.remote = where(A);
	sip_stack_recv(r->stack[B], &e, r->now);
	drain(r, B);
}

static inline void bytes(struct rig *r, uint32_t id, str text)
{
	struct host_event e = { .kind = HOST_BYTES, .transport = TRANSPORT_TLS, .id = id, .bytes = text };

	sip_stack_recv(r->stack[B], &e, r->now);
	drain(r, B);
}

static inline void few(struct sip_stack_config *c)
{
	c->transaction_max = 4;
	c->stream_max = 2;
}

static inline void options(struct rig *r, int i)
{
	char text[500];

	snprintf(text, sizeof(text),
		 "OPTIONS sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKf%d\r\nMax-Forwards: 7\r\n"
		 "From: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n\r\n",
		 i);
	feed(r, B, text);
}

#endif
