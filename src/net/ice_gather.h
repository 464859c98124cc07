/*
 * net/ice_gather.h - asking STUN servers how our sockets look from outside, for net/ice.
 *
 * One ask for each socket and server (RFC 8445 5.1.1.2): three requests 0.5 and 1 s apart, over after
 * the answer or 2 s after the last. An answered one is repeated every 15 s, so that the NAT's binding
 * lives until ICE has concluded (5.1.1.4). The agent sends what is written here, at its own pace.
 *
 * Memory: the agent embeds it. Thread: its owner's.
 */
#ifndef NET_ICE_GATHER_H
#define NET_ICE_GATHER_H

#include "net/ice.h"
#include "net/stun.h"

#define ICE_GATHER_MAX (ICE_LOCAL_MAX * ICE_SERVER_MAX)

struct ice_ask {
	uint8_t base, server;       /* indices of host candidate and server */
	bool begun, over, answered; /* over: answered, or given up */
	uint8_t id[STUN_ID_N];
	unsigned sends;
	usec rto, repeat_at;
};

struct ice_gather {
	struct ice_ask asks[ICE_GATHER_MAX];
	size_t n;
};

/* Dropped above ICE_GATHER_MAX. */
void ice_gather_add(struct ice_gather *, size_t base, size_t server);
/* One that has not been sent yet; NULL: none. */
struct ice_ask *ice_gather_fresh(struct ice_gather *);
/* One that is to be sent again now; NULL: none. Gives up the silent ones; `keep`: bindings are still wanted. */
struct ice_ask *ice_gather_repeat(struct ice_gather *, bool keep, usec now);
/* The request; begins the ask or goes on with it. */
void ice_gather_write(struct ice_ask *, struct rng *, struct buf *, usec now);
struct ice_ask *ice_gather_find(struct ice_gather *, const uint8_t id[STUN_ID_N]);
/* The answer to it, from the right server. true: *mapped is what we look like. */
bool ice_gather_answer(struct ice_ask *, const struct stun_msg *, usec now, struct addr *mapped);
/* Is every ask over? */
bool ice_gather_over(const struct ice_gather *);
/* When ice_gather_repeat() is wanted; `fresh_at` where one has not been sent yet. */
usec ice_gather_due(const struct ice_gather *, usec fresh_at);

#endif
