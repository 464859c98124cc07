#include "pbx/policy_file.h"
#include "pbx/settings.h"
#include "pbx/test_rig.h"

/* The administrator's rules in the exchange. Nobody is asked for a password here: 101 is who says so. */

static struct addr carol;
static unsigned cseq = 9000;

static void binds(struct addr from, const char *user, const char *params)
{
	char lines[400];

	snprintf(lines, sizeof(lines), "Contact: <sip:%s@192.0.2.%u:%u>;expires=7200%s\r\n", user, from.ip[3],
		 from.port, params);
	rig_register_once(from, user, ++cseq, lines);
	rig_assert_start(rig_take(from), "SIP/2.0 200 ");
}

/* As cmd does on a reload: to each worker a note. */
static void settings(const char *text)
{
	struct pbx_policy_source source = { .file = STR("t"), .text = str_from(text), .domain = STR("example.com") };
	char why_text[400] = { 0 };
	struct buf why;

	for (unsigned i = 0; i < rig_.config.worker_n; i++) {
		struct pbx_note *note = pbx_note_new(PBX_NOTE_SETTINGS);
		struct host_event e = { .kind = HOST_TOLD, .from = UINT32_MAX, .message = note };
		struct pbx_policy *policy = NULL;

		buf_init(&why, why_text, sizeof(why_text) - 1);
		if (text && !(policy = pbx_policy_read(&source, &why)))
			fail_msg("%s", why_text);
		note->settings = pbx_settings_new(&rig_.config, policy);
		assert_non_null(note->settings);
		rig_.services[i].recv(rig_.services[i].self, &e, rig_.now);
	}
	rig_settle();
}

static void run(unsigned workers, const char *text)
{
	static const str relay[] = { STR_INIT("known.example"), STR_INIT("two.example") };

	carol = rig_addr(15, 5060);
	rig_.config.auth = false;
	rig_.config.worker_n = (uint16_t)workers;
	rig_.config.relay_domains = relay;
	rig_.config.relay_domain_n = 2;
	rig_run();
	settings(text);
	binds(bob, "102", "");
}

static struct pbx_server_stats stats(void)
{
	struct pbx_server_stats sum = { 0 }, one;

	for (unsigned i = 0; i < rig_.config.worker_n; i++) {
		pbx_server_stats(rig_.servers[i], &one);
		sum.jobs += one.jobs;
		sum.policy_refused += one.policy_refused;
		sum.policy_over += one.policy_over;
		sum.policy_calls += one.policy_calls;
	}
	return sum;
}

static void calls(const char *from, const char *to, const char *call_id)
{
	invite_from(alice, from, "example.com", to, call_id, 1, "");
}

static void hears(const char *start)
{
	do {
		rig_assert_start(rig_take(alice), "SIP/2.0 ");
	} while (strncmp(rig_.text, "SIP/2.0 1", 9) == 0);
	rig_assert_start(rig_.text, start);
}

/* The request of this start that has come is taken; ACKs and answers before it are not looked at. */
static void gets(struct addr at, char *request, const char *start)
{
	do {
		rig_copy(rig_take(at), request, 4000);
	} while (strncmp(request, "ACK ", 4) == 0 || strncmp(request, "SIP/2.0", 7) == 0);
	rig_assert_start(request, start);
}

/* 101 is connected to 102. */
static void connects(const char *call_id, char *invite)
{
	calls("101", "sip:102@example.com", call_id);
	gets(bob, invite, "INVITE sip:102@192.0.2.12");
	rig_answer_request(bob, invite, 200, "b", "Contact: <sip:102@192.0.2.12:5060>", "");
	hears("SIP/2.0 200 ");
}

