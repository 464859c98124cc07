#include "avalanche.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PASSWORD "secret"

const char *line(const char *text, const char *name, char *out, size_t cap)
{
	const char *at = strstr(text, name);

	out[0] = '\0';
	if (!at)
		return NULL;
	at += strlen(name);
	size_t n = strcspn(at, "\r\n");
	if (n >= cap)
		n = cap - 1;
	memcpy(out, at, n);
	out[n] = '\0';
	return at + n;
}

static bool param(const char *value, const char *name, char *out, size_t cap)
{
	const char *at = strcasestr(value, name);

	if (!at)
		return false;
	at += strlen(name);
	size_t n = strcspn(at, "\"");
	if (n >= cap)
		return false;
	memcpy(out, at, n);
	out[n] = '\0';
	return true;
}

static const char *name_of(enum digest d)
{
	return d == DIGEST_MD5 ? "MD5" : "SHA-256";
}

static bool is_of(const char *value, enum digest d)
{
	const char *at = strcasestr(value, "algorithm="), *name = name_of(d);
	size_t n = strlen(name);

	return at && !strncasecmp(at + 10, name, n) && (!at[10 + n] || strchr(", ", at[10 + n]));
}

bool digest_challenge(const char *answer, enum digest d, struct challenge *out)
{
	char value[800];

	for (const char *at = answer; (at = line(at, "-Authenticate: ", value, sizeof(value)));)
		if (is_of(value, d)) {
			out->is_stale = strcasestr(value, "stale=true");
			return param(value, "realm=\"", out->realm, sizeof(out->realm)) &&
			       param(value, "nonce=\"", out->nonce, sizeof(out->nonce));
		}
	return false;
}

static void hex(enum digest d, const char *text, char out[65])
{
	static const char digits[] = "0123456789abcdef";
	static EVP_MD *md[2];
	static EVP_MD_CTX *ctx;
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	EVP_MD **is = &md[d == DIGEST_MD5];

	if (!*is)
		*is = EVP_MD_fetch(NULL, d == DIGEST_MD5 ? "MD5" : "SHA256", NULL);
	if (!ctx)
		ctx = EVP_MD_CTX_new();
	if (!*is || !ctx || !EVP_DigestInit_ex2(ctx, *is, NULL) || !EVP_DigestUpdate(ctx, text, strlen(text)) ||
	    !EVP_DigestFinal_ex(ctx, bytes, &n))
		die("no digest");
	for (unsigned i = 0; i < n; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * n] = '\0';
}

void digest_answer(const struct challenge *c, enum digest d, bool proxy, const char *user, const char *method,
		   const char *uri, char *out, size_t cap)
{
	char text[600], ha1[65], ha2[65], response[65];

	snprintf(text, sizeof(text), "%s:%s:" PASSWORD, user, c->realm);
	hex(d, text, ha1);
	snprintf(text, sizeof(text), "%s:%s", method, uri);
	hex(d, text, ha2);
	snprintf(text, sizeof(text), "%s:%s:00000001:0a4f113b:auth:%s", ha1, c->nonce, ha2);
	hex(d, text, response);
	snprintf(out, cap,
		 "%sAuthorization: Digest username=\"%s\", realm=\"%s\", nonce=\"%s\", uri=\"%s\", response=\"%s\", "
		 "algorithm=%s, qop=auth, nc=00000001, cnonce=\"0a4f113b\"\r\n",
		 proxy ? "Proxy-" : "", user, c->realm, c->nonce, uri, response, name_of(d));
}
