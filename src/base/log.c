#include "base/log.h"

#include <assert.h>
#include <stdarg.h>

#define FIELDS_MAX 1000
#define VALUE_MAX  300

/* ---- the values, each by itself ---- */

struct arguments {
	va_list list;
};

/* One conversion, behind its '%'. */
struct spec {
	bool zeros;
	int width, precision; /* precision -1: none */
	unsigned longs;       /* l, ll; z counts as two */
	char what;
};

static int take_number(const char **at, struct arguments *a)
{
	int n = 0;

	if (**at == '*') {
		++*at;
		return va_arg(a->list, int);
	}
	while (**at >= '0' && **at <= '9')
		n = n * 10 + *(*at)++ - '0';
	return n;
}

static struct spec take_spec(const char **at, struct arguments *a)
{
	struct spec s = { .precision = -1 };

	while (**at && strchr("-+ #0", **at))
		s.zeros |= *(*at)++ == '0';
	s.width = take_number(at, a);
	if (**at == '.') {
		++*at;
		s.precision = take_number(at, a);
	}
	for (; **at == 'l' || **at == 'z' || **at == 'h'; ++*at)
		s.longs += **at == 'l' ? 1 : **at == 'z' ? 2 : 0;
	s.what = **at;
	if (**at)
		++*at;
	return s;
}

static void put_digits(uint64_t v, unsigned base, const char *digits, const struct spec *s, struct buf *out)
{
	char text[24];
	int n = 0;

	do {
		text[n++] = digits[v % base];
		v /= base;
	} while (v);
	for (int i = n; i < s->width && i < 64; i++)
		buf_put_char(out, s->zeros ? '0' : ' ');
	while (n)
		buf_put_char(out, text[--n]);
}

/* As much as there is room for: the rest of a long value is not worth the line. */
static void put_cut(str s, struct buf *out)
{
	buf_put(out, str_head(s, out->cap - out->n));
}

static void put_text(const char *z, int precision, struct buf *out)
{
	size_t n = 0;

	if (!z)
		z = "(null)";
	while ((precision < 0 || n < (size_t)precision) && z[n])
		n++;
	put_cut(str_of(z, n), out);
}

static int64_t take_signed(const struct spec *s, struct arguments *a)
{
	return s->longs >= 2 ? va_arg(a->list, long long) : s->longs ? va_arg(a->list, long) : va_arg(a->list, int);
}

static uint64_t take_unsigned(const struct spec *s, struct arguments *a)
{
	return s->longs >= 2 ? va_arg(a->list, unsigned long long)
	       : s->longs    ? va_arg(a->list, unsigned long)
			     : va_arg(a->list, unsigned);
}

static void put_conversion(const char **at, struct arguments *a, struct buf *out)
{
	struct spec s = take_spec(at, a);
	int64_t v;

	switch (s.what) {
	case 's':
		put_text(va_arg(a->list, const char *), s.precision, out);
		break;
	case 'd':
	case 'i':
		v = take_signed(&s, a);
		if (v < 0)
			buf_put_char(out, '-');
		put_digits(v < 0 ? -(uint64_t)v : (uint64_t)v, 10, "0123456789", &s, out);
		break;
	case 'u':
		put_digits(take_unsigned(&s, a), 10, "0123456789", &s, out);
		break;
	case 'x':
		put_digits(take_unsigned(&s, a), 16, "0123456789abcdef", &s, out);
		break;
	case 'X':
		put_digits(take_unsigned(&s, a), 16, "0123456789ABCDEF", &s, out);
		break;
	case 'c':
		buf_put_char(out, (char)va_arg(a->list, int));
		break;
	case 'f':
	case 'g':
		buf_printf(out, "%.*g", s.precision < 0 ? 6 : s.precision, va_arg(a->list, double));
		break;
	case '%':
		buf_put_char(out, '%');
		break;
	default:
		assert(!"a conversion that base/log.h does not name");
	}
}

/* ---- fields ---- */

