#include "pbx/server_parts.h"

/* 9.1, 9.2: a number as the sip URI that means the same here. */
static str shown(const struct pbx_server *s, str text, struct buf *room)
{
	struct sip_uri uri;

	if (!str_starts_nocase(text, STR("tel:")) || sip_uri_parse(text, &uri) ||
	    !pbx_tel_write_sip(&uri, s->config.domain, room))
		return text;
	return buf_str(room);
}

static bool is_same(str a, const struct sip_uri *b)
{
	struct sip_uri uri;

	return str_eq(a, b->text) || (!sip_uri_parse(a, &uri) && sip_uri_eq(&uri, b));
}

void pbx_story_begin(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, const struct pbx_way *w)
{
	char text[PBX_TEL_MAX];
	struct pbx_history *h;
	struct buf room;
	bool tells, has = sip_msg_has(m, SIP_HISTORY_INFO);

	if (w->kind == PBX_WAY_DIALOG || (job->fork && job->fork->history))
		return;
	tells = has || (sip_msg_has(m, SIP_SUPPORTED) && sip_msg_lists(m, SIP_SUPPORTED, STR("histinfo")));
	if ((!tells && !s->config.history) || !pbx_fork_of(job))
		return;
	buf_init(&room, text, sizeof(text));
	h = job->fork->history = pbx_history_new(m, shown(s, m->uri_text, &room), s->config.domain, &job->arena);
	job->fork->tells = tells; /* 9.4 */
	/* 7.: whom a rule has put in the place of who was called */
	if (h && !is_same(h->own->uri, &w->uri) && w->uri.text.n)
		h->base = pbx_history_add(h, h->own, w->uri.text, "mp", h->own, &job->arena);
	if (h && !h->base)
		h->base = h->own;
}

/* 10.4: only who redirects knows whether the user is another: what its Contact says is said, else nothing. */
void pbx_story_retarget(struct pbx_job *job, struct pbx_retarget *r)
{
	static const char *const tags[] = { NULL, "rc", "mp" };
	struct pbx_history *h = job->fork->history;
	const struct pbx_history_entry *by = r->by->history;

	if (!h || r->history)
		return;
	/* beside whom it comes from, not below (10.3 rule 4) */
	r->history =
		pbx_history_add(h, by && by->parent ? by->parent : h->base, r->uri, tags[r->told], by, &job->arena);
	if (r->history)
		r->history->foreign = pbx_history_is_foreign(h, r->uri);
}

void pbx_story_answer(struct pbx_job *job, struct pbx_branch *b, int status, struct sip_msg *m)
{
	if (b->history && status && !b->history->status)
		pbx_history_hear(b->history, status, m, &job->arena);
}

/* What stands for this branch: that of a redirection where it is sent on as it was named; else one of its own. */
static struct pbx_history_entry *entry_of(struct pbx_server *s, struct pbx_job *job, struct pbx_branch *b)
{
	struct pbx_history *h = job->fork->history;
	struct pbx_history_entry *from = b->of ? b->of->history : h->base;
	char text[PBX_TEL_MAX];
	struct buf room;
	bool same;
	str uri;

	if (b->history || !from)
		return b->history;
	buf_init(&room, text, sizeof(text));
	uri = shown(s, b->uri, &room);
	same = str_eq(uri, from->uri);
	if (same && from->parent && !from->heard) {
		b->history = from;
	} else {
		b->history = pbx_history_add(h, from, uri, same ? "np" : "rc", from, &job->arena);
		if (b->history)
			b->history->foreign = same && from->foreign;
	}
	return b->history;
}

void pbx_story_note(struct pbx_server *s, struct pbx_job *job, struct pbx_branch *b, struct buf *out,
		    struct sip_edits *edits)
{
	const struct pbx_history_entry *e = job->fork && job->fork->history ? entry_of(s, job, b) : NULL;

	if (!e)
		return;
	pbx_history_write(job->fork->history, e, b->outside && job->local, out);
	if (buf_ok(out))
		sip_edits_note(edits, SIP_EDIT_SET, SIP_HISTORY_INFO, buf_str(out));
}

bool pbx_story_hides(const struct pbx_job *job, const struct pbx_branch *b)
{
	return job->fork && job->fork->history && job->fork->history->private && b->outside && job->local;
}

void pbx_story_note_answer(struct pbx_job *job, struct sip_msg *m, struct buf *out, struct pbx_identity_letter *letter,
			   struct sip_edits *edits)
{
	bool again = job->fork && job->fork->story.n && !job->fork->history;

	if (!again && (!job->fork || !job->fork->history || !job->fork->tells))
		return;
	if (again)
		buf_put(out, job->fork->story);
	else
		pbx_history_write_answer(job->fork->history, m, !job->local, out);
	if (buf_ok(out))
		sip_edits_note(edits, SIP_EDIT_SET, SIP_HISTORY_INFO, buf_str(out));
	if (!again && job->invite && m->status / 100 == 2 &&
	    !(buf_ok(out) && arena_copy(&job->arena, buf_str(out), &job->fork->story)))
		job->fork->story = STR_NONE;
	if (!job->local && pbx_history_is_private(m))
		pbx_identity_note_hidden(m, letter, edits);
}

void pbx_story_line(struct pbx_job *job, struct buf *out)
{
	char text[PBX_HISTORY_TEXT];
	struct buf value;

	if (!job->fork || !job->fork->history || !job->fork->tells)
		return;
	buf_init(&value, text, sizeof(text));
	pbx_history_write_answer(job->fork->history, NULL, !job->local, &value);
	if (!buf_ok(&value))
		return;
	buf_put(out, out->n ? STR("\r\nHistory-Info: ") : STR("History-Info: "));
	buf_put(out, buf_str(&value));
}

str pbx_story_tag(struct pbx_job *job, const char *tag, char *room, size_t cap)
{
	struct pbx_history *h = job->fork ? job->fork->history : NULL;
	struct buf out;

	if (!h || !job->fork->tells)
		return STR_NONE;
	buf_init(&out, room, cap);
	buf_printf(&out, ";%s=" STR_FMT, tag, STR_ARG(h->base->index));
	return buf_ok(&out) ? buf_str(&out) : STR_NONE;
}
