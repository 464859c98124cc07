#include "avalanche.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t slow_ends;
static pid_t slow_by, slow_of;

double slow_cpu(void)
{
	struct timespec cpu;
	clockid_t clock;

	if (slow_of <= 0 || clock_getcpuclockid(slow_of, &clock) || clock_gettime(clock, &cpu))
		return 0;
	return (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9;
}

static void slow_end(int signal)
{
	(void)signal;
	slow_ends = 1;
}

/* It runs for a slice of its own CPU time and stands still until it has the next one. What it did not use it may make
 * up for within the time of one slice more. To stop and to continue costs it itself some 40 us, hence no shorter ones.
 */
#define SLICE 500.0

static void slow_loop(pid_t pid, double share)
{
	int64_t last = now_us(), used = 0;
	double left = 0;
	bool stopped = false;
	clockid_t clock;

	signal(SIGTERM, slow_end);
	signal(SIGINT, slow_end);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_TIMERSLACK, 1000UL);
	for (bool first = true; !slow_ends && !clock_getcpuclockid(pid, &clock); first = false) {
		struct timespec cpu;
		int64_t now = now_us();

		if (clock_gettime(clock, &cpu))
			break;
		int64_t used_now = (int64_t)cpu.tv_sec * 1000000 + cpu.tv_nsec / 1000;
		if (!first)
			left += (double)(now - last) * share - (double)(used_now - used);
		left = left < 2 * SLICE ? left : 2 * SLICE;
		last = now;
		used = used_now;
		bool stop = left < (stopped ? SLICE : 0);
		if (stopped != stop && kill(pid, stop ? SIGSTOP : SIGCONT))
			break;
		stopped = stop;
		/* asleep until it has its next slice or can have used what it has */
		double wait = stopped ? (SLICE - left) / share : left;
		wait = wait < 50 ? 50 : wait > 20000 ? 20000 : wait;
		nanosleep(&(struct timespec){ .tv_nsec = (long)(wait * 1000) }, NULL);
	}
	kill(pid, SIGCONT);
	_exit(0);
}

bool slow_is(void)
{
	if (slow_by > 0 && waitpid(slow_by, NULL, WNOHANG) == slow_by)
		slow_by = -1;
	return slow_by >= 0;
}

static void slow_stop(void)
{
	if (slow_by <= 0)
		return;
	kill(slow_by, SIGTERM);
	waitpid(slow_by, NULL, 0);
}

void slow_start(const char *value)
{
	const char *percent = strchr(value, ':');
	long pid = atol(value), share = percent ? atol(percent + 1) : 0;

	if (pid <= 1 || share < 1 || share > 100 || kill((pid_t)pid, 0))
		die("--slow PID:PERCENT of a running process");
	fflush(stdout);
	slow_of = (pid_t)pid;
	slow_by = fork();
	if (slow_by < 0)
		die("no process");
	if (slow_by == 0)
		slow_loop((pid_t)pid, (double)share / 100);
	atexit(slow_stop);
}
