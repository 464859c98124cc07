/*
 * What a super node pays for one INVITE and its answer, and what a node pays for sealing them.
 *
 * On a 2-core VM (2026): 2.4 us a forwarded request; the TLS records around it cost more.
 */
#include "overlay/envelope.h"
#include "overlay/forward.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS  200000
#define LETTERS 2000

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fail(const char *what)
{
	fprintf(stderr, "%s\n", what);
	exit(1);
}

static void write_invite(const struct overlay_point *p, size_t body_n, struct buf *b)
{
	buf_put(b, STR("INVITE "));
	overlay_point_write_uri(p, STR("bob"), b);
	buf_printf(b,
		   " SIP/2.0\r\nVia: SIP/2.0/TLS 198.51.100.1:40000;branch=z9hG4bKa1b2c3d4e5\r\nMax-Forwards: 70\r\n"
		   "From: \"Alice\" <sip:alice@net.example>;tag=1928301774\r\nTo: <sip:bob@net.example>\r\n"
		   "Call-ID: a84b4c76e66710@198.51.100.1\r\nCSeq: 314159 INVITE\r\n"
		   "Contact: <sip:alice@192.0.2.2:5443;transport=tls;flow=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA>\r\n"
		   "Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000\r\n"
		   "Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n",
		   body_n);
	for (size_t i = 0; i < body_n; i++)
		buf_put_char(b, "a=candidate:\r\n"[i % 14]);
}

static void bench_forward(const struct overlay_point *p, struct overlay_tokens *tokens)
{
	struct overlay_forward_setup setup = { .tokens = tokens, .self = p->addr };
	struct overlay_forward_source from = { .answerable = true };
	struct overlay_name alice;
	struct overlay_hop hop;
	struct buf in, out;

	if (overlay_domain_parse(STR("net.example"), &setup.network) || overlay_name_parse(STR("alice"), &alice))
		fail("names");
	from.user = &alice;
	memcpy(from.token, p->token, sizeof(from.token));
	struct overlay_forward *f = overlay_forward_new(&setup);
	buf_init_grow(&in, 65535);
	buf_init_grow(&out, 65535);
	write_invite(p, 1500, &in);
	double start = seconds();
	for (int i = 0; i < ROUNDS; i++) {
		buf_reset(&out);
		overlay_forward_read(f, buf_str(&in), &from, &hop);
		if (hop.kind != OVERLAY_FORWARD_FLOW || overlay_forward_write(f, &out) != ERR_NONE)
			fail("not forwarded");
	}
	printf("forward: %.0f ns a request of %zu bytes\n", (seconds() - start) / ROUNDS * 1e9, in.n);
	overlay_forward_free(f);
	buf_free(&in);
	buf_free(&out);
}

struct end {
	struct sign_pair device;
	struct box_pair keys, before;
	struct overlay_certificate certificate;
	struct overlay_envelope *envelope;
};

static void end_make(struct end *e, const char *name, const struct overlay_network *network,
		     const struct sign_pair *authority, struct rng *rng)
{
	const struct overlay_envelope_setup setup = { network, &e->certificate, &e->device, &e->keys, &e->before, rng };

	sign_new(&e->device, rng);
	box_new(&e->keys, rng);
	e->certificate = (struct overlay_certificate){ .network = network->name, .not_after = OVERLAY_LIFE_MIN };
	memcpy(e->certificate.device, e->device.key, OVERLAY_KEY_N);
	if (overlay_name_parse(str_from(name), &e->certificate.name) ||
	    overlay_certificate_sign(&e->certificate, authority))
		fail("certificate");
	e->envelope = overlay_envelope_new(&setup);
}

static void bench_envelope(const struct overlay_point *p)
{
	static struct end alice, bob;
	static char sealed[65536];
	struct overlay_network network = { 0 };
	struct overlay_record record = { .point_n = 1, .point[0] = *p };
	struct overlay_peer peer;
	struct sign_pair authority;
	struct buf in, out;
	struct rng rng;
	double closing = 0, opening = 0;
	str text, clear;

	rng_seeded(&rng, 1);
	sign_new(&authority, &rng);
	memcpy(network.authority, authority.key, OVERLAY_KEY_N);
	if (overlay_domain_parse(STR("net.example"), &network.name))
		fail("network");
	end_make(&alice, "alice", &network, &authority, &rng);
	end_make(&bob, "bob", &network, &authority, &rng);
	record.certificate = bob.certificate;
	memcpy(record.seal_key, bob.keys.key, OVERLAY_KEY_N);
	overlay_envelope_know(alice.envelope, &record);
	buf_init_grow(&in, 65535);
	buf_init_grow(&out, 200000);
	write_invite(p, 1500, &in);
	for (int i = 0; i < LETTERS; i++) {
		double start = seconds();
		buf_reset(&out);
		if (overlay_envelope_close(alice.envelope, buf_str(&in), USEC_PER_SEC, &out, &text) != ERR_NONE)
			fail("not closed");
		closing += seconds() - start;
		memcpy(sealed, text.p, text.n);
		buf_reset(&out);
		start = seconds();
		if (overlay_envelope_open(bob.envelope, str_of(sealed, text.n), USEC_PER_SEC, &out, &clear, &peer) !=
		    ERR_NONE)
			fail("not opened");
		opening += seconds() - start;
	}
	printf("seal: %.0f us, open: %.0f us a message of %zu bytes (%zu sealed)\n", closing / LETTERS * 1e6,
	       opening / LETTERS * 1e6, in.n, text.n);
	overlay_envelope_free(alice.envelope);
	overlay_envelope_free(bob.envelope);
	buf_free(&in);
	buf_free(&out);
}

int main(void)
{
	struct overlay_point p = { .addr = addr_v4(192, 0, 2, 2, 5443) };
	static const uint8_t key[32] = { 1 };
	struct overlay_tokens tokens;

	if (!overlay_tokens_start(&tokens, key, 0))
		fail("tokens");
	overlay_token_make(&tokens, key, OVERLAY_ROLE_NODE, p.token);
	bench_forward(&p, &tokens);
	bench_envelope(&p);
	overlay_tokens_free(&tokens);
	return 0;
}
