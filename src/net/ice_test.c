#include "net/ice.h"

#include "net/test_ice.h"

static void two_public_hosts_join_in_one_round_trip(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 1);
	add_addr(&net, 0, "192.0.2.1:5000");
	add_addr(&net, 1, "192.0.2.2:5000");
	call(&net, 200 * USEC_PER_MS);
	assert_joined(&net);
	assert_true(net.agent[0].connected_at <= NOW + 100 * USEC_PER_MS + 2 * ONE_WAY);
	assert_true(net.agent[0].nominated_at <= NOW + 100 * USEC_PER_MS + 4 * ONE_WAY);
	assert_int_equal(net.agent[0].pair.local_type, ICE_HOST);
	assert_int_equal(net.agent[0].pair.remote_type, ICE_HOST);
	assert_true(net.agent[0].pair.rtt == 2 * ONE_WAY);
	net_free(&net);
}

static void ipv6_works_alike(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 1);
	add_addr(&net, 0, "[2001:db8::1]:5000");
	add_addr(&net, 0, "192.0.2.1:5000");
	add_addr(&net, 1, "[2001:db8::2]:5000");
	add_addr(&net, 1, "192.0.2.2:5000");
	call(&net, USEC_PER_SEC);
	assert_joined(&net);
	assert_int_equal(net.agent[0].pair.remote.family, 6); /* added first: preferred */
	net_free(&net);
}

static void two_hosts_behind_two_nats_join_by_their_reflexive_addresses(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 1);
	add_addr(&net, 0, "10.1.0.5:5000");
	add_addr(&net, 1, "10.2.0.5:5000");
	call(&net, USEC_PER_SEC);
	assert_joined(&net);
	assert_int_equal(net.agent[0].gathered_n, 2);
	assert_int_equal(net.agent[0].gathered[1].type, ICE_REFLEXIVE);
	assert_true(addr_eq(&net.agent[0].gathered[1].related, &net.agent[0].addrs[0]));
	assert_int_equal(net.agent[0].pair.local_type, ICE_REFLEXIVE);
	assert_int_equal(net.agent[0].pair.remote_type, ICE_REFLEXIVE);
	net_free(&net);
}

static void two_hosts_behind_one_nat_stay_inside(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 1);
	add_addr(&net, 0, "10.1.0.5:5000");
	add_addr(&net, 1, "10.1.0.6:5000");
	call(&net, USEC_PER_SEC);
	assert_joined(&net);
	assert_int_equal(net.agent[0].pair.local_type, ICE_HOST);
	assert_int_equal(net.agent[0].pair.remote_type, ICE_HOST);
	net_free(&net);
}

static void a_symmetric_nat_is_met_by_a_public_host(void **state)
{
	struct net net;

	(void)state;
	for (int inside = 0; inside < 2; inside++) {
		net_init(&net, 1);
		net.symmetric[1] = true;
		add_addr(&net, inside, "10.1.0.5:5000");
		add_addr(&net, !inside, "192.0.2.2:5000");
		call(&net, USEC_PER_SEC);
		assert_joined(&net);
		assert_int_equal(net.agent[!inside].pair.remote_type, ICE_PEER_REFLEXIVE);
		net_free(&net);
	}
}

static void two_symmetric_nats_fail_and_say_so(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 1);
	net.symmetric[1] = net.symmetric[2] = true;
	add_addr(&net, 0, "10.1.0.5:5000");
	add_addr(&net, 1, "10.2.0.5:5000");
	call(&net, 15 * USEC_PER_SEC);
	for (int i = 0; i < 2; i++) {
		assert_true(net.agent[i].failed);
		assert_false(net.agent[i].connected);
		assert_int_equal(net.agent[i].why, ERR_UNREACHABLE);
	}
	net_free(&net);
}

static void checks_before_the_answer_join_with_it(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 1);
	net.answer_delay = 3 * USEC_PER_SEC;
	add_addr(&net, 0, "192.0.2.1:5000");
	add_addr(&net, 1, "10.2.0.5:5000");
	call(&net, USEC_PER_SEC);
	assert_joined(&net);
	assert_true(net.agent[1].connected_at < NOW + 200 * USEC_PER_MS); /* by our mere answers */
	assert_true(net.agent[0].connected_at <= NOW + 3100 * USEC_PER_MS + 2 * ONE_WAY);
	net_free(&net);
}

