#include "store/contact_index.h"

#include "crypt/random.h"

#include <stdlib.h>

void contact_index_init(struct contact_index *x)
{
	struct rng rng;

	*x = (struct contact_index){ .n = 0 };
	random_os(&rng);
	rng_fill(&rng, x->key, sizeof(x->key));
}

void contact_index_clear(struct contact_index *x)
{
	free(x->slots);
	x->slots = NULL;
	x->n = x->cap = x->change_n = 0;
}

void contact_index_free(struct contact_index *x)
{
	contact_index_clear(x);
	free(x->changes);
	x->changes = NULL;
	x->change_cap = 0;
}

uint64_t contact_index_name(const struct contact_index *x, str aor, str key)
{
	size_t at = str_find_char(aor, '@') + 1;
	uint64_t head = str_hash(str_head(aor, at), x->key);
	uint64_t tail = str_hash(str_skip(aor, at), (const uint64_t[2]){ x->key[0] ^ head, x->key[1] });

	tail = str_hash(key, (const uint64_t[2]){ x->key[0] ^ tail, x->key[1] });
	return head >> 32 << 32 | tail >> 32;
}

static size_t home_of(uint64_t name, size_t cap)
{
	return (size_t)((name >> 32) * cap >> 32);
}

static size_t next_of(const struct contact_index *x, size_t i)
{
	return i + 1 == x->cap ? 0 : i + 1;
}

/* Its slot, or the free one that it would get. */
static struct contact_slot *find(const struct contact_index *x, uint64_t name)
{
	size_t i = home_of(name, x->cap);

	while (x->slots[i].value && x->slots[i].name != name)
		i = next_of(x, i);
	return &x->slots[i];
}

uint64_t contact_index_value(const struct contact_index *x, uint64_t name)
{
	return x->cap ? find(x, name)->value : 0;
}

/* A fifth stays free. */
static bool holds(size_t cap, size_t n)
{
	return cap && n < cap - cap / 5;
}

static bool grow(struct contact_index *x, size_t n)
{
	struct contact_index old = *x;

	if (holds(x->cap, n))
		return true;
	while (!holds(x->cap, n))
		x->cap = x->cap ? x->cap + x->cap / 2 : 64;
	x->slots = calloc(x->cap, sizeof(*x->slots));
	if (!x->slots) {
		*x = old;
		return false;
	}
	for (size_t i = 0; i < old.cap; i++)
		if (old.slots[i].value)
			*find(x, old.slots[i].name) = old.slots[i];
	free(old.slots);
	return true;
}

static bool grow_changes(struct contact_index *x, size_t n)
{
	size_t cap = x->change_cap ? x->change_cap : 64;

	if (n <= x->change_cap)
		return true;
	while (cap < n)
		cap *= 2;
	struct contact_slot *changes = realloc(x->changes, cap * sizeof(*changes));
	if (!changes)
		return false;
	x->changes = changes;
	x->change_cap = cap;
	return true;
}

enum err contact_index_reserve(struct contact_index *x, size_t n)
{
	return grow(x, x->n + n) && grow_changes(x, x->change_n + n) ? ERR_NONE : ERR_MEMORY;
}

static void take_out(struct contact_index *x, struct contact_slot *slot)
{
	size_t hole = (size_t)(slot - x->slots), i = hole;

	for (;;) {
		i = next_of(x, i);
		if (!x->slots[i].value)
			break;
		size_t home = home_of(x->slots[i].name, x->cap);
		/* what lies between the hole (excluded) and i stays */
		if (hole < i ? home > hole && home <= i : home > hole || home <= i)
			continue;
		x->slots[hole] = x->slots[i];
		hole = i;
	}
	x->slots[hole] = (struct contact_slot){ 0 };
	x->n--;
}

/* There is room. */
static uint64_t put(struct contact_index *x, uint64_t name, uint64_t value)
{
	struct contact_slot *slot = find(x, name);
	uint64_t before = slot->value;

	if (value) {
		x->n += !before;
		*slot = (struct contact_slot){ name, value };
	} else if (before) {
		take_out(x, slot);
	}
	return before;
}

uint64_t contact_index_set(struct contact_index *x, uint64_t name, uint64_t value)
{
	uint64_t before = put(x, name, value);

	x->changes[x->change_n++] = (struct contact_slot){ name, before };
	return before;
}

size_t contact_index_home(const struct contact_index *x, uint64_t name)
{
	return x->cap ? home_of(name, x->cap) : 0;
}

const struct contact_slot *contact_index_walk(const struct contact_index *x, size_t *at, uint64_t name)
{
	while (x->cap && x->slots[*at].value) {
		const struct contact_slot *slot = &x->slots[*at];

		*at = next_of(x, *at);
		if (slot->name >> 32 == name >> 32)
			return slot;
	}
	return NULL;
}

void contact_index_undo(struct contact_index *x, size_t n)
{
	while (x->change_n > n) {
		x->change_n--;
		put(x, x->changes[x->change_n].name, x->changes[x->change_n].value);
	}
}

void contact_index_settle(struct contact_index *x)
{
	x->change_n = 0;
}
