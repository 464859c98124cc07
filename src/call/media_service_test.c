#include "call/media_service.h"

#include "base/test.h"
#include "media/tone.h"

#include <math.h>
#include <stdlib.h>

/*
 * Several media services in one process under virtual time, each at an address of its own, and the
 * test in the part of signalling: it asks, and does the offer and answer.
 */

#define START     (1800000000 * USEC_PER_SEC)
#define HOP       (5 * USEC_PER_MS)
#define SIDES     3
#define SOCKETS   64
#define DATAGRAMS 512
#define ANSWERS   64
#define EAR_N     (MEDIA_RATE_HZ * 8)

struct datagram {
	usec at;
	int to; /* side; -1: free */
	uint32_t socket;
	struct addr local, remote;
	size_t n;
	char bytes[1500];
};

struct side {
	struct media_service *service;
	struct host_service host;
	struct rng rng;
	struct addr home;
	/* its device 0 */
	struct tone tone;
	bool speaks;
	int16_t ear[EAR_N];
	size_t ear_n;
	usec ear_start;
	/* what it told */
	struct media_answer *answers[ANSWERS];
	size_t answer_n;
	bool stopped;
};

struct socket {
	int side;
	uint32_t id;
	struct addr local;
};

struct world {
	usec now;
	struct side sides[SIDES];
	int side_n;
	struct socket sockets[SOCKETS];
	uint16_t port;
	struct datagram datagrams[DATAGRAMS];
	unsigned sent, cut; /* datagrams; all are cut off while not 0 */
	unsigned byes;      /* RTCP BYE in clear */
};

static void mouth(void *self, int16_t pcm[MEDIA_PERIOD], usec now)
{
	struct side *s = self;

	(void)now;
	if (s->speaks)
		tone_make(&s->tone, pcm, MEDIA_PERIOD, 0);
	else
		memset(pcm, 0, MEDIA_PERIOD * sizeof(*pcm));
}

static void ear(void *self, const int16_t pcm[MEDIA_PERIOD], usec now)
{
	struct side *s = self;

	if (!s->ear_n)
		s->ear_start = now;
	if (s->ear_n + MEDIA_PERIOD <= EAR_N) {
		memcpy(s->ear + s->ear_n, pcm, MEDIA_PERIOD * sizeof(*pcm));
		s->ear_n += MEDIA_PERIOD;
	}
}

static void world_add(struct world *w, uint32_t stream_max)
{
	struct side *s = &w->sides[w->side_n++];
	struct media_service_setup setup = { .rng = &s->rng, .stream_max = stream_max, .idle_s = 5 };

	rng_seeded(&s->rng, (uint64_t)w->side_n * 77);
	s->home = addr_v4(192, 0, 2, (uint8_t)w->side_n, 0);
	setup.addrs[setup.addr_n++] = s->home;
	setup.devices[setup.device_n++] = (struct media_device){ s, mouth, ear };
	s->service = media_service_new(&setup, w->now);
	assert_non_null(s->service);
	s->host = media_service_host(s->service);
}

static struct world *world_new(int sides)
{
	struct world *w = calloc(1, sizeof(*w));

	w->now = START;
	w->port = 20000;
	for (size_t i = 0; i < DATAGRAMS; i++)
		w->datagrams[i].to = -1;
	for (int i = 0; i < sides; i++)
		world_add(w, 8);
	return w;
}

static void world_free(struct world *w)
{
	for (int i = 0; i < w->side_n; i++) {
		media_service_free(w->sides[i].service);
		for (size_t k = 0; k < w->sides[i].answer_n; k++)
			media_answer_free(w->sides[i].answers[k]);
	}
	free(w);
}

static void drain(struct world *w, int side);

static void bind_socket(struct world *w, int side, const struct host_want *want)
{
	struct host_event e = { .kind = HOST_BOUND, .transport = TRANSPORT_UDP, .id = want->id, .local = want->local };

	for (size_t i = 0; i < SOCKETS; i++)
		if (!w->sockets[i].id) {
			if (!e.local.port)
				e.local.port = w->port += 2;
			w->sockets[i] = (struct socket){ side, want->id, e.local };
			w->sides[side].host.recv(w->sides[side].service, &e, w->now);
			return;
		}
	fail_msg("too many sockets");
}