/* Alice's request within a call; `invite` as bob got it. */
static void says_in_call(const char *method, const char *call_id, const char *to_tag, const char *invite)
{
	char route[500], text[1500];

	rig_header(invite, "Record-Route", route, sizeof(route));
	snprintf(text, sizeof(text),
		 "%s sip:102@192.0.2.12:5060 SIP/2.0\r\nVia: SIP/2.0/UDP "
		 "192.0.2.11:5060;branch=z9hG4bKb%s%s%s\r\nRoute: %s\r\n"
		 "From: <sip:101@example.com>;tag=from\r\nTo: <sip:102@example.com>;tag=%s\r\nCall-ID: %s\r\nCSeq: 2 "
		 "%s\r\n"
		 "Max-Forwards: 70\r\n\r\n",
		 method, method, call_id, to_tag, route, to_tag, call_id, method);
	rig_say(alice, text);
}

static void hangs_up(const char *call_id, const char *invite)
{
	char bye[4000];

	says_in_call("BYE", call_id, "b", invite);
	gets(bob, bye, "BYE ");
	rig_answer_request(bob, bye, 200, "b", "", "");
	hears("SIP/2.0 200 ");
}

static void a_refusal_names_its_rule(void **state)
{
	(void)state;
	run(1, "dear: to 0900* refuse 403 \"Too dear\"\nrest: allow\n");
	calls("101", "sip:0900123@example.com", "c1");
	hears("SIP/2.0 403 Too dear\r\n");
	rig_assert_has(rig_.text, "\r\nWarning: 399 tandem \"rule dear: Too dear\"\r\n");
	rig_assert_has(rig_.text, "\r\nReason: SIP;cause=403;text=\"rule dear: Too dear\"\r\n");
	assert_int_equal(stats().policy_refused, 1);
	assert_int_equal(stats().jobs, 0);
	calls("101", "sip:0%39%300-1@example.com", "c2"); /* the same, written otherwise */
	hears("SIP/2.0 403 Too dear\r\n");
	calls("101", "sip:102@example.com", "c3");
	rig_assert_start(rig_take(bob), "INVITE ");
}

static void strangers_are_judged_and_what_settings_forbid_stays_so(void **state)
{
	(void)state;
	run(1, "no: from strangers to 103 refuse 603\nyes: from anyone allow\n");
	invite_from(alice, "x", "y.example", "sip:103@example.com", "c1", 1, "");
	hears("SIP/2.0 603 ");
	invite_from(alice, "x", "y.example", "sip:102@example.com", "c2", 1, "");
	rig_assert_start(rig_take(bob), "INVITE ");
	invite_from(alice, "x", "y.example", "sip:z@known.example", "c3", 1, "");
	hears("SIP/2.0 403 Not Our Domain");
	calls("101", "sip:z@other.example", "c4");
	hears("SIP/2.0 403 Not Our Domain");
}

static void a_limit_holds_whichever_worker_a_call_is_on(void **state)
{
	char invites[2][4000], id[20];
	unsigned connected = 0, refused = 0;

	(void)state;
	run(4, "two: from local limit 2 calls each caller allow\n");
	for (unsigned i = 0; i < 12; i++) {
		snprintf(id, sizeof(id), "w%u", i);
		if (connected < 2) {
			connects(id, invites[connected++]);
			continue;
		}
		calls("101", "sip:102@example.com", id);
		hears("SIP/2.0 486 Busy Here");
		rig_assert_has(rig_.text, "Warning: 399 tandem \"rule two: limit 2 calls at once each caller\"");
		refused++;
	}
	assert_int_equal(refused, 10);
	assert_int_equal(stats().policy_over, 10);
	assert_int_equal(stats().policy_calls, 2);
	assert_int_equal(stats().jobs, 0);
	/* Others have calls of their own. */
	calls("103", "sip:102@example.com", "other");
	rig_assert_start(rig_take(bob), "INVITE ");
	hangs_up("w0", invites[0]);
	connects("again", invites[0]);
	calls("101", "sip:102@example.com", "more");
	hears("SIP/2.0 486 ");
}

