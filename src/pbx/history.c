#include "pbx/history.h"

/* "1.1.2": numbers with dots between. */
static bool is_index(str s)
{
	bool digit = false;

	if (s.n > PBX_HISTORY_INDEX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		bool is = s.p[i] >= '0' && s.p[i] <= '9';

		if (!is && (s.p[i] != '.' || !digit))
			return false;
		digit = is;
	}
	return digit;
}

/* The same number may be written with zeros in front: the shorter is the smaller, but for them. */
static str take_level(str *rest)
{
	str level;

	str_split(*rest, '.', &level, rest);
	while (level.n > 1 && level.p[0] == '0')
		level = str_skip(level, 1);
	return level;
}

/* <0, 0, >0: in the order of the tree, above before below. */
static int compare(str a, str b)
{
	while (a.n && b.n) {
		str x = take_level(&a), y = take_level(&b);
		int order = x.n != y.n ? (x.n < y.n ? -1 : 1) : str_compare(x, y);

		if (order)
			return order;
	}
	return a.n ? 1 : b.n ? -1 : 0;
}

static void append(struct pbx_history *h, struct pbx_history_entry *e)
{
	*(h->last ? &h->last->next : &h->first) = e;
	h->last = e;
	h->n++;
}

/* Privacy=history among the headers of a URI; other values count for nothing there (10.1.2). */
static bool hides(str headers)
{
	str one;

	while (headers.n) {
		str_split(headers, '&', &one, &headers);
		if (str_eq_nocase(one, STR("Privacy=history")))
			return true;
	}
	return false;
}

bool pbx_history_is_foreign(const struct pbx_history *h, str text)
{
	struct sip_uri uri;
	struct addr addr;

	return !sip_uri_parse(text, &uri) && (uri.scheme == SIP_SCHEME_SIP || uri.scheme == SIP_SCHEME_SIPS) &&
	       !str_eq_nocase(uri.host, h->domain) && !sip_uri_addr(&uri, &addr);
}

static bool take(struct pbx_history *h, const struct sip_address *a, struct arena *arena)
{
	struct pbx_history_entry *e = ARENA_NEW(arena, struct pbx_history_entry);
	str index, uri = a->uri.text;

	if (!e || !sip_param_find(a->params, STR("index"), &index) || !is_index(index))
		return false;
	if (a->uri.headers.n)
		uri.n = (size_t)(a->uri.headers.p - 1 - uri.p);
	e->hidden = hides(a->uri.headers);
	if (!arena_copy(arena, a->text, &e->text) || !arena_copy(arena, uri, &e->uri) ||
	    !arena_copy(arena, index, &e->index))
		return false;
	e->foreign = pbx_history_is_foreign(h, e->uri);
	append(h, e);
	return true;
}

bool pbx_history_is_private(const struct sip_msg *m)
{
	struct sip_values v;
	str value, one;

	if (!sip_msg_has(m, SIP_PRIVACY))
		return false;
	v = sip_msg_values(m, SIP_PRIVACY);
	while (sip_values_next(&v, &value))
		while (value.n) {
			str_split(value, ';', &one, &value);
			one = str_trim(one);
			if (str_eq_nocase(one, STR("history")) || str_eq_nocase(one, STR("header")))
				return true;
		}
	return false;
}

/* 9.1: the hop before has left no entry of the Request-URI; where others have, a 0 shows the gap (10.3 rule 6). */
static struct pbx_history_entry *add_missing(struct pbx_history *h, str uri, struct arena *arena)
{
	struct pbx_history_entry *e = ARENA_NEW(arena, struct pbx_history_entry);
	char text[PBX_HISTORY_INDEX + 3];
	struct buf index;

