/*
 * pbx/tracer.h - every message that passes, for `tandem trace`.
 *
 * The tap of sip/stack: makes a trace record of each message (store/trace_record.h),
 * without what is secret, and gives them to the keeper in batches. When the keeper lags,
 * the newest are dropped: a trace never slows a call.
 *
 * Memory: opaque, bounded. Thread: its owner's.
 */
#ifndef PBX_TRACER_H
#define PBX_TRACER_H

#include "pbx/recorder.h"
#include "sip/stack.h"

#define PBX_TRACER_PACE  (250 * USEC_PER_MS)
#define PBX_TRACER_ROWS  100            /* of one question: a full batch goes at once */
#define PBX_TRACER_BYTES (512u * 1024u) /* held at most */

struct pbx_tracer;

/* `recorder` names the sessions of calls without Session-ID; it outlives the tracer. NULL: no memory. */
struct pbx_tracer *pbx_tracer_new(const struct pbx_recorder *);
void pbx_tracer_free(struct pbx_tracer *);
/* The function of a struct sip_tap; self is the tracer. */
void pbx_tracer_message(void *self, bool out, const struct flow *, str bytes, usec now);
/* What the keeper should write now; NULL: nothing yet. */
struct keeper_ask *pbx_tracer_next(struct pbx_tracer *, usec now, bool hurry);
usec pbx_tracer_due(const struct pbx_tracer *);

/* Copies a message, cut at `cap`, with the values of Authorization and Proxy-Authorization left out. */
void pbx_tracer_write_clean(const struct sip_msg *, size_t cap, struct buf *out);

#endif
