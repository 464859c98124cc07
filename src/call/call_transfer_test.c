/* Calls that are passed on: REFER, NOTIFY and Replaces between three telephones, and against far ends that misbehave.
 */
#include "call/test_far.h"
#include "call/test_phone.h"
#include "call/transfer.h"

/* ---- words ---- */

static int read(const char *lines, struct transfer_target *out)
{
	char text[3000];
	struct sip_msg *m;
	int status;

	snprintf(text, sizeof(text),
		 "REFER sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\nTo: "
		 "<sip:b@x>;tag=2\r\n"
		 "Call-ID: 1\r\nCSeq: 1 REFER\r\n%s\r\n",
		 lines);
	m = sip_msg_new(str_from(text));
	assert_non_null(m);
	status = transfer_read(m, out);
	sip_msg_free(m);
	return status;
}

static void a_refer_is_read_with_all_it_carries(void **state)
{
	struct transfer_target t;

	(void)state;
	assert_int_equal(read("Refer-To: <sip:c@y;user=phone?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2&X=1>\r\n"
			      "Referred-By: <sip:a@x>\r\n",
			      &t),
			 0);
	assert_string_equal(t.uri, "sip:c@y;user=phone");
	assert_string_equal(t.replaces, "a@b;to-tag=1;from-tag=2");
	assert_string_equal(t.by, "<sip:a@x>");
	assert_int_equal(read("r: sip:c@y\r\n", &t), 0);
	assert_string_equal(t.uri, "sip:c@y");
	assert_string_equal(t.replaces, "");
}

static void a_refer_that_is_none_is_refused(void **state)
{
	struct transfer_target t;
	char text[1000];

	(void)state;
	assert_int_equal(read("", &t), 400);
	assert_int_equal(read("Refer-To: <sip:a@b>\r\nRefer-To: <sip:c@d>\r\n", &t), 400);
	assert_int_equal(read("Refer-To: rubbish\r\n", &t), 400);
	assert_int_equal(read("Refer-To: <http://x/>\r\n", &t), 416);
	assert_int_equal(read("Refer-To: <sip:c@y;method=BYE>\r\n", &t), 603);
	/* what would put lines of its own into our INVITE */
	assert_int_equal(read("Refer-To: <sip:c@y?Replaces=a%0D%0AX%3A1%3Bto-tag%3D1%3Bfrom-tag%3D2>\r\n", &t), 400);
	assert_int_equal(read("Refer-To: <sip:c@y?Replaces=a>\r\n", &t), 400);
	snprintf(text, sizeof(text), "Refer-To: <sip:%0600d@y>\r\n", 1);
	assert_int_equal(read(text, &t), 400);
}

static void what_we_write_we_read(void **state)
{
	char text[1000];
	struct transfer_target t;
	struct buf out;

	(void)state;
	buf_init(&out, text, sizeof(text) - 1);
	transfer_write(STR("sip:c@y"), STR("sip:a@x"), STR("id&=;<>\"@z"), STR("t1"), STR("f1"), &out);
	text[out.n] = 0;
	assert_int_equal(read(text, &t), 0);
	assert_string_equal(t.uri, "sip:c@y");
	assert_string_equal(t.replaces, "id&=;<>\"@z;to-tag=t1;from-tag=f1");
	assert_string_equal(t.by, "<sip:a@x>");
}

static void fragments_say_a_status_or_nothing(void **state)
{
	(void)state;
	assert_int_equal(transfer_status(STR("SIP/2.0 486 Busy Here\r\nX: y\r\n")), 486);
	assert_int_equal(transfer_status(STR("SIP/2.0 100")), 100);
	assert_int_equal(transfer_status(STR("")), 0);
	assert_int_equal(transfer_status(STR("SIP/2.0 99 x")), 0);
	assert_int_equal(transfer_status(STR("SIP/2.0 799 x")), 0);
	assert_int_equal(transfer_status(STR("INVITE sip:x SIP/2.0")), 0);
}

/* ---- three telephones ---- */

struct trio {
	struct test_host host;
	struct phone a, b, c;
};

