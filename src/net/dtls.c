#include "net/dtls.h"

#include "base/buf.h"
#include "crypt/openssl.h"

#include <assert.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#define OUT_MAX     ((size_t)32768)
#define RTO_UNKNOWN (400 * USEC_PER_MS) /* RFC 6347 4.2.4.1 lets real-time uses go below its 1 s */
#define RTO_MIN     (50 * USEC_PER_MS)
#define RTO_MAX     (2 * USEC_PER_SEC)
#define ATTEMPT_MAX 8 /* handshakes of the active side, and failed ones of the passive side that cost us a start */
#define COOKIE_N    16
#define ALERT_GRACE (5 * USEC_PER_SEC)
#define RECORD_N    13 /* RFC 6347 4.1: the header of a record */
#define HELLO_AT    (RECORD_N + 12)
#define RANDOM_N    32

/* --- identity --- */

struct dtls_identity {
	unsigned refs; /* by atomic steps: the only thing in here that changes */
	SSL_CTX *ctx;
	BIO_METHOD *bio;
	uint8_t fingerprint[DTLS_FINGERPRINT_N];
};

/* A datagram's way through OpenSSL and back; see struct dtls below. */
static int bio_read(BIO *, char *, int);
static int bio_write(BIO *, const char *, int);
static long bio_ctrl(BIO *, int command, long number, void *);
static int verify(X509_STORE_CTX *, void *);
static int cookie_make(SSL *, unsigned char *, unsigned *);
static int cookie_check(SSL *, const unsigned char *, unsigned);

static X509 *self_signed(EVP_PKEY *key, usec now)
{
	X509 *x = X509_new();
	time_t from = (time_t)(now / USEC_PER_SEC) - 86400, to = from + 31 * 86400;
	uint64_t serial = 0;

	if (!x || RAND_bytes((unsigned char *)&serial, sizeof(serial)) != 1)
		goto fail;
	X509_NAME *name = X509_get_subject_name(x);
	if (!X509_set_version(x, 2) || !ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial >> 1 | 1) ||
	    !ASN1_TIME_set(X509_getm_notBefore(x), from) || !ASN1_TIME_set(X509_getm_notAfter(x), to) ||
	    !X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"media", -1, -1, 0) ||
	    !X509_set_issuer_name(x, name) || !X509_set_pubkey(x, key) || X509_sign(x, key, EVP_sha256()) <= 0)
		goto fail;
	return x;
fail:
	X509_free(x);
	return NULL;
}

static bool set_rules(SSL_CTX *ctx)
{
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_QUERY_MTU |
					 SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, verify, NULL);
	SSL_CTX_set_cookie_generate_cb(ctx, cookie_make);
	SSL_CTX_set_cookie_verify_cb(ctx, cookie_check);
	return SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION) == 1 &&
	       SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384") == 1 &&
	       SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE-ECDSA-AES128-SHA") == 1 &&
	       SSL_CTX_set_tlsext_use_srtp(ctx, "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80") == 0;
}

static BIO_METHOD *bio_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "tandem dtls");

	if (m && BIO_meth_set_read(m, bio_read) && BIO_meth_set_write(m, bio_write) && BIO_meth_set_ctrl(m, bio_ctrl))
		return m;
	BIO_meth_free(m);
	return NULL;
}

struct dtls_identity *dtls_identity_new(usec now)
{
	struct dtls_identity *i = calloc(1, sizeof(*i));
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = key ? self_signed(key, now) : NULL;
	bool ok = false;

	if (i && x) {
		i->refs = 1;
		i->ctx = SSL_CTX_new(DTLS_method());
		i->bio = bio_method();
		ok = i->ctx && i->bio && set_rules(i->ctx) && SSL_CTX_use_certificate(i->ctx, x) == 1 &&
		     SSL_CTX_use_PrivateKey(i->ctx, key) == 1 &&
		     X509_digest(x, EVP_sha256(), i->fingerprint, NULL) == 1;
	}
	X509_free(x);
	EVP_PKEY_free(key);
	ERR_clear_error();
	if (ok)
		return i;
	if (i) {
		i->refs = 1;
		dtls_identity_unref(i);
	}
	return NULL;
}

struct dtls_identity *dtls_identity_ref(struct dtls_identity *i)
{
	__atomic_fetch_add(&i->refs, 1, __ATOMIC_RELAXED);
	return i;
}