static struct socket *socket_of(struct world *w, int side, uint32_t id, const struct addr *local)
{
	for (size_t i = 0; i < SOCKETS; i++) {
		struct socket *s = &w->sockets[i];

		if (s->id && (local ? addr_eq(&s->local, local) : s->side == side && s->id == id))
			return s;
	}
	return NULL;
}

static void send_datagram(struct world *w, int side, const struct host_want *want)
{
	struct socket *from = socket_of(w, side, want->id, NULL), *to = socket_of(w, 0, 0, &want->remote);

	assert_non_null(from);
	assert_true(want->bytes.n <= sizeof(w->datagrams[0].bytes));
	w->sent++;
	w->byes += str_find(want->bytes, STR("\x81\xcb\x00\x01")) < want->bytes.n;
	if (!to || w->cut)
		return;
	for (size_t i = 0; i < DATAGRAMS; i++) {
		struct datagram *d = &w->datagrams[i];

		if (d->to >= 0)
			continue;
		*d = (struct datagram){ .at = w->now + HOP,
					.to = to->side,
					.socket = to->id,
					.local = to->local,
					.remote = from->local,
					.n = want->bytes.n };
		memcpy(d->bytes, want->bytes.p, want->bytes.n);
		return;
	}
	fail_msg("too many datagrams under way");
}

static void drain(struct world *w, int side)
{
	struct side *s = &w->sides[side];
	struct host_want want;

	while (s->host.next(s->service, &want)) {
		switch (want.kind) {
		case HOST_BIND:
			bind_socket(w, side, &want);
			break;
		case HOST_UNBIND:
			*socket_of(w, side, want.id, NULL) = (struct socket){ 0 };
			break;
		case HOST_SEND:
			send_datagram(w, side, &want);
			break;
		case HOST_TELL:
			assert_int_equal(want.to, 7);
			assert_true(s->answer_n < ANSWERS);
			s->answers[s->answer_n++] = want.message;
			break;
		case HOST_STOP:
			s->stopped = true;
			break;
		default:
			fail_msg("an unexpected want");
		}
	}
}

static usec world_due(const struct world *w)
{
	usec due = USEC_NEVER;

	for (size_t i = 0; i < DATAGRAMS; i++)
		if (w->datagrams[i].to >= 0)
			due = usec_min(due, w->datagrams[i].at);
	for (int i = 0; i < w->side_n; i++)
		due = usec_min(due, w->sides[i].host.due(w->sides[i].service));
	return due;
}

static void run(struct world *w, usec span)
{
	usec end = w->now + span;

	for (usec due; (due = world_due(w)) <= end;) {
		w->now = due > w->now ? due : w->now;
		for (size_t i = 0; i < DATAGRAMS; i++) {
			struct datagram *d = &w->datagrams[i];

			if (d->to < 0 || d->at > w->now)
				continue;
			struct side *s = &w->sides[d->to];
			int to = d->to;
			struct host_event e = { .kind = HOST_DATAGRAM,
						.transport = TRANSPORT_UDP,
						.id = d->socket,
						.local = d->local,
						.remote = d->remote,
						.bytes = { d->bytes, d->n } };
			if (socket_of(w, to, d->socket, NULL))
				s->host.recv(s->service, &e, w->now);
			d->to = -1;
			drain(w, to);
		}
		for (int i = 0; i < w->side_n; i++)
			if (w->sides[i].host.due(w->sides[i].service) <= w->now) {
				w->sides[i].host.tick(w->sides[i].service, w->now);
				drain(w, i);
			}
	}
	w->now = end;
}

static void say(struct world *w, int side, struct media_ask *ask)
{
	struct host_event e = { .kind = HOST_TOLD, .from = 7, .message = ask };

	w->sides[side].host.recv(w->sides[side].service, &e, w->now);
	drain(w, side);
}

/* The first answer of that kind about the stream; NULL: not told. */
static struct media_answer *told(struct world *w, int side, uint32_t stream, enum media_answer_kind kind)
{
	for (size_t i = 0; i < w->sides[side].answer_n; i++) {
		struct media_answer *a = w->sides[side].answers[i];

		if (a->stream == stream && a->kind == kind)
			return a;
	}
	return NULL;
}

/* ---- one stream between two sides ---- */

