/*
 * sip/client.h - one request other than INVITE, until its final answer or silence.
 *
 * The non-INVITE client transaction (RFC 3261 17.1.2): repeats the request on a
 * lossy transport (timer E, doubling up to T2, at T2 after a provisional answer),
 * drops repeated finals (timer K) and says exactly once how it ended. It knows
 * status numbers and times, no messages: the owner keeps the bytes.
 *
 * Memory: the owner embeds the struct and frees nothing. Thread: its owner's.
 */
#ifndef SIP_CLIENT_H
#define SIP_CLIENT_H

#include "sip/timing.h"

#include <stdbool.h>
#include <stdint.h>

enum sip_client_step {
	SIP_CLIENT_QUIET = 0,
	SIP_CLIENT_SEND,        /* put the request on the wire (again) */
	SIP_CLIENT_GIVE,        /* the answer just reported is news: hand it to the user */
	SIP_CLIENT_TIMEOUT,     /* timer F: nobody answered; tell the user */
	SIP_CLIENT_UNREACHABLE, /* the transport failed; tell the user */
	SIP_CLIENT_END,         /* over: forget it. The last step of every transaction */
};

struct sip_client {
	const struct sip_timing *timing; /* private */
	usec repeat_at, pace;            /* timer E */
	usec end_at;                     /* timer F, then K */
	uint8_t state;
	uint8_t todo;
	bool reliable;
};

/* Wants the first SEND at once. `reliable`: the transport repeats by itself. */
void sip_client_start(struct sip_client *, const struct sip_timing *, bool reliable, usec now);
/* An answer of this transaction arrived; 100..699. */
void sip_client_answer(struct sip_client *, int status, usec now);
/* The transport could not deliver the request. Harmless once a final answer is there. */
void sip_client_fail(struct sip_client *);
void sip_client_tick(struct sip_client *, usec now);
usec sip_client_due(const struct sip_client *);
enum sip_client_step sip_client_next(struct sip_client *);
/* Answered for good and kept only to soak up repeats: may be ended early when room is short. */
bool sip_client_lingers(const struct sip_client *);

#endif
