#include "io/keeper.h"

#include "io/db/sqlite.h"
#include "io/journal.h"
#include "io/keeper_queue.h"
#include "io/takeover.h"
#include "store/clerk.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define BATCH_MAX        512
#define WEIGHT_MAX       4096 /* of a batch: changes of contacts, other questions; the last one may pass it */
#define HASH_THREADS_MAX 16
#define CROWD            16     /* as much in a batch; with less nobody waits for company */
#define GATHER_NS        400000 /* of patience: less than a commit takes */
#define GATHER_MAX       3      /* times, while more are coming */

#define AHEAD_MAX   256 /* questions that went ahead and wait for the next commit; with more it does not wait */
#define AHEAD_AGAIN (USEC_PER_SEC / 4)
#define PROMISES    4096 /* as many went ahead and are not in the database; with more, answers wait for their commit */

struct watcher {
	struct keeper_port port;
	uint32_t from;
	uint64_t token;
};

struct keeper {
	struct keeper_setup setup;
	struct db *db; /* from here on the keeper thread's own */
	struct store_clerk *clerk;
	struct watcher watchers[KEEPER_WATCH_MAX];
	size_t watcher_n;
	enum err last_failure; /* of COMMIT; said once */
	size_t last_weight;    /* of the last batch */
	bool changed;          /* another process has written */
	bool owes;             /* an earlier process's promises, which could not be taken over yet */
	bool left;             /* promised changes stay in the journal: what came after them must not be written */

	pthread_mutex_t order; /* taken before `lock`: the journal has the order of the queue; guards what follows */
	struct journal *journal;
	bool behind; /* what went ahead could not be committed: nothing more goes */

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t asked; /* the keeper thread waits here */
	pthread_cond_t to_hash;
	struct keeper_queue asks, hashes;
	uint32_t ahead_n;   /* of the asks: answered already */
	uint32_t promise_n; /* with those that are being committed */
	usec ahead_due;     /* when they are committed, if nothing else comes (monotonic) */
	uint32_t hash_n;    /* places taken: from keeper_post to the answer */
	bool stopping;      /* nothing new is taken */
	bool ended;         /* the hash threads go home */

	pthread_t thread, hashers[HASH_THREADS_MAX];
	uint32_t hasher_n;
	bool started, has_lock;
	struct io_tally tally;
};

static usec monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (usec)t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000;
}

static void deliver(struct keeper_port port, struct keeper_answer *answer)
{
	if (port.answer)
		port.answer(port.self, answer);
	else
		keeper_answer_free(answer);
}

static struct keeper_answer *failed(const struct keeper_ask *ask, enum err err, const char *why)
{
	struct keeper_answer *answer = keeper_answer_new(ask);

	if (answer)
		keeper_answer_fail(answer, err, "%s", why);
	return answer;
}

/* Its end: gives the answer out and everything else back. */
static void finish(struct keeper *k, struct keeper_item *item, struct keeper_answer *answer)
{
	if (item->hashed) {
		pthread_mutex_lock(&k->lock);
		k->hash_n--;
		pthread_cond_signal(&k->asked); /* a keeper that is stopping waits for the last one */
		pthread_mutex_unlock(&k->lock);
	}
	IO_COUNT(&k->tally, answered);
	deliver(item->port, answer);
	keeper_ask_free(item->ask);
	free(item);
}

static bool needs_hash(enum keeper_kind kind)
{
	return kind == KEEPER_PERSON_CHECK || store_clerk_hashes(kind);
}

/* One more went ahead. Must the keeper's thread hear of it? Under the lock. */
static bool announce_ahead(struct keeper *k)
{
	k->promise_n++;
	k->ahead_n++;
	if (k->ahead_n == 1)
		k->ahead_due = monotonic() + KEEPER_AHEAD_MS * USEC_PER_MS;
	return k->ahead_n == 1 || k->ahead_n == AHEAD_MAX;
}

