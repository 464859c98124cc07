/*
 * sip/redact.h - a message as others may see it: without what is secret.
 *
 * For traces, captures and whatever else leaves the hands of the two who talk. Left out are
 *  - what proves who somebody is: of Authorization and Proxy-Authorization all but the Digest parameters that help a
 *    person (username, realm, nonce, uri, algorithm, qop, nc, opaque; RFC 3261 22.4), of Authentication-Info and
 *    Proxy-Authentication-Info all (rspauth is a hash of the password as well, RFC 7616 3.5);
 *  - the password of a SIP URI (RFC 3261 19.1.1);
 *  - what opens media: keys (RFC 4568 9.2, RFC 8866 5.12) and ICE passwords (RFC 8839 5.4).
 *
 * Bodies are read in the same way, for a message may hold another (RFC 3420). It reads lines, not a parsed message:
 * what is malformed is redacted as well. In place of what is left out stands "(left out)", or as much of it as fits:
 * never a byte more than before. Thread: any.
 */
#ifndef SIP_REDACT_H
#define SIP_REDACT_H

#include "base/buf.h"

/* The first `cap` bytes of the message. */
void sip_redact(str message, size_t cap, struct buf *out);

#endif
