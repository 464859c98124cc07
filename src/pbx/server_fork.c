#include "pbx/server_parts.h"

struct pbx_fork *pbx_fork_of(struct pbx_job *job)
{
	if (!job->fork) {
		job->fork = ARENA_NEW(&job->arena, struct pbx_fork);
		if (job->fork)
			job->fork->group_until = USEC_NEVER;
	}
	return job->fork;
}

/* ---- when ---- */

void pbx_fork_arm(struct pbx_server *s, struct pbx_job *job)
{
	usec due = job->fork ? job->fork->group_until : USEC_NEVER;

	for (const struct pbx_branch *b = job->branches; b; b = b->after)
		if (b->state == PBX_BRANCH_OPEN && b->hunt && !b->hunt->heard)
			due = usec_min(due, b->hedge_at);
	if (due == USEC_NEVER)
		heap_remove(&s->hedges, &job->hedge);
	else if (heap_set(&s->hedges, &job->hedge, due))
		log_error(s->config.log, "pbx.server no memory", "call=" STR_FMT " for=hunt",
			  STR_ARG(pbx_job_call(s, job, NULL)));
}

/* Until when a group may ring where others wait. Only an INVITE rings: others must be answered before their sender
 * gives up after 64 T1 (RFC 4320). */
static usec group_end(const struct pbx_server *s, const struct pbx_job *job, usec now)
{
	usec quick = 16 * s->config.timing.t1, span = s->config.hunt_after;

	if (!job->invite && (!span || span > quick))
		span = quick;
	return span ? usec_add(now, span) : USEC_NEVER; /* 0: they ring until they have refused */
}

/* ---- how many at once (RFC 5393 5.3) ---- */

/* Branches that may still be opened beside those that are. */
static unsigned breadth_left(const struct pbx_job *job)
{
	unsigned left = job->fork && job->fork->breadth ? job->fork->breadth : PBX_BREADTH;

	for (const struct pbx_branch *b = job->branches; b; b = b->after)
		if ((b->state == PBX_BRANCH_OPEN || b->state == PBX_BRANCH_RESOLVING) && b->breadth)
			left -= b->breadth < left ? b->breadth : left;
	return left;
}

/* 5.3.3.1: the breadth is shared out among all that wait, also those of later groups: they may begin before the former
 * have answered the CANCEL. false: none is left. */
static bool share_breadth(struct pbx_job *job, struct pbx_branch *b, unsigned *left, unsigned sharers)
{
	if (job->branch_n == 1) /* nothing is divided: what the request says stays */
		return true;
	if (!*left)
		return false;
	b->breadth = (uint16_t)(*left > sharers ? *left / sharers : 1);
	*left -= b->breadth;
	return true;
}

/* ---- groups ---- */

static bool begin_branch(struct pbx_server *s, struct pbx_job *job, struct pbx_branch *b, struct sip_msg *m,
			 const struct pbx_way *w, usec now)
{
	for (; b; b = b->spare) {
		if (b->state != PBX_BRANCH_NEW && b->state != PBX_BRANCH_SPARE)
			return false;
		if (pbx_send_branch(s, job, b, m, w, now)) {
			job->open++;
			return true;
		}
		b->state = PBX_BRANCH_CLOSED;
		if (!job->local_status)
			job->local_status = 480;
		if (b->spare)
			b->spare->breadth = b->breadth;
	}
	return false;
}

/* The lowest group that waits. false: none does. */
static bool first_group(const struct pbx_job *job, uint8_t *group)
{
	bool found = pbx_recurse_group(job, group);

	for (const struct pbx_branch *b = job->branches; b; b = b->after) {
		if (b->state != PBX_BRANCH_NEW || (found && b->group >= *group))
			continue;
		found = true;
		*group = b->group;
	}
	return found;
}

static unsigned waiting(const struct pbx_job *job)
{
	unsigned n = 0;

	for (const struct pbx_branch *b = job->branches; b; b = b->after)
		n += b->state == PBX_BRANCH_NEW;
	return n;
}

/* false: nobody of it can be reached. */
static bool begin_group(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, const struct pbx_way *w,
			uint8_t group, usec now)
{
	unsigned left = job->branch_n > 1 ? breadth_left(job) : 0, sharers = waiting(job);
	bool begun = false, limited = false;

	for (struct pbx_branch *b = job->branches; b; b = b->after) {
		if (b->state != PBX_BRANCH_NEW || b->group != group)
			continue;
		if (share_breadth(job, b, &left, sharers--))
			begun = begin_branch(s, job, b, m, w, now) || begun;
		else
			limited = true;
	}
	if (limited && pbx_fork_of(job))
		job->fork->limited = true;
	return begun || limited;
}

