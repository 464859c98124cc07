#include "sim/link.h"

#include "base/test.h"

static void a_lossy_link_loses_what_it_says(void **state)
{
	struct sim_link l = { .delay = 1000, .loss_ppm = 100000, .duplicate_ppm = 50000 };
	struct rng rng;
	usec at[2], last = 0;
	int arrived[3] = { 0 };
	(void)state;
	rng_seeded(&rng, 1);
	for (int i = 0; i < 100000; i++)
		arrived[sim_link_datagram(&l, &rng, i, &last, at)]++;
	assert_in_range(arrived[0], 9500, 10500);
	assert_in_range(arrived[2], 4200, 4800);
}

static void jitter_keeps_the_order_and_reordering_does_not(void **state)
{
	struct sim_link l = { .delay = 10000, .jitter = 8000 };
	struct rng rng;
	usec at[2], last = 0, before = 0;
	int overtaken = 0;
	(void)state;
	rng_seeded(&rng, 1);
	for (usec now = 0; now < 1000000; now += 1000) {
		assert_int_equal(sim_link_datagram(&l, &rng, now, &last, at), 1);
		assert_true(at[0] > before);
		assert_true(at[0] >= now + 10000);
		before = at[0];
	}
	l.reorder_ppm = 200000;
	for (usec now = 2000000; now < 3000000; now += 1000) {
		assert_int_equal(sim_link_datagram(&l, &rng, now, &last, at), 1);
		overtaken += at[0] < before;
		before = at[0];
	}
	assert_true(overtaken > 20);
}

static void segments_arrive_late_rather_than_never_but_not_through_a_cut(void **state)
{
	struct sim_link l = { .delay = 1000, /* a ninth try that fails too: once in two million */ .loss_ppm = 200000 };
	struct rng rng;
	usec last = 0, before = 0;
	(void)state;
	rng_seeded(&rng, 3);
	for (usec now = 0; now < 100000; now += 1000) {
		usec at = sim_link_segment(&l, &rng, now, &last);
		assert_true(at > before);
		before = at;
	}
	l.loss_ppm = SIM_MILLION;
	assert_true(sim_link_segment(&l, &rng, 0, &last) == USEC_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lossy_link_loses_what_it_says),
		cmocka_unit_test(jitter_keeps_the_order_and_reordering_does_not),
		cmocka_unit_test(segments_arrive_late_rather_than_never_but_not_through_a_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
