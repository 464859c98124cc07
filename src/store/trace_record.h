/*
 * store/trace_record.h - one message that went by, for the ladder of `tandem trace`.
 *
 * Written in batches by the taps of sip/stack and of the overlay, as the service
 * saw the message in clear: TLS legs too. The tap leaves out credentials
 * (Authorization, Proxy-Authorization values) before the record is made. The
 * keeper keeps the newest TRACE_KEEP records and drops the oldest.
 */
#ifndef STORE_TRACE_RECORD_H
#define STORE_TRACE_RECORD_H

#include "base/host.h"
#include "store/record.h"

#define TRACE_KEEP        200000
#define TRACE_MESSAGE_MAX 8192 /* a longer message is cut by its tap */

enum trace_way { TRACE_IN = 1, TRACE_OUT };

struct trace_record {
	int64_t id; /* grows: order of arrival at the keeper */
	usec at;
	str session; /* RFC 7989 Session-ID, as in call_record; "" where there is none */
	str call_id;
	str service;        /* who saw it: "pbx", "edge:acme", "node:alice", "supernode" */
	uint16_t way;       /* enum trace_way, seen from the service */
	uint16_t transport; /* enum transport */
	struct addr local, remote;
	str peer;    /* the far end's name where the service knows one: "alice", "supernode"; else "" */
	str secure;  /* "", "tls 1.3", "overlay" (over a node's flow), "overlay, sealed" (body too) */
	str start;   /* start line: "INVITE sip:101@example.com SIP/2.0" */
	str cseq;    /* "1 INVITE" */
	str message; /* all of it; "" where only the line was kept */
};

extern const struct record_kind trace_record_kind;

#endif
