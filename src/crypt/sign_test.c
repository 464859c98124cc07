#include "crypt/sign.h"

#include "base/test.h"

/* RFC 8032 7.1, test 2 */
static void the_rfcs_example_holds(void **state)
{
	uint8_t seed[32], signature[SIGN_N];
	struct sign_pair pair;

	(void)state;
	test_unhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", seed);
	sign_restore(&pair, seed);
	assert_hex(pair.key, 32, "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
	sign_make(&pair, STR("\x72"), signature);
	assert_hex(signature, SIGN_N,
		   "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387"
		   "b2eaeb430"
		   "2aeeb00d291612bb0c00");
	assert_int_equal(sign_check(pair.key, STR("\x72"), signature), ERR_NONE);
}

static void another_text_key_or_signature_is_forged(void **state)
{
	struct rng rng;
	struct sign_pair pair, other;
	uint8_t signature[SIGN_N], none[SIGN_KEY_N] = { 0 };

	(void)state;
	rng_seeded(&rng, 1);
	sign_new(&pair, &rng);
	sign_new(&other, &rng);
	assert_memory_not_equal(pair.key, other.key, SIGN_KEY_N);
	sign_make(&pair, STR("text"), signature);
	assert_int_equal(sign_check(pair.key, STR("text"), signature), ERR_NONE);
	assert_int_equal(sign_check(pair.key, STR("texT"), signature), ERR_FORGED);
	assert_int_equal(sign_check(other.key, STR("text"), signature), ERR_FORGED);
	assert_int_equal(sign_check(none, STR("text"), signature), ERR_FORGED);
	signature[63] ^= 0x80;
	assert_int_equal(sign_check(pair.key, STR("text"), signature), ERR_FORGED);
	sign_make(&pair, STR_NONE, signature);
	assert_int_equal(sign_check(pair.key, STR(""), signature), ERR_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rfcs_example_holds),
		cmocka_unit_test(another_text_key_or_signature_is_forged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