	buf_init(&index, text, sizeof(text));
	if (h->last) {
		buf_put(&index, h->last->index);
		buf_put(&index, STR(".0"));
	} else {
		buf_put_char(&index, '1');
	}
	if (!e || !buf_ok(&index) || !arena_copy(arena, uri, &e->uri) || !arena_copy(arena, buf_str(&index), &e->index))
		return NULL;
	e->foreign = pbx_history_is_foreign(h, e->uri);
	append(h, e);
	return e;
}

static bool is_uri(str a, str b)
{
	struct sip_uri x, y;

	return str_eq(a, b) || (!sip_uri_parse(a, &x) && !sip_uri_parse(b, &y) && sip_uri_eq(&x, &y));
}

struct pbx_history *pbx_history_new(struct sip_msg *m, str uri, str domain, struct arena *arena)
{
	struct pbx_history *h = ARENA_NEW(arena, struct pbx_history);
	const struct sip_address *list = NULL;
	size_t n = 0;

	if (!h || (sip_msg_has(m, SIP_HISTORY_INFO) && sip_msg_addresses(m, SIP_HISTORY_INFO, &list, &n)) ||
	    n > PBX_HISTORY_MAX / 2)
		return NULL;
	h->domain = domain;
	for (size_t i = 0; i < n; i++)
		if (!take(h, &list[i], arena))
			return NULL;
	h->private = pbx_history_is_private(m);
	h->own = h->last && is_uri(h->last->uri, uri) ? h->last : add_missing(h, uri, arena);
	h->base = h->own;
	return h->own ? h : NULL;
}

struct pbx_history_entry *pbx_history_add(struct pbx_history *h, struct pbx_history_entry *parent, str uri,
					  const char *tag, const struct pbx_history_entry *of, struct arena *arena)
{
	struct pbx_history_entry *e = h->n < PBX_HISTORY_MAX ? ARENA_NEW(arena, struct pbx_history_entry) : NULL;
	char text[PBX_HISTORY_INDEX];
	struct buf index;

	buf_init(&index, text, sizeof(text));
	buf_put(&index, parent->index);
	buf_printf(&index, ".%u", parent->children + 1);
	if (!e || !buf_ok(&index) || !arena_copy(arena, uri, &e->uri) || !arena_copy(arena, buf_str(&index), &e->index))
		return NULL;
	parent->children++;
	e->parent = parent;
	e->tag = of ? tag : NULL;
	e->of = of ? of->index : STR_NONE;
	append(h, e);
	return e;
}

/* ---- what became of it ---- */

#define REASONS_MAX 240 /* bytes, of one entry */

