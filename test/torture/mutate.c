/*
 * test/torture/mutate.c - broken SIP by the million, against a running server.
 *
 *     mutate udp|tcp|tls HOST:PORT COUNT SEED [FILE...]
 *
 * Takes well-formed messages of its own (calls, registrations, answers) and those in the files, breaks them (bits,
 * bytes, lines, numbers, pieces of one in another, far too long, cut off) and sends COUNT of them. What the server
 * passes on to the contact that it registers comes back to it, and is answered with broken answers. After every BATCH
 * messages a sound OPTIONS by a way of its own must be answered within PROMPT; the next batch waits for it.
 *
 * Prints one JSON line: sent, answers, requests passed on, connections made, the slowest OPTIONS. Exit 1: an OPTIONS
 * was not answered. The same seed sends the same messages (answers come by what the server does).
 *
 * It shares no code with tandem.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH     50
#define PROMPT    5.0
#define ROOM      70000 /* bytes of one message */
#define SEEDS_MAX 200
#define STREAMS   8

enum way { UDP, TCP, TLS };

struct text {
	size_t n;
	char bytes[ROOM];
};

struct stream {
	int fd; /* -1: none */
	SSL *ssl;
	size_t left; /* messages until another is opened */
};

static struct {
	enum way way;
	struct sockaddr_in server;
	char local[40]; /* host:port of our socket */
	int udp;
	struct stream streams[STREAMS], probe;
	SSL_CTX *tls;
	struct text *seeds[SEEDS_MAX];
	int seed_n;
	uint64_t random;
	long sent, answers, passed_on, connections, unsent;
	double slowest;
} t;

