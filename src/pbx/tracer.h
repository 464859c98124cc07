/*
 * pbx/tracer.h - messages that pass, for `tandem trace`.
 *
 * The tap of sip/stack: makes a trace record of each message that is wanted and gives them to the keeper in
 * batches (pbx/trace_batch.h). Wanted are all, where the exchange was started so, and at any time those that somebody
 * follows (store/trace_filter.h).
 *
 * A trace never slows a call: at most PBX_TRACER_RATE messages a second are kept. Where all are wanted and more come,
 * whole calls are left out, chosen by their Call-ID, so that the ladders of the others have no holes. What was left out
 * is counted.
 *
 * Memory: opaque, bounded. Thread: its owner's.
 */
#ifndef PBX_TRACER_H
#define PBX_TRACER_H

#include "pbx/recorder.h"
#include "sip/stack.h"
#include "store/trace_filter.h"

#define PBX_TRACER_RATE    2000
#define PBX_TRACER_FOLLOWS 8

struct pbx_tracer;

/* `recorder` names the sessions of calls without Session-ID; it outlives the tracer. `all`: every message. NULL: no
 * memory. */
struct pbx_tracer *pbx_tracer_new(const struct pbx_recorder *, bool all);
void pbx_tracer_free(struct pbx_tracer *);
/* Who follows from now on, instead of those before: filters in words. More than PBX_TRACER_FOLLOWS and those that
 * cannot be read are passed over; n 0: nobody. */
void pbx_tracer_follow(struct pbx_tracer *, const str *filters, size_t n, usec now);
/* Would any message be kept now? */
bool pbx_tracer_wants(const struct pbx_tracer *);
void pbx_tracer_message(struct pbx_tracer *, bool out, const struct flow *, str bytes, usec now);
/* What the keeper should write now; NULL: nothing yet. */
struct keeper_ask *pbx_tracer_next(struct pbx_tracer *, usec now, bool hurry);
usec pbx_tracer_due(const struct pbx_tracer *);

struct pbx_tracer_figures {
	uint64_t kept, lost; /* messages */
	uint32_t follows;    /* filters now */
};
const struct pbx_tracer_figures *pbx_tracer_figures(const struct pbx_tracer *);

/* What trace_filter_fits asks, read out of a message; `session` as the caller knows it. */
void pbx_trace_facts(struct sip_msg *, str session, const struct addr *remote, struct trace_facts *out);

#endif
