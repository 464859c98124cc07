#include "pbx/rehearsal.h"

#include "pbx/note.h"
#include "sip/msg.h"
#include "store/keeper.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define OPENED_MAX 32
#define NAMES_MAX  64
#define SAID_MAX   512
#define STREAM     (HOST_OWN_MAX + 1)

struct pbx_rehearsal {
	struct pbx_rehearsal_setup setup;
	struct pbx_listener listener; /* where the request comes in */
	struct pbx_server *server;
	struct host_service inner;
	uint32_t socket; /* of the listener */
	bool up, given, stopped;
	int status;
	usec now, end, quiet;
	struct {
		uint32_t id;
		enum transport transport;
		struct addr remote;
	} opened[OPENED_MAX];
	size_t opened_n;
	struct {
		uint32_t id;
		char text[300]; /* "SRV _sip._udp.b.example" */
	} names[NAMES_MAX];
	size_t name_n;
	uint64_t said[SAID_MAX]; /* what was said: a request that waits is decided anew, from the start */
	size_t said_n;
};

/* Each thing once. */
static void say(void *self, const char *topic, str text)
{
	static const uint64_t key[2] = { 1, 2 };
	struct pbx_rehearsal *r = self;
	uint64_t hash = str_hash(text, key) ^ str_hash(str_from(topic), key);

	for (size_t i = 0; i < r->said_n; i++)
		if (r->said[i] == hash)
			return;
	if (r->said_n < SAID_MAX)
		r->said[r->said_n++] = hash;
	r->setup.hear(r->setup.self, topic, text);
}

static void PRINTF_LIKE(3, 4) tell(struct pbx_rehearsal *r, const char *topic, const char *format, ...)
{
	char text[900];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n > 0)
		say(r, topic, str_of(text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1));
}

/* ---- what would be sent ---- */

static void heard_answer(struct pbx_rehearsal *r, struct sip_msg *m)
{
	struct sip_values contacts = sip_msg_values(m, SIP_CONTACT);
	str value;

	if (m->status < 200)
		return;
	tell(r, "answer", "%u " STR_FMT "%s", m->status, STR_ARG(m->reason),
	     m->status == 407 || m->status == 401 ? " (a password is asked for)" : "");
	if (sip_msg_has(m, SIP_WARNING))
		tell(r, "answer", "Warning: " STR_FMT, STR_ARG(sip_msg_value(m, SIP_WARNING)));
	while (m->status < 400 && sip_values_next(&contacts, &value))
		tell(r, "answer", "Contact: " STR_FMT, STR_ARG(value));
	r->status = m->status;
}

static void heard(struct pbx_rehearsal *r, enum transport transport, const struct addr *to, bool to_caller, str bytes)
{
	struct sip_msg *m = sip_msg_new(bytes);
	char text[ADDR_TEXT_MAX];

	if (!m)
		return;
	if (!m->is_request && to_caller) {
		heard_answer(r, m);
	} else if (m->is_request && r->quiet == USEC_NEVER) {
		r->quiet = usec_add(r->now, PBX_REHEARSAL_QUIET);
	}
	if (m->is_request && r->now < r->quiet)
		tell(r, "send", STR_FMT " " STR_FMT " to %s by " STR_FMT, STR_ARG(m->method_text), STR_ARG(m->uri_text),
		     addr_text(to, text), STR_ARG(transport_name(transport)));
	sip_msg_free(m);
}

/* ---- the wall ---- */

static void give(struct pbx_rehearsal *r, struct host_event *e)
{
	r->inner.recv(r->inner.self, e, r->now);
}

static void bound(struct pbx_rehearsal *r, const struct host_want *w)
{
	struct host_event e = { .kind = HOST_BOUND, .id = w->id, .transport = w->transport, .local = w->local };

	r->socket = w->id;
	give(r, &e);
	r->up = true;
}

static void opened(struct pbx_rehearsal *r, const struct host_want *w)
{
	struct host_event e = {
		.kind = HOST_OPENED, .id = w->id, .transport = w->transport, .local = w->local, .remote = w->remote
	};

	if (r->opened_n < OPENED_MAX) {
		r->opened[r->opened_n].id = w->id;
		r->opened[r->opened_n].transport = w->transport;
		r->opened[r->opened_n++].remote = w->remote;
	}
	e.local.family = w->remote.family;
	give(r, &e);
}

