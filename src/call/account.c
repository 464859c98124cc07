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

static bool is_same_nonce(const char *known, str nonce)
{
	struct sip_challenge last;

	return known[0] && sip_challenge_parse(str_from(known), &last) == ERR_NONE && str_eq(last.nonce, nonce);
}

static enum account_slot slot_of(struct sip_msg *response)
{
	const struct sip_cseq *cseq = sip_msg_cseq(response);

	if (response->status == 407)
		return ACCOUNT_PROXY;
	return cseq && cseq->method == SIP_REGISTER ? ACCOUNT_REGISTRAR : ACCOUNT_OTHER;
}

enum err account_challenged(struct account *a, struct sip_msg *response, unsigned answered)
{
	enum account_slot slot = slot_of(response);
	char *known = a->slots[slot].challenge;
	struct sip_challenge challenge;
	enum err err;
	str value;

	if (!a->password[0])
		return ERR_REFUSED;
	err = choose(response, slot == ACCOUNT_PROXY ? SIP_PROXY_AUTHENTICATE : SIP_WWW_AUTHENTICATE, &value,
		     &challenge);
	if (err != ERR_NONE)
		return err;
	if (value.n >= sizeof(a->slots[slot].challenge))
		return ERR_LIMIT;
	if (is_same_nonce(known, challenge.nonce)) /* another request may have been challenged with it first */
		return (answered & 1u << slot) && !challenge.stale ? ERR_REFUSED : ERR_NONE;
	(void)str_copy_z(value, known, sizeof(a->slots[slot].challenge));
	a->slots[slot].count = 0;
	return ERR_NONE;
}

static enum err answer_slot(struct account *a, enum account_slot slot, str method, str uri, str body, struct buf *lines)
{
	struct sip_challenge challenge;
	char cnonce[16];
	enum err err = sip_challenge_parse(str_from(a->slots[slot].challenge), &challenge);

	if (err != ERR_NONE)
		return err;
	rng_text(a->rng, cnonce, sizeof(cnonce));
	buf_put(lines, slot == ACCOUNT_PROXY ? STR("Proxy-Authorization: ") : STR("Authorization: "));
	err = sip_auth_answer_password(a->auth, &challenge, str_from(a->user), str_from(a->password), method, uri,
				       str_of(cnonce, sizeof(cnonce)), ++a->slots[slot].count, body, lines);
	buf_put(lines, STR("\r\n"));
	return err;
}

enum err account_answer(struct account *a, str method, str uri, str body, struct buf *lines, unsigned *answered)
{
	enum account_slot unasked = str_eq(method, STR("REGISTER")) ? ACCOUNT_OTHER : ACCOUNT_REGISTRAR;
	enum err err = ERR_NONE;

	*answered = 0;
	for (enum account_slot slot = 0; slot < ACCOUNT_SLOTS && err == ERR_NONE; slot++)
		if (slot != unasked && a->slots[slot].challenge[0]) {
			err = answer_slot(a, slot, method, uri, body, lines);
			*answered |= 1u << slot;
		}
	return err;
}
