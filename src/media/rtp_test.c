#include "media/rtp.h"

#include "base/test.h"

static void a_packet_is_taken_apart_and_put_together(void **state)
{
	/* version 2, padding, extension, one CSRC; marker, type 111 */
	static const char bytes[] = "\xb1\xef\x12\x34\x00\x00\x0f\xa0\xca\xfe\xba\xbe"
				    "\x00\x00\x00\x07"
				    "\xbe\xde\x00\x01\x10\xaa\x00\x00"
				    "hello"
				    "\x00\x00\x03";
	struct rtp_packet p;
	str found;
	char room[64];
	struct buf out;
	(void)state;

	assert_int_equal(rtp_parse(str_of(bytes, sizeof(bytes) - 1), &p), ERR_NONE);
	assert_true(p.marker);
	assert_int_equal(p.payload_type, 111);
	assert_int_equal(p.sequence, 0x1234);
	assert_int_equal(p.timestamp, 4000);
	assert_int_equal(p.ssrc, 0xcafebabe);
	assert_int_equal(p.csrc_n, 1);
	assert_str(p.payload, "hello");
	assert_int_equal(p.header_n, 24);
	assert_true(rtp_extension_find(&p, 1, &found));
	assert_int_equal(found.n, 1);
	assert_int_equal((uint8_t)found.p[0], 0xaa);
	assert_false(rtp_extension_find(&p, 2, &found));
	buf_init(&out, room, sizeof(room));
	rtp_write(&p, &out);
	assert_int_equal(out.n, 24 + 5);
	assert_memory_equal(room + 1, bytes + 1, 28); /* all but the padding bit */
}

static void two_byte_extension_elements_are_found(void **state)
{
	static const char bytes[] = "\x90\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01"
				    "\x10\x00\x00\x02\x05\x00\x00\x20\x02\x01\x02\x00x";
	struct rtp_packet p;
	str found;
	(void)state;

	assert_int_equal(rtp_parse(str_of(bytes, sizeof(bytes) - 1), &p), ERR_NONE);
	assert_true(rtp_extension_find(&p, 0x20, &found));
	assert_int_equal(found.n, 2);
	assert_true(rtp_extension_find(&p, 5, &found));
	assert_int_equal(found.n, 0);
}

static void lengths_that_do_not_fit_are_refused(void **state)
{
	static const str bad[] = {
		STR_INIT(""),
		STR_INIT("\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
		STR_INIT("\x40\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"),                 /* version 1 */
		STR_INIT("\x81\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"),                 /* no CSRC there */
		STR_INIT("\x90\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xbe\xde\x00\x01"), /* nor extension */
		STR_INIT("\xa0\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"),             /* padding of 0 */
		STR_INIT("\xa0\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02"),             /* more than there is */
	};
	struct rtp_packet p;
	(void)state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(rtp_parse(bad[i], &p), ERR_SYNTAX);
}

static void rtcp_is_told_from_rtp(void **state)
{
	(void)state;
	assert_true(rtp_is_rtcp(STR("\x80\xc8")));
	assert_true(rtp_is_rtcp(STR("\x81\xdf")));
	assert_false(rtp_is_rtcp(STR("\x80\x80")));
	assert_false(rtp_is_rtcp(STR("\x80\xe0")));
}

static void losses_are_counted_over_the_wrap(void **state)
{
	struct rtp_source s;
	struct rtp_loss loss;
	(void)state;

	rtp_source_init(&s, 1, 8000);
	for (uint32_t i = 0; i < 200; i++)
		if (i % 4) /* every fourth is lost; the wrap is in the middle */
			assert_true(rtp_source_seen(&s, (uint16_t)(65436 + i), i * 160, (usec)i * 20000));
	rtp_source_loss(&s, true, &loss);
	assert_int_equal(loss.expected, 199); /* the very first was lost before we knew of any */
	assert_int_equal(loss.received, 150);
	assert_int_equal(loss.lost, 49);
	assert_int_equal(loss.fraction, (49 << 8) / 199);
	assert_int_equal(loss.highest, 65536 + 99);
	rtp_source_loss(&s, true, &loss);
	assert_int_equal(loss.fraction, 0);
}

static void duplicates_make_the_loss_negative_but_no_fraction(void **state)
{
	struct rtp_source s;
	struct rtp_loss loss;
	(void)state;

	rtp_source_init(&s, 1, 8000);
	for (uint16_t i = 0; i < 10; i++) {
		rtp_source_seen(&s, i, i * 160u, i * 20000);
		rtp_source_seen(&s, i, i * 160u, i * 20000);
	}
	rtp_source_loss(&s, true, &loss);
	assert_int_equal(loss.lost, -10);
	assert_int_equal(loss.fraction, 0);
}

static void one_stray_sequence_number_is_not_believed_two_are(void **state)
{
	struct rtp_source s;
	struct rtp_loss loss;
	(void)state;

	rtp_source_init(&s, 1, 8000);
	assert_true(rtp_source_seen(&s, 100, 0, 0));
	assert_false(rtp_source_seen(&s, 30000, 160, 20000));
	assert_true(rtp_source_seen(&s, 101, 160, 20000));
	assert_false(rtp_source_seen(&s, 40000, 320, 40000));
	assert_true(rtp_source_seen(&s, 40001, 480, 60000));
	rtp_source_loss(&s, false, &loss);
	assert_int_equal(loss.expected, 1);
}

/* RFC 3550 A.8: J += (|D| - J) / 16; one packet 16 ms late, the next in time again. */
static void jitter_is_that_of_the_rfc(void **state)
{
	struct rtp_source s;
	(void)state;

	rtp_source_init(&s, 1, 8000);
	rtp_source_seen(&s, 0, 0, 0);
	rtp_source_seen(&s, 1, 160, 20000);
	assert_int_equal(rtp_source_jitter_us(&s), 0);
	rtp_source_seen(&s, 2, 320, 56000); /* D = 128 units */
	assert_int_equal(s.jitter_q4, 128);
	rtp_source_seen(&s, 3, 480, 60000); /* D = -128 units */
	assert_int_equal(s.jitter_q4, 128 + 128 - ((128 + 8) >> 4));
	assert_int_equal(rtp_source_jitter_us(&s), (248 >> 4) * 125);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_is_taken_apart_and_put_together),
		cmocka_unit_test(two_byte_extension_elements_are_found),
		cmocka_unit_test(lengths_that_do_not_fit_are_refused),
		cmocka_unit_test(rtcp_is_told_from_rtp),
		cmocka_unit_test(losses_are_counted_over_the_wrap),
		cmocka_unit_test(duplicates_make_the_loss_negative_but_no_fraction),
		cmocka_unit_test(one_stray_sequence_number_is_not_believed_two_are),
		cmocka_unit_test(jitter_is_that_of_the_rfc),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
