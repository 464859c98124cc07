/*
 * io/takeover.h - how the journal's rows reach the database: noted with them, and what an earlier process has left.
 *
 * The number of the last row of io/journal that the database holds is a state in it (owner "keeper", name "journal"),
 * written in the transaction that brings the rows.
 *
 * Memory: none. Thread: the db's.
 */
#ifndef IO_TAKEOVER_H
#define IO_TAKEOVER_H

#include "io/journal.h"
#include "store/clerk.h"

/* Within a transaction that brought all rows up to this number. */
MUST_CHECK enum err takeover_note(struct store_clerk *, uint64_t number);
/* What the journal has and the database has not, in a transaction of its own; *n (untouched on failure) says how many
 * rows. The errors of a question, and of journal_read. */
MUST_CHECK enum err takeover_all(struct db *, struct store_clerk *, struct journal *, size_t *n);

#endif
