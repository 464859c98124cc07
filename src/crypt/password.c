#include "crypt/password.h"

#include "crypt/secret.h"

#include <sodium.h>

_Static_assert(PASSWORD_HASH_MAX >= crypto_pwhash_argon2id_STRBYTES, "room for the text");

struct password_cost password_cost_today(void)
{
	return (struct password_cost){ crypto_pwhash_argon2id_OPSLIMIT_INTERACTIVE,
				       crypto_pwhash_argon2id_MEMLIMIT_INTERACTIVE };
}

struct password_cost password_cost_least(void)
{
	return (struct password_cost){ crypto_pwhash_argon2id_OPSLIMIT_MIN, crypto_pwhash_argon2id_MEMLIMIT_MIN };
}

enum err password_hash(str password, struct password_cost cost, char out[PASSWORD_HASH_MAX])
{
	char made[crypto_pwhash_argon2id_STRBYTES] = "";

	if (password.n > PASSWORD_MAX)
		return ERR_LIMIT;
	if (sodium_init() < 0 || crypto_pwhash_argon2id_str(made, password.p ? password.p : "", password.n, cost.passes,
							    cost.memory_bytes) != 0)
		return ERR_MEMORY;
	memcpy(out, made, sizeof(made));
	return ERR_NONE;
}

/* libsodium wants a text that ends in NUL. */
static bool hash_text(str hash, char text[PASSWORD_HASH_MAX])
{
	memset(text, 0, PASSWORD_HASH_MAX);
	return hash.n < PASSWORD_HASH_MAX && str_starts(hash, STR("$argon2id$")) && !memchr(hash.p, 0, hash.n) &&
	       str_copy_z(hash, text, PASSWORD_HASH_MAX);
}

enum err password_check(str password, str hash)
{
	char text[PASSWORD_HASH_MAX];

	if (password.n > PASSWORD_MAX)
		return ERR_LIMIT;
	if (!hash_text(hash, text))
		return ERR_REFUSED;
	/* (It does not tell "no memory" from "wrong"; refusing is the safe reading of both.) */
	int wrong = crypto_pwhash_argon2id_str_verify(text, password.p ? password.p : "", password.n);
	secret_wipe(text, sizeof(text));
	return wrong ? ERR_REFUSED : ERR_NONE;
}

bool password_is_dated(str hash, struct password_cost cost)
{
	char text[PASSWORD_HASH_MAX];

	return !hash_text(hash, text) ||
	       crypto_pwhash_argon2id_str_needs_rehash(text, cost.passes, cost.memory_bytes) != 0;
}
