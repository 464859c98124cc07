#include "pbx/server_parts.h"

/* ---- who asks (16.3 step 6, 22.3) ---- */

enum caller { CALLER_WAITS, CALLER_REFUSED, CALLER_STRANGER, CALLER_USER, CALLER_TRUNK };

static enum caller judge_name(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, bool from_here, str user,
			      usec now)
{
	char aor_text[PBX_AOR_MAX], name_text[USER_NAME_MAX];
	struct buf aor, name;

	if (s->config.trunk.n && str_eq(user, s->config.trunk))
		return CALLER_TRUNK; /* the edge speaks for whoever calls through it */
	buf_init(&aor, aor_text, sizeof(aor_text));
	buf_init(&name, name_text, sizeof(name_text));
	if (from_here && pbx_way_aor(s, &sip_msg_from(m)->uri, &aor, &name) && str_eq(buf_str(&name), user))
		return CALLER_USER;
	pbx_job_reply(s, job, m, 403, STR("From Is Not Your Address"), STR_NONE, now);
	return CALLER_REFUSED;
}

static enum caller who(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, usec now)
{
	bool from_here = pbx_way_is_self(s, &sip_msg_from(m)->uri, &job->flow);
	str user = STR_NONE;

	if (!s->config.auth)
		return from_here ? CALLER_USER : CALLER_STRANGER;
	switch (pbx_job_judge(s, job, m, true, now, &user)) {
	case PBX_GUARD_GOOD:
		return judge_name(s, job, m, from_here, user, now);
	case PBX_GUARD_CHALLENGE:
		if (!from_here && s->config.strangers)
			return CALLER_STRANGER;
		pbx_job_challenge(s, job, m, true, false, now);
		return CALLER_REFUSED;
	case PBX_GUARD_STALE:
		pbx_job_challenge(s, job, m, true, true, now);
		return CALLER_REFUSED;
	case PBX_GUARD_WRONG:
		log_info(s->config.log, "pbx.proxy refused", "user=" STR_FMT " from=%s", STR_ARG(str_head(user, 60)),
			 addr_text(&job->flow.remote, (char[ADDR_TEXT_MAX]){ 0 }));
		pbx_job_reply(s, job, m, 403, STR("Wrong User Name or Password"), STR_NONE, now);
		return CALLER_REFUSED;
	case PBX_GUARD_UNKNOWN:
		pbx_job_ask_user(s, job, m, user, now);
		return CALLER_WAITS;
	}
	return CALLER_REFUSED;
}

/* ---- sending (16.6) ---- */

static str keep(struct pbx_job *job, str s)
{
	str copy;

	return arena_copy(&job->arena, s, &copy) ? copy : STR_NONE;
}

/* Where the next hop's URI leads (16.6 step 7). ERR_MORE: its host is a name; ERR_UNSUPPORTED: no such transport. */
static enum err target_of(const struct sip_uri *uri, const struct addr *resolved, struct sip_target *out)
{
	struct sip_target t = { 0 };

	if ((uri->scheme != SIP_SCHEME_SIP && uri->scheme != SIP_SCHEME_SIPS) || !sip_uri_transport(uri, &t.transport))
		return ERR_UNSUPPORTED;
	t.may_tcp = t.transport == TRANSPORT_UDP && !sip_uri_param(uri, STR("transport"), NULL);
	t.name = uri->host;
	if (addr_is_set(resolved)) {
		t.addr = *resolved;
		t.addr.port = sip_uri_port(uri);
	} else if (!sip_uri_addr(uri, &t.addr)) {
		return ERR_MORE;
	}
	*out = t;
	return ERR_NONE;
}

/* A datagram leaves by any worker's socket: they share the port. */
static struct flow own_flow(const struct pbx_server *s, struct flow flow)
{
	if (flow.transport == TRANSPORT_UDP)
		flow.worker = s->config.worker;
	return flow;
}

static enum err aim(struct pbx_server *s, struct pbx_branch *b, struct sip_target *out, str *name)
{
	struct sip_uri uri;
	str next = b->next.n ? b->next : b->uri;

