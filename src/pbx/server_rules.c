#include "pbx/redirect.h"
#include "pbx/server_parts.h"

/* What the rules say of one request, or of one target that a redirection has named; in the job's arena. */
struct pbx_ruling {
	struct pbx_policy *policy; /* that it is judged by, also when a newer one has come */
	const struct pbx_retarget *turn;
	struct pbx_question question;
	struct pbx_decision verdict;
	bool decided, asked, room; /* asked: another worker counts */
	bool answered;             /* and has said `room` */
	uint64_t number;           /* asked for */
	size_t rule, taken;        /* leases that this rule has taken */
	str uri;                   /* where the request goes instead */
};

/* ---- the rules in force ---- */

static void leave(struct pbx_server *s, struct pbx_policy *p)
{
	if (--p->users == 0 && p != s->policy)
		pbx_policy_free(p);
}

void pbx_rules_set(struct pbx_server *s, struct pbx_policy *p)
{
	struct pbx_policy *old = s->policy;

	if (p)
		pbx_policy_inherit(p, old);
	s->policy = p;
	if (old && !old->users)
		pbx_policy_free(old);
}

bool pbx_rules_start(struct pbx_server *s)
{
	s->policy = s->config.policy;
	s->config.policy = NULL;
	memcpy(s->count_key, s->config.key, sizeof(s->count_key)); /* all workers must find the same number */
	s->tally = pbx_tally_new(s->config.rng);
	s->seats = pbx_seats_new(s->config.rng);
	return s->tally && s->seats;
}

void pbx_rules_stop(struct pbx_server *s)
{
	pbx_policy_free(s->policy);
	pbx_tally_free(s->tally);
	pbx_seats_free(s->seats);
	pbx_settings_free(s->settings);
}

void pbx_server_rules(const struct pbx_server *s, void (*hear)(void *self, str name, const struct pbx_rule_stats *),
		      void *self)
{
	for (size_t i = 0; s->policy && i < s->policy->rule_n; i++)
		hear(self, s->policy->rules[i].name, &s->policy->rules[i].stats);
}

void pbx_rules_end(struct pbx_server *s, struct pbx_job *job)
{
	leave(s, job->ruling->policy);
	job->ruling = NULL;
	if (job->seats)
		pbx_seats_end(s->seats, job->seats);
}

/* ---- counting: each number has its worker ---- */

static uint16_t owner(const struct pbx_server *s, uint64_t number)
{
	return (uint16_t)((number >> 32) % s->config.worker_n);
}

static void tell_owner(struct pbx_server *s, const struct pbx_count *count, const struct pbx_job *job, usec now)
{
	struct pbx_note *note = pbx_server_note(s, PBX_NOTE_COUNT);

	if (!note)
		return;
	note->from = s->config.worker;
	note->token = job ? job->self : 0;
	note->count = *count;
	pbx_server_tell(s, owner(s, count->number), note, now);
}

static bool count_here(struct pbx_server *s, const struct pbx_count *c, usec now)
{
	switch (c->what) {
	case PBX_COUNT_HOLD:
		return pbx_tally_hold(s->tally, c->number, c->lease, c->most, now);
	case PBX_COUNT_DROP:
		pbx_tally_drop(s->tally, c->number, c->lease);
		return true;
	case PBX_COUNT_PASS:
		return pbx_tally_pass(s->tally, c->number, c->most, c->span, now);
	}
	return false;
}

/* PBX_NOTE_COUNT: from a worker that has the call. Takes the note. */
void pbx_rules_count(struct pbx_server *s, struct pbx_note *note, usec now)
{
	note->status = count_here(s, &note->count, now);
	if (!note->token) { /* nobody waits */
		pbx_server_drop_note(s, note);
		return;
	}
	note->kind = PBX_NOTE_COUNTED;
	pbx_server_tell(s, note->from, note, now);
}

/* PBX_NOTE_COUNTED. */
void pbx_rules_counted(struct pbx_server *s, const struct pbx_note *note, usec now)
{
	struct pbx_job *job = slab_find(&s->jobs, note->token);
	struct pbx_ruling *r = job ? job->ruling : NULL;
	struct pbx_count count = note->count;

	if (r && r->asked && !r->answered && r->number == count.number) {
		r->answered = true;
		r->room = note->status;
		pbx_job_resume(s, job, now);
		return;
	}
	if (!note->status || count.what != PBX_COUNT_HOLD)
		return;
	count.what = PBX_COUNT_DROP; /* the caller has gone */
	tell_owner(s, &count, NULL, now);
}

