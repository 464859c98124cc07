#include "call/media_service.h"

#include "base/heap.h"
#include "base/map.h"
#include "call/path.h"

#include <stdio.h>
#include <stdlib.h>

#define STREAM_MAX  4096
#define IDLE_S      20
#define KEY_MS      100
#define STOP_WAIT   (3 * USEC_PER_SEC) /* askers that do not close: we do, once the person wants an end */
#define PERIODS_MAX 5                  /* a clock that stood still longer is not caught up with, but started anew */

enum stream_state {
	STREAM_OPENING = 1, /* the path gathers */
	STREAM_OPEN,        /* OPENED is told */
	STREAM_UP,          /* packets pass */
	STREAM_FAILED,      /* FAILED is told: waits for CLOSE */
	STREAM_BYE,         /* last packets go out, then */
	STREAM_CLOSING,     /* the path's last wants, then CLOSED */
};

struct stream {
	struct map_node node; /* by asker and number */
	struct heap_item item;
	struct stream *ready_next;
	bool ready;
	enum stream_state state;
	uint32_t slot, asker, number;
	uint32_t socket; /* the first of its own */
	struct path *path;
	struct media_session *session; /* from CONNECT on */
	uint32_t bitrate_bps;
	const struct media_device *device; /* NULL: none */
	struct stream *other;              /* the bridge's; both point at each other */
	bool relay;                        /* payloads are handed over: no play clock */
	bool handed_over;                  /* the last packet was */
	usec play_due;
	usec heard;       /* the last packet; since UP */
	bool receives;    /* by what was agreed; who does not is not missed */
	bool silent_told; /* SILENT, until a packet comes */
	bool say_silent;  /* to be told */
};

struct media_service {
	struct media_service_setup setup;
	struct dtls_identity *identity;
	uint64_t key[2]; /* of the map */
	struct map streams;
	struct heap due;
	struct stream **slots; /* stream_max */
	uint32_t *uses;        /* streams that a slot has seen: sockets are not named twice in a row */
	uint32_t slot_hint;
	uint32_t stream_n;
	struct stream *ready_first, *ready_last;
	struct media_answer *refusal; /* of the OPEN just heard */
	uint32_t refusal_to;
	bool stopping, stopped;
	usec stop_by;
	usec now; /* of the last recv or tick: next() belongs to it */
};

/* ---- streams ---- */

static uint64_t stream_hash(const struct media_service *m, uint32_t asker, uint32_t number)
{
	uint32_t name[2] = { asker, number };

	return str_hash(str_of((const char *)name, sizeof(name)), m->key);
}

static struct stream *stream_find(const struct media_service *m, uint32_t asker, uint32_t number)
{
	for (struct map_node *n = map_first(&m->streams, stream_hash(m, asker, number)); n; n = map_next(n)) {
		struct stream *s = map_of(n, struct stream, node);

		if (s->asker == asker && s->number == number)
			return s;
	}
	return NULL;
}

/* Sockets of a slot: PATH_SOCKET_MAX numbers that change with each stream it holds. */
static uint32_t socket_base(const struct media_service *m, uint32_t slot)
{
	uint32_t rounds = HOST_OWN_MAX / PATH_SOCKET_MAX / m->setup.stream_max - 1;

	return 1 + PATH_SOCKET_MAX * (slot + m->setup.stream_max * (m->uses[slot] % rounds));
}

static struct stream *stream_of_socket(const struct media_service *m, uint32_t socket)
{
	struct stream *s = socket ? m->slots[(socket - 1) / PATH_SOCKET_MAX % m->setup.stream_max] : NULL;

	return s && socket - s->socket < PATH_SOCKET_MAX ? s : NULL;
}

/* It has something to say: its turn in next(). */
static void make_ready(struct media_service *m, struct stream *s)
{
	if (s->ready)
		return;
	s->ready = true;
	s->ready_next = NULL;
	if (m->ready_last)
		m->ready_last->ready_next = s;
	else
		m->ready_first = s;
	m->ready_last = s;
}

static void drop_first_ready(struct media_service *m)
{
	struct stream *s = m->ready_first;

	m->ready_first = s->ready_next;
	if (!m->ready_first)
		m->ready_last = NULL;
	s->ready = false;
}

static usec idle_span(const struct media_service *m)
{
	return m->setup.idle_s * USEC_PER_SEC;
}

