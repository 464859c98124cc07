#include "call/agent.h"

#include "base/arena.h"
#include "base/heap.h"
#include "base/map.h"
#include "base/queue.h"
#include "call/account.h"
#include "call/leg.h"
#include "call/registration.h"
#include "call/share.h"
#include "crypt/secret.h"
#include "sip/edit.h"

#include <stdio.h>
#include <stdlib.h>

#define REGISTRATION_COOKIE UINT64_MAX
#define ROAD_BASE           (1u << 26) /* numbers of the road's flows, as the stack sees them */
#define STACK_N             (ROAD_BASE - 1)
#define RESOLVE_PROXY       1u /* what we resolve: the proxy; from 2 on for calls */
#define STOP_CALLS          (2 * USEC_PER_SEC)
#define STOP_ALL            (4500 * USEC_PER_MS)
#define RING_MAX            (180 * USEC_PER_SEC)
#define RESOLVE_AGAIN       (10 * USEC_PER_SEC)
#define WAITING_PER_CALL    64u /* events, and questions to the media thread, that the owner has not yet taken */

enum place { PLACE_STACK, PLACE_ROAD, PLACE_SELF };

struct agent_call {
	struct call *call;
	handle self;
	struct agent_call *next_touched;
	bool touched, indexed;
	bool buried; /* ENDED was taken; it stays only for its last transaction */
	struct map_node by_id, by_stream;
	struct heap_item due;
	uint32_t stream, max_forwards;
	uint32_t resolving;        /* number of a HOST_RESOLVE, 0: none */
	str target, from, display; /* kept until the call is routed */
	char room[CALL_TARGET_N + 2 * CALL_NAME_N];
};

struct agent {
	struct agent_settings settings;
	struct arena texts;
	struct sip_stack *stack;
	struct account account;
	struct leg_house house;
	struct registration registration;
	struct sip_target proxy; /* transport 0: not known yet */
	struct flow proxy_flow;
	struct flow road_flow; /* transport 0: down */
	char aor[CALL_NAME_N + 8], contact[CALL_TARGET_N], text[256];
	struct slab calls;
	struct map by_id, by_stream;
	uint64_t key[2];
	struct heap dues;
	struct agent_call *touched;
	struct queue events, asks, resolves;
	uint32_t next_stream, next_resolve;
	handle dying;
	bool listening, ready, stopping, stopped, road_left;
	unsigned connect_failures; /* in a row */
	usec resolve_at, stop_calls_at, stop_at;
	usec now; /* of the last verb: agent_next has none of its own */
};

/* ---- calls: found, touched, settled ---- */

static uint64_t id_hash(const struct agent *a, str call_id)
{
	return str_hash(str_head(call_id, CALL_ID_N - 1), a->key);
}

static void touch(struct agent *a, struct agent_call *ac)
{
	if (ac->touched)
		return;
	ac->touched = true;
	ac->next_touched = a->touched;
	a->touched = ac;
}

static void index_call(struct agent *a, struct agent_call *ac)
{
	const char *id = call_facts(ac->call)->call_id;

	if (ac->indexed || !id[0])
		return;
	ac->indexed = map_add(&a->by_id, &ac->by_id, id_hash(a, str_from(id))) == ERR_NONE;
}

/* Takes what a call has to say out of it. */
static void settle_one(struct agent *a, struct agent_call *ac)
{
	struct agent_event event = { .kind = AGENT_CALL, .call = ac->self };
	struct media_ask *message;

	index_call(a, ac);
	while ((message = call_media_next(ac->call)))
		if (queue_put(&a->asks, &message) != ERR_NONE)
			media_ask_free(message);
	while (call_event_next(ac->call, &event.is))
		if (queue_put(&a->events, &event) != ERR_NONE)
			log_error(a->settings.log, "call.agent event lost", "kind=%d", (int)event.is.kind);
	if (heap_set(&a->dues, &ac->due, call_due(ac->call)) != ERR_NONE)
		log_error(a->settings.log, "call.agent timer lost", "stream=%u", (unsigned)ac->stream);
}

