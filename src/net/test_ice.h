/*
 * net/test_ice.h - an internet in virtual time for tests of ICE: hosts, NATs, a STUN server, delay and loss.
 *
 * Included by x_test.c only.
 */
#ifndef NET_TEST_ICE_H
#define NET_TEST_ICE_H

#include "base/test.h"
#include "net/ice.h"
#include "net/stun.h"
#include "net/stun_server.h"

#include <stdlib.h>

#define NOW     ((usec)1800000000 * USEC_PER_SEC)
#define ONE_WAY (20 * USEC_PER_MS)
#define FLY_MAX 512
#define MAP_MAX 64

/*
 * An internet in virtual time. Hosts with addresses 10.N.x.x live behind NAT number N (public address
 * 198.51.100.N), all others are public. A NAT keeps one mapping per inside address (or, symmetric, one
 * per destination too) and lets in only who was sent to (address and port, RFC 4787 5.).
 */
struct packet {
	usec at;
	struct addr from, to;
	size_t n;
	uint8_t bytes[600];
};

struct map {
	struct addr inside, outside, sent_to; /* one entry for each destination */
};

struct agent {
	struct ice *ice;
	struct addr addrs[4];
	size_t addr_n;
	struct ice_candidate gathered[ICE_LOCAL_MAX];
	size_t gathered_n;
	bool all, connected, failed;
	usec connected_at, nominated_at;
	struct ice_pair pair;
	enum err why;
	unsigned sent;
};

struct net {
	struct rng rng;
	usec now;
	unsigned loss_percent;
	bool symmetric[4]; /* by NAT number */
	bool cut;          /* nothing arrives */
	struct packet flying[FLY_MAX];
	size_t n;
	struct map maps[MAP_MAX];
	size_t map_n;
	uint16_t next_port;
	struct agent agent[2];
	struct addr server;
	struct stun_server stun;
	bool trickle; /* candidates go over as they are found, 2 * ONE_WAY later */
	usec answer_delay;
};

static int nat_of(const struct addr *a)
{
	return a->family == 4 && a->ip[0] == 10 ? a->ip[1] : 0;
}

static bool same_net(const struct addr *a, const struct addr *b)
{
	return nat_of(a) == nat_of(b);
}

static struct addr go_out(struct net *net, const struct addr *from, const struct addr *to)
{
	int nat = nat_of(from);
	struct addr outside = { 0 };

	if (!nat || same_net(from, to))
		return *from;
	for (size_t i = 0; i < net->map_n; i++) {
		const struct map *m = &net->maps[i];

		if (!addr_eq(&m->inside, from))
			continue;
		if (addr_eq(&m->sent_to, to))
			return m->outside;
		if (!net->symmetric[nat])
			outside = m->outside;
	}
	if (!addr_is_set(&outside))
		outside = addr_v4(198, 51, 100, (uint8_t)nat, net->next_port++);
	assert_true(net->map_n < MAP_MAX);
	net->maps[net->map_n++] = (struct map){ .inside = *from, .outside = outside, .sent_to = *to };
	return outside;
}

static void send_packet(struct net *net, const struct addr *from, const struct addr *to, str bytes)
{
	struct packet *p = &net->flying[net->n];

	if (nat_of(to) && !same_net(from, to))
		return; /* a private address of somebody else */
	assert_true(net->n < FLY_MAX && bytes.n <= sizeof(p->bytes));
	p->from = go_out(net, from, to);
	p->to = *to;
	p->at = net->now + ONE_WAY;
	p->n = bytes.n;
	memcpy(p->bytes, bytes.p, bytes.n);
	if (rng_below(&net->rng, 100) >= net->loss_percent)
		net->n++;
}

static void drain(struct net *net, int i)
{
	struct agent *a = &net->agent[i];
	struct ice_do out;

	while (ice_next(a->ice, &out)) {
		switch (out.kind) {
		case ICE_SEND:
			a->sent++;
			send_packet(net, &a->addrs[out.socket - 1], &out.to, out.bytes);
			break;
		case ICE_GATHERED:
			assert_false(a->all);
			a->gathered[a->gathered_n++] = out.candidate;
			break;
		case ICE_GATHERED_ALL:
			a->all = true;
			break;
		case ICE_CONNECTED:
			if (!a->connected)
				a->connected_at = net->now;
			if (out.pair.nominated && !a->pair.nominated)
				a->nominated_at = net->now;
			a->connected = true;
			a->failed = false;
			a->pair = out.pair;
			break;
		case ICE_FAILED:
			a->failed = true;
			a->why = out.err;
			break;
		}
	}
}

