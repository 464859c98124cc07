#include "sip/flows.h"

#include "sip/frame.h"

#include <stdlib.h>

#define PIECE_MAX  (4u * 65536u) /* an unfinished message and one read of the host's behind it */
#define NOTICE_MAX 65536u

enum stream_state { OPENING, OPEN, CLOSING };

struct sip_stream {
	struct map_node by_id, by_remote;
	struct heap_item deadline;
	struct flow flow;
	enum stream_state state;
	bool ours;      /* we opened it */
	bool deaf;      /* what comes in cannot be read any more; answers may still go out */
	bool adopted;   /* its owner watches it: no times */
	bool gone_said; /* GONE was said ahead of CLOSED */
	uint16_t tls;
	char *name;
	size_t name_n;
	struct sip_frame frame;
	struct buf kept; /* an unfinished message */
	usec idle_at, partial_at, pong_at;
};

struct sip_flows_notice {
	struct sip_flows_event event;
	struct sip_blob *blob;
};

void sip_flows_init(struct sip_flows *f, const struct sip_flows_config *config)
{
	*f = (struct sip_flows){
		.log = config->log,
		.worker = config->worker,
		.id_first = config->id_first,
		.id_n = config->id_n,
		.stream_max = config->stream_max,
		.idle_max = config->idle_max,
		.partial_max = config->partial_max,
	};
	rng_fill(config->rng, f->key, sizeof(f->key));
	map_init(&f->by_id, f->stream_max);
	map_init(&f->by_remote, f->stream_max);
	heap_init(&f->deadlines);
}

static void stream_free(struct sip_stream *s)
{
	buf_free(&s->kept);
	free(s->name);
	free(s);
}

void sip_flows_free(struct sip_flows *f)
{
	struct map_node *n;

	while ((n = map_pop(&f->by_id)))
		stream_free(map_of(n, struct sip_stream, by_id));
	map_free(&f->by_id);
	map_free(&f->by_remote);
	heap_free(&f->deadlines);
	for (; f->notice_n; f->notice_n--)
		sip_blob_unref(f->notices[f->notice_at++ & (f->notice_cap - 1)].blob);
	free(f->notices);
	sip_blob_unref(f->carried);
	sip_outbox_free(&f->outbox);
}

/* ---- notices ---- */

static bool notice_room(struct sip_flows *f)
{
	uint32_t cap = f->notice_cap ? f->notice_cap * 2 : 16;
	struct sip_flows_notice *notices;

	if (f->notice_n < f->notice_cap)
		return true;
	if (cap > NOTICE_MAX || !(notices = malloc(cap * sizeof(*notices))))
		return false;
	for (uint32_t i = 0; i < f->notice_n; i++)
		notices[i] = f->notices[(f->notice_at + i) & (f->notice_cap - 1)];
	free(f->notices);
	f->notices = notices;
	f->notice_cap = cap;
	f->notice_at = 0;
	return true;
}

static enum err notice(struct sip_flows *f, const struct sip_flows_event *event, struct sip_blob *blob)
{
	if (!notice_room(f))
		return ERR_FULL;
	f->notices[(f->notice_at + f->notice_n++) & (f->notice_cap - 1)] =
		(struct sip_flows_notice){ *event, sip_blob_ref(blob) };
	return ERR_NONE;
}

static void say(struct sip_flows *f, enum sip_flows_step step, const struct flow *flow, enum err why)
{
	struct sip_flows_event event = { .step = step, .flow = *flow, .err = why };

	if (notice(f, &event, NULL))
		log_error(f->log, "sip.flows deaf", "step=%d", (int)step);
}

static bool take_notice(struct sip_flows *f, struct sip_flows_event *out)
{
	if (f->notice_n == 0)
		return false;
	struct sip_flows_notice *n = &f->notices[f->notice_at];
	f->notice_at = (f->notice_at + 1) & (f->notice_cap - 1);
	f->notice_n--;
	*out = n->event;
	sip_blob_set(&f->carried, n->blob);
	if (n->blob)
		out->bytes = sip_blob_str(n->blob);
	return true;
}

