#include "sim/inside.h"

#include <stdlib.h>

#define GIVE_UP_OPEN  (10 * USEC_PER_SEC)
#define GIVE_UP_CLOSE (5 * USEC_PER_SEC)
#define GIVE_UP_SEND  (51 * USEC_PER_SEC)

/* ---- its memory: a stream goes when both ends have closed and nothing of it is on its way */

void sim_stream_unref(struct sim *world, struct sim_stream *s)
{
	(void)world;
	if (s->refs > 0)
		s->refs--;
	if (s->refs || !s->end[0].closed || !s->end[1].closed)
		return;
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
	free(s->early);
	free(s);
}

void sim_stream_free_all(struct sim *world)
{
	while (world->streams) {
		struct sim_stream *s = world->streams;
		world->streams = s->next;
		free(s->early);
		free(s);
	}
}

static uint64_t hash_of(const struct sim_service *service, uint32_t id)
{
	uint32_t name[3] = { service->host->number, service->number, id };
	return str_hash(str_of((const char *)name, sizeof(name)), service->host->world->key);
}

static void take_end(struct sim_stream *s, uint8_t side, struct sim_service *service, uint32_t id)
{
	struct sim_end *e = &s->end[side];
	e->service = service;
	e->id = id;
	e->closed = false;
	if (map_add(&service->host->world->ends, &e->node, hash_of(service, id)) != ERR_NONE)
		abort();
}

static void leave_end(struct sim_stream *s, uint8_t side)
{
	struct sim_end *e = &s->end[side];
	if (e->service)
		map_remove(&e->host->world->ends, &e->node);
	e->service = NULL;
	e->closed = true;
}

static struct sim_stream *find(const struct sim_service *service, uint32_t id, uint8_t *side)
{
	struct map_node *n = map_first(&service->host->world->ends, hash_of(service, id));
	for (; n; n = map_next(n)) {
		struct sim_end *e = map_of(n, struct sim_end, node);
		if (e->service != service || e->id != id)
			continue;
		*side = e->is_second;
		return e->is_second ? map_of(e, struct sim_stream, end[1]) : map_of(e, struct sim_stream, end[0]);
	}
	return NULL;
}

/* ---- what ends are told */

static struct host_event about(const struct sim_stream *s, uint8_t side, enum host_event_kind kind)
{
	const struct sim_end *e = &s->end[side];
	struct host_event out = { .kind = kind,
				  .transport = s->transport,
				  .id = e->id,
				  .listener = e->listener,
				  .local = e->addr,
				  .remote = s->end[!side].addr };
	if (kind == HOST_ACCEPTED || kind == HOST_OPENED)
		memcpy(out.binding, s->binding, sizeof(out.binding));
	return out;
}

/* An accepted end that never came up was never told of, and is not told of its end. */
static void end_closed(struct sim_stream *s, uint8_t side, enum err err)
{
	struct sim_end *e = &s->end[side];
	struct sim_service *service = e->service;
	if (e->closed)
		return;
	struct host_event out = about(s, side, HOST_CLOSED);
	leave_end(s, side);
	out.err = err;
	if (service && (side == 0 || e->up)) {
		sim_trace(e->host->world, e->host, "closed", &s->end[!side].addr, &e->addr, STR_NONE);
		sim_deliver(service, &out);
	}
}

/* ---- segments */

static void give_up_at(struct sim_stream *s, uint8_t side, usec span, enum err err)
{
	struct sim *world = s->end[side].host->world;
	struct sim_event *e = sim_event_new(world, SIM_GIVE_UP, STR_NONE);
	if (!e)
		abort();
	e->stream = s;
	e->side = side;
	e->event.err = err;
	if (!sim_event_at(world, e, world->now + span))
		abort();
}

/* From end `side` to the other. */
static void send_segment(struct sim_stream *s, uint8_t side, enum sim_segment segment, str bytes)
{
	struct sim_end *to = &s->end[!side];
	struct sim *world = s->end[side].host->world;
	struct sim_path *path = to->host ? sim_path_get(s->end[side].host, to->host) : NULL;
	usec at = path && !s->broken ? sim_link_segment(sim_path_link(world, path), &world->rng, world->now, &to->last)
				     : USEC_NEVER;
	if (at == USEC_NEVER) {
		s->broken = true;
		give_up_at(s, side, segment == SIM_SYN ? GIVE_UP_OPEN : GIVE_UP_SEND, ERR_TIMEOUT);
		return;
	}
	struct sim_event *e = sim_event_new(world, SIM_SEGMENT, bytes);
	if (!e)
		abort();
	e->stream = s;
	e->side = !side;
	e->segment = segment;
	s->end[side].in_flight += bytes.n;
	s->end[side].host->figures.bytes_out += bytes.n;
	if (!sim_event_at(world, e, at))
		abort();
}

static void reset(struct sim_stream *s, uint8_t side)
{
	send_segment(s, side, SIM_RESET, STR_NONE);
}

