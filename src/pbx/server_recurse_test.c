#include "pbx/test_phones.h"

#include "pbx/server_parts.h"
#include "sip/stack_parts.h"

/* A callee that sends the call elsewhere (RFC 3261 16.7 step 4). Nobody is asked for a password here, unless it says
 * so. */

static struct addr carol, dave;

static void binds(struct addr from, const char *user, const char *params)
{
	user_binds(from, user, params, "");
}

static void run(void)
{
	carol = rig_addr(15, 5060);
	dave = rig_addr(16, 5060);
	run_open();
}

static void redirects(struct addr at, const char *invite, int status, const char *contacts)
{
	char line[600];

	snprintf(line, sizeof(line), "Contact: %s", contacts);
	rig_answer_request(at, invite, status, "r", line, "");
}

static void a_call_follows_to_another_user(void **state)
{
	char one[4000], two[4000];

	(void)state;
	run();
	binds(bob, "102", "");
	binds(carol, "103", "");
	alice_calls("r1", "");
	gets(bob, one, "INVITE sip:102@192.0.2.12:5060 ");
	redirects(bob, one, 302, "<sip:103@example.com>;expires=60");
	rig_assert_start(rig_take(bob), "ACK ");
	gets(carol, two, "INVITE sip:103@192.0.2.15:5060 ");
	rig_answer_request(carol, two, 180, "c", "", "");
	rig_assert_start(rig_take(alice), "SIP/2.0 180 ");
	picks_up(carol, two, "c");
	all_ends_with("SIP/2.0 200 ");
}

static void contacts_are_tried_by_their_q_before_the_users_other_phones(void **state)
{
	char one[4000], two[4000];

	(void)state;
	run();
	binds(bob, "102", ";q=1");
	binds(bob2, "102", ";q=0.5");
	binds(carol, "103", "");
	binds(dave, "104", "");
	alice_calls("r2", "");
	gets(bob, one, "INVITE ");
	redirects(bob, one, 300, "<sip:104@example.com>;q=0.2, <sip:103@example.com>;q=0.8");
	gets(carol, two, "INVITE sip:103@");
	only_acks_for(dave);
	only_acks_for(bob2);
	refuses(carol, two, 486, "c");
	gets(dave, two, "INVITE sip:104@");
	only_acks_for(bob2);
	rig_answer_request(dave, two, 180, "d", "", "");
	rig_pass(rig_.config.hunt_after);
	gets(bob2, one, "INVITE sip:102@192.0.2.13:5070 ");
	gets(dave, two + 2000, "CANCEL ");
	rig_answer_request(dave, two + 2000, 200, "d", "", "");
	refuses(dave, two, 487, "d");
	refuses(bob2, one, 480, "b2");
	all_ends_with("SIP/2.0 486 ");
}

static void a_phone_that_redirects_does_not_stop_the_others(void **state)
{
	char one[4000], two[4000], three[4000];

	(void)state;
	run();
	binds(bob, "102", "");
	binds(bob2, "102", "");
	binds(carol, "103", "");
	alice_calls("r3", "");
	gets(bob, one, "INVITE ");
	gets(bob2, two, "INVITE ");
	rig_answer_request(bob2, two, 180, "b2", "", "");
	redirects(bob, one, 302, "<sip:103@example.com>");
	gets(carol, three, "INVITE sip:103@"); /* at once, beside bob2 */
	picks_up(bob2, two, "b2");
	alice_hears("SIP/2.0 200 ");
	rig_answer_request(carol, three, 180, "c", "", "");
	gets(carol, one, "CANCEL ");
	refuses(carol, three, 487, "c");
	no_jobs();
}

static void two_that_send_to_one_another_end_in_482(void **state)
{
	char one[4000], two[4000];

	(void)state;
	run();
	binds(bob, "102", "");
	binds(carol, "103", "");
	alice_calls("r4", "");
	gets(bob, one, "INVITE ");
	redirects(bob, one, 302, "<sip:103@example.com>");
	gets(carol, two, "INVITE ");
	redirects(carol, two, 302, "<sip:102@EXAMPLE.com>");
	all_ends_with("SIP/2.0 482 ");
}

