#include "pbx/server_parts.h"

#define JOB_BLOCK 384 /* one branch and its texts */

struct pbx_job *pbx_job_new(struct pbx_server *s, enum pbx_job_kind kind, const struct sip_event *e)
{
	handle self;
	struct pbx_job *job = slab_add(&s->jobs, &self);

	if (!job)
		return NULL;
	job->self = self;
	job->server = e->server;
	job->kind = kind;
	job->flow = e->flow;
	job->invite = e->msg->method == SIP_INVITE;
	job->sips = pbx_sips_is(e->msg->uri_text);
	arena_init(&job->arena, NULL, 0, SIP_MSG_HEAP_MAX);
	arena_set_block(&job->arena, JOB_BLOCK);
	if (e->server)
		sip_stack_set_cookie(s->stack, e->server, self);
	return job;
}

struct pbx_job *pbx_job_begin(struct pbx_server *s, enum pbx_job_kind kind, const struct sip_event *e, usec now)
{
	static const struct sip_reply full = { .status = 503, .lines = STR_INIT("Retry-After: 5") };
	struct sip_event own = *e;
	struct pbx_job *job;

	if (!own.server)
		own.server = sip_stack_begin(s->stack, now);
	if (!own.server) /* the stack has said so */
		return NULL;
	job = pbx_job_new(s, kind, &own);
	if (job)
		job->since = now;
	else if (sip_stack_refuse(s->stack, own.server, e->msg, &full, now))
		log_debug(s->config.log, "pbx.server unanswered", "call=" STR_FMT " status=503",
			  STR_ARG(sip_msg_log_id(e->msg)));
	return job;
}

void pbx_job_free(struct pbx_server *s, struct pbx_job *job)
{
	if (job->server)
		sip_stack_set_cookie(s->stack, job->server, pbx_answer_leave(s, job));
	heap_remove(&s->timers, &job->timer);
	heap_remove(&s->hedges, &job->hedge);
	for (int i = 0; i < 2; i++)
		pbx_server_drop_note(s, job->places[i]);
	if (job->ruling)
		pbx_rules_end(s, job);
	sip_msg_free(job->own);
	sip_msg_free(job->best);
	arena_free(&job->arena);
	slab_remove(&s->jobs, job->self);
}

bool pbx_job_wait(struct pbx_server *s, struct pbx_job *job, usec now)
{
	if (job->tries++ >= PBX_TRIES)
		return false;
	if (job->server)
		sip_stack_keep(s->stack, job->server);
	return heap_set(&s->timers, &job->timer, now + PBX_PATIENCE) == ERR_NONE;
}

void pbx_job_ask_user(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, str name, usec now)
{
	struct user_record user = { .name = name, .domain = s->config.domain };
	struct keeper_ask question = {
		.kind = KEEPER_USER_FIND, .token = job->self, .now = now, .users = &user, .n = 1
	};

	if (name.n > USER_NAME_MAX || !arena_copy(&job->arena, name, &job->asked) || !pbx_job_wait(s, job, now) ||
	    !pbx_server_ask(s, keeper_ask_new(&question))) {
		pbx_job_reply(s, job, m, 503, STR_NONE, STR("Retry-After: 5"), now);
	}
}

void pbx_job_reply(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, int status, str reason, str lines,
		   usec now)
{
	struct sip_reply reply = { .status = status, .reason = reason, .lines = lines };
	/* What anybody may hear, at once: nothing is kept of it (8.2.7, 26.3.2.4). */
	bool brief = m && !job->tries && !job->forked && !job->proved.n && (status >= 300 || m->method == SIP_OPTIONS);
	enum err err;

	if (job->fork && job->fork->turn) { /* not to the caller: others may still ring, or be asked */
		pbx_recurse_refused(s, job, status, now);
		return;
	}
	err = brief ? sip_stack_refuse(s->stack, job->server, m, &reply, now)
		    : sip_stack_reply(s->stack, job->server, m, &reply, false, now);
	pbx_gate_charge(s, job, PBX_FLOOD_ANSWER, now);
	if (job->kind == PBX_JOB_REGISTER && status >= 300 && status != 401) /* that asks for the password */
		s->stats.refused_registrations++;
	if (!err)
		log_debug(s->config.log, "pbx.server answered", "call=" STR_FMT " status=%d",
			  STR_ARG(pbx_job_call(s, job, m)), status);
	else
		log_debug(s->config.log, "pbx.server unanswered", "call=" STR_FMT " status=%d",
			  STR_ARG(pbx_job_call(s, job, m)), status);
	pbx_job_free(s, job);
}

enum pbx_guard_answer pbx_job_judge_source(struct pbx_server *s, struct sip_msg *m, const struct flow *flow, bool proxy,
					   usec now, str *name)
{
	enum pbx_guard_answer answer = pbx_guard_judge(s->guard, m, proxy, &flow->remote, now, name);

	if (answer == PBX_GUARD_GOOD || answer == PBX_GUARD_STALE)
		pbx_offers_answered(&s->offers, m, &flow->remote, now);
	if (answer == PBX_GUARD_GOOD)
		pbx_gate_prove(s, flow, now);
	else if (answer == PBX_GUARD_WRONG)
		pbx_gate_charge_source(s, flow, PBX_FLOOD_WRONG, now);
	return answer;
}

