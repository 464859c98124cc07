/*
 * net/stun_server.h - tells strangers how they look from here: STUN Binding without credentials.
 *
 * RFC 8489 6.3.1 as a basic server (12.). Keeps no state per client, so it cannot be filled up; one
 * token bucket bounds the answers per second, and requests above it get none (the client repeats).
 * An answer is at most 44 bytes longer than its request: not worth anybody's forging an address.
 *
 * Memory: the owner embeds the struct. Thread: its owner's.
 */
#ifndef NET_STUN_SERVER_H
#define NET_STUN_SERVER_H

#include "base/addr.h"
#include "base/buf.h"
#include "base/time.h"

#define STUN_SERVER_ANSWER_MAX 128

struct stun_server {
	uint32_t rate; /* answers a second, also the burst */
	uint64_t answered, refused;
	double tokens; /* private */
	usec at;
};

void stun_server_init(struct stun_server *, uint32_t rate, usec now);
/* A datagram from `from`. true: `out` (empty, room for STUN_SERVER_ANSWER_MAX) holds the answer for it. */
bool stun_server_recv(struct stun_server *, const struct addr *from, str datagram, struct buf *out, usec now);

#endif
