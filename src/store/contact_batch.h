/*
 * store/contact_batch.h - many changes of contacts as bytes.
 *
 * What a service has to say about contacts in one turn of its loop goes into one batch, the batch into one question
 * (KEEPER_CONTACT_BATCH), and its bytes as they are into one row of the log (store/contact_log): each change is
 * written once, by who makes it. The changes of a batch hold in their order, wholly or not at all.
 *
 *     contact_batch_put(&batch, &contact);
 *     row = (struct contact_batch_record){ .row = contact_batch_row(&batch) };
 *
 *     n = contact_row_open(row, &reader);
 *     while (contact_row_next(&reader, &change)) ...
 *
 * A row is the byte 3, four bytes that count its changes, and these: a byte that says of which kind, three that say how
 * long it is, and the contact as contact_write leaves it; of one that is gone aor and key. Rows of one change that
 * begin with the byte 1 or 2 are of former versions.
 *
 * Memory: contact_batch_free. What is read points into the row. Thread: its owner's.
 */
#ifndef STORE_CONTACT_BATCH_H
#define STORE_CONTACT_BATCH_H

#include "store/contact.h"

#define CONTACT_BATCH_MAX   1024       /* changes */
#define CONTACT_BATCH_BYTES (1u << 20) /* of a row */

struct contact_batch {
	struct buf bytes; /* private */
	uint32_t n;       /* changes in it */
};

/* The row of a question. */
struct contact_batch_record {
	int64_t id;
	str row;
};

extern const struct record_kind contact_batch_record_kind;

void contact_batch_init(struct contact_batch *);
void contact_batch_free(struct contact_batch *);
/* Empties it; keeps its memory. */
void contact_batch_reset(struct contact_batch *);
/* One change behind the others. ERR_FULL: not in this batch; ERR_LIMIT: too long for any; ERR_MEMORY. What fails leaves
 * nothing behind. */
MUST_CHECK enum err contact_batch_put(struct contact_batch *, const struct contact_record *);
MUST_CHECK enum err contact_batch_gone(struct contact_batch *, str aor, str key);
/* Where it stands, and back to there. */
struct contact_batch_place {
	size_t bytes;
	uint32_t n;
};
struct contact_batch_place contact_batch_place(const struct contact_batch *);
void contact_batch_cut(struct contact_batch *, struct contact_batch_place);
/* As bytes; valid until the next change. */
str contact_batch_row(struct contact_batch *);

/* One change, of a row. */
struct contact_change {
	bool gone;
	str aor, key;
	usec expires; /* of one that is not gone */
	str body;     /* for contact_read */
};

struct contact_row {
	str rest;      /* private */
	uint32_t left; /* private */
};

/* How many changes there are; at least 1: one of a row that is none of ours is counted and cannot be read. */
uint32_t contact_row_open(str row, struct contact_row *out);
/* The next; false: there is none, or what follows is damaged. */
bool contact_row_next(struct contact_row *, struct contact_change *out);
/* Is it whole, as contact_batch_row gave it? */
bool contact_row_is_sound(str row);
/* One that was read, into another batch. Errors as contact_batch_put. */
MUST_CHECK enum err contact_batch_copy(struct contact_batch *, const struct contact_change *);

#endif
