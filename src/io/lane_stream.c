#include "io/lane.h"

#include <stdlib.h>

#define PROVED_MAX 2048 /* bytes of domain names that one certificate bears */
#define WHY_MAX    256

static struct lane_stream *find(struct lane *l, const struct lane_service *service, uint32_t id)
{
	struct map_node *n = map_first(&l->streams, lane_hash(l, service, id));
	for (; n; n = map_next(n)) {
		struct lane_stream *s = map_of(n, struct lane_stream, node);
		if (s->service == service && s->id == id)
			return s;
	}
	return NULL;
}

static void mark(struct lane_stream *s)
{
	struct lane *l = s->lane;
	if (s->dirty)
		return;
	s->dirty = true;
	s->next_dirty = NULL;
	*l->dirty_last = s;
	l->dirty_last = &s->next_dirty;
}

/* Takes it away from the service: its number is free. The memory goes when nothing points to it. */
static void leave(struct lane_stream *s)
{
	struct lane *l = s->lane;
	loop_forget(s->watch);
	s->watch = NULL;
	tls_stream_free(&s->is);
	if (s->ws)
		ws_stream_free(s->ws);
	free(s->ws);
	s->ws = NULL;
	heap_remove(&l->stream_wakes, &s->wake);
	map_remove(&l->streams, &s->node);
	io_tally_add(&l->tally, offsetof(struct io_figures, streams[s->transport]), (uint64_t)-1);
	s->dead = true;
}

static void tell(struct lane_stream *s, enum host_event_kind kind, str bytes, enum err err)
{
	struct host_event e = { .kind = kind,
				.transport = s->transport,
				.id = s->id,
				.listener = s->listener,
				.bytes = bytes,
				.err = err,
				.local = s->is.tcp.local,
				.remote = s->is.tcp.remote };
	char proved[PROVED_MAX];
	struct buf b;
	buf_init(&b, proved, sizeof(proved));
	if (kind == HOST_OPENED || kind == HOST_ACCEPTED) {
		if (!(s->service->flags & DRIVER_UNBOUND))
			tls_stream_binding(&s->is, e.binding);
		tls_stream_proved(&s->is, &b);
		e.proved = buf_str(&b);
	}
	if (kind == HOST_CLOSED)
		leave(s);
	lane_deliver(s->service, &e);
}

static void close_out(struct lane_stream *s, const struct tls_stream_do *d)
{
	struct lane *l = s->lane;
	char remote[ADDR_TEXT_MAX], why[WHY_MAX] = ""; /* the stream is no more when its end is told */
	if (d->err && d->why) {
		log_info(l->log, "io.driver stream failed", "service=%u id=%u remote=%s err=\"%s\" why=\"%s\"",
			 s->service->number, s->id, addr_text(&s->is.tcp.remote, remote), err_text(d->err), d->why);
		(void)str_copy_z(str_from(d->why), why, sizeof(why));
	}
	if (transport_is_secure(s->transport) && !s->up && d->err != ERR_UNREACHABLE)
		IO_COUNT(&l->tally, handshakes[!s->listener][io_outcome_of(d->err ? d->err : ERR_CLOSED)]);
	/* An accepted one that never came up was never told of. */
	if (s->listener && !s->told)
		leave(s);
	else
		tell(s, HOST_CLOSED, str_from(why), d->err);
}

static bool next(struct lane_stream *s, struct tls_stream_do *d)
{
	struct lane *l = s->lane;
	return s->ws ? ws_stream_next(s->ws, &s->is, l->clear, l->now, d)
		     : tls_stream_next(&s->is, l->clear, l->now, d);
}