static void drop_call(struct agent *a, struct agent_call *ac)
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

static void settle(struct agent *a)
{
	while (a->touched) {
		struct agent_call *ac = a->touched;

		a->touched = ac->next_touched;
		ac->touched = false;
		settle_one(a, ac);
		if (ac->buried && call_is_over(ac->call))
			drop_call(a, ac);
	}
}

static void bury(struct agent *a)
{
	struct agent_call *ac = a->dying ? slab_find(&a->calls, a->dying) : NULL;

	a->dying = 0;
	if (!ac)
		return;
	ac->buried = true;
	if (call_is_over(ac->call))
		drop_call(a, ac);
}

/* Numbers start at first_stream and go up; by the time they come round the old ones are long gone. */
static struct agent_call *add_call(struct agent *a)
{
	struct call_birth birth = {
		.house = &a->house, .wish = a->settings.wish, .stream = a->next_stream, .ring_max = a->settings.ring_max
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
	touch(a, ac);
	return ac;
}

static struct agent_call *find_by_stream(const struct agent *a, uint32_t stream)
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
	touch(a, ac);
	return ac->call;
}

uint32_t agent_call_n(const struct agent *a)
{
	return a->calls.n;
}

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
	       keep(a, &s->proxy) && keep(a, &s->tls_name) && keep(a, &s->software) &&
	       account_init(&a->account, s->auth_user.n ? s->auth_user : s->user, s->password, s->rng) == ERR_NONE;
}

static bool make_stack(struct agent *a)
{
	struct sip_stack_config config = sip_stack_config_default();

	config.rng = a->settings.rng;
	config.log = a->settings.log;
	config.tap = a->settings.tap;
	config.id_first = 1;
	config.id_n = STACK_N;
	config.transaction_max = a->settings.call_max * 8 + 64;
	a->stack = sip_stack_new(&config);
	return a->stack != NULL;
}

