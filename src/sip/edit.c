#include "sip/edit.h"

#include "sip/scan.h"

void sip_edits_note(struct sip_edits *e, enum sip_edit_kind kind, enum sip_kind field, str text)
{
	if (e->n == SIP_EDIT_MAX) {
		e->full = true;
		return;
	}
	e->list[e->n++] = (struct sip_edit){ .kind = (uint8_t)kind, .field = (uint8_t)field, .text = text };
}

/* Bytes from..to of the message go, and name, text and CRLF come in their place. */
struct cut {
	uint32_t from, to;
	int order; /* among cuts at one place: smaller first */
	bool crlf;
	str name; /* empty, or put in front with ": " behind it */
	str text;
};

struct work {
	const struct sip_msg *m;
	const struct sip_edits *edits;
	size_t n;
	bool full;
	char length[12];   /* a new Content-Length */
	char stamped[600]; /* the top Via with received and rport */
	struct cut cuts[SIP_EDIT_MAX + SIP_MSG_HEADER_MAX + 4];
};

/* Keeps the cuts in order of place as they come: they are few. What is cut already takes no room again, or who sends
 * many lines that two edits take away could crowd out the others. */
static void add_cut(struct work *w, struct cut cut)
{
	bool removes = cut.to > cut.from && !cut.name.n && !cut.text.n && !cut.crlf;
	size_t at = w->n;

	while (at && (w->cuts[at - 1].from > cut.from ||
		      (w->cuts[at - 1].from == cut.from && w->cuts[at - 1].order > cut.order)))
		at--;
	if (removes && at && w->cuts[at - 1].from == cut.from && w->cuts[at - 1].to == cut.to)
		return;
	if (w->n == sizeof(w->cuts) / sizeof(w->cuts[0])) {
		w->full = true;
		return;
	}
	memmove(w->cuts + at + 1, w->cuts + at, (w->n - at) * sizeof(cut));
	w->cuts[at] = cut;
	w->n++;
}

static uint32_t offset(const struct sip_msg *m, const char *p)
{
	return (uint32_t)(p - m->text.p);
}

static void cut_line(struct work *w, const struct sip_header *h)
{
	add_cut(w, (struct cut){ .from = h->at, .to = h->end });
}

static void cut_lines(struct work *w, const struct sip_header *h)
{
	for (; h; h = sip_msg_header_next(w->m, h))
		cut_line(w, h);
}

static void cut_named(struct work *w, str name)
{
	const struct sip_msg *m = w->m;
	const struct sip_header *h;

	for (h = sip_msg_header(m, SIP_OTHER); h; h = sip_msg_header_next(m, h))
		if (str_eq_nocase(sip_header_name(m, h), name))
			cut_line(w, h);
}

static void set_line(struct work *w, enum sip_kind field, str text)
{
	const struct sip_header *h = sip_msg_header(w->m, field);
	struct cut cut = { .crlf = true, .name = sip_kind_name(field), .text = text };

	cut.from = h ? h->at : w->m->headers_end;
	cut.to = h ? h->end : w->m->headers_end;
	add_cut(w, cut);
	if (h)
		cut_lines(w, sip_msg_header_next(w->m, h));
}

/* How many values of this field go from the top, and what takes the place of the first that stays. */
static void cut_top(struct work *w, enum sip_kind field, size_t remove, const str *put)
{
	const struct sip_header *h;
	str value;

	for (h = sip_msg_header(w->m, field); h; h = sip_msg_header_next(w->m, h)) {
		str rest = sip_header_value(w->m, h);

		for (size_t n = 0; sip_list_next(&rest, &value); n++) {
			if (remove) {
				remove--;
				continue;
			}
			if (n) /* the values in front of this one go */
				add_cut(w, (struct cut){ .from = h->value_at, .to = offset(w->m, value.p) });
			if (put) {
				uint32_t from = offset(w->m, value.p);

				add_cut(w, (struct cut){ .from = from, .to = from + (uint32_t)value.n, .text = *put });
			}
			return;
		}
		cut_line(w, h);
	}
}