/* While it is in line it has no time of its own: it gets one as it leaves. */
static void set_due(struct media_service *m, struct stream *s)
{
	usec due = path_due(s->path);

	if (s->session)
		due = usec_min(due, media_session_due(s->session));
	if (s->state == STREAM_UP) {
		due = usec_min(due, s->play_due);
		if (s->receives && !s->silent_told)
			due = usec_min(due, usec_add(s->heard, idle_span(m)));
	}
	/* the heap was given its room when the stream was opened: setting cannot fail */
	if (heap_set(&m->due, &s->item, s->ready ? USEC_NEVER : due))
		log_error(m->setup.log, "call.media_service late", "stream=%u", s->number);
}

static void part(struct media_service *m, struct stream *s);

static void stream_free(struct media_service *m, struct stream *s)
{
	part(m, s);
	heap_remove(&m->due, &s->item);
	map_remove(&m->streams, &s->node);
	m->slots[s->slot] = NULL;
	m->stream_n--;
	path_free(s->path);
	media_session_free(s->session);
	free(s);
}

/* ---- what is told ---- */

static bool tell(struct host_want *out, uint32_t to, struct media_answer *answer)
{
	if (!answer)
		return false;
	*out = (struct host_want){ .kind = HOST_TELL, .to = to, .message = answer };
	return true;
}

static struct media_answer *failure(uint32_t number, enum err err, const char *text)
{
	struct media_answer *answer = media_answer_new(MEDIA_FAILED, number);

	if (answer) {
		answer->err = err;
		snprintf(answer->text, sizeof(answer->text), "%s", text ? text : err_text(err));
	}
	return answer;
}

static bool tell_failure(struct stream *s, enum err err, const char *text, struct host_want *out)
{
	s->state = STREAM_FAILED;
	return tell(out, s->asker, failure(s->number, err, text));
}

/* ---- bridges ---- */

static bool is_up(const struct stream *s)
{
	return s && s->state == STREAM_UP && s->session;
}

static void set_relay(struct stream *s, bool on, usec now)
{
	if (s->relay == on)
		return;
	s->relay = on;
	media_session_relay(s->session, on);
	s->play_due = on ? USEC_NEVER : now;
}

/* How a stream and its other speak from now on: after any of them came up, changed or was bridged. */
static void settle(struct media_service *m, struct stream *s, usec now)
{
	struct stream *o = s->other;
	bool relay = is_up(s) && is_up(o) && media_session_can_forward(o->session, s->session) &&
		     media_session_can_forward(s->session, o->session);

	if (is_up(s))
		set_relay(s, relay, now);
	if (is_up(o)) {
		set_relay(o, relay, now);
		set_due(m, o);
	}
}

static void part(struct media_service *m, struct stream *s)
{
	struct stream *o = s->other;

	if (!o)
		return;
	s->other = o->other = NULL;
	if (is_up(s))
		set_relay(s, false, s->heard);
	if (is_up(o)) {
		set_relay(o, false, o->heard);
		set_due(m, o);
	}
}

static void bridge(struct media_service *m, struct stream *s, struct stream *o, usec now)
{
	part(m, s);
	if (!o || o == s)
		return;
	part(m, o);
	s->other = o;
	o->other = s;
	settle(m, s, now);
}

/* ---- asks ---- */

static void path_setup(const struct media_service *m, const struct media_ask *ask, uint32_t socket,
		       struct path_settings *out)
{
	*out = (struct path_settings){ .socket = socket,
				       .dscp = m->setup.dscp,
				       .ice = ask->ice,
				       .offerer = ask->offerer,
				       .security = ask->security,
				       .identity = m->identity,
				       .rtcp_mux = ask->ice, /* phones without ICE often do not know it */
				       .latch = !ask->ice,
				       .rng = m->setup.rng,
				       .log = m->setup.log };
	if (addr_is_set(&ask->local) && !addr_is_any(&ask->local)) {
		out->locals[out->local_n++] = ask->local;
	} else {
		for (size_t i = 0; i < m->setup.addr_n && out->local_n < PATH_SOCKET_MAX; i++) {
			bool fits = !addr_is_set(&ask->local) || ask->local.family == m->setup.addrs[i].family;

			if (fits)
				out->locals[out->local_n++] = m->setup.addrs[i];
		}
	}
	if (addr_is_set(&ask->stun))
		out->stun[out->stun_n++] = ask->stun;
}

static uint32_t free_slot(struct media_service *m)
{
	while (m->slots[m->slot_hint])
		m->slot_hint = (m->slot_hint + 1) % m->setup.stream_max;
	return m->slot_hint;
}

