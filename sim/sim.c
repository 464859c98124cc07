#include "sim/inside.h"

#include "base/buf.h"

#include <stdlib.h>

#define START_2026 (1767225600 * USEC_PER_SEC)
/* An event's place in the heap: its time since the start, and in what order it was asked for. */
#define ORDER_BITS 20

static usec place_of(struct sim *s, usec at)
{
	return (at - s->setup.start) << ORDER_BITS | (usec)(s->sequence++ & ((1u << ORDER_BITS) - 1));
}

struct sim *sim_new(const struct sim_setup *setup)
{
	struct sim *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->setup = *setup;
	if (!s->setup.start)
		s->setup.start = START_2026;
	s->now = s->setup.start;
	s->link = sim_link_plain;
	s->last_host = &s->first_host;
	s->digest = 14695981039346656037u;
	rng_seeded(&s->rng, setup->seed);
	s->key[0] = rng_u64(&s->rng);
	s->key[1] = rng_u64(&s->rng);
	heap_init(&s->events);
	map_init(&s->hosts, (size_t)SIM_HOSTS_MAX * SIM_ADDRS_MAX);
	map_init(&s->paths, SIM_EVENTS_MAX);
	map_init(&s->ends, SIM_EVENTS_MAX);
	return s;
}

static struct sim_item *item_of(struct heap_item *i)
{
	return map_of(i, struct sim_item, heap);
}

static struct sim_event *event_of(struct sim_item *i)
{
	return map_of(i, struct sim_event, item);
}

void sim_free(struct sim *s)
{
	if (!s)
		return;
	/* Services first: their ticks sit in the heap and are not events of ours. */
	for (struct sim_host *h = s->first_host; h; h = h->next) {
		for (uint32_t i = 0; i < h->service_n; i++)
			heap_remove(&s->events, &h->services[i]->wake.heap);
	}
	for (struct heap_item *i; (i = heap_first(&s->events));) {
		heap_remove(&s->events, i);
		sim_event_free(s, event_of(item_of(i)));
	}
	sim_stream_free_all(s);
	for (struct sim_host *next, *h = s->first_host; h; h = next) {
		next = h->next;
		sim_host_free(h);
	}
	for (struct sim_name *next, *n = s->names; n; n = next) {
		next = n->next;
		free(n->record);
		free(n);
	}
	for (struct map_node *n; (n = map_pop(&s->paths));)
		free(map_of(n, struct sim_path, node));
	map_free(&s->paths);
	map_free(&s->hosts);
	map_free(&s->ends);
	heap_free(&s->events);
	free(s);
}

usec sim_now(const struct sim *s)
{
	return s->now;
}

uint64_t sim_digest(const struct sim *s)
{
	return s->digest;
}

struct sim_event *sim_event_new(struct sim *s, enum sim_event_kind kind, str bytes)
{
	struct sim_event *e = s->events.n < SIM_EVENTS_MAX ? calloc(1, sizeof(*e) + bytes.n) : NULL;
	if (!e)
		return NULL;
	e->kind = kind;
	if (bytes.n)
		memcpy(e->bytes, bytes.p, bytes.n);
	e->event.bytes = str_of(e->bytes, bytes.n);
	return e;
}

bool sim_event_at(struct sim *s, struct sim_event *e, usec at)
{
	if (e->service)
		sim_service_hold(e->service);
	if (e->stream)
		e->stream->refs++;
	if (heap_set(&s->events, &e->item.heap, place_of(s, at)) == ERR_NONE)
		return true;
	sim_event_free(s, e);
	return false;
}

void sim_event_free(struct sim *s, struct sim_event *e)
{
	if (e->event.message)
		sim_discard(e);
	if (e->service)
		sim_service_drop(e->service);
	if (e->stream)
		sim_stream_unref(s, e->stream);
	free(e);
}

void sim_wake_at(struct sim *s, struct sim_service *service, usec at)
{
	struct heap_item *i = &service->wake.heap;
	if (at == USEC_NEVER) {
		heap_remove(&s->events, i);
		return;
	}
	if (at < s->now)
		at = s->now;
	/* A service that has not changed its mind keeps its turn. */
	if (heap_has(i) && i->due >> ORDER_BITS == at - s->setup.start)
		return;
	service->wake.ticks = service;
	if (heap_set(&s->events, i, place_of(s, at)) != ERR_NONE)
		abort(); /* a simulation without memory proves nothing */
}

static void hear(struct sim *s, struct sim_event *e)
{
	switch (e->kind) {
	case SIM_DRAIN:
		sim_drain(e->service);
		break;
	case SIM_TELL_EVENT:
		sim_deliver(e->service, &e->event);
		e->event.message = NULL;
		break;
	case SIM_DATAGRAM:
		sim_hear_datagram(e);
		break;
	case SIM_REFUSAL:
		sim_hear_refusal(e);
		break;
	case SIM_SEGMENT:
		sim_hear_segment(e);
		break;
	case SIM_GIVE_UP:
		sim_hear_give_up(e);
		break;
	case SIM_ASK:
		sim_hear_ask(e);
		break;
	}
	sim_event_free(s, e);
}

