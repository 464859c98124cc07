#include "io/udp_outbox.h"

#include "io/sockaddr.h"
#include "io/udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <unistd.h>

#if defined(__linux__) && !defined(UDP_SEGMENT)
#define UDP_SEGMENT 103
#endif

#define INDEX_N       (2 * UDP_OUTBOX_N)
#define NONE          UINT16_MAX
#define RUN_MIN       3 /* two cost as much as one and one */
#define RUN_MAX       64
#define AHEAD_MAX     64    /* how far is looked for more of a size */
#define RUN_BYTES     65000 /* with headers less than 64 kB */
#define SEGMENT_MAX   1232  /* 1280 less the headers of IPv6 and UDP */
#define REFUSAL_N     64
#define REFUSAL_RUNS  1000
#define CONTROL_BYTES (CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(uint16_t)))

struct datagram {
	uint32_t at, n;
	uint32_t order; /* known once it has mattered: ordered */
	uint16_t next;  /* on the same way */
	bool ordered;
	uint32_t (*order_of)(str);
};

/* From one socket and address to one destination. */
struct way {
	struct addr source, remote;
	uint16_t first, last, n;
};

/* A destination that would not have runs of datagrams longer than this. */
struct refusal {
	struct addr remote;
	uint16_t longest, left; /* runs to do without, before one is tried again */
};

struct udp_outbox {
	struct datagram datagrams[UDP_OUTBOX_N];
	struct way ways[UDP_OUTBOX_N];
	int fds[UDP_OUTBOX_N];   /* of the ways; -1: sent */
	uint16_t index[INDEX_N]; /* of the ways by their hash; + 1, 0: none */
	size_t n, way_n, used;
	size_t dropped;
	bool joins;
	struct refusal refusals[REFUSAL_N];
	struct udp_outbox_figures figures;

	/* Of one descriptor, made at the flush. */
	struct mmsghdr headers[UDP_OUTBOX_N];
	uint16_t of[UDP_OUTBOX_N]; /* a message's way */
	struct iovec pieces[UDP_OUTBOX_N];
	struct sockaddr_in6 remotes[UDP_OUTBOX_N];
	_Alignas(struct cmsghdr) char controls[UDP_OUTBOX_N][CONTROL_BYTES];
	char bytes[UDP_OUTBOX_BYTES];
};

/* Older kernels do not refuse the control message but overlook it, and would send a run as one datagram. */
static bool kernel_joins(void)
{
#ifdef __linux__
	int size = 0;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool joins = fd >= 0 && setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)) == 0;
	if (fd >= 0)
		close(fd);
	return joins;
#else
	return false;
#endif
}

struct udp_outbox *udp_outbox_new(void)
{
	struct udp_outbox *out = calloc(1, sizeof(struct udp_outbox));
	if (out)
		out->joins = kernel_joins();
	return out;
}

void udp_outbox_free(struct udp_outbox *out)
{
	free(out);
}

void udp_outbox_join(struct udp_outbox *out, bool may)
{
	out->joins = may && kernel_joins();
}

void udp_outbox_read(const struct udp_outbox *out, struct udp_outbox_figures *figures)
{
	*figures = out->figures;
}

/* No secret is needed: there are at most UDP_OUTBOX_N ways in twice as many places. */
static size_t hash(int fd, const struct addr *remote)
{
	uint64_t a, b;
	memcpy(&a, remote->ip, 8);
	memcpy(&b, remote->ip + 8, 8);
	a = (a ^ (b * 31) ^ ((uint64_t)remote->port << 40) ^ (unsigned)fd) * 0x9e3779b97f4a7c15u;
	return (size_t)(a >> 48);
}

static uint16_t way_of(struct udp_outbox *out, int fd, const struct addr *source, const struct addr *remote)
{
	for (size_t at = hash(fd, remote) % INDEX_N;; at = (at + 1) % INDEX_N) {
		uint16_t i = out->index[at];
		if (i == 0) {
			out->index[at] = (uint16_t)++out->way_n;
			i = (uint16_t)(out->way_n - 1);
			out->ways[i] = (struct way){ .source = *source, .remote = *remote, .first = NONE };
			out->fds[i] = fd;
			return i;
		}
		if (out->fds[i - 1] == fd && addr_eq(&out->ways[i - 1].remote, remote) &&
		    addr_eq(&out->ways[i - 1].source, source))
			return (uint16_t)(i - 1);
	}
}

bool udp_outbox_put(struct udp_outbox *out, int fd, str bytes, const struct addr *source, const struct addr *remote,
		    uint32_t (*order)(str))
{
	if (bytes.n > UDP_DATAGRAM_MAX) {
		out->dropped++;
		return true;
	}
	if (out->n == UDP_OUTBOX_N || bytes.n > UDP_OUTBOX_BYTES - out->used)
		return false;
	if (bytes.n)
		memcpy(out->bytes + out->used, bytes.p, bytes.n);
	out->datagrams[out->n] =
		(struct datagram){ .at = (uint32_t)out->used, .n = (uint32_t)bytes.n, .next = NONE, .order_of = order };
	struct way *w = &out->ways[way_of(out, fd, source, remote)];
	if (w->first == NONE)
		w->first = (uint16_t)out->n;
	else
		out->datagrams[w->last].next = (uint16_t)out->n;
	w->last = (uint16_t)out->n;
	w->n++;
	out->used += bytes.n;
	out->n++;
	return true;
}

