/*
 * overlay/token.h - flow tokens: a name for a device at one super node that nobody can invent.
 *
 * 24 bytes: tag (8) and MAC (16), HMAC-SHA-256 under keys of this super node alone
 * (docs/wire/overlay.md, Flow token; RFC 5626 5.2 for what they must withstand). The tag finds the
 * flow; the MAC tells a token of ours, whose device may be away, from an invented one.
 *
 * Memory: overlay_tokens_start / overlay_tokens_free (wipes). Thread: its owner's.
 */
#ifndef OVERLAY_TOKEN_H
#define OVERLAY_TOKEN_H

#include "crypt/hmac.h"
#include "overlay/frame.h"

struct overlay_tokens {
	struct hmac *tag, *mac; /* private */
	uint32_t epoch;
	uint64_t via[2][2]; /* keys for what forward hides in its Via; they last as long as the tokens */
};

/* false: no memory. */
MUST_CHECK bool overlay_tokens_start(struct overlay_tokens *, const uint8_t key[32], uint32_t epoch);
void overlay_tokens_free(struct overlay_tokens *);
/* The token of a device in a role: always the same within an epoch. */
void overlay_token_make(struct overlay_tokens *, const uint8_t device[OVERLAY_KEY_N], enum overlay_role,
			uint8_t out[OVERLAY_TOKEN_N]);
/* Is it one of ours, of this epoch? In constant time. */
bool overlay_token_check(struct overlay_tokens *, const uint8_t token[OVERLAY_TOKEN_N]);
/* The tag as a number, for tables. */
uint64_t overlay_token_tag(const uint8_t token[OVERLAY_TOKEN_N]);

#endif
