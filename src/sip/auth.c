#include "sip/auth.h"

#include "crypt/digest.h"
#include "crypt/hmac.h"
#include "crypt/secret.h"
#include "crypt/short_mac.h"
#include "sip/header.h"
#include "sip/scan.h"

#include <stdlib.h>

#define NONCE_BYTES  24 /* 8 time, 4 random, 12 of the mark */
#define NONCE_SIGNED 12
#define LAST_MAX     200
#define HEX_MAX      (2 * SIP_AUTH_HA1_MAX)

static const struct {
	str name;
	enum digest_kind digest;
	size_t n;
} algorithms[] = {
	[SIP_AUTH_MD5] = { STR_INIT("MD5"), DIGEST_MD5, 16 },
	[SIP_AUTH_SHA256] = { STR_INIT("SHA-256"), DIGEST_SHA256, 32 },
	[SIP_AUTH_SHA512_256] = { STR_INIT("SHA-512-256"), DIGEST_SHA512_256, 32 },
};

/* H(method:uri) of one request, which those of very many phones have in common. */
struct last {
	size_t method_n, n; /* n 0: none yet */
	char text[LAST_MAX];
	uint8_t hash[DIGEST_MAX];
};

struct sip_auth {
	struct last lasts[SIP_AUTH_SHA512_256 + 1];
	struct digest *digests[SIP_AUTH_SHA512_256 + 1]; /* made when first needed */
	uint8_t nonce_key[SHORT_MAC_KEY_N];
};

struct sip_auth *sip_auth_new(const uint8_t *key)
{
	struct sip_auth *a = calloc(1, sizeof(*a));
	uint8_t derived[DIGEST_MAX];

	if (!a || !key)
		return a;
	if (hmac_once(DIGEST_SHA256, str_of((const char *)key, SIP_AUTH_KEY_N), STR("sip nonce 2"), derived)) {
		free(a);
		return NULL;
	}
	memcpy(a->nonce_key, derived, sizeof(a->nonce_key));
	secret_wipe(derived, sizeof(derived));
	return a;
}

void sip_auth_free(struct sip_auth *a)
{
	if (!a)
		return;
	for (int i = SIP_AUTH_MD5; i <= SIP_AUTH_SHA512_256; i++)
		digest_free(a->digests[i]);
	secret_wipe(a->nonce_key, sizeof(a->nonce_key));
	free(a);
}

static struct digest *get_digest(struct sip_auth *a, unsigned algorithm)
{
	if (algorithm < SIP_AUTH_MD5 || algorithm > SIP_AUTH_SHA512_256)
		return NULL;
	if (!a->digests[algorithm])
		a->digests[algorithm] = digest_new(algorithms[algorithm].digest);
	return a->digests[algorithm];
}

size_t sip_auth_digest_n(enum sip_auth_algorithm algorithm)
{
	return algorithm >= SIP_AUTH_MD5 && algorithm <= SIP_AUTH_SHA512_256 ? algorithms[algorithm].n : 0;
}

/* ---- parse ---- */

/* "SHA-256-sess" into its parts. */
static void take_algorithm(str value, uint8_t *algorithm, bool *sess)
{
	*sess = value.n > 5 && SIP_SCAN_WORD(str_skip(value, value.n - 5), "-sess");
	if (*sess)
		value.n -= 5;
	*algorithm = SIP_AUTH_UNKNOWN;
	for (uint8_t i = SIP_AUTH_MD5; i <= SIP_AUTH_SHA512_256; i++)
		if (value.n == algorithms[i].name.n && str_eq_nocase(value, algorithms[i].name))
			*algorithm = i;
}

/* The next name=value of a list with commas; quotes are taken off. NULL: malformed; else where the next begins. */
static inline const char *take_pair(const char *at, const char *end, str *name, str *value)
{
	const char *start = sip_scan_blank(at, end);

	at = start;
	while (at < end && sip_scan_is(*at, SIP_SCAN_TOKEN)) /* names are short, two to nine letters */
		at++;
	*name = sip_scan_span(start, at);
	at = sip_scan_blank(at, end);
	if (name->n == 0 || at == end || *at != '=')
		return NULL;
	start = sip_scan_blank(at + 1, end);
	if (start < end && *start == '"') {
		/* nearly all are short and without escapes: look for the quote first */
		const char *quote = sip_scan_find(start + 1, end, '"');

		at = quote < end && quote[-1] != '\\' ? quote + 1 : sip_scan_quoted(start, end);
		if (!at)
			return NULL;
		*value = sip_scan_span(start + 1, at - 1);
	} else {
		/* generous, but what ends in a backslash could not be written into quotes again */
		at = sip_scan_run(start, end, SIP_SCAN_TOKEN);
		while (at < end && *at != ',' && *at != '"' && *at != '\\' && !sip_scan_is(*at, SIP_SCAN_BLANK))
			at++;
		*value = sip_scan_span(start, at);
		if (at == start)
			return NULL;
	}
	at = sip_scan_blank(at, end);
	if (at < end && *at++ != ',')
		return NULL;
	return at;
}

