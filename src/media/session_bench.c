/* What 20 ms of one stream cost, in microseconds: spoken, played, handed over; and the memory of a session. */
#include "media/session.h"
#include "media/tone.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PERIODS 2000

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct media_session *make(enum codec_id id, struct rng *rng, usec now)
{
	uint8_t type = codec_info(id)->payload_type;
	struct media_session_setup setup = {
		.codecs = { { id, type, type } }, .codec_n = 1, .send = true, .receive = true, .rng = rng
	};

	return media_session_new(&setup, now);
}

static void measure(enum codec_id id)
{
	usec now = 1800000000 * USEC_PER_SEC;
	int16_t pcm[MEDIA_PERIOD];
	double speak = 0, play = 0, forward = 0;
	struct media_out out;
	struct tone t;
	struct rng rng;

	rng_seeded(&rng, 1);
	size_t before = mallinfo2().uordblks;
	struct media_session *a = make(id, &rng, now);
	size_t memory = mallinfo2().uordblks - before;
	struct media_session *b = make(id, &rng, now), *c = make(id, &rng, now), *d = make(id, &rng, now);
	media_session_relay(c, true);
	tone_start(&t, 300, -12, MEDIA_RATE_HZ);
	for (int i = 0; i < PERIODS; i++, now += MEDIA_PERIOD_US) {
		tone_make(&t, pcm, MEDIA_PERIOD, 0);
		double start = seconds();
		media_session_speak(a, pcm, now);
		double spoken = seconds();
		speak += spoken - start;
		while (media_session_next(a, &out)) {
			struct rtp_packet p;
			str datagram = str_of((char *)out.bytes, out.n);

			media_session_recv(b, datagram, now);
			double from = seconds();
			media_session_recv(c, datagram, now);
			if (!rtp_parse(datagram, &p))
				(void)media_session_forward(d, c, &p, now);
			while (media_session_next(d, &out))
				;
			forward += seconds() - from;
		}
		double played = seconds();
		media_session_play(b, pcm, now);
		play += seconds() - played;
	}
	printf("%-5.*s speak %6.1f us  play %6.1f us  hand over %5.2f us  memory %zu kB\n",
	       STR_ARG(codec_info(id)->name), speak / PERIODS * 1e6, play / PERIODS * 1e6, forward / PERIODS * 1e6,
	       memory / 1024);
	media_session_free(a);
	media_session_free(b);
	media_session_free(c);
	media_session_free(d);
}

int main(void)
{
	measure(CODEC_OPUS);
	measure(CODEC_PCMA);
	measure(CODEC_PCMU);
	return 0;
}
