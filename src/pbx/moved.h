/*
 * pbx/moved.h - where the far sides of dialogs have gone since our Record-Route was written.
 *
 * A target refresh (RFC 3261 12.2, RFC 3311 5.) gives a side of a dialog another Contact, while the Route stays what it
 * was, and so does what our token in it says (pbx/token.h). What a neighbour has said in a dialog is noted here: a mark
 * of Call-ID, tag and Contact each. All that it has ever said stays good, as requests cross.
 *
 * Bounded: marks are kept for a day, in rows; where a row is full the one that was said longest ago goes. Who is
 * forgotten so is known by what the token says alone.
 *
 * Memory: the owner embeds the struct; half a megabyte is taken at the first note. Thread: its owner's.
 */
#ifndef PBX_MOVED_H
#define PBX_MOVED_H

#include "base/host.h"
#include "base/str.h"

#define PBX_MOVED_ROWS 4096
#define PBX_MOVED_ROW  8
#define PBX_MOVED_KEPT (24 * 3600 * USEC_PER_SEC)

struct pbx_moved {
	struct pbx_moved_mark {
		uint64_t mark;    /* 0: none */
		uint32_t at_s;    /* seconds since 1970 */
	} (*rows)[PBX_MOVED_ROW]; /* private */
};

/* Zeroed is a good beginning. */
void pbx_moved_free(struct pbx_moved *);
/* In the call with this Call-ID the side of pbx_token_target `target` was said to be there. Without memory it is not
 * noted. */
void pbx_moved_note(struct pbx_moved *, str call_id, uint64_t target, usec now);
bool pbx_moved_knows(const struct pbx_moved *, str call_id, uint64_t target, usec now);

#endif
