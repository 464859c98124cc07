#include "pbx/redirect.h"
#include "pbx/server_parts.h"

#define LINES_MAX (6000 + PBX_HISTORY_TEXT)

/* A domain whose servers are looked for, to be named in the answer; in the job's arena. */
struct pbx_redirection {
	handle search;
	str uri;
	int status; /* 0: by how many there are */
};

void pbx_redirect_reply(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, int status, size_t n,
			struct buf *lines, usec now)
{
	size_t before = lines->n;

	s->stats.redirected++;
	pbx_story_line(job, lines); /* RFC 7044 8. */
	if (!buf_ok(lines)) {
		lines->n = before;
		lines->err = ERR_NONE;
	}
	pbx_job_reply(s, job, m, status ? status : pbx_redirect_status(n), STR_NONE, buf_str(lines), now);
}

bool pbx_redirect_is_wanted(const struct pbx_server *s, const struct pbx_job *job, str domain)
{
	if (job->fork && job->fork->turn) /* a redirection is being followed for the caller */
		return false;
	/* RFC 3841 9.1; where our phones are is for our users only */
	if (job->wishes & PBX_WISH_REDIRECT && job->local)
		return true;
	for (size_t i = 0; i < s->config.redirect_domain_n; i++)
		if (str_eq_nocase(domain, s->config.redirect_domains[i]))
			return true;
	return s->config.redirect_any;
}

bool pbx_redirect_rows(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, const struct pbx_way *w,
		       const struct contact_record *rows, int n, int status, usec now)
{
	char text[LINES_MAX], tag[PBX_HISTORY_INDEX + 8];
	struct buf lines;
	size_t written;

	buf_init(&lines, text, sizeof(text));
	pbx_story_begin(s, job, m, w);
	written = pbx_redirect_contacts(rows, (size_t)n, pbx_story_tag(job, "rc", tag, sizeof(tag)), &lines);
	PBX_EXPLAIN(s, "redirect", "%zu of %d contacts can be reached by others", written, n);
	if (!written)
		return false;
	pbx_redirect_reply(s, job, m, status, written, &lines, now);
	return true;
}

bool pbx_redirect_user(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, const struct pbx_way *w,
		       int status, usec now)
{
	struct contact_record rows[PBX_CONTACTS_MAX];
	int n = w->kind == PBX_WAY_USER ? pbx_relay_places(s, job, 0, w->aor, rows, now) : 0;

	if (n < 0)
		return true; /* it waits, and is decided anew */
	n = (int)pbx_way_narrow(w, rows, (size_t)n);
	return n > 0 && pbx_redirect_rows(s, job, m, w, rows, n, status, now);
}

void pbx_redirect_domain(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, const struct pbx_way *w,
			 int status, usec now)
{
	struct pbx_redirection *r = ARENA_NEW(&job->arena, struct pbx_redirection);
	struct sip_locate_wish wish;

	if (!r || !arena_copy(&job->arena, w->uri.text, &r->uri) || sip_locate_wish_uri(&w->uri, &wish) ||
	    !pbx_job_wait(s, job, now)) {
		pbx_job_reply(s, job, m, 480, STR_NONE, STR_NONE, now);
		return;
	}
	r->status = status;
	r->search = sip_locate_find(s->locate, &wish, job->self, now);
	if (!r->search) {
		pbx_job_reply(s, job, m, 503, STR_NONE, STR("Retry-After: 5"), now);
		return;
	}
	job->redirection = r;
}

bool pbx_redirect_found(struct pbx_server *s, struct pbx_job *job, const struct sip_found *f, usec now)
{
	struct pbx_redirection *r = job->redirection;
	char text[LINES_MAX], tag[PBX_HISTORY_INDEX + 8];
	struct sip_uri uri;
	struct buf lines;
	struct pbx_way w;

	if (!r || r->search != f->search)
		return false;
	struct sip_msg *m = pbx_job_read(s, job, &w);
	heap_remove(&s->timers, &job->timer);
	job->redirection = NULL;
	buf_init(&lines, text, sizeof(text));
	if (!m) {
		pbx_job_free(s, job);
	} else if (!f->n || sip_uri_parse(r->uri, &uri)) {
		pbx_job_reply(s, job, m, 480, STR("No Server Of The Domain Is Known"), STR_NONE, now);
	} else {
		pbx_story_begin(s, job, m, &w);
		size_t n =
			pbx_redirect_places(&uri, f->places, f->n, pbx_story_tag(job, "rc", tag, sizeof(tag)), &lines);

		pbx_redirect_reply(s, job, m, r->status, n, &lines, now);
	}
	return true;
}
