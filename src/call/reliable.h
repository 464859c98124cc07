/*
 * call/reliable.h - provisional answers that must arrive.
 *
 * RFC 3262 for the two ends of one INVITE. As the called one: which 18x go out reliably, their numbers,
 * their repeats until the PRACK, and when to give up. As the caller: which reliable 18x is new, of
 * several branches of a fork. It writes and sends nothing but header lines.
 *
 * Only one of ours is in the air at a time (3.: a second one may not go before the first has arrived).
 * Memory: the owner embeds it; reliable_free. Thread: its owner's.
 */
#ifndef CALL_RELIABLE_H
#define CALL_RELIABLE_H

#include "base/buf.h"
#include "base/rng.h"
#include "base/time.h"
#include "sip/msg.h"
#include "sip/timing.h"

struct reliable {
	bool supported; /* the caller can */
	bool required;  /* and insists */
	bool waits;     /* one of ours has not been acknowledged */
	bool has_sdp;   /* a description of ours stands in it: no 2xx before its PRACK (5.) */
	bool settled;   /* one with a description has been acknowledged */
	int status;     /* of the one that waits */
	struct buf body;
	uint32_t rseq, cseq; /* private */
	usec pace, repeat_at, until;
};

enum reliable_step { RELIABLE_QUIET, RELIABLE_REPEAT, RELIABLE_LOST };

void reliable_init(struct reliable *);
void reliable_free(struct reliable *);
/* The INVITE that came: what its caller can. */
void reliable_read(struct reliable *, struct sip_msg *invite);
/* Shall an 18x go reliably? Where the caller insists, and where a description should not be lost. */
bool reliable_wanted(const struct reliable *, bool with_sdp);
/* It goes out now. ERR_STATE: another waits; ERR_MEMORY. */
MUST_CHECK enum err reliable_start(struct reliable *, int status, str body, struct rng *, const struct sip_timing *,
				   usec now);
/* "Require: 100rel" and "RSeq: N", each with CRLF. */
void reliable_write(const struct reliable *, struct buf *lines);
/* A PRACK. false: it is for none of ours: 481. */
bool reliable_acknowledge(struct reliable *, struct sip_msg *prack);
/* A final answer goes out: no more repeats; its PRACK is still known. */
void reliable_stop(struct reliable *);
/* LOST: 64 T1 without a PRACK: refuse the INVITE with 5xx; once. */
enum reliable_step reliable_tick(struct reliable *, usec now);
usec reliable_due(const struct reliable *);

/* The caller's side: RSeq of a reliable 18x; 0: it is none. */
uint32_t reliable_rseq(const struct sip_msg *response);
/* Is it new? *last: the branch's own number, 0 at first (4.: in order, each once). */
bool reliable_is_next(uint32_t *last, uint32_t rseq);

#endif
