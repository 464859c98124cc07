#include "call/leg_write.h"

#include <stdio.h>

void leg_init(struct leg *leg, const struct leg_house *house, uint64_t cookie)
{
	*leg = (struct leg){ .house = house, .cookie = cookie, .retry_at = USEC_NEVER };
	rng_text(house->rng, leg->tag, sizeof(leg->tag) - 1);
}

void leg_free(struct leg *leg)
{
	sip_msg_free(leg->invite);
	sip_msg_free(leg->request);
	sip_dialog_free(leg->dialog);
	leg->invite = leg->request = NULL;
	leg->dialog = NULL;
}

static bool finish(struct leg *leg, struct leg_event *out, enum call_cause cause, int status, bool by_us)
{
	leg->state = LEG_OVER;
	leg->retry_at = USEC_NEVER;
	if (leg->dialog)
		sip_dialog_end(leg->dialog);
	*out = (struct leg_event){ .kind = LEG_ENDED, .cause = cause, .status = status, .by_us = by_us };
	return true;
}

/* ---- where requests inside the dialog go ---- */

/*
 * The dialog's next hop (12.2.1.1) where it is another plain address than the one we started with. Streams stay:
 * a far side that called us, or that we reach through a server, is not reachable otherwise in general.
 */
static struct sip_target next_target(const struct leg *leg)
{
	struct sip_target home = leg->target, hop = { 0 };
	struct sip_uri uri;

	if (home.flow.transport && transport_is_reliable(home.flow.transport))
		return home;
	if (!sip_dialog_next_hop(leg->dialog, &uri) || !sip_uri_addr(&uri, &hop.addr) ||
	    !sip_uri_transport(&uri, &hop.transport) || transport_is_secure(hop.transport))
		return home;
	if (!home.flow.transport && transport_is_reliable(home.transport) && addr_eq_ip(&home.addr, &hop.addr))
		return home;
	hop.may_tcp = hop.transport == TRANSPORT_UDP && !sip_uri_param(&uri, STR("transport"), NULL);
	return hop;
}

static handle send_text(struct leg *leg, str text, const struct sip_target *target, usec now)
{
	struct sip_outgoing outgoing = { .draft.text = text, .target = *target, .cookie = leg->cookie };
	handle client = sip_stack_request(leg->house->stack, &outgoing, now);

	if (!client && !flow_eq(&target->flow, &leg->target.flow)) {
		outgoing.target = leg->target;
		client = sip_stack_request(leg->house->stack, &outgoing, now);
	}
	return client;
}

/* A request inside the dialog as a transaction; a copy stays for the case that it is challenged. */
static handle send_inside(struct leg *leg, str method, str body, str more, usec now)
{
	char text[LEG_MESSAGE_MAX];
	struct sip_target target = next_target(leg);
	struct buf out;

	buf_init(&out, text, sizeof(text));
	if (leg_write_inside(leg, method, 0, body, more, &out) != ERR_NONE)
		return 0;
	sip_msg_free(leg->request);
	leg->request = sip_msg_new(buf_str(&out));
	leg->tries = 0;
	return send_text(leg, buf_str(&out), &target, now);
}

/* 13.2.2.4: an ACK for every 2xx; the stack repeats it with every repeat of that 2xx. */
static void send_ack(struct leg *leg, handle client, uint32_t cseq, usec now)
{
	char text[LEG_MESSAGE_MAX];
	struct sip_outgoing outgoing = { .target = next_target(leg), .cookie = leg->cookie };
	struct buf out;

	buf_init(&out, text, sizeof(text));
	if (leg_write_inside(leg, STR("ACK"), cseq, STR_NONE, STR_NONE, &out) != ERR_NONE)
		return;
	outgoing.draft.text = buf_str(&out);
	if (sip_stack_ack(leg->house->stack, client, &outgoing, now) != ERR_NONE)
		log_warn(leg->house->log, "call.leg unacknowledged", "call=%s", leg->call_id);
}

