/*
 * overlay/supernode.h - carries the signalling and the directory of nodes that nobody can reach.
 *
 * A host_service: TLS listener for flows, STUN on UDP, directory, and a SIP proxy
 * without state that only knows flow tokens (docs/wire/overlay.md, SIP through super
 * nodes; RFC 3261 16.11, RFC 5626 5). It reads no sealed body.
 *
 * Every bound is a cap of its owner's (struct overlay_supernode_caps) and has an answer: too many
 * flows: BYE(OVERLOADED) with a jittered retry-after; too many messages: 503; directory full:
 * REFUSED(OVERLOADED). It sheds; it never shuts off.
 *
 * Memory: owns everything; free it after its host. Thread: its host's.
 */
#ifndef OVERLAY_SUPERNODE_H
#define OVERLAY_SUPERNODE_H

#include "base/host.h"
#include "base/log.h"
#include "base/rng.h"
#include "overlay/record.h"

struct overlay_supernode;

/* What the owner of the machine lets it take. 0: the default. */
struct overlay_supernode_caps {
	uint32_t flow_max;       /* standing flows; 10000 */
	uint32_t flows_per_user; /* 8 */
	uint32_t record_max;     /* 100000 */
	uint32_t sip_per_s;      /* SIP messages of one flow a second, with a burst of twice that; 50 */
	uint32_t requests_per_s; /* STORE and FIND of one flow a second; 20 */
	uint32_t kbit_per_s;     /* of all SIP together; 20000 */
	uint32_t link_max;       /* flows to other super nodes; 256 */
};

struct overlay_supernode_setup {
	struct overlay_network network;
	struct addr listen;         /* TLS */
	uint16_t tls;               /* credential set of the listener, ALPN OVERLAY_ALPN */
	uint16_t tls_out;           /* of flows to other super nodes */
	struct addr stun;           /* UDP; unset: no STUN */
	struct addr advertised;     /* as nodes and other super nodes reach the listener; unset: as bound */
	uint8_t pin[OVERLAY_KEY_N]; /* of the listener's own certificate */
	uint8_t token_key[32];      /* flow tokens; kept over restarts by the owner so that calls survive them */
	uint32_t token_epoch;
	const struct overlay_certificate *certificate; /* for HELLO to other super nodes; NULL: opens none */
	const struct sign_pair *device;                /* with certificate */
	bool keeps; /* the keeper of this host has the accounts: it is asked which names there are (else only those
		       whose devices have been here are known, to tell who is away from who is nobody) */
	struct overlay_supernode_caps caps;
	struct rng *rng;       /* a true one; outlives the service */
	const struct log *log; /* may be NULL */
};

struct overlay_supernode_stats {
	uint32_t flows, links, records; /* now */
	uint64_t hellos, refused, stored, found, missed;
	uint64_t sip_forwarded, sip_bytes, sip_dropped, sip_answered; /* answered by ourselves: 4xx, 5xx */
	uint64_t shed;
	uint64_t stun_answered;
	struct addr bound, stun_bound;
};

struct overlay_supernode *overlay_supernode_new(const struct overlay_supernode_setup *, usec now); /* NULL: no memory */
void overlay_supernode_free(struct overlay_supernode *);
struct host_service overlay_supernode_service(struct overlay_supernode *);
void overlay_supernode_stats(const struct overlay_supernode *, struct overlay_supernode_stats *out);

#endif
