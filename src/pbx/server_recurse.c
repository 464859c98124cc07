#include "pbx/server_parts.h"

/* ---- what a 3xx brings ---- */

static bool is_same(str a, const struct sip_uri *uri)
{
	struct sip_uri other;

	return !sip_uri_parse(a, &other) && sip_uri_eq(&other, uri);
}

/* The targets of one 3xx, by q. */
struct fresh {
	struct pbx_retarget *list[PBX_RETARGETS_MAX];
	size_t n;
};

/* 16.5: nobody is in the target set twice. */
static bool was_tried(const struct pbx_job *job, const struct sip_msg *m, const struct fresh *f,
		      const struct sip_uri *uri)
{
	if (is_same(m->uri_text, uri))
		return true;
	for (const struct pbx_branch *b = job->branches; b; b = b->after)
		if (!b->next.n && is_same(b->uri, uri))
			return true;
	for (const struct pbx_retarget *r = job->fork->retargets; r; r = r->after)
		if (is_same(r->uri, uri))
			return true;
	for (size_t i = 0; i < f->n; i++)
		if (is_same(f->list[i]->uri, uri))
			return true;
	return false;
}

/* Those that wait behind `group` make room for `n` more; branches from `until` on are the new ones themselves. */
static void shift_groups(struct pbx_job *job, const struct pbx_branch *until, uint8_t group, unsigned n)
{
	for (struct pbx_branch *b = job->branches; b && b != until; b = b->after)
		if (b->state == PBX_BRANCH_NEW && b->group > group)
			b->group = (uint8_t)(b->group + n);
	for (struct pbx_retarget *r = job->fork->retargets; r; r = r->after)
		if (!r->taken && r->group > group)
			r->group = (uint8_t)(r->group + n);
}

static bool add_fresh(struct pbx_job *job, const struct pbx_branch *b, struct fresh *f, str uri,
		      const struct sip_address *contact, int status)
{
	unsigned q = sip_address_q(contact);
	unsigned depth = b->of ? b->of->depth : 0;
	struct pbx_retarget *r;
	size_t at = f->n;

	if (job->fork->retarget_n >= PBX_RETARGETS_MAX || depth >= PBX_RETARGET_DEPTH)
		return false;
	r = ARENA_NEW(&job->arena, struct pbx_retarget);
	if (!r || !arena_copy(&job->arena, uri, &r->uri))
		return false;
	r->q = (uint16_t)q;
	r->told = sip_param_find(contact->params, STR("rc"), NULL)   ? 1
		  : sip_param_find(contact->params, STR("mp"), NULL) ? 2
								     : 0;
	r->depth = (uint8_t)(depth + 1);
	r->by = b;
	r->status = (uint16_t)status;
	for (; at && f->list[at - 1]->q < q; at--)
		f->list[at] = f->list[at - 1];
	f->list[at] = r;
	f->n++;
	job->fork->retarget_n++;
	return true;
}

/* The highest q belongs to the branch's own group: it rings at once. Lower ones come next, before what waited already.
 */
static void join(struct pbx_job *job, const struct pbx_branch *b, const struct fresh *f)
{
	struct pbx_retarget **last = &job->fork->retargets;
	unsigned more = 0;

	for (size_t i = 0; i < f->n; i++) {
		more += i && f->list[i]->q != f->list[i - 1]->q;
		f->list[i]->group = (uint8_t)(b->group + more);
	}
	if (more)
		shift_groups(job, NULL, b->group, more);
	while (*last)
		last = &(*last)->after;
	for (size_t i = 0; i < f->n; i++, last = &(*last)->after)
		*last = f->list[i];
}

enum fate { FATE_TAKEN, FATE_KNOWN, FATE_LEFT };

static enum fate take_contact(struct pbx_server *s, struct pbx_job *job, const struct pbx_branch *b,
			      const struct sip_msg *request, const struct sip_address *contact, int status,
			      struct fresh *f)
{
	struct sip_uri uri = contact->uri;
	bool secure = str_starts_nocase(request->uri_text, STR("sips:"));
	char text[600];
	struct buf out;

	if (contact->star)
		return FATE_LEFT;
	buf_init(&out, text, sizeof(text));
	if (uri.scheme == SIP_SCHEME_TEL &&
	    (!pbx_tel_write_sip(&contact->uri, s->config.domain, &out) || sip_uri_parse(buf_str(&out), &uri)))
		return FATE_LEFT;
	if (uri.scheme != SIP_SCHEME_SIP && uri.scheme != SIP_SCHEME_SIPS)
		return FATE_LEFT;
	if (secure && uri.scheme != SIP_SCHEME_SIPS) /* 16.7 step 4 */
		return FATE_LEFT;
	if (uri.headers.n) /* 19.1.5: what it would put into the request is not ours to judge */
		return FATE_LEFT;
	if (pbx_preference_given(request) && /* RFC 3841 7.2.4 */
	    pbx_preference_score(request, contact->params) == PBX_PREFERENCE_REJECTED)
		return FATE_LEFT;
	if (was_tried(job, request, f, &uri))
		return FATE_KNOWN;
	return add_fresh(job, b, f, uri.text, contact, status) ? FATE_TAKEN : FATE_LEFT;
}

