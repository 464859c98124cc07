#include "net/tls.h"

#include "base/buf.h"
#include "base/test.h"
#include "crypt/openssl.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#define NOW ((usec)1800000000 * USEC_PER_SEC)
#define DAY ((usec)86400 * USEC_PER_SEC)

/* A certificate and its key, as text. */
struct pair {
	X509 *certificate;
	EVP_PKEY *key;
	char pem[4096], key_pem[1024];
};

static void to_text(BIO *bio, char *out, size_t n)
{
	char *p;
	long got = BIO_get_mem_data(bio, &p);

	assert_true(str_copy_z(str_of(p, (size_t)got), out, n));
	BIO_free(bio);
}

static void make(struct pair *out, const struct pair *issuer, const char *san, usec from, usec to)
{
	X509 *x = X509_new();
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509_NAME *name = X509_get_subject_name(x);
	const char *cn = issuer ? "leaf" : "anchor";
	BIO *pem = BIO_new(BIO_s_mem()), *key_pem = BIO_new(BIO_s_mem());

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), issuer ? 2 : 1);
	ASN1_TIME_set(X509_getm_notBefore(x), (time_t)(from / USEC_PER_SEC));
	ASN1_TIME_set(X509_getm_notAfter(x), (time_t)(to / USEC_PER_SEC));
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0);
	X509_set_issuer_name(x, issuer ? X509_get_subject_name(issuer->certificate) : name);
	X509_set_pubkey(x, key);
	X509_EXTENSION *ext = san ? X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san)
				  : X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
	X509_add_ext(x, ext, -1);
	X509_EXTENSION_free(ext);
	assert_true(X509_sign(x, issuer ? issuer->key : key, EVP_sha256()) > 0);
	PEM_write_bio_X509(pem, x);
	PEM_write_bio_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL);
	to_text(pem, out->pem, sizeof(out->pem));
	to_text(key_pem, out->key_pem, sizeof(out->key_pem));
	out->certificate = x;
	out->key = key;
}

struct fixture {
	struct pair anchor, leaf, user, both;
	struct tls_credentials *server, *client;
};

static struct tls_credentials *credentials(const struct tls_settings *s, const struct tls_credentials *before)
{
	enum err why = ERR_NONE;
	struct tls_credentials *c = tls_credentials_new(s, before, &why);

	assert_int_equal(why, ERR_NONE);
	assert_non_null(c);
	return c;
}

static struct tls_settings server_settings(const struct fixture *f)
{
	return (struct tls_settings){ .certificate_pem = str_from(f->leaf.pem),
				      .key_pem = str_from(f->leaf.key_pem),
				      .trust_pem = str_from(f->anchor.pem) };
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	make(&f->anchor, NULL, NULL, NOW - DAY, NOW + 30 * DAY);
	make(&f->leaf, &f->anchor, "DNS:sip.example.org,DNS:*.wild.example,IP:192.0.2.7", NOW - DAY, NOW + DAY);
	make(&f->user, &f->anchor, "DNS:alice.example,DNS:*.alice.example,DNS:Second.example", NOW - DAY, NOW + DAY);
	make(&f->both, &f->anchor,
	     "DNS:host.example,URI:sip:domain.example,URI:sip:bob@user.example,URI:https://"
	     "web.example,URI:sips:s.example,URI:SIP:port.example:5061;transport=tls",
	     NOW - DAY, NOW + DAY);
	struct tls_settings server = server_settings(f);
	struct tls_settings client = { .trust_pem = str_from(f->anchor.pem) };
	f->server = credentials(&server, NULL);
	f->client = credentials(&client, NULL);
	*state = f;
	return 0;
}

static void pair_free(struct pair *p)
{
	X509_free(p->certificate);
	EVP_PKEY_free(p->key);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	tls_credentials_unref(f->server);
	tls_credentials_unref(f->client);
	pair_free(&f->anchor);
	pair_free(&f->leaf);
	pair_free(&f->user);
	pair_free(&f->both);
	free(f);
	return 0;
}