struct agent *agent_new(const struct agent_settings *settings)
{
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
	queue_init(&a->resolves, sizeof(handle), settings->call_max + 1);
	a->next_stream = settings->first_stream ? settings->first_stream : 1;
	a->next_resolve = RESOLVE_PROXY + 1;
	a->resolve_at = a->stop_calls_at = a->stop_at = USEC_NEVER;
	if (!a->settings.ring_max)
		a->settings.ring_max = RING_MAX;
	rng_fill(settings->rng, a->key, sizeof(a->key));
	if (!keep_settings(a) || !make_stack(a)) {
		agent_free(a);
		return NULL;
	}
	a->settings.password = STR_NONE;
	a->house = (struct leg_house){ .stack = a->stack,
				       .rng = a->settings.rng,
				       .log = a->settings.log,
				       .account = a->account.password[0] ? &a->account : NULL,
				       .software = a->settings.software };
	if (a->settings.user.n)
		snprintf(a->aor, sizeof(a->aor), "sip:" STR_FMT "@" STR_FMT, STR_ARG(a->settings.user),
			 STR_ARG(a->settings.domain));
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
		drop_call(a, ac);
	while (queue_take(&a->asks, &message))
		media_ask_free(message);
	queue_free(&a->asks);
	queue_free(&a->events);
	queue_free(&a->resolves);
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

/* ---- becoming reachable ---- */

static void say(struct agent *a, enum agent_event_kind kind, enum call_cause cause, int status, bool final, str text)
{
	struct agent_event event = { .kind = kind, .cause = cause, .status = status, .final = final };

	if (text.n && text.p != a->text)
		(void)str_copy_z(text, a->text, sizeof(a->text));
	event.text = text.n ? str_from(a->text) : STR_NONE;
	if (queue_put(&a->events, &event) != ERR_NONE)
		log_error(a->settings.log, "call.agent event lost", "kind=%d", (int)kind);
}

static void be_ready(struct agent *a)
{
	a->connect_failures = 0;
	if (a->ready || a->stopping)
		return;
	a->ready = true;
	say(a, AGENT_READY, CALL_CAUSE_NONE, 0, false, str_from(a->aor));
}

static void be_down(struct agent *a, enum call_cause cause, int status, bool final, str text)
{
	a->ready = false;
	if (!a->stopping)
		say(a, AGENT_DOWN, cause, status, final, text.n ? text : str_from(call_cause_text(cause)));
}

/* Our Contact over this flow, or this transport's listener. */
static bool write_contact(struct agent *a, const struct flow *flow)
{
	struct buf out;
	struct addr local;

	buf_init(&out, a->contact, sizeof(a->contact) - 1);
	buf_put(&out, STR("sip:"));
	if (a->settings.user.n) {
		sip_uri_escape_user(a->settings.user, &out);
		buf_put_char(&out, '@');
	}
	if (flow->id && transport_is_reliable(flow->transport) && addr_is_set(&flow->local))
		addr_write(&flow->local, &out);
	else if (sip_stack_local(a->stack, flow->transport, 0, &local))
		addr_write(&local, &out);
	else
		return false;
	if (flow->transport == TRANSPORT_TCP)
		buf_put(&out, STR(";transport=tcp"));
	else if (flow->transport == TRANSPORT_TLS)
		buf_put(&out, STR(";transport=tls"));
	a->contact[buf_ok(&out) ? out.n : 0] = 0;
	return buf_ok(&out);
}

static void register_now(struct agent *a, const struct flow *flow, usec now)
{
	char registrar[CALL_NAME_N];
	struct registration_settings settings = {
		.stack = a->stack,
		.account = &a->account,
		.rng = a->settings.rng,
		.log = a->settings.log,
		.target = a->proxy,
		.aor = str_from(a->aor),
		.software = a->settings.software,
		.expires_s = a->settings.expires,
		.cookie = REGISTRATION_COOKIE,
	};

	if (!write_contact(a, flow)) {
		be_down(a, CALL_NO_ROUTE, 0, false, STR_NONE);
		return;
	}
	if (!a->settings.registers) {
		be_ready(a);
		return;
	}
	snprintf(registrar, sizeof(registrar), "sip:" STR_FMT, STR_ARG(a->settings.domain));
	settings.registrar = str_from(registrar);
	if (a->registration.settings.stack == NULL && registration_init(&a->registration, &settings) != ERR_NONE) {
		be_down(a, CALL_UNKNOWN, 0, true, STR("the account's name is too long"));
		return;
	}
	a->registration.settings.target = a->proxy;
	registration_start(&a->registration, str_from(a->contact), now);
	if (a->registration.state == REGISTRATION_DOWN)
		be_down(a, a->registration.cause, 0, false, STR_NONE);
}

/* The proxy's address is known: connect where it is a stream, else register by datagrams. */
static void proxy_known(struct agent *a, struct addr addr, usec now)
{
	struct flow flow = { .transport = a->settings.transport };

	a->proxy = (struct sip_target){ .transport = a->settings.transport, .addr = addr, .tls = a->settings.tls };
	a->proxy.name = a->settings.tls_name;
	if (!transport_is_reliable(a->settings.transport)) {
		if (a->listening)
			register_now(a, &flow, now);
		return;
	}
	a->proxy_flow = sip_stack_connect(a->stack, &a->proxy, now);
	if (!a->proxy_flow.transport)
		be_down(a, CALL_NO_ROUTE, 0, false, STR_NONE);
}

static void find_proxy(struct agent *a, usec now)
{
	str name = a->settings.proxy.n ? a->settings.proxy : a->settings.domain, host, port;
	uint16_t number = a->settings.transport == TRANSPORT_TLS ? 5061 : 5060;
	struct addr addr;
	handle self = 0;

	a->resolve_at = USEC_NEVER;
	if (!a->settings.tls_name.n)
		a->settings.tls_name = str_split(name, ':', &host, &port) ? host : name;
	if (addr_parse(name, number, &addr) == ERR_NONE)
		proxy_known(a, addr, now);
	else if (queue_put(&a->resolves, &self) != ERR_NONE)
		a->resolve_at = usec_add(now, RESOLVE_AGAIN);
}

static void proxy_resolved(struct agent *a, const struct host_event *event, usec now)
{
	str name = a->settings.proxy.n ? a->settings.proxy : a->settings.domain, host, port;
	uint32_t number = a->settings.transport == TRANSPORT_TLS ? 5061 : 5060;
	struct addr addr;

	if (!event->addr_n) {
		be_down(a, CALL_NO_ROUTE, 0, false, STR("the server's name leads to no address"));
		a->resolve_at = usec_add(now, RESOLVE_AGAIN);
		return;
	}
	if (str_split(name, ':', &host, &port) && !str_u32(port, 65535, &number))
		number = 5060;
	addr = event->addrs[0];
	addr.port = (uint16_t)number;
	proxy_known(a, addr, now);
}

static bool needs_proxy(const struct agent *a)
{
	return !a->settings.road && a->settings.domain.n;
}

void agent_start(struct agent *a, usec now)
{
	bool streams = transport_is_reliable(a->settings.transport);

	a->now = now;
	if (a->settings.road)
		return;
	/* An account over a stream is called back on that stream and listens to nobody else. */
	if (needs_proxy(a) && streams)
		a->listening = true;
	else if (!sip_stack_listen(a->stack, a->settings.transport, &a->settings.listen, a->settings.tls_listen,
				   STR_NONE))
		be_down(a, CALL_NO_ROUTE, 0, true, STR("cannot listen"));
	if (needs_proxy(a))
		find_proxy(a, now);
}

static void listening(struct agent *a, const struct sip_event *event, usec now)
{
	struct flow flow = { .transport = a->settings.transport };
	struct buf out;
	struct addr local;

	if (event->err != ERR_NONE) {
		be_down(a, CALL_NO_ROUTE, 0, true, STR("the address to listen on is taken or not ours"));
		return;
	}
	a->listening = true;
	if (needs_proxy(a)) {
		if (a->proxy.transport)
			register_now(a, &flow, now);
		return;
	}
	if (sip_stack_local(a->stack, a->settings.transport, 0, &local) && write_contact(a, &flow)) {
		buf_init(&out, a->aor, sizeof(a->aor) - 1);
		buf_put(&out, STR("sip:"));
		if (a->settings.user.n)
			buf_printf(&out, STR_FMT "@", STR_ARG(a->settings.user));
		addr_write(&local, &out);
		a->aor[out.n] = 0;
		be_ready(a);
	}
}

static void registration_news(struct agent *a)
{
	const struct registration *r = &a->registration;

	switch (r->state) {
	case REGISTRATION_UP:
		be_ready(a);
		break;
	case REGISTRATION_DOWN:
	case REGISTRATION_REFUSED:
		be_down(a, r->cause, r->status, r->state == REGISTRATION_REFUSED, STR_NONE);
		break;
	default:
		break;
	}
}

static void flow_up(struct agent *a, const struct sip_event *event, usec now)
{
	if (a->proxy_flow.transport && event->flow.id == a->proxy_flow.id) {
		a->proxy_flow = event->flow;
		if (!a->stopping)
			register_now(a, &event->flow, now);
	}
}

/* Half a second, doubled up to 16 s, half to all of it by chance. */
static usec connect_pause(struct agent *a)
{
	uint32_t ms = 500u << (a->connect_failures < 5 ? a->connect_failures : 5);

	a->connect_failures++;
	return (usec)(ms / 2 + rng_below(a->settings.rng, ms / 2)) * USEC_PER_MS;
}

static void flow_gone(struct agent *a, const struct sip_event *event, usec now)
{
	if (!a->proxy_flow.transport || event->flow.id != a->proxy_flow.id)
		return;
	a->proxy_flow = (struct flow){ 0 };
	if (registration_recv(&a->registration, event, now))
		registration_news(a);
	else if (a->ready || a->registration.state == REGISTRATION_OFF)
		be_down(a, CALL_NO_ROUTE, 0, false, STR_NONE);
	if (a->stopping)
		return;
	/* A new stream has a new contact, so the next try is ours, at the time that the registration chose. Before the
	 * first one we choose it: the server may just be starting beside us. */
	a->resolve_at = usec_add(now, connect_pause(a));
	if (a->registration.state == REGISTRATION_DOWN) {
		a->resolve_at = a->registration.refresh_at;
		a->registration.refresh_at = USEC_NEVER;
	}
}

/* ---- calling ---- */

static void no_route(struct agent *a, struct agent_call *ac, enum call_cause cause, int status, str text, usec now)
{
	(void)a;
	call_fail(ac->call, cause, status, text, now);
}

static void plan(struct agent *a, struct agent_call *ac, struct leg_plan *out)
{
	*out = (struct leg_plan){ .uri = ac->target, .to = ac->target, .from = ac->from, .display = ac->display };
	out->contact = str_from(a->contact);
	out->max_forwards = ac->max_forwards;
	out->target = a->proxy;
}

static void route_to(struct agent *a, struct agent_call *ac, const struct sip_uri *uri, struct addr addr, usec now)
{
	struct leg_plan p;

	plan(a, ac, &p);
	p.target = (struct sip_target){ .addr = addr, .transport = a->settings.transport, .tls = a->settings.tls };
	p.target.name = a->settings.tls_name.n ? a->settings.tls_name : uri->host;
	if (sip_uri_param(uri, STR("transport"), NULL) && !sip_uri_transport(uri, &p.target.transport)) {
		no_route(a, ac, CALL_NO_ROUTE, 0, STR("no such transport"), now);
		return;
	}
	call_route(ac->call, &p, now);
}

static void route_direct(struct agent *a, struct agent_call *ac, usec now)
{
	struct sip_uri uri;
	struct addr addr;

	if (sip_uri_parse(ac->target, &uri) != ERR_NONE) {
		no_route(a, ac, CALL_UNKNOWN, 0, STR("this is no address"), now);
	} else if (sip_uri_addr(&uri, &addr)) {
		route_to(a, ac, &uri, addr, now);
	} else {
		ac->resolving = a->next_resolve++;
		if (queue_put(&a->resolves, &ac->self) != ERR_NONE)
			no_route(a, ac, CALL_NO_ROUTE, 0, STR("no memory"), now);
	}
}

static void route_by_road(struct agent *a, struct agent_call *ac, usec now)
{
	char text[CALL_TARGET_N];
	struct sip_uri uri;
	struct buf key;

	buf_init(&key, text, sizeof(text));
	if (sip_uri_parse(ac->target, &uri) != ERR_NONE) {
		no_route(a, ac, CALL_UNKNOWN, 0, STR("this is no address"), now);
		return;
	}
	sip_uri_key(&uri, &key);
	a->settings.road->find(a->settings.road->self, ac->self, buf_str(&key), now);
}

static void route(struct agent *a, struct agent_call *ac, usec now)
{
	struct leg_plan p;

	if (a->settings.road) {
		route_by_road(a, ac, now);
	} else if (!needs_proxy(a)) {
		route_direct(a, ac, now);
	} else if (!a->proxy.transport || !a->contact[0]) {
		no_route(a, ac, CALL_NO_ROUTE, 0, STR("there is no connection to the server yet"), now);
	} else {
		plan(a, ac, &p);
		call_route(ac->call, &p, now);
	}
}

/* "sip:..", "a@b", "a" or "host:port" as a URI. */
static void write_target(const struct agent *a, str target, struct buf *out)
{
	struct addr addr;

	if (str_starts_nocase(target, STR("sip:")) || str_starts_nocase(target, STR("sips:")) ||
	    str_starts_nocase(target, STR("tel:"))) {
		buf_put(out, target);
		return;
	}
	buf_put(out, STR("sip:"));
	buf_put(out, target);
	if (str_find_char(target, '@') < target.n || addr_parse(target, 5060, &addr) == ERR_NONE)
		return;
	if (a->settings.domain.n) {
		buf_put_char(out, '@');
		buf_put(out, a->settings.domain);
	}
}

/* The texts of a dialling, kept in the call's own room. */
static bool keep_dialling(struct agent *a, struct agent_call *ac, const struct agent_dialling *d)
{
	str from = d->from.n ? d->from : str_from(a->aor), display = d->display.n ? d->display : a->settings.display;
	struct buf out;

	buf_init(&out, ac->room, sizeof(ac->room));
	write_target(a, d->target, &out);
	ac->target = buf_str(&out);
	buf_put(&out, from);
	ac->from = str_of(ac->room + ac->target.n, from.n);
	buf_put(&out, display);
	ac->display = str_of(ac->from.p + from.n, display.n);
	return buf_ok(&out);
}

handle agent_dial(struct agent *a, const struct agent_dialling *d, usec now)
{
	struct agent_call *ac = a->stopping ? NULL : add_call(a);

	a->now = now;
	if (!ac)
		return 0;
	if (!keep_dialling(a, ac, d)) {
		no_route(a, ac, CALL_UNKNOWN, 414, STR("the address is too long"), now);
		return ac->self;
	}
	ac->max_forwards = d->max_forwards;
	call_dial(ac->call, ac->from, ac->target, d->session, now);
	if (call_state(ac->call) != CALL_ENDED)
		route(a, ac, now);
	return ac->self;
}

static void call_resolved(struct agent *a, const struct host_event *event, usec now)
{
	struct agent_call *ac;
	struct sip_uri uri;
	struct addr addr;
	uint32_t slot = 0;
	handle h;

	while ((ac = slab_walk(&a->calls, &slot, &h)))
		if (ac->resolving == event->id)
			break;
	if (!ac)
		return;
	ac->resolving = 0;
	touch(a, ac);
	if (!event->addr_n || sip_uri_parse(ac->target, &uri) != ERR_NONE) {
		no_route(a, ac, CALL_NO_ROUTE, 0, STR("the name leads to no address"), now);
		return;
	}
	addr = event->addrs[0];
	addr.port = sip_uri_port(&uri);
	route_to(a, ac, &uri, addr, now);
}

/* ---- being called ---- */

static void answer(struct agent *a, const struct sip_event *event, int status, str lines, usec now)
{
	struct sip_reply reply = { .status = status, .lines = lines };
	enum err err = sip_stack_reply(a->stack, event->server, event->msg, &reply, false, now);

	if (err != ERR_NONE)
		log_info(a->settings.log, "call.agent unanswered", "status=%d err=\"%s\"", status, err_text(err));
}

/* RFC 3261 8.2.2.2: the same request by another way, while the first is ringing. */
static bool is_merged(const struct agent *a, struct sip_msg *request)
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

/* Ours through a server go through it again; others back the way they came. */
static struct sip_target back_to(const struct agent *a, const struct flow *flow)
{
	if (needs_proxy(a) && a->proxy.transport)
		return a->proxy;
	return (struct sip_target){ .flow = *flow };
}

static void invited(struct agent *a, const struct sip_event *event, str proven, usec now)
{
	struct sip_target target = back_to(a, &event->flow);
	struct agent_call *ac;

	if (is_merged(a, event->msg)) {
		answer(a, event, 482, STR_NONE, now);
		return;
	}
	ac = a->stopping ? NULL : add_call(a);
	if (!ac) {
		answer(a, event, a->stopping ? 480 : 486, STR_NONE, now);
		return;
	}
	call_take(ac->call, event, &target, str_from(a->contact), proven, now);
	index_call(a, ac);
}

static struct agent_call *owner_of(const struct agent *a, struct sip_msg *request)
{
	for (struct map_node *n = map_first(&a->by_id, id_hash(a, sip_msg_call_id(request))); n; n = map_next(n)) {
		struct agent_call *ac = map_of(n, struct agent_call, by_id);

		if (call_owns(ac->call, request))
			return ac;
	}
	return NULL;
}

static void requested(struct agent *a, const struct sip_event *event, str proven, usec now)
{
	const struct sip_address *to = sip_msg_to(event->msg);
	struct agent_call *ac;

	if (to && to->tag.n) {
		ac = owner_of(a, event->msg);
		if (!ac) {
			answer(a, event, 481, STR_NONE, now);
			return;
		}
		touch(a, ac);
		call_recv(ac->call, event, now);
		return;
	}
	switch (event->msg->method) {
	case SIP_INVITE:
		invited(a, event, proven, now);
		break;
	case SIP_OPTIONS:
		answer(a, event, 200,
		       STR("Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE\r\nAccept: application/sdp"), now);
		break;
	case SIP_BYE:
	case SIP_UPDATE:
		answer(a, event, 481, STR_NONE, now);
		break;
	default:
		answer(a, event, 405, STR("Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE"), now);
	}
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
		listening(a, event, now);
		return;
	case SIP_EVENT_FLOW_UP:
		flow_up(a, event, now);
		return;
	case SIP_EVENT_FLOW_GONE:
		flow_gone(a, event, now);
		return;
	default:
		break;
	}
	if (event->cookie == REGISTRATION_COOKIE) {
		if (registration_recv(&a->registration, event, now))
			registration_news(a);
		return;
	}
	ac = slab_find(&a->calls, event->cookie);
	if (!ac)
		return;
	touch(a, ac);
	call_recv(ac->call, event, now);
}

