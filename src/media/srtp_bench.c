/* What sealing and opening a G.711 packet (172 bytes) costs, ns a packet. */
#include "media/srtp.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define PACKET_N 172
#define ROUNDS   400000

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fill(unsigned char *p, unsigned i)
{
	memset(p, 0x55, PACKET_N);
	p[0] = 0x80;
	p[1] = 8;
	p[2] = (unsigned char)(i >> 8);
	p[3] = (unsigned char)i;
}

static void measure(const char *name, enum srtp_profile profile)
{
	static const unsigned char key[16] = { 1 }, salt[14] = { 2 };
	struct srtp *out = srtp_new(profile, key, salt), *in = srtp_new(profile, key, salt);
	unsigned char packet[PACKET_N + SRTP_TAIL_MAX];
	double sealing = 0, opening = 0;
	unsigned bad = 0;

	for (unsigned i = 0; i < ROUNDS; i += 1000) {
		static unsigned char batch[1000][PACKET_N + SRTP_TAIL_MAX];
		size_t n[1000];

		for (unsigned k = 0; k < 1000; k++)
			fill(batch[k], i + k);
		double start = seconds();
		for (unsigned k = 0; k < 1000; k++) {
			n[k] = PACKET_N;
			bad += srtp_protect(out, batch[k], &n[k], sizeof(packet)) != ERR_NONE;
		}
		double middle = seconds();
		for (unsigned k = 0; k < 1000; k++)
			bad += srtp_unprotect(in, batch[k], &n[k]) != ERR_NONE;
		opening += seconds() - middle;
		sealing += middle - start;
	}
	printf("%-28s protect %4.0f ns  unprotect %4.0f ns%s\n", name, sealing / ROUNDS * 1e9, opening / ROUNDS * 1e9,
	       bad ? "  WRONG" : "");
	srtp_free(out);
	srtp_free(in);
}

int main(void)
{
	measure("AES_CM_128_HMAC_SHA1_80", SRTP_AES_CM_128_HMAC_SHA1_80);
	measure("AES_CM_128_HMAC_SHA1_32", SRTP_AES_CM_128_HMAC_SHA1_32);
	measure("AEAD_AES_128_GCM", SRTP_AEAD_AES_128_GCM);
	return 0;
}
