/*
 * crypt/digest_bench - what the doors of crypt claim: microseconds a piece of work, one thread.
 */
#include "crypt/aead.h"
#include "crypt/box.h"
#include "crypt/ctr.h"
#include "crypt/digest.h"
#include "crypt/hmac.h"
#include "crypt/password.h"
#include "crypt/random.h"
#include "crypt/sign.h"

#include <stdio.h>
#include <time.h>

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

#define MEASURE(what, n, work)                                                                                         \
	do {                                                                                                           \
		double began = now_us();                                                                               \
		for (int i = 0; i < (n); i++) {                                                                        \
			work;                                                                                          \
		}                                                                                                      \
		printf("%-44s %10.3f us\n", what, (now_us() - began) / (n));                                           \
	} while (0)

int main(void)
{
	static char text[1200];
	static uint8_t out[2048], iv[16];
	char hash[PASSWORD_HASH_MAX], letter_text[2048];
	struct rng os, stream;
	struct sign_pair pair;
	struct box_pair box;
	struct buf letter;
	str packet = str_of(text, 172), line = str_of(text, 60);
	struct digest *md5 = digest_new(DIGEST_MD5), *sha256 = digest_new(DIGEST_SHA256);
	struct hmac *hmac = hmac_new(DIGEST_SHA1, STR("0123456789abcdef0123"));
	struct ctr *ctr = ctr_new(STR("0123456789abcdef"));
	struct aead *aead = aead_new(AEAD_CHACHA20_POLY1305, STR("0123456789abcdef0123456789abcdef"));

	random_os(&os);
	random_stream(&stream);
	sign_new(&pair, &os);
	box_new(&box, &os);
	MEASURE("random_os, 16 bytes", 1000000, rng_fill(&os, out, 16));
	MEASURE("random_stream, 16 bytes", 1000000, rng_fill(&stream, out, 16));
	MEASURE("MD5, 60 bytes, kept", 1000000, digest_of(md5, line, out));
	MEASURE("SHA-256, 60 bytes, kept", 1000000, digest_of(sha256, line, out));
	MEASURE("MD5, 60 bytes, once", 100000, (void)!digest_once(DIGEST_MD5, line, out));
	MEASURE("HMAC-SHA-1, 172 bytes, kept", 1000000, hmac_of(hmac, packet, out));
	MEASURE("AES-128-CTR, 172 bytes, kept", 1000000, ctr_crypt(ctr, iv, packet, out));
	MEASURE("ChaCha20-Poly1305, 172 bytes, kept", 1000000, aead_seal(aead, iv, STR_NONE, packet, out));
	MEASURE("Ed25519 sign", 10000, sign_make(&pair, packet, out));
	MEASURE("Ed25519 check", 10000, (void)!sign_check(pair.key, packet, out));
	buf_init(&letter, letter_text, sizeof(letter_text));
	MEASURE("box_seal, 1200 bytes", 10000, {
		buf_reset(&letter);
		(void)!box_seal(box.key, STR("bench"), STR_NONE, str_of(text, 1200), &stream, &letter);
	});
	MEASURE("password_hash, today's cost", 10, (void)!password_hash(STR("x"), password_cost_today(), hash));
	digest_free(md5);
	digest_free(sha256);
	hmac_free(hmac);
	ctr_free(ctr);
	aead_free(aead);
	return 0;
}
