/*
 * pbx/guard.h - is this who it says it is?
 *
 * Digest authentication of requests (RFC 3261 22, RFC 8760) against the keeper's accounts.
 * HA1s that the keeper gave are remembered in a bounded table, and so are names that it does
 * not know, so that one stranger's guesses cost one question each; the oldest go
 * first. Nonces are stateless; their counts are remembered for the newest ones. Where others have displaced one, nobody
 * knows what was counted of it: after two seconds it is stale, and so is each that is as old, so that nothing overheard
 * is good again.
 *
 * An unknown name, a wrong password, a disabled account and whoever guesses too fast (pbx/backoff.h) get the same
 * answer. Only answers to a fresh nonce of ours are judged, so an old or made-up one tells nobody
 * whether a password is right (RFC 7616 3.3: stale says that the nonce was, and no more).
 *
 * Memory: opaque; HA1s are wiped when they go. Thread: its owner's.
 */
#ifndef PBX_GUARD_H
#define PBX_GUARD_H

#include "base/rng.h"
#include "pbx/backoff.h"
#include "sip/auth.h"
#include "sip/msg.h"
#include "store/user.h"

#define PBX_GUARD_USERS    16384  /* remembered at once */
#define PBX_GUARD_COUNTS   131072 /* nonces whose counts are remembered: of some seconds, when a town comes */
#define PBX_NONCE_LIFETIME (5 * 60 * USEC_PER_SEC)

enum pbx_guard_answer {
	PBX_GUARD_GOOD = 1,  /* `name` is who asks */
	PBX_GUARD_CHALLENGE, /* nothing usable was said: 401 or 407 with a challenge */
	PBX_GUARD_STALE,     /* by a nonce that is not fresh, or a count that was used: challenge with stale=true */
	PBX_GUARD_WRONG,     /* 403 */
	PBX_GUARD_UNKNOWN,   /* `name`'s account is not in the table: ask the keeper, give it in, ask again */
};

struct pbx_guard;

/* `key`: SIP_AUTH_KEY_N secret bytes. `tag`: the worker; each takes its own nonces only, as it alone counts their uses.
 * `md5`; `sha256`, which stands for SHA-512-256 too: which are offered and taken. NULL: no memory. */
struct pbx_guard *pbx_guard_new(const uint8_t *key, uint32_t tag, bool md5, bool sha256, struct rng *);
void pbx_guard_free(struct pbx_guard *);
/* The keeper's realm; before, everything is CHALLENGE. ERR_LIMIT. */
MUST_CHECK enum err pbx_guard_set_realm(struct pbx_guard *, str realm);

/* Judges the Authorization (proxy: Proxy-Authorization) of a request from `source`. `*name` (GOOD, UNKNOWN, WRONG) is a
 * view into it. */
enum pbx_guard_answer pbx_guard_judge(struct pbx_guard *, struct sip_msg *, bool proxy, const struct addr *source,
				      usec now, str *name);
/* Does this request, as it came, answer a fresh challenge of one of these workers: of the one that its Call-ID belongs
 * to? Whether the answer is right is not asked; but nobody says so for others, and who was sent none cannot. Other ways
 * to write the header than phones' own are not known. */
bool pbx_guard_heard(struct pbx_guard *, str request, uint16_t worker_n, usec now);
/* The challenge lines for 401 or 407, CRLF between them. `simple`: MD5 alone, where it is taken at all. */
void pbx_guard_write_challenge(struct pbx_guard *, bool proxy, bool stale, bool simple, usec now, struct buf *out);

/* What the keeper said of a name; `user` NULL: there is no such account. ERR_MEMORY. */
MUST_CHECK enum err pbx_guard_put(struct pbx_guard *, str name, const struct user_record *user);
/* ERR_NONE: there is an account; ERR_ABSENT: there is none, or it is disabled; ERR_MORE: not known here: ask. */
MUST_CHECK enum err pbx_guard_find(struct pbx_guard *, str name);
/* Is this value of (Proxy-)Authorization an answer to a challenge of ours, or one to somebody else's (RFC 3261 22.3)?
 */
bool pbx_guard_is_ours(const struct pbx_guard *, str value);
/* Who waits because he guesses: what of it other workers are told. */
struct pbx_backoff *pbx_guard_backoff(struct pbx_guard *);
void pbx_guard_stats(const struct pbx_guard *, struct pbx_backoff_stats *out);
/* Accounts have changed: forget them all. */
void pbx_guard_forget(struct pbx_guard *);

#endif
