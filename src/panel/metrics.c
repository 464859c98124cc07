#include "panel/metrics.h"

#include "net/http.h"
#include "pbx/figures.h"
#include "pbx/note.h"

#include <stdlib.h>

#define LISTENER 1

struct conn {
	uint32_t id; /* 0: free */
	usec until;  /* it is closed then */
	size_t n;
	struct buf out;     /* what is to be written */
	bool waits, handed; /* for the figures; `out` is with the host */
	bool head, close;
	bool closing, said_close; /* it is to end; the host knows */
	char in[HTTP_HEAD_MAX];
};

struct metrics {
	struct metrics_config config;
	struct conn conns[METRICS_STREAMS];
	usec now;
	bool begun, listened, stopping, stop_said;
	uint32_t refuse;        /* a connection that has no place: closed at once */
	uint32_t to_ask, open;  /* workers still to be told; those that have not answered */
	usec patience;          /* of the round that is open; USEC_NEVER: none is */
	struct pbx_figures sum; /* of the round */
	uint64_t rounds;
	uint32_t silent; /* of the last round */
};

/* ---- the answer ---- */

static void write_own(const struct metrics *m, struct buf *out)
{
	metric_write_one("tandem_metrics_requests_total", METRIC_COUNTER, "Times these figures were gathered.", "",
			 (double)m->rounds, out);
	metric_write_one("tandem_metrics_workers", METRIC_GAUGE, "Workers of the exchange that were asked.", "",
			 m->config.worker_n, out);
	metric_write_one("tandem_metrics_workers_silent", METRIC_GAUGE,
			 "Workers that did not answer in time: their figures are missing here.", "", m->silent, out);
}

static void answer(struct conn *c, int status, str type, str body)
{
	buf_init_grow(&c->out, METRICS_TEXT_MAX + 1024);
	http_answer_write(status, type, STR_NONE, body, c->head, c->close, &c->out);
	c->waits = false;
	c->closing |= !buf_ok(&c->out);
}

static void end_round(struct metrics *m, usec now)
{
	struct buf text;

	m->silent = m->open;
	m->open = m->to_ask = 0;
	m->patience = USEC_NEVER;
	buf_init_grow(&text, METRICS_TEXT_MAX);
	if (m->config.worker_n)
		pbx_figures_write(&m->sum, &text);
	if (m->config.machine)
		m->config.machine(m->config.machine_self, now, &text);
	write_own(m, &text);
	for (size_t i = 0; i < METRICS_STREAMS; i++) {
		struct conn *c = &m->conns[i];

		if (!c->id || !c->waits)
			continue;
		if (buf_ok(&text))
			answer(c, 200, STR("text/plain; version=0.0.4; charset=utf-8"), buf_str(&text));
		else
			answer(c, 503, STR("text/plain"), STR("no memory\n"));
	}
	buf_free(&text);
}

static void begin_round(struct metrics *m, usec now)
{
	if (m->patience != USEC_NEVER)
		return;
	memset(&m->sum, 0, sizeof(m->sum));
	m->rounds++;
	m->to_ask = m->open = m->config.worker_n;
	m->patience = now + METRICS_PATIENCE;
	if (!m->open)
		end_round(m, now);
}

static void told(struct metrics *m, struct pbx_note *note, usec now)
{
	/* Late figures of a round that is over are thrown away: the token names the round. */
	if (note->kind == PBX_NOTE_FIGURES && note->token == m->rounds && m->open) {
		if (note->figures)
			pbx_figures_add(&m->sum, note->figures);
		if (--m->open == 0)
			end_round(m, now);
	}
	pbx_note_free(note);
}

/* ---- connections ---- */

static struct conn *find(struct metrics *m, uint32_t id)
{
	for (size_t i = 0; i < METRICS_STREAMS; i++)
		if (m->conns[i].id == id)
			return &m->conns[i];
	return NULL;
}

static bool may(const struct metrics *m, const struct addr *source)
{
	bool good = addr_is_loopback(source);

	for (size_t i = 0; i < m->config.allowed_n; i++)
		good = good || addr_in(source, &m->config.allowed[i].net, m->config.allowed[i].bits);
	return good;
}

static void accepted(struct metrics *m, const struct host_event *e, usec now)
{
	struct conn *c = find(m, 0);
	char text[ADDR_TEXT_MAX];

	if (!may(m, &e->remote)) {
		log_warn(m->config.log, "panel.metrics refused", "from=%s", addr_text(&e->remote, text));
		m->refuse = e->id;
	} else if (!c) {
		m->refuse = e->id;
	} else {
		memset(c, 0, offsetof(struct conn, in));
		c->id = e->id;
		c->until = now + METRICS_IDLE;
	}
}

static void closed(struct metrics *m, uint32_t id)
{
	struct conn *c = find(m, id);

	if (!c)
		return;
	buf_free(&c->out);
	c->id = 0;
}

/* The questions that are there, one at a time: the next is read when this one is answered. */
static void read_on(struct metrics *m, struct conn *c, usec now)
{
	struct http_request r;
	size_t used = 0;
	int status;

	if (c->waits || c->out.n || c->closing)
		return;
	status = http_request_read(str_of(c->in, c->n), &used, &r);
	if (status == 100)
		return;
	c->head = r.head;
	c->close = r.close || status;
	if (status) {
		answer(c, status, STR("text/plain"), STR("GET /metrics, and nothing else\n"));
		return;
	}
	bool known = str_eq(r.path, STR("/metrics"));
	memmove(c->in, c->in + used, c->n - used);
	c->n -= used;
	c->until = now + METRICS_IDLE;
	if (!known) {
		answer(c, 404, STR("text/plain"), STR("there is only /metrics\n"));
		return;
	}
	c->waits = true;
	begin_round(m, now);
}

