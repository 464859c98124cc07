/*
 * bench/avalanche.c - power is back: all phones of the town register at once, while others talk.
 *
 *     avalanche --server HOST:PORT [--domain D] [--times X] [--within S] [--phones N] [--calls N] [--slow PID:PERCENT]
 *
 * First a closed loop of registrations says what the server can do a second (the capacity). Then X (10) times as many
 * phones as that send their REGISTER in the same moment. Each is a phone of its own as RFC 3261 has it: repeats after
 * T1, 2 T1, .. T2 (17.1.2), gives up after 32 s and begins anew, and comes back when a 503's Retry-After says.
 * Meanwhile N (20) calls a second are made (INVITE 200 ACK, BYE 200, with their own repeats). Needs a server that asks
 * for no password. With S the first REGISTERs are spread over so many seconds (1: ten times what it can do a second).
 *
 * This program sends hardly faster than an optimised server reads. --slow gives the server (process PID, of the same
 * user) that many percent of a core and no more, by stopping and continuing it every millisecond by its own CPU time,
 * so that capacity and avalanche are those of a machine so much slower.
 *
 * Prints one JSON line: capacity, phones, seconds until all were registered and that in multiples of phones / capacity,
 * the pace until nine tenths were registered in parts of the capacity, refusals, datagrams that never came into the
 * server's socket (no room, or sifted), repeats, calls, calls failed, how long the slowest hundredth of them waited for
 * its 200, and (with --slow) the CPU seconds of the server. With AVALANCHE_SHOW in the environment it says meanwhile
 * how far it is, and which calls waited for more than a second.
 *
 * It shares no code with tandem.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SOCKETS   8
#define T1        500000
#define T2        4000000
#define TIMEOUT   (64 * T1)
#define WHEEL     65536 /* milliseconds */
#define CALLS_MAX 20000

enum { IDLE, ASKING, WAITING, DONE };

struct phone {
	int32_t next, before; /* in its slot of the wheel; -1: none */
	bool planned;
	uint8_t state;
	uint16_t round; /* transactions begun */
	uint32_t due_ms;
	int64_t begun, repeat;
};

struct call {
	int64_t begun, due, repeat, answered, held; /* held: the callee's 200 is repeated from then on; 0: it is not */
	int64_t held_for;
	bool is_acked, failed, over, leaving;
	char to_tag[40], route[700], target[200], callee_200[3000];
	struct sockaddr_in callee_to;
};

static struct {
	struct sockaddr_in server;
	const char *domain;
	int fds[SOCKETS], ports[SOCKETS];
	int caller, callee, caller_port, callee_port;
	struct phone *phones;
	long phone_n, done, refused, repeats, given_up, in_flight, next_phone, goal;
	bool closed; /* the loop that measures the capacity */
	int32_t wheel[WHEEL];
	uint32_t wheel_ms;
	struct call *calls;
	long call_n, call_rate;
	int64_t start, nine_tenths;
	double cpu;
	char prefix;
} t;

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void die(const char *what)
{
	fprintf(stderr, "avalanche: %s\n", what);
	exit(1);
}

