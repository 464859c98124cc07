/*
 * pbx/throttle.h - neighbours that asked for less get less.
 *
 * RFC 7339 as the client: a next hop whose answers bear `oc` in our Via says what percentage of all requests it should
 * be spared (4.1, 7.), for how long (4.3) and since when (4.4, 5.4). What is spared goes to the next server of the
 * name, or is refused (5.10). It is taken from the requests that begin something; those inside dialogs are spared only
 * where that is not enough (5.10.1, 7.2), so the mix of both is counted.
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
		uint32_t some[2]; /* requests lately: those that begin something; those inside dialogs */
		uint64_t seq;
		usec until;
	} list[PBX_THROTTLE_MAX];
};

/* The parameters of our Via in an answer from `addr`. */
void pbx_throttle_hear(struct pbx_throttle *, const struct addr *, str via_params, usec now);
/* Is this request one of those that it should be spared? `inside`: of a dialog. */
bool pbx_throttle_spares(struct pbx_throttle *, const struct addr *, bool inside, struct rng *, usec now);

#endif
