/*
 * pbx/repeat.h - which REGISTERs were answered lately.
 *
 * RFC 3261 17.2.2 keeps each answer for 32 s to say it again to whoever has not heard it, some 600 bytes for each phone
 * of a crowd. What a REGISTER is answered with stands in the location table anyway. So its transaction ends
 * with its answer, and eight bytes here know it again: the same request (branch, Call-ID, CSeq) from the same source
 * gets the same answer made anew (8.2.7), without being judged or carried out twice.
 *
 * Bounded: where more are answered within 32 s than there is room for, the oldest of a row goes; its repeat is then
 * judged like any request, and a nonce count that was used up is challenged again.
 *
 * Memory: the owner embeds the struct; half a megabyte is taken at the first note. Thread: its owner's.
 */
#ifndef PBX_REPEAT_H
#define PBX_REPEAT_H

#include "base/host.h"
#include "base/rng.h"
#include "sip/msg.h"

#define PBX_REPEAT_ROWS 8192
#define PBX_REPEAT_ROW  8                   /* a cache line */
#define PBX_REPEAT_KEPT (32 * USEC_PER_SEC) /* timer J */

enum pbx_repeat_kind { PBX_REPEAT_DONE = 1, PBX_REPEAT_CHALLENGED };

struct pbx_repeats {
	uint64_t key[2]; /* private, all of it */
	uint64_t (*rows)[PBX_REPEAT_ROW];
};

void pbx_repeats_init(struct pbx_repeats *, struct rng *);
void pbx_repeats_free(struct pbx_repeats *);
/* It has been answered so; of a repeat, the first time counts. false: no memory, nothing is remembered. */
bool pbx_repeats_note(struct pbx_repeats *, enum pbx_repeat_kind, struct sip_msg *, const struct flow *, usec now);
/* Was this very request answered so within the last PBX_REPEAT_KEPT? */
bool pbx_repeats_has(const struct pbx_repeats *, enum pbx_repeat_kind, struct sip_msg *, const struct flow *, usec now);

#endif
