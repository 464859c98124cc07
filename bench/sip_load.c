/*
 * bench/sip_load.c - a closed loop of SIP work against any server, from outside.
 *
 *     sip_load WORK --server HOST:PORT [--count N] [--users N] [--in-flight N] [--domain D]
 *              [--password P] [--first N] [--transport udp|tcp|tls]
 *
 * WORK is options, register (each time another user, or the same again when --users is smaller
 * than --count), digest (REGISTER, 401, REGISTER with credentials), message, call (INVITE 100 180 200 ACK BYE
 * 200 to users registered here first), hold (the same without BYE: --count calls stay up), or ring (leaves --count
 * calls ringing, prints a line, waits for a line on standard input, ends them), handshake (TLS connections made and
 * closed, one after the other, each in full) or idle (leaves --count TLS connections, each of which has asked OPTIONS
 * once; prints a line, waits for one). Works on 8 UDP sockets or connections for callers and 8 for callees, all on
 * loopback, and stops by itself: after --count units, or when a unit has waited 10 s. Prints one JSON line.
 *
 * It shares no code with tandem: what it measures must not be what it is made of.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SOCKETS   8
#define BYTES_MAX 4096

enum work { OPTIONS, REGISTER, DIGEST, MESSAGE, CALL, HOLD, RING, HANDSHAKE, IDLE };
enum way { UDP, TCP, TLS };

/* A socket, or a connection and what has come of a message by it. */
struct end {
	int fd, port;
	SSL *ssl;
	char in[BYTES_MAX * 8];
	size_t n;
};

struct slot {
	int number;
	long unit; /* which unit of work; -1: idle */
	int step;
	double since;
	char to_tag[64];
	char route[600]; /* Route header lines for ACK and BYE */
	char target[300];
};

static struct {
	enum work work;
	struct sockaddr_in server;
	char server_text[64];
	const char *domain, *password;
	long count, users, first;
	int in_flight;
	enum way way;
	SSL_CTX *tls;
	struct end caller[SOCKETS], callee[SOCKETS];
	struct slot *slots;
	long started, done, failed;
	bool registering; /* callees before calls */
} load;

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
	fprintf(stderr, "sip_load: %s\n", what);
	exit(1);
}

