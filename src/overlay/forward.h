/*
 * overlay/forward.h - a super node's SIP proxy: no state, only flow tokens.
 *
 * Decides where one message goes and writes what travels on (docs/wire/overlay.md, SIP through
 * super nodes; RFC 3261 16.3 to 16.7 and 16.11). All it keeps is keys. Whether the flow behind a token is
 * there, and whether there is room for the message, its owner knows: he asks for the write or for a reply.
 *
 *     overlay_forward_read(f, sip, &from, &hop);
 *     hop.kind FLOW:       overlay_forward_write(f, &buf) to the flow of hop.token, or reply 480
 *              SUPERNODE:  the same to hop.server
 *              REPLY:      overlay_forward_reply(f, hop.status, 0, &buf) back to where it came from
 *              DROP:       nothing
 *
 * Memory: opaque; one message at a time, which must stay until the next read. Thread: its owner's.
 */
#ifndef OVERLAY_FORWARD_H
#define OVERLAY_FORWARD_H

#include "overlay/identity.h"
#include "overlay/token.h"

struct overlay_forward;

struct overlay_forward_setup {
	struct overlay_domain network;
	struct overlay_tokens *tokens; /* outlives this */
	struct addr self;              /* host and port in our URIs and Via */
};

/* The flow a message came over. */
struct overlay_forward_source {
	uint8_t token[OVERLAY_TOKEN_N];
	bool answerable;                 /* has a token; false: a flow that we opened, nothing can be sent back by it */
	const struct overlay_name *user; /* From must be his; NULL: another super node's flow */
};

enum overlay_forward_kind {
	OVERLAY_FORWARD_DROP = 1,
	OVERLAY_FORWARD_FLOW,
	OVERLAY_FORWARD_SUPERNODE,
	OVERLAY_FORWARD_REPLY,
};

struct overlay_hop {
	enum overlay_forward_kind kind;
	bool is_request;
	uint8_t token[OVERLAY_TOKEN_N]; /* FLOW: one of ours */
	struct addr server;             /* SUPERNODE */
	uint8_t pin[OVERLAY_KEY_N];
	int status;      /* REPLY */
	const char *why; /* DROP: for the log */
};

struct overlay_forward *overlay_forward_new(const struct overlay_forward_setup *); /* NULL: no memory */
void overlay_forward_free(struct overlay_forward *);
void overlay_forward_read(struct overlay_forward *, str sip, const struct overlay_forward_source *,
			  struct overlay_hop *out);
/* Appends the message as it travels on. ERR_LIMIT: it would become too long; ERR_FULL. */
MUST_CHECK enum err overlay_forward_write(struct overlay_forward *, struct buf *);
/* Appends our own answer to the request just read; `retry_after_s` 0: none. ERR_ABSENT: it cannot be answered (ACK, a
 * response). */
MUST_CHECK enum err overlay_forward_reply(struct overlay_forward *, int status, uint32_t retry_after_s, struct buf *);

#endif
