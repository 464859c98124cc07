/*
 * call/test_far.h - an agent against a far end that says whatever the test wants. Included by x_test.c only.
 */
#ifndef CALL_TEST_FAR_H
#define CALL_TEST_FAR_H

#include "call/agent.h"
#include "call/leg.h"
#include "call/test_at.h"
#include "call/test_host.h"

#include <stdio.h>

#define SDP                                                                                                            \
	"v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"            \
	"a=rtpmap:8 PCMA/8000\r\n"
#define HOLD_SDP SDP "a=sendonly\r\n"

/* The far end: remembers what came, says what it is told. */
struct far {
	char got[128][4096];
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
	bool answers, follows; /* follows: redirects, transfers, messages */
	unsigned letters, refers, replaced, transfers;
	char digit;
	char text[200];
	int transfer_status;
	handle other;
};

static inline void far_recv(void *self, const struct host_event *e, usec now)
{
	struct far *f = self;

	(void)now;
	if (e->kind == HOST_DATAGRAM && f->got_n < 128)
		snprintf(f->got[f->got_n++], sizeof(f->got[0]), STR_FMT, STR_ARG(e->bytes));
}

static inline void far_tick(void *self, usec now)
{
	(void)self;
	(void)now;
}

static inline usec far_due(const void *self)
{
	const struct far *f = self;

	return !f->bound || f->out_at < f->out_n ? 0 : USEC_NEVER;
}

static inline bool far_next(void *self, struct host_want *out)
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

