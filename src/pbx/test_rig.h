/*
 * pbx/test_rig.h - an exchange in a jar: virtual time, phones that are only addresses, a keeper of arrays.
 *
 * Included by x_test.c only. Datagrams and stream bytes of the exchange are collected in
 * `sent`; rig_take() gives the next one for an address. The keeper answers at once, or when
 * rig_answer() says so; what it has committed survives rig_restart().
 */
#ifndef PBX_TEST_RIG_H
#define PBX_TEST_RIG_H

#include "base/test.h"
#include "pbx/note.h"
#include "pbx/server.h"
#include "sip/auth.h"
#include "sip/edit.h"
#include "sip/frame.h"
#include "store/keeper.h"

#include <stdio.h>
#include <stdlib.h>

#define RIG_WORKERS 4
#define RIG_SENT    400
#define RIG_START   (1700000000 * USEC_PER_SEC)
#define RIG_STREAM  (HOST_OWN_MAX + 100)

struct rig_sent {
	bool taken, stream;
	uint32_t id;
	struct addr to;
	size_t n;
	char *text;
};

struct rig_contact {
	bool used;
	struct contact_record *row;
};

struct rig_account {
	const char *name, *password;
};

struct rig {
	struct pbx_config config;
	struct pbx_server *servers[RIG_WORKERS];
	struct host_service services[RIG_WORKERS];
	struct rng rng;
	usec now;
	struct rig_sent sent[RIG_SENT];
	size_t sent_n;
	struct keeper_ask *asked[400]; /* not answered yet */
	unsigned asker[400];
	size_t asked_n;
	bool reading;    /* what comes is of one turn, which ends with rig_settle */
	bool hold;       /* the keeper takes its time with contacts */
	uint16_t sifted; /* the share of REGISTERs that is let in; 0: all are */
	bool hold_users; /* and with accounts */
	bool hold_names; /* the name server takes its time: rig_names_answer */
	struct host_event names[16];
	size_t name_n;
	bool hold_tells; /* a worker is slow to hear of the others */
	struct host_event told[60];
	uint32_t told_to[60];
	size_t told_n;
	enum err keeper_err, removal_err; /* of all questions; of those for removals */
	struct rig_contact contacts[100];
	struct rig_account accounts[8];
	const char *disabled; /* one of them; NULL: none */
	struct number_record numbers[4];
	size_t number_n;
	struct removal_record removals[8];
	size_t removal_n;
	struct call_record calls[20]; /* the last of each Call-ID; texts are leaked on purpose into `texts` */
	size_t call_n;
	struct arena texts;
	char text[70000]; /* of rig_take */
	struct sip_auth *digest;
	unsigned looked_up; /* names */
	bool hold_streams;  /* connections that the exchange opens do not come up */
	enum err dns_err;   /* what the name server says to everything */
	uint32_t opened;    /* the number of the stream that was opened last */
	bool stopped[RIG_WORKERS];
};

static struct rig rig_;

static inline struct addr rig_addr(int host, uint16_t port)
{
	return addr_v4(192, 0, 2, (uint8_t)host, port);
}

/* ---- the keeper ---- */

static inline void rig_ha1(enum sip_auth_algorithm algorithm, const struct rig_account *a, char *hex)
{
	uint8_t ha1[SIP_AUTH_HA1_MAX];
	struct buf b;

	assert_int_equal(
		sip_auth_ha1(rig_.digest, algorithm, str_from(a->name), STR("realm.test"), str_from(a->password), ha1),
		ERR_NONE);
	buf_init(&b, hex, 65);
	buf_put_hex(&b, ha1, sip_auth_digest_n(algorithm));
	buf_put_char(&b, '\0');
}

static inline void rig_keep_contact(const struct contact_record *row, bool remove)
{
	for (size_t i = 0; i < 100; i++) {
		struct rig_contact *c = &rig_.contacts[i];

		if (c->used && str_eq(c->row->aor, row->aor) &&
		    (str_eq(c->row->key, row->key) || (remove && !row->key.n))) {
			free(c->row);
			c->used = false;
		}
	}
	for (size_t i = 0; !remove && i < 100; i++) {
		struct rig_contact *c = &rig_.contacts[i];

		if (c->used)
			continue;
		c->used = true;
		c->row = malloc(record_packed_size(&contact_record_kind, row, 1));
		record_pack(&contact_record_kind, row, 1, c->row);
		c->row->id = (int64_t)i + 1;
		return;
	}
}

