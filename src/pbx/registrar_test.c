#include "pbx/test_rig.h"

#define PHONE "+sip.instance=\"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>\""
#define OTHER "+sip.instance=\"<urn:uuid:00000000-7dec-11d0-a765-00a0c91e6bf6>\""
#define GR    "sip:102@example.com;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"

/* Without passwords: what is bound is the matter here. */
static void start(void)
{
	rig_.config.auth = false;
	rig_run();
}

static const char *registered(struct addr from, unsigned cseq, const char *lines)
{
	rig_register_once(from, "102", cseq, lines);
	return rig_take(from);
}

/* ---- GRUU (RFC 5627) ---- */

static void gruus_are_given_to_phones_that_know_them(void **state)
{
	(void)state;
	start();
	rig_assert_start(registered(bob, 1, "Contact: <sip:102@192.0.2.12>;" PHONE "\r\n"), "SIP/2.0 200 ");
	assert_null(strstr(rig_.text, "-gruu="));
	registered(bob, 2, "Supported: gruu\r\nContact: <sip:102@192.0.2.12>;" PHONE ";pub-gruu=\"sip:mine\"\r\n");
	rig_assert_start(rig_.text, "SIP/2.0 200 ");
	rig_assert_has(rig_.text, ";pub-gruu=\"" GR "\";temp-gruu=\"sip:tgruu.");
	rig_assert_has(rig_.text, "@example.com;gr\"");
	assert_null(strstr(rig_.text, "mine"));
	assert_null(strstr(strstr(rig_.text, "\r\nSupported:"), "gruu")); /* 5.2 */
	/* without an instance there is none */
	registered(bob2, 3, "Supported: gruu\r\nContact: <sip:102@192.0.2.13>\r\n");
	rig_assert_has(rig_.text, "<sip:102@192.0.2.13>;expires=");
}

static void a_gruu_of_ours_cannot_be_bound(void **state)
{
	(void)state;
	start();
	rig_assert_start(registered(bob, 1, "Contact: <" GR ">\r\n"), "SIP/2.0 403 ");
	rig_assert_start(registered(bob, 2, "Contact: <sip:102@other.example;gr=x>\r\n"), "SIP/2.0 200 ");
	/* 5.1: with an instance, not the address itself, and nothing but SIP */
	rig_assert_start(registered(bob, 3, "Contact: <sip:102@Example.com>;" PHONE "\r\n"), "SIP/2.0 403 ");
	rig_assert_start(registered(bob, 4, "Contact: <tel:+4930123456>;" PHONE "\r\n"), "SIP/2.0 403 ");
	rig_assert_start(registered(bob, 5, "Contact: <mailto:x@y.example>\r\n"), "SIP/2.0 416 ");
}

/* The temporary GRUU in the 200 that was taken last. */
static void temporary(char *out, size_t cap)
{
	const char *at = strstr(rig_.text, ";temp-gruu=\"");
	size_t n;

	assert_non_null(at);
	at += 12;
	n = strcspn(at, "\"");
	assert_true(n < cap);
	memcpy(out, at, n);
	out[n] = '\0';
}

static void a_gruu_leads_to_one_phone_alone(void **state)
{
	char gruu[400], none[100];

	(void)state;
	start();
	registered(bob2, 1, "Supported: gruu\r\nContact: <sip:102@192.0.2.13:5070>;" OTHER "\r\n");
	registered(bob, 2, "Supported: gruu\r\nContact: <sip:102@192.0.2.12>;" PHONE "\r\n");
	temporary(gruu, sizeof(gruu));
	invite_from(stranger, "x", "far.example", GR, "g1", 1, "");
	rig_assert_start(rig_take(bob), "INVITE sip:102@192.0.2.12 SIP/2.0");
	assert_string_equal(rig_take(bob2), "");
	invite_from(stranger, "x", "far.example", gruu, "g2", 1, "");
	rig_assert_start(rig_take(bob), "INVITE sip:102@192.0.2.12 SIP/2.0");
	assert_string_equal(rig_take(bob2), "");
	rig_forget_sent();
	/* gone: 480; never been: 404 */
	registered(bob, 3, "Contact: <sip:102@192.0.2.12>;expires=0\r\n");
	invite_from(stranger, "x", "far.example", GR, "g3", 1, "");
	rig_assert_start(rig_take(stranger), "SIP/2.0 480 ");
	snprintf(none, sizeof(none), "sip:nobody@example.com;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6");
	rig_forget_sent();
	invite_from(stranger, "x", "far.example", none, "g4", 1, "");
	rig_assert_start(rig_take(stranger), "SIP/2.0 404 ");
	rig_forget_sent();
	gruu[20] ^= 1;
	invite_from(stranger, "x", "far.example", gruu, "g5", 1, "");
	rig_assert_start(rig_take(stranger), "SIP/2.0 404 ");
}

