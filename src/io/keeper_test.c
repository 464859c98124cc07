#include "io/keeper.h"

#include "base/test.h"
#include "io/db/sqlite.h"
#include "store/clerk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NOW ((usec)1700000000 * USEC_PER_SEC)

struct house {
	char folder[32], path[64];
};

static int start(void **state)
{
	struct house *h = calloc(1, sizeof(*h));

	strcpy(h->folder, "/tmp/tandem-test-XXXXXX");
	assert_non_null(mkdtemp(h->folder));
	snprintf(h->path, sizeof(h->path), "%s/tandem.db", h->folder);
	*state = h;
	return 0;
}

static int stop(void **state)
{
	struct house *h = *state;
	DIR *dir = opendir(h->folder);
	char path[400];

	for (struct dirent *e; (e = readdir(dir));) {
		snprintf(path, sizeof(path), "%s/%s", h->folder, e->d_name);
		unlink(path);
	}
	closedir(dir);
	rmdir(h->folder);
	free(h);
	return 0;
}

static struct keeper *open_with(struct keeper_setup setup, const struct house *h)
{
	struct keeper *k = NULL;
	char why[200] = "";

	setup.path = h->path;
	if (setup.cost.memory_bytes == 0)
		setup.cost = password_cost_least();
	assert_int_equal(keeper_start(&setup, &k, why, sizeof(why)), ERR_NONE);
	return k;
}

static struct keeper *open_keeper(const struct house *h)
{
	return open_with((struct keeper_setup){ .path = NULL }, h);
}

static enum err tell(struct keeper *k, struct keeper_ask model)
{
	model.now = NOW;
	struct keeper_answer *answer = keeper_wait(k, &model);
	assert_non_null(answer);
	enum err err = answer->err;
	keeper_answer_free(answer);
	return err;
}

#define TELL(keeper, what, ...) tell((keeper), (struct keeper_ask){ .kind = (what), __VA_ARGS__ })

static enum err put_state(struct keeper *k, const char *name)
{
	struct state_record row = { .owner = STR("x"), .name = str_from(name), .value = STR("v") };

	return TELL(k, KEEPER_STATE_PUT, .states = &row, .n = 1);
}

static enum err get_state(struct keeper *k, const char *name)
{
	struct state_record row = { .owner = STR("x"), .name = str_from(name) };

	return TELL(k, KEEPER_STATE_GET, .states = &row, .n = 1);
}

/* Counts what comes to a port. */
struct counter {
	pthread_mutex_t lock;
	pthread_cond_t come;
	size_t n, good, changed, refused;
	uint64_t last;
	bool ordered;
};

#define COUNTER                                                                                                        \
	{                                                                                                              \
		.lock = PTHREAD_MUTEX_INITIALIZER, .come = PTHREAD_COND_INITIALIZER, .ordered = true                   \
	}

static void count(void *self, struct keeper_answer *a)
{
	struct counter *c = self;

	pthread_mutex_lock(&c->lock);
	if (a->kind == KEEPER_CHANGED) {
		c->changed++;
	} else {
		c->n++;
		c->good += a->err == ERR_NONE;
		c->refused += a->err == ERR_FULL || a->err == ERR_BUSY;
		c->ordered &= a->token > c->last;
		c->last = a->token;
	}
	pthread_cond_signal(&c->come);
	pthread_mutex_unlock(&c->lock);
	keeper_answer_free(a);
}

static void post(struct keeper *k, struct counter *c, struct keeper_ask model)
{
	model.now = NOW;
	keeper_post(k, (struct keeper_port){ c, count }, keeper_ask_new(&model));
}

static void wait_for(struct counter *c, const size_t *what, size_t n)
{
	pthread_mutex_lock(&c->lock);
	while (*what < n)
		pthread_cond_wait(&c->come, &c->lock);
	pthread_mutex_unlock(&c->lock);
}

