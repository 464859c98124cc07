#include "pbx/server_parts.h"

/* ---- who asks (16.3 step 6, 22.3) ---- */

enum caller { CALLER_WAITS, CALLER_REFUSED, CALLER_STRANGER, CALLER_USER, CALLER_TRUNK };

static enum caller judge_name(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, bool from_here, str user,
			      usec now)
{
	char aor_text[PBX_AOR_MAX], name_text[USER_NAME_MAX];
	struct pbx_from room;
	struct buf aor, name;

	if (s->config.trunk.n && str_eq(user, s->config.trunk))
		return CALLER_TRUNK; /* the edge speaks for whoever calls through it */
	buf_init(&aor, aor_text, sizeof(aor_text));
	buf_init(&name, name_text, sizeof(name_text));
	if (pbx_identity_is_anonymous(&sip_msg_from(m)->uri)) /* he has said who he is, to us alone (RFC 3325 4.) */
		return CALLER_USER;
	if (from_here && pbx_way_aor(s, pbx_way_from(s, m, &room), &aor, &name) &&
	    (str_eq(buf_str(&name), user) || str_eq(pbx_numbers_find(s->numbers, buf_str(&name)), user)))
		return CALLER_USER; /* an account speaks for the numbers that it has (RFC 6140) */
	pbx_job_reply(s, job, m, 403, STR("From Is Not Your Address"), STR_NONE, now);
	return CALLER_REFUSED;
}

/* A From that only who proves it may bear: a number, which a phone shows as one of ours, or somebody of a network that
 * we know by the trunk alone. */
static bool is_claim(const struct pbx_server *s, const struct sip_uri *from)
{
	if (from->scheme != SIP_SCHEME_SIP && from->scheme != SIP_SCHEME_SIPS)
		return true;
	for (size_t i = 0; i < s->config.network_n; i++) {
		str network = s->config.networks[i];

		if (from->host.n >= network.n && str_eq_nocase(str_skip(from->host, from->host.n - network.n), network))
			return true;
	}
	return false;
}

/* `inward`: to a user of ours, which strangers may call. */
static enum caller who(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, bool inward, usec now)
{
	const struct sip_uri *from = &sip_msg_from(m)->uri;
	bool from_here = pbx_way_from_here(s, m, &job->flow);
	str user = STR_NONE;

	if (!s->config.auth)
		return from_here ? CALLER_USER : CALLER_STRANGER;
	if (pbx_way_is_trusted(s, &job->flow))
		return from_here ? CALLER_USER : CALLER_STRANGER;
	if (job->flow.peer && !from_here) /* its domain has been proved */
		return CALLER_STRANGER;
	switch (s->config.explain ? pbx_explain_judge(s, job, m, from_here, &user)
				  : pbx_job_judge(s, job, m, true, now, &user)) {
	case PBX_GUARD_GOOD:
		return judge_name(s, job, m, from_here, user, now);
	case PBX_GUARD_CHALLENGE:
		if (!from_here && s->config.strangers && !is_claim(s, from) &&
		    (inward || !pbx_identity_is_anonymous(from))) {
			if (!job->tries) /* once; it may be judged again when facts have come */
				pbx_gate_charge(s, job, PBX_FLOOD_CALL, now);
			return CALLER_STRANGER;
		}
		if (!from_here)
			PBX_EXPLAIN(s, "caller", "not of our domain%s",
				    s->config.strangers
					    ? ", and may not be one whom everybody may name himself"
					    : "; strangers may not call here (--strangers, --trust, --tls-peers)");
		pbx_job_challenge(s, job, m, true, false, now);
		return CALLER_REFUSED;
	case PBX_GUARD_STALE:
		pbx_job_challenge(s, job, m, true, true, now);
		return CALLER_REFUSED;
	case PBX_GUARD_WRONG:
		pbx_job_wrong(s, job, m, user, now);
		return CALLER_REFUSED;
	case PBX_GUARD_UNKNOWN:
		pbx_job_ask_user(s, job, m, user, now);
		return CALLER_WAITS;
	}
	return CALLER_REFUSED;
}

/* ---- where to ---- */

static int leave_out_lost(struct contact_record *rows, size_t n)
{
	size_t left = 0;

	for (size_t i = 0; i < n; i++) {
		if (pbx_binding_is_lost(&rows[i]))
			continue;
		if (left != i)
			rows[left] = rows[i];
		left++;
	}
	return (int)left;
}