static inline void rig_keep_call(const struct call_record *row)
{
	size_t at = 0;
	struct call_record *copy = arena_alloc(&rig_.texts, record_packed_size(&call_record_kind, row, 1));

	assert_non_null(copy);
	record_pack(&call_record_kind, row, 1, copy);
	while (at < rig_.call_n && !str_eq(rig_.calls[at].key, row->key))
		at++;
	assert_true(at < 20);
	rig_.calls[at] = *copy;
	rig_.call_n += at == rig_.call_n;
}

static inline void rig_deliver(unsigned worker, struct keeper_answer *a)
{
	struct host_event e = { .kind = HOST_ANSWER, .message = a };

	rig_.services[worker].recv(rig_.services[worker].self, &e, rig_.now);
}

static inline void rig_reply(unsigned worker, struct keeper_ask *q)
{
	struct keeper_answer a = { .kind = q->kind, .token = q->token, .err = rig_.keeper_err, .why = "" };
	struct user_record user = { .realm = STR("realm.test") };
	struct contact_record rows[100], row;
	struct contact_change change;
	struct contact_row changes;
	char md5[65], sha[65];

	switch (q->kind) {
	case KEEPER_REALM:
		a.users = &user;
		a.n = 1;
		break;
	case KEEPER_USER_FIND:
		a.err = a.err ? a.err : ERR_ABSENT;
		for (size_t i = 0; i < 8 && rig_.accounts[i].name; i++) {
			if (!str_eq(q->users[0].name, str_from(rig_.accounts[i].name)) || rig_.keeper_err)
				continue;
			rig_ha1(SIP_AUTH_MD5, &rig_.accounts[i], md5);
			rig_ha1(SIP_AUTH_SHA256, &rig_.accounts[i], sha);
			user.name = str_from(rig_.accounts[i].name);
			user.disabled = rig_.disabled && str_eq(user.name, str_from(rig_.disabled));
			user.ha1_md5 = str_from(md5);
			user.ha1_sha256 = str_from(sha);
			a.users = &user;
			a.n = 1;
			a.err = ERR_NONE;
		}
		break;
	case KEEPER_CONTACT_BATCH:
		contact_row_open(q->contact_batches[0].row, &changes);
		while (!a.err && contact_row_next(&changes, &change)) {
			row = (struct contact_record){ .aor = change.aor, .key = change.key };
			if (!change.gone)
				assert_int_equal(contact_read(change.body, &row), ERR_NONE);
			rig_keep_contact(&row, change.gone);
		}
		break;
	case KEEPER_CONTACT_PUT:
	case KEEPER_CONTACT_REMOVE:
		for (size_t i = 0; i < q->n && !a.err; i++)
			rig_keep_contact(&q->contacts[i], q->kind == KEEPER_CONTACT_REMOVE || !q->contacts[i].expires);
		break;
	case KEEPER_CONTACT_LIST:
		a.contacts = rows;
		for (size_t i = 0; i < 100; i++) /* pages of two, so that paging is used */
			if (rig_.contacts[i].used && rig_.contacts[i].row->id > q->after) {
				if (a.n == 2) {
					a.more = true;
					break;
				}
				rows[a.n++] = *rig_.contacts[i].row;
			}
		break;
	case KEEPER_NUMBER_LIST: /* pages of one */
		a.numbers = rig_.numbers + q->after;
		a.n = rig_.number_n > (size_t)q->after;
		a.more = rig_.number_n > (size_t)q->after + 1;
		break;
	case KEEPER_REMOVAL_LIST: /* pages of two */
		a.err = a.err ? a.err : rig_.removal_err;
		a.removals = rig_.removals + q->after;
		a.n = rig_.removal_n - (size_t)q->after < 2 ? rig_.removal_n - (size_t)q->after : 2;
		a.more = rig_.removal_n > (size_t)q->after + a.n;
		break;
	case KEEPER_CALL_PUT:
		for (size_t i = 0; i < q->n; i++)
			rig_keep_call(&q->calls[i]);
		break;
	default:
		break;
	}
	rig_deliver(worker, &a);
}