static void a_call_that_fails_is_given_back(void **state)
{
	char invite[4000];

	(void)state;
	run(4, "one: limit 1 call each caller allow\n");
	calls("101", "sip:102@example.com", "f1");
	gets(bob, invite, "INVITE ");
	rig_answer_request(bob, invite, 486, "b", "", "");
	hears("SIP/2.0 486 ");
	calls("101", "sip:104@example.com", "f2");
	hears("SIP/2.0 404 ");
	calls("101", "sip:102@example.com", "f3");
	gets(bob, invite, "INVITE ");
	rig_answer_request(bob, invite, 180, "b", "", "");
	rig_say(alice,
		"CANCEL sip:102@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKif31\r\n"
		"From: <sip:101@example.com>;tag=from\r\nTo: <sip:102@example.com>\r\nCall-ID: f3\r\nCSeq: 1 CANCEL\r\n"
		"Max-Forwards: 70\r\n\r\n");
	rig_assert_start(rig_take(bob), "CANCEL ");
	rig_answer_request(bob, invite, 487, "b", "", "");
	assert_int_equal(stats().policy_calls, 0);
	rig_forget_sent();
	connects("f4", invite);
	assert_int_equal(stats().policy_calls, 1);
}

static void a_bye_for_nobody_frees_nothing(void **state)
{
	char invite[4000], bye[4000];

	(void)state;
	run(4, "one: limit 1 call each caller allow\n");
	connects("b1", invite);
	says_in_call("BYE", "b1", "wrong", invite);
	gets(bob, bye, "BYE ");
	rig_answer_request(bob, bye, 481, "wrong", "", "");
	hears("SIP/2.0 481 ");
	calls("101", "sip:102@example.com", "b2");
	hears("SIP/2.0 486 ");
	/* A BYE that is not answered at all does, in time. */
	says_in_call("BYE", "b1", "b", invite);
	gets(bob, bye, "BYE ");
	rig_pass(41 * USEC_PER_SEC);
	rig_forget_sent();
	connects("b3", invite);
}

static void a_call_without_end_ends_for_the_limit(void **state)
{
	char invite[4000];

	(void)state;
	run(4, "longest 1h\none: limit 1 call each caller allow\n");
	connects("e1", invite);
	rig_pass(3590 * USEC_PER_SEC);
	calls("101", "sip:102@example.com", "e2");
	hears("SIP/2.0 486 ");
	rig_pass(20 * USEC_PER_SEC);
	rig_forget_sent();
	connects("e3", invite);
}

static void so_many_within_a_span(void **state)
{
	char invite[4000], id[20];

	(void)state;
	run(4, "slow: limit 3 calls per 1m each source allow\n");
	for (unsigned i = 0; i < 6; i++) {
		snprintf(id, sizeof(id), "s%u", i);
		calls("101", "sip:102@example.com", id);
		if (i < 3) {
			gets(bob, invite, "INVITE ");
			rig_answer_request(bob, invite, 603, "b", "", "");
			hears("SIP/2.0 603 ");
		} else {
			hears("SIP/2.0 480 ");
			rig_assert_has(rig_.text, "\r\nRetry-After: 60\r\n");
		}
	}
	rig_pass(70 * USEC_PER_SEC);
	rig_forget_sent();
	calls("101", "sip:102@example.com", "s9");
	gets(bob, invite, "INVITE ");
}

static void beyond_a_limit_the_next_rules_decide(void **state)
{
	char one[4000], two[4000];

	(void)state;
	run(4,
	    "first: to 8* strip 1 limit 1 call else next via known.example\nsecond: to 8* strip 1 via two.example\n");
	calls("101", "sip:8123@example.com", "n1");
	gets(rig_addr(77, 5060), one, "INVITE sip:123@example.com SIP/2.0");
	calls("101", "sip:8124@example.com", "n2");
	gets(rig_addr(77, 5060), two, "INVITE sip:124@example.com SIP/2.0"); /* the first of two.example's */
	assert_int_equal(stats().policy_calls, 2);                           /* n2 holds nothing, but was entered */
	assert_int_equal(stats().policy_over, 0);
}

static void a_rule_that_is_passed_over_keeps_nothing(void **state)
{
	char one[4000], two[4000];

	(void)state;
	run(4, "a: limit 1 call limit 0 calls each source else next refuse\nb: allow\n");
	connects("q1", one);
	connects("q2", two);
	assert_int_equal(stats().policy_over, 0);
}

