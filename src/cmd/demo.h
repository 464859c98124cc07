/*
 * cmd/demo.h - `tandem up --demo`: scripted phones call each other through all that runs.
 *
 * Three calls, each by child processes `tandem phone` with a tone for a mouth and a
 * recording for an ear: desk phone to desk phone, a peer to the business and its desk
 * phone, a desk phone back to the peer. Each is judged by what was heard, and drawn as a ladder by
 * `tandem trace`. Blocks: for a thread of its own beside the driver.
 */
#ifndef CMD_DEMO_H
#define CMD_DEMO_H

#include "base/addr.h"

#include <stdatomic.h>

struct demo {
	const char *program;  /* this executable */
	const char *dir;      /* the data folder; the demonstration keeps its own things in DIR/demo */
	struct addr pbx;      /* SIP, UDP and TCP */
	const char *domain;   /* of the PBX */
	const char *business; /* its name on the network */
	const char *network;  /* name of the network */
	atomic_bool stop;     /* set from another thread: the phones end, demo_run returns soon */
};

/* Prints as it goes. Were all three calls answered, and did each side hear the other? */
bool demo_run(struct demo *);

#endif
