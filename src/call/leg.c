#include "call/leg_write.h"

#include <stdio.h>

void leg_init(struct leg *leg, const struct leg_house *house, uint64_t cookie)
{
	*leg = (struct leg){ .house = house, .cookie = cookie, .retry_at = USEC_NEVER, .say_at = USEC_NEVER };
	rng_text(house->rng, leg->tag, sizeof(leg->tag) - 1);
	reliable_init(&leg->reliable);
	session_timer_init(&leg->timer, house->session_expires);
	buf_init_grow(&leg->next_body, SIP_MSG_MAX);
}

void leg_free(struct leg *leg)
{
	sip_msg_free(leg->invite);
	sip_msg_free(leg->request);
	leg->invite = leg->request = NULL;
	for (size_t i = 0; i < leg->fork_n; i++)
		sip_dialog_free(leg->forks[i].dialog);
	leg->fork_n = 0;
	leg->dialog = NULL;
	leg_ask_forget(leg);
	reliable_free(&leg->reliable);
	buf_free(&leg->next_body);
}

bool leg_finish(struct leg *leg, struct leg_event *out, enum call_cause cause, int status, bool by_us)
{
	leg->state = LEG_OVER;
	leg->retry_at = leg->say_at = USEC_NEVER;
	reliable_stop(&leg->reliable);
	session_timer_stop(&leg->timer);
	if (leg->dialog)
		sip_dialog_end(leg->dialog);
	*out = (struct leg_event){ .kind = LEG_ENDED, .cause = cause, .status = status, .by_us = by_us };
	return true;
}

bool leg_send_bye(struct leg *leg, struct leg_event *out, usec now)
{
	leg->state = LEG_ENDING;
	leg->retry_at = USEC_NEVER;
	session_timer_stop(&leg->timer);
	leg->bye_client = leg_send_inside(leg, STR("BYE"), STR_NONE, STR_NONE, now);
	return leg->bye_client == 0 && leg_finish(leg, out, leg->why, 0, true);
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
	leg->client = leg_send_text(leg, buf_str(&out), &leg->target, now);
	if (!leg->client)
		return ERR_UNREACHABLE;
	leg->state = LEG_CALLING;
	return ERR_NONE;
}

/* A 2xx that we do not want: of another branch, or after our CANCEL (13.2.2.4: acknowledge, then BYE). */
static void turn_away(struct leg *leg, struct sip_msg *response, handle client, usec now)
{
	const struct sip_cseq *cseq = sip_msg_cseq(response);
	struct sip_dialog *kept = leg->dialog;
	unsigned answered = leg->answered;

	leg->dialog = sip_dialog_new_caller(leg->invite, response);
	if (leg->dialog && cseq) {
		leg_send_ack(leg, client, cseq->number, now); /* a re-INVITE of ours may be in the air by now */
		leg_send_farewell(leg, now);
	}
	sip_dialog_free(leg->dialog);
	leg->dialog = kept;
	leg->answered = answered;
}

static struct leg_fork *fork_of(struct leg *leg, struct sip_msg *response)
{
	for (size_t i = 0; i < leg->fork_n; i++)
		if (sip_dialog_match(leg->forks[i].dialog, response))
			return &leg->forks[i];
	return NULL;
}

static struct leg_fork *add_fork(struct leg *leg, struct sip_msg *response)
{
	struct sip_dialog *dialog = sip_dialog_new_caller(leg->invite, response);
	struct leg_fork *place;

	if (!dialog)
		return NULL;
	if (leg->fork_n == LEG_FORKS) {
		size_t oldest = leg->forks[0].dialog == leg->dialog;

		sip_dialog_free(leg->forks[oldest].dialog);
		leg->fork_n--;
		memmove(leg->forks + oldest, leg->forks + oldest + 1, (leg->fork_n - oldest) * sizeof(*leg->forks));
	}
	place = &leg->forks[leg->fork_n++];
	*place = (struct leg_fork){ .dialog = dialog };
	return place;
}

/* The dialog of this answer becomes the one that counts. NULL: it makes none. */
static struct leg_fork *note_dialog(struct leg *leg, struct sip_msg *response, bool *fork)
{
	struct leg_fork *place = fork_of(leg, response);

