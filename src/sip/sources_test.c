#include "sip/sources.h"

#include "base/test.h"

static struct addr at(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(str_from(text), 5060, &a), ERR_NONE);
	return a;
}

static enum err add(struct sip_sources *s, const char *text)
{
	struct addr a = at(text);

	return sip_sources_add(s, &a);
}

static void fill(struct sip_sources *s, uint32_t each, uint32_t max)
{
	struct rng rng;

	rng_seeded(&rng, 1);
	sip_sources_init(s, &rng, each, max);
}

static void each_source_has_its_share_and_others_keep_theirs(void **state)
{
	struct sip_sources s;
	struct addr a = at("192.0.2.1:9");

	(void)state;
	fill(&s, 2, 10);
	assert_int_equal(add(&s, "192.0.2.1:1"), ERR_NONE);
	assert_int_equal(add(&s, "192.0.2.1:2"), ERR_NONE);
	assert_int_equal(add(&s, "192.0.2.1:3"), ERR_FULL);
	assert_int_equal(add(&s, "192.0.2.2:3"), ERR_NONE);
	sip_sources_remove(&s, &a);
	assert_int_equal(add(&s, "192.0.2.1:4"), ERR_NONE);
	assert_int_equal(add(&s, "192.0.2.1:4"), ERR_FULL);
	sip_sources_free(&s);
}

static void a_64_of_ipv6_is_one_source(void **state)
{
	struct sip_sources s;

	(void)state;
	fill(&s, 2, 10);
	assert_int_equal(add(&s, "[2001:db8::1]:1"), ERR_NONE);
	assert_int_equal(add(&s, "[2001:db8::ffff:1]:1"), ERR_NONE);
	assert_int_equal(add(&s, "[2001:db8::9]:1"), ERR_FULL);
	assert_int_equal(add(&s, "[2001:db8:0:1::9]:1"), ERR_NONE);
	sip_sources_free(&s);
}

static void a_source_that_has_left_costs_nothing(void **state)
{
	struct sip_sources s;

	(void)state;
	fill(&s, 2, 3);
	for (int i = 0; i < 1000; i++) {
		struct addr a = addr_v4(10, 0, (uint8_t)(i >> 8), (uint8_t)i, 1);

		assert_int_equal(sip_sources_add(&s, &a), ERR_NONE);
		sip_sources_remove(&s, &a);
	}
	assert_int_equal(s.table.n, 0);
	for (uint8_t i = 0; i < 3; i++) {
		struct addr a = addr_v4(10, 0, 0, i, 1);

		assert_int_equal(sip_sources_add(&s, &a), ERR_NONE);
	}
	assert_int_equal(add(&s, "10.9.9.9:1"), ERR_FULL);
	sip_sources_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_source_has_its_share_and_others_keep_theirs),
		cmocka_unit_test(a_64_of_ipv6_is_one_source),
		cmocka_unit_test(a_source_that_has_left_costs_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