	if (b->path.n) { /* RFC 3327: the Path is the way */
		struct sip_address first;
		str rest = b->path, value;

		if (!sip_list_next(&rest, &value) || sip_address_parse(value, &first))
			return ERR_SYNTAX;
		uri = first.uri;
	} else if (b->flow.transport == TRANSPORT_UDP &&
		   !b->flow.id) { /* of a former life: the address is still good */
		*out = (struct sip_target){ .transport = TRANSPORT_UDP, .addr = b->flow.remote };
		return ERR_NONE;
	} else if (b->flow.transport) {
		*out = (struct sip_target){ .flow = own_flow(s, b->flow) };
		return ERR_NONE;
	} else if (sip_uri_parse(next, &uri)) {
		return ERR_SYNTAX;
	}
	*name = uri.host;
	return target_of(&uri, &b->addr, out);
}

/* What a Record-Route of ours looks like to one side. */
static void put_record_route(struct pbx_server *s, const struct flow *side, const struct pbx_token *token, str call_id,
			     struct buf *out)
{
	enum transport t = side->transport;

	buf_put(out, STR("Record-Route: <sip:"));
	pbx_token_write(s->tokens, token, call_id, out);
	buf_put_char(out, '@');
	sip_stack_sent_by(s->stack, side, out);
	if (t != TRANSPORT_UDP) {
		static const str names[] = { [TRANSPORT_TCP] = STR_INIT("tcp"),
					     [TRANSPORT_TLS] = STR_INIT("tls"),
					     [TRANSPORT_WS] = STR_INIT("ws"),
					     [TRANSPORT_WSS] = STR_INIT("wss") };

		buf_put(out, STR(";transport="));
		buf_put(out, names[t]);
	}
	buf_put(out, STR(";lr>"));
}

/* A phone whose Contact is where its packets come from is reached by that; others by the flow. */
static struct flow way_back(const struct pbx_job *job, struct sip_msg *m)
{
	const struct sip_address *contact;
	struct addr addr;
	size_t n;

	if (job->flow.transport == TRANSPORT_UDP && !sip_msg_addresses(m, SIP_CONTACT, &contact, &n) &&
	    !contact->star && sip_uri_addr(&contact->uri, &addr) && addr_eq_ip(&addr, &job->flow.remote))
		return (struct flow){ 0 };
	return job->flow;
}

struct letter { /* the texts of the edits, until they are written */
	struct sip_edits edits;
	char forwards[12], record[2][400], session[120], mark[40], asserted[PBX_AOR_MAX + 30], route[2][1200];
};

/* RFC 5658: two Record-Routes where the sides speak different transports, so each finds its own on its end. */
static void note_record_route(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, const struct pbx_branch *b,
			      const struct sip_target *to, struct letter *l)
{
	struct pbx_token token = { .caller = way_back(job, m), .callee = b->flow };
	struct flow caller = job->flow, callee = { .transport = to->transport, .remote = to->addr };
	struct buf out;

	caller.id = 0;
	if (to->flow.transport)
		callee = to->flow;
	callee.id = 0;
	callee.local.family = callee.remote.family;
	buf_init(&out, l->record[0], sizeof(l->record[0]));
	put_record_route(s, &caller, &token, sip_msg_call_id(m), &out);
	if (buf_ok(&out))
		sip_edits_note(&l->edits, SIP_EDIT_PREPEND, SIP_RECORD_ROUTE, buf_str(&out));
	if (caller.transport == callee.transport && caller.remote.family == callee.remote.family)
		return;
	buf_init(&out, l->record[1], sizeof(l->record[1]));
	put_record_route(s, &callee, &token, sip_msg_call_id(m), &out);
	if (buf_ok(&out))
		sip_edits_note(&l->edits, SIP_EDIT_PREPEND, SIP_RECORD_ROUTE, buf_str(&out));
}

static bool makes_dialog(const struct sip_msg *m)
{
	return m->method == SIP_INVITE || m->method == SIP_SUBSCRIBE || m->method == SIP_REFER;
}