void dtls_identity_unref(struct dtls_identity *i)
{
	if (!i || __atomic_fetch_sub(&i->refs, 1, __ATOMIC_ACQ_REL) != 1)
		return;
	SSL_CTX_free(i->ctx);
	BIO_meth_free(i->bio);
	free(i);
}

const uint8_t *dtls_identity_fingerprint(const struct dtls_identity *i)
{
	return i->fingerprint;
}

/* --- one association --- */

enum state {
	SHAKING,
	UNPROVED, /* the handshake is through, the fingerprint not yet known */
	STANDING,
	ENDED,
};

struct dtls {
	struct dtls_identity *identity;
	const struct log *log;
	enum dtls_role role;
	enum state state;
	size_t mtu;
	SSL *ssl;
	SSL *challenger; /* passive: answers further ClientHellos with a cookie, holds no state */
	bool heard;      /* passive: `ssl` has taken a ClientHello, with: */
	uint8_t random[RANDOM_N];
	uint16_t hello_seq;
	unsigned attempts;
	bool alerted;
	bool has_want;
	uint8_t want[DTLS_FINGERPRINT_N];
	uint8_t cookie[COOKIE_N];
	str in;
	struct buf out; /* datagrams, each behind its length as a size_t */
	size_t out_at;
	usec now, deadline, repeat_at, rto, rto_first;
	struct timeval *timer; /* OpenSSL's own, see bio_ctrl */
	enum err err;          /* why the last attempt failed */
	bool tell_connected, tell_end;
	struct dtls_keys keys;
};

static int bio_read(BIO *bio, char *to, int n)
{
	struct dtls *d = BIO_get_data(bio);
	size_t take = n > 0 && (size_t)n < d->in.n ? (size_t)n : d->in.n;

	BIO_clear_retry_flags(bio);
	if (take == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(to, d->in.p, take);
	d->in = STR_NONE; /* what a read leaves of a datagram is gone */
	return (int)take;
}

static int bio_write(BIO *bio, const char *p, int n)
{
	struct dtls *d = BIO_get_data(bio);
	size_t size = (size_t)n;

	BIO_clear_retry_flags(bio);
	if (n <= 0)
		return 0;
	/* Full: lost like any datagram, and repeated like one. */
	if (d->out.n + sizeof(size) + size <= OUT_MAX) {
		buf_put_bytes(&d->out, &size, sizeof(size));
		buf_put_bytes(&d->out, p, size);
	}
	return buf_ok(&d->out) ? n : -1;
}

static bool owns_timer(void)
{
	return OpenSSL_version_num() < 0x30200000UL;
}

/*
 * OpenSSL keeps its repeat timer by the clock of the machine. Up to 3.1 it shows the BIO the very
 * struct timeval that it will compare with that clock: we move it out of reach, keep the time
 * ourselves by `now`, and move it into the past when the repeat is due (dtls_tick). The alternative,
 * repeating the datagrams as they were, fails on the peer's replay window when its last flight is lost.
 */
static long bio_ctrl(BIO *bio, int command, long number, void *p)
{
	struct dtls *d = BIO_get_data(bio);

	(void)number;
	if (command == BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT) {
		struct timeval *at = p;

		d->repeat_at = at->tv_sec || at->tv_usec ? usec_add(d->now, d->rto) : USEC_NEVER;
		if (owns_timer() && d->repeat_at != USEC_NEVER) {
			at->tv_sec = INT32_MAX;
			d->timer = at;
		}
		return 1;
	}
	return command == BIO_CTRL_FLUSH;
}

/* RFC 6347 4.2.4.1 */
static unsigned next_rto(SSL *ssl, unsigned last_us)
{
	struct dtls *d = SSL_get_app_data(ssl);

	d->rto = last_us == 0 ? d->rto_first : d->rto * 2 < RTO_MAX ? d->rto * 2 : RTO_MAX;
	return (unsigned)d->rto;
}

static int cookie_make(SSL *ssl, unsigned char *cookie, unsigned *n)
{
	const struct dtls *d = SSL_get_app_data(ssl);

	memcpy(cookie, d->cookie, COOKIE_N); /* one secret for the one address we listen to */
	*n = COOKIE_N;
	return 1;
}

static int cookie_check(SSL *ssl, const unsigned char *cookie, unsigned n)
{
	const struct dtls *d = SSL_get_app_data(ssl);

	return n == COOKIE_N && CRYPTO_memcmp(cookie, d->cookie, COOKIE_N) == 0;
}

static bool proves(const struct dtls *d, X509 *certificate)
{
	uint8_t got[DTLS_FINGERPRINT_N];

	return certificate && X509_digest(certificate, EVP_sha256(), got, NULL) == 1 &&
	       memcmp(got, d->want, sizeof(got)) == 0;
}

static int verify(X509_STORE_CTX *store, void *unused)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct dtls *d = SSL_get_app_data(ssl);

	(void)unused;
	if (!d->has_want || proves(d, X509_STORE_CTX_get0_cert(store)))
		return 1; /* not known yet: shake_on() looks again */
	X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
	d->err = ERR_REFUSED;
	return 0;
}