static void cut_last(struct work *w, enum sip_kind field)
{
	const struct sip_header *h = sip_msg_header(w->m, field), *last = h;
	const char *behind;
	str rest, value;
	size_t n = 0;

	for (; h; h = sip_msg_header_next(w->m, h))
		last = h;
	if (!last)
		return;
	rest = sip_header_value(w->m, last);
	behind = rest.p;
	for (; sip_list_next(&rest, &value); n++)
		if (rest.p) /* another follows: the cut would begin at the comma in between */
			behind = rest.p - 1;
	if (n <= 1)
		cut_line(w, last);
	else
		add_cut(w, (struct cut){ .from = offset(w->m, behind), .to = last->value_at + last->value_n });
}

/* The topmost Via of a request whose source is known, unless an edit takes it away. */
static void stamp(struct work *w)
{
	const struct sip_header *h = sip_msg_header(w->m, SIP_VIA);
	const struct sip_via *seen = sip_msg_via_seen(w->m);
	struct sip_via via;
	struct buf out;
	str value;

	if (!w->m->is_request || !addr_is_set(&w->m->source) || !h)
		return;
	for (size_t i = 0; i < w->edits->n; i++)
		if (w->edits->list[i].field == SIP_VIA && w->edits->list[i].kind != SIP_EDIT_PREPEND)
			return;
	if (!seen) {
		value = sip_header_value(w->m, h);
		if (!sip_via_take(value.p, value.p + value.n, &via))
			return;
		seen = &via;
	}
	buf_init(&out, w->stamped, sizeof(w->stamped));
	sip_via_pass(seen, &w->m->source, &out);
	if (!buf_ok(&out) || str_eq(buf_str(&out), seen->text))
		return;
	uint32_t from = offset(w->m, seen->text.p);
	add_cut(w, (struct cut){ .from = from, .to = from + (uint32_t)seen->text.n, .text = buf_str(&out) });
}

static void plan(struct work *w, const struct sip_edit *e, int number)
{
	const struct sip_msg *m = w->m;
	const struct sip_header *h = sip_msg_header(m, (enum sip_kind)e->field);
	uint32_t from;

	switch ((enum sip_edit_kind)e->kind) {
	case SIP_EDIT_START:
		add_cut(w, (struct cut){ .from = 0, .to = m->headers_at, .crlf = true, .text = e->text });
		break;
	case SIP_EDIT_URI:
		from = offset(m, m->uri_text.p);
		add_cut(w, (struct cut){ .from = from, .to = from + (uint32_t)m->uri_text.n, .text = e->text });
		break;
	case SIP_EDIT_PREPEND:
		from = h ? h->at : m->headers_at;
		add_cut(w,
			(struct cut){ .from = from, .to = from, .order = -1 - number, .crlf = true, .text = e->text });
		break;
	case SIP_EDIT_ADD:
		from = m->headers_end;
		add_cut(w, (struct cut){ .from = from, .to = from, .order = 1, .crlf = true, .text = e->text });
		break;
	case SIP_EDIT_SET:
		set_line(w, (enum sip_kind)e->field, e->text);
		break;
	case SIP_EDIT_REMOVE:
		cut_lines(w, h);
		break;
	case SIP_EDIT_REMOVE_ONE:
		while (h && sip_header_value(m, h).p != e->text.p)
			h = sip_msg_header_next(m, h);
		if (h)
			cut_line(w, h);
		break;
	case SIP_EDIT_REMOVE_NAME:
		cut_named(w, e->text);
		break;
	case SIP_EDIT_REMOVE_LAST:
		cut_last(w, (enum sip_kind)e->field);
		break;
	case SIP_EDIT_REMOVE_TOP: /* counted together by plan_tops */
	case SIP_EDIT_TOP:
	case SIP_EDIT_BODY:
		break;
	}
}

