/*
 * connect/admission.h - how many calls may cross the edge, and how fast one caller may try.
 *
 * The edge's own admission, apart from the PBX's: a bound on calls at once, a bound per
 * caller, and a token bucket per caller (so many tries, refilled one by one). Callers are
 * known by a name that was proven, so a stranger cannot spend another's tries.
 *
 * Bound: `callers` buckets; where all are in use the one idle longest is forgotten, and if
 * none is idle a new caller is told to come again. Memory: opaque. Thread: its owner's.
 */
#ifndef CONNECT_ADMISSION_H
#define CONNECT_ADMISSION_H

#include "base/err.h"
#include "base/rng.h"
#include "base/str.h"
#include "base/time.h"

#include <stdint.h>

struct admission;

struct admission_limits {
	uint32_t calls;            /* at once, 1 .. */
	uint32_t calls_per_caller; /* at once, 1 .. */
	uint32_t tries;            /* in a row without waiting, 1 .. */
	usec refill;               /* one more try after this long */
	uint32_t callers;          /* that are remembered, 1 .. */
};

#define ADMISSION_DEFAULT                                                                                              \
	((struct admission_limits){                                                                                    \
		.calls = 64, .calls_per_caller = 4, .tries = 10, .refill = 6 * USEC_PER_SEC, .callers = 4096 })

enum admission_verdict {
	ADMISSION_GRANTED = 0,
	ADMISSION_FULL,     /* too many calls: 503 */
	ADMISSION_CALLER,   /* this caller has too many: 486 */
	ADMISSION_TOO_FAST, /* this caller tries too often: 503, *wait says how long */
};

/* NULL: no memory, or a limit of 0. */
struct admission *admission_new(const struct admission_limits *, struct rng *);
void admission_free(struct admission *);
/* GRANTED counts the call until admission_end of the same caller. `wait` may be NULL. */
enum admission_verdict admission_ask(struct admission *, str caller, usec now, usec *wait);
void admission_end(struct admission *, str caller);
uint32_t admission_calls(const struct admission *);

#endif
