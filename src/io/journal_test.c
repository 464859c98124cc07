#include "io/journal.h"

#include "base/buf.h"
#include "base/rng.h"
#include "base/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct place {
	char folder[32], path[64], files[2][100];
};

static int start(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->folder, "/tmp/tandem-test-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	snprintf(p->path, sizeof(p->path), "%s/db", p->folder);
	for (int i = 0; i < 2; i++)
		snprintf(p->files[i], sizeof(p->files[i]), "%s-contacts-%d", p->path, i);
	*state = p;
	return 0;
}

static int stop(void **state)
{
	struct place *p = *state;

	unlink(p->files[0]);
	unlink(p->files[1]);
	rmdir(p->folder);
	free(p);
	return 0;
}

/* What was read: "3:text 4:text ". */
struct reading {
	char text[4000];
	struct buf said;
};

static enum err note(void *self, uint64_t number, str row)
{
	struct reading *r = self;

	buf_printf(&r->said, "%llu:" STR_FMT " ", (unsigned long long)number, STR_ARG(str_head(row, 20)));
	return ERR_NONE;
}

static struct journal *open_after(const struct place *p, uint64_t after, struct reading *r)
{
	struct journal *j = NULL;

	buf_init(&r->said, r->text, sizeof(r->text));
	assert_int_equal(journal_open(p->path, 0, &j), ERR_NONE);
	assert_int_equal(journal_read(j, after, note, r), ERR_NONE);
	return j;
}

static uint64_t put(struct journal *j, const char *text)
{
	uint64_t number = 0;

	assert_int_equal(journal_put(j, str_from(text), &number), ERR_NONE);
	return number;
}

static off_t size_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static void what_was_put_is_there_again_in_its_order(void **state)
{
	struct reading r;
	struct journal *j = open_after(*state, 7, &r);

	assert_int_equal(r.said.n, 0);
	assert_int_equal(put(j, "one"), 8);
	assert_int_equal(put(j, "two"), 9);
	assert_int_equal(put(j, "three"), 10);
	journal_close(j);
	j = open_after(*state, 8, &r);
	assert_str(buf_str(&r.said), "9:two 10:three ");
	assert_int_equal(put(j, "four"), 11);
	journal_close(j);
}

static void new_rows_have_higher_numbers_than_all_there_were(void **state)
{
	struct reading r;
	struct journal *j = open_after(*state, 0, &r);

	for (int i = 0; i < 5; i++)
		put(j, "x");
	journal_close(j);
	j = open_after(*state, 3, &r);
	assert_int_equal(put(j, "y"), 6);
	journal_close(j);
	/* a database that was brought back from elsewhere may be ahead */
	j = open_after(*state, 100, &r);
	assert_int_equal(r.said.n, 0);
	assert_int_equal(put(j, "z"), 101);
	journal_close(j);
}

static void what_the_database_has_is_written_over_and_does_not_come_back(void **state)
{
	struct place *p = *state;
	struct reading r;
	struct journal *j = open_after(p, 0, &r);
	off_t most = 0;

	for (int round = 0; round < 200; round++) {
		for (int i = 0; i < 10; i++)
			put(j, "a row of some length, about as long as a contact is");
		/* these ten, but not the one that comes while they are committed */
		uint64_t number = put(j, "late");
		journal_settle(j, number - 1);
		for (int i = 0; i < 2; i++)
			most = size_of(p->files[i]) > most ? size_of(p->files[i]) : most;
	}
	assert_true(most < 4000);
	journal_close(j);
	j = open_after(p, 200 * 11 - 1, &r);
	assert_str(buf_str(&r.said), "2200:late ");
	journal_close(j);
}

static void rows_of_both_files_come_in_their_order(void **state)
{
	struct reading r;
	struct journal *j = open_after(*state, 0, &r);

	put(j, "a");
	put(j, "b");
	journal_settle(j, 1); /* from here on in the other file */
	put(j, "c");
	journal_settle(j, 2); /* the first is free: back there */
	put(j, "d");
	put(j, "e");
	journal_close(j);
	j = open_after(*state, 2, &r);
	assert_str(buf_str(&r.said), "3:c 4:d 5:e ");
	assert_int_equal(put(j, "f"), 6);
	journal_close(j);
	j = open_after(*state, 2, &r);
	assert_str(buf_str(&r.said), "3:c 4:d 5:e 6:f ");
	journal_close(j);
}

static void what_stands_behind_newer_rows_is_not_theirs(void **state)
{
	struct reading r;
	struct journal *j = open_after(*state, 0, &r);

	for (const char *text = "abcde"; *text; text++)
		put(j, (char[]){ *text, 0 });
	journal_settle(j, 5);
	put(j, "f"); /* where a was */
	journal_close(j);
	/* even to a database from before */
	j = open_after(*state, 1, &r);
	assert_str(buf_str(&r.said), "6:f ");
	journal_close(j);
}

static void what_was_not_meant_is_gone(void **state)
{
	struct reading r;
	struct journal *j = open_after(*state, 0, &r);

	put(j, "one");
	put(j, "not meant, and longer than what follows");
	journal_unput(j);
	assert_int_equal(put(j, "two"), 2);
	journal_close(j);
	j = open_after(*state, 0, &r);
	assert_str(buf_str(&r.said), "1:one 2:two ");
	journal_close(j);
}

static void a_torn_end_is_left_out(void **state)
{
	struct place *p = *state;
	struct reading r;
	struct journal *j = open_after(p, 0, &r);

	put(j, "one");
	put(j, "two");
	journal_close(j);
	const char *file = size_of(p->files[0]) ? p->files[0] : p->files[1];
	off_t all = size_of(file);
	for (off_t n = all - 1; n >= all / 2; n--) {
		assert_int_equal(truncate(file, n), 0);
		j = open_after(p, 0, &r);
		assert_str(buf_str(&r.said), "1:one ");
		journal_close(j);
	}
}

