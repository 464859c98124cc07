#include "overlay/member.h"

#include "overlay/outbox.h"
#include "sip/edit.h"
#include "store/keeper.h"

#include <stdlib.h>

#define FIRST         1u
#define PATIENCE      (30 * USEC_PER_SEC)
#define OWNER_MAX     96
#define SIP_REPLY_MAX 16384

struct overlay_member {
	struct overlay_node *node;
	struct overlay_outbox out;
	const struct log *log;
	char owner[OWNER_MAX], state_name[OWNER_MAX];
	bool login_only, stopping, stopped;
	usec give_up;    /* login_only; else USEC_NEVER */
	uint32_t unkept; /* questions to the keeper without an answer */
	struct overlay_member_status status;
	struct overlay_member_figures figures; /* but for what overlay_member_figures fills in */
	char first[SIP_MSG_ARENA];
};

static void settle(struct overlay_member *m, usec now);

enum err overlay_member_new(const struct overlay_member_setup *setup, usec now, struct overlay_member **out)
{
	struct overlay_member *m = calloc(1, sizeof(*m));
	struct overlay_node_setup node = setup->node;

	if (!m)
		return ERR_MEMORY;
	if (!str_copy_z(setup->owner, m->owner, sizeof(m->owner)) ||
	    !str_copy_z(setup->state_name, m->state_name, sizeof(m->state_name))) {
		free(m);
		return ERR_LIMIT;
	}
	overlay_outbox_init(&m->out);
	node.stream_first = FIRST;
	m->log = node.log;
	m->login_only = node.login_only;
	m->give_up = m->login_only ? now + (setup->patience ? setup->patience : PATIENCE) : USEC_NEVER;
	m->status.kept = true;
	enum err err = overlay_node_new(&node, now, &m->node);
	if (err) {
		overlay_member_free(m);
		return err;
	}
	settle(m, now); /* what it says at once: a new device's state, or that nothing will work */
	*out = m;
	return ERR_NONE;
}

void overlay_member_free(struct overlay_member *m)
{
	if (!m)
		return;
	overlay_node_free(m->node);
	overlay_outbox_free(&m->out);
	free(m);
}

static void keep(struct overlay_member *m, str state, usec now)
{
	const struct state_record row = {
		.owner = str_from(m->owner), .name = str_from(m->state_name), .value = state, .updated = now
	};
	const struct keeper_ask ask = { .kind = KEEPER_STATE_PUT, .now = now, .states = &row, .n = 1 };

	if (overlay_outbox_ask(&m->out, &ask)) {
		m->unkept++;
		m->status.kept = false;
	} else {
		m->status.keeper_failed = true;
	}
}

/* Nobody is here to take a call; the node itself is alive. */
static void answer(struct overlay_member *m, str sip, usec now)
{
	char text[SIP_REPLY_MAX];
	struct arena arena;
	struct sip_msg msg;
	struct buf b;

	arena_init(&arena, m->first, sizeof(m->first), SIP_MSG_HEAP_MAX);
	if (sip_msg_parse(&msg, &arena, sip) == ERR_NONE && msg.is_request && msg.method != SIP_ACK) {
		m->figures.requests++;
		bool lives = msg.method == SIP_OPTIONS;
		bool unknown = msg.method == SIP_CANCEL || msg.method == SIP_BYE;
		const struct sip_reply reply = {
			.status = lives     ? 200
				  : unknown ? 481
					    : 480,
			.to_tag = STR("member"),
			.lines = STR("Server: tandem"),
		};

		buf_init(&b, text, sizeof(text));
		if (sip_reply_write(&msg, &reply, &b) == ERR_NONE &&
		    overlay_node_send(m->node, buf_str(&b), now) == ERR_NONE)
			m->figures.answered++;
		else
			log_debug(m->log, "member.unanswered", "status=%d", reply.status);
	}
	arena_free(&arena);
}

static void stop(struct overlay_member *m, usec now)
{
	m->stopping = true;
	overlay_node_stop(m->node, now);
}

static void on_problem(struct overlay_member *m, const struct overlay_node_event *e, usec now)
{
	m->status.problem = e->refusal;
	m->figures.problems++;
	/* Nothing will change by waiting: the person must act. But a node that stands uses its certificate up. */
	if (e->final && !overlay_node_online(m->node)) {
		m->status.failed = true;
		stop(m, now);
	}
}

