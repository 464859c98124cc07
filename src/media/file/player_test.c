#include "media/file/player.h"

#include "base/test.h"
#include "media/level.h"
#include "media/tone.h"

#include <math.h>

/* A second of a tone as a file of that rate. */
static struct buf tone_file(uint32_t rate_hz)
{
	static int16_t pcm[96000];
	struct buf out;
	struct tone t;

	tone_start(&t, 1000, -6, rate_hz);
	tone_make(&t, pcm, rate_hz, 0);
	buf_init_grow(&out, 1 << 20);
	wav_write_header(&out, rate_hz, rate_hz);
	wav_write_samples(&out, pcm, rate_hz);
	assert_true(buf_ok(&out));
	return out;
}

static void any_rate_is_played_at_its_pace_and_then_silence(void **state)
{
	static const uint32_t rates[] = { 8000, 16000, 44100, 48000 };
	static int16_t ear[60 * MEDIA_PERIOD];
	(void)state;

	for (size_t i = 0; i < 4; i++) {
		struct buf file = tone_file(rates[i]);
		struct player *p;

		assert_int_equal(player_new(buf_str(&file), &p), ERR_NONE);
		assert_true(player_start(p) == 0);
		for (int k = 0; k < 60; k++)
			player_take(p, ear + k * MEDIA_PERIOD, 1000 + k * MEDIA_PERIOD_US);
		assert_true(player_start(p) == 1000);
		assert_true(player_is_over(p));
		assert_true(fabs(tone_level(ear + 4800, 38400, 1000, MEDIA_RATE_HZ) + 6) < 0.1);
		/* exactly a second: what is behind it is silent, what is before it is not */
		assert_true(level_dbfs(ear + 48000 - 480, 240) > -10);
		assert_true(level_dbfs(ear + 48000 + 480, 960) < -90);
		/* sample 0 is the file's: the sine starts at zero and rises */
		int first_peak = 0;
		while (ear[first_peak + 1] > ear[first_peak])
			first_peak++;
		assert_in_range(first_peak, 10, 14); /* a quarter of 48 samples */
		player_free(p);
		buf_free(&file);
	}
}

static void what_was_heard_is_written_with_its_time(void **state)
{
	struct recorder *r = recorder_new(USEC_PER_SEC);
	int16_t pcm[MEDIA_PERIOD];
	struct buf out;
	struct wav wav;
	struct tone t;
	(void)state;

	tone_start(&t, 440, -6, MEDIA_RATE_HZ);
	for (int i = 0; i < 25; i++) {
		tone_make(&t, pcm, MEDIA_PERIOD, 0);
		recorder_put(r, pcm, 5000 + i * MEDIA_PERIOD_US);
	}
	assert_true(recorder_start(r) == 5000);
	buf_init_grow(&out, 1 << 20);
	recorder_write(r, &out);
	assert_int_equal(wav_parse(buf_str(&out), &wav), ERR_NONE);
	assert_int_equal(wav.rate_hz, 48000);
	assert_int_equal(wav.frames, 25 * MEDIA_PERIOD);
	buf_free(&out);
	recorder_free(r);
}

static void a_full_recorder_drops_and_counts(void **state)
{
	struct recorder *r = recorder_new(1);
	int16_t pcm[MEDIA_PERIOD] = { 0 };
	(void)state;

	for (int i = 0; i < 52; i++)
		recorder_put(r, pcm, i);
	assert_int_equal(recorder_frames(r), 48000);
	assert_int_equal(recorder_dropped(r), 2 * MEDIA_PERIOD);
	recorder_free(r);
}

static void no_wav_is_no_player(void **state)
{
	struct player *p;
	(void)state;

	assert_int_equal(player_new(STR("hello"), &p), ERR_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_rate_is_played_at_its_pace_and_then_silence),
		cmocka_unit_test(what_was_heard_is_written_with_its_time),
		cmocka_unit_test(a_full_recorder_drops_and_counts),
		cmocka_unit_test(no_wav_is_no_player),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
