#include "call/path.h"

#include "call/test_path.h"

static void ice_and_dtls_carry_packets_both_ways_through_loss(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct net net;

		net_init(&net, seed, SDP_DTLS, true);
		net.loss_percent = seed == 1 ? 0 : 20;
		net_open(&net);
		assert_true(net.side[0].gathered && net.side[1].gathered); /* no server to wait for */
		agree(&net, SDP_DTLS);
		run(&net, 20 * USEC_PER_SEC);
		for (int i = 0; i < 2; i++) {
			if (!net.side[i].connected)
				print_message("seed %d\n", (int)seed);
			assert_true(net.side[i].connected);
			assert_int_equal(net.side[i].way.security, SDP_DTLS);
			assert_true(net.side[i].way.ice);
			assert_int_equal(net.side[i].way.remote_kind, net.side[i].way.remote_kind);
		}
		assert_talks(&net);
		net_close(&net);
	}
}

static void a_lossless_path_stands_within_four_round_trips(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 1, SDP_DTLS, true);
	net_open(&net);
	agree(&net, SDP_DTLS);
	run(&net, 8 * ONE_WAY);
	assert_true(net.side[0].connected && net.side[1].connected);
	net_close(&net);
}

static void keys_from_the_description_carry_packets(void **state)
{
	struct net net;

	(void)state;
	for (int ice = 0; ice < 2; ice++) {
		net_init(&net, 1, SDP_SDES, ice);
		net_open(&net);
		agree(&net, SDP_SDES);
		run(&net, USEC_PER_SEC);
		assert_int_equal(net.side[0].way.security, SDP_SDES);
		assert_talks(&net);
		net_close(&net);
	}
}

static void plain_rtp_has_rtcp_one_port_above(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 1, SDP_PLAIN, false);
	net.side[0].settings.port_low = net.side[1].settings.port_low = 30001;
	net.side[0].settings.port_high = net.side[1].settings.port_high = 30999;
	net_open(&net);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(net.side[i].bound[0].port % 2, 0);
		assert_in_range(net.side[i].bound[0].port, 30001, 30999);
		assert_int_equal(net.side[i].bound[1].port, net.side[i].bound[0].port + 1);
	}
	agree(&net, SDP_PLAIN);
	assert_int_equal(net.side[0].connected, 1); /* at once */
	assert_talks(&net);
	net_close(&net);
}

/* A phone that knows no ICE answers an offer with it; RTCP then shares our socket but not theirs. */
static void ice_that_is_not_taken_is_plain_addresses(void **state)
{
	struct net net;
	struct sdp_offer_result r;

	(void)state;
	for (int security = SDP_PLAIN; security <= SDP_DTLS; security *= 2) {
		net_init(&net, 1, (unsigned)security, true);
		net.side[0].settings.locals[1] = addr_v4(192, 0, 2, 9, 0);
		net.side[0].settings.local_n = 2;
		net.side[1].settings.ice = false;
		net_open(&net);
		for (int i = 1; i >= 0; i--) {
			result_for(&net, i, (enum sdp_security)security, &r);
			r.ice = false;
			r.remote.rtcp_mux = false;
			if (i == 1)
				r.remote.rtcp = r.remote.rtp; /* a=rtcp:PORT, RFC 3605 */
			assert_int_equal(path_agree(net.side[i].path, &r, net.now), ERR_NONE);
			drain(&net, i);
		}
		run(&net, USEC_PER_SEC);
		assert_int_equal(net.side[0].connected, 1);
		assert_false(net.side[0].way.ice);
		assert_talks(&net);
		net_close(&net);
	}
}

static void multiplexed_rtcp_needs_one_socket(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 1, SDP_PLAIN, false);
	net.side[0].settings.rtcp_mux = net.side[1].settings.rtcp_mux = true;
	net_open(&net);
	assert_false(net.side[0].is_bound[1]);
	agree(&net, SDP_PLAIN);
	assert_talks(&net);
	net_close(&net);
}

static void a_taken_port_is_tried_elsewhere(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 1, SDP_PLAIN, false);
	net.side[0].settings.port_low = 30000;
	net.side[0].settings.port_high = 30999;
	net.side[0].refuse_binds = 5;
	net.side[1].refuse_binds = 1; /* any port, and that failed: no use in asking again */
	net_open(&net);
	assert_true(net.side[0].gathered);
	assert_true(net.side[1].failed);
	assert_int_equal(net.side[1].why, ERR_IO);
	net_close(&net);
}

