/* Records of calls and traces. */
#include "io/db/test_desk.h"

static void put_call(struct desk *d, const char *session, const char *service, usec start, usec end)
{
	struct call_record c = { .session = str_from(session),
				 .service = str_from(service),
				 .key = STR("call-1"),
				 .caller = STR("sip:alice@net"),
				 .callee = STR("sip:101@acme"),
				 .start = start,
				 .end = end,
				 .status = end ? 200 : 0,
				 .leg_n = 2,
				 .legs = { { .party = STR("alice"), .codec = STR("opus") },
					   { .party = STR("101"), .codec = STR("PCMA"), .answer = start + 3 } } };

	assert_int_equal(TELL(d, KEEPER_CALL_PUT, .calls = &c, .n = 1), ERR_NONE);
}

static void calls_are_listed_by_session_the_newest_last(void **state)
{
	struct desk *d = *state;
	struct call_record of = { .session = STR("s1") };

	put_call(d, "s1", "pbx", NOW, 0);
	put_call(d, "s2", "pbx", NOW + 10, 0);
	put_call(d, "s1", "edge", NOW + 1, NOW + 30);
	put_call(d, "s3", "pbx", NOW + 20, 0);
	put_call(d, "s1", "pbx", NOW, NOW + 31); /* its end */

	struct keeper_answer *a = ASK(d, KEEPER_CALL_LIST);
	assert_int_equal(a->n, 4);
	assert_str(a->calls[0].session, "s1");
	assert_str(a->calls[0].service, "pbx");
	assert_int_equal(a->calls[0].end, NOW + 31);
	assert_int_equal(a->calls[0].status, 200);
	assert_int_equal(a->calls[0].leg_n, 2);
	assert_str(a->calls[0].legs[0].codec, "opus");
	assert_str(a->calls[0].legs[1].party, "101");
	assert_int_equal(a->calls[0].legs[1].answer, NOW + 3);
	assert_str(a->calls[1].service, "edge");
	assert_str(a->calls[3].session, "s3");
	keeper_answer_free(a);

	a = ASK(d, KEEPER_CALL_LIST, .limit = 2);
	assert_int_equal(a->n, 2);
	assert_str(a->calls[0].session, "s2");
	keeper_answer_free(a);
	a = ASK(d, KEEPER_CALL_LIST, .calls = &of, .n = 1);
	assert_int_equal(a->n, 2);
	keeper_answer_free(a);
	of = (struct call_record){ .caller = STR("sip:nobody@net") };
	a = ASK(d, KEEPER_CALL_LIST, .calls = &of, .n = 1);
	assert_int_equal(a->n, 0);
	keeper_answer_free(a);
}

static void calls_of_a_former_life_get_an_end(void **state)
{
	struct desk *d = *state;
	struct call_record of = { .service = STR("pbx") };

	put_call(d, "s1", "pbx", NOW - 100, 0);
	put_call(d, "s2", "edge", NOW - 90, 0);
	put_call(d, "s3", "pbx", NOW - 80, NOW - 70);
	put_call(d, "s4", "pbx", NOW - 40 * 86400 * USEC_PER_SEC, 0);
	assert_int_equal(TELL(d, KEEPER_CALL_CLOSE, .calls = &of, .n = 1, .now = NOW), ERR_NONE);
	struct keeper_answer *a = ASK(d, KEEPER_CALL_LIST);
	assert_int_equal(a->n, 4);
	assert_int_equal(a->calls[0].end, 0); /* older than anybody talks */
	assert_int_equal(a->calls[1].end, NOW - 100);
	assert_str(a->calls[1].cause, "end unseen: the service was down");
	assert_int_equal(a->calls[2].end, 0); /* another's */
	assert_int_equal(a->calls[3].end, NOW - 70);
	assert_str(a->calls[3].cause, "");
	keeper_answer_free(a);
	assert_int_not_equal(TELL(d, KEEPER_CALL_CLOSE, .n = 0), ERR_NONE);
}