int pbx_relay_places(struct pbx_server *s, struct pbx_job *job, int which, str aor, struct contact_record *rows,
		     usec now)
{
	uint16_t shard = pbx_location_shard(aor, s->config.worker_n);
	const struct pbx_contact *list[PBX_CONTACTS_MAX];
	struct pbx_note *note = job->places[which];
	size_t n = 0;

	if (note && !str_eq(note->aor, aor)) { /* of a target that was given up */
		pbx_server_drop_note(s, note);
		note = job->places[which] = NULL;
	}
	if (note) {
		for (; n < note->n && n < PBX_CONTACTS_MAX; n++)
			rows[n] = note->rows[n];
		return leave_out_lost(rows, n);
	}
	if (shard == s->config.worker) {
		n = pbx_location_find(s->location, aor, now, list);
		for (size_t i = 0; i < n; i++)
			pbx_contact_record(list[i], &rows[i]);
		return leave_out_lost(rows, n);
	}
	note = pbx_server_note(s, PBX_NOTE_FIND);
	if (!note || !arena_copy(&note->arena, aor, &note->aor) || !pbx_job_wait(s, job, now)) {
		pbx_note_free(note);
		return 0;
	}
	note->from = s->config.worker;
	note->token = job->self;
	note->status = which;
	pbx_server_tell(s, shard, note, now);
	return -1;
}

struct flow pbx_relay_contact_way(const struct contact_record *row)
{
	struct flow flow = contact_flow(row);
	struct sip_uri uri;
	struct addr addr;

	if (flow.transport == TRANSPORT_UDP && !sip_uri_parse(row->uri, &uri) && sip_uri_addr(&uri, &addr) &&
	    addr_eq_ip(&addr, &flow.remote))
		flow.transport = 0;
	return flow;
}

str pbx_relay_request_uri(const struct pbx_server *s, const struct pbx_way *w, const struct contact_record *row,
			  char *room, size_t cap)
{
	struct sip_uri uri;
	struct buf b;

	if (pbx_numbers_n(s->numbers) && pbx_numbers_is_bulk(row->uri)) {
		buf_init(&b, room, cap);
		pbx_numbers_write_uri(row->uri, &w->uri, &b);
		return buf_ok(&b) ? buf_str(&b) : row->uri;
	}
	/* 16.6 step 2: what may not stand in a Request-URI goes (19.1.1: headers). */
	if (sip_uri_parse(row->uri, &uri) || !uri.headers.n)
		return row->uri;
	return str_head(row->uri, (size_t)(uri.headers.p - 1 - row->uri.p));
}

/* How the contacts are tried: by their q, unless the settings or the caller (RFC 3841 9.1) want it otherwise. */
static enum pbx_target_order order_of(const struct pbx_server *s, const struct pbx_job *job, const struct pbx_way *w)
{
	if (w->has_gruu)
		return PBX_TARGET_ONE_PHONE;
	if (job->wishes & PBX_WISH_PARALLEL)
		return PBX_TARGET_TOGETHER;
	if (job->wishes & PBX_WISH_SEQUENTIAL)
		return PBX_TARGET_ONE_BY_ONE;
	return s->config.hunt_after ? PBX_TARGET_BY_Q : PBX_TARGET_TOGETHER;
}

/* How well each fits what the caller prefers (RFC 3841 7.2). false: nothing is preferred. */
static bool judge_places(const struct sip_msg *m, const struct contact_record *rows, size_t n, int16_t *fits)
{
	bool given = pbx_preference_given(m), silent = true;

	for (size_t i = 0; i < n; i++) {
		int fit = PBX_PREFERENCE_BEST;

		if (given)
			fit = pbx_preference_score(m, rows[i].params);
		else if (!pbx_preference_speaks(m, rows[i].params))
			fit = PBX_PREFERENCE_REJECTED;
		fits[i] = (int16_t)fit;
		silent = silent && fit == PBX_PREFERENCE_REJECTED;
	}
	/* What only the method implies must not leave nobody. */
	return given || (n && !silent);
}

/* Contacts become branches, in their order. `uri` empty: each has its own as Request-URI; else the contact is only the
 * next hop. */
