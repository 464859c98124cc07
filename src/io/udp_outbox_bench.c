/*
 * What the kernel takes for one datagram of 400 bytes on loopback, sent by the outbox: alone and in runs.
 * Second column: sizes that alternate within each call, as a ringing and an answer do; third: all different.
 */
#include "io/udp_outbox.h"

#include "io/udp.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 3000

enum sizes { EQUAL, ALTERNATING, DIFFERENT };

static double cpu_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static uint32_t order_of(str bytes)
{
	return 1 + (uint8_t)bytes.p[0];
}

static double one(struct udp_outbox *out, int n, enum sizes sizes)
{
	struct udp_setup setup = { .local = addr_v4(127, 0, 0, 1, 0) };
	struct addr none = { 0 }, from, to;
	char bytes[1000] = { 0 }, sink[1000];
	double spent = 0;
	int fd, far;
	if (udp_open(&setup, &fd, &from) || udp_open(&setup, &far, &to))
		abort();
	for (int round = 0; round < ROUNDS; round++) {
		double before = cpu_us();
		for (int i = 0; i < n; i++) {
			size_t size = sizes == EQUAL ? 400 : sizes == ALTERNATING ? 400 + 100 * (i % 2) : 400 + i;
			bytes[0] = (char)(i / 2);
			udp_outbox_put(out, fd, str_of(bytes, size), &none, &to, order_of);
		}
		udp_outbox_flush(out);
		spent += cpu_us() - before;
		while (recv(far, sink, sizeof(sink), MSG_DONTWAIT) >= 0)
			;
	}
	close(fd);
	close(far);
	return spent / ROUNDS / n;
}

int main(void)
{
	struct udp_outbox *out = udp_outbox_new();
	if (!out)
		return 1;
	for (int joined = 0; joined < 2; joined++) {
		udp_outbox_join(out, joined);
		printf("%s, us a datagram: equal, alternating, different sizes\n",
		       joined ? "runs as one" : "one by one");
		for (int n = 1; n <= 64; n *= 2)
			printf("%3d to one destination: %5.2f %5.2f %5.2f\n", n, one(out, n, EQUAL),
			       one(out, n, ALTERNATING), one(out, n, DIFFERENT));
	}
	udp_outbox_free(out);
	return 0;
}