static void on_event(struct overlay_member *m, const struct overlay_node_event *e, usec now)
{
	switch (e->kind) {
	case OVERLAY_NODE_SAVE:
		keep(m, e->state, now);
		break;
	case OVERLAY_NODE_LOGGED_IN:
		m->status.logged_in = true;
		m->status.problem = OVERLAY_REFUSAL_NONE;
		if (m->login_only)
			stop(m, now);
		break;
	case OVERLAY_NODE_ONLINE:
		m->status.online = m->status.logged_in = true;
		m->status.problem = OVERLAY_REFUSAL_NONE;
		break;
	case OVERLAY_NODE_OFFLINE:
		m->status.online = false;
		m->figures.offlines++;
		break;
	case OVERLAY_NODE_SIP:
		answer(m, e->sip, now);
		break;
	case OVERLAY_NODE_PROBLEM:
		on_problem(m, e, now);
		break;
	case OVERLAY_NODE_FOUND:
	case OVERLAY_NODE_MISSING:
		break;
	}
}

/* What the node has to say; then the end, once all is kept. */
static void settle(struct overlay_member *m, usec now)
{
	struct overlay_node_event e;

	while (overlay_node_next(m->node, &e))
		on_event(m, &e, now);
	if (m->stopping && !m->stopped && m->unkept == 0) {
		m->stopped = true;
		m->status.online = false;
		overlay_outbox_put(&m->out, &(struct host_want){ .kind = HOST_STOP });
	}
}

static void on_answer(struct overlay_member *m, const struct keeper_answer *a)
{
	if (a->kind != KEEPER_STATE_PUT || m->unkept == 0)
		return;
	m->unkept--;
	m->status.kept = m->unkept == 0 && !a->err;
	if (a->err) {
		m->status.keeper_failed = true;
		log_error(m->log, "member.keeper", "err=\"%s\" why=\"%s\"", err_text(a->err), a->why);
	}
}

static void member_recv(void *self, const struct host_event *e, usec now)
{
	struct overlay_member *m = self;

	if (e->kind == HOST_ANSWER)
		on_answer(m, e->message);
	else if (e->kind == HOST_STOPPING)
		stop(m, now);
	else if (overlay_node_owns(m->node, e->id))
		overlay_node_recv(m->node, e, now);
	settle(m, now);
}

static void member_tick(void *self, usec now)
{
	struct overlay_member *m = self;

	overlay_node_tick(m->node, now);
	if (m->give_up <= now && !m->stopping) {
		m->status.failed = !m->status.logged_in;
		stop(m, now);
	}
	settle(m, now);
}

static usec member_due(const void *self)
{
	const struct overlay_member *m = self;

	return m->stopping ? USEC_NEVER : usec_min(m->give_up, overlay_node_due(m->node));
}

/* What must be kept goes first: a certificate is not used before it would survive a crash. */
static bool member_next(void *self, struct host_want *out)
{
	struct overlay_member *m = self;

	if (m->out.at < m->out.n && m->out.list[m->out.at].want.kind != HOST_STOP)
		return overlay_outbox_next(&m->out, out);
	return overlay_node_want(m->node, out) || overlay_outbox_next(&m->out, out);
}

struct host_service overlay_member_service(struct overlay_member *m)
{
	return (struct host_service){
		.self = m, .recv = member_recv, .tick = member_tick, .due = member_due, .next = member_next
	};
}

void overlay_member_status(const struct overlay_member *m, struct overlay_member_status *out)
{
	*out = m->status;
}

#define ROW(NAME, KIND, FIELD, ...) METRIC("tandem_node_" NAME, KIND, struct overlay_member_figures, FIELD, __VA_ARGS__)

const struct metric overlay_member_metrics[] = {
	ROW("online", GAUGE_U32, online, "1: others can call this device by the peer network; 0: not."),
	ROW("offline_total", COUNTER, offlines, "Times that the connection to the super node was lost."),
	ROW("problems_total", COUNTER, problems, "Refusals and silence of servers of the peer network."),
	ROW("certificate_expires_seconds", GAUGE, certificate_end,
	    "When the device's certificate ends, since 1970; it is renewed at half of its life. 0: there is none.",
	    .usec = true),
	ROW("requests_total", COUNTER, requests, "SIP requests that came from others, without ACKs."),
	ROW("responses_total", COUNTER, answered, "Of these, those that were answered."),
};
const size_t overlay_member_metric_n = sizeof(overlay_member_metrics) / sizeof(overlay_member_metrics[0]);

void overlay_member_figures(const struct overlay_member *m, struct overlay_member_figures *out)
{
	const struct overlay_certificate *certificate = overlay_node_certificate(m->node);

	*out = m->figures;
	out->online = m->status.online;
	out->certificate_end = certificate->bytes_n ? (uint64_t)certificate->not_after : 0;
}

const struct overlay_node *overlay_member_node(const struct overlay_member *m)
{
	return m->node;
}
