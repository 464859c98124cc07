#include "sip/frame.h"

#include "base/test.h"

#include <stdlib.h>

#define HEAD                                                                                                           \
	"INVITE sip:bob@biloxi.com SIP/2.0\r\n"                                                                        \
	"Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776asdhds\r\n"                                                \
	"Max-Forwards: 70\r\n"                                                                                         \
	"To: Bob <sip:bob@biloxi.com>\r\n"                                                                             \
	"From: Alice <sip:alice@atlanta.com>;tag=1928301774\r\n"                                                       \
	"Call-ID: a84b4c76e66710@pc33.atlanta.com\r\n"                                                                 \
	"CSeq: 314159 INVITE\r\n"                                                                                      \
	"Contact: <sip:alice@pc33.atlanta.com>\r\n"
#define INVITE HEAD "Content-Length: 4\r\n\r\nv=0\n"

static void a_stream_is_cut_into_messages_at_any_split(void **state)
{
	static const char two[] = INVITE "\r\n\r\n" INVITE;
	const size_t one = sizeof(INVITE) - 1;

	(void)state;
	for (size_t have = 1; have < sizeof(two); have++) {
		struct sip_frame f = { 0 };
		size_t eaten = 0, messages = 0, pings = 0;

		/* first `have` bytes, then all */
		for (int turn = 0; turn < 2; turn++) {
			size_t n = turn ? sizeof(two) - 1 : have;

			while (sip_frame_next(&f, str_of(two + eaten, n - eaten), true) == ERR_NONE) {
				eaten += f.n;
				messages += f.kind == SIP_FRAME_MESSAGE;
				pings += f.kind == SIP_FRAME_PING;
				assert_true(f.kind != SIP_FRAME_MESSAGE || f.n == one);
			}
		}
		assert_int_equal(messages, 2);
		assert_int_equal(pings, 1);
		assert_int_equal(eaten, sizeof(two) - 1);
	}
}

static void a_pong_comes_at_once_to_who_pinged(void **state)
{
	struct sip_frame f = { 0 };

	(void)state;
	assert_int_equal(sip_frame_next(&f, STR("\r\n"), false), ERR_NONE);
	assert_int_equal(f.kind, SIP_FRAME_PONG);
	assert_int_equal(sip_frame_next(&f, STR("\r\n"), true), ERR_MORE);
	assert_int_equal(sip_frame_next(&f, STR("\r\nINV"), true), ERR_NONE);
	assert_int_equal(f.n, 2);
}

static void a_length_that_cannot_be_told_ends_the_stream(void **state)
{
	struct sip_frame f = { 0 };

	(void)state;
	assert_int_equal(sip_frame_next(&f, STR(HEAD "\r\n"), true), ERR_SYNTAX);
	assert_int_equal(f.n, sizeof(HEAD "\r\n") - 1);
	assert_int_equal(sip_frame_next(&f, STR(HEAD "l: 4\r\nContent-Length: 4\r\n\r\n"), true), ERR_SYNTAX);
	assert_int_equal(sip_frame_next(&f, STR(HEAD "l: -4\r\n\r\n"), true), ERR_SYNTAX);
	assert_int_equal(sip_frame_next(&f, STR(HEAD "l: 4x\r\n\r\n"), true), ERR_SYNTAX);
	assert_int_equal(sip_frame_next(&f, STR(HEAD "l: 99999999999\r\n\r\n"), true), ERR_SYNTAX);
	assert_int_equal(sip_frame_next(&f, STR("\x16\x03\x01"), true), ERR_SYNTAX);
	assert_int_equal(sip_frame_next(&f, STR(HEAD "l: 65536\r\n\r\n"), true), ERR_LIMIT);
}

static void a_folded_length_counts(void **state)
{
	struct sip_frame f = { 0 };

	(void)state;
	assert_int_equal(sip_frame_next(&f, STR(HEAD "Content-Length :\r\n 2 \r\n\r\nab"), true), ERR_NONE);
	assert_int_equal(f.n, sizeof(HEAD "Content-Length :\r\n 2 \r\n\r\nab") - 1);
}

static void an_endless_head_is_refused(void **state)
{
	char *text = malloc(70000);
	struct sip_frame f = { 0 };

	(void)state;
	memset(text, 'a', 70000);
	assert_int_equal(sip_frame_next(&f, str_of(text, 60000), true), ERR_MORE);
	assert_int_equal(sip_frame_next(&f, str_of(text, 70000), true), ERR_LIMIT);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_is_cut_into_messages_at_any_split),
		cmocka_unit_test(a_pong_comes_at_once_to_who_pinged),
		cmocka_unit_test(a_length_that_cannot_be_told_ends_the_stream),
		cmocka_unit_test(a_folded_length_counts),
		cmocka_unit_test(an_endless_head_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