enum pbx_guard_answer pbx_job_judge(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, bool proxy, usec now,
				    str *name)
{
	enum pbx_guard_answer answer;

	if (job->proved.n) {
		*name = job->proved;
		return PBX_GUARD_GOOD;
	}
	answer = pbx_job_judge_source(s, m, &job->flow, proxy, now, name);
	/* Without memory it is judged again, and its count found used: challenged anew. */
	if (answer == PBX_GUARD_GOOD && !arena_copy(&job->arena, *name, &job->proved))
		job->proved = STR_NONE;
	return answer;
}

void pbx_job_write_challenge(struct pbx_server *s, const struct sip_msg *m, const struct flow *flow, bool simple,
			     bool proxy, bool stale, usec now, struct buf *out)
{
	pbx_guard_write_challenge(s->guard, proxy, stale, simple, now, out);
	/* Who may not be there must not get more than three times what was sent in his name (the bound of RFC 9000
	 * 8.1). No phone says so little that this cuts its choice. */
	if (flow->transport != TRANSPORT_UDP || out->n + PBX_CHALLENGE_REST <= 2 * m->text.n)
		return;
	buf_reset(out);
	pbx_guard_write_challenge(s->guard, proxy, stale, true, now, out);
}

void pbx_job_challenge(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, bool proxy, bool stale, usec now)
{
	bool registers = job->kind == PBX_JOB_REGISTER && !transport_is_reliable(job->flow.transport);
	bool again = registers && pbx_repeats_find(&s->repeats, job->repeat, now) == PBX_REPEAT_CHALLENGED;
	bool simple = again ? pbx_offers_told(&s->offers, m, &job->flow.remote)
			    : pbx_offers_simple(&s->offers, m, &job->flow.remote, now);
	bool noted = registers && pbx_repeats_note(&s->repeats, PBX_REPEAT_CHALLENGED, job->repeat, now);
	handle server = job->server;
	char lines[PBX_CHALLENGE];
	struct buf b;

	buf_init(&b, lines, sizeof(lines));
	pbx_job_write_challenge(s, m, &job->flow, simple, proxy, stale, now, &b);
	if (buf_ok(&b))
		pbx_job_reply(s, job, m, proxy ? 407 : 401, STR_NONE, buf_str(&b), now);
	else
		pbx_job_reply(s, job, m, 500, STR_NONE, STR_NONE, now);
	if (noted)
		sip_stack_forget(s->stack, server);
}

void pbx_job_decide(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, usec now)
{
	if (job->kind == PBX_JOB_REGISTER)
		pbx_register_decide(s, job, m, now);
	else if (job->kind == PBX_JOB_ACK)
		pbx_send_ack_decide(s, job, m, now);
	else
		pbx_relay_decide(s, job, m, now);
}

void pbx_job_resume(struct pbx_server *s, struct pbx_job *job, usec now)
{
	struct sip_msg *m;

	if (job->forked && !(job->fork && job->fork->turn)) /* a fact for a target that is not wanted any more */
		return;
	m = job->own ? job->own : sip_stack_kept(s->stack, job->server);
	heap_remove(&s->timers, &job->timer);
	if (m && !sip_msg_check(m))
		pbx_job_decide(s, job, m, now);
	else if (job->kind == PBX_JOB_ACK)
		pbx_job_free(s, job);
	else /* no memory; where it rings already, only this target is given up */
		pbx_job_reply(s, job, NULL, 500, STR_NONE, STR_NONE, now);
}

struct sip_msg *pbx_job_read(struct pbx_server *s, struct pbx_job *job, struct pbx_way *w)
{
	struct sip_msg *m = job->own ? job->own : sip_stack_kept(s->stack, job->server);

	if (job->own)
		sip_msg_stamp(job->own, &job->flow.remote);
	return m && !pbx_way_read(s, m, &job->flow, w) ? m : NULL;
}

static void say_wrong(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, usec now)
{
	pbx_job_reply(s, job, m, 403, STR("Wrong User Name or Password"), STR_NONE, now);
}

void pbx_job_wrong(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, str user, usec now)
{
	log_info(s->config.log, job->kind == PBX_JOB_REGISTER ? "pbx.registrar refused" : "pbx.proxy refused",
		 "call=" STR_FMT " user=" STR_FMT " from=%s", STR_ARG(pbx_job_call(s, job, m)),
		 STR_ARG(str_head(user, 60)), addr_text(&job->flow.remote, (char[ADDR_TEXT_MAX]){ 0 }));
	job->wrong = true;
	if (!pbx_job_wait(s, job, now) || heap_set(&s->timers, &job->timer, job->since + PBX_WRONG_AFTER))
		say_wrong(s, job, m, now);
}

str pbx_job_call(struct pbx_server *s, const struct pbx_job *job, const struct sip_msg *m)
{
	if (!m)
		m = job->own ? job->own : sip_stack_kept(s->stack, job->server);
	return m ? sip_msg_log_id(m) : STR_NONE;
}

void pbx_job_give_up(struct pbx_server *s, struct pbx_job *job, usec now)
{
	if (job->wrong) {
		say_wrong(s, job, NULL, now);
		return;
	}
	log_warn(s->config.log, "pbx.server late", "call=" STR_FMT " kind=%d", STR_ARG(pbx_job_call(s, job, NULL)),
		 job->kind);
	if (job->kind == PBX_JOB_ACK)
		pbx_job_free(s, job);
	else if (job->fork && job->fork->turn)
		pbx_recurse_refused(s, job, 480, now);
	else if (job->open == 0)
		pbx_job_reply(s, job, NULL, 503, STR_NONE, STR("Retry-After: 5"), now);
}
