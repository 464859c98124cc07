#include "base/map.h"

#include <stdlib.h>

void map_init(struct map *m, size_t max)
{
	*m = (struct map){ .max = max };
}

void map_free(struct map *m)
{
	free(m->buckets);
	map_init(m, m->max);
}

static struct map_node **bucket(const struct map *m, uint64_t hash)
{
	return &m->buckets[hash & (m->bucket_n - 1)];
}

static bool grow(struct map *m)
{
	struct map old = *m;
	size_t n = old.bucket_n ? old.bucket_n * 2 : 16;
	struct map_node **buckets = calloc(n, sizeof(*buckets));

	if (!buckets)
		return old.bucket_n > 0; /* longer chains, but it works */
	m->buckets = buckets;
	m->bucket_n = n;
	for (size_t i = 0; i < old.bucket_n; i++) {
		while (old.buckets[i]) {
			struct map_node *node = old.buckets[i];
			struct map_node **to = bucket(m, node->hash);

			old.buckets[i] = node->next;
			node->next = *to;
			*to = node;
		}
	}
	free(old.buckets);
	return true;
}

enum err map_add(struct map *m, struct map_node *node, uint64_t hash)
{
	if (m->n >= m->max)
		return ERR_FULL;
	if (m->n >= m->bucket_n && !grow(m))
		return ERR_MEMORY;
	struct map_node **head = bucket(m, hash);
	node->hash = hash;
	node->next = *head;
	*head = node;
	m->n++;
	return ERR_NONE;
}

void map_remove(struct map *m, struct map_node *node)
{
	struct map_node **at = bucket(m, node->hash);

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	node->next = NULL;
	m->n--;
}

static struct map_node *same(struct map_node *node, uint64_t hash)
{
	while (node && node->hash != hash)
		node = node->next;
	return node;
}

struct map_node *map_first(const struct map *m, uint64_t hash)
{
	return m->bucket_n ? same(*bucket(m, hash), hash) : NULL;
}

struct map_node *map_next(const struct map_node *node)
{
	return same(node->next, node->hash);
}

struct map_node *map_walk(const struct map *m, const struct map_node *node)
{
	size_t at = 0;

	if (node && node->next)
		return node->next;
	if (node)
		at = (node->hash & (m->bucket_n - 1)) + 1;
	for (; at < m->bucket_n; at++)
		if (m->buckets[at])
			return m->buckets[at];
	return NULL;
}

struct map_node *map_pop(struct map *m)
{
	struct map_node *node = map_walk(m, NULL);

	if (node)
		map_remove(m, node);
	return node;
}
