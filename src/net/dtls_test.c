#include "net/dtls.h"

#include "base/test.h"

#include <stdlib.h>

#define NOW     ((usec)1800000000 * USEC_PER_SEC)
#define FLIGHTS 256
#define ONE_WAY (20 * USEC_PER_MS)

/* A network in virtual time: each datagram arrives ONE_WAY later, or is lost by the dice. */
struct datagram {
	usec at;
	int to;
	size_t n;
	uint8_t bytes[DTLS_MTU];
};

struct net {
	struct rng rng;
	usec now;
	unsigned loss_percent;
	unsigned drop_first; /* so many of side 0's datagrams are lost */
	struct datagram flying[FLIGHTS];
	size_t n;
	struct side {
		struct dtls *d;
		struct dtls_identity *identity;
		bool connected, closed;
		enum err failed;
		const struct dtls_keys *keys;
		size_t sent, longest;
	} side[2];
};

static void send_to(struct net *net, int to, str bytes)
{
	struct datagram *g = &net->flying[net->n];

	assert_true(bytes.n <= DTLS_MTU);
	assert_true(net->n < FLIGHTS);
	g->at = net->now + ONE_WAY;
	g->to = to;
	g->n = bytes.n;
	memcpy(g->bytes, bytes.p, bytes.n);
	net->n++;
}

static void drain(struct net *net, int i)
{
	struct side *s = &net->side[i];
	struct dtls_do out;

	while (dtls_next(s->d, &out)) {
		switch (out.kind) {
		case DTLS_SEND:
			s->sent++;
			if (out.bytes.n > s->longest)
				s->longest = out.bytes.n;
			if (i == 0 && net->drop_first) {
				net->drop_first--;
				break;
			}
			if (rng_below(&net->rng, 100) >= net->loss_percent)
				send_to(net, !i, out.bytes);
			break;
		case DTLS_CONNECTED:
			assert_false(s->connected);
			s->connected = true;
			s->keys = out.keys;
			break;
		case DTLS_FAILED:
			s->failed = out.err;
			break;
		case DTLS_CLOSED:
			s->closed = true;
			break;
		}
	}
}

static bool step(struct net *net, usec until)
{
	usec next = usec_min(dtls_due(net->side[0].d), dtls_due(net->side[1].d));
	size_t first = net->n;

	for (size_t i = 0; i < net->n; i++)
		if (net->flying[i].at < next || (net->flying[i].at == next && first == net->n)) {
			next = net->flying[i].at;
			first = i;
		}
	if (next > until || next == USEC_NEVER)
		return false;
	net->now = next;
	if (first < net->n) {
		struct datagram g = net->flying[first];

		memmove(&net->flying[first], &net->flying[first + 1], (--net->n - first) * sizeof(g));
		uint8_t *exact = malloc(g.n);
		memcpy(exact, g.bytes, g.n);
		dtls_recv(net->side[g.to].d, str_of((char *)exact, g.n), net->now);
		free(exact);
		drain(net, g.to);
		return true;
	}
	for (int i = 0; i < 2; i++)
		if (dtls_due(net->side[i].d) <= net->now) {
			dtls_tick(net->side[i].d, net->now);
			drain(net, i);
		}
	return true;
}

static void run_until(struct net *net, usec until)
{
	while (step(net, until))
		;
	net->now = until;
}

static void net_init(struct net *net, uint64_t seed)
{
	memset(net, 0, sizeof(*net));
	rng_seeded(&net->rng, seed);
	net->now = NOW;
	for (int i = 0; i < 2; i++)
		net->side[i].identity = dtls_identity_new(NOW);
}

static void open_side(struct net *net, int i, bool with_fingerprint, usec rtt)
{
	struct dtls_settings s = { .identity = net->side[i].identity,
				   .role = i == 0 ? DTLS_ACTIVE : DTLS_PASSIVE,
				   .rtt = rtt };

	net->side[i].d = dtls_new(&s, net->now);
	assert_non_null(net->side[i].d);
	if (with_fingerprint)
		assert_int_equal(dtls_set_fingerprint(net->side[i].d, dtls_identity_fingerprint(net->side[!i].identity),
						      net->now),
				 ERR_NONE);
	drain(net, i);
}

static void net_open(struct net *net)
{
	open_side(net, 1, true, 2 * ONE_WAY);
	open_side(net, 0, true, 2 * ONE_WAY);
}

static void net_free(struct net *net)
{
	for (int i = 0; i < 2; i++) {
		dtls_free(net->side[i].d);
		dtls_identity_unref(net->side[i].identity);
	}
}

