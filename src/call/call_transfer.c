#include "call/call_inside.h"

#include <stdio.h>

#define NOTIFY_LIFE 600u                /* seconds: longer than a call may ring (RFC 3515 3.4) */
#define NEWS_WAIT   (32 * USEC_PER_SEC) /* RFC 6665 4.1.2.4: timer N; and for the last one */

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
	call->transfer.since = call->leg.dialog->local_cseq;
	call->transfer.until = 0;
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

/* RFC 6665 4.2.2, of the answer to a NOTIFY. */
static bool ends_subscription(int status)
{
	return (status >= 480 && status <= 485) || status == 404 || status == 405 || status == 408 || status == 410 ||
	       status == 416 || status == 489 || status == 501 || status == 604;
}

void call_transfer_replied(struct call *call, const struct leg_event *event, usec now)
{
	struct transfer *t = &call->transfer;

	if (event->ask && event->ask == t->notify) {
		t->notify = 0;
		t->serving = t->serving && !ends_subscription(event->status);
		return;
	}
	if (!t->asking || event->ask != t->ask)
		return;
	t->ask = 0;
	if (event->status >= 300 || transfer_is_silent(event->msg)) { /* RFC 4488: nothing more will be heard of it */
		transferred(call, event->status, now);
		return;
	}
	t->subscribed = true;
	if (!t->until)
		t->until = usec_add(now, NEWS_WAIT);
}

static void notified(struct call *call, const struct leg_event *event, usec now)
{
	struct sip_msg *m = event->msg;
	uint32_t id, seconds = NOTIFY_LIFE;
	bool last = transfer_is_last(m, &seconds);
	int status;

	if (!transfer_is_event(m, &id)) {
		leg_respond(&call->leg, event->server, m, 489, STR("Allow-Events: refer\r\n"), now);
		return;
	}
	/* A NOTIFY may overtake the 202 (RFC 6665 4.1.2.4); or be of a REFER before this one. */
	if (!call->transfer.asking || (id && id < call->transfer.since)) {
		leg_respond(&call->leg, event->server, m, 481, STR_NONE, now);
		return;
	}
	if (!ability_is_type(m, STR("message"), STR("sipfrag")) && m->body.n) {
		leg_respond(&call->leg, event->server, m, 415, STR("Accept: message/sipfrag\r\n"), now);
		return;
	}
	leg_respond(&call->leg, event->server, m, 200, STR_NONE, now);
	/* 4.2.1.4: at its end there is a last one, with the result, which must have time to arrive */
	call->transfer.until = usec_add(now, (usec)seconds * USEC_PER_SEC + NEWS_WAIT);
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
	t->silent = transfer_is_silent(m);
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
	t->over = usec_add(now, NOTIFY_LIFE * USEC_PER_SEC);
	call_refer_notify(call, 100, now);
	return ERR_NONE;
}

/* `why` it is the last one; empty: it is not. */
static bool notify(struct call *call, int status, str why, usec now)
{
	struct transfer *t = &call->transfer;
	char line_text[160], body_text[80];
	struct buf lines, body;

	buf_init(&lines, line_text, sizeof(line_text));
	buf_init(&body, body_text, sizeof(body_text));
	buf_printf(&lines, "Event: refer;id=%u\r\nSubscription-State: ", (unsigned)t->id);
	if (why.n)
		buf_printf(&lines, "terminated;reason=" STR_FMT "\r\n", STR_ARG(why));
	else
		buf_printf(&lines, "active;expires=%u\r\n", (unsigned)((t->over - now) / USEC_PER_SEC));
	transfer_write_status(status, &body);
	t->serving = !why.n;
	t->notify = leg_ask(&call->leg, STR("NOTIFY"), buf_str(&lines), STR("message/sipfrag;version=2.0"),
			    buf_str(&body), now);
	return t->notify != 0;
}

void call_refer_notify(struct call *call, int status, usec now)
{
	struct transfer *t = &call->transfer;

	if (t->serving && status > t->told && notify(call, status, status < 200 ? STR_NONE : STR("noresource"), now))
		t->told = status;
}

/* Its time is over, or it is wanted no more: with what is known (RFC 6665 4.2.1.4). */
static void stop_serving(struct call *call, usec now)
{
	if (!notify(call, call->transfer.told ? call->transfer.told : 100, STR("timeout"), now))
		log_info(call->birth.house->log, "call.call notify lost", "call=%s", call->leg.call_id);
}

usec call_transfer_due(const struct call *call)
{
	const struct transfer *t = &call->transfer;
	usec due = t->asking && t->until ? t->until : USEC_NEVER;

	if (call->state != CALL_UP)
		return USEC_NEVER;
	return t->serving ? usec_min(due, t->over) : due;
}

void call_transfer_tick(struct call *call, usec now)
{
	struct transfer *t = &call->transfer;

	if (now < call_transfer_due(call))
		return;
	if (t->serving && now >= t->over)
		stop_serving(call, now);
	if (t->asking && t->until && now >= t->until)
		transferred(call, 408, now); /* nothing was heard of it */
}

/* A SUBSCRIBE inside the dialog: the REFER's implicit one may be prolonged, or ended (RFC 3515 2.4.6). */
static void subscribed(struct call *call, const struct leg_event *event, usec now)
{
	struct transfer *t = &call->transfer;
	uint32_t seconds = NOTIFY_LIFE, id;
	char line[40];

	if (!transfer_is_event(event->msg, &id)) {
		leg_respond(&call->leg, event->server, event->msg, 489, STR("Allow-Events: refer\r\n"), now);
		return;
	}
	if (!t->serving || (id && id != t->id)) { /* RFC 3515 2.4.4: only a REFER begins one */
		leg_respond(&call->leg, event->server, event->msg, 403, STR_NONE, now);
		return;
	}
	(void)sip_msg_expires(event->msg, &seconds);
	seconds = seconds < NOTIFY_LIFE ? seconds : NOTIFY_LIFE;
	snprintf(line, sizeof(line), "Expires: %u\r\n", (unsigned)seconds);
	leg_respond(&call->leg, event->server, event->msg, 200, str_from(line), now);
	t->over = usec_add(now, (usec)seconds * USEC_PER_SEC);
	if (!seconds)
		stop_serving(call, now);
	else
		(void)notify(call, t->told ? t->told : 100, STR_NONE, now); /* RFC 6665 4.2.1.2 */
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
