/*
 * base/host.h - what a service asks of the machine it runs on, and what it hears.
 *
 * A service (a SIP server, a super node, a peer's node, an edge, a phone) is a state
 * machine without sockets, clock or threads. It is driven through five verbs:
 *
 *     recv(self, event, now)   something happened
 *     tick(self, now)          time has passed; called at or after due()
 *     due(self)                when it wants the next tick; USEC_NEVER: not
 *     next(self, want)         what it wants done next; false: nothing (QUIET)
 *
 * The host (io/driver over the kernel, sim/host over a simulated network) calls
 * recv or tick, then drains next() until it answers false, and carries each want
 * out. So the same object code runs as a daemon, in tests, under virtual time.
 *
 * Names of sockets, listeners and streams are numbers. The service chooses those of
 * what it opens (1 .. HOST_OWN_MAX, each once while in use); the host chooses those
 * of accepted streams (above HOST_OWN_MAX). A service may WRITE to a stream right
 * after it asked to OPEN it: the host keeps the bytes (up to a bound) until it is
 * up. A stream of TCP or TLS is bytes: WRITEs may arrive joined or cut. One of WS or WSS keeps
 * messages apart: each WRITE is one message, a whole SIP message or a keep-alive, and comes out of the other
 * end as one BYTES event; nothing splits or joins them. Every stream ends in exactly one CLOSED event, also one that
 * the service closed itself; only then may its number be used again.
 *
 * Memory: everything a want or an event points to stays its maker's and is valid
 * until the call after next() / until recv() returns. Ownership of `message` in
 * HOST_TELL and HOST_ASK moves with it. Thread: a service lives on one thread for life.
 */
#ifndef BASE_HOST_H
#define BASE_HOST_H

#include "base/addr.h"
#include "base/str.h"
#include "base/time.h"

#define HOST_OWN_MAX   0x7fffffffu
#define HOST_BINDING_N 32
#define HOST_SIFT_N    8

/* RFC 3261 18, 7118; the values are ours. */
enum transport { TRANSPORT_UDP = 1, TRANSPORT_TCP, TRANSPORT_TLS, TRANSPORT_WS, TRANSPORT_WSS };

/* "UDP", as in a Via header; and back, any case. */
str transport_name(enum transport);
bool transport_parse(str, enum transport *out);
static inline bool transport_is_reliable(enum transport t)
{
	return t != TRANSPORT_UDP;
}
/* WebSocket: messages, not bytes. */
static inline bool transport_is_ws(enum transport t)
{
	return t == TRANSPORT_WS || t == TRANSPORT_WSS;
}
static inline bool transport_is_secure(enum transport t)
{
	return t == TRANSPORT_TLS || t == TRANSPORT_WSS;
}

/*
 * A flow: the way bytes came in, and so the way back (RFC 5626 section 3.). A value;
 * it may outlive the stream it names, and a WRITE to a stream that is gone is
 * answered with CLOSED{ERR_CLOSED} again.
 */
struct flow {
	enum transport transport; /* 0: no flow */
	uint16_t worker;          /* which of several equal services (pbx workers) holds socket or stream */
	uint32_t id;              /* UDP: the socket; else the stream */
	struct addr local, remote;
	uint16_t peer; /* 0, or whom of those that its owner knows the far side proved to be (sip_stack_know);
			  a note of the owner's, no part of the way */
};

bool flow_eq(const struct flow *, const struct flow *);

enum host_want_kind {
	HOST_BIND = 1, /* UDP socket `id` on `local` (port 0: any) -> BOUND or FAILED */
	HOST_UNBIND,   /* UDP socket or listener `id` ends; no event follows */
	HOST_SIFT,     /* UDP socket `id`: of the datagrams that begin with `bytes` (HOST_SIFT_N of them) only `share`
			  in 65,536, by chance, are let in from now on, the others are thrown away before they cost
			  anything and are not called lost; those of `below` bytes and more all are, where `below`
			  is set; `bytes` empty: all are let in. What a machine can only do in vain it does
			  not do. No event follows */
	HOST_SEND,     /* datagram `bytes` from socket `id` to `remote`; lost ones say nothing,
			  an ICMP refusal may come back as UNREACHABLE */
	HOST_LISTEN,   /* stream listener `id` on `local`, `transport`, TLS by `tls` -> BOUND or FAILED */
	HOST_OPEN,     /* stream `id` to `remote`, `transport`, TLS by `tls` and `name` -> OPENED or CLOSED */
	HOST_WRITE,    /* `bytes` on stream `id`; over WS and WSS one whole message */
	HOST_CLOSE,    /* stream `id`: what was written is still sent, then closed -> CLOSED */
	HOST_ASK,      /* a question for the keeper: `message` is a struct keeper_ask (store/keeper.h) */
	HOST_TELL,     /* `message` to service `to`; ownership moves */
	HOST_RESOLVE,  /* `question` about `name` -> RESOLVED, with `id` echoed */
	HOST_STOP,     /* the service has finished; the host ends its loop once all services have */
};

