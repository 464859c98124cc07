/*
 * pbx/vocabulary.h - texts that very many say, kept once.
 *
 * What phones call themselves and which of our addresses they came to: a hundred thousand contacts say a few dozen
 * different things. What is put in stays as long as the vocabulary. Who is told that there is no room for a
 * further word (strangers choose what they say) keeps it himself.
 *
 * Memory: opaque. Thread: its owner's.
 */
#ifndef PBX_VOCABULARY_H
#define PBX_VOCABULARY_H

#include "base/rng.h"
#include "base/str.h"

#define PBX_WORDS_MAX 4000 /* words */
#define PBX_WORD_MAX  200  /* bytes of one */

struct pbx_vocabulary;

struct pbx_word {
	uint8_t n;
	char text[];
};

static inline str pbx_word_str(const struct pbx_word *w)
{
	return str_of(w->text, w->n);
}

/* NULL: no memory. */
struct pbx_vocabulary *pbx_vocabulary_new(struct rng *);
void pbx_vocabulary_free(struct pbx_vocabulary *);
/* The same word for the same text. NULL: it is too long, or there is no room. */
const struct pbx_word *pbx_vocabulary_put(struct pbx_vocabulary *, str);

#endif
