#include "pbx/server_parts.h"

#include <stdlib.h>

/* 16.7 step 6 and 7: the best so far, and the challenges of all. */
static void keep_best(struct pbx_job *job, const struct pbx_branch *b, const struct sip_msg *m)
{
	bool challenge = m->status == 401 || m->status == 407;
	bool better = !job->best || pbx_best_rank(m->status) < pbx_best_rank(job->best->status);
	struct sip_msg *copy;

	if (challenge && pbx_fork_of(job) && !pbx_best_collect(&job->fork->challenges, m, b->client, &job->arena))
		better = better && !job->best; /* no room: one challenge is better than none */
	copy = better ? sip_msg_new(m->text) : NULL;
	if (!copy)
		return;
	sip_msg_free(job->best);
	job->best = copy;
	if (challenge && job->fork)
		job->fork->best_of = b->client;
}

/* Who the callee is, as only a trusted neighbour may say, and not to everybody (RFC 3325 5.). */
static bool may_be_told(const struct pbx_server *s, const struct pbx_job *job, const struct sip_msg *m,
			const struct flow *from)
{
	struct pbx_identity id = { .mode = s->config.identity, .to_trusted = pbx_way_is_trusted(s, &job->flow) };

	return from && pbx_way_is_trusted(s, from) && pbx_identity_may_leave(&id, pbx_identity_privacy(m));
}

/* ---- what comes when all is over ---- */

/* No job's cookie has this bit, as jobs are fewer, nor a subscription's and it together (pbx/subscription.h). */
#define AFTER (1ull << 31)

uint64_t pbx_answer_leave(struct pbx_server *s, const struct pbx_job *job)
{
	bool timed = job->session.interval && job->session.supported;
	str story = job->fork ? job->fork->story : STR_NONE;
	struct pbx_after *a;
	struct buf texts;
	handle self;

	if (!job->invite || !job->answered || (!timed && !job->from.n && !job->told && !story.n))
		return 0;
	a = slab_add(&s->afters, &self);
	if (!a)
		return 0;
	a->texts = malloc(job->from.n + story.n + 1);
	if (!a->texts) {
		slab_remove(&s->afters, self);
		return 0;
	}
	buf_init(&texts, a->texts, job->from.n + story.n);
	buf_put(&texts, job->from);
	buf_put(&texts, story);
	a->from = str_head(buf_str(&texts), job->from.n);
	a->story = str_skip(buf_str(&texts), job->from.n);
	a->local = job->local;
	a->session = job->session;
	a->caller = job->flow.remote;
	return self | AFTER;
}

static struct pbx_after *after_of(const struct pbx_server *s, uint64_t cookie)
{
	return cookie & AFTER ? slab_find(&s->afters, cookie & ~AFTER) : NULL;
}

void pbx_answer_forget(struct pbx_server *s, uint64_t cookie)
{
	struct pbx_after *a = after_of(s, cookie);

	if (!a)
		return;
	free(a->texts);
	slab_remove(&s->afters, cookie & ~AFTER);
}

void pbx_answer_stop(struct pbx_server *s)
{
	struct pbx_after *a;

	for (uint32_t at = 0; (a = slab_walk(&s->afters, &at, &(handle){ 0 }));)
		free(a->texts);
	slab_free(&s->afters);
}

/* As it was when it was over; `fork` for what is told of it. */
static void remember(struct pbx_server *s, struct pbx_job *late, struct pbx_fork *fork)
{
	const struct pbx_after *a = after_of(s, sip_stack_cookie(s->stack, late->server));

	if (!a)
		return;
	late->session = a->session;
	late->from = a->from;
	late->local = a->local;
	late->flow.remote = a->caller;
	if (!a->story.n)
		return;
	fork->story = a->story;
	late->fork = fork;
}

static void pass_back(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, const struct flow *flow, usec now)
{
	struct pbx_session_timer_letter letter;
	struct sip_edits edits;
	struct sip_draft draft = { .msg = m, .edits = &edits };
	char text[PBX_CHALLENGES], story[PBX_HISTORY_TEXT], record[2400];
	struct pbx_identity_letter identity;
	struct buf lines, history, routes;

	sip_edits_init(&edits);
	sip_edits_note(&edits, SIP_EDIT_REMOVE_TOP, SIP_VIA, STR_NONE);
	if (m->status == 503) /* 16.7 step 6: the 503 of one next hop is not ours */
		sip_edits_note(&edits, SIP_EDIT_START, SIP_OTHER, STR("SIP/2.0 500 Server Internal Error"));
	if (job->from.n)
		sip_edits_note(&edits, SIP_EDIT_SET, SIP_FROM, job->from);
	if (sip_msg_has(m, SIP_P_ASSERTED_IDENTITY)) {
		job->told = may_be_told(s, job, m, flow);
		if (!job->told)
			sip_edits_note(&edits, SIP_EDIT_REMOVE, SIP_P_ASSERTED_IDENTITY, STR_NONE);
	}
	pbx_session_timer_note_answer(&job->session, m, &letter, &edits);
	buf_init(&routes, record, sizeof(record));
	if (s->config.trust_n && flow)
		pbx_dialog_note_answer(s, job, m, flow, now, &routes, &edits);
	buf_init(&lines, text, sizeof(text));
	if ((m->status == 401 || m->status == 407) && job->fork) {
		pbx_best_merge(job->fork->challenges, job->fork->best_of, &lines);
		if (lines.n && buf_ok(&lines))
			sip_edits_note(&edits, SIP_EDIT_ADD, SIP_OTHER, buf_str(&lines));
	}
	buf_init(&history, story, sizeof(story));
	pbx_story_note_answer(job, m, &history, &identity, &edits);
	if (m->status >= 300 && m->status < 400 && job->fork && job->fork->contacts.n)
		sip_edits_note(&edits, SIP_EDIT_SET, SIP_CONTACT, job->fork->contacts);
	if (job->invite && flow)
		pbx_recorder_answer(s->recorder, m, flow, now);
	if (sip_stack_respond(s->stack, job->server, &draft, false, now))
		log_debug(s->config.log, "pbx.proxy unanswered", "call=" STR_FMT " status=%u",
			  STR_ARG(sip_msg_log_id(m)), m->status);
}

