/*
 * A REGISTER's short road, for nearly all of them: by datagram, one contact or none, nothing asked for that is rare,
 * whoever sends it judged at once or not at all. It needs no job and no transaction: its repeats are known by
 * pbx/repeat from the beginning, and the head of its answer is written before the keeper is asked, so that nothing of
 * the request is kept and parsed again. What is odd, or refused, goes the long way (server_register.c), which knows
 * everything; server_brief_test holds the two against each other.
 */
#include "pbx/server_parts.h"

#define HEAD_MAX 2048
#define TAIL_MAX 1024

static const str retry_after = STR_INIT("Retry-After: 10");

/* Seen before anything is done, judging above all, which can be done once only. */
static bool is_odd(struct pbx_server *s, const struct sip_event *e)
{
	const struct sip_address *list, *to = sip_msg_to(e->msg);
	struct sip_msg *m = e->msg;
	size_t n;
	enum err err;

	if (sip_msg_has(m, SIP_REQUIRE) || sip_msg_has(m, SIP_PATH) || sip_msg_has(m, SIP_TIMESTAMP) ||
	    s->config.explain || sip_msg_uri(m)->scheme != SIP_SCHEME_SIP || to->uri.scheme != SIP_SCHEME_SIP)
		return true;
	err = sip_msg_addresses(m, SIP_CONTACT, &list, &n);
	if (err)
		return err != ERR_ABSENT;
	return n != 1 || list->star || list->uri.scheme != SIP_SCHEME_SIP ||
	       (list->uri.params.n && sip_uri_param(&list->uri, STR("bnc"), NULL)) ||
	       pbx_register_leads_back(s, m, &e->flow);
}

static void challenge(struct pbx_server *s, const struct sip_event *e, uint64_t repeat, bool stale, usec now)
{
	struct sip_reply reply = { .status = 401 };
	char lines[PBX_CHALLENGE];
	struct buf b;

	buf_init(&b, lines, sizeof(lines));
	pbx_job_write_challenge(s, e->msg, &e->flow, pbx_offers_simple(&s->offers, e->msg, &e->flow.remote, now), false,
				stale, now, &b);
	reply.status = buf_ok(&b) ? 401 : 500;
	reply.lines = buf_ok(&b) ? buf_str(&b) : STR_NONE;
	(void)pbx_repeats_note(&s->repeats, PBX_REPEAT_CHALLENGED, repeat, now);
	if (sip_stack_refuse(s->stack, 0, e->msg, &reply, now))
		log_debug(s->config.log, "pbx.server unanswered", "call=" STR_FMT " status=%d",
			  STR_ARG(sip_msg_log_id(e->msg)), reply.status);
	else
		log_debug(s->config.log, "pbx.server answered", "call=" STR_FMT " status=%d",
			  STR_ARG(sip_msg_log_id(e->msg)), reply.status);
	pbx_gate_charge_source(s, &e->flow, PBX_FLOOD_ANSWER, now);
}

static void say_wrong_later(struct pbx_server *s, const struct sip_event *e, uint64_t repeat, str user, usec now)
{
	struct pbx_job *job = pbx_job_begin(s, PBX_JOB_REGISTER, e, now);

	if (!job)
		return;
	job->repeat = repeat;
	pbx_job_wrong(s, job, e->msg, user, now);
}

/* 17.2.2, as far as it is not in the table. */
static void say_again(struct pbx_server *s, const struct sip_event *e, enum pbx_repeat_kind kind, usec now)
{
	bool unkept = kind == PBX_REPEAT_UNKEPT;
	struct sip_reply reply = { .status = unkept ? 503 : 500, .lines = unkept ? retry_after : STR_NONE };

	sip_stack_repeated(s->stack);
	if (kind != PBX_REPEAT_PENDING && sip_stack_refuse(s->stack, 0, e->msg, &reply, now))
		log_debug(s->config.log, "pbx.server unanswered", "call=" STR_FMT " status=%d",
			  STR_ARG(sip_msg_log_id(e->msg)), reply.status);
}

enum judged { GOOD, ELSEWHERE, ANSWERED };

