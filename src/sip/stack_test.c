/* Two stacks on a wire of the test's own, under virtual time. */
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

static struct addr where(int side)
{
	return addr_v4(10, 0, 0, (uint8_t)(side + 1), 5060);
}

static void put_wire(struct rig *r, int to, struct host_event e, str bytes)
{
	assert_true(r->wire_n < WIRE_MAX);
	struct wire *w = &r->wire[(r->wire_at + r->wire_n++) % WIRE_MAX];
	w->to = to;
	w->event = e;
	w->bytes = malloc(bytes.n + 1);
	memcpy(w->bytes, bytes.p ? bytes.p : "", bytes.n);
	w->event.bytes = str_of(w->bytes, bytes.n);
}

static void note_last(struct rig *r, int side, str bytes)
{
	r->sent[side]++;
	snprintf(r->last[side], sizeof(r->last[side]), STR_FMT, STR_ARG(bytes));
}

static void datagram(struct rig *r, int from, const struct host_want *w)
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

static void connect_stream(struct rig *r, int from, const struct host_want *w)
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

static void stream_bytes(struct rig *r, int from, const struct host_want *w)
{
	struct host_event e = { .kind = HOST_BYTES, .transport = TRANSPORT_TCP, .id = r->peer_of[from][w->id & 63] };
	size_t piece = r->piece ? r->piece : w->bytes.n;

	note_last(r, from, w->bytes);
	for (size_t at = 0; at < w->bytes.n; at += piece)
		put_wire(r, !from, e, str_head(str_skip(w->bytes, at), piece));
}

static void carry_out(struct rig *r, int side, const struct host_want *w)
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

static void drain(struct rig *r, int side)
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

static void settle(struct rig *r)
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

static void run_until(struct rig *r, usec end)
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

static struct rig *rig_new(void (*change)(struct sip_stack_config *))
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

static void rig_free(struct rig *r)
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

static handle ask(struct rig *r, const char *text, enum transport transport, bool may_tcp)
{
	struct sip_outgoing o = { .draft.text = str_from(text), .cookie = 42 };

	o.target.transport = transport;
	o.target.addr = where(B);
	o.target.may_tcp = may_tcp;
	return sip_stack_request(r->stack[A], &o, r->now);
}

static void reply(struct rig *r, const struct seen *s, struct sip_msg *msg, int status, const char *tag, bool hold)
{
	struct sip_reply reply = { .status = status, .to_tag = str_from(tag) };

	assert_int_equal(sip_stack_reply(r->stack[s->side], s->server, msg, &reply, hold, r->now), ERR_NONE);
}

static void ack(struct rig *r, handle client, const char *to_tag)
{
	struct sip_outgoing o = { .draft.text = str_from(request_text("ACK", to_tag, "")) };

	o.target.transport = TRANSPORT_UDP;
	o.target.addr = where(B);
	assert_int_equal(sip_stack_ack(r->stack[A], client, &o, r->now), ERR_NONE);
}

static int count(struct rig *r, int side, enum sip_event_kind kind)
{
	int n = 0;

	for (size_t i = 0; i < r->seen_n; i++)
		n += r->seen[i].side == side && r->seen[i].kind == kind;
	return n;
}

static struct seen *last(struct rig *r, int side, enum sip_event_kind kind)
{
	for (size_t i = r->seen_n; i-- > 0;) {
		if (r->seen[i].side == side && r->seen[i].kind == kind)
			return &r->seen[i];
	}
	fail_msg("no event %d at %d", kind, side);
	return NULL;
}

static void answer_200(struct rig *r, const struct seen *s, struct sip_msg *msg)
{
	if (s->kind == SIP_EVENT_REQUEST)
		reply(r, s, msg, 200, "b1", s->method == SIP_INVITE);
}

static void answer_486(struct rig *r, const struct seen *s, struct sip_msg *msg)
{
	if (s->kind == SIP_EVENT_REQUEST)
		reply(r, s, msg, 486, "b1", false);
}

static void ring(struct rig *r, const struct seen *s, struct sip_msg *msg)
{
	if (s->kind == SIP_EVENT_REQUEST)
		reply(r, s, msg, 180, "b1", false);
}

static void ring_and_honour_cancel(struct rig *r, const struct seen *s, struct sip_msg *msg)
{
	if (s->kind == SIP_EVENT_CANCEL)
		reply(r, s, NULL, 487, "b1", false);
	else
		ring(r, s, msg);
}

static uint32_t left(struct rig *r, int side)
{
	struct sip_stack_stats st;

	sip_stack_stats(r->stack[side], &st);
	return st.transactions;
}

/* ---- tests ---- */

static void a_request_finds_its_answer_and_everything_is_forgotten(void **state)
{
	struct rig *r = rig_new(NULL);

	(void)state;
	r->on = answer_200;
	assert_int_not_equal(ask(r, request_text("OPTIONS", "", ""), TRANSPORT_UDP, false), 0);
	settle(r);
	assert_int_equal(r->seen_n, 2);
	assert_int_equal(r->seen[0].kind, SIP_EVENT_REQUEST);
	assert_int_equal(r->seen[1].kind, SIP_EVENT_RESPONSE);
	assert_int_equal(r->seen[1].status, 200);
	assert_int_equal(r->seen[1].cookie, 42);
	assert_non_null(strstr(r->seen[1].text, "rport=5060"));
	assert_non_null(strstr(r->seen[1].text, "received=10.0.0.1"));
	run_until(r, r->now + 5000 * MS);
	assert_int_equal(left(r, A), 0); /* timer K */
	run_until(r, r->now + 27000 * MS);
	assert_int_equal(left(r, B), 0); /* timer J */
	assert_int_equal(r->seen_n, 2);
	rig_free(r);
}

static void lost_datagrams_are_made_good_by_repeats(void **state)
{
	struct rig *r = rig_new(NULL);

	(void)state;
	r->on = answer_200;
	r->lose[A] = 2;
	r->lose[B] = 1;
	ask(r, request_text("OPTIONS", "", ""), TRANSPORT_UDP, false);
	run_until(r, r->now + 20000 * MS);
	assert_int_equal(count(r, B, SIP_EVENT_REQUEST), 1); /* the TU hears of it once */
	assert_int_equal(count(r, A, SIP_EVENT_RESPONSE), 1);
	assert_int_equal(r->sent[A], 4);
	assert_int_equal(r->sent[B], 2);
	assert_true(r->seen[1].at == 1000000 * MS + 3500 * MS);
	rig_free(r);
}