static void trio_start(struct trio *t)
{
	struct phone *all[] = { &t->a, &t->b, &t->c };

	memset(t, 0, sizeof(*t));
	test_host_init(&t->host);
	for (uint8_t i = 0; i < 3; i++) {
		struct agent_settings s = direct(all[i], (uint8_t)(i + 1));

		phone_add(&t->host, all[i], &s, (uint8_t)(i + 1));
		all[i]->answers = true;
	}
	test_run(&t->host, USEC_PER_SEC);
}

static void trio_end(struct trio *t)
{
	agent_free(t->a.agent);
	agent_free(t->b.agent);
	agent_free(t->c.agent);
	test_host_free(&t->host);
}

static handle phone_dial(struct trio *t, struct phone *p, const char *target)
{
	handle call = agent_dial(p->agent, &(struct agent_dialling){ .target = str_from(target) }, t->host.now);

	phone_react(p, t->host.now);
	test_run(&t->host, USEC_PER_SEC);
	return call;
}

static void a_call_is_passed_on_to_a_third(void **state)
{
	struct trio t;
	handle ab;

	(void)state;
	trio_start(&t);
	ab = phone_dial(&t, &t.a, "sip:phone@10.0.0.2");
	assert_int_equal(t.a.answered, 1);
	assert_int_equal(call_refer(agent_call(t.a.agent, ab), STR("sip:phone@10.0.0.3:5060"), NULL, t.host.now),
			 ERR_NONE);
	assert_int_equal(call_refer(agent_call(t.a.agent, ab), STR("sip:phone@10.0.0.3"), NULL, t.host.now), ERR_STATE);
	phone_react(&t.a, t.host.now);
	test_run(&t.host, 2 * USEC_PER_SEC);
	assert_int_equal(t.b.refers, 1);
	assert_string_equal(t.b.text, "sip:phone@10.0.0.3:5060");
	assert_int_equal(t.c.incoming, 1);
	assert_int_equal(t.c.answered, 1);
	assert_int_equal(t.a.transfer_status, 200);
	assert_int_equal(t.a.ended, 1); /* who passed it on is out */
	assert_int_equal(t.a.cause, CALL_HUNG_UP);
	assert_int_equal(t.b.ended, 1);
	assert_int_equal(t.c.ended, 0);
	assert_int_equal(call_state(agent_call(t.b.agent, t.b.other)), CALL_UP);
	trio_end(&t);
}

static void a_third_who_does_not_answer_leaves_the_two_talking(void **state)
{
	struct trio t;
	handle ab;

	(void)state;
	trio_start(&t);
	t.c.rejects = 486;
	ab = phone_dial(&t, &t.a, "sip:phone@10.0.0.2");
	assert_int_equal(call_refer(agent_call(t.a.agent, ab), STR("sip:phone@10.0.0.3"), NULL, t.host.now), ERR_NONE);
	phone_react(&t.a, t.host.now);
	test_run(&t.host, 2 * USEC_PER_SEC);
	assert_int_equal(t.a.transfer_status, 486);
	assert_int_equal(t.a.ended, 0);
	assert_int_equal(call_state(agent_call(t.a.agent, ab)), CALL_UP);
	/* and it may be tried again */
	t.c.rejects = 0;
	assert_int_equal(call_refer(agent_call(t.a.agent, ab), STR("sip:phone@10.0.0.3"), NULL, t.host.now), ERR_NONE);
	phone_react(&t.a, t.host.now);
	test_run(&t.host, 2 * USEC_PER_SEC);
	assert_int_equal(t.a.transfer_status, 200);
	trio_end(&t);
}

static void after_asking_the_third_one_call_takes_the_place_of_the_other(void **state)
{
	struct trio t;
	handle ab, ac;

	(void)state;
	trio_start(&t);
	ab = phone_dial(&t, &t.a, "sip:phone@10.0.0.2");
	ac = phone_dial(&t, &t.a, "sip:phone@10.0.0.3");
	assert_int_equal(t.a.answered, 2);
	assert_int_equal(call_refer(agent_call(t.a.agent, ab), STR("sip:phone@10.0.0.3:5060"),
				    agent_call(t.a.agent, ac), t.host.now),
			 ERR_NONE);
	phone_react(&t.a, t.host.now);
	test_run(&t.host, 3 * USEC_PER_SEC);
	assert_int_equal(t.c.incoming, 1); /* the first one only: the second came in its place */
	assert_int_equal(t.c.replaced, 1);
	assert_int_equal(t.c.ended, 1);
	assert_int_equal(t.a.ended, 2);
	assert_int_equal(t.a.transfer_status, 200);
	assert_int_equal(agent_call_n(t.a.agent), 0);
	assert_int_equal(agent_call_n(t.b.agent), 1);
	assert_int_equal(agent_call_n(t.c.agent), 1);
	trio_end(&t);
}

