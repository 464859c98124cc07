/*
 * pbx/history.h - by which addresses a request has come, and why it went on.
 *
 * RFC 7044, History-Info. An exchange adds an entry for each Request-URI that it makes of another: of a user one for
 * each contact (rc), of another user one that says so (mp), of a redirection what its Contact says, where nothing
 * changes one that says so (np). Entries that were answered bear the answer as a Reason, and the Reasons it gave
 * (10.2). Which entries a branch's request shows: those that led to it, and those that something was heard of (9.3).
 * An answer shows the caller all that something was heard of (9.4).
 *
 * What came with the request is passed on as it stands. More than PBX_HISTORY_MAX entries, or malformed ones: nothing
 * is added and nothing taken away. A tel URI has no headers, so no Reason and no Privacy (5.): give sip ones.
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
	str reasons;       /* what its answer gave as reasons: "Reason=Q.850%3Bcause%3D17&.." */
	unsigned children; /* entries right below it */
	uint16_t status;   /* its final answer; 0: none, or a 2xx */
	bool heard;        /* an answer but 100 has come from it, or from below, or none in time */
	bool hidden;       /* Privacy=history among the headers of its URI */
	bool foreign;      /* of another domain: not ours to hide (10.1.2) */
};

struct pbx_history {
	struct pbx_history_entry *first, *last; /* last: that of the Request-URI, until branches are added */
	struct pbx_history_entry *own;          /* that of the Request-URI */
	struct pbx_history_entry *base;         /* what branches are made of: own, or whom it was mapped to here */
	size_t n;
	str domain;   /* ours */
	bool private; /* the request wants its history private */
};

/* What the request brings, and an entry for its Request-URI `uri` where that is missing. `domain` is ours. NULL: see
 * above, or no room. */
struct pbx_history *pbx_history_new(struct sip_msg *, str uri, str domain, struct arena *);
/* A new one below `parent`; tag and `of` may be NULL. NULL: no room; the request then goes without it. */
struct pbx_history_entry *pbx_history_add(struct pbx_history *, struct pbx_history_entry *parent, str uri,
					  const char *tag, const struct pbx_history_entry *of, struct arena *);
/* Something was heard of it: `status`, and of a refusal, where there is one, its message. */
void pbx_history_hear(struct pbx_history_entry *, int status, struct sip_msg *, struct arena *);
/* Is the URI one of another domain? An address is taken for one of our phones. */
bool pbx_history_is_foreign(const struct pbx_history *, str uri);
/* "history" or "header" among the values of Privacy (10.1.2). */
bool pbx_history_is_private(const struct sip_msg *);
/* The field's value for a request with this last entry. `leaves`: it leaves for a domain where what is private must not
 * be seen (10.1.2). Nothing is written where there is no room: buf_ok() is false then. */
void pbx_history_write(const struct pbx_history *, const struct pbx_history_entry *, bool leaves, struct buf *out);
/* The field's value for an answer to the caller: ours, and what else the answer itself bears (9.3). NULL: an answer of
 * our own. `leaves`: the caller is a stranger, to whom nothing is shown of what is behind us but how much there is. */
void pbx_history_write_answer(const struct pbx_history *, struct sip_msg *answer, bool leaves, struct buf *out);

#endif
