#include "sdp/sdes.h"

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

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t sdp_sdes_write(const uint8_t *key, size_t n, char *out)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i += 3) {
		uint32_t word = (uint32_t)key[i] << 16 | (i + 1 < n ? (uint32_t)key[i + 1] << 8 : 0) |
				(i + 2 < n ? key[i + 2] : 0);

		out[at++] = base64_digits[word >> 18];
		out[at++] = base64_digits[word >> 12 & 63];
		out[at++] = i + 1 < n ? base64_digits[word >> 6 & 63] : '=';
		out[at++] = i + 2 < n ? base64_digits[word & 63] : '=';
	}
	return at;
}

/* Exactly n bytes; the '=' at the end may be missing, as some phones do. */
bool sdp_sdes_parse(str text, uint8_t *out, size_t n)
{
	uint32_t word = 0;
	size_t bits = 0, at = 0;

	while (text.n && text.p[text.n - 1] == '=')
		text.n--;
	for (size_t i = 0; i < text.n; i++) {
		const char *digit = text.p[i] ? strchr(base64_digits, text.p[i]) : NULL;

		if (!digit)
			return false;
		word = word << 6 | (uint32_t)(digit - base64_digits);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			if (at == n)
				return false;
			out[at++] = (uint8_t)(word >> bits);
		}
	}
	return at == n;
}

/* A crypto line that we could answer: our suite, a key of its length, no MKI, no session parameters
 * (RFC 4568 6.3: an unknown or unwanted parameter refuses the line). */
const struct sdp_crypto *sdp_sdes_find(const struct sdp_media *m, enum sdp_suite suite, uint8_t *key)
{
	for (size_t i = 0; i < m->crypto_n; i++) {
		const struct sdp_crypto *c = &m->crypto[i];
		bool mki = str_find_char(c->key_rest, ':') < c->key_rest.n;

		if (sdp_suite_find(c->suite) == suite && !mki && !c->session.n &&
		    sdp_sdes_parse(c->key, key, sdp_suite_key_n(suite)))
			return c;
	}
	return NULL;
}
