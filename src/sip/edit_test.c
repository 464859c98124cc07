#include "sip/edit.h"

#include "base/test.h"

static struct arena arena;
static char block[SIP_MSG_ARENA];
static struct sip_msg m;
static char out_bytes[4000];
static struct buf out;
static struct sip_edits edits;

static void given(const char *z)
{
	arena_free(&arena);
	arena_init(&arena, block, sizeof(block), SIP_MSG_HEAP_MAX);
	assert_int_equal(sip_msg_parse(&m, &arena, str_from(z)), ERR_NONE);
	sip_edits_init(&edits);
	buf_init(&out, out_bytes, sizeof(out_bytes));
}

static void assert_out(const char *expected)
{
	buf_put_char(&out, '\0');
	assert_true(buf_ok(&out));
	assert_string_equal(out_bytes, expected);
}

static void assert_edited(const char *expected)
{
	assert_int_equal(sip_edits_write(&m, &edits, &out), ERR_NONE);
	assert_out(expected);
}

static void nothing_noted_is_nothing_changed(void **state)
{
	static const char text[] = "BYE sip:a SIP/2.0\r\nv: SIP/2.0/UDP b\r\nX :  y\r\n\tz\r\nl: 2\r\n\r\nhi";

	(void)state;
	given(text);
	assert_edited(text);
}

static void one_field_of_several_goes(void **state)
{
	const struct sip_header *h;

	(void)state;
	given("OPTIONS sip:a SIP/2.0\r\nProxy-Authorization: Digest realm=\"a\"\r\n"
	      "Proxy-Authorization: Digest realm=\"b\"\r\nContent-Length: 0\r\n\r\n");
	h = sip_msg_header_next(&m, sip_msg_header(&m, SIP_PROXY_AUTHORIZATION));
	sip_edits_note(&edits, SIP_EDIT_REMOVE_ONE, SIP_PROXY_AUTHORIZATION, sip_header_value(&m, h));
	assert_edited("OPTIONS sip:a SIP/2.0\r\nProxy-Authorization: Digest realm=\"a\"\r\nContent-Length: 0\r\n\r\n");
}

/* RFC 3261 16.6 in one go. */
static void a_proxy_forwards_with_its_edits(void **state)
{
	(void)state;
	given("INVITE sip:bob@example.com SIP/2.0\r\n"
	      "Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKa\r\n"
	      "Max-Forwards: 70\r\n"
	      "Route: <sip:p1;lr>, <sip:p2;lr>\r\n"
	      "X-Secret: 1\r\n"
	      "Content-Length: 2\r\n\r\nab");
	sip_msg_stamp(&m, &(struct addr){ .family = 4, .port = 99, .ip = { 192, 0, 2, 9 } });
	sip_edits_note(&edits, SIP_EDIT_ADD, SIP_OTHER, STR("Session-ID: 1"));
	sip_edits_note(&edits, SIP_EDIT_REMOVE_NAME, SIP_OTHER, STR("x-secret"));
	sip_edits_note(&edits, SIP_EDIT_SET, SIP_MAX_FORWARDS, STR("69"));
	sip_edits_note(&edits, SIP_EDIT_URI, SIP_OTHER, STR("sip:bob@192.0.2.4"));
	sip_edits_note(&edits, SIP_EDIT_REMOVE_TOP, SIP_ROUTE, STR_NONE);
	sip_edits_note(&edits, SIP_EDIT_PREPEND, SIP_RECORD_ROUTE, STR("Record-Route: <sip:p0;lr>"));
	sip_edits_note(&edits, SIP_EDIT_PREPEND, SIP_VIA, STR("Via: SIP/2.0/TCP 192.0.2.2;branch=z9hG4bKb"));
	assert_edited("INVITE sip:bob@192.0.2.4 SIP/2.0\r\n"
		      "Via: SIP/2.0/TCP 192.0.2.2;branch=z9hG4bKb\r\n"
		      "Record-Route: <sip:p0;lr>\r\n"
		      "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;received=192.0.2.9;rport=99\r\n"
		      "Max-Forwards: 69\r\n"
		      "Route: <sip:p2;lr>\r\n"
		      "Content-Length: 2\r\n"
		      "Session-ID: 1\r\n\r\nab");
}

