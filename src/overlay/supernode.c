#include "crypt/secret.h"
#include "overlay/supernode_inside.h"

#include <stdlib.h>

enum { LISTENER = 1, STUN = 2 };

#define HELLO_WAIT    (10 * USEC_PER_SEC)
#define SILENCE       (90 * USEC_PER_SEC)
#define KEEPALIVE_S   28
#define LINK_QUEUE    65536 /* bytes that wait for a link to come up */
#define REQUESTS_OPEN 16
#define ASK_MAX       1024
#define STUN_PER_S    2000

/* ---- buckets ---- */

/* Takes `cost` (in 1/rate seconds) where it is there. */
bool overlay_supernode_take(struct supernode_bucket *b, usec cost, usec now)
{
	usec floor = now - 2 * USEC_PER_SEC;

	if (b->at < floor)
		b->at = floor;
	if (b->at + cost > now)
		return false;
	b->at += cost;
	return true;
}

uint32_t overlay_supernode_jitter(struct overlay_supernode *s, uint32_t seconds)
{
	return seconds + rng_below(s->setup.rng, seconds + 1);
}

/* ---- begin and end ---- */

static void or_default(uint32_t *cap, uint32_t value)
{
	if (*cap == 0)
		*cap = value;
}

static void put_listeners(struct overlay_supernode *s)
{
	overlay_outbox_put(&s->out, &(struct host_want){ .kind = HOST_LISTEN,
							 .id = LISTENER,
							 .transport = TRANSPORT_TLS,
							 .tls = s->setup.tls,
							 .local = s->setup.listen });
	if (addr_is_set(&s->setup.stun))
		overlay_outbox_put(&s->out,
				   &(struct host_want){ .kind = HOST_BIND, .id = STUN, .local = s->setup.stun });
}

static bool start_forward(struct overlay_supernode *s, const struct addr *self)
{
	struct overlay_forward_setup setup = {
		.network = s->setup.network.name,
		.tokens = &s->tokens,
		.self = *self,
	};

	overlay_forward_free(s->forward);
	s->forward = overlay_forward_new(&setup);
	return s->forward != NULL;
}

struct overlay_supernode *overlay_supernode_new(const struct overlay_supernode_setup *setup, usec now)
{
	struct overlay_supernode *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->setup = *setup;
	struct overlay_supernode_caps *caps = &s->setup.caps;
	or_default(&caps->flow_max, 10000);
	or_default(&caps->flows_per_user, 8);
	or_default(&caps->record_max, 100000);
	or_default(&caps->sip_per_s, 50);
	or_default(&caps->requests_per_s, 20);
	or_default(&caps->kbit_per_s, 20000);
	or_default(&caps->link_max, 256);
	overlay_outbox_init(&s->out);
	slab_init(&s->slab, sizeof(struct supernode_flow), caps->flow_max + caps->link_max);
	slab_init(&s->pendings, sizeof(struct supernode_pending), ASK_MAX);
	map_init(&s->by_id, caps->flow_max + caps->link_max);
	map_init(&s->by_tag, caps->flow_max);
	map_init(&s->by_user, caps->flow_max);
	heap_init(&s->heap);
	buf_init_grow(&s->scratch, OVERLAY_BODY_MAX + 1024);
	stun_server_init(&s->stun, STUN_PER_S, now);
	rng_fill(setup->rng, s->user_key, sizeof(s->user_key));
	s->link_next = SUPERNODE_LINK_FIRST;
	s->roll_at = USEC_NEVER;
	struct overlay_directory_setup directory = {
		.network = setup->network.name,
		.record_max = caps->record_max,
		.rng = setup->rng,
	};
	memcpy(directory.authority, setup->network.authority, OVERLAY_KEY_N);
	s->directory = overlay_directory_new(&directory);
	if (!s->directory || !overlay_tokens_start(&s->tokens, setup->token_key, setup->token_epoch) ||
	    !start_forward(s, &setup->advertised)) {
		overlay_supernode_free(s);
		return NULL;
	}
	put_listeners(s);
	overlay_supernode_roll_start(s, now);
	return s;
}

