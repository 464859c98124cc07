/*
 * pbx/history.h - by which addresses a request has come, and why it went on.
 *
 * RFC 7044, History-Info. An exchange adds an entry for each Request-URI that it makes of another: of a user one for
 * each contact (rc), of a redirection one for whom it named (mp), where nothing changes one that says so (np); entries
 * that were answered bear the answer as a Reason. Which entries a branch's request shows: those that
 * led to it, and those that were answered before. An answer shows the caller all.
 *
 * What came with the request is passed on as it stands. More than PBX_HISTORY_MAX entries, or malformed ones: nothing
 * is added and nothing taken away.
 *
 * Memory: all in the arena given. Thread: its owner's.
 */
#ifndef PBX_HISTORY_H
#define PBX_HISTORY_H

#include "sip/msg.h"

#define PBX_HISTORY_MAX   40   /* entries */
#define PBX_HISTORY_INDEX 40   /* bytes of an index of ours: "1.1.2" */
#define PBX_HISTORY_TEXT  3000 /* bytes of the whole field */

struct pbx_history_entry {
	struct pbx_history_entry *next;
	struct pbx_history_entry *parent; /* ours: what it was made of */
	str text;                         /* received: as it stands, but for what is said of it since; empty: ours */
	str uri;                          /* without its headers */
	str index;
	const char *tag;   /* ours: "rc", "mp", "np", or NULL */
	str of;            /* the index that the tag refers to */
	unsigned children; /* entries right below it */
	uint16_t status;   /* its final answer; 0: none, or a 2xx */
	bool hidden;       /* Privacy=history among the headers of its URI */
};

struct pbx_history {
	struct pbx_history_entry *first, *last; /* last: that of the Request-URI, until branches are added */
	struct pbx_history_entry *own;          /* that of the Request-URI */
	size_t n;
	bool private; /* the request wants its history private */
};

/* What the request brings, and an entry for its Request-URI where that is missing. NULL: see above, or no room. */
struct pbx_history *pbx_history_new(struct sip_msg *, struct arena *);
/* A new one below `parent`; tag and `of` may be NULL. NULL: no room; the request then goes without it. */
struct pbx_history_entry *pbx_history_add(struct pbx_history *, struct pbx_history_entry *parent, str uri,
					  const char *tag, const struct pbx_history_entry *of, struct arena *);
/* The field's value for a request with this last entry. `leaves`: it leaves for a domain where what is private must not
 * be seen (10.1). Nothing is written where there is no room: buf_ok() is false then. */
void pbx_history_write(const struct pbx_history *, const struct pbx_history_entry *, bool leaves, struct buf *out);
/* The field's value for an answer to the caller: ours, and what the answer itself bears. NULL: an answer of our own. */
void pbx_history_write_answer(const struct pbx_history *, struct sip_msg *answer, struct buf *out);

#endif
