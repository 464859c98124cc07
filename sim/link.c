#include "sim/link.h"

const struct sim_link sim_link_plain = { .delay = 10 * USEC_PER_MS };

static bool draw(struct rng *rng, uint32_t ppm)
{
	return ppm && rng_below(rng, SIM_MILLION) < ppm;
}

static usec spread(struct rng *rng, usec most)
{
	return most > 0 ? (usec)(rng_u64(rng) % (uint64_t)(most + 1)) : 0;
}

/* Later than what went before: a queue keeps its order. */
static usec in_order(usec at, usec *last)
{
	if (at <= *last)
		at = *last + 1;
	*last = at;
	return at;
}

int sim_link_datagram(const struct sim_link *l, struct rng *rng, usec now, usec *last, usec at[2])
{
	if (draw(rng, l->loss_ppm))
		return 0;
	usec first = now + l->delay + spread(rng, l->jitter);
	at[0] = draw(rng, l->reorder_ppm) ? first + spread(rng, 3 * l->delay) : in_order(first, last);
	if (!draw(rng, l->duplicate_ppm))
		return 1;
	at[1] = at[0] + 1 + spread(rng, l->delay);
	return 2;
}

usec sim_link_segment(const struct sim_link *l, struct rng *rng, usec now, usec *last)
{
	usec wait = 200 * USEC_PER_MS;
	for (int tries = 0; tries < 9; tries++) {
		if (!draw(rng, l->loss_ppm))
			return in_order(now + l->delay + spread(rng, l->jitter), last);
		now += wait;
		wait *= 2;
	}
	return USEC_NEVER;
}
