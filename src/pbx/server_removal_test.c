#include "pbx/test_rig.h"

/* What the store has taken away is taken away here. Nobody is asked for a password. */

static unsigned cseq;

static void start(unsigned workers)
{
	rig_.config.auth = false;
	rig_.config.worker_n = (uint16_t)workers;
	rig_run();
	cseq = 0;
}

static void binds(struct addr from, const char *user)
{
	char lines[100];

	snprintf(lines, sizeof(lines), "Contact: <sip:%s@192.0.2.%u:%u>\r\n", user, from.ip[3], from.port);
	rig_register_once(from, user, ++cseq, lines);
}

/* By `tandem admin` beside us: out of the store, noted there, and all workers hear that something has changed. */
static void taken_away(const char *aor, str key, bool barred)
{
	struct keeper_answer changed = { .kind = KEEPER_CHANGED, .why = "" };
	struct contact_record row = { .aor = str_from(aor), .key = key };

	rig_.removals[rig_.removal_n] = (struct removal_record){
		.id = (int64_t)rig_.removal_n + 1, .aor = row.aor, .key = key, .barred = barred
	};
	rig_.removal_n++;
	rig_keep_contact(&row, true);
	for (unsigned i = 0; i < rig_.config.worker_n; i++)
		rig_deliver(i, &changed);
	rig_settle();
}

static size_t kept(void)
{
	size_t n = 0;

	for (size_t i = 0; i < 100; i++)
		n += rig_.contacts[i].used;
	return n;
}

static const char *call_102(const char *call_id)
{
	const char *said;

	rig_forget_sent();
	invite_from(alice, "101", "example.com", "sip:102@example.com", call_id, 1, "");
	do {
		said = rig_take(alice);
	} while (strncmp(said, "SIP/2.0 1", 9) == 0);
	return said;
}

static void who_has_no_account_any_more_is_not_reached(void **state)
{
	(void)state;
	start(4);
	binds(bob, "102");
	binds(bob2, "102");
	binds(alice, "103");
	taken_away("sip:102@", STR_NONE, true); /* in every domain */
	rig_assert_start(call_102("a"), "SIP/2.0 480 ");
	assert_string_equal(rig_take(bob), "");
	for (size_t i = 0; i < 100; i++)
		if (rig_.contacts[i].used)
			assert_str(rig_.contacts[i].row->aor, "sip:103@example.com");
	assert_int_equal(kept(), 1);
}

static void one_binding_is_taken_away_and_the_others_stay(void **state)
{
	char key[200] = "";

	(void)state;
	start(1);
	binds(bob, "102");
	snprintf(key, sizeof(key), STR_FMT, STR_ARG(rig_.contacts[0].row->key));
	binds(bob2, "102");
	taken_away("sip:102@example.com", str_from(key), false);
	assert_string_equal(call_102("a"), "");
	assert_string_equal(rig_take(bob), "");
	rig_assert_start(rig_take(bob2), "INVITE ");
	assert_int_equal(kept(), 1);
	taken_away("sip:102@example.com", STR("nobody's"), false);
	taken_away("sip:104@example.com", STR_NONE, false);
	assert_int_equal(kept(), 1);
	binds(bob, "102"); /* who may, comes again */
	rig_forget_sent();
	assert_string_equal(call_102("b"), "");
	rig_assert_start(rig_take(bob), "INVITE ");
}

static void what_was_taken_away_before_the_start_is_not_again(void **state)
{
	(void)state;
	for (rig_.removal_n = 0; rig_.removal_n < 5; rig_.removal_n++)
		rig_.removals[rig_.removal_n] =
			(struct removal_record){ .id = (int64_t)rig_.removal_n + 1, .aor = STR("sip:102@example.com") };
	rig_.keeper_err = ERR_IO; /* nor where it could not be read then */
	start(2);
	rig_.keeper_err = ERR_NONE;
	rig_pass(2 * USEC_PER_SEC);
	binds(bob, "102");
	taken_away("sip:103@example.com", STR_NONE, false);
	assert_string_equal(call_102("a"), "");
	rig_assert_start(rig_take(bob), "INVITE ");
}

/* Between the reading of the contacts and the first answer about removals nothing is lost: that comes first. */
static void what_is_taken_away_while_it_starts_is_gone(void **state)
{
	(void)state;
	start(2);
	binds(bob, "102");
	rig_stop_servers();
	rig_.removal_err = ERR_IO;
	rig_run();
	rig_pass(1500 * USEC_PER_MS);
	rig_.removal_err = ERR_NONE;
	taken_away("sip:102@example.com", STR_NONE, false);
	rig_pass(2 * USEC_PER_SEC);
	rig_assert_start(call_102("a"), "SIP/2.0 480 ");
	assert_int_equal(kept(), 0);
}

static void a_registration_under_way_goes_as_well(void **state)
{
	(void)state;
	start(1);
	rig_.hold = true;
	binds(bob, "102");
	assert_string_equal(rig_take(bob), "");
	taken_away("sip:102@example.com", STR_NONE, true);
	rig_.hold = false;
	rig_settle();
	rig_assert_start(rig_take(bob), "SIP/2.0 200 "); /* it was bound, for a moment */
	rig_assert_start(call_102("a"), "SIP/2.0 480 ");
	assert_int_equal(kept(), 0);
}