static bool lose_some(void *self, str bytes, usec now)
{
	(void)bytes;
	(void)now;
	return rng_below(self, 100) < 30;
}

static void transfers_survive_lost_datagrams(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct trio t;
		struct rng rng;
		handle ab;

		trio_start(&t);
		ab = phone_dial(&t, &t.a, "sip:phone@10.0.0.2");
		rng_seeded(&rng, seed);
		t.host.lose = lose_some;
		t.host.self = &rng;
		assert_int_equal(call_refer(agent_call(t.a.agent, ab), STR("sip:phone@10.0.0.3"), NULL, t.host.now),
				 ERR_NONE);
		phone_react(&t.a, t.host.now);
		test_run(&t.host, 60 * USEC_PER_SEC);
		assert_int_equal(t.a.transfer_status, 200);
		assert_int_equal(agent_call_n(t.b.agent), 1);
		assert_int_equal(agent_call_n(t.c.agent), 1);
		trio_end(&t);
	}
}

/* ---- far ends that misbehave ---- */

#define FRAGMENT "Event: refer\r\nContent-Type: message/sipfrag\r\nSubscription-State: "

static void who_takes_no_transfers_says_so(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	call_up(&w, tag); /* as an edge is */
	ask_with(&w, "REFER", 2, tag, "Refer-To: <sip:x@10.0.0.2>\r\n", "");
	assert_said(&w, "SIP/2.0 405", "Allow: ");
	ask_with(&w, "SUBSCRIBE", 3, tag, "Event: refer\r\n", "");
	assert_said(&w, "SIP/2.0 405", "CSeq: 3 SUBSCRIBE");
	assert_int_equal(w.refers, 0);
	ask_as(&w, "INVITE", 1, "call-2", "zz", "", "Replaces: call-1;to-tag=x;from-tag=ft\r\nRequire: replaces\r\n",
	       SDP);
	assert_said(&w, "SIP/2.0 420", "Unsupported: replaces\r\n");
	end(&w);
}

static void a_refer_outside_of_a_call_or_without_a_target_leads_nowhere(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	call_up_as(&w, true, 0, "", tag);
	ask_as(&w, "REFER", 1, "other", "zz", "", "Refer-To: <sip:x@10.0.0.2>\r\n", "");
	assert_said(&w, "SIP/2.0 403", "REFER");
	ask(&w, "REFER", 2, tag, "");
	assert_said(&w, "SIP/2.0 400", "REFER");
	ask_with(&w, "REFER", 3, tag, "Refer-To: <http://x/>\r\n", "");
	assert_said(&w, "SIP/2.0 416", "REFER");
	assert_int_equal(w.refers, 0);
	/* one that wants no NOTIFY gets none (RFC 4488) */
	ask_with(&w, "REFER", 4, tag, "Refer-To: <sip:x@10.0.0.2>\r\nRefer-Sub: False ;x=y\r\n", "");
	assert_int_equal(count(&w, "SIP/2.0 202", "Refer-Sub: false\r\n"), 1);
	assert_int_equal(count(&w, "NOTIFY", ""), 0);
	assert_non_null(last(&w, "INVITE sip:x@10.0.0.2 "));
	end(&w);
}

