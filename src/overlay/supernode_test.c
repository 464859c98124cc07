#include "overlay/supernode.h"

#include "overlay/outbox.h"
#include "overlay/stream.h"
#include "overlay/test_host.h"

/* A bare client: it says HELLO as it is told to, and keeps every answer's kind. */
struct client {
	struct overlay_outbox out;
	struct test_user user;
	uint8_t role;
	bool silent, stolen; /* stolen: the proof of another stream */
	struct overlay_stream in;
	uint8_t types[256];
	int type_n;
	struct overlay_message last; /* its texts are gone */
	uint8_t token[OVERLAY_TOKEN_N];
	char sip[8192];
	int sips;
	bool closed;
};

static void hello(struct client *c, const uint8_t *binding)
{
	struct overlay_message m = { .type = OVERLAY_HELLO,
				     .id = 1,
				     .certificate = overlay_certificate_str(&c->user.certificate),
				     .role = c->role };
	uint8_t text[OVERLAY_PROOF_MAX];
	size_t n = overlay_proof_text(&m, binding, text);

	text[20] ^= c->stolen;
	sign_make(&c->user.device, str_of((const char *)text, n), m.proof);
	overlay_outbox_message(&c->out, 5, &m);
}

static void client_recv(void *self, const struct host_event *e, usec now)
{
	struct client *c = self;
	struct overlay_frame frame;

	(void)now;
	if (e->kind == HOST_OPENED && !c->silent)
		hello(c, e->binding);
	if (e->kind == HOST_CLOSED)
		c->closed = true;
	if (e->kind != HOST_BYTES)
		return;
	assert_int_equal(overlay_stream_recv(&c->in, e->bytes), ERR_NONE);
	while (overlay_stream_next(&c->in, &frame) == ERR_NONE) {
		assert_int_equal(overlay_message_parse(&frame, &c->last), ERR_NONE);
		c->types[c->type_n++ % 256] = c->last.type;
		if (c->last.type == OVERLAY_WELCOME)
			memcpy(c->token, c->last.token, sizeof(c->token));
		if (c->last.type == OVERLAY_SIP) {
			c->sips++;
			memcpy(c->sip, c->last.sip.p, c->last.sip.n);
			c->sip[c->last.sip.n] = '\0';
		}
	}
}

static void client_tick(void *self, usec now)
{
	(void)self;
	(void)now;
}

static usec client_due(const void *self)
{
	(void)self;
	return USEC_NEVER;
}

static bool client_next(void *self, struct host_want *out)
{
	return overlay_outbox_next(&((struct client *)self)->out, out);
}

struct world {
	struct th h;
	struct rng rng;
	struct overlay_supernode *super[2];
	int super_at[2];
	struct test_user owner[2];
	struct client client[4];
	int client_at[4];
};

static void super_new(struct world *w, int i, str owner)
{
	struct overlay_supernode_setup s = {
		.listen = addr_v4(192, 0, 2, (uint8_t)(2 + i), 5443),
		.stun = addr_v4(192, 0, 2, (uint8_t)(2 + i), 3478),
		.caps = { .flow_max = 3, .flows_per_user = 2, .kbit_per_s = i ? 20 : 0 },
		.rng = &w->rng,
	};

	th_network(&s.network);
	memset(s.pin, 2 + i, OVERLAY_KEY_N);
	memset(s.token_key, 9 + i, sizeof(s.token_key));
	test_user(&w->owner[i], owner, w->h.now);
	s.certificate = &w->owner[i].certificate;
	s.device = &w->owner[i].device;
	w->super[i] = overlay_supernode_new(&s, w->h.now);
	assert_non_null(w->super[i]);
	w->super_at[i] = th_add(&w->h, overlay_supernode_service(w->super[i]), (uint8_t)(2 + i));
}

static int setup(void **state)
{
	static const str names[4] = { STR_INIT("alice"), STR_INIT("bob"), STR_INIT("carol"), STR_INIT("dave") };
	struct world *w = calloc(1, sizeof(*w));

	w->h.now = TEST_NOW;
	rng_seeded(&w->rng, 11);
	super_new(w, 0, STR("seed-one"));
	super_new(w, 1, STR("super-two"));
	for (int i = 0; i < 4; i++) {
		struct client *c = &w->client[i];
		const struct host_service s = {
			.self = c, .recv = client_recv, .tick = client_tick, .due = client_due, .next = client_next
		};

		test_user(&c->user, names[i], w->h.now);
		c->role = OVERLAY_ROLE_NODE;
		overlay_outbox_init(&c->out);
		overlay_stream_init(&c->in);
		c->in.frame_max = OVERLAY_BODY_MAX;
		w->client_at[i] = th_add(&w->h, s, 0);
	}
	th_run(&w->h, USEC_PER_SEC);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	th_free(&w->h);
	for (int i = 0; i < 4; i++) {
		overlay_outbox_free(&w->client[i].out);
		overlay_stream_free(&w->client[i].in);
	}
	for (int i = 0; i < 2; i++)
		overlay_supernode_free(w->super[i]);
	free(w);
	return 0;
}