static void a_phone_behind_a_nat_is_found_by_its_first_packet(void **state)
{
	struct net net;

	(void)state;
	for (int security = SDP_PLAIN; security <= SDP_SDES; security++) {
		net_init(&net, 1, (unsigned)security, false);
		net.side[0].settings.latch = true;
		net.nat = true;
		net_open(&net);
		agree(&net, (enum sdp_security)security);
		assert_int_equal(speak(&net, 1, 1), ERR_NONE);
		assert_int_equal(report(&net, 1), ERR_NONE);
		run(&net, ONE_WAY);
		assert_int_equal(net.side[0].rtp, 1);
		assert_int_equal(net.side[0].connected, 2); /* and says that the way has changed */
		assert_true(addr_eq_ip(&net.side[0].way.remote, &nat_outside));
		net.side[1].settings.latch = false;
		assert_int_equal(speak(&net, 0, 1), ERR_NONE);
		assert_int_equal(report(&net, 0), ERR_NONE);
		run(&net, ONE_WAY);
		assert_int_equal(net.side[1].rtp, 1);
		assert_int_equal(net.side[1].rtcp, 1);
		net_close(&net);
	}
}

static void stranger_sends(struct net *net, int to, str bytes)
{
	struct addr stranger = addr_v4(203, 0, 113, 66, 666);

	post(net, &stranger, &net->side[to].bound[0], bytes);
	run(net, ONE_WAY);
}

static void without_latching_only_the_signalled_address_is_heard(void **state)
{
	struct net net;
	uint8_t packet[256];
	size_t n = rtp(packet, 1);

	(void)state;
	net_init(&net, 1, SDP_PLAIN, false);
	net_open(&net);
	agree(&net, SDP_PLAIN);
	stranger_sends(&net, 0, str_of((char *)packet, n));
	assert_int_equal(net.side[0].rtp, 0);
	assert_int_equal(path_drops(net.side[0].path).strangers, 1);
	assert_talks(&net);
	net_close(&net);
}

static void who_was_latched_to_stays(void **state)
{
	struct net net;
	uint8_t packet[256];
	size_t n = rtp(packet, 1);

	(void)state;
	net_init(&net, 1, SDP_PLAIN, false);
	net.side[0].settings.latch = true;
	net_open(&net);
	agree(&net, SDP_PLAIN);
	assert_int_equal(speak(&net, 1, 1), ERR_NONE); /* from the signalled address: that is it */
	run(&net, ONE_WAY);
	stranger_sends(&net, 0, str_of((char *)packet, n));
	assert_int_equal(net.side[0].rtp, 1);
	assert_int_equal(net.side[0].connected, 1);
	net_close(&net);
}

static void latching_with_keys_takes_nobody_without_the_key(void **state)
{
	struct net net;
	uint8_t packet[256];
	size_t n = rtp(packet, 1);

	(void)state;
	net_init(&net, 1, SDP_SDES, false);
	net.side[0].settings.latch = true;
	net_open(&net);
	agree(&net, SDP_SDES);
	stranger_sends(&net, 0, str_of((char *)packet, n));
	assert_int_equal(path_drops(net.side[0].path).forged, 1);
	assert_talks(&net);
	net_close(&net);
}

static void with_ice_only_a_proved_source_is_heard(void **state)
{
	struct net net;
	uint8_t packet[256];
	size_t n = rtp(packet, 1);
	/* A ClientHello's first bytes; a stranger's, and before the peer's own. */
	static const char hello[] = "\x16\xfe\xff\0\0\0\0\0\0\0\0\0\x04\x01\0\0\0";

	(void)state;
	net_init(&net, 1, SDP_DTLS, true);
	net_open(&net);
	agree(&net, SDP_DTLS);
	stranger_sends(&net, 0, str_of(hello, sizeof(hello) - 1));
	assert_int_equal(path_drops(net.side[0].path).strangers, 1);
	run(&net, USEC_PER_SEC);
	assert_true(net.side[0].connected && net.side[1].connected);
	stranger_sends(&net, 0, str_of((char *)packet, n));
	assert_int_equal(path_drops(net.side[0].path).strangers, 2);
	assert_int_equal(net.side[0].rtp, 0);
	assert_talks(&net);
	net_close(&net);
}

