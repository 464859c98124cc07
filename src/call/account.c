#include "call/account.h"

#include "crypt/secret.h"

enum err account_init(struct account *a, str user, str password, struct rng *rng)
{
	if (user.n >= sizeof(a->user) || password.n >= sizeof(a->password))
		return ERR_LIMIT;
	*a = (struct account){ .rng = rng, .auth = sip_auth_new(NULL) };
	if (!a->auth)
		return ERR_MEMORY;
	(void)str_copy_z(user, a->user, sizeof(a->user));
	(void)str_copy_z(password, a->password, sizeof(a->password));
	return ERR_NONE;
}

void account_wipe(struct account *a)
{
	sip_auth_free(a->auth);
	secret_wipe(a, sizeof(*a));
}

/* The first challenge of the response that we can answer. */
static enum err choose(const struct sip_msg *response, enum sip_kind kind, str *value, struct sip_challenge *out)
{
	enum err err = ERR_UNSUPPORTED;

	/* A challenge holds commas itself: one a field, as every server sends it (RFC 3261 7.3.1). */
	for (const struct sip_header *h = sip_msg_header(response, kind); h; h = sip_msg_header_next(response, h)) {
		*value = sip_header_value(response, h);
		if (sip_challenge_parse(*value, out) != ERR_NONE || !out->is_digest)
			continue;
		if (out->algorithm != SIP_AUTH_UNKNOWN && (out->qop_auth || !out->qop_auth_int))
			return ERR_NONE;
	}
	return err;
}

static bool is_same_nonce(const struct account *a, str nonce)
{
	struct sip_challenge last;

	return a->challenge[0] && sip_challenge_parse(str_from(a->challenge), &last) == ERR_NONE &&
	       str_eq(last.nonce, nonce);
}

enum err account_challenged(struct account *a, const struct sip_msg *response, bool answered)
{
	bool proxy = response->status == 407;
	struct sip_challenge challenge;
	enum err err;
	str value;

	if (!a->password[0])
		return ERR_REFUSED;
	err = choose(response, proxy ? SIP_PROXY_AUTHENTICATE : SIP_WWW_AUTHENTICATE, &value, &challenge);
	if (err != ERR_NONE)
		return err;
	if (value.n >= sizeof(a->challenge))
		return ERR_LIMIT;
	if (answered && !challenge.stale && is_same_nonce(a, challenge.nonce))
		return ERR_REFUSED;
	(void)str_copy_z(value, a->challenge, sizeof(a->challenge));
	a->proxy = proxy;
	a->count = 0;
	return ERR_NONE;
}

enum err account_answer(struct account *a, str method, str uri, str body, struct buf *lines)
{
	struct sip_challenge challenge;
	char cnonce[16];
	enum err err;

	if (!a->challenge[0])
		return ERR_NONE;
	err = sip_challenge_parse(str_from(a->challenge), &challenge);
	if (err != ERR_NONE)
		return err;
	rng_text(a->rng, cnonce, sizeof(cnonce));
	buf_put(lines, a->proxy ? STR("Proxy-Authorization: ") : STR("Authorization: "));
	err = sip_auth_answer_password(a->auth, &challenge, str_from(a->user), str_from(a->password), method, uri,
				       str_of(cnonce, sizeof(cnonce)), ++a->count, body, lines);
	buf_put(lines, STR("\r\n"));
	return err;
}