/* Puts a new stream into slot, map and heap. */
static enum err enter(struct media_service *m, struct stream *s)
{
	s->slot = free_slot(m);
	m->uses[s->slot]++;
	s->socket = socket_base(m, s->slot);
	enum err err = map_add(&m->streams, &s->node, stream_hash(m, s->asker, s->number));
	if (err)
		return err;
	err = heap_set(&m->due, &s->item, USEC_NEVER - 1);
	if (err) {
		map_remove(&m->streams, &s->node);
		return err;
	}
	m->slots[s->slot] = s;
	m->stream_n++;
	return ERR_NONE;
}

static enum err open_stream(struct media_service *m, uint32_t asker, const struct media_ask *ask, usec now)
{
	struct path_settings settings;
	struct stream *s;

	if (stream_find(m, asker, ask->stream))
		return ERR_EXISTS;
	if (m->stream_n == m->setup.stream_max || m->stopping)
		return ERR_FULL;
	if (ask->has_device && ask->device >= m->setup.device_n)
		return ERR_ABSENT;
	s = calloc(1, sizeof(*s));
	if (!s)
		return ERR_MEMORY;
	s->asker = asker;
	s->number = ask->stream;
	s->state = STREAM_OPENING;
	s->bitrate_bps = ask->bitrate_bps;
	s->device = ask->has_device ? &m->setup.devices[ask->device] : NULL;
	s->play_due = USEC_NEVER;
	enum err err = enter(m, s);
	if (err) {
		free(s);
		return err;
	}
	path_setup(m, ask, s->socket, &settings);
	s->path = path_new(&settings, now);
	if (!s->path) {
		stream_free(m, s);
		return settings.local_n ? ERR_MEMORY : ERR_UNREACHABLE;
	}
	make_ready(m, s);
	set_due(m, s);
	return ERR_NONE;
}

/* "maxaveragebitrate" and the like of the far side's fmtp (RFC 7587 6.1). */
static uint32_t parameter(const char *fmtp, str name, uint32_t otherwise)
{
	str value;
	uint32_t number;

	return sdp_fmtp_find(str_from(fmtp), name, &value) && str_u32(value, INT32_MAX, &number) ? number : otherwise;
}

static void session_setup(const struct media_service *m, const struct stream *s, const struct sdp_offer_result *agreed,
			  struct media_session_setup *out)
{
	const char *fmtp = agreed->codecs[0].fmtp;
	uint32_t most = parameter(fmtp, STR("maxaveragebitrate"), 0);

	*out = (struct media_session_setup){ .ptime_ms = agreed->ptime_ms,
					     .send = sdp_direction_sends(agreed->direction),
					     .receive = sdp_direction_receives(agreed->direction),
					     .dtmf = agreed->dtmf,
					     .dtmf_pt_send = agreed->dtmf_codec.pt_send,
					     .dtmf_pt_recv = agreed->dtmf_codec.pt_recv,
					     .dtmf_clock_hz = agreed->dtmf_codec.rate_hz,
					     .jitter_ms = m->setup.jitter_ms,
					     .rng = m->setup.rng };
	for (size_t i = 0; i < agreed->codec_n && out->codec_n < MEDIA_CODEC_MAX; i++) {
		const struct sdp_offer_codec *codec = &agreed->codecs[i];
		const struct codec_info *info = codec_find(str_from(codec->name), codec->rate_hz, codec->channels);

		if (info)
			out->codecs[out->codec_n++] =
				(struct media_session_codec){ info->id, codec->pt_send, codec->pt_recv };
	}
	out->codec.bitrate_bps = s->bitrate_bps;
	if (most >= 6000 && (!s->bitrate_bps || most < s->bitrate_bps)) /* RFC 7587 6.1: 6000 to 510000 */
		out->codec.bitrate_bps = most < 64000 || s->bitrate_bps ? most : 64000;
	out->codec.max_sample_hz = parameter(fmtp, STR("maxplaybackrate"), 0);
}

static enum err connect_stream(struct media_service *m, struct stream *s, const struct sdp_offer_result *agreed,
			       usec now)
{
	struct media_session_setup setup;
	enum err err;

	session_setup(m, s, agreed, &setup);
	if (s->session) {
		err = media_session_change(s->session, &setup, now);
		if (err)
			return err;
	} else {
		s->session = media_session_new(&setup, now);
		if (!s->session)
			return setup.codec_n ? ERR_MEMORY : ERR_UNSUPPORTED;
	}
	s->heard = now; /* a hold that ends begins a new wait */
	s->receives = setup.receive;
	err = path_agree(s->path, agreed, now);
	if (!err && s->other)
		settle(m, s, now);
	return err;
}

