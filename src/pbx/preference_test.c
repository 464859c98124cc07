#include "base/test.h"
#include "pbx/preference.h"

#include <stdio.h>

static struct sip_msg *with(const char *method, const char *lines)
{
	char text[1000];

	snprintf(text, sizeof(text), "%s sip:a@b SIP/2.0\r\n%s\r\n", method, lines);
	struct sip_msg *m = sip_msg_new(str_from(text));
	assert_non_null(m);
	return m;
}

static int score(const char *lines, const char *params)
{
	struct sip_msg *m = with("INVITE", lines);
	int s = pbx_preference_score(m, str_from(params));

	sip_msg_free(m);
	return s;
}

static unsigned wishes(const char *lines)
{
	struct sip_msg *m = with("INVITE", lines);
	unsigned w = pbx_preference_wishes(m);

	sip_msg_free(m);
	return w;
}

static void wishes_are_read_and_of_two_that_exclude_one_another_the_first_counts(void **state)
{
	(void)state;
	assert_int_equal(wishes(""), 0);
	assert_int_equal(wishes("Request-Disposition: no-fork, Sequential\r\n"),
			 PBX_WISH_NO_FORK | PBX_WISH_SEQUENTIAL);
	assert_int_equal(wishes("d: proxy, redirect\r\nRequest-Disposition: no-recurse\r\n"),
			 PBX_WISH_PROXY | PBX_WISH_NO_RECURSE);
	assert_int_equal(wishes("Request-Disposition: dance\r\n"), 0);
}

static void who_says_nothing_of_itself_is_not_judged(void **state)
{
	(void)state;
	assert_int_equal(score("Accept-Contact: *;video;require;explicit\r\n", ""), PBX_PREFERENCE_BEST);
	assert_int_equal(score("Accept-Contact: *;video;require;explicit\r\n", "expires=60;ob"), PBX_PREFERENCE_BEST);
	/* but +sip.instance is a feature, too: 7.2.3, step 3 */
	assert_int_equal(score("a: *;video;require;explicit\r\n", "+sip.instance=\"<urn:uuid:1>\";reg-id=1"),
			 PBX_PREFERENCE_REJECTED);
	assert_int_equal(score("a: *;+sip.instance=\"<urn:uuid:2>\";require\r\n", "+sip.instance=\"<urn:uuid:1>\""),
			 PBX_PREFERENCE_REJECTED);
	assert_int_equal(score("Reject-Contact: *;automata\r\n", "+sip.instance=\"<urn:uuid:1>\";reg-id=1"),
			 PBX_PREFERENCE_BEST);
}

/* The example of 7.2.5. */
static void the_scores_are_those_of_the_example(void **state)
{
	static const char lines[] = "Reject-Contact: *;actor=\"msg-taker\";video\r\n"
				    "Accept-Contact: *;audio;require\r\nAccept-Contact: *;video;explicit\r\n"
				    "Accept-Contact: *;methods=\"BYE\";class=\"business\";q=1.0\r\n";

	(void)state;
	assert_int_equal(score(lines, "audio;video;methods=\"INVITE,BYE\""), 833);
	assert_int_equal(score(lines, "audio=\"FALSE\";methods=\"INVITE\";actor=\"msg-taker\""),
			 PBX_PREFERENCE_REJECTED);
	assert_int_equal(score(lines, "audio;actor=\"msg-taker\";methods=\"INVITE\";video"), PBX_PREFERENCE_REJECTED);
	assert_int_equal(score(lines, "audio;methods=\"INVITE,OPTIONS\""), 500);
	assert_int_equal(score(lines, ""), 1000);
}

static void rejected_is_only_who_says_that_it_has_all_that_is_not_wanted(void **state)
{
	(void)state;
	assert_int_equal(score("Reject-Contact: *;automata\r\n", "automata;audio"), PBX_PREFERENCE_REJECTED);
	assert_int_equal(score("Reject-Contact: *;automata\r\n", "automata=\"FALSE\";audio"), PBX_PREFERENCE_BEST);
	assert_int_equal(score("Reject-Contact: *;automata\r\n", "audio"), PBX_PREFERENCE_BEST);
	assert_int_equal(score("Reject-Contact: *;automata;video\r\n", "automata;audio"), PBX_PREFERENCE_BEST);
	assert_int_equal(score("j: *;actor=\"msg-taker\", *;video\r\n", "video;audio"), PBX_PREFERENCE_REJECTED);
}

/* 7.2.4: the share of the wish that the contact speaks of */
static void a_contact_scores_what_it_says_of_what_is_wanted(void **state)
{
	(void)state;
	assert_int_equal(score("Accept-Contact: *;audio;video\r\n", "audio;video"), 1000);
	assert_int_equal(score("Accept-Contact: *;audio;video\r\n", "audio"), 500);
	assert_int_equal(score("Accept-Contact: *;audio;video\r\n", "text"), 0);
	assert_int_equal(score("Accept-Contact: *;audio;video\r\n", "audio;video=\"FALSE\""), 0);
	assert_int_equal(score("Accept-Contact: *;audio\r\na: *;video\r\n", "audio"), 500);
}

static void require_and_explicit_sharpen_it(void **state)
{
	(void)state;
	/* a non-match */
	assert_int_equal(score("a: *;video;require\r\n", "video=\"FALSE\""), PBX_PREFERENCE_REJECTED);
	/* silence is no contradiction .. */
	assert_int_equal(score("a: *;audio;video;require\r\n", "audio"), 500);
	/* .. unless it must be said */
	assert_int_equal(score("a: *;audio;video;explicit\r\n", "audio"), 0);
	assert_int_equal(score("a: *;audio;video;require;explicit\r\n", "audio"), PBX_PREFERENCE_REJECTED);
	assert_int_equal(score("a: *;audio;video;require;explicit\r\n", "audio;video"), 1000);
}

