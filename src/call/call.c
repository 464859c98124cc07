#include "call/call_inside.h"

#include <stdlib.h>

#define MEDIA_PATIENCE (2 * USEC_PER_SEC) /* for the last words of the media service */
#define BYE_PATIENCE   (2 * USEC_PER_SEC)
#define LEG_PATIENCE   (2 * USEC_PER_SEC) /* for the far side's, before the person is told that it is over (15.1.1) */

/* ---- outputs ---- */

struct call_event *call_say(struct call *call, enum call_event_kind kind)
{
	struct call_event *event;

	/* Of too many, the middle ones are lost, never the end. */
	if (call->event_n == CALL_EVENT_N)
		call->event_n--;
	event = &call->events[call->event_n++];
	*event = (struct call_event){ .kind = kind, .facts = &call->facts };
	return event;
}

bool call_event_next(struct call *call, struct call_event *out)
{
	if (!call->event_n)
		return false;
	*out = call->events[0];
	memmove(call->events, call->events + 1, --call->event_n * sizeof(*call->events));
	return true;
}

static struct media_ask *ask(struct call *call, enum media_ask_kind kind)
{
	struct media_ask *message = call->ask_n < CALL_ASK_N ? media_ask_new(kind, call->birth.stream) : NULL;

	if (message)
		call->asks[call->ask_n++] = message;
	return message;
}

struct media_ask *call_media_next(struct call *call)
{
	struct media_ask *first;

	if (!call->ask_n)
		return NULL;
	first = call->asks[0];
	memmove(call->asks, call->asks + 1, --call->ask_n * sizeof(struct media_ask *));
	return first;
}

static void close_media(struct call *call, usec now)
{
	if (call->media == MEDIA_STATE_OPENING || call->media == MEDIA_STATE_OPEN) {
		call->media = ask(call, MEDIA_ASK_CLOSE) ? MEDIA_STATE_CLOSING : MEDIA_STATE_CLOSED;
		call->close_until = usec_add(now, MEDIA_PATIENCE);
	}
}

/* The end is said once both the dialog and the stream are over, so that the facts are complete. */
static void end_if_over(struct call *call)
{
	struct call_event *event;

	if (!call->leg_over || call->state == CALL_ENDED || call->media == MEDIA_STATE_CLOSING)
		return;
	call->state = CALL_ENDED;
	call->ring_until = call->close_until = call->leg_until = call->gone_until = USEC_NEVER;
	event = call_say(call, CALL_EVENT_ENDED);
	event->cause = call->facts.cause;
	event->status = call->facts.status;
	event->by_us = call->facts.by_us;
}

void call_end(struct call *call, enum call_cause cause, int status, bool by_us, str reason, usec now)
{
	if (!call->leg_over) {
		call->leg_over = true;
		if (call->facts.cause == CALL_CAUSE_NONE) {
			call->facts.cause = cause;
			call->facts.by_us = by_us;
		}
		if (!call->facts.answer)
			call->facts.status = status;
		if (!call->facts.reason[0])
			(void)str_copy_z(reason, call->facts.reason, sizeof(call->facts.reason));
		if (!call->facts.end)
			call->facts.end = now;
	}
	call->facts.session = call->leg.session;
	close_media(call, now);
	end_if_over(call);
}

/* ---- birth and death ---- */

struct call *call_new(const struct call_birth *birth)
{
	struct call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->birth = *birth;
	call->ring_until = call->close_until = call->leg_until = call->gone_until = USEC_NEVER;
	buf_init_grow(&call->offer, SDP_TEXT_MAX);
	buf_init_grow(&call->answer, SDP_OFFER_BODY_MAX);
	leg_init(&call->leg, birth->house, birth->cookie);
	offer_answer_init(&call->talk, &birth->wish, birth->house->rng);
	return call;
}

