/*
 * pbx/overload.h - what is let in when there is more to do than can be done.
 *
 * The host says of datagrams how long they have lain (base/host.h: waited) and whether others found no room (lost). As
 * in CoDel (RFC 8289) it is the least wait of an interval that tells a standing queue from a burst. While it stands,
 * less and less is let in, the least urgent first: questions and messages, then new calls. Requests inside dialogs,
 * ACK, CANCEL and answers are always let in, for they end work that was begun.
 *
 * Registrations are another matter: they come all at once (power is back), they can wait, and there is a time by
 * which all of them can be done. They stand in line (pbx/backlog.h and its owner keep it) for up to
 * PBX_OVERLOAD_LINE_S; whoever finds the line full is told when its turn will be (Retry-After), one after the other at
 * the pace at which they are really done, so that the exchange is never idle and never buried.
 *
 * Memory: the owner embeds the struct and frees nothing. Thread: its owner's.
 */
#ifndef PBX_OVERLOAD_H
#define PBX_OVERLOAD_H

#include "base/rng.h"
#include "base/time.h"

#include <stdbool.h>

#define PBX_OVERLOAD_TARGET   (50 * USEC_PER_MS) /* a queue that always is longer stands */
#define PBX_OVERLOAD_INTERVAL (100 * USEC_PER_MS)
#define PBX_OVERLOAD_LATE     (10 * USEC_PER_MS) /* from here on registrations stand in line, so that the rest is read */
#define PBX_OVERLOAD_LINE     16384              /* registrations in line that have been read, at most */
#define PBX_OVERLOAD_LINE_S   16                 /* seconds' worth: half of what a phone waits for its answer */
#define PBX_OVERLOAD_RATE     2000               /* REGISTERs a second, as long as nobody knows */
#define PBX_OVERLOAD_AFTER    60                 /* seconds: the longest Retry-After */

enum pbx_overload_class { PBX_OVERLOAD_DIALOG, PBX_OVERLOAD_CALL, PBX_OVERLOAD_OTHER };

struct pbx_overload {
	struct rng *rng; /* private, all of it */
	usec interval_ends, least, last;
	bool lost, heard, deferring;
	uint32_t level;         /* 0..200: percent of OTHER, then of CALL that are refused */
	uint32_t rate;          /* REGISTERs a second */
	uint32_t done, heard_n; /* since: */
	usec rate_since;
	bool idle;   /* the line was empty since */
	usec ticket; /* the turn that was given last */
};

void pbx_overload_init(struct pbx_overload *, struct rng *);
/* A message came that had waited so long, others having been lost before it. `deferring`: registrations stand in line;
 * then it is they who fill the queue, and no call is refused for it. */
void pbx_overload_waited(struct pbx_overload *, usec waited, bool lost, bool deferring, usec now);
/* May a request of this class come in? */
bool pbx_overload_admits(struct pbx_overload *, enum pbx_overload_class, usec now);
/* Percent of the requests of this class that are refused now (RFC 7339 5.2: for `oc`). */
unsigned pbx_overload_refuses(struct pbx_overload *, enum pbx_overload_class, usec now);
/* Seconds after which whoever was refused should come back, as many different ones as there are. */
uint32_t pbx_overload_after(struct pbx_overload *);

/* Should registrations stand in line because messages wait unread? */
bool pbx_overload_late(struct pbx_overload *, usec now);
/* A REGISTER was done; `line_n` wait. */
void pbx_overload_done(struct pbx_overload *, size_t line_n, usec now);
/* How many are done a second. */
size_t pbx_overload_rate(const struct pbx_overload *);
/* How many may stand in line. */
size_t pbx_overload_line_max(const struct pbx_overload *);
/* When a registration that found it full will have its turn: seconds from now. `ahead`: REGISTERs before it, of which
 * each takes `steps`. */
uint32_t pbx_overload_ticket(struct pbx_overload *, size_t ahead, unsigned steps, usec now);

#endif
