/*
 * call/candidate.h - ICE candidates, as the agent (net/ice) has them and as descriptions (sdp) carry them.
 *
 * Pure functions; component 1 only (RTP and RTCP share it wherever there is ICE).
 */
#ifndef CALL_CANDIDATE_H
#define CALL_CANDIDATE_H

#include "net/ice.h"
#include "sdp/offer.h"

enum sdp_candidate_kind candidate_kind(enum ice_type);
struct sdp_offer_candidate candidate_to_sdp(const struct ice_candidate *);
struct ice_candidate candidate_from_sdp(const struct sdp_offer_candidate *);
/* RFC 8445 5.1.3.2's default, for c= and m=: what works most often, so reflexive before host, and IPv4. n > 0. */
const struct ice_candidate *candidate_default(const struct ice_candidate *, size_t n);

#endif
