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

enum pbx_repeat_kind {
	PBX_REPEAT_NEW,     /* not known */
	PBX_REPEAT_PENDING, /* its answer waits for the keeper: it goes to the repeat as well */
	PBX_REPEAT_DONE,
	PBX_REPEAT_CHALLENGED,
	PBX_REPEAT_REFUSED, /* 500 */
	PBX_REPEAT_UNKEPT,  /* 503 */
};

struct pbx_repeats {
	uint64_t key[2]; /* private, all of it */
	uint64_t (*rows)[PBX_REPEAT_ROW];
};

void pbx_repeats_init(struct pbx_repeats *, struct rng *);
void pbx_repeats_free(struct pbx_repeats *);
/* By what the request is known again; never 0. Worked out once for each. */
uint64_t pbx_repeats_name(const struct pbx_repeats *, struct sip_msg *, const struct flow *);
/* It will be asked for soon: its row is fetched meanwhile. */
void pbx_repeats_expect(const struct pbx_repeats *, uint64_t name);
/* What became of this very request within the last PBX_REPEAT_KEPT. */
enum pbx_repeat_kind pbx_repeats_find(const struct pbx_repeats *, uint64_t name, usec now);
/* So it is from now on; the 32 s go on from the first time. false: no memory, nothing is remembered. */
bool pbx_repeats_note(struct pbx_repeats *, enum pbx_repeat_kind, uint64_t name, usec now);

#endif
