#include "media/plc.h"

#include "base/test.h"
#include "media/level.h"
#include "media/tone.h"

#include <math.h>
#include <stdlib.h>

static void a_gap_goes_on_in_the_same_pitch_without_a_click(void **state)
{
	struct plc p;
	struct tone t;
	int16_t pcm[160], gap[80], step = 0;
	(void)state;

	plc_init(&p, 8000);
	tone_start(&t, 170, -6, 8000);
	for (int i = 0; i < 8; i++) {
		tone_make(&t, pcm, 160, 0);
		plc_heard(&p, pcm, 160);
	}
	for (int i = 1; i < 160; i++)
		if (abs(pcm[i] - pcm[i - 1]) > step)
			step = (int16_t)abs(pcm[i] - pcm[i - 1]);
	plc_conceal(&p, gap, 80);
	assert_true(abs(gap[0] - pcm[159]) < step * 2);
	assert_true(fabs(level_dbfs(gap, 80) + 6) < 2);
	plc_conceal(&p, gap, 80);
	tone_make(&t, pcm, 160, 0); /* lost */
	tone_make(&t, pcm, 160, 0);
	for (int i = 0; i < 160; i++) /* the worst that can follow: the other way round, and loud */
		pcm[i] = (int16_t)(pcm[i] > 0 ? -16000 : 16000);
	plc_heard(&p, pcm, 160);
	for (int i = 1; i < 8; i++)
		assert_true(abs(pcm[i] - pcm[i - 1]) < 4 * step);
	assert_true(abs(pcm[0] - gap[79]) < 2 * step);
}

static void a_long_gap_is_silent_after_sixty_ms(void **state)
{
	struct plc p;
	struct tone t;
	int16_t pcm[960];
	(void)state;

	plc_init(&p, 8000);
	tone_start(&t, 300, -6, 8000);
	tone_make(&t, pcm, 960, 0);
	plc_heard(&p, pcm, 960);
	plc_conceal(&p, pcm, 960);
	assert_true(level_dbfs(pcm + 240, 160) < level_dbfs(pcm, 80) - 6);
	assert_true(level_dbfs(pcm + 481, 479) == -120);
}

static void before_anything_was_heard_there_is_silence(void **state)
{
	struct plc p;
	int16_t pcm[160] = { 1 };
	(void)state;

	plc_init(&p, 16000);
	plc_conceal(&p, pcm, 160);
	assert_true(level_dbfs(pcm, 160) == -120);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_gap_goes_on_in_the_same_pitch_without_a_click),
		cmocka_unit_test(a_long_gap_is_silent_after_sixty_ms),
		cmocka_unit_test(before_anything_was_heard_there_is_silence),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