/* Why it cannot be taken; NULL: it was. Under the lock. */
static const char *enqueue(struct keeper *k, struct keeper_item *item, enum err *err)
{
	enum keeper_kind kind = item->ask->kind;

	if (k->stopping) {
		*err = ERR_STATE;
		return "the keeper is ending";
	}
	if (k->asks.n >= k->setup.queue_max) {
		*err = ERR_FULL;
		return "too many questions are waiting";
	}
	if (needs_hash(kind)) {
		if (k->hash_n >= k->setup.hash_max) {
			*err = ERR_BUSY;
			return "too many passwords are being checked";
		}
		k->hash_n++;
		item->hashed = true;
	}
	if (store_clerk_hashes(kind)) {
		keeper_queue_add(&k->hashes, item);
		pthread_cond_signal(&k->to_hash);
	} else {
		keeper_queue_add(&k->asks, item);
		if (!item->number || announce_ahead(k))
			pthread_cond_signal(&k->asked);
	}
	return NULL;
}

/* Who is answered at once asks again at once: where half of the queue is full, answers wait for their commit. */
static bool is_crowded(struct keeper *k)
{
	pthread_mutex_lock(&k->lock);
	bool crowded = k->asks.n >= k->setup.queue_max / 2 || k->promise_n >= PROMISES;
	pthread_mutex_unlock(&k->lock);
	return crowded;
}

/* Into the journal and the queue, in one order. */
static enum err send_ahead(struct keeper *k, struct keeper_item *item)
{
	enum err err, refused;

	pthread_mutex_lock(&k->order);
	err = k->behind || is_crowded(k) ? ERR_BUSY
					 : journal_put(k->journal, item->ask->contact_batches[0].row, &item->number);
	if (err == ERR_NONE) {
		pthread_mutex_lock(&k->lock);
		if (enqueue(k, item, &refused))
			err = refused;
		pthread_mutex_unlock(&k->lock);
		if (err != ERR_NONE)
			journal_unput(k->journal);
	}
	pthread_mutex_unlock(&k->order);
	return err;
}

/* A change of contacts is answered here; false: the usual way has to. */
static bool post_ahead(struct keeper *k, struct keeper_port port, struct keeper_ask *ask)
{
	if (!k->setup.ahead || ask->kind != KEEPER_CONTACT_BATCH || ask->n != 1 ||
	    !contact_row_is_sound(ask->contact_batches[0].row))
		return false;
	struct keeper_answer *answer = keeper_answer_new(ask);
	struct keeper_item *item = calloc(1, sizeof(*item));
	if (item)
		*item = (struct keeper_item){ .ask = ask, .weight = 1 };
	if (!answer || !item || send_ahead(k, item) != ERR_NONE) {
		keeper_answer_free(answer);
		free(item);
		return false;
	}
	IO_COUNT(&k->tally, asked);
	IO_COUNT(&k->tally, answered);
	IO_COUNT(&k->tally, ahead);
	deliver(port, answer);
	return true;
}

void keeper_post(struct keeper *k, struct keeper_port port, struct keeper_ask *ask)
{
	enum err err = ERR_MEMORY;
	const char *why = "no memory";

	if (!ask || post_ahead(k, port, ask))
		return;
	struct keeper_item *item = calloc(1, sizeof(*item));
	if (item) {
		item->port = port;
		item->ask = ask;
		item->weight = keeper_ask_weight(ask);
		pthread_mutex_lock(&k->lock);
		why = enqueue(k, item, &err);
		pthread_mutex_unlock(&k->lock);
	}
	if (!why) {
		IO_COUNT(&k->tally, asked);
	} else {
		IO_COUNT(&k->tally, turned_away);
		deliver(port, failed(ask, err, why));
		keeper_ask_free(ask);
		free(item);
	}
}

/*
 * The keeper thread.
 */

static struct keeper_answer *watch(struct keeper *k, const struct keeper_item *item)
{
	struct keeper_answer *answer = keeper_answer_new(item->ask);
	size_t i = 0;

