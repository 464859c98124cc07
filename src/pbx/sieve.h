/*
 * pbx/sieve.h - when hardly anything new is said, hardly anything is listened to.
 *
 * Whoever waits for an answer asks again and again (RFC 3261 17.1.2.2: after 0.5, 1.5, 3.5 s and then every 4 s), and
 * to read that costs as much as a good part of what is asked for. So where the repeats of registrations that wait
 * (pbx/backlog.h) are nearly all that comes, and the work there is enough for a while, the host is asked to let in only
 * one in 32 of them (PBX_SIEVE_SHARE) (HOST_SIFT); and already while what is read has lain so long that its repeats lie
 * behind it. Those show when new ones come: then more are let in again, but, repeats or not, the less the more is in
 * line: from a second's worth on not all, from three seconds' worth on one in 32. A new one that was not let in comes
 * again by itself.
 *
 * Who has heard a challenge asks with other words, once more and at once, and is half done. What bears credentials is
 * the longest that there is, so those of that length are always let in, and say nothing of the others.
 *
 * Memory: the owner embeds the struct. Thread: its owner's.
 */
#ifndef PBX_SIEVE_H
#define PBX_SIEVE_H

#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PBX_SIEVE_WORD  "REGISTER" /* HOST_SIFT_N bytes */
#define PBX_SIEVE_SHARE 2048       /* of 65,536: the least that is let in */
#define PBX_SIEVE_LATE  (300 * USEC_PER_MS)

struct pbx_sieve {
	uint32_t score; /* private, with the next one */
	usec waited;
	uint16_t longer; /* bytes: most that bear credentials have more; 0: none was seen */
	uint16_t share;  /* of 65,536; with the next ones: */
	bool on;         /* what the host was asked for last, */
	uint16_t told;   /* as host_want.below */
};

/* A message is read that has waited so long. */
void pbx_sieve_waited(struct pbx_sieve *, usec waited);
/* It is a repeat of a registration that waits or was just seen to. */
void pbx_sieve_hear_repeat(struct pbx_sieve *);
/* It is a new one, of `n` bytes, with credentials or without. */
void pbx_sieve_hear_new(struct pbx_sieve *, size_t n, bool is_proven);
/* Should they be sifted, `ahead` being in line and `rate` done a second? true: the host has to be told anew what `on`
 * and `told` say. */
bool pbx_sieve_turn(struct pbx_sieve *, size_t ahead, size_t rate);

#endif
