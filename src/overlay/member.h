/*
 * overlay/member.h - a node that stands on its own: a host_service without a phone.
 *
 * Logs in, keeps its state at the keeper, stays reachable, and answers those who call that nobody
 * is there (480) and those who ask (OPTIONS) that it lives. `login_only`: ends as soon as the
 * certificate is kept, or when it is clear that there will be none.
 *
 * Memory: owns everything; free it after its host. Thread: its host's.
 */
#ifndef OVERLAY_MEMBER_H
#define OVERLAY_MEMBER_H

#include "base/metric.h"
#include "overlay/node.h"

struct overlay_member;

struct overlay_member_setup {
	struct overlay_node_setup node; /* as for overlay_node_new, but stream_first is chosen here */
	str owner, state_name;          /* where the keeper keeps the state (store/state.h) */
	usec patience;                  /* login_only: how long servers may be silent; 0: 30 s */
};

/* What it counts, and (overlay_member_metrics) what each number is called. */
struct overlay_member_figures {
	uint64_t requests, answered; /* of others: that came, that were answered with a status */
	uint64_t offlines, problems;
	uint64_t certificate_end; /* microseconds since 1970; 0: there is none */
	uint32_t online;
};

struct overlay_member_status {
	bool online, kept;            /* kept: the last state is on the disk */
	bool logged_in;               /* a certificate came in this run, or the saved one is good */
	bool failed;                  /* login_only: no certificate; or a final problem */
	enum overlay_refusal problem; /* the last one; NONE: there was none, or it is over */
	bool keeper_failed;
};

/* Errors as overlay_node_new. */
MUST_CHECK enum err overlay_member_new(const struct overlay_member_setup *, usec now, struct overlay_member **out);
void overlay_member_free(struct overlay_member *);
struct host_service overlay_member_service(struct overlay_member *);
void overlay_member_status(const struct overlay_member *, struct overlay_member_status *out);
/* Thread: its host's. */
void overlay_member_figures(const struct overlay_member *, struct overlay_member_figures *out);
extern const struct metric overlay_member_metrics[];
extern const size_t overlay_member_metric_n;
const struct overlay_node *overlay_member_node(const struct overlay_member *);

#endif
