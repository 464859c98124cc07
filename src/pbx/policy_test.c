#include "pbx/policy_file.h"

#include "base/test.h"

#include <stdio.h>

/* Monday 2026-11-23 10:00 UTC */
#define MONDAY_TEN (INT64_C(1795428000) * USEC_PER_SEC)
#define HOUR       (3600 * USEC_PER_SEC)

static struct pbx_policy *policy;
static struct pbx_question question;
static struct pbx_decision verdict;

static bool zone_of(void *self, str name, struct buf *rule)
{
	(void)self;
	if (!str_eq(name, STR("Europe/Berlin")))
		return false;
	buf_put_z(rule, "CET-1CEST,M3.5.0,M10.5.0/3");
	return true;
}

static void rules(const char *text)
{
	struct pbx_policy_source source = { .file = STR("t"),
					    .text = str_from(text),
					    .domain = STR("example.com"),
					    .find_zone = zone_of,
					    .zone_name = STR("UTC") };
	char why_text[500] = { 0 };
	struct buf why;

	buf_init(&why, why_text, sizeof(why_text) - 1);
	pbx_policy_free(policy);
	policy = pbx_policy_read(&source, &why);
	if (!policy)
		fail_msg("%s", why_text);
	assert_int_equal(why.n, 0);
}

static int teardown(void **state)
{
	(void)state;
	pbx_policy_free(policy);
	policy = NULL;
	return 0;
}

/* 101 of ours calls. */
static void ask(const char *callee)
{
	static char user[1000];
	char *at;

	snprintf(user, sizeof(user), "%s", callee);
	question = (struct pbx_question){ .caller = PBX_CALLER_LOCAL,
					  .user = STR("101"),
					  .host = STR("example.com"),
					  .source = addr_v4(192, 0, 2, 11, 5060),
					  .callee_ours = true,
					  .callee_host = STR("example.com"),
					  .domain = STR("example.com"),
					  .method = SIP_INVITE,
					  .now = MONDAY_TEN };
	at = strchr(user, '@');
	question.callee = str_of(user, at ? (size_t)(at - user) : strlen(user));
	if (at) {
		question.callee_ours = false;
		question.callee_host = str_from(at + 1);
	}
}

static const char *judged(void)
{
	static char name[100];

	assert_int_equal(pbx_policy_judge(policy, &question, &verdict), PBX_POLICY_DECIDED);
	snprintf(name, sizeof(name), STR_FMT, STR_ARG(verdict.rule ? verdict.rule->name : STR("-")));
	return name;
}

static const char *call(const char *callee)
{
	ask(callee);
	return judged();
}

static const char *call_from(const char *user, const char *callee)
{
	ask(callee);
	question.user = str_from(user);
	return judged();
}

static const char *call_as(enum pbx_caller caller, const char *user, const char *host, const char *callee)
{
	ask(callee);
	question.caller = caller;
	question.user = str_from(user);
	question.host = str_from(host);
	return judged();
}

static const char *call_at(usec now, const char *callee)
{
	ask(callee);
	question.now = now;
	return judged();
}

#define IS(got, name) assert_string_equal(got, name)

static void the_first_rule_that_fits_decides(void **state)
{
	(void)state;
	rules("a: to 200 refuse\nb: to 2* allow\nc: to 200 allow\nto 3* refuse 404 \"gone\"\n");
	IS(call("200"), "a");
	assert_int_equal(verdict.action, PBX_POLICY_REFUSE);
	assert_int_equal(verdict.status, 403);
	IS(call("201"), "b");
	assert_int_equal(verdict.action, PBX_POLICY_ALLOW);
	IS(call("300"), "line 4");
	assert_int_equal(verdict.status, 404);
	assert_str(verdict.text, "gone");
	IS(call("400"), "-");
	assert_int_equal(verdict.action, PBX_POLICY_NONE);
}