/* The scheme; behind it, or NULL where there is none. */
static const char *take_scheme(const char *at, const char *end, str *scheme, bool *is_digest)
{
	const char *start = sip_scan_blank(at, end);

	at = sip_scan_run(start, end, SIP_SCAN_TOKEN);
	if (at == start || (at < end && !sip_scan_is(*at, SIP_SCAN_BLANK)))
		return NULL;
	*scheme = sip_scan_span(start, at);
	*is_digest = SIP_SCAN_WORD(*scheme, "Digest");
	return at;
}

enum err sip_challenge_parse(str v, struct sip_challenge *out)
{
	struct sip_challenge c = { .algorithm = SIP_AUTH_MD5 };
	const char *at, *end;
	str name, value, option;

	if (!v.n)
		return ERR_SYNTAX;
	end = v.p + v.n;
	at = take_scheme(v.p, end, &c.scheme, &c.is_digest);
	if (!at)
		return ERR_SYNTAX;
	while (c.is_digest && sip_scan_blank(at, end) < end) {
		at = take_pair(at, end, &name, &value);
		if (!at)
			return ERR_SYNTAX;
		if (SIP_SCAN_WORD(name, "realm"))
			c.realm = value;
		else if (SIP_SCAN_WORD(name, "nonce"))
			c.nonce = value;
		else if (SIP_SCAN_WORD(name, "opaque"))
			c.opaque = value;
		else if (SIP_SCAN_WORD(name, "domain"))
			c.domain = value;
		else if (SIP_SCAN_WORD(name, "algorithm"))
			take_algorithm(value, &c.algorithm, &c.sess);
		else if (SIP_SCAN_WORD(name, "stale"))
			c.stale = SIP_SCAN_WORD(value, "true");
		else if (SIP_SCAN_WORD(name, "userhash"))
			c.userhash = SIP_SCAN_WORD(value, "true");
		else if (SIP_SCAN_WORD(name, "qop"))
			while (sip_list_next(&value, &option)) {
				c.qop_auth |= SIP_SCAN_WORD(option, "auth");
				c.qop_auth_int |= SIP_SCAN_WORD(option, "auth-int");
			}
	}
	if (c.is_digest && (!c.realm.p || c.nonce.n == 0))
		return ERR_SYNTAX;
	*out = c;
	return ERR_NONE;
}

/* nc: exactly eight hex digits */
static bool take_count(str nc, uint32_t *out)
{
	uint32_t count = 0;

	for (size_t i = 0; i < nc.n; i++) {
		if (!sip_scan_is_hex(nc.p[i]))
			return false;
		count = count << 4 | (uint32_t)(nc.p[i] <= '9' ? nc.p[i] - '0' : (nc.p[i] | 32) - 'a' + 10);
	}
	*out = count;
	return nc.n == 8 && count > 0;
}

static void take_credential(struct sip_credentials *c, str name, str value)
{
	switch (name.p[0] | 32) {
	case 'u':
		if (SIP_SCAN_WORD(name, "username"))
			c->username = value;
		else if (SIP_SCAN_WORD(name, "uri"))
			c->uri = value;
		else if (SIP_SCAN_WORD(name, "userhash"))
			c->userhash = SIP_SCAN_WORD(value, "true");
		break;
	case 'r':
		if (SIP_SCAN_WORD(name, "realm"))
			c->realm = value;
		else if (SIP_SCAN_WORD(name, "response"))
			c->response = value;
		break;
	case 'n':
		if (SIP_SCAN_WORD(name, "nonce"))
			c->nonce = value;
		else if (SIP_SCAN_WORD(name, "nc"))
			c->nc = value;
		break;
	case 'a':
		if (SIP_SCAN_WORD(name, "algorithm"))
			take_algorithm(value, &c->algorithm, &c->sess);
		break;
	case 'c':
		if (SIP_SCAN_WORD(name, "cnonce"))
			c->cnonce = value;
		break;
	case 'q':
		if (SIP_SCAN_WORD(name, "qop"))
			c->qop = value;
		break;
	case 'o':
		if (SIP_SCAN_WORD(name, "opaque"))
			c->opaque = value;
		break;
	}
}

