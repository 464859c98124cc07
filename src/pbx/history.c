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

/* Privacy=history, escaped or not, among the headers of a URI. */
static bool hides(str headers)
{
	str one;

	while (headers.n) {
		str_split(headers, '&', &one, &headers);
		if (str_starts_nocase(one, STR("Privacy=")))
			return true;
	}
	return false;
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
	append(h, e);
	return true;
}

/* "header" and "session" cover it, too (10.1). */
static bool wants_privacy(const struct sip_msg *m)
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
			if (str_eq_nocase(one, STR("history")) || str_eq_nocase(one, STR("header")) ||
			    str_eq_nocase(one, STR("session")))
				return true;
		}
	return false;
}

/* 9.1: the hop before has left no entry of the Request-URI; where others have, a 0 shows the gap (10.3). */
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
	append(h, e);
	return e;
}

static bool is_uri(str a, str b)
{
	struct sip_uri x, y;

	return str_eq(a, b) || (!sip_uri_parse(a, &x) && !sip_uri_parse(b, &y) && sip_uri_eq(&x, &y));
}

struct pbx_history *pbx_history_new(struct sip_msg *m, struct arena *arena)
{
	struct pbx_history *h = ARENA_NEW(arena, struct pbx_history);
	const struct sip_address *list = NULL;
	size_t n = 0;

	if (!h || (sip_msg_has(m, SIP_HISTORY_INFO) && sip_msg_addresses(m, SIP_HISTORY_INFO, &list, &n)) ||
	    n > PBX_HISTORY_MAX / 2)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (!take(h, &list[i], arena))
			return NULL;
	h->private = wants_privacy(m);
	h->own = h->last && is_uri(h->last->uri, m->uri_text) ? h->last : add_missing(h, m->uri_text, arena);
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

static void put_entry(const struct pbx_history *h, const struct pbx_history_entry *e, bool leaves, struct buf *out)
{
	bool hidden = leaves && (h->private || e->hidden);

	if (out->n)
		buf_put(out, STR(", "));
	if (e->text.n && !hidden && !e->status) {
		buf_put(out, e->text);
		return;
	}
	buf_put_char(out, '<');
	buf_put(out, hidden ? STR("sip:anonymous@anonymous.invalid") : e->uri);
	if (e->status) {
		buf_printf(out, "?Reason=SIP%%3Bcause%%3D%u", e->status);
		if (e->hidden && !hidden)
			buf_put(out, STR("&Privacy=history"));
	}
	buf_put_char(out, '>');
	put_params(e, out);
}

/* In the order of their indices: of those that are wanted the smallest above the one before. */
static const struct pbx_history_entry *next_of(const struct pbx_history *h, const struct pbx_history_entry *before,
					       bool (*wanted)(const struct pbx_history_entry *, const void *),
					       const void *what)
{
	const struct pbx_history_entry *best = NULL;

	for (const struct pbx_history_entry *e = h->first; e; e = e->next)
		if (wanted(e, what) && (!before || compare(e->index, before->index) > 0) &&
		    (!best || compare(e->index, best->index) < 0))
			best = e;
	return best;
}

static bool shown_to(const struct pbx_history_entry *e, const void *what)
{
	const struct pbx_history_entry *to = what;

	if (!e->parent || e->status) /* it came with the request, or is over */
		return true;
	for (; to; to = to->parent)
		if (to == e)
			return true;
	return false;
}

void pbx_history_write(const struct pbx_history *h, const struct pbx_history_entry *to, bool leaves, struct buf *out)
{
	const struct pbx_history_entry *e = NULL;

	while ((e = next_of(h, e, shown_to, to)))
		put_entry(h, e, leaves, out);
}

/* What an answer bears itself: the callee's view, that goes further down than ours. */
struct theirs {
	const struct sip_address *list;
	size_t n;
};

static str index_of(const struct sip_address *a)
{
	str index;

	return sip_param_find(a->params, STR("index"), &index) && is_index(index) ? index : STR_NONE;
}

static bool only_ours(const struct pbx_history_entry *e, const void *what)
{
	const struct theirs *t = what;

	for (size_t i = 0; i < t->n; i++)
		if (compare(index_of(&t->list[i]), e->index) == 0)
			return false;
	return true;
}

void pbx_history_write_answer(const struct pbx_history *h, struct sip_msg *answer, struct buf *out)
{
	const struct pbx_history_entry *e;
	struct theirs t = { .n = 0 };
	size_t i = 0;

	if (!answer || !sip_msg_has(answer, SIP_HISTORY_INFO) ||
	    sip_msg_addresses(answer, SIP_HISTORY_INFO, &t.list, &t.n) || t.n > PBX_HISTORY_MAX)
		t.n = 0;
	e = next_of(h, NULL, only_ours, &t);
	while (e || i < t.n) {
		if (i < t.n && (!e || compare(index_of(&t.list[i]), e->index) <= 0)) {
			if (out->n)
				buf_put(out, STR(", "));
			buf_put(out, t.list[i++].text);
		} else {
			put_entry(h, e, false, out);
			e = next_of(h, e, only_ours, &t);
		}
	}
}
