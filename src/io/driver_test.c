#include "io/driver.h"

#include "base/test.h"
#include "base/test_service.h"
#include "crypt/certificate.h"
#include "io/thread.h"
#include "net/tls.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#define SERVICES 4

/* A driver with a few services, run until it ends; at most `seconds`, watched by a thread. */
struct house {
	struct clock clock;
	struct driver *driver;
	struct test_service s[SERVICES];
	struct addr bound[SERVICES]; /* of the last BOUND each heard */
	atomic_bool done;
	bool late;
};

static void setup_house(struct house *h, struct driver_setup setup)
{
	memset(h, 0, sizeof(*h));
	clock_start(&h->clock);
	setup.clock = &h->clock;
	if (!setup.thread_n)
		setup.thread_n = 2;
	h->driver = driver_new(&setup);
	assert_non_null(h->driver);
	for (size_t i = 0; i < SERVICES; i++)
		h->s[i].data = h;
}

static void add(struct house *h, unsigned i, unsigned thread, unsigned flags,
		void (*hear)(struct test_service *, const struct host_event *, usec))
{
	h->s[i].hear = hear;
	assert_int_equal(driver_add(h->driver, thread, &(struct host_service)TEST_SERVICE(&h->s[i]), flags), i);
}

static void watch(void *arg)
{
	struct house *h = arg;
	for (int i = 0; i < 2000 && !atomic_load(&h->done); i++)
		usleep(10000);
	if (!atomic_load(&h->done)) {
		h->late = true;
		driver_stop(h->driver);
		driver_stop(h->driver);
	}
}

static void run(struct house *h)
{
	struct thread watcher;
	assert_int_equal(thread_start(&watcher, "watch", watch, h), ERR_NONE);
	enum err err = driver_run(h->driver);
	atomic_store(&h->done, true);
	thread_join(&watcher);
	assert_int_equal(err, ERR_NONE);
	assert_false(h->late);
}

static void free_house(struct house *h)
{
	driver_free(h->driver);
	for (size_t i = 0; i < SERVICES; i++)
		test_service_free(&h->s[i]);
}

#define LOCAL addr_v4(127, 0, 0, 1, 0)

static void want(struct test_service *s, struct host_want w)
{
	test_service_want(s, w);
}

static void tell(struct test_service *s, uint32_t to, int value)
{
	int *p = malloc(sizeof(*p));
	assert_non_null(p);
	*p = value;
	want(s, (struct host_want){ .kind = HOST_TELL, .to = to, .message = p });
}

/* Sends the client (service 1) where the server (service 0) is bound. */
static void tell_port(struct test_service *s, const struct host_event *e)
{
	tell(s, 1, e->local.port);
}

static int take_message(const struct host_event *e)
{
	int value = *(int *)e->message;
	free(e->message);
	return value;
}

/* ---- UDP */

static void echo_datagrams(struct test_service *s, const struct host_event *e, usec now)
{
	(void)now;
	if (e->kind == HOST_BOUND)
		tell_port(s, e);
	if (e->kind == HOST_DATAGRAM)
		want(s, (struct host_want){ .kind = HOST_SEND, .id = e->id, .remote = e->remote, .bytes = e->bytes });
}

#define DATAGRAMS 10000
#define WINDOW    16

static void send_many(struct test_service *s, const struct host_event *e, usec now)
{
	struct house *h = s->data;
	struct addr to = LOCAL;
	int n = e->kind == HOST_TOLD ? WINDOW : 1;
	(void)now;
	if (e->kind == HOST_TOLD)
		h->bound[0].port = (uint16_t)take_message(e);
	if (e->kind != HOST_TOLD && e->kind != HOST_DATAGRAM)
		return;
	if (e->kind == HOST_DATAGRAM) {
		assert_int_equal(e->bytes.n, 700);
		assert_int_equal(e->remote.port, h->bound[0].port);
		assert_true(addr_is_loopback(&e->local));
	}
	if (s->heard[HOST_DATAGRAM] == DATAGRAMS)
		test_service_stop(s);
	to.port = h->bound[0].port;
	for (int i = 0; i < n; i++) {
		char bytes[700] = "x";
		want(s, (struct host_want){ .kind = HOST_SEND, .id = 5, .remote = to, .bytes = { bytes, 700 } });
	}
}

