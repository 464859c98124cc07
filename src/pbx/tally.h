/*
 * pbx/tally.h - how many at once, and how many within a span of time, under numbers.
 *
 * What limits are made of. A number stands for one limit of one caller (or rule, callee, ..) and belongs to one worker,
 * chosen by the number itself, so a limit holds whichever worker a call is on: pbx/seats.h asks there by notes.
 *
 * Calls at once are leases: whoever holds one says so again within PBX_TALLY_LEASE, else it is
 * over; a note that was lost costs a limit some minutes, never for good. Spans are counted in eighths: never more than
 * `most` within any span of that length, and room again at the latest an eighth after.
 *
 * Bounded: PBX_TALLY_MAX numbers and leases each. Full, numbers that hold no lease make room, the longest unused
 * first; where all hold one the answer is no.
 *
 * Memory: opaque. Thread: its owner's.
 */
#ifndef PBX_TALLY_H
#define PBX_TALLY_H

#include "base/rng.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PBX_TALLY_MAX   200000
#define PBX_TALLY_LEASE (15 * 60 * USEC_PER_SEC)

struct pbx_tally;

struct pbx_tally *pbx_tally_new(struct rng *); /* NULL: no memory */
void pbx_tally_free(struct pbx_tally *);

/* One more at once under `number`, unless `most` are there: `lease`, chosen by the caller, not 0. One that is there
 * already is prolonged, whatever `most` says. */
bool pbx_tally_hold(struct pbx_tally *, uint64_t number, uint64_t lease, uint32_t most, usec now);
/* It is over; harmless where it is not there. */
void pbx_tally_drop(struct pbx_tally *, uint64_t number, uint64_t lease);
/* One more within `span`, unless there were `most`. */
bool pbx_tally_pass(struct pbx_tally *, uint64_t number, uint32_t most, usec span, usec now);
/* How many leases there are under it now. */
uint32_t pbx_tally_held(const struct pbx_tally *, uint64_t number);
size_t pbx_tally_n(const struct pbx_tally *);
/* Leases that nobody has prolonged end. */
void pbx_tally_tick(struct pbx_tally *, usec now);
usec pbx_tally_due(const struct pbx_tally *);

#endif