static void a_long_chain_is_left_to_the_caller(void **state)
{
	char invite[4000], user[8], contact[60], start[60];

	(void)state;
	run();
	for (unsigned i = 2; i < 9; i++) {
		snprintf(user, sizeof(user), "10%u", i);
		binds(rig_addr(30 + (int)i, 5060), user, "");
	}
	alice_calls("r5", "");
	for (unsigned i = 2; i < 8; i++) {
		snprintf(start, sizeof(start), "INVITE sip:10%u@", i);
		gets(rig_addr(30 + (int)i, 5060), invite, start);
		snprintf(contact, sizeof(contact), "<sip:10%u@example.com>", i + 1);
		redirects(rig_addr(30 + (int)i, 5060), invite, 302, contact);
	}
	only_acks_for(rig_addr(38, 5060));
	alice_hears("SIP/2.0 302 ");
	rig_assert_has(rig_.text, "\r\nContact: <sip:108@example.com>\r\n");
	no_jobs();
}

static void a_crowd_of_contacts_is_followed_up_to_a_bound(void **state)
{
	char invite[4000], contacts[600] = "";
	size_t n = 0;

	(void)state;
	run();
	binds(bob, "102", "");
	for (unsigned i = 0; i < 12; i++)
		n += (size_t)snprintf(contacts + n, sizeof(contacts) - n, "%s<sip:9%02u@example.com>", i ? ", " : "",
				      i);
	alice_calls("r6", "");
	gets(bob, invite, "INVITE ");
	redirects(bob, invite, 300, contacts);
	alice_hears("SIP/2.0 300 ");
	rig_assert_has(rig_.text, "\r\nContact: <sip:910@example.com>, <sip:911@example.com>\r\n");
	no_jobs();
}

static void nobody_is_reached_by_it_whom_the_caller_could_not_call(void **state)
{
	char invite[4000];

	(void)state;
	run();
	binds(bob, "102", "");
	alice_calls("r7", "");
	gets(bob, invite, "INVITE ");
	redirects(bob, invite, 302, "<sip:x@elsewhere.example>");
	alice_hears("SIP/2.0 403 ");
	assert_int_equal(rig_.looked_up, 0);
	alice_calls("r8", "");
	gets(bob, invite, "INVITE ");
	redirects(bob, invite, 302, "<sip:nobody@example.com>");
	alice_hears("SIP/2.0 404 ");
	alice_calls("r9", "");
	gets(bob, invite, "INVITE ");
	redirects(bob, invite, 302, "<sip:example.com>");
	all_ends_with("SIP/2.0 404 ");
}

static void a_domain_that_is_relayed_to_is_followed_to(void **state)
{
	char invite[4000];
	struct addr known = rig_addr(77, 5060);

	(void)state;
	relays_to("known.example");
	run();
	binds(bob, "102", "");
	alice_calls("r10", "Alert-Info: <urn:x>\r\n");
	gets(bob, invite, "INVITE ");
	rig_assert_has(invite, "Alert-Info");
	redirects(bob, invite, 302, "<sip:x@known.example>");
	gets(known, invite, "INVITE sip:x@known.example ");
	assert_null(strstr(invite, "Alert-Info")); /* it has left the house */
	refuses(known, invite, 486, "k");
	all_ends_with("SIP/2.0 486 ");
}

