#include "net/stun.h"

#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>

static const uint8_t id[STUN_ID_N] = "abcdefghijkl";
#define SHORT_KEY STR("VOkJxbRl1RmTxUk/WvJxBt")

/* A file of the vectors; skips the test where they are absent. */
static str load(const char *name, char *store, size_t cap)
{
	const char *dir = getenv("VECTORS");
	char path[512];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/stun/%s", dir ? dir : "../shared/vectors", name);
	file = fopen(path, "rb");
	if (!file) {
		print_message("no vectors at %s\n", path);
		skip();
	}
	n = fread(store, 1, cap, file);
	fclose(file);
	return str_of(store, n);
}

static str long_key(uint8_t store[16])
{
	assert_int_equal(
		stun_key_md5(STR("\u30de\u30c8\u30ea\u30c3\u30af\u30b9"), STR("example.org"), STR("TheMatrIX"), store),
		ERR_NONE);
	return str_of((const char *)store, 16);
}

/* RFC 5769 2.1 */
static void the_sample_request_is_read(void **state)
{
	char store[256];
	struct stun_msg m;
	str value;
	uint32_t priority;
	uint64_t controlled;

	(void)state;
	assert_int_equal(stun_parse(load("rfc5769-2.1-request.bin", store, sizeof(store)), &m), ERR_NONE);
	assert_int_equal(m.class, STUN_REQUEST);
	assert_int_equal(m.method, STUN_BINDING);
	assert_true(m.fingerprint);
	assert_int_equal(m.unknown_n, 0);
	assert_true(stun_find(&m, STUN_SOFTWARE, &value));
	assert_str(value, "STUN test client");
	assert_true(stun_find(&m, STUN_USERNAME, &value));
	assert_str(value, "evtj:h6vY");
	assert_true(stun_find_u32(&m, STUN_PRIORITY, &priority));
	assert_int_equal(priority, 0x6e0001ff);
	assert_true(stun_find_u64(&m, STUN_ICE_CONTROLLED, &controlled));
	assert_true(controlled == 0x932ff9b151263b36u);
	assert_false(stun_find(&m, STUN_REALM, &value));
	assert_int_equal(stun_check(&m, SHORT_KEY), ERR_NONE);
	assert_int_equal(stun_check(&m, STR("VOkJxbRl1RmTxUk/WvJxBT")), ERR_FORGED);
}

/* RFC 5769 2.2, 2.3 */
static void the_sample_responses_are_read(void **state)
{
	const char *files[] = { "rfc5769-2.2-ipv4-response.bin", "rfc5769-2.3-ipv6-response.bin" };
	const char *addresses[] = { "192.0.2.1:32853", "[2001:db8:1234:5678:11:2233:4455:6677]:32853" };
	char store[256], text[ADDR_TEXT_MAX];
	struct stun_msg m;
	struct addr mapped;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(stun_parse(load(files[i], store, sizeof(store)), &m), ERR_NONE);
		assert_int_equal(m.class, STUN_SUCCESS);
		assert_int_equal(stun_check(&m, SHORT_KEY), ERR_NONE);
		assert_true(stun_find_addr(&m, STUN_XOR_MAPPED_ADDRESS, &mapped));
		assert_string_equal(addr_text(&mapped, text), addresses[i]);
	}
}

/* RFC 5769 2.4, RFC 8489 B.1 */
static void long_term_keys_hold(void **state)
{
	const char *files[] = { "rfc5769-2.4-longterm-request.bin", "rfc8489-B.1-longterm-sha256-request.bin" };
	char store[256];
	uint8_t key[16];
	struct stun_msg m;
	str realm;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(stun_parse(load(files[i], store, sizeof(store)), &m), ERR_NONE);
		assert_true(stun_find(&m, STUN_REALM, &realm));
		assert_str(realm, "example.org");
		assert_int_equal(stun_check(&m, long_key(key)), ERR_NONE);
		assert_int_equal(stun_check(&m, SHORT_KEY), ERR_FORGED);
	}
}

static void every_flipped_bit_is_seen(void **state)
{
	const char *files[] = { "rfc5769-2.1-request.bin", "rfc5769-2.2-ipv4-response.bin",
				"rfc5769-2.3-ipv6-response.bin", "rfc5769-2.4-longterm-request.bin",
				"rfc8489-B.1-longterm-sha256-request.bin" };
	uint8_t long_store[16];

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		char store[256];
		str bytes = load(files[i], store, sizeof(store));
		str key = i < 3 ? SHORT_KEY : long_key(long_store);
		struct stun_msg m;

		for (size_t bit = 0; bit < bytes.n * 8; bit++) {
			bool whole;

			store[bit / 8] ^= (char)(1 << bit % 8);
			whole = stun_parse(bytes, &m) == ERR_NONE && stun_check(&m, key) == ERR_NONE &&
				(i >= 3 || m.fingerprint);
			assert_false(whole);
			store[bit / 8] ^= (char)(1 << bit % 8);
		}
		assert_int_equal(stun_parse(bytes, &m), ERR_NONE);
	}
}

static void every_cut_is_seen(void **state)
{
	char store[256];
	str bytes = load("rfc5769-2.1-request.bin", store, sizeof(store));
	struct stun_msg m;

	(void)state;
	for (size_t n = 0; n < bytes.n; n++) {
		char *exact = malloc(n ? n : 1);

		memcpy(exact, bytes.p, n);
		assert_int_not_equal(stun_parse(str_of(exact, n), &m), ERR_NONE);
		free(exact);
	}
}

