/* Names, networks, servers and certificates as strangers write them. */
#include "overlay/identity.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const uint8_t authority[OVERLAY_KEY_N] = { 1 };
	str s = str_of((const char *)data, n), head, tail;
	struct overlay_certificate c;
	struct overlay_domain domain;
	struct overlay_server server;
	struct overlay_name name;

	(void)!overlay_name_parse(s, &name);
	(void)!overlay_domain_parse(s, &domain);
	(void)!overlay_server_parse(s, &server);
	str_split(s, '@', &head, &tail);
	(void)!overlay_name_of(head, tail, STR("net.example"), &name);
	if (overlay_certificate_parse(s, &c) == ERR_NONE) {
		assert(str_eq(overlay_certificate_str(&c), s));
		(void)!overlay_certificate_verify(&c, STR("net.example"), authority, 1800000000 * USEC_PER_SEC);
	}
	return 0;
}
