#include "pbx/test_phones.h"

/* Several phones of one user: who rings when, and what the caller hears of it. Nobody is asked for a password here. */

static struct addr bob3;

static void binds(struct addr from, const char *contact_params)
{
	user_binds(from, "102", contact_params, "Supported: outbound, path\r\n");
}

static void run(void)
{
	bob3 = rig_addr(14, 5080);
	run_open();
}

/* Of two that are as good, who came last is the first. */
static void run_with_two(const char *bobs, const char *bob2s)
{
	run();
	binds(bob2, bob2s);
	rig_pass(USEC_PER_SEC);
	binds(bob, bobs);
}

/* Bob's phone is to ring first, his other one after it. */
static void alice_calls_two_in_turn(const char *call_id, const char *lines)
{
	run();
	binds(bob, ";q=1.0");
	binds(bob2, ";q=0.5");
	alice_calls(call_id, lines);
}

/* The INVITE that rings here, and 180 for it. */
static void rings(struct addr at, char *invite, const char *tag)
{
	rig_copy(rig_take(at), invite, 4000);
	rig_assert_start(invite, "INVITE sip:102@");
	rig_answer_request(at, invite, 180, tag, "", "");
}

/* CANCEL is answered, and the INVITE 487. */
static void stops(struct addr at, const char *invite, const char *reason)
{
	char cancel[4000];

	rig_copy(rig_take(at), cancel, sizeof(cancel));
	rig_assert_start(cancel, "CANCEL sip:102@");
	rig_assert_has(cancel, reason);
	rig_answer_request(at, cancel, 200, "c", "", "");
	refuses(at, invite, 487, "c");
	rig_assert_start(rig_take(at), "ACK sip:102@");
}

/* ---- groups ---- */

static void phones_of_a_lower_q_ring_when_those_before_have_refused(void **state)
{
	char one[4000], two[4000];

	(void)state;
	alice_calls_two_in_turn("g1", "");
	rings(bob, one, "b1");
	nothing_for(bob2);
	refuses(bob, one, 486, "b1");
	rig_assert_start(rig_take(bob), "ACK ");
	rings(bob2, two, "b2");
	refuses(bob2, two, 480, "b2");
	all_ends_with("SIP/2.0 486 ");
}

static void phones_of_a_lower_q_ring_when_the_time_of_those_before_is_over(void **state)
{
	char one[4000], two[4000];

	(void)state;
	alice_calls_two_in_turn("g2", "");
	rings(bob, one, "b1");
	rig_pass(rig_.config.hunt_after - 1);
	nothing_for(bob2);
	rig_pass(1);
	rings(bob2, two, "b2");
	rig_assert_start(rig_take(alice), "SIP/2.0 180 ");
	rig_assert_start(rig_take(alice), "SIP/2.0 180 ");
	rig_answer_request(bob, one, 180, "b1", "", ""); /* its time is over: nobody need hear of it */
	nothing_for(alice);
	stops(bob, one, "\r\nReason: SIP;cause=408;text=\"Not answered in time\"\r\n");
	picks_up(bob2, two, "b2");
	all_ends_with("SIP/2.0 200 ");
}

static void who_never_answered_is_408_not_487(void **state)
{
	char one[4000], two[4000];

	(void)state;
	alice_calls_two_in_turn("g3", "");
	rings(bob, one, "b1");
	rig_pass(rig_.config.hunt_after);
	rings(bob2, two, "b2");
	stops(bob, one, "cause=408");
	rig_pass(rig_.config.hunt_after); /* nobody waits behind bob2: he rings on */
	nothing_for(bob2);
	refuses(bob2, two, 480, "b2");
	all_ends_with("SIP/2.0 480 ");
}

static void a_200_that_crosses_the_end_of_its_time_counts_and_the_next_stop(void **state)
{
	char one[4000], two[4000];

	(void)state;
	alice_calls_two_in_turn("g4", "");
	rings(bob, one, "b1");
	rig_pass(rig_.config.hunt_after);
	rings(bob2, two, "b2");
	picks_up(bob, one, "b1");
	alice_hears("SIP/2.0 200 ");
	rig_assert_has(rig_.text, ";tag=b1\r\n");
	stops(bob2, two, "cause=200");
	no_jobs();
}

