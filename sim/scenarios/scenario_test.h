/*
 * sim/scenarios/scenario_test.h - the seed of a scenario, printed; SIM_SEED in the environment sets it, SIM_TRACE
 * prints all that happens. Included by scenarios only.
 */
#ifndef SIM_SCENARIOS_SCENARIO_TEST_H
#define SIM_SCENARIOS_SCENARIO_TEST_H

#include "base/test.h"
#include "sim/host.h"

#include <stdio.h>
#include <stdlib.h>

static inline void scenario_print(void *self, str line)
{
	(void)self;
	printf(STR_FMT "\n", STR_ARG(line));
}

/* `usual` unless the environment says otherwise. */
static inline struct sim_setup scenario_setup(uint64_t usual)
{
	const char *seed = getenv("SIM_SEED");
	struct sim_setup setup = { .seed = seed ? strtoull(seed, NULL, 0) : usual };
	printf("SIM_SEED=%llu\n", (unsigned long long)setup.seed);
	if (getenv("SIM_TRACE"))
		setup.trace = scenario_print;
	return setup;
}

#endif
