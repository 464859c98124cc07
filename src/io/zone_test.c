#include "io/zone.h"

#include "base/civil.h"
#include "base/test.h"
#include "io/file.h"

#include <stdlib.h>

static char name_text[100], rule_text[100];
static struct buf name, rule;

static int setup(void **state)
{
	(void)state;
	memset(name_text, 0, sizeof(name_text));
	memset(rule_text, 0, sizeof(rule_text));
	buf_init(&name, name_text, sizeof(name_text) - 1);
	buf_init(&rule, rule_text, sizeof(rule_text) - 1);
	return 0;
}

static void a_zone_is_found_by_its_name(void **state)
{
	struct civil_zone z;

	(void)state;
	if (!file_exists("/usr/share/zoneinfo/Europe/Berlin"))
		skip();
	assert_int_equal(zone_find(STR("Europe/Berlin"), &rule), ERR_NONE);
	assert_string_equal(rule_text, "CET-1CEST,M3.5.0,M10.5.0/3");
	assert_int_equal(civil_zone_parse(buf_str(&rule), &z), ERR_NONE);
}

static void what_is_no_zone_is_absent(void **state)
{
	static const char *const names[] = { "", "Nowhere/Never", "../../../etc/passwd", "/etc/passwd",
					     "Europe/../../x" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(zone_find(str_from(names[i]), &rule), ERR_ABSENT);
	assert_int_equal(rule.n, 0);
	if (file_exists("/usr/share/zoneinfo/tzdata.zi"))
		assert_int_equal(zone_find(STR("tzdata.zi"), &rule), ERR_SYNTAX);
}

static void this_machine_is_in_some_zone(void **state)
{
	struct civil_zone z;

	(void)state;
	zone_here(&name, &rule);
	assert_true(name.n > 0);
	assert_int_equal(civil_zone_parse(buf_str(&rule), &z), ERR_NONE);
}

static void tz_comes_first(void **state)
{
	(void)state;
	setenv("TZ", "EST5EDT,M3.2.0,M11.1.0", 1);
	zone_here(&name, &rule);
	assert_string_equal(rule_text, "EST5EDT,M3.2.0,M11.1.0");
	unsetenv("TZ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_zone_is_found_by_its_name, setup),
		cmocka_unit_test_setup(what_is_no_zone_is_absent, setup),
		cmocka_unit_test_setup(this_machine_is_in_some_zone, setup),
		cmocka_unit_test_setup(tz_comes_first, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
