/*
 * io/gather.h - how long to let datagrams gather before they are read.
 *
 * A turn of the loop costs much the same for one datagram as for a hundred, and answers that leave together are sent
 * together (io/udp_outbox). So where many come, a thread that has caught up sleeps a moment instead of being woken for
 * each, as a network card moderates its interrupts. Never at less than 20 datagrams a millisecond, never longer than
 * 150 us.
 *
 * Where the senders are few and wait for their answers, waiting for them only slows them down. Whether it does is
 * measured and not guessed: now and then (after 1, 4, 16, 64 windows, and each 64) a window passes without waiting. If
 * a third more come in it than in the one before, three times in a row, waiting is given up (for 320 ms, then twice
 * that, at most 1.28 s). That fewer come says nothing by itself: work ends, too. A window is 16 ms, or as long as 1024
 * datagrams take, at least 4 ms: registrations come in waves.
 *
 * A visible struct, zeroed to begin with; no clock of its own. Thread: its owner's.
 */
#ifndef IO_GATHER_H
#define IO_GATHER_H

#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>

#define GATHER_ENOUGH     128                /* datagrams a turn that are worth no wait; all that one read takes */
#define GATHER_RATE       20                 /* a millisecond: below, nobody waits */
#define GATHER_MAX        150                /* usec */
#define GATHER_MIN        15                 /* usec: a sleep that costs more than it brings */
#define GATHER_WINDOW     (16 * USEC_PER_MS) /* in which the rate is measured */
#define GATHER_WINDOW_MIN (4 * USEC_PER_MS)  /* with GATHER_WINDOW_N datagrams */
#define GATHER_WINDOW_N   1024
#define GATHER_SURE       3                    /* looks in a row that say the same */
#define GATHER_CALM       64                   /* windows, the longest without a look at how it would be otherwise */
#define GATHER_HOLD       (320 * USEC_PER_MS)  /* given up, the first time */
#define GATHER_HOLDS      (1280 * USEC_PER_MS) /* and the longest */

enum gather_state {
	GATHER_READS, /* at once */
	GATHER_WAITS,
	GATHER_LOOKS, /* waits, but not in this window */
};

struct gather {
	enum gather_state state; /* private */
	usec window_at, read_at;
	size_t window_n, read_n;
	uint64_t rate, with; /* datagrams a second: in the last window; in the one it is compared to */
	unsigned calm, left; /* windows between looks; of these until the next */
	unsigned slower;     /* looks in a row that found so */
	usec again_at, hold;
};

/* n datagrams were read in one go. */
void gather_heard(struct gather *, size_t n, usec now);
/* How long to sleep before reading again, 0 .. GATHER_MAX; asked once a turn. */
usec gather_span(struct gather *, usec now);

#endif
