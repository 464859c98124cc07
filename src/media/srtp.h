/*
 * media/srtp.h - packets sealed and opened (RFC 3711; AES-GCM: RFC 7714).
 *
 * One struct is one direction under one master key: any number of SSRCs up to
 * SRTP_SOURCE_MAX, each with its roll-over counter, replay window and SRTCP index.
 * All work is in place, on kept OpenSSL contexts and a saved HMAC state: nothing is
 * allocated on the packet path. Key derivation rate 0, no MKI, lifetime of 2^48
 * (2^31) packets kept: then protect answers ERR_EXPIRED.
 *
 * Memory: opaque, srtp_free wipes the keys. Thread: its owner's.
 */
#ifndef MEDIA_SRTP_H
#define MEDIA_SRTP_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define SRTP_SOURCE_MAX 16  /* the one unheard for longest makes room for a new one that proves itself */
#define SRTP_WINDOW     128 /* packets */
#define SRTP_TAIL_MAX   20  /* bytes a packet grows at most: GCM tag and SRTCP index */

/* Numbers of RFC 5764 4.1.2 and RFC 7714 14.2, as DTLS negotiates them. */
enum srtp_profile {
	SRTP_AES_CM_128_HMAC_SHA1_80 = 0x0001,
	SRTP_AES_CM_128_HMAC_SHA1_32 = 0x0002, /* SRTCP still has the 80-bit tag (RFC 5764 4.1.2) */
	SRTP_AEAD_AES_128_GCM = 0x0007
};

struct srtp;

/* Bytes of master key and master salt; 0: a profile that we do not do. */
size_t srtp_key_n(enum srtp_profile);
size_t srtp_salt_n(enum srtp_profile);
/* key[srtp_key_n] and salt[srtp_salt_n] are copied. NULL: no memory, or no such profile. */
struct srtp *srtp_new(enum srtp_profile, const uint8_t *key, const uint8_t *salt);
void srtp_free(struct srtp *);

/* In place: packet[*n] of a buffer of `cap` bytes; *n is then the new length.
 * ERR_SYNTAX: not RTP (RTCP); ERR_FULL: no room for the tail; ERR_EXPIRED: the key is used up. */
MUST_CHECK enum err srtp_protect(struct srtp *, uint8_t *packet, size_t *n, size_t cap);
MUST_CHECK enum err srtp_protect_rtcp(struct srtp *, uint8_t *packet, size_t *n, size_t cap);
/* ERR_SYNTAX; ERR_FORGED: the tag does not hold; ERR_EXISTS: replayed, or older than the window.
 * On failure neither state nor *n change; the bytes may be spoilt. */
MUST_CHECK enum err srtp_unprotect(struct srtp *, uint8_t *packet, size_t *n);
MUST_CHECK enum err srtp_unprotect_rtcp(struct srtp *, uint8_t *packet, size_t *n);

#endif