void call_free(struct call *call)
{
	if (!call)
		return;
	for (size_t i = 0; i < call->ask_n; i++)
		media_ask_free(call->asks[i]);
	leg_free(&call->leg);
	offer_answer_wipe(&call->talk);
	buf_free(&call->offer);
	buf_free(&call->answer);
	free(call);
}

const struct call_facts *call_facts(const struct call *call)
{
	return &call->facts;
}

enum call_state call_state(const struct call *call)
{
	return call->state;
}

uint32_t call_stream(const struct call *call)
{
	return call->birth.stream;
}

/* ---- media ---- */

static bool open_media(struct call *call, bool offerer, str offer, enum err *err)
{
	const struct call_media_wish *wish = &call->birth.wish;
	struct media_ask *open = ask(call, MEDIA_ASK_OPEN);

	*err = ERR_MEMORY;
	if (!open)
		return false;
	open->local = wish->local;
	open->stun = wish->stun;
	open->ice = wish->ice;
	open->security = wish->security;
	open->offerer = offerer;
	open->has_device = wish->has_device;
	open->device = wish->device;
	open->bitrate_bps = wish->bitrate_bps;
	*err = offerer ? ERR_NONE : offer_answer_look(&call->talk, offer, open);
	if (*err != ERR_NONE) {
		media_ask_free(call->asks[--call->ask_n]);
		return false;
	}
	call->media = MEDIA_STATE_OPENING;
	return true;
}

/* What was agreed goes to the media service; a change of hold is told to the owner. */
static void connect_media(struct call *call)
{
	const struct sdp_offer_result *agreed = &call->talk.result;
	struct media_ask *message = ask(call, MEDIA_ASK_CONNECT);

	if (message)
		message->agreed = *agreed;
	call->connected = true;
	call->facts.codec = offer_answer_codec(&call->talk);
	call->facts.path.security = agreed->security;
	if (agreed->remote_hold != call->their_hold) {
		call->their_hold = agreed->remote_hold;
		call_say(call, call->their_hold ? CALL_EVENT_HELD : CALL_EVENT_RESUMED);
	}
}

/* ---- outgoing ---- */

void call_dial(struct call *call, str caller, str callee, const struct call_session *session, usec now)
{
	enum err err;

	call->facts.outgoing = true;
	call->facts.start = now;
	(void)str_copy_z(caller, call->facts.caller, sizeof(call->facts.caller));
	(void)str_copy_z(callee, call->facts.callee, sizeof(call->facts.callee));
	if (session)
		call->leg.session = *session;
	call->state = CALL_CALLING;
	if (!open_media(call, true, STR_NONE, &err))
		call_end(call, CALL_NO_MEDIA, 0, true, str_from(err_text(err)), now);
}

static void invite(struct call *call, usec now)
{
	struct call_session session = call->leg.session;
	char text[SDP_OFFER_BODY_MAX];
	struct buf out;
	enum err err;

	if (!call->routed || call->media != MEDIA_STATE_OPEN || call->leg.state != LEG_IDLE || call->leg_over)
		return;
	buf_init(&out, text, sizeof(text));
	err = offer_answer_make(&call->talk, false, &out);
	if (err == ERR_NONE)
		err = leg_invite(&call->leg, &call->plan.plan, &session, buf_str(&out), now);
	memcpy(call->facts.call_id, call->leg.call_id, sizeof(call->facts.call_id));
	call->facts.session = call->leg.session;
	if (err != ERR_NONE)
		call_end(call, err == ERR_UNREACHABLE ? CALL_NO_ROUTE : CALL_FAILED, 0, false, str_from(err_text(err)),
			 now);
}

static bool keep(str s, char *out, size_t cap, str *kept)
{
	*kept = str_of(out, s.n);
	return str_copy_z(s, out, cap);
}