static void patterns_fit_digits_prefixes_and_ranges(void **state)
{
	(void)state;
	rules("range: to 200..249 allow\nthree: to 5?? allow\nprefix: to 0900* allow\nname: to Sales allow\n"
	      "star: to *21* allow\n");
	IS(call("200"), "range");
	IS(call("249"), "range");
	IS(call("250"), "-");
	IS(call("2000"), "-");
	IS(call("24x"), "-");
	IS(call("555"), "three");
	IS(call("55a"), "-");
	IS(call("5555"), "-");
	IS(call("0900"), "prefix");
	IS(call("0900123"), "prefix");
	IS(call("090"), "-");
	IS(call("sales"), "name");
	IS(call("*21*49"), "star");
}

static void a_number_is_the_same_however_it_is_written(void **state)
{
	(void)state;
	rules("no: to 0900* refuse\nplus: to +49900??? refuse\n");
	IS(call("0-900-123"), "no");
	IS(call("0900.12(3)"), "no");
	IS(call("0900;phone-context=+49"), "no");
	IS(call("+49-900-123"), "plus");
	IS(call("+49-900-123;ext=5"), "plus");
	IS(call("a-b"), "-"); /* a name's hyphen belongs to it */
}

static void a_number_without_end_still_begins_as_it_does(void **state)
{
	char number[900];

	(void)state;
	memset(number, '1', sizeof(number) - 1);
	memcpy(number, "0900", 4);
	number[sizeof(number) - 1] = '\0';
	rules("no: to 0900* refuse\nedit: to 1* strip 1\n");
	IS(call(number), "no");
	number[0] = '1';
	IS(call(number), "edit"); /* and is not changed where it does not fit */
	assert_int_equal(verdict.status, 414);
}

static void a_pattern_without_a_domain_is_of_ours_alone(void **state)
{
	(void)state;
	rules("ours: to 1* allow\ntheirs: to 1*@partner.example allow\nany: to @*.example allow\nwide: to 7@* "
	      "refuse\n");
	IS(call("100"), "ours");
	IS(call("100@partner.example"), "theirs");
	IS(call("100@PARTNER.example"), "theirs");
	IS(call("200@partner.example"), "any");
	IS(call("200@example"), "-");
	IS(call("200@notexample"), "-");
	IS(call("7@elsewhere.test"), "wide");
	IS(call("7"), "wide");
}

static void what_a_caller_says_of_itself_counts_only_where_it_is_proved(void **state)
{
	(void)state;
	rules("me: from 101 allow\npartner: from *@partner.example allow\nt: from trusted allow\ns: from strangers "
	      "allow\n"
	      "k: from trunk allow\n");
	IS(call("200"), "me");
	IS(call_as(PBX_CALLER_STRANGER, "101", "example.com", "200"), "s");
	IS(call_as(PBX_CALLER_TRUNK, "101", "example.com", "200"), "k");
	IS(call_as(PBX_CALLER_TRUSTED, "x", "y.example", "200"), "t");
	IS(call_as(PBX_CALLER_STRANGER, "x", "partner.example", "200"), "partner");
}

static void classes_of_callers_and_callees_can_be_told_apart(void **state)
{
	(void)state;
	rules("in: from strangers to local allow\nout: from local to foreign allow\nhere: from local to local allow\n"
	      "rest: from anyone to anyone refuse\n");
	IS(call("200"), "here");
	IS(call("x@y.example"), "out");
	IS(call_as(PBX_CALLER_TRUSTED, "x", "y.example", "200"), "in");
	IS(call_as(PBX_CALLER_STRANGER, "x", "y.example", "z@y.example"), "rest");
}

static void not_turns_a_list_round(void **state)
{
	(void)state;
	rules("a: from not 101, 102 allow\nb: to not 2??, 300 refuse\n");
	IS(call_from("103", "200"), "a");
	IS(call_from("101", "200"), "-");
	IS(call_from("102", "300"), "-");
	IS(call_from("102", "301"), "b");
}

