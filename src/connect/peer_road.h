/*
 * connect/peer_road.h - the overlay as a road for agents.
 *
 * Puts an overlay node (overlay/node.h) behind call/road.h: looking up is asking the
 * directory, a flow is the node's flow to its super node, bodies are sealed inside
 * the node.
 *
 * Memory: opaque; outlives its agent. Thread: its agent's.
 */
#ifndef CONNECT_PEER_ROAD_H
#define CONNECT_PEER_ROAD_H

#include "call/road.h"
#include "overlay/node.h"

#define PEER_ROAD_STATE "node" /* name of the node's state at the keeper; its owner is "node:" and the user */

struct peer_road;

/* `setup` as for overlay_node_new, but stream_first is chosen here. Its errors. */
MUST_CHECK enum err peer_road_new(const struct overlay_node_setup *setup, usec now, struct peer_road **out);
void peer_road_free(struct peer_road *);
const struct road *peer_road_face(const struct peer_road *);

#endif
