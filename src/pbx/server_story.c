#include "pbx/server_parts.h"

void pbx_story_begin(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, const struct pbx_way *w)
{
	bool tells;

	if (w->kind == PBX_WAY_DIALOG)
		return;
	tells = sip_msg_has(m, SIP_SUPPORTED) && sip_msg_lists(m, SIP_SUPPORTED, STR("histinfo"));
	if (!tells && !s->config.history && !sip_msg_has(m, SIP_HISTORY_INFO))
		return;
	if (!pbx_fork_of(job))
		return;
	job->fork->history = pbx_history_new(m, &job->arena);
	job->fork->tells = tells && job->local; /* where our phones are is no stranger's business */
}

void pbx_story_retarget(struct pbx_job *job, struct pbx_retarget *r)
{
	struct pbx_history *h = job->fork->history;
	const struct pbx_history_entry *by = r->by->history;

	if (h && !r->history) /* beside whom it comes from, not below (10.3) */
		r->history = pbx_history_add(h, by && by->parent ? by->parent : h->own, r->uri, r->same ? "rc" : "mp",
					     by, &job->arena);
}

void pbx_story_answer(struct pbx_branch *b, int status)
{
	if (b->history && status >= 300)
		b->history->status = (uint16_t)status;
}

/* What stands for this branch: that of a redirection where it is sent on as it was named; else one of its own. */
static struct pbx_history_entry *entry_of(struct pbx_job *job, struct pbx_branch *b)
{
	struct pbx_history *h = job->fork->history;
	struct pbx_history_entry *from = b->of ? b->of->history : h->own;

	if (b->history || !from)
		return b->history;
	if (b->of && str_eq(b->uri, from->uri))
		b->history = from;
	else
		b->history =
			pbx_history_add(h, from, b->uri, str_eq(b->uri, from->uri) ? "np" : "rc", from, &job->arena);
	return b->history;
}

void pbx_story_note(struct pbx_job *job, struct pbx_branch *b, struct buf *out, struct sip_edits *edits)
{
	const struct pbx_history_entry *e = job->fork && job->fork->history ? entry_of(job, b) : NULL;

	if (!e)
		return;
	pbx_history_write(job->fork->history, e, b->outside && job->local, out);
	if (buf_ok(out))
		sip_edits_note(edits, SIP_EDIT_SET, SIP_HISTORY_INFO, buf_str(out));
}

void pbx_story_note_answer(struct pbx_job *job, struct sip_msg *m, struct buf *out, struct sip_edits *edits)
{
	if (!job->fork || !job->fork->history || !job->fork->tells)
		return;
	pbx_history_write_answer(job->fork->history, m, out);
	if (buf_ok(out))
		sip_edits_note(edits, SIP_EDIT_SET, SIP_HISTORY_INFO, buf_str(out));
}

void pbx_story_line(struct pbx_job *job, struct buf *out)
{
	char text[PBX_HISTORY_TEXT];
	struct buf value;

	if (!job->fork || !job->fork->history || !job->fork->tells)
		return;
	buf_init(&value, text, sizeof(text));
	pbx_history_write_answer(job->fork->history, NULL, &value);
	if (!buf_ok(&value))
		return;
	buf_put(out, out->n ? STR("\r\nHistory-Info: ") : STR("History-Info: "));
	buf_put(out, buf_str(&value));
}