static void add_places(struct pbx_server *s, struct pbx_job *job, const struct sip_msg *m, const struct pbx_way *w,
		       const struct contact_record *rows, int n, str uri)
{
	struct pbx_branch *made[PBX_CONTACTS_MAX] = { 0 };
	int16_t fits[PBX_CONTACTS_MAX];
	struct pbx_targets targets;
	bool judged = judge_places(m, rows, (size_t)n, fits);

	pbx_target_order(rows, judged ? fits : NULL, (size_t)n, order_of(s, job, w), &targets);
	if (job->wishes & PBX_WISH_NO_FORK)
		pbx_target_first(&targets);
	for (size_t i = 0; i < targets.n; i++) {
		const struct pbx_target *t = &targets.list[i];
		const struct contact_record *row = &rows[t->row];
		struct flow flow = pbx_relay_contact_way(row);
		char room[600], bulk[600];
		str own = pbx_sips_request_uri(pbx_relay_request_uri(s, w, row, bulk, sizeof(bulk)), job->sips, room,
					       sizeof(room));
		struct pbx_branch *b =
			uri.n ? pbx_send_add(job, uri, row->uri, row->path, &flow)
			      : pbx_send_add(job, own, own.p == room ? row->uri : STR_NONE, row->path, &flow);

		if (s->config.explain)
			pbx_explain_contact(s, row, t->group, t->is_spare);
		made[i] = b;
		if (!b)
			continue;
		b->bound = true;
		b->group = t->group;
		b->state = t->is_spare ? PBX_BRANCH_SPARE : PBX_BRANCH_NEW;
	}
	for (size_t i = 0; i < targets.n; i++)
		if (made[i] && targets.list[i].spare)
			made[i]->spare = made[targets.list[i].spare - 1];
}

static void to_user(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, struct pbx_way *w,
		    const struct contact_record *rows, int n, usec now)
{
	add_places(s, job, m, w, rows, n, STR_NONE);
	pbx_fork_start(s, job, m, w, now);
}

/* The trunk gets the Request-URI as it is, so that the edge sees whom it is for. */
void pbx_relay_to_trunk(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, struct pbx_way *w, usec now)
{
	struct contact_record rows[PBX_CONTACTS_MAX];
	char aor_text[PBX_AOR_MAX];
	struct buf aor;
	int n;

	buf_init(&aor, aor_text, sizeof(aor_text));
	buf_printf(&aor, "sip:" STR_FMT "@", STR_ARG(s->config.trunk));
	for (size_t i = 0; i < s->config.domain.n; i++)
		buf_put_char(&aor, str_lower(s->config.domain.p[i]));
	n = pbx_relay_places(s, job, 1, buf_str(&aor), rows, now);
	if (n < 0)
		return;
	if (n == 0) {
		pbx_job_reply(s, job, m, 480, STR("The Trunk Is Not Connected"), STR_NONE, now);
		return;
	}
	add_places(s, job, m, w, rows, n, w->uri.text);
	pbx_fork_start(s, job, m, w, now);
}

static bool to_extension(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, struct pbx_way *w, usec now)
{
	char text[PBX_AOR_MAX];
	struct buf uri;

	buf_init(&uri, text, sizeof(text));
	if (!s->config.extension || !s->config.extension(s->config.extension_self, w->name, &uri))
		return false;
	if (!uri.n || !buf_ok(&uri)) {
		pbx_job_reply(s, job, m, 480, STR_NONE, STR_NONE, now);
		return true;
	}
	pbx_send_add(job, buf_str(&uri), STR_NONE, STR_NONE, NULL);
	pbx_fork_start(s, job, m, w, now);
	return true;
}

/* Who asks who has an account here, name by name, hears of all of them what he hears of a user who is away; the keeper
 * is not asked either, which would take its time for some. Neighbours are told the truth: 404 is "no such number" to
 * them. */
static bool is_curious(const struct pbx_server *s, const struct pbx_job *job, enum caller caller)
{
	return caller == CALLER_STRANGER && s->config.auth && !job->flow.peer && !pbx_way_is_trusted(s, &job->flow);
}

static bool is_extension(const struct pbx_server *s, const struct pbx_way *w)
{
	char text[PBX_AOR_MAX];
	struct buf uri;

	buf_init(&uri, text, sizeof(text));
	return s->config.extension && !w->has_gruu && s->config.extension(s->config.extension_self, w->name, &uri);
}

/* RFC 5627 6.1: a temporary one that is good no more is no address any more; a public one's phone is away. */
static int gruu_status(const struct pbx_way *w)
{
	return w->has_gruu && w->gruu.temporary ? 404 : 480;
}