void overlay_supernode_free(struct overlay_supernode *s)
{
	struct supernode_flow *f;
	uint32_t slot = 0;
	handle h;

	if (!s)
		return;
	while ((f = slab_walk(&s->slab, &slot, &h))) {
		overlay_stream_free(&f->stream);
		buf_free(&f->queue);
	}
	slab_free(&s->slab);
	slab_free(&s->pendings);
	map_free(&s->by_id);
	map_free(&s->by_tag);
	map_free(&s->by_user);
	heap_free(&s->heap);
	buf_free(&s->scratch);
	overlay_directory_free(s->directory);
	overlay_forward_free(s->forward);
	overlay_tokens_free(&s->tokens);
	overlay_outbox_free(&s->out);
	secret_wipe(s, sizeof(*s));
	free(s);
}

/* ---- flows ---- */

struct supernode_flow *overlay_supernode_by_id(const struct overlay_supernode *s, uint32_t id)
{
	struct map_node *node = map_first(&s->by_id, id);

	return node ? map_of(node, struct supernode_flow, by_id) : NULL;
}

struct supernode_flow *overlay_supernode_by_token(const struct overlay_supernode *s,
						  const uint8_t token[OVERLAY_TOKEN_N])
{
	struct map_node *node = map_first(&s->by_tag, overlay_token_tag(token));

	return node ? map_of(node, struct supernode_flow, by_tag) : NULL;
}

static struct supernode_flow *flow_of(struct heap_item *item)
{
	return (struct supernode_flow *)(void *)((char *)item - offsetof(struct supernode_flow, wake));
}

static uint64_t user_hash(const struct overlay_supernode *s, const struct overlay_name *name)
{
	return str_hash(overlay_name_str(name), s->user_key);
}

struct supernode_flow *overlay_supernode_flow_add(struct overlay_supernode *s, uint32_t id, usec now)
{
	struct supernode_flow *f;
	handle h;

	f = slab_add(&s->slab, &h);
	if (!f)
		return NULL;
	f->self = h;
	f->id = id;
	f->heard = f->used = now;
	f->not_after = USEC_NEVER;
	overlay_stream_init(&f->stream);
	buf_init_grow(&f->queue, LINK_QUEUE);
	if (heap_set(&s->heap, &f->wake, now + HELLO_WAIT) != ERR_NONE ||
	    map_add(&s->by_id, &f->by_id, id) != ERR_NONE) {
		heap_remove(&s->heap, &f->wake);
		slab_remove(&s->slab, h);
		return NULL;
	}
	return f;
}

/* Out of the tables by which others find it. */
static void flow_resign(struct overlay_supernode *s, struct supernode_flow *f)
{
	if (!f->standing)
		return;
	f->standing = false;
	map_remove(&s->by_tag, &f->by_tag);
	map_remove(&s->by_user, &f->by_user);
	s->stats.flows--;
}

void overlay_supernode_flow_close(struct overlay_supernode *s, struct supernode_flow *f)
{
	if (f->stage == STAGE_CLOSING)
		return;
	flow_resign(s, f);
	f->stage = STAGE_CLOSING;
	overlay_outbox_close(&s->out, f->id);
}

static void say(struct overlay_supernode *s, const struct supernode_flow *f, enum overlay_frame_type type, uint32_t id,
		enum overlay_refusal refusal, uint32_t retry_s, usec now)
{
	struct overlay_message m = {
		.type = type,
		.id = id,
		.refusal = refusal,
		.text = overlay_refusal_text(refusal),
		.retry_after_s = retry_s,
		.time = now,
	};

	overlay_outbox_message(&s->out, f->id, &m);
}

static void bye(struct overlay_supernode *s, struct supernode_flow *f, enum overlay_refusal refusal, uint32_t retry_s,
		usec now)
{
	if (f->stage == STAGE_CLOSING)
		return;
	log_info(s->setup.log, "supernode.bye", "user=" STR_FMT " code=%d", STR_ARG(overlay_name_str(&f->user)),
		 (int)refusal);
	say(s, f, OVERLAY_BYE, 0, refusal, retry_s, now);
	overlay_supernode_flow_close(s, f);
}

static void refuse_hello(struct overlay_supernode *s, struct supernode_flow *f, uint32_t id,
			 enum overlay_refusal refusal, usec now)
{
	s->stats.refused++;
	log_info(s->setup.log, "supernode.refused", "code=%d text=\"" STR_FMT "\"", (int)refusal,
		 STR_ARG(overlay_refusal_text(refusal)));
	say(s, f, OVERLAY_REFUSED, id, refusal,
	    refusal == OVERLAY_REFUSAL_OVERLOADED ? overlay_supernode_jitter(s, 10) : 0, now);
	overlay_supernode_flow_close(s, f);
}

/* ---- HELLO ---- */

