#include "crypt/secret.h"
#include "overlay/node_inside.h"

#include <stdlib.h>

#define FIND_WAIT (8 * USEC_PER_SEC)
#define EVENT_MAX 1024

/* ---- events ---- */

static void event_free(struct node_event *e)
{
	if (e)
		secret_wipe(e->bytes, e->n);
	free(e);
}

/* An event with a copy of n bytes, which its maker points to; NULL: no memory or too many. */
struct node_event *overlay_node_push(struct overlay_node *n, enum overlay_node_kind kind, const void *bytes,
				     size_t bytes_n)
{
	struct node_event *e = n->event_n < EVENT_MAX ? malloc(sizeof(*e) + bytes_n) : NULL;

	if (!e) {
		log_error(n->log, "node.full", "event=%d", (int)kind);
		return NULL;
	}
	*e = (struct node_event){ .ev.kind = kind, .n = bytes_n };
	if (bytes_n)
		memcpy(e->bytes, bytes, bytes_n);
	*n->last = e;
	n->last = &e->next;
	n->event_n++;
	return e;
}

struct flow overlay_node_flow_value(const struct overlay_node *n)
{
	/* Without our own address: the stack would write it into Via, and so show it to whoever is called. */
	return (struct flow){ .transport = TRANSPORT_TLS, .id = n->flow.id, .remote = n->flow.remote };
}

/* Tells the owner once; the same again only after things went well. */
void overlay_node_problem(struct overlay_node *n, enum overlay_refusal refusal, bool final)
{
	struct node_event *e;

	if (n->told == refusal && !final)
		return;
	n->told = refusal;
	log_warn(n->log, "node.problem", "name=" STR_FMT " text=\"" STR_FMT "\"", STR_ARG(overlay_name_str(&n->name)),
		 STR_ARG(overlay_refusal_text(refusal)));
	e = overlay_node_push(n, OVERLAY_NODE_PROBLEM, NULL, 0);
	if (e) {
		e->ev.refusal = refusal;
		e->ev.text = overlay_refusal_text(refusal);
		e->ev.final = final;
	}
}

void overlay_node_save(struct overlay_node *n)
{
	struct node_event *e;
	struct buf b;

	buf_init_grow(&b, OVERLAY_NODE_STATE_MAX);
	overlay_node_state_write(&n->state, &b);
	e = buf_ok(&b) ? overlay_node_push(n, OVERLAY_NODE_SAVE, b.p, b.n) : NULL;
	if (e)
		e->ev.state = str_of(e->bytes, e->n);
	if (b.p)
		secret_wipe(b.p, b.n);
	buf_free(&b);
}

/* ---- begin ---- */

static void list_servers(struct overlay_node *n)
{
	const struct overlay_network *w = &n->network;
	size_t k = 0;

	for (size_t i = 0; i < w->supernode_n; i++)
		n->servers[k++] = w->supernode[i];
	for (size_t i = 0; i < n->state.cache_n; i++)
		n->servers[k++] = n->state.cache[i];
	n->flow.servers = n->servers;
	n->flow.server_n = k;
	n->login.servers = n->network.login;
	n->login.server_n = n->network.login_n;
}

static void start_link(struct overlay_node *n, struct overlay_link *l, uint32_t stream_first, uint16_t tls)
{
	l->out = &n->out;
	l->rng = n->rng;
	l->stream_first = stream_first;
	l->tls = tls;
	l->due = USEC_NEVER;
}

static enum err load_state(struct overlay_node *n, str state)
{
	const struct overlay_certificate *c = &n->state.certificate;

	if (state.n == 0) {
		overlay_node_state_make(&n->state, n->rng);
		return ERR_NONE;
	}
	enum err err = overlay_node_state_parse(state, &n->state);
	if (err)
		return ERR_SYNTAX;
	if (c->bytes_n && (!str_eq(overlay_name_str(&c->name), overlay_name_str(&n->name)) ||
			   !str_eq(overlay_domain_str(&c->network), overlay_domain_str(&n->network.name))))
		return ERR_REFUSED;
	return ERR_NONE;
}

static enum err fold_name(str typed, struct overlay_name *out)
{
	char text[OVERLAY_NAME_MAX + 1];

	typed = str_head(typed, sizeof(text));
	for (size_t i = 0; i < typed.n; i++)
		text[i] = str_lower(typed.p[i]);
	return overlay_name_parse(str_of(text, typed.n), out);
}

