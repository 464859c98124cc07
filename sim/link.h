/*
 * sim/link.h - what lies between two hosts: delay, jitter, loss, duplication, reordering.
 *
 * A link is the same both ways. What becomes of a packet is drawn from the world's
 * random source, so a seed decides it. Memory: a value.
 */
#ifndef SIM_LINK_H
#define SIM_LINK_H

#include "base/rng.h"
#include "base/time.h"

#include <stdbool.h>

#define SIM_MILLION 1000000u

struct sim_link {
	usec delay;             /* one way */
	usec jitter;            /* added: 0 .. jitter, evenly; it does not overtake */
	uint32_t loss_ppm;      /* of a million packets; SIM_MILLION: cut */
	uint32_t duplicate_ppm; /* come twice, the second one `delay` later at most */
	uint32_t reorder_ppm;   /* take up to 3 * delay longer and may be overtaken */
};

/* Good enough for "the same city": 10 ms, no loss. */
extern const struct sim_link sim_link_plain;

/* A datagram leaves at `now`; *last is the latest arrival in this direction so far (for the order). Returns how
 * often it arrives (0, 1, 2) and when. */
int sim_link_datagram(const struct sim_link *, struct rng *, usec now, usec *last, usec at[2]);
/* A segment of a stream, sent again after 200 ms, 400 ms, .. until it arrives, in order. USEC_NEVER: given up
 * after 8 times, 51 s. */
usec sim_link_segment(const struct sim_link *, struct rng *, usec now, usec *last);

#endif