/* A second DTLS client that races the true peer's from another address (RFC 5763 6.7.1's bidding too). */
static void a_strangers_handshake_cannot_take_the_path(void **state)
{
	struct net net;
	struct dtls_identity *other = dtls_identity_new(NOW);
	struct dtls_settings s = { .identity = other, .role = DTLS_ACTIVE };
	struct dtls *d;
	struct dtls_do out;

	(void)state;
	net_init(&net, 1, SDP_DTLS, true);
	net_open(&net);
	d = dtls_new(&s, NOW);
	for (usec at = 0; at < 10 * ONE_WAY; at += ONE_WAY / 2) {
		if (at == ONE_WAY)
			agree(&net, SDP_DTLS);
		dtls_tick(d, net.now);
		while (dtls_next(d, &out))
			if (out.kind == DTLS_SEND)
				stranger_sends(&net, 0, out.bytes);
		run(&net, ONE_WAY / 2);
	}
	run(&net, USEC_PER_SEC);
	assert_true(net.side[0].connected && net.side[1].connected);
	assert_talks(&net);
	dtls_free(d);
	dtls_identity_unref(other);
	net_close(&net);
}

static void a_replayed_packet_is_dropped(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 1, SDP_DTLS, true);
	net_open(&net);
	agree(&net, SDP_DTLS);
	run(&net, USEC_PER_SEC);
	assert_int_equal(speak(&net, 0, 5), ERR_NONE);
	net.flying[net.n] = net.flying[net.n - 1];
	net.n++;
	run(&net, ONE_WAY);
	assert_int_equal(net.side[1].rtp, 1);
	assert_int_equal(path_drops(net.side[1].path).replayed, 1);
	net_close(&net);
}

static void another_key_than_the_signalled_one_fails(void **state)
{
	struct net net;
	struct sdp_offer_result r;

	(void)state;
	net_init(&net, 1, SDP_DTLS, true);
	net_open(&net);
	for (int i = 0; i < 2; i++) {
		result_for(&net, i, SDP_DTLS, &r);
		r.remote.print.digest[3] ^= (uint8_t)(i == 1);
		assert_int_equal(path_agree(net.side[i].path, &r, net.now), ERR_NONE);
		drain(&net, i);
	}
	run(&net, 40 * USEC_PER_SEC);
	assert_true(net.side[1].failed);
	assert_int_equal(net.side[1].why, ERR_REFUSED);
	assert_int_equal(net.side[1].connected, 0);
	assert_int_equal(speak(&net, 1, 1), ERR_STATE);
	net_close(&net);
}

static void the_same_agreement_again_changes_nothing(void **state)
{
	struct net net;

	(void)state;
	for (int security = SDP_PLAIN; security <= SDP_DTLS; security *= 2) {
		net_init(&net, 1, (unsigned)security, security == SDP_DTLS);
		net_open(&net);
		agree(&net, (enum sdp_security)security);
		run(&net, USEC_PER_SEC);
		assert_talks(&net);
		agree(&net, (enum sdp_security)security);
		assert_int_equal(speak(&net, 0, 200), ERR_NONE);
		run(&net, ONE_WAY);
		assert_int_equal(net.side[1].last[3], 200);
		net_close(&net);
	}
}

static void an_old_packet_stays_old_after_the_same_agreement(void **state)
{
	struct net net;
	struct packet old;

	(void)state;
	net_init(&net, 1, SDP_SDES, false);
	net_open(&net);
	agree(&net, SDP_SDES);
	assert_int_equal(speak(&net, 0, 5), ERR_NONE);
	old = net.flying[net.n - 1];
	run(&net, ONE_WAY);
	agree(&net, SDP_SDES);
	old.at = net.now;
	net.flying[net.n++] = old;
	run(&net, ONE_WAY);
	assert_int_equal(net.side[1].rtp, 1);
	assert_int_equal(path_drops(net.side[1].path).replayed, 1);
	net_close(&net);
}

static void what_the_path_was_not_opened_for_is_refused(void **state)
{
	struct net net;
	struct sdp_offer_result r;

	(void)state;
	net_init(&net, 1, SDP_DTLS, true);
	net_open(&net);
	result_for(&net, 0, SDP_PLAIN, &r);
	assert_int_equal(path_agree(net.side[0].path, &r, NOW), ERR_UNSUPPORTED); /* no silent downgrade */
	result_for(&net, 0, SDP_DTLS, &r);
	memcpy(r.remote.print.hash, "sha-1", 6);
	assert_int_equal(path_agree(net.side[0].path, &r, NOW), ERR_UNSUPPORTED);
	result_for(&net, 0, SDP_DTLS, &r);
	assert_int_equal(path_agree(net.side[0].path, &r, NOW), ERR_NONE);
	memcpy(r.remote.ufrag, "other", 6);
	assert_int_equal(path_agree(net.side[0].path, &r, NOW), ERR_UNSUPPORTED); /* a restart unannounced */
	net_close(&net);
}

