#include "pbx/server_parts.h"

static str keep(struct pbx_job *job, str s)
{
	str copy;

	return arena_copy(&job->arena, s, &copy) ? copy : STR_NONE;
}

/* Where the next hop's URI leads (16.6 step 7). ERR_MORE: its host is a name; ERR_UNSUPPORTED: no such transport. */
static enum err target_of(const struct pbx_server *s, const struct sip_uri *uri, const struct sip_place *place,
			  struct sip_target *out)
{
	struct sip_target t = { .name = uri->host, .tls = s->config.tls_out };

	if ((uri->scheme != SIP_SCHEME_SIP && uri->scheme != SIP_SCHEME_SIPS) || !sip_uri_transport(uri, &t.transport))
		return ERR_UNSUPPORTED;
	if (place->transport) {
		t.transport = place->transport;
		t.addr = place->addr;
	} else if (!sip_uri_addr(uri, &t.addr)) {
		return ERR_MORE;
	}
	t.may_tcp = t.transport == TRANSPORT_UDP && !sip_uri_param(uri, STR("transport"), NULL);
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

/* *uri: where ERR_MORE leads to. */
static enum err aim(struct pbx_server *s, struct pbx_branch *b, struct sip_target *out, struct sip_uri *uri)
{
	str next = b->next.n ? b->next : b->uri;

