#include "pbx/throttle.h"

#include "base/test.h"

static struct pbx_throttle t;
static struct rng rng;
static const struct addr here = { .family = 4, .port = 5060, .ip = { 192, 0, 2, 1 } };
static const struct addr there = { .family = 4, .port = 5060, .ip = { 192, 0, 2, 2 } };

static int setup(void **state)
{
	(void)state;
	t = (struct pbx_throttle){ 0 };
	rng_seeded(&rng, 4);
	return 0;
}

static int spared(const struct addr *a, usec now)
{
	int n = 0;

	for (int i = 0; i < 1000; i++)
		n += pbx_throttle_spares(&t, a, false, &rng, now);
	return n;
}

static void it_is_spared_as_much_and_as_long_as_it_says(void **state)
{
	(void)state;
	pbx_throttle_hear(&t, &here, STR("branch=z;oc=20;oc-algo=\"loss\";oc-validity=1000;oc-seq=1282321615.782"), 0);
	assert_in_range(spared(&here, 1), 150, 250);
	assert_int_equal(spared(&there, 1), 0);
	assert_in_range(spared(&here, USEC_PER_SEC - 1), 150, 250);
	assert_int_equal(spared(&here, USEC_PER_SEC), 0);
	pbx_throttle_hear(&t, &here, STR("oc=100;oc-seq=1282321616.0"), USEC_PER_SEC);
	assert_int_equal(spared(&here, USEC_PER_SEC + PBX_THROTTLE_VALID - 1), 1000);
	assert_int_equal(spared(&here, USEC_PER_SEC + PBX_THROTTLE_VALID), 0);
	pbx_throttle_hear(&t, &here, STR("oc=100;oc-validity=4294967295;oc-seq=1282321617.0"), 0);
	assert_int_equal(spared(&here, PBX_THROTTLE_LONG), 0);
}

static void an_overtaken_answer_changes_nothing(void **state)
{
	(void)state;
	pbx_throttle_hear(&t, &here, STR("oc=100;oc-validity=9000;oc-seq=1282321615.78"), 0);
	pbx_throttle_hear(&t, &here, STR("oc=0;oc-validity=0;oc-seq=1282321615.7"), 0);
	assert_int_equal(spared(&here, 1), 1000);
	pbx_throttle_hear(&t, &here, STR("oc=0;oc-validity=0;oc-seq=1282321615.781"), 0);
	assert_int_equal(spared(&here, 1), 0);
}

/* 5.4: what is said twice is not valid for longer; 5.7: what is over is as if never said; 4.4: a sequence may begin
 * anew */
static void a_wish_ends_when_it_says_and_a_sequence_may_begin_anew(void **state)
{
	(void)state;
	pbx_throttle_hear(&t, &here, STR("oc=100;oc-validity=1000;oc-seq=1282321615.78"), 0);
	pbx_throttle_hear(&t, &here, STR("oc=100;oc-validity=1000;oc-seq=1282321615.78"), 900 * USEC_PER_MS);
	assert_int_equal(spared(&here, USEC_PER_SEC), 0);
	pbx_throttle_hear(&t, &here, STR("oc=100;oc-validity=1000;oc-seq=1282321000.1"), USEC_PER_SEC);
	assert_int_equal(spared(&here, USEC_PER_SEC + 1), 1000);
	pbx_throttle_hear(&t, &here, STR("oc=0;oc-validity=0;oc-seq=3.1"), USEC_PER_SEC + 2);
	assert_int_equal(spared(&here, USEC_PER_SEC + 3), 0);
	pbx_throttle_hear(&t, &here, STR("oc=100;oc-algo=\"rate\";oc-seq=4.1"), USEC_PER_SEC + 4);
	assert_int_equal(spared(&here, USEC_PER_SEC + 5), 0);
}

/* 7.2: the percentage is of all requests; those inside dialogs are spared last */
static void what_begins_something_is_spared_first(void **state)
{
	unsigned first = 0, inside = 0;

	(void)state;
	for (unsigned percent = 20; percent <= 80; percent += 60) {
		char text[60];
		struct buf b;

		buf_init(&b, text, sizeof(text));
		buf_printf(&b, "oc=%u;oc-validity=9000;oc-seq=%u.1", percent, percent);
		pbx_throttle_hear(&t, &here, buf_str(&b), 0);
		first = inside = 0;
		for (unsigned i = 0; i < 10000; i++) {
			bool in = i % 5 >= 2; /* 40 of 100 begin something */

			*(in ? &inside : &first) += pbx_throttle_spares(&t, &here, in, &rng, 1);
		}
		if (percent == 20) {
			assert_in_range(first, 1800, 2200);
			assert_in_range(inside, 0, 20);
		}
	}
	assert_in_range(first, 3900, 4000);
	assert_in_range(inside, 3700, 4300);
}

static void nonsense_is_not_obeyed(void **state)
{
	static const char *const bad[] = { "oc",
					   "oc=",
					   "oc=101",
					   "oc=-1",
					   "oc=x",
					   "oc=50;oc-seq=x.1",
					   "oc=50;oc-seq=1234567890123.1",
					   "oc=50;oc-seq=1.123456",
					   "oc=50;oc-seq=1.x",
					   "branch=z" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		pbx_throttle_hear(&t, &here, str_from(bad[i]), 0);
	assert_int_equal(spared(&here, 1), 0);
}

static void too_many_neighbours_make_room_for_each_other(void **state)
{
	(void)state;
	pbx_throttle_hear(&t, &here, STR("oc=100;oc-validity=9000"), 0);
	for (uint16_t i = 1; i <= 2 * PBX_THROTTLE_MAX; i++) {
		struct addr a = there;

		a.port = i;
		pbx_throttle_hear(&t, &a, STR("oc=100"), 0);
		assert_int_equal(spared(&a, 1), 1000);
	}
	assert_int_equal(spared(&here, 1), 1000);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_wish_ends_when_it_says_and_a_sequence_may_begin_anew),
		T(what_begins_something_is_spared_first),
		T(it_is_spared_as_much_and_as_long_as_it_says),
		T(an_overtaken_answer_changes_nothing),
		T(nonsense_is_not_obeyed),
		T(too_many_neighbours_make_room_for_each_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
