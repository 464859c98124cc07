/*
 * pbx/offer.h - which digests whoever must prove itself is offered.
 *
 * RFC 8760 2.3 has a server offer all that it takes, the best on top, and a client answer the first that it knows.
 * Some give up instead at any that they do not know (libre 1, in baresip 0 and 1), and whoever gives up tries again
 * later, without an answer. So everyone is offered all, but those known to give up; who comes back within
 * PBX_OFFER_BACK having answered nothing is offered MD5 alone, and again for as long as it is heard of
 * every PBX_OFFER_KEPT. Who answers what it was offered in full is forgotten.
 *
 * Bounded: a newcomer takes the place of whoever has its slot, who is then offered all again. Whoever can speak for
 * another's address can have it offered MD5; where that matters, MD5 is to be forbidden.
 *
 * Memory: the owner embeds the struct and frees nothing. Thread: its owner's.
 */
#ifndef PBX_OFFER_H
#define PBX_OFFER_H

#include "base/rng.h"
#include "base/time.h"
#include "sip/msg.h"

#define PBX_OFFERS_MAX 4096
#define PBX_OFFER_SOON USEC_PER_SEC /* earlier it is not coming back, but asking several things at once */
#define PBX_OFFER_BACK (10 * 60 * USEC_PER_SEC)
#define PBX_OFFER_KEPT (2 * 3600 * USEC_PER_SEC) /* longer than most registrations */

struct pbx_offers {
	uint64_t key[2]; /* private, all of it */
	struct pbx_offer {
		uint64_t who; /* hash of address and From; 0: free */
		usec at;
		bool simple;
	} table[PBX_OFFERS_MAX];
};

void pbx_offers_init(struct pbx_offers *, struct rng *);
/* To be asked when a request from `source` is challenged. true: MD5 alone. */
bool pbx_offers_simple(struct pbx_offers *, struct sip_msg *, const struct addr *source, usec now);
/* What it was told then, to tell it again: a repeat of a request is no coming back. */
bool pbx_offers_told(const struct pbx_offers *, struct sip_msg *, const struct addr *source);
/* It has answered, and rightly. */
void pbx_offers_answered(struct pbx_offers *, struct sip_msg *, const struct addr *source, usec now);

#endif
