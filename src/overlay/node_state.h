/*
 * overlay/node_state.h - what a node must not forget: its keys, its certificate, its seq.
 *
 * One blob (a field list) that the node's owner keeps where only the person can read it. It
 * holds secrets: device key and seal keys; never a password.
 *
 * Memory: values; wipe with overlay_node_state_wipe. Thread: any.
 */
#ifndef OVERLAY_NODE_STATE_H
#define OVERLAY_NODE_STATE_H

#include "overlay/seal.h"

#define OVERLAY_NODE_STATE_MAX 32768
#define OVERLAY_CACHE_MAX      64 /* super nodes remembered */

struct overlay_node_state {
	struct sign_pair device;
	struct box_pair keys, keys_before;      /* seal keys; keys_before.key zero: none */
	struct overlay_certificate certificate; /* bytes_n 0: none yet */
	uint64_t seq;                           /* of the last record published */
	struct overlay_server cache[OVERLAY_CACHE_MAX];
	size_t cache_n;
};

/* A new device: keys made, nothing else. */
void overlay_node_state_make(struct overlay_node_state *, struct rng *);
/* ERR_SYNTAX, ERR_LIMIT, ERR_UNSUPPORTED (a later version's). */
MUST_CHECK enum err overlay_node_state_parse(str, struct overlay_node_state *out);
void overlay_node_state_write(const struct overlay_node_state *, struct buf *);
void overlay_node_state_wipe(struct overlay_node_state *);

#endif
