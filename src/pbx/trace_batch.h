/*
 * pbx/trace_batch.h - trace records on their way to the keeper.
 *
 * What the taps of sip/stack have in common: a message becomes a record without what is secret
 * (store/trace_record.h), and records go in batches. When the keeper lags, the newest are dropped:
 * a trace never slows a call. Who is at the far end and which session it is, the tap's owner knows.
 *
 * Memory: the owner embeds the struct; bounded. Thread: its owner's.
 */
#ifndef PBX_TRACE_BATCH_H
#define PBX_TRACE_BATCH_H

#include "sip/redact.h"
#include "sip/stack.h"
#include "store/keeper.h"

#define PBX_TRACE_BATCH_PACE  (250 * USEC_PER_MS)
#define PBX_TRACE_BATCH_ROWS  100            /* of one question: a full batch goes at once */
#define PBX_TRACE_BATCH_BYTES (512u * 1024u) /* held at most */

struct pbx_trace_batch {
	struct trace_record rows[PBX_TRACE_BATCH_ROWS]; /* private, as is all */
	size_t n;
	struct arena texts;
	usec flush_at;
	struct sip_msg msg; /* between open and add */
	struct arena arena;
	char block[SIP_MSG_ARENA];
};

void pbx_trace_batch_init(struct pbx_trace_batch *);
void pbx_trace_batch_free(struct pbx_trace_batch *);
/* The message that a tap heard of, to be added at once. NULL: no room, or nothing like SIP. */
struct sip_msg *pbx_trace_batch_open(struct pbx_trace_batch *, str bytes);
/* Keeps the open message. Of `row` the caller has set service and secure, which outlive the batch, and session
 * and peer, which are copied; the rest is set here. */
void pbx_trace_batch_add(struct pbx_trace_batch *, struct trace_record *row, bool out, const struct flow *, usec now);
/* What the keeper should write now; NULL: nothing yet. `hurry`: all of it. */
struct keeper_ask *pbx_trace_batch_next(struct pbx_trace_batch *, usec now, bool hurry);
usec pbx_trace_batch_due(const struct pbx_trace_batch *);

#endif