/* From what there is: a good certificate, or a password. */
static void start(struct overlay_node *n, usec now)
{
	const struct overlay_certificate *c = &n->state.certificate;
	enum err err = ERR_ABSENT;

	if (c->bytes_n)
		err = overlay_certificate_verify(c, overlay_domain_str(&n->network.name), n->network.authority, now);
	if (n->password_n) {
		overlay_node_login(n, now);
	} else if (!err) {
		n->renew_at = c->not_before + (c->not_after - c->not_before) / 2;
	} else {
		overlay_node_problem(n,
				     err == ERR_ABSENT  ? OVERLAY_REFUSAL_LOGGED_OUT
				     : err == ERR_STATE ? OVERLAY_REFUSAL_CLOCK
							: overlay_refusal_of(err),
				     true);
	}
	if (!err && !n->login_only)
		overlay_link_start(&n->flow, now);
	if (!err && n->login_only && !n->password_n)
		n->renew_at = now;
}

enum err overlay_node_new(const struct overlay_node_setup *setup, usec now, struct overlay_node **out)
{
	struct overlay_node *n = calloc(1, sizeof(*n));
	enum err err = n ? ERR_NONE : ERR_MEMORY;

	if (err)
		return err;
	n->network = *setup->network;
	n->capabilities = setup->capabilities;
	n->login_only = setup->login_only;
	n->rng = setup->rng;
	n->log = setup->log;
	n->last = &n->first;
	n->login_due = n->renew_at = n->answer_due = n->ping_at = n->publish_at = USEC_NEVER;
	overlay_outbox_init(&n->out);
	buf_init_grow(&n->scratch, 2 * OVERLAY_BODY_MAX);
	buf_init_grow(&n->scratch_back, 2 * OVERLAY_BODY_MAX);
	start_link(n, &n->login, setup->stream_first, setup->tls);
	start_link(n, &n->flow, setup->stream_first + OVERLAY_LINK_STREAMS, setup->tls);
	err = setup->password.n > OVERLAY_PASSWORD_N ? ERR_LIMIT : fold_name(setup->name, &n->name);
	if (!err)
		err = load_state(n, setup->state);
	if (!err) {
		const struct overlay_envelope_setup envelope = {
			.network = &n->network,
			.certificate = &n->state.certificate,
			.device = &n->state.device,
			.keys = &n->state.keys,
			.keys_before = &n->state.keys_before,
			.rng = n->rng,
		};

		n->envelope = overlay_envelope_new(&envelope);
		err = n->envelope ? ERR_NONE : ERR_MEMORY;
	}
	if (err) {
		overlay_node_free(n);
		return err;
	}
	list_servers(n);
	n->password_n = setup->password.n;
	if (n->password_n)
		memcpy(n->password, setup->password.p, n->password_n);
	if (setup->state.n == 0)
		overlay_node_save(n); /* the new device's keys, before anybody has heard of them */
	start(n, now);
	*out = n;
	return ERR_NONE;
}

void overlay_node_free(struct overlay_node *n)
{
	if (!n)
		return;
	overlay_envelope_free(n->envelope);
	overlay_link_free(&n->login);
	overlay_link_free(&n->flow);
	overlay_outbox_free(&n->out);
	buf_free(&n->scratch);
	buf_free(&n->scratch_back);
	event_free(n->shown);
	while (n->first) {
		struct node_event *e = n->first;

		n->first = e->next;
		event_free(e);
	}
	secret_wipe(n, sizeof(*n));
	free(n);
}

/* ---- verbs ---- */

bool overlay_node_owns(const struct overlay_node *n, uint32_t id)
{
	return overlay_link_owns(&n->login, id) || overlay_link_owns(&n->flow, id);
}

/* Why a stream did not come up, for the person. */
static void lost(struct overlay_node *n, const struct overlay_link *l)
{
	bool pin = l->err == ERR_FORGED || l->err == ERR_REFUSED;

	overlay_node_problem(n, pin ? OVERLAY_REFUSAL_PIN : OVERLAY_REFUSAL_UNREACHABLE, false);
}

static void login_recv(struct overlay_node *n, const struct host_event *e, usec now)
{
	struct overlay_frame frame;

	switch (overlay_link_recv(&n->login, e, now)) {
	case OVERLAY_LINK_OPENED:
		overlay_node_say_login(n, now);
		break;
	case OVERLAY_LINK_BYTES:
		while (overlay_link_frame(&n->login, &frame))
			overlay_node_login_frame(n, &frame, now);
		if (n->login.stage == OVERLAY_LINK_OPEN && n->login.broken)
			overlay_link_again(&n->login, 0, now);
		break;
	case OVERLAY_LINK_LOST:
		n->login_due = USEC_NEVER;
		lost(n, &n->login);
		break;
	case OVERLAY_LINK_NOTHING:
		break;
	}
}

