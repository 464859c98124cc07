/*
 * net/ws.h - one WebSocket without a socket: bytes in, bytes out, whole messages both ways.
 *
 * RFC 6455, for SIP as RFC 7118 wants it: the opening handshake with a sub-protocol,
 * messages in text or binary frames, fragments put together, ping answered, the closing
 * handshake. TLS below it (WSS) is net/tls. No extensions are agreed on.
 *
 *     ws_recv(w, bytes);                what came from the wire (or from TLS)
 *     while (ws_next(w, &out))          WS_SEND, WS_READY, WS_MESSAGE, WS_PONG, WS_CLOSED
 *
 * Bounds: handshake 8 kB and 10 s, a message `message_max`, what waits to be sent WS_OUT_MAX.
 *
 * Memory: opaque; what ws_next points to is valid until the next call. Thread: its owner's.
 */
#ifndef NET_WS_H
#define NET_WS_H

#include "base/err.h"
#include "base/rng.h"
#include "base/str.h"
#include "base/time.h"

#define WS_OUT_MAX ((size_t)1 << 20)

struct ws;

struct ws_settings {
	str protocol;       /* "sip"; must be named by both sides; empty: none is asked for */
	size_t message_max; /* 0: 65535 */
	struct rng *rng;    /* a client's key and masks (10.3: unpredictable); a server needs none */
};

/* NULL: no memory. The settings' text must outlive it. */
struct ws *ws_accept(const struct ws_settings *, usec now);
/* A client that asks for `path` ("/") at `host` ("example.org:8080"). */
struct ws *ws_connect(const struct ws_settings *, str host, str path, usec now);
void ws_free(struct ws *);

/* Copies what it cannot use yet. Harmless after CLOSED. */
void ws_recv(struct ws *, str bytes);
/* Is it valid UTF-8, so that it may go as text (5.6)? */
bool ws_is_text(str message);
/* One whole message; `text`: valid UTF-8 only. ERR_STATE before READY and after ws_close, ERR_FULL, ERR_MEMORY. */
MUST_CHECK enum err ws_send(struct ws *, str message, bool text);
/* A ping; WS_PONG answers it. The same errors. */
MUST_CHECK enum err ws_ping(struct ws *);
/* Says close with this code (1000 normal, 1001 going away, 7.4.1); CLOSED follows when the far side agrees, or after 5
 * s. */
void ws_close(struct ws *, uint16_t code, usec now);
void ws_tick(struct ws *, usec now);
usec ws_due(const struct ws *);

enum ws_do_kind {
	WS_SEND = 1, /* `bytes` to the wire */
	WS_READY,    /* server: path, host and origin as asked (origin empty where there was none: no browser) */
	WS_MESSAGE,  /* `bytes`, whole; `text` as it was marked */
	WS_PONG,
	WS_CLOSED, /* the last one: drop the wire after what was to be sent. `err`, and `code` where the far side gave
		      one */
};

struct ws_do {
	enum ws_do_kind kind;
	str bytes;
	bool text;
	str path, host, origin;
	uint16_t code;
	/* ERR_NONE in good order; ERR_SYNTAX no WebSocket, or a broken frame; ERR_UNSUPPORTED another version or
	 * sub-protocol; ERR_LIMIT; ERR_TIMEOUT; ERR_REFUSED the server answered something else than 101. */
	enum err err;
};

bool ws_next(struct ws *, struct ws_do *out);

#endif
