/*
 * What the choice of the loop costs: the same UDP echo (500 bytes, batches of 1 and 32) on io/loop
 * (libuv, uv_poll, recvmmsg/sendmmsg), on a bare epoll loop with the same batches, and on libuv's own
 * uv_udp_t; how late deadlines are; what a wakeup from another thread costs. docs/decisions/loop.md.
 */
#include "io/loop.h"
#include "io/udp.h"
#include "io/udp_outbox.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#define DATAGRAMS 60000
#define SIZE      500

static double seconds(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct echo {
	int fd;
	struct addr at;
	struct udp_inbox *in;
	struct udp_outbox *out;
	size_t n;
	unsigned burst;
	double cpu;
};

static void echo_ready(void *self, unsigned ready)
{
	struct echo *e = self;
	const struct udp_datagram *d;
	size_t n = udp_recv(e->in, e->fd, &e->at, &d);
	(void)ready;
	for (size_t i = 0; i < n; i++) {
		struct addr none = { 0 };
		udp_outbox_put(e->out, e->fd, d[i].bytes, &none, &d[i].remote, NULL);
	}
	udp_outbox_flush(e->out);
	e->n += n;
}

static void *by_loop(void *arg)
{
	struct echo *e = arg;
	struct loop *l = loop_new();
	struct loop_watch *w = loop_watch(l, e->fd, LOOP_READ, echo_ready, e);
	while (e->n < DATAGRAMS)
		loop_step(l, USEC_PER_SEC);
	e->cpu = seconds(CLOCK_THREAD_CPUTIME_ID);
	loop_forget(w);
	loop_free(l);
	return NULL;
}

static void *by_epoll(void *arg)
{
	struct echo *e = arg;
	int ep = epoll_create1(0);
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = e };
	epoll_ctl(ep, EPOLL_CTL_ADD, e->fd, &ev);
	while (e->n < DATAGRAMS) {
		struct epoll_event got[64];
		struct timespec span = { 1, 0 };
		int n = epoll_pwait2(ep, got, 64, &span, NULL);
		for (int i = 0; i < n; i++)
			echo_ready(got[i].data.ptr, 0);
	}
	e->cpu = seconds(CLOCK_THREAD_CPUTIME_ID);
	close(ep);
	return NULL;
}

struct uv_echo {
	uv_udp_t udp;
	struct echo *e;
	char *bytes;
};

static void uv_room(uv_handle_t *h, size_t n, uv_buf_t *buf)
{
	(void)n;
	*buf = uv_buf_init(((struct uv_echo *)h)->bytes, 20 * 65536);
}

static void uv_got(uv_udp_t *h, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from, unsigned flags)
{
	struct uv_echo *u = (struct uv_echo *)h;
	(void)flags;
	if (n <= 0 || !from)
		return;
	uv_buf_t b = uv_buf_init(buf->base, (unsigned)n);
	uv_udp_try_send(h, &b, 1, from);
	if (++u->e->n >= DATAGRAMS)
		uv_stop(h->loop);
}

