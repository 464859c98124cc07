#include "net/tls.h"

#include "base/addr.h"
#include "base/buf.h"
#include "crypt/certificate.h"
#include "crypt/openssl.h"
#include "net/tls_names.h"
#include "net/tls_why.h"

#include <assert.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#define NAME_MAX_N  253
#define TICKET_KEYS 80 /* what OpenSSL's SSL_CTX_get_tlsext_ticket_keys hands out */

struct tls_credentials {
	unsigned refs; /* by atomic steps: the only thing in here that changes */
	SSL_CTX *ctx;
	BIO_METHOD *bio;
	enum tls_ask ask;
	bool any_client, wildcards;
	unsigned char alpn[TLS_ALPN_MAX * 64]; /* as on the wire (RFC 7301 3.1) */
	unsigned alpn_n;
};

enum state { HANDSHAKE, READY, CLOSING, ENDED };

struct tls {
	struct tls_credentials *credentials;
	SSL *ssl;
	enum state state;
	bool client;
	bool hungry;  /* OpenSSL may have more for us before the next bytes come */
	bool handed;  /* `out` was given out by TLS_SEND and may go */
	bool cut_off; /* the wire has ended */
	bool swollen; /* a ticket came, and OpenSSL holds on to the record buffer it did not need for it */
	bool owes_ticket;
	usec now;
	str in;
	struct buf out;
	enum err err; /* how it ended, or is about to */
	const char *why;
	char *said; /* `why`, where it is more than a fixed text */
	SSL_SESSION *session;
	unsigned char *der;
	size_t der_n;
	char name[NAME_MAX_N + 1];
};

/* --- the BIO: reads from t->in, writes to t->out --- */

static int bio_read(BIO *bio, char *to, int n)
{
	struct tls *t = BIO_get_data(bio);
	size_t take = n > 0 && (size_t)n < t->in.n ? (size_t)n : t->in.n;

	BIO_clear_retry_flags(bio);
	if (take == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(to, t->in.p, take);
	t->in = str_skip(t->in, take);
	return (int)take;
}

static int bio_write(BIO *bio, const char *p, int n)
{
	struct tls *t = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (n <= 0)
		return 0;
	buf_put_bytes(&t->out, p, (size_t)n);
	return buf_ok(&t->out) ? n : -1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *p)
{
	(void)bio, (void)number, (void)p;
	return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *bio_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "tandem tls");

	if (m && BIO_meth_set_read(m, bio_read) && BIO_meth_set_write(m, bio_write) && BIO_meth_set_ctrl(m, bio_ctrl))
		return m;
	BIO_meth_free(m);
	return NULL;
}

/* --- who is the peer --- */

static bool pin_write(X509 *certificate, char out[TLS_PIN_N + 1])
{
	uint8_t pin[CERTIFICATE_PIN_N];
	struct buf b;

	if (certificate_pin_of(certificate, pin) != ERR_NONE)
		return false;
	buf_init(&b, out, TLS_PIN_N + 1);
	certificate_write_pin(pin, &b);
	buf_put_char(&b, '\0');
	return buf_ok(&b);
}

static bool is_pin(const char *name)
{
	return strncmp(name, "sha256:", 7) == 0;
}

static bool bears_name(const struct tls *t, X509 *certificate)
{
	return tls_names_bear(certificate, str_from(t->name), t->credentials->wildcards);
}

void tls_proved(const struct tls *t, struct buf *out)
{
	X509 *certificate = t->state == HANDSHAKE ? NULL : SSL_get0_peer_certificate(t->ssl);

	if (certificate && SSL_get_verify_result(t->ssl) == X509_V_OK)
		tls_names_write(certificate, out);
}

static bool refuse(struct tls *t, enum err err, const char *why)
{
	t->err = err;
	t->why = why;
	return false;
}

/* Why the peer's certificate is not good enough: `code` by OpenSSL, or 0: it is another's. */
static bool refuse_certificate(struct tls *t, X509 *certificate, int code)
{
	struct buf b;

	free(t->said);
	t->said = malloc(TLS_WHY_MAX + 1);
	buf_init(&b, t->said, t->said ? TLS_WHY_MAX : 0);
	if (code)
		tls_why_unproved(certificate, code, &b);
	else
		tls_why_other(certificate, str_from(t->name), &b);
	if (t->said)
		t->said[b.n] = '\0';
	return refuse(t, code == X509_V_ERR_CERT_HAS_EXPIRED ? ERR_EXPIRED : ERR_REFUSED,
		      t->said ? t->said : "the peer's certificate is not good enough");
}

