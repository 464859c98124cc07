/* Session timers at the exchange: RFC 4028 8.1 and 8.2, alone and in a running server. */
#include "pbx/test_rig.h"

#include "pbx/server_parts.h"
#include "pbx/session_timer.h"

#define HEAD(method)                                                                                                   \
	method " sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\n"  \
	       "Call-ID: 1\r\nCSeq: 1 " method "\r\nMax-Forwards: 70\r\n"

static char written[3000];

/* The request after the exchange has asked for 1800 s; "422" where it is refused. */
static const char *asked(const char *text)
{
	struct pbx_session_timer_letter letter;
	char block[SIP_MSG_ARENA];
	struct pbx_session_timer t;
	struct sip_edits edits;
	struct arena arena;
	struct sip_msg m;
	struct buf out;

	arena_init(&arena, block, sizeof(block), SIP_MSG_HEAP_MAX);
	assert_int_equal(sip_msg_parse(&m, &arena, str_from(text)), ERR_NONE);
	if (pbx_session_timer_read(&t, &m, 1800))
		return "422";
	sip_edits_init(&edits);
	pbx_session_timer_note(&t, &m, &letter, &edits);
	buf_init(&out, written, sizeof(written) - 1);
	assert_int_equal(sip_edits_write(&m, &edits, &out), ERR_NONE);
	written[out.n] = 0;
	arena_free(&arena);
	return written;
}

static void it_is_put_in_where_nobody_asks(void **state)
{
	(void)state;
	rig_assert_has(asked(HEAD("INVITE") "\r\n"), "\r\nSession-Expires: 1800\r\n");
	rig_assert_has(asked(HEAD("UPDATE") "\r\n"), "\r\nSession-Expires: 1800\r\n");
	assert_null(strstr(asked(HEAD("MESSAGE") "\r\n"), "Session-Expires"));
	assert_null(strstr(asked(HEAD("INVITE") "\r\n"), "Min-SE"));
	rig_assert_has(asked(HEAD("INVITE") "Min-SE: 3600\r\n\r\n"), "\r\nSession-Expires: 3600\r\n");
}

static void it_is_lowered_never_raised_and_the_refresher_stays(void **state)
{
	(void)state;
	rig_assert_has(asked(HEAD("INVITE") "Supported: timer\r\nSession-Expires: 7200;refresher=uas\r\n\r\n"),
		       "\r\nSession-Expires: 1800;refresher=uas\r\n");
	rig_assert_has(asked(HEAD("INVITE") "Supported: timer\r\nx: 600;refresher=uac\r\n\r\n"),
		       "\r\nx: 600;refresher=uac\r\n");
	rig_assert_has(asked(HEAD("INVITE") "Supported: timer\r\nSession-Expires: 7200\r\nMin-SE: 4000\r\n\r\n"),
		       "\r\nSession-Expires: 4000\r\n");
	/* below its own Min-SE: raised to it */
	rig_assert_has(asked(HEAD("INVITE") "Supported: timer\r\nSession-Expires: 100\r\nMin-SE: 200\r\n\r\n"),
		       "\r\nSession-Expires: 200\r\n");
}

static void too_short_is_refused_where_that_helps_and_mended_where_not(void **state)
{
	(void)state;
	assert_string_equal(asked(HEAD("INVITE") "Supported: timer\r\nSession-Expires: 89\r\n\r\n"), "422");
	assert_string_equal(asked(HEAD("INVITE") "k: 100rel, timer\r\nx: 1\r\n\r\n"), "422");
	asked(HEAD("INVITE") "Session-Expires: 30\r\n\r\n");
	rig_assert_has(written, "\r\nSession-Expires: 90\r\n");
	rig_assert_has(written, "\r\nMin-SE: 90\r\n");
	asked(HEAD("INVITE") "Session-Expires: 30\r\nMin-SE: 20\r\n\r\n");
	rig_assert_has(written, "\r\nMin-SE: 90\r\n");
	assert_null(strstr(written, "Min-SE: 20"));
}

static void what_nobody_can_read_is_left_alone(void **state)
{
	(void)state;
	rig_assert_has(asked(HEAD("INVITE") "Session-Expires: soon\r\n\r\n"), "\r\nSession-Expires: soon\r\n");
	rig_assert_has(asked(HEAD("INVITE") "Session-Expires: 99999999999999999999\r\n\r\n"),
		       "\r\nSession-Expires: 99999999999999999999\r\n");
	rig_assert_has(asked(HEAD("INVITE") "x: 600\r\nSession-Expires: 700\r\n\r\n"), "\r\nx: 600\r\n");
}

/* ---- in the exchange ---- */

