/* Any sequence of datagrams (2 bytes of length, then so many) to a session that plays after each. */
#include "media/session.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct rng rng;
	struct media_session_setup setup = { .codecs = { { CODEC_OPUS, 96, 96 }, { CODEC_PCMA, 8, 8 } },
					     .codec_n = 2,
					     .dtmf = true,
					     .dtmf_pt_send = 101,
					     .dtmf_pt_recv = 101,
					     .send = true,
					     .receive = true,
					     .rng = &rng };
	usec now = 1800000000 * USEC_PER_SEC;
	int16_t pcm[MEDIA_PERIOD];
	struct media_stats stats;
	struct media_out out;

	rng_seeded(&rng, 1);
	struct media_session *s = media_session_new(&setup, now);
	if (!s)
		return 0;
	while (n >= 2) {
		size_t take = (size_t)(data[0] << 8 | data[1]) % 1500;

		data += 2;
		n -= 2;
		take = take < n ? take : n;
		media_session_recv(s, str_of((const char *)data, take), now);
		data += take;
		n -= take;
		media_session_play(s, pcm, now);
		media_session_speak(s, pcm, now);
		media_session_tick(s, now);
		while (media_session_next(s, &out))
			if (out.n > RTP_PACKET_MAX)
				abort();
		now += MEDIA_PERIOD_US;
	}
	media_session_stats(s, &stats);
	media_session_free(s);
	return 0;
}