/* RFC 7989 6: a call without a Session-ID gets one from the first element that wants it. */
static void note_session(struct pbx_server *s, struct sip_msg *m, struct letter *l)
{
	char id[32];
	struct buf b;

	if (sip_msg_has(m, SIP_SESSION_ID))
		return;
	pbx_recorder_session(s->recorder, sip_msg_call_id(m), id);
	buf_init(&b, l->session, sizeof(l->session));
	buf_printf(&b, "Session-ID: %.32s;remote=00000000000000000000000000000000", id);
	sip_edits_note(&l->edits, SIP_EDIT_ADD, SIP_OTHER, buf_str(&b));
}

static void note_common(struct sip_msg *m, const struct pbx_way *w, const struct pbx_branch *b, struct letter *l)
{
	uint32_t forwards = 71;
	struct buf out;

	(void)sip_msg_max_forwards(m, &forwards);
	buf_init(&out, l->forwards, sizeof(l->forwards));
	buf_put_u64(&out, forwards ? forwards - 1 : 0);
	sip_edits_note(&l->edits, SIP_EDIT_SET, SIP_MAX_FORWARDS, buf_str(&out));
	for (size_t i = 0; i < w->pop; i++)
		sip_edits_note(&l->edits, SIP_EDIT_REMOVE_TOP, SIP_ROUTE, STR_NONE);
	if (w->repaired)
		sip_edits_note(&l->edits, SIP_EDIT_REMOVE_LAST, SIP_ROUTE, STR_NONE);
	if (b->path.n) {
		buf_init(&out, l->route[0], sizeof(l->route[0]));
		buf_put(&out, STR("Route: "));
		buf_put(&out, b->path);
		sip_edits_note(&l->edits, SIP_EDIT_PREPEND, SIP_ROUTE, buf_str(&out));
	}
	if (w->next.n && !w->next_is_loose) { /* 16.6 step 6: a strict router reads its own name in the Request-URI */
		buf_init(&out, l->route[1], sizeof(l->route[1]));
		buf_put(&out, STR("Route: <"));
		buf_put(&out, b->uri);
		buf_put_char(&out, '>');
		sip_edits_note(&l->edits, SIP_EDIT_REMOVE_TOP, SIP_ROUTE, STR_NONE);
		sip_edits_note(&l->edits, SIP_EDIT_ADD, SIP_OTHER, buf_str(&out));
		sip_edits_note(&l->edits, SIP_EDIT_URI, SIP_OTHER, w->next);
	} else if (!str_eq(b->uri, m->uri_text)) {
		sip_edits_note(&l->edits, SIP_EDIT_URI, SIP_OTHER, b->uri);
	}
}

static void note_edits(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, const struct pbx_way *w,
		       const struct pbx_branch *b, const struct sip_target *to, struct letter *l)
{
	char mark[16];
	struct buf out;

	sip_edits_init(&l->edits);
	note_common(m, w, b, l);
	buf_init(&out, l->mark, sizeof(l->mark));
	pbx_way_mark(s, m, mark);
	buf_printf(&out, ";mark=%.16s", mark);
	if (w->kind == PBX_WAY_DIALOG)
		return;
	/* What was for us stays here; whom we vouch for is ours to say (RFC 3325 5.). */
	sip_edits_note(&l->edits, SIP_EDIT_REMOVE, SIP_PROXY_AUTHORIZATION, STR_NONE);
	sip_edits_note(&l->edits, SIP_EDIT_REMOVE, SIP_P_ASSERTED_IDENTITY, STR_NONE);
	if (makes_dialog(m))
		note_record_route(s, job, m, b, to, l);
	note_session(s, m, l);
}