static void assert_agreed(const struct net *net)
{
	const struct dtls_keys *a = net->side[0].keys, *b = net->side[1].keys;

	assert_true(net->side[0].connected && net->side[1].connected);
	assert_int_equal(a->profile, DTLS_SRTP_AEAD_AES_128_GCM);
	assert_int_equal(a->key_n, 16);
	assert_int_equal(a->salt_n, 12);
	assert_memory_equal(a->local_key, b->remote_key, 16);
	assert_memory_equal(a->remote_key, b->local_key, 16);
	assert_memory_equal(a->local_salt, b->remote_salt, 12);
	assert_memory_equal(a->remote_salt, b->local_salt, 12);
	assert_memory_not_equal(a->local_key, a->remote_key, 16);
}

static void both_sides_agree_on_keys_in_two_round_trips(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 1);
	net_open(&net);
	run_until(&net, NOW + 4 * ONE_WAY);
	assert_agreed(&net);
	assert_true(net.side[0].longest <= DTLS_MTU && net.side[1].longest <= DTLS_MTU);
	assert_true(dtls_due(net.side[0].d) == USEC_NEVER);
	net_free(&net);
}

static void flights_fit_a_small_mtu(void **state)
{
	struct net net;
	struct dtls_settings s = { .role = DTLS_ACTIVE, .mtu = 256 };

	(void)state;
	net_init(&net, 1);
	open_side(&net, 1, true, 0);
	s.identity = net.side[0].identity;
	net.side[0].d = dtls_new(&s, NOW);
	assert_int_equal(dtls_set_fingerprint(net.side[0].d, dtls_identity_fingerprint(net.side[1].identity), NOW),
			 ERR_NONE);
	drain(&net, 0);
	run_until(&net, NOW + USEC_PER_SEC);
	assert_agreed(&net);
	assert_true(net.side[0].longest <= 256);
	net_free(&net);
}

static void lost_flights_are_repeated(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct net net;

		net_init(&net, seed);
		net.loss_percent = 30;
		net_open(&net);
		run_until(&net, NOW + 29 * USEC_PER_SEC);
		if (!net.side[0].connected || !net.side[1].connected)
			print_message("seed %d\n", (int)seed);
		assert_agreed(&net);
		net_free(&net);
	}
}

static void the_first_repeat_comes_after_the_round_trip_and_not_a_second(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 1);
	net.drop_first = 1;
	net_open(&net);
	run_until(&net, NOW + 2 * 2 * ONE_WAY + 50 * USEC_PER_MS + 4 * ONE_WAY);
	assert_agreed(&net);
	net_free(&net);
}

static void silence_ends_it_in_time(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 1);
	net.loss_percent = 100;
	net_open(&net);
	run_until(&net, NOW + 29 * USEC_PER_SEC);
	assert_int_equal(net.side[0].failed, ERR_NONE);
	run_until(&net, NOW + 30 * USEC_PER_SEC);
	assert_int_equal(net.side[0].failed, ERR_TIMEOUT);
	assert_int_equal(net.side[1].failed, ERR_TIMEOUT);
	assert_in_range(net.side[0].sent, 5, 40);
	net_free(&net);
}

static void another_fingerprint_is_refused_by_either_side(void **state)
{
	(void)state;
	for (int wrong = 0; wrong < 2; wrong++) {
		struct net net;
		uint8_t other[DTLS_FINGERPRINT_N] = { 1, 2, 3 };

		net_init(&net, 1);
		open_side(&net, 1, wrong != 1, 0);
		if (wrong == 1)
			assert_int_equal(dtls_set_fingerprint(net.side[1].d, other, NOW), ERR_NONE);
		open_side(&net, 0, wrong != 0, 0);
		if (wrong == 0)
			assert_int_equal(dtls_set_fingerprint(net.side[0].d, other, NOW), ERR_NONE);
		run_until(&net, NOW + 40 * USEC_PER_SEC);
		assert_false(net.side[wrong].connected);
		assert_int_equal(net.side[wrong].failed, ERR_REFUSED);
		net_free(&net);
	}
}

static void connected_waits_for_the_fingerprint(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 1);
	open_side(&net, 1, false, 0);
	open_side(&net, 0, true, 0);
	run_until(&net, NOW + USEC_PER_SEC);
	assert_false(net.side[1].connected);
	assert_int_equal(dtls_set_fingerprint(net.side[1].d, dtls_identity_fingerprint(net.side[0].identity), net.now),
			 ERR_NONE);
	drain(&net, 1);
	assert_agreed(&net);
	net_free(&net);
}

