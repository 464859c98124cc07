/*
 * io/udp_outbox.h - what a thread has to send by UDP, in few system calls.
 *
 * One per thread: gathers datagrams from any socket to anybody, and sends them with one sendmmsg per socket. Three or
 * more of one size from one socket and address to one destination, of which the last may be shorter, leave as one
 * message that the kernel (or the network card) cuts up again (UDP_SEGMENT, "GSO": Linux 4.18): each is a datagram of
 * its own for whoever gets it. A run of eight costs a third of eight datagrams, one of two as much as two.
 *
 * Datagrams on one such way keep their order, except where their sender says of which it matters (`order`).
 *
 * Runs are never longer than 64 datagrams or 64 kB, nor of datagrams over 1232 bytes, which a link of IPv6's smallest
 * MTU may have to fragment and the kernel refuses to. What a kernel, device or path refuses (no checksum offload: EIO;
 * narrow: EINVAL, since 6.14 EMSGSIZE; IPsec) is sent again one by one, and so is what follows to that address, until
 * a thousand runs later one is tried anew. Datagrams are never joined where the kernel is older.
 * An ICMP error that a run brings about may come back once for all of it.
 *
 * Memory: nothing is allocated after the start. Thread: the loop's.
 */
#ifndef IO_UDP_OUTBOX_H
#define IO_UDP_OUTBOX_H

#include "base/addr.h"
#include "base/str.h"

#define UDP_OUTBOX_N     256
#define UDP_OUTBOX_BYTES (512u << 10)

struct udp_outbox;
/* Room for UDP_OUTBOX_N datagrams and UDP_OUTBOX_BYTES. */
struct udp_outbox *udp_outbox_new(void);
void udp_outbox_free(struct udp_outbox *);
/* Copies; false: full, flush first. `source` (may be unset): the local address to send from, for a
 * socket bound to all addresses. `order` as in struct host_want, may be NULL; called at the flush, with the copy.
 * More than UDP_DATAGRAM_MAX bytes are dropped as the network would. */
bool udp_outbox_put(struct udp_outbox *, int fd, str bytes, const struct addr *source, const struct addr *remote,
		    uint32_t (*order)(str));
/* Sends all; what the kernel has no room for is dropped, as the network would; returns how many were.
 * Before a descriptor is closed the outbox must be flushed. */
size_t udp_outbox_flush(struct udp_outbox *);
/* May it send runs? It does wherever the kernel can. For tests and measurements. */
void udp_outbox_join(struct udp_outbox *, bool);

struct udp_outbox_figures {
	uint64_t datagrams, messages; /* messages: what the kernel was handed; fewer where there were runs */
	uint64_t refused;             /* runs that had to be sent one by one */
};
void udp_outbox_read(const struct udp_outbox *, struct udp_outbox_figures *out);

#endif