static void die(const char *what)
{
	fprintf(stderr, "mutate: %s\n", what);
	exit(2);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* splitmix64 */
static uint64_t any(void)
{
	uint64_t z = (t.random += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static size_t below(size_t n)
{
	return n ? (size_t)(any() % n) : 0;
}

/* ---- what is broken ---- */

static const char *const own[] = {
	"INVITE sip:u1@example.com SIP/2.0\r\nVia: SIP/2.0/%W %L;branch=z9hG4bK%N;rport\r\nMax-Forwards: 70\r\n"
	"From: \"A B\" <sip:u2@example.com>;tag=f%N\r\nTo: <sip:u1@example.com>\r\nCall-ID: %N@mutate\r\nCSeq: 1 "
	"INVITE\r\n"
	"Contact: <sip:u2@%L;transport=%W>;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\"\r\n"
	"Supported: 100rel, replaces, timer\r\nSession-Expires: 1800;refresher=uac\r\nAllow: INVITE, ACK, BYE\r\n"
	"Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000\r\n"
	"Accept-Contact: *;audio;require\r\nPrivacy: none\r\nHistory-Info: <sip:u1@example.com>;index=1\r\n"
	"Content-Type: application/sdp\r\nContent-Length: 129\r\n\r\n"
	"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 0\r\n"
	"a=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n\r\n",
	"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/%W %L;branch=z9hG4bK%N;rport;keep\r\nMax-Forwards: 70\r\n"
	"From: <sip:u1@example.com>;tag=f%N\r\nTo: <sip:u1@example.com>\r\nCall-ID: %N@mutate\r\nCSeq: 1 REGISTER\r\n"
	"Contact: <sip:u1@%L;transport=%W>;expires=600;q=0.7;reg-id=1;"
	"+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\"\r\n"
	"Supported: path, outbound, gruu\r\nContent-Length: 0\r\n\r\n",
	"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/%W %L;branch=z9hG4bK%N\r\nMax-Forwards: 70\r\n"
	"From: <sip:u3@example.com>;tag=f%N\r\nTo: <sip:u3@example.com>\r\nCall-ID: %N@mutate\r\nCSeq: 2 REGISTER\r\n"
	"Authorization: Digest username=\"u3\", realm=\"example.com\", nonce=\"0006\", uri=\"sip:example.com\", "
	"response=\"6629fae49393a05397450978507c4ef1\", algorithm=SHA-256, cnonce=\"0a4f113b\", qop=auth, "
	"nc=00000001\r\n"
	"Contact: *\r\nExpires: 0\r\nPath: <sip:p.example.com;lr>\r\nContent-Length: 0\r\n\r\n",
	"MESSAGE sip:u1@example.com SIP/2.0\r\nVia: SIP/2.0/%W %L;branch=z9hG4bK%N;rport\r\nMax-Forwards: 70\r\n"
	"From: <sip:u2@example.com>;tag=f%N\r\nTo: <sip:u1@example.com>\r\nCall-ID: %N@mutate\r\nCSeq: 1 MESSAGE\r\n"
	"Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
	"SUBSCRIBE sip:u1@example.com SIP/2.0\r\nVia: SIP/2.0/%W %L;branch=z9hG4bK%N;rport\r\nMax-Forwards: 70\r\n"
	"From: <sip:u1@example.com>;tag=f%N\r\nTo: <sip:u1@example.com>\r\nCall-ID: %N@mutate\r\nCSeq: 1 SUBSCRIBE\r\n"
	"Contact: <sip:u1@%L>\r\nEvent: reg\r\nAccept: application/reginfo+xml\r\nExpires: 60\r\nContent-Length: "
	"0\r\n\r\n",
	"BYE sip:u1@%L SIP/2.0\r\nVia: SIP/2.0/%W %L;branch=z9hG4bK%N\r\nMax-Forwards: 70\r\n"
	"Route: <sip:abcdefghijklmnopqrstuvwxyz@%S;lr>, <sip:b.example.com;lr>\r\n"
	"From: <sip:u2@example.com>;tag=f1\r\nTo: <sip:u1@example.com>;tag=t1\r\nCall-ID: %N@mutate\r\nCSeq: 2 BYE\r\n"
	"Reason: SIP;cause=200;text=\"x\"\r\nContent-Length: 0\r\n\r\n",
	"CANCEL sip:u1@example.com SIP/2.0\r\nVia: SIP/2.0/%W %L;branch=z9hG4bK%P;rport\r\nMax-Forwards: 70\r\n"
	"From: \"A B\" <sip:u2@example.com>;tag=f%P\r\nTo: <sip:u1@example.com>\r\nCall-ID: %P@mutate\r\nCSeq: 1 "
	"CANCEL\r\n"
	"Content-Length: 0\r\n\r\n",
	"ACK sip:u1@example.com SIP/2.0\r\nVia: SIP/2.0/%W %L;branch=z9hG4bK%P;rport\r\nMax-Forwards: 70\r\n"
	"From: \"A B\" <sip:u2@example.com>;tag=f%P\r\nTo: <sip:u1@example.com>;tag=x\r\nCall-ID: %P@mutate\r\nCSeq: 1 "
	"ACK\r\n"
	"Content-Length: 0\r\n\r\n",
	"OPTIONS sip:%S SIP/2.0\r\nv: SIP/2.0/%W %L;branch=z9hG4bK%N;received=1.2.3.4;oc;oc-algo=\"loss\"\r\n"
	"f: sip:u2@example.com;tag=1\r\nt: sip:%S\r\ni: %N\r\nCSeq: 1 OPTIONS\r\nl: 0\r\n\r\n",
	"REFER sip:u1@example.com SIP/2.0\r\nVia: SIP/2.0/%W %L;branch=z9hG4bK%N;rport\r\nMax-Forwards: 70\r\n"
	"From: <sip:u2@example.com>;tag=f%N\r\nTo: <sip:u1@example.com>\r\nCall-ID: %N@mutate\r\nCSeq: 1 REFER\r\n"
	"Refer-To: <sip:u3@example.com?Replaces=a%40b%3Bto-tag%3D1>\r\nContact: <sip:u2@%L>\r\nContent-Length: "
	"0\r\n\r\n",
	"SIP/2.0 200 OK\r\nVia: SIP/2.0/%W %S;branch=z9hG4bK000000000000000000000001;rport=5060\r\n"
	"Via: SIP/2.0/%W %L;branch=z9hG4bK%P\r\nRecord-Route: <sip:abc@%S;lr>\r\nFrom: <sip:u2@example.com>;tag=f%P\r\n"
	"To: <sip:u1@example.com>;tag=t1\r\nCall-ID: %P@mutate\r\nCSeq: 1 INVITE\r\nContact: <sip:u1@%L>\r\n"
	"Content-Length: 0\r\n\r\n",
};

/* %W the transport, %L where we are, %S the server, %N a new number, %P one that was used lately. */
static void fill(const char *from, size_t from_n, struct text *out)
{
	static const char *const names[] = { "UDP", "TCP", "TLS" };
	char word[40];

	out->n = 0;
	for (size_t i = 0; i < from_n && out->n < ROOM - 64; i++) {
		if (from[i] != '%' || i + 1 == from_n || !strchr("WLSNP", from[i + 1])) {
			out->bytes[out->n++] = from[i];
			continue;
		}
		switch (from[++i]) {
		case 'W':
			snprintf(word, sizeof(word), "%s", names[t.way]);
			break;
		case 'L':
			snprintf(word, sizeof(word), "%s", t.local);
			break;
		case 'S':
			snprintf(word, sizeof(word), "127.0.0.1:%d", ntohs(t.server.sin_port));
			break;
		case 'N':
			snprintf(word, sizeof(word), "m%ld", t.sent);
			break;
		default:
			snprintf(word, sizeof(word), "m%ld", t.sent - 1 - (long)below(20));
		}
		memcpy(out->bytes + out->n, word, strlen(word));
		out->n += strlen(word);
	}
}

static void put(struct text *m, size_t at, const char *what, size_t n)
{
	if (n > ROOM - m->n)
		n = ROOM - m->n;
	memmove(m->bytes + at + n, m->bytes + at, m->n - at);
	memcpy(m->bytes + at, what, n);
	m->n += n;
}

static void cut(struct text *m, size_t at, size_t n)
{
	if (n > m->n - at)
		n = m->n - at;
	memmove(m->bytes + at, m->bytes + at + n, m->n - at - n);
	m->n -= n;
}

/* The line around a place: where it begins, and how long it is with its end. */
static size_t line_at(const struct text *m, size_t at, size_t *n)
{
	size_t end = at;

	while (at && m->bytes[at - 1] != '\n')
		at--;
	while (end < m->n && m->bytes[end] != '\n')
		end++;
	*n = end + (end < m->n) - at;
	return at;
}

static void break_once(struct text *m)
{
	static const char marks[] = "\r\n:;,<>\"\\ \t%@=?&()[]{}/*.-+0Zz\0\x01\x7f\x80\xff";
	static const char *const words[] = { "\r\n\r\n",
					     "\r\n ",
					     "\r\n\t",
					     "\n",
					     "\r",
					     ";;",
					     ",,",
					     "<>",
					     "\"\"",
					     "\"",
					     "4294967295",
					     "4294967296",
					     "18446744073709551616",
					     "-1",
					     "0",
					     "65536",
					     "99999999999999999999",
					     "%00",
					     "%",
					     "sip:",
					     "sips:",
					     "tel:",
					     "urn:",
					     "[::1]",
					     "[::",
					     "255.255.255.255",
					     "example.com",
					     ";lr",
					     ";tag=",
					     ";branch=z9hG4bK",
					     ";rport",
					     ";maddr=127.0.0.1",
					     ";ttl=0",
					     ";expires=0",
					     ";q=0.5",
					     ";ob",
					     ";gr",
					     ";oc=50",
					     "\xc3\xa4",
					     "SIP/2.0",
					     "SIP/3.0",
					     "INVITE",
					     "REGISTER",
					     "Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx\r\n",
					     "Route: <sip:127.0.0.1;lr>\r\n",
					     "Contact: *\r\n",
					     "Content-Length: 99999\r\n",
					     "Content-Length: 0\r\n",
					     "Expires: 4294967296\r\n",
					     "Require: x\r\n",
					     "Max-Forwards: 0\r\n",
					     "Proxy-Authorization: Digest username=\"u1\", realm=\"example.com\"\r\n",
					     "Record-Route: <sip:x>\r\n",
					     "CSeq: 1 ACK\r\n",
					     "Reject-Contact: *;x\r\n",
					     "Replaces: a\r\n",
					     "Subject: x\r\n",
					     "To: <sip:u1@example.com>;tag=1\r\n",
					     "Timestamp: 1\r\n" };
	const struct text *other = t.seeds[below((size_t)t.seed_n)];
	size_t at = below(m->n), n, start, length;

	switch (below(16)) {
	case 0:
		if (m->n)
			m->bytes[at] ^= (char)(1 << below(8));
		break;
	case 1:
		if (m->n)
			m->bytes[at] = marks[below(sizeof(marks) - 1)];
		break;
	case 2:
		put(m, at, &marks[below(sizeof(marks) - 1)], 1);
		break;
	case 3:
		cut(m, at, 1 + below(4));
		break;
	case 4:
		cut(m, at, below(200));
		break;
	case 5: /* a line twice */
		start = line_at(m, at, &length);
		if (length < 4000) {
			char copy[4000];

			memcpy(copy, m->bytes + start, length);
			put(m, start, copy, length);
		}
		break;
	case 6: /* a line gone */
		start = line_at(m, at, &length);
		cut(m, start, length);
		break;
	case 7: /* a line of another */
		if (other->n) {
			start = line_at(other, below(other->n), &length);
			size_t here = line_at(m, at, &n);
			put(m, here, other->bytes + start, length);
		}
		break;
	case 8: /* a piece of another */
		if (other->n) {
			start = below(other->n);
			n = 1 + below(80);
			put(m, at, other->bytes + start, n < other->n - start ? n : other->n - start);
		}
		break;
	case 9: /* far too long */
		n = 1 + below(below(20) ? 300 : 20000);
		for (char c = below(2) ? 'a' : marks[below(sizeof(marks) - 1)]; n; n -= n < 50 ? n : 50) {
			char run[50];

			memset(run, c, sizeof(run));
			put(m, at, run, n < 50 ? n : 50);
		}
		break;
	case 10: /* another number */
		while (at < m->n && (m->bytes[at] < '0' || m->bytes[at] > '9'))
			at++;
		for (n = 0; at + n < m->n && m->bytes[at + n] >= '0' && m->bytes[at + n] <= '9'; n++)
			;
		cut(m, at, n);
		const char *number = words[10 + below(7)];
		put(m, at, number, strlen(number));
		break;
	case 11:
		m->n = at; /* cut off */
		break;
	case 12: { /* a line many times */
		start = line_at(m, at, &length);
		for (n = below(250); n && length < 300; n--) {
			char copy[300];

			memcpy(copy, m->bytes + start, length);
			put(m, start, copy, length);
		}
		break;
	}
	default: {
		const char *word = words[below(sizeof(words) / sizeof(words[0]))];

		if (below(2) && word[strlen(word) - 1] == '\n')
			at = line_at(m, at, &n);
		put(m, at, word, strlen(word));
	}
	}
}

/* On a stream a wrong length ends the connection: mostly it is put right, so that what is broken is read at all. */
static void mend_length(struct text *m)
{
	char line[60];
	size_t head = 0, body;

	while (head + 4 <= m->n && memcmp(m->bytes + head, "\r\n\r\n", 4))
		head++;
	if (head + 4 > m->n) {
		put(m, m->n, "\r\n\r\n", 4);
		head = m->n > 4 ? m->n - 4 : 0;
	}
	for (size_t at = 0; at < head;) {
		size_t n;

		at = line_at(m, at, &n);
		if (n > head + 2 - at || n > head) /* the empty line; the only one */
			break;
		if ((n > 14 && !strncasecmp(m->bytes + at, "Content-Length", 14)) ||
		    (n > 2 && !strncasecmp(m->bytes + at, "l:", 2)) ||
		    (n > 2 && !strncasecmp(m->bytes + at, "l ", 2))) {
			cut(m, at, n);
			head -= n;
		} else {
			at += n;
		}
	}
	body = m->n - head - 4;
	snprintf(line, sizeof(line), "\r\nContent-Length: %zu", body);
	put(m, head, line, strlen(line));
}

/* true: its length is right, as far as one can tell. */
static bool broken(struct text *m)
{
	for (size_t n = below(8) ? 1 + below(6) : 0; n; n--)
		break_once(m);
	if (t.way == UDP || !below(16))
		return false;
	mend_length(m);
	return m->bytes[0] >= 'A';
}

/* ---- the ways ---- */

static void drop(struct stream *s)
{
	if (s->ssl)
		SSL_free(s->ssl);
	if (s->fd >= 0)
		close(s->fd);
	*s = (struct stream){ .fd = -1 };
}

static bool open_stream(struct stream *s)
{
	int one = 1;
	struct timeval patience = { 5, 0 };

	drop(s);
	s->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (s->fd < 0)
		return false;
	setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(s->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(s->fd, (struct sockaddr *)&t.server, sizeof(t.server)) < 0) {
		drop(s);
		return false;
	}
	t.connections++;
	s->left = below(60);
	if (t.way == TLS) {
		s->ssl = SSL_new(t.tls);
		if (s->ssl)
			SSL_clear_mode(s->ssl, SSL_MODE_AUTO_RETRY);
		if (!s->ssl || !SSL_set_fd(s->ssl, s->fd) || SSL_connect(s->ssl) != 1) {
			drop(s);
			return false;
		}
	}
	return true;
}

static bool write_stream(struct stream *s, const char *bytes, size_t n)
{
	while (n) {
		ssize_t took = s->ssl ? SSL_write(s->ssl, bytes, (int)n) : send(s->fd, bytes, n, MSG_NOSIGNAL);

		if (took <= 0)
			return false;
		bytes += took;
		n -= (size_t)took;
	}
	return true;
}

/* What is there, at most cap; 0: nothing; -1: it has ended. */
static ssize_t read_stream(struct stream *s, char *out, size_t cap)
{
	struct pollfd p = { s->fd, POLLIN, 0 };

	if (!(s->ssl && SSL_pending(s->ssl)) && poll(&p, 1, 0) < 1)
		return 0;
	ssize_t n = s->ssl ? SSL_read(s->ssl, out, (int)cap) : recv(s->fd, out, cap, 0);
	if (n < 0 && s->ssl && SSL_get_error(s->ssl, (int)n) == SSL_ERROR_WANT_READ)
		return 0; /* a ticket */
	return n > 0 ? n : -1;
}

static void say(struct stream *s, const struct text *m, bool whole)
{
	size_t at = 0;

	if (t.way == UDP) {
		if (m->n <= 65000 &&
		    sendto(t.udp, m->bytes, m->n, 0, (struct sockaddr *)&t.server, sizeof(t.server)) < 0)
			t.unsent++;
		return;
	}
	if (s->fd < 0 && !open_stream(s)) {
		t.unsent++;
		return;
	}
	while (at < m->n) { /* in pieces, now and then */
		size_t n = below(8) ? m->n - at : 1 + below(m->n - at);

		if (!write_stream(s, m->bytes + at, n)) {
			drop(s);
			return;
		}
		at += n;
	}
	/* Whoever cannot be understood any more is not listened to: a new connection, mostly. */
	if (s->left-- == 0 || (!whole && below(4)))
		drop(s);
}

/* The header lines that an answer copies (RFC 3261 8.2.6.2), then it is broken. */
static void answer(struct stream *s, const char *request, size_t n)
{
	static const char *const starts[] = {
		"SIP/2.0 100 Trying\r\n",
		"SIP/2.0 180 Ringing\r\n",
		"SIP/2.0 200 OK\r\n",
		"SIP/2.0 302 Moved\r\nContact: <sip:u4@example.com>;q=0.5\r\n",
		"SIP/2.0 407 No\r\nProxy-Authenticate: Digest realm=\"x\", nonce=\"y\"\r\n",
		"SIP/2.0 486 Busy\r\n",
		"SIP/2.0 503 No\r\nRetry-After: 5\r\n",
		"SIP/2.0 603 No\r\n"
	};
	static const char *const names[] = { "Via:", "From:", "To:", "Call-ID:", "CSeq:", "Record-Route:" };
	static struct text m;
	const char *start = starts[below(8)], *end = request + n;

	m.n = 0;
	put(&m, 0, start, strlen(start));
	for (const char *line = request; line < end;) {
		const char *next = memchr(line, '\n', (size_t)(end - line));

		next = next ? next + 1 : end;
		if (*line == '\r')
			break;
		for (size_t i = 0; i < 6; i++)
			if (!strncasecmp(line, names[i], strlen(names[i])))
				put(&m, m.n, line, (size_t)(next - line));
		line = next;
	}
	put(&m, m.n, "Contact: <sip:u1@127.0.0.1>\r\nContent-Length: 0\r\n\r\n", 51);
	say(s, &m, below(2) ? broken(&m) : true);
}

static void heard(struct stream *s, const char *bytes, size_t n)
{
	if (n > 8 && !memcmp(bytes, "SIP/2.0 ", 8)) {
		t.answers++;
		return;
	}
	t.passed_on++;
	for (size_t k = below(3); k; k--)
		answer(s, bytes, n);
}

static void listen_to_all(void)
{
	static char bytes[ROOM];
	ssize_t n;

	if (t.way == UDP)
		while ((n = recv(t.udp, bytes, sizeof(bytes) - 1, MSG_DONTWAIT)) >= 0)
			heard(NULL, bytes, (size_t)n);
	for (int i = 0; i < STREAMS && t.way != UDP; i++) {
		struct stream *s = &t.streams[i];

		while (s->fd >= 0 && (n = read_stream(s, bytes, sizeof(bytes) - 1)) != 0) {
			if (n < 0)
				drop(s);
			else
				heard(s, bytes, (size_t)n); /* more than one message in a piece counts as one */
		}
	}
}

/* A sound OPTIONS, by a way that nothing broken went. */
static bool probe(void)
{
	static int udp = -1;
	static long n;
	char text[600], call_id[40], got[ROOM];
	double begun = seconds();

	snprintf(call_id, sizeof(call_id), "alive%ld", ++n);
	int length =
		snprintf(text, sizeof(text),
			 "OPTIONS sip:127.0.0.1:%d SIP/2.0\r\nVia: SIP/2.0/%s 127.0.0.1;rport;branch=z9hG4bK%s\r\n"
			 "Max-Forwards: 5\r\nFrom: <sip:t@example.com>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: %s\r\n"
			 "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
			 ntohs(t.server.sin_port),
			 t.way == UDP   ? "UDP"
			 : t.way == TCP ? "TCP"
					: "TLS",
			 call_id, call_id);
	if (t.way == UDP && udp < 0)
		udp = socket(AF_INET, SOCK_DGRAM, 0);
	for (double again = begun; seconds() - begun < PROMPT;) {
		struct pollfd p = { t.way == UDP ? udp : t.probe.fd, POLLIN, 0 };

		if (seconds() >= again) { /* as any phone repeats over UDP */
			if (t.way == UDP)
				sendto(udp, text, (size_t)length, 0, (struct sockaddr *)&t.server, sizeof(t.server));
			else if ((t.probe.fd < 0 && !open_stream(&t.probe)) ||
				 !write_stream(&t.probe, text, (size_t)length))
				drop(&t.probe);
			again = seconds() + (t.way == UDP ? 0.5 : PROMPT);
			p.fd = t.way == UDP ? udp : t.probe.fd;
		}
		if (!(t.probe.ssl && SSL_pending(t.probe.ssl)) && poll(&p, 1, 100) < 1)
			continue;
		ssize_t k =
			t.way == UDP ? recv(udp, got, sizeof(got) - 1, 0) : read_stream(&t.probe, got, sizeof(got) - 1);
		if (k < 0)
			drop(&t.probe);
		got[k > 0 ? k : 0] = '\0';
		if (strstr(got, call_id)) {
			if (seconds() - begun > t.slowest)
				t.slowest = seconds() - begun;
			return true;
		}
	}
	return false;
}

/* ---- the whole ---- */

static void add_seed(const char *bytes, size_t n)
{
	if (t.seed_n == SEEDS_MAX)
		return;
	struct text *s = malloc(sizeof(*s));
	if (!s)
		die("no memory");
	s->n = n < ROOM ? n : ROOM;
	memcpy(s->bytes, bytes, s->n);
	t.seeds[t.seed_n++] = s;
}

static void read_seed(const char *path)
{
	static char bytes[ROOM];
	FILE *f = fopen(path, "rb");

	if (!f)
		die("a seed cannot be read");
	add_seed(bytes, fread(bytes, 1, sizeof(bytes), f));
	fclose(f);
}

static void open_udp(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);
	int size = 4 << 20;

	t.udp = socket(AF_INET, SOCK_DGRAM, 0);
	if (t.udp < 0 || bind(t.udp, (struct sockaddr *)&at, n) < 0 ||
	    getsockname(t.udp, (struct sockaddr *)&at, &n) < 0)
		die("no socket");
	setsockopt(t.udp, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	snprintf(t.local, sizeof(t.local), "127.0.0.1:%d", ntohs(at.sin_port));
}

static void send_one(void)
{
	static struct text m;
	const struct text *seed = t.seeds[below(2) ? below(sizeof(own) / sizeof(own[0])) : below((size_t)t.seed_n)];

	t.sent++;
	bool sound = t.sent % 100 == 1; /* u1 is somewhere */
	if (sound)
		seed = t.seeds[1];
	fill(seed->bytes, seed->n, &m);
	bool whole = sound || broken(&m);
	say(&t.streams[below(STREAMS)], &m, whole);
}

int main(int argc, char **argv)
{
	long count = argc > 4 ? atol(argv[3]) : 0;
	char *port = argc > 4 ? strchr(argv[2], ':') : NULL;

	if (!port || count < 1)
		die("mutate udp|tcp|tls HOST:PORT COUNT SEED [FILE...]");
	signal(SIGPIPE, SIG_IGN);
	t.way = !strcmp(argv[1], "udp") ? UDP : !strcmp(argv[1], "tcp") ? TCP : TLS;
	*port++ = '\0';
	t.server = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	if (inet_pton(AF_INET, argv[2], &t.server.sin_addr) != 1)
		die("HOST is an IPv4 address");
	t.random = strtoull(argv[4], NULL, 0);
	for (int i = 0; i < STREAMS; i++)
		t.streams[i].fd = -1;
	t.probe.fd = -1;
	if (t.way == TLS && !(t.tls = SSL_CTX_new(TLS_client_method())))
		die("no TLS");
	open_udp();
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		add_seed(own[i], strlen(own[i]));
	for (int i = 5; i < argc; i++)
		read_seed(argv[i]);
	double begun = seconds();
	while (t.sent < count) {
		for (int i = 0; i < BATCH && t.sent < count; i++) {
			send_one();
			if (i % 10 == 9)
				listen_to_all();
		}
		listen_to_all();
		if (!probe()) {
			printf("{\"sent\":%ld,\"silent\":true}\n", t.sent);
			return 1;
		}
	}
	printf("{\"sent\":%ld,\"answers\":%ld,\"passed_on\":%ld,\"connections\":%ld,\"unsent\":%ld,\"slowest_s\":%.3f,"
	       "\"seconds\":%.1f}\n",
	       t.sent, t.answers, t.passed_on, t.connections, t.unsent, t.slowest, seconds() - begun);
	return 0;
}