/* Toll fraud: a stranger, a forward to the outside line. */
static void a_stranger_does_not_get_out_by_a_users_forward(void **state)
{
	char invite[4000];

	(void)state;
	rig_.config.trunk = STR("edge");
	run();
	binds(edge, "edge", "");
	binds(bob, "102", "");
	invite_from(stranger, "x", "y.example", "sip:102@example.com", "r11", 1, "");
	gets(bob, invite, "INVITE ");
	redirects(bob, invite, 302, "<sip:0900123@example.com>, <tel:+49-900-123>");
	only_acks_for(edge);
	do {
		rig_assert_start(rig_take(stranger), "SIP/2.0 ");
	} while (strncmp(rig_.text, "SIP/2.0 1", 9) == 0);
	rig_assert_start(rig_.text, "SIP/2.0 404 ");
	/* whom we know, does */
	alice_calls("r12", "");
	gets(bob, invite, "INVITE ");
	redirects(bob, invite, 302, "<tel:+49-900-123;phone-context=x>");
	gets(edge, invite, "INVITE sip:+49900123@example.com;user=phone ");
	refuses(edge, invite, 486, "e");
	all_ends_with("SIP/2.0 486 ");
}

static void what_cannot_be_followed_goes_back_with_what_was_left(void **state)
{
	char one[4000], two[4000];

	(void)state;
	run();
	binds(bob, "102", "");
	binds(carol, "103", "");
	alice_calls("r13", "");
	gets(bob, one, "INVITE ");
	redirects(bob, one, 302, "<mailto:bob@example.com>, <sip:103@example.com>, <sip:103@example.com?Subject=x>");
	gets(carol, two, "INVITE ");
	refuses(carol, two, 486, "c");
	alice_hears("SIP/2.0 302 ");
	rig_assert_has(rig_.text, "\r\nContact: <mailto:bob@example.com>, <sip:103@example.com?Subject=x>\r\n");
	no_jobs();
	/* 305 and 380 are for a person */
	alice_calls("r14", "");
	gets(bob, one, "INVITE ");
	redirects(bob, one, 380, "<sip:103@example.com>");
	alice_hears("SIP/2.0 380 ");
	only_acks_for(carol);
	no_jobs();
}

static void followed_nowhere_the_contacts_of_all_go_back(void **state)
{
	char one[4000], two[4000];

	(void)state;
	rig_.config.recurse = false;
	run();
	binds(bob, "102", "");
	binds(bob2, "102", "");
	alice_calls("r15", "");
	gets(bob, one, "INVITE ");
	gets(bob2, two, "INVITE ");
	redirects(bob, one, 302, "<sip:103@example.com>;q=0.7");
	redirects(bob2, two, 302, "<sip:104@example.com>, <sip:103@example.com>;q=0.7");
	alice_hears("SIP/2.0 302 ");
	rig_assert_has(rig_.text, "\r\nContact: <sip:103@example.com>;q=0.7, <sip:104@example.com>\r\n");
	no_jobs();
}

static void a_caller_may_want_to_follow_itself(void **state)
{
	char one[4000];

	(void)state;
	run();
	binds(bob, "102", "");
	binds(carol, "103", "");
	alice_calls("r16", "Request-Disposition: no-recurse\r\n");
	gets(bob, one, "INVITE ");
	redirects(bob, one, 302, "<sip:103@example.com>");
	alice_hears("SIP/2.0 302 ");
	only_acks_for(carol);
	no_jobs();
}

/* ---- facts that take their time ---- */

static void run_with_passwords(void)
{
	carol = rig_addr(15, 5060);
	rig_run();
	rig_register(bob, "102");
}

static void a_caller_that_hangs_up_while_a_target_is_looked_up(void **state)
{
	char invite[4000];

	(void)state;
	run_with_passwords();
	call("sip:102@example.com", "w1");
	gets(bob, invite, "INVITE ");
	rig_.hold_users = true;
	redirects(bob, invite, 302, "<sip:103@example.com>");
	while (rig_take(alice)[0])
		;
	rig_say(alice, "CANCEL sip:102@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKiw12\r\n"
		       "From: <sip:101@example.com>;tag=from\r\nTo: <sip:102@example.com>\r\nCall-ID: w1\r\n"
		       "CSeq: 2 CANCEL\r\nMax-Forwards: 70\r\n\r\n");
	rig_assert_start(rig_take(alice), "SIP/2.0 200 ");
	rig_assert_start(rig_take(alice), "SIP/2.0 487 ");
	no_jobs();
	rig_.hold_users = false;
	rig_settle();
	no_jobs();
}

