/* Streams of a driver's services, in the clear and under TLS, over the kernel's loopback. */
#include "io/test_house.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>

static void echo_streams(struct test_service *s, const struct host_event *e, usec now)
{
	struct house *h = s->data;
	(void)now;
	if (e->kind == HOST_BOUND)
		tell_port(s, e);
	if (e->kind == HOST_ACCEPTED) {
		assert_true(e->id > HOST_OWN_MAX);
		assert_int_equal(e->listener, 1);
		assert_true(addr_is_loopback(&e->remote));
		h->bound[2] = e->remote;
		memcpy(h->bound[3].ip, e->binding, 16);
	}
	if (e->kind == HOST_BYTES)
		want(s, (struct host_want){ .kind = HOST_WRITE, .id = e->id, .bytes = e->bytes });
}

#define STREAM_BYTES 300000

struct counted {
	size_t back;
	uint8_t binding[HOST_BINDING_N];
	enum err err;
	char why[200]; /* of the CLOSED, in words */
	struct host_want open;
	str write;
	bool keep; /* do not close at the end */
};

static struct counted counted;

/* Opens where told, writes at once, counts what comes back, closes, and stops at CLOSED. */
static void open_and_write(struct test_service *s, const struct host_event *e, usec now)
{
	(void)now;
	if (e->kind == HOST_TOLD) {
		struct host_want w = counted.open;
		w.kind = HOST_OPEN;
		w.id = 7;
		w.remote = LOCAL;
		w.remote.port = (uint16_t)take_message(e);
		want(s, w);
		want(s, (struct host_want){ .kind = HOST_WRITE, .id = 7, .bytes = counted.write });
	}
	if (e->kind == HOST_OPENED) {
		assert_int_equal(e->id, 7);
		memcpy(counted.binding, e->binding, sizeof(counted.binding));
	}
	if (e->kind == HOST_BYTES) {
		assert_memory_equal(e->bytes.p, counted.write.p + counted.back, e->bytes.n);
		counted.back += e->bytes.n;
		if (counted.back == counted.write.n)
			want(s, (struct host_want){ .kind = HOST_CLOSE, .id = 7 });
	}
	if (e->kind == HOST_CLOSED) {
		counted.err = e->err;
		(void)str_copy_z(e->bytes, counted.why, sizeof(counted.why));
		s->due = now + 30 * USEC_PER_MS; /* time for the other end to hear of it */
	}
}

static void echo_by(unsigned flags, struct host_want open, struct host_want listen, struct tls_credentials *one,
		    struct tls_credentials *two, struct house *h)
{
	char *bytes = malloc(STREAM_BYTES);
	assert_non_null(bytes);
	for (size_t i = 0; i < STREAM_BYTES; i++)
		bytes[i] = (char)(i * 7 + i / 251);
	counted = (struct counted){ .open = open, .write = { bytes, STREAM_BYTES } };
	setup_house(h, (struct driver_setup){ 0 });
	if (one)
		assert_int_equal(driver_tls_add(h->driver, one), 1);
	if (two)
		assert_int_equal(driver_tls_add(h->driver, two), 2);
	add(h, 0, 0, flags, echo_streams);
	add(h, 1, 1, DRIVER_LEADS, open_and_write);
	h->s[1].ticked = stop_now;
	listen.kind = HOST_LISTEN;
	listen.id = 1;
	listen.local = LOCAL;
	want(&h->s[0], listen);
	run(h);
	free(bytes);
}

static void echo_over(struct host_want open, struct host_want listen, struct tls_credentials *one,
		      struct tls_credentials *two, struct house *h)
{
	echo_by(0, open, listen, one, two, h);
}

