/*
 * sim/scenarios/disk_test.h - a keeper for simulated hosts: the real clerk over SQLite in memory, asked in place.
 *
 * It outlives kills of its host, as a disk does. Included by scenarios only.
 */
#ifndef SIM_SCENARIOS_DISK_TEST_H
#define SIM_SCENARIOS_DISK_TEST_H

#include "io/db/sqlite.h"
#include "sim/scenarios/scenario_test.h"
#include "store/clerk.h"

struct disk {
	struct db *db;
	struct store_clerk *clerk;
	unsigned asked[KEEPER_KIND_N], failed;
};

static inline struct keeper_answer *disk_answer(void *self, struct keeper_ask *ask)
{
	struct disk *d = self;
	struct keeper_answer *a = store_clerk_answer(d->clerk, ask, password_cost_least());
	assert_non_null(a);
	d->asked[ask->kind]++;
	d->failed += a->err != ERR_NONE;
	return a;
}

static inline struct sim_keeper disk_start(struct disk *d)
{
	char why[200];
	memset(d, 0, sizeof(*d));
	assert_int_equal(db_sqlite_open(&(struct db_sqlite_setup){ .path = ":memory:" }, &d->db, why, sizeof(why)),
			 ERR_NONE);
	d->clerk = store_clerk_new(d->db);
	assert_non_null(d->clerk);
	return (struct sim_keeper){ d, disk_answer };
}

/* From outside, as `tandem admin` would. The answer is the caller's. */
static inline struct keeper_answer *disk_ask(struct disk *d, const struct keeper_ask *model)
{
	struct keeper_ask *ask = keeper_ask_new(model);
	assert_non_null(ask);
	struct keeper_answer *a = disk_answer(d, ask);
	keeper_ask_free(ask);
	return a;
}

static inline void disk_do(struct disk *d, const struct keeper_ask *model)
{
	struct keeper_answer *a = disk_ask(d, model);
	assert_int_equal(a->err, ERR_NONE);
	keeper_answer_free(a);
}

static inline void disk_free(struct disk *d)
{
	store_clerk_free(d->clerk);
	d->db->driver->free(d->db);
}

#endif
