/* keeper_wait of io/keeper.h: by the door that everybody uses. */
#include "io/keeper.h"

#include <pthread.h>

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t come;
	struct keeper_answer *answer;
	bool done;
};

static void take_note(void *self, struct keeper_answer *answer)
{
	struct waiter *w = self;

	pthread_mutex_lock(&w->lock);
	w->answer = answer;
	w->done = true;
	pthread_cond_signal(&w->come);
	pthread_mutex_unlock(&w->lock);
}

struct keeper_answer *keeper_wait(struct keeper *k, const struct keeper_ask *model)
{
	struct waiter w = { .lock = PTHREAD_MUTEX_INITIALIZER, .come = PTHREAD_COND_INITIALIZER };
	struct keeper_ask *ask = keeper_ask_new(model);

	if (!ask)
		return NULL;
	keeper_post(k, (struct keeper_port){ &w, take_note }, ask);
	pthread_mutex_lock(&w.lock);
	while (!w.done)
		pthread_cond_wait(&w.come, &w.lock);
	pthread_mutex_unlock(&w.lock);
	return w.answer;
}