static void every_question_is_answered_once_in_order_and_kept(void **state)
{
	struct keeper *k = open_keeper(*state);
	struct counter c = COUNTER;
	char name[20];

	for (int i = 1; i <= 3000; i++) {
		snprintf(name, sizeof(name), "%d", i);
		struct state_record row = { .owner = STR("x"), .name = str_from(name), .value = STR("v") };
		post(k, &c,
		     (struct keeper_ask){ .kind = KEEPER_STATE_PUT, .token = (uint64_t)i, .states = &row, .n = 1 });
	}
	keeper_stop(k); /* carries out what was asked */
	assert_int_equal(c.n, 3000);
	assert_int_equal(c.good, 3000);
	assert_true(c.ordered);

	k = open_keeper(*state);
	assert_int_equal(get_state(k, "1"), ERR_NONE);
	assert_int_equal(get_state(k, "3000"), ERR_NONE);
	assert_int_equal(get_state(k, "3001"), ERR_ABSENT);
	keeper_stop(k);
}

static void a_full_queue_is_answered_at_once(void **state)
{
	struct house *h = *state;
	struct keeper *k = open_with((struct keeper_setup){ .queue_max = 4, .busy_ms = 60000 }, h);
	struct counter c = COUNTER;
	struct db *other;
	char why[200];

	/* While somebody else holds the database, questions gather. */
	assert_int_equal(db_sqlite_open(&(struct db_sqlite_setup){ .path = h->path }, &other, why, sizeof(why)),
			 ERR_NONE);
	assert_int_equal(other->driver->step(other, DB_BEGIN), ERR_NONE);
	struct state_record row = { .owner = STR("x"), .name = STR("n"), .value = STR("v") };
	for (uint64_t i = 1; i <= 40; i++)
		post(k, &c, (struct keeper_ask){ .kind = KEEPER_STATE_PUT, .token = i, .states = &row, .n = 1 });
	wait_for(&c, &c.refused, 40 - 2 * 4); /* one batch of at most four under way, four waiting */
	assert_int_equal(other->driver->step(other, DB_ROLLBACK), ERR_NONE);
	other->driver->free(other);
	wait_for(&c, &c.n, 40);
	assert_true(c.good >= 4 && c.good <= 8);
	assert_int_equal(c.good + c.refused, 40);
	keeper_stop(k);
}

static void a_locked_database_refuses_writers_and_serves_readers(void **state)
{
	struct house *h = *state;
	struct keeper *k = open_with((struct keeper_setup){ .busy_ms = 10 }, h);
	struct db *other;
	char why[200];

	assert_int_equal(put_state(k, "before"), ERR_NONE);
	assert_int_equal(db_sqlite_open(&(struct db_sqlite_setup){ .path = h->path }, &other, why, sizeof(why)),
			 ERR_NONE);
	assert_int_equal(other->driver->step(other, DB_BEGIN), ERR_NONE);
	assert_int_equal(put_state(k, "during"), ERR_BUSY);
	assert_int_equal(get_state(k, "before"), ERR_NONE);

	/* .. also in one batch with those that write. */
	struct counter c = COUNTER;
	struct state_record row = { .owner = STR("x"), .name = STR("before"), .value = STR("v") };
	for (uint64_t i = 1; i <= 20; i++)
		post(k, &c,
		     (struct keeper_ask){
			     .kind = i % 2 ? KEEPER_STATE_PUT : KEEPER_STATE_GET, .token = i, .states = &row, .n = 1 });
	wait_for(&c, &c.n, 20);
	assert_int_equal(c.good, 10);
	assert_int_equal(c.refused, 10);
	assert_true(c.ordered);
	assert_int_equal(other->driver->step(other, DB_ROLLBACK), ERR_NONE);
	assert_int_equal(put_state(k, "after"), ERR_NONE);
	assert_int_equal(get_state(k, "during"), ERR_ABSENT);
	other->driver->free(other);
	keeper_stop(k);
}

static void a_full_disk_refuses_writers_and_serves_readers(void **state)
{
	static char value[30000];
	struct keeper *k = open_with((struct keeper_setup){ .page_max = 120 }, *state);
	struct state_record row = { .owner = STR("x"), .name = STR("a"), .value = str_of(value, sizeof(value)) };
	char name[20];
	enum err err = ERR_NONE;

	for (int i = 0; err == ERR_NONE; i++) {
		snprintf(name, sizeof(name), "%d", i);
		row.name = str_from(name);
		err = TELL(k, KEEPER_STATE_PUT, .states = &row, .n = 1);
		assert_true(i < 100);
	}
	assert_int_equal(err, ERR_FULL);
	assert_int_equal(get_state(k, "0"), ERR_NONE);
	keeper_stop(k);
}

