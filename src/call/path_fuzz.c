#include "call/path.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void drain(struct path *p, usec now)
{
	struct host_want want;
	struct path_do out;

	while (path_want(p, &want)) {
		struct host_event e = { .kind = HOST_BOUND, .id = want.id, .local = want.local };

		if (want.kind != HOST_BIND)
			continue;
		e.local.port = 4000;
		path_recv(p, &e, now);
	}
	while (path_next(p, &out))
		;
}

/* Datagrams at a path of any kind: a byte says what it is, then for each one length, source and time. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned kinds[] = { SDP_PLAIN, SDP_SDES, SDP_DTLS, SDP_DTLS };
	static struct dtls_identity *identity; /* of the fuzzer's process */
	usec now = 1800000000 * USEC_PER_SEC;
	struct rng rng;
	struct sdp_offer_result *r;
	struct path *p;

	if (size == 0)
		return 0;
	rng_seeded(&rng, 1);
	if (!identity)
		identity = dtls_identity_new(now);
	unsigned kind = kinds[data[0] & 3];
	struct path_settings s = { .locals = { addr_v4(192, 0, 2, 1, 0) },
				   .local_n = 1,
				   .socket = 1,
				   .ice = data[0] & 4,
				   .offerer = data[0] & 8,
				   .security = kind,
				   .identity = identity,
				   .rtcp_mux = data[0] & 16,
				   .latch = data[0] & 32,
				   .rng = &rng };
	p = path_new(&s, now);
	drain(p, now);
	r = calloc(1, sizeof(*r));
	path_local(p, &r->remote); /* as if it spoke with itself */
	r->security = (enum sdp_security)kind;
	r->ice = s.ice;
	r->dtls_client = data[0] & 64;
	memcpy(r->local_sdes_key, r->remote.sdes_key, sizeof(r->local_sdes_key));
	r->local_sdes_key_n = r->remote.sdes_key_n;
	r->remote.rtp = addr_v4(192, 0, 2, 2, 5000);
	if (path_agree(p, r, now) == ERR_NONE)
		drain(p, now);
	free(r);
	for (data++, size--; size >= 2;) {
		size_t n = data[0] < size - 2 ? data[0] : size - 2;
		struct host_event e = { .kind = HOST_DATAGRAM,
					.id = 1 + (data[1] >> 7),
					.remote = addr_v4(192, 0, 2, 2 + (data[1] & 1), 5000),
					.bytes = { (const char *)data + 2, n } };

		path_recv(p, &e, now += (usec)(data[1] & 0x7e) * 10 * USEC_PER_MS);
		path_tick(p, now);
		drain(p, now);
		data += 2 + n;
		size -= 2 + n;
	}
	path_close(p, now);
	drain(p, now);
	path_free(p);
	return 0;
}