void pbx_rules_pump(struct pbx_server *s, usec now)
{
	struct pbx_seat_word word;

	while (pbx_seats_next(s->seats, &word)) {
		struct pbx_count count = { .what = word.drop ? PBX_COUNT_DROP : PBX_COUNT_HOLD,
					   .number = word.number,
					   .lease = word.lease,
					   .most = UINT32_MAX };

		if (owner(s, word.number) == s->config.worker)
			(void)count_here(s, &count, now);
		else
			tell_owner(s, &count, NULL, now);
	}
}

void pbx_rules_tick(struct pbx_server *s, usec now)
{
	pbx_seats_tick(s->seats, now);
	pbx_tally_tick(s->tally, now);
	pbx_rules_pump(s, now);
}

usec pbx_rules_due(const struct pbx_server *s)
{
	return usec_min(pbx_seats_due(s->seats), pbx_tally_due(s->tally));
}

/* ---- a question ---- */

static bool unescape(struct pbx_job *job, str user, str *out)
{
	struct buf b;

	if (str_find_char(user, '%') == user.n) {
		*out = user;
		return true;
	}
	char *text = arena_alloc(&job->arena, user.n);
	if (!text)
		return false;
	buf_init(&b, text, user.n);
	sip_uri_unescape(user, &b);
	*out = buf_str(&b);
	return true;
}

static bool fill(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, const struct pbx_way *w,
		 enum pbx_caller caller, usec now, struct pbx_question *q)
{
	struct pbx_from room;
	const struct sip_uri *from = pbx_way_from(s, m, &room);

	q->caller = caller;
	q->host = sip_msg_from(m)->uri.host; /* a number's is none, whoever says it */
	q->source = job->flow.remote;
	q->callee_ours = w->kind == PBX_WAY_USER;
	q->callee_host = q->callee_ours ? s->config.domain : w->uri.host;
	q->domain = s->config.domain;
	q->method = m->method;
	q->now = s->config.explain && s->config.explain_at ? s->config.explain_at : now;
	q->watch = s->config.explain ? pbx_explain_rule : NULL;
	q->watcher = s;
	if (caller == PBX_CALLER_LOCAL)
		q->host = s->config.domain;
	/* Views into the request do not outlive a wait. */
	if (!arena_copy(&job->arena, q->host, &q->host) || !arena_copy(&job->arena, q->callee_host, &q->callee_host) ||
	    !unescape(job, from->user, &q->user) || !unescape(job, w->uri.user, &q->callee))
		return false;
	if (q->callee_ours)
		q->callee = w->number.n ? w->number : w->name; /* also where a GRUU stands for it */
	if (job->proved.n && caller == PBX_CALLER_LOCAL)
		q->user = job->proved; /* who is anonymous to others is not to us */
	return arena_copy(&job->arena, q->user, &q->user) && arena_copy(&job->arena, q->callee, &q->callee);
}

/* The ruling in hand, or a new one. NULL: no memory. */
static struct pbx_ruling *ruling(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, const struct pbx_way *w,
				 enum pbx_caller caller, usec now)
{
	const struct pbx_retarget *turn = job->fork ? job->fork->turn : NULL;
	struct pbx_ruling *r = job->ruling;

	if (r && r->turn == turn)
		return r;
	r = ARENA_NEW(&job->arena, struct pbx_ruling);
	if (!r || !fill(s, job, m, w, caller, now, &r->question))
		return NULL;
	r->turn = turn;
	r->policy = s->policy;
	r->policy->users++;
	if (job->ruling)
		leave(s, job->ruling->policy);
	job->ruling = r;
	return r;
}

/* ---- limits ---- */

enum room { ROOM_NONE, ROOM_YES, ROOM_WAIT };

/* One and the same for all numbers of a call. */
static uint64_t lease_of(const struct pbx_server *s, const struct pbx_job *job)
{
	return job->seats * 64 + s->config.worker + 1;
}

static bool count_for(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, const struct pbx_ruling *r,
		      struct pbx_count *out, usec now)
{
	char text[1200];
	struct buf key;

