#include "pbx/server_parts.h"

#define ANSWER_LINES PBX_NOTE_LINES

static const str unsupported_path = STR_INIT("Unsupported: path");

static void refuse(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, int status, usec now)
{
	char line[40];
	struct buf b;

	buf_init(&b, line, sizeof(line));
	if (status == 423)
		buf_printf(&b, "Min-Expires: %u", s->config.expires_min);
	else if (status == 503)
		buf_put(&b, STR("Retry-After: 10"));
	else if (status == 420)
		buf_put(&b, unsupported_path);
	pbx_job_reply(s, job, m, status, STR_NONE, buf_str(&b), now);
}

bool pbx_register_may(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, str name, usec now)
{
	str user = STR_NONE;

	if (!s->config.auth || pbx_way_is_trusted(s, &job->flow))
		return true;
	switch (pbx_job_judge(s, job, m, false, now, &user)) {
	case PBX_GUARD_GOOD:
		if (str_eq(user, name))
			return true;
		pbx_job_reply(s, job, m, 403, STR("Not Your Address"), STR_NONE, now);
		break;
	case PBX_GUARD_CHALLENGE:
		pbx_job_challenge(s, job, m, false, false, now);
		break;
	case PBX_GUARD_STALE:
		pbx_job_challenge(s, job, m, false, true, now);
		break;
	case PBX_GUARD_WRONG:
		pbx_job_wrong(s, job, m, user, now);
		break;
	case PBX_GUARD_UNKNOWN:
		pbx_job_ask_user(s, job, m, user, now);
		break;
	}
	return false;
}

/* RFC 5626 4.: what we can do of it is to use the flow again; no option of these is unknown to us. */
static bool requires_unknown(struct sip_msg *m, struct buf *unknown)
{
	struct sip_values v = sip_msg_values(m, SIP_REQUIRE);
	str value;

	while (sip_values_next(&v, &value)) {
		if (str_eq_nocase(value, STR("path")) || str_eq_nocase(value, STR("outbound")) ||
		    str_eq_nocase(value, STR("gruu")) || str_eq_nocase(value, STR("gin")) ||
		    str_eq_nocase(value, STR("pref"))) /* RFC 3840 6.: we keep what phones say of themselves */
			continue;
		buf_put(unknown, unknown->n ? STR(", ") : STR("Unsupported: "));
		buf_put(unknown, value);
	}
	return unknown->n > 0;
}

/* RFC 6140 5.1 to 5.3: one contact for all numbers of a PBX has no user part, is asked for by name, and by who has
 * numbers. */
static bool bulk_may(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, str name, usec now)
{
	const struct sip_address *list;
	bool bulk = false, user = false;
	size_t n;

	if (sip_msg_addresses(m, SIP_CONTACT, &list, &n))
		return true;
	for (size_t i = 0; i < n; i++) {
		if (list[i].star || !sip_uri_param(&list[i].uri, STR("bnc"), NULL))
			continue;
		bulk = true;
		user = user || list[i].uri.has_user || sip_uri_param(&list[i].uri, STR("user"), NULL); /* 5.3 */
	}
	if (!bulk)
		return true;
	if (user)
		pbx_job_reply(s, job, m, 400, STR("Bad Request - bnc Takes No User Part"), STR_NONE, now);
	else if (!sip_msg_lists(m, SIP_REQUIRE, STR("gin")))
		pbx_job_reply(s, job, m, 421, STR_NONE, STR("Require: gin"), now);
	else if (!pbx_numbers_has(s->numbers, name))
		pbx_job_reply(s, job, m, 403, STR("This Account Has No Numbers"), STR_NONE, now);
	else
		return true;
	return false;
}

/* Does it lead to the very neighbour that the request has come from: by its address, or the name that TLS has proved? A
 * domain that calls may go to is none: that is for callers who have been judged, and a Path is followed for everybody.
 */
static bool path_is_his(const struct pbx_server *s, const struct sip_uri *first, const struct flow *flow)
{
	struct addr addr;

	if (sip_uri_addr(first, &addr))
		return addr_eq_ip(&addr, &flow->remote);
	return flow->peer && flow->peer <= s->config.tls_peer_n &&
	       str_eq_nocase(first->host, s->config.tls_peers[flow->peer - 1]);
}

/* RFC 3327 6.: whoever may write a Path says where we send calls, with our address as theirs: to a carrier that trusts
 * us, to who never asked. The topmost is the neighbour of ours that it came by (5.2). */
