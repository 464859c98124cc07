#include "call/call_inside.h"

#include <stdio.h>

#define NOTIFY_LIFE 180 /* seconds: as long as a call may ring */

/* ---- we ask ---- */

static str own_address(const struct call *call)
{
	return str_from(call->facts.outgoing ? call->facts.caller : call->facts.callee);
}

enum err call_refer(struct call *call, str target, const struct call *other, usec now)
{
	const struct sip_dialog *dialog = other ? other->leg.dialog : NULL;
	char text[2 * TRANSFER_URI_N + TRANSFER_REPLACES_N];
	struct buf lines;

	if (call->state != CALL_UP || call->transfer.asking || (other && (other->state != CALL_UP || !dialog)))
		return ERR_STATE;
	buf_init(&lines, text, sizeof(text));
	transfer_write(target, own_address(call), dialog ? dialog->call_id : STR_NONE,
		       dialog ? dialog->remote_tag : STR_NONE, dialog ? dialog->local_tag : STR_NONE, &lines);
	if (!buf_ok(&lines) || target.n >= TRANSFER_URI_N)
		return ERR_LIMIT;
	call->transfer.ask = leg_ask(&call->leg, STR("REFER"), buf_str(&lines), STR_NONE, STR_NONE, now);
	if (!call->transfer.ask)
		return ERR_STATE;
	call->transfer.asking = true;
	call->transfer.subscribed = false;
	return ERR_NONE;
}

/* What came of it. A success ends this call: that is what was wanted (RFC 5589 6.1). */
static void transferred(struct call *call, int status, usec now)
{
	call->transfer.asking = status < 200;
	call_say(call, CALL_EVENT_TRANSFER)->status = status;
	if (status >= 200 && status < 300)
		call_hang_up(call, CALL_CAUSE_NONE, now);
}

void call_transfer_replied(struct call *call, const struct leg_event *event, usec now)
{
	str wanted = event->msg ? sip_msg_value(event->msg, SIP_REFER_SUB) : STR_NONE;

	if (!call->transfer.asking || event->ask != call->transfer.ask)
		return;
	call->transfer.ask = 0;
	if (event->status >= 300)
		transferred(call, event->status, now);
	else if (str_eq_nocase(str_trim(wanted), STR("false"))) /* RFC 4488: nothing more will be heard of it */
		transferred(call, event->status, now);
	else
		call->transfer.subscribed = true;
}

static void notified(struct call *call, const struct leg_event *event, usec now)
{
	struct sip_msg *m = event->msg;
	bool last = transfer_is_last(m);
	int status;

	/* A NOTIFY may overtake the 202 (RFC 6665 4.1.2.4). */
	if (!call->transfer.asking || !transfer_is_event(m)) {
		leg_respond(&call->leg, event->server, m, transfer_is_event(m) ? 481 : 489,
			    transfer_is_event(m) ? STR_NONE : STR("Allow-Events: refer\r\n"), now);
		return;
	}
	if (!ability_is_type(m, STR("message"), STR("sipfrag")) && m->body.n) {
		leg_respond(&call->leg, event->server, m, 415, STR("Accept: message/sipfrag\r\n"), now);
		return;
	}
	leg_respond(&call->leg, event->server, m, 200, STR_NONE, now);
	status = transfer_status(m->body);
	if (last && status < 200)
		status = 487; /* it ends without a word about how */
	if (status)
		transferred(call, status, now);
}

/* ---- we are asked ---- */

static void referred(struct call *call, const struct leg_event *event, usec now)
{
	struct sip_msg *m = event->msg;
	const struct sip_cseq *cseq = sip_msg_cseq(m);
	struct transfer *t = &call->transfer;
	int status = call->state != CALL_UP || t->server || t->serving ? 491 : transfer_read(m, &t->target);

	if (status) {
		leg_respond(&call->leg, event->server, m, status, STR_NONE, now);
		return;
	}
	sip_stack_keep(call->birth.house->stack, event->server);
	t->server = event->server;
	t->id = cseq ? cseq->number : 0;
	t->told = 0;
	t->silent = str_eq_nocase(str_trim(sip_msg_value(m, SIP_REFER_SUB)), STR("false"));
	call_say(call, CALL_EVENT_REFER)->text = t->target.uri;
}