static void open_socket(struct end *e)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);
	int size = 8 << 20;

	e->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (e->fd < 0 || bind(e->fd, (struct sockaddr *)&at, n) < 0 ||
	    getsockname(e->fd, (struct sockaddr *)&at, &n) < 0)
		die("no socket");
	setsockopt(e->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(e->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	e->port = ntohs(at.sin_port);
}

/* Blocks until it is up, secured where that is asked for. */
static void open_stream(struct end *e, bool blocks)
{
	struct sockaddr_in at;
	socklen_t n = sizeof(at);
	int one = 1;

	e->fd = socket(AF_INET, SOCK_STREAM, 0);
	e->n = 0;
	if (e->fd < 0 || connect(e->fd, (struct sockaddr *)&load.server, sizeof(load.server)) < 0)
		die("no connection");
	setsockopt(e->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	getsockname(e->fd, (struct sockaddr *)&at, &n);
	e->port = ntohs(at.sin_port);
	e->ssl = NULL;
	if (load.way == TLS) {
		e->ssl = SSL_new(load.tls);
		if (!e->ssl || SSL_set_fd(e->ssl, e->fd) != 1 || SSL_connect(e->ssl) != 1)
			die("no TLS");
	}
	if (!blocks)
		fcntl(e->fd, F_SETFL, fcntl(e->fd, F_GETFL) | O_NONBLOCK);
}

static void close_stream(struct end *e)
{
	if (e->ssl)
		SSL_shutdown(e->ssl);
	SSL_free(e->ssl);
	close(e->fd);
}

static void open_end(struct end *e)
{
	if (load.way == UDP)
		open_socket(e);
	else
		open_stream(e, false);
}

static void send_to(struct end *e, const char *text, size_t n, const struct sockaddr_in *to)
{
	struct pollfd writable = { .fd = e->fd, .events = POLLOUT };

	if (load.way == UDP) {
		if (sendto(e->fd, text, n, 0, (const struct sockaddr *)to, sizeof(*to)) < 0 && errno != EAGAIN)
			die("sendto failed");
		return;
	}
	while (n > 0) {
		ssize_t sent = e->ssl ? SSL_write(e->ssl, text, (int)n) : send(e->fd, text, n, MSG_NOSIGNAL);

		if (sent > 0) {
			text += sent;
			n -= (size_t)sent;
		} else if (e->ssl ? SSL_get_error(e->ssl, (int)sent) == SSL_ERROR_WANT_WRITE : errno == EAGAIN) {
			poll(&writable, 1, 1000);
		} else {
			die("a connection has ended");
		}
	}
}

static void send_to_server(struct end *e, const char *text, size_t n)
{
	send_to(e, text, n, &load.server);
}

/* ";transport=tcp", as a Contact says it; and as a Via does. */
static const char *way_param(void)
{
	static const char *const params[] = { "", ";transport=tcp", ";transport=tls" };

	return params[load.way];
}

static const char *way_name(void)
{
	static const char *const names[] = { "UDP", "TCP", "TLS" };

	return names[load.way];
}

/* The value of the first header of this name into out; false: absent. `at` may continue behind a former one. */
static const char *header(const char *msg, const char *name, char *out, size_t cap)
{
	size_t n = strlen(name);

	if (*msg == '\r')
		msg += 2;
	for (const char *line = msg; line; line = strstr(line, "\r\n")) {
		if (line != msg)
			line += 2;
		if (line[0] == '\r')
			break;
		if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
			const char *value = line + n + 1, *end = strstr(value, "\r\n");

			while (*value == ' ')
				value++;
			if (!end)
				return NULL;
			size_t take = (size_t)(end - value) < cap - 1 ? (size_t)(end - value) : cap - 1;
			memcpy(out, value, take);
			out[take] = '\0';
			return end;
		}
	}
	return NULL;
}

static long user_of(const struct slot *slot)
{
	return load.first + slot->unit % load.users;
}

static void hex_digest(const char *text, char out[33])
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	EVP_Digest(text, strlen(text), md, &n, EVP_md5(), NULL);
	for (unsigned i = 0; i < 16; i++)
		sprintf(out + 2 * i, "%02x", md[i]);
}

static bool param(const char *value, const char *name, char *out, size_t cap)
{
	char key[40];
	const char *at;

	snprintf(key, sizeof(key), "%s=\"", name);
	at = strcasestr(value, key);
	if (!at)
		return false;
	at += strlen(key);
	size_t n = strcspn(at, "\"");
	if (n >= cap)
		return false;
	memcpy(out, at, n);
	out[n] = '\0';
	return true;
}

/* Credentials for the MD5 challenge of a 401; a server may give others before it. */
static void credentials(const char *msg, const struct slot *slot, char *out, size_t cap)
{
	char value[800] = "", realm[200] = "", nonce[400] = "", a[900], ha1[33], ha2[33], answer[33];
	const char *at = msg;

	while ((at = header(at, "WWW-Authenticate", value, sizeof(value))) && strcasestr(value, "algorithm=") &&
	       !strcasestr(value, "algorithm=MD5"))
		;
	if (!param(value, "realm", realm, sizeof(realm)) || !param(value, "nonce", nonce, sizeof(nonce)))
		die("a 401 without a usable challenge");
	snprintf(a, sizeof(a), "u%ld:%s:%s", user_of(slot), realm, load.password);
	hex_digest(a, ha1);
	snprintf(a, sizeof(a), "REGISTER:sip:%s", load.domain);
	hex_digest(a, ha2);
	if (strcasestr(value, "qop="))
		snprintf(a, sizeof(a), "%s:%s:00000001:0a4f113b:auth:%s", ha1, nonce, ha2);
	else
		snprintf(a, sizeof(a), "%s:%s:%s", ha1, nonce, ha2);
	hex_digest(a, answer);
	snprintf(
		out, cap,
		"Authorization: Digest username=\"u%ld\", realm=\"%s\", nonce=\"%s\", uri=\"sip:%s\", response=\"%s\", "
		"algorithm=MD5%s\r\n",
		user_of(slot), realm, nonce, load.domain, answer,
		strcasestr(value, "qop=") ? ", qop=auth, nc=00000001, cnonce=\"0a4f113b\"" : "");
}

