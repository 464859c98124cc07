/*
 * io/figures.h - what the machine under the services counts, and what each number is called.
 *
 * Every lane of the driver and the keeper counts into a tally of its own: relaxed atomics, so that another thread may
 * read along; nobody waits for anybody. What happens once a connection, a name or a commit is counted here, nothing
 * that happens once a datagram.
 *
 * Thread: a tally is written by its owner's thread (the keeper's: by any), read by any.
 */
#ifndef IO_FIGURES_H
#define IO_FIGURES_H

#include "base/err.h"
#include "base/host.h"
#include "base/metric.h"

#include <stdatomic.h>

#define IO_TRANSPORTS (TRANSPORT_WSS + 1)

enum io_outcome {
	IO_GOOD,
	IO_REFUSED, /* a certificate, a name, or the far side said no */
	IO_LATE,
	IO_CLOSED,
	IO_OTHER,
	IO_OUTCOME_N,
};

enum io_answer { IO_FOUND, IO_ABSENT, IO_SILENT, IO_BROKEN, IO_ANSWER_N };

/* All of 64 bits each: a tally is an array of them. */
struct io_figures {
	uint64_t streams[IO_TRANSPORTS]; /* now; of one tally it may be below 0, the sum is not */
	uint64_t accepted[IO_TRANSPORTS], opened[IO_TRANSPORTS];
	uint64_t handshakes[2][IO_OUTCOME_N];                     /* TLS: as server, as client */
	uint64_t overflows;                                       /* connections refused because the table was full */
	uint64_t questions[HOST_NAPTR + 1], lookups[IO_ANSWER_N]; /* of names: asked, answered */
	uint64_t dropped;                                         /* messages between services */
	struct metric_histogram lag;
	uint64_t asked, answered, ahead, turned_away, batches, failures;
	struct metric_histogram commit;
};

#define IO_FIGURES_WORDS (sizeof(struct io_figures) / sizeof(uint64_t))

struct io_tally {
	_Atomic uint64_t words[IO_FIGURES_WORDS];
};

/* IO_COUNT(&lane->tally, handshakes[0][IO_GOOD]) */
#define IO_COUNT(tally, field) io_tally_add((tally), offsetof(struct io_figures, field), 1)
static inline void io_tally_add(struct io_tally *t, size_t at, uint64_t n)
{
	atomic_fetch_add_explicit(&t->words[at / sizeof(uint64_t)], n, memory_order_relaxed);
}
#define IO_OBSERVE(tally, field, span) io_tally_observe((tally), offsetof(struct io_figures, field), (span))
void io_tally_observe(struct io_tally *, size_t at, usec span);
/* Adds what it has counted so far. */
void io_tally_read(const struct io_tally *, struct io_figures *sum);

enum io_outcome io_outcome_of(enum err);
enum io_answer io_answer_of(enum err);

extern const struct metric io_metrics[];
extern const size_t io_metric_n;
/* All of it, with what the system knows of this process: CPU time, memory, descriptors, start (usec since 1970). */
void io_figures_write(const struct io_figures *, usec started, struct buf *);
/* What is not in the table. */
void io_figures_write_process(const struct io_figures *, usec started, struct buf *);

#endif