static void written(struct pbx_rehearsal *r, const struct host_want *w)
{
	if (w->id == STREAM) {
		heard(r, r->listener.transport, &r->setup.source, true, w->bytes);
		return;
	}
	for (size_t i = 0; i < r->opened_n; i++)
		if (r->opened[i].id == w->id)
			heard(r, r->opened[i].transport, &r->opened[i].remote, false, w->bytes);
}

/* What is only read; all else would change something. */
static bool may_ask(const struct keeper_ask *q)
{
	return q->kind == KEEPER_REALM || q->kind == KEEPER_USER_FIND || q->kind == KEEPER_CONTACT_LIST ||
	       q->kind == KEEPER_REMOVAL_LIST || q->kind == KEEPER_NUMBER_LIST;
}

static void asked(struct pbx_rehearsal *r, const struct host_want *w)
{
	static const char *const kinds[] = { "address", "SRV", "NAPTR" };

	if (r->name_n == NAMES_MAX)
		return;
	r->names[r->name_n].id = w->id;
	snprintf(r->names[r->name_n].text, sizeof(r->names[0].text), "%s " STR_FMT, kinds[w->question],
		 STR_ARG(w->name));
	r->name_n++;
}

/* true: for the host. */
static bool pass(struct pbx_rehearsal *r, const struct host_want *w)
{
	switch (w->kind) {
	case HOST_BIND:
	case HOST_LISTEN:
		bound(r, w);
		return false;
	case HOST_SEND:
		heard(r, TRANSPORT_UDP, &w->remote, addr_eq(&w->remote, &r->setup.source), w->bytes);
		return false;
	case HOST_OPEN:
		opened(r, w);
		return false;
	case HOST_WRITE:
		written(r, w);
		return false;
	case HOST_CLOSE:
		give(r, &(struct host_event){ .kind = HOST_CLOSED, .id = w->id });
		return false;
	case HOST_ASK:
		if (may_ask(w->message))
			return true;
		keeper_ask_free(w->message);
		return false;
	case HOST_TELL:
		pbx_note_free(w->message);
		return false;
	case HOST_UNBIND:
	case HOST_SIFT:
	case HOST_STOP:
		return false;
	case HOST_RESOLVE:
		asked(r, w);
		return true;
	}
	return false;
}

static bool rehearsal_next(void *self, struct host_want *out)
{
	struct pbx_rehearsal *r = self;

	while (r->inner.next(r->inner.self, out))
		if (pass(r, out))
			return true;
	if (r->stopped || (!r->status && r->now < r->end && r->now < r->quiet))
		return false;
	r->stopped = true;
	*out = (struct host_want){ .kind = HOST_STOP };
	return true;
}

/* ---- the request ---- */

static void come_in(struct pbx_rehearsal *r)
{
	enum transport t = r->listener.transport;
	struct host_event e = { .kind = HOST_DATAGRAM,
				.transport = t,
				.id = r->socket,
				.local = r->listener.local,
				.remote = r->setup.source,
				.bytes = r->setup.request };

	r->given = true;
	if (t != TRANSPORT_UDP) {
		e.kind = HOST_ACCEPTED;
		e.listener = r->socket;
		e.id = STREAM;
		e.bytes = STR_NONE;
		give(r, &e);
		e.kind = HOST_BYTES;
		e.bytes = r->setup.request;
	}
	give(r, &e);
}

static void listening(void *self, size_t listener, enum err err, const struct addr *local)
{
	struct pbx_rehearsal *r = self;

	(void)listener;
	(void)err;
	r->listener.local = *local;
}

/* ---- events ---- */

