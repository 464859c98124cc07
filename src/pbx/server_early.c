/* Early dialogs that end while others go on: RFC 6228, for callers who know it. */
#include "pbx/server_parts.h"

#define EARLY_MAX 16 /* of one request */

/* One of the dialogs that a branch's provisional answers have begun: a proxy behind us may fork, too. */
struct pbx_early {
	struct pbx_early *after;
	const struct pbx_branch *of;
	str tag; /* To */
	bool over;
};

/* 6.: who demands reliable answers (RFC 3262) gets none from a proxy, which cannot give them. */
bool pbx_early_wanted(struct sip_msg *m)
{
	return m->method == SIP_INVITE && sip_msg_has(m, SIP_SUPPORTED) &&
	       sip_msg_lists(m, SIP_SUPPORTED, STR("199")) && !sip_msg_lists(m, SIP_REQUIRE, STR("100rel"));
}

void pbx_early_note(struct pbx_job *job, const struct pbx_branch *b, struct sip_msg *m)
{
	const struct sip_address *to = sip_msg_to(m);
	struct pbx_early *e;
	unsigned n = 0;

	if (!to || !to->tag.n || !pbx_fork_of(job))
		return;
	for (e = job->fork->early; e; e = e->after, n++) {
		if (e->of != b || !str_eq(e->tag, to->tag))
			continue;
		e->over = e->over || m->status == 199; /* somebody behind us has said so: not twice */
		return;
	}
	if (m->status == 199 || n >= EARLY_MAX)
		return;
	e = ARENA_NEW(&job->arena, struct pbx_early);
	if (!e || !arena_copy(&job->arena, to->tag, &e->tag))
		return;
	e->of = b;
	e->after = job->fork->early;
	job->fork->early = e;
}

static void say(struct pbx_server *s, struct pbx_job *job, const struct pbx_early *e, int status, usec now)
{
	struct sip_reply reply = { .status = 199, .to_tag = e->tag };
	char text[120];
	struct buf why;

	buf_init(&why, text, sizeof(text));
	buf_printf(&why, "Reason: SIP;cause=%d;text=", status);
	sip_quote(sip_status_text(status), &why);
	reply.lines = buf_ok(&why) ? buf_str(&why) : STR_NONE;
	if (sip_stack_reply(s->stack, job->server, NULL, &reply, false, now))
		log_debug(s->config.log, "pbx.proxy unanswered", "call=" STR_FMT " status=199",
			  STR_ARG(pbx_job_call(s, job, NULL)));
}

void pbx_early_end(struct pbx_server *s, struct pbx_job *job, const struct pbx_branch *b, int status, usec now)
{
	for (struct pbx_early *e = job->fork ? job->fork->early : NULL; e; e = e->after) {
		if (e->of != b || e->over)
			continue;
		e->over = true;
		say(s, job, e, status, now);
	}
}