static bool path_may(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, usec now)
{
	static const str why =
		STR_INIT("Warning: 399 tandem \"The first Path must be the address that it comes from\"");
	const struct sip_address *path;
	size_t n;

	if (!sip_msg_has(m, SIP_PATH) || pbx_way_may_say_path(s, &job->flow))
		return true;
	if (sip_msg_addresses(m, SIP_PATH, &path, &n) || !n) {
		pbx_job_reply(s, job, m, 400, STR("Bad Request - Bad Path"), STR_NONE, now);
	} else if (path_is_his(s, &path[0].uri, &job->flow)) {
		return true;
	} else {
		s->stats.paths_refused++;
		log_info(s->config.log, "pbx.registrar path refused", "call=" STR_FMT " path=" STR_FMT " from=%s",
			 STR_ARG(sip_msg_log_id(m)), STR_ARG(str_head(path[0].uri.host, 100)),
			 addr_text(&job->flow.remote, (char[ADDR_TEXT_MAX]){ 0 }));
		pbx_job_reply(s, job, m, 403, STR("Path Leads Elsewhere"), why, now);
	}
	return false;
}

/* A contact is only ever called at the address that it registers from (pbx_relay_contact_way), so none but a program of
 * this machine could lead to ourselves: round and round, and more of them each time (RFC 5393). */
bool pbx_register_leads_back(const struct pbx_server *s, struct sip_msg *m, const struct flow *flow)
{
	const struct sip_address *list;
	struct addr addr;
	size_t n;

	if (!addr_eq_ip(&flow->remote, &flow->local) || sip_msg_addresses(m, SIP_CONTACT, &list, &n))
		return false;
	for (size_t i = 0; i < n; i++) {
		struct sip_uri uri = list[i].uri;

		if (list[i].star || !sip_uri_addr(&uri, &addr) || !addr_eq_ip(&addr, &flow->remote))
			continue;
		uri.port = addr.port; /* no port is 5060 here, whoever listens there */
		if (pbx_way_is_self(s, &uri, flow))
			return true;
	}
	return false;
}

static bool contacts_may(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, usec now)
{
	if (!pbx_register_leads_back(s, m, &job->flow))
		return true;
	pbx_job_reply(s, job, m, 403, STR("Contact Leads Back Here"), STR_NONE, now);
	return false;
}

struct pbx_registrar_setting pbx_register_setting(const struct pbx_server *s)
{
	return (struct pbx_registrar_setting){ .expires_min = s->config.expires_min,
					       .expires_default = s->config.expires_default,
					       .expires_max = s->config.expires_max,
					       .expires_spread = s->config.expires_spread,
					       .rng = s->config.rng };
}

/* It was carried out, but its answer has not been heard: the same again, from the table (8.2.7). */
static struct pbx_note *read_again(struct pbx_server *s, str aor)
{
	struct pbx_note *note = pbx_server_note(s, PBX_NOTE_REGISTER);

	if (note && !arena_copy(&note->arena, aor, &note->change.aor)) {
		pbx_server_drop_note(s, note);
		return NULL;
	}
	return note;
}

static bool is_done(const struct pbx_server *s, const struct pbx_job *job, usec now)
{
	return job->repeat && pbx_repeats_find(&s->repeats, job->repeat, now) == PBX_REPEAT_DONE;
}

void pbx_register_decide(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, usec now)
{
	const struct pbx_registrar_setting setting = pbx_register_setting(s);
	char aor_text[PBX_AOR_MAX], name_text[USER_NAME_MAX], line[400];
	const struct sip_address *to = sip_msg_to(m);
	struct buf aor, name, unknown;
	struct pbx_note *note;
	bool again;
	int status;

	buf_init(&aor, aor_text, sizeof(aor_text));
	buf_init(&name, name_text, sizeof(name_text));
	buf_init(&unknown, line, sizeof(line));
	if (requires_unknown(m, &unknown)) {
		pbx_job_reply(s, job, m, 420, STR_NONE, buf_str(&unknown), now);
		return;
	}
	if (pbx_sips_judge_register(m, job->flow.transport) && !pbx_way_is_trusted(s, &job->flow)) {
		pbx_job_reply(s, job, m, 400, STR("Bad Request - sips Needs TLS"), STR_NONE, now);
		return;
	}
	/* step 5: an address of record that is not ours to bind */
	if (!pbx_way_is_self(s, &to->uri, &job->flow) || !pbx_way_aor(s, &to->uri, &aor, &name)) {
		pbx_job_reply(s, job, m, 404, STR("No Such Domain or User Here"), STR_NONE, now);
		return;
	}
	again = is_done(s, job, now);
	if (!again && !pbx_register_may(s, job, m, buf_str(&name), now))
		return;
	if (!again && !bulk_may(s, job, m, buf_str(&name), now))
		return;
	note = again ? read_again(s, buf_str(&aor)) : pbx_server_note(s, PBX_NOTE_REGISTER);
	status = !note ? 500 : again ? 0 : pbx_registrar_read(m, buf_str(&aor), &job->flow, &setting, now, note);
	if (!status && !again && (!path_may(s, job, m, now) || !contacts_may(s, job, m, now))) {
		pbx_server_drop_note(s, note);
		return;
	}
	if (!status && !pbx_job_wait(s, job, now))
		status = 503;
	if (status) {
		pbx_server_drop_note(s, note);
		refuse(s, job, m, status, now);
		return;
	}
	note->from = s->config.worker;
	note->token = job->self;
	pbx_server_tell(s, pbx_location_shard(note->change.aor, s->config.worker_n), note, now);
}

