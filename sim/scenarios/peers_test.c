/* People call each other over the peer network: login, super node, sealed SIP, ICE, DTLS-SRTP, Opus. */
#include "sim/scenarios/network_test.h"

static const struct sim_link rough = { .delay = 40000, .jitter = 10000, .loss_ppm = 30000 };

struct town {
	struct sim *world;
	struct network net;
	struct peer alice, bob;
};

static void wait_s(struct town *t, usec seconds)
{
	sim_run(t->world, sim_now(t->world) + seconds * USEC_PER_SEC);
}

static void start(struct town *t, uint64_t seed, const struct sim_link *link)
{
	struct sim_setup setup = scenario_setup(seed);
	struct addr a = addr_v4(192, 0, 2, 1, 0), b = addr_v4(198, 51, 100, 2, 0);
	setup.sizes_only = true;
	t->world = sim_new(&setup);
	assert_non_null(t->world);
	sim_link_default(t->world, link);
	network_start(&t->net, t->world);
	network_person(&t->net, "alice", "correct horse");
	network_person(&t->net, "bob", "battery staple");
	struct sim_host *ha = sim_host_new(t->world, "alice", &a, 1), *hb = sim_host_new(t->world, "bob", &b, 1);
	peer_start(&t->alice, &t->net, ha, "alice", "correct horse", 440);
	peer_start(&t->bob, &t->net, hb, "bob", "battery staple", 1000);
	t->alice.is.listens_for_hz = 1000;
	t->bob.is.listens_for_hz = 440;
	t->bob.is.answers = true;
	t->bob.is.answers_after = USEC_PER_SEC;
}

static void end(struct town *t)
{
	sim_free(t->world);
	peer_free(&t->alice);
	peer_free(&t->bob);
	network_free(&t->net);
}

static void a_peer_calls_another_by_name_over_a_rough_network(void **state)
{
	struct town t;
	(void)state;
	start(&t, 21, &rough);
	wait_s(&t, 20);
	assert_int_equal(t.alice.is.ready, 1);
	assert_int_equal(t.bob.is.ready, 1);
	phone_dial(&t.alice.is, "bob");
	wait_s(&t, 30);
	assert_int_equal(t.alice.is.answered, 1);
	assert_int_equal(t.alice.is.up, 1);
	phone_hang_up(&t.bob.is);
	wait_s(&t, 20);
	assert_int_equal(t.alice.is.ended, 1);
	assert_int_equal(t.bob.is.ended, 1);
	assert_int_equal(t.alice.is.facts.codec, CODEC_OPUS);
	assert_int_equal(t.alice.is.facts.path.security, SDP_DTLS);
	assert_string_equal(t.bob.is.facts.proven, "alice@" NETWORK_NAME);
	assert_true(t.alice.is.heard > 500);
	assert_true(t.bob.is.heard > 500);
	end(&t);
}

static void a_name_that_nobody_has_and_a_person_who_is_away_are_told_apart(void **state)
{
	struct town t;
	(void)state;
	start(&t, 22, &sim_link_plain);
	wait_s(&t, 5);
	phone_dial(&t.alice.is, "nobody");
	wait_s(&t, 10);
	assert_int_equal(t.alice.is.ended, 1);
	assert_int_equal(t.alice.is.facts.status, 404);
	sim_host_kill(t.bob.is.host, false);
	wait_s(&t, 5);
	phone_dial(&t.alice.is, "bob");
	wait_s(&t, 60);
	assert_int_equal(t.alice.is.ended, 2);
	assert_int_equal(t.alice.is.answered, 0);
	assert_int_equal(t.alice.is.facts.status, 480);
	end(&t);
}

static void peers_come_back_after_the_super_node_was_restarted_and_can_be_called(void **state)
{
	struct town t;
	(void)state;
	start(&t, 23, &rough);
	wait_s(&t, 20);
	sim_host_kill(t.net.node_host, false);
	wait_s(&t, 5);
	overlay_supernode_free(t.net.node);
	sim_host_restart(t.net.node_host);
	network_start_node(&t.net);
	wait_s(&t, 120);
	assert_int_equal(t.alice.is.ready, 2);
	assert_int_equal(t.bob.is.ready, 2);
	phone_dial(&t.alice.is, "bob");
	wait_s(&t, 20);
	assert_int_equal(t.alice.is.answered, 1);
	end(&t);
}

static void a_wrong_password_is_final_and_said(void **state)
{
	struct town t;
	struct peer carol;
	struct addr a = addr_v4(192, 0, 2, 77, 0);
	(void)state;
	start(&t, 24, &sim_link_plain);
	peer_start(&carol, &t.net, sim_host_new(t.world, "carol", &a, 1), "alice", "wrong horse", 300);
	wait_s(&t, 10);
	assert_int_equal(carol.is.ready, 0);
	assert_true(carol.is.down >= 1);
	assert_int_equal(t.alice.is.ready, 1);
	peer_free(&carol);
	end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_peer_calls_another_by_name_over_a_rough_network),
		cmocka_unit_test(a_name_that_nobody_has_and_a_person_who_is_away_are_told_apart),
		cmocka_unit_test(peers_come_back_after_the_super_node_was_restarted_and_can_be_called),
		cmocka_unit_test(a_wrong_password_is_final_and_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
