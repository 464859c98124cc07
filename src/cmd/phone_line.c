#include "cmd/phone_line.h"

#include "connect/peer_road.h"
#include "store/keeper.h"

static void finish(struct phone_line *p, usec now)
{
	if (p->over)
		return;
	p->over = true;
	p->hang_up_at = USEC_NEVER;
	agent_stop(p->agent, now);
}

static void write_letter(struct phone_line *p, usec now)
{
	p->dialled = true;
	if (agent_write(p->agent, p->call, p->message, now))
		return;
	p->cause = CALL_NO_ROUTE;
	phone_say_failed(&p->say, p->cause, STR("the message cannot be sent"), now);
	finish(p, now);
}

static void letter_happened(struct phone_line *p, const struct agent_event *event, usec now)
{
	phone_say_letter(&p->say, event, now);
	if (event->kind != AGENT_SENT)
		return;
	p->sent = event->status;
	p->cause = event->status < 300 ? CALL_HUNG_UP : call_cause_of_status(event->status, false);
	p->answered = event->status < 300;
	finish(p, now);
}

static void dial(struct phone_line *p, usec now)
{
	p->dialled = true;
	phone_say_calling(&p->say, p->call, now);
	p->current = agent_dial(p->agent, &(struct agent_dialling){ .target = p->call }, now);
	if (!p->current) {
		p->cause = CALL_OVERLOADED;
		phone_say_failed(&p->say, p->cause, STR("no memory for a call"), now);
		finish(p, now);
	}
}

static void reachable(struct phone_line *p, const struct agent_event *event, usec now)
{
	phone_say_agent(&p->say, event, now);
	if (event->kind == AGENT_READY) {
		p->was_ready = true;
		if (p->call.n && !p->dialled && p->message.n)
			write_letter(p, now);
		else if (p->call.n && !p->dialled)
			dial(p, now);
		return;
	}
	/* A script wants to know; who waits for calls may wait for the server, too. */
	if (!p->over && !p->current && (event->final || (!p->was_ready && p->call.n))) {
		p->cause = event->cause;
		phone_say_failed(&p->say, event->cause, event->text, now);
		finish(p, now);
	}
}

static void incoming(struct phone_line *p, handle h, usec now)
{
	struct call *call = agent_call(p->agent, h);
	enum err err;

	if (p->call.n || p->current || p->over) {
		err = call_reject(call, 486, 0, now);
	} else {
		p->current = h;
		err = call_ring(call, 180, false, now);
		if (err == ERR_NONE)
			err = call_answer(call, now);
	}
	if (err != ERR_NONE)
		log_info(p->log, "cmd.phone unanswered", "err=\"%s\"", err_text(err));
}

static void call_happened(struct phone_line *p, const struct agent_event *event, usec now)
{
	const struct call_event *is = &event->is;

	if (is->kind == CALL_EVENT_INCOMING) {
		phone_say_call(&p->say, is, now);
		incoming(p, event->call, now);
		return;
	}
	if (is->kind == CALL_EVENT_REPLACES && is->other == p->current)
		p->next = event->call;
	if (event->call != p->current && event->call != p->next)
		return;
	phone_say_call(&p->say, is, now);
	if (is->kind == CALL_EVENT_REFER)
		p->next = is->other;
	if (is->kind == CALL_EVENT_ENDED && event->call == p->next) {
		p->next = 0;
		return;
	}
	if (is->kind == CALL_EVENT_ENDED && p->next) { /* the phone goes on in the other one */
		p->current = p->next;
		p->next = 0;
		return;
	}
	if (is->kind == CALL_EVENT_ANSWERED) {
		p->answered = true;
		if (p->transfer.n && p->transfer_at == 0)
			p->transfer_at = usec_add(now, USEC_PER_SEC);
		if (p->duration)
			p->hang_up_at = usec_add(now, p->duration);
	}
	if (is->kind == CALL_EVENT_ENDED) {
		p->cause = is->cause;
		p->facts = *is->facts;
		p->current = 0;
		finish(p, now);
	}
}

