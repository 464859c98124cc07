#include "overlay/node_inside.h"

#define PING_JITTER   5000 /* milliseconds more */
#define REPLACED_WAIT (60 * USEC_PER_SEC)

void overlay_node_find_fail(struct overlay_node *n, struct node_find *f, int status, str text)
{
	struct node_event *e = overlay_node_push(n, OVERLAY_NODE_MISSING, NULL, 0);

	f->used = false;
	if (!e)
		return;
	e->ev.ask = f->ask;
	e->ev.status = status;
	e->ev.text = text;
}

void overlay_node_flow_down(struct overlay_node *n, const struct flow *was)
{
	struct node_event *e;

	n->answer_due = n->ping_at = n->publish_at = USEC_NEVER;
	for (size_t i = 0; i < NODE_FIND_MAX; i++)
		if (n->finds[i].used)
			overlay_node_find_fail(n, &n->finds[i], 503, STR("the connection to the network was lost"));
	if (!n->welcome)
		return;
	n->welcome = n->published = false;
	n->observed = n->stun = (struct addr){ 0 };
	e = overlay_node_push(n, OVERLAY_NODE_OFFLINE, NULL, 0);
	if (e) {
		e->ev.flow = *was;
		e->ev.text = STR("the connection to the network was lost");
	}
}

void overlay_node_flow_again(struct overlay_node *n, usec least, usec now)
{
	struct flow was = overlay_node_flow_value(n);

	overlay_link_again(&n->flow, least, now);
	overlay_node_flow_down(n, &was);
}

/* Nothing that waiting helps: the flow stays down until there is another certificate. */
void overlay_node_flow_end(struct overlay_node *n)
{
	struct flow was = overlay_node_flow_value(n);

	overlay_link_stop(&n->flow);
	overlay_node_flow_down(n, &was);
}

void overlay_node_say_hello(struct overlay_node *n, usec now)
{
	struct overlay_message m = {
		.type = OVERLAY_HELLO,
		.id = NODE_ID_HELLO,
		.certificate = overlay_certificate_str(&n->state.certificate),
		.role = OVERLAY_ROLE_NODE,
		.agent = STR("tandem"),
	};

	overlay_node_prove(n, &m, &n->flow);
	overlay_link_send(&n->flow, &m, now);
	n->answer_due = now + NODE_ANSWER_WAIT;
}

void overlay_node_arm_ping(struct overlay_node *n, usec now)
{
	n->ping_at = now + NODE_PING_LEAST + (usec)rng_below(n->rng, PING_JITTER) * USEC_PER_MS;
}

void overlay_node_point(const struct overlay_node *n, struct overlay_point *p)
{
	p->addr = addr_is_set(&n->advertised) ? n->advertised : n->flow.remote;
	memcpy(p->pin, overlay_link_server(&n->flow)->pin, OVERLAY_KEY_N);
	memcpy(p->token, n->token, OVERLAY_TOKEN_N);
}

/* The record as of now; without points where the device leaves. */
void overlay_node_publish(struct overlay_node *n, bool leaving, usec now)
{
	struct overlay_record r = {
		.certificate = n->state.certificate,
		.expiry = usec_min(now + OVERLAY_RECORD_LIFE, n->state.certificate.not_after),
		.capabilities = n->capabilities,
		.point_n = leaving ? 0 : 1,
	};
	struct overlay_message m = { .type = OVERLAY_STORE, .id = NODE_ID_STORE, .record_n = 1 };
	uint64_t ms = (uint64_t)(now / USEC_PER_MS);

	/* Never lower than the time: so a node that lost its state is still heard. */
	n->state.seq = n->state.seq + 1 > ms ? n->state.seq + 1 : ms;
	r.seq = n->state.seq;
	overlay_node_point(n, &r.point[0]);
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
	overlay_node_arm_ping(n, now);
	if (overlay_node_clock_is_wrong(m, now))
		overlay_node_problem(n, OVERLAY_REFUSAL_CLOCK, false);
	overlay_node_publish(n, false, now);
}

static void on_stored(struct overlay_node *n)
{
	struct node_event *e;

	if (n->published)
		return;
	n->published = true;
	if (n->told != OVERLAY_REFUSAL_CLOCK)
		n->told = OVERLAY_REFUSAL_NONE;
	log_info(n->log, "node.online", "name=" STR_FMT, STR_ARG(overlay_name_str(&n->name)));
	e = overlay_node_push(n, OVERLAY_NODE_ONLINE, NULL, 0);
	if (e)
		e->ev.flow = overlay_node_flow_value(n);
}

