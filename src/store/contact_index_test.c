#include "store/contact_index.h"

#include "base/rng.h"
#include "base/test.h"

#include <stdio.h>
#include <time.h>

#define NAMES 500

static uint64_t names_[NAMES], model_[NAMES], kept_[NAMES];

static void check(const struct contact_index *x)
{
	size_t n = 0;

	for (int i = 0; i < NAMES; i++) {
		assert_int_equal(contact_index_value(x, names_[i]), model_[i]);
		n += model_[i] != 0;
	}
	assert_int_equal(x->n, n);
}

static void whatever_is_set_and_undone_it_knows_the_last(void **state)
{
	uint64_t seed = (uint64_t)time(NULL);
	struct contact_index x;
	struct rng rng;
	char aor[32];

	(void)state;
	printf("seed %llu\n", (unsigned long long)seed);
	rng_seeded(&rng, seed);
	contact_index_init(&x);
	for (int i = 0; i < NAMES; i++) {
		snprintf(aor, sizeof(aor), "sip:%d@x", i / 5);
		names_[i] = contact_index_name(&x, str_from(aor), str_of((char *)&i, sizeof(i)));
		assert_int_equal(contact_index_value(&x, names_[i]), 0);
		model_[i] = kept_[i] = 0;
	}
	for (int t = 0; t < 3000; t++) {
		size_t mark = x.change_n, n = 1 + rng_below(&rng, 40);
		uint64_t before[NAMES];

		memcpy(before, model_, sizeof(before));
		assert_int_equal(contact_index_reserve(&x, n), ERR_NONE);
		while (n--) {
			size_t i = rng_below(&rng, NAMES);
			uint64_t value = rng_below(&rng, 3) ? 1 + rng_below(&rng, 1000) : 0;

			assert_int_equal(contact_index_set(&x, names_[i], value), model_[i]);
			model_[i] = value;
		}
		switch (rng_below(&rng, 8)) {
		case 0:
			contact_index_undo(&x, mark);
			memcpy(model_, before, sizeof(before));
			break;
		case 1:
			contact_index_undo(&x, 0);
			memcpy(model_, kept_, sizeof(kept_));
			break;
		case 2:
			contact_index_settle(&x);
			memcpy(kept_, model_, sizeof(kept_));
			break;
		default:
			break;
		}
		check(&x);
	}
	contact_index_free(&x);
}

static void all_of_a_user_are_found_together(void **state)
{
	struct contact_index x;
	const struct contact_slot *slot;
	uint64_t name;
	size_t at, seen = 0;
	char key[8];

	(void)state;
	contact_index_init(&x);
	assert_int_equal(contact_index_reserve(&x, 40), ERR_NONE);
	for (int i = 0; i < 40; i++) {
		snprintf(key, sizeof(key), "%d", i);
		contact_index_set(&x,
				  contact_index_name(&x, i % 4 ? STR("sip:102@x") : STR("sip:101@x"), str_from(key)),
				  (uint64_t)i + 1);
	}
	name = contact_index_name(&x, STR("sip:101@"), STR_NONE);
	at = contact_index_home(&x, name);
	while ((slot = contact_index_walk(&x, &at, name))) {
		assert_int_equal((slot->value - 1) % 4, 0);
		seen++;
	}
	assert_int_equal(seen, 10);
	contact_index_free(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_is_set_and_undone_it_knows_the_last),
		cmocka_unit_test(all_of_a_user_are_found_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
