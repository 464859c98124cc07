#include "store/contact_batch.h"

#include "base/test.h"

#include <stdlib.h>

static void what_was_put_in_comes_out_in_its_order(void **state)
{
	struct contact_record c = {
		.aor = STR("sip:101@x"), .key = STR("k"), .uri = STR("u"), .cseq = 7, .expires = 9
	};
	struct contact_record read;
	struct contact_change change;
	struct contact_batch b, copy;
	struct contact_row r;

	(void)state;
	contact_batch_init(&b);
	contact_batch_init(&copy);
	for (int turn = 0; turn < 2; turn++) { /* also in one that was emptied */
		contact_batch_reset(&b);
		contact_batch_reset(&copy);
		assert_int_equal(contact_batch_put(&b, &c), ERR_NONE);
		assert_int_equal(contact_batch_gone(&b, STR("sip:102@x"), STR("l")), ERR_NONE);
		assert_int_equal(contact_batch_put(&b, &c), ERR_NONE);
		assert_true(contact_row_is_sound(contact_batch_row(&b)));
		assert_int_equal(contact_row_open(contact_batch_row(&b), &r), 3);
		for (int i = 0; i < 3; i++) {
			assert_true(contact_row_next(&r, &change));
			assert_int_equal(change.gone, i == 1);
			assert_true(str_eq(change.aor, i == 1 ? STR("sip:102@x") : STR("sip:101@x")));
			assert_true(str_eq(change.key, i == 1 ? STR("l") : STR("k")));
			assert_int_equal(contact_batch_copy(&copy, &change), ERR_NONE);
			if (change.gone)
				continue;
			assert_int_equal(change.expires, 9);
			assert_int_equal(contact_read(change.body, &read), ERR_NONE);
			assert_str(read.uri, "u");
			assert_int_equal(read.cseq, 7);
		}
		assert_false(contact_row_next(&r, &change));
		assert_true(str_eq(contact_batch_row(&b), contact_batch_row(&copy)));
	}
	contact_batch_free(&b);
	contact_batch_free(&copy);
}

static void what_does_not_fit_leaves_nothing_behind(void **state)
{
	char *text = calloc(1, CONTACT_BATCH_BYTES);
	struct contact_record c = { .aor = STR("sip:101@x"),
				    .key = STR("k"),
				    .params = str_of(text, CONTACT_BATCH_BYTES) };
	struct contact_batch b;
	struct contact_row r;

	(void)state;
	contact_batch_init(&b);
	assert_int_equal(contact_batch_put(&b, &c), ERR_LIMIT);
	assert_int_equal(contact_batch_row(&b).n, 0);
	c.params.n = CONTACT_BATCH_BYTES - 1000;
	assert_int_equal(contact_batch_put(&b, &c), ERR_NONE);
	assert_int_equal(contact_batch_put(&b, &c), ERR_FULL);
	struct contact_batch_place place = contact_batch_place(&b);
	for (int i = 0; i < 3; i++) {
		contact_batch_cut(&b, place);
		assert_int_equal(contact_batch_gone(&b, STR("sip:101@x"), STR("k")), ERR_NONE);
	}
	assert_true(contact_row_is_sound(contact_batch_row(&b)));
	assert_int_equal(contact_row_open(contact_batch_row(&b), &r), 2);
	contact_batch_reset(&b);
	for (int i = 0; i < CONTACT_BATCH_MAX; i++)
		assert_int_equal(contact_batch_gone(&b, STR("sip:101@x"), STR("k")), ERR_NONE);
	assert_int_equal(contact_batch_gone(&b, STR("sip:101@x"), STR("k")), ERR_FULL);
	assert_true(contact_row_is_sound(contact_batch_row(&b)));
	contact_batch_free(&b);
	free(text);
}

static void what_is_damaged_is_not_sound_and_read_as_far_as_it_goes(void **state)
{
	struct contact_record c = { .aor = STR("sip:101@x"), .key = STR("k"), .expires = 9 };
	struct contact_change change;
	struct contact_batch b;
	struct contact_row r;
	char text[300];

	(void)state;
	contact_batch_init(&b);
	for (int i = 0; i < 3; i++)
		assert_int_equal(contact_batch_put(&b, &c), ERR_NONE);
	str row = contact_batch_row(&b);
	for (size_t n = 0; n < row.n; n++) {
		assert_false(contact_row_is_sound(str_head(row, n)));
		assert_true(contact_row_open(str_head(row, n), &r) >= 1);
		while (contact_row_next(&r, &change))
			assert_str(change.aor, "sip:101@x");
	}
	assert_true(row.n < sizeof(text) - 1);
	for (size_t n = 0; n < row.n; n++) /* each byte another */
		for (int bit = 0; bit < 8; bit++) {
			memcpy(text, row.p, row.n);
			text[n] = (char)(text[n] ^ 1 << bit);
			(void)contact_row_is_sound(str_of(text, row.n));
			contact_row_open(str_of(text, row.n), &r);
			while (contact_row_next(&r, &change))
				assert_true(change.body.p >= text && change.body.p + change.body.n <= text + row.n);
		}
	memcpy(text, row.p, row.n);
	assert_false(contact_row_is_sound(str_of(text, row.n + 1)));
	contact_batch_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_in_comes_out_in_its_order),
		cmocka_unit_test(what_does_not_fit_leaves_nothing_behind),
		cmocka_unit_test(what_is_damaged_is_not_sound_and_read_as_far_as_it_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
