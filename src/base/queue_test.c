#include "base/queue.h"

#include "base/test.h"

static void what_goes_in_first_comes_out_first_however_it_grew(void **state)
{
	struct queue q;
	uint32_t in = 0, out = 0, item;

	(void)state;
	queue_init(&q, sizeof(item), 1000);
	/* three in, two out: the ring is full at every place of its head */
	while (in < 300) {
		for (int i = 0; i < 3; i++, in++)
			assert_int_equal(queue_put(&q, &in), ERR_NONE);
		for (int i = 0; i < 2; i++, out++) {
			assert_true(queue_take(&q, &item));
			assert_int_equal(item, out);
		}
		assert_int_equal(queue_n(&q), in - out);
	}
	for (; queue_take(&q, &item); out++)
		assert_int_equal(item, out);
	assert_int_equal(out, in);
	queue_free(&q);
}

static void a_full_one_says_so_and_keeps_what_it_has(void **state)
{
	struct queue q;
	uint16_t item;

	(void)state;
	queue_init(&q, sizeof(item), 3);
	for (item = 1; item <= 3; item++)
		assert_int_equal(queue_put(&q, &item), ERR_NONE);
	assert_int_equal(queue_put(&q, &item), ERR_FULL);
	assert_true(queue_take(&q, &item));
	assert_int_equal(item, 1);
	item = 4;
	assert_int_equal(queue_put(&q, &item), ERR_NONE);
	for (uint16_t expect = 2; expect <= 4; expect++) {
		assert_true(queue_take(&q, &item));
		assert_int_equal(item, expect);
	}
	assert_false(queue_take(&q, &item));
	assert_int_equal(item, 4);
	queue_free(&q);
}

static void a_freed_one_can_be_used_again(void **state)
{
	struct queue q;
	char item = 'a';

	(void)state;
	queue_init(&q, 1, 8);
	assert_int_equal(queue_put(&q, &item), ERR_NONE);
	queue_free(&q);
	assert_false(queue_take(&q, &item));
	item = 'b';
	assert_int_equal(queue_put(&q, &item), ERR_NONE);
	assert_true(queue_take(&q, &item));
	assert_int_equal(item, 'b');
	queue_free(&q);
	queue_free(&(struct queue){ 0 });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_in_first_comes_out_first_however_it_grew),
		cmocka_unit_test(a_full_one_says_so_and_keeps_what_it_has),
		cmocka_unit_test(a_freed_one_can_be_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
