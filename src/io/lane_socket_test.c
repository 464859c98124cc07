/* Datagrams of a driver's services, over the kernel's loopback. */
#include "io/test_house.h"

#include <arpa/inet.h>
#include <sys/socket.h>

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

/* Services 0 and 1 share the port that service 2 found free, for UDP and for TCP: others may have connections there. */
static void share(struct test_service *s, const struct host_event *e, usec now)
{
	struct house *h = s->data;
	(void)now;
	if (s == &h->s[2] && e->kind == HOST_BOUND && e->id == 1) {
		want(s,
		     (struct host_want){ .kind = HOST_LISTEN, .id = 2, .transport = TRANSPORT_TCP, .local = e->local });
	} else if (s == &h->s[2] && e->kind == HOST_FAILED) {
		want(s, (struct host_want){ .kind = HOST_UNBIND, .id = 1 });
		want(s, (struct host_want){ .kind = HOST_BIND, .id = 1, .local = LOCAL });
	} else if (s == &h->s[2] && e->kind == HOST_BOUND) {
		want(s, (struct host_want){ .kind = HOST_UNBIND, .id = 1 });
		want(s, (struct host_want){ .kind = HOST_UNBIND, .id = 2 });
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ten_thousand_datagrams_go_and_come_between_two_threads),
		cmocka_unit_test(a_refused_datagram_comes_back_as_unreachable_and_the_socket_lives_on),
		cmocka_unit_test(an_address_in_use_fails),
		cmocka_unit_test(workers_share_a_port),
		cmocka_unit_test(sharing_takes_no_port_from_another_program),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
