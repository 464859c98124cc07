#include "sip/locate.h"

#include "base/heap.h"
#include "sip/names.h"
#include "sip/transport.h"

#include <stdlib.h>

struct dead {
	struct sip_place place;
	usec until;
};

struct search {
	handle self;
	struct heap_item timer;
	struct search *next_done;
	struct sip_found found;
	struct sip_locate_wish wish;
	uint64_t seed;
	usec begun, some_at; /* some_at: when the first address was known; USEC_NEVER: none yet */
	bool done;
	char host[SIP_LOCATE_NAME_MAX + 1];
};

struct sip_locate {
	struct sip_locate_config config;
	struct sip_names names;
	struct slab searches;
	struct heap timers;
	struct search *done, **last_done;
	struct dead dead[SIP_LOCATE_DEAD];
	size_t dead_n;
};

/* A search under way: looks through what is known, from the start each time; what is not known is asked for. */
struct look {
	struct sip_locate *l;
	struct search *s;
	struct rng rng; /* the same numbers each time, so that the same hosts are asked for */
	usec now;
	bool pending;   /* some answer is still out */
	bool impatient; /* those that only show the way to others are not waited for */
	enum err err;
};

enum service { SERVICE_NONE, SERVICE_SOME, SERVICE_OFF /* RFC 2782: decidedly not there */ };

struct sip_locate *sip_locate_new(const struct sip_locate_config *config)
{
	struct sip_locate *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->config = *config;
	l->last_done = &l->done;
	sip_names_init(&l->names, config->rng);
	slab_init(&l->searches, sizeof(struct search), SIP_LOCATE_SEARCHES);
	heap_init(&l->timers);
	return l;
}

void sip_locate_free(struct sip_locate *l)
{
	if (!l)
		return;
	sip_names_free(&l->names);
	heap_free(&l->timers);
	slab_free(&l->searches);
	free(l);
}

/* ---- what is looked for ---- */

enum err sip_locate_wish_uri(const struct sip_uri *uri, struct sip_locate_wish *out)
{
	struct sip_locate_wish w = { .host = uri->host, .name = uri->host, .port = uri->port };
	str maddr;

	if (uri->scheme != SIP_SCHEME_SIP && uri->scheme != SIP_SCHEME_SIPS)
		return ERR_UNSUPPORTED;
	w.secure = uri->scheme == SIP_SCHEME_SIPS;
	if (sip_uri_param(uri, STR("maddr"), &maddr) && maddr.n)
		w.host = maddr;
	if (sip_uri_param(uri, STR("transport"), NULL) && !sip_uri_transport(uri, &w.transport))
		return ERR_UNSUPPORTED;
	*out = w;
	return ERR_NONE;
}

enum err sip_locate_wish_via(const struct sip_via *via, struct sip_locate_wish *out)
{
	if (!via->transport)
		return ERR_UNSUPPORTED;
	*out = (struct sip_locate_wish){
		.host = via->host,
		.name = via->host,
		.port = via->port,
		.transport = (enum transport)via->transport,
		.secure = transport_is_secure((enum transport)via->transport),
	};
	return ERR_NONE;
}

/* ---- avoided places ---- */

static bool place_eq(const struct sip_place *a, const struct sip_place *b)
{
	return a->transport == b->transport && addr_eq(&a->addr, &b->addr);
}

static struct dead *find_dead(const struct sip_locate *l, const struct sip_place *place)
{
	for (size_t i = 0; i < l->dead_n; i++)
		if (place_eq(&l->dead[i].place, place))
			return (struct dead *)&l->dead[i];
	return NULL;
}

void sip_locate_failed(struct sip_locate *l, const struct sip_place *place, usec now)
{
	sip_locate_rest(l, place, SIP_LOCATE_AVOID, now);
}

void sip_locate_rest(struct sip_locate *l, const struct sip_place *place, usec span, usec now)
{
	struct dead *d = find_dead(l, place);

	if (!d && l->dead_n < SIP_LOCATE_DEAD)
		d = &l->dead[l->dead_n++];
	if (!d) {
		d = &l->dead[0];
		for (size_t i = 1; i < l->dead_n; i++)
			if (l->dead[i].until < d->until)
				d = &l->dead[i];
	}
	*d = (struct dead){ *place, usec_add(now, usec_min(span, SIP_LOCATE_REST_MAX)) };
}

void sip_locate_works(struct sip_locate *l, const struct sip_place *place)
{
	struct dead *d = find_dead(l, place);

	if (d)
		*d = l->dead[--l->dead_n];
}

bool sip_locate_is_avoided(const struct sip_locate *l, const struct sip_place *place, usec now)
{
	const struct dead *d = find_dead(l, place);

	return d && now < d->until;
}

