#include "pbx/stream_book.h"

#include "base/test.h"

#include <stdio.h>

static struct rng rng;

static void a_stream_gives_back_what_came_over_it_once(void **state)
{
	struct pbx_stream_book *b = pbx_stream_book_new(&rng);
	char out[40];
	str one, two;

	(void)state;
	assert_int_equal(pbx_stream_book_add(b, 7, STR("sip:a@x")), ERR_NONE);
	assert_int_equal(pbx_stream_book_add(b, 7, STR("sip:a@x")), ERR_NONE);
	assert_int_equal(pbx_stream_book_add(b, 7, STR("sip:b@x")), ERR_NONE);
	assert_int_equal(pbx_stream_book_add(b, 8, STR("sip:a@x")), ERR_NONE);
	assert_int_equal(pbx_stream_book_n(b), 3);
	assert_int_equal(pbx_stream_book_take(b, 9, out, sizeof(out)).n, 0);
	one = pbx_stream_book_take(b, 7, out, sizeof(out));
	assert_str(one, "sip:b@x");
	two = pbx_stream_book_take(b, 7, out, sizeof(out));
	assert_str(two, "sip:a@x");
	assert_int_equal(pbx_stream_book_take(b, 7, out, sizeof(out)).n, 0);
	assert_int_equal(pbx_stream_book_n(b), 1);
	pbx_stream_book_free(b);
}

static void one_stream_has_only_so_many(void **state)
{
	struct pbx_stream_book *b = pbx_stream_book_new(&rng);
	char aor[40], out[40];

	(void)state;
	for (int i = 0; i < PBX_STREAM_AORS_MAX; i++) {
		snprintf(aor, sizeof(aor), "sip:%d@x", i);
		assert_int_equal(pbx_stream_book_add(b, 1, str_from(aor)), ERR_NONE);
	}
	assert_int_equal(pbx_stream_book_add(b, 1, STR("sip:more@x")), ERR_FULL);
	assert_int_equal(pbx_stream_book_add(b, 1, STR("sip:0@x")), ERR_NONE); /* is there */
	assert_int_equal(pbx_stream_book_add(b, 2, STR("sip:more@x")), ERR_NONE);
	for (int i = 0; i < PBX_STREAM_AORS_MAX; i++)
		assert_true(pbx_stream_book_take(b, 1, out, sizeof(out)).n);
	assert_int_equal(pbx_stream_book_n(b), 1);
	pbx_stream_book_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_gives_back_what_came_over_it_once),
		cmocka_unit_test(one_stream_has_only_so_many),
	};

	rng_seeded(&rng, 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
