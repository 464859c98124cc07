#include "sim/inside.h"

#include "store/keeper.h"

#include <stdlib.h>

#define TELL_SPAN    50
#define RESOLVE_SPAN (5 * USEC_PER_MS)
#define NAME_TTL_S   60
#define KEEPER_SPAN  (1 * USEC_PER_MS) /* there, and back */
#define FIRST_PORT   32768

/* ---- the host */

struct sim_host *sim_host_new(struct sim *s, const char *name, const struct addr *addrs, size_t n)
{
	if (n == 0 || n > SIM_ADDRS_MAX || s->host_n == SIM_HOSTS_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (sim_host_find(s, &addrs[i]))
			return NULL;
	}
	struct sim_host *h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->world = s;
	h->number = s->host_n++;
	h->next_port = FIRST_PORT;
	str_copy_z(str_from(name), h->name, sizeof(h->name));
	rng_seeded(&h->rng, s->setup.seed * 1000003 + h->number);
	*s->last_host = h;
	s->last_host = &h->next;
	for (size_t i = 0; i < n; i++) {
		h->addrs[i] = addrs[i];
		h->addrs[i].port = 0;
		h->homes[i].host = h;
		if (map_add(&s->hosts, &h->homes[i].node, addr_hash(&h->addrs[i], s->key)) != ERR_NONE)
			abort();
		h->addr_n++;
	}
	return h;
}

const struct addr *sim_host_addr(const struct sim_host *h)
{
	return &h->addrs[0];
}

struct rng *sim_host_rng(struct sim_host *h)
{
	return &h->rng;
}

void sim_host_keeper(struct sim_host *h, const struct sim_keeper *keeper)
{
	h->keeper = *keeper;
}

enum err sim_host_tls(struct sim_host *h, uint16_t tls, const str *names, size_t n)
{
	if (tls == 0 || tls >= SIM_TLS_SETS || n > SIM_TLS_NAMES)
		return ERR_FULL;
	for (size_t i = 0; i < SIM_TLS_NAMES; i++) {
		free((char *)h->tls[tls][i].p);
		h->tls[tls][i] = STR_NONE;
	}
	for (size_t i = 0; i < n; i++) {
		char *copy = malloc(names[i].n + 1);
		if (!copy)
			return ERR_MEMORY;
		memcpy(copy, names[i].p, names[i].n);
		h->tls[tls][i] = str_of(copy, names[i].n);
	}
	h->has_tls[tls] = true;
	return ERR_NONE;
}

/* Everyone in the simulation has the same anchor; pins prove nothing. */
void sim_tls_proves(const struct sim_host *h, uint16_t tls, struct buf *out)
{
	for (size_t i = 0; tls < SIM_TLS_SETS && i < SIM_TLS_NAMES; i++) {
		str name = h->tls[tls][i];

		if (!name.n || str_starts(name, STR("sha256:")))
			continue;
		if (out->n)
			buf_put_char(out, ' ');
		buf_put(out, name);
	}
}

bool sim_tls_bears(const struct sim_host *h, uint16_t tls, str name)
{
	for (size_t i = 0; tls < SIM_TLS_SETS && i < SIM_TLS_NAMES; i++) {
		if (h->tls[tls][i].n && str_eq_nocase(h->tls[tls][i], name))
			return true;
	}
	return false;
}

struct sim_figures sim_host_figures(const struct sim_host *h)
{
	struct sim_figures f = h->figures;
	for (struct sim_stream *s = h->world->streams; s; s = s->next)
		f.streams += (s->end[0].host == h && !s->end[0].closed) + (s->end[1].host == h && !s->end[1].closed);
	return f;
}

/* ---- services */

uint32_t sim_host_add(struct sim_host *h, const struct host_service *service, unsigned flags)
{
	struct sim_event *e = sim_event_new(h->world, SIM_DRAIN, STR_NONE);
	struct sim_service *s = h->service_n < SIM_SERVICES_MAX ? calloc(1, sizeof(*s)) : NULL;
	if (!s || !e) {
		free(s);
		free(e);
		return UINT32_MAX;
	}
	*s = (struct sim_service){ .is = *service, .host = h, .number = h->service_n, .flags = flags, .refs = 1 };
	h->services[h->service_n++] = s;
	e->service = s;
	if (!sim_event_at(h->world, e, h->world->now))
		abort();
	return s->number;
}

