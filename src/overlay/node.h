/*
 * overlay/node.h - a member of the peer network: logs in, stays reachable, finds others, carries SIP.
 *
 * The embedded machine of phones, edges and standing nodes (docs/wire/overlay.md). It logs in (or
 * lives on its saved certificate and renews it at half of its life), keeps a flow to a super node (jittered
 * back-off 1..60 s, ping every 25..30 s), publishes its location record and refreshes it, finds others and
 * verifies what it is told, and seals and opens the bodies of SIP messages (overlay/envelope.h).
 *
 * Not a service: its owner is one. The owner passes every host_event whose number is the
 * node's (overlay_node_owns) to recv, carries out what want asks, and drains next:
 *
 *     ev SIP                  give ->sip to the SIP stack as HOST_BYTES of ->flow, clear and whole
 *     stack WRITEs to a flow  that overlay_node_owns: overlay_node_send instead
 *     ev OFFLINE              tell the stack HOST_CLOSED of ->flow
 *
 * Memory: owns everything. Thread: its owner's.
 */
#ifndef OVERLAY_NODE_H
#define OVERLAY_NODE_H

#include "base/host.h"
#include "base/log.h"
#include "base/rng.h"
#include "overlay/envelope.h"
#include "overlay/node_state.h"

#define OVERLAY_NODE_STREAMS 16 /* numbers a node uses: stream_first .. stream_first + 15 */

struct overlay_node;

struct overlay_node_setup {
	const struct overlay_network *network; /* copied */
	str name;              /* user name, lower-cased here; must match the state's certificate if there is one */
	str password;          /* empty: the saved certificate must do. Kept, and wiped, until logged in */
	str state;             /* what OVERLAY_NODE_SAVE gave last; empty: a new device */
	uint32_t capabilities; /* enum overlay_capability */
	bool login_only;       /* get a certificate, then stop: no flow, nothing published */
	uint32_t stream_first; /* HOST_OPEN and HOST_RESOLVE numbers */
	uint16_t tls;          /* credential set for opening, ALPN OVERLAY_ALPN */
	struct rng *rng;       /* a true one; outlives the node */
	const struct log *log; /* may be NULL */
};

enum overlay_node_kind {
	OVERLAY_NODE_SAVE = 1,  /* `state` has changed: keep it, before anything else is done with it */
	OVERLAY_NODE_LOGGED_IN, /* there is a certificate, good until `until` */
	OVERLAY_NODE_ONLINE,    /* `flow` is up, and the record is published: others can call us */
	OVERLAY_NODE_OFFLINE,   /* `flow` is gone; comes back by itself unless `final` */
	OVERLAY_NODE_SIP, /* `sip`, one clear message, on `flow`; sealed by `peer`, whose name is empty where it was not
			   */
	OVERLAY_NODE_FOUND,   /* the find with `ask`: `record[0..record_n)`, verified, the one to try first in front */
	OVERLAY_NODE_MISSING, /* the find with `ask` failed: `status` as on the wire (404, 480, 503), `text` */
	OVERLAY_NODE_PROBLEM, /* `refusal`, `text` for the person; `final`: a person must act, the node has stopped
				 trying */
};

struct overlay_node_event {
	enum overlay_node_kind kind;
	struct flow flow;
	str sip, state, text;
	usec until;
	struct overlay_peer peer;
	uint64_t ask;
	int status;
	const struct overlay_record *record;
	size_t record_n;
	enum overlay_refusal refusal;
	bool final;
};

/* ERR_SYNTAX: name or state; ERR_REFUSED: the state is another user's or another network's; ERR_MEMORY. */
MUST_CHECK enum err overlay_node_new(const struct overlay_node_setup *, usec now, struct overlay_node **out);
void overlay_node_free(struct overlay_node *);

bool overlay_node_owns(const struct overlay_node *, uint32_t id);
/* An event whose ->id the node owns. */
void overlay_node_recv(struct overlay_node *, const struct host_event *, usec now);
void overlay_node_tick(struct overlay_node *, usec now);
usec overlay_node_due(const struct overlay_node *);
/* What the host shall do; the owner passes it on unchanged. Drain before next. */
bool overlay_node_want(struct overlay_node *, struct host_want *out);
/* What the owner should know; false: nothing more. */
bool overlay_node_next(struct overlay_node *, struct overlay_node_event *out);

/* Logs in (again) with a password, after a final problem. */
void overlay_node_password(struct overlay_node *, str password, usec now);
/* Who is name? One FOUND or MISSING with `ask` follows, MISSING(480) where the flow is down. At most 16 open: ERR_FULL.
 */
MUST_CHECK enum err overlay_node_find(struct overlay_node *, uint64_t ask, const struct overlay_name *, usec now);
/* One SIP message of the stack's, clear, over the flow: its body is sealed here. Keep-alives (only CR and LF) are
 * swallowed. ERR_CLOSED: no flow; else as overlay_envelope_close, and nothing was sent. */
MUST_CHECK enum err overlay_node_send(struct overlay_node *, str sip, usec now);
/* Takes the record back, says BYE, closes. Then want ends and owns nothing. */
void overlay_node_stop(struct overlay_node *, usec now);

bool overlay_node_online(const struct overlay_node *);
/* Our own Contact: sip:alice@SUPERNODE:PORT;transport=tls;flow=TOKEN;pin=PIN. ERR_CLOSED: no flow. */
MUST_CHECK enum err overlay_node_contact(const struct overlay_node *, struct buf *);
/* "alice@net.example". */
void overlay_node_aor(const struct overlay_node *, struct buf *);
const struct overlay_certificate *overlay_node_certificate(const struct overlay_node *); /* bytes_n 0: none */
/* Our address as the super node sees it, and its STUN service; unset while offline or where there is none. */
struct addr overlay_node_observed(const struct overlay_node *);
struct addr overlay_node_stun(const struct overlay_node *);

#endif
