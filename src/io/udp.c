#include "io/udp.h"

#include "io/sockaddr.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/errqueue.h>
#include <linux/filter.h>
#endif

#define BUFFER_FIXED  (4 << 20)
#define BUFFER_FORCED (32 << 20) /* some 50,000 messages; the kernel takes it twice */
#define BUFFER_OTHER  (256 << 10)
/* IP_PKTINFO or IPV6_PKTINFO, a time, a count */
#define CONTROL_BYTES (CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct timespec)) + CMSG_SPACE(4))
/* Not a power of two: the first bytes of all datagrams would compete for a few places of the processor's cache. */
#define SLOT_BYTES (UDP_DATAGRAM_MAX + 1 + 17 * 64)

static void set(int fd, int level, int name, int value)
{
	/* What the system does not know or grant is a loss of comfort, not of the socket. */
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

static void set_options(int fd, const struct udp_setup *setup)
{
	bool any = addr_is_any(&setup->local); /* else all come to the one address */
	int buffer = setup->local.port ? BUFFER_FIXED : BUFFER_OTHER;
	set(fd, SOL_SOCKET, SO_RCVBUF, buffer);
	set(fd, SOL_SOCKET, SO_SNDBUF, buffer);
#ifdef __linux__
	/* Whoever may have more than net.core.rmem_max (root) takes it where all phones may speak at once. */
	if (setup->local.port) {
		set(fd, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_FORCED);
		set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
		set(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
	}
#endif
	if (setup->shared)
		set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (setup->local.family == 6) {
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
		set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, any);
		set(fd, IPPROTO_IPV6, IPV6_TCLASS, setup->dscp << 2);
#ifdef IPV6_RECVERR
		set(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
#endif
	} else {
#ifdef IP_PKTINFO
		set(fd, IPPROTO_IP, IP_PKTINFO, any);
#endif
		set(fd, IPPROTO_IP, IP_TOS, setup->dscp << 2);
#ifdef IP_RECVERR
		set(fd, IPPROTO_IP, IP_RECVERR, 1);
#endif
	}
}

enum err udp_open(const struct udp_setup *setup, int *out, struct addr *bound)
{
	struct sockaddr_storage sa;
	socklen_t sa_n = sockaddr_write(&setup->local, &sa);
	if (sa_n == 0)
		return ERR_UNSUPPORTED;
	int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return sockaddr_err(errno);
	set_options(fd, setup);
	if (bind(fd, (struct sockaddr *)&sa, sa_n) < 0 || !sockaddr_local(fd, bound)) {
		enum err err = sockaddr_err(errno);
		close(fd);
		return err;
	}
	*out = fd;
	return ERR_NONE;
}

#ifdef __linux__
static uint32_t word(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

/* A program of the classic packet filter; the UDP header's 8 bytes come first. */
static enum err attach(int fd, str prefix, uint16_t share, uint16_t below)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 8 + UDP_SIFT_N, 0, 8),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, below ? 8u + below : UINT32_MAX, 7, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 8),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, word(prefix.p), 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 12),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, word(prefix.p + 4), 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_RANDOM)),
		BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 16),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, share, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) ? ERR_UNSUPPORTED : ERR_NONE;
}
#endif

enum err udp_sift(int fd, str prefix, uint16_t share, uint16_t below)
{
	enum err err = ERR_UNSUPPORTED;
#ifdef __linux__
	int none = 0;

	if (prefix.n == UDP_SIFT_N)
		err = attach(fd, prefix, share, below);
	if (err == ERR_NONE)
		return ERR_NONE;
	(void)setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none));
#else
	(void)fd;
	(void)share;
	(void)below;
#endif
	return prefix.n ? err : ERR_NONE;
}

struct udp_inbox {
	struct mmsghdr headers[UDP_BATCH];
	struct iovec pieces[UDP_BATCH];
	struct sockaddr_in6 remotes[UDP_BATCH];
	size_t used; /* of the headers, by the last read */
	_Alignas(struct cmsghdr) char controls[UDP_BATCH][CONTROL_BYTES];
	struct udp_datagram datagrams[UDP_BATCH];
	char *bytes; /* UDP_BATCH times SLOT_BYTES; pages nobody fills cost nothing */
};