static void nobody_home(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, struct pbx_way *w,
			enum caller caller, usec now)
{
	bool curious = is_curious(s, job, caller);

	if (curious && !s->config.explain && !is_extension(s, w)) {
		pbx_job_reply(s, job, m, gruu_status(w), STR_NONE, STR_NONE, now);
		return;
	}
	switch (pbx_guard_find(s->guard, w->name)) {
	case ERR_MORE:
		pbx_job_ask_user(s, job, m, w->name, now);
		return;
	case ERR_NONE:
		PBX_EXPLAIN(s, "contact", "none: no phone of " STR_FMT " is registered", STR_ARG(w->name));
		pbx_job_reply(s, job, m, gruu_status(w), STR_NONE, STR_NONE, now);
		return;
	default:
		PBX_EXPLAIN(s, "contact", "none: " STR_FMT " is no account here, or a disabled one", STR_ARG(w->name));
		if (!w->has_gruu && to_extension(s, job, m, w, now))
			return;
		if (!w->has_gruu && s->config.trunk.n && caller == CALLER_USER && !str_eq(w->name, s->config.trunk))
			pbx_relay_to_trunk(s, job, m, w, now);
		else
			pbx_job_reply(s, job, m, curious ? 480 : 404, STR_NONE, STR_NONE, now);
	}
}

/* What is published of a user is kept here and not sent to his phones (RFC 3903 4.), so it is answered here; there is
 * no state of any kind that we keep. */
static void no_such_event(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, usec now)
{
	pbx_job_reply(s, job, m, 489, STR_NONE, STR("Allow-Events: reg"), now);
}

static const str foreign_why = STR_INIT("Warning: 399 tandem \"This exchange serves its own users only\"");

/* Strangers may call, and ask what can be done here. What makes a phone call others, start anew or show things (REFER,
 * NOTIFY, MESSAGE, ..) is for who has a password. */
static bool stranger_may(struct sip_msg *m, const struct pbx_way *w)
{
	if (m->method == SIP_INVITE || m->method == SIP_OPTIONS)
		return true;
	/* Who has been given a GRUU in a dialog goes on with it, by whatever way (RFC 5627 3.3). */
	return w->has_gruu && sip_msg_to(m)->tag.n &&
	       (m->method == SIP_BYE || m->method == SIP_UPDATE || m->method == SIP_PRACK);
}

/* A stranger on the line would call on at the cost of who answered him; who answered may pass him on. */
static bool may_refer(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, usec now)
{
	enum caller caller = who(s, job, m, false, now);

	if (caller == CALLER_STRANGER)
		pbx_job_reply(s, job, m, 403, STR_NONE, STR_NONE, now);
	return caller > CALLER_STRANGER;
}

static bool relays_to(const struct pbx_server *s, str host)
{
	for (size_t i = 0; i < s->config.relay_domain_n; i++)
		if (str_eq_nocase(host, s->config.relay_domains[i]))
			return true;
	return s->config.relay_any;
}

static void in_dialog(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, struct pbx_way *w, usec now)
{
	struct contact_record rows[PBX_CONTACTS_MAX];
	char room[600];
	int n = w->has_gruu ? pbx_relay_places(s, job, 0, w->aor, rows, now) : 0;

	if (n < 0)
		return;
	n = (int)pbx_way_narrow(w, rows, (size_t)n);
	if (n > 0 && w->next.n) { /* RFC 5627 6.1: the dialog's own Routes lead there, not the registration's Path */
		pbx_send_add(job, pbx_relay_request_uri(s, w, &rows[0], room, sizeof(room)), w->next, STR_NONE,
			     &w->flow);
		pbx_fork_start(s, job, m, w, now);
		return;
	}
	if (n > 0) {
		to_user(s, job, m, w, rows, n, now);
		return;
	}
	if (w->has_gruu && !w->flow.transport && !w->next.n) { /* its domain is ourselves */
		pbx_job_reply(s, job, m, gruu_status(w), STR_NONE, STR_NONE, now);
		return;
	}
	/* A phone that is registered no more still has its call. */
	pbx_send_add(job, w->uri.text, w->next, STR_NONE, &w->flow);
	pbx_fork_start(s, job, m, w, now);
}

