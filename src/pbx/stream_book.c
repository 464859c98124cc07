#include "pbx/stream_book.h"

#include "base/map.h"

#include <stdlib.h>

struct entry {
	struct map_node node; /* by stream and address */
	struct entry *next;   /* of the stream */
	uint16_t aor_n;
	char aor[];
};

struct stream {
	struct map_node node;
	uint32_t id;
	uint32_t n;
	struct entry *first;
};

struct pbx_stream_book {
	struct map entries, streams;
	uint64_t key[2];
};

struct pbx_stream_book *pbx_stream_book_new(struct rng *rng)
{
	struct pbx_stream_book *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	map_init(&b->entries, PBX_STREAM_BOOK_MAX);
	map_init(&b->streams, PBX_STREAM_BOOK_MAX);
	rng_fill(rng, b->key, sizeof(b->key));
	return b;
}

void pbx_stream_book_free(struct pbx_stream_book *b)
{
	struct map_node *n;

	if (!b)
		return;
	while ((n = map_pop(&b->entries)))
		free(map_of(n, struct entry, node));
	while ((n = map_pop(&b->streams)))
		free(map_of(n, struct stream, node));
	map_free(&b->entries);
	map_free(&b->streams);
	free(b);
}

static uint64_t stream_hash(const struct pbx_stream_book *b, uint32_t id)
{
	return str_hash(str_of((const char *)&id, sizeof(id)), b->key);
}

static struct stream *find(const struct pbx_stream_book *b, uint32_t id)
{
	for (struct map_node *n = map_first(&b->streams, stream_hash(b, id)); n; n = map_next(n))
		if (map_of(n, struct stream, node)->id == id)
			return map_of(n, struct stream, node);
	return NULL;
}

static bool has(const struct pbx_stream_book *b, uint64_t hash, const struct stream *s, str aor)
{
	/* One entry has this very hash, nearly always; whose it is, its stream's list says. */
	for (struct map_node *n = map_first(&b->entries, hash); n; n = map_next(n)) {
		const struct entry *e = map_of(n, struct entry, node);

		if (!str_eq(str_of(e->aor, e->aor_n), aor))
			continue;
		for (const struct entry *of = s->first; of; of = of->next)
			if (of == e)
				return true;
	}
	return false;
}

static struct stream *make(struct pbx_stream_book *b, uint32_t id)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->id = id;
	if (map_add(&b->streams, &s->node, stream_hash(b, id))) {
		free(s);
		return NULL;
	}
	return s;
}

static void drop_empty(struct pbx_stream_book *b, struct stream *s)
{
	if (s->first)
		return;
	map_remove(&b->streams, &s->node);
	free(s);
}

enum err pbx_stream_book_add(struct pbx_stream_book *b, uint32_t id, str aor)
{
	uint64_t hash = str_hash(aor, b->key) ^ stream_hash(b, id);
	struct stream *s = find(b, id);
	struct entry *e;
	enum err err;

	if (aor.n > UINT16_MAX)
		return ERR_LIMIT;
	if (s && has(b, hash, s, aor))
		return ERR_NONE;
	if (s && s->n >= PBX_STREAM_AORS_MAX)
		return ERR_FULL;
	if (!s && !(s = make(b, id)))
		return ERR_MEMORY;
	e = malloc(sizeof(*e) + aor.n);
	err = e ? map_add(&b->entries, &e->node, hash) : ERR_MEMORY;
	if (err) {
		free(e);
		drop_empty(b, s);
		return err;
	}
	memcpy(e->aor, aor.p, aor.n);
	e->aor_n = (uint16_t)aor.n;
	e->next = s->first;
	s->first = e;
	s->n++;
	return ERR_NONE;
}

str pbx_stream_book_take(struct pbx_stream_book *b, uint32_t id, char *out, size_t cap)
{
	struct stream *s = b->streams.n ? find(b, id) : NULL;
	struct entry *e = s ? s->first : NULL;
	str aor = STR_NONE;

	if (!e)
		return STR_NONE;
	if (e->aor_n <= cap) {
		memcpy(out, e->aor, e->aor_n);
		aor = str_of(out, e->aor_n);
	}
	s->first = e->next;
	s->n--;
	map_remove(&b->entries, &e->node);
	free(e);
	drop_empty(b, s);
	return aor;
}

size_t pbx_stream_book_n(const struct pbx_stream_book *b)
{
	return b->entries.n;
}
