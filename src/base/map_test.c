#include "base/map.h"

#include <stdlib.h>

#include "base/test.h"

struct thing {
	struct map_node node;
	unsigned key;
};

static struct thing *find(const struct map *m, unsigned key)
{
	for (struct map_node *n = map_first(m, key % 7); n; n = map_next(n))
		if (map_of(n, struct thing, node)->key == key)
			return map_of(n, struct thing, node);
	return NULL;
}

static void what_was_added_is_found_until_it_is_removed(void **state)
{
	static struct thing things[1000];
	struct map m;

	(void)state;
	map_init(&m, 1000);
	for (unsigned i = 0; i < 1000; i++) {
		things[i].key = i; /* hash i % 7: long chains of equal hashes */
		assert_int_equal(map_add(&m, &things[i].node, i % 7), ERR_NONE);
	}
	for (unsigned i = 0; i < 1000; i += 3)
		map_remove(&m, &things[i].node);
	for (unsigned i = 0; i < 1000; i++)
		assert_ptr_equal(find(&m, i), i % 3 ? &things[i] : NULL);
	assert_int_equal(m.n, 666);
	size_t walked = 0;
	for (struct map_node *n = map_walk(&m, NULL); n; n = map_walk(&m, n))
		walked++;
	assert_int_equal(walked, 666);
	while (map_pop(&m))
		walked--;
	assert_int_equal(walked, 0);
	map_free(&m);
}

static void a_full_one_says_so(void **state)
{
	struct thing a, b;
	struct map m;

	(void)state;
	map_init(&m, 1);
	assert_null(map_first(&m, 1));
	assert_null(map_walk(&m, NULL));
	assert_int_equal(map_add(&m, &a.node, 1), ERR_NONE);
	assert_int_equal(map_add(&m, &b.node, 2), ERR_FULL);
	map_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_added_is_found_until_it_is_removed),
		cmocka_unit_test(a_full_one_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
