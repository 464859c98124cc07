#include "call/agent_inside.h"

static void no_route(struct agent *a, struct agent_call *ac, enum call_cause cause, int status, str text, usec now)
{
	(void)a;
	call_fail(ac->call, cause, status, text, now);
}

/* What a plan is made of that stands nowhere else. */
struct drawing {
	struct leg_plan plan;
	char contact[CALL_TARGET_N], lines[CALL_LINES_N];
};

static void plan(struct agent *a, struct agent_call *ac, struct drawing *d)
{
	struct leg_plan *out = &d->plan;
	struct buf lines;

	*out = (struct leg_plan){ .uri = ac->target, .to = ac->target, .from = ac->from, .display = ac->display };
	out->contact = agent_contact(a, ac->target, d->contact);
	out->max_forwards = ac->max_forwards;
	buf_init(&lines, d->lines, sizeof(d->lines));
	agent_reach_write_routes(a, &lines);
	buf_put_z(&lines, ac->lines);
	out->lines = buf_str(&lines); /* CALL_LINES_N is the sum of both */
	out->target = a->proxy;
}

/* RFC 5630 5.1.1: sips is TLS on every hop, so on ours; and who is called back must be on it, too. */
bool agent_route_goes_by(const struct agent *a, str uri, enum transport transport)
{
	return a->settings.road || transport_is_secure(transport) || !str_starts_nocase(uri, STR("sips:"));
}

static void route_to(struct agent *a, struct agent_call *ac, const struct sip_uri *uri, struct addr addr, usec now)
{
	struct drawing d;
	struct sip_target *target = &d.plan.target;

	plan(a, ac, &d);
	*target = (struct sip_target){ .addr = addr, .transport = a->settings.transport, .tls = a->settings.tls };
	target->name = a->settings.tls_name.n ? a->settings.tls_name : uri->host;
	if (sip_uri_param(uri, STR("transport"), NULL) && !sip_uri_transport(uri, &target->transport)) {
		no_route(a, ac, CALL_NO_ROUTE, 0, STR("no such transport"), now);
		return;
	}
	call_route(ac->call, &d.plan, now);
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
		struct sip_locate_wish wish;
		enum err err = sip_locate_wish_uri(&uri, &wish);

		if (!err && !wish.transport)
			wish.transport = a->settings.transport; /* what we are called back on */
		ac->resolving = err ? 0 : sip_locate_find(a->locate, &wish, ac->self, now);
		if (!ac->resolving)
			no_route(a, ac, CALL_NO_ROUTE, 0, err ? STR("no such transport") : STR("no memory"), now);
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
	struct drawing d;

	if (!agent_route_goes_by(a, ac->target, a->settings.transport)) {
		no_route(a, ac, CALL_NO_ROUTE, 0,
			 STR("a sips address is called over TLS only, and this phone is not on it"), now);
	} else if (a->settings.road) {
		route_by_road(a, ac, now);
	} else if (!agent_needs_proxy(a)) {
		route_direct(a, ac, now);
	} else if (!a->proxy.transport || !a->contact[0]) {
		no_route(a, ac, CALL_NO_ROUTE, 0, STR("there is no connection to the server yet"), now);
	} else {
		plan(a, ac, &d);
		call_route(ac->call, &d.plan, now);
	}
}

void agent_route_write_target(const struct agent *a, str target, struct buf *out)
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
	agent_route_write_target(a, d->target, &out);
	ac->target = buf_str(&out);
	buf_put(&out, from);
	ac->from = str_of(ac->room + ac->target.n, from.n);
	buf_put(&out, display);
	ac->display = str_of(ac->from.p + from.n, display.n);
	return buf_ok(&out);
}

static struct agent_call *dial(struct agent *a, const struct agent_dialling *d, str lines, usec now)
{
	struct agent_call *ac = a->stopping ? NULL : agent_calls_add(a);

	if (!ac)
		return NULL;
	if (!keep_dialling(a, ac, d) || !str_copy_z(lines, ac->lines, sizeof(ac->lines))) {
		no_route(a, ac, CALL_UNKNOWN, 414, STR("the address is too long"), now);
		return ac;
	}
	ac->max_forwards = d->max_forwards;
	call_dial(ac->call, ac->from, ac->target, d->session, now);
	if (call_state(ac->call) != CALL_ENDED)
		route(a, ac, now);
	return ac;
}

handle agent_dial(struct agent *a, const struct agent_dialling *d, usec now)
{
	struct agent_call *ac;

	a->now = now;
	ac = dial(a, d, STR_NONE, now);
	return ac ? ac->self : 0;
}

struct agent_call *agent_route_refer(struct agent *a, struct agent_call *referrer, const char *uri, usec now)
{
	char text[2 * CALL_TARGET_N];
	struct agent_call *ac;
	struct buf lines;

	buf_init(&lines, text, sizeof(text));
	call_refer_lines(referrer->call, &lines);
	ac = buf_ok(&lines) ? dial(a, &(struct agent_dialling){ .target = str_from(uri) }, buf_str(&lines), now) : NULL;
	if (ac)
		ac->referrer = referrer->self;
	return ac;
}

void agent_route_again(struct agent *a, struct agent_call *ac, const char *uri, usec now)
{
	char from[CALL_NAME_N], display[CALL_NAME_N];

	/* the new texts take the place of the old ones */
	if (str_copy_z(ac->from, from, sizeof(from)) && str_copy_z(ac->display, display, sizeof(display)) &&
	    keep_dialling(a, ac,
			  &(struct agent_dialling){
				  .target = str_from(uri), .from = str_from(from), .display = str_from(display) }))
		route(a, ac, now);
	else
		no_route(a, ac, CALL_UNKNOWN, 414, STR("the address is too long"), now);
}

void agent_route_located(struct agent *a, const struct sip_found *found, usec now)
{
	struct agent_call *ac = slab_find(&a->calls, found->cookie);
	struct sip_uri uri;

	if (!ac || ac->resolving != found->search)
		return;
	ac->resolving = 0;
	agent_calls_touch(a, ac);
	if (!found->n || sip_uri_parse(ac->target, &uri) != ERR_NONE)
		no_route(a, ac, CALL_NO_ROUTE, 0, STR("the name leads to no address"), now);
	else
		route_to(a, ac, &uri, found->places[0].addr, now);
}

void agent_route_found(struct agent *a, const struct road_event *event, usec now)
{
	struct agent_call *ac = slab_find(&a->calls, event->ask);
	struct drawing d;

	if (!ac)
		return;
	agent_calls_touch(a, ac);
	if (event->kind == ROAD_MISSING || !a->road_flow.transport) {
		int status = event->kind == ROAD_MISSING ? event->status : 503;

		no_route(a, ac, call_cause_of_status(status, false), status, event->text, now);
		return;
	}
	plan(a, ac, &d);
	d.plan.uri = event->uri;
	d.plan.target = (struct sip_target){ .flow = a->road_flow };
	call_route(ac->call, &d.plan, now);
}
