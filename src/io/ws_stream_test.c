#include "io/ws_stream.h"

#include "crypt/random.h"
#include "io/driver.h"
#include "io/loop.h"
#include "io/test_wire.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define SENT 5

/* A server that echoes and a client, on one thread of a driver. */
static struct pair {
	struct test_service server, client;
	struct host_want open;
	str sent[SENT];
	unsigned back;
	uint8_t binding[2][HOST_BINDING_N];
	enum err server_err, client_err;
	char heard[2000]; /* by a client that speaks plain TCP */
	size_t heard_n;
	bool hang_up; /* it hangs up once it has been answered */
} pair;

static void echo(struct test_service *s, const struct host_event *e, usec now)
{
	(void)now;
	if (e->kind == HOST_BOUND) {
		pair.open.remote = e->local;
		int *go = malloc(sizeof(*go));
		want(s, (struct host_want){ .kind = HOST_TELL, .to = 1, .message = go });
	}
	if (e->kind == HOST_ACCEPTED)
		memcpy(pair.binding[0], e->binding, HOST_BINDING_N);
	if (e->kind == HOST_BYTES)
		want(s, (struct host_want){ .kind = HOST_WRITE, .id = e->id, .bytes = e->bytes });
	if (e->kind == HOST_CLOSED)
		pair.server_err = e->err;
}

static void say(struct test_service *s, unsigned i)
{
	want(s, (struct host_want){ .kind = HOST_WRITE, .id = 7, .bytes = pair.sent[i] });
}

/* Three messages before it is up, two after. */
static void speak(struct test_service *s, const struct host_event *e, usec now)
{
	if (e->kind == HOST_TOLD) {
		free(e->message);
		pair.open.kind = HOST_OPEN;
		pair.open.id = 7;
		want(s, pair.open);
		for (unsigned i = 0; i < 3; i++)
			say(s, i);
	}
	if (e->kind == HOST_OPENED) {
		memcpy(pair.binding[1], e->binding, HOST_BINDING_N);
		say(s, 3);
		say(s, 4);
	}
	if (e->kind == HOST_BYTES && pair.open.transport == TRANSPORT_TCP) {
		assert_true(pair.heard_n + e->bytes.n < sizeof(pair.heard));
		memcpy(pair.heard + pair.heard_n, e->bytes.p, e->bytes.n);
		pair.heard_n += e->bytes.n;
		if (pair.hang_up)
			want(s, (struct host_want){ .kind = HOST_CLOSE, .id = 7 });
	} else if (e->kind == HOST_BYTES) {
		assert_true(pair.back < SENT);
		assert_int_equal(e->bytes.n, pair.sent[pair.back].n);
		assert_memory_equal(e->bytes.p, pair.sent[pair.back].p, e->bytes.n);
		if (++pair.back == SENT)
			want(s, (struct host_want){ .kind = HOST_CLOSE, .id = 7 });
	}
	if (e->kind == HOST_CLOSED) {
		pair.client_err = e->err;
		s->due = now + 30 * USEC_PER_MS; /* time for the other end to hear of it */
	}
}

static void run(struct host_want listen, struct host_want open, struct tls_credentials *one,
		struct tls_credentials *two)
{
	struct clock clock;
	clock_start(&clock);
	struct driver *d = driver_new(&(struct driver_setup){ .clock = &clock, .thread_n = 1 });
	assert_non_null(d);
	pair.open = open;
	pair.server.hear = echo;
	pair.client.hear = speak;
	pair.client.ticked = stop_now;
	if (one)
		assert_int_equal(driver_tls_add(d, one), 1);
	if (two)
		assert_int_equal(driver_tls_add(d, two), 2);
	driver_add(d, 0, &(struct host_service)TEST_SERVICE(&pair.server), 0);
	driver_add(d, 0, &(struct host_service)TEST_SERVICE(&pair.client), DRIVER_LEADS);
	listen.kind = HOST_LISTEN;
	listen.id = 1;
	listen.local = LOCAL;
	want(&pair.server, listen);
	assert_int_equal(driver_run(d), ERR_NONE);
	driver_free(d);
	test_service_free(&pair.server);
	test_service_free(&pair.client);
}

static int fresh(void **state)
{
	static char big[65535];
	(void)state;
	memset(big, 'x', sizeof(big));
	pair = (struct pair){ .server_err = ERR_STATE, .client_err = ERR_STATE };
	pair.sent[0] = STR("a");
	pair.sent[1] = str_of(big, sizeof(big));
	pair.sent[2] = STR("\r\n\r\n");
	pair.sent[3] = STR("not \xff text");
	pair.sent[4] = STR("the end");
	return 0;
}

