/*
 * pbx/recorder.h - call records of the calls that pass the proxy.
 *
 * One record a call (store/call_record.h), kept in memory while the call lives and given to
 * the keeper whenever it has changed: all that changed within a fifth of a second go in one
 * question. A call has as many dialogs as have answered 2xx (RFC 3261 13.2.2.4), of which two are told apart;
 * it ends with the BYE of the last. A call that never says BYE is given up after a day; when the table is full
 * the oldest goes, unfinished.
 *
 * Memory: opaque, bounded. Thread: its owner's.
 */
#ifndef PBX_RECORDER_H
#define PBX_RECORDER_H

#include "base/metric.h"
#include "base/rng.h"
#include "sip/msg.h"
#include "store/call_record.h"
#include "store/keeper.h"

#define PBX_RECORDER_CALLS 100000
#define PBX_RECORDER_PACE  (200 * USEC_PER_MS)

struct pbx_recorder;

/* NULL: no memory. */
struct pbx_recorder *pbx_recorder_new(struct rng *);
void pbx_recorder_free(struct pbx_recorder *);

/* The Session-ID that a call without one gets: 32 hex digits, the same for the same Call-ID. */
void pbx_recorder_session(const struct pbx_recorder *, str call_id, char out[32]);

/* An INVITE goes out for the first time. `flow`: the way it came. Out of memory: the call goes unrecorded. */
void pbx_recorder_start(struct pbx_recorder *, struct sip_msg *invite, const struct flow *, usec now);
/* A 101..199 or final answer is passed back; `flow`: the way it came. Answers of other requests are ignored. */
void pbx_recorder_answer(struct pbx_recorder *, struct sip_msg *response, const struct flow *, usec now);
/* The INVITE (or an answer to it) ends with an answer of our own, or was given up; `cause` for people. */
void pbx_recorder_fail(struct pbx_recorder *, struct sip_msg *, int status, str cause, usec now);
/* A request inside the dialog is passed on: the BYE of its last dialog ends the call. */
void pbx_recorder_request(struct pbx_recorder *, struct sip_msg *, usec now);
/* Is the dialog of this request over, or none of the call's, that began at `since` (to a second) or before? false also
 * where that is not known: it is of a former life, or room was wanted. */
bool pbx_recorder_is_over(const struct pbx_recorder *, struct sip_msg *, usec since);

/* What the keeper should write now, NULL: nothing yet. `hurry`: all that has changed, due or not. */
struct keeper_ask *pbx_recorder_next(struct pbx_recorder *, usec now, bool hurry);
usec pbx_recorder_due(const struct pbx_recorder *);

struct pbx_recorder_figures {
	uint64_t started, completed, lost; /* asked for; ended by BYE after an answer; given up unfinished */
	uint32_t ringing, answered;        /* now: asked for and not answered yet; answered and not over */
	struct metric_histogram duration;  /* SDT, RFC 6076 4.5: from the answer to the BYE */
};
const struct pbx_recorder_figures *pbx_recorder_figures(const struct pbx_recorder *);

#endif