static void an_answer_elsewhere_while_a_target_is_looked_up(void **state)
{
	char one[4000], two[4000];

	(void)state;
	run_with_passwords();
	rig_register(bob2, "102");
	call("sip:102@example.com", "w2");
	gets(bob, one, "INVITE ");
	gets(bob2, two, "INVITE ");
	rig_.hold_users = true;
	redirects(bob, one, 302, "<sip:103@example.com>");
	picks_up(bob2, two, "b2");
	all_ends_with("SIP/2.0 200 ");
	rig_.hold_users = false;
	rig_settle();
	rig_pass(10 * USEC_PER_SEC);
	no_jobs();
}

static void a_target_that_is_never_found_is_given_up(void **state)
{
	char one[4000];

	(void)state;
	run_with_passwords();
	call("sip:102@example.com", "w3");
	gets(bob, one, "INVITE ");
	rig_.hold_users = true;
	redirects(bob, one, 302, "<sip:103@example.com>");
	rig_pass(6 * USEC_PER_SEC);
	all_ends_with("SIP/2.0 480 ");
	rig_.hold_users = false;
	rig_settle();
	no_jobs();
}

static void a_name_that_is_found_does_not_make_a_target_wait_for_ever(void **state)
{
	struct addr known = rig_addr(77, 5060);
	char one[4000];

	(void)state;
	relays_to("known.example");
	run_with_passwords();
	call("sip:102@example.com", "w5");
	gets(bob, one, "INVITE ");
	rig_.hold_users = true;
	redirects(bob, one, 302, "<sip:x@known.example>, <sip:103@example.com>");
	gets(known, one, "INVITE sip:x@known.example ");
	refuses(known, one, 486, "k");
	rig_pass(6 * USEC_PER_SEC);
	all_ends_with("SIP/2.0 486 ");
	rig_.hold_users = false;
	rig_settle();
}

static void a_fact_that_comes_when_another_has_answered_changes_nothing(void **state)
{
	char one[4000], two[4000], three[4000];

	(void)state;
	run_with_passwords();
	rig_register(bob2, "102");
	rig_register(carol, "102");
	call("sip:102@example.com", "w4");
	gets(bob, one, "INVITE ");
	gets(bob2, two, "INVITE ");
	gets(carol, three, "INVITE ");
	rig_answer_request(carol, three, 180, "c", "", "");
	rig_.hold_users = true;
	redirects(bob, one, 302, "<sip:103@example.com>");
	picks_up(bob2, two, "b2");
	alice_hears("SIP/2.0 200 ");
	rig_.hold_users = false;
	rig_settle(); /* carol has not stopped yet: the request is still in work */
	only_acks_for(alice);
	refuses(carol, three, 487, "c");
	no_jobs();
}

/* ---- several workers: the target is another shard's ---- */

/* A user of another shard than worker 0's, who has this call: it must be asked for. */
static void foreign_user(unsigned *from, char out[8])
{
	char aor[40];

	do {
		snprintf(out, 8, "%u", (*from)++);
		snprintf(aor, sizeof(aor), "sip:%s@example.com", out);
	} while (pbx_location_shard(str_from(aor), 4) == 0);
}

