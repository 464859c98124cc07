/*
 * crypt/kdf.h - many keys out of one secret: HKDF with SHA-256 (RFC 5869).
 */
#ifndef CRYPT_KDF_H
#define CRYPT_KDF_H

#include "base/err.h"
#include "base/str.h"

/* Extract and expand: n bytes (1 .. 8160) into out. `salt` and `info` may be empty. ERR_MEMORY. */
MUST_CHECK enum err kdf_hkdf(str salt, str secret, str info, uint8_t *out, size_t n);

#endif
