#include "base/slab.h"

#include "base/test.h"

static void a_handle_finds_its_object_and_never_its_successor(void **state)
{
	struct slab s;
	handle first, second;
	int *object;

	(void)state;
	slab_init(&s, sizeof(int), 10);
	object = slab_add(&s, &first);
	assert_non_null(object);
	assert_int_equal(*object, 0);
	*object = 5;
	assert_ptr_equal(slab_find(&s, first), object);
	slab_remove(&s, first);
	assert_null(slab_find(&s, first));
	assert_ptr_equal(slab_add(&s, &second), object); /* same slot */
	assert_int_equal(*object, 0);
	assert_null(slab_find(&s, first));
	slab_remove(&s, first); /* gone already: harmless */
	assert_non_null(slab_find(&s, second));
	assert_null(slab_find(&s, 0));
	assert_null(slab_find(&s, UINT64_MAX));
	slab_free(&s);
}

static void the_bound_holds_and_all_are_walked(void **state)
{
	struct slab s;
	handle handles[200], seen;
	uint32_t slot = 0, n = 0;

	(void)state;
	slab_init(&s, 24, 200);
	for (int i = 0; i < 200; i++)
		assert_non_null(slab_add(&s, &handles[i]));
	assert_null(slab_add(&s, &seen));
	for (int i = 0; i < 200; i += 2)
		slab_remove(&s, handles[i]);
	while (slab_walk(&s, &slot, &seen)) {
		assert_non_null(slab_find(&s, seen));
		n++;
	}
	assert_int_equal(n, 100);
	slab_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_handle_finds_its_object_and_never_its_successor),
		cmocka_unit_test(the_bound_holds_and_all_are_walked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
