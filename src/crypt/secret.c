#include "crypt/secret.h"

#include <sodium.h>

bool secret_eq(str a, str b)
{
	uint64_t differ = 0, x, y;
	size_t i = 0;

	if (a.n != b.n)
		return false;
	for (; i + 8 <= a.n; i += 8) {
		memcpy(&x, a.p + i, 8);
		memcpy(&y, b.p + i, 8);
		differ |= x ^ y;
		__asm__("" : "+r"(differ)); /* nothing is known of it: no way to end early */
	}
	for (; i < a.n; i++) {
		differ |= (uint8_t)(a.p[i] ^ b.p[i]);
		__asm__("" : "+r"(differ));
	}
	return differ == 0;
}

void secret_wipe(void *p, size_t n)
{
	if (n > 0)
		sodium_memzero(p, n);
}
