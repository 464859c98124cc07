#include "call/agent_inside.h"

static uint64_t id_hash(const struct agent *a, str call_id)
{
	return str_hash(str_head(call_id, CALL_ID_N - 1), a->key);
}

void agent_calls_touch(struct agent *a, struct agent_call *ac)
{
	if (ac->touched)
		return;
	ac->touched = true;
	ac->next_touched = a->touched;
	a->touched = ac;
}

void agent_calls_index(struct agent *a, struct agent_call *ac)
{
	const char *id = call_facts(ac->call)->call_id;

	if (ac->indexed || !id[0])
		return;
	ac->indexed = map_add(&a->by_id, &ac->by_id, id_hash(a, str_from(id))) == ERR_NONE;
}

/* ---- transfers that the agent follows by itself ---- */

/* The far side wants us to call somebody: we do, and tell it how that goes. */
static void follow(struct agent *a, struct agent_call *ac, struct call_event *is)
{
	struct agent_call *made = agent_route_refer(a, ac, is->text, a->now);

	if (call_refer_answer(ac->call, made ? 202 : 480, a->now) != ERR_NONE)
		log_info(a->settings.log, "call.agent refer lost", "call=%s", call_facts(ac->call)->call_id);
	is->other = made ? made->self : 0;
}

static void tell_referrer(struct agent *a, struct agent_call *ac, const struct call_event *is)
{
	struct agent_call *referrer = slab_find(&a->calls, ac->referrer);
	int status = is->kind == CALL_EVENT_RINGING    ? is->status
		     : is->kind == CALL_EVENT_ANSWERED ? 200
		     : is->kind == CALL_EVENT_ENDED    ? (is->status >= 300 ? is->status : 503)
						       : 0;

	if (!status || !referrer)
		return;
	agent_calls_touch(a, referrer);
	call_refer_notify(referrer->call, status, a->now);
	if (status >= 200)
		ac->referrer = 0;
}

/* It comes in the place of another: answered at once, and the other one ends (RFC 3891 3.). */
static void replace(struct agent *a, struct agent_call *ac, struct call_event *is)
{
	struct agent_call *old = slab_find(&a->calls, ac->replaced);

	is->kind = CALL_EVENT_REPLACES;
	is->other = ac->replaced;
	ac->replaced = 0;
	if (call_answer(ac->call, a->now) != ERR_NONE || !old)
		return;
	agent_calls_touch(a, old);
	call_hang_up(old->call, CALL_CAUSE_NONE, a->now);
}

/* Takes what a call has to say out of it. */
static void settle_one(struct agent *a, struct agent_call *ac)
{
	struct agent_event event = { .kind = AGENT_CALL, .call = ac->self };
	struct media_ask *message;
	char uri[CALL_TARGET_N];

	agent_calls_index(a, ac);
	if (call_redirect_next(ac->call, uri))
		agent_route_again(a, ac, uri, a->now);
	while (call_event_next(ac->call, &event.is)) {
		if (event.is.kind == CALL_EVENT_REFER)
			follow(a, ac, &event.is);
		else if (event.is.kind == CALL_EVENT_INCOMING && ac->replaced)
			replace(a, ac, &event.is);
		if (ac->referrer)
			tell_referrer(a, ac, &event.is);
		if (queue_put(&a->events, &event) != ERR_NONE)
			log_error(a->settings.log, "call.agent event lost", "call=%s kind=%d",
				  call_facts(ac->call)->call_id, (int)event.is.kind);
	}
	while ((message = call_media_next(ac->call)))
		if (queue_put(&a->asks, &message) != ERR_NONE)
			media_ask_free(message);
	if (heap_set(&a->dues, &ac->due, call_due(ac->call)) != ERR_NONE)
		log_error(a->settings.log, "call.agent timer lost", "call=%s stream=%u", call_facts(ac->call)->call_id,
			  (unsigned)ac->stream);
}

void agent_calls_drop(struct agent *a, struct agent_call *ac)
{
	if (ac->touched) {
		struct agent_call **at = &a->touched;

		while (*at != ac)
			at = &(*at)->next_touched;
		*at = ac->next_touched;
	}
	if (ac->indexed)
		map_remove(&a->by_id, &ac->by_id);
	map_remove(&a->by_stream, &ac->by_stream);
	heap_remove(&a->dues, &ac->due);
	call_free(ac->call);
	slab_remove(&a->calls, ac->self);
}

