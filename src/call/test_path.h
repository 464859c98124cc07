/*
 * call/test_path.h - two media paths and the network between them, in virtual time, for tests.
 *
 * Included by x_test.c only.
 */
#ifndef CALL_TEST_PATH_H
#define CALL_TEST_PATH_H

#include "base/test.h"
#include "call/path.h"
#include "media/srtp.h"
#include "net/stun.h"

#include <stdlib.h>

#define NOW     ((usec)1800000000 * USEC_PER_SEC)
#define ONE_WAY (20 * USEC_PER_MS)
#define FLY_MAX 256
#define SOCKET  100

struct packet {
	usec at;
	struct addr from, to;
	size_t n;
	uint8_t bytes[1500];
};

/* Two paths and the network between them, in virtual time. */
struct net {
	struct rng rng;
	usec now;
	unsigned loss_percent;
	bool cut;
	bool nat; /* in front of side 1: its source addresses change, and only answers come in */
	struct packet flying[FLY_MAX];
	size_t n;
	struct side {
		struct path *path;
		struct path_settings settings;
		struct dtls_identity *identity;
		struct addr bound[PATH_SOCKET_MAX];
		bool is_bound[PATH_SOCKET_MAX];
		unsigned refuse_binds;
		bool gathered, failed;
		unsigned connected;
		struct media_path way;
		enum err why;
		unsigned rtp, rtcp;
		uint8_t last[1500];
		size_t last_n;
	} side[2];
};

static const struct addr nat_outside = { .family = 4, .port = 0, .ip = { 198, 51, 100, 7 } };

static void post(struct net *net, const struct addr *from, const struct addr *to, str bytes)
{
	struct packet *p = &net->flying[net->n];

	assert_true(net->n < FLY_MAX && bytes.n <= sizeof(p->bytes));
	*p = (struct packet){ .at = net->now + ONE_WAY, .from = *from, .to = *to, .n = bytes.n };
	memcpy(p->bytes, bytes.p, bytes.n);
	if (rng_below(&net->rng, 100) >= net->loss_percent)
		net->n++;
}

static void send_from(struct net *net, int i, const struct host_want *w)
{
	struct addr from = net->side[i].bound[w->id - SOCKET];

	if (i == 1 && net->nat) {
		uint16_t port = (uint16_t)(from.port + 10000);

		from = nat_outside;
		from.port = port;
	}
	post(net, &from, &w->remote, w->bytes);
}

static void tell(struct net *net, int i, struct host_event e)
{
	path_recv(net->side[i].path, &e, net->now);
}

static void carry_out(struct net *net, int i, const struct host_want *w)
{
	struct side *s = &net->side[i];
	size_t at = w->id - SOCKET;

	switch (w->kind) {
	case HOST_BIND:
		assert_int_equal(w->dscp, PATH_DSCP);
		if (s->refuse_binds) {
			s->refuse_binds--;
			tell(net, i, (struct host_event){ .kind = HOST_FAILED, .id = w->id, .err = ERR_BUSY });
			break;
		}
		s->bound[at] = w->local;
		if (!w->local.port)
			s->bound[at].port = (uint16_t)(20000 + rng_below(&net->rng, 10000) * 2);
		s->is_bound[at] = true;
		tell(net, i, (struct host_event){ .kind = HOST_BOUND, .id = w->id, .local = s->bound[at] });
		break;
	case HOST_UNBIND:
		assert_true(s->is_bound[at]);
		s->is_bound[at] = false;
		break;
	case HOST_SEND:
		assert_true(s->is_bound[at]);
		send_from(net, i, w);
		break;
	default:
		fail();
	}
}

static void drain(struct net *net, int i)
{
	struct side *s = &net->side[i];
	struct host_want want;
	struct path_do out;

	while (path_want(s->path, &want))
		carry_out(net, i, &want);
	while (path_next(s->path, &out)) {
		switch (out.kind) {
		case PATH_GATHERED:
			assert_false(s->gathered);
			s->gathered = true;
			break;
		case PATH_CONNECTED:
			s->connected++;
			s->way = out.way;
			break;
		case PATH_RTP:
		case PATH_RTCP:
			s->rtp += out.kind == PATH_RTP;
			s->rtcp += out.kind == PATH_RTCP;
			memcpy(s->last, out.bytes, out.n);
			s->last_n = out.n;
			break;
		case PATH_FAILED:
			s->failed = true;
			s->why = out.err;
			assert_non_null(out.text);
			break;
		}
	}
}

static void deliver(struct net *net, struct packet *p)
{
	if (net->nat && addr_eq_ip(&p->to, &nat_outside)) {
		p->to.port = (uint16_t)(p->to.port - 10000);
		memcpy(p->to.ip, net->side[1].bound[0].ip, sizeof(p->to.ip));
	} else if (net->nat && addr_eq_ip(&p->to, &net->side[1].bound[0])) {
		return;
	}
	for (int i = 0; i < 2; i++)
		for (size_t k = 0; k < PATH_SOCKET_MAX; k++)
			if (net->side[i].is_bound[k] && addr_eq(&net->side[i].bound[k], &p->to)) {
				char *exact = malloc(p->n);

				memcpy(exact, p->bytes, p->n);
				tell(net, i,
				     (struct host_event){ .kind = HOST_DATAGRAM,
							  .transport = TRANSPORT_UDP,
							  .id = SOCKET + (uint32_t)k,
							  .local = p->to,
							  .remote = p->from,
							  .bytes = { exact, p->n } });
				drain(net, i);
				free(exact);
				return;
			}
}