static void heard(struct metrics *m, const struct host_event *e, usec now)
{
	struct conn *c = find(m, e->id);

	if (!e->id || !c || c->closing)
		return;
	if (e->bytes.n > sizeof(c->in) - c->n) { /* nobody asks that much ahead */
		c->closing = true;
		return;
	}
	memcpy(c->in + c->n, e->bytes.p, e->bytes.n);
	c->n += e->bytes.n;
	read_on(m, c, now);
}

/* ---- the service ---- */

static void metrics_recv(void *self, const struct host_event *e, usec now)
{
	struct metrics *m = self;

	m->now = now;
	switch (e->kind) {
	case HOST_BOUND:
	case HOST_FAILED:
		if (m->config.listening)
			m->config.listening(m->config.listening_self, e->err, &e->local);
		break;
	case HOST_ACCEPTED:
		accepted(m, e, now);
		break;
	case HOST_BYTES:
		heard(m, e, now);
		break;
	case HOST_CLOSED:
		closed(m, e->id);
		break;
	case HOST_TOLD:
		told(m, e->message, now);
		break;
	case HOST_STOPPING:
		m->stopping = true;
		break;
	default:
		break;
	}
}

static void metrics_tick(void *self, usec now)
{
	struct metrics *m = self;

	m->now = now;
	m->begun = true;
	if (now >= m->patience)
		end_round(m, now);
	for (size_t i = 0; i < METRICS_STREAMS; i++) {
		struct conn *c = &m->conns[i];

		if (c->id && !c->closing && now >= c->until)
			c->closing = true;
	}
}

static usec metrics_due(const void *self)
{
	const struct metrics *m = self;
	usec due = m->begun ? m->patience : 0;

	for (size_t i = 0; i < METRICS_STREAMS; i++)
		if (m->conns[i].id && !m->conns[i].closing)
			due = usec_min(due, m->conns[i].until);
	return due;
}

static bool ask_next(struct metrics *m, struct host_want *out)
{
	struct pbx_note *note;

	while (m->to_ask) {
		*out = (struct host_want){ .kind = HOST_TELL, .to = m->config.worker_first + --m->to_ask };
		note = pbx_note_new(PBX_NOTE_FIGURES);
		if (!note)
			continue; /* counted as silent */
		note->token = m->rounds;
		out->message = note;
		return true;
	}
	return false;
}

static bool conn_next(struct metrics *m, struct conn *c, struct host_want *out)
{
	if (!c->id || c->said_close)
		return false;
	if (c->handed) { /* the host has taken it */
		buf_free(&c->out);
		c->handed = false;
		c->closing |= c->close;
		read_on(m, c, m->now);
	}
	if (c->closing) {
		c->said_close = true;
		*out = (struct host_want){ .kind = HOST_CLOSE, .id = c->id };
		return true;
	}
	if (!c->out.n)
		return false;
	c->handed = true;
	*out = (struct host_want){ .kind = HOST_WRITE, .id = c->id, .bytes = buf_str(&c->out) };
	return true;
}

static bool metrics_next(void *self, struct host_want *out)
{
	struct metrics *m = self;

	if (m->begun && !m->listened) {
		m->listened = true;
		*out = (struct host_want){
			.kind = HOST_LISTEN, .id = LISTENER, .transport = TRANSPORT_TCP, .local = m->config.listen
		};
		return true;
	}
	if (m->refuse) {
		*out = (struct host_want){ .kind = HOST_CLOSE, .id = m->refuse };
		m->refuse = 0;
		return true;
	}
	if (ask_next(m, out))
		return true;
	for (size_t i = 0; i < METRICS_STREAMS; i++)
		if (conn_next(m, &m->conns[i], out))
			return true;
	if (!m->stopping || m->stop_said)
		return false;
	m->stop_said = true;
	*out = (struct host_want){ .kind = HOST_STOP };
	return true;
}

struct metrics *metrics_new(const struct metrics_config *config)
{
	struct metrics *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->config = *config;
	m->patience = USEC_NEVER;
	return m;
}

void metrics_free(struct metrics *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < METRICS_STREAMS; i++)
		buf_free(&m->conns[i].out);
	free(m);
}

struct host_service metrics_service(struct metrics *m)
{
	return (struct host_service){ m, metrics_recv, metrics_tick, metrics_due, metrics_next, pbx_note_free };
}

void metrics_write_manual_of(str text, struct buf *out)
{
	str line, name, help = STR_NONE, kind;

	while (str_split(text, '\n', &line, &text) || line.n) {
		if (str_take(&line, STR("# HELP ")))
			(void)str_split(line, ' ', &name, &help);
		else if (str_take(&line, STR("# TYPE ")) && str_split(line, ' ', &name, &kind))
			buf_printf(out, "| `" STR_FMT "` | " STR_FMT " |  | " STR_FMT " |\n", STR_ARG(name),
				   STR_ARG(kind), STR_ARG(help));
	}
}

void metrics_write_manual(struct buf *out)
{
	static const struct metrics none;
	struct buf text;

	metric_write_manual(sip_metrics, sip_metric_n, out);
	metric_write_manual(pbx_metrics, pbx_metric_n, out);
	buf_init_grow(&text, METRICS_TEXT_MAX);
	pbx_figures_write_ratios(&(struct pbx_figures){ .sip.outcomes = { 1 } }, &text);
	pbx_figures_write_rules(&(struct pbx_figures){ .rule_n = 0 }, &text);
	write_own(&none, &text);
	metrics_write_manual_of(buf_str(&text), out);
	buf_free(&text);
}