static void a_group_stands_for_its_members(void **state)
{
	(void)state;
	rules("group sales = 101, 2??\ngroup all = group sales, 900\n"
	      "a: from group all to 900 allow\nb: from not group sales refuse\n");
	IS(call_from("101", "900"), "a");
	IS(call_from("250", "900"), "a");
	IS(call_from("900", "900"), "a");
	IS(call_from("102", "900"), "b");
	IS(call_from("101", "901"), "-");
}

static void the_source_is_a_network(void **state)
{
	(void)state;
	rules("in: source 192.0.2.0/24, 2001:db8::/32 allow\nout: source not 10.0.0.0/8 refuse\n");
	IS(call("1"), "in");
	ask("1");
	question.source = addr_v4(198, 51, 100, 1, 5060);
	IS(judged(), "out");
	ask("1");
	question.source = addr_v4(10, 1, 1, 1, 5060);
	IS(judged(), "-");
}

static void methods_are_chosen_or_all_are_meant(void **state)
{
	(void)state;
	rules("m: method MESSAGE, SUBSCRIBE refuse\ni: method INVITE allow\nrest: refuse\n");
	IS(call("1"), "i");
	ask("1");
	question.method = SIP_MESSAGE;
	IS(judged(), "m");
	ask("1");
	question.method = SIP_METHOD_OTHER;
	IS(judged(), "rest");
}

static void times_are_those_of_the_zone(void **state)
{
	(void)state;
	rules("zone Europe/Berlin\nhours office = Mon-Fri 08:00-18:00, Sat 09:00-13:00\n"
	      "open: at office allow\nshut: at not office refuse\n");
	IS(call_at(MONDAY_TEN, "1"), "open"); /* 11:00 there */
	IS(call_at(MONDAY_TEN + 6 * HOUR + 3599 * USEC_PER_SEC, "1"), "open");
	IS(call_at(MONDAY_TEN + 7 * HOUR, "1"), "shut"); /* 18:00 */
	IS(call_at(MONDAY_TEN - 3 * HOUR, "1"), "open"); /* 08:00 */
	IS(call_at(MONDAY_TEN - 3 * HOUR - 1, "1"), "shut");
	IS(call_at(MONDAY_TEN + 5 * 24 * HOUR, "1"), "open"); /* Saturday 11:00 */
	IS(call_at(MONDAY_TEN + 5 * 24 * HOUR + 2 * HOUR, "1"), "shut");
	IS(call_at(MONDAY_TEN + 6 * 24 * HOUR, "1"), "shut");
	/* In July it is an hour later there. */
	IS(call_at(MONDAY_TEN - 4 * HOUR - 140 * 24 * HOUR, "1"), "open");
}

static void a_night_belongs_to_the_day_it_begins_on(void **state)
{
	(void)state;
	rules("night: at Fri 22:00-06:00 allow\nfeast: at 12-24..01-06 23:00-01:00 allow\nonce: at 2026-11-23 "
	      "refuse\n");
	IS(call_at(MONDAY_TEN + 4 * 24 * HOUR + 12 * HOUR, "1"), "night"); /* Friday 22:00 */
	IS(call_at(MONDAY_TEN + 5 * 24 * HOUR - 5 * HOUR, "1"), "night");  /* Saturday 05:00 */
	IS(call_at(MONDAY_TEN + 5 * 24 * HOUR - 4 * HOUR, "1"), "-");      /* Saturday 06:00 */
	IS(call_at(MONDAY_TEN + 5 * 24 * HOUR + 13 * HOUR, "1"), "-");     /* Saturday 23:00 */
	IS(call_at(MONDAY_TEN + 4 * 24 * HOUR - 5 * HOUR, "1"), "-");      /* Friday 05:00 */
	IS(call("1"), "once");
	IS(call_at(MONDAY_TEN + 44 * 24 * HOUR + 14 * HOUR + 1800 * USEC_PER_SEC, "1"), "feast"); /* 7 January 00:30 */
	IS(call_at(MONDAY_TEN + 45 * 24 * HOUR + 14 * HOUR + 1800 * USEC_PER_SEC, "1"), "-");
	IS(call_at(MONDAY_TEN + 31 * 24 * HOUR - 9 * HOUR - 1800 * USEC_PER_SEC, "1"), "-"); /* 24 December 00:30 */
	IS(call_at(MONDAY_TEN + 31 * 24 * HOUR + 13 * HOUR, "1"), "feast");
}