static void passwords_are_checked_beside_the_other_work(void **state)
{
	struct password_cost cost = password_cost_today(); /* slow enough to be overtaken */
	struct keeper *k = open_with((struct keeper_setup){ .cost = cost }, *state);
	struct counter slow = COUNTER;
	struct person_record p = { .name = STR("alice"), .password = STR("right") };

	assert_int_equal(TELL(k, KEEPER_PERSON_ADD, .persons = &p, .n = 1), ERR_NONE);
	for (uint64_t i = 1; i <= 6; i++)
		post(k, &slow, (struct keeper_ask){ .kind = KEEPER_PERSON_CHECK, .token = i, .persons = &p, .n = 1 });
	assert_int_equal(put_state(k, "quick"), ERR_NONE);
	assert_true(slow.n < 6);
	keeper_stop(k); /* answers the rest */
	assert_int_equal(slow.good, 6);
}

static void too_many_checks_at_once_are_busy(void **state)
{
	struct keeper *k = open_with((struct keeper_setup){ .hash_max = 2, .hash_threads = 1 }, *state);
	struct counter c = COUNTER;
	struct person_record p = { .name = STR("nobody"), .password = STR("x") };

	for (uint64_t i = 1; i <= 200; i++)
		post(k, &c, (struct keeper_ask){ .kind = KEEPER_PERSON_CHECK, .token = i, .persons = &p, .n = 1 });
	keeper_stop(k);
	assert_int_equal(c.n, 200);
	assert_int_equal(c.good, 0);
	assert_true(c.refused > 0 && c.refused < 200);
}

static void a_hash_of_an_older_cost_is_renewed_at_the_next_right_password(void **state)
{
	struct password_cost dearer = { .passes = 2, .memory_bytes = 1 << 20 };
	struct person_record p = { .name = STR("alice"), .password = STR("right") };
	struct house *h = *state;
	char command[200];

	struct keeper *k = open_keeper(h);
	assert_int_equal(TELL(k, KEEPER_PERSON_ADD, .persons = &p, .n = 1), ERR_NONE);
	keeper_stop(k);
	k = open_with((struct keeper_setup){ .cost = dearer }, h);
	p.password = STR("wrong");
	assert_int_equal(TELL(k, KEEPER_PERSON_CHECK, .persons = &p, .n = 1), ERR_REFUSED);
	p.password = STR("right");
	assert_int_equal(TELL(k, KEEPER_PERSON_CHECK, .persons = &p, .n = 1), ERR_NONE);
	keeper_stop(k);
	snprintf(command, sizeof(command), "grep -aq 'm=1024,t=2' %s", h->path);
	assert_int_equal(system(command), 0);
	k = open_with((struct keeper_setup){ .cost = dearer }, h);
	assert_int_equal(TELL(k, KEEPER_PERSON_CHECK, .persons = &p, .n = 1), ERR_NONE);
	keeper_stop(k);
}

static void who_watches_hears_of_changes_by_others(void **state)
{
	struct keeper *k = open_with((struct keeper_setup){ .look_ms = 5 }, *state);
	struct keeper *other = open_keeper(*state); /* as `tandem admin` would */
	struct counter c = COUNTER;
	struct user_record u = { .name = STR("101"), .password = STR("x") };

	post(k, &c, (struct keeper_ask){ .kind = KEEPER_WATCH, .token = 1 });
	wait_for(&c, &c.n, 1);
	assert_int_equal(put_state(k, "nothing of it"), ERR_NONE);
	assert_int_equal(c.changed, 0);
	assert_int_equal(TELL(k, KEEPER_USER_ADD, .users = &u, .n = 1), ERR_NONE);
	wait_for(&c, &c.changed, 1);
	assert_int_equal(TELL(other, KEEPER_USER_REMOVE, .users = &u, .n = 1), ERR_NONE);
	wait_for(&c, &c.changed, 2);
	keeper_stop(other);
	keeper_stop(k);
}

static void a_file_that_cannot_be_opened_is_said(void **state)
{
	struct keeper *k = NULL;
	char why[200] = "";

	(void)state;
	assert_int_equal(keeper_start(&(struct keeper_setup){ .path = "/nowhere/tandem.db" }, &k, why, sizeof(why)),
			 ERR_IO);
	assert_non_null(strstr(why, "/nowhere/tandem.db: No such file"));
	assert_null(k);
	keeper_stop(NULL);
}

