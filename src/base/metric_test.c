#include "base/metric.h"

#include "base/test.h"

struct figures {
	uint64_t requests[2][3];
	uint64_t codes[600];
	uint64_t busy_usec;
	uint32_t streams, deepest;
	struct metric_histogram delay;
};

static const char *const methods[] = { "INVITE", "BYE" }, *const transports[] = { NULL, "UDP", "TCP" };

static const struct metric table[] = {
	METRIC("t_requests_total", COUNTER, struct figures, requests, "Requests.",
	       .labels = { { "method", methods, 2, 0 }, { "transport", transports, 3, 0 } }),
	METRIC("t_answers_total", COUNTER, struct figures, codes, "Answers.", .labels = { { "code", NULL, 600, 100 } }),
	METRIC("t_busy_seconds_total", COUNTER, struct figures, busy_usec, "At work.", .usec = true),
	METRIC("t_streams", GAUGE_U32, struct figures, streams, "Streams."),
	METRIC("t_deepest", GAUGE_U32, struct figures, deepest, "Deepest.", .most = true),
	METRIC("t_delay_seconds", HISTOGRAM, struct figures, delay, "Delay."),
};

#define TABLE METRIC_TABLE(table)

static char text[16384];

static str written(const struct figures *f)
{
	struct buf b;

	buf_init(&b, text, sizeof(text));
	metric_write(TABLE, f, &b);
	assert_true(buf_ok(&b));
	return buf_str(&b);
}

static void has(str s, const char *line)
{
	if (str_find(s, str_from(line)) == s.n)
		fail_msg("no line %s in\n" STR_FMT, line, STR_ARG(s));
}

static void a_number_stands_behind_its_name_and_labels(void **state)
{
	struct figures f = { .requests = { { 0, 1, 2 }, { 0, 3, 4 } }, .streams = 7 };
	(void)state;
	str s = written(&f);

	has(s, "# HELP t_requests_total Requests.\n# TYPE t_requests_total counter\n");
	has(s, "t_requests_total{method=\"INVITE\",transport=\"UDP\"} 1\n");
	has(s, "t_requests_total{method=\"BYE\",transport=\"TCP\"} 4\n");
	has(s, "# TYPE t_streams gauge\nt_streams 7\n");
}

static void a_label_value_without_a_name_is_left_out(void **state)
{
	struct figures f = { .requests = { { 9, 0, 0 } } };
	(void)state;
	assert_int_equal(str_find(written(&f), STR(" 9\n")), written(&f).n);
}

static void numbered_labels_show_only_what_was_counted(void **state)
{
	struct figures f = { .codes = { [100] = 5, [304] = 1 } };
	(void)state;
	str s = written(&f);

	has(s, "counter\nt_answers_total{code=\"200\"} 5\nt_answers_total{code=\"404\"} 1\n# HELP");
}

static void microseconds_are_shown_as_seconds(void **state)
{
	struct figures f = { .busy_usec = 12000345 };
	(void)state;
	has(written(&f), "t_busy_seconds_total 12.000345\n");
}

static void buckets_heap_up(void **state)
{
	struct figures f = { 0 };
	(void)state;
	metric_observe(&f.delay, 100);
	metric_observe(&f.delay, 101);
	metric_observe(&f.delay, 0);
	metric_observe(&f.delay, 99 * USEC_PER_SEC);
	metric_observe(&f.delay, 100 * 3600 * USEC_PER_SEC);
	str s = written(&f);

	assert_int_equal(metric_count(&f.delay), 5);
	has(s, "t_delay_seconds_bucket{le=\"0.0001\"} 2\nt_delay_seconds_bucket{le=\"0.00025\"} 3\n");
	has(s, "t_delay_seconds_bucket{le=\"50\"} 3\nt_delay_seconds_bucket{le=\"100\"} 4\n");
	has(s, "t_delay_seconds_bucket{le=\"10000\"} 4\nt_delay_seconds_bucket{le=\"+Inf\"} 5\n");
	has(s, "t_delay_seconds_sum 360099.000201\nt_delay_seconds_count 5\n");
}

static void workers_add_up_and_the_deepest_counts(void **state)
{
	struct figures a = { .requests = { { 0, 1 } }, .streams = 2, .deepest = 9 },
		       b = { .requests = { { 0, 4 } }, .streams = 3, .deepest = 5 };
	(void)state;
	metric_observe(&b.delay, 7);
	metric_add(TABLE, &a, &b);
	assert_int_equal(a.requests[0][1], 5);
	assert_int_equal(a.streams, 5);
	assert_int_equal(a.deepest, 9);
	assert_int_equal(metric_count(&a.delay), 1);
	assert_int_equal(a.delay.sum_usec, 7);
}

static void a_number_alone_is_written_too(void **state)
{
	char room[300];
	struct buf b;
	(void)state;
	buf_init(&b, room, sizeof(room));
	metric_write_one("t_ratio", METRIC_GAUGE, "Ratio.", "", 0.25, &b);
	metric_write_one("t_build_info", METRIC_GAUGE, "Build.", "version=\"1\"", 1, &b);
	assert_str(buf_str(&b),
		   "# HELP t_ratio Ratio.\n# TYPE t_ratio gauge\nt_ratio 0.25\n"
		   "# HELP t_build_info Build.\n# TYPE t_build_info gauge\nt_build_info{version=\"1\"} 1\n");
}

static void the_manual_has_a_row_each(void **state)
{
	struct buf b;
	(void)state;
	buf_init(&b, text, sizeof(text));
	metric_write_manual(TABLE, &b);
	has(buf_str(&b), "| `t_requests_total` | counter | `method`, `transport` | Requests. |\n");
	has(buf_str(&b), "| `t_delay_seconds` | histogram |  | Delay. |\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_stands_behind_its_name_and_labels),
		cmocka_unit_test(a_label_value_without_a_name_is_left_out),
		cmocka_unit_test(numbered_labels_show_only_what_was_counted),
		cmocka_unit_test(microseconds_are_shown_as_seconds),
		cmocka_unit_test(buckets_heap_up),
		cmocka_unit_test(workers_add_up_and_the_deepest_counts),
		cmocka_unit_test(a_number_alone_is_written_too),
		cmocka_unit_test(the_manual_has_a_row_each),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
