/*
 * bench/avalanche - power is back: all phones of the town register at once, while others talk.
 *
 *     avalanche --server HOST:PORT [--domain D] [--digest md5|sha256] [--tcp yes] [--slow PID:PERCENT] [--times X]
 *               [--phones N] [--measure N] [--within S] [--calls N] [--most S]
 *
 * First a closed loop of N (20,000) registrations, 200 at a time, says what the server can do a second; then X (10)
 * times as many phones as that begin in the same moment; then the loop is done again. The capacity is the mean of both,
 * as other people's machines are not always equally fast. Each is a phone of its own as RFC 3261 has it:
 * repeats after T1, 2 T1, .. T2 (17.1.2), gives up after 32 s and begins anew, and comes back when a 503's Retry-After
 * says. Meanwhile N (20) calls a second are made (INVITE 200 ACK, BYE 200, with their own repeats). With S `within`
 * the first REGISTERs are spread over so many seconds (1: ten times what it can do a second).
 *
 * --digest: passwords are asked for (accounts w0.., p0.., v0.., caller, callee; password "secret"), so each
 * registration and each call takes two requests, the capacity counts both as one. --tcp: each phone has a connection of
 * its own, from an address of its own in 127.0.0.0/8, and bears it as RFC 5626 has it: where it is refused, does not
 * come up in 32 s or is cut, the next one is tried after 30 to 60 s, 60 to 120 s, .. (4.5). Calls are made over two
 * connections that were there before. Both sides need a descriptor for each phone (ulimit -n).
 *
 * This program sends hardly faster than an optimised server reads. --slow gives the server (process PID, of the same
 * user) that many percent of a core and no more, by stopping and continuing it by its own CPU time in slices of 0.5 ms,
 * so that capacity and avalanche are those of a machine so much slower.
 *
 * Prints one JSON line: capacity, phones, seconds until all were registered and that in multiples of phones / capacity,
 * the pace until nine tenths were registered in parts of the capacity, refusals, datagrams that never came into the
 * server's socket (no room, or sifted), repeats, given up, challenged anew (stale), connections that did not come up,
 * that were cut, calls, calls failed, how long the slowest hundredth of them waited for its 200, and (with --slow) the
 * CPU seconds of the server. It ends after 300 s (--most) at the latest. With AVALANCHE_SHOW in the environment it says
 * meanwhile how far it is, and which calls waited for more than a second.
 *
 * It shares no code with tandem.
 */
#include "avalanche.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct settings {
	double times, within, most;
	const char *slow, *server;
	long phones, measured, call_rate;
};

int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

_Noreturn void die(const char *what)
{
	fprintf(stderr, "avalanche: %s\n", what);
	exit(1);
}

static void heard(const struct heard *h, int64_t now)
{
	if (h->what == WIRE_PHONES || h->what == WIRE_PHONE)
		phones_heard(h, now);
	else
		calls_heard(h, now);
}

static void step(void)
{
	wire_step(0, heard);
	phones_due(now_us());
	calls_due(now_us());
}

/* Connections that ended, and what was not written yet, are no part of what follows. */
static void wait_for_quiet(void)
{
	double before = slow_cpu();
	int64_t end = now_us() + (before > 0 ? 20000000 : 1000000);

	while (now_us() < end) {
		for (int64_t some = now_us() + 300000; now_us() < some;)
			step();
		if (before > 0 && slow_cpu() - before < 0.001)
			break;
		before = slow_cpu();
	}
}

