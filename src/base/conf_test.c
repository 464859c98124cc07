#include "base/conf.h"

#include "base/test.h"

struct settings {
	str data;
	int64_t workers, auth;
	usec expiry;
	struct addr listen;
	bool demo;
};

static const struct conf_setting table[] = {
	{ "data", CONF_PATH, offsetof(struct settings, data), .required = true, .value = "DIR",
	  .meaning = "Where all is kept." },
	{ "workers", CONF_NUMBER, offsetof(struct settings, workers), "1", 1, 64, .meaning = "Threads." },
	{ "auth", CONF_CHOICE, offsetof(struct settings, auth), "digest", .choices = "digest|none",
	  .meaning = "Who may." },
	{ "expiry", CONF_SPAN, offsetof(struct settings, expiry), "1h", USEC_PER_SEC, 86400 * USEC_PER_SEC,
	  .meaning = "How long." },
	{ "listen", CONF_ADDR, offsetof(struct settings, listen), .min = 5060, .meaning = "Where." },
	{ "demo", CONF_FLAG, offsetof(struct settings, demo), .meaning = "Show." },
};

#define N (sizeof(table) / sizeof(table[0]))

static char complaint[400];

static enum err args(struct settings *out, struct conf_words *words, const char **argv)
{
	struct buf why;
	int argc = 0;

	while (argv[argc])
		argc++;
	memset(complaint, 0, sizeof(complaint));
	buf_init(&why, complaint, sizeof(complaint) - 1);
	*out = (struct settings){ 0 };
	conf_defaults(table, N, out);
	return conf_args(table, N, argc, (char **)argv, out, words, &why);
}

#define ARGS(...) args(&s, &words, (const char *[]){ __VA_ARGS__, NULL })

static void values_are_read_by_type_and_words_are_left(void **state)
{
	struct settings s;
	struct conf_words words;

	(void)state;
	assert_int_equal(ARGS("--data", "d", "one", "--workers=4", "--auth", "none", "--expiry", "90s", "--listen",
			      "[::1]", "--demo", "--", "--two"),
			 ERR_NONE);
	assert_str(s.data, "d");
	assert_int_equal(s.workers, 4);
	assert_int_equal(s.auth, 1);
	assert_int_equal(s.expiry, 90 * USEC_PER_SEC);
	assert_int_equal(s.listen.port, 5060);
	assert_int_equal(s.listen.family, 6);
	assert_true(s.demo);
	assert_int_equal(words.n, 2);
	assert_str(words.word[1], "--two");
}

static void defaults_stand_where_nothing_is_said(void **state)
{
	struct settings s;
	struct conf_words words;

	(void)state;
	assert_int_equal(ARGS("--data", "d"), ERR_NONE);
	assert_int_equal(s.workers, 1);
	assert_int_equal(s.auth, 0);
	assert_int_equal(s.expiry, 3600 * USEC_PER_SEC);
	assert_false(s.demo);
}

static void wrong_values_are_refused_with_what_would_be_right(void **state)
{
	struct settings s;
	struct conf_words words;

	(void)state;
	assert_int_equal(ARGS("--data", "d", "--workers", "65"), ERR_LIMIT);
	assert_string_equal(complaint, "--workers: 65 is not within 1 to 64");
	assert_int_equal(ARGS("--data", "d", "--workers", "0"), ERR_LIMIT);
	assert_int_equal(ARGS("--data", "d", "--auth", "nothing"), ERR_SYNTAX);
	assert_string_equal(complaint, "--auth: \"nothing\" is not one of digest|none");
	assert_int_equal(ARGS("--data", "d", "--worker", "2"), ERR_SYNTAX);
	assert_string_equal(complaint, "unknown setting --worker; did you mean --workers?");
	assert_int_equal(ARGS("--workers", "2"), ERR_ABSENT);
	assert_string_equal(complaint, "--data is needed: Where all is kept.");
	assert_int_equal(ARGS("--data"), ERR_SYNTAX);
	assert_string_equal(complaint, "--data needs a value");
	assert_int_equal(ARGS("--data", "d", "--expiry", "2d"), ERR_LIMIT);
	assert_string_equal(complaint, "--expiry: 2d is not within 1s to 1d");
}

static void a_wrong_line_is_named_by_file_and_number(void **state)
{
	struct settings s = { 0 };
	struct buf why;

	(void)state;
	memset(complaint, 0, sizeof(complaint));
	buf_init(&why, complaint, sizeof(complaint) - 1);
	assert_int_equal(conf_file(table, N, STR("t.conf"), STR("# all\nworkers = 3 # three\n\ndemo = yes"), &s, &why),
			 ERR_NONE);
	assert_int_equal(s.workers, 3);
	assert_true(s.demo);
	assert_int_equal(conf_file(table, N, STR("t.conf"), STR("workers = 3\nlisten = nowhere\n"), &s, &why),
			 ERR_SYNTAX);
	assert_non_null(strstr(complaint, "t.conf:2: listen: \"nowhere\" is not an address"));
}

