#include "call/registration.h"

#include "sip/edit.h"

#define RETRY_BASE (USEC_PER_SEC / 2) /* doubled with each failure: a server that comes up late is found soon */
#define RETRY_MAX  (1800 * USEC_PER_SEC)
/* RFC 5626 4.4.1 for streams (95 to 120 s) and 4.4.2 for datagrams (24 to 29 s). */
#define PING_STREAM    (119 * USEC_PER_SEC)
#define PING_DATAGRAM  (29 * USEC_PER_SEC)
#define FLOW_TIMER_MIN 5u /* a registrar's wish for more of them than that is not followed */
#define LEAVE_MAX      (4 * USEC_PER_SEC)

enum err registration_init(struct registration *r, const struct registration_settings *settings)
{
	struct registration fresh = {
		.settings = *settings, .refresh_at = USEC_NEVER, .ping_at = USEC_NEVER, .give_up_at = USEC_NEVER
	};

	if (!str_copy_z(settings->aor, fresh.aor, sizeof(fresh.aor)) ||
	    !str_copy_z(settings->registrar, fresh.registrar, sizeof(fresh.registrar)))
		return ERR_LIMIT;
	rng_text(settings->rng, fresh.call_id, sizeof(fresh.call_id) - 1);
	rng_text(settings->rng, fresh.tag, sizeof(fresh.tag) - 1);
	fresh.expires_s = settings->expires_s ? settings->expires_s : 600;
	*r = fresh;
	return ERR_NONE;
}

void registration_free(struct registration *r)
{
	r->state = REGISTRATION_OFF;
	r->client = 0;
}

static usec some(struct registration *r, usec span) /* half to all of it, by chance */
{
	return span / 2 + (usec)rng_below(r->settings.rng, (uint32_t)(span / 2 / USEC_PER_MS) + 1) * USEC_PER_MS;
}

static usec next_ping(struct registration *r, usec now)
{
	usec fifth = r->ping_every / 5;

	return now + r->ping_every -
	       (usec)rng_below(r->settings.rng, (uint32_t)(fifth / USEC_PER_MS) + 1) * USEC_PER_MS;
}

/* How often at most. A NAT forgets datagrams sooner than a registrar may think, so there the shorter counts. */
static void plan_pings(struct registration *r, struct sip_msg *response, usec now)
{
	bool stream = transport_is_reliable(r->flow.transport);
	uint32_t seconds;
	str params;

	r->outbound = r->settings.instance.n && !r->plain && sip_msg_lists(response, SIP_REQUIRE, STR("outbound"));
	r->ping_every = stream ? PING_STREAM : PING_DATAGRAM;
	if (sip_seconds_parse(sip_msg_value(response, SIP_FLOW_TIMER), &seconds, &params) == ERR_NONE && seconds &&
	    (stream || seconds * USEC_PER_SEC < r->ping_every))
		r->ping_every = (seconds > FLOW_TIMER_MIN ? seconds : FLOW_TIMER_MIN) * USEC_PER_SEC;
	r->ping_at = next_ping(r, now);
}

static void pause_by(struct registration *r, usec span, usec now)
{
	r->refresh_at = usec_add(now, span);
	r->ping_at = USEC_NEVER;
}

static bool fail(struct registration *r, enum call_cause cause, int status, usec retry_after, usec now)
{
	usec span = RETRY_BASE;

	r->client = 0;
	if (r->leaving) {
		r->state = REGISTRATION_OFF;
		r->refresh_at = r->give_up_at = r->ping_at = USEC_NEVER;
		return true;
	}
	for (unsigned i = 0; i < r->failures && span < RETRY_MAX; i++)
		span *= 2;
	r->failures++;
	span = some(r, span < RETRY_MAX ? span : RETRY_MAX);
	pause_by(r, retry_after > span ? retry_after : span, now);
	r->state = REGISTRATION_DOWN;
	r->cause = cause;
	r->status = status;
	return true;
}

