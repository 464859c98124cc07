#include "io/gather.h"

#define GOOD_ENOUGH 50 /* windows in a row, after which the next pause is a short one again */

static void judge(struct gather *g, usec now)
{
	if (!g->waits) {
		g->waits = g->rate >= GATHER_RATE * 1000 && now >= g->again_at;
		g->before = g->rate;
		return;
	}
	if (g->rate >= g->before - g->before / 5 && g->rate >= GATHER_RATE * 1000) {
		if (++g->good >= GOOD_ENOUGH)
			g->hold = 0;
		return;
	}
	g->waits = false;
	g->good = 0;
	g->hold = g->hold ? usec_min(2 * g->hold, GATHER_HOLDS) : GATHER_HOLD;
	g->again_at = now + g->hold;
}

void gather_heard(struct gather *g, size_t n, usec now)
{
	if (now - g->window_at >= GATHER_WINDOW) {
		g->rate = (uint64_t)g->window_n * USEC_PER_SEC / (uint64_t)(now - g->window_at);
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
	if (!g->waits || n == 0 || n >= GATHER_ENOUGH)
		return 0;
	/* Since the last read some have come already. */
	usec span = (usec)(GATHER_ENOUGH * (uint64_t)USEC_PER_SEC / g->before) - (now - g->read_at);
	return span < GATHER_MIN ? 0 : usec_min(span, GATHER_MAX);
}
