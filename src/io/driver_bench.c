/*
 * What the driver costs on top of the kernel: a service that echoes datagrams (500 bytes) on one socket in bursts of
 * 32, and on 400 sockets one at a time, as media comes; memory of an idle driver.
 */
#include "io/driver.h"

#include "io/thread.h"
#include "io/udp.h"
#include "io/udp_outbox.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SIZE    500
#define SOCKETS 400
#define BURST   32
#define ROUNDS  3000

/* An echo service without a queue: answers one datagram at a time. */
struct echo {
	struct addr bound[SOCKETS];
	atomic_uint up;
	uint32_t wanted, sockets;
	bool answers, stops;
	struct host_want answer;
	double cpu;
	uint64_t n;
};

static double cpu_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void echo_recv(void *self, const struct host_event *event, usec now)
{
	struct echo *e = self;
	(void)now;
	if (event->kind == HOST_BOUND) {
		e->bound[event->id - 1] = event->local;
		atomic_fetch_add(&e->up, 1);
	} else if (event->kind == HOST_DATAGRAM) {
		if (e->n++ == 0)
			e->cpu = -cpu_now();
		e->answers = true;
		e->answer = (struct host_want){
			.kind = HOST_SEND, .id = event->id, .remote = event->remote, .bytes = event->bytes
		};
	} else if (event->kind == HOST_STOPPING) {
		e->cpu += cpu_now();
		e->stops = true;
	}
}

static void echo_tick(void *self, usec now)
{
	(void)self;
	(void)now;
}

static usec echo_due(const void *self)
{
	(void)self;
	return USEC_NEVER;
}

static bool echo_next(void *self, struct host_want *out)
{
	struct echo *e = self;
	if (e->wanted < e->sockets) {
		*out = (struct host_want){ .kind = HOST_BIND, .id = ++e->wanted, .local = addr_v4(127, 0, 0, 1, 0) };
		return true;
	}
	if (e->answers) {
		*out = e->answer;
		e->answers = false;
		return true;
	}
	*out = (struct host_want){ .kind = HOST_STOP };
	return e->stops;
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

static void run(void *driver)
{
	if (driver_run(driver))
		abort();
}

static void drive(const struct clock *clock, uint32_t sockets)
{
	static struct echo e;
	struct driver_setup setup = { .clock = clock, .thread_n = 1 };
	struct udp_setup mine = { .local = addr_v4(127, 0, 0, 1, 0) };
	struct udp_inbox *in = udp_inbox_new();
	struct udp_outbox *out = udp_outbox_new();
	struct addr none = { 0 }, me;
	char bytes[SIZE] = { 0 };
	struct thread t;
	int fd;
	e = (struct echo){ .sockets = sockets };
	struct driver *d = driver_new(&setup);
	struct host_service service = { &e, echo_recv, echo_tick, echo_due, echo_next, NULL };
	if (!d || driver_add(d, 0, &service, 0) || udp_open(&mine, &fd, &me) || thread_start(&t, "driver", run, d))
		abort();
	while (atomic_load(&e.up) < sockets)
		usleep(1000);
	for (int round = 0, next = 0; round < ROUNDS; round++) {
		size_t back = 0;
		for (int i = 0; i < BURST; i++)
			udp_outbox_put(out, fd, str_of(bytes, SIZE), &none, &e.bound[next++ % (int)sockets], NULL);
		udp_outbox_flush(out);
		while (back < BURST) {
			struct pollfd p = { fd, POLLIN, 0 };
			const struct udp_datagram *got;
			if (poll(&p, 1, 100) == 0)
				break;
			back += udp_recv(in, fd, &me, &got);
		}
	}
	driver_stop(d);
	thread_join(&t);
	printf("echo through the driver, %3u sockets: %.2f us of CPU a datagram in and out\n", sockets,
	       e.cpu * 1e6 / (double)e.n);
	driver_free(d);
	udp_inbox_free(in);
	udp_outbox_free(out);
	close(fd);
}

int main(void)
{
	struct clock clock;
	clock_start(&clock);
	long before = resident_kb();
	struct driver *d = driver_new(&(struct driver_setup){ .clock = &clock, .thread_n = 1 });
	printf("an idle driver of one thread: %ld kB resident\n", resident_kb() - before);
	driver_free(d);
	for (int i = 0; i < 2; i++) {
		drive(&clock, 1);
		drive(&clock, SOCKETS);
	}
	return 0;
}