/* What a RESOLVE wants to know about its name. */
enum host_question {
	HOST_ADDRESSES, /* A and AAAA, and what the machine itself knows of the name -> `addrs` */
	HOST_SRV,       /* RFC 2782; the name is "_sip._udp.example.com" -> `records` */
	HOST_NAPTR,     /* RFC 3403 -> `records` */
};

/* One SRV or NAPTR record, as it came: in no order, and not believed. */
struct host_record {
	uint16_t priority, weight; /* NAPTR: order, preference */
	uint16_t port;             /* SRV */
	str target;         /* SRV: the host; NAPTR: the replacement; without a dot at the end, empty: the root */
	str flags, service; /* NAPTR */
};

/* The records and their texts in one block of malloc's; NULL: no memory, or none. */
struct host_record *host_records_copy(const struct host_record *, size_t n);

struct host_want {
	enum host_want_kind kind;
	enum transport transport; /* LISTEN, OPEN */
	uint32_t id;
	uint16_t tls;   /* LISTEN, OPEN: credential set, known to who built the host; 0: none */
	uint8_t dscp;   /* BIND, LISTEN, OPEN: marking of what is sent (RFC 4594); 0: none */
	uint16_t share; /* SIFT: of 65,536 */
	uint16_t below; /* SIFT: bytes; 0: of any length */
	uint32_t to;    /* TELL: number of the service */
	struct addr local, remote;
	str bytes;
	/* SEND: datagrams to one remote keep their order, except that those of which this says different numbers, none
	 * of them 0, may overtake each other. A function of the bytes alone; NULL: 0. */
	uint32_t (*order)(str bytes);
	str name;                    /* OPEN over TLS: the name that the certificate must bear; RESOLVE */
	enum host_question question; /* RESOLVE */
	void *message;               /* ASK, TELL */
};

enum host_event_kind {
	HOST_BOUND = 1,   /* socket or listener `id` is up on `local` (the port now known) */
	HOST_FAILED,      /* BIND or LISTEN of `id` failed with `err` */
	HOST_DATAGRAM,    /* `bytes` on socket `id`, `local`, from `remote` */
	HOST_UNREACHABLE, /* socket `id`: nobody at `remote` (ICMP port or host unreachable) */
	HOST_ACCEPTED,    /* new stream `id` from `remote` on listener `listener`; secured where TLS */
	HOST_OPENED,      /* our stream `id` is up, TLS finished */
	HOST_BYTES,       /* `bytes` on stream `id`; any pieces; over WS and WSS one whole message */
	HOST_CLOSED,      /* stream `id` has ended, `err` says why (ERR_NONE: orderly by the far side), `bytes` in
			     words where there are any: "the certificate has expired on 2026-03-01" */
	HOST_ANSWER,      /* the keeper's answer: `message` is a struct keeper_answer, the host's own */
	HOST_TOLD,        /* `message` from service `from`; ownership has moved to the receiver */
	HOST_RESOLVED, /* `id` echoed; `addrs`/`addr_n` or `records`/`record_n` and `ttl_s`, or `err` (ABSENT: the name
			  has none) */
	HOST_STOPPING, /* the person wants an end: finish in good order, then want HOST_STOP */
};

struct host_event {
	enum host_event_kind kind;
	enum transport transport; /* ACCEPTED, OPENED, DATAGRAM, BYTES: complete `flow`s can be built */
	uint32_t id;
	uint32_t listener;
	uint32_t from;
	enum err err;
	struct addr local, remote;
	str bytes;
	usec waited; /* DATAGRAM: how long it has lain unread, 0: not known */
	bool lost;   /* DATAGRAM: since the one before, others found no room */
	void *message;
	const struct addr *addrs;
	size_t addr_n;
	const struct host_record *records;
	size_t record_n;
	uint32_t ttl_s; /* RESOLVED: how long the answer is good; 0: nobody said */
	/* ACCEPTED, OPENED over TLS: RFC 9266 tls-exporter channel binding, the same at both ends of
	 * the stream and nowhere else; zero without TLS. */
	uint8_t binding[HOST_BINDING_N];
	/* ACCEPTED, OPENED over TLS: the domains that the far side's certificate speaks for (RFC 5922 7.1), blanks
	 * between, where its chain leads to an anchor of ours; empty: it proved none. */
	str proved;
};

/* A service as its host sees it. */
struct host_service {
	void *self;
	void (*recv)(void *self, const struct host_event *, usec now);
	void (*tick)(void *self, usec now);
	usec (*due)(const void *self);
	bool (*next)(void *self, struct host_want *out);
	/* Frees a TOLD message that cannot be delivered (box full, service stopped). On any thread, hence
	 * without self. NULL: the service is told nothing that needs freeing. */
	void (*drop)(void *message);
};

#endif