/* Sends, or asks for the address of its name first. false: it cannot be sent. */
static bool start_branch(struct pbx_server *s, struct pbx_job *job, size_t at, struct sip_msg *m,
			 const struct pbx_way *w, usec now)
{
	struct pbx_branch *b = &job->branches[at];
	struct sip_outgoing o = { .cookie = job->server };
	struct letter l;
	str name = STR_NONE;
	enum err err = aim(s, b, &o.target, &name);

	if (err == ERR_MORE && pbx_server_resolve(s, job, at, name)) {
		b->state = PBX_BRANCH_RESOLVING;
		return pbx_job_wait(s, job, now);
	}
	if (err)
		return false;
	note_edits(s, job, m, w, b, &o.target, &l);
	o.draft = (struct sip_draft){ .msg = m, .edits = &l.edits };
	o.via_params = str_from(l.mark);
	o.via_params.n = 22; /* ";mark=" and 16 digits */
	if (job->kind == PBX_JOB_ACK) {
		err = sip_stack_forward(s->stack, &o, now);
		b->state = PBX_BRANCH_CLOSED;
		return err == ERR_NONE;
	}
	o.ring_for = job->invite ? s->config.ring_for : 0;
	b->client = sip_stack_request(s->stack, &o, now);
	b->state = b->client ? PBX_BRANCH_OPEN : PBX_BRANCH_CLOSED;
	return b->client != 0;
}

static void conclude(struct pbx_server *s, struct pbx_job *job, usec now);

/* All branches at once (16.6 allows any order; parallel is what a person expects of several phones). */
static void fork_out(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, const struct pbx_way *w, usec now)
{
	job->forked = true;
	s->stats.relayed++;
	if (w->kind == PBX_WAY_DIALOG) {
		pbx_recorder_request(s->recorder, m, now);
	} else if (job->invite) {
		s->stats.calls++;
		pbx_recorder_start(s->recorder, m, &job->flow, now);
	}
	job->open = job->branch_n;
	for (size_t i = 0; i < job->branch_n; i++) {
		if (start_branch(s, job, i, m, w, now))
			continue;
		job->branches[i].state = PBX_BRANCH_CLOSED;
		job->local_status = 480;
		job->open--;
	}
	if (!job->open)
		conclude(s, job, now);
}

static bool add_branch(struct pbx_job *job, str uri, str next, str path, const struct flow *flow)
{
	struct pbx_branch *b = &job->branches[job->branch_n];

	if (job->branch_n == PBX_CONTACTS_MAX)
		return false;
	*b = (struct pbx_branch){ .uri = keep(job, uri), .next = keep(job, next), .path = keep(job, path) };
	if (flow)
		b->flow = *flow;
	job->branch_n += b->uri.n > 0;
	return b->uri.n > 0;
}

/* ---- where to ---- */

