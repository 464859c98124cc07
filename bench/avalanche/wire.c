#include "avalanche.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define DATAGRAMS 2000 /* of one socket in one go */
#define EVENTS    1024
#define MESSAGE   16384

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

static struct sockaddr_in server;
static int epoll;

struct watched {
	struct link *link;
	int what;
	long which;
};
static struct watched *watched; /* by descriptor */
static int watched_n;

void wire_start(const char *host_port)
{
	struct rlimit limit;
	char host[40];
	const char *port = strchr(host_port, ':');

	if (!port || (size_t)(port - host_port) >= sizeof(host))
		die("--server HOST:PORT");
	snprintf(host, sizeof(host), "%.*s", (int)(port - host_port), host_port);
	server = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port + 1)) };
	if (inet_pton(AF_INET, host, &server.sin_addr) != 1)
		die("--server: an IPv4 address");
	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
		watched_n = limit.rlim_max < 1000000 ? (int)limit.rlim_max : 1000000;
	}
	watched = calloc((size_t)watched_n + 1, sizeof(*watched));
	epoll = epoll_create1(0);
	if (!watched || epoll < 0)
		die("no memory");
}

static void watch(struct link *l, int what, long which, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.fd = l->fd };

	if (l->fd >= watched_n || epoll_ctl(epoll, EPOLL_CTL_ADD, l->fd, &e))
		die("too many descriptors");
	watched[l->fd] = (struct watched){ l, what, which };
}

static void know_self(struct link *l)
{
	struct sockaddr_in at;
	socklen_t n = sizeof(at);

	if (getsockname(l->fd, (struct sockaddr *)&at, &n))
		die("no address");
	l->port = ntohs(at.sin_port);
	inet_ntop(AF_INET, &at.sin_addr, l->ip, sizeof(l->ip));
}

void wire_open(struct link *l, int what, long which)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int size = 8 << 20;

	*l = (struct link){ .fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), .is_up = true };
	if (l->fd < 0 || bind(l->fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		die("no socket");
	if (setsockopt(l->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(l->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	know_self(l);
	watch(l, what, which, EPOLLIN);
}

bool wire_connect(struct link *l, uint32_t ip, int what, long which)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(ip) };
	int on = 1;

	*l = (struct link){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), .is_stream = true };
	if (l->fd < 0)
		die("too many descriptors (ulimit -n)");
	setsockopt(l->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (bind(l->fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		die("no address of 127.0.0.0/8");
	if (connect(l->fd, (struct sockaddr *)&server, sizeof(server)) < 0 && errno != EINPROGRESS) {
		close(l->fd);
		l->fd = -1;
		return false;
	}
	know_self(l);
	watch(l, what, which, EPOLLIN | EPOLLOUT);
	return true;
}

void wire_close(struct link *l)
{
	if (l->fd >= 0) {
		watched[l->fd] = (struct watched){ 0 };
		close(l->fd);
	}
	free(l->kept);
	*l = (struct link){ .fd = -1 };
}

void wire_say(struct link *l, const char *text, size_t n, const struct sockaddr_in *to)
{
	if (!to)
		to = &server;
	if (l->fd < 0)
		return;
	if (l->is_stream) { /* an error is heard of when it is read; nobody here says more than a buffer holds */
		if (send(l->fd, text, n, MSG_NOSIGNAL) != (ssize_t)n && errno == EAGAIN)
			die("the server does not read what it is sent");
	} else if (sendto(l->fd, text, n, 0, (const struct sockaddr *)to, sizeof(*to)) < 0 && errno != EAGAIN &&
		   errno != ENOBUFS) {
		die("sendto failed");
	}
}

static void drain(struct link *l, struct heard *h, void (*heard)(const struct heard *, int64_t), int64_t now)
{
	static char bytes[65536];
	static struct sockaddr_in from;

	h->text = bytes;
	h->from = &from;
	for (int k = 0; k < DATAGRAMS; k++) {
		socklen_t from_n = sizeof(from);
		ssize_t n = recvfrom(l->fd, bytes, sizeof(bytes) - 1, 0, (struct sockaddr *)&from, &from_n);

		if (n < 0)
			return;
		bytes[n] = '\0';
		heard(h, now);
	}
}

/* Bytes of the first message. 0: it is not all there. */
static size_t whole(const char *text)
{
	const char *end = strstr(text, "\r\n\r\n"), *length = strcasestr(text, "\r\nContent-Length:");
	size_t n;

	if (!end)
		return 0;
	n = (size_t)(end - text) + 4 + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
	return strlen(text) >= n ? n : 0;
}

/* Whoever hears may close the link. false: it is at its end. */
static bool read_stream(struct link *l, struct heard *h, void (*heard)(const struct heard *, int64_t), int64_t now)
{
	static char bytes[65536 + 1];
	size_t had = l->kept_n, n, at = 0;
	int fd = l->fd;

	if (had)
		memcpy(bytes, l->kept, had);
	ssize_t got = recv(fd, bytes + had, sizeof(bytes) - 1 - had, 0);
	if (got <= 0)
		return got < 0 && errno == EAGAIN;
	bytes[had + (size_t)got] = '\0';
	l->kept_n = 0;
	while ((n = whole(bytes + at))) {
		char next = bytes[at + n];

		bytes[at + n] = '\0';
		h->text = bytes + at;
		heard(h, now);
		bytes[at + n] = next;
		at += n;
		if (watched[fd].link != l)
			return true;
	}
	n = strlen(bytes + at);
	if (n >= MESSAGE)
		die("an endless message");
	if (n) {
		l->kept = realloc(l->kept, MESSAGE);
		if (!l->kept)
			die("no memory");
		memcpy(l->kept, bytes + at, n);
		l->kept_n = (uint32_t)n;
	}
	return true;
}

static void come_up(struct link *l, struct heard *h, void (*heard)(const struct heard *, int64_t), int64_t now)
{
	struct epoll_event e = { .events = EPOLLIN, .data.fd = l->fd };
	int err = 0;
	socklen_t n = sizeof(err);

	if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &err, &n) == 0 && !err) {
		l->is_up = h->up = true;
		epoll_ctl(epoll, EPOLL_CTL_MOD, l->fd, &e);
	}
	heard(h, now);
}

void wire_step(int wait_ms, void (*heard)(const struct heard *, int64_t now))
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(epoll, events, EVENTS, wait_ms);
	int64_t now = now_us();

	for (int i = 0; i < n; i++) {
		int fd = events[i].data.fd;
		const struct watched w = watched[fd];
		struct heard h = { .what = w.what, .which = w.which };

		if (!w.link)
			continue;
		if (!w.link->is_stream) {
			drain(w.link, &h, heard, now);
			continue;
		}
		if (!w.link->is_up) {
			come_up(w.link, &h, heard, now);
			continue;
		}
		if (!read_stream(w.link, &h, heard, now) && watched[fd].link == w.link)
			heard(&(struct heard){ .what = w.what, .which = w.which }, now);
	}
}

long wire_dropped(void)
{
	FILE *f = fopen("/proc/net/udp", "r");
	char text[400];
	unsigned port;
	long sum = -1, n;

	while (f && fgets(text, sizeof(text), f))
		if (sscanf(text, " %*d: %*x:%x %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %ld", &port, &n) == 2 &&
		    port == ntohs(server.sin_port))
			sum = (sum < 0 ? 0 : sum) + n;
	if (f)
		fclose(f);
	return sum;
}