/*
 * Kill -9. A child writes and says each acknowledged row on a pipe; it is killed at
 * some point, and every row it has said must be there.
 */

static void write_until_killed(const struct house *h, int round, int out)
{
	struct keeper *k = open_keeper(h);
	char name[40];

	for (int i = 0;; i++) {
		int n = snprintf(name, sizeof(name), "%d-%d", round, i);
		if (put_state(k, name) != ERR_NONE)
			_exit(1);
		name[n++] = '\n';
		if (write(out, name, (size_t)n) != n)
			_exit(1);
	}
}

static void read_names(int in, FILE *into)
{
	char text[4096];
	ssize_t n;

	while ((n = read(in, text, sizeof(text))) > 0)
		assert_int_equal(fwrite(text, 1, (size_t)n, into), n);
}

/* Lets a child write for a while; its acknowledged names go into the file. */
static void round_of_writing(const struct house *h, int round, useconds_t wait, FILE *into)
{
	int ends[2], status;

	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(ends[0]);
		write_until_killed(h, round, ends[1]);
	}
	close(ends[1]);
	usleep(wait);
	kill(child, SIGKILL);
	read_names(ends[0], into);
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void what_was_acknowledged_survives_kill_9(void **state)
{
	struct house *h = *state;
	FILE *said = tmpfile();
	unsigned seed = (unsigned)time(NULL);
	char name[40];
	size_t n = 0;

	print_message("seed %u\n", seed);
	for (int round = 0; round < 25; round++)
		round_of_writing(h, round, 5000 + (useconds_t)(rand_r(&seed) % 60000), said);
	rewind(said);
	struct keeper *k = open_keeper(h);
	while (fgets(name, sizeof(name), said)) {
		name[strcspn(name, "\n")] = 0;
		assert_int_equal(get_state(k, name), ERR_NONE);
		n++;
	}
	print_message("%zu acknowledged rows, all there\n", n);
	assert_true(n > 25);
	keeper_stop(k);
	fclose(said);
}

/*
 * Contacts that go ahead.
 */

static struct keeper *open_ahead(const struct house *h)
{
	return open_with((struct keeper_setup){ .ahead = true, .busy_ms = 100 }, h);
}

/* Binds or refreshes sip:N@x; the answer goes to `c`. */
static void refresh(struct keeper *k, struct counter *c, uint64_t token, unsigned n, usec expires)
{
	char aor[40];
	struct contact_batch batch;

	snprintf(aor, sizeof(aor), "sip:%u@x", n);
	struct contact_record contact = {
		.aor = str_from(aor), .key = STR("k"), .uri = STR("sip:a@b"), .expires = expires
	};
	contact_batch_init(&batch);
	assert_int_equal(contact_batch_put(&batch, &contact), ERR_NONE);
	struct contact_batch_record row = { .row = contact_batch_row(&batch) };
	post(k, c,
	     (struct keeper_ask){ .kind = KEEPER_CONTACT_BATCH, .token = token, .contact_batches = &row, .n = 1 });
	contact_batch_free(&batch);
}

/* When sip:N@x ends, as the store knows it; 0: it is not bound. */
static usec bound_until(struct keeper *k, unsigned n)
{
	char aor[40];
	usec expires = 0;
	int64_t after = 0;
	bool more = true;

	snprintf(aor, sizeof(aor), "sip:%u@x", n);
	while (more) {
		struct keeper_answer *a =
			keeper_wait(k, &(struct keeper_ask){ .kind = KEEPER_CONTACT_LIST, .now = NOW, .after = after });
		assert_int_equal(a->err, ERR_NONE);
		for (size_t i = 0; i < a->n; i++)
			if (str_eq(a->contacts[i].aor, str_from(aor)))
				expires = a->contacts[i].expires;
		more = a->more;
		after = a->n ? a->contacts[a->n - 1].id : 0;
		keeper_answer_free(a);
	}
	return expires;
}

static struct db *hold_database(const struct house *h)
{
	struct db *other;
	char why[200];

	assert_int_equal(
		db_sqlite_open(&(struct db_sqlite_setup){ .path = h->path, .busy_ms = 5000 }, &other, why, sizeof(why)),
		ERR_NONE);
	assert_int_equal(other->driver->step(other, DB_BEGIN), ERR_NONE);
	return other;
}