/* Redirections of this group have their turn; each may end at once, and bring branches. false: nobody of the group can
 * be reached. */
static bool begin_all(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, const struct pbx_way *w,
		      uint8_t group, usec now)
{
	struct pbx_way again;
	bool turned = false;

	while (pbx_recurse_turn(s, job, group, now))
		turned = true;
	if (turned) {
		m = pbx_job_read(s, job, &again);
		w = &again;
	}
	return (m && begin_group(s, job, m, w, group, now)) || (job->fork && job->fork->turn);
}

/* Those of the group that rings who have come to it, or, where it is over, the next one; those of which nobody can be
 * reached are passed by. */
static void begin_next(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, const struct pbx_way *w,
		       bool advance, usec now)
{
	bool begun = false;
	uint8_t group = 0, ringing = job->fork ? job->fork->group : 0;

	if (job->fork) {
		job->fork->busy = true;
		job->fork->limited = false;
	}
	while (!begun && first_group(job, &group) && (advance || group <= ringing)) {
		begun = begin_all(s, job, m, w, group, now);
		ringing = group;
	}
	if (!first_group(job, &group)) {
		if (job->fork)
			job->fork->group_until = USEC_NEVER;
	} else if ((begun || advance) && pbx_fork_of(job)) {
		job->fork->group_until = group_end(s, job, now);
	}
	if (!job->fork)
		return;
	job->fork->busy = false;
	job->fork->group = ringing;
	pbx_fork_arm(s, job);
}

/* What is asked for that cannot be had: RFC 4028 8.1, RFC 3323 5. true: it has been answered. */
static bool refuses(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, usec now)
{
	if (s->config.session_expires && pbx_session_timer_read(&job->session, m, s->config.session_expires)) {
		pbx_job_reply(s, job, m, 422, STR_NONE, STR(PBX_SESSION_REFUSAL), now);
		return true;
	}
	if (job->local && sip_msg_has(m, SIP_PRIVACY) && pbx_identity_refuses(pbx_identity_privacy(m))) {
		pbx_job_reply(s, job, m, 500, STR("This Privacy Is Not Possible Here"), STR_NONE, now);
		return true;
	}
	return false;
}

/* What the request allows, where that is not the usual. false: nothing at all. */
static bool read_breadth(struct pbx_job *job, const struct sip_msg *m)
{
	uint32_t breadth;
	str value;

	if (!sip_msg_find(m, STR("Max-Breadth"), &value) || !str_u32(str_trim(value), UINT32_MAX, &breadth))
		return true;
	if (breadth && breadth < PBX_BREADTH && pbx_fork_of(job)) /* of one place, too: it may redirect to many */
		job->fork->breadth = (uint16_t)breadth;
	return breadth > 0;
}

void pbx_fork_start(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, const struct pbx_way *w, usec now)
{
	if (job->forked) {
		pbx_recurse_added(s, job, now);
		return;
	}
	if (refuses(s, job, m, now))
		return;
	if (w->kind != PBX_WAY_DIALOG && !read_breadth(job, m)) {
		pbx_job_reply(s, job, m, 440, STR_NONE, STR_NONE, now);
		return;
	}
	job->forked = true;
	job->early = w->kind != PBX_WAY_DIALOG && pbx_early_wanted(m);
	for (int i = 0; i < 2; i++) { /* the branches have what they need of it */
		pbx_server_drop_note(s, job->places[i]);
		job->places[i] = NULL;
	}
	s->stats.relayed++;
	if (w->kind == PBX_WAY_DIALOG) {
		pbx_recorder_request(s->recorder, m, now);
		if (m->method == SIP_BYE && pbx_seats_n(s->seats))
			pbx_seats_bye(s->seats, m, now);
	} else if (job->invite) {
		s->stats.calls++;
		pbx_recorder_start(s->recorder, m, &job->flow, now);
	}
	if (!job->invite) /* for others who may get it later, and to say that it could not be delivered */
		sip_stack_keep(s->stack, job->server);
	if (!job->branch_n) /* nobody there is whom the caller would have */
		job->local_status = 480;
	pbx_story_begin(s, job, m, w);
	begin_next(s, job, m, w, true, now);
	if (!job->open)
		pbx_answer_conclude(s, job, now);
}

void pbx_fork_go_on(struct pbx_server *s, struct pbx_job *job, usec now)
{
	struct sip_msg *m;
	struct pbx_way w;
	uint8_t group;

	if (job->fork && job->fork->busy) /* who is at it goes on by itself */
		return;
	if (first_group(job, &group) && (m = pbx_job_read(s, job, &w)))
		begin_next(s, job, m, &w, !job->open, now);
	if (!job->open)
		pbx_answer_conclude(s, job, now);
}