struct end {
	int side;
	uint32_t stream;
	bool device;
};

struct kind {
	enum sdp_security security;
	bool ice;
	enum codec_id codec;
	uint32_t bitrate_bps;
};

static void open_end(struct world *w, struct end end, struct kind kind, bool offerer)
{
	struct media_ask *ask = media_ask_new(MEDIA_ASK_OPEN, end.stream);

	ask->security = kind.security;
	ask->ice = kind.ice;
	ask->offerer = offerer;
	ask->has_device = end.device;
	ask->bitrate_bps = kind.bitrate_bps;
	say(w, end.side, ask);
}

static struct sdp_offer_local capabilities(struct world *w, struct end end, struct kind kind)
{
	const struct codec_info *info = codec_info(kind.codec);
	struct media_answer *opened = told(w, end.side, end.stream, MEDIA_OPENED);
	struct sdp_offer_local local = { .codec_n = 1, .dtmf = true, .security = kind.security };

	assert_non_null(opened);
	(void)str_copy_z(info->name, local.codecs[0].name, sizeof(local.codecs[0].name));
	local.codecs[0].rate_hz = info->clock_hz;
	local.codecs[0].channels = info->channels;
	local.codecs[0].payload_type = info->payload_type;
	local.end = opened->local;
	return local;
}

static void connect_end(struct world *w, struct end end, const struct sdp_offer_result *agreed)
{
	struct media_ask *ask = media_ask_new(MEDIA_ASK_CONNECT, end.stream);

	ask->agreed = *agreed;
	say(w, end.side, ask);
}

/* Offer and answer between the two, and CONNECT on both. */
static void agree(struct world *w, struct end a, struct end b, struct kind kind, enum sdp_direction direction)
{
	struct sdp_offer_local mine = capabilities(w, a, kind), theirs = capabilities(w, b, kind);
	struct sdp_offer_result result_a, result_b;
	struct sdp_offer offer_a, offer_b;
	char text_a[SDP_OFFER_BODY_MAX], text_b[SDP_OFFER_BODY_MAX];
	struct buf offer, answer;
	struct rng rng;

	rng_seeded(&rng, 1);
	mine.direction = direction;
	buf_init(&offer, text_a, sizeof(text_a));
	buf_init(&answer, text_b, sizeof(text_b));
	sdp_offer_init(&offer_a, &rng);
	sdp_offer_init(&offer_b, &rng);
	assert_int_equal(sdp_offer_make(&offer_a, &mine, &offer), ERR_NONE);
	assert_int_equal(sdp_offer_answer(&offer_b, &theirs, buf_str(&offer), &answer, &result_b), ERR_NONE);
	assert_int_equal(sdp_offer_take(&offer_a, buf_str(&answer), &result_a), ERR_NONE);
	connect_end(w, a, &result_a);
	connect_end(w, b, &result_b);
}

static void connect_ends(struct world *w, struct end a, struct end b, struct kind kind)
{
	open_end(w, a, kind, true);
	open_end(w, b, kind, false);
	run(w, USEC_PER_SEC);
	agree(w, a, b, kind, SDP_SENDRECV);
	run(w, 2 * USEC_PER_SEC);
	struct media_answer *up = told(w, a.side, a.stream, MEDIA_UP);
	assert_non_null(up);
	assert_non_null(told(w, b.side, b.stream, MEDIA_UP));
	assert_int_equal(up->path.security, kind.security);
	assert_int_equal(up->path.ice, kind.ice);
}

static void speak(struct world *w, int side, double hz)
{
	tone_start(&w->sides[side].tone, hz, -12, MEDIA_RATE_HZ);
	w->sides[side].speaks = true;
}

/* The last 200 ms that a side heard. */
static void assert_hears(struct world *w, int side, double hz)
{
	struct side *s = &w->sides[side];

	assert_true(s->ear_n >= 9600);
	assert_true(fabs(tone_level(s->ear + s->ear_n - 9600, 9600, hz, MEDIA_RATE_HZ) + 12) < 1);
	assert_true(tone_rest(s->ear + s->ear_n - 9600, 9600, hz, MEDIA_RATE_HZ) < -35);
}

