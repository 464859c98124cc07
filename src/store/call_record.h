/*
 * store/call_record.h - what is left of a call: who, to whom, when, how, over which way.
 *
 * Each service writes one record per leg pair it sees (a proxy: one per call; a
 * B2BUA: its two dialogs; a user agent: one leg). They share the Session-ID
 * (RFC 7989), so `tandem calls` shows them as one session. A record may be written
 * several times (the same start, session, service and key): the last one wins, so a
 * call that a power cut ended is seen as one without an end, if it was written before.
 */
#ifndef STORE_CALL_RECORD_H
#define STORE_CALL_RECORD_H

#include "store/record.h"

#define CALL_RECORD_LEGS 2

/* Texts for people; "" where it is unknown or there was none. */
struct call_leg {
	str call_id;
	str party;      /* who is at the far end: "sip:101@example.com", "alice" */
	str remote;     /* where the signalling goes: "192.0.2.1:5060", "super node 7f3a.." */
	str signalling; /* "udp", "tcp", "tls 1.3", "overlay, sealed" */
	str codec;      /* "opus/48000/2", "PCMA/8000"; "" without media of ours */
	str media;      /* "rtp", "sdes AES_CM_128_HMAC_SHA1_80", "dtls-srtp AES_CM_128_HMAC_SHA1_80" */
	str path;       /* the media's: "host 192.0.2.1:4000 - host 192.0.2.7:5000", "srflx ..", "relay .." */
	usec start;     /* INVITE */
	usec ring;      /* first 180 or 183 */
	usec answer;    /* 2xx */
	usec end;       /* BYE, CANCEL or final refusal */
};

struct call_record {
	int64_t id;
	str session; /* RFC 7989: the caller's half, 32 hex digits */
	str service; /* who saw it: "pbx", "edge:acme", "node:alice", "phone" */
	str key;     /* unique within start, session and service: the Call-ID of leg 0, and a branch where it forked */
	str caller;  /* From, as an address: "sip:alice@network" */
	str callee;  /* To */
	str target;  /* what it was finally sent to */
	usec start, ring, answer, end; /* 0: did not happen (yet) */
	uint16_t status;               /* final SIP status: 200 answered, 486 busy, 487 given up, ..; 0: not yet */
	str cause;      /* why it ended, for people: "caller hung up", "486 Busy Here", "no media for 30 s" */
	uint32_t leg_n; /* 1 or 2 */
	struct call_leg legs[CALL_RECORD_LEGS]; /* 0: towards the caller, 1: towards the callee */
};

/* The whole, one column each (legs as a_.., b_..; times as started, rang, answered, ended, since END is a word of SQL);
 * and its parts for JSON, with the names above: all but the legs, and one leg. */
extern const struct record_kind call_record_kind, call_head_kind, call_leg_kind;

#endif