void call_refer_lines(const struct call *call, struct buf *lines)
{
	const struct transfer_target *target = &call->transfer.target;

	if (target->replaces[0])
		buf_printf(lines, "Replaces: %s\r\nRequire: replaces\r\n", target->replaces);
	if (target->by[0])
		buf_printf(lines, "Referred-By: %s\r\n", target->by);
}

enum err call_refer_answer(struct call *call, int status, usec now)
{
	struct transfer *t = &call->transfer;
	handle server = t->server;

	if (!server)
		return ERR_STATE;
	t->server = 0;
	leg_respond(&call->leg, server, NULL, status,
		    t->silent && status < 300 ? STR("Refer-Sub: false\r\n") : STR_NONE, now);
	t->serving = status < 300 && !t->silent;
	call_refer_notify(call, 100, now);
	return ERR_NONE;
}

void call_refer_notify(struct call *call, int status, usec now)
{
	struct transfer *t = &call->transfer;
	char line_text[160], body_text[80];
	struct buf lines, body;

	if (!t->serving || status <= t->told)
		return;
	buf_init(&lines, line_text, sizeof(line_text));
	buf_init(&body, body_text, sizeof(body_text));
	buf_printf(&lines, "Event: refer;id=%u\r\nSubscription-State: ", (unsigned)t->id);
	if (status < 200)
		buf_printf(&lines, "active;expires=%d\r\n", NOTIFY_LIFE);
	else
		buf_put(&lines, STR("terminated;reason=noresource\r\n"));
	transfer_write_status(status, &body);
	if (!leg_ask(&call->leg, STR("NOTIFY"), buf_str(&lines), STR("message/sipfrag;version=2.0"), buf_str(&body),
		     now) &&
	    status < 200)
		return;
	t->told = status;
	t->serving = status < 200;
}

/* A SUBSCRIBE inside the dialog: the REFER's implicit one may be prolonged, or ended (RFC 3515 2.4.6). */
static void subscribed(struct call *call, const struct leg_event *event, usec now)
{
	uint32_t seconds = NOTIFY_LIFE;
	char line[40];

	if (!transfer_is_event(event->msg)) {
		leg_respond(&call->leg, event->server, event->msg, 489, STR("Allow-Events: refer\r\n"), now);
		return;
	}
	if (!call->transfer.serving) {
		leg_respond(&call->leg, event->server, event->msg, 481, STR_NONE, now);
		return;
	}
	(void)sip_msg_expires(event->msg, &seconds);
	seconds = seconds < NOTIFY_LIFE ? seconds : NOTIFY_LIFE;
	snprintf(line, sizeof(line), "Expires: %u\r\n", (unsigned)seconds);
	leg_respond(&call->leg, event->server, event->msg, 200, str_from(line), now);
	if (!seconds)
		call->transfer.serving = false;
}

/* ---- words ---- */

enum err call_write(struct call *call, str text, usec now)
{
	if (text.n > ABILITY_TEXT_MAX)
		return ERR_LIMIT;
	return leg_ask(&call->leg, STR("MESSAGE"), STR_NONE, STR("text/plain;charset=utf-8"), text, now) ? ERR_NONE
													 : ERR_STATE;
}

/* Several may come at once, before the owner has read the first. */
static void written(struct call *call, const struct leg_event *event, usec now)
{
	str body = event->msg->body;
	char *place = call->text + call->text_n;

	if (call->event_n == 0) {
		place = call->text;
		call->text_n = 0;
	}
	if (call->text_n == sizeof(call->text) || !str_copy_z(body, place, sizeof(call->text) - call->text_n)) {
		leg_respond(&call->leg, event->server, event->msg, 480, STR("Retry-After: 1\r\n"), now);
		return;
	}
	call->text_n += body.n + 1;
	leg_respond(&call->leg, event->server, event->msg, 200, STR_NONE, now);
	call_say(call, CALL_EVENT_TEXT)->text = place;
}

void call_transfer_asked(struct call *call, const struct leg_event *event, usec now)
{
	switch (event->msg->method) {
	case SIP_REFER:
		referred(call, event, now);
		break;
	case SIP_NOTIFY:
		notified(call, event, now);
		break;
	case SIP_SUBSCRIBE:
		subscribed(call, event, now);
		break;
	case SIP_MESSAGE:
		written(call, event, now);
		break;
	default:
		leg_respond(&call->leg, event->server, event->msg, 405, STR_NONE, now);
	}
}
