#include "net/ice_list.h"

#include "base/test.h"

#include <stdio.h>

static struct ice_candidate remote(uint8_t host, uint32_t priority, const char *foundation)
{
	struct ice_candidate c = { .type = ICE_HOST, .addr = addr_v4(203, 0, 113, host, 9), .priority = priority };

	snprintf(c.foundation, sizeof(c.foundation), "%s", foundation);
	return c;
}

static struct ice_check *pair(struct ice_list *l, size_t local, struct ice_candidate c)
{
	size_t index;

	assert_int_equal(ice_list_add_remote(l, &c, &index), ERR_NONE);
	return ice_list_pair(l, local, index);
}

static void host(struct ice_list *l, uint32_t socket, const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(str_from(text), 0, &a), ERR_NONE);
	assert_int_equal(ice_list_add_host(l, socket, &a), ERR_NONE);
}

/* RFC 8445 5.1.2.1 and 15.1: a lone host candidate has 2130706431, its reflexive one 1694498815. */
static void priorities_are_those_of_the_rfc(void **state)
{
	(void)state;
	assert_int_equal(ice_list_priority(ICE_HOST, 65535), 2130706431);
	assert_int_equal(ice_list_priority(ICE_PEER_REFLEXIVE, 65535), 1862270975);
	assert_int_equal(ice_list_priority(ICE_REFLEXIVE, 65535), 1694498815);
	assert_int_equal(ice_list_priority(ICE_RELAY, 65535), 16777215);
}

/* 6.1.2.3: 2^32 * MIN(G,D) + 2 * MAX(G,D) + (G > D) */
static void a_pairs_priority_depends_on_who_controls(void **state)
{
	struct ice_list l = { .controlling = true };

	(void)state;
	host(&l, 1, "192.0.2.1:1");
	struct ice_check *c = pair(&l, 0, remote(1, 1000, "a"));
	uint64_t want = ((uint64_t)1000 << 32) + 2 * (uint64_t)2130706431 + 1;
	assert_true(c->priority == want);
	ice_list_set_role(&l, false);
	assert_true(c->priority == want - 1);
}

static void candidates_of_the_same_address_share_a_foundation(void **state)
{
	struct ice_list l = { 0 };
	struct addr mapped = addr_v4(198, 51, 100, 1, 5);

	(void)state;
	host(&l, 1, "192.0.2.1:1");
	host(&l, 2, "192.0.2.1:2");
	host(&l, 3, "192.0.2.2:1");
	assert_true(ice_list_add_reflexive(&l, 0, &mapped, 0));
	assert_false(ice_list_add_reflexive(&l, 0, &mapped, 1)); /* 5.1.3: redundant */
	assert_false(ice_list_add_reflexive(&l, 0, &l.locals[0].c.addr, 0));
	assert_string_equal(l.locals[0].c.foundation, l.locals[1].c.foundation);
	assert_string_not_equal(l.locals[0].c.foundation, l.locals[2].c.foundation);
	assert_string_not_equal(l.locals[0].c.foundation, l.locals[3].c.foundation);
	assert_int_equal(ice_list_add_host(&l, 1, &mapped), ERR_EXISTS);
}

static void only_those_who_can_speak_are_paired(void **state)
{
	struct ice_list l = { 0 };
	struct ice_candidate v6 = remote(1, 1, "a"), loop = remote(2, 1, "a");

	(void)state;
	host(&l, 1, "192.0.2.1:1");
	host(&l, 2, "[fe80::1]:1");
	assert_int_equal(addr_parse(STR("[2001:db8::1]:1"), 0, &v6.addr), ERR_NONE);
	loop.addr = addr_v4(127, 0, 0, 1, 1);
	assert_null(pair(&l, 0, v6));
	assert_null(pair(&l, 1, v6)); /* 6.1.2.2: link-local with link-local only */
	assert_null(pair(&l, 0, loop));
	assert_non_null(pair(&l, 0, remote(3, 1, "a")));
	assert_int_equal(l.check_n, 1);
}

