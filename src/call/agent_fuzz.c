/*
 * A stranger speaks to a telephone that answers everything: datagrams out of the input (two bytes of length each), and
 * what the phone asks of its host is granted. '$' followed by a letter is put in place of what a stranger learns from
 * our messages: T our last tag, C our last Call-ID, B our last branch.
 */
#include "call/agent.h"
#include "call/media_ask.h"

#include <stdlib.h>

struct ears {
	char tag[32], call_id[64], branch[96];
};

static void note(const char *name, str text, char *out, size_t cap)
{
	size_t at = str_find(text, str_from(name));
	str value = str_skip(text, at + strlen(name));

	if (at == text.n)
		return;
	value.n = str_find_char(value, '\r');
	value.n = str_find_char(value, ';'); /* parameters behind a branch */
	(void)str_copy_z(value, out, cap);
}

static void grant(struct agent *a, struct ears *ears, usec now)
{
	struct agent_event event;
	struct host_want want;

	for (int rounds = 0; rounds < 200; rounds++) {
		while (agent_event(a, &event)) {
			struct call *call = event.kind == AGENT_CALL ? agent_call(a, event.call) : NULL;

			if (call && event.is.kind == CALL_EVENT_INCOMING &&
			    call_ring(call, 180, false, now) == ERR_NONE && call_answer(call, now) != ERR_NONE)
				call_hang_up(call, CALL_BUSY, now);
		}
		if (!agent_next(a, &want))
			return;
		if (want.kind == HOST_SEND) {
			note(";tag=", want.bytes, ears->tag, sizeof(ears->tag));
			note("branch=", want.bytes, ears->branch, sizeof(ears->branch));
			note("Call-ID: ", want.bytes, ears->call_id, sizeof(ears->call_id));
		} else if (want.kind == HOST_TELL) {
			struct media_ask *ask = want.message;
			enum media_answer_kind kind = ask->kind == MEDIA_ASK_OPEN      ? MEDIA_OPENED
						      : ask->kind == MEDIA_ASK_CLOSE   ? MEDIA_CLOSED
						      : ask->kind == MEDIA_ASK_CONNECT ? MEDIA_UP
										       : MEDIA_DIGIT;
			struct media_answer *answer = media_answer_new(kind, ask->stream);

			answer->digit = '1';
			answer->local.rtp = addr_v4(10, 0, 0, 1, 4000);
			answer->local.rtcp_mux = true;
			answer->local.suite = SDP_AES_CM_128_HMAC_SHA1_80;
			answer->local.sdes_key_n = 30;
			media_ask_free(ask);
			agent_recv(a, &(struct host_event){ .kind = HOST_TOLD, .message = answer }, now);
		}
	}
}

static size_t expand(str in, const struct ears *ears, char *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < in.n && n + 64 < cap; i++) {
		const char *what = in.p[i] != '$' || i + 1 == in.n ? NULL
				   : in.p[i + 1] == 'T'            ? ears->tag
				   : in.p[i + 1] == 'C'            ? ears->call_id
				   : in.p[i + 1] == 'B'            ? ears->branch
								   : NULL;

		if (what) {
			memcpy(out + n, what, strlen(what));
			n += strlen(what);
			i++;
		} else {
			out[n++] = in.p[i];
		}
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct agent_settings s = { .user = STR("us"),
				    .transport = TRANSPORT_UDP,
				    .listen = addr_v4(10, 0, 0, 1, 5060) };
	usec now = 1700000000 * USEC_PER_SEC;
	struct ears ears = { 0 };
	static char text[70000];
	struct rng rng;
	struct agent *a;

	rng_seeded(&rng, 1);
	s.rng = &rng;
	s.wish = (struct call_media_wish){ .codecs = { CODEC_OPUS, CODEC_PCMA }, .codec_n = 2 };
	s.wish.security = SDP_PLAIN | SDP_SDES;
	s.wish.local = addr_v4(10, 0, 0, 1, 0);
	s.call_max = 3;
	s.redirects = s.transfers = s.messages = true;
	s.session_expires = 1800;
	a = agent_new(&s);
	agent_start(a, now);
	grant(a, &ears, now);
	agent_recv(a, &(struct host_event){ .kind = HOST_BOUND, .id = 1, .local = s.listen }, now);
	if (n & 1) /* half of the time we are the caller */
		(void)agent_dial(a, &(struct agent_dialling){ .target = STR("sip:far@10.0.0.2") }, now);
	grant(a, &ears, now);
	while (n > 2) {
		size_t take = (size_t)data[0] << 8 | data[1], room;

		data += 2;
		n -= 2;
		take = take < n ? take : n;
		room = expand(str_of((const char *)data, take), &ears, text, sizeof(text));
		agent_recv(a,
			   &(struct host_event){ .kind = HOST_DATAGRAM,
						 .transport = TRANSPORT_UDP,
						 .id = 1,
						 .local = s.listen,
						 .remote = addr_v4(10, 0, 0, 2, 5060),
						 .bytes = str_of(text, room) },
			   now);
		grant(a, &ears, now);
		now += 100 * USEC_PER_MS;
		agent_tick(a, now);
		grant(a, &ears, now);
		data += take;
		n -= take;
	}
	now += 60 * USEC_PER_SEC;
	agent_tick(a, now);
	grant(a, &ears, now);
	agent_free(a);
	return 0;
}
