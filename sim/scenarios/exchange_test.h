/*
 * sim/scenarios/exchange_test.h - a PBX in the simulation, on one or several workers, with a disk; and desk phones.
 *
 * Included by scenarios only.
 */
#ifndef SIM_SCENARIOS_EXCHANGE_TEST_H
#define SIM_SCENARIOS_EXCHANGE_TEST_H

#include "pbx/server.h"
#include "sim/scenarios/disk_test.h"
#include "sim/scenarios/phone_test.h"
#include "sip/transport.h"

#define EXCHANGE_DOMAIN  "acme.example"
#define EXCHANGE_WORKERS 4

struct exchange {
	struct sim *world;
	struct sim_host *host;
	struct disk disk;
	unsigned worker_n;
	str domain;     /* empty: EXCHANGE_DOMAIN */
	bool relay_any; /* its users may call other domains */
	bool open;      /* nobody is asked for a password */
	str trunk;
	const str *networks;
	size_t network_n;
	struct pbx_listener listeners[5];
	struct pbx_server *workers[EXCHANGE_WORKERS];
};

/* Starts the program: at first, and after a kill. */
static inline void exchange_run(struct exchange *x)
{
	for (unsigned i = 0; i < x->worker_n; i++) {
		struct pbx_config c = pbx_config_default();
		c.rng = sim_host_rng(x->host);
		c.worker = (uint16_t)i;
		c.worker_n = (uint16_t)x->worker_n;
		c.domain = x->domain;
		c.relay_any = x->relay_any;
		c.auth = !x->open;
		c.trunk = x->trunk;
		c.networks = x->networks;
		c.network_n = x->network_n;
		memset(c.key, 5, sizeof(c.key)); /* kept over restarts, as cmd does */
		c.listeners = x->listeners;
		c.listener_n = 5;
		x->workers[i] = pbx_server_new(&c);
		assert_non_null(x->workers[i]);
		struct host_service s = pbx_server_service(x->workers[i]);
		assert_int_equal(sim_host_add(x->host, &s, SIM_SHARES), i);
	}
}

static inline void exchange_start(struct exchange *x, struct sim *world, struct addr at, unsigned worker_n)
{
	static const enum transport transports[] = { TRANSPORT_UDP, TRANSPORT_TCP, TRANSPORT_TLS, TRANSPORT_WS,
						     TRANSPORT_WSS };
	str name = x->domain.n ? x->domain : STR(EXCHANGE_DOMAIN);
	x->domain = name;
	x->world = world;
	x->worker_n = worker_n;
	x->host = sim_host_new(world, "pbx", &at, 1);
	assert_non_null(x->host);
	assert_int_equal(sim_name_add(world, name, &at), ERR_NONE);
	assert_int_equal(sim_host_tls(x->host, 1, &name, 1), ERR_NONE);
	for (size_t i = 0; i < 5; i++) {
		x->listeners[i] = (struct pbx_listener){ .transport = transports[i], .local = at };
		x->listeners[i].local.port = sip_transport_port(transports[i]);
		x->listeners[i].tls = transport_is_secure(transports[i]);
	}
	struct sim_keeper keeper = disk_start(&x->disk);
	sim_host_keeper(x->host, &keeper);
	exchange_run(x);
}

static inline void exchange_free_workers(struct exchange *x)
{
	for (unsigned i = 0; i < x->worker_n; i++)
		pbx_server_free(x->workers[i]);
}

/* kill -9, and the same program again `span` later. */
static inline void exchange_kill_and_restart(struct exchange *x, usec span)
{
	sim_host_kill(x->host, false);
	sim_run(x->world, sim_now(x->world) + span);
	sim_host_restart(x->host);
	exchange_free_workers(x);
	exchange_run(x);
}

/* After the world. */
static inline void exchange_free(struct exchange *x)
{
	exchange_free_workers(x);
	disk_free(&x->disk);
}

static inline void exchange_account(struct exchange *x, const char *name, const char *password)
{
	struct user_record user = { .name = str_from(name), .domain = x->domain, .password = str_from(password) };
	disk_do(&x->disk,
		&(struct keeper_ask){ .kind = KEEPER_USER_ADD, .users = &user, .n = 1, .now = sim_now(x->world) });
}

/* A desk phone that registers with it: G.711, SDES or plain. */
static inline void exchange_phone(struct exchange *x, struct phone *p, const char *user, const char *password,
				  struct addr at, enum transport transport, double hz)
{
	struct sim_host *host = sim_host_new(x->world, user, &at, 1);
	assert_non_null(host);
	assert_int_equal(sim_host_tls(host, 2, NULL, 0), ERR_NONE);
	struct agent_settings s = phone_settings(host);
	s.user = str_from(user);
	s.domain = x->domain;
	s.password = str_from(password);
	s.transport = transport;
	s.tls = 2;
	s.registers = true;
	s.wish.security = SDP_SDES | SDP_PLAIN;
	if (transport == TRANSPORT_UDP)
		s.listen.port = 5060;
	phone_start(p, x->world, host, &s, hz);
}

/* How many call records the store has; the newest's into *last where that is not NULL (texts cut off). */
static inline size_t exchange_records(struct exchange *x, usec *talk)
{
	struct call_record any = { 0 };
	struct keeper_answer *a = disk_ask(
		&x->disk,
		&(struct keeper_ask){
			.kind = KEEPER_CALL_LIST, .calls = &any, .n = 1, .limit = 100, .now = sim_now(x->world) });
	assert_int_equal(a->err, ERR_NONE);
	size_t n = a->n;
	if (talk && n)
		*talk = a->calls[n - 1].answer ? a->calls[n - 1].end - a->calls[n - 1].answer : 0;
	keeper_answer_free(a);
	return n;
}

#endif