/* A want whose loss would leave host and stack of two minds is worth a line in the log. */
static bool want(struct sip_flows *f, const struct host_want *w, struct sip_blob *blob)
{
	enum err err = sip_outbox_put(&f->outbox, w, blob);

	if (err)
		log_error(f->log, "sip.flows stuck", "want=%d err=\"%s\"", (int)w->kind, err_text(err));
	return err == ERR_NONE;
}

static struct flow flow_of(const struct sip_flows *f, const struct host_event *e, enum transport transport)
{
	return (struct flow){
		.transport = transport, .worker = f->worker, .id = e->id, .local = e->local, .remote = e->remote
	};
}

/* ---- listeners ---- */

uint32_t sip_flows_listen(struct sip_flows *f, enum transport transport, const struct addr *local, uint16_t tls,
			  str sent_by)
{
	uint32_t i = 0;
	struct sip_flows_listener *l;

	while (i < SIP_FLOWS_LISTENERS && f->listeners[i].transport)
		i++;
	if (i == SIP_FLOWS_LISTENERS || sent_by.n > SIP_FLOWS_SENT_BY)
		return 0;
	l = &f->listeners[i];
	*l = (struct sip_flows_listener){ .transport = transport, .local = *local, .tls = tls, .sent_by_n = sent_by.n };
	if (sent_by.n)
		memcpy(l->sent_by, sent_by.p, sent_by.n);
	struct host_want w = { .kind = transport == TRANSPORT_UDP ? HOST_BIND : HOST_LISTEN,
			       .transport = transport,
			       .id = f->id_first + i,
			       .tls = tls,
			       .local = *local };
	if (!want(f, &w, NULL)) {
		l->transport = 0;
		return 0;
	}
	return w.id;
}

static struct sip_flows_listener *listener_of(struct sip_flows *f, uint32_t id)
{
	uint32_t i = id - f->id_first;

	return id >= f->id_first && i < SIP_FLOWS_LISTENERS && f->listeners[i].transport ? &f->listeners[i] : NULL;
}

const struct sip_flows_listener *sip_flows_listener(const struct sip_flows *f, enum transport transport, uint8_t family)
{
	for (size_t i = 0; i < SIP_FLOWS_LISTENERS; i++) {
		const struct sip_flows_listener *l = &f->listeners[i];

		if (l->transport == transport && l->up && (!family || l->local.family == family))
			return l;
	}
	return NULL;
}

static void on_bound(struct sip_flows *f, const struct host_event *e)
{
	struct sip_flows_listener *l = listener_of(f, e->id);

	if (!l)
		return;
	struct flow flow = { .transport = l->transport,
			     .worker = f->worker,
			     .id = e->id,
			     .local = e->kind == HOST_BOUND ? e->local : l->local };
	if (e->kind == HOST_BOUND) {
		l->up = true;
		l->local = e->local;
	} else {
		l->transport = 0;
	}
	say(f, SIP_FLOWS_LISTENING, &flow, e->kind == HOST_BOUND ? ERR_NONE : e->err);
}

/* The listener that a far side should find us by: of this socket, else of this transport and family. */
static const struct sip_flows_listener *face(const struct sip_flows *f, const struct flow *flow)
{
	uint32_t i = flow->id - f->id_first;
	const struct sip_flows_listener *l;

	if (flow->transport == TRANSPORT_UDP && flow->id >= f->id_first && i < SIP_FLOWS_LISTENERS &&
	    f->listeners[i].transport)
		return &f->listeners[i];
	l = sip_flows_listener(f, flow->transport, flow->remote.family);
	if (!l)
		l = sip_flows_listener(f, flow->transport, 0);
	return l;
}

void sip_flows_sent_by(const struct sip_flows *f, const struct flow *flow, struct buf *out)
{
	const struct sip_flows_listener *l = face(f, flow);
	const struct addr *local = l && !addr_is_any(&l->local) ? &l->local : &flow->local;

	if (l && l->sent_by_n)
		buf_put(out, str_of(l->sent_by, l->sent_by_n));
	else if (addr_is_set(local) && !addr_is_any(local))
		addr_write(local, out);
	else /* a caller without a listener: nobody can reach us but by the flow (as RFC 7118 5. does) */
		buf_put(out, STR("tandem.invalid"));
}

