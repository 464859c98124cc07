#include "io/resolver.h"

#include "base/heap.h"
#include "io/interface.h"
#include "io/sockaddr.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <stdlib.h>

#define NAME_MAX_N 255

struct socket_watch {
	struct resolver *resolver;
	ares_socket_t fd;
	struct loop_watch *watch;
};

struct resolver {
	struct loop *loop;
	ares_channel channel;
	struct socket_watch sockets[ARES_GETSOCK_MAXNUM];
	void (*found)(void *self, uint64_t token, const struct resolver_answer *);
	void *self;
	size_t asked;
	struct heap waiting; /* for the other kind of address */
	const struct clock *clock;
};

/* What came of one kind of address. */
struct half {
	bool done;
	enum err err;
	struct addr addrs[RESOLVER_ADDRS];
	size_t n;
	uint32_t ttl_s;
};

struct question {
	struct resolver *resolver;
	uint64_t token;
	enum host_question kind;
	struct heap_item wait;
	bool answered;         /* only c-ares still knows it */
	struct half halves[2]; /* addresses: AAAA, A */
};

static void ready(void *self, unsigned what)
{
	struct socket_watch *w = self;
	ares_socket_t fd = w->fd;
	ares_process_fd(w->resolver->channel, what & (LOOP_READ | LOOP_ERROR) ? fd : ARES_SOCKET_BAD,
			what & LOOP_WRITE ? fd : ARES_SOCKET_BAD);
}

/* c-ares opens, wants and closes its sockets; at most ARES_GETSOCK_MAXNUM of them at a time. */
static void socket_state(void *self, ares_socket_t fd, int readable, int writable)
{
	struct resolver *r = self;
	struct socket_watch *slot = NULL;
	unsigned wanted = (readable ? LOOP_READ : 0) | (writable ? LOOP_WRITE : 0);
	for (size_t i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
		struct socket_watch *w = &r->sockets[i];
		if (w->watch && w->fd == fd) {
			slot = w;
			break;
		}
		if (!w->watch && !slot)
			slot = w;
	}
	if (!slot)
		return;
	if (slot->watch && !wanted) {
		loop_forget(slot->watch);
		slot->watch = NULL;
	} else if (slot->watch) {
		loop_want(slot->watch, wanted);
	} else if (wanted) {
		*slot = (struct socket_watch){ .resolver = r, .fd = fd };
		slot->watch = loop_watch(r->loop, fd, wanted, ready, slot);
	}
}

static bool set_server(struct resolver *r, const struct addr *dns)
{
	struct ares_addr_port_node node = { .family = dns->family == 6 ? AF_INET6 : AF_INET,
					    .udp_port = dns->port,
					    .tcp_port = dns->port };
	memcpy(&node.addr, dns->ip, dns->family == 6 ? 16 : 4);
	return ares_set_servers_ports(r->channel, &node) == ARES_SUCCESS;
}

struct resolver *resolver_new(struct loop *loop, const struct clock *clock, const struct addr *dns,
			      void (*found)(void *self, uint64_t token, const struct resolver_answer *), void *self)
{
	struct resolver *r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->loop = loop;
	r->clock = clock;
	r->found = found;
	r->self = self;
	heap_init(&r->waiting);
	struct ares_options options = {
		.sock_state_cb = socket_state, .sock_state_cb_data = r, .timeout = 2000, .tries = 3
	};
	if (ares_init_options(&r->channel, &options, ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES) !=
	    ARES_SUCCESS) {
		free(r);
		return NULL;
	}
	if (addr_is_set(dns) && !set_server(r, dns)) {
		resolver_free(r);
		return NULL;
	}
	return r;
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	ares_destroy(r->channel);
	heap_free(&r->waiting);
	for (size_t i = 0; i < ARES_GETSOCK_MAXNUM; i++)
		loop_forget(r->sockets[i].watch);
	free(r);
}

static enum err status_err(int status)
{
	switch (status) {
	case ARES_SUCCESS:
		return ERR_NONE;
	case ARES_ENOTFOUND:
	case ARES_ENODATA:
		return ERR_ABSENT;
	case ARES_ETIMEOUT:
		return ERR_TIMEOUT;
	case ARES_EBADNAME:
		return ERR_SYNTAX;
	case ARES_ENOMEM:
		return ERR_MEMORY;
	case ARES_EDESTRUCTION:
	case ARES_ECANCELLED:
		return ERR_CLOSED;
	default:
		return ERR_IO;
	}
}

static void say(struct question *q, const struct resolver_answer *answer)
{
	struct resolver *r = q->resolver;
	r->asked--;
	r->found(r->self, q->token, answer);
	free(q);
}

static uint32_t least_ttl(uint32_t least, int ttl)
{
	uint32_t one = ttl > 0 ? (uint32_t)ttl : 0;
	return one && (!least || one < least) ? one : least;
}