static void a_register_with_another_call_id_ends_temporary_gruus(void **state)
{
	char gruu[400];

	(void)state;
	start();
	registered(bob, 1, "Supported: gruu\r\nContact: <sip:102@192.0.2.12>;" PHONE "\r\n");
	temporary(gruu, sizeof(gruu));
	registered(bob, 2, "Supported: gruu\r\nContact: <sip:102@192.0.2.12>;" PHONE "\r\n");
	invite_from(stranger, "x", "far.example", gruu, "t1", 1, ""); /* a refresh does not */
	rig_assert_start(rig_take(bob), "INVITE ");
	rig_say(bob, "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.12:5060;branch=z9hG4bKnew\r\n"
		     "From: <sip:102@example.com>;tag=1\r\nTo: <sip:102@example.com>\r\nCall-ID: new\r\n"
		     "CSeq: 1 REGISTER\r\nContact: <sip:102@192.0.2.12>;" PHONE "\r\n\r\n");
	rig_assert_start(rig_take(bob), "SIP/2.0 200 ");
	rig_forget_sent();
	invite_from(stranger, "x", "far.example", gruu, "t2", 1, "");
	rig_assert_start(rig_take(stranger), "SIP/2.0 404 "); /* 5.1: it is no address any more */
}

/* 6.1: the newest; the others where it cannot be reached, and only then. */
static void a_gruu_leads_to_where_the_phone_was_before_when_it_is_not_where_it_was_last(void **state)
{
	char invite[4000];

	(void)state;
	start();
	registered(bob2, 1, "Supported: gruu\r\nContact: <sip:102@192.0.2.13:5070>;q=1;" PHONE "\r\n");
	rig_pass(USEC_PER_SEC);
	registered(bob, 2, "Supported: gruu\r\nContact: <sip:102@192.0.2.12>;q=0.1;" PHONE "\r\n");
	invite_from(stranger, "x", "far.example", GR, "w1", 1, "");
	rig_copy(rig_take(bob), invite, sizeof(invite));
	rig_assert_start(invite, "INVITE ");
	rig_pass(3 * USEC_PER_SEC);
	assert_string_equal(rig_take(bob2), "");
	rig_answer_request(bob, invite, 408, "b", "", "");
	rig_copy(rig_take(bob2), invite, sizeof(invite));
	rig_assert_start(invite, "INVITE sip:102@192.0.2.13:5070 ");
	rig_answer_request(bob2, invite, 486, "b2", "", "");
	rig_forget_sent();
	invite_from(stranger, "x", "far.example", GR, "w2", 1, "");
	rig_copy(rig_take(bob), invite, sizeof(invite));
	rig_answer_request(bob, invite, 486, "b", "", "");
	rig_forget_sent();
	rig_pass(3 * USEC_PER_SEC);
	assert_string_equal(rig_take(bob2), "");
}

/* 6.1 */
static void who_asks_for_one_phone_is_not_redirected(void **state)
{
	(void)state;
	rig_.config.redirect_any = true;
	start();
	registered(bob, 1, "Supported: gruu\r\nContact: <sip:102@192.0.2.12>;" PHONE "\r\n");
	invite_from(stranger, "x", "far.example", GR, "r1", 1, "");
	rig_assert_start(rig_take(bob), "INVITE sip:102@192.0.2.12 ");
}

/* 6.1: in a dialog its own Routes lead to the phone, and the Path of the registration is left out. */
static void in_a_dialog_the_path_of_a_registration_is_not_taken(void **state)
{
	struct addr hop = rig_addr(61, 5060);
	char invite[4000], route[400], text[3000];

	(void)state;
	start();
	registered(rig_addr(61, 5060), 1,
		   "Supported: gruu, path\r\nPath: <sip:p@192.0.2.61;lr>\r\nContact: <sip:102@192.0.2.12>;" PHONE
		   "\r\n");
	invite_from(stranger, "x", "far.example", "sip:102@example.com", "e1", 1, "");
	rig_copy(rig_take(rig_addr(61, 5060)), invite, sizeof(invite));
	rig_header(invite, "Record-Route", route, sizeof(route));
	rig_answer_request(rig_addr(61, 5060), invite, 200, "bt", "Contact: <" GR ">", "");
	snprintf(text, sizeof(text),
		 "ACK " GR " SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.99:5060;branch=z9hG4bKe2\r\nRoute: %s, "
		 "<sip:rr@192.0.2.61;lr>\r\nFrom: <sip:x@far.example>;tag=from\r\nTo: <sip:102@example.com>;tag=bt\r\n"
		 "Call-ID: e1\r\nCSeq: 1 ACK\r\n\r\n",
		 route);
	rig_say(stranger, text);
	rig_assert_start(rig_take(hop), "ACK sip:102@192.0.2.12 SIP/2.0");
	rig_assert_has(rig_.text, "\r\nRoute: <sip:rr@192.0.2.61;lr>\r\n");
	memcpy(text, "BYE", 3);
	memcpy(strstr(text, "1 ACK"), "2 BYE", 5);
	memcpy(strstr(text, "z9hG4bKe2"), "z9hG4bKe3", 9);
	rig_say(stranger, text);
	rig_assert_start(rig_take(hop), "BYE sip:102@192.0.2.12 SIP/2.0");
	rig_assert_has(rig_.text, "\r\nRoute: <sip:rr@192.0.2.61;lr>\r\n");
	assert_null(strstr(rig_.text, "p@192.0.2.61"));
}

