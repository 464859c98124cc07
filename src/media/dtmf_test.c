#include "media/dtmf.h"

#include "base/test.h"

static void one_key_is_one_event_of_growing_length_ended_three_times(void **state)
{
	struct dtmf_sender s;
	struct dtmf_packet p;
	(void)state;

	dtmf_sender_init(&s, 8000);
	assert_int_equal(dtmf_sender_press(&s, STR("5"), 100), ERR_NONE);
	for (uint32_t i = 0; i < 7; i++) {
		assert_true(dtmf_sender_tick(&s, 1000 + i * 160, 160, &p));
		assert_int_equal(p.timestamp, 1000); /* RFC 4733 2.4.1: that of the beginning */
		assert_int_equal(p.marker, i == 0);
		assert_int_equal(p.payload[0], 5);
		assert_int_equal(p.payload[1] >> 7, i >= 4); /* the end and its two repetitions */
		uint32_t duration = (uint32_t)p.payload[2] << 8 | p.payload[3];
		assert_int_equal(duration, i < 4 ? (i + 1) * 160 : 800);
	}
	assert_false(dtmf_sender_tick(&s, 3000, 160, &p));
	assert_false(dtmf_sender_is_busy(&s));
}

static void keys_follow_each_other_with_a_pause(void **state)
{
	struct dtmf_sender s;
	struct dtmf_packet p;
	uint32_t now = 0, starts[2] = { 0 };
	size_t n = 0;
	(void)state;

	dtmf_sender_init(&s, 48000);
	assert_int_equal(dtmf_sender_press(&s, STR("1#"), 40), ERR_NONE);
	for (; dtmf_sender_is_busy(&s); now += 960)
		if (dtmf_sender_tick(&s, now, 960, &p) && p.marker)
			starts[n++] = p.timestamp;
	assert_int_equal(n, 2);
	assert_true(starts[1] - starts[0] >= (40 + 40) * 48);
}

static void what_cannot_be_queued_is_refused_whole(void **state)
{
	struct dtmf_sender s;
	(void)state;

	dtmf_sender_init(&s, 8000);
	assert_int_equal(dtmf_sender_press(&s, STR("12x"), 100), ERR_SYNTAX);
	assert_int_equal(s.queue_n, 0);
	assert_int_equal(dtmf_sender_press(&s, STR("0123456789*#ABCDabcd0123456789*#1"), 100), ERR_FULL);
	assert_int_equal(s.queue_n, 0);
}

static void a_key_is_heard_once_whatever_is_lost_or_repeated(void **state)
{
	struct dtmf_receiver r = { 0 };
	struct dtmf_press press;
	(void)state;

	/* only the end of the first arrives */
	assert_true(dtmf_receive(&r, 1000, STR("\x05\x8a\x03\x20"), &press));
	assert_int_equal(press.key, '5');
	assert_int_equal(press.duration, 800);
	assert_false(dtmf_receive(&r, 1000, STR("\x05\x8a\x03\x20"), &press));
	/* the same key again is another event */
	assert_true(dtmf_receive(&r, 3000, STR("\x05\x0a\x00\xa0"), &press));
	/* an old one that was overtaken is not */
	assert_false(dtmf_receive(&r, 1000, STR("\x05\x8a\x03\x20"), &press));
	assert_true(dtmf_receive(&r, 5000, STR("\x0b\x0a\x00\xa0"), &press));
	assert_int_equal(press.key, '#');
	/* flash and other events are no keys, a short one is nothing */
	assert_false(dtmf_receive(&r, 7000, STR("\x10\x0a\x00\xa0"), &press));
	assert_false(dtmf_receive(&r, 8000, STR("\x01\x0a\x00"), &press));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_key_is_one_event_of_growing_length_ended_three_times),
		cmocka_unit_test(keys_follow_each_other_with_a_pause),
		cmocka_unit_test(what_cannot_be_queued_is_refused_whole),
		cmocka_unit_test(a_key_is_heard_once_whatever_is_lost_or_repeated),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
