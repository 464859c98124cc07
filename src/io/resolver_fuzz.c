/* A name server's answer, any bytes: its time to live is read without a look behind its end. */
#include "io/resolver.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	unsigned char *copy = malloc(n ? n : 1);

	if (!copy)
		return 0;
	memcpy(copy, data, n);
	if (resolver_ttl(copy, n) > 0x7fffffff)
		abort();
	free(copy);
	return 0;
}
