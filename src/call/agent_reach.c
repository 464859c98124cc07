#include "call/agent_inside.h"

#include <stdio.h>

#define RESOLVE_AGAIN (10 * USEC_PER_SEC)
#define HEDGE         (2 * USEC_PER_SEC) /* no answer to three datagrams, no connection: on to the next server */

void agent_reach_say(struct agent *a, enum agent_event_kind kind, enum call_cause cause, int status, bool final,
		     str text)
{
	struct agent_event event = { .kind = kind, .cause = cause, .status = status, .final = final };

	if (text.n && text.p != a->text)
		(void)str_copy_z(text, a->text, sizeof(a->text));
	event.text = text.n ? str_from(a->text) : STR_NONE;
	if (queue_put(&a->events, &event) != ERR_NONE)
		log_error(a->settings.log, "call.agent event lost", "kind=%d", (int)kind);
}

void agent_reach_ready(struct agent *a)
{
	a->connect_failures = 0;
	a->server_hedge_at = USEC_NEVER;
	if (a->ready || a->stopping)
		return;
	a->ready = true;
	agent_reach_say(a, AGENT_READY, CALL_CAUSE_NONE, 0, false, str_from(a->aor));
}

void agent_reach_down(struct agent *a, enum call_cause cause, int status, bool final, str text)
{
	a->ready = false;
	if (!a->stopping)
		agent_reach_say(a, AGENT_DOWN, cause, status, final, text.n ? text : str_from(call_cause_text(cause)));
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
	else if (transport_is_ws(flow->transport)) /* RFC 7118 5.2.2: under TLS, too */
		buf_put(&out, STR(";transport=ws"));
	a->contact[buf_ok(&out) ? out.n : 0] = 0;
	return buf_ok(&out);
}

static bool is_registered(const struct agent *a)
{
	return a->settings.registers && a->registration.settings.stack && a->registration.state == REGISTRATION_UP;
}

str agent_contact(const struct agent *a, str request_uri, char room[CALL_TARGET_N])
{
	str contact = str_from(is_registered(a) && a->registration.gruu[0] ? a->registration.gruu : a->contact), name,
	    value, rest = contact;
	struct buf b;

	if (!str_starts_nocase(request_uri, STR("sips:")) || !str_starts_nocase(contact, STR("sip:")))
		return contact;
	buf_init(&b, room, CALL_TARGET_N);
	buf_put(&b, STR("sips:"));
	(void)str_split(str_skip(contact, 4), ';', &name, &rest);
	buf_put(&b, name);
	while (sip_param_next(&rest, &name, &value)) {
		if (str_eq_nocase(name, STR("transport")) && str_eq_nocase(value, STR("tls")))
			continue; /* RFC 5630 3.1.4: sips says so, and this says it no more */
		buf_put_char(&b, ';');
		buf_put(&b, name);
		if (value.n) {
			buf_put_char(&b, '=');
			buf_put(&b, value);
		}
	}
	return buf_ok(&b) ? buf_str(&b) : contact;
}

void agent_reach_write_routes(const struct agent *a, struct buf *lines)
{
	if (is_registered(a) && a->registration.routes[0])
		buf_printf(lines, "Route: %s\r\n", a->registration.routes);
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
		.instance = a->settings.instance,
		.features = str_from(a->features),
		.expires_s = a->settings.expires,
		.cookie = AGENT_REGISTRATION_COOKIE,
	};

	if (!write_contact(a, flow)) {
		agent_reach_down(a, CALL_NO_ROUTE, 0, false, STR_NONE);
		return;
	}
	if (!a->settings.registers) {
		agent_reach_ready(a);
		return;
	}
	snprintf(registrar, sizeof(registrar), "sip:" STR_FMT, STR_ARG(a->settings.domain));
	settings.registrar = str_from(registrar);
	if (a->registration.settings.stack == NULL && registration_init(&a->registration, &settings) != ERR_NONE) {
		agent_reach_down(a, CALL_UNKNOWN, 0, true, STR("the account's name is too long"));
		return;
	}
	a->registration.settings.target = a->proxy;
	registration_start(&a->registration, str_from(a->contact), now);
	if (a->registration.state == REGISTRATION_DOWN)
		agent_reach_down(a, a->registration.cause, 0, false, STR_NONE);
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
		agent_reach_down(a, CALL_NO_ROUTE, 0, false, STR_NONE);
}

/* "host[:port]" of the settings. */
static str server_host(const struct agent *a, uint16_t *port)
{
	str name = a->settings.proxy.n ? a->settings.proxy : a->settings.domain, host, tail;
	uint32_t number = 0;

	if (!str_split(name, ':', &host, &tail) || !str_u32(tail, 65535, &number))
		number = 0;
	*port = (uint16_t)number;
	return host;
}

void agent_reach_find(struct agent *a, usec now)
{
	str name = a->settings.proxy.n ? a->settings.proxy : a->settings.domain;
	uint16_t number = sip_transport_port(a->settings.transport);
	struct sip_locate_wish wish = { .transport = a->settings.transport };
	struct addr addr;

	a->resolve_at = USEC_NEVER;
	wish.host = server_host(a, &wish.port);
	if (!a->settings.tls_name.n)
		a->settings.tls_name = wish.host;
	if (addr_parse(name, number, &addr) == ERR_NONE)
		proxy_known(a, addr, now);
	else if (!sip_locate_find(a->locate, &wish, 0, now))
		a->resolve_at = usec_add(now, RESOLVE_AGAIN);
}

/* The next server of the proxy's name. false: all have been tried. */
static bool next_server(struct agent *a, usec now)
{
	if (a->stopping || a->server_next >= a->servers.n)
		return false;
	a->server_hedge_at = a->server_next + 1 < a->servers.n ? usec_add(now, HEDGE) : USEC_NEVER;
	proxy_known(a, a->servers.places[a->server_next++].addr, now);
	return true;
}

