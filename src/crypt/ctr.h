/*
 * crypt/ctr.h - AES in counter mode (NIST SP 800-38A 6.5), as SRTP uses it (RFC 3711 4.1.1).
 *
 * The key schedule is kept; each call starts a key stream of its own.
 * Encrypting and decrypting are the same.
 *
 * Memory: ctr_new / ctr_free (wipes). Thread: its owner's.
 */
#ifndef CRYPT_CTR_H
#define CRYPT_CTR_H

#include "base/err.h"
#include "base/str.h"

#define CTR_IV_N 16

struct ctr;

/* A key of 16, 24 or 32 bytes. NULL: another length, or no memory. */
struct ctr *ctr_new(str key);
void ctr_free(struct ctr *);
/* `iv` is the first counter block. out has in.n bytes and may be in.p itself, not a part of it. */
void ctr_crypt(struct ctr *, const uint8_t iv[CTR_IV_N], str in, uint8_t *out);

#endif
