#include "call/agent_inside.h"

#include <stdio.h>

static struct flow road_flow(const struct flow *flow)
{
	struct flow out = *flow;

	out.id |= AGENT_ROAD_BASE;
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

bool agent_road_is_for_host(struct agent *a, const struct host_want *want)
{
	struct flow flow = a->road_flow;

	if (!(want->id & AGENT_ROAD_BASE) || want->id > HOST_OWN_MAX)
		return true;
	if (want->kind == HOST_WRITE && flow.transport && want->id == flow.id) {
		flow.id &= ~AGENT_ROAD_BASE;
		if (a->settings.road->send(a->settings.road->self, &flow, want->bytes, a->now) != ERR_NONE)
			log_info(a->settings.log, "call.agent unsent", "bytes=%zu", want->bytes.n);
	}
	return false;
}
