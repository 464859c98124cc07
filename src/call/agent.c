#include "call/agent_inside.h"

#include "call/leg_write.h"
#include "crypt/secret.h"

#include <stdio.h>
#include <stdlib.h>

#define STACK_N          (AGENT_ROAD_BASE - 1)
#define STOP_CALLS       (2 * USEC_PER_SEC)
#define STOP_ALL         (4500 * USEC_PER_MS)
#define RING_MAX         (180 * USEC_PER_SEC)
#define WAITING_PER_CALL 64u /* events, and questions to the media thread, that the owner has not yet taken */

enum place { PLACE_STACK, PLACE_ROAD, PLACE_SELF };

str agent_aor(const struct agent *a)
{
	return str_from(a->aor);
}

/* ---- birth and death ---- */

static bool keep(struct agent *a, str *text)
{
	return arena_copy(&a->texts, *text, text);
}

static bool keep_settings(struct agent *a)
{
	struct agent_settings *s = &a->settings;

	return keep(a, &s->user) && keep(a, &s->domain) && keep(a, &s->display) && keep(a, &s->auth_user) &&
	       keep(a, &s->proxy) && keep(a, &s->tls_name) && keep(a, &s->software) && keep(a, &s->instance) &&
	       account_init(&a->account, s->auth_user.n ? s->auth_user : s->user, s->password, s->rng) == ERR_NONE;
}

static bool make_stack(struct agent *a)
{
	struct sip_stack_config config = sip_stack_config_default();
	struct sip_locate_config locate = { .rng = a->settings.rng,
					    .transports = { TRANSPORT_UDP, TRANSPORT_TCP, TRANSPORT_TLS, TRANSPORT_WS,
							    TRANSPORT_WSS },
					    .id_first = 1 };

	config.rng = a->settings.rng;
	config.log = a->settings.log;
	config.tap = a->settings.tap;
	config.id_first = 1;
	config.id_n = STACK_N;
	config.transaction_max = a->settings.call_max * 8 + 64;
	a->stack = sip_stack_new(&config);
	a->locate = sip_locate_new(&locate);
	return a->stack && a->locate;
}

struct agent *agent_new(const struct agent_settings *settings)
{
	struct buf features;
	struct agent *a;

	if (settings->call_max < 1 || settings->call_max > 10000 || settings->user.n >= CALL_NAME_N / 2 ||
	    settings->domain.n >= CALL_NAME_N / 2 || (settings->registers && !settings->domain.n) ||
	    (settings->road && settings->registers))
		return NULL;
	a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	a->settings = *settings;
	arena_init(&a->texts, NULL, 0, 16384);
	slab_init(&a->calls, sizeof(struct agent_call), settings->call_max);
	map_init(&a->by_id, settings->call_max);
	map_init(&a->by_stream, settings->call_max);
	heap_init(&a->dues);
	queue_init(&a->events, sizeof(struct agent_event), WAITING_PER_CALL * (settings->call_max + 1));
	queue_init(&a->asks, sizeof(struct media_ask *), WAITING_PER_CALL * (settings->call_max + 1));
	a->last_note = &a->notes;
	a->next_stream = settings->first_stream ? settings->first_stream : 1;
	a->resolve_at = a->server_hedge_at = a->stop_calls_at = a->stop_at = USEC_NEVER;
	if (!a->settings.ring_max)
		a->settings.ring_max = RING_MAX;
	rng_fill(settings->rng, a->key, sizeof(a->key));
	if (!keep_settings(a) || !make_stack(a)) {
		agent_free(a);
		return NULL;
	}
	a->settings.password = STR_NONE;
	a->house =
		(struct leg_house){ .stack = a->stack,
				    .rng = a->settings.rng,
				    .log = a->settings.log,
				    .account = a->account.password[0] ? &a->account : NULL,
				    .software = a->settings.software,
				    .ability = { .messages = a->settings.messages, .transfers = a->settings.transfers },
				    .session_expires = a->settings.session_expires };
	if (a->settings.user.n)
		snprintf(a->aor, sizeof(a->aor), "sip:" STR_FMT "@" STR_FMT, STR_ARG(a->settings.user),
			 STR_ARG(a->settings.domain));
	if (a->settings.features) {
		buf_init(&features, a->features, sizeof(a->features) - 1);
		ability_write_features(&a->house.ability, true, &features);
	}
	return a;
}

void agent_free(struct agent *a)
{
	struct agent_call *ac;
	struct media_ask *message;
	uint32_t slot = 0;
	handle h;

	if (!a)
		return;
	while ((ac = slab_walk(&a->calls, &slot, &h)))
		agent_calls_drop(a, ac);
	while (queue_take(&a->asks, &message))
		media_ask_free(message);
	agent_message_free(a);
	queue_free(&a->asks);
	queue_free(&a->events);
	sip_locate_free(a->locate);
	registration_free(&a->registration);
	sip_stack_free(a->stack);
	slab_free(&a->calls);
	map_free(&a->by_id);
	map_free(&a->by_stream);
	heap_free(&a->dues);
	arena_free(&a->texts);
	account_wipe(&a->account);
	secret_wipe(a, sizeof(*a));
	free(a);
}

