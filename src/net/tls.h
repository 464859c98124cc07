/*
 * net/tls.h - one TLS connection without a socket: bytes in, bytes out, clear text both ways.
 *
 * TLS 1.2 and 1.3 by OpenSSL over a BIO of ours that reads straight from the bytes handed in. The
 * owner (io) moves the bytes:
 *
 *     tls_recv(t, bytes, now);                  what came from the wire
 *     while (tls_next(t, scratch, n, &out))     what to do now, until QUIET
 *             TLS_SEND, TLS_READY, TLS_CLEAR, TLS_CLOSED
 *
 * A client that was given a name goes on only if the certificate chains to a trust anchor and bears
 * that name; given a pin "sha256:HEX" (SHA-256 of the SubjectPublicKeyInfo, 64 hex digits) it asks
 * for exactly that key, and no anchor is needed. Names match as in RFC 5922 7.1: uniformResourceIdentifier
 * "sip:NAME", and only where there is none of those dNSName; for an address iPAddress; never the common name
 * (which 7.1 merely allows, for certificates that nobody makes any more). Certificates are judged by `now`; OpenSSL's
 * own clock decides only how long a session ticket lasts. A server's ticket (TLS 1.3) goes with the first clear text
 * that it sends, in the same TLS_SEND: a connection on which it never says anything gets none.
 *
 * Memory: an idle connection holds no record buffers (tls_bench.c prints the bytes). Threads:
 * struct tls_credentials is immutable and counted, and may be shared by all threads; struct tls
 * belongs to one.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/time.h"

struct x509_st;     /* OpenSSL's X509 */
struct evp_pkey_st; /* OpenSSL's EVP_PKEY */
struct tls;
struct tls_credentials;
struct tls_session;

#define TLS_BINDING_N 32
#define TLS_PIN_N     71 /* "sha256:" and 64 hex digits */
#define TLS_ALPN_MAX  8
/* Ciphertext that may wait for tls_next(); tls_send() answers ERR_FULL above it. */
#define TLS_OUT_MAX ((size_t)1 << 20)

enum tls_version { TLS_1_2 = 12, TLS_1_3 = 13 };
enum tls_ask { TLS_ASK_NOTHING, TLS_ASK_CERTIFICATE, TLS_REQUIRE_CERTIFICATE };

struct tls_settings {
	str certificate_pem; /* the leaf, then its chain, all of it; empty where a client shows none */
	str key_pem;
	struct x509_st *certificate; /* instead of PEM; counted, so the caller keeps and frees its own */
	struct evp_pkey_st *key;
	str trust_pem;            /* anchors; empty: nobody is trusted but by a pin */
	bool hide_trust;          /* server: clients are not told the names of the anchors (RFC 8446 4.2.4) */
	const str *alpn;          /* protocol names in order of preference; NULL: no ALPN */
	size_t alpn_n;            /* at most TLS_ALPN_MAX */
	enum tls_version minimum; /* 0: TLS_1_2 */
	/* Server: does it ask clients for a certificate? One that is shown must chain to trust_pem,
	 * or, with `any_client`, is taken as it is: the owner judges by tls_peer(). */
	enum tls_ask ask;
	bool any_client;
	bool wildcards; /* let "*.example.org" match one label (RFC 9525 6.3; RFC 5922 7.2 forbids it for SIP) */
};

/* NULL and *why: ERR_SYNTAX (no PEM in there), ERR_REFUSED (key and certificate do not fit, or a key
 * too weak), ERR_LIMIT, ERR_MEMORY. `before` (may be NULL): the set that this one replaces; its ticket
 * keys are kept, so that sessions survive a reload. To reload: make a new set, give it to new
 * connections, unref the old one; running connections keep theirs. */
struct tls_credentials *tls_credentials_new(const struct tls_settings *, const struct tls_credentials *before,
					    enum err *why);
