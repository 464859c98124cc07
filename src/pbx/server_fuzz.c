/*
 * A whole exchange among strangers and phones, as many messages as the input holds. The first byte chooses what is
 * switched on. Then records, each ended by a 0 byte and a letter that says where it comes from: D and E two phones, K a
 * host whose name is known, S a connection of theirs, O the connection that the exchange opened last; T is D, and two
 * minutes pass. '$' followed by a letter is put in place of what a peer learns from our messages: 1 to 4 the head of
 * the answer to the last request that we sent, that before, ...; R our last Record-Route, T our last tag, G our last
 * GRUU.
 *
 * Whatever was said: nothing may be left of it after a day.
 */
#include "pbx/policy_file.h"
#include "pbx/server.h"

#include "pbx/figures.h"
#include "pbx/note.h"
#include "store/keeper.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define STREAM   (HOST_OWN_MAX + 1)
#define REQUESTS 4

enum {
	WITH_PASSWORDS = 1,
	WITH_RULES = 2,
	WITH_STORY = 4,
	WITH_TRACE = 8,
	WITH_REDIRECTS = 16,
	WITH_NO_RECURSION = 32
};

struct jar {
	struct pbx_server *server;
	struct host_service s;
	usec now;
	uint32_t opened;
	struct addr opened_to;
	char answers[REQUESTS][1500]; /* heads of them, the newest at `request_n` - 1 */
	size_t request_n;
	char route[300], tag[80], gruu[300];
};

static const struct pbx_listener listeners[] = {
	{ .transport = TRANSPORT_UDP, .local = { .family = 4, .port = 5060, .ip = { 192, 0, 2, 1 } } },
	{ .transport = TRANSPORT_TCP, .local = { .family = 4, .port = 5060, .ip = { 192, 0, 2, 1 } } },
};
static const struct addr known = { .family = 4, .ip = { 192, 0, 2, 77 } };

static const char rules[] = "limited: to 103 limit 1 calls each caller limit 3 requests per 1m each caller\n"
			    "moved: to 104 redirect sip:102@example.com, sip:far@known.example\n"
			    "longer: to 9* strip 1 add 10\n"
			    "never: to 0* refuse 403 \"no\"\n";

/* ---- what a peer learns ---- */

static void keep(str value, char *out, size_t cap)
{
	if (!str_copy_z(value, out, cap))
		out[0] = '\0';
}

/* The lines that an answer repeats, To as the last and without its end. */
static void learn_request(struct jar *j, str text)
{
	static const str names[] = { STR_INIT("via"),          STR_INIT("from"), STR_INIT("call-id"), STR_INIT("cseq"),
				     STR_INIT("record-route"), STR_INIT("v"),    STR_INIT("f"),       STR_INIT("i") };
	char *out = j->answers[j->request_n++ % REQUESTS];
	str line, name, to = STR_NONE;
	struct buf b;

	buf_init(&b, out, sizeof(j->answers[0]) - 1);
	while (str_split(text, '\n', &line, &text) && line.n > 1) {
		name = str_trim(str_head(line, str_find_char(line, ':')));
		if (str_eq_nocase(name, STR("to")) || str_eq_nocase(name, STR("t")))
			to = str_trim(line);
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (str_eq_nocase(name, names[i])) {
				buf_put(&b, line);
				buf_put_char(&b, '\n');
			}
	}
	buf_put(&b, to);
	out[buf_ok(&b) ? b.n : 0] = '\0';
}

static void learn_value(str text, const char *before, char ends, char *out, size_t cap)
{
	size_t at = str_find(text, str_from(before));
	str value = str_skip(text, at + strlen(before));

	if (at == text.n)
		return;
	value.n = str_find_char(value, ends);
	value.n = str_find_char(value, '\r');
	keep(value, out, cap);
}

