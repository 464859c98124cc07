/*
 * connect/edge_trace.h - every message of an edge's two sides, for `tandem trace`.
 *
 * A tap of sip/stack for each side; makes trace records (store/trace_record.h) without
 * credentials and gives them to the keeper in batches. The overlay's messages are there in
 * clear, as the edge's stack sees them between seal and stack. Each record bears the session
 * of its call (RFC 7989: the caller's half), learnt from the first INVITE of a Call-ID.
 * When the keeper lags, the newest are dropped: a trace never slows a call.
 *
 * Bounds: one batch of messages waits (pbx/trace_batch.h), EDGE_TRACE_CALLS Call-IDs are known. Memory: opaque.
 * Thread: its owner's.
 */
#ifndef CONNECT_EDGE_TRACE_H
#define CONNECT_EDGE_TRACE_H

#include "sip/stack.h"
#include "store/keeper.h"

#define EDGE_TRACE_CALLS 1024

struct edge_trace;

/* `business` at `network`, to tell who is at the far end; copied. NULL: no memory. */
struct edge_trace *edge_trace_new(str business, str network);
void edge_trace_free(struct edge_trace *);
/* The tap of one side; valid as long as the trace. */
const struct sip_tap *edge_trace_tap(struct edge_trace *, bool overlay);
/* What the keeper should write now; NULL: nothing yet. `hurry`: all of it. */
struct keeper_ask *edge_trace_next(struct edge_trace *, usec now, bool hurry);
usec edge_trace_due(const struct edge_trace *);

#endif