static void loss_delays_but_does_not_prevent(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 50; seed++) {
		struct net net;

		net_init(&net, seed);
		net.loss_percent = 25;
		add_addr(&net, 0, "10.1.0.5:5000");
		add_addr(&net, 1, "192.0.2.2:5000");
		call(&net, 10 * USEC_PER_SEC);
		if (!net.agent[0].pair.nominated)
			print_message("seed %d\n", (int)seed);
		assert_joined(&net);
		net_free(&net);
	}
}

static void two_controlling_sides_find_their_roles(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 8; seed++)
		for (int same = 0; same < 2; same++) {
			struct net net;
			size_t told[2] = { 0 };

			net_init(&net, seed);
			add_addr(&net, 0, "192.0.2.1:5000");
			add_addr(&net, 1, "192.0.2.2:5000");
			agent_start(&net, 0, same);
			agent_start(&net, 1, same);
			run_until(&net, NOW + 100 * USEC_PER_MS);
			signal_to(&net, 0, &told[0]);
			signal_to(&net, 1, &told[1]);
			run_until(&net, NOW + 2 * USEC_PER_SEC);
			assert_joined(&net);
			assert_true(ice_is_controlling(net.agent[0].ice) != ice_is_controlling(net.agent[1].ice));
			net_free(&net);
		}
}

static void candidates_may_trickle_in(void **state)
{
	struct net net;
	size_t told[2] = { 0 };

	(void)state;
	net_init(&net, 1);
	add_addr(&net, 0, "10.1.0.5:5000");
	add_addr(&net, 1, "10.2.0.5:5000");
	agent_start(&net, 0, true);
	agent_start(&net, 1, false);
	for (int i = 0; i < 50; i++) { /* hosts first, the reflexive ones a round trip later */
		signal_to(&net, 0, &told[0]);
		signal_to(&net, 1, &told[1]);
		run_until(&net, net.now + 10 * USEC_PER_MS);
	}
	assert_joined(&net);
	net_free(&net);
}

static void a_better_pair_still_tried_delays_the_nomination_by_patience_only(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 1);
	add_addr(&net, 0, "10.1.0.5:5000");
	add_addr(&net, 0, "192.0.2.1:5000");
	add_addr(&net, 1, "10.2.0.5:5000"); /* 10.1 to 10.2 leads nowhere and ranks first */
	add_addr(&net, 1, "192.0.2.2:5000");
	call(&net, USEC_PER_SEC);
	assert_joined(&net);
	usec wait = net.agent[0].nominated_at - net.agent[0].connected_at;
	assert_in_range(wait, 200 * USEC_PER_MS, 350 * USEC_PER_MS);
	net_free(&net);
}

static void consent_is_asked_for_and_its_loss_stops_us(void **state)
{
	struct net net;
	struct ice_pair pair;

	(void)state;
	net_init(&net, 1);
	add_addr(&net, 0, "192.0.2.1:5000");
	add_addr(&net, 1, "192.0.2.2:5000");
	call(&net, USEC_PER_SEC);
	unsigned sent = net.agent[0].sent;
	run_until(&net, net.now + 60 * USEC_PER_SEC);
	assert_in_range(net.agent[0].sent - sent, 20, 32); /* 12 asked, 12 answered */
	assert_joined(&net);
	net.cut = true;
	run_until(&net, net.now + 20 * USEC_PER_SEC);
	assert_true(ice_pair(net.agent[0].ice, &pair));
	run_until(&net, net.now + 11 * USEC_PER_SEC);
	for (int i = 0; i < 2; i++) {
		assert_false(ice_pair(net.agent[i].ice, &pair));
		assert_true(net.agent[i].failed);
		assert_int_equal(net.agent[i].why, ERR_TIMEOUT);
	}
	net_free(&net);
}

static void a_restart_joins_anew_while_the_old_pair_goes_on(void **state)
{
	struct net net;
	struct ice_pair pair;
	size_t told[2] = { 0 };

	(void)state;
	net_init(&net, 1);
	add_addr(&net, 0, "10.1.0.5:5000");
	add_addr(&net, 1, "192.0.2.2:5000");
	call(&net, USEC_PER_SEC);
	assert_joined(&net);
	char ufrag[ICE_UFRAG_N];
	memcpy(ufrag, ice_ufrag(net.agent[0].ice).p, ICE_UFRAG_N);
	for (int i = 0; i < 2; i++) {
		net.agent[i].gathered_n = 0;
		net.agent[i].all = false;
		ice_restart(net.agent[i].ice, i == 1, net.now);
		drain(&net, i);
		net.agent[i].pair.nominated = false;
		assert_true(ice_pair(net.agent[i].ice, &pair));
		assert_true(ice_accepts(net.agent[i].ice, pair.socket, &pair.remote));
	}
	assert_memory_not_equal(ufrag, ice_ufrag(net.agent[0].ice).p, ICE_UFRAG_N);
	run_until(&net, net.now + 100 * USEC_PER_MS);
	signal_to(&net, 0, &told[0]);
	signal_to(&net, 1, &told[1]);
	run_until(&net, net.now + USEC_PER_SEC);
	assert_true(net.agent[0].pair.nominated && net.agent[1].pair.nominated);
	assert_joined(&net);
	assert_true(ice_is_controlling(net.agent[1].ice));
	net_free(&net);
}

