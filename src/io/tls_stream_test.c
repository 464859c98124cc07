#include "io/tls_stream.h"

#include "base/test.h"
#include "crypt/certificate.h"
#include "io/loop.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define NOW (1750000000 * USEC_PER_SEC)

static const struct tcp_setup plain;
static struct tls_credentials *server_set, *client_set;
static char pin[TLS_PIN_N + 1];
static char raw[TLS_STREAM_SCRATCH], clear[TLS_STREAM_SCRATCH];

static int setup(void **state)
{
	struct certificate *c;
	struct tls_settings s = { 0 };
	struct buf pem, key;
	enum err why;
	(void)state;
	buf_init_grow(&pem, 65536);
	buf_init_grow(&key, 65536);
	if (certificate_make(&(struct certificate_setup){ .name = STR("x"), .not_after = NOW * 2 }, &c) != ERR_NONE)
		return -1;
	certificate_write_pem(c, &pem);
	certificate_write_key_pem(c, &key);
	certificate_free(c);
	client_set = tls_credentials_new(&s, NULL, &why);
	s.certificate_pem = buf_str(&pem);
	s.key_pem = buf_str(&key);
	server_set = tls_credentials_new(&s, NULL, &why);
	buf_free(&pem);
	buf_free(&key);
	return server_set && client_set && tls_credentials_pin(server_set, pin) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	tls_credentials_unref(server_set);
	tls_credentials_unref(client_set);
	return 0;
}

/* One stream and what it said. */
struct side {
	struct tls_stream is;
	bool up, closed;
	enum err err;
	char got[64];
	size_t got_n;
};

static void drain(struct side *s, usec now)
{
	struct tls_stream_do d;
	while (tls_stream_next(&s->is, clear, now, &d)) {
		assert_false(s->closed); /* the last word is the last */
		if (d.kind == TLS_STREAM_UP) {
			assert_false(s->up);
			s->up = true;
		} else if (d.kind == TLS_STREAM_BYTES) {
			assert_true(s->up && s->got_n + d.bytes.n <= sizeof(s->got));
			memcpy(s->got + s->got_n, d.bytes.p, d.bytes.n);
			s->got_n += d.bytes.n;
		} else {
			s->closed = true;
			s->err = d.err;
		}
	}
	if (s->closed)
		tls_stream_free(&s->is); /* as its owner would: this end's FIN */
}

/* Lets the sides do what their descriptors are ready for, until nothing happens for a moment. */
static void work(struct side *a, struct side *b, usec now)
{
	struct side *sides[2] = { a, b };
	for (;;) {
		struct pollfd p[2];
		for (int i = 0; i < 2; i++) {
			unsigned wanted = sides[i] ? tls_stream_wanted(&sides[i]->is) : 0;
			p[i] = (struct pollfd){ wanted ? sides[i]->is.tcp.fd : -1, 0, 0 };
			p[i].events = (short)((wanted & LOOP_READ ? POLLIN : 0) | (wanted & LOOP_WRITE ? POLLOUT : 0));
		}
		if (poll(p, 2, 50) <= 0)
			return;
		for (int i = 0; i < 2; i++) {
			unsigned ready = (p[i].revents & (POLLIN | POLLHUP) ? LOOP_READ : 0) |
					 (p[i].revents & POLLOUT ? LOOP_WRITE : 0) |
					 (p[i].revents & POLLERR ? LOOP_ERROR : 0);
			if (p[i].fd < 0 || !ready)
				continue;
			tls_stream_ready(&sides[i]->is, ready, raw, sizeof(raw), now);
			drain(sides[i], now);
		}
	}
}

static int listen_at(struct addr *bound)
{
	struct tcp_setup s = { .local = addr_v4(127, 0, 0, 1, 0) };
	int fd;
	assert_int_equal(tcp_listen(&s, &fd, bound), ERR_NONE);
	return fd;
}

static void accept_one(int listener, struct side *s, struct tls_credentials *c)
{
	struct pollfd p = { listener, POLLIN, 0 };
	assert_int_equal(poll(&p, 1, 2000), 1);
	assert_int_equal(tls_stream_accept(&s->is, listener, &plain, c, NOW), ERR_NONE);
	drain(s, NOW);
}

/* Two ends in one process, up. */
static void connect_two(struct side *client, struct side *server, bool tls)
{
	struct addr at;
	int listener = listen_at(&at);
	memset(client, 0, sizeof(*client));
	memset(server, 0, sizeof(*server));
	tls_stream_open(&client->is, &plain, &at, tls ? client_set : NULL, str_from(pin), NOW);
	tls_stream_write(&client->is, STR("early"));
	accept_one(listener, server, tls ? server_set : NULL);
	work(client, server, NOW);
	assert_true(client->up && server->up);
	assert_str(str_of(server->got, server->got_n), "early");
	assert_true(tls_stream_due(&client->is) == USEC_NEVER);
	close(listener);
}