/* HELLO was refused, or the server says good-bye. */
static void on_turned_away(struct overlay_node *n, const struct overlay_message *m, usec now)
{
	enum overlay_refusal refusal = m->refusal;
	usec least = (usec)m->retry_after_s * USEC_PER_SEC;

	if ((refusal == OVERLAY_REFUSAL_EXPIRED || refusal == OVERLAY_REFUSAL_EARLY) &&
	    overlay_node_clock_is_wrong(m, now))
		refusal = OVERLAY_REFUSAL_CLOCK;
	if (refusal == OVERLAY_REFUSAL_REPLACED)
		least = REPLACED_WAIT;
	if (overlay_refusal_passes(refusal) || refusal == OVERLAY_REFUSAL_CLOCK) {
		overlay_node_problem(n, refusal, false);
		overlay_node_flow_again(n, refusal == OVERLAY_REFUSAL_CLOCK ? 60 * USEC_PER_SEC : least, now);
	} else {
		overlay_node_problem(n, refusal, true);
		overlay_node_flow_end(n);
	}
}

static struct node_find *find_by_id(struct overlay_node *n, uint32_t id)
{
	for (size_t i = 0; i < NODE_FIND_MAX; i++)
		if (n->finds[i].used && n->finds[i].id == id)
			return &n->finds[i];
	return NULL;
}

static void on_refused(struct overlay_node *n, const struct overlay_message *m, usec now)
{
	struct node_find *f = find_by_id(n, m->id);

	if (f) {
		overlay_node_find_fail(n, f, 503, overlay_refusal_text(m->refusal));
	} else if (m->id == NODE_ID_HELLO) {
		on_turned_away(n, m, now);
	} else if (m->id == NODE_ID_STORE && m->refusal == OVERLAY_REFUSAL_STALE) {
		n->state.seq += (uint64_t)1 << 32; /* our clock went back since; from here on the saved seq counts */
		overlay_node_save(n);
		overlay_node_publish(n, false, now);
	} else if (m->id == NODE_ID_STORE) {
		overlay_node_problem(n, m->refusal, false);
		n->publish_at = now + ((usec)m->retry_after_s + 30) * USEC_PER_SEC;
	}
}

/* Those that hold, in the order they came (the super node names those first whom it can reach), of each device the
 * highest seq. */
static size_t read_found(struct overlay_node *n, const struct node_find *f, const struct overlay_message *m,
			 struct overlay_record *out, usec now)
{
	const struct overlay_network *w = &n->network;
	size_t k = 0;

	for (size_t i = 0; i < m->record_n; i++) {
		struct overlay_record r;
		size_t at = 0;

		if (overlay_record_parse(m->record[i], &r) != ERR_NONE ||
		    overlay_record_verify(&r, overlay_domain_str(&w->name), w->authority, now) != ERR_NONE ||
		    !str_eq(overlay_name_str(&r.certificate.name), overlay_name_str(&f->name)) || r.point_n == 0) {
			log_warn(n->log, "node.bad_record", "name=" STR_FMT, STR_ARG(overlay_name_str(&f->name)));
			continue;
		}
		while (at < k && memcmp(out[at].certificate.device, r.certificate.device, OVERLAY_KEY_N) != 0)
			at++;
		if (at == k)
			out[k++] = r;
		else if (out[at].seq < r.seq)
			out[at] = r;
	}
	return k;
}

static void on_found(struct overlay_node *n, const struct overlay_message *m, usec now)
{
	struct overlay_record records[OVERLAY_FOUND_MAX];
	struct node_find *f = find_by_id(n, m->id);
	struct node_event *e;

	if (!f)
		return;
	size_t k = read_found(n, f, m, records, now);
	if (k == 0) {
		if (m->known)
			overlay_node_find_fail(n, f, 480, STR("none of the user's devices is online"));
		else
			overlay_node_find_fail(n, f, 404, STR("there is no such user"));
		return;
	}
	f->used = false;
	for (size_t i = k; i > 0; i--)
		overlay_envelope_know(n->envelope, &records[i - 1]);
	e = overlay_node_push(n, OVERLAY_NODE_FOUND, records, k * sizeof(records[0]));
	if (e) {
		e->ev.ask = f->ask;
		e->ev.record = (const struct overlay_record *)(const void *)e->bytes;
		e->ev.record_n = k;
	}
}

void overlay_node_send_raw(struct overlay_node *n, str sip, usec now)
{
	struct overlay_message m = { .type = OVERLAY_SIP, .sip = sip };

	overlay_link_send(&n->flow, &m, now);
}

static void push_sip(struct overlay_node *n, str sip, const struct overlay_peer *peer)
{
	struct node_event *e = overlay_node_push(n, OVERLAY_NODE_SIP, sip.p, sip.n);

	if (!e)
		return;
	e->ev.flow = overlay_node_flow_value(n);
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
		overlay_node_send_raw(n, refused.back, now);
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

void overlay_node_flow_frame(struct overlay_node *n, const struct overlay_frame *frame, usec now)
{
	struct overlay_message m;
	enum err err = overlay_message_parse(frame, &m);

	if (err == ERR_SYNTAX ||
	    (!err && !n->welcome && m.type != OVERLAY_WELCOME && m.type != OVERLAY_REFUSED && m.type != OVERLAY_BYE)) {
		overlay_node_flow_again(n, 0, now);
	} else if (!err && m.type == OVERLAY_PING) {
		m.type = OVERLAY_PONG;
		overlay_link_send(&n->flow, &m, now);
	} else if (!err) {
		on_flow_message(n, &m, now);
	}
}
