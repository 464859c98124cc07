/*
 * sip/server.h - one received request other than INVITE, until its answer is safe.
 *
 * The non-INVITE server transaction (RFC 3261 17.2.2): soaks up repeats of the
 * request, answers them with the last answer, and stays for timer J after the final
 * one. With the manners of RFC 4320: no provisional but 100, 100 never before a
 * client's timer E has grown to T2 and always then (4.1), and no 408 (4.2): it would
 * always come too late. It knows status numbers, no messages: the owner keeps the bytes.
 *
 * Memory: the owner embeds the struct and frees nothing. Thread: its owner's.
 */
#ifndef SIP_SERVER_H
#define SIP_SERVER_H

#include "sip/timing.h"

#include <stdbool.h>
#include <stdint.h>

enum sip_server_step {
	SIP_SERVER_QUIET = 0,
	SIP_SERVER_ANSWER, /* put the last accepted answer on the wire (again) */
	SIP_SERVER_TRYING, /* make a 100, and put it on the wire; it is the last answer now */
	SIP_SERVER_END,    /* over: forget it. The last step of every transaction */
};

struct sip_server {
	const struct sip_timing *timing; /* private */
	usec trying_at, settled_at, end_at;
	uint8_t state;
	uint8_t todo;
	bool reliable;
};

void sip_server_start(struct sip_server *, const struct sip_timing *, bool reliable, usec now);
/* The request came again. */
void sip_server_repeat(struct sip_server *, usec now);
/* The user's answer, 100..699. true: it is the last answer now and ANSWER follows; false: it must
 * not be sent (a second final one, 1xx against RFC 4320, or 408, which ends the transaction silently). */
bool sip_server_answer(struct sip_server *, int status, usec now);
void sip_server_tick(struct sip_server *, usec now);
usec sip_server_due(const struct sip_server *);
enum sip_server_step sip_server_next(struct sip_server *);
/* Answered for good and kept only for repeats: may be ended early when room is short. */
bool sip_server_lingers(const struct sip_server *);

#endif