static const char *method_of(const struct slot *slot)
{
	if (load.registering)
		return "REGISTER";
	switch (load.work) {
	case OPTIONS:
		return "OPTIONS";
	case REGISTER:
	case DIGEST:
		return "REGISTER";
	case MESSAGE:
		return "MESSAGE";
	default:
		return slot->step == 2 ? "BYE" : "INVITE";
	}
}

/* The request that this slot's step asks for. step 0: first; 1: with credentials, or after a 2xx: ACK; 2: BYE; 3:
 * CANCEL */
static void send_request(struct slot *slot, const char *method, const char *extra)
{
	static const char sdp[] =
		"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
		"m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
		"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";
	char text[BYTES_MAX], uri[400], contact[200], to[300];
	int which = slot->number % SOCKETS;
	bool registers = strcmp(method, "REGISTER") == 0, invites = strcmp(method, "INVITE") == 0;
	bool in_dialog = strcmp(method, "ACK") == 0 || strcmp(method, "BYE") == 0;

	if (registers || strcmp(method, "OPTIONS") == 0)
		snprintf(uri, sizeof(uri), "sip:%s", load.domain);
	else if (in_dialog)
		snprintf(uri, sizeof(uri), "%s", slot->target);
	else
		snprintf(uri, sizeof(uri), "sip:u%ld@%s", user_of(slot), load.domain);
	if (registers)
		snprintf(contact, sizeof(contact), "Contact: <sip:u%ld@127.0.0.1:%d%s>;expires=3600\r\n", user_of(slot),
			 load.callee[user_of(slot) % SOCKETS].port, way_param());
	else
		snprintf(contact, sizeof(contact), "Contact: <sip:caller@127.0.0.1:%d%s>\r\n", load.caller[which].port,
			 way_param());
	/* over a connection, callees register by the one that they will be called on */
	struct end *e = registers && load.way != UDP ? &load.callee[user_of(slot) % SOCKETS] : &load.caller[which];
	if (registers)
		snprintf(to, sizeof(to), "<sip:u%ld@%s>", user_of(slot), load.domain);
	else
		snprintf(to, sizeof(to), "<sip:u%ld@%s>%s%s", user_of(slot), load.domain,
			 *slot->to_tag && in_dialog ? ";tag=" : "", in_dialog ? slot->to_tag : "");
	int n = snprintf(text, sizeof(text),
			 "%s %s SIP/2.0\r\nVia: SIP/2.0/%s 127.0.0.1:%d;branch=z9hG4bK-%ld-%d-%s;rport\r\n%s"
			 "Max-Forwards: 70\r\nFrom: <sip:%s%ld@%s>;tag=f%ld\r\nTo: %s\r\nCall-ID: %ld-%d-%ld@load\r\n"
			 "CSeq: %d %s\r\n%s%sUser-Agent: sip_load\r\n%sContent-Length: %zu\r\n\r\n%s",
			 method, uri, way_name(), e->port, slot->unit, slot->step,
			 strcmp(method, "CANCEL") ? method : "INVITE", in_dialog ? slot->route : "",
			 registers ? "u" : "caller", registers ? user_of(slot) : slot->unit, load.domain, slot->unit,
			 to, (long)getpid(), slot->number, slot->unit,
			 strcmp(method, "BYE") == 0 ? 2 : 1 + (registers && slot->step), method, contact, extra,
			 invites                     ? "Content-Type: application/sdp\r\n"
			 : strcmp(method, "MESSAGE") ? ""
						     : "Content-Type: text/plain\r\n",
			 invites                     ? sizeof(sdp) - 1
			 : strcmp(method, "MESSAGE") ? (size_t)0
						     : (size_t)5,
			 invites                     ? sdp
			 : strcmp(method, "MESSAGE") ? ""
						     : "hello");
	if (n < 0 || (size_t)n >= sizeof(text))
		die("request too long");
	send_to_server(e, text, (size_t)n);
}

