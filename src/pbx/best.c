#include "pbx/best.h"

int pbx_best_rank(int status)
{
	if (status >= 600)
		return 0;
	switch (status) {
	case 401: /* these say what to do better (16.7 step 6) */
	case 407:
	case 415:
	case 420:
	case 484:
		return 40;
	case 487: /* nobody's answer: we asked for it */
		return 47;
	case 408: /* silence, and nobody there, are less than any word */
	case 480:
		return 49;
	case 503:
		return 59;
	}
	return status / 100 * 10 + 5;
}

static void put_field(const struct sip_msg *m, enum sip_kind kind, struct buf *out)
{
	for (const struct sip_header *h = sip_msg_header(m, kind); h; h = sip_msg_header_next(m, h)) {
		if (out->n)
			buf_put(out, STR("\r\n"));
		buf_put(out, sip_kind_name(kind));
		buf_put(out, STR(": "));
		buf_put(out, sip_header_value(m, h));
	}
}

bool pbx_best_collect(struct pbx_best_challenge **list, const struct sip_msg *m, uint64_t of, struct arena *arena)
{
	struct pbx_best_challenge *c;
	char text[4096];
	struct buf lines;
	size_t n = 0;

	if (m->status != 401 && m->status != 407)
		return true;
	for (c = *list; c; c = c->next)
		n++;
	buf_init(&lines, text, sizeof(text));
	put_field(m, SIP_WWW_AUTHENTICATE, &lines);
	put_field(m, SIP_PROXY_AUTHENTICATE, &lines);
	if (n >= PBX_BEST_CHALLENGES || !lines.n)
		return true;
	c = buf_ok(&lines) ? ARENA_NEW(arena, struct pbx_best_challenge) : NULL;
	if (!c || !arena_copy(arena, buf_str(&lines), &c->lines))
		return false;
	c->of = of;
	c->next = *list;
	*list = c;
	return true;
}

void pbx_best_merge(const struct pbx_best_challenge *c, uint64_t but, struct buf *out)
{
	for (; c; c = c->next) {
		if (c->of == but)
			continue;
		if (out->n)
			buf_put(out, STR("\r\n"));
		buf_put(out, c->lines);
	}
}

bool pbx_best_join(str *list, str contact, struct arena *arena)
{
	str rest = *list, one;
	char *text;

	while (sip_list_next(&rest, &one))
		if (str_eq(one, contact))
			return true;
	text = contact.n && list->n + contact.n <= PBX_BEST_CONTACTS ? arena_alloc(arena, list->n + contact.n + 2)
								     : NULL;
	if (!text)
		return false;
	if (list->n) {
		memcpy(text, list->p, list->n);
		memcpy(text + list->n, ", ", 2);
	}
	size_t at = list->n ? list->n + 2 : 0;
	memcpy(text + at, contact.p, contact.n);
	*list = str_of(text, at + contact.n);
	return true;
}
