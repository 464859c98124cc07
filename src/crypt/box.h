/*
 * crypt/box.h - a letter that only one can open: sealing to an X25519 key (RFC 7748).
 *
 * A fresh key pair per letter; both sides compute the shared secret, and
 * HKDF-SHA256 (salt: the fresh key and the receiver's; info: "tandem box 1", NUL and the
 * caller's purpose) makes of it key (32) and nonce (12) for ChaCha20-Poly1305. The letter is
 *
 *     fresh public key (32) | encrypted text (n) | tag (16)
 *
 * It says nothing about who wrote it: sign what must be known. A letter can be
 * replayed: bind it with `associated` to what it belongs to.
 */
#ifndef CRYPT_BOX_H
#define CRYPT_BOX_H

#include "base/buf.h"
#include "base/err.h"
#include "base/rng.h"
#include "base/str.h"

#define BOX_KEY_N    32
#define BOX_OVERHEAD 48 /* a letter is this much longer than its text */

struct box_pair {
	uint8_t key[BOX_KEY_N];    /* public */
	uint8_t secret[BOX_KEY_N]; /* wipe after use */
};

void box_new(struct box_pair *, struct rng *);
/* The pair again out of its stored secret. */
void box_restore(struct box_pair *, const uint8_t secret[BOX_KEY_N]);

/* Appends the letter to out. `purpose` keeps uses apart ("overlay sip body"); `associated` is protected, not sent.
 * ERR_REFUSED: `to` is a key that makes no secret (small order); ERR_LIMIT: a purpose above 64 bytes; ERR_MEMORY;
 * ERR_FULL where out has no room. */
MUST_CHECK enum err box_seal(const uint8_t to[BOX_KEY_N], str purpose, str associated, str text, struct rng *,
			     struct buf *out);
/* Appends the text to out. ERR_FORGED: not for us, changed on the way, or another purpose or `associated`;
 * ERR_MEMORY; ERR_FULL. On failure out is as it was (ERR_FULL and ERR_MEMORY of the buf stay in it). */
MUST_CHECK enum err box_open(const struct box_pair *, str purpose, str associated, str letter, struct buf *out);

#endif