static void start_unit(struct slot *slot)
{
	long total = load.registering ? load.users : load.count;

	slot->unit = -1;
	if (load.started >= total)
		return;
	slot->unit = load.started++;
	slot->step = 0;
	slot->since = seconds();
	slot->to_tag[0] = slot->route[0] = '\0';
	send_request(slot, method_of(slot), "");
}

static void end_unit(struct slot *slot, bool good)
{
	load.done++;
	load.failed += !good;
	start_unit(slot);
}

/* Record-Route of the 2xx, turned round, becomes the Route of a caller (RFC 3261 12.1.2). */
static void note_dialog(struct slot *slot, const char *msg)
{
	char value[600], to[400], contact[300], *tag;
	const char *at = msg;
	char all[5][600];
	int n = 0;

	while (n < 5 && (at = header(at, "Record-Route", value, sizeof(value))))
		strcpy(all[n++], value);
	slot->route[0] = '\0';
	while (n-- > 0)
		snprintf(slot->route + strlen(slot->route), sizeof(slot->route) - strlen(slot->route), "Route: %s\r\n",
			 all[n]);
	if (header(msg, "To", to, sizeof(to)) && (tag = strstr(to, ";tag=")))
		snprintf(slot->to_tag, sizeof(slot->to_tag), "%.*s", (int)strcspn(tag + 5, ";"), tag + 5);
	if (header(msg, "Contact", contact, sizeof(contact)) && strchr(contact, '<'))
		snprintf(slot->target, sizeof(slot->target), "%.*s", (int)strcspn(strchr(contact, '<') + 1, ">"),
			 strchr(contact, '<') + 1);
}

static void response(const char *msg)
{
	char call_id[200], cseq[60], extra[1500];
	long pid, unit;
	int number, status = atoi(msg + 8);

	if (!header(msg, "Call-ID", call_id, sizeof(call_id)) || !header(msg, "CSeq", cseq, sizeof(cseq)) ||
	    sscanf(call_id, "%ld-%d-%ld@", &pid, &number, &unit) != 3 || number < 0 || number >= load.in_flight)
		return;
	struct slot *slot = &load.slots[number];
	if (slot->unit != unit || pid != (long)getpid() || strstr(cseq, "CANCEL"))
		return;
	if (status < 200) {
		if (load.work == RING && status == 180 && slot->step == 0 && !load.registering) {
			slot->step = 9; /* rings and stays */
			load.done++;
		}
		return;
	}
	if (strstr(cseq, "REGISTER") && status == 401 && slot->step == 0) {
		credentials(msg, slot, extra, sizeof(extra));
		slot->step = 1;
		send_request(slot, "REGISTER", extra);
	} else if (strstr(cseq, "INVITE") && status < 300) {
		if (slot->step == 0)
			note_dialog(slot, msg);
		slot->step = 1;
		send_request(slot, "ACK", "");
		if (load.work == HOLD) {
			end_unit(slot, true);
			return;
		}
		slot->step = 2;
		send_request(slot, "BYE", "");
	} else if (strstr(cseq, "INVITE")) {
		note_dialog(slot, msg);
		slot->route[0] = '\0';
		snprintf(slot->target, sizeof(slot->target), "sip:u%ld@%s", user_of(slot), load.domain);
		slot->step = 0; /* the ACK of a refusal bears the INVITE's branch */
		send_request(slot, "ACK", "");
		if (load.work == RING)
			slot->unit = -1;
		else
			end_unit(slot, false);
	} else {
		end_unit(slot, status < 300);
	}
}

