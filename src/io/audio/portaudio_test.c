#include "io/audio/audio.h"

#include "base/test.h"

static char why[256];

static void a_device_that_is_not_there_is_named_in_the_answer(void **state)
{
	struct audio *a = NULL;
	enum err err = audio_portaudio_open("tandem-no-such-device", &a, why, sizeof(why));
	(void)state;
	assert_true(err == ERR_ABSENT || err == ERR_UNSUPPORTED);
	assert_null(a);
	assert_true(why[0] != 0);
}

static void the_usual_device_gives_and_takes_periods(void **state)
{
	struct audio *a;
	int16_t pcm[AUDIO_PERIOD] = { 0 };
	(void)state;
	if (audio_portaudio_open(NULL, &a, why, sizeof(why)) != ERR_NONE) {
		print_message("no sound here: %s\n", why);
		skip();
	}
	for (int i = 0; i < 20; i++) {
		audio_ear(a, pcm, 0);
		audio_mouth(a, pcm, 0);
	}
	audio_close(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_that_is_not_there_is_named_in_the_answer),
		cmocka_unit_test(the_usual_device_gives_and_takes_periods),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