/* Both sides of the call have GRUUs as Contact: what they say in it finds the phone, by our Route and without. */
static void a_gruu_is_a_good_remote_target(void **state)
{
	char invite[4000], route[400], text[3000];

	(void)state;
	rig_.config.worker_n = 3;
	start();
	registered(bob, 1, "Supported: gruu\r\nContact: <sip:102@192.0.2.12>;" PHONE "\r\n");
	assert_true(strstr(rig_.text, "-gruu=") != NULL);
	invite_from(stranger, "x", "far.example", "sip:102@example.com", "d1", 1, "");
	rig_copy(rig_take(bob), invite, sizeof(invite));
	rig_assert_start(invite, "INVITE ");
	rig_header(invite, "Record-Route", route, sizeof(route));
	rig_answer_request(bob, invite, 200, "bt", "Contact: <" GR ">", "");
	snprintf(text, sizeof(text),
		 "ACK " GR " SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.99:5060;branch=z9hG4bKd2\r\nRoute: %s\r\n"
		 "From: <sip:x@far.example>;tag=from\r\nTo: <sip:102@example.com>;tag=bt\r\nCall-ID: d1\r\nCSeq: 1 "
		 "ACK\r\n\r\n",
		 route);
	rig_say(stranger, text);
	rig_assert_start(rig_take(bob), "ACK sip:102@192.0.2.12 SIP/2.0");
	assert_null(strstr(rig_.text, "\r\nRoute:"));
	snprintf(text, sizeof(text),
		 "INFO " GR " SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.99:5060;branch=z9hG4bKd3\r\nRoute: %s\r\n"
		 "From: <sip:x@far.example>;tag=from\r\nTo: <sip:102@example.com>;tag=bt\r\nCall-ID: d1\r\nCSeq: 2 "
		 "INFO\r\n\r\n",
		 route);
	rig_say(stranger, text);
	rig_assert_start(rig_take(bob), "INFO sip:102@192.0.2.12 SIP/2.0");
	/* as who has no route set */
	rig_say(stranger, "ACK " GR " SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.99:5060;branch=z9hG4bKd4\r\n"
			  "From: <sip:x@far.example>;tag=from\r\nTo: <sip:102@example.com>;tag=bt\r\nCall-ID: d1\r\n"
			  "CSeq: 1 ACK\r\n\r\n");
	rig_assert_start(rig_take(bob), "ACK sip:102@192.0.2.12 SIP/2.0");
	rig_say(stranger, "BYE " GR " SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.99:5060;branch=z9hG4bKd5\r\n"
			  "From: <sip:x@far.example>;tag=from\r\nTo: <sip:102@example.com>;tag=bt\r\nCall-ID: d1\r\n"
			  "CSeq: 3 BYE\r\n\r\n");
	rig_assert_start(rig_take(bob), "BYE sip:102@192.0.2.12 SIP/2.0");
	/* but a GRUU opens no door that is shut otherwise */
	rig_stop_servers();
	rig_.config.auth = true;
	rig_run();
	rig_say(stranger, "REFER " GR " SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.99:5060;branch=z9hG4bKd6\r\n"
			  "From: <sip:x@far.example>;tag=from\r\nTo: <sip:102@example.com>;tag=bt\r\nCall-ID: d1\r\n"
			  "CSeq: 4 REFER\r\n\r\n");
	assert_string_equal(rig_take(bob), "");
}

static void a_call_outlives_the_registration_that_its_gruu_needs(void **state)
{
	struct addr nat = rig_addr(40, 33333);
	char invite[4000], route[400], text[3000];

	(void)state;
	start();
	rig_say(nat, "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.5;rport;branch=z9hG4bKn1\r\n"
		     "From: <sip:102@example.com>;tag=1\r\nTo: <sip:102@example.com>\r\nCall-ID: n\r\n"
		     "CSeq: 1 REGISTER\r\nSupported: gruu\r\nExpires: 60\r\n"
		     "Contact: <sip:102@10.0.0.5>;" PHONE "\r\n\r\n");
	rig_assert_start(rig_take(nat), "SIP/2.0 200 ");
	invite_from(stranger, "x", "far.example", "sip:102@example.com", "o1", 1, "");
	rig_copy(rig_take(nat), invite, sizeof(invite));
	rig_header(invite, "Record-Route", route, sizeof(route));
	rig_answer_request(nat, invite, 200, "bt", "Contact: <" GR ">", "");
	rig_pass(100 * USEC_PER_SEC);
	snprintf(text, sizeof(text),
		 "BYE " GR " SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.99:5060;branch=z9hG4bKo2\r\nRoute: %s\r\n"
		 "From: <sip:x@far.example>;tag=from\r\nTo: <sip:102@example.com>;tag=bt\r\nCall-ID: o1\r\nCSeq: 2 "
		 "BYE\r\n\r\n",
		 route);
	rig_say(stranger, text);
	rig_assert_start(rig_take(nat), "BYE " GR " SIP/2.0");
}

