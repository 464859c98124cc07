/* A call against a far end that says whatever the test wants: forks, late offers, wrong dialogs. */
#include "call/leg.h"

#include "call/agent.h"
#include "call/test_host.h"

#include <stdio.h>

#define SDP                                                                                                            \
	"v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"            \
	"a=rtpmap:8 PCMA/8000\r\n"
#define HOLD_SDP SDP "a=sendonly\r\n"

/* The far end: remembers what came, says what it is told. */
struct far {
	char got[64][4096];
	size_t got_n;
	char out[8][4096];
	size_t out_n, out_at;
	bool bound;
};

struct world {
	struct test_host host;
	struct far far;
	struct agent *agent;
	struct rng rng;
	handle call;
	unsigned ringing, early, answered, incoming, held, resumed, ended;
	enum call_cause cause;
	int status;
	bool answers;
};

static struct addr at(uint8_t last, uint16_t port)
{
	return addr_v4(10, 0, 0, last, port);
}

static void far_recv(void *self, const struct host_event *e, usec now)
{
	struct far *f = self;

	(void)now;
	if (e->kind == HOST_DATAGRAM && f->got_n < 64)
		snprintf(f->got[f->got_n++], sizeof(f->got[0]), STR_FMT, STR_ARG(e->bytes));
}

static void far_tick(void *self, usec now)
{
	(void)self;
	(void)now;
}

static usec far_due(const void *self)
{
	const struct far *f = self;

	return !f->bound || f->out_at < f->out_n ? 0 : USEC_NEVER;
}

static bool far_next(void *self, struct host_want *out)
{
	struct far *f = self;

	if (!f->bound) {
		f->bound = true;
		*out = (struct host_want){ .kind = HOST_BIND, .id = 1, .local = at(2, 5060) };
		return true;
	}
	if (f->out_at == f->out_n) {
		f->out_at = f->out_n = 0;
		return false;
	}
	*out = (struct host_want){ .kind = HOST_SEND, .id = 1, .remote = at(1, 5060) };
	out->bytes = str_from(f->out[f->out_at++]);
	return true;
}

static void react(struct world *w, usec now)
{
	struct agent_event e;

	while (agent_event(w->agent, &e)) {
		if (e.kind != AGENT_CALL)
			continue;
		w->call = e.call;
		switch (e.is.kind) {
		case CALL_EVENT_INCOMING:
			w->incoming++;
			if (w->answers)
				assert_int_equal(call_answer(agent_call(w->agent, e.call), now), ERR_NONE);
			break;
		case CALL_EVENT_RINGING:
			w->ringing++;
			w->early += e.is.early;
			break;
		case CALL_EVENT_ANSWERED:
			w->answered++;
			break;
		case CALL_EVENT_HELD:
			w->held++;
			break;
		case CALL_EVENT_RESUMED:
			w->resumed++;
			break;
		case CALL_EVENT_ENDED:
			w->ended++;
			w->cause = e.is.cause;
			w->status = e.is.status;
			break;
		default:
			break;
		}
	}
}

static void us_recv(void *self, const struct host_event *e, usec now)
{
	struct world *w = self;

	agent_recv(w->agent, e, now);
	react(w, now);
}

static void us_tick(void *self, usec now)
{
	struct world *w = self;

	agent_tick(w->agent, now);
	react(w, now);
}

static usec us_due(const void *self)
{
	return agent_due(((const struct world *)self)->agent);
}

static bool us_next(void *self, struct host_want *out)
{
	return agent_next(((struct world *)self)->agent, out);
}

