#include "pbx/backoff.h"

#include "base/test.h"

#include <stdio.h>

#define START (1700000000 * USEC_PER_SEC)

static const uint8_t key[16] = "0123456789abcde";
static struct pbx_backoff *b;
static usec now;

static int setup(void **state)
{
	(void)state;
	now = START;
	b = pbx_backoff_new(key);
	assert_non_null(b);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pbx_backoff_free(b);
	return 0;
}

static struct addr at(int net, int host, uint16_t port)
{
	return addr_v4(203, 0, (uint8_t)net, (uint8_t)host, port);
}

/* How many guesses at a name are judged, one every `pause` for `span`. */
static int guess(struct addr from, const char *name, usec pause, usec span)
{
	int judged = 0;

	for (usec end = now + span; now < end; now += pause) {
		if (!pbx_backoff_may(b, &from, str_from(name), now))
			continue;
		judged++;
		pbx_backoff_wrong(b, &from, str_from(name), now);
	}
	return judged;
}

static void guesses_of_a_pair_are_judged_ever_more_seldom(void **state)
{
	(void)state;
	/* three, then after 1, 2, 4, .. 256 s, then every 300 s */
	assert_int_equal(guess(at(1, 1, 5060), "101", 10 * USEC_PER_MS, USEC_PER_SEC - 10 * USEC_PER_MS), 3);
	assert_int_equal(guess(at(1, 1, 5070), "101", 100 * USEC_PER_MS, 512 * USEC_PER_SEC), 9);
	assert_in_range(guess(at(1, 1, 5060), "101", 100 * USEC_PER_MS, 3600 * USEC_PER_SEC), 12, 13);
}

static void another_name_and_another_source_are_not_kept_waiting(void **state)
{
	(void)state;
	guess(at(1, 1, 5060), "101", USEC_PER_MS, 10 * USEC_PER_MS);
	assert_false(pbx_backoff_may(b, &(struct addr){ .family = 4, .ip = { 203, 0, 1, 1 } }, STR("101"), now));
	assert_int_equal(guess(at(1, 1, 5060), "102", USEC_PER_MS, USEC_PER_MS), 1);
	assert_int_equal(guess(at(1, 2, 5060), "101", USEC_PER_MS, USEC_PER_MS), 1);
}

static void what_was_mistyped_is_forgotten(void **state)
{
	struct addr a = at(1, 1, 5060);

	(void)state;
	guess(a, "101", USEC_PER_MS, 3 * USEC_PER_MS);
	assert_false(pbx_backoff_may(b, &a, STR("101"), now));
	now += PBX_BACKOFF_FORGOTTEN;
	assert_int_equal(guess(a, "101", USEC_PER_MS, 10 * USEC_PER_MS), 3);
}

static void a_phone_is_never_locked_out_by_others(void **state)
{
	struct addr phone = at(9, 9, 2000);

	(void)state;
	pbx_backoff_right(b, &phone, STR("101"), now);
	/* from elsewhere, from many places, and from behind the same address */
	for (int host = 0; host < 200; host++)
		guess(at(1, host, 5060), "101", USEC_PER_MS, 20 * USEC_PER_MS);
	guess(at(9, 9, 6666), "101", 10 * USEC_PER_MS, 600 * USEC_PER_SEC);
	for (int i = 0; i < 1000; i++) {
		assert_true(pbx_backoff_may(b, &phone, STR("101"), now));
		now += USEC_PER_MS;
	}
	/* its colleagues there neither */
	assert_true(
		pbx_backoff_may(b, &(struct addr){ .family = 4, .port = 1, .ip = { 203, 0, 9, 9 } }, STR("102"), now));
}

static void at_home_a_new_connection_waits_eight_seconds_at_most(void **state)
{
	struct addr phone = at(9, 9, 2000), again = at(9, 9, 2001);

	(void)state;
	pbx_backoff_right(b, &phone, STR("101"), now);
	assert_in_range(guess(at(9, 9, 6666), "101", 100 * USEC_PER_MS, 800 * USEC_PER_SEC), 100, 106);
	usec span = 0;
	while (!pbx_backoff_may(b, &again, STR("101"), now + span))
		span += 10 * USEC_PER_MS;
	assert_in_range(span, 0, PBX_BACKOFF_KNOWN_MAX);
	/* and who guessed before the phone was ever seen there does not keep it waiting longer */
	guess(at(9, 9, 6666), "103", 100 * USEC_PER_MS, 1000 * USEC_PER_SEC);
	pbx_backoff_right(b, &phone, STR("103"), now);
	assert_true(pbx_backoff_may(b, &again, STR("103"), now + PBX_BACKOFF_KNOWN_MAX));
}

