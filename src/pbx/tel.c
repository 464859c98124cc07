#include "pbx/tel.h"

#include "sip/scan.h"

#define PARAMS_MAX 8

static bool is_separator(char c)
{
	return c == '-' || c == '.' || c == '(' || c == ')';
}

/* 19.1.6: all in lower case; what a user part cannot hold is escaped, what was escaped stays so. */
static void put_char(char c, struct buf *out)
{
	static const char hex[] = "0123456789ABCDEF";

	if (c == '%' || (c != '#' && sip_scan_is(c, SIP_SCAN_USER)))
		buf_put_char(out, str_lower(c));
	else
		buf_printf(out, "%%%c%c", hex[(unsigned char)c >> 4], hex[(unsigned char)c & 15]);
}

static void put_digits(str number, struct buf *out)
{
	for (size_t i = 0; i < number.n; i++)
		if (!is_separator(number.p[i]))
			put_char(number.p[i], out);
}

static bool is_global(str number)
{
	return number.n && number.p[0] == '+';
}

/* The context that a local number keeps; empty: none. */
static str context_of(str number, str params, str domain)
{
	str value;

	if (is_global(number) || !sip_param_find(params, STR("phone-context"), &value) || str_eq_nocase(value, domain))
		return STR_NONE;
	return value;
}

static void put_context(str context, struct buf *out)
{
	if (!context.n)
		return;
	buf_put(out, STR(";phone-context="));
	if (is_global(context))
		put_digits(context, out);
	else
		for (size_t i = 0; i < context.n; i++)
			put_char(context.p[i], out);
}

/* 19.1.6: the sub-address and what is dialled after come first, the others by name. */
static int compare(str a, str b)
{
	static const str first[] = { STR_INIT("isub"), STR_INIT("postd") };
	size_t i = 0;

	for (size_t k = 0; k < 2; k++) {
		bool is_a = str_eq_nocase(a, first[k]), is_b = str_eq_nocase(b, first[k]);

		if (is_a != is_b)
			return is_a ? -1 : 1;
	}
	for (; i < a.n && i < b.n; i++)
		if (str_lower(a.p[i]) != str_lower(b.p[i]))
			return str_lower(a.p[i]) < str_lower(b.p[i]) ? -1 : 1;
	return a.n < b.n ? -1 : a.n > b.n;
}

struct param {
	str name, value;
};

/* But for the context. Too many: the rest is left out. */
static size_t read_params(str rest, struct param *list)
{
	struct param p;
	size_t n = 0, at;

	while (n < PARAMS_MAX && sip_param_next(&rest, &p.name, &p.value)) {
		if (str_eq_nocase(p.name, STR("phone-context")))
			continue;
		for (at = n++; at && compare(p.name, list[at - 1].name) < 0; at--)
			list[at] = list[at - 1];
		list[at] = p;
	}
	return n;
}

bool pbx_tel_write_sip(const struct sip_uri *tel, str domain, struct buf *out)
{
	str context = context_of(tel->user, tel->params, domain);
	struct param list[PARAMS_MAX];
	size_t n = read_params(tel->params, list);

	buf_put(out, STR("sip:"));
	put_digits(tel->user, out);
	for (size_t i = 0; i < n; i++) {
		/* the context has its place in the order of names, too */
		if (context.n && compare(STR("phone-context"), list[i].name) < 0) {
			put_context(context, out);
			context = STR_NONE;
		}
		buf_put_char(out, ';');
		for (size_t c = 0; c < list[i].name.n; c++)
			put_char(list[i].name.p[c], out);
		if (list[i].value.n)
			buf_put_char(out, '=');
		for (size_t c = 0; c < list[i].value.n; c++)
			put_char(list[i].value.p[c], out);
	}
	put_context(context, out);
	buf_put_char(out, '@');
	buf_put(out, domain);
	buf_put(out, STR(";user=phone"));
	return buf_ok(out);
}

static str number_of(const struct sip_uri *uri, str *params)
{
	str number;

	(void)str_split(uri->user, ';', &number, params);
	return number;
}

bool pbx_tel_is(const struct sip_uri *uri)
{
	str value, params, number;
	size_t digits = 0;

	if (!sip_uri_param(uri, STR("user"), &value) || !str_eq_nocase(value, STR("phone")))
		return false;
	number = number_of(uri, &params);
	for (size_t i = is_global(number); i < number.n; i++) {
		if (number.p[i] >= '0' && number.p[i] <= '9')
			digits++;
		else if (!is_separator(number.p[i]) && number.p[i] != '*')
			return false;
	}
	return digits > 0;
}

void pbx_tel_write_name(const struct sip_uri *uri, str domain, struct buf *out)
{
	str params, number = number_of(uri, &params);

	put_digits(number, out);
	put_context(context_of(number, params, domain), out);
}
