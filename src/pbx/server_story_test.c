#include "pbx/test_phones.h"

#include "pbx/server_parts.h"

/* History-Info as the exchange adds it (RFC 7044). Nobody is asked for a password here. */

static struct addr carol;

static void run(void)
{
	carol = rig_addr(15, 5060);
	run_open();
	user_binds(bob, "102", "", "");
}

#define AOR "<sip:102@example.com>;index=1"
#define BOB "<sip:102@192.0.2.12:5060>;index=1.1;rc=1"

static void a_caller_that_knows_it_hears_where_its_call_went(void **state)
{
	char one[4000], two[4000];

	(void)state;
	run();
	user_binds(carol, "103", "", "");
	alice_calls("h1", "Supported: histinfo\r\n");
	gets(bob, one, "INVITE ");
	rig_assert_has(one, "\r\nHistory-Info: " AOR ", " BOB "\r\n");
	rig_answer_request(bob, one, 302, "b", "Contact: <sip:103@example.com>;mp=1.1", "");
	gets(carol, two, "INVITE ");
	rig_assert_has(two,
		       "\r\nHistory-Info: " AOR ", <sip:102@192.0.2.12:5060?Reason=SIP%3Bcause%3D302>;index=1.1;rc=1, "
		       "<sip:103@example.com>;index=1.2;mp=1.1, <sip:103@192.0.2.15:5060>;index=1.2.1;rc=1.2\r\n");
	rig_answer_request(carol, two, 180, "c", "", "");
	hears(alice, "SIP/2.0 180 ");
	rig_assert_has(rig_.text, "<sip:103@192.0.2.15:5060>;index=1.2.1;rc=1.2\r\n");
	rig_answer_request(
		carol, two, 200, "c",
		"Contact: <sip:103@192.0.2.15:5060>\r\nHistory-Info: " AOR
		", <sip:103@192.0.2.15:5060>;index=1.2.1;rc=1.2, <sip:desk@192.0.2.15>;index=1.2.1.1;mp=1.2.1",
		"");
	hears(alice, "SIP/2.0 200 ");
	rig_assert_has(rig_.text,
		       "\r\nHistory-Info: " AOR ", <sip:102@192.0.2.12:5060?Reason=SIP%3Bcause%3D302>;index=1.1;rc=1, "
		       "<sip:103@example.com>;index=1.2;mp=1.1, <sip:103@192.0.2.15:5060>;index=1.2.1;rc=1.2, "
		       "<sip:desk@192.0.2.15>;index=1.2.1.1;mp=1.2.1\r\n");
}

/* 9.4: the first 200 is lost on its way to the caller; its sender says it again when our part is done. */
static void an_answer_that_comes_again_tells_the_same(void **state)
{
	static const char mine[] = "Contact: <sip:102@192.0.2.12:5060>\r\nPrivacy: history\r\nHistory-Info: " AOR
				   ", " BOB ", <sip:desk@192.0.2.12>;index=1.1.1;mp=1.1";
	char invite[4000], first[2000], second[2000];

	(void)state;
	run();
	for (int i = 0; i < 2; i++) {
		struct addr caller = i ? stranger : alice;

		if (i)
			invite_from(stranger, "x", "y.example", "sip:102@example.com", "ag1", 1,
				    "Supported: histinfo\r\n");
		else
			alice_calls("ag0", "Supported: histinfo\r\n");
		gets(bob, invite, "INVITE ");
		rig_answer_request(bob, invite, 200, "b", mine, "");
		hears(caller, "SIP/2.0 200 ");
		rig_header(rig_.text, "History-Info", first, sizeof(first));
		assert_int_equal(strstr(first, "sip:desk@192.0.2.12") != NULL, i == 0);
		assert_int_equal(strstr(rig_.text, "Privacy: history") != NULL, i == 0);
		rig_forget_sent();
		rig_answer_request(bob, invite, 200, "b", mine, "");
		hears(caller, "SIP/2.0 200 ");
		rig_header(rig_.text, "History-Info", second, sizeof(second));
		assert_string_equal(first, second);
		assert_int_equal(strstr(rig_.text, "Privacy: history") != NULL, i == 0);
		rig_forget_sent();
	}
	assert_int_equal(rig_.servers[0]->afters.n, 2);
	rig_pass(40 * USEC_PER_SEC);
	assert_int_equal(rig_.servers[0]->afters.n, 0);
}

