/*
 * call/account.h - who we are to a server: a name, a password, and the answers to its challenges.
 *
 * Digest of RFC 3261 22 by sip/auth.h. The last challenge is kept, so later requests
 * carry their answer at once (RFC 7616 3.3: the nonce count rises); a server that has
 * forgotten its nonce challenges anew and is answered anew. Where a server offers several
 * algorithms the first that we know counts (RFC 8760 2.4).
 *
 * Memory: the owner embeds it; account_wipe forgets the password. Thread: its owner's.
 */
#ifndef CALL_ACCOUNT_H
#define CALL_ACCOUNT_H

#include "base/rng.h"
#include "sip/auth.h"
#include "sip/msg.h"

#define ACCOUNT_NAME_N 128
/* How often one request is tried again after a challenge: once with what we had, once with a fresh nonce. */
#define ACCOUNT_TRIES 2

/* A REGISTER is challenged by the registrar, a call by a proxy or by a user agent: each with a nonce of its own. */
enum account_slot { ACCOUNT_REGISTRAR, ACCOUNT_PROXY, ACCOUNT_OTHER, ACCOUNT_SLOTS };

struct account {
	struct rng *rng; /* private */
	struct sip_auth *auth;
	char user[ACCOUNT_NAME_N];
	char password[ACCOUNT_NAME_N];
	struct {
		char challenge[1024]; /* the last one; empty: none */
		uint32_t count;
	} slots[ACCOUNT_SLOTS];
};

/* ERR_LIMIT: a name or password longer than ACCOUNT_NAME_N - 1; ERR_MEMORY. An empty password answers nothing. */
MUST_CHECK enum err account_init(struct account *, str user, str password, struct rng *);
/* Also of a zeroed struct. */
void account_wipe(struct account *);
/* Takes the challenge of a 401 or 407 to a request that account_answer had given `answered` to.
 * ERR_REFUSED: there is no password, or the challenge says that the answer was wrong (the nonce is neither
 * new nor stale); ERR_UNSUPPORTED: no digest or algorithm that we know; ERR_LIMIT. */
MUST_CHECK enum err account_challenged(struct account *, struct sip_msg *response, unsigned answered);
/* Appends lines "Authorization: ...\r\n" (or Proxy-) for a request; nothing where no challenge is known. *answered:
 * a bit for each enum account_slot that was answered. */
MUST_CHECK enum err account_answer(struct account *, str method, str uri, str body, struct buf *lines,
				   unsigned *answered);

#endif
