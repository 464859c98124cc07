#include "media/session.h"

#include "base/test.h"
#include "media/tone.h"

#include <math.h>

#define START ((usec)1800000000 * USEC_PER_SEC)

/* Two sessions that speak to each other through a link of the test's. */
struct call {
	struct rng rng;
	struct media_session *a, *b;
	usec now;
	unsigned sent;           /* RTP packets from a to b */
	unsigned lose_every;     /* of them; 0: none */
	unsigned a_rtcp, b_rtcp; /* reports seen */
	char keys[32];           /* b heard */
	size_t key_n;
};

static struct media_session_setup setup_for(struct call *c, enum codec_id id)
{
	return (struct media_session_setup){ .codecs = { { id, codec_info(id)->payload_type,
							   codec_info(id)->payload_type } },
					     .codec_n = 1,
					     .dtmf = true,
					     .dtmf_pt_send = 101,
					     .dtmf_pt_recv = 101,
					     .send = true,
					     .receive = true,
					     .rng = &c->rng };
}

static void call_start(struct call *c, enum codec_id id)
{
	memset(c, 0, sizeof(*c));
	rng_seeded(&c->rng, 3);
	c->now = START;
	struct media_session_setup setup = setup_for(c, id);
	c->a = media_session_new(&setup, c->now);
	c->b = media_session_new(&setup, c->now);
	assert_non_null(c->a);
	assert_non_null(c->b);
}

static void call_stop(struct call *c)
{
	media_session_free(c->a);
	media_session_free(c->b);
}

static void deliver(struct call *c)
{
	struct media_out out;

	while (media_session_next(c->a, &out)) {
		c->a_rtcp += out.kind == MEDIA_RTCP;
		if (out.kind == MEDIA_RTP && c->lose_every && ++c->sent % c->lose_every == 0)
			continue;
		if (out.kind != MEDIA_KEY)
			media_session_recv(c->b, str_of((char *)out.bytes, out.n), c->now);
	}
	while (media_session_next(c->b, &out)) {
		c->b_rtcp += out.kind == MEDIA_RTCP;
		if (out.kind == MEDIA_KEY)
			c->keys[c->key_n++] = out.key;
		else
			media_session_recv(c->a, str_of((char *)out.bytes, out.n), c->now);
	}
}

/* One period: both speak, the link carries, both play. */
static void period(struct call *c, const int16_t *mouth, int16_t *ear)
{
	static const int16_t silence[MEDIA_PERIOD];
	int16_t other[MEDIA_PERIOD];

	media_session_speak(c->a, mouth, c->now);
	media_session_speak(c->b, silence, c->now);
	media_session_tick(c->a, c->now);
	media_session_tick(c->b, c->now);
	deliver(c);
	deliver(c);
	media_session_play(c->a, other, c->now);
	media_session_play(c->b, ear, c->now);
	c->now += MEDIA_PERIOD_US;
}

static void a_tone_goes_through(enum codec_id id, uint16_t ptime_ms)
{
	static int16_t ear[100 * MEDIA_PERIOD];
	int16_t mouth[MEDIA_PERIOD];
	struct media_stats stats;
	struct call c;
	struct tone t;

	call_start(&c, id);
	struct media_session_setup setup = setup_for(&c, id);
	setup.ptime_ms = ptime_ms;
	assert_int_equal(media_session_change(c.a, &setup, c.now), ERR_NONE);
	tone_start(&t, 1000, -12, MEDIA_RATE_HZ);
	for (int i = 0; i < 100; i++) {
		tone_make(&t, mouth, MEDIA_PERIOD, 0);
		period(&c, mouth, ear + i * MEDIA_PERIOD);
	}
	assert_true(fabs(tone_level(ear + 48000, 24000, 1000, MEDIA_RATE_HZ) + 12) < 0.5);
	assert_true(tone_rest(ear + 48000, 24000, 1000, MEDIA_RATE_HZ) < -40);
	media_session_stats(c.b, &stats);
	assert_int_equal(stats.packets_received, 2000 / ptime_ms);
	assert_int_equal(stats.lost, 0);
	assert_int_equal(stats.late, 0);
	assert_int_equal(stats.concealed, 0);
	assert_int_equal(stats.periods, 100);
	assert_int_equal(stats.codec, id);
	assert_true(fabs(stats.level_in_dbfs + 12) < 0.5);
	call_stop(&c);
}

static void a_tone_goes_through_with_every_codec_and_packet_time(void **state)
{
	(void)state;
	a_tone_goes_through(CODEC_OPUS, 20);
	a_tone_goes_through(CODEC_PCMA, 20);
	a_tone_goes_through(CODEC_PCMU, 40);
	a_tone_goes_through(CODEC_OPUS, 60);
}