/* Opens client i's flow to super node s. */
static struct client *dial(struct world *w, int i, int s)
{
	struct client *c = &w->client[i];
	uint8_t pin[OVERLAY_KEY_N];
	char name[72];

	memset(pin, 2 + s, sizeof(pin));
	c->closed = false;
	c->type_n = 0;
	overlay_outbox_put(&c->out, &(struct host_want){ .kind = HOST_OPEN,
							 .id = 5,
							 .transport = TRANSPORT_TLS,
							 .remote = addr_v4(192, 0, 2, (uint8_t)(2 + s), 5443),
							 .name = overlay_pin_name(pin, name) });
	th_drain(&w->h, w->client_at[i]);
	th_run(&w->h, USEC_PER_SEC);
	return c;
}

static void say(struct world *w, int i, const struct overlay_message *m)
{
	overlay_outbox_message(&w->client[i].out, 5, m);
	th_drain(&w->h, w->client_at[i]);
	th_run(&w->h, USEC_PER_SEC);
}

static void only_a_good_certificate_with_its_device_is_welcome(void **state)
{
	struct world *w = *state;
	struct client *c = dial(w, 0, 0);

	assert_int_equal(c->last.type, OVERLAY_WELCOME);
	assert_int_equal(c->last.time, w->h.now - USEC_PER_SEC + 20 * USEC_PER_MS);
	w->client[1].stolen = true;
	c = dial(w, 1, 0);
	assert_int_equal(c->last.type, OVERLAY_REFUSED);
	assert_int_equal(c->last.refusal, OVERLAY_REFUSAL_PROOF);
	assert_true(c->closed);
	c = &w->client[1];
	c->stolen = false;
	c->user.certificate.bytes[30] ^= 1;
	dial(w, 1, 0);
	assert_true(c->last.refusal == OVERLAY_REFUSAL_FORGED || c->last.refusal == OVERLAY_REFUSAL_NETWORK ||
		    c->last.refusal == OVERLAY_REFUSAL_MALFORMED);
}

static void an_expired_certificate_is_refused_by_name(void **state)
{
	struct world *w = *state;

	w->h.now += 49 * HOUR;
	struct client *c = dial(w, 0, 0);
	assert_int_equal(c->last.type, OVERLAY_REFUSED);
	assert_int_equal(c->last.refusal, OVERLAY_REFUSAL_EXPIRED);
	assert_true(c->last.time > 0); /* so that a node can tell a wrong clock of its own */
	test_user(&c->user, STR("alice"), w->h.now + 2 * HOUR);
	dial(w, 0, 0);
	assert_int_equal(c->last.refusal, OVERLAY_REFUSAL_EARLY);
}

static void the_token_of_a_device_outlives_its_stream(void **state)
{
	struct world *w = *state;
	uint8_t token[OVERLAY_TOKEN_N];
	struct client *c = dial(w, 0, 0);

	memcpy(token, c->token, sizeof(token));
	th_cut(&w->h, th_stream_of(&w->h, w->client_at[0], 5), ERR_IO);
	th_run(&w->h, USEC_PER_SEC);
	dial(w, 0, 0);
	assert_memory_equal(token, c->token, sizeof(token));
	dial(w, 1, 0);
	assert_memory_not_equal(token, w->client[1].token, sizeof(token));
}

static void the_fourth_flow_is_sent_away_with_a_time_to_come_back(void **state)
{
	struct world *w = *state;
	struct overlay_supernode_stats stats;

	for (int i = 0; i < 3; i++)
		dial(w, i, 0);
	struct client *c = dial(w, 3, 0);
	assert_int_equal(c->types[0], OVERLAY_BYE);
	assert_int_equal(c->last.refusal, OVERLAY_REFUSAL_OVERLOADED);
	assert_true(c->last.retry_after_s >= 10 && c->last.retry_after_s <= 20);
	assert_true(c->closed);
	overlay_supernode_stats(w->super[0], &stats);
	assert_int_equal(stats.flows, 3);
	assert_int_equal(stats.shed, 1);
}