/* The contacts of an address: 0.. of them in rows, or -1: another shard is asked and the job waits. */
static int find_places(struct pbx_server *s, struct pbx_job *job, int which, str aor, struct contact_record *rows,
		       usec now)
{
	uint16_t shard = pbx_location_shard(aor, s->config.worker_n);
	const struct pbx_contact *list[PBX_CONTACTS_MAX];
	struct pbx_note *note = job->places[which];
	size_t n = 0;

	if (note) {
		for (; n < note->n && n < PBX_CONTACTS_MAX; n++)
			rows[n] = note->rows[n];
		return (int)n;
	}
	if (shard == s->config.worker) {
		n = pbx_location_find(s->location, aor, now, list);
		for (size_t i = 0; i < n; i++)
			pbx_contact_record(list[i], &rows[i]);
		return (int)n;
	}
	note = pbx_note_new(PBX_NOTE_FIND);
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

/* A stream's flow, or a datagram's where the phone is not where its Contact says (NAT). */
static struct flow contact_way(const struct contact_record *row)
{
	struct flow flow = contact_flow(row);
	struct sip_uri uri;
	struct addr addr;

	if (flow.transport == TRANSPORT_UDP && !sip_uri_parse(row->uri, &uri) && sip_uri_addr(&uri, &addr) &&
	    addr_eq_ip(&addr, &flow.remote))
		flow.transport = 0;
	return flow;
}

/* 16.6 step 2: what may not stand in a Request-URI goes (19.1.1: headers). */
static str request_uri(str contact)
{
	struct sip_uri uri;

	if (sip_uri_parse(contact, &uri) || !uri.headers.n)
		return contact;
	return str_head(contact, (size_t)(uri.headers.p - 1 - contact.p));
}

static void to_user(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, struct pbx_way *w,
		    const struct contact_record *rows, int n, usec now)
{
	for (int i = 0; i < n; i++) {
		struct flow flow = contact_way(&rows[i]);

		add_branch(job, request_uri(rows[i].uri), STR_NONE, rows[i].path, &flow);
	}
	fork_out(s, job, m, w, now);
}

/* The trunk gets the Request-URI as it is, so that the edge sees whom it is for. */
static void to_trunk(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, struct pbx_way *w, usec now)
{
	struct contact_record rows[PBX_CONTACTS_MAX];
	char aor_text[PBX_AOR_MAX];
	struct buf aor;
	int n;

	buf_init(&aor, aor_text, sizeof(aor_text));
	buf_printf(&aor, "sip:" STR_FMT "@", STR_ARG(s->config.trunk));
	for (size_t i = 0; i < s->config.domain.n; i++)
		buf_put_char(&aor, str_lower(s->config.domain.p[i]));
	n = find_places(s, job, 1, buf_str(&aor), rows, now);
	if (n < 0)
		return;
	if (n == 0) {
		pbx_job_reply(s, job, m, 480, STR("The Trunk Is Not Connected"), STR_NONE, now);
		return;
	}
	for (int i = 0; i < n; i++) {
		struct flow flow = contact_way(&rows[i]);

		add_branch(job, m->uri_text, rows[i].uri, rows[i].path, &flow);
	}
	fork_out(s, job, m, w, now);
}

static void nobody_home(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, struct pbx_way *w,
			enum caller caller, usec now)
{
	switch (pbx_guard_find(s->guard, w->name)) {
	case ERR_MORE:
		pbx_job_ask_user(s, job, m, w->name, now);
		return;
	case ERR_NONE:
		pbx_job_reply(s, job, m, 480, STR_NONE, STR_NONE, now);
		return;
	default:
		if (s->config.trunk.n && caller == CALLER_USER && !str_eq(w->name, s->config.trunk))
			to_trunk(s, job, m, w, now);
		else
			pbx_job_reply(s, job, m, 404, STR_NONE, STR_NONE, now);
	}
}

static const str foreign_why = STR_INIT("Warning: 399 tandem \"This exchange serves its own users only\"");

static void route(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, struct pbx_way *w, usec now)
{
	struct contact_record rows[PBX_CONTACTS_MAX];
	enum caller caller;
	int n;

	if (w->kind == PBX_WAY_DIALOG) {
		add_branch(job, w->uri.text, w->next, STR_NONE, &w->flow);
		fork_out(s, job, m, w, now);
		return;
	}
	caller = who(s, job, m, now);
	if (caller <= CALLER_REFUSED)
		return;
	if (w->kind == PBX_WAY_NETWORK && s->config.trunk.n && caller == CALLER_USER) {
		to_trunk(s, job, m, w, now);
		return;
	}
	if (w->kind != PBX_WAY_USER) {
		pbx_job_reply(s, job, m, 403, STR("Not Our Domain"), foreign_why, now);
		return;
	}
	if (caller == CALLER_STRANGER && !s->config.strangers) {
		pbx_job_reply(s, job, m, 403, STR_NONE, STR_NONE, now);
		return;
	}
	n = find_places(s, job, 0, w->aor, rows, now);
	if (n > 0)
		to_user(s, job, m, w, rows, n, now);
	else if (n == 0)
		nobody_home(s, job, m, w, caller, now);
}

/* To the exchange itself (8.2.1, 11.2). */
static void answer_self(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, usec now)
{
	static const str abilities = STR_INIT("Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, MESSAGE, SUBSCRIBE, "
					      "NOTIFY, REFER, INFO, UPDATE, PRACK, PUBLISH\r\n"
					      "Accept: application/sdp\r\nSupported: path");
	static const str allow = STR_INIT("Allow: OPTIONS, REGISTER");

	if (m->method == SIP_OPTIONS)
		pbx_job_reply(s, job, m, 200, STR_NONE, abilities, now);
	else if (m->method == SIP_INVITE)
		pbx_job_reply(s, job, m, 484, STR_NONE, STR_NONE, now);
	else if (m->method == SIP_METHOD_OTHER)
		pbx_job_reply(s, job, m, 501, STR_NONE, STR_NONE, now);
	else
		pbx_job_reply(s, job, m, 405, STR_NONE, allow, now);
}

/* 16.3 step 5 and 8.2.2.3: we have no extension that changes what a proxy does. */
static bool demands_extension(struct sip_msg *m, enum sip_kind kind, struct buf *line)
{
	struct sip_values v = sip_msg_values(m, kind);
	str value;

	while (sip_values_next(&v, &value)) {
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
	int status = pbx_way_read(s, m, &job->flow, &w);

	buf_init(&line, text, sizeof(text));
	if (status) {
		pbx_job_reply(s, job, m, status, STR_NONE, status == 403 ? foreign_why : STR_NONE, now);
	} else if (demands_extension(m, SIP_PROXY_REQUIRE, &line) ||
		   (w.kind == PBX_WAY_SELF && demands_extension(m, SIP_REQUIRE, &line))) {
		pbx_job_reply(s, job, m, 420, STR_NONE, buf_str(&line), now);
	} else if (w.kind == PBX_WAY_SELF) {
		answer_self(s, job, m, now);
	} else if (sip_msg_max_forwards(m, &forwards) && forwards == 0) {
		pbx_job_reply(s, job, m, 483, STR_NONE, STR_NONE, now);
	} else if (pbx_way_loops(s, m)) {
		pbx_job_reply(s, job, m, 482, STR_NONE, STR_NONE, now);
	} else {
		route(s, job, m, &w, now);
	}
}

/* ---- answers come back (16.7) ---- */

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
	struct sip_edits edits;
	struct sip_draft draft = { .msg = m, .edits = &edits };

	sip_edits_init(&edits);
	sip_edits_note(&edits, SIP_EDIT_REMOVE_TOP, SIP_VIA, STR_NONE);
	if (m->status == 503) /* 16.7 step 6: the 503 of one next hop is not ours */
		sip_edits_note(&edits, SIP_EDIT_START, SIP_OTHER, STR("SIP/2.0 500 Server Internal Error"));
	if (job->invite && flow)
		pbx_recorder_answer(s->recorder, m, flow, now);
	if (sip_stack_respond(s->stack, job->server, &draft, false, now))
		log_debug(s->config.log, "pbx.proxy unanswered", "status=%u", m->status);
}

static void cancel_others(struct pbx_server *s, struct pbx_job *job, str reason, usec now)
{
	for (size_t i = 0; i < job->branch_n; i++) {
		struct pbx_branch *b = &job->branches[i];

		if (b->state == PBX_BRANCH_OPEN && job->invite)
			sip_stack_cancel_with(s->stack, b->client, reason, now);
		if (b->state == PBX_BRANCH_RESOLVING) {
			b->state = PBX_BRANCH_CLOSED;
			job->open--;
		}
	}
}

/* 16.7 step 6: no branch is open any more and nobody has been told. */
static void conclude(struct pbx_server *s, struct pbx_job *job, usec now)
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
			pbx_recorder_fail(s->recorder, sip_msg_call_id(best), 487, gone, now);
		pass_back(s, job, best, &(struct flow){ 0 }, now);
		pbx_job_free(s, job);
		return;
	}
	status = status ? status : 408;
	struct sip_msg *m = sip_stack_kept(s->stack, job->server);
	if (m && job->invite)
		pbx_recorder_fail(s->recorder, sip_msg_call_id(m), status,
				  job->cancelled ? gone : sip_status_text(status), now);
	pbx_job_reply(s, job, m, status, STR_NONE, STR_NONE, now);
}

