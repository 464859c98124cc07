/* Bytes on a stream into a super node: the first byte says whether HELLO was already said. */
#include "overlay/supernode.h"

#include "overlay/frame.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define NOW ((usec)1800000000 * USEC_PER_SEC)

static void say_hello(struct host_service *s, const struct sign_pair *authority, struct rng *rng, uint8_t role)
{
	struct overlay_message m = { .type = OVERLAY_HELLO, .id = 1, .role = role };
	struct overlay_certificate c = { .not_before = NOW, .not_after = NOW + OVERLAY_LIFE_MIN };
	uint8_t text[OVERLAY_PROOF_MAX], binding[OVERLAY_BINDING_N] = { 0 };
	struct sign_pair device;
	char frame[1100];
	struct buf b;

	sign_new(&device, rng);
	memcpy(c.device, device.key, OVERLAY_KEY_N);
	(void)!overlay_domain_parse(STR("net.example"), &c.network);
	(void)!overlay_name_parse(STR("alice"), &c.name);
	if (overlay_certificate_sign(&c, authority) != ERR_NONE)
		abort();
	m.certificate = overlay_certificate_str(&c);
	size_t text_n = overlay_proof_text(&m, binding, text);
	sign_make(&device, str_of((const char *)text, text_n), m.proof);
	buf_init(&b, frame, sizeof(frame));
	overlay_message_write(&b, &m);
	struct host_event e = { .kind = HOST_BYTES, .id = 0x80000001, .bytes = buf_str(&b) };
	s->recv(s->self, &e, NOW);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct overlay_supernode_setup setup = { .listen = addr_v4(192, 0, 2, 2, 5443) };
	struct host_event e = { .kind = HOST_ACCEPTED, .id = 0x80000001, .remote = addr_v4(198, 51, 100, 1, 1) };
	struct sign_pair authority;
	struct host_want want;
	struct rng rng;

	if (n < 1)
		return 0;
	rng_seeded(&rng, 1);
	sign_new(&authority, &rng);
	memcpy(setup.network.authority, authority.key, OVERLAY_KEY_N);
	(void)!overlay_domain_parse(STR("net.example"), &setup.network.name);
	setup.rng = &rng;
	setup.caps.flow_max = 4;
	struct overlay_supernode *node = overlay_supernode_new(&setup, NOW);
	if (!node)
		abort();
	struct host_service s = overlay_supernode_service(node);
	s.recv(s.self, &e, NOW);
	if (data[0] & 3)
		say_hello(&s, &authority, &rng, data[0] & 1 ? OVERLAY_ROLE_NODE : OVERLAY_ROLE_SUPERNODE);
	e.kind = HOST_BYTES;
	e.bytes = str_of((const char *)data + 1, n - 1);
	s.recv(s.self, &e, NOW + 1);
	e.kind = HOST_DATAGRAM;
	s.recv(s.self, &e, NOW + 2);
	while (s.next(s.self, &want))
		;
	overlay_supernode_free(node);
	return 0;
}
