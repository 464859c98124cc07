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

/* Up to behind its end, with the lines that go on with it (7.3.1). */
static size_t line_n(str s)
{
	size_t n = 0;

	for (;;) {
		while (n < s.n && s.p[n] != '\n' && s.p[n] != '\r')
			n++;
		if (n < s.n && s.p[n] == '\r')
			n++;
		if (n < s.n && s.p[n] == '\n')
			n++;
		if (n >= s.n || (s.p[n] != ' ' && s.p[n] != '\t'))
			return n;
	}
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

static void put_open(str line, struct buf *out)
{
	size_t done = 0, at = 0;

	for (size_t i = 4; i < line.n; i++) {
		if (line.p[i - 1] != ':' || (str_lower(line.p[i - 2]) != 'p' && str_lower(line.p[i - 2]) != 's') ||
		    i < done ||
		    !(str_eq_nocase(str_of(line.p + i - 4, 3), STR("sip")) ||
		      str_eq_nocase(str_of(line.p + i - 4, 3), STR("ips"))))
			continue;
		size_t n = password_n(str_skip(line, i), &at);
		if (!n)
			continue;
		buf_put(out, str_of(line.p + done, i + at - done));
		put_left_out(n, out);
		done = i + at + n;
	}
	buf_put(out, str_skip(line, done));
}

/* ---- the body ---- */

static void put_body(str rest, struct buf *out)
{
	static const str marks[] = { STR_INIT("inline:"), STR_INIT("ice-pwd:"), STR_INIT("k=clear:"),
				     STR_INIT("k=base64:"), STR_INIT("k=uri:") };

	for (;;) {
		size_t at = rest.n, n = 0;

		for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
			size_t found = str_find(str_head(rest, at + marks[i].n), marks[i]);

			at = found + marks[i].n <= rest.n && found < at ? found + marks[i].n : at;
		}
		buf_put(out, str_head(rest, at));
		rest = str_skip(rest, at);
		if (!rest.n)
			return;
		while (n < rest.n && !strchr("| \t\r\n", rest.p[n]))
			n++;
		put_left_out(n, out);
		rest = str_skip(rest, n);
	}
}

void sip_redact(str message, size_t cap, struct buf *out)
{
	str rest = str_head(message, cap);
	bool begun = false, body = false;

	while (rest.n) {
		size_t n = line_n(rest), at = 0;
		str line = str_head(rest, n);
		enum secrecy is = judge(line, &at);
		size_t end = n;

		while (end > at && (line.p[end - 1] == '\r' || line.p[end - 1] == '\n'))
			end--;
		body |= begun && end == 0;
		begun |= end > 0;
		if (is == OPEN && body) {
			put_body(line, out);
		} else if (is == OPEN) {
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