static void lost_packets_are_concealed_and_counted(void **state)
{
	int16_t mouth[MEDIA_PERIOD], ear[MEDIA_PERIOD];
	struct media_stats stats;
	struct call c;
	struct tone t;
	(void)state;

	call_start(&c, CODEC_PCMA);
	c.lose_every = 10;
	tone_start(&t, 200, -12, MEDIA_RATE_HZ);
	for (int i = 0; i < 500; i++) {
		tone_make(&t, mouth, MEDIA_PERIOD, 0);
		period(&c, mouth, ear);
		if (i > 20)
			assert_true(tone_level(ear, MEDIA_PERIOD, 200, MEDIA_RATE_HZ) > -22);
	}
	media_session_stats(c.b, &stats);
	assert_int_equal(stats.packets_received, 450);
	assert_in_range(stats.lost, 49, 50);
	assert_in_range(stats.concealed, 49, 50);
	call_stop(&c);
}

static void reports_tell_loss_jitter_and_round_trip(void **state)
{
	int16_t silence[MEDIA_PERIOD] = { 0 }, ear[MEDIA_PERIOD];
	struct media_stats stats;
	struct call c;
	(void)state;

	call_start(&c, CODEC_PCMU);
	c.lose_every = 4;
	for (int i = 0; i < 1000; i++) /* 20 s */
		period(&c, silence, ear);
	assert_in_range(c.a_rtcp, 3, 8);
	assert_in_range(c.b_rtcp, 3, 8);
	media_session_stats(c.a, &stats);
	assert_true(fabs(stats.remote_loss - 0.25) < 0.03);
	assert_true(stats.rtt_ms >= 0 && stats.rtt_ms < 1);
	assert_true(stats.remote_lost > 100);
	media_session_stats(c.b, &stats);
	assert_true(stats.jitter_ms < 0.2);
	call_stop(&c);
}

static void keys_are_heard_once_and_sound_waits_for_them(void **state)
{
	int16_t silence[MEDIA_PERIOD] = { 0 }, ear[MEDIA_PERIOD];
	struct call c;
	(void)state;

	call_start(&c, CODEC_OPUS);
	for (int i = 0; i < 100; i++) {
		if (i == 10)
			assert_int_equal(media_session_press(c.a, STR("1#9"), 100), ERR_NONE);
		period(&c, silence, ear);
	}
	assert_int_equal(c.key_n, 3);
	assert_memory_equal(c.keys, "1#9", 3);
	call_stop(&c);
}

static void on_hold_nothing_is_sent_and_it_goes_on_afterwards(void **state)
{
	int16_t mouth[MEDIA_PERIOD], ear[MEDIA_PERIOD];
	struct media_stats before, held, after;
	struct call c;
	struct tone t;
	(void)state;

	call_start(&c, CODEC_PCMA);
	tone_start(&t, 500, -12, MEDIA_RATE_HZ);
	for (int i = 0; i < 150; i++) {
		struct media_session_setup setup = setup_for(&c, CODEC_PCMA);

		if (i == 50 || i == 100) {
			setup.send = i == 100;
			assert_int_equal(media_session_change(c.a, &setup, c.now), ERR_NONE);
			media_session_stats(c.a, i == 50 ? &before : &held);
		}
		tone_make(&t, mouth, MEDIA_PERIOD, 0);
		period(&c, mouth, ear);
	}
	media_session_stats(c.a, &after);
	assert_int_equal(held.packets_sent, before.packets_sent);
	assert_int_equal(after.packets_sent, held.packets_sent + 50);
	assert_true(tone_level(ear, MEDIA_PERIOD, 500, MEDIA_RATE_HZ) > -14);
	media_session_stats(c.b, &after);
	assert_int_equal(after.lost, 0);
	call_stop(&c);
}

static void another_codec_takes_over_midway(void **state)
{
	int16_t mouth[MEDIA_PERIOD], ear[MEDIA_PERIOD];
	struct call c;
	struct tone t;
	(void)state;

	call_start(&c, CODEC_OPUS);
	tone_start(&t, 700, -12, MEDIA_RATE_HZ);
	for (int i = 0; i < 100; i++) {
		struct media_session_setup setup = setup_for(&c, CODEC_PCMU);

		if (i == 40) {
			assert_int_equal(media_session_change(c.a, &setup, c.now), ERR_NONE);
			assert_int_equal(media_session_change(c.b, &setup, c.now), ERR_NONE);
		}
		tone_make(&t, mouth, MEDIA_PERIOD, 0);
		period(&c, mouth, ear);
	}
	assert_true(fabs(tone_level(ear, MEDIA_PERIOD, 700, MEDIA_RATE_HZ) + 12) < 0.5);
	call_stop(&c);
}