static void a_late_answer_of_a_shard_is_not_taken_for_the_next_targets(void **state)
{
	char invite[4000], one[8], two[8], contacts[100], id[20];
	struct pbx_server_stats stats;
	unsigned from = 200;

	(void)state;
	dave = rig_addr(16, 5060);
	carol = rig_addr(15, 5060);
	rig_.config.auth = false;
	rig_.config.worker_n = 4;
	rig_run();
	foreign_user(&from, one);
	foreign_user(&from, two);
	binds(bob, "102", "");
	binds(carol, one, "");
	binds(dave, two, "");
	for (unsigned i = 0;; i++) { /* a call that worker 0 has, where all datagrams come in */
		snprintf(id, sizeof(id), "late%u", i);
		alice_calls(id, "");
		gets(bob, invite, "INVITE ");
		pbx_server_stats(rig_.servers[0], &stats);
		if (stats.jobs)
			break;
		refuses(bob, invite, 486, "b");
		alice_hears("SIP/2.0 486 ");
	}
	rig_.hold_tells = true;
	snprintf(contacts, sizeof(contacts), "<sip:%s@example.com>;q=0.9, <sip:%s@example.com>;q=0.1", one, two);
	redirects(bob, invite, 302, contacts);
	assert_int_equal(rig_.told_n, 1);
	rig_pass(6 * USEC_PER_SEC);    /* the first is given up, and the second asked for */
	assert_true(rig_.told_n >= 2); /* others: the refusals that alice has not acknowledged, again */
	rig_.hold_tells = false;
	rig_tell(0);
	only_acks_for(carol);
	for (size_t i = 1; i < rig_.told_n; i++)
		rig_tell(i);
	gets(dave, invite, "INVITE sip:2");
	refuses(dave, invite, 603, "d");
	while (strncmp(rig_take(alice), "SIP/2.0 603 ", 12) != 0) /* among the repeated refusals */
		assert_string_not_equal(rig_.text, "");
	no_jobs();
}

/* As if there were none: requests that are kept cannot be read again. Or as before. */
static void no_memory(bool none)
{
	static size_t first_n, left;
	struct arena *a = &rig_.servers[0]->stack->kept_arena;

	if (none) {
		first_n = a->first_n;
		left = a->left;
	}
	a->first_n = none ? 0 : first_n;
	a->left = none ? 0 : left;
}

static void without_memory_a_target_is_given_up_and_not_who_rings(void **state)
{
	char invite[4000], other[4000], one[8], contacts[100], id[20] = "", text[500];
	struct pbx_server_stats stats = { 0 };
	unsigned from = 200;

	(void)state;
	carol = rig_addr(15, 5060);
	rig_.config.auth = false;
	rig_.config.worker_n = 4;
	rig_run();
	foreign_user(&from, one);
	binds(bob, "102", "");
	binds(bob2, "102", "");
	binds(carol, one, "");
	for (unsigned i = 0; !stats.jobs; i++) { /* a call that worker 0 has */
		snprintf(id, sizeof(id), "poor%u", i);
		alice_calls(id, "");
		gets(bob, invite, "INVITE ");
		gets(bob2, other, "INVITE ");
		pbx_server_stats(rig_.servers[0], &stats);
		if (!stats.jobs)
			refuses(bob, invite, 603, "b");
	}
	rig_.hold_tells = true;
	snprintf(contacts, sizeof(contacts), "<sip:%s@example.com>", one);
	redirects(bob, invite, 302, contacts);
	assert_int_equal(rig_.told_n, 1);
	rig_.hold_tells = false;
	no_memory(true);
	rig_tell(0);
	no_memory(false);
	pbx_server_stats(rig_.servers[0], &stats);
	assert_int_equal(stats.jobs, 1);
	only_acks_for(carol);
	rig_answer_request(bob2, other, 180, "b2", "", "");
	rig_forget_sent();
	snprintf(text, sizeof(text),
		 "CANCEL sip:102@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKi%s1\r\n"
		 "Max-Forwards: 70\r\nFrom: <sip:101@example.com>;tag=from\r\nTo: <sip:102@example.com>\r\n"
		 "Call-ID: %s\r\nCSeq: 1 CANCEL\r\nContent-Length: 0\r\n\r\n",
		 id, id);
	rig_say(alice, text);
	rig_assert_start(rig_take(bob2), "CANCEL ");
	/* and one that rings nowhere yet is answered */
	snprintf(contacts, sizeof(contacts), "sip:%s@example.com", one);
	rig_.told_n = 0;
	for (unsigned i = 0; !rig_.told_n; i++) {
		snprintf(id, sizeof(id), "poorer%u", i);
		rig_forget_sent();
		rig_.hold_tells = true;
		invite_from(alice, "101", "example.com", contacts, id, 1, "");
		rig_.hold_tells = false;
		if (rig_.told_n && ((struct pbx_note *)rig_.told[0].message)->kind == PBX_NOTE_FIND)
			break;
		while (rig_.told_n) { /* another worker's */
			rig_tell(rig_.told_n - 1);
			rig_.told_n--;
		}
	}
	rig_forget_sent();
	no_memory(true);
	rig_tell(0);
	no_memory(false);
	rig_take(alice);
	rig_assert_start(rig_.text, "SIP/2.0 500 ");
}