static void avoided_last(struct sip_locate *l, struct sip_found *found, usec now)
{
	struct sip_place last[SIP_LOCATE_PLACES];
	size_t n = 0, last_n = 0;

	for (size_t i = 0; i < found->n; i++) {
		if (sip_locate_is_avoided(l, &found->places[i], now))
			last[last_n++] = found->places[i];
		else
			found->places[n++] = found->places[i];
	}
	memcpy(found->places + n, last, last_n * sizeof(*last));
}

/* ---- addresses ---- */

static void add_place(struct look *k, const struct addr *addr, uint16_t port, enum transport transport)
{
	struct sip_found *f = &k->s->found;
	struct sip_place place = { .transport = transport, .addr = *addr };

	place.addr.port = port;
	for (size_t i = 0; i < f->n; i++)
		if (place_eq(&f->places[i], &place))
			return;
	if (f->n < SIP_LOCATE_PLACES)
		f->places[f->n++] = place;
}

/* The answer to a question; NULL: there is none, or not yet. */
static const struct sip_name *known(struct look *k, enum host_question question, str text)
{
	const struct sip_name *name = sip_names_get(&k->l->names, question, text, k->now);

	if (!name) {
		k->err = ERR_FULL;
		return NULL;
	}
	if (name->asked) {
		k->pending |= question == HOST_ADDRESSES || !k->impatient;
		if (!k->err)
			k->err = ERR_TIMEOUT;
		return NULL;
	}
	if (name->err && name->err != ERR_ABSENT)
		k->err = name->err;
	return name->err ? NULL : name;
}

/* RFC 8305 4.: the families in turn, so that one that is dead costs one try. */
static void add_host(struct look *k, str host, uint16_t port, enum transport transport)
{
	const struct sip_name *name;
	struct addr addr;
	size_t at[2] = { 0, 0 };

	if (addr_parse_ip(host, &addr) == ERR_NONE) {
		add_place(k, &addr, port, transport);
		return;
	}
	name = known(k, HOST_ADDRESSES, host);
	for (size_t i = 0; name && i < name->addr_n; i++) {
		uint8_t first = name->addrs[0].family;
		size_t *next = &at[i & 1];

		while (*next < name->addr_n && (name->addrs[*next].family == first) != (next == at))
			(*next)++;
		if (*next == name->addr_n) { /* none left of this family */
			next = &at[!(i & 1)];
			while (*next < name->addr_n && (name->addrs[*next].family == first) != (next == at))
				(*next)++;
		}
		if (*next < name->addr_n)
			add_place(k, &name->addrs[(*next)++], port, transport);
	}
}

/* ---- SRV (RFC 2782) ---- */

static int by_priority(const void *a, const void *b)
{
	const struct host_record *one = a, *two = b;

	if (one->priority != two->priority)
		return one->priority < two->priority ? -1 : 1;
	/* Those of weight 0 at the beginning of the draw; the rest as names, for an order that the server has no hand
	 * in. */
	if (!one->weight != !two->weight)
		return one->weight ? 1 : -1;
	return str_compare(one->target, two->target);
}

/* Puts one of the n records, all of one priority, to the front: each as likely as its weight says. */
static void draw(struct rng *rng, struct host_record *records, size_t n)
{
	uint32_t sum = 0, chosen;
	size_t at = 0;

	for (size_t i = 0; i < n; i++)
		sum += records[i].weight;
	chosen = rng_below(rng, sum + 1);
	for (sum = records[0].weight; sum < chosen; sum += records[at].weight)
		at++;
	struct host_record one = records[at];
	memmove(records + 1, records, at * sizeof(one));
	records[0] = one;
}

static void order(struct rng *rng, struct host_record *records, size_t n)
{
	qsort(records, n, sizeof(*records), by_priority);
	for (size_t i = 0; i < n; i++) {
		size_t end = i;

		while (end < n && records[end].priority == records[i].priority)
			end++;
		draw(rng, records + i, end - i);
	}
}

static enum service add_service(struct look *k, str text, enum transport transport)
{
	const struct sip_name *name = known(k, HOST_SRV, text);
	struct host_record records[SIP_NAMES_RECORDS];

	if (!name)
		return SERVICE_NONE;
	memcpy(records, name->records, name->record_n * sizeof(*records));
	order(&k->rng, records, name->record_n);
	if (name->record_n == 1 && !records[0].target.n)
		return SERVICE_OFF;
	for (size_t i = 0; i < name->record_n && i < SIP_LOCATE_HOSTS; i++)
		if (records[i].target.n && records[i].port)
			add_host(k, records[i].target, records[i].port, transport);
	return SERVICE_SOME;
}