static void several_changes_at_once_are_all_read(void **state)
{
	struct keeper_answer changed = { .kind = KEEPER_CHANGED, .why = "" };

	(void)state;
	start(1);
	binds(bob, "102");
	binds(bob, "103");
	for (rig_.removal_n = 0; rig_.removal_n < 5; rig_.removal_n++)
		rig_.removals[rig_.removal_n] =
			(struct removal_record){ .id = (int64_t)rig_.removal_n + 1,
						 .aor = rig_.removal_n < 4 ? STR("sip:102@example.com")
									   : STR("sip:103@example.com") };
	rig_deliver(0, &changed);
	rig_deliver(0, &changed); /* while it is reading */
	rig_settle();
	assert_int_equal(kept(), 0);
}

/* Bob's request with the right credentials of 102. */
static const char *proves(const char *method)
{
	static unsigned call_n;
	char answer[3000], lines[900], id[20];
	bool is_register = strcmp(method, "REGISTER") == 0;
	const char *uri = is_register ? "sip:example.com" : "sip:101@example.com";

	rig_forget_sent();
	snprintf(id, sizeof(id), "p%u", ++call_n);
	if (is_register)
		rig_register_once(bob, "102", ++cseq, "Contact: <sip:102@192.0.2.12>\r\n");
	else
		invite_from(bob, "102", "example.com", uri, id, 1, "");
	rig_copy(rig_take(bob), answer, sizeof(answer));
	rig_assert_start(answer, is_register ? "SIP/2.0 401 " : "SIP/2.0 407 ");
	if (!is_register)
		ack_refusal(bob, "102", uri, id, 1);
	rig_authorize(answer, "102", "pw102", method, uri, lines, sizeof(lines));
	if (is_register) {
		strcat(lines, "Contact: <sip:102@192.0.2.12>\r\n");
		rig_register_once(bob, "102", ++cseq, lines);
	} else {
		invite_from(bob, "102", "example.com", uri, id, 2, lines);
	}
	rig_pass(2 * USEC_PER_SEC); /* a 403 comes late */
	const char *said = rig_take(bob);
	return strncmp(said, "SIP/2.0 100 ", 12) == 0 ? rig_take(bob) : said;
}

static void who_is_disabled_can_neither_register_nor_call(void **state)
{
	struct keeper_answer changed = { .kind = KEEPER_CHANGED, .why = "" };

	(void)state;
	rig_run();
	rig_register(alice, "101");
	rig_register(bob, "102");
	assert_int_equal(kept(), 2);
	rig_.disabled = "102";
	taken_away("sip:102@", STR_NONE, true); /* as the store says it */
	assert_int_equal(kept(), 1);
	rig_assert_start(proves("REGISTER"), "SIP/2.0 403 ");
	rig_assert_start(proves("INVITE"), "SIP/2.0 403 ");
	assert_string_equal(rig_take(alice), "");
	assert_int_equal(kept(), 1);
	rig_.disabled = NULL;
	rig_deliver(0, &changed);
	rig_settle();
	rig_pass(60 * USEC_PER_SEC); /* who was wrong, waits */
	rig_assert_start(proves("REGISTER"), "SIP/2.0 200 ");
	assert_string_equal(proves("INVITE"), ""); /* no answer yet */
	rig_assert_start(rig_take(alice), "INVITE ");
}

static void hears(const char *what)
{
	char text[8000];

	rig_copy(rig_take(bob2), text, sizeof(text));
	rig_assert_start(text, "NOTIFY ");
	rig_assert_has(text, what);
	rig_answer_request(bob2, text, 200, "", "", "");
}

static void who_watches_hears_why(void **state)
{
	(void)state;
	start(3);
	binds(bob, "102");
	rig_say(bob2, "SUBSCRIBE sip:102@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.13:5070;branch=z9hG4bKw1\r\n"
		      "Max-Forwards: 70\r\nFrom: <sip:102@example.com>;tag=w\r\nTo: <sip:102@example.com>\r\n"
		      "Call-ID: w\r\nCSeq: 1 SUBSCRIBE\r\nContact: <sip:102@192.0.2.13:5070>\r\nEvent: reg\r\n"
		      "Content-Length: 0\r\n\r\n");
	rig_assert_start(rig_take(bob2), "SIP/2.0 200 ");
	hears("state=\"active\" event=\"registered\"");
	rig_pass(10 * USEC_PER_SEC);
	taken_away("sip:102@example.com", STR_NONE, false);
	hears("state=\"terminated\" event=\"deactivated\""); /* RFC 3680 4.7.1: it may come again */
	rig_pass(10 * USEC_PER_SEC);
	binds(bob, "102");
	hears("state=\"active\" event=\"registered\"");
	rig_pass(10 * USEC_PER_SEC);
	taken_away("sip:102@", STR_NONE, true);
	hears("state=\"terminated\" event=\"rejected\""); /* and need not */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(who_has_no_account_any_more_is_not_reached),
		T(one_binding_is_taken_away_and_the_others_stay),
		T(what_was_taken_away_before_the_start_is_not_again),
		T(what_is_taken_away_while_it_starts_is_gone),
		T(a_registration_under_way_goes_as_well),
		T(several_changes_at_once_are_all_read),
		T(who_is_disabled_can_neither_register_nor_call),
		T(who_watches_hears_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
