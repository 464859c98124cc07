#include "base/conf.h"

#include <assert.h>

static str name_of(const struct conf_setting *s)
{
	return str_from(s->name);
}

enum err conf_span(str text, usec *out)
{
	static const struct {
		str unit;
		usec span;
	} units[] = {
		{ STR_INIT("us"), 1 },
		{ STR_INIT("ms"), USEC_PER_MS },
		{ STR_INIT("s"), USEC_PER_SEC },
		{ STR_INIT(""), USEC_PER_SEC },
		{ STR_INIT("m"), 60 * USEC_PER_SEC },
		{ STR_INIT("h"), 3600 * USEC_PER_SEC },
		{ STR_INIT("d"), 86400 * USEC_PER_SEC },
	};
	uint64_t count;

	if (!str_take_u64(&text, INT64_MAX, &count))
		return ERR_SYNTAX;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!str_eq(text, units[i].unit))
			continue;
		if (count > (uint64_t)(INT64_MAX / units[i].span))
			return ERR_LIMIT;
		*out = (usec)count * units[i].span;
		return ERR_NONE;
	}
	return ERR_SYNTAX;
}

static void write_span(int64_t span, struct buf *b)
{
	static const struct {
		usec span;
		const char *unit;
	} units[] = { { 86400 * USEC_PER_SEC, "d" },
		      { 3600 * USEC_PER_SEC, "h" },
		      { 60 * USEC_PER_SEC, "m" },
		      { USEC_PER_SEC, "s" },
		      { USEC_PER_MS, "ms" } };

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (span % units[i].span == 0 && span) {
			buf_put_i64(b, span / units[i].span);
			buf_put_z(b, units[i].unit);
			return;
		}
	}
	buf_put_i64(b, span);
	buf_put_z(b, "us");
}

static void write_bound(const struct conf_setting *s, int64_t bound, struct buf *b)
{
	if (s->type == CONF_SPAN)
		write_span(bound, b);
	else
		buf_put_i64(b, bound);
}

static enum err check_range(const struct conf_setting *s, int64_t value, str text, struct buf *why)
{
	if ((s->min == 0 && s->max == 0) || (value >= s->min && value <= s->max))
		return ERR_NONE;
	buf_printf(why, STR_FMT " is not within ", STR_ARG(text));
	write_bound(s, s->min, why);
	buf_put_z(why, " to ");
	write_bound(s, s->max, why);
	return ERR_LIMIT;
}

static enum err set_number(const struct conf_setting *s, str text, void *field, struct buf *why)
{
	str digits = text;
	bool minus = str_take_char(&digits, '-');
	uint64_t count;
	int64_t value;

	if (!str_u64(digits, INT64_MAX, &count)) {
		buf_printf(why, "\"" STR_FMT "\" is not a whole number", STR_ARG(text));
		return ERR_SYNTAX;
	}
	value = minus ? -(int64_t)count : (int64_t)count;
	enum err err = check_range(s, value, text, why);
	if (err == ERR_NONE)
		memcpy(field, &value, sizeof(value));
	return err;
}

static enum err set_span(const struct conf_setting *s, str text, void *field, struct buf *why)
{
	usec span;
	enum err err = conf_span(text, &span);

	if (err) {
		buf_printf(why, "\"" STR_FMT "\" is not a span of time such as 250ms, 30s, 5m, 2h or 3d",
			   STR_ARG(text));
		return err;
	}
	err = check_range(s, span, text, why);
	if (err == ERR_NONE)
		memcpy(field, &span, sizeof(span));
	return err;
}

static enum err set_addr(const struct conf_setting *s, str text, void *field, struct buf *why)
{
	struct addr a;

	if (addr_parse(text, (uint16_t)s->min, &a)) {
		buf_printf(why, "\"" STR_FMT "\" is not an address such as 192.0.2.1:5060 or [2001:db8::1]:5060",
			   STR_ARG(text));
		return ERR_SYNTAX;
	}
	memcpy(field, &a, sizeof(a));
	return ERR_NONE;
}

static enum err set_choice(const struct conf_setting *s, str text, void *field, struct buf *why)
{
	str rest = str_from(s->choices), one;

	for (int64_t place = 0; rest.n; place++) {
		str_split(rest, '|', &one, &rest);
		if (str_eq(one, text)) {
			memcpy(field, &place, sizeof(place));
			return ERR_NONE;
		}
	}
	buf_printf(why, "\"" STR_FMT "\" is not one of %s", STR_ARG(text), s->choices);
	return ERR_SYNTAX;
}

static enum err set_flag(str text, void *field, struct buf *why)
{
	bool yes = str_eq(text, STR("yes")) || str_eq(text, STR("true")) || str_eq(text, STR("on"));

	if (!yes && !str_eq(text, STR("no")) && !str_eq(text, STR("false")) && !str_eq(text, STR("off"))) {
		buf_printf(why, "\"" STR_FMT "\" is neither yes nor no", STR_ARG(text));
		return ERR_SYNTAX;
	}
	memcpy(field, &yes, sizeof(yes));
	return ERR_NONE;
}

