#include "call/registration.h"

#include "base/test.h"
#include "sip/edit.h"
#include "sip/keepalive.h"

#include <stdio.h>

#define INSTANCE "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"

static struct sip_stack *stack;
static struct rng rng;
static struct account account;
static struct registration reg;
static usec now = 1000 * USEC_PER_SEC;
static char sent[4000];
static size_t sent_n;

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
			assert_true(w.bytes.n < sizeof(sent));
			memcpy(sent, w.bytes.p, w.bytes.n);
			sent[w.bytes.n] = '\0';
			sent_n = w.bytes.n;
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
						  .features = *state ? STR(";audio") : STR_NONE,
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
	assert_true(said("Contact: <sip:101@192.0.2.1>;reg-id=1;+sip.instance=\"<" INSTANCE ">\";audio\r\n"));
	assert_true(said("Supported: path, gruu, outbound, timer\r\n"));
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
	assert_true(said("Contact: <sip:101@192.0.2.1>;+sip.instance=\"<" INSTANCE ">\";audio\r\n"));
	assert_true(said("Supported: path, gruu, timer\r\n"));
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

/* The next datagram that it sends by itself, at its time. */
static usec next_sent(void)
{
	sent_n = 0;
	for (int i = 0; i < 100 && !sent_n; i++) {
		now = usec_min(registration_due(&reg), sip_stack_due(stack));
		sip_stack_tick(stack, now);
		(void)registration_tick(&reg, now);
		drain();
		drain();
	}
	return now;
}

static void answered_ok(const char *more)
{
	char lines[400];

	snprintf(lines, sizeof(lines), "Contact: <sip:101@192.0.2.1>;expires=3600;+sip.instance=\"<" INSTANCE ">\"%s",
		 more);
	answered(200, lines);
	assert_int_equal(reg.state, REGISTRATION_UP);
}

static void a_flow_that_is_bound_is_probed_and_told_anew_when_it_leads_nowhere(void **state)
{
	usec asked = now;

	(void)state;
	answered_ok("\r\nRequire: outbound");
	assert_in_range(next_sent() - asked, 23 * USEC_PER_SEC, 29 * USEC_PER_SEC); /* RFC 5626 4.4.2 */
	assert_true(sip_keepalive_is(str_of(sent, sent_n)));
	asked = now;
	while (sip_keepalive_is(str_of(sent, sent_n))) /* seven times in 31.5 s, given up 8 s later */
		(void)next_sent();
	assert_true(said("REGISTER sip:a.test"));
	assert_in_range(now - asked, 39 * USEC_PER_SEC, 40 * USEC_PER_SEC);
	answered_ok("\r\nRequire: outbound");
}

static void without_outbound_there_is_no_probe_that_nobody_answers(void **state)
{
	(void)state;
	answered_ok("");
	(void)next_sent();
	assert_memory_equal(sent, "\r\n\r\n", 5);
}

static void the_registrars_flow_timer_is_kept(void **state)
{
	usec asked = now;

	(void)state;
	answered_ok("\r\nRequire: outbound\r\nFlow-Timer: 10");
	assert_in_range(next_sent() - asked, 8 * USEC_PER_SEC, 10 * USEC_PER_SEC);
	/* a NAT knows nothing of two minutes */
	reg.refresh_at = now;
	while (!said("REGISTER"))
		(void)next_sent();
	asked = now;
	answered_ok("\r\nRequire: outbound\r\nFlow-Timer: 120");
	assert_in_range(reg.ping_at - asked, 23 * USEC_PER_SEC, 29 * USEC_PER_SEC);
	/* nor are more than one in five seconds */
	reg.refresh_at = now;
	while (!said("REGISTER"))
		(void)next_sent();
	asked = now;
	answered_ok("\r\nRequire: outbound\r\nFlow-Timer: 1");
	assert_in_range(reg.ping_at - asked, 4 * USEC_PER_SEC, 5 * USEC_PER_SEC);
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
		NAMED(a_flow_that_is_bound_is_probed_and_told_anew_when_it_leads_nowhere),
		NAMED(without_outbound_there_is_no_probe_that_nobody_answers),
		NAMED(the_registrars_flow_timer_is_kept),
		cmocka_unit_test_setup_teardown(a_device_without_a_name_asks_for_nothing, start, stop),
	};

	rng_seeded(&rng, 5);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