static void close_stream(struct media_service *m, struct stream *s, usec now)
{
	if (s->state >= STREAM_BYE)
		return;
	if (is_up(s))
		media_session_bye(s->session, now);
	part(m, s);
	s->play_due = USEC_NEVER;
	s->state = STREAM_BYE;
	make_ready(m, s);
}

static void ask_open(struct media_service *m, uint32_t from, const struct media_ask *ask, usec now)
{
	static const char no_address[] = "this machine has no address for media";
	enum err err = open_stream(m, from, ask, now);

	if (!err)
		return;
	log_warn(m->setup.log, "call.media_service refused", "stream=%u err=\"%s\"", ask->stream, err_text(err));
	m->refusal = failure(ask->stream, err, err == ERR_UNREACHABLE ? no_address : NULL);
	m->refusal_to = from;
}

static void ask_stream(struct media_service *m, struct stream *s, const struct media_ask *ask, usec now)
{
	enum err err = ERR_NONE;

	switch (ask->kind) {
	case MEDIA_ASK_OPEN:
		break;
	case MEDIA_ASK_CONNECT:
		if (s->state == STREAM_OPEN || s->state == STREAM_UP)
			err = connect_stream(m, s, &ask->agreed, now);
		if (err) {
			s->state = STREAM_FAILED;
			m->refusal = failure(s->number, err, NULL);
			m->refusal_to = s->asker;
		}
		break;
	case MEDIA_ASK_BRIDGE:
		if (s->state < STREAM_BYE)
			bridge(m, s, ask->other ? stream_find(m, s->asker, ask->other) : NULL, now);
		break;
	case MEDIA_ASK_DTMF:
		if (is_up(s))
			err = media_session_press(s->session, str_from(ask->digits), KEY_MS);
		if (err)
			log_warn(m->setup.log, "call.media_service no-dtmf", "stream=%u err=\"%s\"", s->number,
				 err_text(err));
		break;
	case MEDIA_ASK_CLOSE:
		close_stream(m, s, now);
		break;
	}
	make_ready(m, s);
	set_due(m, s);
}

static void recv_ask(struct media_service *m, uint32_t from, struct media_ask *ask, usec now)
{
	struct stream *s = stream_find(m, from, ask->stream);

	ask->digits[MEDIA_DIGIT_N] = 0;
	if (ask->kind == MEDIA_ASK_OPEN)
		ask_open(m, from, ask, now);
	else if (s)
		ask_stream(m, s, ask, now);
	else if (ask->kind == MEDIA_ASK_CLOSE) { /* of an OPEN that we refused: it still ends with CLOSED */
		m->refusal = media_answer_new(MEDIA_CLOSED, ask->stream);
		m->refusal_to = from;
	}
	media_ask_free(ask);
}

/* ---- the play clock ---- */

/* One period: what came in goes to the ear or the bridge, what is to be said comes from the mouth. */
static void play_period(struct stream *s, usec now)
{
	int16_t pcm[MEDIA_PERIOD];
	struct stream *o = s->other;

	media_session_play(s->session, pcm, now);
	if (is_up(o))
		media_session_speak(o->session, pcm, now);
	else if (!o && s->device && s->device->ear)
		s->device->ear(s->device->self, pcm, now);
	if (is_up(o))
		return; /* what we say comes from the other's clock */
	if (!o && s->device && s->device->mouth)
		s->device->mouth(s->device->self, pcm, now);
	else
		memset(pcm, 0, sizeof(pcm));
	media_session_speak(s->session, pcm, now);
}

/* The periods are counted on the clock, so that none is lost or doubled by a late tick. */
static void play(struct media_service *m, struct stream *s, usec now)
{
	if (s->play_due + PERIODS_MAX * MEDIA_PERIOD_US < now) {
		log_warn(m->setup.log, "call.media_service stalled", "stream=%u ms=%lld", s->number,
			 (long long)((now - s->play_due) / 1000));
		s->play_due = now;
	}
	while (s->play_due <= now) {
		play_period(s, s->play_due);
		s->play_due += MEDIA_PERIOD_US;
		if (s->other)
			make_ready(m, s->other);
	}
}