static bool bears_pin(struct tls *t, X509 *certificate)
{
	char pin[TLS_PIN_N + 1];

	if (pin_write(certificate, pin) && str_eq_nocase(str_from(pin), str_from(t->name)))
		return true;
	return refuse(t, ERR_REFUSED, "the peer's key is not the pinned one");
}

/* Within the handshake, so that a refusal is an alert and a client's certificate goes to nobody else. */
static int verify(X509_STORE_CTX *store, void *credentials)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls *t = SSL_get_app_data(ssl);
	X509 *certificate = X509_STORE_CTX_get0_cert(store);
	const struct tls_credentials *c = credentials;

	if (t->client && is_pin(t->name)) {
		bool fits = bears_pin(t, certificate);

		/* The right key without a chain: let through, but never called verified. */
		X509_STORE_CTX_set_error(store, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
		return fits;
	}
	X509_STORE_CTX_set_time(store, 0, (time_t)(t->now / USEC_PER_SEC));
	if (X509_verify_cert(store) != 1) {
		int code = X509_STORE_CTX_get_error(store);

		if (t->client ? t->name[0] == '\0' : c->any_client)
			return 1; /* the owner judges; verify_result remembers */
		/* Of the chain it is the one at fault that is named. */
		X509 *at_fault = X509_STORE_CTX_get_current_cert(store);
		refuse_certificate(t, at_fault ? at_fault : certificate, code);
		return 0;
	}
	if (t->client && t->name[0] && !bears_name(t, certificate)) {
		X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH);
		refuse_certificate(t, certificate, 0);
		return 0;
	}
	return 1;
}

/* A resumed session brings its certificate along without passing verify(). */
static bool recheck_resumed(struct tls *t)
{
	X509 *certificate = SSL_get0_peer_certificate(t->ssl);
	time_t now = (time_t)(t->now / USEC_PER_SEC);

	if (!SSL_session_reused(t->ssl) || (!certificate && !(t->client && t->name[0])))
		return true;
	if (!certificate)
		return refuse(t, ERR_REFUSED, "the resumed session has no certificate");
	if (t->client && is_pin(t->name))
		return bears_pin(t, certificate);
	if (t->client ? t->name[0] == '\0' : t->credentials->any_client)
		return true;
	if (SSL_get_verify_result(t->ssl) != X509_V_OK)
		return refuse(t, ERR_REFUSED, "the resumed session was never verified");
	if (X509_cmp_time(X509_get0_notAfter(certificate), &now) <= 0)
		return refuse(t, ERR_EXPIRED, "the certificate of the resumed session has expired");
	if (t->client && !bears_name(t, certificate))
		return refuse_certificate(t, certificate, 0);
	return true;
}

/* --- credentials --- */

static int no_password(char *p, int n, int rw, void *u)
{
	(void)p, (void)n, (void)rw, (void)u; /* without it OpenSSL would ask at the terminal */
	return -1;
}

static BIO *pem_bio(str pem)
{
	return pem.n && pem.n < INT32_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
}

static enum err add_chain(SSL_CTX *ctx, str pem)
{
	BIO *bio = pem_bio(pem);
	X509 *leaf = bio ? PEM_read_bio_X509(bio, NULL, no_password, NULL) : NULL;
	bool ok = leaf && SSL_CTX_use_certificate(ctx, leaf) == 1;
	enum err err = leaf ? ERR_REFUSED : ERR_SYNTAX;
	X509 *next;

	X509_free(leaf);
	while (ok && (next = PEM_read_bio_X509(bio, NULL, no_password, NULL)) != NULL)
		if (SSL_CTX_add0_chain_cert(ctx, next) != 1) {
			X509_free(next);
			ok = false;
		}
	BIO_free(bio);
	return ok ? ERR_NONE : err;
}

static enum err add_key(SSL_CTX *ctx, str pem)
{
	BIO *bio = pem_bio(pem);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
	enum err err = !key ? ERR_SYNTAX : SSL_CTX_use_PrivateKey(ctx, key) == 1 ? ERR_NONE : ERR_REFUSED;

	EVP_PKEY_free(key);
	BIO_free(bio);
	return err;
}