/* Two ends and the wire between them. */
struct side {
	struct tls *t;
	bool ready, closed;
	enum err err;
	char why[300];          /* closed: in words */
	struct buf wire, clear; /* on its way to the other side; received */
	size_t sends;
};

struct link {
	struct side a, b; /* client, server */
	usec now;
	size_t piece;    /* bytes a delivery carries; 0: all */
	size_t flip_bit; /* 1 + index of the bit of a's next bytes to turn over; 0: none */
};

static void side_drain(struct side *s)
{
	char scratch[16384];
	struct tls_do out;

	while (tls_next(s->t, scratch, sizeof(scratch), &out)) {
		assert_false(s->closed);
		if (out.kind == TLS_SEND) {
			buf_put(&s->wire, out.bytes);
			s->sends++;
		}
		if (out.kind == TLS_CLEAR)
			buf_put(&s->clear, out.bytes);
		if (out.kind == TLS_READY)
			s->ready = true;
		if (out.kind == TLS_CLOSED) {
			s->closed = true;
			s->err = out.err;
			assert_non_null(out.why);
			assert_true(str_copy_z(str_from(out.why), s->why, sizeof(s->why)));
		}
	}
	assert_true(buf_ok(&s->wire) && buf_ok(&s->clear));
}

static bool deliver(struct link *l, struct side *from, struct side *to)
{
	size_t n = l->piece && l->piece < from->wire.n ? l->piece : from->wire.n;
	char *copy;

	if (n == 0)
		return false;
	copy = malloc(n); /* so that a sanitizer sees a look behind the end */
	memcpy(copy, from->wire.p, n);
	if (l->flip_bit && from == &l->a) {
		copy[(l->flip_bit - 1) / 8] ^= (char)(1 << (l->flip_bit - 1) % 8);
		l->flip_bit = 0;
	}
	buf_eat(&from->wire, n);
	tls_recv(to->t, str_of(copy, n), l->now);
	side_drain(to);
	free(copy);
	return true;
}

static void run(struct link *l)
{
	side_drain(&l->a);
	side_drain(&l->b);
	while ((int)deliver(l, &l->a, &l->b) + (int)deliver(l, &l->b, &l->a))
		;
}

static void link_start(struct link *l, struct tls_credentials *client, struct tls_credentials *server, const char *name,
		       struct tls_session *session)
{
	*l = (struct link){ .now = NOW };
	l->a.t = tls_connect(client, str_from(name), session, NOW);
	l->b.t = tls_accept(server, NOW);
	assert_non_null(l->a.t);
	assert_non_null(l->b.t);
	for (struct side *s = &l->a; s; s = s == &l->a ? &l->b : NULL) {
		buf_init_grow(&s->wire, 8 << 20);
		buf_init_grow(&s->clear, 8 << 20);
	}
}

static void link_free(struct link *l)
{
	tls_free(l->a.t);
	tls_free(l->b.t);
	buf_free(&l->a.wire);
	buf_free(&l->b.wire);
	buf_free(&l->a.clear);
	buf_free(&l->b.clear);
}

/* Connects and says how it ended at the client; READY at both: ERR_NONE. */
static enum err outcome(struct fixture *f, const char *name, usec now)
{
	struct link l;
	enum err err;

	link_start(&l, f->client, f->server, name, NULL);
	l.now = now;
	tls_recv(l.a.t, STR_NONE, now);
	run(&l);
	err = l.a.ready && !l.a.closed && l.b.ready ? ERR_NONE : l.a.err;
	if (err)
		assert_true(l.b.closed); /* it got our alert */
	link_free(&l);
	return err;
}