/* Whatever the bytes: what is read was written, at its place in the order. */
static void damage_is_never_taken_for_a_row(void **state)
{
	struct place *p = *state;
	struct reading r;
	struct rng rng;
	struct journal *j = open_after(p, 0, &r);

	rng_seeded(&rng, 1);
	for (int i = 0; i < 20; i++)
		put(j, "row");
	journal_close(j);
	const char *file = size_of(p->files[0]) ? p->files[0] : p->files[1];
	off_t all = size_of(file);
	char bytes[4000];
	int fd = open(file, O_RDWR);
	assert_true(all < (off_t)sizeof(bytes) && pread(fd, bytes, (size_t)all, 0) == all);
	for (int i = 0; i < 300; i++) {
		uint32_t at = rng_below(&rng, (uint32_t)all);
		char other = (char)(bytes[at] ^ (char)(1 + rng_below(&rng, 255)));

		assert_int_equal(pwrite(fd, bytes, (size_t)all, 0), all);
		assert_int_equal(pwrite(fd, &other, 1, at), 1);
		journal_close(open_after(p, 0, &r));
		char whole[400] = "";
		for (int n = 1; n <= (int)(at / (all / 20)); n++)
			snprintf(whole + strlen(whole), sizeof(whole) - strlen(whole), "%d:row ", n);
		assert_int_equal(r.said.n, strlen(whole));
		assert_memory_equal(r.said.p, whole, r.said.n);
	}
	close(fd);
}

static void one_process_has_it_and_who_closes_leaves_it(void **state)
{
	struct place *p = *state;
	struct reading r;
	struct journal *j, *other = NULL;

	assert_false(journal_is_there(p->path));
	j = open_after(p, 0, &r);
	put(j, "one");
	assert_true(journal_is_there(p->path));
	assert_int_equal(journal_open(p->path, 0, &other), ERR_BUSY);
	assert_int_equal(journal_open(p->path, 50 * USEC_PER_MS, &other), ERR_BUSY);
	journal_close(j);
	assert_true(journal_is_there(p->path)); /* nobody said that it is in the database */
	j = open_after(p, 0, &r);
	journal_settle(j, 1);
	journal_close(j);
	assert_false(journal_is_there(p->path));
}

static void who_is_half_through_with_closing_it_is_waited_for(void **state)
{
	struct place *p = *state;
	struct journal *j = NULL;
	int ends[2], status;
	char word;

	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		int fd = open(p->files[1], O_RDWR | O_CREAT, 0600);
		bool good = flock(fd, LOCK_EX) == 0 && write(ends[1], "x", 1) == 1;
		usleep(100000);
		_exit(good ? 0 : 1);
	}
	assert_int_equal(read(ends[0], &word, 1), 1);
	assert_int_equal(journal_open(p->path, 10 * USEC_PER_SEC, &j), ERR_NONE);
	journal_close(j);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(ends[0]);
	close(ends[1]);
}

static void a_full_disk_loses_nothing_that_was_put(void **state)
{
	struct place *p = *state;
	struct reading r;

	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct rlimit limit = { 100, 100 };
		struct journal *j;
		uint64_t number;
		bool good = journal_open(p->path, 0, &j) == ERR_NONE && journal_read(j, 0, note, &r) == ERR_NONE;

		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &limit);
		good = good && journal_put(j, STR("fits"), &number) == ERR_NONE;
		good = good && journal_put(j, str_of((char[200]){ 0 }, 200), &number) == ERR_FULL;
		good = good && journal_put(j, STR("fits, too"), &number) == ERR_NONE && number == 2;
		_exit(good ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	journal_close(open_after(p, 0, &r));
	assert_str(buf_str(&r.said), "1:fits 2:fits, too ");
}

static void bounds_hold(void **state)
{
	struct reading r;
	struct journal *j = open_after(*state, 0, &r);
	char *row = calloc(1, JOURNAL_ROW_N + 1);
	uint64_t number;
	enum err err = ERR_NONE;
	size_t n = 0;

	assert_int_equal(journal_put(j, STR_NONE, &number), ERR_LIMIT);
	assert_int_equal(journal_put(j, str_of(row, JOURNAL_ROW_N + 1), &number), ERR_LIMIT);
	while ((err = journal_put(j, str_of(row, JOURNAL_ROW_N), &number)) == ERR_NONE)
		n++;
	assert_int_equal(err, ERR_FULL);
	assert_true(n * JOURNAL_ROW_N <= JOURNAL_MAX && (n + 2) * JOURNAL_ROW_N > JOURNAL_MAX);
	journal_settle(j, number);
	assert_int_equal(journal_put(j, str_of(row, JOURNAL_ROW_N), &number), ERR_NONE);
	free(row);
	journal_settle(j, number);
	journal_close(j);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(what_was_put_is_there_again_in_its_order),
		FRESH(new_rows_have_higher_numbers_than_all_there_were),
		FRESH(what_the_database_has_is_written_over_and_does_not_come_back),
		FRESH(rows_of_both_files_come_in_their_order),
		FRESH(what_stands_behind_newer_rows_is_not_theirs),
		FRESH(what_was_not_meant_is_gone),
		FRESH(a_torn_end_is_left_out),
		FRESH(damage_is_never_taken_for_a_row),
		FRESH(one_process_has_it_and_who_closes_leaves_it),
		FRESH(who_is_half_through_with_closing_it_is_waited_for),
		FRESH(a_full_disk_loses_nothing_that_was_put),
		FRESH(bounds_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