/* Removals from the top of one field act together: they are counted at the first of them. */
static void plan_tops(struct work *w, size_t number)
{
	const struct sip_edit *list = w->edits->list;
	uint8_t field = list[number].field;
	const str *put = NULL;
	size_t remove = 0;

	for (size_t i = 0; i < w->edits->n; i++) {
		if (list[i].field != field || (list[i].kind != SIP_EDIT_REMOVE_TOP && list[i].kind != SIP_EDIT_TOP))
			continue;
		if (i < number)
			return;
		if (list[i].kind == SIP_EDIT_TOP)
			put = &list[i].text;
		else
			remove++;
	}
	cut_top(w, (enum sip_kind)field, remove, put);
}

static str text_of(char *digits, size_t cap, uint64_t value)
{
	struct buf b;

	buf_init(&b, digits, cap);
	buf_put_u64(&b, value);
	return buf_str(&b);
}

static void plan_body(struct work *w, str body, bool changed)
{
	if (changed || !sip_msg_has(w->m, SIP_CONTENT_LENGTH))
		set_line(w, SIP_CONTENT_LENGTH, text_of(w->length, sizeof(w->length), body.n));
}

static void gather(const struct work *w, str body, struct buf *out)
{
	const char *base = w->m->text.p;
	uint32_t at = 0, end = w->m->headers_end;

	for (size_t i = 0; i < w->n; i++) {
		const struct cut *cut = &w->cuts[i];

		if (cut->from > at) {
			buf_put_bytes(out, base + at, cut->from - at);
			at = cut->from;
		}
		if (cut->name.n) {
			buf_put(out, cut->name);
			buf_put(out, STR(": "));
		}
		buf_put(out, cut->text);
		if (cut->crlf)
			buf_put(out, STR("\r\n"));
		if (cut->to > at)
			at = cut->to;
	}
	if (end > at)
		buf_put_bytes(out, base + at, end - at);
	buf_put(out, STR("\r\n"));
	buf_put(out, body);
}

enum err sip_edits_write(const struct sip_msg *m, const struct sip_edits *edits, struct buf *out)
{
	struct work w;
	str body = m->body;
	bool changed = false;

	if (edits->full)
		return ERR_LIMIT;
	w.m = m;
	w.edits = edits;
	w.n = 0;
	w.full = false;
	stamp(&w);
	for (size_t i = 0; i < edits->n; i++) {
		const struct sip_edit *e = &edits->list[i];

		if (e->kind == SIP_EDIT_REMOVE_TOP || e->kind == SIP_EDIT_TOP)
			plan_tops(&w, i);
		else if (e->kind == SIP_EDIT_BODY)
			changed = true, body = e->text;
		else
			plan(&w, e, (int)i);
	}
	plan_body(&w, body, changed);
	if (w.full)
		return ERR_LIMIT;
	gather(&w, body, out);
	return out->err;
}

/* ---- responses ---- */

static void put_line(const struct sip_msg *m, const struct sip_header *h, struct buf *out)
{
	buf_put(out, str_of(m->text.p + h->at, (size_t)(h->end - h->at)));
}

static void put_lines(const struct sip_msg *m, enum sip_kind kind, struct buf *out)
{
	for (const struct sip_header *h = sip_msg_header(m, kind); h; h = sip_msg_header_next(m, h))
		put_line(m, h, out);
}

static void put_field(str name, str value, struct buf *out)
{
	buf_put(out, name);
	buf_put(out, STR(": "));
	buf_put(out, value);
	buf_put(out, STR("\r\n"));
}

static void put_given(str lines, struct buf *out)
{
	if (lines.n) {
		buf_put(out, lines);
		buf_put(out, STR("\r\n"));
	}
}