	buf_init(&key, text, sizeof(text));
	pbx_limit_key(r->verdict.rule, r->verdict.limit, &r->question, &key);
	*out = (struct pbx_count){ .what = r->verdict.limit->span ? PBX_COUNT_PASS : PBX_COUNT_HOLD,
				   .number = str_hash(buf_str(&key), s->count_key),
				   .most = r->verdict.limit->most,
				   .span = r->verdict.limit->span };
	if (out->what == PBX_COUNT_PASS)
		return buf_ok(&key);
	if (!job->seats)
		job->seats = pbx_seats_add(s->seats, m, r->policy->longest, now);
	out->lease = lease_of(s, job);
	return buf_ok(&key) && job->seats;
}

static enum room take(struct pbx_server *s, struct pbx_job *job, struct pbx_ruling *r, const struct pbx_count *c,
		      bool room, usec now)
{
	struct pbx_count drop = *c;

	if (!room || c->what == PBX_COUNT_PASS)
		return room ? ROOM_YES : ROOM_NONE;
	if (pbx_seats_take(s->seats, job->seats, c->number, c->lease)) {
		r->taken++;
		return ROOM_YES;
	}
	drop.what = PBX_COUNT_DROP;
	tell_owner(s, &drop, NULL, now);
	return ROOM_NONE;
}

/* Is there room within the verdict's limit? */
static enum room room_for(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, struct pbx_ruling *r, usec now)
{
	struct pbx_count count;

	if (r->rule != r->question.at) {
		r->rule = r->question.at;
		r->taken = 0;
	}
	if (!count_for(s, job, m, r, &count, now))
		return ROOM_NONE;
	if (r->asked) {
		if (!r->answered)
			return ROOM_WAIT;
		r->asked = r->answered = false;
		return take(s, job, r, &count, r->room, now);
	}
	if (s->config.explain) /* nothing is taken by who only asks */
		return ROOM_YES;
	if (owner(s, count.number) == s->config.worker)
		return take(s, job, r, &count, count_here(s, &count, now), now);
	if (!pbx_job_wait(s, job, now))
		return ROOM_NONE;
	r->asked = true;
	r->number = count.number;
	tell_owner(s, &count, job, now);
	return ROOM_WAIT;
}

/* false: it waits. */
static bool judge(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, struct pbx_ruling *r, usec now)
{
	struct pbx_question *q = &r->question;

	while (!r->decided) {
		enum room room;

		if (pbx_policy_judge(r->policy, q, &r->verdict) == PBX_POLICY_DECIDED) {
			r->decided = true;
			break;
		}
		room = room_for(s, job, m, r, now);
		if (room == ROOM_WAIT)
			return false;
		if (room == ROOM_NONE && r->verdict.limit->next && r->taken) {
			pbx_seats_give(s->seats, job->seats, r->taken);
			r->taken = 0;
		}
		pbx_policy_counted(r->policy, q, &r->verdict, room == ROOM_YES);
	}
	return true;
}

/* ---- what comes of it ---- */

/* The request's own URI with another user, and where a rule says so at another domain. */
static bool write_uri(struct pbx_job *job, const struct pbx_way *w, struct pbx_ruling *r)
{
	const struct pbx_question *q = &r->question;
	char text[900];
	struct buf b;

	buf_init(&b, text, sizeof(text));
	buf_put(&b, w->uri.scheme == SIP_SCHEME_SIPS ? STR("sips:") : STR("sip:"));
	sip_uri_escape_user(q->callee, &b);
	buf_put_char(&b, '@');
	buf_put(&b, q->callee_host);
	return buf_ok(&b) && arena_copy(&job->arena, buf_str(&b), &r->uri);
}