static bool refuse(struct registration *r, enum call_cause cause, int status)
{
	r->client = 0;
	r->state = r->leaving ? REGISTRATION_OFF : REGISTRATION_REFUSED;
	r->cause = cause;
	r->status = status;
	r->refresh_at = r->ping_at = r->give_up_at = USEC_NEVER;
	return true;
}

static void write_lines(struct registration *r, struct buf *lines)
{
	buf_printf(lines, "Expires: %u\r\n", r->leaving ? 0u : (unsigned)r->expires_s);
	if (r->settings.software.n)
		buf_printf(lines, "User-Agent: " STR_FMT "\r\n", STR_ARG(r->settings.software));
	buf_put(lines,
		r->plain ? STR("Supported: path, gruu, timer\r\n") : STR("Supported: path, gruu, outbound, timer\r\n"));
}

/* true: failed, which is news. */
static bool ask(struct registration *r, usec now)
{
	char text[4096], line_text[2048], from_text[REGISTRATION_NAME_N + 32], contact_text[4 * REGISTRATION_NAME_N];
	struct buf out, lines, from, contact;
	enum err err;

	buf_init(&out, text, sizeof(text));
	buf_init(&lines, line_text, sizeof(line_text));
	buf_init(&from, from_text, sizeof(from_text));
	buf_init(&contact, contact_text, sizeof(contact_text));
	write_lines(r, &lines);
	err = account_answer(r->settings.account, STR("REGISTER"), str_from(r->registrar), STR_NONE, &lines,
			     &r->answered);
	buf_printf(&contact, "<%s>", r->contact);
	if (r->settings.instance.n)
		buf_printf(&contact, "%s;+sip.instance=\"<" STR_FMT ">\"", r->plain ? "" : ";reg-id=1",
			   STR_ARG(r->settings.instance));
	buf_put(&contact, r->settings.features);
	buf_printf(&from, "<%s>;tag=%s", r->aor, r->tag);
	struct sip_request request = {
		.method = STR("REGISTER"),
		.uri = str_from(r->registrar),
		.from = buf_str(&from),
		.to = str_head(buf_str(&from), strlen(r->aor) + 2),
		.call_id = str_from(r->call_id),
		.cseq = ++r->cseq,
		.contact = buf_str(&contact),
		/* sip_request.lines come without the last CRLF */
		.lines = str_head(buf_str(&lines), lines.n - 2),
	};
	if (err == ERR_NONE)
		err = buf_ok(&lines) ? sip_request_write(&request, &out) : ERR_FULL;
	if (err != ERR_NONE) {
		log_warn(r->settings.log, "call.registration unwritten", "call=%s aor=%s err=\"%s\"", r->call_id,
			 r->aor, err_text(err));
		return fail(r, CALL_FAILED, 0, 0, now);
	}
	struct sip_outgoing outgoing = { .draft.text = buf_str(&out),
					 .target = r->settings.target,
					 .cookie = r->settings.cookie };

	r->refresh_at = USEC_NEVER;
	r->client = sip_stack_request(r->settings.stack, &outgoing, now);
	return r->client == 0 && fail(r, CALL_NO_ROUTE, 0, 0, now);
}

void registration_start(struct registration *r, str contact, usec now)
{
	(void)str_copy_z(contact, r->contact, sizeof(r->contact));
	r->leaving = false;
	r->tries = 0;
	r->state = REGISTRATION_ASKING;
	(void)ask(r, now);
}

void registration_stop(struct registration *r, usec now)
{
	if (r->state != REGISTRATION_UP) {
		r->state = REGISTRATION_OFF;
		r->refresh_at = r->ping_at = r->give_up_at = USEC_NEVER;
		r->client = 0;
		return;
	}
	r->leaving = true;
	r->tries = 0;
	r->state = REGISTRATION_LEAVING;
	r->ping_at = USEC_NEVER;
	r->give_up_at = usec_add(now, LEAVE_MAX);
	(void)ask(r, now);
}