/* What a client that trusts `anchor` and knows the server by `name` says of this certificate. */
static void why_not(struct fixture *f, const struct pair *shown, const struct pair *anchor, const char *name, usec now,
		    char out[300])
{
	struct tls_settings shows = { .certificate_pem = str_from(shown->pem), .key_pem = str_from(shown->key_pem) };
	struct tls_settings trusts = { .trust_pem = str_from(anchor->pem) };
	struct tls_credentials *plain[] = { f->server, f->client };
	struct link l;

	f->server = credentials(&shows, NULL);
	f->client = credentials(&trusts, NULL);
	link_start(&l, f->client, f->server, name, NULL);
	l.now = now;
	tls_recv(l.a.t, STR_NONE, now);
	run(&l);
	assert_true(l.a.closed);
	memcpy(out, l.a.why, sizeof(l.a.why));
	link_free(&l);
	tls_credentials_unref(f->server);
	tls_credentials_unref(f->client);
	f->server = plain[0];
	f->client = plain[1];
}

static void a_refused_certificate_is_refused_in_words_that_name_what_is_wrong(void **state)
{
	struct fixture *f = *state;
	struct pair own, trap;
	char why[300];

	why_not(f, &f->leaf, &f->anchor, "pbx.example.org", NOW, why);
	assert_string_equal(why, "the certificate does not bear the name pbx.example.org, but sip.example.org");
	why_not(f, &f->both, &f->anchor, "host.example", NOW, why);
	assert_string_equal(why,
			    "the certificate does not bear the name host.example, but domain.example port.example");
	why_not(f, &f->leaf, &f->anchor, "sip.example.org", NOW + 2 * DAY, why);
	assert_memory_equal(why, "the certificate has expired on 20", 33);
	why_not(f, &f->leaf, &f->anchor, "sip.example.org", NOW - 2 * DAY, why);
	assert_memory_equal(why, "the certificate is not good before 20", 37);
	make(&own, NULL, "DNS:sip.example.org", NOW - DAY, NOW + DAY);
	why_not(f, &own, &f->anchor, "sip.example.org", NOW, why);
	assert_string_equal(why, "the certificate is signed by itself alone, and it is none of those trusted here");
	why_not(f, &f->leaf, &f->user, "sip.example.org", NOW, why);
	assert_string_equal(why, "the certificate is signed by nobody who is trusted here, but by anchor");
	pair_free(&own);
	/* What a stranger wrote into it cannot end the field of a log. */
	make(&trap, NULL, "DNS:x.example\" level=error,DNS:y.example", NOW - DAY, NOW + DAY);
	why_not(f, &trap, &trap, "z.example", NOW, why);
	assert_string_equal(why, "the certificate does not bear the name z.example, but y.example");
	pair_free(&trap);
}

static void text_crosses_in_any_pieces(void **state)
{
	struct fixture *f = *state;

	for (size_t piece = 0; piece < 8; piece += piece + 1) {
		struct link l;

		link_start(&l, f->client, f->server, "sip.example.org", NULL);
		l.piece = piece;
		run(&l);
		assert_true(l.a.ready && l.b.ready);
		assert_int_equal(tls_send(l.a.t, STR("REGISTER ")), ERR_NONE);
		assert_int_equal(tls_send(l.a.t, STR("sip:x")), ERR_NONE);
		assert_int_equal(tls_send(l.b.t, STR("SIP/2.0 200 OK")), ERR_NONE);
		run(&l);
		assert_str(buf_str(&l.b.clear), "REGISTER sip:x");
		assert_str(buf_str(&l.a.clear), "SIP/2.0 200 OK");
		tls_close(l.a.t);
		run(&l);
		assert_true(l.a.closed && l.b.closed);
		assert_int_equal(l.a.err, ERR_NONE);
		assert_int_equal(l.b.err, ERR_NONE);
		assert_int_equal(tls_send(l.a.t, STR("x")), ERR_CLOSED);
		link_free(&l);
	}
}

