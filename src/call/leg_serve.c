#include "call/leg_write.h"

/* ---- answering ---- */

enum err leg_reply(struct leg *leg, handle server, struct sip_msg *request, int status, str body, str more,
		   unsigned flags, usec now)
{
	bool contact = flags & LEG_REPLY_CONTACT;
	char line_text[LEG_LINES_MAX];
	struct buf lines;

	buf_init(&lines, line_text, sizeof(line_text));
	leg_write_lines(leg, contact, true, &lines);
	if (contact)
		buf_printf(&lines, "Contact: <%s>\r\n", leg->contact);
	buf_put(&lines, more);
	if (more.n && !str_ends(more, STR("\r\n")))
		buf_put(&lines, STR("\r\n"));
	if (!buf_ok(&lines))
		return ERR_LIMIT;
	struct sip_reply answer = { .status = status,
				    .to_tag = str_from(leg->tag),
				    .lines = leg_write_joined(&lines),
				    .content_type = body.n ? STR("application/sdp") : STR_NONE,
				    .body = body };
	return sip_stack_reply(leg->house->stack, server, request, &answer, flags & LEG_REPLY_HOLD, now);
}

void leg_answer(struct leg *leg, handle server, struct sip_msg *request, int status, str more, usec now)
{
	enum err err = leg_reply(leg, server, request, status, STR_NONE, more, 0, now);

	if (err != ERR_NONE)
		log_info(leg->house->log, "call.leg unanswered", "call=%s status=%d err=\"%s\"", leg->call_id, status,
			 err_text(err));
}

void leg_respond(struct leg *leg, handle server, struct sip_msg *request, int status, str lines, usec now)
{
	/* What makes or keeps a subscription needs a Contact in its 2xx (RFC 3515 2.2, RFC 6665 8.2). */
	bool contact =
		status / 100 == 2 && (!request || request->method == SIP_REFER || request->method == SIP_SUBSCRIBE);
	enum err err = leg_reply(leg, server, request, status, STR_NONE, lines, contact ? LEG_REPLY_CONTACT : 0, now);

	if (err != ERR_NONE)
		log_info(leg->house->log, "call.leg unanswered", "call=%s status=%d err=\"%s\"", leg->call_id, status,
			 err_text(err));
}

/* ---- offers and refreshes ---- */

/* Keeps the request to be answered by leg_agree or leg_refuse. */
static void keep(struct leg *leg, const struct sip_event *event)
{
	leg->re_server = event->server;
	leg->re_method = event->msg->method;
	sip_stack_keep(leg->house->stack, event->server);
	sip_stack_set_cookie(leg->house->stack, event->server, leg->cookie);
}

static void answer_refresh(struct leg *leg, const struct sip_event *event, usec now)
{
	char text[100];
	struct buf lines;
	enum err err;

	buf_init(&lines, text, sizeof(text));
	session_timer_accept(&leg->timer, &lines, now);
	err = leg_reply(leg, event->server, event->msg, 200, STR_NONE, buf_str(&lines), LEG_REPLY_CONTACT, now);
	if (err != ERR_NONE)
		log_info(leg->house->log, "call.leg unanswered", "call=%s err=\"%s\"", leg->call_id, err_text(err));
}

/* May this INVITE or UPDATE be looked at now? 0, or what to answer. */
static int refusal(const struct leg *leg, bool update, bool offer)
{
	if (leg->state == LEG_ENDING)
		return 481;
	if (leg->re_client && (offer || !update)) /* 14.2; an UPDATE without offer has nothing to do with it */
		return 491;
	if (leg->re_server)
		return 500;
	if (leg->state == LEG_UP)
		return 0;
	if (!update)
		return 500;
	/* RFC 3311 5.2: before the answer, an offer must wait until the first one is settled. */
	if (offer && leg->state == LEG_INVITED)
		return leg->reliable.waits ? 491 : leg->reliable.settled ? 0 : 500;
	return 0;
}

