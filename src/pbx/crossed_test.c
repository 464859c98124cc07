#include "pbx/crossed.h"

#include "base/test.h"

#include <stdio.h>

static struct pbx_crossed c;
static struct rng rng;
static usec now;

static int setup(void **state)
{
	(void)state;
	rng_seeded(&rng, 7);
	now = 1700000000 * USEC_PER_SEC;
	pbx_crossed_init(&c, &rng);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pbx_crossed_free(&c);
	return 0;
}

static bool read_one(const char *text, uint16_t port, usec waited)
{
	struct host_event e = {
		.kind = HOST_DATAGRAM, .transport = TRANSPORT_UDP, .waited = waited, .bytes = str_from(text)
	};

	e.remote.port = port;
	uint64_t name = pbx_crossed_name(&c, &e);
	bool has = pbx_crossed_has(&c, name, waited, now);
	if (!has)
		pbx_crossed_note(&c, name, now);
	return has;
}

static void a_repeat_that_came_before_its_twin_was_read_is_known(void **state)
{
	(void)state;
	assert_false(read_one("REGISTER 1", 5060, USEC_PER_SEC));
	now += 300 * USEC_PER_MS;
	assert_true(read_one("REGISTER 1", 5060, 800 * USEC_PER_MS));
	assert_true(read_one("REGISTER 1", 5060, 301 * USEC_PER_MS));
}

static void one_that_came_afterwards_is_read(void **state)
{
	(void)state;
	assert_false(read_one("REGISTER 1", 5060, USEC_PER_SEC));
	now += 300 * USEC_PER_MS;
	assert_false(read_one("REGISTER 1", 5060, 200 * USEC_PER_MS));
	now += 100 * USEC_PER_MS; /* and is a twin itself from then on */
	assert_true(read_one("REGISTER 1", 5060, 150 * USEC_PER_MS));
	assert_false(read_one("REGISTER 1", 5060, 100 * USEC_PER_MS));
}

static void other_words_and_other_sources_are_others(void **state)
{
	(void)state;
	assert_false(read_one("REGISTER 1", 5060, USEC_PER_SEC));
	now += 300 * USEC_PER_MS;
	assert_false(read_one("REGISTER 2", 5060, USEC_PER_SEC));
	assert_false(read_one("REGISTER 1", 5061, USEC_PER_SEC));
}

static void what_waits_is_noted_when_its_turn_has_come(void **state)
{
	uint64_t name = pbx_crossed_name(&c, &(struct host_event){ .bytes = STR("REGISTER 1") });

	(void)state;
	pbx_crossed_note(&c, name, now);
	now += 10 * USEC_PER_SEC;
	assert_false(pbx_crossed_has(&c, name, 9 * USEC_PER_SEC, now));
	pbx_crossed_note(&c, name, now);
	now += USEC_PER_MS;
	assert_true(pbx_crossed_has(&c, name, 9 * USEC_PER_SEC, now));
}

static void where_it_is_full_the_newest_are_known(void **state)
{
	char text[40];
	int known = 0;

	(void)state;
	for (int i = 0; i < 200000; i++, now += 10) {
		snprintf(text, sizeof(text), "REGISTER %d", i);
		assert_false(read_one(text, 5060, USEC_PER_SEC));
	}
	for (int i = 190000; i < 200000; i++) {
		snprintf(text, sizeof(text), "REGISTER %d", i);
		known += read_one(text, 5060, 5 * USEC_PER_SEC);
	}
	assert_in_range(known, 9500, 10000);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_repeat_that_came_before_its_twin_was_read_is_known),
		T(one_that_came_afterwards_is_read),
		T(other_words_and_other_sources_are_others),
		T(what_waits_is_noted_when_its_turn_has_come),
		T(where_it_is_full_the_newest_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
