/*
 * io/udp.h - UDP sockets, datagrams by the batch.
 *
 * One udp_inbox per thread takes up to UDP_BATCH datagrams per system call from
 * whichever socket is ready; it allocates nothing after the start. Where the system has no
 * recvmmsg, the same with one call each. Sending is udp_outbox.h.
 *
 * A socket on all addresses reports the local one of each datagram (IP_PKTINFO), answers from it
 * where asked, and reports ICMP errors (IP_RECVERR). IPv6 sockets are IPv6 only.
 * Sockets with a port of the caller's choice say of each datagram how long it has waited and
 * how many were lost (SO_TIMESTAMPNS, SO_RXQ_OVFL).
 * Kernel buffers: 4 MiB each way wished for, net.core.rmem_max/wmem_max permitting (32 MiB inwards for root), on
 * sockets with a port of the caller's choice; 256 KiB on the others (media, clients).
 * Thread: the loop's.
 */
#ifndef IO_UDP_H
#define IO_UDP_H

#include "base/addr.h"
#include "base/err.h"
#include "base/str.h"
#include "base/time.h"

#define UDP_BATCH        128
#define UDP_DATAGRAM_MAX 65535
#define UDP_SIFT_N       8

struct udp_setup {
	struct addr local; /* port 0: any free one */
	uint8_t dscp;
	bool shared; /* SO_REUSEPORT: several workers of this process on one address */
};

/* Opens and binds; *bound is where (the port now known). ERR_EXISTS (address in use), ERR_REFUSED
 * (a port below 1024), ERR_ABSENT (no such address here), ERR_FULL (descriptors), ERR_IO. */
MUST_CHECK enum err udp_open(const struct udp_setup *, int *fd, struct addr *bound);

/* From now on of the datagrams that begin with `prefix`, UDP_SIFT_N bytes, and are shorter than `below` (0: of any
 * length) only `share` in 65,536, by chance, are put into the socket; `prefix` empty: all are.
 * ERR_UNSUPPORTED (system; another length); then all are. */
MUST_CHECK enum err udp_sift(int fd, str prefix, uint16_t share, uint16_t below);

struct udp_datagram {
	str bytes; /* valid until the next udp_recv on the inbox */
	struct addr remote, local;
	usec waited;   /* in the socket; 0: not known */
	uint32_t lost; /* of this socket so far, for want of room; 0 as long as none was */
};

struct udp_inbox;
struct udp_inbox *udp_inbox_new(void);
void udp_inbox_free(struct udp_inbox *);
/* Takes what is there, at most UDP_BATCH; 0 when nothing is. `bound` fills in the local address where
 * the system does not say it. Datagrams cut by the system (longer than UDP_DATAGRAM_MAX) are left out. */
size_t udp_recv(struct udp_inbox *, int fd, const struct addr *bound, const struct udp_datagram **out);
/* The next error the network sent back: *remote is who could not be reached. ERR_ABSENT: no more. */
MUST_CHECK enum err udp_recv_error(int fd, struct addr *remote);

#endif
