#include "call/leg_write.h"

#include <stdio.h>

/* ---- where requests inside the dialog go ---- */

/*
 * The dialog's next hop (12.2.1.1) where it is another plain address than the one we started with. Streams stay:
 * a far side that called us, or that we reach through a server, is not reachable otherwise in general.
 */
struct sip_target leg_next_target(const struct leg *leg)
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

handle leg_send_text(struct leg *leg, str text, const struct sip_target *target, usec now)
{
	struct sip_outgoing outgoing = { .draft.text = text, .target = *target, .cookie = leg->cookie };
	handle client = sip_stack_request(leg->house->stack, &outgoing, now);

	if (!client && !flow_eq(&target->flow, &leg->target.flow)) {
		outgoing.target = leg->target;
		client = sip_stack_request(leg->house->stack, &outgoing, now);
	}
	return client;
}

handle leg_send_inside(struct leg *leg, str method, str more, str body, usec now)
{
	char text[LEG_MESSAGE_MAX];
	struct sip_target target = leg_next_target(leg);
	struct buf out;

	buf_init(&out, text, sizeof(text));
	if (leg_write_inside(leg, method, 0, more, STR_NONE, body, &out) != ERR_NONE)
		return 0;
	sip_msg_free(leg->request);
	leg->request = sip_msg_new(buf_str(&out));
	leg->tries = 0;
	return leg_send_text(leg, buf_str(&out), &target, now);
}

void leg_send_farewell(struct leg *leg, usec now)
{
	char text[LEG_MESSAGE_MAX];
	struct sip_target target = leg_next_target(leg);
	struct buf out;

	buf_init(&out, text, sizeof(text));
	if (leg_write_inside(leg, STR("BYE"), 0, STR_NONE, STR_NONE, STR_NONE, &out) != ERR_NONE ||
	    !leg_send_text(leg, buf_str(&out), &target, now))
		log_warn(leg->house->log, "call.leg no farewell", "call=%s", leg->call_id);
}

void leg_send_ack(struct leg *leg, handle client, uint32_t cseq, usec now)
{
	char text[LEG_MESSAGE_MAX];
	struct sip_outgoing outgoing = { .target = leg_next_target(leg), .cookie = leg->cookie };
	struct buf out;

	buf_init(&out, text, sizeof(text));
	if (leg_write_inside(leg, STR("ACK"), cseq, STR_NONE, STR_NONE, STR_NONE, &out) != ERR_NONE)
		return;
	outgoing.draft.text = buf_str(&out);
	if (sip_stack_ack(leg->house->stack, client, &outgoing, now) != ERR_NONE)
		log_warn(leg->house->log, "call.leg unacknowledged", "call=%s", leg->call_id);
}

/* ---- requests that are no INVITE and no BYE ---- */

static struct leg_ask *place_of(struct leg *leg, handle client)
{
	for (size_t i = 0; i < LEG_ASKS; i++)
		if (leg->asks[i].client == client)
			return &leg->asks[i];
	return NULL;
}

static void let_go(struct leg_ask *ask)
{
	sip_msg_free(ask->sent);
	*ask = (struct leg_ask){ 0 };
}

void leg_ask_forget(struct leg *leg)
{
	for (size_t i = 0; i < LEG_ASKS; i++)
		let_go(&leg->asks[i]);
}

static handle ask(struct leg *leg, str method, str lines, str type, str body, usec now)
{
	struct leg_ask *place = place_of(leg, 0);
	struct sip_target target = leg_next_target(leg);
	char text[LEG_MESSAGE_MAX];
	struct buf out;

	buf_init(&out, text, sizeof(text));
	if (!place || leg_write_inside(leg, method, 0, lines, type, body, &out) != ERR_NONE)
		return 0;
	place->client = place->self = leg_send_text(leg, buf_str(&out), &target, now);
	if (!place->client)
		return 0;
	place->sent = sip_msg_new(buf_str(&out));
	place->answered = leg->answered;
	return place->self;
}