static void *by_uv_udp(void *arg)
{
	struct uv_echo u = { .e = arg, .bytes = malloc(20 * 65536) };
	uv_loop_t loop;
	uv_loop_init(&loop);
	uv_udp_init_ex(&loop, &u.udp, UV_UDP_RECVMMSG);
	uv_udp_open(&u.udp, dup(u.e->fd));
	uv_udp_recv_start(&u.udp, uv_room, uv_got);
	uv_run(&loop, UV_RUN_DEFAULT);
	u.e->cpu = seconds(CLOCK_THREAD_CPUTIME_ID);
	uv_close((uv_handle_t *)&u.udp, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	free(u.bytes);
	return NULL;
}

static void echo(const char *what, void *(*run)(void *), unsigned burst)
{
	struct udp_setup setup = { .local = addr_v4(127, 0, 0, 1, 0) };
	struct echo e = { .burst = burst, .in = udp_inbox_new(), .out = udp_outbox_new() };
	struct udp_inbox *in = udp_inbox_new();
	struct udp_outbox *out = udp_outbox_new();
	struct addr none = { 0 }, me;
	int fd;
	char bytes[SIZE] = { 0 };
	pthread_t id;
	if (udp_open(&setup, &e.fd, &e.at) || udp_open(&setup, &fd, &me))
		abort();
	pthread_create(&id, NULL, run, &e);
	for (size_t sent = 0; sent < DATAGRAMS;) {
		size_t back = 0;
		for (unsigned i = 0; i < burst; i++)
			udp_outbox_put(out, fd, str_of(bytes, sizeof(bytes)), &none, &e.at, NULL);
		udp_outbox_flush(out);
		while (back < burst) {
			struct pollfd p = { fd, POLLIN, 0 };
			const struct udp_datagram *d;
			if (poll(&p, 1, 100) == 0)
				break;
			back += udp_recv(in, fd, &me, &d);
		}
		sent += back;
	}
	/* A last one for a server that is short of one. */
	udp_outbox_put(out, fd, STR("x"), &none, &e.at, NULL);
	udp_outbox_flush(out);
	pthread_join(id, NULL);
	printf("echo, bursts of %2u, %-22s %6.2f us of CPU a datagram in and out\n", burst, what,
	       e.cpu * 1e6 / (double)e.n);
	close(fd);
	close(e.fd);
	udp_inbox_free(in);
	udp_inbox_free(e.in);
	udp_outbox_free(out);
	udp_outbox_free(e.out);
}

static void late(void)
{
	struct loop *l = loop_new();
	int ep = epoll_create1(0);
	double sum[2] = { 0 }, worst[2] = { 0 };
	for (int i = 0; i < 400; i++) {
		usec span = 1000 + (i * 7919) % 9000;
		double begin = seconds(CLOCK_MONOTONIC);
		if (i % 2) {
			while (seconds(CLOCK_MONOTONIC) < begin + (double)span / 1e6)
				loop_step(l, span - (usec)((seconds(CLOCK_MONOTONIC) - begin) * 1e6));
		} else {
			struct timespec t = { 0, span * 1000 };
			struct epoll_event ev;
			epoll_pwait2(ep, &ev, 1, &t, NULL);
		}
		double over = (seconds(CLOCK_MONOTONIC) - begin) * 1e6 - (double)span;
		sum[i % 2] += over;
		worst[i % 2] = over > worst[i % 2] ? over : worst[i % 2];
	}
	printf("deadlines of 1 to 10 ms: io/loop late by %.0f us (worst %.0f), epoll_pwait2 by %.0f us (worst %.0f)\n",
	       sum[1] / 200, worst[1], sum[0] / 200, worst[0]);
	loop_free(l);
	close(ep);
}

static atomic_int ball;

static void *kick_loop(void *arg)
{
	for (int i = 1; i <= 50000; i++) {
		atomic_store(&ball, i);
		loop_wake(arg);
		while (atomic_load(&ball) != -i)
			;
	}
	return NULL;
}

static void *kick_eventfd(void *arg)
{
	for (int i = 1; i <= 50000; i++) {
		uint64_t one = 1;
		atomic_store(&ball, i);
		if (write(*(int *)arg, &one, 8) < 0)
			abort();
		while (atomic_load(&ball) != -i)
			;
	}
	return NULL;
}

static void wake(void)
{
	pthread_t id;
	struct loop *l = loop_new();
	double cpu = seconds(CLOCK_THREAD_CPUTIME_ID);
	pthread_create(&id, NULL, kick_loop, l);
	for (int i = 1; i <= 50000;) {
		loop_step(l, USEC_NEVER);
		if (atomic_load(&ball) == i)
			atomic_store(&ball, -i++);
	}
	pthread_join(id, NULL);
	printf("wakeup: io/loop %.2f us of CPU", (seconds(CLOCK_THREAD_CPUTIME_ID) - cpu) * 20);
	loop_free(l);

	int ep = epoll_create1(0), fd = eventfd(0, EFD_NONBLOCK);
	struct epoll_event ev = { .events = EPOLLIN }, got;
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
	cpu = seconds(CLOCK_THREAD_CPUTIME_ID);
	pthread_create(&id, NULL, kick_eventfd, &fd);
	for (int i = 1; i <= 50000;) {
		uint64_t n;
		epoll_wait(ep, &got, 1, -1);
		if (read(fd, &n, 8) < 0)
			continue;
		if (atomic_load(&ball) == i)
			atomic_store(&ball, -i++);
	}
	pthread_join(id, NULL);
	printf(", eventfd and epoll %.2f us\n", (seconds(CLOCK_THREAD_CPUTIME_ID) - cpu) * 20);
	close(ep);
	close(fd);
}

static long resident_kb(void)
{
	long size = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	if (!f || fscanf(f, "%ld %ld", &size, &resident) != 2)
		resident = 0;
	if (f)
		fclose(f);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

int main(void)
{
	long before = resident_kb();
	struct loop *l = loop_new();
	loop_step(l, 0);
	printf("one loop: %ld kB resident\n", resident_kb() - before);
	loop_free(l);
	late();
	wake();
	for (unsigned burst = 1; burst <= 32; burst += 31) {
		for (int round = 0; round < 2; round++) {
			echo("io/loop (libuv)", by_loop, burst);
			echo("epoll", by_epoll, burst);
			echo("uv_udp_t", by_uv_udp, burst);
		}
	}
	return 0;
}