static void ten_thousand_datagrams_go_and_come_between_two_threads(void **state)
{
	struct house h;
	(void)state;
	setup_house(&h, (struct driver_setup){ 0 });
	add(&h, 0, 0, 0, echo_datagrams);
	add(&h, 1, 1, DRIVER_LEADS, send_many);
	want(&h.s[0], (struct host_want){ .kind = HOST_BIND, .id = 1, .local = addr_v4(0, 0, 0, 0, 0), .dscp = 46 });
	want(&h.s[1], (struct host_want){ .kind = HOST_BIND, .id = 5, .local = addr_v4(0, 0, 0, 0, 0) });
	run(&h);
	assert_true(h.s[0].heard[HOST_DATAGRAM] >= DATAGRAMS);
	assert_int_equal(h.s[0].heard[HOST_STOPPING], 1);
	free_house(&h);
}

static void hear_nobody(struct test_service *s, const struct host_event *e, usec now)
{
	(void)now;
	if (e->kind == HOST_BOUND && e->id == 1) {
		struct addr to = e->local; /* its own port will be free in a moment: nobody is there */
		want(s, (struct host_want){ .kind = HOST_UNBIND, .id = 1 });
		want(s, (struct host_want){ .kind = HOST_SEND, .id = 2, .remote = to, .bytes = STR("hello?") });
	}
	if (e->kind == HOST_UNREACHABLE) {
		assert_int_equal(e->id, 2);
		assert_true(addr_is_loopback(&e->remote));
		/* The socket lives on. */
		struct addr to = e->local;
		want(s, (struct host_want){ .kind = HOST_SEND, .id = 2, .remote = to, .bytes = STR("me") });
	}
	if (e->kind == HOST_DATAGRAM)
		test_service_stop(s);
}

static void a_refused_datagram_comes_back_as_unreachable_and_the_socket_lives_on(void **state)
{
	struct house h;
	(void)state;
	setup_house(&h, (struct driver_setup){ 0 });
	add(&h, 0, 0, 0, hear_nobody);
	want(&h.s[0], (struct host_want){ .kind = HOST_BIND, .id = 2, .local = LOCAL });
	want(&h.s[0], (struct host_want){ .kind = HOST_BIND, .id = 1, .local = LOCAL });
	run(&h);
	assert_int_equal(h.s[0].heard[HOST_UNREACHABLE], 1);
	assert_int_equal(h.s[0].heard[HOST_DATAGRAM], 1);
	free_house(&h);
}

static void bind_again(struct test_service *s, const struct host_event *e, usec now)
{
	(void)now;
	if (e->kind == HOST_BOUND && e->id == 1)
		want(s, (struct host_want){ .kind = HOST_BIND, .id = 2, .local = e->local });
	if (e->kind == HOST_FAILED) {
		assert_int_equal(e->id, 2);
		assert_int_equal(e->err, ERR_EXISTS);
		test_service_stop(s);
	}
}

static void an_address_in_use_fails(void **state)
{
	struct house h;
	(void)state;
	setup_house(&h, (struct driver_setup){ 0 });
	add(&h, 0, 0, 0, bind_again);
	want(&h.s[0], (struct host_want){ .kind = HOST_BIND, .id = 1, .local = LOCAL });
	run(&h);
	assert_int_equal(h.s[0].heard[HOST_FAILED], 1);
	free_house(&h);
}

/* Services 0 and 1 share the port that service 2 found free. */
static void share(struct test_service *s, const struct host_event *e, usec now)
{
	struct house *h = s->data;
	(void)now;
	if (s == &h->s[2] && e->kind == HOST_BOUND) {
		want(s, (struct host_want){ .kind = HOST_UNBIND, .id = 1 });
		tell(s, 0, e->local.port);
		tell(s, 1, e->local.port);
	} else if (e->kind == HOST_TOLD) {
		struct addr a = LOCAL;
		a.port = (uint16_t)take_message(e);
		want(s, (struct host_want){ .kind = HOST_BIND, .id = 1, .local = a });
		want(s, (struct host_want){ .kind = HOST_LISTEN, .id = 2, .transport = TRANSPORT_TCP, .local = a });
	} else if (e->kind == HOST_BOUND || e->kind == HOST_FAILED) {
		if (s->heard[HOST_BOUND] + s->heard[HOST_FAILED] == 2)
			test_service_stop(s);
	}
}

