#include "connect/admission.h"

#include "base/map.h"

#include <stdlib.h>

struct caller {
	struct map_node node;
	struct caller *newer, *older; /* by last use */
	uint32_t calls, tokens;
	usec filled; /* when `tokens` was right */
	size_t name_n;
	char name[];
};

struct admission {
	struct admission_limits limits;
	struct map callers;
	uint64_t key[2];
	struct caller *newest, *oldest;
	uint32_t calls;
};

struct admission *admission_new(const struct admission_limits *limits, struct rng *rng)
{
	struct admission *a;

	if (!limits->calls || !limits->calls_per_caller || !limits->tries || !limits->callers || limits->refill <= 0)
		return NULL;
	a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	a->limits = *limits;
	map_init(&a->callers, limits->callers);
	rng_fill(rng, a->key, sizeof(a->key));
	return a;
}

void admission_free(struct admission *a)
{
	struct map_node *n;

	if (!a)
		return;
	while ((n = map_pop(&a->callers)))
		free(map_of(n, struct caller, node));
	map_free(&a->callers);
	free(a);
}

static void unlink_caller(struct admission *a, struct caller *c)
{
	*(c->newer ? &c->newer->older : &a->newest) = c->older;
	*(c->older ? &c->older->newer : &a->oldest) = c->newer;
}

static void use(struct admission *a, struct caller *c)
{
	c->newer = NULL;
	c->older = a->newest;
	*(a->newest ? &a->newest->newer : &a->oldest) = c;
	a->newest = c;
}

static struct caller *find(const struct admission *a, str name)
{
	for (struct map_node *n = map_first(&a->callers, str_hash(name, a->key)); n; n = map_next(n)) {
		struct caller *c = map_of(n, struct caller, node);

		if (str_eq(str_of(c->name, c->name_n), name))
			return c;
	}
	return NULL;
}

static bool make_room(struct admission *a)
{
	struct caller *c = a->oldest;

	if (a->callers.n < a->limits.callers)
		return true;
	while (c && c->calls)
		c = c->newer;
	if (!c)
		return false;
	unlink_caller(a, c);
	map_remove(&a->callers, &c->node);
	free(c);
	return true;
}

static struct caller *add(struct admission *a, str name, usec now)
{
	struct caller *c = make_room(a) ? calloc(1, sizeof(*c) + name.n) : NULL;

	if (!c)
		return NULL;
	c->tokens = a->limits.tries;
	c->filled = now;
	c->name_n = name.n;
	if (name.n)
		memcpy(c->name, name.p, name.n);
	if (map_add(&a->callers, &c->node, str_hash(name, a->key)) != ERR_NONE) {
		free(c);
		return NULL;
	}
	use(a, c);
	return c;
}

static void refill(const struct admission *a, struct caller *c, usec now)
{
	usec n = (now - c->filled) / a->limits.refill;

	if (n >= (usec)(a->limits.tries - c->tokens)) {
		c->tokens = a->limits.tries;
		c->filled = now;
	} else {
		c->tokens += (uint32_t)n;
		c->filled += n * a->limits.refill;
	}
}

enum admission_verdict admission_ask(struct admission *a, str name, usec now, usec *wait)
{
	struct caller *c = find(a, name);

	if (wait)
		*wait = 0;
	if (c) {
		unlink_caller(a, c);
		use(a, c);
	} else {
		c = add(a, name, now);
	}
	if (!c || a->calls >= a->limits.calls)
		return ADMISSION_FULL;
	refill(a, c, now);
	if (!c->tokens) {
		if (wait)
			*wait = c->filled + a->limits.refill - now;
		return ADMISSION_TOO_FAST;
	}
	c->tokens--;
	if (c->calls >= a->limits.calls_per_caller)
		return ADMISSION_CALLER;
	c->calls++;
	a->calls++;
	return ADMISSION_GRANTED;
}

void admission_end(struct admission *a, str name)
{
	struct caller *c = find(a, name);

	if (!c || !c->calls)
		return;
	c->calls--;
	a->calls--;
}

uint32_t admission_calls(const struct admission *a)
{
	return a->calls;
}
