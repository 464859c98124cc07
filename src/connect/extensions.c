#include "connect/extensions.h"

#include "base/heap.h"
#include "base/map.h"
#include "call/agent.h"
#include "call/share.h"
#include "media/tone.h"
#include "sip/uri.h"

#include <stdatomic.h>
#include <stdlib.h>

#define CALL_MAX    10000
#define SOUND_MAX   200
#define TONE_DBFS   -12
#define RING_FOR    (15 * USEC_PER_SEC)
#define WAIT_BEFORE (300 * USEC_PER_MS)
#define WAIT_FOR    (20 * USEC_PER_SEC)
#define EARLY_FOR   (2 * USEC_PER_SEC)
#define TONE_FOR    USEC_PER_SEC
#define ECHO_FOR    (600 * USEC_PER_SEC) /* who forgets to hang up does not keep it from others */
#define ECHO_LATE   (100 * USEC_PER_MS)  /* what was heard longer ago is not said again */
#define STOP_WAIT   (500 * USEC_PER_MS)
#define SINK        1u
#define DEVICE_TONE 0u
#define SDES_KEY_N  30 /* RFC 4568 6.2.1: key and salt */

enum place { PLACE_AGENT, PLACE_SELF };

enum extension_kind {
	EXTENSION_NONE,
	EXTENSION_ECHO,
	EXTENSION_ANSWER,
	EXTENSION_PLAYBACK,
	EXTENSION_RING,
	EXTENSION_BUSY,
	EXTENSION_EARLY,
	EXTENSION_WAIT,
};

/* The mouth says what the ear has heard. The media thread's alone. */
struct echo {
	int16_t pcm[MEDIA_PERIOD];
	usec heard;
};

/* A call, from the moment that it asks for a stream. */
struct line {
	struct map_node node; /* by stream */
	struct heap_item timer;
	enum extension_kind kind;
	uint32_t stream;
	handle call;   /* 0: not heard of yet */
	uint32_t echo; /* 1 + place, 0: none */
	bool sounds, full, answered;
};

struct extensions {
	struct extensions_settings settings;
	struct agent *agent;
	struct map lines;
	struct heap timers;
	struct host_want want; /* BIND of the sink */
	bool started, bind_wanted, stopping, stop_said, agent_stopped;
	usec stop_at;
	struct addr sink; /* family 0: not bound yet */
	usec now;
	uint32_t sound_n, echo_n;
	bool echo_taken[EXTENSIONS_ECHO_MAX];
	struct echo echoes[EXTENSIONS_ECHO_MAX];
	int16_t tone[MEDIA_PERIOD]; /* 20 ms are ten whole periods: said again and again it has no seam */
	atomic_uint port;           /* of the agent; 0: not up */
};

static enum extension_kind kind_of(str name)
{
	static const struct {
		str name;
		enum extension_kind kind;
	} names[] = {
		{ STR_INIT("echo"), EXTENSION_ECHO },         { STR_INIT("answer"), EXTENSION_ANSWER },
		{ STR_INIT("playback"), EXTENSION_PLAYBACK }, { STR_INIT("ring"), EXTENSION_RING },
		{ STR_INIT("busy"), EXTENSION_BUSY },         { STR_INIT("early"), EXTENSION_EARLY },
		{ STR_INIT("wait"), EXTENSION_WAIT },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_eq(name, names[i].name))
			return names[i].kind;
	return EXTENSION_NONE;
}

bool extensions_know(str name)
{
	return kind_of(name) != EXTENSION_NONE;
}

bool extensions_contact(void *self, str name, struct buf *uri)
{
	struct extensions *x = self;
	struct addr at = x->settings.listen;

	if (kind_of(name) == EXTENSION_NONE)
		return false;
	at.port = (uint16_t)atomic_load(&x->port);
	if (!at.port)
		return true;
	buf_printf(uri, "sip:" STR_FMT "@", STR_ARG(name));
	addr_write(&at, uri);
	/* Named even where it is UDP: on loopback no datagram is too long, and nobody listens for TCP. */
	buf_put(uri, x->settings.transport == TRANSPORT_TCP ? STR(";transport=tcp") : STR(";transport=udp"));
	return true;
}

/* ---- sound ---- */

static void tone_mouth(void *self, int16_t pcm[MEDIA_PERIOD], usec now)
{
	(void)now;
	memcpy(pcm, ((struct extensions *)self)->tone, MEDIA_PERIOD * sizeof(int16_t));
}

static void echo_mouth(void *self, int16_t pcm[MEDIA_PERIOD], usec now)
{
	struct echo *e = self;

	if (e->heard && now - e->heard < ECHO_LATE)
		memcpy(pcm, e->pcm, sizeof(e->pcm));
	else
		memset(pcm, 0, sizeof(e->pcm));
}

