/*
 * call/road.h - another way to a person than a registrar: a network under the calls.
 *
 * A call is always SIP; two things differ between the networks: where a name is
 * looked up, and which flow carries the message (docs: design, idea 1). An agent
 * speaks the registrar road by itself (call/registration.h, sip/stack.h). Any other
 * network gives it one of these: the overlay does, in connect/peer_road.h, and the
 * tests do with a road of two ends in one process.
 *
 * A road has the five verbs of every machine, and four of its own. SIP messages
 * travel over it whole, one a frame, between "links": a link is a number that
 * the road gives to one far end (it stays good while calls over it live). To the
 * agent's SIP stack a link is a stream that came in.
 *
 * Memory: what an event points to is the road's until the next call of it. Thread:
 * the agent's.
 */
#ifndef CALL_ROAD_H
#define CALL_ROAD_H

#include "base/buf.h"
#include "base/host.h"

enum road_event_kind {
	ROAD_UP = 1,  /* we can be called as `name` (an address of record without scheme: "alice@example.net") */
	ROAD_DOWN,    /* not now; `status` and `text` say why; the road tries again by itself unless `final` */
	ROAD_FOUND,   /* look-up `ask`: requests to `target` go to link `link`, with request-URI `uri` */
	ROAD_MISSING, /* look-up `ask` failed: `status` as it would be on the wire (404, 480, 503, ...), `text` for the
			 person */
	ROAD_MESSAGE, /* `bytes`, one SIP message, came over `link`; `peer` is who sent it, proven, or empty */
	ROAD_LOST,    /* `link` is gone: what waits for answers over it will wait in vain */
};

struct road_event {
	enum road_event_kind kind;
	uint32_t link;
	uint32_t ask;
	int status;
	bool final;
	str name, uri, text, peer, bytes;
};

struct road {
	void *self;
	void (*start)(void *self, usec now);
	/* Ends in good order: leaves the directory, closes flows. */
	void (*stop)(void *self, usec now);
	void (*recv)(void *self, const struct host_event *, usec now);
	void (*tick)(void *self, usec now);
	usec (*due)(const void *self);
	/* The wants use numbers from 1 on; the agent keeps them apart from its own. */
	bool (*next)(void *self, struct host_want *out);
	bool (*event)(void *self, struct road_event *out);
	/* Who is `target` ("bob", "sip:bob@example.net")? One ROAD_FOUND or ROAD_MISSING with `ask` follows. */
	void (*find)(void *self, uint32_t ask, str target, usec now);
	/* One SIP message over `link`. ERR_CLOSED: the link is gone. */
	enum err (*send)(void *self, uint32_t link, str bytes, usec now);
	/* Closes `clear` for the far end of `link` alone, in a message of call `call_id`; writes type and
	 * bytes of the body that travels. ERR_ABSENT: there is no key for that far end. */
	enum err (*seal)(void *self, uint32_t link, str call_id, str type, str clear, str *type_out, struct buf *out,
			 usec now);
	/* The reverse; *peer is who sealed it, proven. ERR_FORGED, ERR_EXPIRED (the sender's certificate),
	 * ERR_SYNTAX, ERR_UNSUPPORTED (not a sealed body). */
	enum err (*open)(void *self, uint32_t link, str call_id, str type, str sealed, str *type_out, struct buf *out,
			 str *peer, usec now);
};

#endif