/* RFC 6140: rules are about whom was asked for, not about whose account has the number. */
static void a_number_of_an_account_is_a_number_to_the_rules(void **state)
{
	struct number_record *r = &rig_.numbers[rig_.number_n++];
	struct addr pbx = rig_addr(14, 5060);

	(void)state;
	assert_int_equal(number_range_parse(STR("+4930123400-499"), &r->first, &r->last), ERR_NONE);
	r->id = 1;
	r->account = STR("102");
	run(1, "fax: to +4930123419, +49301234?9 refuse 603 \"A fax\"\npre: to +4930123411 strip 3 add 1 become "
	       "103\nown: to 102 refuse 480 \"By its name\"\n");
	rig_register_once(pbx, "102", 9000, "Require: gin\r\nContact: <sip:192.0.2.14:5060;bnc>\r\n");
	rig_assert_start(rig_take(pbx), "SIP/2.0 200 ");
	binds(bob2, "103", "");
	calls("101", "sip:+4930123499@example.com", "n1");
	hears("SIP/2.0 603 A fax");
	calls("101", "tel:+49-30-1234-19", "n2");
	hears("SIP/2.0 603 A fax");
	calls("101", "sip:+4930123410@example.com", "n3");
	rig_assert_start(rig_take(pbx), "INVITE sip:+4930123410@192.0.2.14");
	calls("101", "sip:+4930123411@example.com", "n5");
	rig_assert_start(rig_take(bob2), "INVITE sip:103@");
	calls("101", "sip:102@example.com", "n4");
	hears("SIP/2.0 480 By its name");
}

static void numbers_are_rewritten(void **state)
{
	char invite[4000];

	(void)state;
	run(1, "desk: to 7* strip 1 become 1{user} allow\nout: from local to 9* strip 1 add +49 become "
	       "{user}@known.example\n"
	       "odd: to x* become a{user}\n");
	calls("101", "sip:702@example.com", "r1");
	gets(bob, invite, "INVITE sip:102@192.0.2.12:5060 SIP/2.0");
	rig_assert_has(invite, "\r\nTo: <sip:702@example.com>"); /* 8.1.1.2: what was dialled stays */
	calls("101", "sip:930-12@example.com;user=phone", "r2");
	gets(rig_addr(77, 5060), invite, "INVITE sip:+493012@known.example SIP/2.0");
	invite_from(alice, "x", "y.example", "sip:930@example.com", "r3", 1, "");
	hears("SIP/2.0 404 "); /* no way out for a stranger: the number stays what it was */
	calls("101", "sip:x%20y@example.com", "r4");
	hears("SIP/2.0 404 ");
}

static void a_way_that_a_rule_names_needs_no_relay_domain(void **state)
{
	char invite[4000];

	(void)state;
	run(1, "a: to 5* via sip:192.0.2.50:5070\n");
	calls("101", "sip:55@example.com", "v1");
	gets(rig_addr(50, 5070), invite, "INVITE sip:55@example.com SIP/2.0");
	rig_assert_has(invite, "Record-Route: ");
	invite_from(alice, "x", "y.example", "sip:55@example.com", "v2", 1, "");
	hears("SIP/2.0 404 ");
}

static void the_trunk_can_be_named(void **state)
{
	char invite[4000];

	(void)state;
	rig_.config.trunk = STR("edge");
	run(1, "a: to 102 via trunk\nb: from trunk refuse\n");
	binds(edge, "edge", "");
	calls("101", "sip:102@example.com", "t1");
	gets(edge, invite, "INVITE sip:102@example.com SIP/2.0");
}

