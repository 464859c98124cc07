#include "pbx/sieve.h"

#include "base/host.h"
#include "base/test.h"

static void hear(struct pbx_sieve *s, int n, bool is_repeat)
{
	while (n-- > 0)
		if (is_repeat)
			pbx_sieve_hear_repeat(s);
		else
			pbx_sieve_hear_new(s, 450, false);
}

static void where_nearly_all_are_repeats_they_are_sifted(void **state)
{
	struct pbx_sieve s = { 0 };

	(void)state;
	assert_int_equal(sizeof(PBX_SIEVE_WORD) - 1, HOST_SIFT_N);
	hear(&s, 2000, true);
	assert_false(pbx_sieve_turn(&s, 1000, 1000));
	hear(&s, 100, true);
	assert_true(pbx_sieve_turn(&s, 1000, 1000));
	assert_true(s.on);
	assert_false(pbx_sieve_turn(&s, 1000, 1000));
}

static void a_few_new_ones_end_it(void **state)
{
	struct pbx_sieve s = { 0 };

	(void)state;
	hear(&s, 100000, true);
	assert_true(pbx_sieve_turn(&s, 1000, 1000));
	hear(&s, 50, false);
	assert_true(pbx_sieve_turn(&s, 1000, 1000));
	assert_false(s.on);
	hear(&s, 500, true);
	assert_false(pbx_sieve_turn(&s, 1000, 1000));
}

static void one_new_in_a_hundred_is_hardly_anything_one_in_thirty_is_not(void **state)
{
	struct pbx_sieve s = { 0 };

	(void)state;
	for (int i = 0; i < 10000; i++)
		hear(&s, 1, i % 100 != 0);
	assert_true(pbx_sieve_turn(&s, 1000, 1000));
	for (int i = 0; i < 10000; i++)
		hear(&s, 1, i % 30 != 0);
	assert_true(pbx_sieve_turn(&s, 1000, 1000));
	assert_false(s.on);
}

static void before_the_work_runs_out_all_are_let_in(void **state)
{
	struct pbx_sieve s = { 0 };

	(void)state;
	hear(&s, 10000, true);
	assert_false(pbx_sieve_turn(&s, 900, 1000));
	assert_true(pbx_sieve_turn(&s, 1000, 1000));
	assert_false(pbx_sieve_turn(&s, 600, 1000));
	assert_true(pbx_sieve_turn(&s, 400, 1000));
	assert_false(s.on);
}

/* Also of the new ones only what will be done before they ask again, and then again more. */
static void the_more_is_in_line_the_less_is_let_in(void **state)
{
	struct pbx_sieve s = { 0 };
	uint32_t before = 65536;

	(void)state;
	hear(&s, 1000, false);
	assert_false(pbx_sieve_turn(&s, 1000, 1000));
	assert_false(pbx_sieve_turn(&s, 1200, 1000)); /* as good as all */
	for (size_t ahead = 1300; ahead <= 3100; ahead += 600) {
		assert_true(pbx_sieve_turn(&s, ahead, 1000));
		assert_true(s.on);
		assert_true(s.share < before);
		before = s.share;
	}
	assert_int_equal(s.share, PBX_SIEVE_SHARE);
	assert_false(pbx_sieve_turn(&s, 9000, 1000));
	assert_true(pbx_sieve_turn(&s, 2000, 1000));
	assert_in_range(s.share, 32000, 33500);       /* half */
	assert_false(pbx_sieve_turn(&s, 2100, 1000)); /* too little to be told */
	assert_false(pbx_sieve_turn(&s, 1900, 1000));
	assert_true(pbx_sieve_turn(&s, 1000, 1000));
	assert_false(s.on);
}

static void of_repeats_hardly_any_are_let_in_though_little_is_in_line(void **state)
{
	struct pbx_sieve s = { 0 };

	(void)state;
	hear(&s, 10000, true);
	assert_true(pbx_sieve_turn(&s, 1500, 1000));
	assert_int_equal(s.share, PBX_SIEVE_SHARE);
	assert_false(pbx_sieve_turn(&s, 4000, 1000));
	assert_false(pbx_sieve_turn(&s, 9000, 1000));
	hear(&s, 1000, false);
	assert_true(pbx_sieve_turn(&s, 1500, 1000)); /* now they are new */
	assert_true(s.on);
	assert_in_range(s.share, 40000, 50000);
}