static void silence_ends_in_timeout(void **state)
{
	struct rig *r = rig_new(NULL);

	(void)state;
	r->lose[A] = 1000;
	ask(r, request_text("OPTIONS", "", ""), TRANSPORT_UDP, false);
	ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	run_until(r, r->now + 31999 * MS);
	assert_int_equal(r->seen_n, 0);
	run_until(r, r->now + 1 * MS);
	assert_int_equal(count(r, A, SIP_EVENT_TIMEOUT), 2);
	assert_int_equal(r->sent[A], 11 + 7);
	assert_int_equal(left(r, A), 0);
	rig_free(r);
}

static void icmp_ends_it_at_once_and_one_event_each(void **state)
{
	struct rig *r = rig_new(NULL);

	(void)state;
	r->dead = true;
	for (int i = 0; i < 10; i++)
		ask(r, request_text(i & 1 ? "INVITE" : "OPTIONS", "", ""), TRANSPORT_UDP, false);
	settle(r);
	assert_int_equal(count(r, A, SIP_EVENT_UNREACHABLE), 10);
	assert_int_equal(left(r, A), 0);
	rig_free(r);
}

static void a_slow_user_is_covered_by_100(void **state)
{
	struct rig *r = rig_new(NULL);

	(void)state;
	ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	run_until(r, r->now + 300 * MS);
	assert_int_equal(last(r, A, SIP_EVENT_RESPONSE)->status, 100);
	assert_null(strstr(last(r, A, SIP_EVENT_RESPONSE)->text, ";tag=b"));
	run_until(r, r->now + 10000 * MS);
	assert_int_equal(r->sent[A], 1);
	rig_free(r);
}

static void a_refusal_is_acknowledged_by_the_stack_and_repeated_while_the_ack_is_lost(void **state)
{
	struct rig *r = rig_new(NULL);

	(void)state;
	r->on = answer_486;
	ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	settle(r);
	assert_memory_equal(r->last[A], "ACK sip:bob@10.0.0.2 SIP/2.0\r\n", 30);
	assert_non_null(strstr(r->last[A], "To: <sip:bob@10.0.0.2>;tag=b1"));
	assert_non_null(strstr(r->last[A], "CSeq: 1 ACK"));
	run_until(r, r->now + 1000 * MS);
	assert_int_equal(r->sent[B], 1);
	run_until(r, r->now + 40000 * MS);
	assert_int_equal(left(r, A) + left(r, B), 0);
	assert_int_equal(count(r, A, SIP_EVENT_RESPONSE), 1);
	rig_free(r);

	r = rig_new(NULL);
	r->on = answer_486;
	ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	drain(r, A);
	r->lose[A] = 2; /* both ACKs */
	run_until(r, r->now + 30000 * MS);
	assert_int_equal(r->sent[A], 1 + 3);
	assert_int_equal(r->sent[B], 3);
	assert_int_equal(count(r, A, SIP_EVENT_RESPONSE), 1);
	rig_free(r);
}

static void a_refusal_that_nobody_acknowledges_is_said_to_the_user(void **state)
{
	struct rig *r = rig_new(NULL);

	(void)state;
	r->on = answer_486;
	ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	drain(r, A);
	r->lose[A] = 1000;
	run_until(r, r->now + 32000 * MS);
	assert_int_equal(count(r, B, SIP_EVENT_UNACKED), 1);
	assert_int_equal(r->sent[B], 11);
	rig_free(r);
}

static void a_held_2xx_is_repeated_until_its_ack_which_the_user_hears_of(void **state)
{
	struct rig *r = rig_new(NULL);
	handle h;

	(void)state;
	r->on = answer_200;
	h = ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	run_until(r, r->now + 2000 * MS);
	assert_int_equal(r->sent[B], 3);
	assert_int_equal(count(r, A, SIP_EVENT_RESPONSE), 3); /* nobody has acknowledged */
	ack(r, h, "b1");
	settle(r);
	assert_int_equal(count(r, B, SIP_EVENT_ACK), 1);
	assert_true(last(r, B, SIP_EVENT_ACK)->server == r->seen[0].server);
	run_until(r, r->now + 20000 * MS);
	assert_int_equal(r->sent[B], 3);
	rig_free(r);
}

static void a_lost_ack_is_sent_again_by_the_stack_for_a_repeated_2xx(void **state)
{
	struct rig *r = rig_new(NULL);
	handle h;

	(void)state;
	r->on = answer_200;
	h = ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	settle(r);
	r->lose[A] = 2;
	ack(r, h, "b1");
	run_until(r, r->now + 10000 * MS);
	assert_int_equal(count(r, A, SIP_EVENT_RESPONSE), 1); /* the user hears nothing of it */
	assert_int_equal(count(r, B, SIP_EVENT_ACK), 1);
	assert_int_equal(r->sent[B], 3);
	assert_int_equal(r->sent[A], 1 + 3);
	rig_free(r);
}

static void a_2xx_whose_ack_never_comes_is_said_to_the_user(void **state)
{
	struct rig *r = rig_new(NULL);
	handle h;

	(void)state;
	r->on = answer_200;
	h = ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	settle(r);
	r->lose[A] = 1000;
	ack(r, h, "b1");
	run_until(r, r->now + 32000 * MS);
	assert_int_equal(count(r, B, SIP_EVENT_UNACKED), 1);
	assert_int_equal(left(r, A) + left(r, B), 0);
	rig_free(r);
}

/* As a forking proxy passes them on: two 2xx with different tags through one server transaction. */
static void answer_twice(struct rig *r, const struct seen *s, struct sip_msg *msg)
{
	if (s->kind != SIP_EVENT_REQUEST)
		return;
	reply(r, s, msg, 200, "b1", false);
	reply(r, s, msg, 200, "b2", false);
}

