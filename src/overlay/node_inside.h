/*
 * overlay/node_inside.h - what the files of a node share.
 *
 * node.c is the door, the verbs and the events; node_login.c talks with the login service, node_flow.c
 * with the super node. For these three alone.
 */
#ifndef OVERLAY_NODE_INSIDE_H
#define OVERLAY_NODE_INSIDE_H

#include "overlay/link.h"
#include "overlay/node.h"

#define NODE_FIND_MAX    16
#define NODE_SERVER_MAX  (OVERLAY_SERVERS_MAX + OVERLAY_CACHE_MAX)
#define NODE_ANSWER_WAIT (10 * USEC_PER_SEC) /* for WELCOME, LOGIN_OK and PONG */
#define NODE_PING_LEAST  (25 * USEC_PER_SEC)

/* Frame ids; finds count up from the last. */
enum { NODE_ID_HELLO = 1, NODE_ID_LOGIN, NODE_ID_STORE, NODE_ID_PING, NODE_ID_FIND = 16 };

struct node_event {
	struct node_event *next;
	struct overlay_node_event ev;
	size_t n; /* of bytes: kept to be wiped */
	_Alignas(max_align_t) char bytes[];
};

struct node_find {
	bool used;
	uint32_t id; /* on the wire */
	uint64_t ask;
	struct overlay_name name;
	usec due;
};

struct overlay_node {
	struct overlay_network network;
	struct overlay_node_state state;
	struct overlay_name name;
	uint32_t capabilities;
	bool login_only;
	struct rng *rng;
	const struct log *log;
	struct overlay_server servers[NODE_SERVER_MAX];

	struct overlay_outbox out;
	struct overlay_link login, flow;
	struct overlay_envelope *envelope;
	struct buf scratch, scratch_back;

	char password[OVERLAY_PASSWORD_N];
	size_t password_n; /* 0: none */
	usec login_due;    /* when an answer must have come; USEC_NEVER: none is awaited */
	usec renew_at;

	bool welcome, published; /* of the flow that stands now */
	bool stopped;
	uint8_t token[OVERLAY_TOKEN_N];
	struct addr advertised, observed, stun;
	usec answer_due; /* WELCOME or PONG */
	usec ping_at, publish_at;
	struct node_find finds[NODE_FIND_MAX];
	uint32_t find_id;

	enum overlay_refusal told; /* the problem the owner knows of */
	struct node_event *first, **last, *shown;
	size_t event_n;
};

/* ---- node.c ---- */

/* An event with a copy of n bytes, which its maker points to; NULL: no memory or too many. */
struct node_event *overlay_node_push(struct overlay_node *, enum overlay_node_kind, const void *bytes, size_t bytes_n);
struct flow overlay_node_flow_value(const struct overlay_node *);
/* Tells the owner once; the same again only after things went well. */
void overlay_node_problem(struct overlay_node *, enum overlay_refusal, bool final);
void overlay_node_save(struct overlay_node *);

/* ---- node_login.c ---- */

void overlay_node_login(struct overlay_node *, usec when);
/* The login stream is up: LOGIN or RENEW. Then what comes on it. */
void overlay_node_say_login(struct overlay_node *, usec now);
void overlay_node_login_frame(struct overlay_node *, const struct overlay_frame *, usec now);
/* Signs the message for this stream. */
void overlay_node_prove(struct overlay_node *, struct overlay_message *, const struct overlay_link *);
/* Is our clock far from the server's? */
bool overlay_node_clock_is_wrong(const struct overlay_message *, usec now);

/* ---- node_flow.c ---- */

/* The flow's stream is up, or the certificate is a new one: HELLO. Then what comes on it. */
void overlay_node_say_hello(struct overlay_node *, usec now);
void overlay_node_flow_frame(struct overlay_node *, const struct overlay_frame *, usec now);
/* What hangs on the flow ends; `was` is how the owner knew it. */
void overlay_node_flow_down(struct overlay_node *, const struct flow *was);
/* Closes the flow and comes back, not within `least`. */
void overlay_node_flow_again(struct overlay_node *, usec least, usec now);
/* Closes it for good: until there is another certificate. */
void overlay_node_flow_end(struct overlay_node *);
void overlay_node_arm_ping(struct overlay_node *, usec now);
/* The record as of now; without points where the device leaves. */
void overlay_node_publish(struct overlay_node *, bool leaving, usec now);
void overlay_node_point(const struct overlay_node *, struct overlay_point *);
void overlay_node_send_raw(struct overlay_node *, str sip, usec now);
void overlay_node_find_fail(struct overlay_node *, struct node_find *, int status, str text);

#endif