static bool has_way(const struct addr *remote)
{
	struct addr own;
	return interface_towards(remote, &own) == ERR_NONE;
}

static size_t append(struct addr *out, size_t n, const struct half *h)
{
	for (size_t i = 0; i < h->n && n < RESOLVER_ADDRS; i++)
		out[n++] = h->addrs[i];
	return n;
}

/* Tells what is known of both kinds; the question itself goes when c-ares has done with it. */
static void tell_addrs(struct question *q)
{
	struct resolver *r = q->resolver;
	const struct half *six = &q->halves[0], *four = &q->halves[1];
	bool six_first = six->n && has_way(&six->addrs[0]);
	struct addr addrs[RESOLVER_ADDRS];
	struct resolver_answer a = { .addrs = addrs };
	a.addr_n = append(addrs, 0, six_first ? six : four);
	a.addr_n = append(addrs, a.addr_n, six_first ? four : six);
	for (int i = 0; i < 2; i++) {
		const struct half *h = &q->halves[i];
		a.ttl_s = least_ttl(a.ttl_s, h->done ? (int)h->ttl_s : RESOLVER_HALF);
		if (h->err && h->err != ERR_ABSENT)
			a.err = h->err;
	}
	a.err = a.addr_n ? ERR_NONE : a.err ? a.err : ERR_ABSENT;
	q->answered = true;
	heap_remove(&r->waiting, &q->wait);
	r->found(r->self, q->token, &a);
}

static void answered(struct question *q, struct half *h, int status, struct ares_addrinfo *info)
{
	struct resolver *r = q->resolver;
	h->done = true;
	h->err = status_err(status);
	for (struct ares_addrinfo_node *i = info ? info->nodes : NULL; i && h->n < RESOLVER_ADDRS; i = i->ai_next) {
		struct sockaddr_storage sa = { 0 };
		memcpy(&sa, i->ai_addr, (size_t)i->ai_addrlen);
		if (!sockaddr_read(&sa, &h->addrs[h->n]))
			continue;
		h->addrs[h->n++].port = 0;
		h->ttl_s = least_ttl(h->ttl_s, i->ai_ttl);
	}
	if (info)
		ares_freeaddrinfo(info);
	bool last = q->halves[0].done && q->halves[1].done;
	if (!q->answered &&
	    (last || (h->n && heap_set(&r->waiting, &q->wait, usec_add(clock_now(r->clock), RESOLVER_OTHER)))))
		tell_addrs(q);
	if (last) {
		r->asked--;
		free(q);
	}
}

static void answered_six(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
	struct question *q = arg;
	(void)timeouts;
	answered(q, &q->halves[0], status, info);
}

static void answered_four(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
	struct question *q = arg;
	(void)timeouts;
	answered(q, &q->halves[1], status, info);
}

uint32_t resolver_ttl(const unsigned char *p, size_t size)
{
	int n = size < 65536 ? (int)size : 65535;
	const unsigned char *at = p + 12, *end = p + n;
	unsigned questions, answers;
	uint32_t least = 0;
	if (n < 12)
		return 0;
	questions = (unsigned)p[4] << 8 | p[5];
	answers = (unsigned)p[6] << 8 | p[7];
	for (unsigned i = 0; i < questions + answers; i++) {
		char *name = NULL;
		long skip = 0;
		if (at >= end || ares_expand_name(at, p, n, &name, &skip) != ARES_SUCCESS)
			return least;
		ares_free_string(name);
		if (skip <= 0 || skip > end - at)
			return least;
		at += skip;
		if (i < questions) {
			if (end - at < 4)
				return least;
			at += 4;
			continue;
		}
		if (end - at < 10)
			return least;
		least = least_ttl(least, (int)((uint32_t)(at[4] & 0x7f) << 24 | (uint32_t)at[5] << 16 |
					       (uint32_t)at[6] << 8 | at[7]));
		size_t record_n = 10 + ((size_t)at[8] << 8 | at[9]);
		if (record_n > (size_t)(end - at))
			return least;
		at += record_n;
	}
	return least;
}

static str name_of(const char *z)
{
	str name = str_from(z);
	if (str_ends(name, STR(".")))
		name.n--;
	return name;
}

static void tell_srv(struct question *q, struct resolver_answer *a, const unsigned char *p, int n)
{
	struct host_record records[RESOLVER_RECORDS];
	struct ares_srv_reply *list = NULL;
	a->err = status_err(ares_parse_srv_reply(p, n, &list));
	for (struct ares_srv_reply *i = list; i && a->record_n < RESOLVER_RECORDS; i = i->next)
		records[a->record_n++] = (struct host_record){
			.priority = i->priority, .weight = i->weight, .port = i->port, .target = name_of(i->host)
		};
	a->records = records;
	if (a->err == ERR_NONE && a->record_n == 0)
		a->err = ERR_ABSENT;
	say(q, a);
	ares_free_data(list);
}