void sim_hear_give_up(struct sim_event *e)
{
	struct sim_end *end = &e->stream->end[e->side];
	/* Of opening: only where it is not up by now. */
	if (e->event.err == ERR_NONE && end->up && !end->closing)
		return;
	end_closed(e->stream, e->side, e->event.err == ERR_NONE && !end->up ? ERR_TIMEOUT : e->event.err);
}

static void write_now(struct sim_stream *s, uint8_t side, str bytes)
{
	struct sim_end *e = &s->end[side];
	if (e->in_flight + bytes.n > SIM_STREAM_QUEUE) {
		s->broken = true;
		give_up_at(s, side, 0, ERR_FULL);
		give_up_at(s, !side, GIVE_UP_SEND, ERR_CLOSED);
		return;
	}
	send_segment(s, side, SIM_BYTES, bytes);
}

/* ---- the verbs */

static void refuse(struct sim_service *service, const struct host_want *w, enum err err)
{
	sim_later(
		service,
		&(struct host_event){
			.kind = HOST_CLOSED, .transport = w->transport, .id = w->id, .remote = w->remote, .err = err },
		0);
}

static enum err check_open(const struct sim_service *service, const struct host_want *w)
{
	if (w->transport == TRANSPORT_UDP)
		return ERR_UNSUPPORTED;
	if (!transport_is_secure(w->transport))
		return ERR_NONE;
	if (w->tls >= SIM_TLS_SETS || !service->host->has_tls[w->tls])
		return ERR_UNSUPPORTED;
	return w->name.n == 0 || w->name.n >= sizeof(((struct sim_stream *)0)->name) ? ERR_REFUSED : ERR_NONE;
}

void sim_stream_open(struct sim_service *service, const struct host_want *w, const struct addr *local)
{
	struct sim *world = service->host->world;
	enum err err = check_open(service, w);
	struct sim_stream *s = calloc(1, sizeof(*s));
	uint8_t side;
	if (!s)
		abort();
	if (find(service, w->id, &side)) {
		free(s);
		return;
	}
	s->transport = w->transport;
	s->tls = w->tls;
	(void)str_copy_z(w->name, s->name, sizeof(s->name));
	rng_fill(&world->rng, s->binding, transport_is_secure(s->transport) ? sizeof(s->binding) : 0);
	s->shakes = 1 + transport_is_secure(w->transport) + transport_is_ws(w->transport);
	s->end[0] = (struct sim_end){ .host = service->host, .addr = *local };
	s->end[1] = (struct sim_end){ .host = sim_route(service->host, &w->remote), .addr = w->remote, .closed = true };
	s->end[1].is_second = true;
	take_end(s, 0, service, w->id);
	s->next = world->streams;
	if (s->next)
		s->next->link = &s->next;
	s->link = &world->streams;
	world->streams = s;
	if (err) {
		s->broken = true;
		give_up_at(s, 0, 0, err);
		return;
	}
	give_up_at(s, 0, GIVE_UP_OPEN, ERR_NONE);
	send_segment(s, 0, SIM_SYN, STR_NONE);
}

void sim_stream_write(struct sim_service *service, const struct host_want *w)
{
	uint8_t side;
	struct sim_stream *s = find(service, w->id, &side);
	if (!s) {
		refuse(service, w, ERR_CLOSED);
		return;
	}
	if (s->end[side].closing || s->broken)
		return;
	if (s->end[side].up) {
		write_now(s, side, w->bytes);
		return;
	}
	uint32_t n = (uint32_t)w->bytes.n;
	char *early = s->early_n + n <= SIM_STREAM_QUEUE ? realloc(s->early, s->early_n + sizeof(n) + n) : NULL;
	if (!early) {
		s->broken = true;
		give_up_at(s, side, 0, ERR_FULL);
		return;
	}
	memcpy(early + s->early_n, &n, sizeof(n));
	memcpy(early + s->early_n + sizeof(n), w->bytes.p, n);
	s->early = early;
	s->early_n += sizeof(n) + n;
}

static void close_end(struct sim_stream *s, uint8_t side)
{
	if (s->end[side].closing)
		return;
	s->end[side].closing = true;
	if (s->end[side].up) {
		send_segment(s, side, SIM_FIN, STR_NONE);
		give_up_at(s, side, GIVE_UP_CLOSE, ERR_NONE);
	}
}

void sim_stream_close(struct sim_service *service, uint32_t id)
{
	uint8_t side;
	struct sim_stream *s = find(service, id, &side);
	if (s)
		close_end(s, side);
}

