/* Any text as challenge, credentials and nonce; what we answer to a challenge must be readable credentials. */
#include "sip/auth.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const uint8_t key[SIP_AUTH_KEY_N];
	struct sip_auth *a = sip_auth_new(key);
	uint8_t ha1[SIP_AUTH_HA1_MAX] = { 0 };
	str text = str_of((const char *)data, n);
	struct sip_credentials c;
	struct sip_challenge ch;
	char out[9000];
	struct buf b;

	if (!a || n > 4000) {
		sip_auth_free(a);
		return 0;
	}
	if (!sip_credentials_parse(text, &c) && sip_auth_verify(a, &c, ha1, STR("INVITE"), STR("body")) == ERR_NONE)
		abort();
	buf_init(&b, out, sizeof(out));
	if (!sip_challenge_parse(text, &ch) &&
	    !sip_auth_answer_password(a, &ch, STR("u"), STR("p"), STR("INVITE"), STR("sip:x"), STR("cn"), 1, STR_NONE,
				      &b) &&
	    sip_credentials_parse(buf_str(&b), &c))
		abort();
	if (sip_auth_nonce_check(a, 0, text, 0, 1000) != ERR_FORGED)
		abort();
	sip_auth_free(a);
	return 0;
}