/* A callee: copies what a response copies (RFC 3261 8.2.6.2) and answers. */
static void request(struct end *e, const char *msg, const struct sockaddr_in *from)
{
	static const char sdp[] = "v=0\r\no=- 2 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
				  "m=audio 40002 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=ptime:20\r\n";
	char copy[BYTES_MAX] = "", value[800], text[BYTES_MAX];
	static const char *const names[] = { "Via", "Record-Route", "From", "Call-ID", "CSeq" };
	bool invites = strncmp(msg, "INVITE ", 7) == 0;

	if (strncmp(msg, "ACK ", 4) == 0)
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *at = msg;

		while ((at = header(at, names[i], value, sizeof(value))))
			snprintf(copy + strlen(copy), sizeof(copy) - strlen(copy), "%s: %s\r\n", names[i], value);
	}
	header(msg, "To", value, sizeof(value));
	for (int status = invites ? 180 : 200; status <= 200; status += 20) {
		int n = snprintf(text, sizeof(text),
				 "SIP/2.0 %d %s\r\n%sTo: %s%s\r\nContact: <sip:u@127.0.0.1:%d%s>\r\n%sContent-Length: "
				 "%d\r\n\r\n%s",
				 status, status == 180 ? "Ringing" : "OK", copy, value,
				 strstr(value, ";tag=") ? "" : ";tag=callee", e->port, way_param(),
				 invites && status == 200 ? "Content-Type: application/sdp\r\n" : "",
				 invites && status == 200 ? (int)sizeof(sdp) - 1 : 0,
				 invites && status == 200 ? sdp : "");
		send_to(e, text, (size_t)n, from);
		if (load.work == RING && invites)
			break;
	}
	if (strncmp(msg, "CANCEL ", 7) == 0) { /* the INVITE it cancels is answered 487, with its own CSeq */
		char *at = strstr(copy, "CANCEL");

		if (at) {
			char tail[BYTES_MAX];

			strcpy(tail, at + 6);
			strcpy(at, "INVITE");
			strcat(at, tail);
		}
		int n = snprintf(text, sizeof(text),
				 "SIP/2.0 487 Request Terminated\r\n%sTo: %s;tag=callee\r\nContent-Length: 0\r\n\r\n",
				 copy, value);
		send_to(e, text, (size_t)n, from);
	}
}

static void heard(struct end *e, const char *msg, const struct sockaddr_in *from)
{
	if (strncmp(msg, "SIP/2.0 ", 8) == 0)
		response(msg);
	else
		request(e, msg, from);
}

static void drain_socket(struct end *e)
{
	char bytes[BYTES_MAX * 4];
	struct sockaddr_in from;

	for (;;) {
		socklen_t n_from = sizeof(from);
		ssize_t n = recvfrom(e->fd, bytes, sizeof(bytes) - 1, 0, (struct sockaddr *)&from, &n_from);

		if (n < 0)
			return;
		bytes[n] = '\0';
		heard(e, bytes, &from);
	}
}

/* The length of the whole message that `in` begins with; 0: more is needed. */
static size_t whole(struct end *e)
{
	char value[20] = "0", *end;

	e->in[e->n] = '\0';
	end = strstr(e->in, "\r\n\r\n");
	if (!end)
		return 0;
	header(e->in, "Content-Length", value, sizeof(value));
	size_t n = (size_t)(end + 4 - e->in) + (size_t)atol(value);
	return n <= e->n ? n : 0;
}

static void drain_stream(struct end *e)
{
	char msg[BYTES_MAX * 4];
	size_t n;

	for (;;) {
		size_t room = sizeof(e->in) - 1 - e->n;
		ssize_t got = e->ssl ? SSL_read(e->ssl, e->in + e->n, (int)room) : recv(e->fd, e->in + e->n, room, 0);

		if (got == 0)
			die("the server has closed a connection");
		if (got < 0)
			return;
		e->n += (size_t)got;
		while ((n = whole(e))) {
			memcpy(msg, e->in, n);
			msg[n] = '\0';
			e->n -= n;
			memmove(e->in, e->in + n, e->n);
			heard(e, msg, &load.server);
		}
	}
}

static void drain(struct end *e)
{
	if (load.way == UDP)
		drain_socket(e);
	else
		drain_stream(e);
}