static void tick_stream(struct media_service *m, struct stream *s, usec now)
{
	path_tick(s->path, now);
	if (s->session)
		media_session_tick(s->session, now);
	if (s->state == STREAM_UP) {
		if (s->play_due <= now)
			play(m, s, now);
		if (s->receives && !s->silent_told && s->heard + idle_span(m) <= now)
			s->silent_told = s->say_silent = true;
	}
	make_ready(m, s);
	set_due(m, s);
}

/* ---- what comes off the path ---- */

static bool on_gathered(struct stream *s, struct host_want *out)
{
	struct media_answer *answer = media_answer_new(MEDIA_OPENED, s->number);

	s->state = STREAM_OPEN;
	if (answer)
		path_local(s->path, &answer->local);
	return tell(out, s->asker, answer);
}

static bool on_connected(struct media_service *m, struct stream *s, const struct media_path *way, usec now,
			 struct host_want *out)
{
	struct media_answer *answer = media_answer_new(MEDIA_UP, s->number);

	if (s->state != STREAM_UP) {
		s->state = STREAM_UP;
		s->heard = s->play_due = now;
		s->silent_told = false;
		settle(m, s, now);
	}
	if (answer)
		answer->path = *way;
	set_due(m, s);
	return tell(out, s->asker, answer);
}

static void on_packet(struct media_service *m, struct stream *s, const struct path_do *d, usec now)
{
	str datagram = str_of((const char *)d->bytes, d->n);
	struct rtp_packet packet;

	if (!s->session)
		return;
	s->heard = now;
	s->silent_told = s->say_silent = false;
	s->handed_over = false;
	if (s->relay && d->kind == PATH_RTP && !rtp_parse(datagram, &packet)) {
		s->handed_over = media_session_forward(s->other->session, s->session, &packet, now);
		make_ready(m, s->other);
	}
	media_session_recv(s->session, datagram, now);
}

/* true: `out` is set. */
static bool on_path(struct media_service *m, struct stream *s, const struct path_do *d, usec now, struct host_want *out)
{
	switch (d->kind) {
	case PATH_GATHERED:
		return on_gathered(s, out);
	case PATH_CONNECTED:
		return on_connected(m, s, &d->way, now, out);
	case PATH_FAILED:
		log_info(m->setup.log, "call.media_service failed", "stream=%u err=\"%s\"", s->number,
			 err_text(d->err));
		part(m, s);
		return tell_failure(s, d->err, d->text, out);
	case PATH_RTP:
	case PATH_RTCP:
		on_packet(m, s, d, now);
		break;
	}
	return false;
}

static bool on_key(struct media_service *m, struct stream *s, char key, struct host_want *out)
{
	struct media_answer *answer = media_answer_new(MEDIA_DIGIT, s->number);

	/* where the event itself was not handed over, the key is pressed anew on the other side */
	if (is_up(s->other) && !s->handed_over && media_session_press(s->other->session, str_of(&key, 1), KEY_MS))
		log_debug(m->setup.log, "call.media_service key-lost", "stream=%u", s->number);
	if (answer)
		answer->digit = key;
	return tell(out, s->asker, answer);
}

/* true: `out` is set. */
static bool on_session(struct media_service *m, struct stream *s, struct media_out *packet, struct host_want *out)
{
	if (packet->kind == MEDIA_KEY)
		return on_key(m, s, packet->key, out);
	if (packet->kind == MEDIA_RTP)
		return !path_send(s->path, packet->bytes, packet->n, packet->n + packet->room, out);
	return !path_send_rtcp(s->path, packet->bytes, packet->n, packet->n + packet->room, out);
}

static bool tell_closed(struct media_service *m, struct stream *s, struct host_want *out)
{
	struct media_answer *answer = media_answer_new(MEDIA_CLOSED, s->number);
	uint32_t asker = s->asker;

	if (answer && s->session)
		media_session_stats(s->session, &answer->stats);
	drop_first_ready(m);
	stream_free(m, s);
	return tell(out, asker, answer);
}