enum err sip_credentials_parse(str v, struct sip_credentials *out)
{
	struct sip_credentials c = { .algorithm = SIP_AUTH_MD5 };
	const char *at, *end;
	str name, value;

	if (!v.n)
		return ERR_SYNTAX;
	end = v.p + v.n;
	at = take_scheme(v.p, end, &c.scheme, &c.is_digest);
	if (!at)
		return ERR_SYNTAX;
	while (c.is_digest && sip_scan_blank(at, end) < end) {
		at = take_pair(at, end, &name, &value);
		if (!at)
			return ERR_SYNTAX;
		take_credential(&c, name, value);
	}
	if (c.is_digest) {
		if (!c.username.p || !c.realm.p || !c.uri.n || !c.nonce.n || !c.response.n)
			return ERR_SYNTAX;
		if (c.qop.n && (!take_count(c.nc, &c.count) || !c.cnonce.n))
			return ERR_SYNTAX;
	}
	*out = c;
	return ERR_NONE;
}

/* ---- digests ---- */

static const char *hex_of(const uint8_t *bytes, size_t n, char *out)
{
	buf_hex(bytes, n, out);
	return out;
}

/* H(parts joined by ':'). What is short is joined first: each call of the library costs as much as hashing a block. */
static void hash_joined(struct digest *d, const str *parts, size_t n, uint8_t *out)
{
	char text[800];
	struct buf b;

	buf_init(&b, text, sizeof(text));
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_put_char(&b, ':');
		buf_put(&b, parts[i]);
	}
	digest_start(d);
	if (buf_ok(&b))
		digest_add(d, buf_str(&b));
	for (size_t i = 0; !buf_ok(&b) && i < n; i++) {
		if (i)
			digest_add(d, STR(":"));
		digest_add(d, parts[i]);
	}
	digest_end(d, out);
	secret_wipe(text, b.n);
}

enum err sip_auth_ha1(struct sip_auth *a, enum sip_auth_algorithm algorithm, str username, str realm, str password,
		      uint8_t *out)
{
	struct digest *d = get_digest(a, algorithm);

	if (!d)
		return ERR_UNSUPPORTED;
	hash_joined(d, (str[]){ username, realm, password }, 3, out);
	return ERR_NONE;
}

struct question {
	unsigned algorithm;
	bool sess;
	str nonce, cnonce, nc, qop, method, uri, body;
};

static void hash_request(struct last *last, struct digest *d, size_t size, str method, str uri, uint8_t *out)
{
	size_t n = method.n + uri.n;

	if (!method.n || !uri.n) {
		hash_joined(d, (str[]){ method, uri }, 2, out);
		return;
	}
	if (last->n != n || last->method_n != method.n || memcmp(last->text, method.p, method.n) != 0 ||
	    memcmp(last->text + method.n, uri.p, uri.n) != 0) {
		hash_joined(d, (str[]){ method, uri }, 2, out);
		if (n > LAST_MAX)
			return;
		last->n = n;
		last->method_n = method.n;
		memcpy(last->text, method.p, method.n);
		memcpy(last->text + method.n, uri.p, uri.n);
		memcpy(last->hash, out, size);
	}
	memcpy(out, last->hash, size);
}

/* The response of RFC 7616 3.4.1, in hex. */
static enum err respond(struct sip_auth *a, const struct question *q, const uint8_t *ha1, char hex[HEX_MAX], size_t *n)
{
	uint8_t bytes[DIGEST_MAX];
	char hex1[HEX_MAX], hex2[HEX_MAX], hex_body[HEX_MAX];
	struct digest *d = get_digest(a, q->algorithm);
	bool integrity = str_eq_nocase(q->qop, STR("auth-int"));

	if (!d || (q->qop.n && !integrity && !str_eq_nocase(q->qop, STR("auth"))))
		return ERR_UNSUPPORTED;
	size_t size = algorithms[q->algorithm].n;
	str h1 = str_of(hex_of(ha1, size, hex1), 2 * size);
	if (q->sess) { /* 3.4.2 */
		hash_joined(d, (str[]){ h1, q->nonce, q->cnonce }, 3, bytes);
		hex_of(bytes, size, hex1);
	}
	if (integrity)
		digest_of(d, q->body, bytes);
	str hb = str_of(hex_of(bytes, integrity ? size : 0, hex_body), 2 * size);
	if (integrity)
		hash_joined(d, (str[]){ q->method, q->uri, hb }, 3, bytes);
	else
		hash_request(&a->lasts[q->algorithm], d, size, q->method, q->uri, bytes);
	str h2 = str_of(hex_of(bytes, size, hex2), 2 * size);
	if (q->qop.n)
		hash_joined(d, (str[]){ h1, q->nonce, q->nc, q->cnonce, q->qop, h2 }, 6, bytes);
	else /* RFC 2617 3.2.2.1, for compatibility with RFC 2069 */
		hash_joined(d, (str[]){ h1, q->nonce, h2 }, 3, bytes);
	hex_of(bytes, size, hex);
	*n = 2 * size;
	secret_wipe(hex1, sizeof(hex1));
	return ERR_NONE;
}