static void start(struct world *w)
{
	struct agent_settings s = { .user = STR("us"), .transport = TRANSPORT_UDP, .listen = at(1, 5060) };
	struct host_service us = { w, us_recv, us_tick, us_due, us_next, NULL };
	struct host_service far = { &w->far, far_recv, far_tick, far_due, far_next, NULL };

	memset(w, 0, sizeof(*w));
	test_host_init(&w->host);
	rng_seeded(&w->rng, 3);
	s.rng = &w->rng;
	s.wish.codecs[0] = CODEC_PCMA;
	s.wish.codec_n = 1;
	s.wish.security = SDP_PLAIN;
	s.wish.local = at(1, 0);
	s.media = TEST_MEDIA;
	s.call_max = 8;
	w->agent = agent_new(&s);
	w->answers = true;
	test_host_add(&w->host, &us, at(1, 0));
	test_host_add(&w->host, &far, at(2, 0));
	agent_start(w->agent, w->host.now);
	test_run(&w->host, USEC_PER_SEC);
}

static void end(struct world *w)
{
	agent_free(w->agent);
	test_host_free(&w->host);
}

/* The last message that starts so; NULL: none. */
static const char *last(const struct world *w, const char *start_line)
{
	for (size_t i = w->far.got_n; i--;)
		if (str_starts(str_from(w->far.got[i]), str_from(start_line)))
			return w->far.got[i];
	return NULL;
}

static size_t count(const struct world *w, const char *start_line, const char *with)
{
	size_t n = 0;

	for (size_t i = 0; i < w->far.got_n; i++)
		n += str_starts(str_from(w->far.got[i]), str_from(start_line)) && strstr(w->far.got[i], with);
	return n;
}

/* The value of a header field in a message of ours. */
static const char *field(const char *message, const char *name, char out[600])
{
	const char *at_name = strstr(message, name);
	size_t n;

	assert_non_null(at_name);
	at_name += strlen(name);
	n = strcspn(at_name, "\r");
	snprintf(out, 600, "%.*s", (int)n, at_name);
	return out;
}

static char *say(struct world *w)
{
	assert_true(w->far.out_n < 8);
	return w->far.out[w->far.out_n++];
}

static void put_body(char *text, const char *body)
{
	size_t n = strlen(text);

	snprintf(text + n, 4096 - n, "%sContent-Length: %zu\r\n\r\n%s",
		 body[0] ? "Content-Type: application/sdp\r\n" : "", strlen(body), body);
}

/* Answers the last request of ours that starts so. */
static void answer(struct world *w, const char *request, const char *status, const char *tag, const char *body)
{
	char via[600], from[600], to[600], id[600], cseq[600];
	const char *m = last(w, request);
	char *text = say(w);

	assert_non_null(m);
	field(m, "To: ", to);
	snprintf(text, 4096,
		 "SIP/2.0 %s\r\nVia: %s\r\nFrom: %s\r\nTo: %s%s%s\r\nCall-ID: %s\r\nCSeq: %s\r\nContact: "
		 "<sip:far-%s@10.0.0.2:5060>\r\n",
		 status, field(m, "Via: ", via), field(m, "From: ", from), to,
		 strstr(to, "tag=") ? "" : ";tag=", strstr(to, "tag=") ? "" : tag, field(m, "Call-ID: ", id),
		 field(m, "CSeq: ", cseq), tag);
	put_body(text, body);
	test_run(&w->host, USEC_PER_SEC / 10);
}

/* A request of theirs in the dialog that they began with INVITE "call-1". */
static void ask(struct world *w, const char *method, unsigned cseq, const char *to_tag, const char *body)
{
	static unsigned branch;
	char *text = say(w);

	snprintf(text, 4096,
		 "%s sip:us@10.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bKb%u\r\nMax-Forwards: "
		 "70\r\n"
		 "From: <sip:far@10.0.0.2>;tag=ft\r\nTo: <sip:us@10.0.0.1>%s%s\r\nCall-ID: call-1\r\nCSeq: %u %s\r\n"
		 "Contact: <sip:far@10.0.0.2:5060>\r\n",
		 method, branch++, to_tag[0] ? ";tag=" : "", to_tag, cseq, method);
	put_body(text, body);
	test_run(&w->host, USEC_PER_SEC / 10);
}

/* Our tag, out of the last response to them. */
static const char *our_tag(struct world *w, char out[600])
{
	char to[600];

	field(last(w, "SIP/2.0 "), "To: ", to);
	snprintf(out, 600, "%s", strstr(to, "tag=") + 4);
	return out;
}