void call_route(struct call *call, const struct leg_plan *plan, usec now)
{
	call->plan.plan = *plan;
	call->routed = keep(plan->uri, call->plan.uri, sizeof(call->plan.uri), &call->plan.plan.uri) &&
		       keep(plan->to, call->plan.to, sizeof(call->plan.to), &call->plan.plan.to) &&
		       keep(plan->from, call->plan.from, sizeof(call->plan.from), &call->plan.plan.from) &&
		       keep(plan->display, call->plan.display, sizeof(call->plan.display), &call->plan.plan.display) &&
		       keep(plan->contact, call->plan.contact, sizeof(call->plan.contact), &call->plan.plan.contact) &&
		       keep(plan->lines, call->plan.lines, sizeof(call->plan.lines), &call->plan.plan.lines) &&
		       keep(plan->target.name, call->plan.name, sizeof(call->plan.name), &call->plan.plan.target.name);
	if (call->routed && call->leg.state == LEG_REDIRECTED)
		call_redirect_follow(call, now);
	else if (call->routed)
		invite(call, now);
	else
		call_end(call, CALL_UNKNOWN, 414, true, STR("the address is too long"), now);
}

void call_fail(struct call *call, enum call_cause cause, int status, str text, usec now)
{
	call_end(call, cause, status, false, text, now);
}

/* An answer to our offer in an 18x or 2xx. false: none, or none that we can use. */
static bool take_answer(struct call *call, const struct leg_event *event)
{
	bool again = event->fork && !offer_answer_waits(&call->talk);
	enum err err;

	if (!event->body.n)
		return call->connected && !event->fork;
	if (!offer_answer_waits(&call->talk) && !again)
		return true; /* RFC 3261 13.2.1: the answer has been given, this is a copy */
	err = offer_answer_take(&call->talk, event->body, again);
	if (err != ERR_NONE) {
		log_info(call->birth.house->log, "call.call bad answer", "call=%s err=\"%s\"", call->leg.call_id,
			 err_text(err));
		return false;
	}
	connect_media(call);
	return true;
}

static void progress(struct call *call, const struct leg_event *event, usec now)
{
	bool early = event->body.n && take_answer(call, event);
	struct call_event *news;

	if (!call->facts.ringing && (event->status == 180 || event->status == 183))
		call->facts.ringing = now;
	call->state = CALL_RINGING;
	news = call_say(call, CALL_EVENT_RINGING);
	news->status = event->status;
	news->early = early;
}

static void hang_up(struct call *call, enum call_cause cause, usec now)
{
	struct leg_event over;

	if (call->leg_over)
		return;
	if (call->facts.cause == CALL_CAUSE_NONE) {
		call->facts.by_us = true;
		call->facts.end = now;
		if (cause)
			call->facts.cause = cause;
	}
	close_media(call, now);
	if (leg_hang_up(&call->leg, cause, &over, now))
		call_end(call, over.cause, over.status, over.by_us, over.reason, now);
	else if (call->leg_until == USEC_NEVER)
		call->leg_until = usec_add(now, LEG_PATIENCE);
}

static void answered(struct call *call, const struct leg_event *event, usec now)
{
	call->facts.answer = now;
	call->facts.session = call->leg.session;
	call->facts.status = event->status;
	if (!take_answer(call, event)) {
		hang_up(call, CALL_NO_CODEC, now);
		return;
	}
	call->state = CALL_UP;
	call_say(call, CALL_EVENT_ANSWERED)->status = event->status;
}

/* ---- incoming ---- */

static void write_party(const struct sip_address *address, char *out, size_t cap)
{
	struct buf text;

	buf_init(&text, out, cap - 1);
	if (address) {
		buf_put(&text, STR("sip:"));
		sip_uri_key(&address->uri, &text);
	}
	out[text.n] = 0;
}

static void refuse_with(struct call *call, int status, str lines, enum call_cause cause, usec now)
{
	if (leg_reject(&call->leg, status, lines, now) != ERR_NONE)
		log_warn(call->birth.house->log, "call.call unrefused", "call=%s status=%d", call->leg.call_id, status);
	call_end(call, cause, status, true, STR_NONE, now);
}