/* The next thing that happens by `until`; false: nothing does. */
static bool step(struct sim *s, usec until)
{
	struct heap_item *i = heap_first(&s->events);
	if (!i || (i->due >> ORDER_BITS) + s->setup.start > until)
		return false;
	s->now = (i->due >> ORDER_BITS) + s->setup.start;
	heap_remove(&s->events, i);
	struct sim_item *item = item_of(i);
	if (item->ticks)
		sim_service_tick(item->ticks);
	else
		hear(s, event_of(item));
	return true;
}

void sim_run(struct sim *s, usec until)
{
	while (step(s, until))
		;
	if (s->now < until)
		s->now = until;
}

bool sim_run_until(struct sim *s, bool (*done)(void *self), void *self, usec until)
{
	while (!done(self)) {
		if (!step(s, until)) {
			sim_run(s, until);
			return false;
		}
	}
	return true;
}

void sim_link_default(struct sim *s, const struct sim_link *link)
{
	s->link = *link;
}

struct sim_path *sim_path_get(struct sim_host *a, struct sim_host *b)
{
	struct sim *s = a->world;
	uint32_t low = a->number < b->number ? a->number : b->number;
	uint32_t high = a->number < b->number ? b->number : a->number;
	uint32_t pair[2] = { low, high };
	uint64_t hash = str_hash(str_of((const char *)pair, sizeof(pair)), s->key);
	for (struct map_node *n = map_first(&s->paths, hash); n; n = map_next(n)) {
		struct sim_path *p = map_of(n, struct sim_path, node);
		if (p->a == low && p->b == high)
			return p;
	}
	struct sim_path *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->a = low;
	p->b = high;
	if (map_add(&s->paths, &p->node, hash) != ERR_NONE) {
		free(p);
		return NULL;
	}
	return p;
}

const struct sim_link *sim_path_link(const struct sim *s, const struct sim_path *p)
{
	static const struct sim_link inside = { .delay = 20 };
	if (p->own)
		return &p->link;
	return p->a == p->b ? &inside : &s->link;
}

usec *sim_path_last(struct sim_path *p, const struct sim_host *from)
{
	return &p->last[from->number == p->a ? 0 : 1];
}

enum err sim_link_set(struct sim_host *a, struct sim_host *b, const struct sim_link *link)
{
	struct sim_path *p = sim_path_get(a, b);
	if (!p)
		return ERR_MEMORY;
	p->own = true;
	p->link = *link;
	return ERR_NONE;
}

static struct sim_name *add_name(struct sim *s, enum host_question question, str name)
{
	struct sim_name **last = &s->names;
	struct sim_name *n = malloc(sizeof(*n) + name.n);
	if (!n)
		return NULL;
	*n = (struct sim_name){ .question = question, .n = name.n };
	memcpy(n->text, name.p, name.n);
	while (*last)
		last = &(*last)->next;
	*last = n;
	return n;
}

enum err sim_name_add(struct sim *s, str name, const struct addr *addr)
{
	struct sim_name *n = add_name(s, HOST_ADDRESSES, name);
	if (!n)
		return ERR_MEMORY;
	n->addr = *addr;
	return ERR_NONE;
}

enum err sim_record_add(struct sim *s, enum host_question question, str name, const struct host_record *record)
{
	struct host_record *copy = host_records_copy(record, 1);
	struct sim_name *n = copy ? add_name(s, question, name) : NULL;
	if (!n) {
		free(copy);
		return ERR_MEMORY;
	}
	n->record = copy;
	return ERR_NONE;
}

struct sim_host *sim_host_find(struct sim *s, const struct addr *a)
{
	struct addr ip = *a;
	ip.port = 0;
	for (struct map_node *n = map_first(&s->hosts, addr_hash(&ip, s->key)); n; n = map_next(n)) {
		struct sim_host *h = map_of(n, struct sim_home, node)->host;
		for (size_t i = 0; i < h->addr_n; i++) {
			if (addr_eq(&h->addrs[i], &ip))
				return h;
		}
	}
	return NULL;
}

static void digest(struct sim *s, const void *bytes, size_t n)
{
	/* FNV-1a: any difference shows, and that is all that is asked of it. */
	for (const unsigned char *p = bytes, *end = p + n; p < end; p++)
		s->digest = (s->digest ^ *p) * 1099511628211u;
}

void sim_trace(struct sim *s, const struct sim_host *h, const char *what, const struct addr *from,
	       const struct addr *to, str bytes)
{
	char line[256], one[ADDR_TEXT_MAX], two[ADDR_TEXT_MAX];
	struct buf b;
	usec at = s->now - s->setup.start;
	buf_init(&b, line, sizeof(line));
	buf_printf(&b, "%lld.%06lld %s %s", (long long)(at / USEC_PER_SEC), (long long)(at % USEC_PER_SEC), h->name,
		   what);
	if (from && to)
		buf_printf(&b, " %s > %s", addr_text(from, one), addr_text(to, two));
	if (bytes.n)
		buf_printf(&b, " n=%zu", bytes.n);
	digest(s, b.p, b.n);
	if (!s->setup.sizes_only)
		digest(s, bytes.p, bytes.n);
	if (s->setup.trace)
		s->setup.trace(s->setup.self, buf_str(&b));
}
