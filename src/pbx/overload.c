#include "pbx/overload.h"

#define LEVEL_MAX  195 /* a few calls always come through: they show whether it has passed */
#define LEVEL_UP   10
#define LEVEL_DOWN 5

void pbx_overload_init(struct pbx_overload *o, struct rng *rng)
{
	*o = (struct pbx_overload){ .rng = rng, .rate = PBX_OVERLOAD_RATE };
}

/* Ends the interval that is over; those in which nothing was heard lower the level, too. */
static void settle(struct pbx_overload *o, usec now)
{
	if (now < o->interval_ends)
		return;
	bool stands = o->heard && (o->lost || o->least > PBX_OVERLOAD_TARGET);
	uint64_t quiet = (uint64_t)(now - o->interval_ends) / PBX_OVERLOAD_INTERVAL;

	uint32_t most = o->deferring ? 100 : LEVEL_MAX;
	if (stands && o->level < most)
		o->level = o->level + LEVEL_UP < most ? o->level + LEVEL_UP : most;
	else if (!stands)
		quiet++;
	o->level = quiet * LEVEL_DOWN < o->level ? o->level - (uint32_t)(quiet * LEVEL_DOWN) : 0;
	o->interval_ends = now + PBX_OVERLOAD_INTERVAL;
	o->heard = o->lost = false;
	if (quiet)
		o->last = 0;
}

void pbx_overload_waited(struct pbx_overload *o, usec waited, bool lost, bool deferring, usec now)
{
	settle(o, now);
	o->deferring = deferring;
	o->least = o->heard && o->least < waited ? o->least : waited;
	o->last = waited;
	o->lost |= lost;
	o->heard = true;
	o->heard_n++;
}

unsigned pbx_overload_refuses(struct pbx_overload *o, enum pbx_overload_class class, usec now)
{
	unsigned from = class == PBX_OVERLOAD_CALL ? 100 : 0;

	settle(o, now);
	if (class == PBX_OVERLOAD_DIALOG || o->level <= from)
		return 0;
	return o->level - from < 100 ? o->level - from : 100;
}

bool pbx_overload_admits(struct pbx_overload *o, enum pbx_overload_class class, usec now)
{
	unsigned percent = pbx_overload_refuses(o, class, now);

	return !percent || rng_below(o->rng, 100) >= percent;
}

uint32_t pbx_overload_after(struct pbx_overload *o)
{
	return 5 + rng_below(o->rng, 26);
}

bool pbx_overload_late(struct pbx_overload *o, usec now)
{
	settle(o, now);
	return o->last > PBX_OVERLOAD_LATE || o->lost;
}

/* The pace is the best that was seen, and gives way slowly to what is seen while some always wait: who is told to come
 * too early is refused once more, which costs little; who is told to come too late leaves us idle. Where more was read
 * than done, as when a crowd comes, it says how fast we read, and nothing of the pace. */
void pbx_overload_done(struct pbx_overload *o, size_t line_n, usec now)
{
	usec span = now - o->rate_since;

	o->done++;
	o->idle |= !line_n;
	if (span < USEC_PER_SEC / 4)
		return;
	if (span < USEC_PER_SEC) {
		uint32_t rate = (uint32_t)((uint64_t)o->done * USEC_PER_SEC / (uint64_t)span);

		if (rate > o->rate)
			o->rate = rate;
		else if (!o->idle && o->heard_n < o->done)
			o->rate -= (o->rate - rate) / 16;
	}
	o->rate_since = now;
	o->done = o->heard_n = 0;
	o->idle = false;
}

size_t pbx_overload_rate(const struct pbx_overload *o)
{
	return o->rate;
}

size_t pbx_overload_line_max(const struct pbx_overload *o)
{
	return (size_t)o->rate * PBX_OVERLOAD_LINE_S;
}

uint32_t pbx_overload_ticket(struct pbx_overload *o, size_t ahead, unsigned steps, usec now)
{
	usec earliest = now + (usec)ahead * USEC_PER_SEC / o->rate, most = PBX_OVERLOAD_AFTER * USEC_PER_SEC;

	if (o->ticket < earliest)
		o->ticket = earliest;
	o->ticket += steps * USEC_PER_SEC / o->rate;
	if (o->ticket - now > most) { /* too far away to be promised: somewhere in its second half */
		o->ticket = now + most;
		return PBX_OVERLOAD_AFTER / 2 + rng_below(o->rng, PBX_OVERLOAD_AFTER / 2 + 1);
	}
	return (uint32_t)((o->ticket - now + USEC_PER_SEC - 1) / USEC_PER_SEC);
}
