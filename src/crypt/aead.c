#include "crypt/aead.h"

#include "crypt/openssl.h"
#include "crypt/secret.h"

#include <assert.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>

struct aead {
	EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *seal, *open; /* each way keeps its key schedule */
};

static const struct {
	const char *name;
	size_t key_n;
} kinds[] = {
	[AEAD_CHACHA20_POLY1305] = { "ChaCha20-Poly1305", 32 },
	[AEAD_AES128_GCM] = { "AES-128-GCM", 16 },
	[AEAD_AES256_GCM] = { "AES-256-GCM", 32 },
};

size_t aead_key_size(enum aead_kind kind)
{
	return kinds[kind].key_n;
}

static EVP_CIPHER_CTX *keyed(EVP_CIPHER *cipher, str key, int encrypt)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();

	if (!context || !cipher ||
	    EVP_CipherInit_ex2(context, cipher, (const uint8_t *)key.p, NULL, encrypt, NULL) != 1) {
		EVP_CIPHER_CTX_free(context);
		return NULL;
	}
	return context;
}

struct aead *aead_new(enum aead_kind kind, str key)
{
	struct aead *a = key.n == kinds[kind].key_n ? calloc(1, sizeof(*a)) : NULL;

	if (!a)
		return NULL;
	a->cipher = EVP_CIPHER_fetch(NULL, kinds[kind].name, NULL);
	a->seal = keyed(a->cipher, key, 1);
	a->open = keyed(a->cipher, key, 0);
	if (!a->seal || !a->open) {
		aead_free(a);
		return NULL;
	}
	return a;
}

void aead_free(struct aead *a)
{
	if (!a)
		return;
	EVP_CIPHER_CTX_free(a->seal);
	EVP_CIPHER_CTX_free(a->open);
	EVP_CIPHER_free(a->cipher);
	free(a);
}

static bool start(EVP_CIPHER_CTX *context, const uint8_t *nonce, int encrypt, str associated)
{
	int n = 0;

	assert(associated.n <= INT_MAX);
	return EVP_CipherInit_ex2(context, NULL, NULL, nonce, encrypt, NULL) == 1 &&
	       (associated.n == 0 ||
		EVP_CipherUpdate(context, NULL, &n, (const uint8_t *)associated.p, (int)associated.n) == 1);
}

/* OpenSSL takes a NULL input for the end of the message, so nothing is fed where there is nothing. */
static bool feed(EVP_CIPHER_CTX *context, str in, uint8_t *out)
{
	int n = 0;

	assert(in.n <= INT_MAX);
	return in.n == 0 || EVP_CipherUpdate(context, out, &n, (const uint8_t *)in.p, (int)in.n) == 1;
}

void aead_seal(struct aead *a, const uint8_t nonce[AEAD_NONCE_N], str associated, str plain, uint8_t *out)
{
	uint8_t none[AEAD_TAG_N];
	int n = 0;

	if (!start(a->seal, nonce, 1, associated) || !feed(a->seal, plain, out) ||
	    EVP_CipherFinal_ex(a->seal, none, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(a->seal, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_N, out + plain.n) != 1)
		abort(); /* never send clear text where cipher text was meant */
}

enum err aead_open(struct aead *a, const uint8_t nonce[AEAD_NONCE_N], str associated, str sealed, uint8_t *out)
{
	uint8_t tag[AEAD_TAG_N], none[AEAD_TAG_N];
	int n = 0;

	if (sealed.n < AEAD_TAG_N)
		return ERR_FORGED;
	str text = str_head(sealed, sealed.n - AEAD_TAG_N);
	memcpy(tag, sealed.p + text.n, AEAD_TAG_N);
	if (start(a->open, nonce, 0, associated) &&
	    EVP_CIPHER_CTX_ctrl(a->open, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_N, tag) == 1 && feed(a->open, text, out) &&
	    EVP_CipherFinal_ex(a->open, none, &n) == 1)
		return ERR_NONE;
	secret_wipe(out, text.n);
	return ERR_FORGED;
}
