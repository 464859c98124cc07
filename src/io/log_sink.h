/*
 * io/log_sink.h - where log events go: a line each, to standard error or a file.
 *
 *     2026-11-23T15:04:05.123456Z info pbx.registrar bound aor=sip:101@acme contacts=1
 *     {"time":"2026-...Z","level":"info","event":"pbx.registrar
 * bound","call":"3848276298220188511@a","aor":"sip:101@acme","contacts":"1"}
 *
 * In JSON each field is a member, always a string. Each line is one write(2), so lines of threads and processes do not
 * mix. Control characters are printed as \xNN, in JSON as \u00NN (a stranger's bytes cannot forge a line or a field:
 * base/log.h). Bound: `per_second` lines; what is above that is counted and the count is logged in the next second.
 * Errors are never dropped. Thread: any.
 */
#ifndef IO_LOG_SINK_H
#define IO_LOG_SINK_H

#include "base/err.h"
#include "base/log.h"
#include "io/clock.h"

#include <pthread.h>
#include <stdbool.h>

struct log_sink {
	struct log log; /* hand &sink->log to the services */

	const struct clock *clock; /* private */
	pthread_mutex_t lock;
	int fd;
	bool json, owns_fd;
	unsigned per_second, written;
	unsigned long dropped;
	usec second;
};

/* `path` NULL: standard error; else appended to, made with mode 0600. per_second 0: 1000.
 * ERR_REFUSED, ERR_ABSENT, ERR_IO. */
MUST_CHECK enum err log_sink_start(struct log_sink *, const struct clock *, const char *path, enum log_level, bool json,
				   unsigned per_second);
/* All threads that log must have ended. */
void log_sink_stop(struct log_sink *);

#endif