/* ---- TLS connections by themselves ---- */

static void shake_hands(void)
{
	struct end e;

	for (load.done = 0; load.done < load.count; load.done++) {
		char last;

		open_stream(&e, true);
		SSL_shutdown(e.ssl);
		shutdown(e.fd, SHUT_WR);
		while (read(e.fd, &last, 1) > 0) /* until it has seen to it */
			;
		SSL_free(e.ssl);
		close(e.fd);
	}
}

static void be_idle(void)
{
	struct end *ends = calloc((size_t)load.count, sizeof(*ends));
	char text[600], line[16];

	for (long i = 0; i < load.count; i++) {
		open_stream(&ends[i], true);
		int n = snprintf(text, sizeof(text),
				 "OPTIONS sip:%s SIP/2.0\r\nVia: SIP/2.0/TLS "
				 "127.0.0.1:%d;branch=z9hG4bKi%ld\r\nMax-Forwards: 70\r\n"
				 "From: <sip:u%ld@%s>;tag=i\r\nTo: <sip:%s>\r\nCall-ID: idle%ld\r\nCSeq: 1 OPTIONS\r\n"
				 "Content-Length: 0\r\n\r\n",
				 load.domain, ends[i].port, i, i, load.domain, load.domain, i);
		send_to_server(&ends[i], text, (size_t)n);
		if (SSL_read(ends[i].ssl, ends[i].in, sizeof(ends[i].in)) <= 0)
			die("no answer over TLS");
		load.done++;
	}
	printf("{\"idle\":%ld}\n", load.done);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return;
	for (long i = 0; i < load.count; i++)
		close_stream(&ends[i]);
	free(ends);
}

static void run_until(long total)
{
	struct pollfd fds[2 * SOCKETS];
	double last = seconds();
	long seen = load.done;

	for (int i = 0; i < SOCKETS; i++) {
		fds[i] = (struct pollfd){ .fd = load.caller[i].fd, .events = POLLIN };
		fds[SOCKETS + i] = (struct pollfd){ .fd = load.callee[i].fd, .events = POLLIN };
	}
	while (load.done < total) {
		poll(fds, 2 * SOCKETS, 100);
		for (int i = 0; i < SOCKETS; i++) {
			if (fds[i].revents)
				drain(&load.caller[i]);
			if (fds[SOCKETS + i].revents)
				drain(&load.callee[i]);
		}
		if (load.done != seen) {
			seen = load.done;
			last = seconds();
		} else if (seconds() - last > 10) {
			fprintf(stderr, "sip_load: nothing moved for 10 s (%ld of %ld done)\n", load.done, total);
			load.failed += total - load.done;
			break;
		}
	}
}

static void start_all(void)
{
	load.started = load.done = load.failed = 0;
	for (int i = 0; i < load.in_flight; i++) {
		load.slots[i].number = i;
		start_unit(&load.slots[i]);
	}
}

static void end_ringing(void)
{
	char line[16];

	printf("{\"ringing\":%ld,\"failed\":%ld}\n", load.done, load.failed);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return;
	for (int i = 0; i < load.in_flight; i++) {
		load.slots[i].step = 0;
		send_request(&load.slots[i], "CANCEL", "");
		if (i % 50 == 49) {
			struct pollfd none = { .fd = -1 };

			poll(&none, 1, 5);
			for (int s = 0; s < SOCKETS; s++) {
				drain(&load.callee[s]);
				drain(&load.caller[s]);
			}
		}
	}
	for (int i = 0; i < 20; i++) {
		struct pollfd none = { .fd = -1 };

		poll(&none, 1, 50);
		for (int s = 0; s < SOCKETS; s++) {
			drain(&load.callee[s]);
			drain(&load.caller[s]);
		}
	}
}

