#include "call/agent_inside.h"
#include "call/leg_write.h"

#include <stdio.h>
#include <stdlib.h>

#define LETTER_MAX 1300u /* RFC 3428 8.: no larger ones by a way that may lose or flood */
#define NOTES_MAX  64u   /* that wait for the owner; more are answered with 480 */

/* ---- they write ---- */

static bool keep_note(struct agent *a, struct sip_msg *m)
{
	const struct sip_address *from = sip_msg_from(m);
	str uri = from ? from->uri.text : STR_NONE;
	struct agent_note *note = a->note_n < NOTES_MAX ? malloc(sizeof(*note) + uri.n + m->body.n) : NULL;

	if (!note)
		return false;
	note->next = NULL;
	note->from = str_of(note->bytes, uri.n);
	note->text = str_of(note->bytes + uri.n, m->body.n);
	if (uri.n)
		memcpy(note->bytes, uri.p, uri.n);
	if (m->body.n)
		memcpy(note->bytes + uri.n, m->body.p, m->body.n);
	*a->last_note = note;
	a->last_note = &note->next;
	a->note_n++;
	return true;
}

void agent_message_take(struct agent *a, const struct sip_event *event, usec now)
{
	struct sip_reply reply = { .status = !a->stopping && keep_note(a, event->msg) ? 200 : 480 };

	if (sip_stack_reply(a->stack, event->server, event->msg, &reply, false, now) != ERR_NONE)
		log_info(a->settings.log, "call.agent unanswered", "status=%d", reply.status);
}

bool agent_message_next(struct agent *a, struct agent_event *out)
{
	struct agent_note *note = a->notes;

	free(a->read_note);
	a->read_note = note;
	if (!note)
		return false;
	a->notes = note->next;
	if (!a->notes)
		a->last_note = &a->notes;
	a->note_n--;
	*out = (struct agent_event){ .kind = AGENT_MESSAGE, .from = note->from, .text = note->text };
	return true;
}

/* ---- we write ---- */

static void let_go(struct agent_letter *letter)
{
	sip_msg_free(letter->sent);
	*letter = (struct agent_letter){ 0 };
}

static void ended(struct agent *a, struct agent_letter *letter, int status)
{
	struct agent_event event = { .kind = AGENT_SENT, .message = letter->number, .status = status };

	if (queue_put(&a->events, &event) != ERR_NONE)
		log_error(a->settings.log, "call.agent event lost", "kind=%d", (int)event.kind);
	let_go(letter);
}

static uint64_t cookie_of(const struct agent *a, const struct agent_letter *letter)
{
	return AGENT_MESSAGE_COOKIE + (uint64_t)(letter - a->letters);
}

static bool post(struct agent *a, struct agent_letter *letter, const struct sip_target *target, usec now)
{
	struct sip_outgoing outgoing = { .draft.text = letter->sent->text,
					 .target = *target,
					 .cookie = cookie_of(a, letter) };

	letter->client = sip_stack_request(a->stack, &outgoing, now);
	return letter->client != 0;
}

static struct sip_msg *write_letter(struct agent *a, str uri, str text, unsigned *answered)
{
	char line_text[LEG_LINES_MAX], all[LEG_MESSAGE_MAX], from[CALL_NAME_N + 32], to[CALL_TARGET_N + 2], id[25];
	struct sip_request request = { .method = STR("MESSAGE"), .uri = uri, .cseq = 1, .body = text };
	struct buf lines, out;

	buf_init(&lines, line_text, sizeof(line_text));
	buf_init(&out, all, sizeof(all));
	agent_reach_write_routes(a, &lines);
	ability_write_supported(&a->house.ability, &lines);
	*answered = 0;
	if (a->house.account &&
	    account_answer(a->house.account, request.method, uri, text, &lines, answered) != ERR_NONE)
		return NULL;
	rng_text(a->settings.rng, id, sizeof(id) - 1);
	snprintf(from, sizeof(from), "<%s>;tag=%.8s", a->aor, id);
	snprintf(to, sizeof(to), "<" STR_FMT ">", STR_ARG(uri));
	request.from = str_from(from);
	request.to = str_from(to);
	request.call_id = str_of(id, sizeof(id) - 1);
	request.lines = leg_write_joined(&lines);
	request.content_type = STR("text/plain;charset=utf-8");
	return sip_request_write(&request, &out) == ERR_NONE ? sip_msg_new(buf_str(&out)) : NULL;
}

