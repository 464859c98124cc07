#include "sdp/sdes.h"

#include "base/base64.h"

static const struct {
	enum sdp_suite suite;
	uint8_t key_n;
	str name;
} suites[] = {
	{ SDP_AES_CM_128_HMAC_SHA1_80, 30, STR_INIT("AES_CM_128_HMAC_SHA1_80") },
	{ SDP_AES_CM_128_HMAC_SHA1_32, 30, STR_INIT("AES_CM_128_HMAC_SHA1_32") },
	{ SDP_AEAD_AES_128_GCM, 28, STR_INIT("AEAD_AES_128_GCM") },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

str sdp_suite_text(enum sdp_suite suite)
{
	for (size_t i = 0; i < COUNT(suites); i++)
		if (suites[i].suite == suite)
			return suites[i].name;
	return STR_NONE;
}

enum sdp_suite sdp_suite_find(str name)
{
	for (size_t i = 0; i < COUNT(suites); i++)
		if (str_eq_nocase(suites[i].name, name))
			return suites[i].suite;
	return SDP_SUITE_NONE;
}

size_t sdp_suite_key_n(enum sdp_suite suite)
{
	for (size_t i = 0; i < COUNT(suites); i++)
		if (suites[i].suite == suite)
			return suites[i].key_n;
	return 0;
}

size_t sdp_sdes_write(const uint8_t *key, size_t n, char *out)
{
	struct buf b;

	buf_init(&b, out, SDP_SDES_TEXT_MAX);
	base64_write(str_of((const char *)key, n), &b);
	return b.n;
}

/* Exactly n bytes. On false out may be spoilt. */
static bool parse_key(str text, uint8_t *out, size_t n)
{
	struct buf b;

	buf_init(&b, (char *)out, n);
	return base64_parse(text, &b) == ERR_NONE && b.n == n;
}

/* A crypto line that we could answer: our suite, a key of its length, no MKI, no session parameters
 * (RFC 4568 6.3: an unknown or unwanted parameter refuses the line). */
const struct sdp_crypto *sdp_sdes_find(const struct sdp_media *m, enum sdp_suite suite, uint8_t *key)
{
	for (size_t i = 0; i < m->crypto_n; i++) {
		const struct sdp_crypto *c = &m->crypto[i];
		bool mki = str_find_char(c->key_rest, ':') < c->key_rest.n;

		if (sdp_suite_find(c->suite) == suite && !mki && !c->session.n &&
		    parse_key(c->key, key, sdp_suite_key_n(suite)))
			return c;
	}
	return NULL;
}
