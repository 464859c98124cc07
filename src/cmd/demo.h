/*
 * cmd/demo.h - `tandem up --demo`: scripted phones call each other through all that runs.
 *
 * Three calls, each by child processes `tandem phone` with a tone for a mouth and a
 * recording for an ear: desk phone to desk phone, a peer to the business and its desk
 * phone, a desk phone back to the peer. Each is judged by what was heard, and drawn as a ladder by
 * `tandem trace`. Runs on a thread of its own beside the driver; blocks there.
 */
#ifndef CMD_DEMO_H
#define CMD_DEMO_H

#include "base/addr.h"
#include "io/thread.h"

#include <stdatomic.h>

struct demo {
	/* Set before demo_start. */
	const char *program;       /* this executable */
	const char *dir;           /* the data folder; the demonstration keeps its own things in DIR/demo */
	struct addr pbx;           /* SIP, UDP and TCP */
	const char *business;      /* its name on the network */
	const char *network;       /* name of the network */
	bool (*ready)(void *self); /* is all up? asked from the demonstration's thread */
	void (*done)(void *self, bool good);
	void *self;
	/* private */
	struct thread thread;
	atomic_bool stop;
};

MUST_CHECK enum err demo_start(struct demo *);
/* Ends its phones and waits for it. Harmless when it was never started. */
void demo_stop(struct demo *);

#endif
