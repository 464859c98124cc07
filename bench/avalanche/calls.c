#include "avalanche.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CALLS_MAX 20000

struct call {
	int64_t begun, due, repeat, answered, held; /* held: the callee's 200 is repeated from then on; 0: it is not */
	int64_t held_for;
	bool is_acked, failed, over, leaving, proves;
	int cseq; /* of the INVITE */
	char to_tag[40], route[700], target[200], callee_200[3000];
	struct sockaddr_in callee_to;
	struct challenge challenge;
};

long call_n;
static struct call *calls;
static struct link caller, callee;
static bool is_up[2];

static const char *way(void)
{
	return phones.tcp ? "TCP" : "UDP";
}

static void call_says(long i, const char *method)
{
	static const char sdp[] = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
				  "m=audio 40000 RTP/AVP 8\r\n";
	struct call *c = &calls[i];
	bool invite = !strcmp(method, "INVITE"), refused = !strcmp(method, "ACK") && !c->answered;
	char text[3000], uri[300], credentials[500] = "";

	if (invite || refused)
		snprintf(uri, sizeof(uri), "sip:callee@%s", phones.domain);
	else
		snprintf(uri, sizeof(uri), "%s", c->target);
	if (c->proves && strcmp(method, "BYE"))
		digest_answer(&c->challenge, phones.digest, true, "caller", "INVITE", uri, credentials,
			      sizeof(credentials));
	int n = snprintf(
		text, sizeof(text),
		"%s %s SIP/2.0\r\nVia: SIP/2.0/%s 127.0.0.1:%d;branch=z9hG4bKc%ld.%d%s;rport\r\n%sMax-Forwards: 70\r\n"
		"From: <sip:caller@%s>;tag=c%ld\r\nTo: <sip:callee@%s>%s%s\r\nCall-ID: =%ld.%ld@avalanche\r\nCSeq: %d "
		"%s\r\nContact: <sip:caller@127.0.0.1:%d%s>\r\n%s%sContent-Length: %zu\r\n\r\n%s",
		method, uri, way(), caller.port, i, c->cseq, refused ? "INVITE" : method,
		invite || refused ? "" : c->route, phones.domain, i, phones.domain, c->to_tag[0] ? ";tag=" : "",
		c->to_tag, i, (long)getpid(), strcmp(method, "BYE") ? c->cseq : c->cseq + 1, method, caller.port,
		phones.tcp ? ";transport=tcp" : "", credentials, invite ? "Content-Type: application/sdp\r\n" : "",
		invite ? sizeof(sdp) - 1 : 0, invite ? sdp : "");

	wire_say(&caller, text, (size_t)n, NULL);
}

void call_begin(int64_t now)
{
	if (call_n == CALLS_MAX)
		return;
	calls[call_n] = (struct call){ .begun = now, .due = now + T1, .repeat = T1, .cseq = 1 };
	call_says(call_n++, "INVITE");
}

static void note_tag(struct call *c, const char *text)
{
	char value[400];
	const char *tag;

	line(text, "\r\nTo: ", value, sizeof(value));
	tag = strstr(value, ";tag=");
	snprintf(c->to_tag, sizeof(c->to_tag), "%.30s", tag ? tag + 5 : "");
}

static void note_dialog(struct call *c, const char *text)
{
	char value[400];
	const char *at = text;
	char routes[4][400];
	int n = 0;

	while (n < 4 && (at = line(at, "\r\nRecord-Route: ", value, sizeof(value))))
		strcpy(routes[n++], value);
	c->route[0] = '\0';
	while (n-- > 0)
		snprintf(c->route + strlen(c->route), sizeof(c->route) - strlen(c->route), "Route: %s\r\n", routes[n]);
	note_tag(c, text);
	line(text, "\r\nContact: <", value, sizeof(value));
	snprintf(c->target, sizeof(c->target), "%.*s", (int)strcspn(value, ">"), value);
}

