#include "io/process.h"

#include "base/test.h"

#include <signal.h>

static const char *const none[] = { "tandem-no-such-program", NULL };

static void output_and_exit_code_come_back(void **state)
{
	const char *const argv[] = { "sh", "-c", "echo hello; echo error >&2; cat; exit 3", NULL };
	struct process p;
	struct buf b;
	enum err err;
	(void)state;
	buf_init_grow(&b, 1000);
	assert_int_equal(process_start(&p, argv, PROCESS_PIPE_BOTH), ERR_NONE);
	while ((err = process_read(&p, &b, 5 * USEC_PER_SEC)) == ERR_NONE)
		;
	assert_int_equal(err, ERR_CLOSED);
	assert_str(buf_str(&b), "hello\nerror\n");
	assert_int_equal(process_wait(&p, 5 * USEC_PER_SEC), ERR_NONE);
	assert_int_equal(p.status, 3);
	process_stop(&p, 0);
	buf_free(&b);
}

static void a_program_that_is_not_there_is_absent(void **state)
{
	struct process p;
	(void)state;
	assert_int_equal(process_start(&p, none, PROCESS_INHERIT), ERR_ABSENT);
	assert_int_equal(p.pid, 0);
	process_stop(&p, 0);
}

static void waiting_has_an_end_and_so_has_the_child(void **state)
{
	const char *const argv[] = { "sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done", NULL };
	struct process p;
	struct buf b;
	(void)state;
	buf_init_grow(&b, 100);
	assert_int_equal(process_start(&p, argv, PROCESS_PIPE), ERR_NONE);
	assert_int_equal(process_read(&p, &b, 5 * USEC_PER_SEC), ERR_NONE);
	assert_int_equal(process_read(&p, &b, 1000), ERR_TIMEOUT);
	assert_int_equal(process_wait(&p, 1000), ERR_TIMEOUT);
	process_stop(&p, 10000);
	assert_int_equal(p.status, 256 + SIGKILL);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_and_exit_code_come_back),
		cmocka_unit_test(a_program_that_is_not_there_is_absent),
		cmocka_unit_test(waiting_has_an_end_and_so_has_the_child),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
