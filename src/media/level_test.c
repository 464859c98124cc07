#include "media/level.h"

#include "base/test.h"

#include <math.h>

static void a_full_scale_sine_is_zero(void **state)
{
	int16_t pcm[480];
	(void)state;

	for (int i = 0; i < 480; i++)
		pcm[i] = (int16_t)lrint(32767 * sin(2 * M_PI * i / 48));
	assert_true(fabs(level_dbfs(pcm, 480)) < 0.01);
	assert_int_equal(level_dbov(pcm, 480), 3); /* RFC 6464: overload is a square wave */
}

static void silence_is_the_bottom(void **state)
{
	int16_t pcm[10] = { 0 };
	(void)state;

	assert_true(level_dbfs(pcm, 10) == -120);
	assert_true(level_dbfs(pcm, 0) == -120);
	assert_int_equal(level_dbov(pcm, 10), 127);
}

static void gain_is_in_db_and_clips(void **state)
{
	int16_t pcm[3] = { 1000, -1000, 30000 };
	(void)state;

	level_gain(pcm, 3, 6.0206);
	assert_int_equal(pcm[0], 2000);
	assert_int_equal(pcm[1], -2000);
	assert_int_equal(pcm[2], 32767);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_scale_sine_is_zero),
		cmocka_unit_test(silence_is_the_bottom),
		cmocka_unit_test(gain_is_in_db_and_clips),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