static void assert_hears_nothing(struct world *w, int side)
{
	struct side *s = &w->sides[side];

	assert_true(tone_rest(s->ear + s->ear_n - 9600, 9600, 1, MEDIA_RATE_HZ) < -60);
}

static void close_end(struct world *w, struct end end)
{
	say(w, end.side, media_ask_new(MEDIA_ASK_CLOSE, end.stream));
	run(w, 100 * USEC_PER_MS);
}

static const struct kind peer = { SDP_DTLS, true, CODEC_OPUS, 0 };
static const struct kind desk = { SDP_PLAIN, false, CODEC_PCMA, 0 };
static const struct kind safe_desk = { SDP_SDES, false, CODEC_PCMU, 0 };
static const struct kind thrifty = { SDP_PLAIN, false, CODEC_OPUS, 16000 };

static void tones_go_both_ways(struct kind kind)
{
	struct world *w = world_new(2);
	struct end a = { 0, 1, true }, b = { 1, 9, true };

	speak(w, 0, 440);
	speak(w, 1, 1000);
	connect_ends(w, a, b, kind);
	run(w, 2 * USEC_PER_SEC);
	assert_hears(w, 1, 440);
	assert_hears(w, 0, 1000);
	close_end(w, a);
	close_end(w, b);
	for (int i = 0; i < 2; i++) {
		struct media_answer *closed = told(w, i, i ? 9 : 1, MEDIA_CLOSED);

		assert_non_null(closed);
		assert_int_equal(closed->stats.codec, kind.codec);
		assert_in_range(closed->stats.packets_received, 150, 250);
		assert_int_equal(closed->stats.lost, 0);
		assert_int_equal(closed->stats.late, 0);
		assert_int_equal(media_service_streams(w->sides[i].service), 0);
	}
	for (size_t i = 0; i < SOCKETS; i++)
		assert_int_equal(w->sockets[i].id, 0);
	world_free(w);
}

static void a_tone_goes_through_ice_dtls_srtp_and_opus(void **state)
{
	(void)state;
	tones_go_both_ways(peer);
}

static void a_tone_goes_between_desk_phones_in_clear_and_with_keys(void **state)
{
	(void)state;
	tones_go_both_ways(desk);
	tones_go_both_ways(safe_desk);
}

/* A desk phone's plain G.711 on one side, a peer's sealed Opus on the other. */
static void a_bridge_of_two_codecs_is_transcoded(void **state)
{
	struct world *w = world_new(3);
	struct end phone = { 0, 1, true }, left = { 1, 1, false }, right = { 1, 2, false }, far = { 2, 1, true };
	struct media_ask *ask = media_ask_new(MEDIA_ASK_BRIDGE, 1);
	(void)state;

	ask->other = 2;
	speak(w, 0, 440);
	speak(w, 2, 1000);
	connect_ends(w, phone, left, desk);
	connect_ends(w, far, right, peer);
	say(w, 1, ask);
	run(w, 2 * USEC_PER_SEC);
	assert_hears(w, 2, 440);
	assert_hears(w, 0, 1000);

	/* a key crosses too */
	ask = media_ask_new(MEDIA_ASK_DTMF, 1);
	memcpy(ask->digits, "5", 2);
	say(w, 0, ask);
	run(w, USEC_PER_SEC);
	assert_int_equal(told(w, 1, 1, MEDIA_DIGIT)->digit, '5');
	assert_int_equal(told(w, 2, 1, MEDIA_DIGIT)->digit, '5');
	world_free(w);
}

