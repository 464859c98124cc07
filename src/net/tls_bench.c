/*
 * Handshakes (CPU of both ends and of each) and memory of idle connections.
 *
 *     bench_net_tls [connections]
 */
#include "crypt/openssl.h"
#include "net/tls.h"

#include "base/buf.h"

#include <malloc.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static struct tls_credentials *self_signed(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	enum err why;

	X509_set_version(x, 2);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, key);
	X509_sign(x, key, EVP_sha256());
	struct tls_settings s = { .certificate = x, .key = key };
	struct tls_credentials *c = tls_credentials_new(&s, NULL, &why);
	X509_free(x);
	EVP_PKEY_free(key);
	return c;
}

struct side {
	struct tls *t;
	struct buf wire;
	double us;
};

static char scratch[16384];

static void drain(struct side *s)
{
	struct tls_do out;

	while (tls_next(s->t, scratch, sizeof(scratch), &out))
		if (out.kind == TLS_SEND)
			buf_put(&s->wire, out.bytes);
}

static bool move(struct side *from, struct side *to, usec now)
{
	double start = now_us();

	if (from->wire.n == 0)
		return false;
	tls_recv(to->t, buf_str(&from->wire), now);
	drain(to);
	buf_reset(&from->wire);
	to->us += now_us() - start;
	return true;
}

static void run(struct side *a, struct side *b, usec now)
{
	while ((int)move(a, b, now) + (int)move(b, a, now))
		;
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1000;
	usec now = (usec)time(NULL) * USEC_PER_SEC;
	struct tls_credentials *server = self_signed(), *client;
	struct tls_settings none = { 0 };
	enum err why;
	char pin[TLS_PIN_N + 1], block[1100] = { 0 };
	struct side *sides = calloc((size_t)n * 2, sizeof(*sides));
	double client_us = 0, server_us = 0;

	client = tls_credentials_new(&none, NULL, &why);
	if (!server || !client || !sides || !tls_credentials_pin(server, pin))
		return 1;
	struct mallinfo2 before = mallinfo2();
	for (int i = 0; i < n; i++) {
		struct side *a = &sides[2 * i], *b = a + 1;

		buf_init_grow(&a->wire, 1 << 20);
		buf_init_grow(&b->wire, 1 << 20);
		double start = now_us();
		a->t = tls_connect(client, str_from(pin), NULL, now);
		drain(a);
		a->us += now_us() - start;
		start = now_us();
		b->t = tls_accept(server, now);
		b->us += now_us() - start;
		run(a, b, now);
		buf_free(&a->wire);
		buf_free(&b->wire);
		client_us += a->us;
		server_us += b->us;
	}
	struct mallinfo2 after = mallinfo2();
	printf("handshake: client %.0f us, server %.0f us\n", client_us / n, server_us / n);
	printf("idle: %.0f bytes a connection (mean of both ends)\n",
	       (double)(after.uordblks - before.uordblks) / n / 2);
	double start = now_us();
	for (int i = 0; i < 100000; i++) {
		struct side *a = &sides[0], *b = &sides[1];

		if (tls_send(a->t, str_of(block, sizeof(block))))
			return 1;
		drain(a);
		move(a, b, now);
	}
	printf("message of 1100 bytes: %.2f us to write and read it\n", (now_us() - start) / 100000);
	return 0;
}