/* ---- streams ---- */

static struct sip_stream *stream_find(const struct sip_flows *f, uint32_t id)
{
	for (struct map_node *n = map_first(&f->by_id, id * 0x9e3779b97f4a7c15u); n; n = map_next(n)) {
		struct sip_stream *s = map_of(n, struct sip_stream, by_id);

		if (s->flow.id == id)
			return s;
	}
	return NULL;
}

static uint64_t remote_hash(const struct sip_flows *f, enum transport transport, const struct addr *remote)
{
	return addr_hash(remote, f->key) + (uint64_t)transport;
}

static usec stream_due(const struct sip_stream *s)
{
	return usec_min(s->idle_at, usec_min(s->partial_at, s->pong_at));
}

/* Only moves the alarm forward in time; one that rings early is set anew then. */
static void arm(struct sip_flows *f, struct sip_stream *s)
{
	usec due = stream_due(s);

	if (s->adopted && s->pong_at == USEC_NEVER)
		return;
	if ((!heap_has(&s->deadline) || due < s->deadline.due) && heap_set(&f->deadlines, &s->deadline, due))
		log_error(f->log, "sip.flows untimed", "stream=%u", s->flow.id);
}

static struct sip_stream *stream_new(struct sip_flows *f, const struct flow *flow, str name, uint16_t tls)
{
	struct sip_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->flow = *flow;
	s->tls = tls;
	s->idle_at = s->partial_at = s->pong_at = USEC_NEVER;
	buf_init_grow(&s->kept, PIECE_MAX);
	if (name.n) {
		s->name = malloc(name.n);
		if (!s->name)
			goto fail;
		memcpy(s->name, name.p, name.n);
		s->name_n = name.n;
	}
	if (map_add(&f->by_id, &s->by_id, flow->id * 0x9e3779b97f4a7c15u))
		goto fail;
	if (map_add(&f->by_remote, &s->by_remote, remote_hash(f, flow->transport, &flow->remote))) {
		map_remove(&f->by_id, &s->by_id);
		goto fail;
	}
	return s;
fail:
	stream_free(s);
	return NULL;
}

static void stream_remove(struct sip_flows *f, struct sip_stream *s)
{
	map_remove(&f->by_id, &s->by_id);
	map_remove(&f->by_remote, &s->by_remote);
	heap_remove(&f->deadlines, &s->deadline);
	stream_free(s);
}

static void stream_close(struct sip_flows *f, struct sip_stream *s)
{
	if (s->state == CLOSING)
		return;
	s->state = CLOSING;
	heap_remove(&f->deadlines, &s->deadline);
	buf_free(&s->kept);
	want(f, &(struct host_want){ .kind = HOST_CLOSE, .id = s->flow.id }, NULL);
}

static void on_accepted(struct sip_flows *f, const struct host_event *e, usec now)
{
	struct flow flow = flow_of(f, e, e->transport);
	struct sip_stream *s;

	if (stream_find(f, e->id))
		return;
	s = stream_new(f, &flow, STR_NONE, 0);
	if (!s) { /* full: the newcomer waits outside */
		log_warn(f->log, "sip.flows full", "streams=%zu", f->by_id.n);
		want(f, &(struct host_want){ .kind = HOST_CLOSE, .id = e->id }, NULL);
		return;
	}
	s->state = OPEN;
	s->adopted = e->listener == 0;
	s->idle_at = usec_add(now, f->idle_max);
	s->partial_at = usec_add(now, f->partial_max); /* something must be said soon */
	arm(f, s);
	struct sip_flows_event event = { .step = SIP_FLOWS_UP, .flow = flow };
	memcpy(event.binding, e->binding, sizeof(event.binding));
	if (notice(f, &event, NULL))
		stream_close(f, s);
}

static void on_opened(struct sip_flows *f, const struct host_event *e, usec now)
{
	struct sip_stream *s = stream_find(f, e->id);

	if (!s || s->state != OPENING)
		return;
	s->state = OPEN;
	if (addr_is_set(&e->local))
		s->flow.local = e->local;
	s->idle_at = usec_add(now, f->idle_max);
	arm(f, s);
	struct sip_flows_event event = { .step = SIP_FLOWS_UP, .flow = s->flow };
	memcpy(event.binding, e->binding, sizeof(event.binding));
	if (notice(f, &event, NULL))
		stream_close(f, s);
}

