/*
 * sip/stack.h - the transactions and transport rules of one worker.
 *
 * Between a host (bytes of sockets and streams, base/host.h) and a transaction user
 * (TU: registrar and proxy, user agent, edge). It frames, parses, stamps Via (RFC 3581),
 * matches and repeats (RFC 3261 17 with RFC 6026 and RFC 4320), finds or opens connections (18), answers
 * by itself what no TU need see (400, 505, 481 to CANCEL, 503 when full), and never
 * touches a socket: an overlay may feed streams from any carrier and catch their WRITEs by number.
 *
 * How a TU drives it, in its own recv and tick:
 *
 *     sip_stack_recv(stack, event, now);            or sip_stack_tick(stack, now)
 *     while (sip_stack_next(stack, &e, now))        until false, before its own recv returns:
 *             ...                                   the events point into what recv brought
 *     and in its own next():  sip_stack_want(stack, &want)
 *
 * Bounds: transactions, streams, listeners, message length, unfinished messages in time. When the
 * transaction table is full, finished transactions that only soak up repeats go first,
 * oldest first; when none is left, new requests get 503 with Retry-After, statelessly.
 *
 * Memory: opaque; whatever an event or want points to is the stack's, valid until the next call of
 * the function that gave it (messages: until the next sip_stack_next). Thread: one for life.
 */
#ifndef SIP_STACK_H
#define SIP_STACK_H

#include "base/host.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/slab.h"
#include "sip/edit.h"
#include "sip/figures.h"
#include "sip/timing.h"
#include "sip/transport.h"

struct sip_stack;

/* Sees every whole message that passes, in and out, as it is on the wire. For the trace. */
struct sip_tap {
	void (*message)(void *self, bool out, const struct flow *, str bytes, usec now);
	void *self;
};

/* What becomes of a new request. */
enum sip_gate_answer {
	SIP_GATE_OPEN, /* on with it */
	SIP_GATE_DROP, /* as if it had not come */
	SIP_GATE_BUSY, /* 503 with Retry-After (but to who hears of our load), statelessly */
};

/* Judges new requests before anything is kept of them or answered: all that are no repeat and no ACK, nor the CANCEL of
 * an INVITE that is here; also such as are malformed (then m->fault.status says so, and OPEN refuses them). */
struct sip_gate {
	/* BUSY: *after is for Retry-After, in seconds. */
	enum sip_gate_answer (*request)(void *self, struct sip_msg *m, const struct flow *, uint32_t *after, usec now);
	void *self;
};

struct sip_stack_config {
	struct sip_timing timing;
	struct rng *rng;             /* branches, tags, hash keys; outlives the stack */
	const struct log *log;       /* may be NULL */
	const struct sip_tap *tap;   /* may be NULL */
	const struct sip_gate *gate; /* may be NULL; not asked where `stateless` */
	uint32_t id_first, id_n;     /* numbers of sockets, listeners and streams are taken from here (>= 1024) */
	uint16_t worker, worker_n;   /* which of how many equal workers; worker_n <= 1: alone */
	uint32_t transaction_max;    /* client and server together; 0: 65536 */
	uint32_t stream_max;         /* 0: 16384 */
	uint32_t source_max;         /* accepted streams of one address (IPv6: one /64); 0: a quarter of stream_max */
	usec idle_max;               /* a stream without a whole message or ping is closed; 0: 2 h */
	usec partial_max;            /* a first or unfinished message must be whole by then; 0: 20 s */
	bool lazy;                   /* requests come without a transaction, but INVITE: see sip_stack_begin */
	bool stateless;              /* a super node: no transactions; everything is REQUEST (server 0) or STRAY */
};

/* Fills in what table 4 and the bounds above say; the caller sets rng, id_first and what differs. */
struct sip_stack_config sip_stack_config_default(void);
/* NULL: no memory. The config is copied, what it points to is not. */
struct sip_stack *sip_stack_new(const struct sip_stack_config *);
void sip_stack_free(struct sip_stack *);

/* ---- listening ---- */

/*
 * Takes a UDP socket (BIND) or a stream listener (LISTEN) on `local`; port 0: any. `sent_by`: host[:port] for
 * our Via; empty: the local address. `tls`: credential set of the driver for TLS. LISTENING follows.
 * Returns its number, or 0: too many (64).
 */
