#include "pbx/backlog.h"

#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>

static struct pbx_backlog b;
static struct rng rng;
static usec now;

static int setup(void **state)
{
	(void)state;
	rng_seeded(&rng, 8);
	now = 1700000000 * USEC_PER_SEC;
	pbx_backlog_init(&b, &rng);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pbx_backlog_free(&b);
	return 0;
}

static enum pbx_backlog_answer put_from(struct addr remote, uint64_t name, const char *text, bool counted)
{
	bool proven = strncmp(text, "REGISTER half", 13) == 0;
	struct host_event e = { .kind = HOST_DATAGRAM,
				.transport = TRANSPORT_UDP,
				.id = 3,
				.remote = remote,
				.local = addr_v4(192, 0, 2, 1, 5060),
				.waited = USEC_PER_SEC,
				.bytes = str_from(text) };

	enum pbx_backlog_answer may = pbx_backlog_may(&b, &e, counted);
	enum pbx_backlog_answer answer = pbx_backlog_put(&b, &e, name, counted, proven, now);

	assert_true(may == answer || (may == PBX_BACKLOG_KEPT_IT && answer == PBX_BACKLOG_FULL)); /* no memory */
	return answer;
}

static void put(uint64_t name, const char *text)
{
	assert_int_equal(put_from(addr_v4(192, 0, 2, 11, 5060), name, text, true), PBX_BACKLOG_KEPT_IT);
}

static const char *take(void)
{
	static char text[100];
	struct host_event e;
	struct pbx_backlogged *it = pbx_backlog_take(&b, &e, now);

	text[0] = '\0';
	if (!it)
		return text;
	assert_int_equal(e.kind, HOST_DATAGRAM);
	assert_int_equal(e.id, 3);
	assert_int_equal(e.local.port, 5060);
	assert_true(e.waited >= USEC_PER_SEC);
	snprintf(text, sizeof(text), STR_FMT, STR_ARG(e.bytes));
	pbx_backlog_drop(&b, it);
	return text;
}

static void only_register_waits(void **state)
{
	(void)state;
	assert_true(pbx_backlog_suits(STR("REGISTER sip:example.com SIP/2.0\r\n")));
	assert_false(pbx_backlog_suits(STR("INVITE sip:example.com SIP/2.0\r\n")));
	assert_false(pbx_backlog_suits(STR("REGISTER")));
	assert_false(pbx_backlog_suits(STR_NONE));
}

static void first_come_first_served_as_it_came(void **state)
{
	(void)state;
	put(1, "REGISTER 1");
	put(2, "REGISTER 2");
	put(3, "REGISTER 3");
	assert_int_equal(pbx_backlog_n(&b), 3);
	assert_true(pbx_backlog_has(&b, 2));
	assert_string_equal(take(), "REGISTER 1");
	assert_string_equal(take(), "REGISTER 2");
	assert_false(pbx_backlog_has(&b, 2));
	put(4, "REGISTER 4");
	assert_string_equal(take(), "REGISTER 3");
	assert_string_equal(take(), "REGISTER 4");
	assert_string_equal(take(), "");
	assert_int_equal(pbx_backlog_n(&b), 0);
}

static void who_has_paid_the_challenge_goes_first_but_not_alone(void **state)
{
	int fresh = 0;

	(void)state;
	for (uint64_t i = 0; i < 80; i++) {
		put(i, "REGISTER fresh");
		put(100 + i, "REGISTER half");
	}
	assert_string_equal(take(), "REGISTER half");
	for (int i = 0; i < 79; i++)
		fresh += !strcmp(take(), "REGISTER fresh");
	assert_int_equal(fresh, 10);
}

static void what_nobody_waits_for_any_more_is_dropped(void **state)
{
	(void)state;
	put(1, "REGISTER 1");
	now += 20 * USEC_PER_SEC;
	put(2, "REGISTER 2");
	now += PBX_BACKLOG_KEPT - 20 * USEC_PER_SEC;
	assert_string_equal(take(), "REGISTER 2");
	assert_string_equal(take(), "");
	assert_int_equal(b.bytes, b.block ? (size_t)256 << 10 : 0);
}

static void one_source_does_not_fill_it(void **state)
{
	struct addr greedy = { .family = 6, .port = 1, .ip = { 0x20, 1, 0xd, 0xb8 } };
	enum pbx_backlog_answer last = PBX_BACKLOG_KEPT_IT;
	uint64_t i = 0;

	(void)state;
	for (; i < 10000 && last == PBX_BACKLOG_KEPT_IT; i++) {
		greedy.ip[15] = (uint8_t)i; /* of one /64 */
		greedy.port++;
		last = put_from(greedy, i, "REGISTER 1", true);
	}
	assert_int_equal(i, PBX_BACKLOG_SOURCE + 1);
	assert_int_equal(last, PBX_BACKLOG_GREEDY);
	put(20000, "REGISTER 2");
	assert_int_equal(put_from(greedy, 20001, "REGISTER 3", false), PBX_BACKLOG_KEPT_IT); /* not counted */
	take();
	assert_int_equal(put_from(greedy, 20002, "REGISTER 4", true), PBX_BACKLOG_KEPT_IT);
}

static void it_is_bounded_and_gives_its_memory_back(void **state)
{
	struct addr from = addr_v4(192, 0, 2, 11, 5060);
	char *text = calloc(1, PBX_BACKLOG_LONGEST + 2);
	uint64_t n = 0;

	(void)state;
	memset(text, 'x', PBX_BACKLOG_LONGEST + 1);
	assert_int_equal(put_from(from, 0, text, false), PBX_BACKLOG_FULL);
	text[PBX_BACKLOG_LONGEST] = '\0';
	while (put_from(from, n, text, false) == PBX_BACKLOG_KEPT_IT)
		n++;
	assert_in_range(b.bytes, PBX_BACKLOG_BYTES - (1 << 20), PBX_BACKLOG_BYTES);
	while (*take())
		n--;
	assert_int_equal(n, 0);
	assert_int_equal(b.bytes, 256 << 10);
	while (put_from(from, n, "REGISTER 1", false) == PBX_BACKLOG_KEPT_IT)
		n++;
	assert_int_equal(n, PBX_BACKLOG_MAX);
	free(text);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(only_register_waits),
		T(first_come_first_served_as_it_came),
		T(who_has_paid_the_challenge_goes_first_but_not_alone),
		T(what_nobody_waits_for_any_more_is_dropped),
		T(one_source_does_not_fill_it),
		T(it_is_bounded_and_gives_its_memory_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
