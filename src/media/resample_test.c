#include "media/resample.h"

#include "base/test.h"
#include "media/tone.h"

#include <math.h>

#define SECONDS 1

/* A tone through the filter; the level of it and of all else behind the filter's beginning. */
static void through(uint32_t in_hz, uint32_t out_hz, double hz, double *level, double *rest)
{
	static int16_t in[192000 * SECONDS], out[192000 * SECONDS + 8];
	struct resample *r = resample_new(in_hz, out_hz);
	size_t in_n = in_hz * SECONDS, out_n = out_hz * SECONDS + 8;
	struct tone t;

	assert_non_null(r);
	tone_start(&t, hz, -6, in_hz);
	tone_make(&t, in, in_n, 0);
	resample_run(r, in, &in_n, out, &out_n);
	assert_int_equal(in_n, in_hz * SECONDS);
	assert_in_range(out_n, out_hz * SECONDS - 1, out_hz * SECONDS + 1);
	size_t from = out_hz / 10;
	*level = tone_level(out + from, out_hz * 8 / 10, hz, out_hz);
	*rest = tone_rest(out + from, out_hz * 8 / 10, hz, out_hz);
	resample_free(r);
}

static void tones_pass_at_any_rate_unchanged(void **state)
{
	static const uint32_t rates[] = { 8000, 11025, 16000, 22050, 32000, 44100, 48000, 96000, 12345 };
	double level, rest;
	(void)state;

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		through(rates[i], 48000, 1000, &level, &rest);
		assert_true(fabs(level + 6) < 0.05);
		assert_true(rest < -75);
		through(48000, rates[i], 1000, &level, &rest);
		assert_true(fabs(level + 6) < 0.05);
		assert_true(rest < -75);
	}
}

static void the_pass_band_is_flat_to_nine_tenths(void **state)
{
	double level, rest;
	(void)state;

	through(44100, 48000, 19800, &level, &rest);
	assert_true(fabs(level + 6) < 0.1);
	through(8000, 48000, 3600, &level, &rest);
	assert_true(fabs(level + 6) < 0.1);
	assert_true(rest < -75);                     /* no image of it above 4 kHz */
	through(44101, 48000, 15000, &level, &rest); /* 48000 phases: between those of the table */
	assert_true(fabs(level + 6) < 0.1);
	assert_true(rest < -75);
	through(48000, 8000, 20, &level, &rest);
	assert_true(fabs(level + 6) < 0.1);
}

static void what_the_lower_rate_cannot_carry_is_taken_out(void **state)
{
	double level, rest;
	(void)state;

	/* as heard at 8 kHz, 4400 Hz and its alias 3600 Hz are one */
	through(48000, 8000, 4400, &level, &rest);
	assert_true(level < -80 && rest < -80);
	through(48000, 16000, 12000, &level, &rest);
	assert_true(level < -80 && rest < -80);
}

static void periods_come_out_whole_from_the_first_on(void **state)
{
	struct resample *up = resample_new(8000, 48000), *down = resample_new(48000, 8000);
	int16_t in[960] = { 0 }, out[960];
	(void)state;

	for (int i = 0; i < 10; i++) {
		size_t in_n = 160, out_n = 960;

		assert_int_equal(resample_need(up, 960), 160);
		resample_run(up, in, &in_n, out, &out_n);
		assert_int_equal(in_n, 160);
		assert_int_equal(out_n, 960);
		in_n = 960;
		out_n = 160;
		resample_run(down, in, &in_n, out, &out_n);
		assert_int_equal(in_n, 960);
		assert_int_equal(out_n, 160);
	}
	resample_free(up);
	resample_free(down);
}

static void pieces_of_any_size_give_the_same(void **state)
{
	struct resample *whole = resample_new(44100, 48000), *parts = resample_new(44100, 48000);
	int16_t in[4410], a[4800 + 8], b[4800 + 8];
	struct tone t;
	size_t in_n = 4410, a_n = 4808, at = 0, b_n = 0;
	(void)state;

	tone_start(&t, 440, -3, 44100);
	tone_make(&t, in, 4410, 0);
	resample_run(whole, in, &in_n, a, &a_n);
	for (size_t piece = 1; at < 4410; piece = piece * 7 % 211 + 1) {
		size_t n = 4410 - at < piece ? 4410 - at : piece, out_n = 4808 - b_n;

		resample_run(parts, in + at, &n, b + b_n, &out_n);
		at += n;
		b_n += out_n;
	}
	assert_int_equal(a_n, b_n);
	assert_memory_equal(a, b, a_n * sizeof(*a));
	resample_free(whole);
	resample_free(parts);
}

static void rates_out_of_range_are_refused(void **state)
{
	(void)state;
	assert_null(resample_new(0, 48000));
	assert_null(resample_new(48000, 3999));
	assert_null(resample_new(1000000, 48000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tones_pass_at_any_rate_unchanged),
		cmocka_unit_test(the_pass_band_is_flat_to_nine_tenths),
		cmocka_unit_test(what_the_lower_rate_cannot_carry_is_taken_out),
		cmocka_unit_test(periods_come_out_whole_from_the_first_on),
		cmocka_unit_test(pieces_of_any_size_give_the_same),
		cmocka_unit_test(rates_out_of_range_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
