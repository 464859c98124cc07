/*
 * call/agent_inside.h - what the files of an agent share.
 *
 * agent.c is the door, what comes from outside, and the verbs; agent_calls.c the table of calls;
 * agent_reach.c how it becomes reachable: listener, server, registration; agent_route.c where a call
 * that it makes goes; agent_road.c the other network below it. For these alone.
 */
#ifndef CALL_AGENT_INSIDE_H
#define CALL_AGENT_INSIDE_H

#include "base/arena.h"
#include "base/heap.h"
#include "base/map.h"
#include "base/queue.h"
#include "call/account.h"
#include "call/agent.h"
#include "call/leg.h"
#include "call/registration.h"
#include "call/share.h"
#include "sip/edit.h"
#include "sip/locate.h"

#define AGENT_REGISTRATION_COOKIE UINT64_MAX
#define AGENT_MESSAGE_COOKIE      (UINT64_MAX - 1 - AGENT_MESSAGES_MAX) /* of the first */
#define AGENT_ROAD_BASE           (1u << 26) /* number of the road's flow, as the stack sees it */

struct agent_call {
	struct call *call;
	handle self;
	struct agent_call *next_touched;
	bool touched, indexed;
	bool buried; /* ENDED was taken; it stays only for its last transaction */
	struct map_node by_id, by_stream;
	struct heap_item due;
	uint32_t stream, max_forwards;
	handle resolving;          /* search of its target's name, 0: none */
	str target, from, display; /* kept until the call is routed */
	char room[CALL_TARGET_N + 2 * CALL_NAME_N];
	handle referrer;               /* the call that asked us to make this one, 0: none */
	handle replaced;               /* the call in whose place this one comes */
	char lines[2 * CALL_TARGET_N]; /* of its INVITE: Replaces, Referred-By */
};

/* A MESSAGE of ours on its way. */
struct agent_letter {
	uint32_t number; /* 0: this place is free */
	handle client, resolving;
	struct sip_msg *sent;
	unsigned tries, answered;
};

/* One that came in, until its event is taken. */
struct agent_note {
	struct agent_note *next;
	str from, text;
	char bytes[];
};

struct agent {
	struct agent_settings settings;
	struct arena texts;
	struct sip_stack *stack;
	struct account account;
	struct leg_house house;
	struct registration registration;
	struct sip_target proxy; /* transport 0: not known yet */
	struct sip_locate *locate;
	struct sip_found servers; /* of the proxy's name; n = 0: it is an address, or not known */
	size_t server_next;
	usec server_hedge_at; /* until then the server that was tried last may take to say something */
	struct flow proxy_flow;
	struct flow road_flow;     /* as the stack sees it; transport 0: down */
	struct flow road_own_flow; /* as the road does */
	char aor[CALL_NAME_N + 8], contact[CALL_TARGET_N], text[256];
	char features[256]; /* of the Contact that is registered */
	struct slab calls;
	struct map by_id, by_stream;
	uint64_t key[2];
	struct heap dues;
	struct agent_call *touched;
	struct queue events, asks;
	uint32_t next_stream;
	handle dying;
	struct agent_letter letters[AGENT_MESSAGES_MAX];
	uint32_t letter_number;
	struct agent_note *notes, **last_note, *read_note; /* waiting; the one whose event was taken last */
	uint32_t note_n;
	bool listening, ready, stopping, stopped, road_left;
	unsigned connect_failures; /* in a row */
	usec resolve_at, stop_calls_at, stop_at;
	usec now; /* of the last verb: agent_next has none of its own */
};

/* ---- agent.c ---- */

/* Handles what the stack has to say; `proven` is who the other network says sent it. */
void agent_pump(struct agent *, str proven, usec now);

/* ---- agent_calls.c ---- */

