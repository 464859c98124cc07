#include "pbx/policy_file.h"

#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>

static char why[600];

static struct pbx_policy *read_text(str text)
{
	struct pbx_policy_source source = { .file = STR("f.policy"), .text = text, .domain = STR("example.com") };
	char *exact = malloc(text.n ? text.n : 1);
	struct pbx_policy *p;
	struct buf b;

	/* In memory of its own, that is gone after: nothing of it may be kept. */
	memcpy(exact, text.n ? text.p : "", text.n);
	source.text.p = exact;
	memset(why, 0, sizeof(why));
	buf_init(&b, why, sizeof(why) - 1);
	p = pbx_policy_read(&source, &b);
	free(exact);
	return p;
}

static struct pbx_policy *good(const char *text)
{
	struct pbx_policy *p = read_text(str_from(text));

	if (!p)
		fail_msg("%s", why);
	return p;
}

/* What is said of it names this line, and these words are in it. */
static void wrong_in(unsigned line, const char *text, const char *part)
{
	struct pbx_policy *p = read_text(str_from(text));
	char start[40];

	snprintf(start, sizeof(start), "f.policy:%u: ", line);
	if (p)
		fail_msg("taken: %s", text);
	if (strncmp(why, start, strlen(start)) != 0 || !strstr(why, part))
		fail_msg("\"%s\" gave \"%s\", not \"%s\" with \"%s\"", text, why, start, part);
}

static void wrong(const char *text, const char *part)
{
	wrong_in(1, text, part);
}

static void every_word_of_a_rule_is_kept(void **state)
{
	struct pbx_policy *p;
	const struct pbx_rule *r;

	(void)state;
	p = good("longest 2h\n"
		 "full: from 101, not-a-word to 0* source 10.0.0.0/8 method INVITE at Mon 08:00-09:00 strip 1 add +49 "
		 "become x{user}\n"
		 "   limit 3 calls at once each callee else refuse 480 \"full house\"  limit 5 requests per 10s else "
		 "next\n"
		 "   via sip:carrier.example:5070;transport=tcp\n"
		 "gone: redirect 301 sip:{user}@new.example, bob, al@x.example\n");
	assert_int_equal(p->longest, 7200 * USEC_PER_SEC);
	assert_int_equal(p->rule_n, 2);
	r = &p->rules[0];
	assert_str(r->name, "full");
	assert_int_equal(r->line, 2);
	assert_int_equal(r->methods, 1u << SIP_INVITE);
	assert_int_equal(r->from.n, 2);
	assert_int_equal(r->source.n, 1);
	assert_int_equal(r->strip, 1);
	assert_str(r->add, "+49");
	assert_str(r->become, "x{user}");
	assert_int_equal(r->limit_n, 2);
	assert_int_equal(r->limits[0].most, 3);
	assert_int_equal(r->limits[0].each, PBX_EACH_CALLEE);
	assert_int_equal(r->limits[0].status, 480);
	assert_str(r->limits[0].text, "full house");
	assert_true(r->limits[1].next);
	assert_true(r->limits[1].requests);
	assert_int_equal(r->limits[1].span, 10 * USEC_PER_SEC);
	assert_int_equal(r->action, PBX_POLICY_VIA);
	assert_str(r->via, "sip:carrier.example:5070;transport=tcp");
	r = &p->rules[1];
	assert_int_equal(r->status, 301);
	assert_int_equal(r->target_n, 3);
	assert_str(r->targets[0], "sip:{user}@new.example");
	assert_str(r->targets[1], "sip:bob@example.com");
	assert_str(r->targets[2], "sip:al@x.example");
	assert_true(p->counts);
	pbx_policy_free(p);
}