static void pump(struct agent *a, str proven, usec now)
{
	struct sip_event event;

	while (sip_stack_next(a->stack, &event, now))
		stack_event(a, &event, proven, now);
}

/* ---- the road ---- */

static struct flow road_flow(const struct flow *flow)
{
	struct flow out = *flow;

	out.id |= ROAD_BASE;
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
	pump(a, proven, now);
}

static void road_found(struct agent *a, const struct road_event *event, usec now)
{
	struct agent_call *ac = slab_find(&a->calls, event->ask);
	struct leg_plan p;

	if (!ac)
		return;
	touch(a, ac);
	if (event->kind == ROAD_MISSING || !a->road_flow.transport) {
		int status = event->kind == ROAD_MISSING ? event->status : 503;

		no_route(a, ac, call_cause_of_status(status, false), status, event->text, now);
		return;
	}
	plan(a, ac, &p);
	p.uri = event->uri;
	p.target = (struct sip_target){ .flow = a->road_flow };
	call_route(ac->call, &p, now);
}

static void road_up(struct agent *a, const struct road_event *event, usec now)
{
	a->road_flow = road_flow(&event->flow);
	snprintf(a->aor, sizeof(a->aor), "sip:" STR_FMT, STR_ARG(event->name));
	(void)str_copy_z(event->contact, a->contact, sizeof(a->contact));
	to_stack(a, HOST_ACCEPTED, &a->road_flow, STR_NONE, ERR_NONE, STR_NONE, now);
	be_ready(a);
}