static void echo_ear(void *self, const int16_t pcm[MEDIA_PERIOD], usec now)
{
	struct echo *e = self;

	memcpy(e->pcm, pcm, sizeof(e->pcm));
	e->heard = now;
}

size_t extensions_devices(struct extensions *x, struct media_device devices[MEDIA_SERVICE_DEVICE_MAX])
{
	devices[DEVICE_TONE] = (struct media_device){ x, tone_mouth, NULL };
	for (size_t i = 0; i < EXTENSIONS_ECHO_MAX; i++)
		devices[1 + i] = (struct media_device){ &x->echoes[i], echo_mouth, echo_ear };
	return 1 + EXTENSIONS_ECHO_MAX;
}

/* ---- lines ---- */

static struct line *line_find(const struct extensions *x, uint32_t stream)
{
	for (struct map_node *n = map_first(&x->lines, stream); n; n = map_next(n)) {
		struct line *line = map_of(n, struct line, node);

		if (line->stream == stream)
			return line;
	}
	return NULL;
}

static bool take_echo(struct extensions *x, struct line *line)
{
	for (uint32_t i = 0; i < EXTENSIONS_ECHO_MAX; i++) {
		if (x->echo_taken[i])
			continue;
		x->echo_taken[i] = true;
		x->echo_n++;
		line->echo = 1 + i;
		return true;
	}
	return false;
}

/* Sound for this one, where it needs some. false: it needs some and there is none left. */
static bool take_sound(struct extensions *x, struct line *line)
{
	if (line->kind != EXTENSION_ECHO && line->kind != EXTENSION_PLAYBACK && line->kind != EXTENSION_EARLY)
		return true;
	if (x->sound_n == x->settings.sound_max || (line->kind == EXTENSION_ECHO && !take_echo(x, line)))
		return false;
	x->sound_n++;
	line->sounds = true;
	return true;
}

static struct line *line_new(struct extensions *x, uint32_t stream)
{
	struct call *call = agent_call_of_stream(x->agent, stream);
	struct line *line = call ? calloc(1, sizeof(*line)) : NULL;
	struct sip_uri uri;

	if (!line)
		return NULL;
	line->stream = stream;
	if (map_add(&x->lines, &line->node, stream)) {
		free(line);
		return NULL;
	}
	if (!sip_uri_parse(str_from(call_facts(call)->uri), &uri))
		line->kind = kind_of(uri.user);
	line->full = !take_sound(x, line);
	return line;
}

static void line_free(struct extensions *x, struct line *line)
{
	if (line->echo) {
		x->echo_taken[line->echo - 1] = false;
		x->echo_n--;
	}
	x->sound_n -= line->sounds;
	heap_remove(&x->timers, &line->timer);
	map_remove(&x->lines, &line->node);
	free(line);
}

/* ---- media ---- */

/* A stream of nobody's: an address that swallows all. */
static void sink_opened(struct extensions *x, const struct media_ask *ask, struct media_answer *answer)
{
	answer->local.rtp = answer->local.rtcp = x->sink;
	answer->local.rtcp_mux = true;
	if (ask->security & SDP_SDES) {
		answer->local.suite = SDP_AES_CM_128_HMAC_SHA1_80;
		answer->local.sdes_key_n = SDES_KEY_N;
		rng_fill(x->settings.rng, answer->local.sdes_key, SDES_KEY_N);
	}
	if (!addr_is_set(&x->sink)) {
		answer->kind = MEDIA_FAILED;
		answer->err = ERR_UNREACHABLE;
	}
}

static struct media_answer *sink_answer(struct extensions *x, const struct media_ask *ask)
{
	static const enum media_answer_kind kinds[] = {
		[MEDIA_ASK_OPEN] = MEDIA_OPENED, [MEDIA_ASK_CONNECT] = MEDIA_UP, [MEDIA_ASK_CLOSE] = MEDIA_CLOSED
	};
	struct media_answer *answer;

	if (ask->kind != MEDIA_ASK_OPEN && ask->kind != MEDIA_ASK_CONNECT && ask->kind != MEDIA_ASK_CLOSE)
		return NULL;
	answer = media_answer_new(kinds[ask->kind], ask->stream);
	if (!answer)
		return NULL;
	if (ask->kind == MEDIA_ASK_OPEN)
		sink_opened(x, ask, answer);
	if (ask->kind == MEDIA_ASK_CONNECT) {
		answer->path.local = x->sink;
		answer->path.remote = ask->agreed.remote.rtp;
		answer->path.security = ask->agreed.security;
	}
	return answer;
}