static void strangers_and_the_silent_are_cut_off(void **state)
{
	struct world *w = *state;

	w->client[0].silent = true;
	struct client *c = dial(w, 0, 0);
	th_run(&w->h, 10 * USEC_PER_SEC);
	assert_true(c->closed);
	c = dial(w, 1, 0);
	th_run(&w->h, 80 * USEC_PER_SEC);
	assert_false(c->closed);
	say(w, 1, &(struct overlay_message){ .type = OVERLAY_PING, .id = 4 });
	assert_int_equal(c->last.type, OVERLAY_PONG);
	assert_int_equal(c->last.id, 4);
	th_run(&w->h, 85 * USEC_PER_SEC);
	assert_false(c->closed);
	th_run(&w->h, 10 * USEC_PER_SEC);
	assert_true(c->closed);
}

static void requests_before_hello_and_nonsense_end_the_flow(void **state)
{
	struct world *w = *state;

	w->client[0].silent = true;
	struct client *c = dial(w, 0, 0);
	say(w, 0, &(struct overlay_message){ .type = OVERLAY_FIND, .id = 3 });
	assert_int_equal(c->last.refusal, OVERLAY_REFUSAL_MALFORMED);
	assert_true(c->closed);
	c = dial(w, 1, 0);
	say(w, 1, &(struct overlay_message){ .type = OVERLAY_LOGIN_OK, .certificate = STR("x") });
	assert_int_equal(c->last.type, OVERLAY_BYE);
	assert_true(c->closed);
}

static void a_record_is_taken_from_its_owner_only(void **state)
{
	struct world *w = *state;
	struct overlay_record mine, theirs;
	struct overlay_message m = { .type = OVERLAY_STORE, .id = 6, .record_n = 1 };
	struct client *c = dial(w, 0, 0);

	test_record(&mine, &c->user, 4, w->h.now);
	test_record(&theirs, &w->client[1].user, 4, w->h.now);
	m.record[0] = overlay_record_str(&mine);
	say(w, 0, &m);
	assert_int_equal(c->last.type, OVERLAY_STORED);
	assert_int_equal(c->last.replicas, 1);
	assert_int_equal(c->last.id, 6);
	m.record[0] = overlay_record_str(&theirs);
	say(w, 0, &m);
	assert_int_equal(c->last.refusal, OVERLAY_REFUSAL_NOT_YOURS);
	test_record(&mine, &c->user, 3, w->h.now);
	m.record[0] = overlay_record_str(&mine);
	say(w, 0, &m);
	assert_int_equal(c->last.refusal, OVERLAY_REFUSAL_STALE);
	m = (struct overlay_message){ .type = OVERLAY_FIND, .id = 7 };
	overlay_user_key(TEST_NETWORK, STR("alice"), m.key);
	say(w, 0, &m);
	assert_int_equal(c->last.type, OVERLAY_FOUND);
	assert_int_equal(c->last.record_n, 1);
}

static void a_flood_of_requests_is_slowed(void **state)
{
	struct world *w = *state;
	struct overlay_message m = { .type = OVERLAY_FIND, .id = 7 };
	struct client *c = dial(w, 0, 0);

	for (int i = 0; i < 41; i++) /* twice 20 at once, then no more */
		overlay_outbox_message(&c->out, 5, &m);
	th_drain(&w->h, w->client_at[0]);
	th_run(&w->h, 100 * USEC_PER_MS);
	assert_int_equal(c->last.type, OVERLAY_REFUSED);
	assert_int_equal(c->last.refusal, OVERLAY_REFUSAL_SLOW_DOWN);
	assert_true(c->last.retry_after_s > 0);
	th_run(&w->h, USEC_PER_SEC);
	say(w, 0, &m);
	assert_int_equal(c->last.type, OVERLAY_FOUND);
}

/* alice at super node 0 calls the device with `token` at super node s. */
static str invite(struct world *w, int s, const uint8_t token[OVERLAY_TOKEN_N], struct buf *b)
{
	struct overlay_point p = { .addr = addr_v4(192, 0, 2, (uint8_t)(2 + s), 5443) };

	(void)w;
	memset(p.pin, 2 + s, OVERLAY_KEY_N);
	memcpy(p.token, token, OVERLAY_TOKEN_N);
	buf_reset(b);
	buf_put(b, STR("INVITE "));
	overlay_point_write_uri(&p, STR("bob"), b);
	buf_put(b, STR(" SIP/2.0\r\nVia: SIP/2.0/TLS x.invalid;branch=z9hG4bKa1\r\nMax-Forwards: 70\r\n"
		       "From: <sip:alice@net.example>;tag=1\r\nTo: <sip:bob@net.example>\r\nCall-ID: c\r\n"
		       "CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"));
	return buf_str(b);
}

