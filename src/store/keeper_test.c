#include "store/keeper.h"

#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>

static void a_question_is_a_copy_of_its_own(void **state)
{
	char aor[] = "sip:101@example.com";
	struct contact_record rows[2] = { { .aor = str_from(aor), .key = STR("a"), .cseq = 5 },
					  { .aor = str_from(aor), .key = STR("b"), .expires = 9 } };
	struct keeper_ask *ask = keeper_ask_new(&(struct keeper_ask){
		.kind = KEEPER_CONTACT_PUT, .token = 7, .now = 3, .contacts = rows, .n = 2, .limit = 4 });

	(void)state;
	memset(aor, 'x', sizeof(aor) - 1);
	memset(rows, 0, sizeof(rows));
	assert_non_null(ask);
	assert_int_equal(ask->token, 7);
	assert_int_equal(ask->limit, 4);
	assert_int_equal(ask->n, 2);
	assert_str(ask->contacts[0].aor, "sip:101@example.com");
	assert_int_equal(ask->contacts[0].cseq, 5);
	assert_str(ask->contacts[1].key, "b");
	assert_int_equal(ask->contacts[1].expires, 9);
	keeper_ask_free(ask);
	keeper_ask_free(NULL);
}

static void what_is_beyond_the_bounds_is_no_question(void **state)
{
	struct state_record *rows = calloc(KEEPER_ROWS_MAX + 1, sizeof(*rows));
	char *value = calloc(1, KEEPER_BYTES_MAX);
	struct keeper_ask model = { .kind = KEEPER_STATE_PUT, .states = rows, .n = KEEPER_ROWS_MAX + 1 };

	(void)state;
	assert_null(keeper_ask_new(&model));
	model.n = KEEPER_ROWS_MAX;
	struct keeper_ask *ask = keeper_ask_new(&model);
	assert_non_null(ask);
	keeper_ask_free(ask);
	rows[3].value = str_of(value, KEEPER_BYTES_MAX);
	assert_null(keeper_ask_new(&model));
	assert_null(keeper_ask_new(&(struct keeper_ask){ .kind = 0 }));
	assert_null(keeper_ask_new(&(struct keeper_ask){ .kind = KEEPER_KIND_N }));
	free(rows);
	free(value);
}

static void every_kind_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int i = KEEPER_REALM; i < KEEPER_KIND_N; i++) {
		assert_string_not_equal(keeper_kind_name(i), "none");
		for (int k = KEEPER_REALM; k < i; k++)
			assert_string_not_equal(keeper_kind_name(i), keeper_kind_name(k));
	}
	assert_string_equal(keeper_kind_name(KEEPER_KIND_N), "none");
}

static void an_answer_grows_to_its_bound_and_keeps_what_it_copied(void **state)
{
	struct keeper_answer *answer =
		keeper_answer_new(&(struct keeper_ask){ .kind = KEEPER_USER_LIST, .token = 9, .from = 2 });
	char name[20];

	(void)state;
	assert_int_equal(answer->token, 9);
	assert_int_equal(answer->from, 2);
	assert_string_equal(answer->why, "");
	for (int i = 0; i < KEEPER_ROWS_MAX; i++) {
		struct user_record *row = keeper_answer_add(answer);
		assert_non_null(row);
		row->id = i;
		snprintf(name, sizeof(name), "user%d", i);
		assert_true(keeper_answer_copy(answer, str_from(name), &row->name));
	}
	assert_null(keeper_answer_add(answer));
	assert_int_equal(answer->n, KEEPER_ROWS_MAX);
	assert_str(answer->users[0].name, "user0");
	assert_str(answer->users[999].name, "user999");
	assert_int_equal(keeper_answer_fail(answer, ERR_IO, "because of %s", "this"), ERR_IO);
	assert_int_equal(answer->n, 0);
	assert_null(answer->users);
	assert_string_equal(answer->why, "because of this");
	keeper_answer_free(answer);
	keeper_answer_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_is_a_copy_of_its_own),
		cmocka_unit_test(what_is_beyond_the_bounds_is_no_question),
		cmocka_unit_test(every_kind_has_a_name_of_its_own),
		cmocka_unit_test(an_answer_grows_to_its_bound_and_keeps_what_it_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