/* ---- the host ---- */

static inline void rig_ask(unsigned worker, struct keeper_ask *q)
{
	assert_true(rig_.asked_n < 400);
	rig_.asker[rig_.asked_n] = worker;
	rig_.asked[rig_.asked_n++] = q;
}

static inline void rig_note_sent(bool stream, uint32_t id, const struct addr *to, str bytes)
{
	struct rig_sent *s = &rig_.sent[rig_.sent_n++];

	assert_true(rig_.sent_n < RIG_SENT);
	*s = (struct rig_sent){ .stream = stream, .id = id, .to = *to, .n = bytes.n, .text = malloc(bytes.n + 1) };
	memcpy(s->text, bytes.p, bytes.n);
	s->text[bytes.n] = '\0';
}

static inline void rig_want(unsigned worker, const struct host_want *w)
{
	static const struct addr known[2] = { { .family = 4, .ip = { 192, 0, 2, 77 } },
					      { .family = 4, .ip = { 192, 0, 2, 78 } } };
	size_t known_n;
	struct host_event e = { .id = w->id, .transport = w->transport, .local = w->local, .remote = w->remote };
	struct host_service *s = &rig_.services[worker];

	switch (w->kind) {
	case HOST_BIND:
	case HOST_LISTEN:
		e.kind = HOST_BOUND;
		s->recv(s->self, &e, rig_.now);
		break;
	case HOST_SEND:
		rig_note_sent(false, w->id, &w->remote, w->bytes);
		break;
	case HOST_WRITE:
		rig_note_sent(true, w->id, &w->remote, w->bytes);
		break;
	case HOST_OPEN:
		rig_.opened = w->id;
		if (rig_.hold_streams)
			break;
		e.kind = HOST_OPENED;
		e.local = rig_addr(1, 40000);
		s->recv(s->self, &e, rig_.now);
		break;
	case HOST_CLOSE:
		e.kind = HOST_CLOSED;
		s->recv(s->self, &e, rig_.now);
		break;
	case HOST_ASK:
		rig_ask(worker, w->message);
		break;
	case HOST_TELL:
		e = (struct host_event){ .kind = HOST_TOLD, .from = worker, .message = w->message };
		assert_true(w->to >= rig_.config.service_first &&
			    w->to < rig_.config.service_first + rig_.config.worker_n);
		if (rig_.hold_tells) {
			assert_true(rig_.told_n < 60);
			rig_.told_to[rig_.told_n] = w->to - rig_.config.service_first;
			rig_.told[rig_.told_n++] = e;
			break;
		}
		s = &rig_.services[w->to - rig_.config.service_first];
		s->recv(s->self, &e, rig_.now);
		break;
	case HOST_RESOLVE:
		rig_.looked_up++;
		e.kind = HOST_RESOLVED;
		known_n = str_eq(w->name, STR("known.example"))        ? 1
			  : str_eq_nocase(w->name, STR("two.example")) ? 2
								       : 0;
		e.err = rig_.dns_err ? rig_.dns_err : known_n && w->question == HOST_ADDRESSES ? ERR_NONE : ERR_ABSENT;
		e.addrs = known;
		e.addr_n = e.err ? 0 : known_n;
		if (rig_.hold_names) {
			assert_true(rig_.name_n < 16);
			rig_.names[rig_.name_n++] = e;
			break;
		}
		s->recv(s->self, &e, rig_.now);
		break;
	case HOST_STOP:
		rig_.stopped[worker] = true;
		break;
	case HOST_SIFT:
		rig_.sifted = w->bytes.n ? w->share : 0;
		break;
	case HOST_UNBIND:
		break;
	}
}

