#include "crypt/sign.h"

#include "crypt/secret.h"

#include <sodium.h>

/* libsodium's secret key is the seed with the public key behind it. */
_Static_assert(crypto_sign_ed25519_SECRETKEYBYTES == SIGN_SEED_N + SIGN_KEY_N, "seed, then key");

void sign_restore(struct sign_pair *pair, const uint8_t seed[SIGN_SEED_N])
{
	uint8_t secret[crypto_sign_ed25519_SECRETKEYBYTES];
	struct sign_pair made;

	memcpy(made.seed, seed, SIGN_SEED_N);
	crypto_sign_ed25519_seed_keypair(made.key, secret, made.seed);
	secret_wipe(secret, sizeof(secret));
	*pair = made;
	secret_wipe(&made, sizeof(made));
}

void sign_new(struct sign_pair *pair, struct rng *rng)
{
	uint8_t seed[SIGN_SEED_N];

	rng_fill(rng, seed, sizeof(seed));
	sign_restore(pair, seed);
	secret_wipe(seed, sizeof(seed));
}

void sign_make(const struct sign_pair *pair, str bytes, uint8_t out[SIGN_N])
{
	uint8_t secret[crypto_sign_ed25519_SECRETKEYBYTES];

	memcpy(secret, pair->seed, SIGN_SEED_N);
	memcpy(secret + SIGN_SEED_N, pair->key, SIGN_KEY_N);
	crypto_sign_ed25519_detached(out, NULL, (const uint8_t *)bytes.p, bytes.n, secret);
	secret_wipe(secret, sizeof(secret));
}

enum err sign_check(const uint8_t key[SIGN_KEY_N], str bytes, const uint8_t signature[SIGN_N])
{
	return crypto_sign_ed25519_verify_detached(signature, (const uint8_t *)bytes.p, bytes.n, key) == 0 ? ERR_NONE
													   : ERR_FORGED;
}