static bool is_bare(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || s.p[i] == '"' || s.p[i] == '\\')
			return false;
	return s.n > 0;
}

/* Cut before its last character rather than in the middle of an escape; the quote is always closed. */
static void put_value(str value, struct buf *out)
{
	if (is_bare(value)) {
		put_cut(value, out);
		return;
	}
	if (out->cap - out->n < 2)
		return;
	buf_put_char(out, '"');
	for (size_t i = 0; i < value.n && out->cap - out->n > 5; i++) {
		unsigned char c = (unsigned char)value.p[i];

		if (c < ' ' || c >= 0x7f)
			buf_printf(out, "\\x%02x", c);
		else if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else
			buf_put_char(out, (char)c);
	}
	buf_put_char(out, '"');
}

/* `key=value` from the format, up to its space. */
static void put_field(const char **at, struct arguments *a, struct buf *out)
{
	char room[VALUE_MAX];
	struct buf value;
	bool quoted = false;
	size_t key = 0;

	while ((*at)[key] && (*at)[key] != '=' && (*at)[key] != ' ')
		key++;
	if (out->n)
		buf_put_char(out, ' ');
	put_cut(str_of(*at, key), out);
	*at += key;
	if (**at != '=') {
		*at += **at == ' ';
		return;
	}
	++*at;
	buf_put_char(out, '=');
	buf_init(&value, room, sizeof(room));
	while (**at && (quoted || **at != ' ')) {
		char c = *(*at)++;

		if (c == '"')
			quoted = !quoted;
		else if (c == '%')
			put_conversion(at, a, &value);
		else if (value.n < value.cap)
			buf_put_char(&value, c);
	}
	put_value(buf_str(&value), out);
	while (**at == ' ')
		++*at;
}

void log_event(const struct log *log, enum log_level level, const char *event, const char *format, ...)
{
	char fields[FIELDS_MAX];
	struct arguments a;
	struct buf out;

	if (!log_wants(log, level))
		return;
	buf_init(&out, fields, sizeof(fields));
	va_start(a.list, format);
	while (*format && out.cap - out.n > VALUE_MAX / 10)
		put_field(&format, &a, &out);
	va_end(a.list);
	log->sink(log->self, level, str_from(event), buf_str(&out));
}

/* ---- reading it back ---- */

static int hex(char c)
{
	return c >= '0' && c <= '9'                         ? c - '0'
	       : str_lower(c) >= 'a' && str_lower(c) <= 'f' ? str_lower(c) - 'a' + 10
							    : -1;
}

/* Behind the first quote, up to behind the second. */
static void take_quoted(str *rest, struct buf *room)
{
	while (rest->n && rest->p[0] != '"') {
		char c = rest->p[0];
		size_t n = 1;

		if (c == '\\' && rest->n >= 4 && rest->p[1] == 'x' && hex(rest->p[2]) >= 0 && hex(rest->p[3]) >= 0) {
			c = (char)(hex(rest->p[2]) << 4 | hex(rest->p[3]));
			n = 4;
		} else if (c == '\\' && rest->n >= 2) {
			c = rest->p[1];
			n = 2;
		}
		if (room->n < room->cap)
			buf_put_char(room, c);
		*rest = str_skip(*rest, n);
	}
	*rest = str_skip(*rest, 1);
}

bool log_field_next(str *fields, str *key, struct buf *room)
{
	size_t n = 0;

	while (fields->n && fields->p[0] == ' ')
		*fields = str_skip(*fields, 1);
	if (!fields->n)
		return false;
	while (n < fields->n && fields->p[n] != '=' && fields->p[n] != ' ')
		n++;
	*key = str_head(*fields, n);
	*fields = str_skip(*fields, n);
	buf_reset(room);
	if (!str_take_char(fields, '='))
		return true;
	if (str_take_char(fields, '"')) {
		take_quoted(fields, room);
		return true;
	}
	n = str_find_char(*fields, ' ');
	buf_put(room, str_head(*fields, n < room->cap ? n : room->cap));
	*fields = str_skip(*fields, n);
	return true;
}
