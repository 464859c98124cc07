#include "media/codec/opus.h"

#include <opus.h>
#include <stdlib.h>
#include <string.h>

#define RATE_HZ     48000
#define BITRATE_BPS 64000
#define GRAIN       120 /* 2.5 ms: what libopus conceals in multiples of */
#define CONCEAL_MAX 5760

struct codec_opus {
	OpusEncoder *encoder; /* NULL: decode only */
	OpusDecoder *decoder;
};

static opus_int32 bandwidth_for(uint32_t max_sample_hz)
{
	if (!max_sample_hz || max_sample_hz > 24000)
		return OPUS_BANDWIDTH_FULLBAND;
	return max_sample_hz > 16000   ? OPUS_BANDWIDTH_SUPERWIDEBAND
	       : max_sample_hz > 12000 ? OPUS_BANDWIDTH_WIDEBAND
	       : max_sample_hz > 8000  ? OPUS_BANDWIDTH_MEDIUMBAND
				       : OPUS_BANDWIDTH_NARROWBAND;
}

static bool make_encoder(struct codec_opus *c, const struct codec_setup *setup)
{
	int application = setup->loss_percent ? OPUS_APPLICATION_VOIP : OPUS_APPLICATION_AUDIO, error;
	uint32_t bitrate = setup->bitrate_bps ? setup->bitrate_bps : BITRATE_BPS;

	c->encoder = opus_encoder_create(RATE_HZ, 1, application, &error);
	return c->encoder && opus_encoder_ctl(c->encoder, OPUS_SET_BITRATE((opus_int32)bitrate)) == OPUS_OK &&
	       opus_encoder_ctl(c->encoder, OPUS_SET_MAX_BANDWIDTH(bandwidth_for(setup->max_sample_hz))) == OPUS_OK &&
	       opus_encoder_ctl(c->encoder, OPUS_SET_INBAND_FEC(setup->loss_percent > 0)) == OPUS_OK &&
	       opus_encoder_ctl(c->encoder, OPUS_SET_PACKET_LOSS_PERC(setup->loss_percent)) == OPUS_OK &&
	       opus_encoder_ctl(c->encoder, OPUS_SET_DTX(setup->dtx)) == OPUS_OK;
}

struct codec_opus *codec_opus_new(const struct codec_setup *setup)
{
	struct codec_opus *c = calloc(1, sizeof(*c));
	int error;

	if (!c)
		return NULL;
	c->decoder = opus_decoder_create(RATE_HZ, 1, &error);
	if (!c->decoder || (!setup->decode_only && !make_encoder(c, setup))) {
		codec_opus_free(c);
		return NULL;
	}
	return c;
}

void codec_opus_free(struct codec_opus *c)
{
	if (!c)
		return;
	if (c->encoder)
		opus_encoder_destroy(c->encoder);
	if (c->decoder)
		opus_decoder_destroy(c->decoder);
	free(c);
}

enum err codec_opus_encode(struct codec_opus *c, const int16_t *pcm, size_t frames, uint8_t *out, size_t cap, size_t *n)
{
	if (!c->encoder)
		return ERR_STATE;
	opus_int32 made = opus_encode(c->encoder, pcm, (int)frames, out,
				      (opus_int32)(cap < CODEC_PAYLOAD_MAX ? cap : CODEC_PAYLOAD_MAX));
	if (made < 0)
		return ERR_LIMIT;
	*n = made <= 2 ? 0 : (size_t)made; /* RFC 7587 3.1.3: two bytes or fewer need not be sent */
	return ERR_NONE;
}

enum err codec_opus_decode(struct codec_opus *c, str payload, int16_t *pcm, size_t cap, size_t *frames)
{
	if (!payload.n)
		return ERR_SYNTAX;
	int made = opus_decode(c->decoder, (const uint8_t *)payload.p, (opus_int32)payload.n, pcm, (int)cap, 0);
	if (made < 0)
		return made == OPUS_BUFFER_TOO_SMALL ? ERR_FULL : ERR_SYNTAX;
	*frames = (size_t)made;
	return ERR_NONE;
}

void codec_opus_conceal(struct codec_opus *c, str next, int16_t *pcm, size_t frames)
{
	size_t done = 0;

	if (next.n && frames % GRAIN == 0 && frames <= CONCEAL_MAX) {
		int made = opus_decode(c->decoder, (const uint8_t *)next.p, (opus_int32)next.n, pcm, (int)frames, 1);

		done = made > 0 ? (size_t)made : 0;
	}
	while (frames - done >= GRAIN) {
		size_t step = frames - done < CONCEAL_MAX ? (frames - done) / GRAIN * GRAIN : CONCEAL_MAX;
		int made = opus_decode(c->decoder, NULL, 0, pcm + done, (int)step, 0);

		if (made <= 0)
			break;
		done += (size_t)made;
	}
	memset(pcm + done, 0, (frames - done) * sizeof(*pcm));
}

size_t codec_opus_frames(str payload)
{
	if (!payload.n)
		return 0;
	int made = opus_packet_get_nb_samples((const uint8_t *)payload.p, (opus_int32)payload.n, RATE_HZ);

	return made > 0 ? (size_t)made : 0;
}