/* 305 and 380 are for a person to decide. */
static bool may_recurse(const struct pbx_server *s, const struct pbx_job *job, const struct sip_msg *m)
{
	return s->config.recurse && !job->cancelled && !(job->wishes & PBX_WISH_NO_RECURSE) && m->status <= 302;
}

bool pbx_recurse_take(struct pbx_server *s, struct pbx_job *job, const struct pbx_branch *b, struct sip_msg *m)
{
	const struct sip_address *list = NULL;
	struct sip_msg *request = NULL;
	struct fresh fresh = { .n = 0 };
	size_t n = 0, known = 0;
	struct pbx_way w;

	if (sip_msg_addresses(m, SIP_CONTACT, &list, &n) || !n || !pbx_fork_of(job))
		return false;
	if (may_recurse(s, job, m))
		request = pbx_job_read(s, job, &w);
	if (request && w.kind == PBX_WAY_DIALOG)
		request = NULL;
	for (size_t i = 0; i < n; i++) {
		enum fate fate = request ? take_contact(s, job, b, request, &list[i], m->status, &fresh) : FATE_LEFT;

		known += fate == FATE_KNOWN;
		if (fate == FATE_LEFT)
			pbx_best_join(&job->fork->contacts, list[i].text, &job->arena);
	}
	if (job->fork->group < b->group) /* it was not noted as long as nobody waited */
		job->fork->group = b->group;
	join(job, b, &fresh);
	if (known && !fresh.n && !job->local_status)
		job->local_status = 482;
	return fresh.n + known == n;
}

/* ---- a target's turn ---- */

bool pbx_recurse_group(const struct pbx_job *job, uint8_t *group)
{
	bool found = false;

	for (const struct pbx_retarget *r = job->fork ? job->fork->retargets : NULL; r; r = r->after) {
		if (r->taken || (found && r->group >= *group))
			continue;
		found = true;
		*group = r->group;
	}
	return found;
}

bool pbx_recurse_turn(struct pbx_server *s, struct pbx_job *job, uint8_t group, usec now)
{
	struct pbx_retarget *r = job->fork ? job->fork->retargets : NULL;
	struct sip_msg *m;
	struct pbx_way w;

	while (r && (r->taken || r->group != group))
		r = r->after;
	if (!r || job->fork->turn)
		return false;
	r->taken = true; /* also where there is no memory to decide it: it is not asked about for ever */
	m = pbx_job_read(s, job, &w);
	if (!m)
		return false;
	job->fork->turn = r;
	job->fork->before = job->branch_n;
	job->outside = false;
	job->open++; /* until it is decided */
	pbx_relay_decide(s, job, m, now);
	return true;
}

/* What its decision has added rings with the target's group, and those of its contacts that come later, next. */
static void place_added(struct pbx_job *job, struct pbx_retarget *r)
{
	struct pbx_branch *first = job->branches;
	uint8_t last = 0;

	for (unsigned i = 0; first && i < job->fork->before; i++)
		first = first->after;
	pbx_story_retarget(job, r);
	if (!first && !job->local_status)
		job->local_status = 480;
	for (struct pbx_branch *b = first; b; b = b->after)
		last = b->group > last ? b->group : last;
	if (last)
		shift_groups(job, first, r->group, last);
	for (struct pbx_branch *b = first; b; b = b->after) {
		b->group = (uint8_t)(b->group + r->group);
		b->of = r;
	}
}

static void end_turn(struct pbx_server *s, struct pbx_job *job, usec now)
{
	heap_remove(&s->timers, &job->timer);
	for (int i = 0; i < 2; i++) {
		pbx_server_drop_note(s, job->places[i]);
		job->places[i] = NULL;
	}
	job->fork->turn = NULL;
	job->redirection = NULL; /* servers that are found now are nobody's answer */
	job->open--;
	pbx_fork_go_on(s, job, now);
}

void pbx_recurse_added(struct pbx_server *s, struct pbx_job *job, usec now)
{
	place_added(job, job->fork->turn);
	end_turn(s, job, now);
}

void pbx_recurse_refused(struct pbx_server *s, struct pbx_job *job, int status, usec now)
{
	if (status == 401 || status == 407) /* not a question that the caller could answer: it called somebody else */
		status = 403;
	if (status < 400)
		status = 480;
	if (!job->local_status || pbx_best_rank(status) < pbx_best_rank(job->local_status))
		job->local_status = status;
	end_turn(s, job, now);
}

void pbx_recurse_stop(struct pbx_server *s, struct pbx_job *job)
{
	for (struct pbx_retarget *r = job->fork->retargets; r; r = r->after)
		r->taken = true;
	if (!job->fork->turn)
		return;
	heap_remove(&s->timers, &job->timer);
	job->fork->turn = NULL;
	job->redirection = NULL;
	job->open--;
}