static const char *at_bob(const char *lines)
{
	static unsigned n;
	char id[20];

	snprintf(id, sizeof(id), "st%u", n++);
	invite_from(alice, "101", "example.com", "sip:102@example.com", id, 1, lines);
	(void)rig_take(alice); /* 100 or 422 */
	return rig_.text[0] && strstr(rig_.text, "SIP/2.0 422") ? rig_.text : rig_take(bob);
}

static void start(uint32_t seconds)
{
	rig_.config.auth = false;
	rig_.config.session_expires = seconds;
	rig_run();
	rig_register(bob, "102");
}

static void a_call_gets_a_session_timer_and_its_answer_too(void **state)
{
	char invite[4000];

	(void)state;
	start(1200);
	rig_copy(at_bob("Supported: timer\r\n"), invite, sizeof(invite));
	rig_assert_has(invite, "\r\nSession-Expires: 1200\r\n");
	rig_answer_request(bob, invite, 200, "bt", "Contact: <sip:102@192.0.2.12>", "");
	rig_assert_start(rig_take(alice), "SIP/2.0 200 ");
	rig_assert_has(rig_.text, "\r\nSession-Expires: 1200;refresher=uac\r\n");
	rig_assert_has(rig_.text, "\r\nRequire: timer\r\n");
	/* the callee's own answer is not touched */
	rig_copy(at_bob("Supported: timer\r\n"), invite, sizeof(invite));
	rig_answer_request(bob, invite, 200, "bt",
			   "Contact: <sip:102@192.0.2.12>\r\nRequire: timer\r\nSession-Expires: 600;refresher=uas", "");
	rig_assert_has(rig_take(alice), "\r\nSession-Expires: 600;refresher=uas\r\n");
	assert_null(strstr(rig_.text, "1200"));
	/* and a caller who knows no timers gets none */
	rig_copy(at_bob(""), invite, sizeof(invite));
	rig_answer_request(bob, invite, 200, "bt", "Contact: <sip:102@192.0.2.12>", "");
	assert_null(strstr(rig_take(alice), "Session-Expires"));
}

/* The first 200 is lost between us and the caller; who sent it says it again when our part is long done. */
static void an_answer_that_comes_again_is_the_same(void **state)
{
	char invite[4000], id[20];
	unsigned before;

	(void)state;
	start(1200);
	for (unsigned i = 0; i < 15; i++) {
		snprintf(id, sizeof(id), "again%u", i);
		invite_from(alice, "101", "example.com", "sip:102@example.com", id, 1, "Supported: timer\r\n");
		rig_copy(rig_take(bob), invite, sizeof(invite));
		rig_answer_request(bob, invite, 200, "bt", "Contact: <sip:102@192.0.2.12>", "");
		rig_forget_sent();
		rig_answer_request(bob, invite, 200, "bt", "Contact: <sip:102@192.0.2.12>", "");
		rig_assert_start(rig_take(alice), "SIP/2.0 200 ");
		rig_assert_has(rig_.text, "\r\nSession-Expires: 1200;refresher=uac\r\n");
		rig_assert_has(rig_.text, "\r\nRequire: timer\r\n");
	}
	before = rig_.servers[0]->afters.n;
	assert_int_equal(before, 15);
	rig_pass(40 * USEC_PER_SEC); /* nothing is kept beyond the transaction */
	assert_int_equal(rig_.servers[0]->afters.n, 0);
	/* and nothing where there is nothing to remember */
	invite_from(alice, "101", "example.com", "sip:102@example.com", "plain", 1, "");
	rig_copy(rig_take(bob), invite, sizeof(invite));
	rig_answer_request(bob, invite, 200, "bt", "Contact: <sip:102@192.0.2.12>", "");
	assert_int_equal(rig_.servers[0]->afters.n, 0);
}

static void too_short_a_session_never_reaches_the_callee(void **state)
{
	(void)state;
	start(1200);
	rig_assert_start(at_bob("Supported: timer\r\nSession-Expires: 60\r\n"), "SIP/2.0 422 ");
	rig_assert_has(rig_.text, "\r\nMin-SE: 90\r\n");
	assert_string_equal(rig_take(bob), "");
}

static void without_the_setting_timers_are_between_the_two_ends(void **state)
{
	(void)state;
	start(0);
	rig_assert_has(at_bob("Supported: timer\r\nSession-Expires: 60\r\n"), "\r\nSession-Expires: 60\r\n");
	assert_null(strstr(at_bob("Supported: timer\r\n"), "Session-Expires"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_put_in_where_nobody_asks),
		cmocka_unit_test(it_is_lowered_never_raised_and_the_refresher_stays),
		cmocka_unit_test(too_short_is_refused_where_that_helps_and_mended_where_not),
		cmocka_unit_test(what_nobody_can_read_is_left_alone),
		T(a_call_gets_a_session_timer_and_its_answer_too),
		T(an_answer_that_comes_again_is_the_same),
		T(too_short_a_session_never_reaches_the_callee),
		T(without_the_setting_timers_are_between_the_two_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
