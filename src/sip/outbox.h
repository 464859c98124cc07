/*
 * sip/outbox.h - what a stack wants of its host, in order.
 *
 * A ring of wants with the bytes they point to. Bounded: SIP_OUTBOX_MAX wants; what
 * comes then is lost like a datagram in a full queue (the host drains it after every
 * call, so that is a host that has stopped). The blob of an OPEN is its name.
 */
#ifndef SIP_OUTBOX_H
#define SIP_OUTBOX_H

#include "base/host.h"
#include "sip/blob.h"

#define SIP_OUTBOX_MAX  65536u
#define SIP_OUTBOX_PAGE 65536u /* bytes of texts that nobody else keeps */

struct sip_outbox_item {
	struct host_want want; /* bytes: set by sip_outbox_next */
	struct sip_blob *blob;
};

struct sip_outbox {
	struct sip_outbox_item *items; /* private */
	uint32_t head, n, cap;
	struct sip_blob *out; /* of the want handed out last */
	char *page;           /* empty again when all has been handed out */
	uint32_t page_n;
};

void sip_outbox_free(struct sip_outbox *); /* a zeroed one is empty */
/* Holds a reference of its own to `blob` (may be NULL). ERR_FULL, ERR_MEMORY. */
MUST_CHECK enum err sip_outbox_put(struct sip_outbox *, const struct host_want *, struct sip_blob *blob);
/* A text that nobody else keeps is written where it leaves from: over this much room (maybe none), then
 * sip_outbox_put_text, before anything else is put. */
struct buf sip_outbox_room(struct sip_outbox *);
/* ERR_FULL, ERR_MEMORY: the text is lost. */
MUST_CHECK enum err sip_outbox_put_text(struct sip_outbox *, const struct host_want *, const struct buf *);
/* Bytes are valid until the next call. */
bool sip_outbox_next(struct sip_outbox *, struct host_want *out);

#endif
