/*
 * sim/host.h - a machine of the simulated internet, with addresses and services.
 *
 * Carries out every want of base/host.h with the promises of io/driver (among them:
 * exactly one CLOSED, WRITE right after OPEN, SHARES). Streams lose nothing but time, and each WRITE is one
 * BYTES, as WS and WSS ask;
 * TLS is a stream with a handshake round trip more, equal random `binding` at both
 * ends, and the name checked against what sim_host_tls() says the listener bears.
 * TELL takes 50 us, RESOLVE 5 ms, a question to the keeper 2 ms: half of it before it is
 * carried out, so that a kill may come before or behind the COMMIT.
 */
#ifndef SIM_HOST_H
#define SIM_HOST_H

#include "base/host.h"
#include "sim/sim.h"

struct keeper_ask;
struct keeper_answer;

#define SIM_ADDRS_MAX 4

/* ERR: NULL: no memory, SIM_HOSTS_MAX, or an address that another host has. The name is for the trace. */
struct sim_host *sim_host_new(struct sim *, const char *name, const struct addr *addrs, size_t n);
const struct addr *sim_host_addr(const struct sim_host *); /* the first, port 0 */
/* Its own random source, from the world's seed: for its services. */
struct rng *sim_host_rng(struct sim_host *);

/* A scenario that used a verb of a service from outside (agent_dial) says so: its wants are asked for, its deadline
 * too. */
void sim_host_drain(struct sim_host *);

enum sim_flag { SIM_SHARES = 1 /* as DRIVER_SHARES */ };

/* A service that starts now; returns its number on this host, 0 ... UINT32_MAX: no memory. The service is the
 * caller's and must live until the world or the host's run has ended. */
uint32_t sim_host_add(struct sim_host *, const struct host_service *, unsigned flags);

/* Who answers HOST_ASK; outlives kills, as a disk does. The answer is freed with keeper_answer_free, the
 * question with keeper_ask_free. */
struct sim_keeper {
	void *self;
	struct keeper_answer *(*answer)(void *self, struct keeper_ask *);
};
void sim_host_keeper(struct sim_host *, const struct sim_keeper *);

/* Credential set `tls` (1 .. 15) of this host bears these names: DNS names, or pins "sha256:HEX". At most 4. A set
 * without names is one to open streams with. ERR_FULL, ERR_MEMORY. */
MUST_CHECK enum err sim_host_tls(struct sim_host *, uint16_t tls, const str *names, size_t n);

/* Every service hears HOST_STOPPING. */
void sim_host_stop(struct sim_host *);
bool sim_host_has_stopped(const struct sim_host *); /* all services want HOST_STOP */
/* The end without a word: services hear and are asked nothing more, and may be freed. `power`: the machine
 * itself is gone and nobody says so to the others; else only the process is, and its kernel resets the streams and
 * refuses datagrams. */
void sim_host_kill(struct sim_host *, bool power);
/* After a kill, or after all have stopped: no services, no sockets, the same addresses, keeper and links. */
void sim_host_restart(struct sim_host *);

/* Figures of a host, for scenarios. */
struct sim_figures {
	uint64_t datagrams_out, datagrams_in, lost; /* lost: on the way from here */
	uint64_t bytes_out, bytes_in;               /* datagrams and streams */
	uint32_t streams;                           /* ends of streams alive */
};
struct sim_figures sim_host_figures(const struct sim_host *);

#endif