/* ---- outbound (RFC 5626) ---- */

static void flows_of_one_phone_are_bindings_of_their_own(void **state)
{
	(void)state;
	start();
	registered(bob, 1, "Supported: path, outbound\r\nContact: <sip:102@192.0.2.12>;reg-id=1;" PHONE "\r\n");
	rig_assert_start(rig_.text, "SIP/2.0 200 ");
	rig_assert_has(rig_.text, "\r\nRequire: outbound\r\n");
	assert_null(strstr(rig_.text, "Flow-Timer:")); /* 4.4.2: then it sends STUN every 24 to 29 s, as NATs want it */
	registered(bob2, 2, "Supported: outbound\r\nContact: <sip:102@192.0.2.12>;reg-id=2;" PHONE "\r\n");
	rig_assert_has(rig_.text, "reg-id=1");
	rig_assert_has(rig_.text, "reg-id=2");
	/* the same flow number from elsewhere replaces, whatever its Contact says */
	registered(bob2, 3, "Supported: outbound\r\nContact: <sip:102@192.0.2.77>;reg-id=1;" PHONE "\r\n");
	rig_assert_has(rig_.text, "<sip:102@192.0.2.77>");
	assert_null(strstr(strstr(rig_.text, "reg-id=") + 8, "reg-id=3"));
	registered(bob, 4, "");
	assert_non_null(strstr(rig_.text, "reg-id=1"));
	assert_null(strstr(strstr(rig_.text, "reg-id=1") + 8, "reg-id=1"));
	/* who does not say that it knows outbound is told nothing of it */
	registered(bob, 5, "Contact: <sip:102@192.0.2.12>;reg-id=9;" PHONE "\r\n");
	rig_assert_start(rig_.text, "SIP/2.0 200 ");
	assert_null(strstr(rig_.text, "Require:"));
	/* a flow without instance is none; two bindings over one flow are none either */
	registered(bob, 6, "Supported: outbound\r\nContact: <sip:102@192.0.2.12:7>;reg-id=1\r\n");
	rig_assert_start(rig_.text, "SIP/2.0 200 ");
	assert_null(strstr(rig_.text, "Require:"));
	registered(bob, 7,
		   "Supported: outbound\r\nContact: <sip:102@192.0.2.12:8>;reg-id=1;" PHONE
		   ", <sip:102@192.0.2.12:9>\r\n");
	rig_assert_start(rig_.text, "SIP/2.0 400 ");
}

static void by_a_proxy_that_keeps_no_flows(struct addr from, unsigned cseq, const char *lines, const char *answer)
{
	char text[2000];

	snprintf(text, sizeof(text),
		 "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.12:5060;branch=z9hG4bKp%u\r\n"
		 "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKq%u\r\n"
		 "From: <sip:102@example.com>;tag=1\r\nTo: <sip:102@example.com>\r\nCall-ID: p%u\r\n"
		 "CSeq: 1 REGISTER\r\nContact: <sip:102@10.0.0.1>;reg-id=1;" PHONE "\r\n%s\r\n",
		 cseq, cseq, cseq, lines);
	rig_say(from, text);
	rig_assert_start(rig_take(from), answer);
}

static void outbound_needs_a_first_hop_that_keeps_flows(void **state)
{
	(void)state;
	start();
	by_a_proxy_that_keeps_no_flows(bob, 1, "Supported: path, outbound\r\n",
				       "SIP/2.0 439 First Hop Lacks Outbound Support");
	by_a_proxy_that_keeps_no_flows(bob, 2, "Supported: path, outbound\r\nPath: <sip:192.0.2.12;lr>\r\n",
				       "SIP/2.0 439 ");
	by_a_proxy_that_keeps_no_flows(bob, 3, "Supported: path, outbound\r\nPath: <sip:t@192.0.2.12;lr;ob>\r\n",
				       "SIP/2.0 200 ");
	rig_assert_has(rig_.text, "\r\nRequire: outbound\r\n");
	assert_null(strstr(rig_.text, "Flow-Timer:"));                                 /* its flow ends at the proxy */
	by_a_proxy_that_keeps_no_flows(bob, 4, "Supported: path\r\n", "SIP/2.0 200 "); /* reg-id is ignored */
	assert_null(strstr(rig_.text, "Require:"));
}

static void close_stream(uint32_t stream)
{
	struct host_event gone = { .kind = HOST_CLOSED, .id = stream, .transport = TRANSPORT_TCP };

	rig_.services[0].recv(rig_.services[0].self, &gone, rig_.now);
	rig_settle();
}