static void each_write_arrives_as_one_message_and_both_ends_close_in_order(void **state)
{
	(void)state;
	run((struct host_want){ .transport = TRANSPORT_WS }, (struct host_want){ .transport = TRANSPORT_WS }, NULL,
	    NULL);
	assert_int_equal(pair.back, SENT);
	assert_int_equal(pair.server.heard[HOST_ACCEPTED], 1);
	assert_int_equal(pair.server.heard[HOST_BYTES], SENT);
	assert_int_equal(pair.server.heard[HOST_CLOSED], 1);
	assert_int_equal(pair.client.heard[HOST_CLOSED], 1);
	assert_int_equal(pair.server_err, ERR_NONE);
	assert_int_equal(pair.client_err, ERR_NONE);
}

static void under_tls_it_is_the_same_and_both_ends_are_bound(void **state)
{
	char pin[TLS_PIN_N + 1];
	struct tls_credentials *server = credentials(true, pin), *client = credentials(false, NULL);
	uint8_t zero[HOST_BINDING_N] = { 0 };
	(void)state;
	run((struct host_want){ .transport = TRANSPORT_WSS, .tls = 1 },
	    (struct host_want){ .transport = TRANSPORT_WSS, .tls = 2, .name = str_from(pin) }, server, client);
	assert_int_equal(pair.back, SENT);
	assert_int_equal(pair.server_err, ERR_NONE);
	assert_int_equal(pair.client_err, ERR_NONE);
	assert_memory_equal(pair.binding[0], pair.binding[1], HOST_BINDING_N);
	assert_memory_not_equal(pair.binding[0], zero, HOST_BINDING_N);
	tls_credentials_unref(server);
	tls_credentials_unref(client);
}

static void a_listener_without_its_credentials_fails(void **state)
{
	struct test_service *s = &pair.server;
	struct clock clock;
	(void)state;
	clock_start(&clock);
	struct driver *d = driver_new(&(struct driver_setup){ .clock = &clock, .thread_n = 1 });
	s->due = 1;
	s->ticked = stop_now;
	driver_add(d, 0, &(struct host_service)TEST_SERVICE(s), DRIVER_LEADS);
	want(s, (struct host_want){ .kind = HOST_LISTEN, .id = 1, .local = LOCAL, .transport = TRANSPORT_WSS });
	assert_int_equal(driver_run(d), ERR_NONE);
	assert_int_equal(s->heard[HOST_FAILED], 1);
	driver_free(d);
	test_service_free(s);
}