static void bytes_written_right_after_open_come_back_and_each_stream_closes_once(void **state)
{
	struct house h;
	(void)state;
	echo_over((struct host_want){ .transport = TRANSPORT_TCP, .dscp = 24 },
		  (struct host_want){ .transport = TRANSPORT_TCP, .dscp = 24 }, NULL, NULL, &h);
	assert_int_equal(counted.back, STREAM_BYTES);
	assert_int_equal(counted.err, ERR_NONE);
	assert_int_equal(h.s[1].heard[HOST_OPENED], 1);
	assert_int_equal(h.s[1].heard[HOST_CLOSED], 1);
	assert_int_equal(h.s[0].heard[HOST_ACCEPTED], 1);
	assert_int_equal(h.s[0].heard[HOST_CLOSED], 1);
	free_house(&h);
}

static void tls_to_a_pinned_key_carries_bytes_and_binds_both_ends(void **state)
{
	struct house h;
	char pin[TLS_PIN_N + 1];
	struct tls_credentials *server = credentials(true, pin), *client = credentials(false, NULL);
	uint8_t zero[16] = { 0 };
	(void)state;
	echo_over((struct host_want){ .transport = TRANSPORT_TLS, .tls = 2, .name = str_from(pin) },
		  (struct host_want){ .transport = TRANSPORT_TLS, .tls = 1 }, server, client, &h);
	assert_int_equal(counted.back, STREAM_BYTES);
	assert_int_equal(counted.err, ERR_NONE);
	assert_int_equal(h.s[0].heard[HOST_CLOSED], 1);
	assert_int_equal(h.s[1].heard[HOST_CLOSED], 1);
	assert_memory_equal(counted.binding, h.bound[3].ip, 16);
	assert_memory_not_equal(counted.binding, zero, 16);
	free_house(&h);
	echo_by(DRIVER_UNBOUND, (struct host_want){ .transport = TRANSPORT_TLS, .tls = 2, .name = str_from(pin) },
		(struct host_want){ .transport = TRANSPORT_TLS, .tls = 1 }, server, client, &h);
	assert_int_equal(counted.back, STREAM_BYTES);
	assert_memory_equal(h.bound[3].ip, zero, 16);
	assert_memory_not_equal(counted.binding, zero, 16);
	free_house(&h);
	tls_credentials_unref(server);
	tls_credentials_unref(client);
}

static void tls_to_another_key_is_closed_as_refused_and_never_accepted(void **state)
{
	struct house h;
	char pin[TLS_PIN_N + 1];
	struct tls_credentials *server = credentials(true, pin), *client = credentials(false, NULL);
	(void)state;
	pin[10] = pin[10] == '0' ? '1' : '0';
	echo_over((struct host_want){ .transport = TRANSPORT_TLS, .tls = 2, .name = str_from(pin) },
		  (struct host_want){ .transport = TRANSPORT_TLS, .tls = 1 }, server, client, &h);
	assert_int_equal(counted.err, ERR_REFUSED);
	assert_string_equal(counted.why, "the peer's key is not the pinned one");
	assert_int_equal(h.s[1].heard[HOST_OPENED], 0);
	assert_int_equal(h.s[1].heard[HOST_CLOSED], 1);
	assert_int_equal(h.s[0].heard[HOST_ACCEPTED] + h.s[0].heard[HOST_CLOSED], 0);
	free_house(&h);
	tls_credentials_unref(server);
	tls_credentials_unref(client);
}

/* The keys that are asked for, one stream each; between the first and the second the driver gets new credentials. */
static struct {
	struct tls_credentials *next;
	char pins[2][TLS_PIN_N + 1];
	struct addr server;
	unsigned opened, echoes;
	bool first_lives;
} renewal;

static void open_by(struct test_service *s, uint32_t id, const char *pin)
{
	want(s, (struct host_want){ .kind = HOST_OPEN,
				    .id = id,
				    .transport = TRANSPORT_TLS,
				    .remote = renewal.server,
				    .tls = 2,
				    .name = str_from(pin) });
}

