#include "avalanche.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOCKETS   8
#define WHEEL     65536      /* milliseconds */
#define BASE_TIME 30000000LL /* RFC 5626 4.5: all flows have failed */
#define OWN_NET   0x7f010000 /* 127.1.0.0 and on: each phone with a stream has an address of its own */

enum { IDLE, CONNECTING, ASKING, WAITING, DONE };

struct phone {
	int32_t next, before; /* in its slot of the wheel; -1: none */
	bool planned, proves; /* proves: this transaction bears credentials */
	uint8_t state, failures;
	uint16_t round; /* transactions begun */
	uint32_t due_ms;
	int64_t begun, repeat;
	struct link link; /* TCP */
	char nonce[64];
};

struct phones phones;

static struct {
	struct link sockets[SOCKETS];
	struct phone *list;
	char realm[80], prefix;
	long next; /* of the loop that measures the capacity; 0: there is none */
	int32_t wheel[WHEEL];
	uint32_t wheel_ms;
} t;

void phones_start(void)
{
	for (int i = 0; i < SOCKETS && !phones.tcp; i++)
		wire_open(&t.sockets[i], WIRE_PHONES, i);
}

void phones_hang_up(void)
{
	for (long i = 0; i < phones.n && phones.tcp; i++)
		wire_close(&t.list[i].link);
}

void phones_reset(long n, char prefix)
{
	const char *domain = phones.domain;

	phones_hang_up();
	free(t.list);
	t.list = calloc((size_t)n, sizeof(*t.list));
	if (!t.list)
		die("no memory");
	for (long i = 0; i < n; i++)
		t.list[i].link.fd = -1;
	for (int i = 0; i < WHEEL; i++)
		t.wheel[i] = -1;
	t.wheel_ms = 0;
	t.next = 0;
	t.prefix = prefix;
	phones = (struct phones){
		.domain = domain, .digest = phones.digest, .tcp = phones.tcp, .n = n, .goal = n, .start = now_us()
	};
}

/* ---- timers ---- */

static void unplan(struct phone *p)
{
	if (!p->planned)
		return;
	if (p->before >= 0)
		t.list[p->before].next = p->next;
	else
		t.wheel[p->due_ms % WHEEL] = p->next;
	if (p->next >= 0)
		t.list[p->next].before = p->before;
	p->planned = false;
}

static void plan(long i, int64_t at)
{
	int64_t ms = (at - phones.start) / 1000;
	struct phone *p = &t.list[i];

	unplan(p);
	if (ms <= t.wheel_ms)
		ms = t.wheel_ms + 1;
	if (ms > t.wheel_ms + WHEEL - 1)
		ms = t.wheel_ms + WHEEL - 1;
	p->due_ms = (uint32_t)ms;
	p->next = t.wheel[ms % WHEEL];
	p->before = -1;
	if (p->next >= 0)
		t.list[p->next].before = (int32_t)i;
	t.wheel[ms % WHEEL] = (int32_t)i;
	p->planned = true;
}

/* ---- what a phone says ---- */

static int write_contact(const struct phone *p, long i, const struct link *l, char *out, size_t cap)
{
	if (!phones.tcp)
		return snprintf(out, cap, "Contact: <sip:%c%ld@%s:%d>;expires=3600\r\n", t.prefix, i, l->ip, l->port);
	return snprintf(out, cap,
			"Contact: <sip:%c%ld@%s:%d;transport=tcp>;reg-id=1;+sip.instance=\"<urn:uuid:00000000-0000-"
			"4000-8000-%02x%010lx>\";expires=3600\r\nSupported: path, outbound\r\n",
			t.prefix, i, p->link.ip, p->link.port, t.prefix, i);
}

/* The same bytes whenever it is repeated. */
static void say_register(long i)
{
	struct phone *p = &t.list[i];
	struct link *l = phones.tcp ? &p->link : &t.sockets[i % SOCKETS];
	char text[1600], contact[300], credentials[500] = "", user[24], uri[120];

	snprintf(user, sizeof(user), "%c%ld", t.prefix, i);
	snprintf(uri, sizeof(uri), "sip:%s", phones.domain);
	if (p->proves) {
		struct challenge c = { 0 };

		memcpy(c.realm, t.realm, sizeof(c.realm));
		memcpy(c.nonce, p->nonce, sizeof(c.nonce));
		digest_answer(&c, phones.digest, false, user, "REGISTER", uri, credentials, sizeof(credentials));
	}
	write_contact(p, i, l, contact, sizeof(contact));
	int n = snprintf(text, sizeof(text),
			 "REGISTER %s SIP/2.0\r\nVia: SIP/2.0/%s %s:%d;branch=z9hG4bK%s.%u;rport\r\n"
			 "Max-Forwards: 70\r\nFrom: <sip:%s@%s>;tag=%ld\r\nTo: <sip:%s@%s>\r\nCall-ID: %s.%ld@avalanche"
			 "\r\nCSeq: %u REGISTER\r\n%s%sUser-Agent: avalanche\r\nContent-Length: 0\r\n\r\n",
			 uri, phones.tcp ? "TCP" : "UDP", l->ip, l->port, user, p->round, user, phones.domain, i, user,
			 phones.domain, user, (long)getpid(), p->round, contact, credentials);
	wire_say(l, text, (size_t)n, NULL);
}