static void road_down(struct agent *a, const struct road_event *event, usec now)
{
	struct flow flow = a->road_flow;

	a->road_flow = (struct flow){ 0 };
	if (flow.transport)
		to_stack(a, HOST_CLOSED, &flow, STR_NONE, event->err, STR_NONE, now);
	be_down(a, event->status ? call_cause_of_status(event->status, false) : CALL_NO_ROUTE, event->status,
		event->final, event->text);
}

static void pump_road(struct agent *a, usec now)
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
			road_found(a, &event, now);
			break;
		case ROAD_MESSAGE: {
			struct flow flow = road_flow(&event.flow);

			to_stack(a, HOST_BYTES, &flow, event.bytes, ERR_NONE, event.peer, now);
			break;
		}
		}
	}
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
	a->stop_at = a->stop_calls_at = a->resolve_at = USEC_NEVER;
	say(a, AGENT_STOPPED, CALL_CAUSE_NONE, 0, true, STR_NONE);
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
		touch(a, ac);
		call_hang_up(ac->call, CALL_CAUSE_NONE, now);
	}
	settle(a);
	go_on_stopping(a, now);
}

/* ---- the five verbs ---- */

static void told(struct agent *a, const struct host_event *event, usec now)
{
	struct media_answer *message = event->message;
	struct agent_call *ac = find_by_stream(a, message->stream);

	if (ac) {
		touch(a, ac);
		call_told(ac->call, message, now);
	}
	media_answer_free(message);
}

