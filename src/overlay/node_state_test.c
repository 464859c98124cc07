#include "overlay/node_state.h"

#include "overlay/test.h"

static void what_was_kept_comes_back(void **state)
{
	static struct overlay_node_state s, out;
	struct sign_pair authority;
	struct test_user alice;
	struct rng rng;
	char text[4096];
	struct buf b;

	(void)state;
	rng_seeded(&rng, 1);
	test_authority(&authority);
	overlay_node_state_make(&s, &rng);
	test_user(&alice, STR("alice"), TEST_NOW);
	s.certificate = alice.certificate;
	memcpy(s.certificate.device, s.device.key, OVERLAY_KEY_N);
	assert_int_equal(overlay_certificate_sign(&s.certificate, &authority), ERR_NONE);
	box_new(&s.keys_before, &rng);
	s.seq = 99;
	assert_int_equal(overlay_server_parse(STR("192.0.2.2:5443"), &s.cache[0]), ERR_NONE);
	s.cache_n = 1;
	buf_init(&b, text, sizeof(text));
	overlay_node_state_write(&s, &b);
	assert_true(buf_ok(&b));
	assert_int_equal(overlay_node_state_parse(buf_str(&b), &out), ERR_NONE);
	assert_memory_equal(&out.device, &s.device, sizeof(s.device));
	assert_memory_equal(&out.keys, &s.keys, sizeof(s.keys));
	assert_memory_equal(&out.keys_before, &s.keys_before, sizeof(s.keys));
	assert_memory_equal(out.certificate.bytes, s.certificate.bytes, s.certificate.bytes_n);
	assert_int_equal(out.seq, 99);
	assert_int_equal(out.cache_n, 1);
	assert_int_equal(out.cache[0].port, 5443);
	for (size_t n = 0; n < 40; n++) /* cut short within what it cannot do without */
		assert_int_not_equal(overlay_node_state_parse(str_head(buf_str(&b), n), &out), ERR_NONE);
}

static void a_certificate_for_another_device_is_a_mixed_up_file(void **state)
{
	static struct overlay_node_state s, out;
	struct test_user alice;
	struct rng rng;
	char text[4096];
	struct buf b;

	(void)state;
	rng_seeded(&rng, 1);
	overlay_node_state_make(&s, &rng);
	test_user(&alice, STR("alice"), TEST_NOW);
	s.certificate = alice.certificate;
	buf_init(&b, text, sizeof(text));
	overlay_node_state_write(&s, &b);
	assert_int_equal(overlay_node_state_parse(buf_str(&b), &out), ERR_SYNTAX);
}

static void a_later_form_is_not_misread(void **state)
{
	static struct overlay_node_state out;

	(void)state;
	assert_int_equal(overlay_node_state_parse(STR("\x82\x00\x00"), &out), ERR_UNSUPPORTED);
	assert_int_equal(overlay_node_state_parse(STR_NONE, &out), ERR_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_kept_comes_back),
		cmocka_unit_test(a_certificate_for_another_device_is_a_mixed_up_file),
		cmocka_unit_test(a_later_form_is_not_misread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
