/*
 * call/test_at.h - addresses of the machines in tests. Included by x_test.c only.
 */
#ifndef CALL_TEST_AT_H
#define CALL_TEST_AT_H

#include "base/addr.h"

static inline struct addr at(uint8_t last, uint16_t port)
{
	return addr_v4(10, 0, 0, last, port);
}

#endif
