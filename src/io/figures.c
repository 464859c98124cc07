#include "io/figures.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static const char *const transports[IO_TRANSPORTS] = { NULL, NULL, "tcp", "tls", "ws", "wss" };
static const char *const sides[] = { "server", "client" };
static const char *const outcomes[IO_OUTCOME_N] = { "ok", "refused", "timeout", "closed", "other" };
static const char *const questions[HOST_NAPTR + 1] = { "address", "srv", "naptr" };
static const char *const answers[IO_ANSWER_N] = { "found", "absent", "timeout", "failed" };

#define ROW(NAME, KIND, FIELD, ...) METRIC("tandem_" NAME, KIND, struct io_figures, FIELD, __VA_ARGS__)
#define BY_TRANSPORT                .labels = { { "transport", transports, IO_TRANSPORTS, 0 } }

const struct metric io_metrics[] = {
	ROW("connections", GAUGE, streams, "Connections now.", BY_TRANSPORT),
	ROW("connections_accepted_total", COUNTER, accepted, "Connections that others opened to us.", BY_TRANSPORT),
	ROW("connections_opened_total", COUNTER, opened, "Connections that we tried to open.", BY_TRANSPORT),
	ROW("connections_refused_total", COUNTER, overflows, "Connections closed at once because the table was full."),
	ROW("tls_handshakes_total", COUNTER, handshakes,
	    "TLS handshakes: ok; refused (certificate, name, or an alert of the far side); timeout; closed midway; "
	    "other.",
	    .labels = { { "side", sides, 2, 0 }, { "result", outcomes, IO_OUTCOME_N, 0 } }),
	ROW("dns_questions_total", COUNTER, questions, "Questions about names, by type.",
	    .labels = { { "type", questions, HOST_NAPTR + 1, 0 } }),
	ROW("dns_answers_total", COUNTER, lookups, "What came of them.",
	    .labels = { { "result", answers, IO_ANSWER_N, 0 } }),
	ROW("messages_dropped_total", COUNTER, dropped, "Messages between services that were dropped: a box was full."),
	ROW("loop_lag_seconds", HISTOGRAM, lag, "How late a thread came to what was due."),
	ROW("keeper_questions_total", COUNTER, asked, "Questions to the keeper."),
	ROW("keeper_answers_total", COUNTER, answered, "Questions that the keeper has carried out."),
	ROW("keeper_ahead_total", COUNTER, ahead, "Of these, registrations answered before the database had them."),
	ROW("keeper_refused_total", COUNTER, turned_away, "Questions that were turned away: the queue was full."),
	ROW("keeper_batches_total", COUNTER, batches, "Transactions on the database."),
	ROW("keeper_failures_total", COUNTER, failures,
	    "Transactions that the disk or another process would not let through."),
	ROW("keeper_commit_seconds", HISTOGRAM, commit, "From the begin of a writing transaction to its commit."),
};
const size_t io_metric_n = sizeof(io_metrics) / sizeof(io_metrics[0]);

void io_tally_observe(struct io_tally *t, size_t at, usec span)
{
	io_tally_add(t, at + offsetof(struct metric_histogram, bucket) + metric_bucket(span) * sizeof(uint64_t), 1);
	io_tally_add(t, at + offsetof(struct metric_histogram, sum_usec), span > 0 ? (uint64_t)span : 0);
}

void io_tally_read(const struct io_tally *t, struct io_figures *sum)
{
	uint64_t words[IO_FIGURES_WORDS];

	memcpy(words, sum, sizeof(words));
	for (size_t i = 0; i < IO_FIGURES_WORDS; i++)
		words[i] += atomic_load_explicit(&t->words[i], memory_order_relaxed);
	memcpy(sum, words, sizeof(words));
}

enum io_outcome io_outcome_of(enum err err)
{
	switch (err) {
	case ERR_NONE:
		return IO_GOOD;
	case ERR_REFUSED:
	case ERR_FORGED:
	case ERR_EXPIRED:
		return IO_REFUSED;
	case ERR_TIMEOUT:
		return IO_LATE;
	case ERR_CLOSED:
		return IO_CLOSED;
	default:
		return IO_OTHER;
	}
}

enum io_answer io_answer_of(enum err err)
{
	return err == ERR_NONE ? IO_FOUND : err == ERR_ABSENT ? IO_ABSENT : err == ERR_TIMEOUT ? IO_SILENT : IO_BROKEN;
}

/* ---- the process, by the names that everyone uses ---- */

static double seconds_of(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

static size_t descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n > 3 ? n - 3 : 0; /* ".", "..", and the folder's own */
}

/* Pages: all, and those in memory. false: this system does not say. */
static bool pages(unsigned long *all, unsigned long *resident)
{
	FILE *f = fopen("/proc/self/statm", "re");
	bool good = f && fscanf(f, "%lu %lu", all, resident) == 2;

	if (f)
		fclose(f);
	return good;
}

void io_figures_write_process(const struct io_figures *figures, usec started, struct buf *out)
{
	unsigned long all, resident;
	double page = (double)sysconf(_SC_PAGESIZE);
	struct rusage use = { 0 };

	metric_write_one("tandem_keeper_queue", METRIC_GAUGE, "Questions that wait for the keeper now.", "",
			 (double)(int64_t)(figures->asked - figures->answered), out);
	getrusage(RUSAGE_SELF, &use);
	metric_write_one("process_cpu_seconds_total", METRIC_COUNTER, "CPU time used, user and system.", "",
			 seconds_of(&use.ru_utime) + seconds_of(&use.ru_stime), out);
	if (pages(&all, &resident)) {
		metric_write_one("process_resident_memory_bytes", METRIC_GAUGE, "Memory in use.", "",
				 (double)resident * page, out);
		metric_write_one("process_virtual_memory_bytes", METRIC_GAUGE, "Address space in use.", "",
				 (double)all * page, out);
	}
	metric_write_one("process_open_fds", METRIC_GAUGE, "Open descriptors.", "", (double)descriptors(), out);
	metric_write_one("process_start_time_seconds", METRIC_GAUGE, "When the process began, since 1970.", "",
			 (double)started / 1e6, out);
}

void io_figures_write(const struct io_figures *figures, usec started, struct buf *out)
{
	metric_write(io_metrics, io_metric_n, figures, out);
	io_figures_write_process(figures, started, out);
}