static void both_answer_and_the_caller_hears_both(void **state)
{
	char one[4000], two[4000];

	(void)state;
	alice_calls_two_in_turn("g5", "");
	rings(bob, one, "b1");
	rig_pass(rig_.config.hunt_after);
	rings(bob2, two, "b2");
	picks_up(bob, one, "b1");
	picks_up(bob2, two, "b2");
	alice_hears("SIP/2.0 200 ");
	rig_assert_has(rig_.text, ";tag=b1\r\n");
	alice_hears("SIP/2.0 200 ");
	rig_assert_has(rig_.text, ";tag=b2\r\n");
	no_jobs();
}

static void a_group_whose_phones_cannot_be_reached_is_passed_by(void **state)
{
	char two[4000];

	(void)state;
	run();
	/* a stream that is gone */
	rig_accept(RIG_STREAM, rig_addr(60, 6000));
	rig_bytes(
		RIG_STREAM, rig_addr(60, 6000),
		"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.60:6000;branch=z9hG4bKt1\r\n"
		"From: <sip:102@example.com>;tag=1\r\nTo: <sip:102@example.com>\r\nCall-ID: t1\r\nCSeq: 1 REGISTER\r\n"
		"Contact: <sip:102@host.invalid;transport=tcp>;q=1\r\nContent-Length: 0\r\n\r\n");
	rig_assert_start(rig_take_stream(RIG_STREAM), "SIP/2.0 200 ");
	rig_.services[0].recv(rig_.services[0].self,
			      &(struct host_event){ .kind = HOST_CLOSED, .id = RIG_STREAM, .transport = TRANSPORT_TCP },
			      rig_.now);
	rig_settle();
	binds(bob2, ";q=0.5");
	alice_calls("g6", "");
	rig_pass(0);
	rings(bob2, two, "b2");
	refuses(bob2, two, 486, "b2");
	all_ends_with("SIP/2.0 486 ");
}

static void all_ring_at_once_where_the_administrator_wants_it(void **state)
{
	char one[4000], two[4000];

	(void)state;
	rig_.config.hunt_after = 0;
	alice_calls_two_in_turn("g7", "");
	rings(bob, one, "b1");
	rings(bob2, two, "b2");
}

static void the_caller_hangs_up_between_two_groups(void **state)
{
	char one[4000], two[4000];

	(void)state;
	run();
	binds(bob, ";q=1.0");
	binds(bob2, ";q=0.5");
	binds(bob3, ";q=0.1");
	alice_calls("g8", "");
	rings(bob, one, "b1");
	rig_pass(rig_.config.hunt_after);
	rings(bob2, two, "b2");
	rig_say(alice, "CANCEL sip:102@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKig81\r\n"
		       "From: <sip:101@example.com>;tag=from\r\nTo: <sip:102@example.com>\r\nCall-ID: g8\r\n"
		       "CSeq: 1 CANCEL\r\nReason: Q.850;cause=16\r\nReason: SIP;cause=487\r\nMax-Forwards: 70\r\n\r\n");
	stops(bob, one, "cause=408"); /* went out before */
	stops(bob2, two, "\r\nReason: Q.850;cause=16\r\nReason: SIP;cause=487\r\n");
	while (strncmp(rig_take(alice), "SIP/2.0 487", 11) != 0)
		assert_string_not_equal(rig_.text, "");
	rig_pass(60 * USEC_PER_SEC);
	nothing_for(bob3);
	no_jobs();
}

static void a_6xx_ends_the_search_and_says_why(void **state)
{
	char one[4000], two[4000];

	(void)state;
	run();
	binds(bob, ";q=1.0");
	binds(bob2, ";q=1.0");
	binds(bob3, ";q=0.1");
	alice_calls("g9", "");
	rings(bob, one, "b1");
	rings(bob2, two, "b2");
	refuses(bob, one, 603, "b1");
	stops(bob2, two, "\r\nReason: SIP;cause=603;text=\"Decline\"\r\n");
	alice_hears("SIP/2.0 603 ");
	nothing_for(bob3);
	no_jobs();
}

