#include "call/leg_write.h"

#include <stdio.h>

#define NIL_SESSION "00000000000000000000000000000000"

/* ---- words that many messages share ---- */

static void write_session(const struct leg *leg, struct buf *lines)
{
	buf_printf(lines, "Session-ID: %s;remote=%s\r\n", leg->session.local[0] ? leg->session.local : NIL_SESSION,
		   leg->session.remote[0] ? leg->session.remote : NIL_SESSION);
}

void leg_write_lines(const struct leg *leg, bool invites, bool response, struct buf *lines)
{
	write_session(leg, lines);
	if (invites) {
		ability_write_allow(&leg->house->ability, lines);
		ability_write_supported(&leg->house->ability, lines);
		ability_write_events(&leg->house->ability, lines);
	}
	if (leg->house->software.n)
		buf_printf(lines, "%s: " STR_FMT "\r\n", response ? "Server" : "User-Agent",
			   STR_ARG(leg->house->software));
}

/* Lines are kept with their CRLFs; sip/edit.h wants them between the lines only. */
str leg_write_joined(const struct buf *lines)
{
	return str_head(buf_str(lines), lines->n >= 2 ? lines->n - 2 : 0);
}

static bool is_hex(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!strchr("0123456789abcdefABCDEF", s.p[i]))
			return false;
	return s.n == 32;
}

/* RFC 7989 6: the far side's half is the `local` of what it sends. */
void leg_learn_session(struct leg *leg, const struct sip_msg *msg)
{
	struct sip_session_id id;

	if (sip_session_id_parse(sip_msg_value(msg, SIP_SESSION_ID), &id) != ERR_NONE || !is_hex(id.local))
		return;
	for (size_t i = 0; i < 32; i++)
		leg->session.remote[i] = str_lower(id.local.p[i]);
	if (str_eq(str_from(leg->session.remote), STR(NIL_SESSION)))
		leg->session.remote[0] = 0;
}

void leg_make_session(struct leg *leg)
{
	uint8_t half[16];
	struct buf out;

	if (leg->session.local[0])
		return;
	rng_fill(leg->house->rng, half, sizeof(half));
	buf_init(&out, leg->session.local, sizeof(leg->session.local));
	buf_put_hex(&out, half, sizeof(half));
	leg->session.local[32] = 0;
}

/* The phrase of a refusal, or better its Reason field's text (RFC 3326). */
str leg_reason(const struct sip_msg *msg)
{
	struct sip_reason reason;

	if (sip_reason_parse(sip_msg_value(msg, SIP_REASON), &reason) == ERR_NONE && reason.text.n)
		return reason.text;
	return msg->is_request ? STR_NONE : msg->reason;
}

/* ---- whole messages ---- */

enum err leg_write_inside(struct leg *leg, str method, uint32_t cseq, str more, str type, str body, struct buf *out)
{
	char line_text[LEG_LINES_MAX], contact[CALL_TARGET_N + 2], room[8192];
	bool refreshes = str_eq(method, STR("INVITE")) || str_eq(method, STR("UPDATE"));
	bool targets = refreshes || str_eq(method, STR("REFER")) || str_eq(method, STR("NOTIFY"));
	struct sip_request request;
	struct arena scratch;
	struct buf lines;
	enum err err;

	arena_init(&scratch, room, sizeof(room), 65536);
	buf_init(&lines, line_text, sizeof(line_text));
	leg_write_lines(leg, refreshes, false, &lines);
	if (refreshes)
		session_timer_write_request(&leg->timer, &lines);
	else if (!str_eq(method, STR("ACK"))) /* RFC 4028 7.1: in each request */
		ability_write_supported(&leg->house->ability, &lines);
	buf_put(&lines, more);
	err = sip_dialog_request(leg->dialog, method, cseq, &request, &scratch);
	if (err == ERR_NONE && leg->house->account && !str_eq(method, STR("ACK"))) {
		err = account_answer(leg->house->account, method, request.uri, body, &lines, &leg->answered);
	}
	if (err == ERR_NONE) {
		request.lines = leg_write_joined(&lines);
		request.content_type = !body.n ? STR_NONE : type.n ? type : STR("application/sdp");
		request.body = body;
		snprintf(contact, sizeof(contact), "<%s>", leg->contact);
		if (targets)
			request.contact = str_from(contact);
		err = buf_ok(&lines) ? sip_request_write(&request, out) : ERR_FULL;
	}
	arena_free(&scratch);
	return err;
}

