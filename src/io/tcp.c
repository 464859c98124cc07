#include "io/tcp.h"

#include "io/loop.h"
#include "io/sockaddr.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

/* Those that wait to be accepted: as many as the system has room for (net.core.somaxconn). Whoever finds none comes
 * again after 1, 3, 7, 15 s, and so late when the power is back that there is nothing left to do. */
#define LISTEN_MAX 65535

static void set(int fd, int level, int name, int value)
{
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

static void set_dscp(int fd, uint8_t family, uint8_t dscp)
{
	if (dscp && family == 6)
		set(fd, IPPROTO_IPV6, IPV6_TCLASS, dscp << 2);
	else if (dscp)
		set(fd, IPPROTO_IP, IP_TOS, dscp << 2);
}

static int open_socket(const struct addr *family_of, uint8_t dscp)
{
	int fd = socket(family_of->family == 6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (family_of->family == 6)
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	set_dscp(fd, family_of->family, dscp);
	return fd;
}

static bool bind_to(int fd, const struct addr *local)
{
	struct sockaddr_storage sa;
	socklen_t n = sockaddr_write(local, &sa);
	return bind(fd, (struct sockaddr *)&sa, n) == 0;
}

enum err tcp_listen(const struct tcp_setup *setup, int *out, struct addr *bound)
{
	if (!addr_is_set(&setup->local))
		return ERR_UNSUPPORTED;
	int fd = open_socket(&setup->local, setup->dscp);
	if (fd < 0)
		return sockaddr_err(errno);
	set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (setup->shared)
		set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (!bind_to(fd, &setup->local) || listen(fd, LISTEN_MAX) < 0 || !sockaddr_local(fd, bound)) {
		enum err err = sockaddr_err(errno);
		close(fd);
		return err;
	}
	*out = fd;
	return ERR_NONE;
}

static void begin(struct tcp *t, int fd, const struct addr *remote)
{
	*t = (struct tcp){ .fd = fd, .remote = *remote };
	buf_init_grow(&t->queue, TCP_QUEUE_MAX);
	set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

enum err tcp_accept(int listener, const struct tcp_setup *setup, struct tcp *out)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t n = sizeof(sa);
	struct addr remote;
	int fd = accept4(listener, (struct sockaddr *)&sa, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? ERR_ABSENT : sockaddr_err(errno);
	if (!sockaddr_read(&sa, &remote)) {
		close(fd);
		return ERR_UNSUPPORTED;
	}
	set_dscp(fd, remote.family, setup->dscp);
	begin(out, fd, &remote);
	sockaddr_local(fd, &out->local);
	return ERR_NONE;
}

enum err tcp_open(struct tcp *t, const struct tcp_setup *setup, const struct addr *remote)
{
	struct sockaddr_storage sa;
	socklen_t n = sockaddr_write(remote, &sa);
	if (n == 0)
		return ERR_UNREACHABLE;
	int fd = open_socket(remote, setup->dscp);
	if (fd < 0)
		return sockaddr_err(errno);
	/* A source port shared with a listener, or one just used, is allowed. */
	set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if ((addr_is_set(&setup->local) && !bind_to(fd, &setup->local)) ||
	    (connect(fd, (struct sockaddr *)&sa, n) < 0 && errno != EINPROGRESS)) {
		enum err err = sockaddr_err(errno);
		close(fd);
		return err;
	}
	begin(t, fd, remote);
	t->connecting = true;
	return ERR_NONE;
}

enum err tcp_connected(struct tcp *t)
{
	int number = 0;
	socklen_t n = sizeof(number);
	struct sockaddr_storage sa;
	socklen_t sa_n = sizeof(sa);
	if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &number, &n) < 0)
		return ERR_IO;
	if (number != 0) {
		enum err err = sockaddr_err(number);
		return err == ERR_CLOSED ? ERR_UNREACHABLE : err;
	}
	if (getpeername(t->fd, (struct sockaddr *)&sa, &sa_n) < 0)
		return ERR_MORE;
	t->connecting = false;
	sockaddr_local(t->fd, &t->local);
	return ERR_NONE;
}

/* How many bytes went; -1 where the connection is gone. */
static ssize_t transmit(struct tcp *t, str bytes)
{
	size_t sent = 0;
	while (sent < bytes.n) {
		ssize_t n = send(t->fd, bytes.p + sent, bytes.n - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? (ssize_t)sent : -1;
		sent += (size_t)n;
	}
	return (ssize_t)sent;
}

enum err tcp_write(struct tcp *t, str bytes)
{
	if (!t->connecting && t->queue.n == 0) {
		ssize_t n = transmit(t, bytes);
		if (n < 0)
			return ERR_CLOSED;
		bytes = str_skip(bytes, (size_t)n);
	}
	if (bytes.n == 0)
		return ERR_NONE;
	if (bytes.n > TCP_QUEUE_MAX - t->queue.n)
		return ERR_FULL;
	buf_put(&t->queue, bytes);
	return t->queue.err;
}

enum err tcp_flush(struct tcp *t)
{
	if (t->connecting)
		return t->queue.n ? ERR_MORE : ERR_NONE;
	ssize_t n = transmit(t, buf_str(&t->queue));
	if (n < 0)
		return ERR_CLOSED;
	buf_eat(&t->queue, (size_t)n);
	if (t->queue.n)
		return ERR_MORE;
	/* An idle stream holds no buffer. */
	buf_free(&t->queue);
	buf_init_grow(&t->queue, TCP_QUEUE_MAX);
	return ERR_NONE;
}

enum err tcp_read(struct tcp *t, void *p, size_t cap, size_t *out)
{
	for (;;) {
		ssize_t n = recv(t->fd, p, cap, MSG_DONTWAIT);
		if (n >= 0) {
			*out = (size_t)n;
			return ERR_NONE;
		}
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return ERR_MORE;
		if (errno != EINTR)
			return sockaddr_err(errno);
	}
}

unsigned tcp_wanted(const struct tcp *t)
{
	return t->connecting ? LOOP_WRITE : LOOP_READ | (t->queue.n ? LOOP_WRITE : 0);
}

void tcp_close(struct tcp *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	buf_free(&t->queue);
}
