#include "overlay/backoff.h"

#include <stdlib.h>

#define ENTRY_MAX    65536
#define MEMORY       (900 * USEC_PER_SEC)
#define PAIR_FREE    3
#define PAIR_WAIT    (60 * USEC_PER_SEC)
#define SOURCE_FREE  60
#define SOURCE_WAIT  USEC_PER_SEC
#define SOURCE_BITS6 56

/* A pair or a source; the 64-bit keyed hash is its whole identity. */
struct entry {
	struct map_node node;
	struct heap_item wake; /* when it is forgotten */
	uint32_t failures;
	usec next_try;
};

void overlay_backoff_init(struct overlay_backoff *b, struct rng *rng)
{
	map_init(&b->map, ENTRY_MAX);
	heap_init(&b->heap);
	rng_fill(rng, b->key, sizeof(b->key));
}

void overlay_backoff_free(struct overlay_backoff *b)
{
	struct map_node *node;

	while ((node = map_pop(&b->map)))
		free(map_of(node, struct entry, node));
	map_free(&b->map);
	heap_free(&b->heap);
}

static struct addr source_of(const struct addr *a)
{
	struct addr source = *a;

	source.port = 0;
	if (source.family == 6)
		memset(source.ip + SOURCE_BITS6 / 8, 0, 16 - SOURCE_BITS6 / 8);
	return source;
}

uint64_t overlay_backoff_source(const struct overlay_backoff *b, const struct addr *a)
{
	struct addr source = source_of(a);

	return addr_hash(&source, b->key);
}

static uint64_t pair_of(const struct overlay_backoff *b, const struct addr *a, str name)
{
	return overlay_backoff_source(b, a) ^ str_hash(name, b->key);
}

static struct entry *find(const struct overlay_backoff *b, uint64_t hash)
{
	struct map_node *node = map_first(&b->map, hash);

	return node ? map_of(node, struct entry, node) : NULL;
}

static void forget(struct overlay_backoff *b, struct entry *e)
{
	if (!e)
		return;
	map_remove(&b->map, &e->node);
	heap_remove(&b->heap, &e->wake);
	free(e);
}

static struct entry *entry_of(struct heap_item *item)
{
	return (struct entry *)(void *)((char *)item - offsetof(struct entry, wake));
}

static struct entry *add(struct overlay_backoff *b, uint64_t hash)
{
	if (b->map.n == ENTRY_MAX)
		forget(b, entry_of(heap_first(&b->heap)));
	struct entry *e = calloc(1, sizeof(*e));
	if (e && map_add(&b->map, &e->node, hash) != ERR_NONE) {
		free(e);
		e = NULL;
	}
	return e;
}

/* One failure more; where there is no memory, it is not counted. */
static void count(struct overlay_backoff *b, uint64_t hash, uint32_t free_n, usec wait_max, usec now)
{
	struct entry *e = find(b, hash);

	if (!e)
		e = add(b, hash);
	if (!e)
		return;
	if (e->failures < UINT32_MAX)
		e->failures++;
	if (e->failures > free_n) {
		uint32_t doublings = e->failures - free_n - 1;
		usec wait = doublings < 6 ? USEC_PER_SEC << doublings : wait_max;

		e->next_try = now + usec_min(wait, wait_max);
	}
	if (heap_set(&b->heap, &e->wake, now + MEMORY) != ERR_NONE)
		forget(b, e);
}

usec overlay_backoff_wait(struct overlay_backoff *b, const struct addr *source, str name, usec now)
{
	const uint64_t hashes[2] = { pair_of(b, source, name), overlay_backoff_source(b, source) };
	struct heap_item *item;
	usec until = now;

	while ((item = heap_take(&b->heap, now)))
		forget(b, entry_of(item));
	for (size_t i = 0; i < 2; i++) {
		const struct entry *e = find(b, hashes[i]);

		if (e && e->next_try > until)
			until = e->next_try;
	}
	return until - now;
}

void overlay_backoff_failed(struct overlay_backoff *b, const struct addr *source, str name, usec now)
{
	count(b, pair_of(b, source, name), PAIR_FREE, PAIR_WAIT, now);
	count(b, overlay_backoff_source(b, source), SOURCE_FREE, SOURCE_WAIT, now);
}

void overlay_backoff_succeeded(struct overlay_backoff *b, const struct addr *source, str name)
{
	forget(b, find(b, pair_of(b, source, name)));
	forget(b, find(b, overlay_backoff_source(b, source)));
}