static void a_trace_is_found_by_session_and_by_call_id(void **state)
{
	struct desk *d = *state;
	struct trace_record rows[] = {
		{ .session = STR("s1"),
		  .call_id = STR("c1"),
		  .start = STR("INVITE sip:b SIP/2.0"),
		  .message = STR("m"),
		  .way = TRACE_IN,
		  .transport = TRANSPORT_TLS,
		  .remote = addr_v4(192, 0, 2, 1, 5061),
		  .at = NOW },
		{ .session = STR("s1"), .call_id = STR("c2"), .start = STR("INVITE sip:c SIP/2.0"), .at = NOW + 1 },
		{ .call_id = STR("c2"), .start = STR("SIP/2.0 100 Trying"), .at = NOW + 2 },
		{ .call_id = STR("c3"), .start = STR("REGISTER sip:x SIP/2.0"), .at = NOW + 3 },
		{ .call_id = STR("c4"), .start = STR("INVITE sip:d SIP/2.0"), .at = NOW + 4 },
		{ .session = STR("s1"), .call_id = STR("c1"), .start = STR("SIP/2.0 200 OK"), .at = NOW + 5 },
	};
	struct trace_record of = { .session = STR("s1") };

	assert_int_equal(TELL(d, KEEPER_TRACE_APPEND, .traces = rows, .n = 6), ERR_NONE);
	struct keeper_answer *a = ASK(d, KEEPER_TRACE_LIST, .traces = &of, .n = 1);
	assert_int_equal(a->n, 4);
	assert_int_equal(a->traces[0].transport, TRANSPORT_TLS);
	assert_int_equal(a->traces[0].way, TRACE_IN);
	assert_true(addr_eq(&a->traces[0].remote, &rows[0].remote));
	assert_str(a->traces[0].message, "m");
	assert_str(a->traces[2].start, "SIP/2.0 100 Trying");
	assert_str(a->traces[3].start, "SIP/2.0 200 OK");
	int64_t after = a->traces[2].id;
	keeper_answer_free(a);

	of = (struct trace_record){ .call_id = STR("c2") };
	a = ASK(d, KEEPER_TRACE_LIST, .traces = &of, .n = 1);
	assert_int_equal(a->n, 4);
	keeper_answer_free(a);
	a = ASK(d, KEEPER_TRACE_LIST, .traces = &of, .n = 1, .after = after); /* following it */
	assert_int_equal(a->n, 1);
	keeper_answer_free(a);
	of = (struct trace_record){ .call_id = STR("c3") };
	a = ASK(d, KEEPER_TRACE_LIST, .traces = &of, .n = 1);
	assert_int_equal(a->n, 1);
	keeper_answer_free(a);
	a = ASK(d, KEEPER_TRACE_LIST);
	assert_int_equal(a->n, 6);
	keeper_answer_free(a);

	a = ASK(d, KEEPER_TRACE_SESSIONS, .limit = 5);
	assert_int_equal(a->n, 2); /* a registration is no session */
	assert_str(a->traces[0].session, "s1");
	assert_str(a->traces[0].call_id, "c1");
	assert_str(a->traces[1].call_id, "c4");
	keeper_answer_free(a);
}

/* RFC 7989 6.: what the callee sends bears the callee's half first, its re-INVITE too. */
static void the_callees_half_of_a_session_belongs_to_it(void **state)
{
	struct desk *d = *state;
	struct trace_record rows[] = {
		{ .session = STR("caller"), .call_id = STR("c1"), .start = STR("INVITE sip:b SIP/2.0") },
		{ .session = STR("caller"), .call_id = STR("c2"), .start = STR("INVITE sip:c SIP/2.0") },
		{ .session = STR("callee"), .call_id = STR("c2"), .start = STR("SIP/2.0 200 OK") },
		{ .session = STR("callee"), .call_id = STR("c1"), .start = STR("SIP/2.0 200 OK") },
		{ .session = STR("callee"), .call_id = STR("c2"), .start = STR("INVITE sip:a SIP/2.0") },
		{ .session = STR("other"), .call_id = STR("c3"), .start = STR("SIP/2.0 200 OK") },
	};
	struct trace_record of = { .session = STR("callee") };

	assert_int_equal(TELL(d, KEEPER_TRACE_APPEND, .traces = rows, .n = 6), ERR_NONE);
	for (int half = 0; half < 2; half++) {
		struct keeper_answer *a = ASK(d, KEEPER_TRACE_LIST, .traces = &of, .n = 1);
		assert_int_equal(a->n, 5);
		keeper_answer_free(a);
		of.session = STR("caller");
	}
	struct keeper_answer *a = ASK(d, KEEPER_TRACE_SESSIONS);
	assert_int_equal(a->n, 1);
	assert_str(a->traces[0].session, "caller");
	keeper_answer_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_MEMORY(calls_are_listed_by_session_the_newest_last),
		IN_MEMORY(calls_of_a_former_life_get_an_end),
		IN_MEMORY(a_trace_is_found_by_session_and_by_call_id),
		IN_MEMORY(the_callees_half_of_a_session_belongs_to_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