/* Requests as a peer would send them, by hand; `ufrag` and `pwd` NULL: our present ones. */
static bool request_as(struct net *net, const struct addr *from, const char *ufrag, const char *pwd, bool use_candidate,
		       struct stun_msg *m, char *store, uint32_t priority)
{
	static const uint8_t id[STUN_ID_N] = "by hand by h";
	char bytes[256], name[64];
	struct buf b, username;
	struct ice_do out;
	bool answered = false;

	buf_init(&username, name, sizeof(name));
	buf_put(&username, ufrag ? str_from(ufrag) : ice_ufrag(net->agent[1].ice));
	buf_put(&username, STR(":peer"));
	buf_init(&b, bytes, sizeof(bytes));
	stun_begin(&b, STUN_REQUEST, STUN_BINDING, id);
	stun_put(&b, STUN_USERNAME, buf_str(&username));
	stun_put_u32(&b, STUN_PRIORITY, priority);
	stun_put_u64(&b, STUN_ICE_CONTROLLING, 1);
	if (use_candidate)
		stun_put(&b, STUN_USE_CANDIDATE, STR_NONE);
	stun_end_integrity(&b, pwd ? str_from(pwd) : ice_pwd(net->agent[1].ice));
	stun_end_fingerprint(&b);
	ice_recv(net->agent[1].ice, 1, from, buf_str(&b), net->now);
	while (ice_next(net->agent[1].ice, &out)) {
		struct stun_msg got;

		if (out.kind != ICE_SEND || stun_parse(out.bytes, &got))
			continue;
		if (got.class == STUN_REQUEST) { /* its check on us: say yes */
			struct addr to = out.to;
			char answer[256];

			buf_init(&b, answer, sizeof(answer));
			stun_begin(&b, STUN_SUCCESS, STUN_BINDING, got.id);
			stun_put_addr(&b, STUN_XOR_MAPPED_ADDRESS, &net->agent[1].addrs[0]);
			stun_end_integrity(&b, STR("peerpeerpeerpeerpeerpeer"));
			stun_end_fingerprint(&b);
			ice_recv(net->agent[1].ice, 1, &to, buf_str(&b), net->now);
		} else if (memcmp(got.id, id, STUN_ID_N) == 0) {
			memcpy(store, out.bytes.p, out.bytes.n);
			answered = stun_parse(str_of(store, out.bytes.n), m) == ERR_NONE;
		}
	}
	return answered;
}

static bool request(struct net *net, const struct addr *from, const char *pwd, bool use_candidate, struct stun_msg *m,
		    char *store, uint32_t priority)
{
	return request_as(net, from, NULL, pwd, use_candidate, m, store, priority);
}

static void start_alone(struct net *net)
{
	net_init(net, 1);
	add_addr(net, 1, "192.0.2.2:5000");
	agent_start(net, 1, false);
	assert_int_equal(ice_set_remote(net->agent[1].ice, STR("peer"), STR("peerpeerpeerpeerpeerpeer"), false, NOW),
			 ERR_NONE);
}

static void a_stranger_without_the_password_opens_nothing(void **state)
{
	struct net net;
	struct stun_msg m;
	struct ice_pair pair;
	struct addr stranger = addr_v4(203, 0, 113, 66, 666);
	char store[600];
	int code;

	(void)state;
	start_alone(&net);
	assert_false(ice_accepts(net.agent[1].ice, 1, &stranger));
	assert_true(request(&net, &stranger, "guessedguessedguessed!", true, &m, store, 1));
	assert_true(stun_find_error(&m, &code, NULL));
	assert_int_equal(code, 401);
	assert_false(ice_pair(net.agent[1].ice, &pair));
	assert_false(ice_accepts(net.agent[1].ice, 1, &stranger));
	net_free(&net);
}

