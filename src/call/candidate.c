#include "call/candidate.h"

enum sdp_candidate_kind candidate_kind(enum ice_type type)
{
	switch (type) {
	case ICE_HOST:
		return SDP_HOST;
	case ICE_PEER_REFLEXIVE:
		return SDP_PRFLX;
	case ICE_REFLEXIVE:
		return SDP_SRFLX;
	case ICE_RELAY:
		break;
	}
	return SDP_RELAY;
}

static enum ice_type type_of(enum sdp_candidate_kind kind)
{
	switch (kind) {
	case SDP_HOST:
		return ICE_HOST;
	case SDP_PRFLX:
		return ICE_PEER_REFLEXIVE;
	case SDP_SRFLX:
		return ICE_REFLEXIVE;
	case SDP_RELAY:
		break;
	}
	return ICE_RELAY;
}

struct sdp_offer_candidate candidate_to_sdp(const struct ice_candidate *c)
{
	struct sdp_offer_candidate out = { .component = 1,
					   .priority = c->priority,
					   .addr = c->addr,
					   .kind = candidate_kind(c->type),
					   .related = c->related };

	str_copy_z(str_from(c->foundation), out.foundation, sizeof(out.foundation));
	return out;
}

struct ice_candidate candidate_from_sdp(const struct sdp_offer_candidate *c)
{
	struct ice_candidate out = {
		.type = type_of(c->kind), .addr = c->addr, .related = c->related, .priority = c->priority
	};

	str_copy_z(str_from(c->foundation), out.foundation, sizeof(out.foundation));
	return out;
}

static int rank(const struct ice_candidate *c)
{
	return (c->type == ICE_REFLEXIVE) + 2 * (c->addr.family == 4);
}

const struct ice_candidate *candidate_default(const struct ice_candidate *c, size_t n)
{
	const struct ice_candidate *best = c;

	for (size_t i = 1; i < n; i++)
		if (rank(&c[i]) > rank(best))
			best = &c[i];
	return best;
}