handle leg_ask(struct leg *leg, str method, str lines, str type, str body, usec now)
{
	return leg->state == LEG_UP ? ask(leg, method, lines, type, body, now) : 0;
}

/* RFC 3262 4. */
void leg_send_prack(struct leg *leg, uint32_t rseq, usec now)
{
	char line[64];

	snprintf(line, sizeof(line), "RAck: %u %u INVITE\r\n", (unsigned)rseq, (unsigned)leg->cseq);
	if (!ask(leg, STR("PRACK"), str_from(line), STR_NONE, STR_NONE, now))
		log_warn(leg->house->log, "call.leg no prack", "call=%s", leg->call_id);
}

bool leg_refresh(struct leg *leg, struct leg_event *out, usec now)
{
	if (leg->state != LEG_UP)
		return false;
	if (leg->far_updates && ask(leg, STR("UPDATE"), STR_NONE, STR_NONE, STR_NONE, now))
		return false;
	*out = (struct leg_event){ .kind = LEG_REFRESH };
	return true;
}

/* Once more, with credentials or with the session timer that the far side wants. */
static bool try_again(struct leg *leg, struct leg_ask *place, struct sip_msg *response, usec now)
{
	struct sip_target target = leg_next_target(leg);
	struct sip_msg *again = NULL;
	uint32_t cseq = leg->dialog->local_cseq + 1;

	if (!place->sent)
		return false;
	if (response->status == 401 || response->status == 407) {
		leg->tries = place->tries;
		leg->answered = place->answered;
		again = leg_write_again(leg, place->sent, response, cseq);
		place->tries = leg->tries;
		place->answered = leg->answered;
	} else if (response->status == 422 && place->sent->method == SIP_UPDATE &&
		   session_timer_raise(&leg->timer, response)) {
		again = leg_write_anew(leg, place->sent, STR_NONE, cseq);
	}
	if (!again)
		return false;
	leg->dialog->local_cseq = cseq;
	place->client = leg_send_text(leg, again->text, &target, now);
	sip_msg_free(place->sent);
	place->sent = again;
	return place->client != 0;
}

static usec glare_pause(struct leg *leg) /* 14.1 */
{
	if (leg->dialog->caller)
		return (usec)(2100 + 10 * rng_below(leg->house->rng, 191)) * USEC_PER_MS;
	return (usec)(10 * rng_below(leg->house->rng, 201)) * USEC_PER_MS;
}

#define SOON_MAX 3 /* times that a refresh is tried again so soon as its refusal says */

/* A refresh was refused by glare or a passing trouble: again in a while, until it expires (RFC 4028 10.). */
static void refresh_later(struct leg *leg, struct sip_msg *response, usec now)
{
	str value = response ? sip_msg_value(response, SIP_RETRY_AFTER) : STR_NONE;
	usec pause = (usec)(leg->timer.interval / 6 + 1) * USEC_PER_SEC;
	uint32_t seconds;

	if (!leg->timer.interval || !leg->timer.ours)
		return;
	if (leg->timer.misses++ < SOON_MAX) {
		if (response && response->status == 491)
			pause = glare_pause(leg);
		else if (str_take_u32(&value, UINT32_MAX, &seconds) && seconds)
			pause = (usec)seconds * USEC_PER_SEC;
	}
	leg->timer.refresh_at = usec_add(now, pause);
}

/* The answer to a refresh (RFC 4028 7.2, 10.). */
static bool refreshed(struct leg *leg, struct sip_msg *response, int status, struct leg_event *out, usec now)
{
	if (status < 300) {
		if (sip_dialog_refresh(leg->dialog, response) != ERR_NONE)
			log_warn(leg->house->log, "call.leg unrefreshed", "call=%s", leg->call_id);
		session_timer_agreed(&leg->timer, response, false, now);
		return false;
	}
	if (status == 481 || status == 408) { /* 12.2.1.2: the dialog is gone */
		leg->why = CALL_GONE;
		return leg_send_bye(leg, out, now);
	}
	if (status == 405 || status == 501) {
		leg->far_updates = false;
		return leg_refresh(leg, out, now);
	}
	refresh_later(leg, response, now);
	return false;
}