/* ELSEWHERE: the long way; with *proved set his password was right. */
static enum judged judge(struct pbx_server *s, const struct sip_event *e, uint64_t repeat, str name, str *proved,
			 usec now)
{
	str user;

	if (!s->config.auth || pbx_way_is_trusted(s, &e->flow))
		return GOOD;
	if (!sip_msg_has(e->msg, SIP_AUTHORIZATION)) {
		challenge(s, e, repeat, false, now);
		return ANSWERED;
	}
	switch (pbx_job_judge_source(s, e->msg, &e->flow, false, now, &user)) {
	case PBX_GUARD_GOOD:
		*proved = user;
		return str_eq(user, name) ? GOOD : ELSEWHERE;
	case PBX_GUARD_CHALLENGE:
		challenge(s, e, repeat, false, now);
		return ANSWERED;
	case PBX_GUARD_STALE:
		challenge(s, e, repeat, true, now);
		return ANSWERED;
	case PBX_GUARD_WRONG:
		say_wrong_later(s, e, repeat, user, now);
		return ANSWERED;
	case PBX_GUARD_UNKNOWN:
		break;
	}
	return ELSEWHERE;
}

/* The change that it asks for, and the head of its answer. NULL: the long way refuses it, or has more room. */
static struct pbx_note *read_change(struct pbx_server *s, const struct sip_event *e, str aor, usec now)
{
	const struct pbx_registrar_setting setting = pbx_register_setting(s);
	struct pbx_note *note = pbx_server_note(s, PBX_NOTE_REGISTER);
	struct sip_msg *m = e->msg;
	char head[HEAD_MAX];
	struct buf b;

	buf_init(&b, head, sizeof(head));
	if (!note || pbx_registrar_read(m, aor, &e->flow, &setting, now, note) ||
	    sip_stack_head(s->stack, m, 200, &b, &note->flow) || !arena_copy(&note->arena, buf_str(&b), &note->head)) {
		pbx_server_drop_note(s, note);
		return NULL;
	}
	note->from = s->config.worker;
	note->came = now;
	if (sip_msg_has(m, SIP_SUPPORTED)) {
		note->gruu = sip_msg_lists(m, SIP_SUPPORTED, STR("gruu"));
		note->outbound = sip_msg_lists(m, SIP_SUPPORTED, STR("outbound"));
	}
	return note;
}

bool pbx_brief_register(struct pbx_server *s, const struct sip_event *e, uint64_t repeat, str *proved, usec now)
{
	char aor_text[PBX_AOR_MAX], name_text[USER_NAME_MAX];
	const struct sip_address *to = sip_msg_to(e->msg);
	enum pbx_repeat_kind kind;
	struct buf aor, name;
	struct pbx_note *note;
	uint64_t hash = 0;
	bool addressed, brief;

	/* What stands in large tables is fetched while other things are seen to. */
	pbx_repeats_expect(&s->repeats, repeat);
	buf_init(&aor, aor_text, sizeof(aor_text));
	buf_init(&name, name_text, sizeof(name_text));
	addressed = pbx_way_is_self(s, &to->uri, &e->flow) && pbx_way_aor(s, &to->uri, &aor, &name);
	if (addressed && pbx_location_shard(buf_str(&aor), s->config.worker_n) == s->config.worker) {
		hash = pbx_location_hash(s->location, buf_str(&aor));
		pbx_location_expect(s->location, hash);
	}
	brief = addressed && pbx_gate_is_free(s, now) && !is_odd(s, e);
	kind = pbx_repeats_find(&s->repeats, repeat, now);
	if (kind == PBX_REPEAT_PENDING || kind == PBX_REPEAT_REFUSED || kind == PBX_REPEAT_UNKEPT) {
		say_again(s, e, kind, now);
		return true;
	}
	if (kind != PBX_REPEAT_NEW || !brief)
		return false;
	switch (judge(s, e, repeat, buf_str(&name), proved, now)) {
	case GOOD:
		break;
	case ELSEWHERE:
		return false;
	case ANSWERED:
		pbx_gate_done(s, now);
		return true;
	}
	if (hash)
		pbx_location_expect_more(s->location, hash);
	note = read_change(s, e, buf_str(&aor), now);
	if (!note)
		return false;
	note->repeat = repeat;
	note->change.hash = hash;
	if (!pbx_repeats_note(&s->repeats, PBX_REPEAT_PENDING, repeat, now)) {
		pbx_server_drop_note(s, note);
		return false;
	}
	pbx_gate_done(s, now);
	if (!pbx_server_tell(s, hash ? s->config.worker : pbx_location_shard(note->change.aor, s->config.worker_n),
			     note, now)) /* nobody answers it: its repeat is tried anew */
		(void)pbx_repeats_note(&s->repeats, PBX_REPEAT_NEW, repeat, now);
	return true;
}

