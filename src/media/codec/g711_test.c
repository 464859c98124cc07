#include "media/codec/g711.h"

#include "base/test.h"

#include <stdlib.h>

/* ITU-T G.711 tables 1a/1b and 2a/2b: ends and decision values, scaled to 16 bits. */
static void values_are_those_of_the_tables(void **state)
{
	(void)state;
	assert_int_equal(g711_from_alaw(0xd5), 8);
	assert_int_equal(g711_from_alaw(0x55), -8);
	assert_int_equal(g711_from_alaw(0xaa), 32256);
	assert_int_equal(g711_from_alaw(0x2a), -32256);
	assert_int_equal(g711_from_ulaw(0xff), 0);
	assert_int_equal(g711_from_ulaw(0x80), 32124);
	assert_int_equal(g711_from_ulaw(0x00), -32124);
	assert_int_equal(g711_from_ulaw(0x8f), 16764);
	assert_int_equal(g711_to_alaw(0), 0xd5);
	assert_int_equal(g711_to_alaw(-1), 0x55);
	assert_int_equal(g711_to_alaw(32767), 0xaa);
	assert_int_equal(g711_to_alaw(-32768), 0x2a);
	assert_int_equal(g711_to_ulaw(0), 0xff);
	assert_int_equal(g711_to_ulaw(32767), 0x80);
	assert_int_equal(g711_to_ulaw(-32768), 0x00);
}

static void every_code_comes_back_as_itself(void **state)
{
	(void)state;
	for (int code = 0; code < 256; code++) {
		assert_int_equal(g711_to_alaw(g711_from_alaw((uint8_t)code)), code);
		if (code != 0x7f) /* mu-law has two zeros; both are sent as 0xff */
			assert_int_equal(g711_to_ulaw(g711_from_ulaw((uint8_t)code)), code);
	}
}

static void no_other_code_is_nearer(void **state)
{
	(void)state;
	for (int pcm = -32768; pcm < 32768; pcm++) {
		int a = abs(g711_from_alaw(g711_to_alaw((int16_t)pcm)) - pcm);
		int u = abs(g711_from_ulaw(g711_to_ulaw((int16_t)pcm)) - pcm);

		/* half a step: 16 at the bottom of A-law, then a 32nd of the value; mu-law half of that at the bottom
		 */
		assert_in_range(a, 0, abs(pcm) < 512 ? 16 : abs(pcm) / 32 + 16);
		assert_in_range(u, 0, abs(pcm) < 128 ? 8 : abs(pcm) > 32124 ? 644 : (abs(pcm) + 132) / 32 + 4);
	}
}

static void louder_never_sounds_softer(void **state)
{
	(void)state;
	for (int pcm = -32768; pcm < 32767; pcm++) {
		assert_true(g711_from_alaw(g711_to_alaw((int16_t)pcm)) <=
			    g711_from_alaw(g711_to_alaw((int16_t)(pcm + 1))));
		assert_true(g711_from_ulaw(g711_to_ulaw((int16_t)pcm)) <=
			    g711_from_ulaw(g711_to_ulaw((int16_t)(pcm + 1))));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_those_of_the_tables),
		cmocka_unit_test(every_code_comes_back_as_itself),
		cmocka_unit_test(no_other_code_is_nearer),
		cmocka_unit_test(louder_never_sounds_softer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
