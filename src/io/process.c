#include "io/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static usec ticks(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (usec)t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000;
}

static int spawn(pid_t *pid, const char *const argv[], enum process_output output, int pipe_end)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, usual;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	if (output == PROCESS_DISCARD) {
		posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
		posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	} else if (output != PROCESS_INHERIT) {
		posix_spawn_file_actions_adddup2(&actions, pipe_end, 1);
		if (output == PROCESS_PIPE_BOTH)
			posix_spawn_file_actions_adddup2(&actions, pipe_end, 2);
	}
	/* A child must not inherit that our threads block signals and that we ignore SIGPIPE. */
	posix_spawnattr_init(&attr);
	sigemptyset(&none);
	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &usual);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	int failed = posix_spawnp(pid, argv[0], &actions, &attr, (char *const *)argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return failed;
}

enum err process_start(struct process *p, const char *const argv[], enum process_output output)
{
	int ends[2] = { -1, -1 };
	bool piped = output == PROCESS_PIPE || output == PROCESS_PIPE_BOTH;
	*p = (struct process){ .out = -1 };
	if (piped && pipe2(ends, O_CLOEXEC) < 0)
		return ERR_IO;
	int failed = spawn(&p->pid, argv, output, ends[1]);
	if (piped)
		close(ends[1]);
	if (failed) {
		if (piped)
			close(ends[0]);
		p->pid = 0;
		return failed == ENOENT ? ERR_ABSENT : ERR_IO;
	}
	p->out = ends[0];
	return ERR_NONE;
}

enum err process_read(struct process *p, struct buf *out, usec span)
{
	struct pollfd wait = { p->out, POLLIN, 0 };
	char piece[4096];
	if (p->out < 0)
		return ERR_CLOSED;
	int ready = poll(&wait, 1, span > 1000 * (usec)INT32_MAX ? -1 : (int)((span + 999) / 1000));
	if (ready <= 0)
		return ERR_TIMEOUT;
	ssize_t n = read(p->out, piece, sizeof(piece));
	if (n < 0)
		return errno == EINTR ? ERR_TIMEOUT : ERR_IO;
	if (n == 0) {
		close(p->out);
		p->out = -1;
		return ERR_CLOSED;
	}
	buf_put_bytes(out, piece, (size_t)n);
	return out->err;
}

enum err process_wait(struct process *p, usec span)
{
	usec end = usec_add(ticks(), span);
	usec nap = 200;
	while (!p->ended && p->pid > 0) {
		int status;
		pid_t pid = waitpid(p->pid, &status, span == USEC_NEVER ? 0 : WNOHANG);
		if (pid < 0 && errno != EINTR)
			return ERR_ABSENT;
		if (pid > 0) {
			p->ended = true;
			p->status = WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
			break;
		}
		if (ticks() >= end)
			return ERR_TIMEOUT;
		struct timespec t = { 0, nap * 1000 };
		nanosleep(&t, NULL);
		nap = nap < 20000 ? nap * 2 : nap;
	}
	return p->pid > 0 ? ERR_NONE : ERR_ABSENT;
}

void process_kill(struct process *p, int number)
{
	/* Until it has been waited for the number is still its own. */
	if (p->pid > 0 && !p->ended)
		kill(p->pid, number);
}

void process_stop(struct process *p, usec grace)
{
	process_kill(p, SIGTERM);
	if (process_wait(p, grace) == ERR_TIMEOUT) {
		process_kill(p, SIGKILL);
		if (process_wait(p, USEC_NEVER) != ERR_NONE)
			p->ended = true; /* somebody else has waited for it */
	}
	if (p->out >= 0)
		close(p->out);
	p->out = -1;
}