void sim_service_hold(struct sim_service *s)
{
	s->refs++;
}

void sim_service_drop(struct sim_service *s)
{
	if (--s->refs == 0)
		free(s);
}

static bool runs(const struct sim_service *s)
{
	return !s->stopped && !s->dead;
}

void sim_later(struct sim_service *s, const struct host_event *event, usec span)
{
	struct sim *world = s->host->world;
	str answer = event->record_n
			     ? str_of((const char *)event->records, event->record_n * sizeof(struct host_record))
			     : str_of((const char *)event->addrs, event->addr_n * sizeof(struct addr));
	struct sim_event *e = sim_event_new(world, SIM_TELL_EVENT, answer);
	if (!e)
		abort();
	e->service = s;
	e->event = *event;
	e->event.bytes = STR_NONE;
	e->event.addrs = (const struct addr *)(void *)e->bytes;
	e->event.records = (const struct host_record *)(void *)e->bytes; /* their texts are the world's */
	if (!sim_event_at(world, e, world->now + span))
		abort();
}

static void remove_sockets(struct sim_service *s, uint32_t id, bool all)
{
	for (struct sim_socket **at = &s->host->sockets; *at;) {
		struct sim_socket *k = *at;
		if (k->service == s && (all || k->id == id)) {
			*at = k->next;
			free(k);
		} else {
			at = &k->next;
		}
	}
}

static struct sim_socket *own_socket(const struct sim_service *s, uint32_t id)
{
	for (struct sim_socket *k = s->host->sockets; k; k = k->next) {
		if (k->service == s && k->id == id)
			return k;
	}
	return NULL;
}

static bool addr_matches(const struct addr *bound, const struct addr *a)
{
	return bound->port == a->port && bound->family == a->family && (addr_is_any(bound) || addr_eq_ip(bound, a));
}

struct sim_socket *sim_socket_find(struct sim_host *h, const struct addr *local, const struct addr *remote, bool udp)
{
	struct sim_socket *found[SIM_SERVICES_MAX];
	size_t n = 0;
	for (struct sim_socket *k = h->sockets; k && n < SIM_SERVICES_MAX; k = k->next) {
		if ((k->transport == TRANSPORT_UDP) == udp && addr_matches(&k->local, local))
			found[n++] = k;
	}
	return n ? found[addr_hash(remote, h->world->key) % n] : NULL;
}

static bool is_taken(const struct sim_service *s, const struct addr *local, bool udp)
{
	for (struct sim_socket *k = s->host->sockets; k; k = k->next) {
		if ((k->transport == TRANSPORT_UDP) != udp || k->local.port != local->port ||
		    k->local.family != local->family)
			continue;
		if (!addr_is_any(&k->local) && !addr_is_any(local) && !addr_eq_ip(&k->local, local))
			continue;
		if (!(s->flags & SIM_SHARES && k->service->flags & SIM_SHARES))
			return true;
	}
	return false;
}

/* Somebody may have asked for the very port that would be next. */
static enum err choose_port(struct sim_service *s, struct addr *local, bool udp)
{
	struct sim_host *h = s->host;
	for (int tries = FIRST_PORT; tries <= UINT16_MAX; tries++) {
		local->port = h->next_port++;
		if (h->next_port == 0)
			h->next_port = FIRST_PORT;
		if (!is_taken(s, local, udp))
			return ERR_NONE;
	}
	return ERR_EXISTS;
}

static enum err check_bind(struct sim_service *s, struct addr *local, bool udp)
{
	struct sim_host *h = s->host;
	bool here = addr_is_any(local) || addr_is_loopback(local);
	for (size_t i = 0; i < h->addr_n; i++)
		here = here || addr_eq_ip(local, &h->addrs[i]);
	if (!here)
		return ERR_ABSENT;
	if (local->port == 0)
		return choose_port(s, local, udp);
	return is_taken(s, local, udp) ? ERR_EXISTS : ERR_NONE;
}