/* The agent asks for media. true: it is for the media service; else it has had its answer. */
static bool asks_service(struct extensions *x, struct media_ask *ask)
{
	struct line *line = line_find(x, ask->stream);
	struct media_answer *answer;

	if (!line && ask->kind == MEDIA_ASK_OPEN)
		line = line_new(x, ask->stream);
	if (line && line->sounds) {
		ask->has_device = true;
		ask->device = line->kind == EXTENSION_ECHO ? line->echo : DEVICE_TONE;
		return true;
	}
	answer = sink_answer(x, ask);
	media_ask_free(ask);
	if (answer) {
		struct host_event e = { .kind = HOST_TOLD, .from = x->settings.media_service, .message = answer };

		agent_recv(x->agent, &e, x->now);
	}
	return false;
}

/* ---- what they do ---- */

static void later(struct extensions *x, struct line *line, usec span)
{
	if (heap_set(&x->timers, &line->timer, usec_add(x->now, span)))
		call_hang_up(agent_call(x->agent, line->call), CALL_CAUSE_NONE, x->now);
}

static void answer(struct extensions *x, struct line *line, struct call *call)
{
	static const usec spans[] = { [EXTENSION_ECHO] = ECHO_FOR,
				      [EXTENSION_ANSWER] = 0,
				      [EXTENSION_PLAYBACK] = TONE_FOR,
				      [EXTENSION_EARLY] = TONE_FOR,
				      [EXTENSION_WAIT] = WAIT_FOR };

	line->answered = true;
	if (call_answer(call, x->now))
		call_hang_up(call, CALL_CAUSE_NONE, x->now);
	else if (line->kind == EXTENSION_ANSWER)
		call_hang_up(call, CALL_CAUSE_NONE, x->now); /* its BYE waits for the ACK (RFC 3261 15) */
	else
		later(x, line, spans[line->kind]);
}

static enum err begin(struct extensions *x, struct line *line, struct call *call)
{
	if (line->full)
		return call_reject(call, 486, 0, x->now);
	switch (line->kind) {
	case EXTENSION_ECHO:
	case EXTENSION_ANSWER:
	case EXTENSION_PLAYBACK:
		answer(x, line, call);
		return ERR_NONE;
	case EXTENSION_RING:
		later(x, line, RING_FOR);
		return call_ring(call, 180, false, x->now);
	case EXTENSION_BUSY:
		return call_reject(call, 486, 0, x->now);
	case EXTENSION_EARLY:
		later(x, line, EARLY_FOR);
		return call_ring(call, 183, true, x->now);
	case EXTENSION_WAIT:
		later(x, line, WAIT_BEFORE);
		return ERR_NONE;
	case EXTENSION_NONE:
		break;
	}
	return call_reject(call, 404, 0, x->now);
}

static void incoming(struct extensions *x, handle h)
{
	struct call *call = agent_call(x->agent, h);
	struct line *line = call ? line_find(x, call_stream(call)) : NULL;
	enum err err = ERR_MEMORY;

	if (!call)
		return;
	if (line) {
		line->call = h;
		err = begin(x, line, call);
	}
	if (err && call_reject(call, err == ERR_UNSUPPORTED ? 488 : 500, 0, x->now))
		call_hang_up(call, CALL_CAUSE_NONE, x->now);
}

static void due(struct extensions *x, struct line *line)
{
	struct call *call = agent_call(x->agent, line->call);

	if (!call)
		return;
	if (line->kind == EXTENSION_RING) {
		if (call_reject(call, 480, 0, x->now))
			call_hang_up(call, CALL_CAUSE_NONE, x->now);
	} else if (!line->answered) {
		answer(x, line, call);
	} else {
		call_hang_up(call, CALL_CAUSE_NONE, x->now);
	}
}

static void ended(struct extensions *x, handle h)
{
	struct call *call = agent_call(x->agent, h);
	struct line *line = call ? line_find(x, call_stream(call)) : NULL;

	if (line)
		line_free(x, line);
}

static void up(struct extensions *x)
{
	struct sip_uri uri;
	struct addr at;

	if (!sip_uri_parse(agent_aor(x->agent), &uri) && sip_uri_addr(&uri, &at))
		atomic_store(&x->port, at.port);
}

/* What the agent has to say. */
static void listen_to_agent(struct extensions *x)
{
	struct agent_event e;

	while (agent_event(x->agent, &e)) {
		if (e.kind == AGENT_READY)
			up(x);
		else if (e.kind == AGENT_DOWN)
			log_error(x->settings.log, "connect.extensions down", "why=\"" STR_FMT "\"", STR_ARG(e.text));
		else if (e.kind == AGENT_STOPPED)
			x->agent_stopped = true;
		else if (e.is.kind == CALL_EVENT_INCOMING)
			incoming(x, e.call);
		else if (e.is.kind == CALL_EVENT_ENDED)
			ended(x, e.call);
	}
}

/* ---- the service ---- */

static void start(struct extensions *x, usec now)
{
	x->started = true;
	x->bind_wanted = true;
	agent_start(x->agent, now);
}

