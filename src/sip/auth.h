/*
 * sip/auth.h - digest authentication, both sides.
 *
 * RFC 3261 22, RFC 7616 and RFC 8760: MD5, SHA-256, SHA-512-256, each with -sess; qop
 * auth or none (RFC 2617's older form). The server keeps no list of nonces: a nonce is
 * a time, a random word and an HMAC over both under the server's key, so any worker
 * can judge it. Replays are caught by sip_auth_window per nonce where the owner keeps one.
 * Thread: its owner's. Secrets (HA1, password) are the caller's to wipe.
 */
#ifndef SIP_AUTH_H
#define SIP_AUTH_H

#include "base/buf.h"
#include "base/rng.h"
#include "base/str.h"
#include "base/time.h"

enum sip_auth_algorithm { SIP_AUTH_UNKNOWN = 0, SIP_AUTH_MD5, SIP_AUTH_SHA256, SIP_AUTH_SHA512_256 };

#define SIP_AUTH_HA1_MAX   32 /* bytes of the largest HA1 */
#define SIP_AUTH_KEY_N     32
#define SIP_AUTH_NONCE_MAX 64 /* a nonce is 48 characters */

/* Bytes of its digest: 16 or 32; 0 for unknown. */
size_t sip_auth_digest_n(enum sip_auth_algorithm);

/* WWW-Authenticate or Proxy-Authenticate. Views; quotes gone, escapes in place. */
struct sip_challenge {
	str scheme; /* "Digest" */
	bool is_digest;
	str realm, nonce, opaque, domain;
	uint8_t algorithm; /* enum sip_auth_algorithm; MD5 where none is named */
	bool sess, stale;
	bool qop_auth, qop_auth_int; /* neither: RFC 2617 2069-style */
	bool userhash;
};
/* ERR_SYNTAX. Another scheme than Digest is fine: is_digest is false and the rest empty. */
MUST_CHECK enum err sip_challenge_parse(str value, struct sip_challenge *out);

/* Authorization or Proxy-Authorization. */
struct sip_credentials {
	str scheme;
	bool is_digest;
	str username, realm, nonce, uri, response, cnonce, opaque;
	str qop, nc;       /* as written; empty: none */
	uint8_t algorithm; /* MD5 where none is named, SIP_AUTH_UNKNOWN for strange ones */
	bool sess;
	bool userhash;
	uint32_t count; /* nc as a number; 0: none */
};
/* ERR_SYNTAX: also for a Digest without username, realm, nonce, uri or response, or with qop and no nc/cnonce. */
MUST_CHECK enum err sip_credentials_parse(str value, struct sip_credentials *out);

/* The digests and the nonce key, kept ready. */
struct sip_auth;

/* `key`: the server's secret for nonces, SIP_AUTH_KEY_N bytes; NULL for clients, which make none. NULL without memory.
 * A digest that the machine refuses (MD5 under FIPS) is ERR_UNSUPPORTED when asked for. */
struct sip_auth *sip_auth_new(const uint8_t *key);
void sip_auth_free(struct sip_auth *); /* wipes */

/* H(username:realm:password); out[SIP_AUTH_HA1_MAX], sip_auth_digest_n() bytes are set. ERR_UNSUPPORTED. */
MUST_CHECK enum err sip_auth_ha1(struct sip_auth *, enum sip_auth_algorithm, str username, str realm, str password,
				 uint8_t *out);

/* Does the answer hold for this HA1 (sip_auth_digest_n() bytes)? `body` counts for qop=auth-int only. In constant
 * time. ERR_REFUSED: no; ERR_UNSUPPORTED: an algorithm or qop that we do not do. The nonce, its count, the realm
 * and the uri are the caller's to judge. */
MUST_CHECK enum err sip_auth_verify(struct sip_auth *, const struct sip_credentials *, const uint8_t *ha1, str method,
				    str body);

/* The client's side: writes the value of Authorization for a challenge. `count` is the nonce count (1, 2, ...);
 * `cnonce` is the caller's choice (16 random characters). ERR_UNSUPPORTED: another scheme, algorithm or qop; ERR_FULL.
 */
MUST_CHECK enum err sip_auth_answer(struct sip_auth *, const struct sip_challenge *, str username, const uint8_t *ha1,
				    str method, str uri, str cnonce, uint32_t count, str body, struct buf *out);
/* The same from the password. */
MUST_CHECK enum err sip_auth_answer_password(struct sip_auth *, const struct sip_challenge *, str username,
					     str password, str method, str uri, str cnonce, uint32_t count, str body,
					     struct buf *out);

/* The server's side: the value of WWW-Authenticate, with qop="auth". */
/* The same of a realm that stands in its quotes already (sip_quote), for who writes it again and again. */
void sip_challenge_write_quoted(enum sip_auth_algorithm, str realm, str nonce, bool stale, struct buf *out);
void sip_challenge_write(enum sip_auth_algorithm, str realm, str nonce, bool stale, struct buf *out);

/* A new nonce, valid from `now`. `tag` ties it to something of the caller's. Points into out. */
str sip_auth_nonce(struct sip_auth *, uint32_t tag, usec now, struct rng *, char out[SIP_AUTH_NONCE_MAX]);
/* ERR_NONE; ERR_EXPIRED: ours, but older than `lifetime`: challenge again with stale=true; ERR_FORGED: not ours. */
MUST_CHECK enum err sip_auth_nonce_check(struct sip_auth *, uint32_t tag, str nonce, usec now, usec lifetime);

/* When a nonce that was found good was made. */
usec sip_auth_nonce_made(str nonce);

/* The nonce counts seen of one nonce: a count may come once, out of order within 64. Zero it to begin. */
struct sip_auth_window {
	uint32_t top;
	uint64_t seen;
};
/* false: seen before, or too old. */
bool sip_auth_window_take(struct sip_auth_window *, uint32_t count);

#endif
