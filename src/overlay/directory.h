/*
 * overlay/directory.h - the super nodes' table of who can be reached where.
 *
 * Put and find are operations with a number of the asker's: they begin here and end
 * as an outcome drained from overlay_directory_next, at once where this super node
 * alone is responsible, later where others must be asked. Today every key is kept
 * in the local table; asking other super nodes (Kademlia, 8 replicas) adds outcomes of a
 * third kind and a recv, and changes nothing for askers.
 *
 * Bounds: records in all; full: REFUSED (OVERLOADED), nobody is pushed out by a stranger. 8 devices
 * a user: a ninth takes the place of the user's own that has left, or else runs out first. At most 1024
 * operations are open.
 * Memory: the directory owns copies. Thread: its owner's.
 */
#ifndef OVERLAY_DIRECTORY_H
#define OVERLAY_DIRECTORY_H

#include "base/rng.h"
#include "overlay/record.h"

struct overlay_directory;

enum overlay_directory_kind {
	OVERLAY_DIRECTORY_STORED = 1, /* `replicas` copies are kept */
	OVERLAY_DIRECTORY_REFUSED,    /* the put failed: `refusal` */
	OVERLAY_DIRECTORY_FOUND,      /* `record[0..record_n)`; none: nobody there */
};

struct overlay_directory_outcome {
	enum overlay_directory_kind kind;
	uint64_t ask;
	enum overlay_refusal refusal;
	uint8_t replicas;
	str record[OVERLAY_FOUND_MAX]; /* as signed; the directory's, until its next call */
	size_t record_n;
	bool known; /* FOUND: there is such a name, or was, also where nobody is there */
};

struct overlay_directory_setup {
	struct overlay_domain network;
	uint8_t authority[OVERLAY_KEY_N];
	size_t record_max; /* ten times as many names are remembered */
	struct rng *rng;
};

struct overlay_directory *overlay_directory_new(const struct overlay_directory_setup *); /* NULL: no memory */
void overlay_directory_free(struct overlay_directory *);
/* One outcome with `ask` follows. The record is verified here; whose it may be is the asker's to say. A record without
 * points says that the device has left: it is kept for its seq, and not found. ERR_FULL: too many operations open. */
MUST_CHECK enum err overlay_directory_put(struct overlay_directory *, uint64_t ask, const struct overlay_record *,
					  usec now);
MUST_CHECK enum err overlay_directory_find(struct overlay_directory *, uint64_t ask, const uint8_t key[OVERLAY_KEY_N],
					   usec now);
/* There is a user with this key, whether devices are there or not. The directory learns the same from each record that
 * it took. ERR_FULL, ERR_MEMORY: it will say that it does not know the name. */
MUST_CHECK enum err overlay_directory_know(struct overlay_directory *, const uint8_t key[OVERLAY_KEY_N]);
void overlay_directory_tick(struct overlay_directory *, usec now); /* lets expired records go */
usec overlay_directory_due(const struct overlay_directory *);
bool overlay_directory_next(struct overlay_directory *, struct overlay_directory_outcome *out);
size_t overlay_directory_count(const struct overlay_directory *); /* records kept */

#endif