static void tell_naptr(struct question *q, struct resolver_answer *a, const unsigned char *p, int n)
{
	struct host_record records[RESOLVER_RECORDS];
	struct ares_naptr_reply *list = NULL;
	a->err = status_err(ares_parse_naptr_reply(p, n, &list));
	for (struct ares_naptr_reply *i = list; i && a->record_n < RESOLVER_RECORDS; i = i->next)
		records[a->record_n++] = (struct host_record){ .priority = i->order,
							       .weight = i->preference,
							       .target = name_of(i->replacement),
							       .flags = str_from((const char *)i->flags),
							       .service = str_from((const char *)i->service) };
	a->records = records;
	if (a->err == ERR_NONE && a->record_n == 0)
		a->err = ERR_ABSENT;
	say(q, a);
	ares_free_data(list);
}

static void replied(void *arg, int status, int timeouts, unsigned char *p, int n)
{
	struct question *q = arg;
	struct resolver_answer a = { .err = status_err(status) };
	(void)timeouts;
	if (a.err) {
		say(q, &a);
		return;
	}
	a.ttl_s = resolver_ttl(p, (size_t)n);
	if (q->kind == HOST_SRV)
		tell_srv(q, &a, p, n);
	else
		tell_naptr(q, &a, p, n);
}

/* RFC 6761 6.3: this machine, whatever anybody says; c-ares 1.18 leaks where the hosts file has it of one kind only. */
static bool is_localhost(str name)
{
	if (str_ends(name, STR(".")))
		name.n--;
	return str_eq_nocase(name, STR("localhost")) ||
	       (name.n > 10 && str_eq_nocase(str_skip(name, name.n - 10), STR(".localhost")));
}

static void tell_localhost(struct resolver *r, uint64_t token)
{
	struct addr four = addr_v4(127, 0, 0, 1, 0), six = { .family = 6, .ip = { [15] = 1 } };
	bool six_first = has_way(&six);
	struct addr both[2] = { six_first ? six : four, six_first ? four : six };

	r->found(r->self, token, &(struct resolver_answer){ .addrs = both, .addr_n = 2 });
}

/* c-ares may answer from within, and an answer to the second kind may end the question. */
static void ask_addrs(struct resolver *r, struct question *q, const char *name)
{
	struct ares_addrinfo_hints six = { .ai_family = AF_INET6, .ai_socktype = SOCK_STREAM };
	struct ares_addrinfo_hints four = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
	ares_getaddrinfo(r->channel, name, NULL, &six, answered_six, q);
	ares_getaddrinfo(r->channel, name, NULL, &four, answered_four, q);
}

void resolver_ask(struct resolver *r, uint64_t token, enum host_question kind, str name)
{
	char z[NAME_MAX_N + 1];
	if (name.n == 0 || memchr(name.p, 0, name.n) || !str_copy_z(name, z, sizeof(z))) {
		r->found(r->self, token, &(struct resolver_answer){ .err = ERR_SYNTAX });
		return;
	}
	struct addr literal;
	if (kind == HOST_ADDRESSES && addr_parse_ip(name, &literal) == ERR_NONE) {
		r->found(r->self, token, &(struct resolver_answer){ .addrs = &literal, .addr_n = 1 });
		return;
	}
	if (kind == HOST_ADDRESSES && is_localhost(name)) {
		tell_localhost(r, token);
		return;
	}
	struct question *q = r->asked < RESOLVER_ASKS ? malloc(sizeof(*q)) : NULL;
	if (!q) {
		enum err err = r->asked < RESOLVER_ASKS ? ERR_MEMORY : ERR_FULL;
		r->found(r->self, token, &(struct resolver_answer){ .err = err });
		return;
	}
	*q = (struct question){ .resolver = r, .token = token, .kind = kind };
	r->asked++;
	if (kind == HOST_ADDRESSES)
		ask_addrs(r, q, z);
	else
		ares_query(r->channel, z, C_IN, kind == HOST_SRV ? T_SRV : T_NAPTR, replied, q);
}

usec resolver_span(struct resolver *r)
{
	usec due = heap_due(&r->waiting), now = due == USEC_NEVER ? 0 : clock_now(r->clock);
	usec span = due == USEC_NEVER ? USEC_NEVER : due > now ? due - now : 0;
	struct timeval t;
	if (r->asked == 0 || !ares_timeout(r->channel, NULL, &t))
		return span;
	return usec_min(span, (usec)t.tv_sec * USEC_PER_SEC + t.tv_usec);
}

void resolver_tick(struct resolver *r)
{
	struct heap_item *item;
	if (r->asked)
		ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	while (r->waiting.n && (item = heap_take(&r->waiting, clock_now(r->clock))))
		tell_addrs((struct question *)(void *)((char *)item - offsetof(struct question, wait)));
}
