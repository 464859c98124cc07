#include "sip/flows_parts.h"

#include <stdlib.h>

#define NOTICE_MAX 65536u

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
		.rng = config->rng,
	};
	rng_fill(config->rng, f->key, sizeof(f->key));
	map_init(&f->by_id, f->stream_max);
	map_init(&f->by_remote, f->stream_max);
	map_init(&f->by_alias, f->stream_max);
	sip_sources_init(&f->sources, config->rng, config->source_max ? config->source_max : f->stream_max,
			 f->stream_max);
	heap_init(&f->deadlines);
}

static void sip_stream_free(struct sip_stream *s)
{
	buf_free(&s->kept);
	sip_blob_unref(s->proved);
	free(s->name);
	free(s);
}

void sip_flows_free(struct sip_flows *f)
{
	struct map_node *n;

	while ((n = map_pop(&f->by_id)))
		sip_stream_free(map_of(n, struct sip_stream, by_id));
	map_free(&f->by_id);
	map_free(&f->by_remote);
	map_free(&f->by_alias);
	sip_sources_free(&f->sources);
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

enum err sip_flows_notice(struct sip_flows *f, const struct sip_flows_event *event, struct sip_blob *blob)
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

	if (sip_flows_notice(f, &event, NULL))
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
	if (f->listener_n <= i)
		f->listener_n = i + 1;
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
	for (uint32_t i = 0; i < f->listener_n; i++) {
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

struct sip_stream *sip_stream_find(const struct sip_flows *f, uint32_t id)
{
	for (struct map_node *n = map_first(&f->by_id, id * 0x9e3779b97f4a7c15u); n; n = map_next(n)) {
		struct sip_stream *s = map_of(n, struct sip_stream, by_id);

		if (s->flow.id == id)
			return s;
	}
	return NULL;
}

uint64_t sip_stream_hash(const struct sip_flows *f, enum transport transport, const struct addr *remote)
{
	return addr_hash(remote, f->key) + (uint64_t)transport;
}

static usec sip_stream_due(const struct sip_stream *s)
{
	return usec_min(s->idle_at, usec_min(s->partial_at, s->pong_at));
}

/* Only moves the alarm forward in time; one that rings early is set anew then. */
void sip_stream_arm(struct sip_flows *f, struct sip_stream *s)
{
	usec due = sip_stream_due(s);

	if (s->adopted && s->pong_at == USEC_NEVER)
		return;
	if ((!heap_has(&s->deadline) || due < s->deadline.due) && heap_set(&f->deadlines, &s->deadline, due))
		log_error(f->log, "sip.flows untimed", "stream=%u", s->flow.id);
}

struct sip_stream *sip_stream_new(struct sip_flows *f, const struct flow *flow, str name, uint16_t tls)
{
	struct sip_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->flow = *flow;
	s->tls = tls;
	s->idle_max = f->idle_max;
	s->idle_at = s->partial_at = s->pong_at = USEC_NEVER;
	buf_init_grow(&s->kept, SIP_STREAM_PIECE);
	if (name.n) {
		s->name = malloc(name.n);
		if (!s->name)
			goto fail;
		memcpy(s->name, name.p, name.n);
		s->name_n = name.n;
	}
	if (map_add(&f->by_id, &s->by_id, flow->id * 0x9e3779b97f4a7c15u))
		goto fail;
	if (map_add(&f->by_remote, &s->by_remote, sip_stream_hash(f, flow->transport, &flow->remote))) {
		map_remove(&f->by_id, &s->by_id);
		goto fail;
	}
	return s;
fail:
	sip_stream_free(s);
	return NULL;
}

void sip_stream_remove(struct sip_flows *f, struct sip_stream *s)
{
	map_remove(&f->by_id, &s->by_id);
	map_remove(&f->by_remote, &s->by_remote);
	if (addr_is_set(&s->alias))
		map_remove(&f->by_alias, &s->by_alias);
	if (!s->ours && !s->adopted)
		sip_sources_remove(&f->sources, &s->flow.remote);
	heap_remove(&f->deadlines, &s->deadline);
	sip_stream_free(s);
}

void sip_stream_close(struct sip_flows *f, struct sip_stream *s)
{
	if (s->state == SIP_STREAM_CLOSING)
		return;
	s->state = SIP_STREAM_CLOSING;
	heap_remove(&f->deadlines, &s->deadline);
	buf_free(&s->kept);
	want(f, &(struct host_want){ .kind = HOST_CLOSE, .id = s->flow.id }, NULL);
}

static void turn_away(struct sip_flows *f, const struct host_event *e, const char *full)
{
	char text[ADDR_TEXT_MAX];

	log_warn(f->log, "sip.flows full", "streams=%zu of=%s from=%s", f->by_id.n, full, addr_text(&e->remote, text));
	want(f, &(struct host_want){ .kind = HOST_CLOSE, .id = e->id }, NULL);
}

/* A stream is there to be used, and what its far side proved. */
static void say_up(struct sip_flows *f, struct sip_stream *s, const struct host_event *e)
{
	struct sip_flows_event event = { .step = SIP_FLOWS_UP, .flow = s->flow };

	s->proved = e->proved.n ? sip_blob_copy(e->proved) : NULL;
	memcpy(event.binding, e->binding, sizeof(event.binding));
	if (sip_flows_notice(f, &event, s->proved))
		sip_stream_close(f, s);
}

static void on_accepted(struct sip_flows *f, const struct host_event *e, usec now)
{
	struct flow flow = flow_of(f, e, e->transport);
	struct sip_stream *s;

	if (sip_stream_find(f, e->id))
		return;
	if (e->listener && sip_sources_add(&f->sources, &e->remote)) {
		turn_away(f, e, "source");
		return;
	}
	s = sip_stream_new(f, &flow, STR_NONE, 0);
	if (!s) { /* the newcomer waits outside */
		if (e->listener)
			sip_sources_remove(&f->sources, &e->remote);
		turn_away(f, e, "all");
		return;
	}
	s->state = SIP_STREAM_OPEN;
	s->adopted = e->listener == 0;
	s->idle_at = usec_add(now, s->idle_max);
	s->partial_at = usec_add(now, f->partial_max); /* something must be said soon */
	sip_stream_arm(f, s);
	say_up(f, s, e);
}

static void on_opened(struct sip_flows *f, const struct host_event *e, usec now)
{
	struct sip_stream *s = sip_stream_find(f, e->id);

	if (!s || s->state != SIP_STREAM_OPENING)
		return;
	s->state = SIP_STREAM_OPEN;
	if (addr_is_set(&e->local))
		s->flow.local = e->local;
	s->idle_at = usec_add(now, s->idle_max);
	sip_stream_arm(f, s);
	say_up(f, s, e);
}

/* With the host's words, where it has any and there is memory for them. */
static void say_gone(struct sip_flows *f, const struct sip_stream *s, const struct host_event *e)
{
	struct sip_flows_event event = { .step = SIP_FLOWS_GONE, .flow = s->flow, .err = e->err };
	struct sip_blob *why = e->bytes.n ? sip_blob_copy(e->bytes) : NULL;

	if (sip_flows_notice(f, &event, why))
		log_error(f->log, "sip.flows deaf", "step=%d", (int)event.step);
	sip_blob_unref(why);
}

static void on_closed(struct sip_flows *f, const struct host_event *e)
{
	struct sip_stream *s = sip_stream_find(f, e->id);

	if (!s)
		return;
	if (!s->gone_said)
		say_gone(f, s, e);
	sip_stream_remove(f, s);
}

static void on_bytes(struct sip_flows *f, const struct host_event *e)
{
	struct sip_stream *s = sip_stream_find(f, e->id);

	if (!s || s->state == SIP_STREAM_CLOSING || s->deaf)
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
		sip_stream_close(f, s);
	}
}

/* RFC 5626 5.4. */
static void on_stun(struct sip_flows *f, const struct host_event *e)
{
	struct flow flow = flow_of(f, e, TRANSPORT_UDP);
	char text[SIP_KEEPALIVE_ANSWER];
	struct sip_blob *answer;
	struct buf b;

	sip_keepalive_recv(&f->keepalive, &flow, e->bytes);
	buf_init(&b, text, sizeof(text));
	if (!sip_keepalive_answer(e->bytes, &e->remote, &b))
		return;
	answer = sip_blob_copy(buf_str(&b));
	if (answer && sip_flows_send(f, &flow, answer))
		log_debug(f->log, "sip.flows mute", "socket=%u", flow.id);
	sip_blob_unref(answer);
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
		if (e->bytes.n && (uint8_t)e->bytes.p[0] < 4 && sip_keepalive_is(e->bytes)) {
			on_stun(f, e);
			break;
		}
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

void sip_stream_crlf(struct sip_flows *f, const struct flow *flow, str text)
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
		sip_stream_close(f, s);
	} else if (s->kept.n == 0) {
		buf_free(&s->kept); /* thousands of silent phones should cost nothing */
		buf_init_grow(&s->kept, SIP_STREAM_PIECE);
	} else if (s->partial_at == USEC_NEVER) {
		s->partial_at = usec_add(now, f->partial_max);
		sip_stream_arm(f, s);
	}
	f->input = STR_NONE;
}

