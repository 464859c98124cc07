/*
 * pbx/registrar.h - the rules of REGISTER.
 *
 * RFC 3261 10.3, RFC 3327, RFC 5626 6. Two halves: pbx_registrar_read makes of a request the
 * change that it asks for (at the worker of its Call-ID, after authentication);
 * pbx_registrar_judge holds it against what is bound (at the address's shard) and says which rows the
 * keeper must put and remove. Only when the keeper has done so are they applied
 * and the 200 written. No state here.
 */
#ifndef PBX_REGISTRAR_H
#define PBX_REGISTRAR_H

#include "pbx/gruu.h"
#include "pbx/location.h"
#include "pbx/note.h"
#include "sip/msg.h"

#define PBX_PATH_MAX 4096 /* bytes of a Path; longer ones are malformed */

struct pbx_registrar_setting {
	uint32_t expires_min, expires_default, expires_max; /* seconds */
	/* What is granted is shortened by chance, by up to so many percent, never below expires_min: phones that came
	 * all at once do not come back all at once. */
	uint32_t expires_spread;
	struct rng *rng;
};

/*
 * Fills note->change for the address `aor` (views are copied into the note). `flow`: the way the REGISTER came.
 * Returns 0, or the status to answer: 400 malformed, 403 a contact that is a GRUU of the same domain, 423 too brief
 * (Min-Expires: expires_min), 416 a contact that cannot be called, 420 a Path without Supported: path, 439 the first
 * hop lacks outbound support, 503 too many contacts, 500 no memory.
 */
int pbx_registrar_read(struct sip_msg *, str aor, const struct flow *, const struct pbx_registrar_setting *, usec now,
		       struct pbx_note *note);

/* What the keeper must do; rows point into the change and the table. */
struct pbx_verdict {
	struct contact_record put[PBX_CONTACTS_MAX];
	struct contact_record remove[PBX_CONTACTS_MAX];
	size_t put_n, remove_n;
};

/* Returns 200, or 500 where the request is older than what is bound (step 7: CSeq of the same Call-ID), or 503 where
 * it has too many contacts itself; of those that are bound the one refreshed longest ago makes room. */
int pbx_registrar_judge(const struct pbx_location *, const struct pbx_change *, usec now, struct pbx_verdict *out);

/* The same for nearly all of them: one contact comes, and nothing is bound, or that. true: `*status` is 200 (the row is
 * to be put, it knows now since when it is bound) or 500. false: it is not so simple. */
bool pbx_registrar_judge_one(const struct pbx_location *, struct pbx_change *, usec now, int *status);

/* The Contact lines (step 8) of the answer, CRLF between them. `gruus`: the phone knows GRUUs (RFC 5627 5.2), else
 * NULL: it gets the public one of each instance, and a new temporary one of those that `call_id` registered. */
void pbx_registrar_write(const struct contact_record *rows, size_t n, struct pbx_gruus *gruus, str call_id, usec now,
			 struct buf *out);

#endif
