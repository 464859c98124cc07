/*
 * sdp/sdes.h - SRTP keys that travel in the description (RFC 4568).
 *
 * Names and key lengths of the suites, keys as base64, and which of the other side's
 * a=crypto lines we can use. Pure functions. Whoever holds a key wipes it.
 */
#ifndef SDP_SDES_H
#define SDP_SDES_H

#include "sdp/sdp.h"

#define SDP_SDES_KEY_MAX  46 /* master key and salt; AES-128-CM: 16 + 14, AES-128-GCM: 16 + 12 */
#define SDP_SDES_TEXT_MAX 64 /* such a key as base64 */

/* The SRTP suites of RFC 4568 and 7714 by name. Numbers of RFC 5764 4.1.2 and 7714 14.2. */
enum sdp_suite {
	SDP_SUITE_NONE = 0,
	SDP_AES_CM_128_HMAC_SHA1_80 = 1,
	SDP_AES_CM_128_HMAC_SHA1_32 = 2,
	SDP_AEAD_AES_128_GCM = 7
};

/* "AES_CM_128_HMAC_SHA1_80" and back (SDP_SUITE_NONE: unknown); bytes of key and salt together. */
str sdp_suite_text(enum sdp_suite);
enum sdp_suite sdp_suite_find(str);
size_t sdp_suite_key_n(enum sdp_suite);

/* Base64 into out[SDP_SDES_TEXT_MAX], not ended with NUL; its length. n <= SDP_SDES_KEY_MAX. */
size_t sdp_sdes_write(const uint8_t *key, size_t n, char *out);
/* The first a=crypto that we could take: this suite, a key of its length, no MKI, no session parameters (RFC 4568
 * 6.3: an unwanted parameter refuses the line). The key goes to key[SDP_SDES_KEY_MAX]. NULL: none. */
const struct sdp_crypto *sdp_sdes_find(const struct sdp_media *, enum sdp_suite, uint8_t *key);

#endif