static void over_tcp(uint32_t stream, struct addr from, unsigned cseq, const char *contact)
{
	char text[1000];

	snprintf(text, sizeof(text),
		 "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.5;branch=z9hG4bKo%u\r\n"
		 "From: <sip:102@example.com>;tag=1\r\nTo: <sip:102@example.com>\r\nCall-ID: o%u\r\nCSeq: %u "
		 "REGISTER\r\nContact: %s\r\nSupported: outbound\r\nContent-Length: 0\r\n\r\n",
		 cseq, stream, cseq, contact);
	rig_bytes(stream, from, text);
	rig_assert_start(rig_take_stream(stream), "SIP/2.0 200 ");
}

static void what_is_bound_to_a_connection_goes_with_it(void **state)
{
	struct addr nat = rig_addr(40, 33333), open = rig_addr(41, 5060);

	(void)state;
	for (rig_.config.worker_n = 1; rig_.config.worker_n <= 3; rig_.config.worker_n += 2) {
		start();
		rig_accept(RIG_STREAM, nat);
		rig_accept(RIG_STREAM + 1, nat);
		over_tcp(RIG_STREAM, nat, 1, "<sip:102@10.0.0.5;transport=tcp>;reg-id=1;" PHONE);
		rig_pass(USEC_PER_SEC);
		over_tcp(RIG_STREAM + 1, nat, 2, "<sip:102@10.0.0.5;transport=tcp>;reg-id=2;" PHONE);
		invite_from(stranger, "x", "far.example", "sip:102@example.com", "w1", 1, "");
		rig_assert_start(rig_take_stream(RIG_STREAM + 1), "INVITE "); /* the newest of one phone's flows */
		assert_string_equal(rig_take_stream(RIG_STREAM), "");
		close_stream(RIG_STREAM + 1);
		rig_forget_sent();
		invite_from(stranger, "x", "far.example", "sip:102@example.com", "w2", 1, "");
		rig_assert_start(rig_take_stream(RIG_STREAM), "INVITE ");
		assert_int_equal(rig_.contacts[0].used + rig_.contacts[1].used, 1);
		close_stream(RIG_STREAM);
		rig_forget_sent();
		invite_from(stranger, "x", "far.example", "sip:102@example.com", "w3", 1, "");
		rig_take(stranger);
		if (!strncmp(rig_.text, "SIP/2.0 100", 11))
			rig_take(stranger);
		rig_assert_start(rig_.text, "SIP/2.0 480 ");
		assert_int_equal(rig_.contacts[0].used + rig_.contacts[1].used, 0);
		/* who can be called anew at his Contact stays */
		rig_accept(RIG_STREAM + 2, open);
		over_tcp(RIG_STREAM + 2, open, 3, "<sip:102@192.0.2.41;transport=tcp>");
		close_stream(RIG_STREAM + 2);
		rig_forget_sent();
		invite_from(stranger, "x", "far.example", "sip:102@example.com", "w4", 1, "");
		assert_string_equal(rig_take_stream(RIG_STREAM + 2), "");
		bool found = false;
		for (size_t i = 0; i < rig_.sent_n; i++)
			found |= rig_.sent[i].stream && !strncmp(rig_.sent[i].text, "INVITE sip:102@192.0.2.41", 25);
		assert_true(found);
		rig_stop_servers();
		rig_forget_contacts();
	}
	rig_.config.worker_n = 1;
	rig_run();
}

/* RFC 5626 4.4: who was told the Flow-Timer keeps to it, or is gone. */
static void a_connection_that_is_silent_for_too_long_is_given_up(void **state)
{
	struct addr nat = rig_addr(40, 33333), other = rig_addr(41, 33333);

	(void)state;
	for (rig_.config.worker_n = 1; rig_.config.worker_n <= 3; rig_.config.worker_n += 2) {
		start();
		rig_accept(RIG_STREAM, nat);
		rig_accept(RIG_STREAM + 1, other);
		over_tcp(RIG_STREAM, nat, 1, "<sip:102@10.0.0.5;transport=tcp>;reg-id=1;" PHONE);
		rig_assert_has(rig_.text, "\r\nFlow-Timer: 120\r\n");
		over_tcp(RIG_STREAM + 1, other, 2, "<sip:102@10.0.0.6;transport=tcp>"); /* was told nothing */
		assert_null(strstr(rig_.text, "Flow-Timer:"));
		rig_pass(140 * USEC_PER_SEC);
		rig_bytes(RIG_STREAM, nat, "\r\n\r\n");
		rig_pass(140 * USEC_PER_SEC);
		assert_int_equal(rig_.contacts[0].used + rig_.contacts[1].used, 2);
		rig_pass(11 * USEC_PER_SEC);
		assert_int_equal(rig_.contacts[0].used + rig_.contacts[1].used, 1);
		rig_forget_sent();
		invite_from(stranger, "x", "far.example", "sip:102@example.com", "w1", 1, "");
		rig_assert_start(rig_take_stream(RIG_STREAM + 1), "INVITE ");
		rig_stop_servers();
		rig_forget_contacts();
	}
	rig_.config.worker_n = 1;
	rig_run();
}

