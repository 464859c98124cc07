#include "sip/redact.h"

static const str left_out = STR_INIT("(left out)");

static void put_left_out(size_t n, struct buf *out)
{
	buf_put(out, str_head(left_out, n));
}

/* ---- Authorization ---- */

static bool is_harmless(str name)
{
	static const str names[] = { STR_INIT("username"),  STR_INIT("realm"), STR_INIT("nonce"), STR_INIT("uri"),
				     STR_INIT("algorithm"), STR_INIT("qop"),   STR_INIT("nc"),    STR_INIT("opaque") };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_eq_nocase(name, names[i]))
			return true;
	return false;
}

static size_t quoted_n(str s)
{
	for (size_t i = 1; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			return i + 1;
	}
	return 0; /* it does not end */
}

/* `name=value`, and a comma behind it where there is one. 0: it is nothing of the kind. */
static size_t parameter_n(str s, str *name)
{
	str rest = s;
	size_t n;

	if (!str_take_token(&rest, name) || !str_take_char(&rest, '='))
		return 0;
	if (rest.n && rest.p[0] == '"') {
		n = quoted_n(rest);
	} else {
		for (n = 0; n < rest.n && str_is_token_char((unsigned char)rest.p[n]); n++)
			;
	}
	if (!n)
		return 0;
	rest = str_skip(rest, n);
	while (rest.n && strchr(", \t\r\n", rest.p[0]))
		rest = str_skip(rest, 1);
	return s.n - rest.n;
}

/* Only what is known to be harmless, and well formed up to there. */
static void put_credentials(str value, struct buf *out)
{
	str name;
	size_t n;

	if (!str_starts_nocase(value, STR("Digest "))) {
		put_left_out(value.n, out);
		return;
	}
	buf_put(out, str_head(value, 7));
	for (value = str_skip(value, 7); value.n; value = str_skip(value, n)) {
		while (value.n && strchr(" \t\r\n", value.p[0])) {
			buf_put_char(out, value.p[0]);
			value = str_skip(value, 1);
		}
		n = parameter_n(value, &name);
		if (!n) {
			put_left_out(value.n, out);
			return;
		}
		if (is_harmless(name)) {
			buf_put(out, str_head(value, n));
			continue;
		}
		str rest = str_skip(str_head(value, n), name.n + 1);
		size_t tail = 0;
		while (tail < rest.n && strchr(", \t\r\n", rest.p[rest.n - 1 - tail]))
			tail++;
		buf_put(out, str_head(value, name.n + 1));
		put_left_out(rest.n - tail, out);
		buf_put(out, str_skip(rest, rest.n - tail));
	}
}

/* ---- lines of the head ---- */

/* Up to behind its end: CRLF, and what sloppy programs take for one. */
static size_t bare_line_n(str s)
{
	const char *lf = memchr(s.p, '\n', s.n);
	size_t n = lf ? (size_t)(lf - s.p) : s.n;
	const char *cr = memchr(s.p, '\r', n);

	if (cr && (size_t)(cr - s.p) + 1 < n)
		return (size_t)(cr - s.p) + 1;
	return lf ? n + 1 : n;
}

/* With the lines that go on with it (7.3.1). */
static size_t line_n(str s)
{
	size_t n = bare_line_n(s);

	while (n < s.n && (s.p[n] == ' ' || s.p[n] == '\t'))
		n += bare_line_n(str_skip(s, n));
	return n;
}

enum secrecy { OPEN, CREDENTIALS, SECRET };

/* *at: where the value begins. */
static enum secrecy judge(str line, size_t *at)
{
	static const struct {
		str name;
		enum secrecy is;
	} names[] = { { STR_INIT("Authorization"), CREDENTIALS },
		      { STR_INIT("Proxy-Authorization"), CREDENTIALS },
		      { STR_INIT("Authentication-Info"), SECRET },
		      { STR_INIT("Proxy-Authentication-Info"), SECRET } };

	if (!line.n || (str_lower(line.p[0]) != 'a' && str_lower(line.p[0]) != 'p'))
		return OPEN;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		str rest = str_skip(line, names[i].name.n);

		if (!str_starts_nocase(line, names[i].name))
			continue;
		while (rest.n && (rest.p[0] == ' ' || rest.p[0] == '\t'))
			rest = str_skip(rest, 1);
		if (!str_take_char(&rest, ':'))
			continue;
		while (rest.n && (rest.p[0] == ' ' || rest.p[0] == '\t'))
			rest = str_skip(rest, 1);
		*at = line.n - rest.n;
		return names[i].is;
	}
	return OPEN;
}

/* "sip:alice:secret@host": from behind the second colon to the '@'. 0: it has none. */
static size_t password_n(str s, size_t *at)
{
	size_t colon = s.n;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '@' && colon < i) {
			*at = colon + 1;
			return i - colon - 1;
		}
		if (c == ':' && colon == s.n)
			colon = i;
		if (c == '@' || c == '<' || c == '>' || c == '"' || (unsigned char)c <= ' ')
			return 0;
	}
	return 0;
}

static bool stands_before(str line, size_t at, str word)
{
	return at >= word.n && str_eq_nocase(str_of(line.p + at - word.n, word.n), word);
}

/* What stands behind the colon at `at` and is secret: keys and passwords of media up to a blank or '|', or that of a
 * URI. 0: nothing is. */
static size_t secret_n(str line, size_t at, size_t *from)
{
	static const str marks[] = { STR_INIT("inline"), STR_INIT("ice-pwd"), STR_INIT("k=clear"), STR_INIT("k=base64"),
				     STR_INIT("k=uri") };
	str rest = str_skip(line, at + 1);
	size_t n = 0;

	*from = at + 1;
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		if (!stands_before(line, at, marks[i]))
			continue;
		while (n < rest.n && !strchr("| \t\r\n", rest.p[n]))
			n++;
		return n;
	}
	if (stands_before(line, at, STR("sip")) || stands_before(line, at, STR("sips"))) {
		n = password_n(rest, from);
		*from += at + 1;
	}
	return n;
}

/* Everything that is secret stands behind a colon. */
static void put_open(str line, struct buf *out)
{
	size_t done = 0, from = 0;

	for (const char *c = memchr(line.p, ':', line.n); c;
	     c = memchr(c + 1, ':', (size_t)(line.p + line.n - c - 1))) {
		size_t at = (size_t)(c - line.p);

		if (at < done || !at || !strchr("pPsSeEdD4rRiI", line.p[at - 1]))
			continue;
		size_t n = secret_n(line, at, &from);
		if (!n)
			continue;
		buf_put(out, str_of(line.p + done, from - done));
		put_left_out(n, out);
		done = from + n;
	}
	buf_put(out, str_skip(line, done));
}

void sip_redact(str message, size_t cap, struct buf *out)
{
	str rest = str_head(message, cap);

	while (rest.n) {
		size_t n = line_n(rest), at = 0;
		str line = str_head(rest, n);
		enum secrecy is = judge(line, &at);
		size_t end = n;

		while (end > at && (line.p[end - 1] == '\r' || line.p[end - 1] == '\n'))
			end--;
		if (is == OPEN) {
			put_open(line, out);
		} else {
			buf_put(out, str_head(line, at));
			if (is == CREDENTIALS)
				put_credentials(str_of(line.p + at, end - at), out);
			else
				put_left_out(end - at, out);
			buf_put(out, str_skip(line, end));
		}
		rest = str_skip(rest, n);
	}
}
