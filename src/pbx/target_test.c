#include "base/test.h"
#include "pbx/target.h"

static struct contact_record row(const char *uri, uint16_t q, usec updated, const char *instance, uint32_t reg_id)
{
	return (struct contact_record){
		.uri = str_from(uri), .q = q, .updated = updated, .instance = str_from(instance), .reg_id = reg_id
	};
}

static void contacts_of_one_q_ring_together_the_newest_first(void **state)
{
	struct contact_record rows[] = { row("a", 1000, 1, "", 0), row("b", 1000, 3, "", 0), row("c", 1000, 2, "", 0) };
	struct pbx_targets t;

	(void)state;
	pbx_target_order(rows, NULL, 3, PBX_TARGET_BY_Q, &t);
	assert_int_equal(t.n, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(t.list[i].group, 0);
	assert_int_equal(t.list[0].row, 1);
	assert_int_equal(t.list[1].row, 2);
	assert_int_equal(t.list[2].row, 0);
}

static void a_lower_q_comes_after(void **state)
{
	struct contact_record rows[] = { row("a", 100, 1, "", 0), row("b", 1000, 1, "", 0), row("c", 500, 1, "", 0),
					 row("d", 500, 2, "", 0) };
	struct pbx_targets t;

	(void)state;
	pbx_target_order(rows, NULL, 4, PBX_TARGET_BY_Q, &t);
	assert_int_equal(t.list[0].row, 1);
	assert_int_equal(t.list[0].group, 0);
	assert_int_equal(t.list[1].row, 3);
	assert_int_equal(t.list[1].group, 1);
	assert_int_equal(t.list[2].row, 2);
	assert_int_equal(t.list[2].group, 1);
	assert_int_equal(t.list[3].row, 0);
	assert_int_equal(t.list[3].group, 2);
}

static void together_knows_no_q_and_one_by_one_no_equals(void **state)
{
	struct contact_record rows[] = { row("a", 100, 1, "", 0), row("b", 1000, 1, "", 0), row("c", 1000, 0, "", 0) };
	struct pbx_targets t;

	(void)state;
	pbx_target_order(rows, NULL, 3, PBX_TARGET_TOGETHER, &t);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(t.list[i].group, 0);
	pbx_target_order(rows, NULL, 3, PBX_TARGET_ONE_BY_ONE, &t);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(t.list[i].group, i);
}

/* RFC 5626 5.3 */
static void of_a_phone_with_several_flows_one_is_tried_at_a_time(void **state)
{
	struct contact_record rows[] = { row("a", 1000, 1, "<urn:uuid:1>", 1), row("b", 1000, 2, "<urn:uuid:1>", 2),
					 row("c", 1000, 0, "<urn:uuid:1>", 3), row("d", 1000, 0, "<urn:uuid:2>", 1),
					 row("e", 500, 9, "<urn:uuid:1>", 4) };
	struct pbx_targets t;

	(void)state;
	pbx_target_order(rows, NULL, 5, PBX_TARGET_BY_Q, &t);
	assert_int_equal(t.n, 5);
	assert_int_equal(t.list[0].row, 1);
	assert_false(t.list[0].is_spare);
	assert_int_equal(t.list[1].row, 0);
	assert_true(t.list[1].is_spare);
	assert_int_equal(t.list[0].spare, 2);
	assert_int_equal(t.list[2].row, 2);
	assert_true(t.list[2].is_spare);
	assert_int_equal(t.list[1].spare, 3);
	assert_int_equal(t.list[3].row, 3);
	assert_false(t.list[3].is_spare);
	assert_int_equal(t.list[3].spare, 0);
	assert_int_equal(t.list[3].group, 0);
	assert_true(t.list[4].is_spare); /* also with another q: it is the same phone */
	assert_int_equal(t.list[2].spare, 5);
}

static void an_instance_without_reg_id_is_a_contact_like_others(void **state)
{
	struct contact_record rows[] = { row("a", 1000, 1, "<urn:uuid:1>", 0), row("b", 1000, 2, "<urn:uuid:1>", 0) };
	struct pbx_targets t;

	(void)state;
	pbx_target_order(rows, NULL, 2, PBX_TARGET_BY_Q, &t);
	assert_false(t.list[0].is_spare);
	assert_false(t.list[1].is_spare);
	pbx_target_order(rows, NULL, 0, PBX_TARGET_BY_Q, &t);
	assert_int_equal(t.n, 0);
}

/* RFC 5627 6.1 */
static void ways_to_one_phone_are_tried_newest_first_one_after_the_other(void **state)
{
	struct contact_record rows[] = { row("a", 1000, 1, "<urn:uuid:1>", 0), row("b", 1, 3, "<urn:uuid:1>", 0),
					 row("c", 500, 2, "<urn:uuid:1>", 1) };
	struct pbx_targets t;

	(void)state;
	pbx_target_order(rows, NULL, 3, PBX_TARGET_ONE_PHONE, &t);
	assert_int_equal(t.list[0].row, 1);
	assert_int_equal(t.list[0].spare, 2);
	assert_int_equal(t.list[1].row, 2);
	assert_int_equal(t.list[1].spare, 3);
	assert_int_equal(t.list[2].row, 0);
	assert_true(!t.list[0].is_spare && t.list[1].is_spare && t.list[2].is_spare && !t.list[2].spare);
}

/* RFC 3841 7.2.4 */
static void what_the_caller_prefers_orders_those_of_equal_q(void **state)
{
	struct contact_record rows[] = { row("a", 1000, 1, "", 0), row("b", 1000, 1, "", 0), row("c", 500, 1, "", 0),
					 row("d", 1000, 1, "", 0), row("e", 1000, 1, "", 0) };
	int16_t fits[] = { 0, 500, 1000, -1, 500 };
	struct pbx_targets t;

	(void)state;
	pbx_target_order(rows, fits, 5, PBX_TARGET_BY_Q, &t);
	assert_int_equal(t.n, 4);
	assert_int_equal(t.list[0].row, 1);
	assert_int_equal(t.list[1].row, 4);
	assert_int_equal(t.list[1].group, 0);
	assert_int_equal(t.list[2].row, 0);
	assert_int_equal(t.list[2].group, 1);
	assert_int_equal(t.list[3].row, 2);
	assert_int_equal(t.list[3].group, 2);
}

static void without_a_fork_the_first_phone_is_left_with_its_flows(void **state)
{
	struct contact_record rows[] = { row("a", 1000, 5, "<urn:uuid:1>", 1), row("b", 1000, 3, "", 0),
					 row("c", 1000, 2, "<urn:uuid:1>", 2) };
	struct pbx_targets t;

	(void)state;
	pbx_target_order(rows, NULL, 3, PBX_TARGET_BY_Q, &t);
	pbx_target_first(&t);
	assert_int_equal(t.n, 2);
	assert_int_equal(t.list[0].row, 0);
	assert_int_equal(t.list[0].spare, 2);
	assert_int_equal(t.list[1].row, 2);
	assert_true(t.list[1].is_spare);
	assert_int_equal(t.list[1].spare, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contacts_of_one_q_ring_together_the_newest_first),
		cmocka_unit_test(a_lower_q_comes_after),
		cmocka_unit_test(together_knows_no_q_and_one_by_one_no_equals),
		cmocka_unit_test(of_a_phone_with_several_flows_one_is_tried_at_a_time),
		cmocka_unit_test(what_the_caller_prefers_orders_those_of_equal_q),
		cmocka_unit_test(without_a_fork_the_first_phone_is_left_with_its_flows),
		cmocka_unit_test(an_instance_without_reg_id_is_a_contact_like_others),
		cmocka_unit_test(ways_to_one_phone_are_tried_newest_first_one_after_the_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
