/*
 * What the exchange itself costs, without sockets: us of CPU for a REGISTER (digest SHA-256, account remembered, keeper
 * at once; a refresh without a password; a challenge and the MD5 answer to it) and for a proxied call (INVITE, 100,
 * 180, 200, ACK, BYE, 200; trace off, no authentication), and the bytes on the heap for a binding and for a call that
 * is up. Only the time inside the service is counted.
 */
#include "pbx/note.h"
#include "pbx/server.h"
#include "sip/auth.h"
#include "sip/edit.h"
#include "store/keeper.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const struct pbx_listener listeners[] = {
	{ .transport = TRANSPORT_UDP, .local = { .family = 4, .port = 5060, .ip = { 192, 0, 2, 1 } } },
};
static const struct addr alice = { .family = 4, .port = 5060, .ip = { 192, 0, 2, 11 } };
static const struct addr bob = { .family = 4, .port = 5060, .ip = { 192, 0, 2, 12 } };

static struct host_service service;
static struct sip_auth *digest;
static usec now = 1700000000 * USEC_PER_SEC;
static double inside; /* ns */
static struct {
	char text[4000];
	size_t n;
	struct addr to;
} sent[64];
static size_t sent_n;

static double clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void hear(const struct host_event *e)
{
	double start = clock_ns();

	service.recv(service.self, e, now);
	inside += clock_ns() - start;
}

static void answer(struct keeper_ask *q)
{
	struct keeper_answer a = { .kind = q->kind, .token = q->token, .why = "" };
	struct host_event e = { .kind = HOST_ANSWER, .message = &a };
	struct user_record user = { .realm = STR("realm") };
	uint8_t ha1[SIP_AUTH_HA1_MAX];
	char sha[64], md5[32];
	struct buf b;

	if (q->kind == KEEPER_REALM || q->kind == KEEPER_USER_FIND) {
		a.users = &user;
		a.n = 1;
	}
	if (q->kind == KEEPER_USER_FIND) {
		if (sip_auth_ha1(digest, SIP_AUTH_SHA256, q->users[0].name, STR("realm"), STR("pw"), ha1))
			abort();
		buf_init(&b, sha, sizeof(sha));
		buf_put_hex(&b, ha1, 32);
		if (sip_auth_ha1(digest, SIP_AUTH_MD5, q->users[0].name, STR("realm"), STR("pw"), ha1))
			abort();
		buf_init(&b, md5, sizeof(md5));
		buf_put_hex(&b, ha1, 16);
		user.name = q->users[0].name;
		user.ha1_sha256 = str_of(sha, 64);
		user.ha1_md5 = str_of(md5, 32);
	}
	hear(&e);
	keeper_ask_free(q);
}

/* Whatever it wants; a tick where it has something to do, as at the end of a turn. */
static void settle(void)
{
	struct host_want w;

	for (;;) {
		double start = clock_ns();
		bool more = service.next(service.self, &w);

		if (!more && service.due(service.self) <= now) {
			service.tick(service.self, now);
			more = service.next(service.self, &w);
		}
		inside += clock_ns() - start;
		if (!more)
			return;
		struct host_event e = { .kind = HOST_BOUND, .id = w.id, .local = w.local };
		if (w.kind == HOST_ASK)
			answer(w.message);
		else if (w.kind == HOST_BIND)
			hear(&e);
		else if (w.kind == HOST_SEND && sent_n < 64) {
			memcpy(sent[sent_n].text, w.bytes.p, w.bytes.n);
			sent[sent_n].n = w.bytes.n;
			sent[sent_n++].to = w.remote;
		}
	}
}

static void say_more(const struct addr *from, str bytes)
{
	struct host_event e = { .kind = HOST_DATAGRAM,
				.id = 1,
				.transport = TRANSPORT_UDP,
				.local = listeners[0].local,
				.remote = *from,
				.bytes = bytes };

	hear(&e);
}

static void say(const struct addr *from, str bytes)
{
	sent_n = 0;
	say_more(from, bytes);
	settle();
}