static void a_late_wrong_fingerprint_is_refused(void **state)
{
	struct net net;
	uint8_t other[DTLS_FINGERPRINT_N] = { 1, 2, 3 };

	(void)state;
	net_init(&net, 1);
	open_side(&net, 1, false, 0);
	open_side(&net, 0, true, 0);
	run_until(&net, NOW + USEC_PER_SEC);
	assert_int_equal(dtls_set_fingerprint(net.side[1].d, other, net.now), ERR_NONE);
	drain(&net, 1);
	run_until(&net, NOW + 30 * USEC_PER_SEC);
	assert_false(net.side[1].connected);
	assert_int_equal(net.side[1].failed, ERR_REFUSED);
	net_free(&net);
}

/* A stranger's ClientHello, as if from the peer's own address. */
static void inject_hello(struct net *net)
{
	struct dtls_identity *stranger = dtls_identity_new(NOW);
	struct dtls_settings s = { .identity = stranger, .role = DTLS_ACTIVE };
	struct dtls *d = dtls_new(&s, net->now);
	struct dtls_do out;

	while (dtls_next(d, &out))
		if (out.kind == DTLS_SEND) {
			dtls_recv(net->side[1].d, out.bytes, net->now);
			drain(net, 1);
		}
	dtls_free(d);
	dtls_identity_unref(stranger);
}

static void a_strangers_hello_before_during_or_after_does_no_harm(void **state)
{
	(void)state;
	for (usec when = 0; when <= 6 * ONE_WAY; when += ONE_WAY / 2) {
		struct net net;

		net_init(&net, 1);
		open_side(&net, 1, true, 2 * ONE_WAY);
		if (when == 0)
			inject_hello(&net);
		net.n = 0; /* the stranger stands elsewhere: answers to it do not reach the true peer */
		open_side(&net, 0, true, 2 * ONE_WAY);
		run_until(&net, NOW + when);
		if (when) {
			size_t n = net.n;

			inject_hello(&net);
			net.n = n;
		}
		run_until(&net, NOW + 3 * USEC_PER_SEC);
		assert_agreed(&net);
		net_free(&net);
	}
}

/* The forged sender is the true peer: what we answer to the stranger reaches it. */
static void a_hello_forged_from_the_peers_own_address_does_no_harm_either(void **state)
{
	(void)state;
	for (usec when = ONE_WAY / 2; when <= 6 * ONE_WAY; when += ONE_WAY / 2) {
		struct net net;

		net_init(&net, 1);
		net_open(&net);
		run_until(&net, NOW + when);
		inject_hello(&net);
		run_until(&net, NOW + 10 * USEC_PER_SEC);
		assert_agreed(&net);
		net_free(&net);
	}
}

static void junk_and_forged_alerts_do_not_end_it(void **state)
{
	static const char alert[] = "\x15\xfe\xfd\0\0\0\0\0\0\0\x09\0\x02\x02\x28";
	struct net net;

	(void)state;
	for (usec when = 0; when <= 5 * ONE_WAY; when += ONE_WAY / 2) {
		net_init(&net, 1);
		net_open(&net);
		run_until(&net, NOW + when);
		for (int i = 0; i < 2; i++) {
			dtls_recv(net.side[i].d, STR("\x16\xfe\xfd garbage"), net.now);
			dtls_recv(net.side[i].d, str_of(alert, sizeof(alert) - 1), net.now);
			drain(&net, i);
		}
		run_until(&net, NOW + 20 * USEC_PER_SEC);
		assert_agreed(&net);
		net_free(&net);
	}
}

static void closing_is_heard_by_the_other_side(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, 1);
	net_open(&net);
	run_until(&net, NOW + USEC_PER_SEC);
	dtls_close(net.side[0].d);
	drain(&net, 0);
	assert_true(net.side[0].closed);
	run_until(&net, NOW + 2 * USEC_PER_SEC);
	assert_true(net.side[1].closed);
	net_free(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sides_agree_on_keys_in_two_round_trips),
		cmocka_unit_test(flights_fit_a_small_mtu),
		cmocka_unit_test(lost_flights_are_repeated),
		cmocka_unit_test(the_first_repeat_comes_after_the_round_trip_and_not_a_second),
		cmocka_unit_test(silence_ends_it_in_time),
		cmocka_unit_test(another_fingerprint_is_refused_by_either_side),
		cmocka_unit_test(connected_waits_for_the_fingerprint),
		cmocka_unit_test(a_late_wrong_fingerprint_is_refused),
		cmocka_unit_test(a_strangers_hello_before_during_or_after_does_no_harm),
		cmocka_unit_test(a_hello_forged_from_the_peers_own_address_does_no_harm_either),
		cmocka_unit_test(junk_and_forged_alerts_do_not_end_it),
		cmocka_unit_test(closing_is_heard_by_the_other_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