static void only_the_name_in_the_certificate_will_do(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(outcome(f, "sip.example.org", NOW), ERR_NONE);
	assert_int_equal(outcome(f, "SIP.Example.ORG", NOW), ERR_NONE);
	assert_int_equal(outcome(f, "192.0.2.7", NOW), ERR_NONE);
	assert_int_equal(outcome(f, "", NOW), ERR_NONE);
	assert_int_equal(outcome(f, "example.org", NOW), ERR_REFUSED);
	assert_int_equal(outcome(f, "192.0.2.8", NOW), ERR_REFUSED);
	assert_int_equal(outcome(f, "leaf", NOW), ERR_REFUSED); /* the common name says nothing */
}

static void names_of_hosts_count_only_where_the_certificate_names_no_sip_domain(void **state)
{
	struct fixture *f = *state;
	struct tls_settings s = { .certificate_pem = str_from(f->both.pem), .key_pem = str_from(f->both.key_pem) };
	struct tls_credentials *plain = f->server;

	f->server = credentials(&s, NULL); /* RFC 5922 7.1 */
	assert_int_equal(outcome(f, "domain.example", NOW), ERR_NONE);
	assert_int_equal(outcome(f, "Domain.EXAMPLE", NOW), ERR_NONE);
	assert_int_equal(outcome(f, "port.example", NOW), ERR_NONE); /* 7.2: the name alone */
	assert_int_equal(outcome(f, "host.example", NOW), ERR_REFUSED);
	assert_int_equal(outcome(f, "user.example", NOW), ERR_REFUSED);
	assert_int_equal(outcome(f, "web.example", NOW), ERR_REFUSED);
	assert_int_equal(outcome(f, "s.example", NOW), ERR_REFUSED); /* "sips" is no identity */
	assert_int_equal(outcome(f, "sub.domain.example", NOW), ERR_REFUSED);
	tls_credentials_unref(f->server);
	f->server = plain;
}

/* What `client` proves to a server that trusts `anchor`. */
static void proved(struct fixture *f, const struct pair *client, const struct pair *anchor, char *out, size_t cap)
{
	struct tls_settings shows = { .certificate_pem = str_from(client ? client->pem : ""),
				      .key_pem = str_from(client ? client->key_pem : ""),
				      .trust_pem = str_from(f->anchor.pem) };
	struct tls_settings asks = server_settings(f);
	struct tls_credentials *one, *two;
	struct link l;
	struct buf b;

	asks.ask = TLS_ASK_CERTIFICATE;
	asks.any_client = asks.hide_trust = true;
	asks.trust_pem = str_from(anchor->pem);
	one = credentials(&shows, NULL);
	two = credentials(&asks, NULL);
	link_start(&l, one, two, "sip.example.org", NULL);
	buf_init(&b, out, cap - 1);
	tls_proved(l.b.t, &b);
	assert_int_equal(b.n, 0); /* not before it is READY */
	run(&l);
	assert_true(l.a.ready && l.b.ready);
	tls_proved(l.b.t, &b);
	assert_true(buf_ok(&b));
	out[b.n] = 0;
	link_free(&l);
	tls_credentials_unref(one);
	tls_credentials_unref(two);
}

static void a_client_proves_the_domains_of_a_certificate_that_an_anchor_signed(void **state)
{
	struct fixture *f = *state;
	struct pair own;
	char text[64];

	proved(f, &f->user, &f->anchor, text, sizeof(text));
	assert_string_equal(text, "alice.example second.example"); /* "*" speaks for nobody */
	proved(f, &f->both, &f->anchor, text, sizeof(text));
	assert_string_equal(text, "domain.example port.example");
	proved(f, &f->user, &f->anchor, text, 20);
	assert_string_equal(text, "alice.example"); /* as many as fit */
	proved(f, NULL, &f->anchor, text, sizeof(text));
	assert_string_equal(text, "");
	make(&own, NULL, "DNS:alice.example", NOW - DAY, NOW + DAY);
	proved(f, &own, &f->anchor, text, sizeof(text));
	assert_string_equal(text, ""); /* signed by itself: let in, but nobody */
	pair_free(&own);
}

