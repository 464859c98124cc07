/*
 * pbx/best.h - which of several refusals the caller hears.
 *
 * RFC 3261 16.7 steps 6 and 7: of the final answers of all branches one is passed back. A 6xx first, then the lowest
 * class; within 4xx those that tell the caller how to mend its request. Whoever asks for a password is not
 * lost: the challenges of all branches go back with the one that is chosen.
 *
 * Memory: what is collected lives in the arena given. Thread: its owner's.
 */
#ifndef PBX_BEST_H
#define PBX_BEST_H

#include "sip/msg.h"

#define PBX_BEST_CHALLENGES 8    /* answers whose challenges are kept; further ones are not asked after */
#define PBX_BEST_CONTACTS   4000 /* bytes of Contacts that are passed on */

/* Smaller is better. Status 300..699. */
int pbx_best_rank(int status);

/* The challenges of one 401 or 407. */
struct pbx_best_challenge {
	struct pbx_best_challenge *next;
	uint64_t of; /* which branch's */
	str lines;   /* "WWW-Authenticate: ..", CRLF between */
};

/* Keeps the challenges of an answer of branch `of` in front of the list; other answers, and those beyond
 * PBX_BEST_CHALLENGES, change nothing. false: no room. */
bool pbx_best_collect(struct pbx_best_challenge **list, const struct sip_msg *, uint64_t of, struct arena *);
/* All lines but those of branch `but`, into `out`, CRLF between. Nothing where there are none. */
void pbx_best_merge(const struct pbx_best_challenge *, uint64_t but, struct buf *out);

/* The Contacts of several 3xx in one list, "a, b", each once: `contact`, a Contact value, is added to *list. false: no
 * room. */
bool pbx_best_join(str *list, str contact, struct arena *);

#endif
