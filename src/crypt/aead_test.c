#include "crypt/aead.h"

#include "base/test.h"

static void sealed_is(enum aead_kind kind, const char *key_hex, const char *nonce_hex, const char *associated_hex,
		      str text, const char *want)
{
	uint8_t key[32], nonce[12], associated[16], out[256], back[256];
	struct aead *a = aead_new(kind, str_of((char *)key, test_unhex(key_hex, key)));
	str extra = str_of((char *)associated, test_unhex(associated_hex, associated));

	assert_non_null(a);
	test_unhex(nonce_hex, nonce);
	for (int again = 0; again < 2; again++) {
		aead_seal(a, nonce, extra, text, out);
		assert_hex(out, text.n + AEAD_TAG_N, want);
		assert_int_equal(aead_open(a, nonce, extra, str_of((char *)out, text.n + AEAD_TAG_N), back), ERR_NONE);
		assert_memory_equal(back, text.p, text.n);
	}
	aead_free(a);
}

/* RFC 8439 2.8.2; the GCM test cases 2 and 14 of McGrew and Viega, and 1 (no text). */
static void the_standards_examples_hold(void **state)
{
	static const char zero[16];

	(void)state;
	sealed_is(AEAD_CHACHA20_POLY1305, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
		  "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
		  STR("Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
		      "sunscreen would "
		      "be it."),
		  "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71"
		  "de0a9e06"
		  "0b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9d"
		  "e576d265"
		  "86cec64b61161ae10b594f09e26a7e902ecbd0600691");
	sealed_is(AEAD_AES128_GCM, "00000000000000000000000000000000", "000000000000000000000000", "", str_of(zero, 16),
		  "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf");
	sealed_is(AEAD_AES128_GCM, "00000000000000000000000000000000", "000000000000000000000000", "", str_of(zero, 0),
		  "58e2fccefa7e3061367f1d57a4e7455a");
	sealed_is(AEAD_AES256_GCM, "0000000000000000000000000000000000000000000000000000000000000000",
		  "000000000000000000000000", "", str_of(zero, 16),
		  "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
}

static void any_changed_bit_is_noticed(void **state)
{
	static const uint8_t nonce[12] = { 7 };

	(void)state;
	for (enum aead_kind kind = AEAD_CHACHA20_POLY1305; kind <= AEAD_AES256_GCM; kind++) {
		struct aead *a = aead_new(kind, str_of("0123456789abcdef0123456789abcdef", aead_key_size(kind)));
		uint8_t sealed[4 + AEAD_TAG_N], text[4];
		str all = str_of((char *)sealed, sizeof(sealed));

		aead_seal(a, nonce, STR("head"), STR("text"), sealed);
		for (size_t bit = 0; bit < 8 * sizeof(sealed); bit++) {
			sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
			memcpy(text, "----", 4);
			assert_int_equal(aead_open(a, nonce, STR("head"), all, text), ERR_FORGED);
			assert_memory_equal(text, "\0\0\0\0", 4); /* nothing of it is shown */
			sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		assert_int_equal(aead_open(a, nonce, STR("Head"), all, text), ERR_FORGED);
		assert_int_equal(aead_open(a, nonce, STR("head"), str_head(all, 15), text), ERR_FORGED);
		assert_int_equal(aead_open(a, nonce, STR("head"), all, sealed),
				 ERR_NONE); /* in place, and still usable */
		assert_memory_equal(sealed, "text", 4);
		aead_free(a);
	}
	assert_null(aead_new(AEAD_AES128_GCM, STR("short")));
	aead_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_standards_examples_hold),
		cmocka_unit_test(any_changed_bit_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
