#include "pbx/server_parts.h"

static usec patience(const struct pbx_job *job)
{
	return job->invite ? PBX_HEDGE_INVITE : PBX_HEDGE_OTHER;
}

/* The next server that can be sent to, on this branch. false: none is left, or nobody waits any more. */
static bool try_next(struct pbx_server *s, struct pbx_job *job, struct pbx_branch *b, struct sip_msg *m,
		     const struct pbx_way *w, usec now)
{
	struct pbx_hunt *hunt = b->hunt;
	bool sent = false;

	while (!sent && !job->answered && !job->cancelled && !b->stopped && hunt->next < hunt->found.n) {
		b->place = hunt->found.places[hunt->next++];
		if (job->kind != PBX_JOB_ACK &&
		    pbx_throttle_spares(&s->throttle, &b->place.addr, w->kind == PBX_WAY_DIALOG, s->config.rng, now)) {
			hunt->spared = true;
			continue;
		}
		sent = pbx_send_branch(s, job, b, m, w, now);
	}
	b->hedge_at = USEC_NEVER;
	if (!sent || hunt->next == hunt->found.n || job->kind == PBX_JOB_ACK)
		return sent;
	b->opening = !sip_stack_is_up(s->stack, b->client);
	b->hedge_at = usec_add(now, b->opening ? PBX_HEDGE_OPEN : patience(job));
	if ((!heap_has(&job->hedge) || b->hedge_at < job->hedge.due) && heap_set(&s->hedges, &job->hedge, b->hedge_at))
		log_error(s->config.log, "pbx.server no memory", "call=" STR_FMT " for=hedge",
			  STR_ARG(pbx_job_call(s, job, NULL)));
	return true;
}

bool pbx_hunt_start(struct pbx_server *s, struct pbx_job *job, struct pbx_branch *b, const struct sip_uri *uri,
		    usec now)
{
	struct sip_locate_wish wish;

	if (sip_locate_wish_uri(uri, &wish))
		return false;
	if (!b->hunt)
		b->hunt = ARENA_NEW(&job->arena, struct pbx_hunt);
	if (!b->hunt)
		return false;
	*b->hunt = (struct pbx_hunt){ .search = sip_locate_find(s->locate, &wish, job->self, now) };
	if (!b->hunt->search)
		return false;
	b->state = PBX_BRANCH_RESOLVING;
	return pbx_job_wait(s, job, now);
}

/* What a name that led nowhere means for who called it. */
static int status_of(enum err err, bool foreign)
{
	switch (err) {
	case ERR_ABSENT: /* there is no such domain, or it has no SIP; but the phone of a user here is merely away */
		return foreign ? 404 : 480;
	case ERR_TIMEOUT:
	case ERR_IO: /* 21.5.5: "did not receive a timely response from an external server" */
		return 504;
	default: /* servers that nothing could be sent to; no transport that both have; we are busy */
		return 480;
	}
}

static void found(struct pbx_server *s, struct pbx_job *job, struct pbx_branch *b, const struct sip_found *f, usec now)
{
	struct sip_msg *m;
	struct pbx_way w;

	if (!job->fork || !job->fork->turn) /* that has a wait of its own */
		heap_remove(&s->timers, &job->timer);
	b->hunt->found = *f;
	m = pbx_job_read(s, job, &w);
	if (m && f->n && try_next(s, job, b, m, &w, now)) {
		if (job->kind == PBX_JOB_ACK)
			pbx_job_free(s, job);
		return;
	}
	if (!f->n || job->local_status != 403) /* none of them may be sent to */
		job->local_status = b->hunt->spared ? 503 : status_of(f->err, m && w.kind == PBX_WAY_FOREIGN);
	pbx_fork_close(s, job, b, 408, now);
}

bool pbx_hunt_pump(struct pbx_server *s, usec now)
{
	struct sip_found f;
	bool any = false;

	while (sip_locate_next(s->locate, &f)) {
		struct pbx_job *job = slab_find(&s->jobs, f.cookie);

		any = true;
		if (job && job->redirection && pbx_redirect_found(s, job, &f, now))
			continue;
		for (struct pbx_branch *b = job ? job->branches : NULL; b; b = b->after) {
			if (b->state == PBX_BRANCH_RESOLVING && b->hunt && b->hunt->search == f.search) {
				found(s, job, b, &f, now);
				break; /* the job may be gone */
			}
		}
	}
	return any;
}

void pbx_hunt_heard(struct pbx_server *s, struct pbx_job *job, struct pbx_branch *b, usec now)
{
	b->hunt->heard = true;
	sip_locate_works(s->locate, &b->place);
	for (struct pbx_branch *other = job->branches; other; other = other->after) {
		if (other == b || other->hunt != b->hunt || other->state != PBX_BRANCH_OPEN)
			continue;
		if (job->invite)
			sip_stack_cancel(s->stack, other->client, now);
		other->state = PBX_BRANCH_CLOSED;
		job->open--;
	}
}

static bool tried_beside(const struct pbx_job *job, const struct pbx_branch *b)
{
	for (const struct pbx_branch *other = job->branches; other; other = other->after)
		if (other != b && other->hunt == b->hunt && other->state == PBX_BRANCH_OPEN)
			return true;
	return false;
}

bool pbx_hunt_failed(struct pbx_server *s, struct pbx_job *job, struct pbx_branch *b, usec rest, usec now)
{
	struct sip_msg *m;
	struct pbx_way w;

	if (!b->hunt)
		return false;
	sip_locate_rest(s->locate, &b->place, rest, now);
	m = pbx_job_read(s, job, &w);
	if (m && try_next(s, job, b, m, &w, now))
		return true;
	if (!tried_beside(job, b))
		return false;
	pbx_fork_close(s, job, b, 0, now);
	return true;
}

static void hedge(struct pbx_server *s, struct pbx_job *job, struct pbx_branch *b, struct sip_msg *m,
		  const struct pbx_way *w, usec now)
{
	struct pbx_branch *beside = job->branch_n < PBX_BRANCHES_MAX ? arena_alloc(&job->arena, sizeof(*beside)) : NULL;

	b->hedge_at = USEC_NEVER;
	sip_locate_failed(s->locate, &b->place, now);
	if (!beside)
		return;
	*beside = *b; /* with what comes after it */
	beside->state = PBX_BRANCH_NEW;
	beside->client = 0;
	b->after = beside;
	job->branch_n++;
	job->open++;
	if (job->fork && job->fork->turn) /* what its decision adds comes behind this one, too */
		job->fork->before++;
	if (try_next(s, job, beside, m, w, now))
		return;
	beside->state = PBX_BRANCH_CLOSED;
	job->open--;
}

void pbx_hunt_hedge(struct pbx_server *s, struct pbx_job *job, usec now)
{
	struct sip_msg *m = NULL;
	struct pbx_way w;

	for (struct pbx_branch *b = job->branches, *next; b; b = next) {
		next = b->after; /* those that are added now wait from now on */
		if (b->state != PBX_BRANCH_OPEN || !b->hunt || b->hunt->heard || b->hedge_at > now)
			continue;
		b->hedge_at = USEC_NEVER;
		if (b->stopped)
			continue;
		if (b->opening && sip_stack_is_up(s->stack, b->client)) { /* it has its answer's time from now on */
			b->opening = false;
			b->hedge_at = usec_add(now, patience(job));
			continue;
		}
		if (!m && !(m = pbx_job_read(s, job, &w)))
			return;
		hedge(s, job, b, m, &w, now);
	}
}