/* ---- the answer ---- */

static void say(struct pbx_server *s, const struct pbx_note *note, int status, str head, str tail, usec now)
{
	str call = str_head(note->change.call_id, 200);

	if (sip_stack_say(s->stack, &note->flow, SIP_REGISTER, status, head, tail, note->came, now))
		log_debug(s->config.log, "pbx.server unanswered", "call=" STR_FMT " status=%d", STR_ARG(call), status);
	else
		log_debug(s->config.log, "pbx.server answered", "call=" STR_FMT " status=%d", STR_ARG(call), status);
}

/* The head has been written for a 200. */
static void say_other(struct pbx_server *s, const struct pbx_note *note, int status, str line, usec now)
{
	char text[HEAD_MAX + 100];
	str rest = str_skip(note->head, str_find_char(note->head, '\n') + 1);
	struct buf b;

	buf_init(&b, text, sizeof(text));
	buf_put(&b, STR("SIP/2.0 "));
	buf_put_u64(&b, (uint64_t)status);
	buf_put_char(&b, ' ');
	buf_put(&b, sip_status_text(status));
	buf_put(&b, STR("\r\n"));
	buf_put(&b, rest);
	buf_put(&b, line);
	buf_put(&b, line.n ? STR("\r\n") : STR_NONE);
	say(s, note, status, buf_str(&b), STR("Content-Length: 0\r\n\r\n"), now);
}

void pbx_brief_trying(struct pbx_server *s, const struct pbx_note *note, usec now)
{
	say_other(s, note, 100, STR_NONE, now);
}

static void refuse(struct pbx_server *s, const struct pbx_note *note, int status, usec now)
{
	s->stats.refused_registrations++;
	(void)pbx_repeats_note(&s->repeats, status == 503 ? PBX_REPEAT_UNKEPT : PBX_REPEAT_REFUSED, note->repeat, now);
	say_other(s, note, status, status == 503 ? retry_after : STR_NONE, now);
}

/* Behind the Contact lines in b. */
static void say_good(struct pbx_server *s, const struct pbx_note *note, bool bound, struct buf *b, usec now)
{
	s->stats.registrations++;
	(void)pbx_repeats_note(&s->repeats, PBX_REPEAT_DONE, note->repeat, now);
	(void)pbx_register_write_lines(s, &note->flow, false, note->outbound && bound, b);
	buf_put(b, STR("\r\nContent-Length: 0\r\n\r\n"));
	say(s, note, 200, note->head, buf_str(b), now);
}

void pbx_brief_done(struct pbx_server *s, const struct pbx_note *note, usec now)
{
	char text[TAIL_MAX + PBX_NOTE_LINES];
	struct buf b;

	if (note->status != 200) {
		refuse(s, note, note->status, now);
		return;
	}
	buf_init(&b, text, sizeof(text));
	buf_put(&b, note->bytes);
	say_good(s, note, note->bound, &b, now);
}

void pbx_brief_done_alone(struct pbx_server *s, const struct pbx_note *note, usec now)
{
	const struct contact_record *row = &note->change.rows[0];
	char text[TAIL_MAX + PBX_NOTE_LINES];
	struct buf b;

	buf_init(&b, text, PBX_NOTE_LINES);
	pbx_registrar_write(row, 1, note->gruu ? s->gruus : NULL, note->change.call_id, now, &b);
	if (!buf_ok(&b)) {
		refuse(s, note, 500, now);
		return;
	}
	b.cap = sizeof(text);
	say_good(s, note, row->reg_id, &b, now);
}
