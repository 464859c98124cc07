/*
 * call/agent.h - a telephone: one identity, several calls.
 *
 * A service (base/host.h) with its own SIP stack. Who it is comes from its settings:
 *
 *     account   registers with a registrar (RFC 3261 10) over UDP, TCP or TLS and
 *               calls through it
 *     direct    no registrar: listens on an address, calls addresses
 *     road      known on another network (call/road.h): looked up in its directory,
 *               reached over its links, bodies sealed
 *
 * The owner (a softphone, the edge, a test) embeds it in a service of its own: it
 * passes recv and tick down, drains agent_next() into its own wants and agent_event()
 * for what happened, and calls the verbs below from the same thread. Media is asked
 * of the media service (call/media_ask.h) by HOST_TELL to number `media`.
 *
 * A call is named by a handle, which finds nothing once its ENDED event has been
 * taken. Bounds: `call_max` calls, 64 events a call waiting (an owner that
 * drains after every verb never meets it; what comes then is logged and lost).
 */
#ifndef CALL_AGENT_H
#define CALL_AGENT_H

#include "base/host.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/slab.h"
#include "call/call.h"
#include "call/road.h"

struct agent;
struct sip_tap;
struct sip_figures;

struct agent_settings {
	/* Who: "sip:101@pbx.example" is user 101, domain pbx.example. Direct: the domain may be empty. */
	str user, domain, display;
	str auth_user; /* digest user name, empty: `user` */
	str password;  /* account only */
	/* How: the transport to the registrar, or of what is listened on. */
	enum transport transport;
	str proxy;           /* "host[:port]" where requests go, empty: the domain */
	str tls_name;        /* what the proxy\'s certificate must bear (host_want.name), empty: the proxy\'s host */
	bool registers;      /* account: REGISTER with the domain */
	uint32_t expires;    /* seconds asked for in REGISTER, 0: 600 */
	str instance;        /* "urn:uuid:..": this device, the same over restarts (RFC 5626 4.1); empty: none */
	bool features;       /* REGISTER says what we can (RFC 3840): this is a telephone, no road to several */
	struct addr listen;  /* signalling address, family 0: any; port 0: any */
	uint16_t tls;        /* credential set for TLS connections that we open */
	uint16_t tls_listen; /* the same for those that we accept */
	const struct road *road; /* NULL: none; outlives the agent */
	/* What: the media that is offered and accepted. */
	struct call_media_wish wish;
	uint32_t media;           /* number of the media service */
	uint32_t first_stream;    /* streams are numbered from here up, 1 .. */
	uint32_t call_max;        /* 1 .. 10,000; more are answered with 486 */
	usec ring_max;            /* an incoming call rings this long, then 480; 0: 180 s */
	bool redirects;           /* a 3xx is followed, five times at most (RFC 3261 8.1.3.4) */
	bool transfers;           /* REFER and Replaces of the far side are followed (RFC 3515, 3891); else refused */
	bool messages;            /* MESSAGE is taken, as AGENT_MESSAGE and CALL_EVENT_TEXT; else refused */
	uint32_t session_expires; /* seconds: session timers that we ask for (RFC 4028), 90 ..; 0: only what others ask
				   */
	str software;             /* User-Agent, may be empty */
	struct rng *rng;          /* outlives the agent */
	const struct log *log;
	const struct sip_tap *tap; /* for the trace, may be NULL */
};

enum agent_event_kind {
	AGENT_READY = 1, /* bound, registered, or up on the road: can call and be called as `text` */
	AGENT_DOWN,      /* not (any more): `cause`, `status`, `text`; tries again by itself unless `final` */
	AGENT_CALL,      /* something about call `call`: `is` */
	AGENT_MESSAGE,   /* outside of any call, `from` (a URI) wrote `text` */
	AGENT_SENT,      /* what agent_write returned as `message` has ended: `status` (408: silence, 503: no way) */
	AGENT_STOPPED,   /* after agent_stop(): all calls ended, registration removed */
};

struct agent_event {
	enum agent_event_kind kind;
	handle call;
	struct call_event is; /* CALL; what it points to lives until the next call into the agent */
	enum call_cause cause;
	int status;
	bool final;
	str text, from; /* valid until the next agent_event */
	uint32_t message;
};

/* Copies the settings. NULL: no memory, or settings that contradict each other. */
struct agent *agent_new(const struct agent_settings *);
void agent_free(struct agent *);

/* Binds, connects, registers. */
void agent_start(struct agent *, usec now);
void agent_recv(struct agent *, const struct host_event *, usec now);
void agent_tick(struct agent *, usec now);
usec agent_due(const struct agent *);
bool agent_next(struct agent *, struct host_want *out);
bool agent_event(struct agent *, struct agent_event *out);
/* Of a road: true: *state must be kept, before agent_next is drained. Valid until the next call. */
bool agent_save(struct agent *, str *state);

/* Whom to call, and as whom. Copied. */
struct agent_dialling {
	/* A SIP URI, "user@host", "user" (in our own domain), or "host[:port]" in direct mode. */
	str target;
	str from;                           /* a URI, empty: our own address */
	str display;                        /* empty: our own */
	uint32_t max_forwards;              /* 0: 70 */
	const struct call_session *session; /* RFC 7989, to carry on; NULL: a new one */
};

/* 0 at call_max or without memory; every other failure comes as a CALL event with an ENDED. */
handle agent_dial(struct agent *, const struct agent_dialling *, usec now);
/* Writes to somebody outside of any call (MESSAGE, RFC 3428): plain text of up to 1300 bytes, the most that may go by
 * datagram. AGENT_SENT follows. 0: too long, AGENT_MESSAGES_MAX are out, or there is no way. Not on a road. */
uint32_t agent_write(struct agent *, str target, str text, usec now);
#define AGENT_MESSAGES_MAX 32
/* The call itself, for its verbs (call_answer, call_hang_up, call_hold, ...) and its facts; NULL:
 * gone. Drain agent_event() and agent_next() after using a verb. */
struct call *agent_call(struct agent *, handle);
/* The call whose media is this stream; NULL: none. For an owner that answers some of MEDIA_ASK itself. */
struct call *agent_call_of_stream(struct agent *, uint32_t stream);
/* Hangs up all, unregisters, then AGENT_STOPPED. Within 5 s, come what may. */
void agent_stop(struct agent *, usec now);

/* What its SIP stack has counted. Some 12 kB. */
void agent_figures(const struct agent *, struct sip_figures *out);
/* How many calls there are. */
uint32_t agent_call_n(const struct agent *);
/* Our own address of record, a URI; in direct mode known once READY. */
str agent_aor(const struct agent *);

#endif