/* All ends of a service that goes: in good order, by the kernel's resets, or without a word. */
void sim_stream_end_all(struct sim_service *service, bool by_reset, bool silent)
{
	for (struct sim_stream *next, *s = service->host->world->streams; s; s = next) {
		next = s->next;
		s->refs++;
		for (uint8_t i = 0; i < 2; i++) {
			if (s->end[i].service != service)
				continue;
			if (!by_reset) {
				close_end(s, i);
				continue;
			}
			if (!silent)
				reset(s, i);
			leave_end(s, i);
		}
		sim_stream_unref(service->host->world, s);
	}
}

/* ---- arrivals */

static void hear_syn(struct sim_stream *s)
{
	struct sim_end *me = &s->end[1];
	struct sim_host *h = me->host;
	if (h->off)
		return;
	struct sim_socket *k = sim_socket_find(h, &me->addr, &s->end[0].addr, false);
	if (!k || k->transport != s->transport) {
		sim_trace(h->world, h, "refused", &s->end[0].addr, &me->addr, STR_NONE);
		reset(s, 1);
		return;
	}
	me->listener = k->id;
	/* The certificate travels to the client, who judges it. */
	s->refused = transport_is_secure(s->transport) && !sim_tls_bears(h, k->tls, str_from(s->name));
	if (!s->refused)
		take_end(s, 1, k->service, (HOST_OWN_MAX + 1) | (++h->accepted & HOST_OWN_MAX));
	send_segment(s, 1, SIM_SHAKE_BACK, STR_NONE);
}

static void say_early(struct sim_stream *s)
{
	uint32_t n;
	for (size_t at = 0; at < s->early_n; at += sizeof(n) + n) {
		memcpy(&n, s->early + at, sizeof(n));
		write_now(s, 0, str_of(s->early + at + sizeof(n), n));
	}
	free(s->early);
	s->early = NULL;
	s->early_n = 0;
}

/* The end is up; one that was closed before it was is closed now. */
static void come_up(struct sim_stream *s, uint8_t side, enum host_event_kind kind)
{
	struct sim_end *me = &s->end[side];
	me->up = true;
	if (side == 0)
		say_early(s);
	if (me->closing) {
		me->closing = false;
		close_end(s, side);
		return;
	}
	struct host_event e = about(s, side, kind);
	char proved[SIM_TLS_NAMES * 256];
	struct buf b;
	buf_init(&b, proved, sizeof(proved));
	if (side == 1 && transport_is_secure(s->transport))
		sim_tls_proves(s->end[0].host, s->tls, &b);
	e.proved = buf_str(&b);
	sim_trace(me->host->world, me->host, side == 0 ? "opened" : "accepted", &s->end[!side].addr, &me->addr,
		  STR_NONE);
	sim_deliver(me->service, &e);
}

static void hear_shake_back(struct sim_stream *s)
{
	if (s->refused) {
		end_closed(s, 0, ERR_REFUSED);
	} else if (--s->shakes) {
		send_segment(s, 0, SIM_SHAKE, STR_NONE);
	} else {
		send_segment(s, 0, SIM_HELLO, STR_NONE);
		come_up(s, 0, HOST_OPENED);
	}
}

static void hear_bytes(struct sim_stream *s, uint8_t side, str bytes)
{
	struct sim_end *me = &s->end[side];
	if (me->closing)
		return;
	struct host_event e = about(s, side, HOST_BYTES);
	e.bytes = bytes;
	me->host->figures.bytes_in += bytes.n;
	sim_trace(me->host->world, me->host, "bytes", &s->end[!side].addr, &me->addr, bytes);
	sim_deliver(me->service, &e);
}

void sim_hear_segment(struct sim_event *e)
{
	struct sim_stream *s = e->stream;
	struct sim_end *me = &s->end[e->side];
	s->end[!e->side].in_flight -= e->event.bytes.n;
	if (e->segment == SIM_SYN) {
		hear_syn(s);
		return;
	}
	if (me->closed) {
		/* A machine without power says nothing: the sender gives up by itself. One that is up knows no
		 * such stream. */
		if (!me->host->off && (e->segment == SIM_BYTES || e->segment == SIM_SHAKE || e->segment == SIM_HELLO))
			reset(s, e->side);
		else if (me->host->off)
			give_up_at(s, !e->side, GIVE_UP_SEND, ERR_TIMEOUT);
		return;
	}
	switch (e->segment) {
	case SIM_SYN:
		break;
	case SIM_SHAKE:
		send_segment(s, 1, SIM_SHAKE_BACK, STR_NONE);
		break;
	case SIM_SHAKE_BACK:
		hear_shake_back(s);
		break;
	case SIM_HELLO:
		come_up(s, 1, HOST_ACCEPTED);
		break;
	case SIM_BYTES:
		hear_bytes(s, e->side, e->event.bytes);
		break;
	case SIM_FIN:
		if (!me->closing)
			send_segment(s, e->side, SIM_FIN, STR_NONE);
		end_closed(s, e->side, ERR_NONE);
		break;
	case SIM_RESET:
		end_closed(s, e->side, me->up ? ERR_CLOSED : ERR_UNREACHABLE);
		break;
	}
}
