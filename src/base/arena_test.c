#include "base/arena.h"

#include "base/test.h"

static void what_was_given_out_does_not_overlap_and_is_aligned(void **state)
{
	char first[100];
	struct arena a;
	char *p[50];

	(void)state;
	arena_init(&a, first, sizeof(first), 100000);
	for (int i = 0; i < 50; i++) {
		p[i] = arena_alloc(&a, (size_t)i * 7 + 1);
		assert_non_null(p[i]);
		assert_int_equal((uintptr_t)p[i] % 16, 0);
		memset(p[i], i, (size_t)i * 7 + 1);
	}
	for (int i = 0; i < 50; i++)
		for (size_t j = 0; j < (size_t)i * 7 + 1; j++)
			assert_int_equal(p[i][j], i);
	arena_free(&a);
}

static void the_limit_holds_and_reset_gives_it_back(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, NULL, 0, 5000);
	assert_non_null(arena_alloc(&a, 4000));
	assert_null(arena_alloc(&a, 4000));
	arena_reset(&a);
	assert_non_null(arena_alloc(&a, 4000));
	arena_free(&a);
	arena_init(&a, NULL, 0, 0);
	assert_null(arena_alloc(&a, 1));
	arena_free(&a);
}

static void the_first_block_is_as_large_as_was_asked_for(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, NULL, 0, 5000);
	arena_set_block(&a, 100);
	for (int i = 0; i < 2; i++) {
		assert_non_null(arena_alloc(&a, 1));
		assert_int_equal(a.left, 4900);
		assert_non_null(arena_alloc(&a, 100));
		assert_int_equal(a.left, 4700);
		arena_reset(&a);
		assert_int_equal(a.left, 5000);
	}
	arena_free(&a);
}

static void copies_live_on_their_own(void **state)
{
	char text[] = "abc";
	struct arena a;
	str copy;

	(void)state;
	arena_init(&a, NULL, 0, 5000);
	assert_true(arena_copy(&a, str_from(text), &copy));
	text[0] = 'x';
	assert_str(copy, "abc");
	assert_true(arena_copy(&a, STR_NONE, &copy));
	assert_int_equal(copy.n, 0);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_given_out_does_not_overlap_and_is_aligned),
		cmocka_unit_test(the_limit_holds_and_reset_gives_it_back),
		cmocka_unit_test(the_first_block_is_as_large_as_was_asked_for),
		cmocka_unit_test(copies_live_on_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