/* Delivers all that the stream has, then waits for what it wants. */
static void pump(struct lane_stream *s)
{
	struct lane *l = s->lane;
	struct tls_stream_do d;
	while (!s->dead && next(s, &d)) {
		switch (d.kind) {
		case TLS_STREAM_UP:
			s->told = s->up = true;
			if (transport_is_secure(s->transport))
				IO_COUNT(&l->tally, handshakes[!s->listener][IO_GOOD]);
			tell(s, s->listener ? HOST_ACCEPTED : HOST_OPENED, STR_NONE, ERR_NONE);
			break;
		case TLS_STREAM_BYTES:
			tell(s, HOST_BYTES, d.bytes, ERR_NONE);
			break;
		case TLS_STREAM_CLOSED:
			close_out(s, &d);
			break;
		}
	}
	if (s->dead)
		return;
	if (s->watch)
		loop_want(s->watch, tls_stream_wanted(&s->is));
	usec due = s->ws ? ws_stream_due(s->ws, &s->is) : tls_stream_due(&s->is);
	if (heap_set(&l->stream_wakes, &s->wake, due) != ERR_NONE)
		log_error(l->log, "io.driver no memory", "for=deadline");
}

static void pump_and_free(struct lane_stream *s)
{
	pump(s);
	if (s->dead && !s->dirty)
		free(s);
}

static void ready(void *self, unsigned what)
{
	struct lane_stream *s = self;
	struct lane *l = s->lane;
	l->now = clock_now(l->clock);
	tls_stream_ready(&s->is, what, l->raw, TLS_STREAM_SCRATCH, l->now);
	pump_and_free(s);
}

/* The stream is in the table; a descriptor that cannot be watched ends it. */
static void watch(struct lane_stream *s)
{
	if (s->is.tcp.fd < 0)
		return;
	s->watch = loop_watch(s->lane->loop, s->is.tcp.fd, tls_stream_wanted(&s->is), ready, s);
	if (!s->watch)
		tls_stream_fail(&s->is, ERR_MEMORY);
}

static struct lane_stream *new_stream(struct lane_service *service, uint32_t id, enum transport transport)
{
	struct lane *l = service->lane;
	struct lane_stream *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	*s = (struct lane_stream){ .lane = l, .service = service, .id = id, .transport = transport };
	if (transport_is_ws(transport))
		s->ws = calloc(1, sizeof(*s->ws));
	if ((transport_is_ws(transport) && !s->ws) ||
	    map_add(&l->streams, &s->node, lane_hash(l, service, id)) != ERR_NONE) {
		free(s->ws);
		free(s);
		return NULL;
	}
	IO_COUNT(&l->tally, streams[transport]);
	return s;
}

static void refuse(struct lane_service *service, const struct host_want *w, enum err err)
{
	lane_later(
		service,
		&(struct host_event){
			.kind = HOST_CLOSED, .transport = w->transport, .id = w->id, .remote = w->remote, .err = err });
}

/* A client asks for the name that it believes the server to have, or for its address (RFC 6455 4.1). */
static void start_ws(struct lane_stream *s, const struct host_want *w)
{
	char text[ADDR_TEXT_MAX];
	bool named = w->name.n && !str_starts(w->name, STR("sha256:"));
	if (s->ws)
		ws_stream_start(s->ws, named ? w->name : str_from(addr_text(&w->remote, text)), &s->lane->rng);
}

void lane_stream_open(struct lane_service *service, const struct host_want *w)
{
	struct lane *l = service->lane;
	struct tls_credentials *c = NULL;
	if (find(l, service, w->id)) {
		log_error(l->log, "io.driver number in use", "service=%u id=%u", service->number, w->id);
		return;
	}
	bool secure = transport_is_secure(w->transport);
	if (secure)
		c = driver_tls_ref(l->driver, w->tls);
	if (w->transport == TRANSPORT_UDP || (secure && !c)) {
		refuse(service, w, ERR_UNSUPPORTED);
		return;
	}
	/* Under TLS to nobody in particular would be TLS to anybody. */
	if (c && w->name.n == 0) {
		tls_credentials_unref(c);
		refuse(service, w, ERR_REFUSED);
		return;
	}
	struct lane_stream *s = new_stream(service, w->id, w->transport);
	if (s) {
		start_ws(s, w);
		IO_COUNT(&l->tally, opened[w->transport]);
		struct tcp_setup setup = { .local = w->local, .dscp = w->dscp };
		tls_stream_open(&s->is, &setup, &w->remote, c, w->name, l->now);
		s->told = true; /* its CLOSED, at any rate */
		watch(s);
		mark(s);
	} else {
		refuse(service, w, ERR_FULL);
	}
	tls_credentials_unref(c);
}

