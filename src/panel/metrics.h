/*
 * panel/metrics.h - GET /metrics: the figures of this process for Prometheus.
 *
 * A service with one TCP listener. For each question it asks every worker of the exchange for its figures
 * (PBX_NOTE_FIGURES), adds them up, has `machine` write what the machine under the services has counted, and answers in
 * the text exposition format 0.0.4. A worker that is silent for half a second is left out, and
 * tandem_metrics_workers_silent says so. Questions that come meanwhile get the same answer.
 *
 * It shows who talks to whom how often, and nothing else; no names, no addresses, no secrets. All the same it is
 * for this machine only: connections from elsewhere are closed, unless `allowed` names their network.
 *
 * Bounds: METRICS_STREAMS connections (more are closed at once), HTTP_HEAD_MAX bytes of a question, METRICS_IDLE
 * without a whole one. Memory: opaque. Thread: one for life.
 */
#ifndef PANEL_METRICS_H
#define PANEL_METRICS_H

#include "base/host.h"
#include "base/log.h"

#define METRICS_STREAMS  16
#define METRICS_NETS     16
#define METRICS_IDLE     (30 * USEC_PER_SEC)
#define METRICS_PATIENCE (500 * USEC_PER_MS)
#define METRICS_TEXT_MAX (1024 * 1024)

struct metrics_net {
	struct addr net;
	unsigned bits;
};

struct metrics_config {
	const struct log *log; /* may be NULL */
	struct addr listen;    /* port 0: any */
	struct metrics_net allowed[METRICS_NETS];
	size_t allowed_n;
	uint32_t worker_first, worker_n; /* services of the exchange */
	/* On the service's thread; it may not block. May be NULL. */
	void (*machine)(void *self, usec now, struct buf *out);
	void *machine_self;
	void (*listening)(void *self, enum err, const struct addr *local); /* may be NULL */
	void *listening_self;
};

struct metrics;

struct metrics *metrics_new(const struct metrics_config *); /* NULL: no memory. The config is copied */
void metrics_free(struct metrics *);
struct host_service metrics_service(struct metrics *);

/* A row for each name that it writes itself, in Markdown, as docs/metrics.md has them. */
void metrics_write_manual(struct buf *);
/* The same of numbers that were written: what their "# HELP name meaning" and "# TYPE name kind" say. */
void metrics_write_manual_of(str text, struct buf *);

#endif