static void on_closed(struct sip_flows *f, const struct host_event *e)
{
	struct sip_stream *s = stream_find(f, e->id);

	if (!s)
		return;
	if (!s->gone_said)
		say(f, SIP_FLOWS_GONE, &s->flow, e->err);
	stream_remove(f, s);
}

static void on_bytes(struct sip_flows *f, const struct host_event *e)
{
	struct sip_stream *s = stream_find(f, e->id);

	if (!s || s->state == CLOSING || s->deaf)
		return;
	f->input_flow = s->flow;
	f->input_stream = e->id;
	f->input = e->bytes;
	if (s->kept.n == 0)
		return;
	buf_put(&s->kept, e->bytes);
	f->input = buf_str(&s->kept);
	if (!buf_ok(&s->kept)) {
		f->input = STR_NONE;
		stream_close(f, s);
	}
}

void sip_flows_recv(struct sip_flows *f, const struct host_event *e, usec now)
{
	f->input = STR_NONE;
	switch (e->kind) {
	case HOST_BOUND:
	case HOST_FAILED:
		on_bound(f, e);
		break;
	case HOST_DATAGRAM:
		if (!listener_of(f, e->id))
			break;
		f->input = e->bytes;
		f->input_stream = 0;
		f->input_flow = flow_of(f, e, TRANSPORT_UDP);
		break;
	case HOST_UNREACHABLE:
		if (listener_of(f, e->id)) {
			struct flow flow = flow_of(f, e, TRANSPORT_UDP);

			say(f, SIP_FLOWS_UNREACHABLE, &flow, ERR_UNREACHABLE);
		}
		break;
	case HOST_ACCEPTED:
		on_accepted(f, e, now);
		break;
	case HOST_OPENED:
		on_opened(f, e, now);
		break;
	case HOST_BYTES:
		on_bytes(f, e);
		break;
	case HOST_CLOSED:
		on_closed(f, e);
		break;
	default:
		break;
	}
}

/* ---- what came in ---- */

static void put_crlf(struct sip_flows *f, const struct flow *flow, str text)
{
	struct sip_blob *b = sip_blob_copy(text);

	if (b && sip_flows_send(f, flow, b))
		log_debug(f->log, "sip.flows mute", "stream=%u", flow->id);
	sip_blob_unref(b);
}

/* What is left over waits in the stream; `input` may point there already. */
static void keep_rest(struct sip_flows *f, struct sip_stream *s, usec now)
{
	if (s->kept.n)
		buf_eat(&s->kept, s->kept.n - f->input.n);
	else
		buf_put(&s->kept, f->input);
	if (!buf_ok(&s->kept)) {
		stream_close(f, s);
	} else if (s->kept.n == 0) {
		buf_free(&s->kept); /* thousands of silent phones should cost nothing */
		buf_init_grow(&s->kept, PIECE_MAX);
	} else if (s->partial_at == USEC_NEVER) {
		s->partial_at = usec_add(now, f->partial_max);
		arm(f, s);
	}
	f->input = STR_NONE;
}

static void whole(struct sip_flows *f, struct sip_stream *s, usec now)
{
	s->idle_at = usec_add(now, f->idle_max);
	s->partial_at = USEC_NEVER;
	if (s->pong_at != USEC_NEVER) /* any sign of life will do */
		s->pong_at = USEC_NEVER;
	arm(f, s);
}

/* RFC 7118 4.2: what came is one message, whole, whatever its Content-Length says; or a keep-alive (5626 4.4.1). */
static enum sip_flows_step next_of_ws(struct sip_flows *f, struct sip_stream *s, struct sip_flows_event *out, usec now)
{
	str message = f->input;
	bool awaited = s->pong_at != USEC_NEVER;

