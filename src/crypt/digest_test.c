#include "crypt/digest.h"

#include "base/test.h"

/* RFC 1321 A.5; FIPS 180-2 appendix A, B, C; FIPS 180-4 examples. */
static void the_standards_examples_hold(void **state)
{
	static const struct {
		enum digest_kind kind;
		const char *hex;
	} of_abc[] = {
		{ DIGEST_MD5, "900150983cd24fb0d6963f7d28e17f72" },
		{ DIGEST_SHA1, "a9993e364706816aba3e25717850c26c9cd0d89d" },
		{ DIGEST_SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ DIGEST_SHA512,
		  "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
		  "454d4423643ce80e2a9ac94fa54ca49f" },
		{ DIGEST_SHA512_256, "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23" },
	};
	uint8_t out[DIGEST_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(of_abc) / sizeof(*of_abc); i++) {
		assert_int_equal(digest_once(of_abc[i].kind, STR("abc"), out), ERR_NONE);
		assert_hex(out, digest_size(of_abc[i].kind), of_abc[i].hex);
	}
	assert_int_equal(digest_once(DIGEST_MD5, STR_NONE, out), ERR_NONE);
	assert_hex(out, 16, "d41d8cd98f00b204e9800998ecf8427e");
}

static void a_kept_object_digests_again_and_again_and_in_pieces(void **state)
{
	struct digest *d = digest_new(DIGEST_MD5);
	uint8_t out[DIGEST_MAX];

	(void)state;
	assert_non_null(d);
	for (int i = 0; i < 3; i++) {
		digest_of(d, STR("message digest"), out);
		assert_hex(out, 16, "f96b697d7cb7938d525a2f31aaf161d0");
		digest_start(d);
		digest_add(d, STR("forgotten"));
		digest_start(d);
		digest_add(d, STR("message "));
		digest_add(d, STR_NONE);
		digest_add(d, STR("digest"));
		digest_end(d, out);
		assert_hex(out, 16, "f96b697d7cb7938d525a2f31aaf161d0");
	}
	digest_free(d);
	digest_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_standards_examples_hold),
		cmocka_unit_test(a_kept_object_digests_again_and_again_and_in_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