static void workers_share_a_port(void **state)
{
	struct house h;
	(void)state;
	setup_house(&h, (struct driver_setup){ 0 });
	add(&h, 0, 0, DRIVER_SHARES | DRIVER_LEADS, share);
	add(&h, 1, 1, DRIVER_SHARES | DRIVER_LEADS, share);
	add(&h, 2, 0, 0, share);
	want(&h.s[2], (struct host_want){ .kind = HOST_BIND, .id = 1, .local = LOCAL });
	run(&h);
	assert_int_equal(h.s[0].heard[HOST_FAILED] + h.s[1].heard[HOST_FAILED], 0);
	free_house(&h);
}

static void take_foreign(struct test_service *s, const struct host_event *e, usec now)
{
	(void)now;
	assert_int_equal(e->kind, HOST_FAILED);
	assert_int_equal(e->err, ERR_EXISTS);
	test_service_stop(s);
}

static void sharing_takes_no_port_from_another_program(void **state)
{
	struct house h;
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(in);
	int one = 1, fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct addr a = LOCAL;
	(void)state;
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &n), 0);
	a.port = ntohs(in.sin_port);
	setup_house(&h, (struct driver_setup){ 0 });
	add(&h, 0, 0, DRIVER_SHARES, take_foreign);
	want(&h.s[0], (struct host_want){ .kind = HOST_BIND, .id = 1, .local = a });
	run(&h);
	free_house(&h);
	close(fd);
}

/* ---- streams */

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

static void stop_now(struct test_service *s, usec now)
{
	(void)now;
	test_service_stop(s);
}