	while (i < k->watcher_n &&
	       (k->watchers[i].port.self != item->port.self || k->watchers[i].from != item->ask->from))
		i++;
	if (!answer)
		return NULL;
	if (i == KEEPER_WATCH_MAX) {
		keeper_answer_fail(answer, ERR_FULL, "too many watch for changes");
		return answer;
	}
	k->watchers[i] = (struct watcher){ item->port, item->ask->from, item->ask->token };
	if (i == k->watcher_n)
		k->watcher_n++;
	return answer;
}

static void tell_changed(struct keeper *k)
{
	for (size_t i = 0; i < k->watcher_n; i++) {
		const struct watcher *w = &k->watchers[i];
		struct keeper_ask about = { .kind = KEEPER_CHANGED, .token = w->token, .from = w->from };
		deliver(w->port, keeper_answer_new(&about));
	}
}

struct batch {
	struct keeper_item *items[PROMISES + BATCH_MAX];
	struct keeper_answer *answers[PROMISES + BATCH_MAX];
	size_t n, ahead_n;
	uint64_t number; /* the last of those that went ahead; 0: there is none */
	bool failed;     /* its transaction: they stay in the queue */
};

static bool writes(const struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (store_clerk_writes(b->items[i]->ask->kind))
			return true;
	return false;
}

/* Carries out those that read and, where `writing`, those that write, in the order asked. */
static void carry_out(struct keeper *k, struct batch *b, bool writing)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct keeper_ask *ask = b->items[i]->ask;
		if (b->answers[i])
			continue;
		if (ask->kind == KEEPER_WATCH)
			b->answers[i] = watch(k, b->items[i]);
		else if (writing || !store_clerk_writes(ask->kind))
			b->answers[i] = store_clerk_do(k->clerk, ask);
	}
}

/* After a failed BEGIN or COMMIT: those that write get the reason, the others are to be asked again. */
static void fail_writers(struct keeper *k, struct batch *b, enum err err)
{
	const char *why = k->left ? "the keeper is ending" : k->db->driver->why(k->db);

	if (err != k->last_failure)
		log_error(k->setup.log, "io.keeper failed", "err=\"%s\" why=\"%s\"", err_text(err), why);
	k->last_failure = err;
	for (size_t i = 0; i < b->n; i++) {
		keeper_answer_free(b->answers[i]);
		b->answers[i] = store_clerk_writes(b->items[i]->ask->kind) ? failed(b->items[i]->ask, err, why) : NULL;
	}
}

/* Within a transaction: there it costs no locks. */
static void look(struct keeper *k)
{
	k->changed = k->db->driver->foreign(k->db) || k->changed;
}

/* Reading goes on also while nothing can be written. */
static void read_all(struct keeper *k, struct batch *b)
{
	enum err err = k->db->driver->step(k->db, DB_BEGIN_READ);

	if (err == ERR_NONE) {
		carry_out(k, b, false);
		look(k);
		store_clerk_settle(k->clerk, k->db->driver->step(k->db, DB_COMMIT) == ERR_NONE);
		return;
	}
	for (size_t i = 0; i < b->n; i++)
		if (!b->answers[i])
			b->answers[i] = failed(b->items[i]->ask, err, k->db->driver->why(k->db));
}

/* They have been promised: all of them, or the whole batch again. */
static enum err check_ahead(struct keeper *k, const struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		if (!b->items[i]->number)
			continue;
		if (!b->answers[i] || b->answers[i]->err)
			return b->answers[i] ? b->answers[i]->err : ERR_MEMORY;
	}
	return b->number ? takeover_note(k->clerk, b->number) : ERR_NONE;
}

static void settle_ahead(struct keeper *k, const struct batch *b)
{
	if (!b->number && !k->behind)
		return;
	pthread_mutex_lock(&k->order);
	k->behind = b->failed;
	if (!b->failed && b->number)
		journal_settle(k->journal, b->number);
	pthread_mutex_unlock(&k->order);
}

