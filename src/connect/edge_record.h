/*
 * connect/edge_record.h - the call record of a call that crosses the edge: both legs, told by their facts.
 *
 * Memory: what it returns is the caller's. Thread: any.
 */
#ifndef CONNECT_EDGE_RECORD_H
#define CONNECT_EDGE_RECORD_H

#include "call/call.h"
#include "store/keeper.h"

struct edge_record {
	const struct call_facts *from, *to; /* caller's leg, callee's leg (NULL: there was none) */
	bool from_peer;                     /* which of them is on the overlay */
	str business;                       /* "acme" */
	str signalling;                     /* of the PBX's leg: "udp", "tcp", "tls" */
	str target;                         /* what was called on the other road */
	bool over;                          /* both legs have ended */
};

/* A question of kind KEEPER_CALL_PUT. NULL: no memory. */
struct keeper_ask *edge_record_ask(const struct edge_record *, usec now);

#endif