static void progress_is_told_and_a_subscription_may_be_ended(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	call_up_as(&w, true, 0, "", tag);
	ask_with(&w, "REFER", 2, tag, "Refer-To: <sip:x@10.0.0.2>\r\nReferred-By: <sip:far@10.0.0.2>\r\n", "");
	assert_int_equal(count(&w, "SIP/2.0 200", "CSeq: 1 INVITE"), 1);
	assert_int_equal(count(&w, "SIP/2.0 200", "\r\nAllow-Events: refer\r\n"), 1); /* RFC 6665 4.4.4 */
	assert_int_equal(count(&w, "SIP/2.0 202", "CSeq: 2 REFER"), 1);
	assert_int_equal(count(&w, "SIP/2.0 202", "\r\nContact: <sip:us@10.0.0.1:5060>\r\n"), 1); /* 2.2 */
	assert_non_null(
		strstr(last(&w, "NOTIFY"), "\r\nEvent: refer;id=2\r\nSubscription-State: active;expires=600\r\n"));
	assert_non_null(strstr(last(&w, "NOTIFY"), "\r\n\r\nSIP/2.0 100 Trying\r\n"));
	answer(&w, "NOTIFY", "200 OK", "ft", "");
	assert_non_null(strstr(last(&w, "INVITE"), "\r\nReferred-By: <sip:far@10.0.0.2>\r\n"));
	answer(&w, "INVITE", "180 Ringing", "xt", "");
	assert_non_null(strstr(last(&w, "NOTIFY"), "\r\n\r\nSIP/2.0 180 Ringing\r\n"));
	answer(&w, "NOTIFY", "200 OK", "ft", "");
	ask_with(&w, "SUBSCRIBE", 3, tag, "Event: presence\r\n", "");
	assert_said(&w, "SIP/2.0 489", "Allow-Events: refer");
	ask_with(&w, "SUBSCRIBE", 4, tag, "Event: refer;id=7\r\nExpires: 60\r\n", "");
	assert_said(&w, "SIP/2.0 403", "SUBSCRIBE"); /* 2.4.4: of no REFER */
	ask_with(&w, "SUBSCRIBE", 5, tag, "Event: refer;id=2\r\nExpires: 60\r\n", "");
	assert_said(&w, "SIP/2.0 200", "Expires: 60");
	assert_said(&w, "SIP/2.0 200", "\r\nContact: <sip:us@10.0.0.1:5060>\r\n");
	assert_non_null(strstr(last(&w, "NOTIFY"), "\r\nSubscription-State: active;expires=60\r\n"));
	assert_non_null(strstr(last(&w, "NOTIFY"), "\r\n\r\nSIP/2.0 180 Ringing\r\n"));
	answer(&w, "NOTIFY", "200 OK", "ft", "");
	ask_with(&w, "SUBSCRIBE", 6, tag, "Event: refer;id=2\r\nExpires: 0\r\n", "");
	assert_said(&w, "SIP/2.0 200", "Expires: 0");
	assert_non_null(strstr(last(&w, "NOTIFY"), "\r\nSubscription-State: terminated;reason=timeout\r\n"));
	answer(&w, "NOTIFY", "200 OK", "ft", "");
	answer(&w, "INVITE", "200 OK", "xt", SDP); /* it is not withdrawn for that */
	assert_int_equal(count(&w, "NOTIFY", "SIP/2.0 200"), 0);
	ask_with(&w, "SUBSCRIBE", 7, tag, "Event: refer;id=2\r\n", "");
	assert_said(&w, "SIP/2.0 403", "SUBSCRIBE");
	ask_as(&w, "SUBSCRIBE", 1, "other", "zz", "", "Event: refer\r\n", "");
	assert_said(&w, "SIP/2.0 403", "SUBSCRIBE");
	end(&w);
}

/* RFC 6665 4.2.1.4, 4.2.2. */
static void who_is_told_stops_to_be_in_time_and_when_gone(void **state)
{
	struct world w;
	char tag[600];
	size_t n;

	(void)state;
	call_up_as(&w, true, 0, "", tag);
	ask_with(&w, "REFER", 2, tag, "Refer-To: <sip:x@10.0.0.2>\r\n", "");
	answer(&w, "NOTIFY", "200 OK", "ft", "");
	answer(&w, "INVITE", "180 Ringing", "xt", "");
	answer(&w, "NOTIFY", "200 OK", "ft", "");
	ask_with(&w, "SUBSCRIBE", 3, tag, "Event: refer\r\nExpires: 40\r\n", "");
	answer(&w, "NOTIFY", "200 OK", "ft", "");
	n = count(&w, "NOTIFY", "");
	test_run(&w.host, 39 * USEC_PER_SEC);
	assert_int_equal(count(&w, "NOTIFY", ""), n);
	test_run(&w.host, USEC_PER_SEC);
	assert_int_equal(count(&w, "NOTIFY", "\r\nSubscription-State: terminated;reason=timeout\r\n"), 1);
	answer(&w, "NOTIFY", "200 OK", "ft", "");
	n = count(&w, "NOTIFY", "");
	answer(&w, "INVITE", "486 Busy Here", "xt", "");
	assert_int_equal(count(&w, "NOTIFY", ""), n);
	/* 481: it knows of none */
	ask_with(&w, "REFER", 4, tag, "Refer-To: <sip:x@10.0.0.2>\r\n", "");
	answer(&w, "NOTIFY", "481 Subscription Does Not Exist", "ft", "");
	n = count(&w, "NOTIFY", "");
	answer(&w, "INVITE", "180 Ringing", "xt", "");
	assert_int_equal(count(&w, "NOTIFY", ""), n);
	assert_int_equal(w.ended, 1); /* of the call that was refused; the one between us two goes on */
	end(&w);
}