static inline void react(struct world *w, usec now)
{
	struct agent_event e;

	while (agent_event(w->agent, &e)) {
		if (e.kind == AGENT_MESSAGE)
			w->letters++;
		if (e.kind == AGENT_SENT)
			w->status = e.status;
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
		case CALL_EVENT_DIGIT:
			w->digit = e.is.digit;
			break;
		case CALL_EVENT_TEXT:
			(void)str_copy_z(str_from(e.is.text), w->text, sizeof(w->text));
			break;
		case CALL_EVENT_REFER:
			w->refers++;
			w->other = e.is.other;
			break;
		case CALL_EVENT_TRANSFER:
			w->transfers++;
			w->transfer_status = e.is.status;
			break;
		case CALL_EVENT_REPLACES:
			w->replaced++;
			w->other = e.is.other;
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

static inline void us_recv(void *self, const struct host_event *e, usec now)
{
	struct world *w = self;

	agent_recv(w->agent, e, now);
	react(w, now);
}

static inline void us_tick(void *self, usec now)
{
	struct world *w = self;

	agent_tick(w->agent, now);
	react(w, now);
}

static inline usec us_due(const void *self)
{
	return agent_due(((const struct world *)self)->agent);
}

static inline bool us_next(void *self, struct host_want *out)
{
	return agent_next(((struct world *)self)->agent, out);
}

static inline void start_as(struct world *w, bool follows, uint32_t session_expires)
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
	s.redirects = s.transfers = s.messages = follows;
	s.session_expires = session_expires;
	w->agent = agent_new(&s);
	w->answers = true;
	test_host_add(&w->host, &us, at(1, 0));
	test_host_add(&w->host, &far, at(2, 0));
	agent_start(w->agent, w->host.now);
	test_run(&w->host, USEC_PER_SEC);
}

static inline void start(struct world *w)
{
	start_as(w, false, 0);
}

static inline void end(struct world *w)
{
	agent_free(w->agent);
	test_host_free(&w->host);
}

/* The last message that starts so; NULL: none. */
static inline const char *last(const struct world *w, const char *start_line)
{
	for (size_t i = w->far.got_n; i--;)
		if (str_starts(str_from(w->far.got[i]), str_from(start_line)))
			return w->far.got[i];
	return NULL;
}

static inline size_t count(const struct world *w, const char *start_line, const char *with)
{
	size_t n = 0;

	for (size_t i = 0; i < w->far.got_n; i++)
		n += str_starts(str_from(w->far.got[i]), str_from(start_line)) && strstr(w->far.got[i], with);
	return n;
}

/* The value of a header field in a message of ours. */
static inline const char *field(const char *message, const char *name, char out[600])
{
	const char *at_name = strstr(message, name);
	size_t n;

	assert_non_null(at_name);
	at_name += strlen(name);
	n = strcspn(at_name, "\r");
	snprintf(out, 600, "%.*s", (int)n, at_name);
	return out;
}

static inline char *say(struct world *w)
{
	assert_true(w->far.out_n < 8);
	w->far.out[w->far.out_n][0] = 0;
	return w->far.out[w->far.out_n++];
}

static inline void put_body(char *text, const char *body)
{
	size_t n = strlen(text);

	snprintf(text + n, 4096 - n, "%sContent-Length: %zu\r\n\r\n%s",
		 body[0] && !strstr(text, "\r\nContent-Type: ") ? "Content-Type: application/sdp\r\n" : "",
		 strlen(body), body);
}

/* Answers the last request of ours that starts so, with these further header lines. */
static inline void answer_with(struct world *w, const char *request, const char *status, const char *tag,
			       const char *lines, const char *body)
{
	char via[600], from[600], to[600], id[600], cseq[600];
	const char *m = last(w, request);
	char *text = say(w);

	assert_non_null(m);
	field(m, "To: ", to);
	snprintf(text, 4096,
		 "SIP/2.0 %s\r\nVia: %s\r\nFrom: %s\r\nTo: %s%s%s\r\nCall-ID: %s\r\nCSeq: %s\r\nContact: "
		 "<sip:far-%s@10.0.0.2:5060>\r\n%s",
		 status, field(m, "Via: ", via), field(m, "From: ", from), to,
		 strstr(to, "tag=") ? "" : ";tag=", strstr(to, "tag=") ? "" : tag, field(m, "Call-ID: ", id),
		 field(m, "CSeq: ", cseq), tag, lines);
	put_body(text, body);
	test_run(&w->host, USEC_PER_SEC / 10);
}

static inline void answer(struct world *w, const char *request, const char *status, const char *tag, const char *body)
{
	answer_with(w, request, status, tag, "", body);
}

/* A request of theirs in the dialog that they began with INVITE "call-1", or a call of ours with its tags. */
static inline void ask_as(struct world *w, const char *method, unsigned cseq, const char *call_id, const char *from_tag,
			  const char *to_tag, const char *lines, const char *body)
{
	static unsigned branch;
	char *text = say(w);

	snprintf(text, 4096,
		 "%s sip:us@10.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bKb%u\r\nMax-Forwards: "
		 "70\r\n"
		 "From: <sip:far@10.0.0.2>;tag=%s\r\nTo: <sip:us@10.0.0.1>%s%s\r\nCall-ID: %s\r\nCSeq: %u %s\r\n"
		 "Contact: <sip:far@10.0.0.2:5060>\r\n%s",
		 method, branch++, from_tag, to_tag[0] ? ";tag=" : "", to_tag, call_id, cseq, method, lines);
	put_body(text, body);
	test_run(&w->host, USEC_PER_SEC / 10);
}

static inline void ask_with(struct world *w, const char *method, unsigned cseq, const char *to_tag, const char *lines,
			    const char *body)
{
	ask_as(w, method, cseq, "call-1", "ft", to_tag, lines, body);
}

static inline void ask(struct world *w, const char *method, unsigned cseq, const char *to_tag, const char *body)
{
	ask_with(w, method, cseq, to_tag, "", body);
}

/* Our tag, out of the last response to them. */
static inline const char *our_tag(struct world *w, char out[600])
{
	char to[600];

	field(last(w, "SIP/2.0 "), "To: ", to);
	snprintf(out, 600, "%s", strstr(to, "tag=") + 4);
	return out;
}

static inline void dial(struct world *w)
{
	w->call = agent_dial(w->agent, &(struct agent_dialling){ .target = STR("sip:far@10.0.0.2:5060") }, w->host.now);
	test_run(&w->host, USEC_PER_SEC / 10);
	assert_non_null(last(w, "INVITE"));
}

static inline void they_call(struct world *w, const char *body)
{
	ask(w, "INVITE", 1, "", body);
}

/* A call of theirs, answered and acknowledged; `tag` ours. */
static inline void call_up_as(struct world *w, bool follows, uint32_t session_expires, const char *lines, char tag[600])
{
	start_as(w, follows, session_expires);
	ask_with(w, "INVITE", 1, "", lines, SDP);
	assert_int_equal(w->answered, 1);
	our_tag(w, tag);
	ask(w, "ACK", 1, tag, "");
	assert_int_equal(w->host.connects[0], 1);
}

static inline void call_up(struct world *w, char tag[600])
{
	call_up_as(w, false, 0, "", tag);
}

/* The last answer of ours must start so and hold this. */
static inline void assert_said(const struct world *w, const char *start_line, const char *with)
{
	const char *m = last(w, "SIP/2.0 ");

	if (!m || strncmp(m, start_line, strlen(start_line)) != 0 || !strstr(m, with))
		fail_msg("not \"%s\" with \"%s\":\n%s", start_line, with, m ? m : "nothing");
}

#endif