static inline bool rig_is_held(const struct keeper_ask *q)
{
	return (rig_.hold && (q->kind == KEEPER_CONTACT_PUT || q->kind == KEEPER_CONTACT_REMOVE ||
			      q->kind == KEEPER_CONTACT_BATCH)) ||
	       (rig_.hold_users && q->kind == KEEPER_USER_FIND);
}

static inline bool rig_answer_one(void)
{
	for (size_t i = 0; i < rig_.asked_n; i++) {
		struct keeper_ask *q = rig_.asked[i];
		unsigned worker = rig_.asker[i];

		if (rig_is_held(q))
			continue;
		rig_.asked_n--;
		memmove(rig_.asked + i, rig_.asked + i + 1, (rig_.asked_n - i) * sizeof(q));
		memmove(rig_.asker + i, rig_.asker + i + 1, (rig_.asked_n - i) * sizeof(worker));
		rig_reply(worker, q);
		keeper_ask_free(q);
		return true;
	}
	return false;
}

/* Until nothing wants anything. */
static inline void rig_settle(void)
{
	struct host_want w;
	bool busy;

	do {
		busy = false;
		for (unsigned i = 0; i < rig_.config.worker_n; i++)
			while (rig_.services[i].next(rig_.services[i].self, &w)) {
				rig_want(i, &w);
				busy = true;
			}
		busy |= rig_answer_one();
		for (unsigned i = 0; i < rig_.config.worker_n && !busy; i++) /* the turn is over */
			if (rig_.services[i].due(rig_.services[i].self) <= rig_.now) {
				rig_.services[i].tick(rig_.services[i].self, rig_.now);
				busy = true;
			}
	} while (busy);
}

/* What was held of hold_tells: the n-th of them now. */
static inline void rig_tell(size_t n)
{
	struct host_service *s = &rig_.services[rig_.told_to[n]];

	assert_true(n < rig_.told_n);
	s->recv(s->self, &rig_.told[n], rig_.now);
	rig_settle();
}

/* What was held of hold_names, at worker 0. */
static inline void rig_names_answer(void)
{
	rig_.hold_names = false;
	for (size_t i = 0; i < rig_.name_n; i++)
		rig_.services[0].recv(rig_.services[0].self, &rig_.names[i], rig_.now);
	rig_.name_n = 0;
	rig_settle();
}

/* Lets time pass, every deadline at its moment. */
static inline void rig_pass(usec span)
{
	usec end = rig_.now + span;

	for (;;) {
		usec due = end;

		for (unsigned i = 0; i < rig_.config.worker_n; i++)
			due = usec_min(due, rig_.services[i].due(rig_.services[i].self));
		rig_.now = due > rig_.now ? due : rig_.now;
		for (unsigned i = 0; i < rig_.config.worker_n; i++)
			if (rig_.services[i].due(rig_.services[i].self) <= rig_.now)
				rig_.services[i].tick(rig_.services[i].self, rig_.now);
		rig_settle();
		if (due >= end)
			return;
	}
}

static const struct pbx_listener rig_listeners[] = {
	{ .transport = TRANSPORT_UDP, .local = { .family = 4, .port = 5060, .ip = { 192, 0, 2, 1 } } },
	{ .transport = TRANSPORT_TCP, .local = { .family = 4, .port = 5060, .ip = { 192, 0, 2, 1 } } },
};

static inline void rig_run(void)
{
	for (unsigned i = 0; i < rig_.config.worker_n; i++) {
		rig_.config.worker = (uint16_t)i;
		rig_.servers[i] = pbx_server_new(&rig_.config);
		assert_non_null(rig_.servers[i]);
		rig_.services[i] = pbx_server_service(rig_.servers[i]);
	}
	rig_pass(0);
}

static const str rig_networks[] = { STR_INIT("network.example") };