static void deliver(struct net *net, struct packet *p)
{
	struct addr to = p->to;

	if (addr_eq(&to, &net->server)) {
		char store[STUN_SERVER_ANSWER_MAX];
		struct buf b;

		buf_init(&b, store, sizeof(store));
		if (stun_server_recv(&net->stun, &p->from, str_of((char *)p->bytes, p->n), &b, net->now))
			send_packet(net, &net->server, &p->from, buf_str(&b));
		return;
	}
	for (size_t i = 0; i < net->map_n; i++) /* a NAT's outside: only for those who were sent to */
		if (addr_eq(&net->maps[i].outside, &p->to) && addr_eq(&net->maps[i].sent_to, &p->from))
			to = net->maps[i].inside;
	for (int i = 0; i < 2; i++)
		for (size_t k = 0; k < net->agent[i].addr_n; k++)
			if (addr_eq(&net->agent[i].addrs[k], &to) && net->agent[i].ice) {
				char *exact = malloc(p->n);

				memcpy(exact, p->bytes, p->n);
				ice_recv(net->agent[i].ice, (uint32_t)k + 1, &p->from, str_of(exact, p->n), net->now);
				free(exact);
				drain(net, i);
			}
}

static usec due(const struct net *net, int i)
{
	return net->agent[i].ice ? ice_due(net->agent[i].ice) : USEC_NEVER;
}

static bool step(struct net *net, usec until)
{
	usec next = USEC_NEVER;
	size_t first = net->n;

	for (int i = 0; i < 2; i++)
		next = usec_min(next, due(net, i));
	for (size_t i = 0; i < net->n; i++)
		if (net->flying[i].at < next || (net->flying[i].at == next && first == net->n)) {
			next = net->flying[i].at;
			first = i;
		}
	if (next > until)
		return false;
	net->now = next > net->now ? next : net->now;
	if (first < net->n) {
		struct packet p = net->flying[first];

		memmove(&net->flying[first], &net->flying[first + 1], (--net->n - first) * sizeof(p));
		if (!net->cut)
			deliver(net, &p);
		return true;
	}
	for (int i = 0; i < 2; i++)
		if (due(net, i) <= net->now) {
			ice_tick(net->agent[i].ice, net->now);
			assert_true(due(net, i) > net->now); /* a tick does its work */
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
	net->next_port = 30000;
	net->server = addr_v4(192, 0, 2, 200, 3478);
	stun_server_init(&net->stun, 1000, NOW);
}

static void add_addr(struct net *net, int i, const char *text)
{
	struct agent *a = &net->agent[i];

	assert_int_equal(addr_parse(str_from(text), 0, &a->addrs[a->addr_n++]), ERR_NONE);
}

static void agent_start(struct net *net, int i, bool controlling)
{
	struct agent *a = &net->agent[i];
	struct ice_settings s = {
		.controlling = controlling, .rng = &net->rng, .servers = { net->server }, .server_n = 1
	};

	a->ice = ice_new(&s, net->now);
	for (size_t k = 0; k < a->addr_n; k++)
		assert_int_equal(ice_add_local(a->ice, (uint32_t)k + 1, &a->addrs[k], net->now), ERR_NONE);
	ice_end_local(a->ice, net->now);
	drain(net, i);
}

/* What `from` has gathered so far becomes known to the other. */
static void signal_to(struct net *net, int to, size_t *told)
{
	struct agent *a = &net->agent[to], *b = &net->agent[!to];

	assert_int_equal(ice_set_remote(a->ice, ice_ufrag(b->ice), ice_pwd(b->ice), false, net->now), ERR_NONE);
	for (; *told < b->gathered_n; (*told)++)
		(void)!ice_add_remote(a->ice, &b->gathered[*told], net->now);
	if (b->all)
		ice_end_remote(a->ice, net->now);
	drain(net, to);
}

/* Gathers, offers, answers; then runs for `span`. */
static void call(struct net *net, usec span)
{
	size_t told[2] = { 0 };

	agent_start(net, 0, true);
	agent_start(net, 1, false);
	run_until(net, net->now + 100 * USEC_PER_MS);
	signal_to(net, 1, &told[1]); /* the offer */
	run_until(net, net->now + net->answer_delay);
	signal_to(net, 0, &told[0]); /* the answer */
	run_until(net, net->now + span);
}

static void net_free(struct net *net)
{
	ice_free(net->agent[0].ice);
	ice_free(net->agent[1].ice);
}

static void assert_joined(struct net *net)
{
	struct ice_pair a, b;

	assert_true(ice_pair(net->agent[0].ice, &a) && ice_pair(net->agent[1].ice, &b));
	assert_true(a.nominated && b.nominated);
	/* Each sends to where the other is seen, from the very flow that the other takes. */
	assert_true(addr_eq(&a.remote, &b.mapped));
	assert_true(addr_eq(&b.remote, &a.mapped));
	assert_true(ice_accepts(net->agent[0].ice, a.socket, &a.remote));
	assert_true(ice_accepts(net->agent[1].ice, b.socket, &b.remote));
}

#endif
