#include "base/slab.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define PER_CHUNK 64u

/* In front of every object. An odd generation is alive. */
struct slot {
	uint32_t generation;
	uint32_t next_free;
};

#define HEAD (sizeof(struct slot) > alignof(max_align_t) ? sizeof(struct slot) : alignof(max_align_t))

void slab_init(struct slab *s, size_t object_n, uint32_t max)
{
	size_t align = alignof(max_align_t);

	*s = (struct slab){ .object_n = object_n, .max = max };
	s->stride = HEAD + (object_n + align - 1) / align * align;
}

void slab_free(struct slab *s)
{
	for (uint32_t i = 0; i < s->chunk_n; i++)
		free(s->chunks[i]);
	free(s->chunks);
	slab_init(s, s->object_n, s->max);
}

static struct slot *slot_at(const struct slab *s, uint32_t slot)
{
	return (struct slot *)(void *)(s->chunks[slot / PER_CHUNK] + slot % PER_CHUNK * s->stride);
}

static bool add_chunk(struct slab *s)
{
	if (s->chunk_n == s->chunk_cap) {
		uint32_t cap = s->chunk_cap ? s->chunk_cap * 2 : 4;
		char **chunks = realloc(s->chunks, cap * sizeof(*chunks));

		if (!chunks)
			return false;
		s->chunks = chunks;
		s->chunk_cap = cap;
	}
	char *chunk = calloc(PER_CHUNK, s->stride);
	if (!chunk)
		return false;
	s->chunks[s->chunk_n++] = chunk;
	return true;
}

void *slab_add(struct slab *s, handle *out)
{
	uint32_t slot;

	if (s->n >= s->max)
		return NULL;
	if (s->free_head) {
		slot = s->free_head - 1;
		s->free_head = slot_at(s, slot)->next_free;
	} else {
		if (s->slot_n == s->chunk_n * PER_CHUNK && !add_chunk(s))
			return NULL;
		slot = s->slot_n++;
	}
	struct slot *head = slot_at(s, slot);
	head->generation++;
	s->n++;
	void *object = (char *)head + HEAD;
	memset(object, 0, s->object_n);
	*out = (handle)head->generation << 32 | slot;
	return object;
}

void *slab_find(const struct slab *s, handle h)
{
	uint32_t slot = (uint32_t)h, generation = (uint32_t)(h >> 32);

	if (slot >= s->slot_n || !(generation & 1))
		return NULL;
	struct slot *head = slot_at(s, slot);
	return head->generation == generation ? (char *)head + HEAD : NULL;
}

void slab_remove(struct slab *s, handle h)
{
	if (!slab_find(s, h))
		return;
	uint32_t slot = (uint32_t)h;
	struct slot *head = slot_at(s, slot);
	head->generation++;
	head->next_free = s->free_head;
	s->free_head = slot + 1;
	s->n--;
}

void *slab_walk(const struct slab *s, uint32_t *slot, handle *out)
{
	while (*slot < s->slot_n) {
		uint32_t at = (*slot)++;
		struct slot *head = slot_at(s, at);

		if (head->generation & 1) {
			*out = (handle)head->generation << 32 | at;
			return (char *)head + HEAD;
		}
	}
	return NULL;
}