static void forked_2xx_both_reach_the_user_and_each_has_its_own_ack(void **state)
{
	struct rig *r = rig_new(NULL);
	handle h;

	(void)state;
	r->on = answer_twice;
	h = ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	settle(r);
	assert_int_equal(count(r, A, SIP_EVENT_RESPONSE), 2);
	assert_non_null(strstr(last(r, A, SIP_EVENT_RESPONSE)->text, "tag=b2"));
	ack(r, h, "b1");
	ack(r, h, "b2");
	settle(r);
	assert_int_equal(count(r, B, SIP_EVENT_ACK), 2);
	assert_int_equal(last(r, B, SIP_EVENT_ACK)->server, 0); /* not held: a proxy forwards it */
	/* The first leg says its 2xx again: its ACK is repeated, not the other's. */
	struct sip_reply again = { .status = 200, .to_tag = STR("b1") };
	(void)again;
	struct sip_draft d = { .text = str_from(r->seen[1].text) };
	assert_int_equal(sip_stack_respond(r->stack[B], r->seen[0].server, &d, false, r->now), ERR_NONE);
	settle(r);
	assert_non_null(strstr(r->last[A], "ACK sip:bob"));
	assert_non_null(strstr(r->last[A], "tag=b1"));
	assert_int_equal(count(r, A, SIP_EVENT_RESPONSE), 2);
	rig_free(r);
}

static void cancel_before_any_answer_waits_and_then_ends_the_call(void **state)
{
	struct rig *r = rig_new(NULL);
	handle h;

	(void)state;
	r->on = ring_and_honour_cancel;
	h = ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	sip_stack_cancel(r->stack[A], h, r->now);
	assert_int_equal(r->sent[A], 0);
	settle(r);
	assert_int_equal(count(r, B, SIP_EVENT_CANCEL), 1);
	assert_true(last(r, B, SIP_EVENT_CANCEL)->server == last(r, B, SIP_EVENT_REQUEST)->server);
	assert_int_equal(last(r, A, SIP_EVENT_RESPONSE)->status, 487);
	assert_int_equal(count(r, A, SIP_EVENT_RESPONSE), 2); /* 180 and 487; CANCEL's 200 is not the user's */
	assert_int_equal(r->sent[A], 3);                      /* INVITE, CANCEL, ACK */
	run_until(r, r->now + 60000 * MS);
	assert_int_equal(left(r, A) + left(r, B), 0);
	assert_int_equal(r->sent[A], 3);
	rig_free(r);
}

static void a_200_that_crosses_cancel_wins(void **state)
{
	struct rig *r = rig_new(NULL);
	handle h;

	(void)state;
	r->on = ring;
	h = ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	settle(r);
	/* Both at once: A cancels, B answers. */
	sip_stack_cancel(r->stack[A], h, r->now);
	reply(r, last(r, B, SIP_EVENT_REQUEST), NULL, 200, "b1", true);
	settle(r);
	assert_int_equal(last(r, A, SIP_EVENT_RESPONSE)->status, 200);
	assert_int_equal(count(r, B, SIP_EVENT_CANCEL), 0);
	ack(r, h, "b1");
	settle(r);
	assert_int_equal(count(r, B, SIP_EVENT_ACK), 1);
	/* CANCEL itself got its 200 (9.2: it has no effect), so it is not repeated. */
	run_until(r, r->now + 40000 * MS);
	assert_int_equal(r->sent[A], 3);
	assert_int_equal(left(r, A) + left(r, B), 0);
	rig_free(r);
}

static void a_late_200_after_cancel_reaches_the_user(void **state)
{
	struct rig *r = rig_new(NULL);
	handle h;

	(void)state;
	r->on = ring;
	h = ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	settle(r);
	sip_stack_cancel(r->stack[A], h, r->now);
	run_until(r, r->now + 5000 * MS); /* B's user ignores the CANCEL and picks up */
	assert_int_equal(count(r, B, SIP_EVENT_CANCEL), 1);
	reply(r, last(r, B, SIP_EVENT_REQUEST), NULL, 200, "b1", true);
	settle(r);
	assert_int_equal(last(r, A, SIP_EVENT_RESPONSE)->status, 200);
	assert_true(last(r, A, SIP_EVENT_RESPONSE)->client == h);
	rig_free(r);
}

static void a_call_that_ignores_cancel_is_given_up(void **state)
{
	struct rig *r = rig_new(NULL);
	handle h;

	(void)state;
	r->on = ring;
	h = ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	settle(r);
	sip_stack_cancel(r->stack[A], h, r->now);
	run_until(r, r->now + 32000 * MS);
	assert_int_equal(count(r, A, SIP_EVENT_TIMEOUT), 1);
	assert_int_equal(left(r, A), 0);
	rig_free(r);
}

static void cancel_of_nothing_gets_481(void **state)
{
	struct rig *r = rig_new(NULL);
	struct host_event e = { .kind = HOST_DATAGRAM, .id = 1000, .transport = TRANSPORT_UDP };

	(void)state;
	e.remote = where(A);
	e.bytes = STR(
		"CANCEL sip:bob@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx\r\nMax-Forwards: 7\r\n"
		"From: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCall-ID: x\r\nCSeq: 1 CANCEL\r\n\r\n");
	sip_stack_recv(r->stack[B], &e, r->now);
	drain(r, B);
	assert_memory_equal(r->last[B], "SIP/2.0 481 ", 12);
	assert_int_equal(count(r, B, SIP_EVENT_CANCEL), 0);
	rig_free(r);
}

static void a_bye_may_come_before_the_ack(void **state)
{
	struct rig *r = rig_new(NULL);
	handle h;

	(void)state;
	r->on = answer_200;
	h = ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	settle(r);
	ask(r, request_text("BYE", "b1", ""), TRANSPORT_UDP, false);
	ack(r, h, "b1");
	settle(r);
	assert_int_equal(count(r, B, SIP_EVENT_REQUEST), 2);
	assert_int_equal(count(r, B, SIP_EVENT_ACK), 1);
	assert_int_equal(count(r, A, SIP_EVENT_RESPONSE), 2);
	rig_free(r);
}