static void a_connection_that_has_gone_does_not_take_a_newer_binding(void **state)
{
	struct addr nat = rig_addr(40, 33333);

	(void)state;
	start();
	rig_accept(RIG_STREAM, nat);
	rig_accept(RIG_STREAM + 1, nat);
	over_tcp(RIG_STREAM, nat, 1, "<sip:102@10.0.0.5;transport=tcp>;reg-id=1;" PHONE);
	over_tcp(RIG_STREAM + 1, nat, 2, "<sip:102@10.0.0.5;transport=tcp>;reg-id=1;" PHONE);
	close_stream(RIG_STREAM);
	rig_forget_sent();
	invite_from(stranger, "x", "far.example", "sip:102@example.com", "n1", 1, "");
	rig_assert_start(rig_take_stream(RIG_STREAM + 1), "INVITE ");
	/* while the keeper writes it, too */
	rig_accept(RIG_STREAM + 2, nat);
	rig_.hold = true;
	rig_bytes(RIG_STREAM + 2, nat,
		  "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.5;branch=z9hG4bKo9\r\n"
		  "From: <sip:102@example.com>;tag=1\r\nTo: <sip:102@example.com>\r\nCall-ID: o9\r\nCSeq: 9 "
		  "REGISTER\r\nContact: <sip:102@10.0.0.5;transport=tcp>;reg-id=1;" PHONE
		  "\r\nContent-Length: 0\r\n\r\n");
	close_stream(RIG_STREAM + 1);
	rig_.hold = false;
	rig_settle();
	rig_assert_start(rig_take_stream(RIG_STREAM + 2), "SIP/2.0 200 ");
	rig_forget_sent();
	invite_from(stranger, "x", "far.example", "sip:102@example.com", "n2", 1, "");
	rig_assert_start(rig_take_stream(RIG_STREAM + 2), "INVITE ");
	assert_true(rig_.contacts[0].used);
	/* and one that closes before the keeper has written is not bound at all */
	rig_accept(RIG_STREAM + 3, nat);
	rig_.hold = true;
	rig_bytes(RIG_STREAM + 3, nat,
		  "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.5;branch=z9hG4bKo8\r\n"
		  "From: <sip:102@example.com>;tag=1\r\nTo: <sip:102@example.com>\r\nCall-ID: o8\r\nCSeq: 8 "
		  "REGISTER\r\nContact: <sip:102@10.0.0.5;transport=tcp>;reg-id=1;" PHONE
		  "\r\nContent-Length: 0\r\n\r\n");
	close_stream(RIG_STREAM + 3);
	rig_.hold = false;
	rig_settle();
	assert_false(rig_.contacts[0].used);
}

/* An edge proxy that keeps the flows says that one is gone (430), and is asked again only after a new REGISTER. */
static void a_flow_that_an_edge_proxy_has_lost_is_forgotten(void **state)
{
	struct addr proxy = rig_addr(50, 5060);
	char invite[4000];

	(void)state;
	start();
	registered(proxy, 1, "Supported: path\r\nPath: <sip:t@192.0.2.50;lr;ob>\r\nContact: <sip:102@10.0.0.1>\r\n");
	rig_assert_start(rig_.text, "SIP/2.0 200 ");
	invite_from(stranger, "x", "far.example", "sip:102@example.com", "e1", 1, "");
	rig_copy(rig_take(proxy), invite, sizeof(invite));
	rig_assert_start(invite, "INVITE ");
	assert_true(rig_.contacts[0].used);
	rig_answer_request(proxy, invite, 430, "b1", "", "");
	assert_false(rig_.contacts[0].used);
	rig_forget_sent();
	invite_from(stranger, "x", "far.example", "sip:102@example.com", "e2", 1, "");
	assert_string_equal(rig_take(proxy), "");
	rig_assert_start(rig_take(stranger), "SIP/2.0 480 ");
}

/* ---- RFC 6140 ---- */

static void number_of(const char *range, const char *account)
{
	struct number_record *r = &rig_.numbers[rig_.number_n++];

	assert_int_equal(number_range_parse(str_from(range), &r->first, &r->last), ERR_NONE);
	r->id = (int64_t)rig_.number_n;
	r->account = str_from(account);
}