/* Registrations a second that the server does when asked for 200 at a time. */
static double measure(long count, char prefix)
{
	double cpu = slow_cpu(), rate;

	phones_reset(count, prefix);
	phones_loop(200);
	while (phones.done < count && now_us() < phones.start + 60000000LL)
		step();
	if (phones.done < count)
		die("it is too slow to be measured");
	rate = (double)count * 1e6 / (double)(now_us() - phones.start);
	if (getenv("AVALANCHE_SHOW"))
		fprintf(stderr, "measured in %.2f s with %.3f s of a core: %.0f a second\n",
			(double)(now_us() - phones.start) / 1e6, slow_cpu() - cpu, rate);
	phones_hang_up();
	wait_for_quiet();
	return rate;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

struct result {
	struct phones phones;
	double first, second, at_once, all, cpu; /* first, second: capacities, before and after */
};

static void report(const struct result *r)
{
	int64_t *waits = malloc((size_t)(call_n + 1) * sizeof(*waits));
	double capacity = (r->first + r->second) / 2, ideal = (double)r->phones.goal / capacity;
	double nine = (double)(r->phones.nine_tenths - r->phones.start) / 1e6;
	long failed, answered;

	if (!waits)
		die("no memory");
	answered = calls_waits(waits, &failed);
	if (answered)
		qsort(waits, (size_t)answered, sizeof(*waits), by_size);
	printf("{\"capacity\":%.0f,\"before\":%.0f,\"after\":%.0f,\"phones\":%ld,\"at_once_s\":%.2f,\"registered\":%ld,"
	       "\"seconds\":%.2f,\"times_ideal\":%.2f,\"pace\":%.2f,\"refused\":%ld,\"dropped\":%ld,\"repeats\":%ld,"
	       "\"given_up\":%ld,\"stale\":%ld,\"unreached\":%ld,\"cut\":%ld,\"calls\":%ld,\"calls_failed\":%ld,"
	       "\"call_p50_ms\":%.1f,\"call_p99_ms\":%.1f,\"cpu_s\":%.2f}\n",
	       capacity, r->first, r->second, r->phones.goal, r->at_once, r->phones.done, r->all, r->all / ideal,
	       nine > 0 ? 0.9 * (double)r->phones.goal / nine / capacity : 0, r->phones.refused, wire_dropped(),
	       r->phones.repeats, r->phones.given_up, r->phones.stale, r->phones.unreached, r->phones.cut, call_n,
	       failed, answered ? (double)waits[answered / 2] / 1e3 : 0,
	       answered ? (double)waits[answered * 99 / 100] / 1e3 : 0, r->cpu);
	free(waits);
}

/* All of them at once. */
static void fall(const struct settings *s, struct result *r)
{
	double cpu = slow_cpu();
	int64_t call_at, end, shown = 0;

	phones_reset(s->phones ? s->phones : (long)(s->times * r->first), 'p');
	call_at = phones.start;
	end = phones.start + (int64_t)(s->most * 1e6);
	for (long i = 0; i < phones.n; i++) {
		while ((double)(now_us() - phones.start) < s->within * 1e6 * (double)i / (double)phones.n)
			step();
		phones_begin(i, now_us());
		if (i % 64 == 63 && s->call_rate && now_us() >= call_at) {
			call_begin(now_us());
			call_at += 1000000 / s->call_rate;
		}
		if (i % 2048 == 2047)
			step();
	}
	r->at_once = (double)(now_us() - phones.start) / 1e6;
	while (phones.done < phones.goal && now_us() < end) {
		step();
		if (getenv("AVALANCHE_SHOW") && now_us() - shown > 500000) {
			shown = now_us();
			fprintf(stderr, "%.1f s: %ld done, %ld refused, %ld repeats, %ld cut, %.2f s of a core\n",
				(double)(shown - phones.start) / 1e6, phones.done, phones.refused, phones.repeats,
				phones.cut, slow_cpu() - cpu);
		}
		while (s->call_rate && now_us() >= call_at) {
			call_begin(now_us());
			call_at += 1000000 / s->call_rate;
		}
	}
	int64_t all = now_us();
	r->all = (double)(all - phones.start) / 1e6;
	r->cpu = slow_cpu() - cpu;
	while (now_us() < all + 2000000) /* the last calls end */
		step();
	r->phones = phones;
	phones_hang_up();
}

static void take(struct settings *s, const char *name, const char *value)
{
	if (!strcmp(name, "--server"))
		s->server = value;
	else if (!strcmp(name, "--domain"))
		phones.domain = value;
	else if (!strcmp(name, "--digest"))
		phones.digest = !strcmp(value, "md5") ? DIGEST_MD5 : !strcmp(value, "sha256") ? DIGEST_SHA256 : 0;
	else if (!strcmp(name, "--tcp"))
		phones.tcp = !strcmp(value, "yes");
	else if (!strcmp(name, "--times"))
		s->times = atof(value);
	else if (!strcmp(name, "--within"))
		s->within = atof(value);
	else if (!strcmp(name, "--most"))
		s->most = atof(value);
	else if (!strcmp(name, "--slow"))
		s->slow = value;
	else if (!strcmp(name, "--phones"))
		s->phones = atol(value);
	else if (!strcmp(name, "--measure"))
		s->measured = atol(value);
	else if (!strcmp(name, "--calls"))
		s->call_rate = atol(value);
	else
		die("unknown option");
}

int main(int argc, char **argv)
{
	struct settings s = { .times = 10, .most = 300, .measured = 20000, .call_rate = 20 };
	struct result r = { .all = 0 };

	phones.domain = "bench.test";
	for (int i = 1; i + 1 < argc; i += 2)
		take(&s, argv[i], argv[i + 1]);
	if (!s.server || argc % 2 == 0)
		die("--server HOST:PORT, and a value for each option");
	wire_start(s.server);
	phones_start();
	if (s.slow)
		slow_start(s.slow);
	calls_start();
	r.first = measure(s.measured, 'w');
	fall(&s, &r);
	wait_for_quiet();
	r.second = measure(s.measured, 'v');
	if (!slow_is())
		die("the server was not kept slow: nothing is measured");
	report(&r);
	return 0;
}