static void whole(struct sip_flows *f, struct sip_stream *s, usec now)
{
	s->idle_at = usec_add(now, s->idle_max);
	s->partial_at = USEC_NEVER;
	if (s->pong_at != USEC_NEVER) /* any sign of life will do */
		s->pong_at = USEC_NEVER;
	sip_stream_arm(f, s);
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
		sip_stream_close(f, s);
		return SIP_FLOWS_QUIET;
	}
	if (message.n == 0 || (message.p[0] != '\r' && message.p[0] != '\n'))
		return out->step = message.n ? SIP_FLOWS_MESSAGE : SIP_FLOWS_QUIET;
	if (str_eq(message, STR("\r\n\r\n")))
		sip_stream_crlf(f, &s->flow, STR("\r\n"));
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
			sip_stream_crlf(f, &s->flow, STR("\r\n"));
		else if (awaited)
			return out->step = SIP_FLOWS_PONG;
	}
	keep_rest(f, s, now);
	return SIP_FLOWS_QUIET;
}

static bool next_of_keepalive(struct sip_flows *f, struct sip_flows_event *out)
{
	struct sip_keepalive_do d;
	struct sip_blob *b;

	while (f->keepalive.n && sip_keepalive_next(&f->keepalive, &d)) {
		if (d.step != SIP_KEEPALIVE_SEND) {
			*out = (struct sip_flows_event){ .step = d.step == SIP_KEEPALIVE_PONG ? SIP_FLOWS_PONG
											      : SIP_FLOWS_GONE,
							 .flow = d.flow,
							 .err = d.err };
			return true;
		}
		b = sip_blob_copy(str_of((const char *)d.bytes, sizeof(d.bytes)));
		if (b && sip_flows_send(f, &d.flow, b))
			log_debug(f->log, "sip.flows mute", "socket=%u", d.flow.id);
		sip_blob_unref(b);
	}
	return false;
}

