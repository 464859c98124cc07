/*
 * pbx/tracer.h - every message that passes, for `tandem trace`.
 *
 * The tap of sip/stack: makes a trace record of each message and gives them to the keeper in
 * batches (pbx/trace_batch.h).
 *
 * Memory: opaque, bounded. Thread: its owner's.
 */
#ifndef PBX_TRACER_H
#define PBX_TRACER_H

#include "pbx/recorder.h"
#include "sip/stack.h"

struct pbx_tracer;

/* `recorder` names the sessions of calls without Session-ID; it outlives the tracer. NULL: no memory. */
struct pbx_tracer *pbx_tracer_new(const struct pbx_recorder *);
void pbx_tracer_free(struct pbx_tracer *);
/* The function of a struct sip_tap; self is the tracer. */
void pbx_tracer_message(void *self, bool out, const struct flow *, str bytes, usec now);
/* What the keeper should write now; NULL: nothing yet. */
struct keeper_ask *pbx_tracer_next(struct pbx_tracer *, usec now, bool hurry);
usec pbx_tracer_due(const struct pbx_tracer *);

#endif
