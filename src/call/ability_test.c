/* What our user agents refuse, and with what words (RFC 3261 8.2). */
#include "call/ability.h"
#include "call/test_far.h"

static const struct ability some = { 0 }, all = { .messages = true, .transfers = true };

/* "420 Unsupported: x\r\n" for a request with this body; "0" where it is fine. */
static const char *judged(const struct ability *a, const char *method, const char *uri, const char *lines,
			  const char *body)
{
	static char said[500];
	char text[24000], line_text[400];
	struct sip_msg *m;
	struct buf out;
	int status;

	snprintf(text, sizeof(text),
		 "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\n"
		 "Call-ID: 1\r\nCSeq: 1 %s\r\n%sContent-Length: %zu\r\n\r\n%s",
		 method, uri, method, lines, strlen(body), body);
	m = sip_msg_new(str_from(text));
	assert_non_null(m);
	buf_init(&out, line_text, sizeof(line_text));
	status = ability_judge(a, m, &out);
	snprintf(said, sizeof(said), "%d " STR_FMT, status, STR_ARG(buf_str(&out)));
	sip_msg_free(m);
	return said;
}

#define JUDGED(a, method, lines, body) judged(a, method, "sip:b@x", lines, body)
#define SDP_TYPE                       "Content-Type: application/sdp\r\n"

static void methods_that_are_not_ours_have_an_answer_each(void **state)
{
	static const char *const known[] = { "INVITE", "BYE", "OPTIONS", "PRACK", "UPDATE", "INFO", "NOTIFY" };

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		assert_string_equal(JUDGED(&some, known[i], "", ""), "0 ");
	assert_memory_equal(JUDGED(&some, "FOO", "", ""), "501 Allow: INVITE, ", 19);
	assert_memory_equal(JUDGED(&all, "REGISTER", "", ""), "405 Allow: ", 11);
	assert_memory_equal(JUDGED(&all, "PUBLISH", "", ""), "405 Allow: ", 11);
	assert_string_equal(JUDGED(&all, "SUBSCRIBE", "", ""), "489 Allow-Events: refer\r\n");
	assert_memory_equal(JUDGED(&some, "SUBSCRIBE", "", ""), "405 Allow: ", 11);
	assert_memory_equal(JUDGED(&some, "MESSAGE", "", ""), "405 Allow: ", 11);
	assert_null(strstr(JUDGED(&some, "MESSAGE", "", ""), "MESSAGE"));
	assert_memory_equal(JUDGED(&some, "REFER", "", ""), "405 Allow: ", 11);
	assert_string_equal(JUDGED(&all, "REFER", "", ""), "0 ");
	assert_string_equal(JUDGED(&all, "MESSAGE", "", ""), "0 ");
	assert_memory_equal(JUDGED(&all, "invite", "", ""), "501 ", 4); /* 7.1: methods have case */
}

static void required_extensions_are_had_or_named(void **state)
{
	(void)state;
	assert_string_equal(JUDGED(&some, "INVITE", "Require: 100rel, timer\r\n", ""), "0 ");
	assert_string_equal(JUDGED(&some, "INVITE", "Require: 100rel, replaces\r\nRequire: gin\r\n", ""),
			    "420 Unsupported: replaces, gin\r\n");
	assert_string_equal(JUDGED(&all, "INVITE", "Require: Replaces\r\n", ""), "0 ");
	assert_string_equal(JUDGED(&all, "BYE", "Require: nothing\r\n", ""), "420 Unsupported: nothing\r\n");
	assert_string_equal(JUDGED(&all, "ACK", "Require: nothing\r\n", ""), "0 ");
}

static void bodies_that_nobody_reads_are_refused_with_what_is_read(void **state)
{
	static char long_sdp[ABILITY_SDP_MAX + 2], long_text[ABILITY_TEXT_MAX + 2];

	(void)state;
	memset(long_sdp, 'v', sizeof(long_sdp) - 1);
	memset(long_text, 't', sizeof(long_text) - 1);
	assert_string_equal(JUDGED(&some, "INVITE", SDP_TYPE, "v=0"), "0 ");
	assert_string_equal(JUDGED(&some, "INVITE", "Content-Type: text/html\r\n", "<p>"),
			    "415 Accept: application/sdp\r\n");
	assert_string_equal(JUDGED(&some, "UPDATE", "", "v=0"), "415 Accept: application/sdp\r\n");
	assert_string_equal(JUDGED(&some, "INVITE", SDP_TYPE "Content-Encoding: gzip\r\n", "v=0"),
			    "415 Accept-Encoding: identity\r\n");
	assert_string_equal(JUDGED(&some, "INVITE", SDP_TYPE "e: identity\r\n", "v=0"), "0 ");
	assert_string_equal(JUDGED(&some, "INVITE",
				   "Content-Type: text/html\r\nContent-Disposition: render;handling=optional\r\n",
				   "<p>"),
			    "0 ");
	assert_string_equal(JUDGED(&some, "INVITE", SDP_TYPE, long_sdp), "413 ");
	assert_string_equal(JUDGED(&all, "MESSAGE", "Content-Type: text/plain;charset=utf-8\r\n", "hello"), "0 ");
	assert_string_equal(JUDGED(&all, "MESSAGE", "Content-Type: text/html\r\n", "hello"),
			    "415 Accept: text/plain\r\n");
	assert_string_equal(JUDGED(&all, "MESSAGE", "Content-Type: text/plain\r\n", long_text), "413 ");
}