static void a_flood_of_sip_is_answered_503(void **state)
{
	struct world *w = *state;
	char text[2048];
	struct buf b;
	struct client *alice = dial(w, 0, 0), *bob = dial(w, 1, 0);

	buf_init(&b, text, sizeof(text));
	struct overlay_message m = { .type = OVERLAY_SIP, .sip = invite(w, 0, bob->token, &b) };
	for (int i = 0; i < 103; i++)
		overlay_outbox_message(&alice->out, 5, &m);
	th_drain(&w->h, w->client_at[0]);
	th_run(&w->h, 100 * USEC_PER_MS);
	assert_true(bob->sips >= 100 && bob->sips < 103);
	assert_true(str_starts(str_from(alice->sip), STR("SIP/2.0 503 ")));
	assert_non_null(strstr(alice->sip, "Retry-After: "));
}

static void the_owners_kilobits_are_not_exceeded(void **state)
{
	struct world *w = *state;
	char text[2048];
	struct buf b;
	struct client *alice = dial(w, 0, 1), *bob = dial(w, 1, 1);

	buf_init(&b, text, sizeof(text));
	struct overlay_message m = { .type = OVERLAY_SIP, .sip = invite(w, 1, bob->token, &b) };
	for (int i = 0; i < 30; i++)
		overlay_outbox_message(&alice->out, 5, &m);
	th_drain(&w->h, w->client_at[0]);
	th_run(&w->h, 100 * USEC_PER_MS);
	assert_in_range((size_t)bob->sips * m.sip.n, 4000, 5000); /* 20 kbit/s, two seconds of it at once */
	assert_true(str_starts(str_from(alice->sip), STR("SIP/2.0 503 ")));
}

static void new_device(struct world *w, struct test_user *u)
{
	struct sign_pair authority;

	test_authority(&authority);
	sign_new(&u->device, &w->rng);
	memcpy(u->certificate.device, u->device.key, OVERLAY_KEY_N);
	assert_int_equal(overlay_certificate_sign(&u->certificate, &authority), ERR_NONE);
}