static void feed(struct rig *r, int side, const char *text)
{
	struct host_event e = { .kind = HOST_DATAGRAM, .id = 1000, .transport = TRANSPORT_UDP };

	e.remote = where(!side);
	e.remote.port = 7777;
	e.bytes = str_from(text);
	sip_stack_recv(r->stack[side], &e, r->now);
	drain(r, side);
}

static void without_rport_answers_go_to_the_port_of_sent_by(void **state)
{
	struct rig *r = rig_new(NULL);
	struct host_want w;
	struct sip_event ev;
	struct host_event e = { .kind = HOST_DATAGRAM, .id = 1000, .transport = TRANSPORT_UDP };
	struct sip_reply ok = { .status = 200 };

	(void)state;
	e.remote = addr_v4(10, 0, 0, 1, 7777);
	for (int rport = 0; rport < 2; rport++) {
		char text[500];

		snprintf(
			text, sizeof(text),
			"OPTIONS sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9:5099%s;branch=z9hG4bK%d;maddr=1.2.3.4\r\n"
			"Max-Forwards: 7\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCall-ID: x\r\nCSeq: 1 "
			"OPTIONS\r\n\r\n",
			rport ? ";rport" : "", rport);
		e.bytes = str_from(text);
		sip_stack_recv(r->stack[B], &e, r->now);
		assert_true(sip_stack_next(r->stack[B], &ev, r->now));
		assert_int_equal(sip_stack_reply(r->stack[B], ev.server, ev.msg, &ok, false, r->now), ERR_NONE);
		assert_true(sip_stack_want(r->stack[B], &w));
		assert_int_equal(w.remote.port, rport ? 7777 : 5099);
		assert_int_equal(w.remote.ip[3], 1);
	}
	rig_free(r);
}

static void an_rfc_2543_client_is_matched_by_its_request(void **state)
{
	static const char form[] =
		"%s sip:bob@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5060\r\nFrom: <sip:a@b>;tag=1\r\n"
		"To: <sip:b@c>%s\r\nCall-ID: old\r\nCSeq: 5 %s\r\nMax-Forwards: 7\r\n\r\n";
	struct rig *r = rig_new(NULL);
	char text[600];

	(void)state;
	r->on = answer_486;
	snprintf(text, sizeof(text), form, "INVITE", "", "INVITE");
	feed(r, B, text);
	feed(r, B, text);
	assert_int_equal(count(r, B, SIP_EVENT_REQUEST), 1);
	assert_int_equal(r->sent[B], 2);
	snprintf(text, sizeof(text), form, "ACK", ";tag=b1", "ACK");
	feed(r, B, text);
	run_until(r, r->now + 4000 * MS);
	assert_int_equal(r->sent[B], 2); /* the ACK was known */
	rig_free(r);
}

static void a_malformed_request_is_refused_and_a_malformed_ack_is_not(void **state)
{
	struct rig *r = rig_new(NULL);

	(void)state;
	feed(r, B,
	     "OPTIONS sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKm\r\nFrom: <sip:a@b>;tag=1\r\nTo: "
	     "<sip:b@c>\r\n"
	     "Call-ID: x\r\nCSeq: 1 INVITE\r\nMax-Forwards: 7\r\n\r\n");
	assert_memory_equal(r->last[B], "SIP/2.0 400 ", 12);
	feed(r, B,
	     "ACK sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKn\r\nFrom: <sip:a@b>;tag=1\r\nTo: "
	     "<sip:b@c>\r\n"
	     "Call-ID: x\r\nCSeq: 1 INVITE\r\nMax-Forwards: 7\r\n\r\n");
	feed(r, B, "\r\n\r\n");
	feed(r, B, "rubbish");
	feed(r, B, "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1\r\n\r\n");
	assert_int_equal(r->sent[B], 1);
	assert_int_equal(r->seen_n, 0);
	rig_free(r);
}

static void a_response_of_no_transaction_is_a_stray_even_with_a_branch_like_ours(void **state)
{
	struct rig *r = rig_new(NULL);
	char *forged;

	(void)state;
	r->on = ring;
	ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	settle(r);
	forged = strstr(last(r, A, SIP_EVENT_RESPONSE)->text, "z9hG4bK") + 30;
	*forged = *forged == '0' ? '1' : '0';
	feed(r, A, last(r, A, SIP_EVENT_RESPONSE)->text);
	assert_int_equal(count(r, A, SIP_EVENT_STRAY), 1);
	assert_int_equal(count(r, A, SIP_EVENT_RESPONSE), 1);
	rig_free(r);
}

static void answers_come_back_over_the_connection_and_it_is_used_again(void **state)
{
	(void)state;
	for (size_t piece = 0; piece < 3; piece++) {
		struct rig *r = rig_new(NULL);

		r->on = answer_200;
		r->piece = piece; /* also one and two bytes at a time */
		ask(r, request_text("OPTIONS", "", ""), TRANSPORT_TCP, false);
		settle(r);
		assert_int_equal(count(r, A, SIP_EVENT_RESPONSE), 1);
		ask(r, request_text("OPTIONS", "", ""), TRANSPORT_TCP, false);
		ask(r, request_text("OPTIONS", "", ""), TRANSPORT_TCP, false);
		settle(r);
		assert_int_equal(count(r, A, SIP_EVENT_RESPONSE), 3);
		assert_int_equal(r->accepted, 1);
		assert_int_equal(left(r, A) + left(r, B), 0); /* timers J and K are 0 */
		rig_free(r);
	}
}

static void an_answer_whose_connection_is_gone_opens_one_to_sent_by(void **state)
{
	struct rig *r = rig_new(NULL);

	(void)state;
	ask(r, request_text("INVITE", "", ""), TRANSPORT_TCP, false);
	run_until(r, r->now + 300 * MS); /* 100 has come: A is Proceeding */
	sip_stack_close(r->stack[A], &last(r, A, SIP_EVENT_FLOW_UP)->flow);
	settle(r);
	assert_int_equal(count(r, B, SIP_EVENT_FLOW_GONE), 1);
	reply(r, last(r, B, SIP_EVENT_REQUEST), NULL, 180, "b1", false);
	settle(r);
	assert_int_equal(r->accepted, 2);
	assert_int_equal(last(r, A, SIP_EVENT_RESPONSE)->status, 180);
	rig_free(r);
}