static void release_database(struct db *other)
{
	assert_int_equal(other->driver->step(other, DB_ROLLBACK), ERR_NONE);
	other->driver->free(other);
}

static void a_contact_is_answered_before_the_database_has_it(void **state)
{
	struct house *h = *state;
	struct keeper *k = open_ahead(h);
	struct counter c = COUNTER;
	struct db *other = hold_database(h);

	/* Nobody can write now: yet it is answered, on the spot. */
	refresh(k, &c, 1, 7, NOW + 60);
	assert_int_equal(c.good, 1);
	release_database(other);
	assert_true(bound_until(k, 7) == NOW + 60); /* who asks after it finds it */
	keeper_stop(k);
	k = open_keeper(h);
	assert_true(bound_until(k, 7) == NOW + 60);
	keeper_stop(k);
}

static void it_reaches_the_database_by_itself(void **state)
{
	struct house *h = *state;
	struct keeper *k = open_ahead(h);
	struct counter c = COUNTER;
	usec until = 0;

	refresh(k, &c, 1, 7, NOW + 60);
	for (int i = 0; i < 100 && !until; i++) {
		struct keeper *other = open_keeper(h); /* another process: it may not read our journal */
		until = bound_until(other, 7);
		keeper_stop(other);
		usleep(20000);
	}
	assert_true(until == NOW + 60);
	keeper_stop(k);
}

static void while_a_commit_fails_nothing_goes_ahead_and_what_did_is_kept(void **state)
{
	struct house *h = *state;
	struct keeper *k = open_ahead(h);
	struct counter c = COUNTER;
	struct db *other = hold_database(h);

	refresh(k, &c, 1, 1, NOW + 60);
	refresh(k, &c, 2, 2, NOW + 60);
	assert_int_equal(c.good, 2);
	uint64_t token = 3;
	while (!c.refused && token < 100) { /* once the keeper has noticed */
		usleep(20000);
		refresh(k, &c, token++, 3, NOW + 60);
		wait_for(&c, &c.n, token - 1);
	}
	assert_true(c.refused);
	size_t good = c.good;
	release_database(other);
	while (c.good == good && token < 200) {
		refresh(k, &c, token++, 4, NOW + 60);
		wait_for(&c, &c.n, token - 1);
		usleep(20000);
	}
	refresh(k, &c, token, 5, NOW + 60);
	assert_int_equal(c.n, token); /* ahead again */
	for (unsigned n = 1; n <= 5; n++)
		assert_true(n == 3 || bound_until(k, n) == NOW + 60);
	keeper_stop(k);
}

static void what_a_keeper_could_not_write_the_next_one_takes_over(void **state)
{
	struct house *h = *state;
	struct keeper *k = open_ahead(h);
	struct counter c = COUNTER;
	struct db *other = hold_database(h);

	for (unsigned n = 1; n <= 3; n++)
		refresh(k, &c, n, n, NOW + 60);
	refresh(k, &c, 4, 2, NOW + 90);
	assert_int_equal(c.good, 4);
	keeper_stop(k); /* with the database held by somebody else */
	release_database(other);
	k = open_keeper(h); /* whoever it is, `tandem admin` too */
	assert_true(bound_until(k, 1) == NOW + 60);
	assert_true(bound_until(k, 2) == NOW + 90);
	struct contact_record second = { .aor = STR("sip:2@x"), .key = STR("k") };
	assert_int_equal(TELL(k, KEEPER_CONTACT_REMOVE, .contacts = &second, .n = 1), ERR_NONE);
	keeper_stop(k);
	k = open_ahead(h);
	assert_true(bound_until(k, 2) == 0); /* once is enough */
	refresh(k, &c, 5, 1, NOW + 30);
	assert_true(bound_until(k, 1) == NOW + 30);
	keeper_stop(k);
}

static void *release_soon(void *db)
{
	usleep(600000);
	release_database(db);
	return NULL;
}