static void wildcards_only_where_they_are_allowed(void **state)
{
	struct fixture *f = *state;
	struct tls_settings s = { .trust_pem = str_from(f->anchor.pem), .wildcards = true };
	struct tls_credentials *strict = f->client;

	assert_int_equal(outcome(f, "a.wild.example", NOW), ERR_REFUSED);
	f->client = credentials(&s, NULL);
	assert_int_equal(outcome(f, "a.wild.example", NOW), ERR_NONE);
	assert_int_equal(outcome(f, "a.b.wild.example", NOW), ERR_REFUSED);
	tls_credentials_unref(f->client);
	f->client = strict;
}

static void certificates_are_judged_by_the_time_given(void **state)
{
	assert_int_equal(outcome(*state, "sip.example.org", NOW + 2 * DAY), ERR_EXPIRED);
	assert_int_equal(outcome(*state, "sip.example.org", NOW - 2 * DAY), ERR_REFUSED);
}

static void strangers_certificates_are_refused(void **state)
{
	struct fixture *f = *state;
	struct tls_settings none = { 0 };
	struct tls_credentials *trusting = f->client;

	f->client = credentials(&none, NULL);
	assert_int_equal(outcome(f, "sip.example.org", NOW), ERR_REFUSED);
	tls_credentials_unref(f->client);
	f->client = trusting;
}

static void a_pin_needs_no_anchor_and_takes_no_other_key(void **state)
{
	struct fixture *f = *state;
	struct tls_settings none = { 0 };
	struct tls_credentials *trusting = f->client;
	char pin[TLS_PIN_N + 1];

	assert_false(tls_credentials_pin(f->client, pin));
	assert_true(tls_credentials_pin(f->server, pin));
	f->client = credentials(&none, NULL);
	assert_int_equal(outcome(f, pin, NOW), ERR_NONE);
	pin[TLS_PIN_N - 1] = pin[TLS_PIN_N - 1] == '0' ? '1' : '0';
	assert_int_equal(outcome(f, pin, NOW), ERR_REFUSED);
	pin[TLS_PIN_N - 1] = '\0';
	assert_int_equal(outcome(f, pin, NOW), ERR_REFUSED);
	tls_credentials_unref(f->client);
	f->client = trusting;
}

static void both_ends_and_nobody_else_know_the_binding(void **state)
{
	struct fixture *f = *state;
	uint8_t a[2][TLS_BINDING_N], b[TLS_BINDING_N];

	for (int i = 0; i < 2; i++) {
		struct link l;

		link_start(&l, f->client, f->server, "sip.example.org", NULL);
		assert_int_equal(tls_binding(l.a.t, a[i]), ERR_STATE);
		run(&l);
		assert_int_equal(tls_binding(l.a.t, a[i]), ERR_NONE);
		assert_int_equal(tls_binding(l.b.t, b), ERR_NONE);
		assert_memory_equal(a[i], b, TLS_BINDING_N);
		link_free(&l);
	}
	assert_memory_not_equal(a[0], a[1], TLS_BINDING_N);
}

/* Bytes of the server's first flight, which carries its certificates. */
static size_t first_flight(struct fixture *f, const struct tls_settings *s)
{
	struct tls_credentials *server = credentials(s, NULL);
	struct link l;
	size_t n;

	link_start(&l, f->client, server, "sip.example.org", NULL);
	side_drain(&l.a);
	deliver(&l, &l.a, &l.b);
	n = l.b.wire.n;
	link_free(&l);
	tls_credentials_unref(server);
	return n;
}