static bool send_bye(struct leg *leg, struct leg_event *out, usec now)
{
	leg->state = LEG_ENDING;
	leg->retry_at = USEC_NEVER;
	leg->bye_client = send_inside(leg, STR("BYE"), STR_NONE, STR_NONE, now);
	return leg->bye_client == 0 && finish(leg, out, leg->why, 0, true);
}

/* ---- calling ---- */

static bool keep_target(struct leg *leg, const struct sip_target *target)
{
	leg->target = *target;
	if (!str_copy_z(target->name, leg->target_name, sizeof(leg->target_name)))
		return false;
	leg->target.name = str_from(leg->target_name);
	return true;
}

enum err leg_invite(struct leg *leg, const struct leg_plan *plan, const struct call_session *session, str body,
		    usec now)
{
	char text[LEG_MESSAGE_MAX];
	struct buf out;
	enum err err;

	if (leg->state != LEG_IDLE)
		return ERR_STATE;
	if (!keep_target(leg, &plan->target) || !str_copy_z(plan->contact, leg->contact, sizeof(leg->contact)))
		return ERR_LIMIT;
	rng_text(leg->house->rng, leg->call_id, 20);
	if (session)
		leg->session = *session;
	leg_make_session(leg);
	leg->cseq = 1;
	buf_init(&out, text, sizeof(text));
	err = leg_write_invite(leg, plan, body, &out);
	if (err != ERR_NONE)
		return err;
	leg->invite = sip_msg_new(buf_str(&out));
	if (!leg->invite)
		return ERR_MEMORY;
	leg->client = send_text(leg, buf_str(&out), &leg->target, now);
	if (!leg->client)
		return ERR_UNREACHABLE;
	leg->state = LEG_CALLING;
	return ERR_NONE;
}

/* A 2xx that we do not want: of another branch, or after our CANCEL (13.2.2.4: acknowledge, then BYE). */
static void turn_away(struct leg *leg, struct sip_msg *response, handle client, usec now)
{
	struct sip_dialog *kept = leg->dialog;

	leg->dialog = sip_dialog_new_caller(leg->invite, response);
	if (leg->dialog) {
		send_ack(leg, client, leg->cseq, now);
		(void)send_inside(leg, STR("BYE"), STR_NONE, STR_NONE, now);
	}
	sip_dialog_free(leg->dialog);
	leg->dialog = kept;
}

static bool note_dialog(struct leg *leg, struct sip_msg *response, bool *fork)
{
	*fork = false;
	if (leg->dialog && !sip_dialog_match(leg->dialog, response)) {
		sip_dialog_free(leg->dialog);
		leg->dialog = NULL;
		*fork = true;
	}
	if (leg->dialog)
		return sip_dialog_recv_response(leg->dialog, response) == ERR_NONE;
	leg->dialog = sip_dialog_new_caller(leg->invite, response);
	return leg->dialog != NULL;
}

static bool accepted(struct leg *leg, struct sip_msg *response, handle client, struct leg_event *out, usec now)
{
	bool fork;

	if (leg->state == LEG_UP || leg->state == LEG_OVER || (leg->dialog && leg->dialog->state != SIP_DIALOG_EARLY)) {
		turn_away(leg, response, client, now);
		return false;
	}
	if (!note_dialog(leg, response, &fork)) {
		log_warn(leg->house->log, "call.leg bad 2xx", "call=%s", leg->call_id);
		return finish(leg, out, CALL_FAILED, response->status, false);
	}
	send_ack(leg, client, leg->cseq, now);
	if (leg->cancelled)
		return send_bye(leg, out, now);
	leg->state = LEG_UP;
	*out = (struct leg_event){ .kind = LEG_ACCEPTED, .status = response->status, .body = response->body };
	out->fork = fork;
	return true;
}