static void put_end(str content_type, str body, struct buf *out)
{
	char digits[12];

	if (content_type.n)
		put_field(STR("Content-Type"), content_type, out);
	put_field(STR("Content-Length"), text_of(digits, sizeof(digits), body.n), out);
	buf_put(out, STR("\r\n"));
	buf_put(out, body);
}

static void put_vias(struct sip_msg *m, struct buf *out)
{
	const struct sip_header *h = sip_msg_header(m, SIP_VIA);
	const struct sip_via *via = sip_msg_via(m);

	if (via && addr_is_set(&m->source)) {
		str value = sip_header_value(m, h);

		buf_put(out, STR("Via: "));
		sip_via_stamp(via, &m->source, m->oc, out);
		buf_put(out, sip_scan_span(via->text.p + via->text.n, value.p + value.n));
		buf_put(out, STR("\r\n"));
		h = sip_msg_header_next(m, h);
	}
	for (; h; h = sip_msg_header_next(m, h))
		put_line(m, h, out);
}

static void put_first(const struct sip_msg *m, enum sip_kind kind, struct buf *out)
{
	const struct sip_header *h = sip_msg_header(m, kind);

	if (h)
		put_line(m, h, out);
}

/* What is yet to be copied: lines that stand one behind the other, as these mostly do, go as one. */
struct run {
	const char *at, *end;
};

static void add_run(struct run *r, const char *at, const char *end, struct buf *out)
{
	if (at != r->end) {
		if (r->at)
			buf_put(out, sip_scan_span(r->at, r->end));
		r->at = at;
	}
	r->end = end;
}

static void end_run(struct run *r, struct buf *out)
{
	if (r->at)
		buf_put(out, sip_scan_span(r->at, r->end));
	*r = (struct run){ .at = NULL };
}

static void add_first(const struct sip_msg *m, enum sip_kind kind, struct run *r, struct buf *out)
{
	const struct sip_header *h = sip_msg_header(m, kind);

	if (h)
		add_run(r, m->text.p + h->at, m->text.p + h->end, out);
}

static void add_to(struct sip_msg *m, str tag, struct run *r, struct buf *out)
{
	const struct sip_header *h = sip_msg_header(m, SIP_TO);
	const struct sip_address *to = sip_msg_to(m);

	if (!h || !to || to->tag.n || !tag.n) {
		add_first(m, SIP_TO, r, out);
		return;
	}
	const char *line = m->text.p + h->at, *behind = to->text.p + to->text.n;
	if (to->text.p == line + 4 && memcmp(line, "To: ", 4) == 0) {
		add_run(r, line, behind, out);
		end_run(r, out);
	} else {
		end_run(r, out);
		buf_put(out, STR("To: "));
		buf_put(out, to->text);
	}
	buf_put(out, STR(";tag="));
	buf_put(out, tag);
	if (behind + 2 == m->text.p + h->end)
		add_run(r, behind, behind + 2, out);
	else
		buf_put(out, STR("\r\n"));
}

static void put_status_line(int status, str reason, struct buf *out)
{
	char digits[12];

	if (!reason.n && (status == 200 || status == 401)) { /* most of them */
		buf_put(out, status == 200 ? STR("SIP/2.0 200 OK\r\n") : STR("SIP/2.0 401 Unauthorized\r\n"));
		return;
	}
	buf_put(out, STR("SIP/2.0 "));
	buf_put(out, text_of(digits, sizeof(digits), (uint64_t)status));
	buf_put_char(out, ' ');
	buf_put(out, reason.n ? reason : sip_status_text(status));
	buf_put(out, STR("\r\n"));
}

static bool makes_dialog(const struct sip_msg *m)
{
	return m->method == SIP_INVITE || m->method == SIP_SUBSCRIBE || m->method == SIP_REFER;
}

enum err sip_reply_write_head(struct sip_msg *request, int status, str reason, str to_tag, struct buf *out)
{
	struct run run = { .at = NULL };

