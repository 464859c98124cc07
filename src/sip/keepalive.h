/*
 * sip/keepalive.h - STUN on the socket that SIP uses: is the way still open, and still the same?
 *
 * RFC 5626 4.4.2 and 5.4: a datagram whose first two bits are zero and that bears the magic cookie is STUN (RFC 8489
 * 6.) and no SIP. A Binding request is answered with the address that it came from; of our own requests comes PONG,
 * or GONE: no answer after 39.5 s (RFC 8489 6.2.1), or one that names another address than the last one did - the
 * NAT has given us a new one, and whoever knows the old one cannot reach us.
 * These 20 and 44 bytes are all of STUN that SIP needs; the protocol itself is in net/stun, and sip and net stay
 * strangers.
 *
 * Bounds: SIP_KEEPALIVE_MAX ways watched; beyond, the one asked longest ago is forgotten.
 * Memory: the owner embeds the struct, zeroed; nothing to free. Thread: its owner's.
 */
#ifndef SIP_KEEPALIVE_H
#define SIP_KEEPALIVE_H

#include "base/host.h"
#include "base/rng.h"

#define SIP_KEEPALIVE_MAX    64
#define SIP_KEEPALIVE_ANSWER 128 /* bytes of an answer, at most */
#define SIP_KEEPALIVE_ID     12
#define SIP_KEEPALIVE_TRIES  7

/* Is this datagram STUN? */
bool sip_keepalive_is(str datagram);
/* The answer to a Binding request from `from`; false: none is due (no request, malformed). */
bool sip_keepalive_answer(str request, const struct addr *from, struct buf *out);

/* One way, asked now and then. */
struct sip_keepalive_way {
	struct flow flow; /* transport 0: free */
	uint8_t id[SIP_KEEPALIVE_ID];
	usec asked, next; /* when last; when again, USEC_NEVER: it was answered */
	unsigned tries;
	bool send, gone, pong; /* to be said */
	enum err why;
	struct addr mapped; /* how we look from there; unset: not known */
};

struct sip_keepalive {
	struct sip_keepalive_way ways[SIP_KEEPALIVE_MAX]; /* private */
	size_t n;                                         /* used once, from the first on */
};

enum sip_keepalive_step {
	SIP_KEEPALIVE_QUIET = 0,
	SIP_KEEPALIVE_SEND, /* `bytes` by `flow` */
	SIP_KEEPALIVE_PONG, /* `flow` is open */
	SIP_KEEPALIVE_GONE, /* it is not: ERR_TIMEOUT; ERR_STATE: our address has changed; it is forgotten */
};

struct sip_keepalive_do {
	enum sip_keepalive_step step;
	struct flow flow;
	uint8_t bytes[20];
	enum err err;
};

/* Asks; while an answer is out, does nothing. */
void sip_keepalive_start(struct sip_keepalive *, const struct flow *, struct rng *, usec now);
/* An answer that came by `flow`. */
void sip_keepalive_recv(struct sip_keepalive *, const struct flow *, str datagram);
void sip_keepalive_tick(struct sip_keepalive *, usec now);
usec sip_keepalive_due(const struct sip_keepalive *);
enum sip_keepalive_step sip_keepalive_next(struct sip_keepalive *, struct sip_keepalive_do *out);

#endif