static void the_chain_is_what_was_given_and_not_what_the_anchors_would_make_of_it(void **state)
{
	struct fixture *f = *state;
	struct tls_settings s = { .certificate_pem = str_from(f->leaf.pem), .key_pem = str_from(f->leaf.key_pem) };
	size_t alone = first_flight(f, &s), trusting;
	char both[2 * sizeof(f->leaf.pem)];

	assert_true(alone > 500);
	s.trust_pem = str_from(f->anchor.pem);
	s.hide_trust = true;
	trusting = first_flight(f, &s);
	/* a signature's length varies by a few bytes, a certificate has hundreds */
	assert_true(trusting < alone + 20);
	snprintf(both, sizeof(both), "%s%s", f->leaf.pem, f->anchor.pem);
	s.certificate_pem = str_from(both);
	assert_true(first_flight(f, &s) > alone + 200);
}

/* Connects with `session`; takes the next ticket; was it resumed? */
static bool resumes(struct fixture *f, const char *name, struct tls_session **session, usec now, enum err *err)
{
	struct link l;
	struct tls_peer peer;
	bool resumed = false;

	link_start(&l, f->client, f->server, name, *session);
	l.now = now;
	run(&l);
	*err = l.a.err;
	if (l.a.ready) {
		assert_int_equal(tls_peer(l.a.t, &peer), ERR_NONE);
		resumed = peer.resumed;
		assert_true(peer.verified);
		assert_true(peer.certificate_der.n > 100);
	}
	assert_null(tls_session_take(l.a.t));
	if (l.b.ready && !l.b.closed) {
		assert_int_equal(tls_send(l.b.t, STR("the first answer brings a ticket")), ERR_NONE);
		run(&l);
	}
	tls_session_free(*session);
	*session = tls_session_take(l.a.t);
	link_free(&l);
	return resumed;
}

static void tickets_resume_and_survive_a_reload(void **state)
{
	struct fixture *f = *state;
	struct tls_settings s = server_settings(f);
	struct tls_session *session = NULL;
	struct tls_credentials *old = f->server;
	enum err err;

	assert_false(resumes(f, "sip.example.org", &session, NOW, &err));
	assert_non_null(session);
	assert_true(resumes(f, "sip.example.org", &session, NOW, &err));
	f->server = credentials(&s, old);
	tls_credentials_unref(old);
	assert_true(resumes(f, "sip.example.org", &session, NOW, &err));
	old = f->server;
	f->server = credentials(&s, NULL);
	tls_credentials_unref(old);
	assert_false(resumes(f, "sip.example.org", &session, NOW, &err));
	assert_int_equal(err, ERR_NONE);
	tls_session_free(session);
}

static void a_ticket_goes_with_the_first_clear_text_and_in_the_same_send(void **state)
{
	struct fixture *f = *state;
	struct tls_session *session;
	struct link l;
	size_t first;

	link_start(&l, f->client, f->server, "sip.example.org", NULL);
	run(&l);
	assert_true(l.a.ready && l.b.ready);
	assert_null(tls_session_take(l.a.t));
	assert_int_equal(tls_send(l.a.t, STR("the client's own text brings none")), ERR_NONE);
	run(&l);
	assert_null(tls_session_take(l.a.t));
	assert_int_equal(tls_send(l.b.t, STR("first")), ERR_NONE);
	l.b.sends = 0;
	side_drain(&l.b);
	assert_int_equal(l.b.sends, 1);
	first = l.b.wire.n;
	run(&l);
	session = tls_session_take(l.a.t);
	assert_non_null(session);
	tls_session_free(session);
	assert_int_equal(tls_send(l.b.t, STR("other")), ERR_NONE);
	side_drain(&l.b);
	assert_true(l.b.wire.n < 50 && first > l.b.wire.n + 100);
	run(&l);
	assert_null(tls_session_take(l.a.t));
	assert_str(buf_str(&l.a.clear), "firstother");
	link_free(&l);
}

static void a_resumed_certificate_is_checked_again(void **state)
{
	struct fixture *f = *state;
	struct tls_session *session = NULL;
	enum err err;

	assert_false(resumes(f, "sip.example.org", &session, NOW, &err));
	assert_false(resumes(f, "other.example.org", &session, NOW, &err));
	assert_int_equal(err, ERR_REFUSED);
	tls_session_free(session);
	session = NULL;
	assert_false(resumes(f, "sip.example.org", &session, NOW, &err));
	assert_false(resumes(f, "sip.example.org", &session, NOW + 2 * DAY, &err));
	assert_int_equal(err, ERR_EXPIRED);
	tls_session_free(session);
}

