/*
 * pbx/sips.h - what the scheme sips asks of an exchange (RFC 5630, RFC 3261 26.2.2).
 *
 * A request to a sips URI goes over TLS on every hop or not at all: it must have come over TLS, and it is not sent by
 * any other way; 480 with warning 380 then says so (5.3). `transport=tls` in a sip URI is what phones write although
 * 3.1.4 deprecates it: it leads to TLS, but promises nothing about the hops behind.
 * One thing is laxer here than the text: a phone that has registered a sip Contact over TLS is taken for a way to its
 * user's sips URI as well, for few phones register sips; each hop is TLS all the same, which is what the caller asked
 * for.
 *
 * Plain functions. Thread: any.
 */
#ifndef PBX_SIPS_H
#define PBX_SIPS_H

#include "base/host.h"
#include "sip/msg.h"

/* For a 480: which rule it was. */
#define PBX_SIPS_WARNING "Warning: 380 tandem \"SIPS Not Allowed: no way of TLS alone leads there\""

static inline bool pbx_sips_is(str uri)
{
	return str_starts_nocase(uri, STR("sips:"));
}

/* May a request with this Request-URI have come, or go, by this transport? */
static inline bool pbx_sips_goes_by(str uri, enum transport transport)
{
	return transport_is_secure(transport) || !pbx_sips_is(uri);
}

/* What to answer to a REGISTER that says sips where it came in the clear (5.1.1.2): 400; 0: nothing. */
int pbx_sips_judge_register(struct sip_msg *, enum transport);
/*
 * The Request-URI for a contact (5.3): a sips Contact is reached by sip, too, and is then asked by "sip:", for the
 * caller did not ask for more. `room` (of `cap` bytes) holds the text where it is another; the Contact itself where it
 * does not fit.
 */
str pbx_sips_request_uri(str contact, bool asked_sips, char *room, size_t cap);

#endif