/* Accounts 101, 102, 103 with passwords "pw101" ..., and "edge". The caller may change rig_.config before rig_run. */
static inline void rig_init(void)
{
	static const struct rig_account accounts[] = {
		{ "101", "pw101" }, { "102", "pw102" }, { "103", "pw103" }, { "edge", "pwedge" }
	};

	memset(&rig_, 0, sizeof(rig_));
	memcpy(rig_.accounts, accounts, sizeof(accounts));
	rng_seeded(&rig_.rng, 7);
	rig_.now = RIG_START;
	rig_.digest = sip_auth_new(NULL);
	arena_init(&rig_.texts, NULL, 0, 1 << 20);
	rig_.config = pbx_config_default();
	rig_.config.rng = &rig_.rng;
	rig_.config.domain = STR("example.com");
	rig_.config.networks = rig_networks;
	rig_.config.network_n = 1;
	rig_.config.service_first = 5;
	rig_.config.listeners = rig_listeners;
	rig_.config.listener_n = 2;
	memcpy(rig_.config.key, "0123456789abcdef0123456789abcdef", PBX_KEY_N);
}

static inline void rig_forget_sent(void)
{
	for (size_t i = 0; i < rig_.sent_n; i++)
		free(rig_.sent[i].text);
	rig_.sent_n = 0;
}

static inline void rig_stop_servers(void)
{
	for (unsigned i = 0; i < rig_.config.worker_n; i++) {
		pbx_server_free(rig_.servers[i]);
		rig_.servers[i] = NULL;
	}
	while (rig_.asked_n)
		keeper_ask_free(rig_.asked[--rig_.asked_n]);
	rig_forget_sent();
}

static inline void rig_forget_contacts(void)
{
	for (size_t i = 0; i < 100; i++) {
		if (rig_.contacts[i].used)
			free(rig_.contacts[i].row);
		rig_.contacts[i].used = false;
	}
}

static inline void rig_end(void)
{
	rig_stop_servers();
	rig_forget_contacts();
	arena_free(&rig_.texts);
	sip_auth_free(rig_.digest);
}

/* ---- phones ---- */

static inline void rig_datagram_at(unsigned worker, struct addr from, str bytes)
{
	struct host_event e = { .kind = HOST_DATAGRAM,
				.id = rig_.config.id_first,
				.transport = TRANSPORT_UDP,
				.local = rig_.config.listeners[0].local,
				.remote = from,
				.bytes = bytes };
	char *exact = malloc(bytes.n + 1);

	memcpy(exact, bytes.p, bytes.n);
	e.bytes = str_of(exact, bytes.n);
	rig_.services[worker].recv(rig_.services[worker].self, &e, rig_.now);
	free(exact);
	if (!rig_.reading)
		rig_settle();
}

static inline void rig_say(struct addr from, const char *text)
{
	rig_datagram_at(0, from, str_from(text));
}

static inline void rig_accept(uint32_t stream, struct addr from)
{
	struct host_event e = { .kind = HOST_ACCEPTED,
				.id = stream,
				.listener = rig_.config.id_first + 1,
				.transport = TRANSPORT_TCP,
				.local = rig_.config.listeners[1].local,
				.remote = from };

	rig_.services[0].recv(rig_.services[0].self, &e, rig_.now);
	rig_settle();
}

static inline void rig_bytes(uint32_t stream, struct addr from, const char *text)
{
	struct host_event e = { .kind = HOST_BYTES,
				.id = stream,
				.transport = TRANSPORT_TCP,
				.local = rig_.config.listeners[1].local,
				.remote = from,
				.bytes = str_from(text) };

	rig_.services[0].recv(rig_.services[0].self, &e, rig_.now);
	rig_settle();
}

/* The oldest message to this address that was not taken yet; "" where there is none. */
static inline const char *rig_take(struct addr to)
{
	for (size_t i = 0; i < rig_.sent_n; i++) {
		struct rig_sent *s = &rig_.sent[i];

		if (s->taken || s->stream || !addr_eq(&s->to, &to))
			continue;
		s->taken = true;
		memcpy(rig_.text, s->text, s->n + 1);
		return rig_.text;
	}
	return "";
}

static inline const char *rig_take_stream(uint32_t id)
{
	for (size_t i = 0; i < rig_.sent_n; i++) {
		struct rig_sent *s = &rig_.sent[i];

		if (s->taken || !s->stream || s->id != id)
			continue;
		s->taken = true;
		memcpy(rig_.text, s->text, s->n + 1);
		return rig_.text;
	}
	return "";
}