static void a_server_may_demand_a_certificate(void **state)
{
	struct fixture *f = *state;
	struct tls_settings s = server_settings(f);
	struct tls_settings user = { .certificate = f->user.certificate,
				     .key = f->user.key,
				     .trust_pem = str_from(f->anchor.pem) };
	struct link l;
	struct tls_peer peer;
	char pin[TLS_PIN_N + 1];

	s.ask = TLS_REQUIRE_CERTIFICATE;
	struct tls_credentials *asking = credentials(&s, NULL), *showing = credentials(&user, NULL);
	link_start(&l, f->client, asking, "sip.example.org", NULL);
	run(&l);
	assert_true(l.b.closed && !l.b.ready);
	assert_int_equal(l.b.err, ERR_REFUSED);
	assert_true(l.a.closed);
	assert_int_equal(l.a.err, ERR_REFUSED);
	link_free(&l);

	link_start(&l, showing, asking, "sip.example.org", NULL);
	run(&l);
	assert_true(l.a.ready && l.b.ready);
	assert_int_equal(tls_peer(l.b.t, &peer), ERR_NONE);
	assert_true(tls_credentials_pin(showing, pin));
	assert_string_equal(peer.pin, pin);
	assert_true(peer.verified);
	assert_true(peer.expires == NOW + DAY);
	link_free(&l);
	tls_credentials_unref(asking);
	tls_credentials_unref(showing);
}

static void the_servers_favourite_protocol_is_agreed_on(void **state)
{
	struct fixture *f = *state;
	const str server_alpn[] = { STR("tandem/1"), STR("sip") }, client_alpn[] = { STR("sip"), STR("tandem/1") },
		  other[] = { STR("h2") };
	struct tls_settings s = server_settings(f);
	struct tls_settings c = { .trust_pem = str_from(f->anchor.pem), .alpn = client_alpn, .alpn_n = 2 };
	struct tls_peer peer;
	struct link l;

	s.alpn = server_alpn;
	s.alpn_n = 2;
	struct tls_credentials *server = credentials(&s, NULL), *client = credentials(&c, NULL);
	link_start(&l, client, server, "sip.example.org", NULL);
	run(&l);
	assert_int_equal(tls_peer(l.a.t, &peer), ERR_NONE);
	assert_str(peer.alpn, "tandem/1");
	assert_int_equal(peer.version, TLS_1_3);
	link_free(&l);
	tls_credentials_unref(client);

	c.alpn = other;
	c.alpn_n = 1;
	client = credentials(&c, NULL);
	link_start(&l, client, server, "sip.example.org", NULL);
	run(&l);
	assert_int_equal(l.a.err, ERR_UNSUPPORTED);
	link_free(&l);
	tls_credentials_unref(client);
	tls_credentials_unref(server);
}

static void a_flipped_bit_ends_the_connection(void **state)
{
	struct fixture *f = *state;
	struct link l;

	link_start(&l, f->client, f->server, "sip.example.org", NULL);
	run(&l);
	assert_int_equal(tls_send(l.a.t, STR("INVITE")), ERR_NONE);
	l.flip_bit = 1 + 8 * 9;
	run(&l);
	assert_true(l.b.closed);
	assert_int_equal(l.b.err, ERR_FORGED);
	assert_int_equal(l.b.clear.n, 0);
	link_free(&l);
}

static void what_is_no_tls_is_refused(void **state)
{
	struct fixture *f = *state;
	struct link l;

	link_start(&l, f->client, f->server, "sip.example.org", NULL);
	tls_recv(l.b.t, STR("OPTIONS sip:x SIP/2.0\r\n\r\n"), NOW);
	side_drain(&l.b);
	assert_true(l.b.closed);
	assert_int_equal(l.b.err, ERR_SYNTAX);
	link_free(&l);
}

