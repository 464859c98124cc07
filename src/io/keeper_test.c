#include "io/keeper.h"

#include "base/test.h"
#include "io/db/sqlite.h"

#include <dirent.h>
#include <errno.h>
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