static enum err add_anchors(SSL_CTX *ctx, str pem, bool hide)
{
	BIO *bio = pem_bio(pem);
	X509 *anchor;
	size_t n = 0;

	while (bio && (anchor = PEM_read_bio_X509(bio, NULL, no_password, NULL)) != NULL) {
		n += X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), anchor) == 1;
		if (!hide)
			SSL_CTX_add_client_CA(ctx, anchor);
		X509_free(anchor);
	}
	BIO_free(bio);
	return n ? ERR_NONE : ERR_SYNTAX;
}

static enum err add_own(SSL_CTX *ctx, const struct tls_settings *s)
{
	enum err err = ERR_NONE;

	if (s->certificate)
		err = SSL_CTX_use_certificate(ctx, s->certificate) == 1 ? ERR_NONE : ERR_REFUSED;
	else if (s->certificate_pem.n)
		err = add_chain(ctx, s->certificate_pem);
	else
		return ERR_NONE;
	if (!err && s->key)
		err = SSL_CTX_use_PrivateKey(ctx, s->key) == 1 ? ERR_NONE : ERR_REFUSED;
	else if (!err)
		err = add_key(ctx, s->key_pem);
	if (!err && SSL_CTX_check_private_key(ctx) != 1)
		err = ERR_REFUSED;
	return err;
}

static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *offered,
		       unsigned offered_n, void *credentials)
{
	const struct tls_credentials *c = credentials;
	unsigned char *chosen;

	(void)ssl;
	if (SSL_select_next_proto(&chosen, out_n, c->alpn, c->alpn_n, offered, offered_n) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL; /* RFC 7301 3.2 */
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static enum err set_alpn(struct tls_credentials *c, const struct tls_settings *s)
{
	struct buf b;

	buf_init(&b, c->alpn, sizeof(c->alpn));
	for (size_t i = 0; i < s->alpn_n; i++) {
		if (i == TLS_ALPN_MAX || s->alpn[i].n == 0 || s->alpn[i].n > 63)
			return ERR_LIMIT;
		buf_put_u8(&b, (uint8_t)s->alpn[i].n);
		buf_put(&b, s->alpn[i]);
	}
	c->alpn_n = (unsigned)b.n;
	if (c->alpn_n)
		SSL_CTX_set_alpn_select_cb(c->ctx, choose_alpn, c);
	return ERR_NONE;
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls *t = SSL_get_app_data(ssl);

	SSL_SESSION_free(t->session);
	t->session = session;
	t->swollen = true;
	return 1; /* ours now */
}

static bool set_rules(SSL_CTX *ctx, const struct tls_settings *s)
{
	int minimum = s->minimum == TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;

	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	/* The chain is what certificate_pem says: not built anew of the anchors, with signatures checked, for each
	 * client. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
	/* Sessions live in tickets at the clients: no table here that threads would share. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, keep_session);
	/* AES-128 with SHA-256 first: processors have instructions for both, and a handshake hashes a lot. */
	return SSL_CTX_set_min_proto_version(ctx, minimum) == 1 && SSL_CTX_set_num_tickets(ctx, 0) == 1 &&
	       SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"tandem", 6) == 1 &&
	       SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384") == 1 &&
	       SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
					     "TLS_CHACHA20_POLY1305_SHA256") == 1 &&
	       SSL_CTX_set_cipher_list(ctx, "ECDHE+AES128+AESGCM:ECDHE+AESGCM:ECDHE+CHACHA20") == 1;
}

static bool keep_ticket_keys(SSL_CTX *ctx, const struct tls_credentials *before)
{
	unsigned char keys[TICKET_KEYS];
	bool ok = SSL_CTX_get_tlsext_ticket_keys(before->ctx, keys, sizeof(keys)) == 1 &&
		  SSL_CTX_set_tlsext_ticket_keys(ctx, keys, sizeof(keys)) == 1;

	OPENSSL_cleanse(keys, sizeof(keys));
	return ok;
}

static enum err credentials_fill(struct tls_credentials *c, const struct tls_settings *s,
				 const struct tls_credentials *before)
{
	enum err err;

	if (!c->ctx || !c->bio || !set_rules(c->ctx, s) || (before && !keep_ticket_keys(c->ctx, before)))
		return ERR_MEMORY;
	SSL_CTX_set_cert_verify_callback(c->ctx, verify, c);
	if ((err = add_own(c->ctx, s)) || (err = set_alpn(c, s)))
		return err;
	return s->trust_pem.n ? add_anchors(c->ctx, s->trust_pem, s->hide_trust) : ERR_NONE;
}