static enum overlay_refusal check_hello(struct overlay_supernode *s, const struct supernode_flow *f,
					const struct overlay_message *m, struct overlay_certificate *c, usec now)
{
	const struct overlay_network *network = &s->setup.network;
	uint8_t text[OVERLAY_PROOF_MAX];
	enum err err = overlay_certificate_parse(m->certificate, c);

	if (!err)
		err = overlay_certificate_verify(c, overlay_domain_str(&network->name), network->authority, now);
	if (err)
		return overlay_refusal_of(err);
	size_t n = overlay_proof_text(m, f->binding, text);
	if (sign_check(c->device, str_of((const char *)text, n), m->proof) != ERR_NONE)
		return OVERLAY_REFUSAL_PROOF;
	/* A second HELLO brings a renewed certificate; the device stays. */
	if (f->standing && (memcmp(f->device, c->device, OVERLAY_KEY_N) != 0 || f->role != m->role ||
			    !str_eq(overlay_name_str(&f->user), overlay_name_str(&c->name))))
		return OVERLAY_REFUSAL_PROOF;
	return OVERLAY_REFUSAL_NONE;
}

static size_t flows_of_user(const struct overlay_supernode *s, const struct overlay_name *user)
{
	size_t n = 0;

	for (struct map_node *node = map_first(&s->by_user, user_hash(s, user)); node; node = map_next(node))
		n++;
	return n;
}

/* Into the tables, in place of an older flow of the device. */
static enum overlay_refusal flow_stand(struct overlay_supernode *s, struct supernode_flow *f,
				       const struct overlay_certificate *c, enum overlay_role role, usec now)
{
	struct supernode_flow *older;

	overlay_token_make(&s->tokens, c->device, role, f->token);
	older = overlay_supernode_by_token(s, f->token);
	if (older)
		bye(s, older, OVERLAY_REFUSAL_REPLACED, 0, now);
	else if (flows_of_user(s, &c->name) >= s->setup.caps.flows_per_user)
		return OVERLAY_REFUSAL_OVERLOADED;
	f->user = c->name;
	f->role = role;
	memcpy(f->device, c->device, OVERLAY_KEY_N);
	if (map_add(&s->by_tag, &f->by_tag, overlay_token_tag(f->token)) != ERR_NONE)
		return OVERLAY_REFUSAL_OVERLOADED;
	if (map_add(&s->by_user, &f->by_user, user_hash(s, &f->user)) != ERR_NONE) {
		map_remove(&s->by_tag, &f->by_tag);
		return OVERLAY_REFUSAL_OVERLOADED;
	}
	f->standing = true;
	f->stage = STAGE_STANDING;
	f->stream.frame_max = OVERLAY_BODY_MAX;
	s->stats.flows++;
	return OVERLAY_REFUSAL_NONE;
}

static usec flow_end(const struct supernode_flow *f)
{
	return usec_min(f->heard + SILENCE, usec_add(f->not_after, OVERLAY_CLOCK_SLACK));
}

static void on_hello(struct overlay_supernode *s, struct supernode_flow *f, const struct overlay_message *m, usec now)
{
	struct overlay_certificate c;
	enum overlay_refusal refusal = check_hello(s, f, m, &c, now);

	if (!refusal && !f->standing)
		refusal = flow_stand(s, f, &c, m->role, now);
	if (refusal) {
		refuse_hello(s, f, m->id, refusal, now);
		return;
	}
	f->not_after = c.not_after;
	if (heap_set(&s->heap, &f->wake, flow_end(f)) != ERR_NONE)
		overlay_supernode_flow_close(s, f);
	struct overlay_message welcome = {
		.type = OVERLAY_WELCOME,
		.id = m->id,
		.observed = f->remote,
		.advertised = s->setup.advertised,
		.time = now,
		.keepalive_s = KEEPALIVE_S,
		.stun_port = s->stats.stun_bound.port,
		.sip_per_s = (uint16_t)s->setup.caps.sip_per_s,
	};
	memcpy(welcome.token, f->token, OVERLAY_TOKEN_N);
	s->stats.hellos++;
	overlay_outbox_message(&s->out, f->id, &welcome);
	log_info(s->setup.log, "supernode.hello", "user=" STR_FMT " role=%d", STR_ARG(overlay_name_str(&f->user)),
		 (int)f->role);
}

/* ---- directory ---- */

