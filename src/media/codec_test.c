#include "media/codec.h"

#include "base/test.h"
#include "media/level.h"
#include "media/tone.h"

#include <math.h>

#define PERIODS 50

/* PERIODS of a tone there and back; with `lose` every n-th payload is concealed. */
static void round_trip(enum codec_id id, double hz, unsigned lose, int16_t *out)
{
	const struct codec_info *info = codec_info(id);
	struct codec *c = codec_new(id, &(struct codec_setup){ 0 });
	size_t period = info->sample_hz / 50;
	int16_t in[960];
	uint8_t payload[CODEC_PAYLOAD_MAX];
	struct tone t;

	assert_non_null(c);
	tone_start(&t, hz, -12, info->sample_hz);
	for (unsigned i = 0; i < PERIODS; i++) {
		size_t n, frames;

		tone_make(&t, in, period, 0);
		assert_int_equal(codec_encode(c, in, period, payload, sizeof(payload), &n), ERR_NONE);
		assert_int_equal(codec_frames(id, str_of((char *)payload, n)), period);
		if (lose && i % lose == lose - 1) {
			codec_conceal(c, STR_NONE, out + i * period, period);
			continue;
		}
		assert_int_equal(codec_decode(c, str_of((char *)payload, n), out + i * period, period, &frames),
				 ERR_NONE);
		assert_int_equal(frames, period);
	}
	codec_free(c);
}

static void a_tone_survives_every_codec(void **state)
{
	static int16_t out[960 * PERIODS];
	(void)state;

	static const enum codec_id ids[] = { CODEC_OPUS, CODEC_PCMA, CODEC_PCMU };
	for (size_t i = 0; i < 3; i++) {
		uint32_t hz = codec_info(ids[i])->sample_hz;

		round_trip(ids[i], 1000, 0, out);
		assert_true(fabs(tone_level(out + hz / 5, hz / 2, 1000, hz) + 12) < 0.3);
		assert_true(tone_rest(out + hz / 5, hz / 2, 1000, hz) < -12 - 33); /* G.711 has 35 dB or more there */
	}
}

static void opus_carries_the_full_band(void **state)
{
	static int16_t out[960 * PERIODS];
	(void)state;

	round_trip(CODEC_OPUS, 30, 0, out);
	assert_true(fabs(tone_level(out + 9600, 24000, 30, 48000) + 12) < 3);
	round_trip(CODEC_OPUS, 18000, 0, out);
	assert_true(fabs(tone_level(out + 9600, 24000, 18000, 48000) + 12) < 3);
}

static void a_lost_packet_is_filled_with_more_of_the_same(void **state)
{
	static int16_t out[960 * PERIODS];
	(void)state;

	static const enum codec_id ids[] = { CODEC_OPUS, CODEC_PCMA };
	for (size_t i = 0; i < 2; i++) {
		uint32_t hz = codec_info(ids[i])->sample_hz, period = hz / 50;

		round_trip(ids[i], 200, 10, out);
		for (unsigned k = 19; k < PERIODS; k += 10)
			assert_true(level_dbfs(out + k * period, period) > -18);
	}
}

static void a_long_gap_fades_to_silence(void **state)
{
	struct codec *c = codec_new(CODEC_PCMU, &(struct codec_setup){ 0 });
	int16_t pcm[160];
	uint8_t payload[160];
	struct tone t;
	size_t n, frames;
	(void)state;

	tone_start(&t, 300, -6, 8000);
	for (int i = 0; i < 10; i++) {
		tone_make(&t, pcm, 160, 0);
		assert_int_equal(codec_encode(c, pcm, 160, payload, 160, &n), ERR_NONE);
		assert_int_equal(codec_decode(c, str_of((char *)payload, n), pcm, 160, &frames), ERR_NONE);
	}
	for (int i = 0; i < 4; i++)
		codec_conceal(c, STR_NONE, pcm, 160);
	assert_true(level_dbfs(pcm, 160) == -120);
	codec_free(c);
}