void agent_recv(struct agent *a, const struct host_event *event, usec now)
{
	const struct road *road = a->settings.road;
	struct host_event mine = *event;
	int place;

	a->now = now;
	bury(a);
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
		if (place == PLACE_SELF && mine.kind == HOST_RESOLVED) {
			if (mine.id == RESOLVE_PROXY)
				proxy_resolved(a, &mine, now);
			else
				call_resolved(a, &mine, now);
		}
	}
	pump(a, STR_NONE, now);
	pump_road(a, now);
	settle(a);
	go_on_stopping(a, now);
}

void agent_tick(struct agent *a, usec now)
{
	struct heap_item *item;

	a->now = now;
	bury(a);
	settle(a);
	sip_stack_tick(a->stack, now);
	pump(a, STR_NONE, now);
	if (a->settings.road)
		a->settings.road->tick(a->settings.road->self, now);
	pump_road(a, now);
	if (now >= a->resolve_at)
		find_proxy(a, now);
	if (a->settings.registers && registration_tick(&a->registration, now))
		registration_news(a);
	while ((item = heap_take(&a->dues, now))) {
		struct agent_call *ac = map_of(item, struct agent_call, due);

		touch(a, ac);
		call_tick(ac->call, now);
	}
	pump(a, STR_NONE, now);
	settle(a);
	go_on_stopping(a, now);
}