static void a_number_is_changed_and_the_next_rules_see_it_so(void **state)
{
	(void)state;
	rules("out: from local to 0* strip 1 add +49\nmap: to 7?? become sales\nfar: to 8* strip 1 become "
	      "{user}@far.example\n"
	      "no: to +49900* refuse\ng: to +49* allow\ns: to sales allow\nf: to *@far.example allow\n");
	IS(call("0900123"), "no");
	IS(call("030123"), "g");
	assert_str(question.callee, "+4930123");
	assert_true(question.changed);
	IS(call("0-30-123"), "g");
	assert_str(question.callee, "+4930123");
	IS(call("777"), "s");
	assert_true(question.callee_ours);
	IS(call("8123"), "f");
	assert_str(question.callee, "123");
	assert_str(question.callee_host, "far.example");
	assert_false(question.callee_ours);
	IS(call("9"), "-");
	assert_false(question.changed);
}

static void a_way_out_is_not_for_strangers_unless_they_are_named(void **state)
{
	(void)state;
	rules("out: to 0* via trunk\nmap: to 1* become {user}@carrier.example allow\nopen: from anyone to 2* via "
	      "a.example\n"
	      "rest: refuse\n");
	IS(call("00"), "out");
	assert_int_equal(verdict.action, PBX_POLICY_VIA);
	IS(call_as(PBX_CALLER_STRANGER, "x", "y.example", "00"), "rest");
	IS(call_as(PBX_CALLER_TRUSTED, "x", "y.example", "1"), "rest");
	IS(call_as(PBX_CALLER_TRUNK, "x", "y.example", "1"), "rest");
	IS(call_as(PBX_CALLER_STRANGER, "x", "y.example", "2"), "open");
}

static void whom_a_rule_leaves_out_opens_no_way_to_strangers(void **state)
{
	(void)state;
	rules("group lobby = 190..194\nout: from not group lobby to 0* via trunk\n"
	      "in: from not group lobby to 1* allow\nrest: refuse\n");
	IS(call_as(PBX_CALLER_LOCAL, "101", "example.com", "00"), "out");
	IS(call_as(PBX_CALLER_LOCAL, "191", "example.com", "00"), "rest");
	IS(call_as(PBX_CALLER_STRANGER, "x", "y.example", "00"), "rest");
	IS(call_as(PBX_CALLER_TRUSTED, "x", "y.example", "00"), "rest");
	IS(call_as(PBX_CALLER_STRANGER, "x", "y.example", "100"), "in"); /* no way out: as it is said */
}

static void a_limit_is_asked_for_before_the_rule_decides(void **state)
{
	(void)state;
	rules("a: to 2* limit 2 calls each caller limit 10 calls per 1m allow\n");
	ask("200");
	assert_int_equal(pbx_policy_judge(policy, &question, &verdict), PBX_POLICY_COUNT);
	assert_int_equal(verdict.limit->most, 2);
	pbx_policy_counted(policy, &question, &verdict, true);
	assert_int_equal(pbx_policy_judge(policy, &question, &verdict), PBX_POLICY_COUNT);
	assert_int_equal(verdict.limit->most, 10);
	pbx_policy_counted(policy, &question, &verdict, true);
	IS(judged(), "a");
	assert_int_equal(verdict.action, PBX_POLICY_ALLOW);
}

