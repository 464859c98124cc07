#include "net/tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bytes of a stranger's to a client and to a server that has no certificate, in two pieces. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tls_credentials *credentials; /* of the fuzzer's process */
	static char scratch[16384];
	struct tls_settings s = { 0 };
	enum err why;
	usec now = 1800000000 * USEC_PER_SEC;

	if (!credentials)
		credentials = tls_credentials_new(&s, NULL, &why);
	for (int client = 0; client < 2; client++) {
		struct tls *t =
			client ? tls_connect(credentials, STR("example.org"), NULL, now) : tls_accept(credentials, now);
		size_t cut = size ? data[0] % (size + 1) : 0;
		str pieces[2] = { { (const char *)data, cut }, { (const char *)data + cut, size - cut } };
		struct tls_do out;

		for (int i = 0; i < 2; i++) {
			tls_recv(t, pieces[i], now);
			while (tls_next(t, scratch, sizeof(scratch), &out))
				;
		}
		tls_free(t);
	}
	return 0;
}
