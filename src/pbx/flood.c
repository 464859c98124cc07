#include "pbx/flood.h"

#include <stdlib.h>

#define WAYS     4 /* places that an address may have */
#define MILLI    1000
#define RATE_MAX 1000000
#define RATE_MIN 200 /* milliunits: a bucket must hold something */

/* A bucket, as it was at `at`. */
struct bucket {
	uint64_t who; /* hash of the source; 0: free */
	usec at, proved_at;
	int64_t milliunits; /* below 1: empty */
};

struct proved {
	uint32_t mark; /* of a hash; 0 at_s: free */
	uint32_t at_s;
};

struct pbx_flood {
	int64_t rate; /* milliunits a second, of this worker */
	uint16_t worker_n;
	uint64_t key[2];
	usec empty_until; /* from then on no bucket is empty */
	struct pbx_flood_stats stats;
	struct bucket buckets[PBX_FLOOD_SOURCES];
	struct proved flows[PBX_FLOOD_FLOWS];
};

/* How much one kind of source is allowed. */
struct allowance {
	int64_t rate, top; /* milliunits a second; milliunits */
};

struct pbx_flood *pbx_flood_new(uint32_t rate, uint16_t worker_n, struct rng *rng)
{
	struct pbx_flood *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->worker_n = worker_n ? worker_n : 1;
	pbx_flood_set_rate(f, rate);
	rng_fill(rng, f->key, sizeof(f->key));
	return f;
}

void pbx_flood_free(struct pbx_flood *f)
{
	free(f);
}

void pbx_flood_set_rate(struct pbx_flood *f, uint32_t rate)
{
	int64_t share = (int64_t)(rate < RATE_MAX ? rate : RATE_MAX) * MILLI / f->worker_n;

	f->rate = rate && share < RATE_MIN ? RATE_MIN : share;
}

/* The source that an address stands for, or the net around it: one subscriber of IPv6 has at least a /64. */
static uint64_t who_is(const struct pbx_flood *f, const struct addr *source, bool net)
{
	struct addr a = *source;
	size_t keep = a.family == 4 ? (net ? 3 : 4) : (net ? 6 : 8);

	a.port = net;
	memset(a.ip + keep, 0, sizeof(a.ip) - keep);
	return addr_hash(&a, f->key) | 1;
}

static bool is_proved(const struct bucket *b, usec now)
{
	return b->proved_at && now - b->proved_at < PBX_FLOOD_PROVED;
}

static struct allowance allowance_of(const struct pbx_flood *f, const struct bucket *b, bool net, usec now)
{
	int64_t rate = f->rate * (net ? PBX_FLOOD_NET : 1) * (is_proved(b, now) ? PBX_FLOOD_BOOST : 1);

	return (struct allowance){ rate, rate * PBX_FLOOD_BURST };
}

/* What it holds now. */
static int64_t level(const struct bucket *b, const struct allowance *a, usec now)
{
	usec span = now > b->at ? now - b->at : 0;

	if (span >= 2 * PBX_FLOOD_BURST * USEC_PER_SEC)
		return a->top;
	int64_t held = b->milliunits + span * a->rate / USEC_PER_SEC;
	return held < a->top ? held : a->top;
}

static struct bucket *find(const struct pbx_flood *f, uint64_t who)
{
	const struct bucket *row = &f->buckets[(who >> 8) % (PBX_FLOOD_SOURCES / WAYS) * WAYS];

	for (int i = 0; i < WAYS; i++)
		if (row[i].who == who)
			return (struct bucket *)(uintptr_t)&row[i];
	return NULL;
}

/* What is forgotten is full again: so the fullest goes, and among the full ones whoever has not proved itself. */
static struct bucket *make(struct pbx_flood *f, uint64_t who, bool net, usec now)
{
	struct bucket *row = &f->buckets[(who >> 8) % (PBX_FLOOD_SOURCES / WAYS) * WAYS], *place = NULL;
	int64_t most = INT64_MIN;