static void callers_are_redirected(void **state)
{
	(void)state;
	run(1, "gone: to 200 redirect 301 sip:{user}@new.example\nmany: to 201 redirect 302, sip:x@known.example\n"
	       "here: to 1* redirect contacts\nthere: to *@two.example redirect servers\n");
	binds(bob2, "102", ";q=0.3");
	calls("101", "sip:200@example.com", "d1");
	hears("SIP/2.0 301 Moved Permanently");
	rig_assert_has(rig_.text, "\r\nContact: <sip:200@new.example>;q=1.0\r\n");
	calls("101", "sip:201@example.com", "d2");
	hears("SIP/2.0 300 ");
	rig_assert_has(rig_.text,
		       "\r\nContact: <sip:302@example.com>;q=1.0\r\nContact: <sip:x@known.example>;q=0.990\r\n");
	calls("101", "sip:102@example.com", "d3");
	hears("SIP/2.0 300 ");
	rig_assert_has(rig_.text, "\r\nContact: <sip:102@192.0.2.12:5060>;q=1.0\r\n"
				  "Contact: <sip:102@192.0.2.13:5070>;q=0.300\r\n");
	calls("101", "sip:150@example.com", "d4"); /* nobody of the name */
	hears("SIP/2.0 404 ");
	calls("101", "sip:y@two.example", "d5");
	hears("SIP/2.0 300 ");
	rig_assert_has(rig_.text, "<sip:y@two.example:5060;transport=udp;maddr=192.0.2.77>");
	rig_assert_has(rig_.text, "maddr=192.0.2.78>;q=0.990");
	assert_string_equal(rig_take(bob), "");
	assert_int_equal(stats().jobs, 0);
}

static void a_redirect_server_tells_where_users_and_domains_are(void **state)
{
	static const str redirect[] = { STR_INIT("EXAMPLE.com"), STR_INIT("known.example") };
	char invite[4000];

	(void)state;
	rig_.config.redirect_domains = redirect;
	rig_.config.redirect_domain_n = 2;
	run(3, NULL);
	calls("101", "sip:102@example.com", "m1");
	hears("SIP/2.0 302 ");
	rig_assert_has(rig_.text, "\r\nContact: <sip:102@192.0.2.12:5060>;q=1.0\r\n");
	calls("101", "sip:x@known.example", "m2");
	hears("SIP/2.0 302 ");
	rig_assert_has(rig_.text, "maddr=192.0.2.77>;q=1.0\r\n");
	calls("101", "sip:x@two.example", "m3"); /* not of the list: relayed */
	gets(rig_addr(77, 5060), invite, "INVITE sip:x@two.example");
	calls("101", "sip:x@other.example", "m4"); /* not even relayed */
	hears("SIP/2.0 403 ");
	/* Behind a NAT: reached through us alone. */
	rig_register_once(carol, "103", ++cseq, "Contact: <sip:103@10.0.0.1:5060>;expires=600\r\n");
	rig_assert_start(rig_take(carol), "SIP/2.0 200 ");
	calls("101", "sip:103@example.com", "m5");
	gets(carol, invite, "INVITE sip:103@10.0.0.1:5060 ");
	assert_int_equal(stats().jobs, 2);
}

static void a_domain_without_servers_is_a_plain_no(void **state)
{
	(void)state;
	run(1, "there: to *@two.example become x@nowhere.example redirect servers\n");
	calls("101", "sip:y@two.example", "z1");
	hears("SIP/2.0 480 No Server Of The Domain Is Known");
	assert_int_equal(stats().jobs, 0);
}

static void where_a_phone_redirects_to_is_judged_as_well(void **state)
{
	char invite[4000];

	(void)state;
	rig_.config.recurse = true;
	run(1, "dear: to 0900* refuse\nthree: to 103 limit 1 call allow\n");
	binds(carol, "103", "");
	calls("101", "sip:102@example.com", "p1");
	gets(bob, invite, "INVITE ");
	rig_answer_request(bob, invite, 302, "b", "Contact: <sip:0900123@example.com>", "");
	hears("SIP/2.0 403 ");
	assert_int_equal(stats().policy_refused, 1);
	calls("101", "sip:102@example.com", "p2");
	gets(bob, invite, "INVITE ");
	rig_answer_request(bob, invite, 302, "b", "Contact: <sip:103@example.com>", "");
	gets(carol, invite, "INVITE sip:103@");
	assert_int_equal(stats().policy_calls, 1);
	rig_answer_request(carol, invite, 603, "c", "", "");
	hears("SIP/2.0 603 ");
	assert_int_equal(stats().policy_calls, 0);
	assert_int_equal(stats().jobs, 0);
}

