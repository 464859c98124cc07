/*
 * connect/edge_figures.h - what an edge counts, and what each number is called.
 *
 * Memory: plain numbers; what the SIP stacks of its two sides have counted is added up in them. Thread: the edge's.
 */
#ifndef CONNECT_EDGE_FIGURES_H
#define CONNECT_EDGE_FIGURES_H

#include "sip/figures.h"

/* Where a call came from, and what is up: in this order in the arrays below. */
enum edge_figures_side { EDGE_FIGURES_PEER, EDGE_FIGURES_PBX, EDGE_FIGURES_SIDES };
/* Who refused a call: the rules and names of the edge, or its limits. */
enum edge_figures_refusal { EDGE_FIGURES_RULES, EDGE_FIGURES_LIMITS, EDGE_FIGURES_REFUSALS };

struct edge_figures {
	uint64_t offered[EDGE_FIGURES_SIDES];
	uint64_t refused[EDGE_FIGURES_SIDES][EDGE_FIGURES_REFUSALS];
	uint64_t answered[EDGE_FIGURES_SIDES];
	uint64_t downs[EDGE_FIGURES_SIDES];
	uint32_t up[EDGE_FIGURES_SIDES];
	uint32_t crossings;
	struct sip_figures sip;
};

extern const struct metric edge_metrics[];
extern const size_t edge_metric_n;

/* The text for Prometheus: the edge's own, its stacks', the ratios of RFC 6076. */
void edge_figures_write(const struct edge_figures *, struct buf *);

#endif