static const str gone = STR_INIT("caller gave up");

/* The final answer, and the end of the job. */
static void finish(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, usec now)
{
	if (job->cancelled && m->status == 487)
		pbx_recorder_fail(s->recorder, m, 487, gone, now);
	pass_back(s, job, m, &(struct flow){ 0 }, now);
	pbx_job_free(s, job);
}

void pbx_answer_conclude(struct pbx_server *s, struct pbx_job *job, usec now)
{
	int status = job->cancelled ? 487 : job->local_status;
	char text[PBX_HISTORY_TEXT + 300];
	struct buf lines;

	if (job->kind == PBX_JOB_ACK || job->answered) {
		pbx_job_free(s, job);
		return;
	}
	if (job->best && (!status || pbx_best_rank(job->best->status) <= pbx_best_rank(status))) {
		finish(s, job, job->best, now);
		return;
	}
	status = status ? status : 408;
	struct sip_msg *m = sip_stack_kept(s->stack, job->server);
	if (m && job->invite)
		pbx_recorder_fail(s->recorder, m, status, job->cancelled ? gone : sip_status_text(status), now);
	buf_init(&lines, text, sizeof(text));
	if (job->in_clear && status == 480)
		buf_put(&lines, STR(PBX_SIPS_WARNING));
	pbx_story_line(job, &lines);
	pbx_job_reply(s, job, m, status, STR_NONE, buf_ok(&lines) ? buf_str(&lines) : STR_NONE, now);
}

static struct pbx_branch *branch_of(struct pbx_job *job, handle client)
{
	for (struct pbx_branch *b = job ? job->branches : NULL; b; b = b->after)
		if (b->client == client && b->state == PBX_BRANCH_OPEN)
			return b;
	return NULL;
}

static struct pbx_job *job_of(struct pbx_server *s, uint64_t server)
{
	return slab_find(&s->jobs, sip_stack_cookie(s->stack, server));
}

/* 16.7 step 5: nobody is called after a 6xx, and who rings, stops. */
static void refused_by_all(struct pbx_server *s, struct pbx_job *job, const struct sip_msg *m, usec now)
{
	char text[200];
	struct buf why;

	if (job->branch_n < 2)
		return;
	buf_init(&why, text, sizeof(text));
	buf_printf(&why, "Reason: SIP;cause=%u;text=", m->status);
	sip_quote(m->reason.n ? str_head(m->reason, 60) : sip_status_text(m->status), &why);
	pbx_fork_cancel(s, job, buf_ok(&why) ? buf_str(&why) : STR_NONE, now);
}

static bool is_redirected(const struct pbx_job *job)
{
	return job->fork && job->fork->retargets;
}

/* For how long a server that said 503 wants to be left alone. */
static usec rest_of(struct sip_msg *m)
{
	str value = sip_msg_value(m, SIP_RETRY_AFTER);
	uint32_t seconds;

	return str_take_u32(&value, UINT32_MAX, &seconds) ? (usec)seconds * USEC_PER_SEC : SIP_LOCATE_AVOID;
}

/* RFC 5626 5.3.1: the phone's own proxy has lost it: nobody need try that again. */
static void forget_flow(struct pbx_server *s, struct pbx_job *job, const struct pbx_branch *b, usec now)
{
	struct pbx_way w;

	if (b->path.n && pbx_job_read(s, job, &w) && w.aor.n)
		pbx_binding_failed(s, w.aor, b->uri, b->path, now);
}