static void comments_blanks_and_odd_line_ends_mean_nothing(void **state)
{
	struct pbx_policy *p;

	(void)state;
	p = good("\xef\xbb\xbf# a file\r\n\r\n  # indented\na: to *21# allow # not a key\r\n\t# between\n  limit 2 "
		 "calls\n\n"
		 "b: to 1 allow");
	assert_int_equal(p->rule_n, 2);
	assert_int_equal(p->rules[0].limit_n, 1);
	assert_str(p->rules[0].to.list[0].user, "*21#");
	assert_int_equal(p->rules[1].line, 8);
	pbx_policy_free(p);
	p = good("");
	assert_int_equal(p->rule_n, 0);
	pbx_policy_free(p);
}

static void a_wrong_word_is_named_with_file_and_line_and_what_would_be_right(void **state)
{
	(void)state;
	wrong_in(2, "\na: to 1 alow\n", "\"alow\" is no word of a rule: from, to,");
	wrong("a: to 1\n", "rule \"a\" does nothing");
	wrong("a: to 1 allow refuse\n", "a rule decides once");
	wrong("a: to 1 to 2 allow\n", "to stands twice");
	wrong_in(4, "a: allow\n\nb: refuse\na: refuse\n", "the rule in line 1 is called \"a\"");
	wrong("from: allow\n", "\"from\" cannot name a rule");
	wrong("a: to 1, allow\n", "a comma too many?");
}

static void lists_are_checked_item_by_item(void **state)
{
	(void)state;
	wrong("a: to , 2 allow\n", "is missing in the list");
	wrong("a: from\n", "local, strangers, trusted, trunk, anyone is missing");
	wrong("a: to 20..1 allow\n", "as many digits");
	wrong("a: to 30..20 allow\n", "a range goes up");
	wrong("a: to x@ allow\n", "behind the @ stands a domain");
	wrong("a: to x@a/b allow\n", "behind the @ stands a domain");
	wrong("a: to a:b allow\n", "is no name, number or pattern");
	wrong("a: from group sales allow\n", "no group \"sales\" above");
	wrong_in(2, "group sales = 1, 2\ngroup sales = 3\n", "stands above already");
	wrong("group sales 1\n", "the \"=\" is missing");
	wrong("group sales = local\n", "names and numbers");
	wrong("group local = 1\n", "cannot be its name");
	wrong("a: source 10.0.0.0/33 allow\n", "is no network");
	wrong("a: source allow\n", "is no network");
	wrong("a: method INVIT refuse\n", "such as INVITE");
	wrong("a: method BYE refuse\n", "one that begins something");
}

static void times_are_checked(void **state)
{
	static const char *const times[] = { "Mo",
					     "8:00",
					     "08:00-25:00",
					     "08:00-08:00",
					     "08:00-24:01",
					     "02-30",
					     "2026-02-29",
					     "12-24..2027-01-06",
					     "2026-12-24..2026-12-01",
					     "office",
					     "24:00-01:00",
					     "8:0-9:00" };
	char text[100];

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		snprintf(text, sizeof(text), "a: at %s allow\n", times[i]);
		wrong(text, "is no time, such as");
	}
	wrong("zone Nowhere/Never\n", "is not known here; a name such as Europe/Berlin");
	wrong("longest 10s\n", "no span from 1m to 7d");
	wrong_in(2, "hours office = Mon\nhours office = Tue\n", "stands above already");
}