static inline size_t rig_waiting(void)
{
	size_t n = 0;

	for (size_t i = 0; i < rig_.sent_n; i++)
		n += !rig_.sent[i].taken;
	return n;
}

static inline void rig_assert_start(const char *text, const char *start)
{
	if (strncmp(text, start, strlen(start)) != 0)
		fail_msg("not \"%s\":\n%s", start, text);
}

static inline void rig_assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("without \"%s\":\n%s", part, text);
}

static inline void rig_copy(const char *text, char *out, size_t cap)
{
	size_t n = strlen(text);

	assert_true(n < cap);
	memcpy(out, text, n + 1);
}

/* The value of a header line in a text, copied to out. */
static inline const char *rig_header(const char *text, const char *name, char *out, size_t cap)
{
	char start[80];
	const char *at;

	snprintf(start, sizeof(start), "\r\n%s: ", name);
	at = strstr(text, start);
	if (!at)
		fail_msg("without %s:\n%s", name, text);
	at += strlen(start);
	size_t n = strcspn(at, "\r\n");
	assert_true(n < cap);
	memcpy(out, at, n);
	out[n] = '\0';
	return out;
}

/* The Authorization (or Proxy-Authorization) line for the challenge in a 401 or 407. */
static inline void rig_authorize(const char *answer, const char *user, const char *password, const char *method,
				 const char *uri, char *out, size_t cap)
{
	bool proxy = strstr(answer, "Proxy-Authenticate: ") != NULL;
	char value[500];
	struct sip_challenge c;
	struct buf b;

	rig_header(answer, proxy ? "Proxy-Authenticate" : "WWW-Authenticate", value, sizeof(value));
	assert_int_equal(sip_challenge_parse(str_from(value), &c), ERR_NONE);
	buf_init(&b, out, cap);
	buf_put_z(&b, proxy ? "Proxy-Authorization: " : "Authorization: ");
	assert_int_equal(sip_auth_answer_password(rig_.digest, &c, str_from(user), str_from(password), str_from(method),
						  str_from(uri), STR("cnonce"), 1, STR_NONE, &b),
			 ERR_NONE);
	buf_put_z(&b, "\r\n");
	buf_put_char(&b, '\0');
	assert_true(buf_ok(&b));
}

static inline void rig_register_once(struct addr from, const char *user, unsigned cseq, const char *lines)
{
	char text[3000];

	snprintf(text, sizeof(text),
		 "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.%u:%u;branch=z9hG4bKr%s%u%u\r\n"
		 "From: <sip:%s@example.com>;tag=1\r\nTo: <sip:%s@example.com>\r\nCall-ID: reg-%s-%u\r\nCSeq: %u "
		 "REGISTER\r\n"
		 "Max-Forwards: 70\r\n%sContent-Length: 0\r\n\r\n",
		 from.ip[3], from.port, user, from.port, cseq, user, user, user, from.port, cseq, lines);
	rig_say(from, text);
}

/* Registers user with its right password at `from`, contact sip:USER@192.0.2.X:PORT; ends with the 200 taken. */
static inline void rig_register(struct addr from, const char *user)
{
	char lines[1000], contact[100], answer[2000], password[30];
	static unsigned cseq = 1000;

	snprintf(contact, sizeof(contact), "Contact: <sip:%s@192.0.2.%u:%u>;expires=600\r\n", user, from.ip[3],
		 from.port);
	rig_register_once(from, user, ++cseq, contact);
	rig_copy(rig_take(from), answer, sizeof(answer));
	if (rig_.config.auth) {
		snprintf(password, sizeof(password), "pw%s", user);
		rig_assert_start(answer, "SIP/2.0 401 ");
		rig_authorize(answer, user, password, "REGISTER", "sip:example.com", lines, sizeof(lines));
		strcat(lines, contact);
		rig_register_once(from, user, ++cseq, lines);
		rig_copy(rig_take(from), answer, sizeof(answer));
	}
	rig_assert_start(answer, "SIP/2.0 200 ");
}