static void only_a_caller_who_takes_a_description_is_answered_with_one(void **state)
{
	(void)state;
	assert_string_equal(JUDGED(&some, "INVITE", "Accept: application/sdp\r\n", ""), "0 ");
	assert_string_equal(JUDGED(&some, "INVITE", "Accept: text/html, application/*;q=0.1\r\n", ""), "0 ");
	assert_string_equal(JUDGED(&some, "INVITE", "Accept: text/html\r\n", ""), "406 ");
	assert_string_equal(JUDGED(&some, "INVITE", "Accept:\r\n", ""), "406 ");
	assert_string_equal(JUDGED(&some, "BYE", "Accept: text/html\r\n", ""), "0 ");
}

static void schemes_that_we_do_not_speak_are_refused(void **state)
{
	(void)state;
	assert_string_equal(judged(&some, "INVITE", "tel:+49301", "", ""), "0 ");
	assert_string_equal(judged(&some, "INVITE", "mailto:a@b", "", ""), "416 ");
}

/* RFC 3840 5.: the tags are base tags, each once; 6.: a method that is listed stands with all the others. */
static void what_we_can_is_said_in_feature_tags(void **state)
{
	char text[400];
	struct buf out;

	(void)state;
	buf_init(&out, text, sizeof(text) - 1);
	ability_write_features(&all, true, &out);
	text[out.n] = 0;
	assert_string_equal(text, ";audio;methods=\"INVITE,ACK,BYE,CANCEL,OPTIONS,PRACK,UPDATE,INFO,NOTIFY,REFER,"
				  "SUBSCRIBE,MESSAGE\";extensions=\"100rel,timer,replaces,norefersub\"");
	buf_reset(&out);
	ability_write_features(&some, true, &out);
	text[out.n] = 0;
	assert_string_equal(text, ";audio;methods=\"INVITE,ACK,BYE,CANCEL,OPTIONS,PRACK,UPDATE,INFO,NOTIFY\""
				  ";extensions=\"100rel,timer\"");
	buf_reset(&out); /* 7.: elsewhere Allow and Supported say it */
	ability_write_features(&all, false, &out);
	text[out.n] = 0;
	assert_string_equal(text, ";audio");
}

/* ---- in an agent ---- */

static void a_full_answer_to_options(void **state)
{
	struct world w;

	(void)state;
	start_as(&w, true, 0);
	ask(&w, "OPTIONS", 1, "", "");
	assert_said(
		&w, "SIP/2.0 200",
		"Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO, NOTIFY, REFER, SUBSCRIBE, MESSAGE\r\n");
	assert_said(&w, "SIP/2.0 200", "Supported: 100rel, timer, replaces, norefersub\r\n");
	assert_said(&w, "SIP/2.0 200", "Accept: application/sdp, ");
	assert_said(&w, "SIP/2.0 200", "\r\nContact: <sip:us@10.0.0.1:5060>;audio\r\n");
	assert_said(&w, "SIP/2.0 200", "Accept-Encoding: identity\r\nAccept-Language: en\r\nAllow-Events: refer\r\n");
	end(&w);
}

static void inside_a_call_the_same_rules_hold(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	call_up(&w, tag);
	ask_with(&w, "INVITE", 2, tag, "Require: telepathy\r\n", SDP);
	assert_said(&w, "SIP/2.0 420", "Unsupported: telepathy\r\n");
	ask_with(&w, "UPDATE", 3, tag, "Content-Type: text/plain\r\n", "hold");
	assert_said(&w, "SIP/2.0 415", "Accept: application/sdp\r\n");
	ask(&w, "FOO", 4, tag, "");
	assert_said(&w, "SIP/2.0 501", "Allow: INVITE");
	ask(&w, "PRACK", 5, tag, "");
	assert_said(&w, "SIP/2.0 481", "PRACK");
	ask(&w, "NOTIFY", 6, tag, "");
	assert_said(&w, "SIP/2.0 489", "NOTIFY");
	assert_int_equal(w.ended, 0);
	end(&w);
}

static void keys_come_by_info_too(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	call_up(&w, tag);
	ask_with(&w, "INFO", 2, tag, "Content-Type: application/dtmf-relay\r\n", "Signal=5\r\nDuration=160\r\n");
	assert_said(&w, "SIP/2.0 200", "CSeq: 2 INFO");
	assert_int_equal(w.digit, '5');
	ask_with(&w, "INFO", 3, tag, "Content-Type: application/dtmf\r\n", "#");
	assert_int_equal(w.digit, '#');
	ask_with(&w, "INFO", 4, tag, "Content-Type: application/dtmf-relay\r\n", "Duration=160\r\nsignal = 10\r\n");
	assert_int_equal(w.digit, '*');
	ask_with(&w, "INFO", 5, tag, "Content-Type: application/dtmf-relay\r\n", "Signal=boo\r\n");
	assert_said(&w, "SIP/2.0 400", "CSeq: 5 INFO");
	ask_with(&w, "INFO", 6, tag, "Content-Type: application/media_control+xml\r\n", "<x/>");
	assert_said(&w, "SIP/2.0 415", "Accept: application/dtmf-relay");
	ask_with(&w, "INFO", 7, tag, "Info-Package: foo\r\nContent-Type: application/foo\r\n", "x");
	assert_said(&w, "SIP/2.0 469 Bad Info Package\r\n", "\r\nRecv-Info:");
	assert_int_equal(w.digit, '*');
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(methods_that_are_not_ours_have_an_answer_each),
		cmocka_unit_test(required_extensions_are_had_or_named),
		cmocka_unit_test(bodies_that_nobody_reads_are_refused_with_what_is_read),
		cmocka_unit_test(only_a_caller_who_takes_a_description_is_answered_with_one),
		cmocka_unit_test(schemes_that_we_do_not_speak_are_refused),
		cmocka_unit_test(what_we_can_is_said_in_feature_tags),
		cmocka_unit_test(a_full_answer_to_options),
		cmocka_unit_test(inside_a_call_the_same_rules_hold),
		cmocka_unit_test(keys_come_by_info_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
