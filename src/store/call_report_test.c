#include "store/call_report.h"

#include "base/test.h"

#include <jansson.h>

#define NOON ((usec)1795435200 * USEC_PER_SEC) /* 2026-11-23 12:00:00 */

static const struct call_record calls[] = {
	{ .session = STR_INIT("5e55"),
	  .service = STR_INIT("edge:acme"),
	  .caller = STR_INIT("sip:alice@network"),
	  .callee = STR_INIT("sip:acme@network"),
	  .start = NOON + 100000,
	  .ring = NOON + 300000,
	  .answer = NOON + 2000000,
	  .end = NOON + 65000000,
	  .status = 200,
	  .cause = STR_INIT("callee hung up"),
	  .leg_n = 2,
	  .legs = { { .party = STR_INIT("alice"),
		      .signalling = STR_INIT("overlay, sealed"),
		      .codec = STR_INIT("opus/48000/2"),
		      .media = STR_INIT("dtls-srtp"),
		      .path = STR_INIT("host 192.0.2.1:4000 - host 192.0.2.7:5000") },
		    { .party = STR_INIT("sip:101@acme"),
		      .remote = STR_INIT("192.0.2.9:5060"),
		      .codec = STR_INIT("PCMA/8000") } } },
	{ .session = STR_INIT("5e55"),
	  .service = STR_INIT("node:alice"),
	  .caller = STR_INIT("sip:alice@network"),
	  .callee = STR_INIT("sip:acme@network"),
	  .start = NOON,
	  .answer = NOON + 2100000,
	  .end = NOON + 65010000,
	  .status = 200,
	  .cause = STR_INIT("far end hung up"),
	  .leg_n = 1,
	  .legs = { { .party = STR_INIT("acme") } } },
	{ .session = STR_INIT("5e56"),
	  .service = STR_INIT("pbx"),
	  .caller = STR_INIT("sip:101@acme"),
	  .callee = STR_INIT("sip:102@acme"),
	  .start = NOON + 70000000,
	  .end = NOON + 71000000,
	  .status = 486,
	  .cause = STR_INIT("Busy Here") },
};

static void one_block_tells_a_session(void **state)
{
	char text[2000];
	struct buf b;

	(void)state;
	assert_int_equal(store_call_report_session(calls, 3), 2);
	assert_int_equal(store_call_report_session(calls + 2, 1), 1);
	buf_init(&b, text, sizeof(text) - 1);
	store_call_report_text(calls, 2, &b);
	text[b.n] = 0;
	assert_string_equal(
		text,
		"2026-11-23 12:00:00.000  sip:alice@network -> sip:acme@network: spoke for 1:03.010, far end hung up\n"
		"  session 5e55\n"
		"  ring    12:00:00.300  after 0.300 s\n"
		"  answer  12:00:02.000  after 2.000 s\n"
		"  end     12:01:05.010  after 1:05.010\n"
		"  edge:acme      <- alice | overlay, sealed | opus/48000/2 | dtls-srtp | host 192.0.2.1:4000 - host "
		"192.0.2.7:5000\n"
		"  edge:acme      -> sip:101@acme | 192.0.2.9:5060 | PCMA/8000\n"
		"  node:alice     <- acme\n");
	buf_reset(&b);
	store_call_report_text(calls + 2, 1, &b);
	text[b.n] = 0;
	assert_string_equal(text,
			    "2026-11-23 12:01:10.000  sip:101@acme -> sip:102@acme: not answered, 486, Busy Here\n"
			    "  session 5e56\n"
			    "  end     12:01:11.000  after 1.000 s\n");
}

static void a_call_without_an_end_says_so(void **state)
{
	struct call_record live = calls[1];
	char text[2000];
	struct buf b;

	(void)state;
	live.end = 0;
	live.cause = STR_NONE;
	buf_init(&b, text, sizeof(text) - 1);
	store_call_report_text(&live, 1, &b);
	text[b.n] = 0;
	assert_non_null(strstr(text, ": answered, no end yet\n"));
	assert_null(strstr(text, "  end "));
	buf_reset(&b);
	store_call_report_json(&live, 1, &b);
	text[b.n] = 0;
	assert_null(strstr(text, "\"end\""));
	assert_null(strstr(text, "duration"));
}

static void a_program_reads_the_same(void **state)
{
	char text[4000];
	struct buf b;

	(void)state;
	buf_init(&b, text, sizeof(text) - 1);
	store_call_report_json(calls, 2, &b);
	text[b.n] = 0;
	assert_true(str_ends(buf_str(&b), STR("]}\n")));
	json_t *j = json_loads(text, 0, NULL);
	assert_non_null(j);
	assert_string_equal(json_string_value(json_object_get(j, "session")), "5e55");
	assert_int_equal(json_integer_value(json_object_get(j, "start")), NOON);
	assert_int_equal(json_integer_value(json_object_get(j, "duration_ms")), 63010);
	json_t *records = json_object_get(j, "records");
	assert_int_equal(json_array_size(records), 2);
	json_t *legs = json_object_get(json_array_get(records, 0), "legs");
	assert_int_equal(json_array_size(legs), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(legs, 1), "codec")), "PCMA/8000");
	json_decref(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_block_tells_a_session),
		cmocka_unit_test(a_call_without_an_end_says_so),
		cmocka_unit_test(a_program_reads_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
