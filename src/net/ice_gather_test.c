#include "net/ice_gather.h"

#include "base/test.h"

#define SEC USEC_PER_SEC

struct world {
	struct rng rng;
	struct ice_gather g;
	char bytes[128];
	struct buf b;
};

static struct ice_ask *begin(struct world *w)
{
	struct ice_ask *ask;

	*w = (struct world){ 0 };
	rng_seeded(&w->rng, 1);
	ice_gather_add(&w->g, 0, 0);
	ask = ice_gather_fresh(&w->g);
	buf_init(&w->b, w->bytes, sizeof(w->bytes));
	ice_gather_write(ask, &w->rng, &w->b, 0);
	return ask;
}

static void send_again(struct world *w, struct ice_ask *ask, usec now)
{
	buf_init(&w->b, w->bytes, sizeof(w->bytes));
	ice_gather_write(ask, &w->rng, &w->b, now);
}

static bool answer(struct world *w, struct ice_ask *ask, enum stun_class class, usec now, struct addr *mapped)
{
	struct addr is = addr_v4(198, 51, 100, 1, 5);
	struct stun_msg m;

	buf_init(&w->b, w->bytes, sizeof(w->bytes));
	stun_begin(&w->b, class, STUN_BINDING, ask->id);
	stun_put_addr(&w->b, STUN_XOR_MAPPED_ADDRESS, &is);
	assert_int_equal(stun_parse(buf_str(&w->b), &m), ERR_NONE);
	assert_ptr_equal(ice_gather_find(&w->g, m.id), ask);
	return ice_gather_answer(ask, &m, now, mapped);
}

/* RFC 8489 6.2.1 with the RTO of RFC 8445 14.3, but given up earlier. */
static void a_silent_server_is_asked_three_times_and_given_up(void **state)
{
	struct world w;
	struct ice_ask *ask = begin(&w);
	usec sent[] = { SEC / 2, SEC * 3 / 2 };

	(void)state;
	assert_null(ice_gather_fresh(&w.g));
	for (int i = 0; i < 2; i++) {
		assert_true(ice_gather_due(&w.g, 0) == sent[i]);
		assert_null(ice_gather_repeat(&w.g, true, sent[i] - 1));
		assert_ptr_equal(ice_gather_repeat(&w.g, true, sent[i]), ask);
		send_again(&w, ask, sent[i]);
	}
	assert_false(ice_gather_over(&w.g));
	assert_null(ice_gather_repeat(&w.g, true, SEC * 7 / 2));
	assert_true(ice_gather_over(&w.g));
	assert_true(ice_gather_due(&w.g, 0) == USEC_NEVER);
}

static void an_answered_one_keeps_its_binding_until_ice_has_concluded(void **state)
{
	struct world w;
	struct ice_ask *ask = begin(&w);
	struct addr mapped;

	(void)state;
	assert_true(answer(&w, ask, STUN_SUCCESS, SEC, &mapped));
	assert_int_equal(mapped.port, 5);
	assert_true(ice_gather_over(&w.g));
	for (usec now = 16 * SEC; now < 100 * SEC; now += 15 * SEC) {
		assert_true(ice_gather_due(&w.g, 0) == now);
		assert_ptr_equal(ice_gather_repeat(&w.g, true, now), ask);
		send_again(&w, ask, now);
		assert_true(answer(&w, ask, STUN_SUCCESS, now, &mapped));
	}
	assert_null(ice_gather_repeat(&w.g, false, 200 * SEC));
	assert_true(ice_gather_due(&w.g, 0) == USEC_NEVER);
}

static void a_refusal_ends_it(void **state)
{
	struct world w;
	struct ice_ask *ask = begin(&w);
	struct addr mapped;

	(void)state;
	assert_false(answer(&w, ask, STUN_ERROR, SEC, &mapped));
	assert_true(ice_gather_over(&w.g));
	assert_true(ice_gather_due(&w.g, 0) == USEC_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_silent_server_is_asked_three_times_and_given_up),
		cmocka_unit_test(an_answered_one_keeps_its_binding_until_ice_has_concluded),
		cmocka_unit_test(a_refusal_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
