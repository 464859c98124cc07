/*
 * crypt/hmac.h - keyed digests (RFC 2104) with the key worked in once.
 *
 * Made for many messages under one key: a message costs its own bytes and two
 * blocks at most, no key schedule (SHA-1 of an SRTP packet: 0.3 to 0.4 us).
 *
 * Memory: hmac_new / hmac_free (wipes). Thread: its owner's.
 */
#ifndef CRYPT_HMAC_H
#define CRYPT_HMAC_H

#include "crypt/digest.h"

struct hmac;

/* DIGEST_SHA1, DIGEST_SHA256 (and the other kinds); a key of any length, may be empty. NULL: no memory. */
struct hmac *hmac_new(enum digest_kind, str key);
void hmac_free(struct hmac *);

/* digest_size(kind) bytes into out. */
void hmac_of(struct hmac *, str bytes, uint8_t *out);
/* In pieces: start, add .., end. */
void hmac_start(struct hmac *);
void hmac_add(struct hmac *, str bytes);
void hmac_end(struct hmac *, uint8_t *out);

/* Is `mac` (may be shortened, at least 4 bytes) that of the bytes? In constant time. */
bool hmac_check(struct hmac *, str bytes, str mac);

/* Without a kept object. ERR_MEMORY. */
MUST_CHECK enum err hmac_once(enum digest_kind, str key, str bytes, uint8_t *out);

#endif
