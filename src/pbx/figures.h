/*
 * pbx/figures.h - all that one worker of the exchange has counted, and what each number is called.
 *
 * A snapshot: whoever watches asks each worker for one (PBX_NOTE_FIGURES), adds them up and writes the text.
 * A room that counts something adds a field here and a row to the table in figures.c; the name stays for good and is
 * listed in docs/metrics.md.
 *
 * Memory: plain numbers. Thread: any; a snapshot is moved.
 */
#ifndef PBX_FIGURES_H
#define PBX_FIGURES_H

#include "pbx/hep.h"
#include "pbx/recorder.h"
#include "pbx/server.h"
#include "pbx/subscription.h"
#include "pbx/tracer.h"
#include "sip/figures.h"

#define PBX_FIGURES_RULES 64
#define PBX_FIGURES_NAME  48

/* What one rule of the policy has decided. */
struct pbx_rule_figures {
	char name[PBX_FIGURES_NAME]; /* cut */
	uint64_t decided, refused, over;
};

struct pbx_figures {
	struct sip_figures sip;
	struct pbx_recorder_figures calls;
	struct pbx_server_stats server;
	struct pbx_subscriptions_stats subscriptions;
	struct pbx_rule_figures rules[PBX_FIGURES_RULES]; /* the first of them; the sum is by name */
	uint32_t rule_n;
	struct pbx_tracer_figures trace;
	struct pbx_hep_figures hep;
};

extern const struct metric pbx_metrics[];
extern const size_t pbx_metric_n;

/* One more rule, or more of one that is there. */
void pbx_figures_add_rule(struct pbx_figures *, str name, uint64_t decided, uint64_t refused, uint64_t over);
void pbx_figures_add(struct pbx_figures *sum, const struct pbx_figures *more);
/* The text for Prometheus: the stack's, the ratios of RFC 6076, the exchange's. */
void pbx_figures_write(const struct pbx_figures *, struct buf *);
/* The ratios alone; nothing where no call was asked for. */
void pbx_figures_write_ratios(const struct pbx_figures *, struct buf *);
/* The rules alone. */
void pbx_figures_write_rules(const struct pbx_figures *, struct buf *);

#endif
