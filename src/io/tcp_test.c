#include "io/tcp.h"

#include "base/test.h"
#include "io/loop.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOCAL addr_v4(127, 0, 0, 1, 0)

static const struct tcp_setup plain = { .dscp = 24 };

static int listen_at(struct addr *bound)
{
	struct tcp_setup s = { .local = LOCAL };
	int fd;
	assert_int_equal(tcp_listen(&s, &fd, bound), ERR_NONE);
	return fd;
}

static void wait_for(int fd, short what)
{
	struct pollfd p = { fd, what, 0 };
	assert_int_equal(poll(&p, 1, 2000), 1);
}

static void connect_both(int listener, const struct addr *at, struct tcp *client, struct tcp *server)
{
	assert_int_equal(tcp_open(client, &plain, at), ERR_NONE);
	assert_int_equal(tcp_wanted(client), LOOP_WRITE);
	wait_for(client->fd, POLLOUT);
	assert_int_equal(tcp_connected(client), ERR_NONE);
	wait_for(listener, POLLIN);
	assert_int_equal(tcp_accept(listener, &plain, server), ERR_NONE);
	assert_true(addr_eq(&client->local, &server->remote));
	assert_true(addr_eq(&client->remote, &server->local));
	assert_int_equal(tcp_wanted(client), LOOP_READ);
}

static void bytes_written_before_the_connection_are_sent_after_it(void **state)
{
	struct addr at;
	struct tcp c, s;
	char got[16];
	size_t n;
	(void)state;
	int listener = listen_at(&at);
	assert_int_equal(tcp_accept(listener, &plain, &s), ERR_ABSENT);
	assert_int_equal(tcp_open(&c, &plain, &at), ERR_NONE);
	assert_int_equal(tcp_write(&c, STR("early")), ERR_NONE);
	wait_for(c.fd, POLLOUT);
	assert_int_equal(tcp_connected(&c), ERR_NONE);
	assert_int_equal(tcp_flush(&c), ERR_NONE);
	wait_for(listener, POLLIN);
	assert_int_equal(tcp_accept(listener, &plain, &s), ERR_NONE);
	wait_for(s.fd, POLLIN);
	assert_int_equal(tcp_read(&s, got, sizeof(got), &n), ERR_NONE);
	assert_str(str_of(got, n), "early");
	assert_int_equal(tcp_read(&s, got, sizeof(got), &n), ERR_MORE);
	tcp_close(&c);
	wait_for(s.fd, POLLIN);
	assert_int_equal(tcp_read(&s, got, sizeof(got), &n), ERR_NONE);
	assert_int_equal(n, 0);
	tcp_close(&s);
	tcp_close(&s);
	close(listener);
}

static void the_queue_has_a_bound_and_drains(void **state)
{
	static char block[100000], room[1 << 16];
	struct addr at;
	struct tcp c, s;
	size_t wrote = 0, got = 0, n;
	enum err err;
	(void)state;
	int listener = listen_at(&at);
	connect_both(listener, &at, &c, &s);
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (char)(i % 251);
	while ((err = tcp_write(&c, str_of(block, sizeof(block)))) == ERR_NONE)
		wrote += sizeof(block);
	assert_int_equal(err, ERR_FULL);
	assert_int_equal(tcp_wanted(&c), LOOP_READ | LOOP_WRITE);
	assert_int_equal(tcp_flush(&c), ERR_MORE);
	while (got < wrote) {
		err = tcp_read(&s, room, sizeof(room), &n);
		assert_true(err == ERR_NONE || err == ERR_MORE);
		for (size_t i = 0; err == ERR_NONE && i < n; i++)
			assert_int_equal(room[i], (char)((got + i) % sizeof(block) % 251));
		got += err == ERR_NONE ? n : 0;
		err = tcp_flush(&c);
		assert_true(err == ERR_NONE || err == ERR_MORE);
	}
	assert_int_equal(got, wrote);
	assert_int_equal(tcp_wanted(&c), LOOP_READ);
	tcp_close(&c);
	tcp_close(&s);
	close(listener);
}

static void nobody_there_is_unreachable_and_a_reset_is_closed(void **state)
{
	struct linger at_once = { 1, 0 };
	struct addr at;
	struct tcp c, s;
	char got[4];
	size_t n;
	(void)state;
	int listener = listen_at(&at);
	connect_both(listener, &at, &c, &s);
	setsockopt(s.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	tcp_close(&s);
	wait_for(c.fd, POLLIN);
	assert_int_equal(tcp_read(&c, got, sizeof(got), &n), ERR_CLOSED);
	assert_int_equal(tcp_write(&c, STR("x")), ERR_CLOSED);
	tcp_close(&c);
	close(listener);
	enum err err = tcp_open(&c, &plain, &at);
	if (err == ERR_NONE) {
		wait_for(c.fd, POLLOUT);
		err = tcp_connected(&c);
		tcp_close(&c);
	}
	assert_int_equal(err, ERR_UNREACHABLE);
}

/* Nobody accepts meanwhile. */
#define CROWD 1500

static void a_crowd_finds_room_before_it_is_accepted(void **state)
{
	static struct tcp clients[CROWD], one;
	char text[20] = "";
	struct addr at;
	(void)state;
	FILE *f = fopen("/proc/sys/net/core/somaxconn", "r");
	bool has_room = f && fgets(text, sizeof(text), f) && atoi(text) >= CROWD;
	if (f)
		fclose(f);
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	if (!has_room || limit.rlim_max < CROWD + 100)
		skip();
	int listener = listen_at(&at);
	for (int i = 0; i < CROWD; i++)
		assert_int_equal(tcp_open(&clients[i], &plain, &at), ERR_NONE);
	for (int i = 0; i < CROWD; i++) {
		struct pollfd p = { clients[i].fd, POLLOUT, 0 };
		assert_int_equal(poll(&p, 1, 100), 1);
		assert_int_equal(tcp_connected(&clients[i]), ERR_NONE);
	}
	for (int i = 0; i < CROWD; i++) {
		assert_int_equal(tcp_accept(listener, &plain, &one), ERR_NONE);
		tcp_close(&one);
		tcp_close(&clients[i]);
	}
	assert_int_equal(tcp_accept(listener, &plain, &one), ERR_ABSENT);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_written_before_the_connection_are_sent_after_it),
		cmocka_unit_test(the_queue_has_a_bound_and_drains),
		cmocka_unit_test(nobody_there_is_unreachable_and_a_reset_is_closed),
		cmocka_unit_test(a_crowd_finds_room_before_it_is_accepted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