/* Can the device be reached as far as we know? false: all its points are here, and its flow is not. */
static bool is_live(struct overlay_supernode *s, str record)
{
	struct overlay_record r;

	if (overlay_record_parse(record, &r) != ERR_NONE)
		return false;
	for (size_t i = 0; i < r.point_n; i++)
		if (!overlay_token_check(&s->tokens, r.point[i].token) ||
		    overlay_supernode_by_token(s, r.point[i].token))
			return true;
	return false;
}

/* Those who can be reached first: a device that died without a word is in the table until its record ends. */
static void list_found(struct overlay_supernode *s, const struct overlay_directory_outcome *o,
		       struct overlay_message *m)
{
	str away[OVERLAY_FOUND_MAX];
	size_t away_n = 0;

	for (size_t i = 0; i < o->record_n; i++) {
		if (is_live(s, o->record[i]))
			m->record[m->record_n++] = o->record[i];
		else
			away[away_n++] = o->record[i];
	}
	for (size_t i = 0; i < away_n; i++)
		m->record[m->record_n++] = away[i];
}

static void on_outcome(struct overlay_supernode *s, const struct overlay_directory_outcome *o, usec now)
{
	struct supernode_pending *p = slab_find(&s->pendings, o->ask);
	struct supernode_flow *f = p ? slab_find(&s->slab, p->flow) : NULL;
	struct overlay_message m = { .id = p ? p->id : 0 };

	slab_remove(&s->pendings, o->ask);
	if (!f || f->stage != STAGE_STANDING)
		return;
	f->open--;
	if (o->kind == OVERLAY_DIRECTORY_REFUSED) {
		say(s, f, OVERLAY_REFUSED, m.id, o->refusal,
		    o->refusal == OVERLAY_REFUSAL_OVERLOADED ? overlay_supernode_jitter(s, 30) : 0, now);
		return;
	}
	if (o->kind == OVERLAY_DIRECTORY_STORED) {
		m.type = OVERLAY_STORED;
		m.replicas = o->replicas;
		s->stats.stored++;
	} else {
		m.type = OVERLAY_FOUND;
		m.known = o->known;
		list_found(s, o, &m);
		*(o->record_n ? &s->stats.found : &s->stats.missed) += 1;
	}
	overlay_outbox_message(&s->out, f->id, &m);
}

static void drain_directory(struct overlay_supernode *s, usec now)
{
	struct overlay_directory_outcome o;

	while (overlay_directory_next(s->directory, &o))
		on_outcome(s, &o, now);
	s->stats.records = (uint32_t)overlay_directory_count(s->directory);
}

static enum err store(struct overlay_supernode *s, struct supernode_flow *f, uint64_t ask, str bytes, usec now,
		      enum overlay_refusal *refusal)
{
	struct overlay_record record;
	enum err err = overlay_record_parse(bytes, &record);

	if (err) {
		*refusal = overlay_refusal_of(err);
		return err;
	}
	/* Another super node passes on records of its users; they prove themselves. */
	if (f->role == OVERLAY_ROLE_NODE &&
	    !str_eq(overlay_name_str(&record.certificate.name), overlay_name_str(&f->user))) {
		*refusal = OVERLAY_REFUSAL_NOT_YOURS;
		return ERR_REFUSED;
	}
	return overlay_directory_put(s->directory, ask, &record, now);
}

static void on_request(struct overlay_supernode *s, struct supernode_flow *f, const struct overlay_message *m, usec now)
{
	enum overlay_refusal refusal = OVERLAY_REFUSAL_OVERLOADED;
	struct supernode_pending *p = NULL;
	handle ask;
	enum err err = ERR_FULL;

	if (f->open < REQUESTS_OPEN &&
	    overlay_supernode_take(&f->requests, USEC_PER_SEC / s->setup.caps.requests_per_s, now))
		p = slab_add(&s->pendings, &ask);
	else
		refusal = OVERLAY_REFUSAL_SLOW_DOWN;
	if (p) {
		*p = (struct supernode_pending){ .flow = f->self, .id = m->id };
		err = m->type == OVERLAY_STORE ? store(s, f, ask, m->record[0], now, &refusal)
					       : overlay_directory_find(s->directory, ask, m->key, now);
	}
	if (!err) {
		f->open++;
		drain_directory(s, now);
		return;
	}
	if (p)
		slab_remove(&s->pendings, ask);
	if (refusal == OVERLAY_REFUSAL_OVERLOADED || refusal == OVERLAY_REFUSAL_SLOW_DOWN)
		s->stats.shed++;
	say(s, f, OVERLAY_REFUSED, m->id, refusal,
	    overlay_refusal_passes(refusal) && refusal != OVERLAY_REFUSAL_STALE ? overlay_supernode_jitter(s, 2) : 0,
	    now);
}