uint32_t sip_stack_listen(struct sip_stack *, enum transport, const struct addr *local, uint16_t tls, str sent_by);
/* The bound address of the first listener that is up for this transport and family (4, 6, 0: any). */
bool sip_stack_local(const struct sip_stack *, enum transport, uint8_t family, struct addr *out);
/* host[:port] as our Via over this flow (or over this transport, where flow->id is 0) says: for Contact and
 * Record-Route. Writes nothing where nothing listens. */
void sip_stack_sent_by(const struct sip_stack *, const struct flow *, struct buf *out);

/* ---- what happens ---- */

enum sip_event_kind {
	SIP_EVENT_REQUEST = 1, /* a new request (no ACK, no CANCEL): answer `server` */
	SIP_EVENT_ACK,         /* an ACK of a 2xx. `server`: our INVITE's, where its 2xx was held, else 0: forward it */
	SIP_EVENT_CANCEL, /* INVITE `server` is not wanted any more; CANCEL has been answered; answer the INVITE 487 */
	SIP_EVENT_RESPONSE,    /* `msg` for `client`: every 1xx, the final, and for INVITE every 2xx that is not a mere
				  repeat of one that sip_stack_ack has acknowledged */
	SIP_EVENT_TIMEOUT,     /* `client`: no final answer (as 408) */
	SIP_EVENT_UNREACHABLE, /* `client`: it could not be delivered (as 503) */
	SIP_EVENT_UNACKED,     /* `server`: no ACK came for its final answer (after a held 2xx: say BYE) */
	SIP_EVENT_ENDED, /* a server transaction is no more that still had a cookie: `cookie`. Nothing can be answered
			    by it */
	SIP_EVENT_STRAY, /* a response of no transaction here: drop it, or forward it by its Via if stateless */
	SIP_EVENT_LISTENING, /* listener flow.id is up on flow.local, or `err` */
	SIP_EVENT_FLOW_UP,   /* stream `flow` is open (accepted or ours); `binding` as in host_event; `bytes`: the
				domains that its far side proved (host_event.proved) */
	SIP_EVENT_FLOW_GONE, /* stream `flow` has ended (`bytes`: why, in words; may be empty), or its ping stayed
				without pong; over datagrams: a probe stayed without answer (TIMEOUT), or the NAT has
				given us another address (STATE) */
	SIP_EVENT_PONG,      /* the far side of `flow` answered our ping or probe */
	SIP_EVENT_FOREIGN,   /* `bytes`, a whole message from `flow`, belongs to `worker`: there, sip_stack_take */
	SIP_EVENT_CARRY,     /* `bytes` must leave by `flow`, which flow.worker holds: there, sip_stack_write */
};

struct sip_event {
	enum sip_event_kind kind;
	handle server, client;
	uint64_t cookie;     /* what sip_stack_request or sip_stack_set_cookie was given */
	struct sip_msg *msg; /* REQUEST, ACK, CANCEL, RESPONSE, STRAY; checked; requests are stamped */
	struct flow flow;    /* the way it came */
	str bytes;
	uint64_t key; /* REQUEST: a secret hash of what a server transaction is known by (17.2.3), its repeats' too */
	uint16_t worker;
	enum err err;
	const uint8_t *binding; /* [HOST_BINDING_N] */
};

/* Takes BOUND, FAILED, DATAGRAM, ACCEPTED, OPENED, BYTES, CLOSED, UNREACHABLE; ignores others and those of
 * numbers it does not know, except that ACCEPTED brings any new stream; one with listener 0 is the owner's own
 * carrier (an overlay flow) and is never closed for being silent. */
void sip_stack_recv(struct sip_stack *, const struct host_event *, usec now);
/* A whole message that another worker's stack called FOREIGN. `bytes` must stay until sip_stack_next says false. */
void sip_stack_take(struct sip_stack *, const struct flow *, str bytes, usec now);
void sip_stack_tick(struct sip_stack *, usec now);
usec sip_stack_due(const struct sip_stack *);
bool sip_stack_next(struct sip_stack *, struct sip_event *out, usec now);
/* For the host: BIND, LISTEN, OPEN, SEND, WRITE, CLOSE. */
bool sip_stack_want(struct sip_stack *, struct host_want *out);

