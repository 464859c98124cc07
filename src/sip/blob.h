/*
 * sip/blob.h - bytes on their way out, kept by everyone who still needs them.
 *
 * A message is written once; the transaction that may repeat it and the queue
 * towards the host both hold the same bytes. Counted without locks: one thread.
 */
#ifndef SIP_BLOB_H
#define SIP_BLOB_H

#include "base/buf.h"
#include "base/str.h"

struct sip_blob {
	uint32_t refs;
	uint32_t n;
	char bytes[];
};

/* One reference, room for `cap` bytes, n = cap. NULL: no memory. */
struct sip_blob *sip_blob_new(size_t cap);
struct sip_blob *sip_blob_copy(str);
/* A buf over the blob's room; sip_blob_wrote takes its length, false where the buf failed. */
struct buf sip_blob_buf(struct sip_blob *);
bool sip_blob_wrote(struct sip_blob *, const struct buf *);
struct sip_blob *sip_blob_ref(struct sip_blob *); /* NULL stays NULL */
void sip_blob_unref(struct sip_blob *);           /* accepts NULL */
/* Lets go of *slot and puts `to` there. */
void sip_blob_set(struct sip_blob **slot, struct sip_blob *to);

static inline str sip_blob_str(const struct sip_blob *b)
{
	return b ? str_of(b->bytes, b->n) : STR_NONE;
}

#endif