static void a_connection_that_fails_is_said_at_once_for_each_that_waits(void **state)
{
	struct rig *r = rig_new(NULL);

	(void)state;
	r->refuse_tcp = true;
	for (int i = 0; i < 10; i++)
		ask(r, request_text("INVITE", "", ""), TRANSPORT_TCP, false);
	settle(r);
	assert_int_equal(count(r, A, SIP_EVENT_UNREACHABLE), 10);
	assert_int_equal(left(r, A), 0);
	rig_free(r);
}

static const char *long_request(void)
{
	static char extra[2000];

	snprintf(extra, sizeof(extra), "Subject: %1200d\r\n", 1);
	return request_text("OPTIONS", "", extra);
}

static void a_long_request_goes_by_tcp_where_nobody_demanded_udp(void **state)
{
	struct rig *r = rig_new(NULL);

	(void)state;
	r->on = answer_200;
	ask(r, long_request(), TRANSPORT_UDP, true);
	settle(r);
	assert_int_equal(r->accepted, 1);
	assert_non_null(strstr(last(r, B, SIP_EVENT_REQUEST)->text, "Via: SIP/2.0/TCP 10.0.0.1:5060;branch="));
	assert_null(strstr(last(r, B, SIP_EVENT_REQUEST)->text, "rport"));
	assert_int_equal(count(r, A, SIP_EVENT_RESPONSE), 1);
	ask(r, long_request(), TRANSPORT_UDP, false);
	settle(r);
	assert_non_null(strstr(last(r, B, SIP_EVENT_REQUEST)->text, "Via: SIP/2.0/UDP"));
	rig_free(r);
}

static void and_by_udp_after_all_where_tcp_is_refused(void **state)
{
	struct rig *r = rig_new(NULL);

	(void)state;
	r->on = answer_200;
	r->refuse_tcp = true;
	ask(r, long_request(), TRANSPORT_UDP, true);
	run_until(r, r->now + 100 * MS);
	assert_int_equal(count(r, A, SIP_EVENT_RESPONSE), 1);
	assert_int_equal(count(r, A, SIP_EVENT_UNREACHABLE), 0);
	assert_non_null(strstr(last(r, B, SIP_EVENT_REQUEST)->text, "Via: SIP/2.0/UDP 10.0.0.1:5060;branch="));
	assert_non_null(strstr(last(r, B, SIP_EVENT_REQUEST)->text, ";rport\r\n"));
	rig_free(r);
}

static void accept(struct rig *r, uint32_t id, uint32_t listener)
{
	struct host_event e = { .kind = HOST_ACCEPTED, .transport = TRANSPORT_TLS, .id = id, .listener = listener };

	e.remote = where(A);
	sip_stack_recv(r->stack[B], &e, r->now);
	drain(r, B);
}

static void bytes(struct rig *r, uint32_t id, str text)
{
	struct host_event e = { .kind = HOST_BYTES, .transport = TRANSPORT_TLS, .id = id, .bytes = text };

	sip_stack_recv(r->stack[B], &e, r->now);
	drain(r, B);
}

static void a_ping_is_answered_and_ours_stays_up_with_its_pong_only(void **state)
{
	struct rig *r = rig_new(NULL);
	struct flow flow;

	(void)state;
	r->on = answer_200;
	ask(r, request_text("OPTIONS", "", ""), TRANSPORT_TCP, false);
	settle(r);
	flow = last(r, A, SIP_EVENT_FLOW_UP)->flow;
	sip_stack_ping(r->stack[A], &flow, r->now);
	settle(r);
	assert_int_equal(count(r, A, SIP_EVENT_PONG), 1);
	run_until(r, r->now + 20000 * MS);
	assert_int_equal(count(r, A, SIP_EVENT_FLOW_GONE), 0);
	rig_free(r);

	r = rig_new(NULL);
	accept(r, HOST_OWN_MAX + 5, 1001);
	bytes(r, HOST_OWN_MAX + 5, STR("\r\n"));
	assert_int_equal(r->sent[B], 0);
	bytes(r, HOST_OWN_MAX + 5, STR("\r\n"));
	assert_int_equal(r->sent[B], 1);
	assert_string_equal(r->last[B], "\r\n");
	sip_stack_ping(r->stack[B], &last(r, B, SIP_EVENT_FLOW_UP)->flow, r->now);
	drain(r, B);
	run_until(r, r->now + 10000 * MS);
	assert_int_equal(count(r, B, SIP_EVENT_FLOW_GONE), 1);
	assert_int_equal(last(r, B, SIP_EVENT_FLOW_GONE)->err, ERR_TIMEOUT);
	rig_free(r);
}

static void an_accepted_connection_serves_requests_to_its_address_unless_it_is_tls(void **state)
{
	struct rig *r = rig_new(NULL);
	struct host_event e = { .kind = HOST_ACCEPTED, .listener = 1001 };
	struct sip_target to = { .addr = where(A) };

	(void)state;
	e.remote = to.addr;
	for (uint32_t tls = 0; tls < 2; tls++) {
		e.id = HOST_OWN_MAX + 1 + tls;
		e.transport = to.transport = tls ? TRANSPORT_TLS : TRANSPORT_TCP;
		sip_stack_recv(r->stack[B], &e, r->now);
		struct flow flow = sip_stack_connect(r->stack[B], &to, r->now);
		assert_int_equal(flow.id == e.id, !tls);
		assert_int_not_equal(flow.id, 0);
	}
	/* One that we opened for one name does not serve another. */
	to.name = STR("a.example");
	struct flow a = sip_stack_connect(r->stack[B], &to, r->now),
		    again = sip_stack_connect(r->stack[B], &to, r->now);
	to.name = STR("b.example");
	struct flow b = sip_stack_connect(r->stack[B], &to, r->now);
	assert_true(a.id == again.id && a.id != b.id);
	rig_free(r);
}