static bool refused(struct leg *leg, struct sip_msg *response, struct leg_event *out, usec now)
{
	int status = response->status;
	enum call_cause cause = call_cause_of_status(status, leg->rang);

	if ((status == 401 || status == 407) && !leg->cancelled) {
		struct sip_msg *again = leg_write_again(leg, leg->invite, response, leg->cseq + 1);

		if (again) {
			sip_msg_free(leg->invite);
			leg->invite = again;
			leg->cseq++;
			leg->client = send_text(leg, again->text, &leg->target, now);
			return leg->client == 0 && finish(leg, out, CALL_NO_ROUTE, 0, false);
		}
	}
	if (leg->cancelled)
		return finish(leg, out, leg->why, status, true);
	finish(leg, out, cause, status, false);
	out->reason = leg_reason(response);
	return true;
}

static bool invite_answered(struct leg *leg, const struct sip_event *event, struct leg_event *out, usec now)
{
	struct sip_msg *response = event->msg;
	bool fork = false;

	leg_learn_session(leg, response);
	if (response->status >= 300)
		return leg->state != LEG_UP && leg->state != LEG_OVER && refused(leg, response, out, now);
	if (response->status >= 200)
		return accepted(leg, response, event->client, out, now);
	if (response->status == 100 || leg->state != LEG_CALLING)
		return false;
	leg->rang = true;
	if (sip_msg_to(response) && sip_msg_to(response)->tag.n && !note_dialog(leg, response, &fork))
		return false;
	*out = (struct leg_event){
		.kind = LEG_PROGRESS, .status = response->status, .body = response->body, .fork = fork
	};
	return true;
}

/* ---- being called ---- */

enum err leg_take(struct leg *leg, const struct sip_event *event, const struct sip_target *target, str contact,
		  usec now)
{
	const struct sip_uri *uri = sip_msg_uri(event->msg);

	(void)now;
	if (!keep_target(leg, target) || !str_copy_z(contact, leg->contact, sizeof(leg->contact)))
		return ERR_LIMIT;
	leg->dialog = sip_dialog_new_callee(event->msg, str_from(leg->tag), uri && uri->scheme == SIP_SCHEME_SIPS);
	if (!leg->dialog)
		return ERR_SYNTAX;
	(void)str_copy_z(sip_msg_call_id(event->msg), leg->call_id, sizeof(leg->call_id));
	leg_learn_session(leg, event->msg);
	leg_make_session(leg);
	leg->server = event->server;
	sip_stack_set_cookie(leg->house->stack, event->server, leg->cookie);
	leg->state = LEG_INVITED;
	return ERR_NONE;
}

static enum err reply(struct leg *leg, handle server, struct sip_msg *request, int status, str body, str more,
		      bool invites, usec now)
{
	char line_text[LEG_LINES_MAX], contact[CALL_TARGET_N + 16];
	struct buf lines;

	buf_init(&lines, line_text, sizeof(line_text));
	leg_write_lines(leg, invites && status >= 200, true, &lines);
	if (invites && status < 300) {
		snprintf(contact, sizeof(contact), "Contact: <%s>\r\n", leg->contact);
		buf_put_z(&lines, contact);
	}
	buf_put(&lines, more);
	if (more.n && !str_ends(more, STR("\r\n")))
		buf_put(&lines, STR("\r\n"));
	if (!buf_ok(&lines))
		return ERR_LIMIT;
	struct sip_reply answer = { .status = status,
				    .to_tag = str_from(leg->tag),
				    .lines = leg_write_joined(&lines),
				    .content_type = leg_write_type(body),
				    .body = body };
	return sip_stack_reply(leg->house->stack, server, request, &answer, status >= 200 && status < 300 && invites,
			       now);
}

/* The same where a failure changes nothing: the transaction is gone, and its caller with it. */
static void answer_with(struct leg *leg, handle server, struct sip_msg *request, int status, str more, usec now)
{
	enum err err = reply(leg, server, request, status, STR_NONE, more, false, now);

	if (err != ERR_NONE)
		log_info(leg->house->log, "call.leg unanswered", "call=%s status=%d err=\"%s\"", leg->call_id, status,
			 err_text(err));
}