static void refuse(struct call *call, int status, enum call_cause cause, usec now)
{
	refuse_with(call, status, status == 488 ? STR(LEG_INCOMPATIBLE) : STR_NONE, cause, now);
}

void call_take(struct call *call, const struct sip_event *event, const struct sip_target *target, str contact,
	       str proven, usec now)
{
	str body = ability_sdp(event->msg);
	char text[80];
	struct buf lines;
	enum err err;
	int status;

	buf_init(&lines, text, sizeof(text));
	call->facts.start = now;
	call->ring_until = usec_add(now, call->birth.ring_max);
	write_party(sip_msg_from(event->msg), call->facts.caller, sizeof(call->facts.caller));
	write_party(sip_msg_to(event->msg), call->facts.callee, sizeof(call->facts.callee));
	(void)str_copy_z(proven, call->facts.proven, sizeof(call->facts.proven));
	(void)str_copy_z(event->msg->uri_text, call->facts.uri, sizeof(call->facts.uri));
	if (!sip_msg_max_forwards(event->msg, &call->facts.max_forwards))
		call->facts.max_forwards = 70;
	err = leg_take(&call->leg, event, target, contact, now);
	if (err != ERR_NONE) {
		call_end(call, CALL_FAILED, 400, true, str_from(err_text(err)), now);
		return;
	}
	memcpy(call->facts.call_id, call->leg.call_id, sizeof(call->facts.call_id));
	call->facts.session = call->leg.session;
	status = leg_judge(&call->leg, event->msg, &lines);
	if (status) {
		refuse_with(call, status, buf_str(&lines), CALL_FAILED, now);
		return;
	}
	call->late = body.n == 0;
	buf_put(&call->offer, body);
	if (!open_media(call, call->late, body, &err))
		refuse(call, offer_answer_status(err), err == ERR_UNSUPPORTED ? CALL_NO_CODEC : CALL_FAILED, now);
}

/* Our answer (or late offer), made once. ERR_UNSUPPORTED and the like: refuse with offer_answer_status. */
static enum err make_answer(struct call *call)
{
	enum err err;

	if (call->answer.n)
		return ERR_NONE;
	if (call->late)
		return offer_answer_make(&call->talk, false, &call->answer);
	err = offer_answer_answer(&call->talk, false, buf_str(&call->offer), &call->answer);
	if (err == ERR_NONE)
		connect_media(call);
	return err;
}

/* May our description stand in this 18x? An answer may; an offer, which has to arrive, only in a reliable one, and
 * there it must where nothing reliable has gone before (RFC 3261 13.2.1, RFC 3262 5.). */
static bool tells(const struct call *call, bool early)
{
	if (call->told)
		return false;
	if (call->late)
		return leg_is_reliable(&call->leg, false) || (early && leg_is_reliable(&call->leg, true));
	return early;
}

enum err call_ring(struct call *call, int status, bool early, usec now)
{
	enum err err = ERR_NONE;

	if (call->state != CALL_INCOMING || call->leg_over)
		return ERR_STATE;
	early = tells(call, early);
	if (early)
		err = make_answer(call);
	if (err == ERR_NONE)
		err = leg_progress(&call->leg, status, early ? buf_str(&call->answer) : STR_NONE, now);
	if (err == ERR_NONE && early)
		call->told = leg_is_reliable(&call->leg, true);
	if (err == ERR_NONE && !call->facts.ringing)
		call->facts.ringing = now;
	return err;
}

static enum err accept(struct call *call, usec now)
{
	enum err err = leg_accept(&call->leg, call->told ? STR_NONE : buf_str(&call->answer), now);

	if (err != ERR_NONE)
		return err;
	call->answer_wanted = false;
	call->state = CALL_UP;
	call->ring_until = USEC_NEVER;
	call->facts.answer = now;
	call->facts.status = 200;
	call_say(call, CALL_EVENT_ANSWERED)->status = 200;
	return ERR_NONE;
}