static void what_is_written_is_read_back(void **state)
{
	const struct addr addrs[] = { addr_v4(203, 0, 113, 9, 5004),
				      { .family = 6, .port = 65535, .ip = { 0x20, 1, 0xd, 0xb8, [15] = 1 } } };
	char bytes[512];
	struct buf b;
	struct stun_msg m;
	struct addr a;
	uint64_t tie;

	(void)state;
	for (size_t i = 0; i < 2; i++)
		for (size_t sha = 0; sha < 4; sha++) {
			buf_init(&b, bytes, sizeof(bytes));
			stun_begin(&b, STUN_ERROR, STUN_CHANNEL_BIND, id);
			stun_put(&b, STUN_USERNAME, STR("abc"));
			stun_put(&b, STUN_USE_CANDIDATE, STR_NONE);
			stun_put_u64(&b, STUN_ICE_CONTROLLING, 0x0123456789abcdefu);
			stun_put_addr(&b, STUN_XOR_PEER_ADDRESS, &addrs[i]);
			stun_put_addr(&b, STUN_MAPPED_ADDRESS, &addrs[!i]);
			stun_put_error(&b, 487, STR("Role Conflict"));
			if (sha & 1)
				stun_end_integrity(&b, STR("secret"));
			if (sha & 2)
				stun_end_integrity_sha256(&b, STR("secret"));
			stun_end_fingerprint(&b);
			assert_true(buf_ok(&b));
			assert_int_equal(stun_parse(buf_str(&b), &m), ERR_NONE);
			assert_int_equal(m.class, STUN_ERROR);
			assert_int_equal(m.method, STUN_CHANNEL_BIND);
			assert_true(stun_find_u64(&m, STUN_ICE_CONTROLLING, &tie));
			assert_true(tie == 0x0123456789abcdefu);
			assert_true(stun_find_addr(&m, STUN_XOR_PEER_ADDRESS, &a) && addr_eq(&a, &addrs[i]));
			assert_true(stun_find_addr(&m, STUN_MAPPED_ADDRESS, &a) && addr_eq(&a, &addrs[!i]));
			int code;
			str reason;
			assert_true(stun_find_error(&m, &code, &reason));
			assert_int_equal(code, 487);
			assert_str(reason, "Role Conflict");
			assert_int_equal(stun_check(&m, STR("secret")), sha ? ERR_NONE : ERR_ABSENT);
			if (sha)
				assert_int_equal(stun_check(&m, STR("Secret")), ERR_FORGED);
		}
}

/* RFC 8489 14.5: somebody may append, and what he appended must not be heard. */
static void nothing_behind_the_integrity_counts(void **state)
{
	char bytes[256];
	struct buf b;
	struct stun_msg m;
	str value;

	(void)state;
	buf_init(&b, bytes, sizeof(bytes));
	stun_begin(&b, STUN_REQUEST, STUN_BINDING, id);
	stun_end_integrity(&b, STR("secret"));
	stun_put(&b, STUN_USE_CANDIDATE, STR_NONE);
	stun_put(&b, 0x0777, STR("must be understood"));
	assert_int_equal(stun_parse(buf_str(&b), &m), ERR_NONE);
	assert_int_equal(stun_check(&m, STR("secret")), ERR_NONE);
	assert_false(stun_find(&m, STUN_USE_CANDIDATE, &value));
	assert_int_equal(m.unknown_n, 0);
}

static void unknown_attributes_that_matter_are_named(void **state)
{
	char bytes[512];
	struct buf b;
	struct stun_msg m;

	(void)state;
	buf_init(&b, bytes, sizeof(bytes));
	stun_begin(&b, STUN_REQUEST, STUN_BINDING, id);
	stun_put(&b, 0x7001, STR("required"));
	stun_put(&b, 0xf001, STR("optional"));
	for (uint16_t i = 0; i < 20; i++)
		stun_put(&b, 0x7002 + i, STR_NONE);
	assert_int_equal(stun_parse(buf_str(&b), &m), ERR_NONE);
	assert_int_equal(m.unknown_n, STUN_UNKNOWN_MAX);
	assert_int_equal(m.unknown[0], 0x7001);
	assert_int_equal(m.unknown[1], 0x7002);
	for (uint16_t i = 0; i < 60; i++)
		stun_put(&b, 0xf002, STR_NONE);
	assert_int_equal(stun_parse(buf_str(&b), &m), ERR_LIMIT);
}

static void a_buffer_too_small_is_said_once(void **state)
{
	char bytes[30];
	struct buf b;

	(void)state;
	buf_init(&b, bytes, sizeof(bytes));
	stun_begin(&b, STUN_REQUEST, STUN_BINDING, id);
	stun_put(&b, STUN_SOFTWARE, STR("longer than there is room"));
	stun_end_integrity(&b, STR("secret"));
	stun_end_fingerprint(&b);
	assert_int_equal(b.err, ERR_FULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sample_request_is_read),
		cmocka_unit_test(the_sample_responses_are_read),
		cmocka_unit_test(long_term_keys_hold),
		cmocka_unit_test(every_flipped_bit_is_seen),
		cmocka_unit_test(every_cut_is_seen),
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(nothing_behind_the_integrity_counts),
		cmocka_unit_test(unknown_attributes_that_matter_are_named),
		cmocka_unit_test(a_buffer_too_small_is_said_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