static void pass(usec span)
{
	double start = clock_ns();

	now += span;
	while (service.due(service.self) <= now)
		service.tick(service.self, now);
	inside += clock_ns() - start;
	settle();
}

static str last_to(const struct addr *to)
{
	for (size_t i = sent_n; i--;)
		if (addr_eq(&sent[i].to, to))
			return str_of(sent[i].text, sent[i].n);
	abort();
}

static str reply(str request, int status, const char *lines, char *out, size_t cap)
{
	static char block[SIP_MSG_ARENA];
	struct sip_reply r = { .status = status, .to_tag = STR("bt"), .lines = str_from(lines) };
	struct arena arena;
	struct sip_msg m;
	struct buf b;

	arena_init(&arena, block, sizeof(block), SIP_MSG_HEAP_MAX);
	buf_init(&b, out, cap);
	if (sip_msg_parse(&m, &arena, request) || sip_reply_write(&m, &r, &b))
		abort();
	return buf_str(&b);
}

static void start(struct pbx_server **server, struct rng *rng, bool auth)
{
	struct pbx_config config = pbx_config_default();

	rng_seeded(rng, 1);
	config.rng = rng;
	config.domain = STR("example.com");
	config.auth = auth;
	config.listeners = listeners;
	config.listener_n = 1;
	*server = pbx_server_new(&config);
	if (!*server)
		abort();
	service = pbx_server_service(*server);
	pass(0);
}

static str register_text(int user, int turn, const char *auth, char *out, size_t cap)
{
	int n = snprintf(
		out, cap,
		"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.12:5060;branch=z9hG4bKr%d.%d;rport\r\n"
		"Max-Forwards: 70\r\nFrom: <sip:%d@example.com>;tag=1\r\nTo: <sip:%d@example.com>\r\nCall-ID: r%d\r\n"
		"CSeq: %d REGISTER\r\nContact: <sip:%d@192.0.2.12:5060>\r\nExpires: 3600\r\n"
		"User-Agent: Example Phone/2.14\r\n%sContent-Length: 0\r\n\r\n",
		user, turn, user, user, user, turn, user, auth);

	return str_of(out, (size_t)n);
}

/* The first time unauthenticated, then with the answer to the challenge, counted up. */
static void bench_register(int users, int turns)
{
	char text[2000], auth[700], value[600], name[12];
	struct pbx_server *server;
	struct sip_challenge c;
	struct rng rng;
	struct buf b;
	size_t before;

	start(&server, &rng, true);
	before = mallinfo2().uordblks;
	for (int turn = 1; turn <= turns; turn++) {
		if (turn == turns)
			inside = 0;
		for (int user = 0; user < users; user++) {
			static char nonces[20000][400];

			if (turn == 1) {
				say(&bob, register_text(user, 0, "", text, sizeof(text)));
				str line = last_to(&bob);
				line = str_skip(line, str_find(line, STR("WWW-Authenticate: ")) + 18);
				line = str_head(line, str_find(line, STR("\r\n")));
				(void)str_copy_z(line, nonces[user], sizeof(nonces[user]));
			}
			if (sip_challenge_parse(str_from(nonces[user]), &c))
				abort();
			snprintf(name, sizeof(name), "%d", user);
			buf_init(&b, value, sizeof(value));
			if (sip_auth_answer_password(digest, &c, str_from(name), STR("pw"), STR("REGISTER"),
						     STR("sip:example.com"), STR("cn"), (uint32_t)turn, STR_NONE, &b))
				abort();
			snprintf(auth, sizeof(auth), "Authorization: %.*s\r\n", (int)b.n, value);
			say(&bob, register_text(user, turn, auth, text, sizeof(text)));
			if (!str_starts(last_to(&bob), STR("SIP/2.0 200")))
				abort();
		}
		pass(40 * USEC_PER_SEC); /* the transactions end */
	}
	printf("REGISTER            %7.2f us   %d bindings, %zu bytes each (with the account remembered)\n",
	       inside / users / 1000, users, (mallinfo2().uordblks - before) / (size_t)users);
	pbx_server_free(server);
}