/* Through the server, to the address in the URI, or to be looked up. false: no way. */
static bool send_off(struct agent *a, struct agent_letter *letter, usec now)
{
	struct sip_target target = { .transport = a->settings.transport, .tls = a->settings.tls };
	const struct sip_uri *uri = sip_msg_uri(letter->sent);
	struct sip_locate_wish wish;

	if (!agent_route_goes_by(a, letter->sent->uri_text, a->settings.transport))
		return false;
	if (agent_needs_proxy(a))
		return a->proxy.transport && post(a, letter, &a->proxy, now);
	if (!uri || (sip_uri_param(uri, STR("transport"), NULL) && !sip_uri_transport(uri, &target.transport)))
		return false;
	target.name = uri->host;
	if (sip_uri_addr(uri, &target.addr))
		return post(a, letter, &target, now);
	if (sip_locate_wish_uri(uri, &wish) != ERR_NONE)
		return false;
	if (!wish.transport)
		wish.transport = a->settings.transport;
	letter->resolving = sip_locate_find(a->locate, &wish, cookie_of(a, letter), now);
	return letter->resolving != 0;
}

uint32_t agent_write(struct agent *a, str target, str text, usec now)
{
	struct agent_letter *letter = NULL;
	char uri_text[CALL_TARGET_N];
	struct buf uri;

	a->now = now;
	for (size_t i = 0; i < AGENT_MESSAGES_MAX && !letter; i++)
		if (!a->letters[i].number)
			letter = &a->letters[i];
	buf_init(&uri, uri_text, sizeof(uri_text));
	agent_route_write_target(a, target, &uri);
	if (!letter || a->settings.road || a->stopping || !text.n || text.n > LETTER_MAX || !buf_ok(&uri))
		return 0;
	letter->sent = write_letter(a, buf_str(&uri), text, &letter->answered);
	letter->number = ++a->letter_number ? a->letter_number : ++a->letter_number;
	if (letter->sent && send_off(a, letter, now))
		return letter->number;
	let_go(letter);
	return 0;
}

bool agent_message_located(struct agent *a, const struct sip_found *found, usec now)
{
	struct agent_letter *letter;
	struct sip_target target = { .tls = a->settings.tls };

	if (found->cookie < AGENT_MESSAGE_COOKIE || found->cookie == AGENT_REGISTRATION_COOKIE)
		return false;
	letter = &a->letters[found->cookie - AGENT_MESSAGE_COOKIE];
	if (!letter->number || letter->resolving != found->search)
		return true;
	letter->resolving = 0;
	if (found->n) {
		target.transport = found->places[0].transport;
		target.addr = found->places[0].addr;
		target.name = sip_msg_uri(letter->sent) ? sip_msg_uri(letter->sent)->host : STR_NONE;
	}
	if (!found->n || !post(a, letter, &target, now))
		ended(a, letter, 503);
	return true;
}

void agent_message_answered(struct agent *a, const struct sip_event *event, usec now)
{
	struct agent_letter *letter = &a->letters[event->cookie - AGENT_MESSAGE_COOKIE];
	struct sip_msg *again = NULL;
	int status = event->kind == SIP_EVENT_TIMEOUT       ? 408
		     : event->kind == SIP_EVENT_UNREACHABLE ? 503
		     : event->msg                           ? event->msg->status
							    : 0;

	if (!letter->number || letter->client != event->client || status < 200)
		return;
	if (event->msg && (status == 401 || status == 407))
		again = leg_write_retry(&a->house, letter->sent, event->msg, letter->tries + 2, &letter->tries,
					&letter->answered);
	if (!again) {
		ended(a, letter, status);
		return;
	}
	sip_msg_free(letter->sent);
	letter->sent = again;
	if (!send_off(a, letter, now))
		ended(a, letter, 503);
}

void agent_message_free(struct agent *a)
{
	struct agent_note *note;

	for (size_t i = 0; i < AGENT_MESSAGES_MAX; i++)
		let_go(&a->letters[i]);
	while ((note = a->notes)) {
		a->notes = note->next;
		free(note);
	}
	a->last_note = &a->notes;
	free(a->read_note);
	a->read_note = NULL;
}
