#include "overlay/login.h"

#include "base/heap.h"
#include "base/slab.h"
#include "crypt/secret.h"
#include "overlay/backoff.h"
#include "overlay/outbox.h"
#include "overlay/stream.h"
#include "store/keeper.h"

#include <stdlib.h>

#define LISTENER     1u
#define FLOW_DEFAULT 4096
#define LIFE_DEFAULT (48 * 3600 * USEC_PER_SEC)
#define HELLO_WAIT   (10 * USEC_PER_SEC) /* for the one request of a flow */
#define ANSWER_WAIT  (30 * USEC_PER_SEC) /* for the keeper, and for the far side to close */
#define WAITING_MAX  256
#define SOURCE_SHARE 8
#define BACKDATED    (300 * USEC_PER_SEC) /* so that a clock that is a little behind takes the certificate */

enum stage { STAGE_OPEN, STAGE_PASSWORD, STAGE_DEVICE, STAGE_RECORD, STAGE_CLOSING };

/* One stream, which asks one thing and is then closed. */
struct login_flow {
	struct map_node node; /* by stream */
	struct heap_item wake;
	handle self;
	uint32_t id;
	enum stage stage;
	struct addr remote;
	uint8_t binding[HOST_BINDING_N];
	struct overlay_stream stream;
	uint32_t request; /* its id on the wire */
	bool renewal;
	struct overlay_name name;
	struct overlay_certificate certificate; /* being made */
};

struct overlay_login {
	struct overlay_login_setup setup;
	struct slab slab;
	struct map flows;
	struct heap heap;
	struct overlay_backoff backoff;
	struct overlay_outbox out;
	struct overlay_login_stats stats;
	bool stopping, stopped;
};

struct overlay_login *overlay_login_new(const struct overlay_login_setup *setup, usec now)
{
	struct overlay_login *l = calloc(1, sizeof(*l));

	(void)now;
	if (!l)
		return NULL;
	l->setup = *setup;
	if (!l->setup.life)
		l->setup.life = LIFE_DEFAULT;
	if (!l->setup.flow_max)
		l->setup.flow_max = FLOW_DEFAULT;
	slab_init(&l->slab, sizeof(struct login_flow), l->setup.flow_max);
	map_init(&l->flows, l->setup.flow_max);
	heap_init(&l->heap);
	overlay_backoff_init(&l->backoff, setup->rng);
	overlay_outbox_init(&l->out);
	overlay_outbox_put(&l->out, &(struct host_want){ .kind = HOST_LISTEN,
							 .id = LISTENER,
							 .transport = TRANSPORT_TLS,
							 .tls = setup->tls,
							 .local = setup->listen });
	return l;
}

void overlay_login_free(struct overlay_login *l)
{
	struct login_flow *f;
	uint32_t slot = 0;
	handle h;

	if (!l)
		return;
	while ((f = slab_walk(&l->slab, &slot, &h)))
		overlay_stream_free(&f->stream);
	slab_free(&l->slab);
	map_free(&l->flows);
	heap_free(&l->heap);
	overlay_backoff_free(&l->backoff);
	overlay_outbox_free(&l->out);
	secret_wipe(l, sizeof(*l));
	free(l);
}

static struct login_flow *flow_find(const struct overlay_login *l, uint32_t id)
{
	for (struct map_node *node = map_first(&l->flows, id); node; node = map_next(node))
		return map_of(node, struct login_flow, node);
	return NULL;
}

static struct login_flow *flow_of(struct heap_item *item)
{
	return (struct login_flow *)(void *)((char *)item - offsetof(struct login_flow, wake));
}

static bool waits(const struct login_flow *f)
{
	return f->stage == STAGE_PASSWORD || f->stage == STAGE_DEVICE || f->stage == STAGE_RECORD;
}

static void set_stage(struct overlay_login *l, struct login_flow *f, enum stage stage, usec now)
{
	l->stats.waiting -= waits(f);
	f->stage = stage;
	l->stats.waiting += waits(f);
	if (heap_set(&l->heap, &f->wake, now + (stage == STAGE_OPEN ? HELLO_WAIT : ANSWER_WAIT)) != ERR_NONE)
		overlay_outbox_close(&l->out, f->id);
}

static void flow_close(struct overlay_login *l, struct login_flow *f, usec now)
{
	if (f->stage == STAGE_CLOSING)
		return;
	overlay_outbox_close(&l->out, f->id);
	set_stage(l, f, STAGE_CLOSING, now);
}

