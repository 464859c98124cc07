/*
 * sip/locate.h - where a SIP URI leads: servers in the order in which to try them.
 *
 * RFC 3263 section 4 (requests) and 5 (responses) with RFC 2782, without a socket: questions to the
 * name server leave by sip_locate_want() as RESOLVE, answers come in by sip_locate_recv(), lists come
 * out of sip_locate_next().
 *
 *     search = sip_locate_find(l, &wish, cookie, now);
 *     sip_locate_want(l, &want)      for the host
 *     sip_locate_recv(l, event, now) RESOLVED
 *     sip_locate_next(l, &found)     the list for `cookie`, once
 *
 * The owner tries found.places from the first; after a timeout, a 503 or a failed connection
 * (4.3) it says sip_locate_failed() and tries the next. Where such a place comes up again within
 * SIP_LOCATE_AVOID it stands behind all others; it is not left out, for it may be all there is.
 *
 * Order: by NAPTR order and preference, SRV priority and weight (drawn anew for each search), then the
 * addresses of a host with the families in turn, the machine's preference (RFC 6724) first.
 *
 * Answers are kept for their TTL (SIP_LOCATE_KEEP_MIN .. MAX), "no such record" for
 * SIP_LOCATE_KEEP_MIN. Bounds: SIP_LOCATE_SEARCHES at a time (beyond: 0), SIP_LOCATE_ANSWERS kept
 * (beyond: the one that ends first goes), SIP_LOCATE_DEAD places avoided (likewise), SIP_LOCATE_HOSTS
 * SRV targets and SIP_LOCATE_PLACES places of a search. A search ends SIP_LOCATE_PATIENCE after it
 * began with what is known by then, or SIP_LOCATE_STRAGGLERS after the first address was known.
 *
 * Memory: opaque. Thread: its owner's.
 */
#ifndef SIP_LOCATE_H
#define SIP_LOCATE_H

#include "base/host.h"
#include "base/rng.h"
#include "base/slab.h"
#include "sip/uri.h"
#include "sip/via.h"

#define SIP_LOCATE_SEARCHES   1024
#define SIP_LOCATE_ANSWERS    1024
#define SIP_LOCATE_DEAD       256
#define SIP_LOCATE_HOSTS      8
#define SIP_LOCATE_PLACES     16
#define SIP_LOCATE_NAME_MAX   253
#define SIP_LOCATE_KEEP_MIN   (5 * USEC_PER_SEC)
#define SIP_LOCATE_KEEP_MAX   (3600 * USEC_PER_SEC)
#define SIP_LOCATE_AVOID      (60 * USEC_PER_SEC)
#define SIP_LOCATE_REST_MAX   (600 * USEC_PER_SEC)
#define SIP_LOCATE_PATIENCE   (4 * USEC_PER_SEC)
#define SIP_LOCATE_STRAGGLERS (300 * USEC_PER_MS)

struct sip_locate;

struct sip_locate_config {
	struct rng *rng;              /* outlives it */
	enum transport transports[5]; /* those that we can send by, the one we like best first; 0 ends them */
	uint32_t id_first;            /* RESOLVE numbers are id_first .. id_first + SIP_LOCATE_ANSWERS - 1 */
};

/* What is looked for. Views; sip_locate_find copies. */
struct sip_locate_wish {
	str host;                 /* TARGET (4.): name, IPv4, or IPv6 in brackets */
	str name;                 /* what a certificate must bear (RFC 5922 4.): the URI's host, also where maddr leads
				     elsewhere */
	uint16_t port;            /* 0: not given */
	enum transport transport; /* 0: not given */
	bool secure;              /* sips: TLS all the way */
};

struct sip_place {
	enum transport transport;
	struct addr addr;
};

struct sip_found {
	handle search; /* as sip_locate_find gave it */
	uint64_t cookie;
	enum err err; /* ABSENT: the name leads nowhere; TIMEOUT, IO: the name server; UNSUPPORTED: no transport of ours
		       */
	struct sip_place places[SIP_LOCATE_PLACES]; /* n > 0 where err is NONE */
	size_t n;
};

/* NULL: no memory. */
struct sip_locate *sip_locate_new(const struct sip_locate_config *);
void sip_locate_free(struct sip_locate *);

/* Section 4: maddr before the host, transport=, sips (always TLS). ERR_UNSUPPORTED: no SIP URI, or a transport that
 * nobody knows. */
MUST_CHECK enum err sip_locate_wish_uri(const struct sip_uri *, struct sip_locate_wish *out);
/* Section 5: where an answer goes that cannot go back the way its request came: sent-by of the top Via. */
MUST_CHECK enum err sip_locate_wish_via(const struct sip_via *, struct sip_locate_wish *out);

/* Begins. The list comes by sip_locate_next, perhaps at once. 0: too many searches, or no memory. */
handle sip_locate_find(struct sip_locate *, const struct sip_locate_wish *, uint64_t cookie, usec now);
/* The search is not wanted any more: nothing comes of it. Harmless where it has ended. */
void sip_locate_forget(struct sip_locate *, handle search);
/* RESOLVED with a number of ours; others are ignored. */
void sip_locate_recv(struct sip_locate *, const struct host_event *, usec now);
void sip_locate_tick(struct sip_locate *, usec now);
usec sip_locate_due(const struct sip_locate *);
/* What to ask the name server; texts are valid until the next call into it. */
bool sip_locate_want(struct sip_locate *, struct host_want *out);
bool sip_locate_next(struct sip_locate *, struct sip_found *out);

/* It did not answer, refused the connection, or said 503: avoided for a while. */
void sip_locate_failed(struct sip_locate *, const struct sip_place *, usec now);
/* The same for as long as it asked for (Retry-After, RFC 3261 21.5.4): at most SIP_LOCATE_REST_MAX. */
void sip_locate_rest(struct sip_locate *, const struct sip_place *, usec span, usec now);
/* It answers again. */
void sip_locate_works(struct sip_locate *, const struct sip_place *);
bool sip_locate_is_avoided(const struct sip_locate *, const struct sip_place *, usec now);

#endif
