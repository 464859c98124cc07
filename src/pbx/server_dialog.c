#include "pbx/server_parts.h"

#define LIFE (24 * 3600 * USEC_PER_SEC) /* of a call with a neighbour: as long as one without BYE is believed in */

bool pbx_dialog_is_made(enum sip_method method)
{
	return method == SIP_INVITE || method == SIP_SUBSCRIBE || method == SIP_REFER;
}

/* ---- our Record-Route ---- */

/* What it looks like to one side. */
static void put_record_route(struct pbx_server *s, const struct flow *side, const struct pbx_token *token,
			     struct sip_msg *m, bool sips, struct buf *out)
{
	buf_put(out, sips ? STR("Record-Route: <sips:") : STR("Record-Route: <sip:"));
	pbx_token_write(&s->tokens, token, sip_msg_call_id(m), sip_msg_from(m)->tag, out);
	buf_put_char(out, '@');
	if (sips && side->transport == TRANSPORT_TLS) /* RFC 5630 3.1.4: the scheme says it */
		sip_stack_sent_by(s->stack, side, out);
	else
		pbx_send_put_hop(s, side, out);
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

/* The URI of its Contact. NULL: none, or not one. */
static const struct sip_uri *contact_of(struct sip_msg *m)
{
	const struct sip_address *list;
	size_t n;

	return sip_msg_has(m, SIP_CONTACT) && !sip_msg_addresses(m, SIP_CONTACT, &list, &n) && n && !list->star
		       ? &list->uri
		       : NULL;
}

/* What whoever is called finds behind our Route: the topmost Record-Route of others. NULL: none. */
static const struct sip_uri *route_back(const struct pbx_server *s, struct sip_msg *m, const struct flow *flow)
{
	const struct sip_address *list;
	size_t n;

	if (!sip_msg_has(m, SIP_RECORD_ROUTE) || sip_msg_addresses(m, SIP_RECORD_ROUTE, &list, &n))
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (!pbx_way_is_self(s, &list[i].uri, flow))
			return &list[i].uri;
	return NULL;
}

/* Of a call from or to a neighbour. Where a callee is, its answer says. */
static void add_neighbour(struct pbx_server *s, const struct pbx_job *job, struct sip_msg *m,
			  const struct pbx_branch *b, const struct flow *callee, usec now, struct pbx_token *token)
{
	const struct sip_uri *contact = contact_of(m);

	token->neighbour = true;
	token->call = job->invite;
	token->since_s = (uint32_t)(now / USEC_PER_SEC);
	if (pbx_way_is_trusted(s, callee)) {
		token->hop = callee->remote;
		token->phone = b->bound;
		return;
	}
	token->hop = job->flow.remote;
	token->phone = job->local;
	if (contact)
		token->target = pbx_token_target(&s->tokens, sip_msg_from(m)->tag, contact);
	token->route = pbx_token_route(&s->tokens, route_back(s, m, &job->flow));
}

/* RFC 5658: two Record-Routes where the sides speak different transports, so each finds its own on its end. */
void pbx_dialog_note(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, const struct pbx_branch *b,
		     const struct sip_target *to, usec now, struct pbx_dialog_letter *l, struct sip_edits *edits)
{
	struct pbx_token token = { .caller = way_back(job, m), .callee = b->flow, .outside = b->outside };
	struct flow caller = job->flow, callee = { .transport = to->transport, .remote = to->addr };
	bool sips = pbx_sips_is(m->uri_text); /* 16.6 step 4 */
	struct buf out;

	caller.id = 0;
	if (to->flow.transport)
		callee = to->flow;
	callee.id = 0;
	callee.local.family = callee.remote.family;
	if (s->config.trust_n && (pbx_way_is_trusted(s, &caller) || pbx_way_is_trusted(s, &callee)))
		add_neighbour(s, job, m, b, &callee, now, &token);
	buf_init(&out, l->record[0], sizeof(l->record[0]));
	put_record_route(s, &caller, &token, m, sips, &out);
	if (buf_ok(&out))
		sip_edits_note(edits, SIP_EDIT_PREPEND, SIP_RECORD_ROUTE, buf_str(&out));
	if (caller.transport == callee.transport && caller.remote.family == callee.remote.family)
		return;
	buf_init(&out, l->record[1], sizeof(l->record[1]));
	put_record_route(s, &callee, &token, m, sips, &out);
	if (buf_ok(&out))
		sip_edits_note(edits, SIP_EDIT_PREPEND, SIP_RECORD_ROUTE, buf_str(&out));
}

/* ---- where a neighbour is ---- */

/* Are these one neighbour: one address, or of one entry of --trust? */
static bool is_same(const struct pbx_server *s, const struct addr *a, const struct addr *b)
{
	if (addr_eq_ip(a, b))
		return true;
	for (size_t i = 0; i < s->config.trust_n; i++) {
		const struct pbx_trust *t = &s->config.trusts[i];

		if (addr_in(a, &t->net, t->bits) && addr_in(b, &t->net, t->bits))
			return true;
	}
	return false;
}

/* What was said in a dialog with one neighbour does not count in that with another, however alike two calls were made.
 */
static uint64_t moved_to(const struct pbx_server *s, const struct pbx_token *token, uint64_t target)
{
	return target ^ addr_hash(&token->hop, s->tokens.place) ^ token->phone;
}

static void note_moved(struct pbx_server *s, struct sip_msg *m, const struct pbx_token *token, uint64_t target,
		       usec now)
{
	if (token->neighbour && target != token->target)
		pbx_moved_note(&s->moved, sip_msg_call_id(m), moved_to(s, token, target), now);
}

/* A Record-Route of ours with its user part written anew. */
static void put_value(struct pbx_server *s, const struct sip_address *a, const struct pbx_token *token, str call_id,
		      str caller_tag, struct buf *out)
{
	size_t at = (size_t)(a->uri.user.p - a->text.p);

	buf_put(out, str_head(a->text, at));
	pbx_token_write(&s->tokens, token, call_id, caller_tag, out);
	buf_put(out, str_skip(a->text, at + a->uri.user.n));
}

/* Is it a Record-Route of ours by which a neighbour was called, so that it does not say yet where that is? */
static bool is_unplaced(struct pbx_server *s, struct sip_msg *m, const struct sip_uri *uri, const struct flow *flow,
			struct pbx_token *token)
{
	str from = sip_msg_from(m)->tag, to = sip_msg_to(m)->tag;

