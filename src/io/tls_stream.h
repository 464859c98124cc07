/*
 * io/tls_stream.h - a TCP stream, in the clear or under TLS, from connect to the last byte.
 *
 * Joins io/tcp and the machine net/tls. The owner watches the descriptor for what
 * tls_stream_wanted() says, tells tls_stream_ready(), and drains tls_stream_next().
 * What is written before the stream is up is kept (TCP_QUEUE_MAX) and sent then.
 *
 * The end: of the far side's FIN, of an error, of a write queue beyond its bound, of
 * a connect or handshake longer than 10 s, or of tls_stream_close(): that one sends
 * what was written, says close_notify and FIN, and waits at most 5 s for the far side's.
 *
 * Memory: the owner embeds the struct, and frees it with tls_stream_free. Thread: the loop's.
 */
#ifndef IO_TLS_STREAM_H
#define IO_TLS_STREAM_H

#include "base/time.h"
#include "io/tcp.h"
#include "net/tls.h"

#define TLS_STREAM_UP_MAX    (10 * USEC_PER_SEC)
#define TLS_STREAM_CLOSE_MAX (5 * USEC_PER_SEC)
#define TLS_STREAM_SCRATCH   16384 /* for tls_stream_next */

struct tls_stream {
	struct tcp tcp;

	struct tls *tls; /* private; NULL: in the clear */
	struct buf early;
	str in;
	usec due;
	bool up, told_up, eof, closing, said_close, shut, ended, told_end;
	enum err err;
	const char *why;
};

/* Connects. With credentials (a reference is taken) under TLS: the certificate must bear `name`, or be
 * pinned by it ("sha256:HEX"). Never fails: what goes wrong comes as CLOSED. */
void tls_stream_open(struct tls_stream *, const struct tcp_setup *, const struct addr *remote, struct tls_credentials *,
		     str name, usec now);
/* An accepted connection, which is its own from now on. UP comes after the handshake. */
void tls_stream_take(struct tls_stream *, const struct tcp *, struct tls_credentials *, usec now);
/* Takes the next connection of a listener; errors as tcp_accept. UP comes after the handshake. */
MUST_CHECK enum err tls_stream_accept(struct tls_stream *, int listener, const struct tcp_setup *,
				      struct tls_credentials *, usec now);
void tls_stream_free(struct tls_stream *);

/* All or nothing; what goes wrong comes as CLOSED. Nothing after tls_stream_close. Drain next() then. */
void tls_stream_write(struct tls_stream *, str bytes);
void tls_stream_close(struct tls_stream *, usec now);
void tls_stream_fail(struct tls_stream *, enum err); /* CLOSED with this */
/* The descriptor is ready (enum loop_ready). `raw` (TLS_STREAM_SCRATCH or more) is read into; what is in it
 * must stay until next() answers false. */
void tls_stream_ready(struct tls_stream *, unsigned ready, void *raw, size_t raw_n, usec now);
void tls_stream_tick(struct tls_stream *, usec now);
usec tls_stream_due(const struct tls_stream *);
unsigned tls_stream_wanted(const struct tls_stream *);

enum tls_stream_kind {
	TLS_STREAM_UP = 1, /* connected, secured; tls_stream_binding() works */
	TLS_STREAM_BYTES,
	TLS_STREAM_CLOSED, /* the last one, exactly once; `err`, `why` in words or NULL, until the stream is freed */
};

struct tls_stream_do {
	enum tls_stream_kind kind;
	str bytes;
	enum err err;
	const char *why;
};

/* false: nothing now. `scratch` of TLS_STREAM_SCRATCH bytes may be shared by all streams of a thread. */
bool tls_stream_next(struct tls_stream *, void *scratch, usec now, struct tls_stream_do *out);
/* RFC 9266; zero in the clear. */
void tls_stream_binding(const struct tls_stream *, uint8_t out[TLS_BINDING_N]);
/* As tls_proved(); nothing in the clear. */
void tls_stream_proved(const struct tls_stream *, struct buf *out);

#endif