static bool redirect(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, struct pbx_way *w,
		     const struct pbx_ruling *r, usec now)
{
	const struct pbx_rule *rule = r->verdict.rule;
	str uris[PBX_POLICY_TARGETS_MAX];
	char text[4000 + PBX_HISTORY_TEXT], tag[PBX_HISTORY_INDEX + 8];
	struct buf lines, uri;
	size_t n;

	if (rule->redirect == PBX_REDIRECT_CONTACTS)
		return pbx_redirect_user(s, job, m, w, rule->status, now);
	if (rule->redirect == PBX_REDIRECT_SERVERS) {
		pbx_redirect_domain(s, job, m, w, rule->status, now);
		return true;
	}
	for (n = 0; n < rule->target_n; n++) {
		char *room = arena_alloc(&job->arena, 700);

		if (!room)
			break;
		buf_init(&uri, room, 700);
		pbx_policy_fill(rule->targets[n], r->question.callee, true, &uri);
		uris[n] = buf_ok(&uri) ? buf_str(&uri) : STR_NONE;
	}
	buf_init(&lines, text, sizeof(text));
	pbx_story_begin(s, job, m, w);
	n = pbx_redirect_uris(uris, n, pbx_story_tag(job, "mp", tag, sizeof(tag)), &lines);
	pbx_redirect_reply(s, job, m, rule->status, n, &lines, now);
	return true;
}

static void refuse(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, const struct pbx_ruling *r, usec now)
{
	const struct pbx_question *q = &r->question;
	char text[900], source[ADDR_TEXT_MAX];
	struct buf lines;

	s->stats.policy_refused++;
	s->stats.policy_over += r->verdict.limit != NULL;
	buf_init(&lines, text, sizeof(text));
	pbx_decision_lines(&r->verdict, &lines);
	log_info(s->config.log, "pbx.policy refused",
		 "rule=" STR_FMT " status=%d caller=" STR_FMT "@" STR_FMT " callee=" STR_FMT "@" STR_FMT
		 " source=%s call=" STR_FMT,
		 STR_ARG(r->verdict.rule->name), r->verdict.status, STR_ARG(str_head(q->user, 60)),
		 STR_ARG(str_head(q->host, 60)), STR_ARG(str_head(q->callee, 60)),
		 STR_ARG(str_head(q->callee_host, 60)), addr_text(&q->source, source),
		 STR_ARG(str_head(sip_msg_call_id(m), 100)));
	pbx_job_reply(s, job, m, r->verdict.status, r->verdict.text, buf_ok(&lines) ? buf_str(&lines) : STR_NONE, now);
}

static void send_to(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, struct pbx_way *w, str next, usec now)
{
	job->outside = true; /* who answers there is no user of ours */
	pbx_send_add(job, w->uri.text, next, STR_NONE, NULL);
	pbx_fork_start(s, job, m, w, now);
}

/* false: it has been answered or sent. */
static bool act(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, struct pbx_way *w, struct pbx_ruling *r,
		usec now)
{
	const struct pbx_rule *rule = r->verdict.rule;
	const struct pbx_question *q = &r->question;
	int status = 0;

	if (r->verdict.action == PBX_POLICY_REFUSE) {
		refuse(s, job, m, r, now);
		return false;
	}
	if (q->changed && !r->uri.n && !write_uri(job, w, r))
		status = 414;
	if (!status && r->uri.n)
		status = pbx_way_retarget(s, m, &job->flow, r->uri, w);
	if (status) {
		pbx_job_reply(s, job, m, status, STR_NONE, STR_NONE, now);
		return false;
	}
	if (r->verdict.action == PBX_POLICY_REDIRECT)
		return !redirect(s, job, m, w, r, now);
	if (r->verdict.action == PBX_POLICY_VIA && str_eq(rule->via, STR("trunk"))) {
		pbx_relay_to_trunk(s, job, m, w, now);
		return false;
	}
	if (r->verdict.action == PBX_POLICY_VIA) {
		send_to(s, job, m, w, rule->via, now);
		return false;
	}
	if (q->opened && w->kind == PBX_WAY_FOREIGN) { /* a rule has named the domain itself */
		send_to(s, job, m, w, STR_NONE, now);
		return false;
	}
	return true;
}

bool pbx_rules_pass(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, struct pbx_way *w,
		    enum pbx_caller caller, usec now)
{
	struct pbx_ruling *r;

	/* Inside a dialog that knows its phone by a GRUU; it was judged when it began. */
	if (w->has_gruu && sip_msg_to(m)->tag.n)
		return true;
	r = ruling(s, job, m, w, caller, now);
	if (!r) {
		pbx_job_reply(s, job, m, 503, STR_NONE, STR("Retry-After: 5"), now);
		return false;
	}
	if (!judge(s, job, m, r, now))
		return false;
	pbx_explain_verdict(s, &r->verdict, &r->question);
	return act(s, job, m, w, r, now);
}