	if (b->path.n) { /* RFC 3327: the Path is the way */
		struct sip_address first;
		str rest = b->path, value;

		if (!sip_list_next(&rest, &value) || sip_address_parse(value, &first))
			return ERR_SYNTAX;
		*uri = first.uri;
	} else if (b->flow.transport == TRANSPORT_UDP &&
		   !b->flow.id) { /* of a former life: the address is still good */
		*out = (struct sip_target){ .transport = TRANSPORT_UDP, .addr = b->flow.remote };
		return ERR_NONE;
	} else if (b->flow.transport) {
		*out = (struct sip_target){ .flow = own_flow(s, b->flow) };
		return ERR_NONE;
	} else if (sip_uri_parse(next, uri)) {
		return ERR_SYNTAX;
	}
	return target_of(s, uri, &b->place, out);
}

void pbx_send_put_hop(struct pbx_server *s, const struct flow *side, struct buf *out)
{
	static const str names[] = {
		[TRANSPORT_UDP] = STR_INIT(""),
		[TRANSPORT_TCP] = STR_INIT(";transport=tcp"),
		[TRANSPORT_TLS] = STR_INIT(";transport=tls"),
		[TRANSPORT_WS] = STR_INIT(";transport=ws"),
		[TRANSPORT_WSS] = STR_INIT(";transport=ws"), /* RFC 7118 5.2.2: the URI says ws for both */
	};

	sip_stack_sent_by(s->stack, side, out);
	buf_put(out, names[side->transport]);
}

struct letter { /* the texts of the edits, until they are written */
	struct sip_edits edits;
	char forwards[12], session[120], mark[80], breadth[24], history[PBX_HISTORY_TEXT], path[PBX_PATH_MAX + 8],
		target[1200];
	struct pbx_dialog_letter dialog;
	struct pbx_identity_letter identity;
	struct pbx_session_timer_letter timer;
};

/* RFC 7989 6: a call without a Session-ID gets one from the first element that wants it. */
static void note_session(struct pbx_server *s, struct sip_msg *m, struct letter *l)
{
	char id[32];
	struct buf b;

	if (sip_msg_has(m, SIP_SESSION_ID))
		return;
	pbx_recorder_session(s->recorder, sip_msg_call_id(m), id);
	buf_init(&b, l->session, sizeof(l->session));
	buf_put(&b, STR("Session-ID: "));
	buf_put(&b, str_of(id, sizeof(id)));
	buf_put(&b, STR(";remote=00000000000000000000000000000000"));
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
		buf_init(&out, l->path, sizeof(l->path));
		buf_put(&out, STR("Route: "));
		buf_put(&out, b->path);
		sip_edits_note(&l->edits, SIP_EDIT_PREPEND, SIP_ROUTE, buf_str(&out));
	}
	if (w->next.n && !w->next_is_loose) { /* 16.6 step 6: a strict router reads its own name in the Request-URI */
		buf_init(&out, l->target, sizeof(l->target));
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

/* Phones answer by themselves, take over calls or fetch what they ring with where one of these says so. */
static void note_insiders_only(struct letter *l)
{
	static const enum sip_kind kinds[] = { SIP_ALERT_INFO, SIP_CALL_INFO, SIP_REPLACES, SIP_JOIN };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		sip_edits_note(&l->edits, SIP_EDIT_REMOVE, kinds[i], STR_NONE);
	sip_edits_note(&l->edits, SIP_EDIT_REMOVE_NAME, SIP_OTHER, STR("Answer-Mode"));
	sip_edits_note(&l->edits, SIP_EDIT_REMOVE_NAME, SIP_OTHER, STR("Priv-Answer-Mode"));
}

/* Whom we vouch for is ours to say (RFC 3325 5.), inside a dialog too. */
static void note_identity(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, const struct pbx_way *w,
			  const struct pbx_branch *b, const struct sip_target *to, struct letter *l)
{
	const struct sip_address *from = sip_msg_from(m);
	struct flow next = to->flow;
	struct pbx_identity id = { .mode = s->config.identity, .domain = s->config.domain };

	if (!next.transport)
		next.remote = to->addr;
	id.believed = s->config.trust_n && pbx_way_is_trusted(s, &job->flow);
	id.to_trusted = s->config.trust_n && pbx_way_is_trusted(s, &next);
	id.served = job->local || (w->kind == PBX_WAY_DIALOG && !w->outside);
	id.hidden = pbx_story_hides(job, b);
	if (job->local && from)
		id.user = job->proved.n ? job->proved : from->uri.user;
	if (pbx_identity_note(&id, m, &l->identity, &l->edits) && !job->from.n)
		job->from = keep(job, from->text);
}

/* What was for us stays here; what is for a proxy behind us must reach it (22.3). */
static void note_credentials(struct pbx_server *s, struct sip_msg *m, struct letter *l)
{
	const struct sip_header *h = sip_msg_header(m, SIP_PROXY_AUTHORIZATION);

	for (; h; h = sip_msg_header_next(m, h))
		if (pbx_guard_is_ours(s->guard, sip_header_value(m, h)))
			sip_edits_note(&l->edits, SIP_EDIT_REMOVE_ONE, SIP_PROXY_AUTHORIZATION, sip_header_value(m, h));
}

/* RFC 5393 5.3.3: every request has one, and not above ours; each of those that ring together gets a share. */
static void note_breadth(const struct sip_msg *m, const struct pbx_branch *b, struct letter *l)
{
	str value, line = STR("Max-Breadth: " PBX_BREADTH_TEXT);
	uint32_t breadth;
	struct buf out;

	if (sip_msg_find(m, STR("Max-Breadth"), &value)) {
		if (!b->breadth && str_u32(str_trim(value), PBX_BREADTH, &breadth) && breadth)
			return;
		sip_edits_note(&l->edits, SIP_EDIT_REMOVE_NAME, SIP_OTHER, STR("Max-Breadth"));
	}
	if (b->breadth) {
		buf_init(&out, l->breadth, sizeof(l->breadth));
		buf_put(&out, STR("Max-Breadth: "));
		buf_put_u64(&out, b->breadth);
		line = buf_str(&out);
	}
	sip_edits_note(&l->edits, SIP_EDIT_ADD, SIP_OTHER, line);
}

static void note_edits(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, const struct pbx_way *w,
		       struct pbx_branch *b, const struct sip_target *to, usec now, struct letter *l)
{
	char mark[16];
	struct buf out;

	sip_edits_init(&l->edits);
	note_common(m, w, b, l);
	buf_init(&out, l->mark, sizeof(l->mark));
	pbx_way_mark(s, m, mark);
	buf_put(&out, STR(";mark="));
	buf_put(&out, str_of(mark, sizeof(mark)));
	note_credentials(s, m, l);
	note_identity(s, job, m, w, b, to, l);
	pbx_session_timer_note(&job->session, m, &l->timer, &l->edits);
	sip_edits_note(&l->edits, SIP_EDIT_REMOVE_NAME, SIP_OTHER, STR("Remote-Party-ID"));
	note_breadth(m, b, l);
	if (w->kind == PBX_WAY_DIALOG) {
		if (m->method == SIP_NOTIFY)
			pbx_dialog_note_again(s, job, m, w, now, &l->dialog, &l->edits);
		return;
	}
	if (b->outside)
		note_insiders_only(l);
	if (job->fork && job->fork->history) {
		buf_init(&out, l->history, sizeof(l->history));
		pbx_story_note(s, job, b, &out, &l->edits);
	}
	if (pbx_dialog_is_made(m->method))
		pbx_dialog_note(s, job, m, b, to, now, &l->dialog, &l->edits);
	note_session(s, m, l);
}

/* Sends, or asks for the address of its name first. false: it cannot be sent. */
bool pbx_send_branch(struct pbx_server *s, struct pbx_job *job, struct pbx_branch *b, struct sip_msg *m,
		     const struct pbx_way *w, usec now)
{
	struct sip_outgoing o = { .cookie = job->server };
	struct letter l;
	struct sip_uri uri;
	enum err err = aim(s, b, &o.target, &uri);

	if (err == ERR_MORE)
		return pbx_hunt_start(s, job, b, &uri, now);
	if (err)
		return false;
	if (!pbx_sips_goes_by(m->uri_text, o.target.flow.transport ? o.target.flow.transport : o.target.transport)) {
		job->in_clear = true;
		return false;
	}
	if (s->config.trust_n && w->kind == PBX_WAY_DIALOG && pbx_dialog_strays(s, job, m, w, b, &o.target, now)) {
		job->local_status = 403;
		return false;
	}
	note_edits(s, job, m, w, b, &o.target, now, &l);
	o.draft = (struct sip_draft){ .msg = m, .edits = &l.edits };
	o.via_params = str_of(l.mark, 22); /* ";mark=" and 16 digits */
	if (b->hunt) {
		memcpy(l.mark + 22, PBX_THROTTLE_VIA, sizeof(PBX_THROTTLE_VIA) - 1);
		o.via_params.n += sizeof(PBX_THROTTLE_VIA) - 1;
	}
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

struct pbx_branch *pbx_send_add(struct pbx_job *job, str uri, str next, str path, const struct flow *flow)
{
	struct pbx_branch *b = job->branch_n < PBX_BRANCHES_MAX ? arena_alloc(&job->arena, sizeof(*b)) : NULL;
	struct pbx_branch **at = &job->branches;

	if (!b)
		return NULL;
	*b = (struct pbx_branch){
		.outside = job->outside, .uri = keep(job, uri), .next = keep(job, next), .path = keep(job, path)
	};
	if (flow)
		b->flow = *flow;
	if (b->uri.n == 0 || b->next.n != next.n ||
	    b->path.n != path.n) /* no room: without its way it would go astray */
		return NULL;
	while (*at)
		at = &(*at)->after;
	*at = b;
	job->branch_n++;
	return b;
}

/* ---- ACK of a 2xx ---- */

/* To the phone that a GRUU means; else along the flow or the address in it. false: it waits, or is over. */
static bool aim_ack(struct pbx_server *s, struct pbx_job *job, const struct pbx_way *w, usec now)
{
	struct contact_record rows[PBX_CONTACTS_MAX];
	int n = w->has_gruu ? pbx_relay_places(s, job, 0, w->aor, rows, now) : 0;
	struct flow flow;
	char room[600];

	if (n < 0)
		return false;
	if (pbx_way_narrow(w, rows, (size_t)n) == 0)
		return w->kind == PBX_WAY_DIALOG && pbx_send_add(job, w->uri.text, w->next, STR_NONE, &w->flow);
	str uri = pbx_relay_request_uri(s, w, &rows[0], room, sizeof(room));

	if (w->kind == PBX_WAY_DIALOG && w->next.n) /* RFC 5627 6.1: its own Routes lead there */
		return pbx_send_add(job, uri, w->next, STR_NONE, &w->flow);
	flow = pbx_relay_contact_way(&rows[0]);
	return pbx_send_add(job, uri, STR_NONE, rows[0].path, &flow);
}

void pbx_send_ack_decide(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, usec now)
{
	bool waits, lives;
	struct pbx_way w;

	/* Without a Route of ours it must at least be for one phone: what we sent a GRUU's way before. */
	if (pbx_way_read(s, m, &job->flow, &w) || (w.kind != PBX_WAY_DIALOG && !w.has_gruu)) {
		pbx_job_free(s, job);
		return;
	}
	if (aim_ack(s, job, &w, now)) {
		waits = pbx_send_branch(s, job, job->branches, m, &w, now) &&
			job->branches->state == PBX_BRANCH_RESOLVING;
	} else {
		waits = heap_has(&job->timer);
	}
	lives = waits && (job->own || (job->own = sip_msg_new(m->text)));
	if (!lives || sip_msg_check(job->own))
		pbx_job_free(s, job);
	else
		sip_msg_stamp(job->own, &job->flow.remote);
}

void pbx_send_ack(struct pbx_server *s, const struct sip_event *e, usec now)
{
	struct pbx_job *job = e->server ? NULL : pbx_job_new(s, PBX_JOB_ACK, e);

	if (job)
		pbx_send_ack_decide(s, job, e->msg, now);
}