enum err sip_auth_verify(struct sip_auth *a, const struct sip_credentials *c, const uint8_t *ha1, str method, str body)
{
	struct question q = { c->algorithm, c->sess, c->nonce, c->cnonce, c->nc, c->qop, method, c->uri, body };
	char right[HEX_MAX], given[HEX_MAX];
	size_t n;
	enum err err = c->is_digest ? respond(a, &q, ha1, right, &n) : ERR_UNSUPPORTED;

	if (err)
		return err;
	if (secret_eq(c->response, str_of(right, n)))
		return ERR_NONE;
	for (size_t i = 0; i < c->response.n && i < sizeof(given); i++) /* in capitals, against the RFC */
		given[i] = str_lower(c->response.p[i]);
	return c->response.n == n && secret_eq(str_of(given, n), str_of(right, n)) ? ERR_NONE : ERR_REFUSED;
}

static inline void put_quoted(struct buf *out, str name, str value)
{
	buf_put(out, name);
	buf_put_char(out, '"');
	buf_put(out, value); /* as it came: its escapes are in place */
	buf_put_char(out, '"');
}

static void put_algorithm(struct buf *out, unsigned algorithm, bool sess)
{
	buf_put(out, STR(", algorithm="));
	buf_put(out, algorithms[algorithm].name);
	if (sess)
		buf_put(out, STR("-sess"));
}

enum err sip_auth_answer(struct sip_auth *a, const struct sip_challenge *c, str username, const uint8_t *ha1,
			 str method, str uri, str cnonce, uint32_t count, str body, struct buf *out)
{
	struct question q = { c->algorithm, c->sess, c->nonce, cnonce, STR_NONE, STR_NONE, method, uri, body };
	uint8_t bytes[4] = { (uint8_t)(count >> 24), (uint8_t)(count >> 16), (uint8_t)(count >> 8), (uint8_t)count };
	char hex[HEX_MAX], nc[8];
	enum err err;
	size_t n;

	if (!c->is_digest)
		return ERR_UNSUPPORTED;
	if (c->qop_auth || c->qop_auth_int) {
		q.qop = c->qop_auth ? STR("auth") : STR("auth-int");
		q.nc = str_of(hex_of(bytes, 4, nc), 8);
	}
	err = respond(a, &q, ha1, hex, &n);
	if (err)
		return err;
	buf_put(out, STR("Digest username="));
	sip_quote(username, out);
	put_quoted(out, STR(", realm="), c->realm);
	put_quoted(out, STR(", nonce="), c->nonce);
	put_quoted(out, STR(", uri="), uri);
	put_quoted(out, STR(", response="), str_of(hex, n));
	put_algorithm(out, c->algorithm, c->sess);
	if (q.qop.n || c->sess)
		put_quoted(out, STR(", cnonce="), cnonce);
	if (c->opaque.p)
		put_quoted(out, STR(", opaque="), c->opaque);
	if (q.qop.n) {
		buf_put(out, STR(", qop="));
		buf_put(out, q.qop);
		buf_put(out, STR(", nc="));
		buf_put(out, q.nc);
	}
	return out->err;
}

enum err sip_auth_answer_password(struct sip_auth *a, const struct sip_challenge *c, str username, str password,
				  str method, str uri, str cnonce, uint32_t count, str body, struct buf *out)
{
	uint8_t ha1[SIP_AUTH_HA1_MAX];
	enum err err =
		c->is_digest ? sip_auth_ha1(a, (enum sip_auth_algorithm)c->algorithm, username, c->realm, password, ha1)
			     : ERR_UNSUPPORTED;

	if (!err)
		err = sip_auth_answer(a, c, username, ha1, method, uri, cnonce, count, body, out);
	secret_wipe(ha1, sizeof(ha1));
	return err;
}

static void put_challenge(enum sip_auth_algorithm algorithm, str nonce, bool stale, struct buf *out)
{
	put_quoted(out, STR(", nonce="), nonce);
	put_algorithm(out, algorithm, false);
	if (stale)
		buf_put(out, STR(", stale=true"));
	buf_put(out, STR(", qop=\"auth\""));
}