static void bind_socket(struct sim_service *s, const struct host_want *w)
{
	bool udp = w->kind == HOST_BIND;
	enum transport transport = udp ? TRANSPORT_UDP : w->transport;
	struct addr local = w->local;
	enum err err = own_socket(s, w->id) ? ERR_EXISTS : check_bind(s, &local, udp);
	if (!udp && transport_is_secure(transport) && (w->tls >= SIM_TLS_SETS || !s->host->has_tls[w->tls]))
		err = ERR_UNSUPPORTED;
	if (!udp && transport == TRANSPORT_UDP)
		err = ERR_UNSUPPORTED;
	if (!err) {
		struct sim_socket *k = calloc(1, sizeof(*k));
		if (!k)
			abort();
		*k = (struct sim_socket){ s->host->sockets, s, w->id, transport, w->tls, local };
		s->host->sockets = k;
	}
	sim_later(s,
		  &(struct host_event){ .kind = err ? HOST_FAILED : HOST_BOUND,
					.transport = transport,
					.id = w->id,
					.local = local,
					.err = err },
		  0);
}

/* ---- datagrams */

struct sim_host *sim_route(struct sim_host *from, const struct addr *remote)
{
	return addr_is_loopback(remote) ? from : sim_host_find(from->world, remote);
}

/* The address that packets to `remote` leave from. */
static struct addr source(const struct sim_host *h, const struct addr *bound, const struct addr *wanted,
			  const struct addr *remote)
{
	struct addr a = *bound;
	if (!addr_is_any(bound))
		return a;
	if (addr_is_set(wanted) && !addr_is_any(wanted)) {
		a = *wanted;
	} else if (addr_is_loopback(remote)) {
		a = *remote;
	} else {
		for (size_t i = 0; i < h->addr_n; i++) {
			if (h->addrs[i].family == remote->family) {
				a = h->addrs[i];
				break;
			}
		}
	}
	a.port = bound->port;
	return a;
}

static void send_datagram(struct sim_service *s, const struct host_want *w)
{
	struct sim *world = s->host->world;
	struct sim_socket *k = own_socket(s, w->id);
	struct sim_host *to = sim_route(s->host, &w->remote);
	struct sim_path *path = to ? sim_path_get(s->host, to) : NULL;
	usec at[2];
	if (!k || k->transport != TRANSPORT_UDP || w->bytes.n > 65507 || k->local.family != w->remote.family)
		return;
	struct addr from = source(s->host, &k->local, &w->local, &w->remote);
	s->host->figures.datagrams_out++;
	s->host->figures.bytes_out += w->bytes.n;
	int n = path ? sim_link_datagram(sim_path_link(world, path), &world->rng, world->now,
					 sim_path_last(path, s->host), at)
		     : 0;
	if (n == 0) {
		s->host->figures.lost++;
		sim_trace(world, s->host, path ? "lost" : "no route", &from, &w->remote, w->bytes);
	}
	for (int i = 0; i < n; i++) {
		struct sim_event *e = sim_event_new(world, SIM_DATAGRAM, w->bytes);
		if (!e)
			return;
		e->service = s; /* who hears of a refusal */
		e->socket = w->id;
		e->host = to;
		e->from = s->host;
		e->event.remote = from;
		e->event.local = w->remote;
		sim_event_at(world, e, at[i]);
	}
}

static void refuse_datagram(struct sim_event *e)
{
	struct sim *world = e->host->world;
	struct sim_path *path = sim_path_get(e->host, e->from);
	struct sim_event *back = sim_event_new(world, SIM_REFUSAL, STR_NONE);
	usec at[2];
	if (!path || !back ||
	    !sim_link_datagram(sim_path_link(world, path), &world->rng, world->now, sim_path_last(path, e->host), at)) {
		free(back);
		return;
	}
	back->service = e->service;
	back->socket = e->socket;
	back->event.remote = e->event.local;
	sim_event_at(world, back, at[0]);
}