static void echo_over(struct host_want open, struct host_want listen, struct tls_credentials *one,
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
	add(h, 0, 0, 0, echo_streams);
	add(h, 1, 1, DRIVER_LEADS, open_and_write);
	h->s[1].ticked = stop_now;
	listen.kind = HOST_LISTEN;
	listen.id = 1;
	listen.local = LOCAL;
	want(&h->s[0], listen);
	run(h);
	free(bytes);
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

static struct tls_credentials *credentials(bool with_certificate, char pin[TLS_PIN_N + 1])
{
	struct certificate *c;
	struct tls_settings settings = { 0 };
	struct buf pem, key;
	str host = STR("pbx.example.org");
	struct certificate_setup setup = { .name = STR("pbx"),
					   .hosts = &host,
					   .host_n = 1,
					   .not_before = 0,
					   .not_after = (usec)4000000000 * USEC_PER_SEC };
	enum err why;
	buf_init_grow(&pem, 65536);
	buf_init_grow(&key, 65536);
	if (with_certificate) {
		assert_int_equal(certificate_make(&setup, &c), ERR_NONE);
		certificate_write_pem(c, &pem);
		certificate_write_key_pem(c, &key);
		certificate_free(c);
		settings.certificate_pem = buf_str(&pem);
		settings.key_pem = buf_str(&key);
	}
	struct tls_credentials *out = tls_credentials_new(&settings, NULL, &why);
	assert_non_null(out);
	if (pin)
		assert_true(tls_credentials_pin(out, pin));
	buf_free(&pem);
	buf_free(&key);
	return out;
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

/* ---- between services */

#define TOLD  20000
#define BALLS 50

/* Service 0 throws BALLS numbers; service 1 sends each back; 0 throws the next for each. */
static void throw_balls(struct test_service *s, const struct host_event *e, usec now)
{
	(void)now;
	if (e->kind != HOST_TOLD)
		return;
	assert_int_equal(e->from, 1);
	int n = take_message(e);
	assert_int_equal(n, s->heard[HOST_TOLD]); /* in order */
	if (n == TOLD)
		test_service_stop(s);
	else if (n <= TOLD - BALLS)
		tell(s, 1, n + BALLS);
}

static void throw_back(struct test_service *s, const struct host_event *e, usec now)
{
	(void)now;
	if (e->kind == HOST_TOLD)
		tell(s, e->from, take_message(e));
}

static void two_threads_tell_each_other_in_order(void **state)
{
	struct house h;
	(void)state;
	setup_house(&h, (struct driver_setup){ 0 });
	add(&h, 0, 0, DRIVER_LEADS, throw_balls);
	add(&h, 1, 1, 0, throw_back);
	for (int i = 1; i <= BALLS; i++)
		tell(&h.s[0], 1, i);
	run(&h);
	assert_int_equal(h.s[1].heard[HOST_TOLD], TOLD);
	free_house(&h);
}

struct keeper_stand_in {
	struct house *h;
	struct thread thread;
	void *ask;
	uint32_t service;
	atomic_int freed;
};

static void answer_later(void *self)
{
	struct keeper_stand_in *k = self;
	usleep(1000);
	driver_answer(k->h->driver, k->service, k->ask);
}

static void take_ask(void *self, uint32_t service, void *ask)
{
	struct keeper_stand_in *k = self;
	k->service = service;
	k->ask = ask;
	assert_int_equal(thread_start(&k->thread, "keeper", answer_later, k), ERR_NONE);
}

static void free_answer(void *self, void *answer)
{
	struct keeper_stand_in *k = self;
	atomic_fetch_add(&k->freed, 1);
	free(answer);
}

static void hear_answer(struct test_service *s, const struct host_event *e, usec now)
{
	(void)now;
	assert_int_equal(e->kind, HOST_ANSWER);
	assert_int_equal(*(int *)e->message, 42);
	test_service_stop(s);
}

static void a_question_is_answered_from_the_keepers_thread(void **state)
{
	struct house h;
	struct keeper_stand_in k = { .h = &h };
	int *question = malloc(sizeof(int));
	(void)state;
	*question = 42;
	setup_house(&h, (struct driver_setup){ .keeper = { &k, take_ask, free_answer } });
	add(&h, 0, 0, 0, NULL);
	add(&h, 1, 1, DRIVER_LEADS, hear_answer);
	want(&h.s[1], (struct host_want){ .kind = HOST_ASK, .message = question });
	run(&h);
	thread_join(&k.thread);
	assert_int_equal(h.s[1].heard[HOST_ANSWER], 1);
	assert_int_equal(atomic_load(&k.freed), 1);
	/* One for a service that has stopped is freed all the same. */
	driver_answer(h.driver, 1, malloc(4));
	assert_int_equal(atomic_load(&k.freed), 2);
	free_house(&h);
}

static void stop_at_once(struct test_service *s, const struct host_event *e, usec now)
{
	(void)e;
	(void)now;
	test_service_stop(s);
}

static atomic_int dropped;

static void count_drop(void *message)
{
	atomic_fetch_add(&dropped, 1);
	free(message);
}

static void a_message_for_a_service_that_has_stopped_is_freed(void **state)
{
	struct house h;
	(void)state;
	setup_house(&h, (struct driver_setup){ 0 });
	struct host_service first = TEST_SERVICE(&h.s[0]);
	first.drop = count_drop;
	assert_int_equal(driver_add(h.driver, 0, &first, 0), 0);
	add(&h, 1, 1, DRIVER_LEADS, NULL);
	test_service_stop(&h.s[0]);
	tell(&h.s[1], 0, 1);
	tell(&h.s[1], 0, 2);
	test_service_stop(&h.s[1]);
	run(&h);
	assert_int_equal(atomic_load(&dropped), 2);
	int *message = malloc(sizeof(int));
	assert_int_equal(driver_tell(h.driver, 0, message), ERR_CLOSED);
	free(message);
	free_house(&h);
}

static void a_message_from_outside_is_heard(void **state)
{
	struct house h;
	int *message = malloc(sizeof(int));
	(void)state;
	setup_house(&h, (struct driver_setup){ .thread_n = 1 });
	add(&h, 0, 0, 0, NULL);
	h.s[0].hear = stop_at_once;
	*message = 1;
	assert_int_equal(driver_tell(h.driver, 0, message), ERR_NONE);
	run(&h);
	assert_int_equal(h.s[0].heard[HOST_TOLD], 1);
	free(message);
	free_house(&h);
}

/* ---- time and the end */

static void note_tick(struct test_service *s, usec now)
{
	struct house *h = s->data;
	s->heard[0]++;
	assert_true(now <= clock_now(&h->clock));
	if (s->heard[0] == 5)
		test_service_stop(s);
	else
		s->due = now + 3 * USEC_PER_MS;
}

static void ticks_come_at_their_time_and_not_before(void **state)
{
	struct house h;
	(void)state;
	setup_house(&h, (struct driver_setup){ 0 });
	usec begin = clock_now(&h.clock);
	add(&h, 0, 1, 0, NULL);
	h.s[0].ticked = note_tick;
	h.s[0].due = begin + 3 * USEC_PER_MS;
	run(&h);
	assert_int_equal(h.s[0].heard[0], 5);
	assert_true(clock_now(&h.clock) - begin >= 15 * USEC_PER_MS);
	free_house(&h);
}

static void stop_driver(void *arg)
{
	struct house *h = arg;
	usleep(20000);
	driver_stop(h->driver);
	usleep(20000);
	driver_stop(h->driver);
}

static void a_stubborn_service_is_ended_by_a_second_stop(void **state)
{
	struct house h;
	struct thread t;
	(void)state;
	setup_house(&h, (struct driver_setup){ 0 });
	add(&h, 0, 0, 0, NULL);
	add(&h, 1, 1, 0, NULL);
	h.s[1].stubborn = true;
	assert_int_equal(thread_start(&t, "stop", stop_driver, &h), ERR_NONE);
	usec begin = clock_now(&h.clock);
	run(&h);
	thread_join(&t);
	assert_true(clock_now(&h.clock) - begin < 4 * USEC_PER_SEC);
	assert_int_equal(h.s[0].heard[HOST_STOPPING], 1);
	assert_int_equal(h.s[1].heard[HOST_STOPPING], 1);
	free_house(&h);
}

static void kill_self(struct test_service *s, const struct host_event *e, usec now)
{
	(void)s;
	(void)now;
	if (e->kind == HOST_BOUND)
		kill(getpid(), SIGTERM);
}

static void a_signal_stops_in_good_order(void **state)
{
	struct house h;
	(void)state;
	setup_house(&h, (struct driver_setup){ .signals = true });
	add(&h, 0, 1, 0, kill_self);
	want(&h.s[0], (struct host_want){ .kind = HOST_BIND, .id = 1, .local = LOCAL });
	run(&h);
	assert_int_equal(h.s[0].heard[HOST_STOPPING], 1);
	free_house(&h);
}

/* ---- names */

static void hear_localhost(struct test_service *s, const struct host_event *e, usec now)
{
	(void)now;
	assert_int_equal(e->kind, HOST_RESOLVED);
	if (e->id == 1) {
		assert_int_equal(e->err, ERR_NONE);
		assert_true(e->addr_n >= 1);
		assert_true(addr_is_loopback(&e->addrs[0]));
	} else {
		assert_int_equal(e->err, ERR_SYNTAX);
		assert_int_equal(e->addr_n, 0);
	}
	if (s->heard[HOST_RESOLVED] == 2)
		test_service_stop(s);
}

static void the_systems_own_names_are_found(void **state)
{
	struct house h;
	(void)state;
	setup_house(&h, (struct driver_setup){ 0 });
	add(&h, 0, 0, 0, hear_localhost);
	want(&h.s[0], (struct host_want){ .kind = HOST_RESOLVE, .id = 1, .name = STR("localhost") });
	want(&h.s[0], (struct host_want){ .kind = HOST_RESOLVE, .id = 2, .name = STR("") });
	run(&h);
	free_house(&h);
}

/* A name server that knows one A record: answers question by question (RFC 1035 4.1). */
static void serve_names(void *arg)
{
	int fd = *(int *)arg;
	for (;;) {
		unsigned char q[512];
		struct sockaddr_in from;
		socklen_t from_n = sizeof(from);
		ssize_t n = recvfrom(fd, q, sizeof(q) - 16, 0, (struct sockaddr *)&from, &from_n);
		if (n < 13)
			return;
		size_t end = 12;
		while (end < (size_t)n && q[end])
			end += q[end] + 1u;
		end += 5;
		bool is_a = q[end - 3] == 1;
		bool known = q[12] == 3; /* "pbx.example.test", not "nobody.example.test" */
		static const unsigned char a[16] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7 };
		q[2] = 0x85;
		q[3] = known ? 0x80 : 0x83;
		q[7] = known && is_a;
		q[8] = q[9] = q[10] = q[11] = 0;
		if (known && is_a) {
			memcpy(q + end, a, sizeof(a));
			end += sizeof(a);
		}
		sendto(fd, q, end, 0, (struct sockaddr *)&from, from_n);
	}
}

static void hear_resolved(struct test_service *s, const struct host_event *e, usec now)
{
	struct addr expected = addr_v4(192, 0, 2, 7, 0);
	(void)now;
	if (e->id == 1) {
		assert_int_equal(e->err, ERR_NONE);
		assert_int_equal(e->addr_n, 1);
		assert_true(addr_eq(&e->addrs[0], &expected));
	} else {
		assert_int_equal(e->err, ERR_ABSENT);
	}
	if (s->heard[HOST_RESOLVED] == 2)
		test_service_stop(s);
}

static void names_are_asked_of_the_name_server(void **state)
{
	struct house h;
	struct thread t;
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(in);
	struct addr dns = LOCAL;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &n), 0);
	dns.port = ntohs(in.sin_port);
	assert_int_equal(thread_start(&t, "names", serve_names, &fd), ERR_NONE);
	setup_house(&h, (struct driver_setup){ .dns = dns });
	add(&h, 0, 0, 0, hear_resolved);
	want(&h.s[0], (struct host_want){ .kind = HOST_RESOLVE, .id = 1, .name = STR("pbx.example.test") });
	want(&h.s[0], (struct host_want){ .kind = HOST_RESOLVE, .id = 2, .name = STR("nobody.example.test") });
	run(&h);
	/* An empty datagram ends it. */
	sendto(fd, "", 0, 0, (struct sockaddr *)&in, sizeof(in));
	thread_join(&t);
	free_house(&h);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ten_thousand_datagrams_go_and_come_between_two_threads),
		cmocka_unit_test(a_refused_datagram_comes_back_as_unreachable_and_the_socket_lives_on),
		cmocka_unit_test(an_address_in_use_fails),
		cmocka_unit_test(workers_share_a_port),
		cmocka_unit_test(sharing_takes_no_port_from_another_program),
		cmocka_unit_test(bytes_written_right_after_open_come_back_and_each_stream_closes_once),
		cmocka_unit_test(tls_to_a_pinned_key_carries_bytes_and_binds_both_ends),
		cmocka_unit_test(tls_to_another_key_is_closed_as_refused_and_never_accepted),
		cmocka_unit_test(new_credentials_serve_new_streams_and_those_that_are_up_keep_theirs),
		cmocka_unit_test(tls_to_nobody_in_particular_is_refused),
		cmocka_unit_test(a_refused_stream_closes_once_and_its_number_is_free_again),
		cmocka_unit_test(a_stream_whose_reader_sleeps_is_closed_as_full),
		cmocka_unit_test(what_was_written_before_close_and_stop_still_arrives),
		cmocka_unit_test(two_threads_tell_each_other_in_order),
		cmocka_unit_test(a_question_is_answered_from_the_keepers_thread),
		cmocka_unit_test(a_message_for_a_service_that_has_stopped_is_freed),
		cmocka_unit_test(a_message_from_outside_is_heard),
		cmocka_unit_test(ticks_come_at_their_time_and_not_before),
		cmocka_unit_test(a_stubborn_service_is_ended_by_a_second_stop),
		cmocka_unit_test(a_signal_stops_in_good_order),
		cmocka_unit_test(the_systems_own_names_are_found),
		cmocka_unit_test(names_are_asked_of_the_name_server),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