static enum err set(const struct conf_setting *s, str text, void *out, struct buf *why)
{
	void *field = (char *)out + s->offset;

	switch (s->type) {
	case CONF_FLAG:
		return set_flag(text, field, why);
	case CONF_NUMBER:
		return set_number(s, text, field, why);
	case CONF_SPAN:
		return set_span(s, text, field, why);
	case CONF_ADDR:
		return set_addr(s, text, field, why);
	case CONF_CHOICE:
		return set_choice(s, text, field, why);
	case CONF_TEXT:
	case CONF_PATH:
		break;
	}
	if (text.n == 0) {
		buf_put_z(why, "the value is empty");
		return ERR_SYNTAX;
	}
	memcpy(field, &text, sizeof(text));
	return ERR_NONE;
}

void conf_defaults(const struct conf_setting *s, size_t n, void *out)
{
	char text[200];
	struct buf why;

	for (size_t i = 0; i < n; i++) {
		buf_init(&why, text, sizeof(text));
		enum err err = s[i].fallback ? set(&s[i], str_from(s[i].fallback), out, &why) : ERR_NONE;
		assert(err == ERR_NONE);
		(void)err;
	}
}

/* Number of single-character edits between two short names, for "did you mean". */
static size_t distance(str a, str b)
{
	size_t row[33];

	if (a.n > 32 || b.n > 32)
		return 33;
	for (size_t j = 0; j <= b.n; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			size_t change = diagonal + (a.p[i - 1] != b.p[j - 1]);
			size_t least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;

			diagonal = row[j];
			row[j] = change < least ? change : least;
		}
	}
	return row[b.n];
}

static const struct conf_setting *find(const struct conf_setting *s, size_t n, str name)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(name_of(&s[i]), name))
			return &s[i];
	return NULL;
}

static void say_unknown(const struct conf_setting *s, size_t n, const char *dashes, str name, struct buf *why)
{
	const struct conf_setting *best = NULL;
	size_t least = 3;

	for (size_t i = 0; i < n; i++) {
		size_t d = distance(name_of(&s[i]), name);

		if (d < least) {
			least = d;
			best = &s[i];
		}
	}
	buf_printf(why, "unknown setting %s" STR_FMT, dashes, STR_ARG(name));
	if (best)
		buf_printf(why, "; did you mean %s%s?", dashes, best->name);
}

static enum err take_arg(const struct conf_setting *s, size_t n, int argc, char **argv, int *at, void *out,
			 uint64_t *seen, struct buf *why)
{
	str name, value;
	bool joined = str_split(str_from(argv[*at] + 2), '=', &name, &value);
	const struct conf_setting *one = find(s, n, name);

	if (!one) {
		say_unknown(s, n, "--", name, why);
		return ERR_SYNTAX;
	}
	if (!joined && one->type == CONF_FLAG) {
		value = STR("yes");
	} else if (!joined) {
		if (*at + 1 >= argc) {
			buf_printf(why, "--%s needs a value", one->name);
			return ERR_SYNTAX;
		}
		value = str_from(argv[++*at]);
	}
	*seen |= UINT64_C(1) << (one - s);
	size_t before = why->n;
	buf_printf(why, "--%s: ", one->name);
	enum err err = set(one, value, out, why);
	if (err == ERR_NONE)
		why->n = before;
	return err;
}

static enum err read_args(const struct conf_setting *s, size_t n, int argc, char **argv, void *out,
			  struct conf_words *words, uint64_t *seen, struct buf *why)
{
	bool settings = true;

	assert(n <= CONF_SETTINGS_MAX);
	words->n = 0;
	for (int i = 0; i < argc; i++) {
		if (settings && strcmp(argv[i], "--") == 0) {
			settings = false;
		} else if (settings && strncmp(argv[i], "--", 2) == 0) {
			enum err err = take_arg(s, n, argc, argv, &i, out, seen, why);

			if (err)
				return err;
		} else if (words->n == CONF_WORDS_MAX) {
			buf_printf(why, "more than %d words", CONF_WORDS_MAX);
			return ERR_LIMIT;
		} else {
			words->word[words->n++] = str_from(argv[i]);
		}
	}
	return ERR_NONE;
}

static enum err check_required(const struct conf_setting *s, size_t n, uint64_t seen, struct buf *why)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i].required && !(seen >> i & 1)) {
			buf_printf(why, "--%s is needed: %s", s[i].name, s[i].meaning);
			return ERR_ABSENT;
		}
	}
	return ERR_NONE;
}

enum err conf_args(const struct conf_setting *s, size_t n, int argc, char **argv, void *out, struct conf_words *words,
		   struct buf *why)
{
	uint64_t seen = 0;
	enum err err = read_args(s, n, argc, argv, out, words, &seen, why);

	return err ? err : check_required(s, n, seen, why);
}

static enum err take_line(const struct conf_setting *s, size_t n, str line, void *out, size_t *which, struct buf *why)
{
	str name, value, rest;

