/*
 * base/time.h - the one unit of time.
 *
 * usec counts microseconds since 1970-01-01 UTC on a clock that never goes back
 * (io/clock: the wall clock at start plus what has passed since), so the same
 * value orders timers, dates a call record and judges a certificate. Nothing
 * below io reads a clock: `now` comes in as an argument.
 */
#ifndef BASE_TIME_H
#define BASE_TIME_H

#include <stdint.h>

typedef int64_t usec;

#define USEC_NEVER   INT64_MAX
#define USEC_PER_MS  ((usec)1000)
#define USEC_PER_SEC ((usec)1000000)

/* The earlier of two deadlines. */
static inline usec usec_min(usec a, usec b)
{
	return a < b ? a : b;
}

/* now + span, and USEC_NEVER rather than overflow. */
static inline usec usec_add(usec now, usec span)
{
	return span >= USEC_NEVER - (now > 0 ? now : 0) ? USEC_NEVER : now + span;
}

#endif