static void a_pbx_registers_once_for_all_its_numbers(void **state)
{
	(void)state;
	number_of("+4930123400-499", "102");
	number_of("+15550", "103");
	start();
	rig_assert_start(registered(bob, 1,
				    "Require: gin\r\nProxy-Require: gin\r\nSupported: gruu\r\n"
				    "Contact: <sip:192.0.2.12:5090;bnc>;" PHONE "\r\n"),
			 "SIP/2.0 200 ");
	rig_assert_has(rig_.text, "<sip:192.0.2.12:5090;bnc>");
	rig_assert_has(rig_.text, ";pub-gruu=\"sip:example.com;bnc;gr=urn:uuid:f81d4fae-");
	assert_null(strstr(rig_.text, "temp-gruu"));
	invite_from(stranger, "x", "far.example", "sip:+4930123456@example.com", "b1", 1, "");
	rig_assert_start(rig_take(rig_addr(12, 5090)), "INVITE sip:+4930123456@192.0.2.12:5090 SIP/2.0");
	/* a phone behind it */
	invite_from(stranger, "x", "far.example",
		    "sip:+4930123457@example.com;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6;sg=7", "b2", 1, "");
	rig_assert_start(rig_take(rig_addr(12, 5090)), "INVITE sip:+4930123457@192.0.2.12:5090;sg=7 SIP/2.0");
	/* 7.2.2: who is registered at a number the PBX knows */
	rig_say(bob2,
		"SUBSCRIBE sip:+4930123456@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.13:5070;branch=z9hG4bKsb\r\n"
		"From: <sip:102@example.com>;tag=1\r\nTo: <sip:+4930123456@example.com>\r\nCall-ID: sb\r\n"
		"CSeq: 1 SUBSCRIBE\r\nEvent: reg\r\nContact: <sip:102@192.0.2.13:5070>\r\n\r\n");
	do {
		rig_take(rig_addr(12, 5090));
	} while (strncmp(rig_.text, "INVITE", 6) == 0);
	rig_assert_start(rig_.text, "SUBSCRIBE sip:+4930123456@192.0.2.12:5090 SIP/2.0");
	rig_forget_sent();
	invite_from(stranger, "x", "far.example", "sip:+4930123500@example.com", "b3", 1, "");
	rig_assert_start(rig_take(stranger), "SIP/2.0 404 ");
	rig_forget_sent();
	invite_from(stranger, "x", "far.example", "sip:+15550@example.com", "b4", 1, "");
	rig_assert_start(rig_take(stranger), "SIP/2.0 480 ");
}

static void who_has_no_numbers_registers_for_none(void **state)
{
	(void)state;
	number_of("+4930123400-499", "103");
	start();
	rig_assert_start(registered(bob, 1, "Require: gin\r\nContact: <sip:192.0.2.12;bnc>\r\n"), "SIP/2.0 403 ");
	rig_.numbers[0].account = STR("102");
	struct keeper_answer changed = { .kind = KEEPER_CHANGED, .why = "" };
	rig_deliver(0, &changed);
	rig_settle();
	rig_assert_start(registered(bob, 2, "Contact: <sip:192.0.2.12;bnc>\r\n"), "SIP/2.0 421 ");
	rig_assert_has(rig_.text, "\r\nRequire: gin\r\n");
	rig_assert_start(registered(bob, 3, "Require: gin\r\nContact: <sip:102@192.0.2.12;bnc>\r\n"), "SIP/2.0 400 ");
	rig_assert_start(registered(bob, 4, "Require: gin\r\nContact: <sip:192.0.2.12;bnc>\r\n"), "SIP/2.0 200 ");
	/* 5.3 */
	rig_assert_start(registered(bob, 5, "Require: gin\r\nContact: <sip:192.0.2.12;user=phone;bnc>\r\n"),
			 "SIP/2.0 400 ");
}

static void an_account_calls_in_the_name_of_its_numbers_alone(void **state)
{
	char answer[3000], lines[900];
	static const char *const from[] = { "+4930123456", "+4930123500" };

	(void)state;
	number_of("+4930123400-499", "102");
	rig_run();
	rig_register(alice, "101");
	for (unsigned i = 0; i < 2; i++) {
		rig_forget_sent();
		invite_from(bob, from[i], "example.com", "sip:101@example.com", from[i], 1, "");
		rig_copy(rig_take(bob), answer, sizeof(answer));
		rig_authorize(answer, "102", "pw102", "INVITE", "sip:101@example.com", lines, sizeof(lines));
		invite_from(bob, from[i], "example.com", "sip:101@example.com", from[i], 2, lines);
		if (i == 0)
			rig_assert_start(rig_take(alice), "INVITE ");
		else
			rig_assert_start(rig_take(bob), "SIP/2.0 403 ");
	}
}

/* ---- answers ---- */

static void refreshes_of_a_crowd_are_spread(void **state)
{
	unsigned seen[2] = { 100000, 0 };
	char lines[200];

	(void)state;
	rig_.config.expires_spread = 20;
	start();
	for (unsigned i = 0; i < 40; i++) {
		const char *at;
		unsigned granted;

		snprintf(lines, sizeof(lines), "Contact: <sip:102@192.0.2.12>\r\nExpires: 1000\r\n");
		at = strstr(registered(bob, 1 + i, lines), ";expires=");
		assert_non_null(at);
		granted = (unsigned)atoi(at + 9);
		assert_true(granted >= 800 && granted <= 1000);
		seen[0] = granted < seen[0] ? granted : seen[0];
		seen[1] = granted > seen[1] ? granted : seen[1];
	}
	assert_true(seen[1] - seen[0] > 100);
	registered(bob, 100, "Contact: <sip:102@192.0.2.12>\r\nExpires: 60\r\n"); /* never below the least */
	rig_assert_has(rig_.text, ";expires=60\r\n");
	registered(bob, 101, "Contact: <sip:102@192.0.2.12>;expires=0\r\n");
	assert_null(strstr(rig_.text, "\r\nContact:"));
}

