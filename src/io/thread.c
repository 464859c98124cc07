#include "io/thread.h"

#include "base/str.h"

#include <errno.h>
#include <signal.h>

static void *run(void *arg)
{
	struct thread *t = arg;
#ifdef __linux__
	pthread_setname_np(pthread_self(), t->name);
#endif
	t->run(t->arg);
	return NULL;
}

enum err thread_start(struct thread *t, const char *name, void (*what)(void *), void *arg)
{
	sigset_t all, before;
	*t = (struct thread){ .run = what, .arg = arg };
	str_copy_z(str_from(name), t->name, sizeof(t->name));
	/* Signals belong to the thread that runs io/signals; a new thread inherits the mask. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(&t->id, NULL, run, t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	t->running = failed == 0;
	return failed == 0 ? ERR_NONE : failed == EAGAIN ? ERR_FULL : ERR_MEMORY;
}

void thread_join(struct thread *t)
{
	if (t->running)
		pthread_join(t->id, NULL);
	t->running = false;
}
