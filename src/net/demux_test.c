#include "net/demux.h"

#include "base/test.h"

static enum demux kind(int first, int second)
{
	char bytes[2] = { (char)first, (char)second };

	return demux_kind(str_of(bytes, 2));
}

/* RFC 7983 7., figure 3. */
static void the_first_byte_tells_the_protocol(void **state)
{
	(void)state;
	for (int first = 0; first < 256; first++) {
		enum demux want = first <= 3                     ? DEMUX_STUN
				  : first >= 20 && first <= 63   ? DEMUX_DTLS
				  : first >= 64 && first <= 79   ? DEMUX_TURN_CHANNEL
				  : first >= 128 && first <= 191 ? DEMUX_RTP
								 : DEMUX_DROP;

		assert_int_equal(kind(first, 0), want);
	}
	assert_int_equal(demux_kind(STR_NONE), DEMUX_DROP);
	assert_int_equal(demux_kind(STR("\x80")), DEMUX_DROP);
}

/* RFC 5761 4.: sender report 200 .. extended report 207, and the reserved ones around. */
static void the_second_byte_tells_rtcp_from_rtp(void **state)
{
	(void)state;
	for (int second = 0; second < 256; second++)
		assert_int_equal(kind(0x80, second), second >= 192 && second <= 223 ? DEMUX_RTCP : DEMUX_RTP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_byte_tells_the_protocol),
		cmocka_unit_test(the_second_byte_tells_rtcp_from_rtp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
