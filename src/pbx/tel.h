/*
 * pbx/tel.h - telephone numbers as addresses of ours.
 *
 * A tel URI (RFC 3966) asks for a number and says nothing of where to find it: that is this exchange's to know, so it
 * is taken for the sip URI in our domain that means the same (RFC 3261 19.1.6):
 *
 *     tel:+49-30-123456;ext=7                    sip:+4930123456;ext=7@example.com;user=phone
 *     tel:102;phone-context=example.com          sip:102@example.com;user=phone
 *     tel:911;phone-context=+1                   sip:911;phone-context=+1@example.com;user=phone
 *
 * A local number means something within its context only. Ours is our domain, and so is that of a number that has none
 * (which RFC 3966 forbids and phones write); any other context stays, for rules to judge: it is no prefix (5.1.5).
 * The name that is looked up is the number alone, without visual separators and parameters.
 *
 * Plain functions. Thread: any.
 */
#ifndef PBX_TEL_H
#define PBX_TEL_H

#include "base/buf.h"
#include "sip/uri.h"

#define PBX_TEL_MAX 400 /* bytes of such a sip URI */

/* false: it does not fit. */
bool pbx_tel_write_sip(const struct sip_uri *tel, str domain, struct buf *out);
/* Is it a sip URI of a number: user=phone, and a user part as of tel? */
bool pbx_tel_is(const struct sip_uri *);
/* The name in `domain` that it is looked up by: "+4930123456", "102", "911;phone-context=+1". */
void pbx_tel_write_name(const struct sip_uri *, str domain, struct buf *out);

#endif
