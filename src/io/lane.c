#include "io/lane.h"

#include "crypt/random.h"

#include <stdlib.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <time.h>

static void wake(void *self)
{
	loop_wake(((struct lane *)self)->loop);
}

enum err lane_start(struct lane *l, struct driver *d, unsigned number)
{
	struct rng rng;
	*l = (struct lane){ .driver = d, .clock = d->setup.clock, .log = d->setup.log, .number = number };
	l->dirty_last = &l->dirty_first;
	l->stop_at = l->flush_at = USEC_NEVER;
	random_os(&rng);
	rng_fill(&rng, l->key, sizeof(l->key));
	random_stream(&l->rng);
	map_init(&l->sockets, LANE_SOCKET_MAX);
	map_init(&l->streams, LANE_STREAM_MAX);
	heap_init(&l->socket_wakes);
	heap_init(&l->stream_wakes);
	worker_start(&l->box, LANE_BOX_MAX, wake, l);
	l->loop = loop_new();
	l->in = udp_inbox_new();
	l->out = udp_outbox_new();
	l->raw = malloc(TLS_STREAM_SCRATCH);
	l->clear = malloc(TLS_STREAM_SCRATCH);
	return l->loop && l->in && l->out && l->raw && l->clear ? ERR_NONE : ERR_MEMORY;
}

uint64_t lane_hash(const struct lane *l, const struct lane_service *service, uint32_t id)
{
	uint32_t name[2] = { service->number, id };
	return str_hash(str_of((const char *)name, sizeof(name)), l->key);
}

/* The same stream's end is not said twice: a WRITE behind an OPEN that was refused. */
static bool is_said(const struct lane *l, const struct lane_service *service, const struct host_event *e)
{
	for (size_t i = l->pending_at; e->kind == HOST_CLOSED && i < l->pending_n; i++) {
		const struct lane_pending *p = &l->pending[i];
		if (p->service == service && p->event.kind == HOST_CLOSED && p->event.id == e->id)
			return true;
	}
	return false;
}

/* As many as a service wants things in one go, and no more: they are delivered before the next wait. */
static void later(struct lane_service *service, const struct host_event *e, struct addr *addrs,
		  struct host_record *records)
{
	struct lane *l = service->lane;
	if (is_said(l, service, e))
		return;
	if (l->pending_n == l->pending_cap) {
		size_t cap = l->pending_cap ? 2 * l->pending_cap : 16;
		struct lane_pending *p = realloc(l->pending, cap * sizeof(*p));
		if (!p) {
			log_error(l->log, "io.driver no memory", "for=event service=%u", service->number);
			free(addrs);
			free(records);
			return;
		}
		l->pending = p;
		l->pending_cap = cap;
	}
	l->pending[l->pending_n++] = (struct lane_pending){ service, *e, addrs, records };
}

void lane_later(struct lane_service *service, const struct host_event *e)
{
	later(service, e, NULL, NULL);
}

static bool settle_pending(struct lane *l)
{
	if (l->pending_at == l->pending_n)
		return false;
	while (l->pending_at < l->pending_n) {
		struct lane_pending p = l->pending[l->pending_at++];
		p.event.addrs = p.addrs;
		p.event.records = p.records;
		lane_deliver(p.service, &p.event);
		free(p.addrs);
		free(p.records);
	}
	l->pending_at = l->pending_n = 0;
	return true;
}

static void found(void *self, uint64_t token, const struct resolver_answer *a)
{
	struct lane *l = self;
	struct lane_service *service = l->driver->services[token >> 32];
	IO_COUNT(&l->tally, lookups[io_answer_of(a->err)]);
	struct host_event e = { .kind = HOST_RESOLVED, .id = (uint32_t)token, .err = a->err, .ttl_s = a->ttl_s };
	struct addr *addrs = a->addr_n ? malloc(a->addr_n * sizeof(*addrs)) : NULL;
	struct host_record *records = host_records_copy(a->records, a->record_n);
	if (addrs) {
		memcpy(addrs, a->addrs, a->addr_n * sizeof(*addrs));
		e.addr_n = a->addr_n;
	}
	if (records)
		e.record_n = a->record_n;
	if (e.addr_n != a->addr_n || e.record_n != a->record_n)
		e.err = ERR_MEMORY;
	later(service, &e, addrs, records);
}

static void resolve(struct lane_service *service, const struct host_want *w)
{
	struct lane *l = service->lane;
	IO_COUNT(&l->tally, questions[w->question]);
	if (!l->resolver)
		l->resolver = resolver_new(l->loop, l->clock, &l->driver->setup.dns, found, l);
	if (l->resolver)
		resolver_ask(l->resolver, (uint64_t)service->number << 32 | w->id, w->question, w->name);
	else
		lane_later(service, &(struct host_event){ .kind = HOST_RESOLVED, .id = w->id, .err = ERR_MEMORY });
}