static void what_is_tried_at_home_does_not_slow_those_elsewhere(void **state)
{
	struct addr phone = at(9, 9, 2000);

	(void)state;
	pbx_backoff_right(b, &phone, STR("101"), now);
	guess(at(9, 9, 6666), "101", 100 * USEC_PER_MS, 800 * USEC_PER_SEC);
	assert_int_equal(guess(at(1, 1, 5060), "101", 10 * USEC_PER_MS, 100 * USEC_PER_MS), 3);
}

static void many_sources_together_get_one_try_a_second(void **state)
{
	int judged = 0;

	(void)state;
	for (int i = 0; i < 60000; i++, now += 10 * USEC_PER_MS)
		judged += guess(at(i / 250, i % 250, 5060), "101", 1, 1);
	assert_in_range(judged, 600, 600 + PBX_BACKOFF_SPREAD);
}

static void a_new_source_during_such_an_attack_has_no_free_tries(void **state)
{
	(void)state;
	for (int i = 0; i <= PBX_BACKOFF_SPREAD; i++)
		guess(at(1, i, 5060), "101", 1, 1);
	now += USEC_PER_SEC;
	assert_int_equal(guess(at(2, 1, 5060), "101", 10 * USEC_PER_MS, USEC_PER_SEC), 1);
	/* and its second is followed by the pause of the fifth of others */
	assert_in_range(guess(at(2, 2, 5060), "101", 1100 * USEC_PER_MS, 15 * USEC_PER_SEC), 1, 4);
}

static void a_subscriber_of_ipv6_is_one_source(void **state)
{
	struct addr a, c;

	(void)state;
	assert_int_equal(addr_parse(STR("[2001:db8::1]:5060"), 0, &a), ERR_NONE);
	assert_int_equal(addr_parse(STR("[2001:db8::ffff:1]:5060"), 0, &c), ERR_NONE);
	guess(a, "101", USEC_PER_MS, 3 * USEC_PER_MS);
	assert_false(pbx_backoff_may(b, &c, STR("101"), now));
}

static void a_hundred_thousand_names_do_not_make_it_forget_who_waits(void **state)
{
	struct addr a = at(1, 1, 5060);
	char name[20];

	(void)state;
	guess(a, "101", 100 * USEC_PER_MS, 100 * USEC_PER_SEC); /* waits for minutes now */
	for (int i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		guess(a, name, 1, 1);
	}
	assert_false(pbx_backoff_may(b, &a, STR("101"), now));
}

/* ---- several workers ---- */

#define WORKERS 4

static struct pbx_backoff *workers[WORKERS];

static void start_workers(void)
{
	for (int i = 0; i < WORKERS; i++) {
		workers[i] = pbx_backoff_new(key);
		assert_non_null(workers[i]);
		pbx_backoff_share(workers[i]);
	}
}

static void free_workers(void)
{
	for (int i = 0; i < WORKERS; i++)
		pbx_backoff_free(workers[i]);
}

/* Whoever has something to tell does. */
static void exchange(void)
{
	struct pbx_backoff_word words[PBX_BACKOFF_WORDS];

	for (int i = 0; i < WORKERS; i++) {
		size_t n = pbx_backoff_due(workers[i]) <= now ? pbx_backoff_take(workers[i], words, now) : 0;

		for (size_t k = 0; k < n; k++)
			for (int to = 0; to < WORKERS; to++)
				if (to != i)
					pbx_backoff_hear(workers[to], &words[k], now);
	}
}

static bool guess_at(int worker, struct addr from, const char *name)
{
	if (!pbx_backoff_may(workers[worker], &from, str_from(name), now))
		return false;
	pbx_backoff_wrong(workers[worker], &from, str_from(name), now);
	return true;
}

