#include "crypt/short_mac.h"

#include <sodium.h>

_Static_assert(SHORT_MAC_KEY_N == crypto_shorthash_siphashx24_KEYBYTES, "libsodium's");
_Static_assert(SHORT_MAC_N == crypto_shorthash_siphashx24_BYTES, "libsodium's");

void short_mac(const uint8_t key[SHORT_MAC_KEY_N], str bytes, uint8_t out[SHORT_MAC_N])
{
	(void)crypto_shorthash_siphashx24(out, (const uint8_t *)(bytes.p ? bytes.p : ""), bytes.n,
					  key); /* cannot fail */
}