enum sip_flows_step sip_flows_next(struct sip_flows *f, struct sip_flows_event *out, usec now)
{
	struct sip_stream *s;

	if (take_notice(f, out) || next_of_keepalive(f, out))
		return out->step;
	if (!f->input.p)
		return SIP_FLOWS_QUIET;
	if (!f->input_stream) {
		*out = (struct sip_flows_event){ .step = SIP_FLOWS_MESSAGE, .flow = f->input_flow, .bytes = f->input };
		f->input = STR_NONE;
		return SIP_FLOWS_MESSAGE;
	}
	s = sip_stream_find(f, f->input_stream);
	if (!s || s->state == SIP_STREAM_CLOSING) {
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
	if (now < sip_stream_due(s)) { /* it was put off meanwhile */
		sip_stream_arm(f, s);
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
	sip_stream_close(f, s);
}

void sip_flows_tick(struct sip_flows *f, usec now)
{
	struct heap_item *item;

	while ((item = heap_take(&f->deadlines, now)))
		on_deadline(f, map_of(item, struct sip_stream, deadline), now);
	if (f->keepalive.n)
		sip_keepalive_tick(&f->keepalive, now);
}

usec sip_flows_due(const struct sip_flows *f)
{
	usec due = heap_due(&f->deadlines);

	return f->keepalive.n ? usec_min(due, sip_keepalive_due(&f->keepalive)) : due;
}
