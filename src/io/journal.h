/*
 * io/journal.h - what the keeper has promised and the database does not hold yet.
 *
 * Two files beside the database, PATH-contacts-0 and -1. A record is the row of a KEEPER_CONTACT_BATCH with a number
 * one above the last; it is there as soon as journal_put has returned: in the system's memory, which a process that is
 * killed leaves behind. It costs one system call and waits for no disk. What has reached the database is not needed any
 * more: its highest number stands in the database, written in the same transaction, so that nothing counts twice and
 * nothing old comes back. When all of a file's records are there, it is written over from its beginning; it is
 * never cut while in use, for that would wait for the disk.
 *
 * A record is 4 bytes of length, 8 that check the rest (str_hash: against torn writes, not against people), 8 with the
 * number, and the row; numbers are little-endian. A file is read until a record is torn or its number does not follow.
 *
 * Who has it open holds a lock on the first file. Memory: journal_open / _close. Thread: one at a time; the owner sees
 * to it.
 */
#ifndef IO_JOURNAL_H
#define IO_JOURNAL_H

#include "base/err.h"
#include "base/str.h"
#include "base/time.h"

#define JOURNAL_MAX   (64u << 20)        /* bytes of a file */
#define JOURNAL_ROW_N (2u * 1024 * 1024) /* bytes of a row */

struct journal;

/* Is there something in it, perhaps a running process's? Cheap. */
bool journal_is_there(const char *database);
/* Makes the files where they are not there. Waits for who has them, `patience` at most: ERR_BUSY. ERR_IO, ERR_FULL,
 * ERR_REFUSED, ERR_LIMIT (path), ERR_MEMORY. */
MUST_CHECK enum err journal_open(const char *database, usec patience, struct journal **out);
/* Where the database holds all of it the files become empty; else what is in them stays. NULL is fine. */
void journal_close(struct journal *);

/* Each row whose number is above `after`, up to which the database holds all, in their order; new numbers go on above
 * them. `take` fails: its error; else ERR_IO, ERR_MEMORY. Once, before all that follows. */
MUST_CHECK enum err journal_read(struct journal *, uint64_t after,
				 enum err (*take)(void *self, uint64_t number, str row), void *self);
/* ERR_FULL: no room in file or disk; ERR_LIMIT: too long; ERR_IO. What fails leaves nothing. */
MUST_CHECK enum err journal_put(struct journal *, str row, uint64_t *number);
/* The last that was put was not meant. */
void journal_unput(struct journal *);
/* The database holds all up to this number. */
void journal_settle(struct journal *, uint64_t number);

#endif
