#include "pbx/recorder.h"

#include "base/test.h"

#include <stdio.h>

static struct pbx_recorder *r;
static struct arena arena;
static char block[SIP_MSG_ARENA];
static struct sip_msg m;
static const struct flow flow = { .transport = TRANSPORT_UDP,
				  .id = 1,
				  .remote = { .family = 4, .port = 5, .ip = { 1, 2, 3, 4 } } };

static int setup(void **state)
{
	struct rng rng;

	(void)state;
	rng_seeded(&rng, 3);
	r = pbx_recorder_new(&rng);
	return r ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	pbx_recorder_free(r);
	arena_free(&arena);
	return 0;
}

static struct sip_msg *parse(const char *start, const char *method, const char *call_id, const char *rest)
{
	static char text[3000];

	snprintf(text, sizeof(text),
		 "%s\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:101@x>;tag=ft\r\nTo: <sip:102@x>;tag=tt\r\n"
		 "Call-ID: %s\r\nCSeq: 1 %s\r\n%s",
		 start, call_id, method, rest);
	arena_free(&arena);
	arena_init(&arena, block, sizeof(block), SIP_MSG_HEAP_MAX);
	assert_int_equal(sip_msg_parse(&m, &arena, str_from(text)), ERR_NONE);
	assert_int_equal(sip_msg_check(&m), 0);
	return &m;
}

static void start(const char *call_id, usec now)
{
	pbx_recorder_start(r, parse("INVITE sip:102@x SIP/2.0", "INVITE", call_id, "\r\n"), &flow, now);
}

static void an_answered_call_is_told_twice(void **state)
{
	struct keeper_ask *q;

	(void)state;
	start("c", 1000);
	assert_null(pbx_recorder_next(r, 1000, false));
	assert_int_equal(pbx_recorder_due(r), 1000 + PBX_RECORDER_PACE);
	pbx_recorder_answer(r, parse("SIP/2.0 183 x", "INVITE", "c", "\r\n"), &flow, 2000);
	pbx_recorder_answer(
		r,
		parse("SIP/2.0 200 OK", "INVITE", "c",
		      "Contact: <sip:102@9>\r\nContent-Type: application/sdp\r\n\r\nv=0\r\no=- 1 1 IN IP4 1.2.3.4\r\n"
		      "s=-\r\nc=IN IP4 1.2.3.4\r\nt=0 0\r\nm=audio 4000 RTP/AVP 96 0\r\na=rtpmap:96 opus/48000/2\r\n"),
		&flow, 3000);
	q = pbx_recorder_next(r, 1000 + PBX_RECORDER_PACE, false);
	assert_non_null(q);
	assert_int_equal(q->kind, KEEPER_CALL_PUT);
	assert_int_equal(q->n, 1);
	assert_true(q->calls[0].start == 1000 && q->calls[0].ring == 2000 && q->calls[0].answer == 3000 &&
		    !q->calls[0].end);
	assert_str(q->calls[0].legs[0].codec, "opus/48000/2");
	assert_str(q->calls[0].legs[0].signalling, "udp");
	keeper_ask_free(q);
	assert_null(pbx_recorder_next(r, 10000000, false));
	pbx_recorder_request(r, parse("BYE sip:102@x SIP/2.0", "BYE", "c", "\r\n"), 20000000);
	q = pbx_recorder_next(r, 20000000, true);
	assert_non_null(q);
	assert_str(q->calls[0].cause, "caller hung up");
	assert_int_equal(q->calls[0].end, 20000000);
	keeper_ask_free(q);
	/* it is gone: a second BYE changes nothing */
	assert_int_equal(pbx_recorder_due(r), USEC_NEVER);
	pbx_recorder_request(r, parse("BYE sip:102@x SIP/2.0", "BYE", "c", "\r\n"), 30000000);
	assert_null(pbx_recorder_next(r, 40000000, true));
}

static void a_refused_call_says_why(void **state)
{
	struct keeper_ask *q;

	(void)state;
	start("c", 1000);
	pbx_recorder_answer(r, parse("SIP/2.0 486 Busy Here", "INVITE", "c", "\r\n"), &flow, 2000);
	start("d", 1000);
	pbx_recorder_fail(r, parse("INVITE sip:102@x SIP/2.0", "INVITE", "d", "\r\n"), 408, STR("Request Timeout"),
			  3000);
	q = pbx_recorder_next(r, 5000, true);
	assert_int_equal(q->n, 2);
	assert_str(q->calls[0].cause, "486 Busy Here");
	assert_int_equal(q->calls[0].status, 486);
	assert_int_equal(q->calls[1].status, 408);
	keeper_ask_free(q);
}

