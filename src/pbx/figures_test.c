#include "pbx/figures.h"

#include "base/test.h"

#include <stdio.h>

static char text[200000];

static bool has(const struct pbx_figures *f, const char *line)
{
	struct buf b;

	buf_init(&b, text, sizeof(text));
	pbx_figures_write(f, &b);
	assert_true(buf_ok(&b));
	return str_find(buf_str(&b), str_from(line)) < b.n;
}

static void rules_add_up_by_name_and_their_names_forge_nothing(void **state)
{
	static struct pbx_figures a, b;
	(void)state;
	pbx_figures_add_rule(&a, STR("line 3"), 5, 2, 1);
	pbx_figures_add_rule(&b, STR("other"), 1, 1, 0);
	pbx_figures_add_rule(&b, STR("line 3"), 1, 0, 0);
	pbx_figures_add_rule(&b, STR("x\"} 9\n\\"), 1, 1, 1);
	pbx_figures_add(&a, &b);
	assert_true(has(&a, "\ntandem_pbx_rule_decided_total{rule=\"line 3\"} 6\n"));
	assert_true(has(&a, "\ntandem_pbx_rule_refused_total{rule=\"other\"} 1\n"));
	assert_true(has(&a, "\ntandem_pbx_rule_over_total{rule=\"x\\\"} 9 \\\\\"} 1\n"));
	for (int i = 0; i < 1000; i++) {
		char name[20];
		snprintf(name, sizeof(name), "rule %d", i);
		pbx_figures_add_rule(&a, str_from(name), 1, 0, 0);
	}
	assert_int_equal(a.rule_n, PBX_FIGURES_RULES);
}

static void ratios_are_of_attempts_and_none_is_made_up(void **state)
{
	struct pbx_figures f = { .calls.completed = 3 };
	(void)state;
	assert_false(has(&f, "_ratio"));
	f.sip.outcomes[SIP_OUTCOME_ESTABLISHED] = 4;
	f.sip.outcomes[SIP_OUTCOME_PERSON] = 2;
	f.sip.outcomes[SIP_OUTCOME_INEFFECTIVE] = 2;
	f.sip.outcomes[SIP_OUTCOME_CHALLENGED] = 2;
	f.sip.outcomes[SIP_OUTCOME_REDIRECTED] = 2;
	assert_true(has(&f, "\ntandem_sip_session_establishment_ratio 0.4\n"));
	assert_true(has(&f, "\ntandem_sip_session_establishment_effectiveness_ratio 0.75\n"));
	assert_true(has(&f, "\ntandem_sip_answer_seizure_ratio 0.5\n"));
	assert_true(has(&f, "\ntandem_pbx_session_completion_ratio 0.25\n"));
}

static void sizes_are_sums_but_for_what_all_workers_have(void **state)
{
	static struct pbx_figures a = { .server = { .flows_bound = 2, .numbers = 7 }, .subscriptions = { .now = 1 } },
				  b = { .server = { .flows_bound = 3, .numbers = 7 },
					.subscriptions = { .now = 4, .notified = 9 } };

	(void)state;
	pbx_figures_add(&a, &b);
	assert_true(has(&a, "\ntandem_pbx_contacts_over_streams 5\n"));
	assert_true(has(&a, "\ntandem_pbx_number_ranges 7\n"));
	assert_true(has(&a, "\ntandem_pbx_subscriptions 5\n"));
	assert_true(has(&a, "\ntandem_pbx_notifications_total 9\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_add_up_by_name_and_their_names_forge_nothing),
		cmocka_unit_test(sizes_are_sums_but_for_what_all_workers_have),
		cmocka_unit_test(ratios_are_of_attempts_and_none_is_made_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