static void flow_recv(struct overlay_node *n, const struct host_event *e, usec now)
{
	struct overlay_frame frame;
	struct flow was = overlay_node_flow_value(n);
	bool stood = n->welcome;

	switch (overlay_link_recv(&n->flow, e, now)) {
	case OVERLAY_LINK_OPENED:
		overlay_node_say_hello(n, now);
		break;
	case OVERLAY_LINK_BYTES:
		while (overlay_link_frame(&n->flow, &frame))
			overlay_node_flow_frame(n, &frame, now);
		if (n->flow.stage == OVERLAY_LINK_OPEN && n->flow.broken)
			overlay_node_flow_again(n, 0, now);
		break;
	case OVERLAY_LINK_LOST:
		overlay_node_flow_down(n, &was);
		if (!stood)
			lost(n, &n->flow);
		break;
	case OVERLAY_LINK_NOTHING:
		break;
	}
}

void overlay_node_recv(struct overlay_node *n, const struct host_event *e, usec now)
{
	if (overlay_link_owns(&n->login, e->id))
		login_recv(n, e, now);
	else if (overlay_link_owns(&n->flow, e->id))
		flow_recv(n, e, now);
}

static void tick_links(struct overlay_node *n, usec now)
{
	struct flow was = overlay_node_flow_value(n);

	if (overlay_link_tick(&n->login, now) == OVERLAY_LINK_LOST)
		lost(n, &n->login);
	if (overlay_link_tick(&n->flow, now) == OVERLAY_LINK_LOST) {
		overlay_node_flow_down(n, &was);
		lost(n, &n->flow);
	}
	if (n->login_due <= now) {
		n->login_due = USEC_NEVER;
		overlay_node_problem(n, OVERLAY_REFUSAL_UNREACHABLE, false);
		overlay_link_again(&n->login, 0, now);
	}
	/* Anything that came since the ping shows that the flow lives. */
	if (n->answer_due <= now && n->welcome && n->flow.heard > n->answer_due - NODE_ANSWER_WAIT)
		n->answer_due = USEC_NEVER;
	if (n->answer_due <= now)
		overlay_node_flow_again(n, 0, now);
}

static void tick_flow(struct overlay_node *n, usec now)
{
	struct overlay_message ping = { .type = OVERLAY_PING, .id = NODE_ID_PING };

	if (n->ping_at <= now && n->flow.said + NODE_PING_LEAST > now) {
		n->ping_at = n->flow.said + NODE_PING_LEAST; /* something else was sent meanwhile */
	} else if (n->ping_at <= now) {
		overlay_link_send(&n->flow, &ping, now);
		n->answer_due = usec_min(n->answer_due, now + NODE_ANSWER_WAIT);
		overlay_node_arm_ping(n, now);
	}
	if (n->publish_at <= now && n->welcome)
		overlay_node_publish(n, false, now);
	for (size_t i = 0; i < NODE_FIND_MAX; i++)
		if (n->finds[i].used && n->finds[i].due <= now)
			overlay_node_find_fail(n, &n->finds[i], 408, STR("the network did not answer in time"));
}

/* Not renewed in time: nothing works with it any more. */
static void tick_certificate(struct overlay_node *n, usec now)
{
	const struct overlay_certificate *c = &n->state.certificate;

	if (n->renew_at <= now)
		overlay_node_login(n, now);
	if (c->bytes_n && n->welcome && now > usec_add(c->not_after, OVERLAY_CLOCK_SLACK) && !n->password_n) {
		overlay_node_problem(n, OVERLAY_REFUSAL_EXPIRED, true);
		overlay_link_stop(&n->login);
		overlay_node_flow_end(n);
	}
}

void overlay_node_tick(struct overlay_node *n, usec now)
{
	if (n->stopped)
		return;
	tick_certificate(n, now);
	tick_links(n, now);
	tick_flow(n, now);
}

