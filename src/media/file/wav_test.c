#include "media/file/wav.h"

#include "base/test.h"
#include "media/tone.h"

static void what_is_written_is_read_at_any_rate(void **state)
{
	static const uint32_t rates[] = { 8000, 16000, 44100, 48000 };
	int16_t pcm[4410], back[4410];
	char room[16384];
	struct buf out;
	struct wav wav;
	struct tone t;
	(void)state;

	for (size_t i = 0; i < 4; i++) {
		buf_init(&out, room, sizeof(room));
		tone_start(&t, 440, -3, rates[i]);
		tone_make(&t, pcm, 4410, 0);
		wav_write_header(&out, rates[i], 4410);
		assert_int_equal(out.n, WAV_HEADER_N);
		wav_write_samples(&out, pcm, 4410);
		assert_int_equal(wav_parse(buf_str(&out), &wav), ERR_NONE);
		assert_int_equal(wav.rate_hz, rates[i]);
		assert_int_equal(wav.frames, 4410);
		assert_int_equal(wav_read(&wav, 0, back, 4410), 4410);
		assert_memory_equal(pcm, back, sizeof(pcm));
	}
}

static void behind_the_end_there_is_silence(void **state)
{
	char room[64];
	struct buf out;
	struct wav wav;
	int16_t pcm[4] = { 9, 9, 9, 9 };
	(void)state;

	buf_init(&out, room, sizeof(room));
	wav_write_header(&out, 8000, 2);
	wav_write_samples(&out, (int16_t[]){ 100, -200 }, 2);
	assert_int_equal(wav_parse(buf_str(&out), &wav), ERR_NONE);
	assert_int_equal(wav_read(&wav, 1, pcm, 4), 1);
	assert_int_equal(pcm[0], -200);
	assert_int_equal(pcm[1], 0);
	assert_int_equal(wav_read(&wav, 99, pcm, 4), 0);
}

static void other_chunks_are_stepped_over(void **state)
{
	static const char bytes[] =
		"RIFF\0\0\0\0WAVE"
		"LIST\x03\0\0\0abc\0"
		"fmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0"
		"fact\x04\0\0\0\0\0\0\0"
		"data\xff\xff\xff\xff\x01\0\x02\0\x03"; /* a killed recorder, half a sample at the end */
	struct wav wav;
	(void)state;

	assert_int_equal(wav_parse(str_of(bytes, sizeof(bytes) - 1), &wav), ERR_NONE);
	assert_int_equal(wav.rate_hz, 8000);
	assert_int_equal(wav.frames, 2);
}

static void what_we_cannot_play_is_said(void **state)
{
	struct wav wav;
	char stereo[WAV_HEADER_N], bytes24[WAV_HEADER_N], slow[WAV_HEADER_N];
	struct buf out;
	(void)state;

	buf_init(&out, stereo, sizeof(stereo));
	wav_write_header(&out, 8000, 0);
	memcpy(bytes24, stereo, sizeof(stereo));
	memcpy(slow, stereo, sizeof(stereo));
	stereo[22] = 2;
	bytes24[34] = 24;
	slow[24] = 1;
	slow[25] = 0;
	assert_int_equal(wav_parse(str_of(stereo, WAV_HEADER_N), &wav), ERR_UNSUPPORTED);
	assert_int_equal(wav_parse(str_of(bytes24, WAV_HEADER_N), &wav), ERR_UNSUPPORTED);
	assert_int_equal(wav_parse(str_of(slow, WAV_HEADER_N), &wav), ERR_UNSUPPORTED);
	assert_int_equal(wav_parse(STR("RIFF1234WAVX"), &wav), ERR_SYNTAX);
	assert_int_equal(wav_parse(str_of(stereo, 20), &wav), ERR_SYNTAX);
	assert_int_equal(wav_parse(STR(""), &wav), ERR_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_at_any_rate),
		cmocka_unit_test(behind_the_end_there_is_silence),
		cmocka_unit_test(other_chunks_are_stepped_over),
		cmocka_unit_test(what_we_cannot_play_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