struct sip_msg *leg_write_retry(const struct leg_house *house, struct sip_msg *sent, struct sip_msg *response,
				uint32_t cseq, unsigned *tries, unsigned *answered)
{
	struct account *account = house->account;
	char text[LEG_MESSAGE_MAX], line_text[LEG_LINES_MAX], cseq_text[48];
	struct sip_edits edits;
	struct buf out, lines;

	if (!account || !sent || (*tries)++ >= ACCOUNT_TRIES ||
	    account_challenged(account, response, *answered) != ERR_NONE)
		return NULL;
	buf_init(&lines, line_text, sizeof(line_text));
	buf_init(&out, text, sizeof(text));
	if (account_answer(account, sent->method_text, sent->uri_text, sent->body, &lines, answered) != ERR_NONE)
		return NULL;
	snprintf(cseq_text, sizeof(cseq_text), "%u " STR_FMT, (unsigned)cseq, STR_ARG(sent->method_text));
	sip_edits_init(&edits);
	sip_edits_note(&edits, SIP_EDIT_REMOVE, SIP_AUTHORIZATION, STR_NONE);
	sip_edits_note(&edits, SIP_EDIT_REMOVE, SIP_PROXY_AUTHORIZATION, STR_NONE);
	sip_edits_note(&edits, SIP_EDIT_SET, SIP_CSEQ, str_from(cseq_text));
	sip_edits_note(&edits, SIP_EDIT_ADD, SIP_OTHER, leg_write_joined(&lines));
	if (sip_edits_write(sent, &edits, &out) != ERR_NONE)
		return NULL;
	return sip_msg_new(buf_str(&out));
}

struct sip_msg *leg_write_again(struct leg *leg, struct sip_msg *sent, struct sip_msg *response, uint32_t cseq)
{
	return leg_write_retry(leg->house, sent, response, cseq, &leg->tries, &leg->answered);
}

struct sip_msg *leg_write_anew(struct leg *leg, struct sip_msg *sent, str uri, uint32_t cseq)
{
	struct account *account = leg->house->account;
	char text[LEG_MESSAGE_MAX], line_text[LEG_LINES_MAX], cseq_text[48];
	struct sip_edits edits;
	struct buf out, lines;

	buf_init(&lines, line_text, sizeof(line_text));
	buf_init(&out, text, sizeof(text));
	session_timer_write_request(&leg->timer, &lines);
	leg->answered = 0;
	if (account && account_answer(account, sent->method_text, uri.n ? uri : sent->uri_text, sent->body, &lines,
				      &leg->answered) != ERR_NONE)
		return NULL;
	snprintf(cseq_text, sizeof(cseq_text), "%u " STR_FMT, (unsigned)cseq, STR_ARG(sent->method_text));
	sip_edits_init(&edits);
	sip_edits_note(&edits, SIP_EDIT_REMOVE, SIP_AUTHORIZATION, STR_NONE);
	sip_edits_note(&edits, SIP_EDIT_REMOVE, SIP_PROXY_AUTHORIZATION, STR_NONE);
	sip_edits_note(&edits, SIP_EDIT_REMOVE, SIP_SESSION_EXPIRES, STR_NONE);
	sip_edits_note(&edits, SIP_EDIT_REMOVE, SIP_MIN_SE, STR_NONE);
	sip_edits_note(&edits, SIP_EDIT_SET, SIP_CSEQ, str_from(cseq_text));
	if (uri.n)
		sip_edits_note(&edits, SIP_EDIT_URI, SIP_OTHER, uri);
	if (lines.n)
		sip_edits_note(&edits, SIP_EDIT_ADD, SIP_OTHER, leg_write_joined(&lines));
	if (!buf_ok(&lines) || sip_edits_write(sent, &edits, &out) != ERR_NONE)
		return NULL;
	return sip_msg_new(buf_str(&out));
}

enum err leg_write_invite(struct leg *leg, const struct leg_plan *plan, str body, struct buf *out)
{
	char line_text[LEG_LINES_MAX], from_text[CALL_NAME_N * 3], to_text[CALL_TARGET_N + 2],
		contact[CALL_TARGET_N + 2];
	struct buf lines, from, to;
	enum err err = ERR_NONE;

	buf_init(&lines, line_text, sizeof(line_text));
	buf_init(&from, from_text, sizeof(from_text));
	buf_init(&to, to_text, sizeof(to_text));
	leg_write_lines(leg, true, false, &lines);
	session_timer_write_request(&leg->timer, &lines);
	buf_put(&lines, plan->lines);
	leg->answered = 0;
	if (leg->house->account) {
		err = account_answer(leg->house->account, STR("INVITE"), plan->uri, body, &lines, &leg->answered);
	}
	if (plan->display.n) {
		sip_quote(plan->display, &from);
		buf_put_char(&from, ' ');
	}
	buf_printf(&from, "<" STR_FMT ">;tag=%s", STR_ARG(plan->from), leg->tag);
	buf_printf(&to, "<" STR_FMT ">", STR_ARG(plan->to.n ? plan->to : plan->uri));
	snprintf(contact, sizeof(contact), "<%s>", leg->contact);
	if (err != ERR_NONE)
		return err;
	if (!buf_ok(&lines) || !buf_ok(&from) || !buf_ok(&to))
		return ERR_LIMIT;
	return sip_request_write(&(struct sip_request){ .method = STR("INVITE"),
							.max_forwards = plan->max_forwards,
							.uri = plan->uri,
							.from = buf_str(&from),
							.to = buf_str(&to),
							.call_id = str_from(leg->call_id),
							.cseq = leg->cseq,
							.contact = str_from(contact),
							.lines = leg_write_joined(&lines),
							.content_type = body.n ? STR("application/sdp") : STR_NONE,
							.body = body },
				 out);
}
