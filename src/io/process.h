/*
 * io/process.h - a child process: started, listened to, ended.
 *
 * For demonstrations and tests that run other programs. Blocking. The child gets
 * the parent's environment, an empty standard input, and where asked a pipe on its
 * standard output (and error). It outlives its parent: who started it stops it.
 * Memory: the owner embeds the struct. Thread: its owner's.
 */
#ifndef IO_PROCESS_H
#define IO_PROCESS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/time.h"

#include <stdbool.h>
#include <sys/types.h>

enum process_output {
	PROCESS_INHERIT, /* where ours goes */
	PROCESS_PIPE,    /* standard output to process_read, standard error where ours goes */
	PROCESS_PIPE_BOTH,
	PROCESS_DISCARD,
};

struct process {
	pid_t pid; /* 0: none */
	int out;   /* our end of the pipe; -1: none */
	bool ended;
	int status; /* once ended: 0..255 exit code, 256 + signal */
};

/* argv[0] is looked up in PATH; argv ends with NULL. ERR_ABSENT (no such program), ERR_IO. */
MUST_CHECK enum err process_start(struct process *, const char *const argv[], enum process_output);
/* Waits up to `span` for output and appends what there is. ERR_CLOSED at its end, ERR_TIMEOUT,
 * ERR_FULL where `out` is. */
MUST_CHECK enum err process_read(struct process *, struct buf *out, usec span);
/* Waits up to `span` for its end (USEC_NEVER: as long as it takes). ERR_TIMEOUT. Then ->status. */
MUST_CHECK enum err process_wait(struct process *, usec span);
/* Sends the signal to this very child; nothing where it has ended. */
void process_kill(struct process *, int signal);
/* SIGTERM, up to `grace`, SIGKILL, wait; closes the pipe. Harmless on an ended one. */
void process_stop(struct process *, usec grace);

#endif
