#include "store/date.h"

#include "base/test.h"

/* date -u -d @SECONDS '+%F %T' */
static void dates_are_those_of_the_calendar(void **state)
{
	static const struct {
		usec t;
		const char *text;
	} dates[] = {
		{ 0, "1970-01-01 00:00:00.000" },
		{ 951782399999999, "2000-02-28 23:59:59.999" },
		{ 951782400000000, "2000-02-29 00:00:00.000" },
		{ 951868800000000, "2000-03-01 00:00:00.000" },
		{ 1795446189001999, "2026-11-23 15:03:09.001" },
		{ 4107542400000000, "2100-03-01 00:00:00.000" },
		{ 4107456000000000, "2100-02-28 00:00:00.000" },
		{ -1, "1969-12-31 23:59:59.999" },
		{ -86400000000, "1969-12-31 00:00:00.000" },
	};
	char text[40];
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof(dates) / sizeof(*dates); i++) {
		buf_init(&b, text, sizeof(text) - 1);
		store_date_write(dates[i].t, &b);
		text[b.n] = 0;
		assert_string_equal(text, dates[i].text);
	}
}

static void spans_read_as_a_clock_does(void **state)
{
	static const struct {
		usec span;
		const char *text;
	} spans[] = {
		{ 0, "0.000 s" },         { 12345678, "12.345 s" },
		{ 60000000, "1:00.000" }, { 3725000000, "1:02:05.000" },
		{ -1500000, "-1.500 s" },
	};
	char text[40];
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++) {
		buf_init(&b, text, sizeof(text) - 1);
		store_date_write_span(spans[i].span, &b);
		text[b.n] = 0;
		assert_string_equal(text, spans[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_are_those_of_the_calendar),
		cmocka_unit_test(spans_read_as_a_clock_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
