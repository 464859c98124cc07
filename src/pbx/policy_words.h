/*
 * pbx/policy_words.h - a file of rules as lines of words, and complaints about them.
 *
 * What pbx/policy_file.h reads with. A line that begins with a blank continues the one above; `#` behind a
 * blank or at the start begins a comment; "quoted text" is one word; a comma is one too.
 *
 * Memory: views into the text. Thread: any.
 */
#ifndef PBX_POLICY_WORDS_H
#define PBX_POLICY_WORDS_H

#include "base/buf.h"
#include "base/str.h"

struct pbx_words {
	str file, rest; /* rest: lines not read yet */
	str line;       /* what is left of the one in hand, with its continuations */
	uint32_t number, next_number;
	str word; /* the next; empty at the end of the line */
	bool quoted;
	bool broken; /* a quote that never ends */
	struct buf *why;
};

void pbx_words_start(struct pbx_words *, str file, str text, struct buf *why);
/* The next line that has words, its first in `word`. */
bool pbx_words_line(struct pbx_words *);
void pbx_words_next(struct pbx_words *);
/* Takes the word where it is this one; quoted ones are never. */
bool pbx_words_take(struct pbx_words *, const char *word);
bool pbx_words_is(const struct pbx_words *, const char *word);
/* "FILE:LINE: ..." into `why`, and false. */
bool pbx_words_wrong(struct pbx_words *, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