/* The first batch of a keeper that is ending fails; before the next one the database is free again. */
static void what_comes_after_what_an_ending_keeper_left_is_left_too(void **state)
{
	struct house *h = *state;
	struct keeper *k = open_with((struct keeper_setup){ .ahead = true, .busy_ms = 400 }, h);
	struct counter c = COUNTER;
	struct db *other = hold_database(h);
	pthread_t thread;

	for (unsigned n = 1; n <= 1500; n++)
		refresh(k, &c, n, n, NOW + (usec)n);
	refresh(k, &c, 1501, 1, NOW + 9999);
	assert_int_equal(c.good, 1501);
	assert_int_equal(pthread_create(&thread, NULL, release_soon, other), 0);
	keeper_stop(k);
	pthread_join(thread, NULL);
	k = open_ahead(h);
	for (unsigned n = 1; n <= 1500; n += n < 5 ? 1 : 131)
		assert_true(bound_until(k, n) == (n == 1 ? NOW + 9999 : NOW + (usec)n));
	keeper_stop(k);
}

static void readers_are_served_however_much_was_promised_and_cannot_be_written(void **state)
{
	struct house *h = *state;
	struct keeper *k = open_with((struct keeper_setup){ .ahead = true, .busy_ms = 300 }, h);
	struct counter promised = COUNTER, c = COUNTER;
	struct db *other = hold_database(h);
	struct state_record row = { .owner = STR("x"), .name = STR("n"), .value = STR("v") };

	for (unsigned n = 1; n <= 1500; n++)
		refresh(k, &promised, n, n, NOW + (usec)n);
	assert_int_equal(promised.good, 1500);
	post(k, &c, (struct keeper_ask){ .kind = KEEPER_STATE_GET, .token = 1, .states = &row, .n = 1 });
	post(k, &c, (struct keeper_ask){ .kind = KEEPER_STATE_PUT, .token = 2, .states = &row, .n = 1 });
	for (int i = 0; i < 500; i++) {
		pthread_mutex_lock(&c.lock);
		bool answered = c.n == 2;
		pthread_mutex_unlock(&c.lock);
		if (answered)
			break;
		usleep(20000);
	}
	release_database(other);
	wait_for(&c, &c.n, 2);
	assert_int_equal(c.refused, 1);
	assert_true(bound_until(k, 1) == NOW + 1 && bound_until(k, 1500) == NOW + 1500);
	keeper_stop(k);
}

static void put_large_states(const struct house *h, enum keeper_kind kind)
{
	static char value[30000];
	struct db *db;
	char why[200];

	assert_int_equal(db_sqlite_open(&(struct db_sqlite_setup){ .path = h->path }, &db, why, sizeof(why)), ERR_NONE);
	struct store_clerk *clerk = store_clerk_new(db);
	struct state_record row = { .owner = STR("x"), .name = STR("large"), .value = str_of(value, sizeof(value)) };
	for (int i = 0; i < 20; i++) {
		char name[20];
		snprintf(name, sizeof(name), "large %d", i);
		row.name = str_from(name);
		struct keeper_answer *a = store_clerk_answer(
			clerk, &(struct keeper_ask){ .kind = kind, .states = &row, .n = 1 }, password_cost_least());
		assert_int_equal(a->err, ERR_NONE);
		keeper_answer_free(a);
	}
	store_clerk_free(clerk);
	db->driver->free(db);
}

static void who_cannot_take_over_writes_nothing_before_he_can(void **state)
{
	struct house *h = *state;
	struct counter c = COUNTER;
	struct keeper *k = open_ahead(h);

	put_large_states(h, KEEPER_STATE_PUT);
	struct db *other = hold_database(h);
	for (unsigned n = 1; n <= 1500; n++)
		refresh(k, &c, n, n, NOW + (usec)n);
	assert_int_equal(c.good, 1500);
	keeper_stop(k); /* leaves them */
	release_database(other);

	/* For so many there is no room, for one there is. */
	k = open_with((struct keeper_setup){ .page_max = 1 }, h);
	struct contact_record first = {
		.aor = STR("sip:1@x"), .key = STR("k"), .uri = STR("sip:a@b"), .expires = NOW + 9999
	};
	assert_int_equal(TELL(k, KEEPER_CONTACT_PUT, .contacts = &first, .n = 1), ERR_FULL);
	assert_int_equal(get_state(k, "large 1"), ERR_NONE);
	put_large_states(h, KEEPER_STATE_REMOVE);
	assert_int_equal(TELL(k, KEEPER_CONTACT_PUT, .contacts = &first, .n = 1), ERR_NONE);
	keeper_stop(k);
	k = open_keeper(h);
	assert_true(bound_until(k, 1) == NOW + 9999);
	assert_true(bound_until(k, 2) == NOW + 2 && bound_until(k, 1500) == NOW + 1500);
	keeper_stop(k);
}