	if (!sip_msg_has(request, SIP_VIA))
		return ERR_ABSENT;
	put_status_line(status, reason, out);
	put_vias(request, out);
	if (status > 100 && status < 300 && status != 199 && makes_dialog(request)) /* 199: RFC 6228 6. */
		put_lines(request, SIP_RECORD_ROUTE, out);
	add_first(request, SIP_FROM, &run, out);
	add_to(request, to_tag, &run, out);
	add_first(request, SIP_CALL_ID, &run, out);
	add_first(request, SIP_CSEQ, &run, out);
	if (status == 100)
		add_first(request, SIP_TIMESTAMP, &run, out);
	end_run(&run, out);
	return out->err;
}

/* Who is told our load in each answer, and sends less for it, is not told to stay away altogether (RFC 7339 5.10). */
static str lines_of(struct sip_msg *request, const struct sip_reply *r)
{
	const struct sip_via *via = r->status == 503 && request->oc.n ? sip_msg_via(request) : NULL;
	str rest = r->lines, line;

	if (!via || !via->has_oc || !str_starts_nocase(rest, STR("Retry-After:")))
		return r->lines;
	str_split(rest, '\n', &line, &rest);
	return rest;
}

enum err sip_reply_write(struct sip_msg *request, const struct sip_reply *r, struct buf *out)
{
	enum err err = sip_reply_write_head(request, r->status, r->reason, r->to_tag, out);

	if (err)
		return err;
	put_given(lines_of(request, r), out);
	put_end(r->content_type, r->body, out);
	return out->err;
}

/* ---- requests ---- */

static void put_start(str method, str uri, struct buf *out)
{
	buf_put(out, method);
	buf_put_char(out, ' ');
	buf_put(out, uri);
	buf_put(out, STR(" SIP/2.0\r\n"));
}

static void put_cseq(uint32_t number, str method, struct buf *out)
{
	buf_put(out, STR("CSeq: "));
	buf_put_u64(out, number);
	buf_put_char(out, ' ');
	buf_put(out, method);
	buf_put(out, STR("\r\n"));
}

enum err sip_request_write(const struct sip_request *r, struct buf *out)
{
	char digits[12];

	put_start(r->method, r->uri, out);
	if (r->via.n)
		put_field(STR("Via"), r->via, out);
	for (size_t i = 0; i < r->route_n; i++)
		put_field(STR("Route"), r->routes[i], out);
	put_field(STR("Max-Forwards"), text_of(digits, sizeof(digits), r->max_forwards ? r->max_forwards : 70), out);
	put_field(STR("From"), r->from, out);
	put_field(STR("To"), r->to, out);
	put_field(STR("Call-ID"), r->call_id, out);
	put_cseq(r->cseq, r->method, out);
	if (r->contact.n)
		put_field(STR("Contact"), r->contact, out);
	put_given(r->lines, out);
	put_end(r->content_type, r->body, out);
	return out->err;
}

enum err sip_request_write_derived(struct sip_msg *sent, enum sip_method method, str to, str lines, struct buf *out)
{
	const struct sip_cseq *cseq = sip_msg_cseq(sent);
	const struct sip_via *via = sip_msg_via(sent);

	if (!cseq || !via)
		return ERR_ABSENT;
	put_start(sip_method_name(method), sent->uri_text, out);
	put_field(STR("Via"), via->text, out);
	put_lines(sent, SIP_ROUTE, out);
	put_field(STR("Max-Forwards"), STR("70"), out);
	put_first(sent, SIP_FROM, out);
	if (to.n)
		put_field(STR("To"), to, out);
	else
		put_first(sent, SIP_TO, out);
	put_first(sent, SIP_CALL_ID, out);
	put_cseq(cseq->number, sip_method_name(method), out);
	put_given(lines, out);
	put_end(STR_NONE, STR_NONE, out);
	return out->err;
}