static bool step(struct net *net, usec until)
{
	usec next = usec_min(path_due(net->side[0].path), path_due(net->side[1].path));
	size_t first = net->n;

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
		if (path_due(net->side[i].path) <= net->now) {
			path_tick(net->side[i].path, net->now);
			drain(net, i);
			assert_true(path_due(net->side[i].path) > net->now);
		}
	return true;
}

static void run(struct net *net, usec span)
{
	usec until = net->now + span;

	while (step(net, until))
		;
	net->now = until;
}

static void net_init(struct net *net, uint64_t seed, unsigned security, bool ice)
{
	memset(net, 0, sizeof(*net));
	rng_seeded(&net->rng, seed);
	net->now = NOW;
	for (int i = 0; i < 2; i++) {
		struct side *s = &net->side[i];

		s->identity = dtls_identity_new(NOW);
		s->settings = (struct path_settings){ .locals = { addr_v4(192, 0, 2, (uint8_t)(i + 1), 0) },
						      .local_n = 1,
						      .socket = SOCKET,
						      .ice = ice,
						      .offerer = i == 0,
						      .security = security,
						      .identity = s->identity,
						      .rng = &net->rng };
	}
}

static void net_open(struct net *net)
{
	for (int i = 0; i < 2; i++) {
		net->side[i].path = path_new(&net->side[i].settings, net->now);
		assert_non_null(net->side[i].path);
		drain(net, i);
		assert_true(net->side[i].gathered || net->side[i].settings.ice || net->side[i].failed);
	}
}

static void net_close(struct net *net)
{
	for (int i = 0; i < 2; i++) {
		path_close(net->side[i].path, net->now);
		drain(net, i);
		for (size_t k = 0; k < PATH_SOCKET_MAX; k++)
			assert_false(net->side[i].is_bound[k]);
		path_free(net->side[i].path);
		dtls_identity_unref(net->side[i].identity);
	}
}

/* What side i would read out of offer and answer. */
static void result_for(struct net *net, int i, enum sdp_security security, struct sdp_offer_result *r)
{
	struct sdp_offer_end own;

	memset(r, 0, sizeof(*r));
	r->security = security;
	r->ice = net->side[i].settings.ice;
	r->we_are_controlling = i == 0;
	r->dtls_client = i == 1; /* RFC 5763 5.: the answerer is active */
	path_local(net->side[!i].path, &r->remote);
	path_local(net->side[i].path, &own);
	memcpy(r->local_sdes_key, own.sdes_key, sizeof(own.sdes_key));
	r->local_sdes_key_n = own.sdes_key_n;
}

static void agree(struct net *net, enum sdp_security security)
{
	struct sdp_offer_result r;

	for (int i = 1; i >= 0; i--) { /* the answerer knows first */
		result_for(net, i, security, &r);
		assert_int_equal(path_agree(net->side[i].path, &r, net->now), ERR_NONE);
		drain(net, i);
		if (i)
			run(net, ONE_WAY);
	}
}

static size_t rtp(uint8_t *packet, uint16_t sequence)
{
	memset(packet, 0, 172);
	packet[0] = 0x80;
	packet[2] = (uint8_t)(sequence >> 8);
	packet[3] = (uint8_t)sequence;
	packet[11] = 7;
	for (int i = 12; i < 172; i++)
		packet[i] = (uint8_t)(i ^ sequence);
	return 172;
}

static enum err speak(struct net *net, int i, uint16_t sequence)
{
	uint8_t packet[256];
	size_t n = rtp(packet, sequence);
	struct host_want want;
	enum err err = path_send(net->side[i].path, packet, n, sizeof(packet), &want);

	if (!err)
		send_from(net, i, &want);
	return err;
}

static enum err report(struct net *net, int i)
{
	uint8_t packet[64] = { 0x80, 201, 0, 1, 0, 0, 0, 7 };
	struct host_want want;
	enum err err = path_send_rtcp(net->side[i].path, packet, 8, sizeof(packet), &want);

	if (!err)
		send_from(net, i, &want);
	return err;
}

/* 50 packets a second each way; some are lost. */
static void talk(struct net *net, int packets)
{
	for (int k = 0; k < packets; k++) {
		for (int i = 0; i < 2; i++) {
			assert_int_equal(speak(net, i, (uint16_t)k), ERR_NONE);
			if (k % 50 == 49)
				assert_int_equal(report(net, i), ERR_NONE);
		}
		run(net, 20 * USEC_PER_MS);
	}
}

static void assert_talks(struct net *net)
{
	uint8_t want[256];

	net->loss_percent = 0;
	for (int i = 0; i < 2; i++)
		net->side[i].rtp = net->side[i].rtcp = 0;
	talk(net, 100);
	run(net, USEC_PER_SEC);
	rtp(want, 99);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(net->side[i].rtp, 100);
		assert_int_equal(net->side[i].rtcp, 2);
	}
	assert_int_equal(speak(net, 0, 100), ERR_NONE);
	run(net, ONE_WAY);
	rtp(want, 100);
	assert_int_equal(net->side[1].last_n, 172);
	assert_memory_equal(net->side[1].last, want, 172);
}

#endif
