#include "overlay/node.h"

#include "crypt/secret.h"
#include "overlay/link.h"

#include <stdlib.h>

#define FIND_MAX      16
#define FIND_WAIT     (8 * USEC_PER_SEC)
#define ANSWER_WAIT   (10 * USEC_PER_SEC) /* for WELCOME, LOGIN_OK and PONG */
#define PING_LEAST    (25 * USEC_PER_SEC)
#define PING_JITTER   5000 /* milliseconds more */
#define REPLACED_WAIT (60 * USEC_PER_SEC)
#define CLOCK_LIMIT   OVERLAY_CLOCK_SLACK
#define EVENT_MAX     1024
#define SERVER_MAX    (OVERLAY_SERVERS_MAX + OVERLAY_CACHE_MAX)

enum { ID_HELLO = 1, ID_LOGIN, ID_STORE, ID_PING, ID_FIND = 16 };

struct event {
	struct event *next;
	struct overlay_node_event ev;
	size_t n; /* of bytes: kept to be wiped */
	_Alignas(max_align_t) char bytes[];
};

struct find {
	bool used;
	uint32_t id; /* on the wire */
	uint64_t ask;
	struct overlay_name name;
	usec due;
};

struct overlay_node {
	struct overlay_network network;
	struct overlay_node_state state;
	struct overlay_name name;
	uint32_t capabilities;
	bool login_only;
	struct rng *rng;
	const struct log *log;
	struct overlay_server servers[SERVER_MAX];

	struct overlay_outbox out;
	struct overlay_link login, flow;
	struct overlay_envelope *envelope;
	struct buf scratch, scratch_back;

	char password[OVERLAY_PASSWORD_N];
	size_t password_n; /* 0: none */
	usec login_due;    /* when an answer must have come; USEC_NEVER: none is awaited */
	usec renew_at;

	bool welcome, published; /* of the flow that stands now */
	bool stopped;
	uint8_t token[OVERLAY_TOKEN_N];
	struct addr advertised, observed, stun;
	usec answer_due; /* WELCOME or PONG */
	usec ping_at, publish_at;
	struct find finds[FIND_MAX];
	uint32_t find_id;

	enum overlay_refusal told; /* the problem the owner knows of */
	struct event *first, **last, *shown;
	size_t event_n;
};

/* ---- events ---- */

static void event_free(struct event *e)
{
	if (e)
		secret_wipe(e->bytes, e->n);
	free(e);
}

/* An event with a copy of n bytes, which its maker points to; NULL: no memory or too many. */
static struct event *push(struct overlay_node *n, enum overlay_node_kind kind, const void *bytes, size_t bytes_n)
{
	struct event *e = n->event_n < EVENT_MAX ? malloc(sizeof(*e) + bytes_n) : NULL;

	if (!e) {
		log_error(n->log, "node.full", "event=%d", (int)kind);
		return NULL;
	}
	*e = (struct event){ .ev.kind = kind, .n = bytes_n };
	if (bytes_n)
		memcpy(e->bytes, bytes, bytes_n);
	*n->last = e;
	n->last = &e->next;
	n->event_n++;
	return e;
}

static struct flow flow_value(const struct overlay_node *n)
{
	return (struct flow){
		.transport = TRANSPORT_TLS, .id = n->flow.id, .local = n->flow.local, .remote = n->flow.remote
	};
}

/* Tells the owner once; the same again only after things went well. */
static void problem(struct overlay_node *n, enum overlay_refusal refusal, bool final)
{
	struct event *e;

	if (n->told == refusal && !final)
		return;
	n->told = refusal;
	log_warn(n->log, "node.problem", "name=" STR_FMT " text=\"" STR_FMT "\"", STR_ARG(overlay_name_str(&n->name)),
		 STR_ARG(overlay_refusal_text(refusal)));
	e = push(n, OVERLAY_NODE_PROBLEM, NULL, 0);
	if (e) {
		e->ev.refusal = refusal;
		e->ev.text = overlay_refusal_text(refusal);
		e->ev.final = final;
	}
}

