#include "connect/edge_figures.h"

#define ROW(NAME, KIND, FIELD, ...) METRIC("tandem_edge_" NAME, KIND, struct edge_figures, FIELD, __VA_ARGS__)

static const char *const sides[] = { "peer", "pbx" };
static const char *const refusals[] = { "rules", "limits" };

#define BY_SIDE(NAME)                                                                                                  \
	.labels = {                                                                                                    \
		{ NAME, sides, EDGE_FIGURES_SIDES, 0 },                                                                \
	}

const struct metric edge_metrics[] = {
	ROW("calls_total", COUNTER, offered, "Calls that came, by the side that they came from.", BY_SIDE("from")),
	ROW("calls_refused_total", COUNTER, refused,
	    "Of these, those that were refused here: by the rules and names (who may call whom), or by the limits.",
	    .labels = { { "from", sides, EDGE_FIGURES_SIDES, 0 }, { "by", refusals, EDGE_FIGURES_REFUSALS, 0 } }),
	ROW("calls_answered_total", COUNTER, answered, "Of these, those that were answered on the other side.",
	    BY_SIDE("from")),
	ROW("calls", GAUGE_U32, crossings, "Calls that cross now."),
	ROW("side_up", GAUGE_U32, up, "1: on the peer network, or registered at the PBX; 0: not.", BY_SIDE("side")),
	ROW("side_downs_total", COUNTER, downs, "Times that a side was lost, or could not be reached.",
	    BY_SIDE("side")),
};
const size_t edge_metric_n = sizeof(edge_metrics) / sizeof(edge_metrics[0]);

void edge_figures_write(const struct edge_figures *f, struct buf *out)
{
	metric_write(edge_metrics, edge_metric_n, f, out);
	metric_write(sip_metrics, sip_metric_n, &f->sip, out);
	sip_figures_write_ratios(&f->sip, out);
}