enum err leg_progress(struct leg *leg, int status, str body, usec now)
{
	if (leg->state != LEG_INVITED)
		return ERR_STATE;
	return reply(leg, leg->server, NULL, status, body, STR_NONE, true, now);
}

enum err leg_accept(struct leg *leg, str body, usec now)
{
	enum err err;

	if (leg->state != LEG_INVITED)
		return ERR_STATE;
	err = reply(leg, leg->server, NULL, 200, body, STR_NONE, true, now);
	if (err != ERR_NONE)
		return err;
	sip_dialog_confirm(leg->dialog);
	leg->state = LEG_ANSWERED;
	return ERR_NONE;
}

enum err leg_reject(struct leg *leg, int status, str lines, usec now)
{
	struct leg_event unheard;
	enum err err;

	if (leg->state != LEG_INVITED)
		return ERR_STATE;
	err = reply(leg, leg->server, NULL, status, STR_NONE, lines, false, now);
	finish(leg, &unheard, CALL_DECLINED, status, true);
	return err;
}

/* ---- inside the dialog ---- */

bool leg_hang_up(struct leg *leg, enum call_cause cause, struct leg_event *out, usec now)
{
	leg->why = cause ? cause : leg->state == LEG_CALLING ? CALL_CANCELLED : CALL_HUNG_UP;
	switch (leg->state) {
	case LEG_IDLE:
		return finish(leg, out, leg->why, 0, true);
	case LEG_CALLING:
		leg->cancelled = true;
		leg->state = LEG_ENDING;
		sip_stack_cancel(leg->house->stack, leg->client, now);
		return false;
	case LEG_INVITED:
		answer_with(leg, leg->server, NULL, cause ? call_cause_status(cause) : 480, STR_NONE, now);
		return finish(leg, out, leg->why, cause ? call_cause_status(cause) : 480, true);
	case LEG_ANSWERED: /* 15.: the callee must not send BYE before the ACK */
		leg->bye_wanted = true;
		return false;
	case LEG_UP:
		return send_bye(leg, out, now);
	case LEG_ENDING:
	case LEG_OVER:
		break;
	}
	return false;
}

enum err leg_reinvite(struct leg *leg, str body, usec now)
{
	if (leg->state != LEG_UP || leg->re_client || leg->re_server)
		return ERR_STATE;
	leg->retry_at = USEC_NEVER;
	leg->re_client = send_inside(leg, STR("INVITE"), body, STR_NONE, now);
	if (!leg->re_client)
		return ERR_UNREACHABLE;
	leg->cseq = leg->dialog->local_cseq;
	return ERR_NONE;
}

enum err leg_agree(struct leg *leg, str body, usec now)
{
	enum err err;

	if (!leg->re_server)
		return ERR_STATE;
	err = reply(leg, leg->re_server, NULL, 200, body, STR_NONE, !leg->re_is_update, now);
	if (leg->re_is_update)
		leg->re_server = 0;
	return err;
}

void leg_refuse(struct leg *leg, int status, usec now)
{
	if (leg->re_server)
		answer_with(leg, leg->re_server, NULL, status, STR_NONE, now);
	leg->re_server = 0;
}

bool leg_owns(const struct leg *leg, struct sip_msg *request)
{
	return leg->dialog && leg->state != LEG_OVER && sip_dialog_match(leg->dialog, request);
}

static usec glare_pause(struct leg *leg) /* 14.1 */
{
	if (leg->dialog->caller)
		return (usec)(2100 + 10 * rng_below(leg->house->rng, 191)) * USEC_PER_MS;
	return (usec)(10 * rng_below(leg->house->rng, 201)) * USEC_PER_MS;
}