/* ---- being called ---- */

static void answer(struct agent *a, const struct sip_event *event, int status, str lines, usec now)
{
	struct sip_reply reply = { .status = status, .lines = lines };
	enum err err = sip_stack_reply(a->stack, event->server, event->msg, &reply, false, now);

	if (err != ERR_NONE)
		log_info(a->settings.log, "call.agent unanswered", "call=" STR_FMT " status=%d err=\"%s\"",
			 STR_ARG(sip_msg_log_id(event->msg)), status, err_text(err));
}

/* Ours through a server go through it again; others back the way they came. */
static struct sip_target back_to(const struct agent *a, const struct flow *flow)
{
	if (agent_needs_proxy(a) && a->proxy.transport)
		return a->proxy;
	return (struct sip_target){ .flow = *flow };
}

/* The call that this INVITE is to replace (RFC 3891 3.). 0, or what to answer; *old NULL: none. */
static int replaced_by(struct agent *a, struct sip_msg *invite, struct agent_call **old)
{
	struct sip_replaces replaces;

	*old = NULL;
	if (!a->settings.transfers || !sip_msg_has(invite, SIP_REPLACES))
		return 0;
	if (sip_msg_count(invite, SIP_REPLACES) != 1 ||
	    sip_replaces_parse(sip_msg_value(invite, SIP_REPLACES), &replaces) != ERR_NONE)
		return 400;
	*old = agent_calls_by_dialog(a, &replaces);
	if (!*old)
		return 481;
	if (call_state((*old)->call) == CALL_ENDED)
		return 603;
	if (call_state((*old)->call) == CALL_UP)
		return replaces.early_only ? 486 : 0;
	/* One that rings here was not begun by us. */
	return call_facts((*old)->call)->outgoing ? 0 : 481;
}

static void invited(struct agent *a, const struct sip_event *event, str proven, usec now)
{
	struct sip_target target = back_to(a, &event->flow);
	struct agent_call *ac, *old;
	char room[CALL_TARGET_N];
	int status = replaced_by(a, event->msg, &old);

	if (status) {
		answer(a, event, status, STR_NONE, now);
		return;
	}

	if (agent_calls_is_merged(a, event->msg)) {
		answer(a, event, 482, STR_NONE, now);
		return;
	}
	ac = a->stopping ? NULL : agent_calls_add(a);
	if (!ac) {
		answer(a, event, a->stopping ? 480 : 486, STR_NONE, now);
		return;
	}
	ac->replaced = old ? old->self : 0;
	call_take(ac->call, event, &target, agent_contact(a, event->msg->uri_text, room), proven, now);
	agent_calls_index(a, ac);
}

/* Who signed a message of the road is who its From (of an answer: its To) names; so that must not change within a
 * call, or any member whom a super node tells our tags could speak for the other end. */
static bool is_far_end(const struct agent *a, const struct agent_call *ac, struct sip_msg *msg)
{
	if (!a->settings.road || !msg || call_is_with(ac->call, msg->is_request ? sip_msg_from(msg) : sip_msg_to(msg)))
		return true;
	log_warn(a->settings.log, "call.agent impostor", "call=%s", call_facts(ac->call)->call_id);
	return false;
}

/* Who has an account is called through its server, which knows whom it lets through; datagrams come from anywhere. */
static bool may_invite(const struct agent *a, const struct flow *flow)
{
	return !agent_needs_proxy(a) || flow->transport != TRANSPORT_UDP ||
	       (a->proxy.transport && addr_eq(&flow->remote, &a->proxy.addr));
}