static void what_is_read_late_has_its_repeats_behind_it(void **state)
{
	struct pbx_sieve s = { 0 };

	(void)state;
	hear(&s, 1000, false);
	pbx_sieve_waited(&s, PBX_SIEVE_LATE - 1);
	assert_false(pbx_sieve_turn(&s, 1000, 1000));
	pbx_sieve_waited(&s, PBX_SIEVE_LATE);
	assert_false(pbx_sieve_turn(&s, 900, 1000));
	assert_true(pbx_sieve_turn(&s, 1000, 1000));
	hear(&s, 1000, false);
	assert_false(pbx_sieve_turn(&s, 1000, 1000));
	pbx_sieve_waited(&s, 0);
	assert_true(pbx_sieve_turn(&s, 1000, 1000));
	assert_false(s.on);
}

/* Half of what comes is new: a challenge was heard. Half is not, and is not listened to for that. */
static void who_has_heard_a_challenge_is_let_in_and_nobody_with_him(void **state)
{
	struct pbx_sieve s = { 0 };

	(void)state;
	hear(&s, 3000, true);
	for (int i = 0; i < 500; i++)
		pbx_sieve_hear_new(&s, 700 + (size_t)i % 10, true);
	assert_true(pbx_sieve_turn(&s, 1000, 1000));
	assert_true(s.on);
	assert_in_range(s.told, 500, 700);
	for (int i = 0; i < 5000; i++) {
		pbx_sieve_hear_new(&s, 700 + (size_t)i % 10, true);
		assert_false(pbx_sieve_turn(&s, 1000, 1000));
	}
	hear(&s, 100, false);
	assert_true(pbx_sieve_turn(&s, 1000, 1000));
	assert_false(s.on);
}

static void a_few_short_ones_do_not_matter_many_do(void **state)
{
	struct pbx_sieve s = { 0 };

	(void)state;
	for (int i = 0; i < 5000; i++)
		pbx_sieve_hear_new(&s, i % 20 ? 700 : 100, true);
	assert_in_range(s.longer, 650, 700);
	hear(&s, 4000, true);
	assert_true(pbx_sieve_turn(&s, 1000, 1000));
	uint16_t told = s.told;
	for (int i = 0; i < 5000; i++) {
		pbx_sieve_hear_new(&s, i % 2 ? 700 : 500, true);
		hear(&s, 64, true);
	}
	assert_in_range(s.longer, 500, 520);
	assert_true(pbx_sieve_turn(&s, 1000, 1000)); /* told anew */
	assert_true(s.on);
	assert_true(s.told < told);
}

static void where_nobody_bears_credentials_all_lengths_are_sifted(void **state)
{
	struct pbx_sieve s = { 0 };

	(void)state;
	hear(&s, 10000, true);
	assert_true(pbx_sieve_turn(&s, 1000, 1000));
	assert_int_equal(s.told, 0);
	pbx_sieve_hear_new(&s, 10, true); /* shorter than anything that anybody says */
	assert_false(pbx_sieve_turn(&s, 1000, 1000));
	assert_int_equal(s.told, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_nearly_all_are_repeats_they_are_sifted),
		cmocka_unit_test(a_few_new_ones_end_it),
		cmocka_unit_test(one_new_in_a_hundred_is_hardly_anything_one_in_thirty_is_not),
		cmocka_unit_test(the_more_is_in_line_the_less_is_let_in),
		cmocka_unit_test(of_repeats_hardly_any_are_let_in_though_little_is_in_line),
		cmocka_unit_test(what_is_read_late_has_its_repeats_behind_it),
		cmocka_unit_test(who_has_heard_a_challenge_is_let_in_and_nobody_with_him),
		cmocka_unit_test(a_few_short_ones_do_not_matter_many_do),
		cmocka_unit_test(where_nobody_bears_credentials_all_lengths_are_sifted),
		cmocka_unit_test(before_the_work_runs_out_all_are_let_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