	*fork = false;
	if (place && sip_dialog_recv_response(place->dialog, response) != ERR_NONE)
		return NULL;
	if (!place)
		place = add_fork(leg, response);
	if (!place)
		return NULL;
	*fork = leg->dialog && leg->dialog != place->dialog;
	leg->dialog = place->dialog;
	if (sip_msg_has(response, SIP_ALLOW))
		leg->far_updates = sip_msg_lists(response, SIP_ALLOW, STR("UPDATE"));
	return place;
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
		return leg_finish(leg, out, CALL_FAILED, response->status, false);
	}
	leg_send_ack(leg, client, leg->cseq, now);
	if (leg->cancelled)
		return leg_send_bye(leg, out, now);
	leg->state = LEG_UP;
	session_timer_agreed(&leg->timer, response, true, now);
	*out = (struct leg_event){ .kind = LEG_ACCEPTED, .status = response->status, .body = ability_sdp(response) };
	out->fork = fork;
	return true;
}

/* The INVITE once more, mended. false: it could not be sent. */
static bool invite_again(struct leg *leg, struct sip_msg *again, usec now)
{
	if (!again)
		return false;
	sip_msg_free(leg->invite);
	leg->invite = again;
	leg->cseq++;
	leg->client = leg_send_text(leg, again->text, &leg->target, now);
	return leg->client != 0;
}

/* 22.2, RFC 4028 7.3. true: it is on its way again. */
static bool mended(struct leg *leg, struct sip_msg *response, usec now)
{
	if (leg->cancelled)
		return false;
	if (response->status == 401 || response->status == 407)
		return invite_again(leg, leg_write_again(leg, leg->invite, response, leg->cseq + 1), now);
	if (response->status == 422 && session_timer_raise(&leg->timer, response))
		return invite_again(leg, leg_write_anew(leg, leg->invite, STR_NONE, leg->cseq + 1), now);
	return false;
}

static bool refused(struct leg *leg, struct sip_msg *response, struct leg_event *out, usec now)
{
	int status = response->status;
	enum call_cause cause = call_cause_of_status(status, leg->rang);

	if (mended(leg, response, now))
		return false;
	if (leg->cancelled)
		return leg_finish(leg, out, leg->why, status, true);
	if (status >= 300 && status <= 302 && sip_msg_has(response, SIP_CONTACT)) {
		leg->state = LEG_REDIRECTED;
		*out = (struct leg_event){ .kind = LEG_MOVED, .status = status, .msg = response };
		out->reason = leg_reason(response);
		return true;
	}
	leg_finish(leg, out, cause, status, false);
	out->reason = leg_reason(response);
	return true;
}

enum err leg_redirect(struct leg *leg, str uri, const struct sip_target *target, usec now)
{
	if (leg->state != LEG_REDIRECTED)
		return ERR_STATE;
	if (!keep_target(leg, target))
		return ERR_LIMIT;
	for (size_t i = 0; i < leg->fork_n; i++) /* the branches of the first try are gone */
		sip_dialog_free(leg->forks[i].dialog);
	leg->fork_n = 0;
	leg->dialog = NULL;
	leg_ask_forget(leg); /* what was asked in them cannot be asked again */
	leg->tries = 0;
	leg->state = LEG_CALLING;
	if (invite_again(leg, leg_write_anew(leg, leg->invite, uri, leg->cseq + 1), now))
		return ERR_NONE;
	leg->state = LEG_REDIRECTED;
	return ERR_UNREACHABLE;
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
	if (sip_msg_to(response) && sip_msg_to(response)->tag.n) {
		struct leg_fork *place = note_dialog(leg, response, &fork);
		uint32_t rseq = reliable_rseq(response);

		if (!place || (rseq && !reliable_is_next(&place->rseq, rseq)))
			return false;
		if (rseq)
			leg_send_prack(leg, rseq, now);
	}
	leg->rang = true;
	*out = (struct leg_event){
		.kind = LEG_PROGRESS, .status = response->status, .body = ability_sdp(response), .fork = fork
	};
	return true;
}

/* ---- being called ---- */

enum err leg_take(struct leg *leg, const struct sip_event *event, const struct sip_target *target, str contact,
		  usec now)
{
	const struct sip_uri *uri = sip_msg_uri(event->msg);

	if (!keep_target(leg, target) || !str_copy_z(contact, leg->contact, sizeof(leg->contact)) ||
	    !(leg->dialog =
		      sip_dialog_new_callee(event->msg, str_from(leg->tag), uri && uri->scheme == SIP_SCHEME_SIPS))) {
		leg_answer(leg, event->server, event->msg, 400, STR_NONE, now);
		return ERR_SYNTAX;
	}
	leg->forks[leg->fork_n++] = (struct leg_fork){ .dialog = leg->dialog };
	reliable_read(&leg->reliable, event->msg);
	leg->far_updates = sip_msg_lists(event->msg, SIP_ALLOW, STR("UPDATE"));
	(void)str_copy_z(sip_msg_call_id(event->msg), leg->call_id, sizeof(leg->call_id));
	leg_learn_session(leg, event->msg);
	leg_make_session(leg);
	leg->server = event->server;
	sip_stack_set_cookie(leg->house->stack, event->server, leg->cookie);
	leg->state = LEG_INVITED;
	return ERR_NONE;
}

