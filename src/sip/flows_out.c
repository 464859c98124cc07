#include "sip/flows_parts.h"

/* ---- what goes out ---- */

/* Is the name one of those that the far side proved? */
static bool proves(const struct sip_stream *s, str name)
{
	str rest = sip_blob_str(s->proved), one;

	while (rest.n) {
		(void)str_split(rest, ' ', &one, &rest);
		if (str_eq_nocase(one, name))
			return name.n > 0;
	}
	return false;
}

/* RFC 3261 18.1.1 lets a connection be used again for the same address, port and transport. Over TLS only one that
 * we opened, and whose far side proved the name: where an accepted one leads is another matter (find_alias). */
static bool serves(const struct sip_stream *s, const struct sip_target *t)
{
	if (s->state == SIP_STREAM_CLOSING || s->deaf || s->flow.transport != t->transport ||
	    !addr_eq(&s->flow.remote, &t->addr))
		return false;
	if (!transport_is_secure(t->transport))
		return true;
	return s->ours && s->tls == t->tls && (str_eq(str_of(s->name, s->name_n), t->name) || proves(s, t->name));
}

/* RFC 5923 8.2: an accepted stream whose far side asked for it, for a domain that it speaks for. */
static struct sip_stream *find_alias(struct sip_flows *f, const struct sip_target *t)
{
	if (!f->by_alias.n || t->transport != TRANSPORT_TLS)
		return NULL;
	for (struct map_node *n = map_first(&f->by_alias, sip_stream_hash(f, t->transport, &t->addr)); n;
	     n = map_next(n)) {
		struct sip_stream *s = map_of(n, struct sip_stream, by_alias);

		if (s->state == SIP_STREAM_OPEN && !s->deaf && addr_eq(&s->alias, &t->addr) && proves(s, t->name))
			return s;
	}
	return NULL;
}

static uint32_t free_id(struct sip_flows *f)
{
	uint32_t span = f->id_n - SIP_FLOWS_LISTENERS;

	for (uint32_t tries = 0; tries < span; tries++) {
		uint32_t id = f->id_first + SIP_FLOWS_LISTENERS + f->id_next;

		f->id_next = (f->id_next + 1) % span;
		if (!sip_stream_find(f, id))
			return id;
	}
	return 0;
}

/* From the address that we are known by, where that leads there: a far side may look for it (RFC 5923), or its filter.
 */
static struct addr source_for(const struct sip_flows *f, const struct sip_target *t)
{
	for (size_t i = 0; i < SIP_FLOWS_LISTENERS; i++) {
		const struct sip_flows_listener *l = &f->listeners[i];
		struct addr source = l->local;

		if (!l->up || l->transport != t->transport || source.family != t->addr.family || addr_is_any(&source) ||
		    addr_is_loopback(&source) != addr_is_loopback(&t->addr))
			continue;
		source.port = 0;
		return source;
	}
	return (struct addr){ 0 };
}

static struct flow open_stream(struct sip_flows *f, const struct sip_target *t)
{
	struct flow flow = { .transport = t->transport, .worker = f->worker, .remote = t->addr };
	struct sip_stream *s;

	flow.id = free_id(f);
	if (!flow.id || !(s = sip_stream_new(f, &flow, t->name, t->tls)))
		return (struct flow){ 0 };
	s->ours = true;
	s->state = SIP_STREAM_OPENING; /* the host says CLOSED when it takes too long */
	struct host_want w = {
		.kind = HOST_OPEN, .transport = t->transport, .id = flow.id, .tls = t->tls, .remote = t->addr
	};
	w.local = source_for(f, t);
	struct sip_blob *name = sip_blob_copy(t->name);
	enum err err = name ? sip_outbox_put(&f->outbox, &w, name) : ERR_MEMORY;
	sip_blob_unref(name);
	if (err) {
		sip_stream_remove(f, s);
		return (struct flow){ 0 };
	}
	return flow;
}

struct flow sip_flows_find(struct sip_flows *f, const struct sip_target *t, usec now)
{
	(void)now;
	if (t->flow.transport)
		return sip_flows_alive(f, &t->flow) ? t->flow : (struct flow){ 0 };
	if (!addr_is_set(&t->addr) || t->addr.port == 0)
		return (struct flow){ 0 };
	if (t->transport == TRANSPORT_UDP) {
		const struct sip_flows_listener *l = sip_flows_listener(f, TRANSPORT_UDP, t->addr.family);

		if (!l)
			return (struct flow){ 0 };
		return (struct flow){ .transport = TRANSPORT_UDP,
				      .worker = f->worker,
				      .id = f->id_first + (uint32_t)(l - f->listeners),
				      .local = l->local,
				      .remote = t->addr };
	}
	for (struct map_node *n = map_first(&f->by_remote, sip_stream_hash(f, t->transport, &t->addr)); n;
	     n = map_next(n)) {
		struct sip_stream *s = map_of(n, struct sip_stream, by_remote);

		if (serves(s, t))
			return s->flow;
	}
	struct sip_stream *alias = find_alias(f, t);
	return alias ? alias->flow : open_stream(f, t);
}