static void save(struct overlay_node *n)
{
	struct event *e;
	struct buf b;

	buf_init_grow(&b, OVERLAY_NODE_STATE_MAX);
	overlay_node_state_write(&n->state, &b);
	e = buf_ok(&b) ? push(n, OVERLAY_NODE_SAVE, b.p, b.n) : NULL;
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

static void start_login(struct overlay_node *n, usec when);

/* From what there is: a good certificate, or a password. */
static void start(struct overlay_node *n, usec now)
{
	const struct overlay_certificate *c = &n->state.certificate;
	enum err err = ERR_ABSENT;

	if (c->bytes_n)
		err = overlay_certificate_verify(c, overlay_domain_str(&n->network.name), n->network.authority, now);
	if (n->password_n) {
		start_login(n, now);
	} else if (!err) {
		n->renew_at = c->not_before + (c->not_after - c->not_before) / 2;
	} else {
		problem(n,
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
		save(n); /* the new device's keys, before anybody has heard of them */
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
		struct event *e = n->first;

		n->first = e->next;
		event_free(e);
	}
	secret_wipe(n, sizeof(*n));
	free(n);
}

/* ---- login and renewal ---- */

static void start_login(struct overlay_node *n, usec when)
{
	n->renew_at = USEC_NEVER;
	overlay_link_start(&n->login, when);
}

static void prove(struct overlay_node *n, struct overlay_message *m, const struct overlay_link *l)
{
	uint8_t text[OVERLAY_PROOF_MAX];
	size_t text_n = overlay_proof_text(m, l->binding, text);

	sign_make(&n->state.device, str_of((const char *)text, text_n), m->proof);
}

static void say_login(struct overlay_node *n, usec now)
{
	struct overlay_message m = { .id = ID_LOGIN };

	if (n->password_n) {
		m.type = OVERLAY_LOGIN;
		m.network = overlay_domain_str(&n->network.name);
		m.name = overlay_name_str(&n->name);
		m.password = str_of(n->password, n->password_n);
		memcpy(m.key, n->state.device.key, OVERLAY_KEY_N);
	} else {
		m.type = OVERLAY_RENEW;
		m.certificate = overlay_certificate_str(&n->state.certificate);
	}
	prove(n, &m, &n->login);
	overlay_link_send(&n->login, &m, now);
	n->login_due = now + ANSWER_WAIT + 20 * USEC_PER_SEC; /* hashing may have to queue */
}

/* Is our clock far from the server's? */
static bool clock_is_wrong(const struct overlay_message *m, usec now)
{
	return m->time && (m->time > now + CLOCK_LIMIT || m->time < now - CLOCK_LIMIT);
}

static void forget_password(struct overlay_node *n)
{
	secret_wipe(n->password, sizeof(n->password));
	n->password_n = 0;
}

static void say_hello(struct overlay_node *n, usec now);

/* A new certificate: new seal keys with it, and everybody must hear of both. */
static void adopt(struct overlay_node *n, const struct overlay_certificate *c, usec now)
{
	bool renewal = n->state.certificate.bytes_n > 0;
	struct event *e;

	n->state.certificate = *c;
	if (renewal) {
		n->state.keys_before = n->state.keys;
		box_new(&n->state.keys, n->rng);
	}
	forget_password(n);
	usec half = (c->not_after - c->not_before) / 2;
	n->renew_at = c->not_before + half + (usec)rng_below(n->rng, 600) * USEC_PER_SEC;
	n->told = OVERLAY_REFUSAL_NONE;
	save(n);
	e = push(n, OVERLAY_NODE_LOGGED_IN, NULL, 0);
	if (e)
		e->ev.until = c->not_after;
	if (n->login_only)
		return;
	if (n->welcome)
		say_hello(n, now); /* answered by WELCOME, which publishes */
	else
		overlay_link_start(&n->flow, now);
}

static void on_login_ok(struct overlay_node *n, const struct overlay_message *m, usec now)
{
	const struct overlay_network *w = &n->network;
	struct overlay_certificate c;
	enum err err = overlay_certificate_parse(m->certificate, &c);

	if (!err)
		err = overlay_certificate_verify(&c, overlay_domain_str(&w->name), w->authority, now);
	if (!err && (memcmp(c.device, n->state.device.key, OVERLAY_KEY_N) != 0 ||
		     !str_eq(overlay_name_str(&c.name), overlay_name_str(&n->name))))
		err = ERR_FORGED;
	if (err) {
		bool clock = err == ERR_STATE || err == ERR_EXPIRED || clock_is_wrong(m, now);

		problem(n, clock ? OVERLAY_REFUSAL_CLOCK : overlay_refusal_of(err), false);
		overlay_link_again(&n->login, 60 * USEC_PER_SEC, now);
		return;
	}
	overlay_link_worked(&n->login);
	overlay_link_stop(&n->login);
	adopt(n, &c, now);
}

static void on_login_refused(struct overlay_node *n, const struct overlay_message *m, usec now)
{
	bool clock = clock_is_wrong(m, now) &&
		     (m->refusal == OVERLAY_REFUSAL_EXPIRED || m->refusal == OVERLAY_REFUSAL_EARLY);
	bool passes = overlay_refusal_passes(m->refusal) || clock;

	problem(n, clock ? OVERLAY_REFUSAL_CLOCK : m->refusal, !passes);
	if (passes) {
		overlay_link_again(&n->login, (usec)m->retry_after_s * USEC_PER_SEC, now);
	} else {
		forget_password(n);
		overlay_link_stop(&n->login);
	}
}

static void on_login_frame(struct overlay_node *n, const struct overlay_frame *frame, usec now)
{
	struct overlay_message m;

	if (overlay_message_parse(frame, &m) != ERR_NONE || n->login_due == USEC_NEVER)
		return;
	n->login_due = USEC_NEVER;
	if (m.type == OVERLAY_LOGIN_OK)
		on_login_ok(n, &m, now);
	else if (m.type == OVERLAY_REFUSED || m.type == OVERLAY_BYE)
		on_login_refused(n, &m, now);
}

/* ---- the flow ---- */

static void find_fail(struct overlay_node *n, struct find *f, int status, str text)
{
	struct event *e = push(n, OVERLAY_NODE_MISSING, NULL, 0);

	f->used = false;
	if (!e)
		return;
	e->ev.ask = f->ask;
	e->ev.status = status;
	e->ev.text = text;
}

static void flow_down(struct overlay_node *n, const struct flow *was)
{
	struct event *e;

	n->answer_due = n->ping_at = n->publish_at = USEC_NEVER;
	for (size_t i = 0; i < FIND_MAX; i++)
		if (n->finds[i].used)
			find_fail(n, &n->finds[i], 503, STR("the connection to the network was lost"));
	if (!n->welcome)
		return;
	n->welcome = n->published = false;
	n->observed = n->stun = (struct addr){ 0 };
	e = push(n, OVERLAY_NODE_OFFLINE, NULL, 0);
	if (e) {
		e->ev.flow = *was;
		e->ev.text = STR("the connection to the network was lost");
	}
}

static void flow_again(struct overlay_node *n, usec least, usec now)
{
	struct flow was = flow_value(n);

	overlay_link_again(&n->flow, least, now);
	flow_down(n, &was);
}

/* Nothing that waiting helps: the flow stays down until there is another certificate. */
static void flow_end(struct overlay_node *n)
{
	struct flow was = flow_value(n);

	overlay_link_stop(&n->flow);
	flow_down(n, &was);
}

static void say_hello(struct overlay_node *n, usec now)
{
	struct overlay_message m = {
		.type = OVERLAY_HELLO,
		.id = ID_HELLO,
		.certificate = overlay_certificate_str(&n->state.certificate),
		.role = OVERLAY_ROLE_NODE,
		.agent = STR("tandem"),
	};

	prove(n, &m, &n->flow);
	overlay_link_send(&n->flow, &m, now);
	n->answer_due = now + ANSWER_WAIT;
}

static void arm_ping(struct overlay_node *n, usec now)
{
	n->ping_at = now + PING_LEAST + (usec)rng_below(n->rng, PING_JITTER) * USEC_PER_MS;
}

static void own_point(const struct overlay_node *n, struct overlay_point *p)
{
	p->addr = addr_is_set(&n->advertised) ? n->advertised : n->flow.remote;
	memcpy(p->pin, overlay_link_server(&n->flow)->pin, OVERLAY_KEY_N);
	memcpy(p->token, n->token, OVERLAY_TOKEN_N);
}

/* The record as of now; without points where the device leaves. */
static void publish(struct overlay_node *n, bool leaving, usec now)
{
	struct overlay_record r = {
		.certificate = n->state.certificate,
		.expiry = usec_min(now + OVERLAY_RECORD_LIFE, n->state.certificate.not_after),
		.capabilities = n->capabilities,
		.point_n = leaving ? 0 : 1,
	};
	struct overlay_message m = { .type = OVERLAY_STORE, .id = ID_STORE, .record_n = 1 };
	uint64_t ms = (uint64_t)(now / USEC_PER_MS);

	/* Never lower than the time: so a node that lost its state is still heard. */
	n->state.seq = n->state.seq + 1 > ms ? n->state.seq + 1 : ms;
	r.seq = n->state.seq;
	own_point(n, &r.point[0]);
	memcpy(r.seal_key, n->state.keys.key, OVERLAY_KEY_N);
	n->publish_at = now + OVERLAY_RECORD_LIFE / 2 - (usec)rng_below(n->rng, 120) * USEC_PER_SEC;
	if (overlay_record_sign(&r, &n->state.device) != ERR_NONE)
		return;
	m.record[0] = overlay_record_str(&r);
	overlay_link_send(&n->flow, &m, now);
}

static void on_welcome(struct overlay_node *n, const struct overlay_message *m, usec now)
{
	n->welcome = true;
	n->answer_due = USEC_NEVER;
	n->observed = m->observed;
	n->advertised = m->advertised;
	n->stun = n->flow.remote;
	n->stun.port = m->stun_port;
	if (!m->stun_port)
		n->stun = (struct addr){ 0 };
	memcpy(n->token, m->token, OVERLAY_TOKEN_N);
	overlay_link_worked(&n->flow);
	arm_ping(n, now);
	if (clock_is_wrong(m, now))
		problem(n, OVERLAY_REFUSAL_CLOCK, false);
	publish(n, false, now);
}

static void on_stored(struct overlay_node *n)
{
	struct event *e;

	if (n->published)
		return;
	n->published = true;
	if (n->told != OVERLAY_REFUSAL_CLOCK)
		n->told = OVERLAY_REFUSAL_NONE;
	log_info(n->log, "node.online", "name=" STR_FMT, STR_ARG(overlay_name_str(&n->name)));
	e = push(n, OVERLAY_NODE_ONLINE, NULL, 0);
	if (e)
		e->ev.flow = flow_value(n);
}

/* HELLO was refused, or the server says good-bye. */
static void on_turned_away(struct overlay_node *n, const struct overlay_message *m, usec now)
{
	enum overlay_refusal refusal = m->refusal;
	usec least = (usec)m->retry_after_s * USEC_PER_SEC;

	if ((refusal == OVERLAY_REFUSAL_EXPIRED || refusal == OVERLAY_REFUSAL_EARLY) && clock_is_wrong(m, now))
		refusal = OVERLAY_REFUSAL_CLOCK;
	if (refusal == OVERLAY_REFUSAL_REPLACED)
		least = REPLACED_WAIT;
	if (overlay_refusal_passes(refusal) || refusal == OVERLAY_REFUSAL_CLOCK) {
		problem(n, refusal, false);
		flow_again(n, refusal == OVERLAY_REFUSAL_CLOCK ? 60 * USEC_PER_SEC : least, now);
	} else {
		problem(n, refusal, true);
		flow_end(n);
	}
}

static struct find *find_by_id(struct overlay_node *n, uint32_t id)
{
	for (size_t i = 0; i < FIND_MAX; i++)
		if (n->finds[i].used && n->finds[i].id == id)
			return &n->finds[i];
	return NULL;
}

static void on_refused(struct overlay_node *n, const struct overlay_message *m, usec now)
{
	struct find *f = find_by_id(n, m->id);

	if (f) {
		find_fail(n, f, 503, overlay_refusal_text(m->refusal));
	} else if (m->id == ID_HELLO) {
		on_turned_away(n, m, now);
	} else if (m->id == ID_STORE && m->refusal == OVERLAY_REFUSAL_STALE) {
		n->state.seq += (uint64_t)1 << 32; /* our clock went back since; from here on the saved seq counts */
		save(n);
		publish(n, false, now);
	} else if (m->id == ID_STORE) {
		problem(n, m->refusal, false);
		n->publish_at = now + ((usec)m->retry_after_s + 30) * USEC_PER_SEC;
	}
}

/* Those that hold, the highest seq first. */
static size_t read_found(struct overlay_node *n, const struct find *f, const struct overlay_message *m,
			 struct overlay_record *out, usec now)
{
	const struct overlay_network *w = &n->network;
	size_t k = 0;

	for (size_t i = 0; i < m->record_n; i++) {
		struct overlay_record r;
		size_t at = k;

		if (overlay_record_parse(m->record[i], &r) != ERR_NONE ||
		    overlay_record_verify(&r, overlay_domain_str(&w->name), w->authority, now) != ERR_NONE ||
		    !str_eq(overlay_name_str(&r.certificate.name), overlay_name_str(&f->name)) || r.point_n == 0) {
			log_warn(n->log, "node.bad_record", "name=" STR_FMT, STR_ARG(overlay_name_str(&f->name)));
			continue;
		}
		for (; at > 0 && out[at - 1].seq < r.seq; at--)
			out[at] = out[at - 1];
		out[at] = r;
		k++;
	}
	return k;
}

static void on_found(struct overlay_node *n, const struct overlay_message *m, usec now)
{
	struct overlay_record records[OVERLAY_FOUND_MAX];
	struct find *f = find_by_id(n, m->id);
	struct event *e;

	if (!f)
		return;
	size_t k = read_found(n, f, m, records, now);
	if (k == 0) {
		find_fail(n, f, 404, STR("there is no such user, or none of the user's devices is online"));
		return;
	}
	f->used = false;
	for (size_t i = k; i > 0; i--)
		overlay_envelope_know(n->envelope, &records[i - 1]);
	e = push(n, OVERLAY_NODE_FOUND, records, k * sizeof(records[0]));
	if (e) {
		e->ev.ask = f->ask;
		e->ev.record = (const struct overlay_record *)(const void *)e->bytes;
		e->ev.record_n = k;
	}
}

static void send_raw(struct overlay_node *n, str sip, usec now)
{
	struct overlay_message m = { .type = OVERLAY_SIP, .sip = sip };

	overlay_link_send(&n->flow, &m, now);
}

static void push_sip(struct overlay_node *n, str sip, const struct overlay_peer *peer)
{
	struct event *e = push(n, OVERLAY_NODE_SIP, sip.p, sip.n);

	if (!e)
		return;
	e->ev.flow = flow_value(n);
	e->ev.sip = str_of(e->bytes, e->n);
	e->ev.peer = *peer;
}

static void on_sip(struct overlay_node *n, str sip, usec now)
{
	static const struct overlay_peer nobody;
	struct overlay_refused refused = { 0 };
	struct overlay_peer peer;
	str clear;

	buf_reset(&n->scratch);
	enum err err = overlay_envelope_open(n->envelope, sip, now, &n->scratch, &clear, &peer);
	if (!err) {
		push_sip(n, clear, &peer);
		return;
	}
	log_warn(n->log, "node.not_opened", "why=\"%s\"", err_text(err));
	buf_reset(&n->scratch);
	if (overlay_envelope_refuse(n->envelope, sip, err, &n->scratch, &refused) != ERR_NONE)
		return;
	if (refused.up.n)
		push_sip(n, refused.up, &nobody);
	if (refused.back.n)
		send_raw(n, refused.back, now);
}

static void on_flow_message(struct overlay_node *n, const struct overlay_message *m, usec now)
{
	switch (m->type) {
	case OVERLAY_WELCOME:
		on_welcome(n, m, now);
		break;
	case OVERLAY_STORED:
		on_stored(n);
		break;
	case OVERLAY_FOUND:
		on_found(n, m, now);
		break;
	case OVERLAY_SIP:
		on_sip(n, m->sip, now);
		break;
	case OVERLAY_REFUSED:
		on_refused(n, m, now);
		break;
	case OVERLAY_BYE:
		on_turned_away(n, m, now);
		break;
	case OVERLAY_PONG:
		n->answer_due = USEC_NEVER;
		break;
	default:
		break;
	}
}

static void on_flow_frame(struct overlay_node *n, const struct overlay_frame *frame, usec now)
{
	struct overlay_message m;
	enum err err = overlay_message_parse(frame, &m);

	if (err == ERR_SYNTAX ||
	    (!err && !n->welcome && m.type != OVERLAY_WELCOME && m.type != OVERLAY_REFUSED && m.type != OVERLAY_BYE)) {
		flow_again(n, 0, now);
	} else if (!err && m.type == OVERLAY_PING) {
		m.type = OVERLAY_PONG;
		overlay_link_send(&n->flow, &m, now);
	} else if (!err) {
		on_flow_message(n, &m, now);
	}
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

	problem(n, pin ? OVERLAY_REFUSAL_PIN : OVERLAY_REFUSAL_UNREACHABLE, false);
}

static void login_recv(struct overlay_node *n, const struct host_event *e, usec now)
{
	struct overlay_frame frame;

	switch (overlay_link_recv(&n->login, e, now)) {
	case OVERLAY_LINK_OPENED:
		say_login(n, now);
		break;
	case OVERLAY_LINK_BYTES:
		while (overlay_link_frame(&n->login, &frame))
			on_login_frame(n, &frame, now);
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
	struct flow was = flow_value(n);
	bool stood = n->welcome;

	switch (overlay_link_recv(&n->flow, e, now)) {
	case OVERLAY_LINK_OPENED:
		say_hello(n, now);
		break;
	case OVERLAY_LINK_BYTES:
		while (overlay_link_frame(&n->flow, &frame))
			on_flow_frame(n, &frame, now);
		if (n->flow.stage == OVERLAY_LINK_OPEN && n->flow.broken)
			flow_again(n, 0, now);
		break;
	case OVERLAY_LINK_LOST:
		flow_down(n, &was);
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
	struct flow was = flow_value(n);

	if (overlay_link_tick(&n->login, now) == OVERLAY_LINK_LOST)
		lost(n, &n->login);
	if (overlay_link_tick(&n->flow, now) == OVERLAY_LINK_LOST) {
		flow_down(n, &was);
		lost(n, &n->flow);
	}
	if (n->login_due <= now) {
		n->login_due = USEC_NEVER;
		problem(n, OVERLAY_REFUSAL_UNREACHABLE, false);
		overlay_link_again(&n->login, 0, now);
	}
	/* Anything that came since the ping shows that the flow lives. */
	if (n->answer_due <= now && n->welcome && n->flow.heard > n->answer_due - ANSWER_WAIT)
		n->answer_due = USEC_NEVER;
	if (n->answer_due <= now)
		flow_again(n, 0, now);
}

static void tick_flow(struct overlay_node *n, usec now)
{
	struct overlay_message ping = { .type = OVERLAY_PING, .id = ID_PING };

	if (n->ping_at <= now && n->flow.said + PING_LEAST > now) {
		n->ping_at = n->flow.said + PING_LEAST; /* something else was sent meanwhile */
	} else if (n->ping_at <= now) {
		overlay_link_send(&n->flow, &ping, now);
		n->answer_due = usec_min(n->answer_due, now + ANSWER_WAIT);
		arm_ping(n, now);
	}
	if (n->publish_at <= now && n->welcome)
		publish(n, false, now);
	for (size_t i = 0; i < FIND_MAX; i++)
		if (n->finds[i].used && n->finds[i].due <= now)
			find_fail(n, &n->finds[i], 408, STR("the network did not answer in time"));
}

/* Not renewed in time: nothing works with it any more. */
static void tick_certificate(struct overlay_node *n, usec now)
{
	const struct overlay_certificate *c = &n->state.certificate;

	if (n->renew_at <= now)
		start_login(n, now);
	if (c->bytes_n && n->welcome && now > usec_add(c->not_after, CLOCK_LIMIT) && !n->password_n) {
		problem(n, OVERLAY_REFUSAL_EXPIRED, true);
		overlay_link_stop(&n->login);
		flow_end(n);
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
		due = usec_min(due, usec_add(n->state.certificate.not_after, CLOCK_LIMIT + USEC_PER_MS));
	for (size_t i = 0; i < FIND_MAX; i++)
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
	struct event *e = n->first;

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
	start_login(n, now);
}

enum err overlay_node_find(struct overlay_node *n, uint64_t ask, const struct overlay_name *name, usec now)
{
	struct overlay_message m = { .type = OVERLAY_FIND };
	struct find *f = NULL;

	for (size_t i = 0; !f && i < FIND_MAX; i++)
		f = n->finds[i].used ? NULL : &n->finds[i];
	if (!f)
		return ERR_FULL;
	*f = (struct find){ .used = true, .ask = ask, .name = *name, .due = now + FIND_WAIT };
	f->id = ID_FIND + n->find_id++ % (UINT32_MAX - ID_FIND);
	m.id = f->id;
	overlay_user_key(overlay_domain_str(&n->network.name), overlay_name_str(name), m.key);
	if (!n->welcome || !overlay_link_send(&n->flow, &m, now))
		find_fail(n, f, 503, STR("not connected to the network"));
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
		send_raw(n, out, now);
	return err;
}

void overlay_node_stop(struct overlay_node *n, usec now)
{
	struct overlay_message bye = { .type = OVERLAY_BYE, .refusal = OVERLAY_REFUSAL_MOVED };

	if (n->stopped)
		return;
	if (n->welcome) {
		publish(n, true, now);
		overlay_link_send(&n->flow, &bye, now);
		save(n);
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
	own_point(n, &p);
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
