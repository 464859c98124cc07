/* SUBSCRIBE to what the exchange knows itself (RFC 6665), and how its shards tell of changes. */
#include "pbx/server_parts.h"

#define DOCUMENT_MAX 50000

static const str allow_events = STR_INIT("Allow-Events: reg");

/* ---- who asks for what ---- */

static const struct pbx_package *package_of(struct sip_msg *m)
{
	struct sip_token event;

	if (sip_token_parse(sip_msg_value(m, SIP_EVENT), &event) || event.subtype.n)
		return NULL;
	return str_eq(event.type, pbx_reg_package.name) ? &pbx_reg_package : NULL;
}

/* "sip:101@example.com" is the name of 101. */
static str user_of(str aor)
{
	size_t at = aor.n;

	while (at && aor.p[at - 1] != '@')
		at--;
	return at > 4 ? str_of(aor.p + 4, at - 5) : STR_NONE;
}

static void take(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, const struct pbx_package *package,
		 str aor, usec now)
{
	struct sip_event e = { .kind = SIP_EVENT_REQUEST, .server = job->server, .msg = m, .flow = job->flow };
	struct flow side = job->flow;
	char text[200];
	struct buf contact;

	side.id = 0;
	buf_init(&contact, text, sizeof(text));
	buf_put(&contact, STR("sip:"));
	pbx_send_put_hop(s, &side, &contact);
	pbx_subscriptions_take(s->subscriptions, &e, package, aor, user_of(aor), buf_str(&contact), now);
	pbx_job_free(s, job);
	pbx_subscribe_pump(s, now);
}

/* Was it asked for by a number that an account has? */
static bool is_number(const struct pbx_server *s, const struct pbx_way *w)
{
	char aor_text[PBX_AOR_MAX], name_text[USER_NAME_MAX];
	struct buf aor, name;

	buf_init(&aor, aor_text, sizeof(aor_text));
	buf_init(&name, name_text, sizeof(name_text));
	return pbx_way_aor(s, &w->uri, &aor, &name) && pbx_numbers_find(s->numbers, buf_str(&name)).n;
}

bool pbx_subscribe_decide(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, const struct pbx_way *w,
			  usec now)
{
	const struct pbx_package *package = package_of(m);
	const struct pbx_watched *watched = NULL;
	struct sip_token event;
	bool inside = sip_msg_to(m)->tag.n > 0;
	str aor = w->aor;

	if (inside) {
		watched = pbx_subscriptions_of(s->subscriptions, m);
		if (!watched && w->kind != PBX_WAY_SELF)
			return false; /* a dialog with a phone */
		aor = watched ? watched->name : STR_NONE;
		package = watched ? watched->package : &pbx_reg_package;
	} else if (w->kind == PBX_WAY_USER) {
		bool named = sip_msg_has(m, SIP_EVENT);

		/* RFC 6665 8.2.1: it must say what it is for; no phone could make more of it. */
		if (!named || sip_token_parse(sip_msg_value(m, SIP_EVENT), &event)) {
			pbx_job_reply(s, job, m, named ? 400 : 489, STR_NONE, allow_events, now);
			return true;
		}
		if (!package || w->has_gruu)
			return false;                             /* the phone's own */
		if (pbx_numbers_n(s->numbers) && is_number(s, w)) /* RFC 6140 7.2.2: who is behind it the PBX knows */
			return false;
	} else if (w->kind == PBX_WAY_SELF) {
		pbx_job_reply(s, job, m, package ? 404 : 489, STR_NONE, allow_events, now);
		return true;
	} else {
		return false;
	}
	/* RFC 3680 4.6: what is bound to an address is its user's business. */
	if (!watched && inside)
		take(s, job, m, package, aor, now); /* 481 */
	else if (pbx_register_may(s, job, m, user_of(aor), now))
		take(s, job, m, package, aor, now);
	return true;
}

/* ---- between worker and shard ---- */

static void tell_shard(struct pbx_server *s, const struct pbx_watched *w, bool on, usec now)
{
	struct pbx_note *note = pbx_server_note(s, PBX_NOTE_WATCH);

	if (!note || !arena_copy(&note->arena, w->name, &note->aor)) {
		pbx_server_drop_note(s, note);
		return;
	}
	note->from = s->config.worker;
	note->status = on;
	pbx_server_tell(s, pbx_location_shard(note->aor, s->config.worker_n), note, now);
}

/* Copies of the report's rows, and what became of them as `bytes`. */
static bool fill(struct pbx_note *note, const struct pbx_reg_report *report, str aor)
{
	note->rows = arena_alloc(&note->arena, record_packed_size(&contact_record_kind, report->rows, report->n) + 1);
	if (!note->rows || !arena_copy(&note->arena, aor, &note->aor) ||
	    !arena_copy(&note->arena, str_of((const char *)report->what, report->n), &note->bytes))
		return false;
	record_pack(&contact_record_kind, report->rows, report->n, note->rows);
	note->n = report->n;
	return true;
}

static void report_to(struct pbx_server *s, uint16_t worker, const struct pbx_reg_report *report, str aor, usec now)
{
	struct pbx_note *note = pbx_server_note(s, PBX_NOTE_WATCHED);

	if (!note || !fill(note, report, aor)) {
		pbx_server_drop_note(s, note);
		return;
	}
	note->from = s->config.worker;
	pbx_server_tell(s, worker, note, now);
}