static void close_branch(struct pbx_server *s, struct pbx_job *job, struct pbx_branch *b, usec now)
{
	b->state = PBX_BRANCH_CLOSED;
	if (--job->open == 0)
		conclude(s, job, now);
}

static struct pbx_branch *branch_of(struct pbx_job *job, handle client)
{
	for (size_t i = 0; job && i < job->branch_n; i++)
		if (job->branches[i].client == client && job->branches[i].state == PBX_BRANCH_OPEN)
			return &job->branches[i];
	return NULL;
}

static struct pbx_job *job_of(struct pbx_server *s, uint64_t server)
{
	return slab_find(&s->jobs, sip_stack_cookie(s->stack, server));
}

void pbx_relay_response(struct pbx_server *s, const struct sip_event *e, usec now)
{
	static const str elsewhere = STR_INIT("Reason: SIP;cause=200;text=\"Call completed elsewhere\"");
	struct pbx_job *job = job_of(s, e->cookie);
	struct pbx_branch *b = branch_of(job, e->client);
	struct sip_msg *m = e->msg;
	/* A 2xx that comes again, or late, when all is done here: the caller must have it (RFC 6026 7.1). */
	struct pbx_job late = { .server = e->cookie, .invite = m->method == SIP_INVITE };

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
		close_branch(s, job, b, now);
		return;
	}
	if (!b)
		return;
	if (!job->answered) {
		keep_best(job, m);
		if (m->status >= 600)
			cancel_others(s, job, STR_NONE, now);
	}
	close_branch(s, job, b, now);
}

