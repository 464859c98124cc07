/*
 * sip/sources.h - how many connections each address holds here.
 *
 * So that one stranger cannot take all streams there are (RFC 3261 26.3.2.4): a bound for each IPv4 address and each
 * IPv6 /64, which is what one customer of an access network is given. Not for datagrams: they hold nothing.
 *
 * Bounds: as many sources as the owner has streams. Memory: embedded; ended with sip_sources_free. Thread: its owner's.
 */
#ifndef SIP_SOURCES_H
#define SIP_SOURCES_H

#include "base/addr.h"
#include "base/map.h"
#include "base/rng.h"

struct sip_sources {
	struct map table; /* private */
	uint64_t key[2];
	uint32_t each_max;
};

/* `each_max` connections of a source, `max` sources. */
void sip_sources_init(struct sip_sources *, struct rng *, uint32_t each_max, uint32_t max);
void sip_sources_free(struct sip_sources *);
/* One more of this source. ERR_FULL: it has its share, and nothing is counted; ERR_MEMORY likewise. */
MUST_CHECK enum err sip_sources_add(struct sip_sources *, const struct addr *);
/* One less: once for each add that answered ERR_NONE. */
void sip_sources_remove(struct sip_sources *, const struct addr *);

#endif