static enum pbx_caller class_of(const struct pbx_server *s, const struct pbx_job *job, enum caller caller)
{
	if (caller == CALLER_STRANGER)
		return pbx_way_is_trusted(s, &job->flow) ? PBX_CALLER_TRUSTED : PBX_CALLER_STRANGER;
	return caller == CALLER_USER ? PBX_CALLER_LOCAL : PBX_CALLER_TRUNK;
}

/* What this exchange can do (11.2). */
static void tell_abilities(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, usec now)
{
	static const str abilities = STR_INIT("Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, MESSAGE, SUBSCRIBE, "
					      "NOTIFY, REFER, INFO, UPDATE, PRACK, PUBLISH\r\n"
					      "Accept: application/sdp\r\nAllow-Events: reg\r\n" /* RFC 6665 4.4.4 */
					      "Supported: path, gruu, outbound, gin");

	pbx_job_reply(s, job, m, 200, STR_NONE, abilities, now);
}

/* A phone's own answer would tell who is there now, name by name and without a ring; so all users of ours are answered
 * for alike. Who was given a GRUU in a dialog knows that phone. */
static bool is_answered_for(const struct pbx_server *s, const struct pbx_job *job, struct sip_msg *m,
			    const struct pbx_way *w, enum caller caller)
{
	return m->method == SIP_OPTIONS && is_curious(s, job, caller) && !(w->has_gruu && sip_msg_to(m)->tag.n);
}

static void route(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, struct pbx_way *w, usec now)
{
	struct contact_record rows[PBX_CONTACTS_MAX];
	enum caller caller;
	int n;

	if (w->kind == PBX_WAY_DIALOG) {
		if (s->config.trust_n)
			pbx_dialog_hear(s, job, m, w, now);
		if (!w->outside || m->method != SIP_REFER || may_refer(s, job, m, now))
			in_dialog(s, job, m, w, now);
		return;
	}
	if (!pbx_sips_goes_by(m->uri_text, job->flow.transport) && !pbx_way_is_trusted(s, &job->flow)) {
		PBX_EXPLAIN(s, "way", "sips: but not asked over TLS");
		pbx_job_reply(s, job, m, 480, STR_NONE, STR(PBX_SIPS_WARNING), now);
		return;
	}
	caller = who(s, job, m, w->kind == PBX_WAY_USER, now);
	if (caller <= CALLER_REFUSED)
		return;
	job->local = caller == CALLER_USER;
	if (s->config.explain)
		pbx_explain_caller(s, job, class_of(s, job, caller));
	if (s->policy && !pbx_rules_pass(s, job, m, w, class_of(s, job, caller), now))
		return;
	if (w->kind == PBX_WAY_NETWORK && s->config.trunk.n && caller == CALLER_USER) {
		pbx_relay_to_trunk(s, job, m, w, now);
		return;
	}
	if (w->kind == PBX_WAY_FOREIGN && caller == CALLER_USER && relays_to(s, w->uri.host)) {
		job->outside = true; /* who answers there is no user of ours */
		if (pbx_redirect_is_wanted(s, job, w->uri.host)) {
			pbx_redirect_domain(s, job, m, w, 0, now);
			return;
		}
		pbx_send_add(job, w->uri.text, w->next, STR_NONE, NULL);
		pbx_fork_start(s, job, m, w, now);
		return;
	}
	if (w->kind != PBX_WAY_USER) {
		PBX_EXPLAIN(s, "settings", "%s",
			    w->kind == PBX_WAY_NETWORK
				    ? "only users here may call by the trunk, where there is one (--trunk)"
			    : caller != CALLER_USER ? "only users here may call other domains"
						    : "this domain is not one that may be called (--relay-domains)");
		pbx_job_reply(s, job, m, 403, STR("Not Our Domain"), foreign_why, now);
		return;
	}
	job->outside = caller == CALLER_STRANGER;
	/* Where nobody is asked for a password, strangers are as good as users: a closed network, or a test. */
	if (job->outside && !job->flow.peer && !pbx_way_is_trusted(s, &job->flow) &&
	    !(s->config.strangers && (!s->config.auth || stranger_may(m, w)))) {
		PBX_EXPLAIN(s, "settings", "%s",
			    s->config.strangers ? "strangers may call, and nothing else"
						: "strangers may not call here (--strangers)");
		pbx_job_reply(s, job, m, 403, STR_NONE, STR_NONE, now);
		return;
	}
	if (is_answered_for(s, job, m, w, caller)) {
		PBX_EXPLAIN(s, "settings", "a stranger's OPTIONS is answered here, for every user alike");
		tell_abilities(s, job, m, now);
		return;
	}
	if (m->method == SIP_PUBLISH) {
		no_such_event(s, job, m, now);
		return;
	}
	n = pbx_relay_places(s, job, 0, w->aor, rows, now);
	if (n > 0 && (n = (int)pbx_way_narrow(w, rows, (size_t)n)) == 0)
		pbx_job_reply(s, job, m, gruu_status(w), STR_NONE, STR_NONE, now);
	else if (n > 0 && !w->has_gruu && /* RFC 5627 6.1 */ pbx_redirect_is_wanted(s, job, s->config.domain) &&
		 pbx_redirect_rows(s, job, m, w, rows, n, 0, now))
		return;
	else if (n > 0)
		to_user(s, job, m, w, rows, n, now);
	else if (n == 0)
		nobody_home(s, job, m, w, caller, now);
}

