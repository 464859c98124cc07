#include "pbx/throttle.h"

#include "sip/uri.h"

static struct pbx_throttled *find(struct pbx_throttle *t, const struct addr *addr)
{
	for (size_t i = 0; i < t->n; i++)
		if (addr_eq(&t->list[i].addr, addr))
			return &t->list[i];
	return NULL;
}

static struct pbx_throttled *make(struct pbx_throttle *t, const struct addr *addr)
{
	struct pbx_throttled *place = find(t, addr);

	if (place)
		return place;
	if (t->n < PBX_THROTTLE_MAX)
		place = &t->list[t->n++];
	for (size_t i = 0; !place || i < t->n; i++)
		if (!place || t->list[i].until < place->until)
			place = &t->list[i];
	*place = (struct pbx_throttled){ .addr = *addr, .some = { 8, 2 } }; /* 7.2: "a reasonable default" */
	return place;
}

/* "1282321615.782": seconds and at most five digits behind the point, as one number. */
static bool read_seq(str text, uint64_t *out)
{
	str whole, rest;
	uint64_t seconds = 0, part = 0;
	bool has = str_split(text, '.', &whole, &rest);

	if (!whole.n || whole.n > 12 || rest.n > 5 || (has && !rest.n))
		return false;
	for (size_t i = 0; i < whole.n; i++) {
		if (whole.p[i] < '0' || whole.p[i] > '9')
			return false;
		seconds = seconds * 10 + (uint64_t)(whole.p[i] - '0');
	}
	for (size_t i = 0; i < 5; i++) {
		if (i < rest.n && (rest.p[i] < '0' || rest.p[i] > '9'))
			return false;
		part = part * 10 + (i < rest.n ? (uint64_t)(rest.p[i] - '0') : 0);
	}
	*out = seconds * 100000 + part;
	return true;
}

/* 5.4: news? A number of that size is a sequence that begins anew (4.4). */
static bool is_news(const struct pbx_throttled *e, uint64_t seq)
{
	return !seq || seq > e->seq || seq < e->seq / 2;
}

void pbx_throttle_hear(struct pbx_throttle *t, const struct addr *addr, str params, usec now)
{
	usec valid = PBX_THROTTLE_VALID;
	uint32_t percent, valid_ms;
	uint64_t seq = 0;
	str value;

	if (!sip_param_find(params, STR("oc"), &value) || !str_u32(value, 100, &percent))
		return;
	if (sip_param_find(params, STR("oc-algo"), &value) && !str_eq_nocase(value, STR("\"loss\"")))
		return; /* 5.1: none that we have offered */
	if (sip_param_find(params, STR("oc-seq"), &value) && !read_seq(value, &seq))
		return;
	if (sip_param_find(params, STR("oc-validity"), &value) && str_u32(value, UINT32_MAX, &valid_ms))
		valid = usec_min((usec)valid_ms * USEC_PER_MS, PBX_THROTTLE_LONG);
	struct pbx_throttled *e = find(t, addr);
	if (!e && (!percent || !valid))
		return;
	e = e ? e : make(t, addr);
	if (now < e->until && !is_news(e, seq)) /* 5.4, 5.7: what it said before counts only as long as it is valid */
		return;
	e->seq = seq;
	e->percent = percent;
	e->until = now + valid;
}

/* 7.2: the percentage is of all requests, and is taken from those that begin something as far as they suffice. */
static uint32_t share(const struct pbx_throttled *e, bool inside)
{
	uint64_t all = 10u * e->percent * ((uint64_t)e->some[0] + e->some[1]), first = 1000u * (uint64_t)e->some[0];

	if (!inside)
		return all < first ? (uint32_t)(all / e->some[0]) : 1000;
	return all > first ? (uint32_t)((all - first) / e->some[1]) : 0;
}

static void count(struct pbx_throttled *e, bool inside)
{
	if (e->some[0] + e->some[1] >= 1000)
		for (int i = 0; i < 2; i++)
			e->some[i] = e->some[i] / 2 + 1;
	e->some[inside]++;
}

bool pbx_throttle_spares(struct pbx_throttle *t, const struct addr *addr, bool inside, struct rng *rng, usec now)
{
	struct pbx_throttled *e = t->n ? find(t, addr) : NULL;

	if (!e || now >= e->until || !e->percent)
		return false;
	count(e, inside);
	return rng_below(rng, 1000) < share(e, inside);
}
