#include "net/ws.h"

#include "base/buf.h"
#include "base/test.h"

#define NOW ((usec)1000)

static struct rng rng;
static struct ws *server, *client;

static const struct ws_settings settings = { .protocol = STR_INIT("sip"), .message_max = 70000, .rng = &rng };

/* Feeds what `from` wants sent into `to` in pieces of `step` bytes; returns the last thing that was not WS_SEND. */
static bool pump(struct ws *from, struct ws *to, size_t step, struct ws_do *other)
{
	struct ws_do d;
	bool seen = false;

	while (ws_next(from, &d)) {
		if (d.kind != WS_SEND) {
			*other = d;
			seen = true;
			if (d.kind == WS_MESSAGE || d.kind == WS_READY)
				return true;
			continue;
		}
		for (size_t at = 0; at < d.bytes.n; at += step)
			ws_recv(to, str_head(str_skip(d.bytes, at), step));
	}
	return seen;
}

static void open_both(size_t step)
{
	struct ws_do d;

	rng_seeded(&rng, 3);
	server = ws_accept(&settings, NOW);
	client = ws_connect(&settings, STR("example.org"), STR("/sip"), NOW);
	assert_false(pump(client, server, step, &d));
	while (pump(server, client, step, &d) && d.kind == WS_READY)
		assert_str(d.path, "/sip");
	assert_true(pump(client, server, step, &d));
	assert_int_equal(d.kind, WS_READY);
}

static void close_both(void)
{
	ws_free(server);
	ws_free(client);
}

static void messages_pass_both_ways_in_any_pieces(void **state)
{
	static char big[70000];
	struct ws_do d = { 0 };

	(void)state;
	memset(big, 'x', sizeof(big));
	for (size_t step = 1; step < 100000; step = step * 7 + 3) {
		open_both(step);
		static const size_t sizes[] = { 0, 1, 125, 126, 65535, 65536, 70000 };
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			assert_int_equal(ws_send(client, str_of(big, sizes[i]), true), ERR_NONE);
			assert_false(pump(client, server, step, &d));
			assert_true(pump(server, client, step, &d));
			assert_int_equal(d.kind, WS_MESSAGE);
			assert_true(d.text);
			assert_int_equal(d.bytes.n, sizes[i]);
			assert_int_equal(ws_send(server, str_of(big, sizes[i]), false), ERR_NONE);
			assert_false(pump(server, client, step, &d));
			assert_true(pump(client, server, step, &d));
			assert_false(d.text);
			assert_int_equal(d.bytes.n, sizes[i]);
		}
		close_both();
	}
}

/* The handshake of RFC 6455 1.2, with its very key and answer. */
static void the_example_of_the_rfc_is_answered_as_printed(void **state)
{
	static const struct ws_settings chat = { .protocol = STR_INIT("chat") };
	struct ws *w = ws_accept(&chat, NOW);
	struct ws_do d;

	(void)state;
	ws_recv(w, STR("GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://example.com\r\n"
		       "Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n"
		       "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58")); /* 5.7: a masked "Hello" */
	assert_true(ws_next(w, &d));
	assert_int_equal(d.kind, WS_SEND);
	assert_true(str_find(d.bytes, STR("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n")) < d.bytes.n);
	assert_true(str_find(d.bytes, STR("Sec-WebSocket-Protocol: chat\r\n")) < d.bytes.n);
	assert_true(ws_next(w, &d));
	assert_int_equal(d.kind, WS_READY);
	assert_str(d.origin, "http://example.com");
	assert_true(ws_next(w, &d));
	assert_int_equal(d.kind, WS_MESSAGE);
	assert_str(d.bytes, "Hello");
	assert_false(ws_next(w, &d));
	ws_free(w);
}

static enum err refused(const char *request, const char *answer)
{
	struct ws *w = ws_accept(&settings, NOW);
	struct ws_do d;
	enum err err = ERR_NONE;

	ws_recv(w, str_from(request));
	while (ws_next(w, &d)) {
		if (d.kind == WS_SEND)
			assert_true(str_starts(d.bytes, str_from(answer)));
		if (d.kind == WS_CLOSED)
			err = d.err;
	}
	ws_free(w);
	return err;
}

static void what_is_no_websocket_of_ours_is_refused(void **state)
{
	(void)state;
	assert_int_equal(refused("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400"), ERR_SYNTAX);
	assert_int_equal(refused("POST / HTTP/1.1\r\n\r\n", "HTTP/1.1 400"), ERR_SYNTAX);
	assert_int_equal(refused("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
				 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 8\r\n\r\n",
				 "HTTP/1.1 426"),
			 ERR_UNSUPPORTED);
	assert_int_equal(
		refused("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
			"Sec-WebSocket-Protocol: xmpp\r\n\r\n",
			"HTTP/1.1 400"),
		ERR_UNSUPPORTED);
	char *flood = test_malloc(20001);
	memset(flood, 'a', 20000);
	flood[20000] = '\0';
	assert_int_equal(refused(flood, ""), ERR_LIMIT);
	test_free(flood);
}

