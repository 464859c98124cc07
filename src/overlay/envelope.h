/*
 * overlay/envelope.h - the bodies of one node's SIP messages, sealed on the way out and opened on the way in.
 *
 * Stands between a node's SIP stack, which sees clear messages, and its flow, on
 * which no clear body ever travels. It remembers, by Call-ID, the far device's
 * seal key: first from the callee's verified location record, then from what the
 * far side sealed itself. INVITE and MESSAGE are sealed even when empty, so
 * nobody rings under another's name; a clear body that comes in is refused (493, RFC 3261
 * 21.4.31), not passed on.
 *
 * Bounds: 1024 calls, the one unused longest goes first. Memory: its owner embeds a pointer.
 * Thread: its owner's.
 */
#ifndef OVERLAY_ENVELOPE_H
#define OVERLAY_ENVELOPE_H

#include "overlay/record.h"
#include "overlay/seal.h"

struct overlay_envelope;

/* A far device, as far as it is proven. */
struct overlay_peer {
	struct overlay_name name;
	uint8_t device[OVERLAY_KEY_N];
	uint8_t seal_key[OVERLAY_KEY_N];
};

/* The node's own side; what it points to may change between calls. */
struct overlay_envelope_setup {
	const struct overlay_network *network;
	const struct overlay_certificate *certificate;
	const struct sign_pair *device;
	const struct box_pair *keys, *keys_before; /* keys_before: zero public key when there are none */
	struct rng *rng;
};

struct overlay_envelope *overlay_envelope_new(const struct overlay_envelope_setup *); /* NULL: no memory */
void overlay_envelope_free(struct overlay_envelope *);

/* Requests with this flow token in their Request-URI go to that device (a verified record says so). At most 256, the
 * oldest goes. */
void overlay_envelope_know(struct overlay_envelope *, const struct overlay_record *);

/* One outgoing SIP message: *out is what travels, in `storage` or `sip` itself when nothing needed sealing.
 * ERR_SYNTAX; ERR_ABSENT: a request to a device whose key is unknown (find it first); ERR_LIMIT: body above 32 kB;
 * ERR_FULL: storage. */
MUST_CHECK enum err overlay_envelope_close(struct overlay_envelope *, str sip, usec now, struct buf *storage, str *out);

/* One incoming: *out is clear, *peer is who sealed it (name empty where nothing was sealed). ERR_FORGED, ERR_EXPIRED,
 * ERR_STATE, ERR_EXISTS: repetition, ERR_ABSENT: closed to a key we no longer have, ERR_REFUSED: clear
 * although it must not be, ERR_SYNTAX, ERR_UNSUPPORTED. */
MUST_CHECK enum err overlay_envelope_open(struct overlay_envelope *, str sip, usec now, struct buf *storage, str *out,
					  struct overlay_peer *peer);

/* What becomes of an incoming message that overlay_envelope_open refused for the reason `why`. */
struct overlay_refused {
	str up;   /* an answer: without its body, so that the stack ends the call in order; empty: nothing */
	str back; /* a request: 493 or 403 for its sender; empty: nothing (ACK, repetitions) */
};
MUST_CHECK enum err overlay_envelope_refuse(struct overlay_envelope *, str sip, enum err why, struct buf *storage,
					    struct overlay_refused *out);

#endif
