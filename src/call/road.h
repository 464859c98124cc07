/*
 * call/road.h - another way to a person than a registrar: a network under the calls.
 *
 * A call is always SIP; two things differ between the networks: where a name is
 * looked up, and which flow carries the message (docs: design, idea 1). An agent
 * speaks the registrar road by itself (call/registration.h, sip/stack.h). Any other
 * network gives it one of these: the overlay does, in connect/peer_road.h, and the
 * tests do with a road of two ends in one process.
 *
 * A road has the five verbs of every machine and three of its own. SIP messages travel
 * over it whole and clear (it seals their bodies by itself), on flows: streams with
 * numbers of the road's, which the agent feeds to its SIP stack as if they were
 * sockets and whose WRITEs it catches.
 *
 * Memory: what an event points to is the road's until the next call of it. Thread:
 * the agent's.
 */
#ifndef CALL_ROAD_H
#define CALL_ROAD_H

#include "base/buf.h"
#include "base/host.h"

#define ROAD_NAME_N 256 /* longest "user@host", with a NUL */

enum road_event_kind {
	ROAD_UP = 1, /* `flow` is up; we can be called as `name` ("alice@example.net"), at `contact` (a URI) */
	ROAD_DOWN,  /* `flow` (where transport is set) is gone; `status`, `text`; comes back by itself unless `final` */
	ROAD_FOUND, /* look-up `ask`: requests go to `uri` over `flow` */
	ROAD_MISSING, /* look-up `ask` failed: `status` as on the wire (404, 480, 503), `text` for the person */
	ROAD_MESSAGE, /* `bytes`, one SIP message, came over `flow`; `peer` signed it, proven ("bob@example.net"), or
			 empty */
};

struct road_event {
	enum road_event_kind kind;
	struct flow flow;
	uint64_t ask;
	int status;
	bool final;
	enum err err;
	str name, contact, uri, text, peer, bytes;
};

struct road {
	void *self;
	/* The numbers of wants are the road's own (agents keep them apart, call/share.h). */
	void (*recv)(void *self, const struct host_event *, usec now);
	void (*tick)(void *self, usec now);
	usec (*due)(const void *self);
	bool (*next)(void *self, struct host_want *out);
	/* Drain after next. */
	bool (*event)(void *self, struct road_event *out);
	/* Who is `target`, "bob@example.net"? One FOUND or MISSING with `ask` follows. */
	void (*find)(void *self, uint64_t ask, str target, usec now);
	/* One SIP message over `flow`. ERR_CLOSED: the flow is gone. */
	enum err (*send)(void *self, const struct flow *, str bytes, usec now);
	/* Our address as the road's servers see it, and their STUN service, for ICE; unset where unknown. */
	struct addr (*stun)(const void *self);
	/* true: *state has changed and must be kept before anything else that the road wants is carried out; valid
	 * until the next call. NULL: it remembers nothing. */
	bool (*save)(void *self, str *state);
	/* Leaves in good order; afterwards it wants and owns nothing. */
	void (*stop)(void *self, usec now);
};

#endif
