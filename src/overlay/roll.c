#include "overlay/roll.h"

#include <stdlib.h>

struct name {
	struct map_node node;
	uint8_t user[OVERLAY_KEY_N];
};

void overlay_roll_init(struct overlay_roll *r, size_t max, struct rng *rng)
{
	map_init(&r->map, max);
	rng_fill(rng, r->key, sizeof(r->key));
}

void overlay_roll_free(struct overlay_roll *r)
{
	struct map_node *node;

	while ((node = map_pop(&r->map)))
		free(map_of(node, struct name, node));
	map_free(&r->map);
}

static uint64_t hash_of(const struct overlay_roll *r, const uint8_t user[OVERLAY_KEY_N])
{
	return str_hash(str_of((const char *)user, OVERLAY_KEY_N), r->key);
}

bool overlay_roll_has(const struct overlay_roll *r, const uint8_t user[OVERLAY_KEY_N])
{
	for (struct map_node *n = map_first(&r->map, hash_of(r, user)); n; n = map_next(n))
		if (memcmp(map_of(n, struct name, node)->user, user, OVERLAY_KEY_N) == 0)
			return true;
	return false;
}

enum err overlay_roll_add(struct overlay_roll *r, const uint8_t user[OVERLAY_KEY_N])
{
	struct name *name;
	enum err err;

	if (overlay_roll_has(r, user))
		return ERR_NONE;
	name = malloc(sizeof(*name));
	if (!name)
		return ERR_MEMORY;
	memcpy(name->user, user, OVERLAY_KEY_N);
	err = map_add(&r->map, &name->node, hash_of(r, user));
	if (err)
		free(name);
	return err;
}