/* ---- one phone, several flows (RFC 5626 5.3) ---- */

#define FLOW(id) ";+sip.instance=\"<urn:uuid:1>\";reg-id=" id

static void a_second_flow_is_tried_where_the_first_has_failed_only(void **state)
{
	char one[4000], two[4000];

	(void)state;
	run_with_two(FLOW("1"), FLOW("2"));
	alice_calls("f1", "");
	rings(bob, one, "b1");
	nothing_for(bob2);
	refuses(bob, one, 486, "b1");
	alice_hears("SIP/2.0 486 ");
	rig_take(bob);
	nothing_for(bob2);
	no_jobs();
	alice_calls("f2", "");
	rings(bob, one, "b1");
	refuses(bob, one, 430, "b1");
	rings(bob2, two, "b2");
	picks_up(bob2, two, "b2");
	all_ends_with("SIP/2.0 200 ");
}

static void a_flow_that_stays_silent_leads_to_the_next(void **state)
{
	char two[4000];

	(void)state;
	run_with_two(FLOW("1"), FLOW("2"));
	alice_calls("f3", "");
	rig_pass(33 * USEC_PER_SEC);
	rings(bob2, two, "b2");
	refuses(bob2, two, 486, "b2");
	all_ends_with("SIP/2.0 486 ");
}

static void a_phone_whose_time_is_over_does_not_ring_by_its_other_flow(void **state)
{
	char one[4000], three[4000];

	(void)state;
	run_with_two(FLOW("1"), FLOW("2"));
	binds(bob3, ";q=0.1");
	alice_calls("f4", "");
	rings(bob, one, "b1");
	rig_pass(rig_.config.hunt_after);
	rings(bob3, three, "b3");
	refuses(bob, one, 408, "b1");
	nothing_for(bob2);
	refuses(bob3, three, 486, "b3");
	all_ends_with("SIP/2.0 486 ");
}

/* ---- Max-Breadth (RFC 5393) ---- */

static void breadth_is_shared_out_among_those_that_ring_together(void **state)
{
	char one[4000], two[4000];

	(void)state;
	run_with_two("", "");
	alice_calls("m1", "");
	rings(bob, one, "b1");
	rings(bob2, two, "b2");
	rig_assert_has(one, "\r\nMax-Breadth: 30\r\n");
	rig_assert_has(two, "\r\nMax-Breadth: 30\r\n");
	alice_calls("m2", "Max-Breadth: 5\r\n");
	rings(bob, one, "b1");
	rings(bob2, two, "b2");
	rig_assert_has(one, "\r\nMax-Breadth: 2\r\n"); /* who came last, first */
	rig_assert_has(two, "\r\nMax-Breadth: 3\r\n");
}

static void too_little_breadth_for_all_makes_them_ring_one_after_the_other(void **state)
{
	char one[4000], two[4000];

	(void)state;
	run_with_two("", "");
	alice_calls("m3", "Max-Breadth: 1\r\n");
	rings(bob, one, "b1");
	rig_assert_has(one, "\r\nMax-Breadth: 1\r\n");
	nothing_for(bob2);
	rig_pass(rig_.config.hunt_after);
	nothing_for(bob2); /* the first is still there until it has answered the CANCEL */
	stops(bob, one, "cause=408");
	rings(bob2, two, "b2");
	rig_assert_has(two, "\r\nMax-Breadth: 1\r\n");
	refuses(bob2, two, 486, "b2");
	all_ends_with("SIP/2.0 486 ");
}

static void no_breadth_at_all_is_440(void **state)
{
	(void)state;
	run();
	binds(bob, "");
	alice_calls("m4", "Max-Breadth: 0\r\n");
	alice_hears("SIP/2.0 440 ");
	nothing_for(bob);
	no_jobs();
}