static void dial(struct world *w)
{
	w->call = agent_dial(w->agent, &(struct agent_dialling){ .target = STR("sip:far@10.0.0.2:5060") }, w->host.now);
	test_run(&w->host, USEC_PER_SEC / 10);
	assert_non_null(last(w, "INVITE"));
}

static void they_call(struct world *w, const char *body)
{
	ask(w, "INVITE", 1, "", body);
}

/* ---- forks ---- */

static void of_two_answers_the_first_is_kept_and_the_second_acknowledged_and_hung_up(void **state)
{
	struct world w;

	(void)state;
	start(&w);
	dial(&w);
	answer(&w, "INVITE", "180 Ringing", "one", "");
	answer(&w, "INVITE", "180 Ringing", "two", "");
	answer(&w, "INVITE", "200 OK", "two", SDP);
	assert_int_equal(w.answered, 1);
	assert_int_equal(count(&w, "ACK sip:far-two@", "tag=two"), 1);
	answer(&w, "INVITE", "200 OK", "one", SDP);
	assert_int_equal(count(&w, "ACK sip:far-one@", "tag=one"), 1);
	assert_int_equal(count(&w, "BYE sip:far-one@", "tag=one"), 1);
	assert_int_equal(w.ended, 0);
	assert_int_equal(count(&w, "BYE", "tag=two"), 0);
	/* a repeat of the first gets its ACK once more */
	answer(&w, "INVITE", "200 OK", "two", SDP);
	assert_int_equal(count(&w, "ACK", "tag=two"), 2);
	assert_int_equal(w.answered, 1);
	end(&w);
}

static void early_media_follows_the_branch_that_speaks_last(void **state)
{
	struct world w;

	(void)state;
	start(&w);
	dial(&w);
	answer(&w, "INVITE", "183 Session Progress", "one", SDP);
	assert_int_equal(w.early, 1);
	assert_int_equal(w.host.agreed[0].remote.rtp.port, 4000);
	answer(&w, "INVITE", "183 Session Progress", "two",
	       "v=0\r\no=- 2 2 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\nm=audio 5000 RTP/AVP 8\r\n");
	assert_int_equal(w.early, 2);
	assert_int_equal(w.host.agreed[0].remote.rtp.port, 5000);
	answer(&w, "INVITE", "200 OK", "one", SDP);
	assert_int_equal(w.host.agreed[0].remote.rtp.port, 4000);
	assert_int_equal(w.answered, 1);
	end(&w);
}

/* ---- bad answers ---- */

static void an_answer_without_a_description_ends_what_it_began(void **state)
{
	struct world w;

	(void)state;
	start(&w);
	dial(&w);
	answer(&w, "INVITE", "200 OK", "one", "");
	assert_int_equal(count(&w, "ACK", ""), 1);
	assert_int_equal(count(&w, "BYE", ""), 1);
	answer(&w, "BYE", "200 OK", "one", "");
	assert_int_equal(w.ended, 1);
	assert_int_equal(w.cause, CALL_NO_CODEC);
	assert_int_equal(w.answered, 0);
	end(&w);
}

static void a_description_of_nothing_we_speak_ends_it_too(void **state)
{
	struct world w;

	(void)state;
	start(&w);
	dial(&w);
	answer(&w, "INVITE", "200 OK", "one",
	       "v=0\r\no=- 2 2 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\nm=audio 0 RTP/AVP 8\r\n");
	answer(&w, "BYE", "200 OK", "one", "");
	assert_int_equal(w.cause, CALL_NO_CODEC);
	end(&w);
}

static void a_redirection_is_told_with_its_phrase(void **state)
{
	struct world w;

	(void)state;
	start(&w);
	dial(&w);
	answer(&w, "INVITE", "302 Gone Fishing", "one", "");
	assert_int_equal(w.cause, CALL_FAILED);
	assert_int_equal(w.status, 302);
	assert_int_equal(count(&w, "ACK", ""), 1);
	end(&w);
}

