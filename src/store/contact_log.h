/*
 * store/contact_log.h - the location table on the disk, as a log of its changes.
 *
 * A refresh that rewrote its contact's row where that stands would touch a page of its own for every phone. So
 * changes are appended: all that came together in one row (store/contact_batch), some thirty changes a page, and the
 * last about a contact holds: a binding, or that it is gone. Changes are numbered; a row's number is that of its first.
 * An index in memory (store/contact_index, 16 bytes a contact, about 24 with its empty places) knows which change is
 * the last; it is made at the first question by reading everything.
 *
 * The log turns over between two tables. When the one that is written to has half again as many changes as there are
 * contacts alive, the other is next; what still holds in the former is copied behind, a part with each batch, and the
 * former is emptied in one stroke. So the file stays within about four changes a contact, however often they are
 * refreshed, and what is copied is at most the slower half.
 *
 * Another process (`tandem admin user remove`) may write to the log at any time; its rows are noticed when their
 * numbers are found taken, or when a page is read.
 *
 * Functions that take a desk put the reason of a failure into its answer. All that was changed since the last
 * contact_log_settle is undone in memory when the transaction failed.
 *
 * Memory: contact_log_new / _free. Thread: the db's.
 */
#ifndef STORE_CONTACT_LOG_H
#define STORE_CONTACT_LOG_H

#include "store/desk.h"

struct contact_log;

/* NULL: no memory. */
struct contact_log *contact_log_new(void);
void contact_log_free(struct contact_log *);

/* The changes of a batch as they are. ERR_SYNTAX. */
MUST_CHECK enum err contact_log_add(struct contact_log *, struct store_desk *, str row);
MUST_CHECK enum err contact_log_put(struct contact_log *, struct store_desk *, const struct contact_record *);
/* Harmless where it is not there. */
MUST_CHECK enum err contact_log_remove(struct contact_log *, struct store_desk *, str aor, str key);
/* All of an address, or of all that start so where `start` ends in '@' ("sip:101@"). */
MUST_CHECK enum err contact_log_remove_all(struct contact_log *, struct store_desk *, str start);
/* A page of those that have not expired, into the answer: KEEPER_CONTACT_LIST. */
MUST_CHECK enum err contact_log_list(struct contact_log *, struct store_desk *);

/* Where the question in hand begins; and back to there. */
size_t contact_log_mark(struct contact_log *);
void contact_log_back(struct contact_log *, size_t mark);
/* The transaction is over: `kept`, or rolled back. */
void contact_log_settle(struct contact_log *, bool kept);

#endif
