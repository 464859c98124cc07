#include "overlay/test.h"

static void a_record_proves_itself(void **state)
{
	struct overlay_record r, read;
	struct sign_pair authority;
	struct test_user alice;
	uint8_t key[OVERLAY_KEY_N], wanted[OVERLAY_KEY_N];

	(void)state;
	test_authority(&authority);
	test_user(&alice, STR("alice"), TEST_NOW);
	test_record(&r, &alice, 3, TEST_NOW);
	assert_true(r.bytes_n < 512);
	assert_int_equal(overlay_record_parse(overlay_record_str(&r), &read), ERR_NONE);
	assert_int_equal(overlay_record_verify(&read, TEST_NETWORK, authority.key, TEST_NOW), ERR_NONE);
	assert_int_equal(read.seq, 3);
	assert_int_equal(read.point_n, 1);
	assert_int_equal(read.point[0].addr.port, 5443);
	overlay_record_key(&read, key);
	overlay_user_key(TEST_NETWORK, STR("alice"), wanted);
	assert_memory_equal(key, wanted, OVERLAY_KEY_N);
}

static void a_record_runs_out(void **state)
{
	struct sign_pair authority;
	struct overlay_record r;
	struct test_user alice;

	(void)state;
	test_authority(&authority);
	test_user(&alice, STR("alice"), TEST_NOW);
	test_record(&r, &alice, 3, TEST_NOW);
	assert_int_equal(overlay_record_verify(&r, TEST_NETWORK, authority.key, TEST_NOW + HOUR / 2), ERR_EXPIRED);
	r.expiry = TEST_NOW + HOUR;
	assert_int_equal(overlay_record_sign(&r, &alice.device), ERR_NONE);
	assert_int_equal(overlay_record_verify(&r, TEST_NETWORK, authority.key, TEST_NOW), ERR_FORGED);
	r.expiry = TEST_NOW + 49 * HOUR;
	assert_int_equal(overlay_record_sign(&r, &alice.device), ERR_LIMIT);
}

static void a_record_signed_by_another_device_is_forged(void **state)
{
	struct sign_pair authority;
	struct overlay_record r;
	struct test_user alice, mallory;

	(void)state;
	test_authority(&authority);
	test_user(&alice, STR("alice"), TEST_NOW);
	test_user(&mallory, STR("mallory"), TEST_NOW);
	test_record(&r, &alice, 3, TEST_NOW);
	assert_int_equal(overlay_record_sign(&r, &mallory.device), ERR_NONE);
	assert_int_equal(overlay_record_verify(&r, TEST_NETWORK, authority.key, TEST_NOW), ERR_FORGED);
}

static void any_changed_byte_breaks_a_record(void **state)
{
	struct overlay_record r, read;
	struct sign_pair authority;
	struct test_user alice;

	(void)state;
	test_authority(&authority);
	test_user(&alice, STR("alice"), TEST_NOW);
	test_record(&r, &alice, 3, TEST_NOW);
	for (size_t i = 0; i < r.bytes_n; i++) {
		r.bytes[i] ^= 1;
		if (overlay_record_parse(overlay_record_str(&r), &read) == ERR_NONE)
			assert_int_not_equal(overlay_record_verify(&read, TEST_NETWORK, authority.key, TEST_NOW),
					     ERR_NONE);
		r.bytes[i] ^= 1;
	}
}

static void a_point_is_a_uri_that_finds_back(void **state)
{
	struct overlay_point p = { .addr = addr_v4(192, 0, 2, 1, 5443) };
	char text[256];
	struct buf b;

	(void)state;
	memset(p.token, 0xff, sizeof(p.token));
	buf_init(&b, text, sizeof(text));
	overlay_point_write_uri(&p, STR("bob"), &b);
	assert_str(buf_str(&b), "sip:bob@192.0.2.1:5443;transport=tls;flow=________________________________"
				";pin=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_proves_itself),
		cmocka_unit_test(a_record_runs_out),
		cmocka_unit_test(a_record_signed_by_another_device_is_forged),
		cmocka_unit_test(any_changed_byte_breaks_a_record),
		cmocka_unit_test(a_point_is_a_uri_that_finds_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