static void who_speaks_no_websocket_is_told_so_and_never_heard_of(void **state)
{
	(void)state;
	pair.sent[0] = STR("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	pair.sent[1] = pair.sent[2] = pair.sent[3] = pair.sent[4] = STR(" ");
	run((struct host_want){ .transport = TRANSPORT_WS }, (struct host_want){ .transport = TRANSPORT_TCP }, NULL,
	    NULL);
	assert_true(str_starts(str_of(pair.heard, pair.heard_n), STR("HTTP/1.1 400 ")));
	assert_int_equal(pair.server.heard[HOST_ACCEPTED] + pair.server.heard[HOST_CLOSED], 0);
	assert_int_equal(pair.client_err, ERR_NONE);
}

#define SHAKE                                                                                                          \
	"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                                   \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\nSec-WebSocket-Version: 13"      \
	"\r\n\r\n"

static void who_hangs_up_without_a_close_is_closed_as_cut_off(void **state)
{
	(void)state;
	pair.sent[0] = STR(SHAKE);
	for (unsigned i = 1; i < SENT; i++)
		pair.sent[i] = STR("\x81"); /* the beginning of a frame, and more of it */
	pair.sent[2] = STR("\xfe");
	pair.hang_up = true;
	run((struct host_want){ .transport = TRANSPORT_WS }, (struct host_want){ .transport = TRANSPORT_TCP }, NULL,
	    NULL);
	assert_true(str_starts(str_of(pair.heard, pair.heard_n), STR("HTTP/1.1 101 ")));
	assert_int_equal(pair.server.heard[HOST_ACCEPTED], 1);
	assert_int_equal(pair.server.heard[HOST_BYTES], 0);
	assert_int_equal(pair.server.heard[HOST_CLOSED], 1);
	assert_int_equal(pair.server_err, ERR_CLOSED);
}

static void a_message_above_the_bound_ends_the_stream(void **state)
{
	static char big[65536];
	(void)state;
	pair.sent[1] = str_of(big, sizeof(big));
	run((struct host_want){ .transport = TRANSPORT_WS }, (struct host_want){ .transport = TRANSPORT_WS }, NULL,
	    NULL);
	assert_int_equal(pair.back, 1); /* what came before it was heard */
	assert_int_equal(pair.server_err, ERR_LIMIT);
	assert_int_equal(pair.server.heard[HOST_CLOSED], 1);
	assert_int_equal(pair.client.heard[HOST_CLOSED], 1);
}

/* ---- time: one stream by hand, its clock ours */

struct hand {
	int listener, fd;
	struct tls_stream below;
	struct ws_stream is;
	struct rng rng;
	usec now;
	char raw[TLS_STREAM_SCRATCH], clear[TLS_STREAM_SCRATCH];
};

static struct tls_stream_do step(struct hand *h, unsigned ready)
{
	struct tls_stream_do d = { 0 }, last = { 0 };
	tls_stream_ready(&h->below, ready, h->raw, sizeof(h->raw), h->now);
	while (ws_stream_next(&h->is, &h->below, h->clear, h->now, &d))
		last = d;
	return last;
}

static struct tls_stream_do hear(struct hand *h)
{
	assert_int_equal(poll(&(struct pollfd){ .fd = h->below.tcp.fd, .events = POLLIN }, 1, 5000), 1);
	return step(h, LOOP_READ);
}

static void accept_by_hand(struct hand *h)
{
	struct addr at;
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	*h = (struct hand){ .now = 1000 * USEC_PER_SEC };
	random_stream(&h->rng);
	assert_int_equal(tcp_listen(&(struct tcp_setup){ .local = LOCAL }, &h->listener, &at), ERR_NONE);
	in.sin_port = htons(at.port);
	h->fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(h->fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(poll(&(struct pollfd){ .fd = h->listener, .events = POLLIN }, 1, 5000), 1);
	assert_int_equal(tls_stream_accept(&h->below, h->listener, &(struct tcp_setup){ 0 }, NULL, h->now), ERR_NONE);
	ws_stream_start(&h->is, STR_NONE, &h->rng);
	assert_int_equal(step(h, 0).kind, 0); /* the stream below is up: nobody is told */
}

static void end_by_hand(struct hand *h)
{
	ws_stream_free(&h->is);
	tls_stream_free(&h->below);
	close(h->fd);
	close(h->listener);
}

static void pass(struct hand *h, usec span)
{
	h->now += span;
	ws_stream_tick(&h->is, &h->below, h->now);
}

static void a_handshake_that_never_comes_is_given_up(void **state)
{
	static struct hand h;
	(void)state;
	accept_by_hand(&h);
	assert_int_equal(ws_stream_due(&h.is, &h.below), h.now + 10 * USEC_PER_SEC);
	pass(&h, 10 * USEC_PER_SEC);
	struct tls_stream_do d = step(&h, 0);
	if (!d.kind) { /* our FIN is out; the far side's may take its time, but not for ever */
		pass(&h, TLS_STREAM_CLOSE_MAX);
		d = step(&h, 0);
	}
	assert_int_equal(d.kind, TLS_STREAM_CLOSED);
	assert_int_equal(d.err, ERR_TIMEOUT);
	end_by_hand(&h);
}

static void a_silent_far_side_is_pinged_and_then_given_up(void **state)
{
	static struct hand h;
	static const unsigned char pong[] = { 0x8a, 0x80, 0, 0, 0, 0 };
	char bytes[500];
	(void)state;
	accept_by_hand(&h);
	assert_int_equal(send(h.fd, SHAKE, sizeof(SHAKE) - 1, 0), sizeof(SHAKE) - 1);
	assert_int_equal(hear(&h).kind, TLS_STREAM_UP);
	assert_true(recv(h.fd, bytes, sizeof(bytes), 0) > 100);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ws_stream_due(&h.is, &h.below), h.now + 60 * USEC_PER_SEC);
		pass(&h, 60 * USEC_PER_SEC);
		assert_int_equal(step(&h, 0).kind, 0);
		assert_int_equal(recv(h.fd, bytes, sizeof(bytes), 0), 2);
		assert_memory_equal(bytes, "\x89\x00", 2);
		assert_int_equal(ws_stream_due(&h.is, &h.below), h.now + 30 * USEC_PER_SEC);
		if (i == 1)
			break;
		assert_int_equal(send(h.fd, pong, sizeof(pong), 0), sizeof(pong));
		assert_int_equal(hear(&h).kind, 0);
	}
	pass(&h, 30 * USEC_PER_SEC);
	struct tls_stream_do d = step(&h, 0);
	assert_int_equal(d.kind, TLS_STREAM_CLOSED);
	assert_int_equal(d.err, ERR_TIMEOUT);
	end_by_hand(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_write_arrives_as_one_message_and_both_ends_close_in_order, fresh),
		cmocka_unit_test_setup(under_tls_it_is_the_same_and_both_ends_are_bound, fresh),
		cmocka_unit_test_setup(a_listener_without_its_credentials_fails, fresh),
		cmocka_unit_test_setup(who_speaks_no_websocket_is_told_so_and_never_heard_of, fresh),
		cmocka_unit_test_setup(who_hangs_up_without_a_close_is_closed_as_cut_off, fresh),
		cmocka_unit_test_setup(a_message_above_the_bound_ends_the_stream, fresh),
		cmocka_unit_test(a_handshake_that_never_comes_is_given_up),
		cmocka_unit_test(a_silent_far_side_is_pinged_and_then_given_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
