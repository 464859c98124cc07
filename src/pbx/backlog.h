/*
 * pbx/backlog.h - registrations that have been read and wait, as they came, for the time to do them.
 *
 * A socket gives out what came first, and behind all the phones of a town may lie a call. So while there is more than
 * can be done, REGISTERs are taken out of it unparsed and put here, which costs a tenth of doing them, and all else has
 * its turn at once. Nobody is told anything meanwhile: a 503 costs as much as it saves, and a phone asks on for 32 s
 * (RFC 3261 17.1.2.2). Repeats of what waits here are known by their names (pbx/crossed.h).
 *
 * First come, first served, but that those go first who have heard their challenge (pbx_guard_heard), and are half
 * done. Of eight that are taken one is from the others. What is older than PBX_BACKLOG_KEPT nobody waits for any
 * more; it is dropped when its turn comes.
 *
 * Bounded: in number, bytes, and requests of a source (an address, a /64 of IPv6; a few may share a count). Memory: the
 * owner embeds the struct; blocks are taken as they fill and freed as they empty. Thread: its owner's.
 */
#ifndef PBX_BACKLOG_H
#define PBX_BACKLOG_H

#include "base/host.h"
#include "base/map.h"
#include "base/rng.h"

#define PBX_BACKLOG_MAX     262144
#define PBX_BACKLOG_BYTES   (192u << 20)
#define PBX_BACKLOG_SOURCE  2048 /* of one source */
#define PBX_BACKLOG_SOURCES 4096
#define PBX_BACKLOG_LONGEST 8192                /* bytes of a request; longer ones do not wait here */
#define PBX_BACKLOG_KEPT    (30 * USEC_PER_SEC) /* 64 T1 less the time to answer */

struct pbx_backlog_block;

struct pbx_backlogged {
	struct map_node node; /* private: by name */
	struct pbx_backlogged *next;
	struct pbx_backlog_block *block;
	uint64_t name;
	usec came;
	struct addr remote, local;
	uint32_t id;
	uint16_t n, source;
	bool counted;
	char bytes[];
};

struct pbx_backlog {
	uint64_t key[2]; /* private, all of it */
	struct map names;
	struct pbx_backlog_queue {
		struct pbx_backlogged *first, **last;
	} fresh, proven;
	struct pbx_backlog_block *block; /* that is being filled */
	size_t bytes;
	unsigned turn;
	uint16_t of_source[PBX_BACKLOG_SOURCES];
};

enum pbx_backlog_answer {
	PBX_BACKLOG_KEPT_IT,
	PBX_BACKLOG_FULL,   /* or no memory, or it is too long */
	PBX_BACKLOG_GREEDY, /* enough of its source are here */
};

void pbx_backlog_init(struct pbx_backlog *, struct rng *);
void pbx_backlog_free(struct pbx_backlog *);

/* Is this a request that can wait? */
bool pbx_backlog_suits(str bytes);
/* Does one of this name wait? */
bool pbx_backlog_has(const struct pbx_backlog *, uint64_t name);
/* What pbx_backlog_put would say, but for want of memory: who is not taken need not be looked at. */
enum pbx_backlog_answer pbx_backlog_may(const struct pbx_backlog *, const struct host_event *, bool counted);
/* A HOST_DATAGRAM. `counted`: its source may not have more than PBX_BACKLOG_SOURCE here. `proven`: it goes first. */
MUST_CHECK enum pbx_backlog_answer pbx_backlog_put(struct pbx_backlog *, const struct host_event *, uint64_t name,
						   bool counted, bool proven, usec now);
/* Takes the one whose turn it is, and writes the event that it was; pbx_backlog_drop frees both. NULL: none waits. */
struct pbx_backlogged *pbx_backlog_take(struct pbx_backlog *, struct host_event *, usec now);
void pbx_backlog_drop(struct pbx_backlog *, struct pbx_backlogged *);
static inline size_t pbx_backlog_n(const struct pbx_backlog *b)
{
	return b->names.n;
}

#endif
