/* A stranger's bytes at the login service. */
#include "overlay/login.h"

#include "store/keeper.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct overlay_login_setup setup = { .flow_max = 4 };
	struct host_event e = { .kind = HOST_ACCEPTED, .id = 0x80000001, .remote = addr_v4(198, 51, 100, 1, 1) };
	struct host_want want;
	struct rng rng;

	rng_seeded(&rng, 1);
	sign_new(&setup.authority, &rng);
	(void)!overlay_domain_parse(STR("net.example"), &setup.network);
	setup.rng = &rng;
	struct overlay_login *login = overlay_login_new(&setup, 0);
	if (!login)
		abort();
	struct host_service s = overlay_login_service(login);
	s.recv(s.self, &e, 1);
	e.kind = HOST_BYTES;
	e.bytes = str_of((const char *)data, n);
	s.recv(s.self, &e, 2);
	while (s.next(s.self, &want))
		if (want.kind == HOST_ASK)
			keeper_ask_free(want.message);
	overlay_login_free(login);
	return 0;
}
