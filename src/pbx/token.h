/*
 * pbx/token.h - what our Record-Route says to ourselves.
 *
 * The user part of the URI that the proxy puts into Record-Route (RFC 3261 16.6 step 4; RFC 5626 5.3): the flows of
 * caller and callee, so that requests inside the dialog find phones behind NAT and connections that only the
 * phone could open; under a MAC that covers the Call-ID, so that nobody gets messages
 * relayed along a Route that we did not hand out. Nothing is stored.
 */
#ifndef PBX_TOKEN_H
#define PBX_TOKEN_H

#include "base/buf.h"
#include "base/host.h"
#include "crypt/hmac.h"

#define PBX_TOKEN_MAX 160 /* characters */

struct pbx_token {
	struct flow caller, callee; /* transport 0: by the address in the Request-URI */
	bool outside;               /* the caller is none of our users */
};

/* `local` addresses are not part of it. */
void pbx_token_write(struct hmac *, const struct pbx_token *, str call_id, struct buf *out);
/* ERR_FORGED: not ours, or of another call. */
MUST_CHECK enum err pbx_token_read(struct hmac *, str text, str call_id, struct pbx_token *out);

#endif
