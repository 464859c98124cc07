/*
 * overlay/link.h - the opener's end of a flow to one of several servers.
 *
 * Resolves, opens (pinned), cuts into frames, and when it is lost comes back to the
 * next server after a jittered wait of 1, 2, 4 .. 60 s. Who says what on it is its owner's:
 *
 *     overlay_link_recv(l, event, now)   -> OPENED: say HELLO or LOGIN;  LOST: it comes back by itself
 *     while (overlay_link_frame(l, &f))  -> frames
 *
 * Memory: the owner embeds the struct; it writes wants into the owner's outbox. Thread: its owner's.
 */
#ifndef OVERLAY_LINK_H
#define OVERLAY_LINK_H

#include "base/rng.h"
#include "overlay/identity.h"
#include "overlay/outbox.h"
#include "overlay/stream.h"

#define OVERLAY_LINK_STREAMS 8 /* numbers it uses: a closed one is only free when the host has said so */

enum overlay_link_stage {
	OVERLAY_LINK_IDLE,    /* wants nothing */
	OVERLAY_LINK_WAITING, /* for its time to try */
	OVERLAY_LINK_RESOLVING,
	OVERLAY_LINK_OPENING,
	OVERLAY_LINK_OPEN, /* the stream is up; what is said is the owner's */
};

enum overlay_link_news { OVERLAY_LINK_NOTHING, OVERLAY_LINK_OPENED, OVERLAY_LINK_BYTES, OVERLAY_LINK_LOST };

struct overlay_link {
	struct overlay_outbox *out; /* set by the owner, as are the next five */
	struct rng *rng;
	const struct overlay_server *servers;
	size_t server_n;
	uint32_t stream_first;
	uint16_t tls;

	enum overlay_link_stage stage; /* to be read */
	uint32_t id;                   /* OPENING, OPEN: the stream */
	struct addr local, remote;
	uint8_t binding[HOST_BINDING_N];
	usec heard, said; /* last bytes in, last message out */
	enum err err;     /* why it was lost last */
	bool broken;      /* the far side speaks another language */

	struct overlay_stream stream; /* private */
	size_t at;                    /* server in turn */
	uint32_t tries, next;
	uint8_t busy; /* bit n: stream_first + n is not free yet */
	usec due;     /* WAITING: when to try; RESOLVING, OPENING: when to give up */
};

/* Tries at `when`. Harmless where it is on its way already. */
void overlay_link_start(struct overlay_link *, usec when);
/* Closes what there is, and tries again after the back-off, but not within `least`; the next server. */
void overlay_link_again(struct overlay_link *, usec least, usec now);
/* Closes what there is and stays IDLE. */
void overlay_link_stop(struct overlay_link *);
void overlay_link_free(struct overlay_link *);
/* The owner has got what he came for: the next wait is a short one again. */
void overlay_link_worked(struct overlay_link *);

bool overlay_link_owns(const struct overlay_link *, uint32_t id);
enum overlay_link_news overlay_link_recv(struct overlay_link *, const struct host_event *, usec now);
/* After BYTES: the next frame; false: none. Then ->broken: what came is no frame; call overlay_link_again. */
bool overlay_link_frame(struct overlay_link *, struct overlay_frame *out);
/* false: not open, or no room. */
bool overlay_link_send(struct overlay_link *, const struct overlay_message *, usec now);
/* LOST when it gave up waiting for the stream. */
enum overlay_link_news overlay_link_tick(struct overlay_link *, usec now);
usec overlay_link_due(const struct overlay_link *);
/* The server in turn. */
const struct overlay_server *overlay_link_server(const struct overlay_link *);

#endif