/* ---- late offers (RFC 3261 13.2.1) ---- */

static void an_invite_without_an_offer_gets_ours_and_the_ack_answers_it(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	start(&w);
	they_call(&w, "");
	assert_int_equal(w.answered, 1);
	assert_non_null(strstr(last(&w, "SIP/2.0 200"), "m=audio"));
	assert_int_equal(w.host.connects[0], 0);
	ask(&w, "ACK", 1, our_tag(&w, tag), SDP);
	assert_int_equal(w.host.connects[0], 1);
	assert_int_equal(w.host.agreed[0].remote.rtp.port, 4000);
	end(&w);
}

static void an_ack_that_leaves_our_offer_unanswered_ends_the_call(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	start(&w);
	they_call(&w, "");
	ask(&w, "ACK", 1, our_tag(&w, tag), "");
	assert_int_equal(count(&w, "BYE", ""), 1);
	answer(&w, "BYE", "200 OK", "ft", "");
	assert_int_equal(w.cause, CALL_NO_CODEC);
	end(&w);
}

static void the_callee_says_no_bye_before_the_ack(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	start(&w);
	they_call(&w, SDP);
	our_tag(&w, tag);
	call_hang_up(agent_call(w.agent, w.call), CALL_CAUSE_NONE, w.host.now);
	test_run(&w.host, USEC_PER_SEC);
	assert_int_equal(count(&w, "BYE", ""), 0);
	ask(&w, "ACK", 1, tag, "");
	assert_int_equal(count(&w, "BYE", ""), 1);
	answer(&w, "BYE", "200 OK", "ft", "");
	assert_int_equal(w.ended, 1);
	assert_int_equal(w.cause, CALL_HUNG_UP);
	end(&w);
}

/* ---- inside the dialog ---- */

static void call_up(struct world *w, char tag[600])
{
	start(w);
	they_call(w, SDP);
	assert_int_equal(w->answered, 1);
	our_tag(w, tag);
	ask(w, "ACK", 1, tag, "");
	assert_int_equal(w->host.connects[0], 1);
}

static void reinvite_and_update_change_the_agreement(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	call_up(&w, tag);
	ask(&w, "INVITE", 2, tag, HOLD_SDP);
	assert_int_equal(w.held, 1);
	assert_non_null(strstr(last(&w, "SIP/2.0 200"), "a=recvonly"));
	ask(&w, "ACK", 2, tag, "");
	ask(&w, "UPDATE", 3, tag, SDP);
	assert_int_equal(w.resumed, 1);
	assert_non_null(strstr(last(&w, "SIP/2.0 200"), "CSeq: 3 UPDATE"));
	ask(&w, "UPDATE", 4, tag, "");
	assert_non_null(strstr(last(&w, "SIP/2.0 200"), "CSeq: 4 UPDATE"));
	/* without an offer: ours comes in the 200 */
	ask(&w, "INVITE", 5, tag, "");
	assert_non_null(strstr(last(&w, "SIP/2.0 200"), "m=audio"));
	ask(&w, "ACK", 5, tag, HOLD_SDP);
	assert_int_equal(w.held, 2);
	assert_int_equal(w.ended, 0);
	end(&w);
}

static void a_bad_offer_in_the_middle_is_refused_and_the_call_goes_on(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	call_up(&w, tag);
	ask(&w, "INVITE", 2, tag, "v=0\r\nrubbish");
	assert_non_null(strstr(last(&w, "SIP/2.0 400"), "CSeq: 2 INVITE"));
	ask(&w, "ACK", 2, tag, "");
	ask(&w, "INVITE", 3, tag,
	    "v=0\r\no=- 1 2 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 9\r\n");
	assert_non_null(strstr(last(&w, "SIP/2.0 488"), "CSeq: 3 INVITE"));
	assert_int_equal(w.host.connects[0], 1);
	assert_int_equal(w.ended, 0);
	end(&w);
}

