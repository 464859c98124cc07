#include "overlay/roll.h"

#include "overlay/identity.h"
#include "overlay/test.h"

static void named(const char *name, uint8_t out[OVERLAY_KEY_N])
{
	overlay_user_key(TEST_NETWORK, str_from(name), out);
}

static void a_name_is_known_once_it_was_put_in_and_no_other_is(void **state)
{
	uint8_t alice[OVERLAY_KEY_N], bob[OVERLAY_KEY_N];
	struct overlay_roll r;
	struct rng rng;

	(void)state;
	rng_seeded(&rng, 3);
	overlay_roll_init(&r, 10, &rng);
	named("alice", alice);
	named("bob", bob);
	assert_false(overlay_roll_has(&r, alice));
	assert_int_equal(overlay_roll_add(&r, alice), ERR_NONE);
	assert_true(overlay_roll_has(&r, alice));
	assert_false(overlay_roll_has(&r, bob));
	overlay_roll_free(&r);
}

static void a_full_roll_keeps_what_it_has_and_the_same_name_takes_one_place(void **state)
{
	uint8_t alice[OVERLAY_KEY_N], bob[OVERLAY_KEY_N], carol[OVERLAY_KEY_N];
	struct overlay_roll r;
	struct rng rng;

	(void)state;
	rng_seeded(&rng, 3);
	overlay_roll_init(&r, 2, &rng);
	named("alice", alice);
	named("bob", bob);
	named("carol", carol);
	for (int i = 0; i < 5; i++)
		assert_int_equal(overlay_roll_add(&r, alice), ERR_NONE);
	assert_int_equal(overlay_roll_add(&r, bob), ERR_NONE);
	assert_int_equal(overlay_roll_add(&r, carol), ERR_FULL);
	assert_true(overlay_roll_has(&r, alice));
	assert_false(overlay_roll_has(&r, carol));
	overlay_roll_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_known_once_it_was_put_in_and_no_other_is),
		cmocka_unit_test(a_full_roll_keeps_what_it_has_and_the_same_name_takes_one_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
