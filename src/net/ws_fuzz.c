#include "net/ws.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void drain(struct ws *w)
{
	struct ws_do out;
	volatile char sink = 0;

	while (ws_next(w, &out))
		for (size_t i = 0; i < out.bytes.n; i++)
			sink ^= out.bytes.p[i];
	(void)sink;
}

/* A client's key and so the answer it waits for are the same in each run, so that a seed can open it. */
static void fill(struct rng *self, void *p, size_t n)
{
	(void)self;
	memset(p, 0x5a, n);
}

/* Bytes of a stranger's to a server and to a client, in two pieces, with words of ours between. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rng rng = { .fill = fill };
	struct ws_settings s = { .protocol = STR("sip"), .message_max = 4096, .rng = &rng };
	usec now = 1800000000 * USEC_PER_SEC;

	for (int client = 0; client < 2; client++) {
		struct ws *w = client ? ws_connect(&s, STR("example.org"), STR("/"), now) : ws_accept(&s, now);
		size_t cut = size ? data[size - 1] % (size + 1) : 0;
		str pieces[2] = { { (const char *)data, cut }, { (const char *)data + cut, size - cut } };

		if (!w)
			continue;
		drain(w);
		for (int i = 0; i < 2; i++) {
			ws_recv(w, pieces[i]);
			drain(w);
			if (ws_send(w, STR("\r\n"), true) == ERR_NONE)
				drain(w);
		}
		ws_close(w, 1000, now);
		drain(w);
		ws_tick(w, ws_due(w));
		drain(w);
		ws_free(w);
	}
	return 0;
}