static void ask(long i, int64_t now)
{
	struct phone *p = &t.list[i];

	p->state = ASKING;
	p->round++;
	p->begun = now;
	p->repeat = T1;
	say_register(i);
	plan(i, now + (phones.tcp ? TIMEOUT : T1)); /* 17.1.2.2: no repeats over what is reliable */
}

/* RFC 5626 4.5: 30 to 60 s after the first failure, twice as much after each other. */
static void back_off(long i, int64_t now)
{
	struct phone *p = &t.list[i];
	int64_t wait = BASE_TIME << (p->failures < 5 ? p->failures : 5);

	wire_close(&p->link);
	if (p->failures < 5)
		p->failures++;
	wait += (int64_t)((double)wait * ((double)rand() / RAND_MAX));
	p->state = WAITING;
	plan(i, now + wait);
}

void phones_begin(long i, int64_t now)
{
	struct phone *p = &t.list[i];

	p->proves = false;
	if (!phones.tcp || p->link.is_up) {
		ask(i, now);
		return;
	}
	p->state = CONNECTING;
	p->begun = now;
	if (!wire_connect(&p->link, OWN_NET + ((uint32_t)(t.prefix - 'p') << 18) + (uint32_t)i, WIRE_PHONE, i)) {
		phones.unreached++;
		back_off(i, now);
		return;
	}
	plan(i, now + TIMEOUT);
}

void phones_loop(long at_a_time)
{
	t.next = at_a_time < phones.n ? at_a_time : phones.n;
	for (long i = 0; i < t.next; i++)
		phones_begin(i, now_us());
}

static void phone_due(long i, int64_t now)
{
	struct phone *p = &t.list[i];

	if (p->state == WAITING) {
		phones_begin(i, now);
	} else if (p->state == CONNECTING) {
		phones.unreached++;
		back_off(i, now);
	} else if (p->state == ASKING && now - p->begun >= TIMEOUT) {
		phones.given_up++;
		if (phones.tcp)
			back_off(i, now);
		else
			phones_begin(i, now);
	} else if (p->state == ASKING) {
		phones.repeats++;
		say_register(i);
		p->repeat = 2 * p->repeat < T2 ? 2 * p->repeat : T2;
		plan(i, now + p->repeat);
	}
}

void phones_due(int64_t now)
{
	uint32_t ms = (uint32_t)((now - phones.start) / 1000);

	while (t.wheel_ms < ms) {
		t.wheel_ms++;
		for (int32_t i; (i = t.wheel[t.wheel_ms % WHEEL]) >= 0;) { /* what it plans is later */
			unplan(&t.list[i]);
			phone_due(i, now);
		}
	}
}

/* ---- what it is told ---- */

static void done(long i, int64_t now)
{
	struct phone *p = &t.list[i];

	unplan(p);
	p->state = DONE;
	p->failures = 0;
	phones.done++;
	if (!phones.nine_tenths && phones.done * 10 >= phones.goal * 9)
		phones.nine_tenths = now;
	if (t.next && t.next < phones.n)
		phones_begin(t.next++, now);
}

static void challenged(long i, const char *text, int64_t now)
{
	struct phone *p = &t.list[i];
	struct challenge c;

	if (!phones.digest || !digest_challenge(text, phones.digest, &c))
		die("a challenge that is not to be met (--digest md5|sha256)");
	if (p->proves && !c.is_stale)
		die("the password is not right");
	phones.stale += c.is_stale;
	p->proves = true;
	memcpy(t.realm, c.realm, sizeof(t.realm));
	memcpy(p->nonce, c.nonce, sizeof(p->nonce));
	ask(i, now);
}

static void answered(long i, const char *text, int64_t now)
{
	const char *cseq = strstr(text, "\r\nCSeq: "), *after;
	struct phone *p = &t.list[i];
	int status = atoi(text + 8);

	if (status < 200 || p->state != ASKING || !cseq || atoi(cseq + 8) != p->round)
		return;
	if (status == 200) {
		done(i, now);
	} else if (status == 401) {
		challenged(i, text, now);
	} else {
		if (getenv("AVALANCHE_SHOW") && status != 503)
			fprintf(stderr, "%.60s\n", text);
		phones.refused++;
		after = strstr(text, "\r\nRetry-After: ");
		p->state = WAITING;
		plan(i, now + (after ? atoi(after + 15) : 5) * 1000000LL);
	}
}

static void stream_changed(long i, bool up, int64_t now)
{
	struct phone *p = &t.list[i];

	if (up) {
		ask(i, now);
		return;
	}
	if (p->state == CONNECTING)
		phones.unreached++;
	else
		phones.cut++;
	phones.done -= p->state == DONE;
	back_off(i, now);
}

void phones_heard(const struct heard *h, int64_t now)
{
	const char *call;
	long i = h->which;

	if (h->what == WIRE_PHONE && !h->text) {
		stream_changed(i, h->up, now);
		return;
	}
	if (h->what == WIRE_PHONES) {
		call = strstr(h->text, "\r\nCall-ID: ");
		if (!call || call[11] != t.prefix)
			return;
		i = atol(call + 12);
	}
	if (i >= 0 && i < phones.n)
		answered(i, h->text, now);
}