static void hear_rule(void *self, str name, const struct pbx_rule_stats *stats)
{
	uint64_t *refused = self;

	if (str_eq(name, STR("no")))
		*refused += stats->refused;
}

static void what_rules_have_decided_is_counted_over_a_reload(void **state)
{
	uint64_t refused = 0;

	(void)state;
	run(1, "no: to 104 refuse 603\n");
	calls("101", "sip:104@example.com", "x1");
	hears("SIP/2.0 603 ");
	settings("first: to 105 refuse\nno: to 104 refuse 603\n");
	calls("101", "sip:104@example.com", "x2");
	hears("SIP/2.0 603 ");
	pbx_server_rules(rig_.servers[0], hear_rule, &refused);
	assert_int_equal(refused, 2);
}

static void new_rules_are_in_force_and_calls_and_counts_go_on(void **state)
{
	char invite[4000], other[4000];

	(void)state;
	run(4, "one: limit 1 call each caller allow\n");
	connects("n1", invite);
	settings("no: to 104 refuse 603\none: limit 1 call each caller allow\n");
	calls("101", "sip:104@example.com", "n2");
	hears("SIP/2.0 603 ");
	calls("101", "sip:102@example.com", "n3"); /* the call of before still counts */
	hears("SIP/2.0 486 ");
	hangs_up("n1", invite);
	connects("n4", other);
	settings(NULL);
	calls("101", "sip:102@example.com", "n5");
	gets(bob, invite, "INVITE ");
	hangs_up("n4", other);
	assert_int_equal(stats().policy_calls, 0);
}

static void count_one(void *n)
{
	++*(unsigned *)n;
}

static void each_worker_says_when_new_settings_are_in_force(void **state)
{
	unsigned n = 0;

	(void)state;
	rig_.config.settled = count_one;
	rig_.config.settled_self = &n;
	run(4, NULL);
	assert_int_equal(n, 4);
	settings("no: to 104 refuse 603\n");
	assert_int_equal(n, 8);
}

static void what_is_being_judged_ends_by_the_rules_it_began_with(void **state)
{
	char answer[3000], lines[900];

	(void)state;
	rig_.config.auth = true;
	carol = rig_addr(15, 5060);
	rig_.config.worker_n = 4;
	rig_run();
	settings("old: to 1* limit 5 calls allow\nno: refuse 603\n");
	rig_register(bob, "102");
	for (unsigned i = 0; i < 8; i++) {
		char id[20];

		snprintf(id, sizeof(id), "o%u", i);
		invite_from(alice, "101", "example.com", "sip:102@example.com", id, 1, "");
		rig_copy(rig_take(alice), answer, sizeof(answer));
		rig_assert_start(answer, "SIP/2.0 407 ");
		rig_authorize(answer, "101", "pw101", "INVITE", "sip:102@example.com", lines, sizeof(lines));
		/* The note to the worker that counts is under way when the rules change: settle only after. */
		struct host_event e = { .kind = HOST_DATAGRAM,
					.id = rig_.config.id_first,
					.transport = TRANSPORT_UDP,
					.local = rig_.config.listeners[0].local,
					.remote = alice };
		char text[4000];

		snprintf(text, sizeof(text),
			 "INVITE sip:102@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKo%u\r\n"
			 "Max-Forwards: 70\r\nFrom: <sip:101@example.com>;tag=from\r\nTo: <sip:102@example.com>\r\n"
			 "Call-ID: %s\r\nCSeq: 2 INVITE\r\nContact: <sip:101@192.0.2.11:5060>\r\n%sContent-Length: "
			 "0\r\n\r\n",
			 i, id, lines);
		e.bytes = str_from(text);
		for (unsigned w = 0; w < 4; w++) /* whoever it belongs to */
			rig_.services[w].recv(rig_.services[w].self, &e, rig_.now);
		settings(i % 2 ? "old: to 1* limit 50 calls allow\n" : "new: to 9* limit 50 calls allow\n");
		rig_settle();
	}
	rig_pass(10 * USEC_PER_SEC);
}