void agent_reach_found(struct agent *a, const struct sip_found *found, usec now)
{
	if (!found->n) {
		agent_reach_down(a, CALL_NO_ROUTE, 0, false, STR("the server's name leads to no address"));
		a->resolve_at = usec_add(now, RESOLVE_AGAIN);
		return;
	}
	a->servers = *found;
	a->server_next = 0;
	(void)next_server(a, now);
}

/* RFC 3263 4.3: the one in use does not answer, refuses, or says 503. true: the next is being tried. */
static bool server_failed(struct agent *a, usec now)
{
	if (!a->server_next)
		return false;
	a->server_hedge_at = USEC_NEVER;
	sip_locate_failed(a->locate, &a->servers.places[a->server_next - 1], now);
	return next_server(a, now);
}

void agent_reach_tick(struct agent *a, usec now)
{
	struct flow flow = a->proxy_flow;

	if (now < a->server_hedge_at)
		return;
	a->server_hedge_at = USEC_NEVER;
	if (a->ready || a->registration.state == REGISTRATION_UP || a->registration.answered)
		return;
	a->proxy_flow = (struct flow){ 0 };
	if (flow.transport)
		sip_stack_close(a->stack, &flow);
	(void)server_failed(a, now);
}

bool agent_needs_proxy(const struct agent *a)
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
	if (agent_needs_proxy(a) && streams)
		a->listening = true;
	else if (!sip_stack_listen(a->stack, a->settings.transport, &a->settings.listen, a->settings.tls_listen,
				   STR_NONE))
		agent_reach_down(a, CALL_NO_ROUTE, 0, true, STR("cannot listen"));
	if (agent_needs_proxy(a))
		agent_reach_find(a, now);
}

void agent_reach_listening(struct agent *a, const struct sip_event *event, usec now)
{
	struct flow flow = { .transport = a->settings.transport };
	struct buf out;
	struct addr local;

	if (event->err != ERR_NONE) {
		agent_reach_down(a, CALL_NO_ROUTE, 0, true, STR("the address to listen on is taken or not ours"));
		return;
	}
	a->listening = true;
	if (agent_needs_proxy(a)) {
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
		agent_reach_ready(a);
	}
}

/* The texts of causes speak of calls; where a registration failed, it was the server that said no. Empty: as usual. */
static str registration_text(enum call_cause cause)
{
	switch (cause) {
	case CALL_DECLINED:
	case CALL_FAILED:
		return STR("The server does not let this account register.");
	case CALL_UNKNOWN:
		return STR("The server does not know this account.");
	case CALL_NO_ROUTE:
	case CALL_SILENCE:
	case CALL_NO_ANSWER:
		return STR("The server does not answer.");
	case CALL_AWAY:
	case CALL_OVERLOADED:
	case CALL_SERVER_ERROR:
		return STR("The server cannot take the registration now.");
	default:
		return STR_NONE;
	}
}

void agent_reach_news(struct agent *a)
{
	const struct registration *r = &a->registration;
	usec again_at = USEC_NEVER;

	switch (r->state) {
	case REGISTRATION_UP:
		agent_reach_ready(a);
		break;
	case REGISTRATION_DOWN:
		if ((r->status == 0 || r->status == 503) && a->server_next && !a->stopping) {
			bool streams = transport_is_reliable(a->settings.transport);

			/* RFC 3263 4.3; after the last of them the name is looked up anew, when the registration
			 * would have tried again. */
			if (!streams || r->status)
				again_at = r->refresh_at;
			if (again_at != USEC_NEVER)
				a->registration.refresh_at = USEC_NEVER;
			if (server_failed(a, a->now))
				return;
			a->resolve_at = usec_min(a->resolve_at, again_at);
		}
		agent_reach_down(a, r->cause, r->status, false, registration_text(r->cause));
		break;
	case REGISTRATION_REFUSED:
		agent_reach_down(a, r->cause, r->status, true, registration_text(r->cause));
		break;
	default:
		break;
	}
}

void agent_reach_flow_up(struct agent *a, const struct sip_event *event, usec now)
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

/* The stream to the server has ended, and the host has words for it. */
static void write_why(const struct agent *a, str why, struct buf *out)
{
	buf_put(out, a->ready ? STR("The connection to the server broke: ")
			      : STR("No connection to the server came about: "));
	buf_put(out, str_head(why, sizeof(a->text) - 64));
	buf_put_char(out, '.');
}

static enum call_cause cause_of_end(const struct sip_event *event)
{
	return event->err == ERR_REFUSED || event->err == ERR_EXPIRED || event->err == ERR_FORGED ? CALL_UNTRUSTED
												  : CALL_NO_ROUTE;
}

void agent_reach_flow_gone(struct agent *a, const struct sip_event *event, usec now)
{
	char text[sizeof(a->text)];
	struct buf why;

	if (event->flow.transport == TRANSPORT_UDP) {
		if (!a->stopping && registration_recv(&a->registration, event, now))
			agent_reach_news(a);
		return;
	}
	if (!a->proxy_flow.transport || event->flow.id != a->proxy_flow.id)
		return;
	a->proxy_flow = (struct flow){ 0 };
	if (server_failed(a, now))
		return;
	buf_init(&why, text, sizeof(text));
	if (event->bytes.n)
		write_why(a, event->bytes, &why);
	if (registration_recv(&a->registration, event, now) && !why.n)
		agent_reach_news(a);
	else if (a->ready || why.n || a->registration.state == REGISTRATION_OFF)
		agent_reach_down(a, cause_of_end(event), 0, false, buf_str(&why));
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
