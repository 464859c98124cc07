/*
 * sim/sim.h - an internet of hosts in one process, under virtual time, from a seed.
 *
 * Runs the same services as io/driver (base/host.h), object code and all. Nothing
 * waits: sim_run() goes from event to event. With the same seed, services and calls
 * everything happens again exactly so; sim_digest() tells two runs apart. (Keys that
 * a library draws from the system are outside of that: setup.sizes_only.)
 *
 *     struct sim *world = sim_new(&(struct sim_setup){ .seed = 1 });
 *     struct sim_host *pbx = sim_host_new(world, "pbx", &addr, 1);
 *     sim_host_add(pbx, &service, 0);
 *     sim_run(world, sim_now(world) + 10 * USEC_PER_SEC);
 *
 * Hosts are in sim/host.h, what is between them in sim/link.h.
 * NAT (a later issue) comes as a property of a host: its datagrams and segments then
 * pass a translation table of RFC 4787 kinds where sim/host.c now looks the
 * addresses up (route()); services and scenarios do not change.
 *
 * Memory: what is handed over is copied unless it says otherwise. Thread: its owner's; worlds are independent.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "base/addr.h"
#include "base/err.h"
#include "base/host.h"
#include "base/rng.h"
#include "base/str.h"
#include "base/time.h"
#include "sim/link.h"

struct sim;
struct sim_host;

#define SIM_HOSTS_MAX  200000
#define SIM_EVENTS_MAX (1u << 22) /* waiting at a time; beyond, datagrams are lost and streams break */

struct sim_setup {
	uint64_t seed;
	usec start;      /* what the clock shows at first; 0: 2026-01-01 */
	bool sizes_only; /* the digest counts how long things are, not what is in them */
	/* Each thing that happens, as a line without its end; NULL: not wanted. */
	void (*trace)(void *self, str line);
	void *self;
};

struct sim *sim_new(const struct sim_setup *); /* NULL: no memory */
/* And all its hosts; the services are the caller's. */
void sim_free(struct sim *);
usec sim_now(const struct sim *);
/* Everything up to and including `until`; the clock then shows `until`. */
void sim_run(struct sim *, usec until);
/* The same, until done(self) is true, asked after each event; false: it was not by `until`. */
MUST_CHECK bool sim_run_until(struct sim *, bool (*done)(void *self), void *self, usec until);
/* Of all that has happened so far. */
uint64_t sim_digest(const struct sim *);

/* Between any two hosts without a link of their own. At first sim_link_plain. */
void sim_link_default(struct sim *, const struct sim_link *);
/* Between these two, from now on. ERR_MEMORY. */
MUST_CHECK enum err sim_link_set(struct sim_host *, struct sim_host *, const struct sim_link *);
/* What a name server would say; the same name may have several addresses. ERR_MEMORY. */
MUST_CHECK enum err sim_name_add(struct sim *, str name, const struct addr *);
/* The same for HOST_SRV and HOST_NAPTR. */
MUST_CHECK enum err sim_record_add(struct sim *, enum host_question, str name, const struct host_record *);

#endif