static void a_response_loses_its_top_via(void **state)
{
	(void)state;
	given("SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP p;branch=1, SIP/2.0/UDP a;branch=2\r\nVia: SIP/2.0/UDP b\r\nl: "
	      "0\r\n\r\n");
	sip_edits_note(&edits, SIP_EDIT_REMOVE_TOP, SIP_VIA, STR_NONE);
	assert_edited("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=2\r\nVia: SIP/2.0/UDP b\r\nl: 0\r\n\r\n");
	given("SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP p;branch=1, SIP/2.0/UDP a;branch=2\r\nVia: SIP/2.0/UDP b\r\nl: "
	      "0\r\n\r\n");
	sip_edits_note(&edits, SIP_EDIT_REMOVE_TOP, SIP_VIA, STR_NONE);
	sip_edits_note(&edits, SIP_EDIT_REMOVE_TOP, SIP_VIA, STR_NONE);
	assert_edited("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP b\r\nl: 0\r\n\r\n");
}

static void the_last_value_goes_and_the_first_is_replaced(void **state)
{
	(void)state;
	given("A sip:a SIP/2.0\r\nRoute: <sip:1>\r\nRoute: <sip:2>, <sip:3>\r\nl: 0\r\n\r\n");
	sip_edits_note(&edits, SIP_EDIT_REMOVE_LAST, SIP_ROUTE, STR_NONE);
	sip_edits_note(&edits, SIP_EDIT_TOP, SIP_ROUTE, STR("<sip:0>"));
	assert_edited("A sip:a SIP/2.0\r\nRoute: <sip:0>\r\nRoute: <sip:2>\r\nl: 0\r\n\r\n");
	given("A sip:a SIP/2.0\r\nRoute: <sip:1>\r\nRoute: <sip:2>\r\nl: 0\r\n\r\n");
	sip_edits_note(&edits, SIP_EDIT_REMOVE_LAST, SIP_ROUTE, STR_NONE);
	assert_edited("A sip:a SIP/2.0\r\nRoute: <sip:1>\r\nl: 0\r\n\r\n");
	given("A sip:a SIP/2.0\r\nRoute: <sip:1> , <sip:2>, <sip:3>\r\nl: 0\r\n\r\n");
	sip_edits_note(&edits, SIP_EDIT_REMOVE_TOP, SIP_ROUTE, STR_NONE);
	sip_edits_note(&edits, SIP_EDIT_TOP, SIP_ROUTE, STR("<sip:x>"));
	assert_edited("A sip:a SIP/2.0\r\nRoute: <sip:x>, <sip:3>\r\nl: 0\r\n\r\n");
}

static void a_set_field_appears_once(void **state)
{
	(void)state;
	given("A sip:a SIP/2.0\r\nExpires: 1\r\nX: y\r\nExpires: 2\r\nl: 0\r\n\r\n");
	sip_edits_note(&edits, SIP_EDIT_SET, SIP_EXPIRES, STR("3"));
	sip_edits_note(&edits, SIP_EDIT_SET, SIP_MIN_EXPIRES, STR("4"));
	assert_edited("A sip:a SIP/2.0\r\nExpires: 3\r\nX: y\r\nl: 0\r\nMin-Expires: 4\r\n\r\n");
}

static void a_new_body_brings_its_length(void **state)
{
	(void)state;
	given("A sip:a SIP/2.0\r\nl: 3\r\n\r\nold");
	sip_edits_note(&edits, SIP_EDIT_BODY, SIP_OTHER, STR("newer"));
	assert_edited("A sip:a SIP/2.0\r\nContent-Length: 5\r\n\r\nnewer");
	given("A sip:a SIP/2.0\r\nX: y\r\n\r\nbody");
	assert_edited("A sip:a SIP/2.0\r\nX: y\r\nContent-Length: 4\r\n\r\nbody");
}

static void the_last_prepended_is_on_top(void **state)
{
	(void)state;
	given("A sip:a SIP/2.0\r\nl: 0\r\n\r\n");
	sip_edits_note(&edits, SIP_EDIT_PREPEND, SIP_RECORD_ROUTE, STR("Record-Route: <sip:1>"));
	sip_edits_note(&edits, SIP_EDIT_PREPEND, SIP_RECORD_ROUTE, STR("Record-Route: <sip:2>"));
	assert_edited("A sip:a SIP/2.0\r\nRecord-Route: <sip:2>\r\nRecord-Route: <sip:1>\r\nl: 0\r\n\r\n");
}

static void too_many_edits_and_too_small_a_buffer_are_said(void **state)
{
	(void)state;
	given("A sip:a SIP/2.0\r\nl: 0\r\n\r\n");
	buf_init(&out, out_bytes, 10);
	assert_int_equal(sip_edits_write(&m, &edits, &out), ERR_FULL);
	for (int i = 0; i <= SIP_EDIT_MAX; i++)
		sip_edits_note(&edits, SIP_EDIT_ADD, SIP_OTHER, STR("X: y"));
	buf_init(&out, out_bytes, sizeof(out_bytes));
	assert_int_equal(sip_edits_write(&m, &edits, &out), ERR_LIMIT);
}

