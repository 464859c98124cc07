/*
 * base/test.h - cmocka with what it needs in front of it. Included by x_test.c only.
 */
#ifndef BASE_TEST_H
#define BASE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"

#define assert_str(actual, literal)                                                                                    \
	do {                                                                                                           \
		str assert_str_ = (actual);                                                                            \
		assert_int_equal(assert_str_.n, sizeof(literal) - 1);                                                  \
		assert_memory_equal(assert_str_.p, literal, sizeof(literal) - 1);                                      \
	} while (0)

/* n bytes against hexadecimal digits; and the bytes of such digits (their number is returned). */
#define assert_hex(actual, bytes, hex)                                                                                 \
	do {                                                                                                           \
		uint8_t assert_hex_[1024];                                                                             \
		assert_int_equal(test_unhex(hex, assert_hex_), bytes);                                                 \
		assert_memory_equal(actual, assert_hex_, bytes);                                                       \
	} while (0)

static inline size_t test_unhex(const char *hex, uint8_t *out)
{
	size_t n = 0;

	for (; hex[2 * n] && hex[2 * n + 1]; n++) {
		unsigned value = 0;
		for (int i = 0; i < 2; i++) {
			char c = str_lower(hex[2 * n + (size_t)i]);
			value = value << 4 | (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
		}
		out[n] = (uint8_t)value;
	}
	return n;
}

#endif
