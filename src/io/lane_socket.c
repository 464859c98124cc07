#include "io/lane.h"

#include <stdlib.h>
#include <unistd.h>

static struct lane_socket *find(struct lane *l, const struct lane_service *service, uint32_t id)
{
	struct map_node *n = map_first(&l->sockets, lane_hash(l, service, id));
	for (; n; n = map_next(n)) {
		struct lane_socket *s = map_of(n, struct lane_socket, node);
		if (s->service == service && s->id == id)
			return s;
	}
	return NULL;
}

static void udp_ready(void *self, unsigned ready)
{
	struct lane_socket *s = self;
	struct lane *l = s->lane;
	const struct udp_datagram *d;
	struct host_event e = { .kind = HOST_UNREACHABLE, .transport = TRANSPORT_UDP, .id = s->id, .local = s->bound };
	l->now = clock_now(l->clock);
	/* A flood of ICMP errors takes at most a batch of our time. */
	for (size_t i = 0; (ready & LOOP_ERROR) && i < UDP_BATCH && !s->gone; i++) {
		if (udp_recv_error(s->fd, &e.remote) != ERR_NONE)
			break;
		lane_deliver(s->service, &e);
	}
	if (s->gone || !(ready & LOOP_READ))
		return;
	size_t n = udp_recv(l->in, s->fd, &s->bound, &d);
	if (s->gathers)
		gather_heard(&l->gather, n, l->now);
	e.kind = HOST_DATAGRAM;
	for (size_t i = 0; i < n && !s->gone; i++) {
		e.bytes = d[i].bytes;
		e.remote = d[i].remote;
		e.local = d[i].local;
		e.waited = d[i].waited;
		e.lost = d[i].lost != s->lost && l->now - e.waited >= s->sifted;
		s->lost = d[i].lost;
		lane_deliver(s->service, &e);
	}
}

/* Looks again soon instead of spinning. */
static void pause_listener(struct lane_socket *s, enum err why)
{
	if (heap_set(&s->lane->socket_wakes, &s->wake, s->lane->now + LANE_ACCEPT_WAIT) == ERR_NONE)
		loop_want(s->watch, 0);
	log_warn(s->lane->log, "io.driver accept paused", "service=%u listener=%u why=\"%s\"", s->service->number,
		 s->id, err_text(why));
}

static void crowd(struct lane_socket *s)
{
	if (s->crowded || !anteroom_n(&s->waiting))
		return;
	s->crowded = true;
	s->next_crowded = s->lane->crowded;
	s->lane->crowded = s;
}

static void listener_ready(void *self, unsigned ready)
{
	struct lane_socket *s = self;
	struct tcp tcp;
	(void)ready;
	s->lane->now = clock_now(s->lane->clock);
	for (int i = 0; i < LANE_ACCEPT_STEP && !anteroom_is_full(&s->waiting); i++) {
		enum err err = tcp_accept(s->fd, &s->setup, &tcp);
		if (err == ERR_ABSENT)
			break;
		if (!err && (err = anteroom_put(&s->waiting, &tcp)))
			tcp_close(&tcp);
		if (err == ERR_FULL || err == ERR_MEMORY) { /* nothing to accept it with */
			pause_listener(s, err);
			break;
		}
	}
	if (anteroom_is_full(&s->waiting)) /* the others wait outside */
		loop_want(s->watch, 0);
	crowd(s);
}

static void admit(struct lane_socket *s)
{
	struct tcp tcp;
	for (int i = 0; i < LANE_ADMIT_STEP && anteroom_take(&s->waiting, &tcp); i++)
		lane_stream_admit(s, &tcp);
	if (!heap_has(&s->wake))
		loop_want(s->watch, LOOP_READ);
}

void lane_socket_admit(struct lane *l)
{
	for (struct lane_socket *s, **at = &l->crowded; (s = *at);) {
		admit(s);
		s->crowded = anteroom_n(&s->waiting) > 0;
		if (s->crowded)
			at = &s->next_crowded;
		else
			*at = s->next_crowded;
	}
}

/* Nobody is admitted any more. */
static void disperse(struct lane_socket *s)
{
	struct lane_socket **at = &s->lane->crowded;
	while (s->crowded && *at != s)
		at = &(*at)->next_crowded;
	if (s->crowded)
		*at = s->next_crowded;
	s->crowded = false;
	anteroom_free(&s->waiting);
}

void lane_socket_tick(struct lane *l)
{
	struct heap_item *i;
	while ((i = heap_take(&l->socket_wakes, l->now)))
		loop_want(map_of(i, struct lane_socket, wake)->watch, LOOP_READ);
}

static enum err add(struct lane_service *service, struct lane_socket *s)
{
	struct lane *l = service->lane;
	s->watch = loop_watch(l->loop, s->fd, LOOP_READ, s->transport == TRANSPORT_UDP ? udp_ready : listener_ready, s);
	if (!s->watch)
		return ERR_MEMORY;
	return map_add(&l->sockets, &s->node, lane_hash(l, service, s->id));
}

static enum err open_socket(struct lane_service *service, struct lane_socket *s, const struct host_want *w)
{
	bool shared = service->flags & DRIVER_SHARES && w->local.port != 0;
	bool udp = w->kind == HOST_BIND;
	enum err err = ERR_NONE;
	if (shared)
		err = driver_claim(service->lane->driver, &w->local, udp);
	if (err)
		return err;
	if (udp) {
		s->gathers = w->local.port != 0;
		struct udp_setup setup = { w->local, w->dscp, shared };
		return udp_open(&setup, &s->fd, &s->bound);
	}
	s->setup = (struct tcp_setup){ w->local, w->dscp, shared };
	return tcp_listen(&s->setup, &s->fd, &s->bound);
}