static void who_does_not_ask_and_brings_none_has_none(void **state)
{
	char one[4000];

	(void)state;
	run();
	alice_calls("h2", "");
	gets(bob, one, "INVITE ");
	assert_null(strstr(one, "History-Info"));
	refuses(bob, one, 486, "b");
	hears(alice, "SIP/2.0 486 ");
	assert_null(strstr(rig_.text, "History-Info"));
	alice_calls("h3", "History-Info: <sip:x@y.example>;index=1, <sip:102@example.com>;index=1.1;mp=1\r\n");
	gets(bob, one, "INVITE ");
	rig_assert_has(one, "\r\nHistory-Info: <sip:x@y.example>;index=1, <sip:102@example.com>;index=1.1;mp=1, "
			    "<sip:102@192.0.2.12:5060>;index=1.1.1;rc=1.1\r\n");
	rig_answer_request(bob, one, 486, "b", "Reason: Q.850;cause=17", "");
	hears(alice, "SIP/2.0 486 "); /* 9.4: who brings one is told, too */
	rig_assert_has(rig_.text,
		       "\r\nHistory-Info: <sip:x@y.example>;index=1, <sip:102@example.com>;index=1.1;mp=1, "
		       "<sip:102@192.0.2.12:5060?Reason=SIP%3Bcause%3D486&Reason=Q.850%3Bcause%3D17>;index=1.1.1;rc=1.1"
		       "\r\n");
	/* what nobody can read passes as it is */
	alice_calls("h4", "History-Info: <sip:x@y.example>\r\n");
	gets(bob, one, "INVITE ");
	rig_assert_has(one, "\r\nHistory-Info: <sip:x@y.example>\r\n");
}

static void the_administrator_may_want_it_always(void **state)
{
	char one[4000];

	(void)state;
	rig_.config.history = true;
	run();
	alice_calls("h5", "");
	gets(bob, one, "INVITE ");
	rig_assert_has(one, "\r\nHistory-Info: " AOR ", " BOB "\r\n");
	refuses(bob, one, 486, "b");
	hears(alice, "SIP/2.0 486 ");
	assert_null(strstr(rig_.text, "History-Info")); /* she did not say that she understands it */
}

/* 10.4: only who redirects knows whether the user is another. */
static void a_redirection_that_does_not_say_why_has_no_tag(void **state)
{
	char one[4000];

	(void)state;
	run();
	user_binds(carol, "103", "", "");
	alice_calls("h10", "Supported: histinfo\r\n");
	gets(bob, one, "INVITE ");
	rig_answer_request(bob, one, 302, "b", "Contact: <sip:103@example.com>", "");
	gets(carol, one, "INVITE ");
	rig_assert_has(one, ", <sip:103@example.com>;index=1.2, <sip:103@192.0.2.15:5060>;index=1.2.1;rc=1.2\r\n");
}

/* 9.4 and 10.1.1: how many, but not where. 5.1: nothing of whom nothing was heard of. */
static void a_stranger_is_not_told_where_phones_are(void **state)
{
	char one[4000];

	(void)state;
	run();
	user_binds(bob2, "102", "", "");
	invite_from(stranger, "x", "y.example", "sip:102@example.com", "h6", 1, "Supported: histinfo\r\n");
	gets(bob, one, "INVITE ");
	rig_assert_has(one, "\r\nHistory-Info: " AOR ", <sip:102@192.0.2.12:5060>;index=1.");
	rig_answer_request(bob, one, 180, "b", "History-Info: <sip:102@192.0.2.99>;index=1.2.1", "");
	hears(stranger, "SIP/2.0 180 ");
	rig_assert_has(rig_.text, "\r\nHistory-Info: " AOR ", <sip:anonymous@anonymous.invalid>;index=1.");
	assert_null(strstr(rig_.text, "sip:102@192.0.2."));
	/* 10.1.2: the callee's wish covers all of our domain, and is fulfilled then */
	rig_answer_request(bob, one, 183, "b", "Privacy: history;id", "");
	hears(stranger, "SIP/2.0 183 ");
	rig_assert_has(rig_.text, "\r\nHistory-Info: <sip:anonymous@anonymous.invalid>;index=1, <sip:anonymous@");
	rig_assert_has(rig_.text, "\r\nPrivacy: id\r\n");
}

