#include "pbx/tally.h"

#include "base/heap.h"
#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#define PARTS 8 /* of a span; and the one that is not over yet */

struct number {
	struct map_node node;
	struct number *older, *newer; /* by use */
	uint32_t held;
	uint32_t passed[PARTS + 1]; /* by part, a ring */
	int64_t part;               /* the newest, counted from 1970 */
};

struct lease {
	struct map_node node;
	struct heap_item end;
	struct number *of;
	uint64_t lease;
};

struct pbx_tally {
	struct map numbers, leases;
	struct heap ends;
	struct number *oldest, *newest;
	uint64_t mix;
};

struct pbx_tally *pbx_tally_new(struct rng *rng)
{
	struct pbx_tally *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	map_init(&t->numbers, PBX_TALLY_MAX);
	map_init(&t->leases, PBX_TALLY_MAX);
	heap_init(&t->ends);
	rng_fill(rng, &t->mix, sizeof(t->mix));
	return t;
}

/* ---- numbers ---- */

static void unlink_number(struct pbx_tally *t, struct number *n)
{
	*(n->older ? &n->older->newer : &t->oldest) = n->newer;
	*(n->newer ? &n->newer->older : &t->newest) = n->older;
}

static void link_newest(struct pbx_tally *t, struct number *n)
{
	n->older = t->newest;
	n->newer = NULL;
	*(t->newest ? &t->newest->newer : &t->oldest) = n;
	t->newest = n;
}

static void forget(struct pbx_tally *t, struct number *n)
{
	unlink_number(t, n);
	map_remove(&t->numbers, &n->node);
	free(n);
}

static struct number *find(const struct pbx_tally *t, uint64_t number)
{
	struct map_node *node = map_first(&t->numbers, number);

	return node ? map_of(node, struct number, node) : NULL;
}

/* The longest unused that holds nothing; few that are older hold something, as calls end. */
static bool make_room(struct pbx_tally *t)
{
	struct number *n = t->oldest;

	for (int tries = 0; n && tries < 64; tries++) {
		struct number *newer = n->newer;

		if (!n->held) {
			forget(t, n);
			return true;
		}
		unlink_number(t, n); /* out of the way of the next search */
		link_newest(t, n);
		n = newer;
	}
	return false;
}

static struct number *use(struct pbx_tally *t, uint64_t number)
{
	struct number *n = find(t, number);

	if (n) {
		unlink_number(t, n);
		link_newest(t, n);
		return n;
	}
	if (t->numbers.n >= PBX_TALLY_MAX && !make_room(t))
		return NULL;
	n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	if (map_add(&t->numbers, &n->node, number)) {
		free(n);
		return NULL;
	}
	link_newest(t, n);
	return n;
}

/* ---- at once ---- */

static uint64_t lease_hash(const struct pbx_tally *t, uint64_t number, uint64_t lease)
{
	uint64_t h = (number ^ t->mix) * UINT64_C(0x9e3779b97f4a7c15) ^ lease;

	return (h ^ h >> 32) * UINT64_C(0xd6e8feb86659fd93);
}

static struct lease *find_lease(const struct pbx_tally *t, const struct number *n, uint64_t number, uint64_t lease)
{
	for (struct map_node *node = map_first(&t->leases, lease_hash(t, number, lease)); node; node = map_next(node)) {
		struct lease *l = map_of(node, struct lease, node);

		if (l->of == n && l->lease == lease)
			return l;
	}
	return NULL;
}

static void end_lease(struct pbx_tally *t, struct lease *l)
{
	l->of->held--;
	map_remove(&t->leases, &l->node);
	heap_remove(&t->ends, &l->end);
	free(l);
}

void pbx_tally_free(struct pbx_tally *t)
{
	struct heap_item *item;

	if (!t)
		return;
	while ((item = heap_first(&t->ends))) {
		heap_remove(&t->ends, item);
		free(map_of(item, struct lease, end));
	}
	while (t->oldest) {
		struct number *n = t->oldest;

		t->oldest = n->newer;
		free(n);
	}
	map_free(&t->leases);
	map_free(&t->numbers);
	heap_free(&t->ends);
	free(t);
}

static bool add_lease(struct pbx_tally *t, struct number *n, uint64_t number, uint64_t lease, usec now)
{
	struct lease *l = calloc(1, sizeof(*l));

	if (!l)
		return false;
	l->of = n;
	l->lease = lease;
	if (heap_set(&t->ends, &l->end, now + PBX_TALLY_LEASE)) {
		free(l);
		return false;
	}
	if (map_add(&t->leases, &l->node, lease_hash(t, number, lease))) {
		heap_remove(&t->ends, &l->end);
		free(l);
		return false;
	}
	n->held++;
	return true;
}

bool pbx_tally_hold(struct pbx_tally *t, uint64_t number, uint64_t lease, uint32_t most, usec now)
{
	struct number *n = use(t, number);
	struct lease *l = n ? find_lease(t, n, number, lease) : NULL;

	if (l)
		return heap_set(&t->ends, &l->end, now + PBX_TALLY_LEASE) == ERR_NONE;
	return n && n->held < most && add_lease(t, n, number, lease, now);
}

void pbx_tally_drop(struct pbx_tally *t, uint64_t number, uint64_t lease)
{
	struct number *n = find(t, number);
	struct lease *l = n ? find_lease(t, n, number, lease) : NULL;

	if (l)
		end_lease(t, l);
}

uint32_t pbx_tally_held(const struct pbx_tally *t, uint64_t number)
{
	const struct number *n = find(t, number);

	return n ? n->held : 0;
}

/* ---- within a span ---- */

bool pbx_tally_pass(struct pbx_tally *t, uint64_t number, uint32_t most, usec span, usec now)
{
	struct number *n = use(t, number);
	int64_t part = now / ((span + PARTS - 1) / PARTS);
	uint64_t sum = 0;

	if (!n)
		return false;
	if (part - n->part > PARTS || part < n->part) {
		memset(n->passed, 0, sizeof(n->passed));
		n->part = part;
	}
	while (n->part < part)
		n->passed[++n->part % (PARTS + 1)] = 0;
	for (int i = 0; i <= PARTS; i++)
		sum += n->passed[i];
	if (sum >= most)
		return false;
	n->passed[part % (PARTS + 1)]++;
	return true;
}

/* ---- time ---- */

void pbx_tally_tick(struct pbx_tally *t, usec now)
{
	struct heap_item *item;

	while ((item = heap_take(&t->ends, now)))
		end_lease(t, map_of(item, struct lease, end));
}

usec pbx_tally_due(const struct pbx_tally *t)
{
	return heap_due(&t->ends);
}

size_t pbx_tally_n(const struct pbx_tally *t)
{
	return t->numbers.n;
}