int leg_judge(struct leg *leg, struct sip_msg *invite, struct buf *lines)
{
	int status = session_timer_judge(&leg->timer, invite, lines);

	leg->wish = leg->timer.asked;
	return status;
}

bool leg_is_reliable(const struct leg *leg, bool with_body)
{
	return reliable_wanted(&leg->reliable, with_body);
}

bool leg_must_wait(const struct leg *leg)
{
	return leg->reliable.waits && leg->reliable.has_sdp;
}

static enum err send_reliably(struct leg *leg, usec now)
{
	char text[80];
	struct buf lines;

	buf_init(&lines, text, sizeof(text));
	reliable_write(&leg->reliable, &lines);
	return leg_reply(leg, leg->server, NULL, leg->reliable.status, buf_str(&leg->reliable.body), buf_str(&lines),
			 LEG_REPLY_CONTACT, now);
}

/* 13.3.1.1: while somebody is sought, the proxies on the way hear so every minute; or, where it arrives for certain,
 * every two and a half (RFC 3262 3.). */
#define SAY_AGAIN          (60 * USEC_PER_SEC)
#define SAY_AGAIN_RELIABLY (150 * USEC_PER_SEC)

enum err leg_progress(struct leg *leg, int status, str body, usec now)
{
	struct sip_timing timing = SIP_TIMING_DEFAULT;
	enum err err;

	if (leg->state != LEG_INVITED)
		return ERR_STATE;
	leg->said_status = status;
	leg->say_at = usec_add(now, reliable_wanted(&leg->reliable, body.n > 0) ? SAY_AGAIN_RELIABLY : SAY_AGAIN);
	if (!reliable_wanted(&leg->reliable, body.n > 0))
		return leg_reply(leg, leg->server, NULL, status, body, STR_NONE, LEG_REPLY_CONTACT, now);
	if (leg->reliable.waits) {
		buf_reset(&leg->next_body);
		buf_put(&leg->next_body, body);
		leg->next_status = buf_ok(&leg->next_body) ? status : 0;
		return leg->next_status ? ERR_NONE : ERR_MEMORY;
	}
	err = reliable_start(&leg->reliable, status, body, leg->house->rng, &timing, now);
	return err == ERR_NONE ? send_reliably(leg, now) : err;
}

enum err leg_accept(struct leg *leg, str body, usec now)
{
	char text[100];
	struct buf lines;
	enum err err;

	if (leg->state != LEG_INVITED || leg_must_wait(leg))
		return ERR_STATE;
	buf_init(&lines, text, sizeof(text));
	leg->timer.asked = leg->wish;
	session_timer_accept(&leg->timer, &lines, now);
	err = leg_reply(leg, leg->server, NULL, 200, body, buf_str(&lines), LEG_REPLY_CONTACT | LEG_REPLY_HOLD, now);
	if (err != ERR_NONE)
		return err;
	reliable_stop(&leg->reliable);
	leg->say_at = USEC_NEVER;
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
	err = leg_reply(leg, leg->server, NULL, status, STR_NONE, lines, 0, now);
	leg_finish(leg, &unheard, CALL_DECLINED, status, true);
	return err;
}

/* ---- inside the dialog ---- */

bool leg_hang_up(struct leg *leg, enum call_cause cause, struct leg_event *out, usec now)
{
	leg->why = cause                                                       ? cause
		   : leg->state == LEG_CALLING || leg->state == LEG_REDIRECTED ? CALL_CANCELLED
									       : CALL_HUNG_UP;
	switch (leg->state) {
	case LEG_IDLE:
		return leg_finish(leg, out, leg->why, 0, true);
	case LEG_CALLING:
		leg->cancelled = true;
		leg->state = LEG_ENDING;
		sip_stack_cancel(leg->house->stack, leg->client, now);
		return false;
	case LEG_REDIRECTED:
		return leg_finish(leg, out, leg->why, 0, true);
	case LEG_INVITED:
		leg_answer(leg, leg->server, NULL, cause ? call_cause_status(cause) : 480, STR_NONE, now);
		return leg_finish(leg, out, leg->why, cause ? call_cause_status(cause) : 480, true);
	case LEG_ANSWERED: /* 15.: the callee must not send BYE before the ACK */
		leg->bye_wanted = true;
		return false;
	case LEG_UP:
		return leg_send_bye(leg, out, now);
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
	leg->re_client = leg_send_inside(leg, STR("INVITE"), STR_NONE, body, now);
	if (!leg->re_client)
		return ERR_UNREACHABLE;
	leg->cseq = leg->dialog->local_cseq;
	return ERR_NONE;
}

bool leg_owns(const struct leg *leg, struct sip_msg *request)
{
	return leg->dialog && leg->state != LEG_OVER && sip_dialog_match(leg->dialog, request);
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
		return leg_send_bye(leg, out, now);
	}
	*out = (struct leg_event){ .kind = LEG_ACKED, .body = ability_sdp(event->msg) };
	return leg->state == LEG_UP;
}

