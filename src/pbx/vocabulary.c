#include "pbx/vocabulary.h"

#include "base/map.h"

#include <stdlib.h>

struct entry {
	struct map_node node;
	struct pbx_word word;
};

struct pbx_vocabulary {
	struct map words;
	uint64_t key[2];
};

struct pbx_vocabulary *pbx_vocabulary_new(struct rng *rng)
{
	struct pbx_vocabulary *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	rng_fill(rng, v->key, sizeof(v->key));
	map_init(&v->words, PBX_WORDS_MAX);
	return v;
}

void pbx_vocabulary_free(struct pbx_vocabulary *v)
{
	struct map_node *next;

	if (!v)
		return;
	for (struct map_node *n = map_walk(&v->words, NULL); n; n = next) {
		next = map_walk(&v->words, n);
		free(map_of(n, struct entry, node));
	}
	map_free(&v->words);
	free(v);
}

const struct pbx_word *pbx_vocabulary_put(struct pbx_vocabulary *v, str s)
{
	uint64_t hash = str_hash(s, v->key);
	struct entry *e;

	for (struct map_node *n = map_first(&v->words, hash); n; n = map_next(n)) {
		e = map_of(n, struct entry, node);
		if (str_eq(pbx_word_str(&e->word), s))
			return &e->word;
	}
	if (s.n > PBX_WORD_MAX || v->words.n == PBX_WORDS_MAX || !(e = malloc(sizeof(*e) + s.n)))
		return NULL;
	e->word.n = (uint8_t)s.n;
	if (s.n)
		memcpy(e->word.text, s.p, s.n);
	if (map_add(&v->words, &e->node, hash)) {
		free(e);
		return NULL;
	}
	return &e->word;
}
