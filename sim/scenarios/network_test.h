/*
 * sim/scenarios/network_test.h - a peer network in the simulation: login service and super node, and phones on it.
 *
 * Included by scenarios only.
 */
#ifndef SIM_SCENARIOS_NETWORK_TEST_H
#define SIM_SCENARIOS_NETWORK_TEST_H

#include "connect/peer_road.h"
#include "overlay/login.h"
#include "overlay/supernode.h"
#include "sim/scenarios/disk_test.h"
#include "sim/scenarios/phone_test.h"

#define NETWORK_NAME "net.example"
#define NETWORK_TLS  1 /* credential set of listeners; 2: of who opens */
#define NETWORK_OPEN 2

struct network {
	struct sim *world;
	struct sim_host *login_host, *node_host;
	struct disk disk; /* of the login service */
	struct overlay_network is;
	struct sign_pair authority;
	struct overlay_login *login;
	struct overlay_supernode *node;
};

static inline void network_server(struct network *n, struct sim_host *host, uint16_t port, struct overlay_server *out)
{
	struct buf b;
	char pin[72];
	str names[1];
	buf_init(&b, out->host, sizeof(out->host) - 1);
	addr_write_ip(sim_host_addr(host), false, &b);
	out->host[b.n] = 0;
	out->port = port;
	(void)n;
	rng_fill(sim_host_rng(host), out->pin, sizeof(out->pin));
	names[0] = overlay_pin_name(out->pin, pin);
	assert_int_equal(sim_host_tls(host, NETWORK_TLS, names, 1), ERR_NONE);
	assert_int_equal(sim_host_tls(host, NETWORK_OPEN, NULL, 0), ERR_NONE);
}

static inline void network_start_login(struct network *n)
{
	struct overlay_login_setup setup = { .network = n->is.name,
					     .authority = n->authority,
					     .tls = NETWORK_TLS,
					     .listen = *sim_host_addr(n->login_host),
					     .rng = sim_host_rng(n->login_host) };
	setup.listen.port = 5443;
	n->login = overlay_login_new(&setup, sim_now(n->world));
	assert_non_null(n->login);
	struct host_service s = overlay_login_service(n->login);
	assert_int_equal(sim_host_add(n->login_host, &s, 0), 0);
}

static inline void network_start_node(struct network *n)
{
	struct overlay_supernode_setup setup = { .network = n->is,
						 .tls = NETWORK_TLS,
						 .tls_out = NETWORK_OPEN,
						 .listen = *sim_host_addr(n->node_host),
						 .token_epoch = 1,
						 .rng = sim_host_rng(n->node_host) };
	setup.stun = setup.listen;
	setup.listen.port = 5444;
	setup.stun.port = 3478;
	memcpy(setup.pin, n->is.supernode[0].pin, sizeof(setup.pin));
	memset(setup.token_key, 7, sizeof(setup.token_key)); /* kept over restarts */
	n->node = overlay_supernode_new(&setup, sim_now(n->world));
	assert_non_null(n->node);
	struct host_service s = overlay_supernode_service(n->node);
	assert_int_equal(sim_host_add(n->node_host, &s, 0), 0);
}

static inline void network_start(struct network *n, struct sim *world)
{
	struct addr login = addr_v4(203, 0, 113, 1, 0), node = addr_v4(203, 0, 113, 2, 0);
	struct rng rng;
	memset(n, 0, sizeof(*n));
	n->world = world;
	n->login_host = sim_host_new(world, "login", &login, 1);
	n->node_host = sim_host_new(world, "node", &node, 1);
	rng_seeded(&rng, 99);
	sign_new(&n->authority, &rng);
	memcpy(n->is.authority, n->authority.key, sizeof(n->is.authority));
	assert_int_equal(overlay_domain_parse(STR(NETWORK_NAME), &n->is.name), ERR_NONE);
	n->is.login_n = n->is.supernode_n = 1;
	network_server(n, n->login_host, 5443, &n->is.login[0]);
	network_server(n, n->node_host, 5444, &n->is.supernode[0]);
	struct sim_keeper keeper = disk_start(&n->disk);
	sim_host_keeper(n->login_host, &keeper);
	network_start_login(n);
	network_start_node(n);
}

/* After the world. */
static inline void network_free(struct network *n)
{
	overlay_login_free(n->login);
	overlay_supernode_free(n->node);
	disk_free(&n->disk);
}

static inline void network_person(struct network *n, const char *name, const char *password)
{
	struct person_record person = { .name = str_from(name), .password = str_from(password) };
	disk_do(&n->disk, &(struct keeper_ask){
				  .kind = KEEPER_PERSON_ADD, .persons = &person, .n = 1, .now = sim_now(n->world) });
}

/* A node of `name`: by password, or by what it remembers. */
static inline struct peer_road *network_road(struct network *n, struct sim_host *host, const char *name,
					     const char *password, str state, uint32_t capabilities)
{
	struct peer_road *road;
	struct overlay_node_setup setup = { .network = &n->is,
					    .name = str_from(name),
					    .password = str_from(password),
					    .state = state,
					    .capabilities = capabilities,
					    .tls = NETWORK_OPEN,
					    .rng = sim_host_rng(host) };
	assert_int_equal(sim_host_tls(host, NETWORK_OPEN, NULL, 0), ERR_NONE);
	assert_int_equal(peer_road_new(&setup, sim_now(n->world), &road), ERR_NONE);
	return road;
}

/* A person's phone: ICE, DTLS-SRTP, Opus. */
struct peer {
	struct phone is;
	struct peer_road *road;
};

static inline void peer_start(struct peer *p, struct network *n, struct sim_host *host, const char *name,
			      const char *password, double hz)
{
	struct agent_settings s = phone_settings(host);
	p->road = network_road(n, host, name, password, STR_NONE, OVERLAY_AUDIO);
	s.road = peer_road_face(p->road);
	s.user = str_from(name);
	s.domain = STR(NETWORK_NAME);
	s.transport = TRANSPORT_TLS;
	s.listen = (struct addr){ 0 };
	s.wish.codecs[0] = CODEC_OPUS;
	s.wish.security = SDP_DTLS;
	s.wish.ice = true;
	s.wish.local = (struct addr){ 0 };
	phone_start(&p->is, n->world, host, &s, hz);
}

static inline void peer_free(struct peer *p)
{
	phone_free(&p->is);
	peer_road_free(p->road);
}

#endif