static void a_restart_finds_its_way_under_running_keys(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 1, SDP_DTLS, true);
	net_open(&net);
	agree(&net, SDP_DTLS);
	run(&net, USEC_PER_SEC);
	assert_talks(&net);
	for (int i = 0; i < 2; i++) {
		path_restart(net.side[i].path, i == 0, net.now);
		drain(&net, i);
	}
	assert_int_equal(speak(&net, 0, 150), ERR_NONE); /* media goes on meanwhile */
	run(&net, ONE_WAY);
	assert_int_equal(net.side[1].last[3], 150);
	agree(&net, SDP_DTLS);
	run(&net, USEC_PER_SEC);
	assert_int_equal(speak(&net, 0, 151), ERR_NONE);
	assert_int_equal(speak(&net, 1, 151), ERR_NONE);
	run(&net, ONE_WAY);
	assert_int_equal(net.side[0].last[3], 151);
	assert_int_equal(net.side[1].last[3], 151);
	net_close(&net);
}

static void silence_of_the_peer_is_noticed(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 1, SDP_DTLS, true);
	net_open(&net);
	agree(&net, SDP_DTLS);
	run(&net, 60 * USEC_PER_SEC);
	assert_false(net.side[0].failed);
	net.cut = true;
	run(&net, 31 * USEC_PER_SEC);
	assert_true(net.side[0].failed && net.side[1].failed);
	assert_int_equal(net.side[0].why, ERR_TIMEOUT);
	assert_int_equal(speak(&net, 0, 1), ERR_STATE); /* RFC 7675: no consent, no packets */
	net_close(&net);
}

static void a_silent_stun_server_delays_the_offer_by_a_moment_only(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 1, SDP_DTLS, true);
	net.side[0].settings.stun[0] = addr_v4(192, 0, 2, 200, 3478);
	net.side[0].settings.stun_n = 1;
	net_open(&net);
	assert_false(net.side[0].gathered);
	run(&net, 300 * USEC_PER_MS);
	assert_true(net.side[0].gathered);
	agree(&net, SDP_DTLS);
	run(&net, USEC_PER_SEC);
	assert_talks(&net);
	net_close(&net);
}

static void closing_one_side_tells_the_other(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 1, SDP_DTLS, true);
	net_open(&net);
	agree(&net, SDP_DTLS);
	run(&net, USEC_PER_SEC);
	path_close(net.side[0].path, net.now);
	drain(&net, 0);
	assert_false(net.side[0].is_bound[0]);
	run(&net, ONE_WAY);
	assert_true(net.side[1].failed);
	assert_int_equal(net.side[1].why, ERR_CLOSED);
	net_close(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ice_and_dtls_carry_packets_both_ways_through_loss),
		cmocka_unit_test(a_lossless_path_stands_within_four_round_trips),
		cmocka_unit_test(keys_from_the_description_carry_packets),
		cmocka_unit_test(plain_rtp_has_rtcp_one_port_above),
		cmocka_unit_test(ice_that_is_not_taken_is_plain_addresses),
		cmocka_unit_test(multiplexed_rtcp_needs_one_socket),
		cmocka_unit_test(a_taken_port_is_tried_elsewhere),
		cmocka_unit_test(a_phone_behind_a_nat_is_found_by_its_first_packet),
		cmocka_unit_test(without_latching_only_the_signalled_address_is_heard),
		cmocka_unit_test(who_was_latched_to_stays),
		cmocka_unit_test(latching_with_keys_takes_nobody_without_the_key),
		cmocka_unit_test(with_ice_only_a_proved_source_is_heard),
		cmocka_unit_test(a_strangers_handshake_cannot_take_the_path),
		cmocka_unit_test(a_replayed_packet_is_dropped),
		cmocka_unit_test(another_key_than_the_signalled_one_fails),
		cmocka_unit_test(the_same_agreement_again_changes_nothing),
		cmocka_unit_test(an_old_packet_stays_old_after_the_same_agreement),
		cmocka_unit_test(what_the_path_was_not_opened_for_is_refused),
		cmocka_unit_test(a_restart_finds_its_way_under_running_keys),
		cmocka_unit_test(silence_of_the_peer_is_noticed),
		cmocka_unit_test(a_silent_stun_server_delays_the_offer_by_a_moment_only),
		cmocka_unit_test(closing_one_side_tells_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