/* ---- saying something ---- */

/* A message to be written: `text` as it is, or where that is empty `msg` with `edits`. The stack notes its own edits
 * (our Via) into `edits`, so they serve one sending only. */
struct sip_draft {
	str text;
	const struct sip_msg *msg;
	struct sip_edits *edits;
};

/* A request to send, without our Via: the stack puts it on top. */
struct sip_outgoing {
	struct sip_draft draft;
	struct sip_target target;
	uint64_t cookie;
	usec ring_for;  /* INVITE: timer C; 0: none */
	str via_params; /* more parameters of our Via, each with its ';'; may be empty */
};

/*
 * Starts a client transaction. The outcome comes as events; RESPONSE, TIMEOUT and UNREACHABLE bear handle and
 * cookie. 0: no room, no memory, or no way there can exist (nothing listens that could send it).
 */
handle sip_stack_request(struct sip_stack *, const struct sip_outgoing *, usec now);
/* CANCEL for an INVITE of ours: at once, after its first 1xx, or not at all where a final answer is there. The INVITE's
 * own outcome still comes: 487, a 2xx that crossed, or TIMEOUT after 64 T1. */
void sip_stack_cancel(struct sip_stack *, handle client, usec now);
/* The same with further header lines in the CANCEL, CRLF between them: a Reason (RFC 3326). They are copied. */
void sip_stack_cancel_with(struct sip_stack *, handle client, str lines, usec now);
/*
 * Sends an ACK of a 2xx, once, without a transaction. `client`: the INVITE's; while that lives the ACK is kept and
 * sent again whenever the same 2xx (by To tag) comes again. 0: only sent (a proxy forwarding).
 */
MUST_CHECK enum err sip_stack_ack(struct sip_stack *, handle client, const struct sip_outgoing *, usec now);
/* Sends a request without a transaction (16.11): the same request (draft.msg) always gets the same branch. */
MUST_CHECK enum err sip_stack_forward(struct sip_stack *, const struct sip_outgoing *, usec now);
/* Sends a message as it is: a stateless response, a CARRY of another worker. */
MUST_CHECK enum err sip_stack_write(struct sip_stack *, const struct sip_target *, const struct sip_draft *, usec now);

/*
 * Answers a server transaction with a complete response (its Via fields are the request's own; a proxy's draft is the
 * response it got with our Via removed). `hold`: a user agent's 2xx to INVITE, repeated until its ACK.
 * ERR_ABSENT: the transaction is gone; ERR_STATE: it has its final answer, or RFC 4320 forbids this one;
 * nothing is sent then.
 */
MUST_CHECK enum err sip_stack_respond(struct sip_stack *, handle server, const struct sip_draft *, bool hold, usec now);
/*
 * The same, made from the request by sip_reply_write(). `request`: the event's msg, or NULL: the kept one (ERR_ABSENT
 * where none was kept). An empty to_tag is filled with the transaction's own, the same in all its answers.
 */
MUST_CHECK enum err sip_stack_reply(struct sip_stack *, handle server, struct sip_msg *request,
				    const struct sip_reply *, bool hold, usec now);
/*
 * The same once and for all (8.2.7): the transaction ends with this call, nothing is kept and nothing said again; if
 * the request comes again it is a new one. For the request in hand, before anything else was said to it. So who asks in
 * another's name gets him one answer a question, not eleven (a refused INVITE over UDP). `server` is gone afterwards.
 * ERR_ABSENT: it was already. `server` 0: the request in hand of a lazy stack, which has none.
 */
MUST_CHECK enum err sip_stack_refuse(struct sip_stack *, handle server, struct sip_msg *request,
				     const struct sip_reply *, usec now);
/*
 * Of a lazy stack: a request other than INVITE comes with server 0. Its TU may answer it at once (sip_stack_refuse with
 * 0), or know its repeats by itself (the event's key) and answer it later (sip_stack_head, sip_stack_say). This makes
 * it a transaction like any other, while its event is in hand. 0: full, or no memory; then it was answered 503.
 */
