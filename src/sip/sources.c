#include "sip/sources.h"

#include <assert.h>
#include <stdlib.h>

struct source {
	struct map_node node;
	struct addr net;
	uint32_t n;
};

void sip_sources_init(struct sip_sources *s, struct rng *rng, uint32_t each_max, uint32_t max)
{
	*s = (struct sip_sources){ .each_max = each_max };
	rng_fill(rng, s->key, sizeof(s->key));
	map_init(&s->table, max);
}

void sip_sources_free(struct sip_sources *s)
{
	struct map_node *n;

	while ((n = map_pop(&s->table)))
		free(map_of(n, struct source, node));
	map_free(&s->table);
}

static struct addr net_of(const struct addr *a)
{
	struct addr net = *a;

	net.port = 0;
	if (net.family == 6)
		memset(net.ip + 8, 0, 8);
	return net;
}

static struct source *find(const struct sip_sources *s, const struct addr *net)
{
	for (struct map_node *n = map_first(&s->table, addr_hash(net, s->key)); n; n = map_next(n)) {
		struct source *one = map_of(n, struct source, node);

		if (addr_eq(&one->net, net))
			return one;
	}
	return NULL;
}

enum err sip_sources_add(struct sip_sources *s, const struct addr *a)
{
	struct addr net = net_of(a);
	struct source *one = find(s, &net);
	enum err err;

	if (one && one->n >= s->each_max)
		return ERR_FULL;
	if (!one) {
		one = malloc(sizeof(*one));
		if (!one)
			return ERR_MEMORY;
		*one = (struct source){ .net = net };
		err = map_add(&s->table, &one->node, addr_hash(&net, s->key));
		if (err) {
			free(one);
			return err;
		}
	}
	one->n++;
	return ERR_NONE;
}

void sip_sources_remove(struct sip_sources *s, const struct addr *a)
{
	struct addr net = net_of(a);
	struct source *one = find(s, &net);

	assert(one);
	if (--one->n)
		return;
	map_remove(&s->table, &one->node);
	free(one);
}
