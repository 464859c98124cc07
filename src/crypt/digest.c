#include "crypt/digest.h"

#include "crypt/openssl.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>

struct digest {
	EVP_MD *md;
	EVP_MD_CTX *context;
};

static const struct {
	const char *name;
	size_t size;
} kinds[] = {
	[DIGEST_MD5] = { "MD5", 16 },
	[DIGEST_SHA1] = { "SHA1", 20 },
	[DIGEST_SHA256] = { "SHA256", 32 },
	[DIGEST_SHA512] = { "SHA512", 64 },
	[DIGEST_SHA512_256] = { "SHA512-256", 32 },
};

size_t digest_size(enum digest_kind kind)
{
	return kinds[kind].size;
}

struct digest *digest_new(enum digest_kind kind)
{
	struct digest *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->md = EVP_MD_fetch(NULL, kinds[kind].name, NULL);
	d->context = EVP_MD_CTX_new();
	if (!d->md || !d->context || EVP_DigestInit_ex2(d->context, d->md, NULL) != 1) {
		digest_free(d);
		return NULL;
	}
	return d;
}

void digest_free(struct digest *d)
{
	if (!d)
		return;
	EVP_MD_CTX_free(d->context); /* wipes its state */
	EVP_MD_free(d->md);
	free(d);
}

/* With a context that is set up these cannot fail but by our own mistake. */
static void must(int ok)
{
	assert(ok == 1);
	(void)ok;
}

void digest_start(struct digest *d)
{
	must(EVP_DigestInit_ex2(d->context, NULL, NULL));
}

void digest_add(struct digest *d, str bytes)
{
	if (bytes.n > 0)
		must(EVP_DigestUpdate(d->context, bytes.p, bytes.n));
}

void digest_end(struct digest *d, uint8_t *out)
{
	must(EVP_DigestFinal_ex(d->context, out, NULL));
}

void digest_of(struct digest *d, str bytes, uint8_t *out)
{
	digest_start(d);
	digest_add(d, bytes);
	digest_end(d, out);
}

enum err digest_once(enum digest_kind kind, str bytes, uint8_t *out)
{
	struct digest *d = digest_new(kind);

	if (!d)
		return ERR_MEMORY;
	digest_of(d, bytes, out);
	digest_free(d);
	return ERR_NONE;
}