handle sip_stack_begin(struct sip_stack *, usec now);
/* For the request in hand, where no transaction says it: the beginning of its answer, up to CSeq, with a To tag that is
 * the same for its repeats, and where the answer goes. ERR_FULL, ERR_ABSENT: as sip_reply_write_head. */
MUST_CHECK enum err sip_stack_head(struct sip_stack *, struct sip_msg *request, int status, struct buf *out,
				   struct flow *to);
/* Sends `head` and `tail`, one message, once; counts it as the answer to a request that came then. */
MUST_CHECK enum err sip_stack_say(struct sip_stack *, const struct flow *to, enum sip_method, int status, str head,
				  str tail, usec came, usec now);
/* The request in hand is a repeat, its TU knows: it is counted as one. */
void sip_stack_repeated(struct sip_stack *);
/* The To tag that sip_stack_reply gives. Empty: the transaction is gone. */
str sip_stack_tag(struct sip_stack *, handle server);
/* The request, parsed again and stamped: an INVITE until its final answer; another where sip_stack_keep was called
 * while its event was in hand. NULL: not there. Valid until the next sip_stack_next or sip_stack_kept. */
struct sip_msg *sip_stack_kept(struct sip_stack *, handle server);
void sip_stack_keep(struct sip_stack *, handle server);
/* Ends a server transaction (not INVITE's) that has its final answer, before its time: whoever calls it knows repeats
 * by himself. Harmless on any other. */
void sip_stack_forget(struct sip_stack *, handle server);
void sip_stack_set_cookie(struct sip_stack *, handle client_or_server, uint64_t cookie);
uint64_t sip_stack_cookie(const struct sip_stack *, handle client_or_server); /* 0: gone */

/*
 * From now on answers tell senders who understand it (RFC 7339; `oc` in their Via) to send so many percent less, for
 * valid_ms milliseconds; 0 and 0: as much as they like. Before the first call nothing is said.
 */
void sip_stack_set_load(struct sip_stack *, unsigned percent, unsigned valid_ms, usec now);

/* ---- flows (RFC 5626) ---- */

/* CRLF CRLF; over a stream a PONG or, 10 s later, FLOW_GONE follows. */
void sip_stack_ping(struct sip_stack *, const struct flow *, usec now);
/* RFC 5626 4.4: the same over a stream; over datagrams a STUN request, which a PONG or FLOW_GONE answers. For
 * registrars and proxies that are known to answer it (Outbound, or `keep` in Via, RFC 6223): others would seem gone. */
void sip_stack_probe(struct sip_stack *, const struct flow *, usec now);
/* The owner knows who the far side of this stream is: `peer` stands in flow.peer of all that comes by it from now on,
 * also at other workers. */
void sip_stack_know(struct sip_stack *, const struct flow *, uint16_t peer);
/* The far side of this stream has promised (RFC 5626 4.4: Flow-Timer) to say something every `span`, a ping at least:
 * idle_max, for this one alone. */
void sip_stack_expect(struct sip_stack *, const struct flow *, usec span, usec now);
/* Does the request that `client` sent have a way yet: is its stream open? Datagrams always have one. */
bool sip_stack_is_up(const struct sip_stack *, handle client);
/* Is this stream of ours there and not being closed? A datagram's flow always is. */
bool sip_stack_alive(const struct sip_stack *, const struct flow *);
/* Ends a stream in good order; FLOW_GONE follows. */
void sip_stack_close(struct sip_stack *, const struct flow *);
/* The stream that requests to this target would take now, opening it where it is not there; transport 0: none. */
struct flow sip_stack_connect(struct sip_stack *, const struct sip_target *, usec now);

/* ---- figures ---- */

struct sip_stack_stats {
	uint64_t received, sent, repeats_in, repeats_out, malformed, refused_full, evicted;
	uint64_t gate_dropped, gate_busy;
	uint32_t transactions, streams;
};
void sip_stack_stats(const struct sip_stack *, struct sip_stack_stats *out);
/* All of it, by method, status and outcome: for whoever watches. Some 12 kB. */
void sip_stack_figures(const struct sip_stack *, struct sip_figures *out);

#endif
