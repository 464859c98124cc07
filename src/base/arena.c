#include "base/arena.h"

#include <stdalign.h>

#include <stdlib.h>

struct arena_block {
	struct arena_block *next;
	size_t n;
	alignas(max_align_t) char bytes[];
};

#define BLOCK_MIN 2048

void arena_init(struct arena *a, void *first, size_t first_n, size_t limit)
{
	*a = (struct arena){ .first = first, .first_n = first_n, .left = limit, .block_n = BLOCK_MIN };
	a->at = a->first;
	a->end = a->first ? a->first + first_n : NULL;
}

void arena_set_block(struct arena *a, size_t n)
{
	a->block_n = a->block_min = n;
}

static bool add_block(struct arena *a, size_t n)
{
	size_t size = n > a->block_n ? n : a->block_n;

	if (n > a->left)
		return false;
	if (size > a->left)
		size = a->left;
	struct arena_block *block = malloc(sizeof(*block) + size);
	if (!block)
		return false;
	block->n = size;
	block->next = a->blocks;
	a->blocks = block;
	a->left -= size;
	a->block_n *= 2;
	a->at = block->bytes;
	a->end = block->bytes + size;
	return true;
}

void *arena_alloc_slowly(struct arena *a, size_t n)
{
	return add_block(a, n) ? arena_alloc(a, n) : NULL;
}

void *arena_zalloc(struct arena *a, size_t n)
{
	void *p = arena_alloc(a, n);

	if (p)
		memset(p, 0, n);
	return p;
}

bool arena_copy(struct arena *a, str s, str *out)
{
	char *p;

	if (a->at && s.n <= (size_t)(a->end - a->at)) { /* a text may begin anywhere */
		p = a->at;
		a->at += s.n;
	} else if (!(p = arena_alloc(a, s.n))) {
		return false;
	}
	if (s.n)
		memcpy(p, s.p, s.n);
	*out = str_of(p, s.n);
	return true;
}

void arena_reset(struct arena *a)
{
	while (a->blocks) {
		struct arena_block *next = a->blocks->next;

		a->left += a->blocks->n;
		free(a->blocks);
		a->blocks = next;
	}
	a->block_n = a->block_min ? a->block_min : BLOCK_MIN;
	a->at = a->first;
	a->end = a->first ? a->first + a->first_n : NULL;
}

void arena_free(struct arena *a)
{
	arena_reset(a);
}
