#include "call/registration.h"

#include "base/test.h"
#include "sip/edit.h"

#include <stdio.h>

#define INSTANCE "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"

static struct sip_stack *stack;
static struct rng rng;
static struct account account;
static struct registration reg;
static usec now = 1000 * USEC_PER_SEC;
static char sent[4000];

static const struct addr us = { .family = 4, .port = 5060, .ip = { 192, 0, 2, 1 } },
			 registrar = { .family = 4, .port = 5060, .ip = { 192, 0, 2, 9 } };

static void drain(void)
{
	struct host_event bound = { .kind = HOST_BOUND, .transport = TRANSPORT_UDP };
	struct host_want w;
	struct sip_event e;

	while (sip_stack_want(stack, &w)) {
		if (w.kind == HOST_BIND) {
			bound.id = w.id;
			bound.local = w.local;
			sip_stack_recv(stack, &bound, now);
		} else if (w.kind == HOST_SEND) {
			assert_true(str_copy_z(w.bytes, sent, sizeof(sent)));
		}
	}
	while (sip_stack_next(stack, &e, now))
		(void)registration_recv(&reg, &e, now);
}

/* The answer to what was sent last; what follows of it is in `sent` then. */
static void answered(int status, const char *lines)
{
	static char block[SIP_MSG_ARENA], out[4000];
	struct sip_reply r = { .status = status, .to_tag = STR("t"), .lines = str_from(lines) };
	struct host_event e = {
		.kind = HOST_DATAGRAM, .id = 1024, .transport = TRANSPORT_UDP, .local = us, .remote = registrar
	};
	struct arena arena;
	struct sip_msg m;
	struct buf b;

	arena_init(&arena, block, sizeof(block), SIP_MSG_HEAP_MAX);
	assert_int_equal(sip_msg_parse(&m, &arena, str_from(sent)), ERR_NONE);
	buf_init(&b, out, sizeof(out));
	assert_int_equal(sip_reply_write(&m, &r, &b), ERR_NONE);
	arena_free(&arena);
	sent[0] = '\0';
	e.bytes = buf_str(&b);
	sip_stack_recv(stack, &e, now);
	drain();
	drain();
}

static bool said(const char *part)
{
	return strstr(sent, part) != NULL;
}

static int start(void **state)
{
	struct sip_stack_config config = sip_stack_config_default();
	struct registration_settings settings = { .account = &account,
						  .rng = &rng,
						  .target = { .transport = TRANSPORT_UDP, .addr = registrar },
						  .aor = STR("sip:101@a.test"),
						  .registrar = STR("sip:a.test"),
						  .instance = *state ? STR(INSTANCE) : STR_NONE,
						  .cookie = 7 };

	config.rng = &rng;
	config.id_first = 1024;
	config.id_n = 1024;
	settings.stack = stack = sip_stack_new(&config);
	assert_non_null(stack);
	assert_int_equal(account_init(&account, STR("101"), STR(""), &rng), ERR_NONE);
	assert_int_equal(registration_init(&reg, &settings), ERR_NONE);
	sip_stack_listen(stack, TRANSPORT_UDP, &us, 0, STR_NONE);
	drain();
	registration_start(&reg, STR("sip:101@192.0.2.1"), now);
	drain();
	assert_true(said("REGISTER sip:a.test SIP/2.0"));
	return 0;
}

static int stop(void **state)
{
	(void)state;
	registration_free(&reg);
	account_wipe(&account);
	sip_stack_free(stack);
	return 0;
}

static void a_device_with_a_name_gets_a_gruu_and_learns_its_routes(void **state)
{
	(void)state;
	assert_true(said("Contact: <sip:101@192.0.2.1>;reg-id=1;+sip.instance=\"<" INSTANCE ">\"\r\n"));
	assert_true(said("Supported: path, gruu, outbound\r\n"));
	answered(200,
		 "Contact: <sip:101@192.0.2.7>;+sip.instance=\"<urn:uuid:other>\";pub-gruu=\"sip:other\";expires=9\r\n"
		 "Contact: <sip:101@192.0.2.1>;expires=600;+sip.instance=\"<" INSTANCE
		 ">\";pub-gruu=\"sip:101@a.test;gr=" INSTANCE "\"\r\n"
		 "Service-Route: <sip:p1;lr>, <sip:p2;lr>\r\nService-Route: <sip:p3;lr>");
	assert_int_equal(reg.state, REGISTRATION_UP);
	assert_string_equal(reg.gruu, "sip:101@a.test;gr=" INSTANCE);
	assert_string_equal(reg.routes, "<sip:p1;lr>, <sip:p2;lr>, <sip:p3;lr>");
	/* the next answer counts, also where it has none */
	now = registration_due(&reg);
	while (reg.client == 0) {
		(void)registration_tick(&reg, now);
		now = usec_add(now, USEC_PER_SEC);
	}
	drain();
	answered(200, "Contact: <sip:101@192.0.2.1>;expires=600");
	assert_int_equal(reg.state, REGISTRATION_UP);
	assert_string_equal(reg.gruu, "");
	assert_string_equal(reg.routes, "");
}

static void where_the_first_hop_keeps_no_flow_it_goes_without(void **state)
{
	(void)state;
	answered(439, "");
	assert_true(said("Contact: <sip:101@192.0.2.1>;+sip.instance=\"<" INSTANCE ">\"\r\n"));
	assert_true(said("Supported: path, gruu\r\n"));
	answered(439, ""); /* no end of it otherwise */
	assert_int_equal(reg.state, REGISTRATION_DOWN);
	assert_int_equal(reg.status, 439);
}

static void a_device_without_a_name_asks_for_nothing(void **state)
{
	(void)state;
	assert_true(said("Contact: <sip:101@192.0.2.1>\r\n"));
	answered(423, "Min-Expires: 1800");
	assert_true(said("Expires: 1800\r\n"));
	answered(200, "Contact: <sip:101@192.0.2.1>;expires=1800;pub-gruu=\"sip:x\"");
	assert_string_equal(reg.gruu, "");
}

#define NAMED(test)                                                                                                    \
	{                                                                                                              \
#test, test, start, stop, (void *)1                                                                    \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NAMED(a_device_with_a_name_gets_a_gruu_and_learns_its_routes),
		NAMED(where_the_first_hop_keeps_no_flow_it_goes_without),
		cmocka_unit_test_setup_teardown(a_device_without_a_name_asks_for_nothing, start, stop),
	};

	rng_seeded(&rng, 5);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
