/*
 * net/ice.h - finds a way between two peers through whatever lies between: a full ICE agent.
 *
 * RFC 8445 for one stream of one component (rtcp-mux), with trickle (RFC 8838) and consent freshness
 * (RFC 7675). Nothing waits for a timer that an event can replace: checks start with the first pair,
 * also before the answer has come (a peer's check teaches us its address); the first pair that works
 * carries data at once (RFC 8445 12.1), so CONNECTED comes after one round trip; the controlling side
 * nominates as soon as no better pair can still win, or better ones have been silent for `patience`.
 * A peer that nominates aggressively (RFC 5245) or is ice-lite works.
 *
 * Sockets are numbers of the owner's. It hands in what demux says is STUN; everything to send comes
 * out of ice_next(). Media may flow on ice_pair() from CONNECTED on, and may be accepted from any
 * source for which ice_accepts() says yes (RFC 8445 12.2).
 *
 * Bounds: ICE_LOCAL_MAX, ICE_REMOTE_MAX, ICE_PAIR_MAX; further candidates are dropped, the pairs of
 * lowest priority first (RFC 8445 6.1.2.5). Thread: its owner's.
 */
#ifndef NET_ICE_H
#define NET_ICE_H

#include "base/addr.h"
#include "base/err.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/str.h"
#include "base/time.h"

#define ICE_LOCAL_MAX      16
#define ICE_REMOTE_MAX     32
#define ICE_PAIR_MAX       100
#define ICE_SERVER_MAX     4
#define ICE_UFRAG_N        8  /* of ours; a peer's 4..256 */
#define ICE_PWD_N          26 /* of ours; a peer's 22..256 */
#define ICE_FOUNDATION_MAX 32
#define ICE_CREDENTIAL_MAX 256

enum ice_type { ICE_HOST = 1, ICE_PEER_REFLEXIVE, ICE_REFLEXIVE, ICE_RELAY };

struct ice_candidate {
	enum ice_type type;
	struct addr addr;
	struct addr related; /* base of a reflexive, mapped address of a relay; family 0: none */
	uint32_t priority;
	char foundation[ICE_FOUNDATION_MAX + 1];
	uint32_t socket; /* local ones: the socket of the base */
};

struct ice;

struct ice_settings {
	bool controlling;                    /* the offerer's side, unless the peer is lite (RFC 8445 6.1.1) */
	struct rng *rng;                     /* crypt/random where strangers listen; must outlive the agent */
	const struct log *log;               /* may be NULL */
	struct addr servers[ICE_SERVER_MAX]; /* STUN servers for reflexive candidates */
	size_t server_n;
	usec ta;       /* pace of new checks; 0: 5 ms (RFC 8445 14.2 allows no less) */
	usec patience; /* 0: 250 ms */
};

/* NULL: no memory. */
struct ice *ice_new(const struct ice_settings *, usec now);
void ice_free(struct ice *); /* NULL is harmless */
str ice_ufrag(const struct ice *);
str ice_pwd(const struct ice *);
bool ice_is_controlling(const struct ice *); /* may change by role conflict (RFC 8445 7.3.1.1) */

/* A socket of ours, bound to `local` (a real address, not 0.0.0.0): a host candidate, and requests to
 * the STUN servers of its family. ERR_FULL; ERR_EXISTS; ERR_SYNTAX for an address that no peer can use. */
MUST_CHECK enum err ice_add_local(struct ice *, uint32_t socket, const struct addr *local, usec now);
/* No more sockets: GATHERED_ALL follows as soon as the servers have answered or been silent. */
void ice_end_local(struct ice *, usec now);
/* The peer's credentials (a=ice-ufrag, a=ice-pwd, a=ice-lite). New ones while others are set: the peer
 * restarts, and so must we: ERR_STATE until ice_restart(). ERR_SYNTAX: length (RFC 8839 5.4). */
MUST_CHECK enum err ice_set_remote(struct ice *, str ufrag, str pwd, bool lite, usec now);
/* At any time before ice_end_remote(). ERR_FULL; ERR_UNSUPPORTED for what is not a usable address. */
MUST_CHECK enum err ice_add_remote(struct ice *, const struct ice_candidate *, usec now);
/* End of candidates (RFC 8838 14.). Without it FAILED never comes, the owner's call timer decides. */
void ice_end_remote(struct ice *, usec now);
/* New credentials and checks with the same sockets (RFC 8445 9.); the pair in use stays in use until
 * the new CONNECTED. Remote credentials and candidates must be set again. */
void ice_restart(struct ice *, bool controlling, usec now);

void ice_recv(struct ice *, uint32_t socket, const struct addr *from, str datagram, usec now);
/* The network said that nobody is at `remote`. */
void ice_unreachable(struct ice *, uint32_t socket, const struct addr *remote, usec now);
void ice_tick(struct ice *, usec now);
usec ice_due(const struct ice *);

enum ice_do_kind {
	ICE_SEND = 1,     /* `bytes` from `socket` to `to`; valid until the next call */
	ICE_GATHERED,     /* `candidate` of ours to tell the peer; valid until the next call */
	ICE_GATHERED_ALL, /* that were all */
	ICE_CONNECTED,    /* send on `pair` from now on; also again when that changes (better, nominated, restart) */
	ICE_FAILED,       /* no pair works (ERR_UNREACHABLE), or consent is gone (ERR_TIMEOUT): stop sending */
};

struct ice_pair {
	uint32_t socket;
	struct addr local, remote; /* local: the base that we send from */
	struct addr mapped;        /* how our side looks to the peer */
	enum ice_type local_type, remote_type;
	usec rtt;       /* of the check that proved it */
	bool nominated; /* final, unless ICE restarts */
};

struct ice_do {
	enum ice_do_kind kind;
	uint32_t socket;
	struct addr to;
	str bytes;
	struct ice_candidate candidate;
	struct ice_pair pair;
	enum err err;
};
bool ice_next(struct ice *, struct ice_do *out); /* false: QUIET */

/* The selected pair; false: none yet, or consent has gone. */
bool ice_pair(const struct ice *, struct ice_pair *out);
/* Has a check proved that the peer is at `from` on `socket`: ours by its answer, or theirs by our password?
 * The latter alone is enough to listen (the peer may send as soon as it has our answer, and its packet may
 * overtake the answer to our own check), not to send. Quick for the pair in use. */
bool ice_accepts(const struct ice *, uint32_t socket, const struct addr *from);

#endif
