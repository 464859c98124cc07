#include "io/figures.h"

#include "base/test.h"

static char text[65536];

static bool has(const struct io_figures *f, const char *line)
{
	struct buf b;

	buf_init(&b, text, sizeof(text));
	io_figures_write(f, 1500000, &b);
	assert_true(buf_ok(&b));
	return str_find(buf_str(&b), str_from(line)) < b.n;
}

static void tallies_add_up_and_a_gauge_may_go_down_elsewhere(void **state)
{
	static struct io_tally a, b;
	struct io_figures f = { 0 };
	(void)state;
	IO_COUNT(&a, streams[TRANSPORT_TLS]);
	IO_COUNT(&a, streams[TRANSPORT_TLS]);
	io_tally_add(&b, offsetof(struct io_figures, streams[TRANSPORT_TLS]), (uint64_t)-1);
	IO_COUNT(&a, handshakes[0][io_outcome_of(ERR_FORGED)]);
	IO_COUNT(&b, lookups[io_answer_of(ERR_ABSENT)]);
	IO_OBSERVE(&b, commit, 3000);
	io_tally_read(&a, &f);
	io_tally_read(&b, &f);
	assert_true(has(&f, "\ntandem_connections{transport=\"tls\"} 1\n"));
	assert_true(has(&f, "\ntandem_tls_handshakes_total{side=\"server\",result=\"refused\"} 1\n"));
	assert_true(has(&f, "\ntandem_dns_answers_total{result=\"absent\"} 1\n"));
	assert_true(has(&f, "\ntandem_keeper_commit_seconds_bucket{le=\"0.005\"} 1\n"));
	assert_true(has(&f, "\ntandem_keeper_commit_seconds_bucket{le=\"0.0025\"} 0\n"));
	assert_true(has(&f, "\ntandem_keeper_commit_seconds_sum 0.003000\n"));
}

static void the_process_says_what_it_uses(void **state)
{
	struct io_figures f = { .asked = 7, .answered = 4 };
	(void)state;
	assert_true(has(&f, "\nprocess_cpu_seconds_total "));
	assert_true(has(&f, "\nprocess_resident_memory_bytes "));
	assert_true(has(&f, "\nprocess_start_time_seconds 1.5\n"));
	assert_true(has(&f, "\ntandem_keeper_queue 3\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tallies_add_up_and_a_gauge_may_go_down_elsewhere),
		cmocka_unit_test(the_process_says_what_it_uses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