static void requests_of_other_dialogs_and_old_numbers_are_refused(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	call_up(&w, tag);
	ask(&w, "BYE", 2, "nobody", "");
	assert_non_null(last(&w, "SIP/2.0 481"));
	assert_int_equal(w.ended, 0);
	ask(&w, "OPTIONS", 10, tag, "");
	assert_non_null(strstr(last(&w, "SIP/2.0 200"), "CSeq: 10 OPTIONS"));
	ask(&w, "BYE", 9, tag, "");
	assert_non_null(strstr(last(&w, "SIP/2.0 500"), "CSeq: 9 BYE"));
	ask(&w, "REFER", 11, tag, "");
	assert_non_null(strstr(last(&w, "SIP/2.0 405"), "Allow: "));
	ask(&w, "INFO", 12, tag, "");
	assert_non_null(strstr(last(&w, "SIP/2.0 200"), "CSeq: 12 INFO"));
	ask(&w, "BYE", 13, tag, "");
	assert_int_equal(w.ended, 1);
	assert_int_equal(w.cause, CALL_HUNG_UP);
	end(&w);
}

static void the_same_invite_by_another_way_is_told_apart(void **state)
{
	struct world w;

	(void)state;
	start(&w);
	w.answers = false;
	they_call(&w, SDP);
	they_call(&w, SDP); /* another branch, the same call */
	assert_non_null(last(&w, "SIP/2.0 482"));
	assert_int_equal(w.incoming, 1);
	end(&w);
}

static void a_caller_who_hangs_up_an_early_dialog_ends_the_ringing(void **state)
{
	struct world w;
	char tag[600];

	(void)state;
	start(&w);
	w.answers = false;
	they_call(&w, SDP);
	assert_int_equal(call_ring(agent_call(w.agent, w.call), 180, false, w.host.now), ERR_NONE);
	test_run(&w.host, USEC_PER_SEC / 10);
	ask(&w, "BYE", 2, our_tag(&w, tag), "");
	assert_non_null(strstr(last(&w, "SIP/2.0 487"), "CSeq: 1 INVITE"));
	assert_int_equal(w.ended, 1);
	assert_int_equal(w.cause, CALL_CANCELLED);
	end(&w);
}

static void requests_outside_of_any_call_have_answers(void **state)
{
	struct world w;

	(void)state;
	start(&w);
	ask(&w, "OPTIONS", 1, "", "");
	assert_non_null(strstr(last(&w, "SIP/2.0 200"), "Allow: INVITE"));
	ask(&w, "BYE", 2, "", "");
	assert_non_null(last(&w, "SIP/2.0 481"));
	ask(&w, "MESSAGE", 3, "", "");
	assert_non_null(last(&w, "SIP/2.0 405"));
	ask(&w, "INVITE", 4, "", "not an offer");
	assert_non_null(last(&w, "SIP/2.0 400"));
	assert_int_equal(w.incoming, 0);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_two_answers_the_first_is_kept_and_the_second_acknowledged_and_hung_up),
		cmocka_unit_test(early_media_follows_the_branch_that_speaks_last),
		cmocka_unit_test(an_answer_without_a_description_ends_what_it_began),
		cmocka_unit_test(a_description_of_nothing_we_speak_ends_it_too),
		cmocka_unit_test(a_redirection_is_told_with_its_phrase),
		cmocka_unit_test(an_invite_without_an_offer_gets_ours_and_the_ack_answers_it),
		cmocka_unit_test(an_ack_that_leaves_our_offer_unanswered_ends_the_call),
		cmocka_unit_test(the_callee_says_no_bye_before_the_ack),
		cmocka_unit_test(reinvite_and_update_change_the_agreement),
		cmocka_unit_test(a_bad_offer_in_the_middle_is_refused_and_the_call_goes_on),
		cmocka_unit_test(requests_of_other_dialogs_and_old_numbers_are_refused),
		cmocka_unit_test(the_same_invite_by_another_way_is_told_apart),
		cmocka_unit_test(a_caller_who_hangs_up_an_early_dialog_ends_the_ringing),
		cmocka_unit_test(requests_outside_of_any_call_have_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