static void assert_all(int n, const char *start)
{
	if (sent_n != (size_t)n)
		abort();
	for (size_t i = 0; i < sent_n; i++)
		if (!str_starts(str_of(sent[i].text, sent[i].n), str_from(start)))
			abort();
}

#define TURN 32 /* messages read in one go */

/* The same phones again and again, no password asked. */
static void bench_refresh(int users, int turns)
{
	struct pbx_server *server;
	char text[2000];
	struct rng rng;

	start(&server, &rng, false);
	for (int turn = 1; turn <= turns; turn++) {
		if (turn == 2)
			inside = 0;
		for (int user = 0; user < users; user += TURN) {
			sent_n = 0;
			for (int i = 0; i < TURN; i++)
				say_more(&bob, register_text(user + i, turn, "", text, sizeof(text)));
			settle();
			assert_all(TURN, "SIP/2.0 200");
		}
		pass(40 * USEC_PER_SEC);
	}
	printf("refresh             %7.2f us\n", inside / users / (turns - 1) / 1000);
	pbx_server_free(server);
}

/* The MD5 one of the challenges in this 401, answered. */
static void authorize(str answer, int user, char *out, size_t cap)
{
	str challenge = STR_NONE;
	struct sip_challenge c;
	char value[600], name[12];
	struct buf b;

	for (size_t at; (at = str_find(answer, STR("WWW-Authenticate: "))) < answer.n;) {
		answer = str_skip(answer, at + 18);
		challenge = str_head(answer, str_find(answer, STR("\r\n")));
	}
	if (sip_challenge_parse(challenge, &c) || c.algorithm != SIP_AUTH_MD5)
		abort();
	snprintf(name, sizeof(name), "%d", user);
	buf_init(&b, value, sizeof(value));
	if (sip_auth_answer_password(digest, &c, str_from(name), STR("pw"), STR("REGISTER"), STR("sip:example.com"),
				     STR("cn"), 1, STR_NONE, &b))
		abort();
	snprintf(out, cap, "Authorization: %.*s\r\n", (int)b.n, value);
}

/* Challenged each time; MD5 is answered, as load generators do. */
static void bench_digest(int users, int turns)
{
	static char auths[TURN][700];
	struct pbx_server *server;
	char text[2000];
	struct rng rng;

	start(&server, &rng, true);
	for (int turn = 1; turn <= turns; turn++) {
		if (turn == 2)
			inside = 0;
		for (int user = 0; user < users; user += TURN) {
			sent_n = 0;
			for (int i = 0; i < TURN; i++)
				say_more(&bob, register_text(user + i, 2 * turn, "", text, sizeof(text)));
			settle();
			assert_all(TURN, "SIP/2.0 401");
			for (int i = 0; i < TURN; i++)
				authorize(str_of(sent[i].text, sent[i].n), user + i, auths[i], sizeof(auths[i]));
			sent_n = 0;
			for (int i = 0; i < TURN; i++)
				say_more(&bob, register_text(user + i, 2 * turn + 1, auths[i], text, sizeof(text)));
			settle();
			assert_all(TURN, "SIP/2.0 200");
		}
		pass(40 * USEC_PER_SEC);
	}
	printf("challenge, answer   %7.2f us\n", inside / users / (turns - 1) / 1000);
	pbx_server_free(server);
}

