/*
 * crypt/short_mac.h - a keyed mark for short messages of our own that come back soon.
 *
 * SipHash-2-4 with 128 bits (Aumasson, Bernstein 2012): a pseudo-random function made for this, forty nanoseconds where
 * HMAC-SHA-256 takes some seven hundred. For what only we check: nonces. Not for what others verify.
 *
 * Memory: none. Thread: any.
 */
#ifndef CRYPT_SHORT_MAC_H
#define CRYPT_SHORT_MAC_H

#include "base/str.h"

#define SHORT_MAC_KEY_N 16
#define SHORT_MAC_N     16

void short_mac(const uint8_t key[SHORT_MAC_KEY_N], str bytes, uint8_t out[SHORT_MAC_N]);

#endif
