#include "overlay/directory.h"

#include "overlay/test.h"

static struct overlay_directory *fresh(struct rng *rng, size_t max)
{
	struct overlay_directory_setup setup = { .record_max = max, .rng = rng };
	struct sign_pair authority;

	rng_seeded(rng, 9);
	test_authority(&authority);
	memcpy(setup.authority, authority.key, OVERLAY_KEY_N);
	assert_int_equal(overlay_domain_parse(TEST_NETWORK, &setup.network), ERR_NONE);
	struct overlay_directory *d = overlay_directory_new(&setup);
	assert_non_null(d);
	return d;
}

static enum overlay_refusal put(struct overlay_directory *d, const struct overlay_record *r, usec now)
{
	struct overlay_directory_outcome out;

	assert_int_equal(overlay_directory_put(d, 5, r, now), ERR_NONE);
	assert_true(overlay_directory_next(d, &out));
	assert_int_equal(out.ask, 5);
	return out.kind == OVERLAY_DIRECTORY_STORED ? OVERLAY_REFUSAL_NONE : out.refusal;
}

static size_t find(struct overlay_directory *d, str name, uint64_t *seq, usec now)
{
	struct overlay_directory_outcome out;
	struct overlay_record r;
	uint8_t key[OVERLAY_KEY_N];

	overlay_user_key(TEST_NETWORK, name, key);
	assert_int_equal(overlay_directory_find(d, 6, key, now), ERR_NONE);
	assert_true(overlay_directory_next(d, &out));
	assert_int_equal(out.kind, OVERLAY_DIRECTORY_FOUND);
	if (out.record_n) {
		assert_int_equal(overlay_record_parse(out.record[0], &r), ERR_NONE);
		*seq = r.seq;
	}
	return out.record_n;
}

static void the_highest_seq_is_found(void **state)
{
	struct overlay_record older, newer;
	struct test_user alice;
	struct rng rng;
	struct overlay_directory *d = fresh(&rng, 10);
	uint64_t seq = 0;

	(void)state;
	test_user(&alice, STR("alice"), TEST_NOW);
	test_record(&older, &alice, 3, TEST_NOW);
	test_record(&newer, &alice, 4, TEST_NOW);
	assert_int_equal(find(d, STR("alice"), &seq, TEST_NOW), 0);
	assert_int_equal(put(d, &older, TEST_NOW), OVERLAY_REFUSAL_NONE);
	assert_int_equal(put(d, &newer, TEST_NOW), OVERLAY_REFUSAL_NONE);
	assert_int_equal(put(d, &older, TEST_NOW), OVERLAY_REFUSAL_STALE);
	assert_int_equal(find(d, STR("alice"), &seq, TEST_NOW), 1);
	assert_int_equal(seq, 4);
	assert_int_equal(find(d, STR("bob"), &seq, TEST_NOW), 0);
	overlay_directory_free(d);
}

static void expired_records_are_gone(void **state)
{
	struct overlay_record r;
	struct test_user alice;
	struct rng rng;
	struct overlay_directory *d = fresh(&rng, 10);
	uint64_t seq;

	(void)state;
	test_user(&alice, STR("alice"), TEST_NOW);
	test_record(&r, &alice, 3, TEST_NOW);
	assert_int_equal(put(d, &r, TEST_NOW), OVERLAY_REFUSAL_NONE);
	assert_int_equal(overlay_directory_due(d), r.expiry);
	assert_int_equal(find(d, STR("alice"), &seq, r.expiry), 0);
	assert_int_equal(overlay_directory_count(d), 0);
	overlay_directory_free(d);
}

static void who_has_left_is_not_found_and_does_not_come_back(void **state)
{
	struct overlay_record old, left;
	struct test_user alice;
	struct rng rng;
	struct overlay_directory *d = fresh(&rng, 10);
	uint64_t seq;

	(void)state;
	test_user(&alice, STR("alice"), TEST_NOW);
	test_record(&old, &alice, 3, TEST_NOW);
	test_record(&left, &alice, 4, TEST_NOW);
	left.point_n = 0;
	assert_int_equal(overlay_record_sign(&left, &alice.device), ERR_NONE);
	assert_int_equal(put(d, &old, TEST_NOW), OVERLAY_REFUSAL_NONE);
	assert_int_equal(put(d, &left, TEST_NOW), OVERLAY_REFUSAL_NONE);
	assert_int_equal(find(d, STR("alice"), &seq, TEST_NOW), 0);
	assert_int_equal(put(d, &old, TEST_NOW), OVERLAY_REFUSAL_STALE);
	overlay_directory_free(d);
}