static void a_dawdling_stream_is_closed_but_not_a_carrier_of_the_owners(void **state)
{
	struct rig *r = rig_new(NULL);

	(void)state;
	accept(r, HOST_OWN_MAX + 1, 1001);
	accept(r, HOST_OWN_MAX + 2, 1001);
	accept(r, HOST_OWN_MAX + 3, 0);
	for (int i = 0; i < 25; i++) { /* a byte a second does not help */
		bytes(r, HOST_OWN_MAX + 2,
		      str_head(str_skip(STR("OPTIONS sip:b@c SIP/2.0\r\nA: bbbbbbbbbbbbb"), (size_t)i), 1));
		run_until(r, r->now + 1000 * MS);
	}
	assert_int_equal(count(r, B, SIP_EVENT_FLOW_GONE), 2);
	run_until(r, r->now + 100000000 * MS);
	assert_int_equal(count(r, B, SIP_EVENT_FLOW_GONE), 2);
	bytes(r, HOST_OWN_MAX + 3,
	      STR("OPTIONS sip:b@c SIP/2.0\r\nVia: SIP/2.0/TLS h.invalid;branch=z9hG4bKx\r\nMax-Forwards: 7\r\n"
		  "From: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: "
		  "0\r\n\r\n"));
	assert_int_equal(count(r, B, SIP_EVENT_REQUEST), 1);
	rig_free(r);
}

static void a_message_without_a_known_end_is_refused_and_its_stream_closed(void **state)
{
	struct rig *r = rig_new(NULL);

	(void)state;
	accept(r, HOST_OWN_MAX + 1, 1001);
	bytes(r, HOST_OWN_MAX + 1,
	      STR("OPTIONS sip:b@c SIP/2.0\r\nVia: SIP/2.0/TLS h;branch=z9hG4bKx\r\nMax-Forwards: 7\r\n"
		  "From: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: "
		  "-9\r\n\r\n"));
	settle(r);
	assert_memory_equal(r->last[B], "SIP/2.0 400 ", 12);
	/* answers to what came before it may still be on their way; nothing more is heard */
	assert_int_equal(count(r, B, SIP_EVENT_FLOW_GONE), 0);
	bytes(r, HOST_OWN_MAX + 1,
	      STR("OPTIONS sip:b@c SIP/2.0\r\nVia: SIP/2.0/TLS h;branch=z9hG4bKy\r\nMax-Forwards: 7\r\n"
		  "From: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCall-ID: y\r\nCSeq: 1 OPTIONS\r\nContent-Length: "
		  "0\r\n\r\n"));
	settle(r);
	run_until(r, r->now + 2000 * MS);
	assert_int_equal(count(r, B, SIP_EVENT_FLOW_GONE), 1);
	assert_int_equal(count(r, B, SIP_EVENT_REQUEST), 0);
	rig_free(r);
}

static void few(struct sip_stack_config *c)
{
	c->transaction_max = 4;
	c->stream_max = 2;
}

static void options(struct rig *r, int i)
{
	char text[500];

	snprintf(text, sizeof(text),
		 "OPTIONS sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKf%d\r\nMax-Forwards: 7\r\n"
		 "From: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n\r\n",
		 i);
	feed(r, B, text);
}

static void a_full_table_lets_the_finished_go_first_and_then_says_503(void **state)
{
	struct rig *r = rig_new(few);
	struct sip_stack_stats st;

	(void)state;
	r->on = answer_200;
	for (int i = 0; i < 6; i++)
		options(r, i);
	assert_int_equal(count(r, B, SIP_EVENT_REQUEST), 6);
	sip_stack_stats(r->stack[B], &st);
	assert_int_equal(st.evicted, 2);
	assert_int_equal(st.transactions, 4);
	r->on = NULL;
	for (int i = 10; i < 14; i++)
		options(r, i);
	assert_int_equal(count(r, B, SIP_EVENT_REQUEST), 10);
	options(r, 20);
	assert_int_equal(count(r, B, SIP_EVENT_REQUEST), 10);
	assert_memory_equal(r->last[B], "SIP/2.0 503 ", 12);
	assert_non_null(strstr(r->last[B], "\r\nRetry-After: "));
	rig_free(r);
}

static void some(struct sip_stack_config *c)
{
	c->transaction_max = 100;
}

static void answer_and_wait_for_its_end(struct rig *r, const struct seen *s, struct sip_msg *msg)
{
	answer_200(r, s, msg);
	if (s->kind == SIP_EVENT_REQUEST)
		sip_stack_set_cookie(r->stack[s->side], s->server, 7);
}

/* Its owner keeps something for each: none is forgotten, however many are ended at once. */
static void of_each_that_makes_room_the_end_is_told(void **state)
{
	struct sip_outgoing o = { .draft.text = str_from(request_text("OPTIONS", "", "")), .cookie = 42 };
	struct rig *r = rig_new(some);
	struct sip_stack_stats st;

	(void)state;
	r->on = answer_and_wait_for_its_end;
	for (int i = 0; i < 100; i++)
		options(r, i);
	assert_int_equal(count(r, B, SIP_EVENT_ENDED), 0);
	o.target.transport = TRANSPORT_UDP;
	o.target.addr = where(A);
	for (int i = 0; i < 75; i++)
		assert_int_not_equal(sip_stack_request(r->stack[B], &o, r->now), 0);
	sip_stack_stats(r->stack[B], &st);
	assert_int_equal(st.evicted, 75);
	drain(r, B);
	assert_int_equal(count(r, B, SIP_EVENT_ENDED), 75);
	assert_int_equal(last(r, B, SIP_EVENT_ENDED)->cookie, 7);
	rig_free(r);
}

static void streams_above_the_bound_are_closed(void **state)
{
	struct rig *r = rig_new(few);

	(void)state;
	for (uint32_t i = 1; i <= 3; i++)
		accept(r, HOST_OWN_MAX + i, 1001);
	assert_int_equal(count(r, B, SIP_EVENT_FLOW_UP), 2);
	rig_free(r);
}

static void two_workers(struct sip_stack_config *c)
{
	c->worker_n = 2;
}

