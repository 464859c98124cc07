/*
 * pbx/token.h - what our Record-Route says to ourselves.
 *
 * The user part of the URI that the proxy puts into Record-Route (RFC 3261 16.6 step 4; RFC 5626 5.3): the flows of
 * caller and callee, so that requests inside the dialog find phones behind NAT and connections that only the
 * phone could open; under a MAC that covers the Call-ID and the caller's tag, so that nobody gets messages
 * relayed along a Route that we did not hand out. Nothing is stored.
 *
 * In a call with a neighbour that needs no password it says, too, where the neighbour's side of the dialog is: its
 * Contact and the Route behind ours. A caller's are known when it is written, a callee's when it answers: then it is
 * written anew into that answer (16.7 step 8), for each dialog its own. pbx/server_dialog.c judges by it.
 *
 * The MAC is crypt/short_mac's (only we check it), 96 bits of it: over the token, the mark, under a second key, of the
 * Call-ID, which may be long, and a hash of the tag. A call has three of them: INVITE, ACK, BYE.
 */
#ifndef PBX_TOKEN_H
#define PBX_TOKEN_H

#include "base/buf.h"
#include "base/host.h"
#include "crypt/short_mac.h"
#include "sip/uri.h"

#define PBX_TOKEN_MAX 160 /* characters */

struct pbx_token {
	struct flow caller, callee; /* transport 0: by the address in the Request-URI */
	bool outside;               /* the caller is none of our users */
	bool neighbour;             /* one of the two is, or is behind, a source that needs no password. Only then: */
	bool call;                  /* an INVITE has begun it */
	bool phone;                 /* what is behind the neighbour is a phone of ours */
	uint32_t since_s;           /* when it was written: seconds since 1970 */
	uint64_t target;            /* pbx_token_target of the neighbour's side; 0: not known */
	uint32_t route;             /* pbx_token_route of what is behind our Route; 0: nothing is */
	struct addr hop;            /* the neighbour, without a port */
};

struct pbx_token_keys {
	uint8_t call_id[SHORT_MAC_KEY_N], token[SHORT_MAC_KEY_N];
	uint64_t tag[2], place[2];
};

/* From the secret that all workers share. ERR_MEMORY. The keys are wiped by their owner. */
MUST_CHECK enum err pbx_token_keys_init(struct pbx_token_keys *, str secret);

/* `local` addresses are not part of it. */
void pbx_token_write(const struct pbx_token_keys *, const struct pbx_token *, str call_id, str caller_tag,
		     struct buf *out);
/* Of a message with these tags, in whichever order. ERR_FORGED: not ours, or of another call. */
MUST_CHECK enum err pbx_token_read(const struct pbx_token_keys *, str text, str call_id, str from_tag, str to_tag,
				   struct pbx_token *out);

/*
 * Where one side of a dialog is, as far as it matters: user, host, port, transport and maddr of its Contact, and its
 * tag. The same for whoever leaves other parameters out, writes escapes or capitals otherwise or names the
 * usual port. Never 0.
 */
uint64_t pbx_token_target(const struct pbx_token_keys *, str tag, const struct sip_uri *);
/* The same for the next Route, without a tag; 0 for NULL. */
uint32_t pbx_token_route(const struct pbx_token_keys *, const struct sip_uri *);

#endif
