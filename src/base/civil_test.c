#include "base/civil.h"

#include "base/test.h"

/* Expected values: Python's zoneinfo on the tz database 2024b. */

static struct civil_zone zone(const char *rule)
{
	struct civil_zone z;

	assert_int_equal(civil_zone_parse(str_from(rule), &z), ERR_NONE);
	return z;
}

#define CHANGES(rule, at, before, after)                                                                               \
	do {                                                                                                           \
		struct civil_zone z_ = zone(rule);                                                                     \
		assert_int_equal(civil_zone_offset(&z_, (at)*USEC_PER_SEC - 1), before);                               \
		assert_int_equal(civil_zone_offset(&z_, (at)*USEC_PER_SEC), after);                                    \
	} while (0)

static void summer_begins_and_ends_to_the_second(void **state)
{
	(void)state;
	CHANGES("CET-1CEST,M3.5.0,M10.5.0/3", INT64_C(1774746000), 3600, 7200);
	CHANGES("CET-1CEST,M3.5.0,M10.5.0/3", INT64_C(1792890000), 7200, 3600);
	CHANGES("EST5EDT,M3.2.0,M11.1.0", INT64_C(1772953200), -18000, -14400);
	CHANGES("EST5EDT,M3.2.0,M11.1.0", INT64_C(1793512800), -14400, -18000);
	CHANGES("NST3:30NDT,M3.2.0,M11.1.0", INT64_C(1772947800), -12600, -9000);
	CHANGES("IST-2IDT,M3.4.4/26,M10.5.0", INT64_C(1774569600), 7200, 10800);
}

static void south_of_the_equator_summer_spans_the_new_year(void **state)
{
	(void)state;
	CHANGES("AEST-10AEDT,M10.1.0,M4.1.0/3", INT64_C(1775318400), 39600, 36000);
	CHANGES("AEST-10AEDT,M10.1.0,M4.1.0/3", INT64_C(1791043200), 36000, 39600);
}

static void days_of_the_year_may_name_a_change(void **state)
{
	struct civil_zone julian = zone("XXX0YYY,J60,J300"), plain = zone("XXX0YYY,59,300");
	struct civil_time t;

	(void)state;
	assert_int_equal(civil_parse(STR("2024-03-01 01:59:59"), &t), ERR_NONE);
	assert_int_equal(civil_zone_offset(&julian, civil_usec(&CIVIL_UTC, &t)), 0);
	assert_int_equal(civil_zone_offset(&julian, civil_usec(&CIVIL_UTC, &t) + USEC_PER_SEC), 3600);
	assert_int_equal(civil_parse(STR("2024-02-29 02:00"), &t), ERR_NONE);
	assert_int_equal(civil_zone_offset(&plain, civil_usec(&CIVIL_UTC, &t)), 3600);
	assert_int_equal(civil_zone_offset(&plain, civil_usec(&CIVIL_UTC, &t) - 1), 0);
}

static void a_zone_without_summer_is_the_same_all_year(void **state)
{
	struct civil_zone z = zone("IST-5:30"), n = zone("<-0330>3:30");

	(void)state;
	assert_int_equal(civil_zone_offset(&z, 0), 19800);
	assert_int_equal(civil_zone_offset(&z, INT64_C(1782000000) * USEC_PER_SEC), 19800);
	assert_int_equal(civil_zone_offset(&n, 0), -12600);
}

static void what_is_no_zone_is_refused(void **state)
{
	static const char *const wrong[] = { "",
					     "CET",
					     "C1",
					     "CET-1CEST",
					     "CET-25",
					     "CET-1CEST,M13.5.0,M10.5.0",
					     "CET-1CEST,M3.6.0,M10.5.0",
					     "CET-1CEST,M3.5.7,M10.5.0",
					     "CET-1CEST,M3.5.0",
					     "CET-1CEST,M3.5.0,M10.5.0/3x",
					     "<CET-1",
					     "CET-1CEST,J0,J1",
					     "CET-1CEST,M3.5.0/168,M10.5.0" };
	struct civil_zone z = { .offset_s = 7 };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(civil_zone_parse(str_from(wrong[i]), &z), ERR_SYNTAX);
	assert_int_equal(z.offset_s, 7);
}

static void dates_and_weekdays_are_the_calendars(void **state)
{
	static const struct {
		int64_t at;
		const char *text;
	} cases[] = {
		{ 0, "Thu 1970-01-01 00:00:00 +00:00" },          { -1, "Wed 1969-12-31 23:59:59 +00:00" },
		{ 951782400, "Tue 2000-02-29 00:00:00 +00:00" },  { 1795475045, "Mon 2026-11-23 23:04:05 +00:00" },
		{ 4107542400, "Mon 2100-03-01 00:00:00 +00:00" }, { 253402300799, "Fri 9999-12-31 23:59:59 +00:00" }
	};
	char text[60];
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_init(&b, text, sizeof(text));
		civil_write(&CIVIL_UTC, cases[i].at * USEC_PER_SEC, &b);
		buf_put_char(&b, '\0');
		assert_string_equal(text, cases[i].text);
	}
}

static void every_hour_of_years_comes_back(void **state)
{
	struct civil_zone z = zone("CET-1CEST,M3.5.0,M10.5.0/3");
	usec hour = 3600 * USEC_PER_SEC, at = INT64_C(1577833200) * USEC_PER_SEC;

	(void)state;
	for (int i = 0; i < 4 * 366 * 24; i++, at += hour) {
		struct civil_time t = civil_at(&z, at);
		usec back = civil_usec(&z, &t);

		/* The hour that comes twice comes back as the first. */
		assert_true(back == at || back == at - hour);
		if (back != at)
			assert_int_equal(t.month, 10);
	}
}

static void a_time_that_does_not_come_is_taken_as_winters(void **state)
{
	struct civil_zone z = zone("CET-1CEST,M3.5.0,M10.5.0/3");
	struct civil_time t;

	(void)state;
	assert_int_equal(civil_parse(STR("2026-03-29T02:30"), &t), ERR_NONE);
	assert_int_equal(civil_usec(&z, &t), (INT64_C(1774746000) + 1800) * USEC_PER_SEC);
}

static void a_text_that_is_no_date_is_refused(void **state)
{
	static const char *const wrong[] = { "2026-02-29",       "2026-13-01",    "2026-1-1",
					     "2026-11-23 24:00", "2026-11-23 10", "2026-11-23 10:00:00Z",
					     "0000-01-01",       "tomorrow",      "2026-11-31" };
	struct civil_time t;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(civil_parse(str_from(wrong[i]), &t), ERR_SYNTAX);
	assert_int_equal(civil_parse(STR("2024-02-29"), &t), ERR_NONE);
	assert_int_equal(t.weekday, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(summer_begins_and_ends_to_the_second),
		cmocka_unit_test(south_of_the_equator_summer_spans_the_new_year),
		cmocka_unit_test(days_of_the_year_may_name_a_change),
		cmocka_unit_test(a_zone_without_summer_is_the_same_all_year),
		cmocka_unit_test(what_is_no_zone_is_refused),
		cmocka_unit_test(dates_and_weekdays_are_the_calendars),
		cmocka_unit_test(every_hour_of_years_comes_back),
		cmocka_unit_test(a_time_that_does_not_come_is_taken_as_winters),
		cmocka_unit_test(a_text_that_is_no_date_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
