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

#endif