enum err call_answer(struct call *call, usec now)
{
	enum err err;

	if (call->state != CALL_INCOMING || call->leg_over)
		return ERR_STATE;
	err = make_answer(call);
	if (err == ERR_UNSUPPORTED || err == ERR_SYNTAX || err == ERR_LIMIT) {
		refuse(call, offer_answer_status(err), CALL_NO_CODEC, now);
		return ERR_NONE;
	}
	if (err != ERR_NONE)
		return err;
	call->answer_wanted = leg_must_wait(&call->leg);
	return call->answer_wanted ? ERR_NONE : accept(call, now);
}

enum err call_reject(struct call *call, int status, uint32_t retry_after, usec now)
{
	char text[40];
	struct buf lines;
	enum err err;

	if (call->state != CALL_INCOMING || call->leg_over)
		return ERR_STATE;
	buf_init(&lines, text, sizeof(text));
	if (retry_after)
		buf_printf(&lines, "Retry-After: %u", (unsigned)retry_after);
	err = leg_reject(&call->leg, status, buf_str(&lines), now);
	call_end(call, call_cause_of_status(status, false), status, true, STR_NONE, now);
	return err;
}

void call_hang_up(struct call *call, enum call_cause cause, usec now)
{
	if (call->state == CALL_ENDED || call->leg_over)
		return;
	hang_up(call, cause, now);
}

/* ---- in the middle ---- */

void call_adopt_session(struct call *call, const char *local)
{
	if (strlen(local) == 32 && strspn(local, "0123456789abcdef") == 32) {
		memcpy(call->leg.session.local, local, 33);
		call->facts.session = call->leg.session;
	}
}

enum err call_dtmf(struct call *call, str digits)
{
	struct media_ask *message;

	if (!call->connected || call->media != MEDIA_STATE_OPEN)
		return ERR_STATE;
	if (digits.n == 0 || digits.n > MEDIA_DIGIT_N)
		return digits.n ? ERR_LIMIT : ERR_SYNTAX;
	for (size_t i = 0; i < digits.n; i++)
		if (!strchr("0123456789*#ABCDabcd", digits.p[i]))
			return ERR_SYNTAX;
	message = ask(call, MEDIA_ASK_DTMF);
	if (!message)
		return ERR_FULL;
	(void)str_copy_z(digits, message->digits, sizeof(message->digits));
	return ERR_NONE;
}

static void agreed(struct call *call, const struct leg_event *event, usec now)
{
	if (offer_answer_take(&call->talk, event->body, false) != ERR_NONE) {
		offer_answer_cancel(&call->talk);
		hang_up(call, CALL_NO_CODEC, now);
		return;
	}
	connect_media(call);
	if (call->held != call->asked_hold) {
		call->held = call->asked_hold;
		call_say(call, call->held ? CALL_EVENT_HELD : CALL_EVENT_RESUMED)->by_us = true;
	}
	call_hold_settle(call, now); /* what was wished meanwhile */
}

static void offered(struct call *call, const struct leg_event *event, usec now)
{
	char text[SDP_OFFER_BODY_MAX];
	struct buf out;
	enum err err;

	buf_init(&out, text, sizeof(text));
	if (event->body.n)
		err = offer_answer_answer(&call->talk, call->hold, event->body, &out);
	else
		err = offer_answer_make(&call->talk, call->hold, &out);
	if (err != ERR_NONE) {
		leg_refuse(&call->leg, offer_answer_status(err), now);
		return;
	}
	if (leg_agree(&call->leg, buf_str(&out), now) == ERR_NONE && event->body.n)
		connect_media(call);
}