static void settings_change_while_it_runs(void **state)
{
	char invite[4000];

	(void)state;
	run(2, NULL);
	calls("101", "sip:x@later.example", "k1");
	hears("SIP/2.0 403 ");
	rig_.config.relay_any = true;
	settings(NULL);
	calls("101", "sip:x@192.0.2.60", "k2");
	gets(rig_addr(60, 5060), invite, "INVITE ");
	rig_.config.relay_any = false;
	settings(NULL);
	calls("101", "sip:x@192.0.2.60", "k3");
	hears("SIP/2.0 403 ");
	calls("101", "sip:102@example.com", "k4"); /* who was registered is */
	gets(bob, invite, "INVITE ");
}

/* A target's servers are found when the caller has given up: they are nobody's answer. */
static void servers_found_too_late_are_nobodys_answer(void **state)
{
	char one[4000], two[4000];

	(void)state;
	run(1, "there: to *@two.example redirect servers\n");
	binds(bob, "102", "");
	binds(bob2, "102", "");
	rig_.hold_names = true;
	invite_from(alice, "101", "example.com", "sip:102@example.com", "late", 1, "");
	rig_copy(rig_take(bob), one, sizeof(one));
	rig_assert_start(one, "INVITE ");
	rig_copy(rig_take(bob2), two, sizeof(two));
	rig_assert_start(two, "INVITE ");
	rig_answer_request(bob2, two, 180, "b2", "", "");
	rig_assert_start(rig_take(alice), "SIP/2.0 180 ");
	rig_answer_request(bob, one, 302, "b", "Contact: <sip:x@two.example>", "");
	assert_int_equal(rig_.looked_up, 1);
	rig_say(alice, "CANCEL sip:102@example.com SIP/2.0\r\n"
		       "Via: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKilate1\r\n"
		       "From: <sip:101@example.com>;tag=from\r\nTo: <sip:102@example.com>\r\nCall-ID: late\r\n"
		       "CSeq: 1 CANCEL\r\nMax-Forwards: 70\r\n\r\n");
	rig_assert_start(rig_take(alice), "SIP/2.0 200 ");
	while (rig_.hold_names || rig_.name_n)
		rig_names_answer();
	assert_string_equal(rig_take(alice), "");
	rig_answer_request(bob2, two, 487, "b2", "", "");
	rig_assert_start(rig_take(alice), "SIP/2.0 487 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_refusal_names_its_rule),
		T(strangers_are_judged_and_what_settings_forbid_stays_so),
		T(a_limit_holds_whichever_worker_a_call_is_on),
		T(a_call_that_fails_is_given_back),
		T(a_bye_for_nobody_frees_nothing),
		T(a_call_without_end_ends_for_the_limit),
		T(so_many_within_a_span),
		T(beyond_a_limit_the_next_rules_decide),
		T(a_rule_that_is_passed_over_keeps_nothing),
		T(numbers_are_rewritten),
		T(a_number_of_an_account_is_a_number_to_the_rules),
		T(a_way_that_a_rule_names_needs_no_relay_domain),
		T(the_trunk_can_be_named),
		T(callers_are_redirected),
		T(a_redirect_server_tells_where_users_and_domains_are),
		T(a_domain_without_servers_is_a_plain_no),
		T(where_a_phone_redirects_to_is_judged_as_well),
		T(what_rules_have_decided_is_counted_over_a_reload),
		T(new_rules_are_in_force_and_calls_and_counts_go_on),
		T(each_worker_says_when_new_settings_are_in_force),
		T(what_is_being_judged_ends_by_the_rules_it_began_with),
		T(settings_change_while_it_runs),
		T(servers_found_too_late_are_nobodys_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