usec agent_due(const struct agent *a)
{
	usec due = usec_min(usec_min(a->resolve_at, a->stop_at), a->stop_calls_at);

	if (a->touched)
		return 0;
	if (a->settings.road)
		due = usec_min(due, a->settings.road->due(a->settings.road->self));
	if (a->settings.registers && a->registration.settings.stack)
		due = usec_min(due, registration_due(&a->registration));
	return usec_min(due, usec_min(sip_stack_due(a->stack), heap_due(&a->dues)));
}

static bool resolve_want(struct agent *a, struct host_want *out)
{
	str name = a->settings.proxy.n ? a->settings.proxy : a->settings.domain, host, port;
	struct agent_call *ac;
	struct sip_uri uri;
	handle h;

	while (queue_take(&a->resolves, &h)) {
		*out = (struct host_want){ .kind = HOST_RESOLVE, .id = RESOLVE_PROXY };
		if (h == 0) {
			out->name = str_split(name, ':', &host, &port) ? host : name;
			return true;
		}
		ac = slab_find(&a->calls, h);
		if (!ac || sip_uri_parse(ac->target, &uri) != ERR_NONE)
			continue; /* it ended meanwhile */
		out->id = ac->resolving;
		out->name = uri.host;
		return true;
	}
	return false;
}