struct udp_inbox *udp_inbox_new(void)
{
	struct udp_inbox *in = calloc(1, sizeof(*in));
	if (!in)
		return NULL;
	in->bytes = malloc((size_t)UDP_BATCH * SLOT_BYTES);
	if (!in->bytes) {
		free(in);
		return NULL;
	}
	in->used = UDP_BATCH;
	for (size_t i = 0; i < UDP_BATCH; i++) {
		in->pieces[i] = (struct iovec){ in->bytes + i * SLOT_BYTES, UDP_DATAGRAM_MAX };
		in->headers[i].msg_hdr = (struct msghdr){ .msg_name = &in->remotes[i],
							  .msg_iov = &in->pieces[i],
							  .msg_iovlen = 1,
							  .msg_control = in->controls[i] };
	}
	return in;
}

void udp_inbox_free(struct udp_inbox *in)
{
	if (!in)
		return;
	free(in->bytes);
	free(in);
}

/* *stamp: when it came, on the wall clock; 0: the system did not say. */
static void read_control(struct msghdr *h, bool any, struct udp_datagram *d, usec *stamp)
{
	*stamp = 0;
	d->lost = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
#ifdef IP_PKTINFO
		if (any && c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;
			memcpy(&info, CMSG_DATA(c), sizeof(info));
			memcpy(d->local.ip, &info.ipi_addr, 4);
		}
#endif
		if (any && c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;
			memcpy(&info, CMSG_DATA(c), sizeof(info));
			memcpy(d->local.ip, &info.ipi6_addr, 16);
		}
#ifdef __linux__
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
			struct timespec t;
			memcpy(&t, CMSG_DATA(c), sizeof(t));
			*stamp = (usec)t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000;
		}
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL)
			memcpy(&d->lost, CMSG_DATA(c), sizeof(d->lost));
#endif
	}
}

static usec wall_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (usec)t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000;
}

static int receive(struct udp_inbox *in, int fd)
{
	for (size_t i = 0; i < in->used; i++) {
		in->headers[i].msg_hdr.msg_namelen = sizeof(in->remotes[i]);
		in->headers[i].msg_hdr.msg_controllen = CONTROL_BYTES;
	}
#ifdef __linux__
	int n = recvmmsg(fd, in->headers, UDP_BATCH, MSG_DONTWAIT, NULL);
	/* One that failed, behind those that came, may have been written to, too. */
	in->used = n < 0 ? 1 : n < UDP_BATCH ? (size_t)n + 1 : UDP_BATCH;
	return n;
#else
	in->used = UDP_BATCH;
	int n = 0;
	for (; n < UDP_BATCH; n++) {
		ssize_t got = recvmsg(fd, &in->headers[n].msg_hdr, 0);
		if (got < 0)
			break;
		in->headers[n].msg_len = (unsigned)got;
	}
	return n;
#endif
}

size_t udp_recv(struct udp_inbox *in, int fd, const struct addr *bound, const struct udp_datagram **out)
{
	int got = receive(in, fd);
	usec now = 0, stamp;
	size_t n = 0;
	for (int i = 0; i < got; i++) {
		struct msghdr *h = &in->headers[i].msg_hdr;
		struct udp_datagram *d = &in->datagrams[n];
		if ((h->msg_flags & MSG_TRUNC) || !sockaddr_read(&in->remotes[i], &d->remote))
			continue;
		d->bytes = str_of(in->pieces[i].iov_base, in->headers[i].msg_len);
		d->local = *bound;
		read_control(h, addr_is_any(bound), d, &stamp);
		if (stamp && !now)
			now = wall_clock();
		/* The wall clock may have been set between; then nothing is known. */
		d->waited = stamp && now > stamp && now - stamp < 60 * USEC_PER_SEC ? now - stamp : 0;
		n++;
	}
	*out = in->datagrams;
	return n;
}

enum err udp_recv_error(int fd, struct addr *remote)
{
#ifdef __linux__
	struct sockaddr_storage to;
	_Alignas(struct cmsghdr) char control[512];
	char byte;
	struct iovec piece = { &byte, 1 };
	for (;;) {
		struct msghdr h = { .msg_name = &to,
				    .msg_namelen = sizeof(to),
				    .msg_iov = &piece,
				    .msg_iovlen = 1,
				    .msg_control = control,
				    .msg_controllen = sizeof(control) };
		if (recvmsg(fd, &h, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			return ERR_ABSENT;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c)) {
			bool v4 = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR;
			bool v6 = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR;
			struct sock_extended_err why;
			if (!v4 && !v6)
				continue;
			memcpy(&why, CMSG_DATA(c), sizeof(why));
			/* Too large for the path is not "nobody there". */
			if (why.ee_errno != EMSGSIZE && sockaddr_read(&to, remote))
				return ERR_NONE;
		}
	}
#else
	(void)fd;
	(void)remote;
	return ERR_ABSENT;
#endif
}