static void x_recv(void *self, const struct host_event *event, usec now)
{
	struct extensions *x = self;
	struct host_event e = *event;

	x->now = now;
	if (e.kind == HOST_TOLD || e.kind == HOST_STOPPING) {
		if (e.kind == HOST_STOPPING && !x->stopping) {
			x->stopping = true;
			x->stop_at = usec_add(now, STOP_WAIT);
		}
		agent_recv(x->agent, &e, now);
	} else {
		int place = share_event(SHARE_OUTER, &e);

		if (place != PLACE_SELF)
			agent_recv(x->agent, &e, now);
		else if (e.kind == HOST_BOUND)
			x->sink = e.local;
		else if (e.kind == HOST_FAILED)
			log_error(x->settings.log, "connect.extensions deaf", "why=\"%s\"", err_text(e.err));
	}
	listen_to_agent(x);
}

static void x_tick(void *self, usec now)
{
	struct extensions *x = self;
	struct heap_item *item;

	x->now = now;
	if (!x->started)
		start(x, now);
	while ((item = heap_take(&x->timers, now)))
		due(x, map_of(item, struct line, timer));
	agent_tick(x->agent, now);
	listen_to_agent(x);
}

static bool is_over(const struct extensions *x)
{
	return x->stopping && !x->stop_said && (x->agent_stopped || x->now >= x->stop_at);
}

static usec x_due(const void *self)
{
	const struct extensions *x = self;

	if (!x->started || is_over(x))
		return 0;
	usec at = usec_min(agent_due(x->agent), heap_due(&x->timers));
	return x->stopping && !x->stop_said ? usec_min(at, x->stop_at) : at;
}

static bool x_next(void *self, struct host_want *out)
{
	struct extensions *x = self;

	if (x->bind_wanted) {
		x->bind_wanted = false;
		*out = (struct host_want){ .kind = HOST_BIND, .id = SINK, .local = x->settings.media };
		share_want(SHARE_OUTER, PLACE_SELF, out);
		return true;
	}
	for (;;) {
		while (agent_next(x->agent, out)) {
			if (out->kind == HOST_TELL) {
				if (!asks_service(x, out->message))
					continue;
			} else {
				share_want(SHARE_OUTER, PLACE_AGENT, out);
			}
			return true;
		}
		/* An answer of ours to the agent may have made news, and these new wants. */
		listen_to_agent(x);
		if (agent_due(x->agent) > 0)
			break;
		agent_tick(x->agent, x->now);
	}
	if (!is_over(x))
		return false;
	x->stop_said = true;
	*out = (struct host_want){ .kind = HOST_STOP };
	return true;
}

static void drop(void *message)
{
	media_answer_free(message);
}

struct host_service extensions_service(struct extensions *x)
{
	return (struct host_service){ x, x_recv, x_tick, x_due, x_next, drop };
}

/* ---- birth and death ---- */

static struct agent *make_agent(const struct extensions_settings *s)
{
	struct agent_settings a = { .user = STR("extensions"),
				    .transport = s->transport,
				    .listen = s->listen,
				    .media = s->media_service,
				    .first_stream = 1,
				    .call_max = s->call_max,
				    .software = STR("tandem"),
				    .rng = s->rng,
				    .log = s->log };

	a.wish = (struct call_media_wish){ .codecs = { CODEC_OPUS, CODEC_PCMA, CODEC_PCMU },
					   .codec_n = 3,
					   .security = SDP_SDES | SDP_PLAIN,
					   .local = s->media };
	return agent_new(&a);
}

struct extensions *extensions_new(const struct extensions_settings *settings)
{
	struct extensions *x = calloc(1, sizeof(*x));
	struct tone tone;

	if (!x)
		return NULL;
	x->settings = *settings;
	if (!x->settings.call_max)
		x->settings.call_max = CALL_MAX;
	if (!x->settings.sound_max)
		x->settings.sound_max = SOUND_MAX;
	map_init(&x->lines, x->settings.call_max);
	heap_init(&x->timers);
	tone_start(&tone, EXTENSIONS_TONE_HZ, TONE_DBFS, MEDIA_RATE_HZ);
	tone_make(&tone, x->tone, MEDIA_PERIOD, 0);
	x->agent = make_agent(&x->settings);
	if (!x->agent) {
		extensions_free(x);
		return NULL;
	}
	return x;
}

void extensions_free(struct extensions *x)
{
	struct map_node *n;

	if (!x)
		return;
	agent_free(x->agent);
	while ((n = map_pop(&x->lines)))
		free(map_of(n, struct line, node));
	map_free(&x->lines);
	heap_free(&x->timers);
	free(x);
}

void extensions_stats(const struct extensions *x, struct extensions_stats *out)
{
	*out = (struct extensions_stats){ .calls = (uint32_t)x->lines.n, .sounds = x->sound_n, .echoes = x->echo_n };
}