/* 7 by the old key; 8 by the old one again: refused; 9 by the new one; then 7 must still carry. */
static void open_across_a_renewal(struct test_service *s, const struct host_event *e, usec now)
{
	struct house *h = s->data;
	(void)now;
	if (e->kind == HOST_TOLD) {
		renewal.server = LOCAL;
		renewal.server.port = (uint16_t)take_message(e);
		open_by(s, 7, renewal.pins[0]);
	}
	if (e->kind == HOST_OPENED && e->id == 7) {
		driver_tls_replace(h->driver, 1, renewal.next);
		open_by(s, 8, renewal.pins[0]);
	}
	if (e->kind == HOST_OPENED)
		renewal.opened++;
	if (e->kind == HOST_CLOSED && e->id == 8) {
		assert_int_equal(e->err, ERR_REFUSED);
		open_by(s, 9, renewal.pins[1]);
	}
	if (e->kind == HOST_OPENED && e->id == 9)
		want(s, (struct host_want){ .kind = HOST_WRITE, .id = 7, .bytes = STR("still here") });
	if (e->kind == HOST_BYTES) {
		renewal.first_lives = e->id == 7 && str_eq(e->bytes, STR("still here"));
		test_service_stop(s);
	}
}

static void new_credentials_serve_new_streams_and_those_that_are_up_keep_theirs(void **state)
{
	struct house h;
	struct tls_credentials *old = credentials(true, renewal.pins[0]), *client = credentials(false, NULL);
	(void)state;
	renewal.next = credentials(true, renewal.pins[1]);
	setup_house(&h, (struct driver_setup){ 0 });
	assert_int_equal(driver_tls_add(h.driver, old), 1);
	assert_int_equal(driver_tls_add(h.driver, client), 2);
	driver_tls_replace(h.driver, 3, renewal.next); /* no such number: nothing happens */
	add(&h, 0, 0, 0, echo_streams);
	add(&h, 1, 1, DRIVER_LEADS, open_across_a_renewal);
	want(&h.s[0],
	     (struct host_want){ .kind = HOST_LISTEN, .id = 1, .transport = TRANSPORT_TLS, .tls = 1, .local = LOCAL });
	run(&h);
	assert_int_equal(renewal.opened, 2);
	assert_true(renewal.first_lives);
	free_house(&h);
	tls_credentials_unref(old);
	tls_credentials_unref(renewal.next);
	tls_credentials_unref(client);
}

static void tls_to_nobody_in_particular_is_refused(void **state)
{
	struct house h;
	struct tls_credentials *server = credentials(true, NULL);
	(void)state;
	echo_over((struct host_want){ .transport = TRANSPORT_TLS, .tls = 1 },
		  (struct host_want){ .transport = TRANSPORT_TLS, .tls = 1 }, server, NULL, &h);
	assert_int_equal(counted.err, ERR_REFUSED);
	assert_int_equal(h.s[1].heard[HOST_CLOSED], 1);
	free_house(&h);
	tls_credentials_unref(server);
}

static void open_where_nobody_listens(struct test_service *s, const struct host_event *e, usec now)
{
	if (e->kind == HOST_BOUND) {
		struct host_want w = { .kind = HOST_OPEN, .id = 3, .transport = TRANSPORT_TCP, .remote = e->local };
		want(s, (struct host_want){ .kind = HOST_UNBIND, .id = 1 });
		want(s, w);
		want(s, (struct host_want){ .kind = HOST_WRITE, .id = 3, .bytes = STR("too early") });
	}
	if (e->kind != HOST_CLOSED)
		return;
	if (s->heard[HOST_CLOSED] == 1) {
		/* The number is free again, and a write to what is gone says so. */
		assert_int_equal(e->err, ERR_UNREACHABLE);
		want(s, (struct host_want){ .kind = HOST_WRITE, .id = 3, .bytes = STR("too late") });
	} else if (s->heard[HOST_CLOSED] == 2) {
		assert_int_equal(e->err, ERR_CLOSED);
		want(s, (struct host_want){ .kind = HOST_OPEN, .id = 3, .transport = TRANSPORT_WSS, .remote = LOCAL });
		want(s, (struct host_want){ .kind = HOST_WRITE, .id = 3, .bytes = STR("and closed once") });
	} else {
		assert_int_equal(e->err, ERR_UNSUPPORTED);
		s->due = now + 20 * USEC_PER_MS; /* a fourth one would have come by then */
	}
}

