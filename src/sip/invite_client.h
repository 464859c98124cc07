/*
 * sip/invite_client.h - one INVITE, until its last possible answer.
 *
 * The INVITE client transaction (RFC 3261 17.1.1 as amended by RFC 6026 8.4): repeats
 * the INVITE (timer A, doubling, no cap), gives up after timer B, acknowledges
 * every 3xx..6xx itself (timer D soaks up repeats), and after a 2xx stays for timer M
 * so that repeated and forked 2xx find their way to the user, whose business their
 * ACK is. CANCEL (section 9.1) is part of it: it waits for a provisional answer, goes
 * out once, and 64 T1 later the call is given up. Timer C (16.6 item 11) cancels
 * by itself where the owner sets it.
 *
 * Memory: the owner embeds the struct and frees nothing. Thread: its owner's.
 */
#ifndef SIP_INVITE_CLIENT_H
#define SIP_INVITE_CLIENT_H

#include "sip/timing.h"

#include <stdbool.h>
#include <stdint.h>

enum sip_invite_client_step {
	SIP_INVITE_CLIENT_QUIET = 0,
	SIP_INVITE_CLIENT_SEND,        /* put the INVITE on the wire (again) */
	SIP_INVITE_CLIENT_GIVE,        /* the answer just reported is for the user */
	SIP_INVITE_CLIENT_ACK,         /* acknowledge the 3xx..6xx just reported */
	SIP_INVITE_CLIENT_CANCEL,      /* send CANCEL, as a transaction of its own */
	SIP_INVITE_CLIENT_TIMEOUT,     /* timer B, or 64 T1 after CANCEL: tell the user */
	SIP_INVITE_CLIENT_UNREACHABLE, /* the transport failed; tell the user */
	SIP_INVITE_CLIENT_END,         /* over: forget it. The last step of every transaction */
};

struct sip_invite_client {
	const struct sip_timing *timing; /* private */
	usec repeat_at, pace;            /* timer A */
	usec end_at;                     /* timer B, D, M, or the end of waiting after CANCEL */
	usec ring_at, ring_for;          /* timer C */
	uint8_t state;
	uint8_t todo;
	bool reliable, cancel_wanted, cancelled;
};

/* Wants the first SEND at once. `ring_for`: timer C, started anew by every 101..199; 0: none. */
void sip_invite_client_start(struct sip_invite_client *, const struct sip_timing *, bool reliable, usec ring_for,
			     usec now);
/* An answer of this transaction arrived; 100..699. */
void sip_invite_client_answer(struct sip_invite_client *, int status, usec now);
/* The user wants no more: CANCEL now, or after the first provisional answer. Harmless after a final one. */
void sip_invite_client_cancel(struct sip_invite_client *, usec now);
/* The transport could not deliver INVITE or ACK. Harmless after a 2xx. */
void sip_invite_client_fail(struct sip_invite_client *);
void sip_invite_client_tick(struct sip_invite_client *, usec now);
usec sip_invite_client_due(const struct sip_invite_client *);
enum sip_invite_client_step sip_invite_client_next(struct sip_invite_client *);
/* Answered for good and kept only for repeats: may be ended early when room is short. */
bool sip_invite_client_lingers(const struct sip_invite_client *);
/* A provisional answer came, nothing final yet: it will not be repeated, only cancelled or acknowledged. */
bool sip_invite_client_proceeds(const struct sip_invite_client *);
/* A 2xx came: the INVITE itself will not be needed again. */
bool sip_invite_client_accepted(const struct sip_invite_client *);

#endif