bool leg_ask_answered(struct leg *leg, const struct sip_event *event, struct leg_event *out, usec now)
{
	struct leg_ask *place = event->client ? place_of(leg, event->client) : NULL;
	int status = event->kind == SIP_EVENT_TIMEOUT       ? 408
		     : event->kind == SIP_EVENT_UNREACHABLE ? 503
							    : event->msg->status;
	uint8_t method;

	if (!place || status < 200)
		return false;
	if (event->msg && status >= 300 && leg->state != LEG_OVER && try_again(leg, place, event->msg, now))
		return false;
	method = place->sent ? place->sent->method : 0;
	*out = (struct leg_event){ .kind = LEG_REPLY, .ask = place->self, .status = status, .msg = event->msg };
	let_go(place);
	if (method == SIP_PRACK || leg->state != LEG_UP)
		return false;
	return method == SIP_UPDATE ? refreshed(leg, event->msg, status, out, now) : true;
}

/* ---- re-INVITE and BYE ---- */

/* The re-INVITE or BYE in leg->request once more; 0: there is nothing to mend. */
static handle mend(struct leg *leg, struct sip_msg *response, usec now)
{
	uint32_t cseq = leg->dialog->local_cseq + 1;
	struct sip_target target = leg_next_target(leg);
	struct sip_msg *again = NULL;

	if (response->status == 401 || response->status == 407)
		again = leg_write_again(leg, leg->request, response, cseq);
	else if (response->status == 422 && leg->request && session_timer_raise(&leg->timer, response))
		again = leg_write_anew(leg, leg->request, STR_NONE, cseq);
	if (!again)
		return 0;
	sip_msg_free(leg->request);
	leg->request = again;
	leg->dialog->local_cseq = cseq;
	return leg_send_text(leg, again->text, &target, now);
}

bool leg_reinvite_answered(struct leg *leg, const struct sip_event *event, struct leg_event *out, usec now)
{
	struct sip_msg *response = event->msg;
	int status = response->status;

	if (status < 200)
		return false;
	if (status < 300) {
		if (sip_dialog_refresh(leg->dialog, response) != ERR_NONE)
			log_warn(leg->house->log, "call.leg unrefreshed", "call=%s", leg->call_id);
		leg_send_ack(leg, event->client, leg->cseq, now);
		leg->re_client = 0;
		if (leg->state == LEG_UP)
			session_timer_agreed(&leg->timer, response, false, now);
		*out = (struct leg_event){ .kind = LEG_AGREED, .status = status, .body = ability_sdp(response) };
		return leg->state == LEG_UP;
	}
	leg->re_client = 0;
	if (leg->state != LEG_UP)
		return false;
	leg->re_client = mend(leg, response, now);
	if (leg->re_client) {
		leg->cseq = leg->dialog->local_cseq;
		return false;
	}
	if (status == 491)
		leg->retry_at = usec_add(now, glare_pause(leg));
	if (status == 481 || status == 408) { /* 12.2.1.2: the dialog is gone */
		leg->why = CALL_GONE;
		return leg_send_bye(leg, out, now);
	}
	if (leg->timer.refresh_at == USEC_NEVER) /* it may have been one */
		refresh_later(leg, response, now);
	*out = (struct leg_event){ .kind = LEG_REFUSED, .status = status };
	return true;
}

bool leg_bye_answered(struct leg *leg, const struct sip_event *event, struct leg_event *out, usec now)
{
	if (event->msg->status < 200)
		return false;
	if (event->msg->status >= 300) {
		leg->bye_client = mend(leg, event->msg, now);
		if (leg->bye_client)
			return false;
	}
	return leg_finish(leg, out, leg->why, 0, true);
}