/* ---- frames ---- */

static void on_message(struct overlay_supernode *s, struct supernode_flow *f, const struct overlay_message *m, usec now)
{
	if (m->type == OVERLAY_HELLO) {
		on_hello(s, f, m, now);
		return;
	}
	if (f->stage != STAGE_STANDING) {
		refuse_hello(s, f, m->id, OVERLAY_REFUSAL_MALFORMED, now);
		return;
	}
	switch (m->type) {
	case OVERLAY_SIP:
		overlay_supernode_sip(s, f, m->sip, now);
		break;
	case OVERLAY_STORE:
	case OVERLAY_FIND:
		on_request(s, f, m, now);
		break;
	case OVERLAY_BYE:
		overlay_supernode_flow_close(s, f);
		break;
	case OVERLAY_PONG:
	case OVERLAY_REFUSED:
		break;
	default:
		bye(s, f, OVERLAY_REFUSAL_MALFORMED, 0, now);
	}
}

static void on_frame(struct overlay_supernode *s, struct supernode_flow *f, const struct overlay_frame *frame, usec now)
{
	struct overlay_message m;
	enum err err = overlay_message_parse(frame, &m);

	if (err == ERR_UNSUPPORTED && frame->id && f->stage == STAGE_STANDING) {
		say(s, f, OVERLAY_REFUSED, frame->id, OVERLAY_REFUSAL_UNSUPPORTED, 0, now);
	} else if (err && err != ERR_UNSUPPORTED) {
		bye(s, f, OVERLAY_REFUSAL_MALFORMED, 0, now);
	} else if (!err && m.type == OVERLAY_PING) {
		m.type = OVERLAY_PONG;
		overlay_outbox_message(&s->out, f->id, &m);
	} else if (!err && f->opened) {
		overlay_supernode_link_message(s, f, &m, now);
	} else if (!err) {
		on_message(s, f, &m, now);
	}
}

static void on_bytes(struct overlay_supernode *s, struct supernode_flow *f, str bytes, usec now)
{
	struct overlay_frame frame;

	if (f->stage == STAGE_CLOSING)
		return;
	f->heard = now;
	enum err err = overlay_stream_recv(&f->stream, bytes);
	while (!err && f->stage != STAGE_CLOSING && !(err = overlay_stream_next(&f->stream, &frame)))
		on_frame(s, f, &frame, now);
	if (err && err != ERR_MORE)
		bye(s, f, OVERLAY_REFUSAL_MALFORMED, 0, now);
}

/* ---- what the host says ---- */

static void on_accepted(struct overlay_supernode *s, const struct host_event *e, usec now)
{
	struct supernode_flow stranger = { .id = e->id };
	struct supernode_flow *f = NULL;

	if (!s->stopping && s->slab.n < s->setup.caps.flow_max)
		f = overlay_supernode_flow_add(s, e->id, now);
	if (!f) {
		s->stats.shed++;
		say(s, &stranger, OVERLAY_BYE, 0, s->stopping ? OVERLAY_REFUSAL_MOVED : OVERLAY_REFUSAL_OVERLOADED,
		    overlay_supernode_jitter(s, 10), now);
		overlay_outbox_close(&s->out, e->id);
		return;
	}
	f->remote = e->remote;
	memcpy(f->binding, e->binding, sizeof(f->binding));
}

static void on_closed(struct overlay_supernode *s, struct supernode_flow *f)
{
	flow_resign(s, f);
	if (f->opened) {
		s->stats.links--;
		overlay_supernode_link_lost(s, f);
	}
	heap_remove(&s->heap, &f->wake);
	map_remove(&s->by_id, &f->by_id);
	overlay_stream_free(&f->stream);
	buf_free(&f->queue);
	slab_remove(&s->slab, f->self);
}

static void on_bound(struct overlay_supernode *s, const struct host_event *e)
{
	if (e->id == STUN) {
		s->stats.stun_bound = e->local;
		return;
	}
	s->stats.bound = e->local;
	if (!addr_is_set(&s->setup.advertised) && !start_forward(s, &e->local))
		log_error(s->setup.log, "supernode.memory", "what=forward");
	log_info(s->setup.log, "supernode.listening", "port=%u", e->local.port);
}