	str_split(line, '#', &line, &rest);
	line = str_trim(line);
	if (line.n == 0)
		return ERR_NONE;
	if (!str_split(line, '=', &name, &value)) {
		buf_put_z(why, "a line reads `name = value`");
		return ERR_SYNTAX;
	}
	name = str_trim(name);
	const struct conf_setting *one = find(s, n, name);
	if (!one) {
		say_unknown(s, n, "", name, why);
		return ERR_SYNTAX;
	}
	*which = (size_t)(one - s);
	buf_printf(why, "%s: ", one->name);
	return set(one, str_trim(value), out, why);
}

static enum err read_file(const struct conf_setting *s, size_t n, str file, str text, void *out, uint32_t *lines,
			  struct buf *why)
{
	size_t before = why->n;

	for (uint32_t number = 1; text.n; number++) {
		size_t which = n;
		str line;

		str_split(text, '\n', &line, &text);
		buf_printf(why, STR_FMT ":%u: ", STR_ARG(file), number);
		enum err err = take_line(s, n, line, out, &which, why);
		if (err)
			return err;
		if (which < n)
			lines[which] = number;
		why->n = before;
	}
	return ERR_NONE;
}

enum err conf_file(const struct conf_setting *s, size_t n, str file, str text, void *out, struct buf *why)
{
	uint32_t lines[CONF_SETTINGS_MAX];

	assert(n <= CONF_SETTINGS_MAX);
	return read_file(s, n, file, text, out, lines, why);
}

enum err conf_read(const struct conf_setting *s, size_t n, struct conf_source *source, void *out,
		   struct conf_words *words, struct buf *why)
{
	uint64_t given = 0, seen = 0;
	enum err err = ERR_NONE;

	assert(n <= CONF_SETTINGS_MAX);
	memset(source->lines, 0, sizeof(source->lines));
	conf_defaults(s, n, out);
	if (source->file.n)
		err = read_file(s, n, source->file, source->text, out, source->lines, why);
	if (!err)
		err = read_args(s, n, source->argc, source->argv, out, words, &given, why);
	if (err)
		return err;
	seen = given;
	for (size_t i = 0; i < n; i++) {
		if (source->lines[i])
			seen |= UINT64_C(1) << i;
		if (given >> i & 1)
			source->lines[i] = 0;
	}
	return check_required(s, n, seen, why);
}

void conf_where(const struct conf_setting *s, size_t n, const struct conf_source *source, const char *name,
		struct buf *b)
{
	const struct conf_setting *one = find(s, n, str_from(name));

	if (one && source->lines[one - s])
		buf_printf(b, STR_FMT ":%u: %s: ", STR_ARG(source->file), source->lines[one - s], name);
	else
		buf_printf(b, "--%s: ", name);
}

static const char *value_word(const struct conf_setting *s)
{
	static const char *const words[] = {
		[CONF_FLAG] = "",          [CONF_TEXT] = "TEXT", [CONF_NUMBER] = "N",  [CONF_SPAN] = "SPAN",
		[CONF_ADDR] = "ADDR:PORT", [CONF_CHOICE] = "",   [CONF_PATH] = "PATH",
	};

	if (s->value)
		return s->value;
	return s->type == CONF_CHOICE ? s->choices : words[s->type];
}

void conf_help(const struct conf_setting *s, size_t n, struct buf *b)
{
	for (size_t i = 0; i < n; i++) {
		size_t start = b->n;
		const char *word = value_word(&s[i]);

		buf_printf(b, "  --%s%s%s", s[i].name, *word ? " " : "", word);
		do
			buf_put_char(b, ' ');
		while (buf_ok(b) && b->n - start < 28);
		buf_put_z(b, s[i].meaning);
		if (s[i].fallback && s[i].type != CONF_FLAG)
			buf_printf(b, " (default %s)", s[i].fallback);
		buf_put_char(b, '\n');
	}
}

void conf_manual_text(const char *text, struct buf *b)
{
	bool start = true;

	for (const char *at = text; *at; at++) {
		bool ends = (*at == '.' || *at == '?' || *at == '!') && at[1] == ' ';

		if (start && *at == '\n')
			buf_put_z(b, ".Pp");
		else if (start && (*at == '.' || *at == '\''))
			buf_put_z(b, "\\&");
		buf_put_char(b, *at);
		if (*at == '\\')
			buf_put_char(b, 'e');
		if (ends) {
			buf_put_char(b, '\n');
			at++;
		}
		start = ends || *at == '\n';
	}
	if (!start)
		buf_put_char(b, '\n');
}

void conf_manual(const struct conf_setting *s, size_t n, struct buf *b)
{
	for (size_t i = 0; i < n; i++) {
		const char *word = value_word(&s[i]);

		buf_printf(b, ".It Fl \\-%s", s[i].name);
		if (*word)
			buf_printf(b, " Ar %s", word);
		buf_put_char(b, '\n');
		conf_manual_text(s[i].meaning, b);
		if (s[i].fallback && s[i].type != CONF_FLAG)
			buf_printf(b, "The default is %s.\n", s[i].fallback);
	}
}
