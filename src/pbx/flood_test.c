#include "pbx/flood.h"

#include "base/test.h"

#define START (1700000000 * USEC_PER_SEC)
#define RATE  100
#define FULL  (RATE * PBX_FLOOD_BURST)

static struct pbx_flood *f;
static usec now;

static int setup(void **state)
{
	struct rng rng;

	(void)state;
	rng_seeded(&rng, 3);
	now = START;
	f = pbx_flood_new(RATE, 1, &rng);
	assert_non_null(f);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pbx_flood_free(f);
	return 0;
}

static struct addr v4(int net, int host, uint16_t port)
{
	return addr_v4(203, 0, (uint8_t)net, (uint8_t)host, port);
}

static bool is_open(struct addr a)
{
	return pbx_flood_open(f, &a, now);
}

/* How many of n things come through, each charged one unit. */
static int cause(struct addr a, int n)
{
	int heard = 0;

	for (int i = 0; i < n; i++) {
		if (!is_open(a))
			continue;
		heard++;
		pbx_flood_charge(f, &a, 1, now);
	}
	return heard;
}

static void a_source_gets_its_burst_then_its_rate(void **state)
{
	struct addr a = v4(1, 1, 5060);
	struct pbx_flood_stats stats;

	(void)state;
	assert_int_equal(cause(a, 5000), FULL);
	assert_false(is_open(a));
	now += 10 * USEC_PER_SEC / RATE;
	assert_int_equal(cause(a, 100), 10);
	now += 3 * USEC_PER_SEC;
	assert_int_equal(cause(a, 5000), 3 * RATE);
	now += 3600 * USEC_PER_SEC;
	assert_int_equal(cause(a, 5000), FULL);
	pbx_flood_stats(f, &stats);
	assert_int_equal(stats.emptied, 4);
	assert_int_equal(stats.shut, 5000 - FULL + 1 + 90 + 5000 - 3 * RATE + 5000 - FULL);
}

static void another_source_and_another_port_are_told_apart_from_one(void **state)
{
	(void)state;
	cause(v4(1, 1, 5060), FULL + 1);
	assert_false(is_open(v4(1, 1, 5062))); /* a port costs nothing to change */
	assert_true(is_open(v4(1, 2, 5060)));
	assert_true(is_open(v4(2, 1, 5060)));
}

static void a_net_of_many_sources_has_a_bound_too(void **state)
{
	int heard = 0;

	(void)state;
	for (int host = 0; host < 256; host++)
		heard += cause(v4(1, host, 5060), FULL);
	assert_int_equal(heard, PBX_FLOOD_NET * FULL);
	assert_false(is_open(v4(1, 255, 5060)));
	assert_true(is_open(v4(2, 255, 5060)));
}

static void ipv6_is_counted_by_the_subscriber(void **state)
{
	struct addr a, b, other;

	(void)state;
	assert_int_equal(addr_parse(STR("[2001:db8:1:2::1]:5060"), 0, &a), ERR_NONE);
	assert_int_equal(addr_parse(STR("[2001:db8:1:2:ffff::99]:5060"), 0, &b), ERR_NONE);
	assert_int_equal(addr_parse(STR("[2001:db8:1:3::1]:5060"), 0, &other), ERR_NONE);
	assert_int_equal(cause(a, 2 * FULL), FULL);
	assert_false(is_open(b));
	assert_true(is_open(other));
}

static void an_office_of_five_hundred_starts_all_at_once(void **state)
{
	(void)state;
	/* Power is back: 500 phones, each REGISTER and ten SUBSCRIBEs challenged and then answered rightly. */
	for (int round = 0; round < 11; round++) {
		for (uint16_t phone = 0; phone < 500; phone++) {
			struct addr a = v4(9, 9, (uint16_t)(2000 + phone));

			assert_true(is_open(a));
			pbx_flood_charge(f, &a, PBX_FLOOD_ANSWER, now);
		}
		for (uint16_t phone = 0; phone < 500; phone++) {
			struct addr a = v4(9, 9, (uint16_t)(2000 + phone));

			assert_true(is_open(a));
			pbx_flood_prove(f, &a, now);
		}
		now += 100 * USEC_PER_MS;
	}
}