static void the_same_call_id_again_is_another_call(void **state)
{
	struct keeper_ask *q;

	(void)state;
	start("c", 1000);
	pbx_recorder_answer(r, parse("SIP/2.0 422 Too Small", "INVITE", "c", "\r\n"), &flow, 2000);
	start("c", 3000); /* mended, before the first was written */
	start("c", 3500); /* the same one, to another place */
	pbx_recorder_answer(r, parse("SIP/2.0 200 OK", "INVITE", "c", "\r\n"), &flow, 4000);
	start("c", 5000); /* beside the one that was answered */
	pbx_recorder_answer(r, parse("SIP/2.0 200 OK", "INVITE", "c", "\r\n"), &flow, 6000);
	pbx_recorder_request(r, parse("BYE sip:102@x SIP/2.0", "BYE", "c", "\r\n"), 7000);
	pbx_recorder_request(r, parse("BYE sip:102@x SIP/2.0", "BYE", "c", "\r\n"), 7000);
	q = pbx_recorder_next(r, 8000, true);
	assert_int_equal(q->n, 3);
	assert_int_equal(q->calls[0].status, 422);
	assert_true(q->calls[1].start == 3000 && q->calls[1].answer == 4000 && q->calls[1].end == 7000);
	assert_true(q->calls[2].start == 5000 && q->calls[2].answer == 6000 && q->calls[2].end == 7000);
	keeper_ask_free(q);
}

static void other_requests_leave_no_record(void **state)
{
	(void)state;
	pbx_recorder_answer(r, parse("SIP/2.0 200 OK", "INVITE", "c", "\r\n"), &flow, 2000);
	pbx_recorder_request(r, parse("BYE sip:102@x SIP/2.0", "BYE", "c", "\r\n"), 3000);
	assert_null(pbx_recorder_next(r, 5000, true));
}

static void the_session_is_the_callers_or_made_of_the_call_id(void **state)
{
	char a[32], b[32];
	struct keeper_ask *q;

	(void)state;
	pbx_recorder_session(r, STR("x"), a);
	pbx_recorder_session(r, STR("x"), b);
	assert_memory_equal(a, b, 32);
	pbx_recorder_session(r, STR("y"), b);
	assert_memory_not_equal(a, b, 32);
	start("x", 1);
	pbx_recorder_start(
		r,
		parse("INVITE sip:102@x SIP/2.0", "INVITE", "z",
		      "Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000\r\n\r\n"),
		&flow, 1);
	q = pbx_recorder_next(r, 2, true);
	assert_true(str_eq(q->calls[0].session, str_of(a, 32)));
	assert_str(q->calls[1].session, "ab30317f1a784dc48ff824d0d3715d86");
	keeper_ask_free(q);
}

static void many_changes_go_in_batches(void **state)
{
	struct keeper_ask *q;
	size_t n = 0;
	char id[20];

	(void)state;
	for (int i = 0; i < 450; i++) {
		snprintf(id, sizeof(id), "c%d", i);
		start(id, 1);
	}
	for (unsigned batches = 0; (q = pbx_recorder_next(r, 2, true)); batches++) {
		n += q->n;
		assert_true(q->n <= 200 && batches < 3);
		keeper_ask_free(q);
	}
	assert_int_equal(n, 450);
	assert_int_equal(pbx_recorder_due(r), 1 + 24 * 3600 * USEC_PER_SEC);
}

#define S USEC_PER_SEC

static struct sip_msg *between(const char *start, const char *method, const char *call_id, const char *from,
			       const char *to)
{
	static char text[3000];

	snprintf(text, sizeof(text),
		 "%s\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:101@x>;tag=%s\r\nTo: <sip:102@x>;tag=%s\r\n"
		 "Call-ID: %s\r\nCSeq: 1 %s\r\n\r\n",
		 start, from, to, call_id, method);
	arena_free(&arena);
	arena_init(&arena, block, sizeof(block), SIP_MSG_HEAP_MAX);
	assert_int_equal(sip_msg_parse(&m, &arena, str_from(text)), ERR_NONE);
	return &m;
}

static bool is_over(const char *call_id, const char *from, const char *to, usec since)
{
	return pbx_recorder_is_over(r, between("UPDATE sip:x SIP/2.0", "UPDATE", call_id, from, to), since);
}

