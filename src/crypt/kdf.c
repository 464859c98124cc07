#include "crypt/kdf.h"

#include "crypt/hmac.h"
#include "crypt/secret.h"

#include <assert.h>

/* RFC 5869 over our kept HMAC: OpenSSL's own HKDF has to be fetched and set up for each use. */
enum err kdf_hkdf(str salt, str secret, str info, uint8_t *out, size_t n)
{
	uint8_t prk[32], t[32];
	size_t t_n = 0;

	assert(n > 0 && n <= 255 * sizeof(t));
	if (hmac_once(DIGEST_SHA256, salt, secret, prk) != ERR_NONE)
		return ERR_MEMORY;
	struct hmac *h = hmac_new(DIGEST_SHA256, str_of((char *)prk, sizeof(prk)));
	secret_wipe(prk, sizeof(prk));
	if (!h)
		return ERR_MEMORY;
	for (uint8_t i = 1; n > 0; i++) {
		hmac_start(h);
		hmac_add(h, str_of((char *)t, t_n));
		hmac_add(h, info);
		hmac_add(h, str_of((char *)&i, 1));
		hmac_end(h, t);
		t_n = sizeof(t);
		size_t piece = n < t_n ? n : t_n;
		memcpy(out, t, piece);
		out += piece;
		n -= piece;
	}
	hmac_free(h);
	secret_wipe(t, sizeof(t));
	return ERR_NONE;
}