	for (int i = 0; i < WAYS; i++) {
		struct allowance a = allowance_of(f, &row[i], false, now);
		int64_t worth = row[i].who ? level(&row[i], &a, now) - a.top : INT64_MAX;

		if (row[i].who && is_proved(&row[i], now))
			worth -= a.top / 2;
		if (place && worth <= most)
			continue;
		most = worth;
		place = &row[i];
	}
	*place = (struct bucket){ .who = who, .at = now };
	struct allowance a = allowance_of(f, place, net, now);
	place->milliunits = a.top;
	return place;
}

static bool is_empty(const struct pbx_flood *f, const struct addr *source, bool net, usec now)
{
	const struct bucket *b = find(f, who_is(f, source, net));

	if (!b)
		return false;
	struct allowance a = allowance_of(f, b, net, now);
	return level(b, &a, now) < MILLI;
}

bool pbx_flood_open(struct pbx_flood *f, const struct addr *source, usec now)
{
	if (now >= f->empty_until || !f->rate)
		return true;
	if ((!is_empty(f, source, false, now) && !is_empty(f, source, true, now)) || pbx_flood_proved(f, source, now))
		return true;
	f->stats.shut++;
	return false;
}

static void charge(struct pbx_flood *f, const struct addr *source, bool net, unsigned units, usec now)
{
	uint64_t who = who_is(f, source, net);
	struct bucket *b = find(f, who);

	b = b ? b : make(f, who, net, now);
	struct allowance a = allowance_of(f, b, net, now);
	int64_t held = level(b, &a, now), left = held - (int64_t)units * MILLI;
	/* What was on its way already may overdraw it, but not for ever: it opens again after a second at most. */
	b->milliunits = left > -a.rate ? left : -a.rate;
	b->at = now;
	if (b->milliunits >= MILLI)
		return;
	f->stats.emptied += held >= MILLI;
	usec until = now + (MILLI - b->milliunits) * USEC_PER_SEC / a.rate + 1;
	if (until > f->empty_until)
		f->empty_until = until;
}

void pbx_flood_charge(struct pbx_flood *f, const struct addr *source, unsigned units, usec now)
{
	if (!f->rate)
		return;
	charge(f, source, false, units, now);
	charge(f, source, true, units, now);
}

static void prove(struct pbx_flood *f, const struct addr *source, bool net, usec now)
{
	uint64_t who = who_is(f, source, net);
	struct bucket *b = find(f, who);

	b = b ? b : make(f, who, net, now);
	bool before = is_proved(b, now);
	struct allowance a = allowance_of(f, b, net, now);
	int64_t held = level(b, &a, now);
	b->milliunits = held + PBX_FLOOD_ANSWER * MILLI; /* the challenge that it has answered */
	b->at = now;
	b->proved_at = now;
	if (!before) /* what the larger bucket holds more */
		b->milliunits += (PBX_FLOOD_BOOST - 1) * a.top;
}

static struct proved *flow_of(const struct pbx_flood *f, const struct addr *source, uint32_t *mark)
{
	uint64_t h = addr_hash(source, f->key);

	*mark = (uint32_t)(h >> 32);
	return (struct proved *)(uintptr_t)&f->flows[h % PBX_FLOOD_FLOWS];
}

void pbx_flood_prove(struct pbx_flood *f, const struct addr *source, usec now)
{
	uint32_t mark, at_s = (uint32_t)(now / USEC_PER_SEC);

	if (!f->rate)
		return;
	struct proved *p = flow_of(f, source, &mark);
	if (p->mark == mark && at_s - p->at_s < 60 && now >= f->empty_until)
		return; /* has just been said */
	*p = (struct proved){ mark, at_s };
	prove(f, source, false, now);
	prove(f, source, true, now);
}

bool pbx_flood_proved(const struct pbx_flood *f, const struct addr *source, usec now)
{
	uint32_t mark;
	const struct proved *p = flow_of(f, source, &mark);

	return p->at_s && p->mark == mark && now / USEC_PER_SEC - p->at_s < PBX_FLOOD_PROVED / USEC_PER_SEC;
}

void pbx_flood_stats(const struct pbx_flood *f, struct pbx_flood_stats *out)
{
	*out = f->stats;
}