/* Sends raw frames to an open server; the code of the close it says, 0 for none. */
static unsigned broken(str frames)
{
	struct ws_do d;
	unsigned code = 0;

	open_both(1000);
	ws_recv(server, frames);
	while (ws_next(server, &d))
		if (d.kind == WS_SEND && (unsigned char)d.bytes.p[0] == 0x88 && d.bytes.n == 4)
			code = (unsigned)((unsigned char)d.bytes.p[2] << 8 | (unsigned char)d.bytes.p[3]);
	close_both();
	return code;
}

static void broken_frames_end_it_with_the_right_code(void **state)
{
	(void)state;
	assert_int_equal(broken(STR("\x81\x05Hello")), 1002);                        /* not masked */
	assert_int_equal(broken(STR("\xc1\x81\0\0\0\0a")), 1002);                    /* reserved bit */
	assert_int_equal(broken(STR("\x83\x80\0\0\0\0")), 1002);                     /* unknown opcode */
	assert_int_equal(broken(STR("\x80\x81\0\0\0\0a")), 1002);                    /* continues nothing */
	assert_int_equal(broken(STR("\x09\x80\0\0\0\0")), 1002);                     /* a ping in pieces */
	assert_int_equal(broken(STR("\x81\xfe\0\x05\0\0\0\0Hello")), 1002);          /* not the shortest length */
	assert_int_equal(broken(STR("\x81\xff\0\0\0\0\0\1\x11\x71\0\0\0\0")), 1009); /* 70001 bytes */
	assert_int_equal(broken(STR("\x81\x82\0\0\0\0\xc0\x80")), 1007);             /* no UTF-8 */
	assert_int_equal(broken(STR("\x88\x81\0\0\0\0a")), 1002);                    /* a close code of one byte */
	assert_int_equal(broken(STR("\x88\x82\0\0\0\0\x03\xe9")), 1001);             /* echoed */
}

static void fragments_are_put_together_around_a_ping(void **state)
{
	struct ws_do d;
	bool pong = false, whole = false;

	(void)state;
	open_both(1000);
	ws_recv(server, STR("\x01\x83\0\0\0\0Hel\x89\x81\0\0\0\0p\x80\x82\0\0\0\0lo"));
	while (ws_next(server, &d)) {
		pong |= d.kind == WS_SEND && str_eq(d.bytes, STR("\x8a\x01p"));
		whole |= d.kind == WS_MESSAGE && str_eq(d.bytes, STR("Hello"));
	}
	assert_true(pong && whole);
	close_both();
}

static void closing_is_agreed_on_or_cut_off(void **state)
{
	struct ws_do d;

	(void)state;
	open_both(1000);
	ws_close(client, 1000, NOW);
	assert_int_equal(ws_send(client, STR("late"), true), ERR_STATE);
	(void)pump(client, server, 1000, &d);
	assert_true(pump(server, client, 1000, &d));
	assert_int_equal(d.kind, WS_CLOSED);
	assert_int_equal(d.code, 1000);
	assert_true(pump(client, server, 1000, &d));
	assert_int_equal(d.kind, WS_CLOSED);
	assert_int_equal(d.err, ERR_NONE);
	close_both();
	open_both(1000);
	ws_close(client, 1000, NOW);
	while (ws_next(client, &d))
		;
	assert_true(ws_due(client) == NOW + 5 * USEC_PER_SEC);
	ws_tick(client, ws_due(client));
	assert_true(ws_next(client, &d));
	assert_int_equal(d.kind, WS_CLOSED);
	close_both();
}

static void a_handshake_that_dawdles_is_cut_off(void **state)
{
	struct ws *w = ws_accept(&settings, NOW);
	struct ws_do d;

	(void)state;
	ws_recv(w, STR("GET / HT"));
	assert_false(ws_next(w, &d));
	ws_tick(w, ws_due(w) - 1);
	assert_false(ws_next(w, &d));
	ws_tick(w, ws_due(w));
	assert_true(ws_next(w, &d));
	assert_int_equal(d.err, ERR_TIMEOUT);
	ws_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_pass_both_ways_in_any_pieces),
		cmocka_unit_test(the_example_of_the_rfc_is_answered_as_printed),
		cmocka_unit_test(what_is_no_websocket_of_ours_is_refused),
		cmocka_unit_test(broken_frames_end_it_with_the_right_code),
		cmocka_unit_test(fragments_are_put_together_around_a_ping),
		cmocka_unit_test(closing_is_agreed_on_or_cut_off),
		cmocka_unit_test(a_handshake_that_dawdles_is_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