static void bench_call(int calls)
{
	static const char sdp[] = "v=0\r\no=- 1 1 IN IP4 192.0.2.11\r\ns=-\r\nc=IN IP4 192.0.2.11\r\nt=0 0\r\n"
				  "m=audio 4000 RTP/AVP 8 0\r\na=sendrecv\r\n";
	char text[3000], invite[4000], ok[4000], route[400];
	struct pbx_server *server;
	struct rng rng;
	size_t before = 0;
	int n;

	start(&server, &rng, false);
	say(&bob, register_text(102, 1, "", text, sizeof(text)));
	pass(40 * USEC_PER_SEC);
	before = mallinfo2().uordblks;
	inside = 0;
	for (int call = 0; call < calls; call++) {
		n = snprintf(text, sizeof(text),
			     "INVITE sip:102@example.com SIP/2.0\r\nVia: SIP/2.0/UDP "
			     "192.0.2.11:5060;rport;branch=z9hG4bKi%d\r\n"
			     "Max-Forwards: 70\r\nFrom: <sip:101@example.com>;tag=f\r\nTo: <sip:102@example.com>\r\n"
			     "Call-ID: c%d\r\nCSeq: 1 INVITE\r\nContact: <sip:101@192.0.2.11:5060>\r\nSupported: "
			     "replaces\r\n"
			     "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\nUser-Agent: Example Phone/2.14\r\n"
			     "Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
			     call, call, sizeof(sdp) - 1, sdp);
		say(&alice, str_of(text, (size_t)n));
		str got = last_to(&bob);
		memcpy(invite, got.p, got.n);
		str request = str_of(invite, got.n);
		say(&bob, reply(request, 180, "Contact: <sip:102@192.0.2.12:5060>", ok, sizeof(ok)));
		say(&bob, reply(request, 200, "Contact: <sip:102@192.0.2.12:5060>", ok, sizeof(ok)));
		str line = last_to(&alice);
		line = str_skip(line, str_find(line, STR("Record-Route: ")) + 14);
		(void)str_copy_z(str_head(line, str_find(line, STR("\r\n"))), route, sizeof(route));
		n = snprintf(
			text, sizeof(text),
			"ACK sip:102@192.0.2.12:5060 SIP/2.0\r\nVia: SIP/2.0/UDP "
			"192.0.2.11:5060;rport;branch=z9hG4bKa%d\r\n"
			"Max-Forwards: 70\r\nRoute: %s\r\nFrom: <sip:101@example.com>;tag=f\r\n"
			"To: <sip:102@example.com>;tag=bt\r\nCall-ID: c%d\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
			call, route, call);
		say(&alice, str_of(text, (size_t)n));
		if (call % 2) { /* half of them stay up, to be weighed */
			n = snprintf(text, sizeof(text),
				     "BYE sip:102@192.0.2.12:5060 SIP/2.0\r\n"
				     "Via: SIP/2.0/UDP 192.0.2.11:5060;rport;branch=z9hG4bKb%d\r\nMax-Forwards: "
				     "70\r\nRoute: %s\r\n"
				     "From: <sip:101@example.com>;tag=f\r\nTo: "
				     "<sip:102@example.com>;tag=bt\r\nCall-ID: c%d\r\n"
				     "CSeq: 2 BYE\r\nContent-Length: 0\r\n\r\n",
				     call, route, call);
			say(&alice, str_of(text, (size_t)n));
			say(&bob, reply(last_to(&bob), 200, "", ok, sizeof(ok)));
		}
		pass(10 * USEC_PER_MS);
	}
	double spent = inside;
	pass(40 * USEC_PER_SEC);
	printf("proxied call        %7.2f us   %zu bytes for a call that is up\n", spent / calls / 1000,
	       (mallinfo2().uordblks - before) / (size_t)(calls / 2));
	pbx_server_free(server);
}

int main(int argc, char **argv)
{
	int n = (argc > 1 ? atoi(argv[1]) : 10000) / TURN * TURN;
	char what = argc > 2 ? argv[2][0] : 'a'; /* one of them, and so many turns, for a profiler: r, d, c */
	int turns = argc > 3 ? atoi(argv[3]) : 4;

	digest = sip_auth_new(NULL);
	if (what == 'a' || what == 'r')
		bench_refresh(n < 20000 ? n : 20000, turns);
	if (what == 'a' || what == 'd')
		bench_digest(n < 16384 ? n : 16384, turns);
	if (what == 'c')
		bench_call(n);
	if (what != 'a') {
		sip_auth_free(digest);
		return 0;
	}
	bench_register(n < 20000 ? n : 20000, 3);
	bench_call(n);
	sip_auth_free(digest);
	return 0;
}
