/*
 * crypt/password.h - people's passwords, as argon2id hashes (RFC 9106).
 *
 * Slow on purpose: about a tenth of a second and PASSWORD_MEMORY bytes each, so never on a
 * signalling thread (the keeper has workers for it). The salt comes from the operating
 * system. The hash is text, "$argon2id$v=19$m=65536,t=2,p=1$salt$hash", and says its own cost.
 */
#ifndef CRYPT_PASSWORD_H
#define CRYPT_PASSWORD_H

#include "base/err.h"
#include "base/str.h"

#define PASSWORD_HASH_MAX 128  /* with NUL */
#define PASSWORD_MAX      1024 /* bytes of a password we look at at all */

struct password_cost {
	uint32_t passes;
	uint32_t memory_bytes;
};

/* What is used today: 2 passes over 64 MiB (libsodium's "interactive"; 60 to 120 ms). */
struct password_cost password_cost_today(void);
/* The least that the library accepts, for tests and the simulation: never for people. */
struct password_cost password_cost_least(void);

/* ERR_MEMORY: the memory could not be had; ERR_LIMIT: longer than PASSWORD_MAX. */
MUST_CHECK enum err password_hash(str password, struct password_cost, char out[PASSWORD_HASH_MAX]);
/* ERR_REFUSED: another password, or `hash` is none, or no memory; ERR_LIMIT. */
MUST_CHECK enum err password_check(str password, str hash);
/* Was the hash made at another cost than this? Then hash again at the next right password. */
bool password_is_dated(str hash, struct password_cost);

#endif
