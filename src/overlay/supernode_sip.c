#include "overlay/supernode_inside.h"

#define LINK_WAIT (10 * USEC_PER_SEC) /* from opening to WELCOME */

static void deliver(struct overlay_supernode *s, struct supernode_flow *to, str sip)
{
	struct overlay_message m = { .type = OVERLAY_SIP, .sip = sip };

	if (overlay_outbox_message(&s->out, to->id, &m)) {
		s->stats.sip_forwarded++;
		s->stats.sip_bytes += sip.n;
	} else {
		s->stats.sip_dropped++;
	}
}

/* Our own answer to the request in s->forward, back over the flow it came from. */
static void answer(struct overlay_supernode *s, struct supernode_flow *from, int status, uint32_t retry_s)
{
	buf_reset(&s->scratch);
	if (from && overlay_forward_reply(s->forward, status, retry_s, &s->scratch) == ERR_NONE) {
		struct overlay_message m = { .type = OVERLAY_SIP, .sip = buf_str(&s->scratch) };

		s->stats.sip_answered++;
		overlay_outbox_message(&s->out, from->id, &m);
	} else {
		s->stats.sip_dropped++;
	}
}

static struct supernode_flow *link_find(const struct overlay_supernode *s, const struct overlay_hop *hop)
{
	struct supernode_flow *f;
	uint32_t slot = 0;
	handle h;

	if (s->stats.links == 0)
		return NULL;
	while ((f = slab_walk(&s->slab, &slot, &h)))
		if (f->opened && f->stage != STAGE_CLOSING && addr_eq(&f->remote, &hop->server) &&
		    memcmp(f->pin, hop->pin, OVERLAY_KEY_N) == 0)
			return f;
	return NULL;
}

static struct supernode_flow *link_open(struct overlay_supernode *s, const struct overlay_hop *hop, usec now)
{
	char name[72];

	if (!s->setup.certificate || s->stopping || s->stats.links >= s->setup.caps.link_max)
		return NULL;
	while (overlay_supernode_by_id(s, s->link_next))
		s->link_next = s->link_next == HOST_OWN_MAX ? SUPERNODE_LINK_FIRST : s->link_next + 1;
	struct supernode_flow *f = overlay_supernode_flow_add(s, s->link_next, now);
	if (!f)
		return NULL;
	s->link_next = s->link_next == HOST_OWN_MAX ? SUPERNODE_LINK_FIRST : s->link_next + 1;
	f->opened = true;
	f->role = OVERLAY_ROLE_SUPERNODE;
	f->stage = STAGE_OPENING;
	f->remote = hop->server;
	f->stream.frame_max = OVERLAY_BODY_MAX;
	memcpy(f->pin, hop->pin, OVERLAY_KEY_N);
	s->stats.links++;
	overlay_outbox_put(&s->out, &(struct host_want){ .kind = HOST_OPEN,
							 .id = f->id,
							 .transport = TRANSPORT_TLS,
							 .tls = s->setup.tls_out,
							 .remote = hop->server,
							 .name = overlay_pin_name(hop->pin, name) });
	return f;
}

/* Over the link, or into its queue until it is up. false: no room. */
static bool link_send(struct overlay_supernode *s, struct supernode_flow *f, str sip, usec now)
{
	f->used = now;
	if (f->stage == STAGE_STANDING) {
		deliver(s, f, sip);
		return true;
	}
	size_t before = f->queue.n;
	buf_put_u32be(&f->queue, (uint32_t)sip.n);
	buf_put(&f->queue, sip);
	if (buf_ok(&f->queue))
		return true;
	f->queue.n = before;
	f->queue.err = ERR_NONE;
	return false;
}

static struct supernode_flow *next_hop(struct overlay_supernode *s, const struct overlay_hop *hop, usec now)
{
	if (hop->kind == OVERLAY_FORWARD_FLOW)
		return overlay_supernode_by_token(s, hop->token);
	struct supernode_flow *f = link_find(s, hop);
	return f ? f : link_open(s, hop, now);
}

static void forward(struct overlay_supernode *s, struct supernode_flow *from, const struct overlay_hop *hop, usec now)
{
	struct supernode_flow *to = next_hop(s, hop, now);

	buf_reset(&s->scratch);
	if (!to) {
		if (hop->is_request)
			answer(s, from, 480, 0);
		else
			s->stats.sip_dropped++;
	} else if (overlay_forward_write(s->forward, &s->scratch) != ERR_NONE) {
		if (hop->is_request)
			answer(s, from, 513, 0);
		else
			s->stats.sip_dropped++;
	} else if (!to->opened) {
		deliver(s, to, buf_str(&s->scratch));
	} else if (!link_send(s, to, buf_str(&s->scratch), now)) {
		answer(s, from, 503, overlay_supernode_jitter(s, 5));
	}
}

