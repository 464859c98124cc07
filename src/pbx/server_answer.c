#include "pbx/server_parts.h"

/* Smaller is better: 6xx first, then by class; within 4xx those that let the caller mend its request, 408 last. */
static int rank_of(int status)
{
	if (status >= 600)
		return 0;
	switch (status) {
	case 401:
	case 407:
	case 415:
	case 420:
	case 484:
		return 40;
	case 408:
	case 480:
		return 49;
	case 487:
		return 47;
	case 503:
		return 59;
	}
	return status / 100 * 10 + 5;
}

static void keep_best(struct pbx_job *job, const struct sip_msg *m)
{
	if (job->best && rank_of(job->best->status) <= rank_of(m->status))
		return;
	struct sip_msg *copy = sip_msg_new(m->text);
	if (!copy)
		return;
	sip_msg_free(job->best);
	job->best = copy;
}

static void pass_back(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, const struct flow *flow, usec now)
{
	struct pbx_session_timer_letter letter;
	struct sip_edits edits;
	struct sip_draft draft = { .msg = m, .edits = &edits };

	sip_edits_init(&edits);
	sip_edits_note(&edits, SIP_EDIT_REMOVE_TOP, SIP_VIA, STR_NONE);
	if (m->status == 503) /* 16.7 step 6: the 503 of one next hop is not ours */
		sip_edits_note(&edits, SIP_EDIT_START, SIP_OTHER, STR("SIP/2.0 500 Server Internal Error"));
	if (job->from.n)
		sip_edits_note(&edits, SIP_EDIT_SET, SIP_FROM, job->from);
	if (sip_msg_has(m, SIP_P_ASSERTED_IDENTITY) && !(flow && pbx_way_is_trusted(s, flow)))
		sip_edits_note(&edits, SIP_EDIT_REMOVE, SIP_P_ASSERTED_IDENTITY, STR_NONE);
	pbx_session_timer_note_answer(&job->session, m, &letter, &edits);
	if (job->invite && flow)
		pbx_recorder_answer(s->recorder, m, flow, now);
	if (sip_stack_respond(s->stack, job->server, &draft, false, now))
		log_debug(s->config.log, "pbx.proxy unanswered", "status=%u", m->status);
}

static void cancel_others(struct pbx_server *s, struct pbx_job *job, str reason, usec now)
{
	for (size_t i = 0; i < job->branch_n; i++) {
		struct pbx_branch *b = job->branches[i];

		if (b->state == PBX_BRANCH_OPEN && job->invite)
			sip_stack_cancel_with(s->stack, b->client, reason, now);
		if (b->state == PBX_BRANCH_RESOLVING) {
			b->state = PBX_BRANCH_CLOSED;
			job->open--;
		}
	}
}

/* 16.7 step 6: no branch is open any more and nobody has been told. */
void pbx_answer_conclude(struct pbx_server *s, struct pbx_job *job, usec now)
{
	static const str gone = STR_INIT("caller gave up");
	int status = job->cancelled ? 487 : job->local_status;

	if (job->kind == PBX_JOB_ACK || job->answered) {
		pbx_job_free(s, job);
		return;
	}
	if (job->best && (!status || rank_of(job->best->status) <= rank_of(status))) {
		struct sip_msg *best = job->best;

		if (job->cancelled && best->status == 487)
			pbx_recorder_fail(s->recorder, best, 487, gone, now);
		pass_back(s, job, best, &(struct flow){ 0 }, now);
		pbx_job_free(s, job);
		return;
	}
	status = status ? status : 408;
	struct sip_msg *m = sip_stack_kept(s->stack, job->server);
	if (m && job->invite)
		pbx_recorder_fail(s->recorder, m, status, job->cancelled ? gone : sip_status_text(status), now);
	pbx_job_reply(s, job, m, status, STR_NONE, STR_NONE, now);
}

void pbx_answer_close(struct pbx_server *s, struct pbx_job *job, struct pbx_branch *b, usec now)
{
	b->state = PBX_BRANCH_CLOSED;
	if (--job->open == 0)
		pbx_answer_conclude(s, job, now);
}

static struct pbx_branch *branch_of(struct pbx_job *job, handle client)
{
	for (size_t i = 0; job && i < job->branch_n; i++)
		if (job->branches[i]->client == client && job->branches[i]->state == PBX_BRANCH_OPEN)
			return job->branches[i];
	return NULL;
}

static struct pbx_job *job_of(struct pbx_server *s, uint64_t server)
{
	return slab_find(&s->jobs, sip_stack_cookie(s->stack, server));
}

void pbx_answer_response(struct pbx_server *s, const struct sip_event *e, usec now)
{
	static const str elsewhere = STR_INIT("Reason: SIP;cause=200;text=\"Call completed elsewhere\"");
	struct pbx_job *job = job_of(s, e->cookie);
	struct pbx_branch *b = branch_of(job, e->client);
	struct sip_msg *m = e->msg;
	/* A 2xx that comes again, or late, when all is done here: the caller must have it (RFC 6026 7.1). */
	struct pbx_job late = { .server = e->cookie, .invite = m->method == SIP_INVITE };

	if (b && b->hunt && m->status != 503)
		pbx_hunt_heard(s, job, b, now);
	if (m->status == 100)
		return;
	if (m->status < 200) {
		if (b && !job->answered)
			pass_back(s, job, m, &e->flow, now);
		return;
	}
	if (m->status < 300) {
		if (late.invite || (b && !job->answered))
			pass_back(s, job ? job : &late, m, &e->flow, now);
		if (!b)
			return;
		job->answered = true;
		cancel_others(s, job, elsewhere, now);
		pbx_answer_close(s, job, b, now);
		return;
	}
	if (!b)
		return;
	if (!job->answered) {
		if (m->status == 503 && pbx_hunt_failed(s, job, b, now))
			return;
		keep_best(job, m);
		if (m->status >= 600)
			cancel_others(s, job, STR_NONE, now);
	}
	pbx_answer_close(s, job, b, now);
}

void pbx_answer_silence(struct pbx_server *s, const struct sip_event *e, usec now)
{
	struct pbx_job *job = job_of(s, e->cookie);
	struct pbx_branch *b = branch_of(job, e->client);

	if (!b || pbx_hunt_failed(s, job, b, now))
		return;
	/* 16.8, 16.9; a phone that cannot be reached is a person who is not there */
	if (e->kind == SIP_EVENT_TIMEOUT)
		job->local_status = 408;
	else if (!job->local_status)
		job->local_status = 480;
	pbx_answer_close(s, job, b, now);
}

void pbx_answer_cancel(struct pbx_server *s, const struct sip_event *e, usec now)
{
	struct pbx_job *job = slab_find(&s->jobs, e->cookie);
	char text[300];
	struct buf line;

	if (!job || job->answered)
		return;
	job->cancelled = true;
	if (!job->forked || !job->open) {
		pbx_job_reply(s, job, NULL, 487, STR_NONE, STR_NONE, now);
		return;
	}
	buf_init(&line, text, sizeof(text));
	if (sip_msg_has(e->msg, SIP_REASON)) { /* RFC 3326 2.: why, for the phones that stop ringing */
		buf_put(&line, STR("Reason: "));
		buf_put(&line, sip_msg_value(e->msg, SIP_REASON));
	}
	cancel_others(s, job, buf_ok(&line) ? buf_str(&line) : STR_NONE, now);
	if (!job->open)
		pbx_answer_conclude(s, job, now);
}