static void requested_outside(struct agent *a, const struct sip_event *event, str proven, usec now)
{
	char text[800 + CALL_TARGET_N], contact[CALL_TARGET_N];
	struct buf lines;
	int status;

	buf_init(&lines, text, sizeof(text));
	status = ability_judge(&a->house.ability, event->msg, &lines);
	if (!status && !agent_route_goes_by(a, event->msg->uri_text, event->flow.transport)) {
		status = 480; /* RFC 5630 5.1.2 */
		buf_put(&lines, STR("Warning: 380 tandem \"SIPS Not Allowed: it has not come over TLS\"\r\n"));
	}
	if (status) {
		answer(a, event, status, leg_write_joined(&lines), now);
		return;
	}
	switch (event->msg->method) {
	case SIP_INVITE:
		if (may_invite(a, &event->flow))
			invited(a, event, proven, now);
		else
			answer(a, event, 403, STR_NONE, now);
		break;
	case SIP_OPTIONS: /* 11.2: as an INVITE would be answered */
		buf_printf(&lines, "Contact: <" STR_FMT ">", STR_ARG(agent_contact(a, event->msg->uri_text, contact)));
		ability_write_features(&a->house.ability, false, &lines);
		buf_put(&lines, STR("\r\n"));
		ability_write_all(&a->house.ability, &lines);
		status = a->stopping ? 480 : a->calls.n == a->settings.call_max ? 486 : 200;
		answer(a, event, status, leg_write_joined(&lines), now);
		break;
	case SIP_MESSAGE:
		if (may_invite(a, &event->flow))
			agent_message_take(a, event, now);
		else
			answer(a, event, 403, STR_NONE, now);
		break;
	case SIP_REFER: /* whoever is on the line may pass us on; nobody else */
		answer(a, event, 403, STR_NONE, now);
		break;
	default: /* BYE, UPDATE, PRACK, INFO, NOTIFY: of no dialog of ours */
		answer(a, event, 481, STR_NONE, now);
	}
}

static void requested(struct agent *a, const struct sip_event *event, str proven, usec now)
{
	const struct sip_address *to = sip_msg_to(event->msg);
	struct agent_call *ac;

	if (!to || !to->tag.n) {
		requested_outside(a, event, proven, now);
		return;
	}
	ac = agent_calls_owner(a, event->msg);
	if (!ac || !is_far_end(a, ac, event->msg)) {
		answer(a, event, 481, STR_NONE, now);
		return;
	}
	agent_calls_touch(a, ac);
	call_recv(ac->call, event, now);
}

/* ---- the stack ---- */

static void stack_event(struct agent *a, const struct sip_event *event, str proven, usec now)
{
	struct agent_call *ac;

	switch (event->kind) {
	case SIP_EVENT_REQUEST:
		requested(a, event, proven, now);
		return;
	case SIP_EVENT_LISTENING:
		agent_reach_listening(a, event, now);
		return;
	case SIP_EVENT_FLOW_UP:
		agent_reach_flow_up(a, event, now);
		return;
	case SIP_EVENT_FLOW_GONE:
		agent_reach_flow_gone(a, event, now);
		return;
	default:
		break;
	}
	if (event->cookie == AGENT_REGISTRATION_COOKIE) {
		if (registration_recv(&a->registration, event, now))
			agent_reach_news(a);
		return;
	}
	if (event->cookie >= AGENT_MESSAGE_COOKIE) {
		agent_message_answered(a, event, now);
		return;
	}
	ac = slab_find(&a->calls, event->cookie);
	if (!ac || !is_far_end(a, ac, event->msg))
		return;
	agent_calls_touch(a, ac);
	call_recv(ac->call, event, now);
}

void agent_pump(struct agent *a, str proven, usec now)
{
	struct sip_event event;

	while (sip_stack_next(a->stack, &event, now))
		stack_event(a, &event, proven, now);
}

/* ---- stopping ---- */

static void leave(struct agent *a, usec now)
{
	a->stop_calls_at = USEC_NEVER;
	if (a->settings.registers && a->registration.state != REGISTRATION_OFF)
		registration_stop(&a->registration, now);
	if (a->settings.road && !a->road_left)
		a->settings.road->stop(a->settings.road->self, now);
	a->road_left = true;
}

static void stopped(struct agent *a)
{
	a->stopped = true;
	a->stop_at = a->stop_calls_at = a->resolve_at = a->server_hedge_at = USEC_NEVER;
	agent_reach_say(a, AGENT_STOPPED, CALL_CAUSE_NONE, 0, true, STR_NONE);
}

/* One step on where the last one is done. */
static void go_on_stopping(struct agent *a, usec now)
{
	bool idle = true;
	struct agent_call *ac;
	uint32_t slot = 0;
	handle h;

	if (!a->stopping || a->stopped)
		return;
	while ((ac = slab_walk(&a->calls, &slot, &h)))
		idle = idle && call_state(ac->call) == CALL_ENDED;
	if (!a->road_left && (idle || now >= a->stop_calls_at))
		leave(a, now);
	if (now >= a->stop_at || (a->road_left && (a->registration.state == REGISTRATION_OFF ||
						   a->registration.state == REGISTRATION_REFUSED ||
						   a->registration.state == REGISTRATION_DOWN)))
		stopped(a);
}

void agent_stop(struct agent *a, usec now)
{
	struct agent_call *ac;
	uint32_t slot = 0;
	handle h;

	if (a->stopping)
		return;
	a->now = now;
	a->stopping = true;
	a->stop_calls_at = usec_add(now, STOP_CALLS);
	a->stop_at = usec_add(now, STOP_ALL);
	while ((ac = slab_walk(&a->calls, &slot, &h))) {
		agent_calls_touch(a, ac);
		call_hang_up(ac->call, CALL_CAUSE_NONE, now);
	}
	agent_calls_settle(a);
	go_on_stopping(a, now);
}

