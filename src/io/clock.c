#include "io/clock.h"

#include <time.h>

static usec read_clock(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (usec)t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000;
}

void clock_start(struct clock *c)
{
	c->offset = read_clock(CLOCK_REALTIME) - read_clock(CLOCK_MONOTONIC);
}

usec clock_now(const struct clock *c)
{
	return c->offset + read_clock(CLOCK_MONOTONIC);
}