static void forged_records_and_a_full_table_are_refused(void **state)
{
	struct overlay_record r, second;
	struct test_user alice, bob;
	struct rng rng;
	struct overlay_directory *d = fresh(&rng, 1);

	(void)state;
	test_user(&alice, STR("alice"), TEST_NOW);
	test_user(&bob, STR("bob"), TEST_NOW);
	test_record(&r, &alice, 3, TEST_NOW);
	assert_int_equal(overlay_record_sign(&r, &bob.device), ERR_NONE);
	assert_int_equal(put(d, &r, TEST_NOW), OVERLAY_REFUSAL_FORGED);
	test_record(&r, &alice, 3, TEST_NOW);
	test_record(&second, &bob, 1, TEST_NOW);
	assert_int_equal(put(d, &r, TEST_NOW), OVERLAY_REFUSAL_NONE);
	assert_int_equal(put(d, &second, TEST_NOW), OVERLAY_REFUSAL_OVERLOADED);
	test_record(&r, &alice, 9, TEST_NOW);
	assert_int_equal(put(d, &r, TEST_NOW), OVERLAY_REFUSAL_NONE);
	overlay_directory_free(d);
}

/* Another device of alice's puts its record, signed `age` ago. */
static void put_device(struct overlay_directory *d, struct test_user *alice, struct rng *rng, uint64_t seq, usec age,
		       bool left)
{
	struct sign_pair authority;
	struct overlay_record r;

	test_authority(&authority);
	sign_new(&alice->device, rng);
	memcpy(alice->certificate.device, alice->device.key, OVERLAY_KEY_N);
	assert_int_equal(overlay_certificate_sign(&alice->certificate, &authority), ERR_NONE);
	test_record(&r, alice, seq, TEST_NOW - age);
	r.point_n = !left;
	assert_int_equal(overlay_record_sign(&r, &alice->device), ERR_NONE);
	assert_int_equal(put(d, &r, TEST_NOW), OVERLAY_REFUSAL_NONE);
}

static bool has_seq(struct overlay_directory *d, uint64_t seq)
{
	struct overlay_directory_outcome out;
	struct overlay_record r;
	uint8_t key[OVERLAY_KEY_N];

	overlay_user_key(TEST_NETWORK, STR("alice"), key);
	assert_int_equal(overlay_directory_find(d, 6, key, TEST_NOW), ERR_NONE);
	assert_true(overlay_directory_next(d, &out));
	for (size_t i = 0; i < out.record_n; i++) {
		assert_int_equal(overlay_record_parse(out.record[i], &r), ERR_NONE);
		if (r.seq == seq)
			return true;
	}
	return false;
}

static void a_ninth_device_takes_the_place_of_the_one_missed_least(void **state)
{
	struct test_user alice;
	struct rng rng;
	struct overlay_directory *d = fresh(&rng, 100);

	(void)state;
	test_user(&alice, STR("alice"), TEST_NOW);
	for (uint64_t i = 1; i <= 8; i++) /* the third runs out first; the fifth has left */
		put_device(d, &alice, &rng, i, i == 3 ? 600 * USEC_PER_SEC : 0, i == 5);
	assert_int_equal(overlay_directory_count(d), 8);
	put_device(d, &alice, &rng, 9, 0, false);
	assert_true(has_seq(d, 9) && has_seq(d, 3));
	put_device(d, &alice, &rng, 10, 0, false);
	assert_true(has_seq(d, 10) && !has_seq(d, 3));
	assert_int_equal(overlay_directory_count(d), 8);
	overlay_directory_free(d);
}

static bool is_known(struct overlay_directory *d, str name, usec now)
{
	struct overlay_directory_outcome out;
	uint8_t key[OVERLAY_KEY_N];

	overlay_user_key(TEST_NETWORK, name, key);
	assert_int_equal(overlay_directory_find(d, 6, key, now), ERR_NONE);
	assert_true(overlay_directory_next(d, &out));
	return out.known;
}

static void a_name_stays_known_when_its_records_have_gone(void **state)
{
	struct overlay_record r;
	struct test_user alice;
	struct rng rng;
	struct overlay_directory *d = fresh(&rng, 10);
	uint8_t bob[OVERLAY_KEY_N];
	uint64_t seq;

	(void)state;
	test_user(&alice, STR("alice"), TEST_NOW);
	test_record(&r, &alice, 3, TEST_NOW);
	assert_false(is_known(d, STR("alice"), TEST_NOW));
	assert_int_equal(put(d, &r, TEST_NOW), OVERLAY_REFUSAL_NONE);
	assert_true(is_known(d, STR("alice"), TEST_NOW));
	assert_int_equal(find(d, STR("alice"), &seq, r.expiry), 0);
	assert_true(is_known(d, STR("alice"), r.expiry));
	assert_false(is_known(d, STR("bob"), r.expiry));
	overlay_user_key(TEST_NETWORK, STR("bob"), bob);
	assert_int_equal(overlay_directory_know(d, bob), ERR_NONE);
	assert_true(is_known(d, STR("bob"), r.expiry));
	assert_int_equal(find(d, STR("bob"), &seq, r.expiry), 0);
	overlay_directory_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_stays_known_when_its_records_have_gone),
		cmocka_unit_test(the_highest_seq_is_found),
		cmocka_unit_test(expired_records_are_gone),
		cmocka_unit_test(who_has_left_is_not_found_and_does_not_come_back),
		cmocka_unit_test(forged_records_and_a_full_table_are_refused),
		cmocka_unit_test(a_ninth_device_takes_the_place_of_the_one_missed_least),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