#define REQUEST                                                                                                        \
	"INVITE sip:bob@example.com SIP/2.0\r\n"                                                                       \
	"Via: SIP/2.0/UDP p1;branch=z9hG4bKa;rport, SIP/2.0/UDP p0;branch=z9hG4bKz\r\n"                                \
	"v: SIP/2.0/UDP ua\r\nRecord-Route: <sip:p1;lr>\r\n"                                                           \
	"From: <sip:a@b>;tag=1\r\nt: Bob <sip:bob@example.com>\r\nCall-ID: c\r\nCSeq: 2 INVITE\r\nRoute: "             \
	"<sip:r;lr>\r\n"

/* RFC 3261 8.2.6 */
/* Two rules may take the same lines away, of which anybody may send as many as a message has. */
static void what_goes_twice_crowds_nothing_out(void **state)
{
	char text[8000];
	struct buf b;

	(void)state;
	buf_init(&b, text, sizeof(text));
	buf_put(&b, STR("INVITE sip:a SIP/2.0\r\n"));
	for (unsigned i = 0; i < SIP_MSG_HEADER_MAX - 2; i++)
		buf_put(&b, STR("Call-Info: <sip:x>\r\n"));
	buf_put(&b, STR("P-Asserted-Identity: <sip:x>\r\nl: 0\r\n\r\n"));
	buf_put_char(&b, '\0');
	given(text);
	sip_edits_note(&edits, SIP_EDIT_REMOVE, SIP_CALL_INFO, STR_NONE);
	sip_edits_note(&edits, SIP_EDIT_REMOVE, SIP_CALL_INFO, STR_NONE);
	sip_edits_note(&edits, SIP_EDIT_REMOVE, SIP_P_ASSERTED_IDENTITY, STR_NONE);
	sip_edits_note(&edits, SIP_EDIT_PREPEND, SIP_VIA, STR("Via: SIP/2.0/UDP p"));
	assert_edited("INVITE sip:a SIP/2.0\r\nVia: SIP/2.0/UDP p\r\nl: 0\r\n\r\n");
}

static void an_answer_is_made_from_its_request(void **state)
{
	(void)state;
	given(REQUEST "\r\n");
	sip_msg_stamp(&m, &(struct addr){ .family = 4, .port = 99, .ip = { 192, 0, 2, 9 } });
	struct sip_reply r = { .status = 180, .to_tag = STR("tt"), .lines = STR("Contact: <sip:x>\r\nX: y") };
	assert_int_equal(sip_reply_write(&m, &r, &out), ERR_NONE);
	assert_out("SIP/2.0 180 Ringing\r\n"
		   "Via: SIP/2.0/UDP p1;branch=z9hG4bKa;received=192.0.2.9;rport=99, SIP/2.0/UDP p0;branch=z9hG4bKz\r\n"
		   "v: SIP/2.0/UDP ua\r\nRecord-Route: <sip:p1;lr>\r\nFrom: <sip:a@b>;tag=1\r\n"
		   "To: Bob <sip:bob@example.com>;tag=tt\r\nCall-ID: c\r\nCSeq: 2 INVITE\r\n"
		   "Contact: <sip:x>\r\nX: y\r\nContent-Length: 0\r\n\r\n");
}

static void a_refusal_has_no_record_route_and_a_body_has_a_type(void **state)
{
	(void)state;
	given(REQUEST "Timestamp: 5\r\n\r\n");
	struct sip_reply r = {
		.status = 486, .reason = STR("No"), .content_type = STR("text/plain"), .body = STR("hi")
	};
	assert_int_equal(sip_reply_write(&m, &r, &out), ERR_NONE);
	buf_put_char(&out, '\0');
	assert_null(strstr(out_bytes, "Record-Route"));
	assert_null(strstr(out_bytes, "Timestamp"));
	assert_non_null(strstr(out_bytes, "SIP/2.0 486 No\r\n"));
	assert_non_null(strstr(out_bytes, "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"));
}

/* RFC 6228 6.: it ends a dialog and makes none. */
static void an_end_of_an_early_dialog_has_no_record_route(void **state)
{
	(void)state;
	given(REQUEST "\r\n");
	struct sip_reply r = { .status = 199, .to_tag = STR("t") };
	assert_int_equal(sip_reply_write(&m, &r, &out), ERR_NONE);
	buf_put_char(&out, '\0');
	assert_null(strstr(out_bytes, "Record-Route"));
}

