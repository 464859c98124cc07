#include "net/dtls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void drain(struct dtls *d)
{
	struct dtls_do out;

	while (dtls_next(d, &out))
		;
}

/* Datagrams, each behind a byte of length (in units of 8 bytes) and one that says whether time passes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dtls_identity *identity; /* of the fuzzer's process: making keys takes its time */
	usec now = 1800000000 * USEC_PER_SEC;
	struct dtls *d;

	if (!identity)
		identity = dtls_identity_new(now);
	struct dtls_settings s = { .identity = identity, .role = size & 1 ? DTLS_ACTIVE : DTLS_PASSIVE };
	d = dtls_new(&s, now);
	if (dtls_set_fingerprint(d, dtls_identity_fingerprint(identity), now))
		return 0;
	while (size >= 2) {
		size_t n = (size_t)data[0] * 8 < size - 2 ? (size_t)data[0] * 8 : size - 2;

		if (data[1] & 1)
			dtls_tick(d, now += (usec)data[1] * 10 * USEC_PER_MS);
		dtls_recv(d, str_of((const char *)data + 2, n), now);
		drain(d);
		data += 2 + n;
		size -= 2 + n;
	}
	dtls_free(d);
	return 0;
}
