/*
 * crypt/sign.h - signatures with Ed25519 (RFC 8032).
 *
 * Keys are plain values, so they can be stored and sent; whoever holds a pair
 * wipes it. Sign about 30 us, check about 60 us.
 */
#ifndef CRYPT_SIGN_H
#define CRYPT_SIGN_H

#include "base/err.h"
#include "base/rng.h"
#include "base/str.h"

#define SIGN_KEY_N  32 /* public key */
#define SIGN_SEED_N 32 /* what the pair is made of: all that need be stored */
#define SIGN_N      64 /* signature */

struct sign_pair {
	uint8_t key[SIGN_KEY_N];   /* public */
	uint8_t seed[SIGN_SEED_N]; /* secret */
};

/* A new pair out of a true source (crypt/random) or, in tests, a seeded one. */
void sign_new(struct sign_pair *, struct rng *);
/* The pair again out of its stored seed. */
void sign_restore(struct sign_pair *, const uint8_t seed[SIGN_SEED_N]);
void sign_make(const struct sign_pair *, str bytes, uint8_t out[SIGN_N]);
/* ERR_FORGED: not signed by the holder of `key`, or `key` is none. */
MUST_CHECK enum err sign_check(const uint8_t key[SIGN_KEY_N], str bytes, const uint8_t signature[SIGN_N]);

#endif
