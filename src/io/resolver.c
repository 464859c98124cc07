#include "io/resolver.h"

#include "io/sockaddr.h"

#include <ares.h>
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
	void (*found)(void *self, uint64_t token, enum err, const struct addr *, size_t n);
	void *self;
	size_t asked;
};

struct question {
	struct resolver *resolver;
	uint64_t token;
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

struct resolver *resolver_new(struct loop *loop, const struct addr *dns,
			      void (*found)(void *self, uint64_t token, enum err, const struct addr *, size_t n),
			      void *self)
{
	struct resolver *r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->loop = loop;
	r->found = found;
	r->self = self;
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

static void answered(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
	struct question *q = arg;
	struct resolver *r = q->resolver;
	struct addr addrs[RESOLVER_ADDRS];
	size_t n = 0;
	(void)timeouts;
	for (struct ares_addrinfo_node *i = info ? info->nodes : NULL; i && n < RESOLVER_ADDRS; i = i->ai_next) {
		struct sockaddr_storage sa = { 0 };
		memcpy(&sa, i->ai_addr, (size_t)i->ai_addrlen);
		if (sockaddr_read(&sa, &addrs[n]))
			addrs[n++].port = 0;
	}
	if (info)
		ares_freeaddrinfo(info);
	enum err err = status_err(status);
	r->asked--;
	r->found(r->self, q->token, err == ERR_NONE && n == 0 ? ERR_ABSENT : err, addrs, n);
	free(q);
}

void resolver_ask(struct resolver *r, uint64_t token, str name)
{
	char z[NAME_MAX_N + 1];
	struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	if (name.n == 0 || memchr(name.p, 0, name.n) || !str_copy_z(name, z, sizeof(z))) {
		r->found(r->self, token, ERR_SYNTAX, NULL, 0);
		return;
	}
	struct question *q = r->asked < RESOLVER_ASKS ? malloc(sizeof(*q)) : NULL;
	if (!q) {
		r->found(r->self, token, r->asked < RESOLVER_ASKS ? ERR_MEMORY : ERR_FULL, NULL, 0);
		return;
	}
	*q = (struct question){ r, token };
	r->asked++;
	ares_getaddrinfo(r->channel, z, NULL, &hints, answered, q);
}

usec resolver_span(struct resolver *r)
{
	struct timeval t;
	if (r->asked == 0 || !ares_timeout(r->channel, NULL, &t))
		return USEC_NEVER;
	return (usec)t.tv_sec * USEC_PER_SEC + t.tv_usec;
}

void resolver_tick(struct resolver *r)
{
	if (r->asked)
		ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}