/* In the voice mode the packet behind a gap can tell what was in it. */
static void opus_fec_brings_back_a_lost_packet(void **state)
{
	struct codec_setup setup = { .loss_percent = 20, .bitrate_bps = 32000 };
	struct codec *c = codec_new(CODEC_OPUS, &setup);
	int16_t pcm[960], filled[960];
	uint8_t payload[2][CODEC_PAYLOAD_MAX];
	size_t n[2], frames;
	struct tone t;
	(void)state;

	tone_start(&t, 400, -10, 48000);
	for (int i = 0; i < 30; i++) {
		tone_make(&t, pcm, 960, 0);
		assert_int_equal(codec_encode(c, pcm, 960, payload[0], sizeof(payload[0]), &n[0]), ERR_NONE);
		assert_int_equal(codec_decode(c, str_of((char *)payload[0], n[0]), filled, 960, &frames), ERR_NONE);
	}
	for (int i = 0; i < 2; i++) {
		tone_make(&t, pcm, 960, 0);
		assert_int_equal(codec_encode(c, pcm, 960, payload[i], sizeof(payload[i]), &n[i]), ERR_NONE);
	}
	codec_conceal(c, str_of((char *)payload[1], n[1]), filled, 960);
	assert_true(fabs(tone_level(filled, 960, 400, 48000) + 10) < 2);
	codec_free(c);
}

static void damaged_payloads_are_refused(void **state)
{
	struct codec *c = codec_new(CODEC_OPUS, &(struct codec_setup){ .decode_only = true });
	int16_t pcm[CODEC_FRAMES_MAX];
	uint8_t out[100];
	size_t n;
	(void)state;

	assert_int_equal(codec_frames(CODEC_OPUS, STR("")), 0);
	assert_int_equal(codec_frames(CODEC_OPUS, STR("\xff\xff")), 0); /* 63 frames of 20 ms */
	assert_int_equal(codec_decode(c, STR("\xff\xff"), pcm, CODEC_FRAMES_MAX, &n), ERR_SYNTAX);
	assert_int_equal(codec_encode(c, pcm, 960, out, sizeof(out), &n), ERR_STATE);
	codec_free(c);
	assert_null(codec_new(CODEC_NONE, &(struct codec_setup){ 0 }));
}

static void codecs_are_found_as_signalling_names_them(void **state)
{
	(void)state;
	assert_int_equal(codec_find(STR("OPUS"), 48000, 2)->id, CODEC_OPUS);
	assert_null(codec_find(STR("opus"), 16000, 2));
	assert_int_equal(codec_find(STR("pcmu"), 8000, 0)->id, CODEC_PCMU);
	assert_int_equal(codec_parse(STR("pcma")), CODEC_PCMA);
	assert_int_equal(codec_parse(STR("speex")), CODEC_NONE);
}

static void a_codec_is_written_as_rtpmap_has_it(void **state)
{
	char text[64];
	struct buf b;

	(void)state;
	buf_init(&b, text, sizeof(text));
	codec_write(CODEC_OPUS, &b);
	buf_put_char(&b, ' ');
	codec_write(CODEC_PCMA, &b);
	codec_write(CODEC_NONE, &b);
	assert_str(buf_str(&b), "opus/48000/2 PCMA/8000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tone_survives_every_codec),
		cmocka_unit_test(opus_carries_the_full_band),
		cmocka_unit_test(a_lost_packet_is_filled_with_more_of_the_same),
		cmocka_unit_test(a_long_gap_fades_to_silence),
		cmocka_unit_test(opus_fec_brings_back_a_lost_packet),
		cmocka_unit_test(damaged_payloads_are_refused),
		cmocka_unit_test(codecs_are_found_as_signalling_names_them),
		cmocka_unit_test(a_codec_is_written_as_rtpmap_has_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