static bool offered(struct leg *leg, const struct sip_event *event, struct leg_event *out, usec now)
{
	struct sip_msg *request = event->msg;
	bool update = request->method == SIP_UPDATE;
	str body = ability_sdp(request);
	int status = refusal(leg, update, body.n > 0);
	char text[100];
	struct buf lines;

	buf_init(&lines, text, sizeof(text));
	if (status == 500) /* RFC 3311 5.2, RFC 3261 14.2: by chance */
		buf_printf(&lines, "Retry-After: %u\r\n", (unsigned)rng_below(leg->house->rng, 11));
	if (!status)
		status = session_timer_judge(&leg->timer, request, &lines);
	if (status) {
		leg_answer(leg, event->server, request, status, buf_str(&lines), now);
		return false;
	}
	if (update && !body.n) { /* only a refresh of target and session (RFC 3311 5.2, RFC 4028 7.4) */
		answer_refresh(leg, event, now);
		return false;
	}
	keep(leg, event);
	*out = (struct leg_event){ .kind = LEG_OFFER, .body = body };
	return true;
}

static bool pracked(struct leg *leg, const struct sip_event *event, struct leg_event *out, usec now)
{
	str body = ability_sdp(event->msg);

	if (!reliable_acknowledge(&leg->reliable, event->msg)) {
		leg_answer(leg, event->server, event->msg, 481, STR_NONE, now);
		return false;
	}
	if (body.n && leg->state == LEG_INVITED && !leg->re_server)
		keep(leg, event);
	else
		leg_answer(leg, event->server, event->msg, body.n ? 488 : 200, STR_NONE, now);
	if (leg->state != LEG_INVITED)
		return false;
	*out = (struct leg_event){ .kind = LEG_PRACKED, .body = leg->re_server == event->server ? body : STR_NONE };
	if (leg->next_status) { /* the next one has waited for this */
		int status = leg->next_status;

		leg->next_status = 0;
		if (leg_progress(leg, status, buf_str(&leg->next_body), now) != ERR_NONE)
			log_info(leg->house->log, "call.leg progress lost", "call=%s", leg->call_id);
	}
	return true;
}

enum err leg_agree(struct leg *leg, str body, usec now)
{
	unsigned flags = leg->re_method == SIP_INVITE   ? LEG_REPLY_CONTACT | LEG_REPLY_HOLD
			 : leg->re_method == SIP_UPDATE ? LEG_REPLY_CONTACT
							: 0;
	char text[100];
	struct buf lines;
	enum err err;

	if (!leg->re_server)
		return ERR_STATE;
	buf_init(&lines, text, sizeof(text));
	if (leg->re_method != SIP_PRACK)
		session_timer_accept(&leg->timer, &lines, now);
	err = leg_reply(leg, leg->re_server, NULL, 200, body, buf_str(&lines), flags, now);
	if (leg->re_method != SIP_INVITE)
		leg->re_server = 0;
	return err;
}

void leg_refuse(struct leg *leg, int status, usec now)
{
	if (leg->re_server)
		leg_answer(leg, leg->re_server, NULL, status, status == 488 ? STR(LEG_INCOMPATIBLE "\r\n") : STR_NONE,
			   now);
	leg->re_server = 0;
}

/* ---- INFO (RFC 6086) ---- */

/* "Signal=5" of application/dtmf-relay, or the bare digit of application/dtmf; 0: neither. */
static char digit_of(struct sip_msg *m)
{
	str rest = m->body, line, value;
	bool relay = ability_is_type(m, STR("application"), STR("dtmf-relay"));

	if (!relay && !ability_is_type(m, STR("application"), STR("dtmf")))
		return 0;
	while (rest.n) {
		str_split(rest, '\n', &line, &rest);
		line = str_trim(line);
		value = line;
		if (relay) {
			str name;

			if (!str_split(line, '=', &name, &value) || !str_eq_nocase(str_trim(name), STR("signal")))
				continue;
			value = str_trim(value);
		}
		if (value.n == 1 && memchr("0123456789*#ABCDabcd", value.p[0], 20))
			return value.p[0];
		if (str_eq(value, STR("10")) || str_eq(value, STR("11"))) /* as events of RFC 4733 are numbered */
			return value.p[1] == '0' ? '*' : '#';
		return 0;
	}
	return 0;
}