static void values_are_lists_negations_strings_and_numbers(void **state)
{
	(void)state;
	assert_int_equal(score("a: *;language=\"en,de\"\r\n", "language=\"fr,DE\""), 1000);
	assert_int_equal(score("a: *;language=\"en,de\";require\r\n", "language=\"fr\""), PBX_PREFERENCE_REJECTED);
	assert_int_equal(score("a: *;language=\"!fr\";require\r\n", "language=\"fr\""), PBX_PREFERENCE_REJECTED);
	assert_int_equal(score("a: *;language=\"!fr\";require\r\n", "language=\"fr,en\""), 1000);
	assert_int_equal(score("a: *;language=\"!fr\";require\r\n", "language=\"!fr\""), 1000);
	assert_int_equal(score("a: *;description=\"<PC, old>\";require\r\n", "description=\"<PC, old>\""), 1000);
	assert_int_equal(score("a: *;description=\"<PC>\";require\r\n", "description=\"<pc>\""),
			 PBX_PREFERENCE_REJECTED);
	assert_int_equal(score("a: *;priority=\"#>=10\";require\r\n", "priority=\"#1:10\""), 1000);
	assert_int_equal(score("a: *;priority=\"#>=10\";require\r\n", "priority=\"#<=9.5\""), PBX_PREFERENCE_REJECTED);
	assert_int_equal(score("a: *;priority=\"#=-2\";require\r\n", "priority=\"#-3:-1\""), 1000);
	assert_int_equal(score("a: *;priority=\"!#1:5\";require\r\n", "priority=\"#2:4\""), PBX_PREFERENCE_REJECTED);
	assert_int_equal(score("a: *;priority=\"!#1:5\";require\r\n", "priority=\"#2:6\""), 1000);
	assert_int_equal(score("a: *;+x.y=\"1\";require\r\n", "+X.Y=\"1\""), 1000);
}

static bool speaks(const char *method, const char *params)
{
	struct sip_msg *m = with(method, "");
	bool yes = pbx_preference_speaks(m, str_from(params));

	sip_msg_free(m);
	return yes;
}

static void who_lists_its_methods_gets_those_only(void **state)
{
	(void)state;
	assert_true(speaks("MESSAGE", "audio"));
	assert_true(speaks("MESSAGE", ""));
	assert_true(speaks("MESSAGE", "methods=\"INVITE,MESSAGE\""));
	assert_false(speaks("MESSAGE", "methods=\"INVITE,BYE\""));
	assert_false(speaks("MESSAGE", "methods=INVITE"));
}

/* 11. */
static void more_than_twenty_are_too_many(void **state)
{
	char lines[8000];
	struct sip_msg *m;

	(void)state;
	for (int n = 19; n <= 21; n++) {
		size_t at = (size_t)snprintf(lines, sizeof(lines), "j: *;video\r\na: *;audio");

		for (int i = 2; i < n; i++)
			at += (size_t)snprintf(lines + at, sizeof(lines) - at, ",*;audio");
		snprintf(lines + at, sizeof(lines) - at, "\r\n");
		char text[9000];
		snprintf(text, sizeof(text), "INVITE sip:a@b SIP/2.0\r\n%s\r\n", lines);
		m = sip_msg_new(str_from(text));
		assert_non_null(m);
		assert_int_equal(pbx_preference_too_many(m), n > 20);
		sip_msg_free(m);
	}
	size_t at = (size_t)snprintf(lines, sizeof(lines), "INVITE sip:a@b SIP/2.0\r\na: *");
	while (at < 5000)
		at += (size_t)snprintf(lines + at, sizeof(lines) - at, ";audio");
	snprintf(lines + at, sizeof(lines) - at, "\r\n\r\n");
	m = sip_msg_new(str_from(lines));
	assert_non_null(m);
	assert_true(pbx_preference_too_many(m));
	sip_msg_free(m);
}

/* 7.2.2.2 */
static void who_lists_its_events_gets_those_only(void **state)
{
	static const struct {
		const char *method, *lines, *params;
		bool yes;
	} list[] = {
		{ "SUBSCRIBE", "Event: dialog;id=1\r\n", "events=\"presence,dialog\"", true },
		{ "SUBSCRIBE", "o: dialog\r\n", "events=\"presence\"", false },
		{ "SUBSCRIBE", "Event: dialog\r\n", "audio", true },
		{ "NOTIFY", "Event: dialog\r\n", "events=\"presence\"", true },
		{ "SUBSCRIBE", "Event: dialog\r\n", "events=\"dialog\";methods=\"INVITE\"", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		struct sip_msg *m = with(list[i].method, list[i].lines);

		assert_int_equal(pbx_preference_speaks(m, str_from(list[i].params)), list[i].yes);
		sip_msg_free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wishes_are_read_and_of_two_that_exclude_one_another_the_first_counts),
		cmocka_unit_test(who_says_nothing_of_itself_is_not_judged),
		cmocka_unit_test(rejected_is_only_who_says_that_it_has_all_that_is_not_wanted),
		cmocka_unit_test(a_contact_scores_what_it_says_of_what_is_wanted),
		cmocka_unit_test(require_and_explicit_sharpen_it),
		cmocka_unit_test(values_are_lists_negations_strings_and_numbers),
		cmocka_unit_test(who_lists_its_methods_gets_those_only),
		cmocka_unit_test(who_lists_its_events_gets_those_only),
		cmocka_unit_test(more_than_twenty_are_too_many),
		cmocka_unit_test(the_scores_are_those_of_the_example),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