/* `only`: the worker that has just begun to watch; -1: all, if there is news. */
static void report(struct pbx_server *s, str aor, enum pbx_reg_what gone, int only, usec now)
{
	const struct pbx_contact *list[PBX_CONTACTS_MAX];
	struct contact_record rows[PBX_CONTACTS_MAX];
	struct pbx_reg_report r;
	size_t n = pbx_location_find(s->location, aor, now, list);

	for (size_t i = 0; i < n; i++)
		pbx_contact_record(list[i], &rows[i]);
	if (!pbx_reg_watch_compare(s->watches, aor, rows, n, gone, now, &r))
		return;
	for (uint16_t worker = 0; worker < s->config.worker_n; worker++)
		if (r.workers >> worker & 1 && (r.news || only == worker))
			report_to(s, worker, &r, aor, now);
	if (pbx_reg_watch_note(s->watches, aor, rows, n))
		log_error(s->config.log, "pbx.subscription no memory", "for=contacts");
}

void pbx_subscribe_touch(struct pbx_server *s, str aor, enum pbx_reg_what gone, usec now)
{
	if (pbx_reg_watch_n(s->watches))
		report(s, aor, gone, -1, now);
}

void pbx_subscribe_watch(struct pbx_server *s, const struct pbx_note *note, usec now)
{
	enum err err;

	if (!note->status) {
		pbx_reg_watch_drop(s->watches, note->aor, note->from);
		return;
	}
	err = pbx_reg_watch_add(s->watches, note->aor, note->from);
	if (err)
		log_error(s->config.log, "pbx.subscription unwatched", "why=\"%s\"", err_text(err));
	else
		report(s, note->aor, PBX_REG_UNREGISTERED, note->from, now);
}

void pbx_subscribe_watched(struct pbx_server *s, const struct pbx_note *note, usec now)
{
	struct pbx_watched *w = pbx_subscriptions_find(s->subscriptions, &pbx_reg_package, note->aor);
	struct pbx_reg_state *state;

	if (!w)
		return;
	state = pbx_reg_state_new(w->state, note->rows, (const uint8_t *)note->bytes.p, note->n);
	if (!state) {
		log_error(s->config.log, "pbx.subscription no memory", "for=state");
		return;
	}
	w->state = state;
	pbx_subscriptions_changed(s->subscriptions, w, now);
	pbx_subscribe_pump(s, now);
}

/* ---- steps ---- */

static void notify(struct pbx_server *s, const struct pbx_step *step, usec now)
{
	const struct pbx_reg_state *state = step->watched->state;
	struct buf body;

	buf_init_grow(&body, DOCUMENT_MAX);
	if (state)
		pbx_reg_event_write(state, step->watched->name, step->full ? 0 : step->seen, step->version, s->gruus,
				    now, &body);
	if (buf_ok(&body))
		pbx_subscription_notify(s->subscriptions, step->subscription, state ? pbx_reg_state_seen(state) : 0,
					buf_str(&body), now);
	else
		log_error(s->config.log, "pbx.subscription unwritten", "of=" STR_FMT, STR_ARG(step->watched->name));
	buf_free(&body);
}

/* Its stream has closed, or nobody answers there: the phone may have registered by another way since. */
static void look_for(struct pbx_server *s, const struct pbx_step *step, usec now)
{
	struct pbx_note *note = pbx_server_note(s, PBX_NOTE_FIND);

	if (!note || !arena_copy(&note->arena, step->watched->name, &note->aor) ||
	    !arena_copy(&note->arena, step->target, &note->bytes)) {
		pbx_server_drop_note(s, note);
		return;
	}
	note->from = s->config.worker;
	note->token = pbx_subscription_cookie(step->subscription); /* no job's */
	pbx_server_tell(s, pbx_location_shard(note->aor, s->config.worker_n), note, now);
}

static bool is_at(const struct contact_record *row, const struct sip_uri *target)
{
	struct sip_uri uri;

	return !sip_uri_parse(row->uri, &uri) && sip_uri_eq(&uri, target);
}

void pbx_subscribe_found(struct pbx_server *s, const struct pbx_note *note, usec now)
{
	struct contact_record rows[PBX_CONTACTS_MAX];
	struct sip_uri target;
	struct pbx_gruu gruu;
	char name[USER_NAME_MAX];
	struct buf b;
	size_t n = 0;

	if (sip_uri_parse(note->bytes, &target))
		return;
	for (; n < note->n && n < PBX_CONTACTS_MAX; n++)
		rows[n] = note->rows[n];
	buf_init(&b, name, sizeof(name));
	if (pbx_gruu_is(&target) && !pbx_gruu_read(s->gruus, &target, &gruu, &b))
		n = pbx_gruu_pick(&gruu, rows, n);
	else
		for (size_t i = n; i > 0; i--)
			if (!is_at(&rows[i - 1], &target))
				rows[i - 1] = rows[--n];
	for (size_t i = 0; i < n; i++) {
		struct flow flow = contact_flow(&rows[i]);

		pbx_subscription_found(s->subscriptions, pbx_subscription_cookie(note->token), &flow, now);
	}
}

void pbx_subscribe_pump(struct pbx_server *s, usec now)
{
	struct pbx_step step;

	while (pbx_subscriptions_next(s->subscriptions, &step, now)) {
		switch (step.kind) {
		case PBX_STEP_WATCH:
			tell_shard(s, step.watched, true, now);
			break;
		case PBX_STEP_NOTIFY:
			notify(s, &step, now);
			break;
		case PBX_STEP_LOST:
			look_for(s, &step, now);
			break;
		case PBX_STEP_UNWATCH:
			tell_shard(s, step.watched, false, now);
			break;
		}
	}
}

void pbx_subscribe_tick(struct pbx_server *s, usec now)
{
	char text[PBX_AOR_MAX];
	str aor;

	while ((aor = pbx_reg_watch_take(s->watches, now, text)).n)
		report(s, aor, PBX_REG_EXPIRED, -1, now);
	pbx_subscribe_pump(s, now);
}