/* To the exchange itself (8.2.1, 11.2). */
static void answer_self(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, usec now)
{
	static const str allow = STR_INIT("Allow: OPTIONS, REGISTER");

	if (m->method == SIP_OPTIONS)
		tell_abilities(s, job, m, now);
	else if (m->method == SIP_INVITE)
		pbx_job_reply(s, job, m, 484, STR_NONE, STR_NONE, now);
	else if (m->method == SIP_PUBLISH)
		no_such_event(s, job, m, now);
	else if (m->method == SIP_METHOD_OTHER)
		pbx_job_reply(s, job, m, 501, STR_NONE, STR_NONE, now);
	else
		pbx_job_reply(s, job, m, 405, STR_NONE, allow, now);
}

/* Of extensions that change what a proxy does: RFC 3323 5., RFC 4028 7.1, RFC 3841 5. */
static bool proxy_can(str tag)
{
	return str_eq_nocase(tag, STR("privacy")) || str_eq_nocase(tag, STR("timer")) ||
	       str_eq_nocase(tag, STR("pref"));
}

/* 16.3 step 5 and 8.2.2.3. */
static bool demands_extension(struct sip_msg *m, enum sip_kind kind, struct buf *line)
{
	struct sip_values v = sip_msg_values(m, kind);
	str value;

	while (sip_values_next(&v, &value)) {
		if (kind == SIP_PROXY_REQUIRE && proxy_can(value))
			continue;
		buf_put(line, line->n ? STR(", ") : STR("Unsupported: "));
		buf_put(line, value);
	}
	return line->n > 0;
}

void pbx_relay_decide(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, usec now)
{
	struct pbx_way w;
	uint32_t forwards;
	char text[600];
	struct buf line;
	const struct pbx_retarget *turn = job->fork ? job->fork->turn : NULL;
	int status = turn ? pbx_way_retarget(s, m, &job->flow, turn->uri, &w) : pbx_way_read(s, m, &job->flow, &w);

	buf_init(&line, text, sizeof(text));
	if (status) {
		pbx_job_reply(s, job, m, status, STR_NONE, status == 403 ? foreign_why : STR_NONE, now);
	} else if (demands_extension(m, SIP_PROXY_REQUIRE, &line) ||
		   (w.kind == PBX_WAY_SELF && demands_extension(m, SIP_REQUIRE, &line))) {
		pbx_job_reply(s, job, m, 420, STR_NONE, buf_str(&line), now);
	} else if (m->method == SIP_SUBSCRIBE && !turn && pbx_subscribe_decide(s, job, m, &w, now)) {
		return;
	} else if (w.kind == PBX_WAY_SELF) {
		answer_self(s, job, m, now);
	} else if (sip_msg_max_forwards(m, &forwards) && forwards == 0) {
		pbx_job_reply(s, job, m, 483, STR_NONE, STR_NONE, now);
	} else if (pbx_way_loops(s, m)) {
		pbx_job_reply(s, job, m, 482, STR_NONE, STR_NONE, now);
	} else if (pbx_preference_given(m) && pbx_preference_too_many(m)) { /* RFC 3841 11. */
		pbx_job_reply(s, job, m, 400, STR("Bad Request - Too Many Preferences"), STR_NONE, now);
	} else {
		job->wishes = (uint16_t)pbx_preference_wishes(m);
		if (s->config.explain)
			pbx_explain_way(s, &w);
		route(s, job, m, &w, now);
	}
}
