#include "pbx/policy_words.h"

#include <stdarg.h>
#include <stdio.h>

void pbx_words_start(struct pbx_words *w, str file, str text, struct buf *why)
{
	*w = (struct pbx_words){ .file = file, .rest = text, .next_number = 1, .why = why };
	if (str_starts(text, STR("\xef\xbb\xbf"))) /* editors of some systems begin a file so */
		w->rest = str_skip(text, 3);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void skip_blanks(struct pbx_words *w)
{
	uint32_t lines = 0;

	while (w->line.n) {
		char c = w->line.p[0];

		if (c == '\n')
			lines++;
		else if (c == '#') /* within a word it is a key of the telephone */
			w->line = str_skip(w->line, str_find_char(w->line, '\n'));
		else if (!is_blank(c))
			break;
		if (c != '#')
			w->line = str_skip(w->line, 1);
	}
	if (w->line.n) /* what is missing is missing in the line of the last word */
		w->number += lines;
}

void pbx_words_next(struct pbx_words *w)
{
	size_t n = 0;

	skip_blanks(w);
	w->quoted = w->line.n && w->line.p[0] == '"';
	if (w->quoted) {
		w->line = str_skip(w->line, 1);
		while (n < w->line.n && w->line.p[n] != '"' && w->line.p[n] != '\n')
			n++;
		w->broken = n == w->line.n || w->line.p[n] == '\n';
		w->word = str_head(w->line, n);
		w->line = str_skip(w->line, n + 1);
		return;
	}
	if (w->line.n && w->line.p[0] == ',')
		n = 1;
	else
		while (n < w->line.n && !is_blank(w->line.p[n]) && w->line.p[n] != '\n' && w->line.p[n] != ',')
			n++;
	w->word = str_head(w->line, n);
	w->line = str_skip(w->line, n);
}

/* With the lines below that begin with a blank. */
static size_t line_end(str text, uint32_t *lines)
{
	size_t at = 0;

	do {
		at += str_find_char(str_skip(text, at), '\n');
		at += at < text.n;
		++*lines;
	} while (at < text.n && is_blank(text.p[at]) && text.p[at] != '\r');
	return at;
}

bool pbx_words_line(struct pbx_words *w)
{
	while (w->rest.n) {
		size_t n;

		w->number = w->next_number;
		n = line_end(w->rest, &w->next_number);
		w->line = str_head(w->rest, n);
		w->rest = str_skip(w->rest, n);
		pbx_words_next(w);
		if (w->word.n || w->quoted)
			return true;
	}
	return false;
}

bool pbx_words_is(const struct pbx_words *w, const char *word)
{
	return !w->quoted && str_eq(w->word, str_from(word));
}

bool pbx_words_take(struct pbx_words *w, const char *word)
{
	if (!pbx_words_is(w, word))
		return false;
	pbx_words_next(w);
	return true;
}

bool pbx_words_wrong(struct pbx_words *w, const char *format, ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	buf_printf(w->why, STR_FMT ":%u: %s", STR_ARG(w->file), w->number, text);
	return false;
}