static void arguments_win_over_the_file_and_the_file_over_defaults(void **state)
{
	const char *argv[] = { "--data", "d", "--workers", "5" };
	struct settings s = { 0 };
	struct conf_words words;
	struct buf why;

	(void)state;
	buf_init(&why, complaint, sizeof(complaint) - 1);
	conf_defaults(table, N, &s);
	assert_int_equal(conf_file(table, N, STR("t.conf"), STR("workers = 3\ndemo = yes\n"), &s, &why), ERR_NONE);
	assert_int_equal(conf_args(table, N, 4, (char **)argv, &s, &words, &why), ERR_NONE);
	assert_int_equal(s.workers, 5);
	assert_true(s.demo);
}

static void spans_do_not_overflow(void **state)
{
	usec span = 5;

	(void)state;
	assert_int_equal(conf_span(STR("9223372036854775807d"), &span), ERR_LIMIT);
	assert_int_equal(conf_span(STR("3x"), &span), ERR_SYNTAX);
	assert_int_equal(span, 5);
	assert_int_equal(conf_span(STR("250ms"), &span), ERR_NONE);
	assert_int_equal(span, 250 * USEC_PER_MS);
}

static void the_manual_has_a_sentence_a_line_and_no_stray_orders(void **state)
{
	char text[200];
	struct buf b;

	(void)state;
	buf_init(&b, text, sizeof(text));
	conf_manual_text("One. Two at 1.5\n.hidden \\ here\n\nThree", &b);
	assert_str(buf_str(&b), "One.\nTwo at 1.5\n\\&.hidden \\e here\n.Pp\nThree\n");
}

static enum err both(struct settings *out, struct conf_source *source, const char *text, const char **argv)
{
	struct conf_words words;
	struct buf why;

	memset(complaint, 0, sizeof(complaint));
	buf_init(&why, complaint, sizeof(complaint) - 1);
	*out = (struct settings){ 0 };
	*source = (struct conf_source){ .argv = (char **)argv, .file = STR("f.conf"), .text = str_from(text) };
	while (argv[source->argc])
		source->argc++;
	return conf_read(table, N, source, out, &words, &why);
}

#define BOTH(text, ...) both(&s, &source, text, (const char *[]){ __VA_ARGS__, NULL })

static void what_is_required_may_stand_in_the_file(void **state)
{
	struct conf_source source;
	struct settings s;

	(void)state;
	assert_int_equal(BOTH("workers = 3\ndata = d\n", "--workers", "5"), ERR_NONE);
	assert_str(s.data, "d");
	assert_int_equal(s.workers, 5);
	assert_int_equal(s.expiry, 3600 * USEC_PER_SEC);
	assert_int_equal(BOTH("workers = 3\n", "--demo"), ERR_ABSENT);
	assert_int_equal(BOTH("", "--data", "d"), ERR_NONE);
	assert_int_equal(BOTH("data = d\nworkers = 99\n", "--demo"), ERR_LIMIT);
	assert_non_null(strstr(complaint, "f.conf:2: workers: 99 is not within 1 to 64"));
}

static void a_setting_is_known_by_where_it_stood(void **state)
{
	struct conf_source source;
	struct settings s;
	char text[100] = { 0 };
	struct buf b;

	(void)state;
	assert_int_equal(BOTH("\nworkers = 3\ndata = d\nworkers = 4\n", "--data", "e"), ERR_NONE);
	buf_init(&b, text, sizeof(text) - 1);
	conf_where(table, N, &source, "workers", &b);
	conf_where(table, N, &source, "data", &b);
	conf_where(table, N, &source, "auth", &b);
	assert_string_equal(text, "f.conf:4: workers: --data: --auth: ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_read_by_type_and_words_are_left),
		cmocka_unit_test(defaults_stand_where_nothing_is_said),
		cmocka_unit_test(wrong_values_are_refused_with_what_would_be_right),
		cmocka_unit_test(a_wrong_line_is_named_by_file_and_number),
		cmocka_unit_test(arguments_win_over_the_file_and_the_file_over_defaults),
		cmocka_unit_test(spans_do_not_overflow),
		cmocka_unit_test(the_manual_has_a_sentence_a_line_and_no_stray_orders),
		cmocka_unit_test(what_is_required_may_stand_in_the_file),
		cmocka_unit_test(a_setting_is_known_by_where_it_stood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