/* ---- the five verbs ---- */

static void told(struct agent *a, const struct host_event *event, usec now)
{
	struct media_answer *message = event->message;
	struct agent_call *ac = agent_calls_by_stream(a, message->stream);

	if (ac) {
		agent_calls_touch(a, ac);
		call_told(ac->call, message, now);
	}
	media_answer_free(message);
}

static void take_found(struct agent *a, usec now)
{
	struct sip_found found;

	while (sip_locate_next(a->locate, &found)) {
		if (found.cookie == 0)
			agent_reach_found(a, &found, now);
		else if (!agent_message_located(a, &found, now))
			agent_route_located(a, &found, now);
	}
}

void agent_recv(struct agent *a, const struct host_event *event, usec now)
{
	const struct road *road = a->settings.road;
	struct host_event mine = *event;
	int place;

	a->now = now;
	agent_calls_bury(a);
	if (event->kind == HOST_TOLD) {
		told(a, event, now);
	} else if (event->kind == HOST_STOPPING) {
		agent_stop(a, now);
	} else {
		place = share_event(SHARE_INNER, &mine);
		if (place == PLACE_STACK || place == SHARE_ALL)
			sip_stack_recv(a->stack, &mine, now);
		if (road && (place == PLACE_ROAD || place == SHARE_ALL))
			road->recv(road->self, &mine, now);
		if (place == PLACE_SELF)
			sip_locate_recv(a->locate, &mine, now);
	}
	take_found(a, now);
	agent_pump(a, STR_NONE, now);
	agent_road_pump(a, now);
	agent_calls_settle(a);
	go_on_stopping(a, now);
}

void agent_tick(struct agent *a, usec now)
{
	struct heap_item *item;

	a->now = now;
	agent_calls_bury(a);
	agent_calls_settle(a);
	sip_stack_tick(a->stack, now);
	agent_pump(a, STR_NONE, now);
	if (a->settings.road)
		a->settings.road->tick(a->settings.road->self, now);
	agent_road_pump(a, now);
	if (now >= a->resolve_at)
		agent_reach_find(a, now);
	sip_locate_tick(a->locate, now);
	take_found(a, now);
	agent_reach_tick(a, now);
	if (a->settings.registers && registration_tick(&a->registration, now))
		agent_reach_news(a);
	while ((item = heap_take(&a->dues, now))) {
		struct agent_call *ac = map_of(item, struct agent_call, due);

		agent_calls_touch(a, ac);
		call_tick(ac->call, now);
	}
	agent_pump(a, STR_NONE, now);
	agent_calls_settle(a);
	go_on_stopping(a, now);
}

usec agent_due(const struct agent *a)
{
	usec due = usec_min(usec_min(a->resolve_at, a->stop_at), a->stop_calls_at);

	if (a->touched)
		return 0;
	due = usec_min(due, usec_min(sip_locate_due(a->locate), a->server_hedge_at));
	if (a->settings.road)
		due = usec_min(due, a->settings.road->due(a->settings.road->self));
	if (a->settings.registers && a->registration.settings.stack)
		due = usec_min(due, registration_due(&a->registration));
	return usec_min(due, usec_min(sip_stack_due(a->stack), heap_due(&a->dues)));
}

bool agent_next(struct agent *a, struct host_want *out)
{
	const struct road *road = a->settings.road;
	struct media_ask *message;

	agent_calls_settle(a);
	while (sip_stack_want(a->stack, out))
		if (agent_road_is_for_host(a, out)) {
			share_want(SHARE_INNER, PLACE_STACK, out);
			return true;
		}
	if (road && road->next(road->self, out)) {
		share_want(SHARE_INNER, PLACE_ROAD, out);
		return true;
	}
	if (queue_take(&a->asks, &message)) {
		*out = (struct host_want){ .kind = HOST_TELL, .to = a->settings.media, .message = message };
		return true;
	}
	if (sip_locate_want(a->locate, out)) {
		share_want(SHARE_INNER, PLACE_SELF, out);
		return true;
	}
	return false;
}

void agent_figures(const struct agent *a, struct sip_figures *out)
{
	sip_stack_figures(a->stack, out);
}

bool agent_event(struct agent *a, struct agent_event *out)
{
	agent_calls_bury(a);
	agent_calls_settle(a);
	if (!queue_take(&a->events, out))
		return agent_message_next(a, out);
	if (out->kind == AGENT_CALL && out->is.kind == CALL_EVENT_ENDED)
		a->dying = out->call;
	return true;
}

bool agent_save(struct agent *a, str *state)
{
	const struct road *road = a->settings.road;

	return road && road->save && road->save(road->self, state);
}
