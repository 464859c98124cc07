#include "sip/uri.h"

#include "sip/transport.h"

#include "sip/scan.h"

/* At a ';' of a URI: behind all its parameters; NULL: one is malformed. */
static const char *take_params(const char *at, const char *end)
{
	while (at < end && *at == ';') {
		const char *start = at + 1;

		at = sip_scan_escaped(start, end, SIP_SCAN_PARAM);
		if (at == start)
			return NULL;
		if (at < end && *at == '=') {
			start = at + 1;
			at = sip_scan_escaped(start, end, SIP_SCAN_PARAM);
			if (at == start)
				return NULL;
		}
	}
	return at;
}

static bool parse_sip(const char *at, const char *end, struct sip_uri *out)
{
	const char *sign = memchr(at, '@', (size_t)(end - at));
	const char *start = at;

	if (sign) {
		at = sip_scan_escaped(at, sign, SIP_SCAN_USER);
		if (at == start)
			return false;
		out->user = sip_scan_span(start, at);
		out->has_user = true;
		if (at < sign && *at == ':') {
			start = at + 1;
			/* password: unreserved, escaped, & = + $ , - a part of what a user may hold */
			at = sip_scan_escaped(start, sign, SIP_SCAN_USER);
			out->password = sip_scan_span(start, at);
		}
		if (at != sign)
			return false;
		start = at = sign + 1;
	}
	at = at < end && *at == '[' ? sip_scan_ipv6(at, end) : sip_scan_run(at, end, SIP_SCAN_HOST);
	if (!at || at == start)
		return false;
	out->host = sip_scan_span(start, at);
	if (at < end && *at == ':' && !(at = sip_scan_port(at + 1, end, &out->port)))
		return false;
	if (at < end && *at == ';') {
		start = at + 1;
		at = take_params(at, end);
		if (!at)
			return false;
		out->params = sip_scan_span(start, at);
	}
	if (at < end && *at == '?') {
		start = at + 1;
		at = sip_scan_escaped(start, end, SIP_SCAN_HEADERS);
		if (at == start)
			return false;
		out->headers = sip_scan_span(start, at);
	}
	return at == end;
}

/* RFC 3966 3.: digits and visual separators, hex digits, '*' and '#' of local numbers, then parameters. */
static bool parse_tel(const char *at, const char *end, struct sip_uri *out)
{
	const char *start = at;
	size_t digits = 0;

	for (at += at < end && *at == '+'; at < end && *at != ';'; at++) {
		if (sip_scan_is_hex(*at) || *at == '*' || *at == '#')
			digits++;
		else if (*at != '-' && *at != '.' && *at != '(' && *at != ')')
			return false;
	}
	if (digits == 0)
		return false;
	out->user = sip_scan_span(start, at);
	if (at < end) {
		out->params = sip_scan_span(at + 1, end);
		at = take_params(at, end);
	}
	return at == end;
}

/* scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ); the rest only has to look like a URI. */
static bool parse_other(const char *at, const char *end, struct sip_uri *out)
{
	const char *colon = at;

	while (colon < end &&
	       (((*colon | 32) >= 'a' && (*colon | 32) <= 'z') ||
		(colon > at && ((*colon >= '0' && *colon <= '9') || *colon == '+' || *colon == '-' || *colon == '.'))))
		colon++;
	if (colon == at || end - colon < 2 || *colon != ':' || sip_scan_run(colon + 1, end, SIP_SCAN_URI) != end)
		return false;
	out->user = sip_scan_span(colon + 1, end);
	return true;
}

bool sip_uri_scan(str text, struct sip_uri *out)
{
	const char *at, *end;

	memset(out, 0, sizeof(*out));
	out->text = text;
	if (text.n < 4)
		return text.n && parse_other(text.p, text.p + text.n, out);
	at = text.p;
	end = at + text.n;
	if ((at[0] | 32) == 's' && (at[1] | 32) == 'i' && (at[2] | 32) == 'p') {
		if (at[3] == ':') {
			out->scheme = SIP_SCHEME_SIP;
			return parse_sip(at + 4, end, out);
		}
		if (text.n > 4 && (at[3] | 32) == 's' && at[4] == ':') {
			out->scheme = SIP_SCHEME_SIPS;
			return parse_sip(at + 5, end, out);
		}
	}
	if (str_starts_nocase(text, STR("tel:"))) {
		out->scheme = SIP_SCHEME_TEL;
		return parse_tel(at + 4, end, out);
	}
	return parse_other(at, end, out);
}