/* What the stack wants of a flow of the road's goes to the road. true: *want is for the host. */
static bool is_for_host(struct agent *a, const struct host_want *want)
{
	struct flow flow = a->road_flow;

	if (!(want->id & ROAD_BASE) || want->id > HOST_OWN_MAX)
		return true;
	if (want->kind == HOST_WRITE && flow.transport && want->id == flow.id) {
		flow.id &= ~ROAD_BASE;
		if (a->settings.road->send(a->settings.road->self, &flow, want->bytes, a->now) != ERR_NONE)
			log_info(a->settings.log, "call.agent unsent", "bytes=%zu", want->bytes.n);
	}
	return false;
}

bool agent_next(struct agent *a, struct host_want *out)
{
	const struct road *road = a->settings.road;
	struct media_ask *message;

	settle(a);
	while (sip_stack_want(a->stack, out))
		if (is_for_host(a, out)) {
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
	if (resolve_want(a, out)) {
		share_want(SHARE_INNER, PLACE_SELF, out);
		return true;
	}
	return false;
}

bool agent_event(struct agent *a, struct agent_event *out)
{
	bury(a);
	settle(a);
	if (!queue_take(&a->events, out))
		return false;
	if (out->kind == AGENT_CALL && out->is.kind == CALL_EVENT_ENDED)
		a->dying = out->call;
	return true;
}

bool agent_save(struct agent *a, str *state)
{
	const struct road *road = a->settings.road;

	return road && road->save && road->save(road->self, state);
}
