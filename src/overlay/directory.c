#include "overlay/directory.h"

#include "base/heap.h"
#include "base/map.h"
#include "overlay/roll.h"

#include <stdlib.h>

#define ASK_MAX          1024
#define NAMES_PER_RECORD 10

/* One record, as its bytes: a table of 100000 stays near 60 MB. */
struct entry {
	struct map_node node;
	struct heap_item wake; /* at its expiry */
	uint8_t key[OVERLAY_KEY_N], device[OVERLAY_KEY_N];
	uint64_t seq;
	bool left; /* without points */
	uint16_t n;
	char bytes[];
};

struct done {
	enum overlay_directory_kind kind;
	uint64_t ask;
	enum overlay_refusal refusal;
	uint8_t key[OVERLAY_KEY_N];
};

struct overlay_directory {
	struct overlay_directory_setup setup;
	uint64_t hash_key[2];
	struct map map;
	struct heap heap;
	struct overlay_roll names;
	struct done done[ASK_MAX]; /* a ring */
	size_t done_at, done_n;
};

struct overlay_directory *overlay_directory_new(const struct overlay_directory_setup *setup)
{
	struct overlay_directory *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->setup = *setup;
	rng_fill(setup->rng, d->hash_key, sizeof(d->hash_key));
	map_init(&d->map, setup->record_max);
	heap_init(&d->heap);
	overlay_roll_init(&d->names, setup->record_max * NAMES_PER_RECORD, setup->rng);
	return d;
}

void overlay_directory_free(struct overlay_directory *d)
{
	struct map_node *node;

	if (!d)
		return;
	while ((node = map_pop(&d->map)))
		free(map_of(node, struct entry, node));
	map_free(&d->map);
	heap_free(&d->heap);
	overlay_roll_free(&d->names);
	free(d);
}

static uint64_t hash_of(const struct overlay_directory *d, const uint8_t key[OVERLAY_KEY_N])
{
	return str_hash(str_of((const char *)key, OVERLAY_KEY_N), d->hash_key);
}

static struct entry *same_key(struct map_node *node, const uint8_t key[OVERLAY_KEY_N])
{
	for (; node; node = map_next(node)) {
		struct entry *e = map_of(node, struct entry, node);

		if (memcmp(e->key, key, OVERLAY_KEY_N) == 0)
			return e;
	}
	return NULL;
}

static struct entry *first(const struct overlay_directory *d, const uint8_t key[OVERLAY_KEY_N])
{
	return same_key(map_first(&d->map, hash_of(d, key)), key);
}

static struct entry *next_of(const struct entry *e)
{
	return same_key(map_next(&e->node), e->key);
}

static void entry_remove(struct overlay_directory *d, struct entry *e)
{
	map_remove(&d->map, &e->node);
	heap_remove(&d->heap, &e->wake);
	free(e);
}

static enum err entry_add(struct overlay_directory *d, const struct overlay_record *r, const uint8_t key[OVERLAY_KEY_N])
{
	struct entry *e = malloc(sizeof(*e) + r->bytes_n);

	if (!e)
		return ERR_MEMORY;
	*e = (struct entry){ .seq = r->seq, .left = r->point_n == 0, .n = r->bytes_n };
	memcpy(e->key, key, OVERLAY_KEY_N);
	memcpy(e->device, r->certificate.device, OVERLAY_KEY_N);
	memcpy(e->bytes, r->bytes, r->bytes_n);
	enum err err = heap_set(&d->heap, &e->wake, r->expiry);
	if (!err)
		err = map_add(&d->map, &e->node, hash_of(d, key));
	if (err) {
		heap_remove(&d->heap, &e->wake);
		free(e);
	}
	return err;
}

/* Which of two records of a user is missed less: who has left, else what runs out first. */
static bool is_poorer(const struct entry *a, const struct entry *b)
{
	return a->left != b->left ? a->left : a->wake.due < b->wake.due;
}

