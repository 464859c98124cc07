#include "crypt/random.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static void from_os(struct rng *r, void *out, size_t n)
{
	(void)r;
	randombytes_buf(out, n);
}

void random_os(struct rng *r)
{
	int ready = sodium_init(); /* 0, or 1: was ready; it only fails where the system has no random numbers at all */

	assert(ready >= 0);
	(void)ready;
	*r = (struct rng){ .fill = from_os };
}

/* Each key makes the next key and some output, and is gone (fast key erasure). */
static void make_ahead(struct rng *r)
{
	static const uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES];
	uint8_t block[32 + RNG_AHEAD], key[32];

	memcpy(key, r->state, sizeof(key));
	crypto_stream_chacha20_ietf(block, sizeof(block), nonce, key);
	memcpy(r->state, block, sizeof(key));
	memcpy(r->ahead, block + sizeof(key), RNG_AHEAD);
	r->ahead_n = RNG_AHEAD;
	sodium_memzero(block, sizeof(block));
	sodium_memzero(key, sizeof(key));
}

/* What is given out is gone from here, too. Nearly all ask for a few bytes: a key for each would cost ten times as
 * much.
 */
static void from_stream(struct rng *r, void *out, size_t n)
{
	uint8_t *to = out;

	while (n > 0) {
		if (!r->ahead_n)
			make_ahead(r);
		size_t piece = n < r->ahead_n ? n : r->ahead_n;
		r->ahead_n -= (uint32_t)piece;
		memcpy(to, r->ahead + r->ahead_n, piece);
		sodium_memzero(r->ahead + r->ahead_n, piece);
		to += piece;
		n -= piece;
	}
}

void random_stream(struct rng *r)
{
	_Static_assert(sizeof(r->state) == 32, "the state is a ChaCha20 key");

	random_os(r);
	rng_fill(r, r->state, sizeof(r->state));
	r->fill = from_stream;
}
