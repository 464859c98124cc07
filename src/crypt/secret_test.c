#include "crypt/secret.h"

#include "base/test.h"

static void equal_means_same_length_and_bytes(void **state)
{
	(void)state;
	assert_true(secret_eq(STR("secret"), STR("secret")));
	assert_true(secret_eq(STR_NONE, STR("")));
	assert_false(secret_eq(STR("secret"), STR("secreT")));
	assert_false(secret_eq(STR("secret"), STR("secre")));
	assert_false(secret_eq(STR_NONE, STR("x")));
}

static void every_byte_counts_at_every_length(void **state)
{
	char a[40], b[40];

	(void)state;
	for (size_t i = 0; i < sizeof(a); i++)
		a[i] = b[i] = (char)(i * 37);
	for (size_t n = 0; n <= sizeof(a); n++) {
		assert_true(secret_eq(str_of(a, n), str_of(b, n)));
		for (size_t i = 0; i < n; i++)
			for (int bit = 0; bit < 8; bit++) {
				b[i] = (char)(b[i] ^ 1 << bit);
				assert_false(secret_eq(str_of(a, n), str_of(b, n)));
				b[i] = a[i];
			}
	}
}

static void wiped_is_zero(void **state)
{
	char text[] = "secret";

	(void)state;
	secret_wipe(text, sizeof(text));
	for (size_t i = 0; i < sizeof(text); i++)
		assert_int_equal(text[i], 0);
	secret_wipe(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_means_same_length_and_bytes),
		cmocka_unit_test(every_byte_counts_at_every_length),
		cmocka_unit_test(wiped_is_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
