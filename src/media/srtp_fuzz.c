/* Any datagram as SRTP and SRTCP of each profile: nobody without the key gets one accepted. */
#include "media/srtp.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const enum srtp_profile profiles[] = { SRTP_AES_CM_128_HMAC_SHA1_80, SRTP_AEAD_AES_128_GCM };
	static const uint8_t key[16] = { 1 }, salt[14] = { 2 };
	uint8_t packet[2048];

	if (n > sizeof(packet) - SRTP_TAIL_MAX)
		return 0;
	for (size_t i = 0; i < 2; i++) {
		struct srtp *out = srtp_new(profiles[i], key, salt), *in = srtp_new(profiles[i], key, salt);
		size_t size = n;

		memcpy(packet, data, n);
		if (!srtp_unprotect(in, packet, &size))
			abort();
		size = n;
		memcpy(packet, data, n);
		if (!srtp_unprotect_rtcp(in, packet, &size))
			abort();
		/* what we seal is opened again, whatever the header says */
		size = n;
		memcpy(packet, data, n);
		if (!srtp_protect(out, packet, &size, sizeof(packet)) &&
		    (srtp_unprotect(in, packet, &size) || size != n || memcmp(packet, data, n) != 0))
			abort();
		size = n;
		memcpy(packet, data, n);
		if (!srtp_protect_rtcp(out, packet, &size, sizeof(packet)) &&
		    (srtp_unprotect_rtcp(in, packet, &size) || size != n || memcmp(packet, data, n) != 0))
			abort();
		srtp_free(out);
		srtp_free(in);
	}
	return 0;
}