static void explain_names(struct pbx_rehearsal *r, const struct host_event *e)
{
	const char *what = "a name";
	char text[ADDR_TEXT_MAX];
	struct buf b;

	for (size_t i = 0; i < r->name_n; i++)
		if (r->names[i].id == e->id)
			what = r->names[i].text;
	if (e->err)
		tell(r, "dns", "%s: %s", what, err_text(e->err));
	for (size_t i = 0; !e->err && i < e->record_n; i++) {
		const struct host_record *rec = &e->records[i];

		if (strncmp(what, "NAPTR", 5) == 0)
			tell(r, "dns", "%s: order %u, preference %u, " STR_FMT " -> " STR_FMT, what, rec->priority,
			     rec->weight, STR_ARG(rec->service), STR_ARG(rec->target));
		else
			tell(r, "dns", "%s: priority %u, weight %u, " STR_FMT " port %u", what, rec->priority,
			     rec->weight, STR_ARG(rec->target), rec->port);
	}
	for (size_t i = 0; !e->err && i < e->addr_n; i++) {
		buf_init(&b, text, sizeof(text) - 1);
		addr_write_ip(&e->addrs[i], false, &b);
		tell(r, "dns", "%s: " STR_FMT, what, STR_ARG(buf_str(&b)));
	}
}

static void go_on(struct pbx_rehearsal *r)
{
	if (r->up && !r->given)
		come_in(r);
}

static void rehearsal_recv(void *self, const struct host_event *e, usec now)
{
	struct pbx_rehearsal *r = self;

	r->now = now;
	if (e->kind == HOST_RESOLVED)
		explain_names(r, e);
	r->inner.recv(r->inner.self, e, now);
	go_on(r);
}

static void rehearsal_tick(void *self, usec now)
{
	struct pbx_rehearsal *r = self;

	r->now = now;
	if (r->end == USEC_NEVER)
		r->end = usec_add(now, PBX_REHEARSAL_PATIENCE);
	r->inner.tick(r->inner.self, now);
	go_on(r);
}

static usec rehearsal_due(const void *self)
{
	const struct pbx_rehearsal *r = self;
	usec due = r->inner.due(r->inner.self);

	if (r->up && !r->given) /* the listeners came up while wants were drained */
		return 0;
	return r->stopped ? USEC_NEVER : usec_min(due, usec_min(r->end == USEC_NEVER ? 0 : r->end, r->quiet));
}

struct host_service pbx_rehearsal_service(struct pbx_rehearsal *r)
{
	return (struct host_service){ r, rehearsal_recv, rehearsal_tick, rehearsal_due, rehearsal_next, pbx_note_free };
}

int pbx_rehearsal_status(const struct pbx_rehearsal *r)
{
	return r->status;
}

struct pbx_rehearsal *pbx_rehearsal_new(const struct pbx_rehearsal_setup *setup)
{
	struct pbx_rehearsal *r = calloc(1, sizeof(*r));
	struct pbx_config c = setup->config;

	if (!r)
		return NULL;
	r->setup = *setup;
	r->end = r->quiet = USEC_NEVER;
	r->listener = c.listeners[0];
	c.worker = 0;
	c.worker_n = 1; /* all shards are here */
	c.trace = false;
	c.flood_rate = 0;
	c.explain = say;
	c.explain_self = r;
	c.explain_at = setup->at;
	c.listening = listening;
	c.listening_self = r;
	r->server = pbx_server_new(&c);
	if (!r->server) {
		free(r);
		return NULL;
	}
	r->inner = pbx_server_service(r->server);
	return r;
}

void pbx_rehearsal_free(struct pbx_rehearsal *r)
{
	if (!r)
		return;
	pbx_server_free(r->server);
	free(r);
}

enum err pbx_rehearsal_request(str method, str from, str to, const struct addr *source, struct buf *out)
{
	struct sip_uri uri;
	enum err err = sip_uri_parse(to, &uri);

	if (!err)
		err = sip_uri_parse(from, &uri);
	if (err)
		return err;
	buf_printf(out, STR_FMT " " STR_FMT " SIP/2.0\r\nVia: SIP/2.0/UDP ", STR_ARG(method), STR_ARG(to));
	addr_write(source, out);
	buf_printf(out,
		   ";rport;branch=z9hG4bKrehearsal\r\nMax-Forwards: 70\r\nFrom: <" STR_FMT
		   ">;tag=rehearsal\r\nTo: <" STR_FMT ">\r\nCall-ID: rehearsal\r\nCSeq: 1 " STR_FMT
		   "\r\nContact: <sip:",
		   STR_ARG(from), STR_ARG(to), STR_ARG(method));
	if (uri.user.n) {
		buf_put(out, uri.user);
		buf_put_char(out, '@');
	}
	addr_write(source, out);
	buf_put_z(out, ">\r\nContent-Length: 0\r\n\r\n");
	return out->err;
}
