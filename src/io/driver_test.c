#include "io/driver.h"

#include "io/test_house.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>

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
