#include "base/buf.h"

#include "base/test.h"

#include <stdio.h>

static void nothing_is_written_after_the_first_failure(void **state)
{
	char storage[5];
	struct buf b;

	(void)state;
	buf_init(&b, storage, sizeof(storage));
	buf_put(&b, STR("abc"));
	buf_put(&b, STR("defg"));
	buf_put(&b, STR("h"));
	assert_false(buf_ok(&b));
	assert_int_equal(b.err, ERR_FULL);
	assert_str(buf_str(&b), "abc");
	buf_reset(&b);
	buf_put(&b, STR("abcde"));
	assert_true(buf_ok(&b));
}

static void a_growing_one_stops_at_its_limit(void **state)
{
	struct buf b;

	(void)state;
	buf_init_grow(&b, 1000);
	for (int i = 0; i < 1000; i++)
		buf_put_char(&b, (char)i);
	assert_true(buf_ok(&b));
	buf_put_char(&b, 'x');
	assert_int_equal(b.err, ERR_FULL);
	assert_int_equal(b.n, 1000);
	assert_int_equal((unsigned char)b.p[999], 999 & 255);
	buf_free(&b);
	assert_int_equal(b.n, 0);
}

static void numbers_are_written_whole(void **state)
{
	char storage[200];
	struct buf b;

	(void)state;
	buf_init(&b, storage, sizeof(storage));
	buf_put_u64(&b, UINT64_MAX);
	buf_put_char(&b, ' ');
	buf_put_i64(&b, INT64_MIN);
	buf_put_char(&b, ' ');
	buf_put_u64(&b, 0);
	buf_put_char(&b, ' ');
	buf_put_hex(&b, "\x00\xaf", 2);
	assert_str(buf_str(&b), "18446744073709551615 -9223372036854775808 0 00af");
	buf_reset(&b);
	buf_put_u32be(&b, 0x01020304);
	buf_put_u16(&b, 0x0506);
	assert_str(buf_str(&b), "\1\2\3\4\5\6");
	buf_eat(&b, 4);
	assert_str(buf_str(&b), "\5\6");
}

static void hex_is_two_digits_a_byte_at_every_length(void **state)
{
	char out[2 * 40 + 1], want[3];
	uint8_t bytes[40];

	(void)state;
	for (unsigned first = 0; first < 256; first++)
		for (size_t n = 0; n <= sizeof(bytes); n += 1 + n / 3) {
			for (size_t i = 0; i < n; i++)
				bytes[i] = (uint8_t)(first + i * 29);
			out[2 * n] = 'z';
			buf_hex(bytes, n, out);
			assert_int_equal(out[2 * n], 'z');
			for (size_t i = 0; i < n; i++) {
				snprintf(want, sizeof(want), "%02x", bytes[i]);
				assert_memory_equal(out + 2 * i, want, 2);
			}
		}
}

static void formatted_text_needs_room_for_its_nul_only_while_it_is_made(void **state)
{
	char storage[6];
	struct buf b;

	(void)state;
	buf_init(&b, storage, sizeof(storage));
	buf_printf(&b, "%s", "abcde");
	assert_true(buf_ok(&b));
	assert_int_equal(b.n, 5);
	buf_put_char(&b, 'f');
	assert_true(buf_ok(&b));
	buf_printf(&b, "%s", "");
	assert_false(buf_ok(&b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_written_after_the_first_failure),
		cmocka_unit_test(a_growing_one_stops_at_its_limit),
		cmocka_unit_test(numbers_are_written_whole),
		cmocka_unit_test(hex_is_two_digits_a_byte_at_every_length),
		cmocka_unit_test(formatted_text_needs_room_for_its_nul_only_while_it_is_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