static void learn(struct jar *j, str text)
{
	if (str_starts(text, STR("HEP3")))
		return;
	learn_value(text, "\r\nRecord-Route: ", '\r', j->route, sizeof(j->route));
	if (!str_starts(text, STR("SIP/2.0 "))) {
		learn_request(j, text);
		return;
	}
	learn_value(str_skip(text, str_find(text, STR("\r\nTo:"))), ";tag=", ';', j->tag, sizeof(j->tag));
	learn_value(text, "pub-gruu=\"", '"', j->gruu, sizeof(j->gruu));
}

static str learned(const struct jar *j, char letter)
{
	if (letter >= '1' && letter < '1' + REQUESTS)
		return j->request_n > (size_t)(letter - '1')
			       ? str_from(j->answers[(j->request_n - 1 - (size_t)(letter - '1')) % REQUESTS])
			       : STR_NONE;
	return str_from(letter == 'R' ? j->route : letter == 'T' ? j->tag : letter == 'G' ? j->gruu : "");
}

static size_t expand(const struct jar *j, str in, char *out, size_t cap)
{
	struct buf b;

	buf_init(&b, out, cap);
	for (size_t i = 0; i < in.n; i++) {
		str what = in.p[i] == '$' && i + 1 < in.n ? learned(j, in.p[i + 1]) : STR_NONE;

		if (what.n) {
			buf_put(&b, what);
			i++;
		} else {
			buf_put_char(&b, in.p[i]);
		}
	}
	return buf_ok(&b) ? b.n : 0;
}

/* ---- the host ---- */

/* A keeper that knows nobody and keeps everything. */
static void answer(struct jar *j, struct keeper_ask *q)
{
	struct user_record user = { .realm = STR("r") };
	struct keeper_answer a = { .kind = q->kind, .token = q->token, .why = "" };
	struct host_event e = { .kind = HOST_ANSWER, .message = &a };

	if (q->kind == KEEPER_USER_FIND)
		a.err = ERR_ABSENT;
	if (q->kind == KEEPER_REALM) {
		a.users = &user;
		a.n = 1;
	}
	j->s.recv(j->s.self, &e, j->now);
	keeper_ask_free(q);
}

static void grant(struct jar *j, const struct host_want *w)
{
	struct host_event e = { .id = w->id, .transport = w->transport, .local = w->local, .remote = w->remote };
	bool found = w->kind == HOST_RESOLVE && w->question == HOST_ADDRESSES && str_starts(w->name, STR("known."));

	switch (w->kind) {
	case HOST_BIND:
	case HOST_LISTEN:
		e.kind = HOST_BOUND;
		break;
	case HOST_CLOSE:
		e.kind = HOST_CLOSED;
		break;
	case HOST_OPEN:
		e.kind = HOST_OPENED;
		e.local = addr_v4(192, 0, 2, 1, 40000);
		j->opened = w->id;
		j->opened_to = w->remote;
		break;
	case HOST_RESOLVE:
		e.kind = HOST_RESOLVED;
		e.err = found ? ERR_NONE : ERR_ABSENT;
		e.addrs = &known;
		e.addr_n = found;
		break;
	default:
		return;
	}
	j->s.recv(j->s.self, &e, j->now);
}

static void settle(struct jar *j)
{
	struct host_want w;

	while (j->s.next(j->s.self, &w)) {
		if (w.kind == HOST_ASK)
			answer(j, w.message);
		else if (w.kind == HOST_TELL)
			pbx_note_free(w.message);
		else if (w.kind == HOST_SEND || w.kind == HOST_WRITE)
			learn(j, w.bytes);
		else
			grant(j, &w);
	}
}

static void pass(struct jar *j, usec span)
{
	usec end = j->now + span;

	while (j->now < end) {
		usec due = j->s.due(j->s.self);

		j->now = usec_min(end, due > j->now ? due : j->now + USEC_PER_MS);
		if (j->s.due(j->s.self) <= j->now)
			j->s.tick(j->s.self, j->now);
		settle(j);
	}
}

