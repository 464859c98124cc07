/*
 * connect/edge.h - a business on the peer network: its node on one side, an account at its PBX on the other.
 *
 * A back-to-back user agent, one service with two agents (call/agent.h): the peer agent is
 * a node of the overlay under the business' name, the PBX agent registers as a trunk
 * account. A call that comes to one is admitted (connect/admission.h), judged
 * (connect/policy.h) and made anew by the other; ringing, early media, answer, refusal,
 * CANCEL, hold, digits and BYE are passed on, the Session-ID and Max-Forwards carried
 * over, the two streams bridged in the media service. The keys of the peer's leg exist
 * in the peer's node and here.
 *
 *     peer -> sip:acme@NETWORK          -> the target extension
 *     peer -> sip:102@acme.NETWORK      -> extension 102, where it is listed
 *     PBX  -> sip:alice@ANYTHING        -> alice on the network, called as EXTENSION@acme.NETWORK
 *
 * What the node must remember goes to the keeper as state (owner "node:acme", name "node");
 * every crossing leaves call records.
 *
 * Bounds: admission.calls crossings. Memory: opaque. Thread: one for life.
 */
#ifndef CONNECT_EDGE_H
#define CONNECT_EDGE_H

#include "call/agent.h"
#include "connect/admission.h"
#include "connect/edge_figures.h"
#include "connect/peer_road.h"

struct edge;

struct edge_settings {
	/* The peer side. */
	const struct road *road; /* connect/peer_road.h, of a node with capability OVERLAY_EDGE; outlives the edge */
	str network;             /* name of the peer network: "net.example" */
	str name;                /* of the business on it: "acme" */
	struct addr media_peer;  /* address for media with peers; family 0: all of the machine's (ICE) */
	/* The PBX side. */
	str pbx_user, pbx_domain, pbx_password, pbx_proxy, pbx_tls_name, pbx_instance; /* as in agent_settings */
	enum transport pbx_transport;
	uint16_t pbx_tls;
	struct addr pbx_listen; /* signalling address towards the PBX, port 0: any */
	struct addr media_pbx;  /* media address towards the PBX */
	/* Who may cross. */
	str target, inward, outward;    /* as in struct policy; empty: "101", POLICY_INWARD, POLICY_OUTWARD */
	struct admission_limits limits; /* all zero: ADMISSION_DEFAULT */
	/* The rest. */
	uint32_t media;  /* number of the media service */
	bool keeps;      /* there is a keeper: records and state go to it */
	bool traces;     /* every message, too (connect/edge_trace.h) */
	struct rng *rng; /* a true one; outlives the edge */
	const struct log *log;
};

/* Copies the settings. ERR_LIMIT: a text is too long or a limit is 0; ERR_MEMORY. */
MUST_CHECK enum err edge_new(const struct edge_settings *, struct edge **out);
void edge_free(struct edge *);
/* The service; start it by the first tick. */
struct host_service edge_service(struct edge *);

enum edge_side_state { EDGE_WAITING, EDGE_UP, EDGE_REFUSED /* a person must act */ };

struct edge_status {
	enum edge_side_state peer, pbx;
	const char *peer_text, *pbx_text; /* why it is not up; "" */
	uint32_t calls;
};
/* Thread: the edge's own. */
void edge_status(const struct edge *, struct edge_status *out);
/* Thread: the edge's own. */
void edge_figures(const struct edge *, struct edge_figures *out);
/* Are both sides up? Any thread. */
bool edge_is_ready(const struct edge *);

#endif
