/*
 * sip/flows.h - the sockets and streams under a stack, by number.
 *
 * Listeners, connections in and out, their reuse (RFC 3261 18.1.1, 18.2; RFC 5923), framing, keep-alive
 * (RFC 5626 4.4), and the times after which a silent or dawdling stream is closed.
 * A part of sip/stack, which puts transactions on top: messages come up whole, bytes
 * go down in blobs. Over WebSocket (RFC 7118) the host
 * keeps messages apart, so one BYTES is one message and one blob is one WRITE. Nothing here knows a socket: everything
 * is host events and wants.
 *
 * Memory: embedded in its owner. Thread: its owner's.
 */
#ifndef SIP_FLOWS_H
#define SIP_FLOWS_H

#include "base/heap.h"
#include "base/host.h"
#include "base/log.h"
#include "base/map.h"
#include "base/rng.h"
#include "sip/keepalive.h"
#include "sip/msg.h"
#include "sip/outbox.h"
#include "sip/sources.h"
#include "sip/transport.h"

#define SIP_FLOWS_LISTENERS  64
#define SIP_FLOWS_SENT_BY    256 /* bytes of host[:port] */
#define SIP_FLOWS_LAST_WORDS (2 * USEC_PER_SEC)
#define SIP_FLOWS_PONG_WAIT  (10 * USEC_PER_SEC) /* RFC 5626 4.4.1 */

struct sip_flows_listener {
	enum transport transport; /* 0: free */
	bool up;
	uint16_t tls;
	struct addr local;
	char sent_by[SIP_FLOWS_SENT_BY];
	size_t sent_by_n;
};

enum sip_flows_step {
	SIP_FLOWS_QUIET = 0,
	SIP_FLOWS_MESSAGE, /* `bytes` came by `flow` */
	SIP_FLOWS_BROKEN, /* `bytes` is the head of a message without a known end: answer it if it can be, then close */
	SIP_FLOWS_LISTENING,   /* flow.id is up on flow.local, or err */
	SIP_FLOWS_UP,          /* stream `flow`, `binding`; `bytes`: what the far side proved (host_event.proved) */
	SIP_FLOWS_GONE,        /* stream `flow`, err, `bytes`: why, in words (may be empty); or a datagram's that was
				  probed */
	SIP_FLOWS_PONG,        /* `flow` answers */
	SIP_FLOWS_UNREACHABLE, /* nobody at flow.remote */
	SIP_FLOWS_CARRY,       /* `bytes` to flow.worker */
};

struct sip_flows_event {
	enum sip_flows_step step;
	struct flow flow;
	str bytes;
	enum err err;
	uint8_t binding[HOST_BINDING_N];
};

struct sip_stream; /* one connection; private to flows.c */
struct sip_flows_notice;

struct sip_flows {
	struct sip_outbox outbox; /* the owner drains it */
	const struct log *log;    /* private from here on */
	uint16_t worker;
	uint32_t id_first, id_n, id_next;
	uint32_t stream_max;
	usec idle_max, partial_max;
	struct rng *rng;
	uint64_t key[2];
	struct sip_sources sources; /* of accepted streams */
	struct sip_keepalive keepalive;
	uint32_t listener_n; /* places of the next that have ever been taken */
	struct sip_flows_listener listeners[SIP_FLOWS_LISTENERS];
	struct map by_id, by_remote, by_alias;
	struct heap deadlines;
	struct sip_flows_notice *notices; /* what has happened and was not asked for yet */
	uint32_t notice_n, notice_at, notice_cap;
	struct sip_blob *carried;
	struct flow input_flow; /* what recv brought */
	str input;
	uint32_t input_stream; /* 0: a datagram */
};

struct sip_flows_config {
	const struct log *log;
	struct rng *rng;
	uint16_t worker;
	uint32_t id_first, id_n, stream_max, source_max;
	usec idle_max, partial_max;
};

void sip_flows_init(struct sip_flows *, const struct sip_flows_config *);
void sip_flows_free(struct sip_flows *);
uint32_t sip_flows_listen(struct sip_flows *, enum transport, const struct addr *local, uint16_t tls, str sent_by);
const struct sip_flows_listener *sip_flows_listener(const struct sip_flows *, enum transport, uint8_t family);
/* host[:port] of our Via over this flow. */
void sip_flows_sent_by(const struct sip_flows *, const struct flow *, struct buf *out);

void sip_flows_recv(struct sip_flows *, const struct host_event *, usec now);
void sip_flows_tick(struct sip_flows *, usec now);
usec sip_flows_due(const struct sip_flows *);
enum sip_flows_step sip_flows_next(struct sip_flows *, struct sip_flows_event *out, usec now);

/* The flow a message to this target takes; opens a connection where none is there. transport 0: no way. */
struct flow sip_flows_find(struct sip_flows *, const struct sip_target *, usec now);
/* ERR_CLOSED: the stream is gone. ERR_FULL, ERR_MEMORY. */
MUST_CHECK enum err sip_flows_send(struct sip_flows *, const struct flow *, struct sip_blob *);
/* A text that nobody else keeps: written over this room, then sent, before anything else is. No room: it would not do
 * for this flow, or not now. The same errors; the text is lost by them. */
struct buf sip_flows_room(struct sip_flows *, const struct flow *);
MUST_CHECK enum err sip_flows_send_text(struct sip_flows *, const struct flow *, const struct buf *);
void sip_flows_ping(struct sip_flows *, const struct flow *, usec now);
/* A ping that is always answered: over datagrams by STUN (sip/keepalive.h). PONG or GONE follows. */
void sip_flows_probe(struct sip_flows *, const struct flow *, usec now);
/*
 * RFC 5923: the far side of an accepted TLS stream asks (`alias` in its Via) that requests to its address and this port
 * (of its sent-by) come back by it. They do where they are for a domain that its certificate proved (8.2), and never
 * where it proved none. Kept for as long as the stream lasts.
 */
void sip_flows_alias(struct sip_flows *, const struct flow *, uint16_t port);
/* Would such a request of ours make sense: over TLS, on a stream that we opened, with a listener to be found at? */
bool sip_flows_wants_alias(const struct sip_flows *, const struct flow *);
/* flow.peer of what comes by this stream from now on. */
void sip_flows_know(struct sip_flows *, const struct flow *, uint16_t peer);
/* A message or a ping must come by this stream every `span` from now on, or it is closed. */
void sip_flows_expect(struct sip_flows *, const struct flow *, usec span, usec now);
/* Is it up? false while a stream is being opened, and where it is gone. */
bool sip_flows_is_up(const struct sip_flows *, const struct flow *);
/* The far side cannot be understood any more: nothing more is heard, answers to what was understood still go for
 * SIP_FLOWS_LAST_WORDS, then it is closed. */
void sip_flows_deafen(struct sip_flows *, const struct flow *, usec now);
void sip_flows_close(struct sip_flows *, const struct flow *);
/* Is the stream there and not being closed? A datagram flow always is. */
bool sip_flows_alive(const struct sip_flows *, const struct flow *);

#endif