/* 7., 8.: a redirect server tells the user of the Contact, and how it came to it. */
static void a_redirection_of_ours_says_how_it_was_found(void **state)
{
	(void)state;
	rig_.config.redirect_any = true;
	run();
	alice_calls("h11", "Supported: histinfo\r\n");
	hears(alice, "SIP/2.0 302 ");
	rig_assert_has(rig_.text, "\r\nContact: <sip:102@192.0.2.12:5060>;q=1.0;rc=1\r\n");
	rig_assert_has(rig_.text, "\r\nHistory-Info: " AOR "\r\n");
	alice_calls("h12", "");
	hears(alice, "SIP/2.0 302 ");
	rig_assert_has(rig_.text, "\r\nContact: <sip:102@192.0.2.12:5060>;q=1.0\r\n");
	assert_null(strstr(rig_.text, "History-Info"));
}

/* 9.1, 9.2: numbers stand there as sip URIs, which can bear a Reason. */
static void a_number_is_told_as_a_sip_uri(void **state)
{
	char one[4000];

	(void)state;
	run();
	invite_from(alice, "101", "example.com", "tel:102;phone-context=example.com", "h13", 1,
		    "Supported: histinfo\r\n");
	gets(bob, one, "INVITE ");
	rig_assert_has(one, "\r\nHistory-Info: <sip:102@example.com;user=phone>;index=1, " BOB "\r\n");
}

static void private_history_stays_in_the_house(void **state)
{
	struct addr known = rig_addr(77, 5060);
	char one[4000];

	(void)state;
	relays_to("known.example");
	run();
	alice_calls("h7", "Supported: histinfo\r\nPrivacy: history\r\n");
	gets(bob, one, "INVITE ");
	rig_assert_has(one, "\r\nHistory-Info: " AOR ", " BOB "\r\n");
	rig_answer_request(bob, one, 302, "b", "Contact: <sip:x@known.example>;rc=1", "");
	gets(known, one, "INVITE sip:x@known.example ");
	rig_assert_has(one, "\r\nHistory-Info: <sip:anonymous@anonymous.invalid>;index=1, "
			    "<sip:anonymous@anonymous.invalid?Reason=SIP%3Bcause%3D302>;index=1.1;rc=1, "
			    "<sip:x@known.example>;index=1.2;rc=1.1\r\n"); /* not our domain's: not ours to hide */
	assert_null(strstr(one, "Privacy"));                               /* 10.1.2: it has been seen to */
	assert_null(strstr(one, "192.0.2.12"));
}

static void groups_leave_their_reasons(void **state)
{
	char one[4000], two[4000];

	(void)state;
	run();
	user_binds(bob2, "102", ";q=0.5", "");
	alice_calls("h8", "Supported: histinfo\r\n");
	gets(bob, one, "INVITE ");
	rig_answer_request(bob, one, 180, "b", "", "");
	rig_pass(rig_.config.hunt_after);
	gets(bob2, two, "INVITE "); /* at once: bob has not answered the CANCEL yet */
	rig_assert_has(two,
		       "\r\nHistory-Info: " AOR ", <sip:102@192.0.2.12:5060?Reason=SIP%3Bcause%3D408>;index=1.1;rc=1, "
		       "<sip:102@192.0.2.13:5070>;index=1.2;rc=1\r\n");
}

static void silence_is_told_too(void **state)
{
	char one[4000];

	(void)state;
	run();
	alice_calls("h9", "Supported: histinfo\r\n");
	gets(bob, one, "INVITE ");
	rig_pass(33 * USEC_PER_SEC);
	hears(alice, "SIP/2.0 408 ");
	rig_assert_has(rig_.text, "\r\nHistory-Info: " AOR
				  ", <sip:102@192.0.2.12:5060?Reason=SIP%3Bcause%3D408>;index=1.1;rc=1\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_caller_that_knows_it_hears_where_its_call_went),
		T(an_answer_that_comes_again_tells_the_same),
		T(who_does_not_ask_and_brings_none_has_none),
		T(the_administrator_may_want_it_always),
		T(a_redirection_that_does_not_say_why_has_no_tag),
		T(a_redirection_of_ours_says_how_it_was_found),
		T(a_number_is_told_as_a_sip_uri),
		T(a_stranger_is_not_told_where_phones_are),
		T(private_history_stays_in_the_house),
		T(groups_leave_their_reasons),
		T(silence_is_told_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
