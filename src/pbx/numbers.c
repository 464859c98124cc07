#include "pbx/numbers.h"

#include "sip/uri.h"

#include <stdlib.h>

struct range {
	int64_t first, last;
	uint32_t account_at;
	uint16_t account_n;
};

struct set {
	struct range *ranges;
	size_t n, cap;
	struct buf names;
};

struct pbx_numbers {
	struct set now, next;
};

struct pbx_numbers *pbx_numbers_new(void)
{
	struct pbx_numbers *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	buf_init_grow(&p->now.names, UINT32_MAX);
	buf_init_grow(&p->next.names, UINT32_MAX);
	return p;
}

static void clear(struct set *s)
{
	free(s->ranges);
	buf_free(&s->names);
	*s = (struct set){ 0 };
	buf_init_grow(&s->names, UINT32_MAX);
}

void pbx_numbers_free(struct pbx_numbers *p)
{
	if (!p)
		return;
	clear(&p->now);
	clear(&p->next);
	free(p);
}

void pbx_numbers_renew(struct pbx_numbers *p)
{
	clear(&p->next);
}

enum err pbx_numbers_add(struct pbx_numbers *p, const struct number_record *r)
{
	struct set *s = &p->next;

	if (s->n == PBX_NUMBERS_MAX || r->account.n > UINT16_MAX)
		return ERR_FULL;
	if (s->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 16;
		struct range *grown = realloc(s->ranges, cap * sizeof(*grown));

		if (!grown)
			return ERR_MEMORY;
		s->ranges = grown;
		s->cap = cap;
	}
	s->ranges[s->n] = (struct range){ r->first, r->last, (uint32_t)s->names.n, (uint16_t)r->account.n };
	buf_put(&s->names, r->account);
	if (!buf_ok(&s->names))
		return ERR_MEMORY;
	s->n++;
	return ERR_NONE;
}

static int by_first(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

void pbx_numbers_take(struct pbx_numbers *p)
{
	clear(&p->now);
	p->now = p->next;
	p->next = (struct set){ 0 };
	buf_init_grow(&p->next.names, UINT32_MAX);
	if (p->now.n)
		qsort(p->now.ranges, p->now.n, sizeof(*p->now.ranges), by_first);
}

str pbx_numbers_find(const struct pbx_numbers *p, str text)
{
	size_t low = 0, high = p->now.n;
	const struct range *r;
	int64_t number;

	if (!high || number_parse(text, &number))
		return STR_NONE;
	while (low < high) { /* the first that begins behind it */
		size_t middle = (low + high) / 2;

		if (p->now.ranges[middle].first <= number)
			low = middle + 1;
		else
			high = middle;
	}
	r = low ? &p->now.ranges[low - 1] : NULL;
	return r && number <= r->last ? str_of(p->now.names.p + r->account_at, r->account_n) : STR_NONE;
}

bool pbx_numbers_has(const struct pbx_numbers *p, str account)
{
	for (size_t i = 0; i < p->now.n; i++)
		if (str_eq(str_of(p->now.names.p + p->now.ranges[i].account_at, p->now.ranges[i].account_n), account))
			return true;
	return false;
}

size_t pbx_numbers_n(const struct pbx_numbers *p)
{
	return p->now.n;
}

/* ---- Contacts ---- */

bool pbx_numbers_is_bulk(str contact)
{
	struct sip_uri uri;

	/* Nearly no Contact has it: a look at the bytes before the URI is taken apart. */
	return str_find(contact, STR(";bnc")) < contact.n && !sip_uri_parse(contact, &uri) &&
	       sip_uri_param(&uri, STR("bnc"), NULL);
}

/* 5.2: '+' and digits only: no visual separators, nothing behind a ';'. */
static void put_number(str user, struct buf *out)
{
	for (size_t i = 0; i < user.n && user.p[i] != ';'; i++)
		if ((user.p[i] == '+' && !i) || (user.p[i] >= '0' && user.p[i] <= '9'))
			buf_put_char(out, user.p[i]);
}

void pbx_numbers_write_uri(str contact, const struct sip_uri *asked, struct buf *out)
{
	struct sip_uri uri;
	str rest, name, value;

	if (sip_uri_parse(contact, &uri))
		return;
	buf_put(out, uri.scheme == SIP_SCHEME_SIPS ? STR("sips:") : STR("sip:"));
	put_number(asked->user, out);
	buf_put_char(out, '@');
	buf_put(out, uri.host);
	if (uri.port)
		buf_printf(out, ":%u", uri.port);
	rest = uri.params;
	while (sip_param_next(&rest, &name, &value)) {
		if (str_eq_nocase(name, STR("bnc")))
			continue;
		buf_put_char(out, ';');
		buf_put(out, name);
		if (value.n) {
			buf_put_char(out, '=');
			buf_put(out, value);
		}
	}
	if (sip_uri_param(asked, STR("sg"), &value) && value.n) {
		buf_put(out, STR(";sg="));
		buf_put(out, value);
	}
}