static void refuse(struct overlay_login *l, struct login_flow *f, enum overlay_refusal refusal, uint32_t retry_s,
		   usec now)
{
	struct overlay_message m = {
		.type = OVERLAY_REFUSED,
		.id = f->request,
		.refusal = refusal,
		.text = overlay_refusal_text(refusal),
		.retry_after_s = retry_s,
		.time = now,
	};

	log_info(l->setup.log, "login.refused", "name=" STR_FMT " code=%d", STR_ARG(overlay_name_str(&f->name)),
		 (int)refusal);
	overlay_outbox_message(&l->out, f->id, &m);
	flow_close(l, f, now);
}

/* Retry-after around `s`, so that those who are sent away do not come back together. */
static uint32_t jittered(struct overlay_login *l, uint32_t s)
{
	return s + rng_below(l->setup.rng, s + 1);
}

static uint32_t share_of(const struct overlay_login *l, const struct addr *remote)
{
	uint64_t source = overlay_backoff_source(&l->backoff, remote);
	uint32_t slot = 0, n = 0;
	struct login_flow *f;
	handle h;

	while ((f = slab_walk(&l->slab, &slot, &h)))
		n += waits(f) && overlay_backoff_source(&l->backoff, &f->remote) == source;
	return n;
}

/* Is there room at the keeper, and has this source waited long enough? Refuses if not. */
static bool admit(struct overlay_login *l, struct login_flow *f, usec now)
{
	usec wait = overlay_backoff_wait(&l->backoff, &f->remote, overlay_name_str(&f->name), now);

	if (wait) {
		l->stats.slowed++;
		refuse(l, f, OVERLAY_REFUSAL_SLOW_DOWN, (uint32_t)((wait + USEC_PER_SEC - 1) / USEC_PER_SEC), now);
		return false;
	}
	if (l->stats.waiting >= WAITING_MAX || share_of(l, &f->remote) >= SOURCE_SHARE) {
		l->stats.shed++;
		refuse(l, f, OVERLAY_REFUSAL_OVERLOADED, jittered(l, 2), now);
		return false;
	}
	return true;
}

static void ask(struct overlay_login *l, struct login_flow *f, enum stage stage, struct keeper_ask *model, usec now)
{
	model->token = f->self;
	model->now = now;
	if (overlay_outbox_ask(&l->out, model))
		set_stage(l, f, stage, now);
	else
		refuse(l, f, OVERLAY_REFUSAL_OVERLOADED, jittered(l, 2), now);
}

static bool proven(const struct login_flow *f, const struct overlay_message *m, const uint8_t key[OVERLAY_KEY_N])
{
	uint8_t text[OVERLAY_PROOF_MAX];
	size_t n = overlay_proof_text(m, f->binding, text);

	return sign_check(key, str_of((const char *)text, n), m->proof) == ERR_NONE;
}

static void on_login(struct overlay_login *l, struct login_flow *f, const struct overlay_message *m, usec now)
{
	f->renewal = false;
	if (!str_eq(m->network, overlay_domain_str(&l->setup.network))) {
		refuse(l, f, OVERLAY_REFUSAL_NETWORK, 0, now);
		return;
	}
	if (!proven(f, m, m->key)) {
		refuse(l, f, OVERLAY_REFUSAL_PROOF, 0, now);
		return;
	}
	/* Not even a name: whoever types it may know that, everybody can. */
	if (overlay_name_parse(m->name, &f->name) != ERR_NONE) {
		refuse(l, f, OVERLAY_REFUSAL_PASSWORD, 0, now);
		return;
	}
	memcpy(f->certificate.device, m->key, OVERLAY_KEY_N);
	if (admit(l, f, now)) {
		struct person_record person = { .name = overlay_name_str(&f->name), .password = m->password };

		ask(l, f, STAGE_PASSWORD,
		    &(struct keeper_ask){ .kind = KEEPER_PERSON_CHECK, .persons = &person, .n = 1 }, now);
	}
}

static void on_renew(struct overlay_login *l, struct login_flow *f, const struct overlay_message *m, usec now)
{
	struct overlay_certificate c;
	struct device_record device = { 0 };
	enum err err = overlay_certificate_parse(m->certificate, &c);

	if (!err) {
		struct sign_pair *authority = &l->setup.authority;

		err = overlay_certificate_verify(&c, overlay_domain_str(&l->setup.network), authority->key, now);
	}
	if (err) {
		refuse(l, f, overlay_refusal_of(err), 0, now);
		return;
	}
	if (!proven(f, m, c.device)) {
		refuse(l, f, OVERLAY_REFUSAL_PROOF, 0, now);
		return;
	}
	f->renewal = true;
	f->name = c.name;
	memcpy(f->certificate.device, c.device, OVERLAY_KEY_N);
	device.person = overlay_name_str(&f->name);
	if (admit(l, f, now))
		ask(l, f, STAGE_DEVICE, &(struct keeper_ask){ .kind = KEEPER_DEVICE_LIST, .devices = &device, .n = 1 },
		    now);
}

