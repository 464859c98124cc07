/*
 * base/metric.h - figures as a table: what is counted, under which name, in which unit.
 *
 * A room counts in a plain struct of its own (one thread, no locks: `stats.refused++`). A table says what
 * each number is called; from it come the text that Prometheus reads (exposition format 0.0.4), the sum
 * over several workers, and docs/metrics.md. Names and units are a promise: they may be added to, not changed.
 *
 *     struct stats { uint64_t requests[METHODS][TRANSPORTS]; struct metric_histogram delay; };
 *     static const struct metric table[] = {
 *             METRIC("tandem_x_requests_total", COUNTER, struct stats, requests, "Requests received.",
 *                     .labels = { { "method", method_names, METHODS, 0 } }),
 *             METRIC("tandem_x_delay_seconds", HISTOGRAM, struct stats, delay, "From this to that."),
 *     };
 *
 * Units are those Prometheus asks for: seconds, bytes, ratios of 0..1. Counters end in _total.
 */
#ifndef BASE_METRIC_H
#define BASE_METRIC_H

#include "base/buf.h"
#include "base/time.h"

enum metric_kind {
	METRIC_COUNTER = 1, /* uint64_t, only grows */
	METRIC_GAUGE,       /* uint64_t, as it is now */
	METRIC_GAUGE_U32,   /* uint32_t */
	METRIC_HISTOGRAM,   /* struct metric_histogram */
};

/* Upper ends of the buckets, in seconds: 0.0001 0.00025 0.0005, and so on up to 100; then 1000, 10000; then all. */
#define METRIC_BOUNDS 21

struct metric_histogram {
	uint64_t bucket[METRIC_BOUNDS + 1]; /* each for itself, not yet heaped up */
	uint64_t sum_usec;
};

/* The bucket that an observation falls into: 0 .. METRIC_BOUNDS. */
size_t metric_bucket(usec span);
void metric_observe(struct metric_histogram *, usec span);
/* Of how many observations. */
uint64_t metric_count(const struct metric_histogram *);

/* One dimension. `values` NULL: the values are numbers from `first` on, and a zero is left out. */
struct metric_label {
	const char *name;          /* NULL: there is none */
	const char *const *values; /* [n]; a NULL among them is left out */
	size_t n;
	unsigned first;
};

struct metric {
	const char *name;
	enum metric_kind kind;
	size_t at;        /* offset of the number, or of the array of [labels[0].n][labels[1].n] of them */
	const char *help; /* one sentence */
	struct metric_label labels[2];
	bool usec; /* counted in microseconds, shown in seconds */
	bool most; /* of several workers the largest counts, not the sum */
};

/* A row; behind the help further fields, by name. */
#define METRIC(NAME, KIND, STRUCT, FIELD, ...)                                                                         \
	{                                                                                                              \
		.name = (NAME), .kind = METRIC_##KIND, .at = offsetof(STRUCT, FIELD), .help = __VA_ARGS__              \
	}
#define METRIC_TABLE(table) (table), sizeof(table) / sizeof((table)[0])

/* All of it, in the order of the table. */
void metric_write(const struct metric *, size_t n, const void *figures, struct buf *);
/* Adds up. Both are structs of which the table speaks; what no row names is left alone. */
void metric_add(const struct metric *, size_t n, void *sum, const void *more);
/* A row each of a table in Markdown: name, kind, labels, meaning. */
void metric_write_manual(const struct metric *, size_t n, struct buf *);
/* For a number that has no struct: HELP, TYPE and one sample. `labels` "" or `a="b"`. */
void metric_write_one(const char *name, enum metric_kind, const char *help, const char *labels, double value,
		      struct buf *);

#endif