/* Our reliable 18x has arrived, perhaps with an answer to the offer in it, perhaps with a new offer. */
static void pracked(struct call *call, const struct leg_event *event, usec now)
{
	bool good = true;

	if (event->body.n && !offer_answer_waits(&call->talk)) {
		offered(call, event, now);
	} else if (event->body.n) {
		good = offer_answer_take(&call->talk, event->body, false) == ERR_NONE;
		if (!good)
			leg_refuse(&call->leg, 488, now);
		else if (leg_agree(&call->leg, STR_NONE, now) == ERR_NONE)
			connect_media(call);
	} else if (call->late && call->told && offer_answer_waits(&call->talk)) {
		good = false; /* RFC 3262 5.: the answer to an offer in an 18x stands in its PRACK */
	}
	if (!good)
		hang_up(call, CALL_NO_CODEC, now);
	else if (call->answer_wanted && accept(call, now) != ERR_NONE)
		hang_up(call, CALL_FAILED, now);
}

static void acked(struct call *call, const struct leg_event *event, usec now)
{
	if (!offer_answer_waits(&call->talk) || call->leg.re_client)
		return;
	if (event->body.n && offer_answer_take(&call->talk, event->body, false) == ERR_NONE) {
		connect_media(call);
		return;
	}
	offer_answer_cancel(&call->talk);
	if (!call->connected)
		hang_up(call, CALL_NO_CODEC, now);
}

static void heard(struct call *call, const struct leg_event *event, usec now)
{
	switch (event->kind) {
	case LEG_PROGRESS:
		progress(call, event, now);
		break;
	case LEG_ACCEPTED:
		answered(call, event, now);
		break;
	case LEG_ACKED:
		acked(call, event, now);
		call_hold_settle(call, now);
		break;
	case LEG_OFFER:
		offered(call, event, now);
		break;
	case LEG_PRACKED:
		pracked(call, event, now);
		break;
	case LEG_MOVED:
		call_redirect_moved(call, event, now);
		break;
	case LEG_REFRESH:
		call_hold_refresh(call, now);
		break;
	case LEG_DIGIT:
		call_say(call, CALL_EVENT_DIGIT)->digit = event->digit;
		break;
	case LEG_REQUEST:
		call_transfer_asked(call, event, now);
		break;
	case LEG_REPLY:
		call_transfer_replied(call, event, now);
		break;
	case LEG_AGREED:
		agreed(call, event, now);
		break;
	case LEG_REFUSED:
		offer_answer_cancel(&call->talk);
		if (event->status != 491 && call->hold == call->asked_hold) /* that one is tried again */
			call->hold = call->held;
		call_hold_settle(call, now);
		break;
	case LEG_RETRY:
		if (call->hold != call->held)
			call_hold_send(call, now);
		break;
	case LEG_ENDED:
		call_end(call, event->cause, event->status, event->by_us, event->reason, now);
		break;
	}
}

bool call_is_with(const struct call *call, const struct sip_address *address)
{
	const char *with = call->facts.outgoing ? call->facts.callee : call->facts.caller;
	char texts[2][CALL_NAME_N];
	struct sip_address first = { 0 };

	if (!address || sip_uri_parse(str_from(with), &first.uri) != ERR_NONE)
		return false;
	write_party(&first, texts[0], CALL_NAME_N);
	write_party(address, texts[1], CALL_NAME_N);
	return strcmp(texts[0], texts[1]) == 0;
}

bool call_owns(const struct call *call, struct sip_msg *msg)
{
	return leg_owns(&call->leg, msg);
}

/* RFC 3891 6.1: who has none says 0. */
static bool is_tag(str tag, str said)
{
	return str_eq(tag, said) || (!tag.n && str_eq(said, STR("0")));
}

bool call_is_dialog(const struct call *call, str call_id, str local_tag, str remote_tag)
{
	const struct sip_dialog *dialog = call->leg.dialog;

	return dialog && str_eq(dialog->call_id, call_id) && is_tag(dialog->local_tag, local_tag) &&
	       is_tag(dialog->remote_tag, remote_tag);
}