	return uri->has_user && pbx_way_is_self(s, uri, flow) &&
	       !pbx_token_read(&s->tokens, uri->user, sip_msg_call_id(m), from, to, token) && token->neighbour &&
	       !token->target && is_same(s, &token->hop, &flow->remote);
}

/* From now on it says so. */
static void place(struct pbx_server *s, struct pbx_token *token, uint64_t target, const struct sip_uri *behind,
		  usec now)
{
	token->since_s = (uint32_t)(now / USEC_PER_SEC);
	token->target = target;
	token->route = pbx_token_route(&s->tokens, behind);
}

/*
 * All Record-Routes of an answer into one line; ours that a neighbour was called by say now where it is. What lies
 * above ours is behind it for who has called. false: none of them is such a one, or there is no room.
 */
static bool put_record_routes(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, const struct flow *flow,
			      uint64_t target, usec now, struct buf *out)
{
	const struct sip_uri *behind = NULL;
	const struct sip_address *list;
	struct pbx_token written;
	bool any = false;
	size_t n;

	if (sip_msg_addresses(m, SIP_RECORD_ROUTE, &list, &n))
		return false;
	for (size_t i = 0; i < n; i++) {
		struct pbx_token token;

		buf_put(out, i ? STR(", ") : STR_NONE);
		if (!is_unplaced(s, m, &list[i].uri, flow, &token)) {
			if (!pbx_way_is_self(s, &list[i].uri, flow))
				behind = &list[i].uri;
			buf_put(out, list[i].text);
			continue;
		}
		written = token;
		any = true;
		place(s, &token, target, behind, now);
		put_value(s, &list[i], &token, sip_msg_call_id(m), sip_msg_from(m)->tag, out);
	}
	if (any && ((job->target && job->target != target) || !buf_ok(out))) /* the Route of an answer before may be
									      * kept, or no room is for this one */
		note_moved(s, m, &written, target, now);
	return any && buf_ok(out);
}

/*
 * A subscriber takes its route set from the NOTIFY (RFC 6665 4.4.1), so we say again in it where we are on the way, as
 * the dialog knows it (4.3): the last of our Routes is what its side sees first. A neighbour that was called has our
 * Route without where it is itself.
 */
void pbx_dialog_note_again(struct pbx_server *s, const struct pbx_job *job, struct sip_msg *m, const struct pbx_way *w,
			   usec now, struct pbx_dialog_letter *l, struct sip_edits *edits)
{
	const struct sip_address *routes;
	struct pbx_token token;
	struct buf out;
	size_t n;

	if (!w->pop || sip_msg_addresses(m, SIP_ROUTE, &routes, &n))
		return;
	for (size_t i = 0; i < w->pop && i < n && i < 2; i++) {
		if (!routes[i].uri.has_user)
			continue;
		buf_init(&out, l->record[i], sizeof(l->record[i]));
		buf_put(&out, STR("Record-Route: "));
		if (s->config.trust_n && contact_of(m) && is_unplaced(s, m, &routes[i].uri, &job->flow, &token)) {
			place(s, &token, pbx_token_target(&s->tokens, sip_msg_from(m)->tag, contact_of(m)),
			      route_back(s, m, &job->flow), now);
			put_value(s, &routes[i], &token, sip_msg_call_id(m), sip_msg_to(m)->tag, &out);
		} else {
			buf_put(&out, routes[i].text);
		}
		if (buf_ok(&out))
			sip_edits_note(edits, SIP_EDIT_PREPEND, SIP_RECORD_ROUTE, buf_str(&out));
	}
}

/* Methods that may give a dialog another target: RFC 3261 12.2.1.1, RFC 3311 5., RFC 6665 4.4.1. */
static bool refreshes(enum sip_method method)
{
	return pbx_dialog_is_made(method) || method == SIP_UPDATE || method == SIP_NOTIFY;
}

void pbx_dialog_note_answer(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, const struct flow *flow,
			    usec now, struct buf *out, struct sip_edits *edits)
{
	const struct sip_cseq *cseq = sip_msg_cseq(m);
	const struct sip_address *to = sip_msg_to(m);
	const struct sip_uri *contact;
	struct pbx_way w;
	uint64_t target;

	if (m->status <= 100 || m->status >= 300 || !cseq || !refreshes(cseq->method) || !to || !to->tag.n ||
	    !sip_msg_from(m) || !pbx_way_is_trusted(s, flow) || pbx_way_is_trusted(s, &job->flow) ||
	    !(contact = contact_of(m)))
		return;
	target = pbx_token_target(&s->tokens, to->tag, contact);
	if (sip_msg_has(m, SIP_RECORD_ROUTE) && put_record_routes(s, job, m, flow, target, now, out)) {
		sip_edits_note(edits, SIP_EDIT_SET, SIP_RECORD_ROUTE, buf_str(out));
		job->target = target;
	} else if (job->self && pbx_job_read(s, job, &w) && w.kind == PBX_WAY_DIALOG &&
		   is_same(s, &w.token.hop, &flow->remote)) {
		note_moved(s, m, &w.token, target, now);
	}
}

void pbx_dialog_hear(struct pbx_server *s, const struct pbx_job *job, struct sip_msg *m, const struct pbx_way *w,
		     usec now)
{
	const struct sip_uri *contact;

	if (!w->token.neighbour || !refreshes(m->method) || !pbx_way_is_trusted(s, &job->flow) ||
	    !is_same(s, &w->token.hop, &job->flow.remote) || !(contact = contact_of(m)))
		return;
	note_moved(s, m, &w->token, pbx_token_target(&s->tokens, sip_msg_from(m)->tag, contact), now);
}

/* ---- what goes there ---- */

static bool is_target(const struct pbx_server *s, struct sip_msg *m, const struct pbx_way *w, usec now)
{
	uint64_t target = pbx_token_target(&s->tokens, sip_msg_to(m)->tag, &w->uri);

	return target == w->token.target ||
	       pbx_moved_knows(&s->moved, sip_msg_call_id(m), moved_to(s, &w->token, target), now);
}

static bool is_route(const struct pbx_server *s, const struct pbx_way *w)
{
	struct sip_uri next;

	if (!w->next.n) /* straight to where the neighbour has said */
		return true;
	return sip_uri_scan(w->next, &next) && pbx_token_route(&s->tokens, &next) == w->token.route;
}

/* Why it is none of this dialog's; NULL: it is. What a subscription still has to say may come after the BYE of the call
 * that it was made in (RFC 5057 4.). */
static const char *misfit(const struct pbx_server *s, struct sip_msg *m, const struct pbx_way *w, const struct addr *to,
			  usec now)
{
	const struct pbx_token *token = &w->token;
	usec since = (usec)token->since_s * USEC_PER_SEC;

	if (!token->neighbour)
		return "neighbour";
	if (token->call && now > since + LIFE)
		return "old";
	if (m->method == SIP_INVITE && !token->call)
		return "method";
	if (!is_target(s, m, w, now))
		return "target";
	if (!is_route(s, w) || (token->phone && !is_same(s, to, &token->hop)))
		return "route";
	if (token->call && m->method != SIP_NOTIFY && m->method != SIP_SUBSCRIBE &&
	    pbx_recorder_is_over(s->recorder, m, since))
		return "over";
	return NULL;
}

/*
 * In a dialog the Request-URI is the far phone's word, and so is a Route behind ours. Who has a phone here must not
 * reach a neighbour by it who takes calls from our address, past the rules for calls out: only where the neighbour
 * itself has said that it is in this dialog, and while that lives. What ends a call may go.
 */
bool pbx_dialog_strays(struct pbx_server *s, const struct pbx_job *job, struct sip_msg *m, const struct pbx_way *w,
		       const struct pbx_branch *b, const struct sip_target *to, usec now)
{
	struct flow next = to->flow;
	const char *why;

	if (!next.transport)
		next.remote = to->addr;
	if (m->method == SIP_BYE || m->method == SIP_ACK || (!w->token.neighbour && b->flow.transport) ||
	    !pbx_way_is_trusted(s, &next) || pbx_way_is_trusted(s, &job->flow) ||
	    !(why = misfit(s, m, w, &next.remote, now)))
		return false;
	s->stats.astray++;
	log_info(s->config.log, "pbx.proxy astray", "call=" STR_FMT " from=%s why=%s", STR_ARG(sip_msg_log_id(m)),
		 addr_text(&job->flow.remote, (char[ADDR_TEXT_MAX]){ 0 }), why);
	return true;
}
