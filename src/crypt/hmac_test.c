#include "crypt/hmac.h"

#include "base/test.h"

/* RFC 2202 3., cases 2 and 6; RFC 4231 4.3 and 4.7 */
static void the_rfcs_examples_hold(void **state)
{
	uint8_t out[DIGEST_MAX], key[131];

	(void)state;
	memset(key, 0xaa, sizeof(key));
	assert_int_equal(hmac_once(DIGEST_SHA1, STR("Jefe"), STR("what do ya want for nothing?"), out), ERR_NONE);
	assert_hex(out, 20, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
	assert_int_equal(hmac_once(DIGEST_SHA1, str_of((char *)key, 80),
				   STR("Test Using Larger Than Block-Size Key - Hash Key First"), out),
			 ERR_NONE);
	assert_hex(out, 20, "aa4ae5e15272d00e95705637ce8a3b55ed402112");
	assert_int_equal(hmac_once(DIGEST_SHA256, STR("Jefe"), STR("what do ya want for nothing?"), out), ERR_NONE);
	assert_hex(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	assert_int_equal(hmac_once(DIGEST_SHA256, str_of((char *)key, 131),
				   STR("Test Using Larger Than Block-Size Key - Hash Key First"), out),
			 ERR_NONE);
	assert_hex(out, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void a_kept_key_serves_many_messages(void **state)
{
	struct hmac *h = hmac_new(DIGEST_SHA1, STR("Jefe"));
	uint8_t out[DIGEST_MAX];

	(void)state;
	assert_non_null(h);
	for (int i = 0; i < 3; i++) {
		hmac_of(h, STR("another"), out);
		hmac_start(h);
		hmac_add(h, STR("what do ya want "));
		hmac_add(h, STR("for nothing?"));
		hmac_end(h, out);
		assert_hex(out, 20, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
	}
	hmac_free(h);
	hmac_free(NULL);
}

static void a_shortened_mac_is_checked_and_a_wrong_one_refused(void **state)
{
	struct hmac *h = hmac_new(DIGEST_SHA1, STR("key"));
	uint8_t mac[20];

	(void)state;
	hmac_of(h, STR("text"), mac);
	assert_true(hmac_check(h, STR("text"), str_of((char *)mac, 20)));
	assert_true(hmac_check(h, STR("text"), str_of((char *)mac, 10))); /* as in SRTP */
	assert_false(hmac_check(h, STR("texT"), str_of((char *)mac, 10)));
	assert_false(hmac_check(h, STR("text"), STR_NONE));
	assert_false(hmac_check(h, STR("text"), str_of((char *)mac, 3)));
	mac[9] ^= 1;
	assert_false(hmac_check(h, STR("text"), str_of((char *)mac, 10)));
	hmac_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rfcs_examples_hold),
		cmocka_unit_test(a_kept_key_serves_many_messages),
		cmocka_unit_test(a_shortened_mac_is_checked_and_a_wrong_one_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