/* What was granted to our contact: its expires parameter, else the Expires field, else what we asked for. */
static uint32_t granted(struct registration *r, struct sip_msg *response)
{
	const struct sip_address *list;
	struct sip_uri ours;
	uint32_t seconds;
	size_t n;

	if (sip_uri_parse(str_from(r->contact), &ours) == ERR_NONE &&
	    sip_msg_addresses(response, SIP_CONTACT, &list, &n) == ERR_NONE)
		for (size_t i = 0; i < n; i++)
			if (!list[i].star && sip_uri_eq(&list[i].uri, &ours) && sip_address_expires(&list[i], &seconds))
				return seconds;
	return sip_msg_expires(response, &seconds) ? seconds : r->expires_s;
}

/* RFC 5627 4.2: in the Contact of our instance. */
static void take_gruu(struct registration *r, struct sip_msg *response)
{
	const struct sip_address *list;
	char text[REGISTRATION_NAME_N];
	str instance, gruu;
	struct buf b;
	size_t n;

	r->gruu[0] = 0;
	if (!r->settings.instance.n || sip_msg_addresses(response, SIP_CONTACT, &list, &n) != ERR_NONE)
		return;
	for (size_t i = 0; i < n; i++) {
		if (list[i].star || !sip_param_find(list[i].params, STR("+sip.instance"), &instance) ||
		    !sip_param_find(list[i].params, STR("pub-gruu"), &gruu) ||
		    str_find(instance, r->settings.instance) == instance.n)
			continue;
		buf_init(&b, text, sizeof(text));
		sip_unquote(gruu, &b);
		if (buf_ok(&b))
			(void)str_copy_z(buf_str(&b), r->gruu, sizeof(r->gruu));
	}
}

/* RFC 3608 6.1: in order; too many are none. */
static void take_routes(struct registration *r, struct sip_msg *response)
{
	struct sip_values v = sip_msg_values(response, SIP_SERVICE_ROUTE);
	struct buf b;
	str value;

	buf_init(&b, r->routes, sizeof(r->routes) - 1);
	while (sip_values_next(&v, &value)) {
		if (b.n)
			buf_put(&b, STR(", "));
		buf_put(&b, value);
	}
	r->routes[buf_ok(&b) ? b.n : 0] = 0;
}

static bool registered(struct registration *r, struct sip_msg *response, const struct flow *flow, usec now)
{
	bool news = r->state != REGISTRATION_UP;
	uint32_t seconds;

	r->client = 0;
	if (r->leaving) {
		r->state = REGISTRATION_OFF;
		r->refresh_at = r->ping_at = r->give_up_at = USEC_NEVER;
		return true;
	}
	seconds = granted(r, response);
	take_gruu(r, response);
	take_routes(r, response);
	r->state = REGISTRATION_UP;
	r->cause = CALL_CAUSE_NONE;
	r->status = response->status;
	r->failures = 0;
	r->flow = *flow;
	r->refresh_at = usec_add(now, (usec)(seconds > 5 ? seconds : 5) * USEC_PER_SEC * 4 / 5);
	plan_pings(r, response, now);
	return news;
}

static bool challenged(struct registration *r, struct sip_msg *response, usec now)
{
	enum err err = ERR_REFUSED;

	if (r->tries++ < ACCOUNT_TRIES)
		err = account_challenged(r->settings.account, response, r->answered);
	if (err == ERR_NONE)
		return ask(r, now);
	log_warn(r->settings.log, "call.registration refused", "call=%s aor=%s status=%d", r->call_id, r->aor,
		 (int)response->status);
	return refuse(r, CALL_WRONG_PASSWORD, response->status);
}

static bool too_brief(struct registration *r, struct sip_msg *response, usec now)
{
	uint32_t least;
	str params;

	if (sip_seconds_parse(sip_msg_value(response, SIP_MIN_EXPIRES), &least, &params) != ERR_NONE ||
	    least <= r->expires_s || r->tries++ >= ACCOUNT_TRIES + 1)
		return fail(r, CALL_FAILED, response->status, 0, now);
	r->expires_s = least;
	return ask(r, now);
}

