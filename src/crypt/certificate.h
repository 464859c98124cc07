/*
 * crypt/certificate.h - an X.509 certificate with its private key (RFC 5280), for TLS and DTLS.
 *
 * Self-signed ones are made here; others come as PEM. Trust is either the usual
 * (issuer and name, judged by the TLS library) or a pin: the SHA-256 of the public
 * key (SPKI, RFC 7858 4.2, so a renewed certificate with the same key stays trusted). The fingerprint
 * that SDP carries is of the whole certificate (RFC 8122): net/dtls has it. Our own certificates of the overlay are in
 * overlay/.
 *
 * Memory: made by certificate_make / _parse, ended by certificate_free; counted
 * inside OpenSSL, so contexts it was used in may outlive it. Thread: read-only once
 * made, so several may use it.
 */
#ifndef CRYPT_CERTIFICATE_H
#define CRYPT_CERTIFICATE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/time.h"
#include "crypt/sign.h"

#define CERTIFICATE_PIN_N   32
#define CERTIFICATE_PEM_MAX 65536 /* bytes of a PEM that are looked at */

struct x509_st; /* X509 */
struct certificate;

struct certificate_setup {
	const struct sign_pair
		*pair;              /* Ed25519 with this key; NULL: a new P-256 key (what browsers and phones speak) */
	str name;                   /* common name, 1 .. 64 bytes */
	const str *hosts;           /* subjectAltName: DNS names and IP addresses, as text; may be none */
	size_t host_n;              /* at most 16 */
	usec not_before, not_after; /* whole seconds count; not_after > not_before */
};

/* Self-signed, with the serial and the P-256 key from OpenSSL's generator. ERR_LIMIT, ERR_SYNTAX (names), ERR_MEMORY.
 */
MUST_CHECK enum err certificate_make(const struct certificate_setup *, struct certificate **out);
/* `pem`: the certificate, then those of its issuers, if any; `key_pem`: its private key, not encrypted. They may be the
 * same text. ERR_SYNTAX: no such PEM; ERR_REFUSED: the key is another certificate's; ERR_LIMIT, ERR_MEMORY. */
MUST_CHECK enum err certificate_parse(str pem, str key_pem, struct certificate **out);
void certificate_free(struct certificate *);

void certificate_write_pem(const struct certificate *, struct buf *);     /* certificate and issuers */
void certificate_write_key_pem(const struct certificate *, struct buf *); /* PKCS #8; the buf holds a secret then */

usec certificate_not_after(const struct certificate *);
void certificate_pin(const struct certificate *, uint8_t out[CERTIFICATE_PIN_N]);

/* The same of a peer's certificate, as TLS and DTLS give it. ERR_MEMORY, ERR_SYNTAX. */
MUST_CHECK enum err certificate_pin_of(struct x509_st *, uint8_t out[CERTIFICATE_PIN_N]);

/* "sha256:" and 64 hex digits: how HOST_OPEN.name pins a server. */
void certificate_write_pin(const uint8_t pin[CERTIFICATE_PIN_N], struct buf *);

#endif