/* A field's value as a header of a URI (RFC 3261 25.1: hnv-unreserved). */
static void put_escaped(str value, struct buf *out)
{
	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];

		if ((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || (c && strchr("-_.!~*'()/", c)))
			buf_put_char(out, (char)c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

/* The Reasons of the answer, besides the one that its status makes (10.2). */
static str reasons_of(const struct sip_msg *m, struct arena *arena)
{
	struct sip_values v = sip_msg_values(m, SIP_REASON);
	char text[REASONS_MAX];
	struct buf out;
	str value, kept = STR_NONE;

	buf_init(&out, text, sizeof(text));
	while (sip_values_next(&v, &value)) {
		buf_put(&out, STR("&Reason="));
		put_escaped(value, &out);
	}
	return buf_ok(&out) && arena_copy(arena, buf_str(&out), &kept) ? kept : STR_NONE;
}

void pbx_history_hear(struct pbx_history_entry *e, int status, struct sip_msg *m, struct arena *arena)
{
	if (status >= 300) {
		e->status = (uint16_t)status;
		if (m && sip_msg_has(m, SIP_REASON))
			e->reasons = reasons_of(m, arena);
	}
	for (struct pbx_history_entry *up = e; up && !up->heard; up = up->parent)
		up->heard = true;
}

/* ---- writing ---- */

static void put_params(const struct pbx_history_entry *e, struct buf *out)
{
	buf_put(out, STR(";index="));
	buf_put(out, e->index);
	if (e->tag) {
		buf_put_char(out, ';');
		buf_put_z(out, e->tag);
		buf_put_char(out, '=');
		buf_put(out, e->of);
	}
}

static void put_entry(const struct pbx_history_entry *e, bool hidden, struct buf *out)
{
	bool tel = str_starts_nocase(e->uri, STR("tel:"));

	if (out->n)
		buf_put(out, STR(", "));
	if (e->text.n && !hidden && !e->status) {
		buf_put(out, e->text);
		return;
	}
	buf_put_char(out, '<');
	buf_put(out, hidden ? STR("sip:anonymous@anonymous.invalid") : e->uri);
	if (e->status && (hidden || !tel)) {
		buf_printf(out, "?Reason=SIP%%3Bcause%%3D%u", e->status);
		buf_put(out, e->reasons);
		if (e->hidden && !hidden)
			buf_put(out, STR("&Privacy=history"));
	}
	buf_put_char(out, '>');
	put_params(e, out);
}

/* In the order of their indices: of those that are wanted the smallest above the one before. */
static const struct pbx_history_entry *next_of(const struct pbx_history *h, const struct pbx_history_entry *before,
					       const struct pbx_history_entry *to)
{
	const struct pbx_history_entry *best = NULL;

	for (const struct pbx_history_entry *e = h->first; e; e = e->next) {
		const struct pbx_history_entry *up = to;

		while (up && up != e)
			up = up->parent;
		/* it came with the request, or something was heard of it, or it led here */
		if ((!e->parent || e->heard || up) && (!before || compare(e->index, before->index) > 0) &&
		    (!best || compare(e->index, best->index) < 0))
			best = e;
	}
	return best;
}

void pbx_history_write(const struct pbx_history *h, const struct pbx_history_entry *to, bool leaves, struct buf *out)
{
	const struct pbx_history_entry *e = NULL;

	while ((e = next_of(h, e, to)))
		put_entry(e, leaves && !e->foreign && (h->private || e->hidden), out);
}

static str index_of(const struct sip_address *a)
{
	str index;

	return sip_param_find(a->params, STR("index"), &index) && is_index(index) ? index : STR_NONE;
}

static bool is_known(const struct pbx_history *h, str index)
{
	for (const struct pbx_history_entry *e = h->first; e; e = e->next)
		if ((!e->parent || e->heard) && compare(e->index, index) == 0)
			return true;
	return false;
}

/* What the answer bears itself: the callee's view, which goes further down than ours. */
static void put_theirs(const struct pbx_history *h, const struct sip_address *a, bool hidden, struct buf *out)
{
	struct pbx_history_entry e = { .index = index_of(a) };

	if (hidden && !pbx_history_is_foreign(h, a->uri.text)) {
		put_entry(&e, true, out);
		return;
	}
	if (out->n)
		buf_put(out, STR(", "));
	buf_put(out, a->text);
}

void pbx_history_write_answer(const struct pbx_history *h, struct sip_msg *answer, bool leaves, struct buf *out)
{
	const struct pbx_history_entry *e = next_of(h, NULL, NULL);
	bool private = h->private || (answer && pbx_history_is_private(answer));
	const struct sip_address *list = NULL;
	size_t i = 0, n = 0;

	if (!answer || !sip_msg_has(answer, SIP_HISTORY_INFO) ||
	    sip_msg_addresses(answer, SIP_HISTORY_INFO, &list, &n) || n > PBX_HISTORY_MAX)
		n = 0;
	while (e || i < n) {
		if (i < n && is_known(h, index_of(&list[i]))) { /* 9.3 step 3: what is there already stays */
			i++;
		} else if (i < n && (!e || compare(index_of(&list[i]), e->index) < 0)) {
			put_theirs(h, &list[i++], leaves, out);
		} else {
			put_entry(e, leaves && !e->foreign && (private || e->hidden || e->parent), out);
			e = next_of(h, e, NULL);
		}
	}
}