/* While the other shard is asked, a server is silent and the next is tried beside it: neither is what the redirection
 * brings, nor is who comes later. */
static void a_server_tried_meanwhile_is_none_of_the_redirections(void **state)
{
	static const struct pbx_trust trusted = { { .family = 4, .ip = { 192, 0, 2, 17 } }, 32 };
	struct addr proxy = rig_addr(17, 5060), first = rig_addr(77, 5060), second = rig_addr(78, 5060);
	char invite[4000], beside[4000], one[8], contacts[100], id[20];
	struct pbx_server_stats stats;
	unsigned from = 200;

	(void)state;
	carol = rig_addr(15, 5060);
	rig_.config.auth = false;
	rig_.config.worker_n = 4;
	rig_.config.history = true;
	rig_.config.trusts = &trusted;
	rig_.config.trust_n = 1;
	rig_run();
	foreign_user(&from, one);
	binds(bob, "102", "");
	user_binds(proxy, "102", "", "Supported: path\r\nPath: <sip:two.example;lr>\r\n");
	binds(bob2, "102", ";q=0.5");
	binds(carol, one, "");
	for (unsigned i = 0;; i++) { /* a call that worker 0 has, where all datagrams come in */
		snprintf(id, sizeof(id), "beside%u", i);
		alice_calls(id, "");
		gets(bob, invite, "INVITE ");
		pbx_server_stats(rig_.servers[0], &stats);
		if (stats.jobs)
			break;
		refuses(bob, invite, 603, "b");
		alice_hears("SIP/2.0 603 ");
		rig_pass(40 * USEC_PER_SEC);
		rig_forget_sent();
	}
	gets(first, beside, "INVITE ");
	rig_.hold_tells = true;
	snprintf(contacts, sizeof(contacts), "<sip:%s@example.com>", one);
	redirects(bob, invite, 302, contacts);
	assert_int_equal(rig_.told_n, 1);
	rig_pass(PBX_HEDGE_INVITE);
	gets(second, beside, "INVITE ");
	rig_.hold_tells = false;
	rig_tell(0);
	gets(carol, invite, "INVITE ");
	rig_assert_has(invite, "@192.0.2.15:5060>;index=1.3.1;rc=1.3\r\n");
	refuses(carol, invite, 486, "c");
	rig_answer_request(second, beside, 486, "s", "", "");
	rig_pass(rig_.config.hunt_after);
	gets(bob2, invite, "INVITE ");
	rig_assert_has(invite, "<sip:102@192.0.2.13:5070>;index=1.4;rc=1\r\n");
	refuses(bob2, invite, 603, "b");
	rig_pass(40 * USEC_PER_SEC);
	no_jobs();
}

static void a_target_of_another_shard_is_found(void **state)
{
	char invite[4000], user[10], id[20], contact[60];

	(void)state;
	carol = rig_addr(15, 5060);
	rig_.config.auth = false;
	rig_.config.worker_n = 3;
	rig_run();
	binds(bob, "102", "");
	for (unsigned i = 0; i < 6; i++) {
		snprintf(user, sizeof(user), "20%u", i);
		snprintf(id, sizeof(id), "s%u", i);
		snprintf(contact, sizeof(contact), "<sip:%s@example.com>", user);
		binds(carol, user, "");
		alice_calls(id, "");
		gets(bob, invite, "INVITE ");
		redirects(bob, invite, 302, contact);
		gets(carol, invite, "INVITE sip:20");
		refuses(carol, invite, 603, "c");
		alice_hears("SIP/2.0 603 ");
		no_jobs();
	}
}