/* What an earlier process has promised. Somebody else who has the journal is a keeper that runs, and has told the
 * database by then all that we may have heard of, or takes it over himself. */
static enum err take_over(struct keeper *k)
{
	bool ahead = k->setup.ahead;
	size_t n = 0;
	enum err err = journal_open(k->setup.path, ahead ? k->setup.busy_ms * USEC_PER_MS : 0, &k->journal);

	bool opened = err == ERR_NONE;
	if (err == ERR_BUSY)
		nanosleep(&(struct timespec){ .tv_nsec = 3 * KEEPER_AHEAD_MS / 2 * 1000000 }, NULL);
	if (opened)
		err = takeover_all(k->db, k->clerk, k->journal, &n);
	if (n)
		log_info(k->setup.log, "io.keeper took over", "what=\"changes of contacts that a process left\" n=%zu",
			 n);
	if (ahead)
		return err;
	journal_close(k->journal);
	k->journal = NULL;
	err = opened ? err : ERR_NONE;
	k->owes = err != ERR_NONE;
	return err;
}

/* ERR_NONE: a transaction has begun. */
static enum err begin(struct keeper *k)
{
	enum err err = k->left ? k->last_failure : ERR_NONE;

	if (err == ERR_NONE && k->owes)
		err = take_over(k);
	return err == ERR_NONE ? k->db->driver->step(k->db, DB_BEGIN) : err;
}

static void write_all(struct keeper *k, struct batch *b)
{
	usec began = monotonic();
	enum err err = begin(k);

	if (err == ERR_NONE) {
		carry_out(k, b, true);
		look(k);
		err = check_ahead(k, b);
		enum err ended = k->db->driver->step(k->db, err == ERR_NONE ? DB_COMMIT : DB_ROLLBACK);
		err = err == ERR_NONE ? ended : err;
	}
	store_clerk_settle(k->clerk, err == ERR_NONE);
	b->failed = err != ERR_NONE;
	settle_ahead(k, b);
	IO_COUNT(&k->tally, batches);
	IO_OBSERVE(&k->tally, commit, monotonic() - began);
	if (err != ERR_NONE)
		IO_COUNT(&k->tally, failures);
	if (err != ERR_NONE) {
		fail_writers(k, b, err);
		read_all(k, b);
	} else if (k->last_failure != ERR_NONE) {
		k->last_failure = ERR_NONE;
		log_info(k->setup.log, "io.keeper recovered", "n=%zu", b->n);
	}
}

/* A check goes on to the hash threads with what was found. */
static void pass_on(struct keeper *k, struct keeper_item *item, struct keeper_answer *found)
{
	if (!found) {
		finish(k, item, NULL);
		return;
	}
	item->answer = found;
	pthread_mutex_lock(&k->lock);
	keeper_queue_add(&k->hashes, item);
	pthread_cond_signal(&k->to_hash);
	pthread_mutex_unlock(&k->lock);
}

/* Nobody waits for it. Where the transaction failed it goes into *again. */
static void end_ahead(struct keeper_item *item, struct keeper_answer *answer, struct keeper_queue *again)
{
	keeper_answer_free(answer);
	if (again) {
		keeper_queue_add(again, item);
		return;
	}
	keeper_ask_free(item->ask);
	free(item);
}

/* Before all others. A keeper that is ending leaves them in the journal, and with them all that came after: in the
 * database it would be older than they are to whoever takes them over. */
static void put_back(struct keeper *k, struct keeper_queue *again)
{
	struct keeper_item *item;

	pthread_mutex_lock(&k->lock);
	bool left = k->stopping;
	if (!left) {
		*again->last = k->asks.first;
		if (!k->asks.first)
			k->asks.last = again->last;
		k->asks.first = again->first;
		k->asks.n += again->n;
		k->asks.weight += again->weight;
		k->ahead_n += again->n;
		k->ahead_due = monotonic() + AHEAD_AGAIN;
	}
	pthread_mutex_unlock(&k->lock);
	k->left = left;
	if (left)
		log_warn(k->setup.log, "io.keeper left", "what=\"changes of contacts, for the next start\" n=%u",
			 again->n);
	while (left && (item = keeper_queue_take(again))) {
		keeper_ask_free(item->ask);
		free(item);
	}
}

