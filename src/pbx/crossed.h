/*
 * pbx/crossed.h - repeats that lay unread behind what they repeat.
 *
 * Who does not read at once is sent everything again (RFC 3261 17.1.1.2, 17.1.2.2), byte by byte the same. A datagram
 * that had come before its twin was read says nothing that is not known by then: whoever sent it could not have heard
 * the answer. It is known by a hash, before it is parsed; one that came later (its answer was lost) is none of these.
 * Worth asking of what has lain PBX_CROSSED_LATE or longer, or while others wait (pbx/backlog.h): who is in time pays
 * nothing. Read means seen to: what waits is noted when its turn has come.
 *
 * Bounded: the oldest entry of a row goes; its twin is then read like any other.
 * Memory: the owner embeds the struct; half a megabyte is taken at the first note. Thread: its owner's.
 */
#ifndef PBX_CROSSED_H
#define PBX_CROSSED_H

#include "base/host.h"
#include "base/rng.h"

#define PBX_CROSSED_ROWS 8192
#define PBX_CROSSED_ROW  8                   /* a cache line */
#define PBX_CROSSED_LATE (100 * USEC_PER_MS) /* sooner there is no repeat of it to come */
#define PBX_CROSSED_KEPT (64 * USEC_PER_SEC) /* longer no repeat can have lain (io/udp) */

struct pbx_crossed {
	uint64_t key[2]; /* private, all of it */
	uint64_t (*rows)[PBX_CROSSED_ROW];
};

void pbx_crossed_init(struct pbx_crossed *, struct rng *);
void pbx_crossed_free(struct pbx_crossed *);
/* What this HOST_DATAGRAM is known by: its bytes and where it came from. */
uint64_t pbx_crossed_name(const struct pbx_crossed *, const struct host_event *);
/* It has lain unread for so long: had it come before its twin was read? */
bool pbx_crossed_has(const struct pbx_crossed *, uint64_t name, usec waited, usec now);
/* It is read now. Without memory nothing is noted. */
void pbx_crossed_note(struct pbx_crossed *, uint64_t name, usec now);

#endif
