#include "call/agent_inside.h"

#include <stdio.h>

/* A road has one flow at a time, and to the stack it is always the same one: so what was begun over a flow that
 * broke goes on over the next (docs/wire/overlay.md: the far end's address stays). */
static struct flow road_flow(const struct flow *flow)
{
	struct flow out = *flow;

	out.id = AGENT_ROAD_BASE;
	return out;
}

static void to_stack(struct agent *a, enum host_event_kind kind, const struct flow *flow, str bytes, enum err err,
		     str proven, usec now)
{
	struct host_event event = { .kind = kind,
				    .transport = flow->transport,
				    .id = flow->id,
				    .local = flow->local,
				    .remote = flow->remote,
				    .bytes = bytes,
				    .err = err };

	sip_stack_recv(a->stack, &event, now);
	agent_pump(a, proven, now);
}

static void road_up(struct agent *a, const struct road_event *event, usec now)
{
	a->road_own_flow = event->flow;
	a->road_flow = road_flow(&event->flow);
	snprintf(a->aor, sizeof(a->aor), "sip:" STR_FMT, STR_ARG(event->name));
	(void)str_copy_z(event->contact, a->contact, sizeof(a->contact));
	to_stack(a, HOST_ACCEPTED, &a->road_flow, STR_NONE, ERR_NONE, STR_NONE, now);
	agent_reach_ready(a);
}

static void road_down(struct agent *a, const struct road_event *event, usec now)
{
	struct flow flow = a->road_flow;

	a->road_flow = (struct flow){ 0 };
	if (flow.transport)
		to_stack(a, HOST_CLOSED, &flow, STR_NONE, event->err, STR_NONE, now);
	agent_reach_down(a, event->status ? call_cause_of_status(event->status, false) : CALL_NO_ROUTE, event->status,
			 event->final, event->text);
}

void agent_road_pump(struct agent *a, usec now)
{
	const struct road *road = a->settings.road;
	struct road_event event;

	while (road && road->event(road->self, &event)) {
		switch (event.kind) {
		case ROAD_UP:
			road_up(a, &event, now);
			break;
		case ROAD_DOWN:
			road_down(a, &event, now);
			break;
		case ROAD_FOUND:
		case ROAD_MISSING:
			agent_route_found(a, &event, now);
			break;
		case ROAD_MESSAGE: {
			struct flow flow = road_flow(&event.flow);

			to_stack(a, HOST_BYTES, &flow, event.bytes, ERR_NONE, event.peer, now);
			break;
		}
		}
	}
}

/* What the road cannot take is answered in its stead, so that nobody waits for it. */
static void answer_unsent(struct agent *a, str bytes, enum err err)
{
	char text[4096], first[SIP_MSG_ARENA];
	struct sip_reply reply = { .status = err == ERR_ABSENT ? 493 : 503, .to_tag = STR("unsent") };
	struct flow flow = a->road_flow;
	struct arena arena;
	struct sip_msg msg;
	struct buf out;

	arena_init(&arena, first, sizeof(first), SIP_MSG_HEAP_MAX);
	buf_init(&out, text, sizeof(text));
	if (sip_msg_parse(&msg, &arena, bytes) == ERR_NONE && msg.is_request && msg.method != SIP_ACK &&
	    sip_reply_write(&msg, &reply, &out) == ERR_NONE)
		to_stack(a, HOST_BYTES, &flow, buf_str(&out), ERR_NONE, STR_NONE, a->now);
	arena_free(&arena);
}

bool agent_road_is_for_host(struct agent *a, const struct host_want *want)
{
	const struct road *road = a->settings.road;
	enum err err;

	if (want->id != AGENT_ROAD_BASE)
		return true;
	if (want->kind != HOST_WRITE || !a->road_flow.transport)
		return false;
	err = road->send(road->self, &a->road_own_flow, want->bytes, a->now);
	if (err != ERR_NONE) {
		log_info(a->settings.log, "call.agent unsent", "call=" STR_FMT " bytes=%zu err=\"%s\"",
			 STR_ARG(str_head(sip_transport_call_id(want->bytes), 200)), want->bytes.n, err_text(err));
		answer_unsent(a, want->bytes, err);
	}
	return false;
}
