#include "crypt/certificate.h"

#include "crypt/openssl.h"

#include <assert.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#define NAME_MAX_N 64 /* ub-common-name, RFC 5280 appendix A */
#define HOSTS_MAX  16

struct certificate {
	X509 *x509;
	EVP_PKEY *key;
	STACK_OF(X509) * issuers; /* may be NULL */
	usec not_after;
	uint8_t pin[CERTIFICATE_PIN_N];
};

void certificate_free(struct certificate *c)
{
	if (!c)
		return;
	X509_free(c->x509);
	EVP_PKEY_free(c->key);
	sk_X509_pop_free(c->issuers, X509_free);
	free(c);
}

enum err certificate_pin_of(struct x509_st *x509, uint8_t out[CERTIFICATE_PIN_N])
{
	uint8_t *spki = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &spki);
	bool ok = n > 0 && EVP_Digest(spki, (size_t)n, out, NULL, EVP_sha256(), NULL) == 1;

	OPENSSL_free(spki);
	ERR_clear_error();
	return ok ? ERR_NONE : ERR_SYNTAX;
}

/* Seconds since 1970 of an ASN.1 time. */
static bool asn1_time(const ASN1_TIME *t, usec *out)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days = 0, seconds = 0;
	bool ok = epoch && ASN1_TIME_diff(&days, &seconds, epoch, t) == 1;

	ASN1_TIME_free(epoch);
	if (ok)
		*out = ((usec)days * 86400 + seconds) * USEC_PER_SEC;
	return ok;
}

/* What never changes is computed once. */
static enum err settle(struct certificate *c)
{
	if (!asn1_time(X509_get0_notAfter(c->x509), &c->not_after))
		return ERR_SYNTAX;
	return certificate_pin_of(c->x509, c->pin);
}

static bool name_is_good(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return s.n > 0;
}

static bool add_host(GENERAL_NAMES *names, str host)
{
	char text[256];
	GENERAL_NAME *name;

	if (!str_copy_z(host, text, sizeof(text)))
		return false;
	ASN1_OCTET_STRING *ip = a2i_IPADDRESS(text);
	name = GENERAL_NAME_new();
	if (name && ip) {
		GENERAL_NAME_set0_value(name, GEN_IPADD, ip);
	} else if (name) {
		ASN1_IA5STRING *dns = ASN1_IA5STRING_new();
		if (!dns || ASN1_STRING_set(dns, text, (int)host.n) != 1) {
			ASN1_IA5STRING_free(dns);
			GENERAL_NAME_free(name);
			return false;
		}
		GENERAL_NAME_set0_value(name, GEN_DNS, dns);
	}
	if (!name || sk_GENERAL_NAME_push(names, name) <= 0) {
		GENERAL_NAME_free(name);
		return false;
	}
	return true;
}

static bool add_hosts(X509 *x509, const str *hosts, size_t n)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	bool ok = names != NULL;

	for (size_t i = 0; ok && i < n; i++)
		ok = add_host(names, hosts[i]);
	ok = ok && (n == 0 || X509_add1_ext_i2d(x509, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1);
	GENERAL_NAMES_free(names);
	return ok;
}

/* 127 random bits, positive (RFC 5280 4.1.2.2). */
static bool set_serial(X509 *x509)
{
	BIGNUM *number = BN_new();
	bool ok = number && BN_rand(number, 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
		  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509)) != NULL;

	BN_free(number);
	return ok;
}

static bool fill(X509 *x509, EVP_PKEY *key, const struct certificate_setup *setup)
{
	X509_NAME *name = X509_get_subject_name(x509);

	return X509_set_version(x509, X509_VERSION_3) == 1 && set_serial(x509) &&
	       X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, (const uint8_t *)setup->name.p,
					  (int)setup->name.n, -1, 0) == 1 &&
	       X509_set_issuer_name(x509, name) == 1 &&
	       ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)(setup->not_before / USEC_PER_SEC)) &&
	       ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)(setup->not_after / USEC_PER_SEC)) &&
	       X509_set_pubkey(x509, key) == 1 && add_hosts(x509, setup->hosts, setup->host_n) &&
	       X509_sign(x509, key, setup->pair ? NULL : EVP_sha256()) > 0;
}