static void keep_promises(struct keeper *k, size_t n)
{
	pthread_mutex_lock(&k->lock);
	k->promise_n -= (uint32_t)n;
	pthread_mutex_unlock(&k->lock);
}

static void answer_batch(struct keeper *k, struct batch *b)
{
	bool changed = k->changed || (b->n == 0 && k->db->driver->foreign(k->db));

	struct keeper_queue again;

	keeper_queue_init(&again);
	k->changed = false;
	for (size_t i = 0; i < b->n; i++) {
		struct keeper_item *item = b->items[i];
		if (b->answers[i] && b->answers[i]->err == ERR_NONE && store_clerk_concerns(item->ask->kind))
			changed = true;
		if (item->number)
			end_ahead(item, b->answers[i], b->failed ? &again : NULL);
		else if (item->ask->kind == KEEPER_PERSON_CHECK)
			pass_on(k, item, b->answers[i]);
		else
			finish(k, item, b->answers[i]);
	}
	if (b->ahead_n && !b->failed)
		keep_promises(k, b->ahead_n);
	if (again.n)
		put_back(k, &again);
	if (changed)
		tell_changed(k);
}

/* Under the lock. What went ahead waits for company. */
static bool has_work(const struct keeper *k)
{
	bool crowd = k->ahead_n >= AHEAD_MAX && !k->behind;

	return k->asks.n > k->ahead_n || (k->asks.n && (k->stopping || crowd)) ||
	       (k->ahead_n && monotonic() >= k->ahead_due);
}

static void wait_for_more(struct keeper *k)
{
	usec until = k->ahead_n ? k->ahead_due : USEC_NEVER;

	if (k->setup.look_ms > 0 && k->watcher_n > 0)
		until = usec_min(until, monotonic() + k->setup.look_ms * USEC_PER_MS);
	if (until == USEC_NEVER) {
		pthread_cond_wait(&k->asked, &k->lock);
		return;
	}
	struct timespec at = { .tv_sec = (time_t)(until / USEC_PER_SEC), .tv_nsec = until % USEC_PER_SEC * 1000 };
	pthread_cond_timedwait(&k->asked, &k->lock, &at);
}

/*
 * Whoever was answered by the last commit asks again soon, and the first of them must not start a commit alone: a sync
 * costs as much as a hundred rows. So where there was a crowd, it is given a moment; not by the condition, which would
 * wake this thread for each that comes. Under the lock.
 */
static void gather(struct keeper *k)
{
	size_t before = 0, crowd = k->last_weight;

	if (crowd < CROWD)
		return;
	for (int i = 0; i < GATHER_MAX && k->asks.weight < crowd && k->asks.weight > before + before / 8; i++) {
		before = k->asks.weight;
		pthread_mutex_unlock(&k->lock);
		nanosleep(&(struct timespec){ .tv_nsec = GATHER_NS }, NULL);
		pthread_mutex_lock(&k->lock);
	}
}

/* Is there room for one more? What could not be committed is taken as a whole, for it stands before all others, and who
 * only reads would never have a turn. */
static bool has_room(const struct keeper *k, const struct batch *b)
{
	return b->n - (k->behind ? b->ahead_n : 0) < BATCH_MAX && k->last_weight < WEIGHT_MAX;
}