	f->input = STR_NONE;
	whole(f, s, now);
	*out = (struct sip_flows_event){ .flow = s->flow, .bytes = message };
	if (message.n > SIP_MSG_MAX) {
		stream_close(f, s);
		return SIP_FLOWS_QUIET;
	}
	if (message.n == 0 || (message.p[0] != '\r' && message.p[0] != '\n'))
		return out->step = message.n ? SIP_FLOWS_MESSAGE : SIP_FLOWS_QUIET;
	if (str_eq(message, STR("\r\n\r\n")))
		put_crlf(f, &s->flow, STR("\r\n"));
	else if (awaited)
		return out->step = SIP_FLOWS_PONG;
	return SIP_FLOWS_QUIET;
}

static enum sip_flows_step next_of_stream(struct sip_flows *f, struct sip_stream *s, struct sip_flows_event *out,
					  usec now)
{
	while (f->input.n) {
		enum err err = sip_frame_next(&s->frame, f->input, !s->ours);
		str frame = str_head(f->input, s->frame.n);
		bool awaited = s->pong_at != USEC_NEVER;

		if (err == ERR_MORE) {
			keep_rest(f, s, now);
			return SIP_FLOWS_QUIET;
		}
		*out = (struct sip_flows_event){ .flow = s->flow, .bytes = frame, .err = err };
		if (err) {
			f->input = STR_NONE;
			log_info(f->log, "sip.flows unframed", "stream=%u err=\"%s\"", s->flow.id, err_text(err));
			return out->step = SIP_FLOWS_BROKEN;
		}
		f->input = str_skip(f->input, s->frame.n);
		whole(f, s, now);
		if (s->frame.kind == SIP_FRAME_MESSAGE)
			return out->step = SIP_FLOWS_MESSAGE;
		if (s->frame.kind == SIP_FRAME_PING)
			put_crlf(f, &s->flow, STR("\r\n"));
		else if (awaited)
			return out->step = SIP_FLOWS_PONG;
	}
	keep_rest(f, s, now);
	return SIP_FLOWS_QUIET;
}

enum sip_flows_step sip_flows_next(struct sip_flows *f, struct sip_flows_event *out, usec now)
{
	struct sip_stream *s;

	if (take_notice(f, out))
		return out->step;
	if (!f->input.p)
		return SIP_FLOWS_QUIET;
	if (!f->input_stream) {
		*out = (struct sip_flows_event){ .step = SIP_FLOWS_MESSAGE, .flow = f->input_flow, .bytes = f->input };
		f->input = STR_NONE;
		return SIP_FLOWS_MESSAGE;
	}
	s = stream_find(f, f->input_stream);
	if (!s || s->state == CLOSING) {
		f->input = STR_NONE;
		return SIP_FLOWS_QUIET;
	}
	if (transport_is_ws(s->flow.transport))
		return next_of_ws(f, s, out, now);
	return next_of_stream(f, s, out, now);
}

/* ---- time ---- */

static void on_deadline(struct sip_flows *f, struct sip_stream *s, usec now)
{
	if (now < stream_due(s)) { /* it was put off meanwhile */
		arm(f, s);
		return;
	}
	if (now >= s->pong_at) {
		s->gone_said = true;
		say(f, SIP_FLOWS_GONE, &s->flow, ERR_TIMEOUT);
	}
	log_info(f->log, "sip.flows silent", "stream=%u why=%s", s->flow.id,
		 now >= s->pong_at      ? "pong"
		 : now >= s->partial_at ? "unfinished"
					: "idle");
	stream_close(f, s);
}

void sip_flows_tick(struct sip_flows *f, usec now)
{
	struct heap_item *item;

	while ((item = heap_take(&f->deadlines, now)))
		on_deadline(f, map_of(item, struct sip_stream, deadline), now);
}

usec sip_flows_due(const struct sip_flows *f)
{
	return heap_due(&f->deadlines);
}

/* ---- what goes out ---- */

/* RFC 3261 18.1.1 lets a connection be used again for the same address, port and transport. Over TLS only one that
 * we opened, and that proved the same name: where an accepted one leads, nobody has proved. */
static bool serves(const struct sip_stream *s, const struct sip_target *t)
{
	if (s->state == CLOSING || s->deaf || s->flow.transport != t->transport || !addr_eq(&s->flow.remote, &t->addr))
		return false;
	return !transport_is_secure(t->transport) ||
	       (s->ours && s->tls == t->tls && str_eq(str_of(s->name, s->name_n), t->name));
}