/* Safe from any thread. */
struct tls_credentials *tls_credentials_ref(struct tls_credentials *);
void tls_credentials_unref(struct tls_credentials *); /* NULL is harmless */
/* The pin of our own certificate, "sha256:HEX", ended with NUL; false where the set has none. */
bool tls_credentials_pin(const struct tls_credentials *, char out[TLS_PIN_N + 1]);
/* When our certificate ends; USEC_NEVER where the set has none. */
usec tls_credentials_expires(const struct tls_credentials *);

/* A client; takes a reference to the credentials. `name` is copied: DNS name, IP address or pin;
 * empty: anyone is good enough (only where the owner checks tls_peer() itself). `session` (may be
 * NULL): resume it; the certificate in it is checked again. NULL: no memory, or `name` above 253 bytes. */
struct tls *tls_connect(struct tls_credentials *, str name, struct tls_session *session, usec now);
struct tls *tls_accept(struct tls_credentials *, usec now);
void tls_free(struct tls *);

/* Bytes from the wire, any pieces. They must stay where they are until tls_next() answers QUIET. */
void tls_recv(struct tls *, str bytes, usec now);
/* The wire has ended (ERR_NONE: in order): CLOSED follows, with ERR_CLOSED if no close_notify came before. */
void tls_end(struct tls *, enum err);
/* Clear text to the peer, whole or not at all; it leaves by TLS_SEND. ERR_STATE before READY and after
 * tls_close(), ERR_FULL, ERR_CLOSED. */
MUST_CHECK enum err tls_send(struct tls *, str clear);
/* Says close_notify. CLOSED follows at once; what was sent before still leaves. */
void tls_close(struct tls *);

enum tls_do_kind {
	TLS_SEND = 1, /* `bytes` to the wire; valid until the next call of any tls_* on this connection */
	TLS_READY,    /* the handshake is through and the peer is who it should be; tls_send() works */
	TLS_CLEAR,    /* `bytes` of clear text, in the scratch buffer */
	TLS_CLOSED,   /* the last one: drop the wire. `err`, and `why` in words, until tls_free() */
};

struct tls_do {
	enum tls_do_kind kind;
	str bytes;
	/* ERR_NONE close_notify came or was said; ERR_CLOSED cut off; ERR_REFUSED the peer did not prove
	 * its name or we ours; ERR_EXPIRED its certificate is out of date; ERR_SYNTAX no TLS;
	 * ERR_UNSUPPORTED no version or cipher in common; ERR_FORGED; ERR_MEMORY. */
	enum err err;
	const char *why;
};

/* false: QUIET. `scratch` (n >= 1024, 16384 is best) may be shared by all connections of a thread. */
bool tls_next(struct tls *, void *scratch, size_t n, struct tls_do *out);

/* After READY: */
/* RFC 9266 tls-exporter: the same at both ends of the connection and nowhere else. ERR_STATE. */
MUST_CHECK enum err tls_binding(const struct tls *, uint8_t out[TLS_BINDING_N]);

struct tls_peer {
	char pin[TLS_PIN_N + 1]; /* of the peer's key; "" where it showed no certificate */
	str certificate_der;     /* valid until the connection ends */
	usec expires;            /* USEC_NEVER without a certificate */
	str alpn;                /* the protocol agreed on, or empty */
	const char *cipher;      /* "TLS_AES_128_GCM_SHA256" */
	enum tls_version version;
	bool resumed;
	bool verified; /* its chain led to an anchor (never so by pin alone) */
};
MUST_CHECK enum err tls_peer(struct tls *, struct tls_peer *out); /* ERR_STATE, ERR_MEMORY */
/* The SIP domains that the peer's certificate speaks for (RFC 5922 7.1), in lower case, with blanks between; as many as
 * fit. Nothing where its chain did not lead to an anchor, or before READY. */
void tls_proved(const struct tls *, struct buf *out);

/* Client: the newest ticket, for tls_connect() to the same name; NULL: none came yet. It is taken out. */
struct tls_session *tls_session_take(struct tls *);
void tls_session_free(struct tls_session *); /* NULL is harmless */

#endif