/* The next batch, perhaps empty; false: it is over. */
static bool take_batch(struct keeper *k, struct batch *b)
{
	struct keeper_item *item;

	b->n = b->ahead_n = 0;
	b->number = 0;
	b->failed = false;
	pthread_mutex_lock(&k->lock);
	bool over = k->stopping && k->asks.n == 0 && k->hash_n == 0;
	if (!over && !has_work(k))
		wait_for_more(k);
	bool work = !over && has_work(k);
	if (work)
		gather(k);
	k->last_weight = 0;
	while (work && has_room(k, b) && (item = keeper_queue_take(&k->asks))) {
		b->answers[b->n] = NULL;
		b->items[b->n++] = item;
		if (item->number) {
			k->ahead_n--;
			b->ahead_n++;
			b->number = item->number;
		} else {
			k->last_weight += item->weight;
		}
	}
	pthread_mutex_unlock(&k->lock);
	return !over;
}

static void *keep(void *self)
{
	struct keeper *k = self;
	struct batch *b = malloc(sizeof(*b));

	if (!b)
		abort(); /* 72 KiB at the very start */
	while (take_batch(k, b)) {
		if (b->n > 0 && writes(b))
			write_all(k, b);
		else if (b->n > 0)
			read_all(k, b);
		answer_batch(k, b);
	}
	free(b);
	return NULL;
}

/*
 * The hash threads.
 */

/* A hash of an older cost is made anew once the right password is at hand. */
static void renew(struct keeper *k, const struct keeper_item *item)
{
	const struct person_record *found = item->answer->persons;
	struct keeper_ask model = *item->ask;
	struct keeper_ask *hashed = NULL;

	if (!password_is_dated(found->hash, k->setup.cost))
		return;
	model.kind = KEEPER_PERSON_PASSWORD;
	struct keeper_item *own = calloc(1, sizeof(*own));
	if (!own || store_clerk_hash(&model, k->setup.cost, &hashed) != ERR_NONE) {
		free(own);
		return; /* next time */
	}
	own->ask = hashed;
	own->weight = 1;
	IO_COUNT(&k->tally, asked);
	pthread_mutex_lock(&k->lock);
	keeper_queue_add(&k->asks, own);
	pthread_cond_signal(&k->asked);
	pthread_mutex_unlock(&k->lock);
}

static void judge(struct keeper *k, struct keeper_item *item)
{
	struct keeper_answer *answer = store_clerk_judge(item->ask, item->answer, k->setup.cost);

	if (answer && answer->err == ERR_NONE)
		renew(k, item);
	keeper_answer_free(item->answer);
	finish(k, item, answer);
}

static void hash(struct keeper *k, struct keeper_item *item)
{
	struct keeper_ask *hashed;
	enum err err = store_clerk_hash(item->ask, k->setup.cost, &hashed);

	if (err != ERR_NONE) {
		finish(k, item, failed(item->ask, err, store_clerk_hash_why(err)));
		return;
	}
	keeper_ask_free(item->ask);
	item->ask = hashed;
	pthread_mutex_lock(&k->lock);
	keeper_queue_add(&k->asks, item);
	pthread_cond_signal(&k->asked);
	pthread_mutex_unlock(&k->lock);
}

static void *hash_all(void *self)
{
	struct keeper *k = self;

	for (;;) {
		pthread_mutex_lock(&k->lock);
		while (!k->ended && k->hashes.n == 0)
			pthread_cond_wait(&k->to_hash, &k->lock);
		struct keeper_item *item = keeper_queue_take(&k->hashes);
		pthread_mutex_unlock(&k->lock);
		if (!item)
			return NULL;
		if (item->answer)
			judge(k, item);
		else
			hash(k, item);
	}
}

/*
 * Beginning and end.
 */

static bool make_lock(struct keeper *k)
{
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	k->has_lock = pthread_mutex_init(&k->lock, NULL) == 0 && pthread_mutex_init(&k->order, NULL) == 0 &&
		      pthread_cond_init(&k->asked, &monotonic) == 0 && pthread_cond_init(&k->to_hash, NULL) == 0;
	pthread_condattr_destroy(&monotonic);
	return k->has_lock;
}