struct tls_credentials *tls_credentials_new(const struct tls_settings *s, const struct tls_credentials *before,
					    enum err *why)
{
	struct tls_credentials *c = calloc(1, sizeof(*c));
	enum err err = ERR_MEMORY;

	if (c) {
		c->refs = 1;
		c->ctx = SSL_CTX_new(TLS_method());
		c->bio = bio_method();
		c->ask = s->ask;
		c->any_client = s->any_client;
		c->wildcards = s->wildcards;
		err = credentials_fill(c, s, before);
	}
	ERR_clear_error();
	if (!err)
		return c;
	tls_credentials_unref(c);
	*why = err;
	return NULL;
}

struct tls_credentials *tls_credentials_ref(struct tls_credentials *c)
{
	__atomic_fetch_add(&c->refs, 1, __ATOMIC_RELAXED);
	return c;
}

void tls_credentials_unref(struct tls_credentials *c)
{
	if (!c || __atomic_fetch_sub(&c->refs, 1, __ATOMIC_ACQ_REL) != 1)
		return;
	SSL_CTX_free(c->ctx);
	BIO_meth_free(c->bio);
	free(c);
}

bool tls_credentials_pin(const struct tls_credentials *c, char out[TLS_PIN_N + 1])
{
	X509 *own = SSL_CTX_get0_certificate(c->ctx);

	return own && pin_write(own, out);
}

static usec not_after(const X509 *certificate)
{
	struct tm tm;

	if (!certificate || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1)
		return USEC_NEVER;
	return (usec)timegm(&tm) * USEC_PER_SEC;
}

usec tls_credentials_expires(const struct tls_credentials *c)
{
	return not_after(SSL_CTX_get0_certificate(c->ctx));
}

/* --- connections --- */

static struct tls *tls_new(struct tls_credentials *c, usec now)
{
	struct tls *t = calloc(1, sizeof(*t));
	BIO *bio = t ? BIO_new(c->bio) : NULL;

	if (bio)
		t->ssl = SSL_new(c->ctx);
	if (!bio || !t->ssl) {
		BIO_free(bio);
		free(t);
		return NULL;
	}
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio);
	SSL_set_app_data(t->ssl, t);
	buf_init_grow(&t->out, TLS_OUT_MAX + 65536); /* and the handshake's and alerts' own */
	t->credentials = tls_credentials_ref(c);
	t->now = now;
	t->hungry = true;
	return t;
}

static bool set_peer_name(struct tls *t, str name)
{
	struct addr ip;

	if (!str_copy_z(name, t->name, sizeof(t->name)))
		return false;
	/* A NUL inside would make us check another name than the owner meant. */
	if (strlen(t->name) != name.n)
		return false;
	if (name.n == 0 || is_pin(t->name) || addr_parse_ip(name, &ip) == ERR_NONE)
		return true;
	return SSL_set_tlsext_host_name(t->ssl, t->name) == 1;
}

struct tls *tls_connect(struct tls_credentials *c, str name, struct tls_session *session, usec now)
{
	struct tls *t = tls_new(c, now);

	if (!t)
		return NULL;
	t->client = true;
	SSL_set_connect_state(t->ssl);
	SSL_set_verify(t->ssl, SSL_VERIFY_PEER, NULL);
	if (!set_peer_name(t, name) || (c->alpn_n && SSL_set_alpn_protos(t->ssl, c->alpn, c->alpn_n) != 0) ||
	    (session && SSL_set_session(t->ssl, (SSL_SESSION *)session) != 1)) {
		tls_free(t);
		return NULL;
	}
	return t;
}

struct tls *tls_accept(struct tls_credentials *c, usec now)
{
	struct tls *t = tls_new(c, now);

	if (!t)
		return NULL;
	t->owes_ticket = true;
	SSL_set_accept_state(t->ssl);
	SSL_set_verify(t->ssl,
		       c->ask == TLS_ASK_NOTHING       ? SSL_VERIFY_NONE
		       : c->ask == TLS_ASK_CERTIFICATE ? SSL_VERIFY_PEER
						       : SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
		       NULL);
	return t;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	/* Ended by whatever means, the session stays good for the next connection. */
	SSL_set_quiet_shutdown(t->ssl, 1);
	SSL_shutdown(t->ssl);
	SSL_free(t->ssl);
	SSL_SESSION_free(t->session);
	OPENSSL_free(t->der);
	free(t->said);
	buf_free(&t->out);
	tls_credentials_unref(t->credentials);
	ERR_clear_error();
	free(t);
}