/* RFC 5626 5.3: this flow is dead, or its phone does not answer by it: the next one of the same phone. Any other
 * answer was the phone's. */
static bool try_spare(struct pbx_server *s, struct pbx_job *job, struct pbx_branch *b, int status, usec now)
{
	struct pbx_branch *spare = b->spare;
	struct sip_msg *m;
	struct pbx_way w;

	if (!spare || spare->state != PBX_BRANCH_SPARE || b->given_up || (status != 430 && status != 408))
		return false;
	m = pbx_job_read(s, job, &w);
	spare->breadth = b->breadth;
	return m && begin_branch(s, job, spare, m, &w, now);
}

/* RFC 6228 6.: where the answer of a branch is not the caller's. */
static void end_early(struct pbx_server *s, struct pbx_job *job, const struct pbx_branch *b, int status, usec now)
{
	uint8_t group;

	if (status >= 300 && !job->answered && !job->cancelled && (job->open || first_group(job, &group)))
		pbx_early_end(s, job, b, b->given_up ? 408 : status, now);
}

void pbx_fork_close(struct pbx_server *s, struct pbx_job *job, struct pbx_branch *b, int status, usec now)
{
	b->state = PBX_BRANCH_CLOSED;
	if (job->kind == PBX_JOB_ACK) {
		pbx_job_free(s, job);
		return;
	}
	pbx_story_answer(job, b, b->given_up ? 408 : status, NULL);
	job->open--;
	if (job->early)
		end_early(s, job, b, status, now);
	if (b->spare && try_spare(s, job, b, status, now))
		return;
	if (!job->open || (job->fork && (job->fork->limited || job->fork->retargets)))
		pbx_fork_go_on(s, job, now);
}

/* Who rings, stops; names are not looked up any more. */
static void stop_branch(struct pbx_server *s, struct pbx_job *job, struct pbx_branch *b, str reason, usec now)
{
	if (b->state == PBX_BRANCH_OPEN && job->invite) {
		b->stopped = true;
		sip_stack_cancel_with(s->stack, b->client, reason, now);
	}
	if (b->state == PBX_BRANCH_RESOLVING) {
		b->state = PBX_BRANCH_CLOSED;
		job->open--;
	}
}

void pbx_fork_end(struct pbx_server *s, struct pbx_job *job)
{
	for (struct pbx_branch *b = job->branches; b; b = b->after)
		if (b->state == PBX_BRANCH_NEW || b->state == PBX_BRANCH_SPARE)
			b->state = PBX_BRANCH_CLOSED;
	if (job->fork) {
		pbx_recurse_stop(s, job);
		job->fork->group_until = USEC_NEVER;
	}
}

void pbx_fork_cancel(struct pbx_server *s, struct pbx_job *job, str reason, usec now)
{
	pbx_fork_end(s, job);
	for (struct pbx_branch *b = job->branches; b; b = b->after)
		stop_branch(s, job, b, reason, now);
}

/* ---- time ---- */

/* Its phones have rung long enough; a 200 that crosses the CANCEL still counts. A request that is no INVITE
 * cannot be taken back: what it brings is waited for beside the next. */
static void end_group(struct pbx_server *s, struct pbx_job *job, usec now)
{
	static const str why = STR_INIT("Reason: SIP;cause=408;text=\"Not answered in time\"");
	struct sip_msg *m;
	struct pbx_way w;

	job->fork->group_until = USEC_NEVER; /* also where the request cannot be read again */
	for (struct pbx_branch *b = job->branches; b; b = b->after) {
		if (b->state != PBX_BRANCH_OPEN && b->state != PBX_BRANCH_RESOLVING)
			continue;
		if (b->state == PBX_BRANCH_RESOLVING)
			job->local_status = 408;
		b->given_up = job->invite;
		pbx_story_answer(job, b, 408, NULL);
		stop_branch(s, job, b, why, now);
	}
	if ((m = pbx_job_read(s, job, &w)))
		begin_next(s, job, m, &w, true, now);
	if (!job->open)
		pbx_answer_conclude(s, job, now);
}

void pbx_fork_tick(struct pbx_server *s, usec now)
{
	struct heap_item *item;

	while ((item = heap_take(&s->hedges, now))) {
		struct pbx_job *job = map_of(item, struct pbx_job, hedge);
		handle self = job->self;

		pbx_hunt_hedge(s, job, now);
		if (job->fork && job->fork->group_until <= now)
			end_group(s, job, now);
		if (slab_find(&s->jobs, self))
			pbx_fork_arm(s, job);
	}
}
