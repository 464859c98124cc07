/*
 * pbx/throttle.h - neighbours that asked for less get less.
 *
 * RFC 7339 as the client: a next hop whose answers bear `oc` in our Via says what percentage of requests it should be
 * spared (4.1, loss, 5.10), for how long (4.3) and since when (4.4); 503 with Retry-After spares it all (5.9 there, RFC
 * 3261 21.5.4). What is spared goes to the next server of the name, or is refused. Requests inside dialogs are not
 * spared (5.10.1).
 *
 * Bounded: the neighbour whose wish ends first makes room. Memory: the owner embeds the struct and frees nothing.
 * Thread: its owner's.
 */
#ifndef PBX_THROTTLE_H
#define PBX_THROTTLE_H

#include "base/addr.h"
#include "base/rng.h"
#include "base/time.h"

#define PBX_THROTTLE_MAX   64
#define PBX_THROTTLE_VALID (500 * USEC_PER_MS) /* RFC 7339 4.3, where nothing else is said */
#define PBX_THROTTLE_LONG  (60 * USEC_PER_SEC) /* nobody is obeyed longer without saying it again */

/* What our Via says to a neighbour: that we understand. */
#define PBX_THROTTLE_VIA ";oc;oc-algo=\"loss\""

struct pbx_throttle {
	size_t n; /* private, all of it */
	struct pbx_throttled {
		struct addr addr;
		unsigned percent;
		uint64_t seq;
		usec until;
	} list[PBX_THROTTLE_MAX];
};

/* The parameters of our Via in an answer from `addr`. */
void pbx_throttle_hear(struct pbx_throttle *, const struct addr *, str via_params, usec now);
/* Is this request one of those that it should be spared? */
bool pbx_throttle_spares(const struct pbx_throttle *, const struct addr *, struct rng *, usec now);

#endif