static int open_socket(int *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);
	int size = 8 << 20, s = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	if (s < 0 || bind(s, (struct sockaddr *)&at, n) < 0 || getsockname(s, (struct sockaddr *)&at, &n) < 0)
		die("no socket");
	if (setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(s, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	*port = ntohs(at.sin_port);
	return s;
}

static void say(int fd, const char *text, int n)
{
	if (sendto(fd, text, (size_t)n, 0, (struct sockaddr *)&t.server, sizeof(t.server)) < 0 && errno != EAGAIN &&
	    errno != ENOBUFS)
		die("sendto failed");
}

/* ---- the slow machine ---- */

static volatile sig_atomic_t slow_ends;
static pid_t slow_by, slow_of;

/* Seconds of a core that the server has used; 0: not known. */
static double cpu_used(void)
{
	struct timespec cpu;
	clockid_t clock;

	if (slow_of <= 0 || clock_getcpuclockid(slow_of, &clock) || clock_gettime(clock, &cpu))
		return 0;
	return (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9;
}

static void slow_end(int signal)
{
	(void)signal;
	slow_ends = 1;
}

/* What it did not use it may make up for within 2 ms, what it used too much it must pay back. */
static void slow_loop(pid_t pid, double share)
{
	int64_t last = now_us(), used = 0;
	double left = 0;
	bool stopped = false;
	clockid_t clock;

	signal(SIGTERM, slow_end);
	signal(SIGINT, slow_end);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_TIMERSLACK, 1000UL);
	for (bool first = true; !slow_ends && !clock_getcpuclockid(pid, &clock); first = false) {
		struct timespec cpu;
		int64_t now = now_us();

		if (clock_gettime(clock, &cpu))
			break;
		int64_t used_now = (int64_t)cpu.tv_sec * 1000000 + cpu.tv_nsec / 1000;
		if (!first)
			left += (double)(now - last) * share - (double)(used_now - used);
		left = left < 2000 * share ? left : 2000 * share;
		last = now;
		used = used_now;
		if (stopped != (left < 0) && kill(pid, left < 0 ? SIGSTOP : SIGCONT))
			break;
		stopped = left < 0;
		/* asleep until it has either paid back or can have used what it has */
		double wait = left < 0 ? -left / share : left;
		wait = wait < 50 ? 50 : wait > 1000 ? 1000 : wait;
		nanosleep(&(struct timespec){ .tv_nsec = (long)(wait * 1000) }, NULL);
	}
	kill(pid, SIGCONT);
	_exit(0);
}

static void slow_stop(void)
{
	if (slow_by <= 0)
		return;
	kill(slow_by, SIGTERM);
	waitpid(slow_by, NULL, 0);
}

static void slow_start(const char *value)
{
	const char *percent = strchr(value, ':');
	long pid = atol(value), share = percent ? atol(percent + 1) : 0;

	if (pid <= 1 || share < 1 || share > 100 || kill((pid_t)pid, 0))
		die("--slow PID:PERCENT of a running process");
	fflush(stdout);
	slow_of = (pid_t)pid;
	slow_by = fork();
	if (slow_by < 0)
		die("no process");
	if (slow_by == 0)
		slow_loop((pid_t)pid, (double)share / 100);
	atexit(slow_stop);
}

/* ---- phones ---- */

static void unplan(struct phone *p)
{
	if (!p->planned)
		return;
	if (p->before >= 0)
		t.phones[p->before].next = p->next;
	else
		t.wheel[p->due_ms % WHEEL] = p->next;
	if (p->next >= 0)
		t.phones[p->next].before = p->before;
	p->planned = false;
}

static void plan(long i, int64_t at)
{
	int64_t ms = (at - t.start) / 1000;
	struct phone *p = &t.phones[i];

	unplan(p);
	if (ms <= t.wheel_ms)
		ms = t.wheel_ms + 1;
	p->due_ms = (uint32_t)ms;
	p->next = t.wheel[ms % WHEEL];
	p->before = -1;
	if (p->next >= 0)
		t.phones[p->next].before = (int32_t)i;
	t.wheel[ms % WHEEL] = (int32_t)i;
	p->planned = true;
}

static void register_phone(long i)
{
	char text[900];
	const struct phone *p = &t.phones[i];
	int k = (int)(i % SOCKETS);
	int n = snprintf(
		text, sizeof(text),
		"REGISTER sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK%c%ld.%u;rport\r\n"
		"Max-Forwards: 70\r\nFrom: <sip:%c%ld@%s>;tag=%ld\r\nTo: <sip:%c%ld@%s>\r\nCall-ID: "
		"%c%ld.%ld@avalanche\r\n"
		"CSeq: %u REGISTER\r\nContact: <sip:%c%ld@127.0.0.1:%d>;expires=3600\r\nUser-Agent: avalanche\r\n"
		"Content-Length: 0\r\n\r\n",
		t.domain, t.ports[k], t.prefix, i, p->round, t.prefix, i, t.domain, i, t.prefix, i, t.domain, t.prefix,
		i, (long)getpid(), p->round, t.prefix, i, t.ports[k]);

	say(t.fds[k], text, n);
}

static void begin(long i, int64_t now)
{
	struct phone *p = &t.phones[i];

	p->state = ASKING;
	p->round++;
	p->begun = now;
	p->repeat = T1;
	register_phone(i);
	plan(i, now + T1);
}

static void phone_due(long i, int64_t now)
{
	struct phone *p = &t.phones[i];

	if (p->state == WAITING) {
		begin(i, now);
	} else if (p->state == ASKING && now - p->begun >= TIMEOUT) {
		t.given_up++;
		begin(i, now);
	} else if (p->state == ASKING) {
		t.repeats++;
		register_phone(i);
		p->repeat = 2 * p->repeat < T2 ? 2 * p->repeat : T2;
		plan(i, now + p->repeat);
	}
}

static void turn_wheel(int64_t now)
{
	uint32_t ms = (uint32_t)((now - t.start) / 1000);

	while (t.wheel_ms < ms) {
		t.wheel_ms++;
		for (int32_t i; (i = t.wheel[t.wheel_ms % WHEEL]) >= 0;) { /* what it plans is later */
			unplan(&t.phones[i]);
			phone_due(i, now);
		}
	}
}

static void phone_heard(const char *text, int64_t now)
{
	const char *call = strstr(text, "\r\nCall-ID: "), *cseq = strstr(text, "\r\nCSeq: "), *after;
	int status = atoi(text + 8);
	long i;

	if (!call || !cseq || call[11] != t.prefix || status < 200)
		return;
	i = atol(call + 12);
	if (i < 0 || i >= t.phone_n)
		return;
	struct phone *p = &t.phones[i];
	if (p->state != ASKING || atoi(cseq + 8) != p->round)
		return;
	if (status == 200) {
		unplan(p);
		p->state = DONE;
		t.done++;
		if (!t.nine_tenths && t.done * 10 >= t.goal * 9)
			t.nine_tenths = now;
		if (t.closed && t.next_phone < t.phone_n)
			begin(t.next_phone++, now);
		return;
	}
	t.refused++;
	after = strstr(text, "\r\nRetry-After: ");
	p->state = WAITING;
	plan(i, now + (after ? atoi(after + 15) : 5) * 1000000LL);
}

/* ---- calls ---- */

static const char *line(const char *text, const char *name, char *out, size_t cap)
{
	const char *at = strstr(text, name);

	out[0] = '\0';
	if (!at)
		return NULL;
	at += strlen(name);
	size_t n = strcspn(at, "\r\n");
	if (n >= cap)
		n = cap - 1;
	memcpy(out, at, n);
	out[n] = '\0';
	return at + n;
}

static void call_says(long i, const char *method)
{
	static const char sdp[] = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
				  "m=audio 40000 RTP/AVP 8\r\n";
	struct call *c = &t.calls[i];
	bool invite = !strcmp(method, "INVITE");
	char text[2000], uri[300];

	if (invite)
		snprintf(uri, sizeof(uri), "sip:callee@%s", t.domain);
	else
		snprintf(uri, sizeof(uri), "%s", c->target);
	int n = snprintf(
		text, sizeof(text),
		"%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bKc%ld%s;rport\r\n%sMax-Forwards: 70\r\n"
		"From: <sip:caller@%s>;tag=c%ld\r\nTo: <sip:callee@%s>%s%s\r\nCall-ID: =%ld.%ld@avalanche\r\nCSeq: %d "
		"%s\r\n"
		"Contact: <sip:caller@127.0.0.1:%d>\r\n%sContent-Length: %zu\r\n\r\n%s",
		method, uri, t.caller_port, i, method, invite ? "" : c->route, t.domain, i, t.domain,
		c->to_tag[0] ? ";tag=" : "", c->to_tag, i, (long)getpid(), strcmp(method, "BYE") ? 1 : 2, method,
		t.caller_port, invite ? "Content-Type: application/sdp\r\n" : "", invite ? sizeof(sdp) - 1 : 0,
		invite ? sdp : "");

	say(t.caller, text, n);
}

static void start_call(int64_t now)
{
	if (t.call_n == CALLS_MAX)
		return;
	t.calls[t.call_n] = (struct call){ .begun = now, .due = now + T1, .repeat = T1 };
	call_says(t.call_n++, "INVITE");
}

static void note_dialog(struct call *c, const char *text)
{
	char value[400];
	const char *at = text, *tag;
	char routes[4][400];
	int n = 0;

	while (n < 4 && (at = line(at, "\r\nRecord-Route: ", value, sizeof(value))))
		strcpy(routes[n++], value);
	c->route[0] = '\0';
	while (n-- > 0)
		snprintf(c->route + strlen(c->route), sizeof(c->route) - strlen(c->route), "Route: %s\r\n", routes[n]);
	line(text, "\r\nTo: ", value, sizeof(value));
	tag = strstr(value, ";tag=");
	snprintf(c->to_tag, sizeof(c->to_tag), "%.30s", tag ? tag + 5 : "");
	line(text, "\r\nContact: <", value, sizeof(value));
	snprintf(c->target, sizeof(c->target), "%.*s", (int)strcspn(value, ">"), value);
}

static void caller_heard(const char *text, int64_t now)
{
	const char *call = strstr(text, "\r\nCall-ID: =");
	int status = atoi(text + 8);
	long i = call ? atol(call + 12) : -1;

	if (i < 0 || i >= t.call_n || strncmp(text, "SIP/2.0 ", 8))
		return;
	struct call *c = &t.calls[i];
	if (strstr(text, "CSeq: 2 BYE")) {
		c->over = true;
		c->failed |= status != 200;
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
	} else if (!c->over) {
		c->failed = c->over = true;
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

	if (i < 0 || i >= t.call_n || !strncmp(text, "SIP/2.0", 7))
		return;
	struct call *c = &t.calls[i];
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
			      "\r\nContact: <sip:callee@127.0.0.1:%d>\r\nContent-Length: 0\r\n\r\n", t.callee_port);
	sendto(t.callee, out, n, 0, (const struct sockaddr *)from, sizeof(*from));
	if (strncmp(text, "INVITE ", 7) || c->held)
		return;
	memcpy(c->callee_200, out, n + 1);
	c->callee_to = *from;
	c->held_for = T1;
	c->held = now + T1;
}

static void calls_due(int64_t now)
{
	static long first;

	for (long i = first; i < t.call_n; i++) {
		struct call *c = &t.calls[i];

		if (c->held && !c->is_acked && now >= c->held) {
			sendto(t.callee, c->callee_200, strlen(c->callee_200), 0, (struct sockaddr *)&c->callee_to,
			       sizeof(c->callee_to));
			c->held_for = 2 * c->held_for < T2 ? 2 * c->held_for : T2;
			c->held = now + c->held_for;
		}
		if (c->over) {
			first += i == first && (c->is_acked || now - c->begun > TIMEOUT);
			continue;
		}
		if (now - c->begun > TIMEOUT) {
			c->failed = c->over = true;
		} else if (now >= c->due) {
			call_says(i, c->answered ? "BYE" : "INVITE");
			c->repeat = 2 * c->repeat < T2 ? 2 * c->repeat : T2;
			c->due = now + c->repeat;
		}
	}
}

/* ---- the loop ---- */

static void drain(int fd, void (*heard)(const char *, int64_t), int64_t now)
{
	char bytes[8192];
	struct sockaddr_in from;

	for (int k = 0; k < 2000; k++) {
		socklen_t from_n = sizeof(from);
		ssize_t n = recvfrom(fd, bytes, sizeof(bytes) - 1, 0, (struct sockaddr *)&from, &from_n);

		if (n < 0)
			return;
		bytes[n] = '\0';
		if (heard)
			heard(bytes, now);
		else
			callee_heard(bytes, &from, now);
	}
}

static void step(int wait_ms)
{
	struct pollfd p[SOCKETS + 2];

	for (int i = 0; i < SOCKETS + 2; i++)
		p[i] = (struct pollfd){ .fd = i < SOCKETS    ? t.fds[i]
					      : i == SOCKETS ? t.caller
							     : t.callee,
					.events = POLLIN };
	poll(p, SOCKETS + 2, wait_ms);
	int64_t now = now_us();
	for (int i = 0; i < SOCKETS; i++)
		if (p[i].revents)
			drain(t.fds[i], phone_heard, now);
	if (p[SOCKETS].revents)
		drain(t.caller, caller_heard, now);
	if (p[SOCKETS + 1].revents)
		drain(t.callee, NULL, now);
	turn_wheel(now);
	calls_due(now);
}

static void reset(long phones, char prefix)
{
	free(t.phones);
	t.phones = calloc((size_t)phones, sizeof(*t.phones));
	if (!t.phones)
		die("no memory");
	for (int i = 0; i < WHEEL; i++)
		t.wheel[i] = -1;
	t.phone_n = t.goal = phones;
	t.done = t.refused = t.repeats = t.given_up = 0;
	t.nine_tenths = 0;
	t.wheel_ms = 0;
	t.prefix = prefix;
	t.start = now_us();
	t.cpu = cpu_used();
}

/* Registrations a second that the server does when asked for 200 at a time. */
static double measure(long count)
{
	reset(count, 'w');
	t.closed = true;
	for (t.next_phone = 0; t.next_phone < 200 && t.next_phone < count;)
		begin(t.next_phone++, now_us());
	while (t.done < count)
		step(1);
	t.closed = false;
	if (getenv("AVALANCHE_SHOW"))
		fprintf(stderr, "measured in %.2f s with %.3f s of a core\n", (double)(now_us() - t.start) / 1e6,
			cpu_used() - t.cpu);
	return (double)count * 1e6 / (double)(now_us() - t.start);
}

static void register_callee(void)
{
	char text[800], got[4000];
	struct pollfd p = { .fd = t.callee, .events = POLLIN };
	int n = snprintf(text, sizeof(text),
			 "REGISTER sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP "
			 "127.0.0.1:%d;branch=z9hG4bKcallee;rport\r\nMax-Forwards: 70\r\n"
			 "From: <sip:callee@%s>;tag=1\r\nTo: <sip:callee@%s>\r\nCall-ID: callee@avalanche\r\nCSeq: 1 "
			 "REGISTER\r\n"
			 "Contact: <sip:callee@127.0.0.1:%d>;expires=3600\r\nContent-Length: 0\r\n\r\n",
			 t.domain, t.callee_port, t.domain, t.domain, t.callee_port);

	say(t.callee, text, n);
	if (poll(&p, 1, 3000) < 1 || recv(t.callee, got, sizeof(got), 0) < 12 || memcmp(got, "SIP/2.0 200", 11))
		die("the callee is not registered");
}

/* Datagrams that found no room at the server's socket, of which it never knew (Linux, same machine; -1: not known). */
static long dropped(void)
{
	FILE *f = fopen("/proc/net/udp", "r");
	char text[400];
	unsigned port;
	long sum = -1, n;

	while (f && fgets(text, sizeof(text), f))
		if (sscanf(text, " %*d: %*x:%x %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %ld", &port, &n) == 2 &&
		    port == ntohs(t.server.sin_port))
			sum = (sum < 0 ? 0 : sum) + n;
	if (f)
		fclose(f);
	return sum;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void report(double capacity, double at_once)
{
	int64_t *waits = malloc((size_t)(t.call_n + 1) * sizeof(*waits));
	double all = (double)(now_us() - t.start) / 1e6, ideal = (double)t.goal / capacity;
	long answered = 0, failed = 0;
	int64_t began = t.call_n ? t.calls[0].begun : 0;

	for (long i = 0; waits && i < t.call_n; i++) {
		failed += t.calls[i].failed || !t.calls[i].over;
		if (getenv("AVALANCHE_SHOW") && t.calls[i].answered - t.calls[i].begun > 1000000)
			fprintf(stderr, "call at %.1f s waited %.1f s\n", (double)(t.calls[i].begun - began) / 1e6,
				(double)(t.calls[i].answered - t.calls[i].begun) / 1e6);
		if (t.calls[i].answered)
			waits[answered++] = t.calls[i].answered - t.calls[i].begun;
	}
	if (answered)
		qsort(waits, (size_t)answered, sizeof(*waits), by_size);
	double nine = (double)(t.nine_tenths - t.start) / 1e6;
	printf("{\"capacity\":%.0f,\"phones\":%ld,\"at_once_s\":%.2f,\"registered\":%ld,\"seconds\":%.2f,\"times_"
	       "ideal\":%.2f,\"pace\":%."
	       "2f,"
	       "\"refused\":%ld,\"dropped\":%ld,\"repeats\":%ld,\"given_up\":%ld,\"calls\":%ld,\"calls_failed\":%ld,"
	       "\"call_p50_ms\":%."
	       "1f,"
	       "\"call_p99_ms\":%.1f,\"cpu_s\":%.2f}\n",
	       capacity, t.goal, at_once, t.done, all, all / ideal,
	       nine > 0 ? 0.9 * (double)t.goal / nine / capacity : 0, t.refused, dropped(), t.repeats, t.given_up,
	       t.call_n, failed, answered ? (double)waits[answered / 2] / 1e3 : 0,
	       answered ? (double)waits[answered * 99 / 100] / 1e3 : 0, t.cpu);
	free(waits);
}

int main(int argc, char **argv)
{
	double times = 10, within = 0, capacity;
	const char *slow = NULL;
	long phones = 0, measured = 20000;
	int64_t call_at, end, shown = 0;

	t.domain = "bench.test";
	t.call_rate = 20;
	for (int i = 1; i + 1 < argc; i += 2) {
		char *value = argv[i + 1];

		if (!strcmp(argv[i], "--server")) {
			char *port = strchr(value, ':');

			if (!port)
				die("--server HOST:PORT");
			*port = '\0';
			t.server = (struct sockaddr_in){ .sin_family = AF_INET,
							 .sin_port = htons((uint16_t)atoi(port + 1)) };
			if (inet_pton(AF_INET, value, &t.server.sin_addr) != 1)
				die("--server: an IPv4 address");
		} else if (!strcmp(argv[i], "--domain")) {
			t.domain = value;
		} else if (!strcmp(argv[i], "--times")) {
			times = atof(value);
		} else if (!strcmp(argv[i], "--within")) {
			within = atof(value);
		} else if (!strcmp(argv[i], "--slow")) {
			slow = value;
		} else if (!strcmp(argv[i], "--phones")) {
			phones = atol(value);
		} else if (!strcmp(argv[i], "--measure")) {
			measured = atol(value);
		} else if (!strcmp(argv[i], "--calls")) {
			t.call_rate = atol(value);
		} else {
			die("unknown option");
		}
	}
	if (!t.server.sin_port)
		die("--server HOST:PORT");
	for (int i = 0; i < SOCKETS; i++)
		t.fds[i] = open_socket(&t.ports[i]);
	t.caller = open_socket(&t.caller_port);
	t.callee = open_socket(&t.callee_port);
	t.calls = calloc(CALLS_MAX, sizeof(*t.calls));
	if (!t.calls)
		die("no memory");
	if (slow)
		slow_start(slow);
	register_callee();
	capacity = measure(measured);
	reset(phones ? phones : (long)(times * capacity), 'p');
	call_at = t.start;
	end = t.start + 300 * 1000000LL;
	for (long i = 0; i < t.phone_n; i++) {
		while ((double)(now_us() - t.start) < within * 1e6 * (double)i / (double)t.phone_n)
			step(0);
		begin(i, now_us());
		if (i % 64 == 63 && t.call_rate && now_us() >= call_at) {
			start_call(now_us());
			call_at += 1000000 / t.call_rate;
		}
		if (i % 2048 == 2047)
			step(0);
	}
	double at_once = (double)(now_us() - t.start) / 1e6;
	while (t.done < t.goal && now_us() < end) {
		step(1);
		if (getenv("AVALANCHE_SHOW") && now_us() - shown > 500000) {
			shown = now_us();
			fprintf(stderr, "%.1f s: %ld done, %ld refused, %ld repeats\n", (double)(shown - t.start) / 1e6,
				t.done, t.refused, t.repeats);
		}
		while (t.call_rate && now_us() >= call_at) {
			start_call(now_us());
			call_at += 1000000 / t.call_rate;
		}
	}
	int64_t all = now_us();
	t.cpu = cpu_used() - t.cpu;
	while (now_us() < all + 2000000) /* the last calls end */
		step(1);
	t.start += now_us() - all;
	t.nine_tenths += now_us() - all;
	report(capacity, at_once);
	return 0;
}
