/*
 * sip/invite_server.h - one received INVITE, until its answer is acknowledged.
 *
 * The INVITE server transaction (RFC 3261 17.2.1 as amended by RFC 6026 8.5): says 100
 * where its user is slow, soaks up repeats, repeats a 3xx..6xx until its ACK (timer
 * G up to T2, timer H), waits out repeated ACKs (timer I), and after a 2xx stays for
 * timer L so that repeated INVITEs find it. As a user agent's (`hold`) it also repeats
 * the 2xx until its ACK, which RFC 3261 13.3.1.4 asks of the user; a proxy does not hold.
 *
 * Memory: the owner embeds the struct and frees nothing. Thread: its owner's.
 */
#ifndef SIP_INVITE_SERVER_H
#define SIP_INVITE_SERVER_H

#include "sip/timing.h"

#include <stdbool.h>
#include <stdint.h>

enum sip_invite_server_step {
	SIP_INVITE_SERVER_QUIET = 0,
	SIP_INVITE_SERVER_ANSWER,  /* put the last accepted answer on the wire (again) */
	SIP_INVITE_SERVER_TRYING,  /* make a 100, and put it on the wire; it is the last answer now */
	SIP_INVITE_SERVER_UNACKED, /* timer H, or 64 T1 after a held 2xx: no ACK came; tell the user */
	SIP_INVITE_SERVER_END,     /* over: forget it. The last step of every transaction */
};

struct sip_invite_server {
	const struct sip_timing *timing; /* private */
	usec trying_at;
	usec repeat_at, pace; /* timer G, or the repeats of a held 2xx */
	usec end_at;          /* timer H, I or L */
	uint8_t state;
	uint8_t todo;
	bool reliable, holds;
};

void sip_invite_server_start(struct sip_invite_server *, const struct sip_timing *, bool reliable, usec now);
/* The INVITE came again. */
void sip_invite_server_repeat(struct sip_invite_server *, usec now);
/* The user's answer, 100..699; `hold`: repeat this 2xx until its ACK, on every transport. true: it is
 * the last answer now and ANSWER follows; false: it must not be sent (the final one has gone out). */
bool sip_invite_server_answer(struct sip_invite_server *, int status, bool hold, usec now);
/* The ACK of a 3xx..6xx, or of a held 2xx. true: it was the first. */
bool sip_invite_server_ack(struct sip_invite_server *, usec now);
void sip_invite_server_tick(struct sip_invite_server *, usec now);
usec sip_invite_server_due(const struct sip_invite_server *);
enum sip_invite_server_step sip_invite_server_next(struct sip_invite_server *);
/* No final answer yet: it can still be cancelled. */
bool sip_invite_server_open(const struct sip_invite_server *);
/* A 2xx was sent: the INVITE itself will not be needed again. */
bool sip_invite_server_accepted(const struct sip_invite_server *);
/* Kept only for repeats: may be ended early when room is short. */
bool sip_invite_server_lingers(const struct sip_invite_server *);

#endif