/* RFC 5393 5.3: what a request may be split into does not grow by a redirection. */
static void a_redirection_keeps_to_the_requests_breadth(void **state)
{
	char invite[4000];

	(void)state;
	run();
	binds(bob, "102", "");
	binds(carol, "103", "");
	binds(dave, "104", "");
	alice_calls("b1", "Max-Breadth: 1\r\n");
	gets(bob, invite, "INVITE ");
	rig_assert_has(invite, "\r\nMax-Breadth: 1\r\n");
	redirects(bob, invite, 302, "<sip:103@example.com>, <sip:104@example.com>");
	gets(carol, invite, "INVITE ");
	rig_assert_has(invite, "\r\nMax-Breadth: 1\r\n");
	nothing_for(dave);
	refuses(carol, invite, 486, "c");
	gets(dave, invite, "INVITE ");
	refuses(dave, invite, 486, "d");
	all_ends_with("SIP/2.0 486 ");
}

/* The exchange does not answer itself what a phone has sent elsewhere: the job is not its own any more. */
static void a_subscription_is_not_redirected_to_the_exchange_itself(void **state)
{
	static const char instance[] = ";+sip.instance=\"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>\"";
	char text[4000];

	(void)state;
	run();
	for (int flow = 1; flow <= 2; flow++) {
		snprintf(text, sizeof(text), "%s;reg-id=%d", instance, flow);
		rig_pass(USEC_PER_SEC);
		binds(flow == 1 ? bob2 : bob, "102", text);
	}
	rig_say(alice, "SUBSCRIBE sip:102@example.com;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6 SIP/2.0\r\n"
		       "Via: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKsub\r\nMax-Forwards: 70\r\n"
		       "From: <sip:101@example.com>;tag=1\r\nTo: <sip:102@example.com>\r\nCall-ID: sub\r\n"
		       "CSeq: 1 SUBSCRIBE\r\nContact: <sip:101@192.0.2.11:5060>\r\nEvent: reg\r\n"
		       "Content-Length: 0\r\n\r\n");
	gets(bob, text, "SUBSCRIBE sip:102@192.0.2.12:5060 ");
	redirects(bob, text, 302, "<sip:101@example.com>");
	all_ends_with("SIP/2.0 480 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_call_follows_to_another_user),
		T(contacts_are_tried_by_their_q_before_the_users_other_phones),
		T(a_phone_that_redirects_does_not_stop_the_others),
		T(two_that_send_to_one_another_end_in_482),
		T(a_long_chain_is_left_to_the_caller),
		T(a_crowd_of_contacts_is_followed_up_to_a_bound),
		T(nobody_is_reached_by_it_whom_the_caller_could_not_call),
		T(a_domain_that_is_relayed_to_is_followed_to),
		T(a_stranger_does_not_get_out_by_a_users_forward),
		T(what_cannot_be_followed_goes_back_with_what_was_left),
		T(followed_nowhere_the_contacts_of_all_go_back),
		T(a_caller_may_want_to_follow_itself),
		T(a_caller_that_hangs_up_while_a_target_is_looked_up),
		T(an_answer_elsewhere_while_a_target_is_looked_up),
		T(a_target_that_is_never_found_is_given_up),
		T(a_name_that_is_found_does_not_make_a_target_wait_for_ever),
		T(a_fact_that_comes_when_another_has_answered_changes_nothing),
		T(a_late_answer_of_a_shard_is_not_taken_for_the_next_targets),
		T(without_memory_a_target_is_given_up_and_not_who_rings),
		T(a_server_tried_meanwhile_is_none_of_the_redirections),
		T(a_target_of_another_shard_is_found),
		T(a_redirection_keeps_to_the_requests_breadth),
		T(a_subscription_is_not_redirected_to_the_exchange_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