static void keep(struct phone_line *p, usec now)
{
	struct state_record record = { .owner = p->state_owner, .name = STR(PEER_ROAD_STATE), .updated = now };
	struct keeper_ask *ask;

	while (agent_save(p->agent, &record.value)) {
		ask = p->keeps && p->ask_n < 8
			      ? keeper_ask_new(&(struct keeper_ask){
					.kind = KEEPER_STATE_PUT, .now = now, .states = &record, .n = 1 })
			      : NULL;
		if (ask)
			p->asks[p->ask_n++] = ask;
		else
			log_error(p->log, "cmd.phone state not kept", "owner=" STR_FMT, STR_ARG(p->state_owner));
	}
}

static void settle(struct phone_line *p, usec now)
{
	struct agent_event event;

	while (agent_event(p->agent, &event))
		switch (event.kind) {
		case AGENT_READY:
		case AGENT_DOWN:
			reachable(p, &event, now);
			break;
		case AGENT_CALL:
			call_happened(p, &event, now);
			break;
		case AGENT_MESSAGE:
		case AGENT_SENT:
			letter_happened(p, &event, now);
			break;
		case AGENT_STOPPED:
			p->stopped = true;
			break;
		}
	keep(p, now);
}

static void line_recv(void *self, const struct host_event *event, usec now)
{
	struct phone_line *p = self;

	if (event->kind == HOST_ANSWER) {
		const struct keeper_answer *answer = event->message;

		if (answer->err != ERR_NONE && answer->kind != KEEPER_CHANGED)
			log_error(p->log, "cmd.phone state not kept", "why=\"%s\"", answer->why);
	} else {
		if (event->kind == HOST_STOPPING)
			p->over = true;
		agent_recv(p->agent, event, now);
	}
	settle(p, now);
}

static void pass_on(struct phone_line *p, usec now)
{
	struct call *call = agent_call(p->agent, p->current);
	enum err err = call ? call_refer(call, p->transfer, NULL, now) : ERR_STATE;

	if (err != ERR_NONE)
		phone_say_failed(&p->say, CALL_FAILED, STR("the call cannot be passed on"), now);
}

static void line_tick(void *self, usec now)
{
	struct phone_line *p = self;
	struct call *call;

	if (!p->started) {
		p->started = true;
		p->hang_up_at = USEC_NEVER;
		agent_start(p->agent, now);
	}
	if (now >= p->hang_up_at) {
		p->hang_up_at = USEC_NEVER;
		call = agent_call(p->agent, p->current);
		if (call)
			call_hang_up(call, CALL_CAUSE_NONE, now);
	}
	if (p->transfer_at && now >= p->transfer_at) {
		p->transfer_at = USEC_NEVER;
		pass_on(p, now);
	}
	agent_tick(p->agent, now);
	settle(p, now);
}

static usec line_due(const void *self)
{
	const struct phone_line *p = self;
	usec due = p->transfer_at ? p->transfer_at : USEC_NEVER;

	return p->started ? usec_min(usec_min(p->hang_up_at, due), agent_due(p->agent)) : 0;
}

static bool line_next(void *self, struct host_want *out)
{
	struct phone_line *p = self;

	if (p->ask_n) {
		*out = (struct host_want){ .kind = HOST_ASK, .message = p->asks[0] };
		memmove(p->asks, p->asks + 1, --p->ask_n * sizeof(*p->asks));
		return true;
	}
	if (agent_next(p->agent, out))
		return true;
	if (!p->stopped || p->stop_said)
		return false;
	p->stop_said = true;
	*out = (struct host_want){ .kind = HOST_STOP };
	return true;
}

static void line_drop(void *message)
{
	media_answer_free(message);
}

struct host_service phone_line_service(struct phone_line *p)
{
	return (struct host_service){ p, line_recv, line_tick, line_due, line_next, line_drop };
}