static struct refusal *refusal_of(struct udp_outbox *out, const struct addr *remote)
{
	struct addr ip = *remote;
	ip.port = 0;
	return &out->refusals[hash(0, &ip) % REFUSAL_N];
}

/* The longest datagram of a run to there; 0: no runs. */
static size_t longest(struct udp_outbox *out, const struct addr *remote)
{
	struct refusal *r = refusal_of(out, remote);
	if (r->left == 0 || !addr_eq_ip(&r->remote, remote))
		return SEGMENT_MAX;
	return r->longest;
}

static void refuse(struct udp_outbox *out, const struct addr *remote, size_t n, int why)
{
	struct refusal *r = refusal_of(out, remote);
	/* Where the path is narrow shorter ones may pass. */
	bool narrow = why == EMSGSIZE || why == EINVAL;
	if (!narrow && why != EIO && why != ENOPROTOOPT && why != EOPNOTSUPP && why != ENOSYS)
		return;
	*r = (struct refusal){ *remote, (uint16_t)(narrow ? n / 2 : 0), REFUSAL_RUNS };
}

static uint32_t order_of(struct udp_outbox *out, struct datagram *d)
{
	if (!d->ordered && d->order_of)
		d->order = d->order_of(str_of(out->bytes + d->at, d->n));
	d->ordered = true;
	return d->order;
}

/* The orders of what is overtaken. One that is not there may seem to be, never the other way round. */
struct overtaken {
	uint64_t bits[4];
	bool all;
};

static void overtake(struct overtaken *o, uint32_t order)
{
	if (order == 0)
		o->all = true;
	o->bits[order >> 6 & 3] |= (uint64_t)1 << (order & 63);
}

static bool may_overtake(const struct overtaken *o, uint32_t order)
{
	return order != 0 && !o->all && !(o->bits[order >> 6 & 3] >> (order & 63) & 1);
}

/* Brings datagrams of the first one's size behind it, as far as none of them overtakes what it must not, then a shorter
 * one where that came next. Returns how many are a run from there on. */
static unsigned gather_run(struct udp_outbox *out, uint16_t first)
{
	struct datagram *all = out->datagrams, *tail = &all[first];
	struct overtaken o = { 0 };
	size_t size = tail->n, sum = size;
	unsigned n = 1;
	uint16_t before = first; /* the last one that stays where it is */
	for (unsigned seen = 0; all[before].next != NONE && n < RUN_MAX && seen < AHEAD_MAX && !o.all; seen++) {
		uint16_t at = all[before].next;
		struct datagram *d = &all[at];
		bool skipped = d->n != size || sum + size > RUN_BYTES;
		if (tail == &all[before] && !skipped) { /* in its place already */
			before = at;
		} else if (!skipped && may_overtake(&o, order_of(out, d))) {
			all[before].next = d->next;
			d->next = tail->next;
			tail->next = at;
		} else {
			overtake(&o, order_of(out, d));
			before = at;
			continue;
		}
		tail = d;
		sum += size;
		n++;
	}
	if (n > 1 && n < RUN_MAX && tail->next != NONE && all[tail->next].n && all[tail->next].n < size &&
	    sum + all[tail->next].n <= RUN_BYTES)
		n++;
	return n;
}

/* How many of the way's datagrams, from this one on, leave as one message. */
static unsigned run_from(struct udp_outbox *out, const struct way *w, uint16_t first, unsigned left)
{
	size_t size = out->datagrams[first].n;
	if (size == 0 || left < RUN_MIN || size > SEGMENT_MAX || !out->joins)
		return 1;
	unsigned n = gather_run(out, first);
	if (n < RUN_MIN)
		return 1;
	if (size <= longest(out, &w->remote))
		return n;
	struct refusal *r = refusal_of(out, &w->remote);
	if (r->left)
		r->left--;
	return 1;
}

static void put_control(struct msghdr *h, int level, int type, const void *what, size_t n)
{
	struct cmsghdr *c = (struct cmsghdr *)((char *)h->msg_control + h->msg_controllen);
	*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(n), .cmsg_level = level, .cmsg_type = type };
	memcpy(CMSG_DATA(c), what, n);
	h->msg_controllen += CMSG_SPACE(n);
}

