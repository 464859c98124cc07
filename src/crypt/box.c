#include "crypt/box.h"

#include "crypt/aead.h"
#include "crypt/kdf.h"
#include "crypt/secret.h"

#include <sodium.h>

#define PURPOSE_MAX 64

void box_restore(struct box_pair *pair, const uint8_t secret[BOX_KEY_N])
{
	struct box_pair made;

	memcpy(made.secret, secret, BOX_KEY_N);
	crypto_scalarmult_curve25519_base(made.key, made.secret);
	*pair = made;
	secret_wipe(&made, sizeof(made));
}

void box_new(struct box_pair *pair, struct rng *rng)
{
	uint8_t secret[BOX_KEY_N];

	rng_fill(rng, secret, sizeof(secret));
	box_restore(pair, secret);
	secret_wipe(secret, sizeof(secret));
}

/* The cipher of one letter, and its nonce: both come from the shared secret, which is never used again. */
static enum err agree(const uint8_t secret[BOX_KEY_N], const uint8_t other[BOX_KEY_N], const uint8_t fresh[BOX_KEY_N],
		      const uint8_t to[BOX_KEY_N], str purpose, struct aead **aead, uint8_t nonce[AEAD_NONCE_N])
{
	uint8_t shared[BOX_KEY_N], salt[2 * BOX_KEY_N], keys[32 + AEAD_NONCE_N];
	char info[16 + PURPOSE_MAX];
	struct buf b;

	if (crypto_scalarmult_curve25519(shared, secret, other) != 0)
		return ERR_REFUSED; /* RFC 7748 6.1: all zero */
	memcpy(salt, fresh, BOX_KEY_N);
	memcpy(salt + BOX_KEY_N, to, BOX_KEY_N);
	buf_init(&b, info, sizeof(info));
	buf_put(&b, STR("tandem box 1\0"));
	buf_put(&b, purpose);
	enum err err = buf_ok(&b) ? kdf_hkdf(str_of((char *)salt, sizeof(salt)), str_of((char *)shared, sizeof(shared)),
					     buf_str(&b), keys, sizeof(keys))
				  : ERR_LIMIT;
	if (err == ERR_NONE) {
		*aead = aead_new(AEAD_CHACHA20_POLY1305, str_of((char *)keys, 32));
		memcpy(nonce, keys + 32, AEAD_NONCE_N);
		err = *aead ? ERR_NONE : ERR_MEMORY;
	}
	secret_wipe(shared, sizeof(shared));
	secret_wipe(keys, sizeof(keys));
	return err;
}

enum err box_seal(const uint8_t to[BOX_KEY_N], str purpose, str associated, str text, struct rng *rng, struct buf *out)
{
	struct box_pair fresh;
	uint8_t nonce[AEAD_NONCE_N];
	struct aead *aead = NULL;

	box_new(&fresh, rng);
	enum err err = agree(fresh.secret, to, fresh.key, to, purpose, &aead, nonce);
	secret_wipe(fresh.secret, sizeof(fresh.secret));
	if (err != ERR_NONE)
		return err;
	uint8_t *letter = buf_room(out, text.n + BOX_OVERHEAD);
	if (letter) {
		memcpy(letter, fresh.key, BOX_KEY_N);
		aead_seal(aead, nonce, associated, text, letter + BOX_KEY_N);
		out->n += text.n + BOX_OVERHEAD;
	}
	aead_free(aead);
	return letter ? ERR_NONE : out->err;
}

enum err box_open(const struct box_pair *pair, str purpose, str associated, str letter, struct buf *out)
{
	uint8_t nonce[AEAD_NONCE_N];
	struct aead *aead = NULL;

	if (letter.n < BOX_OVERHEAD)
		return ERR_FORGED;
	const uint8_t *fresh = (const uint8_t *)letter.p;
	enum err err = agree(pair->secret, fresh, fresh, pair->key, purpose, &aead, nonce);
	if (err != ERR_NONE)
		return err == ERR_REFUSED ? ERR_FORGED : err;
	size_t n = letter.n - BOX_OVERHEAD;
	uint8_t none, *text = n ? buf_room(out, n) : &none; /* an empty one is proved too */
	if (!text)
		err = out->err;
	else
		err = aead_open(aead, nonce, associated, str_skip(letter, BOX_KEY_N), text);
	if (err == ERR_NONE)
		out->n += n;
	aead_free(aead);
	return err;
}
