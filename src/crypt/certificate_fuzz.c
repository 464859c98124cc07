#include "crypt/certificate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* PEM files. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	str text = str_of((const char *)data, n);
	struct certificate *c = NULL;

	if (certificate_parse(text, text, &c) == ERR_NONE)
		certificate_free(c);
	return 0;
}