static void put_source(struct msghdr *h, const struct addr *source)
{
	if (source->family == 6) {
		struct in6_pktinfo info = { 0 };
		memcpy(&info.ipi6_addr, source->ip, 16);
		put_control(h, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	}
#ifdef IP_PKTINFO
	if (source->family == 4) {
		struct in_pktinfo info = { 0 };
		memcpy(&info.ipi_spec_dst, source->ip, 4);
		put_control(h, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	}
#endif
}

/* Message m, with its pieces: the n datagrams of the way from `first` on. Returns the one after them. */
static uint16_t write_message(struct udp_outbox *out, const struct way *w, size_t m, struct iovec *piece,
			      uint16_t first, unsigned n)
{
	struct msghdr *h = &out->headers[m].msg_hdr;
	*h = (struct msghdr){ .msg_name = &out->remotes[m],
			      .msg_namelen = sockaddr_write(&w->remote, &out->remotes[m]),
			      .msg_iov = piece,
			      .msg_iovlen = n,
			      .msg_control = out->controls[m] };
	put_source(h, &w->source);
#ifdef __linux__
	if (n > 1) {
		uint16_t size = (uint16_t)out->datagrams[first].n;
		put_control(h, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size));
	}
#endif
	if (h->msg_controllen == 0)
		h->msg_control = NULL;
	for (unsigned i = 0; i < n; i++) {
		*piece++ = (struct iovec){ out->bytes + out->datagrams[first].at, out->datagrams[first].n };
		first = out->datagrams[first].next;
	}
	return first;
}

static int transmit(int fd, struct mmsghdr *headers, unsigned n)
{
#ifdef __linux__
	return sendmmsg(fd, headers, n, MSG_DONTWAIT);
#else
	return sendmsg(fd, &headers->msg_hdr, MSG_DONTWAIT) < 0 ? -1 : 1;
#endif
}

/* Returns how many leave, until one cannot: *why. An error that waits in the error queue is told once by the next call
 * too, and says nothing about this message: try it again. */
static unsigned transmit_some(int fd, struct mmsghdr *headers, unsigned n, int *why)
{
	bool again = true;
	unsigned i = 0;
	*why = 0;
	while (i < n) {
		int sent = transmit(fd, headers + i, n - i);
		if (sent > 0) {
			i += (unsigned)sent;
			again = true;
		} else if (again && errno != EAGAIN) {
			again = false;
		} else {
			*why = errno;
			break;
		}
	}
	return i;
}

/* The datagrams of a run that was refused, each for itself. */
static void send_singly(struct udp_outbox *out, int fd, const struct msghdr *run)
{
	struct mmsghdr headers[RUN_MAX];
	unsigned n = (unsigned)run->msg_iovlen;
	int why;
	for (unsigned i = 0; i < n; i++) {
		struct msghdr *h = &headers[i].msg_hdr;
		*h = *run;
		h->msg_iov = run->msg_iov + i;
		h->msg_iovlen = 1;
		h->msg_controllen -= CMSG_SPACE(sizeof(uint16_t));
		if (h->msg_controllen == 0)
			h->msg_control = NULL;
	}
	for (unsigned i = 0; i < n; i++) {
		i += transmit_some(fd, headers + i, n - i, &why);
		if (i < n)
			out->dropped++;
	}
}

/* What fails concerns the first message of those that are left, and no other. */
static void send_batch(struct udp_outbox *out, int fd, unsigned n)
{
	int why;
	for (unsigned i = 0; i < n; i++) {
		i += transmit_some(fd, out->headers + i, n - i, &why);
		if (i == n)
			return;
		const struct msghdr *h = &out->headers[i].msg_hdr;
		if (h->msg_iovlen == 1 || why == EAGAIN) {
			out->dropped += h->msg_iovlen;
			continue;
		}
		out->figures.refused++;
		refuse(out, &out->ways[out->of[i]].remote, h->msg_iov->iov_len, why);
		send_singly(out, fd, h);
	}
}

static void send_all_of(struct udp_outbox *out, size_t first_way)
{
	int fd = out->fds[first_way];
	struct iovec *piece = out->pieces;
	unsigned m = 0;
	for (size_t i = first_way; i < out->way_n; i++) {
		if (out->fds[i] != fd)
			continue;
		out->fds[i] = -1;
		unsigned left = out->ways[i].n;
		for (uint16_t at = out->ways[i].first; at != NONE; m++) {
			unsigned n = run_from(out, &out->ways[i], at, left);
			left -= n;
			out->of[m] = (uint16_t)i;
			at = write_message(out, &out->ways[i], m, piece, at, n);
			piece += n;
		}
	}
	out->figures.messages += m;
	send_batch(out, fd, m);
}

size_t udp_outbox_flush(struct udp_outbox *out)
{
	size_t dropped;
	for (size_t i = 0; i < out->way_n; i++)
		if (out->fds[i] >= 0)
			send_all_of(out, i);
	if (out->way_n)
		memset(out->index, 0, sizeof(out->index));
	out->figures.datagrams += out->n;
	dropped = out->dropped;
	out->n = out->way_n = out->used = out->dropped = 0;
	return dropped;
}