void tls_recv(struct tls *t, str bytes, usec now)
{
	assert(t->in.n == 0); /* the owner drains tls_next() before it brings more */
	if (t->state != HANDSHAKE && t->state != READY)
		return;
	t->now = now;
	t->in = bytes;
	t->hungry = true;
}

static void finish(struct tls *t, enum err err, const char *why)
{
	t->state = CLOSING;
	t->err = err;
	t->why = why;
	t->in = STR_NONE;
}

void tls_end(struct tls *t, enum err err)
{
	if (t->state == HANDSHAKE || t->state == READY)
		finish(t, err ? err : ERR_CLOSED, "the connection was cut off");
	t->cut_off = true;
	buf_reset(&t->out);
}

enum err tls_send(struct tls *t, str clear)
{
	int n;

	if (t->state == ENDED)
		return ERR_CLOSED;
	if (t->state != READY)
		return ERR_STATE;
	if (t->handed) {
		buf_free(&t->out);
		t->handed = false;
	}
	if (clear.n > TLS_OUT_MAX || t->out.n + clear.n + clear.n / 64 > TLS_OUT_MAX)
		return ERR_FULL;
	if (clear.n == 0)
		return ERR_NONE;
	buf_room(&t->out, clear.n + 64); /* one growth instead of several */
	ERR_clear_error();
	if (t->owes_ticket)
		SSL_new_session_ticket(
			t->ssl); /* SSL_write() sends it first; refused below TLS 1.3, which had its own */
	t->owes_ticket = false;
	n = SSL_write(t->ssl, clear.p, (int)clear.n);
	if (n == (int)clear.n)
		return ERR_NONE;
	finish(t, ERR_MEMORY, "the record could not be written");
	return ERR_CLOSED;
}

void tls_close(struct tls *t)
{
	if (t->state == READY) {
		ERR_clear_error();
		SSL_shutdown(t->ssl);
	}
	if (t->state == HANDSHAKE || t->state == READY)
		finish(t, ERR_NONE, "closed here");
}

static enum err reason_err(int reason)
{
	switch (reason) {
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_NO_SHARED_CIPHER:
	case SSL_R_NO_PROTOCOLS_AVAILABLE:
	case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
	case SSL_R_NO_SUITABLE_KEY_SHARE:
	case SSL_R_NO_APPLICATION_PROTOCOL:
	case SSL_R_VERSION_TOO_LOW:
	case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
	case SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY:
	case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
	case SSL_AD_REASON_OFFSET + SSL_AD_NO_APPLICATION_PROTOCOL:
		return ERR_UNSUPPORTED;
	case SSL_R_CERTIFICATE_VERIFY_FAILED:
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
	case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
	case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
	case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
	case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
	case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
		return ERR_REFUSED;
	case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
		return ERR_EXPIRED;
	case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
	case SSL_R_SSLV3_ALERT_BAD_RECORD_MAC:
	case SSL_R_BAD_SIGNATURE:
	case SSL_R_DIGEST_CHECK_FAILED:
		return ERR_FORGED;
	case ERR_R_MALLOC_FAILURE:
		return ERR_MEMORY;
	default:
		return ERR_SYNTAX;
	}
}

static void fail(struct tls *t)
{
	unsigned long code = ERR_peek_error();
	const char *text = ERR_reason_error_string(code);

	if (t->err) /* verify() has said why already */
		finish(t, t->err, t->why);
	else if (!buf_ok(&t->out))
		finish(t, ERR_FULL, "the peer does not read");
	else
		finish(t, reason_err(ERR_GET_REASON(code)), text ? text : "broken TLS");
}

static bool give(struct tls_do *out, enum tls_do_kind kind)
{
	*out = (struct tls_do){ .kind = kind };
	return true;
}

/* true where the handshake has just come to its end. */
static bool shake(struct tls *t)
{
	int done;

	ERR_clear_error();
	done = SSL_do_handshake(t->ssl);
	if (done != 1) {
		int error = SSL_get_error(t->ssl, done);

		t->hungry = false;
		if (error != SSL_ERROR_WANT_READ)
			fail(t);
		return false;
	}
	if (!recheck_resumed(t)) {
		finish(t, t->err, t->why);
		return false;
	}
	t->state = READY;
	return true;
}

