#include "media/jitter.h"

#include "base/rng.h"
#include "base/test.h"

#define SPAN 160

static enum jitter_put put(struct jitter *j, uint16_t i)
{
	char payload[2] = { (char)(i >> 8), (char)i };

	return jitter_put(j, 1, (uint16_t)(65530 + i), 0xfffffff0u + i * SPAN, SPAN, 8, str_of(payload, 2));
}

/* Plays one period; the number of the packet, or -1 for a gap. */
static int play(struct jitter *j)
{
	struct jitter_packet p;

	if (jitter_take(j, &p) == JITTER_PACKET)
		return (uint8_t)p.payload.p[0] << 8 | (uint8_t)p.payload.p[1];
	jitter_skip(j, SPAN);
	return -1;
}

static void packets_wait_for_the_delay_and_then_follow_each_other(void **state)
{
	struct jitter *j = jitter_new(8000, 40, 20);
	(void)state;

	assert_int_equal(play(j), -1);
	for (uint16_t i = 0; i < 100; i++) { /* over both wraps */
		assert_int_equal(put(j, i), JITTER_KEPT);
		assert_int_equal(play(j), i < 2 ? -1 : i - 2);
	}
	assert_int_equal(jitter_delay_ms(j), 40);
	jitter_free(j);
}