/* The certificate, and its trace at the keeper before anybody gets it. */
static void issue(struct overlay_login *l, struct login_flow *f, usec now)
{
	struct overlay_certificate *c = &f->certificate;
	char serial[8];

	c->network = l->setup.network;
	c->name = f->name;
	c->serial = rng_u64(l->setup.rng);
	c->not_before = now - BACKDATED;
	c->not_after = c->not_before + l->setup.life;
	if (overlay_certificate_sign(c, &l->setup.authority) != ERR_NONE) {
		refuse(l, f, OVERLAY_REFUSAL_INTERNAL, 0, now);
		return;
	}
	for (int i = 0; i < 8; i++)
		serial[i] = (char)(c->serial >> 8 * (7 - i));
	struct device_record device = {
		.person = overlay_name_str(&f->name),
		.key = str_of((const char *)c->device, OVERLAY_KEY_N),
		.serial = str_of(serial, sizeof(serial)),
		.issued = now,
		.not_after = c->not_after,
	};
	ask(l, f, STAGE_RECORD, &(struct keeper_ask){ .kind = KEEPER_DEVICE_PUT, .devices = &device, .n = 1 }, now);
}

static void finish(struct overlay_login *l, struct login_flow *f, usec now)
{
	struct overlay_message m = {
		.type = OVERLAY_LOGIN_OK,
		.id = f->request,
		.certificate = overlay_certificate_str(&f->certificate),
		.time = now,
	};

	if (f->renewal)
		l->stats.renewals++;
	else
		l->stats.logins++;
	log_info(l->setup.log, f->renewal ? "login.renewed" : "login.done", "name=" STR_FMT " serial=%016llx",
		 STR_ARG(overlay_name_str(&f->name)), (unsigned long long)f->certificate.serial);
	overlay_outbox_message(&l->out, f->id, &m);
	flow_close(l, f, now);
}

static void on_wrong(struct overlay_login *l, struct login_flow *f, usec now)
{
	l->stats.wrong++;
	overlay_backoff_failed(&l->backoff, &f->remote, overlay_name_str(&f->name), now);
	refuse(l, f, OVERLAY_REFUSAL_PASSWORD, 0, now);
}

static bool is_registered(const struct login_flow *f, const struct keeper_answer *a)
{
	str key = str_of((const char *)f->certificate.device, OVERLAY_KEY_N);

	for (size_t i = 0; i < a->n; i++)
		if (str_eq(a->devices[i].key, key))
			return !a->devices[i].revoked;
	return false;
}

static void on_answer(struct overlay_login *l, const struct keeper_answer *a, usec now)
{
	struct login_flow *f = slab_find(&l->slab, a->token);

	if (!f || !waits(f))
		return;
	if (a->err == ERR_REFUSED || a->err == ERR_ABSENT) {
		on_wrong(l, f, now);
	} else if (a->err) {
		log_error(l->setup.log, "login.keeper", "err=%s why=\"%s\"", err_text(a->err), a->why);
		refuse(l, f, a->err == ERR_BUSY ? OVERLAY_REFUSAL_OVERLOADED : OVERLAY_REFUSAL_INTERNAL, jittered(l, 2),
		       now);
	} else if (f->stage == STAGE_PASSWORD && a->kind == KEEPER_PERSON_CHECK) {
		overlay_backoff_succeeded(&l->backoff, &f->remote, overlay_name_str(&f->name));
		issue(l, f, now);
	} else if (f->stage == STAGE_DEVICE && a->kind == KEEPER_DEVICE_LIST) {
		if (is_registered(f, a))
			issue(l, f, now);
		else
			on_wrong(l, f, now);
	} else if (f->stage == STAGE_RECORD && a->kind == KEEPER_DEVICE_PUT) {
		finish(l, f, now);
	}
}

static void on_frame(struct overlay_login *l, struct login_flow *f, const struct overlay_frame *frame, usec now)
{
	struct overlay_message m;

	f->request = frame->id;
	enum err err = overlay_message_parse(frame, &m);
	if (err || f->stage != STAGE_OPEN)
		refuse(l, f, err == ERR_UNSUPPORTED ? OVERLAY_REFUSAL_UNSUPPORTED : OVERLAY_REFUSAL_MALFORMED, 0, now);
	else if (m.type == OVERLAY_LOGIN)
		on_login(l, f, &m, now);
	else if (m.type == OVERLAY_RENEW)
		on_renew(l, f, &m, now);
	else
		refuse(l, f, OVERLAY_REFUSAL_UNSUPPORTED, 0, now);
}