static void a_limit_that_is_reached_refuses_and_says_which(void **state)
{
	char text[600] = { 0 };
	struct buf b;

	(void)state;
	rules("a: to 2* limit 2 calls per 1m each caller else refuse 480 \"slowly\" allow\n");
	ask("200");
	assert_int_equal(pbx_policy_judge(policy, &question, &verdict), PBX_POLICY_COUNT);
	pbx_policy_counted(policy, &question, &verdict, false);
	IS(judged(), "a");
	assert_int_equal(verdict.action, PBX_POLICY_REFUSE);
	assert_int_equal(verdict.status, 480);
	buf_init(&b, text, sizeof(text) - 1);
	pbx_decision_lines(&verdict, &b);
	assert_string_equal(text, "Warning: 399 tandem \"rule a: limit 2 calls per 1m each caller: slowly\"\r\n"
				  "Reason: SIP;cause=480;text=\"rule a: limit 2 calls per 1m each caller: slowly\"\r\n"
				  "Retry-After: 60");
	assert_int_equal(policy->rules[0].stats.over, 1);
	assert_int_equal(policy->rules[0].stats.refused, 1);
}

static void a_limit_may_send_on_to_the_rules_below(void **state)
{
	(void)state;
	rules("a: to 2* add 9 limit 2 calls else next via trunk\nb: to 2* refuse 503\n");
	ask("200");
	assert_int_equal(pbx_policy_judge(policy, &question, &verdict), PBX_POLICY_COUNT);
	pbx_policy_counted(policy, &question, &verdict, false);
	IS(judged(), "b");
	assert_str(question.callee, "200"); /* unchanged by the rule that did not take it */
}

static void calls_are_counted_for_calls_only(void **state)
{
	(void)state;
	rules("a: limit 2 calls allow\n");
	ask("200");
	question.method = SIP_MESSAGE;
	IS(judged(), "a");
	rules("a: limit 2 requests per 1m allow\n");
	ask("200");
	question.method = SIP_MESSAGE;
	assert_int_equal(pbx_policy_judge(policy, &question, &verdict), PBX_POLICY_COUNT);
}

static void rule_with_only_a_limit_leaves_the_rest_to_others(void **state)
{
	(void)state;
	rules("slow: from local limit 2 calls\nno: to 9* refuse\n");
	ask("900");
	assert_int_equal(pbx_policy_judge(policy, &question, &verdict), PBX_POLICY_COUNT);
	pbx_policy_counted(policy, &question, &verdict, true);
	IS(judged(), "no");
}

static str key_of(const struct pbx_limit *l, char *text, size_t n)
{
	struct buf b;

	buf_init(&b, text, n);
	pbx_limit_key(&policy->rules[0], l, &question, &b);
	assert_true(buf_ok(&b));
	return buf_str(&b);
}

static void limits_count_by_whom_they_are_for(void **state)
{
	char one[1200], two[1200];
	const struct pbx_limit *l;

	(void)state;
	rules("a: limit 1 calls each caller limit 1 calls each callee limit 1 calls each source limit 1 calls allow\n");
	l = policy->rules[0].limits;
	for (int i = 0; i < 4; i++)
		for (int k = 0; k < i; k++) {
			ask("1");
			(void)pbx_policy_judge(policy, &question, &verdict);
			assert_false(str_eq(key_of(&l[i], one, sizeof(one)), key_of(&l[k], two, sizeof(two))));
		}
	ask("1");
	(void)pbx_policy_judge(policy, &question, &verdict);
	str caller = key_of(&l[0], one, sizeof(one));
	question.source = addr_v4(10, 0, 0, 1, 1);
	assert_true(str_eq(caller, key_of(&l[0], two, sizeof(two))));
	question.user = STR("102");
	assert_false(str_eq(caller, key_of(&l[0], two, sizeof(two))));
	/* A stranger is where he comes from, whatever he calls himself. */
	question.caller = PBX_CALLER_STRANGER;
	caller = key_of(&l[0], one, sizeof(one));
	question.user = STR("somebody");
	assert_true(str_eq(caller, key_of(&l[0], two, sizeof(two))));
	question.source = addr_v4(10, 0, 0, 2, 1);
	assert_false(str_eq(caller, key_of(&l[0], two, sizeof(two))));
	str callee = key_of(&l[1], one, sizeof(one));
	question.user = STR("x");
	assert_true(str_eq(callee, key_of(&l[1], two, sizeof(two))));
}