static void a_call_of_another_worker_is_handed_over_and_its_answer_carried_back(void **state)
{
	struct rig *r = rig_new(two_workers);
	struct host_event e = { .kind = HOST_DATAGRAM, .id = 1000, .transport = TRANSPORT_UDP };
	struct sip_stack_config c = sip_stack_config_default();
	struct sip_reply ok = { .status = 200 };
	struct sip_stack *other;
	struct sip_event ev;
	char text[500];
	int i = -1;

	(void)state;
	c.rng = &r->rng;
	c.id_first = 1000;
	c.worker = 1;
	c.worker_n = 2;
	other = sip_stack_new(&c);
	do {
		snprintf(text, sizeof(text),
			 "OPTIONS sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKf\r\nMax-Forwards: 7\r\n"
			 "From: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\ni : %d\r\nCSeq: 1 OPTIONS\r\n\r\n",
			 ++i);
	} while (sip_transport_worker(sip_transport_call_id(str_from(text)), 2) != 1);
	e.remote = where(A);
	e.bytes = str_from(text);
	sip_stack_recv(r->stack[B], &e, r->now);
	assert_true(sip_stack_next(r->stack[B], &ev, r->now));
	assert_int_equal(ev.kind, SIP_EVENT_FOREIGN);
	assert_int_equal(ev.worker, 1);
	sip_stack_take(other, &ev.flow, ev.bytes, r->now);
	assert_true(sip_stack_next(other, &ev, r->now));
	assert_int_equal(ev.kind, SIP_EVENT_REQUEST);
	assert_int_equal(sip_stack_reply(other, ev.server, ev.msg, &ok, false, r->now), ERR_NONE);
	assert_true(sip_stack_next(other, &ev, r->now));
	assert_int_equal(ev.kind, SIP_EVENT_CARRY);
	assert_int_equal(ev.flow.worker, 0);
	struct sip_target target = { .flow = ev.flow };
	struct sip_draft draft = { .text = ev.bytes };
	assert_int_equal(sip_stack_write(r->stack[B], &target, &draft, r->now), ERR_NONE);
	drain(r, B);
	assert_memory_equal(r->last[B], "SIP/2.0 200 ", 12);
	sip_stack_free(other);
	rig_free(r);
}

static void a_request_is_forwarded_with_our_via_on_top_and_its_answer_without(void **state)
{
	struct rig *r = rig_new(NULL);
	struct host_event e = { .kind = HOST_DATAGRAM, .id = 1000, .transport = TRANSPORT_UDP };
	struct sip_event ev;
	struct sip_edits edits;

	(void)state;
	e.remote = addr_v4(10, 0, 0, 7, 5062);
	e.bytes = STR(
		"INVITE sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP h:5;branch=z9hG4bKf;rport\r\nMax-Forwards: 7\r\n"
		"From: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n");
	sip_stack_recv(r->stack[A], &e, r->now);
	assert_true(sip_stack_next(r->stack[A], &ev, r->now));
	sip_edits_init(&edits);
	sip_edits_note(&edits, SIP_EDIT_URI, SIP_OTHER, STR("sip:bob@10.0.0.2"));
	struct sip_outgoing o = { .draft = { .msg = ev.msg, .edits = &edits } };
	o.target.transport = TRANSPORT_UDP;
	o.target.addr = where(B);
	assert_int_not_equal(sip_stack_request(r->stack[A], &o, r->now), 0);
	r->on = ring;
	settle(r);
	const char *at_b = last(r, B, SIP_EVENT_REQUEST)->text;
	assert_memory_equal(at_b, "INVITE sip:bob@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK",
			    78);
	assert_non_null(strstr(at_b, "received=10.0.0.7"));
	assert_non_null(strstr(at_b, "rport=5062"));
	assert_int_equal(last(r, A, SIP_EVENT_RESPONSE)->status, 180);
	rig_free(r);
}

static void stateless(struct sip_stack_config *c)
{
	c->stateless = true;
}

static void a_stateless_stack_keeps_nothing(void **state)
{
	struct rig *r = rig_new(stateless);

	(void)state;
	options(r, 1);
	options(r, 1);
	assert_int_equal(count(r, B, SIP_EVENT_REQUEST), 2);
	assert_int_equal(last(r, B, SIP_EVENT_REQUEST)->server, 0);
	assert_int_equal(left(r, B), 0);
	rig_free(r);
}

static void random_loss_always_ends_well(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 200; seed++) {
		struct rig *r = rig_new(NULL);
		struct rng dice;
		handle h;
		bool acked = false;

		rng_seeded(&dice, seed);
		r->on = seed & 1 ? answer_200 : answer_486;
		h = ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
		for (int i = 0; i < 45000; i += 50) {
			r->lose[A] = rng_below(&dice, 5) == 0;
			r->lose[B] = rng_below(&dice, 5) == 0;
			run_until(r, r->now + 50 * MS);
			if (!acked && count(r, A, SIP_EVENT_RESPONSE) && (seed & 1)) {
				ack(r, h, "b1");
				acked = true;
			}
		}
		run_until(r, r->now + 32000 * MS);
		assert_int_equal(left(r, A) + left(r, B), 0);
		assert_int_equal(count(r, A, SIP_EVENT_RESPONSE), 1);
		assert_int_equal(count(r, B, SIP_EVENT_REQUEST), 1);
		assert_int_equal(count(r, B, SIP_EVENT_UNACKED), 0);
		rig_free(r);
	}
}

static struct sip_figures figures(struct rig *r, int side)
{
	struct sip_figures f;

	sip_stack_figures(r->stack[side], &f);
	return f;
}

