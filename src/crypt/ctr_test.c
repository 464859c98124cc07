#include "crypt/ctr.h"

#include "base/test.h"

/* RFC 3711 B.2: key stream at both ends of the counter's low half. */
static void the_key_stream_is_that_of_rfc_3711(void **state)
{
	uint8_t key[16], iv[16] = { 0 }, out[48];
	char zero[48] = { 0 };

	(void)state;
	test_unhex("2b7e151628aed2a6abf7158809cf4f3c", key);
	test_unhex("f0f1f2f3f4f5f6f7f8f9fafbfcfd0000", iv);
	struct ctr *c = ctr_new(str_of((char *)key, 16));
	assert_non_null(c);
	for (int again = 0; again < 2; again++) { /* each call starts anew */
		ctr_crypt(c, iv, str_of(zero, 48), out);
		assert_hex(out, 48,
			   "e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab41e95b3bb0a2e8dd477901e4fca"
			   "894c0");
	}
	test_unhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", iv);
	ctr_crypt(c, iv, str_of(zero, 16), out);
	assert_hex(out, 16, "ec8cdf7398607cb0f2d21675ea9ea1e4");
	ctr_free(c);
}

static void twice_in_place_is_the_text_again(void **state)
{
	static const uint8_t iv[16] = { 1 };
	char text[] = "nineteen characters";

	(void)state;
	for (size_t key_n = 16; key_n <= 32; key_n += 8) {
		struct ctr *c = ctr_new(str_of("0123456789abcdef0123456789abcdef", key_n));
		ctr_crypt(c, iv, str_of(text, 19), (uint8_t *)text);
		assert_memory_not_equal(text, "nineteen characters", 19);
		ctr_crypt(c, iv, str_of(text, 19), (uint8_t *)text);
		assert_memory_equal(text, "nineteen characters", 19);
		ctr_free(c);
	}
	assert_null(ctr_new(STR("short")));
	ctr_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_key_stream_is_that_of_rfc_3711),
		cmocka_unit_test(twice_in_place_is_the_text_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
