#include "net/http.h"

#define TARGET_MAX 2048

/* RFC 9110 5.6.2. */
static bool is_token(str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool plain = (c >= '0' && c <= '9') || (str_lower(c) >= 'a' && str_lower(c) <= 'z');

		if (!plain && !(c && strchr("!#$%&'*+-.^_`|~", c)))
			return false;
	}
	return s.n > 0;
}

static bool is_visible(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] == 0x7f)
			return false;
	return s.n > 0;
}

/* RFC 9110 5.5: no control characters but HTAB. */
static bool is_value(str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

/* RFC 9112 3. */
static int read_start(str line, struct http_request *r, bool *old)
{
	str method, target, version;

	if (!str_split(line, ' ', &method, &line) || !str_split(line, ' ', &target, &version) || !is_token(method))
		return 400;
	if (!str_starts(version, STR("HTTP/")) || version.n != 8 || version.p[6] != '.')
		return 400;
	if (version.p[5] != '1')
		return 505;
	*old = version.p[7] == '0';
	r->close = *old;
	r->head = str_eq(method, STR("HEAD"));
	if (!r->head && !str_eq(method, STR("GET")))
		return 405;
	if (target.n > TARGET_MAX)
		return 414;
	if (!is_visible(target) || target.p[0] != '/')
		return 400; /* 3.2.1: origin-form; we are no proxy */
	str_split(target, '?', &r->path, &r->query);
	return 0;
}

static int read_field(str line, struct http_request *r)
{
	str name, value, token;

	if (!str_split(line, ':', &name, &value) || !is_token(name) || !is_value(value))
		return 400;
	value = str_trim(value);
	if (str_eq_nocase(name, STR("Host"))) {
		if (r->host.p)
			return 400; /* RFC 9112 3.2 */
		r->host = str_of(value.p ? value.p : "", value.n);
	} else if (str_eq_nocase(name, STR("Transfer-Encoding"))) {
		return 413;
	} else if (str_eq_nocase(name, STR("Content-Length"))) {
		return str_eq(value, STR("0")) ? 0 : 413;
	} else if (str_eq_nocase(name, STR("Connection"))) {
		for (bool more = true; more;) {
			more = str_split(value, ',', &token, &value);
			r->close |= str_eq_nocase(str_trim(token), STR("close"));
		}
	}
	return 0;
}

int http_request_read(str bytes, size_t *used, struct http_request *out)
{
	size_t end = str_find(str_head(bytes, HTTP_HEAD_MAX), STR("\r\n\r\n"));
	struct http_request r = { 0 };
	str head = str_head(bytes, end), line;
	unsigned fields = 0;
	bool old = false, more;
	int status;

	*out = r;
	if (end >= bytes.n || end + 4 > HTTP_HEAD_MAX)
		return bytes.n >= HTTP_HEAD_MAX ? 431 : 100;
	more = str_find(head, STR("\r\n")) < head.n;
	line = str_head(head, str_find(head, STR("\r\n")));
	status = read_start(line, &r, &old);
	while (!status && more) {
		head = str_skip(head, line.n + 2);
		line = str_head(head, str_find(head, STR("\r\n")));
		more = line.n < head.n;
		status = ++fields > HTTP_FIELDS_MAX ? 431 : read_field(line, &r);
	}
	if (!status && !r.host.p && !old)
		status = 400; /* RFC 9112 3.2 */
	if (status)
		return status;
	*used = end + 4;
	*out = r;
	return 0;
}

static const char *reason(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 413:
		return "Content Too Large";
	case 414:
		return "URI Too Long";
	case 431:
		return "Request Header Fields Too Large";
	case 503:
		return "Service Unavailable";
	case 505:
		return "HTTP Version Not Supported";
	}
	return "Bad Request";
}

void http_answer_write(int status, str type, str lines, str body, bool head, bool close, struct buf *out)
{
	buf_printf(out, "HTTP/1.1 %d %s\r\nContent-Type: " STR_FMT "\r\nContent-Length: %zu\r\n", status,
		   reason(status), STR_ARG(type), body.n);
	buf_put(out, STR("Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"));
	if (status == 405)
		buf_put(out, STR("Allow: GET, HEAD\r\n"));
	if (close)
		buf_put(out, STR("Connection: close\r\n"));
	buf_put(out, lines);
	buf_put(out, STR("\r\n"));
	if (!head)
		buf_put(out, body);
}