static bool start_threads(struct keeper *k)
{
	k->started = pthread_create(&k->thread, NULL, keep, k) == 0;
	while (k->started && k->hasher_n < k->setup.hash_threads) {
		if (pthread_create(&k->hashers[k->hasher_n], NULL, hash_all, k) != 0)
			return false;
		k->hasher_n++;
	}
	return k->started;
}

static void set_defaults(struct keeper_setup *s)
{
	if (s->cost.memory_bytes == 0)
		s->cost = password_cost_today();
	s->busy_ms = s->busy_ms ? s->busy_ms : 5000;
	s->queue_max = s->queue_max ? s->queue_max : 8192;
	s->hash_max = s->hash_max ? s->hash_max : 64;
	s->hash_threads = s->hash_threads ? s->hash_threads : 2;
	if (s->hash_threads > HASH_THREADS_MAX)
		s->hash_threads = HASH_THREADS_MAX;
}

/* Who does not need the journal itself leaves it to others, and has it no longer than that. */
static enum err open_journal(struct keeper *k, struct buf *why)
{
	const char *path = k->setup.path;

	if (!k->setup.ahead) {
		if (journal_is_there(path))
			(void)!take_over(k); /* again before anything is written */
		return ERR_NONE;
	}
	enum err err = take_over(k);
	if (err != ERR_NONE)
		buf_printf(why, "%s-contacts-0: %s", path,
			   err == ERR_BUSY ? "another process reads it" : err_text(err));
	return err;
}

enum err keeper_start(const struct keeper_setup *setup, struct keeper **out, char *why, size_t why_n)
{
	struct keeper *k = calloc(1, sizeof(*k));
	struct buf said;

	buf_init(&said, why, why_n > 0 ? why_n - 1 : 0);
	if (!k)
		return ERR_MEMORY;
	k->setup = *setup;
	set_defaults(&k->setup);
	keeper_queue_init(&k->asks);
	keeper_queue_init(&k->hashes);
	struct db_sqlite_setup file = { .path = setup->path, .busy_ms = k->setup.busy_ms, .page_max = setup->page_max };
	enum err err = db_sqlite_open(&file, &k->db, why, why_n);
	bool opened = err == ERR_NONE;
	if (opened && (!(k->clerk = store_clerk_new(k->db)) || !make_lock(k)))
		err = ERR_MEMORY;
	if (err == ERR_NONE)
		err = open_journal(k, &said);
	if (err == ERR_NONE && !start_threads(k))
		err = ERR_MEMORY;
	if (err != ERR_NONE) {
		if (opened && !said.n)
			buf_put_z(&said, "no memory or no threads for the keeper");
		if (opened && why_n > 0)
			why[said.n] = 0;
		keeper_stop(k);
		return err;
	}
	log_info(k->setup.log, "io.keeper open", "file=\"%s\"", setup->path);
	*out = k;
	return ERR_NONE;
}

static void join_threads(struct keeper *k)
{
	pthread_mutex_lock(&k->lock);
	k->stopping = true;
	pthread_cond_signal(&k->asked);
	pthread_mutex_unlock(&k->lock);
	if (k->started)
		pthread_join(k->thread, NULL);
	pthread_mutex_lock(&k->lock);
	k->ended = true;
	pthread_cond_broadcast(&k->to_hash);
	pthread_mutex_unlock(&k->lock);
	for (uint32_t i = 0; i < k->hasher_n; i++)
		pthread_join(k->hashers[i], NULL);
}

void keeper_stop(struct keeper *k)
{
	if (!k)
		return;
	if (k->has_lock) {
		join_threads(k);
		pthread_cond_destroy(&k->asked);
		pthread_cond_destroy(&k->to_hash);
		pthread_mutex_destroy(&k->lock);
		pthread_mutex_destroy(&k->order);
	}
	journal_close(k->journal);
	store_clerk_free(k->clerk);
	if (k->db)
		k->db->driver->free(k->db);
	free(k);
}

void keeper_figures(const struct keeper *k, struct io_figures *sum)
{
	io_tally_read(&k->tally, sum);
}