void sim_hear_datagram(struct sim_event *e)
{
	struct sim_host *h = e->host;
	struct sim_socket *k = sim_socket_find(h, &e->event.local, &e->event.remote, true);
	if (h->off)
		return;
	if (!k) {
		sim_trace(h->world, h, "refused", &e->event.remote, &e->event.local, STR_NONE);
		refuse_datagram(e);
		return;
	}
	h->figures.datagrams_in++;
	h->figures.bytes_in += e->event.bytes.n;
	sim_trace(h->world, h, "udp", &e->event.remote, &e->event.local, e->event.bytes);
	e->event.kind = HOST_DATAGRAM;
	e->event.transport = TRANSPORT_UDP;
	e->event.id = k->id;
	sim_deliver(k->service, &e->event);
}

void sim_hear_refusal(struct sim_event *e)
{
	struct sim_socket *k = runs(e->service) ? own_socket(e->service, e->socket) : NULL;
	if (!k)
		return;
	sim_deliver(e->service, &(struct host_event){ .kind = HOST_UNREACHABLE,
						      .transport = TRANSPORT_UDP,
						      .id = k->id,
						      .local = k->local,
						      .remote = e->event.remote });
}

/* ---- the other wants */

static void tell(struct sim_service *s, const struct host_want *w)
{
	struct sim_host *h = s->host;
	if (w->to >= h->service_n)
		return;
	sim_later(h->services[w->to],
		  &(struct host_event){ .kind = HOST_TOLD, .from = s->number, .message = w->message }, TELL_SPAN);
}

static void resolve(struct sim_service *s, const struct host_want *w)
{
	struct addr addrs[16];
	struct host_record records[16];
	struct host_event e = { .kind = HOST_RESOLVED, .id = w->id, .ttl_s = NAME_TTL_S };
	if (w->question == HOST_ADDRESSES && addr_parse_ip(w->name, &addrs[0]) == ERR_NONE)
		e.addr_n = 1;
	for (struct sim_name *n = s->host->world->names; n && e.addr_n < 16 && e.record_n < 16; n = n->next) {
		if (n->question != w->question || !str_eq_nocase(str_of(n->text, n->n), w->name))
			continue;
		if (n->record)
			records[e.record_n++] = *n->record;
		else
			addrs[e.addr_n++] = n->addr;
	}
	e.addrs = addrs;
	e.records = records;
	e.err = e.addr_n || e.record_n ? ERR_NONE : ERR_ABSENT;
	sim_later(s, &e, RESOLVE_SPAN);
}

static void ask(struct sim_service *s, void *message)
{
	struct sim *world = s->host->world;
	struct sim_event *e = sim_event_new(world, SIM_ASK, STR_NONE);
	struct keeper_ask *question = message;
	if (!e)
		abort();
	question->from = s->number;
	e->service = s;
	e->event.message = question;
	if (!sim_event_at(world, e, world->now + KEEPER_SPAN))
		abort();
}

void sim_hear_ask(struct sim_event *e)
{
	struct sim_service *s = e->service;
	const struct sim_keeper *k = &s->host->keeper;
	struct keeper_ask *question = e->event.message;
	struct keeper_answer *answer = NULL;
	e->event.message = NULL;
	/* Killed before the COMMIT: it was never asked. */
	if (!s->dead && k->answer)
		answer = k->answer(k->self, question);
	keeper_ask_free(question);
	if (answer)
		sim_later(s, &(struct host_event){ .kind = HOST_ANSWER, .message = answer }, KEEPER_SPAN);
}

static void stop_service(struct sim_service *s)
{
	s->stopped = true;
	remove_sockets(s, 0, true);
	sim_stream_end_all(s, false, false);
	heap_remove(&s->host->world->events, &s->wake.heap);
}