static void drop(const struct lane_service *to, void *message, enum err why)
{
	IO_COUNT(&to->lane->tally, dropped);
	log_warn(to->lane->log, "io.driver message dropped", "to=%u why=\"%s\"", to->number, err_text(why));
	if (to->is.drop)
		to->is.drop(message);
}

static void tell(struct lane_service *from, uint32_t number, void *message)
{
	struct driver *d = from->lane->driver;
	if (number >= d->service_n) {
		log_error(from->lane->log, "io.driver no such service", "from=%u to=%u", from->number, number);
		return;
	}
	struct lane_service *to = d->services[number];
	struct lane_note *note = malloc(sizeof(*note));
	enum err err = ERR_MEMORY;
	if (note) {
		*note = (struct lane_note){ .kind = LANE_TELL, .to = number, .from = from->number, .message = message };
		err = worker_put(&to->lane->box, &note->note);
	}
	if (err) {
		free(note);
		drop(to, message, err);
	}
}

static void ask(struct lane_service *service, void *message)
{
	const struct driver_keeper *k = &service->lane->driver->setup.keeper;
	if (k->ask)
		k->ask(k->self, service->number, message);
	else
		log_error(service->lane->log, "io.driver nobody to ask", "service=%u", service->number);
}

static void stop_service(struct lane_service *service)
{
	struct driver *d = service->lane->driver;
	service->stopped = true;
	lane_stream_close_all(service);
	lane_socket_end_all(service);
	if (service->flags & DRIVER_LEADS && atomic_fetch_sub(&d->leading, 1) == 1)
		driver_stop_softly(d);
	if (atomic_fetch_sub(&d->running, 1) == 1)
		driver_wake(d);
}

static void carry(struct lane_service *service, const struct host_want *w)
{
	switch (w->kind) {
	case HOST_BIND:
		lane_socket_bind(service, w);
		break;
	case HOST_UNBIND:
		lane_socket_end(service, w->id);
		break;
	case HOST_SIFT:
		lane_socket_sift(service, w);
		break;
	case HOST_SEND:
		lane_socket_send(service, w);
		break;
	case HOST_LISTEN:
		lane_socket_listen(service, w);
		break;
	case HOST_OPEN:
		lane_stream_open(service, w);
		break;
	case HOST_WRITE:
		lane_stream_write(service, w);
		break;
	case HOST_CLOSE:
		lane_stream_close(service, w->id);
		break;
	case HOST_ASK:
		ask(service, w->message);
		break;
	case HOST_TELL:
		tell(service, w->to, w->message);
		break;
	case HOST_RESOLVE:
		resolve(service, w);
		break;
	case HOST_STOP:
		stop_service(service);
		break;
	}
}

static void drain(struct lane_service *service)
{
	struct host_want w = { 0 };
	while (!service->stopped && service->is.next(service->is.self, &w)) {
		carry(service, &w);
		w = (struct host_want){ 0 };
	}
}

void lane_deliver(struct lane_service *service, const struct host_event *e)
{
	if (service->stopped)
		return;
	service->is.recv(service->is.self, e, service->lane->now);
	drain(service);
}

static void hear(struct lane *l, struct lane_note *note)
{
	const struct driver_keeper *k = &l->driver->setup.keeper;
	struct lane_service *to = l->driver->services[note->to];
	struct host_event e = { .kind = note->kind == LANE_TELL ? HOST_TOLD : HOST_ANSWER,
				.from = note->from,
				.message = note->message };
	if (note->kind == LANE_TELL && to->stopped)
		drop(to, note->message, ERR_CLOSED);
	else
		lane_deliver(to, &e);
	if (note->kind == LANE_ANSWER)
		k->answer_free(k->self, note->message);
	free(note);
}

static bool settle_notes(struct lane *l)
{
	struct worker_note *n = worker_take(&l->box);
	if (!n)
		return false;
	while (n) {
		struct worker_note *next = n->next;
		hear(l, (struct lane_note *)n);
		n = next;
	}
	return true;
}

static void settle(struct lane *l)
{
	bool more = true;
	while (more) {
		more = settle_pending(l);
		more |= lane_stream_settle(l);
		more |= settle_notes(l);
	}
	lane_flush(l);
	lane_socket_sweep(l);
}