/* RFC 6665 4.1.2.4; and none of an older REFER. */
static void who_waits_for_news_does_not_wait_for_ever(void **state)
{
	struct world w;
	char tag[600], line[200], cseq[600];
	unsigned first;

	(void)state;
	call_up_as(&w, true, 0, "", tag);
	assert_int_equal(call_refer(agent_call(w.agent, w.call), STR("sip:x@y"), NULL, w.host.now), ERR_NONE);
	test_run(&w.host, USEC_PER_SEC / 10);
	first = (unsigned)atoi(field(last(&w, "REFER"), "CSeq: ", cseq));
	answer(&w, "REFER", "202 Accepted", "ft", "");
	test_run(&w.host, 31 * USEC_PER_SEC);
	assert_int_equal(w.transfers, 0);
	test_run(&w.host, USEC_PER_SEC);
	assert_int_equal(w.transfer_status, 408);
	assert_int_equal(w.ended, 0);
	/* once more: its time is what its NOTIFY says */
	assert_int_equal(call_refer(agent_call(w.agent, w.call), STR("sip:x@y"), NULL, w.host.now), ERR_NONE);
	test_run(&w.host, USEC_PER_SEC / 10);
	answer(&w, "REFER", "202 Accepted", "ft", "");
	snprintf(line, sizeof(line),
		 "Event: refer;id=%u\r\nContent-Type: message/sipfrag\r\n"
		 "Subscription-State: terminated;reason=noresource\r\n",
		 first);
	ask_with(&w, "NOTIFY", 2, tag, line, "SIP/2.0 603 Decline\r\n");
	assert_said(&w, "SIP/2.0 481", "NOTIFY");
	assert_int_equal(w.transfer_status, 408);
	ask_with(&w, "NOTIFY", 3, tag, FRAGMENT "active;expires=100\r\n", "SIP/2.0 100 Trying\r\n");
	w.transfer_status = 0;
	test_run(&w.host, 101 * USEC_PER_SEC);
	assert_int_equal(w.transfer_status, 0); /* the last one is on its way, perhaps */
	test_run(&w.host, 30 * USEC_PER_SEC);
	assert_int_equal(w.transfer_status, 0);
	test_run(&w.host, 2 * USEC_PER_SEC);
	assert_int_equal(w.transfer_status, 408);
	end(&w);
}

static void only_news_that_were_asked_for_count(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	call_up_as(&w, true, 0, "", tag);
	ask_with(&w, "NOTIFY", 2, tag, FRAGMENT "terminated\r\n", "SIP/2.0 200 OK\r\n");
	assert_said(&w, "SIP/2.0 481", "NOTIFY");
	assert_int_equal(w.ended, 0);
	assert_int_equal(call_refer(agent_call(w.agent, w.call), STR("sip:x@y"), NULL, w.host.now), ERR_NONE);
	test_run(&w.host, USEC_PER_SEC / 10);
	assert_non_null(strstr(last(&w, "REFER"), "\r\nRefer-To: <sip:x@y>\r\nReferred-By: <sip:us@10.0.0.1>\r\n"));
	ask_with(&w, "NOTIFY", 3, tag, FRAGMENT "active\r\n", "SIP/2.0 100 Trying\r\n"); /* before the 202 */
	assert_said(&w, "SIP/2.0 200", "NOTIFY");
	answer(&w, "REFER", "202 Accepted", "ft", "");
	ask_with(&w, "NOTIFY", 4, tag, "Event: dialog\r\n", "");
	assert_said(&w, "SIP/2.0 489", "NOTIFY");
	ask_with(&w, "NOTIFY", 5, tag, "Event: refer\r\nContent-Type: text/html\r\n", "<p>");
	assert_said(&w, "SIP/2.0 415", "Accept: message/sipfrag");
	ask_with(&w, "NOTIFY", 6, tag, FRAGMENT "terminated;reason=noresource\r\n", "SIP/2.0 180 Ringing\r\n");
	assert_int_equal(w.transfer_status, 487); /* over, and nobody was reached */
	assert_int_equal(w.ended, 0);
	end(&w);
}