static void carry(struct sim_service *s, const struct host_want *w)
{
	struct addr local;
	switch (w->kind) {
	case HOST_BIND:
	case HOST_LISTEN:
		bind_socket(s, w);
		break;
	case HOST_UNBIND:
		remove_sockets(s, w->id, false);
		break;
	case HOST_SEND:
		send_datagram(s, w);
		break;
	case HOST_OPEN:
		local = (struct addr){ .family = w->remote.family };
		local.port = s->host->next_port++;
		local = source(s->host, &local, &w->local, &w->remote);
		sim_stream_open(s, w, &local);
		break;
	case HOST_WRITE:
		sim_stream_write(s, w);
		break;
	case HOST_CLOSE:
		sim_stream_close(s, w->id);
		break;
	case HOST_ASK:
		ask(s, w->message);
		break;
	case HOST_TELL:
		tell(s, w);
		break;
	case HOST_RESOLVE:
		resolve(s, w);
		break;
	case HOST_STOP:
		stop_service(s);
		break;
	case HOST_SIFT: /* nothing waits unread here: what comes is heard at once */
		break;
	}
}

void sim_drain(struct sim_service *s)
{
	struct host_want w = { 0 };
	while (runs(s) && s->is.next(s->is.self, &w)) {
		carry(s, &w);
		w = (struct host_want){ 0 };
	}
	if (runs(s))
		sim_wake_at(s->host->world, s, s->is.due(s->is.self));
}

void sim_host_drain(struct sim_host *h)
{
	for (uint32_t i = 0; i < h->service_n; i++)
		sim_drain(h->services[i]);
}

/* What nobody will hear is freed; so is an answer that was heard. */
static void discard(const struct sim_service *s, const struct host_event *e)
{
	if (e->kind == HOST_TOLD && s->is.drop)
		s->is.drop(e->message);
	if (e->kind == HOST_ANSWER)
		keeper_answer_free(e->message);
}

void sim_discard(struct sim_event *e)
{
	if (e->kind == SIM_ASK)
		keeper_ask_free(e->event.message);
	else
		discard(e->service, &e->event);
	e->event.message = NULL;
}

void sim_deliver(struct sim_service *s, const struct host_event *e)
{
	if (!runs(s)) {
		discard(s, e);
		return;
	}
	s->is.recv(s->is.self, e, s->host->world->now);
	if (e->kind == HOST_ANSWER)
		keeper_answer_free(e->message);
	sim_drain(s);
}

void sim_service_tick(struct sim_service *s)
{
	s->is.tick(s->is.self, s->host->world->now);
	sim_drain(s);
}

/* ---- its end */

void sim_host_stop(struct sim_host *h)
{
	sim_trace(h->world, h, "stop", NULL, NULL, STR_NONE);
	for (uint32_t i = 0; i < h->service_n; i++)
		sim_later(h->services[i], &(struct host_event){ .kind = HOST_STOPPING }, 0);
}

bool sim_host_has_stopped(const struct sim_host *h)
{
	for (uint32_t i = 0; i < h->service_n; i++) {
		if (runs(h->services[i]))
			return false;
	}
	return true;
}

static void end_service(struct sim_service *s, bool silent)
{
	sim_stream_end_all(s, true, silent);
	remove_sockets(s, 0, true);
	heap_remove(&s->host->world->events, &s->wake.heap);
	s->dead = true;
}

void sim_host_kill(struct sim_host *h, bool power)
{
	sim_trace(h->world, h, power ? "power off" : "kill", NULL, NULL, STR_NONE);
	for (uint32_t i = 0; i < h->service_n; i++)
		end_service(h->services[i], power);
	h->off = power;
}

void sim_host_restart(struct sim_host *h)
{
	sim_trace(h->world, h, "restart", NULL, NULL, STR_NONE);
	for (uint32_t i = 0; i < h->service_n; i++) {
		end_service(h->services[i], true);
		sim_service_drop(h->services[i]);
	}
	h->service_n = 0;
	h->off = false;
}

void sim_host_free(struct sim_host *h)
{
	for (uint32_t i = 0; i < h->service_n; i++) {
		remove_sockets(h->services[i], 0, true);
		sim_service_drop(h->services[i]);
	}
	for (size_t i = 0; i < SIM_TLS_SETS * SIM_TLS_NAMES; i++)
		free((char *)h->tls[i / SIM_TLS_NAMES][i % SIM_TLS_NAMES].p);
	free(h);
}