usec overlay_node_due(const struct overlay_node *n)
{
	usec due = usec_min(overlay_link_due(&n->login), overlay_link_due(&n->flow));

	if (n->stopped)
		return USEC_NEVER;
	due = usec_min(due, usec_min(n->login_due, n->renew_at));
	due = usec_min(due, usec_min(n->answer_due, usec_min(n->ping_at, n->publish_at)));
	if (n->welcome && !n->password_n)
		due = usec_min(due, usec_add(n->state.certificate.not_after, OVERLAY_CLOCK_SLACK + USEC_PER_MS));
	for (size_t i = 0; i < NODE_FIND_MAX; i++)
		if (n->finds[i].used)
			due = usec_min(due, n->finds[i].due);
	return due;
}

bool overlay_node_want(struct overlay_node *n, struct host_want *out)
{
	return overlay_outbox_next(&n->out, out);
}

bool overlay_node_next(struct overlay_node *n, struct overlay_node_event *out)
{
	struct node_event *e = n->first;

	event_free(n->shown);
	n->shown = e;
	if (!e)
		return false;
	n->first = e->next;
	if (!n->first)
		n->last = &n->first;
	n->event_n--;
	*out = e->ev;
	return true;
}

/* ---- what the owner asks ---- */

void overlay_node_password(struct overlay_node *n, str password, usec now)
{
	if (password.n == 0 || password.n > OVERLAY_PASSWORD_N)
		return;
	memcpy(n->password, password.p, password.n);
	n->password_n = password.n;
	n->told = OVERLAY_REFUSAL_NONE;
	overlay_node_login(n, now);
}

enum err overlay_node_find(struct overlay_node *n, uint64_t ask, const struct overlay_name *name, usec now)
{
	struct overlay_message m = { .type = OVERLAY_FIND };
	struct node_find *f = NULL;

	for (size_t i = 0; !f && i < NODE_FIND_MAX; i++)
		f = n->finds[i].used ? NULL : &n->finds[i];
	if (!f)
		return ERR_FULL;
	*f = (struct node_find){ .used = true, .ask = ask, .name = *name, .due = now + FIND_WAIT };
	f->id = NODE_ID_FIND + n->find_id++ % (UINT32_MAX - NODE_ID_FIND);
	m.id = f->id;
	overlay_user_key(overlay_domain_str(&n->network.name), overlay_name_str(name), m.key);
	if (!n->welcome || !overlay_link_send(&n->flow, &m, now))
		overlay_node_find_fail(n, f, 503, STR("not connected to the network"));
	return ERR_NONE;
}

enum err overlay_node_send(struct overlay_node *n, str sip, usec now)
{
	str out;

	if (!n->welcome)
		return ERR_CLOSED;
	while (sip.n && (sip.p[0] == '\r' || sip.p[0] == '\n'))
		sip = str_skip(sip, 1);
	if (sip.n == 0)
		return ERR_NONE;
	buf_reset(&n->scratch_back);
	enum err err = overlay_envelope_close(n->envelope, sip, now, &n->scratch_back, &out);
	if (!err)
		overlay_node_send_raw(n, out, now);
	return err;
}

void overlay_node_stop(struct overlay_node *n, usec now)
{
	struct overlay_message bye = { .type = OVERLAY_BYE, .refusal = OVERLAY_REFUSAL_MOVED };

	if (n->stopped)
		return;
	if (n->welcome) {
		overlay_node_publish(n, true, now);
		overlay_link_send(&n->flow, &bye, now);
		overlay_node_save(n);
	}
	n->stopped = true;
	n->welcome = n->published = false;
	overlay_link_stop(&n->login);
	overlay_link_stop(&n->flow);
}

bool overlay_node_online(const struct overlay_node *n)
{
	return n->published;
}

enum err overlay_node_contact(const struct overlay_node *n, struct buf *b)
{
	struct overlay_point p = { 0 };

	if (!n->welcome)
		return ERR_CLOSED;
	overlay_node_point(n, &p);
	overlay_point_write_uri(&p, overlay_name_str(&n->name), b);
	return ERR_NONE;
}

void overlay_node_aor(const struct overlay_node *n, struct buf *b)
{
	buf_put(b, overlay_name_str(&n->name));
	buf_put_char(b, '@');
	buf_put(b, overlay_domain_str(&n->network.name));
}

const struct overlay_certificate *overlay_node_certificate(const struct overlay_node *n)
{
	return &n->state.certificate;
}

struct addr overlay_node_observed(const struct overlay_node *n)
{
	return n->observed;
}

struct addr overlay_node_stun(const struct overlay_node *n)
{
	return n->stun;
}