static void numbers_limits_and_actions_are_checked(void **state)
{
	(void)state;
	wrong("a: strip x allow\n", "how many digits");
	wrong("a: strip 0 allow\n", "how many digits");
	wrong("a: add \"a b\" allow\n", "in front of the number");
	wrong("a: become @x allow\n", "{user}@carrier.example");
	wrong("a: become x@y:5060 allow\n", "{user}@carrier.example");
	wrong("a: become x@{user} allow\n", "{user}@carrier.example");
	wrong("a: limit two calls allow\n", "how many");
	wrong("a: limit 2 allow\n", "calls or requests?");
	wrong("a: limit 2 requests allow\n", "counted per span");
	wrong("a: limit 2 calls per 1x allow\n", "a span from 1s to 31d");
	wrong("a: limit 2 calls each phone allow\n", "each caller, each callee or each source");
	wrong("a: limit 2 calls else allow\n", "else next");
	wrong("a: limit 2 calls limit 3 calls allow\n", "limited twice");
	wrong("a: limit 1 calls limit 1 calls each caller limit 1 calls each callee limit 1 calls each source limit 1 "
	      "calls per 1s allow\n",
	      "more than 4 limits");
	wrong("a: refuse 200\n", "403, 404, 480");
	wrong("a: refuse 407\n", "403, 404, 480");
	wrong("a: refuse 403 \"a\\b\"\n", "no \\");
	wrong("a: refuse 403 \"open\n", "without its end");
	wrong("a: allow \"x\"\n", "behind `refuse` only");
	wrong("a: redirect 305 sip:x@y\n", "300, 301");
	wrong("a: redirect\n", "a URI such as");
	wrong("a: redirect x, contacts\n", "a URI such as");
	wrong("a: redirect sip:\n", "a URI such as");
	wrong("a: via\n", "via \"\": trunk, or the domain");
	wrong("a: via x@y\n", "via \"x@y\": trunk, or the domain");
	wrong("zone UTC0 x\n", "what is \"x\" for?");
	wrong_in(2, "a: allow\n  b: refuse\n", "begins at the start of a line");
}

static void too_many_rules_are_refused_not_cut(void **state)
{
	struct pbx_policy *p;
	struct buf text;

	(void)state;
	buf_init_grow(&text, 1 << 20);
	for (int i = 0; i < PBX_POLICY_RULES_MAX; i++)
		buf_put_z(&text, "to 1 allow\n");
	p = read_text(buf_str(&text));
	assert_non_null(p);
	assert_int_equal(p->rule_n, PBX_POLICY_RULES_MAX);
	pbx_policy_free(p);
	buf_put_z(&text, "to 1 allow\n");
	assert_null(read_text(buf_str(&text)));
	assert_non_null(strstr(why, "more than 2000 rules"));
	buf_free(&text);
}

/* Every beginning of a file, and every file with one byte changed, is taken or refused with a reason. */
static void broken_files_are_refused_with_a_reason(void **state)
{
	static const char text[] = "zone CET-1CEST,M3.5.0,M10.5.0/3\nhours o = Mon-Fri 08:00-18:00, 12-24..12-26\n"
				   "group g = 1, 2??, 20..30, x@y.example\n"
				   "a: from group g, local to not 0* at not o source 10.0.0.0/8 method INVITE strip 1\n"
				   "  limit 2 calls at once each caller else refuse 480 \"x y\" via trunk\n"
				   "b: redirect 302 sip:{user}@n.example, contacts\n";
	char changed[sizeof(text)];

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		struct pbx_policy *p = read_text(str_of(text, n));

		assert_true(p ? !why[0] : why[0]);
		pbx_policy_free(p);
		for (int c = 1; c < 256 && n < sizeof(text) - 1; c += 7) {
			memcpy(changed, text, sizeof(text));
			changed[n] = (char)c;
			p = read_text(str_of(changed, sizeof(text) - 1));
			assert_true(p ? !why[0] : why[0]);
			pbx_policy_free(p);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_word_of_a_rule_is_kept),
		cmocka_unit_test(comments_blanks_and_odd_line_ends_mean_nothing),
		cmocka_unit_test(a_wrong_word_is_named_with_file_and_line_and_what_would_be_right),
		cmocka_unit_test(lists_are_checked_item_by_item),
		cmocka_unit_test(times_are_checked),
		cmocka_unit_test(numbers_limits_and_actions_are_checked),
		cmocka_unit_test(too_many_rules_are_refused_not_cut),
		cmocka_unit_test(broken_files_are_refused_with_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