static void triggered_ones_come_first_in_their_order_then_the_best(void **state)
{
	struct ice_list l = { 0 };

	(void)state;
	host(&l, 1, "192.0.2.1:1");
	struct ice_check *low = pair(&l, 0, remote(1, 10, "a")), *high = pair(&l, 0, remote(2, 30, "b")),
			 *middle = pair(&l, 0, remote(3, 20, "c"));
	ice_list_trigger(&l, low);
	ice_list_trigger(&l, middle);
	ice_list_trigger(&l, low); /* once */
	struct ice_check *order[4];
	for (int i = 0; i < 4; i++) {
		order[i] = ice_list_take(&l, false);
		if (order[i])
			order[i]->state = ICE_CHECK_SUCCEEDED;
	}
	assert_ptr_equal(order[0], low);
	assert_ptr_equal(order[1], middle);
	assert_ptr_equal(order[2], high);
	assert_null(order[3]);
}

/* 6.1.2.6 */
static void one_of_a_foundation_is_tried_before_the_others(void **state)
{
	struct ice_list l = { 0 };

	(void)state;
	host(&l, 1, "192.0.2.1:1");
	struct ice_check *first = pair(&l, 0, remote(1, 30, "same")), *second = pair(&l, 0, remote(2, 20, "same")),
			 *other = pair(&l, 0, remote(3, 10, "other"));
	assert_ptr_equal(ice_list_take(&l, false), first);
	first->state = ICE_CHECK_RUNNING;
	assert_ptr_equal(ice_list_take(&l, false), other);
	other->state = ICE_CHECK_RUNNING;
	assert_false(ice_list_has(&l, false));
	first->state = ICE_CHECK_FAILED;
	assert_ptr_equal(ice_list_take(&l, false), second);
}

static void when_full_the_worst_untried_pair_makes_room(void **state)
{
	struct ice_list l = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		char text[32];

		snprintf(text, sizeof(text), "192.0.2.%u:1", (unsigned)i + 1);
		host(&l, i + 1, text);
	}
	for (uint8_t k = 0; k < 25; k++)
		for (size_t i = 0; i < 4; i++)
			assert_non_null(pair(&l, i, remote(k, 100 + k, "a")));
	assert_int_equal(l.check_n, ICE_PAIR_MAX);
	assert_null(pair(&l, 0, remote(200, 1, "a")));
	struct ice_check *better = pair(&l, 0, remote(201, 1000, "a"));
	assert_non_null(better);
	assert_int_equal(l.check_n, ICE_PAIR_MAX);
	unsigned of_worst = 0;
	for (size_t i = 0; i < l.check_n; i++)
		of_worst += l.remotes[l.checks[i].remote].priority == 100;
	assert_int_equal(of_worst, 3);
}

static void what_was_learnt_from_a_check_gets_its_true_nature_later(void **state)
{
	struct ice_list l = { 0 };
	struct ice_candidate learnt = remote(1, 5, "prflx0");

	(void)state;
	host(&l, 1, "192.0.2.1:1");
	learnt.type = ICE_PEER_REFLEXIVE;
	struct ice_check *c = pair(&l, 0, learnt);
	uint64_t before = c->priority;
	assert_ptr_equal(pair(&l, 0, remote(1, 50, "real")), c);
	assert_int_equal(l.remotes[0].type, ICE_HOST);
	assert_true(c->priority > before);
	assert_ptr_equal(pair(&l, 0, learnt), c);
	assert_int_equal(l.remotes[0].type, ICE_HOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(priorities_are_those_of_the_rfc),
		cmocka_unit_test(a_pairs_priority_depends_on_who_controls),
		cmocka_unit_test(candidates_of_the_same_address_share_a_foundation),
		cmocka_unit_test(only_those_who_can_speak_are_paired),
		cmocka_unit_test(triggered_ones_come_first_in_their_order_then_the_best),
		cmocka_unit_test(one_of_a_foundation_is_tried_before_the_others),
		cmocka_unit_test(when_full_the_worst_untried_pair_makes_room),
		cmocka_unit_test(what_was_learnt_from_a_check_gets_its_true_nature_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
