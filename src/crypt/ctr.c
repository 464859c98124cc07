#include "crypt/ctr.h"

#include "crypt/openssl.h"

#include <assert.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>

struct ctr {
	EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *context;
};

struct ctr *ctr_new(str key)
{
	const char *name = key.n == 16   ? "AES-128-CTR"
			   : key.n == 24 ? "AES-192-CTR"
			   : key.n == 32 ? "AES-256-CTR"
					 : NULL;
	struct ctr *c = name ? calloc(1, sizeof(*c)) : NULL;

	if (!c)
		return NULL;
	c->cipher = EVP_CIPHER_fetch(NULL, name, NULL);
	c->context = EVP_CIPHER_CTX_new();
	if (!c->cipher || !c->context ||
	    EVP_EncryptInit_ex2(c->context, c->cipher, (const uint8_t *)key.p, NULL, NULL) != 1) {
		ctr_free(c);
		return NULL;
	}
	return c;
}

void ctr_free(struct ctr *c)
{
	if (!c)
		return;
	EVP_CIPHER_CTX_free(c->context);
	EVP_CIPHER_free(c->cipher);
	free(c);
}

void ctr_crypt(struct ctr *c, const uint8_t iv[CTR_IV_N], str in, uint8_t *out)
{
	int n = 0;

	assert(in.n <= INT_MAX);
	if (EVP_EncryptInit_ex2(c->context, NULL, NULL, iv, NULL) != 1 ||
	    EVP_EncryptUpdate(c->context, out, &n, (const uint8_t *)in.p, (int)in.n) != 1)
		abort(); /* never send clear text where cipher text was meant */
}
