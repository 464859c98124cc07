/*
 * overlay/outbox.h - the wants of a service of this folder, in order, with their bytes.
 *
 * What a service writes during recv or tick waits here until the host has drained next. All
 * bytes lie in one buffer that is used again once it is empty, so a frame is written once and
 * in place. At most 4096 wants and 4 MiB wait; beyond, whole wants are dropped and counted, never
 * parts of a frame.
 *
 * Memory: the owner embeds the struct. Thread: its owner's.
 */
#ifndef OVERLAY_OUTBOX_H
#define OVERLAY_OUTBOX_H

#include "base/buf.h"
#include "base/host.h"
#include "overlay/frame.h"

struct keeper_ask;

struct overlay_outbox {
	struct buf bytes; /* private */
	struct overlay_outbox_entry {
		struct host_want want;
		size_t bytes_at, name_at;
	} * list;
	size_t n, at, cap;
	uint64_t dropped; /* wants that found no room */
};

void overlay_outbox_init(struct overlay_outbox *);
void overlay_outbox_free(struct overlay_outbox *);
/* Any want without a `message`; its bytes and name are copied. */
void overlay_outbox_put(struct overlay_outbox *, const struct host_want *);
/* A frame on a stream. false: no room, or the message breaks its bounds; nothing was put. */
bool overlay_outbox_message(struct overlay_outbox *, uint32_t stream, const struct overlay_message *);
void overlay_outbox_close(struct overlay_outbox *, uint32_t stream);
/* A question; made here by keeper_ask_new. false: no memory or no room. */
bool overlay_outbox_ask(struct overlay_outbox *, const struct keeper_ask *model);
/* Bytes stay valid until something is put. */
bool overlay_outbox_next(struct overlay_outbox *, struct host_want *out);

#endif
