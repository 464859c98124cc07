/* Any datagram, as a question and as an answer: an answer of ours is STUN, short, and never answered again. */
#include "sip/keepalive.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char out[SIP_KEEPALIVE_ANSWER], again[SIP_KEEPALIVE_ANSWER], *copy = malloc(n ? n : 1);
	struct addr from = addr_v4(192, 0, 2, 1, 5060);
	struct flow flow = { .transport = TRANSPORT_UDP, .id = 1, .remote = from };
	struct sip_keepalive k = { 0 };
	struct sip_keepalive_do d;
	struct buf a, b;
	struct rng rng;

	if (!copy)
		return 0;
	memcpy(copy, data, n);
	buf_init(&a, out, sizeof(out));
	buf_init(&b, again, sizeof(again));
	if (sip_keepalive_answer(str_of(copy, n), &from, &a) &&
	    (!sip_keepalive_is(buf_str(&a)) || sip_keepalive_answer(buf_str(&a), &from, &b)))
		abort();
	rng_seeded(&rng, 1);
	sip_keepalive_start(&k, &flow, &rng, 0);
	if (n >= 20)
		memcpy(k.ways[0].id, copy + 8, sizeof(k.ways[0].id));
	sip_keepalive_recv(&k, &flow, str_of(copy, n));
	while (sip_keepalive_next(&k, &d))
		;
	free(copy);
	return 0;
}
