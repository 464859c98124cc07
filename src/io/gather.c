#include "io/gather.h"

static bool is_busy(const struct gather *g)
{
	return g->rate >= GATHER_RATE * 1000;
}

static void wait_for(struct gather *g, unsigned windows)
{
	g->state = GATHER_WAITS;
	g->calm = g->left = windows;
}

static void give_up(struct gather *g, usec now)
{
	g->state = GATHER_READS;
	g->hold = g->hold ? usec_min(2 * g->hold, GATHER_HOLDS) : GATHER_HOLD;
	g->again_at = now + g->hold;
	g->slower = 1; /* next time it takes less to be sure */
}

/* This window was without waiting, and the one before with it. */
static void compare(struct gather *g, usec now)
{
	/* A wave more or less in a window is a fifth. */
	bool slower = g->rate > g->with + g->with / 3;
	if (!is_busy(g)) {
		g->state = GATHER_READS;
	} else if (!slower) {
		g->slower = 0;
		if (g->calm == GATHER_CALM)
			g->hold = 0;
		wait_for(g, g->calm < GATHER_CALM ? 4 * g->calm : GATHER_CALM);
	} else if (++g->slower < GATHER_SURE) {
		wait_for(g, 1);
	} else {
		give_up(g, now);
	}
}

static void judge(struct gather *g, usec now)
{
	switch (g->state) {
	case GATHER_READS:
		if (is_busy(g) && now >= g->again_at)
			wait_for(g, 1);
		g->with = g->rate;
		break;
	case GATHER_WAITS:
		/* At the beginning `with` is still the rate without. */
		if (g->calm == 1 && g->slower == 0 && g->rate >= g->with - g->with / 8)
			wait_for(g, GATHER_CALM / 4);
		else if (--g->left == 0 || !is_busy(g))
			g->state = GATHER_LOOKS;
		g->with = g->rate;
		break;
	case GATHER_LOOKS:
		compare(g, now);
		break;
	}
}

void gather_heard(struct gather *g, size_t n, usec now)
{
	usec span = now - g->window_at;
	if (span >= GATHER_WINDOW || (g->window_n >= GATHER_WINDOW_N && span >= GATHER_WINDOW_MIN)) {
		g->rate = (uint64_t)g->window_n * USEC_PER_SEC / (uint64_t)span;
		judge(g, now);
		g->window_at = now;
		g->window_n = 0;
	}
	g->window_n += n;
	g->read_n += n;
	g->read_at = now;
}

usec gather_span(struct gather *g, usec now)
{
	size_t n = g->read_n;
	g->read_n = 0;
	if (g->state != GATHER_WAITS || n == 0 || n >= GATHER_ENOUGH)
		return 0;
	/* Since the last read some have come already. */
	usec span = (usec)(GATHER_ENOUGH * (uint64_t)USEC_PER_SEC / g->rate) - (now - g->read_at);
	return span < GATHER_MIN ? 0 : usec_min(span, GATHER_MAX);
}