static void what_the_database_has_is_not_taken_over_again(void **state)
{
	struct house *h = *state;
	struct counter c = COUNTER;

	struct contact_record contact = { .aor = STR("sip:1@x"), .key = STR("k") };

	/* A child ends once its contact has been in the database and is gone again; its journal stays. */
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct keeper *k = open_ahead(h);
		refresh(k, &c, 1, 1, NOW + 60);
		bool good = bound_until(k, 1) == NOW + 60;
		good &= TELL(k, KEEPER_CONTACT_REMOVE, .contacts = &contact, .n = 1) == ERR_NONE;
		_exit(good ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	struct keeper *k = open_ahead(h);
	assert_true(bound_until(k, 1) == 0);
	keeper_stop(k);
}

static void refresh_until_killed(const struct house *h, unsigned first, int out)
{
	struct keeper *k = open_ahead(h);
	struct counter c = COUNTER;

	for (unsigned i = 0;; i++) {
		size_t good = c.good;
		refresh(k, &c, i + 1, first + i % 50, NOW + 1 + (usec)i);
		wait_for(&c, &c.n, i + 1);
		unsigned said[] = { first + i % 50, i };
		if (c.good == good || write(out, said, sizeof(said)) != sizeof(said))
			_exit(1);
	}
}

/* Lets a child refresh for a while; what it was told last of each goes to `told`. */
static void round_of_refreshing(const struct house *h, unsigned first, useconds_t wait, usec told[50])
{
	int ends[2], status;
	unsigned said[2];

	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(ends[0]);
		refresh_until_killed(h, first, ends[1]);
	}
	close(ends[1]);
	fcntl(ends[0], F_SETPIPE_SZ, 1 << 20);
	usleep(wait);
	kill(child, SIGKILL);
	while (read(ends[0], said, sizeof(said)) == sizeof(said))
		told[said[0] - first] = NOW + 1 + (usec)said[1];
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void contacts_that_went_ahead_survive_kill_9(void **state)
{
	struct house *h = *state;
	unsigned seed = (unsigned)time(NULL);
	size_t n = 0;

	print_message("seed %u\n", seed);
	for (unsigned round = 0; round < 12; round++) {
		usec told[50] = { 0 };
		round_of_refreshing(h, round * 50, 10000 + (useconds_t)(rand_r(&seed) % 250000), told);
		struct keeper *k = open_with((struct keeper_setup){ .ahead = round % 2 }, h);
		for (unsigned i = 0; i < 50; i++) {
			/* it may have got one further than it could say */
			usec until = told[i] ? bound_until(k, round * 50 + i) : 0;
			assert_true(until >= told[i] && until <= told[i] + 50);
			n += told[i] != 0;
		}
		keeper_stop(k);
	}
	print_message("%zu contacts, all as they were told last\n", n);
	assert_true(n > 50);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(every_question_is_answered_once_in_order_and_kept),
		FRESH(a_full_queue_is_answered_at_once),
		FRESH(a_locked_database_refuses_writers_and_serves_readers),
		FRESH(a_full_disk_refuses_writers_and_serves_readers),
		FRESH(passwords_are_checked_beside_the_other_work),
		FRESH(too_many_checks_at_once_are_busy),
		FRESH(a_hash_of_an_older_cost_is_renewed_at_the_next_right_password),
		FRESH(who_watches_hears_of_changes_by_others),
		FRESH(a_file_that_cannot_be_opened_is_said),
		FRESH(what_was_acknowledged_survives_kill_9),
		FRESH(a_contact_is_answered_before_the_database_has_it),
		FRESH(it_reaches_the_database_by_itself),
		FRESH(while_a_commit_fails_nothing_goes_ahead_and_what_did_is_kept),
		FRESH(what_a_keeper_could_not_write_the_next_one_takes_over),
		FRESH(what_comes_after_what_an_ending_keeper_left_is_left_too),
		FRESH(readers_are_served_however_much_was_promised_and_cannot_be_written),
		FRESH(who_cannot_take_over_writes_nothing_before_he_can),
		FRESH(what_the_database_has_is_not_taken_over_again),
		FRESH(contacts_that_went_ahead_survive_kill_9),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
