#include "base/heap.h"

#include "base/rng.h"
#include "base/test.h"

#define N 500

static void the_earliest_comes_first_whatever_moved(void **state)
{
	static struct heap_item items[N];
	struct rng rng;
	struct heap h;
	usec last = 0;
	size_t taken = 0, expect = N;

	(void)state;
	rng_seeded(&rng, 1);
	heap_init(&h);
	for (int round = 0; round < 4; round++)
		for (int i = 0; i < N; i++)
			assert_int_equal(heap_set(&h, &items[i], 1 + rng_below(&rng, 10000)), ERR_NONE);
	for (int i = 0; i < N; i += 5) {
		if (i % 2)
			heap_remove(&h, &items[i]);
		else
			assert_int_equal(heap_set(&h, &items[i], USEC_NEVER), ERR_NONE);
		expect--;
	}
	heap_remove(&h, &items[0]); /* again: harmless */
	while (h.n) {
		struct heap_item *item = heap_take(&h, heap_due(&h));

		assert_non_null(item);
		assert_true(item->due >= last);
		assert_false(heap_has(item));
		last = item->due;
		taken++;
	}
	assert_int_equal(taken, expect);
	assert_true(heap_due(&h) == USEC_NEVER);
	heap_free(&h);
}

static void nothing_is_taken_before_its_time(void **state)
{
	struct heap_item item = { 0 };
	struct heap h;

	(void)state;
	heap_init(&h);
	assert_null(heap_take(&h, 5));
	assert_int_equal(heap_set(&h, &item, 10), ERR_NONE);
	assert_null(heap_take(&h, 9));
	assert_ptr_equal(heap_take(&h, 10), &item);
	heap_free(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_earliest_comes_first_whatever_moved),
		cmocka_unit_test(nothing_is_taken_before_its_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