static void options(int argc, char **argv)
{
	static const char *const works[] = { "options", "register", "digest",    "message", "call",
					     "hold",    "ring",     "handshake", "idle" };
	bool found = false;

	load.count = 10000;
	load.users = 1000;
	load.in_flight = 100;
	load.domain = "bench.test";
	load.password = "secret";
	for (int i = 0; argc > 1 && i < 9; i++) {
		if (strcmp(argv[1], works[i]) == 0) {
			load.work = (enum work)i;
			found = true;
		}
	}
	if (!found)
		die("WORK is options, register, digest, message, call, hold, ring, handshake or idle");
	for (int i = 2; i + 1 < argc; i += 2) {
		char *colon;

		if (strcmp(argv[i], "--server") == 0 && (colon = strchr(argv[i + 1], ':'))) {
			snprintf(load.server_text, sizeof(load.server_text), "%s", argv[i + 1]);
			load.server.sin_family = AF_INET;
			load.server.sin_port = htons((unsigned short)atoi(colon + 1));
			*colon = '\0';
			inet_pton(AF_INET, argv[i + 1], &load.server.sin_addr);
		} else if (strcmp(argv[i], "--count") == 0) {
			load.count = atol(argv[i + 1]);
		} else if (strcmp(argv[i], "--users") == 0) {
			load.users = atol(argv[i + 1]);
		} else if (strcmp(argv[i], "--first") == 0) {
			load.first = atol(argv[i + 1]);
		} else if (strcmp(argv[i], "--in-flight") == 0) {
			load.in_flight = atoi(argv[i + 1]);
		} else if (strcmp(argv[i], "--transport") == 0) {
			load.way = strcmp(argv[i + 1], "tls") == 0 ? TLS : strcmp(argv[i + 1], "tcp") == 0 ? TCP : UDP;
		} else if (strcmp(argv[i], "--domain") == 0) {
			load.domain = argv[i + 1];
		} else if (strcmp(argv[i], "--password") == 0) {
			load.password = argv[i + 1];
		} else {
			die("unknown option");
		}
	}
	if (load.work == RING)
		load.in_flight = (int)load.count;
	if (ntohl(load.server.sin_addr.s_addr) >> 24 != 127)
		die("--server must be a loopback address");
}

int main(int argc, char **argv)
{
	options(argc, argv);
	load.slots = calloc((size_t)load.in_flight, sizeof(*load.slots));
	if (load.way == TLS) {
		load.tls = SSL_CTX_new(TLS_client_method());
		SSL_CTX_set_session_cache_mode(load.tls, SSL_SESS_CACHE_OFF);
	}
	for (int i = 0; i < SOCKETS && load.work < HANDSHAKE; i++) {
		open_end(&load.caller[i]);
		open_end(&load.callee[i]);
	}
	if (load.work >= MESSAGE && load.work < HANDSHAKE) {
		int all = load.in_flight;

		load.registering = true;
		load.in_flight = all < 100 ? all : 100;
		start_all();
		run_until(load.users);
		if (load.failed)
			die("the callees could not be registered");
		load.in_flight = all;
		load.registering = false;
		fprintf(stderr, "registered\n");
	}
	if (getenv("SIP_LOAD_WAIT")) { /* the runner reads its meters, then says go */
		char line[16];

		if (!fgets(line, sizeof(line), stdin))
			return 1;
	}
	double start = seconds();
	if (load.work == HANDSHAKE) {
		shake_hands();
	} else if (load.work == IDLE) {
		be_idle();
		return 0;
	} else if (load.work == RING && load.in_flight > 200) { /* not all at once: buffers */
		int all = load.in_flight;

		load.started = load.done = load.failed = 0;
		for (int at = 0; at < all; at += 100) {
			for (int i = at; i < at + 100 && i < all; i++) {
				load.slots[i].number = i;
				start_unit(&load.slots[i]);
			}
			run_until(at + 100 < all ? at + 100 : all);
		}
	} else {
		start_all();
		run_until(load.count);
	}
	double took = seconds() - start;
	if (load.work == RING)
		end_ringing();
	else
		printf("{\"done\":%ld,\"failed\":%ld,\"seconds\":%.3f}\n", load.done, load.failed, took);
	return load.failed ? 1 : 0;
}