static void who_has_proved_itself_is_heard_beside_a_flood_from_the_same_address(void **state)
{
	struct addr phone = v4(9, 9, 2000), flooder = v4(9, 9, 6666);

	(void)state;
	pbx_flood_prove(f, &phone, now);
	assert_int_equal(cause(flooder, 20 * FULL), PBX_FLOOD_BOOST * FULL);
	assert_false(is_open(flooder));
	assert_true(is_open(phone));
	assert_false(is_open(v4(9, 9, 2001)));
	now += PBX_FLOOD_PROVED + USEC_PER_SEC;
	assert_int_equal(cause(flooder, 20 * FULL), FULL);
	assert_false(is_open(phone));
}

static void a_wrong_password_uses_it_up_ten_times_as_fast_but_not_for_ever(void **state)
{
	struct addr a = v4(1, 1, 5060);

	(void)state;
	for (int i = 0; i < FULL / PBX_FLOOD_WRONG; i++) {
		assert_true(is_open(a));
		pbx_flood_charge(f, &a, PBX_FLOOD_WRONG, now);
	}
	assert_false(is_open(a));
	for (int i = 0; i < 1000; i++) /* were on their way already */
		pbx_flood_charge(f, &a, PBX_FLOOD_WRONG, now);
	now += USEC_PER_SEC + 2 * USEC_PER_SEC / RATE;
	assert_true(is_open(a));
}

static void a_million_sources_do_not_wash_out_the_one_that_is_shut(void **state)
{
	struct addr a = v4(1, 1, 5060);

	(void)state;
	cause(a, FULL + 1);
	assert_false(is_open(a));
	for (uint32_t i = 0; i < 1000000; i++) {
		struct addr b = addr_v4((uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i, 1, 5060);

		pbx_flood_charge(f, &b, 1, now);
	}
	assert_false(is_open(a));
}

static void without_a_rate_all_are_heard(void **state)
{
	(void)state;
	pbx_flood_set_rate(f, 0);
	assert_int_equal(cause(v4(1, 1, 5060), 10 * FULL), 10 * FULL);
	pbx_flood_set_rate(f, RATE);
	assert_int_equal(cause(v4(1, 1, 5060), 10 * FULL), FULL);
}

static void each_worker_has_its_share(void **state)
{
	struct rng rng;
	int heard = 0;

	(void)state;
	pbx_flood_free(f);
	rng_seeded(&rng, 4);
	f = pbx_flood_new(RATE, 4, &rng);
	assert_int_equal(cause(v4(1, 1, 1), FULL), FULL / 4);
	now += 10 * USEC_PER_SEC;
	pbx_flood_set_rate(f, 2 * RATE); /* settings that were read anew */
	now += 10 * USEC_PER_SEC;
	assert_int_equal(cause(v4(1, 1, 1), 2 * FULL), 2 * FULL / 4);
	pbx_flood_set_rate(f, 0);
	assert_int_equal(cause(v4(1, 1, 1), FULL), FULL);
	/* however many: somebody who says little is heard */
	pbx_flood_free(f);
	f = pbx_flood_new(1, 61, &rng);
	for (int i = 0; i < 100; i++, now += 5 * USEC_PER_SEC)
		heard += cause(v4(1, 1, 1), 1);
	assert_int_equal(heard, 100);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_source_gets_its_burst_then_its_rate),
		T(another_source_and_another_port_are_told_apart_from_one),
		T(a_net_of_many_sources_has_a_bound_too),
		T(ipv6_is_counted_by_the_subscriber),
		T(an_office_of_five_hundred_starts_all_at_once),
		T(who_has_proved_itself_is_heard_beside_a_flood_from_the_same_address),
		T(each_worker_has_its_share),
		T(a_wrong_password_uses_it_up_ten_times_as_fast_but_not_for_ever),
		T(a_million_sources_do_not_wash_out_the_one_that_is_shut),
		T(without_a_rate_all_are_heard),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