static bool informed(struct leg *leg, const struct sip_event *event, struct leg_event *out, usec now)
{
	struct sip_msg *m = event->msg;
	char digit = digit_of(m);
	str package;

	if (sip_msg_find(m, STR("Info-Package"), &package)) { /* 4.2.1: we have named none */
		leg_answer(leg, event->server, m, 469, STR("Recv-Info:\r\n"), now);
		return false;
	}
	if (m->body.n && !digit) {
		bool ours = ability_is_type(m, STR("application"), STR("dtmf-relay")) ||
			    ability_is_type(m, STR("application"), STR("dtmf"));

		leg_answer(leg, event->server, m, ours ? 400 : 415,
			   ours ? STR_NONE : STR("Accept: application/dtmf-relay, application/dtmf\r\n"), now);
		return false;
	}
	leg_answer(leg, event->server, m, 200, STR_NONE, now);
	*out = (struct leg_event){ .kind = LEG_DIGIT, .digit = digit };
	return digit && leg->state == LEG_UP; /* an empty one only asks whether we are here */
}

/* ---- the rest ---- */

static bool hung_up(struct leg *leg, const struct sip_event *event, struct leg_event *out, usec now)
{
	bool ours = leg->state == LEG_ENDING;

	leg_answer(leg, event->server, event->msg, 200, STR_NONE, now);
	if (leg->state == LEG_INVITED) /* 15.1.2 */
		leg_answer(leg, leg->server, NULL, 487, STR_NONE, now);
	leg_finish(leg, out, ours ? leg->why : leg->state == LEG_INVITED ? CALL_CANCELLED : CALL_HUNG_UP, 0, ours);
	out->reason = leg_reason(event->msg);
	return true;
}

static void answer_options(struct leg *leg, const struct sip_event *event, usec now)
{
	char text[800 + CALL_TARGET_N];
	struct buf lines;

	buf_init(&lines, text, sizeof(text));
	buf_printf(&lines, "Contact: <%s>", leg->contact);
	ability_write_features(&leg->house->ability, false, &lines);
	buf_put(&lines, STR("\r\n"));
	ability_write_all(&leg->house->ability, &lines);
	leg_answer(leg, event->server, event->msg, 200, buf_str(&lines), now);
}

bool leg_serve(struct leg *leg, const struct sip_event *event, struct leg_event *out, usec now)
{
	struct sip_msg *request = event->msg;
	int status = sip_dialog_recv_request(leg->dialog, request);
	char text[800];
	struct buf lines;

	buf_init(&lines, text, sizeof(text));
	leg_learn_session(leg, request);
	/* A subscription may be asked for, or asked to end, inside a dialog; whose it is says the call. */
	if (!status && (request->method != SIP_SUBSCRIBE || !leg->house->ability.transfers))
		status = ability_judge(&leg->house->ability, request, &lines);
	if (status) {
		leg_answer(leg, event->server, request, status, buf_str(&lines), now);
		return false;
	}
	if (sip_msg_has(request, SIP_ALLOW))
		leg->far_updates = sip_msg_lists(request, SIP_ALLOW, STR("UPDATE"));
	switch (request->method) {
	case SIP_INVITE:
	case SIP_UPDATE:
		return offered(leg, event, out, now);
	case SIP_PRACK:
		return pracked(leg, event, out, now);
	case SIP_BYE:
		return hung_up(leg, event, out, now);
	case SIP_OPTIONS:
		answer_options(leg, event, now);
		return false;
	case SIP_INFO:
		return informed(leg, event, out, now);
	default:
		*out = (struct leg_event){ .kind = LEG_REQUEST, .msg = request, .server = event->server };
		return true;
	}
}
