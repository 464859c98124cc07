/*
 * pbx/token.h - what our Record-Route says to ourselves.
 *
 * The user part of the URI that the proxy puts into Record-Route (RFC 3261 16.6 step 4; RFC 5626 5.3): the flows of
 * caller and callee, so that requests inside the dialog find phones behind NAT and connections that only the
 * phone could open; under a MAC that covers the Call-ID, so that nobody gets messages
 * relayed along a Route that we did not hand out. Nothing is stored.
 *
 * The MAC is crypt/short_mac's (only we check it), 96 bits of it: over the flows and over the mark, under a second key,
 * of the Call-ID, which may be long. A call has three of them: INVITE, ACK, BYE.
 */
#ifndef PBX_TOKEN_H
#define PBX_TOKEN_H

#include "base/buf.h"
#include "base/host.h"
#include "crypt/short_mac.h"

#define PBX_TOKEN_MAX 160 /* characters */

struct pbx_token {
	struct flow caller, callee; /* transport 0: by the address in the Request-URI */
	bool outside;               /* the caller is none of our users */
	bool neighbour;             /* one of the two is, or is behind, a source that needs no password */
};

struct pbx_token_keys {
	uint8_t call_id[SHORT_MAC_KEY_N], token[SHORT_MAC_KEY_N];
};

/* From the secret that all workers share. ERR_MEMORY. The keys are wiped by their owner. */
MUST_CHECK enum err pbx_token_keys_init(struct pbx_token_keys *, str secret);

/* `local` addresses are not part of it. */
void pbx_token_write(const struct pbx_token_keys *, const struct pbx_token *, str call_id, struct buf *out);
/* ERR_FORGED: not ours, or of another call. */
MUST_CHECK enum err pbx_token_read(const struct pbx_token_keys *, str text, str call_id, struct pbx_token *out);

#endif