enum err sip_uri_parse(str text, struct sip_uri *out)
{
	struct sip_uri uri;

	if (!sip_uri_scan(text, &uri))
		return ERR_SYNTAX;
	*out = uri;
	return ERR_NONE;
}

bool sip_param_next(str *rest, str *name, str *value)
{
	const char *at = rest->p, *end, *start;

	if (rest->n == 0)
		return false;
	end = at + rest->n;
	start = sip_scan_blank(at, end);
	at = sip_scan_run(start, end, SIP_SCAN_TOKEN);
	while (at < end && *at != ';' && *at != '=' && !sip_scan_is(*at, SIP_SCAN_BLANK))
		at++;
	*name = sip_scan_span(start, at);
	at = sip_scan_blank(at, end);
	*value = str_of(at, 0);
	if (at < end && *at == '=') {
		start = sip_scan_blank(at + 1, end);
		if (start < end && *start == '"')
			at = sip_scan_quoted(start, end);
		else
			for (at = sip_scan_run(start, end, SIP_SCAN_VALUE);
			     at < end && *at != ';' && !sip_scan_is(*at, SIP_SCAN_BLANK); at++)
				;
		if (!at)
			at = end;
		*value = sip_scan_span(start, at);
	}
	while (at < end && *at != ';')
		at++;
	*rest = at < end ? sip_scan_span(at + 1, end) : str_of(end, 0);
	return name->n > 0;
}

bool sip_param_find(str params, str name, str *value)
{
	str n, v;

	while (sip_param_next(&params, &n, &v))
		if (str_eq_nocase(n, name)) {
			if (value)
				*value = v;
			return true;
		}
	return false;
}

bool sip_uri_param(const struct sip_uri *uri, str name, str *value)
{
	return sip_param_find(uri->params, name, value);
}

bool sip_uri_transport(const struct sip_uri *uri, enum transport *out)
{
	enum transport t = TRANSPORT_UDP;
	str name;

	if (sip_uri_param(uri, STR("transport"), &name) && !transport_parse(name, &t))
		return false;
	/* 19.1.2: sips with transport=tcp is TLS over TCP; with ws, WSS (RFC 7118 5.). */
	if (uri->scheme == SIP_SCHEME_SIPS)
		t = t == TRANSPORT_WS || t == TRANSPORT_WSS ? TRANSPORT_WSS : TRANSPORT_TLS;
	*out = t;
	return true;
}

uint16_t sip_uri_port(const struct sip_uri *uri)
{
	enum transport t;

	if (uri->port)
		return uri->port;
	return sip_transport_port(sip_uri_transport(uri, &t) ? t : TRANSPORT_UDP);
}

bool sip_uri_addr(const struct sip_uri *uri, struct addr *out)
{
	struct addr a;

	if (addr_parse_ip(uri->host, &a))
		return false;
	a.port = sip_uri_port(uri);
	*out = a;
	return true;
}

static unsigned hex_value(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 32) - 'a' + 10);
}

/* The next character of an escaped text, 256 + byte for one that was escaped and is reserved (so that
 * "%3b" and ";" stay apart); -1 at the end. `fold`: ASCII case does not count. */
static int next_char(str *rest, bool fold)
{
	static const char reserved[] = ";/?:@&=+$,";
	int c;

	if (rest->n == 0)
		return -1;
	c = (unsigned char)rest->p[0];
	if (c == '%' && rest->n >= 3 && sip_scan_is_hex(rest->p[1]) && sip_scan_is_hex(rest->p[2])) {
		c = (int)(hex_value(rest->p[1]) << 4 | hex_value(rest->p[2]));
		if (c && strchr(reserved, c))
			c += 256;
		*rest = str_skip(*rest, 3);
	} else {
		*rest = str_skip(*rest, 1);
	}
	return fold && c < 128 ? str_lower((char)c) : c;
}

