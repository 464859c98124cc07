#include "io/log_sink.h"

#include "base/test.h"
#include "io/file.h"
#include "io/thread.h"

#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>

static char path[] = "/tmp/tandem-log-XXXXXX";
static struct clock the_clock;
static struct buf text;

static int setup(void **state)
{
	(void)state;
	clock_start(&the_clock);
	buf_init_grow(&text, 1 << 20);
	int fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	(void)state;
	buf_free(&text);
	return unlink(path);
}

static str whole_file(void)
{
	buf_reset(&text);
	assert_int_equal(file_read(path, &text), ERR_NONE);
	return buf_str(&text);
}

static size_t count_lines(str s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '\n';
	return n;
}

static void start(struct log_sink *s, bool json, unsigned per_second)
{
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(log_sink_start(s, &the_clock, path, LOG_INFO, json, per_second), ERR_NONE);
}

static void a_line_has_time_level_event_and_fields(void **state)
{
	struct log_sink s;
	(void)state;
	start(&s, false, 0);
	log_info(&s.log, "pbx.registrar bound", "aor=%s", "sip:101@acme");
	log_debug(&s.log, "too talkative", "x=1");
	log_sink_stop(&s);
	str line = whole_file();
	assert_int_equal(count_lines(line), 1);
	assert_int_equal(line.p[10], 'T');
	assert_int_equal(line.p[26], 'Z');
	assert_str(str_skip(line, 27), " info pbx.registrar bound aor=sip:101@acme\n");
}

static void a_stranger_cannot_forge_a_line(void **state)
{
	struct log_sink s;
	(void)state;
	start(&s, false, 0);
	log_warn(&s.log, "sip.msg refused", "line=\"%s\"", "a\r\n2026 error \x1b[2J");
	log_sink_stop(&s);
	assert_int_equal(count_lines(whole_file()), 1);
	assert_true(str_find(whole_file(), STR("a\\x0d\\x0a2026 error \\x1b[2J")) < text.n);
}

static void json_stays_json_whatever_is_logged(void **state)
{
	struct log_sink s;
	json_error_t why;
	(void)state;
	start(&s, true, 0);
	log_warn(&s.log, "sip.msg \"refused\"", "call=%s bytes=%s n=%d", "c1@host", "\\ \" n=2 \n \xff\xc3", 1);
	log_sink_stop(&s);
	str line = whole_file();
	json_t *j = json_loadb(line.p, line.n, 0, &why);
	assert_non_null(j);
	assert_string_equal(json_string_value(json_object_get(j, "event")), "sip.msg \"refused\"");
	assert_string_equal(json_string_value(json_object_get(j, "level")), "warn");
	assert_string_equal(json_string_value(json_object_get(j, "call")), "c1@host");
	assert_string_equal(json_string_value(json_object_get(j, "bytes")), "\\ \" n=2 \n \u00ff\u00c3");
	assert_string_equal(json_string_value(json_object_get(j, "n")), "1");
	json_decref(j);
}

static void a_flood_is_counted_and_errors_pass(void **state)
{
	struct log_sink s;
	(void)state;
	start(&s, false, 5);
	for (int i = 0; i < 5000; i++)
		log_info(&s.log, "flood", "i=%d", i);
	log_error(&s.log, "fire", "where=here");
	log_sink_stop(&s);
	assert_true(count_lines(whole_file()) < 60); /* should seconds pass meanwhile */
	assert_true(str_find(whole_file(), STR("error fire where=here")) < text.n);
	assert_true(str_find(whole_file(), STR("io.log_sink lines dropped n=")) < text.n);
}

static void talk(void *arg)
{
	for (int i = 0; i < 200; i++)
		log_info(arg, "thread speaks", "text=%s", "0123456789012345678901234567890123456789");
}

static void lines_of_threads_do_not_mix(void **state)
{
	struct log_sink s;
	struct thread t[4];
	(void)state;
	start(&s, false, 100000);
	for (int i = 0; i < 4; i++)
		assert_int_equal(thread_start(&t[i], "talk", talk, &s.log), ERR_NONE);
	for (int i = 0; i < 4; i++)
		thread_join(&t[i]);
	log_sink_stop(&s);
	str rest = whole_file(), line;
	assert_int_equal(count_lines(rest), 800);
	while (str_split(rest, '\n', &line, &rest))
		assert_str(str_skip(line, 27), " info thread speaks text=0123456789012345678901234567890123456789");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_time_level_event_and_fields),
		cmocka_unit_test(a_stranger_cannot_forge_a_line),
		cmocka_unit_test(json_stays_json_whatever_is_logged),
		cmocka_unit_test(a_flood_is_counted_and_errors_pass),
		cmocka_unit_test(lines_of_threads_do_not_mix),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
