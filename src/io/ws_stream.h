/*
 * io/ws_stream.h - the WebSocket on top of a stream: whole messages instead of bytes.
 *
 * Joins io/tls_stream (TCP, or TLS where it is WSS) and the machine net/ws, for SIP (RFC 7118): the
 * sub-protocol is "sip". Speaks as tls_stream does, so that the owner of both sees UP, BYTES and CLOSED:
 * UP after the opening handshake, BYTES once a message. A write is a message: in a text frame where it
 * is UTF-8, else in a binary one (7118 4.2). What is written before UP is kept, message by message.
 *
 * Times: the handshake has 10 s once the stream below is up. A far side that has said nothing for a minute is
 * pinged (a browser's page cannot), and gone when it stays silent for half a minute more. A close
 * waits at most 5 s for the far side's, then the stream below is closed.
 *
 * Bounds: a message in 65535 bytes (a longer one ends the stream: ERR_LIMIT); 1 MiB early, 1 MiB on its way out.
 *
 * Memory: the owner embeds the struct beside its tls_stream, and frees it with ws_stream_free. Thread: the loop's.
 */
#ifndef IO_WS_STREAM_H
#define IO_WS_STREAM_H

#include "io/tls_stream.h"
#include "net/ws.h"

#define WS_STREAM_QUIET_MAX (60 * USEC_PER_SEC)
#define WS_STREAM_PONG_MAX  (30 * USEC_PER_SEC)

struct ws_stream {
	struct ws *ws; /* private, all of it; NULL: the stream below is not up yet */
	struct rng *rng;
	bool server, up, closing, over, pinged;
	char host[256];
	struct buf early; /* a u32 length ahead of each message */
	usec due;
	enum err err;
};

/* `host` is what a client asks for ("example.org:8080"); empty: it is the server. `rng` outlives it. */
void ws_stream_start(struct ws_stream *, str host, struct rng *);
void ws_stream_free(struct ws_stream *);

/* One message, all or nothing; what goes wrong comes as CLOSED. */
void ws_stream_write(struct ws_stream *, struct tls_stream *below, str message);
void ws_stream_close(struct ws_stream *, struct tls_stream *below, usec now);
void ws_stream_tick(struct ws_stream *, struct tls_stream *below, usec now);
usec ws_stream_due(const struct ws_stream *, const struct tls_stream *below);
/* As tls_stream_next, in its stead. CLOSED: ERR_NONE after a closing handshake, ERR_CLOSED where the stream just
 * ended, ERR_SYNTAX, ERR_UNSUPPORTED, ERR_LIMIT, ERR_TIMEOUT, ERR_REFUSED as net/ws says. */
bool ws_stream_next(struct ws_stream *, struct tls_stream *below, void *scratch, usec now, struct tls_stream_do *out);

#endif
