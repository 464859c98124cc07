#include "media/codec.h"

#include "media/codec/g711.h"
#include "media/codec/opus.h"
#include "media/plc.h"

#include <stdlib.h>

struct codec {
	enum codec_id id;
	bool decode_only;
	struct codec_opus *opus; /* CODEC_OPUS */
	struct plc plc;          /* the others */
};

static const struct codec_info infos[] = {
	{ CODEC_OPUS, STR_INIT("opus"), STR_INIT("full band 48 kHz"), 48000, 48000, 2, 96, STR_INIT("useinbandfec=1") },
	{ CODEC_PCMA, STR_INIT("PCMA"), STR_INIT("narrow band 8 kHz"), 8000, 8000, 1, 8, STR_INIT("") },
	{ CODEC_PCMU, STR_INIT("PCMU"), STR_INIT("narrow band 8 kHz"), 8000, 8000, 1, 0, STR_INIT("") },
};

#define INFO_N (sizeof(infos) / sizeof(infos[0]))

const struct codec_info *codec_info(enum codec_id id)
{
	for (size_t i = 0; i < INFO_N; i++)
		if (infos[i].id == id)
			return &infos[i];
	return NULL;
}

const struct codec_info *codec_find(str name, uint32_t clock_hz, uint8_t channels)
{
	for (size_t i = 0; i < INFO_N; i++)
		if (str_eq_nocase(infos[i].name, name) && infos[i].clock_hz == clock_hz &&
		    infos[i].channels == (channels ? channels : 1))
			return &infos[i];
	return NULL;
}

void codec_write(enum codec_id id, struct buf *out)
{
	const struct codec_info *info = codec_info(id);

	if (!info)
		return;
	buf_put(out, info->name);
	buf_printf(out, "/%u", (unsigned)info->clock_hz);
	if (info->channels > 1)
		buf_printf(out, "/%u", (unsigned)info->channels);
}

enum codec_id codec_parse(str name)
{
	for (size_t i = 0; i < INFO_N; i++)
		if (str_eq_nocase(infos[i].name, name))
			return infos[i].id;
	return CODEC_NONE;
}

struct codec *codec_new(enum codec_id id, const struct codec_setup *setup)
{
	const struct codec_info *info = codec_info(id);
	struct codec *c = info ? calloc(1, sizeof(*c)) : NULL;

	if (!c)
		return NULL;
	c->id = id;
	c->decode_only = setup->decode_only;
	plc_init(&c->plc, info->sample_hz);
	if (id == CODEC_OPUS) {
		c->opus = codec_opus_new(setup);
		if (!c->opus) {
			codec_free(c);
			return NULL;
		}
	}
	return c;
}

void codec_free(struct codec *c)
{
	if (c)
		codec_opus_free(c->opus);
	free(c);
}

enum err codec_encode(struct codec *c, const int16_t *pcm, size_t frames, uint8_t *out, size_t cap, size_t *n)
{
	if (c->decode_only)
		return ERR_STATE;
	if (c->id == CODEC_OPUS)
		return codec_opus_encode(c->opus, pcm, frames, out, cap, n);
	if (frames > cap || frames > CODEC_PAYLOAD_MAX)
		return ERR_LIMIT;
	for (size_t i = 0; i < frames; i++)
		out[i] = c->id == CODEC_PCMA ? g711_to_alaw(pcm[i]) : g711_to_ulaw(pcm[i]);
	*n = frames;
	return ERR_NONE;
}

enum err codec_decode(struct codec *c, str payload, int16_t *pcm, size_t cap, size_t *frames)
{
	if (c->id == CODEC_OPUS)
		return codec_opus_decode(c->opus, payload, pcm, cap, frames);
	if (!payload.n)
		return ERR_SYNTAX;
	if (payload.n > cap)
		return ERR_FULL;
	for (size_t i = 0; i < payload.n; i++)
		pcm[i] = c->id == CODEC_PCMA ? g711_from_alaw((uint8_t)payload.p[i])
					     : g711_from_ulaw((uint8_t)payload.p[i]);
	plc_heard(&c->plc, pcm, payload.n);
	*frames = payload.n;
	return ERR_NONE;
}

void codec_conceal(struct codec *c, str next, int16_t *pcm, size_t frames)
{
	if (c->id == CODEC_OPUS)
		codec_opus_conceal(c->opus, next, pcm, frames);
	else
		plc_conceal(&c->plc, pcm, frames);
}

size_t codec_frames(enum codec_id id, str payload)
{
	return id == CODEC_OPUS ? codec_opus_frames(payload) : payload.n;
}
