#include "io/audio/audio.h"

#include "base/test.h"

static void it_speaks_silence_and_measures_what_it_hears(void **state)
{
	struct audio *a = audio_null_open();
	int16_t pcm[AUDIO_PERIOD] = { [3] = 77 }, loud[AUDIO_PERIOD] = { [5] = -32768, [6] = 100 };
	(void)state;
	assert_non_null(a);
	audio_mouth(a, pcm, 0);
	assert_int_equal(pcm[3], 0);
	audio_ear(a, pcm, 0);
	assert_int_equal(audio_null_figures(a).peak, 0);
	audio_ear(a, loud, 0);
	assert_int_equal(audio_null_figures(a).peak, 32767);
	assert_int_equal(audio_null_figures(a).heard, 2);
	assert_int_equal(audio_null_figures(a).spoken, 1);
	audio_close(a);
	audio_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_speaks_silence_and_measures_what_it_hears),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