static void a_peers_check_is_enough_to_listen_to_it(void **state)
{
	struct net net;
	struct stun_msg m;
	struct ice_pair pair;
	struct addr peer = addr_v4(203, 0, 113, 1, 1000);
	char store[600];

	(void)state;
	start_alone(&net); /* its own check waits for Ta: nothing is valid yet */
	assert_true(request(&net, &peer, NULL, false, &m, store, 1));
	assert_int_equal(m.class, STUN_SUCCESS);
	assert_false(ice_pair(net.agent[1].ice, &pair));
	assert_true(ice_accepts(net.agent[1].ice, 1, &peer));
	assert_false(ice_accepts(net.agent[1].ice, 2, &peer));
	net_free(&net);
}

/* RFC 8445 9.: they keep consent to the pair in use alive, and are nothing else. */
static void checks_under_the_credentials_before_are_answered_and_teach_nothing(void **state)
{
	struct net net;
	struct stun_msg m;
	struct addr peer = addr_v4(203, 0, 113, 1, 1000);
	char store[600], ufrag[ICE_UFRAG_N + 1], pwd[ICE_PWD_N + 1];

	(void)state;
	start_alone(&net);
	assert_true(str_copy_z(ice_ufrag(net.agent[1].ice), ufrag, sizeof(ufrag)));
	assert_true(str_copy_z(ice_pwd(net.agent[1].ice), pwd, sizeof(pwd)));
	ice_restart(net.agent[1].ice, false, NOW);
	assert_true(request_as(&net, &peer, ufrag, pwd, true, &m, store, 1));
	assert_int_equal(m.class, STUN_SUCCESS);
	assert_false(ice_accepts(net.agent[1].ice, 1, &peer));
	ice_restart(net.agent[1].ice, false, NOW);
	assert_true(request_as(&net, &peer, ufrag, pwd, true, &m, store, 1));
	assert_int_equal(m.class, STUN_ERROR); /* that was two restarts ago */
	net_free(&net);
}

/* RFC 5245 8.1.1.2, RFC 8445 8.1.1: of several nominated the highest priority wins. */
static void an_aggressive_peer_is_followed_to_its_best_pair(void **state)
{
	struct net net;
	struct stun_msg m;
	struct ice_pair pair;
	struct addr low = addr_v4(203, 0, 113, 1, 1000), high = addr_v4(203, 0, 113, 2, 1000);
	char store[600];

	(void)state;
	start_alone(&net);
	request(&net, &low, NULL, true, &m, store, 1000);
	net.now += 20 * USEC_PER_MS;
	request(&net, &low, NULL, true, &m, store, 1000);
	assert_true(ice_pair(net.agent[1].ice, &pair));
	assert_true(addr_eq(&pair.remote, &low) && pair.nominated);
	net.now += 20 * USEC_PER_MS;
	request(&net, &high, NULL, true, &m, store, 2000);
	assert_true(ice_pair(net.agent[1].ice, &pair));
	assert_true(addr_eq(&pair.remote, &high) && pair.nominated);
	net_free(&net);
}

/* RFC 8445 6.1.1, 7.3.2: it answers and never asks; we control and nominate. */
static void a_lite_peer_is_joined_by_our_checks_alone(void **state)
{
	struct net net;
	struct stun_msg m;
	struct ice_pair pair;
	struct ice_candidate c = { .type = ICE_HOST, .addr = addr_v4(203, 0, 113, 9, 9), .priority = 2130706431 };
	struct ice_do out;
	bool use = false;

	(void)state;
	net_init(&net, 1);
	add_addr(&net, 1, "192.0.2.2:5000");
	agent_start(&net, 1, false);
	assert_int_equal(ice_set_remote(net.agent[1].ice, STR("lite"), STR("litelitelitelitelitelite"), true, NOW),
			 ERR_NONE);
	assert_true(ice_is_controlling(net.agent[1].ice));
	assert_int_equal(ice_add_remote(net.agent[1].ice, &c, NOW), ERR_NONE);
	ice_end_remote(net.agent[1].ice, NOW);
	for (int i = 0; i < 50; i++) {
		net.now += 5 * USEC_PER_MS;
		ice_tick(net.agent[1].ice, net.now);
		while (ice_next(net.agent[1].ice, &out)) {
			char store[600], answer[256];
			struct buf b;
			str value;

			if (out.kind != ICE_SEND || !addr_eq(&out.to, &c.addr))
				continue;
			memcpy(store, out.bytes.p, out.bytes.n);
			assert_int_equal(stun_parse(str_of(store, out.bytes.n), &m), ERR_NONE);
			assert_int_equal(stun_check(&m, STR("litelitelitelitelitelite")), ERR_NONE);
			use |= stun_find(&m, STUN_USE_CANDIDATE, &value);
			buf_init(&b, answer, sizeof(answer));
			stun_begin(&b, STUN_SUCCESS, STUN_BINDING, m.id);
			stun_put_addr(&b, STUN_XOR_MAPPED_ADDRESS, &net.agent[1].addrs[0]);
			stun_end_integrity(&b, STR("litelitelitelitelitelite"));
			stun_end_fingerprint(&b);
			ice_recv(net.agent[1].ice, 1, &c.addr, buf_str(&b), net.now);
		}
	}
	assert_true(use);
	assert_true(ice_pair(net.agent[1].ice, &pair) && pair.nominated);
	net_free(&net);
}

