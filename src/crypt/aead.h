/*
 * crypt/aead.h - encryption that notices tampering.
 *
 * ChaCha20-Poly1305 (RFC 8439), AES-128-GCM and AES-256-GCM (NIST SP 800-38D;
 * for SRTP RFC 7714). The key schedule is kept. A nonce is used once per key, the
 * caller sees to that.
 *
 * Memory: aead_new / aead_free (wipes). Thread: its owner's.
 */
#ifndef CRYPT_AEAD_H
#define CRYPT_AEAD_H

#include "base/err.h"
#include "base/str.h"

enum aead_kind { AEAD_CHACHA20_POLY1305 = 1, AEAD_AES128_GCM, AEAD_AES256_GCM };

#define AEAD_NONCE_N 12
#define AEAD_TAG_N   16

struct aead;

size_t aead_key_size(enum aead_kind); /* 32, 16, 32 */
/* NULL: the key has another length, or no memory. */
struct aead *aead_new(enum aead_kind, str key);
void aead_free(struct aead *);

/* Writes plain.n + AEAD_TAG_N bytes; out may be plain.p itself. `associated` is protected, not hidden. */
void aead_seal(struct aead *, const uint8_t nonce[AEAD_NONCE_N], str associated, str plain, uint8_t *out);
/* Writes sealed.n - AEAD_TAG_N bytes; out may be sealed.p itself. ERR_FORGED (also where it is shorter than a tag):
 * out then holds nothing of use, and none of the text: it is wiped. */
MUST_CHECK enum err aead_open(struct aead *, const uint8_t nonce[AEAD_NONCE_N], str associated, str sealed,
			      uint8_t *out);

#endif