void sip_flows_alias(struct sip_flows *f, const struct flow *flow, uint16_t port)
{
	struct sip_stream *s =
		flow->transport == TRANSPORT_TLS && flow->worker == f->worker ? sip_stream_find(f, flow->id) : NULL;

	if (!s || s->ours || s->adopted || !s->proved || !port || addr_is_set(&s->alias))
		return;
	s->alias = s->flow.remote;
	s->alias.port = port;
	if (map_add(&f->by_alias, &s->by_alias, sip_stream_hash(f, TRANSPORT_TLS, &s->alias)))
		s->alias = (struct addr){ 0 };
}

bool sip_flows_wants_alias(const struct sip_flows *f, const struct flow *flow)
{
	return flow->transport == TRANSPORT_TLS && flow->worker == f->worker && flow->id <= HOST_OWN_MAX &&
	       sip_flows_listener(f, TRANSPORT_TLS, 0);
}

void sip_flows_know(struct sip_flows *f, const struct flow *flow, uint16_t peer)
{
	struct sip_stream *s = flow->transport != TRANSPORT_UDP ? sip_stream_find(f, flow->id) : NULL;

	if (s)
		s->flow.peer = peer;
}

void sip_flows_expect(struct sip_flows *f, const struct flow *flow, usec span, usec now)
{
	struct sip_stream *s = flow->transport != TRANSPORT_UDP ? sip_stream_find(f, flow->id) : NULL;

	if (!s || s->state != SIP_STREAM_OPEN)
		return;
	s->idle_max = span;
	s->idle_at = usec_add(now, span);
	sip_stream_arm(f, s);
}

bool sip_flows_is_up(const struct sip_flows *f, const struct flow *flow)
{
	struct sip_stream *s;

	if (flow->transport == TRANSPORT_UDP || flow->worker != f->worker)
		return true;
	s = sip_stream_find(f, flow->id);
	return s && s->state == SIP_STREAM_OPEN;
}

bool sip_flows_alive(const struct sip_flows *f, const struct flow *flow)
{
	struct sip_stream *s;

	if (flow->transport == TRANSPORT_UDP || flow->worker != f->worker)
		return true;
	s = sip_stream_find(f, flow->id);
	/* the same number may name another connection by now */
	return s && s->state != SIP_STREAM_CLOSING && addr_eq(&s->flow.remote, &flow->remote);
}

enum err sip_flows_send(struct sip_flows *f, const struct flow *flow, struct sip_blob *blob)
{
	struct host_want w = { .kind = HOST_SEND, .id = flow->id, .local = flow->local, .remote = flow->remote };

	if (flow->worker != f->worker) {
		struct sip_flows_event event = { .step = SIP_FLOWS_CARRY, .flow = *flow };

		return sip_flows_notice(f, &event, blob);
	}
	w.order = sip_transport_order;
	if (flow->transport != TRANSPORT_UDP) {
		if (!sip_flows_alive(f, flow))
			return ERR_CLOSED;
		w.kind = HOST_WRITE;
	}
	return sip_outbox_put(&f->outbox, &w, blob);
}

struct buf sip_flows_room(struct sip_flows *f, const struct flow *flow)
{
	struct buf none;

	if (flow->transport == TRANSPORT_UDP && flow->worker == f->worker)
		return sip_outbox_room(&f->outbox);
	buf_init(&none, NULL, 0);
	return none;
}

enum err sip_flows_send_text(struct sip_flows *f, const struct flow *flow, const struct buf *text)
{
	struct host_want w = { .kind = HOST_SEND,
			       .id = flow->id,
			       .local = flow->local,
			       .remote = flow->remote,
			       .order = sip_transport_order };

	return sip_outbox_put_text(&f->outbox, &w, text);
}

void sip_flows_ping(struct sip_flows *f, const struct flow *flow, usec now)
{
	struct sip_stream *s = flow->transport == TRANSPORT_UDP ? NULL : sip_stream_find(f, flow->id);

	sip_stream_crlf(f, flow, STR("\r\n\r\n"));
	if (!s || s->state == SIP_STREAM_CLOSING || s->pong_at != USEC_NEVER)
		return;
	s->pong_at = usec_add(now, SIP_FLOWS_PONG_WAIT);
	sip_stream_arm(f, s);
}

void sip_flows_probe(struct sip_flows *f, const struct flow *flow, usec now)
{
	if (flow->transport == TRANSPORT_UDP)
		sip_keepalive_start(&f->keepalive, flow, f->rng, now);
	else
		sip_flows_ping(f, flow, now);
}

void sip_flows_close(struct sip_flows *f, const struct flow *flow)
{
	struct sip_stream *s = flow->transport == TRANSPORT_UDP ? NULL : sip_stream_find(f, flow->id);

	if (s)
		sip_stream_close(f, s);
}

void sip_flows_deafen(struct sip_flows *f, const struct flow *flow, usec now)
{
	struct sip_stream *s = flow->transport == TRANSPORT_UDP ? NULL : sip_stream_find(f, flow->id);

	if (!s || s->state == SIP_STREAM_CLOSING || s->deaf)
		return;
	if (s->adopted) { /* it has no times */
		sip_stream_close(f, s);
		return;
	}
	s->deaf = true;
	buf_free(&s->kept);
	buf_init_grow(&s->kept, SIP_STREAM_PIECE);
	s->partial_at = usec_add(now, SIP_FLOWS_LAST_WORDS);
	sip_stream_arm(f, s);
}
