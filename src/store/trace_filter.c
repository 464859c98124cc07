#include "store/trace_filter.h"

static bool is_word(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
			return false;
	return s.n > 0;
}

/* "4xx", "486", "400-499". */
static bool parse_status(str s, struct trace_filter *f)
{
	str first, last;

	if (s.n == 3 && str_eq_nocase(str_skip(s, 1), STR("xx")) && s.p[0] >= '1' && s.p[0] <= '6') {
		f->status_first = (uint32_t)(s.p[0] - '0') * 100;
		f->status_last = f->status_first + 99;
		return true;
	}
	if (!str_split(s, '-', &first, &last))
		last = first;
	return str_u32(first, 699, &f->status_first) && str_u32(last, 699, &f->status_last) && f->status_first >= 100 &&
	       f->status_last >= f->status_first;
}

enum err trace_filter_set(struct trace_filter *f, str name, str value, struct buf *why)
{
	struct trace_filter set = *f;
	unsigned bits = 0;
	bool good = is_word(value);

	if (value.n > TRACE_FILTER_MAX / 2) {
		buf_printf(why, STR_FMT " is too long", STR_ARG(name));
		return ERR_LIMIT;
	}
	if (str_eq(name, STR("call"))) {
		set.call = value;
	} else if (str_eq(name, STR("user"))) {
		set.user = value;
	} else if (str_eq(name, STR("method"))) {
		set.method = value;
	} else if (str_eq(name, STR("status"))) {
		good = parse_status(value, &set);
	} else if (str_eq(name, STR("source"))) {
		good = addr_parse_net(value, &set.source, &bits) == ERR_NONE;
		set.bits = bits;
	} else if (str_eq(name, STR("until"))) {
		good = str_u64(value, INT64_MAX, &set.until);
	} else {
		good = false;
	}
	if (!good) {
		buf_printf(why, STR_FMT " cannot be \"" STR_FMT "\"", STR_ARG(name), STR_ARG(str_head(value, 100)));
		return ERR_SYNTAX;
	}
	*f = set;
	return ERR_NONE;
}

enum err trace_filter_parse(str text, struct trace_filter *out, struct buf *why)
{
	struct trace_filter f = { .bits = 0 };
	enum err err = ERR_NONE;
	str word, name, value;

	while (!err && text.n) {
		str_split(text, ' ', &word, &text);
		if (!word.n)
			continue;
		str_split(word, '=', &name, &value);
		err = trace_filter_set(&f, name, value, why);
	}
	if (!err)
		*out = f;
	return err;
}

static void put_word(const char *name, str value, struct buf *out)
{
	if (value.n)
		buf_printf(out, "%s%s=" STR_FMT, out->n ? " " : "", name, STR_ARG(value));
}

void trace_filter_write(const struct trace_filter *f, struct buf *out)
{
	char text[80];
	struct buf b;

	put_word("call", f->call, out);
	put_word("user", f->user, out);
	put_word("method", f->method, out);
	buf_init(&b, text, sizeof(text));
	if (f->status_first)
		buf_printf(&b, "%u-%u", f->status_first, f->status_last);
	put_word("status", buf_str(&b), out);
	buf_reset(&b);
	if (addr_is_set(&f->source)) {
		addr_write_ip(&f->source, false, &b);
		buf_printf(&b, "/%u", f->bits);
	}
	put_word("source", buf_str(&b), out);
	buf_reset(&b);
	if (f->until)
		buf_put_u64(&b, f->until);
	put_word("until", buf_str(&b), out);
}

bool trace_filter_fits(const struct trace_filter *f, const struct trace_facts *m)
{
	if (f->call.n && !str_eq(f->call, m->call_id) && !str_eq(f->call, m->session))
		return false;
	if (f->user.n && !str_eq(f->user, m->from_user) && !str_eq(f->user, m->to_user) &&
	    !str_eq(f->user, m->uri_user))
		return false;
	if (f->method.n && !str_eq_nocase(f->method, m->method))
		return false;
	if (f->status_first && (m->status < f->status_first || m->status > f->status_last))
		return false;
	return !addr_is_set(&f->source) || addr_in(&m->remote, &f->source, f->bits);
}