static enum service add_service_of(struct look *k, str host, enum transport transport)
{
	static const str prefixes[] = { [TRANSPORT_UDP] = STR_INIT("_sip._udp."),
					[TRANSPORT_TCP] = STR_INIT("_sip._tcp."),
					[TRANSPORT_TLS] = STR_INIT("_sips._tcp."),
					[TRANSPORT_WS] = STR_INIT(""),
					[TRANSPORT_WSS] = STR_INIT("") };
	char text[SIP_LOCATE_NAME_MAX + 12];
	struct buf b;

	if (!prefixes[transport].n)
		return SERVICE_NONE;
	buf_init(&b, text, sizeof(text));
	buf_put(&b, prefixes[transport]);
	buf_put(&b, host);
	return add_service(k, buf_str(&b), transport);
}

/* ---- NAPTR (RFC 3263 4.1) ---- */

static bool supports(const struct sip_locate *l, enum transport transport)
{
	for (size_t i = 0; i < 5 && l->config.transports[i]; i++)
		if (l->config.transports[i] == transport)
			return true;
	return false;
}

static enum transport service_transport(str service)
{
	static const struct {
		str service;
		enum transport transport;
	} known_services[] = {
		{ STR_INIT("SIP+D2U"), TRANSPORT_UDP },  { STR_INIT("SIP+D2T"), TRANSPORT_TCP },
		{ STR_INIT("SIPS+D2T"), TRANSPORT_TLS }, { STR_INIT("SIP+D2W"), TRANSPORT_WS },
		{ STR_INIT("SIPS+D2W"), TRANSPORT_WSS },
	};

	for (size_t i = 0; i < sizeof(known_services) / sizeof(*known_services); i++)
		if (str_eq_nocase(service, known_services[i].service))
			return known_services[i].transport;
	return 0;
}

static int by_preference(const void *a, const void *b)
{
	const struct host_record *one = a, *two = b;

	if (one->priority != two->priority)
		return one->priority < two->priority ? -1 : 1;
	return (one->weight > two->weight) - (one->weight < two->weight);
}

static enum service add_by_naptr(struct look *k, str host)
{
	const struct sip_name *name = known(k, HOST_NAPTR, host);
	struct host_record records[SIP_NAMES_RECORDS];
	enum service all = SERVICE_NONE;

	if (!name)
		return SERVICE_NONE;
	memcpy(records, name->records, name->record_n * sizeof(*records));
	qsort(records, name->record_n, sizeof(*records), by_preference);
	for (size_t i = 0; i < name->record_n; i++) {
		enum transport t = service_transport(records[i].service);
		enum service one;

		if (!t || !supports(k->l, t) || (k->s->wish.secure && !transport_is_secure(t)) ||
		    !str_eq_nocase(records[i].flags, STR("s")) || !records[i].target.n)
			continue;
		one = add_service(k, records[i].target, t);
		if (one != SERVICE_NONE && all != SERVICE_SOME)
			all = one;
	}
	return all;
}

/* 4.1: without NAPTR, one SRV question for each transport that we do. */
static enum service add_by_srv(struct look *k, str host)
{
	enum service all = SERVICE_NONE;

	for (size_t i = 0; i < 5 && k->l->config.transports[i]; i++) {
		enum transport t = k->l->config.transports[i];
		enum service one;

		if (transport_is_secure(t) != k->s->wish.secure)
			continue; /* "_sips" for SIPS URIs and "_sip" for the others */
		one = add_service_of(k, host, t);
		if (one != SERVICE_NONE && all != SERVICE_SOME)
			all = one;
	}
	return all;
}

/* ---- the whole of it ---- */

/* UDP, for sips TLS (4.1); what else we have, where we do not have that. 0: none. */
static enum transport plain_transport(const struct look *k)
{
	enum transport usual = k->s->wish.secure ? TRANSPORT_TLS : TRANSPORT_UDP;

	for (size_t i = 0; i < 5 && !supports(k->l, usual); i++) {
		enum transport t = k->l->config.transports[i];

		if (!t || transport_is_secure(t) == k->s->wish.secure)
			return t;
	}
	return supports(k->l, usual) ? usual : 0;
}

