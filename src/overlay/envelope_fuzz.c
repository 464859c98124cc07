/* SIP messages through a node's envelope, both ways. */
#include "overlay/envelope.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct overlay_envelope *e;
	static struct overlay_network network;
	static struct overlay_certificate certificate;
	static struct sign_pair device;
	static struct box_pair keys, before;
	static struct rng rng;
	str s = str_of((const char *)data, n), out;
	struct overlay_refused refused;
	struct overlay_peer peer;
	struct buf b;

	if (!e) {
		const struct overlay_envelope_setup setup = { &network, &certificate, &device, &keys, &before, &rng };

		rng_seeded(&rng, 1);
		sign_new(&device, &rng);
		box_new(&keys, &rng);
		(void)!overlay_domain_parse(STR("net.example"), &network.name);
		e = overlay_envelope_new(&setup);
		if (!e)
			abort();
	}
	buf_init_grow(&b, 400000);
	enum err err = overlay_envelope_open(e, s, 0, &b, &out, &peer);
	if (err)
		(void)!overlay_envelope_refuse(e, s, err, &b, &refused);
	(void)!overlay_envelope_close(e, s, 0, &b, &out);
	buf_free(&b);
	return 0;
}