static SSL *ssl_new(struct dtls *d)
{
	BIO *bio = BIO_new(d->identity->bio);
	SSL *ssl = bio ? SSL_new(d->identity->ctx) : NULL;

	if (!ssl) {
		BIO_free(bio);
		return NULL;
	}
	BIO_set_data(bio, d);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	SSL_set_app_data(ssl, d);
	SSL_set_mtu(ssl, (long)d->mtu);
	DTLS_set_timer_cb(ssl, next_rto);
	if (d->role == DTLS_ACTIVE)
		SSL_set_connect_state(ssl);
	else
		SSL_set_accept_state(ssl);
	return ssl;
}

static void end(struct dtls *d, enum err err)
{
	d->state = ENDED;
	d->err = err;
	d->tell_end = true;
	d->repeat_at = USEC_NEVER;
}

static void drop_out(struct dtls *d)
{
	buf_reset(&d->out);
	d->out_at = 0;
}

static void replace_ssl(struct dtls *d, SSL *ssl)
{
	SSL_free(d->ssl);
	d->ssl = ssl;
	d->timer = NULL;
	d->repeat_at = USEC_NEVER;
	d->heard = false;
}

static void shake_on(struct dtls *);

/* What failed may have been a stranger's doing, so it ends an attempt and not the association; nor do
 * we send the alert, which the true peer would take for an answer to its own. */
static void attempt_failed(struct dtls *d)
{
	unsigned long code = ERR_peek_error();

	if (!d->err)
		d->err = ERR_GET_REASON(code) == SSL_R_NO_SHARED_CIPHER ? ERR_UNSUPPORTED : ERR_SYNTAX;
	log_debug(d->log, "net.dtls attempt failed", "role=%s why=\"%s\"",
		  d->role == DTLS_ACTIVE ? "active" : "passive", err_text(d->err));
	drop_out(d);
	if (++d->attempts >= ATTEMPT_MAX && d->role == DTLS_ACTIVE) {
		end(d, d->err);
		return;
	}
	replace_ssl(d, d->attempts < ATTEMPT_MAX ? ssl_new(d) : NULL);
	if (d->role == DTLS_ACTIVE) {
		if (!d->ssl)
			end(d, ERR_MEMORY);
		else if (d->attempts > 1) /* not in a circle as quick as the peer can refuse */
			d->repeat_at = usec_add(d->now, d->rto_first << d->attempts);
		else
			shake_on(d);
	}
}

/* RFC 5764 4.2: client key, server key, client salt, server salt. */
static bool take_keys(struct dtls *d)
{
	static const char label[] = "EXTRACTOR-dtls_srtp";
	SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile(d->ssl);
	struct dtls_keys *k = &d->keys;
	uint8_t m[60], *client_key, *client_salt, *server_key, *server_salt;

	if (!profile)
		return false;
	k->profile = (enum dtls_profile)profile->id;
	k->key_n = 16;
	k->salt_n = k->profile == DTLS_SRTP_AEAD_AES_128_GCM ? 12 : 14;
	if (SSL_export_keying_material(d->ssl, m, 2 * (k->key_n + k->salt_n), label, sizeof(label) - 1, NULL, 0, 0) !=
	    1)
		return false;
	bool active = d->role == DTLS_ACTIVE;
	client_key = active ? k->local_key : k->remote_key;
	server_key = active ? k->remote_key : k->local_key;
	client_salt = active ? k->local_salt : k->remote_salt;
	server_salt = active ? k->remote_salt : k->local_salt;
	memcpy(client_key, m, 16);
	memcpy(server_key, m + 16, 16);
	memcpy(client_salt, m + 32, k->salt_n);
	memcpy(server_salt, m + 32 + k->salt_n, k->salt_n);
	OPENSSL_cleanse(m, sizeof(m));
	return true;
}