/* RFC 5393 5.3.3: all requests have one, and not more than we allow */
static void breadth_passes_untouched_where_nothing_forks(void **state)
{
	char one[4000];

	(void)state;
	run();
	binds(bob, "");
	alice_calls("m5", "Max-Breadth: 7\r\n");
	rings(bob, one, "b1");
	rig_assert_has(one, "\r\nMax-Breadth: 7\r\n");
	refuses(bob, one, 486, "b1");
	alice_calls("m6", "");
	while (strncmp(rig_take(bob), "INVITE", 6) != 0)
		assert_string_not_equal(rig_.text, "");
	rig_assert_has(rig_.text, "\r\nMax-Breadth: 60\r\n");
	rig_copy(rig_.text, one, sizeof(one));
	refuses(bob, one, 486, "b2");
	alice_calls("m7", "Max-Breadth: 1000\r\n");
	while (strncmp(rig_take(bob), "INVITE", 6) != 0)
		assert_string_not_equal(rig_.text, "");
	rig_assert_has(rig_.text, "\r\nMax-Breadth: 60\r\n");
	assert_null(strstr(rig_.text, "Max-Breadth: 1000"));
}

/* ---- challenges (16.7 step 7) ---- */

static void who_asks_for_a_password_is_not_lost_among_others(void **state)
{
	char one[4000], two[4000];

	(void)state;
	run();
	binds(bob, "");
	binds(bob2, "");
	alice_calls("c1", "");
	rings(bob, one, "b1");
	rings(bob2, two, "b2");
	rig_answer_request(bob, one, 401, "b1", "WWW-Authenticate: Digest realm=\"one\", nonce=\"n1\"", "");
	rig_answer_request(bob2, two, 407, "b2", "Proxy-Authenticate: Digest realm=\"two\", nonce=\"n2\"", "");
	alice_hears("SIP/2.0 401 ");
	rig_assert_has(rig_.text, "\r\nWWW-Authenticate: Digest realm=\"one\", nonce=\"n1\"\r\n");
	rig_assert_has(rig_.text, "\r\nProxy-Authenticate: Digest realm=\"two\", nonce=\"n2\"\r\n");
	assert_null(strstr(strstr(rig_.text, "realm=\"one\"") + 1, "realm=\"one\""));
	no_jobs();
}

/* ---- requests that are no INVITE ---- */

static void alice_writes(const char *call_id)
{
	char text[1000];

	snprintf(text, sizeof(text),
		 "MESSAGE sip:102@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bK%s\r\n"
		 "From: <sip:101@example.com>;tag=from\r\nTo: <sip:102@example.com>\r\nCall-ID: %s\r\n"
		 "CSeq: 1 MESSAGE\r\nMax-Forwards: 70\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi",
		 call_id, call_id);
	rig_say(alice, text);
}

static void a_message_goes_to_the_next_group_in_time_for_its_sender(void **state)
{
	char two[4000];

	(void)state;
	run();
	binds(bob, ";q=1.0");
	binds(bob2, ";q=0.5");
	alice_writes("ms1");
	rig_assert_start(rig_take(bob), "MESSAGE ");
	rig_pass(8 * USEC_PER_SEC);
	rig_copy(rig_take(bob2), two, sizeof(two));
	rig_assert_start(two, "MESSAGE sip:102@192.0.2.13:5070 ");
	rig_assert_has(two, "\r\n\r\nhi");
	rig_answer_request(bob2, two, 200, "b2", "", "");
	alice_hears("SIP/2.0 200 ");
	rig_pass(40 * USEC_PER_SEC);
	no_jobs();
}

static void a_message_to_several_phones_is_answered_by_the_first_2xx(void **state)
{
	char one[4000], two[4000];

	(void)state;
	run();
	binds(bob, "");
	binds(bob2, "");
	alice_writes("ms2");
	rig_copy(rig_take(bob), one, sizeof(one));
	rig_copy(rig_take(bob2), two, sizeof(two));
	rig_answer_request(bob, one, 200, "b1", "", "");
	alice_hears("SIP/2.0 200 ");
	rig_answer_request(bob2, two, 200, "b2", "", "");
	nothing_for(alice);
	no_jobs();
}