/* The next thing that the first ready stream wants; false: nothing more, it has left the line. */
static bool next_of(struct media_service *m, struct stream *s, usec now, struct host_want *out)
{
	struct path_do d;
	struct media_out packet;

	for (;;) {
		if (path_want(s->path, out))
			return true;
		if (s->say_silent) {
			struct media_answer *answer = media_answer_new(MEDIA_SILENT, s->number);

			s->say_silent = false;
			if (answer)
				answer->idle_s = m->setup.idle_s;
			if (tell(out, s->asker, answer))
				return true;
		} else if (path_next(s->path, &d)) {
			if (s->state < STREAM_FAILED && on_path(m, s, &d, now, out))
				return true;
		} else if (s->session && media_session_next(s->session, &packet)) {
			if (on_session(m, s, &packet, out))
				return true;
		} else if (s->state == STREAM_BYE) {
			s->state = STREAM_CLOSING;
			path_close(s->path, now);
		} else if (s->state == STREAM_CLOSING) {
			return tell_closed(m, s, out);
		} else {
			drop_first_ready(m);
			set_due(m, s);
			return false;
		}
	}
}

static bool service_next(void *self, struct host_want *out)
{
	struct media_service *m = self;

	if (m->refusal) {
		struct media_answer *answer = m->refusal;

		m->refusal = NULL;
		return tell(out, m->refusal_to, answer);
	}
	while (m->ready_first)
		if (next_of(m, m->ready_first, m->now, out))
			return true;
	if (m->stopping && !m->stopped && !m->stream_n) {
		m->stopped = true;
		*out = (struct host_want){ .kind = HOST_STOP };
		return true;
	}
	return false;
}

/* ---- the verbs ---- */

static void stop(struct media_service *m, usec now)
{
	if (!m->stopping)
		m->stop_by = usec_add(now, STOP_WAIT);
	m->stopping = true;
}

static void service_recv(void *self, const struct host_event *event, usec now)
{
	struct media_service *m = self;
	struct stream *s;

	m->now = now;
	switch (event->kind) {
	case HOST_TOLD:
		recv_ask(m, event->from, event->message, now);
		break;
	case HOST_BOUND:
	case HOST_FAILED:
	case HOST_DATAGRAM:
	case HOST_UNREACHABLE:
		s = stream_of_socket(m, event->id);
		if (s && s->state < STREAM_BYE) {
			path_recv(s->path, event, now);
			make_ready(m, s);
		}
		break;
	case HOST_STOPPING:
		stop(m, now);
		break;
	default:
		break;
	}
}

static void service_tick(void *self, usec now)
{
	struct media_service *m = self;
	struct heap_item *item;

	m->now = now;
	while ((item = heap_take(&m->due, now)))
		tick_stream(m, map_of(item, struct stream, item), now);
	if (m->stopping && m->stop_by <= now) {
		for (struct map_node *n = map_walk(&m->streams, NULL); n; n = map_walk(&m->streams, n))
			close_stream(m, map_of(n, struct stream, node), now);
		m->stop_by = USEC_NEVER;
	}
}

static usec service_due(const void *self)
{
	const struct media_service *m = self;
	usec due = heap_due(&m->due);

	return m->stopping && !m->stopped ? usec_min(due, m->stop_by) : due;
}

static void service_drop(void *message)
{
	media_ask_free(message);
}

struct host_service media_service_host(struct media_service *m)
{
	return (struct host_service){ m, service_recv, service_tick, service_due, service_next, service_drop };
}

struct media_service *media_service_new(const struct media_service_setup *setup, usec now)
{
	struct media_service *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->setup = *setup;
	m->now = now;
	if (!m->setup.stream_max)
		m->setup.stream_max = STREAM_MAX;
	if (!m->setup.idle_s)
		m->setup.idle_s = IDLE_S;
	rng_fill(setup->rng, m->key, sizeof(m->key));
	map_init(&m->streams, m->setup.stream_max);
	heap_init(&m->due);
	m->slots = calloc(m->setup.stream_max, sizeof(struct stream *));
	m->uses = calloc(m->setup.stream_max, sizeof(uint32_t));
	m->identity = setup->identity ? dtls_identity_ref(setup->identity) : dtls_identity_new(now);
	if (!m->slots || !m->uses || !m->identity) {
		media_service_free(m);
		return NULL;
	}
	return m;
}

void media_service_free(struct media_service *m)
{
	struct map_node *n;

	if (!m)
		return;
	while ((n = map_walk(&m->streams, NULL)))
		stream_free(m, map_of(n, struct stream, node));
	media_answer_free(m->refusal);
	map_free(&m->streams);
	heap_free(&m->due);
	dtls_identity_unref(m->identity);
	free(m->slots);
	free(m->uses);
	free(m);
}

uint32_t media_service_streams(const struct media_service *m)
{
	return m->stream_n;
}
