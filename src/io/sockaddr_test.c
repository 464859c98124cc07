#include "io/sockaddr.h"

#include "base/test.h"

#include <errno.h>

static void addresses_go_there_and_back(void **state)
{
	static const char *const texts[] = { "192.0.2.1:5060", "[2001:db8::1]:5061", "0.0.0.0:0" };
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct sockaddr_storage sa = { 0 };
		struct addr a, b;
		assert_int_equal(addr_parse(str_from(texts[i]), 0, &a), ERR_NONE);
		assert_true(sockaddr_write(&a, &sa) > 0);
		assert_true(sockaddr_read(&sa, &b));
		assert_true(addr_eq(&a, &b));
	}
}

static void one_peer_has_one_form(void **state)
{
	struct sockaddr_storage sa = { 0 };
	struct addr mapped = { .family = 6, .port = 7, .ip = { [10] = 0xff, 0xff, 192, 0, 2, 1 } }, a;
	struct addr expected = addr_v4(192, 0, 2, 1, 7);
	(void)state;
	assert_true(sockaddr_write(&mapped, &sa) > 0);
	assert_true(sockaddr_read(&sa, &a));
	assert_true(addr_eq(&a, &expected));
}

static void what_is_no_address_is_refused(void **state)
{
	struct sockaddr_storage sa = { .ss_family = AF_UNIX };
	struct addr a = { 0 };
	(void)state;
	assert_false(sockaddr_read(&sa, &a));
	assert_int_equal(sockaddr_write(&a, &sa), 0);
}

static void errno_is_put_into_our_words(void **state)
{
	(void)state;
	assert_int_equal(sockaddr_err(EADDRINUSE), ERR_EXISTS);
	assert_int_equal(sockaddr_err(EACCES), ERR_REFUSED);
	assert_int_equal(sockaddr_err(ECONNREFUSED), ERR_UNREACHABLE);
	assert_int_equal(sockaddr_err(ECONNRESET), ERR_CLOSED);
	assert_int_equal(sockaddr_err(EMFILE), ERR_FULL);
	assert_int_equal(sockaddr_err(ENOTTY), ERR_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_go_there_and_back),
		cmocka_unit_test(one_peer_has_one_form),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(errno_is_put_into_our_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
