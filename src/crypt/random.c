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

/* Each call's key makes the next key and the output, and is gone (fast key erasure). */
static void from_stream(struct rng *r, void *out, size_t n)
{
	static const uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES];
	uint8_t block[256], key[32];
	uint8_t *to = out;

	while (n > 0) {
		size_t piece = n < sizeof(block) - sizeof(key) ? n : sizeof(block) - sizeof(key);

		memcpy(key, r->state, sizeof(key));
		crypto_stream_chacha20_ietf(block, sizeof(key) + piece, nonce, key);
		memcpy(r->state, block, sizeof(key));
		memcpy(to, block + sizeof(key), piece);
		to += piece;
		n -= piece;
		sodium_memzero(block, sizeof(key) + piece);
	}
	sodium_memzero(key, sizeof(key));
}

void random_stream(struct rng *r)
{
	_Static_assert(sizeof(r->state) == 32, "the state is a ChaCha20 key");

	random_os(r);
	rng_fill(r, r->state, sizeof(r->state));
	r->fill = from_stream;
}
