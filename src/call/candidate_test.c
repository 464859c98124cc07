#include "call/candidate.h"

#include "base/test.h"

static void nothing_is_lost_on_the_way_there_and_back(void **state)
{
	const enum ice_type types[] = { ICE_HOST, ICE_PEER_REFLEXIVE, ICE_REFLEXIVE, ICE_RELAY };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct ice_candidate c = { .type = types[i],
					   .addr = addr_v4(192, 0, 2, 1, 5000),
					   .related = addr_v4(10, 0, 0, 1, 4000),
					   .priority = 2130706431,
					   .foundation = "a long foundation of 32 letters+" };
		struct sdp_offer_candidate sdp = candidate_to_sdp(&c);
		struct ice_candidate back = candidate_from_sdp(&sdp);

		assert_int_equal(back.type, c.type);
		assert_int_equal(back.priority, c.priority);
		assert_true(addr_eq(&back.addr, &c.addr) && addr_eq(&back.related, &c.related));
		assert_string_equal(back.foundation, c.foundation);
	}
}

static void the_default_is_reflexive_ipv4_if_there_is_one(void **state)
{
	struct ice_candidate c[3] = { { .type = ICE_HOST, .addr = { .family = 6 } },
				      { .type = ICE_HOST, .addr = addr_v4(10, 0, 0, 1, 1) },
				      { .type = ICE_REFLEXIVE, .addr = addr_v4(192, 0, 2, 1, 1) } };

	(void)state;
	assert_ptr_equal(candidate_default(c, 1), &c[0]);
	assert_ptr_equal(candidate_default(c, 2), &c[1]);
	assert_ptr_equal(candidate_default(c, 3), &c[2]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_lost_on_the_way_there_and_back),
		cmocka_unit_test(the_default_is_reflexive_ipv4_if_there_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
