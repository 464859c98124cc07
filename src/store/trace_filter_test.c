#include "store/trace_filter.h"

#include "base/test.h"

static char why_text[300];

static struct trace_filter parsed(const char *text)
{
	struct trace_filter f = { .bits = 0 };
	struct buf why;

	buf_init(&why, why_text, sizeof(why_text));
	assert_int_equal(trace_filter_parse(str_from(text), &f, &why), ERR_NONE);
	return f;
}

static bool fits(const char *text, const struct trace_facts *m)
{
	struct trace_filter f = parsed(text);

	return trace_filter_fits(&f, m);
}

static const struct trace_facts busy = { .call_id = STR_INIT("c1@h"),
					 .session = STR_INIT("5e55"),
					 .from_user = STR_INIT("101"),
					 .to_user = STR_INIT("102"),
					 .method = STR_INIT("INVITE"),
					 .status = 486,
					 .remote = { 4, 5060, { 192, 0, 2, 7 } } };

static void each_word_must_fit(void **state)
{
	(void)state;
	assert_true(fits("", &busy));
	assert_true(fits("call=c1@h", &busy) && fits("call=5e55", &busy) && !fits("call=c1", &busy));
	assert_true(fits("user=101", &busy) && fits("user=102", &busy) && !fits("user=10", &busy));
	assert_true(fits("method=invite", &busy) && !fits("method=BYE", &busy));
	assert_true(fits("status=4xx", &busy) && fits("status=486", &busy) && fits("status=400-500", &busy));
	assert_true(!fits("status=5xx", &busy) && !fits("status=200-485", &busy));
	assert_true(fits("source=192.0.2.7", &busy) && fits("source=192.0.2.0/24", &busy) &&
		    !fits("source=10.0.0.0/8", &busy));
	assert_true(fits("user=101 status=4xx", &busy) && !fits("user=103 status=4xx", &busy));
	struct trace_facts request = busy;
	request.status = 0;
	assert_false(fits("status=4xx", &request));
}

static void nonsense_is_refused_in_words(void **state)
{
	static const char *const bad[] = { "x=1",          "call=",      "call",
					   "status=7xx",   "status=99",  "status=500-400",
					   "source=1.2.3", "until=soon", "user=a\tb" };
	struct trace_filter f;
	struct buf why;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		buf_init(&why, why_text, sizeof(why_text));
		assert_int_equal(trace_filter_parse(str_from(bad[i]), &f, &why), ERR_SYNTAX);
		assert_true(why.n > 0);
	}
}

static void it_reads_what_it_writes(void **state)
{
	static const char all[] = "call=c user=u method=INVITE status=400-499 source=2001:db8::/32 until=5";
	struct trace_filter f = parsed(all);
	char text[TRACE_FILTER_MAX];
	struct buf b;
	(void)state;
	buf_init(&b, text, sizeof(text));
	trace_filter_write(&f, &b);
	assert_str(buf_str(&b), all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_word_must_fit),
		cmocka_unit_test(nonsense_is_refused_in_words),
		cmocka_unit_test(it_reads_what_it_writes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
