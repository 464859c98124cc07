#include "io/file.h"

#include "base/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/tandem-file-XXXXXX";
static char path[256];

static const char *in_dir(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static int setup(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[64];
	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static unsigned mode_of(const char *p)
{
	struct stat st;
	assert_int_equal(stat(p, &st), 0);
	return st.st_mode & 0777;
}

static void what_is_written_is_read_back(void **state)
{
	struct buf b;
	(void)state;
	buf_init_grow(&b, 100000);
	assert_int_equal(file_write(in_dir("a"), STR("first"), true), ERR_NONE);
	assert_int_equal(file_write(in_dir("a"), STR("second\0byte"), true), ERR_NONE);
	buf_put_z(&b, "before ");
	assert_int_equal(file_read(in_dir("a"), &b), ERR_NONE);
	assert_str(buf_str(&b), "before second\0byte");
	assert_int_equal(mode_of(in_dir("a")), 0600);
	assert_int_equal(file_write(in_dir("a"), STR("x"), false), ERR_NONE);
	assert_int_equal(mode_of(in_dir("a")), 0644);
	buf_free(&b);
}

static void a_file_larger_than_the_limit_leaves_the_buffer_as_it_was(void **state)
{
	char room[8];
	struct buf b;
	(void)state;
	buf_init(&b, room, sizeof(room));
	buf_put_z(&b, "1");
	assert_int_equal(file_write(in_dir("b"), STR("12345678"), true), ERR_NONE);
	assert_int_equal(file_read(in_dir("b"), &b), ERR_LIMIT);
	assert_str(buf_str(&b), "1");
	assert_int_equal(file_write(in_dir("b"), STR("1234567"), true), ERR_NONE);
	assert_int_equal(file_read(in_dir("b"), &b), ERR_NONE);
	assert_str(buf_str(&b), "11234567");
}

static void what_is_not_there_is_absent(void **state)
{
	struct buf b;
	(void)state;
	buf_init_grow(&b, 10);
	assert_int_equal(file_read(in_dir("nowhere"), &b), ERR_ABSENT);
	assert_int_equal(file_write(in_dir("no/such/folder"), STR("x"), true), ERR_ABSENT);
	assert_int_equal(file_remove(in_dir("nowhere")), ERR_ABSENT);
	assert_false(file_exists(in_dir("nowhere")));
	buf_free(&b);
}

static void a_full_disk_leaves_the_old_file(void **state)
{
	struct rlimit before, small = { 4, RLIM_INFINITY };
	struct buf b;
	(void)state;
	buf_init_grow(&b, 100);
	assert_int_equal(file_write(in_dir("old"), STR("old"), true), ERR_NONE);
	/* The nearest thing to a full disk that a test may make. */
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	small.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	enum err err = file_write(in_dir("old"), STR("something new"), true);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(err, ERR_FULL);
	assert_int_equal(file_read(in_dir("old"), &b), ERR_NONE);
	assert_str(buf_str(&b), "old");
	buf_free(&b);
}

static void folders_are_made_with_their_parents_and_are_private(void **state)
{
	(void)state;
	assert_int_equal(file_mkdir(in_dir("x/y/z")), ERR_NONE);
	assert_int_equal(file_mkdir(in_dir("x/y/z")), ERR_NONE);
	assert_int_equal(mode_of(in_dir("x/y")), 0700);
	assert_int_equal(file_write(in_dir("plain"), STR(""), true), ERR_NONE);
	assert_int_equal(file_mkdir(in_dir("plain")), ERR_EXISTS);
	assert_int_equal(file_remove(in_dir("plain")), ERR_NONE);
}

static void a_lock_has_one_owner_at_a_time(void **state)
{
	int one, two;
	(void)state;
	assert_int_equal(file_lock(in_dir("lock"), &one), ERR_NONE);
	assert_int_equal(file_lock(in_dir("lock"), &two), ERR_BUSY);
	close(one);
	assert_int_equal(file_lock(in_dir("lock"), &two), ERR_NONE);
	assert_int_equal(file_lock(in_dir("other"), &one), ERR_NONE);
	close(one);
	close(two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(a_file_larger_than_the_limit_leaves_the_buffer_as_it_was),
		cmocka_unit_test(what_is_not_there_is_absent),
		cmocka_unit_test(a_full_disk_leaves_the_old_file),
		cmocka_unit_test(folders_are_made_with_their_parents_and_are_private),
		cmocka_unit_test(a_lock_has_one_owner_at_a_time),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