void overlay_supernode_sip(struct overlay_supernode *s, struct supernode_flow *f, str sip, usec now)
{
	struct overlay_forward_source source = { .answerable = !f->opened };
	struct overlay_hop hop;
	usec bits = (usec)sip.n * 8;

	memcpy(source.token, f->token, OVERLAY_TOKEN_N);
	source.user = f->role == OVERLAY_ROLE_NODE ? &f->user : NULL;
	overlay_forward_read(s->forward, sip, &source, &hop);
	/* Other super nodes bring the messages of many: their share is bounded by all that we carry. */
	bool room = (f->role == OVERLAY_ROLE_SUPERNODE ||
		     overlay_supernode_take(&f->sip, USEC_PER_SEC / s->setup.caps.sip_per_s, now)) &&
		    overlay_supernode_take(&s->kbit, bits * USEC_PER_MS / s->setup.caps.kbit_per_s, now);
	if (hop.kind == OVERLAY_FORWARD_DROP) {
		s->stats.sip_dropped++;
		log_debug(s->setup.log, "supernode.dropped", "why=\"%s\"", hop.why);
	} else if (!room) {
		s->stats.shed++;
		answer(s, hop.is_request ? f : NULL, 503, overlay_supernode_jitter(s, 5));
	} else if (hop.kind == OVERLAY_FORWARD_REPLY) {
		answer(s, f, hop.status, 0);
	} else {
		forward(s, f, &hop, now);
	}
}

void overlay_supernode_link_opened(struct overlay_supernode *s, struct supernode_flow *f, const uint8_t *binding,
				   usec now)
{
	struct overlay_message m = {
		.type = OVERLAY_HELLO,
		.id = 1,
		.certificate = overlay_certificate_str(s->setup.certificate),
		.role = OVERLAY_ROLE_SUPERNODE,
		.agent = STR("tandem"),
	};
	uint8_t text[OVERLAY_PROOF_MAX];

	memcpy(f->binding, binding, sizeof(f->binding));
	size_t n = overlay_proof_text(&m, f->binding, text);
	sign_make(s->setup.device, str_of((const char *)text, n), m.proof);
	overlay_outbox_message(&s->out, f->id, &m);
	if (heap_set(&s->heap, &f->wake, now + LINK_WAIT) != ERR_NONE)
		overlay_supernode_flow_close(s, f);
}

/* Requests that waited for a link that did not come up are answered as if its super node had said so. */
void overlay_supernode_link_lost(struct overlay_supernode *s, struct supernode_flow *f)
{
	struct overlay_forward_source source = { .answerable = true };
	str queue = buf_str(&f->queue);
	struct overlay_hop hop;
	struct buf answer_buf;

	buf_init_grow(&answer_buf, OVERLAY_BODY_MAX);
	while (queue.n >= 4) {
		uint32_t n = 0;

		if (!overlay_value_u32(str_head(queue, 4), &n))
			break;
		/* Read only to answer; then the answer goes the way of any other. */
		overlay_forward_read(s->forward, str_head(str_skip(queue, 4), n), &source, &hop);
		buf_reset(&answer_buf);
		buf_reset(&s->scratch);
		if (overlay_forward_reply(s->forward, 480, 0, &answer_buf) == ERR_NONE) {
			overlay_forward_read(s->forward, buf_str(&answer_buf), &source, &hop);
			struct supernode_flow *to =
				hop.kind == OVERLAY_FORWARD_FLOW ? overlay_supernode_by_token(s, hop.token) : NULL;
			if (to && overlay_forward_write(s->forward, &s->scratch) == ERR_NONE)
				deliver(s, to, buf_str(&s->scratch));
		}
		queue = str_skip(queue, 4 + n);
	}
	buf_free(&answer_buf);
}

static void on_welcome(struct overlay_supernode *s, struct supernode_flow *f, usec now)
{
	str queue = buf_str(&f->queue);

	f->stage = STAGE_STANDING;
	if (heap_set(&s->heap, &f->wake, now + SUPERNODE_LINK_IDLE) != ERR_NONE)
		overlay_supernode_flow_close(s, f);
	while (queue.n >= 4) {
		uint32_t n = 0;

		if (!overlay_value_u32(str_head(queue, 4), &n))
			break;
		deliver(s, f, str_head(str_skip(queue, 4), n));
		queue = str_skip(queue, 4 + n);
	}
	buf_free(&f->queue);
}

void overlay_supernode_link_message(struct overlay_supernode *s, struct supernode_flow *f,
				    const struct overlay_message *m, usec now)
{
	switch (m->type) {
	case OVERLAY_WELCOME:
		if (f->stage == STAGE_OPENING)
			on_welcome(s, f, now);
		break;
	case OVERLAY_SIP:
		overlay_supernode_sip(s, f, m->sip, now);
		break;
	case OVERLAY_REFUSED:
		if (f->stage == STAGE_OPENING)
			overlay_supernode_flow_close(s, f);
		break;
	case OVERLAY_BYE:
		overlay_supernode_flow_close(s, f);
		break;
	default:
		break;
	}
}