/* ---- the five verbs ---- */

static bool lost(struct leg *leg, const struct sip_event *event, struct leg_event *out, usec now)
{
	bool timeout = event->kind == SIP_EVENT_TIMEOUT;

	if (leg_ask_answered(leg, event, out, now))
		return true;
	if (event->client == leg->bye_client)
		return leg_finish(leg, out, leg->why, 0, true);
	if (event->client == leg->re_client) { /* 12.2.1.2: no answer to a re-INVITE ends the call */
		leg->re_client = 0;
		if (leg->state != LEG_UP)
			return false;
		leg->why = CALL_GONE;
		return leg_send_bye(leg, out, now);
	}
	if (event->client != leg->client || leg->state == LEG_UP)
		return false;
	if (leg->cancelled)
		return leg_finish(leg, out, leg->why, 0, true);
	return leg_finish(leg, out,
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
			return leg_reinvite_answered(leg, event, out, now);
		if (event->client == leg->bye_client && leg->state == LEG_ENDING)
			return leg_bye_answered(leg, event, out, now);
		return leg_ask_answered(leg, event, out, now);
	case SIP_EVENT_TIMEOUT:
	case SIP_EVENT_UNREACHABLE:
		return event->client && lost(leg, event, out, now);
	case SIP_EVENT_REQUEST:
		return leg_serve(leg, event, out, now);
	case SIP_EVENT_ACK:
		return acknowledged(leg, event, out, now);
	case SIP_EVENT_CANCEL:
		if (event->server != leg->server || leg->state != LEG_INVITED)
			return false;
		leg_answer(leg, leg->server, NULL, 487, STR_NONE, now);
		leg_finish(leg, out, CALL_CANCELLED, 487, false);
		if (event->msg)
			out->reason = leg_reason(event->msg);
		return true;
	case SIP_EVENT_UNACKED: /* 13.3.1.4 */
		if (event->server == leg->re_server)
			leg->re_server = 0;
		if (leg->state != LEG_ANSWERED && leg->state != LEG_UP)
			return false;
		leg->why = leg->bye_wanted ? leg->why : CALL_GONE;
		return leg_send_bye(leg, out, now);
	default:
		return false;
	}
}

/* Nobody has acknowledged our 18x (RFC 3262 3.). */
static bool unpracked(struct leg *leg, struct leg_event *out, usec now)
{
	leg_answer(leg, leg->server, NULL, 504, STR_NONE, now);
	return leg_finish(leg, out, CALL_GONE, 504, true);
}

bool leg_tick(struct leg *leg, struct leg_event *out, usec now)
{
	if (leg->state == LEG_INVITED) {
		switch (reliable_tick(&leg->reliable, now)) {
		case RELIABLE_QUIET:
			break;
		case RELIABLE_REPEAT:
			if (send_reliably(leg, now) != ERR_NONE)
				reliable_stop(&leg->reliable);
			break;
		case RELIABLE_LOST:
			return unpracked(leg, out, now);
		}
		if (now >= leg->say_at && leg_progress(leg, leg->said_status, STR_NONE, now) != ERR_NONE)
			log_info(leg->house->log, "call.leg progress lost", "call=%s", leg->call_id);
	}
	switch (session_timer_tick(&leg->timer, now)) {
	case SESSION_TIMER_QUIET:
		break;
	case SESSION_TIMER_REFRESH:
		return leg_refresh(leg, out, now);
	case SESSION_TIMER_EXPIRED:
		if (leg->state != LEG_UP)
			break;
		leg->why = CALL_GONE;
		return leg_send_bye(leg, out, now);
	}
	if (now < leg->retry_at)
		return false;
	leg->retry_at = USEC_NEVER;
	*out = (struct leg_event){ .kind = LEG_RETRY };
	return leg->state == LEG_UP;
}

usec leg_due(const struct leg *leg)
{
	return usec_min(usec_min(leg->retry_at, leg->say_at),
			usec_min(reliable_due(&leg->reliable), session_timer_due(&leg->timer)));
}