/* 300 and above, of a branch that counts. */
static void on_refusal(struct pbx_server *s, struct pbx_job *job, struct pbx_branch *b, struct sip_msg *m, usec now)
{
	if (m->status == 430)
		forget_flow(s, job, b, now);
	if (!job->answered) {
		if (m->status < 400 && b->state == PBX_BRANCH_OPEN && !b->given_up && pbx_recurse_take(s, job, b, m)) {
			pbx_story_answer(job, b, m->status, m);
			pbx_fork_close(s, job, b, m->status, now);
			return;
		}
		if (m->status == 503 && pbx_hunt_failed(s, job, b, rest_of(m), now))
			return;
		pbx_story_answer(job, b, b->given_up ? 408 : m->status, m);
		if (job->branch_n == 1 && !job->cancelled &&
		    !is_redirected(job)) { /* nobody else: nothing to choose from */
			finish(s, job, m, now);
			return;
		}
		if (m->status == 487 && b->given_up)
			job->local_status = 408; /* our own doing, after its time */
		else
			keep_best(job, b, m);
		if (m->status >= 600)
			refused_by_all(s, job, m, now);
	}
	pbx_fork_close(s, job, b, m->status, now);
}

void pbx_answer_response(struct pbx_server *s, const struct sip_event *e, usec now)
{
	static const str elsewhere = STR_INIT("Reason: SIP;cause=200;text=\"Call completed elsewhere\"");
	struct pbx_job *job = job_of(s, e->cookie);
	struct pbx_branch *b = branch_of(job, e->client);
	struct sip_msg *m = e->msg;
	/* A 2xx that comes again, or late, when all is done here: the caller must have it (RFC 6026 7.1). */
	struct pbx_job late = { .server = e->cookie, .invite = m->method == SIP_INVITE };
	struct pbx_fork told = { 0 };

	if (b && b->hunt && sip_msg_via(m))
		pbx_throttle_hear(&s->throttle, &b->place.addr, sip_msg_via(m)->params, now);
	if (b && b->hunt && m->status != 503)
		pbx_hunt_heard(s, job, b, now);
	if (m->status == 100)
		return;
	if (b && m->status < 300)
		pbx_story_answer(job, b, m->status, NULL);
	if (m->status < 200) {
		if (!b || job->answered || b->given_up)
			return;
		if (job->early)
			pbx_early_note(job, b, m);
		pass_back(s, job, m, &e->flow, now);
		return;
	}
	if (pbx_seats_n(s->seats))
		pbx_seats_answer(s->seats, m, now);
	if (m->status < 300) {
		if (!job && late.invite)
			remember(s, &late, &told);
		if (late.invite || (b && !job->answered))
			pass_back(s, job ? job : &late, m, &e->flow, now);
		if (!b)
			return;
		job->answered = true;
		if (job->wishes & PBX_WISH_NO_CANCEL)
			pbx_fork_end(s, job);
		else
			pbx_fork_cancel(s, job, elsewhere, now);
		pbx_fork_close(s, job, b, m->status, now);
		return;
	}
	if (b)
		on_refusal(s, job, b, m, now);
}

/* RFC 5626 5.3.1: a token of ours leads to a flow that is gone, and a proxy asks, who knows what to do about it. Phones
 * "should never receive a 430" (11.5). */
static bool flow_failed(struct pbx_server *s, struct pbx_job *job, const struct pbx_branch *b)
{
	struct sip_msg *m = sip_stack_kept(s->stack, job->server);

	return m && transport_is_reliable(b->flow.transport ? b->flow.transport : TRANSPORT_UDP) &&
	       sip_msg_to(m)->tag.n && sip_msg_count(m, SIP_VIA) > 1;
}

void pbx_answer_silence(struct pbx_server *s, const struct sip_event *e, usec now)
{
	struct pbx_job *job = job_of(s, e->cookie);
	struct pbx_branch *b = branch_of(job, e->client);

	if (!b || pbx_hunt_failed(s, job, b, SIP_LOCATE_AVOID, now))
		return;
	/* 16.8, 16.9; a phone that cannot be reached is a person who is not there */
	if (e->kind == SIP_EVENT_TIMEOUT)
		job->local_status = 408;
	else if (!job->local_status)
		job->local_status = flow_failed(s, job, b) ? 430 : 480;
	pbx_fork_close(s, job, b, 408, now);
}

void pbx_answer_cancel(struct pbx_server *s, const struct sip_event *e, usec now)
{
	struct pbx_job *job = slab_find(&s->jobs, e->cookie);
	char text[600];
	struct buf line;

	if (!job || job->answered)
		return;
	job->cancelled = true;
	if (!job->forked || !job->open) {
		pbx_job_reply(s, job, NULL, 487, STR_NONE, STR_NONE, now);
		return;
	}
	buf_init(&line, text, sizeof(text));
	/* RFC 3326 2.: why, for the phones that stop ringing; one of each protocol */
	for (const struct sip_header *h = sip_msg_header(e->msg, SIP_REASON); h; h = sip_msg_header_next(e->msg, h)) {
		buf_put(&line, line.n ? STR("\r\nReason: ") : STR("Reason: "));
		buf_put(&line, sip_header_value(e->msg, h));
	}
	pbx_fork_cancel(s, job, buf_ok(&line) ? buf_str(&line) : STR_NONE, now);
	if (!job->open)
		pbx_answer_conclude(s, job, now);
}