static void floods_of_candidates_stay_within_the_bounds(void **state)
{
	struct net net;
	enum err err = ERR_NONE;
	size_t taken = 0;

	(void)state;
	start_alone(&net);
	for (int i = 0; i < 300; i++) {
		struct ice_candidate c = { .type = ICE_HOST, .priority = (uint32_t)i };

		c.addr = addr_v4(203, 0, 113, 1, (uint16_t)(1000 + i));
		err = ice_add_remote(net.agent[1].ice, &c, NOW);
		taken += err == ERR_NONE;
	}
	assert_int_equal(err, ERR_FULL);
	assert_int_equal(taken, ICE_REMOTE_MAX);
	run_until(&net, NOW); /* and they are asked one by one, 5 ms apart */
	drain(&net, 1);
	assert_in_range(net.agent[1].sent, 1, 3);
	net_free(&net);
}

static void credentials_out_of_bounds_are_refused(void **state)
{
	struct net net;
	struct ice *ice;
	struct ice_candidate c = { .type = ICE_HOST };

	(void)state;
	net_init(&net, 1);
	add_addr(&net, 1, "192.0.2.2:5000");
	agent_start(&net, 1, false);
	ice = net.agent[1].ice;
	assert_int_equal(ice_set_remote(ice, STR("abc"), STR("peerpeerpeerpeerpeerpeer"), false, NOW), ERR_SYNTAX);
	assert_int_equal(ice_set_remote(ice, STR("abcd"), STR("short"), false, NOW), ERR_SYNTAX);
	assert_int_equal(ice_set_remote(ice, STR("ab:d"), STR("peerpeerpeerpeerpeerpeer"), false, NOW), ERR_SYNTAX);
	assert_int_equal(ice_set_remote(ice, STR("abcd"), STR("peerpeerpeerpeerpeerpeer"), false, NOW), ERR_NONE);
	assert_int_equal(ice_set_remote(ice, STR("efgh"), STR("peerpeerpeerpeerpeerpeer"), false, NOW), ERR_STATE);
	assert_int_equal(ice_add_remote(ice, &c, NOW), ERR_UNSUPPORTED); /* an mDNS name has no address here */
	assert_int_equal(ice_pwd(ice).n, ICE_PWD_N);
	assert_int_equal(ice_ufrag(ice).n, ICE_UFRAG_N);
	net_free(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_public_hosts_join_in_one_round_trip),
		cmocka_unit_test(ipv6_works_alike),
		cmocka_unit_test(two_hosts_behind_two_nats_join_by_their_reflexive_addresses),
		cmocka_unit_test(two_hosts_behind_one_nat_stay_inside),
		cmocka_unit_test(a_symmetric_nat_is_met_by_a_public_host),
		cmocka_unit_test(two_symmetric_nats_fail_and_say_so),
		cmocka_unit_test(checks_before_the_answer_join_with_it),
		cmocka_unit_test(loss_delays_but_does_not_prevent),
		cmocka_unit_test(two_controlling_sides_find_their_roles),
		cmocka_unit_test(candidates_may_trickle_in),
		cmocka_unit_test(a_better_pair_still_tried_delays_the_nomination_by_patience_only),
		cmocka_unit_test(consent_is_asked_for_and_its_loss_stops_us),
		cmocka_unit_test(a_restart_joins_anew_while_the_old_pair_goes_on),
		cmocka_unit_test(a_stranger_without_the_password_opens_nothing),
		cmocka_unit_test(a_peers_check_is_enough_to_listen_to_it),
		cmocka_unit_test(checks_under_the_credentials_before_are_answered_and_teach_nothing),
		cmocka_unit_test(an_aggressive_peer_is_followed_to_its_best_pair),
		cmocka_unit_test(a_lite_peer_is_joined_by_our_checks_alone),
		cmocka_unit_test(floods_of_candidates_stay_within_the_bounds),
		cmocka_unit_test(credentials_out_of_bounds_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