/* 22.2: once more with credentials, where there is something to prove. */
static bool prove(long i, const char *text, int64_t now)
{
	struct call *c = &calls[i];

	if (!phones.digest || !digest_challenge(text, phones.digest, &c->challenge) ||
	    (c->proves && !c->challenge.is_stale))
		return false;
	c->proves = true;
	c->cseq++;
	c->to_tag[0] = '\0';
	c->repeat = T1;
	c->due = now + T1;
	call_says(i, "INVITE");
	return true;
}

/* An INVITE's. */
static void refused(long i, int status, const char *text, int64_t now)
{
	struct call *c = &calls[i];

	note_tag(c, text);
	call_says(i, "ACK");
	if (status == 407 && !c->over && prove(i, text, now))
		return;
	if (getenv("AVALANCHE_SHOW"))
		fprintf(stderr, "call %ld: %.40s\n", i, text);
	c->failed = c->over = true;
}

static void caller_heard(const char *text, int64_t now)
{
	const char *call = strstr(text, "\r\nCall-ID: ="), *cseq = strstr(text, "\r\nCSeq: ");
	int status = atoi(text + 8);
	long i = call ? atol(call + 12) : -1;

	if (i < 0 || i >= call_n || strncmp(text, "SIP/2.0 ", 8) || !cseq)
		return;
	struct call *c = &calls[i];
	bool leaving = atoi(cseq + 8) == c->cseq + 1;
	if (atoi(cseq + 8) < c->cseq)
		return;
	if (leaving) {
		c->over = status >= 200;
		c->failed |= status >= 300;
	} else if (status < 200) {
		c->due = now + TIMEOUT; /* it is there */
	} else if (status < 300) {
		if (!c->answered) {
			c->answered = now;
			note_dialog(c, text);
		}
		call_says(i, "ACK");
		if (c->leaving)
			return;
		c->leaving = true;
		call_says(i, "BYE");
		c->due = now + T1;
		c->repeat = T1;
	} else if (!c->answered) {
		refused(i, status, text, now);
	}
}

/* Answers what it gets; an INVITE with a 200 that it repeats until the ACK. */
static void callee_heard(const char *text, const struct sockaddr_in *from, int64_t now)
{
	static const char *const names[] = { "\r\nVia: ", "\r\nRecord-Route: " };
	static const char *const once[] = { "\r\nFrom: ", "\r\nTo: ", "\r\nCall-ID: ", "\r\nCSeq: " };
	char out[3000], value[800];
	const char *call = strstr(text, "\r\nCall-ID: =");
	long i = call ? atol(call + 12) : -1;
	size_t n = 0;

	if (i < 0 || i >= call_n || !strncmp(text, "SIP/2.0", 7))
		return;
	struct call *c = &calls[i];
	if (!strncmp(text, "ACK ", 4)) {
		c->is_acked = true;
		return;
	}
	n += (size_t)snprintf(out + n, sizeof(out) - n, "SIP/2.0 200 OK");
	for (int k = 0; k < 2; k++)
		for (const char *at = text; (at = line(at, names[k], value, sizeof(value)));)
			n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%s", names[k], value);
	for (int k = 0; k < 4; k++) {
		line(text, once[k], value, sizeof(value));
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%s%s", once[k], value,
				      k == 1 && !strstr(value, ";tag=") ? ";tag=callee" : "");
	}
	n += (size_t)snprintf(out + n, sizeof(out) - n,
			      "\r\nContact: <sip:callee@127.0.0.1:%d%s>\r\nContent-Length: 0\r\n\r\n", callee.port,
			      phones.tcp ? ";transport=tcp" : "");
	wire_say(&callee, out, n, from);
	if (strncmp(text, "INVITE ", 7) || c->held)
		return;
	memcpy(c->callee_200, out, n + 1);
	if (from)
		c->callee_to = *from;
	c->held_for = T1;
	c->held = now + T1;
}