static void several_workers_together_judge_no_more_than_one(void **state)
{
	struct pbx_backoff_stats stats;
	int judged = 0;

	(void)state;
	start_workers();
	/* one after the other: as with one worker (see above) */
	for (usec end = now + USEC_PER_SEC; now < end; now += 10 * USEC_PER_MS) {
		judged += guess_at((int)(now / (10 * USEC_PER_MS) % WORKERS), at(1, 1, 5060), "101");
		exchange();
	}
	assert_int_equal(judged, PBX_BACKOFF_FREE);
	/* at all of them in the same moment, whenever there is one: they pay for each other */
	for (usec end = now + 10 * 3600 * USEC_PER_SEC; now < end; now += 100 * USEC_PER_MS) {
		for (int i = 0; i < WORKERS; i++)
			judged += guess_at(i, at(1, 1, 5060), "101");
		exchange();
	}
	assert_in_range(judged, 100, 10 * 3600 / 300 + 20);
	pbx_backoff_stats(workers[0], &stats);
	assert_in_range(stats.wrong, 1, judged / 2); /* each counts what it has judged itself */
	/* many sources at one name */
	judged = 0;
	for (int i = 0; i < 60000; i++, now += 10 * USEC_PER_MS) {
		judged += guess_at(i % WORKERS, at(2 + i / 250, i % 250, 5060), "102");
		exchange();
	}
	assert_in_range(judged, 500, 600 + PBX_BACKOFF_SPREAD + WORKERS);
	free_workers();
}

static void who_is_known_to_one_worker_is_so_to_all(void **state)
{
	struct pbx_backoff_word words[PBX_BACKOFF_WORDS];
	struct addr phone = at(9, 9, 2000), neighbour = at(9, 9, 6666);

	(void)state;
	start_workers();
	pbx_backoff_right(workers[0], &phone, STR("101"), now);
	assert_true(pbx_backoff_due(workers[0]) > now); /* in its own time */
	now += USEC_PER_SEC;
	exchange();
	for (int i = 0; i < 300; i++, now += 20 * USEC_PER_MS) {
		guess_at(1, neighbour, "101");
		exchange();
	}
	for (int i = 0; i < WORKERS; i++) {
		assert_true(pbx_backoff_may(workers[i], &phone, STR("101"), now));
		assert_false(pbx_backoff_may(workers[i], &neighbour, STR("101"), now));
	}
	/* said again and again, it is no news */
	pbx_backoff_take(workers[0], words, now);
	for (int i = 0; i < 100; i++, now += 300 * USEC_PER_SEC)
		pbx_backoff_right(workers[0], &phone, STR("101"), now);
	assert_int_equal(pbx_backoff_take(workers[0], words, now), 0);
	now += PBX_BACKOFF_KNOWN;
	pbx_backoff_right(workers[0], &phone, STR("101"), now);
	assert_int_equal(pbx_backoff_take(workers[0], words, now), 1);
	/* what nobody takes has a bound */
	for (int i = 0; i < 1000; i++)
		pbx_backoff_wrong(workers[0], &neighbour, STR("103"), now);
	assert_true(pbx_backoff_due(workers[0]) <= now);
	assert_int_equal(pbx_backoff_take(workers[0], words, now), PBX_BACKOFF_WORDS);
	assert_int_equal(pbx_backoff_due(workers[0]), USEC_NEVER);
	/* alone, there is nobody to be told */
	pbx_backoff_wrong(b, &neighbour, STR("103"), now);
	assert_int_equal(pbx_backoff_due(b), USEC_NEVER);
	free_workers();
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(guesses_of_a_pair_are_judged_ever_more_seldom),
		T(another_name_and_another_source_are_not_kept_waiting),
		T(what_was_mistyped_is_forgotten),
		T(a_phone_is_never_locked_out_by_others),
		T(at_home_a_new_connection_waits_eight_seconds_at_most),
		T(what_is_tried_at_home_does_not_slow_those_elsewhere),
		T(many_sources_together_get_one_try_a_second),
		T(a_new_source_during_such_an_attack_has_no_free_tries),
		T(a_subscriber_of_ipv6_is_one_source),
		T(a_hundred_thousand_names_do_not_make_it_forget_who_waits),
		T(several_workers_together_judge_no_more_than_one),
		T(who_is_known_to_one_worker_is_so_to_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