static void hear(struct jar *j, str bytes, char from)
{
	static const struct addr local = { .family = 4, .port = 5060, .ip = { 192, 0, 2, 1 } };
	static char text[70000];
	bool stream = from == 'S' || (from == 'O' && j->opened);
	struct host_event e = { .kind = stream ? HOST_BYTES : HOST_DATAGRAM,
				.id = from == 'O' && j->opened ? j->opened
				      : stream                 ? STREAM
							       : pbx_config_default().id_first,
				.transport = stream ? TRANSPORT_TCP : TRANSPORT_UDP,
				.local = local,
				.remote = addr_v4(192, 0, 2, from == 'E' ? 12 : 11, 5060) };
	size_t room = expand(j, bytes, text, sizeof(text));
	char *exact = malloc(room + 1);

	if (from == 'K') {
		e.remote = known;
		e.remote.port = 5060;
	} else if (stream) {
		e.remote = from == 'O' ? j->opened_to : addr_v4(192, 0, 2, 9, 4000);
	}
	if (exact) {
		memcpy(exact, text, room);
		e.bytes = str_of(exact, room);
		j->s.recv(j->s.self, &e, j->now);
	}
	free(exact);
	settle(j);
	pass(j, from == 'T' ? 120 * USEC_PER_SEC : 700 * USEC_PER_MS);
}

/* ---- the exchange ---- */

static bool begin(struct jar *j, unsigned with, struct rng *rng)
{
	struct pbx_config config = pbx_config_default();
	struct pbx_policy_source source = { .file = STR("f"), .text = str_from(rules), .domain = STR("example.com") };
	char why_text[600];
	struct buf why;

	rng_seeded(rng, 1);
	buf_init(&why, why_text, sizeof(why_text));
	config.rng = rng;
	config.domain = STR("example.com");
	config.auth = with & WITH_PASSWORDS;
	config.relay_any = true;
	config.policy = with & WITH_RULES ? pbx_policy_read(&source, &why) : NULL;
	config.history = with & WITH_STORY;
	config.session_expires = with & WITH_STORY ? 1800 : 0;
	config.trace = with & WITH_TRACE;
	if (with & WITH_TRACE)
		config.hep.collector = addr_v4(192, 0, 2, 200, 9060);
	config.redirect_any = with & WITH_REDIRECTS;
	config.recurse = !(with & WITH_NO_RECURSION);
	config.listeners = listeners;
	config.listener_n = 2;
	assert(!(with & WITH_RULES) || config.policy);
	j->server = pbx_server_new(&config);
	if (!j->server)
		return false;
	j->s = pbx_server_service(j->server);
	j->s.tick(j->s.self, j->now);
	settle(j);
	struct host_event e = { .kind = HOST_ACCEPTED,
				.id = STREAM,
				.listener = config.id_first + 1,
				.transport = TRANSPORT_TCP,
				.local = listeners[1].local,
				.remote = addr_v4(192, 0, 2, 9, 4000) };
	j->s.recv(j->s.self, &e, j->now);
	settle(j);
	return true;
}

static void nothing_is_left(struct jar *j)
{
	static struct pbx_figures figures; /* large */

	pass(j, 25 * 3600 * USEC_PER_SEC);
	pbx_server_figures(j->server, &figures);
	assert(figures.server.jobs == 0 && figures.server.contacts == 0 && figures.sip.transactions == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct jar j = { .now = 1700000000 * USEC_PER_SEC };
	struct rng rng;

	if (n < 1 || !begin(&j, data[0], &rng))
		return 0;
	for (str rest = str_of((const char *)data + 1, n - 1); rest.n;) {
		size_t at = 0;

		while (at + 1 < rest.n && !(rest.p[at] == '\0' && strchr("DEKSOT", rest.p[at + 1]) && rest.p[at + 1]))
			at++;
		hear(&j, str_head(rest, at + 1 < rest.n ? at : rest.n), at + 1 < rest.n ? rest.p[at + 1] : 'D');
		rest = str_skip(rest, at + 2);
	}
	nothing_is_left(&j);
	pbx_server_free(j.server);
	return 0;
}