void call_recv(struct call *call, const struct sip_event *event, usec now)
{
	struct leg_event news;

	if (leg_recv(&call->leg, event, &news, now) && call->state != CALL_ENDED)
		heard(call, &news, now);
}

static void opened(struct call *call, const struct media_answer *answer, usec now)
{
	if (call->media != MEDIA_STATE_OPENING)
		return;
	call->media = MEDIA_STATE_OPEN;
	offer_answer_opened(&call->talk, &answer->local);
	if (call->facts.outgoing) {
		invite(call, now);
		return;
	}
	if (call->leg.state != LEG_INVITED)
		return;
	call->state = CALL_INCOMING;
	call_say(call, CALL_EVENT_INCOMING);
}

static void media_failed(struct call *call, const struct media_answer *answer, usec now)
{
	/* Who hangs up closes the media path, too, and that word may overtake the BYE. */
	if (answer->err == ERR_CLOSED && call->state == CALL_UP) {
		if (call->gone_until == USEC_NEVER)
			call->gone_until = usec_add(now, BYE_PATIENCE);
		return;
	}
	log_info(call->birth.house->log, "call.call no media", "call=%s err=\"%s\" text=\"%s\"", call->leg.call_id,
		 err_text(answer->err), answer->text);
	if (!call->facts.reason[0])
		(void)str_copy_z(str_from(answer->text), call->facts.reason, sizeof(call->facts.reason));
	if (call->leg.state == LEG_INVITED)
		refuse(call, call_cause_status(CALL_NO_MEDIA), CALL_NO_MEDIA, now);
	else
		hang_up(call, CALL_NO_MEDIA, now);
}

void call_told(struct call *call, const struct media_answer *answer, usec now)
{
	switch (answer->kind) {
	case MEDIA_OPENED:
		opened(call, answer, now);
		break;
	case MEDIA_UP:
		call->facts.path = answer->path;
		if (!call->facts.media_up)
			call->facts.media_up = now;
		call_say(call, CALL_EVENT_MEDIA);
		break;
	case MEDIA_DIGIT:
		call_say(call, CALL_EVENT_DIGIT)->digit = answer->digit;
		break;
	case MEDIA_SILENT:
		if (call->state == CALL_UP && !call->held && !call->their_hold)
			hang_up(call, CALL_GONE, now);
		break;
	case MEDIA_FAILED:
		media_failed(call, answer, now);
		break;
	case MEDIA_CLOSED:
		call->facts.stats = answer->stats;
		call->media = MEDIA_STATE_CLOSED;
		end_if_over(call);
		break;
	}
}

void call_tick(struct call *call, usec now)
{
	struct leg_event news;

	if (leg_tick(&call->leg, &news, now))
		heard(call, &news, now);
	if (now >= call->ring_until) {
		call->ring_until = USEC_NEVER;
		if (call->leg.state == LEG_INVITED)
			hang_up(call, CALL_NO_ANSWER, now);
	}
	call_transfer_tick(call, now);
	if (now >= call->gone_until) {
		call->gone_until = USEC_NEVER;
		hang_up(call, CALL_GONE, now);
	}
	/* Over for the person; the leg lives on until its last transaction has ended (call_is_over). */
	if (now >= call->leg_until) {
		call->leg_until = USEC_NEVER;
		call_end(call, call->leg.why, 0, true, STR_NONE, now);
	}
	if (now >= call->close_until) {
		call->close_until = USEC_NEVER;
		if (call->media == MEDIA_STATE_CLOSING)
			call->media = MEDIA_STATE_CLOSED;
		end_if_over(call);
	}
}

usec call_due(const struct call *call)
{
	return usec_min(usec_min(usec_min(leg_due(&call->leg), call_transfer_due(call)),
				 usec_min(call->leg_until, call->gone_until)),
			usec_min(call->ring_until, call->close_until));
}

bool call_is_over(const struct call *call)
{
	return call->state == CALL_ENDED && (call->leg.state == LEG_OVER || call->leg.state == LEG_IDLE);
}
