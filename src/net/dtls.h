/*
 * net/dtls.h - one DTLS-SRTP association: agrees on SRTP keys with the holder of one fingerprint.
 *
 * DTLS 1.2 by OpenSSL over a datagram BIO of ours, with use_srtp (RFC 5764), certificates judged by
 * nothing but the SHA-256 fingerprint that signalling brought (RFC 8122), roles by a=setup (RFC 5763 5.).
 *
 * Whom to listen to is the owner's knowledge: it hands in only datagrams from a source that ICE has
 * validated. A forged ClientHello from that very address still does no harm: while nobody has proved
 * the fingerprint, a second and different ClientHello is answered with a cookie (RFC 6347 4.2.1), and
 * only who brings it back takes over; a handshake that fails is dropped and the next one awaited.
 * An association that stands ignores all handshakes.
 *
 * Bytes may come before the fingerprint is known (an answer overtaken by media): the handshake then
 * goes on and CONNECTED waits for dtls_set_fingerprint().
 *
 * Time: OpenSSL 3.0 and 3.1 repeat flights by `now` alone; later ones hide their timer, so that
 * repeats there also need the time of the machine to pass.
 *
 * Threads: struct dtls_identity is immutable and counted and may be shared; struct dtls has one.
 */
#ifndef NET_DTLS_H
#define NET_DTLS_H

#include "base/err.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/str.h"
#include "base/time.h"

struct dtls;
struct dtls_identity;

#define DTLS_FINGERPRINT_N 32
#define DTLS_MTU           1200 /* bytes of a datagram at most (UDP payload) */

enum dtls_role { DTLS_ACTIVE = 1, DTLS_PASSIVE };

/* RFC 5764 4.1.2, RFC 7714 14.2; the numbers are those of the wire. */
enum dtls_profile { DTLS_SRTP_AES128_CM_SHA1_80 = 0x0001, DTLS_SRTP_AEAD_AES_128_GCM = 0x0007 };

/* What SRTP needs. Key then salt, each side as it protects what it sends. */
struct dtls_keys {
	enum dtls_profile profile;
	size_t key_n, salt_n; /* 16 and 14, or 16 and 12 */
	uint8_t local_key[16], local_salt[14];
	uint8_t remote_key[16], remote_salt[14];
};

/* A fresh P-256 key and a self-signed certificate that names nobody, good for 30 days. NULL: no memory. */
struct dtls_identity *dtls_identity_new(usec now);
struct dtls_identity *dtls_identity_ref(struct dtls_identity *);        /* safe from any thread */
void dtls_identity_unref(struct dtls_identity *);                       /* NULL is harmless */
const uint8_t *dtls_identity_fingerprint(const struct dtls_identity *); /* DTLS_FINGERPRINT_N bytes */

struct dtls_settings {
	struct dtls_identity *identity;
	enum dtls_role role;
	size_t mtu;            /* 0: DTLS_MTU; at least 256 */
	usec timeout;          /* no CONNECTED by then: FAILED; 0: 30 s */
	usec rtt;              /* of the path, as ICE measured it, for the first repeat; 0: unknown */
	const struct log *log; /* may be NULL */
};

/* ACTIVE says ClientHello at once: make it when the path can carry it. NULL: no memory. */
struct dtls *dtls_new(const struct dtls_settings *, usec now);
void dtls_free(struct dtls *); /* wipes the keys; NULL is harmless */
/* What the peer's certificate must be. Once; a second, different one: ERR_EXISTS. */
MUST_CHECK enum err dtls_set_fingerprint(struct dtls *, const uint8_t fingerprint[DTLS_FINGERPRINT_N], usec now);
/* A datagram that demux says is DTLS, from a validated source; read before it returns. */
void dtls_recv(struct dtls *, str datagram, usec now);
void dtls_tick(struct dtls *, usec now);
usec dtls_due(const struct dtls *);
/* Says close_notify; CLOSED follows. */
void dtls_close(struct dtls *);

enum dtls_do_kind {
	DTLS_SEND = 1,  /* `bytes`, one datagram of at most mtu bytes; valid until the next call */
	DTLS_CONNECTED, /* the peer has proved the fingerprint; `keys` valid until dtls_free() */
	DTLS_FAILED, /* the end: ERR_TIMEOUT, ERR_REFUSED (wrong fingerprint, or the peer said no), ERR_UNSUPPORTED (no
			SRTP profile in common), ERR_MEMORY */
	DTLS_CLOSED, /* the end: close_notify, by either side */
};

struct dtls_do {
	enum dtls_do_kind kind;
	str bytes;
	const struct dtls_keys *keys;
	enum err err;
};
bool dtls_next(struct dtls *, struct dtls_do *out); /* false: QUIET */

#endif