static void shaken(struct dtls *d)
{
	if (!d->has_want) {
		d->state = UNPROVED;
		return;
	}
	if (!proves(d, SSL_get0_peer_certificate(d->ssl))) {
		d->err = ERR_REFUSED;
		d->state = SHAKING;
		attempt_failed(d);
	} else if (!take_keys(d)) {
		d->err = ERR_UNSUPPORTED;
		d->state = SHAKING;
		attempt_failed(d);
	} else {
		d->state = STANDING;
		d->tell_connected = true;
		SSL_free(d->challenger);
		d->challenger = NULL;
	}
}

static void shake_on(struct dtls *d)
{
	int done;

	if (!d->ssl)
		return;
	ERR_clear_error();
	d->err = ERR_NONE;
	done = SSL_do_handshake(d->ssl);
	if (done == 1)
		shaken(d);
	else if (SSL_get_error(d->ssl, done) != SSL_ERROR_WANT_READ)
		attempt_failed(d);
}

struct dtls *dtls_new(const struct dtls_settings *s, usec now)
{
	struct dtls *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->identity = dtls_identity_ref(s->identity);
	d->log = s->log;
	d->role = s->role;
	d->mtu = s->mtu ? s->mtu : DTLS_MTU;
	d->now = now;
	d->deadline = usec_add(now, s->timeout ? s->timeout : 30 * USEC_PER_SEC);
	d->repeat_at = USEC_NEVER;
	d->rto_first = s->rtt == 0 ? RTO_UNKNOWN : s->rtt * 2 + RTO_MIN < RTO_MAX ? s->rtt * 2 + RTO_MIN : RTO_MAX;
	buf_init_grow(&d->out, OUT_MAX);
	assert(d->mtu >= 256);
	d->ssl = ssl_new(d);
	if (!d->ssl || RAND_bytes(d->cookie, COOKIE_N) != 1) {
		dtls_free(d);
		return NULL;
	}
	if (d->role == DTLS_ACTIVE)
		shake_on(d);
	return d;
}

void dtls_free(struct dtls *d)
{
	if (!d)
		return;
	SSL_free(d->ssl);
	SSL_free(d->challenger);
	dtls_identity_unref(d->identity);
	buf_free(&d->out);
	ERR_clear_error();
	OPENSSL_cleanse(d, sizeof(*d));
	free(d);
}

enum err dtls_set_fingerprint(struct dtls *d, const uint8_t fingerprint[DTLS_FINGERPRINT_N], usec now)
{
	if (d->has_want)
		return memcmp(d->want, fingerprint, DTLS_FINGERPRINT_N) == 0 ? ERR_NONE : ERR_EXISTS;
	d->now = now;
	memcpy(d->want, fingerprint, DTLS_FINGERPRINT_N);
	d->has_want = true;
	if (d->state == UNPROVED)
		shaken(d);
	return ERR_NONE;
}

/* The start of a ClientHello (RFC 6347 4.2.2) in a datagram of its own. */
static bool is_hello(str datagram, const uint8_t **random, uint16_t *seq)
{
	const uint8_t *p = (const uint8_t *)datagram.p;

	if (datagram.n < HELLO_AT + 2 + RANDOM_N || p[0] != 22 || p[3] || p[4] || p[RECORD_N] != 1)
		return false;
	if (p[RECORD_N + 6] || p[RECORD_N + 7] || p[RECORD_N + 8]) /* not its first fragment */
		return false;
	*seq = (uint16_t)(p[RECORD_N + 4] << 8 | p[RECORD_N + 5]);
	*random = p + HELLO_AT + 2;
	return true;
}

/* Another ClientHello than the one being answered: only who brings the cookie back is heard. */
static void challenge(struct dtls *d, const uint8_t *random, uint16_t seq)
{
	BIO_ADDR *from = BIO_ADDR_new();
	usec repeat_at = d->repeat_at;

	if (!d->challenger)
		d->challenger = ssl_new(d);
	if (from && d->challenger && DTLSv1_listen(d->challenger, from) == 1) {
		replace_ssl(d, d->challenger);
		d->challenger = NULL;
		d->heard = true;
		memcpy(d->random, random, RANDOM_N);
		d->hello_seq = seq;
		drop_out(d); /* what was meant for the other one */
		shake_on(d);
	} else {
		d->repeat_at = repeat_at;
	}
	BIO_ADDR_free(from);
}