/* The same codec on both sides: payloads pass as they are, whatever their keys. */
static void a_bridge_of_one_codec_hands_payloads_over(void **state)
{
	static const struct kind sealed = { SDP_DTLS, true, CODEC_PCMA, 0 };
	struct world *w = world_new(3);
	struct end phone = { 0, 1, true }, left = { 1, 1, false }, right = { 1, 2, false }, far = { 2, 1, true };
	struct media_ask *ask = media_ask_new(MEDIA_ASK_BRIDGE, 2);
	(void)state;

	ask->other = 1;
	speak(w, 0, 440);
	speak(w, 2, 1000);
	connect_ends(w, phone, left, desk);
	connect_ends(w, far, right, sealed);
	say(w, 1, ask);
	run(w, 2 * USEC_PER_SEC);
	assert_hears(w, 2, 440);
	assert_hears(w, 0, 1000);
	unsigned sent = w->sent;
	ask = media_ask_new(MEDIA_ASK_DTMF, 1);
	memcpy(ask->digits, "#", 2);
	say(w, 2, ask);
	run(w, USEC_PER_SEC);
	assert_in_range(w->sent - sent, 190, 230); /* 50 a second from each of four ends, and a little control */
	assert_int_equal(told(w, 1, 2, MEDIA_DIGIT)->digit, '#');
	assert_int_equal(told(w, 0, 1, MEDIA_DIGIT)->digit, '#');
	size_t digits = 0;
	for (size_t i = 0; i < w->sides[0].answer_n; i++)
		digits += w->sides[0].answers[i]->kind == MEDIA_DIGIT;
	assert_int_equal(digits, 1);

	/* one leg ends: the other goes on alone and sends silence */
	close_end(w, left);
	run(w, USEC_PER_SEC);
	assert_hears_nothing(w, 2);
	close_end(w, right);
	/* nothing was played in between: both decoded only while they were alone, 5 s and 2 s + 1 s */
	assert_in_range(told(w, 1, 1, MEDIA_CLOSED)->stats.periods, 200, 260);
	assert_in_range(told(w, 1, 2, MEDIA_CLOSED)->stats.periods, 140, 170);
	world_free(w);
}

static void on_hold_nothing_is_heard_and_afterwards_all_again(void **state)
{
	struct world *w = world_new(2);
	struct end a = { 0, 1, true }, b = { 1, 1, true };
	(void)state;

	speak(w, 0, 440);
	speak(w, 1, 1000);
	connect_ends(w, a, b, peer);
	agree(w, a, b, peer, SDP_INACTIVE);
	run(w, 8 * USEC_PER_SEC);
	assert_null(told(w, 0, 1, MEDIA_SILENT)); /* nobody is missed on hold */
	w->sides[0].ear_n = w->sides[1].ear_n = 0;
	run(w, USEC_PER_SEC);
	assert_hears_nothing(w, 0);
	assert_hears_nothing(w, 1);
	agree(w, a, b, peer, SDP_SENDRECV);
	run(w, USEC_PER_SEC);
	assert_hears(w, 0, 1000);
	assert_hears(w, 1, 440);
	world_free(w);
}

static void the_play_clock_loses_no_sample(void **state)
{
	struct world *w = world_new(2);
	struct end a = { 0, 1, true }, b = { 1, 1, true };
	(void)state;

	connect_ends(w, a, b, desk);
	usec heard = (usec)w->sides[0].ear_n * USEC_PER_SEC / MEDIA_RATE_HZ;
	usec passed = w->now - w->sides[0].ear_start;
	assert_in_range(heard - passed, 0, MEDIA_PERIOD_US);
	world_free(w);
}

static void who_falls_silent_is_reported_once(void **state)
{
	struct world *w = world_new(2);
	struct end a = { 0, 1, true }, b = { 1, 1, true };
	(void)state;

	connect_ends(w, a, b, desk);
	w->cut = 1;
	run(w, 20 * USEC_PER_SEC);
	size_t silent = 0;
	for (size_t i = 0; i < w->sides[0].answer_n; i++)
		silent += w->sides[0].answers[i]->kind == MEDIA_SILENT;
	assert_int_equal(silent, 1);
	assert_int_equal(told(w, 0, 1, MEDIA_SILENT)->idle_s, 5);
	world_free(w);
}

static void what_cannot_be_opened_is_refused_and_still_closes(void **state)
{
	struct world *w = world_new(1);
	struct media_ask *ask;
	(void)state;

	for (uint32_t i = 1; i <= 9; i++)
		open_end(w, (struct end){ 0, i, false }, desk, true);
	assert_int_equal(told(w, 0, 9, MEDIA_FAILED)->err, ERR_FULL);
	close_end(w, (struct end){ 0, 9, false });
	assert_non_null(told(w, 0, 9, MEDIA_CLOSED));
	close_end(w, (struct end){ 0, 1, false });
	open_end(w, (struct end){ 0, 2, false }, desk, true);
	assert_int_equal(told(w, 0, 2, MEDIA_FAILED)->err, ERR_EXISTS);
	ask = media_ask_new(MEDIA_ASK_OPEN, 20);
	ask->security = SDP_PLAIN;
	ask->has_device = true;
	ask->device = 3;
	say(w, 0, ask);
	assert_int_equal(told(w, 0, 20, MEDIA_FAILED)->err, ERR_ABSENT);
	say(w, 0, media_ask_new(MEDIA_ASK_DTMF, 99)); /* nobody's stream: nothing happens */
	assert_int_equal(media_service_streams(w->sides[0].service), 7);
	world_free(w);
}