/* ---- what the caller wants (RFC 3841) ---- */

static void a_caller_chooses_among_phones_by_what_they_say_of_themselves(void **state)
{
	char one[4000], two[4000];

	(void)state;
	run();
	binds(bob, ";audio;automata");
	binds(bob2, ";audio;video");
	binds(bob3, ";audio;video=\"FALSE\"");
	alice_calls("p1", "Reject-Contact: *;automata\r\nAccept-Contact: *;video\r\n");
	rings(bob2, one, "b2");
	nothing_for(bob);
	nothing_for(bob3);
	refuses(bob2, one, 486, "b2");
	rings(bob3, two, "b3"); /* fits less, is no contradiction */
	refuses(bob3, two, 486, "b3");
	nothing_for(bob);
	all_ends_with("SIP/2.0 486 ");
	alice_calls("p9", "a: *,*,*,*,*,*,*,*,*,*,*\r\nj: *,*,*,*,*,*,*,*,*,*\r\n"); /* RFC 3841 11. */
	alice_hears("SIP/2.0 400 ");
	alice_calls("p2", "Accept-Contact: *;mobility=\"mobile\";require;explicit\r\n");
	all_ends_with("SIP/2.0 480 ");
}

static void a_caller_wants_one_phone_only(void **state)
{
	char one[4000];

	(void)state;
	run();
	binds(bob2, ";q=0.5");
	binds(bob, ";q=0.7");
	alice_calls("p3", "Request-Disposition: no-fork\r\n");
	rings(bob, one, "b1");
	refuses(bob, one, 486, "b1");
	alice_hears("SIP/2.0 486 ");
	nothing_for(bob2);
	no_jobs();
}

static void a_caller_wants_one_after_the_other_or_all_at_once(void **state)
{
	char one[4000], two[4000];

	(void)state;
	run_with_two("", "");
	alice_calls("p4", "Request-Disposition: sequential\r\n");
	rings(bob, one, "b1");
	nothing_for(bob2);
	rig_pass(rig_.config.hunt_after);
	rings(bob2, two, "b2");
	stops(bob, one, "cause=408");
	refuses(bob2, two, 486, "b2");
	rig_assert_start(rig_take(bob2), "ACK ");
	binds(bob2, ";q=0.1");
	alice_calls("p5", "Request-Disposition: parallel\r\n");
	rings(bob, one, "b1");
	rings(bob2, two, "b2");
}

static void without_a_time_the_next_rings_when_the_first_has_refused(void **state)
{
	char one[4000], two[4000];

	(void)state;
	rig_.config.hunt_after = 0;
	run_with_two("", "");
	alice_calls("p9", "Request-Disposition: sequential\r\n");
	rings(bob, one, "b1");
	rig_pass(60 * USEC_PER_SEC);
	nothing_for(bob2);
	refuses(bob, one, 486, "b1");
	rings(bob2, two, "b2");
}

/* A name with two servers; the first is at it. */
static void a_call_that_has_stopped_is_not_tried_at_the_next_server(void **state)
{
	struct addr first = rig_addr(77, 5060), second = rig_addr(78, 5060);
	char one[4000], two[4000], three[4000];

	(void)state;
	relays_to("two.example");
	run();
	binds(bob, "");
	binds(bob2, ";q=0.1");
	alice_calls("p10", "");
	rings(bob, one, "b1");
	rig_answer_request(bob, one, 302, "b1", "Contact: <sip:x@two.example>", "");
	rig_copy(rig_take(first), two, sizeof(two));
	if (!two[0]) { /* they come in any order */
		struct addr other = first;

		first = second;
		second = other;
		rig_copy(rig_take(first), two, sizeof(two));
	}
	rig_assert_start(two, "INVITE sip:x@two.example ");
	rig_answer_request(first, two, 180, "f", "", "");
	rig_pass(rig_.config.hunt_after);
	rings(bob2, three, "b2");
	rig_assert_start(rig_take(first), "CANCEL ");
	refuses(first, two, 503, "f");
	rig_pass(5 * USEC_PER_SEC);
	nothing_for(second);
	refuses(bob2, three, 486, "b2");
	all_ends_with("SIP/2.0 486 ");
}

