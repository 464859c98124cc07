#include "media/tone.h"

#include "base/test.h"
#include "media/level.h"

#include <math.h>

static void a_tone_has_the_level_it_was_given(void **state)
{
	int16_t pcm[4800];
	struct tone t;
	(void)state;

	tone_start(&t, 1000, -20, 48000);
	tone_make(&t, pcm, 4800, 0);
	assert_true(fabs((level_dbfs(pcm, 4800)) - (-20)) < 0.05);
	assert_true(fabs((tone_level(pcm, 4800, 1000, 48000)) - (-20)) < 0.05);
	assert_true(tone_level(pcm, 4800, 2000, 48000) < -60);
	assert_true(tone_rest(pcm, 4800, 1000, 48000) < -70);
}

static void two_tones_add_and_are_told_apart(void **state)
{
	int16_t pcm[800];
	struct tone a, b;
	(void)state;

	tone_start(&a, 770, -10, 8000);
	tone_start(&b, 1336, -8, 8000);
	tone_make(&a, pcm, 800, 0);
	tone_make(&b, pcm, 800, 1);
	assert_true(fabs((tone_level(pcm, 800, 770, 8000)) - (-10)) < 0.3);
	assert_true(fabs((tone_level(pcm, 800, 1336, 8000)) - (-8)) < 0.3);
	assert_true(tone_level(pcm, 800, 941, 8000) < -30);
}

static void a_sweep_goes_evenly_through_the_octaves(void **state)
{
	static int16_t pcm[48000 * 4];
	struct tone t;
	(void)state;

	tone_sweep(&t, 100, 1600, 48000 * 4, -6, 48000); /* an octave a second */
	tone_make(&t, pcm, 48000 * 4, 0);
	assert_true(tone_level(pcm + 48000 - 480, 960, 200, 48000) > -8);
	assert_true(tone_level(pcm + 96000 - 480, 960, 400, 48000) > -8);
	assert_true(tone_level(pcm + 144000 - 480, 960, 800, 48000) > -8);
	tone_make(&t, pcm, 4800, 0);
	assert_true(fabs((tone_level(pcm, 4800, 1600, 48000)) - (-6)) < 0.1);
}

static void silence_has_no_level(void **state)
{
	int16_t pcm[100] = { 0 };
	(void)state;

	assert_true(tone_level(pcm, 100, 1000, 8000) == -120);
	assert_true(tone_level(pcm, 0, 1000, 8000) == -120);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tone_has_the_level_it_was_given),
		cmocka_unit_test(two_tones_add_and_are_told_apart),
		cmocka_unit_test(a_sweep_goes_evenly_through_the_octaves),
		cmocka_unit_test(silence_has_no_level),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