/* RFC 6076 4.3, 4.6: one call rings after 2 s and is answered, one is refused at once, a third challenged. */
static void attempts_are_counted_by_what_came_of_them(void **state)
{
	struct rig *r = rig_new(NULL);
	char ratios[4000];
	struct buf b;

	(void)state;
	ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	run_until(r, r->now + 2000 * MS);
	struct seen request = *last(r, B, SIP_EVENT_REQUEST);
	reply(r, &request, NULL, 180, "b1", false);
	run_until(r, r->now + 5000 * MS);
	reply(r, &request, NULL, 200, "b1", false);
	settle(r);
	r->on = answer_486;
	ask(r, request_text("INVITE", "", ""), TRANSPORT_UDP, false);
	settle(r);
	ask(r, request_text("INVITE", "b1", ""), TRANSPORT_UDP, false); /* inside a dialog: no attempt */
	settle(r);
	struct sip_figures f = figures(r, B);
	assert_int_equal(f.outcomes[SIP_OUTCOME_ESTABLISHED], 1);
	assert_int_equal(f.outcomes[SIP_OUTCOME_PERSON], 1);
	assert_int_equal(metric_count(&f.session_delay[0]), 1);
	assert_int_equal(f.session_delay[0].sum_usec, 2000 * MS);
	assert_int_equal(metric_count(&f.session_delay[1]), 1);
	assert_int_equal(f.session_delay[1].sum_usec, 0);
	assert_int_equal(f.requests_in[SIP_INVITE][TRANSPORT_UDP], 3);
	assert_int_equal(f.requests_in[SIP_ACK][TRANSPORT_UDP], 2);
	assert_int_equal(f.answers_out[100 - 100], 1);
	assert_int_equal(f.answers_out[200 - 100], 1);
	assert_int_equal(f.answers_out[486 - 100], 2);
	buf_init(&b, ratios, sizeof(ratios));
	sip_figures_write_ratios(&f, &b);
	assert_true(str_find(buf_str(&b), STR("\ntandem_sip_session_establishment_ratio 0.5\n")) < b.n);
	assert_true(str_find(buf_str(&b), STR("\ntandem_sip_session_establishment_effectiveness_ratio 1\n")) < b.n);
	f = figures(r, A);
	assert_int_equal(f.answers_in[486 - 100], 2);
	assert_int_equal(f.requests_out[SIP_INVITE][TRANSPORT_UDP], 3);
	rig_free(r);
}

static void repeats_and_silence_are_counted(void **state)
{
	struct rig *r = rig_new(NULL);

	(void)state;
	r->on = answer_200;
	r->lose[A] = 2;
	r->lose[B] = 1;
	ask(r, request_text("REGISTER", "", ""), TRANSPORT_UDP, false);
	run_until(r, r->now + 20000 * MS);
	assert_int_equal(figures(r, A).repeats[1], 3);
	assert_int_equal(figures(r, B).repeats[0], 1);
	assert_int_equal(figures(r, B).repeats[1], 1);
	assert_int_equal(figures(r, B).register_answers[200 - 100], 1);
	struct sip_figures f = figures(r, B);
	assert_int_equal(metric_count(&f.register_delay), 1);
	r->lose[A] = 1000;
	ask(r, request_text("OPTIONS", "", ""), TRANSPORT_UDP, false);
	run_until(r, r->now + 32000 * MS);
	assert_int_equal(figures(r, A).timeouts, 1);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_finds_its_answer_and_everything_is_forgotten),
		cmocka_unit_test(lost_datagrams_are_made_good_by_repeats),
		cmocka_unit_test(silence_ends_in_timeout),
		cmocka_unit_test(icmp_ends_it_at_once_and_one_event_each),
		cmocka_unit_test(a_slow_user_is_covered_by_100),
		cmocka_unit_test(a_refusal_is_acknowledged_by_the_stack_and_repeated_while_the_ack_is_lost),
		cmocka_unit_test(a_refusal_that_nobody_acknowledges_is_said_to_the_user),
		cmocka_unit_test(a_held_2xx_is_repeated_until_its_ack_which_the_user_hears_of),
		cmocka_unit_test(a_lost_ack_is_sent_again_by_the_stack_for_a_repeated_2xx),
		cmocka_unit_test(a_2xx_whose_ack_never_comes_is_said_to_the_user),
		cmocka_unit_test(forked_2xx_both_reach_the_user_and_each_has_its_own_ack),
		cmocka_unit_test(cancel_before_any_answer_waits_and_then_ends_the_call),
		cmocka_unit_test(a_200_that_crosses_cancel_wins),
		cmocka_unit_test(a_late_200_after_cancel_reaches_the_user),
		cmocka_unit_test(a_call_that_ignores_cancel_is_given_up),
		cmocka_unit_test(cancel_of_nothing_gets_481),
		cmocka_unit_test(a_bye_may_come_before_the_ack),
		cmocka_unit_test(without_rport_answers_go_to_the_port_of_sent_by),
		cmocka_unit_test(an_rfc_2543_client_is_matched_by_its_request),
		cmocka_unit_test(a_malformed_request_is_refused_and_a_malformed_ack_is_not),
		cmocka_unit_test(a_response_of_no_transaction_is_a_stray_even_with_a_branch_like_ours),
		cmocka_unit_test(answers_come_back_over_the_connection_and_it_is_used_again),
		cmocka_unit_test(an_answer_whose_connection_is_gone_opens_one_to_sent_by),
		cmocka_unit_test(a_connection_that_fails_is_said_at_once_for_each_that_waits),
		cmocka_unit_test(a_long_request_goes_by_tcp_where_nobody_demanded_udp),
		cmocka_unit_test(and_by_udp_after_all_where_tcp_is_refused),
		cmocka_unit_test(a_ping_is_answered_and_ours_stays_up_with_its_pong_only),
		cmocka_unit_test(an_accepted_connection_serves_requests_to_its_address_unless_it_is_tls),
		cmocka_unit_test(a_dawdling_stream_is_closed_but_not_a_carrier_of_the_owners),
		cmocka_unit_test(a_message_without_a_known_end_is_refused_and_its_stream_closed),
		cmocka_unit_test(a_full_table_lets_the_finished_go_first_and_then_says_503),
		cmocka_unit_test(of_each_that_makes_room_the_end_is_told),
		cmocka_unit_test(streams_above_the_bound_are_closed),
		cmocka_unit_test(a_call_of_another_worker_is_handed_over_and_its_answer_carried_back),
		cmocka_unit_test(a_request_is_forwarded_with_our_via_on_top_and_its_answer_without),
		cmocka_unit_test(a_stateless_stack_keeps_nothing),
		cmocka_unit_test(random_loss_always_ends_well),
		cmocka_unit_test(attempts_are_counted_by_what_came_of_them),
		cmocka_unit_test(repeats_and_silence_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