static bool answered(struct registration *r, const struct sip_event *event, usec now)
{
	struct sip_msg *response = event->msg;
	uint32_t after = 0;
	str params;

	if (response->status < 200)
		return false;
	if (response->status < 300)
		return registered(r, response, &event->flow, now);
	switch (response->status) {
	case 401:
	case 407:
		return challenged(r, response, now);
	case 423:
		return too_brief(r, response, now);
	case 439: /* RFC 5626 4.2.1 */
		if (r->plain || !r->settings.instance.n)
			return fail(r, CALL_FAILED, 439, 0, now);
		r->plain = true;
		return ask(r, now);
	case 403:
		return refuse(r, r->answered ? CALL_WRONG_PASSWORD : CALL_DECLINED, 403);
	case 404:
		return refuse(r, CALL_UNKNOWN, 404);
	default:
		if (sip_seconds_parse(sip_msg_value(response, SIP_RETRY_AFTER), &after, &params) != ERR_NONE)
			after = 0;
		return fail(r, call_cause_of_status(response->status, false), response->status,
			    (usec)(after < 3600 ? after : 3600) * USEC_PER_SEC, now);
	}
}

/* RFC 5626 4.4.2: silence, or another address: what the registrar knows of us leads nowhere. It is told anew at once,
 * and if it does not answer that either, the registration has failed. */
static bool flow_lost(struct registration *r, const struct sip_event *event, usec now)
{
	if (r->state != REGISTRATION_UP || r->client || !flow_eq(&event->flow, &r->flow))
		return false;
	log_info(r->settings.log, "call.registration flow lost", "call=%s aor=%s err=\"%s\"", r->call_id, r->aor,
		 err_text(event->err));
	r->tries = 0;
	return ask(r, now);
}

bool registration_recv(struct registration *r, const struct sip_event *event, usec now)
{
	if (event->kind == SIP_EVENT_FLOW_GONE && event->flow.transport == TRANSPORT_UDP)
		return flow_lost(r, event, now);
	if (event->kind == SIP_EVENT_FLOW_GONE) {
		bool was_ours = r->state == REGISTRATION_UP && transport_is_reliable(r->flow.transport) &&
				event->flow.id == r->flow.id;
		/* The owner opened a stream for the next try, and it did not come up. */
		bool was_for_us = r->state == REGISTRATION_DOWN && !r->client && r->refresh_at == USEC_NEVER;
		return (was_ours || was_for_us) && fail(r, CALL_NO_ROUTE, 0, 0, now);
	}
	if (!r->client || event->client != r->client)
		return false;
	switch (event->kind) {
	case SIP_EVENT_RESPONSE:
		return answered(r, event, now);
	case SIP_EVENT_TIMEOUT:
		return fail(r, CALL_SILENCE, 0, 0, now);
	case SIP_EVENT_UNREACHABLE:
		return fail(r, CALL_NO_ROUTE, 0, 0, now);
	default:
		return false;
	}
}

bool registration_tick(struct registration *r, usec now)
{
	if (now >= r->give_up_at) {
		r->state = REGISTRATION_OFF;
		r->refresh_at = r->ping_at = r->give_up_at = USEC_NEVER;
		return true;
	}
	if (now >= r->ping_at) {
		r->ping_at = next_ping(r, now);
		if (r->outbound)
			sip_stack_probe(r->settings.stack, &r->flow, now);
		else
			sip_stack_ping(r->settings.stack, &r->flow, now);
	}
	if (now < r->refresh_at)
		return false;
	r->tries = 0;
	return ask(r, now);
}

usec registration_due(const struct registration *r)
{
	return usec_min(r->give_up_at, usec_min(r->refresh_at, r->ping_at));
}
