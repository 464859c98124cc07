#include "media/rtcp.h"

#include "base/test.h"

static void a_compound_is_written_and_read(void **state)
{
	struct rtcp_block block = { 0x11111111, 64, -3, 0x00012345, 77, 0x89abcdef, 65536 };
	char room[256];
	struct buf out;
	struct rtcp_packet p;
	(void)state;

	buf_init(&out, room, sizeof(room));
	rtcp_write_sr(&out, 0xcafebabe, 0x0123456789abcdef, 4000, 10, 1600, &block, 1);
	rtcp_write_sdes(&out, 0xcafebabe, STR("alice"));
	rtcp_write_bye(&out, 0xcafebabe);
	assert_true(buf_ok(&out));
	assert_int_equal(out.n % 4, 0);
	assert_true(rtcp_is_valid(buf_str(&out)));

	str rest = buf_str(&out);
	assert_int_equal(rtcp_take(&rest, &p), ERR_NONE);
	assert_int_equal(p.kind, RTCP_SR);
	assert_int_equal(p.ssrc, 0xcafebabe);
	assert_true(p.ntp == 0x0123456789abcdef);
	assert_int_equal(p.packets, 10);
	assert_int_equal(p.octets, 1600);
	assert_int_equal(p.block_n, 1);
	assert_int_equal(p.blocks[0].ssrc, block.ssrc);
	assert_int_equal(p.blocks[0].fraction, 64);
	assert_int_equal(p.blocks[0].lost, -3);
	assert_int_equal(p.blocks[0].highest, 0x00012345);
	assert_int_equal(p.blocks[0].jitter, 77);
	assert_int_equal(p.blocks[0].last_sr, block.last_sr);
	assert_int_equal(p.blocks[0].since_last_sr, 65536);
	assert_int_equal(rtcp_take(&rest, &p), ERR_NONE);
	assert_int_equal(p.kind, RTCP_SDES);
	assert_str(p.cname, "alice");
	assert_int_equal(rtcp_take(&rest, &p), ERR_NONE);
	assert_int_equal(p.kind, RTCP_BYE);
	assert_int_equal(rtcp_take(&rest, &p), ERR_ABSENT);
}

static void any_cname_ends_in_a_zero_on_a_word(void **state)
{
	char room[256];
	struct buf out;
	struct rtcp_packet p;
	(void)state;

	for (size_t n = 0; n < 20; n++) {
		buf_init(&out, room, sizeof(room));
		rtcp_write_sdes(&out, 7, str_of("abcdefghijklmnopqrstuvwxyz", n));
		assert_int_equal(out.n % 4, 0);
		assert_int_equal(room[out.n - 1], 0);
		str rest = buf_str(&out);
		assert_int_equal(rtcp_take(&rest, &p), ERR_NONE);
		assert_int_equal(p.cname.n, n);
		assert_int_equal(rest.n, 0);
	}
}

static void a_datagram_must_begin_with_a_report_and_hold_together(void **state)
{
	(void)state;
	assert_false(rtcp_is_valid(STR("\x80\xcb\x00\x01\x00\x00\x00\x01")));
	assert_true(rtcp_is_valid(STR("\x80\xc9\x00\x01\x00\x00\x00\x01")));
	assert_false(rtcp_is_valid(STR("\x80\xc9\x00\x02\x00\x00\x00\x01")));
	assert_false(rtcp_is_valid(STR("\x81\xc9\x00\x01\x00\x00\x00\x01"))); /* says a block, has none */
	assert_false(rtcp_is_valid(STR("\x80\xc9\x00\x01\x00\x00\x00\x01\x80")));
}

/* RFC 3550 6.4.1, figure 2: A - LSR - DLSR = 6.125 s with these numbers. */
static void the_round_trip_is_that_of_the_rfc(void **state)
{
	struct rtcp_block block = { .last_sr = 0xb7052000, .since_last_sr = 0x00054000 };
	(void)state;

	/* A = b710 8000: find a `now` with those middle bits */
	usec now = (usec)(0xb44db710ull - 2208988800ull) * USEC_PER_SEC + USEC_PER_SEC / 2;
	assert_int_equal(rtcp_ntp_middle(rtcp_ntp(now)), 0xb7108000);
	assert_int_equal(rtcp_round_trip_us(&block, now), 6125000);
	block.last_sr = 0;
	assert_int_equal(rtcp_round_trip_us(&block, now), -1);
	block.last_sr = 0xb7108001;
	block.since_last_sr = 0;
	assert_int_equal(rtcp_round_trip_us(&block, now), -1);
}

static void the_wall_clock_in_ntp_counts_from_1900(void **state)
{
	(void)state;
	assert_true(rtcp_ntp(0) == 2208988800ull << 32);
	assert_true(rtcp_ntp(USEC_PER_SEC / 2) == (2208988800ull << 32 | 0x80000000u));
}

static void reports_are_about_five_seconds_apart(void **state)
{
	struct rng rng;
	usec sum = 0;
	(void)state;

	rng_seeded(&rng, 1);
	for (int i = 0; i < 1000; i++) {
		usec span = rtcp_next_report(0, false, &rng);

		assert_in_range(span, 2000000, 6200000);
		sum += span;
		assert_in_range(rtcp_next_report(0, true, &rng), 1000000, 3100000);
	}
	assert_in_range(sum / 1000, 3900000, 4300000); /* 5 / 1.21828, RFC 3550 6.3.1 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_compound_is_written_and_read),
		cmocka_unit_test(any_cname_ends_in_a_zero_on_a_word),
		cmocka_unit_test(a_datagram_must_begin_with_a_report_and_hold_together),
		cmocka_unit_test(the_round_trip_is_that_of_the_rfc),
		cmocka_unit_test(the_wall_clock_in_ntp_counts_from_1900),
		cmocka_unit_test(reports_are_about_five_seconds_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