static bool reinvite_answered(struct leg *leg, const struct sip_event *event, struct leg_event *out, usec now)
{
	struct sip_msg *response = event->msg;
	int status = response->status;

	if (status < 200)
		return false;
	if (status < 300) {
		if (sip_dialog_refresh(leg->dialog, response) != ERR_NONE)
			log_warn(leg->house->log, "call.leg unrefreshed", "call=%s", leg->call_id);
		send_ack(leg, event->client, leg->cseq, now);
		leg->re_client = 0;
		*out = (struct leg_event){ .kind = LEG_AGREED, .status = status, .body = response->body };
		return leg->state == LEG_UP;
	}
	leg->re_client = 0;
	if (leg->state != LEG_UP)
		return false;
	if (status == 401 || status == 407) {
		struct sip_msg *again = leg_write_again(leg, leg->request, response, leg->dialog->local_cseq + 1);

		if (again) {
			struct sip_target target = next_target(leg);

			sip_msg_free(leg->request);
			leg->request = again;
			leg->cseq = ++leg->dialog->local_cseq;
			leg->re_client = send_text(leg, again->text, &target, now);
			if (leg->re_client)
				return false;
		}
	}
	if (status == 491)
		leg->retry_at = usec_add(now, glare_pause(leg));
	if (status == 481 || status == 408) { /* 12.2.1.2: the dialog is gone */
		leg->why = CALL_GONE;
		return send_bye(leg, out, now);
	}
	*out = (struct leg_event){ .kind = LEG_REFUSED, .status = status };
	return true;
}

static bool bye_answered(struct leg *leg, const struct sip_event *event, struct leg_event *out, usec now)
{
	struct sip_msg *response = event->msg;

	if (response->status < 200)
		return false;
	if (response->status == 401 || response->status == 407) {
		struct sip_msg *again = leg_write_again(leg, leg->request, response, leg->dialog->local_cseq + 1);

		if (again) {
			struct sip_target target = next_target(leg);

			sip_msg_free(leg->request);
			leg->request = again;
			leg->dialog->local_cseq++;
			leg->bye_client = send_text(leg, again->text, &target, now);
			if (leg->bye_client)
				return false;
		}
	}
	return finish(leg, out, leg->why, 0, true);
}

static bool offered(struct leg *leg, const struct sip_event *event, struct leg_event *out, usec now)
{
	struct sip_msg *request = event->msg;
	bool update = request->method == SIP_UPDATE;
	int status = 0;

	if (leg->state == LEG_ENDING)
		status = 481;
	else if (leg->re_client)
		status = 491; /* 14.2 */
	else if (leg->re_server || leg->state != LEG_UP)
		status = 500;
	else if (update && !request->body.n)
		status = 200; /* only a refresh of the target (RFC 3311 5.2) */
	if (status) {
		answer_with(leg, event->server, request, status, status == 500 ? STR("Retry-After: 3\r\n") : STR_NONE,
			    now);
		return false;
	}
	leg->re_server = event->server;
	leg->re_is_update = update;
	sip_stack_keep(leg->house->stack, event->server);
	sip_stack_set_cookie(leg->house->stack, event->server, leg->cookie);
	*out = (struct leg_event){ .kind = LEG_OFFER, .body = request->body };
	return true;
}

static bool requested(struct leg *leg, const struct sip_event *event, struct leg_event *out, usec now)
{
	struct sip_msg *request = event->msg;
	int status = sip_dialog_recv_request(leg->dialog, request);

	leg_learn_session(leg, request);
	if (status) {
		answer_with(leg, event->server, request, status, STR_NONE, now);
		return false;
	}
	switch (request->method) {
	case SIP_INVITE:
	case SIP_UPDATE:
		return offered(leg, event, out, now);
	case SIP_BYE: {
		bool ours = leg->state == LEG_ENDING;

		answer_with(leg, event->server, request, 200, STR_NONE, now);
		if (leg->state == LEG_INVITED) /* 15.1.2 */
			answer_with(leg, leg->server, NULL, 487, STR_NONE, now);
		finish(leg, out, ours ? leg->why : leg->state == LEG_INVITED ? CALL_CANCELLED : CALL_HUNG_UP, 0, ours);
		out->reason = leg_reason(request);
		return true;
	}
	case SIP_OPTIONS:
		answer_with(leg, event->server, request, 200, STR(LEG_ALLOW "Accept: application/sdp\r\n"), now);
		return false;
	case SIP_INFO: /* RFC 2976 2.2: an empty one only asks whether we are here */
		answer_with(leg, event->server, request, request->body.n ? 415 : 200, STR_NONE, now);
		return false;
	default:
		answer_with(leg, event->server, request, 405, STR(LEG_ALLOW), now);
		return false;
	}
}

