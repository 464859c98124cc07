/*
 * ns a message costs the worker for being watched: when nobody does, when somebody follows another call, when it is
 * kept, when the second's share is used up, when it is copied to a capture server. (The keeper's cost:
 * docs/decisions/store.md.)
 */
#include "pbx/hep.h"
#include "pbx/tracer.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 400000

static const char text[] =
	"INVITE sip:102@pbx.example.com;transport=udp SIP/2.0\r\n"
	"Via: SIP/2.0/UDP 192.0.2.33:5060;rport;branch=z9hG4bKPjc1d4e6a29f7b4d8f9c3e5a7b1d2f4e68\r\n"
	"Max-Forwards: 70\r\nFrom: \"Alice Example\" <sip:101@pbx.example.com>;tag=7f3a9c2e5b8d4f10\r\n"
	"To: <sip:102@pbx.example.com>\r\nContact: <sip:101@192.0.2.33:5060;ob>\r\n"
	"Call-ID: 5f2e8a1c-7b3d-4e9f-a6c0-8d1b2f3e4a5c\r\nCSeq: 4711 INVITE\r\nRoute: <sip:pbx.example.com;lr>\r\n"
	"Allow: PRACK, INVITE, ACK, BYE, CANCEL, UPDATE, INFO, SUBSCRIBE, NOTIFY, REFER, MESSAGE, OPTIONS\r\n"
	"Supported: replaces, 100rel, timer, norefersub\r\nUser-Agent: Example Phone/2.14\r\n"
	"Content-Type: application/sdp\r\nContent-Length: 180\r\n\r\n"
	"v=0\r\no=- 3917251834 3917251834 IN IP4 192.0.2.33\r\ns=tandem\r\nc=IN IP4 192.0.2.33\r\nt=0 0\r\n"
	"m=audio 40000 RTP/AVP 96 9 8 0 101\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:101 "
	"0-15\r\na=ptime:20\r\na=sendrecv\r\n";

static const struct flow flow = { .transport = TRANSPORT_UDP,
				  .local = { 4, 5060, { 192, 0, 2, 1 } },
				  .remote = { 4, 5060, { 192, 0, 2, 33 } } };

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void say(const char *what, double since, unsigned rounds)
{
	printf("%-34s %7.0f ns a message\n", what, (seconds() - since) * 1e9 / rounds);
}

/* As many a second as are given; the keeper takes all at once. */
static void trace(struct pbx_tracer *t, const char *what, unsigned per_second, bool drain)
{
	double start = seconds();

	for (unsigned i = 0; i < ROUNDS; i++) {
		if (pbx_tracer_wants(t))
			pbx_tracer_message(t, i & 1, &flow, str_of(text, sizeof(text) - 1),
					   1700000000 * USEC_PER_SEC + (usec)i * USEC_PER_SEC / per_second);
		if (drain && i % 50 == 49)
			keeper_ask_free(pbx_tracer_next(t, 0, true));
	}
	say(what, start, ROUNDS);
}

int main(void)
{
	static const str other = STR_INIT("call=another");
	struct rng rng = { 0 };
	rng_seeded(&rng, 1);
	struct pbx_recorder *recorder = pbx_recorder_new(&rng);
	struct pbx_tracer *quiet = pbx_tracer_new(recorder, false), *all = pbx_tracer_new(recorder, true);
	struct pbx_hep *hep = pbx_hep_new(&(struct pbx_hep_config){ .collector = flow.local, .id = 1 }, 1);
	struct host_want w;

	trace(quiet, "nobody watches", 1000, false);
	pbx_tracer_follow(quiet, &other, 1, 0);
	trace(quiet, "another call is followed", 1000, false);
	trace(all, "kept (and freed)", 1000, true);
	trace(all, "beyond the share of the second", 1000000, false);
	double start = seconds();
	for (unsigned i = 0; i < ROUNDS; i++) {
		pbx_hep_message(hep, i & 1, &flow, str_of(text, sizeof(text) - 1), i);
		while (i % 50 == 49 && pbx_hep_want(hep, &w))
			;
	}
	say("copied to a capture server", start, ROUNDS);
	pbx_hep_free(hep);
	pbx_tracer_free(quiet);
	pbx_tracer_free(all);
	pbx_recorder_free(recorder);
	return 0;
}
