/*
 * io/gather.h - how long to let datagrams gather before they are read.
 *
 * A turn of the loop costs much the same for one datagram as for fifty, and answers that leave together are sent
 * together (io/udp_outbox). So where many come, a thread that has caught up sleeps a moment instead of being woken for
 * each, as a network card moderates its interrupts. Never at less than 12 datagrams a millisecond, never longer than
 * 150 us, and only as long as as many come as before: where the senders are few and wait for their answers, waiting for
 * them only slows them down, and is given up (for 160 ms, then twice that, at most 1.28 s). Registrations come in
 * waves, one a commit (2 ms): the rate is measured over several.
 *
 * A visible struct, zeroed to begin with; no clock of its own. Thread: its owner's.
 */
#ifndef IO_GATHER_H
#define IO_GATHER_H

#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>

#define GATHER_ENOUGH 48                   /* datagrams a turn that are worth no wait */
#define GATHER_RATE   12                   /* a millisecond: below, nobody waits */
#define GATHER_MAX    150                  /* usec */
#define GATHER_MIN    15                   /* usec: a sleep that costs more than it brings */
#define GATHER_WINDOW (16 * USEC_PER_MS)   /* in which the rate is measured */
#define GATHER_HOLD   (160 * USEC_PER_MS)  /* given up, the first time */
#define GATHER_HOLDS  (1280 * USEC_PER_MS) /* and the longest */

struct gather {
	usec window_at, read_at; /* private */
	size_t window_n, read_n;
	uint64_t rate, before; /* datagrams a second: in the last window; without waiting */
	usec again_at, hold;
	unsigned good; /* windows */
	bool waits;
};

/* n datagrams were read in one go. */
void gather_heard(struct gather *, size_t n, usec now);
/* How long to sleep before reading again, 0 .. GATHER_MAX; asked once a turn. */
usec gather_span(struct gather *, usec now);

#endif
