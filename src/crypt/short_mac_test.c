#include "crypt/short_mac.h"

#include "base/test.h"

/* The reference's vectors_sip128: key 00 01 .. 0f, input 00 01 .. */
static void it_is_siphash_2_4_of_128_bits(void **state)
{
	static const char *const right[] = { "a3817f04ba25a8e66df67214c7550293", "da87c1d86b99af44347659119b22fc45",
					     "8177228da4a45dc7fca38bdef60affe4", "9c70b60c5267a94e5f33b6b02985ed51" };
	uint8_t key[SHORT_MAC_KEY_N], out[SHORT_MAC_N];

	(void)state;
	for (int i = 0; i < SHORT_MAC_KEY_N; i++)
		key[i] = (uint8_t)i;
	for (size_t n = 0; n < 4; n++) {
		short_mac(key, str_of("\0\1\2\3", n), out);
		assert_hex(out, sizeof(out), right[n]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(it_is_siphash_2_4_of_128_bits) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
