/*
 * io/tcp.h - TCP listeners and streams with bounded write queues.
 *
 * A stream is a descriptor and the bytes it still has to send. It has no watch and
 * no deadline of its own: the owner (io/tls_stream) asks tcp_wanted() what to wait for.
 * TCP_NODELAY everywhere. Thread: the loop's.
 */
#ifndef IO_TCP_H
#define IO_TCP_H

#include "base/addr.h"
#include "base/buf.h"
#include "base/err.h"

#define TCP_QUEUE_MAX (1u << 20) /* bytes a stream keeps for a slow reader; then ERR_FULL */

struct tcp_setup {
	struct addr local; /* open: may be unset */
	uint8_t dscp;
	bool shared; /* listen: SO_REUSEPORT, as in udp.h */
};

/* Errors as udp_open. */
MUST_CHECK enum err tcp_listen(const struct tcp_setup *, int *fd, struct addr *bound);

struct tcp {
	int fd; /* -1: none */
	bool connecting;
	struct buf queue;          /* private */
	struct addr local, remote; /* local: once up */
};

/* Takes the next connection. ERR_ABSENT: none waiting; ERR_FULL: no descriptors left (pause the
 * listener); other errors concern the one connection only. */
MUST_CHECK enum err tcp_accept(int listener, const struct tcp_setup *, struct tcp *out);
/* Begins to connect; up when tcp_connected says so. ERR_UNREACHABLE, ERR_FULL, ERR_IO. */
MUST_CHECK enum err tcp_open(struct tcp *, const struct tcp_setup *, const struct addr *remote);
/* After the descriptor became writable: ERR_MORE not yet, ERR_NONE up, ERR_UNREACHABLE, ERR_TIMEOUT, ERR_IO. */
MUST_CHECK enum err tcp_connected(struct tcp *);
/* Sends what goes now and queues the rest. ERR_FULL beyond the bound, ERR_CLOSED (reset). */
MUST_CHECK enum err tcp_write(struct tcp *, str bytes);
/* Sends from the queue: ERR_NONE all gone, ERR_MORE some is left, ERR_CLOSED. */
MUST_CHECK enum err tcp_flush(struct tcp *);
/* Reads what is there, at most `cap` bytes. ERR_MORE: nothing now; ERR_CLOSED: reset; *n = 0: its end. */
MUST_CHECK enum err tcp_read(struct tcp *, void *p, size_t cap, size_t *n);
unsigned tcp_wanted(const struct tcp *); /* LOOP_READ | LOOP_WRITE */
void tcp_close(struct tcp *);            /* harmless on a closed one */

#endif