static bool same(str a, str b, bool fold)
{
	int c;

	do {
		c = next_char(&a, fold);
		if (c != next_char(&b, fold))
			return false;
	} while (c >= 0);
	return true;
}

/* Every parameter that both have must match; some may not stand in one alone (19.1.4). */
static bool same_params(const struct sip_uri *a, const struct sip_uri *b)
{
	str rest = a->params, name, value, other;

	while (sip_param_next(&rest, &name, &value)) {
		if (sip_uri_param(b, name, &other)) {
			if (!same(value, other, true))
				return false;
		} else if (str_eq_nocase(name, STR("user")) || str_eq_nocase(name, STR("ttl")) ||
			   str_eq_nocase(name, STR("method")) || str_eq_nocase(name, STR("maddr")) ||
			   str_eq_nocase(name, STR("transport"))) {
			return false;
		}
	}
	return true;
}

static bool has_header(str headers, str name, str value)
{
	str one, n, v;

	while (headers.n) {
		str_split(headers, '&', &one, &headers);
		str_split(one, '=', &n, &v);
		if (same(n, name, true) && same(v, value, false))
			return true;
	}
	return false;
}

static bool same_headers(str a, str b)
{
	str rest = a, one, name, value;

	while (rest.n) {
		str_split(rest, '&', &one, &rest);
		str_split(one, '=', &name, &value);
		if (!has_header(b, name, value))
			return false;
	}
	return true;
}

bool sip_uri_eq(const struct sip_uri *a, const struct sip_uri *b)
{
	if (a->scheme != b->scheme)
		return false;
	if (a->scheme == SIP_SCHEME_OTHER) {
		size_t colon = str_find_char(a->text, ':');

		return str_eq_nocase(str_head(a->text, colon), str_head(b->text, colon)) &&
		       str_eq(str_skip(a->text, colon), str_skip(b->text, colon));
	}
	if (a->scheme == SIP_SCHEME_TEL)
		return str_eq_nocase(a->user, b->user) && same_params(a, b) && same_params(b, a);
	return a->has_user == b->has_user && same(a->user, b->user, false) && same(a->password, b->password, false) &&
	       str_eq_nocase(a->host, b->host) && a->port == b->port && same_params(a, b) && same_params(b, a) &&
	       same_headers(a->headers, b->headers) && same_headers(b->headers, a->headers);
}

void sip_uri_unescape(str s, struct buf *out)
{
	while (s.n) {
		size_t n = str_find_char(s, '%');

		buf_put(out, str_head(s, n));
		s = str_skip(s, n);
		if (s.n >= 3 && sip_scan_is_hex(s.p[1]) && sip_scan_is_hex(s.p[2])) {
			buf_put_char(out, (char)(hex_value(s.p[1]) << 4 | hex_value(s.p[2])));
			s = str_skip(s, 3);
		} else if (s.n) {
			buf_put_char(out, '%');
			s = str_skip(s, 1);
		}
	}
}

void sip_uri_escape_user(str text, struct buf *out)
{
	for (size_t i = 0; i < text.n; i++) {
		if (sip_scan_is(text.p[i], SIP_SCAN_USER) && text.p[i] != '#') {
			buf_put_char(out, text.p[i]);
		} else {
			buf_put_char(out, '%');
			buf_put_char(out, "0123456789ABCDEF"[(unsigned char)text.p[i] >> 4]);
			buf_put_char(out, "0123456789ABCDEF"[(unsigned char)text.p[i] & 15]);
		}
	}
}

void sip_uri_key(const struct sip_uri *uri, struct buf *out)
{
	if (uri->scheme == SIP_SCHEME_OTHER) {
		buf_put(out, uri->text);
		return;
	}
	if (uri->scheme == SIP_SCHEME_TEL) {
		for (size_t i = 0; i < uri->user.n; i++)
			if (!strchr("-.()", uri->user.p[i]))
				buf_put_char(out, str_lower(uri->user.p[i]));
		return;
	}
	if (uri->has_user) {
		sip_uri_unescape(uri->user, out);
		buf_put_char(out, '@');
	}
	char *host = buf_room(out, uri->host.n);
	for (size_t i = 0; host && i < uri->host.n; i++)
		host[i] = str_lower(uri->host.p[i]);
	if (host)
		out->n += uri->host.n;
}
