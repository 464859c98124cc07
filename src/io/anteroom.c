#include "io/anteroom.h"

#include <stdlib.h>

#define FIRST 64

static bool grow(struct anteroom *a)
{
	uint32_t cap = a->cap ? 2 * a->cap : FIRST;
	struct tcp *ring = malloc(cap * sizeof(*ring));

	if (!ring)
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		ring[i] = a->ring[(a->at + i) % a->cap];
	free(a->ring);
	a->ring = ring;
	a->at = 0;
	a->cap = cap;
	return true;
}

enum err anteroom_put(struct anteroom *a, const struct tcp *tcp)
{
	if (anteroom_is_full(a))
		return ERR_FULL;
	if (a->n == a->cap && !grow(a))
		return ERR_MEMORY;
	a->ring[(a->at + a->n++) % a->cap] = *tcp;
	return ERR_NONE;
}

bool anteroom_take(struct anteroom *a, struct tcp *out)
{
	if (!a->n)
		return false;
	*out = a->ring[a->at];
	a->at = (a->at + 1) % a->cap;
	if (!--a->n && a->cap > FIRST)
		anteroom_free(a);
	return true;
}

void anteroom_free(struct anteroom *a)
{
	for (; a->n; a->n--, a->at++)
		tcp_close(&a->ring[a->at % a->cap]);
	free(a->ring);
	*a = (struct anteroom){ 0 };
}
