#include "pbx/moved.h"

#include "base/test.h"

#include <stdio.h>

#define NOW (1700000000 * USEC_PER_SEC)

static void what_was_said_is_known_for_a_day(void **state)
{
	struct pbx_moved v = { 0 };

	(void)state;
	assert_false(pbx_moved_knows(&v, STR("call"), 7, NOW));
	pbx_moved_note(&v, STR("call"), 7, NOW);
	pbx_moved_note(&v, STR("call"), 8, NOW);
	assert_true(pbx_moved_knows(&v, STR("call"), 7, NOW) && pbx_moved_knows(&v, STR("call"), 8, NOW));
	assert_false(pbx_moved_knows(&v, STR("call"), 9, NOW));
	assert_false(pbx_moved_knows(&v, STR("call2"), 7, NOW));
	pbx_moved_note(&v, STR("call"), 8, NOW + PBX_MOVED_KEPT / 2);
	assert_true(pbx_moved_knows(&v, STR("call"), 7, NOW + PBX_MOVED_KEPT));
	assert_false(pbx_moved_knows(&v, STR("call"), 7, NOW + PBX_MOVED_KEPT + USEC_PER_SEC));
	assert_true(pbx_moved_knows(&v, STR("call"), 8, NOW + PBX_MOVED_KEPT + USEC_PER_SEC));
	pbx_moved_free(&v);
	assert_false(pbx_moved_knows(&v, STR("call"), 8, NOW));
}

static void where_there_is_no_room_the_oldest_goes(void **state)
{
	struct pbx_moved v = { 0 };
	unsigned known = 0, most = PBX_MOVED_ROWS * PBX_MOVED_ROW, n = 2 * most;

	(void)state;
	for (unsigned i = 1; i <= n; i++) {
		pbx_moved_note(&v, STR("call"), i, NOW + (usec)i * USEC_PER_MS);
		assert_true(pbx_moved_knows(&v, STR("call"), i, NOW + (usec)i * USEC_PER_MS));
	}
	for (unsigned i = 1; i <= n; i++)
		known += pbx_moved_knows(&v, STR("call"), i, NOW + (usec)n * USEC_PER_MS);
	assert_true(known <= most && known > most / 10 * 9);
	known = 0;
	for (unsigned i = n - most / 8; i <= n; i++) /* the last ones are nearly all there */
		known += pbx_moved_knows(&v, STR("call"), i, NOW + (usec)n * USEC_PER_MS);
	assert_true(known > most / 8 / 100 * 99);
	pbx_moved_free(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_said_is_known_for_a_day),
		cmocka_unit_test(where_there_is_no_room_the_oldest_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
