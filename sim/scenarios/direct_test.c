/* Two telephones call each other by address over a bad link: SIP over UDP, SDES-SRTP, G.711. */
#include "sim/scenarios/phone_test.h"

static const struct sim_link bad = {
	.delay = 60000, .jitter = 20000, .loss_ppm = 100000, .duplicate_ppm = 10000, .reorder_ppm = 20000
};

struct pair {
	struct sim *world;
	struct phone a, b;
};

static void start(struct pair *p, const struct sim_setup *setup, const struct sim_link *link)
{
	struct addr a = addr_v4(192, 0, 2, 1, 0), b = addr_v4(198, 51, 100, 2, 0);
	p->world = sim_new(setup);
	assert_non_null(p->world);
	sim_link_default(p->world, link);
	struct sim_host *ha = sim_host_new(p->world, "alice", &a, 1), *hb = sim_host_new(p->world, "bob", &b, 1);
	struct agent_settings sa = phone_settings(ha), sb = phone_settings(hb);
	sa.listen.port = sb.listen.port = 5060;
	phone_start(&p->a, p->world, ha, &sa, 440);
	phone_start(&p->b, p->world, hb, &sb, 1000);
	p->a.listens_for_hz = 1000;
	p->b.listens_for_hz = 440;
	p->b.answers = true;
	p->b.answers_after = 2 * USEC_PER_SEC;
	sim_run(p->world, sim_now(p->world) + USEC_PER_SEC);
	assert_int_equal(p->a.ready, 1);
	assert_int_equal(p->b.ready, 1);
}

static void end(struct pair *p)
{
	sim_free(p->world);
	phone_free(&p->a);
	phone_free(&p->b);
}

static void wait_s(struct pair *p, usec seconds)
{
	sim_run(p->world, sim_now(p->world) + seconds * USEC_PER_SEC);
}

static void call_over(struct pair *p, const struct sim_setup *setup)
{
	start(p, setup, &bad);
	phone_dial(&p->a, "sip:phone@198.51.100.2");
	wait_s(p, 30);
	assert_int_equal(p->a.answered, 1);
	assert_int_equal(p->b.answered, 1);
	phone_hang_up(&p->a);
	wait_s(p, 40);
}

static void a_call_over_a_bad_link_is_heard_both_ways_and_ends_at_both(void **state)
{
	struct sim_setup setup = scenario_setup(3);
	struct pair p;
	(void)state;
	call_over(&p, &setup);
	assert_int_equal(p.a.ended, 1);
	assert_int_equal(p.b.ended, 1);
	/* 20 s of talk, a tenth of it lost and concealed. */
	assert_in_range(p.a.heard, 700, 1500);
	assert_in_range(p.b.heard, 700, 1500);
	assert_int_equal(media_service_streams(p.a.media), 0);
	assert_int_equal(media_service_streams(p.b.media), 0);
	assert_true(p.a.facts.by_us);
	assert_false(p.b.facts.by_us);
	end(&p);
}

static void the_seed_decides_the_whole_call(void **state)
{
	struct sim_setup setup = scenario_setup(5);
	struct pair one, two;
	(void)state;
	call_over(&one, &setup);
	call_over(&two, &setup);
	assert_true(sim_digest(one.world) == sim_digest(two.world));
	end(&one);
	end(&two);
}

static void byes_that_cross_end_the_call_once_at_each_end(void **state)
{
	struct sim_setup setup = scenario_setup(4);
	struct pair p;
	(void)state;
	start(&p, &setup, &sim_link_plain);
	p.b.answers_after = 0;
	phone_dial(&p.a, "sip:phone@198.51.100.2");
	wait_s(&p, 2);
	phone_hang_up(&p.a);
	phone_hang_up(&p.b);
	wait_s(&p, 40);
	assert_int_equal(p.a.ended, 1);
	assert_int_equal(p.b.ended, 1);
	assert_int_equal(agent_call_n(p.a.agent), 0);
	assert_int_equal(agent_call_n(p.b.agent), 0);
	end(&p);
}

static void a_callee_without_power_is_a_timeout_and_without_program_a_refusal(void **state)
{
	(void)state;
	for (int power = 0; power <= 1; power++) {
		struct sim_setup setup = scenario_setup(6);
		struct pair p;
		start(&p, &setup, &sim_link_plain);
		sim_host_kill(p.b.host, power);
		phone_dial(&p.a, "sip:phone@198.51.100.2");
		wait_s(&p, 60);
		assert_int_equal(p.a.ended, 1);
		assert_int_equal(p.a.answered, 0);
		end(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_over_a_bad_link_is_heard_both_ways_and_ends_at_both),
		cmocka_unit_test(the_seed_decides_the_whole_call),
		cmocka_unit_test(byes_that_cross_end_the_call_once_at_each_end),
		cmocka_unit_test(a_callee_without_power_is_a_timeout_and_without_program_a_refusal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
