/*
 * overlay/seal.h - letters that super nodes carry and cannot read or change.
 *
 * One sealed body: signed by the sender's device key, closed to one seal key of the
 * recipient, bound to the essentials of the SIP message it travels in (docs/wire/overlay.md,
 * Sealed bodies). Which key belongs to which call is overlay/envelope.h's business.
 *
 * Memory: values and the caller's buffers; replay memory is a visible struct. Thread: any.
 */
#ifndef OVERLAY_SEAL_H
#define OVERLAY_SEAL_H

#include "base/rng.h"
#include "crypt/box.h"
#include "overlay/identity.h"

#define OVERLAY_SEALED_TYPE    "application/tandem-sealed"
#define OVERLAY_SEAL_CLEAR_MAX 32768
#define OVERLAY_SEAL_TYPE_MAX  200
#define OVERLAY_REPLAY_MAX     4096
#define OVERLAY_REPLAY_SPAN    (600 * USEC_PER_SEC)

/* What of the SIP message the letter is bound to. From and To as user@host, without parameters. */
struct overlay_essentials {
	bool response;
	str method; /* of CSeq */
	uint32_t cseq;
	str call_id, from, to;
};

struct overlay_letter {
	struct overlay_certificate sender;
	uint8_t sender_seal_key[OVERLAY_KEY_N]; /* to answer with */
	usec time;
	str type, content; /* in the buf given to open */
};

/* Closes `content` of `type` into `out`. `rng` must be a true one. Failures (too long, no memory) are kept in the buf.
 */
void overlay_seal(struct buf *out, const struct overlay_essentials *, const uint8_t recipient[OVERLAY_KEY_N],
		  const struct overlay_certificate *sender, const struct sign_pair *device,
		  const uint8_t sender_seal_key[OVERLAY_KEY_N], str type, str content, struct rng *, usec now);

/* The device's own clock decides; what is opened may still be a repetition: ask overlay_replay_new. `storage` takes the
 * clear bytes. ERR_SYNTAX; ERR_UNSUPPORTED (version); ERR_ABSENT: not closed to this key; ERR_FORGED; ERR_REFUSED
 * (other network); ERR_EXPIRED: certificate over, or letter older than 5 minutes; ERR_STATE: from the future;
 * ERR_LIMIT, ERR_MEMORY. */
MUST_CHECK enum err overlay_open(str sealed, const struct overlay_essentials *, const struct box_pair *mine,
				 str network, const uint8_t authority[OVERLAY_KEY_N], usec now, struct buf *storage,
				 struct overlay_letter *out);

/* Letters opened lately, by their fresh key. 128 kB. */
struct overlay_replay {
	struct overlay_replay_entry { /* private */
		uint8_t id[16];
		usec time, opened;
	} * ring;
	size_t head, n;
	usec floor; /* everything sent up to here is refused */
};

MUST_CHECK bool overlay_replay_start(struct overlay_replay *); /* false: no memory */
void overlay_replay_free(struct overlay_replay *);
/* Whether this letter, sent at `time`, was never here; remembers it. */
bool overlay_replay_new(struct overlay_replay *, str sealed, usec time, usec now);

#endif