static bool is_another_hello(struct dtls *d, str datagram)
{
	const uint8_t *random;
	uint16_t seq;

	if (d->role != DTLS_PASSIVE || !is_hello(datagram, &random, &seq))
		return false;
	if (d->heard ? seq != d->hello_seq || memcmp(random, d->random, RANDOM_N) != 0 : !d->ssl) {
		challenge(d, random, seq);
		return true;
	}
	d->heard = true;
	memcpy(d->random, random, RANDOM_N);
	d->hello_seq = seq;
	return false;
}

/* Nothing but close_notify and repeated last flights is expected here. */
static void read_standing(struct dtls *d)
{
	char scratch[256];
	int done;

	ERR_clear_error();
	while ((done = SSL_read(d->ssl, scratch, sizeof(scratch))) > 0)
		;
	if (SSL_get_error(d->ssl, done) == SSL_ERROR_ZERO_RETURN)
		end(d, ERR_NONE);
}

/* The datagram up to its first alert that anybody may have written (epoch 0). Such an alert only
 * shortens our patience: the handshake may still come through. */
static str without_alerts(struct dtls *d, str datagram)
{
	const uint8_t *p = (const uint8_t *)datagram.p;

	for (size_t at = 0; at + RECORD_N <= datagram.n; at += RECORD_N + (size_t)(p[at + 11] << 8 | p[at + 12]))
		if (p[at] == 21 && p[at + 3] == 0 && p[at + 4] == 0) {
			d->deadline = usec_min(d->deadline, usec_add(d->now, ALERT_GRACE));
			d->alerted = true;
			return str_head(datagram, at);
		}
	return datagram;
}

void dtls_recv(struct dtls *d, str datagram, usec now)
{
	if (d->state == ENDED || datagram.n == 0)
		return;
	d->now = now;
	d->in = d->state == SHAKING ? without_alerts(d, datagram) : datagram;
	if (d->state == STANDING || d->state == UNPROVED)
		read_standing(d);
	else if (d->in.n && !is_another_hello(d, d->in) && (d->role == DTLS_ACTIVE || d->heard))
		shake_on(d);
	d->in = STR_NONE;
}

static void repeat(struct dtls *d)
{
	if (SSL_in_before(d->ssl)) { /* the active side's next attempt */
		d->repeat_at = USEC_NEVER;
		shake_on(d);
		return;
	}
	if (d->timer)
		*d->timer = (struct timeval){ .tv_sec = 1 };
	d->repeat_at = usec_add(d->now, 5 * USEC_PER_MS); /* where OpenSSL's clock thinks it early */
	ERR_clear_error();
	d->err = ERR_NONE;
	if (DTLSv1_handle_timeout(d->ssl) < 0)
		attempt_failed(d);
}

void dtls_tick(struct dtls *d, usec now)
{
	d->now = now;
	if (d->state == ENDED || d->state == STANDING)
		return;
	if (now >= d->deadline)
		end(d, d->err ? d->err : d->alerted ? ERR_REFUSED : ERR_TIMEOUT);
	else if (d->repeat_at <= now && d->ssl)
		repeat(d);
}

usec dtls_due(const struct dtls *d)
{
	if (d->state == ENDED || d->state == STANDING)
		return USEC_NEVER;
	return usec_min(d->deadline, d->repeat_at);
}

void dtls_close(struct dtls *d)
{
	if (d->state == ENDED)
		return;
	ERR_clear_error();
	if (d->state == STANDING)
		SSL_shutdown(d->ssl);
	end(d, ERR_NONE);
}

bool dtls_next(struct dtls *d, struct dtls_do *out)
{
	if (d->out_at < d->out.n) {
		size_t n;

		memcpy(&n, d->out.p + d->out_at, sizeof(n));
		*out = (struct dtls_do){ .kind = DTLS_SEND, .bytes = { d->out.p + d->out_at + sizeof(n), n } };
		d->out_at += sizeof(n) + n;
		return true;
	}
	buf_free(&d->out);
	d->out_at = 0;
	if (d->tell_connected) {
		d->tell_connected = false;
		*out = (struct dtls_do){ .kind = DTLS_CONNECTED, .keys = &d->keys };
		return true;
	}
	if (d->tell_end) {
		d->tell_end = false;
		*out = (struct dtls_do){ .kind = d->err ? DTLS_FAILED : DTLS_CLOSED, .err = d->err };
		return true;
	}
	return false;
}