static void free_two(struct side *a, struct side *b)
{
	tls_stream_free(&a->is);
	tls_stream_free(&b->is);
}

static void what_was_written_early_arrives_and_a_close_ends_both_in_order(void **state)
{
	(void)state;
	for (int tls = 0; tls <= 1; tls++) {
		struct side c, s;
		connect_two(&c, &s, tls);
		tls_stream_write(&s.is, STR("bye"));
		tls_stream_close(&s.is, NOW);
		tls_stream_write(&s.is, STR("too late"));
		drain(&s, NOW);
		work(&c, &s, NOW);
		assert_str(str_of(c.got, c.got_n), "bye");
		assert_true(c.closed && s.closed);
		assert_int_equal(c.err, ERR_NONE);
		assert_int_equal(s.err, ERR_NONE);
		free_two(&c, &s);
	}
}

static void a_far_side_that_ends_without_a_word_under_tls_has_cut_us_off(void **state)
{
	struct side c, s;
	(void)state;
	connect_two(&c, &s, true);
	shutdown(s.is.tcp.fd, SHUT_WR); /* FIN without close_notify: RFC 8446 6.1 */
	work(&c, NULL, NOW);
	assert_true(c.closed);
	assert_int_equal(c.err, ERR_CLOSED);
	free_two(&c, &s);
}

static void a_handshake_longer_than_ten_seconds_is_a_timeout(void **state)
{
	struct side c = { 0 };
	struct addr at;
	(void)state;
	int listener = listen_at(&at); /* connects, and says nothing */
	tls_stream_open(&c.is, &plain, &at, client_set, str_from(pin), NOW);
	work(&c, NULL, NOW);
	assert_true(tls_stream_due(&c.is) == NOW + TLS_STREAM_UP_MAX);
	tls_stream_tick(&c.is, NOW + TLS_STREAM_UP_MAX - 1);
	drain(&c, NOW);
	assert_false(c.closed);
	tls_stream_tick(&c.is, NOW + TLS_STREAM_UP_MAX);
	drain(&c, NOW);
	assert_true(c.closed && !c.up);
	assert_int_equal(c.err, ERR_TIMEOUT);
	tls_stream_free(&c.is);
	close(listener);
}

static void what_is_no_handshake_closes_the_stream(void **state)
{
	struct side c = { 0 }, s = { 0 };
	struct addr at;
	(void)state;
	int listener = listen_at(&at);
	tls_stream_open(&c.is, &plain, &at, NULL, STR_NONE, NOW);
	accept_one(listener, &s, server_set);
	tls_stream_write(&c.is, STR("OPTIONS sip:example.org SIP/2.0\r\n\r\n"));
	work(&c, &s, NOW);
	assert_true(s.closed && !s.up);
	assert_int_equal(s.err, ERR_SYNTAX);
	free_two(&c, &s);
	close(listener);
}

static void a_far_side_that_keeps_its_end_open_is_waited_for_five_seconds(void **state)
{
	struct side c, s;
	(void)state;
	connect_two(&c, &s, false);
	tls_stream_close(&c.is, NOW);
	drain(&c, NOW);
	work(&c, NULL, NOW);
	assert_false(c.closed);
	assert_true(tls_stream_due(&c.is) == NOW + TLS_STREAM_CLOSE_MAX);
	tls_stream_tick(&c.is, NOW + TLS_STREAM_CLOSE_MAX);
	drain(&c, NOW);
	assert_true(c.closed);
	assert_int_equal(c.err, ERR_NONE);
	free_two(&c, &s);
}

static void too_much_before_it_is_up_is_full(void **state)
{
	static char much[TCP_QUEUE_MAX];
	(void)state;
	for (int tls = 0; tls <= 1; tls++) {
		struct side c = { 0 };
		struct addr at;
		int listener = listen_at(&at);
		tls_stream_open(&c.is, &plain, &at, tls ? client_set : NULL, str_from(pin), NOW);
		tls_stream_write(&c.is, str_of(much, sizeof(much)));
		drain(&c, NOW);
		assert_false(c.closed);
		tls_stream_write(&c.is, STR("x"));
		drain(&c, NOW);
		assert_true(c.closed);
		assert_int_equal(c.err, ERR_FULL);
		tls_stream_free(&c.is);
		close(listener);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_early_arrives_and_a_close_ends_both_in_order),
		cmocka_unit_test(a_far_side_that_ends_without_a_word_under_tls_has_cut_us_off),
		cmocka_unit_test(a_handshake_longer_than_ten_seconds_is_a_timeout),
		cmocka_unit_test(what_is_no_handshake_closes_the_stream),
		cmocka_unit_test(a_far_side_that_keeps_its_end_open_is_waited_for_five_seconds),
		cmocka_unit_test(too_much_before_it_is_up_is_full),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
