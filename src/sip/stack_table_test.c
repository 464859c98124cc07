/* A stack that is full. */
#include "sip/test_stack.h"

static void a_full_table_lets_the_finished_go_first_and_then_says_503(void **state)
{
	struct rig *r = rig_new(few);
	struct sip_stack_stats st;

	(void)state;
	r->on = answer_200;
	for (int i = 0; i < 6; i++)
		options(r, i);
	assert_int_equal(count(r, B, SIP_EVENT_REQUEST), 6);
	sip_stack_stats(r->stack[B], &st);
	assert_int_equal(st.evicted, 2);
	assert_int_equal(st.transactions, 4);
	r->on = NULL;
	for (int i = 10; i < 14; i++)
		options(r, i);
	assert_int_equal(count(r, B, SIP_EVENT_REQUEST), 10);
	options(r, 20);
	assert_int_equal(count(r, B, SIP_EVENT_REQUEST), 10);
	assert_memory_equal(r->last[B], "SIP/2.0 503 ", 12);
	assert_non_null(strstr(r->last[B], "\r\nRetry-After: "));
	rig_free(r);
}

static void some(struct sip_stack_config *c)
{
	c->transaction_max = 100;
}

static void answer_and_wait_for_its_end(struct rig *r, const struct seen *s, struct sip_msg *msg)
{
	answer_200(r, s, msg);
	if (s->kind == SIP_EVENT_REQUEST)
		sip_stack_set_cookie(r->stack[s->side], s->server, 7);
}

/* Its owner keeps something for each: none is forgotten, however many are ended at once. */
static void of_each_that_makes_room_the_end_is_told(void **state)
{
	struct sip_outgoing o = { .draft.text = str_from(request_text("OPTIONS", "", "")), .cookie = 42 };
	struct rig *r = rig_new(some);
	struct sip_stack_stats st;

	(void)state;
	r->on = answer_and_wait_for_its_end;
	for (int i = 0; i < 100; i++)
		options(r, i);
	assert_int_equal(count(r, B, SIP_EVENT_ENDED), 0);
	o.target.transport = TRANSPORT_UDP;
	o.target.addr = where(A);
	for (int i = 0; i < 75; i++)
		assert_int_not_equal(sip_stack_request(r->stack[B], &o, r->now), 0);
	sip_stack_stats(r->stack[B], &st);
	assert_int_equal(st.evicted, 75);
	drain(r, B);
	assert_int_equal(count(r, B, SIP_EVENT_ENDED), 75);
	assert_int_equal(last(r, B, SIP_EVENT_ENDED)->cookie, 7);
	rig_free(r);
}

static void streams_above_the_bound_are_closed(void **state)
{
	struct rig *r = rig_new(few);

	(void)state;
	for (uint32_t i = 1; i <= 3; i++)
		accept(r, HOST_OWN_MAX + i, 1001);
	assert_int_equal(count(r, B, SIP_EVENT_FLOW_UP), 2);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_table_lets_the_finished_go_first_and_then_says_503),
		cmocka_unit_test(of_each_that_makes_room_the_end_is_told),
		cmocka_unit_test(streams_above_the_bound_are_closed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