static void a_refusal_of_the_refer_is_told(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	call_up_as(&w, true, 0, "", tag);
	assert_int_equal(call_refer(agent_call(w.agent, w.call), STR("sip:x@y"), NULL, w.host.now), ERR_NONE);
	test_run(&w.host, USEC_PER_SEC / 10);
	answer(&w, "REFER", "603 Decline", "ft", "");
	assert_int_equal(w.transfer_status, 603);
	assert_int_equal(call_refer(agent_call(w.agent, w.call), STR("sip:x@y"), NULL, w.host.now), ERR_NONE);
	test_run(&w.host, 40 * USEC_PER_SEC);
	assert_int_equal(w.transfer_status, 408);
	assert_int_equal(w.ended, 0);
	end(&w);
}

static void replaces_finds_its_call_or_is_refused(void **state)
{
	struct world w;
	char tag[600], line[800];

	(void)state;
	call_up_as(&w, true, 0, "", tag);
	snprintf(line, sizeof(line), "Replaces: call-1;from-tag=ft;to-tag=%s\r\n", tag);
	ask_as(&w, "OPTIONS", 1, "call-7", "z7", "", line, ""); /* 3.: of an INVITE alone */
	assert_said(&w, "SIP/2.0 400", "OPTIONS");
	ask_with(&w, "UPDATE", 2, tag, line, "");
	assert_said(&w, "SIP/2.0 400", "UPDATE");
	snprintf(line, sizeof(line), "Replaces: call-1;from-tag=ft;to-tag=%s\r\nJoin: a;to-tag=b;from-tag=c\r\n", tag);
	ask_as(&w, "INVITE", 1, "call-6", "z6", "", line, SDP);
	assert_said(&w, "SIP/2.0 400", "INVITE");
	ask_as(&w, "INVITE", 1, "call-2", "z2", "", "Replaces: call-1;to-tag=nobody;from-tag=ft\r\n", SDP);
	assert_said(&w, "SIP/2.0 481", "INVITE");
	ask_as(&w, "INVITE", 1, "call-3", "z3", "", "Replaces: rubbish\r\n", SDP);
	assert_said(&w, "SIP/2.0 400", "INVITE");
	snprintf(line, sizeof(line), "Replaces: call-1;to-tag=%s;from-tag=ft;early-only\r\n", tag);
	ask_as(&w, "INVITE", 1, "call-4", "z4", "", line, SDP);
	assert_said(&w, "SIP/2.0 486", "INVITE");
	snprintf(line, sizeof(line), "Replaces: call-1;from-tag=ft;to-tag=%s\r\n", tag);
	ask_as(&w, "INVITE", 1, "call-5", "z5", "", line, SDP);
	assert_int_equal(w.replaced, 1);
	assert_non_null(strstr(last(&w, "SIP/2.0 200"), "Call-ID: call-5"));
	assert_int_equal(count(&w, "BYE", "Call-ID: call-1"), 1);
	end(&w);
}