static void start(struct lane_service *service, const struct host_want *w, enum transport transport)
{
	struct lane *l = service->lane;
	struct lane_socket *s = find(l, service, w->id) ? NULL : calloc(1, sizeof(*s));
	enum err err = find(l, service, w->id) ? ERR_EXISTS : ERR_MEMORY;
	if (s) {
		*s = (struct lane_socket){
			.lane = l, .service = service, .id = w->id, .transport = transport, .tls = w->tls, .fd = -1
		};
		err = open_socket(service, s, w);
		if (!err)
			err = add(service, s);
	}
	if (!err) {
		lane_later(service,
			   &(struct host_event){
				   .kind = HOST_BOUND, .transport = transport, .id = w->id, .local = s->bound });
		return;
	}
	if (s) {
		loop_forget(s->watch);
		if (s->fd >= 0)
			close(s->fd);
		free(s);
	}
	lane_later(service,
		   &(struct host_event){
			   .kind = HOST_FAILED, .transport = transport, .id = w->id, .local = w->local, .err = err });
}

static void fail(struct lane_service *service, const struct host_want *w, enum err err)
{
	lane_later(
		service,
		&(struct host_event){
			.kind = HOST_FAILED, .transport = w->transport, .id = w->id, .local = w->local, .err = err });
}

void lane_socket_bind(struct lane_service *service, const struct host_want *w)
{
	start(service, w, TRANSPORT_UDP);
}

void lane_socket_listen(struct lane_service *service, const struct host_want *w)
{
	struct tls_credentials *c = NULL;
	bool secure = transport_is_secure(w->transport);
	if (secure)
		c = driver_tls_ref(service->lane->driver, w->tls);
	if (w->transport == TRANSPORT_UDP || (secure && !c))
		fail(service, w, ERR_UNSUPPORTED);
	else
		start(service, w, w->transport);
	tls_credentials_unref(c);
}

static void end(struct lane_socket *s)
{
	struct lane *l = s->lane;
	lane_flush(l); /* its datagrams, while the descriptor is still its own */
	loop_forget(s->watch);
	close(s->fd);
	heap_remove(&l->socket_wakes, &s->wake);
	disperse(s);
	map_remove(&l->sockets, &s->node);
	s->gone = true;
	s->next_gone = l->gone;
	l->gone = s;
}

void lane_socket_end(struct lane_service *service, uint32_t id)
{
	struct lane_socket *s = find(service->lane, service, id);
	if (s)
		end(s);
}

void lane_socket_end_all(struct lane_service *service)
{
	struct map *sockets = &service->lane->sockets;
	for (struct map_node *next, *n = map_walk(sockets, NULL); n; n = next) {
		struct lane_socket *s = map_of(n, struct lane_socket, node);
		next = map_walk(sockets, n);
		if (s->service == service)
			end(s);
	}
}

void lane_socket_free_all(struct lane *l)
{
	for (struct map_node *n; (n = map_walk(&l->sockets, NULL));)
		end(map_of(n, struct lane_socket, node));
	lane_socket_sweep(l);
	map_free(&l->sockets);
	heap_free(&l->socket_wakes);
}

void lane_socket_sweep(struct lane *l)
{
	while (l->gone) {
		struct lane_socket *s = l->gone;
		l->gone = s->next_gone;
		free(s);
	}
}

void lane_socket_send(struct lane_service *service, const struct host_want *w)
{
	struct lane *l = service->lane;
	struct lane_socket *s = find(l, service, w->id);
	struct addr source = { 0 };
	if (!s || s->transport != TRANSPORT_UDP || w->remote.family != s->bound.family) {
		log_debug(l->log, "io.driver send without socket", "service=%u id=%u", service->number, w->id);
		return;
	}
	if (addr_is_any(&s->bound) && addr_is_set(&w->local) && !addr_is_any(&w->local))
		source = w->local;
	if (!udp_outbox_put(l->out, s->fd, w->bytes, &source, &w->remote, w->order)) {
		lane_flush(l);
		(void)udp_outbox_put(l->out, s->fd, w->bytes, &source, &w->remote, w->order);
	}
}

void lane_socket_sift(struct lane_service *service, const struct host_want *w)
{
	struct lane_socket *s = find(service->lane, service, w->id);

	if (!s || s->transport != TRANSPORT_UDP)
		return;
	bool sifts = udp_sift(s->fd, w->bytes, w->share, w->below) == ERR_NONE && w->bytes.n;
	if (w->bytes.n && !sifts)
		log_debug(service->lane->log, "io.driver unsifted", "service=%u id=%u", service->number, w->id);
	/* The count of lost datagrams goes up by those, too; what comes shortly after may still say so. Where the
	 * system does not sift, what is lost is lost. */
	if (sifts)
		s->sifted = USEC_NEVER;
	else if (s->sifted)
		s->sifted = service->lane->now + USEC_PER_SEC / 10;
}

void lane_flush(struct lane *l)
{
	size_t dropped = udp_outbox_flush(l->out);
	if (dropped)
		log_debug(l->log, "io.driver datagrams dropped", "n=%zu", dropped);
}