/* a -> (b hands over to c) -> d: nothing is decoded in between. */
static void payloads_are_handed_over_as_they_are(void **state)
{
	int16_t mouth[MEDIA_PERIOD], ear[MEDIA_PERIOD];
	struct call first, second;
	struct media_stats stats;
	struct media_out out;
	struct tone t;
	(void)state;

	call_start(&first, CODEC_OPUS);
	call_start(&second, CODEC_OPUS);
	struct media_session_setup other = setup_for(&second, CODEC_OPUS);
	other.codecs[0].pt_send = other.codecs[0].pt_recv = 120; /* another number on that leg */
	assert_int_equal(media_session_change(second.a, &other, second.now), ERR_NONE);
	assert_int_equal(media_session_change(second.b, &other, second.now), ERR_NONE);
	assert_true(media_session_can_forward(second.a, first.b));
	media_session_relay(first.b, true);
	tone_start(&t, 1000, -12, MEDIA_RATE_HZ);
	for (int i = 0; i < 100; i++, first.now += MEDIA_PERIOD_US) {
		tone_make(&t, mouth, MEDIA_PERIOD, 0);
		media_session_speak(first.a, mouth, first.now);
		while (media_session_next(first.a, &out)) {
			struct rtp_packet p;

			media_session_recv(first.b, str_of((char *)out.bytes, out.n), first.now);
			assert_int_equal(rtp_parse(str_of((char *)out.bytes, out.n), &p), ERR_NONE);
			if (i % 10 != 9) /* a gap stays a gap */
				assert_true(media_session_forward(second.a, first.b, &p, first.now));
		}
		while (media_session_next(second.a, &out)) {
			assert_int_equal(out.bytes[1] & 127, 120);
			media_session_recv(second.b, str_of((char *)out.bytes, out.n), first.now);
		}
		media_session_play(second.b, ear, first.now);
	}
	assert_true(fabs(tone_level(ear, MEDIA_PERIOD, 1000, MEDIA_RATE_HZ) + 12) < 1);
	media_session_stats(second.b, &stats);
	assert_int_equal(stats.packets_received, 90);
	assert_int_equal(stats.lost, 9); /* the tenth is behind the last that came */
	media_session_stats(first.b, &stats);
	assert_int_equal(stats.packets_received, 100);
	call_stop(&first);
	call_stop(&second);
}

static void different_codecs_are_not_handed_over(void **state)
{
	struct call first, second;
	(void)state;

	call_start(&first, CODEC_OPUS);
	call_start(&second, CODEC_PCMA);
	assert_false(media_session_can_forward(second.a, first.b));
	call_stop(&first);
	call_stop(&second);
}

static void strange_packets_are_counted_and_dropped(void **state)
{
	int16_t ear[MEDIA_PERIOD];
	struct media_stats stats;
	struct call c;
	(void)state;

	call_start(&c, CODEC_OPUS);
	media_session_recv(c.b, STR("hello"), c.now);
	media_session_recv(c.b, STR("\x80\x37\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01xx"), c.now); /* nobody's type */
	media_session_recv(c.b, STR("\x80\x60\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\xff\xff"), c.now); /* no Opus */
	media_session_recv(c.b, STR("\x80\xc8\x00\x01\x00\x00\x00\x00"), c.now);                         /* no SR */
	media_session_play(c.b, ear, c.now);
	media_session_stats(c.b, &stats);
	assert_int_equal(stats.unknown, 4);
	assert_int_equal(stats.packets_received, 0);
	call_stop(&c);
}

static void who_does_not_drain_loses_the_oldest(void **state)
{
	int16_t silence[MEDIA_PERIOD] = { 0 };
	struct media_stats stats;
	struct call c;
	(void)state;

	call_start(&c, CODEC_PCMA);
	for (int i = 0; i < MEDIA_OUT_N + 3; i++)
		media_session_speak(c.a, silence, c.now);
	media_session_stats(c.a, &stats);
	assert_int_equal(stats.dropped_out, 3);
	call_stop(&c);
}

static void the_end_is_said_with_a_bye(void **state)
{
	struct media_out out;
	struct call c;
	(void)state;

	call_start(&c, CODEC_PCMA);
	media_session_bye(c.a, c.now);
	assert_true(media_session_next(c.a, &out));
	assert_int_equal(out.kind, MEDIA_RTCP);
	assert_int_equal(out.bytes[out.n - 7], 203);
	assert_true(media_session_due(c.a) == USEC_NEVER);
	call_stop(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tone_goes_through_with_every_codec_and_packet_time),
		cmocka_unit_test(lost_packets_are_concealed_and_counted),
		cmocka_unit_test(reports_tell_loss_jitter_and_round_trip),
		cmocka_unit_test(keys_are_heard_once_and_sound_waits_for_them),
		cmocka_unit_test(on_hold_nothing_is_sent_and_it_goes_on_afterwards),
		cmocka_unit_test(another_codec_takes_over_midway),
		cmocka_unit_test(payloads_are_handed_over_as_they_are),
		cmocka_unit_test(different_codecs_are_not_handed_over),
		cmocka_unit_test(strange_packets_are_counted_and_dropped),
		cmocka_unit_test(who_does_not_drain_loses_the_oldest),
		cmocka_unit_test(the_end_is_said_with_a_bye),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