/* RFC 3891 6.1: "a tag of zero matches both tags of zero and null". */
static void one_who_has_no_tag_is_found_by_zero(void **state)
{
	struct world w;
	char tag[600], line[800], *text;

	(void)state;
	start_as(&w, true, 0);
	ask_as(&w, "INVITE", 1, "old", "0", "", "", SDP);
	our_tag(&w, tag);
	ask_as(&w, "ACK", 1, "old", "0", tag, "", "");
	snprintf(line, sizeof(line), "Replaces: old;from-tag=0;to-tag=%s\r\n", tag);
	ask_as(&w, "INVITE", 1, "new", "z5", "", line, SDP);
	assert_int_equal(w.replaced, 1);
	end(&w);
	start_as(&w, true, 0);
	text = say(&w);
	snprintf(text, 4096,
		 "INVITE sip:us@10.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bKnotag\r\n"
		 "From: <sip:far@10.0.0.2>\r\nTo: <sip:us@10.0.0.1>\r\nCall-ID: null\r\nCSeq: 1 INVITE\r\n"
		 "Max-Forwards: 70\r\nContact: <sip:far@10.0.0.2:5060>\r\n");
	put_body(text, SDP);
	test_run(&w.host, USEC_PER_SEC / 10);
	assert_int_equal(w.answered, 1);
	our_tag(&w, tag);
	snprintf(line, sizeof(line), "Replaces: null;from-tag=0;to-tag=%s\r\n", tag);
	ask_as(&w, "INVITE", 1, "new", "z5", "", line, SDP);
	assert_int_equal(w.replaced, 1);
	end(&w);
}

/* ---- words in a call and outside of it ---- */

static void words_are_written_and_read(void **state)
{
	struct trio t;
	handle ab;
	char text[1400];

	(void)state;
	trio_start(&t);
	ab = phone_dial(&t, &t.a, "sip:phone@10.0.0.2");
	assert_int_equal(call_write(agent_call(t.a.agent, ab), STR("in a call"), t.host.now), ERR_NONE);
	phone_react(&t.a, t.host.now);
	test_run(&t.host, USEC_PER_SEC);
	assert_string_equal(t.b.text, "in a call");
	assert_true(agent_write(t.a.agent, STR("sip:phone@10.0.0.3"), STR("outside"), t.host.now) != 0);
	phone_react(&t.a, t.host.now);
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(t.c.letters, 1);
	assert_string_equal(t.c.text, "outside");
	assert_int_equal(t.a.sent_status, 200);
	assert_true(agent_write(t.a.agent, STR("sip:phone@10.0.0.77"), STR("to nobody"), t.host.now) != 0);
	phone_react(&t.a, t.host.now);
	test_run(&t.host, 40 * USEC_PER_SEC);
	assert_in_range(t.a.sent_status, 408, 503);
	assert_true(agent_write(t.a.agent, STR("sip:phone@nowhere.test"), STR("to nobody"), t.host.now) != 0);
	phone_react(&t.a, t.host.now);
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(t.a.sent_status, 503);
	memset(text, 'x', sizeof(text));
	assert_int_equal(agent_write(t.a.agent, STR("sip:phone@10.0.0.3"), str_of(text, 1301), t.host.now), 0);
	assert_int_equal(agent_write(t.a.agent, STR("sip:phone@10.0.0.3"), STR(""), t.host.now), 0);
	for (int i = 0; i < AGENT_MESSAGES_MAX; i++)
		assert_true(agent_write(t.a.agent, STR("sip:phone@10.0.0.77"), STR("x"), t.host.now) != 0);
	assert_int_equal(agent_write(t.a.agent, STR("sip:phone@10.0.0.3"), STR("x"), t.host.now), 0);
	trio_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_refer_is_read_with_all_it_carries),
		cmocka_unit_test(a_refer_that_is_none_is_refused),
		cmocka_unit_test(what_we_write_we_read),
		cmocka_unit_test(fragments_say_a_status_or_nothing),
		cmocka_unit_test(a_call_is_passed_on_to_a_third),
		cmocka_unit_test(a_third_who_does_not_answer_leaves_the_two_talking),
		cmocka_unit_test(after_asking_the_third_one_call_takes_the_place_of_the_other),
		cmocka_unit_test(transfers_survive_lost_datagrams),
		cmocka_unit_test(who_takes_no_transfers_says_so),
		cmocka_unit_test(a_refer_outside_of_a_call_or_without_a_target_leads_nowhere),
		cmocka_unit_test(progress_is_told_and_a_subscription_may_be_ended),
		cmocka_unit_test(who_is_told_stops_to_be_in_time_and_when_gone),
		cmocka_unit_test(who_waits_for_news_does_not_wait_for_ever),
		cmocka_unit_test(one_who_has_no_tag_is_found_by_zero),
		cmocka_unit_test(only_news_that_were_asked_for_count),
		cmocka_unit_test(a_refusal_of_the_refer_is_told),
		cmocka_unit_test(replaces_finds_its_call_or_is_refused),
		cmocka_unit_test(words_are_written_and_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