static void a_caller_wants_to_be_told_where_they_are(void **state)
{
	char one[4000];

	(void)state;
	run();
	binds(bob, ";q=0.5");
	binds(bob2, ";q=0.7");
	alice_calls("p7", "Request-Disposition: redirect\r\n");
	alice_hears("SIP/2.0 300 ");
	rig_assert_has(rig_.text, "Contact: <sip:102@192.0.2.13:5070>");
	rig_assert_has(rig_.text, "Contact: <sip:102@192.0.2.12:5060>");
	nothing_for(bob);
	invite_from(stranger, "x", "y.example", "sip:102@example.com", "p8", 1, "Request-Disposition: redirect\r\n");
	rings(bob2, one, "b2"); /* a stranger is not told */
}

static void a_caller_does_not_want_the_others_to_stop(void **state)
{
	char one[4000], two[4000];

	(void)state;
	run();
	binds(bob, "");
	binds(bob2, "");
	binds(bob3, ";q=0.1");
	alice_calls("p6", "Request-Disposition: no-cancel\r\n");
	rings(bob, one, "b1");
	rings(bob2, two, "b2");
	picks_up(bob, one, "b1");
	alice_hears("SIP/2.0 200 ");
	nothing_for(bob2);
	rig_pass(rig_.config.hunt_after);
	nothing_for(bob2);
	nothing_for(bob3);
	picks_up(bob2, two, "b2");
	all_ends_with("SIP/2.0 200 ");
}

static void a_message_passes_by_phones_that_do_not_speak_it(void **state)
{
	(void)state;
	run();
	binds(bob, ";methods=\"INVITE,ACK,BYE,CANCEL,OPTIONS\"");
	alice_writes("msx1");
	rig_assert_start(rig_take(bob), "MESSAGE "); /* nobody else: let it say no itself */
	binds(bob2, ";methods=\"INVITE,MESSAGE\"");
	alice_writes("msx2");
	nothing_for(bob);
	rig_assert_start(rig_take(bob2), "MESSAGE ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(phones_of_a_lower_q_ring_when_those_before_have_refused),
		T(phones_of_a_lower_q_ring_when_the_time_of_those_before_is_over),
		T(who_never_answered_is_408_not_487),
		T(a_200_that_crosses_the_end_of_its_time_counts_and_the_next_stop),
		T(both_answer_and_the_caller_hears_both),
		T(a_group_whose_phones_cannot_be_reached_is_passed_by),
		T(all_ring_at_once_where_the_administrator_wants_it),
		T(the_caller_hangs_up_between_two_groups),
		T(a_6xx_ends_the_search_and_says_why),
		T(a_second_flow_is_tried_where_the_first_has_failed_only),
		T(a_flow_that_stays_silent_leads_to_the_next),
		T(a_phone_whose_time_is_over_does_not_ring_by_its_other_flow),
		T(breadth_is_shared_out_among_those_that_ring_together),
		T(too_little_breadth_for_all_makes_them_ring_one_after_the_other),
		T(no_breadth_at_all_is_440),
		T(breadth_passes_untouched_where_nothing_forks),
		T(who_asks_for_a_password_is_not_lost_among_others),
		T(a_message_goes_to_the_next_group_in_time_for_its_sender),
		T(a_caller_chooses_among_phones_by_what_they_say_of_themselves),
		T(a_caller_wants_one_phone_only),
		T(a_caller_wants_one_after_the_other_or_all_at_once),
		T(without_a_time_the_next_rings_when_the_first_has_refused),
		T(a_call_that_has_stopped_is_not_tried_at_the_next_server),
		T(a_caller_wants_to_be_told_where_they_are),
		T(a_caller_does_not_want_the_others_to_stop),
		T(a_message_passes_by_phones_that_do_not_speak_it),
		T(a_message_to_several_phones_is_answered_by_the_first_2xx),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