/* ---- the answer ---- */

static void put_line(struct buf *b, str line)
{
	if (b->n)
		buf_put(b, STR("\r\n"));
	buf_put(b, line);
}

/* RFC 3608 6.3: what the phone sends from now on comes by us, where it would else not know of us. */
static void write_service_route(struct pbx_server *s, const struct flow *flow, bool by_proxy, struct buf *out)
{
	struct flow side = *flow;

	if (s->config.service_route == PBX_SERVICE_ROUTE_NEVER ||
	    (s->config.service_route == PBX_SERVICE_ROUTE_PATH && !by_proxy))
		return;
	side.id = 0;
	put_line(out, STR("Service-Route: <sip:"));
	pbx_send_put_hop(s, &side, out);
	buf_put(out, STR(";lr>"));
}

/* RFC 5626 5.4: a Flow-Timer is for flows that are watched. Datagrams' are not (docs/decisions/registrar.md), and a
 * browser pings its WebSocket without us. */
static bool may_be_timed(const struct flow *flow)
{
	return flow->transport == TRANSPORT_TCP || flow->transport == TRANSPORT_TLS;
}

bool pbx_register_write_lines(struct pbx_server *s, const struct flow *flow, bool by_proxy, bool bound, struct buf *b)
{
	bool timed = false;

	write_service_route(s, flow, by_proxy, b);
	if (bound) {
		put_line(b, STR("Require: outbound")); /* RFC 5626 6. */
		timed = s->config.flow_timer && !by_proxy && may_be_timed(flow);
		if (timed) {
			put_line(b, STR("Flow-Timer: "));
			buf_put_u64(b, s->config.flow_timer);
		}
	}
	put_line(b, STR("Supported: path, outbound, gin")); /* not gruu: RFC 5627 5.2 */
	return timed;
}

/* true: the Flow-Timer is among them. */
static bool write_lines(struct pbx_server *s, struct sip_msg *m, const struct flow *flow, bool outbound, struct buf *b)
{
	for (const struct sip_header *h = sip_msg_header(m, SIP_PATH); h; h = sip_msg_header_next(m, h)) {
		put_line(b, STR("Path: ")); /* RFC 3327 5.3 */
		buf_put(b, sip_header_value(m, h));
	}
	outbound = outbound &&
		   (sip_msg_lists(m, SIP_SUPPORTED, STR("outbound")) || sip_msg_lists(m, SIP_REQUIRE, STR("outbound")));
	return pbx_register_write_lines(s, flow, sip_msg_has(m, SIP_PATH), outbound, b);
}

/* RFC 5626 6.: did it bind a flow? What is bound says so, also where the request comes again. */
static bool is_outbound(const struct pbx_note *note, struct sip_msg *m)
{
	const struct sip_cseq *cseq = sip_msg_cseq(m);

	for (size_t i = 0; i < note->n; i++)
		if (note->rows[i].reg_id && cseq && note->rows[i].cseq == cseq->number &&
		    str_eq(note->rows[i].call_id, sip_msg_call_id(m)))
			return true;
	return false;
}

void pbx_register_done(struct pbx_server *s, const struct pbx_note *note, usec now)
{
	struct pbx_job *job = note->head.n ? NULL : slab_find(&s->jobs, note->token);
	char lines[ANSWER_LINES];
	struct sip_msg *m;
	handle server;
	struct buf b;
	bool noted, timed;

	if (note->head.n)
		pbx_brief_done(s, note, now);
	if (!job)
		return;
	server = job->server;
	m = sip_stack_kept(s->stack, job->server);
	if (!m || note->status != 200) {
		if (m)
			refuse(s, job, m, note->status, now);
		else
			pbx_job_free(s, job);
		return;
	}
	s->stats.registrations += !is_done(s, job, now);
	buf_init(&b, lines, sizeof(lines));
	pbx_registrar_write(note->rows, note->n, sip_msg_lists(m, SIP_SUPPORTED, STR("gruu")) ? s->gruus : NULL,
			    sip_msg_call_id(m), now, &b);
	timed = write_lines(s, m, &job->flow, is_outbound(note, m), &b);
	if (!buf_ok(&b)) {
		refuse(s, job, m, 500, now);
		return;
	}
	/* A browser cannot ping (RFC 7118 6.), and a datagram's flow has no end. */
	if (timed)
		pbx_binding_promised(s, &job->flow, now);
	noted = job->repeat && pbx_repeats_note(&s->repeats, PBX_REPEAT_DONE, job->repeat, now);
	pbx_job_reply(s, job, m, 200, STR_NONE, buf_str(&b), now);
	if (noted)
		sip_stack_forget(s->stack, server);
}
