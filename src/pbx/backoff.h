/*
 * pbx/backoff.h - whoever guesses passwords waits longer and longer.
 *
 * Wrong passwords are counted for each pair of source and user name, and for each user name. After PBX_BACKOFF_FREE of
 * a pair the next answer of that pair is looked at a second later, then two, four, .. up to PBX_BACKOFF_MAX; one that
 * comes earlier is not judged at all, and gets what a wrong one gets: so the right password, guessed too early, is
 * missed. Where many sources guess at one name (more than PBX_BACKOFF_SPREAD wrong within the hour) new sources have no
 * free tries, and all of them together one try a second.
 *
 * Nobody can lock out a person from his own phone: from exactly the address and port where a user's password was right
 * within PBX_BACKOFF_KNOWN it is always judged. From the same address it is judged at least every
 * PBX_BACKOFF_KNOWN_MAX, and whatever others do elsewhere changes nothing there. Names are counted whether there are
 * such accounts or not.
 *
 * Source: an IPv4 address or a /64 of IPv6. Bounded: the pair that has waited longest makes room.
 *
 * Memory: opaque. Thread: its owner's.
 */
#ifndef PBX_BACKOFF_H
#define PBX_BACKOFF_H

#include "base/addr.h"
#include "base/rng.h"
#include "base/time.h"

#define PBX_BACKOFF_FREE      3
#define PBX_BACKOFF_SPREAD    30
#define PBX_BACKOFF_MAX       (300 * USEC_PER_SEC)
#define PBX_BACKOFF_KNOWN     (24 * 3600 * USEC_PER_SEC)
#define PBX_BACKOFF_KNOWN_MAX (8 * USEC_PER_SEC)
#define PBX_BACKOFF_FORGOTTEN (3600 * USEC_PER_SEC) /* without another wrong one */
#define PBX_BACKOFF_PAIRS     16384
#define PBX_BACKOFF_KNOWN_N   65536

struct pbx_backoff;

struct pbx_backoff *pbx_backoff_new(struct rng *); /* NULL: no memory */
void pbx_backoff_free(struct pbx_backoff *);

/* May this answer be judged now? */
bool pbx_backoff_may(struct pbx_backoff *, const struct addr *source, str name, usec now);
/* It was wrong; it was right. */
void pbx_backoff_wrong(struct pbx_backoff *, const struct addr *source, str name, usec now);
void pbx_backoff_right(struct pbx_backoff *, const struct addr *source, str name, usec now);

struct pbx_backoff_stats {
	uint64_t wrong;    /* passwords */
	uint64_t unjudged; /* came too early */
};
void pbx_backoff_stats(const struct pbx_backoff *, struct pbx_backoff_stats *out);

#endif
