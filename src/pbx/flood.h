/*
 * pbx/flood.h - nobody takes the exchange for himself.
 *
 * What a stranger may cause is counted where it comes from: each refusal, challenge, malformed message and stranger's
 * call is charged to its source (an IPv4 address, or a /64 of IPv6) and, at PBX_FLOOD_NET times the allowance, to the
 * net around it (/24, /48). An allowance is a bucket that fills at `rate` units a second up to PBX_FLOOD_BURST seconds'
 * worth. Whose bucket is empty is not heard until it has filled.
 *
 * What has proved itself by a password costs nothing, and speaks for its source: for PBX_FLOOD_PROVED the
 * allowance there is PBX_FLOOD_BOOST times as large, so that an office of 500 phones behind one address may start all
 * at once. Who has proved itself from exactly this address and port in that time is heard even where a neighbour behind
 * the same address has emptied the bucket.
 *
 * Where several workers share the load, each has its share of every allowance: what a source causes is spread over
 * them by Call-ID (sip/transport.h), and who says the same Call-ID again and again has one worker's share.
 *
 * Bounded tables: of the few that compete for a place, that one is forgotten which loses least by it. While no bucket
 * is empty, a question costs one comparison.
 *
 * Memory: opaque. Thread: its owner's.
 */
#ifndef PBX_FLOOD_H
#define PBX_FLOOD_H

#include "base/addr.h"
#include "base/rng.h"
#include "base/time.h"

#define PBX_FLOOD_RATE    100 /* units a second, where nothing else is set */
#define PBX_FLOOD_BURST   10  /* seconds */
#define PBX_FLOOD_NET     16
#define PBX_FLOOD_BOOST   8
#define PBX_FLOOD_PROVED  (3600 * USEC_PER_SEC)
#define PBX_FLOOD_SOURCES 16384 /* sources and nets remembered at once */
#define PBX_FLOOD_FLOWS   65536 /* proved addresses and ports */

/* What things cost, in units. */
#define PBX_FLOOD_ANSWER    1 /* an answer to who has not proved itself */
#define PBX_FLOOD_MALFORMED 2
#define PBX_FLOOD_CALL      4  /* a stranger's call or message that is passed on */
#define PBX_FLOOD_WRONG     10 /* a wrong password */

struct pbx_flood;

/* `rate`: units a second and source, of all workers together; 0: nothing is counted. `worker_n`: how many there are.
 * NULL: no memory. */
struct pbx_flood *pbx_flood_new(uint32_t rate, uint16_t worker_n, struct rng *);
void pbx_flood_free(struct pbx_flood *);
/* Another rate from now on (settings that were read anew). */
void pbx_flood_set_rate(struct pbx_flood *, uint32_t rate);

/* May this source be heard? */
bool pbx_flood_open(struct pbx_flood *, const struct addr *source, usec now);
void pbx_flood_charge(struct pbx_flood *, const struct addr *source, unsigned units, usec now);
/* Somebody proved itself by a password, from exactly there. */
void pbx_flood_prove(struct pbx_flood *, const struct addr *source, usec now);
/* Has somebody, within PBX_FLOOD_PROVED? */
bool pbx_flood_proved(const struct pbx_flood *, const struct addr *source, usec now);

struct pbx_flood_stats {
	uint64_t shut;    /* questions that were answered no */
	uint64_t emptied; /* times that a bucket ran dry */
};
void pbx_flood_stats(const struct pbx_flood *, struct pbx_flood_stats *out);

#endif