static void a_user_has_so_many_devices_here_and_no_more(void **state)
{
	struct world *w = *state;

	for (int i = 1; i < 3; i++) {
		w->client[i].user = w->client[0].user;
		new_device(w, &w->client[i].user);
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(dial(w, i, 0)->last.type, OVERLAY_WELCOME);
	struct client *c = dial(w, 2, 0);
	assert_int_equal(c->last.refusal, OVERLAY_REFUSAL_OVERLOADED);
	assert_true(c->last.retry_after_s > 0);
	/* one that is known already takes its own place again */
	dial(w, 1, 0);
	assert_int_equal(w->client[1].last.type, OVERLAY_WELCOME);
}

static void a_second_hello_renews_and_changes_nobody(void **state)
{
	struct world *w = *state;
	struct sign_pair authority;
	struct client *c = dial(w, 0, 0);
	uint8_t binding[OVERLAY_BINDING_N];

	test_authority(&authority);
	memset(binding, (int)w->h.accepted, sizeof(binding));
	c->user.certificate.not_after += HOUR;
	assert_int_equal(overlay_certificate_sign(&c->user.certificate, &authority), ERR_NONE);
	hello(c, binding);
	th_drain(&w->h, w->client_at[0]);
	th_run(&w->h, USEC_PER_SEC);
	assert_int_equal(c->type_n, 2);
	assert_int_equal(c->last.type, OVERLAY_WELCOME);
	/* the same device as another user, on the same flow */
	assert_int_equal(overlay_name_parse(STR("mallory"), &c->user.certificate.name), ERR_NONE);
	assert_int_equal(overlay_certificate_sign(&c->user.certificate, &authority), ERR_NONE);
	hello(c, binding);
	th_drain(&w->h, w->client_at[0]);
	th_run(&w->h, USEC_PER_SEC);
	assert_int_equal(c->last.refusal, OVERLAY_REFUSAL_PROOF);
	assert_true(c->closed);
}

static void a_stun_request_is_answered_and_garbage_is_not(void **state)
{
	static const char request[] = "\x00\x01\x00\x00\x21\x12\xa4\x42"
				      "abcdefghijkl";
	struct world *w = *state;
	struct overlay_supernode_stats stats;
	struct host_event e = { .kind = HOST_DATAGRAM, .id = 2, .remote = addr_v4(198, 51, 100, 9, 4000) };

	e.bytes = str_of(request, sizeof(request) - 1);
	th_post(&w->h, w->super_at[0], 0, &e);
	e.bytes = STR("garbage");
	th_post(&w->h, w->super_at[0], 0, &e);
	th_run(&w->h, USEC_PER_SEC);
	assert_int_equal(w->h.sent, 1);
	overlay_supernode_stats(w->super[0], &stats);
	assert_int_equal(stats.stun_answered, 1);
}

static void a_call_crosses_from_one_super_node_to_another_and_back(void **state)
{
	struct world *w = *state;
	struct overlay_supernode_stats stats;
	char text[4096];
	struct buf b;
	struct client *alice = dial(w, 0, 0), *bob = dial(w, 1, 1);

	buf_init(&b, text, sizeof(text));
	say(w, 0, &(struct overlay_message){ .type = OVERLAY_SIP, .sip = invite(w, 1, bob->token, &b) });
	assert_int_equal(bob->sips, 1);
	overlay_supernode_stats(w->super[0], &stats);
	assert_int_equal(stats.links, 1);
	/* two Via of super nodes above alice's own */
	const char *via = strstr(bob->sip, "Via:"), *end = strstr(bob->sip, "Max-Forwards");
	buf_reset(&b);
	buf_printf(
		&b,
		"SIP/2.0 180 Ringing\r\n%.*sFrom: <sip:alice@net.example>;tag=1\r\nTo: <sip:bob@net.example>;tag=2\r\n"
		"Call-ID: c\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
		(int)(end - via), via);
	say(w, 1, &(struct overlay_message){ .type = OVERLAY_SIP, .sip = buf_str(&b) });
	assert_int_equal(alice->sips, 1);
	assert_true(str_starts(str_from(alice->sip), STR("SIP/2.0 180 Ringing\r\nVia: SIP/2.0/TLS x.invalid;")));
	/* idle for a while: the link goes, the flows (they ping) stay */
	for (int i = 0; i < 15; i++) {
		say(w, 0, &(struct overlay_message){ .type = OVERLAY_PING, .id = 1 });
		say(w, 1, &(struct overlay_message){ .type = OVERLAY_PING, .id = 1 });
		th_run(&w->h, 60 * USEC_PER_SEC);
	}
	overlay_supernode_stats(w->super[0], &stats);
	assert_int_equal(stats.links, 0);
	assert_false(alice->closed);
}

static void a_super_node_that_does_not_answer_is_480(void **state)
{
	struct world *w = *state;
	uint8_t token[OVERLAY_TOKEN_N] = { 0 };
	char text[4096];
	struct buf b;
	struct client *alice = dial(w, 0, 0);

	w->h.service[w->super_at[1]].down = true;
	buf_init(&b, text, sizeof(text));
	say(w, 0, &(struct overlay_message){ .type = OVERLAY_SIP, .sip = invite(w, 1, token, &b) });
	assert_true(str_starts(str_from(alice->sip), STR("SIP/2.0 480 ")));
	assert_non_null(strstr(alice->sip, "\r\nVia: SIP/2.0/TLS x.invalid;branch=z9hG4bKa1"));
	assert_null(strstr(alice->sip, "z9hG4bKt."));
}

#define WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD(only_a_good_certificate_with_its_device_is_welcome),
		WORLD(an_expired_certificate_is_refused_by_name),
		WORLD(the_token_of_a_device_outlives_its_stream),
		WORLD(the_fourth_flow_is_sent_away_with_a_time_to_come_back),
		WORLD(strangers_and_the_silent_are_cut_off),
		WORLD(requests_before_hello_and_nonsense_end_the_flow),
		WORLD(a_record_is_taken_from_its_owner_only),
		WORLD(a_flood_of_requests_is_slowed),
		WORLD(a_flood_of_sip_is_answered_503),
		WORLD(the_owners_kilobits_are_not_exceeded),
		WORLD(a_user_has_so_many_devices_here_and_no_more),
		WORLD(a_second_hello_renews_and_changes_nobody),
		WORLD(a_stun_request_is_answered_and_garbage_is_not),
		WORLD(a_call_crosses_from_one_super_node_to_another_and_back),
		WORLD(a_super_node_that_does_not_answer_is_480),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