static void even_a_broken_request_gets_its_400(void **state)
{
	(void)state;
	arena_free(&arena);
	arena_init(&arena, block, sizeof(block), SIP_MSG_HEAP_MAX);
	assert_int_equal(
		sip_msg_parse(&m, &arena,
			      STR("INVITE sip:b SIP/2.0\r\nVia: SIP/2.0/UDP a;;\r\nTo: \"x <sip:a@b>\r\nbroken\r\n"
				  "CSeq: 1 INVITE\r\nCSeq: 2 INVITE\r\n\r\n")),
		ERR_SYNTAX);
	buf_init(&out, out_bytes, sizeof(out_bytes));
	struct sip_reply r = { .status = 400, .to_tag = STR("t") };
	assert_int_equal(sip_reply_write(&m, &r, &out), ERR_NONE);
	assert_out("SIP/2.0 400 Bad Request\r\nVia: SIP/2.0/UDP a;;\r\nTo: \"x <sip:a@b>\r\nCSeq: 1 INVITE\r\n"
		   "Content-Length: 0\r\n\r\n");
	given("INVITE sip:b SIP/2.0\r\nl: 0\r\n\r\n");
	assert_int_equal(sip_reply_write(&m, &r, &out), ERR_ABSENT);
}

static void ack_and_cancel_follow_their_request(void **state)
{
	(void)state;
	given(REQUEST "\r\n");
	assert_int_equal(sip_request_write_derived(&m, SIP_ACK, STR("<sip:bob@example.com>;tag=9"), STR_NONE, &out),
			 ERR_NONE);
	assert_out(
		"ACK sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP p1;branch=z9hG4bKa;rport\r\nRoute: <sip:r;lr>\r\n"
		"Max-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:bob@example.com>;tag=9\r\nCall-ID: c\r\n"
		"CSeq: 2 ACK\r\nContent-Length: 0\r\n\r\n");
	buf_reset(&out);
	assert_int_equal(sip_request_write_derived(&m, SIP_CANCEL, STR_NONE, STR("Reason: SIP;cause=200"), &out),
			 ERR_NONE);
	buf_put_char(&out, '\0');
	assert_non_null(
		strstr(out_bytes, "t: Bob <sip:bob@example.com>\r\nCall-ID: c\r\nCSeq: 2 CANCEL\r\nReason: SIP;"));
}

static void a_new_request_parses_back(void **state)
{
	static const str routes[] = { STR_INIT("<sip:1;lr>"), STR_INIT("<sip:2;lr>") };
	struct sip_request r = {
		.method = STR("INVITE"),
		.uri = STR("sip:b@c"),
		.via = STR("SIP/2.0/UDP a;branch=z9hG4bK1"),
		.routes = routes,
		.route_n = 2,
		.from = STR("<sip:a@b>;tag=1"),
		.to = STR("<sip:b@c>"),
		.call_id = STR("x"),
		.cseq = 5,
		.contact = STR("<sip:a>"),
		.lines = STR("X: 1\r\nY: 2"),
		.content_type = STR("application/sdp"),
		.body = STR("v=0"),
	};
	const struct sip_address *list;
	uint32_t n32;
	size_t n;

	(void)state;
	buf_init(&out, out_bytes, sizeof(out_bytes));
	assert_int_equal(sip_request_write(&r, &out), ERR_NONE);
	arena_free(&arena);
	arena_init(&arena, block, sizeof(block), SIP_MSG_HEAP_MAX);
	assert_int_equal(sip_msg_parse(&m, &arena, buf_str(&out)), ERR_NONE);
	assert_int_equal(sip_msg_check(&m), 0);
	assert_int_equal(sip_msg_addresses(&m, SIP_ROUTE, &list, &n), ERR_NONE);
	assert_int_equal(n, 2);
	assert_true(sip_msg_max_forwards(&m, &n32) && n32 == 70);
	assert_str(m.body, "v=0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_noted_is_nothing_changed),
		cmocka_unit_test(one_field_of_several_goes),
		cmocka_unit_test(a_proxy_forwards_with_its_edits),
		cmocka_unit_test(a_response_loses_its_top_via),
		cmocka_unit_test(the_last_value_goes_and_the_first_is_replaced),
		cmocka_unit_test(a_set_field_appears_once),
		cmocka_unit_test(a_new_body_brings_its_length),
		cmocka_unit_test(the_last_prepended_is_on_top),
		cmocka_unit_test(too_many_edits_and_too_small_a_buffer_are_said),
		cmocka_unit_test(what_goes_twice_crowds_nothing_out),
		cmocka_unit_test(an_answer_is_made_from_its_request),
		cmocka_unit_test(an_end_of_an_early_dialog_has_no_record_route),
		cmocka_unit_test(a_refusal_has_no_record_route_and_a_body_has_a_type),
		cmocka_unit_test(even_a_broken_request_gets_its_400),
		cmocka_unit_test(ack_and_cancel_follow_their_request),
		cmocka_unit_test(a_new_request_parses_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