void calls_due(int64_t now)
{
	static long first;

	for (long i = first; i < call_n; i++) {
		struct call *c = &calls[i];

		if (c->held && !c->is_acked && now >= c->held) { /* 13.3.1.4: over streams, too */
			wire_say(&callee, c->callee_200, strlen(c->callee_200), &c->callee_to);
			c->held_for = 2 * c->held_for < T2 ? 2 * c->held_for : T2;
			c->held = now + c->held_for;
		}
		if (c->over) {
			first += i == first && (c->is_acked || now - c->begun > TIMEOUT);
			continue;
		}
		if (now - c->begun > TIMEOUT) {
			c->failed = c->over = true;
		} else if (now >= c->due && !phones.tcp) {
			call_says(i, c->answered ? "BYE" : "INVITE");
			c->repeat = 2 * c->repeat < T2 ? 2 * c->repeat : T2;
			c->due = now + c->repeat;
		}
	}
}

/* ---- the callee is there ---- */

static struct challenge registering;
static int registered; /* CSeq of the last one; -1: it is done */

static void register_callee(void)
{
	char text[1200], credentials[500] = "", uri[120];

	registered++;
	snprintf(uri, sizeof(uri), "sip:%s", phones.domain);
	if (registered > 1)
		digest_answer(&registering, phones.digest, false, "callee", "REGISTER", uri, credentials,
			      sizeof(credentials));
	int n = snprintf(text, sizeof(text),
			 "REGISTER %s SIP/2.0\r\nVia: SIP/2.0/%s 127.0.0.1:%d;branch=z9hG4bKcallee%d;rport\r\n"
			 "Max-Forwards: 70\r\nFrom: <sip:callee@%s>;tag=1\r\nTo: <sip:callee@%s>\r\nCall-ID: "
			 "callee@avalanche\r\nCSeq: %d REGISTER\r\nContact: <sip:callee@127.0.0.1:%d%s>;expires=3600"
			 "\r\n%sContent-Length: 0\r\n\r\n",
			 uri, way(), callee.port, registered, phones.domain, phones.domain, registered, callee.port,
			 phones.tcp ? ";transport=tcp" : "", credentials);
	wire_say(&callee, text, (size_t)n, NULL);
}

static void callee_registered(const char *text)
{
	int status = atoi(text + 8);

	if (status == 200)
		registered = -1;
	else if (status == 401 && registered == 1 && digest_challenge(text, phones.digest, &registering))
		register_callee();
	else if (status >= 200)
		die("the callee is not registered");
}

void calls_heard(const struct heard *h, int64_t now)
{
	bool is_caller = h->what == WIRE_CALLER;

	if (!h->text && !h->up)
		die("the connection of one who talks has ended");
	if (!h->text)
		is_up[is_caller] = true;
	else if (is_caller)
		caller_heard(h->text, now);
	else if (registered >= 0)
		callee_registered(h->text);
	else
		callee_heard(h->text, h->from, now);
}

void calls_start(void)
{
	int64_t end = now_us() + 5 * 1000000LL;

	calls = calloc(CALLS_MAX, sizeof(*calls));
	if (!calls)
		die("no memory");
	if (phones.tcp) {
		if (!wire_connect(&caller, INADDR_LOOPBACK, WIRE_CALLER, 0) ||
		    !wire_connect(&callee, INADDR_LOOPBACK, WIRE_CALLEE, 0))
			die("no connection");
	} else {
		wire_open(&caller, WIRE_CALLER, 0);
		wire_open(&callee, WIRE_CALLEE, 0);
		is_up[0] = is_up[1] = true;
	}
	while ((!is_up[0] || !is_up[1]) && now_us() < end)
		wire_step(1, calls_heard);
	register_callee();
	while (registered >= 0 && now_us() < end)
		wire_step(1, calls_heard);
	if (registered >= 0)
		die("the callee is not registered");
}

long calls_waits(int64_t *waits, long *failed)
{
	long n = 0;

	*failed = 0;
	for (long i = 0; i < call_n; i++) {
		const struct call *c = &calls[i];

		*failed += c->failed || !c->over;
		if (getenv("AVALANCHE_SHOW") && c->answered - c->begun > 1000000)
			fprintf(stderr, "call at %.1f s waited %.1f s\n", (double)(c->begun - calls[0].begun) / 1e6,
				(double)(c->answered - c->begun) / 1e6);
		if (c->answered)
			waits[n++] = c->answered - c->begun;
	}
	return n;
}