/* A new call, touched; NULL: no room. */
struct agent_call *agent_calls_add(struct agent *);
/* What a touched call has to say is taken out of it by the next agent_calls_settle. */
void agent_calls_touch(struct agent *, struct agent_call *);
void agent_calls_settle(struct agent *);
/* Its Call-ID is known: from now on it is found by its messages. */
void agent_calls_index(struct agent *, struct agent_call *);
/* The call whose ENDED was handed out last goes, or stays unseen for its last transaction. */
void agent_calls_bury(struct agent *);
void agent_calls_drop(struct agent *, struct agent_call *);
/* NULL: none. */
struct agent_call *agent_calls_by_stream(const struct agent *, uint32_t stream);
struct agent_call *agent_calls_owner(const struct agent *, struct sip_msg *request);
/* RFC 3261 8.2.2.2: the same request by another way, while the first is ringing. */
bool agent_calls_is_merged(const struct agent *, struct sip_msg *request);

/* The call that this Replaces names, or NULL. */
struct agent_call *agent_calls_by_dialog(const struct agent *, const struct sip_replaces *);

/* ---- agent_message.c ---- */

/* A MESSAGE outside of dialogs that ability_judge has let through. */
void agent_message_take(struct agent *, const struct sip_event *, usec now);
/* What the stack says of ours; the servers of a name that one goes to. */
void agent_message_answered(struct agent *, const struct sip_event *, usec now);
bool agent_message_located(struct agent *, const struct sip_found *, usec now);
/* The event of the oldest that came. */
bool agent_message_next(struct agent *, struct agent_event *out);
void agent_message_free(struct agent *);

/* ---- agent_reach.c ---- */

bool agent_needs_proxy(const struct agent *);
/* Looks for the server, by address or by name. Then its addresses are known. */
void agent_reach_find(struct agent *, usec now);
void agent_reach_found(struct agent *, const struct sip_found *, usec now);
/* The server that was tried last is silent for too long. */
void agent_reach_tick(struct agent *, usec now);
/* What the stack says of the listener and of the stream to the server; the registration has changed. */
void agent_reach_listening(struct agent *, const struct sip_event *, usec now);
void agent_reach_flow_up(struct agent *, const struct sip_event *, usec now);
void agent_reach_flow_gone(struct agent *, const struct sip_event *, usec now);
void agent_reach_news(struct agent *);
/* Our Contact in calls: the GRUU that the registrar gave us (RFC 5627 4.4), else what we registered; in a call by sips
 * the same as sips (RFC 3261 12.1.1), written to `room`. */
str agent_contact(const struct agent *, str request_uri, char room[CALL_TARGET_N]);
/* The Service-Route that requests outside of dialogs take (RFC 3608 6.), as header lines with their CRLFs. */
void agent_reach_write_routes(const struct agent *, struct buf *lines);
/* What the owner hears. An empty text is that of the cause. */
void agent_reach_ready(struct agent *);
void agent_reach_down(struct agent *, enum call_cause, int status, bool final, str text);
void agent_reach_say(struct agent *, enum agent_event_kind, enum call_cause, int status, bool final, str text);

/* ---- agent_route.c ---- */

/* "sip:..", "a@b", "a" or "host:port" as a URI. */
void agent_route_write_target(const struct agent *, str target, struct buf *out);
/* May what bears this Request-URI go, or have come, by this transport? */
bool agent_route_goes_by(const struct agent *, str uri, enum transport);
/* Makes a call because `referrer` was asked to (RFC 3515 2.4.4). NULL: no room. */
struct agent_call *agent_route_refer(struct agent *, struct agent_call *referrer, const char *uri, usec now);
/* A call was redirected to this URI. */
void agent_route_again(struct agent *, struct agent_call *, const char *uri, usec now);
/* The servers of a call's target, or of a person on the road, was looked up. */
void agent_route_located(struct agent *, const struct sip_found *, usec now);
void agent_route_found(struct agent *, const struct road_event *, usec now);

/* ---- agent_road.c ---- */

/* Handles what the road has to say. */
void agent_road_pump(struct agent *, usec now);
/* What the stack wants of a flow of the road's goes to the road. true: the want is for the host. */
bool agent_road_is_for_host(struct agent *, const struct host_want *);

#endif
