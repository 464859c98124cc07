#include "crypt/kdf.h"

#include "base/test.h"

/* RFC 5869 A.1 and A.3 */
static void the_rfcs_examples_hold(void **state)
{
	uint8_t secret[22], salt[13], info[10], out[42];

	(void)state;
	memset(secret, 0x0b, sizeof(secret));
	test_unhex("000102030405060708090a0b0c", salt);
	test_unhex("f0f1f2f3f4f5f6f7f8f9", info);
	assert_int_equal(
		kdf_hkdf(str_of((char *)salt, 13), str_of((char *)secret, 22), str_of((char *)info, 10), out, 42),
		ERR_NONE);
	assert_hex(out, 42, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
	assert_int_equal(kdf_hkdf(STR_NONE, str_of((char *)secret, 22), STR_NONE, out, 42), ERR_NONE);
	assert_hex(out, 42, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

static void the_longest_output_is_255_blocks(void **state)
{
	static uint8_t out[8160 + 1];

	(void)state;
	out[8160] = 7;
	assert_int_equal(kdf_hkdf(STR("salt"), STR("secret"), STR("info"), out, 8160), ERR_NONE);
	assert_int_equal(out[8160], 7);
	assert_memory_not_equal(out, out + 8128, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rfcs_examples_hold),
		cmocka_unit_test(the_longest_output_is_255_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