static uint32_t free_id(struct sip_flows *f)
{
	uint32_t span = f->id_n - SIP_FLOWS_LISTENERS;

	for (uint32_t tries = 0; tries < span; tries++) {
		uint32_t id = f->id_first + SIP_FLOWS_LISTENERS + f->id_next;

		f->id_next = (f->id_next + 1) % span;
		if (!stream_find(f, id))
			return id;
	}
	return 0;
}

static struct flow open_stream(struct sip_flows *f, const struct sip_target *t)
{
	struct flow flow = { .transport = t->transport, .worker = f->worker, .remote = t->addr };
	struct sip_stream *s;

	flow.id = free_id(f);
	if (!flow.id || !(s = stream_new(f, &flow, t->name, t->tls)))
		return (struct flow){ 0 };
	s->ours = true;
	s->state = OPENING; /* the host says CLOSED when it takes too long */
	struct host_want w = {
		.kind = HOST_OPEN, .transport = t->transport, .id = flow.id, .tls = t->tls, .remote = t->addr
	};
	struct sip_blob *name = sip_blob_copy(t->name);
	enum err err = name ? sip_outbox_put(&f->outbox, &w, name) : ERR_MEMORY;
	sip_blob_unref(name);
	if (err) {
		stream_remove(f, s);
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
	for (struct map_node *n = map_first(&f->by_remote, remote_hash(f, t->transport, &t->addr)); n;
	     n = map_next(n)) {
		struct sip_stream *s = map_of(n, struct sip_stream, by_remote);

		if (serves(s, t))
			return s->flow;
	}
	return open_stream(f, t);
}

bool sip_flows_alive(const struct sip_flows *f, const struct flow *flow)
{
	struct sip_stream *s;

	if (flow->transport == TRANSPORT_UDP || flow->worker != f->worker)
		return true;
	s = stream_find(f, flow->id);
	/* the same number may name another connection by now */
	return s && s->state != CLOSING && addr_eq(&s->flow.remote, &flow->remote);
}

enum err sip_flows_send(struct sip_flows *f, const struct flow *flow, struct sip_blob *blob)
{
	struct host_want w = { .kind = HOST_SEND, .id = flow->id, .local = flow->local, .remote = flow->remote };

	if (flow->worker != f->worker) {
		struct sip_flows_event event = { .step = SIP_FLOWS_CARRY, .flow = *flow };

		return notice(f, &event, blob);
	}
	if (flow->transport != TRANSPORT_UDP) {
		if (!sip_flows_alive(f, flow))
			return ERR_CLOSED;
		w.kind = HOST_WRITE;
	}
	return sip_outbox_put(&f->outbox, &w, blob);
}

void sip_flows_ping(struct sip_flows *f, const struct flow *flow, usec now)
{
	struct sip_stream *s = flow->transport == TRANSPORT_UDP ? NULL : stream_find(f, flow->id);

	put_crlf(f, flow, STR("\r\n\r\n"));
	if (!s || s->state == CLOSING || s->pong_at != USEC_NEVER)
		return;
	s->pong_at = usec_add(now, SIP_FLOWS_PONG_WAIT);
	arm(f, s);
}

void sip_flows_close(struct sip_flows *f, const struct flow *flow)
{
	struct sip_stream *s = flow->transport == TRANSPORT_UDP ? NULL : stream_find(f, flow->id);

	if (s)
		stream_close(f, s);
}

void sip_flows_deafen(struct sip_flows *f, const struct flow *flow, usec now)
{
	struct sip_stream *s = flow->transport == TRANSPORT_UDP ? NULL : stream_find(f, flow->id);

	if (!s || s->state == CLOSING || s->deaf)
		return;
	if (s->adopted) { /* it has no times */
		stream_close(f, s);
		return;
	}
	s->deaf = true;
	buf_free(&s->kept);
	buf_init_grow(&s->kept, PIECE_MAX);
	s->partial_at = usec_add(now, SIP_FLOWS_LAST_WORDS);
	arm(f, s);
}