static void a_refused_stream_closes_once_and_its_number_is_free_again(void **state)
{
	struct house h;
	(void)state;
	setup_house(&h, (struct driver_setup){ 0 });
	add(&h, 0, 0, 0, open_where_nobody_listens);
	h.s[0].ticked = stop_now;
	want(&h.s[0], (struct host_want){ .kind = HOST_LISTEN, .id = 1, .transport = TRANSPORT_TCP, .local = LOCAL });
	run(&h);
	assert_int_equal(h.s[0].heard[HOST_CLOSED], 3);
	free_house(&h);
}

static void write_much(struct test_service *s, const struct host_event *e, usec now)
{
	(void)now;
	if (e->kind == HOST_OPENED)
		s->due = now;
	if (e->kind == HOST_CLOSED) {
		assert_int_equal(e->err, ERR_FULL);
		test_service_stop(s);
	}
}

static void write_more(struct test_service *s, usec now)
{
	char bytes[10000] = { 0 };
	if (s->heard[HOST_CLOSED])
		return;
	for (int i = 0; i < 10; i++)
		want(s, (struct host_want){ .kind = HOST_WRITE, .id = 1, .bytes = { bytes, sizeof(bytes) } });
	s->due = now;
}

static void a_stream_whose_reader_sleeps_is_closed_as_full(void **state)
{
	struct house h;
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(in);
	struct addr to = LOCAL;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &n), 0);
	to.port = ntohs(in.sin_port);
	setup_house(&h, (struct driver_setup){ 0 });
	add(&h, 0, 0, 0, write_much);
	h.s[0].ticked = write_more;
	want(&h.s[0], (struct host_want){ .kind = HOST_OPEN, .id = 1, .transport = TRANSPORT_TCP, .remote = to });
	run(&h);
	assert_int_equal(h.s[0].heard[HOST_CLOSED], 1);
	free_house(&h);
	close(fd);
}

static void say_and_close(struct test_service *s, const struct host_event *e, usec now)
{
	static char bytes[200000];
	(void)now;
	if (e->kind == HOST_TOLD) {
		struct addr to = LOCAL;
		to.port = (uint16_t)take_message(e);
		want(s, (struct host_want){ .kind = HOST_OPEN, .id = 1, .transport = TRANSPORT_TCP, .remote = to });
		want(s, (struct host_want){ .kind = HOST_WRITE, .id = 1, .bytes = { bytes, sizeof(bytes) } });
		want(s, (struct host_want){ .kind = HOST_CLOSE, .id = 1 });
		test_service_stop(s);
	}
}

static void hear_to_the_end(struct test_service *s, const struct host_event *e, usec now)
{
	(void)now;
	if (e->kind == HOST_BOUND)
		tell_port(s, e);
	if (e->kind == HOST_BYTES)
		counted.back += e->bytes.n;
	if (e->kind == HOST_CLOSED) {
		counted.err = e->err;
		test_service_stop(s);
	}
}

static void what_was_written_before_close_and_stop_still_arrives(void **state)
{
	struct house h;
	(void)state;
	counted = (struct counted){ .err = ERR_STATE };
	setup_house(&h, (struct driver_setup){ 0 });
	add(&h, 0, 0, DRIVER_LEADS, hear_to_the_end);
	add(&h, 1, 1, 0, say_and_close);
	want(&h.s[0], (struct host_want){ .kind = HOST_LISTEN, .id = 1, .transport = TRANSPORT_TCP, .local = LOCAL });
	run(&h);
	assert_int_equal(counted.back, 200000);
	assert_int_equal(counted.err, ERR_NONE);
	free_house(&h);
}

/* ---- all at once ---- */

#define CROWD 600

static struct crowd {
	int fds[CROWD];
	uint16_t ports[CROWD];
	int accepted, in_turn, most;
	bool listener_ends; /* after the first of them */
	usec turn;
} crowd;

