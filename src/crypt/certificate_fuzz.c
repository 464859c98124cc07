#include "crypt/certificate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* PEM files and the texts of SDP and pins. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	str text = str_of((const char *)data, n);
	uint8_t bytes[32];
	struct certificate *c = NULL;

	if (certificate_parse(text, text, &c) == ERR_NONE)
		certificate_free(c);
	(void)!certificate_parse_fingerprint(text, bytes);
	(void)!certificate_parse_pin(text, bytes);
	return 0;
}
