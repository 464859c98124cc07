#include "pbx/backlog.h"

#include <stdlib.h>

#define BLOCK     (256u << 10)
#define FRESH_ONE 8 /* of so many that are taken one is fresh */

struct pbx_backlog_block {
	size_t used, n; /* n: that are not dropped yet */
	_Alignas(16) char bytes[BLOCK];
};

void pbx_backlog_init(struct pbx_backlog *b, struct rng *rng)
{
	*b = (struct pbx_backlog){ .bytes = 0 };
	rng_fill(rng, b->key, sizeof(b->key));
	map_init(&b->names, PBX_BACKLOG_MAX);
	b->fresh.last = &b->fresh.first;
	b->proven.last = &b->proven.first;
}

static void drop_all(struct pbx_backlog *b, struct pbx_backlogged *it)
{
	for (struct pbx_backlogged *next; it; it = next) {
		next = it->next;
		pbx_backlog_drop(b, it);
	}
}

void pbx_backlog_free(struct pbx_backlog *b)
{
	drop_all(b, b->fresh.first);
	drop_all(b, b->proven.first);
	map_free(&b->names);
	free(b->block);
	b->block = NULL;
	b->fresh.first = b->proven.first = NULL;
}

bool pbx_backlog_suits(str bytes)
{
	return str_starts(bytes, STR("REGISTER "));
}

bool pbx_backlog_has(const struct pbx_backlog *b, uint64_t name)
{
	return map_first(&b->names, name) != NULL;
}

static uint16_t source_of(const struct pbx_backlog *b, const struct addr *remote)
{
	struct addr a = *remote;

	a.port = 0;
	memset(a.ip + 8, 0, sizeof(a.ip) - 8);
	return (uint16_t)(addr_hash(&a, b->key) % PBX_BACKLOG_SOURCES);
}

/* Room for an entry with so many bytes. NULL: none. */
static struct pbx_backlogged *make(struct pbx_backlog *b, size_t n)
{
	size_t need = (sizeof(struct pbx_backlogged) + n + 15) & ~(size_t)15;
	struct pbx_backlog_block *block = b->block;

	if (!block || block->used + need > BLOCK) {
		if (b->bytes + BLOCK > PBX_BACKLOG_BYTES || !(block = malloc(sizeof(*block))))
			return NULL;
		b->bytes += BLOCK;
		block->used = block->n = 0;
		b->block = block; /* the last one goes with its last entry */
	}
	struct pbx_backlogged *it = (struct pbx_backlogged *)(void *)(block->bytes + block->used);
	block->used += need;
	block->n++;
	it->block = block;
	return it;
}

/* The block that is being filled is kept, and begun anew. */
static void unmake(struct pbx_backlog *b, struct pbx_backlog_block *block)
{
	if (--block->n)
		return;
	if (block == b->block) {
		block->used = 0;
		return;
	}
	b->bytes -= BLOCK;
	free(block);
}

enum pbx_backlog_answer pbx_backlog_may(const struct pbx_backlog *b, const struct host_event *e, bool counted)
{
	if (counted && b->of_source[source_of(b, &e->remote)] >= PBX_BACKLOG_SOURCE)
		return PBX_BACKLOG_GREEDY;
	return e->bytes.n > PBX_BACKLOG_LONGEST || b->names.n == PBX_BACKLOG_MAX ? PBX_BACKLOG_FULL
										 : PBX_BACKLOG_KEPT_IT;
}

enum pbx_backlog_answer pbx_backlog_put(struct pbx_backlog *b, const struct host_event *e, uint64_t name, bool counted,
					bool proven, usec now)
{
	struct pbx_backlog_queue *q = proven ? &b->proven : &b->fresh;
	enum pbx_backlog_answer may = pbx_backlog_may(b, e, counted);
	uint16_t source = source_of(b, &e->remote);
	struct pbx_backlogged *it;

	if (may != PBX_BACKLOG_KEPT_IT)
		return may;
	if (!(it = make(b, e->bytes.n)))
		return PBX_BACKLOG_FULL;
	if (map_add(&b->names, &it->node, name)) {
		unmake(b, it->block);
		return PBX_BACKLOG_FULL;
	}
	it->next = NULL;
	it->name = name;
	it->came = now - e->waited;
	it->remote = e->remote;
	it->local = e->local;
	it->id = e->id;
	it->n = (uint16_t)e->bytes.n;
	it->source = source;
	it->counted = counted;
	b->of_source[source] += counted;
	memcpy(it->bytes, e->bytes.p, e->bytes.n);
	*q->last = it;
	q->last = &it->next;
	return PBX_BACKLOG_KEPT_IT;
}

/* Whose turn it is. */
static struct pbx_backlogged *pick(struct pbx_backlog *b)
{
	bool fresh = !b->proven.first || (++b->turn % FRESH_ONE == 0 && b->fresh.first);
	struct pbx_backlog_queue *q = fresh ? &b->fresh : &b->proven;
	struct pbx_backlogged *it = q->first;

	if (!it)
		return NULL;
	q->first = it->next;
	if (!q->first)
		q->last = &q->first;
	map_remove(&b->names, &it->node);
	b->of_source[it->source] -= it->counted;
	return it;
}

struct pbx_backlogged *pbx_backlog_take(struct pbx_backlog *b, struct host_event *out, usec now)
{
	struct pbx_backlogged *it;

	while ((it = pick(b)) && now - it->came > PBX_BACKLOG_KEPT)
		pbx_backlog_drop(b, it);
	if (it)
		*out = (struct host_event){ .kind = HOST_DATAGRAM,
					    .transport = TRANSPORT_UDP,
					    .id = it->id,
					    .local = it->local,
					    .remote = it->remote,
					    .waited = now - it->came,
					    .bytes = str_of(it->bytes, it->n) };
	return it;
}

void pbx_backlog_drop(struct pbx_backlog *b, struct pbx_backlogged *it)
{
	unmake(b, it->block);
}
