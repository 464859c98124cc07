#include "io/anteroom.h"

#include "base/test.h"

#include <fcntl.h>
#include <unistd.h>

/* No socket is needed to be told apart by: the port is. */
static struct tcp numbered(uint16_t n)
{
	return (struct tcp){ .fd = -1, .remote = addr_v4(192, 0, 2, 1, n) };
}

static void put(struct anteroom *a, uint16_t n)
{
	struct tcp tcp = numbered(n);

	assert_int_equal(anteroom_put(a, &tcp), ERR_NONE);
}

static void take(struct anteroom *a, uint16_t n)
{
	struct tcp tcp;

	assert_true(anteroom_take(a, &tcp));
	assert_int_equal(tcp.remote.port, n);
}

static void who_came_first_has_the_first_turn(void **state)
{
	struct anteroom a = { 0 };
	struct tcp tcp;
	uint16_t in = 0, out = 0;

	(void)state;
	assert_false(anteroom_take(&a, &tcp));
	for (int round = 0; round < 40; round++) { /* goes round, and grows while it is not at its beginning */
		for (int i = 0; i < 50; i++)
			put(&a, in++);
		for (int i = 0; i < 30; i++)
			take(&a, out++);
		assert_int_equal(anteroom_n(&a), in - out);
	}
	while (out < in)
		take(&a, out++);
	assert_false(anteroom_take(&a, &tcp));
	put(&a, 7);
	take(&a, 7);
	anteroom_free(&a);
}

static void a_full_one_takes_nobody_until_one_has_left(void **state)
{
	struct anteroom a = { 0 };
	struct tcp one = numbered(1);

	(void)state;
	for (int i = 0; i < ANTEROOM_MAX; i++) {
		assert_false(anteroom_is_full(&a));
		assert_int_equal(anteroom_put(&a, &one), ERR_NONE);
	}
	assert_true(anteroom_is_full(&a));
	assert_int_equal(anteroom_put(&a, &one), ERR_FULL);
	take(&a, 1);
	assert_int_equal(anteroom_put(&a, &one), ERR_NONE);
	anteroom_free(&a);
	assert_int_equal(anteroom_n(&a), 0);
}

static void who_still_waits_at_its_end_is_closed(void **state)
{
	struct anteroom a = { 0 };
	struct tcp tcp = numbered(1);
	int fds[2];

	(void)state;
	for (int i = 0; i < 40; i++) /* so that the ring does not begin at its beginning */
		put(&a, 1);
	for (int i = 0; i < 40; i++)
		take(&a, 1);
	assert_int_equal(pipe(fds), 0);
	put(&a, 1);
	tcp.fd = fds[1];
	assert_int_equal(anteroom_put(&a, &tcp), ERR_NONE);
	anteroom_free(&a);
	assert_int_equal(fcntl(fds[1], F_GETFD), -1);
	close(fds[0]);
	anteroom_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_came_first_has_the_first_turn),
		cmocka_unit_test(a_full_one_takes_nobody_until_one_has_left),
		cmocka_unit_test(who_still_waits_at_its_end_is_closed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