/* Calls what(service) for each running service of the lane. */
static void each(struct lane *l, void (*what)(struct lane_service *))
{
	for (uint32_t i = 0; i < l->driver->service_n; i++) {
		struct lane_service *s = l->driver->services[i];
		if (s->lane == l && !s->stopped)
			what(s);
	}
}

static void tick_service(struct lane_service *s)
{
	if (s->is.due(s->is.self) > s->lane->now)
		return;
	s->is.tick(s->is.self, s->lane->now);
	drain(s);
}

static void stop_hearing(struct lane_service *s)
{
	if (s->told_stopping)
		return;
	s->told_stopping = true;
	lane_deliver(s, &(struct host_event){ .kind = HOST_STOPPING });
}

static void tick(struct lane *l)
{
	l->now = clock_now(l->clock);
	lane_socket_tick(l);
	lane_socket_admit(l);
	lane_stream_tick(l);
	if (l->resolver)
		resolver_tick(l->resolver);
	each(l, tick_service);
	if (atomic_load(&l->driver->stop) && l->stop_at == USEC_NEVER) {
		l->stop_at = usec_add(l->now, LANE_STOP_MAX);
		each(l, stop_hearing);
	}
	if (atomic_load(&l->driver->running) == 0 && l->flush_at == USEC_NEVER)
		l->flush_at = usec_add(l->now, LANE_FLUSH_MAX);
}

static bool is_over(const struct lane *l)
{
	if (atomic_load(&l->driver->stop) > 1 || l->now >= l->stop_at)
		return true;
	return atomic_load(&l->driver->running) == 0 && (l->streams.n == 0 || l->now >= l->flush_at);
}

/* And when the services want their tick. */
static usec span(struct lane *l, usec *when)
{
	usec due = usec_min(heap_due(&l->socket_wakes), heap_due(&l->stream_wakes));
	due = usec_min(due, usec_min(l->stop_at, l->flush_at));
	for (uint32_t i = 0; i < l->driver->service_n; i++) {
		const struct lane_service *s = l->driver->services[i];
		if (s->lane == l && !s->stopped)
			due = usec_min(due, s->is.due(s->is.self));
	}
	*when = due;
	usec span = due == USEC_NEVER ? USEC_NEVER : due - clock_now(l->clock);
	span = span < 0 || l->crowded ? 0 : span;
	return l->resolver ? usec_min(span, resolver_span(l->resolver)) : span;
}

/* Nothing wakes it: it is shorter than the processing of a batch. */
static void gather(struct lane *l)
{
	usec span = gather_span(&l->gather, clock_now(l->clock));
	if (span)
		nanosleep(&(struct timespec){ .tv_nsec = span * 1000 }, NULL);
}

void lane_run(void *lane)
{
	struct lane *l = lane;
#ifdef __linux__
	/* The system's 50 us of slack are a third of the longest sleep. */
	(void)prctl(PR_SET_TIMERSLACK, 5000, 0, 0, 0);
#endif
	l->now = clock_now(l->clock);
	each(l, drain);
	for (;;) {
		settle(l);
		tick(l);
		settle(l);
		if (is_over(l))
			break;
		gather(l);
		usec due;
		loop_step(l->loop, span(l, &due));
		l->now = clock_now(l->clock);
		if (due <= l->now && due > 0) /* 0: a service that begins */
			IO_OBSERVE(&l->tally, lag, l->now - due);
	}
	worker_shut(&l->box);
	for (struct worker_note *next, *n = worker_take(&l->box); n; n = next) {
		struct lane_note *note = (struct lane_note *)n;
		next = n->next;
		l->driver->services[note->to]->stopped = true;
		hear(l, note);
	}
}

void lane_free(struct lane *l)
{
	const struct driver_keeper *k = &l->driver->setup.keeper;
	/* A driver that never ran may still have been told and answered. */
	for (struct worker_note *next, *n = worker_take(&l->box); n; n = next) {
		struct lane_note *note = (struct lane_note *)n;
		next = n->next;
		if (note->kind == LANE_ANSWER)
			k->answer_free(k->self, note->message);
		else
			drop(l->driver->services[note->to], note->message, ERR_CLOSED);
		free(note);
	}
	worker_stop(&l->box);
	resolver_free(l->resolver);
	for (; l->pending_at < l->pending_n; l->pending_at++) {
		free(l->pending[l->pending_at].addrs);
		free(l->pending[l->pending_at].records);
	}
	free(l->pending);
	if (l->out)
		lane_socket_free_all(l);
	lane_stream_free_all(l);
	loop_free(l->loop);
	udp_inbox_free(l->in);
	udp_outbox_free(l->out);
	free(l->raw);
	free(l->clear);
}