static void on_datagram(struct overlay_supernode *s, const struct host_event *e, usec now)
{
	char text[STUN_SERVER_ANSWER_MAX];
	struct buf b;

	buf_init(&b, text, sizeof(text));
	if (!stun_server_recv(&s->stun, &e->remote, e->bytes, &b, now))
		return;
	s->stats.stun_answered++;
	overlay_outbox_put(
		&s->out,
		&(struct host_want){
			.kind = HOST_SEND, .id = e->id, .local = e->local, .remote = e->remote, .bytes = buf_str(&b) });
}

static void on_stopping(struct overlay_supernode *s, usec now)
{
	struct supernode_flow *f;
	uint32_t slot = 0;
	handle h;

	s->stopping = true;
	overlay_outbox_put(&s->out, &(struct host_want){ .kind = HOST_UNBIND, .id = LISTENER });
	if (addr_is_set(&s->setup.stun))
		overlay_outbox_put(&s->out, &(struct host_want){ .kind = HOST_UNBIND, .id = STUN });
	while ((f = slab_walk(&s->slab, &slot, &h)))
		bye(s, f, OVERLAY_REFUSAL_MOVED, overlay_supernode_jitter(s, 2), now);
}

static void stop_if_quiet(struct overlay_supernode *s)
{
	if (s->stopping && !s->stopped && s->slab.n == 0) {
		s->stopped = true;
		overlay_outbox_put(&s->out, &(struct host_want){ .kind = HOST_STOP });
	}
}

static void supernode_recv(void *self, const struct host_event *e, usec now)
{
	struct overlay_supernode *s = self;
	struct supernode_flow *f;

	switch (e->kind) {
	case HOST_BOUND:
		on_bound(s, e);
		break;
	case HOST_FAILED:
		log_error(s->setup.log, "supernode.listen", "err=%s", err_text(e->err));
		break;
	case HOST_DATAGRAM:
		on_datagram(s, e, now);
		break;
	case HOST_ACCEPTED:
		on_accepted(s, e, now);
		break;
	case HOST_OPENED:
		if ((f = overlay_supernode_by_id(s, e->id)))
			overlay_supernode_link_opened(s, f, e->binding, now);
		break;
	case HOST_BYTES:
		if ((f = overlay_supernode_by_id(s, e->id)))
			on_bytes(s, f, e->bytes, now);
		break;
	case HOST_CLOSED:
		if ((f = overlay_supernode_by_id(s, e->id)))
			on_closed(s, f);
		break;
	case HOST_ANSWER:
		overlay_supernode_roll_answer(s, e->message, now);
		break;
	case HOST_STOPPING:
		on_stopping(s, now);
		break;
	default:
		break;
	}
	stop_if_quiet(s);
}

/* The flow's time is up, or it only looked so when the timer was set. */
static void on_wake(struct overlay_supernode *s, struct supernode_flow *f, usec now)
{
	usec end = f->opened ? usec_min(f->used, f->heard) + SUPERNODE_LINK_IDLE : flow_end(f);

	if (f->stage == STAGE_STANDING && end > now) {
		if (heap_set(&s->heap, &f->wake, end) != ERR_NONE)
			overlay_supernode_flow_close(s, f);
	} else if (f->stage == STAGE_STANDING && !f->opened && f->heard + SILENCE > now) {
		bye(s, f, OVERLAY_REFUSAL_EXPIRED, 0, now);
	} else {
		overlay_supernode_flow_close(s, f);
	}
}

static void supernode_tick(void *self, usec now)
{
	struct overlay_supernode *s = self;
	struct heap_item *item;

	overlay_supernode_roll_tick(s, now);
	overlay_directory_tick(s->directory, now);
	s->stats.records = (uint32_t)overlay_directory_count(s->directory);
	while ((item = heap_take(&s->heap, now)))
		on_wake(s, flow_of(item), now);
}

static usec supernode_due(const void *self)
{
	const struct overlay_supernode *s = self;

	return usec_min(usec_min(heap_due(&s->heap), overlay_directory_due(s->directory)), s->roll_at);
}

static bool supernode_next(void *self, struct host_want *out)
{
	return overlay_outbox_next(&((struct overlay_supernode *)self)->out, out);
}

struct host_service overlay_supernode_service(struct overlay_supernode *s)
{
	return (struct host_service){
		.self = s, .recv = supernode_recv, .tick = supernode_tick, .due = supernode_due, .next = supernode_next
	};
}

void overlay_supernode_stats(const struct overlay_supernode *s, struct overlay_supernode_stats *out)
{
	*out = s->stats;
}