static void counts_of_a_rule_survive_new_rules_under_its_name(void **state)
{
	struct pbx_policy *old;

	(void)state;
	rules("a: to 2* refuse\nb: refuse\n");
	(void)call("200");
	(void)call("200");
	old = policy;
	policy = NULL;
	rules("x: to 5* allow\na: to 2* refuse\n");
	pbx_policy_inherit(policy, old);
	pbx_policy_free(old);
	assert_int_equal(policy->rules[0].stats.decided, 0);
	assert_int_equal(policy->rules[1].stats.refused, 2);
}

struct heard {
	char text[300];
};

static void hear(void *self, const struct pbx_rule *rule, const char *misfit)
{
	struct heard *h = self;
	size_t n = strlen(h->text);

	snprintf(h->text + n, sizeof(h->text) - n, STR_FMT "=%s ", STR_ARG(rule->name), misfit ? misfit : "fits");
}

static void who_watches_hears_of_each_rule_and_why_not(void **state)
{
	struct heard h = { { 0 } };

	(void)state;
	rules("m: method MESSAGE refuse\nf: from 9* refuse\ns: source 10.0.0.0/8 refuse\nt: to 9* refuse\nh: at Sun "
	      "refuse\n"
	      "l: limit 1 calls else next refuse\no: to 2* allow\nz: refuse\n");
	ask("200");
	question.watch = hear;
	question.watcher = &h;
	assert_int_equal(pbx_policy_judge(policy, &question, &verdict), PBX_POLICY_COUNT);
	pbx_policy_counted(policy, &question, &verdict, false);
	IS(judged(), "o");
	assert_string_equal(h.text, "m=method f=from s=source t=to h=at l=fits l=limit o=fits ");
}

static void a_pattern_fills_in_the_user_as_a_uri_has_it(void **state)
{
	char text[100] = { 0 };
	struct buf b;

	(void)state;
	buf_init(&b, text, sizeof(text) - 1);
	pbx_policy_fill(STR("sip:{user}@new.example;x={user}"), STR("a b#"), true, &b);
	assert_string_equal(text, "sip:a%20b%23@new.example;x=a%20b%23");
}

#define T(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_first_rule_that_fits_decides),
		T(patterns_fit_digits_prefixes_and_ranges),
		T(a_number_is_the_same_however_it_is_written),
		T(a_number_without_end_still_begins_as_it_does),
		T(a_pattern_without_a_domain_is_of_ours_alone),
		T(what_a_caller_says_of_itself_counts_only_where_it_is_proved),
		T(classes_of_callers_and_callees_can_be_told_apart),
		T(not_turns_a_list_round),
		T(a_group_stands_for_its_members),
		T(the_source_is_a_network),
		T(methods_are_chosen_or_all_are_meant),
		T(times_are_those_of_the_zone),
		T(a_night_belongs_to_the_day_it_begins_on),
		T(a_number_is_changed_and_the_next_rules_see_it_so),
		T(a_way_out_is_not_for_strangers_unless_they_are_named),
		T(whom_a_rule_leaves_out_opens_no_way_to_strangers),
		T(a_limit_is_asked_for_before_the_rule_decides),
		T(a_limit_that_is_reached_refuses_and_says_which),
		T(a_limit_may_send_on_to_the_rules_below),
		T(calls_are_counted_for_calls_only),
		T(rule_with_only_a_limit_leaves_the_rest_to_others),
		T(limits_count_by_whom_they_are_for),
		T(counts_of_a_rule_survive_new_rules_under_its_name),
		T(who_watches_hears_of_each_rule_and_why_not),
		T(a_pattern_fills_in_the_user_as_a_uri_has_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