static void the_bit_rate_asked_for_is_kept(void **state)
{
	struct world *w = world_new(2);
	struct end a = { 0, 1, true }, b = { 1, 1, true };
	(void)state;

	speak(w, 0, 440);
	connect_ends(w, a, b, thrifty);
	run(w, 2 * USEC_PER_SEC);
	close_end(w, a);
	struct media_stats *stats = &told(w, 0, 1, MEDIA_CLOSED)->stats;
	assert_in_range(stats->octets_sent / stats->packets_sent, 20, 50); /* 40 bytes are 16 kbit/s */
	world_free(w);
}

static void a_stream_opened_again_has_sockets_of_other_names(void **state)
{
	struct world *w = world_new(1);
	struct end a = { 0, 1, false };
	(void)state;

	open_end(w, a, desk, true);
	uint32_t first = w->sockets[0].id;
	close_end(w, a);
	open_end(w, a, desk, true);
	assert_int_not_equal(w->sockets[0].id, first);
	world_free(w);
}

static void a_wrong_certificate_fails_the_stream(void **state)
{
	struct world *w = world_new(2);
	struct end a = { 0, 1, true }, b = { 1, 1, true };
	(void)state;

	open_end(w, a, peer, true);
	open_end(w, b, peer, false);
	run(w, USEC_PER_SEC);
	told(w, 1, 1, MEDIA_OPENED)->local.print.digest[0] ^= 1;
	agree(w, a, b, peer, SDP_SENDRECV);
	run(w, 40 * USEC_PER_SEC); /* the right one might still come: net/dtls waits 30 s */
	assert_null(told(w, 0, 1, MEDIA_UP));
	struct media_answer *failed = told(w, 0, 1, MEDIA_FAILED);
	assert_non_null(failed);
	assert_true(failed->text[0] != 0);
	close_end(w, a);
	assert_non_null(told(w, 0, 1, MEDIA_CLOSED));
	world_free(w);
}

static void at_the_end_the_streams_are_closed_and_it_stops(void **state)
{
	struct world *w = world_new(2);
	struct end a = { 0, 1, true }, b = { 1, 1, true };
	struct host_event stopping = { .kind = HOST_STOPPING };
	(void)state;

	connect_ends(w, a, b, desk);
	for (int i = 0; i < 2; i++) {
		w->sides[i].host.recv(w->sides[i].service, &stopping, w->now);
		drain(w, i);
	}
	close_end(w, a);
	assert_int_equal(w->byes, 1);
	assert_true(w->sides[0].stopped);
	assert_false(w->sides[1].stopped); /* nobody has closed yet */
	run(w, 4 * USEC_PER_SEC);
	assert_true(w->sides[1].stopped);
	assert_non_null(told(w, 1, 1, MEDIA_CLOSED));
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tone_goes_through_ice_dtls_srtp_and_opus),
		cmocka_unit_test(a_tone_goes_between_desk_phones_in_clear_and_with_keys),
		cmocka_unit_test(a_bridge_of_two_codecs_is_transcoded),
		cmocka_unit_test(a_bridge_of_one_codec_hands_payloads_over),
		cmocka_unit_test(on_hold_nothing_is_heard_and_afterwards_all_again),
		cmocka_unit_test(the_play_clock_loses_no_sample),
		cmocka_unit_test(who_falls_silent_is_reported_once),
		cmocka_unit_test(what_cannot_be_opened_is_refused_and_still_closes),
		cmocka_unit_test(the_bit_rate_asked_for_is_kept),
		cmocka_unit_test(a_stream_opened_again_has_sockets_of_other_names),
		cmocka_unit_test(a_wrong_certificate_fails_the_stream),
		cmocka_unit_test(at_the_end_the_streams_are_closed_and_it_stops),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