static void look_around(struct look *k)
{
	const struct sip_locate_wish *w = &k->s->wish;
	enum transport t = w->transport ? w->transport : plain_transport(k);
	enum service service = SERVICE_NONE;
	struct addr addr;

	bool direct = addr_parse_ip(w->host, &addr) == ERR_NONE || w->port; /* 4.1, 4.2: neither NAPTR nor SRV */

	k->s->found.n = 0;
	if ((t && !supports(k->l, t)) || (!t && direct)) {
		k->err = ERR_UNSUPPORTED;
		return;
	}
	if (direct) {
		add_host(k, w->host, w->port ? w->port : sip_transport_port(t), t);
		return;
	}
	if (w->transport) {
		service = add_service_of(k, w->host, t);
	} else {
		service = add_by_naptr(k, w->host);
		if (service == SERVICE_NONE && !k->pending)
			service = add_by_srv(k, w->host);
	}
	if (service != SERVICE_NONE || k->pending)
		return;
	if (t)
		add_host(k, w->host, sip_transport_port(t), t);
	else /* a sip URI, we do TLS alone, and no NAPTR record offers it */
		k->err = ERR_UNSUPPORTED;
}

static void finish(struct sip_locate *l, struct search *s, enum err err, usec now)
{
	heap_remove(&l->timers, &s->timer);
	s->done = true;
	s->found.err = s->found.n ? ERR_NONE : err ? err : ERR_ABSENT;
	avoided_last(l, &s->found, now);
	s->next_done = NULL;
	*l->last_done = s;
	l->last_done = &s->next_done;
}

static void go_on(struct sip_locate *l, struct search *s, usec now)
{
	struct look k = { .l = l, .s = s, .now = now, .impatient = now >= s->begun + SIP_LOCATE_PATIENCE / 2 };
	usec end = s->begun + SIP_LOCATE_PATIENCE;

	rng_seeded(&k.rng, s->seed);
	look_around(&k);
	if (s->found.n && s->some_at == USEC_NEVER)
		s->some_at = now;
	end = usec_min(end, usec_add(s->some_at, SIP_LOCATE_STRAGGLERS));
	if (!k.pending || now >= end) {
		finish(l, s, k.err, now);
		return;
	}
	if (!k.impatient)
		end = usec_min(end, s->begun + SIP_LOCATE_PATIENCE / 2);
	if (heap_set(&l->timers, &s->timer, end))
		finish(l, s, ERR_MEMORY, now);
}

handle sip_locate_find(struct sip_locate *l, const struct sip_locate_wish *wish, uint64_t cookie, usec now)
{
	handle self;
	struct search *s = wish->host.n <= SIP_LOCATE_NAME_MAX ? slab_add(&l->searches, &self) : NULL;

	if (!s)
		return 0;
	s->self = self;
	s->found.search = self;
	s->found.cookie = cookie;
	s->wish = *wish;
	s->wish.name = STR_NONE; /* the owner's business */
	memcpy(s->host, wish->host.p, wish->host.n);
	s->wish.host = str_of(s->host, wish->host.n);
	if (str_ends(s->wish.host, STR(".")))
		s->wish.host.n--;
	s->seed = rng_u64(l->config.rng);
	s->begun = now;
	s->some_at = USEC_NEVER;
	go_on(l, s, now);
	return self;
}

static void remove_done(struct sip_locate *l, const struct search *s)
{
	struct search **at = &l->done;

	while (*at && *at != s)
		at = &(*at)->next_done;
	if (!*at)
		return;
	*at = s->next_done;
	if (!*at)
		l->last_done = at;
}

void sip_locate_forget(struct sip_locate *l, handle search)
{
	struct search *s = slab_find(&l->searches, search);

	if (!s)
		return;
	remove_done(l, s);
	heap_remove(&l->timers, &s->timer);
	slab_remove(&l->searches, search);
}

void sip_locate_recv(struct sip_locate *l, const struct host_event *e, usec now)
{
	struct search *s;
	uint32_t slot = 0;
	handle self;

	if (e->kind != HOST_RESOLVED || e->id < l->config.id_first ||
	    !sip_names_answer(&l->names, e->id - l->config.id_first, e, now))
		return;
	while ((s = slab_walk(&l->searches, &slot, &self)))
		if (!s->done)
			go_on(l, s, now);
}

void sip_locate_tick(struct sip_locate *l, usec now)
{
	struct heap_item *item;

	while ((item = heap_take(&l->timers, now)))
		go_on(l, (struct search *)(void *)((char *)item - offsetof(struct search, timer)), now);
}

usec sip_locate_due(const struct sip_locate *l)
{
	return heap_due(&l->timers);
}

bool sip_locate_want(struct sip_locate *l, struct host_want *out)
{
	const struct sip_name *name = sip_names_want(&l->names);

	if (!name)
		return false;
	*out = (struct host_want){ .kind = HOST_RESOLVE,
				   .id = l->config.id_first + name->number,
				   .question = name->question,
				   .name = str_of(name->text, name->n) };
	return true;
}

bool sip_locate_next(struct sip_locate *l, struct sip_found *out)
{
	struct search *s = l->done;

	if (!s)
		return false;
	*out = s->found;
	remove_done(l, s);
	slab_remove(&l->searches, s->self);
	return true;
}