static void on_bytes(struct overlay_login *l, struct login_flow *f, str bytes, usec now)
{
	struct overlay_frame frame;

	if (f->stage == STAGE_CLOSING)
		return;
	enum err err = overlay_stream_recv(&f->stream, bytes);
	while (!err && f->stage != STAGE_CLOSING && !(err = overlay_stream_next(&f->stream, &frame)))
		on_frame(l, f, &frame, now);
	if (err && err != ERR_MORE)
		refuse(l, f, OVERLAY_REFUSAL_MALFORMED, 0, now);
}

static void shed(struct overlay_login *l, uint32_t id, usec now)
{
	struct overlay_message m = {
		.type = OVERLAY_BYE,
		.refusal = l->stopping ? OVERLAY_REFUSAL_MOVED : OVERLAY_REFUSAL_OVERLOADED,
		.text = overlay_refusal_text(OVERLAY_REFUSAL_OVERLOADED),
		.retry_after_s = jittered(l, 5),
		.time = now,
	};

	l->stats.shed++;
	overlay_outbox_message(&l->out, id, &m);
	overlay_outbox_close(&l->out, id);
}

static void on_accepted(struct overlay_login *l, const struct host_event *e, usec now)
{
	struct login_flow *f;
	handle h;

	if (l->stopping || !(f = slab_add(&l->slab, &h))) {
		shed(l, e->id, now);
		return;
	}
	f->self = h;
	f->id = e->id;
	f->remote = e->remote;
	memcpy(f->binding, e->binding, sizeof(f->binding));
	overlay_stream_init(&f->stream);
	if (map_add(&l->flows, &f->node, e->id) != ERR_NONE) {
		slab_remove(&l->slab, h);
		shed(l, e->id, now);
		return;
	}
	l->stats.flows++;
	set_stage(l, f, STAGE_OPEN, now);
}

static void on_closed(struct overlay_login *l, struct login_flow *f)
{
	l->stats.waiting -= waits(f);
	l->stats.flows--;
	heap_remove(&l->heap, &f->wake);
	map_remove(&l->flows, &f->node);
	overlay_stream_free(&f->stream);
	slab_remove(&l->slab, f->self);
}

static void on_stopping(struct overlay_login *l, usec now)
{
	struct login_flow *f;
	uint32_t slot = 0;
	handle h;

	l->stopping = true;
	overlay_outbox_put(&l->out, &(struct host_want){ .kind = HOST_UNBIND, .id = LISTENER });
	while ((f = slab_walk(&l->slab, &slot, &h)))
		if (f->stage == STAGE_OPEN)
			refuse(l, f, OVERLAY_REFUSAL_MOVED, jittered(l, 2), now);
}

/* Wants the end once the last answer is out. */
static void stop_if_quiet(struct overlay_login *l)
{
	if (l->stopping && !l->stopped && l->stats.flows == 0) {
		l->stopped = true;
		overlay_outbox_put(&l->out, &(struct host_want){ .kind = HOST_STOP });
	}
}

static void login_recv(void *self, const struct host_event *e, usec now)
{
	struct overlay_login *l = self;
	struct login_flow *f = flow_find(l, e->id);

	switch (e->kind) {
	case HOST_BOUND:
		l->stats.bound = e->local;
		log_info(l->setup.log, "login.listening", "port=%u", e->local.port);
		break;
	case HOST_FAILED:
		log_error(l->setup.log, "login.listen", "err=%s", err_text(e->err));
		break;
	case HOST_ACCEPTED:
		on_accepted(l, e, now);
		break;
	case HOST_BYTES:
		if (f)
			on_bytes(l, f, e->bytes, now);
		break;
	case HOST_CLOSED:
		if (f)
			on_closed(l, f);
		break;
	case HOST_ANSWER:
		on_answer(l, e->message, now);
		break;
	case HOST_STOPPING:
		on_stopping(l, now);
		break;
	default:
		break;
	}
	stop_if_quiet(l);
}

static void login_tick(void *self, usec now)
{
	struct overlay_login *l = self;
	struct heap_item *item;

	while ((item = heap_take(&l->heap, now))) {
		struct login_flow *f = flow_of(item);

		if (waits(f))
			refuse(l, f, OVERLAY_REFUSAL_INTERNAL, jittered(l, 2), now);
		else
			flow_close(l, f, now);
	}
}

static usec login_due(const void *self)
{
	return heap_due(&((const struct overlay_login *)self)->heap);
}

static bool login_next(void *self, struct host_want *out)
{
	return overlay_outbox_next(&((struct overlay_login *)self)->out, out);
}

struct host_service overlay_login_service(struct overlay_login *l)
{
	return (struct host_service){
		.self = l, .recv = login_recv, .tick = login_tick, .due = login_due, .next = login_next
	};
}

void overlay_login_stats(const struct overlay_login *l, struct overlay_login_stats *out)
{
	*out = l->stats;
}