enum err certificate_make(const struct certificate_setup *setup, struct certificate **out)
{
	if (setup->name.n > NAME_MAX_N || setup->host_n > HOSTS_MAX)
		return ERR_LIMIT;
	if (!name_is_good(setup->name) || setup->not_after <= setup->not_before)
		return ERR_SYNTAX;
	for (size_t i = 0; i < setup->host_n; i++)
		if (!name_is_good(setup->hosts[i]) || setup->hosts[i].n > 255)
			return ERR_SYNTAX;

	struct certificate *c = calloc(1, sizeof(*c));
	if (!c)
		return ERR_MEMORY;
	c->key = setup->pair ? EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, setup->pair->seed, SIGN_SEED_N)
			     : EVP_EC_gen("P-256");
	c->x509 = X509_new();
	enum err err = c->key && c->x509 && fill(c->x509, c->key, setup) ? settle(c) : ERR_MEMORY;
	ERR_clear_error();
	if (err != ERR_NONE) {
		certificate_free(c);
		return err;
	}
	*out = c;
	return ERR_NONE;
}

static int no_passphrase(char *text, int n, int writing, void *self)
{
	(void)text, (void)n, (void)writing, (void)self;
	return -1; /* or OpenSSL would ask the terminal */
}

static bool read_issuers(struct certificate *c, BIO *bio)
{
	X509 *next;

	while ((next = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL))) {
		if (!c->issuers)
			c->issuers = sk_X509_new_null();
		if (!c->issuers || sk_X509_num(c->issuers) >= HOSTS_MAX || sk_X509_push(c->issuers, next) <= 0) {
			X509_free(next);
			return false;
		}
	}
	return true;
}

enum err certificate_parse(str pem, str key_pem, struct certificate **out)
{
	if (pem.n > CERTIFICATE_PEM_MAX || key_pem.n > CERTIFICATE_PEM_MAX)
		return ERR_LIMIT;
	struct certificate *c = calloc(1, sizeof(*c));
	BIO *certs = BIO_new_mem_buf(pem.p ? pem.p : "", (int)pem.n);
	BIO *key = BIO_new_mem_buf(key_pem.p ? key_pem.p : "", (int)key_pem.n);
	enum err err = ERR_MEMORY;

	if (c && certs && key) {
		c->x509 = PEM_read_bio_X509(certs, NULL, no_passphrase, NULL);
		c->key = PEM_read_bio_PrivateKey(key, NULL, no_passphrase, NULL);
		if (!c->x509 || !c->key)
			err = ERR_SYNTAX;
		else if (X509_check_private_key(c->x509, c->key) != 1)
			err = ERR_REFUSED;
		else
			err = read_issuers(c, certs) ? settle(c) : ERR_LIMIT;
	}
	BIO_free(certs);
	BIO_free(key);
	ERR_clear_error();
	if (err != ERR_NONE) {
		certificate_free(c);
		return err;
	}
	*out = c;
	return ERR_NONE;
}

static void drain(BIO *bio, bool ok, struct buf *out)
{
	char *p = NULL;
	long n = bio && ok ? BIO_get_mem_data(bio, &p) : -1;

	if (n >= 0)
		buf_put_bytes(out, p, (size_t)n);
	else if (buf_ok(out))
		out->err = ERR_MEMORY;
	BIO_free(bio);
}

void certificate_write_pem(const struct certificate *c, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	bool ok = bio && PEM_write_bio_X509(bio, c->x509) == 1;

	for (int i = 0; ok && i < sk_X509_num(c->issuers); i++)
		ok = PEM_write_bio_X509(bio, sk_X509_value(c->issuers, i)) == 1;
	drain(bio, ok, out);
}

void certificate_write_key_pem(const struct certificate *c, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_secmem());

	drain(bio, bio && PEM_write_bio_PKCS8PrivateKey(bio, c->key, NULL, NULL, 0, NULL, NULL) == 1, out);
}

usec certificate_not_after(const struct certificate *c)
{
	return c->not_after;
}

void certificate_pin(const struct certificate *c, uint8_t out[CERTIFICATE_PIN_N])
{
	memcpy(out, c->pin, CERTIFICATE_PIN_N);
}

void certificate_write_pin(const uint8_t pin[CERTIFICATE_PIN_N], struct buf *out)
{
	buf_put(out, STR("sha256:"));
	buf_put_hex(out, pin, CERTIFICATE_PIN_N);
}