/* Bytes of clear text now in scratch; 0: none. */
static size_t read_clear(struct tls *t, void *scratch, size_t n)
{
	size_t got = 0;
	int done;

	ERR_clear_error();
	done = SSL_read_ex(t->ssl, scratch, n, &got);
	if (done == 1)
		return got;
	t->hungry = false;
	switch (SSL_get_error(t->ssl, done)) {
	case SSL_ERROR_WANT_READ:
		if (t->swollen)
			t->swollen = SSL_free_buffers(t->ssl) != 1;
		break;
	case SSL_ERROR_ZERO_RETURN:
		SSL_shutdown(t->ssl); /* answer close_notify with ours (RFC 8446 6.1) */
		finish(t, ERR_NONE, "closed by the peer");
		break;
	default:
		fail(t);
	}
	return 0;
}

static bool give_out(struct tls *t, struct tls_do *out)
{
	if (t->out.n == 0 || t->cut_off)
		return false;
	give(out, TLS_SEND);
	out->bytes = buf_str(&t->out);
	t->handed = true;
	return true;
}

bool tls_next(struct tls *t, void *scratch, size_t n, struct tls_do *out)
{
	assert(n >= 1024);
	if (t->handed) {
		buf_free(&t->out);
		t->handed = false;
	}
	if (t->state == HANDSHAKE && t->hungry && shake(t))
		return give(out, TLS_READY);
	if (t->state == READY && t->hungry) {
		size_t got = read_clear(t, scratch, n);

		if (got) {
			give(out, TLS_CLEAR);
			out->bytes = str_of(scratch, got);
			return true;
		}
	}
	if (give_out(t, out))
		return true;
	if (t->state != CLOSING)
		return false;
	t->state = ENDED;
	give(out, TLS_CLOSED);
	out->err = t->err;
	out->why = t->why;
	return true;
}

/* --- after READY --- */

enum err tls_binding(const struct tls *t, uint8_t out[TLS_BINDING_N])
{
	static const char label[] = "EXPORTER-Channel-Binding";

	if (t->state != READY)
		return ERR_STATE;
	/* RFC 9266 4.: in TLS 1.2 only with the extended master secret. */
	if (SSL_version(t->ssl) < TLS1_3_VERSION && SSL_get_extms_support(t->ssl) != 1)
		return ERR_UNSUPPORTED;
	if (SSL_export_keying_material(t->ssl, out, TLS_BINDING_N, label, sizeof(label) - 1, (const void *)"", 0, 1) !=
	    1)
		return ERR_STATE;
	return ERR_NONE;
}

enum err tls_peer(struct tls *t, struct tls_peer *out)
{
	struct tls_peer peer = { .expires = USEC_NEVER };
	X509 *certificate = SSL_get0_peer_certificate(t->ssl);
	const unsigned char *alpn;
	unsigned alpn_n;

	if (t->state == HANDSHAKE)
		return ERR_STATE;
	if (certificate) {
		int n = t->der ? 1 : i2d_X509(certificate, &t->der);

		if (n <= 0 || !pin_write(certificate, peer.pin))
			return ERR_MEMORY;
		if (n > 1)
			t->der_n = (size_t)n;
		peer.certificate_der = str_of((const char *)t->der, t->der_n);
		peer.expires = not_after(certificate);
		peer.verified = SSL_get_verify_result(t->ssl) == X509_V_OK;
	}
	SSL_get0_alpn_selected(t->ssl, &alpn, &alpn_n);
	peer.alpn = str_of((const char *)alpn, alpn_n);
	peer.cipher = SSL_get_cipher_name(t->ssl);
	peer.version = SSL_version(t->ssl) == TLS1_3_VERSION ? TLS_1_3 : TLS_1_2;
	peer.resumed = SSL_session_reused(t->ssl) == 1;
	*out = peer;
	return ERR_NONE;
}

struct tls_session *tls_session_take(struct tls *t)
{
	SSL_SESSION *session = t->session;

	t->session = NULL;
	return (struct tls_session *)session;
}

void tls_session_free(struct tls_session *session)
{
	SSL_SESSION_free((SSL_SESSION *)session);
}
