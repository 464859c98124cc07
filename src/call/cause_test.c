#include "call/cause.h"

#include "base/test.h"

static void a_status_becomes_what_it_means_to_the_caller(void **state)
{
	(void)state;
	assert_int_equal(call_cause_of_status(486, false), CALL_BUSY);
	assert_int_equal(call_cause_of_status(480, true), CALL_NO_ANSWER);
	assert_int_equal(call_cause_of_status(480, false), CALL_AWAY);
	assert_int_equal(call_cause_of_status(408, false), CALL_SILENCE);
	assert_int_equal(call_cause_of_status(404, false), CALL_UNKNOWN);
	assert_int_equal(call_cause_of_status(606, false), CALL_NO_CODEC);
	assert_int_equal(call_cause_of_status(599, false), CALL_SERVER_ERROR);
	assert_int_equal(call_cause_of_status(499, false), CALL_FAILED);
}

static void every_cause_can_cross_to_the_other_road_and_keeps_its_meaning(void **state)
{
	static const enum call_cause kept[] = { CALL_BUSY,     CALL_DECLINED,   CALL_UNKNOWN,  CALL_AWAY,
						CALL_NO_CODEC, CALL_OVERLOADED, CALL_CANCELLED };

	(void)state;
	for (int cause = CALL_CAUSE_NONE; cause <= CALL_FAILED; cause++) {
		assert_in_range(call_cause_status((enum call_cause)cause), 400, 699);
		assert_true(call_cause_word((enum call_cause)cause)[0]);
		assert_true(call_cause_text((enum call_cause)cause)[0]);
	}
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
		assert_int_equal(call_cause_of_status(call_cause_status(kept[i]), false), kept[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_status_becomes_what_it_means_to_the_caller),
		cmocka_unit_test(every_cause_can_cross_to_the_other_road_and_keeps_its_meaning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