/* Keeps the record, in place of the device's older one, or of the user's poorest where there are too many. */
static enum overlay_refusal keep(struct overlay_directory *d, const struct overlay_record *r,
				 const uint8_t key[OVERLAY_KEY_N])
{
	struct entry *older = NULL, *poorest = NULL;
	size_t devices = 0;

	for (struct entry *e = first(d, key); e; e = next_of(e)) {
		devices++;
		if (memcmp(e->device, r->certificate.device, OVERLAY_KEY_N) == 0)
			older = e;
		if (!poorest || is_poorer(e, poorest))
			poorest = e;
	}
	if (older && older->seq > r->seq)
		return OVERLAY_REFUSAL_STALE;
	if (older)
		entry_remove(d, older);
	else if (devices >= OVERLAY_FOUND_MAX)
		entry_remove(d, poorest);
	return overlay_refusal_of(entry_add(d, r, key));
}

static struct done *push(struct overlay_directory *d, enum overlay_directory_kind kind, uint64_t ask)
{
	struct done *done = &d->done[(d->done_at + d->done_n++) % ASK_MAX];

	*done = (struct done){ .kind = kind, .ask = ask };
	return done;
}

enum err overlay_directory_put(struct overlay_directory *d, uint64_t ask, const struct overlay_record *r, usec now)
{
	uint8_t key[OVERLAY_KEY_N];
	enum overlay_refusal refusal;

	if (d->done_n == ASK_MAX)
		return ERR_FULL;
	refusal = overlay_refusal_of(
		overlay_record_verify(r, overlay_domain_str(&d->setup.network), d->setup.authority, now));
	if (!refusal) {
		overlay_record_key(r, key);
		refusal = keep(d, r, key);
	}
	if (!refusal)
		(void)!overlay_roll_add(&d->names, key); /* full: when the record has gone the name is unknown again */
	push(d, refusal ? OVERLAY_DIRECTORY_REFUSED : OVERLAY_DIRECTORY_STORED, ask)->refusal = refusal;
	return ERR_NONE;
}

enum err overlay_directory_find(struct overlay_directory *d, uint64_t ask, const uint8_t key[OVERLAY_KEY_N], usec now)
{
	if (d->done_n == ASK_MAX)
		return ERR_FULL;
	overlay_directory_tick(d, now); /* what has expired is not found */
	memcpy(push(d, OVERLAY_DIRECTORY_FOUND, ask)->key, key, OVERLAY_KEY_N);
	return ERR_NONE;
}

void overlay_directory_tick(struct overlay_directory *d, usec now)
{
	struct heap_item *item;

	while ((item = heap_first(&d->heap)) && item->due <= now)
		entry_remove(d, (struct entry *)(void *)((char *)item - offsetof(struct entry, wake)));
}

usec overlay_directory_due(const struct overlay_directory *d)
{
	return heap_due(&d->heap);
}

static void list(const struct overlay_directory *d, const uint8_t key[OVERLAY_KEY_N],
		 struct overlay_directory_outcome *out)
{
	for (struct entry *e = first(d, key); e; e = next_of(e))
		if (!e->left)
			out->record[out->record_n++] = str_of(e->bytes, e->n);
	out->known = out->record_n || overlay_roll_has(&d->names, key);
}

bool overlay_directory_next(struct overlay_directory *d, struct overlay_directory_outcome *out)
{
	if (d->done_n == 0)
		return false;
	struct done *done = &d->done[d->done_at];
	*out = (struct overlay_directory_outcome){ .kind = done->kind, .ask = done->ask, .refusal = done->refusal };
	if (done->kind == OVERLAY_DIRECTORY_STORED)
		out->replicas = 1; /* no other super node is known */
	if (done->kind == OVERLAY_DIRECTORY_FOUND)
		list(d, done->key, out);
	d->done_at = (d->done_at + 1) % ASK_MAX;
	d->done_n--;
	return true;
}

enum err overlay_directory_know(struct overlay_directory *d, const uint8_t key[OVERLAY_KEY_N])
{
	return overlay_roll_add(&d->names, key);
}

size_t overlay_directory_count(const struct overlay_directory *d)
{
	return d->map.n;
}