void pbx_relay_silence(struct pbx_server *s, const struct sip_event *e, usec now)
{
	struct pbx_job *job = job_of(s, e->cookie);
	struct pbx_branch *b = branch_of(job, e->client);

	if (!b)
		return;
	/* 16.8, 16.9; a phone that cannot be reached is a person who is not there */
	if (e->kind == SIP_EVENT_TIMEOUT)
		job->local_status = 408;
	else if (!job->local_status)
		job->local_status = 480;
	close_branch(s, job, b, now);
}

void pbx_relay_cancel(struct pbx_server *s, const struct sip_event *e, usec now)
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
		conclude(s, job, now);
}

/* ---- ACK of a 2xx, and names ---- */

void pbx_relay_ack(struct pbx_server *s, const struct sip_event *e, usec now)
{
	struct pbx_job *job;
	struct pbx_way w;

	if (e->server || pbx_way_read(s, e->msg, &e->flow, &w) || w.kind != PBX_WAY_DIALOG)
		return;
	job = pbx_job_new(s, PBX_JOB_ACK, e);
	if (!job)
		return;
	add_branch(job, w.uri.text, w.next, STR_NONE, &w.flow);
	if (!job->branch_n || !start_branch(s, job, 0, e->msg, &w, now) ||
	    job->branches[0].state != PBX_BRANCH_RESOLVING || !(job->own = sip_msg_new(e->msg->text)))
		pbx_job_free(s, job);
}

void pbx_relay_resolved(struct pbx_server *s, const struct host_event *e, usec now)
{
	struct pbx_resolve *r = e->id >= 1 && e->id <= PBX_RESOLVES_MAX ? &s->resolves[e->id - 1] : NULL;
	struct pbx_job *job = r ? slab_find(&s->jobs, r->job) : NULL;
	size_t at = r ? r->branch : 0;
	struct sip_msg *m;
	struct pbx_way w;

	if (r)
		r->job = 0;
	if (!job || job->branches[at].state != PBX_BRANCH_RESOLVING)
		return;
	heap_remove(&s->timers, &job->timer);
	m = job->own ? job->own : sip_stack_kept(s->stack, job->server);
	if (job->own)
		sip_msg_stamp(job->own, &job->flow.remote);
	if (!m || e->err || !e->addr_n || pbx_way_read(s, m, &job->flow, &w)) {
		job->local_status = 480;
		close_branch(s, job, &job->branches[at], now);
		return;
	}
	job->branches[at].addr = e->addrs[0];
	if (start_branch(s, job, at, m, &w, now)) {
		if (job->kind == PBX_JOB_ACK)
			pbx_job_free(s, job);
		return;
	}
	job->local_status = 480;
	close_branch(s, job, &job->branches[at], now);
}
