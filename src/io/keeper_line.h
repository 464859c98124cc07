/*
 * io/keeper_line.h - ties io/keeper to io/driver.
 *
 *     keeper_start(&(struct keeper_setup){ .path = path, .log = log }, &line.keeper, why, sizeof(why));
 *     line.driver = driver_new(&(struct driver_setup){ .keeper = keeper_line(&line), ... });
 *     driver_run(line.driver);
 *     keeper_stop(line.keeper);     first, for it may still answer
 *     driver_free(line.driver);
 */
#ifndef IO_KEEPER_LINE_H
#define IO_KEEPER_LINE_H

#include "io/driver.h"
#include "io/keeper.h"

struct keeper_line {
	struct keeper *keeper;
	struct driver *driver;
};

/* The line must outlive keeper and driver. */
struct driver_keeper keeper_line(struct keeper_line *);

#endif