static void disorder_is_put_right_and_duplicates_dropped(void **state)
{
	static const uint16_t order[] = { 0, 2, 1, 3, 3, 5, 4, 2, 7, 6 };
	struct jitter *j = jitter_new(8000, 60, 20);
	int next = 0;
	(void)state;

	for (size_t i = 0; i < 10; i++) {
		enum jitter_put got = put(j, order[i]);

		assert_int_equal(got, i == 4 || i == 7 ? JITTER_DUPLICATE : JITTER_KEPT);
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(play(j), -1);
	for (; next < 8; next++)
		assert_int_equal(play(j), next);
	assert_int_equal(jitter_counts(j)->duplicate, 2);
	assert_int_equal(jitter_counts(j)->reordered, 3);
	jitter_free(j);
}

static void a_loss_is_a_gap_of_its_length(void **state)
{
	struct jitter *j = jitter_new(8000, 0, 20);
	struct jitter_packet p;
	str next;
	(void)state;

	put(j, 0);
	assert_int_equal(play(j), 0);
	put(j, 3);
	assert_int_equal(jitter_take(j, &p), JITTER_GAP);
	assert_int_equal(p.span, 2 * SPAN);
	jitter_skip(j, SPAN);
	assert_int_equal(jitter_take(j, &p), JITTER_GAP);
	assert_int_equal(p.span, SPAN);
	assert_true(jitter_peek(j, &next));
	jitter_skip(j, SPAN);
	assert_int_equal(play(j), 3);
	jitter_free(j);
}

static void a_late_packet_makes_the_delay_grow_and_is_still_played(void **state)
{
	struct jitter *j = jitter_new(8000, 0, 20);
	(void)state;

	put(j, 0);
	assert_int_equal(play(j), 0);
	assert_int_equal(play(j), -1); /* 1 did not come in time */
	assert_int_equal(put(j, 1), JITTER_KEPT);
	for (uint16_t i = 2; i < 50; i++) {
		put(j, i);
		assert_int_equal(play(j), i - 1);
	}
	assert_int_equal(jitter_counts(j)->late, 0);
	jitter_free(j);
}

static void what_is_late_beyond_help_is_dropped_and_counted(void **state)
{
	struct jitter *j = jitter_new(8000, 0, 20);
	(void)state;

	for (uint16_t i = 0; i < 10; i++) {
		if (i != 3)
			put(j, i);
		play(j);
	}
	assert_int_equal(put(j, 3), JITTER_LATE);
	assert_int_equal(jitter_counts(j)->late, 1);
	jitter_free(j);
}

static void a_stall_is_answered_with_as_much_delay_as_it_took(void **state)
{
	struct jitter *j = jitter_new(8000, 20, 20);
	int last = -1;
	(void)state;

	for (uint16_t i = 0; i < 1000; i++) {
		for (int held = i == 4 ? 5 : 0; held; held--) /* 100 ms without packets, and never less delay again */
			play(j);
		put(j, i);
		int got = play(j);
		assert_true(got == -1 || got > last);
		last = got > last ? got : last;
	}
	assert_int_equal(last, 999);
	assert_in_range(jitter_counts(j)->late, 1, 4);
	jitter_free(j);
}

static void delay_that_nobody_needs_is_given_back(void **state)
{
	struct jitter *j = jitter_new(8000, 20, 20);
	int last = -1;
	(void)state;

	for (uint16_t i = 0; i < 6; i++) /* the first was 100 ms slower than all that follow */
		put(j, i);
	assert_int_equal(jitter_delay_ms(j), 120);
	for (uint16_t i = 6; i < 5000; i++) {
		put(j, i);
		int got = play(j);
		assert_true(got == -1 || got > last);
		last = got > last ? got : last;
	}
	assert_int_equal(jitter_delay_ms(j), 20);
	jitter_free(j);
}

static void another_source_or_time_base_starts_anew(void **state)
{
	struct jitter *j = jitter_new(8000, 0, 20);
	(void)state;

	put(j, 0);
	assert_int_equal(play(j), 0);
	assert_int_equal(jitter_put(j, 2, 7, 99, SPAN, 8, STR("\0\x63")), JITTER_RESTARTED);
	assert_int_equal(play(j), 0x63);
	/* one packet far off is an accident, the second is believed */
	assert_int_equal(jitter_put(j, 2, 8, 5000000, SPAN, 8, STR("\0\x64")), JITTER_LATE);
	assert_int_equal(jitter_put(j, 2, 9, 5000160, SPAN, 8, STR("\0\x65")), JITTER_RESTARTED);
	assert_int_equal(play(j), 0x65);
	assert_int_equal(jitter_counts(j)->restarts, 2);
	jitter_free(j);
}

static void a_flood_costs_the_oldest_and_nothing_else(void **state)
{
	struct jitter *j = jitter_new(8000, 0, 20);
	(void)state;

	for (uint16_t i = 0; i < JITTER_SLOT_N + 5; i++)
		put(j, i);
	assert_int_equal(jitter_counts(j)->overflow, 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(play(j), -1);
	assert_int_equal(play(j), 5);
	jitter_free(j);
}

static void under_loss_disorder_and_doubling_all_that_came_is_played_in_order(void **state)
{
	struct jitter *j = jitter_new(8000, 100, 20);
	struct rng rng;
	uint16_t pending[4];
	size_t pending_n = 0;
	int last = -1, played = 0, sent = 0;
	(void)state;

	rng_seeded(&rng, 7);
	for (uint16_t i = 0; i < 2000; i++) {
		if (rng_below(&rng, 100) >= 10) { /* a tenth is lost */
			pending[pending_n++] = i;
			sent++;
		}
		while (pending_n == 4 || (pending_n && rng_below(&rng, 2))) { /* up to 3 packets of disorder */
			uint32_t pick = rng_below(&rng, (uint32_t)pending_n);

			put(j, pending[pick]);
			if (rng_below(&rng, 10) == 0)
				put(j, pending[pick]);
			pending[pick] = pending[--pending_n];
		}
		int got = play(j);
		if (got >= 0) {
			assert_true(got > last);
			last = got;
			played++;
		}
	}
	assert_in_range(played, sent - 30, sent);
	jitter_free(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_wait_for_the_delay_and_then_follow_each_other),
		cmocka_unit_test(disorder_is_put_right_and_duplicates_dropped),
		cmocka_unit_test(a_loss_is_a_gap_of_its_length),
		cmocka_unit_test(a_late_packet_makes_the_delay_grow_and_is_still_played),
		cmocka_unit_test(what_is_late_beyond_help_is_dropped_and_counted),
		cmocka_unit_test(a_stall_is_answered_with_as_much_delay_as_it_took),
		cmocka_unit_test(delay_that_nobody_needs_is_given_back),
		cmocka_unit_test(another_source_or_time_base_starts_anew),
		cmocka_unit_test(a_flood_costs_the_oldest_and_nothing_else),
		cmocka_unit_test(under_loss_disorder_and_doubling_all_that_came_is_played_in_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