static uint32_t free_number(struct lane *l, const struct lane_service *service)
{
	uint32_t id;
	do {
		l->accepted = (l->accepted + 1) & HOST_OWN_MAX;
		id = (HOST_OWN_MAX + 1) | l->accepted;
	} while (find(l, service, id));
	return id;
}

void lane_stream_admit(struct lane_socket *listener, struct tcp *tcp)
{
	struct lane *l = listener->lane;
	struct lane_service *service = listener->service;
	bool secure = transport_is_secure(listener->transport);
	struct tls_credentials *c = secure ? driver_tls_ref(l->driver, listener->tls) : NULL;
	struct lane_stream *s = new_stream(service, free_number(l, service), listener->transport);
	if (!s) {
		tls_credentials_unref(c);
		tcp_close(tcp); /* full: refused by closing */
		IO_COUNT(&l->tally, overflows);
		log_warn(l->log, "io.driver connection refused", "service=%u why=\"too many streams\"",
			 service->number);
		return;
	}
	tls_stream_take(&s->is, tcp, c, l->now);
	tls_credentials_unref(c);
	if (s->ws)
		ws_stream_start(s->ws, STR_NONE, &l->rng);
	s->listener = listener->id;
	IO_COUNT(&l->tally, accepted[s->transport]);
	watch(s);
	mark(s);
}

void lane_stream_write(struct lane_service *service, const struct host_want *w)
{
	struct lane_stream *s = find(service->lane, service, w->id);
	if (s) {
		if (s->ws)
			ws_stream_write(s->ws, &s->is, w->bytes);
		else
			tls_stream_write(&s->is, w->bytes);
		mark(s);
		return;
	}
	refuse(service, &(struct host_want){ .id = w->id }, ERR_CLOSED);
}

static void close_stream(struct lane_stream *s)
{
	if (s->ws)
		ws_stream_close(s->ws, &s->is, s->lane->now);
	else
		tls_stream_close(&s->is, s->lane->now);
	mark(s);
}

void lane_stream_close(struct lane_service *service, uint32_t id)
{
	struct lane_stream *s = find(service->lane, service, id);
	if (s)
		close_stream(s);
}

void lane_stream_close_all(struct lane_service *service)
{
	struct lane *l = service->lane;
	for (struct map_node *n = map_walk(&l->streams, NULL); n; n = map_walk(&l->streams, n)) {
		struct lane_stream *s = map_of(n, struct lane_stream, node);
		if (s->service == service)
			close_stream(s);
	}
}

void lane_stream_tick(struct lane *l)
{
	struct heap_item *i;
	while ((i = heap_take(&l->stream_wakes, l->now))) {
		struct lane_stream *s = map_of(i, struct lane_stream, wake);
		if (s->ws)
			ws_stream_tick(s->ws, &s->is, l->now);
		else
			tls_stream_tick(&s->is, l->now);
		mark(s);
	}
}

bool lane_stream_settle(struct lane *l)
{
	if (!l->dirty_first)
		return false;
	while (l->dirty_first) {
		struct lane_stream *s = l->dirty_first;
		l->dirty_first = s->next_dirty;
		if (!l->dirty_first)
			l->dirty_last = &l->dirty_first;
		s->dirty = false;
		if (s->dead)
			free(s);
		else
			pump_and_free(s);
	}
	return true;
}

void lane_stream_free_all(struct lane *l)
{
	for (struct map_node *n; (n = map_walk(&l->streams, NULL));) {
		struct lane_stream *s = map_of(n, struct lane_stream, node);
		leave(s);
		if (!s->dirty)
			free(s);
	}
	(void)lane_stream_settle(l);
	map_free(&l->streams);
	heap_free(&l->stream_wakes);
}
