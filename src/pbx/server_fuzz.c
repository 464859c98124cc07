/* Datagrams and stream bytes at a whole exchange, as many as the input holds (a 0 byte and 'S' or 'D' parts them). */
#include "pbx/server.h"

#include "pbx/note.h"
#include "store/keeper.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define STREAM (HOST_OWN_MAX + 1)

static const struct pbx_listener listeners[] = {
	{ .transport = TRANSPORT_UDP, .local = { .family = 4, .port = 5060, .ip = { 192, 0, 2, 1 } } },
	{ .transport = TRANSPORT_TCP, .local = { .family = 4, .port = 5060, .ip = { 192, 0, 2, 1 } } },
};

/* A keeper that knows nobody and keeps everything. */
static void answer(struct host_service *s, struct keeper_ask *q, usec now)
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
	s->recv(s->self, &e, now);
	keeper_ask_free(q);
}

static void settle(struct host_service *s, usec now)
{
	struct host_want w;

	while (s->next(s->self, &w)) {
		struct host_event e = { .id = w.id, .transport = w.transport, .local = w.local, .remote = w.remote };

		if (w.kind == HOST_ASK)
			answer(s, w.message, now);
		else if (w.kind == HOST_TELL)
			pbx_note_free(w.message);
		else if (w.kind == HOST_BIND || w.kind == HOST_LISTEN || w.kind == HOST_CLOSE || w.kind == HOST_OPEN ||
			 w.kind == HOST_RESOLVE) {
			e.kind = w.kind == HOST_CLOSE || w.kind == HOST_OPEN ? HOST_CLOSED
				 : w.kind == HOST_RESOLVE                    ? HOST_RESOLVED
									     : HOST_BOUND;
			e.err = w.kind == HOST_RESOLVE ? ERR_ABSENT : ERR_NONE;
			s->recv(s->self, &e, now);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct pbx_config config = pbx_config_default();
	usec now = 1700000000 * USEC_PER_SEC;
	struct rng rng;

	rng_seeded(&rng, 1);
	config.rng = &rng;
	config.domain = STR("example.com");
	config.auth = n & 1;
	config.listeners = listeners;
	config.listener_n = 2;
	struct pbx_server *server = pbx_server_new(&config);
	if (!server)
		return 0;
	struct host_service s = pbx_server_service(server);
	s.tick(s.self, now);
	settle(&s, now);
	struct host_event e = { .kind = HOST_ACCEPTED,
				.id = STREAM,
				.listener = config.id_first + 1,
				.transport = TRANSPORT_TCP,
				.local = listeners[1].local,
				.remote = { .family = 4, .port = 4000, .ip = { 192, 0, 2, 9 } } };
	s.recv(s.self, &e, now);
	settle(&s, now);
	for (str rest = str_of((const char *)data, n); rest.n;) {
		size_t at = 0;

		while (at + 1 < rest.n && !(rest.p[at] == '\0' && (rest.p[at + 1] == 'S' || rest.p[at + 1] == 'D')))
			at++;
		if (at + 1 >= rest.n)
			at = rest.n;
		bool stream = at < rest.n && rest.p[at + 1] == 'S';
		e.kind = stream ? HOST_BYTES : HOST_DATAGRAM;
		e.id = stream ? STREAM : config.id_first;
		e.transport = stream ? TRANSPORT_TCP : TRANSPORT_UDP;
		e.bytes = str_head(rest, at);
		s.recv(s.self, &e, now);
		settle(&s, now);
		now += 700 * USEC_PER_MS;
		if (s.due(s.self) <= now)
			s.tick(s.self, now);
		settle(&s, now);
		rest = str_skip(rest, at + 2);
	}
	pbx_server_free(server);
	return 0;
}
