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
 * Where several workers judge, each tells the others what it has learnt (pbx_backoff_share), in words that are sums
 * under a key which all of them have; so a guesser has no more tries with all of them than with one. Guesses that
 * several judged at the same moment are paid for together: the pause of each is added.
 *
 * Memory: opaque. Thread: its owner's.
 */
#ifndef PBX_BACKOFF_H
#define PBX_BACKOFF_H

#include "base/addr.h"
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

/* `key`: 16 secret bytes, the same in all workers. NULL: no memory. */
struct pbx_backoff *pbx_backoff_new(const uint8_t *key);
void pbx_backoff_free(struct pbx_backoff *);

/* May this answer be judged now? */
bool pbx_backoff_may(struct pbx_backoff *, const struct addr *source, str name, usec now);
/* It was wrong; it was right. */
void pbx_backoff_wrong(struct pbx_backoff *, const struct addr *source, str name, usec now);
void pbx_backoff_right(struct pbx_backoff *, const struct addr *source, str name, usec now);

/* ---- between workers ---- */

#define PBX_BACKOFF_WORDS 64 /* that wait to be told */

struct pbx_backoff_word {
	uint64_t pair, other; /* of a wrong one the name, of a right one exactly the address and port */
	bool right;
};

/* From now on there are words for others. */
void pbx_backoff_share(struct pbx_backoff *);
/* When they should be told; USEC_NEVER: nothing is. Wrong passwords almost at once, so that nobody guesses on
 * elsewhere; right ones, which are many, now and then. */
usec pbx_backoff_due(const struct pbx_backoff *);
/* Takes all that wait: 0 .. PBX_BACKOFF_WORDS of them. */
size_t pbx_backoff_take(struct pbx_backoff *, struct pbx_backoff_word *out, usec now);
/* What another worker has said. */
void pbx_backoff_hear(struct pbx_backoff *, const struct pbx_backoff_word *, usec now);

struct pbx_backoff_stats {
	uint64_t wrong;    /* passwords */
	uint64_t unjudged; /* came too early */
};
void pbx_backoff_stats(const struct pbx_backoff *, struct pbx_backoff_stats *out);

#endif
