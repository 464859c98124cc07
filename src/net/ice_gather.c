#include "net/ice_gather.h"

#define RTO        (500 * USEC_PER_MS) /* RFC 8445 14.3 */
#define SENDS_MAX  3
#define KEEP_EVERY (15 * USEC_PER_SEC)

void ice_gather_add(struct ice_gather *g, size_t base, size_t server)
{
	if (g->n < ICE_GATHER_MAX)
		g->asks[g->n++] =
			(struct ice_ask){ .base = (uint8_t)base, .server = (uint8_t)server, .repeat_at = USEC_NEVER };
}

struct ice_ask *ice_gather_fresh(struct ice_gather *g)
{
	for (size_t i = 0; i < g->n; i++)
		if (!g->asks[i].begun)
			return &g->asks[i];
	return NULL;
}

struct ice_ask *ice_gather_repeat(struct ice_gather *g, bool keep, usec now)
{
	for (size_t i = 0; i < g->n; i++) {
		struct ice_ask *ask = &g->asks[i];

		if (ask->repeat_at > now)
			continue;
		if (ask->sends < SENDS_MAX && (keep || !ask->answered))
			return ask;
		ask->over = true;
		ask->repeat_at = USEC_NEVER;
	}
	return NULL;
}

void ice_gather_write(struct ice_ask *ask, struct rng *rng, struct buf *b, usec now)
{
	if (!ask->begun)
		rng_fill(rng, ask->id, STUN_ID_N);
	ask->begun = true;
	ask->rto = ask->sends++ ? ask->rto * 2 : RTO;
	ask->repeat_at = usec_add(now, ask->rto);
	stun_begin(b, STUN_REQUEST, STUN_BINDING, ask->id);
	stun_end_fingerprint(b);
}

struct ice_ask *ice_gather_find(struct ice_gather *g, const uint8_t id[STUN_ID_N])
{
	for (size_t i = 0; i < g->n; i++)
		if (g->asks[i].begun && memcmp(g->asks[i].id, id, STUN_ID_N) == 0)
			return &g->asks[i];
	return NULL;
}

bool ice_gather_answer(struct ice_ask *ask, const struct stun_msg *m, usec now, struct addr *mapped)
{
	ask->over = true;
	ask->repeat_at = USEC_NEVER;
	if (m->class != STUN_SUCCESS || m->unknown_n || !stun_find_addr(m, STUN_XOR_MAPPED_ADDRESS, mapped))
		return false;
	ask->answered = true;
	ask->sends = 0;
	ask->repeat_at = usec_add(now, KEEP_EVERY);
	return true;
}

bool ice_gather_over(const struct ice_gather *g)
{
	for (size_t i = 0; i < g->n; i++)
		if (!g->asks[i].over)
			return false;
	return true;
}

usec ice_gather_due(const struct ice_gather *g, usec fresh_at)
{
	usec due = USEC_NEVER;

	for (size_t i = 0; i < g->n; i++)
		due = usec_min(due, g->asks[i].begun ? g->asks[i].repeat_at : fresh_at);
	return due;
}
