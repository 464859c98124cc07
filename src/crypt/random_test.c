#include "crypt/random.h"

#include "base/test.h"

static void two_sources_never_agree(void **state)
{
	struct rng a, b;
	uint8_t x[64], y[64];

	(void)state;
	for (int stream = 0; stream < 2; stream++) {
		(stream ? random_stream : random_os)(&a);
		(stream ? random_stream : random_os)(&b);
		rng_fill(&a, x, sizeof(x));
		rng_fill(&b, y, sizeof(y));
		assert_memory_not_equal(x, y, sizeof(x));
		rng_fill(&a, y, sizeof(y));
		assert_memory_not_equal(x, y, sizeof(x));
	}
}

static void a_stream_forgets_what_it_gave(void **state)
{
	struct rng r;
	uint8_t x[32], y[32], z[1000];

	(void)state;
	random_stream(&r);
	memcpy(x, r.state, sizeof(x));
	rng_fill(&r, y, sizeof(y));
	memcpy(z, r.state, 32);
	assert_memory_not_equal(x, z, 32); /* another key */
	assert_memory_not_equal(y, z, 32); /* which is not what was given out */
}

static void what_was_given_stands_nowhere_in_it(void **state)
{
	struct rng r;
	uint8_t given[16];

	(void)state;
	random_stream(&r);
	for (int i = 0; i < 40; i++) {
		const uint8_t *at = (const uint8_t *)&r;

		rng_fill(&r, given, sizeof(given));
		for (size_t k = 0; k + sizeof(given) <= sizeof(r); k++)
			assert_true(memcmp(at + k, given, sizeof(given)) != 0);
	}
}

static void long_and_short_pieces_are_filled_to_the_last_byte(void **state)
{
	static const size_t sizes[] = { 1, 223, 224, 225, 448, 5000 };
	struct rng r;
	uint8_t got[5001];

	(void)state;
	random_stream(&r);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		bool last_changes = false;
		for (int again = 0; again < 8; again++) {
			memset(got, 0, sizeof(got));
			rng_fill(&r, got, sizes[i]);
			last_changes |= got[sizes[i] - 1] != 0;
			assert_int_equal(got[sizes[i]], 0);
		}
		assert_true(last_changes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_sources_never_agree),
		cmocka_unit_test(a_stream_forgets_what_it_gave),
		cmocka_unit_test(what_was_given_stands_nowhere_in_it),
		cmocka_unit_test(long_and_short_pieces_are_filled_to_the_last_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
