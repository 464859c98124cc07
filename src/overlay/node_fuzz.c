/* What a login service and a super node may say to a node: the first byte chooses. */
#include "overlay/node.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define NOW ((usec)1800000000 * USEC_PER_SEC)

/* A node that has a certificate, as its saved state. */
static void make_state(struct overlay_node_state *s, const struct sign_pair *authority, struct rng *rng)
{
	overlay_node_state_make(s, rng);
	s->certificate.not_before = NOW;
	s->certificate.not_after = NOW + OVERLAY_LIFE_MIN;
	memcpy(s->certificate.device, s->device.key, OVERLAY_KEY_N);
	(void)!overlay_domain_parse(STR("net.example"), &s->certificate.network);
	(void)!overlay_name_parse(STR("alice"), &s->certificate.name);
	if (overlay_certificate_sign(&s->certificate, authority) != ERR_NONE)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct overlay_node_state state;
	struct overlay_network network = { .login_n = 1, .supernode_n = 1 };
	struct overlay_node_setup setup = { .network = &network, .name = STR("alice"), .stream_first = 1 };
	struct overlay_node_event event;
	struct overlay_node *node;
	struct sign_pair authority;
	struct host_want want;
	struct rng rng;
	struct buf b;

	if (n < 1)
		return 0;
	rng_seeded(&rng, 1);
	sign_new(&authority, &rng);
	memcpy(network.authority, authority.key, OVERLAY_KEY_N);
	(void)!overlay_domain_parse(STR("net.example"), &network.name);
	(void)!overlay_server_parse(STR("192.0.2.1:1"), &network.login[0]);
	(void)!overlay_server_parse(STR("192.0.2.2:1"), &network.supernode[0]);
	make_state(&state, &authority, &rng);
	buf_init_grow(&b, OVERLAY_NODE_STATE_MAX);
	overlay_node_state_write(&state, &b);
	setup.state = buf_str(&b);
	setup.rng = &rng;
	if (data[0] & 1)
		setup.password = STR("secret");
	if (overlay_node_new(&setup, NOW, &node) != ERR_NONE)
		abort();
	overlay_node_tick(node, NOW);
	while (overlay_node_want(node, &want)) {
		struct host_event e = { .kind = HOST_OPENED, .id = want.id };

		if (want.kind != HOST_OPEN)
			continue;
		overlay_node_recv(node, &e, NOW);
		e.kind = HOST_BYTES;
		e.bytes = str_of((const char *)data + 1, n - 1);
		overlay_node_recv(node, &e, NOW);
	}
	while (overlay_node_next(node, &event))
		;
	while (overlay_node_want(node, &want))
		;
	overlay_node_free(node);
	buf_free(&b);
	return 0;
}