static void connect_all(const struct addr *at)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(at->port) }, own;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int i = 0; i < CROWD; i++) {
		socklen_t n = sizeof(own);
		crowd.fds[i] = socket(AF_INET, SOCK_STREAM, 0);
		assert_true(crowd.fds[i] >= 0);
		assert_int_equal(connect(crowd.fds[i], (struct sockaddr *)&to, sizeof(to)), 0);
		assert_int_equal(getsockname(crowd.fds[i], (struct sockaddr *)&own, &n), 0);
		crowd.ports[i] = ntohs(own.sin_port);
	}
}

/* Nothing but the crowd keeps the loop awake; all of a turn bear its time. */
static void meet_crowd(struct test_service *s, const struct host_event *e, usec now)
{
	if (e->kind == HOST_BOUND)
		connect_all(&e->local); /* nobody is accepted before all are there */
	if (e->kind != HOST_ACCEPTED)
		return;
	assert_int_equal(e->remote.port, crowd.ports[crowd.accepted]);
	if (crowd.listener_ends && !crowd.accepted)
		want(s, (struct host_want){ .kind = HOST_UNBIND, .id = 1 });
	crowd.in_turn = now == crowd.turn ? crowd.in_turn + 1 : 1;
	crowd.turn = now;
	crowd.most = crowd.in_turn > crowd.most ? crowd.in_turn : crowd.most;
	if (++crowd.accepted == CROWD || crowd.listener_ends)
		s->due = now + (crowd.listener_ends ? 50 * USEC_PER_MS : 0);
}

static void run_crowd(bool listener_ends)
{
	struct house h;
	crowd = (struct crowd){ .listener_ends = listener_ends };
	setup_house(&h, (struct driver_setup){ 0 });
	add(&h, 0, 0, DRIVER_LEADS, meet_crowd);
	h.s[0].ticked = stop_now;
	want(&h.s[0], (struct host_want){ .kind = HOST_LISTEN, .transport = TRANSPORT_TCP, .id = 1, .local = LOCAL });
	run(&h);
	free_house(&h);
}

static void close_crowd(void)
{
	for (int i = 0; i < CROWD; i++)
		close(crowd.fds[i]);
}

static void of_a_crowd_some_have_their_turn_at_a_time_and_who_came_first_has_it_first(void **state)
{
	(void)state;
	run_crowd(false);
	assert_int_equal(crowd.accepted, CROWD);
	assert_in_range(crowd.most, 2, 64);
	close_crowd();
}

static void who_waits_at_a_listener_that_ends_is_closed(void **state)
{
	char byte;
	(void)state;
	run_crowd(true);
	assert_in_range(crowd.accepted, 1, 64);
	for (int i = 0; i < CROWD; i++) { /* end or reset, but no silence */
		ssize_t n = recv(crowd.fds[i], &byte, 1, MSG_DONTWAIT);
		assert_true(n == 0 || (n < 0 && errno != EAGAIN));
	}
	close_crowd();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_written_right_after_open_come_back_and_each_stream_closes_once),
		cmocka_unit_test(tls_to_a_pinned_key_carries_bytes_and_binds_both_ends),
		cmocka_unit_test(tls_to_another_key_is_closed_as_refused_and_never_accepted),
		cmocka_unit_test(new_credentials_serve_new_streams_and_those_that_are_up_keep_theirs),
		cmocka_unit_test(tls_to_nobody_in_particular_is_refused),
		cmocka_unit_test(a_refused_stream_closes_once_and_its_number_is_free_again),
		cmocka_unit_test(a_stream_whose_reader_sleeps_is_closed_as_full),
		cmocka_unit_test(what_was_written_before_close_and_stop_still_arrives),
		cmocka_unit_test(of_a_crowd_some_have_their_turn_at_a_time_and_who_came_first_has_it_first),
		cmocka_unit_test(who_waits_at_a_listener_that_ends_is_closed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
