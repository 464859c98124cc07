/*
 * io/clock.h - the time, in microseconds since 1970, on a clock that never goes back.
 *
 * The wall clock at start plus what the monotonic clock has counted since: a leap
 * of the wall clock (a person, NTP) moves no timer. All threads of a process read
 * the same struct, so their times compare. Thread: any, after clock_start.
 */
#ifndef IO_CLOCK_H
#define IO_CLOCK_H

#include "base/time.h"

struct clock {
	usec offset; /* private: wall clock - monotonic clock at start */
};

void clock_start(struct clock *);
usec clock_now(const struct clock *);

#endif