void sip_challenge_write(enum sip_auth_algorithm algorithm, str realm, str nonce, bool stale, struct buf *out)
{
	buf_put(out, STR("Digest realm="));
	sip_quote(realm, out);
	put_challenge(algorithm, nonce, stale, out);
}

void sip_challenge_write_quoted(enum sip_auth_algorithm algorithm, str realm, str nonce, bool stale, struct buf *out)
{
	buf_put(out, STR("Digest realm="));
	buf_put(out, realm);
	put_challenge(algorithm, nonce, stale, out);
}

/* ---- nonces ---- */

static void sign_nonce(struct sip_auth *a, uint32_t tag, const uint8_t *head, uint8_t mac[SHORT_MAC_N])
{
	uint8_t text[16] = { (uint8_t)(tag >> 24), (uint8_t)(tag >> 16), (uint8_t)(tag >> 8), (uint8_t)tag };

	memcpy(text + 4, head, 12);
	short_mac(a->nonce_key, str_of((const char *)text, sizeof(text)), mac);
}

str sip_auth_nonce(struct sip_auth *a, uint32_t tag, usec now, struct rng *rng, char out[SIP_AUTH_NONCE_MAX])
{
	uint8_t bytes[NONCE_BYTES] = { 0 }, mac[SHORT_MAC_N];

	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)((uint64_t)now >> (56 - 8 * i));
	rng_fill(rng, bytes + 8, 4);
	sign_nonce(a, tag, bytes, mac);
	memcpy(bytes + 12, mac, 12);
	return str_of(hex_of(bytes, sizeof(bytes), out), 2 * sizeof(bytes));
}

/* A digit's value, and that it is one. */
#define DIGIT 16u
static const uint8_t digits[256] = { ['0'] = DIGIT,      ['1'] = DIGIT | 1,  ['2'] = DIGIT | 2,  ['3'] = DIGIT | 3,
				     ['4'] = DIGIT | 4,  ['5'] = DIGIT | 5,  ['6'] = DIGIT | 6,  ['7'] = DIGIT | 7,
				     ['8'] = DIGIT | 8,  ['9'] = DIGIT | 9,  ['a'] = DIGIT | 10, ['b'] = DIGIT | 11,
				     ['c'] = DIGIT | 12, ['d'] = DIGIT | 13, ['e'] = DIGIT | 14, ['f'] = DIGIT | 15 };

enum err sip_auth_nonce_check(struct sip_auth *a, uint32_t tag, str nonce, usec now, usec lifetime)
{
	uint8_t bytes[NONCE_SIGNED], mac[SHORT_MAC_N];
	char hex[2 * SHORT_MAC_N];
	unsigned good = DIGIT;
	uint64_t made = 0;

	if (nonce.n != 2 * (size_t)NONCE_BYTES)
		return ERR_FORGED;
	/* only the form that we write: another spelling would be another nonce to whoever counts its uses */
	for (size_t i = 0; i < sizeof(bytes); i++) {
		unsigned high = digits[(uint8_t)nonce.p[2 * i]], low = digits[(uint8_t)nonce.p[2 * i + 1]];

		good &= high & low;
		bytes[i] = (uint8_t)(high << 4 | (low & 15));
	}
	if (!(good & DIGIT))
		return ERR_FORGED;
	sign_nonce(a, tag, bytes, mac);
	buf_hex(mac, sizeof(mac), hex);
	if (!secret_eq(str_of(hex, 2 * (size_t)(NONCE_BYTES - NONCE_SIGNED)), str_skip(nonce, 2 * sizeof(bytes))))
		return ERR_FORGED;
	for (int i = 0; i < 8; i++)
		made = made << 8 | bytes[i];
	return now - (usec)made > lifetime ? ERR_EXPIRED : ERR_NONE;
}

usec sip_auth_nonce_made(str nonce)
{
	uint64_t made = 0;

	for (size_t i = 0; i < 16 && i < nonce.n; i++)
		made = made << 4 | (digits[(uint8_t)nonce.p[i]] & 15);
	return (usec)made;
}

bool sip_auth_window_take(struct sip_auth_window *w, uint32_t count)
{
	if (count > w->top) {
		uint32_t by = count - w->top;

		w->seen = by > 63 ? 1 : w->seen << by | 1;
		w->top = count;
		return true;
	}
	uint32_t back = w->top - count;
	if (count == 0 || back > 63 || (w->seen >> back & 1))
		return false;
	w->seen |= (uint64_t)1 << back;
	return true;
}