/* An answer to a request as a phone gives it: Via, From, To (tagged), Call-ID, CSeq, Record-Route copied. */
static inline void rig_answer_request(struct addr from, const char *request, int status, const char *tag,
				      const char *lines, const char *body)
{
	static char out[6000];
	char block[SIP_MSG_ARENA];
	struct arena arena;
	struct sip_msg m;
	struct buf b;
	struct sip_reply r = { .status = status,
			       .to_tag = str_from(tag),
			       .lines = str_from(lines),
			       .content_type = body[0] ? STR("application/sdp") : STR_NONE,
			       .body = str_from(body) };

	arena_init(&arena, block, sizeof(block), SIP_MSG_HEAP_MAX);
	assert_int_equal(sip_msg_parse(&m, &arena, str_from(request)), ERR_NONE);
	buf_init(&b, out, sizeof(out));
	assert_int_equal(sip_reply_write(&m, &r, &b), ERR_NONE);
	buf_put_char(&b, '\0');
	assert_true(buf_ok(&b));
	arena_free(&arena);
	rig_say(from, out);
}

/* ---- a cast of phones ---- */

static struct addr alice, bob, bob2, edge, stranger;

#define OFFER "v=0\r\no=- 1 1 IN IP4 192.0.2.11\r\ns=-\r\nc=IN IP4 192.0.2.11\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"

static inline int setup(void **state)
{
	(void)state;
	rig_init();
	alice = rig_addr(11, 5060);
	bob = rig_addr(12, 5060);
	bob2 = rig_addr(13, 5070);
	edge = rig_addr(20, 5060);
	stranger = rig_addr(99, 5060);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	rig_end();
	return 0;
}

static inline void invite_from(struct addr from, const char *user, const char *domain, const char *to,
			       const char *call_id, unsigned cseq, const char *lines)
{
	char text[4000];

	snprintf(text, sizeof(text),
		 "INVITE %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.%u:%u;branch=z9hG4bKi%s%u\r\nMax-Forwards: 70\r\n"
		 "From: <sip:%s@%s>;tag=from\r\nTo: <%s>\r\nCall-ID: %s\r\nCSeq: %u INVITE\r\n"
		 "Contact: <sip:%s@192.0.2.%u:%u>\r\n%sContent-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
		 to, from.ip[3], from.port, call_id, cseq, user, domain, to, call_id, cseq, user, from.ip[3], from.port,
		 lines, sizeof(OFFER) - 1, OFFER);
	rig_say(from, text);
}

static inline void ack_refusal(struct addr from, const char *user, const char *to, const char *call_id, unsigned cseq)
{
	char text[1000];

	snprintf(text, sizeof(text),
		 "ACK %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.%u:%u;branch=z9hG4bKi%s%u\r\nFrom: "
		 "<sip:%s@example.com>;tag=from\r\n"
		 "To: <%s>;tag=x\r\nCall-ID: %s\r\nCSeq: %u ACK\r\nMax-Forwards: 70\r\n\r\n",
		 to, from.ip[3], from.port, call_id, cseq, user, to, call_id, cseq);
	rig_say(from, text);
}

/* Alice's INVITE with the right credentials; what it brings is left to be taken. */
static inline void call(const char *to, const char *call_id)
{
	char answer[3000], lines[900];

	invite_from(alice, "101", "example.com", to, call_id, 1, "");
	rig_copy(rig_take(alice), answer, sizeof(answer));
	rig_assert_start(answer, "SIP/2.0 407 ");
	ack_refusal(alice, "101", to, call_id, 1);
	rig_authorize(answer, "101", "pw101", "INVITE", to, lines, sizeof(lines));
	invite_from(alice, "101", "example.com", to, call_id, 2, lines);
}

static inline const char *ask(const char *method, const char *uri, const char *lines)
{
	static unsigned n;
	char text[2000];

	n++;
	snprintf(text, sizeof(text),
		 "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.99:5060;branch=z9hG4bKq%u\r\nFrom: "
		 "<sip:x@y.example>;tag=1\r\n"
		 "To: <sip:102@example.com>\r\nCall-ID: q%u\r\nCSeq: 1 %s\r\n%s\r\n",
		 method, uri, n, n, method, lines);
	rig_say(stranger, text);
	return rig_take(stranger);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
