/*
 * crypt/digest.h - message digests (RFC 1321, FIPS 180-4).
 *
 * A struct digest is a fetched algorithm with a context that is kept, so a digest
 * costs the arithmetic and little more: keep one per kind and thread where they
 * are many (digest authentication). digest_once is for the rare one.
 *
 * Memory: digest_new / digest_free. Thread: its owner's.
 */
#ifndef CRYPT_DIGEST_H
#define CRYPT_DIGEST_H

#include "base/err.h"
#include "base/str.h"

enum digest_kind { DIGEST_MD5 = 1, DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA512, DIGEST_SHA512_256 };

#define DIGEST_MAX 64 /* bytes of the longest */

struct digest;

/* NULL: no memory, or the library of this machine refuses the kind (MD5 under FIPS). */
struct digest *digest_new(enum digest_kind);
void digest_free(struct digest *);

/* Bytes of the result: 16, 20, 32, 64, 32. */
size_t digest_size(enum digest_kind);

/* All at once: digest_size bytes into out. */
void digest_of(struct digest *, str bytes, uint8_t *out);
/* In pieces: start, add .., end. digest_start forgets what was begun before. */
void digest_start(struct digest *);
void digest_add(struct digest *, str bytes);
void digest_end(struct digest *, uint8_t *out);

/* Without a kept object. ERR_MEMORY, ERR_UNSUPPORTED as digest_new. */
MUST_CHECK enum err digest_once(enum digest_kind, str bytes, uint8_t *out);

#endif