static bool acknowledged(struct leg *leg, const struct sip_event *event, struct leg_event *out, usec now)
{
	if (!event->server || (event->server != leg->server && event->server != leg->re_server))
		return false;
	if (event->server == leg->re_server)
		leg->re_server = 0;
	if (leg->state == LEG_ANSWERED)
		leg->state = LEG_UP;
	if (leg->bye_wanted) {
		leg->bye_wanted = false;
		return send_bye(leg, out, now);
	}
	*out = (struct leg_event){ .kind = LEG_ACKED, .body = event->msg->body };
	return leg->state == LEG_UP;
}

/* ---- the five verbs ---- */

static bool lost(struct leg *leg, const struct sip_event *event, struct leg_event *out, usec now)
{
	bool timeout = event->kind == SIP_EVENT_TIMEOUT;

	if (event->client == leg->bye_client)
		return finish(leg, out, leg->why, 0, true);
	if (event->client == leg->re_client) { /* 12.2.1.2: no answer to a re-INVITE ends the call */
		leg->re_client = 0;
		if (leg->state != LEG_UP)
			return false;
		leg->why = CALL_GONE;
		return send_bye(leg, out, now);
	}
	if (event->client != leg->client || leg->state == LEG_UP)
		return false;
	if (leg->cancelled)
		return finish(leg, out, leg->why, 0, true);
	return finish(leg, out,
		      !timeout    ? CALL_NO_ROUTE
		      : leg->rang ? CALL_NO_ANSWER
				  : CALL_SILENCE,
		      timeout ? 408 : 503, false);
}

bool leg_recv(struct leg *leg, const struct sip_event *event, struct leg_event *out, usec now)
{
	if (leg->state == LEG_OVER && event->kind != SIP_EVENT_RESPONSE)
		return false;
	switch (event->kind) {
	case SIP_EVENT_RESPONSE:
		if (event->client == leg->client)
			return invite_answered(leg, event, out, now);
		if (event->client == leg->re_client)
			return reinvite_answered(leg, event, out, now);
		if (event->client == leg->bye_client && leg->state == LEG_ENDING)
			return bye_answered(leg, event, out, now);
		return false;
	case SIP_EVENT_TIMEOUT:
	case SIP_EVENT_UNREACHABLE:
		return event->client && lost(leg, event, out, now);
	case SIP_EVENT_REQUEST:
		return requested(leg, event, out, now);
	case SIP_EVENT_ACK:
		return acknowledged(leg, event, out, now);
	case SIP_EVENT_CANCEL:
		if (event->server != leg->server || leg->state != LEG_INVITED)
			return false;
		answer_with(leg, leg->server, NULL, 487, STR_NONE, now);
		finish(leg, out, CALL_CANCELLED, 487, false);
		if (event->msg)
			out->reason = leg_reason(event->msg);
		return true;
	case SIP_EVENT_UNACKED: /* 13.3.1.4 */
		if (event->server == leg->re_server)
			leg->re_server = 0;
		if (leg->state != LEG_ANSWERED && leg->state != LEG_UP)
			return false;
		leg->why = leg->bye_wanted ? leg->why : CALL_GONE;
		return send_bye(leg, out, now);
	default:
		return false;
	}
}

bool leg_tick(struct leg *leg, struct leg_event *out, usec now)
{
	if (now < leg->retry_at)
		return false;
	leg->retry_at = USEC_NEVER;
	*out = (struct leg_event){ .kind = LEG_RETRY };
	return leg->state == LEG_UP;
}

usec leg_due(const struct leg *leg)
{
	return leg->retry_at;
}