static void answered(const char *call_id, const char *tag, usec now)
{
	pbx_recorder_answer(r, between("SIP/2.0 200 OK", "INVITE", call_id, "ft", tag), &flow, now);
}

static void bye(const char *call_id, const char *from, const char *to, usec now)
{
	pbx_recorder_request(r, between("BYE sip:x SIP/2.0", "BYE", call_id, from, to), now);
}

/* RFC 3261 13.2.2.4: each that has answered is a dialog. */
static void a_call_is_over_with_the_last_of_its_dialogs(void **state)
{
	(void)state;
	assert_false(is_over("c", "ft", "t1", 2 * S)); /* who knows */
	start("x", S);
	start("c", 2 * S);
	assert_false(is_over("c", "ft", "t1", 2 * S)); /* it rings */
	answered("c", "t1", 3 * S);
	assert_false(is_over("c", "ft", "t1", 3 * S) || is_over("c", "t1", "ft", 3 * S));
	assert_true(is_over("c", "ft", "t2", 3 * S) && is_over("c", "t2", "ft", 3 * S)); /* none of it */
	assert_true(is_over("c", "t1", "t2", 3 * S) && is_over("d", "ft", "t1", 3 * S));
	answered("c", "t2", 4 * S);
	answered("c", "t1", 4 * S); /* again */
	assert_false(is_over("c", "ft", "t2", 4 * S));
	assert_false(is_over("c", "ft", "t3", 4 * S)); /* a third one is not known */
	bye("c", "t1", "ft", 5 * S);
	answered("c", "t1", 5 * S); /* late: it stays over */
	assert_true(is_over("c", "ft", "t1", 3 * S));
	assert_false(is_over("c", "ft", "t2", 4 * S));
	assert_int_equal(pbx_recorder_figures(r)->completed, 0);
	bye("c", "ft", "t9", 5 * S);
	bye("d", "ft", "t2", 5 * S);
	assert_int_equal(pbx_recorder_figures(r)->completed, 0);
	bye("c", "ft", "t2", 6 * S);
	assert_int_equal(pbx_recorder_figures(r)->completed, 1);
	assert_true(is_over("c", "ft", "t2", 4 * S));
	/* a later one of that name is another */
	start("c", 8 * S);
	assert_true(is_over("c", "ft", "t2", 4 * S));
	assert_false(is_over("c", "ft", "t2", 8 * S));
	/* of what began before anything is known here */
	assert_false(is_over("e", "ft", "t2", S - 1));
}

static void of_a_call_with_a_long_name_nothing_is_known(void **state)
{
	char name[300] = "";

	(void)state;
	memset(name, 'n', 250);
	start("x", S);
	start(name, 2 * S);
	answered(name, "t1", 3 * S);
	assert_false(is_over(name, "ft", "t1", 3 * S));
	assert_false(is_over("c", name, "t1", 3 * S));
	assert_false(is_over("c", "ft", name, 3 * S));
}

static void of_calls_before_room_was_wanted_nothing_is_known(void **state)
{
	char id[20];

	(void)state;
	for (unsigned i = 0; i <= PBX_RECORDER_CALLS; i++) {
		struct keeper_ask *q;

		snprintf(id, sizeof(id), "n%u", i);
		start(id, S + i);
		if (i % 100 == 0)
			while ((q = pbx_recorder_next(r, S + i, true)))
				keeper_ask_free(q);
	}
	assert_false(is_over("n0", "ft", "t1", S)); /* it has made room, and may live */
	assert_false(is_over("n7", "ft", "t1", S));
	start("new", 4 * S);
	answered("new", "t1", 5 * S);
	assert_false(is_over("new", "ft", "t1", 5 * S));
	start("newer", 5 * S);
	pbx_recorder_fail(r, between("INVITE sip:x SIP/2.0", "INVITE", "newer", "ft", ""), 486, STR("Busy"), 6 * S);
	assert_true(is_over("newer", "ft", "t1", 7 * S));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_answered_call_is_told_twice),
		T(a_refused_call_says_why),
		T(the_same_call_id_again_is_another_call),
		T(other_requests_leave_no_record),
		T(the_session_is_the_callers_or_made_of_the_call_id),
		T(many_changes_go_in_batches),
		T(a_call_is_over_with_the_last_of_its_dialogs),
		T(of_a_call_with_a_long_name_nothing_is_known),
		T(of_calls_before_room_was_wanted_nothing_is_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