void agent_calls_settle(struct agent *a)
{
	while (a->touched) {
		struct agent_call *ac = a->touched;

		a->touched = ac->next_touched;
		ac->touched = false;
		settle_one(a, ac);
		if (ac->buried && call_is_over(ac->call))
			agent_calls_drop(a, ac);
	}
}

void agent_calls_bury(struct agent *a)
{
	struct agent_call *ac = a->dying ? slab_find(&a->calls, a->dying) : NULL;

	a->dying = 0;
	if (!ac)
		return;
	ac->buried = true;
	if (call_is_over(ac->call))
		agent_calls_drop(a, ac);
}

/* Numbers start at first_stream and go up; by the time they come round the old ones are long gone. */
struct agent_call *agent_calls_add(struct agent *a)
{
	struct call_birth birth = {
		.house = &a->house,
		.wish = a->settings.wish,
		.stream = a->next_stream,
		.ring_max = a->settings.ring_max,
		.redirects = a->settings.redirects && !a->settings.road,
	};
	struct agent_call *ac = slab_add(&a->calls, &birth.cookie);

	if (!ac)
		return NULL;
	if (a->settings.road && !addr_is_set(&birth.wish.stun))
		birth.wish.stun = a->settings.road->stun(a->settings.road->self);
	ac->self = birth.cookie;
	ac->stream = birth.stream;
	ac->call = call_new(&birth);
	if (!ac->call || map_add(&a->by_stream, &ac->by_stream, ac->stream) != ERR_NONE) {
		call_free(ac->call);
		slab_remove(&a->calls, ac->self);
		return NULL;
	}
	a->next_stream++;
	agent_calls_touch(a, ac);
	return ac;
}

struct agent_call *agent_calls_by_stream(const struct agent *a, uint32_t stream)
{
	for (struct map_node *n = map_first(&a->by_stream, stream); n; n = map_next(n)) {
		struct agent_call *ac = map_of(n, struct agent_call, by_stream);

		if (ac->stream == stream)
			return ac;
	}
	return NULL;
}

struct call *agent_call(struct agent *a, handle h)
{
	struct agent_call *ac = slab_find(&a->calls, h);

	if (!ac || ac->buried)
		return NULL;
	agent_calls_touch(a, ac);
	return ac->call;
}

struct call *agent_call_of_stream(struct agent *a, uint32_t stream)
{
	struct agent_call *ac = agent_calls_by_stream(a, stream);

	return ac ? agent_call(a, ac->self) : NULL;
}

uint32_t agent_call_n(const struct agent *a)
{
	return a->calls.n;
}

bool agent_calls_is_merged(const struct agent *a, struct sip_msg *request)
{
	str call_id = sip_msg_call_id(request);

	for (struct map_node *n = map_first(&a->by_id, id_hash(a, call_id)); n; n = map_next(n)) {
		struct agent_call *ac = map_of(n, struct agent_call, by_id);

		if (str_eq(str_head(call_id, CALL_ID_N - 1), str_from(call_facts(ac->call)->call_id)) &&
		    !call_facts(ac->call)->outgoing && call_state(ac->call) != CALL_ENDED)
			return true;
	}
	return false;
}

struct agent_call *agent_calls_owner(const struct agent *a, struct sip_msg *request)
{
	for (struct map_node *n = map_first(&a->by_id, id_hash(a, sip_msg_call_id(request))); n; n = map_next(n)) {
		struct agent_call *ac = map_of(n, struct agent_call, by_id);

		if (call_owns(ac->call, request))
			return ac;
	}
	return NULL;
}

struct agent_call *agent_calls_by_dialog(const struct agent *a, const struct sip_replaces *r)
{
	for (struct map_node *n = map_first(&a->by_id, id_hash(a, r->call_id)); n; n = map_next(n)) {
		struct agent_call *ac = map_of(n, struct agent_call, by_id);

		if (call_is_dialog(ac->call, r->call_id, r->to_tag, r->from_tag))
			return ac;
	}
	return NULL;
}