static void who_comes_by_a_proxy_is_told_to_send_by_us(void **state)
{
	(void)state;
	start();
	registered(bob, 1, "Contact: <sip:102@192.0.2.12>\r\n");
	assert_null(strstr(rig_.text, "Service-Route"));
	registered(rig_addr(50, 5060), 2,
		   "Supported: path\r\nPath: <sip:192.0.2.50;lr>\r\nContact: <sip:102@192.0.2.12>\r\n");
	rig_assert_has(rig_.text, "\r\nService-Route: <sip:192.0.2.1:5060;lr>\r\n");
	/* what comes by it is treated as what comes without */
	rig_register(alice, "101");
	invite_from(bob, "102", "example.com", "sip:101@example.com", "sr", 1, "Route: <sip:192.0.2.1:5060;lr>\r\n");
	rig_assert_start(rig_take(alice), "INVITE sip:101@192.0.2.11:5060 SIP/2.0");
	assert_null(strstr(rig_.text, "\r\nRoute:"));
	rig_stop_servers();
	rig_.config.service_route = PBX_SERVICE_ROUTE_ALWAYS;
	rig_run();
	registered(bob, 3, "Contact: <sip:102@192.0.2.12>\r\n");
	rig_assert_has(rig_.text, "\r\nService-Route: ");
}

static void feature_tags_survive(void **state)
{
	static const char tags[] =
		";audio;methods=\"INVITE,BYE\";description=\"<a, b>\";+g.oma.sip-im;actor=\"principal\"";
	char lines[300];

	(void)state;
	start();
	snprintf(lines, sizeof(lines), "Contact: <sip:102@192.0.2.12>%s;q=0.3\r\n", tags);
	rig_assert_has(registered(bob, 1, lines), tags);
	assert_true(str_find(rig_.contacts[0].row->params, str_from(tags + 1)) == 0);
	/* RFC 3840 6.: who wants to be sure of it may insist */
	snprintf(lines, sizeof(lines), "Require: pref\r\nContact: <sip:102@192.0.2.12>%s\r\n", tags);
	rig_assert_start(registered(bob, 2, lines), "SIP/2.0 200 ");
	rig_assert_has(rig_.text, tags);
}

static void many_contacts_are_bound_wholly_or_not_at_all(void **state)
{
	char lines[2000] = "";

	(void)state;
	start();
	for (int i = 0; i < PBX_CONTACTS_MAX + 1; i++)
		snprintf(lines + strlen(lines), 100, "Contact: <sip:102@192.0.2.12:%d>\r\n", 6000 + i);
	rig_assert_start(registered(bob, 1, lines), "SIP/2.0 503 ");
	rig_assert_start(registered(bob, 2, "Contact: <sip:102@192.0.2.12>, <sip:102@192.0.2.13>;expires=5\r\n"),
			 "SIP/2.0 423 ");
	rig_assert_start(registered(bob, 3, ""), "SIP/2.0 200 ");
	assert_null(strstr(rig_.text, "\r\nContact:"));
	*strstr(lines, "Contact: <sip:102@192.0.2.12:6010>") = '\0';
	rig_assert_start(registered(bob, 4, lines), "SIP/2.0 200 ");
	rig_assert_has(rig_.text, "192.0.2.12:6009>");
	rig_assert_has(rig_.text, "192.0.2.12:6000>");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(gruus_are_given_to_phones_that_know_them),
		T(a_gruu_of_ours_cannot_be_bound),
		T(a_gruu_leads_to_one_phone_alone),
		T(a_register_with_another_call_id_ends_temporary_gruus),
		T(a_gruu_leads_to_where_the_phone_was_before_when_it_is_not_where_it_was_last),
		T(who_asks_for_one_phone_is_not_redirected),
		T(in_a_dialog_the_path_of_a_registration_is_not_taken),
		T(a_gruu_is_a_good_remote_target),
		T(a_call_outlives_the_registration_that_its_gruu_needs),
		T(flows_of_one_phone_are_bindings_of_their_own),
		T(outbound_needs_a_first_hop_that_keeps_flows),
		T(a_connection_that_is_silent_for_too_long_is_given_up),
		T(what_is_bound_to_a_connection_goes_with_it),
		T(a_connection_that_has_gone_does_not_take_a_newer_binding),
		T(a_flow_that_an_edge_proxy_has_lost_is_forgotten),
		T(a_pbx_registers_once_for_all_its_numbers),
		T(who_has_no_numbers_registers_for_none),
		T(an_account_calls_in_the_name_of_its_numbers_alone),
		T(refreshes_of_a_crowd_are_spread),
		T(who_comes_by_a_proxy_is_told_to_send_by_us),
		T(feature_tags_survive),
		T(many_contacts_are_bound_wholly_or_not_at_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