static void a_cut_wire_is_not_an_orderly_end(void **state)
{
	struct fixture *f = *state;
	struct link l;

	link_start(&l, f->client, f->server, "sip.example.org", NULL);
	run(&l);
	tls_end(l.b.t, ERR_NONE);
	side_drain(&l.b);
	assert_true(l.b.closed);
	assert_int_equal(l.b.err, ERR_CLOSED);
	link_free(&l);
}

static void what_waits_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct link l;
	char *block = calloc(1, 60000);
	size_t sent = 0;
	enum err err;

	link_start(&l, f->client, f->server, "sip.example.org", NULL);
	assert_int_equal(tls_send(l.a.t, STR("early")), ERR_STATE);
	run(&l);
	while (!(err = tls_send(l.a.t, str_of(block, 60000))))
		sent += 60000;
	assert_int_equal(err, ERR_FULL);
	assert_in_range(sent, TLS_OUT_MAX * 9 / 10, TLS_OUT_MAX);
	run(&l);
	assert_int_equal(l.b.clear.n, sent); /* nothing of it is lost, and the connection goes on */
	assert_int_equal(tls_send(l.a.t, STR("x")), ERR_NONE);
	free(block);
	link_free(&l);
}

static void wrong_credentials_say_what_is_wrong(void **state)
{
	struct fixture *f = *state;
	struct tls_settings s = server_settings(f);
	enum err why = ERR_NONE;

	s.key_pem = str_from(f->user.key_pem);
	assert_null(tls_credentials_new(&s, NULL, &why));
	assert_int_equal(why, ERR_REFUSED);
	s.key_pem = STR("no key");
	assert_null(tls_credentials_new(&s, NULL, &why));
	assert_int_equal(why, ERR_SYNTAX);
	s = (struct tls_settings){ .trust_pem = STR("no anchor") };
	assert_null(tls_credentials_new(&s, NULL, &why));
	assert_int_equal(why, ERR_SYNTAX);
	assert_true(tls_credentials_expires(f->server) == NOW + DAY);
	assert_true(tls_credentials_expires(f->client) == USEC_NEVER);
}

static void a_name_with_a_hidden_end_is_no_name(void **state)
{
	struct fixture *f = *state;

	assert_null(tls_connect(f->client, STR("sip.example.org\0.evil.example"), NULL, NOW));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(text_crosses_in_any_pieces),
		TEST(only_the_name_in_the_certificate_will_do),
		TEST(a_refused_certificate_is_refused_in_words_that_name_what_is_wrong),
		TEST(names_of_hosts_count_only_where_the_certificate_names_no_sip_domain),
		TEST(a_client_proves_the_domains_of_a_certificate_that_an_anchor_signed),
		TEST(wildcards_only_where_they_are_allowed),
		TEST(certificates_are_judged_by_the_time_given),
		TEST(strangers_certificates_are_refused),
		TEST(a_pin_needs_no_anchor_and_takes_no_other_key),
		TEST(both_ends_and_nobody_else_know_the_binding),
		TEST(the_chain_is_what_was_given_and_not_what_the_anchors_would_make_of_it),
		TEST(tickets_resume_and_survive_a_reload),
		TEST(a_ticket_goes_with_the_first_clear_text_and_in_the_same_send),
		TEST(a_resumed_certificate_is_checked_again),
		TEST(a_server_may_demand_a_certificate),
		TEST(the_servers_favourite_protocol_is_agreed_on),
		TEST(a_flipped_bit_ends_the_connection),
		TEST(what_is_no_tls_is_refused),
		TEST(a_cut_wire_is_not_an_orderly_end),
		TEST(what_waits_is_bounded),
		TEST(wrong_credentials_say_what_is_wrong),
		TEST(a_name_with_a_hidden_end_is_no_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
